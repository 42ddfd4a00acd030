from __future__ import annotations

import numpy as np
import pytest

import infercost
from infercost.app.traffic import describe_traffic, load_traffic, parse_columns
from infercost.domain.errors import TrafficError, UnknownNameError, UsageError
from infercost.domain.workload import TrafficColumns

HOURS = "time,requests\n" + "".join(f"2026-08-{3 + h // 24:02d}T{h % 24:02d}:00Z,{3600 * (1 + h % 24)}\n" for h in range(48))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(HOURS)
    return tmp_path


def test_it_is_public():
    assert infercost.load_traffic is load_traffic


def test_a_file_or_a_shape(folder):
    assert load_traffic("t.csv").requests == load_traffic(folder / "t.csv").requests == 3600 * 2 * 300
    assert load_traffic("diurnal:peak=200,trough=10").requests == pytest.approx(105 * 86400)
    (folder / "poisson").write_text(HOURS)
    assert load_traffic("poisson").duration_s == 172800
    (folder / "a:b").write_text(HOURS)
    assert load_traffic("a:b").duration_s == 172800


def test_everything_at_once_in_its_order(folder):
    load = load_traffic(
        "t.csv", clip="2h..26h", repeat=2, peak_rps="480rps", burstiness="2@20s", classes="short=80%x0.5,long=20%x3"
    )
    assert load.source == "t.csv, 2 h to 26 h, 2 times over, scaled 20 times"
    assert (load.duration_s, load.peak_rps, load.dispersion) == (172800, pytest.approx(480), 2)
    assert load.burstiness == "index of dispersion 2 at one second (given), in bursts of 20 s; each hour's count kept"
    assert load.starts_at == "2026-08-03T02:00:00Z"
    assert set(load.work(np.random.default_rng(0), 50).round(6).tolist()) == {0.5, 3.0}


@pytest.mark.parametrize(
    ("options", "requests", "duration_s"),
    [
        ({"scale": 10}, 21_600_000, 172800),
        ({"scale": "10x"}, 21_600_000, 172800),
        ({"scale": "50%"}, 1_080_000, 172800),
        ({"peak_rps": 12.0}, 1_080_000, 172800),
        ({"clip": (0, 7200)}, 3600 * 3, 7200),
        ({"clip": "..2h"}, 3600 * 3, 7200),
        ({"clip": "46h.."}, 3600 * 47, 7200),
        ({"repeat": 3}, 6_480_000, 3 * 172800),
        ({"columns": {"count": "none"}}, 48, None),
        ({"columns": ["time=time", "count=requests,bin=2h"]}, None, None),
    ],
)
def test_each_option(folder, options, requests, duration_s):
    if requests is None:
        with pytest.raises(TrafficError, match="not on the grid of 7200 s"):
            load_traffic("t.csv", **options)
        return
    load = load_traffic("t.csv", **options)
    assert load.requests == pytest.approx(requests)
    if duration_s:
        assert load.duration_s == duration_s


def test_traffic_may_be_changed_again(folder):
    load = load_traffic("t.csv")
    assert load_traffic(load) is load
    assert load_traffic(load, scale=2).requests == 2 * load.requests


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("t.csv", {"scale": 2, "peak_rps": 5}, "one of --scale and --peak"),
        ("t.csv", {"scale": "much"}, "cannot read the factor 'much'; write it like --scale 10x"),
        ("t.csv", {"peak_rps": "high"}, "write it like --peak 500rps"),
        ("t.csv", {"clip": "2h-3h"}, "cannot read the clip '2h-3h'; write it like --clip 2h..26h"),
        ("t.csv", {"clip": "later..3h"}, "cannot read the time 'later'"),
        ("t.csv", {"burstiness": "very"}, "cannot read the burstiness 'very'; write it like --burstiness 2"),
        ("t.csv", {"burstiness": "2@soon"}, "cannot read the time 'soon'"),
        ("t.csv", {"classes": "short"}, "cannot read the request class 'short'"),
        ("t.csv", {"columns": "time"}, "cannot read the traffic column 'time'"),
        ("t.csv", {"columns": "tme=a"}, "unknown traffic column 'tme'; did you mean time"),
        ("t.csv", {"columns": "time=a,time=b"}, "has time twice"),
        ("t.csv", {"columns": "unit=days"}, "must be s, ms, us or ns, got 'days'"),
        ("t.csv", {"columns": "bin=0"}, "longer than 0 seconds"),
        ("t.csv", {"columns": {"time": "when"}}, "unknown column of t.csv 'when'"),
        ("diurnel:peak=3", {}, "unknown traffic shape 'diurnel'; did you mean diurnal"),
        ("diurnal", {}, "needs its figures; write it like diurnal:peak=200"),
        ("50rps", {}, "'50rps' is no traffic; for a steady rate write poisson:rps=50"),
        ("no.csv", {}, "there is no such file; check the path, or give a shape"),
        ("no/such:name/t.csv", {}, "there is no such file"),
    ],
)
def test_refusals(folder, source, options, message):
    with pytest.raises(UsageError, match=message):
        load_traffic(source, **options)


def test_columns():
    assert parse_columns(None) == TrafficColumns()
    said = parse_columns(["time=a b,count=n", "unit=ms", "bin=5m", "work=x+y"])
    assert said == TrafficColumns(time="a b", count="n", work="x+y", unit="ms", bin_s=300.0)
    assert parse_columns(said) is said
    with pytest.raises(UnknownNameError):
        parse_columns({"name": "x"})


def test_a_report(folder):
    report = describe_traffic(load_traffic("t.csv", classes="a=1x1,b=1x3"))
    assert (report.resolution, report.peak_at_s, report.peak_rps) == ("counts of 1 h", 23 * 3600, 24)
    assert report.stretch_s == 3600
    assert report.rps == pytest.approx([1 + h % 24 for h in range(48)])
    assert report.work.startswith("a 50 % of requests, 0.5 times the mean work")
    assert (report.dispersion, report.dispersion_overall) == (1, None)


@pytest.mark.parametrize("text", ["poisson:5,for=0.5", "poisson:5,for=100s", "poisson:5,for=366d", "weekly:5,1"])
def test_a_report_of_any_length_has_about_a_hundred_stretches(text):
    load = load_traffic(text)
    report = describe_traffic(load)
    assert 1 <= len(report.rps) <= 96
    widths = [min(report.stretch_s, load.duration_s - i * report.stretch_s) for i in range(len(report.rps))]
    assert sum(r * w for r, w in zip(report.rps, widths, strict=True)) == pytest.approx(load.requests)


def test_a_report_of_recorded_sizes(folder):
    (folder / "r.csv").write_text("t,size\n0.5,1\n70.5,3\n")
    report = describe_traffic(load_traffic("r.csv", columns="work=size"))
    assert report.resolution == "single requests"
    assert report.work == "as recorded, relative to the mean; coefficient of variation 0.5, at most 1.5"
    assert describe_traffic(load_traffic("poisson:5")).resolution == "rates of the shape"
