"""The planner: a week of traffic on three clouds in a minute, and within 1 % of playing everything.

The bars: a week of a trace of requests a minute (about 39 M requests), three clouds, at least 200 candidates, under
60 s by the clock on two cores; on a reduced space the plan costs at most 1 % more than the cheapest of all choices,
each played. Give the trace as CSV (``--trace``); without one a week of a made-up shape of the same size is taken.
On a busy machine look at the CPU seconds over two instead of the clock. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from pathlib import Path

from infercost import load_traffic, plan
from infercost.app.planning import answer_plan
from infercost.app.pricing import ask
from infercost.app.profiling import load_profile
from infercost.engine.planner import planning, search
from infercost.engine.planner.bounds import carried_rps
from infercost.engine.planner.choices import Needs, lines
from infercost.engine.planner.exploring import Found
from infercost.engine.planner.play import play
from infercost.engine.planner.search import Budget, billed

SECONDS_BAR, CANDIDATES_BAR, OPTIMUM_BAR = 60.0, 200, 0.01
PROFILE = Path(__file__).parents[1] / "profiles" / "resnet50.json"
MADE_UP = "weekly:peak=110,trough=20,for=1w"


def timed(what, call):
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what}: {wall:.1f} s by the clock, {cpu:.1f} s of CPU")
    return found, wall, cpu


def week(traffic, slo: str, top: int) -> bool:
    found, wall, cpu = timed("plan of a week", lambda: plan(PROFILE, traffic=traffic, slo=slo, top=top))
    how = found.search
    print(
        f"  {how.candidates:,} considered, {how.pruned:,} ruled out by bounds, {how.screened:,} by the fluid model,"
        f" {how.simulated} simulations of {found.workload.requests:,.0f} requests; at most {how.gap:.1%} above the bound"
    )
    for policy in found.policies:
        rule = ", ".join(f"{s.metric} {s.target:g}" for s in policy.scaling) or "fixed"
        low, likely, high = policy.per_month.low, policy.per_month.likely, policy.per_month.high
        limits = f"{policy.replicas.min}-{policy.replicas.max} (mean {policy.replicas.mean:.2f})"
        print(
            f"  {policy.rank:2} {policy.provider:10} {policy.instance_type:24} {limits} {rule}, +{len(policy.schedule)}:"
            f" {low:.0f} / {likely:.0f} / {high and round(high)} a month, {policy.attainment:.3%}, {policy.slo_probability}"
        )
    clouds = {policy.provider for policy in found.policies}
    missed = len(clouds) < 3 or how.candidates < CANDIDATES_BAR or min(wall, cpu / 2) > SECONDS_BAR
    print(f"  bar: {SECONDS_BAR:g} s: {'MISSED' if missed else 'met'}")
    return missed


def exhaustion(traffic, slo: str, instance: str, hours: float) -> bool:
    """One instance type, one serving configuration of it, a part of the trace: every choice is played."""
    part = load_traffic(traffic, clip=(0.0, hours * 3600))
    kept = {}
    settings_of = planning.settings_of

    def one_setting(*arguments):
        return settings_of(*arguments)[:1]

    def hunt(settings, site_of, screen, **rest):
        kept.update(settings=settings, site_of=site_of, screen=screen)
        return search.hunt(settings, site_of, screen, **rest)

    planning.settings_of, planning.hunt = one_setting, hunt
    question = ask(rps=part.mean_rps, slo=slo, instances=[instance])
    profile = load_profile(PROFILE)
    budget = replace(Budget(), seeds=1)
    found, _, _ = timed("search of the reduced space", lambda: answer_plan(question, profile, part, top=1, budget=budget))
    planning.settings_of, planning.hunt = settings_of, search.hunt
    (least, choices), _, _ = timed("exhaustion of it", lambda: play_all(**kept))
    mine = min((float(p.compared) for p in found.policies), default=inf)
    missed = not mine <= least * (1 + OPTIMUM_BAR)
    print(f"  {instance}, {hours:g} h: {choices} choices, cheapest that holds {least:.2f}, planned {mine:.2f}")
    print(f"  bar: within {OPTIMUM_BAR:.0%}: {'MISSED' if missed else 'met'} ({mine / least - 1:.2%})")
    return missed


def play_all(settings, site_of, screen) -> tuple[float, int]:
    (setting,) = settings
    site = site_of[setting.provider, setting.instance_type]
    cloud = screen.clouds[setting.provider]
    needs = Needs(float(carried_rps([setting], screen.slo)[0]), cloud.min_replicas, cloud.scaling.max_replicas)
    every = lines(setting, cloud.scaling, screen.demand, needs, lambda pooled: screen.station(setting, pooled=pooled))
    choices = [choice for line in every for choice in line.choices]

    def cost(choice) -> float:
        screened, played = screen(choice), play(choice, screen, seed=screen.demand.seed)
        return site.monthly(billed(Found(screened, 0.0), played, screen)) if played.severity <= 1 else inf

    with ThreadPoolExecutor(search.THREADS) as pool:
        return min(pool.map(cost, choices)), len(choices)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trace", help="CSV of requests a minute; its first week is taken")
    parser.add_argument("--slo", default="p99=400ms")
    parser.add_argument("--top", type=int, default=3)
    parser.add_argument("--hours", type=float, default=12.0, help="of the reduced space")
    parser.add_argument("--instance", action="append", help="of the reduced space; may be repeated")
    options = parser.parse_args()
    traffic = load_traffic(options.trace or MADE_UP, clip=(0.0, 7 * 86400.0))
    # What is compiled once a machine is not the plan's time.
    timed("first call (compiles, or loads machine code)", lambda: plan(PROFILE, traffic="phases:5@10m,20@10m", slo=options.slo))
    missed = week(traffic, options.slo, options.top)
    for instance in options.instance or ["ml.c7i.2xlarge", "n2-highcpu-8"]:
        missed |= exhaustion(traffic, options.slo, instance, options.hours)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
