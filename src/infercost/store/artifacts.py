"""Artifacts on disk: profiles, estimates and verdicts as versioned JSON.

The JSON form of an artifact is its dataclass: field names are the names in the published
schemas, decimals are strings, unknown is ``null``. Reading is strict about what is known and
ignores what is not, so that a later release may add fields freely.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from infercost.domain.calibration import Calibrations
from infercost.domain.capacity import CapacityPlan, Crossover
from infercost.domain.diagnosis import Diagnosis
from infercost.domain.errors import ArtifactError, UnknownNameError
from infercost.domain.estimate import Estimate
from infercost.domain.model import Inspection
from infercost.domain.price_report import PriceCheck, PriceDiff, PriceList
from infercost.domain.profile import Profile
from infercost.domain.units import SCHEMA_VERSION
from infercost.domain.verdict import Verdict, Verdicts
from infercost.domain.workload import TrafficReport
from infercost.store.profile_checks import find_fault
from infercost.store.writing import write_atomic

if TYPE_CHECKING:
    import os

__all__ = ["KINDS", "PRETTY_LIMIT", "SCHEMAS", "decode", "encode", "load", "load_profile", "save", "schema", "write_atomic"]

T = TypeVar("T")

Artifact = (
    Profile
    | Estimate
    | Verdict
    | Verdicts
    | Inspection
    | PriceList
    | PriceDiff
    | PriceCheck
    | CapacityPlan
    | Crossover
    | TrafficReport
    | Diagnosis
    | Calibrations
)

KINDS: Final[dict[str, type]] = {
    "profile": Profile,
    "estimate": Estimate,
    "verdict": Verdict,
    "verdicts": Verdicts,
    "inspection": Inspection,
    "prices": PriceList,
    "price_diff": PriceDiff,
    "price_check": PriceCheck,
    "capacity_plan": CapacityPlan,
    "crossover": Crossover,
    "traffic": TrafficReport,
    "diagnosis": Diagnosis,
    "calibrations": Calibrations,
}
"""Every kind of artifact and the class that it decodes to."""

SCHEMAS: Final = (*KINDS, "project", "endpoint")
"""What has a published schema: the artifacts, and the files that people write, ``infercost.yml`` and ``endpoint.yml``."""

PRETTY_LIMIT: Final = 4 * 2**20
"""Compact bytes above which JSON is no longer indented: nobody reads such a file by eye,
and indenting all regions of all clouds doubles both its size and the time to write it."""

_HOW_TO_MAKE: Final = {
    "profile": "infercost profile MODEL.onnx --out profile.json",
    "estimate": "infercost estimate profile.json --rps 50 --format json --out estimate.json",
    "inspection": "infercost inspect MODEL.onnx --format json --out inspection.json",
    "verdicts": "infercost gate --format json --out verdicts.json",
    "verdict": "infercost gate profile.json --rps 50 --format json --out verdict.json",
    "prices": "infercost prices show --format json --out prices.json",
    "price_diff": "infercost prices diff --format json --out diff.json",
    "price_check": "infercost prices verify --format json --out check.json",
    "capacity_plan": "infercost plan profile.json --traffic diurnal:peak=200,trough=10 --format json --out plan.json",
    "traffic": "infercost traffic access.log --format json --out traffic.json",
    "crossover": "infercost modes profile.json --format json --out modes.json",
    "calibrations": "infercost calibrate list --format json --out calibrations.json",
    "diagnosis": "infercost doctor --format json --out doctor.json",
}


class _Header(msgspec.Struct):
    kind: object = None
    schema_version: object = None


@dataclass(frozen=True)
class _Signature:
    start: bytes
    title: str
    remedy: str


_SIGNATURES: Final = (
    _Signature(b"\x1f\x8b", "a gzip archive", "unpack it first"),
    _Signature(b"PK\x03\x04", "a zip archive", "unpack it first"),
    _Signature(b"\xff\xfe", "text in UTF-16", "save it as UTF-8"),
    _Signature(b"\xfe\xff", "text in UTF-16", "save it as UTF-8"),
)


def encode(value: Artifact) -> bytes:
    """JSON of an artifact: ``schema_version`` and ``kind`` first, a newline at the end.

    Indented by two spaces, unless the compact form passes :data:`PRETTY_LIMIT`.
    """
    compact = msgspec.json.encode(value)
    if len(compact) > PRETTY_LIMIT:
        return compact + b"\n"
    return msgspec.json.format(compact, indent=2) + b"\n"


def decode(data: bytes, type: type[T], what: str) -> T:
    """Read an artifact.

    Args:
        data: the JSON text, UTF-8.
        type: ``Profile``, ``Estimate`` or ``Verdict``.
        what: how to call the data in errors, usually the file's name.

    Raises:
        ArtifactError: the data is not such an artifact, was written by a newer release, or is a
            profile whose statistics are not those of its own raw samples.
    """
    wanted = _kind_of(type)
    data = data.removeprefix(b"\xef\xbb\xbf")
    _refuse_other_files(data, wanted, what)
    try:
        _check_header(msgspec.json.decode(data, type=_Header), wanted, what)
        value = msgspec.json.decode(data, type=type)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        raise _bad(what, f"at {path.strip('`')}: {_lower_first(reason)}" if path else _lower_first(reason), wanted) from None
    except msgspec.DecodeError as error:
        raise _bad(what, _malformed(data, str(error)), wanted) from None
    except UnicodeDecodeError:
        raise _bad(what, "the text is not UTF-8", wanted) from None
    except RecursionError:
        raise _bad(what, "the JSON is nested too deeply", wanted) from None
    fault = find_fault(value) if isinstance(value, Profile) else None
    if fault is not None:
        raise _bad(what, fault, wanted)
    return value


def load(path: str | os.PathLike[str], type: type[T]) -> T:
    """Read an artifact from a file.

    Raises:
        ArtifactError: the file cannot be read, or see :func:`decode`.
    """
    try:
        with Path(path).open("rb") as file:
            # A model of many gigabytes given by mistake is recognised by its first bytes.
            start = file.read(4096)
            _refuse_other_files(start.removeprefix(b"\xef\xbb\xbf"), _kind_of(type), str(path))
            data = start + file.read()
    except (OSError, ValueError) as error:
        if isinstance(error, ArtifactError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ArtifactError(f"cannot read {path}: {_lower_first(reason)}; check the path") from None
    return decode(data, type, str(path))


def load_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a saved profile.

    Raises:
        ArtifactError: see :func:`load`.
    """
    return load(path, Profile)


def save(value: Artifact, path: str | os.PathLike[str]) -> None:
    """Write an artifact atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    write_atomic(path, encode(value))


def schema(kind: str) -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a kind of artifact, or of the project file.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in SCHEMAS:
        raise UnknownNameError("kind of artifact", kind, SCHEMAS)
    text = (files("infercost") / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _kind_of(type_: type) -> str:
    return next(kind for kind, cls in KINDS.items() if cls is type_)


def _bad(what: str, reason: str, wanted: str) -> ArtifactError:
    return ArtifactError(f"{what} is not {_article(wanted)} that can be used: {reason}; make one with: {_HOW_TO_MAKE[wanted]}")


def _refuse_other_files(data: bytes, wanted: str, what: str) -> None:
    """Name what the file is when it is not JSON at all."""
    if not data.strip():
        raise _bad(what, "it is empty", wanted)
    if data.lstrip()[:1] in b"{[":
        return
    for signature in _SIGNATURES:
        if data.startswith(signature.start):
            raise ArtifactError(f"{what} is {signature.title}, not {_article(wanted)}; {signature.remedy} and try again")
    if _looks_like_onnx(data):
        made = what.rsplit(".", 1)[0] + ".json" if what.lower().endswith(".onnx") else "profile.json"
        raise ArtifactError(
            f"{what} is an ONNX model, not {_article(wanted)}; profile it first: infercost profile {what} --out {made}"
        )
    binary = any(byte < 9 or 13 < byte < 32 for byte in data[:256])
    raise _bad(what, "it is a binary file" if binary else "it is not JSON", wanted)


def _looks_like_onnx(data: bytes) -> bool:
    """Whether the bytes open a ModelProto: field 1 (``ir_version``, a small varint), then a known field."""
    known = {0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42}
    return len(data) > 3 and data[0] == 0x08 and 0 < data[1] < 64 and data[2] in known


def _check_header(header: _Header, wanted: str, what: str) -> None:
    kind, version = header.kind, header.schema_version
    if kind != wanted:
        if isinstance(kind, str) and kind in KINDS:
            raise ArtifactError(f"{what} is {_article(kind)}, not {_article(wanted)}; make one with: {_HOW_TO_MAKE[wanted]}")
        reason = "it has no kind" if kind is None else f"its kind is {str(kind)[:40]!r}"
        raise _bad(what, f"{reason}, so infercost did not write it", wanted)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad(what, f"at $.schema_version: expected a whole number from 1 on, got {str(version)[:40]}", wanted)
    if version > SCHEMA_VERSION:
        raise ArtifactError(
            f"{what} was written by a newer infercost (schema version {version}, this release reads up to "
            f"{SCHEMA_VERSION}); run: pip install --upgrade infercost"
        )


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _malformed(data: bytes, message: str) -> str:
    if "truncated" in message:
        return "the JSON ends too early, the file is cut off"
    position = message.rpartition("(byte ")[2].rstrip(")")
    if not position.isdigit():
        return _lower_first(message)
    at = int(position)
    for word in (b"NaN", b"Infinity", b"-Infinity"):
        if data[at : at + len(word)] == word:
            return f"at byte {at}: {word.decode()} is not a number that JSON can hold"
    line = data.count(b"\n", 0, at) + 1
    return f"line {line}, byte {at}: {message.partition(' (byte')[0].replace('JSON is malformed: ', 'malformed JSON, ')}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
