"""Files are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from infercost.domain.errors import OutputError

_FULL = ("the disk is full or the quota is used up", "free some space; nothing was changed")
_DENIED = ("no permission to write in {folder}", "choose another path")
_READ_ONLY = ("the file is read-only", "choose another path or make it writable")
_EXPLANATIONS: dict[int | None, tuple[str, str]] = {
    errno.ENOENT: ("the folder {folder} does not exist", "run: mkdir -p {folder}"),
    errno.EISDIR: ("it is a folder", "name a file in it, for example {example}"),
    errno.ENOTDIR: ("{folder} is not a folder", "choose another path"),
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: ("the file system is read-only", "choose another path"),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
}


class _ReadOnlyError(PermissionError):
    """The file exists and must not be replaced, though its folder would allow it."""


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Put ``data`` at ``path`` so that a reader sees the old file or the new one, never half.

    A temporary file in the same folder is flushed to disk and renamed. An existing file keeps
    its permissions, a new one follows the umask, and a symbolic link stays a link. Whatever
    interrupts the writing, the temporary file is removed. A device or a pipe is written through.

    Raises:
        OutputError: the file cannot be written; the message says why and what to do.
    """
    try:
        target, mode = _checked(path)
        if mode is not None and not stat.S_ISREG(mode):
            _write_through(target, data)
            return
        _replace(target, data, mode)
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(_explain(Path(path), error)) from None


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse now what :func:`write_atomic` would refuse later, after the work was done. Nothing is written.

    Raises:
        OutputError: the file could not be written; the message says why and what to do.
    """
    try:
        target, mode = _checked(path)
        if mode is None or stat.S_ISREG(mode):
            _check_folder(target.parent)
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(_explain(Path(path), error)) from None


def _checked(path: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """The file behind symbolic links, and its mode; None when there is none yet."""
    mode = _mode_of(Path(path))
    if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # A pipe behind /dev/stdout has no path of its own: it is opened by the name that was given.
        return Path(path), mode
    target = Path(path).resolve()
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if mode is not None and stat.S_ISREG(mode) and not os.access(target, os.W_OK):
        raise _ReadOnlyError
    return target, mode


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _mode_of(target: Path) -> int | None:
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _write_through(target: Path, data: bytes) -> None:
    with target.open("wb") as file:
        file.write(data)


def _replace(target: Path, data: bytes, mode: int | None) -> None:
    temporary = target.with_name(f".infercost-{secrets.token_hex(8)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(target)
    finally:
        # Also reached by KeyboardInterrupt; after a successful rename there is nothing to remove.
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _folder_of(path: Path) -> Path:
    """The folder that a file at ``path`` would be in: behind a link, that of the link's target."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        if path.is_symlink():
            return path.resolve().parent
    return path.parent


def _explain(path: Path, error: Exception) -> str:
    """One line: the path, the reason, the next step."""
    code = error.errno if isinstance(error, OSError) else None
    reason, remedy = (
        _READ_ONLY if isinstance(error, _ReadOnlyError) else _EXPLANATIONS.get(code, ("{error}", "choose another path"))
    )
    name = str(path) if code != errno.ENAMETOOLONG else f"{str(path)[:60]}…"
    words = {
        "folder": _folder_of(path),
        "example": path / "out.json",
        "error": (error.strerror if isinstance(error, OSError) else None) or str(error),
    }
    return f"cannot write {name}: {reason.format_map(words)}; {remedy.format_map(words)}"
