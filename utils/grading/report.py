"""A verdict as text and as JSON; as HTML in `report_html.py`. Its facts are put together in `judge.py`."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from utils.grading.text import MOST, capped, printable

if TYPE_CHECKING:  # the command line reads verdicts' words without NumPy
    from utils.grading.compare import Difference

RIGHT, WRONG, BLANK, ERROR = "right", "wrong", "not attempted", "error"
TIMEOUT, MEMORY = "timeout", "memory"
MACHINE = "machine"  # the machine's fault, after a second try: nobody's answer was judged
BAD = (WRONG, ERROR, TIMEOUT, MEMORY, MACHINE)

_SIGN = {RIGHT: "✓", BLANK: "○"}
_ANSI = {RIGHT: "32", BLANK: "2"}


@dataclass(frozen=True)
class Report:
    """One exercise's verdict; shows itself in Jupyter, in a terminal and as JSON."""

    exercise: str
    status: str
    passed: int = 0
    total: int = 0
    mistake: str | None = None  # the name of the mistake that was recognised
    facts: tuple[tuple[str, str], ...] = ()  # (label, text): the call, what came, what is right, …
    advice: str = ""  # the next step
    difference: Difference | None = field(default=None, repr=False)
    inputs: dict = field(default_factory=dict, repr=False, compare=False)  # the arguments of the case that is shown
    line: int | None = None  # of the function's source, from 1: where an edit makes it right
    said: str = field(default="", repr=False)  # the message of a report that was read from a file

    def __post_init__(self) -> None:
        """Cap what an answer could have made long."""
        if any(len(text) > MOST for _, text in self.facts):
            object.__setattr__(self, "facts", tuple((label, capped(text)) for label, text in self.facts))
        for name in ("mistake", "advice"):
            object.__setattr__(self, name, getattr(self, name) and capped(getattr(self, name)))

    def __bool__(self) -> bool:
        return self.status == RIGHT

    @property
    def message(self) -> str:
        """Everything that the verdict says, in one line."""
        if self.said:
            return self.said
        parts = [f"Your mistake: {self.mistake}."] if self.mistake else []
        parts += [f"{label}: {text.rstrip('.')}." for label, text in self.facts]
        return " ".join(printable(" ".join([*parts, self.advice])).split())

    def to_json(self) -> dict:
        """The contract of `course check --json`, without the file."""
        names = ("exercise", "status", "passed", "total", "mistake", "line", "message")
        return {name: getattr(self, name) for name in names}

    def to_text(self, colour: bool = False) -> str:
        """The verdict for a terminal; `colour` adds ANSI codes."""
        head = f"{_SIGN.get(self.status, '✗')} {self.exercise} · {self._status_words()}"
        if colour:
            head = f"\033[1;{_ANSI.get(self.status, '31')}m{head}\033[0m"
        lines = [head]
        if self.mistake:
            lines.append(f"  Your mistake: {self.mistake}")
        width = max((len(label) for label, _ in self.facts), default=0)
        for label, text in self.facts:
            lines += _wrapped(f"  {label:<{width}}  ", text)
        if self.advice:
            lines += _wrapped("  → ", self.advice)
        if self.said:
            lines += _wrapped("  ", self.said)
        return printable("\n".join(lines)) if not colour else "\n".join([lines[0], *map(printable, lines[1:])])

    def _status_words(self) -> str:
        counted = self.total and self.status in (RIGHT, *BAD)
        return f"{self.status} · {self.passed} of {self.total} cases" if counted else self.status

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from utils.grading import report_html  # only a notebook needs it

        return report_html.verdict(self, f"{self.exercise} · {self._status_words()}")


def _wrapped(lead: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, width=110, initial_indent=lead, subsequent_indent=" " * len(lead),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
