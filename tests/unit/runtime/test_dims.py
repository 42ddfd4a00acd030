from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.runtime.dims import (
    Declared,
    bind,
    check_dims,
    dimension_key,
    dimensions,
    find_batch,
    symbols,
    trial_bindings,
)


def first(inputs: list[Declared], **hints: int) -> dict[str, int]:
    return trial_bindings(dimensions(inputs, find_batch(inputs, {}), {}, hints))[0]


def image(*shape: int | str | None) -> Declared:
    return Declared("image", "float32", shape)


def test_a_symbol_named_batch_is_the_batch_wherever_it_stands() -> None:
    inputs = [Declared("x", "float32", ("seq", "batch_size", 8)), Declared("h", "float32", (1, "batch_size", 4))]
    assert find_batch(inputs, {}) == {"x": 1, "h": 1}


def test_a_nameless_leading_dimension_is_the_batch_and_the_second_one_of_states() -> None:
    inputs = [
        Declared("input", "float32", (None, None)),
        Declared("state", "float32", (2, None, 128)),
        Declared("sr", "int64", ()),
    ]
    assert find_batch(inputs, {}) == {"input": 0, "state": 1}


@pytest.mark.parametrize("symbol", ["unk__214", "DynamicDimension.0", "s0", "N", "dim_0"])
def test_a_leading_symbol_of_no_meaning_is_the_batch(symbol: str) -> None:
    assert find_batch([Declared("x", "float32", (symbol, 3))], {}) == {"x": 0}


@pytest.mark.parametrize("symbol", ["sequence_length", "num_nodes", "n_boxes", "time", "past_length"])
def test_a_leading_symbol_that_says_otherwise_is_not(symbol: str) -> None:
    assert find_batch([Declared("x", "float32", (symbol, 3))], {}) == {}


def test_a_dimension_that_the_user_fixed_is_no_batch() -> None:
    assert find_batch([Declared("x", "float32", ("N", 3))], {"N": 7}) == {}


def test_fixed_shapes_have_no_batch() -> None:
    assert find_batch([image(1, 3, 224, 224)], {}) == {}


def test_images_get_an_image_size() -> None:
    assert first([image("N", 3, "H", "W")]) == {"H": 224, "W": 224}
    assert first([image(None, None, None, 3)]) == {"image.1": 224, "image.2": 224}
    assert first([image(None, None, None, None)]) == {"image.1": 3, "image.2": 224, "image.3": 224}


def test_token_ids_get_a_sequence() -> None:
    assert first([Declared("input_ids", "int64", ("batch", "seq"))]) == {"seq": 128}


def test_audio_chunks_are_recognised_by_their_rate() -> None:
    inputs = [Declared("input", "float32", (None, None)), Declared("sr", "int64", ())]
    assert first(inputs) == {"input.1": 512}
    assert first([Declared("waveform", "float32", (None, "samples"))]) == {"samples": 16000}


def test_a_cache_begins_empty_and_expressions_follow() -> None:
    inputs = [
        Declared("input_ids", "int64", ("batch", "seq")),
        Declared("attention_mask", "int64", ("batch", "past_len + seq")),
        Declared("past.0.key", "float32", ("batch", 4, "past_len", 8)),
    ]
    assert symbols(inputs) == ["batch", "seq", "past_len"]
    bound = {**first(inputs), "batch": 1}
    assert bound == {"seq": 128, "past_len": 0, "batch": 1}
    assert bind(inputs[1].shape, inputs[1], bound) == (1, 128)


def test_sizes_read_off_the_weights_come_first_and_others_after() -> None:
    inputs = [Declared("x", "float32", (None, None))]
    found = dimensions(inputs, find_batch(inputs, {}), {}, {"x.1": 30})
    assert found[0].role == "weights"
    assert found[0].candidates[0] == 30
    assert len(trial_bindings(found)) > 1


def test_unnamed_dimensions_are_named_by_input_and_axis() -> None:
    declared = image(None, 3, None, 7)
    assert [dimension_key(declared, axis) for axis in range(4)] == ["image.0", None, "image.2", None]


def test_the_user_may_name_a_dimension_either_way() -> None:
    assert check_dims({"image.2": 64}, [image("N", 3, "H", "W")]) == {"H": 64}


def test_unknown_dimensions_get_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown dimension 'sequnce'; did you mean sequence\?"):
        check_dims({"sequnce": 4}, [Declared("x", "int64", ("batch", "sequence"))])


def test_a_model_without_symbols_says_so() -> None:
    with pytest.raises(UsageError, match="fixed shapes"):
        check_dims({"N": 4}, [image(1, 3, 8, 8)])


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="must not be negative"):
        check_dims({"N": -1}, [image("N", 3, 8, 8)])


def test_sizes_that_onnx_runtime_cannot_hold_are_refused() -> None:
    with pytest.raises(UsageError, match="dimension 'N' must not be above 2147483647, got 99999999999999999999; try --dim N"):
        check_dims({"N": 99999999999999999999}, [image("N", 3, 8, 8)])
    assert check_dims({"N": 2**31 - 1}, [image("N", 3, 8, 8)]) == {"N": 2**31 - 1}


@pytest.mark.parametrize("expression", ["a b", "seq ** 2", "unknown + 1"])
def test_expressions_beyond_arithmetic_are_to_be_bound(expression: str) -> None:
    declared = Declared("x", "int64", (expression,))
    with pytest.raises(UsageError, match="is not bound"):
        bind(declared.shape, declared, {"seq": 3})


@given(a=st.integers(0, 1000), b=st.integers(1, 1000))
def test_expressions_are_arithmetic(a: int, b: int) -> None:
    declared = Declared("x", "int64", ("a + b", "a*b", "a - b", "a // b", "2*b"))
    assert bind(declared.shape, declared, {"a": a, "b": b}) == (a + b, a * b, max(0, a - b), a // b, 2 * b)


@given(names=st.lists(st.sampled_from(["H", "W", "seq", "x", "len2", "time"]), min_size=1, max_size=5, unique=True))
def test_trials_bind_everything_and_never_repeat(names: list[str]) -> None:
    inputs = [Declared("data", "float32", ("batch", *names))]
    trials = trial_bindings(dimensions(inputs, find_batch(inputs, {}), {}, {}))
    assert all(set(trial) == set(names) for trial in trials)
    assert len({tuple(sorted(t.items())) for t in trials}) == len(trials)
    assert len(trials) <= 24
