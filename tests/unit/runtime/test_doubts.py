from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infercost.runtime.doubts import Doubts, config_names

CONFIGS = st.tuples(st.integers(1, 64), st.integers(1, 4))


def test_nothing_to_say_is_not_said() -> None:
    assert Doubts(on_cpu=[1.0], operator_runs=20).lines() == []
    assert Doubts(operator_runs=None).lines() == []


def test_points_are_named_by_batch() -> None:
    assert config_names([(1, 1), (4, 1), (4, 2), (16, 2)]) == "batch 1 × 1 thread, batch 4 × 1/2 threads, batch 16 × 2 threads"


def test_what_is_missing_is_one_line_with_its_reasons() -> None:
    doubts = Doubts(
        slow={(4, 1): 2.13, (4, 2): 1.1, (16, 1): 8.4},
        large={64: (3 << 30, 1 << 30)},
        failed={32: "it crashed; check it"},
    )
    assert doubts.lines() == [
        (
            "not measured: batch 4 × 1/2 threads, batch 16 × 1 thread (about 1.1 to 8.4 s a run; raise --budget), "
            "batch 64 (needs about 3.0 GiB, 1.0 GiB is free), batch 32 (it crashed; check it)"
        )
    ]


def test_what_is_rough_is_one_line() -> None:
    doubts = Doubts(unsettled=[(1, 1), (1, 2)], few={(4, 1): 5, (4, 2): 10}, operator_runs=17)
    assert doubts.lines() == [
        (
            "rough figures: batch 1 × 1/2 threads did not settle, batch 4 × 1/2 threads had too few (5 to 10 runs, 11 make a "
            "median), operator shares rest on 17 runs (20 are wanted); raise --budget"
        )
    ]


@given(
    busy=st.floats(0, 8),
    shares=st.lists(st.floats(0, 1)),
    slow=st.dictionaries(CONFIGS, st.floats(0.01, 100)),
    large=st.dictionaries(st.integers(1, 64), st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40))),
    unsettled=st.lists(CONFIGS),
    few=st.dictionaries(CONFIGS, st.integers(1, 10)),
    runs=st.none() | st.integers(0, 30),
)
def test_three_lines_are_the_most_and_no_point_is_lost(
    busy: float,
    shares: list[float],
    slow: dict[tuple[int, int], float],
    large: dict[int, tuple[int, int]],
    unsettled: list[tuple[int, int]],
    few: dict[tuple[int, int], int],
    runs: int | None,
) -> None:
    doubts = Doubts(busy, shares, slow, large, {}, unsettled, few, runs)
    lines = doubts.lines()
    assert len(lines) <= 3
    assert all("\n" not in line for line in lines)
    text = " ".join(lines)
    assert all(f"batch {batch} " in text for batch in (*large, *(batch for batch, _ in (*slow, *unsettled, *few))))
