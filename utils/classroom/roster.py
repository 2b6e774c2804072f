"""Who is in the class: a roster in CSV, one's own or an export of Canvas, Moodle or Classroom 50."""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


class RosterError(ValueError):
    """A roster that cannot be used; the message says what to mend, in one line."""


@dataclass(frozen=True)
class Student:
    """One student. `id` names them everywhere; `canvas` is Canvas's own number, which its import goes by."""

    id: str
    name: str = ""
    email: str = ""
    section: str = ""
    login: str = ""
    canvas: str = ""
    first: str = ""
    last: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """(first, last): as the roster has them, else split before the last word, or at the comma."""
        if self.first or self.last:
            return self.first, self.last
        if "," in self.name:
            last, first = self.name.split(",", 1)
            return first.strip(), last.strip()
        first, _, last = self.name.rpartition(" ")
        return first, last


# Which column headings mean what, in lower case; the first that a file has is taken.
_COLUMNS = {
    "id": ("sis user id", "id number", "student id", "username", "identifier", "sid", "id"),
    "name": ("name", "student", "full name", "student name"),
    "email": ("email", "email address", "e-mail", "sis login id"),
    "section": ("section", "groups", "group"),
    "login": ("sis login id", "login", "username", "github username", "github_username"),
    "first": ("first name", "first_name", "given name"),
    "last": ("last name", "last_name", "surname", "family name"),
}
_CANVAS = ("sis user id", "sis login id")  # a file that has one of them comes from Canvas, and its "ID" is Canvas's


def read(path: Path) -> list[Student]:
    """The students of a roster, in its order; RosterError for a file without an id, or with one twice."""
    rows = _rows(path)
    head = [_plain(cell) for cell in rows[0]] if rows else []
    places = {field: _place(head, names) for field, names in _COLUMNS.items()}
    if any(name in head for name in _CANVAS):
        places["canvas"] = _place(head, ("id",))
    if places["id"] is None:
        places["id"] = places["email"] if places["email"] is not None else places["name"]
    if places["id"] is None:
        raise RosterError(f"{path}: no id column in the first line. Is it a CSV file?")
    found = [_student(row, places) for row in rows[1:]]
    students = [student for student in found if student.id and not _is_points(student)]
    twice = [id_ for id_, count in Counter(student.id for student in students).items() if count > 1]
    if twice:
        raise RosterError(f"{path}: the id {twice[0]} appears {Counter(s.id for s in students)[twice[0]]} times.")
    if not students:
        raise RosterError(f"{path}: it has no students.")
    return students


def _rows(path: Path) -> list[list[str]]:
    """The rows that hold something, whatever the encoding and the separator are."""
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise RosterError(f"{path}: it cannot be read ({error.strerror}).") from None
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise RosterError(f"{path}: it is no CSV ({error}).") from None
    return [row for row in rows if any(cell.strip() for cell in row)]


def _decoded(data: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 as Excel's "Unicode text", else Windows' western letters."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _place(head: list[str], names: Iterable[str]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _student(row: list[str], places: dict[str, int | None]) -> Student:
    cells = {
        field: row[place].strip() if place is not None and place < len(row) else "" for field, place in places.items()
    }
    cells["id"] = cells["id"] or cells["login"] or cells["email"] or cells.get("canvas", "")
    cells["name"] = cells["name"] or f"{cells['first']} {cells['last']}".strip() or cells["id"]
    return Student(**cells)


def _is_points(student: Student) -> bool:
    """Canvas's second line, which holds no student."""
    return _plain(student.name) in ("points possible", "student, test") or _plain(student.id) == "points possible"


def _plain(text: str) -> str:
    """A heading or a name for comparison: no case, no accents' encodings, no blanks around."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class Matcher:
    """Finds the student that a folder of submissions belongs to. A key that fits two students fits none."""

    def __init__(self, students: list[Student]) -> None:
        owners = [(key, student) for student in students for key in set(_keys(student))]
        count = Counter(key for key, _ in owners)
        self._several: dict[str, list[str]] = {}
        for key, student in owners:
            self._several.setdefault(key, []).append(student.id)
        self._by_key = {key: student for key, student in owners if count[key] == 1}
        self._by_key |= {_plain(student.id): student for student in students}  # an id always wins
        self._by_number = {number: student for student in students for number in _numbers(student)}

    def find(self, folder: str, name: str = "", number: str = "") -> Student | None:
        """By id, login, email, the email's first part, or the name; `name` and `number` are the platform's.

        The number is Canvas's of the user or Moodle's of the participant, never a student's own.
        """
        if number in self._by_number:
            return self._by_number[number]
        found = (self._by_key.get(_plain(key)) for key in (folder, name, folder.split("_")[0]))
        return next(filter(None, found), None)

    def several(self, folder: str, name: str = "") -> list[str]:
        """The ids of the students whom a folder fits alike; [] where it fits none, or one."""
        found = (self._several.get(_plain(key), []) for key in (folder, name, folder.split("_")[0]))
        return next((ids for ids in found if len(ids) > 1), [])


def _numbers(student: Student) -> Iterator[str]:
    """What a platform calls a student by in the names of files."""
    participant = _plain(student.id).removeprefix("participant ")
    yield from filter(None, (student.canvas, participant if participant != _plain(student.id) else ""))


def _keys(student: Student) -> Iterator[str]:
    first, last = student.names
    known = (student.id, student.login, student.email, student.email.split("@")[0], student.canvas, student.name,
             f"{first} {last}", f"{last}, {first}", f"{last}{first}".replace(" ", ""))  # fmt: skip
    yield from filter(None, map(_plain, known))
