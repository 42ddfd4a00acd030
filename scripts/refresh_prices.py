"""Refresh the shipped price book from the official sources, and print a diff that people can review.

Usage: python scripts/refresh_prices.py [--provider NAME]… [--write] [--endpoint NAME=URL]…

A weekly CI job runs it with --write, commits what changed and opens a pull request with the
Markdown that it prints. Without --write it only reports. Nothing of the user's own history is
used or changed: it works in a folder of its own. One source that fails stops no other; the exit
code is 5 then, and 1 when a refreshed book does not pass every integrity check.

With --write the refreshed book takes the place of the provider's package folder prices/, with
references.csv as it is. Explanations that no longer explain anything are dropped; findings that
nothing explains yet are printed, to be looked into before the merge (scripts/prices/explanations.csv).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infercost.app.prices import check_prices, compare_prices
from infercost.app.refreshing import Outcome, refresh_prices
from infercost.registry import all_providers
from infercost.render import render
from infercost.store.references import REFERENCES_FILE
from infercost.store.snapshot_format import MANIFEST, add_files, read_manifest

if TYPE_CHECKING:
    from infercost.domain.price_report import PriceCheck

ROOT = Path(__file__).resolve().parents[1]


def destination(provider: str, package: str, root: Path) -> Path:
    """The folder of a provider's shipped snapshot."""
    folder = root / "src" / Path(*package.split(".")) / "prices"
    if not folder.is_dir():
        raise SystemExit(f"{provider}: {folder} is not there; run this in a checkout")
    return folder


def write(outcome: Outcome, folder: Path) -> None:
    """Put a refreshed snapshot in the place of the shipped one."""
    assert outcome.snapshot is not None
    location = outcome.snapshot.location
    files = {name: location.read(name) for name in (MANIFEST, *read_manifest(location).files)}
    kept = folder / REFERENCES_FILE
    if kept.is_file():
        files = add_files(files, {REFERENCES_FILE: kept.read_bytes()})
    for old in folder.iterdir():
        if old.name not in files and old.suffix in {".csv", ".json"}:
            old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def report(outcomes: tuple[Outcome, ...], checked: PriceCheck, top: int) -> str:
    """What changed, what failed, and what must be looked into."""
    parts = [render(compare_prices(providers=[o.provider for o in outcomes]), "markdown", top=top)]
    failed = [f"- {o.provider}: {o.error}" for o in outcomes if o.error]
    if failed:
        parts.append("### Not refreshed\n\n" + "\n".join(failed) + "\n")
    for outcome in outcomes:
        if outcome.findings:
            lines = [f"- {f.subject}: {f.reason}" for f in outcome.findings[:top]]
            rest = len(outcome.findings) - top
            lines += [f"- and {rest:,} more"] if rest > 0 else []
            parts.append(f"### What {outcome.provider} does not say\n\n" + "\n".join(lines) + "\n")
    parts.append(render(checked, "markdown", top=top))
    return "\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--provider", action="append", help="only this cloud")
    parser.add_argument("--write", action="store_true", help="replace the shipped snapshots")
    parser.add_argument("--top", type=int, default=50, help="changes shown a cloud")
    parser.add_argument("--endpoint", action="append", default=[], help="a mirror: NAME=URL")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to write to")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INFERCOST_CACHE_DIR"] = folder
        endpoints = dict(text.split("=", 1) for text in options.endpoint)
        outcomes = refresh_prices(providers=options.provider, endpoints=endpoints)
        checked = check_prices(providers=[o.provider for o in outcomes], prices="latest")
        print(report(outcomes, checked, options.top))
        packages = {provider.name: provider.catalog_package for provider in all_providers()}
        for outcome in outcomes:
            if options.write and outcome.error is None:
                write(outcome, destination(outcome.provider, packages[outcome.provider], options.root))
    if any(outcome.error for outcome in outcomes):
        return 5
    return int(checked.outcome == "fail")


if __name__ == "__main__":
    sys.exit(main())
