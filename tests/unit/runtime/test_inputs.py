from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import InputsError, ModelError
from infercost.domain.model import ModelFacts, TensorFacts
from infercost.runtime.inputs import (
    check_samples,
    generate_array,
    generate_inputs,
    load_inputs,
    read_npz,
    save_arrays,
    tile_inputs,
)

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = TensorFacts(
    name="image", dtype="float32", shape=("N", 3, "H", 8), bound_shape=(1, 3, 8, 8), batch_axis=0, values="uniform:0:1"
)
STATE = TensorFacts(name="state", dtype="float32", shape=(2, "N", 4), bound_shape=(2, 1, 4), batch_axis=1, values="constant:0")
RATE = TensorFacts(name="sr", dtype="int64", shape=(), bound_shape=(), values="constant:16000")


def facts(*inputs: TensorFacts) -> ModelFacts:
    return ModelFacts(
        name="m.onnx", sha256="", opset=17, parameters=0, file_bytes=0, flops_per_item=None, inputs=inputs, outputs=()
    )


def good(items: int = 2, height: int = 8) -> dict[str, np.ndarray]:
    return {
        "image": np.zeros((items, 3, height, 8), np.float32),
        "state": np.zeros((2, items, 4), np.float32),
        "sr": np.array(16000, np.int64),
    }


def test_generated_inputs_grow_along_the_batch_axis_only() -> None:
    made = generate_inputs(facts(IMAGE, STATE, RATE), 4)
    assert {name: array.shape for name, array in made.items()} == {"image": (4, 3, 8, 8), "state": (2, 4, 4), "sr": ()}
    assert made["sr"] == 16000
    assert made["sr"].dtype == np.int64
    assert 0 <= made["image"].min() < made["image"].max() <= 1


def test_a_seed_gives_the_same_inputs_again() -> None:
    one, same, other = (generate_inputs(facts(IMAGE), 2, seed)["image"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_an_unbound_input_cannot_be_generated() -> None:
    with pytest.raises(ModelError, match=r"'x' of m\.onnx has no bound shape; bind it with --dim"):
        generate_inputs(facts(TensorFacts(name="x", dtype="float32", shape=(None,))), 1)


def test_types_beyond_numpy_are_refused_in_words() -> None:
    with pytest.raises(ModelError, match="inputs of type float8e4m3fn"):
        generate_array("normal", "float8e4m3fn", (1,), np.random.default_rng(0))


@given(
    low=st.integers(0, 5),
    span=st.integers(0, 1000),
    dtype=st.sampled_from(["int64", "int32"]),
    shape=st.lists(st.integers(1, 5), max_size=3),
)
def test_integers_stay_in_their_range(low: int, span: int, dtype: str, shape: list[int]) -> None:
    made = generate_array(f"integers:{low}:{low + span}", dtype, tuple(shape), np.random.default_rng(0))
    assert made.dtype.name == dtype
    assert made.shape == tuple(shape)
    assert low <= made.min()
    assert made.max() <= low + span


def test_ranges_count_along_the_last_axis() -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(generate_array("range", "int64", (2, 3), rng), [[0, 1, 2], [0, 1, 2]])
    assert generate_array("range", "int64", (), rng) == 0


def test_text_and_switches_are_made() -> None:
    rng = np.random.default_rng(0)
    assert generate_array("text:a", "string", (1, 2), rng).tolist() == [["a", "a"]]
    assert generate_array("constant:1", "bool", (2,), rng).tolist() == [True, True]
    assert generate_array("normal", "float16", (2,), rng).dtype == np.float16


def test_samples_that_fit_are_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", **good())
    loaded = load_inputs(tmp_path / "s.npz", facts(IMAGE, STATE, RATE))
    assert set(loaded) == {"image", "state", "sr"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sr": None}, r"s\.npz lacks 'sr'; the model's inputs are: image float32\[N, 3, H, 8\], state"),
        ({"rate": np.zeros(1)}, r"s\.npz has 'rate', which the model does not"),
        ({"sr": None, "rate": np.zeros(1)}, r"s\.npz lacks 'sr' and has 'rate'"),
        (
            {"image": np.zeros((2, 3, 8, 8))},
            r"'image' is float64, the model expects float32; convert it with \.astype\('float32'\)",
        ),
        (
            {"image": np.zeros((2, 3, 8, 9), np.float32)},
            r"'image' has shape \[2, 3, 8, 9\], the model expects float32\[N, 3, H, 8\]",
        ),
        ({"image": np.zeros((3, 8, 8), np.float32)}, r"'image' has shape \[3, 8, 8\]"),
        ({"state": np.zeros((2, 3, 4), np.float32)}, r"dimension 'N' is 2 in 'image' but 3 in 'state'"),
        ({"image": np.zeros((0, 3, 8, 8), np.float32)}, r"'image' holds no item"),
    ],
)
def test_misfits_are_named(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    arrays = {name: array for name, array in {**good(), **change}.items() if array is not None}
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(InputsError, match=message) as caught:
        load_inputs(tmp_path / "s.npz", facts(IMAGE, STATE, RATE))
    assert "\n" not in str(caught.value)


def test_items_must_agree_also_where_no_symbol_says_so() -> None:
    left = TensorFacts(name="a", dtype="float32", shape=(None, 2), batch_axis=0)
    right = TensorFacts(name="b", dtype="float32", shape=(None, 2), batch_axis=0)
    arrays = {"a": np.zeros((2, 2), np.float32), "b": np.zeros((3, 2), np.float32)}
    with pytest.raises(InputsError, match=r"different numbers of items \('a' 2, 'b' 3\)"):
        check_samples(arrays, facts(left, right))


def test_samples_of_another_size_than_inspected_are_refused() -> None:
    with pytest.raises(InputsError, match=r"'image' has shape \[2, 3, 16, 8\] but the model was inspected at \[1, 3, 8, 8\]"):
        check_samples(good(height=16), facts(IMAGE, STATE, RATE))


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_unreadable_files_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.npz").write_bytes(content)
    with pytest.raises(InputsError, match=r"s\.npz is not a readable \.npz file; save it with numpy\.savez"):
        read_npz(tmp_path / "s.npz")


def test_a_single_array_is_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros(3))
    with pytest.raises(InputsError, match="not a readable"):
        read_npz(tmp_path / "s.npy")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.array([object()]))
    with pytest.raises(InputsError, match="holds pickled objects"):
        read_npz(tmp_path / "s.npz")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        InputsError, match=r"no such inputs file: .*; save one with numpy\.savez\(path, image=…, state=…, sr=…\)"
    ):
        load_inputs(tmp_path / "none.npz", facts(IMAGE, STATE, RATE))


@given(items=st.integers(1, 5), batch=st.integers(1, 12))
def test_tiling_repeats_the_samples_in_order(items: int, batch: int) -> None:
    arrays = good(items)
    arrays["image"] += np.arange(items, dtype=np.float32)[:, None, None, None]
    tiled = tile_inputs(arrays, (IMAGE, STATE, RATE), batch)
    assert tiled["image"][:, 0, 0, 0].tolist() == [i % items for i in range(batch)]
    assert tiled["state"].shape == (2, batch, 4)
    assert tiled["sr"].shape == ()


def test_arrays_travel_under_any_name(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", [np.array(1.5), np.array([["x", "yy"]], dtype=object)])
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["0"] == 1.5
        assert stored["1"].tolist() == [["x", "yy"]]
