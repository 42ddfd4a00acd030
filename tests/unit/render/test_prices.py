from __future__ import annotations

import csv
import json
from decimal import Decimal
from io import StringIO

import jsonschema
import pytest

from infercost.domain.price import PriceCatalog
from infercost.domain.price_report import (
    CheckedFinding,
    Impact,
    PriceChange,
    PriceCheck,
    PriceDiff,
    PriceList,
    PricePoint,
    PriceRow,
    Side,
)
from infercost.render import FORMATS, render
from infercost.store.artifacts import decode, schema

OLD = (
    PriceCatalog(provider="sagemaker", as_of="2026-09-22", age_days=63, source="AWS", derived=False),
    PriceCatalog(provider="vertex", as_of="2026-07-30", age_days=117, source="1.15 × Compute Engine", derived=True),
)
NEW = (PriceCatalog(provider="sagemaker", as_of="2026-11-20", age_days=4, source="AWS", derived=False), OLD[1])


def row(name, price, **changes) -> PriceRow:
    fields = {
        "provider": "sagemaker", "region": "us-east-1", "kind": "realtime", "name": name, "unit": "hour", "currency": "USD",
        "price": None if price is None else Decimal(price), "as_of": "2026-11-20", "source": "AWS Price List",
    }  # fmt: skip
    return PriceRow(**fields | changes)


def listing() -> PriceList:
    points = [PricePoint("2026-09-22", Decimal("1.408"), "a" * 64), PricePoint("2026-11-20", Decimal("1.30"), "b" * 64)]
    steady = [PricePoint("2026-09-22", Decimal("0.5"), "a" * 64), PricePoint("2026-11-20", Decimal("0.5"), "b" * 64)]
    return PriceList(
        price_catalogs=NEW,
        rows=(
            row("ml.g5.xlarge", "1.30", history=tuple(points)),
            row("ml.old.large", None, flag="N", note="no source has a price"),
            row("logs_ingest_gb", "0.5", region="*", kind="rate", unit="GB", from_quantity=Decimal(0), history=tuple(steady)),
            row("egress_internet_gb", "0.085", kind="rate", unit="GB", from_quantity=Decimal(10240)),
            row("ml.g5.xlarge", "0.9", kind="savings_plan", terms="1y, all upfront, realtime"),
        ),
        warnings=("an older snapshot is used",),
    )


def change(name, kind, old, new, relative=None, **changes) -> PriceChange:
    fields = {"provider": "sagemaker", "region": "us-east-1", "kind": "realtime", "unit": "hour"}
    return PriceChange(
        name=name, change=kind, old=old and Decimal(old), new=new and Decimal(new), relative=relative, **fields | changes
    )


def difference() -> PriceDiff:
    return PriceDiff(
        before=OLD,
        after=NEW,
        changes=(
            change("ml.new.large", "added", None, "0.2"),
            change("ml.odd.large", "added", None, None),
            change("ml.old.large", "removed", "0.3", None),
            change("ml.g5.xlarge", "changed", "1.408", "1.30", -0.0767),
            change("ml.c5.large", "changed", "0.1", "0.1000001", 0.000001),
            change("ml.gone.large", "unpriced", "0.4", None),
            change("ml.back.large", "priced", None, "0.4"),
            change(
                "egress_internet_gb", "changed", "0.09", "0.08", -0.111, region="*", unit="GB", from_quantity=Decimal(10240)
            ),
        ),
        impacts=(
            Impact(
                target="resnet50 at 50 requests/s",
                before=Side(provider="sagemaker", region="us-east-1", instance_type="ml.a", per_month=Decimal("100")),
                after=Side(provider="sagemaker", region="us-east-1", instance_type="ml.b", per_month=Decimal("110")),
                same_after=None,
                relative=0.1,
            ),
            Impact(target="nothing", before=None, after=None),
        ),
    )


def checked(outcome="fail") -> PriceCheck:
    findings = [CheckedFinding(provider="vertex", check="size order", subject="a/b", message="m", explained="it is so")]
    if outcome == "fail":
        findings.append(CheckedFinding(provider="sagemaker", check="price", subject="us-east-1/ml.x", message="0 USD an hour"))
    return PriceCheck(
        outcome=outcome, price_catalogs=NEW, checked={"sagemaker": 4132, "vertex": 4720}, findings=tuple(findings), warnings=()
    )


SAMPLES = {"listing": listing(), "diff": difference(), "check-fail": checked(), "check-pass": checked("pass")}
SUFFIXES = {"table": "txt", "json": "json", "markdown": "md", "csv": "csv"}


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_looks_as_it_did(golden, name, fmt):
    golden(f"prices-{name}.{SUFFIXES[fmt]}", render(SAMPLES[name], fmt, width=100))


@pytest.mark.parametrize("name", SAMPLES)
def test_json_follows_its_published_schema_and_reads_back(name):
    value = SAMPLES[name]
    text = render(value, "json")
    jsonschema.Draft202012Validator(schema(value.kind)).validate(json.loads(text))
    assert decode(text.encode(), type(value), "x") == value


@pytest.mark.parametrize("fmt", ["table", "markdown"])
def test_a_missing_price_is_said_and_is_never_a_figure(fmt):
    line = next(line for line in render(listing(), fmt, width=100).splitlines() if "ml.old.large" in line)
    assert "no price" in line
    assert "0.00" not in line
    assert "$" not in line


def test_a_missing_price_is_an_empty_cell_of_csv():
    rows = {r["name"]: r for r in csv.DictReader(StringIO(render(listing(), "csv")))}
    assert rows["ml.old.large"]["price"] == ""


def test_a_tiny_change_is_not_shown_as_none():
    line = next(line for line in render(difference(), "table", width=120).splitlines() if "ml.c5.large" in line)
    assert "+0.0001 %" in line


def test_long_lists_are_cut_and_say_so():
    assert "3 more: --top 5" in render(listing(), "table", width=100, top=2)
    assert "6 more" in render(difference(), "table", width=100, top=2)
    assert "more" not in render(listing(), "table", width=100, top=2, details=True)


@pytest.mark.parametrize("name", SAMPLES)
def test_tables_fit_80_columns(name):
    assert max(map(len, render(SAMPLES[name], "table", width=80).splitlines())) <= 80


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_price_is_cut_off(width):
    listed = render(listing(), "table", width=width)
    assert all(text in listed for text in ("$1.30", "no price", "$0.085", "GB from 10,240"))
    compared = render(difference(), "table", width=width)
    assert all(text in compared for text in ("$0.1000001", "$1.408", "+0.0001 %", "has a price now"))


@pytest.mark.parametrize("name", SAMPLES)
def test_markdown_has_no_dollar_signs(name):
    assert "$" not in render(SAMPLES[name], "markdown").replace("\\$", "")
