from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from infercost.domain.errors import ModelError, UsageError
from infercost.domain.latency import LatencyStats, RawLatencies
from infercost.domain.sizes import nodes, parse_sizes
from infercost.runtime.lengths import combine, describe_sizes, measure_sizes
from infercost.runtime.settings import Progress
from infercost.store.artifacts import load_profile
from infercost.store.profile_checks import find_fault

SIZES = parse_sizes("sequence", "choice:16=1,64=2,256=1")
BASE = load_profile(Path(__file__).parents[3] / "profiles" / "minilm-l6.json")


def at_size(size: int, batches=(1, 4), warnings=()):
    """What measuring at a size would give if a token took 10 µs."""
    points = []
    for batch in batches:
        raw = RawLatencies.pack([1e-5 * size * batch] * 100)
        stats = LatencyStats.of(raw.seconds())
        points.append(
            replace(BASE.points[0], batch=batch, threads=1, latency_ms=stats, raw=raw, memory_bytes=size * 1000, energy_j=size)
        )
    operators = tuple(replace(o, flops=None if o.flops is None else size * 100) for o in BASE.operators)
    return replace(BASE, points=tuple(points), operators=operators, payload_in_bytes=8 * size, warnings=tuple(warnings))


def test_the_whole_is_the_sum_of_its_sizes() -> None:
    whole = combine(SIZES, BASE.model, {size: at_size(size) for size in SIZES.values})
    assert find_fault(whole) is None
    assert whole.sizes == SIZES
    one, four = whole.points
    assert math.isclose(one.service_ms, 1e-2 * SIZES.mean, rel_tol=1e-6)
    assert math.isclose(four.service_ms, 4e-2 * SIZES.mean * SIZES.padding(4), rel_tol=1e-6)
    assert (one.raw, one.memory_bytes) == (None, 256_000)
    assert one.energy_j == pytest.approx(SIZES.mean)
    assert [run.size for run in one.by_size] == [16, 64, 256]
    assert whole.payload_in_bytes == 8 * SIZES.mean
    assert {o.flops for o in whole.operators} <= {None, round(100 * SIZES.mean)}
    assert math.isclose(sum(o.time_share for o in whole.operators), sum(o.time_share for o in BASE.operators))
    assert "sequence=choice:16=1,64=2,256=1 (mean 100, longest 256)" in whole.warnings[0]
    assert "batches are padded to their longest: 2 times" in whole.warnings[0]


def test_a_batch_that_is_missing_at_one_size_is_left_out_and_said() -> None:
    found = {16: at_size(16), 64: at_size(64), 256: at_size(256, batches=(1,))}
    whole = combine(SIZES, BASE.model, found)
    assert [p.batch for p in whole.points] == [1]
    assert any(w.startswith("batch 4 was not measured at every size") for w in whole.warnings)
    with pytest.raises(ModelError, match="no batch size was measured at every size"):
        combine(SIZES, BASE.model, {**found, 16: at_size(16, batches=(4,))})


def test_a_warning_is_said_once_with_its_sizes() -> None:
    found = {size: at_size(size, warnings=(f"busy: at {size}",) if size > 16 else ()) for size in SIZES.values}
    said = [w for w in combine(SIZES, BASE.model, found).warnings if "busy" in w]
    assert said == ["at sequence=64, 256: busy: at 64"]


def test_every_size_is_described_the_longest_first() -> None:
    asked: list[int] = []

    def describe(size: int):
        asked.append(size)
        return BASE.model

    assert list(describe_sizes(SIZES, describe)) == [16, 64, 256]
    assert asked[0] == 256


def test_a_size_that_does_not_run_is_named_with_a_way_out() -> None:
    def refuses(size: int):
        if size > 100:
            raise ModelError("too long for the table of positions; look")
        return BASE.model

    with pytest.raises(ModelError, match=r"sequence=256, the longest of .*--dim sequence=choice:16=1,64=2,256=1,max=512"):
        describe_sizes(SIZES, refuses)

    def never(size: int):
        raise ModelError("broken") if size < 256 else ModelError("other")

    with pytest.raises(ModelError, match="other"):
        describe_sizes(SIZES, never)


def test_the_batch_cannot_vary() -> None:
    with pytest.raises(UsageError, match="'batch_size' is the batch"):
        describe_sizes(replace(SIZES, dim="batch_size"), lambda _: BASE.model)


def test_the_budget_goes_to_the_long_sizes_and_is_kept() -> None:
    spent: dict[int, float] = {}
    seen: list[Progress] = []
    by_size = {size: replace(BASE.model, name=str(size)) for size in nodes(SIZES, 5)}

    def measure(facts, budget_s, tell):
        size = int(facts.name)
        spent[size] = budget_s
        tell(Progress("measuring", 1, 4, "batch 1"))
        tell(Progress("done", 4, 4, ""))
        return at_size(size)

    measure_sizes(SIZES, BASE.model, by_size, measure, budget_s=30.0, on_progress=seen.append)
    assert math.isclose(sum(spent.values()), 30.0)
    assert spent[16] < spent[64] < spent[256]
    assert [(p.stage, p.done, p.total) for p in seen] == [
        ("measuring", 1, 12),
        ("measuring", 5, 12),
        ("measuring", 9, 12),
        ("done", 12, 12),
    ]
    assert seen[0].detail == "sequence 16, batch 1"
