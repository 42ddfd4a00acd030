"""From a policy of a plan to the endpoint that deploys it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from infercost.domain.endpoint import Endpoint, EndpointModel, PlannedFor, ReplicaRange
from infercost.domain.errors import UsageError
from infercost.engine.wording import milliseconds

if TYPE_CHECKING:
    from infercost.domain.capacity import CapacityPlan

__all__ = ["check_name", "endpoint_of"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")


def endpoint_of(
    plan: CapacityPlan, *, rank: int = 1, name: str | None = None, model_path: str | None = None, provider: str | None = None
) -> Endpoint:
    """The endpoint that serves as a policy of a plan says, with the scaling policy of its own cloud.

    Args:
        plan: the plan.
        rank: of the policy; 1 is the cheapest. With ``provider``, its place among that cloud's.
        name: of the endpoint; None takes the model's, as far as it fits an endpoint's name.
        model_path: of the artifact, relative to the endpoint file, or a URI; None takes the model's name.
        provider: only this cloud's policies count.

    Raises:
        UsageError: the plan has no such policy, or no cloud takes the name.
    """
    policies = [policy for policy in plan.policies if provider in (None, policy.provider)]
    if not 1 <= rank <= len(policies):
        where = f" of {provider}" if provider is not None else ""
        raise UsageError(f"the plan has {len(policies)} policies{where}, not one at rank {rank}; try --rank 1")
    if name is not None:
        check_name(name)
    policy = policies[rank - 1]
    replicas = policy.replicas
    routing = policy.routing
    return Endpoint(
        name=name or endpoint_name(plan.model.name),
        model=EndpointModel(path=model_path or plan.model.name, sha256=plan.model.sha256 or None),
        provider=policy.provider,
        region=policy.region,
        mode=policy.mode,
        instance=policy.instance_type,
        serving=policy.serving,
        replicas=ReplicaRange(min=replicas.min, max=replicas.max, initial=replicas.initial),
        routing=routing if routing in ("central", "random", "least_outstanding") else None,  # type: ignore[arg-type]
        scaling=policy.scaling,
        schedule=policy.schedule,
        currency=plan.currency,
        planned_for=PlannedFor(
            traffic=plan.workload.source,
            slo=", ".join(f"{target.metric}={milliseconds(target.limit_ms).replace(' ', '')}" for target in plan.slo.targets),
            created=plan.created,
            infercost_version=plan.infercost_version,
            monthly=policy.per_month,
            currency=plan.currency,
            attainment=policy.attainment,
            slo_probability=policy.slo_probability,
        ),
    )


def check_name(name: str) -> None:
    """Refuse a name that an endpoint's file could not be read with.

    Raises:
        UsageError: it is no such name; the message has one that is.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"cannot name an endpoint {name!r}: a letter, then up to 62 letters, digits and -; try {endpoint_name(name)}"
        )


def endpoint_name(text: str) -> str:
    """A name that every cloud takes: lower-case letters, digits and hyphens, a letter first, at most 32."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    words = "-".join(part for part in kept.split("-") if part)
    return (words if words[:1].isalpha() else f"model-{words}")[:32].strip("-") or "model"
