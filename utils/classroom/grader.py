"""What a cluster's worker does: grade a batch of files with warm graders of its own, and send plain rows back.

client ──batch: names, bytes──► Dask's worker: takes apart, judges ──inputs──► sandbox: forks a child for each exercise
       ◄──────rows────────────                                     ◄─outcomes─

Who judges: Dask's worker process. It reads references and mistakes from the course that is installed there, and runs
nothing of a student's; the child that does holds no answer, neither as numbers nor as code, and sends plain arrays.
That is the wall of `course check`, on every worker. A client that judged all by itself would be the bottleneck of a
cluster from about ten workers on (`utils.classroom.simulation`). A worker with another edition of the course refuses.
"""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from utils.grading import catalogue
from utils.grading.report import Report
from utils.sandbox.batch import contents, expected_of
from utils.sandbox.worker import Answer, Worker

SECONDS = 5.0  # a batch that has taken so long goes back, and what is left of it is sent again
_idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()  # of this process: warm, each with a process of its own


class EditionError(Exception):
    """This worker has another edition of the course than the client; the message is one line."""


@dataclass(frozen=True)
class Job:
    """One file, as it travels."""

    name: str  # "15_batchnorm_forward.ipynb": tells the question, and a notebook from a script
    data: bytes
    beside: dict[str, str]  # the student's own modules: name → text


def grade(jobs: list[Job], timeout: float, edition: str) -> list[list[dict]]:
    """The rows of each file, of the first file at least and of all where time allows.

    EditionError where this machine has another course than the client.
    """
    if catalogue.edition() != edition:
        raise EditionError(f"a worker has edition {catalogue.edition()} of the course, this machine {edition}.")
    end, done = time.monotonic() + SECONDS, []
    with _grader(timeout) as worker:
        for job in jobs:
            done.append(list(_rows(worker, job)))
            if time.monotonic() > end:
                break
    return done


def close() -> None:
    """End this process's idle graders; those at work, for another client, stay."""
    while True:
        try:
            _idle.get_nowait().close()
        except queue.Empty:
            return


@contextmanager
def _grader(timeout: float) -> Iterator[Worker]:
    """A warm grader: one that is idle, else a new one. Dask never runs more batches at once than it has threads."""
    try:
        worker = _idle.get_nowait()
    except queue.Empty:
        worker = Worker()
    worker.timeout = timeout
    try:
        yield worker
    finally:
        _idle.put(worker)


def _rows(worker: Worker, job: Job) -> Iterator[dict]:
    path = PurePosixPath(job.name)
    start = time.perf_counter()
    for item in contents(worker, job.data, path, expected_of(path)):
        verdict = worker.grade(_alone(item, job.beside)) if isinstance(item, Answer) else item
        now = time.perf_counter()
        yield _plain(verdict) | {"seconds": round(now - start, 4)}
        start = now


def _alone(answer: Answer, beside: dict[str, str]) -> Answer:
    """With what the student's folder holds, for that folder is on another machine."""
    return replace(answer, files=beside | answer.files, here=False)


def _plain(verdict: Report) -> dict:
    row = verdict.to_json()
    return row | {"exercise": row["exercise"] or None}
