"""The factory's own faults need no PyTorch; exports run where it is installed."""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import sys

import pytest

from infercost.domain.errors import MissingExtraError, ModelError
from infercost.runtime.convert import open_model
from infercost.runtime.inspect import inspect
from infercost.runtime.samples import read_given

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnxscript") is None, reason="needs the torch extra"
)

MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        parts = torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3)
        self.layers = torch.nn.Sequential(*parts)
    def forward(self, x):
        return self.layers(x)

class Tokens(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(50, 4)
    def forward(self, ids, mask):
        return {"mean": (self.table(ids) * mask[..., None]).sum(1), "any": mask.amax(1)}

class Fixed(torch.nn.Module):
    def forward(self, x):
        return x + 1 if x.shape[0] == 1 else x + int(x.shape[0])

def net():
    return Net(), torch.zeros(1, 8)

def tokens():
    batch, seq = torch.export.Dim("batch"), torch.export.Dim("seq", min=2, max=64)
    example = {"ids": torch.randint(0, 50, (2, 7)), "mask": torch.ones(2, 7)}
    return Tokens(), example, {"ids": {0: batch, 1: seq}, "mask": {0: batch, 1: seq}}

def alone():
    return Net()

def fixed():
    return Fixed(), (torch.zeros(1, 4),)

def wrong():
    return "a net"

def no_tensors():
    return Net(), ([1, 2],)

def fails():
    raise RuntimeError("no weights here")
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets_of_pytorch.py").write_text(MODULE)
    yield "nets_of_pytorch"
    sys.modules.pop("nets_of_pytorch", None)


def test_without_pytorch_the_extra_is_named(monkeypatch) -> None:
    real = builtins.__import__

    def without(module, *more, **options):
        if module.partition(".")[0] == "torch":
            raise ImportError(module)
        return real(module, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"infercost\[torch\]"), open_model("some_module:factory"):
        pass


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_a_module_with_an_example_gets_a_dynamic_batch(factories) -> None:
    hashes = []
    for _ in range(2):
        with open_model(f"{factories}:net") as opened:
            hashes.append(hashlib.sha256(opened.path.read_bytes()).hexdigest())
            assert b"nets_of_pytorch" not in opened.path.read_bytes(), "no path of this machine"
            made, facts = opened.conversion, inspect(opened.path)
    assert hashes[0] == hashes[1]
    assert made is not None
    assert (made.source, made.rows, made.samples) == ("pytorch", 3, "generated")
    assert made.max_rel_error < 1e-4
    assert facts.batch_dim == "batch"
    assert facts.inputs[0].shape == ("batch", 8)


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_dynamic_shapes_of_the_factory_are_kept(factories) -> None:
    with open_model(f"{factories}:tokens") as opened:
        facts = inspect(opened.path, dims={"seq": 5})
        assert [t.bound_shape for t in facts.inputs] == [(1, 5), (1, 5)]
        assert facts.inputs[0].values == "integers:0:49"
        assert opened.conversion is not None
        assert opened.conversion.max_rel_error < 1e-4


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_a_batch_that_the_model_fixes_is_said(factories) -> None:
    with open_model(f"{factories}:fixed") as opened:
        assert "cannot be exported as dynamic" in opened.notes[0]
        assert inspect(opened.path).inputs[0].shape == (1, 4)


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_a_module_alone_takes_the_users_inputs(factories) -> None:
    import numpy as np

    with pytest.raises(ModelError, match="returned a module alone"), open_model(f"{factories}:alone"):
        pass
    samples = read_given({"x": np.ones((4, 8), np.float32)})
    with open_model(f"{factories}:alone", samples=samples) as opened:
        assert opened.conversion is not None
        assert (opened.conversion.rows, opened.conversion.samples) == (4, "inputs")


@needs_torch
@pytest.mark.parametrize(
    ("name", "says"),
    [("wrong", "returned str"), ("no_tensors", "must be tensors"), ("fails", "RuntimeError: no weights here")],
)
@pytest.mark.filterwarnings("ignore")
def test_a_factory_that_returns_no_model_is_named(factories, name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says), open_model(f"{factories}:{name}"):
        pass
