from __future__ import annotations

import gzip

import pytest

from infercost.domain.errors import TrafficError
from infercost.store.traffic_files import access_log

COMMON = '10.0.0.1 - frank [10/Oct/2026:13:55:36 -0700] "GET /v1/predict HTTP/1.0" 200 2326\n'
COMBINED = COMMON[:-1] + ' "http://example.org/start[1]" "Mozilla/5.0 [en] (X11)"\n'
LATER = '2001:db8::1 - - [10/Oct/2026:22:55:38 +0200] "POST /v1/predict HTTP/1.1" 200 -\n'


def test_requests_by_second_in_utc(read):
    trace = read(COMMON + COMBINED + LATER, "access.log")
    assert trace.start == "2026-10-10T20:55:36Z"
    assert (trace.counts.tolist(), trace.bin_s) == ([2, 0, 1], 1)
    assert trace.notes == ("the log has whole seconds: requests are spread at random within theirs",)


def test_lines_may_be_out_of_order_and_packed(read):
    assert read(gzip.compress((LATER + COMMON).encode()), "access.log.gz").counts.tolist() == [1, 0, 1]


def test_bad_lines_are_counted_and_said(read):
    trace = read(COMMON + "\n" + "half a li\n" + LATER + "ne [10/Oct\n" + COMMON, "access.log")
    assert trace.counts.tolist() == [2, 0, 1]
    assert trace.notes[1] == "2 of 5 lines are no requests (first: line 3): left out"


def test_a_date_in_a_line_counts_once(read):
    tricky = COMMON[:-1] + ' "-" "[10/Oct/2026:13:55:36 -0700] \\"again\\""\n'
    assert read(tricky, "access.log").counts.tolist() == [1]


def test_blocks_make_no_difference(read, monkeypatch):
    text = (COMMON + LATER + "bad\n") * 40 + COMMON[:-1]
    whole = read(text, "access.log")
    monkeypatch.setattr(access_log, "_BLOCK", 100)
    parts = read(text, "access.log")
    assert parts.counts.tolist() == whole.counts.tolist() == [41, 0, 40]
    assert parts.notes == whole.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            COMMON + "bad\nworse\n",
            r"2 of 3 lines are no requests in common or combined log format \(first: line 2\); convert it",
        ),
        (COMMON + COMMON.replace("10/Oct", "32/Oct"), "there is no such time as '32/Oct/2026:13:55:36 -0700'; mend or drop"),
        (COMMON + COMMON.replace("2026", "1926"), "over 20 years; is a time wrong"),
    ],
)
def test_refusals(read, text, message):
    with pytest.raises(TrafficError, match=message):
        read(text, "access.log")


def test_a_line_without_an_end(read, monkeypatch):
    monkeypatch.setattr(access_log, "_BLOCK", 100)
    monkeypatch.setattr(access_log, "_LONGEST_LINE", 1 << 10)
    with pytest.raises(TrafficError, match="is it a log"):
        read(COMMON + "x" * 5000, "access.log")


def test_a_log_has_no_columns(read):
    with pytest.raises(TrafficError, match="drop --traffic-column"):
        read(COMMON, "access.log", work="bytes")
