"""What is due today, and why: exercises that were once right or given up, and cards to answer aloud."""

from collections.abc import Iterator
from datetime import date, timedelta
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
    known = [*_rated_cards(state, today), *_new_cards(state, today)]
    return sorted((d for d in known if d.due <= today), key=lambda d: (d.due, d.name))


def due_exercises(state: Replay, today: date) -> list[Due]:
    """The exercises among them."""
    return sorted((d for d in scheduled(state) if d.due <= today), key=lambda d: (d.due, d.name))


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
    """Of questions passed on an earlier day: first the 30 seconds, and once those were spoken the rest."""
    left = NEW_CARDS - sum(reviews[0].day == today.isoformat() for reviews in state.cards.values())
    new: list[Due] = []
    for stem, entry in catalogue.entries().items():
        passed = [state.exercises[n].right for n in entry["exercises"] if n in state.exercises]
        first = min(filter(None, passed), default="")
        if first and len(new) < left:
            new += _cards_of(state, stem, day_of(first) + timedelta(days=1), today)
    return sorted(new, key=lambda d: (d.due, d.name))[: max(left, 0)]


def _cards_of(state: Replay, stem: str, day: date, today: date) -> list[Due]:
    key = cards.spoken_key(stem)
    if key not in state.cards:
        return [_new(key, day)] if day <= today else []
    day = day_of(state.cards[key][0].day) + timedelta(days=1)
    rest = [card.key for card in cards.of(stem) if card.kind != cards.RED_FLAGS and card.key not in state.cards]
    return [_new(card, day) for card in rest] if day <= today else []


def _new(key: str, day: date) -> Due:
    return Due("card", key, day, None, "never answered aloud so far")
