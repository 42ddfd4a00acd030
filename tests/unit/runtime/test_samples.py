from __future__ import annotations

import sys

import numpy as np
import pytest

from infercost.domain.errors import InputsError
from infercost.domain.model import TensorFacts
from infercost.runtime.inspect import inspect
from infercost.runtime.samples import MADE_ITEMS, Maker, Table, fit, read_given

X = TensorFacts(name="x", dtype="float32", shape=("batch", 8), batch_axis=0)


def make(batch, rng):
    return {"x": rng.normal(size=(batch, 8)).astype(np.float32)}


@pytest.fixture
def maker_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "makers_of_samples.py").write_text(
        "import numpy as np\nnumber = 3\n"
        "def make(batch, rng):\n    return {'x': rng.normal(size=(batch, 8)).astype(np.float32)}\n"
    )
    yield "makers_of_samples"
    sys.modules.pop("makers_of_samples", None)


def test_a_function_is_called_with_batch_and_rng_and_repeats_itself(maker_module) -> None:
    samples = read_given(f"{maker_module}:make")
    assert isinstance(samples, Maker)
    first, again = fit(samples, [X]), fit(read_given(make), [X])
    assert first["x"].shape == (MADE_ITEMS, 8)
    np.testing.assert_array_equal(first["x"], again["x"])


def test_a_model_without_a_batch_gets_one_item() -> None:
    fixed = TensorFacts(name="x", dtype="float32", shape=(1, 8))
    assert fit(read_given(make), [fixed])["x"].shape == (1, 8)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda batch: {}, "TypeError"),
        (lambda batch, rng: [1], "returned list"),
        (lambda batch, rng: {}, "returned dict"),
        (lambda batch, rng: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_function_that_fails_is_named(function, says: str) -> None:
    with pytest.raises(InputsError) as caught:
        fit(read_given(function), [X])
    assert says in str(caught.value)


def test_a_reference_to_no_function_is_refused(maker_module) -> None:
    with pytest.raises(InputsError, match="is no function"):
        read_given(f"{maker_module}:number")


def test_arrays_files_and_tables_are_told_apart(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((2, 8)))
    (tmp_path / "a.csv").write_text("u,v\n1,2\n")
    assert set(read_given(tmp_path / "a.npz")) == {"x"}
    assert isinstance(read_given(str(tmp_path / "a.csv")), Table)
    assert read_given({"x": [1, 2]})["x"].tolist() == [1, 2]


def test_a_table_is_inspected_with(nets, saved, tmp_path, in_process) -> None:
    rows = "\n".join(",".join(str(i + j) for j in range(8)) for i in range(3))
    (tmp_path / "rows.csv").write_text(",".join("abcdefgh") + "\n" + rows + "\n")
    facts = inspect(saved(nets.mlp()), inputs=tmp_path / "rows.csv")
    assert facts.inputs[0].bound_shape == (1, 8)
    ends = [nets.value("x", ["n", 3])], [nets.value("y", ["n", 3])]
    narrow = nets.graph([nets.node("Relu", ["x"], ["y"])], *ends)
    with pytest.raises(InputsError, match=r"rows.csv has 8 columns, the model's 'x' takes 3"):
        inspect(saved(narrow, "narrow"), inputs=tmp_path / "rows.csv")


def test_a_function_is_inspected_with(nets, saved, in_process) -> None:
    assert inspect(saved(nets.mlp()), inputs=make).inputs[0].bound_shape == (1, 8)


def test_token_ids_stay_below_the_tokenizers_vocabulary(nets, saved, in_process) -> None:
    padded = inspect(saved(nets.tokens(50)), vocabulary=41)
    assert {t.name: t.values for t in padded.inputs}["input_ids"] == "integers:0:40"
    assert {t.name: t.values for t in inspect(saved(nets.tokens(50)), vocabulary=90).inputs}["input_ids"] == "integers:0:49"
