"""Write docs/reference/serving-modes.md from the providers' own data.

``python scripts/build_modes.py`` writes it; with ``--check`` it exits 1 when the file is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infercost.registry import all_providers

if TYPE_CHECKING:
    from infercost.domain.provider import Provider, ServingMode

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "serving-modes.md"
HEAD = """\
# Serving modes and how they are billed

<!-- Written by scripts/build_modes.py from the provider packages; do not edit. -->

Every way of serving that a cloud sells, and what is known of its billing. *Estimated* modes are ranked by
`infercost estimate`. *Priced* ones have offers in the book that promise something else than an answer while the
caller waits; no estimate ranks them beside those that do. *Refreshed* ones have such offers once `infercost prices
refresh` has read them, *shown* ones have single prices that are no offers; *missing* ones have none. All of them are
in `infercost prices show --kind NAME`. `?` means that no source says; a mode is *verified* when every rule in its
row stands in its source, and the source says what is assumed otherwise.

"""


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def seconds(value: float | None) -> str:
    if value is None:
        return "?"
    return "none" if value == 0 else f"{value * 1e3:g} ms" if value < 1 else f"{value:g} s"


def known(word: str) -> str:
    return "?" if word == "unknown" else word


def row(mode: ServingMode) -> str:
    zero = {True: "yes", False: "no", None: "?"}[mode.scales_to_zero]
    cells = [
        *(f"**{mode.name}**: {mode.title}", mode.per, seconds(mode.granularity_s), seconds(mode.minimum_s)),
        *(known(mode.starting), known(mode.idle), known(mode.failed), zero, mode.prices),
        "verified" if mode.verified else "unverified",
    ]
    return f"| {' | '.join(cell(text) for text in cells)} |"


def section(provider: Provider) -> str:
    modes: tuple[ServingMode, ...] = getattr(provider, "modes", ())
    lines = [
        f"## {provider.title}",
        "",
        "| mode | a price is per | step | minimum | starting | idle | failed | to zero | prices | rules |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(row, modes),
        "",
        *(f"- {mode.name}: {mode.source}." for mode in modes),
        "",
        "Not priced at all:",
        "",
        *(f"- {gap}" for gap in provider.not_priced),
        "",
    ]
    return "\n".join(lines)


def page() -> str:
    return HEAD + "\n".join(section(provider) for provider in all_providers() if getattr(provider, "modes", ()))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    if parser.parse_args(argv).check:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE.name} is stale; run: python scripts/build_modes.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
