"""Grade many files at once: files → answers → reports, on several workers. One file never costs another's result."""

import contextlib
import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from utils.grading import catalogue, report
from utils.grading.report import Report
from utils.grading.text import printable
from utils.sandbox.file import NoTextError, content
from utils.sandbox.worker import TIMEOUT, Answer, Worker

LIMITS = (report.TIMEOUT, report.MEMORY, report.MACHINE)  # verdicts that a busy machine may have caused


@dataclass(frozen=True)
class Row:
    """One exercise of one file; `report.exercise` is "" when the file could not be taken apart at all."""

    file: str
    report: Report
    digest: str = ""  # of the file's bytes

    def to_json(self) -> dict:
        """The contract of `--json`: text that is valid UTF-8, whatever the file is called."""
        verdict = self.report.to_json()
        return {"file": printable(self.file)} | verdict | {"exercise": verdict["exercise"] or None}


def grade_files(
    files: list[Path],
    jobs: int = 1,
    timeout: float = TIMEOUT,
    expected: Callable[[Path], list[str]] | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
    finished: Callable[[str, str, str], Row | None] = lambda file, digest, exercise: None,
    explain: bool = False,
) -> list[Row]:
    """Grade every exercise that the files define, and those that `expected(path)` says they ought to.

    `on_row` sees each row when it is final. `finished(file, digest, exercise)` may give a row that an earlier run
    left, and nothing is run for it. Whoever ran into a limit is tried once more, alone, at the end.
    """
    workers = [Worker(timeout, explain) for _ in range(max(1, min(jobs, len(files))))]
    graders = [_FileGrader(path, (expected or expected_of)(path), finished) for path in files]
    with _pool_of(workers) as pool:
        _each(pool, _first_try(workers, on_row), graders, 2 * len(workers))
        alone = len(files) == 1 or len(workers) == 1
        for grader in graders:
            for row in grader.again(workers[0], alone):
                on_row(row)
    return [row for grader in graders for row in grader.done]


@contextlib.contextmanager
def _pool_of(workers: list[Worker]) -> Iterator[ThreadPoolExecutor]:
    """A thread for each worker; however it ends, first the workers are closed, so that no thread waits for one."""
    pool = ThreadPoolExecutor(len(workers))
    try:
        yield pool
    finally:
        for worker in workers:
            worker.close()
        pool.shutdown(wait=True, cancel_futures=True)


def _first_try(workers: list[Worker], on_row: Callable[[Row], None]) -> Callable[["_FileGrader"], None]:
    """What a thread does with a file: grade it by a worker that is free, and tell of its rows, one thread at a time."""
    free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for worker in workers:
        free.put(worker)
    telling = threading.Lock()

    def run(grader: "_FileGrader") -> None:
        worker = free.get()
        try:
            for row in grader.rows(worker):
                with telling:
                    on_row(row)
        finally:
            free.put(worker)

    return run


def _each(pool: ThreadPoolExecutor, run: Callable, items: list, most: int) -> None:
    """Run all, at most so many waiting at a time, and raise what one raises: an error of ours, or Ctrl-C."""
    waiting, todo = set(), iter(items)
    for item in todo:
        waiting.add(pool.submit(run, item))
        if len(waiting) >= most:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ended:
                future.result()
    for future in waiting:
        future.result()


def expected_of(path: PurePath) -> list[str]:
    """The exercises that a file ought to define: those of its question, where its name tells which."""
    own = catalogue.entries().get(path.stem)
    return list(own["exercises"]) if own else []


class _FileGrader:
    """One file on its way: its rows, in order, and what has to be tried again."""

    def __init__(self, path: Path, expected: list[str], finished: Callable) -> None:
        self.path, self.expected, self.finished = path, expected, finished
        self.done: list[Row] = []
        self.retry: list[tuple[int, Answer]] = []
        self.digest = ""

    def rows(self, worker: Worker) -> Iterator[Row]:
        """The rows that are final at the first try. Never raises for what the file is or does."""
        try:
            work = list(self._work(worker))
        except NoTextError as error:
            work = [unread(str(error), name) for name in self.expected or [""]]
        for item in work:
            name = item.exercise
            kept = self.finished(str(self.path), self.digest, name)
            verdict = kept.report if kept else worker.grade(item) if isinstance(item, Answer) else item
            if isinstance(item, Answer) and not kept and verdict.status in LIMITS:
                self.retry.append((len(self.done), item))
            self.done.append(Row(str(self.path), verdict, self.digest))
            if not kept and not (self.retry and self.retry[-1][0] == len(self.done) - 1):
                yield self.done[-1]

    def again(self, worker: Worker, alone: bool) -> Iterator[Row]:
        """A second try for whoever ran into a limit while others were running, or whose worker died."""
        for index, answer in self.retry:
            first = self.done[index].report
            if not alone or first.status == report.MACHINE:
                self.done[index] = replace(self.done[index], report=worker.grade(answer))
            yield self.done[index]

    def _work(self, worker: Worker) -> Iterator[Answer | Report]:
        """What there is to run in the file, or the report on why there is nothing."""
        data = content(self.path)
        self.digest = digest_of(data)
        yield from contents(worker, data, self.path, self.expected)


def digest_of(data: bytes) -> str:
    """Sixteen digits of a file's bytes, by which an attempt tells which file was graded."""
    return hashlib.sha256(data).hexdigest()[:16]


def contents(worker: Worker, data: bytes, path: PurePath, expected: list[str]) -> Iterator[Answer | Report]:
    """What there is to run in a file's bytes, or the reports on why there is nothing; `path` gives name and kind."""
    # A question's own notebook may show other methods for comparison, under names that are exercises elsewhere.
    own = catalogue.entries().get(path.stem)
    names = list(own["exercises"]) if own else catalogue.exercise_names()
    found = worker.take_apart(data, path.suffix.lower(), names)
    if found.get("status") == report.MACHINE:
        found = worker.take_apart(data, path.suffix.lower(), names)
    if "parts" not in found:
        yield from (Report(name, found["status"], facts=(("Got", found["message"]),)) for name in expected or [""])
        return
    for name, part in found["parts"].items():
        if "broken" in part:
            yield unread(part["broken"], name)
        else:
            kept = set(part["kept"] or ())
            whole = [[text, index in kept] for index, text in enumerate(found["whole"])] if kept else []
            yield Answer(name, part["source"], found["torch"], str(path), found["files"], whole=whole)
    missing = [name for name in expected if name not in found["parts"]]
    yield from map(_missing, missing)
    if not found["parts"] and not missing:
        yield unread("it contains no exercise of the course; functions must keep their names.")


def _missing(name: str) -> Report:
    return Report(name, report.BLANK, facts=(("Got", "this file does not define it."),), advice="Nothing was judged.")


def unread(message: str, name: str = "") -> Report:
    """The report on a file, or on an exercise in it, that cannot be read."""
    return Report(name, report.ERROR, facts=(("Got", message),))
