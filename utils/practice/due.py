"""What is due today, and why: exercises that were once right or given up, and cards to answer aloud."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from utils.grading import catalogue
from utils.practice import cards, schedule
from utils.practice.replay import Replay, Review, day_of

NEW_CARDS = 6  # so many cards a day that were never rated; the others wait


class Due(NamedTuple):
    """One review to do."""

    kind: str  # "exercise" or "card"
    name: str
    due: date
    stability: float | None
    reason: str

    def to_json(self) -> dict:
        """The contract of `course review --json`."""
        return {self.kind: self.name, "due": self.due.isoformat(), "stability": self.stability, "reason": self.reason}


def due(state: Replay, today: date) -> list[Due]:
    """All reviews for today or earlier, the oldest first; exercises before cards."""
    return [*due_exercises(state, today), *due_cards(state, today)]


def due_cards(state: Replay, today: date) -> list[Due]:
    """The cards among them."""
    return _by_day([*_rated_cards(state, today), *_new_cards(state, today)])


def due_exercises(state: Replay, today: date) -> list[Due]:
    """The exercises among them."""
    return _by_day(one for one in scheduled(state) if one.due <= today)


def scheduled(state: Replay) -> Iterator[Due]:
    """Every exercise that was reviewed, with the day it comes back."""
    for name in catalogue.exercise_names():
        if name in state.exercises and state.exercises[name].reviews:
            yield _due("exercise", name, state.exercises[name].reviews)


def _due(kind: str, name: str, reviews: list[Review]) -> Due:
    memory = schedule.memory(reviews)
    return Due(kind, name, memory.due, memory.stability, f"{reviews[-1].why} on {reviews[-1].day}")


def _rated_cards(state: Replay, today: date) -> Iterator[Due]:
    """Those that the course still has; only for what is due its notebooks are read."""
    for key, reviews in state.cards.items():
        found = _due("card", key, reviews)
        if found.due <= today and cards.find(key):
            yield found


def _new_cards(state: Replay, today: date) -> list[Due]:
    """Of questions passed on an earlier day: first the 30 seconds, and once those were spoken the rest.

    The 30 seconds come first, and what has a place keeps it until it is answered: another card of the rest is counted
    behind the 30 seconds of its own day only, so that those of later days do not push it out. Cards that were first
    answered today hold their places for the day.
    """
    spoken = _by_day(_spoken(state, today))
    rest = _rest(state, today)
    days = [one.due for one in spoken]
    kept = [one for index, one in enumerate(rest) if bisect_right(days, one.due) + index < NEW_CARDS]
    return [one for one in (*spoken[:NEW_CARDS], *kept) if one.name not in state.cards]


def _spoken(state: Replay, today: date) -> Iterator[Due]:
    """The 30 seconds that were not answered before today."""
    for stem, entry in catalogue.entries().items():
        passed = [state.exercises[n].right for n in entry["exercises"] if n in state.exercises]
        first, key = min(filter(None, passed), default=""), cards.spoken_key(stem)
        day = day_of(first) + timedelta(days=1) if first else date.max
        if day <= today and _unanswered(state, key, today):
            yield _new(key, day)


def _rest(state: Replay, today: date) -> list[Due]:
    """The other cards that were not answered before today, by day; the notebooks of a few questions are read."""
    first = {stem: state.cards.get(cards.spoken_key(stem)) for stem in catalogue.entries()}
    days = sorted((day_of(seen[0].day) + timedelta(days=1), stem) for stem, seen in first.items() if seen)
    found: list[Due] = []
    for day, stems in groupby(days, key=itemgetter(0)):
        if day > today or len(found) >= NEW_CARDS:
            break
        found += _by_day(
            _new(card.key, day)
            for _, stem in stems
            for card in cards.of(stem)
            if card.kind not in (cards.SECONDS, cards.RED_FLAGS) and _unanswered(state, card.key, today)
        )
    return found


def _unanswered(state: Replay, key: str, today: date) -> bool:
    """Was a card not answered before today?"""
    return key not in state.cards or state.cards[key][0].day >= today.isoformat()


def _by_day(found: Iterable[Due]) -> list[Due]:
    return sorted(found, key=lambda one: (one.due, one.name))


def _new(key: str, day: date) -> Due:
    return Due("card", key, day, None, "never answered aloud so far")
