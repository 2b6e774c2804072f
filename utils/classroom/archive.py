"""Submissions in a zip, read member by member: nothing is unpacked, so nothing can be written anywhere."""

import re
import stat
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType

from utils.classroom.folder import ARCHIVE, LINK
from utils.classroom.owners import Layout, kind, layout, owner, passed_over
from utils.classroom.submissions import (
    Others,
    Submission,
    SubmissionsError,
    distinct,
    moment,
    shown,
    with_rows,
)
from utils.grading.text import printable
from utils.sandbox.file import MOST, NoTextError

_BOMB = 200  # times its packed size: no program is that repetitive
_SMALL = 1 << 20  # bytes that may be as repetitive as they like
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a limit
_UTF8 = 0x800  # the flag that says that a name is UTF-8
_DRIVE = re.compile(r"[A-Za-z]:")


class Archive:
    """The members of a zip file, in the order of their names."""

    def __init__(self, path: Path) -> None:
        self.root, self.others = path.stem, Others()
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
            why = getattr(error, "strerror", None) or "it is neither a folder nor a zip file"
            raise SubmissionsError(f"{printable(str(path))}: {why}.") from None

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._zip.close()

    def submissions(self) -> Iterator[Submission]:
        """All members that are graded, and what stands in the way of others."""
        self.others = Others()
        for name in self._outside:
            self.others.add(f"{name} (its name leads out of the zip)")
        return with_rows(self._files(), self.others)

    def _files(self) -> Iterator[Submission]:
        for file, info in sorted(self._members.items(), key=lambda item: item[0]):
            yield self._submission(file, info)

    def content(self, submission: Submission) -> bytes:
        """The member's bytes; NoTextError where there are none. Never more than a file may have, whatever it claims."""
        try:
            with self._zip.open(submission.place) as member:
                data = member.read(MOST + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError):
            raise NoTextError("it cannot be unpacked: the zip is damaged here, or wants a password.") from None
        if len(data) > MOST:
            raise NoTextError(f"it is larger than {MOST >> 20} MB.")
        return data

    def neighbours(self, submission: Submission) -> list[Submission]:
        """The same student's other scripts in the same folder."""
        return [one for one in self._scripts[_place(submission)] if one.file != submission.file]

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        """File → member. Where a name occurs twice the last one keeps it."""
        named = ((_name(info), info) for info in self._zip.infolist())
        found = [(name, info) for name, info in named if _somebody_s(name) and not _leads_out(name)]
        names = distinct([name for name, _ in found])
        return dict(zip(names, [info for _, info in found], strict=True))

    @cached_property
    def _scripts(self) -> dict[tuple[str, str], list[Submission]]:
        """(folder, student) → the scripts there."""
        scripts = defaultdict(list)
        for one in self._files():
            if kind(one.file) == ".py" and not one.trouble:
                scripts[_place(one)].append(one)
        return scripts

    @cached_property
    def _outside(self) -> list[str]:
        """Names that lead out of the zip: nobody can be told from them, and nothing is read."""
        names = map(_name, self._zip.infolist())
        return [shown(name) for name in names if _somebody_s(name) and _leads_out(name)]

    @cached_property
    def _layout(self) -> Layout:
        """Most programs make a zip of a folder with that folder in it, of the same name."""
        folders, files = defaultdict(set), set()
        for file in self._members:
            *above, name = _parts(file)
            for depth, folder in enumerate(above):
                folders[tuple(above[:depth])].add(folder)
            if kind(name):
                files.add(tuple(above))
        return layout(lambda parts: (folders[parts], parts in files), self.root, self.root)

    def _submission(self, file: str, info: zipfile.ZipInfo) -> Submission:
        trouble = _trouble(info, file) if kind(file) else ""
        return Submission(owner(_parts(file), self._layout), file, _changed(info), trouble, info)


def _place(submission: Submission) -> tuple[str, str]:
    return submission.file.rpartition("/")[0], submission.owner.student


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name with "/"; UTF-8 where its bytes are, whether or not the zip says so."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _parts(file: str) -> tuple[str, ...]:
    return tuple(part for part in file.split("/") if part not in ("", "."))


def _somebody_s(name: str) -> bool:
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return bool(parts) and not name.endswith("/") and not any(map(passed_over, parts))


def _leads_out(name: str) -> bool:
    return name.startswith("/") or bool(_DRIVE.match(name)) or ".." in name.split("/")


def _trouble(info: zipfile.ZipInfo, file: str) -> str:
    """Why a member is not graded, or ""."""
    if file != shown(_name(info)):
        return "another member of the zip has the same name; the last one is graded."
    if stat.S_ISLNK(info.external_attr >> 16):
        return LINK
    if kind(file) == "archive":
        return ARCHIVE
    if info.compress_type not in _METHODS:
        return "it is packed in an unusual way; make the zip anew."
    if info.file_size > MOST:
        return f"it is larger than {MOST >> 20} MB."
    if info.file_size > max(_SMALL, _BOMB * info.compress_size):
        return "it unpacks to many times its size, as no program does."
    return ""


def _changed(info: zipfile.ZipInfo) -> str:
    """When a member was last changed: the time in UTC that most zips carry, else the zip's own clock, taken as UTC."""
    extra = info.extra
    while len(extra) >= 4:
        tag, size = struct.unpack("<HH", extra[:4])
        if tag == 0x5455 and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return moment(struct.unpack("<i", extra[5:9])[0])
        extra = extra[4 + size :]
    try:
        changed = datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return ""
    return moment(changed.timestamp()) if changed.year > 1980 else ""
