"""Prices are removed at random, and no output may show 0 or a neighbour's price in their place."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infercost import app
from infercost.app.prices import show_prices
from infercost.domain.rates import STANDARD_RATES
from infercost.registry import all_providers
from infercost.render import render
from infercost.store.pricebook import load_catalog
from infercost.store.snapshot_format import encode_snapshot
from infercost.store.snapshots import Source, keep

TODAY = date(2026, 11, 24)
PROFILE = app.load_profile(Path(__file__).parents[2] / "golden" / "profile.json")
REGIONS = ["us-east-1", "us-central1", "eastus"]
INSTANCES = ["ml.c5.*", "ml.m5.*", "ml.g5.*xlarge", "serverless-*", "c2-standard-*", "n2-standard-*", "Standard_F*s_v2"]


@cache
def market():
    """A slice of the shipped book, one region a cloud."""
    catalogs = [load_catalog(provider.catalog_package) for provider in all_providers()]
    asked = app.ask(rps=20, regions=REGIONS, instances=INSTANCES, catalogs=catalogs, today=TODAY)
    return asked.catalogs


OFFERS = [(o.provider, o.region, o.mode, o.instance_type) for c in market() for o in c.offers if o.price is not None]
RATES = sorted({(c.provider, r.item) for c in market() for r in c.rates if r.region in (*REGIONS, "*")})


def without(offers, rates):
    """The market less these prices; a blanked offer stays listed, a removed rate is gone."""

    def blank(offer):
        gone = (offer.provider, offer.region, offer.mode, offer.instance_type) in offers
        return replace(offer, price=None) if gone else offer

    return [
        replace(
            c,
            offers=tuple(blank(o) for o in c.offers),
            rates=tuple(r for r in c.rates if (c.provider, r.item) not in rates or r.region not in (*REGIONS, "*")),
        )
        for c in market()
    ]


INCLUDED = {"nat_hour": 730.0, "nat_gb": 5.0, "kms_requests_10k": 2.0}
"""Rates of some clouds and regions and not of others."""


def estimate(catalogs):
    return app.estimate(PROFILE, rps=20, slo="p99=2s", regions=REGIONS, catalogs=catalogs, today=TODAY, include=INCLUDED)


removals = given(
    st.sets(st.sampled_from(OFFERS), max_size=len(OFFERS)) | st.just(set(OFFERS)),
    st.sets(st.sampled_from(RATES), max_size=len(RATES)),
)
patient = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def charged():
    """Rate item by provider and cost line."""
    charges = {(provider.name, charge.name): charge.item for provider in all_providers() for charge in provider.charges}
    return charges | {(p.name, STANDARD_RATES[item].title): item for p in all_providers() for item in INCLUDED}


@patient
@removals
def test_no_output_invents_a_price(charged, offers, rates):
    catalogs = without(offers, rates)
    answered = estimate(catalogs)
    own = {(o.provider, o.region, o.mode, o.instance_type): o.price for c in catalogs for o in c.offers}
    known = {(c.provider, r.item): r.price for c in catalogs for r in c.rates if r.region in (*REGIONS, "*")}
    check_json(json.loads(render(answered, "json")), own, known, charged)
    check_csv(render(answered, "csv"), offers)
    for fmt in ("table", "markdown"):
        check_text(render(answered, fmt, width=240, top=1000), fmt, answered, offers)
    s = answered.summary
    assert s.offers == s.feasible + s.rejected + s.no_price
    assert s.no_price <= len(offers) + sum(o.price is None for c in market() for o in c.offers)


def check_json(document, own, known, charged):
    for c in document["candidates"]:
        price = own[c["provider"], c["region"], c["mode"], c["instance_type"]]
        assert price is not None
        assert Decimal(c["cost"]["per_month"]["likely"]) > 0
        for line in c["lines"]:
            if line["name"] == "compute":
                assert Decimal(line["price"]) == price
                continue
            if (c["provider"], charged[c["provider"], line["name"]]) in known:
                continue
            assert line["price"] is None
            assert line["monthly_cost"] is None
            assert line["source"] is None
            assert "no " in line["note"]
        priced = [Decimal(line["monthly_cost"]) for line in c["lines"] if line["monthly_cost"] is not None]
        assert sum(priced) == Decimal(c["cost"]["per_month"]["likely"])
        assert all(line["price"] is None or Decimal(line["price"]) > 0 for line in c["lines"])


def check_csv(text, offers):
    for row in csv.DictReader(StringIO(text)):
        assert (row["provider"], row["region"], row["mode"], row["instance_type"]) not in offers
        assert Decimal(row["per_month_likely"]) > 0


def check_text(text, fmt, answered, offers):
    ranked = {(c.provider, c.region, c.instance_type) for c in answered.candidates}
    for provider, region, _, instance in offers:
        if (provider, region, instance) in ranked:
            continue  # another mode of the same name
        cell = f"| {instance} |" if fmt == "markdown" else f"{instance} × "
        assert cell not in text
    if answered.candidates:
        for line in answered.candidates[0].lines:
            if line.price is None:
                shown = [row for row in text.splitlines() if re.match(rf"(\| |  ){re.escape(line.name)} ", row)]
                assert shown
                assert all("no price" in row for row in shown)


@patient
@removals
def test_a_gate_never_passes_on_what_it_does_not_know(offers, rates):
    answered = estimate(without(offers, rates))
    verdict = app.gate(answered, max_monthly="1000000")
    if not answered.candidates:
        assert verdict.outcome == "inconclusive" if answered.summary.no_price else verdict.outcome != "pass"
        return
    assert verdict.outcome in ("pass", "inconclusive")
    for fmt in ("table", "markdown", "csv"):
        text = render(verdict, fmt, width=240)
        assert not re.search(r"(\$|USD )0(\.0*)?\b(?!\.)", text)
    tight = app.gate(answered, max_monthly=answered.candidates[0].cost.per_month.likely)
    gaps = [line for line in answered.candidates[0].lines if line.monthly_cost is None]
    assert not (gaps and tight.outcome == "pass")


SAGEMAKER = load_catalog("infercost.providers.sagemaker", every_mode=True)
LISTED = [
    (o.kind, o.instance_type) for o in SAGEMAKER.offers if o.region == "us-east-1" and o.instance_type.startswith("ml.m5.")
]


@patient
@given(st.sets(st.sampled_from(LISTED), min_size=1, max_size=5))
def test_prices_show_says_what_is_missing(tmp_path_factory, gone):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("book")
        patch.setenv("INFERCOST_CACHE_DIR", str(folder))
        patch.chdir(folder)
        offers = tuple(
            replace(o, price=None) if (o.kind, o.instance_type) in gone else o
            for o in SAGEMAKER.offers
            if o.region == "us-east-1"
        )
        here = {"us-east-1": SAGEMAKER.regions["us-east-1"]}
        rates = tuple(r for r in SAGEMAKER.rates if r.region == "us-east-1")
        catalog = replace(SAGEMAKER, as_of="2026-11-20", offers=offers, regions=here, rates=rates)
        keep(Source("sagemaker", "infercost.providers.sagemaker"), encode_snapshot(catalog))
        for kind, instance in gone:
            found = show_prices(providers=["sagemaker"], names=[instance], kinds=[kind], today=TODAY)
            assert [row.price for row in found.rows] == [None]
            assert "no price" in render(found, "table", width=120)
            assert [row["price"] for row in csv.DictReader(StringIO(render(found, "csv")))] == [""]
            assert json.loads(render(found, "json"))["rows"][0]["price"] is None


def test_with_every_price_gone_the_answer_is_inconclusive():
    answered = estimate(without(set(OFFERS), set(RATES)))
    assert answered.candidates == ()
    assert answered.summary.no_price > 0
    assert app.gate(answered, max_monthly=1).outcome == "inconclusive"


def test_the_market_is_one_where_it_matters():
    answered = estimate(list(market()))
    assert {c.provider for c in answered.candidates} == {provider.name for provider in all_providers()}
    assert answered.summary.feasible > 20
    assert len(RATES) > 8
