"""Models that are not one ``.onnx`` file, real inputs, real lengths and endpoints, on the command line for real."""

from __future__ import annotations

import json
import sys

import joblib
import jsonschema
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from infercost.store.artifacts import schema
from infercost.testing.inference_server import serving

SHORT = ("--budget", "0.5", "--batch", "1", "--threads", "1")
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    x, y = load_iris(return_X_y=True)
    path = tmp_path_factory.mktemp("iris") / "iris.joblib"
    joblib.dump(LogisticRegression(max_iter=500).fit(pd.DataFrame(x, columns=NAMES), y), path)
    return path


@pytest.fixture
def attention(tmp_path):
    """Tokens looked up and averaged over a dynamic sequence."""
    table = numpy_helper.from_array(np.ones((100, 8), np.float32), "table")
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["e"], name="embed"),
        helper.make_node("ReduceMean", ["e"], ["y"], name="mean", axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "seq"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 8])],
        [table],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "attention.onnx")
    return tmp_path / "attention.onnx"


def test_a_pickle_needs_trust_and_then_does_the_whole_job(infercost, iris):
    refused = infercost("inspect", iris)
    assert (refused.code, refused.out) == (2, "")
    assert "--trust" in refused.err
    assert refused.err.count("\n") == 1
    shown = infercost("inspect", iris, "--trust")
    assert shown.code == 0
    assert "differs by at most" in shown.out
    assert "150 labels" not in shown.out
    measured = infercost("profile", iris, "--trust", *SHORT, "--out", "iris.json", "--format", "json")
    assert measured.code == 0
    jsonschema.validate(measured.json, schema("profile"))
    assert measured.json["model"]["name"] == "iris.joblib"
    assert measured.json["model"]["conversion"]["source"] == "scikit-learn"
    priced = infercost("estimate", iris, "--trust", "--rps", "5", *SHORT[:2], "--provider", "vertex", "--format", "json")
    assert priced.code == 0
    assert priced.json["model"]["name"] == "iris.joblib"
    assert infercost("gate", iris, "--rps", "5", *SHORT[:2], "--max-monthly", "100000").code == 2


def test_the_cache_holds_what_was_converted_before(infercost, iris):
    first = infercost("profile", iris, "--trust", *SHORT, "--format", "json")
    again = infercost("profile", iris, "--trust", *SHORT, "--format", "json")
    assert again.json["created"] == first.json["created"]


def test_a_table_of_features_is_measured_and_checked_on(infercost, iris, tmp_path):
    x, y = load_iris(return_X_y=True)
    pd.DataFrame({"species": y, **{name: x[:, i] for i, name in enumerate(NAMES)}}).to_csv("rows.csv", index=False)
    result = infercost("profile", iris, "--trust", "--inputs", "rows.csv", *SHORT, "--format", "json")
    assert result.code == 0
    made = result.json["model"]["conversion"]
    assert (made["rows"], made["samples"], made["labels"]) == (150, "inputs", 150)
    (tmp_path / "narrow.csv").write_text("a,b\n1,2\n")
    wrong = infercost("profile", iris, "--trust", "--inputs", "narrow.csv", *SHORT)
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "narrow.csv has 2 columns" in wrong.err


def test_a_function_makes_the_inputs(infercost, digits, tmp_path):
    (tmp_path / "makers_of_doors.py").write_text(
        "def pictures(batch, rng):\n    return {'image': rng.random((batch, 1, 8, 8), dtype='float32')}\n"
        "def nothing(batch):\n    return {}\n"
    )
    try:
        assert infercost("profile", digits, "--inputs", "makers_of_doors:pictures", *SHORT).code == 0
        wrong = infercost("profile", digits, "--inputs", "makers_of_doors:nothing", *SHORT)
        assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    finally:
        sys.modules.pop("makers_of_doors", None)


def test_external_data_is_part_of_the_model(infercost, digits, tmp_path):
    model = onnx.load(digits)
    onnx.save_model(model, tmp_path / "big.onnx", save_as_external_data=True, location="big.data", size_threshold=512)
    before = infercost("profile", "big.onnx", *SHORT, "--format", "json").json["model"]
    assert before["file_bytes"] > (tmp_path / "big.data").stat().st_size
    with (tmp_path / "big.data").open("ab") as data:
        data.write(b"more")
    assert infercost("inspect", "big.onnx", "--format", "json").json["model"]["sha256"] != before["sha256"]


def test_lengths_that_vary_are_measured_at_several_sizes(infercost, attention):
    dim = ("--dim", "seq=choice:4=3,64=1")
    result = infercost("profile", attention, *dim, *SHORT, "--format", "json", "--out", "varied.json")
    assert result.code == 0
    jsonschema.validate(result.json, schema("profile"))
    (point,) = result.json["points"]
    assert [(run["size"], run["weight"]) for run in point["by_size"]] == [(4, 0.75), (64, 0.25)]
    assert all(run["raw"]["count"] > 0 for run in point["by_size"])
    assert result.json["sizes"]["given"] == "choice:4=3,64=1"
    assert result.json["model"]["bound_dims"]["seq"] == 19
    assert "seq=choice:4=3,64=1 (mean 19, longest 64)" in result.err
    assert infercost("estimate", "varied.json", "--rps", "5", "--provider", "vertex").code == 0
    shown = infercost("inspect", attention, *dim, "--format", "json")
    assert shown.json["model"]["bound_dims"]["seq"] == 19


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--dim", "seq=lognormal:mean=64"), "cannot read the sizes of 'seq'"),
        (("--dim", "seq=normal:mean=64,p99=99"), "cannot read the sizes of 'seq'"),
        (("--dim", "batch=uniform:low=1,high=4"), "is the batch"),
        (("--dim", "len=uniform:low=1,high=4"), "len"),
        (("--dim", "seq=uniform:low=1,high=4", "--dim", "x=uniform:low=1,high=4"), "only one dimension can vary"),
        (("--dim", "seq=column:none.csv:n"), "no such inputs file"),
        (("--dim", "seq=uniform:low=1,high=4", "--inputs", "mod:fn"), "fix every size"),
        (("--dim", "seq=uniform:low=1,high=4", "--scenario", "single"), "measured at one size"),
    ],
)
def test_sizes_that_cannot_be_used_are_one_line(infercost, attention, arguments, says):
    result = infercost("profile", attention, *arguments, *SHORT)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1


def test_a_hugging_face_folder_caps_lengths_at_what_the_tokenizer_passes_on(infercost, attention, tmp_path):
    home = tmp_path / "tiny"
    home.mkdir()
    attention.rename(home / "model.onnx")
    (home / "config.json").write_text(json.dumps({"vocab_size": 90, "max_position_embeddings": 32}))
    result = infercost("profile", home, "--dim", "seq=choice:4=3,64=1", *SHORT, "--format", "json")
    assert result.code == 0
    assert result.json["model"]["name"] == "tiny"
    assert result.json["model"]["inputs"][0]["values"] == "integers:0:89"
    assert [run["size"] for run in result.json["points"][0]["by_size"]] == [4, 32]
    assert "cut to 32" in result.err


def test_an_endpoint_is_measured_and_never_priced(infercost, digits):
    with serving(digits) as server:
        result = infercost("profile", server.url, "--rps", "30", "--budget", "1s", "--out", "endpoint.json", "--format", "json",
                           "--header", "Authorization: Bearer secret-token")  # fmt: skip
        shown = infercost("profile", server.url, "--budget", "0.5", "--quiet")
        inspected = infercost("estimate", server.url, "--rps", "5")
    assert result.code == 0
    jsonschema.validate(result.json, schema("profile"))
    assert "secret-token" not in result.out + result.err
    assert result.json["served"]["path"] == "/v2/models/digits"
    assert result.json["scenarios"][0]["target_rps"] == 30
    assert "measured from outside" in shown.out
    assert shown.err == ""
    for command in (("estimate",), ("gate", "--max-monthly", "5")):
        priced = infercost(command[0], "endpoint.json", "--rps", "5", *command[1:])
        assert (priced.code, priced.out) == (2, "")
        assert "profile of an endpoint" in priced.err
        assert priced.err.count("\n") == 1
    assert inspected.code == 2
    assert "infercost profile URL" in inspected.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("http://127.0.0.1:9/v2/models/m",), 5, "does not answer"),
        (("http://127.0.0.1:9/models/m",), 2, "write http://host:8000/v2/models/NAME"),
        (("http://127.0.0.1:9/v2/models/m", "--trust"), 2, "--trust is about running a model here"),
        (("http://127.0.0.1:9/v2/models/m", "--header", "secret"), 2, "cannot read a --header"),
        (("model.onnx", "--header", "A: secret"), 2, "--header belongs to an endpoint"),
        (("http://127.0.0.1:9/v2/models/m", "--dim", "seq=uniform:low=1,high=4"), 2, "an endpoint is measured at one size"),
    ],
)
def test_an_endpoint_that_cannot_be_measured_is_one_line(infercost, arguments, code, says):
    result = infercost("profile", *arguments, "--budget", "1")
    assert (result.code, result.out) == (code, "")
    assert says in result.err
    assert "secret" not in result.err
    assert result.err.count("\n") == 1
