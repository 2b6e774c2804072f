"""A listed mistake that ends by a slip of its own, or inside the grader, is found."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from utils.authoring import accidents
from utils.grading import catalogue
from utils.grading.spec import Mistake


def _misspelt(*_):
    return nowhere  # noqa: F821


def _no_such_rule(*_):
    return SimpleNamespace().bias


def _stumbles(function, **_):
    return function().missing


@pytest.mark.parametrize(
    ("parts", "wrong", "words"),
    [
        ({}, _misspelt, "NameError"),
        ({}, _no_such_rule, "SimpleNamespace"),
        ({"run": _stumbles}, lambda *_: 3, "in the grader"),
    ],
)
def test_an_accident_is_found(parts, wrong, words):
    """A misspelt name, a rule that is not there, and what the grader's own line stumbles over."""
    exercise = replace(catalogue.exercise("batchnorm_forward"), mistakes=(Mistake("m", "", wrong),), **parts)
    problems = list(accidents.mistakes_die_of_what_they_do(exercise, None))

    assert 1 == len(problems)
    assert words in problems[0]


def test_an_honest_exception_is_none():
    """A mistake that raises where it must, in its own line, stays."""

    def divides(*_):
        raise ZeroDivisionError("division by zero")

    exercise = replace(catalogue.exercise("batchnorm_forward"), mistakes=(Mistake("m", "", divides),))

    assert not list(accidents.mistakes_die_of_what_they_do(exercise, None))
