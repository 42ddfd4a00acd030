from __future__ import annotations

from dataclasses import replace

import pytest

from infercost.domain.model import Inspection, OperatorFacts
from infercost.render import render


@pytest.mark.parametrize("width", [80, 120])
def test_estimate_tables_look_as_they_did(named_estimate, golden, width):
    name, estimate = named_estimate
    golden(f"estimate-{name}-{width}.txt", render(estimate, "table", width=width))


def test_markdown_of_an_estimate_looks_as_it_did(named_estimate, golden):
    name, estimate = named_estimate
    golden(f"estimate-{name}.md", render(estimate, "markdown"))


@pytest.mark.parametrize("name", ["ties", "serverless", "unpriced", "infeasible"])
@pytest.mark.parametrize("fmt", ["csv", "json"])
def test_data_of_an_estimate_looks_as_it_did(estimates, golden, name, fmt):
    golden(f"estimate-{name}.{fmt}", render(estimates[name], fmt))


def test_details_look_as_they_did(estimates, golden):
    golden("estimate-ties-details-120.txt", render(estimates["ties"], "table", width=120, details=True))


@pytest.mark.parametrize("width", [80, 120])
def test_profile_tables_look_as_they_did(profile, golden, width):
    golden(f"profile-{width}.txt", render(profile, "table", width=width))


@pytest.mark.parametrize(("fmt", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json")])
def test_other_formats_of_a_profile_look_as_they_did(profile, golden, fmt, suffix):
    golden(f"profile.{suffix}", render(profile, fmt))


@pytest.mark.parametrize("width", [80, 120])
def test_verdict_tables_look_as_they_did(named_verdict, golden, width):
    name, verdict = named_verdict
    golden(f"verdict-{name}-{width}.txt", render(verdict, "table", width=width))


@pytest.mark.parametrize(("fmt", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json")])
def test_other_formats_of_a_verdict_look_as_they_did(named_verdict, golden, fmt, suffix):
    name, verdict = named_verdict
    golden(f"verdict-{name}.{suffix}", render(verdict, fmt))


@pytest.mark.parametrize(("fmt", "suffix"), [("table", "txt"), ("markdown", "md"), ("csv", "csv"), ("json", "json")])
def test_an_inspection_looks_as_it_did(profile, golden, fmt, suffix):
    operators = (
        OperatorFacts(op_type="Conv", count=53, flops=8_100_000_000, bytes=310_000_000, weight_bytes=102_000_000),
        OperatorFacts(op_type="NonMaxSuppression", count=1, flops=None, bytes=None),
    )
    facts = replace(profile.model, operators=operators, bound_dims={"batch": 1})
    value = Inspection(infercost_version="0.1.0", model=facts)
    golden(f"inspection.{suffix}", render(value, fmt, width=80))
