"""``infercost plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infercost.cli import _options as options
from infercost.cli import _traffic_options as traffic_options

if TYPE_CHECKING:
    from infercost.domain.capacity import CapacityPlan
    from infercost.domain.project import Target

_ENDPOINT = frozenset({".yml", ".yaml"})


def plan(
    source: options.ModelOrProfile = None,
    traffic: traffic_options.Traffic = None,
    slo: options.Slos = None,
    scale: traffic_options.Scale = None,
    peak: traffic_options.Peak = None,
    clip: traffic_options.Clip = None,
    repeat: traffic_options.Repeat = None,
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
    explain: Annotated[
        bool, typer.Option("--explain", help="Show replicas, queue and late requests over time, of the cheapest policy.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with charts, which needs no network.")
    ] = None,
    rank: Annotated[
        int, typer.Option("--rank", metavar="PLACE", help="Which policy an endpoint.yml takes; 1 is the cheapest.", min=1)
    ] = 1,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the endpoint in endpoint.yml. [default: the model's]")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Of everything random.", min=0)] = 0,
    top: Annotated[int, typer.Option("--top", metavar="ROWS", help="Instance types of each cloud to show.", min=1)] = 3,
    details: options.Details = False,
    fmt: traffic_options.PageFormat = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write the answer to this file instead of stdout; to a .yml, the endpoint that deploys the cheapest policy.",
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Find the cheapest policies for traffic that moves, by simulating each cloud's autoscaler.

    Exits 0 with a plan, 3 when nothing meets the SLO, 4 when no offer has a price.
    """
    from infercost.cli import _estimating, _output
    from infercost.cli import _planning as planning

    as_endpoint = out is not None and out.suffix.lower() in _ENDPOINT
    chosen = _output.choose_format(fmt, None if as_endpoint else out, pages=True)
    for file in (out, html):
        _output.check(file)
    if name is not None:
        planning.check_name(name)
    given = planning.require(traffic)
    workload = traffic_options.read_traffic(
        given,
        scale=scale,
        peak=peak,
        clip=clip,
        repeat=repeat,
        burstiness=burstiness,
        columns=traffic_column,
        classes=classes,
    )
    planning.check(workload)
    fields = _estimating.described(
        rps=workload.mean_rps,
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
    found = planning.run(
        asked,
        workload,
        {"prices": prices, "discounts": discounts, "currency": currency, "fx": fx},
        {"dim": dim, "inputs": inputs, "trust": trust, "budget": budget, "device": device, "fresh": fresh},
        seed=seed,
        top=top,
        explain=top if html is not None or chosen == "html" else int(explain),
        quiet=quiet,
    )
    _output.emit(found, chosen, None if as_endpoint else out, top=top, details=details, quiet=quiet)
    if html is not None:
        _output.emit(found, "html", html, top=top, quiet=quiet)
    if as_endpoint and out is not None and found.policies:
        _write_endpoint(found, asked, out, rank=rank, name=name, quiet=quiet)
    _output.warn(found.warnings, quiet=quiet or chosen in _output.SHOWS_WARNINGS)
    if not found.policies:
        code, why = planning.failure(found)
        typer.echo(why, err=True)
        raise typer.Exit(code)


def _write_endpoint(found: CapacityPlan, asked: Target, out: Path, *, rank: int, name: str | None, quiet: bool) -> None:
    """Write the endpoint of a policy; its model is named relative to the file."""
    from infercost.app.planning import endpoint_of
    from infercost.store.endpoints import write_endpoint

    endpoint = endpoint_of(found, rank=rank, name=name, model_path=_model_path(asked.source, out))
    write_endpoint(endpoint, out)
    if not quiet:
        typer.echo(f"wrote {out}: {endpoint.instance} in {endpoint.region} ({endpoint.provider})", err=True)


def _model_path(source: Path, out: Path) -> str | None:
    """The model's place as the endpoint file sees it; None where only a profile was given."""
    if source.suffix.lower() == ".json":
        return None
    import os

    return Path(os.path.relpath(source, out.parent)).as_posix()
