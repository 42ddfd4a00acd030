from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.planner.choices import LEVELS, Needs, _merged, lines
from infercost.engine.planner.scaler import autoscaler_of, limits_at

if TYPE_CHECKING:
    from types import SimpleNamespace


def every(world: SimpleNamespace, scaling: Any, demand: Any = None, **changes: Any) -> list[Any]:
    screen = world.screen(demand, scaling=scaling)
    setting = world.setting(**changes)
    needs = Needs(world.carried(setting, screen.slo), 1, 20)
    return lines(setting, scaling, screen.demand, needs, lambda pooled: screen.station(setting, pooled=pooled))


@pytest.mark.parametrize("option", ["INVOCATIONS", "CONCURRENCY", "BUSY", "AZURE"])
def test_targets_of_a_line_ascend(world: SimpleNamespace, option: str) -> None:
    scaled = [line for line in every(world, world.rules(getattr(world, option))) if line.kind[0]]
    for line in scaled:
        targets = [choice.scaling[0].target for choice in line.choices]
        assert targets == sorted(set(targets))
        assert 10 <= len(targets) <= len(LEVELS)
    assert len({(line.limits.min, str(line.choices[0].scaling)) for line in scaled}) == len(scaled)


def test_the_boldest_target_on_requests_is_what_a_replica_can_do_at_most(world: SimpleNamespace) -> None:
    line = every(world, world.rules())[-1]
    assert line.choices[-1].scaling[0].target == pytest.approx(60 / 0.08, rel=0.01)


def test_fixed_replicas_go_from_many_to_few(world: SimpleNamespace) -> None:
    fixed = [line for line in every(world, world.rules()) if not line.kind[0]]
    counts = [choice.limits.min for choice in fixed[0].choices]
    assert counts == list(range(counts[0], 0, -1))
    assert all(choice.limits.min == choice.limits.max == choice.initial for choice in fixed[0].choices)


def test_each_routing_that_the_cloud_offers_is_there(world: SimpleNamespace) -> None:
    found = every(world, world.rules(routings=("random", "least_outstanding")))
    assert {line.routing for line in found} == {"random", "least_outstanding"}


def test_options_for_accelerators_are_for_them_alone(world: SimpleNamespace) -> None:
    from dataclasses import replace

    rules = world.rules(replace(world.BUSY, accelerators=True))
    assert {line.kind for line in every(world, rules)} == {("", "")}
    assert ("vertex", "utilization") in {line.kind for line in every(world, rules, accelerator="T4")}


def test_a_rule_with_two_thresholds_keeps_the_lower_below(world: SimpleNamespace) -> None:
    for line in every(world, world.rules(world.AZURE)):
        for choice in line.choices:
            for policy in choice.scaling:
                assert policy.settings["low"] < policy.target


def test_schedules_need_days_that_repeat_and_a_cloud_that_has_them(world: SimpleNamespace) -> None:
    hourly = [120 + 60 * 20 * (8 <= hour < 18) for hour in range(24)] * 2
    days = world.demand([n for n in hourly for _ in range(60)])
    with_schedule = [line for line in every(world, world.rules(), days) if line.limits.schedule]
    assert with_schedule
    for line in with_schedule:
        blocks = line.limits.schedule
        assert 2 <= len(blocks) <= 6
        assert [block.at for block in blocks] == sorted(block.at for block in blocks)
        assert line.limits.min == min(block.min_replicas for block in blocks)
    assert not [line for line in every(world, world.rules(schedules=False), days) if line.limits.schedule]
    assert not [line for line in every(world, world.rules()) if line.limits.schedule]


@given(st.lists(st.integers(1, 9), min_size=24, max_size=24))
def test_merging_a_day_keeps_every_hour_covered(floors: list[int]) -> None:
    blocks = _merged(floors)
    assert len(blocks) <= 6
    assert blocks[0][0] == 0
    held = {hour: count for start, count in blocks for hour in range(start, 24)}
    assert all(held[hour] >= floor for hour, floor in enumerate(floors))


def test_limits_follow_the_clock_of_the_traffic(world: SimpleNamespace) -> None:
    from infercost.domain.scaling import ScheduledCapacity

    blocks = (
        ScheduledCapacity(name="day", at="08:00", min_replicas=5, max_replicas=9),
        ScheduledCapacity(name="night", at="20:00", days=("mon", "tue"), min_replicas=1, max_replicas=2),
    )
    limits = world.Limits(min=1, max=9, schedule=blocks)
    monday = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert limits_at(limits, monday, 0.0) == (5, 9)
    assert limits_at(limits, monday, 11 * 3600.0) == (1, 2)
    # Before the week's first change the last of the week before is in force.
    assert limits_at(limits, None, 0.0) == (5, 9)
    assert limits_at(world.Limits(min=2, max=3), None, 0.0) == (2, 3)


def test_fixed_replicas_have_no_autoscaler(world: SimpleNamespace) -> None:
    assert autoscaler_of(world.choice(target=None, low=3, high=3), world.rules(), 0.0, None) is None
    assert autoscaler_of(world.choice(), None, 0.0, None) is None
    built = autoscaler_of(world.choice(low=2, high=7), world.rules(), 12.0, None)
    assert (built.min_replicas, built.max_replicas) == (2, 7)
