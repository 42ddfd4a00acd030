"""Figures and words for people: money, bands, times, sizes, safe text.

Output stays within characters that every common terminal encoding holds (no box drawing,
no ``≤``), so that a pipe on a legacy code page does not fail.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infercost.domain.estimate import Band, Candidate, Replicas
    from infercost.domain.model import ModelFacts, TensorFacts
    from infercost.domain.prediction import Serving
    from infercost.domain.profile import Profile, Served
    from infercost.domain.traffic import Slo, Traffic

NO_PRICE = "no price"


def clean(text: str) -> str:
    """Text from a file made safe to print: no control or escape characters, one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def amount(value: Decimal, *, digits: int = 3, cents: int = 2) -> str:
    """A number at a precision that suits its size: ``0.0123``, ``1.23``, ``12.30``, ``1,234``.

    Args:
        value: any decimal; a value that is not zero never becomes one.
        digits: significant digits of numbers below 1.
        cents: decimal places of numbers from 1 to 100, and the fewest below 1.
    """
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 1:
        return f"{value:.{cents}f}"
    if not size:
        return "0"
    text = f"{value:.{digits - 1 - size.adjusted()}f}"
    whole, _, places = text.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(cents, '0')}"


def symbol(currency: str) -> str:
    """What stands before an amount: ``$``, or the currency's code and a space."""
    return "$" if currency == "USD" else f"{currency} "


def money(value: Decimal | None, symbol: str = "$") -> str:
    """``$1.23``; a missing price is ``no price``, never 0."""
    if value is None:
        return NO_PRICE
    return f"-{symbol}{amount(-value)}" if value < 0 else f"{symbol}{amount(value)}"


def span(band: Band) -> str:
    """The interval of a figure, ``0.90–1.80``; empty where it has no width."""
    low = amount(band.low)
    if band.high is None:
        return f"{low} and up"
    high = amount(band.high)
    return "" if low == high else f"{low}–{high}"


def banded(band: Band, symbol: str = "$") -> str:
    """A figure and its interval, ``$1.23 (0.90–1.80)``."""
    interval = span(band)
    return f"{money(band.likely, symbol)} ({interval})" if interval else money(band.likely, symbol)


def milliseconds(value: float) -> str:
    """Three significant digits: ``45.6 µs``, ``12.3 ms``, ``134 ms``, ``1.34 s``."""
    if value < 0.09995:
        return f"{value * 1e3:.3g} µs"
    if value >= 999.5:
        return f"{_three(value / 1e3)} s"
    return f"{_three(value)} ms"


def banded_milliseconds(band: Band) -> str:
    """A time and its interval, ``63.2 ms (46.8–85.3)``."""
    likely, low = milliseconds(float(band.likely)), milliseconds(float(band.low))
    if band.high is None:
        return f"{likely} ({low} and up)"
    high = milliseconds(float(band.high))
    if low == high:
        return likely
    unit = f" {likely.split()[-1]}"
    if low.endswith(unit) and high.endswith(unit):
        return f"{likely} ({low.removesuffix(unit)}–{high.removesuffix(unit)})"
    return f"{likely} ({low}–{high})"


def rate(value: float) -> str:
    """Three significant digits of what happens in a second: ``0.512``, ``81.9``, ``1,204``."""
    return _three(value)


def _three(value: float) -> str:
    for limit, places in ((0.9995, 3), (9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{places}f}"
    return f"{value:,.0f}"


def quantity(value: float | Decimal) -> str:
    """A count or volume with four significant digits at most: ``1,460``, ``131.4 million``."""
    number = Decimal(str(value))
    for limit, word in ((Decimal(10) ** 12, " trillion"), (Decimal(10) ** 9, " billion"), (Decimal(10) ** 6, " million")):
        if abs(number) >= limit:
            return f"{number / limit:,.4g}{word}"
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number.normalize():f}" if len(number.normalize().as_tuple().digits) <= 4 else _four(number)


def _four(number: Decimal) -> str:
    text = f"{number:.{max(0, 3 - number.adjusted())}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def size(value: float) -> str:
    """Bytes in decimal units: ``602 kB``, ``1.21 GB``."""
    for unit, limit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def percent(share: float) -> str:
    """A share as whole per cent, with what rounds to nothing said to be under one."""
    value = share * 100
    return "under 1 %" if 0 < value < 0.5 else f"{value:.0f} %"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 offer``, ``1,234 offers``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def promises(slo: Slo) -> str:
    """The SLO in words."""
    if not slo.targets:
        return "no latency promise"
    return ", ".join(f"{target.metric} at most {limit(target.limit_ms)}" for target in slo.targets)


def limit(value_ms: float) -> str:
    """A limit as the user wrote it, without padding: ``100 ms``, ``1.5 s``."""
    return f"{value_ms / 1e3:g} s" if value_ms >= 1000 else f"{value_ms:g} ms"


def question(name: str, traffic: Traffic, slo: Slo) -> str:
    """What was asked, in one line."""
    rate = f"{traffic.rps:,.6g}"
    return f"{clean(name)} at {rate} {'request' if traffic.rps == 1 else 'requests'}/s, {promises(slo)}"


def payload(traffic: Traffic) -> str:
    """What one request carries and costs beside the model, and where callers are."""
    where = {"internet": "callers on the internet", "in-region": "callers in the region"}[traffic.clients]
    carried = f"{size(traffic.payload_in_bytes)} in, {size(traffic.payload_out_bytes)} out"
    return f"{carried} and {milliseconds(traffic.overhead_ms)} of server time beside the model, {where}"


def replicas(value: Replicas) -> str:
    """``2``, or ``1–4`` where their number varies over the month."""
    return f"{value.min:,}" if value.min == value.max else f"{value.min:,}–{value.max:,}"


def instance(candidate: Candidate) -> str:
    """Instance type, with the mode where that is not plain."""
    name = clean(candidate.instance_type)
    plain = candidate.mode == "realtime" or candidate.mode in name.lower()
    return name if plain else f"{candidate.mode} {name}"


def workers(serving: Serving) -> str:
    """``4w×2t``: workers and the threads of each."""
    return f"{serving.workers}w×{serving.threads}t"


def batch(serving: Serving) -> str:
    """``batch 8``."""
    return f"batch {serving.max_batch}"


def certainty(candidate: Candidate) -> str:
    """Provenance and band: ``modelled ±35 %``."""
    return f"{candidate.provenance} ±{candidate.band * 100:.0f} %" if candidate.band else candidate.provenance


def price(value: Decimal | None, symbol: str = "$") -> str:
    """A list price of one unit, less rounded than a total: ``$0.1071``, ``$4.8468``."""
    if value is None:
        return NO_PRICE
    if abs(value) < 1:
        return f"{symbol}{amount(value, digits=4)}"
    whole, _, places = f"{value:,.4f}".partition(".")
    return f"{symbol}{whole}.{places.rstrip('0').ljust(2, '0')}"


def tensor(value: TensorFacts) -> str:
    """``x: float32 [batch, 3, 224, 224], measured as [1, 3, 224, 224]``."""
    shape = ", ".join("?" if d is None else clean(str(d)) for d in value.shape)
    bound = ""
    if value.bound_shape is not None and tuple(value.shape) != value.bound_shape:
        bound = f", measured as [{', '.join(map(str, value.bound_shape))}]"
    return f"{clean(value.name)}: {clean(value.dtype)} [{shape}]{bound}"


def measured_on(profile: Profile) -> str:
    """What was measured, and where, as a title."""
    if profile.served is not None:
        place = "this machine" if profile.served.loopback else "another machine"
        return f"{clean(profile.model.name)}, served by {place}, measured from outside"
    return f"{clean(profile.model.name)}, measured on {clean(profile.machine.cpu_model)}"


def served_lines(served: Served) -> list[str]:
    """An endpoint: protocol, server, requests and those that failed."""
    failed = ", ".join(f"{clean(reason)} × {count:,}" for reason, count in served.errors.items())
    return [
        f"{clean(served.path)} by {served.protocol}",
        f"server {clean(served.server)}, platform {clean(served.platform)}",
        f"{served.requests:,} requests, {f'failed: {failed}' if failed else 'none failed'}",
    ]


def conversion_lines(model: ModelFacts) -> list[str]:
    """How a model became ONNX, and how far from the original it was found; nothing where it always was."""
    made = model.conversion
    if made is None:
        return []
    labels = f", {made.labels:,} labels agree" if made.labels else ""
    items = f"{made.rows:,} {'given' if made.samples == 'inputs' else made.samples} items"
    apart = f"{made.max_rel_error:.1g} ({made.max_abs_error:.1g} absolute)"
    return [f"by {clean(made.converter)}", f"differs by at most {apart} on {items}{labels}"]


def model_line(model: ModelFacts) -> str:
    """Format, size and arithmetic of a model, in one line."""
    flops = "FLOPs unknown" if model.flops_per_item is None else f"{quantity(model.flops_per_item)} FLOPs an item"
    if model.flops_per_item is not None and model.flops_coverage < 1:
        flops += f" (from {percent(model.flops_coverage)} of the nodes)"
    return f"{model.format} opset {model.opset}, {quantity(model.parameters)} parameters, {size(model.file_bytes)}, {flops}"
