"""Logs of several machines and of the browser merged by union: importing twice, or in any order, gives the same."""

import json
from collections import Counter

from utils.grading.progress import append, entries
from utils.grading.progress import parsed as objects_of


def exported() -> str:
    """The whole log as text, one JSON object a line."""
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries())


def parsed(raw: bytes) -> list[dict]:
    """The entries of a log's text, from here or from the book's page; torn lines are passed over."""
    text = raw.decode("utf-8-sig", errors="replace")
    return [entry for entry in objects_of(text) if isinstance(entry, dict)]


def merge(others: list[dict]) -> list[dict] | None:
    """Append what the log lacks and return it; None where it could not be written.

    Two entries that are the same to the letter are one, unless one log has both.
    """
    missing = Counter(map(_text, others)) - Counter(map(_text, entries()))
    new = [json.loads(text) for text, number in missing.items() for _ in range(number)]
    return new if not new or append(new) else None


def _text(entry: dict) -> str:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)
