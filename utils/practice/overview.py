"""`course status --html`: bars by chapter, a calendar of days, mistakes that come back, what is due. One file.

A day without practice is an empty square and nothing more.
"""

import html
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby

from utils.grading import catalogue
from utils.practice.due import Due, scheduled
from utils.practice.replay import Replay
from utils.practice.upnext import choose

WEEKS = 26
STYLE = """
:root{--text:#222;--back:#fff;--empty:#e6e6e6;--right:#009e73;--tried:#e69f00;--line:#ccc}
@media(prefers-color-scheme:dark){:root{--text:#ddd;--back:#181818;--empty:#333;--line:#444}}
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
body{color:var(--text);background:var(--back)}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
.bar{display:flex;height:14px;background:var(--empty);border-radius:7px;overflow:hidden;margin:.2rem 0 .8rem}
.right{background:var(--right)}.tried{background:var(--tried)}
.scroll{overflow-x:auto}table{border-collapse:collapse}
td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line)}
td:nth-child(-n+2){white-space:nowrap}td:last-child{white-space:normal;min-width:11rem}
rect{fill:var(--empty)}rect.a{fill:var(--right);opacity:.45}rect.b{fill:var(--right);opacity:.7}rect.c{fill:var(--right)}
text{fill:var(--text);font-size:10px}
svg{width:100%;height:auto}
@media(max-width:480px){td:nth-child(-n+2),td:last-child{white-space:normal;overflow-wrap:anywhere;min-width:0}}
""".strip()


def page(state: Replay, today: date) -> str:
    """The whole page."""
    following = choose(state, today)
    parts = [
        f"<h1>Your practice, {today.isoformat()}</h1>",
        f"<p><b>Next:</b> {html.escape(following.title)}<br>{html.escape(following.why)}</p>",
        "<h2>Chapters</h2>", *_bars(state),
        f"<h2>The last {WEEKS} weeks</h2>", _calendar(state.days, today),
        "<h2>Mistakes that come back</h2>", _mistakes(state),
        "<h2>Due</h2>", _due(list(scheduled(state)), today),
    ]  # fmt: skip
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Your practice</title><style>{STYLE}</style>{''.join(parts)}</html>\n"
    )


def _bars(state: Replay) -> Iterator[str]:
    entries = catalogue.entries().values()
    for chapter, (title, _) in catalogue.CHAPTERS.items():
        names = [name for entry in entries if entry["chapter"] == chapter for name in entry["exercises"]]
        known = [state.exercises[name] for name in names if name in state.exercises]
        right = sum(bool(one.right) for one in known)
        tried = sum(not one.right and one.wrong > 0 for one in known)
        if names:
            widths = [(kind, 100 * n / len(names)) for kind, n in (("right", right), ("tried", tried))]
            bars = "".join(f'<div class="{kind}" style="width:{width:.1f}%"></div>' for kind, width in widths)
            label = f"{chapter} · {title}: {right} of {len(names)} right, {tried} tried"
            yield f'<div>{label}</div><div class="bar" role="img" aria-label="{label}">{bars}</div>'


def _calendar(days: Counter, today: date) -> str:
    monday = today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))
    squares, shown = [], {day: number for day, number in days.items() if day >= monday.isoformat()}
    for index in range((today - monday).days + 1):
        day = monday + timedelta(days=index)
        number = days[day.isoformat()]
        level = "" if not number else ' class="a"' if number < 5 else ' class="b"' if number < 15 else ' class="c"'
        x, y = index // 7 * 16, index % 7 * 16 + 14
        squares.append(f'<rect x="{x}" y="{y}" width="13" height="13"{level}><title>{day}: {number}</title></rect>')
        if day.day == 1:
            squares.append(f'<text x="{x}" y="9">{day:%b}</text>')
    label = f"{sum(shown.values())} checks and cards on {len(shown)} days"
    width = WEEKS * 16 + 8  # the name of a month that began this week is wider than a square
    # Narrow screens show all weeks, smaller: in a box that scrolls today's would be out of sight.
    box = f'viewBox="0 0 {width} 128" style="max-width:{width}px"'
    return f'<svg {box} role="img" aria-label="{label}">{"".join(squares)}</svg><p>{label}.</p>'


def _mistakes(state: Replay) -> str:
    """Named mistakes made on more than one day, the stubborn ones first."""
    rows = []
    for name, one in state.exercises.items():
        times = one.mistakes
        rows += [(len(d), times[mistake], name, mistake) for mistake, d in one.mistake_days.items() if len(d) > 1]
    rows.sort(reverse=True)
    table = [(mistake, name, f"{times} times on {days} days") for days, times, name, mistake in rows]
    return _table(("mistake", "exercise", "made"), table[:20]) if table else "<p>None so far.</p>"


def _due(found: list[Due], today: date) -> str:
    """Exercises: today's by name, later ones by day."""
    found = sorted(found, key=lambda one: one.due)
    now = [(one.name, one.due.isoformat(), one.reason) for one in found if one.due <= today]
    later = [one for one in found if one.due > today]
    days = [(day.isoformat(), ", ".join(one.name for one in ones)) for day, ones in groupby(later, key=lambda d: d.due)]
    first = _table(("exercise", "since", "why"), now) if now else "<p>No exercise is due today.</p>"
    return first + (_table(("day", "comes back"), days[:14]) if days else "")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f'<div class="scroll" tabindex="0"><table><tr>{titles}</tr>{cells}</table></div>'
