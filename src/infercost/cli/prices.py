"""``infercost prices``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infercost.cli import _options as options
from infercost.domain.errors import UsageError

app = typer.Typer(
    help="Look into the price book, refresh, compare, check and pin it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region", metavar="REGION", help="Region, provider:region, a glob, or all. Repeat for several. [default: one a cloud]"
    ),
]
Top = Annotated[int, typer.Option("--top", metavar="ROWS", help="Rows to show in a table; JSON and CSV hold all.", min=1)]
Details = Annotated[bool, typer.Option("--details", help="Show everything that is shortened otherwise.")]


@app.command(short_help="Prices with their unit, date, source, flags and history.")
def show(
    provider: options.Providers = None,
    region: Regions = None,
    instance: Annotated[
        list[str] | None,
        typer.Option(
            "--instance", metavar="TYPE", help="Instance type, serverless size or rate item; globs work. Repeat for several."
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="realtime, serverless, async, batch, rate, spot … Repeat for several. [default: all]",
        ),
    ] = None,
    prices: options.Prices = None,
    top: Top = 25,
    details: Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Show prices of the book: unit, date, source, flags, and what they were in older snapshots.

    Exits 4 when nothing that matches has a price.
    """
    from infercost.app.prices import show_prices
    from infercost.cli import _output

    found = show_prices(providers=provider, regions=region, names=instance, kinds=kind, prices=prices)
    _output.emit(found, _output.choose_format(fmt, out), out, top=top, details=details, quiet=quiet)
    if all(row.price is None for row in found.rows):
        names = ", ".join(dict.fromkeys(f"{row.name} in {row.region}" for row in found.rows[:3]))
        typer.echo(f"no price: {names} is listed without one; it is never replaced by another's", err=True)
        raise typer.Exit(4)


@app.command(short_help="Read the clouds' own price sources into the history.")
def refresh(
    provider: options.Providers = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="REGION", help="Only this region; the others keep their prices. Repeat for several."),
    ] = None,
    currency: Annotated[
        str, typer.Option("--currency", metavar="CODE", help="Ask for prices in this currency (Azure, Google).")
    ] = "USD",
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            help="Google API key with the Cloud Billing API.",
            envvar="GOOGLE_API_KEY",
            show_envvar=True,
        ),
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--endpoint",
            metavar="CLOUD=URL",
            help="A mirror in place of the official source: provider=URL. Repeat for several.",
        ),
    ] = None,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
) -> None:
    """Refresh prices from the clouds' own sources. One that fails stops no other; its last prices stay.

    Exits 0 when every cloud was refreshed, 5 when one was not.
    """
    if offline:
        raise UsageError("prices refresh needs the network; leave --offline out (or unset INFERCOST_OFFLINE)")
    from infercost.app.refreshing import refresh_prices
    from infercost.cli import _refreshing

    with _refreshing.progress(quiet=quiet) as (on_progress, say):
        outcomes = refresh_prices(
            providers=provider,
            regions=region,
            currency=currency,
            api_key=api_key,
            endpoints=_refreshing.endpoints(endpoint),
            on_progress=on_progress,
            on_outcome=lambda outcome: say(_refreshing.line(outcome), outcome.error is not None),
        )
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(5)


@app.command(short_help="What changed between two books, and what that does to an estimate.")
def diff(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Compare with the prices of this day. [default: the shipped ones]"),
    ] = None,
    provider: options.Providers = None,
    region: options.Regions = None,
    profile: Annotated[
        Path | None,
        typer.Option("--profile", metavar="FILE", help="A saved profile: say what the change does to its cheapest answer."),
    ] = None,
    rps: Annotated[float | None, typer.Option("--rps", metavar="RATE", help="Requests a second for --profile.")] = None,
    slo: options.Slos = None,
    top: Top = 10,
    details: Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Show what is not what it was: added, removed, dearer, cheaper, by cloud and by price.

    Without --profile, every target of infercost.yml is estimated at the old and at the new prices, if that file is here.
    """
    from infercost import app as use
    from infercost.app.prices import compare_prices
    from infercost.app.project import has_project, read_targets
    from infercost.cli import _output
    from infercost.domain.traffic import Slo

    if (profile is None) != (rps is None):
        raise UsageError("--profile and --rps belong together; give both, for example --profile profile.json --rps 50")
    targets = read_targets(slo=Slo.parse(slo) if slo else None) if profile is None and has_project() else ()
    found = compare_prices(
        since=since,
        providers=provider,
        regions=region,
        profile=None if profile is None else use.load_profile(profile),
        rps=rps,
        slo=slo or (),
        targets=targets,
    )
    _output.emit(found, _output.choose_format(fmt, out), out, top=top, details=details, quiet=quiet)


@app.command(short_help="Check that the prices can be right: exit 0 or 1.")
def verify(
    provider: options.Providers = None,
    prices: options.Prices = None,
    top: Top = 20,
    details: Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Run every integrity check and cross-check on the prices that estimates would use.

    Exits 0 when nothing is wrong that is not explained, else 1.
    """
    from infercost.app.prices import check_prices
    from infercost.cli import _output

    found = check_prices(providers=provider, prices=prices)
    _output.emit(found, _output.choose_format(fmt, out), out, top=top, details=details, quiet=quiet)
    if found.outcome == "fail":
        raise typer.Exit(1)


@app.command(short_help="Pin the current prices in infercost-prices.lock.")
def lock(
    prices: Annotated[
        str,
        typer.Option("--prices", metavar="DATE", help="Pin the prices of this day, or the latest.", envvar="INFERCOST_PRICES"),
    ] = "latest",
    provider: options.Providers = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The lock file.")] = Path("infercost-prices.lock"),
    quiet: options.Quiet = False,
) -> None:
    """Pin prices by date and SHA-256: every estimate and gate in this folder uses them until the lock changes.

    Commit the file, so that a change of prices is a change that someone reviews.
    """
    from infercost.app.prices import pin_prices

    pins = pin_prices(out, providers=provider, prices=prices)
    if not quiet:
        for name, pin in pins.items():
            typer.echo(f"{name}: {pin.as_of} ({pin.sha256[:12]})", err=True)
        typer.echo(f"wrote {out}", err=True)
