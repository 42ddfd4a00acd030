from __future__ import annotations

from infercost.runtime.neighbours import busy_cpus, busy_warning, neighbour_warning


def test_a_busy_machine_is_mentioned() -> None:
    assert neighbour_warning(0.0) is None
    assert "1.5 CPUs" in (neighbour_warning(1.5) or "")


def test_the_watch_counts_cpus() -> None:
    assert busy_cpus(0.01) >= 0


def test_lost_cpu_time_is_mentioned_by_its_worst_case() -> None:
    assert busy_warning(0.0, []) is None
    assert busy_warning(0.0, [0.99, 1.0]) is None
    assert "70%" in (busy_warning(0.0, [0.99, 0.7]) or "")


def test_a_busy_machine_is_one_line() -> None:
    assert busy_warning(1.5, [0.5]) == (
        "the machine was busy: other processes were using 1.5 CPUs when the measurement began and single-threaded runs "
        "had the CPU for only 50% of the time; latencies are too high, quiet it and profile again"
    )
