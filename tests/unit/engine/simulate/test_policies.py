"""The scaling rules as plain functions: the providers' own examples, and what each does over time."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from infercost.engine.simulate import autoscalers, history, policies
from infercost.engine.simulate.autoscalers import AzureRule, Step
from infercost.engine.simulate.policies import Memory
from infercost.engine.simulate.policies.ray import smoothed


def rows(values, *, replicas=1, seconds=60.0, metric="utilization"):
    """A history in which each bucket shows a value of the metric on so many replicas."""
    table = np.zeros((len(values), history.COLUMNS))
    ready = np.broadcast_to(replicas, len(values)) * seconds
    table[:, history.SECONDS] = seconds
    table[:, history.END] = seconds * np.arange(1, len(values) + 1)
    table[:, history.READY_S] = ready
    table[:, history.READY] = replicas
    column, scale = {
        "utilization": (history.BUSY_S, ready / 100),
        "invocations": (history.ARRIVED, ready / 60),
        "concurrency": (history.INSIDE_S, ready),
    }[metric]
    table[:, column] = np.array(values) * scale
    table[:, history.RECOMMENDED] = replicas
    return table


def decide(scaler, table, desired, now_s=None, memory=None):
    now_s = len(table) * scaler.tick_s if now_s is None else now_s
    (rule,) = scaler.rules
    numbers = np.array(rule.table or np.zeros((0, 1)), dtype=float)
    return policies.decide(rule.policy, np.array(rule.numbers), numbers, table, len(table), desired, now_s, memory or Memory())


class TestTargetTracking:
    scaler = autoscalers.sagemaker_target_tracking(70, max_replicas=100)

    def test_out_in_proportion_after_three_points(self):
        table = rows([140, 140, 140], replicas=2, metric="invocations")
        assert decide(self.scaler, table[:2], 2).desired == 2
        assert decide(self.scaler, table, 2).desired == 4

    def test_one_point_at_the_target_resets(self):
        assert decide(self.scaler, rows([140, 70, 140], replicas=2, metric="invocations"), 2).desired == 2

    @pytest.mark.parametrize(("points", "value", "expected"), [(14, 40, 10), (15, 40, 9), (15, 64, 10), (15, 62, 9)])
    def test_in_gradually_after_fifteen_points_below_nine_tenths(self, points, value, expected):
        assert decide(self.scaler, rows([value] * points, replicas=10, metric="invocations"), 10).desired == expected

    def test_scale_in_waits_for_its_cooldown_and_a_scale_out_ends_it(self):
        idle = rows([1] * 15, replicas=10, metric="invocations")
        first = decide(self.scaler, idle, 10, now_s=900)
        assert first.memory.in_at_s == 900
        assert decide(self.scaler, idle, 9, now_s=1199, memory=first.memory).desired == 9
        assert decide(self.scaler, idle, 9, now_s=1200, memory=first.memory).desired == 8
        out = decide(self.scaler, rows([140] * 3, replicas=9, metric="invocations"), 9, now_s=960, memory=first.memory)
        assert out.desired == 18
        assert out.memory.in_at_s == -inf

    def test_during_the_cooldown_only_a_larger_scale_out_passes(self):
        first = decide(self.scaler, rows([140] * 3, replicas=2, metric="invocations"), 2, now_s=180)
        assert first.desired == 4
        same = decide(self.scaler, rows([140] * 4, replicas=2, metric="invocations"), 4, now_s=240, memory=first.memory)
        assert same.desired == 4
        larger = decide(self.scaler, rows([350] * 4, replicas=2, metric="invocations"), 4, now_s=240, memory=first.memory)
        assert larger.desired == 10

    def test_lag_hides_the_newest_points(self):
        late = autoscalers.sagemaker_target_tracking(70, max_replicas=9, lag_s=120)
        table = rows([140] * 5, replicas=1, metric="invocations")
        assert [decide(late, table[:n], 1).desired for n in (1, 4, 5)] == [1, 1, 2]

    def test_high_resolution_needs_thirty_seconds(self):
        fast = autoscalers.sagemaker_target_tracking(4, metric="concurrency", high_resolution=True, max_replicas=9)
        assert fast.tick_s == 10
        assert decide(fast, rows([8] * 3, seconds=10.0, metric="concurrency"), 1).desired == 2
        assert decide(fast, rows([1] * 89, replicas=4, seconds=10.0, metric="concurrency"), 4).desired == 4
        assert decide(fast, rows([1] * 90, replicas=4, seconds=10.0, metric="concurrency"), 4).desired == 3

    def test_without_replicas_there_is_no_metric(self):
        assert decide(self.scaler, rows([0] * 20, replicas=0), 3).desired == 3


class TestStepScaling:
    """AWS's example: target capacity 10, thresholds 60 and 40."""

    scaler = autoscalers.sagemaker_step_scaling(
        [
            Step(10, 0, 10, percent=True),
            Step(30, 10, percent=True),
            Step(-10, -10, 0, percent=True),
            Step(-30, upper=-10, percent=True),
        ],
        metric="utilization",
        high=60,
        low=40,
        max_replicas=100,
        out_cooldown_s=60,
        in_cooldown_s=60,
    )

    def test_golden(self):
        desired, memory, seen = 10, Memory(), []
        for minute, value in enumerate([60, 70, 40, 30]):
            decision = decide(self.scaler, rows([value], replicas=desired), desired, now_s=1000 + 600.0 * minute, memory=memory)
            desired, memory = decision.desired, decision.memory
            seen.append(desired)
        assert seen == [11, 14, 13, 10]

    @pytest.mark.parametrize(
        ("replicas", "percent", "change"), [(10, 5, 1), (10, -5, -1), (10, 35, 3), (10, -66.7, -6), (10, 0, 0), (14, -10, -1)]
    )
    def test_rounding(self, replicas, percent, change):
        assert policies.rounded_change(replicas, percent) == change

    def test_during_the_cooldown_the_previous_step_counts(self):
        slow = autoscalers.sagemaker_step_scaling(
            [Step(2, 0, 10), Step(3, 10)], metric="utilization", high=60, low=10, max_replicas=100
        )
        first = decide(slow, rows([65], replicas=10), 10, now_s=60)
        assert first.desired == 12
        assert decide(slow, rows([65], replicas=10), 12, now_s=120, memory=first.memory).desired == 12
        assert decide(slow, rows([75], replicas=10), 12, now_s=120, memory=first.memory).desired == 13
        assert decide(slow, rows([75], replicas=12), 12, now_s=400, memory=first.memory).desired == 15

    def test_between_the_thresholds_nothing_happens(self):
        assert decide(self.scaler, rows([50], replicas=10), 10).desired == 10


class TestVertex:
    scaler = autoscalers.vertex_autoscaling(60, max_replicas=100)

    @pytest.mark.parametrize(("replicas", "value", "expected"), [(2, 100, 4), (10, 1, 1), (3, 60, 3), (3, 61, 4)])
    def test_golden(self, replicas, value, expected):
        decision = decide(self.scaler, rows([value] * 25, replicas=replicas, seconds=15.0), replicas)
        assert decision.recommended == expected

    def test_the_highest_of_five_minutes_holds(self):
        table = rows([1] * 40, replicas=10, seconds=15.0)
        table[:, history.RECOMMENDED] = 1
        table[15, history.RECOMMENDED] = 7
        held = [decide(self.scaler, table[:n], 10).desired for n in range(21, 41)]
        assert held == [7] * 15 + [1] * 5

    def test_the_first_five_minutes_keep_what_was_there(self):
        table = rows([1] * 20, replicas=10, seconds=15.0)
        table[:, history.RECOMMENDED] = 1
        assert decide(self.scaler, table[:19], 10).desired == 10
        assert decide(self.scaler, table, 10).desired == 1

    def test_a_request_wakes_it(self):
        table = rows([0] * 30, replicas=0, seconds=15.0)
        assert decide(self.scaler, table, 0).desired == 0
        table[-1, history.ARRIVED] = 1
        assert decide(self.scaler, table, 0).desired == 1


class TestAzure:
    scaler = autoscalers.azure_autoscale(
        [AzureRule(direction="out", threshold=80), AzureRule(direction="in", threshold=60)], max_replicas=100
    )

    @pytest.mark.parametrize(("value", "expected"), [(80, 4), (79, 3), (60, 3), (50, 2)])
    def test_golden(self, value, expected):
        assert decide(self.scaler, rows([value] * 10, replicas=3), 3).desired == expected

    def test_projection(self):
        assert policies.projected(60, 3, 1) == 90
        assert policies.projected(50, 3, 1) == 75

    def test_the_window_must_be_full(self):
        assert decide(self.scaler, rows([90] * 9, replicas=3), 3).desired == 3

    def test_any_scaling_starts_the_cooldown(self):
        out = decide(self.scaler, rows([90] * 10, replicas=3), 3, now_s=600)
        assert out.desired == 4
        assert decide(self.scaler, rows([20] * 14, replicas=4), 4, now_s=840, memory=out.memory).desired == 4
        assert decide(self.scaler, rows([20] * 15, replicas=4), 4, now_s=900, memory=out.memory).desired == 3

    def test_out_if_any_in_only_if_all(self):
        both = autoscalers.azure_autoscale(
            [
                AzureRule(direction="out", threshold=80),
                AzureRule(direction="out", threshold=50, metric="concurrency", change=3),
                AzureRule(direction="in", threshold=30),
                AzureRule(direction="in", threshold=5, metric="concurrency"),
            ],
            max_replicas=100,
        )
        table = rows([10] * 10, replicas=3)
        table[:, history.INSIDE_S] = 60 * 3 * 60
        assert decide(both, table, 3).desired == 6
        table[:, history.INSIDE_S] = 60 * 3 * 10
        assert decide(both, table, 3).desired == 3
        table[:, history.INSIDE_S] = 60 * 3 * 4
        assert decide(both, table, 3).desired == 2

    def test_a_smaller_scale_in_is_tried_before_none(self):
        large = autoscalers.azure_autoscale(
            [AzureRule(direction="out", threshold=80), AzureRule(direction="in", threshold=60, change=4)], max_replicas=100
        )
        assert decide(large, rows([50] * 10, replicas=6), 6).desired == 4
        assert decide(large, rows([1] * 10, replicas=3), 3).desired == 1


class TestKpa:
    scaler = autoscalers.knative_kpa(10, max_replicas=100, min_replicas=0)

    def table(self, values, replicas=1):
        return rows(values, replicas=replicas, seconds=2.0, metric="concurrency")

    def test_stable(self):
        assert decide(self.scaler, self.table([12] * 30, replicas=4), 4).desired == 5

    def test_panic_at_twice_the_replicas_and_no_scale_in_during_it(self):
        panic = decide(self.scaler, self.table([1] * 27 + [60] * 3), 1, now_s=60)
        assert panic.desired == 6
        assert panic.memory.panic_at_s == 60
        calm = self.table([1] * 30, replicas=6)
        assert decide(self.scaler, calm, 6, now_s=120, memory=panic.memory).desired == 6
        assert decide(self.scaler, calm, 6, now_s=122, memory=panic.memory).desired == 3

    def test_without_a_history_it_keeps_what_is_there(self):
        first = decide(self.scaler, self.table([0], replicas=5), 5, now_s=2)
        assert first.desired == 5
        idle = self.table([0] * 30, replicas=5)
        assert decide(self.scaler, idle, 5, now_s=62, memory=first.memory).desired == 5
        assert decide(self.scaler, idle, 5, now_s=64, memory=first.memory).desired == 2

    def test_scale_in_is_at_most_by_half(self):
        assert decide(self.scaler, self.table([0.5] * 30, replicas=9), 9).desired == 4

    def test_to_zero_after_the_grace_period(self):
        idle = self.table([0] * 30)
        first = decide(self.scaler, idle, 1, now_s=60)
        assert first.desired == 1
        assert decide(self.scaler, idle, 1, now_s=88, memory=first.memory).desired == 1
        assert decide(self.scaler, idle, 1, now_s=90, memory=first.memory).desired == 0
        busy = decide(self.scaler, self.table([5] * 30), 1, now_s=80, memory=first.memory)
        assert busy.memory.in_at_s == -inf


class TestRay:
    """The rule of ray-project/ray @ 00590c45: `_apply_scaling_factors` and `_apply_delay_logic`, by hand."""

    scaler = autoscalers.ray_serve(2, max_replicas=100, tick_s=0.1)

    def table(self, per_replica, replicas):
        return rows([per_replica] * 300, replicas=replicas, seconds=0.1, metric="concurrency")

    @pytest.mark.parametrize(
        ("ongoing", "running", "up", "down", "expected"),
        [
            (20, 5, 1.0, 1.0, 10),
            (20, 5, 0.5, 1.0, 8),  # 5 + 0.5 * 5 = 7.5
            (4, 5, 1.0, 1.0, 2),
            (4, 5, 1.0, 0.5, 4),  # 5 - 0.5 * 3 = 3.5
            (8, 5, 1.0, 0.1, 4),  # 4.9 rounds up to 5: stuck, so one less
            (10, 5, 1.0, 1.0, 5),
            (9.5, 5, 1.0, 0.1, 5),  # 4.75 replicas are 5
        ],
    )
    def test_factors(self, ongoing, running, up, down, expected):
        rules = policies.RayRules(2.0, 30, 0, 0, 0, up, down, 1, 100)
        assert smoothed(ongoing / 2.0, running, rules) == expected

    def test_acts_when_the_wish_has_lasted_for_the_delay(self):
        memory, seen = Memory(), []
        for _ in range(302):
            decision = decide(self.scaler, self.table(4, 5), 5, memory=memory)
            memory = decision.memory
            seen.append(decision.desired)
        assert seen.index(10) == 300, "more than int(30 / 0.1) times in a row"
        assert seen[301] == 5, "it counts anew"

    def test_a_change_of_mind_counts_anew(self):
        up, down = self.table(4, 5), self.table(1, 5)
        memory = decide(self.scaler, up, 5).memory
        assert decide(self.scaler, up, 5, memory=memory).memory.base == 2
        assert decide(self.scaler, down, 5, memory=memory).memory.base == -1
        assert decide(self.scaler, self.table(2, 5), 5, memory=memory).memory.base == 0

    def test_to_zero_from_one_alone_and_after_its_own_delay(self):
        fast = autoscalers.ray_serve(
            2, min_replicas=0, max_replicas=9, downscale_delay_s=0, downscale_to_zero_delay_s=2, tick_s=1
        )
        idle = rows([0] * 30, replicas=5, seconds=1.0, metric="concurrency")
        assert decide(fast, idle, 5).desired == 1
        memory, seen = Memory(), []
        for _ in range(4):
            decision = decide(fast, rows([0] * 30, replicas=1, seconds=1.0), 1, memory=memory)
            memory = decision.memory
            seen.append(decision.desired)
        assert seen == [1, 1, 0, 1]

    def test_from_zero_at_once(self):
        table = rows([0] * 30, replicas=0, seconds=0.1)
        assert decide(self.scaler, table, 0).desired == 0
        table[-1, history.INSIDE_S] = 0.1
        assert decide(self.scaler, table, 0).desired == 1


class TestBacklog:
    scaler = autoscalers.sagemaker_target_tracking(5, metric="backlog", min_replicas=0, max_replicas=10)

    def waiting(self, count, replicas, points=3):
        table = rows([0] * points, replicas=replicas)
        table[:, history.WAITING] = count
        return table

    @pytest.mark.parametrize(("count", "replicas", "expected"), [(20, 2, 4), (10, 2, 2), (12, 0, 3), (5, 0, 0), (6, 0, 2)])
    def test_in_proportion_to_what_waits(self, count, replicas, expected):
        assert decide(self.scaler, self.waiting(count, replicas), replicas).desired == expected

    def test_to_zero_when_nothing_waits(self):
        assert decide(self.scaler, self.waiting(0, 1, points=15), 1, now_s=900).desired == 0

    def test_from_zero_by_what_found_no_replica(self):
        scaler = autoscalers.sagemaker_step_scaling([Step(1)], high=1, low=-1, min_replicas=0, max_replicas=3, from_zero=True)
        table = self.waiting(0, 0)
        assert decide(scaler, table, 0).desired == 0
        table[-1, history.DROPPED] = 2
        assert decide(scaler, table, 0).desired == 1
        table[-1, history.READY] = 1
        assert decide(scaler, table, 1).desired == 1, "refused by a limit, not for want of a replica"


def test_without_a_policy_nothing_changes():
    assert policies.decide(policies.FIXED, np.zeros(1), np.zeros((0, 1)), rows([99]), 1, 5, 60.0, Memory()).desired == 5
