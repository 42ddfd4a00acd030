"""What the project file asks: estimates, verdicts and changes of its targets."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.app.opening import locate
from infercost.app.pricing import answer, ask
from infercost.app.profiling import load_or_profile
from infercost.domain.errors import InfercostError, UnknownNameError, UsageError
from infercost.domain.verdict import SEVERITY, Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from infercost.app.pricing import Question
    from infercost.domain.discount import Discounts
    from infercost.domain.price import Catalog, ExchangeRate
    from infercost.domain.profile import Profile
    from infercost.domain.project import Target
    from infercost.domain.verdict import Budget, Verdict
    from infercost.runtime.measure import Progress

__all__ = ["arguments", "choose_target", "gate_targets", "has_project", "init_project", "read_targets", "telling"]

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_STARTER = """\
# What is served here, how much of it, and within which limits. Every key: docs/howto/project-file.md
#
#   infercost gate               judges every target: exit 0, 3 (over budget) or 4 (inconclusive)
#   infercost estimate           ranks the offers for one target (--target NAME where there are several)
#   infercost prices diff        says what a change of prices does to each target
version: 1

defaults:                        # for every target that does not say otherwise
  slo: p99=100ms

targets:
  {name}:
    source: {source}
    rps: 50                      # mean requests a second
    # regions: [us-east-1]       # left out: one default region a cloud
    # providers: [sagemaker]     # left out: all
    # instances: [ml.c7i.*]      # left out: all
    # payload_in: 150kB          # left out: the model's input tensors
    # payload_out: 2kB           # left out: the model's output tensors
    # clients: in-region         # left out: internet, so that responses pay egress
    # min_replicas: 2            # for availability
    budget:
      max_monthly: 500
      # max_per_million: 4
      # max_p99: 80ms
      # max_price_age: 90        # days
    # waivers:                   # a breach that someone answers for, until a day
    #   - {{check: monthly, until: 2027-01-31, owner: ana@example.com, reason: migration}}
"""


def read_targets(
    config: str | os.PathLike[str] | None = None, names: Sequence[str] | None = None, **changes: Any
) -> tuple[Target, ...]:
    """The targets of a project file.

    Args:
        config: the file; None takes ``infercost.yml`` in the working directory.
        names: only these targets.
        **changes: fields of :class:`~infercost.domain.project.Target` that replace what the file says,
            where they are not None. A budget replaces the limits that it holds.

    Raises:
        UsageError: there is no such file, or it cannot be used; the message names the place.
        UnknownNameError: the file has no target of that name.
    """
    from infercost.registry import provider_names
    from infercost.store.project import PROJECT_FILE, find_project, read_project

    path = find_project() if config is None else Path(config)
    if path is None:
        raise UsageError(
            f"there is no {PROJECT_FILE} here; name a model or a saved profile, or begin a project file with: infercost init"
        )
    project = read_project(path, provider_names())
    known = [target.name for target in project.targets]
    for name in names or ():
        if name not in known:
            raise UnknownNameError("target", name, known, hint=f"(in {path})")
    return tuple(_changed(target, changes) for target in project.targets if not names or target.name in names)


def has_project() -> bool:
    """Whether there is an ``infercost.yml`` in the working directory."""
    from infercost.store.project import find_project

    return find_project() is not None


def choose_target(targets: Sequence[Target]) -> Target:
    """The only one.

    Raises:
        UsageError: there are several.
    """
    if len(targets) > 1:
        names = ", ".join(target.name for target in targets)
        raise UsageError(f"there are {len(targets)} targets ({names}); choose one, for example --target {targets[0].name}")
    return targets[0]


def arguments(target: Target) -> dict[str, Any]:
    """A target as arguments of :func:`infercost.estimate`; what it does not say is left out.

    Raises:
        UsageError: nobody says how many requests a second there are.
    """
    if target.rps is None:
        raise UsageError("rps is missing: add rps: 50 to the target, or give --rps 50")
    names = (
        *("rps", "slo", "regions", "providers", "instances", "payload_in_bytes", "payload_out_bytes", "log_bytes", "clients"),
        *("overhead_ms", "min_replicas", "include", "calibration"),
    )
    given = {name: getattr(target, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def gate_targets(
    targets: Sequence[Target],
    *,
    today: date | None = None,
    catalogs: Sequence[Catalog] | None = None,
    prices: str | None = None,
    discounts: Discounts | str | os.PathLike[str] | None = None,
    currency: str | None = None,
    fx: ExchangeRate | str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    **measuring: Any,
) -> Verdicts:
    """Judge every target by its own budget; the worst outcome decides.

    Args:
        targets: what :func:`read_targets` found.
        today: the day that prices and waivers are held against; None means today (UTC).
        catalogs: see :func:`infercost.estimate`, also for prices, discounts, currency and fx.
        prices: see there.
        discounts: see there.
        currency: see there.
        fx: see there.
        on_progress: called while a model is measured.
        **measuring: dims, inputs, budget_s, device and use_cache, as in :func:`infercost.profile`, for
            targets whose source is a model.

    Raises:
        InfercostError: a target cannot be judged; the message names it and its place in the file.
    """
    questions: list[tuple[Target, Question]] = []
    for target in targets:
        with telling(target):
            _require_budget(target.budget)
            locate(target.source)
            asked = arguments(target)
            question = ask(
                **asked, today=today, catalogs=catalogs, prices=prices, discounts=discounts, currency=currency, fx=fx
            )
            questions.append((target, question))
    verdicts = {}
    for target, question in questions:
        with telling(target):
            measured = load_or_profile(target.source, on_progress=on_progress, **measuring)
            verdicts[target.name] = _judge(target, question, measured)
    outcome = max((verdict.outcome for verdict in verdicts.values()), key=SEVERITY.__getitem__)
    return Verdicts(outcome=outcome, verdicts=verdicts)


def init_project(path: Path, source: Path | None = None) -> None:
    """Begin a project file with one target.

    Args:
        path: where; nothing may be there yet.
        source: its model or saved profile; None means that there is none yet.

    Raises:
        UsageError: the file is there already.
        InfercostError: the source cannot be read, or the file not written.
    """
    from infercost.store.writing import write_atomic

    if path.exists() or path.is_symlink():
        raise UsageError(
            f"{path} is there already and is left as it is; edit it, or write another with: infercost init --out FILE"
        )
    if source is not None:
        locate(source)
    named = source or Path("profile.json")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", named.stem).strip("-.") if source else ""
    text = _STARTER.format(name=_word(name or "my-model"), source=_word(_beside(named, path).as_posix()))
    write_atomic(path, text.encode())


@contextmanager
def telling(target: Target) -> Iterator[None]:
    """Errors say which target they are about, and where it stands."""
    try:
        yield
    except InfercostError as error:
        if target.where:
            error.args = (f"{target.where}: target {target.name}: {error}",)
        raise


def _changed(target: Target, changes: Mapping[str, Any]) -> Target:
    given = {name: value for name, value in changes.items() if value is not None}
    if "budget" in given:
        given["budget"] = given["budget"].or_else(target.budget)
    return replace(target, **given)


def _require_budget(limits: Budget) -> None:
    if limits.max_monthly is None and limits.max_per_million is None and limits.max_p99_ms is None:
        raise UsageError("a gate needs a budget; add budget: {max_monthly: 500} to the target, or give --max-monthly 500")


def _judge(target: Target, question: Question, measured: Profile) -> Verdict:
    from infercost.engine.gate import gate
    from infercost.engine.waivers import waive

    verdict = waive(gate(answer(question, measured), target.budget), target.waivers, question.today)
    told = dict.fromkeys((*verdict.warnings, *measured.model.warnings, *measured.warnings))
    return replace(verdict, warnings=tuple(told))


def _beside(source: Path, file: Path) -> Path:
    """The source as the file in its folder names it."""
    return source if source.is_absolute() else Path(os.path.relpath(source, file.parent))


def _word(text: str) -> str:
    """A YAML scalar; JSON's strings are YAML's too."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
