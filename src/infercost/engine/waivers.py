"""Breaches that someone answers for: a pass that says so, until the waiver expires."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infercost.domain.verdict import SEVERITY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from infercost.domain.verdict import Check, Verdict, Waiver

__all__ = ["waive"]


def waive(verdict: Verdict, waivers: Sequence[Waiver], today: date) -> Verdict:
    """The verdict with its breaches waived where a waiver holds; an expired waiver is told and changes nothing.

    Only a breach can be waived: what is inconclusive is not known, and a waiver does not make it so.
    """
    day = today.isoformat()
    holding = {waiver.check: waiver for waiver in waivers if waiver.until >= day}
    expired = {waiver.check: waiver for waiver in waivers if waiver.until < day and waiver.check not in holding}
    checks = tuple(_waived(check, holding.get(check.name), expired.get(check.name)) for check in verdict.checks)
    told = tuple(
        f"{_name(waiver)} of {waiver.check} expired on {waiver.until}; fix it or renew it" for waiver in expired.values()
    )
    return replace(
        verdict,
        checks=checks,
        outcome=max((check.outcome for check in checks), key=SEVERITY.__getitem__, default=verdict.outcome),
        warnings=(*verdict.warnings, *told),
    )


def _waived(check: Check, holding: Waiver | None, expired: Waiver | None) -> Check:
    if check.outcome != "breach":
        return check
    if holding is not None:
        why = f" ({holding.reason})" if holding.reason else ""
        reason = f"waived until {holding.until} by {holding.owner}{why}: {check.reason}"
        return replace(check, outcome="pass", reason=reason, waiver=holding)
    if expired is not None:
        return replace(check, reason=f"{check.reason}; {_name(expired)} expired on {expired.until}")
    return check


def _name(waiver: Waiver) -> str:
    return f"the waiver by {waiver.owner}"
