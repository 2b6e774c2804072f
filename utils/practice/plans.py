"""The plans, read from the book's study page, `book/study.md`, which is the one place they stand in.

A plan is a `##` section with parts, `**Day 1 · title.**` or `**Block 1 · title.**`, each followed by a table of
questions: `| [15 · title](questions/15_batchnorm_forward.ipynb) | what to say aloud |`.
"""

import functools
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from utils.editions import AROUND
from utils.grading import catalogue
from utils.practice import formulas
from utils.practice.replay import Replay, day_of

PAGE = AROUND / "book" / "study.md"
HEADINGS = {
    "1": "One day", "3": "Three days", "7": "Seven days",
    "detection": "An interview on detection", "modern": "An interview on training and modern networks",
}  # fmt: skip
ROW = re.compile(r"(?m)^\| \[\d\d · .+?\]\(questions/(\w+)\.ipynb\) \| (.+?) \|\n")
_PART = re.compile(r"(?m)^\*\*((?:Day|Block) \d+ · [^*]+?)\.\*\*$")


class Part(NamedTuple):
    """A day of a plan, or a block of the plan of one day."""

    title: str
    day: int  # from 0
    questions: tuple[tuple[str, str], ...]  # (stem, what to say aloud); those that the course has

    @property
    def hours(self) -> float:
        """The core paths of its questions."""
        return sum(catalogue.entries()[stem]["minutes"] for stem, _ in self.questions) / 60


def read(text: str) -> dict[str, tuple[Part, ...]]:
    """Heading of each plan → its parts in order, from the text of the study page."""
    sections = (section.partition("\n") for section in re.split(r"(?m)^## ", text)[1:])
    found = {heading.strip(): _parts(body) for heading, _, body in sections}
    return {heading: parts for heading, parts in found.items() if parts}


def _parts(body: str) -> tuple[Part, ...]:
    _, *found = _PART.split(body)
    return tuple(
        Part(title, 0 if title.startswith("Block") else index, tuple(_questions(rows)))
        for index, (title, rows) in enumerate(zip(found[::2], found[1::2], strict=True))
    )


def _questions(rows: str) -> Iterator[tuple[str, str]]:
    known = catalogue.entries()
    return ((stem, formulas.plain(aloud)) for stem, aloud in ROW.findall(rows) if stem in known)


@functools.cache
def plan(name: str) -> tuple[Part, ...]:
    """The parts of a plan in order; empty where the study page is not at hand (in a browser)."""
    if not PAGE.exists():
        return ()
    return read(PAGE.read_text(encoding="utf-8"))[HEADINGS[name]]


def title(name: str) -> str:
    """ "plan of three days", "plan for an interview on detection"."""
    return f"plan {'of' if name.isdecimal() else 'for'} {HEADINGS[name][0].lower()}{HEADINGS[name][1:]}"


def passed(state: Replay, stem: str) -> bool:
    """Was every exercise of a question right at some time?"""
    names = catalogue.entries().get(stem, {"exercises": ()})["exercises"]
    return all(name in state.exercises and state.exercises[name].right for name in names)


def next_in_plan(state: Replay, name: str, today: date) -> tuple[str, str] | None:
    """(stem, why) of the first question that is not passed, or None when the plan is done."""
    chosen = state.plan is not None
    begun = day_of(state.plan[1]) if state.plan else today
    for part in plan(name):
        for stem, _ in part.questions:
            if not passed(state, stem):
                behind = (today - begun).days - part.day
                when = f"{part.title}{', still open' if chosen and behind > 0 else ''}"
                return stem, f"next in the {title(name)}: {when}"
    return None


def as_text(state: Replay, name: str) -> str:
    """A plan with a sign for each question: ● passed, ○ open."""
    lines = [f"The {title(name)}"]
    for part in plan(name):
        lines += ["", part.title]
        for stem, aloud in part.questions:
            words = catalogue.entries()[stem]["title"]
            lines += [f"  {'●' if passed(state, stem) else '○'} {stem[:2]} {words}", f"       say: {aloud}"]
    return "\n".join(lines)


def as_calendar(name: str, start: date) -> bytes:
    """The plan as iCalendar: a whole-day event for each part, the same bytes for the same start."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//vision-interview-course//plan//EN")
    calendar.add("version", "2.0")
    for index, part in enumerate(plan(name)):
        event, day = Event(), start + timedelta(days=part.day)
        event.add("uid", f"plan-{name}-{index}-{start.isoformat()}@vision-interview-course")
        event.add("dtstamp", _midnight(start))
        event.add("dtstart", day)
        event.add("dtend", day + timedelta(days=1))
        event.add("summary", part.title)
        event.add("description", "\n".join(_line(stem, aloud) for stem, aloud in part.questions))
        calendar.add_component(event)
    return calendar.to_ical()


def _line(stem: str, aloud: str) -> str:
    return f"{stem[:2]} {catalogue.entries()[stem]['title']} (say: {aloud})"


def _midnight(day: date) -> object:
    from datetime import UTC, datetime

    return datetime(day.year, day.month, day.day, tzinfo=UTC)
