from __future__ import annotations

from dataclasses import replace
from datetime import date
from importlib import metadata

import pytest

from infercost.app import doctor
from infercost.domain.errors import UsageError
from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmarks
from infercost.runtime import machine as machines
from infercost.runtime import microbench

CEILINGS = Ceilings(
    gemm_gflops={"fp32": 90.0}, conv_gflops={"fp32": 85.0}, bandwidth_gbps=((65536, 90.0),), dispatch_us=0.3, source="s",
    measured_on="here",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("INFERCOST_CACHE_LIMIT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """Names that the microbenchmarks were run under."""
    seen: list[str] = []

    def microbenchmark(*, measured_on: str = "") -> Microbenchmarks:
        seen.append(measured_on)
        return Microbenchmarks(
            infercost_version="0", created="2026-11-24T00:00:00+00:00", fingerprint="f", seconds=float(len(seen)),
            ceilings=replace(CEILINGS, measured_on=measured_on), figures=(),
        )  # fmt: skip

    monkeypatch.setattr(microbench, "microbenchmark", microbenchmark)
    return seen


def test_the_microbenchmarks_run_once_for_a_machine(runs):
    first, second = doctor.diagnose(), doctor.diagnose()
    assert len(runs) == 1
    assert first.microbenchmarks == second.microbenchmarks
    assert doctor.diagnose(fresh=True).microbenchmarks != first.microbenchmarks
    assert len(runs) == 2


def test_without_them_nothing_is_measured(runs):
    found = doctor.diagnose(bench=False)
    assert found.microbenchmarks is None
    assert found.comparisons == ()
    assert runs == []


def test_another_instance_or_runtime_is_another_machine(runs, monkeypatch):
    doctor.diagnose()
    doctor.diagnose(instance="sagemaker:ml.c7i.xlarge")
    assert runs[1] == "sagemaker:ml.c7i.xlarge"
    monkeypatch.setattr("infercost.runtime.reasons.runtime_version", lambda: "9.9")
    doctor.diagnose()
    assert len(runs) == 3


def test_an_instance_that_the_table_does_not_know_is_refused():
    with pytest.raises(UsageError, match=r"unknown instance 'sagemaker:ml.none'"):
        doctor.diagnose(bench=False, instance="sagemaker:ml.none")


def test_progress_is_told_before_measuring(runs):
    told = []
    doctor.diagnose(on_progress=told.append)
    assert "microbenchmarks" in told[0].detail


def test_what_cannot_be_kept_is_a_note(runs, folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(folder / "file" / "cache"))
    found = doctor.diagnose()
    problem = next(f for f in found.findings if f.area == "caches" and f.level == "problem")
    assert (problem.exit_code, found.exit_code) == (2, 2)
    assert any("not cached" in f.text for f in found.findings)


def test_ceilings_are_known_once_measured(runs):
    machine = doctor.diagnose(bench=False).machine
    assert doctor.known_ceilings(machine) is None
    doctor.diagnose()
    known = doctor.known_ceilings(machine)
    assert known is not None
    assert known.gemm_gflops == {"fp32": 90.0}


def test_a_profile_carries_what_was_measured(runs):
    import infercost

    before = infercost.profile(infercost.demo_model(), budget_s=0.5, batches=[1], threads=[1])
    assert before.ceilings is None
    doctor.diagnose()
    after = infercost.profile(infercost.demo_model(), budget_s=0.5, batches=[1], threads=[1])
    assert after.ceilings is not None
    assert after.points == before.points


def test_extras_are_those_that_the_package_declares(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=2", "pytest>=1; extra == 'a'", 'none-such>=1; extra == "a"'])
    (extra,) = doctor.diagnose(bench=False).extras
    assert (extra.name, extra.state) == ("a", "partly")
    assert extra.packages == {"pytest": metadata.version("pytest"), "none-such": None}


def test_the_package_declares_extras():
    assert {"aws", "gcp", "azure", "cuda"} <= {extra.name for extra in doctor.diagnose(bench=False).extras}


def test_prices_have_the_age_of_the_newest_snapshot():
    books = {book.provider: book for book in doctor.diagnose(bench=False, today=date(2026, 11, 24)).prices}
    assert books["sagemaker"].age_days == (date(2026, 11, 24) - date.fromisoformat(books["sagemaker"].as_of or "")).days


def test_capabilities_are_found_in_the_code():
    found = {provider.name: provider for provider in doctor.diagnose(bench=False).providers}
    assert {"sagemaker", "vertex", "azureml"} <= set(found)
    assert "refreshes" in found["sagemaker"].capabilities
    assert "realtime" in found["sagemaker"].modes


def test_a_capability_in_form_alone_is_none(monkeypatch):
    from infercost.registry import get_provider

    monkeypatch.setattr("infercost.registry.get_provider", lambda name: replace(get_provider(name), refresh=None))
    assert all("refreshes" not in p.capabilities for p in doctor.diagnose(bench=False).providers)


def test_a_provider_that_does_not_load_is_a_problem_of_its_own(monkeypatch):
    from infercost.domain.errors import ProviderError

    def broken(name):
        raise ProviderError(f"provider {name!r} cannot be loaded: ImportError; update it: pip install -U {name}")

    monkeypatch.setattr("infercost.registry.get_provider", broken)
    found = doctor.diagnose(bench=False)
    assert found.exit_code == 5
    assert found.prices == ()


def test_caches_are_listed_with_their_size(runs, folder):
    doctor.diagnose()
    (folder / "cache" / "profiles").mkdir()
    (folder / "cache" / "profiles" / "a.json").write_bytes(b"x" * 1000)
    found = {cache.name: cache for cache in doctor.diagnose().caches}
    assert (found["profiles"].bytes, found["profiles"].files, found["profiles"].limit_bytes) == (1000, 1, 256 << 20)
    assert found["microbenchmarks"].files == 1


def test_a_limit_that_is_no_size_is_refused(monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_LIMIT", "plenty")
    with pytest.raises(UsageError, match="INFERCOST_CACHE_LIMIT=256MiB"):
        doctor.diagnose(bench=False)


@pytest.mark.parametrize("name", ["infercost.yml", "infercost-discounts.yml", "infercost-calibration.yml"])
def test_files_of_the_folder_that_cannot_be_read_are_problems(folder, name):
    (folder / name).write_text("version: 99\n")
    found = doctor.diagnose(bench=False)
    assert found.exit_code == 2
    assert any(f.area == "files" and f.subject == name and f.text.startswith(name) for f in found.findings)


def test_files_that_can_be_read_are_well(folder):
    (folder / "infercost-discounts.yml").write_text("version: 1\n")
    assert [f.level for f in doctor.diagnose(bench=False).findings if f.area == "files"] == ["ok"]


def test_the_machine_is_described_without_its_name(monkeypatch):
    import platform

    found = doctor.diagnose(bench=False)
    assert platform.node() not in repr(found) or len(platform.node()) < 3
    assert found.machine.fingerprint == machines.fingerprint_machine().fingerprint


def test_a_folder_that_takes_no_files_is_a_problem_whatever_its_permissions_say(runs, monkeypatch):
    def full(**_where):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", full)
    found = doctor.diagnose(bench=False)
    (problem,) = (f for f in found.findings if f.area == "caches" and f.level == "problem")
    assert "No space left on device" in problem.text
    assert found.exit_code == 2
