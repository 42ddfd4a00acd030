"""What arrives, and what was promised."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from infercost.domain.errors import UsageError

MIN_RPS = 1e-6
"""About 2.6 requests a month: with fewer, a month's bill says nothing of the cost of a request."""
MAX_RPS = 10_000_000.0

LOG_BYTES = 256
"""Log volume of a request unless the user says otherwise: one access-log line. An assumption."""

_UNIT_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "": 1.0}
_SLO = re.compile(r"(?P<p>p\d{2}(?:\.\d+)?|mean)\s*(?:=|<=|<)\s*(?P<value>[0-9.]+(?:e[+-]?\d+)?)\s*(?P<unit>us|ms|s|)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Steady Poisson arrivals, one item a request. Sizes in bytes a request."""

    rps: float
    """Mean requests a second."""
    payload_in_bytes: int
    payload_out_bytes: int
    log_bytes: int = LOG_BYTES
    """Log volume a request; an assumption unless the user gives it."""
    clients: Literal["internet", "in-region"] = "internet"
    """Where callers are: responses to ``internet`` pay egress, ``in-region`` ones do not."""
    overhead_ms: float = 0.2
    """CPU milliseconds a request costs the serving stack beside the model: HTTP, checking and copying
    tensors. An assumption unless the user gives it; see ``infercost.engine.overhead``."""
    arrivals: Literal["poisson"] = "poisson"
    include: dict[str, float] = field(default_factory=dict)
    """Quantities a month of rates that no traffic tells of (hours of NAT, keys), by item and in the rate's unit."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.rps) or self.rps <= 0:
            raise UsageError(f"requests per second must be above 0, got {self.rps:g}; try --rps 50")
        if self.rps < MIN_RPS:
            least = f"{MIN_RPS:g}, about 2.6 a month"
            raise UsageError(f"{self.rps:g} requests per second is less than is modelled ({least}); try --rps {MIN_RPS:g}")
        if self.rps > MAX_RPS:
            raise UsageError(
                f"{self.rps:g} requests per second is beyond what is modelled ({MAX_RPS:g}); split the traffic over endpoints"
            )
        if not math.isfinite(self.overhead_ms) or self.overhead_ms < 0:
            raise UsageError(f"the serving overhead must not be negative, got {self.overhead_ms:g} ms; try --overhead 0.2ms")
        for item, quantity in self.include.items():
            if not math.isfinite(quantity) or quantity <= 0:
                raise UsageError(f"the quantity of {item} must be above 0, got {quantity:g}; try --include {item}=1")
        for name in ("payload_in_bytes", "payload_out_bytes", "log_bytes"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must not be negative, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SloTarget:
    """One latency promise: a percentile (``p50`` … ``p99.9``) or ``mean`` at or under a limit."""

    metric: str
    limit_ms: float

    @property
    def quantile(self) -> float | None:
        """0..1, or None for the mean."""
        return None if self.metric == "mean" else float(self.metric[1:]) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Latency promises, all of which must hold. Empty: no promise, only stability."""

    targets: tuple[SloTarget, ...] = ()

    @classmethod
    def parse(cls, text: str | list[str] | tuple[str, ...]) -> Slo:
        """Read ``p99=100ms``, ``p50=20ms,p99=0.1s`` or a list of such.

        Raises:
            UsageError: the text is not of that form, or a limit is not above zero.
        """
        parts = [text] if isinstance(text, str) else list(text)
        targets: dict[str, SloTarget] = {}
        for part in (piece.strip() for chunk in parts for piece in chunk.split(",")):
            match = _SLO.fullmatch(part)
            if match is None:
                raise UsageError(
                    f"cannot read the SLO {part!r}; write it like --slo p99=100ms (p50 … p99.9 or mean; us, ms or s)"
                )
            metric = match["p"].lower()
            try:
                limit = float(match["value"]) * _UNIT_MS[match["unit"].lower()]
            except ValueError:
                raise UsageError(f"cannot read the number in the SLO {part!r}; write it like --slo p99=100ms") from None
            if not math.isfinite(limit) or limit <= 0:
                raise UsageError(f"the SLO limit must be above 0, got {part!r}; write it like --slo p99=100ms")
            if metric in targets:
                raise UsageError(f"the SLO names {metric} twice; give each percentile once")
            targets[metric] = SloTarget(metric=metric, limit_ms=limit)
        return cls(targets=tuple(targets.values()))
