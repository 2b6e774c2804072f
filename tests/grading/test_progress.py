"""The log of attempts is only ever appended to, survives whatever happens to it, and gives the state."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils.grading import catalogue
from utils.grading.progress import Progress

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function

FIRST, SECOND = "batchnorm_forward", "batchnorm2d_forward"


def test_the_course_lies_where_it_is_said_to_lie(env, monkeypatch):
    """COURSE_HOME decides, then the checkout that the package lies in."""
    assert env == progress.root()
    assert env / "progress.jsonl" == progress.log_path()

    monkeypatch.delenv("COURSE_HOME")

    assert (progress.root() / "pyproject.toml").exists()
    assert (progress.root() / "utils" / "grading" / "progress.py").exists()


def test_outside_a_checkout_it_is_a_folder_at_home(tmp_path, monkeypatch):
    """An installed course keeps its log in ~/vision-interviews; in a browser it lies where the notebook does."""
    monkeypatch.delenv("COURSE_HOME")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "__file__", str(tmp_path / "site" / "utils" / "grading" / "progress.py"))

    assert Path.home() / "vision-interviews" == progress.root()
    monkeypatch.setattr(progress.browser, "HERE", True)
    assert tmp_path == progress.root()


def test_without_a_log_nothing_was_attempted():
    """A fresh course has no history, and every exercise is not attempted."""
    assert [] == progress.history()
    assert set(catalogue.exercise_names()) == set(progress.states())
    assert {"not attempted"} == set(progress.states().values())


def test_attempts_are_noted_in_order():
    """Each attempt is an entry with its time, its status and the mistake if one was recognised."""
    progress.record(FIRST, "wrong", "unbiased variance (ddof=1)")
    progress.record(FIRST, "right")
    first, second = progress.history()

    assert (FIRST, "wrong", "unbiased variance (ddof=1)") == (first["exercise"], first["status"], first["mistake"])
    assert ({"time", "exercise", "status"}, "right") == (set(second), second["status"])
    assert first["time"] <= second["time"]


def test_the_log_is_one_json_object_a_line():
    """The log is plain text that any tool can read, letters beyond ASCII as they are."""
    progress.record(FIRST, "wrong", "E[x²] – not centred")
    text = progress.log_path().read_text(encoding="utf-8")

    assert "E[x²] – not centred" in text
    assert ["wrong"] == [json.loads(line)["status"] for line in text.split("\n") if line]


@pytest.mark.parametrize("status", ["right", "wrong", "error", "timeout", "memory"])
def test_every_verdict_but_a_blank_is_an_attempt(status):
    """Looking at a blank exercise is no attempt; any other verdict is."""
    progress.record(FIRST, "not attempted")
    progress.record(FIRST, status)

    assert [status] == [attempt["status"] for attempt in progress.history()]
    assert ("right" if status == "right" else "tried") == progress.states()[FIRST]


def test_right_stays_right():
    """What was right once stays right, whatever is tried later."""
    for status in ("wrong", "right", "error", "wrong"):
        progress.record(FIRST, status)

    assert "right" == progress.states()[FIRST]
    assert "not attempted" == progress.states()[SECOND]


def test_it_can_be_switched_off(monkeypatch):
    """Builds and tests leave no attempts."""
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    progress.record(FIRST, "right")

    assert not progress.log_path().exists()


def test_a_course_that_cannot_be_written_still_gives_verdicts(env, monkeypatch):
    """A missing folder, a folder in the log's place or a full disk costs the entry, not the verdict."""
    monkeypatch.setenv("COURSE_HOME", str(env / "missing"))
    assert not progress.record(FIRST, "right")
    monkeypatch.setenv("COURSE_HOME", str(env))
    (env / "progress.jsonl").mkdir()
    assert not progress.record(FIRST, "right")
    (env / "progress.jsonl").rmdir()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    assert not progress.record(FIRST, "right")

    assert b"" == progress.log_path().read_bytes()


@pytest.mark.parametrize(
    "junk",
    [
        b'\n{"time": "2026", "exercise": "batchnorm_for',
        b"\n\x00\x00\x00\x00",
        b"\n\xff\xfe\xfd",
        b"\n[1, 2]",
        b"\nnull",
        b'\n"right"',
        b'\n{"exercise": "batchnorm_forward"}',
        b'\n{"exercise": ["batchnorm_forward"], "status": "right"}',
        b'\n{"exercise": "batchnorm_forward", "status": null}',
        b"\n" + b"[" * 100_000,
        b"\n\n\n",
        b"\r\n",
    ],
    ids=range(12),
)
def test_a_torn_line_spoils_no_other(junk):
    """A line that a crash left half written, or that is anything else, is passed over; all others count."""
    progress.record(FIRST, "wrong")
    with progress.log_path().open("ab") as log:
        log.write(junk)
    progress.record(SECOND, "right")

    assert [FIRST, SECOND] == [attempt["exercise"] for attempt in progress.history()]
    assert ["tried", "right"] == [progress.states()[name] for name in (FIRST, SECOND)]


def test_line_separators_inside_a_text_are_no_line_breaks():
    """A mistake's name may hold characters that some take for the end of a line."""
    progress.record(FIRST, "wrong", "one\u2028two\x85three")

    assert ["one\u2028two\x85three"] == [attempt["mistake"] for attempt in progress.history()]


def test_two_torn_lines_do_not_make_a_whole_one():
    """Lines are parsed many at a time; halves that would fit together stay halves."""
    torn = ['{"exercise": "a", "status": "right", "more": [1', '2], "exercise": "b", "status": "right"}']
    progress.log_path().write_text("\n".join(["", *torn, '{"exercise": "c", "status": "right"}']))

    assert ["c"] == [attempt["exercise"] for attempt in progress.history()]


def test_what_is_no_attempt_is_noted_beside_them():
    """Openings, hints and giving up are entries with an event; attempts, states and counts do not see them."""
    assert progress.note("opened", exercise=FIRST)
    assert progress.note("hint", exercise=FIRST, step=1)
    assert progress.note("gave up", exercise=FIRST)
    assert progress.record(FIRST, "wrong", digest="0a1b")

    assert ["opened", "hint", "gave up", None] == [entry.get("event") for entry in progress.entries()]
    assert ["0a1b"] == [attempt["digest"] for attempt in progress.history()]
    assert "tried" == progress.states()[FIRST]


def test_opening_alone_is_no_attempt():
    """Who only looked has not tried."""
    progress.note("opened", exercise=FIRST)

    assert "not attempted" == progress.states()[FIRST]


def test_the_clock_can_be_stopped(monkeypatch):
    """COURSE_NOW is the time of whatever is noted."""
    monkeypatch.setenv("COURSE_NOW", "2027-01-02T03:04:05+00:00")
    progress.record(FIRST, "right")

    assert 1798859045 == progress.datetime.fromisoformat(progress.history()[0]["time"]).timestamp()


def test_a_kill_loses_no_attempt_that_was_acknowledged(env):
    """kill −9 at any moment: whatever `record` had returned for is in the log, and every whole line is readable."""
    code = (
        "import sys; from utils.grading.progress import record\nn = 0\nwhile True:\n"
        "    record(sys.argv[1], 'wrong', f'{n} ' + 'x' * 300)\n    print(n, flush=True)\n    n += 1"
    )
    for name in (FIRST, SECOND):
        with subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(50):
                writer.stdout.readline()
            writer.kill()
            acknowledged = 50 + len(writer.stdout.read().splitlines())
        noted = [int(a["mistake"].split()[0]) for a in progress.history() if a["exercise"] == name]

        assert list(range(len(noted))) == noted
        assert acknowledged <= len(noted) <= acknowledged + 1


def test_exercises_that_are_no_more_are_passed_over():
    """A log from before an exercise was renamed is still read."""
    progress.record("an_old_name", "right")

    assert "an_old_name" not in progress.states()
    assert 1 == len(progress.history())


def test_two_notebooks_may_check_at_once():
    """Entries written by two processes at the same time do not mix."""
    write = "import sys; from utils.grading.progress import record\nfor n in range(100): record(sys.argv[1], 'wrong', f'{n} ' + 'x' * 500)"
    writers = [subprocess.Popen([sys.executable, "-c", write, name]) for name in (FIRST, SECOND)]
    assert [0, 0] == [writer.wait() for writer in writers]
    mistakes = [(a["exercise"], int(a["mistake"].split()[0])) for a in progress.history()]

    assert [(FIRST, n) for n in range(100)] == [m for m in mistakes if m[0] == FIRST]
    assert [(SECOND, n) for n in range(100)] == [m for m in mistakes if m[0] == SECOND]


def test_progress_is_a_table_by_chapter():
    """Each question has a line with a sign for each exercise, under its chapter, and the counts stand below."""
    rows = ((1, "10", "Adam", ("right",)), (2, "15", "Batch norm", ("tried", "not attempted")))

    assert [
        "Chapter 1 · Optimisation",
        "  ●     10 Adam",
        "Chapter 2 · Batch normalisation",
        "  ◐○    15 Batch norm",
        "1 right, 1 tried, 1 to go",
    ] == repr(Progress(rows)).split("\n")


def test_progress_follows_the_attempts():
    """What `progress()` shows is what was tried, for all questions of the course."""
    progress.record(FIRST, "right")
    shown = progress.progress()
    states = {number: states for _, number, _, states in shown.rows}

    assert [stem[:2] for stem in catalogue.entries()] == list(states)
    assert ("right", "not attempted") == states["15"]
    assert shown.summary.startswith("1 right, 0 tried, ")
