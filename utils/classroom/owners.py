"""What a path tells: whose file it is, and whether it is graded. Canvas's and Moodle's names are taken apart here.

The layouts that are known are listed in `utils.classroom.submissions`.
"""

import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from utils.grading.text import printable

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z")
_CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<number>\d+)_\d+_(?P<original>.+)")
_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_\w+")
_MOODLE_FLAT = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_file_(?P<original>.+)")
_PASSED_OVER = ("__MACOSX", "__pycache__", "node_modules", "site-packages")
CLASSROOM = "-submissions"


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
