"""The batch mode at one level: the day's requests by one job, by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Final

from infercost.domain.estimate import Band
from infercost.engine.modes.levels import DAY_S
from infercost.engine.planner.bill import Shares, bill, month_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infercost.engine.planner.bill import MonthlyBill
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Place, Site

__all__ = ["MORNING_S", "Job", "JobRules", "PricedJob", "cheapest_job", "job_of"]

MORNING_S: Final = 8 * 3600.0
"""A night: what a job of the day's requests may take."""
_P99_OF_A_DAY: Final = 0.99 * DAY_S
"""A request waits for the end of its day; one in a hundred came in its first minutes and waits longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRules:
    """How a cloud runs and bills a job."""

    start_s: float
    """From asking for an instance to its readiness, without loading the model."""
    load_s: float
    granularity_s: float
    minimum_s: float
    bills_start: bool
    most_instances: int


@dataclass(frozen=True, slots=True)
class Job:
    """One day's requests, done on some instances at once."""

    instances: int
    work_s: float
    """Of each instance, with every batch full."""
    billed_s: float
    """Of each instance."""
    duration_s: float
    """From the job's request to its last answer."""

    @property
    def replicas(self) -> float:
        """Instances in the mean over the day, billed."""
        return self.instances * self.billed_s / DAY_S


def job_of(requests: float, per_instance_rps: float, rules: JobRules) -> Job | None:
    """The job on as few instances as are done in a night; None where the cloud allows too few.

    Args:
        requests: of a day.
        per_instance_rps: requests a second that one instance does with every batch full.
        rules: of the cloud.
    """
    total_s = requests / per_instance_rps
    room_s = MORNING_S - rules.start_s - rules.load_s
    instances = max(ceil(total_s / room_s - 1e-9), 1) if room_s > 0 else rules.most_instances + 1
    if instances > rules.most_instances:
        return None
    work_s = total_s / instances
    duration_s = rules.start_s + rules.load_s + work_s
    counted = duration_s if rules.bills_start else rules.load_s + work_s
    billed_s = max(ceil(round(counted / rules.granularity_s, 6)) * rules.granularity_s, rules.minimum_s)
    return Job(instances, work_s, billed_s, duration_s)


@dataclass(frozen=True, slots=True)
class PricedJob:
    """The cheapest job of a cloud, with its bill."""

    setting: Setting
    place: Place
    job: Job
    bill: MonthlyBill
    month: Band

    @property
    def latency_p99_s(self) -> float:
        """From a request's arrival to its answer, when each day's requests are done after its end."""
        return _P99_OF_A_DAY + self.job.duration_s


def cheapest_job(
    requests: float, settings: Iterable[Setting], site_of: Mapping[Key, Site], rules: JobRules
) -> PricedJob | None:
    """The cheapest way to do a day's requests in a night; None where the cloud allows no job so large.

    Args:
        requests: of a day.
        settings: serving configurations of one cloud.
        site_of: prices of the batch mode.
        rules: of the cloud.
    """
    best: tuple[float, tuple[object, ...], Setting, Job] | None = None
    for setting in settings:
        site = site_of.get((setting.provider, setting.instance_type))
        job = None if site is None else job_of(requests, setting.capacity_rps, rules)
        if site is None or job is None:
            continue
        found = (site.monthly(job.replicas), setting.name, setting, job)
        if best is None or found[:2] < best[:2]:
            best = found
    if best is None:
        return None
    _, _, setting, job = best
    place = site_of[setting.provider, setting.instance_type].cheapest(job.replicas)
    made = bill(place, _shares(job, rules), setting.provenance, _words(job))
    return PricedJob(setting, place, job, made, _band(requests, setting, place, made, rules))


def _shares(job: Job, rules: JobRules) -> Shares:
    starting = rules.start_s if rules.bills_start else 0.0
    day = job.instances / DAY_S
    return Shares(billed=job.replicas, busy=job.work_s * day, starting=min(starting, job.billed_s - job.work_s) * day)


def _words(job: Job) -> str:
    many = "1 instance" if job.instances == 1 else f"{job.instances} instances"
    return f"a job a day on {many}, {job.billed_s:,.0f} s billed of each, the part that was work"


def _band(requests: float, setting: Setting, place: Place, made: MonthlyBill, rules: JobRules) -> Band:
    """The same with work as much shorter and longer as the prediction may be off; at the lower end without the start."""
    from dataclasses import replace

    factor = 1 + setting.band
    fast = job_of(requests, setting.capacity_rps * factor, replace(rules, bills_start=False))
    slow = job_of(requests, setting.capacity_rps / factor, rules)
    low = made.cost if fast is None else min(month_of(place, fast.replicas)[0], made.cost)
    if slow is None:
        return Band(low, made.cost, None)
    known, missing = month_of(place, slow.replicas)
    return Band(low, made.cost, None if missing is None else max(known + missing, made.cost, Decimal(0)))
