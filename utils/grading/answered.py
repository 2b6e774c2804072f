"""What an answer gave, and whether a function explains it: gives the very same on every case that asks for values."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from utils.grading import reference, run
from utils.grading.compare import same
from utils.grading.reference import Reference
from utils.grading.run import Outcome
from utils.grading.spec import Exercise

Pairs = list[tuple[Outcome, Reference]]
Change = Callable[[dict], dict]
_NOT_THERE = (TypeError, ValueError, ZeroDivisionError, OverflowError, IndexError, np.exceptions.AxisError)


@dataclass(frozen=True)
class Answered:
    """An answer's outcomes on the cases that ask for values."""

    exercise: Exercise
    pairs: Pairs  # of all cases

    @cached_property
    def asked(self) -> Pairs:
        """Those that ask for values: the failing ones first, small before large."""
        asked = [pair for pair in self.pairs if reference.RAISES not in pair[1].values]
        return sorted(asked, key=lambda pair: (self.right(*pair), size(pair[1].inputs)))

    @property
    def possible(self) -> bool:
        """Are there values on all of them?"""
        return bool(self.asked) and all(outcome.values is not None for outcome, _ in self.asked)

    @property
    def wrong_names(self) -> list[str]:
        """The values that are wrong somewhere."""
        first = self.asked[0][1].values
        return [name for name in first if not all(self.same(o.values.get(name), r.values[name]) for o, r in self.asked)]

    def explained(self, function: Callable, change: Change | None = None) -> bool:
        """Does the function give what the answer gave on all of them, from changed arguments?"""
        for outcome, ref in self.asked:
            try:
                with np.errstate(all="ignore"):
                    inputs = change(ref.inputs) if change else ref.inputs
            except _NOT_THERE:
                return False
            theirs = run.outcome(function, self.exercise, inputs, watch=False).values
            if theirs is None or theirs.keys() != outcome.values.keys():
                return False
            if not all(self.same(outcome.values[name], value) for name, value in theirs.items()):
                return False
        return True

    def right(self, outcome: Outcome, ref: Reference) -> bool:
        """Are all values right there?"""
        if outcome.failure or outcome.values is None:
            return False
        return all(name in outcome.values and self.same(outcome.values[name], v) for name, v in ref.values.items())

    def same(self, got: Any, want: Any) -> bool:
        """To the exercise's tolerance."""
        return same(got, want, self.exercise.rtol, self.exercise.atol)


def size(inputs: dict) -> int:
    """Entries of all arrays."""
    return sum(np.size(value) for value in inputs.values() if isinstance(value, np.ndarray))


def clock() -> float:
    """Seconds of the processor: a busy machine finds what an idle one does."""
    return time.process_time()
