"""Write the simulator's kernels in LLVM's language into the package; ``--check`` says whether they are those of the code.

Run after a change in ``engine/simulate`` that a kernel reaches. Until then what is shipped is not used and the
kernels are compiled on first use. Takes a minute; the result does not depend on the processor.
"""

from __future__ import annotations

import os

# Before numba is imported: nothing of this processor may get into the code.
os.environ.update(NUMBA_CPU_NAME="x86-64-v3", NUMBA_CPU_FEATURES="", NUMBA_DISABLE_INTEL_SVML="1")

import argparse
import gzip
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, register_jitable
from numba.np.arrayobj import make_array, populate_array

from infercost.engine.planner import compiled as planner
from infercost.engine.planner.flow import Station, flow
from infercost.engine.simulate import compiled, machine, modes, simulation
from infercost.engine.simulate.packing import layout, leaves
from infercost.engine.simulate.serving import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

ALLOWED = {"log", "exp", "cos", "sqrt", "memset", "memcpy", "memmove"}
"""What a kernel may need from outside; everything else would have to be there on every machine."""


class Kernel(NamedTuple):
    path: Path
    modules: tuple[str, ...]
    """Whose source it is made of."""
    function: Callable[[], object]
    arguments: Callable[[], tuple[object, ...]]


def called(module: ModuleType, call: Callable[[], object]) -> tuple[object, ...]:
    """The arguments that a kernel is called with."""
    seen: list[tuple[object, ...]] = []

    def catch(*arguments: object) -> int:
        seen.append(arguments)
        return ENDED

    original, module.compiled = module.compiled, lambda _: catch
    try:
        call()
    finally:
        module.compiled = original
    return seen[0]


def simulated(**settings: object) -> tuple[object, ...]:
    return called(simulation, lambda: simulation.simulate(np.arange(10.0), service=1.0, **settings))


def started() -> tuple[object, ...]:
    settings = {"service": 1.0, "max_concurrency": 2, "keep_alive_s": 1.0, "cold_start": 1.0}
    return called(modes, lambda: modes.simulate_serverless(np.arange(10.0), **settings))


def screened() -> tuple[object, ...]:
    """Arguments like those that the planner calls its fluid model with."""
    one, scaling = np.zeros(1), simulation.open_scaling(None, 60.0, 0.0, 1, np.uint64(0))
    station = Station(1.0, True, np.zeros(1, dtype=np.int64), np.zeros((1, 1, 1)), one, one, np.zeros((1, 1)))
    return one, 1.0, 1, 1.0, station, scaling, 1, np.zeros((1, 1)), one, one, one, one


def of_simulator(name: str, arguments: Callable[[], tuple[object, ...]]) -> Kernel:
    def function() -> object:
        compiled.register()
        return compiled.function_of(name)

    return Kernel(machine.FOLDER / f"{name}.ll.gz", compiled.MODULES, function, arguments)


def of_planner() -> object:
    planner.register()
    register_jitable(_nrt=False)(flow)
    return register_jitable(_nrt=False)(planner.into(flow))


KERNELS = (
    of_simulator("central", simulated),
    of_simulator("limited", lambda: simulated(concurrency_limit=5)),
    of_simulator("routed", lambda: simulated(routing="random")),
    of_simulator("serverless", started),
    Kernel(planner.PATH, planner.MODULES, of_planner, screened),
)


class Unpacking:
    """Source code that puts the arguments together again."""

    def __init__(self) -> None:
        self.addresses = self.floats = self.whole = 0
        self.types: dict[str, type] = {}

    def take(self, kind: str) -> int:
        place = getattr(self, kind)
        setattr(self, kind, place + 1)
        return place

    def of(self, value: object) -> str:
        if isinstance(value, tuple):
            self.types[type(value).__name__] = type(value)
            return f"{type(value).__name__}({', '.join(self.of(item) for item in value)})"
        if isinstance(value, np.ndarray):
            lengths = [f"n[{self.take('whole')}]" for _ in value.shape]
            return f"view_{value.dtype.name}_{value.ndim}(a[{self.take('addresses')}], {', '.join(lengths)})"
        if isinstance(value, float):
            return f"f[{self.take('floats')}]"
        entry = f"n[{self.take('whole')}]"
        if isinstance(value, bool):
            return f"{entry} != 0"
        return f"np.uint64({entry})" if isinstance(value, np.uint64) else entry


def views() -> dict[str, object]:
    """Functions that make an array of an address, by type and dimensions."""

    def maker(dtype: object, dimensions: int) -> object:
        kind, width, whole = types.Array(dtype, dimensions, "C"), dtype.bitwidth // 8, types.int64

        def codegen(context, builder, _signature, arguments):
            array = make_array(kind)(context, builder)
            lengths = list(arguments[1:])
            steps = [context.get_constant(types.intp, width)]
            for length in reversed(lengths[1:]):
                steps.insert(0, builder.mul(steps[0], length))
            data = builder.inttoptr(arguments[0], context.get_data_type(dtype).as_pointer())
            size = context.get_constant(types.intp, width)
            populate_array(array, data=data, shape=lengths, strides=steps, itemsize=size, meminfo=None)
            return array._getvalue()

        lengths = ", ".join(f"_{place}" for place in range(dimensions))
        scope = {"answer": (kind(*[whole] * (dimensions + 1)), codegen)}
        exec(f"def view(_context, _address, {lengths}):\n    return answer\n", scope)
        return intrinsic(scope["view"])

    names = {"float64": types.float64, "int64": types.int64, "int32": types.int32}
    return {f"view_{name}_{n}": maker(dtype, n) for name, dtype in names.items() for n in (1, 2, 3)}


def portable(kernel, arguments: tuple[object, ...]) -> str:
    """The kernel for such arguments, in LLVM's language, under the symbol that the package looks for."""
    unpacking = Unpacking()
    source = f"def entry(a, f, n):\n    return kernel({', '.join(unpacking.of(a) for a in arguments)})\n"
    scope = {"kernel": kernel, "np": np, **views(), **unpacking.types}
    exec(source, scope)
    signature = types.int64(types.CPointer(types.int64), types.CPointer(types.float64), types.CPointer(types.int64))
    options = {"_nrt": False, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    entry = numba.njit(signature, **options)(scope["entry"])
    result = entry.overloads[signature.args]
    text = result.library.get_llvm_str()
    return tidy(text, result.fndesc.mangled_name)


def tidy(text: str, entry: str) -> str:
    """Without the marks of this machine, and with short names.

    Raises:
        SystemExit: the code needs something that not every machine has.
    """
    lines = [line for line in text.split("\n") if not line.startswith(("target ", "; ModuleID", "source_filename"))]
    text = "\n".join(lines)
    needed = {name for name in re.findall(r"^declare [^@]*@\"?([\w.]+)", text, re.M) if not name.startswith("llvm.")}
    if needed - ALLOWED or "@llvm.x86" in text:
        raise SystemExit(f"the kernel would need {sorted(needed - ALLOWED)}")
    names = {entry: machine.SYMBOL}
    for place, name in enumerate(dict.fromkeys(re.findall(r"@\"?(_ZN[\w$.]+)", text))):
        names.setdefault(name, f"k{place}")
    text = re.sub(r"@(\"?)(_ZN[\w$.]+)\1", lambda match: f"@{names[match[2]]}", text)
    return re.sub(r"\$(_ZN[\w$.]+) = comdat", lambda match: f"${names[match[1]]} = comdat", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a kernel is of other code")
    options = parser.parse_args()
    stale = False
    for kernel in KERNELS:
        path, stamp = kernel.path, machine.stamp_of(kernel.modules)
        if options.check:
            current = path.exists() and gzip.decompress(path.read_bytes()).startswith(f"; {stamp}\n".encode())
            stale |= not current
            print(f"{path.name}: {'current' if current else 'of other code; run scripts/build_kernels.py'}")
            continue
        arguments = kernel.arguments()
        text = portable(kernel.function(), arguments)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(f"; {stamp}\n; {layout(arguments)}\n{text}".encode(), mtime=0))
        print(
            f"{path.name}: {len(text)} characters, {path.stat().st_size} bytes, {sum(1 for _ in leaves(arguments))} arguments"
        )
    sys.exit(int(stale))


if __name__ == "__main__":
    main()
