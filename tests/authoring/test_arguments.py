"""The proofs that every argument and default decides can fail."""

from dataclasses import replace
from pathlib import Path

import pytest

from utils.authoring import answers, arguments
from utils.grading import catalogue

PATH = Path(__file__).parents[2] / "solutions" / "04_local_optima_and_saddles.py"


@pytest.fixture
def few(monkeypatch):
    """`classify_critical_point` on its first three cases only, which never come near tol."""
    exercise = catalogue.exercise("classify_critical_point")
    three = answers.references(exercise)[:3]
    monkeypatch.setattr(answers, "references", lambda _: three)
    return exercise


def test_a_default_that_decides_nothing_is_found(few):
    """Without a case near tol, another default passes, and is said to."""
    assert 2 == len(problems := list(arguments.defaults_decide(few, PATH)))
    assert "tol=" in problems[0]


def test_an_argument_that_decides_nothing_is_found(few):
    """The same with an argument that is ignored; the Hessian is not."""
    problems = list(arguments.arguments_decide(few, PATH))

    assert problems
    assert not [problem for problem in problems if "hessian" in problem]


def test_the_bias_before_batch_norm_is_free():
    """It is taken out again, so nothing can hang on it; the exception is made for that exercise alone."""
    path = PATH.parent / "19_batchnorm_placement.py"
    exercise = catalogue.exercise("linear_bn_gradients")

    assert not list(arguments.arguments_decide(exercise, path))
    assert list(arguments.arguments_decide(replace(exercise, rtol=1e9, atol=1e9), path))
