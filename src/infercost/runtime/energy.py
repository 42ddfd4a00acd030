"""Energy counters: RAPL for CPU packages, NVIDIA's library for a GPU."""

from __future__ import annotations

from pathlib import Path

from infercost.runtime.accelerator import device_energy_j

_POWERCAP = Path("/sys/class/powercap")


def joules(device: str = "cpu") -> float | None:
    """Joules counted so far by the device's counter; None where there is none that may be read."""
    return device_energy_j() if device in ("cuda", "tensorrt") else package_joules()


def package_joules(root: Path = _POWERCAP) -> float | None:
    """Joules of all CPU packages, by Linux's powercap interface (RAPL). Most clouds hide it, and only root may read it.

    The counter wraps after ``max_energy_range_uj``, hours at full load: a stretch of seconds that holds a wrap
    shows as negative and is counted as none by the reader.
    """
    total, found = 0, False
    for zone in sorted(root.glob("intel-rapl:*")):
        if zone.name.count(":") != 1:
            continue  # a subzone is part of its package
        try:
            total, found = total + int((zone / "energy_uj").read_text()), True
        except (OSError, ValueError):
            return None
    return total / 1e6 if found else None
