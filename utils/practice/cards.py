"""Spoken cards, read from a question's notebook: the 30 seconds, follow-ups, folklore, red flags.

A card's key is made of the question's slug and its own words, so that it stays the same when a question moves.
"""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from utils.editions import AROUND as ROOT
from utils.grading import catalogue

SECONDS, FOLLOW_UP, FOLKLORE, RED_FLAGS = "30-seconds", "follow-up", "folklore", "red-flags"
_DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>\s*(.*?)\s*</details>", re.DOTALL)
_CLAIM = re.compile(r'(?m)^### (?:Deeper: )?["“](.+?)["”]\s*$')


class Card(NamedTuple):
    """Something to say aloud, and what to compare it with; both Markdown."""

    key: str
    stem: str
    kind: str
    front: str
    back: str
    chinese: str = ""

    @property
    def number(self) -> str:
        return self.stem[:2]


class Cell(NamedTuple):
    """A notebook's cell, as far as cards need it."""

    kind: str
    text: str
    verdicts: tuple[str, ...] = ()


def spoken_key(stem: str) -> str:
    """The key of a question's 30 seconds, known without reading it."""
    return f"{catalogue.slug(stem)}/{SECONDS}"


@functools.cache
def of(stem: str, solved: bool = False) -> tuple[Card, ...]:
    """All cards of a question; with `solved`, folklore has the verdict that the executed notebook came to."""
    path = ROOT / ("solutions" if solved else "notebooks") / f"{stem}.ipynb"
    sections = _sections(_cells(path)) if path.exists() else {}
    found = [*_seconds(stem, sections), *_follow_ups(stem, sections), *_folklore(stem, sections)]
    return tuple(_distinct([*found, *_red_flags(stem, sections)]))


def find(key: str, solved: bool = False) -> Card | None:
    """The card of that key, or None when the course has it no more."""
    slug = key.split("/", 1)[0]
    stems = [stem for stem in catalogue.entries() if catalogue.slug(stem) == slug]
    return next((card for stem in stems for card in of(stem, solved) if card.key == key), None)


def _cells(path: Path) -> Iterator[Cell]:
    from utils.folklore.ruling import MIME  # only where a notebook is read

    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        data = [output["data"][MIME] for output in cell.get("outputs", ()) if MIME in output.get("data", {})]
        yield Cell(cell["cell_type"], "".join(cell["source"]), tuple(item["verdict"] for item in data))


def _sections(cells: Iterator[Cell]) -> dict[str, list[Cell]]:
    sections: dict[str, list[Cell]] = {}
    current: list[Cell] = []
    for cell in cells:
        heading = re.match(r"## (.+)\n*", cell.text) if cell.kind == "markdown" else None
        if heading:
            current = sections.setdefault(heading[1].strip(), [])
            cell = cell._replace(text=cell.text[heading.end() :])
        current.append(cell)
    return sections


def _words(sections: dict[str, list[Cell]], heading: str) -> str:
    return "\n\n".join(cell.text for cell in sections.get(heading, ()) if cell.kind == "markdown").strip()


def listens_for(stem: str) -> list[str]:
    """The points of "what the interviewer listens for", one line each."""
    path = ROOT / "notebooks" / f"{stem}.ipynb"
    text = _words(_sections(_cells(path)), "What the interviewer listens for")
    return [" ".join(point.split()) for point in re.findall(r"(?ms)^- (.+?)(?=^- |\Z)", text)]


def _title(stem: str) -> str:
    return catalogue.entries()[stem]["title"]


def _seconds(stem: str, sections: dict[str, list[Cell]]) -> list[Card]:
    english, _, chinese = _words(sections, "Answer in 30 seconds").partition("### 三十秒回答")
    chinese = chinese.split("\n### ")[0].strip()
    return [Card(spoken_key(stem), stem, SECONDS, _title(stem), english.strip(), chinese)] if english else []


def _follow_ups(stem: str, sections: dict[str, list[Cell]]) -> Iterator[Card]:
    for question, answer in _DETAILS.findall(_words(sections, "Follow-ups")):
        yield Card(_key(stem, FOLLOW_UP, question), stem, FOLLOW_UP, question.strip(), answer)


def _folklore(stem: str, sections: dict[str, list[Cell]]) -> Iterator[Card]:
    """A claim, and the text under its heading with the verdicts in their places."""
    claim, texts = "", []
    for cell in sections.get("Folklore on trial", ()):
        texts += [f"**It {verdict}.**" for verdict in cell.verdicts if claim]
        if cell.kind != "markdown":
            continue
        before, *rest = _CLAIM.split(cell.text)
        texts.append(before.split("\n### ")[0].strip())
        for heading, text in zip(rest[::2], rest[1::2], strict=True):
            if claim:
                yield _claimed(stem, claim, texts)
            claim, texts = heading, [text.strip()]
    if claim:
        yield _claimed(stem, claim, texts)


def _claimed(stem: str, claim: str, texts: list[str]) -> Card:
    back = "\n\n".join(filter(None, texts)).replace("**It not decided here.**", "**Not decided here.**")
    return Card(_key(stem, FOLKLORE, claim), stem, FOLKLORE, f"“{claim}”", back)


def _red_flags(stem: str, sections: dict[str, list[Cell]]) -> list[Card]:
    text = _words(sections, "Red flags")
    front = f"Which answers raise a red flag? {_title(stem)}"
    return [Card(f"{catalogue.slug(stem)}/{RED_FLAGS}", stem, RED_FLAGS, front, text)] if text else []


def _key(stem: str, kind: str, words: str) -> str:
    slug = "-".join(re.findall(r"[^\W_]+", words.lower()))
    return f"{catalogue.slug(stem)}/{kind}/{slug[:60]}"


def _distinct(cards: list[Card]) -> Iterator[Card]:
    seen: dict[str, int] = {}
    for card in cards:
        seen[card.key] = seen.get(card.key, 0) + 1
        yield card if seen[card.key] == 1 else card._replace(key=f"{card.key}-{seen[card.key]}")
