"""Following the pages of a price source, whatever tells where the next one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from infercost.domain.errors import ProviderError
from infercost.providers._http import CHANGED, same_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from infercost.providers._http import Client

__all__ = ["Pages"]

P = TypeVar("P")


class Pages(Generic[P]):
    """Reads pages one after the other, and knows how old the oldest of them is.

    Args:
        client: reads and keeps them.
        base: of their URLs; a link to another host is refused.
        kind: the type of a page.
        most: more pages than this for one question are taken for pages that do not end.
        reuse_s: a page kept by an interrupted run is taken again for so long.
    """

    def __init__(self, client: Client, base: str, kind: type[P], *, most: int, reuse_s: float = 0.0) -> None:
        self.base = base
        self.oldest: datetime = client.policy.now()
        self._client = client
        self._decode = msgspec.json.Decoder(kind).decode
        self._most = most
        self._reuse_s = reuse_s
        self._names: list[str] = []

    def follow(self, url: str, following: Callable[[P], str | None]) -> Iterator[P]:
        """The page at ``url``, and each that ``following`` finds the URL of in the one before; None ends it.

        Raises:
            ProviderError: a page cannot be read; or they lead in a circle or to another host.
        """
        link: str | None = url
        followed: set[str] = set()
        while link is not None:
            if link in followed or len(followed) >= self._most:
                raise self._error("the pages of the answer do not end")
            followed.add(link)
            page = self._read(link)
            yield page
            link = following(page)
            if link is not None and not same_origin(link, self.base):
                raise self._error("the next page is on another host, which is not followed")

    def forget(self) -> None:
        """Remove the pages that were kept."""
        for name in self._names:
            self._client.forget(name)

    def _read(self, link: str) -> P:
        # Named by its place, so that an interrupted run leaves no pages behind that no run would ever ask for.
        name = f"{self._client.provider}-{len(self._names):04}.json"
        self._names.append(name)
        page, received = self._client.read(link, name, self._decode, label=f"page {len(self._names)}", reuse_s=self._reuse_s)
        self.oldest = min(self.oldest, received)
        return page

    def _error(self, reason: str) -> ProviderError:
        return ProviderError(f"{self._client.provider}: {self.base}: {reason}; {CHANGED}")
