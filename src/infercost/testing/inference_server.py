"""A small server of one ONNX model over the Open Inference Protocol v2, on loopback: for tests and examples.

REST as specified: server and model metadata, live and ready, inference in JSON and with the binary tensor
extension, errors as ``{"error": …}`` with the status that the specification names. One request at a time.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost._version import __version__
from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(float16)": "FP16",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(uint8)": "UINT8",
    "tensor(string)": "BYTES",
}
_NUMPY = {
    "BOOL": "bool",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "BYTES": "object",
}
_HEADER_LENGTH = "Inference-Header-Content-Length"


class _BadRequestError(Exception):
    """What the client sent cannot be used: HTTP 400."""


@dataclass
class InferenceServer:
    """One model, served. ``serving`` makes it."""

    name: str
    session: Any
    binary: bool = True
    fault: Callable[[int], int | None] = lambda _request: None
    """For each inference request, counted from 0: a status to fail with, or None."""
    delay_s: float = 0.0
    """Added to each inference."""
    requests: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def server_metadata(self) -> dict[str, Any]:
        """The answer to ``GET /v2``."""
        extensions = ["binary_tensor_data"] if self.binary else []
        return {"name": "infercost-test-server", "version": __version__, "extensions": extensions}

    def model_metadata(self) -> dict[str, Any]:
        """The answer to ``GET /v2/models/NAME``."""
        return {
            "name": self.name,
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [_described(t) for t in self.session.get_inputs()],
            "outputs": [_described(t) for t in self.session.get_outputs()],
        }

    def infer(self, request: Mapping[str, Any], blobs: bytes) -> tuple[dict[str, Any], list[bytes]]:
        """Run the model on a request; the answer, and its tensors as bytes where these were asked for."""
        feeds = _feeds(request, blobs, self.session.get_inputs())
        with self.lock:
            time.sleep(self.delay_s)
            try:
                values = self.session.run(None, feeds)
            except Exception as error:
                raise _BadRequestError(str(error)) from error
        as_bytes = bool(request.get("parameters", {}).get("binary_data_output"))
        outputs, tail = [], []
        for tensor, value in zip(self.session.get_outputs(), values, strict=True):
            entry = {"name": tensor.name, "shape": list(value.shape), "datatype": _DATATYPES[tensor.type]}
            if as_bytes:
                tail.append(value.tobytes())
                entry["parameters"] = {"binary_data_size": len(tail[-1])}
            else:
                entry["data"] = value.reshape(-1).tolist()
            outputs.append(entry)
        return {"model_name": self.name, "model_version": "1", "outputs": outputs}, tail


def _described(tensor: Any) -> dict[str, Any]:
    shape = [d if isinstance(d, int) else -1 for d in tensor.shape]
    return {"name": tensor.name, "datatype": _DATATYPES[tensor.type], "shape": shape}


def _feeds(request: Mapping[str, Any], blobs: bytes, expected: Any) -> dict[str, Any]:
    try:
        given = {entry["name"]: entry for entry in request["inputs"]}
    except (KeyError, TypeError):
        raise _BadRequestError("the request has no inputs") from None
    feeds, at = {}, 0
    for tensor in expected:
        entry = given.get(tensor.name)
        if entry is None:
            raise _BadRequestError(f"input {tensor.name!r} is missing")
        if entry.get("datatype") != _DATATYPES[tensor.type]:
            raise _BadRequestError(f"input {tensor.name!r} is {entry.get('datatype')}, expected {_DATATYPES[tensor.type]}")
        size = entry.get("parameters", {}).get("binary_data_size")
        feeds[tensor.name] = _array(entry, None if size is None else blobs[at : at + size])
        at += size or 0
    return feeds


def _array(entry: Mapping[str, Any], blob: bytes | None) -> Any:
    import numpy as np

    dtype = _NUMPY[entry["datatype"]]
    try:
        if blob is None:
            return np.array(entry["data"], dtype=dtype).reshape(entry["shape"])
        if dtype != "object":
            return np.frombuffer(blob, dtype=dtype).reshape(entry["shape"])
        texts = []
        while blob:
            size = int.from_bytes(blob[:4], "little")
            texts.append(blob[4 : 4 + size].decode())
            blob = blob[4 + size :]
        return np.array(texts, dtype=object).reshape(entry["shape"])
    except (KeyError, ValueError) as error:
        raise _BadRequestError(f"input {entry['name']!r} does not hold its shape: {error}") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """Head and body leave in one piece: two would wait 40 ms for each other's acknowledgement."""
    disable_nagle_algorithm = True
    inference: InferenceServer

    def do_GET(self) -> None:
        served, model = self.inference, f"/v2/models/{self.inference.name}"
        path = self.path.rstrip("/").replace("/versions/1", "")
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "/v2": served.server_metadata,
            "/v2/health/live": dict,
            "/v2/health/ready": dict,
            f"{model}/ready": dict,
            model: served.model_metadata,
        }
        if path in answers:
            self._answer(200, answers[path]())
        else:
            self._answer(404, {"error": f"unknown path {self.path}"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        served = self.inference
        if self.path.replace("/versions/1", "") != f"/v2/models/{served.name}/infer":
            self._answer(404, {"error": f"unknown path {self.path}"})
            return
        with served.lock:
            served.requests += 1
            status = served.fault(served.requests - 1)
        if status is not None:
            self._answer(status, {"error": "told to fail"})
            return
        length = int(self.headers.get(_HEADER_LENGTH, len(body)))
        try:
            answer, tail = served.infer(json.loads(body[:length]), body[length:])
        except (_BadRequestError, ValueError) as error:
            self._answer(400, {"error": str(error)})
            return
        self._answer(200, answer, tail)

    def _answer(self, status: int, value: dict[str, Any], tail: list[bytes] | None = None) -> None:
        head = json.dumps(value).encode()
        body = b"".join([head, *(tail or [])])
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if tail else "application/json")
        if tail:
            self.send_header(_HEADER_LENGTH, str(len(head)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests' output is theirs."""


@contextmanager
def serving(model: str | Path, *, name: str | None = None, port: int = 0, **settings: Any) -> Iterator[InferenceServer]:
    """Serve a model on a free port, or ``port``, of loopback until the context ends.

    Args:
        model: an ``.onnx`` file.
        name: of the model; its file's when None.
        port: 0 takes a free one.
        **settings: fields of :class:`InferenceServer`.

    Raises:
        UsageError: the model takes or gives what the protocol cannot carry, such as the maps of a ZipMap.
    """
    from infercost.runtime.protocol import ModelSource
    from infercost.runtime.session import open_session

    session = open_session(ModelSource(str(model)), level="all", threads=1)
    for tensor in (*session.get_inputs(), *session.get_outputs()):
        if tensor.type not in _DATATYPES:
            raise UsageError(f"{model} cannot be served: the protocol has no {tensor.type}, which {tensor.name!r} is")
    inference = InferenceServer(name or Path(model).stem, session, **settings)
    handler = type("Handler", (_Handler,), {"inference": inference})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    inference.url = f"http://127.0.0.1:{server.server_address[1]}/v2/models/{inference.name}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield inference
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
