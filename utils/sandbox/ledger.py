"""Rows on disk as they come, one JSON object a line: only ever appended to, so that nothing finished is lost."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from utils.grading import catalogue, disk, report
from utils.grading.report import Report
from utils.grading.text import printable
from utils.sandbox.batch import Row


class Ledger:
    """A file of rows. What an earlier run finished, of the same bytes and the same edition, is not graded again."""

    def __init__(self, path: Path) -> None:
        self.path, self.edition = path, catalogue.edition()
        self._known = {self._key(row): row for row in self._read() if row.get("edition") == self.edition}
        self._handle = disk.opened(path)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._handle)

    def finished(self, file: str, digest: str, exercise: str) -> Row | None:
        """The row that an earlier run left for these bytes; None for what is new or was the machine's fault."""
        row = self._known.get((printable(file), digest, exercise or None))
        if row is None or row["status"] == report.MACHINE:
            return None
        verdict = Report(
            exercise, row["status"], row["passed"], row["total"], row["mistake"], said=row["message"], line=row["line"]
        )
        return Row(file, verdict, digest)

    def write(self, row: Row) -> None:
        """Append a row, whole or not at all for a reader: it begins with a line break of its own."""
        entry = row.to_json() | {"digest": row.digest, "edition": self.edition}
        append(self._handle, [entry])

    def _read(self) -> list[dict]:
        return [row for row in entries(self.path) if row.keys() >= _NEEDED]

    @staticmethod
    def _key(row: dict) -> tuple:
        return row["file"], row.get("digest"), row["exercise"]


_NEEDED = {"file", "exercise", "status", "passed", "total", "mistake", "message", "line"}


def append(handle: int, rows: list[dict]) -> None:
    """Append rows in one write, whole or not at all for a reader: each begins with a line break of its own."""
    data = "".join("\n" + json.dumps(row, ensure_ascii=False) for row in rows).encode()
    while data:
        data = data[disk.append(handle, data) :]


def entries(path: Path) -> Iterator[dict]:
    """The objects in a file of rows, in order; a line that a crash tore, or that is something else, is passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row
