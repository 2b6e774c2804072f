"""The log, `progress.jsonl` at the course's root: only ever appended to, and all state is derived from it.

In a browser it is a store of the browser's (`browser.py`) instead of a file.

One JSON object a line, two kinds of them: an attempt has `exercise` and `status`, every other entry has `event`
("opened", "hint", "gave up", …), so that readers of attempts, older ones too, pass it over.
Every entry starts with a line break of its own, so that a line torn by a crash spoils no other, and is written by one
call, so that several notebooks may check at once.

What places and dates a log's entries is here, too: the course's folder (`root`, COURSE_HOME) and the clock (`now`).
"""

import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from utils.grading import browser, catalogue, disk

_BLOCK = 100_000  # so many letters are parsed by one call; a torn line costs its block a second, slower reading
SIGN = {"not attempted": "○", "tried": "◐", "right": "●"}


def root() -> Path:
    """The course's folder: COURSE_HOME, else the checkout this package lies in, else ~/vision-interviews.

    In a browser it is the current one.
    """
    if "COURSE_HOME" in os.environ:
        return Path(os.environ["COURSE_HOME"])
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists():
        return checkout
    return Path.cwd() if browser.HERE else Path.home() / "vision-interviews"


def log_path() -> Path:
    """Where attempts are noted."""
    return root() / "progress.jsonl"


def now() -> datetime:
    """The time, with its zone; COURSE_NOW (ISO 8601) stops the clock, for tests."""
    stopped = os.environ.get("COURSE_NOW")
    return (datetime.fromisoformat(stopped) if stopped else datetime.now()).astimezone()


def record(exercise: str, status: str, mistake: str | None = None, digest: str | None = None) -> bool:
    """Append one attempt; False where it was lost. `digest` tells two answers apart, where it is known."""
    if status == "not attempted":
        return True
    known = {"mistake": mistake, "digest": digest}
    return _note({"exercise": exercise, "status": status} | {key: value for key, value in known.items() if value})


def note(event: str, **facts: object) -> bool:
    """Append what is no attempt: an exercise opened, a hint, giving up, a card rated; False where it was lost."""
    return _note({"event": event} | facts)


def _note(facts: dict) -> bool:
    """COURSE_PROGRESS=off switches it off, for builds and tests."""
    if os.environ.get("COURSE_PROGRESS") == "off":
        return True
    entry = {"time": now().isoformat(timespec="seconds")} | facts
    return browser.note(entry) if browser.HERE else append([entry])


def append(entries: list[dict]) -> bool:
    """Write entries by one call; False on a read-only checkout or a full disk, for a verdict is worth more."""
    text = "".join("\n" + json.dumps(entry, ensure_ascii=False) for entry in entries).encode()
    try:
        handle = disk.opened(log_path())
        try:
            return disk.append(handle, text) == len(text)
        finally:
            os.close(handle)
    except OSError:
        return False


def entries() -> list[dict]:
    """All entries in the order they were written; lines that a crash tore are passed over."""
    found = browser.attempts() if browser.HERE else parsed(_text())
    return [entry for entry in found if isinstance(entry, dict)]


def history() -> list[dict]:
    """All attempts, in the order they were written."""
    return [
        entry for entry in entries() if isinstance(entry.get("exercise"), str) and isinstance(entry.get("status"), str)
    ]


def demand() -> None:
    """OSError where there is a log that cannot be read: what follows from it would be wrong. None at all is fine."""
    path = log_path()
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return
    if not regular:  # a pipe would wait for ever
        raise OSError(errno.EINVAL, "it is not a file. `course doctor` says how to mend it", str(path))
    with path.open("rb"):
        pass


def _text() -> str:
    path = log_path()
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def parsed(text: str) -> Iterator[object]:
    """What the lines hold, block by block: one call for many lines is several times faster than one for each."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _BLOCK)
        block = text[start : end if end >= 0 else len(text)].strip()
        start = end + 1 if end >= 0 else len(text)
        found = _loaded(f"[{block.replace(chr(10), ',')}]")
        # Another number of objects than of lines: two torn ones have met. Then each line speaks for itself.
        whole = isinstance(found, list) and len(found) == block.count("\n") + 1
        yield from found if whole else map(_loaded, filter(None, block.split("\n")))


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def states() -> dict[str, str]:
    """Exercise → "right" once it was right, else "tried" or "not attempted"; in the course's order."""
    attempts = history()
    tried = {attempt["exercise"] for attempt in attempts}
    right = {attempt["exercise"] for attempt in attempts if attempt["status"] == "right"}
    return {
        name: "right" if name in right else "tried" if name in tried else "not attempted"
        for name in catalogue.exercise_names()
    }


@dataclass(frozen=True)
class Progress:
    """What a learner has done, as a table of questions."""

    rows: tuple[tuple[int, str, str, tuple[str, ...]], ...]  # chapter, number, title, states of its exercises

    def __repr__(self) -> str:
        lines = []
        for chapter in dict.fromkeys(row[0] for row in self.rows):
            lines.append(f"Chapter {chapter} · {catalogue.CHAPTERS[chapter][0]}")
            lines += [f"  {''.join(SIGN[s] for s in states):<5} {number} {title}"
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
