"""The ledger of a class, `OUT/results.jsonl`: one JSON object a line for each exercise of each file, only appended to.

All rows of a file are appended in one write. A file that is graded again gets new rows for all its exercises, and those
count: its earlier rows are history. Graded again is a file whose text, edition of the course or helper modules have
changed, and one to which another `--timeout` could give another verdict. Data files that lie beside an answer play no
part: they do not travel to a worker, and Landlock keeps an answer from the folder they came from. (A worker on the
same machine without Landlock could read them, by their full path.)
"""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from types import TracebackType

from utils.grading import disk
from utils.sandbox.ledger import Way, append, entries

NAME = "results.jsonl"


class LedgerError(Exception):
    """The ledger cannot be written; the message is one line."""


@dataclass(frozen=True)
class Result:
    """One exercise of one student's file."""

    student: str  # "" where a path tells nobody's name
    file: str  # below SUBMISSIONS, with "/"
    exercise: str | None  # None: a file that defines none, or cannot be read; the message says why
    status: str  # as in `course check --json`: right, wrong, not attempted, error, timeout, memory, machine
    mistake: str | None
    message: str
    line: int | None
    passed: int
    total: int
    seconds: float  # on the clock, for this exercise
    digest: str  # of the file's bytes; "" where it has none
    edition: str  # of the course that judged it
    submitted: str  # ISO 8601, UTC: the file's time, or the zip member's; "" where there is none
    retried: bool = False  # it ran into a limit or its worker died, and was tried once more, alone
    late: bool = False  # the platform says so (Canvas)
    name: str = ""  # the student's name and number as the platform writes them
    number: str = ""
    beside: str = ""  # digest of the student's own modules that travelled with the file
    rows: int = 1  # so many rows has this file
    limit: float = 0.0  # --timeout it was graded with
    graded: str = ""  # ISO 8601, UTC; the same for all rows of a file

    @property
    def version(self) -> tuple[str, str, str]:
        """What the verdict depends on."""
        return self.digest, self.beside, self.edition


_REQUIRED = {field.name for field in fields(Result)[:13]}
_NAMES = {field.name for field in fields(Result)}


def read(path: Path) -> list[Result]:
    """The rows that count, file by file in the order in which each was first graded; [] where there is no ledger.

    Lines that a crash tore, or that are something else, are passed over; so is a grading whose rows are not all there.
    """
    return _last(path, lambda row: (row.student, row.file))


def history(path: Path) -> list[Result]:
    """The rows of all texts that a file ever had: each text's last verdict, in the order in which texts came.

    What a student handed in before, under the same name, was an attempt too.
    """
    return _last(path, lambda row: (row.student, row.file, row.digest, row.beside))


def totals(path: Path) -> Counter[str]:
    """Status → how many of the rows that count; without the rows in memory, for a class may be large."""
    return Counter(
        _last(
            path,
            lambda row: _short(f"{row.student} {row.file}"),
            lambda rows: tuple(sys.intern(row.status) for row in rows),
        )
    )


def _last(path: Path, key: Callable[[Result], Hashable], kept: Callable[[list[Result]], Sequence] = list) -> list:
    """What is kept of the last grading for each key; one whose rows are not all there replaces none."""
    latest: dict[Hashable, Sequence] = {}
    for rows in _gradings(path):
        if key(rows[0]) not in latest or len(rows) >= rows[0].rows:
            latest[key(rows[0])] = kept(rows)
    return [one for grading in latest.values() for one in grading]


def _gradings(path: Path) -> Iterator[list[Result]]:
    """The rows of one file, graded once: they follow each other."""
    rows = (Result(**{k: v for k, v in row.items() if k in _NAMES}) for row in entries(path) if row.keys() >= _REQUIRED)
    for _, grading in groupby(rows, key=lambda row: (row.student, row.file, row.graded, *row.version)):
        yield list(grading)


class Results:
    """The ledger of a run that writes it. One run at a time: LedgerError where another one has it."""

    def __init__(self, path: Path, edition: str, limit: float) -> None:
        self.path, self.edition, self.limit = path, edition, limit
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = disk.opened(path)
        except OSError as error:
            raise LedgerError(f"{path}: {error.strerror}.") from None
        if not disk.hold(self._handle):
            os.close(self._handle)
            raise LedgerError(f"another run is writing {path}; wait for it, or stop it.")
        self._done = self._finished()

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._handle)

    def has(self, file: str, digest: str, beside: str) -> bool:
        """Did an earlier run finish this file, in these bytes, with all its rows, as this run would?"""
        return self._done.get(_short(file)) == _short(f"{digest} {beside} {self.edition}")

    def write(self, rows: Iterable[Result]) -> None:
        """Append a file's rows in one write."""
        append(self._handle, [vars(row) for row in rows])

    def _finished(self) -> dict[int, int]:
        """File → what its last rows depend on, where all of them are there; as numbers, for a class may be large."""
        done: dict[int, int] = {}
        for rows in _gradings(self.path):
            first = rows[0]
            whole = len(rows) >= first.rows and not any(map(self._worth_another_try, rows))
            done[_short(first.file)] = _short(" ".join(first.version)) if whole else -1
        return done

    def _worth_another_try(self, row: Result) -> bool:
        return Way(self.limit).may_differ(Way(row.limit), row.status, row.mistake, row.seconds)


def _short(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())
