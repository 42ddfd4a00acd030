"""Start-up: ``infercost --help`` against a bare Typer app's ``--help``.

Both run in turn in the same loop, so that a busy moment hits both. The bar: the ratio of medians is
at most 2. Exits 1 above it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAR = 2.0
BARE = """\
import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def hello(name: str = "world") -> None:
    "Say hello."
    typer.echo(f"hello {name}")


app()
"""
OURS = "from infercost.__main__ import main; main()"


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="infercost --help against a bare Typer app's --help.")
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        bare_file, our_file = Path(folder, "bare.py"), Path(folder, "ours.py")
        bare_file.write_text(BARE, encoding="utf-8")
        our_file.write_text(OURS, encoding="utf-8")
        commands = {"bare": [sys.executable, str(bare_file), "--help"], "infercost": [sys.executable, str(our_file), "--help"]}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            seconds(command)  # byte-compile and fill the file cache
        for _ in range(runs):
            for name, command in commands.items():
                times[name].append(seconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:10} median {medians[name] * 1e3:6.1f} ms   min {min(values) * 1e3:6.1f} ms   ({runs} runs)")
    ratio = medians["infercost"] / medians["bare"]
    print(f"ratio of medians {ratio:.2f} (bar {BAR:g})")
    sys.exit(ratio > BAR)


if __name__ == "__main__":
    main()
