"""The docstring of an exercise is its contract: it names every exception that a case asks for."""

import ast
from pathlib import Path

import pytest

from utils.grading import catalogue
from utils.sandbox import source

SOLUTIONS = Path(__file__).parents[2] / "solutions"
EXERCISES = [
    pytest.param(stem, name, id=name) for stem, entry in catalogue.entries().items() for name in entry["exercises"]
]


@pytest.mark.parametrize(("stem", "name"), EXERCISES)
def test_a_docstring_names_the_exceptions_that_are_judged(stem, name):
    """Whoever reads the docstring alone knows which exceptions are raised."""
    text = source.read(SOLUTIONS / f"{stem}.py", [name]).needed_for(name)

    assert not unnamed(text, name)


def unnamed(text, name):
    """Exceptions that the cases ask for and that stand in no docstring of the function or class."""
    node = next(node for node in ast.parse(text).body if getattr(node, "name", None) == name)
    words = "\n".join(
        ast.get_docstring(part) or "" for part in ast.walk(node) if isinstance(part, (ast.FunctionDef, ast.ClassDef))
    )
    judged = {case.raises for case in catalogue.exercise(name).cases if case.raises}
    return [kind for kind in sorted(judged) if kind not in words]


def test_a_docstring_that_keeps_silent_is_found():
    """An exception that stands in the code alone is not named."""
    text = source.read(SOLUTIONS / "20_cnn_layers.py", ["output_size"]).needed_for("output_size")
    node = next(node for node in ast.parse(text).body if getattr(node, "name", None) == "output_size")

    assert ["ValueError"] == unnamed(text.replace(ast.get_docstring(node, clean=False), "Counts."), "output_size")
