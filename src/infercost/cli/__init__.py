"""The command line: each command parses, calls :mod:`infercost.app`, renders.

Nothing heavy is imported here: ``infercost --help`` must cost no more than twice a bare Typer app.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from infercost._version import __version__
from infercost.cli import calibrate, demo, doctor, estimate, gate, init, inspect, modes, plan, prices, profile, schema, traffic
from infercost.domain.errors import InfercostError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["app", "main"]

EPILOG = (
    "Exit codes: 0 done or passed, 1 internal error, 2 usage or input, 3 budget or SLO not met, "
    "4 inconclusive or no price, 5 cloud or network, 130 interrupted."
)


class Commands(TyperGroup):
    """Turns errors that a user can meet into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted; nothing was written", err=True)
            raise typer.Exit(130) from None
        except InfercostError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            # The reader went away (`| head`): not our failure, and nothing more can be said to it.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - must outlive this call
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if _is_usage(error) or os.environ.get("INFERCOST_TRACEBACK"):
                raise
            typer.echo(
                f"internal error: {type(error).__name__}: {error}; this is a bug, "
                "run again with INFERCOST_TRACEBACK=1 and report what it prints",
                err=True,
            )
            raise typer.Exit(1) from None


def _is_usage(error: Exception) -> bool:
    """Whether the parser raised it: those print their own usage line and exit with 2."""
    return hasattr(error, "exit_code") and hasattr(error, "format_message")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"infercost {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="infercost",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="What one inference costs on SageMaker, Vertex AI and Azure ML, all in, before you deploy.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What one inference costs on SageMaker, Vertex AI and Azure ML, all in, before you deploy."""


app.command(short_help="The whole job on a small real model that ships with it.")(demo.demo)
app.command(short_help="Measure a model on this machine.")(profile.profile)
app.command(short_help="Rank every offer of three clouds by full cost.")(estimate.estimate)
app.command(short_help="The cheapest policies for traffic that moves.")(plan.plan)
app.command(short_help="Real-time, serverless, async, batch: which is cheapest from where.")(modes.modes)
app.command(short_help="Judge the cost against budgets: exit 0, 3 or 4.")(gate.gate)
app.command(short_help="Begin an infercost.yml: targets, traffic, budgets.")(init.init)
app.command(short_help="What this machine attains, what is installed, how old prices are.")(doctor.doctor)
app.command(short_help="What a model file says, without running it.")(inspect.inspect)
app.command(short_help="What is understood of a traffic file or shape.")(traffic.traffic)
app.command(short_help="Print the JSON Schema of an artifact or of infercost.yml.")(schema.schema)
app.add_typer(calibrate.app, name="calibrate", short_help="Let your own measurements move predictions.")
app.add_typer(prices.app, name="prices", short_help="Look into the price book, refresh, compare, check and pin it.")


def main() -> None:
    """Run the command line of this process; :mod:`infercost.__main__` is the way in."""
    signal.signal(signal.SIGTERM, _terminate)
    prepare_streams()
    # A command lives for seconds and pricing makes thousands of values that all stay: collecting
    # cycles finds none and takes a fifth of an estimate's time (docs/benchmarks.md).
    gc.disable()
    app()


def _terminate(_signal: int, _frame: object) -> None:
    # As an exception it unwinds: workers are stopped and temporary folders removed.
    sys.exit(143)


def prepare_streams() -> None:
    """Make stdout and stderr able to take any text.

    Data that goes to a file or a pipe is UTF-8 whatever the locale; a terminal shows ``?`` for what
    it cannot show; a stream that the caller closed swallows what is said.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - lives as long as we do
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
