"""``infercost modes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from infercost.cli import _options as options
from infercost.cli import _traffic_options as traffic_options

if TYPE_CHECKING:
    from infercost.domain.capacity import Crossover

_DAY_S = 86_400.0


def modes(
    source: options.ModelOrProfile = None,
    slo: options.Slos = None,
    levels: Annotated[
        str,
        typer.Option("--levels", metavar="REQUESTS", help="Requests a day, for example 100,10k,1M.", envvar="INFERCOST_LEVELS"),
    ] = "100,1k,10k,100k,1M,10M",
    traffic: Annotated[
        str | None,
        typer.Option(
            "--traffic",
            metavar="SOURCE",
            help="A file or shape whose ups and downs are scaled to each level, for example diurnal:peak=10,trough=1. "
            "[default: steady, Poisson]",
        ),
    ] = None,
    burstiness: traffic_options.Burstiness = None,
    traffic_column: traffic_options.TrafficColumn = None,
    classes: traffic_options.Classes = None,
    target: options.TargetName = None,
    config: options.Config = None,
    region: options.Regions = None,
    provider: options.Providers = None,
    instance: options.Instances = None,
    payload_in: options.PayloadIn = None,
    payload_out: options.PayloadOut = None,
    log_size: options.LogSize = None,
    clients: options.Clients = None,
    overhead: options.Overhead = None,
    min_replicas: options.MinReplicas = None,
    include: options.Include = None,
    prices: options.Prices = None,
    offline: options.Offline = False,  # noqa: ARG001 - nothing here uses a network; scripts may say so everywhere
    discounts: options.Discounts = None,
    calibration: options.Calibration = None,
    currency: options.Currency = None,
    fx: options.Fx = None,
    dim: options.Dims = None,
    inputs: options.InputsFile = None,
    trust: options.Trust = False,
    budget: options.Budget = 20.0,
    device: options.Device = "auto",
    fresh: options.Fresh = False,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of everything random.", min=0)] = 0,
    details: options.Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare real-time, serverless, asynchronous, batch and scaled-to-zero serving by requests a day.

    Exits 0 with a table, 3 when the model fits no mode of any cloud, 4 when none that it fits has a price.
    """
    from infercost.app.modes import answer_modes, provisioned_prices, read_levels
    from infercost.cli import _estimating, _output

    chosen = _output.choose_format(fmt, out)
    _output.check(out)
    wanted = read_levels(levels)
    shape = None
    if traffic is not None:
        shape = traffic_options.read_traffic(traffic, burstiness=burstiness, columns=traffic_column, classes=classes)
    fields = _estimating.described(
        rps=wanted[0] / _DAY_S,
        slo=slo,
        region=region,
        provider=provider,
        instance=instance,
        payload_in=payload_in,
        payload_out=payload_out,
        log_size=log_size,
        clients=clients,
        overhead=overhead,
        min_replicas=min_replicas,
        include=include,
        calibration=calibration,
    )
    asked = _estimating.choose(source, config, target, fields)
    money = {"prices": prices, "discounts": discounts, "currency": currency, "fx": fx, "every_mode": True}
    measuring = {"dim": dim, "inputs": inputs, "trust": trust, "budget": budget, "device": device, "fresh": fresh}
    question, measured = _estimating.prepare(asked, money, measuring, quiet=quiet)
    with _output.spinner("simulating", quiet=quiet):
        extras = provisioned_prices(question, prices)
        found = answer_modes(question, measured, wanted, shape, seed=seed, extras=extras)
    _output.emit(found, chosen, out, details=details, quiet=quiet)
    _output.warn(found.warnings, quiet=quiet or chosen in _output.SHOWS_WARNINGS)
    if all(point.per_month is None for point in found.points):
        code, why = _failure(found)
        typer.echo(why, err=True)
        raise typer.Exit(code)


def _failure(found: Crossover) -> tuple[int, str]:
    """Exit code and one line that says why there is no figure."""
    if all("no price" in (point.note or "") or "not sold" in (point.note or "") for point in found.points):
        return 4, "inconclusive: no mode has a price; try another --region"
    return 3, "not met: no mode serves the model; --details has why, and: infercost estimate"
