"""What a change of prices does to estimates."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from infercost.domain.price_report import Impact, Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from infercost.domain.estimate import Estimate
    from infercost.domain.price import Catalog
    from infercost.domain.profile import Profile
    from infercost.domain.project import Target

__all__ = ["Asked", "ask_targets", "impacts"]


class Asked(NamedTuple):
    """Something to estimate at old and new prices."""

    label: str
    profile: Profile
    arguments: Mapping[str, Any]
    """Of :func:`infercost.estimate`."""
    target: Target | None = None
    """That it is, for errors."""


def ask_targets(targets: Sequence[Target], chosen: Sequence[str]) -> tuple[list[Asked], list[str]]:
    """What targets ask; and a word on each that is left out.

    Args:
        targets: of a project file. A model is measured, or taken from the cache.
        chosen: the clouds whose prices are looked at. A target that could be served by another is left
            out, because its cheapest way may be there.
    """
    from infercost.app.profiling import load_or_profile
    from infercost.app.project import arguments, telling
    from infercost.registry import provider_names

    asked, skipped = [], []
    for target in targets:
        missing = [name for name in target.providers or provider_names() if name not in chosen]
        if missing:
            skipped.append(f"target {target.name} is not re-estimated: --provider leaves out {', '.join(missing)}")
            continue
        with telling(target):
            given = arguments(target)
            asked.append(Asked(f"{target.name} at {target.rps:g} requests/s", load_or_profile(target.source), given, target))
    return asked, skipped


def impacts(
    asked: Sequence[Asked], before: Sequence[Catalog], after: Sequence[Catalog], *, providers: Sequence[str], today: date
) -> Iterator[Impact]:
    """Each question answered at the prices of before and of after."""
    if not asked:
        return
    from infercost.app.pricing import estimate
    from infercost.app.project import telling

    for one in asked:
        given = {"providers": providers, **one.arguments}
        with telling(one.target) if one.target else nullcontext():
            old, new = (estimate(one.profile, catalogs=catalogs, today=today, **given) for catalogs in (before, after))
        yield _impact(one.label, old, new)


def _impact(target: str, before: Estimate, after: Estimate) -> Impact:
    old, new = (_cheapest(estimated) for estimated in (before, after))
    same = None
    if old is not None:
        key = (old.provider, old.region, old.instance_type)
        same = next((c.cost.per_month.likely for c in after.candidates if (c.provider, c.region, c.instance_type) == key), None)
    relative = float(new.per_month / old.per_month) - 1 if old and new and old.per_month else None
    return Impact(target=target, before=old, after=new, same_after=same, relative=relative)


def _cheapest(estimated: Estimate) -> Side | None:
    if not estimated.candidates:
        return None
    best = estimated.candidates[0]
    return Side(
        provider=best.provider, region=best.region, instance_type=best.instance_type, per_month=best.cost.per_month.likely
    )
