"""``infercost traffic``."""

from __future__ import annotations

from infercost.cli import _options as options
from infercost.cli import _traffic_options as traffic_options


def traffic(
    source: traffic_options.Source,
    scale: traffic_options.Scale = None,
    peak: traffic_options.Peak = None,
    clip: traffic_options.Clip = None,
    repeat: traffic_options.Repeat = None,
    burstiness: traffic_options.Burstiness = None,
    traffic_column: traffic_options.TrafficColumn = None,
    classes: traffic_options.Classes = None,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Show what is understood of a traffic file or shape: length, requests, peak, spread, gaps."""
    from infercost.app.traffic import describe_traffic
    from infercost.cli import _output

    chosen = _output.choose_format(fmt, out)
    _output.check(out)
    found = traffic_options.read_traffic(
        source,
        scale=scale,
        peak=peak,
        clip=clip,
        repeat=repeat,
        burstiness=burstiness,
        columns=traffic_column,
        classes=classes,
    )
    report = describe_traffic(found)
    _output.emit(report, chosen, out, quiet=quiet)
    _output.warn(report.notes, quiet=quiet or chosen in _output.SHOWS_WARNINGS)
