"""Kernels that come with the package in LLVM's language: made into machine code in a moment, where compiling takes long.

``scripts/build_kernels.py`` writes them. What is shipped is used only if it was made from the very code that is
installed, on the platforms that it was tried on; else the caller compiles.
"""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import os
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infercost.engine.simulate.packing import layout, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ["FOLDER", "SYMBOL", "fits_here", "load", "stamp_of"]

FOLDER: Final = Path(__file__).with_name("kernels")
SYMBOL: Final = "infercost_kernel"
_CALL: Final = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)
"""Where the result goes, where an error would (kernels raise none), addresses, floats, whole numbers."""


def fits_here() -> bool:
    """Whether shipped kernels may be used on this platform: where they were tried."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 2**32


def stamp_of(modules: Sequence[str]) -> str:
    """A word that changes with the source of any of these modules; empty where there is no source to read."""
    digest = hashlib.sha256()
    for name in modules:
        path = getattr(import_module(name), "__file__", None)
        try:
            digest.update(name.encode() + Path(path or "").read_bytes().replace(b"\r\n", b"\n"))
        except OSError:
            return ""
    return digest.hexdigest()[:24]


def load(path: Path, stamp: str) -> Callable[..., int] | None:
    """A shipped kernel, or None where it cannot be used.

    Args:
        path: of the kernel, as ``scripts/build_kernels.py`` writes it.
        stamp: that of the code as it is now.
    """
    if not fits_here() or not stamp:
        return None
    try:
        import llvmlite.binding as llvm

        first, second, text = gzip.decompress(path.read_bytes()).decode().split("\n", 2)
        if first != f"; {stamp}":
            return None
        address, keep = _machine_code(llvm, text, f"{path.name.partition('.')[0]}-{stamp}")
    except (ImportError, OSError, ValueError, RuntimeError):
        return None
    return _callable(address, second.removeprefix("; "), keep)


def _callable(address: int, expected: str, keep: object) -> Callable[..., int]:
    function = _CALL(address)

    def run(*arguments: Any) -> int:
        if layout(arguments) != expected:
            raise TypeError(f"this kernel takes {expected}, got {layout(arguments)}")
        packed = pack(arguments)
        result = ctypes.c_int64()
        error = ctypes.c_void_p()
        places = (part.ctypes.data for part in packed)
        function(ctypes.addressof(result), ctypes.addressof(error), *places)
        return result.value

    run.__dict__["engine"] = keep  # the machine code lives as long as its engine
    return run


def _machine_code(llvm: Any, text: str, name: str) -> tuple[int, object]:
    """The address of the kernel, made for this processor; from the second time on read from a file."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    processor, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple().create_target_machine(cpu=processor, features=features, opt=2, jit=True)
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = target.triple, str(target.target_data)
    engine = llvm.create_mcjit_compiler(module, target)
    key = hashlib.sha256(f"{processor} {features} {llvm.llvm_version_info}".encode()).hexdigest()[:16]
    engine.set_object_cache(lambda _, code: _keep(f"{name}-{key}.o", code), lambda _: _kept(f"{name}-{key}.o"))
    engine.finalize_object()
    return engine.get_function_address(SYMBOL), engine


def _folders() -> list[Path]:
    """Where machine code may be kept, in order."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return [Path(chosen)] if chosen else [Path(__file__).with_name("__pycache__"), user_cache_path("infercost") / "kernels"]


def _keep(name: str, code: bytes) -> None:
    for folder in _folders():
        draft = folder / f"{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(code)
            draft.replace(folder / name)
        except OSError:
            continue
        return


def _kept(name: str) -> bytes | None:
    for folder in _folders():
        try:
            return (folder / name).read_bytes()
        except OSError:
            continue
    return None
