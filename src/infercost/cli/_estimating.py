"""What ``estimate``, ``gate`` and ``demo`` share: from a target and options to an estimate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from infercost.cli import _options as options
from infercost.domain.errors import UsageError
from infercost.domain.traffic import Slo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infercost.app.pricing import Question
    from infercost.domain.estimate import Estimate
    from infercost.domain.profile import Profile
    from infercost.domain.project import Target


def described(
    *,
    rps: float | None = None,
    slo: list[str] | None = None,
    region: list[str] | None = None,
    provider: list[str] | None = None,
    instance: list[str] | None = None,
    payload_in: str | None = None,
    payload_out: str | None = None,
    log_size: str | None = None,
    clients: str | None = None,
    overhead: str | None = None,
    min_replicas: int | None = None,
    include: list[str] | None = None,
    calibration: Path | None = None,
) -> dict[str, Any]:
    """The options that describe a target, as fields of one; what was not given is None."""
    return {
        "rps": rps,
        "slo": Slo.parse(slo) if slo else None,
        "regions": tuple(region) if region else None,
        "providers": tuple(provider) if provider else None,
        "instances": tuple(instance) if instance else None,
        "payload_in_bytes": options.parse_size(payload_in, "--payload-in"),
        "payload_out_bytes": options.parse_size(payload_out, "--payload-out"),
        "log_bytes": options.parse_size(log_size, "--log-size"),
        "clients": None if clients is None else options.parse_clients(clients),
        "overhead_ms": None if overhead is None else options.parse_ms(overhead, "--overhead"),
        "min_replicas": min_replicas,
        "include": options.parse_included(include),
        "calibration": calibration,
    }


def choose(source: Path | None, config: Path | None, name: str | None, fields: dict[str, Any]) -> Target:
    """The target that the command line describes, or the one of the project file that it names."""
    from infercost.app import project

    if source is not None:
        return only(source, config, name, fields)
    return project.choose_target(project.read_targets(config, [name] if name else None, **fields))


def only(source: Path, config: Path | None, named: object, fields: dict[str, Any]) -> Target:
    """The target that the command line describes, without a project file.

    Raises:
        UsageError: a target of the project file is named too, or nobody says how many requests there are.
    """
    from infercost.domain.project import Target

    if named or (config is not None and not os.environ.get("INFERCOST_CONFIG")):
        raise UsageError(f"{source} is not in the project file; leave out either it, or --target and --config")
    if fields["rps"] is None:
        raise UsageError(f"--rps is missing: how many requests a second does {source} serve? for example --rps 50")
    return Target(name=source.stem, source=source, **fields)


def run(
    target: Target,
    *,
    prices: str | None = None,
    discounts: Path | None = None,
    currency: str | None = None,
    fx: str | None = None,
    dim: list[str] | None = None,
    inputs: Path | None = None,
    trust: bool = False,
    budget: float = 20.0,
    device: str = "auto",
    fresh: bool = False,
    quiet: bool = False,
) -> Estimate:
    """Check every option before anything slow begins, then profile if needed, then price."""
    from infercost import app

    money = {"prices": prices, "discounts": discounts, "currency": currency, "fx": fx}
    measuring = {"dim": dim, "inputs": inputs, "trust": trust, "budget": budget, "device": device, "fresh": fresh}
    question, measured = prepare(target, money, measuring, quiet=quiet)
    return app.answer(question, measured)


def prepare(target: Target, money: Mapping[str, Any], measuring: Mapping[str, Any], *, quiet: bool) -> tuple[Question, Profile]:
    """The checked question that a target asks, then its profile, which is measured if needed.

    Args:
        target: what is asked.
        money: ``prices``, ``discounts``, ``currency`` and ``fx`` as given.
        measuring: ``dim``, ``inputs``, ``trust``, ``budget``, ``device`` and ``fresh`` as given.
        quiet: no progress.
    """
    from infercost import app
    from infercost.app import project
    from infercost.cli import _output as output

    dims, where = options.parse_dims(measuring["dim"]), options.parse_device(measuring["device"])
    with project.telling(target):
        question = app.ask(**project.arguments(target), **money)
        with output.progress(quiet=quiet) as on_progress:
            measured = app.load_or_profile(
                target.source,
                dims=dims,
                inputs=measuring["inputs"],
                trust=measuring["trust"],
                budget_s=measuring["budget"],
                device=where,
                use_cache=not measuring["fresh"],
                on_progress=on_progress,
            )
    return question, measured


def exit_code(estimated: Estimate) -> int:
    """0 with a feasible candidate, 4 when prices are what is missing, else 3."""
    if estimated.candidates:
        return 0
    return 4 if estimated.summary.no_price and not estimated.summary.rejected else 3


def failure(estimated: Estimate) -> str:
    """One line that says why there is no answer."""
    if exit_code(estimated) == 4:
        return f"inconclusive: none of {estimated.summary.offers} offers has a price; try another --region"
    return (
        f"not met: none of {estimated.summary.offers} offers serves this traffic within the SLO; "
        "relax --slo, or make the model faster"
    )
