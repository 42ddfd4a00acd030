"""scikit-learn estimators and pipelines, pickled by pickle or joblib; LightGBM's and XGBoost's estimators among them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import MissingExtraError, ModelError
from infercost.runtime.convert.boosting import lightgbm_booster, xgboost_booster
from infercost.runtime.convert.writing import checked, failed, write_model
from infercost.runtime.imports import one_line
from infercost.runtime.names import shown
from infercost.runtime.samples import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from infercost.runtime.convert.opening import Opened, Source
    from infercost.runtime.inputs import Arrays
    from infercost.runtime.samples import Samples

_INPUT = "features"
_BOOSTERS = {"lightgbm": ("booster_", lightgbm_booster), "xgboost": ("get_booster", xgboost_booster)}


def convert_pickle(source: Source, folder: Path, samples: Samples | None) -> Opened:
    """Open a pickled estimator. The caller has made sure that it is trusted.

    Raises:
        ModelError: the file holds no estimator, or one that cannot be converted.
        MissingExtraError: scikit-learn or its converter is not installed.
    """
    path = Path(source)
    try:
        import joblib
        import skl2onnx  # noqa: F401
    except ImportError:
        raise MissingExtraError("sklearn", f"reading {shown(path.name)}") from None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            model = joblib.load(path)
        except ImportError as error:
            raise failed(shown(path.name), error, "install what it was saved with") from error
        except Exception as error:
            name = shown(path.name)
            raise ModelError(f"{name} is not a pickle that can be read: {one_line(error)}; save it with joblib.dump") from error
    notes = [
        f"saved with other versions: {' '.join(str(w.message).split())[:160]}"
        for w in said
        if "version" in type(w.message).__name__.lower()
    ]
    package = type(model).__module__.partition(".")[0]
    if package in _BOOSTERS:
        return _boosted(model, package, path, folder, samples)
    if hasattr(model, "fit_predict") and not hasattr(model, "predict") and not hasattr(model, "transform"):
        raise ModelError(
            f"{shown(path.name)} holds a {type(model).__qualname__}, which labels only what it was fitted on: there is"
            " nothing to serve; save an estimator with predict or transform"
        )
    if not hasattr(model, "fit") or not (hasattr(model, "predict") or hasattr(model, "transform")):
        raise ModelError(
            f"{shown(path.name)} holds a {type(model).__module__}.{type(model).__qualname__}, which is no scikit-learn "
            "estimator; PyTorch models are opened as module:factory"
        )
    return _estimator(model, path, folder, samples, notes)


def _boosted(model: Any, package: str, path: Path, folder: Path, samples: Samples | None) -> Opened:
    """An estimator of LightGBM or XGBoost, by its booster: that is what their own files hold too."""
    attribute, convert = _BOOSTERS[package]
    try:
        import onnxmltools  # noqa: F401
    except ImportError:
        raise MissingExtraError(package, f"reading {shown(path.name)}") from None
    try:
        booster = getattr(model, attribute, model)
        booster = booster() if callable(booster) and attribute.startswith("get") else booster
    except Exception as error:
        raise failed(shown(path.name), error, "fit it before saving it") from error
    return convert(booster, path, folder, samples)


def _estimator(model: Any, path: Path, folder: Path, samples: Samples | None, notes: Sequence[str]) -> Opened:
    import skl2onnx

    name = shown(path.name)
    columns = _columns(model, samples)
    initial = _initial_types(model, columns, name)
    with _boosters_registered(), _flags_as_numbers():
        try:
            proto = skl2onnx.convert_sklearn(model, "sklearn", initial, target_opset=_opsets(), options=_options(model))
        except Exception as error:
            hint = "give its columns with --inputs sample.csv, or export it with skl2onnx"
            raise failed(name, error, hint) from error
    features = tuple(str(f) for f in getattr(model, "feature_names_in_", ()))
    outputs = [output.name for output in proto.graph.output]
    return checked(
        write_model(proto, folder, path),
        _reference(model, outputs, features, by_column=columns is not None),
        samples,
        name=name,
        source="scikit-learn",
        packages=("scikit-learn", "skl2onnx"),
        file=path,
        features=features,
        notes=notes,
    )


def _columns(model: Any, samples: Samples | None) -> Table | None:
    """The user's table, where the model takes named columns of several kinds."""
    if not isinstance(samples, Table):
        return None
    mixed = any(column.dtype.kind == "O" for column in samples.columns.values())
    return samples if mixed or _picks_columns(model) else None


def _picks_columns(model: Any) -> bool:
    steps = [step for _, step in getattr(model, "steps", [])]
    return hasattr(model, "transformers") or any(_picks_columns(step) for step in steps)


def _initial_types(model: Any, table: Table | None, name: str) -> list[tuple[str, Any]]:
    """Inputs of the converted model: one matrix, or one a column."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if table is not None:
        wanted = [str(f) for f in getattr(model, "feature_names_in_", table.columns)]
        lacking = [f for f in wanted if f not in table.columns]
        if lacking:
            raise ModelError(f"{name} takes a column {lacking[0]!r}, which {table.name} does not have; it needs all of: "
                             f"{', '.join(wanted)}")  # fmt: skip
        kinds = {f: StringTensorType if table.columns[f].dtype.kind == "O" else FloatTensorType for f in wanted}
        return [(f, kind([None, 1])) for f, kind in kinds.items()]
    width = getattr(model, "n_features_in_", None)
    if width is None:
        raise ModelError(f"{name} does not say how many features it takes; give them with --inputs sample.csv")
    return [(_INPUT, FloatTensorType([None, int(width)]))]


def _opsets() -> dict[str, int]:
    """The newest operators, but trees in the form that converters of LightGBM and XGBoost share."""
    from skl2onnx import __max_supported_opset__

    return {"": int(__max_supported_opset__), "ai.onnx.ml": 3}


def _options(model: Any) -> dict[Any, Any] | None:
    """Probabilities as a tensor: the list of maps that is the default cannot be bound, and is slow."""
    classifies = hasattr(model, "classes_")
    return {"zipmap": False} if classifies else None


@contextmanager
def _flags_as_numbers() -> Iterator[None]:
    """Let skl2onnx write flags into attributes of whole numbers, which onnx takes no more since 1.20."""
    from skl2onnx.common import _container

    original = getattr(_container, "make_node", None)
    if original is None:
        yield
        return

    def make_node(*args: Any, **attributes: Any) -> Any:
        return original(*args, **{name: _numbers(value) for name, value in attributes.items()})

    _container.make_node = make_node
    try:
        yield
    finally:
        _container.make_node = original


def _numbers(value: Any) -> Any:
    """Booleans and NumPy's whole numbers in a list as plain ones."""
    if not isinstance(value, list):
        return value
    return [int(v) if type(v).__name__.startswith(("bool", "int", "uint")) else v for v in value]


@contextmanager
def _boosters_registered() -> Iterator[None]:
    """Let pipelines hold estimators of LightGBM and XGBoost, where those and onnxmltools are installed."""
    from skl2onnx import update_registered_converter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for register in (_register_lightgbm, _register_xgboost):
            try:
                register(update_registered_converter)
            except ImportError:
                continue
        yield


def _register_lightgbm(update: Callable[..., None]) -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    classifies = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update(LGBMClassifier, "LgbmClassifier", calculate_linear_classifier_output_shapes, convert_lightgbm, options=classifies)
    update(LGBMRegressor, "LgbmRegressor", calculate_linear_regressor_output_shapes, convert_lightgbm, options={"split": None})


def _register_xgboost(update: Callable[..., None]) -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from xgboost import XGBClassifier, XGBRegressor

    classifies = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update(XGBClassifier, "XgbClassifier", calculate_linear_classifier_output_shapes, convert_xgboost, options=classifies)
    update(XGBRegressor, "XgbRegressor", calculate_linear_regressor_output_shapes, convert_xgboost)


def _reference(
    model: Any, outputs: Sequence[str], features: Sequence[str], *, by_column: bool
) -> Callable[[Arrays], list[Any]]:
    """Runs the estimator; its outputs in the order of the converted model's."""

    def run(arrays: Arrays) -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _predictions(model, _items(arrays, features, by_column=by_column), outputs)

    return run


def _items(arrays: Arrays, features: Sequence[str], *, by_column: bool) -> Any:
    """What the estimator was fitted on: a frame where it knows column names, else a matrix."""
    import pandas as pd

    if by_column:
        return pd.DataFrame({name: array.reshape(-1) for name, array in arrays.items()})
    matrix = arrays[_INPUT].astype("float64")
    return pd.DataFrame(matrix, columns=list(features)) if features else matrix


def _predictions(model: Any, items: Any, outputs: Sequence[str]) -> list[Any]:
    """By the name of an output: labels and figures as predicted, scores by the first method that has them."""
    scores = ("predict_proba", "decision_function", "score_samples", "transform")
    figures = ("predict", "transform")
    found: list[Any] = []
    for output in outputs:
        methods = ("predict",) if "label" in output else figures if output == "variable" else scores
        method = next((m for m in methods if hasattr(model, m)), None)
        result: Any = getattr(model, method)(items) if method else None
        found.append(result.toarray() if hasattr(result, "toarray") else result)
    return found
