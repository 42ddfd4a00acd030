from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.engine.request_classes import RequestClasses


def test_shares_and_works_are_proportions():
    classes = RequestClasses.parse("short=80%x0.5, long = 20 % × 3")
    assert classes.names == ("short", "long")
    assert classes.shares == pytest.approx((0.8, 0.2))
    assert classes.works == pytest.approx((0.5, 3.0))
    assert RequestClasses.parse("short=8x1,long=2x6").works == pytest.approx((0.5, 3.0))
    assert str(classes) == "short 80 % of requests, 0.5 times the mean work, long 20 % of requests, 3 times the mean work"


PARTS = st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), min_size=1, max_size=6)


@given(PARTS)
def test_the_mean_request_has_work_one(parts):
    classes = RequestClasses.parse(",".join(f"c{i}={share}x{work}" for i, (share, work) in enumerate(parts)))
    assert sum(classes.shares) == pytest.approx(1)
    assert sum(share * work for share, work in zip(classes.shares, classes.works, strict=True)) == pytest.approx(1)


def test_drawn_work():
    classes = RequestClasses.parse("short=80%x0.5,long=20%x3")
    drawn = classes.work(np.random.default_rng(0), 100_000)
    assert set(np.unique(drawn).round(9).tolist()) == {0.5, 3.0}
    assert drawn.mean() == pytest.approx(1, abs=0.02)
    assert classes.work(np.random.default_rng(1), 5).tolist() == classes.work(np.random.default_rng(1), 5).tolist()


@pytest.mark.parametrize("text", ["", "short", "short=0.5", "short=x2", "=1x2", "a=1x1,a=1x2", "a=0x1", "a=1x0", "a=-1x2"])
def test_refusals(text):
    with pytest.raises(UsageError, match=r"short=80%x0\.5,long=20%x3"):
        RequestClasses.parse(text)
