"""``infercost gate``."""

from __future__ import annotations

from typing import Annotated

import typer

from infercost.cli import _options as options


def gate(
    source: options.ModelOrProfile,
    rps: options.Rps,
    slo: options.Slos = None,
    max_monthly: Annotated[str | None, typer.Option("--max-monthly", help="Budget a month, in the --currency.")] = None,
    max_per_million: Annotated[
        str | None, typer.Option("--max-per-million", help="Budget per million inferences, in the --currency.")
    ] = None,
    max_p99: Annotated[str | None, typer.Option("--max-p99", help="Budget on p99 latency, for example 80ms.")] = None,
    max_price_age: Annotated[
        int | None, typer.Option("--max-price-age", help="Days; older prices make the gate inconclusive.", min=0)
    ] = None,
    region: options.Regions = None,
    provider: options.Providers = None,
    instance: options.Instances = None,
    payload_in: options.PayloadIn = None,
    payload_out: options.PayloadOut = None,
    log_size: options.LogSize = "256B",
    clients: options.Clients = "internet",
    overhead: options.Overhead = None,
    min_replicas: options.MinReplicas = 1,
    prices: options.Prices = None,
    offline: options.Offline = False,  # noqa: ARG001 - nothing here uses a network; scripts may say so everywhere
    discounts: options.Discounts = None,
    currency: options.Currency = None,
    fx: options.Fx = None,
    dim: options.Dims = None,
    inputs: options.InputsFile = None,
    budget: options.Budget = 20.0,
    device: options.Device = "auto",
    fresh: options.Fresh = False,
    details: options.Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Judge the cheapest way to serve this traffic against budgets; made for CI.

    Exits 0 on pass, 3 on breach, 4 when inconclusive: the band straddles the budget, or a price is missing or stale.
    """
    from infercost import app
    from infercost.cli import _estimating, _output

    limit_ms = None if max_p99 is None else options.parse_ms(max_p99, "--max-p99")
    limits = app.budget(max_monthly, max_per_million, limit_ms, max_price_age)
    chosen = _output.choose_format(fmt, out)
    _output.check(out)
    estimated = _estimating.run(
        source,
        rps=rps,
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
        prices=prices,
        discounts=discounts,
        currency=currency,
        fx=fx,
        dim=dim,
        inputs=inputs,
        budget=budget,
        device=device,
        fresh=fresh,
        quiet=quiet,
    )
    verdict = app.judge(estimated, limits)
    _output.emit(verdict, chosen, out, details=details, quiet=quiet)
    _output.warn((*estimated.warnings, *verdict.warnings), quiet=quiet or chosen in _output.SHOWS_WARNINGS)
    typer.echo(f"gate: {verdict.outcome}", err=True)
    raise typer.Exit(verdict.exit_code)
