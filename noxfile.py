"""Every check of this project. ``nox`` alone runs what CI runs; ``nox -l`` lists the rest."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "imports", "tests", "minimums", "no_extras", "docs", "build", "coverage"]

PROJECT = nox.project.load_toml("pyproject.toml")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
MAX_WHEEL_MB = 8
SUITE = ("pytest", "-n", "2", "--ignore=tests/docs")
FAST_SUITE = (*SUITE, "-m", "not models", "tests/unit", "tests/contract")
QUICK = {"INFERCOST_TEST_EXAMPLES": "quick"}
"""Laws are searched in depth on one Python; the others ask whether they hold there too."""


def starts(version: str) -> bool:
    """Whether this Python is here. A version manager's shim can be on PATH with nothing behind it."""
    command = shutil.which(f"python{version}")
    return command is not None and subprocess.run([command, "-c", ""], capture_output=True, check=False).returncode == 0


SUPPORTED = nox.project.python_versions(PROJECT)
PRESENT = [version for version in SUPPORTED if version == RUNNING or starts(version)]
PYTHONS = [version for version in PRESENT if version in {RUNNING, PRESENT[0], PRESENT[-1]}]
"""The oldest, the newest and the one that runs nox; what holds on both ends has always held between."""


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


def floors() -> list[str]:
    """The core's direct dependencies, pinned to the lowest version that pyproject.toml allows."""
    pins = []
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        (floor,) = (spec.version for spec in requirement.specifier if spec.operator == ">=")
        pins.append(f"{requirement.name}=={floor}")
    return pins


@nox.session(tags=["quick"])
def lint(session: nox.Session) -> None:
    """Style and likely mistakes."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(tags=["quick"])
def types(session: nox.Session) -> None:
    """Strict static types."""
    session.install("-e", ".", *group("types"))
    session.run("mypy")


@nox.session(tags=["quick"])
def imports(session: nox.Session) -> None:
    """The layers: who may import whom."""
    session.install("-e", ".", "--no-deps")
    session.install(*group("imports"))
    session.run("lint-imports")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite on each Python that is present; real models and coverage on the one that runs nox."""
    session.install("-e", ".", *group("test"))
    if session.python != RUNNING:
        session.run("python", "-m", *FAST_SUITE, *session.posargs, env=QUICK)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", *SUITE, *session.posargs)


@nox.session(python=PYTHONS[0])
def minimums(session: nox.Session) -> None:
    """The lowest versions that pyproject.toml promises to work with."""
    if session.python != SUPPORTED[0]:
        session.skip(f"the lowest versions are promised for Python {SUPPORTED[0]}, which is not here")
    session.install("-e", ".", *floors(), *group("test"))
    session.run("python", "-m", *FAST_SUITE, *session.posargs, env=QUICK)


@nox.session
def no_extras(session: nox.Session) -> None:
    """A core install does the main job, and says what to install when an extra is missing."""
    session.install(".")
    session.run("infercost", "--help", silent=True)
    session.run("infercost", "demo", "--budget", "2")
    model = session.run("python", "-c", "import infercost; print(infercost.demo_model())", silent=True)
    refusal = session.run("infercost", "profile", str(model).strip(), "--device", "cuda", silent=True, success_codes=[2])
    if "pip install 'infercost[cuda]'" not in str(refusal):
        session.error(f"the message names no extra to install: {refusal}")


@nox.session
def docs(session: nox.Session) -> None:
    """The reference is fresh, and every code block of README and docs/ runs."""
    session.install("-e", ".", *group("docs"))
    session.run("python", "scripts/build_reference.py", "--check")
    session.run("python", "-m", "pytest", "tests/docs", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """The wheel holds what it should and nothing else, and works in a clean environment."""
    session.install(*group("build"))
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    check_wheel(session, wheel)
    clean = dist.parent / "clean"
    session.run("python", "-m", "venv", "--clear", str(clean))
    scripts = clean / ("Scripts" if sys.platform == "win32" else "bin")
    session.run(str(scripts / "python"), "-m", "pip", "install", "--quiet", str(wheel), external=True)
    session.run(str(scripts / "infercost"), "demo", "--budget", "2", external=True)


def check_wheel(session: nox.Session, wheel: Path) -> None:
    """Fail on a missing or a foreign file, and on a wheel that grew too large."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    sources = Path("src")
    files = [path for path in sources.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    shipped = {path.relative_to(sources).as_posix() for path in files}
    missing = shipped - set(names)
    foreign = {name for name in names if name not in shipped and ".dist-info/" not in name}
    if missing or foreign:
        session.error(f"wheel lacks {sorted(missing)} and holds foreign {sorted(foreign)}")
    size = wheel.stat().st_size / 1e6
    session.log(f"{wheel.name}: {len(names)} files, {size:.2f} MB")
    if size > MAX_WHEEL_MB:
        session.error(f"wheel is {size:.1f} MB, above {MAX_WHEEL_MB} MB")


@nox.session
def coverage(session: nox.Session) -> None:
    """Line and branch coverage of the test run before it."""
    session.install("coverage[toml]>=7.10")
    session.run("coverage", "combine", success_codes=[0, 1], silent=True)
    session.run("coverage", "report")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What the tool itself costs; figures of one machine are in docs/benchmarks.md."""
    session.install(".")
    for script in sorted(set(Path("benchmarks").glob("bench_*.py")) - {Path("benchmarks/bench_replay.py")}):  # needs a model
        session.run("python", str(script))


@nox.session(default=False)
def accuracy(session: nox.Session) -> None:
    """Judge the predictor on measurements that it has not seen: nox -s accuracy -- --truth DIR."""
    if "--truth" not in session.posargs:
        session.error(
            "which measurements? nox -s accuracy -- --truth DIR, where DIR holds CSV files with the columns "
            "model, metric, value and system; none are kept in this repository"
        )
    session.install("-e", ".")
    session.run("python", "scripts/validate_predict.py", *session.posargs)
