from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from infercost.runtime.protocol import ModelSource
from infercost.runtime.session import bind, bound_output_bytes, bound_runner, describe_outputs, open_session

if TYPE_CHECKING:
    import pytest

ONES = {"x": np.ones((2, 8), np.float32)}


def opened(path: Path, **more: Any) -> Any:
    return open_session(ModelSource(str(path)), **{"level": "all", "threads": 1, **more})


def test_a_bound_run_gives_what_a_plain_one_does(nets: Any, saved: Any) -> None:
    session = opened(saved(nets.mlp()))
    binding = bind(session, ONES, "cpu")
    run, arguments = bound_runner(session, binding)
    run(*arguments)
    run(*arguments)
    np.testing.assert_allclose(binding.copy_outputs_to_cpu()[0], session.run(None, ONES)[0])
    assert bound_output_bytes(binding) == 2 * 4 * 4


def test_a_binding_keeps_the_arrays_that_it_borrows(nets: Any, saved: Any) -> None:
    session = opened(saved(nets.mlp()))
    array = np.full((2, 8), 3.0, np.float32)
    expected, alive = session.run(None, {"x": array})[0], weakref.ref(array)
    binding = bind(session, {"x": array}, "cpu")
    del array
    assert alive() is not None
    run, arguments = bound_runner(session, binding)
    run(*arguments)
    np.testing.assert_allclose(binding.copy_outputs_to_cpu()[0], expected)
    del binding
    assert alive() is None


def test_other_bindings_than_ours_still_run(nets: Any, saved: Any) -> None:
    class Plain:
        def run_with_iobinding(self, binding: Any) -> str:
            return f"ran {binding}"

    run, arguments = bound_runner(Plain(), "binding")
    assert run(*arguments) == "ran binding"


def test_the_number_of_threads_is_kept(nets: Any, saved: Any) -> None:
    options = opened(saved(nets.mlp()), threads=2).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


def test_a_trace_goes_where_it_is_told_and_nowhere_else(
    nets: Any, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(nets.mlp())
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    session = opened(path, trace=str(tmp_path / "trace"))
    session.run(None, ONES)
    file = Path(session.end_profiling())
    assert file.parent == tmp_path
    assert any(event["name"] == "model_run" for event in json.loads(file.read_text()))
    assert not list((tmp_path / "cwd").iterdir())


def test_a_copy_elsewhere_finds_its_external_data(nets: Any, tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy.onnx"
    home.mkdir()
    onnx.save_model(nets.mlp(), home / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    copy.write_bytes((home / "m.onnx").read_bytes())
    session = open_session(ModelSource(str(copy), str(home)), level="none", threads=1)
    assert session.run(None, ONES)[0].shape == (2, 4)


def test_maps_and_strings_have_a_size_too() -> None:
    class Fake:
        def get_outputs(self) -> list[Any]:
            from types import SimpleNamespace

            return [
                SimpleNamespace(name="p", type="seq(map(int64,tensor(float)))"),
                SimpleNamespace(name="s", type="tensor(string)"),
            ]

    described = describe_outputs(Fake(), [[{0: 0.5, 1: 0.5}], np.array(["ab", "c"], dtype=object)])
    assert described == [("p", "seq(map(int64,tensor(float)))", None, 24), ("s", "string", (2,), 3)]
