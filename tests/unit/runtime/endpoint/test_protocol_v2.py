from __future__ import annotations

import json

import numpy as np
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.runtime.endpoint.protocol_v2 import (
    Address,
    Metadata,
    ServedTensor,
    check_answer,
    encode,
    failure,
    without_secrets,
)
from infercost.testing.inference_server import _feeds


@pytest.mark.parametrize(
    ("url", "base", "model"),
    [
        ("http://localhost:8000/v2/models/m", "", "/v2/models/m"),
        ("https://h/v2/models/m/", "", "/v2/models/m"),
        ("http://h/v2/models/m/versions/2", "", "/v2/models/m/versions/2"),
        ("http://h/v2/models/m/infer", "", "/v2/models/m"),
        ("https://gateway/serving/team/v2/models/m", "/serving/team", "/v2/models/m"),
    ],
)
def test_an_address_names_a_model(url: str, base: str, model: str) -> None:
    address = Address.parse(url)
    assert (address.base, address.model) == (base, model)
    assert address.url("/infer").endswith(f"{base}{model}/infer")
    assert address.server.endswith(f"{base}/v2")


@pytest.mark.parametrize(
    "url", ["http://h", "http://h/v2/models", "ftp://h/v2/models/m", "http:///v2/models/m", "h/v2/models/m"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="write http://host:8000/v2/models/NAME"):
        Address.parse(url)


def test_credentials_in_an_address_are_refused_and_never_shown() -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse("http://me:secret@h/v2/models/m")
    assert "secret" not in str(caught.value)
    assert without_secrets("http://me:secret@h:8000/path?token=secret") == "http://h:8000/path"
    with pytest.raises(UsageError) as caught:
        Address.parse("http://me:secret@h/nothing?token=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("host", "here"), [("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("example.org", False)])
def test_loopback_is_this_machine(host: str, here: bool) -> None:
    assert Address.parse(f"http://{host}:8000/v2/models/m").loopback is here


KINDS = {
    "float32": np.float32,
    "float64": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "uint8": np.uint8,
    "bool": np.bool_,
}
CODES = {"float32": "tensor(float)", "float64": "tensor(double)", "int64": "tensor(int64)", "int32": "tensor(int32)",
         "uint8": "tensor(uint8)", "bool": "tensor(bool)", "string": "tensor(string)"}  # fmt: skip


class Declared:
    def __init__(self, name: str, kind: str) -> None:
        self.name, self.type = name, CODES[kind]


@given(
    st.lists(st.sampled_from(sorted(CODES)), min_size=1, max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_what_is_sent_is_what_a_server_reads(kinds: list[str], shape: list[int], binary: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays, tensors = {}, []
    for i, kind in enumerate(kinds):
        values = rng.integers(0, 100, size=shape)
        arrays[f"x{i}"] = (
            np.array([f"é{v}" * (v % 3) for v in values.flat], dtype=object).reshape(shape)
            if kind == "string"
            else values.astype(kind)
        )
        tensors.append(ServedTensor(f"x{i}", kind, (-1,) * len(shape)))
    body = encode(Metadata("s", binary, "m", "p", tuple(tensors), ()), arrays)
    length = int(body.headers.get("Inference-Header-Content-Length", len(body.data)))
    read = _feeds(json.loads(body.data[:length]), body.data[length:], [Declared(f"x{i}", k) for i, k in enumerate(kinds)])
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def test_an_answer_without_outputs_is_none() -> None:
    good = json.dumps({"outputs": []}).encode()
    assert check_answer(200, {}, good) is None
    assert check_answer(200, {"Inference-Header-Content-Length": str(len(good))}, good + b"\x00\x01") is None
    assert check_answer(200, {}, b'{"id": "1"}') == "no outputs in the answer"
    assert check_answer(200, {"Inference-Header-Content-Length": "2"}, b'{}"outputs"') == "no outputs in the answer"
    assert check_answer(503, {}, good) == "HTTP 503"
    assert check_answer(302, {}, good) == "HTTP 302"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib3.exceptions.ReadTimeoutError(None, "/", "late"), "timeout"),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("broken"), "connection broken"),
        (ConnectionResetError(), "connection broken"),
        (ConnectionRefusedError(), "no connection"),
        (urllib3.exceptions.MaxRetryError(None, "/", TimeoutError()), "timeout"),  # type: ignore[arg-type]
        (ValueError(), "ValueError"),
    ],
)
def test_a_failure_has_the_same_words_each_time(error: BaseException, words: str) -> None:
    assert failure(error) == words
