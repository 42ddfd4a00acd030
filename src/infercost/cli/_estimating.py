"""What ``estimate``, ``gate`` and ``demo`` share: from a path and options to an estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.cli import _options as options

if TYPE_CHECKING:
    from pathlib import Path

    from infercost.domain.estimate import Estimate


def run(
    source: Path,
    *,
    rps: float,
    slo: list[str] | None,
    region: list[str] | None = None,
    provider: list[str] | None = None,
    instance: list[str] | None = None,
    payload_in: str | None = None,
    payload_out: str | None = None,
    log_size: str = "256B",
    clients: str = "internet",
    overhead: str | None = None,
    min_replicas: int = 1,
    prices: str | None = None,
    discounts: Path | None = None,
    currency: str | None = None,
    fx: str | None = None,
    dim: list[str] | None = None,
    inputs: Path | None = None,
    budget: float = 20.0,
    device: str = "auto",
    fresh: bool = False,
    quiet: bool = False,
) -> Estimate:
    """Check every option before anything slow begins, then profile if needed, then price."""
    from infercost import app
    from infercost.cli import _output as output

    request, response = options.parse_size(payload_in, "--payload-in"), options.parse_size(payload_out, "--payload-out")
    logs = options.parse_size(log_size, "--log-size") or 0
    dims = options.parse_dims(dim)
    where, callers = options.parse_device(device), options.parse_clients(clients)
    question = app.ask(
        rps=rps,
        slo=slo or (),
        regions=region,
        providers=provider,
        instances=instance,
        payload_in_bytes=request,
        payload_out_bytes=response,
        log_bytes=logs,
        clients=callers,
        overhead_ms=None if overhead is None else options.parse_ms(overhead, "--overhead"),
        min_replicas=min_replicas,
        prices=prices,
        discounts=discounts,
        currency=currency,
        fx=fx,
    )
    with output.progress(quiet=quiet) as on_progress:
        measured = app.load_or_profile(
            source,
            dims=dims,
            inputs=inputs,
            budget_s=budget,
            device=where,
            use_cache=not fresh,
            on_progress=on_progress,
        )
    answer = app.answer(question, measured)
    output.warn((*measured.model.warnings, *measured.warnings), quiet=quiet)
    return answer


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
