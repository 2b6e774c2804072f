"""The solved code of an exercise, and its recorded cases, as proofs use them."""

from collections.abc import Callable
from pathlib import Path

from utils.grading import catalogue, reference
from utils.grading.spec import Exercise
from utils.sandbox import source


def references(exercise: Exercise) -> list[reference.Reference]:
    """The recorded cases of an exercise."""
    slug = catalogue.slug_of(exercise.name)
    return reference.load(slug)[exercise.name]


def solved(exercise: Exercise, path: Path) -> Callable:
    """The function or class of that name in a notebook or authored text, made anew."""
    module = {"__name__": "answer"}
    exec(source.read(path, [exercise.name]).needed_for(exercise.name), module)
    return module[exercise.name]
