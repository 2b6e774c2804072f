"""A learner's notebook carried into a new edition of its question: every cell of their own is in the result."""

import copy
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from utils import editions

_DEFINED = re.compile(r"^(?:async +def|def|class) +(\w+)", re.MULTILINE)


@dataclass
class Merged:
    """The notebook, and what was done, for the learner to read."""

    notebook: dict
    answers: list[str] = field(default_factory=list)  # exercises whose cell was carried over
    edited: int = 0  # given cells that they had edited, and that stay edited
    beside: int = 0  # cells of theirs that stand beside a given one


def merge(mine: dict, blank: dict, exercises: list[str], was_given: Callable[[dict], bool] = lambda _: False) -> Merged:
    """`mine` is the learner's notebook, `blank` the new edition; both are nbformat's JSON, and stay as they are.

    `was_given` says of a cell of a copy that knows no edition whether an earlier version had it.
    """
    return _Merge(mine, blank, exercises, was_given).result()


class _Merge:
    def __init__(self, mine: dict, blank: dict, exercises: list[str], was_given: Callable[[dict], bool]) -> None:
        self.given, self.was_given = editions.made_from(mine)[1], was_given
        self.mine = copy.deepcopy(mine.get("cells", []))
        self.blank, self.names = copy.deepcopy(blank), set(exercises)
        self.new = self.blank["cells"]
        self.place = [self._exercises(cell) for cell in self.new]
        self.at: dict[str, list[int]] = defaultdict(list)  # digest → where the new edition has that cell
        for index, cell in enumerate(self.new):
            self.at[editions.digest(cell)].append(index)
        self.instead: dict[int, dict] = {}  # index in the new edition → the learner's version of that cell
        self.after: dict[int, list[dict]] = defaultdict(list)  # index → cells that stand after it; -1: at the top
        self.done = Merged(self.blank)

    def result(self) -> Merged:
        answers = self._answers()
        self.done.answers = sorted(set().union(*answers.values()))
        # A blank whose exercises are all answered goes: run after the answer, it would take its place.
        self.dropped = {at for at, names in enumerate(self.place) if names and names <= set(self.done.answers)}
        where = -1  # the last cell of the new edition that the walk has come by
        for index, cell in enumerate(self.mine):
            base = self.given.get(cell.get("id"))
            now = editions.digest(cell)
            if index in answers:
                where = self._answer(cell, answers[index])
            elif now == base or self._is_of_old(cell):
                where = self._standing(now, where)
            elif base in self.at and not self._exercises(cell) and (spot := self._free(base)) is not None:
                where, self.instead[spot] = spot, cell
                self.done.edited += 1
            elif editions.text(cell).strip() or cell.get("attachments") or cell.get("outputs"):
                self.after[where].append(cell)
                self.done.beside += 1
        self.blank["cells"] = self._cells()
        return self.done

    def _exercises(self, cell: dict) -> set[str]:
        return set(_DEFINED.findall(editions.text(cell))) & self.names if cell.get("cell_type") == "code" else set()

    def _is_own(self, cell: dict) -> bool:
        now = editions.digest(cell)
        return now not in self.at and now != self.given.get(cell.get("id")) and not self._is_of_old(cell)

    def _is_of_old(self, cell: dict) -> bool:
        """Was it given, in a copy that does not say what was?"""
        return not self.given and (editions.digest(cell) in self.at or self.was_given(cell))

    def _answers(self) -> dict[int, set[str]]:
        """Which of the learner's cells is the answer to which exercises; of two to the same one the last."""
        last = {}
        for index, cell in enumerate(self.mine):
            for name in self._exercises(cell) if self._is_own(cell) else ():
                last[name] = index
        found: dict[int, set[str]] = defaultdict(set)
        for name, index in last.items():
            if any(name in names for names in self.place):
                found[index].add(name)
        return found

    def _answer(self, cell: dict, names: set[str]) -> int:
        spots = [index for index, there in enumerate(self.place) if there & names]
        staying = [index for index in spots if index not in self.dropped]
        spot = staying[-1] if staying else spots[0]
        self.after[spot].append(cell)
        return spot

    def _standing(self, now: str, where: int) -> int:
        later = [index for index in self.at.get(now, ()) if index > where]
        return later[0] if later else (self.at[now][-1] if now in self.at else where)

    def _free(self, base: str) -> int | None:
        return next((index for index in self.at[base] if index not in self.instead and not self.place[index]), None)

    def _cells(self) -> list[dict]:
        cells, used = [], {cell["id"] for cell in self.new}
        for index in range(-1, len(self.new)):
            free = None  # the id of a blank that went, for the answer in its place
            if index in self.dropped:
                free = self.new[index]["id"]
            elif index >= 0:
                cells.append(self.instead.get(index, self.new[index]) | {"id": self.new[index]["id"]})
            for own in self.after[index]:
                identity = free or _unused(own, used)
                used.add(identity)
                cells.append(own | {"id": identity})
                free = None
        return cells


def _unused(cell: dict, used: set[str]) -> str:
    """An id of its own: an old edition's ids mean other cells in the new one."""
    stem, number = f"own-{editions.digest(cell)}", 0
    while (name := f"{stem}-{number}") in used:
        number += 1
    return name
