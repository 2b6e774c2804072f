"""Answers that are right for other arguments: one that is ignored, exchanged or counted otherwise, and two slips.

A right answer in another style, which every exercise lists, is run on changed arguments. Where it gives what the
learner's gave on every case, the learner's answer works *as if* the arguments were those. The same with a listed
mistake in its place names two slips.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.grading import run, slips
from utils.grading.answered import Answered, Change, clock

SECONDS = 0.04  # of the processor, that a search takes at most
FEW = 4  # cases that ask for values: fewer cannot tell one pair of slips from another


def named(answer: Answered, seconds: float = SECONDS) -> tuple[str, str] | None:
    """(what the answer does, advice), where one change of the arguments explains every case; else None."""
    deadline, right = clock() + seconds, _right(answer)
    for words, advice, change in changes([ref.inputs for _, ref in answer.asked], right) if right else ():
        if answer.explained(right, change):
            return words, advice
        if clock() > deadline:
            break
    return None


def two(answer: Answered, seconds: float = SECONDS) -> tuple[str, str] | None:
    """A listed mistake and a slip besides, together; only where cases are many enough to tell."""
    deadline, right = clock() + seconds, _right(answer)
    if len(answer.asked) < FEW or right is None:
        return None
    tried = list(changes([ref.inputs for _, ref in answer.asked], right))
    for mistake in answer.exercise.mistakes:
        for words, advice, change in tried:
            if clock() > deadline:
                return None
            if answer.explained(mistake.wrong, change):
                return f"two slips: {mistake.name}; and {words}", f"{mistake.advice} {advice}"
    return None


def changes(all_inputs: list[dict], right: Callable) -> Iterator[tuple[str, str, Change]]:
    """(words, advice, change of a case's arguments), the likeliest first."""
    names = list(dict.fromkeys(name for inputs in all_inputs for name in inputs))
    for name in names:
        values = [inputs[name] for inputs in all_inputs if name in inputs]
        if all(isinstance(value, (bool, int, float, str, type(None))) for value in values):
            yield from _ignored(name, values, right, names)
    for name in names:
        yield from _otherwise(name, [inputs[name] for inputs in all_inputs if name in inputs])
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if all(_alike(inputs.get(a), inputs.get(b)) for inputs in all_inputs if a in inputs and b in inputs):
                yield f"{a} and {b} are exchanged", f"Check where you use {a} and {b}.", _exchange(a, b)


def _otherwise(name: str, values: list) -> Iterator[tuple[str, str, Change]]:
    """One argument counted otherwise, or put through a function, as its values in all cases allow."""
    if all(type(value) is int for value in values):
        for word, step in (("one less", -1), ("one more", 1)):
            yield (f"it works as if {name} were {word}", f"Count {name} by hand for the smallest case.",
                   _of(name, lambda value, step=step: value + step))  # fmt: skip
    if all(type(value) in (int, float) for value in values):
        for words, change in _NUMBERS:
            yield f"it works as if {name} were {words.format(name)}", f"Check how {name} enters.", _of(name, change)
    if all(isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in values):
        for words, change in _ARRAYS:
            yield f"it works as if {name} were {words}", f"Check how {name} is used.", _of(name, change)


_NUMBERS: tuple[tuple[str, Callable], ...] = (
    ("1 − {0}", lambda value: 1 - value),
    ("{0}²", lambda value: value**2),
    ("√{0}", lambda value: float(np.sqrt(value))),
    ("−{0}", lambda value: -value),
    ("2·{0}", lambda value: 2 * value),
    ("{0}/2", lambda value: value / 2),
    ("1/{0}", lambda value: 1 / value),
)
_ARRAYS: tuple[tuple[str, Callable], ...] = (
    ("transposed", lambda value: np.ascontiguousarray(value.swapaxes(-1, -2))),
    ("of opposite sign", lambda value: -value),
    ("flipped along its first axis", lambda value: value[::-1].copy()),
    ("flipped along its last axis", lambda value: value[..., ::-1].copy()),
    ("squared", lambda value: value**2),
    ("its square root", np.sqrt),
    ("its logarithm", np.log),
    ("its exponential", np.exp),
    ("passed through a sigmoid", lambda value: 1 / (1 + np.exp(-value))),
    ("passed through a softmax", slips._softmax),
    ("zero", np.zeros_like),
    ("one everywhere", np.ones_like),
)


def _ignored(name: str, values: list, right: Callable, names: list[str]) -> Iterator[tuple[str, str, Change]]:
    """The argument held at its default, at what other cases give, or at a plain number."""
    usual = [_default(right, name), *values]
    if any(type(value) in (int, float) for value in values):
        usual += [0, 1, 0.01, 1e-5, 1e-8, 1e-10, 1e-3, 0.9, 0.999, 0.99, 0.1, 0.5, 2]
    if any(isinstance(value, bool) for value in values):
        usual = [False, True]
    if any(value is None for value in values):
        usual.append(None)
    tried: list[str] = []
    for value in usual:
        if repr(value) in tried or value is inspect.Parameter.empty:
            continue
        tried.append(repr(value))
        words = f"you do not use `{name}`: it works as if {name} were always {value!r}"
        yield words, f"Use the argument {name} wherever you wrote its value.", _held(name, value, names)


def _default(right: Callable, name: str) -> Any:
    try:
        return inspect.signature(right).parameters[name].default
    except (KeyError, TypeError, ValueError):
        return inspect.Parameter.empty


def _of(name: str, change: Callable) -> Change:
    return lambda inputs: inputs | {name: change(inputs[name])} if name in inputs else inputs


def _held(name: str, value: Any, names: list[str]) -> Change:
    """The argument held at a value, also where a case leaves it to its default and nothing else follows."""

    def change(inputs: dict) -> dict:
        place = names.index(name)
        return inputs | {name: value} if name in inputs or list(inputs) == names[:place] else inputs

    return change


def _exchange(a: str, b: str) -> Change:
    return lambda inputs: inputs | {a: inputs[b], b: inputs[a]} if a in inputs and b in inputs else inputs


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype.kind == other.dtype.kind
    return type(one) is type(other) and type(one) in (int, float)


def _right(answer: Answered) -> Callable | None:
    """A right answer that can be run here, without the import of what the answer itself does not need."""
    for function in answer.exercise.accepts:
        if not _heavy(function) and all(
            answer.right(run.outcome(function, answer.exercise, ref.inputs, watch=False), ref)
            for _, ref in answer.asked[:2]
        ):
            return function
    return None


def _heavy(function: Callable) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool({"torch", "scipy", "sklearn"} & {*code.co_names, *code.co_varnames})
