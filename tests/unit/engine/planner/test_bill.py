from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infercost.engine.planner.bill import Shares, bill, month_of

if TYPE_CHECKING:
    from types import SimpleNamespace

part = st.floats(0, 30, allow_nan=False)


@pytest.fixture(scope="session")
def place(build: SimpleNamespace, world: SimpleNamespace):
    charges = (
        build.Charge(
            name="storage", item="disk", driver="endpoint_storage_gb", fixed_quantity=30.0, note="n", modes=("realtime",)
        ),
        build.Charge(name="logs", item="logs", driver="log_gb", note="n"),
    )
    rates = (build.rate("disk", "0.14", unit="GB-month"), build.rate("logs", "0.5"))
    return world.site(build.offer("0.2013", list_price=Decimal("0.25")), charges=charges, rates=rates).places[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(billed=st.floats(0.01, 100), busy=part, starting=part, tail=part)
def test_lines_sum_to_the_total_whatever_the_parts(place, billed: float, busy: float, starting: float, tail: float) -> None:
    made = bill(place, Shares(billed=billed, busy=busy, starting=starting, tail=tail), "modelled", "note")
    assert sum(line.monthly_cost for line in made.lines) == made.cost
    assert all(line.monthly_cost >= 0 and line.quantity >= 0 for line in made.lines)
    whole, _ = month_of(place, billed)
    assert made.cost == whole


def test_idle_compute_is_told_by_what_caused_it(place) -> None:
    made = bill(place, Shares(billed=4.0, busy=1.0, starting=0.5, tail=0.25), "modelled", "note")
    hours = {(line.name, line.basis): line.quantity for line in made.lines if line.unit == "hour"}
    assert hours == {
        ("compute", "used"): 730,
        ("compute", "idle"): Decimal("1642.5"),
        ("scale-in tail", "idle"): Decimal("182.5"),
        ("starting", "idle"): 365,
    }


def test_storage_grows_with_the_replicas_and_logs_do_not(place) -> None:
    one, four = (bill(place, Shares(billed=n, busy=0.5), "modelled", "note") for n in (1.0, 4.0))
    costs = [{line.name: line.monthly_cost for line in made.lines if line.unit != "hour"} for made in (one, four)]
    assert costs[1]["storage"] == 4 * costs[0]["storage"]
    assert costs[1]["logs"] == costs[0]["logs"]


def test_parts_of_nothing_are_left_out(place) -> None:
    made = bill(place, Shares(billed=2.0, busy=1.0), "modelled", "note")
    assert [line.name for line in made.lines if line.unit == "hour"] == ["compute", "compute"]


def test_list_prices_are_split_likewise(place) -> None:
    made = bill(place, Shares(billed=2.0, busy=1.0, starting=0.1), "modelled", "note")
    listed = [line.list_cost for line in made.lines if line.unit == "hour"]
    assert sum(listed) == Decimal("365.000000")
