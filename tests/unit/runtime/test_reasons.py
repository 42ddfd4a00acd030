from __future__ import annotations

import pytest

from infercost.runtime.protocol import Failure
from infercost.runtime.reasons import brief, model_error, runtime_version

FAIL = "[ONNXRuntimeError] : 1 : FAIL : "


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            FAIL + "Fatal error: com.foo:Bar(-1) is not a registered function/op",
            r"m\.onnx needs the operator com\.foo:Bar, which ONNX Runtime [\d.]+ does not have",
        ),
        (
            (
                '[ONNXRuntimeError] : 10 : INVALID_GRAPH : This is an invalid model. In Node, ("n1", Bar, "", -1) : (x), '
                "Error No Op registered for Bar with domain_version of 17"
            ),
            r"needs the operator Bar, which opset 17",
        ),
        (
            "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Conv(22) node with name 'n1'",
            r"needs Conv \(opset 22\) for a type",
        ),
        (
            FAIL + "/x/model.cc:256 f() Unsupported model IR version: 99, max supported IR version: 14\n",
            "IR version 99, .* reads up to 14; run: pip install -U onnxruntime",
        ),
        (
            FAIL + "/x/h.h:46 void f() ONNX Runtime only *guarantees* support … Opset 99 is under development and …",
            "uses opset 99, newer than",
        ),
        (FAIL + "std::bad_alloc", "needs more memory than there is"),
    ],
)
def test_known_failures_say_what_to_do(message: str, expected: str) -> None:
    error = model_error("m.onnx", Failure("load", message), doing="loading")
    assert "\n" not in str(error)
    with pytest.raises(type(error), match=expected):
        raise error


def test_a_failing_node_is_named_without_source_paths() -> None:
    message = (
        FAIL + "Non-zero status code returned while running MatMul node. Name:'mm' Status Message: matmul_helper.h:59 "
        "Compute MatMul dimension mismatch"
    )
    assert brief(message) == "operator MatMul (node 'mm'): Compute MatMul dimension mismatch"


def test_unknown_messages_are_cut_to_one_line() -> None:
    text = brief(FAIL + "/onnxruntime_src/core/graph.cc:1617 void onnxruntime::Graph::Init() First\nsecond " + "long " * 100)
    assert text.startswith("First second long")
    assert len(text) <= 200
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure("run", "odd"), r"ONNX Runtime cannot run m\.onnx: odd; try this"),
        (Failure("load", "odd"), r"ONNX Runtime cannot load m\.onnx: odd; try this"),
        (Failure("crash", "signal SIGSEGV"), r"ONNX Runtime crashed while testing m\.onnx: signal SIGSEGV; try this"),
        (
            Failure("deadline", "one run of the model did not end within 120 s"),
            r"stopped testing m\.onnx: one run of the model did not end within 120 s; try this",
        ),
        (Failure("memory", ""), r"m\.onnx ran out of memory while testing"),
        (Failure("device", "no GPU"), r"m\.onnx: no GPU; check the CUDA and cuDNN libraries, or use --device cpu"),
    ],
)
def test_each_stage_has_its_sentence(failure: Failure, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        raise model_error("m.onnx", failure, doing="testing", hint="try this")


def test_the_runtime_has_a_version() -> None:
    assert runtime_version()[0].isdigit()
