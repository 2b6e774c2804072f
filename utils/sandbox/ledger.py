"""Rows on disk as they come, one JSON object a line: only ever appended to, so that nothing finished is lost."""

import errno
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from utils.grading import catalogue, disk, report
from utils.grading.report import Report
from utils.grading.text import printable
from utils.sandbox.batch import Row
from utils.sandbox.file import NoTextError, content
from utils.sandbox.worker import TIMEOUT


class Ledger:
    """A file of rows. What an earlier run finished, of the same bytes and the same edition, is not graded again.

    Nor where it would come out as before: not after a change in a module beside the file, nor, of an answer that ran
    out of time, with another timeout, nor of one without a name for its mistake, when an explanation is asked for.
    OSError where the path is no file.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT, explain: bool = False) -> None:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise OSError(errno.EINVAL, "it is not a file")
        self.path, self.edition, self.timeout, self.explain = path, catalogue.edition(), timeout, explain
        self._known = {self._key(row): row for row in self._read() if row.get("edition") == self.edition}
        self._handle = disk.opened(path)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._handle)

    def finished(self, file: str, digest: str, exercise: str) -> Row | None:
        """The row that an earlier run left for these bytes; None for what is new or was the machine's fault."""
        row = self._known.get((printable(file), digest, exercise or None))
        if row is None or self._is_stale(row) or row.get("helpers", "") != helpers(file):
            return None
        verdict = Report(
            exercise, row["status"], row["passed"], row["total"], row["mistake"], said=row["message"], line=row["line"]
        )
        return Row(file, verdict, digest)

    def write(self, row: Row) -> None:
        """Append a row, whole or not at all for a reader: it begins with a line break of its own."""
        how = {"helpers": helpers(row.file), "timeout": self.timeout, "explain": self.explain}
        append(self._handle, [row.to_json() | {"digest": row.digest, "edition": self.edition} | how])

    def _is_stale(self, row: dict) -> bool:
        """Would another run say more? What rows of earlier versions do not say is taken as the default."""
        if row["status"] == report.TIMEOUT:
            return row.get("timeout", TIMEOUT) != self.timeout
        unnamed = row["status"] in (report.WRONG, report.ERROR) and not row["mistake"]
        return row["status"] == report.MACHINE or (self.explain and unnamed and not row.get("explain"))

    def _read(self) -> list[dict]:
        return [row for row in entries(self.path) if _is_row(row)]

    @staticmethod
    def _key(row: dict) -> tuple:
        return row["file"], row.get("digest"), row["exercise"]


_TYPES = {"file": (str,), "exercise": (str, None), "status": (str,), "passed": (int,), "total": (int,),
          "mistake": (str, None), "message": (str,), "line": (int, None)}  # fmt: skip
_IMPORTED = re.compile(r"\b(?:import(?:_module|__)?\W+|from\s+)(\w+(?:[\w., ]*\w)?)|__import__\W+(\w+)")


def _is_row(row: dict) -> bool:
    fair = all(name in row and (type(row[name]) if row[name] is not None else None) in _TYPES[name] for name in _TYPES)
    return fair and isinstance(row.get("digest"), (str, type(None)))


@functools.lru_cache(maxsize=1024)
def helpers(file: str) -> str:
    """Sixteen digits of the modules beside a file that it imports, or those import; "" where there are none."""
    waiting, found = [Path(file)], {}
    for path in waiting:  # grows while it is read
        if path in found:
            continue
        try:
            found[path] = content(path)
        except NoTextError:
            continue
        waiting += _beside(Path(file).parent, found[path].decode(errors="replace"))
    found.pop(Path(file), None)
    digest = hashlib.sha256(b"".join(b"%a\0%b\0" % (str(path), found[path]) for path in sorted(found)))
    return digest.hexdigest()[:16] if found else ""


def _beside(folder: Path, text: str) -> Iterator[Path]:
    """The files of a folder that a text speaks of as modules."""
    for names in _IMPORTED.findall(text):
        for name in {re.split(r"\W", part.strip())[0] for part in "".join(names).split(",")} - {""}:
            yield from [folder / f"{name}.py"] if (folder / f"{name}.py").is_file() else []
            yield from sorted((folder / name).rglob("*.py")) if (folder / name).is_dir() else []


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
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield row
