"""What came of a trial, and how it shows itself: as text, as HTML, and as the data that the book collects."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

HOLDS, ONLY_IF, FAILS, UNDECIDED = "holds", "holds only if", "does not hold", "not decided here"
MIME = "application/vnd.course.trial+json"  # by which the book finds every verdict in the executed notebooks
_HUE = {HOLDS: "#009E73", ONLY_IF: "#E69F00", FAILS: "#D55E00", UNDECIDED: "#808080"}  # of a border, never of text


def kind(verdict: str) -> str:
    """Which of the four verdicts a text is: "holds only if x" → "holds only if"."""
    return next(key for key in (ONLY_IF, FAILS, UNDECIDED, HOLDS) if verdict.startswith(key))


def settings_in_words(family: list[dict]) -> str:
    """[dict(lr=0.1, seed=0), dict(lr=0.1, seed=1)] → "lr 0.1 × seed 0, 1"."""
    names = dict.fromkeys(name for setting in family for name in setting)
    values = {name: list(dict.fromkeys(in_words(s[name]) for s in family if name in s)) for name in names}
    raw = {name: [s[name] for s in family if name in s] for name in names}
    axes = [f"{name} {_listed(values[name], raw[name])}" for name in names]
    if len(family) == prod(map(len, values.values())):
        return " × ".join(axes)
    return f"{len(family)} combinations of {'; '.join(axes)}"


def _listed(texts: list[str], raw: list[Any]) -> str:
    if len(texts) <= 6:
        return ", ".join(texts)
    try:
        return f"{in_words(min(raw))} to {in_words(max(raw))} ({len(texts)} values)"
    except (TypeError, ValueError):  # no order among them
        return f"{', '.join(texts[:3])}, … ({len(texts)} values)"


def setting_in_words(setting: Mapping[str, Any]) -> str:
    """dict(lr=0.1, seed=0) → "lr=0.1, seed=0"."""
    return ", ".join(f"{name}={in_words(value)}" for name, value in setting.items())


def in_words(value: Any) -> str:
    """A setting's value as it is shown: a number with few digits, a function by its name."""
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    try:
        return f"{value:.6g}"
    except (TypeError, ValueError):
        return str(value)


@dataclass(frozen=True)
class Trial:
    """A claim and what came of it; compares equal to its verdict's text, so that a cell can assert it."""

    claim: str
    verdict: str
    rows: tuple[tuple[str, str], ...]  # (label, text), as shown: papers, shares, control, …
    aside: str = ""  # after the verdict: why it is not decided, or how the papers and ours differ
    note: str = ""  # one line to a learner whose functions are not ready; the only thing shown when `rows` is empty
    data: Mapping[str, Any] = field(default_factory=dict)  # what the book reads, beside claim and verdict

    def __eq__(self, other: object) -> bool:
        return self.verdict == other if isinstance(other, str) else NotImplemented

    __hash__ = None

    def _ruled(self) -> tuple[str, str, str]:
        """The verdict as a sentence, in three parts, the middle one set in bold."""
        lead = "Verdict: " if self.verdict == UNDECIDED else "Verdict: it "
        return lead, self.verdict, f" ({self.aside})." if self.aside else "."

    def __repr__(self) -> str:
        lines = [f"Claim: {self.claim}"]
        width = max((len(label) for label, _ in self.rows), default=0)
        lines += [f"  {label:<{width}}  {text}" if label else f"  {text}" for label, text in self.rows]
        lines += ["".join(self._ruled())] if self.rows else []
        return "\n".join([*lines, f"→ {self.note}"] if self.note else lines)

    def _repr_mimebundle_(self, **_: object) -> dict:
        data = {"claim": self.claim, "verdict": self.verdict, **self.data}
        return {"text/plain": repr(self), "text/html": self._html(), MIME: data}

    def _html(self) -> str:
        lead, verdict, end = map(html.escape, self._ruled())
        parts = [f"<div>Claim: <i>{html.escape(self.claim)}</i></div>"]
        if self.rows:
            rows = "".join(_row(label, text) for label, text in self.rows)
            parts.append(f'<table style="margin:.3em 0;{_PLAIN};font-size:inherit">{rows}</table>')
            parts.append(f"<div>{lead}<b>{verdict}</b>{end}</div>")
        parts += [f'<div style="margin-top:.3em">→ {html.escape(self.note)}</div>'] if self.note else []
        hue = _HUE[kind(self.verdict)]
        return f'<div style="border-left:4px solid {hue};padding:.3em 0 .3em .8em">{"".join(parts)}</div>'


_PLAIN = "border:none;background:none;color:inherit"  # whatever theme is around
_CELL = f"text-align:left;vertical-align:top;padding:.1em .8em .1em 0;{_PLAIN}"


def _row(label: str, text: str) -> str:
    head = f'<td style="{_CELL};opacity:.75;white-space:nowrap">{html.escape(label)}</td>' if label else ""
    wide = "" if label else ' colspan="2"'
    return (
        f'<tr style="background:none">{head}'
        f'<td{wide} style="{_CELL};overflow-wrap:anywhere;white-space:normal">{html.escape(text)}</td></tr>'
    )
