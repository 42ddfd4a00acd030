"""Every error a user can meet. One base class; the message ends with the next thing to type.

Each class also subclasses the builtin that it resembles, so that library users can
catch either. ``exit_code`` is what the command line returns (see docs/reference/exit-codes.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class InfercostError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is one line, fit for a terminal."""

    exit_code = 1


class UsageError(InfercostError, ValueError):
    """An argument, option or configuration value cannot be used."""

    exit_code = 2


class TrafficError(UsageError):
    """A traffic file cannot be read, or does not say what it must."""


class ModelError(InfercostError, ValueError):
    """The model file cannot be read, or ONNX Runtime cannot run it."""

    exit_code = 2


class InputsError(InfercostError, ValueError):
    """The sample inputs do not fit the model."""

    exit_code = 2


class ArtifactError(InfercostError, ValueError):
    """A file that should hold a profile, an estimate or a catalog does not."""

    exit_code = 2


class OutputError(InfercostError, OSError):
    """An output cannot be written."""

    exit_code = 2


class MissingExtraError(InfercostError, ImportError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an extra that is not installed; run: pip install 'infercost[{extra}]'")
        self.extra = extra


class UnknownNameError(UsageError, LookupError):
    """A provider, region or instance type that the price book does not know."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        from difflib import get_close_matches  # costs more than all else here, and only errors need it

        known = sorted(known)
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        suggestion = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known[:8])}"
        if not near and len(known) > 8:
            suggestion += f" … ({len(known)} in all)"
        super().__init__(f"unknown {kind} {name!r}; {suggestion}{' ' + hint if hint else ''}")
        self.kind = kind
        self.name = name
        self.suggestions = tuple(near)


class NoPriceError(InfercostError, LookupError):
    """A price is not in the book. It is never replaced by zero or by a neighbour's price."""

    exit_code = 4


class NoisyMachineError(InfercostError, RuntimeError):
    """The machine is too busy for a measurement, and a busy one was to be refused."""

    exit_code = 4


class BudgetBreach(InfercostError):  # noqa: N818 - a verdict, not a fault
    """A budget or an SLO cannot be met."""

    exit_code = 3


class ProviderError(InfercostError, ConnectionError):
    """A cloud, its network or its credentials failed."""

    exit_code = 5
