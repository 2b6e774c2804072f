"""A page of feedback for each student: every verdict, the mistake by its name, and where to read on.

It says what `check` says and what a first hint says, and never the solution.
"""

import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from urllib.parse import quote

from utils import door
from utils.classroom.marks import Gradebook, Mark, attempts
from utils.classroom.notices import trouble
from utils.classroom.page import page, prose
from utils.classroom.results import Result
from utils.classroom.roster import Student
from utils.classroom.writing import number
from utils.grading import catalogue, report

_LABELS = "Your mistake|Case|Call|Run|Got|Expected|Where|Explained|Values|News|Tested on|Proven"
_FACT = re.compile(rf"(?:^|(?<=\. ))({_LABELS}): ")
_LOOK = {report.RIGHT: ("✓", "right"), report.BLANK: ("○", "blank"), None: ("○", "blank")}
_IN_WORDS = ("Tested on", "Proven", "Explained", "Values", "Case")  # facts that are no code
_MEND = (
    "Nothing in this file could be graded. Hand in the question's notebook (.ipynb) as Jupyter saved it, or a .py file "
    "with the function under its own name; `course check FILE` shows whether it can be read."
)
_GRADERS = "--timeout S allows more time."
_LONG = 600  # characters of a fact that a phone still shows well
SEVERAL = 3  # hand-ins with the same mistake, after which a second hint is given


def pages(book: Gradebook, site: str = "") -> Iterator[tuple[str, str]]:
    """(file name, HTML) for each student who handed something in, also where it cannot be read.

    `site`: the address of the course's book.
    """
    names = file_names([student for student, _ in book.rows])
    for student, marks in book.rows:
        unread = book.unread_of(student)
        if unread or any(mark.result for mark in marks.values()):
            yield names[student.id], student_page(student, marks, book.tried.get(student.id, []), site, unread)


def file_names(students: list[Student]) -> dict[str, str]:
    """Id → a file name that any system takes; ids that would get the same one get a digest behind."""
    plain = {s.id: re.sub(r"[^\w.@+-]+", "_", s.id).lstrip(".")[:100] for s in students}
    taken = [name.casefold() for name in plain.values()]
    return {
        id_: f"{name}.html"
        if name and taken.count(name.casefold()) == 1
        else f"{name}-{hashlib.sha256(id_.encode(errors='surrogatepass')).hexdigest()[:8]}.html"
        for id_, name in plain.items()
    }


def student_page(
    student: Student, marks: dict[str, Mark], results: list[Result], site: str = "", unread: Iterable[Result] = ()
) -> str:
    """One student's page. `unread`: files in which no exercise was found."""
    got, out_of = (number(sum(getattr(mark, what) for mark in marks.values())) for what in ("points", "out_of"))
    right = sum(mark.result is not None and mark.result.status == report.RIGHT for mark in marks.values())
    parts = [f"<p>{right} of {len(marks)} exercises right · {got} of {out_of} points</p>"]
    parts += [f'<article class="wrong"><p>{html.escape(trouble(r))}</p>{prose(_MEND)}</article>' for r in unread]
    stem = ""
    for name, mark in marks.items():
        if catalogue.stem_of(name) != stem:
            stem = catalogue.stem_of(name)
            parts.append(f"<h2>{html.escape(_title(stem))}</h2>")
        parts.append(_article(mark, attempts([r for r in results if r.exercise == name]), site))
    return page(f"Feedback for {student.name or student.id}", parts)


def mend(result: Result) -> str:
    """What is wrong with a file without an exercise, and what to do."""
    return f"{trouble(result)} {_MEND}"


def _title(stem: str) -> str:
    return f"{stem[:2]} · {catalogue.entries()[stem]['title']}" if stem else "Exercises that the course no longer has"


def _article(mark: Mark, tried: list[Result], site: str) -> str:
    found = mark.result
    status = found.status if found else None
    sign, look = _LOOK.get(status, ("✗", "wrong"))
    cases = f" · {found.passed} of {found.total} cases" if found and found.total and status != report.BLANK else ""
    head = (
        f'<h3><span class="{look}">{sign}</span> <code>{html.escape(mark.exercise)}</code> · '
        f'<span class="{look}">{html.escape(status or "not handed in")}</span>{cases} · {_points(mark)}</h3>'
    )
    body = [head, _history(tried)]
    if found and status != report.BLANK:
        body.append(_verdict(found))
    if status != report.RIGHT:
        body.append(_onward(mark, tried, site))
    return f'<article class="{look}">{"".join(body)}</article>'


def _points(mark: Mark) -> str:
    if not mark.judged:
        return "not judged: the machine failed, and it will be graded again"
    late = f", {late_in_words(mark.days, mark.charged)}" if mark.days else ""
    return f"{number(mark.points)} of {number(mark.out_of)} points{late}"


def late_in_words(days: int, charged: int) -> str:
    """ "2 days late; penalty for 1"."""
    penalty = f"penalty for {charged}" if charged else "no penalty (free late days)"
    return f"{days} day{'s' * (days != 1)} late; {penalty}"


def _history(tried: list[Result]) -> str:
    """The hand-ins one after the other, where there is more than one and not all were right."""
    if len(tried) < 2 or all(result.status == report.RIGHT for result in tried):
        return ""
    steps = []
    for said, group in groupby(tried, key=lambda result: result.mistake or result.status):
        days = [_day(result) for result in group]
        times = f", {len(days)} times" if len(days) > 1 else ""
        steps.append(f"{' to '.join(dict.fromkeys((days[0], days[-1])))}{times}: {said}".strip(" ,:"))
    return f'<p class="soft">Handed in {html.escape(" → ".join(steps))}</p>'


def _day(result: Result) -> str:
    """ "2 Nov"; "" where the submissions have no times."""
    moment = datetime.fromisoformat(result.submitted) if result.submitted else None
    return f"{moment.day} {moment:%b}" if moment else ""


def _verdict(found: Result) -> str:
    """The mistake, the facts as a list, the advice."""
    advice = _advice(found)
    said = for_students(found)
    said = said.removesuffix(advice).strip() if advice else said
    before, *pieces = _FACT.split(said)
    facts = list(zip(pieces[::2], pieces[1::2], strict=True))
    rows = [f"<dt>{label}</dt><dd>{_value(label, text)}</dd>" for label, text in facts if label != "Your mistake"]
    if found.line:
        rows.append(f"<dt>Line</dt><dd>line {found.line} of your answer</dd>")
    mistake = f"<p>Your mistake: <b>{html.escape(found.mistake)}</b></p>" if found.mistake else ""
    listed = f"<dl>{''.join(rows)}</dl>" if rows else ""
    return f"{mistake}{prose(before)}{listed}{prose(f'→ {advice}') if advice else ''}"


def for_students(found: Result) -> str:
    """What check says, without what only who runs the grader can do."""
    return found.message.replace(_GRADERS, "").strip()


def _value(label: str, text: str) -> str:
    text = text.strip().removesuffix(".")
    text = text if len(text) <= _LONG else f"{text[:_LONG]} …"
    return html.escape(text) if label in _IN_WORDS else f"<code>{html.escape(text)}</code>"


def _advice(found: Result) -> str:
    """The course's advice on the mistake, where it is one of those that the exercise lists."""
    return next((one.advice for one in listed(found.exercise) if one.name == found.mistake), "")


def listed(exercise: str | None) -> tuple:
    """The mistakes that an exercise lists; () for one that is gone, or that needs torch where there is none."""
    try:
        return catalogue.exercise(exercise).mistakes
    except (KeyError, ModuleNotFoundError):
        return ()


def hints(exercise: str) -> list[str]:
    """An exercise's hints, from a nudge to nearly the answer; none for one that the course no longer has."""
    return door.hints_of(exercise) if catalogue.stem_of(exercise) else []


def _onward(mark: Mark, tried: list[Result], site: str) -> str:
    """A hint, a second one after several hand-ins with the same mistake, and where to read."""
    ladder = hints(mark.exercise)
    last = [result.mistake for result in tried[-SEVERAL:]]
    stuck = len(last) == SEVERAL and len(set(last)) == 1 and last[0]
    given = ladder[: 2 if stuck and len(ladder) > 2 else 1]
    folded = [f"<details><summary>Hint {i}</summary>{prose(text)}</details>" for i, text in enumerate(given, start=1)]
    return "".join(folded) + _where_to_read(mark.exercise, site)


def _where_to_read(exercise: str, site: str) -> str:
    if not (stem := catalogue.stem_of(exercise)):
        return ""
    words = f"question {stem[:2]}, “The idea”"
    if site:
        address = f"{site.rstrip('/')}/questions/{quote(stem)}.html#the-idea"
        words = f'<a href="{html.escape(address)}">{words}</a>'
    return f'<p class="soft">Read on: {words}; in the notebook <code>hint({exercise})</code> goes one step further.</p>'
