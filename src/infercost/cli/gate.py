"""``infercost gate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infercost.cli import _options as options

if TYPE_CHECKING:
    from infercost.domain.verdict import Verdict, Verdicts


def gate(
    source: options.ModelOrProfile = None,
    rps: options.Rps = None,
    slo: options.Slos = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", metavar="NAME", help="Only this target of the project file. Repeat for several. [default: all]"
        ),
    ] = None,
    config: options.Config = None,
    max_monthly: Annotated[
        str | None, typer.Option("--max-monthly", metavar="AMOUNT", help="Budget a month, in the --currency.")
    ] = None,
    max_per_million: Annotated[
        str | None,
        typer.Option("--max-per-million", metavar="AMOUNT", help="Budget per million inferences, in the --currency."),
    ] = None,
    max_p99: Annotated[
        str | None, typer.Option("--max-p99", metavar="TIME", help="Budget on p99 latency, for example 80ms.")
    ] = None,
    max_price_age: Annotated[
        int | None,
        typer.Option("--max-price-age", metavar="DAYS", help="Days; older prices make the gate inconclusive.", min=0),
    ] = None,
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
    details: options.Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Ask whether this traffic can be served within budgets, by the cheapest candidate that keeps them all; made for CI.

    Without a model or profile, every target of infercost.yml is judged by its own budget.

    Exits 0 on pass, 3 on breach, 4 when inconclusive: the band straddles the budget, or a price is missing or stale.
    """
    from infercost import app
    from infercost.cli import _estimating, _output

    limit_ms = None if max_p99 is None else options.parse_ms(max_p99, "--max-p99")
    given = (max_monthly, max_per_million, limit_ms, max_price_age)
    limits = app.limits(*given) if source is None else app.budget(*given)
    chosen = _output.choose_format(fmt, out)
    _output.check(out)
    fields = _estimating.described(
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
        include=include,
        calibration=calibration,
    )
    paid: dict[str, Any] = {"prices": prices, "discounts": discounts, "currency": currency, "fx": fx}
    verdict: Verdict | Verdicts
    if source is None:
        from infercost.app.project import gate_targets, read_targets

        targets = read_targets(config, target, **fields, budget=limits)
        measuring: dict[str, Any] = {
            "dims": options.parse_dims(dim),
            "device": options.parse_device(device),
            "use_cache": not fresh,
            "trust": trust,
        }
        with _output.progress(quiet=quiet) as on_progress:
            verdict = gate_targets(targets, **paid, inputs=inputs, budget_s=budget, **measuring, on_progress=on_progress)
        told = list(verdict.warnings)
    else:
        alone = _estimating.only(source, config, target, fields)
        estimated = _estimating.run(
            alone, **paid, dim=dim, inputs=inputs, trust=trust, budget=budget, device=device, fresh=fresh, quiet=quiet
        )
        verdict = app.judge(estimated, limits)
        told = [*estimated.warnings, *verdict.warnings]
    _output.emit(verdict, chosen, out, details=details, quiet=quiet)
    _output.warn(told, quiet=quiet or chosen in _output.SHOWS_WARNINGS)
    typer.echo(f"gate: {verdict.outcome}", err=True)
    raise typer.Exit(verdict.exit_code)
