"""The log replayed: ratings follow from what happened, dates from FSRS, and nothing comes back the same day."""

import importlib
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from utils.grading import catalogue
from utils.practice import cards, schedule
from utils.practice.due import NEW_CARDS, due, due_exercises
from utils.practice.replay import AGAIN, EASY, GOOD, HARD, Review, replay

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
NAME = "batchnorm_forward"
OPENED, RIGHT, WRONG = {"event": "opened"}, {"status": "right"}, {"status": "wrong", "mistake": "ddof=1"}
HINT, GAVE_UP = {"event": "hint", "step": 1}, {"event": "gave up"}


def log(*days):
    """Entries of one exercise: the n-th list happens on 1 + n December at 9, a minute apart."""
    return [
        {"time": f"2026-12-{day:02d}T09:{minute:02d}:00+01:00", "exercise": NAME} | entry
        for day, entries in days
        for minute, entry in enumerate(entries)
    ]


def ratings(*days):
    return [review.rating for review in replay(log(*days)).exercises[NAME].reviews]


@pytest.mark.parametrize(
    ("happened", "rating"),
    [([OPENED, RIGHT], GOOD), ([RIGHT], GOOD), ([OPENED, HINT, RIGHT], HARD), ([OPENED, WRONG, RIGHT], HARD),
     ([WRONG, HINT, GAVE_UP], AGAIN), ([GAVE_UP, OPENED, RIGHT], AGAIN)],
)  # fmt: skip
def test_a_rating_follows_from_what_happened(happened, rating):
    """Right at once, with hints, after wrong verdicts, given up; the day's first outcome counts."""
    assert [rating] == ratings((1, happened))


def test_a_review_that_is_right_within_two_minutes_is_easy():
    """Only a review can be easy: the first time shows no memory."""
    assert [GOOD, EASY] == ratings((1, [OPENED, RIGHT]), (9, [OPENED, RIGHT]))
    assert [GOOD, GOOD] == ratings((1, [OPENED, RIGHT]), (9, [OPENED, OPENED, OPENED, RIGHT]))


def test_an_answer_that_is_run_again_is_no_review():
    """ "Run all" on a later day shows a file, not a memory; another answer, a fresh blank or a wrong verdict does."""
    first, again, other = RIGHT | {"digest": "a"}, RIGHT | {"digest": "a"}, RIGHT | {"digest": "b"}

    assert 1 == len(ratings((1, [first]), (5, [again])))
    assert 1 == len(ratings((1, [RIGHT]), (5, [RIGHT])))
    assert 1 == len(ratings((1, [RIGHT]), (5, [first]))), (
        "an older version noted no digest: nothing says that it is another"
    )
    assert 2 == len(ratings((1, [first]), (5, [other])))
    assert 2 == len(ratings((1, [first]), (5, [OPENED, again])))
    assert [GOOD, HARD] == ratings((1, [first]), (5, [WRONG, again]))


def test_what_is_wrong_today_counts_when_it_is_right_tomorrow():
    """An exercise that is left open stays due, and its wrong verdicts are not forgotten."""
    days = (1, [RIGHT]), (9, [OPENED, WRONG]), (10, [RIGHT])

    assert [NAME] == [one.name for one in due(replay(log(*days[:2])), date(2026, 12, 9)) if one.kind == "exercise"]
    assert [GOOD, HARD] == ratings(*days)


def test_times_and_counts_are_derived():
    """Seconds from opening to right, hints, wrong verdicts, and the days on which a mistake was made."""
    one = replay(log((1, [OPENED, WRONG, HINT, RIGHT]), (3, [WRONG]))).exercises[NAME]

    assert (180, 2, 1) == (one.seconds, one.wrong, one.hints)
    assert {"2026-12-01", "2026-12-03"} == one.mistake_days["ddof=1"]


@pytest.mark.parametrize("zones", [("+01:00", "+01:00"), ("+09:00", "-05:00")])
def test_entries_are_replayed_in_the_order_of_time(zones):
    """Logs merged from two machines, in whatever zone, give the story as it happened; entries without a time are out."""
    wrong = {"time": f"2026-12-01T09:00:00{zones[0]}", "exercise": NAME, "status": "wrong"}
    right = {"time": f"2026-12-01T10:00:00{zones[1]}", "exercise": NAME, "status": "right"}
    strange = [{"exercise": NAME, "status": "right"}, {"time": 3, "exercise": NAME, "status": "right"}]

    assert [HARD] == [review.rating for review in replay([*strange, right, wrong]).exercises[NAME].reviews]


def test_an_old_log_is_readable():
    """Before openings and digests were noted there were attempts only."""
    old = [{"time": "2026-09-01T10:00:00+02:00", "exercise": NAME, "status": s} for s in ("wrong", "error", "right")]
    state = replay([*old, {"time": "2026", "exercise": NAME, "status": "right"}])

    assert [HARD] == [review.rating for review in state.exercises[NAME].reviews]
    assert [NAME] == [one.name for one in due_exercises(state, date(2026, 12, 1))]


@pytest.mark.parametrize(
    "key", ["exercise", "status", "event", "card", "rating", "digest", "mistake", "time", "days", "question"]
)
@pytest.mark.parametrize("junk", [[1], {"a": 1}, None, 3, "nonsense"])
def test_junk_in_the_log_is_passed_over(key, junk):
    """A value of another kind, from a hand or a later version, topples nothing."""
    kinds = [{"exercise": NAME, "status": "right", "digest": "a", "mistake": "b"}, {"event": "plan", "days": 3},
             {"event": "rated", "card": f"{NAME}/30-seconds", "rating": "good"}, {"event": "opened", "question": "15_x"},
             {"event": "opened", "exercise": NAME}]  # fmt: skip
    rows = [{"time": "2026-12-01T09:00:00+00:00"} | kind | {key: junk} for kind in kinds]

    due(replay(rows), date(2026, 12, 5))


def test_dates_are_fsrs_own():
    """The stability after one good answer is FSRS' default, and a lapse comes back the next day."""
    from fsrs.scheduler import DEFAULT_PARAMETERS

    good, again = (schedule.memory(replay(log((1, [e]))).exercises[NAME].reviews) for e in (RIGHT, GAVE_UP))

    assert round(DEFAULT_PARAMETERS[GOOD - 1], 2) == good.stability
    assert (date(2026, 12, 3), date(2026, 12, 2)) == (good.due, again.due)


def test_a_replay_is_fsrs_own_to_the_digit():
    """Reviewing a card in place gives what FSRS gives with copies, over any history."""
    from fsrs import Card, Rating, Scheduler

    plain, rng = (
        Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False, maximum_interval=365),
        random.Random(1),
    )
    for _ in range(20):
        card, day, reviews = Card(card_id=0), date(2026, 1, 1), []
        for _ in range(rng.randint(1, 12)):
            day += timedelta(days=rng.randint(1, 40))
            reviews.append(Review(day.isoformat(), rng.randint(1, 4), ""))
            card, _ = plain.review_card(
                card, Rating(reviews[-1].rating), datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            )
        assert (card.due.date(), round(card.stability, 2)) == schedule.memory(reviews)


def test_json_is_the_contract():
    """A list of exercise or card, due, stability and reason."""
    (exercise, card, *_) = [one.to_json() for one in due(replay(log((1, [RIGHT]))), date(2026, 12, 24))]

    assert {
        "exercise": NAME,
        "due": "2026-12-03",
        "stability": 2.31,
        "reason": "right at once on 2026-12-01",
    } == exercise
    assert {"card": f"{NAME}/30-seconds", "due": "2026-12-02", "stability": None} == {
        key: value for key, value in card.items() if key != "reason"
    }


def test_cards_come_after_the_30_seconds_and_a_few_a_day():
    """The day after a question is passed its 30 seconds, then its follow-ups and folklore, a handful of new ones a day."""
    state = replay([*log((1, [RIGHT])), rated(f"{NAME}/30-seconds", 2)])
    names = [one.name for one in due(state, date(2026, 12, 3)) if one.kind == "card"]

    assert [] == [one for one in due(state, date(2026, 12, 2)) if one.kind == "card"]
    assert NEW_CARDS == len(names) == len(set(names))
    assert all(cards.find(name).stem.endswith(NAME) for name in names)
    done = replay([*log((1, [RIGHT])), rated(f"{NAME}/30-seconds", 2), *(rated(name, 3) for name in names)])
    assert [] == [one for one in due(done, date(2026, 12, 3)) if one.kind == "card"]


def passed(day, *stems):
    """Every exercise of some questions right on a day of December."""
    names = [name for stem in stems for name in catalogue.entries()[stem]["exercises"]]
    return [{"time": f"2026-12-{day:02d}T09:00:00+01:00", "exercise": name} | RIGHT for name in names]


def card_names(entries, day):
    return [one.name for one in due(replay(entries), date(2026, 12, day)) if one.kind == "card"]


def test_30_seconds_that_were_passed_over_are_asked_on_every_later_day():
    """Six follow-ups of a question that comes earlier in the course do not take their place."""
    first, *_, second = list(catalogue.entries())[:5]
    log = [*passed(1, first, second), rated(cards.spoken_key(first), 2)]

    for day in (3, 4, 5, 20):
        new = [name for name in card_names(log, day) if name != cards.spoken_key(first)]
        assert cards.spoken_key(second) == new[0]
        assert NEW_CARDS == len(new)


@pytest.mark.parametrize("seed", range(6))
def test_a_new_card_stays_due_until_it_is_answered(seed):
    """However many are answered a day and in which order, and at most six are new; the 30 seconds always have a place."""
    rng, stems = random.Random(seed), list(catalogue.entries())
    rng.shuffle(stems)
    entries, waiting = [], set()
    for day in range(1, 26):
        offered = set(card_names(entries, day))
        unseen = {name for name in offered if all(entry.get("card") != name for entry in entries)}
        assert waiting <= offered
        assert len(unseen - waiting) <= NEW_CARDS
        spoken = {entry["card"].split("/")[0] for entry in entries if entry.get("card", "").endswith(cards.SECONDS)}
        asked = {catalogue.slug(stem) for stem in stems[: 2 * (day - 1)]} - spoken
        has = {name.split("/")[0] for name in unseen if name.endswith(cards.SECONDS)}
        assert has <= asked
        assert len(has) == min(len(asked), NEW_CARDS)
        for name in rng.sample(sorted(offered), rng.randint(0, min(len(offered), 4))):
            entries.append(rated(name, day))
            offered.remove(name)
            assert offered <= set(card_names(entries, day)), "an answer takes no other card away"
        waiting = {name for name in unseen if name in offered}
        entries += passed(day, *stems[2 * (day - 1) : 2 * day])


def rated(key, day, rating="good"):
    return {"time": f"2026-12-{day:02d}T10:00:00+01:00", "event": "rated", "card": key, "rating": rating}


def test_every_question_has_its_cards():
    """30 seconds, follow-ups and red flags everywhere; keys are unique, and the same in the blank and in the solved book."""
    keys = []
    for stem in catalogue.entries():
        kinds = {card.kind for card in cards.of(stem)}
        keys += [card.key for card in cards.of(stem)]
        assert {cards.SECONDS, cards.FOLLOW_UP, cards.RED_FLAGS} <= kinds, stem
        assert [card.key for card in cards.of(stem)] == [card.key for card in cards.of(stem, solved=True)], stem
        assert all(card.front and card.back for card in cards.of(stem, solved=True)), stem
        assert cards.listens_for(stem), stem
    assert len(set(keys)) == len(keys)


def test_a_month_of_practice(monkeypatch):
    """Thirty simulated days: nothing due is lost, nothing comes back the same day, and days may be missed."""
    rng, fresh, waiting = random.Random(0), iter(catalogue.exercise_names()), set()
    for day in range(30):
        today = datetime(2026, 12, 1).astimezone() + timedelta(days=day, hours=9)
        clock = Clock(today, monkeypatch)
        found = {one.name for one in due(replay(progress.entries()), today.date())}
        assert waiting <= found, "what was due and not done is due still"
        if rng.random() < 0.2:
            waiting = {name for name in found if name in catalogue.exercise_names()}
            continue
        todo = [name for name in sorted(found) if rng.random() < 0.8] + [next(fresh), next(fresh)]
        done = {name for name in todo if practise(name, rng, clock)}
        left = due(replay(progress.entries()), today.date())
        assert not done & {one.name for one in left}, "nothing comes back the same day"
        waiting = {one.name for one in left if one.kind == "exercise"}
    state = replay(progress.entries())
    far = {one.name for one in due_exercises(state, date(2030, 1, 1))}
    assert {name for name, one in state.exercises.items() if one.right or one.given_up} == far, "nothing is ever lost"
    for one in [*state.exercises.values()]:
        days = [review.day for review in one.reviews]
        assert sorted(set(days)) == days


class Clock:
    """Minutes that pass in a simulated day."""

    def __init__(self, start, monkeypatch):
        self.time, self.monkeypatch = start, monkeypatch

    def tick(self):
        self.time += timedelta(minutes=1)
        self.monkeypatch.setenv("COURSE_NOW", self.time.isoformat())


def practise(name, rng, clock):
    """One exercise or card as a learner goes through it; True when it came to an end."""
    clock.tick()
    if name not in catalogue.exercise_names():
        return progress.note("rated", card=name, rating=rng.choice(["again", "hard", "good", "easy"]))
    progress.note("opened", exercise=name)
    for _ in range(rng.choice([0, 0, 1, 4])):
        clock.tick()
        progress.record(name, "wrong", "a mistake")
    if rng.random() < 0.3:
        progress.note("hint", exercise=name, step=1)
    clock.tick()
    end = rng.choice(["right", "right", "right", "gave up", "left"])
    if end == "left":
        return False
    for _ in range(rng.choice([1, 2])):  # once more, as "Run all" does
        if end == "right":
            progress.record(name, "right", digest=f"{rng.getrandbits(32):08x}")
        else:
            progress.note("gave up", exercise=name)
    return True
