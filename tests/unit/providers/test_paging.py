"""Pages over real HTTP, from a server that leads where it is told to."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import msgspec
import pytest

from infercost.domain.errors import ProviderError
from infercost.providers._http import Client, RetryPolicy
from infercost.providers._paging import Pages


class Page(msgspec.Struct):
    items: list[int]
    next: str = ""


@pytest.fixture
def site():
    pages: dict[str, dict[str, object]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(pages[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()


@pytest.fixture
def read(site, tmp_path):
    base, pages = site
    client = Client("cloud", tmp_path, policy=RetryPolicy(attempts=1))

    def go(most=5, **answers):
        pages.update({f"/{name}": page for name, page in answers.items()})
        reader = Pages(client, base, Page, most=most)
        items = []
        for page in reader.follow(f"{base}/first", lambda page: page.next.format(base=base) or None):
            items += page.items
        return items, reader

    return go


def test_pages_are_read_in_order_to_the_last(read, tmp_path):
    items, reader = read(first={"items": [1], "next": "{base}/second"}, second={"items": [2, 3]})
    assert items == [1, 2, 3]
    assert reader.oldest is not None
    assert len(list(tmp_path.glob("cloud-*.json"))) == 2
    reader.forget()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"first": {"items": [1], "next": "{base}/first"}}, "do not end"),
        ({"first": {"items": [1], "next": "http://127.0.0.1:9/first"}}, "another host"),
        ({"first": {"things": [1]}}, "changed its format"),
    ],
)
def test_pages_that_lead_nowhere_are_refused(read, answers, message):
    with pytest.raises(ProviderError, match=message):
        read(**answers)


def test_more_pages_than_can_be_are_refused(read):
    chain = {f"p{n}": {"items": [n], "next": f"{{base}}/p{n + 1}"} for n in range(3)}
    with pytest.raises(ProviderError, match="do not end"):
        read(most=3, first={"items": [], "next": "{base}/p0"}, **chain)
