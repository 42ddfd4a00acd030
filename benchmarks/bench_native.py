"""infercost's timing loop against a native one over ONNX Runtime's C API. Exits 1 when a bar is missed.

The native loop is ``native/loop.c``, built here with the system's C compiler and run on the very shared library that
the onnxruntime wheel ships. Both measure the same model with the same inputs in turns of a fraction of a second,
each in a process of its own on the same CPUs, so that what disturbs one disturbs the other.

The bars: p50 within 0.98 to 1.02 of the native one on models of 0.5 ms and more; at most 3 µs a call more on models
under 50 µs. Real models come from the package index (see tests/models/model_zoo.py); without it they are skipped.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import statistics
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import infercost
from infercost.runtime.inputs import generate_inputs, save_arrays
from infercost.runtime.inspect import inspect
from infercost.runtime.protocol import ModelSource, Point, PointReply, Slice, SliceReply
from infercost.runtime.workers import Worker

ROOT = Path(__file__).resolve().parents[1]
LOW, HIGH, CALL_US = 0.98, 1.02, 3.0
REAL = ("squeezenet", "shufflenet", "minilm-l6", "minilm-l6-int8", "pp-ocr-cls", "resnet50")
TYPES = {
    **{"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9},
    **{"float16": 10, "float64": 11},
}
MOST = 4000


def tiny_models(folder: Path) -> dict[str, Path]:
    """Models of some microseconds: one node, a small net, many small nodes."""
    rng = np.random.default_rng(0)

    def save(name: str, nodes, inputs, outputs, weights) -> Path:
        graph = helper.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(w, n) for n, w in weights.items()])
        path = folder / f"{name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    def value(name: str, size: int):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])

    one = save("add", [helper.make_node("Add", ["x", "x"], ["y"])], [value("x", 16)], [value("y", 16)], {})
    nodes, weights, last = [], {}, "x"
    for i, (a, b) in enumerate(((32, 64), (64, 64), (64, 8))):
        weights |= {f"w{i}": rng.random((a, b), np.float32), f"b{i}": rng.random(b, np.float32)}
        nodes += [helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"g{i}"]), helper.make_node("Relu", [f"g{i}"], [f"r{i}"])]
        last = f"r{i}"
    mlp = save("mlp", nodes, [value("x", 32)], [value(last, 8)], weights)
    chain = [helper.make_node("Sin" if i % 2 else "Cos", [f"t{i}" if i else "x"], [f"t{i + 1}"]) for i in range(12)]
    many = save("chain", chain, [value("x", 8)], [value("t12", 8)], {})
    return {"add": one, "mlp": mlp, "chain": many}


def real_models() -> dict[str, Path]:
    sys.path.insert(0, str(ROOT / "tests" / "models"))
    zoo = importlib.import_module("model_zoo")
    found = {"digits": Path(infercost.demo_model())}
    for name in REAL:
        try:
            found[name] = zoo.get_model(name)
        except zoo.FetchError as error:
            print(f"{name}: skipped, {error}")
    return found


def build(folder: Path) -> Path | None:
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if compiler is None or sys.platform != "linux":
        print("skipped: the native loop needs Linux and a C compiler (Debian: apt-get install gcc)")
        return None
    program = folder / "loop"
    source = Path(__file__).parent / "native" / "loop.c"
    subprocess.run([compiler, "-O2", "-Wall", "-o", program, source, "-ldl"], check=True)
    return program


def shared_library() -> Path | None:
    found = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    if not found:
        print("skipped: this onnxruntime wheel ships no shared library of its own")
        return None
    return found[0]


class Native:
    """The C loop in its own process."""

    def __init__(
        self, program: Path, library: Path, model: Path, arrays: dict, outputs: list[str], threads, folder: Path, cpus
    ):
        data, lines = b"", []
        for name, array in arrays.items():
            data += bytes(-len(data) % 64)
            sizes = " ".join(map(str, array.shape))
            lines.append(f"in {name} {TYPES[array.dtype.name]} {len(data)} {array.nbytes} {array.ndim} {sizes}")
            data += array.tobytes()
        lines += [f"out {name}" for name in outputs]
        (folder / "spec").write_text("\n".join(lines) + "\n")
        (folder / "data").write_bytes(data or b"\0")
        command = [program, library, model, str(threads), folder / "spec", folder / "data"]
        environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),  # noqa: PLW1509 - no thread of ours runs here
        )

    def turn(self, budget_s: float, between: int) -> list[int]:
        self.process.stdin.write(f"{round(budget_s * 1e9)} {MOST} {between}\n".encode())
        self.process.stdin.flush()
        (count,) = struct.unpack("q", self.process.stdout.read(8))
        return list(struct.unpack(f"{count}q", self.process.stdout.read(8 * count)))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def compare(model: Path, program: Path, library: Path, rounds: int, turn_s: float, threads: int):
    """p50 of both in microseconds, over all turns, and the ratio of each pair of turns."""
    facts = inspect(model)
    arrays = generate_inputs(facts, 1)
    if any(a.dtype == object for a in arrays.values()):
        return None
    cpus = sorted(os.sched_getaffinity(0))[-threads:]
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_arrays(folder / "x.npz", [arrays[t.name] for t in facts.inputs])
        request = Point(
            model=ModelSource(str(model)),
            names=[t.name for t in facts.inputs],
            arrays=str(folder / "x.npz"),
            level="all",
            threads=threads,
            device="cpu",
            cpus=cpus,
        )
        native = Native(program, library, model, arrays, [t.name for t in facts.outputs], threads, folder, cpus)
        ours = Worker(request, folder)
        try:
            ready = ours.hear()
            assert isinstance(ready, PointReply), ready
            typical = statistics.median(native.turn(0.1, 0)) / 1e9
            # A turn of a slow model holds enough runs for a median of its own.
            turn_s = max(turn_s, 12 * typical)
            between = int(turn_s / (MOST * typical))
            theirs_ns, ours_ns, ratios = [], [], []
            for index in range(rounds):
                pair = {}
                for who in ("native", "ours") if index % 2 else ("ours", "native"):
                    if who == "native":
                        pair[who] = native.turn(turn_s, between)
                    else:
                        reply = ours.obey(Slice(budget_s=turn_s, most_runs=MOST))
                        assert isinstance(reply, SliceReply), reply
                        pair[who] = reply.latencies_ns
                theirs_ns += pair["native"]
                ours_ns += pair["ours"]
                ratios.append((statistics.median(pair["ours"]), statistics.median(pair["native"])))
        finally:
            ours.close()
            native.close()
    return theirs_ns, ours_ns, ratios, ready.binding


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="pairs of turns a model")
    parser.add_argument("--turn", type=float, default=0.25, help="seconds a turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("models", nargs="*", help="only these")
    arguments = parser.parse_args()
    missed = False
    with TemporaryDirectory() as name:
        program, library = build(Path(name)), shared_library()
        if program is None or library is None:
            return 0
        print(f"onnxruntime {onnxruntime.__version__}, {library.name}, {arguments.threads} thread(s)")
        print(f"{'model':18} {'native p50':>12} {'infercost p50':>14} {'ratio':>7} {'a call':>9}")
        for label, path in (tiny_models(Path(name)) | real_models()).items():
            if arguments.models and label not in arguments.models:
                continue
            found = compare(path, program, library, arguments.rounds, arguments.turn, arguments.threads)
            if found is None:
                continue
            theirs, ours, pairs, bound = found
            # The median over pairs of turns: a neighbour that came for one pair does not move it.
            ratio = statistics.median(a / b for a, b in pairs)
            call_us = statistics.median(a - b for a, b in pairs) / 1e3
            native_ms = statistics.median(theirs) / 1e6
            verdict = ""
            if native_ms >= 0.5:
                verdict = "ok" if LOW <= ratio <= HIGH else "MISSED"
            elif native_ms < 0.05:
                verdict = "ok" if call_us <= CALL_US else "MISSED"
            missed |= verdict == "MISSED"
            note = "" if bound else ", outputs not bound"
            ours_ms = statistics.median(ours) / 1e6
            figures = f"{native_ms:9.4f} ms {ours_ms:11.4f} ms {ratio:7.4f} {call_us:6.2f} µs"
            print(f"{label:18} {figures} {verdict}{note}")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
