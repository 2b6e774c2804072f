"""When something is due again, by FSRS: no fuzz, no steps within a day, so that the same log gives the same dates."""

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from utils.practice.replay import Review

LONGEST = 365  # days: in a year everything comes back once


class Memory(NamedTuple):
    """What FSRS knows about one exercise or card."""

    due: date
    stability: float  # days until recall falls to 90 %


def memory(reviews: Sequence[Review]) -> Memory:
    """Replay at least one review. All happen at noon: only the days between them count."""
    scheduler, card_type, ratings = _fsrs()
    card = card_type(card_id=0, due=_noon(reviews[0].day))
    for review in reviews:
        card, _ = scheduler.review_card(card, ratings[review.rating], _noon(review.day))
    return Memory(card.due.date(), round(card.stability, 2))


@functools.cache
def _fsrs() -> tuple:
    from fsrs import Card, Rating, Scheduler

    class OwnCard(Card):
        """A card that nobody else holds, so that a review need not copy it: a third of the time of a replay."""

        def __copy__(self) -> Card:
            return self

    scheduler = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False, maximum_interval=LONGEST)
    return scheduler, OwnCard, {rating.value: rating for rating in Rating}


def parameters() -> list[float]:
    """FSRS' own, for whoever has to compute the same elsewhere."""
    return list(_fsrs()[0].parameters)


@functools.cache
def _noon(day: str) -> datetime:
    return datetime(int(day[:4]), int(day[5:7]), int(day[8:10]), 12, tzinfo=UTC)
