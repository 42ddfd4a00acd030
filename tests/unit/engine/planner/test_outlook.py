from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.planner.outlook import breaking_factor, outlook, probability
from infercost.engine.planner.play import play
from infercost.engine.planner.search import Confirmed, Found


@given(st.floats(0.2, 5), st.floats(0.01, 3))
def test_odds_grow_with_the_factor_and_are_even_at_one(factor: float, band: float) -> None:
    assert probability(1.0, band) == pytest.approx(0.5)
    assert probability(factor, band) <= probability(factor * 1.1, band) <= 1


def test_ninety_percent_lie_within_the_band() -> None:
    assert probability(1.4, 0.4) - probability(1 / 1.4, 0.4) == pytest.approx(0.9)


def test_without_a_band_the_odds_are_certain() -> None:
    assert [probability(factor, 0.0) for factor in (0.99, 1.0, 1.5)] == [0.0, 1.0, 1.0]


@pytest.fixture(scope="module")
def steady(world: SimpleNamespace) -> SimpleNamespace:
    """Four replicas under a steady load that three would not hold."""
    screen = world.screen(world.demand([60 * 25] * 60), "p95=300ms")
    choice = world.choice(target=None, low=4, high=4)
    screened, played = screen(choice), play(choice, screen, seed=0)
    confirmed = Confirmed(Found(screened, world.site().monthly(screened.mean_replicas)), played, played.severity, 1.0)
    return SimpleNamespace(screen=screen, choice=choice, confirmed=confirmed)


def test_the_breaking_factor_breaks_the_slo_when_it_is_played(steady: SimpleNamespace) -> None:
    factor, plays = breaking_factor(steady.confirmed, steady.screen, plays=2)
    assert plays == 2
    assert 1 < factor < 1.6
    severities = [play(steady.choice, steady.screen, seed=0, factor=f).severity for f in (factor * 0.97, factor * 1.03)]
    assert severities[0] < 1 < severities[1]


def test_more_replicas_stand_more(world: SimpleNamespace, steady: SimpleNamespace) -> None:
    choice = world.choice(target=None, low=5, high=5)
    played = play(choice, steady.screen, seed=0)
    roomy = Confirmed(Found(steady.screen(choice), 125.0), played, played.severity, 1.0)
    assert breaking_factor(roomy, steady.screen, plays=0)[0] > breaking_factor(steady.confirmed, steady.screen, plays=0)[0]


def test_the_ends_of_the_cost_enclose_the_likely_one(world: SimpleNamespace, steady: SimpleNamespace) -> None:
    found = outlook(steady.confirmed, [steady.choice.setting], world.site(), steady.screen, plays=0)
    assert found.low < steady.confirmed.found.screened.mean_replicas < found.high
    assert 0.5 < found.probability < 1


def test_where_no_number_of_replicas_holds_at_the_slow_end_there_is_no_upper_cost(world: SimpleNamespace) -> None:
    # 80 ms predicted, 300 ms at the slow end: over the limit without any load.
    wide = world.setting(band=2.75)
    screen = world.screen(world.demand([60 * 5] * 30), "p95=250ms")
    choice = world.choice(of=wide, target=None, low=2, high=2)
    played = play(choice, screen, seed=0)
    confirmed = Confirmed(Found(screen(choice), 50.0), played, played.severity, 1.0)
    assert outlook(confirmed, [wide], world.site(), screen, plays=0).high is None
