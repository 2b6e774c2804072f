"""Who submitted what: a folder for each student, or what Canvas, Moodle or GitHub Classroom give, as folder or zip.

    ada/15_batchnorm_forward.ipynb                            a folder for each student, files at any depth
    doejane_LATE_4711_90210_15_batchnorm_forward-1.ipynb      Canvas: all files side by side
    Jane Doe_4711_assignsubmission_file_/answer.py            Moodle, with folders or without
    homework-submissions/homework-janedoe/answer.py           GitHub Classroom
    ada.py                                                    a file of nobody's folder: the student is called "ada"

Nothing is unpacked and no link is followed: a zip's members are read into memory, one at a time and up to a limit, so
no name can lead out of the folder. What cannot be graded is a `Submission` with a `trouble`, and becomes a row.
"""

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from utils.grading import catalogue
from utils.grading.text import printable

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z")
_CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<number>\d+)_\d+_(?P<original>.+)")
_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_\w+")
_MOODLE_FLAT = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_file_(?P<original>.+)")
_AGAIN = re.compile(r"(-\d+| ?\(\d+\))$")  # what Canvas and browsers add to the name of a file that was there already
_PASSED_OVER = ("__MACOSX", "__pycache__", "node_modules", "site-packages")
_MOST_BESIDE = 1 << 20  # bytes of the modules that travel with a file
CLASSROOM = "-submissions"


class SubmissionsError(Exception):
    """There is nothing to read submissions from; the message is one line."""


@dataclass(frozen=True)
class Owner:
    """A student, as far as a path tells."""

    student: str  # one for each student; "" where nobody can be told
    name: str  # as the platform writes it
    number: str = ""  # the platform's: of the user (Canvas), of the participant (Moodle)
    late: bool = False  # Canvas says so in the file's name
    original: str = ""  # the file's name as the student gave it


@dataclass(frozen=True)
class Submission:
    """One file of one student."""

    owner: Owner
    file: str  # below SUBMISSIONS, with "/"; printable, and no two have the same
    submitted: str  # ISO 8601, UTC: when the file was last changed, as folder or zip say; "" where they do not
    trouble: str = ""  # why there is nothing to grade
    place: Any = field(default=None, compare=False, repr=False)  # where its source finds it

    @property
    def question(self) -> str | None:
        """The stem of the question whose notebook this is, by its name; None for any other file."""
        stem = PurePosixPath(self.owner.original).stem
        return next((s for s in (stem, _AGAIN.sub("", stem)) if s in catalogue.entries()), None)


class Source(AbstractContextManager, Protocol):
    """Where submissions come from."""

    def submissions(self) -> Iterator[Submission]:
        """All of them, in a fixed order, found as they are asked for."""

    def content(self, submission: Submission) -> bytes:
        """The file's bytes; NoTextError where there are none."""

    def neighbours(self, submission: Submission) -> list[Submission]:
        """The same student's other scripts in the same folder."""


def opened(path: Path) -> Source:
    """The source that lies at a path; SubmissionsError where there is none, or nothing in it."""
    from utils.classroom.archive import Archive
    from utils.classroom.folder import Folder

    if not path.exists():
        raise SubmissionsError(f"{printable(str(path))} does not exist.")
    source = Folder(path) if path.is_dir() else Archive(path)
    if next(source.submissions(), None) is None:
        source.__exit__(None, None, None)
        raise SubmissionsError(f"no submission was found in {printable(str(path))}.")
    return source


def beside(source: Source, submission: Submission, data: bytes) -> dict[str, str]:
    """The student's own modules that a file may import: name → text of scripts in the same folder that it mentions.

    Packages (folders) do not travel, and neither does more than a megabyte.
    """
    others = {PurePosixPath(other.owner.original).stem: other for other in source.neighbours(submission)}
    found: dict[str, str] = {}
    texts, room = [data], _MOST_BESIDE
    for text in texts:  # grows while it is read
        for stem in [stem for stem in others if stem.encode() in text]:
            content = _script(source, others.pop(stem))
            if content is not None and len(content) <= room:
                room -= len(content)
                found[f"{stem}.py"] = content.decode()
                texts.append(content)
    return found


def _script(source: Source, submission: Submission) -> bytes | None:
    from utils.sandbox.file import NoTextError

    try:
        content = source.content(submission)
        content.decode()
    except (NoTextError, UnicodeDecodeError):
        return None
    return content


# ---- what paths say -----------------------------------------------------------------------------------------------


def owner(parts: tuple[str, ...], root: str = "") -> Owner:
    """Whose file this is, from the parts of its path below SUBMISSIONS, whose own name without suffix is `root`."""
    parts, assignment = _below(parts, root)
    original = printable(parts[-1])
    if len(parts) == 1:
        return _flat(original)
    top = printable(parts[0])
    if match := _MOODLE.fullmatch(top):
        return Owner(f"{match['name']}_{match['number']}", match["name"], match["number"], original=original)
    name = top.removeprefix(f"{assignment}-") or top if assignment else top
    return Owner(name, name, original=original)


def _below(parts: tuple[str, ...], root: str) -> tuple[tuple[str, ...], str]:
    """(the parts from the student on, GitHub Classroom's name of the assignment or "")."""
    if len(parts) > 2 and parts[0].endswith(CLASSROOM):
        return parts[1:], parts[0].removesuffix(CLASSROOM)
    return parts, root.removesuffix(CLASSROOM) if root.endswith(CLASSROOM) else ""


def _flat(name: str) -> Owner:
    if match := _CANVAS.fullmatch(name) or _MOODLE_FLAT.fullmatch(name):
        student, late = f"{match['name']}_{match['number']}", bool(match.groupdict().get("late"))
        return Owner(student, match["name"], match["number"], late, match["original"])
    stem = PurePosixPath(name).stem
    return Owner(stem, stem, original=name)


def kind(name: str) -> str:
    """ ".py" or ".ipynb" for what is graded, "archive" for what may hold such files, "" for all else."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix if suffix in (".py", ".ipynb") else "archive" if suffix in ARCHIVES else ""


def passed_over(name: str) -> bool:
    """Is a folder or file of that name nobody's work: a copy that an editor keeps, a system's or an environment's?"""
    return name.startswith(".") or name in _PASSED_OVER


def moment(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; "" for a time that no clock shows."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def shown(name: str) -> str:
    """A path as rows have it: printable, in one line."""
    return printable(name).replace("\n", " ")


def distinct(names: list[str]) -> list[str]:
    """Printable names, no two the same: "a.py" that was there already is "a#1.py". The last one keeps its name."""
    given = [shown(name) for name in names]
    taken, last = set(given), {name: index for index, name in enumerate(given)}
    if len(taken) == len(given):
        return given
    for index, name in enumerate(given):
        if index != last[name]:
            head, dot, tail = name.rpartition(".")
            numbered = (f"{head}#{n}{dot}{tail}" for n in itertools.count(1))
            given[index] = next(new for new in numbered if new not in taken)
            taken.add(given[index])
    return given
