"""The one thing to do now, and why: what is due, then the plan, then what was hardest."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from utils.grading import catalogue
from utils.grading.progress import entries, now, root
from utils.practice import cards, formulas, plans
from utils.practice.replay import Replay, Standing, counted, replay

COURSE_ORDER = "7"  # whoever chose no plan follows that of seven days


@dataclass(frozen=True)
class Next:
    """One thing to do."""

    what: str  # "exercise", "card", "question", "mock" or "nothing"
    name: str
    title: str
    why: str
    how: str

    def __repr__(self) -> str:
        return f"{self.title}\n  why: {self.why}\n  how: {self.how}"

    def to_json(self) -> dict:
        """For programs."""
        return {key: getattr(self, key) for key in ("what", "name", "title", "why", "how")}


def next_up() -> Next:
    """What to do now: a mock interview that is on, a review that is due, your plan's next question, a weak spot."""
    log = entries()
    return sitting(root(), log, now()) or choose(replay(log), now().date())


def sitting(home: Path, log: list[dict], moment: datetime) -> Next | None:
    """The mock interview that is on, with the time that is left."""
    from utils.practice import mock
    from utils.practice.mock_report import clock

    found = mock.latest(home)
    if found is None or mock.ended(found, log, moment) is not None:
        return None
    index = min(mock.current(found, log), len(found.parts) - 1)
    title = f"Mock interview, part {index + 1} of {len(found.parts)}: {found.parts[index].title}"
    left = clock((found.deadline - moment).total_seconds())
    return Next(
        "mock", found.id, title, f"{left} left", "course mock; in a notebook mock(), where check(…) and hint(…) count"
    )


def choose(state: Replay, today: date) -> Next:
    """The same from a log that was replayed and a date."""
    return _review(state, today) or _planned(state, today) or _unseen(state) or _weakest(state) or _done()


def _review(state: Replay, today: date) -> Next | None:
    try:
        from utils.practice.due import due_cards, due_exercises

        found = due_exercises(state, today) or due_cards(state, today)
    except ModuleNotFoundError:  # no fsrs: a browser
        return None
    if not found:
        return None
    first = found[0]
    if first.kind == "exercise":
        stem = catalogue.stem_of(first.name)
        title = f"Write {first.name} again (question {stem[:2]})"
        return Next("exercise", first.name, title, f"due since {first.due}: {first.reason}", "course review")
    card = cards.find(first.name)
    title = f"Say aloud: {formulas.plain(card.front)} (question {card.number})"
    return Next("card", first.name, title, f"due since {first.due}: {first.reason}", "course review")


def _planned(state: Replay, today: date) -> Next | None:
    name = state.plan[0] if state.plan and state.plan[0] in plans.HEADINGS else COURSE_ORDER
    found = plans.next_in_plan(state, name, today)
    return _question(*found) if found else None


def _unseen(state: Replay) -> Next | None:
    """The next question outside the plan."""
    stem = next((stem for stem in catalogue.entries() if not plans.passed(state, stem)), None)
    return _question(stem, "not passed yet, in no plan that you follow") if stem else None


def _question(stem: str, why: str) -> Next:
    entry = catalogue.entries()[stem]
    title = f"Question {stem[:2]}: {entry['title']} ({entry['minutes']} min)"
    return Next("question", stem, title, why, f"open work/{stem}.ipynb")


def weakness(one: Standing | None) -> float:
    """How hard an exercise has been: wrong verdicts and hints, giving up and mistakes that came back count more."""
    if one is None:
        return 1.0
    back = sum(len(days) > 1 for days in one.mistake_days.values())
    return one.wrong + one.hints + 3 * bool(one.given_up) + 2 * back


def _weakest(state: Replay) -> Next | None:
    known = [name for name in catalogue.exercise_names() if name in state.exercises]
    name = max(known, key=lambda n: weakness(state.exercises[n]), default=None)
    if name is None or weakness(state.exercises[name]) == 0:
        return None
    one, stem = state.exercises[name], catalogue.stem_of(name)
    why = f"your hardest so far: {counted(one.wrong, 'wrong verdict')}, {counted(one.hints, 'hint')}"
    return Next("exercise", name, f"Write {name} again (question {stem[:2]})", why, f"course reset {stem[:2]}")


def _done() -> Next:
    return Next("nothing", "", "Nothing is due and everything is passed.", "well done", "course mock")
