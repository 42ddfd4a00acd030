from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.runtime.tensors import Tensor, dtype_name


@pytest.mark.parametrize(
    ("runtime", "ours"),
    [
        ("float", "float32"),
        ("tensor(double)", "float64"),
        ("int64", "int64"),
        ("tensor(float16)", "float16"),
        ("seq(x)", "seq(x)"),
    ],
)
def test_runtime_names_become_ours(runtime: str, ours: str) -> None:
    assert dtype_name(runtime) == ours


def test_a_scalar_has_one_element() -> None:
    assert Tensor("float32", ()).nbytes == 4


def test_four_bit_types_round_up_to_bytes() -> None:
    assert Tensor("int4", (3,)).nbytes == 2


def test_strings_have_no_size() -> None:
    assert Tensor("string", (3,)).nbytes is None


@given(shape=st.lists(st.integers(0, 20), max_size=4))
def test_bytes_are_elements_times_width(shape: list[int]) -> None:
    tensor = Tensor("float64", tuple(shape))
    assert tensor.nbytes == 8 * tensor.elements
