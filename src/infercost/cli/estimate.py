"""``infercost estimate``."""

from __future__ import annotations

import typer

from infercost.cli import _options as options


def estimate(
    source: options.ModelOrProfile = None,
    rps: options.Rps = None,
    slo: options.Slos = None,
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
    top: options.Top = 10,
    details: options.Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Rank every offer of three clouds by the full cost of serving this traffic within the SLO.

    Exits 0 with an answer, 3 when nothing meets the SLO, 4 when no offer has a price.
    """
    from infercost.cli import _estimating, _output

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
    estimated = _estimating.run(
        _estimating.choose(source, config, target, fields),
        prices=prices,
        discounts=discounts,
        currency=currency,
        fx=fx,
        dim=dim,
        inputs=inputs,
        trust=trust,
        budget=budget,
        device=device,
        fresh=fresh,
        quiet=quiet,
    )
    _output.emit(estimated, chosen, out, top=top, details=details, quiet=quiet)
    _output.warn(estimated.warnings, quiet=quiet or chosen in _output.SHOWS_WARNINGS)
    code = _estimating.exit_code(estimated)
    if code:
        typer.echo(_estimating.failure(estimated), err=True)
        raise typer.Exit(code)
