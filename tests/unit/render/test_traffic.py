from __future__ import annotations

import csv
import json

import pytest

from infercost.domain.workload import TrafficReport
from infercost.render import render
from infercost.store.artifacts import decode

REPORT = TrafficReport(
    source="week.csv, scaled 10 times",
    start="2026-08-03T00:00:00Z",
    duration_s=7 * 86400.0,
    requests=12_345_678.0,
    mean_rps=20.4127,
    peak_rps=61.5,
    peak_at_s=223_200.0,
    resolution="counts of 1 second",
    burstiness="each second's count as recorded, Poisson within it; index of dispersion 1.84 at one second (measured)",
    dispersion=1.84,
    dispersion_overall=25.9,
    work="short 80 % of requests, 0.5 times the mean work, long 20 % of requests, 3 times the mean work",
    stretch_s=7200.0,
    rps=tuple(abs(i % 12 - 6) * 10.0 for i in range(84)),
    notes=("8 of 604,800 bins are missing, the first at 2026-08-04T11:34:00Z: filled with zeros",),
)


@pytest.mark.parametrize("width", [80, 120])
def test_table(golden, width):
    text = render(REPORT, "table", width=width)
    golden(f"traffic-{width}.txt", text)
    assert max(map(len, text.splitlines())) <= width


def test_markdown(golden):
    golden("traffic.md", render(REPORT, "markdown"))


def test_csv_has_every_stretch():
    rows = list(csv.DictReader(render(REPORT, "csv").splitlines()))
    assert [float(row["rps"]) for row in rows] == list(REPORT.rps)
    assert rows[1]["at_s"] == "7200.0"


def test_json_can_be_read_again():
    text = render(REPORT, "json")
    assert json.loads(text)["kind"] == "traffic"
    assert decode(text.encode(), TrafficReport, "traffic.json") == REPORT


def test_nothing_is_left_out_where_there_is_little():
    little = TrafficReport(
        source="t.csv", duration_s=60.0, requests=0.0, mean_rps=0.0, peak_rps=0.0, peak_at_s=0.0, resolution="single requests",
        burstiness="single requests as recorded", dispersion=None, dispersion_overall=None, stretch_s=60.0, rps=(0.0,),
    )  # fmt: skip
    text = render(little, "table", width=80)
    assert "#" not in text
    assert "Dispersion" not in text
    assert "1 minute" in text


def test_hostile_text_is_cleaned():
    from dataclasses import replace

    hostile = replace(REPORT, source="a\x1b[31m.csv", notes=("b\nc",))
    assert "\x1b" not in render(hostile, "table", width=80)
    assert "\x1b" not in render(hostile, "markdown")
