"""Which listed mistake, or which common factor, explains what the learner's function gave."""

import math
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from utils.grading import catalogue, fingerprint, reference, run
from utils.grading.answered import Pairs
from utils.grading.compare import Difference, same
from utils.grading.reference import Reference
from utils.grading.run import Outcome
from utils.grading.spec import Exercise, Mistake

Proposal = tuple[int, np.ndarray, np.ndarray]  # place in the list; for each case: agrees for certain, may agree
TRIED = 3  # so many failing cases a mistake is run on beside those that its print leaves open: the others cost more


def recognise(exercise: Exercise, pairs: Pairs, failing: list[int]) -> Mistake | None:
    """The listed mistake that gives what the learner's function gave on every failing case: by its print on all of
    them, and to the exercise's tolerance on the first ones, where it is run.

    Where several do, the one that also agrees on most of the other cases, and then the one listed first. One that is
    wrong on many cases where the answer is right is none.
    """
    failing = [index for index in failing if index < len(pairs)]
    if accidental(pairs):
        return None
    best, most = None, (0, 0)  # agreements, and minus the place in the list
    proposed = [
        row for row in _proposed(exercise, pairs, failing) if not _spoken_against(exercise, pairs, failing, row)
    ]
    for place, certain, agreeing in proposed:
        mistake = exercise.mistakes[place]
        if (int(agreeing.sum()), -place) <= most or not _gives(exercise, mistake, pairs, _tried(failing, certain)):
            continue
        if len(proposed) == 1:
            return mistake
        open_ = [index for index in np.flatnonzero(agreeing & ~certain) if index not in failing]
        certain[failing] = True
        count = int(certain.sum()) + sum(_agrees(exercise, mistake, *pairs[index]) for index in open_)
        best, most = max((best, most), (mistake, (count, -place)), key=lambda found: found[1])
    return best


def _spoken_against(exercise: Exercise, pairs: Pairs, failing: list[int], row: Proposal) -> bool:
    """Is a mistake wrong on more than one right case for two that it explains?

    Fewer may be cases that an answer treats by themselves, as a matrix beside kernels.
    """
    place, certain, agreeing = row
    asked = {index for index, (_, ref) in enumerate(pairs) if reference.RAISES not in ref.values}
    right = sorted(asked - {*failing})
    spared = sum(not agreeing[index] for index in right)
    open_ = [index for index in right if agreeing[index] and not certain[index]]
    spared += sum(not _agrees(exercise, exercise.mistakes[place], *pairs[index]) for index in open_)
    return 2 * spared > len(asked & {*failing})


def _tried(failing: list[int], certain: np.ndarray) -> list[int]:
    """The failing cases that a mistake is run on before it is named."""
    sure = [index for index in failing if certain[index]]
    return sorted({*failing} - {*sure[TRIED:]})


def _gives(exercise: Exercise, mistake: Mistake, pairs: Pairs, cases: list[int]) -> bool:
    """Does the mistake, when it is run, give what the learner's function gave on these cases?"""
    return all(_agrees(exercise, mistake, *pairs[index]) for index in cases)


_ACCIDENT = re.compile(
    r"has no attribute '|unsupported operand|out of (bounds|range)|not (subscriptable|callable|iterable|defined)|"
    r"positional arguments?|unexpected keyword|not supported|cannot (access|unpack)|required"
)


def accidental(pairs: Pairs) -> bool:
    """Did the answer end in a slip of Python's on every case that asks for a value? That tells nothing of its idea."""
    failures = [outcome.failure for outcome, ref in pairs if reference.RAISES not in ref.values]
    return bool(failures) and all(
        failure is not None and failure.type in _SLIPS and bool(_ACCIDENT.search(failure.text)) for failure in failures
    )


_SLIPS = {"AttributeError", "TypeError", "NameError", "UnboundLocalError", "IndexError", "KeyError", "AxisError"}


def _proposed(exercise: Exercise, pairs: Pairs, failing: list[int]) -> list[Proposal]:
    """What can explain the failing cases, the likeliest first.

    Those mistakes that can be it by their recorded fingerprints; all, by running them, where none are recorded.
    """
    recorded = prints_of(exercise, len(pairs))
    if recorded is None:
        return _run_all(exercise, pairs, failing)
    mine = fingerprint.of([outcome for outcome, _ in pairs], value_names(exercise))
    agreeing = fingerprint.agreeing(mine, recorded, exercise.rtol, exercise.atol)
    certain = agreeing & fingerprint.known(mine, recorded)
    return _sorted([(int(i), certain[i], agreeing[i]) for i in np.flatnonzero(agreeing[:, failing].all(1))])


def prints_of(exercise: Exercise, cases: int) -> fingerprint.Prints | None:
    """The recorded fingerprints of the exercise's mistakes on its first cases; None where they are not recorded."""
    slug = catalogue.slug_of(exercise.name)
    recorded = fingerprint.load(slug).get(exercise.name) if slug else None
    if recorded is None or len(recorded.forms) != len(exercise.mistakes) or recorded.forms.shape[1] < cases:
        return None
    return recorded.first(cases)


def left(exercise: Exercise, cases: int) -> Callable[[int, Outcome], list[str]]:
    """(case, outcome) → names of the mistakes that give those values there, by their fingerprints."""
    recorded, names = prints_of(exercise, cases), value_names(exercise)

    def known(case: int, outcome: Outcome) -> list[str]:
        if recorded is None or outcome.values is None:
            return []
        agreeing = fingerprint.agreeing(
            fingerprint.of([outcome], names), recorded.only(case), exercise.rtol, exercise.atol
        )
        return [exercise.mistakes[place].name for place in np.flatnonzero(agreeing[:, 0])]

    return known


def _run_all(exercise: Exercise, pairs: Pairs, failing: list[int]) -> list[Proposal]:
    """The same by running every mistake: for an exercise whose fingerprints are not recorded yet."""
    rows = []
    for place, mistake in enumerate(exercise.mistakes):
        if _gives(exercise, mistake, pairs, failing):
            seen = np.array([_agrees(exercise, mistake, *pair) for pair in pairs])
            rows.append((place, seen, seen))
    return _sorted(rows)


def _sorted(rows: list[Proposal]) -> list[Proposal]:
    return sorted(rows, key=lambda row: (-int(row[2].sum()), -int(row[1].sum()), row[0]))


def _agrees(exercise: Exercise, mistake: Mistake, outcome: Outcome, ref: Reference) -> bool:
    """Does the mistake give the same values there, or an exception of the same type and words?"""
    theirs = run.outcome(mistake.wrong, exercise, ref.inputs, watch=False)
    if theirs.failure or outcome.failure:
        both = theirs.failure and outcome.failure
        return bool(both and (theirs.failure.type, theirs.failure.text) == (outcome.failure.type, outcome.failure.text))
    if outcome.values.keys() != theirs.values.keys():
        return False
    return all(same(outcome.values[name], value, exercise.rtol, exercise.atol) for name, value in theirs.values.items())


def value_names(exercise: Exercise) -> list[str]:
    """The names of the values that are looked at."""
    return [name for name in exercise.returns if name]


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
        return f"the sign of {name} is reversed"
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
