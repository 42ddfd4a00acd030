"""What a cloud must tell the engine. Differences between clouds are data here, never branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from infercost.domain.price import Mode
from infercost.domain.scaling import ScalingRules

Driver = Literal[
    "endpoint_storage_gb",
    "request_gb",
    "response_gb",
    "egress_gb",
    "log_gb",
    "registry_gb",
    "artifact_gb",
    "load_balancer_hours",
    "given",
]
"""What makes a charge grow. ``endpoint_storage_gb`` is per replica; ``egress_gb`` is response
traffic that leaves the cloud; ``given`` is a quantity that the user states; the others are as named, per month."""


EVERY_MODE: Final[tuple[Mode, ...]] = ("realtime", "serverless", "async", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A hidden cost that this cloud bills for a managed endpoint."""

    name: str
    """The cost line's name, for example ``logs``."""
    item: str
    """Key of the matching ``Rate`` rows."""
    driver: Driver
    fixed_quantity: float | None = None
    """The quantity where it does not follow from the traffic (GB of disk a replica, of image)."""
    note: str = ""
    """Where the rule or the assumed quantity comes from."""
    modes: tuple[Mode, ...] = ("realtime", "serverless")
    """The modes that are billed it; see ``EVERY_MODE``."""
    last_tier_from: float | None = None
    """Monthly quantity (in the rate's unit) at which the cloud's own list begins a tier that the book may lack.
    Beyond it the book's last tier is applied, and the line says so. None where no such tier is known.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerlessRules:
    """How a serverless mode turns a request into billed time and when it starts cold."""

    billing_granularity_s: float
    vcpus_per_gib: float
    """vCPUs that come with a GiB of memory."""
    max_vcpus: float
    cpu_family: str
    """Key of the CPU family assumed to serve it."""
    keep_alive_s: float
    """Idle seconds after which an instance is taken away."""
    cold_start_s: float
    """Start of the container, on top of loading the model."""
    max_concurrency: int
    """Per endpoint."""
    max_payload_bytes: int
    memory_reserved_gib: float = 0.35
    """Memory of an instance that Python, ONNX Runtime and the server take beside the model. The default is assumed."""
    verified: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingRules:
    """Limits and billing rules of the always-on mode."""

    min_replicas: int
    recommended_min_replicas: int
    """What the cloud recommends for availability; reported, not imposed."""
    billing_granularity_s: float
    minimum_billed_s: float
    max_payload_bytes: int | None
    memory_reserved_gib: float
    """Memory of a replica that the platform itself takes."""
    source: str
    vcpus_reserved: float = 0.0
    """vCPUs of a replica that the platform itself takes."""
    max_endpoint_rps: float | None = None
    """Requests a second that an endpoint takes before a quota is raised; reported, not imposed."""
    max_endpoint_bytes_per_s: float | None = None
    """Payload a second, in and out together, that an endpoint takes before a quota is raised; reported, not imposed."""


Billed = Literal["billed", "free", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingMode:
    """How one way of serving is billed. None and ``unknown`` where no source says."""

    name: str
    """The ``kind`` of its offers (``realtime``, ``serverless``, ``async``, ``batch``, ``batch_spot`` …), or, of a way that
    is paid for by another's offers or by no offers, a name of its own."""
    title: str
    """What the cloud calls it."""
    per: str
    """What a price is for: ``instance-hour``, ``second at a memory size`` …"""
    granularity_s: float | None = None
    """Billed time is rounded up to multiples of this."""
    minimum_s: float | None = None
    starting: Billed = "unknown"
    """While an instance starts and loads the model."""
    idle: Billed = "unknown"
    """While it is up without a request."""
    failed: Billed = "unknown"
    """Where it fails to start, or a job fails."""
    scales_to_zero: bool | None = None
    scaling: ScalingRules | None = None
    """How replicas of this mode follow its traffic down to zero; all its options act together. None: it does not, or
    its rules are not known."""
    prices: Literal["estimated", "priced", "refreshed", "shown", "missing"]
    """``estimated``: estimates rank its offers. ``priced``: the book has offers of it, which promise something else.
    ``refreshed``: likewise, once a refresh has read them. ``shown``: single prices that are no offers. ``missing``: no
    source is read."""
    verified: bool
    """Whether every rule given here stands in ``source``; if not, it says which are assumed."""
    source: str


@runtime_checkable
class Provider(Protocol):
    """A cloud. Found by the entry-point group ``infercost.providers``."""

    @property
    def name(self) -> str:
        """Key used on the command line and in JSON."""
        ...

    @property
    def title(self) -> str:
        """Name for people."""
        ...

    @property
    def default_region(self) -> str:
        """Region used when the user names none."""
        ...

    @property
    def catalog_package(self) -> str:
        """Import name of the package whose ``prices/`` folder holds the shipped catalog."""
        ...

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Hidden costs beside compute."""
        ...

    @property
    def hosting(self) -> HostingRules:
        """Rules of the always-on mode."""
        ...

    @property
    def serverless(self) -> ServerlessRules | None:
        """Rules of the serverless mode; None where there is none."""
        ...

    @property
    def scaling(self) -> ScalingRules | None:
        """How the always-on mode scales; None where that is not known: then replicas are fixed."""
        ...

    @property
    def not_priced(self) -> tuple[str, ...]:
        """What this cloud may bill and the book does not cover, in words."""
        ...


@runtime_checkable
class Refreshes(Protocol):
    """A provider whose prices can be read from the cloud's own source."""

    @property
    def refresh(self) -> str | None:
        """``module:function`` of a ``infercost.domain.refresh.Refresh``; None where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProvider:
    """A provider that is data alone."""

    name: str
    title: str
    default_region: str
    catalog_package: str
    charges: tuple[Charge, ...]
    hosting: HostingRules
    serverless: ServerlessRules | None = None
    scaling: ScalingRules | None = None
    not_priced: tuple[str, ...] = ()
    modes: tuple[ServingMode, ...] = ()
    """Every way of serving that the cloud sells, estimated or not."""
    refresh: str | None = None
    """See ``Refreshes``."""
