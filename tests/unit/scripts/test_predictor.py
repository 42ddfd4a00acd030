"""The fit and its judgement, on a made-up folder whose hardware has hidden efficiencies."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from predictor import facts, fit, local, questions, report, truth  # noqa: E402

COLUMNS = ("model", "precision", "batch", "metric", "value", "unit", "system", "accelerator", "cpu", "software", "threads",
           "hw_family", "cpu_cores_total", "extra", "a_column_of_their_own")  # fmt: skip
CPUS = {
    "intel-skylake": 0.8,
    "intel-icelake": 1.0,
    "amd-epyc-milan": 1.3,
    "amd-epyc-genoa": 0.9,
    "aws-graviton3": 1.2,
    "aws-graviton2": 0.7,
}
GPUS = {"Tesla T4": 0.8, "NVIDIA L4": 1.1, "NVIDIA A10G": 1.0, "NVIDIA A30": 1.2, "NVIDIA L40S": 0.9}
"""Hidden efficiencies of arithmetic."""
SIZES = {"alpha": (1.0, 6.0, 5.0), "beta": (4.0, 25.0, 11.0), "gamma": (8.0, 45.0, 16.0), "delta": (0.3, 3.5, 6.7),
         "epsilon": (15.0, 90.0, 24.0), "zeta": (2.0, 12.0, 4.0)}  # fmt: skip


def own(model: str) -> float:
    """What the graph does not say of a model: the same factor everywhere."""
    return 0.8 + 0.4 * (zlib.crc32(model.encode()) % 100) / 100


def made_up() -> list[dict[str, str]]:
    rows = []
    for series, (gmacs, params, macts) in SIZES.items():
        for size in (1.0, 1.5, 2.0):
            model = f"made/{series}_{size}"
            extra = f"gmacs={gmacs * size};params_m={params * size};macts={macts * size}"
            common = {"model": model, "precision": "fp32", "batch": "1", "metric": "latency_p50", "unit": "ms", "extra": extra}
            for key, efficiency in CPUS.items():
                cpu = truth.TABLE.families[key]
                rate = 0.5 * cpu.fp32_flops_per_cycle**0.5 * cpu.sustained_ghz * efficiency * 6
                seconds = own(model) * (2 * gmacs * size / rate + macts * size * 8e-3 / (12 * cpu.scalar_speed) + 2e-4)
                rows.append(common | {"value": f"{1e3 * seconds:.6f}", "system": key, "hw_family": key, "software": "Toy 1",
                                      "threads": "1", "cpu_cores_total": "8"})  # fmt: skip
            for name, efficiency in GPUS.items():
                gpu = truth.TABLE.accelerators[truth.gpu_key(name)]
                work = 2 * gmacs * size / 1e3 / (0.4 * gpu.fp32_tflops * efficiency)
                seconds = own(model) * (work + macts * size * 8e-3 / (0.5 * gpu.memory_bandwidth_gbs) + 1e-3)
                rows.append(
                    common | {"value": f"{1e3 * seconds:.6f}", "system": name, "accelerator": name, "software": "Toy 1"}
                )
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("truth")
    write(made / "toy.csv", made_up())
    return made


@pytest.fixture(scope="module")
def rows(folder):
    return truth.read_truth(folder).rows


@pytest.fixture(scope="module")
def asked(rows):
    return questions.covered(questions.ask_all(rows))


def median(part) -> float:
    return float(np.median(np.abs(np.expm1(part.error))))


# --- reading -----------------------------------------------------------------------------------


def test_rows_become_observations_in_seconds(rows):
    assert len(rows) == 18 * (len(CPUS) + len(GPUS))
    one = rows[(rows.model == "made/alpha_1.0") & (rows.hw == "intel-icelake")].iloc[0]
    assert (one.device, one.threads, one.batch, one.flops) == ("cpu", 1, 1, 2e9)
    assert one.series == "alpha"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accelerator": "Quantum 9000"}, "unknown accelerator 'Quantum 9000'"),
        ({"hw_family": "", "cpu": "Abacus", "system": "x"}, "unknown CPU 'Abacus'"),
        ({"precision": "fp4"}, "precision 'fp4'"),
        ({"extra": "", "model": "nobody-knows"}, "no facts of the model's graph"),
        ({"unit": "parsec"}, "several accelerators for one item, or a unit that is no time: 'parsec'"),
    ],
)
def test_what_cannot_be_used_is_counted_under_its_reason(tmp_path, change, reason):
    usual = made_up()
    write(tmp_path / "toy.csv", [*usual, usual[0] | {"batch": "2"} | change])
    found = truth.read_truth(tmp_path)
    assert found.skipped[reason] == 1
    assert len(found.rows) == len(usual)


def test_values_that_are_none_are_left_out(tmp_path):
    usual = made_up()
    write(tmp_path / "toy.csv", [*usual, *({**usual[0], "batch": "2", "value": v} for v in ("", "fast", "-1", "0"))])
    assert len(truth.read_truth(tmp_path).rows) == len(usual)


def test_files_of_another_kind_are_named(folder, tmp_path):
    write(tmp_path / "toy.csv", made_up())
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.csv.gz").write_bytes(b"no gzip")
    found = truth.read_truth(tmp_path)
    assert len(found.rows) == len(truth.read_truth(folder).rows)
    assert {"file notes.csv: no column model, metric, value, system"} <= set(found.skipped)
    assert any(reason.startswith("file empty.csv") for reason in found.skipped)
    assert any(reason.startswith("file broken.csv.gz") for reason in found.skipped)


def test_a_folder_without_rows_is_refused_in_one_line(tmp_path):
    with pytest.raises(truth.BadTruthError, match="no such folder"):
        truth.read_truth(tmp_path / "none")
    with pytest.raises(truth.BadTruthError, match="no usable row"):
        truth.read_truth(tmp_path)


def test_four_columns_are_enough(tmp_path):
    (tmp_path / "few.csv").write_text("model,metric,value,system\nresnet50,throughput,10,Intel Xeon Platinum 8375C\n")
    (row,) = truth.read_truth(tmp_path).rows.itertuples()
    assert (row.hw, row.seconds) == ("intel-icelake", 0.1)


def test_repeats_and_units_meet_in_one_median(tmp_path):
    first = made_up()[0]
    values = [("10", "ms"), ("0.02", "s"), ("30", "ms")]
    write(tmp_path / "toy.csv", [first | {"value": v, "unit": u} for v, u in values])
    assert truth.read_truth(tmp_path).rows.seconds.tolist() == [0.02]


@pytest.mark.parametrize(
    ("software", "division", "tuned"),
    [("TensorRT 8.6", "", True), ("ONNX Runtime 1.14", "", False), ("TFLite", "closed", True), ("PyTorch 2.4", "open", False)],
)
def test_tuned_engines_are_told_apart(software, division, tuned):
    assert truth.is_tuned({"software": software, "scenario": "", "division": division}) is tuned


@pytest.mark.parametrize(
    ("name", "series"),
    [("timm/resnet18", "resnet"), ("torchvision/resnet152", "resnet"), ("bert-99.9", "bert"), ("mlperf/bert-99", "bert"),
     ("3d-unet-99", "3dunet"), ("mobilenet-v1-0.25-128", "mobilenet"), ("dlb/mobilenet-v2-1.0-224", "mobilenet")],
)  # fmt: skip
def test_sizes_of_a_series_are_held_out_together(name, series):
    assert facts.series_of(name) == series


def test_designs_of_one_core_are_held_out_together():
    assert truth.group_of("intel-skylake") == truth.group_of("intel-cascadelake")
    assert truth.group_of("A100-PCIe-40GB") == truth.group_of("A100-SXM4-80GB")
    assert truth.group_of("T4") != truth.group_of("L4")


# --- fitting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_hidden_efficiencies_are_found(rows, device):
    own_rows = rows[rows.device == device].reset_index(drop=True)
    design = fit.design(own_rows, device)
    theta = fit.solve(design, np.ones(len(own_rows), dtype=bool), iterations=20)
    modelled, shares = design.log_seconds(theta)
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(own_rows)))
    missed = np.log(own_rows.seconds) - modelled
    within = missed - missed.groupby(own_rows.context).transform("mean")
    assert float(np.abs(within).median()) < 0.03
    before = design.logs - design.log_seconds(np.zeros_like(theta))[0]
    assert np.abs(within).mean() < 0.3 * np.abs(before - np.mean(before)).mean()


def test_the_same_rows_give_the_same_fit(rows):
    shuffled = rows.sample(frac=1, random_state=1).reset_index(drop=True)
    assert fit.digest(rows) == fit.digest(shuffled)
    assert fit.digest(rows) != fit.digest(rows.assign(seconds=rows.seconds * 1.01))
    first, second = fit.sample(rows), fit.sample(shuffled)
    key = ["context", "hw", "threads"]
    assert first[key].sort_values(key).to_numpy().tolist() == second[key].sort_values(key).to_numpy().tolist()


def test_what_ships_has_no_nuisance_and_no_other_runtime():
    names = ["cpu/fp32", "cpu/fp32/own:threads", "cpu/fp32/runtime:onnxruntime", "cpu/fp32/runtime:tvm", "cpu/fp32/group:zen3",
             "cpu/fp32/family:amd-epyc-milan"]  # fmt: skip
    shipped = fit.export(names, np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.05]), {"amd-epyc-milan": "zen3", "amd-ryzen-zen3": "zen3"})
    assert shipped == {
        "cpu/fp32": 0.1,
        "cpu/fp32/runtime:onnxruntime": 0.3,
        "cpu/fp32/family:amd-epyc-milan": 0.55,
        "cpu/fp32/family:amd-ryzen-zen3": 0.5,
    }


# --- judging -----------------------------------------------------------------------------------


def test_a_known_machine_is_predicted_better_than_a_new_one(asked):
    errors = {way: median(asked[(asked.way == way) & (asked.kind == "across")]) for way in ("model", "family")}
    assert errors["model"] < 0.05 < errors["family"] < 0.6


def test_held_out_hardware_has_no_part_in_its_answers(rows, asked):
    """What was measured on a design changes nothing in what is said of it."""
    moved = rows.copy()
    moved.loc[moved.group == "zen3", "seconds"] *= 3.0
    again = questions.ask_all(moved)
    for way in ("family", "both"):
        before, after = (
            frame[(frame.way == way) & (frame.group == "zen3")].sort_values(["context", "source_hw"])
            for frame in (asked, again)
        )
        assert len(before) > 20
        assert after.predicted.to_numpy() == pytest.approx(before.predicted.to_numpy(), abs=0.02)


def test_held_out_models_have_no_part_in_their_answers(rows, asked):
    moved = rows.copy()
    moved.loc[(moved.series == "beta") & (moved.hw == "amd-epyc-milan"), "seconds"] *= 3.0
    again = questions.ask_all(moved)
    pick = [(f.way == "model") & (f.series == "beta") & (f.hw == "amd-epyc-milan") for f in (asked, again)]
    before, after = (f[p].sort_values(["context", "source_hw"]) for f, p in zip((asked, again), pick, strict=True))
    assert len(before) > 5
    # The trust in anchors is learnt from other designs' questions, which the moved rows are no part of either.
    assert after.modelled.to_numpy() == pytest.approx(before.modelled.to_numpy(), abs=0.02)


def test_every_stratum_is_named_as_the_engine_names_it(asked):
    assert set(asked.stratum) == {
        "CPU to known CPU",
        "CPU to new CPU",
        "GPU to known GPU",
        "GPU to new GPU",
        "graph to known GPU",
        "graph to new GPU",
    }


def test_a_quantile_counts_weights():
    values, weights = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 1.0, 97.0])
    assert questions.quantile(values, weights, 0.5) == 4.0
    assert questions.quantile(values, np.ones(4), 0.5) == 2.0


def test_data_sets_weigh_the_same_whatever_their_number_of_questions(asked):
    across = asked[(asked.way == "family") & (asked.stratum == "CPU to new CPU")]
    by_group = across.groupby("group").weight.sum()
    assert by_group.to_numpy() == pytest.approx(np.full(len(by_group), by_group.iloc[0]))


def test_baselines_answer_the_same_questions_and_worse(rows, asked):
    ours = asked[asked.source_measured.notna() & (asked.way == "family")]
    for name, frame in report.baselines(asked, rows).items():
        theirs = frame[frame.way == "family"]
        assert len(theirs) == len(ours)
        assert median(ours) < median(theirs), name


def test_the_rank_is_of_cost(asked):
    prices = dict.fromkeys([*CPUS, *(truth.gpu_key(g) for g in GPUS)], 1.0)
    summary = report.summary(asked, ["stratum", "way"], prices)
    assert summary.loc[("CPU to known CPU", "model")]["rank"] > 0.9
    assert np.isnan(report.summary(asked, ["stratum"], {}).iloc[0]["rank"])
    text = report.table(summary, ["stratum", "held out"])
    assert text.splitlines()[0].count("|") == text.splitlines()[2].count("|")


def test_batches_and_threads_of_the_shipped_profiles_are_held_out_one_by_one():
    found = local.held_out(SCRIPTS.parent / "profiles")
    assert len(found) > 20
    assert np.median(np.abs([error for *_, error in found])) < 0.1


# --- the commands ------------------------------------------------------------------------------


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", str(SCRIPTS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "nox -s accuracy -- --truth DIR"), (("--truth", "nowhere"), "nowhere: no such folder")],
)
def test_the_judge_says_what_it_needs(arguments, message):
    done = run("validate_predict.py", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_foreign_folder_is_scored_by_the_shipped_fit_and_on_its_own(tmp_path):
    few = [row for row in made_up() if row.get("hw_family") and not row["model"].endswith("_2.0")]
    (tmp_path / "foreign").mkdir()
    write(tmp_path / "foreign" / "toy.csv", [*few, few[0] | {"system": "Abacus", "hw_family": ""}])
    done = run("validate_predict.py", "--truth", str(tmp_path / "foreign"), "--docs", str(tmp_path / "found.md"))
    assert done.returncode == 0, done.stderr
    for heading in ("held out, all", "strata", "baselines", "bars"):
        assert f"## {heading}" in done.stdout
    assert "| CPU to known CPU |" in (tmp_path / "found.md").read_text()


def test_the_shipped_coefficients_and_the_full_ones_are_of_one_fit():
    shipped = json.loads((SCRIPTS.parent / "src/infercost/data/prediction/coefficients.json").read_text())
    full = json.loads((SCRIPTS / "predictor/effects.json").read_text())
    assert shipped["fit"] == full["fit"]
    common = [name for name in shipped["effects"] if "/family:" not in name]
    assert {name: shipped["effects"][name] for name in common} == {name: full["effects"][name] for name in common}
