"""Results and a late policy → marks: which attempt counts, how late it is, how many points it brings.

An attempt is one text of one file; where the ledger has it twice, graded again, the last row counts. A file that was
handed in again under its old name is another attempt. Rows that are the machine's fault judge nobody, and count only
where there is nothing else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from utils.classroom.results import Result
from utils.classroom.roster import Matcher, Student
from utils.grading import catalogue, report

DAY = timedelta(days=1)
MOST_LATE = 0.8  # share of the hand-ins; where so many are late, the times are probably wrong
NEARLY_ONE_TIME = timedelta(minutes=5)
ALL = ""  # the key of a deadline for every question


@dataclass(frozen=True)
class Policy:
    """What a teacher decides. A late day is a day begun after the deadline."""

    points: dict[str, float] = field(default_factory=dict)  # exercise → points, 1 where it is not named
    deadlines: dict[str, datetime] = field(default_factory=dict)  # stem, or ALL → the deadline
    late_days: int = 0  # free for each student, over all deadlines, the earliest deadline first
    penalty: float = 0.1  # share of the points that each further late day costs
    attempt: str = "best"  # or "last"
    partial: bool = False  # points by cases passed, in the place of all or nothing

    def deadline(self, exercise: str) -> datetime | None:
        """The deadline of an exercise: its question's own, else the one for all."""
        return self.deadlines.get(catalogue.stem_of(exercise), self.deadlines.get(ALL))

    def out_of(self, exercise: str) -> float:
        """The points of a right answer in time."""
        return self.points.get(exercise, 1.0)


@dataclass(frozen=True)
class Mark:
    """One student's exercise. `result` is None where nothing was handed in."""

    exercise: str
    result: Result | None
    points: float
    out_of: float
    days: int = 0  # begun after the deadline, whether the answer has points or not
    charged: int = 0  # of them, after the free ones
    attempts: int = 0
    deadline: datetime | None = None

    @property
    def judged(self) -> bool:
        """False where the machine failed, so that there is no verdict on the answer."""
        return self.result is None or self.result.status != report.MACHINE


@dataclass(frozen=True)
class Gradebook:
    """All marks of a class: a row for each student of the roster, whether they handed something in or not."""

    exercises: list[str]
    rows: list[tuple[Student, dict[str, Mark]]]
    unknown: list[str]  # students of the ledger that the roster does not have
    unread: list[Result] = field(default_factory=list)  # files in which no exercise was found
    tried: dict[str, list[Result]] = field(default_factory=dict)  # student's id → everything handed in
    doubt: str = ""  # why the hand-in times may be wrong, in one line
    several: dict[str, list[str]] = field(default_factory=dict)  # student of the ledger → the ids that it fits

    def unread_of(self, student: Student) -> list[Result]:
        """The student's files in which no exercise was found."""
        return unread(self.tried.get(student.id, ()))

    def missing(self) -> tuple[list[Student], list[Student]]:
        """Those without a mark: (handed nothing in, handed in files in which no exercise was found)."""
        fits = {id_ for ids in self.several.values() for id_ in ids}
        empty = [student for student, marks in self.rows if not any(mark.result for mark in marks.values())]
        without = [student for student in empty if self.unread_of(student)]
        return [one for one in empty if one not in without and one.id not in fits], without


def gradebook(
    results: Iterable[Result], policy: Policy, students: list[Student] | None = None, stems: Iterable[str] = ()
) -> Gradebook:
    """Marks for the roster, or for the students of the ledger where there is none.

    With `stems`, of all exercises of those questions; else of the exercises that anybody handed in.
    """
    results = list(results)
    matcher = Matcher(students) if students is not None else None
    owned: dict[str, list[Result]] = {}
    unknown, several, people = [], {}, {student.id: student for student in students or ()}
    for result in results:
        student = matcher.find(result.student, result.name, result.number) if matcher else _stranger(result)
        if student is None:
            ids = matcher.several(result.student, result.name)
            several |= {result.name or result.student: ids} if ids else {}
            unknown += [] if ids else [result.student]
            continue
        people.setdefault(student.id, student)
        owned.setdefault(student.id, []).append(result)
    exercises = _exercises(results, list(stems))
    rows = [(student, marks_of(owned.get(id_, []), exercises, policy)) for id_, student in people.items()]
    doubt = doubt_of_times(results, policy)
    return Gradebook(exercises, rows, sorted(set(unknown)), unread(results), owned, doubt, several)


def unread(results: Iterable[Result]) -> list[Result]:
    """Files in whose last text no exercise was found; not those at which the machine failed."""
    return [result for result in _without_exercise(results) if result.status != report.MACHINE]


def _without_exercise(results: Iterable[Result]) -> list[Result]:
    last = {(result.student, result.file): result for result in results}
    return [result for result in last.values() if result.exercise is None]


def _stranger(result: Result) -> Student:
    """Where there is no roster, a student is what the submissions say."""
    return Student(result.student, result.name or result.student)


def _exercises(results: list[Result], stems: list[str]) -> list[str]:
    """In the course's order; what the course no longer has stands at the end."""
    seen = {result.exercise for result in results if result.exercise}
    if stems:
        return [name for stem in stems for name in catalogue.entries()[stem]["exercises"]]
    known = [name for name in catalogue.exercise_names() if name in seen]
    return known + sorted(seen - set(known))


def marks_of(results: list[Result], exercises: list[str], policy: Policy) -> dict[str, Mark]:
    """One student's marks. Free days are spent deadline by deadline, the earliest first, on answers with points."""
    failed = [result for result in _without_exercise(results) if result.status == report.MACHINE]
    tried = {name: attempts([r for r in results if r.exercise == name]) or failed for name in exercises}
    free, marks = policy.late_days, {}
    for deadline, names in _by_deadline(exercises, policy):
        of_group = [_mark(name, tried[name], deadline, free, policy) for name in names]
        free -= max((mark.days - mark.charged for mark in of_group), default=0)
        marks |= {mark.exercise: mark for mark in of_group}
    return {name: marks[name] for name in exercises}


def _by_deadline(exercises: list[str], policy: Policy) -> list[tuple[datetime | None, list[str]]]:
    groups: dict[datetime | None, list[str]] = {}
    for name in exercises:
        groups.setdefault(policy.deadline(name), []).append(name)
    return sorted(groups.items(), key=lambda group: (group[0] is None, group[0]))


def attempts(results: Iterable[Result]) -> list[Result]:
    """The attempts at one exercise by one student, in time: one for each digest, its last row."""
    last = {(result.file, result.digest, result.beside): result for result in results}
    judged = [result for result in last.values() if result.status != report.MACHINE]
    return sorted(judged or last.values(), key=lambda result: _moment(result.submitted))


def _mark(name: str, tried: list[Result], deadline: datetime | None, free: int, policy: Policy) -> Mark:
    out_of, attempted = policy.out_of(name), sum(result.status != report.BLANK for result in tried)
    if not tried:
        return Mark(name, None, 0.0, out_of, deadline=deadline)
    marked = []
    for result in tried:
        share = _share(result, policy)
        days = _days_late(result, deadline) if result.status != report.BLANK else 0
        charged = max(0, days - free) if share else days  # what has no points spends no free day
        points = share * out_of * max(0.0, 1 - policy.penalty * charged)
        marked.append(Mark(name, result, points, out_of, days, charged, attempted, deadline))
    if policy.attempt == "last":
        return marked[-1]
    return max(marked, key=_worth)


def _worth(mark: Mark) -> tuple:
    """Points first; among equal ones the answer that got furthest, then the earlier: max() keeps the first."""
    share = mark.result.passed / mark.result.total if mark.result.total else 0.0
    return mark.points, mark.result.status != report.BLANK, share


def _share(result: Result, policy: Policy) -> float:
    if result.status == report.RIGHT:
        return 1.0
    return result.passed / result.total if policy.partial and result.total else 0.0


def _days_late(result: Result, deadline: datetime | None) -> int:
    """Days begun after the deadline: one second late is one day, as course rules have it."""
    if deadline is None:
        return 0
    said = int(result.late)  # Canvas writes it into a file's name, and not by how much
    return max(said, -((deadline - _moment(result.submitted)) // DAY)) if result.submitted else said


def _moment(text: str) -> datetime:
    """A row's time; what has no zone is UTC."""
    moment = datetime.fromisoformat(text) if text else datetime.min
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def late_days(marks: dict[str, Mark]) -> tuple[int, int, int]:
    """(late, free, charged) days of a student, summed over the deadlines: late = free + charged.

    Of one deadline the latest exercise counts, for its days are the same days as those of the others.
    """
    groups: dict[datetime | None, list[Mark]] = {}
    for mark in marks.values():
        groups.setdefault(mark.deadline, []).append(mark)
    late = sum(max(mark.days for mark in group) for group in groups.values())
    free = sum(max(mark.days - mark.charged for mark in group) for group in groups.values())
    return late, free, late - free


def doubt_of_times(results: Iterable[Result], policy: Policy) -> str:
    """One line where most hand-ins are late, or all have nearly one time: the times are probably not the students'."""
    if not policy.deadlines:
        return ""
    found = {(r.student, r.file, r.digest): r for r in results if r.exercise and r.submitted}.values()
    late = sum(_days_late(result, policy.deadline(result.exercise)) > 0 for result in found)
    times = [_moment(result.submitted) for result in found]
    why = "The time is the file's own; a copy or a git clone changes it."
    if found and late >= MOST_LATE * len(found):
        are = "hand-in is" if len(found) == 1 else "hand-ins are"
        return f"{late} of {len(found)} {are} later than the deadline. {why}"
    if len(times) >= 3 and max(times) - min(times) <= NEARLY_ONE_TIME:
        return (
            f"All {len(times)} hand-ins have times within {NEARLY_ONE_TIME.seconds // 60} minutes of each other. {why}"
        )
    return ""


def total(marks: dict[str, Mark], value: Callable[[Mark], float] = lambda mark: mark.points) -> float:
    """A student's sum."""
    return sum(map(value, marks.values()))
