"""Outcomes × references → a Report. The only place that decides what is right.

A report's facts (Case, Call, Got, Expected, Where) are put together here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.grading import catalogue, codec, reference, report, run, stopwatch
from utils.grading.compare import Difference, difference, kind_of, same
from utils.grading.reference import Reference
from utils.grading.report import Report
from utils.grading.run import Failure, Outcome
from utils.grading.spec import Exercise, call

if TYPE_CHECKING:  # a right answer needs neither, and a notebook's first cell would wait for them
    from utils.grading import line
    from utils.grading.diagnosis import Finding

SMALL = 24  # entries that a message shows, and that can be done on paper
LINE, TWO_SLIPS = 0.8, 0.2  # seconds of the processor for a longer search
FAR, ROOM = 4, 1000  # a container may hold so many times the right number of entries, and so many more
AGAIN = "the first case once more"
_NEXT = {
    "shape": "Write the shape of every intermediate array beside its line, and see where it goes wrong.",
    "type": "Look at what the last line returns.",
    "raises": "Check the arguments first, and raise the exception that the docstring names.",
    "length": "Count the items by hand for the smallest case.",
    "nonfinite": "Look for a division by zero, a log of zero or an overflow on the way, and rearrange the formula.",
    "large": "Look at what differs and at what sets it apart, then try a small case whose result you know.",
    "value": "Do this small case on paper and compare it line by line with yours.",
}


def check(function: Callable, timeout: float = stopwatch.SECONDS) -> Report:
    """Judge a function or class that is at hand, by its name. Raises ValueError when the course has none such."""
    exercise = exercise_for(function)
    references = reference.load(catalogue.slug_of(exercise.name))[exercise.name]
    return judge(exercise, _outcomes(function, exercise, references, timeout), references)


def _outcomes(
    function: Callable, exercise: Exercise, references: list[Reference], timeout: float = stopwatch.SECONDS
) -> list[Outcome]:
    """What the cases give within so many seconds; the one that does not end is the last."""
    try:
        return stopwatch.run(
            lambda: run.outcomes(function, exercise, (ref.inputs for ref in references)), seconds=timeout
        )
    except stopwatch.TooLongError as error:  # it came between two cases
        return [Outcome(None, run.failure_of(error), f"{exercise.name}(…)")]


@dataclass(frozen=True)
class Explanation:
    """What a longer search has found: a line in which one edit makes the answer right, or two slips by name."""

    words: str
    line: int | None = None
    mistake: str | None = None


def explain(function: Callable) -> Explanation | None:
    """Why a wrong answer without a name is wrong, searched for a second; None where nothing is found."""
    from utils.grading import forking, line

    exercise = exercise_for(function)
    references = reference.load(catalogue.slug_of(exercise.name))[exercise.name]
    outcomes = _outcomes(function, exercise, references)
    source = line.source_of(function)

    def search() -> dict | None:
        found = searched(exercise, references, outcomes, source, line.runner(line.scope_of(function), exercise))
        return asdict(found) if found else None

    found = forking.aside(search)
    return Explanation(**found) if found else None


def searched(
    exercise: Exercise,
    references: list[Reference],
    outcomes: list[Outcome],
    source: str | None,
    tried: line.Tried,
    **more: Any,
) -> Explanation | None:
    """The same from outcomes, with `tried` to run edited texts."""
    from utils.grading import diagnosis, line, recognise

    pairs = _paired(outcomes, references)
    failing = [i for i, (outcome, ref) in enumerate(pairs) if finding(outcome, ref, exercise)]
    if not failing or len(pairs) < len(references):
        return None
    search = line.Search(
        tried, [ref.inputs for ref in references],
        lambda index, outcome: _is_right(outcome, references[index], exercise),
        recognise.left(exercise, len(references)), **more,
    )  # fmt: skip
    found = search.find(source, failing, LINE) if source else None
    if found:
        return Explanation(found.words, found.line)
    known = diagnosis.thorough(exercise, pairs, TWO_SLIPS)
    return Explanation(f"Your mistake: {known.name}. {known.advice}", mistake=known.name) if known else None


def exercise_for(function: Callable) -> Exercise:
    """The exercise that `function` answers; ValueError with the next step when there is none."""
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        got = repr(function) if isinstance(function, str) else kind_of(function)
        raise ValueError(f"check() takes your function itself, as in check(adam_step); it got {got}.")
    if owner := run.borrowed(function):
        raise ValueError(f"{name} comes from {owner}, the course's own; define yours in a cell and check that.")
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
    pairs = _paired(outcomes, [*references, references[0]])
    findings = [finding(outcome, ref, exercise) for outcome, ref in pairs]
    failing = [index for index, found in enumerate(findings) if found]
    if not failing and len(pairs) == total:
        return Report(exercise.name, report.RIGHT, total, total, facts=_verified(exercise, references))
    index = _telling(failing, len(pairs), total)
    repeated = index == total - 1
    outcome, ref = pairs[index]
    found = findings[index] or Failure("raised", "it ended before all cases were done")
    endless = isinstance(found, Failure) and found.kind == "time"
    plain = repeated or endless or not failing
    known = None if plain else _diagnosed(exercise, pairs[: total - 1], findings[: total - 1])
    name, advice = (known.name, known.advice) if known else (None, "")
    facts = _facts(exercise, outcome, AGAIN if repeated else ref.case, found)
    return Report(
        exercise.name, _status(found), len(pairs) - len(failing), total, name,
        (*(known.facts if known else ()), *facts), advice or _advice(exercise, found, repeated, str(outcome.call)),
        None if isinstance(found, Failure) else found[1], inputs=run.copied(ref.inputs),
    )  # fmt: skip


def _telling(failing: list[int], done: int, total: int) -> int:
    """Which case a verdict shows: the first that failed, the last that was done, or the call that was repeated."""
    if total - 1 in failing and 0 not in failing:  # one call, two answers: that explains whatever else fails
        return total - 1
    return failing[0] if failing else done - 1


def _paired(outcomes: list[Outcome], references: list[Reference]) -> list[tuple[Outcome, Reference]]:
    """Each outcome with what is right. Words stand in the place of a container that is far too large: comparing it
    entry by entry, with each mistake too, would take half a minute for a million."""
    return [(_within_reason(*pair), pair[1]) for pair in zip(outcomes, references, strict=False)]


def _within_reason(outcome: Outcome, ref: Reference) -> Outcome:
    large = {
        name: words
        for name, value in (outcome.values or {}).items()
        if isinstance(value, (list, tuple, dict, str))
        and (words := codec.bounded(value, FAR * _size(ref.values.get(name)) + ROOM)) is not value
    }
    return replace(outcome, values=outcome.values | large) if large else outcome


def _size(value: Any) -> int:
    """How many entries a right value has, as a list of lists would hold them."""
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, (list, tuple)):
        return len(value) + sum(map(_size, value))
    return sum(map(_size, value.values())) if isinstance(value, dict) else 1


def blank(name: str, total: int = 0) -> Report:
    """The verdict on an exercise that still raises NotImplementedError."""
    advice = f"Write your answer in place of `raise NotImplementedError()`. Stuck? hint({name}) gives a first hint."
    return Report(name, report.BLANK, 0, total, advice=advice)


def _diagnosed(exercise: Exercise, pairs: list[tuple[Outcome, Reference]], findings: list[Finding]) -> object:
    from utils.grading import diagnosis

    return diagnosis.of(exercise, pairs, findings)


def finding(outcome: Outcome, ref: Reference, exercise: Exercise) -> Finding:
    """Why one case fails, or None."""
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


def _is_right(outcome: Outcome, ref: Reference, exercise: Exercise) -> bool:
    """`finding(…) is None`, without the words."""
    if outcome.failure or reference.RAISES in ref.values:
        return finding(outcome, ref, exercise) is None
    values = outcome.values
    return all(same(values.get(name), want, exercise.rtol, exercise.atol) for name, want in ref.values.items())


def _status(found: Finding) -> str:
    if not isinstance(found, Failure):
        return report.WRONG
    return {"raised": report.ERROR, "not attempted": report.ERROR, "memory": report.MEMORY, "time": report.TIMEOUT}.get(
        found.kind, report.WRONG
    )


def _verified(exercise: Exercise, references: list[Reference]) -> tuple[tuple[str, str], ...]:
    cases = "; ".join(ref.case for ref in references)
    shown = [("Tested on", cases)]
    if exercise.verified:
        shown.append(("Proven", exercise.verified))
    return tuple(shown)


def _facts(exercise: Exercise, outcome: Outcome, case: str, found: Finding) -> tuple[tuple[str, str], ...]:
    facts = [("Case", case), ("Call", str(outcome.call))]
    if exercise.protocol:
        facts.append(("Run", exercise.protocol))
    if isinstance(found, Failure):
        words = found.message or "it raised NotImplementedError, though other cases have an answer"
        return (*facts, ("Got", words))
    name, gap = found
    facts += [("Got", f"{name}: {gap.came}"), ("Expected", f"{name}: {gap.expected}")]
    return (*facts, ("Where", gap.where)) if gap.where else tuple(facts)


def _advice(exercise: Exercise, found: Finding, repeated: bool, shown: str) -> str:
    if repeated:
        return "The same call gave another answer the second time: keep nothing in a global variable or a default."
    if isinstance(found, Failure):
        return {
            "raised": _again(exercise, found),
            "time": f"Look for a loop that never ends. check({exercise.name}, timeout=60) allows more time.",
            "memory": "Look for an array that is larger than its inputs, or a loop that never ends appending.",
            "changed": "Assign to new names inside the function; use np.copy where you must write into an array.",
            "not attempted": "Finish the branch that still raises NotImplementedError.",
        }.get(found.kind, "Look at the return line.")
    hidden = "<" in shown  # arguments that are too large for the message: nobody does such a case on paper
    small = not hidden and (found[1].want is None or found[1].want.size <= SMALL)
    kind = found[1].kind if small or found[1].kind != "value" else "large"
    name = exercise.name
    repeat = f"{name}(*check({name}).inputs.values()) repeats that call. " if hidden and exercise.run is call else ""
    return f"{_NEXT[kind]} {repeat}hint({name}) gives the next step."


def _again(exercise: Exercise, failure: Failure) -> str:
    """How to see the whole traceback; `check` keeps the arguments of the case."""
    if "backward() needs" in failure.message:
        return "Write `out = out + shortcut` in place of `out += shortcut`, and ReLU without inplace=True."
    name = exercise.name
    if exercise.run is not call:
        return f"What that case starts from is in check({name}).inputs. hint({name}) gives the next step."
    return f"The whole traceback: {name}(*check({name}).inputs.values()). hint({name}) gives the next step."
