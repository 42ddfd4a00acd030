from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.estimate import Band, Replicas
from infercost.domain.traffic import Slo, Traffic
from infercost.render import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.000012345", "$0.0000123"),
        ("0.0123", "$0.0123"),
        ("0.5", "$0.50"),
        ("0.999", "$0.999"),
        ("1.2345", "$1.23"),
        ("12.3", "$12.30"),
        ("123.4", "$123"),
        ("1234.5", "$1,234"),
        ("1234567", "$1,234,567"),
        ("-3.5", "-$3.50"),
        ("0", "$0"),
    ],
)
def test_money_is_as_precise_as_its_size_deserves(value, text):
    assert figures.money(Decimal(value)) == text


def test_a_missing_price_is_words():
    assert figures.money(None) == figures.price(None) == "no price"


@given(st.decimals(min_value="1e-12", max_value="1e9", allow_nan=False, allow_infinity=False))
def test_money_that_is_not_zero_never_looks_like_zero(value):
    for text in (figures.money(value), figures.price(value)):
        shown = Decimal(text.replace("$", "").replace(",", ""))
        assert shown > 0
        assert abs(shown - value) <= value * Decimal("0.006")


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.1071", "$0.1071"), ("0.00002", "$0.00002"), ("4.8468", "$4.8468"), ("46.2", "$46.20"), ("1000", "$1,000.00")],
)
def test_a_list_price_keeps_its_digits(value, text):
    assert figures.price(Decimal(value)) == text


def test_a_band_is_shown_beside_its_figure():
    assert figures.banded(Band(Decimal("0.9"), Decimal("1.23"), Decimal("1.8"))) == "$1.23 (0.90–1.80)"


def test_a_band_without_an_upper_bound_says_so():
    assert figures.banded(Band(Decimal("0.9"), Decimal("1.23"), None)) == "$1.23 (0.90 and up)"


def test_a_band_without_width_is_not_shown():
    assert figures.banded(Band(Decimal(5), Decimal(5), Decimal(5))) == "$5.00"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0456, "45.6 µs"), (0.123, "0.123 ms"), (1.2345, "1.23 ms"), (9.996, "10.0 ms"), (63.24, "63.2 ms"), (99.96, "100 ms"),
     (134.4, "134 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (1340, "1.34 s"), (91300, "91.3 s"), (9_130_000, "9,130 s")],
)  # fmt: skip
def test_times_have_three_significant_digits(value, text):
    assert figures.milliseconds(value) == text


@given(st.floats(min_value=1e-4, max_value=1e7))
def test_a_time_is_within_rounding_of_what_it_says(value):
    number, _, unit = figures.milliseconds(value).replace(",", "").partition(" ")
    assert float(number) * {"µs": 1e-3, "ms": 1.0, "s": 1e3}[unit] == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("low", "likely", "high", "text"),
    [
        (46.8, 63.2, 85.3, "63.2 ms (46.8–85.3)"),
        (900, 1200, 2000, "1.20 s (900 ms–2.00 s)"),
        (1200, 1300, 1400, "1.30 s (1.20–1.40)"),
        (5, 5, 5, "5.00 ms"),
        (5, 6, None, "6.00 ms (5.00 ms and up)"),
    ],
)
def test_a_band_of_times_repeats_units_only_where_they_differ(low, likely, high, text):
    band = Band(Decimal(str(low)), Decimal(str(likely)), None if high is None else Decimal(str(high)))
    assert figures.banded_milliseconds(band) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(60, "60"), (598.6, "598.6"), (1460, "1,460"), (131_400_000, "131.4 million"), (8.174e9, "8.174 billion"),
     (0.79056, "0.7906"), (3.3e12, "3.3 trillion"), (0, "0")],
)  # fmt: skip
def test_quantities_are_short(value, text):
    assert figures.quantity(value) == text


@pytest.mark.parametrize(("value", "text"), [(301, "301 B"), (4000, "4 kB"), (602_112, "602 kB"), (1.21e9, "1.21 GB")])
def test_sizes_are_decimal(value, text):
    assert figures.size(value) == text


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (0.001, "under 1 %"), (0.4, "40 %"), (1, "100 %")])
def test_a_small_share_is_not_shown_as_none(share, text):
    assert figures.percent(share) == text


def test_the_question_is_said_in_words():
    traffic = Traffic(rps=1, payload_in_bytes=1, payload_out_bytes=1)
    assert figures.question("m.onnx", traffic, Slo()) == "m.onnx at 1 request/s, no latency promise"
    many = Traffic(rps=12_345.5, payload_in_bytes=1, payload_out_bytes=1)
    asked = figures.question("m.onnx", many, Slo.parse("p99=100ms,mean=1.5s"))
    assert asked == "m.onnx at 12,345.5 requests/s, p99 at most 100 ms, mean at most 1.5 s"


def test_replicas_that_vary_are_a_range():
    assert figures.replicas(Replicas(2, 2, 2.0)) == "2"
    assert figures.replicas(Replicas(0, 1200, 2.0)) == "0–1,200"


def test_serverless_is_named_once(make_candidate):
    where = ("a", "b")
    assert figures.instance(make_candidate(1, 1, where, "serverless-2048MB", "1", mode="serverless")) == "serverless-2048MB"
    assert figures.instance(make_candidate(1, 1, where, "2048MB", "1", mode="serverless")) == "serverless 2048MB"


@given(st.text())
def test_cleaned_text_is_one_printable_line(text):
    assert figures.clean(text).isprintable()
    assert len(figures.clean(text)) == len(text)
