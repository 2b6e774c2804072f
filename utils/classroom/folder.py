"""Submissions in a folder on this machine, found as they are asked for: a class of any size costs no memory."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from utils.classroom.commits import last_commit
from utils.classroom.owners import kind, layout, owner, passed_over, repository
from utils.classroom.submissions import (
    Others,
    Submission,
    SubmissionsError,
    distinct,
    moment,
    with_rows,
)
from utils.grading.text import printable
from utils.sandbox.file import NoTextError, content

LINK = "it is a link, and links are not followed; put the file itself there."
ARCHIVE = "it is an archive inside the submissions; unpack it."


class Folder:
    """The files below a folder, in the order of their names."""

    def __init__(self, path: Path) -> None:
        self.path, self.others = path, Others()
        self._scripts: tuple[str | None, dict[str, list[Submission]]] = (None, {})  # of the folder looked at last
        if not os.access(path, os.R_OK | os.X_OK):
            raise SubmissionsError(f"{printable(str(path))} cannot be read.")
        self._commits: dict[Path, str] = {}  # of students' repositories, the time of the last commit
        self._layout = layout(self._inside, path.resolve().name)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """A folder holds nothing open."""

    def submissions(self) -> Iterator[Submission]:
        """All files that are graded, and what stands in the way of others."""
        self.others = Others()
        return with_rows(self._files(), self.others)

    def _files(self) -> Iterator[Submission]:
        waiting = [iter([(self.path, ())])]  # of each folder on the way down, the folders in it that are still to come
        while waiting:
            folder, parts = next(waiting[-1], (None, ()))
            if folder is None:
                waiting.pop()
                continue
            entries = self._entries(folder, parts)
            if isinstance(entries, Submission):
                yield entries
                continue
            for entry, name in entries:
                if entry.is_symlink() or not entry.is_dir():
                    yield self._submission(entry, (*parts, name))
            waiting.append(_folders(entries, parts))

    def content(self, submission: Submission) -> bytes:
        """The file's bytes; NoTextError where there are none."""
        if submission.place.is_symlink():
            raise NoTextError(LINK)
        return content(submission.place)

    def neighbours(self, submission: Submission) -> list[Submission]:
        """The same student's other scripts in the same folder."""
        place = submission.file.rpartition("/")[0]
        if self._scripts[0] != place:
            self._scripts = place, self._by_student(submission.place.parent, tuple(place.split("/")) if place else ())
        return [one for one in self._scripts[1].get(submission.owner.student, ()) if one.file != submission.file]

    def _by_student(self, folder: Path, parts: tuple[str, ...]) -> dict[str, list[Submission]]:
        """The scripts in one folder: of one student, or, where all files lie side by side, of the whole class."""
        scripts = defaultdict(list)
        entries = self._entries(folder, parts)
        for entry, name in entries if isinstance(entries, list) else ():
            if kind(name) == ".py" and not entry.is_symlink() and not entry.is_dir():
                one = self._submission(entry, (*parts, name))
                scripts[one.owner.student].append(one)
        return scripts

    def _entries(self, folder: Path, parts: tuple[str, ...]) -> list[tuple[os.DirEntry, str]] | Submission:
        """The entries of a folder, each with a printable name of its own; a trouble where it cannot be read."""
        try:
            with os.scandir(folder) as found:
                entries = sorted((e for e in found if not passed_over(e.name)), key=lambda e: e.name)
        except OSError as error:
            place = (*parts, "")
            return Submission(
                owner(place, self._layout), "/".join(parts), "", f"it cannot be opened ({error.strerror})."
            )
        if any(entry.name == "pyvenv.cfg" for entry in entries):  # a virtual environment, not the student's own
            return []
        return list(zip(entries, distinct([entry.name for entry in entries]), strict=True))

    def _inside(self, parts: tuple[str, ...]) -> tuple[set[str], bool]:
        with suppress(OSError), os.scandir(self.path.joinpath(*parts)) as found:
            entries = [entry for entry in found if not passed_over(entry.name)]
            folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
            return folders, any(map(_is_graded, entries))
        return set(), False

    def _submission(self, entry: os.DirEntry, parts: tuple[str, ...]) -> Submission:
        trouble = LINK if entry.is_symlink() and _is_graded(entry) else ARCHIVE if kind(entry.name) == "archive" else ""
        who, changed = owner(parts, self._layout), self._committed(Path(entry.path), parts)
        with suppress(OSError):
            changed = changed or moment(entry.stat(follow_symlinks=False).st_mtime)
        return Submission(who, "/".join(parts), changed, trouble, Path(entry.path))

    def _committed(self, path: Path, parts: tuple[str, ...]) -> str:
        """When the student's repository was committed to last, where GitHub Classroom made it; else ""."""
        depth = repository(parts, self._layout)
        if not depth:
            return ""
        folder = path.parents[len(parts) - depth - 1]
        if folder not in self._commits:
            self._commits[folder] = last_commit(folder)
        return self._commits[folder]


def _folders(entries: list, parts: tuple[str, ...]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The folders among the entries of one, made as they are asked for: a class may have a hundred thousand."""
    for entry, name in entries:
        if entry.is_dir(follow_symlinks=False):
            yield Path(entry.path), (*parts, name)


def _is_graded(entry: os.DirEntry) -> bool:
    """Is it a file by its name, or a link, which may stand for a folder of files?"""
    if entry.is_symlink():
        return bool(kind(entry.name)) or os.path.isdir(entry.path)
    return bool(kind(entry.name)) and not entry.is_dir(follow_symlinks=False)
