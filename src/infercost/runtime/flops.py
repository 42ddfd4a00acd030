"""FLOPs and memory traffic of one operator call, from its shapes.

Conventions: a multiply-add counts as two. Comparisons and logic count as one, so that tree
ensembles have a figure. A transcendental function (exp, tanh, erf …) counts as ten, about the
length of the polynomials in vectorised kernels. What depends on data or on attributes that are
not known gives None, never a guess.
"""

from __future__ import annotations

from math import log2, prod
from typing import TYPE_CHECKING

from infercost.runtime.trees import TREE_OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from infercost.runtime.tensors import Call, Tensor
    from infercost.runtime.trees import TreeFacts

TRANSCENDENTAL = 10


def _ops(names: str) -> frozenset[str]:
    return frozenset(names.split())


VIEWS = _ops(
    "Reshape Identity Squeeze Unsqueeze Flatten Shape Size Dropout Constant If Loop Scan Optional OptionalGetElement "
    "OptionalHasElement SequenceConstruct SequenceAt SequenceLength SequenceInsert SequenceErase SequenceEmpty SequenceMap "
    "ConcatFromSequence SplitToSequence ZipMap MemcpyToHost MemcpyFromHost"
)
"""No arithmetic, and nothing (or next to nothing) copied; control flow, whose bodies count on their own."""

MOVES = _ops(
    "Concat Transpose Slice Split Gather GatherND GatherElements ScatterND ScatterElements Scatter Pad Tile Expand Cast "
    "CastLike ConstantOfShape Where DepthToSpace SpaceToDepth Compress Range OneHot OneHotEncoder LabelEncoder "
    "ReverseSequence EyeLike Trilu ReorderInput ReorderOutput NonZero ArrayFeatureExtractor FeatureVectorizer DictVectorizer "
    "CategoryMapper CastMap QLinearConcat BitCast StringNormalizer StringConcat StringSplit RegexFullMatch Col2Im Im2Col "
    "TensorScatter NhwcToNchw NchwToNhwc QLinearWhere Upsample CenterCropPad"
)
"""Data is copied or selected, nothing is computed."""

_SELECTS = _ops("Gather GatherND GatherElements Slice ArrayFeatureExtractor Compress")
"""Read only what they return."""

_MATMULS = _ops(
    "MatMul FusedMatMul FusedMatMulActivation Gemm FusedGemm QGemm MatMulInteger QLinearMatMul MatMulIntegerToFloat "
    "DynamicQuantizeMatMul MatMulNBits MatMulBnb4 MatMulFpQ4 GemmFloat8 TransposeMatMul"
)
_CONVS = _ops("Conv FusedConv NhwcConv NhwcFusedConv ConvInteger")
_RECURRENT = {"LSTM": 54, "DynamicQuantizeLSTM": 54, "GRU": 36, "RNN": 10}
"""Element-wise FLOPs a step and hidden unit: five activations and the cell update for an LSTM, and so on."""

_PER_OUTPUT = {
    **dict.fromkeys(
        _ops(
            "Add Sub Mul Div Neg Abs Relu Sign Floor Ceil Round Sqrt Reciprocal Not And Or Xor Equal Greater Less "
            "GreaterOrEqual LessOrEqual BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Mod IsNaN IsInf Binarizer Imputer"
        ),
        1,
    ),
    **dict.fromkeys(_ops("LeakyRelu PRelu Clip ThresholdedRelu Shrink BatchNormalization Scaler DequantizeLinear Hardmax"), 2),
    **dict.fromkeys(_ops("HardSigmoid QuantizeLinear Normalizer LpNormalization QuickGelu"), 3),
    **dict.fromkeys(_ops("HardSwish RotaryEmbedding"), 4),
    **dict.fromkeys(_ops("DynamicQuantizeLinear RMSNormalization SimplifiedLayerNormalization QLinearAdd QLinearMul"), 5),
    "SkipSimplifiedLayerNormalization": 6,
    "GemmaRotaryEmbedding": 6,
    **dict.fromkeys(_ops("LayerNormalization InstanceNormalization GroupNormalization MeanVarianceNormalization GroupNorm"), 8),
    **dict.fromkeys(_ops("SkipLayerNormalization SkipGroupNorm EmbedLayerNormalization"), 10),
    **dict.fromkeys(
        _ops(
            "Exp Log Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Erf Pow Sigmoid Softplus Softsign Elu Celu "
            "Selu QLinearSigmoid QLinearLeakyRelu RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli "
            "HannWindow HammingWindow BlackmanWindow"
        ),
        TRANSCENDENTAL,
    ),
    **dict.fromkeys(_ops("Swish Silu BiasSplitGelu"), TRANSCENDENTAL + 1),
    **dict.fromkeys(_ops("Gelu Softmax QLinearSoftmax BiasSoftmax"), TRANSCENDENTAL + 4),
    **dict.fromkeys(_ops("BiasGelu LogSoftmax"), TRANSCENDENTAL + 5),
    "FastGelu": TRANSCENDENTAL + 8,
    "Mish": 2 * TRANSCENDENTAL + 2,
}
"""Element-wise operators: FLOPs an output element."""

_PER_INPUT = {
    **dict.fromkeys(
        _ops(
            "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ArgMax ArgMin CumSum CumProd GlobalAveragePool "
            "GlobalMaxPool QLinearGlobalAveragePool QLinearReduceMean TopK"
        ),
        1,
    ),
    **dict.fromkeys(_ops("ReduceL2 ReduceSumSquare"), 2),
    "GlobalLpPool": TRANSCENDENTAL + 1,
    **dict.fromkeys(_ops("ReduceLogSum ReduceLogSumExp"), TRANSCENDENTAL + 1),
}
"""Reductions: FLOPs an element of the first input."""


def flops(call: Call) -> int | None:
    """FLOPs of one call; None when its shapes and attributes do not tell."""
    op = call.op_type
    if op in VIEWS or op in MOVES:
        return 0
    if not call.inputs or not call.outputs:
        return None
    if op in _PER_OUTPUT:
        return _PER_OUTPUT[op] * call.outputs[0].elements
    if op in _PER_INPUT:
        return _PER_INPUT[op] * call.inputs[0].elements
    rule = _RULES.get(op)
    try:
        return None if rule is None else rule(call)
    except (IndexError, ZeroDivisionError, KeyError, TypeError, ValueError):
        return None


def traffic(call: Call) -> int | None:
    """Bytes that one call reads and writes, caches aside; None when a size is unknown."""
    op = call.op_type
    if op in VIEWS:
        return 0
    written = _total(call.outputs)
    if written is None:
        return None
    if op in _SELECTS:
        indices = _total(call.inputs[1:2]) if op.startswith("Gather") else 0
        return None if indices is None else 2 * written + indices
    read = _total(call.inputs)
    if op in TREE_OPERATORS:
        trees: TreeFacts | None = call.attributes.get("trees")
        return None if trees is None or read is None else read + written + round(_rows(call) * trees.bytes_per_item)
    return None if read is None else read + written


def weight_traffic(call: Call) -> int:
    """Bytes of constants that one call reads whatever the batch; selections read rows, not the table."""
    return 0 if call.op_type in VIEWS or call.op_type in _SELECTS else call.weight_bytes


def bears_flops(op_type: str) -> bool:
    """Whether the operator computes at all."""
    return op_type not in VIEWS and op_type not in MOVES


def _total(tensors: tuple[Tensor, ...]) -> int | None:
    sizes = [t.nbytes for t in tensors]
    return None if any(s is None for s in sizes) else sum(s for s in sizes if s is not None)


def _matmul(call: Call) -> int:
    a, out = call.inputs[0].shape, call.outputs[0]
    depth = a[-1]
    # A transposed left side (Gemm, FusedMatMul) has the inner dimension before the rows.
    if len(a) >= 2 and len(out.shape) >= 2 and call.op_type in {"Gemm", "FusedGemm", "QGemm", "FusedMatMul"}:
        rows = out.shape[-2]
        depth = a[-1] if a[-2] == rows else a[-2]
    bias = out.elements if call.op_type in {"Gemm", "FusedGemm"} and len(call.inputs) > 2 else 0
    return 2 * out.elements * depth + bias


def _conv(call: Call) -> int:
    weight, out = call.inputs[1].shape, call.outputs[0].elements
    return 2 * out * prod(weight[1:]) + (out if len(call.inputs) > 2 else 0)


def _qlinear_conv(call: Call) -> int:
    return 2 * call.outputs[0].elements * prod(call.inputs[3].shape[1:])


def _conv_transpose(call: Call) -> int:
    source, weight = call.inputs[0].elements, call.inputs[1].shape
    return 2 * source * prod(weight[1:]) + (call.outputs[0].elements if len(call.inputs) > 2 else 0)


def _recurrent(call: Call) -> int:
    x, w, r = (t for t in call.inputs[:3])
    steps = x.shape[0] * x.shape[1]
    # W is [directions, gates x hidden, input] (transposed when quantised), R [directions, gates x hidden, hidden].
    hidden = min(r.shape[1:])
    return steps * (2 * (w.elements + r.elements) + _RECURRENT[call.op_type] * w.shape[0] * hidden)


def _pool(call: Call) -> int:
    return call.outputs[0].elements * prod(int(size) for size in call.attributes["kernel_shape"])


def _local_response(call: Call) -> int:
    return call.outputs[0].elements * (2 * int(call.attributes["size"]) + TRANSCENDENTAL + 3)


def _variadic(call: Call) -> int:
    terms = max(1, len(call.inputs) - 1)
    return call.outputs[0].elements * (terms + (call.op_type == "Mean"))


def _resize(call: Call) -> int | None:
    mode = call.attributes.get("mode", b"nearest" if call.attributes else None)
    mode = mode.decode() if isinstance(mode, bytes) else mode
    source, out = call.inputs[0].shape, call.outputs[0]
    axes = sum(a != b for a, b in zip(source, out.shape, strict=True))
    taps = {"nearest": 0, "linear": 2, "cubic": 4}[str(mode)]
    return 0 if taps == 0 or axes == 0 else 2 * int(taps**axes) * out.elements


def _grid_sample(call: Call) -> int:
    return call.outputs[0].elements * 11


def _einsum(call: Call) -> int | None:
    equation = call.attributes["equation"]
    equation = (equation.decode() if isinstance(equation, bytes) else equation).replace(" ", "")
    if "." in equation:
        return None
    terms = equation.split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, call.inputs, strict=True):
        sizes.update(zip(term, tensor.shape, strict=True))
    return max(1, len(terms)) * prod(sizes.values())


def _attend(batch: int, pairs: int, widths: int, heads: int | None) -> int:
    """Scores, softmax and weighted sum over ``pairs`` of query and key; ``widths``: of keys and values, all heads."""
    return batch * pairs * (2 * widths + (TRANSCENDENTAL + 4) * (heads or 1))


def _fused_attention(call: Call) -> int:
    x, weight = call.inputs[0].shape, call.inputs[1].shape
    batch, queries, depth = x
    width = call.outputs[0].shape[-1]
    present = call.outputs[1].shape if len(call.outputs) > 1 else ()
    keys = present[-2] if len(present) == 5 else queries
    project = 2 * batch * queries * depth * weight[-1]
    return project + _attend(batch, queries * keys, 2 * width, call.attributes.get("num_heads"))


def _attention(call: Call) -> int | None:
    if len(call.inputs[1].shape) == 2:
        return _fused_attention(call)
    if len(call.inputs) < 3:
        return None
    return _separate_attention(call)


def _separate_attention(call: Call) -> int:
    """Attention of query, key and value given apart: ``[batch, length, width]`` or ``[batch, heads, length, head]``."""
    query, key, value = (t.shape for t in call.inputs[:3])
    if len(query) == 4:
        batch, heads, queries, size = query
        return _attend(batch, queries * key[2], heads * (size + value[3]), heads)
    batch, queries, width = query
    heads = call.attributes.get("num_heads", call.attributes.get("q_num_heads"))
    groups = width // key[2]
    present = call.outputs[1].shape if len(call.outputs) > 1 else ()
    keys = present[2] if len(present) == 4 else key[1]
    return _attend(batch, queries * keys, width + value[2] * groups, heads)


def _fourier(call: Call) -> int:
    length = max(call.inputs[0].shape)
    return round(5 * max(call.inputs[0].elements, call.outputs[0].elements) * log2(max(2, length)))


def _linear_model(call: Call) -> int:
    return 2 * _rows(call) * len(call.attributes["coefficients"])


def _support_vectors(call: Call) -> int:
    vectors = len(call.attributes.get("support_vectors", ())) or len(call.attributes["coefficients"])
    return 3 * _rows(call) * vectors


def _trees(call: Call) -> int:
    trees: TreeFacts = call.attributes["trees"]
    return round(_rows(call) * trees.comparisons)


def _rows(call: Call) -> int:
    shape = call.inputs[0].shape
    return shape[0] if len(shape) > 1 else 1


_RULES: dict[str, Callable[[Call], int | None]] = {
    **dict.fromkeys(_MATMULS, _matmul),
    **dict.fromkeys(_CONVS, _conv),
    **dict.fromkeys(_RECURRENT, _recurrent),
    "QLinearConv": _qlinear_conv,
    "ConvTranspose": _conv_transpose,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool", "QLinearAveragePool", "NhwcMaxPool"), _pool),
    "LRN": _local_response,
    **dict.fromkeys(("Sum", "Max", "Min", "Mean"), _variadic),
    "Resize": _resize,
    "GridSample": _grid_sample,
    "Einsum": _einsum,
    **dict.fromkeys(("Attention", "QAttention"), _attention),
    **dict.fromkeys(("MultiHeadAttention", "GroupQueryAttention"), _separate_attention),
    **dict.fromkeys(("DFT",), _fourier),
    **dict.fromkeys(("LinearClassifier", "LinearRegressor"), _linear_model),
    **dict.fromkeys(("SVMClassifier", "SVMRegressor"), _support_vectors),
    **dict.fromkeys(TREE_OPERATORS, _trees),
}
