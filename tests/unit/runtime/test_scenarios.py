from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from infercost.domain.errors import ModelError, UsageError
from infercost.domain.traffic import Slo
from infercost.runtime import workers
from infercost.runtime.fleet import Fleet
from infercost.runtime.inspect import inspect
from infercost.runtime.placement import Placement
from infercost.runtime.protocol import Failure, PointReply
from infercost.runtime.scenarios import arrivals, run_load
from infercost.runtime.settings import Load, MeasureSettings
from infercost.runtime.subject import Subject

if TYPE_CHECKING:
    from pathlib import Path

PLACEMENT = Placement(pin=False)


@pytest.fixture
def subject(nets: Any, saved: Any, tmp_path: Path) -> Any:
    def make(model: Any = None, **settings: Any) -> Subject:
        path = saved(nets.mlp() if model is None else model)
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        return Subject(path, inspect(path), None, MeasureSettings(**settings), folder, "cpu")

    return make


def run(subject: Subject, load: Load, budget_s: float = 1.2) -> Any:
    return run_load(subject, load, PLACEMENT, budget_s=budget_s, cores=2)


def test_arrivals_are_poisson_and_the_same_for_the_same_seed() -> None:
    times = arrivals(100.0, 5000, 1)
    assert times == sorted(times)
    assert times == arrivals(100.0, 5000, 1) != arrivals(100.0, 5000, 2)
    gaps = [(b - a) / 1e9 for a, b in pairwise([0, *times])]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.01, rel=0.05)
    assert spread == pytest.approx(mean, rel=0.06), "exponential gaps vary as much as they last"


@pytest.mark.usefixtures("in_process")
def test_a_server_run_keeps_every_query_and_says_what_was_asked_and_done(subject: Any) -> None:
    found, turns = run(subject(seed=3), Load(scenario="server", rps=200.0, threads=1, slo=Slo.parse("p50=10s")))
    assert found.scenario == "server"
    assert found.target_rps == 200.0
    assert found.queries == found.latency_ms.count == found.raw.count > 50
    assert found.achieved_rps == pytest.approx(found.queries / found.duration_s)
    assert found.service_ms is not None
    assert found.service_ms.mean <= found.latency_ms.mean
    assert found.verdict == "valid"
    assert found.slo == "p50=10000ms"
    assert found.seed == 3
    assert [turn.threads for turn in turns] == [1]
    assert {tail.metric for tail in found.tails} <= {"p90", "p95", "p99"}


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("scenario", "samples"), [("single", 1), ("multi", 8), ("offline", 16)])
def test_streams_carry_their_samples(subject: Any, scenario: Any, samples: int) -> None:
    found, turns = run(subject(), Load(scenario=scenario))
    assert found.samples_per_query == samples
    assert found.throughput_per_s == pytest.approx(found.achieved_rps * samples)
    assert found.threads == 2
    assert found.target_rps is found.service_ms is None
    assert 1 <= len(turns) <= 5, "windows until three agree, or until the budget is spent on a busy machine"


@pytest.mark.skipif(sys.platform == "win32", reason="file locks")
def test_workers_are_processes_that_share_the_load(subject: Any) -> None:
    one = subject()
    fleet = Fleet.start(one, 1, 1, 2, PLACEMENT)
    assert isinstance(fleet, Fleet)
    try:
        replies, _ = fleet.serve(arrivals(400.0, 200, 0), 20.0)
        together = fleet.run(0.2, 50)
    finally:
        fleet.close()
    assert sorted(query for reply in replies for query in reply.queries) == list(range(200))
    assert all(reply.unserved == 0 for reply in replies)
    assert len(together) == 2
    assert not fleet.pinned
    assert not psutil.Process().children()


def test_a_worker_that_does_not_start_ends_them_all(subject: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Second:
        def __init__(self, request: Any, folder: Path) -> None:
            self.number = len(made)
            made.append(self)

        def hear(self) -> Any:
            return PointReply(0.1, 0.1, 4, True, 1) if self.number == 0 else Failure("memory", "out of memory")

        def close(self) -> None:
            closed.append(self.number)

    made: list[Second] = []
    one = subject()
    monkeypatch.setattr(workers, "Worker", Second)
    found = Fleet.start(one, 1, 1, 3, PLACEMENT)
    assert found == Failure("memory", "out of memory")
    assert sorted(closed) == [0, 1, 2]


@pytest.mark.usefixtures("in_process")
def test_what_cannot_be_is_refused(subject: Any, nets: Any) -> None:
    with pytest.raises(UsageError, match="single stream has one query under way"):
        run(subject(), Load(scenario="single", workers=2))
    fixed = nets.graph([nets.node("Relu", ["x"], ["y"])], [nets.value("x", [1, 8])], [nets.value("y", [1, 8])])
    with pytest.raises(UsageError, match="fixed batch; measure the scenario with --samples 1"):
        run(subject(fixed), Load(scenario="multi", samples=4))
    assert run(subject(fixed), Load(scenario="multi"))[0].samples_per_query == 1


def test_a_model_that_does_not_run_is_an_error(subject: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fleet, "start", lambda *_, **__: Failure("run", "broken"))
    with pytest.raises(ModelError, match="broken"):
        run(subject(), Load(scenario="single"))
