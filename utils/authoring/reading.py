"""What a text owes its reader: the minutes that it states, and short answers that are short."""

import re
from collections.abc import Iterator

from utils.authoring import minutes
from utils.authoring.build import Source
from utils.grading import catalogue

SPOKEN, CHINESE = 75, 180  # words and characters of the 30-second answer


def unmet(source: Source) -> Iterator[str]:
    """What a text does not satisfy yet."""
    english, chinese = short_answer(source)
    core, stated = minutes.core(source.notebook), catalogue.question(source.slug).minutes
    if not minutes.agrees(stated, core):
        yield f"it states {stated} minutes and takes {core.minutes:.0f}: set `minutes` in QUESTION, to a quarter"
    if len(english.split()) > SPOKEN:
        yield f"the 30-second answer has {len(english.split())} words, not {SPOKEN} at most"
    if not re.search("[\u4e00-\u9fff]", chinese):
        yield "there is no 三十秒回答"
    if len("".join(chinese.split())) > CHINESE:
        yield f"the Chinese answer has {len(''.join(chinese.split()))} characters, not {CHINESE} at most"


def short_answer(source: Source) -> tuple[str, str]:
    """(the 30-second answer, the same in Chinese or "") without headings."""
    text = "\n\n".join(cell.source for cell in source.notebook.cells)
    section = re.search(r"(?ms)^## Answer in 30 seconds\n(.*?)^## ", text)[1]
    english, _, chinese = section.partition("### 三十秒回答")
    return english.strip(), chinese.strip()
