"""An endpoint measured for real: an HTTP server on loopback that speaks the protocol, with a model behind it."""

from __future__ import annotations

import numpy as np
import pytest

import infercost
from infercost.domain.errors import InputsError, ModelError, ProviderError, UsageError
from infercost.domain.traffic import Slo
from infercost.runtime.endpoint import EndpointSettings, measure_endpoint
from infercost.runtime.samples import read_given
from infercost.testing.inference_server import serving

QUICK = EndpointSettings(budget_s=0.6)


@pytest.fixture
def saved(tmp_path):
    def save(model, name: str):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return save


@pytest.mark.parametrize("binary", [True, False])
def test_an_endpoints_profile_says_what_it_is(binary: bool) -> None:
    with serving(infercost.demo_model(), binary=binary) as server:
        settings = EndpointSettings(batches=(1, 4), rps=40, budget_s=1.5, slo=Slo.parse("p90=5000ms"))
        profile = measure_endpoint(server.url, settings)
        received = server.requests
    assert profile.served is not None
    assert profile.served.path == "/v2/models/digits"
    assert profile.served.loopback
    assert profile.served.errors == {}
    assert 0 < profile.served.requests < received, "warm-up is not counted"
    assert profile.model.format == "served"
    assert "was not seen" in profile.model.warnings[0]
    assert [(p.batch, p.device) for p in profile.points] == [(1, "endpoint"), (4, "endpoint")]
    assert all(p.raw is not None and p.raw.count == p.latency_ms.count for p in profile.points)
    (run,) = profile.scenarios
    assert (run.scenario, run.target_rps, run.queries) == ("server", 40, 35)
    assert run.service_ms is not None
    assert run.service_ms.mean <= run.latency_ms.mean
    assert profile.runtime.settings["encoding"] == ("binary" if binary else "json")
    assert profile.payload_in_bytes > 64 * 4
    assert "localhost" not in repr(profile.served)
    assert "127.0.0.1" not in repr(profile)


def test_errors_are_counted_by_reason_and_spoil_the_verdict() -> None:
    with serving(infercost.demo_model(), fault=lambda n: 503 if n % 4 == 3 else None) as server:
        profile = measure_endpoint(server.url, EndpointSettings(rps=60, budget_s=1.0))
    assert profile.served is not None
    failed = profile.served.errors["HTTP 503"]
    assert failed >= 5
    assert profile.served.requests == failed + profile.points[0].latency_ms.count + profile.scenarios[0].queries
    assert f"{failed:,} of {profile.served.requests:,} requests failed" in profile.warnings[1]
    assert profile.scenarios[0].verdict == "invalid"
    assert "HTTP 503 (told to fail)" in profile.scenarios[0].reason


def test_a_server_that_never_answers_well_is_an_error() -> None:
    with (
        serving(infercost.demo_model(), fault=lambda n: None if n < 6 else 500) as server,
        pytest.raises(ProviderError, match=r"no request to .* succeeded \(HTTP 500 × "),
    ):
        measure_endpoint(server.url, QUICK)


def test_a_server_that_refuses_generated_inputs_says_why() -> None:
    with (
        serving(infercost.demo_model(), fault=lambda n: 422) as server,
        pytest.raises(ProviderError, match=r"refuses generated inputs: HTTP 422 \(told to fail\); give real ones"),
    ):
        measure_endpoint(server.url, QUICK)


def test_open_dimensions_are_tried_until_the_server_takes_them(nets, saved) -> None:
    model = nets.graph(
        [nets.node("MatMul", ["x", "w"], ["y"])],
        [nets.value("x", ["n", "f"])],
        [nets.value("y", None)],
        [nets.weight("w", np.ones((16, 2)))],
    )
    with serving(saved(model, "wide")) as server:
        profile = measure_endpoint(server.url, QUICK)
        given = measure_endpoint(server.url, QUICK, dims={"x.1": 16})
        with pytest.raises(ProviderError, match="refuses generated inputs"):
            measure_endpoint(server.url, QUICK, dims={"x.1": 7})
    assert profile.model.bound_dims["x.1"] == 16
    assert "x.1=16" in profile.model.warnings[1]
    assert len(given.model.warnings) == 1


def test_samples_are_sent_and_checked() -> None:
    pictures = np.zeros((3, 1, 8, 8), np.float32)
    with serving(infercost.demo_model()) as server:
        profile = measure_endpoint(server.url, QUICK, samples=read_given({"image": pictures}))
        with pytest.raises(InputsError, match="'image'"):
            measure_endpoint(server.url, QUICK, samples=read_given({"image": pictures[:, 0]}))
    assert profile.runtime.settings["inputs"] == "samples"


def test_texts_and_fixed_batches(nets, saved) -> None:
    model = nets.graph([nets.node("Identity", ["x"], ["y"])], [nets.value("x", [1, 2], 8)], [nets.value("y", [1, 2], 8)])
    with serving(saved(model, "texts"), binary=False) as server:
        assert measure_endpoint(server.url, QUICK).model.inputs[0].values == "text:a"
        with pytest.raises(UsageError, match="has a fixed batch; measure it with --batch 1"):
            measure_endpoint(server.url, EndpointSettings(batches=(2,), budget_s=0.6))


def test_an_unknown_model_and_a_silent_port_are_named() -> None:
    with serving(infercost.demo_model()) as server:
        with pytest.raises(ProviderError, match=r"answers HTTP 404 \(unknown path"):
            measure_endpoint(server.url + "x", QUICK)
        gone = server.url
    with pytest.raises(ProviderError, match=r"does not answer \(no connection\)"):
        measure_endpoint(gone, QUICK)


def test_a_batch_that_always_fails_is_left_out_and_said(nets, saved) -> None:
    seen: list[int] = []

    def fault(count: int) -> int | None:
        seen.append(count)
        return None

    with serving(infercost.demo_model(), fault=fault) as server:
        infer = server.infer

        def only_single(request, blobs):
            answer = infer(request, blobs)
            if answer[0]["outputs"][0]["shape"][0] > 1:
                raise ValueError("batch too large")
            return answer

        server.infer = only_single  # type: ignore[method-assign]
        profile = measure_endpoint(server.url, EndpointSettings(batches=(1, 8), budget_s=0.8))
    assert [p.batch for p in profile.points] == [1]
    assert any(w.startswith("batch 8 is not measured: HTTP 400 (batch too large)") for w in profile.warnings)


@pytest.mark.parametrize(
    "settings", [{"rps": 0.0}, {"rps": float("inf")}, {"batches": ()}, {"batches": (0,)}, {"budget_s": 0.0}]
)
def test_settings_out_of_range_are_refused(settings) -> None:
    with pytest.raises(UsageError):
        EndpointSettings(**settings)


def test_a_type_that_cannot_be_made_is_named(monkeypatch) -> None:
    from infercost.testing import inference_server

    monkeypatch.setitem(inference_server._DATATYPES, "tensor(float)", "BF16")
    with serving(infercost.demo_model()) as server, pytest.raises(ModelError, match="has the type BF16"):
        measure_endpoint(server.url, QUICK)
