"""What ``infercost doctor`` found, for the terminal, for a pull request, and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, to_text
from infercost.render.csv import text as csv_text
from infercost.render.markdown import bullets, document, escape
from infercost.render.markdown import table as markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.diagnosis import Diagnosis, Finding
    from infercost.render import View

__all__ = ["document_of", "findings_csv", "table"]

_SHOWN_BY_DEFAULT: Final = ("gemm_fp32", "gemm_int8", "skinny_fp32", "conv_fp32", "dispatch")
_TITLES: Final = {
    "gemm": "matrix product",
    "skinny": "product with one row",
    "conv": "convolution 3x3",
    "bandwidth": "memory",
    "dispatch": "one trivial node",
    "call": "one call",
}


def table(value: Diagnosis, view: View) -> str:
    """The machine, its figures, and a verdict on everything with what to type next."""
    shown = [f for f in value.findings if view.details or f.level != "ok" or f.area in ("machine", "software", "prices")]
    parts: list[RenderableType | str] = [facts(_facts(value))]
    if value.microbenchmarks is not None:
        parts += ["", _figures(value, view)]
    parts += ["", _findings(shown)]
    hidden = len(value.findings) - len(shown)
    if hidden:
        parts.append(Text(f"{hidden} more, all well; --details shows all.", style="dim"))
    return to_text([*parts, "", _summary(value)], view)


def document_of(value: Diagnosis, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """The same as Markdown, in full."""
    rows = [[f.level, f.area, f.subject, f.text, f.next or ""] for f in value.findings]
    measured = value.microbenchmarks
    parts = [
        "### infercost doctor",
        bullets(f"{label}: {escape('; '.join(lines))}" for label, lines in _facts(value) if lines),
        *([markdown_table(_HEADER, _rows(value, all_figures=True), right=(1, 2, 4))] if measured else []),
        markdown_table(["", "area", "what", "verdict", "next"], rows),
        escape(_summary(value)),
    ]
    return document(parts)


def findings_csv(value: Diagnosis, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a finding."""
    names = ("area", "level", "subject", "text", "next", "exit_code")
    return csv_text(names, ({name: getattr(f, name) for name in names} for f in value.findings))


def _facts(value: Diagnosis) -> Iterable[tuple[str, Sequence[str]]]:
    machine, software = value.machine, value.software
    name, family = figures.clean(machine.cpu_model), machine.cpu_family or "not in the hardware table"
    clock = f", up to {machine.max_mhz / 1000:.1f} GHz" if machine.max_mhz else ""
    cores = figures.count(machine.physical_cores or machine.logical_cpus, "core")
    memory = f"{figures.size(machine.memory_bytes)} of memory"
    size = f"{figures.count(machine.logical_cpus, 'vCPU')} on {cores}, {memory}, {figures.clean(machine.os)}"
    yield "Machine", [f"{name} ({family}), {machine.arch}{clock}", size]
    yield "Runs as", [machine.instance_type] if machine.instance_type else []
    yield "Vector", [" ".join(machine.isa) or "not told by the system"]
    yield "GPU", [figures.clean(machine.accelerator)] if machine.accelerator else []
    quota, most = value.limits.cpu_quota, value.limits.memory_bytes
    limits = (
        "no CPU quota" if quota is None else f"{quota:g} CPUs",
        "no memory limit" if most is None else f"at most {figures.size(most)} of memory",
        f"{figures.size(value.limits.memory_available_bytes)} of memory free",
    )
    yield "Container", [", ".join(limits)]
    versions = (f"infercost {software.infercost}", f"ONNX Runtime {software.onnxruntime}", f"Python {software.python}")
    yield "Software", [", ".join(versions)]


_HEADER: Final = ["through ONNX Runtime", "threads", "measured", "of the ceiling", "spread"]


def _rows(value: Diagnosis, *, all_figures: bool) -> list[list[str]]:
    measured = value.microbenchmarks
    assert measured is not None  # noqa: S101 - callers look first
    ceilings = {c.name: c for c in value.comparisons}
    sweep = [f for f in measured.figures if f.name.startswith("bandwidth")]
    ends = {f.name for f in (sweep[:1] + sweep[-1:])}
    rows = []
    for figure in measured.figures:
        if not (all_figures or figure.name in _SHOWN_BY_DEFAULT or figure.name in ends):
            continue
        kind, _, what = figure.name.partition("_")
        title = f"{_TITLES.get(kind, kind)} {what}".strip()
        key = {"gemm": f"product {what}", "conv": f"convolution {what}"}.get(kind) if figure.threads == 1 else None
        if figure is (sweep[-1] if sweep else None):
            key = "memory"
        against = ceilings.get(key or "")
        share = "" if against is None else f"{figure.value / against.ceiling:.0%} of a {against.of}"
        rows.append([title, str(figure.threads), f"{figure.value:g} {figure.unit}", share, f"{figure.spread:.0%}"])
    return rows


def _figures(value: Diagnosis, view: View) -> Table:
    rows = _rows(value, all_figures=view.details)
    right = {1, 2, 4}
    return columns(
        Column(header, [[row[i]] for row in rows], justify="right" if i in right else "left")
        for i, header in enumerate(_HEADER)
    )


_STYLES: Final = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
_AREAS: Final = {"extras": "extra", "prices": "prices of", "caches": "cache", "providers": "cloud", "files": "file"}


def _findings(found: Sequence[Finding]) -> Table:
    return columns(
        [
            Column("", [[_STYLES[f.level]] for f in found], style="bold"),
            Column("what", [[f"{_AREAS.get(f.area, '')} {figures.clean(f.subject)}".strip()] for f in found]),
            Column("verdict", [[figures.clean(f.text), *([f"run: {f.next}"] if f.next else [])] for f in found], wrap=True),
        ]
    )


def _summary(value: Diagnosis) -> str:
    counts = {level: sum(f.level == level for f in value.findings) for level in ("problem", "note")}
    if counts["problem"]:
        return f"{figures.count(counts['problem'], 'problem')} and {figures.count(counts['note'], 'note')}."
    return f"No problem; {figures.count(counts['note'], 'note')}."
