"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, cast

import typer

from infercost.domain.errors import UsageError
from infercost.domain.quantities import parse_bytes, parse_milliseconds, parse_seconds

if TYPE_CHECKING:
    from infercost.domain.scenario import ScenarioName
    from infercost.runtime.settings import Load

DeviceName = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
DEVICES: Final[tuple[DeviceName, ...]] = ("auto", "cpu", "cuda", "tensorrt", "openvino")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DISTRIBUTION: Final = re.compile(r"=\s*[a-z]+:")
PLACES: Final[tuple[Literal["internet", "in-region"], ...]] = ("internet", "in-region")

ModelOrProfile = Annotated[
    Path | None,
    typer.Argument(
        metavar="SOURCE",
        help="A model (measured first, cached) or a saved profile.json. [default: what infercost.yml says]",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The project file. [default: infercost.yml, if it is here]", envvar="INFERCOST_CONFIG"
    ),
]
TargetName = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="A target of the project file. [default: the only one]")
]
Rps = Annotated[
    float | None,
    typer.Option(
        "--rps", metavar="RATE", help="Mean requests a second. [default: what infercost.yml says]", envvar="INFERCOST_RPS"
    ),
]
Slos = Annotated[
    list[str] | None,
    typer.Option(
        "--slo", metavar="PROMISE", help="Latency promise, for example p99=100ms. Repeat for several.", envvar="INFERCOST_SLO"
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="Region, provider:region, or all. Repeat for several. [default: one a cloud]",
        envvar="INFERCOST_REGION",
    ),
]
Providers = Annotated[
    list[str] | None, typer.Option("--provider", metavar="CLOUD", help="Only this cloud. Repeat for several.")
]
Instances = Annotated[
    list[str] | None, typer.Option("--instance", metavar="TYPE", help="Only these instance types; globs work (ml.c7i.*).")
]
PayloadIn = Annotated[
    str | None,
    typer.Option("--payload-in", metavar="SIZE", help="Request size, for example 150kB. [default: the input tensors]"),
]
PayloadOut = Annotated[
    str | None,
    typer.Option("--payload-out", metavar="SIZE", help="Response size, for example 2kB. [default: the output tensors]"),
]
LogSize = Annotated[str | None, typer.Option("--log-size", metavar="SIZE", help="Log volume of one request. [default: 256B]")]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="ITEM=QUANTITY",
        help="A month's quantity of a rate that no traffic tells of, for example nat_hour=730; rates: infercost prices show"
        " --kind rate. Repeat for several.",
    ),
]
Clients = Annotated[
    str | None,
    typer.Option(
        "--clients",
        metavar="PLACE",
        help="Where callers are: internet (responses pay egress) or in-region. [default: internet]",
    ),
]
Prices = Annotated[
    str | None,
    typer.Option(
        "--prices",
        metavar="DATE",
        help="Prices of this day (2026-09-22) or the newest before it, or latest. "
        "[default: infercost-prices.lock, else the newest]",
        envvar="INFERCOST_PRICES",
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline", help="Promise to use no network. Only infercost prices refresh ever does.", envvar="INFERCOST_OFFLINE"
    ),
]
Discounts = Annotated[
    Path | None,
    typer.Option(
        "--discounts",
        metavar="FILE",
        help="What you pay less than the list (YAML). [default: infercost-discounts.yml, if it is here]",
        envvar="INFERCOST_DISCOUNTS",
    ),
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        help="What you measured where it counts (YAML). [default: infercost-calibration.yml, if it is here]",
        envvar="INFERCOST_CALIBRATION",
    ),
]
Currency = Annotated[
    str | None,
    typer.Option(
        "--currency",
        metavar="CODE",
        help="Currency of prices and budgets, for example EUR. [default: USD]",
        envvar="INFERCOST_CURRENCY",
    ),
]
Fx = Annotated[
    str | None,
    typer.Option(
        "--fx",
        metavar="RATE",
        help="Your exchange rate from USD with its day, for example EUR=0.92@2026-11-01.",
        envvar="INFERCOST_FX",
    ),
]
Overhead = Annotated[
    str | None,
    typer.Option(
        "--overhead", metavar="TIME", help="CPU time of the serving stack a request. [default: 0.2ms and 1 ns a payload byte]"
    ),
]
MinReplicas = Annotated[
    int | None,
    typer.Option(
        "--min-replicas", metavar="COUNT", help="Fewest replicas, for example 2 for availability. [default: 1]", min=1
    ),
]
Dims = Annotated[
    list[str] | None,
    typer.Option(
        "--dim",
        metavar="NAME=SIZE",
        help="Size of a symbolic dimension, for example seq=128. Repeat for several. One may vary over requests: "
        "seq=lognormal:mean=64,p99=384, seq=uniform:low=16,high=256, seq=choice:16=0.7,128=0.3 or "
        "seq=column:FILE:COLUMN.",
    ),
]
InputsFile = Annotated[
    Path | None,
    typer.Option(
        "--inputs",
        metavar="FILE",
        help="Real samples: an .npz with an array for each input, a .csv or .parquet of feature columns, or "
        "module:function, called as make(batch, rng).",
    ),
]
Trust = Annotated[bool, typer.Option("--trust", help="Open a pickled model, which runs the code in it.")]


def parse_budget(text: str | float) -> float:
    """Seconds of measuring, half a one at least, from ``60s``, ``2m`` or ``60``.

    Raises:
        BadParameter: the text is not such a time.
    """
    try:
        seconds = parse_seconds(str(text), "--budget 60s")
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None
    if seconds < 0.5:
        raise typer.BadParameter(f"{text} is too short a time to measure in; write it like --budget 60s (0.5s at least)")
    return seconds


Budget = Annotated[
    float,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time to spend measuring, for example 60s or 2m.",
        parser=parse_budget,
        show_default="20s",
    ),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="HEADER",
        help="Sent with each request to an endpoint, for example 'Authorization: Bearer TOKEN'. Repeat for several.",
        envvar="INFERCOST_HEADER",
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, tensorrt or openvino.", envvar="INFERCOST_DEVICE")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure again, even when the same measurement is cached.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="table, json, markdown or csv. [default: table, or by --out's ending]",
        envvar="INFERCOST_FORMAT",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to this file (atomically) instead of stdout.")
]
Top = Annotated[int, typer.Option("--top", metavar="ROWS", help="Rows to show in a table; JSON and CSV hold all.", min=1)]
Details = Annotated[bool, typer.Option("--details", help="Show everything that tables shorten.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings on stderr.")]


def parse_size(text: str | None, option: str) -> int | None:
    """Bytes from ``150kB``, ``2 MiB`` or ``4096``; None stays None.

    Raises:
        UsageError: the text is not a size.
    """
    return None if text is None else parse_bytes(text, f"{option} 150kB")


def parse_ms(text: str, option: str) -> float:
    """Milliseconds from ``80ms``, ``0.1s`` or ``80``.

    Raises:
        UsageError: the text is not a duration.
    """
    return parse_milliseconds(text, f"{option} 80ms")


def parse_dims(texts: list[str] | None) -> dict[str, int | str]:
    """Sizes by dimension name from ``seq=128``; a distribution (``seq=lognormal:mean=64,p99=384``) stays text.

    Raises:
        UsageError: a text is not of that form, or a size is not from 1 to 2147483647.
    """
    dims: dict[str, int | str] = {}
    for text in texts or ():
        if (varying := _DISTRIBUTION.search(text)) is not None and varying.start() > 0:
            dims[text[: varying.start()].strip()] = text[varying.start() + 1 :].strip()
            continue
        name, sign, size = text.rpartition("=")  # a name may hold one itself
        if not sign or not name or not size.strip().isdecimal() or not 1 <= int(size) < 2**31:
            raise UsageError(f"cannot read the dimension {text!r}; write it like --dim seq=128 (1 to 2147483647)")
        dims[name.strip()] = int(size)
    return dims


def parse_headers(texts: list[str] | None) -> dict[str, str]:
    """Headers by name from ``Authorization: Bearer …``; no message shows a value.

    Raises:
        UsageError: a text is not of that form.
    """
    headers: dict[str, str] = {}
    for text in texts or ():
        name, colon, value = text.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name.strip()) or not value.strip().isprintable():
            raise UsageError("cannot read a --header; write it like --header 'Authorization: Bearer TOKEN'")
        headers[name.strip()] = value.strip()
    return headers


def parse_counts(text: str | None, option: str) -> tuple[int, ...] | None:
    """Whole numbers above zero from ``1,4,16``; None stays None.

    Raises:
        UsageError: the text is not of that form.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"cannot read {text!r}; write it like {option} 1,4,16")
    return tuple(dict.fromkeys(int(part) for part in parts))


def parse_device(text: str) -> DeviceName:
    """The device, if there is one of that name.

    Raises:
        UsageError: there is not.
    """
    for device in DEVICES:
        if text == device:
            return device
    raise UsageError(f"--device must be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, got {text!r}")


def parse_included(texts: list[str] | None) -> dict[str, float] | None:
    """``["nat_hour=730"]`` as quantities by item.

    Raises:
        UsageError: a text is not of that form, or an item stands there twice.
    """
    found: dict[str, float] = {}
    for text in texts or ():
        item, _, quantity = (part.strip() for part in text.partition("="))
        try:
            value = float(quantity)
        except ValueError:
            raise UsageError(f"cannot read --include {text}; write it like --include nat_hour=730") from None
        if item in found:
            raise UsageError(f"--include names {item} twice; give it once")
        found[item] = value
    return found or None


def parse_loads(
    names: list[str] | None,
    *,
    rps: float | None,
    slo: list[str] | None,
    workers: int,
    samples: int | None,
    threads: tuple[int, ...] | None,
) -> tuple[Load, ...]:
    """The scenarios to measure: workers are for offline and server, the rate for server.

    Raises:
        UsageError: there is no such scenario, or it lacks what it needs.
    """
    if not names:
        return ()
    from infercost.domain.traffic import Slo
    from infercost.runtime.settings import Load

    if rps is not None and "server" not in names:
        raise UsageError("--rps is the rate of the server scenario; add --scenario server")
    return tuple(
        Load(
            scenario=cast("ScenarioName", name),
            rps=rps if name == "server" else None,
            samples=samples,
            workers=workers if name in ("offline", "server") else 1,
            threads=threads[0] if threads is not None and len(threads) == 1 else None,
            slo=Slo.parse(slo) if slo else Slo(),
        )
        for name in dict.fromkeys(names)
    )


def parse_variants(texts: list[str] | None) -> dict[str, Path]:
    """Files by name from ``int8=model-int8.onnx``.

    Raises:
        UsageError: a text is not of that form, or a name comes twice.
    """
    variants: dict[str, Path] = {}
    for text in texts or ():
        name, sign, file = text.partition("=")
        if not sign or not name.strip() or not file.strip():
            raise UsageError(f"cannot read the variant {text!r}; write it like --variant int8=model-int8.onnx")
        if name.strip() in variants:
            raise UsageError(f"two variants are called {name.strip()!r}; give each another name")
        variants[name.strip()] = Path(file.strip())
    return variants


def parse_clients(text: str) -> Literal["internet", "in-region"]:
    """Where callers are, if that is a place infercost knows.

    Raises:
        UsageError: it is not.
    """
    for place in PLACES:
        if text == place:
            return place
    raise UsageError(f"--clients must be internet or in-region, got {text!r}")
