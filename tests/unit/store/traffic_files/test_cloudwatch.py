from __future__ import annotations

import json

import pytest

from infercost.domain.errors import TrafficError, UsageError
from infercost.store.traffic_files import cloudwatch


def point(minute: int, unit: str = "Count", **values: float) -> dict:
    return {"Timestamp": f"2026-02-03T00:{minute:02d}:00+00:00", **values, "Unit": unit}


def statistics(*points: dict, label: str = "Invocations") -> str:
    return json.dumps({"Label": label, "Datapoints": list(points)})


def data(**more) -> str:
    result = {
        "Id": "m1",
        "Label": "Invocations",
        "Timestamps": ["2026-02-03T00:02:00+00:00", "2026-02-03T00:01:00+00:00"],
        "Values": [7.0, 5.0],
        "StatusCode": "Complete",
    }
    return json.dumps({"MetricDataResults": [result | more], "Messages": []})


def test_statistics_come_in_no_order_and_without_empty_periods(read):
    trace = read(statistics(point(6, Sum=3.0), point(0, Sum=1445.0), point(1, Sum=2.0)), "m.json")
    assert trace.counts.tolist() == [1445, 2, 0, 0, 0, 0, 3]
    assert (trace.bin_s, trace.start) == (60, "2026-02-03T00:00:00Z")
    assert trace.notes[0] == "counts are the Sum of Invocations"
    assert "4 of 7 bins are missing" in trace.notes[1]


def test_of_a_latency_the_samples_are_counted(read):
    points = [point(m, "Microseconds", Sum=9e6, SampleCount=30.0 + m) for m in range(2)]
    assert read(statistics(*points, label="ModelLatency"), "m.json").counts.tolist() == [30, 31]
    assert read(statistics(*points), "m.json", count="sum").counts.tolist() == [9e6, 9e6]


def test_metric_data(read):
    trace = read(data(), "m.json")
    assert (trace.counts.tolist(), trace.start) == ([5, 7], "2026-02-03T00:01:00Z")
    assert "taken as its Sum" in trace.notes[0]


def test_a_page_of_metric_data_is_said_to_be_one(read):
    trace = read(data(StatusCode="PartialData"), "m.json")
    assert "NextToken" in trace.notes[1]


def test_of_several_metrics_one_is_chosen(read):
    found = json.loads(data())
    found["MetricDataResults"].append(found["MetricDataResults"][0] | {"Id": "m2", "Label": "Errors", "Values": [1, 0]})
    with pytest.raises(TrafficError, match="has m1 and m2; choose the one that counts requests: --traffic-column count=m1"):
        read(json.dumps(found), "m.json")
    assert read(json.dumps(found), "m.json", count="Errors").counts.tolist() == [0, 1]
    with pytest.raises(UsageError, match=r"unknown metric of m\.json 'm3'"):
        read(json.dumps(found), "m.json", count="m3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON that can be read"),
        ("[1, 2]", "JSON, but no CloudWatch export; convert it to a CSV"),
        (statistics(), "has no datapoints; check the dimensions"),
        (statistics(point(0, Average=3.0)), "holds Average, which is no number of requests; export one: aws cloudwatch"),
        (statistics(point(0, "Percent", Sum=3.0)), "holds Sum in Percent, which is no number"),
        (statistics(point(0, Sum=3.0), point(1, Average=1.0)), "datapoint 2 has no Sum"),
        (statistics(point(0, Sum=3.0)), "a single bin, whose length it does not say"),
        (statistics(point(0, Sum=3.0), point(0, Sum=4.0)), "datapoint 2: the bin of the line above is there again"),
        (statistics(point(0, Sum=-3.0), point(1, Sum=1.0)), "datapoint 1 is negative"),
        (statistics(point(0, Sum=3.0), {"Timestamp": "soon", "Sum": 3}), "datapoint 2 has no time that can be read"),
        (data(Values=[1.5, 2.0]), "values of Invocations are not whole, so they are no counts; export it with Stat: Sum"),
        (data(Values=[], Timestamps=[]), "Invocations has no datapoints"),
        (json.dumps({"MetricDataResults": []}), "has no results"),
    ],
)
def test_refusals(read, text, message):
    with pytest.raises(TrafficError, match=message):
        read(text, "m.json")


def test_an_unknown_statistic(read):
    with pytest.raises(UsageError, match=r"unknown statistic of m\.json 'Summ'; did you mean Sum"):
        read(statistics(point(0, Sum=3.0)), "m.json", count="Summ")


def test_json_of_any_size_is_not_swallowed(read, monkeypatch):
    monkeypatch.setattr(cloudwatch, "_MOST_BYTES", 100)
    with pytest.raises(TrafficError, match="no CloudWatch export; convert it to CSV"):
        read(data(), "m.json")


CONSOLE = """\
Full label,Invocations,Errors
Label,Invocations,Errors
Metric name,Invocations,4XXErrors
Period,300,300
Statistic,{statistic},Sum
2026/02/03 00:00:00,5,0
2026/02/03 00:05:00,7,
2026/02/03 00:10:00,,1
"""


def test_lines_of_labels_above_the_columns(read):
    trace = read(CONSOLE.format(statistic="Sum"), count="Invocations")
    assert (trace.counts.tolist(), trace.bin_s) == ([5, 7, 0], 300)
    assert "1 empty cells are taken as 0" in trace.notes


def test_an_average_is_no_count(read):
    with pytest.raises(
        TrafficError, match=r"Invocations is the Average of a metric, which is no number of requests; export its Sum"
    ):
        read(CONSOLE.format(statistic="Average"), count="Invocations")


def test_which_of_two_metrics_must_be_said(read):
    more = "".join(f"2026/02/03 00:{minute}:00,1,1\n" for minute in range(15, 60, 5))
    with pytest.raises(TrafficError, match="say which column counts requests: --traffic-column count=Load"):
        read((CONSOLE + more).format(statistic="Sum").replace("Invocations", "Load"))
