"""Outcomes × references → a Report; recognises mistakes. The only place that decides what is right."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

import numpy as np

from utils import catalogue, reference, report, run
from utils.compare import Difference, difference, kind_of, same
from utils.reference import Reference
from utils.report import Report
from utils.run import Failure, Outcome
from utils.spec import Exercise, Mistake

AGAIN = "the first case once more"
_NEXT = {
    "shape": "Write the shape of every intermediate array beside its line, and see where it goes astray.",
    "type": "Look at what the last line returns.",
    "raises": "Check the arguments first, and raise the exception that the docstring names.",
    "length": "Count the items by hand for the smallest case.",
    "nonfinite": "Look for a division by zero, a log of zero or an overflow on the way, and rearrange the formula.",
    "value": "Do this small case on paper and compare it line by line with yours.",
}


def check(function: Callable) -> Report:
    """Judge a function or class that is at hand, by its name. Raises ValueError when the course has none such."""
    exercise = exercise_for(function)
    references = reference.load(catalogue.slug_of(exercise.name))[exercise.name]
    return judge(exercise, run.outcomes(function, exercise, (ref.inputs for ref in references)), references)


def exercise_for(function: Callable) -> Exercise:
    """The exercise that `function` answers; ValueError with the next step when there is none."""
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        got = repr(function) if isinstance(function, str) else kind_of(function)
        raise ValueError(f"check() takes your function itself, as in check(adam_step); it got {got}.")
    try:
        return catalogue.exercise(name)
    except KeyError:
        from difflib import get_close_matches

        near = get_close_matches(name, catalogue.exercise_names(), n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else " `course status` lists them all."
        if name == "<lambda>":
            hint = " A lambda has none: write it with def."
        raise ValueError(f"{name} is not an exercise of this course; a function is found by its name.{hint}") from None


def judge(exercise: Exercise, outcomes: list[Outcome], references: list[Reference]) -> Report:
    """The verdict on one exercise from what its cases gave."""
    total = len(references) + 1
    outcomes = outcomes or [Outcome(None, Failure("raised", "it ended without an answer"), f"{exercise.name}(…)")]
    first = outcomes[0].failure
    if first and first.kind == "not attempted":
        return blank(exercise.name, total)
    pairs = list(zip(outcomes, [*references, references[0]], strict=False))
    findings = [_finding(outcome, ref, exercise) for outcome, ref in pairs]
    failing = [index for index, found in enumerate(findings) if found]
    if not failing and len(pairs) == total:
        return Report(exercise.name, report.RIGHT, total, total, facts=_verified(exercise, references))
    passed = len(pairs) - len(failing)
    index = failing[0] if failing else len(pairs) - 1
    if total - 1 in failing and 0 not in failing:  # one call, two answers: that explains whatever else fails
        index = total - 1
    repeated = index == total - 1
    outcome, ref = pairs[index]
    found = findings[index] or Failure("raised", "it ended before all cases were done")
    mistake = None if repeated or not failing else recognise(exercise, pairs[: total - 1], failing)
    name, advice = (mistake.name, mistake.advice) if mistake else (None, _advice(exercise, found, repeated))
    if not mistake and not repeated and isinstance(found, tuple):
        single = [i for i in failing if i < total - 1]
        name = _factor([findings[i] for i in single], [references[i] for i in single])
    return Report(
        exercise.name, _status(found), passed, total, name,
        _facts(exercise, outcome, AGAIN if repeated else ref.case, found), advice,
        None if isinstance(found, Failure) else found[1],
    )  # fmt: skip


def blank(name: str, total: int = 0) -> Report:
    """The verdict on an exercise that still raises NotImplementedError."""
    advice = f"Write your answer in place of `raise NotImplementedError()`. Stuck? hint({name}) gives a first hint."
    return Report(name, report.BLANK, 0, total, advice=advice)


Finding = Failure | tuple[str, Difference] | None  # why a case failed: no value, or the named value that is wrong


def _finding(outcome: Outcome, ref: Reference, exercise: Exercise) -> Finding:
    wanted = ref.values.get(reference.RAISES)
    if wanted:
        failure = outcome.failure
        came = (failure.message or failure.type) if failure else "a value was returned"
        raised = failure and failure.type == wanted
        return None if raised else ("result", Difference("raises", came, f"{wanted} is raised"))
    if outcome.failure:
        return outcome.failure
    for name, want in ref.values.items():
        got = outcome.values.get(name)
        found = difference(got, want, exercise.rtol, exercise.atol)
        if found:
            return name, found
    return None


def _status(found: Finding) -> str:
    if not isinstance(found, Failure):
        return report.WRONG
    return {"raised": report.ERROR, "not attempted": report.ERROR, "memory": report.MEMORY}.get(
        found.kind, report.WRONG
    )


def _verified(exercise: Exercise, references: list[Reference]) -> tuple[tuple[str, str], ...]:
    cases = "; ".join(ref.case for ref in references)
    shown = [("Cases", cases)]
    if exercise.verified:
        shown.append(("Shown", exercise.verified))
    return tuple(shown)


def _facts(exercise: Exercise, outcome: Outcome, case: str, found: Finding) -> tuple[tuple[str, str], ...]:
    facts = [("Case", case), ("Call", str(outcome.call))]
    if exercise.protocol:
        facts.append(("Run", exercise.protocol))
    if isinstance(found, Failure):
        words = found.message or "it raised NotImplementedError, though other cases have an answer"
        return (*facts, ("Came", words))
    name, gap = found
    facts += [("Came", f"{name}: {gap.came}"), ("Right", f"{name}: {gap.expected}")]
    return (*facts, ("Differ", gap.where)) if gap.where else tuple(facts)


def _advice(exercise: Exercise, found: Finding, repeated: bool) -> str:
    if repeated:
        return "The same call gave another answer the second time: keep nothing between calls, in no global or default."
    if isinstance(found, Failure):
        return {
            "raised": f"Run that call by itself in a cell to see the whole traceback; hint({exercise.name}) helps on.",
            "memory": "Look for an array that is larger than its inputs, or a loop that never ends appending.",
            "changed": "Assign to new names inside the function; use np.copy where you must write into an array.",
            "not attempted": "Finish the branch that still raises NotImplementedError.",
        }.get(found.kind, "Look at the return line.")
    return f"{_NEXT[found[1].kind]} hint({exercise.name}) helps on."


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


def _factor(findings: list[Finding], references: list[Reference]) -> str | None:
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
