"""Slips that every formula invites, found in what an answer returned, whatever the exercise.

Each is a change of the right values that gives the learner's. One is named only where it explains every case that
asks for a value, to the exercise's tolerance, and where what it explains could hardly be chance.
"""

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.grading.compare import same
from utils.grading.spec import Exercise

Values = dict[str, Any]
Change = Callable[[Any], Any]  # of one right value; what it raises says that it does not apply there


@dataclass(frozen=True)
class Seen:
    """A case that asks for values: what came, what is right, and whether they differ."""

    got: Values
    want: Values
    fails: bool


def named(exercise: Exercise, seen: list[Seen]) -> str | None:
    """The slip in words, or None."""
    failing = [case for case in seen if case.fails]
    if not failing or any(case.got.keys() != case.want.keys() for case in seen):
        return None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the mean of an empty array, for instance
        return _exchanged(exercise, seen) or _of_values(exercise, seen)


def changes(size: int = 4) -> Iterator[tuple[str, Change]]:
    """Every slip of one value, in words about `{}`, its name, and the change; `size` axes at most."""
    for axes in (axes for n in range(2, size + 1) for axes in itertools.permutations(range(n)) if axes != (*range(n),)):
        words = "{} is transposed" if len(axes) == 2 else f"the axes of {{}} are in the order {axes}"
        yield words, lambda value, axes=axes: _array(value, len(axes)).transpose(axes)
    for axis in (-1, -2, -3, -4):
        yield f"{{}} is flipped along axis {axis}", lambda value, axis=axis: np.flip(_array(value), axis)
        yield f"{{}} is shifted by one along axis {axis}", lambda value, axis=axis: np.roll(_array(value), 1, axis)
        yield f"{{}} is shifted by one along axis {axis}", lambda value, axis=axis: np.roll(_array(value), -1, axis)
    yield "the first row of {} is missing", lambda value: _array(value)[1:]
    yield "the last row of {} is missing", lambda value: _array(value)[:-1]
    yield "{} is summed over all axes", lambda value: float(_array(value).sum())
    yield "{} is averaged over all axes", lambda value: float(_array(value).mean())
    for axis in (0, -1):
        for word, over in (("summed", np.sum), ("averaged", np.mean)):
            yield f"{{}} is {word} over axis {axis}", lambda value, f=over, axis=axis: f(_array(value), axis=axis)
    yield "{} is sorted", lambda value: np.sort(_array(value), axis=-1)
    yield "{} is cumulative, a running sum", lambda value: np.cumsum(_array(value), axis=0)
    yield "the square root of {} is forgotten", lambda value: _number(value) ** 2
    yield "{} is the square root of the right value", lambda value: np.sqrt(_number(value))
    yield "{} is the reciprocal of the right value", lambda value: 1 / _number(value)
    yield "{} is 1 minus the right value", lambda value: 1 - _number(value)
    yield "{} is the absolute value of the right one", lambda value: abs(_number(value))
    yield "{} is cut off below zero", lambda value: np.maximum(_number(value), 0)
    yield "{} is cut off to between 0 and 1", lambda value: np.clip(_number(value), 0, 1)
    yield "{} is the logarithm of the right value", lambda value: np.log(_number(value))
    yield "the logarithm of {} is forgotten", lambda value: np.exp(_number(value))
    yield "a softmax is applied to {} once too often", lambda value: _softmax(_array(value))
    yield "a sigmoid is applied to {} once too often", lambda value: 1 / (1 + np.exp(-_number(value)))
    for base in (2, 10):
        words = f"{{}} has a logarithm to base {base} where the natural one is asked for"
        yield words, lambda value, base=base: _number(value) / np.log(base)
    yield "{} has the natural logarithm where the one to base 2 is asked for", lambda value: _number(value) * np.log(2)
    yield "{} is counted one too high", lambda value: _whole(value) + 1
    yield "{} is counted one too low", lambda value: _whole(value) - 1
    for decimals in range(9):
        yield f"{{}} is rounded to {decimals} decimals", lambda value, k=decimals: np.round(_number(value), k)


def _of_values(exercise: Exercise, seen: list[Seen]) -> str | None:
    """One slip for all the values that are wrong, the others being right."""
    names = [
        name for name in seen[0].want if not all(_same(exercise, case.got[name], case.want[name]) for case in seen)
    ]
    found = [_of_value(exercise, name, [(case.got[name], case.want[name]) for case in seen]) for name in names]
    return "; ".join(found) if found and all(found) else None


def _of_value(exercise: Exercise, name: str, pairs: list[tuple[Any, Any]]) -> str | None:
    if not _plenty(exercise, pairs):
        return _imprecise(name, pairs)
    for words, change in changes(max((np.ndim(want) for _, want in pairs if isinstance(want, np.ndarray)), default=1)):
        if all(_explains(exercise, change, *pair) for pair in pairs):
            return words.format(name)
    return _reshaped(exercise, name, pairs) or _imprecise(name, pairs) or _offset(exercise, name, pairs)


def _explains(exercise: Exercise, change: Change, got: Any, want: Any) -> bool:
    try:
        return _same(exercise, got, _plain(change(want)))
    except (TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError):
        return False


def _plenty(exercise: Exercise, pairs: list[tuple[Any, Any]]) -> bool:
    """Three wrong numbers at least, in two cases: fewer fit too many slips."""
    wrong = [(got, want) for got, want in pairs if not _same(exercise, got, want)]
    return len(wrong) >= 2 and sum(np.size(want) for _, want in wrong) >= 3


def _reshaped(exercise: Exercise, name: str, pairs: list[tuple[Any, Any]]) -> str | None:
    """Right numbers in another shape, as (1, D) for (D,)."""
    shapes = None
    for got, want in pairs:
        if not isinstance(want, (np.ndarray, float)) or not isinstance(got, np.ndarray) or np.size(want) != got.size:
            return None
        if not _same(exercise, got.reshape(np.shape(want)), np.asarray(want)):
            return None
        if shapes is None and got.shape != np.shape(want):
            shapes = got.shape, np.shape(want)
    return f"the numbers of {name} are right, their shape is not: {shapes[0]} for {shapes[1]}" if shapes else None


def _imprecise(name: str, pairs: list[tuple[Any, Any]]) -> str | None:
    """Everything has passed through float32 or float16: no bit more, and nothing wrong beyond its rounding."""
    several = sum(np.size(want) for _, want in pairs) >= 10
    for kind, near in ((np.float32, 1e-5), (np.float16, 1e-2)):
        if several and all(_rounded(got, want, kind, near) for got, want in pairs):
            return f"{name} is computed in {kind.__name__}, not in float64"
    if all(isinstance(want, (float, np.ndarray)) and _comparable(got, want) for got, want in pairs):
        return f"{name} is right to seven digits only: some step is computed in float32" if _noise(pairs) else None
    return None


def _comparable(got: Any, want: Any) -> bool:
    kind = type(got) is float or (isinstance(got, np.ndarray) and got.dtype.kind == "f")
    return kind and np.shape(got) == np.shape(want)


def _noise(pairs: list[tuple[Any, Any]]) -> bool:
    """Errors as float32 makes them: of its size and no larger, and of both signs, as those of a formula are not."""
    signs: list[np.ndarray] = []
    for got, want in pairs:
        right = np.asarray(want, float)
        gap = np.asarray(got, float) - right
        if not np.isfinite(gap).all() or (abs(gap) > 2e-6 * np.abs(right).max(initial=0)).any():
            return False
        signs.append((np.sign(gap) * np.sign(right))[abs(gap) > 1e-9 * np.abs(right).max(initial=0)])
    every = np.concatenate([np.ravel(part) for part in signs])
    return every.size >= 10 and 0.2 < np.mean(every > 0) < 0.8


def _rounded(got: Any, want: Any, kind: type, near: float) -> bool:
    try:
        numbers, right = _array(got).astype(float), _array(want).astype(float)
    except (TypeError, ValueError):
        return False
    if numbers.shape != right.shape or not np.isfinite(right).all():
        return False
    scale = np.abs(right).max(initial=0)
    return bool((numbers.astype(kind) == numbers).all() and (abs(numbers - right) <= near * scale).all())


def _offset(exercise: Exercise, name: str, pairs: list[tuple[Any, Any]]) -> str | None:
    """All entries off by one and the same number."""
    first, rights = None, []
    for got, want in sorted(pairs, key=lambda pair: np.abs(pair[1]).max(initial=0) if _comparable(*pair) else 0):
        if not isinstance(want, (float, np.ndarray)) or not _comparable(got, want):
            return None
        if np.size(want) == 0:
            continue
        gap = np.asarray(got, float) - np.asarray(want, float)
        tight = exercise.rtol * np.abs(want).max(initial=0) + exercise.atol
        first = float(np.ravel(gap)[0]) if first is None else first
        if not np.isfinite(gap).all() or (abs(gap - first) > 2 * tight).any():
            return None
        rights.append(np.ravel(want))
        if len(rights) == 1 and abs(first) <= 100 * tight:
            return None
    every = np.concatenate(rights) if rights else np.zeros(1)
    return f"{name} is off by {first:+.4g} everywhere" if np.ptp(every) > 1e-3 * np.abs(every).max() else None


def _exchanged(exercise: Exercise, seen: list[Seen]) -> str | None:
    """The right values in another order."""
    names = list(seen[0].want)
    for order in itertools.permutations(names) if 1 < len(names) <= 4 else ():
        if order != tuple(names) and all(
            _same(exercise, case.got[a], case.want[b]) for case in seen for a, b in zip(names, order, strict=True)
        ):
            return f"the values are right but come in the order ({', '.join(order)})"
    return None


def _same(exercise: Exercise, got: Any, want: Any) -> bool:
    return same(got, want, exercise.rtol, exercise.atol)


def _plain(value: Any) -> Any:
    """A NumPy scalar as the plain number that a right answer is."""
    return value.item() if isinstance(value, np.generic) else value


def _array(value: Any, axes: int = 0) -> np.ndarray:
    array = np.asarray(value, dtype=None if isinstance(value, np.ndarray) else float)
    if array.ndim == 0 or (axes and array.ndim != axes):
        raise ValueError("another number of axes")
    return array


def _number(value: Any) -> Any:
    """A real number, an array or list of them; a text, a bool or a count has no logarithm worth a verdict."""
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return value
    raise TypeError("no real number")


def _whole(value: Any) -> Any:
    if type(value) is int or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        return value
    if isinstance(value, (list, tuple)) and value and all(type(item) is int for item in value):
        return np.asarray(value)
    raise TypeError("no count")


def _softmax(value: np.ndarray) -> np.ndarray:
    weights = np.exp(value - value.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
