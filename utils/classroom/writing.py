"""Files that are whole or not there: written beside their place, then renamed. And cells that no spreadsheet runs."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

_RUNS = ("=", "+", "-", "@", "\t", "\r")  # OWASP's list of what a spreadsheet takes for a formula


def write(path: Path, text: str) -> Path:
    """Write a text in one step: what stood there before stays until the new text is complete. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
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
