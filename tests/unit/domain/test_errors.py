"""Errors end with the next thing to type, and resemble a builtin."""

from __future__ import annotations

import pytest

from infercost.domain import errors


def test_the_nearest_name_is_suggested():
    error = errors.UnknownNameError("region", "us-est-1", ["us-east-1", "eu-west-1"])
    assert "did you mean us-east-1" in str(error)
    assert error.suggestions[0] == "us-east-1"


def test_without_a_near_name_the_known_ones_are_listed():
    assert "known: a, b" in str(errors.UnknownNameError("provider", "zzzzzz", ["b", "a"]))
    assert "(20 in all)" in str(errors.UnknownNameError("provider", "zzzzzz", [f"name{i:02}" for i in range(20)]))


def test_a_missing_extra_says_how_to_install_it():
    assert "pip install 'infercost[cuda]'" in str(errors.MissingExtraError("cuda", "measuring on a GPU"))


@pytest.mark.parametrize(
    ("error", "builtin", "code"),
    [
        (errors.UsageError, ValueError, 2),
        (errors.ModelError, ValueError, 2),
        (errors.InputsError, ValueError, 2),
        (errors.ArtifactError, ValueError, 2),
        (errors.OutputError, OSError, 2),
        (errors.MissingExtraError, ImportError, 2),
        (errors.UnknownNameError, LookupError, 2),
        (errors.BudgetBreach, Exception, 3),
        (errors.NoPriceError, LookupError, 4),
        (errors.ProviderError, ConnectionError, 5),
    ],
)
def test_classes_resemble_a_builtin_and_carry_an_exit_code(error, builtin, code):
    assert issubclass(error, errors.InfercostError)
    assert issubclass(error, builtin)
    assert error.exit_code == code
