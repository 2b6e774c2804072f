"""The log of attempts, `progress.jsonl` at the course's root: only ever appended to, and all state is derived from it.

In a browser it is a store of the browser's (`browser.py`) instead of a file.

One JSON object a line. Every entry starts with a line break of its own, so that a line torn by a crash spoils no
other, and is written by one call, so that two notebooks may check at once.
"""

import contextlib
import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from utils.grading import browser, catalogue

_ORDER = ("not attempted", "tried", "right")
_SIGN = {"not attempted": "○", "tried": "◐", "right": "●"}


def root() -> Path:
    """The course's folder: COURSE_HOME, else the checkout this package lies in, else (in a browser) the current one."""
    if "COURSE_HOME" in os.environ:
        return Path(os.environ["COURSE_HOME"])
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def log_path() -> Path:
    """Where attempts are noted."""
    return root() / "progress.jsonl"


def record(exercise: str, status: str, mistake: str | None = None) -> None:
    """Append one attempt. COURSE_PROGRESS=off switches it off, for builds and tests."""
    if os.environ.get("COURSE_PROGRESS") == "off" or status == "not attempted":
        return
    entry = {"time": datetime.now().astimezone().isoformat(timespec="seconds"), "exercise": exercise, "status": status}
    entry |= {"mistake": mistake} if mistake else {}
    if browser.HERE:
        browser.note(entry)
    else:
        _append("\n" + json.dumps(entry, ensure_ascii=False))


def _append(line: str) -> None:
    with contextlib.suppress(OSError):  # a read-only checkout, a full disk: a verdict is worth more than its entry
        handle = os.open(log_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)


def history() -> list[dict]:
    """All attempts, oldest first; lines that a crash tore are passed over."""
    entries = browser.attempts() if browser.HERE else map(_parsed, _lines())
    return [entry for entry in entries if _whole(entry)]


def _lines() -> list[str]:
    path = log_path()
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _whole(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("exercise", "status"))


def states() -> dict[str, str]:
    """Exercise → "right" once it was right, else "tried" or "not attempted"; in the course's order."""
    state = dict.fromkeys(catalogue.exercise_names(), "not attempted")
    for attempt in history():
        name = attempt["exercise"]
        reached = "right" if attempt["status"] == "right" else "tried"
        if name in state and _ORDER.index(reached) > _ORDER.index(state[name]):
            state[name] = reached
    return state


@dataclass(frozen=True)
class Progress:
    """What a learner has done, as a table of questions."""

    rows: tuple[tuple[int, str, str, tuple[str, ...]], ...]  # chapter, number, title, states of its exercises

    def __repr__(self) -> str:
        lines = []
        for chapter in dict.fromkeys(row[0] for row in self.rows):
            lines.append(f"Chapter {chapter} · {catalogue.CHAPTERS[chapter][0]}")
            lines += [f"  {''.join(_SIGN[s] for s in states):<5} {number} {title}"
                      for c, number, title, states in self.rows if c == chapter]  # fmt: skip
        return "\n".join([*lines, self.summary])

    @property
    def summary(self) -> str:
        """One line of counts."""
        count = Counter(state for row in self.rows for state in row[3])
        return f"{count['right']} right, {count['tried']} tried, {count['not attempted']} to go"


def progress() -> Progress:
    """Your progress through the course so far: ● right, ◐ tried, ○ not attempted."""
    state = states()
    return Progress(tuple(
        (entry["chapter"], stem[:2], entry["title"], tuple(state[name] for name in entry["exercises"]))
        for stem, entry in catalogue.entries().items()
    ))  # fmt: skip
