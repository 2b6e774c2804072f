"""The line of a wrong answer in which one edit makes every case right: found by trying them, within a second."""

import ast
import inspect
import linecache
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from utils.grading import run
from utils.grading.edits import TICK, edits
from utils.grading.run import Outcome
from utils.grading.spec import Exercise

SECONDS = 1.0
ONE = 0.03  # seconds for one edit in a loop that may be endless
Tried = Callable[[list[str], dict], list[Outcome]]  # texts, inputs of one case → an outcome for each text


@dataclass(frozen=True)
class Found:
    """Where the edit is and what kind it is; not the edit itself."""

    line: int
    kind: str
    shown: str  # the line as it was written

    @property
    def words(self) -> str:
        """For the learner."""
        return f"Line {self.line} of your answer, `{self.shown}`: one edit makes every case right. It is {self.kind}."


class TooLate(BaseException):  # no `except Exception` may catch it
    """The time for the search is over."""


def find(source: str, tried: Tried, all_inputs: list[dict], right: Callable[[int, Outcome], bool], first: int,
         seconds: float = SECONDS, batch: int = 40) -> Found | None:  # fmt: skip
    """The first edit with which every case is right.

    `tried` runs texts on one case; `right(index, outcome)` judges; `first` is a case on which the answer fails.
    """
    deadline = time.monotonic() + seconds
    order = [first, *(i for i in range(len(all_inputs)) if i != first)]
    for some in _batches(edits(source), batch):
        outcomes = tried([edit.text for edit in some], all_inputs[first])
        for edit, outcome in zip(some, outcomes, strict=False):
            if right(first, outcome) and all(
                (got := tried([edit.text], all_inputs[i])) and right(i, got[0]) for i in order[1:]
            ):
                return Found(edit.line, edit.kind, source.split("\n")[edit.line - 1].strip())
        if time.monotonic() > deadline:
            break
    return None


def _batches(items: Iterable, size: int) -> Iterator[list]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def runner(scope: dict[str, Any], exercise: Exercise, seconds: float = SECONDS) -> Tried:
    """Runs texts where the learner's other names are at hand; endless loops end with the time."""
    deadline = time.monotonic() + seconds

    until = [deadline]

    def tick() -> None:
        if time.monotonic() > until[0]:
            raise TooLate

    def tried(texts: list[str], inputs: dict) -> list[Outcome]:
        outcomes = []
        for text in texts:
            if time.monotonic() > deadline:
                break
            until[0] = time.monotonic() + ONE
            outcomes.append(_outcome(text, scope | {TICK: tick}, exercise, inputs, watch=len(texts) == 1))
        return outcomes

    return tried


def _outcome(text: str, scope: dict[str, Any], exercise: Exercise, inputs: dict, watch: bool) -> Outcome:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an edit may call a number; that is no one's business
            exec(compile(text, "<edited>", "exec"), scope)
    except BaseException as error:
        return Outcome(None, run.failure_of(error), "")
    return run.outcome(scope[exercise.name], exercise, inputs, watch)


def scope_of(function: Callable) -> dict[str, Any]:
    """What the names in a function or class stand for."""
    if hasattr(function, "__globals__"):
        return function.__globals__
    return vars(sys.modules.get(getattr(function, "__module__", ""), ast)) | {}


def source_of(function: Callable) -> str | None:
    """The text of a function or class as it was written, or None."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        pass
    codes = (getattr(part, "__code__", None) for part in (function, *vars(function).values()))
    for code in filter(None, codes):
        text = "".join(linecache.getlines(code.co_filename))
        if found := within(text, function.__name__):
            return found
    return None


def within(text: str, name: str) -> str | None:
    """The last definition of that name in a text, or None."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    nodes = [node for node in tree.body if getattr(node, "name", None) == name]
    return ast.get_source_segment(text, nodes[-1]) if nodes else None
