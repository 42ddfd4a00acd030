"""Which prices a question is answered with: pinned ones, or the newest on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from infercost._version import __version__
from infercost.domain.errors import NoPriceError, UsageError
from infercost.domain.price import ExchangeRate

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from infercost.domain.discount import Discounts
    from infercost.domain.price import Catalog
    from infercost.domain.provider import Provider
    from infercost.store.price_lock import PriceLock
    from infercost.store.snapshots import Snapshot

__all__ = ["LATEST", "Book", "Volume", "choose_currency", "discounted", "exchanged", "lock_prices", "open_book", "stale_rate"]

LATEST = "latest"
"""Value of ``--prices`` that takes the newest prices in spite of a lock."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One provider's prices and the snapshot that they are from."""

    snapshot: Snapshot
    catalog: Catalog


@dataclass(frozen=True, slots=True)
class Book:
    """The prices of several providers, by provider."""

    volumes: Mapping[str, Volume]
    warnings: tuple[str, ...] = ()

    @property
    def catalogs(self) -> list[Catalog]:
        """The prices alone."""
        return [volume.catalog for volume in self.volumes.values()]


def open_book(
    providers: Iterable[Provider], *, prices: str | None = None, currency: str = "USD", every_mode: bool = False
) -> Book:
    """The prices to use.

    Args:
        providers: whose.
        prices: an ISO date (the newest snapshot of that day or before), ``latest``, or None: what
            ``infercost-prices.lock`` in the working directory pins, else the newest.
        currency: take a provider's own snapshot in this currency where there is one, else that in USD.
        every_mode: also the offers that do not answer while the caller waits: asynchronous, batch and spot.

    Raises:
        UsageError: ``prices`` is neither a date nor ``latest``.
        NoPriceError: there is no snapshot so old, or a pinned one is not on this machine.
        ArtifactError: the lock or a snapshot cannot be read.
    """
    from infercost.store.price_lock import find_lock, read_lock

    path = find_lock() if prices is None else None
    if path is not None:
        return _pinned(providers, read_lock(path), path, every_mode=every_mode)
    day = None if prices in (None, LATEST) else _day(prices)
    volumes: dict[str, Volume] = {}
    warnings: list[str] = []
    for provider in providers:
        snapshot, catalog, found = _newest(provider, day, currency, every_mode=every_mode)
        volumes[provider.name] = Volume(snapshot, catalog)
        warnings += found
    return Book(volumes, tuple(warnings))


def lock_prices(book: Book) -> PriceLock:
    """A lock that pins a book's snapshots."""
    from infercost.store.price_lock import Pin, PriceLock

    return PriceLock(
        {name: Pin(v.catalog.as_of, v.catalog.sha256, v.catalog.currency) for name, v in book.volumes.items()}, __version__
    )


def choose_currency(currency: str | None, fx: str | ExchangeRate | None, today: date) -> tuple[str, ExchangeRate | None]:
    """The currency of an answer, and the user's rate where one was given.

    Raises:
        UsageError: the rate cannot be read, is of another currency, or is dated after ``today``.
    """
    rate = ExchangeRate.parse(fx) if isinstance(fx, str) else fx
    chosen = currency or (rate.currency if rate else "USD")
    if not re.fullmatch("[A-Z]{3}", chosen):
        raise UsageError(f"cannot read the currency {chosen!r}; write it like --currency EUR")
    if rate is not None and rate.currency != chosen:
        raise UsageError(f"the rate is for {rate.currency} and the currency is {chosen}; give --fx {chosen}=RATE@DATE")
    if rate is not None and rate.as_of > today.isoformat():
        raise UsageError(f"the exchange rate is of {rate.as_of}, which is in the future; give the day that it was had on")
    return chosen, rate


def stale_rate(rate: ExchangeRate | None, today: date) -> tuple[str, ...]:
    """A warning where the user's exchange rate is older than prices may be."""
    from infercost.engine.caveats import STALE_AFTER_DAYS

    age = 0 if rate is None else (today - date.fromisoformat(rate.as_of)).days
    if rate is None or age <= STALE_AFTER_DAYS:
        return ()
    return (f"the exchange rate is {age} days old ({rate.as_of}); give a newer one: --fx {rate.currency}=RATE@DATE",)


def exchanged(catalogs: Iterable[Catalog], currency: str, rate: ExchangeRate | None) -> list[Catalog]:
    """The catalogs in one currency: as the cloud states them, else by the user's rate.

    Raises:
        UsageError: a catalog is in another currency and there is no rate for it.
    """
    from infercost.engine.currency import convert

    found = []
    for catalog in catalogs:
        if catalog.currency == currency:
            found.append(catalog)
        elif catalog.currency != "USD":
            raise UsageError(
                f"{catalog.provider} prices are in {catalog.currency} and not in {currency}; try --currency {catalog.currency}"
            )
        elif rate is None:
            raise UsageError(
                f"{catalog.provider} prices are in USD, and there is no hidden exchange rate; give one with its day:"
                f" --fx {currency}=RATE@DATE"
            )
        else:
            found.append(convert(catalog, rate))
    return found


def discounted(
    catalogs: Iterable[Catalog], discounts: Discounts | str | os.PathLike[str] | None, *, search: bool = True
) -> list[Catalog]:
    """The catalogs at what the user pays.

    Args:
        catalogs: whole catalogs at list prices, so that names can be checked against them.
        discounts: what to apply, or the file that says it.
        search: whether to use ``infercost-discounts.yml`` of the working directory when none are given.

    Raises:
        UsageError: the file cannot be read, or names what is not there.
    """
    from infercost.domain.discount import Discounts
    from infercost.engine.discounts import apply_discounts
    from infercost.registry import provider_names
    from infercost.store.discounts import find_discounts, read_discounts

    if discounts is None and search:
        discounts = find_discounts()
    if discounts is None:
        return list(catalogs)
    if not isinstance(discounts, Discounts):
        discounts = read_discounts(Path(discounts), provider_names())
    return [apply_discounts(catalog, discounts) for catalog in catalogs]


def _newest(
    provider: Provider, day: str | None, currency: str, *, every_mode: bool
) -> tuple[Snapshot, Catalog, tuple[str, ...]]:
    from infercost.store.snapshots import Source, list_snapshots, newest

    own = Source(provider.name, provider.catalog_package, currency)
    if currency != "USD" and any(day is None or snapshot.as_of <= day for snapshot in list_snapshots(own)):
        return newest(own, on_or_before=day, every_mode=every_mode)
    return newest(Source(provider.name, provider.catalog_package), on_or_before=day, every_mode=every_mode)


def _pinned(providers: Iterable[Provider], lock: PriceLock, path: Path, *, every_mode: bool) -> Book:
    from infercost.store.snapshots import Source, choose

    volumes = {}
    for provider in providers:
        pin = lock.pins.get(provider.name)
        if pin is None:
            raise NoPriceError(
                f"{path} does not pin the prices of {provider.name}; run: infercost prices lock, or leave it out with"
                f" --provider {' --provider '.join(lock.pins)}"
            )
        try:
            source = Source(provider.name, provider.catalog_package, pin.currency)
            volumes[provider.name] = Volume(*choose(source, pin.sha256, every_mode=every_mode))
        except NoPriceError as error:
            wrote = f"install infercost {lock.infercost}, which wrote the lock" if lock.infercost != __version__ else ""
            raise NoPriceError(
                f"{path} pins {provider.name} prices of {pin.as_of}: {error}; {wrote or 'copy them from where it was written'},"
                f" or pin those that are here with: infercost prices lock"
            ) from None
    return Book(volumes)


def _day(text: str | None) -> str:
    try:
        return date.fromisoformat(text or "").isoformat()
    except ValueError:
        raise UsageError(f"cannot read the date {text!r}; write it like --prices 2026-09-22, or --prices latest") from None
