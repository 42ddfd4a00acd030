from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infercost.domain.errors import ModelError, UsageError
from infercost.domain.traffic import Slo
from infercost.runtime import trials as module
from infercost.runtime.fleet import Fleet
from infercost.runtime.inspect import inspect
from infercost.runtime.protocol import Counters, Failure, SliceReply
from infercost.runtime.settings import MeasureSettings
from infercost.runtime.trials import Variant, named_variants, search, undisturbed

if TYPE_CHECKING:
    from infercost.domain.scenario import Trial

SETTINGS = MeasureSettings(budget_s=30.0, device="cpu", pin=False)


class Kept:
    """Trials in memory, and a stop after so many."""

    def __init__(self, most: int = 1000) -> None:
        self.trials: dict[str, Trial] = {}
        self.most = most

    def recall(self, key: str) -> Trial | None:
        return self.trials.get(key)

    def keep(self, key: str, trial: Trial) -> None:
        self.trials[key] = trial
        if len(self.trials) == self.most:
            raise KeyboardInterrupt


@pytest.fixture
def variant(nets: Any, saved: Any) -> Variant:
    path = saved(nets.mlp())
    return Variant(path, inspect(path))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """Fleets that are not started; throughput by a law. Configurations, in order."""
    log: list[tuple[int, int, int]] = []

    class Law:
        def __init__(self, batch: int, threads: int, workers: int) -> None:
            self.batch, self.threads, self.workers = batch, threads, workers

        def run(self, budget_s: float, most_runs: int) -> list[SliceReply]:
            seconds = (0.001 + 0.0005 * self.batch) / self.threads**0.7
            cost = Counters(1.0, self.threads * 1.0, 0.0, 0.0, 0.0, 1.0, 100, None)
            return [SliceReply([round(seconds * 1e9)] * 20, round(1 / seconds), cost, 10, 90)] * self.workers

        def close(self) -> None:
            log[-1] = (*log[-1],)

    def start(subject: Any, batch: int, threads: int, count: int, placement: Any, *, first: bool = True) -> Law:
        log.append((batch, threads, count))
        return Law(batch, threads, count)

    monkeypatch.setattr(Fleet, "start", start)
    monkeypatch.setattr(module, "usable_cpus", lambda: 2)
    monkeypatch.setattr(module, "busy_cpus", lambda: 0.0)
    return log


def test_a_search_finds_the_best_in_few_trials_and_keeps_each(variant: Variant, measured: list[Any]) -> None:
    told, kept = [], Kept()
    found = search({"fp32": variant}, settings=replace(SETTINGS, pin=True), memory=kept, on_progress=told.append)
    assert found.grid == 36
    assert len(found.trials) == len(measured) == len(kept.trials) <= 5
    assert found.best is not None
    best = found.trials[found.best]
    assert (best.workers, best.threads) == (2, 1)
    assert best.batch >= 24
    assert best.memory_bytes == 180
    assert best.raw is not None
    assert [step.done for step in told] == list(range(len(found.trials)))
    assert told[0].stage == "search"


def test_a_search_that_is_killed_anywhere_loses_nothing_and_ends_the_same(variant: Variant, measured: list[Any]) -> None:
    whole = search({"fp32": variant}, settings=SETTINGS)
    for most in range(1, len(whole.trials)):
        measured.clear()
        kept = Kept(most)
        with pytest.raises(KeyboardInterrupt):
            search({"fp32": variant}, settings=SETTINGS, memory=kept)
        again = search({"fp32": variant}, settings=replace(SETTINGS, budget_s=9.0), memory=kept)
        assert again == whole
        assert len(measured) == len(whole.trials), "nothing was measured twice"


def test_a_search_that_has_no_time_left_says_how_to_go_on(
    variant: Variant, measured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(clock)))
    found = search({"fp32": variant}, settings=SETTINGS)
    assert len(found.trials) < 5
    assert found.stopped == "the time was up; the same command goes on from here"


def test_the_best_keeps_the_promise(variant: Variant, measured: list[Any]) -> None:
    found = search({"fp32": variant}, settings=SETTINGS, slo=Slo.parse("p99=3ms"))
    assert found.best is not None
    best = found.trials[found.best]
    assert best.latency_ms is not None
    assert best.latency_ms.mean <= 3
    assert found.slo == "p99=3ms"
    assert search({"fp32": variant}, settings=SETTINGS, slo=Slo.parse("mean=0.001ms")).best is None
    with pytest.raises(UsageError, match="one latency promise"):
        search({"fp32": variant}, settings=SETTINGS, slo=Slo.parse("p50=1ms,p99=3ms"))


def test_what_cannot_run_is_a_trial_too(variant: Variant, measured: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    start = Fleet.start

    def fail_large(subject: Any, batch: int, threads: int, count: int, placement: Any, *, first: bool = True) -> Any:
        made = start(subject, batch, threads, count, placement)
        return Failure("memory", "out of memory") if batch > 2 else made

    monkeypatch.setattr(Fleet, "start", fail_large)
    found = search({"fp32": variant}, settings=SETTINGS)
    assert any(trial.failure == "out of memory" and trial.throughput_per_s == 0 for trial in found.trials)
    assert found.best is not None
    assert found.trials[found.best].batch <= 2
    monkeypatch.setattr(Fleet, "start", lambda *_, **__: Failure("run", "broken"))
    with pytest.raises(ModelError, match="no configuration of the search runs: broken"):
        search({"fp32": variant}, settings=SETTINGS)


def test_variants_are_searched_together(variant: Variant, measured: list[Any]) -> None:
    found = search({"fp32": variant, "int8": variant}, settings=replace(SETTINGS, batches=(1, 8)))
    assert found.grid == 12
    assert len(found.trials) <= 3
    with pytest.raises(UsageError, match="is fp32 itself; name the variant otherwise"):
        named_variants(variant, {"fp32": variant})
    assert list(named_variants(variant, {"int8": variant})) == ["fp32", "int8"]


def test_a_fixed_batch_leaves_one(nets: Any, saved: Any, measured: list[Any]) -> None:
    path = saved(nets.graph([nets.node("Relu", ["x"], ["y"])], [nets.value("x", [1, 8])], [nets.value("y", [1, 8])]))
    fixed = Variant(path, inspect(path))
    assert search({"fp32": fixed}, settings=SETTINGS).grid == 3
    with pytest.raises(UsageError, match="fixed batch; search it with --batch 1"):
        search({"fp32": fixed}, settings=replace(SETTINGS, batches=(4,)))


def test_configurations_that_memory_has_no_room_for_are_left_out(
    variant: Variant, measured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available_bytes", lambda: 150 << 20)
    found = search({"fp32": variant}, settings=SETTINGS)
    assert {trial.workers for trial in found.trials} == {1}
    assert found.grid == 24


def test_time_that_threads_waited_for_a_cpu_does_not_count() -> None:
    def reply(cpu_s: float, waited_s: float | None) -> SliceReply:
        return SliceReply([1], 100, Counters(1.0, cpu_s, waited_s, None, None, None, 0, None), 1, 1)

    assert undisturbed([reply(1.0, 0.0)], 4, 1) == 400
    assert undisturbed([reply(0.5, 0.5)], 4, 1) == 800
    assert undisturbed([reply(0.5, None)], 4, 1) == 400
    assert undisturbed([reply(1.5, 0.5)] * 2, 1, 2) == pytest.approx(2 * 100 / 0.75)


def test_a_disturbed_pair_is_measured_a_third_time(
    variant: Variant, measured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    start = Fleet.start

    def disturbed(*arguments: Any, **more: Any) -> Any:
        fleet = start(*arguments, **more)
        quiet = fleet.run

        def run(budget_s: float, most_runs: int) -> list[SliceReply]:
            runs.append(1)
            cost = Counters(1.0, 0.5, 0.9, 0.0, 0.0, 1.0, 100, None)
            return [SliceReply(one.latencies_ns, one.runs, cost, 1, 1) for one in quiet(budget_s, most_runs)]

        fleet.run = run
        return fleet

    monkeypatch.setattr(Fleet, "start", disturbed)
    found = search({"fp32": variant}, settings=SETTINGS)
    assert len(runs) == 3 * len(found.trials)
