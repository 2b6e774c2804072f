"""A file that is graded each time it is saved, with lines that an editor's problem matcher can read."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.grading.progress import record
from utils.grading.report import RIGHT

SIGNS = {RIGHT: "right", "not attempted": "blank"}


def problems(path: Path, timeout: float = 10.0) -> Iterator[str]:
    """One line an exercise: "FILE:LINE: error: NAME: what is wrong". The attempts are noted."""
    from utils.sandbox.batch import grade_files

    for row in grade_files([path], 1, timeout):
        report = row.report
        if report.exercise:
            record(report.exercise, report.status, report.mistake, row.digest or None)
        kind = "info" if report.status in SIGNS else "error"
        words = SIGNS.get(report.status) or f"{report.status}: {report.mistake or report.message}"
        place = f"{path}:{line_of(path, report.exercise)}"
        yield f"{place}: {kind}: {report.exercise or path.name}: {' '.join(words.split())}"


def line_of(path: Path, name: str) -> int:
    """The line of the file where an exercise is defined, 1 where it is not found."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((n for n, text in enumerate(lines, 1) if f"def {name}(" in text or f"class {name}(" in text), 1)


def watched(path: Path, changes: Iterable[set] | None = None) -> Iterator[str]:
    """Grade now and after each save. The folder is watched: editors save by putting a new file in the old one's place.

    Bytes that were graded are not graded again, and a notebook that is half written waits for the rest.
    """
    graded = None
    for _ in _with_first(changes if changes is not None else _changes(path)):
        text = path.read_bytes() if path.exists() else None
        if text is None or text == graded or not whole(path):
            continue
        graded = text
        yield from problems(path)


def _with_first(changes: Iterable[set]) -> Iterator[set]:
    yield set()
    yield from changes


def _changes(path: Path) -> Iterator[set]:
    from watchfiles import watch

    wanted = path.resolve()
    return watch(wanted.parent, watch_filter=lambda _, name: Path(name) == wanted, recursive=False)


def whole(path: Path) -> bool:
    """Is it all there? A script always; a notebook when it is JSON with cells."""
    if path.suffix != ".ipynb":
        return True
    try:
        return "cells" in json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, TypeError):
        return False
