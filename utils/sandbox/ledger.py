"""Rows on disk as they come, one JSON object a line: only ever appended to, so that nothing finished is lost."""

import contextlib
import errno
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from utils.grading import catalogue, disk, report
from utils.grading.report import Report
from utils.grading.text import printable
from utils.sandbox.batch import Row, digest_of
from utils.sandbox.file import MOST, NoTextError, content
from utils.sandbox.worker import TIMEOUT


@dataclass(frozen=True)
class Way:
    """How a file was graded, or is to be: what a verdict depends on beside the file, its helpers and the course."""

    timeout: float = TIMEOUT
    explain: bool = False

    def may_differ(self, before: "Way", status: str, mistake: str | None, seconds: float = 0.0) -> bool:
        """Could this way give another verdict than that one, which an earlier way gave after so many seconds?"""
        if status == report.TIMEOUT:
            return before.timeout != self.timeout
        if before.timeout > self.timeout and seconds > self.timeout:
            return True
        unnamed = status in (report.WRONG, report.ERROR) and not mistake
        return status == report.MACHINE or (self.explain and unnamed and not before.explain)


class Ledger:
    """A file of rows. What an earlier run finished, of the same bytes and the same edition, is not graded again.

    It is graded again after a change in a module or a data file beside it that it names (`helpers`), and where another
    timeout or `--explain` could give another verdict (`Way`). OSError where the path is no file.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT, explain: bool = False) -> None:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise OSError(errno.EINVAL, "it is not a file")
        self.path, self.edition, self.way = path, catalogue.edition(), Way(timeout, explain)
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
        how = {"helpers": helpers(row.file)} | vars(self.way)
        append(self._handle, [row.to_json() | {"digest": row.digest, "edition": self.edition} | how])

    def _is_stale(self, row: dict) -> bool:
        """Would another run say more? What rows of earlier versions do not say is taken as the default."""
        before = Way(row.get("timeout", TIMEOUT), bool(row.get("explain")))
        return self.way.may_differ(before, row["status"], row["mistake"])

    def _read(self) -> list[dict]:
        return [row for row in entries(self.path) if _is_row(row)]

    @staticmethod
    def _key(row: dict) -> tuple:
        return row["file"], row.get("digest"), row["exercise"]


_TYPES = {"file": (str,), "exercise": (str, None), "status": (str,), "passed": (int,), "total": (int,),
          "mistake": (str, None), "message": (str,), "line": (int, None)}  # fmt: skip
_CODE = (".py", ".ipynb", ".pyc")
_IMPORTED = re.compile(r"\b(?:import(?:_module|__)?\W+|from\s+)(\w+(?:[\w., ]*\w)?)|__import__\W+(\w+)")


def _is_row(row: dict) -> bool:
    fair = all(name in row and (type(row[name]) if row[name] is not None else None) in _TYPES[name] for name in _TYPES)
    return fair and isinstance(row.get("digest"), (str, type(None)))


@functools.lru_cache(maxsize=1024)
def helpers(file: str) -> str:
    """Sixteen digits of what lies beside a file and it can use, "" where there is nothing.

    These are the modules that it imports, or those import, and the data files that it or they name: an answer may
    read them by the path in `__file__`. A name that the code puts together at run time is not seen.
    """
    folder, waiting, found = Path(file).parent, [Path(file)], {}
    for path in waiting:  # grows while it is read
        if path in found:
            continue
        try:
            found[path] = content(path)
        except NoTextError:
            continue
        waiting += _beside(folder, found[path].decode(errors="replace"))
    texts = b"\n".join(found.values())
    found.pop(Path(file), None)
    named = (path for path in _data_files(str(folder)) if os.fsencode(path.name) in texts)
    return digest_of_all({str(path): text for path, text in found.items()} | {str(p): _about(p) for p in named})


def digest_of_all(files: Mapping[str, bytes]) -> str:
    """Sixteen digits of files, name → bytes, in any order; "" for none."""
    parts = (b"%a\0%d\0%b" % (name, len(data), data) for name, data in sorted(files.items()))
    return digest_of(b"".join(parts)) if files else ""


@functools.lru_cache(maxsize=16)
def _data_files(folder: str) -> list[Path]:
    """The files of a folder that are no code."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry) for entry in entries if entry.is_file() and not entry.name.lower().endswith(_CODE)]
    return []


def _about(path: Path) -> bytes:
    """What changes with a data file: its bytes, or of a large one its size and time."""
    try:
        about = path.stat()
        return path.read_bytes() if about.st_size <= MOST else b"%d %d" % (about.st_size, about.st_mtime_ns)
    except OSError:  # gone meanwhile, or nobody can read it
        return b""


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
