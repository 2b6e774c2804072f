"""Who submitted what: a folder for each student, or what Canvas, Moodle or GitHub Classroom give, as folder or zip.

    ada/15_batchnorm_forward.ipynb                            a folder for each student, files at any depth
    doejane_LATE_4711_90210_15_batchnorm_forward-1.ipynb      Canvas: all files side by side
    Jane Doe_4711_assignsubmission_file_/answer.py            Moodle, with folders or without
    homework-submissions/homework-janedoe/answer.py           GitHub Classroom
    ada.py                                                    a file of nobody's folder: the student is called "ada"

Folders around all of these are stepped over (`Layout`), and a prefix that all students' folders share is left out.

Nothing is unpacked and no link is followed: a zip's members are read into memory, one at a time and up to a limit, so
no name can lead out of the folder. What cannot be graded is a `Submission` with a `trouble`, and becomes a row.
"""

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from utils.classroom.owners import Owner, kind, passed_over
from utils.grading import catalogue
from utils.grading.text import printable

_AGAIN = re.compile(r"(-\d+| ?\(\d+\))$")  # what Canvas and browsers add to the name of a file that was there already
_MOST_BESIDE = 1 << 20  # bytes of the modules that travel with a file
_MOST_NAMED = 5
_ONLY_OTHERS = "it is neither a .py nor an .ipynb file, and this student handed in no such file."


class SubmissionsError(Exception):
    """There is nothing to read submissions from; the message is one line."""


@dataclass(frozen=True)
class Submission:
    """One file of one student."""

    owner: Owner
    file: str  # below SUBMISSIONS, with "/"; printable, and no two have the same
    submitted: (
        str  # ISO 8601, UTC: the file's time, or its zip member's, or a clone's last commit; "" where there is none
    )
    trouble: str = ""  # why there is nothing to grade
    place: Any = field(default=None, compare=False, repr=False)  # where its source finds it

    @property
    def other(self) -> bool:
        """Is it a file that is not graded and that nobody has to mend: a picture, data, a text?"""
        return not self.trouble and not kind(self.file)

    @property
    def question(self) -> str | None:
        """The stem of the question whose notebook this is, by its name; None for any other file."""
        stem = PurePosixPath(self.owner.original).stem
        return next((s for s in (stem, _AGAIN.sub("", stem)) if s in catalogue.entries()), None)


@dataclass
class Others:
    """Files that were passed over while a source was read."""

    number: int = 0
    some: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one; the first few are named."""
        self.number += 1
        if len(self.some) < _MOST_NAMED:
            self.some.append(name)

    def __str__(self) -> str:
        more = ", …" if self.number > len(self.some) else ""
        files = "1 other file was" if self.number == 1 else f"{self.number:,} other files were"
        return f"{files} passed over: {', '.join(self.some)}{more}." if self.number else ""


class Source(AbstractContextManager, Protocol):
    """Where submissions come from."""

    others: Others  # as of the last time that all submissions were asked for

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
    path = _only_zip(path) or path
    source = Folder(path) if path.is_dir() else Archive(path)
    if next(source.submissions(), None) is None:
        source.__exit__(None, None, None)
        raise SubmissionsError(f"no submission was found in {printable(str(path))}. {source.others}".rstrip())
    return source


def _only_zip(path: Path) -> Path | None:
    """The zip in a folder that holds one and nothing else to grade: a platform's download."""
    if not path.is_dir():
        return None
    with suppress(OSError), os.scandir(path) as found:
        entries = [e for e in found if not passed_over(e.name) and (kind(e.name) or e.is_dir())]
        if len(entries) == 1 and entries[0].name.lower().endswith(".zip") and entries[0].is_file(follow_symlinks=False):
            return Path(entries[0].path)
    return None


def with_rows(found: Iterable[Submission], others: Others) -> Iterator[Submission]:
    """Without the other files, which are counted; a student who has no file but such has one row that says so."""
    seen: set[str] = set()
    without: dict[str, Submission] = {}
    for one in found:
        student = one.owner.student
        if not one.other:
            seen.add(student)
            without.pop(student, None)
            yield one
            continue
        others.add(one.file)
        if student not in seen and not one.owner.loose:
            without.setdefault(student, one)
    for one in without.values():
        yield replace(one, trouble=_ONLY_OTHERS)


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


# ---- names and times -------------------------------------------------------------------------------------------------


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
