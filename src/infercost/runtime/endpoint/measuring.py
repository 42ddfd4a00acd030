"""From a served model's address to a profile that says it is an endpoint's."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from infercost._version import __version__
from infercost.domain.errors import ProviderError, UsageError
from infercost.domain.latency import LatencyStats, RawLatencies
from infercost.domain.model import ModelFacts
from infercost.domain.profile import Point, Profile, Runtime, Served
from infercost.domain.scenario import ScenarioRun
from infercost.domain.traffic import Slo
from infercost.runtime.bootstrap import intervals, tails
from infercost.runtime.endpoint.loops import MOST_CLIENTS, Answer, OpenLoop, Target, one_after_another
from infercost.runtime.endpoint.protocol_v2 import Address, encode, read_metadata
from infercost.runtime.endpoint.requests import Requests
from infercost.runtime.judging import judge
from infercost.runtime.machine import fingerprint_machine
from infercost.runtime.sampling import windows_agree
from infercost.runtime.scenarios import arrivals
from infercost.runtime.settings import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infercost.runtime.endpoint.protocol_v2 import Body, Metadata
    from infercost.runtime.samples import Samples

_WARM_UP = 5
_MOST_CLOSED = 20_000
_MOST_OPEN = 200_000
_OPEN_SHARE = 0.6
"""Of the budget, where there is an open loop too."""
_LEAST_S = 0.3
_LONGEST_RAW_S = 42.9
NOT_SEEN = "the model's file was not seen: its size, operators and operator set are not known and stand as 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """How to measure an endpoint."""

    batches: tuple[int, ...] = (1,)
    rps: float | None = None
    """Poisson arrivals of single items; None leaves the open loop out."""
    slo: Slo = field(default_factory=Slo)
    budget_s: float = 20.0
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request; their values are in no profile and no message."""
    timeout_s: float = 30.0
    clients: int = MOST_CLIENTS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rps is not None and not 0 < self.rps < float("inf"):
            raise UsageError(f"requests per second must be above 0, got {self.rps:g}; try --rps 50")
        if not self.batches or min(self.batches) < 1:
            raise UsageError(f"batch sizes must be 1 or more, got {list(self.batches)}; try --batch 1")
        if not 0 < self.budget_s < float("inf"):
            raise UsageError(f"the time budget must be above 0 seconds, got {self.budget_s:g}; try --budget 20")


def measure_endpoint(
    url: str,
    settings: EndpointSettings | None = None,
    *,
    dims: Mapping[str, int] | None = None,
    samples: Samples | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure a served model from outside: closed loop at each batch size, open loop at a rate.

    Args:
        url: ``http://host:8000/v2/models/NAME``.
        settings: how to measure.
        dims: sizes of dimensions that vary, as ``input.axis``.
        samples: the user's inputs; generated from the metadata when None.
        on_progress: called before each step and at the end.

    Raises:
        UsageError: the URL names no model.
        ProviderError: nothing answers, or no request succeeds.
        InputsError: ``samples`` do not fit the model.
    """
    import urllib3

    chosen = settings or EndpointSettings()
    address = Address.parse(url)
    pool = urllib3.PoolManager(
        maxsize=chosen.clients, block=False, retries=False, timeout=urllib3.Timeout(connect=5.0, read=chosen.timeout_s)
    )
    with pool:
        metadata = read_metadata(pool, address, chosen.headers)
        target = Target(pool, address.url("/infer"), chosen.headers, chosen.timeout_s)
        requests = Requests.plan(metadata, dims or {}, samples, chosen.seed)
        return _Measurement(address, metadata, target, requests, chosen, on_progress).profile()


@dataclass
class _Measurement:
    address: Address
    metadata: Metadata
    target: Target
    requests: Requests
    settings: EndpointSettings
    on_progress: Callable[[Progress], None] | None
    sent: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def profile(self) -> Profile:
        first = self._find_shapes()
        closed_s = self.settings.budget_s * (1 - _OPEN_SHARE if self.settings.rps is not None else 1.0)
        points = []
        for i, batch in enumerate(self.settings.batches):
            self._tell("measuring", i, f"batch {batch}, one request after another")
            point = self._closed(batch, closed_s / len(self.settings.batches))
            points += [point] if point is not None else []
        if not points:
            raise self._nothing_succeeded()
        scenarios: tuple[ScenarioRun, ...] = ()
        if self.settings.rps is not None:
            self._tell("scenarios", len(self.settings.batches), f"{self.settings.rps:g} requests/s")
            scenarios = (self._open(self.settings.rps, self.settings.budget_s * _OPEN_SHARE),)
        self._tell("done", len(self.settings.batches) + 1, "")
        return self._put_together(points, scenarios, first)

    def _find_shapes(self) -> Answer:
        """Try the shapes that the open dimensions may have, until the server takes one; warm up with it."""
        answer = Answer(0, 0, 0, "no request was sent")
        for trial in range(self.requests.trials):
            self.requests.trial = trial
            answer = self.target.send(self._body(1))
            if answer.failed is None:
                for _ in range(_WARM_UP):
                    self.target.send(self._body(1))
                return answer
            if not answer.failed.startswith("HTTP 4"):
                break
        hint = "give real ones with --inputs sample.npz, or sizes with --dim" if answer.detail else "check the server"
        raise ProviderError(
            f"{self.address.url('/infer')} refuses generated inputs: {answer.detail or answer.failed}; {hint}"
            if self.requests.samples is None
            else f"{self.address.url('/infer')} refuses the given inputs: {answer.detail or answer.failed}; check them"
        )

    def _body(self, batch: int) -> Body:
        return encode(self.metadata, self.requests.arrays(batch))

    def _closed(self, batch: int, budget_s: float) -> Point | None:
        body = self._body(batch)
        if batch > 1:
            self.target.send(body)
        answers = one_after_another(self.target, body, max(_LEAST_S, budget_s), _MOST_CLOSED)
        good = self._count(answers)
        if not good:
            self.warnings.append(f"batch {batch} is not measured: {self._reasons(answers)}")
            return None
        seconds = [a.latency_ns / 1e9 for a in good]
        raw = RawLatencies.pack(seconds) if max(seconds) < _LONGEST_RAW_S else None
        seconds = raw.seconds() if raw is not None else seconds
        stats = LatencyStats.of(seconds)
        return Point(
            batch=batch,
            threads=1,
            precision="unknown",
            device="endpoint",
            latency_ms=stats,
            throughput_per_s=batch * 1e3 / stats.mean,
            memory_bytes=None,
            cpu_utilization=None,
            stable=windows_agree(seconds),
            raw=raw,
            intervals=intervals(seconds),
        )

    def _open(self, rps: float, budget_s: float) -> ScenarioRun:
        count = min(_MOST_OPEN, max(1, ceil(max(_LEAST_S, 0.95 * budget_s) * rps)))
        offsets = arrivals(rps, count, self.settings.seed)
        body = self._body(1)
        clients = min(self.settings.clients, count)
        loop = OpenLoop(self.target, body, offsets, give_up_ns=round(self.settings.timeout_s * 1e9), clients=clients)
        answers = loop.run()
        good = self._count(answers)
        if not good:
            raise self._nothing_succeeded()
        if loop.most_under_way >= clients >= self.settings.clients:
            self.warnings.append(f"all {clients} clients were waiting at times: more requests could not be under way at once")
        return self._scenario(rps, offsets, answers, good)

    def _scenario(self, rps: float, offsets: Sequence[int], answers: Sequence[Answer], good: Sequence[Answer]) -> ScenarioRun:
        duration = max(offsets[a.query] + a.latency_ns for a in answers) / 1e9
        seconds = [a.latency_ns / 1e9 for a in good]
        raw = RawLatencies.pack(seconds) if max(seconds) < _LONGEST_RAW_S else None
        seconds = raw.seconds() if raw is not None else seconds
        steady, bands = windows_agree(seconds), intervals(seconds)
        offered = len(answers) / (offsets[answers[-1].query] / 1e9)
        kept = min(1.0, len(answers) / duration / offered)
        limits = self.settings.slo
        unsent = len(offsets) - len(answers)
        verdict, reason = judge([s * 1e3 for s in seconds], limits, bands, stable=steady, unserved=unsent, kept_up=kept)
        failed = [a for a in answers if a.failed is not None]
        if failed:
            verdict, reason = "invalid", f"{len(failed):,} of {len(answers):,} requests failed: {self._reasons(failed)}"
        return ScenarioRun(
            scenario="server",
            samples_per_query=1,
            workers=1,
            threads=1,
            device="endpoint",
            queries=len(good),
            duration_s=duration,
            target_rps=rps,
            achieved_rps=len(good) / duration,
            throughput_per_s=len(good) / duration,
            latency_ms=LatencyStats.of(seconds),
            service_ms=LatencyStats.of([a.service_ns / 1e9 for a in good]),
            intervals=bands,
            tails=tails(seconds),
            stable=steady,
            slo=",".join(f"{t.metric}={t.limit_ms:g}ms" for t in limits.targets) or None,
            verdict=verdict,
            reason=reason,
            seed=self.settings.seed,
            raw=raw,
        )

    def _count(self, answers: Sequence[Answer]) -> list[Answer]:
        """Those that brought outputs; the others are counted by reason."""
        self.sent += len(answers)
        self.errors.update(a.failed for a in answers if a.failed is not None)
        return [a for a in answers if a.failed is None]

    def _reasons(self, answers: Sequence[Answer]) -> str:
        found = Counter(a.detail or a.failed for a in answers if a.failed is not None)
        return ", ".join(f"{reason} × {count:,}" for reason, count in found.most_common(3))

    def _nothing_succeeded(self) -> ProviderError:
        listed = ", ".join(f"{reason} × {count:,}" for reason, count in self.errors.most_common(3))
        return ProviderError(f"no request to {self.address.url('/infer')} succeeded ({listed}); check the server's log")

    def _put_together(self, points: Sequence[Point], scenarios: tuple[ScenarioRun, ...], first: Answer) -> Profile:
        wrong = sum(self.errors.values())
        if wrong:
            listed = ", ".join(f"{reason} × {count:,}" for reason, count in self.errors.most_common(5))
            self.warnings.insert(0, f"{wrong:,} of {self.sent:,} requests failed ({listed}); latencies are of the others")
        return Profile(
            infercost_version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            model=self._facts(),
            machine=fingerprint_machine(),
            runtime=Runtime(
                name="open-inference-v2",
                version=self.metadata.server,
                execution_provider="unknown",
                graph_optimization="unknown",
                python=platform.python_version(),
                settings={
                    "inputs": self.requests.described,
                    "encoding": "binary" if self.metadata.binary else "json",
                    "timeout_s": f"{self.settings.timeout_s:g}",
                    "budget_s": f"{self.settings.budget_s:g}",
                },
            ),
            points=tuple(points),
            operators=(),
            payload_in_bytes=len(self._body(1).data),
            payload_out_bytes=first.nbytes,
            warnings=("an endpoint's latencies have network, server and its other load in them", *self.warnings),
            scenarios=scenarios,
            served=Served(
                protocol="open-inference-v2",
                path=f"{self.address.base}{self.address.model}",
                server=self.metadata.server,
                platform=self.metadata.platform,
                loopback=self.address.loopback,
                requests=self.sent,
                errors=dict(self.errors),
            ),
        )

    def _facts(self) -> ModelFacts:
        inputs, outputs = self.requests.input_facts(), self.requests.output_facts()
        identity = repr((self.metadata.name, self.metadata.platform, self.metadata.inputs, self.metadata.outputs))
        return ModelFacts(
            name=self.metadata.name,
            sha256=hashlib.sha256(identity.encode()).hexdigest(),
            format="served",
            opset=0,
            parameters=0,
            file_bytes=0,
            flops_per_item=None,
            flops_coverage=0.0,
            inputs=inputs,
            outputs=outputs,
            bound_dims=self.requests.bound,
            batch_dim=self.requests.batch_dim,
            warnings=(NOT_SEEN, *self.requests.notes()),
        )

    def _tell(self, stage: str, done: int, detail: str) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(stage, done, len(self.settings.batches) + 1, detail))  # type: ignore[arg-type]
