"""The facts that the book's page of practice needs beside the log; `book/lite/practice.js` draws the page."""

import html
import json

from utils.grading import catalogue
from utils.practice import overview, replay, schedule


def facts() -> dict:
    """Chapters with their exercises and questions, what counts as wrong, and FSRS' own parameters."""
    return {
        "chapters": [[f"{number} · {title}", _exercises(number)] for number, (title, _) in catalogue.CHAPTERS.items()],
        "wrong": sorted(replay.WRONG),
        "easySeconds": replay.EASY_SECONDS,
        "parameters": schedule.parameters(),
        "longest": schedule.LONGEST,
        "weeks": overview.WEEKS,
    }


def _exercises(chapter: int) -> dict[str, str]:
    found = ((stem, entry) for stem, entry in catalogue.entries().items() if entry["chapter"] == chapter)
    return {name: stem for stem, entry in found for name in entry["exercises"]}


def practice() -> str:
    """The place that the script fills."""
    data = html.escape(json.dumps(facts(), ensure_ascii=False))
    return f'<div class="course-practice" data-facts="{data}"></div>\n'


def transfer() -> str:
    """The place of the buttons that export and import, `book/lite/transfer.js`."""
    return '<div class="course-transfer" data-lite="lite/notebooks/index.html"></div>\n'
