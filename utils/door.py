"""`check` and `hint`, as a learner calls them in a notebook."""

import hashlib
import html
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType

from utils.grading import catalogue, judge
from utils.grading.progress import note, record
from utils.grading.report import BLANK, Report

_shown: dict[str, int] = {}  # exercise → how many of its hints this kernel has shown
_opened: set[str] = set()  # exercises that this kernel has seen blank
LOST = ("Not noted", "progress.jsonl could not be written (disk full, or read-only?); this attempt does not count.")


def _note_notebook() -> None:
    """A kernel that imports the course has opened a question's notebook; Jupyter says which."""
    stem = Path(os.environ.get("JPY_SESSION_NAME", "")).stem
    if "ipykernel" in sys.modules and re.fullmatch(r"\d\d_\w+", stem):
        note("opened", question=stem)


_note_notebook()


def check(function: Callable) -> Report:
    """Judge your function or class and return the verdict, which shows itself as a cell's last value.

    It is looked up by its name, so any notebook or script will do. The attempt is noted in `progress.jsonl`.
    """
    report = judge.check(function)
    if report.status == BLANK and report.exercise not in _opened:
        _opened.add(report.exercise)
        note("opened", exercise=report.exercise)
    noted = record(report.exercise, report.status, report.mistake, _digest(function))
    return report if noted else replace(report, facts=(*report.facts, LOST))


def _digest(function: Callable) -> str:
    """Tells an answer that is run again from one that was written again; comments and layout do not count."""
    codes = [getattr(part, "__code__", None) for part in (function, *getattr(function, "__dict__", {}).values())]
    return hashlib.blake2b("".join(map(_essence, filter(None, codes))).encode(), digest_size=6).hexdigest()


def _essence(code: CodeType) -> str:
    constants = [_essence(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
    return f"{code.co_name}{code.co_varnames}{code.co_names}{code.co_code.hex()}{constants}"


class Hint(str):
    """A hint's text, shown as Markdown in Jupyter and as it is in a terminal."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def hint(function: Callable | str) -> Hint:
    """The next hint for an exercise, given by function or by name; each call goes one step further down the ladder."""
    name = function if isinstance(function, str) else judge.exercise_for(function).name
    hints = hints_of(name)
    step = min(_shown.get(name, 0), len(hints) - 1)
    _shown[name] = step + 1
    note("hint", exercise=name, step=step + 1)
    more = "" if step + 1 < len(hints) else "\n\n(That was the last hint.)"
    return Hint(f"**Hint {step + 1} of {len(hints)} · {name}**\n\n{hints[step]}{more}")


def hints_of(name: str) -> list[str]:
    """All hints of an exercise, from a nudge to nearly the answer; ValueError for a name that is none."""
    for entry in catalogue.entries().values():
        if name in entry["exercises"]:
            return entry["exercises"][name]["hints"]
    raise ValueError(f"{name!r} is not an exercise of this course; `course status` lists them all.")


FIRST = 5  # so many lines of advice are in sight; HTML has the rest under a fold


@dataclass(frozen=True)
class Table:
    """The common mistakes of one exercise by what to do instead, as text and as HTML."""

    rows: tuple[tuple[str, str], ...]  # (name, advice)

    @property
    def by_advice(self) -> dict[str, list[str]]:
        """Advice → the names of the mistakes that it mends."""
        groups: dict[str, list[str]] = {}
        for name, advice in self.rows:
            groups.setdefault(advice, []).append(name)
        return groups

    def __repr__(self) -> str:
        groups = list(self.by_advice.items())
        lines = [f"✗ {'; '.join(names)}\n    {advice}" for advice, names in groups[:FIRST]]
        rest = sum(len(names) for _, names in groups[FIRST:])
        return "\n".join([*lines, f"… and {rest} more"] if rest else lines)

    def _repr_html_(self) -> str:
        groups = list(self.by_advice.items())
        rest = sum(len(names) for _, names in groups[FIRST:])
        more = f"<details><summary>{rest} more</summary>{_table(groups[FIRST:])}</details>" if rest else ""
        return f'<div style="overflow-x:auto" tabindex="0">{_table(groups[:FIRST])}{more}</div>'


def _table(groups: list[tuple[str, list[str]]]) -> str:
    left = ' style="text-align:left;vertical-align:top"'
    body = "".join(
        f"<tr><td{left}>{'<br>'.join(map(html.escape, names))}</td><td{left}>{html.escape(advice)}</td></tr>"
        for advice, names in groups
    )
    return f"<table><tr><th{left}>mistake</th><th{left}>instead</th></tr>{body}</table>"


def common_mistakes(function: Callable) -> Table:
    """The wrong answers that `check` knows by name, grouped by what to do instead."""
    return Table(tuple((mistake.name, mistake.advice) for mistake in judge.exercise_for(function).mistakes))
