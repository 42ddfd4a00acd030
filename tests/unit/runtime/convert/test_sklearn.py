from __future__ import annotations

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, IsolationForest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from infercost.domain.errors import ModelError, UsageError
from infercost.runtime.convert import open_model
from infercost.runtime.inspect import inspect
from infercost.runtime.samples import Table, read_given


def test_a_pickle_is_opened_only_when_it_is_trusted(files, tmp_path) -> None:
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap()))
    for path in (tmp_path / "trap.pkl", files / "pipe.joblib"):
        with pytest.raises(UsageError, match=r"runs the code in it .*--trust"), open_model(path):
            pass
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "source"),
    [("pipe.joblib", "scikit-learn"), ("forest.pkl", "scikit-learn"), ("xgb.pkl", "xgboost"), ("lgbm.pkl", "lightgbm")],
)
def test_estimators_become_onnx(files, name: str, source: str) -> None:
    with open_model(files / name, trust=True) as opened:
        assert opened.conversion is not None
        assert opened.conversion.source == source
        assert opened.conversion.max_rel_error < 1e-4
        assert inspect(opened.path).inputs[0].shape == (None, 5)


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (GradientBoostingClassifier(n_estimators=4), 2),
        (HistGradientBoostingRegressor(max_iter=4), 3),
        (Ridge(), 3),
        (RidgeClassifier(), 2),
        (SVC(), 1),
        (IsolationForest(n_estimators=5, random_state=0), None),
        (PCA(2), None),
        (KMeans(3, n_init=1, random_state=0), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_estimator_is_compared(data, tmp_path, estimator, target) -> None:
    fitted = estimator.fit(data[0]) if target is None else estimator.fit(data[0], data[target])
    joblib.dump(fitted, tmp_path / "model.joblib")
    with open_model(tmp_path / "model.joblib", trust=True) as opened:
        assert opened.conversion is not None
        assert opened.conversion.max_rel_error < 1e-3


def test_a_pipeline_may_end_in_a_booster(data, tmp_path) -> None:
    from lightgbm import LGBMClassifier
    from xgboost import XGBRegressor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = make_pipeline(StandardScaler(), LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1)).fit(data[0], data[2])
        figures = make_pipeline(StandardScaler(), XGBRegressor(n_estimators=3, n_jobs=1)).fit(data[0], data[3])
    for name, model in (("classes", classes), ("figures", figures)):
        joblib.dump(model, tmp_path / f"{name}.joblib")
        with open_model(tmp_path / f"{name}.joblib", trust=True) as opened:
            assert opened.conversion is not None
            assert opened.conversion.source == "scikit-learn"


def test_columns_of_several_kinds_come_from_the_users_table(tmp_path) -> None:
    frame = pd.DataFrame({"age": np.arange(40.0), "kind": ["a", "b", "c", "a"] * 10})
    columns = ColumnTransformer([("number", StandardScaler(), ["age"]), ("word", OneHotEncoder(), ["kind"])])
    model = make_pipeline(columns, RidgeClassifier()).fit(frame, frame["age"] > 20)
    joblib.dump(model, tmp_path / "mixed.joblib")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    samples = read_given(tmp_path / "rows.csv")
    with open_model(tmp_path / "mixed.joblib", trust=True, samples=samples) as opened:
        facts = opened.complete(inspect(opened.path, inputs=samples, features=opened.features))
        assert [(t.name, t.dtype) for t in facts.inputs] == [("age", "float32"), ("kind", "string")]
        assert opened.conversion is not None
        assert opened.conversion.rows == 40
    with (
        pytest.raises(ModelError, match=r"takes a column 'kind', which rows.csv does not have"),
        open_model(tmp_path / "mixed.joblib", trust=True, samples=Table("rows.csv", {"age": np.arange(3.0)})),
    ):
        pass


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"weights": [1]}, "holds a builtins.dict, which is no scikit-learn estimator"),
        (b"not fitted", "holds a builtins.bytes"),
        (DBSCAN(), "holds a DBSCAN, which labels only what it was fitted on"),
    ],
)
def test_other_objects_are_named(tmp_path, value, says: str) -> None:
    joblib.dump(value, tmp_path / "some.pkl")
    with pytest.raises(ModelError, match=says), open_model(tmp_path / "some.pkl", trust=True):
        pass


@pytest.mark.parametrize("content", [b"\x80\x04nonsense", b"\x80\x04\x8c\x08no_modul\x8c\x01X\x93."])
def test_a_broken_pickle_is_one_line(tmp_path, content: bytes) -> None:
    (tmp_path / "bad.pkl").write_bytes(content)
    with pytest.raises(ModelError) as caught, open_model(tmp_path / "bad.pkl", trust=True):
        pass
    assert "bad.pkl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_estimator_that_was_not_fitted_is_one_line(tmp_path) -> None:
    joblib.dump(Ridge(), tmp_path / "new.pkl")
    with pytest.raises(ModelError, match=r"new.pkl"), open_model(tmp_path / "new.pkl", trust=True):
        pass
