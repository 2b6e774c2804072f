"""The page of `book/study.md` as the book shows it: with the hours that follow from the catalogue's minutes.

What a plan looks like there, and how it is read, stands in `utils.practice.plans`. The page names no hours: they are
put in here, so that they follow when a notebook gets longer.
"""

import re
from collections.abc import Sequence

from utils.grading import catalogue
from utils.practice import plans
from utils.practice.plans import Part

_HOURS = re.compile(r"<!-- hours: (.+?) -->")


def page(text: str) -> str:
    """The page with its hours: after each part's title, and wherever it says `<!-- hours: Seven days -->`."""
    found = plans.read(text)
    known = catalogue.entries()
    text = plans.ROW.sub(lambda row: row[0] if row[1] in known else "", text)
    text = _HOURS.sub(lambda marker: in_words(found[marker[1]]), text)
    for part in (part for parts in found.values() for part in parts):
        text = text.replace(f"**{part.title}.**", f"**{part.title} · {_about(part.hours)}.**")
    return text


def in_words(parts: Sequence[Part]) -> str:
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
