"""Which attempt counts, how late it is, and how many points it brings."""

from datetime import UTC, datetime

import pytest

from utils.classroom import marks
from utils.classroom.results import Result
from utils.classroom.roster import Student

NOON_2 = datetime(2026, 11, 2, 12, tzinfo=UTC)
DEADLINE = {marks.ALL: NOON_2}


@pytest.fixture
def mark(row):
    """The mark of one student's rows for batchnorm_forward under a policy."""

    def make(*rows, **policy):
        name = "batchnorm_forward"
        results = [Result(**row("s1", name, **facts)) for facts in rows]
        return marks.marks_of(results, [name], marks.Policy(**policy))[name]

    return make


def test_best_takes_the_most_points_and_last_the_last(mark):
    """A right answer that a later one spoilt."""
    rows = ({"status": "wrong", "day": 1}, {"status": "right", "day": 2}, {"status": "wrong", "day": 3})

    assert 1.0 == mark(*rows).points
    assert 0.0 == mark(*rows, attempt="last").points
    assert 3 == mark(*rows).attempts


def test_an_exercise_that_the_last_file_lacks_keeps_its_points(row):
    """The last hand-in is the last of the exercise, not of the question."""
    results = [Result(**row("s1", day=1)), Result(**row("s1", "batchnorm2d_forward", day=2, file="s1/later.py"))]
    found = marks.marks_of(results, ["batchnorm_forward", "batchnorm2d_forward"], marks.Policy(attempt="last"))

    assert [1.0, 1.0] == [mark.points for mark in found.values()]


def test_of_equal_attempts_the_earliest_counts(mark):
    """Handing the same in again after the deadline costs nothing."""
    found = mark({"day": 2, "file": "a.py"}, {"day": 9, "file": "b.py"}, deadlines=DEADLINE)

    assert (1.0, 0) == (found.points, found.days)


def test_the_last_row_of_one_digest_counts(mark):
    """Graded again, after the course or the machine was mended."""
    rows = ({"status": "right", "digest": "d"}, {"status": "wrong", "digest": "d"})

    assert 0.0 == mark(*rows).points
    assert 1 == mark(*rows).attempts


@pytest.mark.parametrize(
    ("time", "days"),
    [("2026-11-02T12:00:00+00:00", 0), ("2026-11-02T13:00:00+01:00", 0), ("2026-11-02T12:00:01+00:00", 1),
     ("2026-11-03T12:00:00+00:00", 1), ("2026-11-03T12:00:01+00:00", 2)],
)  # fmt: skip
def test_a_day_begun_is_a_day_late(mark, time, days):
    """In whatever zone the times are written."""
    assert days == mark({"submitted": time}, deadlines=DEADLINE).days


def test_what_the_platform_calls_late_is_a_day_late_at_least(mark):
    """Canvas writes LATE into a file's name; the time in its zip may be another."""
    assert 1 == mark({"late": True, "submitted": ""}, deadlines=DEADLINE).days
    assert 3 == mark({"late": True, "day": 5}, deadlines=DEADLINE).days
    assert 0 == mark({"late": True}).days, "without a deadline nothing is late"


def test_free_days_first_then_the_penalty(mark):
    """Three days late: with two free ones, one is charged."""
    late = {"day": 5}

    assert pytest.approx(0.4) == mark(late, deadlines=DEADLINE, penalty=0.2).points
    assert pytest.approx(0.8) == mark(late, deadlines=DEADLINE, penalty=0.2, late_days=2).points
    assert 0.0 == mark(late, deadlines=DEADLINE, penalty=1).points, "points never fall below none"


def test_an_attempt_in_time_beats_a_better_one_that_the_penalty_eats(mark):
    """Best is judged after the penalty."""
    rows = ({"status": "wrong", "passed": 6, "day": 1}, {"status": "right", "day": 9})

    found = mark(*rows, deadlines=DEADLINE, penalty=0.1, partial=True)
    assert (0, pytest.approx(6 / 9)) == (found.days, found.points)


def test_free_days_are_spent_over_all_deadlines_the_earliest_first(row):
    """Two questions, each two days late, and three free days: the second is charged one."""
    first, second = "batchnorm_forward", "batchnorm_backward"
    results = [Result(**row("s1", first, day=4)), Result(**row("s1", second, day=9))]
    deadlines = {"15_batchnorm_forward": NOON_2, "16_batchnorm_backward": NOON_2.replace(day=7)}

    found = marks.marks_of(results, [second, first], marks.Policy(deadlines=deadlines, late_days=3, penalty=0.5))
    assert (2, 0, 1.0) == (found[first].days, found[first].charged, found[first].points)
    assert (2, 1, 0.5) == (found[second].days, found[second].charged, found[second].points)


def test_the_machines_fault_is_nobodys_mark(mark):
    """It counts only where there is nothing else, and then as no verdict."""
    assert 1.0 == mark({"day": 1}, {"status": "machine", "day": 2}, attempt="last").points
    assert not mark({"status": "machine"}).judged


def test_partial_credit_is_the_share_of_cases(mark):
    """Points times cases passed."""
    assert pytest.approx(2 * 3 / 9) == mark({"status": "wrong"}, partial=True, points={"batchnorm_forward": 2}).points


def test_everybody_of_the_roster_has_a_row_and_strangers_are_listed(row):
    """Also those who handed nothing in; a file without an exercise is told, not counted."""
    results = [Result(**row("s1")), Result(**row("ghost")), Result(**row("s1", None, "error", message="no Python"))]
    book = marks.gradebook(results, marks.Policy(), [Student("s1"), Student("s2")])

    assert [("s1", 1.0), ("s2", 0.0)] == [(student.id, marks.total(found)) for student, found in book.rows]
    assert ["ghost"] == book.unknown
    assert ["no Python"] == [result.message for result in book.unread]
    assert ["batchnorm_forward"] == book.exercises


def test_a_file_that_was_mended_is_no_longer_told(row):
    """Only what nobody can read to this day."""
    broken = Result(**row("s1", None, "error", digest="d1", message="no Python"))
    mended = Result(**row("s1", day=2, digest="d2"))

    assert [] == marks.gradebook([broken, mended], marks.Policy()).unread
    assert [broken] == marks.gradebook([mended, broken], marks.Policy()).unread


def test_exercises_stand_in_the_courses_order(row):
    """Whatever the order of the ledger; a question that is asked for has all its columns."""
    results = [Result(**row("s1", name)) for name in ("nms", "batchnorm2d_forward", "batchnorm_forward")]

    assert ["batchnorm_forward", "batchnorm2d_forward", "nms"] == marks.gradebook(results, marks.Policy()).exercises
    asked = marks.gradebook(results, marks.Policy(), stems=["35_iou_nms"]).exercises
    assert ["iou_matrix", "nms", "batched_nms", "soft_nms"] == asked


def test_late_days_are_told_where_nothing_is_left_to_charge(mark):
    """A right answer that the penalty eats, and a wrong one; a blank hands nothing in."""
    eaten = mark({"day": 12}, deadlines=DEADLINE)
    assert (0.0, 10, 10) == (eaten.points, eaten.days, eaten.charged)
    wrong = mark({"day": 5, "status": "wrong"}, deadlines=DEADLINE, late_days=2)
    assert (3, 3) == (wrong.days, wrong.charged)
    assert 0 == mark({"day": 5, "status": "not attempted"}, deadlines=DEADLINE).days


def test_a_wrong_answer_spends_no_free_day(row):
    """They are kept for an answer that has points."""
    first, second = "batchnorm_forward", "batchnorm_backward"
    results = [Result(**row("s1", first, "wrong", 4)), Result(**row("s1", second, day=9))]
    deadlines = {"15_batchnorm_forward": NOON_2, "16_batchnorm_backward": NOON_2.replace(day=7)}

    found = marks.marks_of(results, [first, second], marks.Policy(deadlines=deadlines, late_days=2))
    assert (2, 0, 1.0) == (found[second].days, found[second].charged, found[second].points)
    assert (4, 2, 2) == marks.late_days(found)
