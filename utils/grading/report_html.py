"""A verdict as HTML, with a picture of where the arrays differ."""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING

import numpy as np

from utils.grading.compare import Difference

if TYPE_CHECKING:
    from utils.grading.report import Report

# Mid-tones of the Okabe–Ito palette: told apart by colour-blind readers, readable on white and on black.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#808080"
_LOOK = {"right": ("✓", "#009E73"), "not attempted": ("○", GREY)}


def verdict(report: Report, head: str) -> str:
    """What the verdict's text says, as one block that takes the theme's colours; `head` is its first line."""
    sign, hue = _LOOK.get(report.status, ("✗", ORANGE))
    rows = "".join(map(_row, report.facts))
    parts = [f'<div style="font-weight:600">{html.escape(f"{sign} {head}")}</div>']
    if report.mistake:
        parts.append(f'<div style="margin-top:.4em">Your mistake: <b>{_prose(report.mistake)}</b></div>')
    if rows:
        parts.append(f'<table style="margin:.4em 0;{_PLAIN};font-size:inherit">{rows}</table>')
    parts += [picture(report.difference)] if report.difference else []
    if report.advice:
        parts.append(f'<div style="margin-top:.4em">→ {_prose(report.advice)}</div>')
    return f'<div style="border-left:4px solid {hue};padding:.3em 0 .3em .8em">{"".join(parts)}</div>'


def _prose(text: str) -> str:
    """Text as HTML; what stands in backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _row(fact: tuple[str, str]) -> str:
    label, text = map(html.escape, fact)
    return (
        f'<tr style="background:none"><td style="{_CELL};opacity:.75;white-space:nowrap">{label}</td>'
        f'<td style="{_CELL};overflow-wrap:anywhere"><code style="{_PLAIN};padding:0">{text}</code></td></tr>'
    )


_PLAIN = "border:none;background:none;color:inherit"  # whatever theme is around
_CELL = f"text-align:left;vertical-align:top;padding:.1em .8em .1em 0;{_PLAIN}"


MAX_ROWS, MAX_COLUMNS, SIDE = 16, 32, 14


def picture(difference: Difference) -> str:
    """A grid with one square an entry: right, wrong, or not a number. Empty when there is nothing to lay out.

    An <img>, not inline SVG, which untrusted notebooks drop; shapes differ too, for readers who see no colour.
    """
    if difference.wrong is None or difference.wrong.size < 2:
        return ""
    wrong = difference.wrong.reshape(-1, difference.wrong.shape[-1])
    missing = ~np.isfinite(np.broadcast_to(difference.got, difference.wrong.shape).reshape(wrong.shape))
    rows, columns = min(wrong.shape[0], MAX_ROWS), min(wrong.shape[1], MAX_COLUMNS)
    top, left = _corner(wrong, rows, columns)
    state = np.where(~wrong, "right", np.where(missing, "missing", "wrong"))[top:, left:]
    squares = (_square(i, j, state[i, j]) for i in range(rows) for j in range(columns))
    width, height = columns * SIDE, rows * SIDE
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{"".join(squares)}</svg>'
    data = base64.b64encode(svg.encode()).decode()
    alt = f"{int(wrong.sum())} of {wrong.size} entries are wrong"
    part = f"{rows}×{columns} of {wrong.shape[0]}×{wrong.shape[1]}"
    part = f"{part}, from [{top}, {left}] on" if top or left else f"the first {part}"
    cut = f", {part}" if wrong.size > rows * columns else ""
    legend = f"{_key(BLUE, '■ right')} &nbsp; {_key(ORANGE, '⊠ wrong')} &nbsp; {_key(GREY, '□ not a finite number')}"
    return (
        f'<img alt="{alt}" width="{width}" height="{height}" style="max-width:100%;margin:.2em 0" '
        f'src="data:image/svg+xml;base64,{data}"><div style="font-size:85%">{legend}{cut}</div>'
    )


def _corner(wrong: np.ndarray, rows: int, columns: int) -> tuple[int, int]:
    """Where the part that is drawn begins: at the beginning, unless nothing is wrong there."""
    if wrong[:rows, :columns].any() or not wrong.any():
        return 0, 0
    row, column = np.argwhere(wrong)[0]
    return min(int(row), wrong.shape[0] - rows), min(int(column), wrong.shape[1] - columns)


def _key(hue: str, text: str) -> str:
    sign, words = text.split(" ", 1)
    return f'<span style="color:{hue}">{sign}</span> {words}'


def _square(row: int, column: int, state: str) -> str:
    x, y, side = column * SIDE + 1, row * SIDE + 1, SIDE - 2
    if state == "missing":
        box = f'x="{x + 1}" y="{y + 1}" width="{side - 2}" height="{side - 2}"'
        return f'<rect {box} fill="none" stroke="{GREY}" stroke-width="2"/>'
    if state == "right":
        return f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{BLUE}"/>'
    cross = f"M{x + 2} {y + 2}l{side - 4} {side - 4}m0 {4 - side}l{4 - side} {side - 4}"
    return (
        f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{ORANGE}"/>'
        f'<path d="{cross}" stroke="#fff" stroke-width="1.5"/>'
    )
