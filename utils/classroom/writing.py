"""A class's files as they are written: whole or not there; in CSV no cell that a spreadsheet would run; points."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from utils.grading import disk

_RUNS = ("=", "+", "-", "@", "\t", "\r")  # OWASP's list of what a spreadsheet takes for a formula


def write(path: Path, text: str) -> Path:
    """Write a text, the whole file or nothing, with the folders that lead to it; the path again. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.write(path, text)
    return path


def as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Rows as RFC 4180 text; a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUNS) else value


def number(value: float) -> str:
    """A count of points without digits that say nothing: 1.0 → "1", 0.8000000001 → "0.8"."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
