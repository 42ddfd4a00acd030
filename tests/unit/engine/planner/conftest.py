"""A small world for the planner: one cloud, an hour or two of traffic that swings, replicas that start in a minute."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from infercost.domain.prediction import Serving
from infercost.domain.provider import HostingRules
from infercost.domain.scaling import ScalingOption, ScalingPolicy, ScalingRules
from infercost.domain.traffic import Slo
from infercost.engine.planner.bounds import carried_rps
from infercost.engine.planner.choices import Choice, Limits
from infercost.engine.planner.demand import Demand
from infercost.engine.planner.screening import Cloud, Screen
from infercost.engine.planner.settings import Setting
from infercost.engine.planner.sites import Site, sites
from infercost.engine.simulate import arrivals

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTING = HostingRules(
    min_replicas=1,
    recommended_min_replicas=1,
    billing_granularity_s=1.0,
    minimum_billed_s=0.0,
    max_payload_bytes=None,
    memory_reserved_gib=0.0,
    source="test",
)
INVOCATIONS = ScalingOption(kind="target_tracking", metric="invocations")
CONCURRENCY = ScalingOption(kind="target_tracking", metric="concurrency")
BUSY = ScalingOption(kind="vertex", metric="utilization", default_target=60.0)
AZURE = ScalingOption(kind="azure", metric="utilization", default_target=70.0)


def rules(*options: ScalingOption, **changes: Any) -> ScalingRules:
    given: dict[str, Any] = {"max_replicas": 20, "start_s": 60.0, "source": "test"}
    return ScalingRules(options=options or (INVOCATIONS,), **(given | changes))


def swing(minutes: int = 60, low: float = 4.0, high: float = 30.0, factor: float = 1.0) -> Sequence[int]:
    """Requests a minute of a rate that swings once every 40 minutes."""
    phase = 2 * np.pi * np.arange(minutes) / 40
    rate = low + (high - low) * (1 - np.cos(phase)) / 2
    return [int(n) for n in np.round(60 * rate * factor)]


def demand(counts: Sequence[int] | None = None, *, bin_s: float = 60.0, seed: int = 0, **changes: Any) -> Demand:
    return Demand(arrivals.counts(swing() if counts is None else counts, bin_s), seed, **changes)


def setting(*, workers: int = 1, batch: int = 1, ms: float = 80.0, full_ms: float | None = None, **changes: Any) -> Setting:
    given: dict[str, Any] = {
        "provider": "cloud",
        "instance_type": "m.large",
        "accelerator": None,
        "serving": Serving(workers=workers, threads=1, max_batch=batch),
        "single_s": ms / 1e3,
        "full_s": (ms if full_ms is None else full_ms) / 1e3,
        "cv": 0.1,
        "provenance": "modelled",
        "band": 0.3,
    }
    return Setting(**(given | changes))


def choice(
    *,
    of: Setting | None = None,
    target: float | None = 500.0,
    low: int = 1,
    high: int = 12,
    routing: str = "random",
    **changes: Any,
) -> Choice:
    kind = changes.pop("kind", "target_tracking")
    metric = changes.pop("metric", "invocations")
    policy = (
        ()
        if target is None
        else (ScalingPolicy(kind=kind, metric=metric, target=target, settings=changes.pop("settings", {})),)
    )
    given: dict[str, Any] = {"initial": low}
    return Choice(
        setting=of or setting(),
        routing=routing,
        limits=Limits(min=low, max=high, schedule=changes.pop("schedule", ())),
        scaling=policy,
        **(given | changes),
    )


def screen(
    traffic: Demand | None = None, slo: str = "p95=400ms", *, scaling: ScalingRules | None = None, **changes: Any
) -> Screen:
    cloud = Cloud(hosting=HOSTING, scaling=scaling or rules(), min_replicas=changes.pop("min_replicas", 1))
    return Screen(traffic or demand(), Slo.parse(slo), {"cloud": changes.pop("cloud", cloud)}, 0.0)


def carried(of: Setting, slo: Slo) -> float:
    return float(carried_rps([of], slo)[0])


@pytest.fixture(scope="session")
def world(build: SimpleNamespace) -> SimpleNamespace:
    """The builders of this module, by name."""

    def site(*offers: Any, charges: tuple[Any, ...] = (), rates: tuple[Any, ...] = (), rps: float = 10.0) -> Site:
        from infercost.engine.quote import Quoter

        book = build.catalog(*(offers or (build.offer(),)), rates=rates)
        quoter = Quoter(build.provider(*charges), book, build.traffic(rps), build.profile())
        found, _ = sites([book], {"cloud": quoter}, {"cloud": tuple(book.regions)})
        return found["cloud", "m.large"]

    names = (rules, swing, demand, setting, choice, screen, carried, site)
    return SimpleNamespace(
        **{f.__name__: f for f in names},
        HOSTING=HOSTING,
        INVOCATIONS=INVOCATIONS,
        CONCURRENCY=CONCURRENCY,
        BUSY=BUSY,
        AZURE=AZURE,
        Slo=Slo,
        Cloud=Cloud,
        Limits=Limits,
    )
