"""``infercost demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from infercost.cli import _options as options


def demo(
    rps: Annotated[float, typer.Option("--rps", metavar="RATE", help="Mean requests a second.")] = 50.0,
    slo: Annotated[
        list[str] | None, typer.Option("--slo", metavar="PROMISE", help="Latency promise. [default: p99=100ms]")
    ] = None,
    budget: Annotated[float, typer.Option("--budget", metavar="SECONDS", help="Seconds to spend measuring.", min=0.5)] = 8.0,
    top: options.Top = 10,
    quiet: options.Quiet = False,
) -> None:
    """The whole job on a small real model that ships with infercost: measure, price, rank."""
    from infercost import app
    from infercost.cli import _estimating, _output

    model = app.demo_model()
    promises = slo or ["p99=100ms"]
    if not quiet:
        typer.echo(f"measuring the shipped digit classifier on this machine (about {budget:g} s) …", err=True)
    target = _estimating.only(model, None, None, _estimating.described(rps=rps, slo=promises))
    estimated = _estimating.run(target, budget=budget, quiet=quiet)
    _output.emit(estimated, "table", None, top=top)
    if not quiet:
        typer.echo(f"\nyour own model: infercost estimate model.onnx --rps {rps:g} --slo {promises[0]}", err=True)
    code = _estimating.exit_code(estimated)
    if code:
        typer.echo(_estimating.failure(estimated), err=True)
        raise typer.Exit(code)
