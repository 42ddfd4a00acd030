from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from infercost.runtime import placement
from infercost.runtime.placement import Placement, choose_cpus, shares_a_core

if TYPE_CHECKING:
    import pytest

FOUR_ON_TWO = {0: "a", 1: "b", 2: "a", 3: "b"}


def test_whole_cores_come_before_their_second_threads() -> None:
    idle = dict.fromkeys(FOUR_ON_TWO, 0.0)
    assert choose_cpus(1, 2, idle, FOUR_ON_TWO) == [[0], [1]]
    assert choose_cpus(2, 1, idle, FOUR_ON_TWO) == [[0, 1]]
    assert choose_cpus(1, 4, idle, FOUR_ON_TWO) == [[0], [1], [2], [3]]


def test_quiet_cpus_come_first() -> None:
    assert choose_cpus(1, 1, {0: 0.9, 1: 0.0, 2: 0.5, 3: 0.0}, {n: str(n) for n in range(4)}) == [[1]]


def test_too_few_cpus_pin_nobody() -> None:
    assert choose_cpus(2, 2, {0: 0.0, 1: 0.0, 2: 0.0}, {n: str(n) for n in range(3)}) == [[], []]


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.floats(0, 1), min_size=1, max_size=16), st.integers(1, 2))
def test_no_cpu_is_given_twice(threads: int, workers: int, shares: list[float], siblings: int) -> None:
    busy = dict(enumerate(shares))
    cores = {cpu: str(cpu // siblings) for cpu in busy}
    chosen = choose_cpus(threads, workers, busy, cores)
    taken = [cpu for cpus in chosen for cpu in cpus]
    assert len(chosen) == workers
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(busy)
    assert all(len(cpus) == threads for cpus in chosen) or not taken


def test_shared_cores_are_seen() -> None:
    assert shares_a_core([0, 2], FOUR_ON_TWO)
    assert not shares_a_core([0, 1], FOUR_ON_TWO)


def test_a_machine_is_looked_at_only_to_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "usable_affinity", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(placement, "core_of", lambda cpu: FOUR_ON_TWO[cpu])
    monkeypatch.setattr(placement.psutil, "cpu_percent", lambda **_: [100.0, 0.0, 0.0, 0.0])
    pinned = Placement(pin=True)
    assert pinned.cpus(1) == [[1]]
    assert pinned.cpus(2, 2) == [[1, 2], [0, 3]]
    assert pinned.siblings(4)
    assert not pinned.siblings(2)
    assert pinned.cpus(3, 2) == [None, None]
    assert Placement(pin=False).cpus(1, 2) == [None, None]
