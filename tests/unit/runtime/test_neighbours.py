from __future__ import annotations

from infercost.runtime.neighbours import busy_cpus, neighbour_warning, stolen_warning


def test_a_busy_machine_is_mentioned() -> None:
    assert neighbour_warning(0.0) is None
    assert "1.5 CPUs" in (neighbour_warning(1.5) or "")


def test_the_watch_counts_cpus() -> None:
    assert busy_cpus(0.01) >= 0


def test_lost_cpu_time_is_mentioned_by_its_worst_case() -> None:
    assert stolen_warning([]) is None
    assert stolen_warning([0.99, 1.0]) is None
    assert "70%" in (stolen_warning([0.99, 0.7]) or "")
