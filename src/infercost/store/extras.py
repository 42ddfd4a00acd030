"""Prices that a snapshot holds beside its catalog: other serving modes, spot, commitments.

They are shown, and not used by estimates: no estimate models what they pay for.
"""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import TYPE_CHECKING, cast

from infercost.domain.errors import ArtifactError
from infercost.domain.refresh import ExtraPrice
from infercost.store.snapshot_format import read_manifest, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infercost.domain.refresh import ExtraKind
    from infercost.store.snapshot_format import Location

__all__ = ["EXTRAS_FILE", "encode_extras", "read_extras"]

EXTRAS_FILE = "extras.csv"
COLUMNS = ("kind", "region", "instance_type", "applies_to", "unit", "price", "term", "payment", "as_of", "source")


def encode_extras(extras: Iterable[ExtraPrice]) -> bytes:
    """The table of a snapshot; the same prices give the same bytes."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        sorted(
            (e.kind, e.region, e.instance_type, e.applies_to, e.unit, format(e.price.normalize(), "f"), e.term, e.payment,
             e.as_of, e.source)
            for e in extras
        )
    )  # fmt: skip
    return buffer.getvalue().encode()


def read_extras(location: Location) -> tuple[ExtraPrice, ...]:
    """What a snapshot holds beside its catalog; nothing where it has no such table.

    Raises:
        ArtifactError: the table is damaged.
    """
    manifest = read_manifest(location)
    if EXTRAS_FILE not in manifest.files:
        return ()
    try:
        return tuple(
            ExtraPrice(
                provider=manifest.provider,
                kind=cast("ExtraKind", kind),
                region=region,
                instance_type=instance,
                applies_to=applies_to,  # type: ignore[arg-type]
                unit=unit,
                price=Decimal(price),
                term=term,
                payment=payment,
                currency=manifest.currency,
                as_of=as_of or manifest.as_of,
                source=source or manifest.source,
            )
            for kind, region, instance, applies_to, unit, price, term, payment, as_of, source in read_table(
                location, EXTRAS_FILE, manifest, COLUMNS
            )
        )
    except InvalidOperation:
        raise ArtifactError(f"{location.name(EXTRAS_FILE)} holds a price that is no number; {location.remedy}") from None
