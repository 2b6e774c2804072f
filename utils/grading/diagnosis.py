"""Why an answer is wrong, in words: the listed mistake, the missing guard, the slip, or two of them together."""

import re
from dataclasses import dataclass, replace

import numpy as np

from utils.grading import asif, recognise, slips
from utils.grading import pairs as listed_pairs
from utils.grading.answered import Answered, Pairs
from utils.grading.compare import Difference
from utils.grading.reference import RAISES, Reference
from utils.grading.run import Failure, Outcome
from utils.grading.spec import Exercise

Finding = Failure | tuple[str, Difference] | None  # why a case failed: no value, or the named value that is wrong


@dataclass(frozen=True)
class Diagnosis:
    """What explains every failing case; no name where only the values are known to be right."""

    name: str | None
    advice: str = ""
    facts: tuple[tuple[str, str], ...] = ()  # what stands first in the verdict


def of(exercise: Exercise, pairs: Pairs, findings: list[Finding]) -> Diagnosis | None:
    """The diagnosis of an answer that fails on some case, or None."""
    failing = [index for index, found in enumerate(findings) if found]
    listed = recognise.recognise(exercise, pairs, failing)
    unguarded = [i for i in failing if RAISES in pairs[i][1].values]
    changing = any(_changed(found) for found in findings)
    stripped = [_on_copies(pair) for pair in pairs]
    wrong = [
        i for i in failing if i not in unguarded and (stripped[i] is pairs[i] or not _right(exercise, *stripped[i]))
    ]
    facts = _values_right(pairs, unguarded, changing) if not wrong and len(unguarded) < len(pairs) else ()
    if listed:
        return Diagnosis(listed.name, listed.advice, facts)
    if said := _said_by_torch([pairs[i][0] for i in failing]):
        return Diagnosis(*said)
    if not wrong:
        return Diagnosis(None, _guards(pairs, unguarded) if unguarded else "", facts) if facts else None
    name, advice = _values_wrong(exercise, stripped, findings, wrong) or (None, "")
    besides = _besides(pairs, unguarded, changing)
    return Diagnosis(f"{name}{besides}", advice) if name else None


_SAID = (  # torch's words, the name with what they hold, advice
    (
        re.compile(r"running_mean should contain (\d+) elements not (\d+)"),
        "a batch norm of the wrong width: made for {1} channels, given {0}",
        "A batch norm is as wide as the map that it reads: the c_in or c_out of the convolution beside it.",
    ),
    (
        re.compile(r"expected weight to be at least 1 at dimension 0"),
        "a layer of width 0",
        "A width that is divided and rounded down can come to nothing: keep at least one, max(1, …).",
    ),
)


def _said_by_torch(outcomes: list[Outcome]) -> tuple[str, str] | None:
    """What torch's exception is about, where every failing case ends in the same one."""
    for pattern, name, advice in _SAID:
        seen = [pattern.search(outcome.failure.text) if outcome.failure else None for outcome in outcomes]
        if seen and None not in seen:
            return name.format(*seen[0].groups()), advice
    return None


def _values_wrong(exercise: Exercise, pairs: Pairs, findings: list[Finding], wrong: list[int]) -> tuple | None:
    """(name, advice) of what explains the cases whose values are wrong."""
    mistake = recognise.recognise(exercise, pairs, wrong)
    if mistake:
        return mistake.name, mistake.advice
    answer = Answered(exercise, pairs)
    if not answer.possible:
        return None
    try:
        return _slip(answer, findings, wrong)
    except Exception:  # whatever an answer returned, it gets its verdict
        return None


def _slip(answer: Answered, findings: list[Finding], wrong: list[int]) -> tuple[str, str] | None:
    """A slip that no list of the exercise's has, or two together."""
    seen = [slips.Seen(outcome.values, ref.values, not answer.right(outcome, ref)) for outcome, ref in answer.asked]
    slip = slips.named(answer.exercise, seen)
    if slip:
        return slip, ""
    if len(answer.wrong_names) == 1 and not any(_changed(findings[i]) for i in wrong):
        factor = recognise.factor([findings[i] for i in wrong], [answer.pairs[i][1] for i in wrong])
        if factor:
            return factor, ""
    return asif.named(answer) or listed_pairs.by_value(answer) or listed_pairs.named(answer) or _left_over(answer)


def _left_over(answer: Answered) -> tuple[str, str] | None:
    """Parameters of a module that are too many or missing in every case, counted as arrays and as numbers."""
    over = []
    for outcome, ref in answer.asked:
        got, want = (values.get("parameters") for values in (outcome.values, ref.values))
        arrays = [np.size(values.get("parameter gradients", 0)) for values in (outcome.values, ref.values)]
        if type(got) is not int or type(want) is not int or (arrays[0] - arrays[1]) * (got - want) <= 0:
            return None
        over.append((arrays[0] - arrays[1], got - want))
    if len(over) < 2:
        return None
    arrays, numbers = over[0]
    few = "too many" if arrays > 0 else "too few"
    name = f"parameter arrays {few}: {abs(arrays)}, with {abs(numbers)} numbers, in the first case"
    return (
        name,
        "Print [(name, p.shape) for name, p in net.named_parameters()] and look for those that do not belong.",
    )


def thorough(exercise: Exercise, pairs: Pairs, seconds: float) -> Diagnosis | None:
    """Two slips in an answer for which `of` has no name, searched for longer."""
    answer = Answered(exercise, [_on_copies(pair) for pair in pairs])
    if not answer.possible:
        return None
    found = listed_pairs.named(answer, seconds / 2, thorough=True) or asif.two(answer, seconds / 2)
    return Diagnosis(*found) if found else None


def _values_right(pairs: Pairs, unguarded: list[int], changing: bool) -> tuple[tuple[str, str], ...]:
    asked = sum(RAISES not in ref.values for _, ref in pairs)
    right = f"right in all {asked} cases that ask for one"
    if unguarded and changing:
        return (("Values", f"{right}; but an exception is missing, and the answer writes into its arguments"),)
    if changing:
        return (("Values", f"{right}; but the answer writes into its arguments"),)
    return (("Values", f"{right}; only an exception is missing"),)


def _guards(pairs: Pairs, unguarded: list[int]) -> str:
    kinds = " and ".join(dict.fromkeys(str(pairs[i][1].values[RAISES]) for i in unguarded))
    cases = "; ".join(pairs[i][1].case for i in unguarded[:3])
    more = f" and {len(unguarded) - 3} more" if len(unguarded) > 3 else ""
    return f"Your formula is right. Check the arguments first and raise {kinds} ({cases}{more})."


def _besides(pairs: Pairs, unguarded: list[int], changing: bool) -> str:
    words = ["; and besides it writes into its arguments"] if changing else []
    kinds = " and ".join(dict.fromkeys(str(pairs[i][1].values[RAISES]) for i in unguarded))
    return "".join([*words, f"; and besides {kinds} is not raised where it is asked for" if unguarded else ""])


def _changed(found: Finding) -> bool:
    return isinstance(found, Failure) and found.kind == "changed"


def _on_copies(pair: tuple[Outcome, Reference]) -> tuple[Outcome, Reference]:
    """The pair with the values that an answer gives on copies, where it wrote into its arguments."""
    outcome, ref = pair
    if outcome.failure and outcome.failure.kind == "changed" and outcome.values is not None:
        return replace(outcome, failure=None), ref
    return pair


def _right(exercise: Exercise, outcome: Outcome, ref: Reference) -> bool:
    if outcome.failure or outcome.values is None:
        return False
    return all(
        name in outcome.values and recognise.same(outcome.values[name], want, exercise.rtol, exercise.atol)
        for name, want in ref.values.items()
    )
