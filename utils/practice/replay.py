"""The log replayed: what happened with each exercise and each spoken card, and which of it counts as a review.

Dates are the learner's: each entry's own local day. Per day an exercise is reviewed once, by what came of it first.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import itemgetter, le
from typing import NamedTuple

from utils.grading.report import BAD, MACHINE, RIGHT

AGAIN, HARD, GOOD, EASY = 1, 2, 3, 4  # the ratings of FSRS
WRONG = frozenset(BAD) - {MACHINE}  # a busy machine is nobody's mistake
RATINGS = {"again": AGAIN, "hard": HARD, "good": GOOD, "easy": EASY}
EASY_SECONDS = 120  # a review that is right at once and within so long of the blank is easy


class Review(NamedTuple):
    """One review that counts."""

    day: str  # ISO date
    rating: int
    why: str  # in words


@dataclass(slots=True)
class Since:
    """What happened with an exercise since it was last right or given up."""

    opened: str = ""  # when its blank was opened
    wrong: int = 0
    hints: int = 0


@dataclass(slots=True)
class Standing:
    """One exercise as the log tells it."""

    opened: str = ""  # first opening of its blank
    right: str = ""  # when it was first right
    given_up: str = ""  # when it was first given up
    wrong: int = 0
    hints: int = 0
    made: list[tuple[str, str]] = field(default_factory=list)  # each named mistake with its day
    reviews: list[Review] = field(default_factory=list)
    since: Since = field(default_factory=Since)
    digests: set[str] = field(default_factory=set)  # of answers that were right

    @property
    def mistakes(self) -> Counter:
        """Name → how often it was made."""
        return Counter(name for name, _ in self.made)

    @property
    def mistake_days(self) -> dict[str, set[str]]:
        """Name → the days on which it was made."""
        days: dict[str, set[str]] = {}
        for name, day in self.made:
            days.setdefault(name, set()).add(day)
        return days

    @property
    def seconds(self) -> int | None:
        """From the first opening to the first time right; None where one of them is not known."""
        return _between(self.opened, self.right) if self.opened and self.right else None


@dataclass
class Replay:
    """All that the log tells."""

    exercises: dict[str, Standing] = field(default_factory=dict)
    cards: dict[str, list[Review]] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)  # stem → when it was first opened
    days: Counter = field(default_factory=Counter)  # ISO date → attempts and cards
    plan: tuple[str, str] | None = None  # its name ("3", "detection"), and the date it was chosen


def replay(entries: Iterable[dict]) -> Replay:
    """Walk through the log in the order of time; two logs merged by union need not be in it."""
    state, known, days = Replay(), {}, []
    for entry in in_order(entries):
        name, status = entry.get("exercise"), entry.get("status")
        if not isinstance(name, str):
            _besides(state, entry)
            continue
        if (one := known.get(name)) is None:
            one = known[name] = Standing()
        if "event" in entry:
            _happened(one, entry)
        elif isinstance(status, str):
            days.append(entry["time"][:10])
            if status in WRONG:
                _was_wrong(one, entry)
            elif status == RIGHT:
                _was_right(one, entry)
    state.exercises = known
    state.days.update(days)
    return state


def in_order(entries: Iterable[dict]) -> list[dict]:
    """Entries that have a time, oldest first."""
    timed = list(entries)
    try:  # the usual log, in one go: a hundred thousand entries are read while somebody waits
        deque(map(datetime.fromisoformat, map(itemgetter("time"), timed)), maxlen=0)
    except (KeyError, TypeError, ValueError):
        timed = [entry for entry in timed if moment_of(entry.get("time"))]
    times = [entry["time"] for entry in timed]
    one_zone = len({time[19:] for time in times}) < 2  # then the texts sort as the moments do, and faster
    if one_zone and all(map(le, times, times[1:])):
        return timed  # as a single machine writes them
    return sorted(timed, key=itemgetter("time") if one_zone else lambda entry: moment_of(entry["time"]))


def moment_of(text: object) -> datetime | None:
    """An ISO time with a zone (UTC where it names none); None for anything else."""
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _besides(state: Replay, entry: dict) -> None:
    """An entry of no exercise."""
    event = entry.get("event")
    if event == "rated":
        _rated(state, entry)
    elif event == "plan" and (name := entry.get("name") or entry.get("days")):  # days: before there were names
        state.plan = (str(name), entry["time"][:10])
    elif event == "opened" and isinstance(stem := entry.get("question"), str):
        state.questions.setdefault(stem, entry["time"])


def _rated(state: Replay, entry: dict) -> None:
    key, rating, day = entry.get("card"), RATINGS.get(str(entry.get("rating"))), entry["time"][:10]
    if isinstance(key, str) and rating:
        seen = state.cards.setdefault(key, [])
        state.days[day] += 1
        if not seen or seen[-1].day != day:
            seen.append(Review(day, rating, f"rated {entry['rating']}"))


def _happened(one: Standing, entry: dict) -> None:
    event = entry["event"]
    if event == "opened":
        one.opened = one.opened or entry["time"]
        one.since.opened = one.since.opened or entry["time"]
    elif event == "hint":
        one.hints += 1
        one.since.hints += 1
    elif event == "gave up":
        one.given_up = one.given_up or entry["time"]
        _concluded(one, entry, AGAIN, "given up")


def _was_wrong(one: Standing, entry: dict) -> None:
    one.wrong += 1
    one.since.wrong += 1
    if isinstance(name := entry.get("mistake"), str):
        one.made.append((name, entry["time"][:10]))


def _was_right(one: Standing, entry: dict) -> None:
    """A review, unless it is the same answer run again: that shows a file, not a memory."""
    digest, since, first = str(entry.get("digest") or ""), one.since, not one.right
    other = digest != "" and len(one.digests) > 0 and digest not in one.digests
    anew = first or since.opened or since.wrong or other
    one.right = one.right or entry["time"]
    if digest:
        one.digests.add(digest)
    if anew:
        _concluded(one, entry, *_rating(since, entry["time"], first))


def _rating(since: Since, time: str, first: bool) -> tuple[int, str]:
    if since.wrong:
        return HARD, f"right after {counted(since.wrong, 'wrong verdict')}"
    if since.hints:
        return HARD, f"right with {counted(since.hints, 'hint')}"
    if not first and since.opened and _between(since.opened, time) <= EASY_SECONDS:
        return EASY, f"right at once, within {EASY_SECONDS // 60} minutes"
    return GOOD, "right at once"


def _concluded(one: Standing, entry: dict, rating: int, why: str) -> None:
    day = entry["time"][:10]
    if not one.reviews or one.reviews[-1].day < day:  # nothing comes back the same day
        one.reviews.append(Review(day, rating, why))
    one.since.opened, one.since.wrong, one.since.hints = "", 0, 0


def counted(number: int, noun: str, nouns: str = "") -> str:
    """1 hint, 2 hints; 1 entry, 2 entries."""
    return f"{number} {noun if number == 1 else nouns or f'{noun}s'}"


def _between(start: str, end: str) -> int:
    return round((moment_of(end) - moment_of(start)).total_seconds())


def day_of(text: str) -> date:
    """The date of an ISO time or date."""
    return date.fromisoformat(text[:10])
