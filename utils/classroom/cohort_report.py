"""`report.html`: what a class gets wrong, drawn and in words, without a name in it.

It holds no text that a student wrote: names of mistakes, advice and hints are the course's own.
"""

import html
from collections import Counter
from datetime import date

from utils.classroom.cohort import STUCK, Cohort, Counts, Exercise, Mistake, Stuck, by_week, question_title
from utils.classroom.feedback import hints, listed
from utils.classroom.page import bar, column, key, page, prose
from utils.grading import catalogue

WHERE_STUCK = "<h2>Where the class is stuck</h2>"
TOLD = 20  # exercises handed in on a day; of fewer, right and wrong are not told apart
MOST = 15  # mistakes that are shown


def as_html(found: Cohort, counts: Counts) -> str:
    """The whole page."""
    return page("What the class gets wrong", sections(found, counts))


def sections(found: Cohort, counts: Counts) -> list[str]:
    """Its parts, for the page and for the book."""
    shown = [one for one in found.mistakes if counts.shows(one.ever)]
    return [
        _head(found, counts),
        "<h2>By exercise</h2>", _exercises(found.exercises, counts),
        "<h2>Which mistakes, and how often</h2>", _mistakes(shown, found, counts),
        "<h2>Over time</h2>", _time(found, shown, counts),
        WHERE_STUCK, _stuck(found.stuck, counts),
        "<h2>Hints to give</h2>", _hints(found, shown, counts),
        _how(counts),
    ]  # fmt: skip


def _head(found: Cohort, counts: Counts) -> str:
    days = list(found.days)
    when = f", {days[0]} to {days[-1]}" if days else ""
    return f"<p>{found.students} students handed in {found.hand_ins} files{when}.</p>"


def as_json(found: Cohort, counts: Counts) -> dict:
    """The same counts for programs, in the same words."""
    tried = {one.name: one.students for one in found.exercises}
    return {
        "students": found.students, "hand_ins": found.hand_ins, "least": counts.least,
        "exercises": [
            {"exercise": one.name,
             "students": one.students if counts.shows(one.students) else f"fewer than {counts.least}",
             "groups": {_either(kinds): counts.words(n, one.students) for kinds, n in _groups(one, counts)}}
            for one in found.exercises
        ],
        "mistakes": [
            {"exercise": one.exercise, "mistake": one.name, "made": counts.words(one.ever, tried[one.exercise]),
             "still": counts.words(one.now, one.ever)}
            for one in found.mistakes if counts.shows(one.ever)
        ],
        "stuck": [
            {"exercise": one.exercise, "mistake": one.mistake, "students": one.students}
            for one in found.stuck if counts.shows(one.students)
        ],
    }  # fmt: skip


# ---- by exercise --------------------------------------------------------------------------------------------------

_KINDS = (
    ("right", "right"),
    ("named", "wrong, mistake named"),
    ("other", "wrong, no name"),
    ("blank", "not attempted"),
)

EVERYBODY = tuple(kind for kind, _ in _KINDS)
LEVELS = [
    [("right",), ("named",), ("other",), ("blank",)],
    [("right",), ("named", "other"), ("blank",)],
    [("right",), ("named", "other", "blank")],
]


def _exercises(exercises: list[Exercise], counts: Counts) -> str:
    return (
        '<p class="soft">Each student counts once, by the last hand-in.</p>'
        + key(*_KINDS)
        + "".join(_exercise(one, counts) for one in exercises)
    )


def _exercise(one: Exercise, counts: Counts) -> str:
    name = f"<code>{html.escape(one.name)}</code>"
    if not counts.shows(one.students):
        return f'<p>{name}<br><span class="soft">Fewer than {counts.least} students; not shown.</span></p>'
    groups = _groups(one, counts)
    if [kinds for kinds, _ in groups] == [EVERYBODY]:  # no bar: its colour would be a verdict
        words = f"Fewer than {2 * counts.least} students; right and wrong are not told apart."
        return f'<p>{name} · {one.students} students<br><span class="soft">{words}</span></p>'
    drawn = [(kinds[0], counts.drawn(count, one.students)) for kinds, count in groups]
    words = ", ".join(f"{counts.words(n, one.students)} {_either(kinds)}" for kinds, n in groups)
    whole = max(sum(size for _, size in drawn), 1)
    until = f" Right after {one.hand_ins:g} hand-ins (median)." if counts.shows(one.right) and one.hand_ins > 1 else ""
    return (
        f"<p>{name} · {one.students} students<br>"
        f'{bar(drawn, whole, f"{one.name}: {words}")}<span class="soft">{words}.{until}</span></p>'
    )


def _groups(one: Exercise, counts: Counts) -> list[tuple[tuple[str, ...], int]]:
    if not counts.shows(one.students):
        return []
    return counts.joined({kind: getattr(one, kind) for kind, _ in _KINDS}, LEVELS)


def _either(kinds: tuple[str, ...]) -> str:
    """A group in words, or groups that were joined."""
    words = [_WORDS[kinds]] if kinds in _WORDS else [dict(_KINDS)[kind] for kind in kinds]
    return " or ".join(words)


_WORDS = {
    ("named", "other"): "wrong", ("named", "other", "blank"): "wrong or not attempted",
    EVERYBODY: "in all, not told apart",
}  # fmt: skip


# ---- mistakes -----------------------------------------------------------------------------------------------------


def _mistakes(shown: list[Mistake], found: Cohort, counts: Counts) -> str:
    if not shown:
        return f"<p>No mistake was made by {counts.least} students or more.</p>"
    tried = {one.name: one.students for one in found.exercises}
    rows = "".join(_mistake(one, tried[one.exercise], counts) for one in shown[:MOST])
    rest = len(found.mistakes) - len(shown[:MOST])
    more = f'<p class="soft">{rest} other mistakes, each made by fewer students.</p>' if rest else ""
    return key(("named", "still there in the last hand-in"), ("other", "made, and corrected since")) + rows + more


def _mistake(one: Mistake, tried: int, counts: Counts) -> str:
    now, ever = counts.drawn(one.now, one.ever), counts.drawn(one.ever, tried)
    still = counts.words(one.now, one.ever) if one.now else "none"
    words = f"{counts.words(one.ever, tried)} of {tried} students made it, {still} still have it"
    drawn = bar([("named", now), ("other", max(ever - now, 0))], tried, f"{one.name}: {words}")
    return (
        f"<p><b>{html.escape(one.name)}</b> · <code>{html.escape(one.exercise)}</code><br>{drawn}"
        f'<span class="soft">{words}.</span></p>'
    )


# ---- over time ----------------------------------------------------------------------------------------------------


def _time(found: Cohort, shown: list[Mistake], counts: Counts) -> str:
    spans = by_week(found.days)
    unit = "day" if spans == found.days else "week"
    days = merged(spans, counts.least, unit)
    if not days:
        return "<p>The submissions have no times.</p>"
    tallest = max(sum(_near(c[kind]) for kind in ("right", "wrong", "blank")) for c in days.values())
    columns = "".join(_day(label, c, tallest) for label, c in days.items())
    few = [("calm", f"fewer than {TOLD}, not told apart")] if any(_answers(c) < TOLD for c in days.values()) else []
    legend = key(("right", "right"), ("named", "wrong"), ("blank", "not attempted"), *few)
    first = f'<p class="soft">Exercises handed in, by {unit}, to the nearest five.</p>'
    return f'{first}{legend}<div class="days">{columns}</div>' + _mistakes_by_day(found, shown[:8], counts)


def merged(days: dict[str, Counter], least: int, unit: str = "day") -> dict[str, Counter]:
    """Days with their labels; days on which fewer than `least` handed in are joined with the day after."""
    groups: list[tuple[list[str], Counter]] = []
    for day, tally in days.items():
        if groups and groups[-1][1]["students"] < least:
            groups[-1][0].append(day)
            groups[-1][1].update(tally)
        else:
            groups.append(([day], Counter(tally)))
    if len(groups) > 1 and groups[-1][1]["students"] < least:  # the last days have none after them
        last, before = groups.pop(), groups[-1]
        before[0].extend(last[0])
        before[1].update(last[1])
    return {_label(names, unit): tally for names, tally in groups}


def _label(names: list[str], unit: str) -> str:
    first, last = (date.fromisoformat(name) for name in (names[0], names[-1]))
    several = first != last
    start = f"{first:%a}" if unit == "day" else "weeks of" if several else "week of"
    return f"{start} {first.day} {first:%b}" + (f" – {last.day} {last:%b}" if several else "")


def _day(label: str, tally: Counter, tallest: int) -> str:
    if _answers(tally) < TOLD:  # to the nearest five, the wrong ones would be none, and a share would count them
        size = _near(_answers(tally))
        return f"<div>{column([('calm', size)], max(tallest, size, 1), f'{label}: about {size}')}{label}</div>"
    parts = [("right", _near(tally["right"])), ("named", _near(tally["wrong"])), ("blank", _near(tally["blank"]))]
    share = tally["right"] / _answers(tally)
    words = f"{label}: about {_near(100 * share)} % of about {sum(size for _, size in parts)} right"
    return f"<div>{column(parts, max(tallest, 1), words)}{label}<br>{_near(100 * share)} % right</div>"


def _answers(tally: Counter) -> int:
    return sum(tally[kind] for kind in ("right", "wrong", "blank"))


def _near(count: float) -> int:
    """To the nearest five, so that no single answer shows."""
    return round(count / 5) * 5


def _mistakes_by_day(found: Cohort, shown: list[Mistake], counts: Counts) -> str:
    """A table of mistakes by day: students who handed the mistake in that day."""
    days = list(found.days)
    if not shown or len(days) > 14:
        return ""
    head = "".join(f'<th class="n" scope="col">{date.fromisoformat(day).day}</th>' for day in days)
    body = "".join(
        f'<tr><th scope="row">{html.escape(one.name)}</th>'
        + "".join(f'<td class="n">{_few(one.days.get(day, 0), counts)}</td>' for day in days)
        + "</tr>"
        for one in shown
    )
    note = f"Students who handed a mistake in, by day of the month; · stands for 1 to {counts.least - 1}."
    return (
        f'<p class="soft">{note}</p><div class="scroll" tabindex="0" role="region" aria-label="mistakes by day">'
        f'<table><thead><tr><th scope="col">mistake</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _few(count: int, counts: Counts) -> str:
    return "" if not count else str(count) if counts.shows(count) else "·"


# ---- who is stuck, and what to say --------------------------------------------------------------------------------


def _stuck(stuck: list[Stuck], counts: Counts) -> str:
    whom = f"students with {STUCK} hand-ins or more, none right, the last two with the same mistake"
    intro = f'<p class="soft">Counted are {whom}.</p>'
    shown = [one for one in stuck if counts.shows(one.students)]
    items = "".join(
        f"<li><code>{html.escape(one.exercise)}</code>, {html.escape(one.mistake or 'a mistake without a name')}: "
        f"{one.students} students, {one.hand_ins:g} hand-ins each (median).</li>"
        for one in shown
    )
    rest = sum(one.students for one in stuck) - sum(one.students for one in shown)
    places = "other places" if shown else "some places"
    few = f"<p>In {places} fewer than {counts.least} students are stuck.</p>" if rest else ""
    return intro + (f"<ul>{items}</ul>" if items else "") + (few or ("" if items else "<p>Nobody is stuck.</p>"))


def _hints(found: Cohort, shown: list[Mistake], counts: Counts) -> str:
    """For the exercises with most students who still have a mistake: the advice, and the hint to read out."""
    open_ = {one.name: one.named + one.other for one in found.exercises if counts.shows(one.named + one.other)}
    names = sorted(open_, key=open_.get, reverse=True)[:5]
    if not names:
        return f"<p>In no exercise do {counts.least} students or more still have a mistake.</p>"
    return "".join(_hint(name, [one for one in shown if one.exercise == name]) for name in names)


def _hint(name: str, mistakes: list[Mistake]) -> str:
    advice = {one.name: one.advice for one in listed(name)}
    said = "".join(
        f"<li><b>{html.escape(one.name)}</b>: {html.escape(advice[one.name])}</li>"
        for one in mistakes if one.name in advice
    )  # fmt: skip
    first = next(iter(hints(name)), "")
    read = f"Read question {catalogue.stem_of(name)[:2]}, “The idea”."
    return (
        f"<article><h3><code>{html.escape(name)}</code> · {html.escape(question_title(name))}</h3>"
        f"{f'<ul>{said}</ul>' if said else ''}{prose(first)}<p class=soft>{read}</p></article>"
    )


def _how(counts: Counts) -> str:
    few, least = f"1 to {counts.least - 1}", counts.least
    return (
        '<h2>What is not shown</h2><p class="soft">This page has no names, and nothing that a student wrote. '
        f"A group of {few} students is “fewer than {least}”, or joined with another group. "
        "A mistake that so few made is not listed. "
        f"If only {few} students do not have something, the count reads “or more”. "
        "Days on which so few handed in are joined with the next. "
        "Bars show these rounded numbers, not exact ones. "
        "Two reports of different days can tell more than one. Someone who knows the class well may still guess.</p>"
    )
