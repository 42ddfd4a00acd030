from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from infercost.domain.errors import UsageError
from infercost.testing.inference_server import serving


def test_a_model_that_the_protocol_cannot_carry_is_refused_before_serving(tmp_path):
    node = helper.make_node("ZipMap", ["x"], ["scores"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    graph = helper.make_graph(
        [node],
        "zipmap",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_value_info("scores", maps)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    with (
        pytest.raises(UsageError, match=r"m.onnx cannot be served: the protocol has no seq\(map.*'scores'"),
        serving(tmp_path / "m.onnx"),
    ):
        pass
