"""What several exercises of the question share."""

from utils.grading.spec import Mistake


def _table(rows, make):
    """Mistakes from rows of (name, advice, *what `make` turns into the wrong answer)."""
    return tuple(Mistake(name, advice, make(*parts)) for name, advice, *parts in rows)
