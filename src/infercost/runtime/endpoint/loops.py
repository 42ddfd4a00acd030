"""Sending requests: one after another, or when they are due whatever became of those before."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infercost.runtime.endpoint.protocol_v2 import check_answer, failure, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import urllib3

    from infercost.runtime.endpoint.protocol_v2 import Body

MOST_CLIENTS = 64
"""Requests under way at once. Those that find all busy are sent late; their latency counts from when they were due."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request."""

    query: int
    latency_ns: int
    """From when it was due (open loop) or sent (closed loop) until the answer had been read."""
    service_ns: int
    """From when it was sent."""
    failed: str | None = None
    """Why it brought no outputs, in a few words."""
    detail: str = ""
    """The server's own words."""
    nbytes: int = 0
    """Of the answer."""


@dataclass(slots=True)
class Target:
    """An address that takes requests."""

    pool: urllib3.PoolManager
    url: str
    headers: Mapping[str, str]
    timeout_s: float = 30.0

    def send(self, body: Body, query: int = 0, due_ns: int | None = None) -> Answer:
        """Send one request and read the answer; a failure is an answer too."""
        import urllib3

        headers = {**self.headers, **body.headers}
        begin = time.perf_counter_ns()
        start = begin if due_ns is None else due_ns
        try:
            reply = self.pool.request(
                "POST", self.url, body=body.data, headers=headers, retries=False, redirect=False, timeout=self.timeout_s
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            now = time.perf_counter_ns()
            return Answer(query, now - start, now - begin, failure(error))
        now = time.perf_counter_ns()
        wrong = check_answer(reply.status, reply.headers, reply.data)
        detail = said(reply.status, reply.data) if wrong is not None else ""
        return Answer(query, now - start, now - begin, wrong, detail, len(reply.data))


def one_after_another(target: Target, body: Body, budget_s: float, most: int) -> list[Answer]:
    """A closed loop: the next request is sent when the one before was answered."""
    end = time.perf_counter() + budget_s
    answers: list[Answer] = []
    while len(answers) < most and (time.perf_counter() < end or not answers):
        answers.append(target.send(body, len(answers)))
    return answers


@dataclass
class OpenLoop:
    """Requests that are sent when they are due, by as many clients as it takes, up to ``MOST_CLIENTS``."""

    target: Target
    body: Body
    offsets_ns: Sequence[int]
    give_up_ns: int
    """A request that is later than this is not sent any more, nor are those after it."""
    clients: int = MOST_CLIENTS
    answers: list[Answer] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    def run(self) -> list[Answer]:
        """All answers, in order of arrival; what was never sent is missing."""
        self._next, self._lock = 0, threading.Lock()
        self._start = time.perf_counter_ns() + 20_000_000
        threads = [threading.Thread(target=self._client, daemon=True) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(self.answers, key=lambda answer: answer.query)

    def _client(self) -> None:
        while (query := self._take()) is not None:
            due = self._start + self.offsets_ns[query]
            if (wait := due - time.perf_counter_ns()) > 0:
                time.sleep(wait / 1e9)
            elif -wait > self.give_up_ns:
                self._stop()
                return
            with self._lock:
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
            answer = self.target.send(self.body, query, due)
            with self._lock:
                self.under_way -= 1
                self.answers.append(answer)

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= len(self.offsets_ns):
                return None
            self._next += 1
            return self._next - 1

    def _stop(self) -> None:
        with self._lock:
            self._next = len(self.offsets_ns)
