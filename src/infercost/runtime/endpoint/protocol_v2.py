"""The Open Inference Protocol v2 over REST: addresses, metadata, and requests as bytes.

Source: the protocol's specification (kserve/open-inference-protocol, specification/protocol/inference_rest.md)
and, for binary tensors, its extension (specification/extension_binary_data.md of Triton's server).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infercost.domain.errors import ModelError, ProviderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3

    from infercost.runtime.inputs import Arrays

_PATH = re.compile(r"(?P<base>.*?)(?P<model>/v2/models/[^/]+(/versions/[^/]+)?)(/infer|/ready)?/?")

_DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "string",
}

_BINARY = "binary_tensor_data"
_HEADER_LENGTH = "Inference-Header-Content-Length"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is served."""

    origin: str
    """Scheme, host and port."""
    base: str
    """Path before ``/v2``, where a gateway has one."""
    model: str
    """``/v2/models/NAME``, and its version if it was named."""

    @classmethod
    def parse(cls, url: str) -> Address:
        """From ``http://host:8000/v2/models/NAME``.

        Raises:
            UsageError: the URL names no model, or holds credentials.
        """
        parts = urlsplit(url)
        match = _PATH.fullmatch(parts.path)
        if parts.scheme not in ("http", "https") or not parts.hostname or match is None:
            raise UsageError(f"{without_secrets(url)} names no served model; write http://host:8000/v2/models/NAME")
        if parts.username or parts.password:
            raise UsageError("credentials in a URL end in logs; send them with --header 'Authorization: Bearer …'")
        return cls(f"{parts.scheme}://{parts.netloc}", match["base"], match["model"])

    @property
    def loopback(self) -> bool:
        """Whether the server is this machine."""
        return urlsplit(self.origin).hostname in _LOOPBACK

    def url(self, tail: str = "") -> str:
        """The model's address with a tail such as ``/infer``."""
        return f"{self.origin}{self.base}{self.model}{tail}"

    @property
    def server(self) -> str:
        """The address of the server's own metadata."""
        return f"{self.origin}{self.base}/v2"


def without_secrets(url: str) -> str:
    """A URL without credentials and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


@dataclass(frozen=True, slots=True)
class ServedTensor:
    """One input or output, as the server describes it; -1 is a dimension that varies."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the server says of itself and of the model."""

    server: str
    binary: bool
    """Whether tensors can be sent as bytes."""
    name: str
    platform: str
    inputs: tuple[ServedTensor, ...]
    outputs: tuple[ServedTensor, ...]


def read_metadata(pool: urllib3.PoolManager, address: Address, headers: Mapping[str, str]) -> Metadata:
    """Ask the server what it serves.

    Raises:
        ProviderError: it does not answer, or not in this protocol.
        ModelError: a type that the protocol does not have.
    """
    model = _get(pool, address.url(), headers)
    server = _get(pool, address.server, headers, needed=False)
    try:
        inputs = tuple(_tensor(t) for t in model["inputs"])
        outputs = tuple(_tensor(t) for t in model.get("outputs", []))
        name = str(model["name"])
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError):
        raise ProviderError(
            f"{address.url()} answers, but not with a model's metadata; check that it speaks the Open Inference Protocol v2"
        ) from None
    title = " ".join(str(server[key]) for key in ("name", "version") if server.get(key))
    extensions = server.get("extensions") or []
    return Metadata(title or "unknown", _BINARY in extensions, name, str(model.get("platform", "unknown")), inputs, outputs)


def _tensor(described: Mapping[str, Any]) -> ServedTensor:
    datatype = str(described["datatype"])
    if datatype not in _DTYPES:
        raise ModelError(f"tensor {described['name']!r} has the type {datatype}, which cannot be made; use FP32 or an integer")
    return ServedTensor(str(described["name"]), _DTYPES[datatype], tuple(int(d) for d in described["shape"]))


def _get(pool: urllib3.PoolManager, url: str, headers: Mapping[str, str], *, needed: bool = True) -> dict[str, Any]:
    import urllib3

    try:
        reply = pool.request("GET", url, headers=dict(headers), redirect=False)
    except urllib3.exceptions.HTTPError as error:
        reason = failure(error)
        raise ProviderError(f"{url} does not answer ({reason}); check that the server runs and the port is right") from None
    if reply.status >= 300:
        if not needed:
            return {}
        raise ProviderError(
            f"{url} answers HTTP {reply.status}{_said(reply.data)}; check the model's name and whether it is ready"
        )
    try:
        value = json.loads(reply.data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProviderError(f"{url} does not answer with JSON; check that it speaks the Open Inference Protocol v2")
    return value


def _said(data: bytes) -> str:
    """The server's own words, where its answer has them."""
    try:
        message = json.loads(data).get("error", "")
    except (ValueError, AttributeError):
        return ""
    text = " ".join(str(message).split())
    return f" ({text[:160]})" if text else ""


def failure(error: BaseException) -> str:
    """A failed request in a few words, the same for the same reason."""
    import urllib3

    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        error = reason
    match error:
        case urllib3.exceptions.NewConnectionError() | ConnectionRefusedError():
            return "no connection"
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return "timeout"
        case urllib3.exceptions.SSLError():
            return "TLS failure"
        case urllib3.exceptions.ProtocolError() | ConnectionError():
            return "connection broken"
    return type(error).__name__


@dataclass(frozen=True, slots=True)
class Body:
    """One inference request, encoded once: what is timed sends it and reads the answer."""

    data: bytes
    headers: dict[str, str]


def encode(metadata: Metadata, arrays: Arrays) -> Body:
    """A request for all outputs, its tensors as bytes where the server takes them."""
    datatypes = {dtype: datatype for datatype, dtype in _DTYPES.items()}
    described: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for tensor in metadata.inputs:
        array = arrays[tensor.name]
        entry: dict[str, Any] = {"name": tensor.name, "shape": list(array.shape), "datatype": datatypes[tensor.dtype]}
        if metadata.binary:
            blob = _blob(array)
            entry["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            entry["data"] = [str(v) for v in array.reshape(-1)] if tensor.dtype == "string" else array.reshape(-1).tolist()
        described.append(entry)
    request: dict[str, Any] = {"inputs": described}
    if not metadata.binary:
        return Body(json.dumps(request, allow_nan=True).encode(), {"Content-Type": "application/json"})
    request["parameters"] = {"binary_data_output": True}
    header = json.dumps(request).encode()
    return Body(b"".join([header, *blobs]), {"Content-Type": "application/octet-stream", _HEADER_LENGTH: str(len(header))})


def _blob(array: Any) -> bytes:
    """Little-endian, row by row; texts each behind its length."""
    if array.dtype.kind in "OUS":
        texts = [str(value).encode() for value in array.reshape(-1)]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return bytes(array.astype(array.dtype.newbyteorder("<")).tobytes())


def check_answer(status: int, headers: Mapping[str, str], data: bytes) -> str | None:
    """Why an answer is none; None when it brings outputs. Cheap: it is not in the timing, but between two requests."""
    if status != 200:
        return f"HTTP {status}"
    length = headers.get(_HEADER_LENGTH)
    head = data[: int(length)] if length is not None and length.isdecimal() else data
    return None if b'"outputs"' in head else "no outputs in the answer"


def said(status: int, data: bytes) -> str:
    """A refusal for people."""
    return f"HTTP {status}{_said(data)}"
