"""Profiles over sizes: what is stated must be what the sizes that were measured say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infercost.domain.latency import LatencyStats, RawLatencies, SizeRun
from infercost.domain.mixture import mix
from infercost.domain.profile import Profile
from infercost.domain.sizes import nodes, parse_sizes
from infercost.store.artifacts import decode
from infercost.store.profile_checks import find_fault

SIZES = parse_sizes("seq", "choice:16=1,64=2,256=1")
PROFILE = decode((Path(__file__).parents[3] / "profiles" / "digits.json").read_bytes(), Profile, "p")


def run(size: int, weight: float) -> SizeRun:
    raw = RawLatencies.pack([size * 1e-4 * (1 + i % 7 / 100) for i in range(100)])
    return SizeRun(size=size, weight=weight, latency_ms=LatencyStats.of(raw.seconds()), raw=raw)


def sized() -> Profile:
    measured = nodes(SIZES, 5)
    runs = tuple(run(size, weight) for size, weight in zip(measured, SIZES.weights(measured, 1), strict=True))
    point = replace(PROFILE.points[0], latency_ms=mix(runs, SIZES, 1), raw=None, by_size=runs, intervals=())
    return replace(PROFILE, points=(point,), sizes=SIZES)


def test_a_profile_over_sizes_holds_together() -> None:
    assert find_fault(sized()) is None


def test_sizes_without_their_distribution_are_refused() -> None:
    assert "which sizes requests have" in (find_fault(replace(sized(), sizes=None)) or "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: {"by_size": (replace(p.by_size[0], weight=0.5), *p.by_size[1:])}, "weights are not those"),
        (lambda p: {"by_size": p.by_size[1:]}, "from the smallest to the longest"),
        (lambda p: {"by_size": p.by_size[::-1]}, "must ascend"),
        (lambda p: {"by_size": ()}, "holds none of $.sizes"),
        (lambda p: {"latency_ms": replace(p.latency_ms, cv=0.0)}, "the file was edited"),
        (lambda p: {"by_size": (replace(p.by_size[0], latency_ms=p.by_size[1].latency_ms), *p.by_size[1:])}, "by_size[0]"),
    ],
)
def test_what_was_edited_is_refused(change, says: str) -> None:
    whole = sized()
    point = replace(whole.points[0], **change(whole.points[0]))
    assert says in (find_fault(replace(whole, points=(point,))) or "")


def test_shares_must_sum_to_one() -> None:
    assert "no distribution" in (find_fault(replace(sized(), sizes=replace(SIZES, shares=(0.5, 0.5, 0.5)))) or "")
