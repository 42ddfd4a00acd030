"""Laws of the predictor. The profiles here are synthetic; accuracy is judged by scripts/validate_predict.py."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.coefficients import Coefficients, Interval
from infercost.domain.hardware import Accelerator, Ceilings, CpuFamily, Hardware
from infercost.domain.model import ModelFacts
from infercost.domain.profile import LatencyStats, Machine, OperatorTime, Point, Profile, Runtime
from infercost.engine.measured import PROCESS_BYTES
from infercost.engine.predict import predict, predict_all
from infercost.engine.predict_cpu import CpuModel
from infercost.store.coefficients import load_coefficients

MIB = 2**20

CPU = CpuFamily(
    key="x86-a",
    title="A",
    arch="x86_64",
    isa=("avx2",),
    fp32_flops_per_cycle=32,
    int8_ops_per_cycle=64,
    sustained_ghz=3.0,
    memory_bandwidth_gbs=200,
    cores_per_socket=32,
    scalar_speed=1.0,
    source="test",
)
WIDE = replace(CPU, key="x86-b", isa=("avx2", "avx512f"), fp32_flops_per_cycle=64, scalar_speed=1.2)
ARM = replace(CPU, key="arm-a", arch="aarch64", isa=("asimd",))
GPU = Accelerator(
    key="G",
    vendor="NVIDIA",
    fp32_tflops=10,
    tf32_tflops=None,
    fp16_tflops=80,
    int8_tops=160,
    memory_gib=16,
    memory_bandwidth_gbs=500,
    onnxruntime_provider="CUDAExecutionProvider",
    source="test",
)
CONV = OperatorTime(op_type="Conv", count=50, time_share=0.8, flops=4 * 10**9, bytes=60 * MIB, weight_bytes=40 * MIB)
RELU = OperatorTime(op_type="Relu", count=50, time_share=0.2, flops=10**7, bytes=80 * MIB)


def hardware(cpu=CPU, vcpus=8, *, threads_per_core=2, **changes) -> Hardware:
    facts = {
        "provider": "cloud",
        "instance_type": "type",
        "family": "f",
        "vcpus": vcpus,
        "memory_gib": 32.0,
        "cpu": cpu,
        "threads_per_core": threads_per_core,
    }
    return Hardware(**(facts | changes))


def gpu_hardware(accelerator=GPU, count=1, **changes) -> Hardware:
    return hardware(accelerator=accelerator, accelerator_count=count, **changes)


SOURCE = hardware(provider="local", instance_type="local", vcpus=4, threads_per_core=1)


def point(batch, threads, seconds, *, device="cpu", memory=200 * MIB) -> Point:
    return Point(
        batch=batch,
        threads=threads,
        precision="fp32",
        device=device,
        latency_ms=LatencyStats.of([seconds] * 70),
        throughput_per_s=batch / seconds,
        memory_bytes=memory,
        cpu_utilization=1.0,
    )


GRID = {(1, 1): 0.04, (1, 4): 0.013, (4, 1): 0.15, (4, 4): 0.045, (16, 1): 0.58, (16, 4): 0.16}


def profile(seconds=None, *, operators=(CONV, RELU), points=(), **changes) -> Profile:
    facts = {
        "name": "m",
        "sha256": "0" * 64,
        "opset": 17,
        "parameters": 10**7,
        "weights_by_dtype": {"float32": 40 * MIB},
        "file_bytes": 40 * MIB,
        "flops_per_item": sum(o.flops or 0 for o in operators) or None,
        "inputs": (),
        "outputs": (),
        "batch_dim": "N",
    }
    instance_type = changes.pop("instance_type", None)
    grid = GRID if seconds is None else seconds
    return Profile(
        infercost_version="0",
        created="2026-01-01T00:00:00Z",
        model=ModelFacts(**(facts | changes)),
        machine=Machine(
            cpu_model="A", arch="x86_64", logical_cpus=4, memory_bytes=2**33, os="Linux", instance_type=instance_type
        ),
        runtime=Runtime(version="1", execution_provider="CPUExecutionProvider", python="3.12"),
        points=(*(point(b, t, s) for (b, t), s in grid.items()), *points),
        operators=tuple(operators),
        payload_in_bytes=600_000,
        payload_out_bytes=4_000,
    )


def by_shape(prediction):
    return {(p.serving.workers, p.serving.threads, p.serving.max_batch): p for p in prediction.points}


def faster(target: Hardware, factor: float) -> Hardware:
    """Every ceiling multiplied."""
    cpu = replace(
        target.cpu,
        sustained_ghz=target.cpu.sustained_ghz * factor,
        scalar_speed=target.cpu.scalar_speed * factor,
        memory_bandwidth_gbs=target.cpu.memory_bandwidth_gbs * factor,
    )
    gpu = target.accelerator and replace(
        target.accelerator,
        fp32_tflops=target.accelerator.fp32_tflops * factor,
        fp16_tflops=target.accelerator.fp16_tflops * factor,
        memory_bandwidth_gbs=target.accelerator.memory_bandwidth_gbs * factor,
    )
    return replace(target, cpu=cpu, accelerator=gpu)


# --- the machine that was measured -------------------------------------------------------------


def test_the_measured_machine_gives_back_its_measurement():
    found = by_shape(predict(profile(), SOURCE, SOURCE))
    assert found[1, 4, 1].service_s == pytest.approx(0.013)
    assert found[1, 4, 16].service_s == pytest.approx(0.16)
    assert found[1, 4, 16].single_s == pytest.approx(0.013)


@given(
    st.floats(1e-5, 10),
    st.floats(0.2, 1.5),
    st.floats(0.0, 1.0),
    st.integers(1, 400),
    st.sampled_from([1, 2]),
    st.integers(2, 16),
)
def test_one_worker_on_the_same_hardware_is_the_measurement(single, speedup, share, nodes, smt, threads):
    seconds = {(1, 1): single, (1, threads): single * speedup}
    operators = (replace(CONV, time_share=1 - share, count=nodes), replace(RELU, time_share=share))
    here = hardware(provider="local", vcpus=threads, threads_per_core=smt)
    found = by_shape(predict(profile(seconds, operators=operators), here, here))
    assert found[1, threads, 1].service_s == pytest.approx(single * speedup, rel=1e-6)


def test_provenance_and_band_follow_the_distance_from_the_measurement():
    taken_there = profile(instance_type="cloud:type")
    predictions = [
        predict(taken_there, SOURCE, hardware()),
        predict(profile(), SOURCE, hardware()),
        predict(profile(), SOURCE, hardware(replace(CPU, key="x86-c"))),
        predict(profile(), SOURCE, hardware(WIDE)),
        predict(profile(), SOURCE, gpu_hardware()),
    ]
    assert [p.provenance for p in predictions] == ["measured", "calibrated", "modelled", "modelled", "modelled"]
    bands = [p.band for p in predictions]
    assert bands == sorted(bands)
    assert len(set(bands)) == len(bands)


def disturbed(share=1.0, *, stable=True, device="cpu", threads=1):
    noisy = replace(point(32, threads, 1.2, device=device), cpu_utilization=share, stable=stable)
    return profile(points=(noisy,))


@pytest.mark.parametrize(
    ("measured", "factor"),
    [
        (disturbed(0.95), 1.0),
        (disturbed(None), 1.0),
        (disturbed(0.5), 2.0),
        (disturbed(0.01), 5.0),
        (disturbed(0.5, threads=2), 1.0),
        (disturbed(stable=False), 1.1),
        (disturbed(0.5, stable=False), 2.2),
    ],
)
def test_a_disturbed_measurement_widens_every_cpu_band_and_says_so(measured, factor):
    for target in (hardware(), hardware(WIDE)):
        quiet, noisy = predict(profile(), SOURCE, target), predict(measured, SOURCE, target)
        assert 1 + noisy.band == pytest.approx((1 + quiet.band) * factor)
        assert ("band widened" in noisy.basis) == (factor > 1)
    assert predict(measured, SOURCE, gpu_hardware()).band == predict(profile(), SOURCE, gpu_hardware()).band


def test_a_gpu_band_is_widened_by_gpu_points_alone():
    here = replace(SOURCE, accelerator=GPU, accelerator_count=1)
    quiet, loose = (predict(disturbed(0.3, stable=s, device="cuda"), here, gpu_hardware()) for s in (True, False))
    assert 1 + loose.band == pytest.approx((1 + quiet.band) * 1.1), "a CPU that waits for the GPU is no disturbance"
    assert "band widened" not in quiet.basis


def test_a_source_known_by_instruction_set_only_has_a_wide_band():
    unsure = replace(SOURCE, cpu=replace(CPU, key="generic-avx2"))
    assert predict(profile(), unsure, hardware()).band > predict(profile(), SOURCE, hardware(WIDE)).band


def test_quantised_models_have_the_band_of_8_bit_kernels():
    integer = replace(CONV, op_type="QLinearConv")
    quantised = profile(operators=(integer, RELU))
    assert predict(quantised, SOURCE, hardware(ARM)).band > predict(profile(), SOURCE, hardware(ARM)).band


# --- laws on CPUs ------------------------------------------------------------------------------

targets = st.builds(
    hardware,
    st.sampled_from([CPU, WIDE, ARM]),
    st.sampled_from([1, 2, 4, 8, 16, 48, 96]),
    threads_per_core=st.sampled_from([1, 2]),
)


@given(targets, st.floats(1.0, 4.0))
def test_faster_hardware_is_never_slower(target, factor):
    before, after = by_shape(predict(profile(), SOURCE, target)), by_shape(predict(profile(), SOURCE, faster(target, factor)))
    assert before.keys() == after.keys()
    assert all(after[key].service_s <= before[key].service_s * (1 + 1e-9) for key in before)


@given(targets, st.floats(1.0, 10.0))
def test_a_model_that_measures_slower_is_predicted_slower(target, factor):
    slow = profile({key: seconds * factor for key, seconds in GRID.items()})
    before, after = by_shape(predict(profile(), SOURCE, target)), by_shape(predict(slow, SOURCE, target))
    assert all(after[key].service_s >= before[key].service_s * (1 - 1e-9) for key in before)


@given(targets)
def test_a_larger_batch_takes_no_less_time(target):
    found = by_shape(predict(profile(), SOURCE, target))
    for (workers, threads, batch), one in found.items():
        assert one.single_s <= one.service_s
        for larger in (b for w, t, b in found if (w, t) == (workers, threads) and b > batch):
            assert found[workers, threads, larger].service_s >= one.service_s


@given(targets)
def test_filling_a_machine_with_workers_never_lowers_throughput(target):
    found = by_shape(predict(profile(), SOURCE, target))
    for (workers, threads, batch), one in found.items():
        for (more, same_threads, same_batch), other in found.items():
            if (same_threads, same_batch) == (threads, batch) and more > workers:
                assert more / other.service_s >= workers / one.service_s * (1 - 1e-9)


@given(targets)
def test_shapes_fit_the_machine(target):
    prediction = predict(profile(), SOURCE, target)
    assert 0 < len(prediction.points) <= 24
    assert len(by_shape(prediction)) == len(prediction.points)
    for p in prediction.points:
        assert p.serving.workers * p.serving.threads <= target.vcpus
        assert p.serving.threads <= 32
        assert p.service_s > 0


def test_a_second_hardware_thread_is_worth_less_than_a_core():
    cores = by_shape(predict(profile(), SOURCE, hardware(vcpus=8, threads_per_core=1)))
    threads = by_shape(predict(profile(), SOURCE, hardware(vcpus=8, threads_per_core=2)))
    ratio = threads[8, 1, 1].service_s / cores[8, 1, 1].service_s
    assert 1.4 < ratio < 2


def test_memory_bound_work_scales_with_bandwidth_and_arithmetic_does_not():
    starved = replace(CPU, key="x86-starved", memory_bandwidth_gbs=20)
    streaming = (replace(RELU, time_share=1.0, flops=10**6, bytes=2**30),)
    arithmetic = (replace(CONV, time_share=1.0, flops=10**11, bytes=MIB, weight_bytes=0),)
    slowed = [
        by_shape(predict(profile(operators=ops), SOURCE, hardware(starved)))[8, 1, 1].service_s
        / by_shape(predict(profile(operators=ops), SOURCE, hardware(CPU)))[8, 1, 1].service_s
        for ops in (streaming, arithmetic)
    ]
    assert slowed[0] > 2
    assert slowed[1] == pytest.approx(1, abs=0.05)


def test_8_bit_operators_scale_with_8_bit_ceilings():
    integer = replace(CPU, key="x86-vnni", int8_ops_per_cycle=512)
    quantised = profile(operators=(replace(CONV, op_type="QLinearConv", time_share=1.0),))
    plain = profile(operators=(replace(CONV, time_share=1.0),))
    gain = [predict(p, SOURCE, hardware(integer)).points[0].service_s for p in (quantised, plain)]
    assert gain[0] < gain[1] == predict(plain, SOURCE, hardware()).points[0].service_s


def test_operators_without_statistics_scale_with_scalar_speed():
    opaque = (OperatorTime(op_type="TreeEnsembleRegressor", count=1, time_share=1.0, flops=None, bytes=None),)
    # At one thread and one worker on a core of its own, nothing but scalar speed differs.
    quick = replace(CPU, key="x86-q", scalar_speed=2.0)
    one_core = {"vcpus": 1, "threads_per_core": 1}
    slow, fast = (
        by_shape(predict(profile(operators=opaque), SOURCE, hardware(cpu, **one_core)))[1, 1, 1].service_s
        for cpu in (CPU, quick)
    )
    assert fast == pytest.approx(slow / 2)


def test_a_profile_without_operators_is_still_predicted():
    assert predict(profile(operators=()), SOURCE, hardware()).points


def test_a_fixed_batch_is_predicted_at_one():
    assert {p.serving.max_batch for p in predict(profile(batch_dim=None), SOURCE, hardware()).points} == {1}
    assert {p.serving.max_batch for p in predict(profile(batch_dim=None), SOURCE, gpu_hardware()).points} == {1}


def test_batches_are_at_most_four_and_at_most_32():
    many = {(b, 1): 0.01 * b for b in (1, 2, 4, 8, 16, 24, 32, 64)}
    found = {p.serving.max_batch for p in predict(profile(many), SOURCE, hardware()).points}
    assert len(found) == 4
    assert {1, 32} <= found
    assert max(found) == 32


def test_memory_is_of_all_workers_and_grows_with_the_batch():
    grown = profile({}, points=(point(1, 1, 0.04, memory=100 * MIB), point(8, 1, 0.3, memory=170 * MIB)))
    found = by_shape(predict(grown, SOURCE, hardware(vcpus=4)))
    assert found[4, 1, 1].memory_bytes == 4 * (PROCESS_BYTES + 100 * MIB)
    assert found[4, 1, 8].memory_bytes == 4 * (PROCESS_BYTES + 170 * MIB)


def test_every_worker_pays_for_its_own_python_and_runtime():
    measured = replace(point(1, 1, 0.04, memory=100 * MIB), process_bytes=60 * MIB)
    found = by_shape(predict(profile({}, points=(measured,)), SOURCE, hardware(vcpus=4)))
    assert found[4, 1, 1].memory_bytes == 4 * 160 * MIB
    assert found[1, 4, 1].memory_bytes == 160 * MIB


def test_unmeasured_memory_follows_the_file():
    unknown = profile({}, points=(point(1, 1, 0.04, memory=None),))
    assert by_shape(predict(unknown, SOURCE, hardware(vcpus=4)))[1, 4, 1].memory_bytes == PROCESS_BYTES + 100 * MIB


def test_one_thread_count_says_that_scaling_is_assumed():
    assert "assumed" in predict(profile({(1, 1): 0.04}), SOURCE, hardware()).basis
    assert "assumed" not in predict(profile(), SOURCE, hardware()).basis


def test_a_busy_machine_does_not_teach_that_threads_are_slow():
    disturbed = profile({(1, 1): 0.04, (1, 4): 0.09})
    prediction = predict(disturbed, SOURCE, hardware(WIDE))
    assert "slower than fewer" in prediction.basis
    assert by_shape(prediction)[1, 8, 1].service_s < by_shape(prediction)[8, 1, 1].service_s
    assert by_shape(predict(disturbed, SOURCE, SOURCE))[1, 4, 1].service_s == pytest.approx(0.09)


def test_burstable_types_say_so():
    assert "burstable" in predict(profile(), SOURCE, hardware(burstable=True)).basis


def test_cv_is_the_measured_spread():
    noisy = replace(point(1, 1, 0.04), latency_ms=LatencyStats.of([0.03, 0.05] * 40))
    steady = predict(profile(), SOURCE, hardware()).cv
    assert predict(profile({}, points=(noisy,)), SOURCE, hardware()).cv > steady >= 0.02


# --- GPUs --------------------------------------------------------------------------------------


@given(st.floats(1.0, 8.0), st.sampled_from([1, 2, 8]))
def test_a_faster_gpu_is_never_slower(factor, count):
    target = gpu_hardware(count=count)
    before, after = by_shape(predict(profile(), SOURCE, target)), by_shape(predict(profile(), SOURCE, faster(target, factor)))
    assert all(after[key].service_s <= before[key].service_s for key in before)


@given(st.floats(1.0, 100.0))
def test_more_flops_are_never_faster_on_a_gpu(factor):
    heavy = profile(operators=(replace(CONV, flops=int(CONV.flops * factor)), RELU))
    before, after = by_shape(predict(profile(), SOURCE, gpu_hardware())), by_shape(predict(heavy, SOURCE, gpu_hardware()))
    assert all(after[key].service_s >= before[key].service_s for key in before)


def test_gpu_batches_amortise_weights_and_launches():
    found = by_shape(predict(profile(), SOURCE, gpu_hardware()))
    times = [found[1, 1, b].service_s for b in (1, 4, 16, 32)]
    assert times == sorted(times)
    assert times[3] < 32 * times[0]


def test_a_second_worker_on_a_gpu_hides_host_time():
    found = by_shape(predict(profile(), SOURCE, gpu_hardware()))
    one, two = found[1, 1, 1].service_s, found[2, 1, 1].service_s
    assert one < two < 2 * one


def test_every_gpu_gets_a_worker():
    shapes = {
        (p.serving.workers, p.serving.threads) for p in predict(profile(), SOURCE, gpu_hardware(count=4, vcpus=48)).points
    }
    assert shapes == {(4, 1), (8, 1)}


def test_the_roofline_of_a_gpu_in_seconds():
    # 100 GFLOP at 40 % of 10 TFLOP/s is 25 ms; 10 MB of traffic adds to it.
    heavy = (OperatorTime(op_type="MatMul", count=1, time_share=1.0, flops=10**11, bytes=10**7),)
    found = by_shape(predict(profile(operators=heavy), SOURCE, gpu_hardware()))[1, 1, 1]
    assert found.service_s == pytest.approx(1e11 / 4e12, rel=0.02)


def test_half_precision_weights_use_the_half_precision_peak():
    half = profile(weights_by_dtype={"float16": 40 * MIB, "float32": MIB})
    assert by_shape(predict(half, SOURCE, gpu_hardware()))[1, 1, 32].service_s < (
        by_shape(predict(profile(), SOURCE, gpu_hardware()))[1, 1, 32].service_s
    )


def test_batches_that_overflow_device_memory_are_left_out():
    large = profile({}, points=(point(1, 1, 0.04, memory=500 * MIB), point(16, 1, 0.6, memory=6000 * MIB)))
    tight = gpu_hardware(replace(GPU, memory_gib=6))
    assert {p.serving.max_batch for p in predict(large, SOURCE, tight).points} == {1, 4}


def test_a_local_gpu_run_corrects_gpu_predictions():
    here = gpu_hardware(provider="local")
    modelled = by_shape(predict(profile(), here, here))[1, 1, 1].service_s
    measured = profile(points=(point(1, 1, 3 * modelled, device="cuda"),))
    corrected = predict(measured, here, gpu_hardware())
    assert by_shape(corrected)[1, 1, 1].service_s == pytest.approx(3 * modelled)
    assert corrected.provenance == "calibrated"
    other = predict(measured, here, gpu_hardware(replace(GPU, key="H", fp32_tflops=20)))
    assert other.provenance == "modelled"
    assert by_shape(other)[1, 1, 1].service_s > modelled


# --- what cannot be predicted is said ----------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "target", "words"),
    [
        (profile(), hardware(None, note="the cloud does not say"), "the cloud does not say"),
        (profile({}), hardware(), "no CPU latency"),
        (profile({(4, 1): 0.1}), hardware(), "batch 1"),
        (profile(), gpu_hardware(replace(GPU, key="Inferentia2", onnxruntime_provider=None)), "Inferentia2"),
        (profile(), gpu_hardware(replace(GPU, fp32_tflops=None, fp16_tflops=None)), "peak rate"),
        (profile(), gpu_hardware(replace(GPU, memory_gib=0.5)), "does not fit"),
        (profile(flops_per_item=None), gpu_hardware(), "FLOPs"),
        (profile(flops_coverage=0.5), gpu_hardware(), "50%"),
        (profile(operators=(CONV, replace(RELU, op_type="LSTM"))), gpu_hardware(), "LSTM"),
        (profile(operators=(replace(CONV, op_type="TreeEnsembleRegressor"),)), gpu_hardware(), "TreeEnsembleRegressor"),
        (profile(operators=(CONV, replace(RELU, op_type="QLinearConv"))), gpu_hardware(), "8 bits"),
    ],
)
def test_what_cannot_be_predicted_has_a_reason(made, target, words):
    prediction = predict(made, SOURCE, target)
    assert prediction.points == ()
    assert len(prediction.reasons) == 1
    assert words in prediction.reasons[0]


# --- many targets ------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.lists(targets, max_size=12))
def test_many_targets_are_predicted_in_order_and_each_as_if_alone(many):
    together = predict_all(profile(), SOURCE, many)
    assert together == [predict(profile(), SOURCE, target) for target in many]


def test_names_do_not_change_a_prediction():
    one, other = predict_all(profile(), SOURCE, [hardware(), hardware(instance_type="other", memory_gib=64.0)])
    assert one.points is other.points
    assert (one.instance_type, other.instance_type) == ("type", "other")


# --- with a fit --------------------------------------------------------------------------------

WIDTHS = {"same family": 0.3, "CPU to known CPU": 0.5, "CPU to new CPU": 0.9, "graph to new GPU": 1.0}
FIT = Coefficients(
    fit="f" * 64,
    evidence={"x86-a": 100, "x86-b": 100},
    anchors={"CPU to known CPU": 0.8, "CPU to new CPU": 0.5},
    intervals={name: Interval(half_width=width, hardware=9, n=500) for name, width in WIDTHS.items()},
)


def test_bands_are_the_intervals_of_the_evidence():
    targets = [hardware(), hardware(WIDE), hardware(ARM), gpu_hardware()]
    found = [p.band for p in predict_all(profile(), SOURCE, targets, FIT)]
    assert found == pytest.approx([math.expm1(width) for width in WIDTHS.values()])


def test_a_class_with_evidence_has_its_own_interval():
    narrow = Interval(half_width=0.1, hardware=9, n=100)
    for name, operators in (("large", (CONV, RELU)), ("int8", (replace(CONV, op_type="QLinearConv"), RELU))):
        sized = replace(FIT, intervals=FIT.intervals | {f"CPU to known CPU/{name}": narrow})
        assert predict(profile(operators=operators), SOURCE, hardware(WIDE), sized).band == pytest.approx(math.expm1(0.1))
    plain = replace(FIT, intervals=FIT.intervals | {"CPU to known CPU/not int8": narrow})
    assert predict(profile(), SOURCE, hardware(WIDE), plain).band == pytest.approx(math.expm1(0.1))


@pytest.mark.parametrize("target", [gpu_hardware(), hardware(ARM)])
@pytest.mark.parametrize("left", [{}, {n: Interval(half_width=0.5, hardware=2, n=900) for n in WIDTHS}])
def test_too_little_evidence_is_declined(target, left):
    found = predict(profile(), SOURCE, target, replace(FIT, intervals=left))
    assert found.points == ()
    assert "too little is published" in found.reasons[-1]
    assert "infercost calibrate" in found.reasons[-1]


def test_the_measured_machine_needs_no_evidence():
    bare = replace(FIT, intervals={})
    found = predict(profile(instance_type="cloud:type"), SOURCE, hardware(), bare)
    assert (found.provenance, bool(found.points)) == ("measured", True)


@pytest.mark.parametrize("fit", [FIT, load_coefficients()])
def test_a_fit_leaves_the_measured_machine_its_measurement(fit):
    found = by_shape(predict(profile(), SOURCE, replace(SOURCE, provider="cloud"), fit))
    assert [found[1, 4, batch].service_s for batch in (1, 4, 16)] == pytest.approx([0.013, 0.045, 0.16])


def test_what_a_model_is_off_its_graph_is_kept_in_part():
    """A model twice as slow is predicted so much slower as targets keep of it: 2^0.8 where the anchor is 0.8."""
    slow = profile({key: 2 * seconds for key, seconds in GRID.items()}, operators=(replace(CONV, count=1),))
    usual = profile(operators=(replace(CONV, count=1),))
    for target, trust in ((hardware(CPU), 1.0), (hardware(WIDE), 0.8), (hardware(ARM), 0.5)):
        ratio = predict(slow, SOURCE, target, FIT).points[0].service_s / predict(usual, SOURCE, target, FIT).points[0].service_s
        assert ratio == pytest.approx(2**trust, rel=0.01)


def test_a_model_of_plain_code_has_no_graph_to_be_drawn_to():
    trees = (OperatorTime(op_type="TreeEnsembleClassifier", count=1, time_share=1.0, flops=10**6, bytes=10**6),)
    slow = profile({key: 3 * seconds for key, seconds in GRID.items()}, operators=trees)
    ratio = [predict(p, SOURCE, hardware(WIDE), FIT).points[0].service_s for p in (slow, profile(operators=trees))]
    assert ratio[0] == pytest.approx(3 * ratio[1], rel=1e-3)


@given(targets, st.floats(1.0, 4.0))
def test_faster_hardware_is_never_slower_with_the_shipped_fit(target, factor):
    fit = load_coefficients()
    slow, fast = (by_shape(predict(profile(), SOURCE, t, fit)) for t in (target, faster(target, factor)))
    assert all(fast[shape].service_s <= slow[shape].service_s * (1 + 1e-9) for shape in slow)


# --- batches and threads that were not measured ------------------------------------------------


def test_a_batch_on_one_thread_alone_gains_from_threads_as_its_neighbours_do():
    full = {(1, 1): 0.04, (1, 4): 0.02, (4, 1): 0.16, (16, 1): 0.64, (16, 4): 0.16}
    model = CpuModel.of(profile(full), SOURCE)
    assert model.seconds_at(SOURCE, 4, 1, 4) == pytest.approx(0.16 * 2**-1.5, rel=1e-6), "half of the way from 1/2 to 1/4"


@pytest.mark.parametrize(("batch", "expected"), [(1, 0.04), (2, 0.04 + 0.11 / 3), (4, 0.15), (16, 0.58), (28, 1.01)])
def test_other_batches_lie_on_straight_lines(batch, expected):
    assert CpuModel.of(profile(), SOURCE).seconds_at(SOURCE, batch, 1, 1) == pytest.approx(expected)


def test_one_batch_says_that_time_is_proportional():
    assert CpuModel.of(profile({(1, 1): 0.04}), SOURCE).seconds_at(SOURCE, 8, 1, 1) == pytest.approx(0.32)


# --- measured ceilings -------------------------------------------------------------------------


def test_microbenchmarks_of_both_machines_are_said_and_used():
    ceilings = Ceilings(
        gemm_gflops={"fp32": 50.0}, conv_gflops={"fp32": 50.0}, bandwidth_gbps=((2**20, 50.0), (2**28, 10.0)), dispatch_us=2.0,
        source="test", measured_on="here",
    )  # fmt: skip
    here = replace(SOURCE, measured=ceilings)
    quick = replace(
        ceilings, gemm_gflops={"fp32": 100.0}, conv_gflops={"fp32": 100.0}, bandwidth_gbps=((2**20, 100.0), (2**28, 20.0)),
        dispatch_us=1.0,
    )  # fmt: skip
    there = hardware(CPU, 4, threads_per_core=1)
    same, twice = (predict(profile(), here, replace(there, measured=c)) for c in (ceilings, quick))
    assert "microbenchmarks of both machines" in twice.basis
    assert "microbenchmarks" not in predict(profile(), SOURCE, replace(there, measured=quick)).basis
    lone = by_shape(same)[4, 1, 1].service_s / by_shape(twice)[4, 1, 1].service_s
    assert lone == pytest.approx(2.0, rel=0.05)
