"""What ``plan`` and ``modes`` share: from a target and traffic to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infercost.domain.capacity import CapacityPlan
    from infercost.domain.project import Target
    from infercost.engine.workload import Workload


def require(traffic: str | None) -> str:
    """The traffic that was given.

    Raises:
        UsageError: none was.
    """
    if traffic is None or not traffic.strip():
        raise UsageError(
            "--traffic is missing: a file of times or counts, an access log, or a shape such as "
            "--traffic diurnal:peak=200,trough=10"
        )
    return traffic


def check(workload: Workload) -> None:
    """Refuse traffic that cannot be planned for, before options are read against its rate.

    Raises:
        TrafficError: see :func:`infercost.plan`.
    """
    from infercost.app.planning import check_traffic

    check_traffic(workload)


def check_name(name: str) -> None:
    """Refuse an endpoint's name that no cloud takes, before slow work is done for it.

    Raises:
        UsageError: see :func:`infercost.endpoint_of`.
    """
    from infercost.app.planning import check_name as check

    check(name)


def run(
    target: Target,
    workload: Workload,
    money: Mapping[str, Any],
    measuring: Mapping[str, Any],
    *,
    seed: int,
    top: int,
    explain: int,
    quiet: bool,
) -> CapacityPlan:
    """Check every option before anything slow begins, then profile if needed, then search."""
    from infercost.app.planning import answer_plan
    from infercost.cli._estimating import prepare
    from infercost.cli._output import spinner

    question, measured = prepare(target, money, measuring, quiet=quiet)
    with spinner("simulating", quiet=quiet):
        return answer_plan(question, measured, workload, seed=seed, top=top, explain=explain)


def failure(found: CapacityPlan) -> tuple[int, str]:
    """Exit code and one line that says why there is no policy."""
    if not found.rejected:
        return 4, "inconclusive: none of the offers has a price; try another --region"
    return 3, (
        f"not met: none of {len(found.rejected)} offers serves this traffic within the SLO; "
        "relax --slo, or make the model faster"
    )
