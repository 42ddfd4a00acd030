"""LightGBM and XGBoost models in their own file formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import MissingExtraError
from infercost.runtime.convert.writing import checked, failed, write_model
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.runtime.convert.opening import Opened, Source
    from infercost.runtime.inputs import Arrays
    from infercost.runtime.samples import Samples

_INPUT = "features"
_HINT = "export it with onnxmltools and give the .onnx file"


def convert_lightgbm(source: Source, folder: Path, samples: Samples | None) -> Opened:
    """Open a file that ``Booster.save_model`` wrote.

    Raises:
        ModelError: the file is damaged, or its objective cannot be converted.
        MissingExtraError: LightGBM or onnxmltools is not installed.
    """
    path = Path(source)
    try:
        import lightgbm
        import onnxmltools  # noqa: F401
    except ImportError:
        raise MissingExtraError("lightgbm", f"reading {shown(path.name)}") from None
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except Exception as error:
        raise failed(shown(path.name), error, "save it again with Booster.save_model") from error
    return lightgbm_booster(booster, path, folder, samples)


def lightgbm_booster(booster: Any, path: Path, folder: Path, samples: Samples | None) -> Opened:
    """A LightGBM booster as ONNX."""
    import numpy as np
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    name, width = shown(path.name), booster.num_feature()
    try:
        proto = onnxmltools.convert_lightgbm(
            booster, name="lightgbm", initial_types=[(_INPUT, FloatTensorType([None, width]))], zipmap=False
        )
    except Exception as error:
        raise failed(name, error, _HINT) from error

    def reference(arrays: Arrays) -> list[Any]:
        scores = np.asarray(booster.predict(arrays[_INPUT].astype(np.float64), num_threads=1))
        return _outputs(scores, classifies=len(proto.graph.output) == 2)

    return checked(
        write_model(proto, folder, path),
        reference,
        samples,
        name=name,
        source="lightgbm",
        packages=("lightgbm", "onnxmltools"),
        file=path,
        features=_own_names(booster.feature_name()),
    )


def _own_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names that someone gave; LightGBM numbers its columns where nobody did."""
    return () if all(name == f"Column_{i}" for i, name in enumerate(names)) else tuple(names)


def convert_xgboost(source: Source, folder: Path, samples: Samples | None) -> Opened:
    """Open a file that ``Booster.save_model`` wrote, ``.json`` or ``.ubj``.

    Raises:
        ModelError: the file is damaged, or its objective cannot be converted.
        MissingExtraError: XGBoost or onnxmltools is not installed.
    """
    path = Path(source)
    try:
        import onnxmltools  # noqa: F401
        import xgboost
    except ImportError:
        raise MissingExtraError("xgboost", f"reading {shown(path.name)}") from None
    booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
    try:
        # By its content: XGBoost itself goes by the file's ending.
        booster.load_model(bytearray(path.read_bytes()))
    except Exception as error:
        raise failed(shown(path.name), error, "save it again with Booster.save_model") from error
    return xgboost_booster(booster, path, folder, samples)


def xgboost_booster(booster: Any, path: Path, folder: Path, samples: Samples | None) -> Opened:
    """An XGBoost booster as ONNX."""
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    name, features = shown(path.name), tuple(booster.feature_names or ())
    # The converter knows features as f0, f1 … only.
    booster.feature_names = None
    try:
        initial = [(_INPUT, FloatTensorType([None, booster.num_features()]))]
        proto = onnxmltools.convert_xgboost(booster, name="xgboost", initial_types=initial)
    except Exception as error:
        raise failed(name, error, _HINT) from error
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]

    def reference(arrays: Arrays) -> list[Any]:
        scores = booster.inplace_predict(arrays[_INPUT])
        if objective == "multi:softmax":
            return [scores.astype(int), None]
        return _outputs(scores, classifies=len(proto.graph.output) == 2)

    return checked(
        write_model(proto, folder, path),
        reference,
        samples,
        name=name,
        source="xgboost",
        packages=("xgboost", "onnxmltools"),
        file=path,
        features=features,
    )


def _outputs(scores: Any, *, classifies: bool) -> list[Any]:
    """A booster's own prediction as the converted model's outputs: label and probabilities, or the figure."""
    import numpy as np

    if not classifies:
        return [scores]
    both = scores if scores.ndim == 2 else np.stack([1 - scores, scores], axis=1)
    return [both.argmax(axis=1), both]
