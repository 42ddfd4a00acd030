"""The search against brute force, and the laws that it keeps."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from infercost.engine.planner.choices import Needs, lines
from infercost.engine.planner.exploring import Found
from infercost.engine.planner.play import play
from infercost.engine.planner.search import Budget, billed, hunt

if TYPE_CHECKING:
    from types import SimpleNamespace

EVERYTHING = Budget(plays=400, probed=100)


def search(
    world: SimpleNamespace, screen: Any, *settings: Any, site: Any = None, top: int = 1, budget: Budget = EVERYTHING
) -> Any:
    own = settings or (world.setting(),)
    return hunt(own, {("cloud", "m.large"): site or world.site()}, screen, top=top, budget=budget)


def best(outcome: Any) -> Any:
    (one,) = outcome.hunts
    (confirmed,) = one.confirmed.values()
    return confirmed


def brute_force(world: SimpleNamespace, screen: Any, site: Any, *settings: Any) -> float:
    """The least monthly cost of all choices that keep the SLO, each played."""
    least = inf
    for setting in settings:
        needs = Needs(world.carried(setting, screen.slo), 1, screen.clouds["cloud"].scaling.max_replicas)
        stations = {pooled: screen.station(setting, pooled=pooled) for pooled in (False, True)}
        for line in lines(setting, screen.clouds["cloud"].scaling, screen.demand, needs, stations.__getitem__):
            for choice in line.choices:
                screened, played = screen(choice), play(choice, screen, seed=screen.demand.seed)
                if played.severity <= 1:
                    least = min(least, site.monthly(billed(Found(screened, 0.0), played, screen)))
    return least


@pytest.mark.parametrize("slo", ["p95=400ms", "p99=600ms", "mean=130ms"])
def test_it_finds_what_playing_everything_finds(world: SimpleNamespace, slo: str) -> None:
    screen, site = world.screen(slo=slo), world.site()
    least = brute_force(world, screen, site, world.setting())
    found = best(search(world, screen, site=site, budget=replace(EVERYTHING, seeds=1)))
    assert least <= found.monthly <= least * 1.01


@pytest.mark.parametrize("option", ["BUSY", "AZURE", "CONCURRENCY"])
def test_so_it_does_for_other_rules(world: SimpleNamespace, option: str) -> None:
    screen = world.screen(world.demand(world.swing(40)), scaling=world.rules(getattr(world, option)))
    site = world.site()
    least = brute_force(world, screen, site, world.setting())
    found = best(search(world, screen, site=site, budget=replace(EVERYTHING, seeds=1)))
    assert least <= found.monthly <= least * 1.01


def test_and_with_batches(world: SimpleNamespace) -> None:
    both = (world.setting(), world.setting(batch=4, full_ms=140.0))
    screen, site = world.screen(world.demand(world.swing(40))), world.site()
    least = brute_force(world, screen, site, *both)
    found = best(search(world, screen, *both, site=site, budget=replace(EVERYTHING, seeds=1)))
    assert least <= found.monthly <= least * 1.01


def test_and_with_every_routing(world: SimpleNamespace) -> None:
    rules = world.rules(routings=("random", "least_outstanding"))
    screen, site = world.screen(world.demand(world.swing(40)), scaling=rules), world.site()
    least = brute_force(world, screen, site, world.setting())
    found = best(search(world, screen, site=site, budget=replace(EVERYTHING, seeds=1)))
    assert least <= found.monthly <= least * 1.01
    assert found.found.choice.routing == "least_outstanding"


def test_it_plays_a_small_part_of_what_it_considers(world: SimpleNamespace) -> None:
    outcome = search(world, world.screen())
    assert outcome.simulated < outcome.candidates / 4


def test_the_best_is_not_below_the_bound(world: SimpleNamespace) -> None:
    outcome = search(world, world.screen())
    assert 0 < outcome.lower_bound <= best(outcome).monthly


def test_the_same_seed_gives_the_same_answer(world: SimpleNamespace) -> None:
    first, second = (best(search(world, world.screen(world.demand()))) for _ in range(2))
    assert (first.found, first.severity, first.played) == (second.found, second.severity, second.played)


def test_another_seed_draws_other_requests(world: SimpleNamespace) -> None:
    first, second = (best(search(world, world.screen(world.demand(seed=seed)))) for seed in (0, 1))
    assert first.played.latency_ms != second.played.latency_ms


def test_a_higher_price_is_never_cheaper(world: SimpleNamespace, build: SimpleNamespace) -> None:
    costs = [
        best(search(world, world.screen(), site=world.site(build.offer(price)))).monthly for price in ("0.1", "0.11", "0.3")
    ]
    assert costs == sorted(costs)
    assert costs[2] == pytest.approx(3 * costs[0])


def test_more_traffic_is_never_cheaper(world: SimpleNamespace) -> None:
    costs = [
        best(search(world, world.screen(world.demand(world.swing(factor=factor))))).monthly
        for factor in (0.2, 0.5, 1.0, 1.3, 2.0)
    ]
    assert costs == sorted(costs)


def test_a_stricter_slo_is_never_cheaper(world: SimpleNamespace) -> None:
    costs = [best(search(world, world.screen(slo=slo))).monthly for slo in ("p95=2s", "p95=800ms", "p95=400ms", "p95=200ms")]
    assert costs == sorted(costs)
    more = [best(search(world, world.screen(slo=slo))).monthly for slo in ("p90=400ms", "p95=400ms", "p99=400ms")]
    assert more == sorted(more)


def test_what_cannot_keep_the_slo_is_not_confirmed(world: SimpleNamespace) -> None:
    outcome = search(world, world.screen(slo="p95=81ms"))
    assert not outcome.hunts[0].confirmed
    tight = search(world, world.screen(slo="p95=400ms", scaling=world.rules(max_replicas=2)))
    assert not tight.hunts[0].confirmed


def test_the_fewest_replicas_that_the_user_wants_are_kept(world: SimpleNamespace) -> None:
    found = best(search(world, world.screen(min_replicas=3)))
    assert found.found.choice.limits.min >= 3


def test_without_rules_replicas_are_fixed(world: SimpleNamespace) -> None:
    cloud = world.Cloud(hosting=world.HOSTING, scaling=None, min_replicas=1)
    found = best(search(world, world.screen(cloud=cloud)))
    assert found.found.choice.scaling == ()
    assert found.found.choice.limits.min == found.found.choice.limits.max


def test_a_budget_of_few_requests_still_confirms_something(world: SimpleNamespace) -> None:
    outcome = search(world, world.screen(), budget=Budget(requests=1.0, seeds=1))
    assert outcome.simulated == 1


def test_where_the_model_is_too_hopeful_it_looks_again(world: SimpleNamespace) -> None:
    # All requests of 15 s come within one: the fluid model sees their mean.
    bursts = world.demand(([0] * 14 + [150]) * 120, bin_s=1.0)
    screen = world.screen(bursts, "p95=3s")
    hopeful = min(n for n in range(1, 9) if screen(world.choice(target=None, low=n, high=n)).severity <= 1)
    found = best(search(world, screen))
    assert screen.strain["cloud"] > 1
    assert found.severity <= 1
    assert found.found.screened.mean_replicas > hopeful


def test_requests_of_different_sizes_are_planned_with_their_sizes(world: SimpleNamespace) -> None:
    from infercost.app.traffic import load_traffic
    from infercost.engine.planner.demand import Demand

    mixed = Demand(load_traffic("poisson:rps=20,for=30m", classes="short=80%x0.5,long=20%x3"))
    alike = Demand(load_traffic("poisson:rps=20,for=30m"))
    costs = [best(search(world, world.screen(demand, "p95=400ms"))).monthly for demand in (alike, mixed)]
    assert costs[0] < costs[1]
    assert mixed.squared_cv_of_work == pytest.approx(1.0, rel=0.05)
