from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "new_provider.py"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *args], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scaffold")
    done = run("mycloud", "--title", "My Cloud", "--region", "eu-1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture
def installed(package: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which the package is on the path with its entry point, as an install leaves it."""
    info = tmp_path / "infercost_mycloud-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: infercost-mycloud\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[infercost.providers]\nmycloud = infercost_mycloud:PROVIDER\n")
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(package / "src"), str(tmp_path)])}


def test_passes_its_contract_as_written(package, installed):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=package, env=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_is_found_beside_the_shipped_clouds(installed):
    code = "from infercost.registry import provider_names; print(*provider_names())"
    done = subprocess.run([sys.executable, "-c", code], env=installed, capture_output=True, text=True, check=True)
    assert {"mycloud", "sagemaker"} <= set(done.stdout.split())


def test_a_changed_price_must_be_sealed(package, installed):
    offers = package / "src" / "infercost_mycloud" / "prices" / "offers.csv"
    offers.write_text(offers.read_text(encoding="utf-8").replace("0.10", "0.20"), encoding="utf-8", newline="\n")
    code = "from infercost.store.pricebook import load_catalog; print(load_catalog('infercost_mycloud').offers[0].price)"
    command = [sys.executable, "-c", code]
    broken = subprocess.run(command, env=installed, capture_output=True, text=True, check=False)
    assert "is not the file that its manifest describes" in broken.stderr
    subprocess.run([sys.executable, str(package / "seal_prices.py"), "2026-02-01"], check=True)
    assert subprocess.run(command, env=installed, capture_output=True, text=True, check=True).stdout.strip() == "0.20"


@pytest.mark.parametrize("name", ["My Cloud", "MyCloud", "my-cloud", "class"])
def test_refuses_a_name_that_is_no_identifier(name, tmp_path):
    done = run(name, "--region", "eu-1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "lower-case identifier" in done.stderr
    assert not list(tmp_path.iterdir())


def test_overwrites_nothing(package):
    done = run("mycloud", "--region", "eu-1", "--out", str(package.parent))
    assert done.returncode == 1
    assert "exists" in done.stderr
