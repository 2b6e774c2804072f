"""`gradebook.csv` in the columns that Canvas and Moodle import, or plain.

Canvas: Student, ID, SIS User ID, SIS Login ID, Section, then a column for each assignment; the second line has
"Points Possible". Moodle maps columns when it imports: names, ID number, email address, then a column for each grade.
"""

from collections.abc import Iterator

from utils.classroom.marks import Gradebook, Mark, late_days, total
from utils.classroom.roster import Student
from utils.classroom.writing import as_csv, number

_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_MOODLE = ("First name", "Last name", "ID number", "Email address")
_PLAIN = ("id", "name", "email", "section")
_TOTALS = ("total", "out of", "late days", "free late days used", "late days charged")


def as_text(book: Gradebook, form: str, blank: bool = False) -> str:
    """The file's text. `blank` leaves a cell empty where nothing was handed in, in the place of 0.

    A cell is empty, too, where the machine failed and nobody's answer was judged.
    """
    return as_csv(_FORMS[form](book, blank))


def _canvas(book: Gradebook, blank: bool) -> Iterator[list]:
    yield [*_CANVAS, *book.exercises]
    yield ["    Points Possible", *[""] * (len(_CANVAS) - 1), *_possible(book)]
    for student, marks in book.rows:
        first, last = student.names
        name = f"{last}, {first}" if first and last else student.name
        yield [
            name,
            canvas_number(book, student),
            student.id,
            student.login,
            student.section,
            *_points(book, marks, blank),
        ]


def canvas_number(book: Gradebook, student: Student) -> str:
    """Canvas's own number of a student: from its roster, else from the names of the files that it gave."""
    handed_in = (r.number for r in book.tried.get(student.id, ()) if "_assignsubmission_" not in r.file)
    return student.canvas or next(filter(None, handed_in), "")


def _id_number(student: Student) -> str:
    """The roster's id; "" where it is Moodle's number of a participant, or stands in for an id that is not there."""
    stands_in = student.id in (student.email, student.name) or student.id.casefold().startswith("participant ")
    return "" if stands_in else student.id


def _moodle(book: Gradebook, blank: bool) -> Iterator[list]:
    yield [*_MOODLE, *book.exercises]
    for student, marks in book.rows:
        yield [*student.names, _id_number(student), student.email, *_points(book, marks, blank)]


def _plain(book: Gradebook, blank: bool) -> Iterator[list]:
    yield [*_PLAIN, *book.exercises, *_TOTALS]
    for student, marks in book.rows:
        sums = [number(total(marks)), number(total(marks, lambda mark: mark.out_of))]
        sums += late_days(marks)
        who = [student.id, student.name, student.email, student.section]
        yield [*who, *_points(book, marks, blank), *sums]


_FORMS = {"canvas": _canvas, "moodle": _moodle, "plain": _plain}
FORMS = tuple(_FORMS)


def _possible(book: Gradebook) -> list[str]:
    return [number(book.rows[0][1][name].out_of) if book.rows else "" for name in book.exercises]


def _points(book: Gradebook, marks: dict[str, Mark], blank: bool) -> list[str]:
    return [_cell(marks[name], blank) for name in book.exercises]


def _cell(mark: Mark, blank: bool) -> str:
    if not mark.judged or (mark.result is None and blank):
        return ""
    return number(mark.points)


def summary(book: Gradebook) -> dict:
    """What the command says about a gradebook, for `--json` and for people."""
    handed_in = [student for student, marks in book.rows if any(mark.result for mark in marks.values())]
    nothing, without = book.missing()
    again = [(student.id, mark.exercise) for student, marks in book.rows for mark in marks.values() if not mark.judged]
    return {
        "students": len(book.rows), "exercises": book.exercises, "handed_in": len(handed_in),
        "nothing_handed_in": [student.id for student in nothing],
        "no_exercise_found": [student.id for student in without],
        "unknown": book.unknown, "several_ids": book.several, "doubt": book.doubt or None,
        "grade_again": [{"student": who, "exercise": what} for who, what in again],
        "files_without_exercise": [{"student": r.student, "file": r.file, "message": r.message} for r in book.unread],
    }  # fmt: skip


def rows(book: Gradebook) -> list[dict]:
    """Every student with every mark, for `--json`."""
    return [
        {"id": s.id, "name": s.name, "email": s.email, "section": s.section, "total": round(total(marks), 4),
         "marks": {name: _mark(mark) for name, mark in marks.items()}}
        for s, marks in book.rows
    ]  # fmt: skip


def _mark(mark: Mark) -> dict:
    found = mark.result
    return {
        "points": round(mark.points, 4) if mark.judged else None, "out_of": mark.out_of,
        "status": found.status if found else None, "mistake": found.mistake if found else None,
        "days_late": mark.days, "days_charged": mark.charged, "attempts": mark.attempts,
        "submitted": found.submitted if found else None, "file": found.file if found else None,
    }  # fmt: skip
