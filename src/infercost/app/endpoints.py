"""From a served model's address to a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.app.opening import split_dims
from infercost.domain.errors import UsageError
from infercost.domain.traffic import Slo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infercost.app.opening import Dims, Inputs
    from infercost.domain.profile import Profile
    from infercost.runtime.settings import Progress


def profile_endpoint(
    url: str,
    *,
    rps: float | None = None,
    slo: str | Sequence[str] | Slo = (),
    batches: Sequence[int] | None = None,
    dims: Dims | None = None,
    inputs: Inputs | None = None,
    budget_s: float = 20.0,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 30.0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure a served model from outside, over the Open Inference Protocol v2.

    Latencies have the network and the server in them, so the profile is of this endpoint only:
    :func:`infercost.estimate` refuses it.

    Args:
        url: ``http://host:8000/v2/models/NAME``.
        rps: also send requests at this rate, Poisson arrivals, whatever became of those before.
        slo: what that is judged by, for example ``"p99=100ms"``.
        batches: batch sizes to measure one request after another; None means 1.
        dims: sizes of dimensions that the server leaves open, as ``input.axis``.
        inputs: real samples, see :func:`infercost.inspect`; generated from the metadata when None.
        budget_s: seconds to spend measuring.
        headers: sent with each request, for example an authorization.
        timeout_s: of one request.
        on_progress: called before each step.

    Raises:
        UsageError: the URL names no model, or a setting is out of range.
        ProviderError: nothing answers there, or no request succeeds.
        InputsError: the inputs do not fit the model.
    """
    from infercost.runtime.endpoint import EndpointSettings, measure_endpoint
    from infercost.runtime.samples import read_given

    fixed, sizes = split_dims(dims or {})
    if sizes is not None:
        raise UsageError(f"an endpoint is measured at one size, and {sizes.dim!r} is to vary; write --dim {sizes.dim}=128")
    settings = EndpointSettings(
        batches=tuple(batches) if batches else (1,),
        rps=rps,
        slo=slo if isinstance(slo, Slo) else Slo.parse(slo if isinstance(slo, str) else list(slo)),
        budget_s=budget_s,
        headers=dict(headers or {}),
        timeout_s=timeout_s,
    )
    samples = None if inputs is None else read_given(inputs)
    return measure_endpoint(url, settings, dims=fixed, samples=samples, on_progress=on_progress)
