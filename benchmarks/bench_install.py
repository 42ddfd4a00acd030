"""Weight of a core install: megabytes in site-packages of a fresh environment, by package."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = """
import importlib.metadata, json
sizes = {}
for dist in importlib.metadata.distributions():
    name = dist.metadata["Name"]
    sizes[name] = sum(p.stat().st_size for f in dist.files or () if (p := f.locate()).is_file())
print(json.dumps(sizes))
"""
OVERHEAD = {"pip", "setuptools"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Weight of an install in a fresh environment.")
    parser.add_argument("--extras", default="", help="extras to install too, for example aws,gcp,azure")
    extras = parser.parse_args().extras
    requirement = f"{ROOT}[{extras}]" if extras else str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python"))
        start = time.perf_counter()
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", requirement], check=True)
        took = time.perf_counter() - start
        sizes = json.loads(subprocess.run([python, "-c", SIZES], check=True, capture_output=True, text=True).stdout)
    sizes = {name: size for name, size in sizes.items() if name not in OVERHEAD}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{name:32} {size / 1e6:8.1f} MB")
    print(f"{'total':32} {sum(sizes.values()) / 1e6:8.1f} MB, {len(sizes)} packages, installed in {took:.0f} s")


if __name__ == "__main__":
    main()
