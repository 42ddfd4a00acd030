from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import onnx
import onnxruntime as ort
import pytest

DEMO = files("infercost") / "data" / "demo"


@pytest.fixture(scope="module")
def model_bytes() -> bytes:
    return (DEMO / "digits.onnx").read_bytes()


@pytest.fixture(scope="module")
def session(model_bytes: bytes) -> ort.InferenceSession:
    return ort.InferenceSession(model_bytes, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def held_out() -> tuple[np.ndarray, np.ndarray]:
    """The split that scripts/train_demo_model.py never trains on."""
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.model_selection import train_test_split

    digits = datasets.load_digits()
    split = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
    return split[1].astype(np.float32)[:, None], split[3]


def metadata(model_bytes: bytes) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load_from_string(model_bytes).metadata_props}


def test_reads_held_out_digits(session, held_out, model_bytes):
    images, labels = held_out
    (probabilities,) = session.run(None, {"image": images})
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    assert accuracy >= 0.97
    # One image may flip where another CPU rounds differently.
    assert accuracy == pytest.approx(float(metadata(model_bytes)["held_out_accuracy"]), abs=1.5 / len(labels))


def test_the_card_states_what_the_file_holds(model_bytes):
    card = (DEMO / "README.md").read_text(encoding="utf-8")
    assert f"{float(metadata(model_bytes)['held_out_accuracy']):.2%}".replace("%", " %") in card
    assert f"{len(model_bytes):,} bytes" in card
    graph = onnx.load_from_string(model_bytes).graph
    parameters = sum(int(np.prod(w.dims)) for w in graph.initializer if not w.name.endswith("scales"))
    assert f"{parameters:,} trained parameters" in card


def test_the_sample_is_the_start_of_the_held_out_split(held_out):
    images, labels = held_out
    with (DEMO / "digits_sample.npz").open("rb") as file:
        sample = dict(np.load(file))
    assert sample.keys() == {"image"}
    np.testing.assert_array_equal(sample["image"], images[: len(sample["image"])])
    card = (DEMO / "README.md").read_text(encoding="utf-8")
    block = re.search(r"Their labels, in order:\n\n```\n([\d\s]+)```", card)
    assert [int(digit) for digit in block[1].split()] == labels[: len(sample["image"])].tolist()


def test_takes_any_batch_and_small_enough_to_ship(session, model_bytes):
    assert session.get_inputs()[0].shape == ["batch", 1, 8, 8]
    for batch in (1, 3):
        (probabilities,) = session.run(None, {"image": np.zeros((batch, 1, 8, 8), np.float32)})
        assert probabilities.shape == (batch, 10)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert len(model_bytes) < 400_000
