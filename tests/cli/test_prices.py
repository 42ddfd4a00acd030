from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from typer.testing import CliRunner

from infercost import app as use
from infercost.cli import app
from infercost.cli._refreshing import endpoints
from infercost.domain.errors import UsageError
from infercost.store.pricebook import load_catalog
from infercost.store.snapshot_format import encode_snapshot
from infercost.store.snapshots import Source, keep
from infercost.testing.price_servers import AwsPriceListServer, Fault, RegionOffer

SAGEMAKER = load_catalog("infercost.providers.sagemaker", every_mode=True)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("GOOGLE_API_KEY", "INFERCOST_OFFLINE", "INFERCOST_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str):
    return CliRunner().invoke(app, ["prices", *args])


def virginia(**changes) -> RegionOffer:
    hosting = {o.instance_type: str(o.price) for o in SAGEMAKER.offers if (o.region, o.mode) == ("us-east-1", "realtime")}
    return RegionOffer(region="us-east-1", hosting=hosting | changes)


def corrupt(price="0.5"):
    offers = tuple(replace(o, price=Decimal(price)) if o.instance_type == "ml.g5.xlarge" else o for o in SAGEMAKER.offers)
    keep(Source("sagemaker", "infercost.providers.sagemaker"), encode_snapshot(replace(SAGEMAKER, offers=offers)))


def test_show_prints_a_price_with_its_date_and_source():
    done = run("show", "--provider", "sagemaker", "--region", "us-east-1", "--instance", "ml.g5.xlarge", "--kind", "realtime")
    assert done.exit_code == 0
    assert all(text in done.output for text in ("$1.408", "hour", "2026-09-22", "AWS Price List"))


def test_show_has_the_other_modes_and_says_that_they_are_derived():
    done = run("show", "--provider", "sagemaker", "--instance", "ml.g5.xlarge", "--kind", "batch", "--kind", "async")
    assert done.exit_code == 0
    assert done.stdout.count("$1.408") == 2
    assert "derived" in done.stdout
    assert run("show", "--kind", "batch_spot").exit_code == 2


def test_show_as_json_and_csv():
    asked = ("show", "--provider", "sagemaker", "--instance", "ml.g5.xlarge", "--kind", "realtime", "--format")
    (row,) = json.loads(run(*asked, "json").stdout)["rows"]
    assert row["price"] == "1.408"
    (row,) = csv.DictReader(StringIO(run(*asked, "csv").stdout))
    assert row["price"] == "1.408"


def test_show_of_what_has_no_price_exits_4_and_shows_no_figure():
    done = run("show", "--instance", "Standard_NC6s_v2")
    assert done.exit_code == 4
    assert "no price: Standard_NC6s_v2 in eastus" in done.stderr
    assert "$" not in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("show", "--instance", "ml.g5.xlrge"), 2, "did you mean ml.g5.xlarge"),
        (("show", "--region", "mars-1"), 2, "unknown region 'mars-1'"),
        (("show", "--provider", "sagemaker", "--region", "af-south-1", "--instance", "ml.p5.48xlarge"), 4, "try --region"),
        (("show", "--prices", "2020-01-01"), 4, "as old as 2020-01-01"),
        (("show", "--prices", "soon"), 2, "cannot read the date"),
        (("show", "--format", "xml"), 2, "unknown format"),
        (("refresh", "--offline"), 2, "prices refresh needs the network"),
        (("refresh", "--provider", "sagmaker"), 2, "did you mean sagemaker"),
        (("refresh", "--endpoint", "http://x"), 2, "--endpoint sagemaker=https://"),
        (("diff", "--since", "2020-01-01"), 4, "as old as 2020-01-01"),
        (("diff", "--rps", "5"), 2, "--profile and --rps belong together"),
        (("lock", "--prices", "2020-01-01"), 4, "as old as 2020-01-01"),
    ],
)
def test_what_cannot_be_answered_is_one_line(args, code, text):
    done = run(*args)
    assert done.exit_code == code
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_refresh_says_one_line_a_cloud_and_keeps_what_it_got():
    with AwsPriceListServer([virginia(**{"ml.g5.xlarge": "1.3"})]) as server:
        done = run("refresh", "--provider", "sagemaker", "--region", "us-east-1", "--endpoint", f"sagemaker={server.url}")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "sagemaker: 9," in done.stderr
    assert "changed" in done.stderr
    shown = run("show", "--provider", "sagemaker", "--instance", "ml.g5.xlarge", "--kind", "realtime")
    assert "$1.30" in shown.stdout
    assert "2026-09-22 $1.408" in shown.stdout


def test_a_refresh_that_fails_in_part_exits_5_and_keeps_the_rest():
    with AwsPriceListServer([virginia()]) as server:
        done = run(
            *("refresh", "--provider", "sagemaker", "--provider", "vertex", "--region", "us-east-1", "--region", "us-central1"),
            *("--endpoint", f"sagemaker={server.url}"),
        )
    assert done.exit_code == 5
    assert "sagemaker: 9," in done.stderr
    assert "vertex: not refreshed: the Cloud Billing Catalog wants an API key" in done.stderr


def test_a_quiet_refresh_says_failures_only():
    with AwsPriceListServer([virginia()]) as server:
        server.inject("region_index", Fault(body=b"[]"))
        done = run("refresh", "-q", "--provider", "sagemaker", "--endpoint", f"sagemaker={server.url}")
        assert done.exit_code == 5
        assert "not refreshed" in done.stderr
        done = run("refresh", "-q", "--provider", "sagemaker", "--region", "us-east-1", "--endpoint", f"sagemaker={server.url}")
    assert (done.exit_code, done.output) == (0, "")


def test_endpoints_are_read():
    assert endpoints(["a=http://x:1", "b=https://y"]) == {"a": "http://x:1", "b": "https://y"}
    with pytest.raises(UsageError, match="--endpoint"):
        endpoints(["a=ftp://x"])


def test_verify_passes_on_the_shipped_book_and_fails_on_a_wrong_one():
    assert run("verify").exit_code == 0
    corrupt("0")
    done = run("verify", "--provider", "sagemaker")
    assert done.exit_code == 1
    assert "us-east-1/ml.g5.xlarge" in done.stdout
    assert json.loads(run("verify", "--format", "json").stdout)["outcome"] == "fail"


def test_diff_tells_what_changed_and_what_it_does(folder):
    profile = use.profile(use.demo_model(), batches=[1], threads=[1], budget_s=0.5)
    use.save(profile, folder / "p.json")
    corrupt()
    done = run("diff", "--provider", "sagemaker", "--profile", "p.json", "--rps", "50", "--format", "markdown")
    assert done.exit_code == 0
    assert "ml.g5.xlarge" in done.stdout
    assert "at 50 requests/s" in done.stdout
    assert json.loads(run("diff", "--region", "us-east-1", "--format", "json").stdout)["changes"][0]["new"] == "0.5"


def test_a_lock_holds_against_a_refresh(folder):
    assert run("lock").exit_code == 0
    corrupt()
    asked = ("show", "--provider", "sagemaker", "--instance", "ml.g5.xlarge", "--kind", "realtime")
    assert "$1.408" in run(*asked).stdout
    assert "$0.50" in run(*asked, "--prices", "latest").stdout
    (folder / "infercost-prices.lock").write_text("{}")
    done = run(*asked)
    assert done.exit_code == 2
    assert "is not a lock of prices" in done.stderr
