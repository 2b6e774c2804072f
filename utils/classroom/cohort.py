"""Results of a class → what the cohort gets wrong: by exercise, by mistake, by day, and where it is stuck.

Counts of students, not of persons: whoever reads them learns no name. A count is left out where it would tell on a
few: see `Counts`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

from utils.classroom.marks import attempts
from utils.classroom.results import Result
from utils.grading import catalogue, report

STUCK = 3  # hand-ins that were not right, the last ones with the same mistake
LEAST = 5  # students: a smaller group is not shown
DAYS = 21  # a longer time is shown by weeks


@dataclass(frozen=True)
class Exercise:
    """Where the class stands with one exercise: each student who handed it in, by their last hand-in."""

    name: str
    students: int
    right: int
    named: int  # wrong, with a mistake that has a name
    other: int  # wrong or an error, without one
    blank: int
    hand_ins: float  # median number until it was right, of those who got there


@dataclass(frozen=True)
class Mistake:
    """One mistake in one exercise, in students."""

    exercise: str
    name: str
    ever: int  # made it in some hand-in
    now: int  # have it in their last one
    days: dict[str, int] = field(default_factory=dict, compare=False)  # day → students who handed it in then


@dataclass(frozen=True)
class Stuck:
    """Students who are stuck: STUCK hand-ins or more, none right, the last two with the same mistake."""

    exercise: str
    mistake: str | None
    students: int
    hand_ins: float  # median


@dataclass(frozen=True)
class Cohort:
    """Everything that the report draws."""

    students: int
    hand_ins: int
    days: dict[str, Counter]  # day → "right", "wrong", "blank" exercises and "students"
    exercises: list[Exercise]
    mistakes: list[Mistake]
    stuck: list[Stuck]


def cohort(results: Iterable[Result]) -> Cohort:
    """The statistics; rows that are the machine's fault, or that name no exercise, are left out."""
    tried: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        if result.exercise and result.status != report.MACHINE:
            tried[result.student, result.exercise].append(result)
    tried = {key: attempts(rows) for key, rows in tried.items()}
    order = {name: index for index, name in enumerate(catalogue.exercise_names())}
    names = sorted({name for _, name in tried}, key=lambda name: (order.get(name, len(order)), name))
    by_exercise = {name: {who: rows for (who, of), rows in tried.items() if of == name} for name in names}
    found = [mistake for name in names for mistake in _mistakes(name, by_exercise[name])]
    stuck = [one for name in names for one in _stuck(name, by_exercise[name])]
    return Cohort(
        len({who for who, _ in tried}),
        len({(row.student, row.file, row.digest) for rows in tried.values() for row in rows}),
        _days(row for rows in tried.values() for row in rows),
        [_exercise(name, by_exercise[name]) for name in names],
        sorted(found, key=lambda one: -one.ever), sorted(stuck, key=lambda one: -one.students),
    )  # fmt: skip


def _exercise(name: str, tried: dict[str, list[Result]]) -> Exercise:
    last = [rows[-1] for rows in tried.values()]
    status = Counter(row.status for row in last)
    named = sum(row.mistake is not None for row in last)
    right, blank = status[report.RIGHT], status[report.BLANK]
    until = [number for rows in tried.values() if (number := _until_right(rows))]
    return Exercise(name, len(last), right, named, len(last) - right - blank - named, blank, median(until or [0]))


def _until_right(rows: list[Result]) -> int:
    """Which hand-in was the first right one; 0 for none. Blanks count as none."""
    begun = [row for row in rows if row.status != report.BLANK]
    return next((n for n, row in enumerate(begun, start=1) if row.status == report.RIGHT), 0)


def _mistakes(name: str, tried: dict[str, list[Result]]) -> list[Mistake]:
    ever = Counter(mistake for rows in tried.values() for mistake in {row.mistake for row in rows} if mistake)
    now = Counter(rows[-1].mistake for rows in tried.values())
    days: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for who, rows in tried.items():
        for row in rows:
            if row.mistake:
                days[row.mistake][row.submitted[:10]].add(who)
    counted = {mistake: {day: len(who) for day, who in sorted(found.items())} for mistake, found in days.items()}
    return [Mistake(name, mistake, count, now[mistake], counted[mistake]) for mistake, count in ever.items()]


def _stuck(name: str, tried: dict[str, list[Result]]) -> list[Stuck]:
    groups: dict[str | None, list[int]] = defaultdict(list)
    for rows in tried.values():
        wrong = [row for row in rows if row.status != report.BLANK]
        if len(wrong) >= STUCK and not _until_right(rows) and wrong[-1].mistake == wrong[-2].mistake:
            groups[wrong[-1].mistake].append(len(wrong))
    return [Stuck(name, mistake, len(counts), median(counts)) for mistake, counts in groups.items()]


def _days(rows: Iterable[Result]) -> dict[str, Counter]:
    found: dict[str, Counter] = defaultdict(Counter)
    who: dict[str, set[str]] = defaultdict(set)
    kinds = {report.RIGHT: "right", report.BLANK: "blank"}
    for row in rows:
        if row.submitted:
            found[row.submitted[:10]][kinds.get(row.status, "wrong")] += 1
            who[row.submitted[:10]].add(row.student)
    for day, students in who.items():
        found[day]["students"] = len(students)
    return dict(sorted(found.items()))


def by_week(days: dict[str, Counter]) -> dict[str, Counter]:
    """Days as they are, or by the week's Monday where they span more than three weeks. Students are summed up."""
    if not days or date.fromisoformat(max(days)) - date.fromisoformat(min(days)) < timedelta(days=DAYS):
        return days
    weeks: dict[str, Counter] = defaultdict(Counter)
    for day, counts in days.items():
        monday = date.fromisoformat(day) - timedelta(days=date.fromisoformat(day).weekday())
        weeks[monday.isoformat()] += counts
    return dict(weeks)


@dataclass(frozen=True)
class Counts:
    """How counts of students are shown, so that no small group can be told, nor worked out from the others.

    1 to least − 1 students are "fewer than least". Where all but a few have something, the count would tell on the
    few, so it is "n − least + 1 or more". Of fewer than twice least, where one range would give the other away, both
    are "some". Bars are drawn by these words, not by the count behind them.
    """

    least: int = LEAST

    def words(self, count: int, of: int) -> str:
        """A count of `of` students."""
        if count in (0, of) and of >= self.least:
            return str(count)
        if min(count, of - count) >= self.least:
            return str(count)
        if of < 2 * self.least:
            return "some" if count else "0"
        return f"fewer than {self.least}" if count < self.least else f"{of - self.least + 1} or more"

    def drawn(self, count: int, of: int) -> float:
        """The length of its bar: the middle of what the words leave open."""
        words = self.words(count, of)
        if words == "some":
            return of / 2
        if words == str(count):
            return count
        return self.least / 2 if count < self.least else of - self.least / 2

    def shows(self, count: int) -> bool:
        """Is the group large enough to be named?"""
        return count >= self.least

    def joined(self, parts: dict[str, int], levels: list[list[tuple[str, ...]]]) -> list[tuple[tuple[str, ...], int]]:
        """Groups that make up a whole, as fine as can be: the first of `levels` in which no group is small.

        One small group among large ones would follow from the total; so it is joined, and with whom does not depend
        on the counts. Where even the last level, of two groups, has a small one, `words` blurs both; a class of fewer
        than twice least is not told apart at all.
        """
        everybody = tuple(kind for kinds in levels[-1] for kind in kinds)
        if sum(parts.values()) < 2 * self.least:
            levels = [[everybody]]
        for level in levels:
            groups = [(kinds, sum(parts[kind] for kind in kinds)) for kinds in level]
            groups = [(kinds, count) for kinds, count in groups if count]
            if all(count >= self.least for _, count in groups):
                break
        return groups


def question_title(exercise: str) -> str:
    """ "15 · Write batch normalisation's forward pass"."""
    stem = catalogue.stem_of(exercise)
    return f"{stem[:2]} · {catalogue.entries()[stem]['title']}" if stem else "no longer in the course"
