"""Limits that a container sets: CPU quota and memory, cgroup v2 and v1."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")

_THROTTLED = {"throttled_usec": 1e-6, "throttled_time": 1e-9}
"""cgroup v2 and v1, and their units."""

_UNLIMITED = 1 << 60
"""cgroup v1 writes a page-rounded ``LONG_MAX`` for 'no limit'."""


def cpu_quota(root: Path | None = None, membership: Path | None = None) -> float | None:
    """CPUs that the container may use; None without a limit. The tightest limit on the way up counts."""
    quotas = []
    for folder in _folders("cpu", root, membership):
        if (line := _read(folder / "cpu.max")) is not None:
            quota, _, period = line.partition(" ")
            quotas += [float(quota) / float(period or 100_000)] if quota != "max" else []
        elif (quota_us := _number(folder / "cpu.cfs_quota_us")) is not None and quota_us > 0:
            quotas.append(quota_us / (_number(folder / "cpu.cfs_period_us") or 100_000))
    return min(quotas, default=None)


def throttled_s(root: Path | None = None, membership: Path | None = None) -> float | None:
    """Seconds that the CPU quota has stopped this container so far; None where the kernel does not count."""
    for folder in _folders("cpu", root, membership):
        for line in (_read(folder / "cpu.stat") or "").splitlines():
            name, _, value = line.partition(" ")
            if name in _THROTTLED and value.isdigit():
                return int(value) * _THROTTLED[name]
    return None


def memory_limit(root: Path | None = None, membership: Path | None = None) -> int | None:
    """Bytes that the container may use; None without a limit."""
    limits = [limit for limit, _ in _memory(root, membership)]
    return min(limits, default=None)


def memory_headroom(root: Path | None = None, membership: Path | None = None) -> int | None:
    """Bytes left under the container's limits; None without a limit."""
    return min((max(0, limit - used) for limit, used in _memory(root, membership)), default=None)


def _memory(root: Path | None, membership: Path | None) -> list[tuple[int, int]]:
    found = []
    for folder in _folders("memory", root, membership):
        for limit_file, usage_file in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            limit = _number(folder / limit_file)
            if limit is not None and 0 < limit < _UNLIMITED:
                found.append((limit, _number(folder / usage_file) or 0))
    return found


def _folders(controller: str, root: Path | None, membership: Path | None) -> list[Path]:
    """The process's folders from its own cgroup up to the root, in both hierarchies."""
    root, membership = root or ROOT, membership or SELF
    folders: list[Path] = []
    for line in (_read(membership) or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        base = root if not controllers else root / controller
        parts = [part for part in path.split("/") if part]
        folders += [base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    return list(dict.fromkeys([*folders, root, root / controller]))


def _read(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None


def _number(file: Path) -> int | None:
    text = _read(file)
    return int(text) if text and text.lstrip("-").isdigit() else None
