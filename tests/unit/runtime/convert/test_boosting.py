from __future__ import annotations

import builtins
import hashlib

import numpy as np
import pytest

from infercost.domain.errors import MissingExtraError, ModelError
from infercost.runtime.convert import open_model
from infercost.runtime.convert.verify import run
from infercost.runtime.inspect import inspect
from infercost.runtime.samples import Table


@pytest.mark.parametrize("name", ["binary.txt", "classes.txt", "figure.txt", "binary.json", "classes.json", "figure.json",
                                  "labels.json", "binary.ubj", "figure.ubj"])  # fmt: skip
def test_a_booster_becomes_onnx_and_agrees_with_itself(files, name: str) -> None:
    with open_model(files / name) as opened:
        made = opened.conversion
        assert made is not None
        assert made.source == ("lightgbm" if name.endswith("txt") else "xgboost")
        assert made.source_sha256 == hashlib.sha256((files / name).read_bytes()).hexdigest()
        assert made.max_rel_error < 1e-5
        assert made.rows == 256
        assert opened.name == name
        facts = opened.complete(inspect(opened.path))
    assert (facts.name, facts.format) == (name, made.source)
    assert not opened.path.exists()


def test_the_same_file_gives_the_same_onnx(files) -> None:
    hashes = []
    for _ in range(2):
        with open_model(files / "binary.txt") as opened:
            hashes.append(hashlib.sha256(opened.path.read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]


def test_what_comes_out_is_what_the_framework_says(files, data) -> None:
    import lightgbm

    x = data[0].astype(np.float32)
    with open_model(files / "classes.txt") as opened:
        label, scores = run(opened.path, {"features": x}, "m")
    wanted = lightgbm.Booster(model_file=files / "classes.txt").predict(x.astype(np.float64))
    np.testing.assert_allclose(scores, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(label, wanted.argmax(axis=1))


def test_names_of_features_are_kept_and_choose_a_tables_columns(files, data) -> None:
    columns = {name: data[0][:, i] for i, name in enumerate("abcde")}
    shuffled = {"label": data[1], **{name: columns[name] for name in "edcba"}}
    with open_model(files / "binary.json", samples=Table("rows.csv", shuffled)) as opened:
        assert opened.features == ("a", "b", "c", "d", "e")
        assert opened.conversion is not None
        assert (opened.conversion.samples, opened.conversion.rows) == ("inputs", 200)
    with open_model(files / "binary.txt") as unnamed:
        assert unnamed.features == ()


@pytest.mark.parametrize(("name", "content"), [("cut.txt", "tree\nversion=v4\n"), ("cut.json", '{"learner":{}}')])
def test_a_damaged_file_is_one_line(tmp_path, name: str, content: str, capfd) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ModelError) as caught, open_model(tmp_path / name):
        pass
    assert str(caught.value).startswith(f"{name} cannot be converted to ONNX")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_a_converter_that_is_wrong_is_refused(files, monkeypatch) -> None:
    import lightgbm

    right = lightgbm.Booster.predict
    monkeypatch.setattr(lightgbm.Booster, "predict", lambda self, x, **more: right(self, x, **more) * 1.01)
    with (
        pytest.raises(ModelError, match=r"figure.txt was converted to ONNX, but its outputs differ by up to 0.0099"),
        open_model(files / "figure.txt"),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("binary.txt", "lightgbm", "lightgbm"),
        ("binary.txt", "onnxmltools", "lightgbm"),
        ("binary.json", "xgboost", "xgboost"),
        ("pipe.joblib", "skl2onnx", "sklearn"),
        ("xgb.pkl", "onnxmltools", "xgboost"),
    ],
)
def test_a_missing_framework_names_its_extra(files, monkeypatch, name: str, missing: str, extra: str) -> None:
    real = builtins.__import__

    def without(module, *more, **options):
        if module.partition(".")[0] == missing:
            raise ImportError(module)
        return real(module, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"infercost\[{extra}\]"), open_model(files / name, trust=True):
        pass
