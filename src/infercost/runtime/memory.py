"""Memory of this process, and how much a model may take."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def reset_peak() -> None:
    """Forget the peak so far, where the kernel lets a process do that."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return


def peak_bytes() -> int:
    """Highest resident memory since the last reset, or since the process began.

    Linux: ``VmHWM``, not ``ru_maxrss``, which a child inherits from the process that started it.
    """
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = getattr(psutil.Process().memory_info(), "peak_wset", None)
    if peak is not None:
        return int(peak)
    return _peak_of_rusage()


def _peak_of_rusage() -> int:
    if sys.platform == "win32":
        return resident_bytes()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def available_bytes() -> int:
    """Memory that a new process may take: free memory, within the container's limit."""
    from infercost.runtime.cgroup import memory_headroom

    free = int(psutil.virtual_memory().available)
    headroom = memory_headroom()
    return free if headroom is None else min(free, headroom)


def needed_bytes(file_bytes: int, activation_bytes: int) -> int:
    """Memory to load and run a model: the file, half as much again for repacked weights, and activations."""
    return file_bytes * 3 // 2 + activation_bytes
