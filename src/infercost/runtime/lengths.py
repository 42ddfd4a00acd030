"""Measuring over the sizes that a dimension takes: a few of them, each as a profile of its own, then put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infercost.domain.errors import ModelError, UsageError
from infercost.domain.latency import SizeRun
from infercost.domain.mixture import mix
from infercost.domain.sizes import nodes
from infercost.runtime.dims import is_batch_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infercost.domain.model import ModelFacts
    from infercost.domain.profile import OperatorTime, Point, Profile
    from infercost.domain.sizes import Sizes
    from infercost.runtime.settings import Progress

    Describe = Callable[[int], ModelFacts]
    Measure = Callable[[ModelFacts, float, Callable[[Progress], None]], Profile]

SIZES_MEASURED = 5
"""Straight lines between five well-chosen sizes lie about 1 % above a transformer's cost, where attention's own part
is as large as the rest at some thousand tokens; more where it is so at a few hundred."""


_EVEN_SHARE = 0.4
"""Of the budget, so much goes to all sizes alike and the rest by size: longer ones take longer to run."""


def describe_sizes(sizes: Sizes, describe: Describe) -> dict[int, ModelFacts]:
    """Facts of the model at every size that will be measured.

    Args:
        sizes: what sizes requests have.
        describe: inspects the model at a size.

    Raises:
        ModelError: the model does not run at one of the sizes.
        UsageError: the dimension is the batch.
    """
    if is_batch_name(sizes.dim):
        raise UsageError(f"{sizes.dim!r} is the batch, which infercost varies itself; give sizes for another dimension")
    found: dict[int, ModelFacts] = {}
    for size in reversed(nodes(sizes, SIZES_MEASURED)):
        try:
            found[size] = describe(size)
        except ModelError as error:
            raise _too_long(sizes, size, error) from error
    return dict(sorted(found.items()))


def _too_long(sizes: Sizes, size: int, error: ModelError) -> ModelError:
    if size != sizes.longest:
        return error
    return ModelError(
        f"{sizes.dim}={size}, the longest of {sizes.given}, does not run: {error}; "
        f"if the model takes no more than, say, 512, write: --dim {sizes.dim}={sizes.given},max=512"
    )


def measure_sizes(
    sizes: Sizes,
    facts: ModelFacts,
    by_size: dict[int, ModelFacts],
    measure: Measure,
    *,
    budget_s: float,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure at every size and put the results together.

    Args:
        sizes: what sizes requests have.
        facts: of the model at the mean size.
        by_size: of the model at each size to be measured.
        measure: measures at such facts within seconds.
        budget_s: for all sizes together.
        on_progress: called as while measuring one.
    """
    profiles = {}
    whole = sum(by_size)
    for done, (size, there) in enumerate(by_size.items()):
        tell = _Told(on_progress, f"{sizes.dim} {size}", done, len(by_size))
        share = _EVEN_SHARE / len(by_size) + (1 - _EVEN_SHARE) * size / whole
        profiles[size] = measure(there, budget_s * share, tell)
    return combine(sizes, facts, profiles)


class _Told:
    """Passes on the progress of one size as part of the whole."""

    def __init__(self, on_progress: Callable[[Progress], None] | None, label: str, done: int, of: int) -> None:
        self._on_progress, self._label, self._done, self._of = on_progress, label, done, of

    def __call__(self, progress: Progress) -> None:
        if self._on_progress is None or (progress.stage == "done" and self._done + 1 < self._of):
            return
        detail = f"{self._label}, {progress.detail}" if progress.detail else ""
        done, total = self._done * progress.total + progress.done, self._of * progress.total
        self._on_progress(replace(progress, done=done, total=total, detail=detail))


def combine(sizes: Sizes, facts: ModelFacts, profiles: dict[int, Profile]) -> Profile:
    """One profile over all sizes; a configuration that is missing at one of them is left out, and said.

    Raises:
        ModelError: no configuration was measured at every size.
    """
    measured = list(profiles)
    at = {size: {(p.batch, p.threads, p.device, p.precision): p for p in profiles[size].points} for size in measured}
    common = [key for key in at[measured[0]] if all(key in points for points in at.values())]
    if not common:
        raise ModelError(f"{facts.name}: no batch size was measured at every size of {sizes.dim!r}; raise --budget")
    points = tuple(_point(sizes, measured, [at[size][key] for size in measured]) for key in common)
    lost = sorted({key[0] for points_at in at.values() for key in points_at} - {key[0] for key in common})
    alone = sizes.weights(measured, 1)
    base = profiles[measured[-1]]
    return replace(
        base,
        model=facts,
        points=points,
        operators=_operators(list(profiles.values()), alone, points),
        payload_in_bytes=_mean([p.payload_in_bytes for p in profiles.values()], alone),
        payload_out_bytes=_mean([p.payload_out_bytes for p in profiles.values()], alone),
        warnings=(*_notes(sizes, measured, points, lost), *_said(sizes, profiles)),
        sizes=sizes,
    )


def _mean(values: Sequence[int], weights: Sequence[float]) -> int:
    return round(sum(v * w for v, w in zip(values, weights, strict=True)))


def _point(sizes: Sizes, measured: Sequence[int], points: Sequence[Point]) -> Point:
    batch = points[0].batch
    runs = tuple(
        SizeRun(size=size, weight=weight, latency_ms=p.latency_ms, stable=p.stable, raw=p.raw)
        for size, weight, p in zip(measured, sizes.weights(measured, batch), points, strict=True)
    )
    stats = mix(runs, sizes, batch)
    memory = [p.memory_bytes for p in points if p.memory_bytes is not None]
    shares = [p.cpu_utilization for p in points if p.cpu_utilization is not None]
    return replace(
        points[-1],
        latency_ms=stats,
        throughput_per_s=batch * 1e3 / stats.mean,
        memory_bytes=max(memory) if memory else None,
        energy_j=_energy(points, [run.weight for run in runs]),
        cpu_utilization=min(shares) if shares else None,
        stable=all(p.stable for p in points),
        raw=None,
        by_size=runs,
        intervals=(),
    )


def _energy(points: Sequence[Point], weights: Sequence[float]) -> float | None:
    known = [p.energy_j for p in points if p.energy_j is not None]
    return sum(j * w for j, w in zip(known, weights, strict=True)) if len(known) == len(points) else None


def _operators(profiles: Sequence[Profile], weights: Sequence[float], points: Sequence[Point]) -> tuple[OperatorTime, ...]:
    """Operators of a mean request: times by what each size contributes, arithmetic by how often it occurs."""
    first = min(points, key=lambda p: (p.batch, p.threads))
    spent = [w * run.latency_ms.typical for w, run in zip(weights, first.by_size, strict=True)]
    total = sum(spent)
    rows = [{o.op_type: o for o in p.operators} for p in profiles]
    mixed = []
    for op_type in dict.fromkeys(name for row in rows for name in row):
        known = [(row.get(op_type), w, s / total) for row, w, s in zip(rows, weights, spent, strict=True)]
        there = [(o, w, s) for o, w, s in known if o is not None]
        mixed.append(
            replace(
                there[-1][0],
                time_share=sum(o.time_share * s for o, _, s in there),
                flops=_expected([(o.flops, w) for o, w, _ in there]),
                bytes=_expected([(o.bytes, w) for o, w, _ in there]),
            )
        )
    return tuple(sorted(mixed, key=lambda o: -o.time_share))


def _expected(figures: Sequence[tuple[int | None, float]]) -> int | None:
    known = [(value, weight) for value, weight in figures if value is not None]
    return round(sum(v * w for v, w in known)) if len(known) == len(figures) else None


def _said(sizes: Sizes, profiles: dict[int, Profile]) -> list[str]:
    """What was said at single sizes: each kind of warning once, with the sizes at which it was said."""
    kinds: dict[str, tuple[str, list[int]]] = {}
    for size, profile in profiles.items():
        for warning in profile.warnings:
            kinds.setdefault(warning.partition(":")[0], (warning, []))[1].append(size)
    return [f"at {sizes.dim}={', '.join(map(str, at))}: {text}" for text, at in kinds.values()]


def _notes(sizes: Sizes, measured: Sequence[int], points: Sequence[Point], lost: Sequence[int]) -> list[str]:
    most = max(p.batch for p in points)
    padding = f"; batches are padded to their longest: {sizes.padding(most):.2g} times the items' own size at batch {most}"
    said = f"latency is over requests with {sizes.dim}={sizes.given} (mean {sizes.mean:.4g}, longest {sizes.longest})"
    notes = [f"{said}, from runs at {', '.join(map(str, measured))}{padding if most > 1 else ''}"]
    if lost:
        which = ", ".join(map(str, lost))
        notes.append(f"batch {which} was not measured at every size of {sizes.dim!r} and is left out; a larger --budget may do")
    return notes
