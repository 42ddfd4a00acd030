"""Small models of other frameworks, trained once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5)) * [1, 10, 100, 0.1, 1] + [0, 5, -50, 0, 1]
TWO = (X[:, 0] + X[:, 1] / 10 > 0.5).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
FIGURE = X[:, 0] * 3 + X[:, 2] / 50


@pytest.fixture(scope="session")
def data() -> tuple[Any, ...]:
    return X, TWO, THREE, FIGURE


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file of every format."""
    import joblib
    import lightgbm
    import xgboost
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder = tmp_path_factory.mktemp("models")
    still = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    for name, target, settings in (
        ("binary", TWO, {"objective": "binary"}),
        ("classes", THREE, {"objective": "multiclass", "num_class": 3}),
        ("figure", FIGURE, {"objective": "regression"}),
    ):
        lightgbm.train({**settings, **still}, lightgbm.Dataset(X, target), 6).save_model(folder / f"{name}.txt")
    names = ["a", "b", "c", "d", "e"]
    for name, target, settings in (
        ("binary", TWO, {"objective": "binary:logistic"}),
        ("classes", THREE, {"objective": "multi:softprob", "num_class": 3}),
        ("labels", THREE, {"objective": "multi:softmax", "num_class": 3}),
        ("figure", FIGURE, {"objective": "reg:squarederror"}),
    ):
        trained = xgboost.train({**settings, "nthread": 1}, xgboost.DMatrix(X, target, feature_names=names), 6)
        trained.save_model(folder / f"{name}.json")
        trained.save_model(folder / f"{name}.ubj")
    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, THREE), folder / "pipe.joblib", compress=3)
    joblib.dump(RandomForestRegressor(5, random_state=0).fit(X, FIGURE), folder / "forest.pkl")
    joblib.dump(xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(X, TWO), folder / "xgb.pkl")
    joblib.dump(lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1).fit(X, FIGURE), folder / "lgbm.pkl")
    return folder
