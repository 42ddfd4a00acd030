from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import ProviderError
from infercost.providers._http import Client, RetryPolicy, same_origin
from infercost.testing.price_servers import Answer, Fault, PriceServer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CANARY = "AIza-canary-0123456789"


class Document(msgspec.Struct):
    name: str
    rows: list[int]


DECODE = msgspec.json.Decoder(Document).decode


class OneDocument(PriceServer):
    """Serves the same document at every path."""

    validators = True

    def __init__(self, rows: int = 20_000, *, compress: bool = False) -> None:
        super().__init__(compress=compress)
        self.set("first", rows)

    def set(self, name: str, rows: int = 20_000) -> None:
        self.body = json.dumps({"name": name, "rows": list(range(rows))}).encode()

    def answer(self, path: str, headers: Any) -> Answer:
        return Answer(body=self.body, validators=self.validators)

    @property
    def statuses(self) -> list[int]:
        return [seen.status for seen in self.seen]


@pytest.fixture
def server():
    with OneDocument() as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def policy(slept) -> RetryPolicy:
    return RetryPolicy(sleep=slept.append, chance=lambda: 1.0, now=lambda: NOW, read_timeout_s=5.0)


@pytest.fixture
def client(tmp_path, policy) -> Client:
    return Client("sagemaker", tmp_path / "downloads", policy=policy)


def read(client: Client, server: PriceServer, **options: Any) -> Document:
    return client.read(f"{server.url}/list.json", "list.json", DECODE, **options)[0]


def test_gives_the_document_and_when_it_was_had(client, server):
    value, received = client.read(f"{server.url}/list.json", "list.json", DECODE)
    assert value.name == "first"
    assert value.rows == list(range(20_000))
    assert abs(datetime.now(UTC) - received) < timedelta(minutes=5)


@pytest.mark.parametrize("compress", [False, True])
def test_asks_only_whether_it_has_changed(client, tmp_path, policy, compress):
    with OneDocument(compress=compress) as server:
        read(client, server)
        assert read(client, server).name == "first"
        assert server.statuses == [200, 304]
        assert server.seen[1].sent_bytes == 0
        server.set("second")
        # A client of a later run finds the same.
        assert read(Client("sagemaker", tmp_path / "downloads", policy=policy), server).name == "second"
        assert server.statuses == [200, 304, 200]


@pytest.mark.parametrize("compress", [False, True])
def test_goes_on_where_it_was_cut_off(client, slept, compress):
    with OneDocument(compress=compress) as server:
        server.inject("list", Fault(truncate_at=30_000), Fault(truncate_at=10_000))
        assert read(client, server).rows == list(range(20_000))
        assert server.statuses == [200, 206, 206]
        assert [seen.headers.get("range") for seen in server.seen] == [None, "bytes=30000-", "bytes=40000-"]
        assert sum(seen.sent_bytes for seen in server.seen) < len(server.body) + 1
    assert len(slept) == 2


def test_goes_on_in_a_later_run(client, server, tmp_path, policy):
    server.inject("list", *[Fault(truncate_at=10)] * policy.attempts)
    with pytest.raises(ProviderError, match=r"broke off|cut off"):
        read(client, server)
    assert read(Client("sagemaker", tmp_path / "downloads", policy=policy), server).name == "first"
    assert server.seen[-1].status == 206


def test_never_mixes_two_versions(client, server):
    server.inject("list", Fault(truncate_at=30_000))
    old_answer = server.answer

    def answer(path, headers):
        if len(server.seen) == 1:
            server.set("second")
        return old_answer(path, headers)

    server.answer = answer
    assert read(client, server).name == "second"
    assert server.statuses == [200, 200]


def test_a_partial_answer_of_another_place_is_not_appended(client, server):
    wrong = Fault(status=206, headers={"Content-Range": "bytes 5-9/100"}, body=b"xxxxx")
    server.inject("list", Fault(truncate_at=30_000), wrong)
    assert read(client, server).rows == list(range(20_000))
    assert server.statuses == [200, 206, 200]


def test_starts_again_when_the_range_is_refused(client, server):
    server.inject("list", Fault(truncate_at=30_000), Fault(status=416))
    assert read(client, server).rows == list(range(20_000))
    assert server.statuses == [200, 416, 200]


def test_without_validators_nothing_is_resumed_or_assumed(client, server):
    server.validators = False
    server.inject("list", Fault(truncate_at=30_000))
    read(client, server)
    read(client, server)
    assert server.statuses == [200, 200, 200]
    assert all("range" not in seen.headers and "if-none-match" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize("damage", [b"", b"{}", b"not the document"])
def test_a_kept_file_that_was_changed_is_fetched_again(client, server, tmp_path, damage):
    read(client, server)
    (tmp_path / "downloads" / "list.json").write_bytes(damage)
    assert read(client, server).name == "first"
    assert server.statuses == [200, 200]


def test_an_answer_that_ends_early_without_saying_so_is_noticed(client, server):
    server.inject("list", Fault(truncate_at=30_000, hide_length=True))
    assert read(client, server).rows == list(range(20_000))
    assert server.statuses == [200, 200]


def test_a_continuation_that_ends_early_without_saying_so_is_continued(client, server):
    server.inject("list", Fault(truncate_at=30_000), Fault(truncate_at=5_000, hide_length=True))
    assert read(client, server).rows == list(range(20_000))
    assert [seen.headers.get("range") for seen in server.seen] == [None, "bytes=30000-", "bytes=35000-"]


def test_compressed_data_that_ends_early_is_noticed(client):
    with OneDocument(compress=True) as server:
        server.inject("list", Fault(truncate_at=3_000, hide_length=True))
        assert read(client, server).rows == list(range(20_000))
        assert server.statuses == [200, 200]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_tries_again_what_may_pass(client, server, slept, status):
    server.inject("list", Fault(status=status), Fault(status=status))
    assert read(client, server).name == "first"
    assert server.statuses == [status, status, 200]
    assert slept == [0.5, 1.0]


def test_tries_again_after_a_reset(client, server, slept):
    server.inject("list", Fault(reset=True))
    assert read(client, server).name == "first"
    assert server.statuses == [0, 200]
    assert len(slept) == 1


def test_a_slow_answer_is_given_up_and_asked_for_again(tmp_path, policy, slept):
    hasty = Client("sagemaker", tmp_path, policy=quick(policy))
    with OneDocument() as server:
        server.inject("list", Fault(delay_s=0.6))
        assert read(hasty, server).name == "first"
    assert len(slept) == 1


def quick(policy: RetryPolicy) -> RetryPolicy:
    return RetryPolicy(sleep=policy.sleep, chance=policy.chance, now=policy.now, read_timeout_s=0.15)


@pytest.mark.parametrize("asked", ["7", "7.5", format_datetime(NOW + timedelta(seconds=9), usegmt=True)])
def test_waits_as_long_as_the_server_asks(client, server, slept, asked):
    server.inject("list", Fault(status=429, headers={"Retry-After": asked}))
    read(client, server)
    assert slept == [{"7": 7.0, "7.5": 7.5}.get(asked, 9.0)]


def test_a_wait_that_makes_no_sense_is_replaced_by_its_own(client, server, slept):
    server.inject("list", Fault(status=503, headers={"Retry-After": "soon"}))
    read(client, server)
    assert slept == [0.5]


def test_does_not_wait_for_hours(client, server, slept):
    server.inject("list", Fault(status=429, headers={"Retry-After": "7200"}))
    with pytest.raises(ProviderError, match="asks for a wait of 7200 s"):
        read(client, server)
    assert slept == []


def test_gives_up_in_the_end(client, server, slept, policy):
    server.inject("list", *[Fault(status=503)] * policy.attempts)
    with pytest.raises(ProviderError) as caught:
        read(client, server)
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert f"{server.url}/list.json" in message
    assert "HTTP 503 at the last of 6 attempts" in message
    assert message.endswith("infercost prices refresh --provider sagemaker")
    assert len(slept) == policy.attempts - 1


@given(st.integers(1, 60), st.floats(0, 1))
def test_waits_stay_within_their_cap(attempt, chance):
    policy = RetryPolicy(chance=lambda: chance)
    assert 0 <= policy.backoff_s(attempt) <= min(policy.cap_s, policy.base_s * 2 ** (attempt - 1))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, b'{"error": {"code": 403, "message": "API key not valid."}}', "HTTP 403: API key not valid."),
        (400, b'{"Error": {"Code": "BadRequest", "Message": "x"}}', "HTTP 400"),
        (404, b"<html>", "HTTP 404"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(client, server, slept, status, body, said):
    server.inject("list", Fault(status=status, body=body))
    with pytest.raises(ProviderError) as caught:
        read(client, server)
    assert said in str(caught.value)
    assert server.statuses == [status]
    assert slept == []


def test_redirects_are_not_followed(client, server):
    server.inject("list", Fault(status=302, headers={"Location": "https://elsewhere.example/list.json"}))
    with pytest.raises(ProviderError, match=r"HTTP 302 to elsewhere\.example, which is not followed"):
        read(client, server)


def test_a_changed_format_says_what_is_missing_and_is_not_tried_again(client, server, slept):
    server.body = b'{"name": "first", "lines": []}'
    with pytest.raises(ProviderError) as caught:
        read(client, server)
    assert "the source has changed its format: Object missing required field `rows`" in str(caught.value)
    assert "the last prices are kept" in str(caught.value)
    assert server.statuses == [200]


def test_lasting_damage_is_reported_as_such(client, server, policy):
    server.body = b'{"name": "first", "rows": [1, 2'
    with pytest.raises(ProviderError, match="damaged or cut off"):
        read(client, server)
    assert len(server.seen) == policy.attempts


def test_secrets_stay_out_of_errors_files_and_urls(tmp_path, policy, server, caplog):
    caplog.set_level("DEBUG")
    secretive = Client("vertex", tmp_path, policy=policy, headers={"X-Goog-Api-Key": CANARY})
    echo = json.dumps({"error": {"message": f"API key {CANARY} not valid."}}).encode()
    server.inject("list", Fault(status=400, body=echo))
    with pytest.raises(ProviderError) as caught:
        secretive.read(f"{server.url}/list.json?token={CANARY}", "list.json", DECODE)
    assert "API key … not valid." in str(caught.value)
    read(secretive, server)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert server.seen[-1].headers["x-goog-api-key"] == CANARY
    assert CANARY not in str(caught.value)
    assert CANARY.encode() not in kept
    assert CANARY not in server.seen[-1].path


def test_a_document_without_end_is_refused(tmp_path, policy, server):
    small = Client("sagemaker", tmp_path, policy=policy, max_bytes=1 << 16)
    with pytest.raises(ProviderError, match="longer than"):
        read(small, server)


def test_a_document_that_is_huge_when_unpacked_is_refused(tmp_path, policy):
    small = Client("sagemaker", tmp_path, policy=policy, max_bytes=1 << 20)
    with OneDocument(compress=True) as server:
        server.body = b" " * (2 << 20)
        with pytest.raises(ProviderError, match="longer than 1 MiB"):
            read(small, server)


def test_an_unknown_encoding_is_refused(client, server):
    server.inject("list", Fault(headers={"Content-Encoding": "br"}))
    with pytest.raises(ProviderError, match="unknown encoding, br"):
        read(client, server)


def test_offline_is_said_in_words(client, slept, policy):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/list.json"
    with pytest.raises(ProviderError, match=r"no connection at the last of 6 attempts.*infercost prices refresh"):
        client.read(url, "list.json", DECODE)
    assert len(slept) == policy.attempts - 1


@pytest.mark.parametrize("url", ["prices.azure.com/list.json", "ftp://prices.azure.com/list.json", "https:///list.json"])
def test_what_is_no_url_is_said_at_once(client, slept, url):
    with pytest.raises(ProviderError, match="not a URL that starts with https://"):
        client.read(url, "list.json", DECODE)
    assert slept == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProviderError, match="cannot keep downloads in"):
        Client("sagemaker", tmp_path / "file" / "downloads")


def test_a_proxy_of_the_environment_is_used(client, server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    value, _ = client.read("http://prices.example/list.json", "list.json", DECODE)
    assert value.name == "first"
    assert server.paths() == ["http://prices.example/list.json"]


def test_a_young_document_is_reused_without_asking(client, server, tmp_path, policy):
    server.validators = False
    read(client, server, reuse_s=60)
    moment = datetime.now(UTC)
    later = Client("s", tmp_path / "downloads", policy=at(policy, moment + timedelta(seconds=30)))
    read(later, server, reuse_s=60)
    assert server.statuses == [200]
    read(Client("s", tmp_path / "downloads", policy=at(policy, moment + timedelta(seconds=90))), server, reuse_s=60)
    assert server.statuses == [200, 200]
    later.forget("list.json")
    assert list((tmp_path / "downloads").iterdir()) == []


def at(policy: RetryPolicy, moment: datetime) -> RetryPolicy:
    return RetryPolicy(sleep=policy.sleep, chance=policy.chance, now=lambda: moment)


def test_progress_only_grows_and_ends_complete(tmp_path, policy, server):
    steps = []
    watched = Client("sagemaker", tmp_path, policy=policy, on_progress=steps.append)
    watched.total = 1
    server.inject("list", Fault(truncate_at=30_000))
    read(watched, server, label="us-east-1")
    counts = [(step.done, step.received_bytes) for step in steps]
    assert counts == sorted(counts)
    assert counts[-1] == (1, len(server.body))
    assert {(step.provider, step.document, step.total) for step in steps} == {("sagemaker", "us-east-1", 1)}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://prices.azure.com:443/x", True),
        ("https://PRICES.azure.com/y?z=1", True),
        ("http://prices.azure.com/x", False),
        ("https://prices.azure.com:8443/x", False),
        ("https://prices.azure.com.evil.example/x", False),
        ("https://prices.azure.com@evil.example/x", False),
    ],
)
def test_same_origin(other, same):
    assert same_origin("https://prices.azure.com/api", other) is same


def test_a_full_disk_is_named(client, server, tmp_path):
    (tmp_path / "downloads" / "list.json.part").mkdir()
    with pytest.raises(ProviderError, match=r"cannot write .*list\.json\.part: Is a directory; free some space"):
        read(client, server)
