"""Proofs that the cases leave every argument and every default to decide."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from utils.authoring import answers
from utils.grading import judge, run
from utils.grading.spec import Exercise

FREE = {("linear_bn_gradients", "bias")}  # which must not matter: batch norm takes the bias out again


def defaults_decide(exercise: Exercise, path: Path) -> Iterator[str]:
    """The solution with another default, off by a tenth or one, is wrong: some case leaves it out and hangs on it."""
    for name, default in _parameters(_constructor(answers.solved(exercise, path))).items():
        passing = [
            other for other in _others(default)
            if not _is_wrong(exercise, _with_default(answers.solved(exercise, path), name, other))
        ]  # fmt: skip
        if default is not None or len(passing) == 3:  # a plain number may well mean the same as None
            yield from (f"with the default {name}={other!r}, not {default!r}, the solution passes" for other in passing)


def arguments_decide(exercise: Exercise, path: Path) -> Iterator[str]:
    """The solution with one argument held at any value that it takes, or at nothing but zeros, is wrong."""
    solution = answers.solved(exercise, path)
    if _is_wrong(exercise, _changing(solution, lambda bound: bound)):
        yield "the solution is wrong when its arguments are passed on one by one"
    for name, values in _given(exercise, solution).items():
        for value in values if (exercise.name, name) not in FREE else ():
            if not _is_wrong(exercise, _held(solution, name, value)):
                yield f"with {name} ignored, as if it were always {_words(value)}, the solution passes"


def _constructor(answer: Callable) -> Callable:
    return answer.__init__ if isinstance(answer, type) else answer


def _parameters(function: Callable) -> dict[str, Any]:
    return {
        p.name: p.default for p in inspect.signature(function).parameters.values() if p.default is not inspect._empty
    }


def _others(default: Any) -> list:
    if isinstance(default, bool):
        return [not default]
    if isinstance(default, int):
        return [default + 1, default - 1] if default > 1 else [default + 1]
    if isinstance(default, float):
        return [1.1 * default, 0.9 * default] if default else [0.01]
    return [0, 1, 2] if default is None else ["?"] if isinstance(default, str) else []


def _with_default(answer: Callable, name: str, value: Any) -> Callable:
    """The answer, which nobody else may hold, with another default."""
    function = _constructor(answer)
    changed = {key: value if key == name else old for key, old in _parameters(function).items()}
    of_keywords = function.__kwdefaults__ or {}
    function.__defaults__ = tuple(new for key, new in changed.items() if key not in of_keywords)
    function.__kwdefaults__ = {key: changed[key] for key in of_keywords} or None
    return answer


def _given(exercise: Exercise, solution: Callable) -> dict[str, list]:
    """What each argument is held at: its default, the values that it takes in the cases, zeros for an array."""
    seen: dict[str, dict[str, Any]] = {}

    def note(bound: dict[str, Any]) -> dict[str, Any]:
        for name, value in bound.items():
            value = np.zeros_like(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
            if isinstance(value, (bool, int, float, str, np.ndarray)):
                seen.setdefault(name, {}).setdefault(_words(value), value)
        return bound

    for ref in answers.references(exercise):
        run.outcome(_changing(solution, note), exercise, ref.inputs, watch=False)
    return {name: list(values.values()) for name, values in seen.items()}


def _held(solution: Callable, name: str, value: Any) -> Callable:
    def hold(bound: dict[str, Any]) -> dict[str, Any]:
        return bound | {name: np.zeros_like(bound[name]) if isinstance(value, np.ndarray) else value}

    return _changing(solution, hold)


def _changing(solution: Callable, change: Callable[[dict], dict]) -> Callable:
    """The solution behind a change of its arguments by name."""
    signature = inspect.signature(solution)

    def changed(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return solution(*change(dict(bound.arguments)).values())

    return changed


def _is_wrong(exercise: Exercise, function: Callable) -> bool:
    refs = answers.references(exercise)
    return any(judge.finding(run.outcome(function, exercise, ref.inputs, watch=False), ref, exercise) for ref in refs)


def _words(value: Any) -> str:
    return "zeros" if isinstance(value, np.ndarray) else repr(value)
