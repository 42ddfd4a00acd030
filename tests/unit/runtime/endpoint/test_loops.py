"""Both loops against servers that are scripted: what is sent, what is counted, from when a latency counts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import urllib3

from infercost.runtime.endpoint.loops import OpenLoop, Target, one_after_another
from infercost.runtime.endpoint.protocol_v2 import Body

BODY = Body(b"{}", {"Content-Type": "application/json"})
OUTPUTS = b'{"outputs": []}'


@dataclass
class Reply:
    status: int = 200
    data: bytes = OUTPUTS
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Pool:
    """Answers by the count of requests, one after another or side by side."""

    script: list[object] = field(default_factory=list)
    delay_s: float = 0.0
    serial: bool = False
    sent: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: threading.Lock = field(default_factory=threading.Lock)

    def request(self, method: str, url: str, *, body: bytes, headers: dict[str, str], **_: object) -> Reply:
        with self.lock:
            count = len(self.sent)
            self.sent.append(headers)
        if self.serial:
            with self.server:
                time.sleep(self.delay_s)
        else:
            time.sleep(self.delay_s)
        told = self.script[count] if count < len(self.script) else Reply()
        if isinstance(told, BaseException):
            raise told
        assert isinstance(told, Reply)
        return told


def target(pool: Pool) -> Target:
    return Target(pool, "http://h/infer", {"Authorization": "x"})  # type: ignore[arg-type]


def test_a_closed_loop_sends_the_next_when_the_one_before_was_answered() -> None:
    pool = Pool(delay_s=0.001)
    answers = one_after_another(target(pool), BODY, 10.0, most=5)
    assert [a.query for a in answers] == [0, 1, 2, 3, 4]
    assert all(a.latency_ns == a.service_ns >= 1_000_000 for a in answers)
    assert pool.sent[0] == {"Authorization": "x", "Content-Type": "application/json"}


def test_one_request_is_sent_however_small_the_budget() -> None:
    assert len(one_after_another(target(Pool()), BODY, 0.0, most=5)) == 1


def test_failures_are_answers_with_a_reason() -> None:
    told = [
        Reply(503, b'{"error": "over\\nloaded"}'),
        urllib3.exceptions.ReadTimeoutError(None, "/", "late"),
        Reply(data=b"{}"),
    ]  # type: ignore[arg-type]
    answers = one_after_another(target(Pool(told)), BODY, 10.0, most=4)
    assert [a.failed for a in answers] == ["HTTP 503", "timeout", "no outputs in the answer", None]
    assert answers[0].detail == "HTTP 503 (over loaded)"
    assert answers[3].nbytes == len(OUTPUTS)


def test_an_open_loop_does_not_wait_for_answers() -> None:
    pool = Pool(delay_s=0.05)
    loop = OpenLoop(target(pool), BODY, [i * 1_000_000 for i in range(20)], give_up_ns=10**10, clients=20)
    answers = loop.run()
    assert [a.query for a in answers] == list(range(20))
    assert loop.most_under_way > 5


def test_a_latency_counts_from_when_the_request_was_due() -> None:
    pool = Pool(delay_s=0.02, serial=True)
    loop = OpenLoop(target(pool), BODY, [0] * 8, give_up_ns=10**10, clients=2)
    answers = sorted(loop.run(), key=lambda a: a.latency_ns)
    assert len(answers) == 8
    assert answers[-1].latency_ns >= 8 * 20_000_000, "the last waited for all before it"
    assert answers[-1].service_ns < answers[-1].latency_ns


def test_a_backlog_beyond_hope_ends_the_run_and_what_was_not_sent_is_missing() -> None:
    pool = Pool(delay_s=0.05, serial=True)
    loop = OpenLoop(target(pool), BODY, [0] * 50, give_up_ns=100_000_000, clients=1)
    answers = loop.run()
    assert 1 <= len(answers) < 50
    assert [a.query for a in answers] == list(range(len(answers)))
