"""Two listed mistakes in one answer, named where together they give what the answer gave on every case.

Fingerprints say which pairs can be it: where one mistake of the two changes nothing, the answer must be the other.
Those are put together from their parts (`parts.py`), run, and compared.
"""

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from utils.grading import fingerprint, parts, recognise, reference, run
from utils.grading.answered import Answered, clock
from utils.grading.run import Outcome
from utils.grading.spec import Exercise, Mistake

Found = tuple[str, str]  # (name, advice)
SECONDS = 0.05
FEW = 4  # cases that ask for a value: with fewer, too much explains an answer


def named(answer: Answered, seconds: float = SECONDS, thorough: bool = False) -> Found | None:
    """(both names, both advices), or None. `thorough` also tries the pairs that fingerprints speak against."""
    if len(answer.asked) < FEW:
        return None
    deadline, found = clock() + seconds, []
    for one, other in _likely(answer, thorough):
        both = _together(answer.exercise, one, other)
        if both and answer.explained(both):
            found.append((one, other))
        if clock() > deadline or len(found) > 3:
            break
    return _words(answer.exercise, found) if found else None


def by_value(answer: Answered) -> Found | None:
    """Two slips in an answer of several values: one listed mistake for each value that is wrong."""
    wrong, recorded = answer.wrong_names, recognise.prints_of(answer.exercise, len(answer.pairs))
    if len(wrong) < 2 or recorded is None:
        return None
    names = recognise.value_names(answer.exercise)
    mine = fingerprint.of([outcome for outcome, _ in answer.pairs], names)
    agrees = fingerprint.agreeing_values(mine, recorded, answer.exercise.rtol, answer.exercise.atol)[:, _asked(answer)]
    found: dict[str, Mistake] = {}
    for name in wrong:
        places = np.flatnonzero(agrees[:, :, names.index(name)].all(axis=1))
        listed = [answer.exercise.mistakes[place] for place in places]
        listed.sort(key=lambda mistake: all(mistake is not other for other in found.values()))
        mistake = next((mistake for mistake in listed if _gives(answer, mistake, name)), None)
        if mistake is None:
            return None
        found[name] = mistake
    return _values_words(found) if len({id(mistake) for mistake in found.values()}) == 2 else None


def _values_words(found: dict[str, Mistake]) -> Found:
    mistakes = list({id(mistake): mistake for mistake in found.values()}.values())
    words = (
        f"{mistake.name} (in {', '.join(name for name in found if found[name] is mistake)})" for mistake in mistakes
    )
    return f"two slips: {'; and '.join(words)}", " ".join(dict.fromkeys(mistake.advice for mistake in mistakes))


def _gives(answer: Answered, mistake: Mistake, name: str) -> bool:
    """Does the mistake give that value as the answer did, on all cases?"""
    for outcome, ref in answer.asked:
        theirs = run.outcome(mistake.wrong, answer.exercise, ref.inputs, watch=False).values
        if theirs is None or name not in theirs or not answer.same(outcome.values.get(name), theirs[name]):
            return False
    return True


def _asked(answer: Answered) -> list[int]:
    return [index for index, (_, ref) in enumerate(answer.pairs) if reference.RAISES not in ref.values]


def _words(exercise: Exercise, found: list[tuple[int, int]]) -> Found:
    """Where several pairs explain the answer, what they share, and what else it may be."""
    shared = [place for place in found[0] if all(place in pair for pair in found)] or [found[0][0]]
    others = list(dict.fromkeys(place for pair in found for place in pair if place != shared[0]))[:2]
    if len(found) > 2 and len(shared) == 1:
        others = others[:1]
    listed = [exercise.mistakes[place] for place in (shared[0], *others)]
    names = f"two slips: {listed[0].name}; and {', or '.join(mistake.name for mistake in listed[1:])}"
    return names, " ".join(dict.fromkeys(mistake.advice for mistake in listed[:2]))


def _likely(answer: Answered, thorough: bool) -> Iterator[tuple[int, int]]:
    """Pairs of places in the list, those first that most of the cases speak for."""
    recorded = recognise.prints_of(answer.exercise, len(answer.pairs))
    if recorded is None:
        return
    names, asked = recognise.value_names(answer.exercise), _asked(answer)
    rtol, atol = answer.exercise.rtol, answer.exercise.atol
    mine = fingerprint.of([outcome for outcome, _ in answer.pairs], names)
    right = fingerprint.of([Outcome(ref.values, None, "") for _, ref in answer.pairs], names)
    agrees = fingerprint.agreeing(mine, recorded, rtol, atol)[:, asked].astype(int)
    inert = fingerprint.agreeing(right, recorded, rtol, atol)[:, asked].astype(int)
    against = (1 - agrees) @ inert.T  # cases where the one differs from the answer though the other changes nothing
    against = against + against.T
    shown = agrees @ inert.T  # and those where it is the answer
    order = [(against[i, j], -(shown + shown.T)[i, j], i, j) for i, j in itertools.combinations(range(len(agrees)), 2)]
    for contradictions, _, i, j in sorted(order):
        if contradictions and not thorough:
            return
        yield int(i), int(j)


@functools.cache
def _usual(exercise: Exercise) -> dict:
    return parts.usual([mistake.wrong for mistake in exercise.mistakes])


def _together(exercise: Exercise, one: int, other: int) -> object:
    try:
        return parts.together(*(exercise.mistakes[place].wrong for place in (one, other)), _usual(exercise))
    except parts.ConflictError:
        return None
