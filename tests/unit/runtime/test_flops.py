from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.runtime import flops as module
from infercost.runtime.flops import bears_flops, flops, traffic, weight_traffic
from infercost.runtime.tensors import Call, Tensor
from infercost.runtime.trees import TreeFacts


def f32(*shape: int) -> Tensor:
    return Tensor("float32", shape)


def call(op: str, inputs: list[Tensor], outputs: list[Tensor], **attributes: object) -> Call:
    return Call(op, tuple(inputs), tuple(outputs), attributes)


def test_matrix_product_counts_a_multiply_add_as_two() -> None:
    assert flops(call("MatMul", [f32(2, 3, 5), f32(5, 7)], [f32(2, 3, 7)])) == 2 * 2 * 3 * 5 * 7


@pytest.mark.parametrize(("left", "expected"), [((3, 5), 2 * 3 * 5 * 7 + 21), ((5, 3), 2 * 3 * 5 * 7 + 21)])
def test_gemm_finds_the_inner_dimension_when_transposed(left: tuple[int, int], expected: int) -> None:
    assert flops(call("Gemm", [f32(*left), f32(5, 7), f32(7)], [f32(3, 7)])) == expected


def test_grouped_convolution_costs_its_share_of_the_channels() -> None:
    dense = call("Conv", [f32(1, 8, 10, 10), f32(16, 8, 3, 3)], [f32(1, 16, 8, 8)])
    grouped = call("Conv", [f32(1, 8, 10, 10), f32(16, 1, 3, 3)], [f32(1, 16, 8, 8)])
    assert flops(dense) == 2 * 16 * 64 * 8 * 9
    assert flops(grouped) == flops(dense) // 8


def test_fused_and_quantized_convolutions_cost_what_the_plain_one_does() -> None:
    x, w, y = f32(1, 8, 10, 10), f32(16, 8, 3, 3), f32(1, 16, 8, 8)
    scale, zero = f32(), Tensor("uint8", ())
    plain = flops(call("Conv", [x, w], [y]))
    assert flops(call("FusedConv", [x, w], [y])) == plain
    assert flops(call("ConvInteger", [x, w], [y])) == plain
    assert flops(call("QLinearConv", [x, scale, zero, w, scale, zero, scale, zero], [y])) == plain


def test_transposed_convolution_works_per_input_pixel() -> None:
    assert flops(call("ConvTranspose", [f32(1, 4, 5, 5), f32(4, 2, 2, 2)], [f32(1, 2, 10, 10)])) == 2 * 100 * 8


@pytest.mark.parametrize("op", ["MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulNBits", "FusedMatMul"])
def test_quantized_and_fused_products_count_operations_alike(op: str) -> None:
    assert flops(call(op, [f32(3, 5), f32(5, 7)], [f32(3, 7)])) == 2 * 3 * 5 * 7


def test_lstm_counts_both_products_of_every_step_and_direction() -> None:
    steps, batch, size, hidden = 7, 2, 3, 4
    lstm = call(
        "LSTM",
        [f32(steps, batch, size), f32(2, 4 * hidden, size), f32(2, 4 * hidden, hidden)],
        [f32(steps, 2, batch, hidden)],
    )
    products = 2 * steps * batch * 2 * 4 * hidden * (size + hidden)
    assert flops(lstm) == products + steps * batch * 2 * hidden * 54


def test_pooling_needs_its_window() -> None:
    inputs, outputs = [f32(1, 2, 8, 8)], [f32(1, 2, 4, 4)]
    assert flops(call("MaxPool", inputs, outputs, kernel_shape=[3, 3])) == 32 * 9
    assert flops(call("MaxPool", inputs, outputs)) is None


@pytest.mark.parametrize(("mode", "expected"), [(b"nearest", 0), (b"linear", 2 * 4 * 64), ("cubic", 2 * 16 * 64)])
def test_resizing_costs_its_taps(mode: object, expected: int) -> None:
    assert flops(call("Resize", [f32(1, 1, 4, 4)], [f32(1, 1, 8, 8)], mode=mode)) == expected
    assert flops(call("Resize", [f32(1, 1, 4, 4)], [f32(1, 1, 8, 8)])) is None


def test_einsum_multiplies_all_its_indices() -> None:
    einsum = call("Einsum", [f32(2, 3, 4), f32(2, 4, 5)], [f32(2, 3, 5)], equation=b"bij, bjk -> bik")
    assert flops(einsum) == 2 * 2 * 3 * 4 * 5
    assert flops(call("Einsum", [f32(2, 3)], [f32(2)], equation=b"...i -> ...")) is None


def test_attention_in_both_forms_agrees_with_its_parts() -> None:
    batch, length, width, heads = 2, 16, 32, 4
    softmax = 14 * batch * heads * length * length
    attend = 2 * 2 * batch * length * length * width + softmax
    fused = call("Attention", [f32(batch, length, width), f32(width, 3 * width)], [f32(batch, length, width)], num_heads=heads)
    assert flops(fused) == 2 * batch * length * width * 3 * width + attend
    split = f32(batch, heads, length, width // heads)
    assert flops(call("Attention", [split, split, split], [split])) == attend
    flat = f32(batch, length, width)
    assert flops(call("MultiHeadAttention", [flat, flat, flat], [flat], num_heads=heads)) == attend


def test_trees_compare_once_a_level() -> None:
    trees = TreeFacts(trees=10, branches=70, leaves=80, depth=3.0)
    ensemble = call("TreeEnsembleRegressor", [f32(4, 6)], [f32(4, 1)], trees=trees)
    assert flops(ensemble) == 4 * 30
    assert traffic(ensemble) == 4 * 24 + 16 + 4 * 30 * 24
    assert traffic(call("TreeEnsembleRegressor", [f32(4, 6)], [f32(4, 1)])) is None


@pytest.mark.parametrize("op", ["NonMaxSuppression", "com.example.Custom", "StringSplit2"])
def test_what_is_unknown_is_none_not_a_guess(op: str) -> None:
    assert flops(call(op, [f32(10)], [f32(10)])) is None
    assert bears_flops(op)


@pytest.mark.parametrize("op", ["MatMul", "Conv", "LSTM", "Gemm", "QLinearConv", "Softmax", "Attention"])
def test_a_call_without_shapes_is_unknown(op: str) -> None:
    assert flops(Call(op, (), ())) is None


@pytest.mark.parametrize("op", ["MatMul", "Conv", "QLinearConv", "ConvTranspose", "LSTM", "MultiHeadAttention"])
def test_missing_weights_are_unknown(op: str) -> None:
    assert flops(call(op, [f32(3, 5)] if op != "MatMul" else [f32()], [f32(3, 7)])) is None


def test_selections_read_what_they_return_not_the_table() -> None:
    gather = Call("Gather", (f32(30000, 384), Tensor("int64", (1, 16))), (f32(1, 16, 384),), {}, 30000 * 384 * 4)
    assert traffic(gather) == 2 * 16 * 384 * 4 + 16 * 8
    assert weight_traffic(gather) == 0
    assert flops(gather) == 0


def test_views_move_nothing() -> None:
    view = Call("Reshape", (f32(4, 4), Tensor("int64", (1,))), (f32(16),), {}, 8)
    assert (flops(view), traffic(view), weight_traffic(view)) == (0, 0, 0)


def test_strings_have_no_fixed_size() -> None:
    assert traffic(call("Add", [Tensor("string", (3,))], [f32(3)])) is None


shapes = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


@given(op=st.sampled_from(sorted(module._PER_OUTPUT)), shape=shapes, factor=st.integers(1, 5))
def test_elementwise_work_grows_with_the_batch(op: str, shape: tuple[int, ...], factor: int) -> None:
    larger = (shape[0] * factor, *shape[1:])
    once, more = (call(op, [f32(*s)], [f32(*s)]) for s in (shape, larger))
    assert flops(more) == factor * flops(once)
    assert traffic(more) == factor * traffic(once) == factor * 8 * prod(shape)


@given(shape=st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)), batch=st.integers(1, 8))
def test_products_grow_with_the_batch_and_weights_do_not(shape: tuple[int, int, int], batch: int) -> None:
    rows, inner, columns = shape
    product = Call(
        "MatMul", (f32(batch, rows, inner), f32(inner, columns)), (f32(batch, rows, columns),), {}, inner * columns * 4
    )
    assert flops(product) == batch * 2 * rows * inner * columns
    assert weight_traffic(product) == inner * columns * 4
    assert traffic(product) == 4 * (batch * rows * (inner + columns) + inner * columns)


def test_every_rule_is_reachable_under_one_heading() -> None:
    groups = [set(module.VIEWS), set(module.MOVES), set(module._PER_OUTPUT), set(module._PER_INPUT), set(module._RULES)]
    for index, group in enumerate(groups):
        for other in groups[index + 1 :]:
            assert not group & other
