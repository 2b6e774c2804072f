"""Which listed mistake, or which common factor, explains what the learner's function gave."""

import math
from collections.abc import Iterable, Iterator
from itertools import takewhile

import numpy as np

from utils.grading import run
from utils.grading.compare import Difference, same
from utils.grading.reference import Reference
from utils.grading.run import Outcome
from utils.grading.spec import Exercise, Mistake


def recognise(exercise: Exercise, pairs: list[tuple[Outcome, Reference]], failing: list[int]) -> Mistake | None:
    """The listed mistake that gives what the learner's function gave on every failing case.

    Where several do, the one that also agrees on most of the other cases, and in the words of exceptions.
    """
    failing = [index for index in failing if index < len(pairs)]
    others = [index for index in range(len(pairs)) if index not in failing]
    best, most = None, -1.0
    for mistake in exercise.mistakes:
        kept = list(takewhile(bool, (_agreement(exercise, mistake, *pairs[index]) for index in failing)))
        if len(kept) == len(failing):  # else one disagreed, and the rest was not tried
            agreeing = sum(kept) + sum(_agreement(exercise, mistake, *pairs[index]) for index in others)
            if agreeing > most:
                best, most = mistake, agreeing
    return best


def _agreement(exercise: Exercise, mistake: Mistake, outcome: Outcome, ref: Reference) -> float:
    """1 for equal values, 0 for others; for exceptions of one type a half, and as much again for equal words."""
    theirs = run.outcome(mistake.wrong, exercise, ref.inputs, watch=False)
    if theirs.failure or outcome.failure:
        if not (theirs.failure and outcome.failure) or theirs.failure.type != outcome.failure.type:
            return 0
        return 1 if theirs.failure.message == outcome.failure.message else 0.5
    if outcome.values.keys() != theirs.values.keys():
        return 0
    return all(same(outcome.values[name], value, exercise.rtol, exercise.atol) for name, value in theirs.values.items())


def factor(findings: list, references: list[Reference]) -> str | None:
    """Names the slip that every formula invites: all entries off by one and the same factor, or by a number of them."""
    with np.errstate(all="ignore"):
        factors = [_constant_ratio(found[1]) if isinstance(found, tuple) else None for found in findings]
    if None in factors or len({found[0] for found in findings}) > 1:
        return None
    name = findings[0][0]
    if _all_near(factors, [1.0] * len(factors)):
        return None  # rounding, as of float32, is no factor
    if _all_near(factors, [factors[0]] * len(factors)):
        several = sum(found[1].want.size for found in findings) > 1
        return _factor_words(name, factors[0]) if several or factors[0] in (2, 0.5, -1) else None
    for sizes in _sizes(references):
        if _all_near(factors, sizes):
            return f"{name} is summed where the mean is asked for"
        if all(sizes) and _all_near(factors, [1 / size for size in sizes]):
            return f"{name} is divided by the number of samples once too often"
    return None


def _factor_words(name: str, factor: float) -> str:
    if math.isclose(factor, -1, rel_tol=1e-6):
        return f"the sign of {name} is turned round"
    short = f"{factor:.4g}"
    return f"{name} is {short if float(short) != 1 else f'{factor:.9g}'} times the right value"


def _all_near(numbers: list[float], others: Iterable[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(numbers, others, strict=True))


def _constant_ratio(gap: Difference) -> float | None:
    """got / want, where that is the same number, not zero, for every entry; else None."""
    if gap.got is None or gap.kind != "value":
        return None
    used = gap.want != 0
    if not used.any() or np.any(gap.got[~used] != 0):
        return None
    ratios = gap.got[used] / gap.want[used]
    first = float(ratios.flat[0])
    return first if first and math.isfinite(first) and np.ptp(ratios) <= 1e-6 * abs(first) else None


def _sizes(references: list[Reference]) -> Iterator[tuple[int, ...]]:
    """How many items a sum may have run over, in all cases: samples, entries, or the length of another axis."""
    for name in references[0].inputs:
        arrays = [ref.inputs.get(name) for ref in references]
        if all(isinstance(array, np.ndarray) and array.ndim for array in arrays):
            yield from zip(*((len(array), array.size, *array.shape[1:]) for array in arrays), strict=False)
