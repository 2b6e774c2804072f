"""The line of a wrong answer in which one edit makes every case right: found by trying them, within a second."""

import ast
import inspect
import linecache
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from utils.grading import run
from utils.grading.edits import TICK, Edit, edits, origin
from utils.grading.run import Outcome
from utils.grading.spec import Exercise

SECONDS = 1.0  # unless told otherwise: for a hint, judge.py shares a second out between this and two slips
FIRST = 0.75  # of that for a single edit, where others may be one of two
PROBES = 3  # failing cases on which every edit is tried
MOST = 12  # edits that are tried with a second one
ONE = 0.03  # seconds for one edit in a loop that may be endless
Tried = Callable[[list[str], list[dict]], list[list[Outcome]]]  # texts, inputs → for each text an outcome of each


@dataclass(frozen=True)
class Found:
    """Where the edit is and what kind it is; not the edit itself. `other` is a second one that is needed too."""

    line: int
    kind: str
    shown: str  # the line as it was written
    other: "Found | None" = None
    name: str = ""  # of the listed mistake that is left after the first of two edits

    @property
    def words(self) -> str:
        """For the learner."""
        if self.other is None:
            return f"{self.place}: one edit makes every case right. It is {self.kind}."
        known = f"; that one is a known mistake, {self.name}" if self.name else ""
        return (
            f"{self.place}, and line {self.other.line}, `{self.other.shown}`: one edit in each makes every case right. "
            f"The first is {self.kind}, the second {self.other.kind}{known}."
        )

    @property
    def place(self) -> str:
        """Number and text of the line."""
        return f"Line {self.line} of your answer, `{self.shown}`"


class TooLate(BaseException):  # no `except Exception` may catch it
    """The time for the search is over."""


@dataclass(frozen=True)
class Near:
    """An edit that makes some cases right, or leaves a listed mistake: perhaps one of two."""

    edit: Edit
    wrong: tuple[int, ...]  # cases on which it still fails
    names: tuple[str, ...] = ()  # of the mistake that it leaves

    @property
    def rank(self) -> tuple[bool, int]:
        """The likeliest first."""
        return not self.names, len(self.wrong)


@dataclass(frozen=True)
class Search:
    """What is needed to try edits: `tried` runs texts on cases, `right(index, outcome)` judges.

    `known(index, outcome)` names the listed mistakes that give the same there.
    """

    tried: Tried
    all_inputs: list[dict]
    right: Callable[[int, Outcome], bool]
    known: Callable[[int, Outcome], Collection[str]] = lambda index, outcome: ()
    clock: Callable[[], float] = time.process_time  # a busy machine finds what an idle one does
    batch: int = 40

    def find(self, source: str, failing: list[int], seconds: float = SECONDS) -> Found | None:
        """The first edit with which every case is right, else two; `failing` are cases on which the answer fails."""
        start = self.clock()
        near: list[Near] = []
        if edit := self._single(source, failing, start + FIRST * seconds, near):
            return _found(source, edit.line, edit.kind)
        lines = origin(source) if near else {}
        for candidate in sorted(near, key=lambda near: near.rank)[:MOST]:
            until = min(start + seconds, self.clock() + seconds / 4)
            other = self._single(candidate.edit.text, list(candidate.wrong), until, [])
            if other:
                second = _found(source, lines.get(other.line, candidate.edit.line), other.kind)
                name = candidate.names[0] if candidate.names else ""
                return replace(_found(source, candidate.edit.line, candidate.edit.kind), other=second, name=name)
            if self.clock() > start + seconds:
                break
        return None

    def _single(self, source: str, failing: list[int], deadline: float, near: list[Near]) -> Edit | None:
        probes = failing[:PROBES]
        for some in _batches(edits(source), self.batch):
            done = self.tried([edit.text for edit in some], [self.all_inputs[index] for index in probes])
            hits = [
                hit for edit, outcomes in zip(some, done, strict=False) if (hit := self._hit(edit, probes, outcomes))
            ]
            for closer in self._looked_at(probes, [hit for hit in hits if hit]):
                if not closer.wrong:
                    return closer.edit
                near.append(closer)
            if self.clock() > deadline:
                break
        return None

    def _hit(self, edit: Edit, probes: list[int], outcomes: list[Outcome]) -> Near | None:
        """An edit that makes some probe right, or leaves a listed mistake on each of them."""
        wrong = [index for index, outcome in zip(probes, outcomes, strict=True) if not self.right(index, outcome)]
        if len(wrong) < len(probes):
            return Near(edit, tuple(wrong))
        left = set(self.known(probes[0], outcomes[0]))
        for index, outcome in zip(probes[1:], outcomes[1:], strict=True):
            left &= set(self.known(index, outcome)) if left else set()
        return Near(edit, tuple(wrong), tuple(sorted(left))) if left else None

    def _looked_at(self, probes: list[int], hits: list[Near]) -> Iterator[Near]:
        """All of them on the other cases; only a mistake that is left on every case keeps its name."""
        others = [index for index in range(len(self.all_inputs)) if index not in probes]
        inputs = [self.all_inputs[index] for index in others]
        done = self.tried([hit.edit.text for hit in hits], inputs) if hits else []
        for hit, outcomes in zip(hits, done, strict=False):
            wrong, names = list(hit.wrong), set(hit.names)
            for index, outcome in zip(others, outcomes, strict=True):
                if not self.right(index, outcome):
                    wrong.append(index)
                    names &= set(self.known(index, outcome)) if names else set()
            yield Near(hit.edit, tuple(wrong), tuple(name for name in hit.names if name in names))


def _found(source: str, line: int, kind: str) -> Found:
    return Found(line, kind, source.split("\n")[line - 1].strip())


def _batches(items: Iterable, size: int) -> Iterator[list]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def runner(scope: dict[str, Any], exercise: Exercise, seconds: float = SECONDS) -> Tried:
    """Runs texts where the learner's other names are at hand; endless loops end with the time."""
    name, deadline = exercise.name, time.process_time() + seconds
    until = [deadline]

    def tick() -> None:
        if time.process_time() > until[0]:
            raise TooLate

    def tried(texts: list[str], all_inputs: list[dict]) -> list[list[Outcome]]:
        done: list[list[Outcome]] = []
        for text in texts:
            if time.process_time() > deadline:
                break
            names = scope | {TICK: tick}
            failure = _defined(text, names)
            done.append([])
            for inputs in all_inputs:
                until[0] = time.process_time() + ONE
                watch = len(all_inputs) > 1
                outcome = Outcome(None, failure, "") if failure else run.outcome(names[name], exercise, inputs, watch)
                done[-1].append(outcome)
        return done

    return tried


def _defined(text: str, scope: dict[str, Any]) -> run.Failure | None:
    """Why a text cannot be executed, or None; what it defines is in the scope."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an edit may call a number; that is no one's business
            exec(compile(text, "<edited>", "exec"), scope)
    except BaseException as error:
        return run.failure_of(error)
    return None


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
