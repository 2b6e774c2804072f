"""The plans of `book/study.md`: which questions each has, and the hours that follow from the catalogue's minutes.

A plan is a `##` section with parts, `**Day 1 · title.**` or `**Block 1 · title.**`, each followed by a table of
questions. The page names no hours: they are put in here, so that they follow when a notebook gets longer.
"""

import re
from typing import NamedTuple

from utils.grading import catalogue

ROW = re.compile(r"(?m)^\| \[\d\d · .+?\]\(questions/(\w+)\.ipynb\) \|.*\n")
_PART = re.compile(r"(?m)^\*\*((?:Day|Block) \d+ · [^*]+?)\.\*\*$")
_HOURS = re.compile(r"<!-- hours: (.+?) -->")


class Part(NamedTuple):
    """A day of a plan, or a block of the plan of one day."""

    title: str
    stems: tuple[str, ...]

    @property
    def hours(self) -> float:
        """The core paths of its questions."""
        return sum(catalogue.entries()[stem]["minutes"] for stem in self.stems) / 60


def plans(text: str) -> dict[str, list[Part]]:
    """Heading of each plan → its parts. Questions that the catalogue does not have yet are left out."""
    sections = (section.partition("\n") for section in re.split(r"(?m)^## ", text)[1:])
    found = {heading.strip(): _parts(body) for heading, _, body in sections}
    return {heading: parts for heading, parts in found.items() if parts}


def _parts(body: str) -> list[Part]:
    _, *pieces = _PART.split(body)
    known = catalogue.entries()
    return [
        Part(title, tuple(stem for stem in ROW.findall(rows) if stem in known))
        for title, rows in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def page(text: str) -> str:
    """The page with its hours: after each part's title, and wherever it says `<!-- hours: Seven days -->`."""
    found = plans(text)
    known = catalogue.entries()
    text = ROW.sub(lambda row: row[0] if row[1] in known else "", text)
    text = _HOURS.sub(lambda marker: in_words(found[marker[1]]), text)
    for part in (part for parts in found.values() for part in parts):
        text = text.replace(f"**{part.title}.**", f"**{part.title} · {_about(part.hours)}.**")
    return text


def in_words(parts: list[Part]) -> str:
    """ "about 5½" for blocks of one day; "3 to 4 a day" for days."""
    if parts[0].title.startswith("Block"):
        return f"about {halves(sum(part.hours for part in parts))}"
    least, most = (halves(edge(part.hours for part in parts)) for edge in (min, max))
    return f"about {most} a day" if least == most else f"{least} to {most} a day"


def _about(hours: float) -> str:
    return f"about {halves(hours)} hour{'' if halves(hours) in ('½', '1') else 's'}"


def halves(hours: float) -> str:
    """Hours to the nearest half: 1.7 → "1½"."""
    whole, half = divmod(int(2 * hours + 0.5), 2)
    return f"{whole or ''}{'½' if half else ''}"
