"""What next, the plans, and reviews as a learner goes through them on the command line."""

import errno
import importlib
import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

import utils
from utils.cli import main
from utils.grading import catalogue
from utils.practice import plans, review, schedule
from utils.practice.due import due
from utils.practice.replay import replay
from utils.practice.upnext import choose

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
ROOT = Path(__file__).parents[2]
STEM, NAME, OTHER = "15_batchnorm_forward", "batchnorm_forward", "batchnorm2d_forward"


def course(home, *words, day="2026-12-01", answers=None):
    """Run the command at nine in the morning of a day."""
    env = os.environ | {"COURSE_HOME": str(home), "COURSE_NOW": f"{day}T09:00:00+00:00"}
    command = [sys.executable, "-m", "utils.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, input=answers or "")


def at(monkeypatch, time):
    monkeypatch.setenv("COURSE_NOW", f"{time}+00:00")


# ---- plans --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "days", "questions"), [("1", 1, 8), ("3", 3, 21), ("7", 7, 34), ("detection", 2, 10), ("modern", 3, 13)]
)
def test_the_plans_are_those_of_the_study_page(name, days, questions):
    """Each plan has the page's questions, all of them in the course, each once."""
    stems = [stem for part in plans.plan(name) for stem, _ in part.questions]

    assert questions == len(stems) == len(set(stems))
    assert set(stems) <= set(catalogue.entries())
    assert days == len({part.day for part in plans.plan(name)})


def test_every_plan_of_the_study_page_can_be_followed():
    """None of the page's plans is without a name on the command line."""
    page = (ROOT / "book" / "study.md").read_text(encoding="utf-8")

    assert list(plans.read(page)) == list(plans.HEADINGS.values())


def test_a_plan_as_a_calendar():
    """A whole-day event for each part, on consecutive days, and the same bytes each time."""
    from icalendar import Calendar

    text = plans.as_calendar("7", date(2026, 12, 30))
    events = Calendar.from_ical(text).walk("VEVENT")

    assert plans.as_calendar("7", date(2026, 12, 30)) == text
    assert [date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1)] == [e["DTSTART"].dt for e in events][:3]
    assert 7 == len({str(event["UID"]) for event in events})


def test_the_command_follows_a_plan(tmp_path):
    """`course plan 3` prints it, notes the choice, and `course plan` shows it again with what is passed."""
    done = course(tmp_path, "plan", "3", "--ics", tmp_path / "plan.ics")
    again = course(tmp_path, "plan", day="2026-12-02")

    assert (0, 0) == (done.returncode, again.returncode)
    assert "Day 1 · optimisation" in again.stdout
    assert (tmp_path / "plan.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")
    assert "plan of three days" in course(tmp_path, "next", day="2026-12-03").stdout
    assert 2 == course(tmp_path / "nowhere", "plan").returncode


def test_a_plan_beside_the_general_ones(tmp_path):
    """`course plan detection` is followed and written like the others; an unknown plan and a bad place are told."""
    done = course(tmp_path, "plan", "detection", "--ics", tmp_path / "plan.ics")
    later = course(tmp_path, "next", day="2026-12-02")
    nowhere = course(tmp_path, "plan", "--ics", tmp_path / "no" / "plan.ics")

    assert 0 == done.returncode
    assert 2 == (tmp_path / "plan.ics").read_text(encoding="utf-8").count("BEGIN:VEVENT")
    assert "next in the plan for an interview on detection: Day 1 · boxes" in later.stdout
    assert (2, 2) == (nowhere.returncode, course(tmp_path, "plan", "5").returncode)
    assert "Traceback" not in nowhere.stderr
    assert "could not be written" in nowhere.stderr


# ---- next ---------------------------------------------------------------------------------------------------------


def test_next_is_the_plan_then_what_is_due(monkeypatch):
    """Without a history the plan's first question; what is due goes before the plan."""
    today = date(2026, 12, 24)
    assert "01_gradient_descent" == choose(replay([]), today).name

    at(monkeypatch, "2026-12-01T09:00:00")
    progress.note("plan", days=1)
    assert STEM == choose(replay(progress.entries()), date(2026, 12, 1)).name
    progress.record(NAME, "right")
    found = choose(replay(progress.entries()), today)

    assert ("exercise", NAME) == (found.what, found.name)
    assert "due since 2026-12-03: right at once" in found.why


def test_the_door_has_next_up(monkeypatch):
    """`from utils import next_up` tells in a notebook what `course next` tells in a terminal."""
    at(monkeypatch, "2026-12-01T09:00:00")

    assert "Question 01" in repr(utils.next_up())


def test_next_up_needs_no_fsrs(monkeypatch):
    """In a browser there is no fsrs: the plan and the weak spots are told all the same."""
    progress.record(NAME, "right")
    monkeypatch.setenv("COURSE_NOW", "2100-01-01T09:00:00+00:00")
    monkeypatch.setitem(sys.modules, "fsrs", None)
    schedule._fsrs.cache_clear()

    assert "question" == utils.next_up().what


def test_weak_spots_come_when_all_is_passed(monkeypatch):
    """With everything passed and nothing due, the exercise that took most."""
    at(monkeypatch, "2026-12-01T09:00:00")
    for name in catalogue.exercise_names():
        for status in ["wrong"] * (4 if name == OTHER else 0) + ["right"]:
            progress.record(name, status)
    found = choose(replay(progress.entries()), date(2026, 12, 1))

    assert (OTHER, "your hardest so far: 4 wrong verdicts, 0 hints") == (found.name, found.why)


def test_nothing_heavy_for_what_next():
    """`course next` and `course review` load neither torch nor Jupyter, nor even NumPy: its import is a quarter of the wait."""
    probe = "import sys; from utils.cli import main; sys.argv[1:] = WORDS; main(standalone_mode=False); from utils.practice import schedule; schedule._fsrs(); print(*sys.modules)"
    loaded = []
    for words in (["next"], ["review", "--json"]):
        command = [sys.executable, "-c", probe.replace("WORDS", str(words))]
        loaded += subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()

    assert "fsrs" in loaded
    assert set() == {"numpy", "torch", "matplotlib", "nbformat", "genanki", "icalendar", "watchfiles"} & set(loaded)


# ---- review -------------------------------------------------------------------------------------------------------


@pytest.fixture
def passed(tmp_path, monkeypatch):
    """A course where one exercise was right on 1 December, with the answer in work/."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / f"{STEM}.ipynb").write_text("the earlier answer")
    at(monkeypatch, "2026-12-01T09:00:00")
    progress.record(NAME, "right")
    return tmp_path


def test_a_review_from_blank_to_verdict(passed):
    """A fresh blank, wrong, then right: rated hard, due on another day, and the earlier answer as it was."""
    told = course(passed, "review", day="2026-12-05")
    blank = passed / "work" / "review" / "2026-12-05" / f"{STEM}.ipynb"
    first = course(passed, "review", "--grade", day="2026-12-05")
    solved = (ROOT / "solutions" / f"{STEM}.ipynb").read_text(encoding="utf-8")
    blank.write_text(solved.replace("(xmu**2).mean(axis=0)", "(xmu**2).sum(axis=0) / (len(x) - 1)"), encoding="utf-8")
    wrong = course(passed, "review", "--grade", day="2026-12-05")
    blank.write_text(solved, encoding="utf-8")
    right = course(passed, "review", "--grade", day="2026-12-05")

    assert NAME in told.stdout
    assert "not attempted" in first.stdout
    assert "unbiased variance" in wrong.stdout
    assert OTHER not in right.stdout, "only what is due is graded"
    assert "right" in right.stdout
    assert "There is nothing to grade" in course(passed, "review", "--grade", day="2026-12-05").stdout
    assert ["right at once", "right after 1 wrong verdict"] == [
        r.why for r in replay(progress.entries()).exercises[NAME].reviews
    ]
    assert "the earlier answer" == (passed / "work" / f"{STEM}.ipynb").read_text()


def test_a_blank_is_written_once_a_day(passed):
    """A second `course review` leaves what was begun; another day has a blank of its own."""
    found = [one for one in due(replay(progress.entries()), date(2026, 12, 5)) if one.kind == "exercise"]
    (path,) = review.blanks(passed, found, date(2026, 12, 5))
    path.write_text("begun")
    (again,) = review.blanks(passed, found, date(2026, 12, 5))
    (later,) = review.blanks(passed, found, date(2026, 12, 6))

    assert (path, "begun") == (again, again.read_text())
    text = "".join("".join(cell["source"]) for cell in json.loads(later.read_text(encoding="utf-8"))["cells"])
    nbformat.validate(nbformat.read(later, as_version=4))
    assert "raise NotImplementedError()" in text
    assert "check(batchnorm_forward)" in text
    assert "Answer in 30 seconds" not in text


def test_an_answer_that_was_not_graded_is_graded_on_a_later_day(passed):
    """`course review` names it and makes no blank beside it; `--grade` takes it, also where a newer blank lies there."""
    course(passed, "review", "--no-cards", day="2026-12-05")
    blank = passed / "work" / "review" / "2026-12-05" / f"{STEM}.ipynb"
    newer = passed / "work" / "review" / "2026-12-06" / blank.name
    newer.parent.mkdir()
    newer.write_bytes(blank.read_bytes())
    solved = (ROOT / "solutions" / f"{STEM}.ipynb").read_text(encoding="utf-8")
    blank.write_text(solved.replace("(xmu**2).mean(axis=0)", "(xmu**2).sum(axis=0) / (len(x) - 1)"), encoding="utf-8")
    told = course(passed, "review", "--no-cards", day="2026-12-07")
    wrong = course(passed, "review", "--grade", day="2026-12-07")
    newest = course(passed, "review", "--grade", day="2026-12-07")

    assert f"has your answer to {NAME}, not graded yet" in told.stdout
    assert not (passed / "work" / "review" / "2026-12-07").exists()
    assert "unbiased variance" in wrong.stdout
    assert "not attempted" in newest.stdout, "what was graded is not graded again"
    blank.write_text(solved, encoding="utf-8")
    assert 0 == course(passed, "review", "--grade", day="2026-12-08").returncode
    assert ["right", "wrong", "right"] == [attempt["status"] for attempt in progress.history()]


def test_json_writes_nothing(passed):
    """`--json` lists what is due and leaves work/ alone."""
    rows = json.loads(course(passed, "review", "--json", day="2026-12-05").stdout)

    assert [NAME] == [row["exercise"] for row in rows if "exercise" in row]
    assert all({"due", "stability", "reason"} < set(row) for row in rows)
    assert not (passed / "work" / "review").exists()


def test_a_review_that_cannot_be_read_says_so(passed):
    """A broken file is told, and fails; nothing is noted."""
    course(passed, "review", day="2026-12-05")
    blank = passed / "work" / "review" / "2026-12-05" / f"{STEM}.ipynb"
    blank.write_text('{"cells": [')
    before = len(progress.history())
    done = course(passed, "review", "--grade", day="2026-12-05")

    assert 1 == done.returncode
    assert STEM in done.stdout + done.stderr or "error" in done.stdout
    assert before == len(progress.history())


def test_giving_up_brings_it_back_tomorrow(passed):
    """Given up is rated again: not today, but tomorrow. What it says to run next can be run as it stands."""
    said = course(passed, "review", "--give-up", NAME, day="2026-12-05").stdout
    days = {day: [row.get("exercise") for row in json.loads(course(passed, "review", "--json", day=day).stdout)]
            for day in ("2026-12-05", "2026-12-06")}  # fmt: skip

    assert NAME not in days["2026-12-05"]
    assert NAME in days["2026-12-06"]
    assert "`course solution 15`" in said


def test_a_solution_is_shown_after_passing_or_giving_up(tmp_path):
    """It asks first; with a yes the open exercises are given up, and the page is named."""
    asked = course(tmp_path, "solution", "15")
    given = course(tmp_path, "solution", "15", "--yes")
    later = course(tmp_path, "solution", "15")

    assert (1, 0, 0) == (asked.returncode, given.returncode, later.returncode)
    assert "solutions" not in asked.stdout
    assert f"`course hint {NAME}`" in asked.stdout
    assert STEM in later.stdout
    assert 2 == (tmp_path / "progress.jsonl").read_text().count("gave up")


# ---- files that a learner names -----------------------------------------------------------------------------------

WRITERS = [("log", "export"), ("deck",), ("status", "--html"), ("plan", "3", "--ics")]


def _refused(done, told=False):
    """The last line of an error of use; with `told`, something was printed before."""
    assert (2, told) == (done.returncode, bool(done.stdout))
    assert "Traceback" not in done.stderr
    return done.stderr.strip().split("\n")[-1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
@pytest.mark.parametrize("words", WRITERS)
def test_only_a_regular_file_is_replaced(tmp_path, words):
    """A pipe, or a link to one, is refused; an empty name and a folder that is not there are refused as well."""
    pipe, link = tmp_path / "pipe.zip", tmp_path / "link.zip"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    before = sorted(tmp_path.iterdir())

    for path in (pipe, link):
        assert "is not a regular file" in _refused(course(tmp_path, *words, path))
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert "the name of a file is missing" in _refused(course(tmp_path, *words, ""))
    assert "is not a folder" in _refused(course(tmp_path, *words, tmp_path / "none" / "x.ics"))
    assert before == sorted(tmp_path.iterdir()), "no part is left, and no plan was chosen"


@pytest.mark.parametrize("words", [*WRITERS[2:], ("log", "export")])
def test_a_link_stays_and_its_file_is_written(tmp_path, words):
    """Also a link that leads to a file which is not there yet."""
    target, link = tmp_path / "target.txt", tmp_path / "link"
    link.symlink_to(target)

    for _ in range(2):
        assert 0 == course(tmp_path, *words, link).returncode
        assert link.is_symlink()
        assert target.is_file()


def test_whoever_follows_no_plan_is_given_an_example(tmp_path):
    """A command that works as it stands."""
    assert _refused(course(tmp_path, "plan")).endswith("Choose one, for example: course plan 3")


# ---- a folder that cannot be written ------------------------------------------------------------------------------


@pytest.fixture
def closed(passed):
    """A course's folder with files where folders are wanted, and a folder where the log is: root may write anywhere."""
    shutil.rmtree(passed / "work")
    for name in ("work", "backups"):
        (passed / name).write_text("a file")
    return passed


@pytest.mark.parametrize("words", [("reset", "15"), ("review", "--no-cards"), ("mock",), ("learn", "--no-browser")])
def test_a_folder_that_cannot_be_written_is_told_in_one_line(closed, words):
    """No traceback; the file and the reason are named."""
    line = _refused(course(closed, *words, day="2026-12-05"), told=words[0] == "review")

    assert "could not be read or written" in line
    assert str(closed / "work") in line


def test_an_update_without_a_place_for_its_backup_changes_nothing(passed):
    """The copy is as it was."""
    solved = (ROOT / "solutions" / f"{STEM}.ipynb").read_text(encoding="utf-8")
    mine = passed / "work" / f"{STEM}.ipynb"
    mine.write_text(solved, encoding="utf-8")
    (passed / "backups").write_text("a file")

    assert "backups" in _refused(course(passed, "update", "15"))
    assert solved == mine.read_text(encoding="utf-8")


def test_giving_up_that_cannot_be_noted_is_no_giving_up(tmp_path):
    """It would not come back tomorrow."""
    (tmp_path / "progress.jsonl").mkdir()

    assert "was not given up" in _refused(course(tmp_path, "review", "--give-up", NAME))
    shown = course(tmp_path, "solution", "15", "--yes")
    assert "does not count" in shown.stderr
    assert 0 == shown.returncode


READERS = [("next",), ("next", "--json"), ("status",), ("review",)]


@pytest.mark.parametrize("words", READERS)
@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a link to itself"])
def test_a_log_that_cannot_be_read_is_told_in_one_line(tmp_path, words, kind):
    """What follows from an empty log would be wrong. `course doctor` names the command that mends it."""
    log = tmp_path / "progress.jsonl"
    {"a folder": log.mkdir, "a pipe": lambda: os.mkfifo(log), "a link to itself": lambda: log.symlink_to(log)}[kind]()
    done = course(tmp_path, *words)

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert f"{log} could not be read" in done.stderr


@pytest.mark.parametrize("words", READERS)
def test_a_log_without_the_right_to_read_it_is_told(tmp_path, words, monkeypatch):
    """Root may read all: so the system's refusal is put in its place."""
    log = tmp_path / "progress.jsonl"
    log.touch()
    honest = Path.open

    def refused(path, *args, **more):
        if path == log:
            raise PermissionError(errno.EACCES, "Permission denied", str(log))
        return honest(path, *args, **more)

    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(Path, "open", refused)
    done = CliRunner().invoke(main, list(words))

    assert (2, "") == (done.exit_code, done.stdout)
    assert f"{log} could not be read or written: Permission denied" in done.stderr


@pytest.mark.parametrize("words", [("next", "--json"), ("status",)])
def test_no_log_and_a_link_to_one_are_fine(tmp_path, words):
    """A course that has just begun, and a log that lies elsewhere."""
    assert 0 == course(tmp_path, *words).returncode
    (tmp_path / "log").touch()
    (tmp_path / "progress.jsonl").symlink_to(tmp_path / "log")
    assert 0 == course(tmp_path, *words).returncode


@pytest.mark.parametrize("words", [("next",), ("review", "--json"), ("status",)])
def test_a_clock_that_is_no_time_is_told_in_one_line(tmp_path, words):
    """COURSE_NOW with another text."""
    assert "is not an ISO 8601 time" in _refused(course(tmp_path, *words, day="2026-13-41"))
