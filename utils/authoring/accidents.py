"""The proof that a listed mistake fails by what it does, not by a slip of its own or inside the grader."""

import linecache
import os
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from utils.authoring import answers
from utils.grading import reference, run
from utils.grading.spec import Exercise, Mistake

GRADER = os.path.dirname(run.__file__)
OWN_SLIPS = ("NameError", "UnboundLocalError", "RecursionError", "SyntaxError", "ImportError", "ModuleNotFoundError")


def mistakes_die_of_what_they_do(exercise: Exercise, path: Path) -> Iterator[str]:
    """No listed mistake ends in a NameError, or in a line of the grader that does not itself raise.

    Such a one would claim every learner's slip that ends there too.
    """
    for mistake in exercise.mistakes:
        for ref in answers.references(exercise):
            if reference.RAISES in ref.values:  # there an exception of another kind may be the mistake
                continue
            if how := _accident(exercise, mistake, ref.inputs):
                yield f"the mistake {mistake.name!r} ends by accident in the case {ref.case!r}: {how}"
                break


def _accident(exercise: Exercise, mistake: Mistake, inputs: dict) -> str:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            exercise.run(mistake.wrong, **run.copied(inputs))
    except Exception as error:
        kind = type(error).__name__
        if kind in OWN_SLIPS or "SimpleNamespace" in str(error):
            return f"{kind}: {error}"
        return f"{kind} in the grader: {error}" if _in_grader(exercise, error.__traceback__) else ""
    return ""


def _in_grader(exercise: Exercise, trace: TracebackType | None) -> bool:
    """Is the innermost line the grader's or that of the exercise's `run`, and no `raise`?"""
    frame, number = list(traceback.walk_tb(trace))[-1]
    file = frame.f_code.co_filename
    ours = os.path.dirname(file) == GRADER or frame.f_code is getattr(exercise.run, "__code__", None)
    return ours and not linecache.getline(file, number).strip().startswith("raise")
