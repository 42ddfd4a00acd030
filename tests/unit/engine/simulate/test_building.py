"""Policies as a user writes them, several together, and limits by the time of day."""

from __future__ import annotations

import numpy as np
import pytest

from infercost import simulate, traffic
from infercost.domain.errors import UnknownNameError, UsageError
from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
from infercost.engine.simulate import history, policies
from infercost.engine.simulate.autoscalers import Autoscaler, azure_autoscale, build, settings_of
from infercost.engine.simulate.autoscalers.azure import AzureRule
from infercost.engine.simulate.policies import Memory
from infercost.engine.simulate.simulation import open_scaling

ONE = {
    "target_tracking": ScalingPolicy(kind="target_tracking", metric="invocations", target=100),
    "step": ScalingPolicy(kind="step", metric="utilization", target=70, settings={"low": 20}),
    "vertex": ScalingPolicy(kind="vertex", metric="utilization", target=60),
    "azure": ScalingPolicy(kind="azure", metric="utilization", target=70, settings={"low": 30, "change": 2}),
    "kpa": ScalingPolicy(kind="kpa", metric="concurrency", target=5),
    "ray": ScalingPolicy(kind="ray", metric="concurrency", target=2),
}


def change(kind, **fields):
    values = {name: getattr(ONE[kind], name) for name in ("kind", "metric", "target", "settings")}
    return ScalingPolicy(**{**values, **fields})


@pytest.mark.parametrize("kind", ONE)
def test_every_kind_is_built_and_acts(kind):
    scaler = build([ONE[kind]], min_replicas=1, max_replicas=8, start_s=20)
    assert isinstance(scaler, Autoscaler)
    assert (scaler.min_replicas, scaler.max_replicas) == (1, 8)
    busy = traffic.counts([600] * 10 + [60] * 5, 60.0)
    assert simulate(busy, service=0.4, autoscaler=scaler).timeline.desired.max() > 1


def test_settings_are_the_constructors_arguments():
    scaler = build([change("azure", settings={"low": 20, "window_s": 120, "quota": 6})], min_replicas=1, max_replicas=8)
    out, back = scaler.rules[0].table
    assert (out[2], back[2], out[3]) == (70, 20, 2)
    assert scaler.max_replicas == 5
    assert "in_cooldown_s" in settings_of("target_tracking")
    assert "from_zero" in settings_of("step")
    assert "max_replicas" not in settings_of("vertex")


@pytest.mark.parametrize(
    ("policies_", "options", "error", "message"),
    [
        ([ScalingPolicy(kind="vertx", metric="utilization", target=60)], {}, UnknownNameError, "did you mean vertex"),
        ([change("kpa", settings={"stable_windw_s": 1})], {}, UnknownNameError, "did you mean stable_window_s"),
        ([change("ray", metric="utilization")], {}, UsageError, "concurrency alone"),
        ([ONE["kpa"], ONE["vertex"]], {}, UsageError, "policies of one cloud"),
        ([ONE["kpa"], ONE["kpa"]], {}, UsageError, "policies of one cloud"),
        ([ONE["azure"], change("azure", settings={"grain_s": 30})], {}, UsageError, "one azure profile"),
        ([change("azure", settings={"low": 90})], {}, UsageError, "low below its target"),
        ([ONE["step"], change("step", settings={"period_s": 45})], {}, UsageError, "do not fit one clock"),
        ([ONE["target_tracking"]], {"min_replicas": 0}, UsageError, "from_zero: 1"),
        ([ONE["vertex"]], {"starts_at": "monday"}, UsageError, "2026-03-02T08:00"),
        ([ONE["vertex"]], {"schedule": [("8:00pm", 1, 2)]}, UsageError, "HH:MM"),
        ([ONE["vertex"]], {"schedule": [("08:00", 3, 2)]}, UsageError, "min_replicas <= max_replicas"),
        ([ONE["vertex"]], {"schedule": [("08:00", 1, 2), ("08:00", 1, 3)]}, UsageError, "two schedules begin"),
    ],
)
def test_refusals(policies_, options, error, message):
    schedule = [ScheduledCapacity(name=at, at=at, min_replicas=a, max_replicas=b) for at, a, b in options.pop("schedule", [])]
    with pytest.raises(error, match=message):
        build(policies_, **{"min_replicas": 1, "max_replicas": 8, **options}, schedule=schedule)


def rows(count, *, replicas, seconds=60.0, **columns):
    table = np.zeros((count, history.COLUMNS))
    table[:, history.SECONDS] = seconds
    table[:, history.READY_S], table[:, history.READY] = replicas * seconds, replicas
    for name, value in columns.items():
        table[:, getattr(history, name)] = value
    return table


def decide(scaler, table, desired, now_s, memories=None):
    """What the policies want together, and their memories."""
    control = open_scaling(scaler, scaler.tick_s, 0.0, desired, np.uint64(0))
    if memories is not None:
        control.memories[:] = memories
    wanted, _ = policies.decide_all(
        control.kinds,
        control.rules,
        control.tables,
        control.firsts,
        control.memories,
        control.wishes,
        table,
        len(table),
        desired,
        now_s,
    )
    return wanted, control.memories


class TestSeveral:
    two = build(
        [
            ScalingPolicy(kind="target_tracking", metric="invocations", target=100),
            ScalingPolicy(kind="target_tracking", metric="utilization", target=50),
        ],
        min_replicas=1,
        max_replicas=20,
    )

    def test_out_if_any_and_by_the_one_that_wants_most(self):
        table = rows(3, replicas=4, ARRIVED=4 * 150, BUSY_S=4 * 60 * 0.2)
        assert decide(self.two, table, 4, 180.0)[0] == 6
        table[:, history.BUSY_S] = 4 * 60 * 0.9
        assert decide(self.two, table, 4, 180.0)[0] == 8

    def test_in_only_if_all_and_a_denied_one_does_not_remember(self):
        table = rows(15, replicas=4, ARRIVED=4 * 10, BUSY_S=4 * 60 * 0.5)
        wanted, memories = decide(self.two, table, 4, 900.0)
        assert wanted == 4
        assert memories[0, 1] == -np.inf, "no scale-in, no cooldown"
        table[:, history.BUSY_S] = 4 * 60 * 0.1
        wanted, memories = decide(self.two, table, 4, 900.0)
        assert wanted == 3
        assert memories[:2, 1].tolist() == [900.0, 900.0]
        # A scale-out by one ends the scale-in cooldown of the other.
        table[:, history.BUSY_S] = 3 * 60 * 0.9
        wanted, memories = decide(self.two, table, 3, 960.0, memories)
        assert wanted > 3
        assert memories[:2, 1].tolist() == [-np.inf, -np.inf]

    def test_a_silent_step_policy_holds_nothing_up(self):
        scaler = build([ONE["target_tracking"], change("step", settings={})], min_replicas=1, max_replicas=20)
        table = rows(15, replicas=4, ARRIVED=4 * 10, BUSY_S=4 * 60 * 0.5)
        assert decide(scaler, table, 4, 900.0)[0] == 3

    def test_a_step_policy_scales_in_before_target_tracking_is_ready(self):
        scaler = build([ONE["target_tracking"], ONE["step"]], min_replicas=1, max_replicas=20)
        table = rows(15, replicas=4, ARRIVED=4 * 100, BUSY_S=4 * 60 * 0.1)
        assert decide(scaler, table, 4, 900.0)[0] == 3

    def test_slow_points_on_a_fast_clock(self):
        scaler = build(
            [
                ONE["target_tracking"],
                ScalingPolicy(kind="target_tracking", metric="concurrency", target=4, settings={"high_resolution": 1}),
            ],
            min_replicas=1,
            max_replicas=20,
        )
        assert scaler.tick_s == 10.0
        table = rows(18, replicas=2, seconds=10.0, ARRIVED=2 * 200 / 6)
        assert decide(scaler, table[:17], 2, 170.0)[0] == 2, "the third minute has not ended"
        assert decide(scaler, table, 2, 180.0)[0] == 4
        fast = rows(3, replicas=2, seconds=10.0, INSIDE_S=2 * 10 * 8)
        assert decide(scaler, fast, 2, 30.0)[0] == 4

    def test_the_highest_of_several_vertex_metrics(self):
        scaler = build(
            [ONE["vertex"], ScalingPolicy(kind="vertex", metric="concurrency", target=2)], min_replicas=1, max_replicas=20
        )
        table = rows(25, replicas=2, seconds=15.0, BUSY_S=2 * 15 * 0.6, INSIDE_S=2 * 15 * 5)
        assert decide(scaler, table, 2, 375.0)[0] == 5
        table[:, history.INSIDE_S] = 0
        assert decide(scaler, table, 2, 375.0)[0] == 2

    def test_azure_rules_stand_in_one_profile(self):
        scaler = build(
            [ONE["azure"], ScalingPolicy(kind="azure", metric="concurrency", target=50)], min_replicas=1, max_replicas=20
        )
        assert len(scaler.rules) == 1
        assert len(scaler.rules[0].table) == 4
        idle_but_full = rows(10, replicas=4, BUSY_S=4 * 60 * 0.1, INSIDE_S=4 * 60 * 40)
        assert decide(scaler, idle_but_full, 4, 600.0)[0] == 4


class TestSchedule:
    office = (
        ScheduledCapacity(name="day", at="08:00", days=("mon", "tue", "wed", "thu", "fri"), min_replicas=3, max_replicas=9),
        ScheduledCapacity(name="night", at="18:30", min_replicas=1, max_replicas=2),
    )

    def replicas(self, hours, start, policies_=(), **options):
        scaler = build(
            list(policies_), min_replicas=1, max_replicas=9, schedule=self.office, starts_at=start, start_s=0.0, **options
        )
        result = simulate(traffic.even(1 / 600, hours * 3600), service=1.0, replicas=1, autoscaler=scaler)
        return result.timeline

    def test_limits_change_to_the_minute_in_utc(self):
        line = self.replicas(24, "2026-03-02T00:00")  # a Monday
        changes = np.flatnonzero(np.diff(line.desired)) + 1
        assert line.desired[0] == 1
        assert line.end_s[changes[0]] == 8 * 3600
        assert line.desired[changes[0]] == 3
        assert line.desired[-1] == 2, "the night's most"
        assert line.end_s[changes[-1]] == 18.5 * 3600

    def test_another_zone_and_the_weekend(self):
        line = self.replicas(24, "2026-03-02T09:30+01:00")  # 08:30 UTC
        assert line.desired[0] == 3
        assert self.replicas(24, "2026-03-07T00:00").desired.max() == 1, "Friday's night lasts until Saturday's"
        assert self.replicas(24, "2026-03-02T00:00").desired.tolist() == self.replicas(24, None).desired.tolist()

    def test_policies_act_within_the_limits(self):
        busy = traffic.counts([1200] * (12 * 60), 60.0)
        scaler = build([ONE["vertex"]], min_replicas=1, max_replicas=9, schedule=self.office, starts_at="2026-03-02T00:00")
        line = simulate(busy, service=1.0, replicas=1, autoscaler=scaler).timeline
        at = np.searchsorted(line.end_s, 8 * 3600.0)
        assert line.desired[:at].max() == 2
        assert line.desired[at] == 4, "2 at 100 % of 60"
        assert line.desired[at:].max() == 9

    def test_the_envelope_of_the_limits_is_what_replicas_may_be(self):
        scaler = build([], min_replicas=1, max_replicas=2, schedule=self.office)
        assert (scaler.min_replicas, scaler.max_replicas) == (1, 9)


class TestZero:
    def test_sagemaker_fails_requests_until_an_instance_is_there(self):
        scaler = build(
            [
                ScalingPolicy(kind="target_tracking", metric="invocations", target=60),
                ScalingPolicy(kind="step", metric="invocations", target=1, settings={"from_zero": 1, "period_s": 60}),
            ],
            min_replicas=0,
            max_replicas=3,
            start_s=120,
        )
        arrivals = [70.0, 100.0, 250.0, 350.0]
        result = simulate(arrivals, service=1.0, replicas=0, autoscaler=scaler)
        # Seen at 120 s, in service at 240 s.
        assert result.served_mask.tolist() == [False, False, True, True]
        assert result.timeline.desired.max() == 1

    def test_and_scales_in_to_zero_again(self):
        scaler = build(
            [
                ScalingPolicy(kind="target_tracking", metric="invocations", target=60),
                ScalingPolicy(kind="step", metric="invocations", target=1, settings={"from_zero": 1}),
            ],
            min_replicas=0,
            max_replicas=3,
            start_s=60,
        )
        result = simulate(traffic.counts([5] * 10 + [0] * 40, 60.0), service=1.0, replicas=1, autoscaler=scaler)
        assert result.timeline.desired[-1] == 0

    @pytest.mark.parametrize(("wakes", "woken_at"), [(True, 120.0), (False, 300.0)])
    def test_an_asynchronous_endpoint_keeps_what_it_cannot_serve(self, wakes, woken_at):
        policies_ = [ScalingPolicy(kind="target_tracking", metric="backlog", target=2, settings={"in_cooldown_s": 0})]
        if wakes:
            policies_.append(ScalingPolicy(kind="step", metric="backlog", target=1, settings={"from_zero": 1}))
        scaler = build(policies_, min_replicas=0, max_replicas=3, start_s=30)
        arrivals = [61.0, 62.0, 130.0, 200.0, 1000.0]
        result = simulate(arrivals, service=20.0, replicas=0, autoscaler=scaler)
        assert result.dropped == 0
        line = result.timeline
        # With a step policy at the first that waits; else once three points show more than the target.
        assert line.end_s[np.flatnonzero(line.desired)[0]] == woken_at
        assert line.waiting.max() <= 4
        idle = simulate(traffic.counts([4] + [0] * 40, 60.0), service=1.0, replicas=1, autoscaler=scaler)
        assert idle.timeline.desired[-1] == 0

    def test_waiting_or_failing_can_be_said(self):
        failing = build([ONE["kpa"]], min_replicas=0, max_replicas=2, waits_at_zero=False, start_s=5)
        assert simulate([1.0, 30.0], service=1.0, replicas=0, autoscaler=failing).dropped == 1

    @pytest.mark.parametrize("routing", ["random", "least_outstanding"])
    def test_the_activator_holds_requests_for_the_first_replica(self, routing):
        scaler = build([ONE["kpa"]], min_replicas=0, max_replicas=2, start_s=10)
        held = simulate([5.0, 6.0, 40.0], service=1.0, replicas=0, autoscaler=scaler, routing=routing)
        central = simulate([5.0, 6.0, 40.0], service=1.0, replicas=0, autoscaler=scaler)
        assert held.dropped == 0
        assert held.wait_s.tolist() == central.wait_s.tolist() == [11.0, 11.0, 0.0]

    def test_vertex_goes_to_zero_only_after_a_while(self):
        scaler = build(
            [change("vertex", settings={"idle_s": 600, "awake_s": 1800})], min_replicas=0, max_replicas=2, start_s=30
        )
        line = simulate([10.0, 7000.0], service=1.0, replicas=0, autoscaler=scaler).timeline
        woken = line.end_s[np.flatnonzero(line.desired)[0]]
        asleep = line.end_s[np.flatnonzero((line.desired == 0) & (line.end_s > woken))[0]]
        assert woken == 15.0
        assert asleep == 15.0 + 1800.0


def test_quota_leaves_five_of_six():
    rules = [AzureRule(direction="out", threshold=70)]
    assert azure_autoscale(rules, max_replicas=9, quota=6).max_replicas == 5
    assert azure_autoscale(rules, max_replicas=3, quota=6).max_replicas == 3
    assert any("1.2" in fact.rule for fact in azure_autoscale(rules, max_replicas=9).facts)


def test_memory_starts_empty():
    assert Memory() == Memory(-np.inf, -np.inf, 0.0, -np.inf, 0.0)
