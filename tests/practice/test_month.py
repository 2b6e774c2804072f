"""A month of practice with the clock in our hands: nothing due is lost, nothing comes back the same day, no attempt is lost."""

import importlib
import json
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.practice import review
from utils.practice.due import due, due_exercises, scheduled
from utils.practice.replay import replay

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
ROOT = Path(__file__).parents[2]
NAMES = ["adam_step", "batchnorm_forward", "batchnorm2d_forward", "conv2d", "nms"]
START = datetime(2026, 12, 1, 9, tzinfo=UTC)

# What may happen with an exercise: entries, and whether it comes to an end by them where its blank was open.
WAYS = {
    "right": ["opened", "right"],
    "right, never opened": ["right"],
    "after hints": ["opened", "hint", "hint", "right"],
    "after wrong verdicts": ["opened", "wrong", "wrong", "right"],
    "given up": ["opened", "wrong", "gave up"],
    "left": ["opened", "wrong"],
    "looked at": ["opened"],
    "run again": ["again"],
    "right twice": ["opened", "right", "opened", "right"],
    "given up, then right": ["opened", "gave up", "opened", "right"],
}
ENDS = {name for name, happened in WAYS.items() if {"right", "gave up"} & set(happened)}
DAY = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(WAYS))), max_size=4)


class Learner:
    """Somebody who practises; the time passes with everything that is done."""

    def __init__(self, patch):
        self.patch, self.moment, self.answers = patch, START, 0
        self.patch.setenv("COURSE_NOW", self.moment.isoformat())

    def wake(self, day):
        self.moment = max(self.moment, START + timedelta(days=day))
        self.patch.setenv("COURSE_NOW", self.moment.isoformat())

    def does(self, name, way):
        for what in WAYS[way]:
            self.moment += timedelta(minutes=3)
            self.patch.setenv("COURSE_NOW", self.moment.isoformat())
            if what in ("right", "again"):
                self.answers += what == "right"
                assert progress.record(name, "right", digest=f"{name}{self.answers}")
            elif what == "wrong":
                assert progress.record(name, "wrong", "a mistake")
            else:
                assert progress.note(what, exercise=name)


def exercises(today):
    return {one.name: one.due for one in due_exercises(replay(progress.entries()), today)}


@settings(max_examples=25, deadline=None)
@given(st.lists(DAY, min_size=5, max_size=30))
def test_nothing_due_is_lost_and_nothing_comes_back_the_same_day(tmp_path_factory, days):
    """Whatever is done on which day, and however many days are missed."""
    ended, waiting = set(), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
        learner = Learner(patch)
        for number, todo in enumerate(days):
            learner.wake(number)
            today = learner.moment.date()
            assert waiting.items() <= exercises(today).items(), (
                "what was due and not done is due still, since the same day"
            )
            ended_today = set()
            for name, way in todo:
                learner.does(name, way)
                ended_today |= {name} if way in ENDS and (way != "right, never opened" or name not in ended) else set()
                ended |= {name} if way in ENDS else set()
                assert not ended_today & exercises(today).keys(), "nothing comes back the same day"
            waiting = exercises(today)
        state = replay(progress.entries())
        assert ended <= {one.name for one in scheduled(state)}, "what was once right or given up comes back some day"
        assert all(one.due.year < 2029 for one in scheduled(state))
        for one in state.exercises.values():
            reviewed = [review.day for review in one.reviews]
            assert sorted(set(reviewed)) == reviewed, "at most one review a day"


@settings(max_examples=15, deadline=None)
@given(st.lists(DAY, min_size=3, max_size=10), st.randoms(use_true_random=False))
def test_two_machines_tell_one_story(tmp_path_factory, days, rng):
    """A month split over two logs and merged in any order gives the dates of one log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
        learner = Learner(patch)
        for number, todo in enumerate(days):
            learner.wake(number)
            for name, way in todo:
                learner.does(name, way)
        log = progress.entries()
    mixed = sorted(log, key=lambda entry: rng.random())

    assert list(scheduled(replay(log))) == list(scheduled(replay(mixed)))
    assert replay(log).days == replay(mixed).days


# ---- killed -------------------------------------------------------------------------------------------------------

WRITER = """
import sys
from utils.grading.progress import record
for number in range(1_000_000):
    assert record("adam_step", "wrong", f"{sys.argv[1]}-{number}")
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_loses_no_attempt(env):
    """Three kernels note attempts at once and are killed in the middle of it: every attempt that was noted is in the log."""
    command = [sys.executable, "-c", WRITER]
    kernels = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True, cwd=ROOT) for n in range(3)]
    rng, noted = random.Random(0), {}
    for number, kernel in enumerate(kernels):
        for _ in range(rng.randint(20, 200)):
            kernel.stdout.readline()
        kernel.send_signal(signal.SIGKILL)
        rest = [line for line in kernel.communicate()[0].split("\n") if line.isdecimal()]
        noted[number] = int(rest[-1]) if rest else 20
    found = {attempt["mistake"] for attempt in progress.history()}

    assert {f"{number}-{n}" for number, last in noted.items() for n in range(last + 1)} <= found
    assert progress.record("adam_step", "right"), "and the next one is noted"
    assert "right" == progress.history()[-1]["status"]


@pytest.mark.parametrize("torn", ['{"time": "2026-12-01T09:00', '{"a": [1, 2', "\x00\x00\x00", '{"time": 1}', "]", '"'])
def test_a_torn_line_costs_no_other(env, torn):
    """Whatever a crash left at the end of the log, what comes after it is read."""
    with (env / "progress.jsonl").open("a", encoding="utf-8") as log:
        for number in range(5):
            assert progress.record("adam_step", "wrong", f"before {number}")
            log.write("\n" + torn)
            log.flush()
    progress.record("adam_step", "right")

    assert [f"before {n}" for n in range(5)] == [a.get("mistake") for a in progress.history()][:5]
    assert "right" == progress.history()[-1]["status"]


def course(home, moment, *words, answers=""):
    """Run the command at a moment."""
    environment = os.environ | {"COURSE_HOME": str(home), "COURSE_NOW": moment}
    command = [sys.executable, "-m", "utils.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, input=answers)


def test_a_review_past_midnight_is_graded(tmp_path, monkeypatch):
    """The blank of the evening counts on the morning after; an answer from an earlier review does not."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_NOW", START.isoformat())
    progress.record("adam_step", "right", digest="first")
    course(tmp_path, "2026-12-05T23:50:00+00:00", "review", "--no-cards")
    blank = tmp_path / "work" / "review" / "2026-12-05" / "10_adam.ipynb"
    blank.write_bytes((ROOT / "solutions" / "10_adam.ipynb").read_bytes())
    graded = course(tmp_path, "2026-12-06T00:10:00+00:00", "review", "--grade")
    later = course(tmp_path, "2027-02-01T09:00:00+00:00", "review", "--grade")

    assert "right" in graded.stdout
    assert ["2026-12-01", "2026-12-06"] == [r.day for r in replay(progress.entries()).exercises["adam_step"].reviews]
    assert "There is nothing to grade" in later.stdout


def test_an_opening_is_noted_before_its_blank(env, monkeypatch):
    """Killed between the two, a blank would be there whose right answer, the same as before, counts for nothing."""
    monkeypatch.setenv("COURSE_NOW", START.isoformat())
    progress.record("adam_step", "right")
    day = START.date() + timedelta(days=9)
    todo = [one for one in due(replay(progress.entries()), day) if one.kind == "exercise"]
    monkeypatch.setattr(review, "write_blank", lambda *_: (_ for _ in ()).throw(OSError("killed")))

    with pytest.raises(OSError, match="killed"):
        review.blanks(env, todo, day)
    assert "opened" == json.loads((env / "progress.jsonl").read_text().split("\n")[-1])["event"]
