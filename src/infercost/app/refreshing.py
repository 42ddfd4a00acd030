"""Refreshing prices from the clouds' own sources into the user's history. One that fails stops no other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infercost.app.selection import choose_providers, choose_regions
from infercost.domain.errors import InfercostError, NoPriceError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from infercost.domain.price import Catalog, Region
    from infercost.domain.price_report import PriceChange
    from infercost.domain.provider import Provider
    from infercost.domain.refresh import Finding, Refreshed, RefreshProgress
    from infercost.store.pricebook_checks import Finding as CheckFinding
    from infercost.store.snapshot_format import Explanation, Manifest
    from infercost.store.snapshots import Snapshot

__all__ = ["Outcome", "merge_regions", "refresh_prices"]

HARD_CHECKS = frozenset({"date", "provenance", "offers", "region", "duplicate", "name", "unit", "price", "tiers"})
"""Checks that refreshed prices must pass to be kept. The others say that a price is odd, which may be true."""

LEAST_KEPT = 0.5
"""Share of the known priced offers of the refreshed regions below which a refresh is taken for damaged."""


_OTHERS = "; other regions: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the refresh of one provider went."""

    provider: str
    snapshot: Snapshot | None = None
    catalog: Catalog | None = None
    changes: tuple[PriceChange, ...] = ()
    """Since the prices that were current before."""
    findings: tuple[Finding, ...] = ()
    """What the source does not say, or says in a way that was not understood."""
    extras: int = 0
    """Prices of commitments, fees and the like that were kept beside."""
    error: InfercostError | None = None
    """Why nothing was kept; the prices from before remain."""


def refresh_prices(
    *,
    providers: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    currency: str = "USD",
    api_key: str | None = None,
    endpoints: Mapping[str, str] | None = None,
    today: date | None = None,
    on_progress: Callable[[RefreshProgress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Read official prices and keep them.

    Args:
        providers: restrict to these clouds; None means all that are installed.
        regions: restrict to these regions (``region``, ``provider:region``); a cloud with none of them is
            left out. The others keep the prices and the date that they had.
        currency: ask for prices in this currency; clouds that state USD only fail.
        api_key: for clouds that want one.
        endpoints: base URLs by provider, in place of the official ones.
        today: what the dates in the data are checked against; None means today (UTC).
        on_progress: called as documents arrive.
        on_outcome: called as each cloud is done.

    Raises:
        UnknownNameError: a provider or region is not known.
    """
    from infercost.registry import all_providers

    chosen = choose_providers(all_providers(), providers)
    current = {name: _current(provider, "USD") for name, provider in chosen.items()}
    where = choose_regions(chosen, [c for c in current.values() if c], regions) if regions else dict.fromkeys(chosen)
    outcomes = []
    for name, provider in chosen.items():
        wanted = where[name]
        if wanted == ():
            continue
        request = _Request(provider, current[name], wanted, currency, today or datetime.now(UTC).date())
        outcome = request.run(api_key, (endpoints or {}).get(name), on_progress)
        outcomes.append(outcome)
        if on_outcome is not None:
            on_outcome(outcome)
    return tuple(outcomes)


@dataclass(frozen=True, slots=True)
class _Request:
    provider: Provider
    known: Catalog | None
    """The current prices in USD; None when even the shipped ones are damaged."""
    regions: tuple[str, ...] | None
    currency: str
    today: date

    def run(self, api_key: str | None, endpoint: str | None, on_progress: Callable[[RefreshProgress], None] | None) -> Outcome:
        name = self.provider.name
        try:
            refreshed = self._read(api_key, endpoint, on_progress)
            before = self.known if self.currency == "USD" else _current(self.provider, self.currency)
            catalog = refreshed.catalog
            if self.regions is not None and before is not None:
                catalog = merge_regions(before, catalog, self.regions)
            snapshot = self._keep(catalog, refreshed, before)
        except InfercostError as error:
            return Outcome(provider=name, error=error)
        from infercost.engine.price_diff import diff_catalogs

        return Outcome(
            provider=name,
            snapshot=snapshot,
            catalog=catalog,
            changes=diff_catalogs(before, catalog) if before is not None else (),
            findings=refreshed.findings,
            extras=len(refreshed.extras),
        )

    def _read(
        self, api_key: str | None, endpoint: str | None, on_progress: Callable[[RefreshProgress], None] | None
    ) -> Refreshed:
        from infercost.providers.refreshing import load_refresh
        from infercost.store.cache import cache_dir
        from infercost.store.hardware import load_hardware
        from infercost.store.locking import hold

        name = self.provider.name
        refresh = load_refresh(self.provider)
        if refresh is None or self.known is None:
            raise ProviderError(f"{name}: this provider has no price source to refresh from; its shipped prices stay in use")
        hardware = {kind: found for (owner, kind), found in load_hardware().instances.items() if owner == name}
        folder = cache_dir() / "downloads" / name
        with hold(folder.with_suffix(".lock")):
            folder.mkdir(parents=True, exist_ok=True)
            return refresh(
                shipped=self.known,
                folder=folder,
                hardware=hardware,
                regions=self.regions,
                currency=self.currency,
                endpoint=endpoint,
                api_key=api_key,
                on_progress=on_progress,
            )

    def _keep(self, catalog: Catalog, refreshed: Refreshed, before: Catalog | None) -> Snapshot:
        from infercost.store.extras import EXTRAS_FILE, encode_extras
        from infercost.store.pricebook import load_manifest
        from infercost.store.references import check_references, load_references
        from infercost.store.snapshot_format import encode_snapshot
        from infercost.store.snapshots import Source, keep, keep_shipped

        _refuse_losses(catalog, before, self.regions)
        manifest = load_manifest(self.provider.catalog_package)
        compared, _ = check_references(catalog, load_references(self.provider.catalog_package))
        files = encode_snapshot(
            catalog,
            flags={flag: manifest.flags[flag] for flag in sorted({o.flag for o in catalog.offers} & set(manifest.flags))},
            known_gaps=[f"{finding.subject}: {finding.reason}" for finding in refreshed.findings],
            explanations=_check(catalog, manifest, compared, self.today),
            sources=[{"file": refreshed.catalog.source, "origin": refreshed.catalog.source, "licence": catalog.licence}],
            extra_files={EXTRAS_FILE: encode_extras(refreshed.extras)},
        )
        source = Source(self.provider.name, self.provider.catalog_package, self.currency)
        if self.currency == "USD":
            keep_shipped(source)
        return keep(source, files)


def merge_regions(before: Catalog, refreshed: Catalog, regions: Sequence[str]) -> Catalog:
    """The refreshed regions in place of the old ones; the others stay, with the date that they had."""
    fresh = set(regions)

    def dated(region: Region) -> Region:
        return replace(region, as_of=region.as_of or before.as_of)

    kept = {key: dated(region) for key, region in before.regions.items() if key not in fresh}
    states = {(rate.item, rate.region) for rate in refreshed.rates if rate.region in fresh or rate.region == "*"}
    old_rates = [r for r in before.rates if r.region not in fresh and (r.item, r.region) not in states]
    regions_now = {**kept, **{key: region for key, region in refreshed.regions.items() if key in fresh}}
    sources = dict.fromkeys([refreshed.source, *(before.source.split(_OTHERS) if kept else ())])
    return replace(
        refreshed,
        source=_OTHERS.join(sources),
        offers=(*(o for o in before.offers if o.region not in fresh), *(o for o in refreshed.offers if o.region in fresh)),
        rates=(*old_rates, *(r for r in refreshed.rates if r.region in fresh or r.region == "*")),
        regions={key: regions_now[key] for key in sorted(regions_now)},
        flags={**before.flags, **refreshed.flags},
        derived=before.derived or refreshed.derived if kept else refreshed.derived,
        derivation=(refreshed.derivation or before.derivation) if kept else refreshed.derivation,
    )


def _current(provider: Provider, currency: str) -> Catalog | None:
    from infercost.store.snapshots import Source, newest

    try:
        return newest(Source(provider.name, provider.catalog_package, currency), every_mode=True)[1]
    except NoPriceError:
        return None


def _refuse_losses(catalog: Catalog, before: Catalog | None, regions: Sequence[str] | None) -> None:
    """A source that suddenly prices half as much is damaged or has changed; the last good prices stay."""
    if before is None:
        return
    scope = set(regions or before.regions)
    had, has = (sum(o.answers and o.price is not None and o.region in scope for o in c.offers) for c in (before, catalog))
    if has < had * LEAST_KEPT:
        raise ProviderError(
            f"{catalog.provider}: the source prices {has:,} offers where {had:,} were known, which is not believed; the last"
            " prices are kept; look at the source, and update infercost: pip install --upgrade infercost"
        )


def _check(catalog: Catalog, manifest: Manifest, compared: Sequence[CheckFinding], today: date) -> list[Explanation]:
    """The explanations that still explain something; ``compared`` are the findings against references.

    Raises:
        ProviderError: the prices cannot be right.
    """
    from infercost.store.pricebook_checks import Finding, verify_catalog

    dollars = replace(catalog, currency="USD")
    found = verify_catalog(dollars, today=today, explanations=manifest.explanations, also=compared)
    hard = [finding for finding in found if finding.check in HARD_CHECKS and finding.explained is None]
    if catalog.currency != "USD":
        # What a price may be is known in USD only; that it is above 0 holds in any currency.
        wrong = [o for o in catalog.offers if o.price is not None and o.price <= 0]
        hard = [f for f in hard if f.check != "price"]
        hard += [Finding("price", f"{o.region}/{o.instance_type}", f"{o.price} {catalog.currency}") for o in wrong]
    if hard:
        first = hard[0]
        raise ProviderError(
            f"{catalog.provider}: the refreshed prices cannot be right ({first.check}: {first.subject}: {first.message};"
            f" {len(hard):,} such); the last prices are kept; report this"
        )
    gone = {finding.subject for finding in found if finding.check == "explanation"}
    return [e for e in manifest.explanations if f"{e.check}: {e.subject}" not in gone]
