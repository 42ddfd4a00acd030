"""Access logs in the common and the combined format of Apache and nginx."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import TrafficError
from infercost.store.traffic_files.counting import Tally
from infercost.store.traffic_files.opening import LOG_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infercost.domain.workload import Trace, TrafficColumns
    from infercost.store.traffic_files.opening import Opened

__all__ = ["read_access_log"]

_BLOCK: Final = 1 << 23
_LONGEST_LINE: Final = 1 << 26
_BAD: Final = 0.5
"""Share of lines that are none of an access log's, above which it is not taken for one."""


def read_access_log(opened: Opened, columns: TrafficColumns) -> Trace:
    """Requests by second, whatever the order of the lines; times of any zone are taken to UTC.

    Raises:
        TrafficError: most lines are no requests, or a date does not exist.
    """
    source = str(opened.path)
    if columns.time or columns.count or columns.work:
        raise TrafficError(f"{source} is an access log, which has no columns to choose; drop --traffic-column")
    tally, above, lines, good, first_bad = Tally(source), 0, 0, 0, 0
    for block in _blocks(opened):
        stamps = Counter(LOG_LINE.findall(block))
        found = sum(stamps.values())
        written = block.count(b"\n") + (not block.endswith(b"\n"))
        if found < written and not first_bad:
            first_bad = _first_bad(block, above)
        tally.add(_seconds(source, stamps), np.fromiter(stamps.values(), dtype=np.int64, count=len(stamps)))
        lines += written if found == written else sum(bool(line.strip()) for line in block.split(b"\n"))
        above, good = above + written, good + found
    bad = lines - good
    if bad > _BAD * lines:
        raise TrafficError(
            f"{source}: {bad:,} of {lines:,} lines are no requests in common or combined log format (first: line {first_bad}); "
            "convert it to a CSV with a column named time"
        )
    left_out = (f"{bad:,} of {lines:,} lines are no requests (first: line {first_bad}): left out",) if bad else ()
    return tally.trace(
        absolute=True, notes=("the log has whole seconds: requests are spread at random within theirs", *left_out)
    )


def _blocks(opened: Opened) -> Iterator[bytes]:
    """The file in pieces that end with a line."""
    rest = b""
    while piece := opened.stream.read(_BLOCK):
        rest += piece
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > _LONGEST_LINE:
            raise TrafficError(f"{opened.path} has a line of more than {_LONGEST_LINE >> 20} MiB; is it a log?")
    if rest.strip():
        yield rest


def _seconds(source: str, stamps: Counter[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    found = np.empty(len(stamps), dtype=np.int64)
    for i, stamp in enumerate(stamps):
        text = stamp.decode("ascii")
        try:
            found[i] = int(datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp())
        except ValueError:
            raise TrafficError(f"{source}: there is no such time as {text!r}; mend or drop its line") from None
    return found


def _first_bad(block: bytes, above: int) -> int:
    """Number of the first line that is no request, blank ones aside; 0 if there is none."""
    for i, line in enumerate(block.split(b"\n")):
        if line.strip() and not LOG_LINE.match(line):
            return above + i + 1
    return 0
