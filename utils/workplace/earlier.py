"""What was given before a copy's metadata said its edition: tells a learner's own cells from given ones in such a copy.

earlier.json is frozen: for each question the digests, eight digits each, of every cell that its notebook had in any
version before copies knew their edition. Since then each copy holds the digests of its own cells.
"""

import functools
import json
from pathlib import Path

from utils import editions

DIGITS = 8


@functools.cache
def _digests() -> dict[str, frozenset[str]]:
    stored = json.loads(Path(__file__).with_name("earlier.json").read_text(encoding="utf-8"))
    return {
        number: frozenset(text[at : at + DIGITS] for at in range(0, len(text), DIGITS))
        for number, text in stored.items()
    }


def was_given(stem: str, cell: dict) -> bool:
    """Did some version of this question before editions have this very cell?"""
    return editions.digest(cell)[:DIGITS] in _digests().get(stem[:2], ())
