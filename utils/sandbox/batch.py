"""Grade many files at once: files → answers → reports, in the order of the files, on several workers."""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from utils.grading import catalogue, report
from utils.grading.report import Report
from utils.sandbox import source
from utils.sandbox.worker import TIMEOUT, Answer, Worker


@dataclass(frozen=True)
class Row:
    """One exercise of one file; `report.exercise` is "" when the file could not be taken apart at all."""

    file: str
    report: Report

    def to_json(self) -> dict:
        """The contract of `--json`."""
        verdict = self.report.to_json()
        return {"file": self.file} | verdict | {"exercise": verdict["exercise"] or None}


def grade_files(
    files: list[Path],
    jobs: int = 1,
    timeout: float = TIMEOUT,
    expected: Callable[[Path], list[str]] = lambda path: [],
    on_done: Callable[[Row, int], None] = lambda row, total: None,
) -> list[Row]:
    """Grade every exercise that the files define, and those that `expected(path)` says they ought to.

    A file's faults stay its own: whatever one does, the rows of the others come out the same.
    """
    tasks = [task for path in files for task in _tasks(path, expected(path))]
    workers: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    everyone = [Worker(timeout) for _ in range(max(1, min(jobs, len(tasks))))]
    for worker in everyone:
        workers.put(worker)

    def run(task: tuple[Path, Answer | Report]) -> Row:
        path, work = task
        if isinstance(work, Answer):
            worker = workers.get()
            try:
                work = worker.grade(work)
            finally:
                workers.put(worker)
        row = Row(str(path), work)
        on_done(row, len(tasks))
        return row

    with ThreadPoolExecutor(len(everyone)) as pool:
        try:
            return list(pool.map(run, tasks))
        finally:
            for worker in everyone:
                worker.close()


def _tasks(path: Path, expected: list[str]) -> Iterator[tuple[Path, Answer | Report]]:
    """What there is to run in a file, or the report on why there is nothing."""
    # A question's own notebook may show other methods for comparison, under names that are exercises elsewhere.
    own = catalogue.entries().get(path.stem)
    names = list(own["exercises"]) if own else catalogue.exercise_names()
    if path.suffix not in (".py", ".ipynb"):
        yield path, _unread("it is neither a .py nor an .ipynb file.")
        return
    try:
        found = source.read(path, names)
    except (source.UnreadableError, OSError) as error:
        for name in expected or [""]:
            yield path, _unread(str(error), name)
        return
    defined = found.defined(names)
    for name in [*defined, *(name for name in expected if name not in defined)]:
        yield path, _work(found, name, defined)
    if not defined and not expected:
        yield path, _unread("it defines none of the course's exercises; a function is found by its name.")


def _work(found: source.Definitions, name: str, defined: list[str]) -> Answer | Report:
    if name not in defined:
        return _unread(f"{name} is not defined in this file any more.", name)
    if name in found.broken:
        return _unread(found.broken[name], name)
    return Answer(name, found.needed_for(name), found.torch)


def _unread(message: str, name: str = "") -> Report:
    return Report(name, report.ERROR, facts=(("Got", message),))
