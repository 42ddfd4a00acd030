"""Requests that differ: classes with their shares and relative work."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RequestClasses"]

_EXAMPLE: Final = "short=80%x0.5,long=20%x3"
_CLASS: Final = re.compile(r"(?P<share>[0-9]*\.?[0-9]+)\s*(?P<percent>%?)\s*[x×*]\s*(?P<work>[0-9]*\.?[0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClasses:
    """Classes of requests, drawn independently of each other and of the time."""

    names: tuple[str, ...]
    shares: tuple[float, ...]
    """Of the requests; they sum to 1."""
    works: tuple[float, ...]
    """Work of one request over that of the mean request, so that the mean over requests is 1."""

    @classmethod
    def parse(cls, text: str) -> RequestClasses:
        """Read ``short=80%x0.5,long=20%x3``: by class its share and the work of one request.

        Only proportions count: shares are divided by their sum, works by their mean over requests.

        Raises:
            UsageError: the text is not of that form, names a class twice, or adds up to nothing.
        """
        found: dict[str, tuple[float, float]] = {}
        for part in text.split(","):
            name, sign, figures = (piece.strip() for piece in part.partition("="))
            match = _CLASS.fullmatch(figures)
            if not sign or not name or match is None:
                raise UsageError(
                    f"cannot read the request class {part.strip()!r}; write classes like {_EXAMPLE} (share x work)"
                )
            if name in found:
                raise UsageError(f"the request class {name!r} is there twice; write each once, like {_EXAMPLE}")
            found[name] = float(match["share"]), float(match["work"])
        total = math.fsum(share for share, _ in found.values())
        mean = math.fsum(share * work for share, work in found.values())
        if not total > 0 or not mean > 0:
            raise UsageError(f"the request classes {text!r} add up to no work; write them like {_EXAMPLE}")
        return cls(
            names=tuple(found),
            shares=tuple(share / total for share, _ in found.values()),
            works=tuple(work * total / mean for _, work in found.values()),
        )

    def work(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Relative work of ``count`` requests."""
        import numpy as np

        return np.asarray(self.works)[self.indices(rng, count)]

    def indices(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Class of each of ``count`` requests, as a place in ``names``."""
        import numpy as np

        edges = np.cumsum(self.shares)
        return np.searchsorted(edges / edges[-1], rng.random(count), side="right").astype(np.int64)

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {share * 100:.3g} % of requests, {work:.3g} times the mean work"
            for name, share, work in zip(self.names, self.shares, self.works, strict=True)
        )
