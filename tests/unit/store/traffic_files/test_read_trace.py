from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infercost.domain.errors import TrafficError, UsageError
from infercost.store.traffic_files import counting, read_trace

COUNTS = "minute_utc,requests,filled\n2026-08-03T00:00,10,0\n2026-08-03T00:01,12,0\n2026-08-03T00:02,0,1\n"

LOOSE = """\
# exported

timestamp , requests
 2026-01-01 00:00:00 UTC , 5\t

2026-01-01 00:01:00 UTC,6
"""
LLM = "t_s,context_tokens,generated_tokens\n0.000000,374,44\n4.314579,396,109\n4.541877,879,55\n"
AZURE = "TIMESTAMP,Tokens\n2026-11-16 18:15:46.6805900,3\n2026-11-16 18:15:50.9951690,4\n"


@pytest.mark.parametrize(
    ("text", "start", "bin_s", "counts"),
    [
        (COUNTS, "2026-08-03T00:00:00Z", 60, [10, 12, 0]),
        ("second,requests\n0,48\n1,52\n2,0\n3,7\n", None, 1, [48, 52, 0, 7]),
        ("timestamp,value\n2026-04-10 00:04:00,94.0\n2026-04-10 00:09:00,56.0\n", "2026-04-10T00:04:00Z", 300, [94, 56]),
        ("timestamp,value\n2026-07-01 00:00:00,10844\n2026-07-01 00:30:00,8127\n", "2026-07-01T00:00:00Z", 1800, [10844, 8127]),
        ("minute,requests\n0,5\n1,6\n", None, 60, [5, 6]),
        ("Time;Requests\n2026/07/01 00:00;3\n2026/07/01 00:01;4\n", "2026-07-01T00:00:00Z", 60, [3, 4]),
        ("ts\tcount\n1767225600\t3\n1767225601\t4\n", "2026-01-01T00:00:00Z", 1, [3, 4]),
        ("ts|count\n1767225600000|3\n1767225660000|4\n", "2026-01-01T00:00:00Z", 60, [3, 4]),
        ("time,rps\n2026-01-01T00:00:00Z,2.5\n2026-01-01T00:01:00Z,1\n", "2026-01-01T00:00:00Z", 60, [150, 60]),
        ("time,rpm\n2026-01-01T00:00:00+02:00,60\n2026-01-01T00:05:00+02:00,12\n", "2025-12-31T22:00:00Z", 300, [300, 60]),
        (LOOSE, "2026-01-01T00:00:00Z", 60, [5, 6]),
    ],
)  # fmt: skip
def test_counts(read, text, start, bin_s, counts):
    trace = read(text)
    assert (trace.start, trace.bin_s, trace.counts.tolist()) == (start, bin_s, counts)
    assert trace.duration_s == bin_s * len(counts)
    assert trace.times_s is None
    assert trace.source == "t.csv"


@pytest.mark.parametrize(
    ("text", "start", "times"),
    [
        (LLM, None, [0, 4.314579, 4.541877]),
        ("start_s,duration_s,function\n0.0015,0.0780,f000\n0.0039,57.1540,f001\n", None, [0.0015, 0.0039]),
        ("timestamp\n2026-01-01T00:00:00.250Z\n2026-01-01T00:00:01.750Z\n", "2026-01-01T00:00:00Z", [0.25, 1.75]),
        (AZURE, "2026-11-16T18:15:46Z", [0.68059, 4.995169]),
        ("ts\n1767225600.5\n1767225600.75\n", "2026-01-01T00:00:00Z", [0.5, 0.75]),
        ("ts_ms\n1767225600500\n1767225600750\n", "2026-01-01T00:00:00Z", [0.5, 0.75]),
        ("ts\n1767225600500000\n1767225600750000\n", "2026-01-01T00:00:00Z", [0.5, 0.75]),
        ("ts\n1767225600500000000\n1767225600750000000\n", "2026-01-01T00:00:00Z", [0.5, 0.75]),
        ("arrival_time_ms\n1500\n2250\n", None, [0.5, 1.25]),
        ("0.25\n1.5\n", None, [0.25, 1.5]),
    ],
)  # fmt: skip
def test_single_requests(read, text, start, times):
    trace = read(text)
    assert trace.start == start
    assert trace.times_s == pytest.approx(times, abs=1e-6)
    assert trace.duration_s == int(max(times)) + 1
    assert trace.counts is None


def test_naive_times_are_taken_as_utc_and_it_is_said(read):
    assert read("minute_local,requests\n2026-01-01T00:00,1\n2026-01-01T00:01,1\n").notes == (
        "the times have no zone and are taken as UTC, although the column's name says local",
    )
    assert read("time,requests\n2026-01-01T00:00,1\n2026-01-01T00:01,1\n").notes == (
        "the times have no zone and are taken as UTC",
    )
    assert read(COUNTS).notes == ()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_read_as_they_are(read, pack):
    assert read(pack(COUNTS.encode()), "t.csv.gz").counts.tolist() == [10, 12, 0]


def test_a_byte_order_mark_is_no_part_of_a_name(read):
    assert read("\ufeff" + COUNTS).counts.tolist() == [10, 12, 0]


def test_other_encodings_do_not_matter_outside_the_columns_used(read):
    assert read(b"time,city,requests\n2026-01-01T00:00Z,Z\xfcrich,4\n2026-01-01T00:01Z,Gen\xe8ve,5\n").counts.tolist() == [4, 5]


def test_gaps_are_filled_with_zeros_and_said(read):
    trace = read("time,requests\n2026-01-01T00:00Z,4\n2026-01-01T00:01Z,5\n2026-01-01T00:04Z,6\n")
    assert trace.counts.tolist() == [4, 5, 0, 0, 6]
    assert trace.notes == ("2 of 5 bins are missing, the first at 2026-01-01T00:02:00Z: filled with zeros",)


def test_the_newest_bin_may_come_first(read):
    trace = read("second,requests\n3,7\n2,6\n0,5\n")
    assert trace.counts.tolist() == [5, 0, 6, 7]
    assert trace.notes[0] == "the newest bin came first: reversed"


def test_requests_out_of_order_are_sorted_with_their_work_and_it_is_said(read):
    trace = read("t,size\n0.5,1\n2.5,4\n1.5,1\n", work="size")
    assert trace.times_s.tolist() == [0.5, 1.5, 2.5]
    assert trace.work.tolist() == [0.5, 0.5, 2.0]
    assert trace.notes == ("1 rows were earlier than the one before: sorted",)


def test_columns_can_be_chosen_and_added(read):
    trace = read("when,a,b\n0.5,1,2\n1.5,3,4\n", time="when", work="a+b")
    assert trace.work.tolist() == [0.6, 1.4]
    assert read("x,y\n0,5\n1,6\n", time="x", count="Y").counts.tolist() == [5, 6]
    assert read("0 5\n1 6\n2 8\n", time="1", count="2").counts.tolist() == [5, 6, 8]
    assert read("requests\n5\n6\n", bin_s=60.0).counts.tolist() == [5, 6]
    assert read("time,requests\n0.5,9\n1.75,9\n", count="none").times_s.tolist() == [0.5, 1.75]
    assert read("time,requests\n0,9\n", bin_s=300.0).bin_s == 300
    assert read("t,requests\n0,9\n60000,8\n", unit="ms").bin_s == 60


def test_a_size_that_is_not_used_is_offered(read):
    (note,) = read("t_s,context_tokens,generated_tokens\n0.5,374,44\n4.3,396,109\n").notes
    assert "--traffic-column work=generated_tokens" in note


def test_whole_seconds_and_minutes_are_counts_not_crowds(read):
    trace = read("t\n3\n3\n5\n")
    assert (trace.counts.tolist(), trace.bin_s) == ([2, 0, 1], 1)
    assert trace.notes == (
        "the times are whole seconds: requests are spread at random within theirs",
        "the first request is at 3 s; time is counted from there",
    )
    trace = read("time\n2026-01-01T00:03Z\n2026-01-01T00:05Z\n2026-01-01T00:05Z\n")
    assert (trace.counts.tolist(), trace.bin_s, trace.start) == ([1, 0, 2], 60, "2026-01-01T00:03:00Z")


def test_more_requests_than_are_kept_are_counted_by_the_second(read, monkeypatch):
    monkeypatch.setattr(counting, "MAX_TIMES", 3)
    monkeypatch.setattr(counting, "_MAX_WORKS", 4)
    trace = read("t,size\n" + "".join(f"{i / 2 + 0.25},{i % 2}\n" for i in range(20)), work="size")
    assert trace.counts.tolist() == [2] * 10
    assert trace.bin_s == 1
    assert 0 < len(trace.work) <= 4
    assert "counted by the second" in trace.notes[0]


def test_whole_numbers_far_apart_may_be_milliseconds(read):
    trace = read("t\n" + "".join(f"{37 * i + i % 7}\n" for i in range(150)))
    assert trace.notes[0] == (
        "the times are taken as seconds, 0.0638 days of them; if they are milliseconds: --traffic-column unit=ms"
    )
    assert read("t\n" + "".join(f"{37 * i + i % 7}\n" for i in range(150)), unit="ms").duration_s == 6


def test_a_long_and_sparse_record_is_counted_by_the_minute(read):
    days = [0, 30, 20, 400]
    trace = read("ts\n" + "".join(f"{1767225600 + day * 86400 + 61}\n" for day in days))
    assert trace.bin_s == 60
    assert np.flatnonzero(trace.counts).tolist() == [d * 1440 for d in sorted(days)]
    assert trace.start == "2026-01-01T00:01:00Z"


TEN = "".join(f"{i},{i}\n" for i in range(10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty; give a file"),
        (" \n\n", "t.csv is empty"),
        ("time,requests\n", "t.csv has no rows below its header"),
        ("time\n", "t.csv has no rows below its header"),
        ("# nothing\n#\n", "nothing but comments"),
        (b"\x1f\x8b\x08\x00garbage", "damaged or cut off"),
        (gzip.compress(COUNTS.encode(), mtime=0)[:-9], "t.csv is damaged or cut off"),
        (COUNTS.encode("utf-16"), r"text in UTF-16, not text; convert it: iconv -f UTF-16 -t UTF-8 t.csv"),
        (b"PK\x03\x04....", "a zip archive or a spreadsheet"),
        (b"time,requests\n\x00\x01\x02", "binary file"),
        ("time,requests\n0,5\n1,-3\n", "t.csv, line 3: requests '-3' is negative, .*; mend or drop the line"),
        ("time,requests\n0,5\n1,NaN\n", "line 3: requests 'NaN' is no number of requests; write a plain one"),
        ("time,requests\n0,5\n1,\n", "line 3: requests an empty cell is no number"),
        ("time,requests\n0,5\n1,inf\n", "line 3: requests 'inf' is no number"),
        ("time,requests\n0,5\n1,many\n", "line 3: requests 'many' is no number"),
        ("time,requests\n2026-01-01T00:00Z,5\n2026-13-01T00:00Z,5\n", "line 3: time '2026-13-01T00:00Z' is no time like"),
        ("time,requests\nyesterday,5\n", "line 2: time 'yesterday' is no time that can be read; write ISO times"),
        ("time\n01/02/2026 10:00\n", "line 2: time '01/02/2026 10:00' is no time that can be read"),
        ("t\n0.5\n-1.5\n", "line 3: t '-1.5' is before the beginning, 0; mend"),
        ("time,requests\n0,5\n60,5\n30,1\n", "line 4: the time is before that of the line above, .* sort the file"),
        ("time,requests\n0,5\n60,5\n60,1\n", "line 4: the bin of the line above is there again; add the two up"),
        ("time,requests\n0,5\n60,5\n120,1\n180,3\n240,1\n253,1\n", "line 7: the time is not on the grid of"),
        ("time,requests\n0,5\n", "a single bin, whose length it does not say; say it: --traffic-column bin=1m"),
        ("time,requests\n0,5\n1,6\n2,6\n900000000,1\n", "line 5: the time is .* days after the line before; is it wrong"),
        ("t,requests\n0,5\n60000,6\n120000,6\n", "step by 60000; are they milliseconds\\? say it: --traffic-column unit=ms"),
        ("t_s,requests\n1767225600000,5\n1767225660000,6\n", "line 2: t_s 1767225600000 would be beyond the year 5000"),
        ("ts_ms\n1767225600\n1767225660\n", "first weeks of 1970 .* --traffic-column unit=s"),
        ("ts\n1.5\n9e7\n900000000.5\n", "spans 29 years; say the unit"),
        ("ts\n1767225600\n1\n", "spans 1970-01-01T00:00:01Z to 2026-01-01T00:00:00Z, over 20 years; is a time wrong"),
        ("a,b\n1,2\n3,4\n", "no column is named like a time \\(there are 'a', 'b'\\); choose one: --traffic-column time=NAME"),
        ("time,start_s,requests\n1,2,3\n", "time and start_s could all be the time; choose one: --traffic-column time=time"),
        ("time,requests,count\n1,2,3\n", "requests and count could all be the requests; .* count=requests"),
        ("time,load\n" + TEN, "rows look like bins; say which column .* count=load, or count=none"),
        (TEN, "rows look like bins; .* --traffic-column count=2"),
        ("time,requests\n0,5\n1,6,7\n2,3\n", "t.csv, line 3: 3 columns where there should be 2; mend or drop the line"),
    ],
)  # fmt: skip
def test_bad_files_get_one_clear_line(read, text, message):
    with pytest.raises(TrafficError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value) or "?" in str(caught.value), "the next thing to do is missing"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"time": "whn"}, "unknown column of t.csv 'whn'; did you mean when?"),
        ({"time": "when", "count": "7"}, "unknown column of t.csv '7'; known: hits, when"),
        ({"time": "when", "count": "hits", "work": "hits"}, "has counts, so its rows are not requests with a size"),
        ({"time": "when", "count": "none", "work": "when+hits"}, "line 3: hits 'x' is no size of a request"),
    ],
)
def test_columns_that_cannot_be(read, columns, message):
    with pytest.raises(UsageError, match=message):
        read("when,hits\n0.5,5\n1.5,x\n", **columns)


def test_a_missing_file_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        TrafficError, match=r"cannot read no\.csv: there is no such file; check the path, or give a shape such as"
    ):
        read_trace("no.csv")
    (tmp_path / "logs").mkdir()
    with pytest.raises(TrafficError, match=r"cannot read logs: it is a folder; .* cat logs/\* > all\.log"):
        read_trace("logs")
    with pytest.raises(TrafficError, match="the name is too long"):
        read_trace("x" * 5000)


def test_a_file_that_must_not_be_read(write, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    name = write(COUNTS)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(TrafficError, match=r"cannot read t\.csv: no permission to read it; run: chmod u\+r t\.csv"):
        read_trace(name)


TIMES = st.lists(st.integers(0, 10**7), min_size=1, max_size=60)


@given(TIMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_request_is_kept_whatever_the_order(read, micros):
    trace = read("t_s\n" + "".join(f"{m / 1e6:.6f}\n" for m in micros))
    if trace.times_s is not None:
        assert (np.diff(trace.times_s) >= 0).all()
        assert trace.times_s == pytest.approx(np.sort(micros) / 1e6 - min(micros) // 10**6, abs=1e-6)
        assert trace.times_s[-1] < trace.duration_s
    else:
        assert trace.counts.sum() == len(micros)


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 1000), min_size=2), st.sampled_from([1, 60, 300, 1800]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_count_is_in_its_bin(read, bins, bin_s):
    rows = sorted(bins.items())
    trace = read("time,requests\n" + "".join(f"{1767225600 + place * bin_s},{count}\n" for place, count in rows), bin_s=bin_s)
    first = rows[0][0]
    assert trace.counts.sum() == sum(bins.values())
    assert all(trace.counts[place - first] == count for place, count in rows)
