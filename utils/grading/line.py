"""The line of a wrong answer in which one edit makes every case right: found by trying them, within a second."""

import ast
import inspect
import json
import linecache
import os
import select
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, NoReturn

from utils.grading import run
from utils.grading.edits import TICK, edits
from utils.grading.run import Outcome
from utils.grading.spec import Exercise

SECONDS = 1.0  # of processor time, as all times here: a busy machine must not decide what is found
CPU = 2  # whole seconds after which the system kills the child, also inside C code
PATIENCE = 20  # seconds on the wall, after which nobody waits for it any longer
MEMORY = 1 << 30  # bytes more than the process had before
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


def find(
    source: str,
    tried: Tried,
    all_inputs: list[dict],
    right: Callable[[int, Outcome], bool],
    first: int,
    seconds: float = SECONDS,
    batch: int = 40,
    clock: Callable[[], float] = time.process_time,
) -> Found | None:
    """The first edit with which every case is right. `clock` counts the seconds: those of this process, or the wall's.

    `tried` runs texts on one case; `right(index, outcome)` judges; `first` is a case on which the answer fails.
    """
    deadline = clock() + seconds
    order = [first, *(i for i in range(len(all_inputs)) if i != first)]
    for some in _batches(edits(source), batch):
        outcomes = tried([edit.text for edit in some], all_inputs[first])
        for edit, outcome in zip(some, outcomes, strict=False):
            if right(first, outcome) and all(
                (got := tried([edit.text], all_inputs[i])) and right(i, got[0]) for i in order[1:]
            ):
                return Found(edit.line, edit.kind, source.split("\n")[edit.line - 1].strip())
        if clock() > deadline:
            break
    return None


def aside(search: Callable[[], Found | None]) -> Found | None:
    """`search` in a forked child: an edit may keep C code busy for minutes or ask for gigabytes, as `rows.append(rows)`
    before `np.stack(rows)` does, and no clock in Python stops that. Where a system cannot fork it runs here."""
    if not hasattr(os, "fork") or sys.platform == "emscripten":
        return search()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a kernel has threads; the child needs none of them
        child = os.fork()
    if not child:
        _answer(search, writer)
    os.close(writer)
    try:
        ready = select.select([reader], [], [], PATIENCE)[0]
        text = os.read(reader, 1 << 16) if ready else b""
        return Found(**json.loads(text)) if text else None
    finally:
        os.close(reader)
        os.kill(child, 9)
        os.waitpid(child, 0)


def _answer(search: Callable[[], Found | None], writer: int) -> NoReturn:
    """The child's part: silent, within the memory, and gone without the cleaning up that belongs to the parent."""
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
        _limit()
        if found := search():
            os.write(writer, json.dumps(asdict(found)).encode())
    finally:
        os._exit(0)


def _limit() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)


def _batches(items: Iterable, size: int) -> Iterator[list]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def runner(scope: dict[str, Any], exercise: Exercise, seconds: float = SECONDS) -> Tried:
    """Runs texts where the learner's other names are at hand; endless loops end with the time."""
    deadline = time.process_time() + seconds

    until = [deadline]

    def tick() -> None:
        if time.process_time() > until[0]:
            raise TooLate

    def tried(texts: list[str], inputs: dict) -> list[Outcome]:
        outcomes = []
        for text in texts:
            if time.process_time() > deadline:
                break
            until[0] = time.process_time() + ONE
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
