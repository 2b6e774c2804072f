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
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
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
_MOST_NAMED = 5
_ONLY_OTHERS = "it is neither a .py nor an .ipynb file, and this student handed in no such file."
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
    loose: bool = False  # the file lies in nobody's folder, and no platform named it


@dataclass(frozen=True)
class Submission:
    """One file of one student."""

    owner: Owner
    file: str  # below SUBMISSIONS, with "/"; printable, and no two have the same
    submitted: str  # ISO 8601, UTC: when the file was last changed, as folder or zip say; "" where they do not
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


# ---- what paths say -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """What lies around the students' folders."""

    root: str = ""  # SUBMISSIONS' own name without suffix
    above: int = 0  # folders that hold everything
    prefix: str = ""  # of all students' folders: "hw1-"


def layout(inside: Callable[[tuple[str, ...]], tuple[set[str], bool]], root: str, wrapper: str = "") -> Layout:
    """The layout of what `inside` shows: (the folders in a folder, whether files to grade lie there).

    One folder that holds everything, in two folders at least, is no student's; nor is one that is called `wrapper`.
    """
    above: tuple[str, ...] = ()
    folders, files = inside(above)
    while len(folders) == 1 and not files and not any(map(_of_a_platform, folders)):
        above = (*above, *folders)
        folders, files = inside(above)
    if files or not (len(folders) > 1 or any(map(_of_a_platform, folders))):
        above = tuple(top for top in above[:1] if top == wrapper)
        folders, files = inside(above)
    return Layout(root, len(above), "" if files else _prefix(sorted(folders)))


def _of_a_platform(folder: str) -> bool:
    return folder.endswith(CLASSROOM) or bool(_MOODLE.fullmatch(folder))


def _prefix(folders: list[str]) -> str:
    """What all names have before a "-", two at least; "" where only numbers would be left, or nothing."""
    columns = zip(*(name.split("-")[:-1] for name in folders), strict=False)
    prefix = "".join(f"{column[0]}-" for column in itertools.takewhile(lambda column: len(set(column)) == 1, columns))
    rest = [name.removeprefix(prefix) for name in folders]
    useful = len(folders) > 1 and all(rest) and not all(map(str.isdigit, rest))
    return printable(prefix) if useful and not any(name.endswith(CLASSROOM) for name in folders) else ""


def owner(parts: tuple[str, ...], around: Layout = Layout()) -> Owner:
    """Whose file this is, from the parts of its path below SUBMISSIONS."""
    parts, assignment = _below(parts[min(around.above, len(parts) - 1) :], around.root)
    original = printable(parts[-1])
    if len(parts) == 1:
        return _flat(original)
    top = printable(parts[0])
    if match := _MOODLE.fullmatch(top):
        return Owner(f"{match['name']}_{match['number']}", match["name"], match["number"], original=original)
    prefix = f"{assignment}-" if assignment and top.startswith(f"{assignment}-") else around.prefix
    name = top.removeprefix(prefix) or top
    return Owner(name, name, original=original)


def repository(parts: tuple[str, ...], around: Layout) -> int:
    """How many parts lead to the student's folder where GitHub Classroom's names say that it is a clone; else 0.

    In any other folder a repository may be the course's own, whose commits say nothing about the student.
    """
    below, assignment = _below(parts[around.above :], around.root)
    prefix = f"{assignment}-" if assignment else around.prefix
    return len(parts) - len(below) + 1 if prefix and len(below) > 1 and below[0].startswith(prefix) else 0


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
    return Owner(stem, stem, original=name, loose=True)


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
