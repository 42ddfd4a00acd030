from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.planner import flow as model
from infercost.engine.planner.compiled import compiled_flow
from infercost.engine.planner.flow import drain, flow, look_up, rows_needed
from infercost.engine.planner.play import play
from infercost.engine.planner.settings import tables
from infercost.engine.simulate.simulation import open_scaling

if TYPE_CHECKING:
    from types import SimpleNamespace

amounts = st.floats(0, 1e4, allow_nan=False)


@given(amounts, amounts, amounts, st.floats(1e-3, 1e3))
def test_a_fluid_queue_neither_makes_nor_loses_requests(backlog: float, rate: float, capacity: float, seconds: float) -> None:
    left, queued, _, area = drain(backlog, rate, capacity, inf, seconds)
    assert left >= 0
    assert 0 <= queued <= seconds
    assert area >= 0
    served_while_queued = backlog + rate * queued - left
    assert served_while_queued <= capacity * queued * (1 + 1e-9) + 1e-6
    if left > 1e-6:
        assert queued == seconds


@given(amounts, amounts, amounts, amounts, st.floats(1e-3, 1e3))
def test_time_above_a_level_is_part_of_the_time_with_a_queue(
    backlog: float, rate: float, capacity: float, hold: float, seconds: float
) -> None:
    _, queued, above, _ = drain(backlog, rate, capacity, hold, seconds)
    assert -1e-9 <= above <= queued + 1e-9


def test_a_row_is_interpolated_and_ends_at_its_last_entry() -> None:
    row = np.array([0.0, 1.0, 4.0])
    assert [look_up(row, load) for load in (0.0, 0.25, 0.5, 0.75, 1.0, 3.0)] == [0.0, 0.5, 1.0, 2.5, 4.0, 4.0]


def _model(world: SimpleNamespace, choice: Any, screen: Any, run: Any) -> tuple[Any, np.ndarray]:
    from infercost.engine.planner.scaler import autoscaler_of

    autoscaler = autoscaler_of(choice, screen.clouds["cloud"].scaling, 0.0, None)
    arrived = screen.demand.counts(15.0)
    late = np.zeros(len(screen.slo.targets))
    found = run(
        arrived,
        15.0,
        4,
        screen.demand.duration_s,
        tables(choice.setting, screen.slo, pooled=choice.pooled),
        open_scaling(autoscaler, 60.0, 0.0, choice.initial, screen.start_key),
        choice.initial,
        np.empty(rows_needed(len(arrived), 4)),
        np.empty(choice.limits.max + 1),
        np.empty(model.STATE),
        late,
    )
    return found, late


@pytest.mark.filterwarnings("ignore:overflow encountered")  # the generator is modular arithmetic
def test_the_compiled_model_is_the_plain_one(world: SimpleNamespace) -> None:
    screen, choice = world.screen(), world.choice(target=450.0)
    plain, late = _model(world, choice, screen, flow)
    fast, late_fast = _model(world, choice, screen, compiled_flow())
    assert tuple(fast) == pytest.approx(tuple(plain), rel=1e-9)
    assert late_fast == pytest.approx(late, rel=1e-9)


@pytest.mark.parametrize("target", [300.0, 450.0, 600.0])
@pytest.mark.parametrize("routing", ["random", "least_outstanding"])
def test_replicas_of_a_rule_that_counts_requests_are_those_of_the_simulation(
    world: SimpleNamespace, target: float, routing: str
) -> None:
    screen, choice = world.screen(), world.choice(target=target, low=2, routing=routing)
    screened, played = screen(choice), play(choice, screen, seed=0)
    assert screened.flow.billed_s == pytest.approx(played.replica_seconds, rel=2e-3)
    assert screened.flow.busy_s == pytest.approx(played.busy_seconds, rel=0.03)
    assert screened.flow.started > 0


def test_replicas_of_a_rule_that_measures_load_are_close(world: SimpleNamespace) -> None:
    screen = world.screen(scaling=world.rules(world.BUSY))
    choice = world.choice(kind="vertex", metric="utilization", target=60.0, low=2)
    assert screen(choice).flow.billed_s == pytest.approx(play(choice, screen, seed=0).replica_seconds, rel=0.03)


@pytest.mark.parametrize("low", [3, 4, 5])
def test_late_requests_of_steady_replicas_are_close(world: SimpleNamespace, low: int) -> None:
    screen = world.screen(world.demand([60 * 25] * 60), "p95=300ms")
    choice = world.choice(target=None, low=low, high=low)
    screened, played = screen(choice), play(choice, screen, seed=0)
    assert screened.severity == pytest.approx(played.severity, rel=0.25, abs=0.02)


def test_lines_of_the_bill_lie_within_what_is_billed(world: SimpleNamespace) -> None:
    found = world.screen()(world.choice(target=450.0)).flow
    assert found.busy_s + found.starting_s < found.billed_s
    assert found.ready_s + found.starting_s == pytest.approx(found.billed_s, rel=1e-6)
    assert 0 < found.tail_s < found.ready_s


def test_a_schedule_moves_the_limits(world: SimpleNamespace) -> None:
    from infercost.domain.scaling import ScheduledCapacity

    blocks = (
        ScheduledCapacity(name="night", at="00:00", min_replicas=1, max_replicas=1),
        ScheduledCapacity(name="rush", at="00:20", min_replicas=6, max_replicas=8),
    )
    calm = world.choice(target=450.0, high=1)
    rush = world.choice(target=450.0, high=8, schedule=blocks)
    screen = world.screen()
    assert screen(calm).flow.peak == 1
    assert screen(rush).flow.peak >= 6
    assert screen(rush).flow.billed_s == pytest.approx(play(rush, screen, seed=0).replica_seconds, rel=2e-3)


def test_without_a_replica_every_request_is_late(world: SimpleNamespace) -> None:
    screen = world.screen()
    late, state = np.zeros(1), np.zeros(model.STATE)
    model.serve(5.0, 60.0, 0, tables(world.setting(), screen.slo, pooled=False), state, late)
    assert late[0] == 300.0
