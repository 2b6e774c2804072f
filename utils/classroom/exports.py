"""Marks as Gradescope's `results.json` and Classroom 50's `result.json`, the named mistakes in their free fields.

Gradescope: https://gradescope-autograders.readthedocs.io/en/latest/specs/, `tests` with score, max_score, name, output.
Classroom 50: the contract `classroom50/result/v1` in "Advanced Autograding" of its wiki (foundation50/classroom50):
whole scores, `tests` with test-name, passed, score, max-score; further fields of a test are kept as they are.
"""

import os
from collections.abc import Iterator
from math import isclose
from typing import Any

from utils.classroom.feedback import for_students, hints, late_in_words, mend
from utils.classroom.marks import Gradebook, Mark, late_days, total
from utils.classroom.roster import Student
from utils.grading import report

SCALE = 100  # Classroom 50 takes whole scores: where points are none, all are counted in hundredths


def gradescope(student: Student, marks: dict[str, Mark], book: Gradebook) -> dict[str, Any]:
    """One student's results.json."""
    return {
        "score": round(total(marks), 4),
        "visibility": "visible",
        "output": "\n".join(filter(None, [_late(marks), _unread(student, book)])),
        "tests": [_gradescope_test(mark) for mark in marks.values()],
        "extra_data": {"student": student.id},
    }


def _gradescope_test(mark: Mark) -> dict[str, Any]:
    return {
        "name": mark.exercise, "score": round(mark.points, 4), "max_score": mark.out_of,
        "status": "passed" if _right(mark) else "failed", "output": said(mark), "output_format": "text",
        "visibility": "visible", "tags": [tag for tag in (mark.result and mark.result.mistake,) if tag],
        "extra_data": _facts(mark),
    }  # fmt: skip


def classroom50(student: Student, marks: dict[str, Mark], book: Gradebook) -> dict[str, Any]:
    """One student's result.json; inside Classroom 50's runner the addresses are the runner's own.

    Elsewhere nothing was committed or released, and a URN with the digest of the file says which text was graded.
    """
    scale = 1 if all(_whole(mark) for _, others in book.rows for mark in others.values()) else SCALE
    found = [mark.result for mark in marks.values() if mark.result]
    last = max(found, key=lambda result: result.submitted, default=None)
    text = f"urn:course:{last.digest if last else 'nothing'}"
    unread = _unread(student, book)
    tests = [_classroom50_test(mark, scale, unread) for mark in marks.values()]
    commit = os.environ.get("COMMIT_URL", text)
    return {
        "schema": "classroom50/result/v1",
        "classroom": os.environ.get("CLASSROOM", "class"), "assignment": os.environ.get("ASSIGNMENT", "course"),
        "assignment_type": "individual", "owner": student.login or student.id,
        "submission": os.environ.get("SUBMISSION_TAG", f"submit/{last.digest if last else 'nothing'}"),
        "commit": commit, "release": os.environ.get("RELEASE_URL", text),
        "review": os.environ.get("REVIEW_URL", commit),
        "datetime": _utc(last.submitted if last else ""),
        "score": sum(test["score"] for test in tests), "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }  # fmt: skip


def _classroom50_test(mark: Mark, scale: int, unread: str) -> dict[str, Any]:
    return {
        "test-name": mark.exercise, "passed": _right(mark), "score": round(mark.points * scale),
        "max-score": round(mark.out_of * scale), "output": said(mark) if mark.result or not unread else unread,
        **_facts(mark),
    }  # fmt: skip


EXPORTS = {"gradescope": (gradescope, "results.json"), "classroom50": (classroom50, "result.json")}


def files(book: Gradebook, form: str, names: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """("ID/results.json", its content) for each student who handed something in; `names`: id → a safe name of a folder.

    Whoever's answer was not judged, for the machine failed, gets no file: a score of 0 would be untrue.
    """
    make, name = EXPORTS[form]
    for student, marks in book.rows:
        handed_in = any(mark.result for mark in marks.values()) or book.unread_of(student)
        if handed_in and all(mark.judged for mark in marks.values()):
            yield f"{names[student.id]}/{name}", make(student, marks, book)


def said(mark: Mark) -> str:
    """The mistake by its name first, then what check says, then a hint where there is something to mend."""
    found = mark.result
    if found is None:
        return "Not handed in."
    named = f"Your mistake: {found.mistake}."
    message = for_students(found)
    lines = [named if found.mistake and not message.startswith(named) else "", message, _late({"": mark})]
    hint = next(iter(hints(mark.exercise)), "") if found.status != report.RIGHT else ""
    return "\n".join(filter(None, [*lines, f"Hint: {hint}" if hint else ""]))


def _unread(student: Student, book: Gradebook) -> str:
    return "\n".join(map(mend, book.unread_of(student)))


def _facts(mark: Mark) -> dict[str, Any]:
    found = mark.result
    facts = {"status": found.status if found else None, "mistake": found.mistake if found else None,
             "line": found.line if found else None, "days_late": mark.days, "days_charged": mark.charged}  # fmt: skip
    return {key: value for key, value in facts.items() if value not in (None, 0)}


def _late(marks: dict[str, Mark]) -> str:
    days, _, charged = late_days(marks)
    return f"{late_in_words(days, charged)}." if days else ""


def _right(mark: Mark) -> bool:
    return mark.result is not None and mark.result.status == report.RIGHT


def _whole(mark: Mark) -> bool:
    return all(isclose(points, round(points), abs_tol=1e-9) for points in (mark.points, mark.out_of))


def _utc(time: str) -> str:
    """As the contract writes times: whole seconds and a Z."""
    return f"{time[:19]}Z" if time else "1970-01-01T00:00:00Z"
