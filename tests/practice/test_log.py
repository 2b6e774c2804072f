"""The log taken elsewhere, the page made of it, and files graded when they are saved."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from utils.practice import exchange, overview, watch
from utils.practice.replay import Replay, replay

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
ROOT = Path(__file__).parents[2]
STEM, NAME, OTHER = "15_batchnorm_forward", "batchnorm_forward", "batchnorm2d_forward"
RIGHT = (ROOT / "solutions" / f"{STEM}.py").read_text(encoding="utf-8")
WRONG = RIGHT.replace("(xmu**2).mean(axis=0)", "(xmu**2).sum(axis=0) / (len(x) - 1)")


def course(home, *words):
    env = os.environ | {"COURSE_HOME": str(home), "COURSE_NOW": "2026-12-09T09:00:00+00:00"}
    command = [sys.executable, "-m", "utils.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, stdin=subprocess.DEVNULL)


def test_logs_merge_by_union(tmp_path):
    """What two machines noted is there once, whoever imports from whom, how often, and in which order."""
    homes = [tmp_path / "one", tmp_path / "two"]
    rows = [[("a", 1), ("b", 2), ("b", 2), ("c", 4)], [("b", 2), ("d", 3)]]
    for home, log in zip(homes, rows, strict=True):
        home.mkdir()
        lines = [{"time": f"2026-12-0{day}T09:00:00+00:00", "exercise": name, "status": "right"} for name, day in log]
        (home / "progress.jsonl").write_text("".join("\n" + json.dumps(line) for line in lines) + '\n{"torn": ')
        assert 0 == course(home, "log", "export", home / "out.jsonl").returncode
    first = course(homes[0], "log", "import", homes[1] / "out.jsonl")
    again = course(homes[0], "log", "import", homes[1] / "out.jsonl", homes[0] / "out.jsonl")
    course(homes[1], "log", "import", homes[0] / "out.jsonl")

    assert "1 new entry, 0 new files" in first.stdout
    assert 2 == again.stdout.count("0 new entries")
    both = [
        sorted(entry["exercise"] for entry in exchange.parsed((home / "progress.jsonl").read_bytes())) for home in homes
    ]
    assert ["a", "b", "b", "c", "d"] == both[0] == both[1]


def test_an_import_that_cannot_be_written_says_so(tmp_path):
    """Nothing is lost without a word."""
    (tmp_path / "in.jsonl").write_text('{"time": "2026-12-01T09:00:00+00:00", "exercise": "a", "status": "right"}\n')
    (tmp_path / "progress.jsonl").mkdir()
    done = course(tmp_path, "log", "import", tmp_path / "in.jsonl")

    assert 1 == done.returncode
    assert "could not be written" in done.stderr


@pytest.mark.parametrize("words", [["deck"], ["status", "--html"], ["plan", "3", "--ics"], ["log", "export"]])
def test_a_place_that_takes_no_file_is_told(tmp_path, words):
    """One line and exit code 2, for every verb that writes a file, and no half of one is left."""
    done = course(tmp_path, *words, tmp_path / "nowhere" / "file")

    assert 2 == done.returncode
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_page_shows_what_the_log_tells(tmp_path):
    """Bars by chapter, the days, a mistake of two days, what is due; names are escaped, and nothing scolds."""
    entries = [
        {"time": f"2026-12-0{day}T09:00:00+00:00", "exercise": NAME, "status": status, "mistake": mistake}
        for day, status, mistake in [(1, "wrong", "<b>ddof"), (2, "wrong", "<b>ddof"), (3, "right", None)]
    ]
    page = overview.page(replay(entries), date(2026, 12, 9))

    assert "2 · Batch normalisation: 1 of" in page
    assert "3 checks and cards on 3 days" in page
    assert "<td>&lt;b&gt;ddof</td>" in page
    assert f"<td>{NAME}</td><td>2026-12-04</td><td>right after 2 wrong verdicts on 2026-12-03</td>" in page
    assert not {"streak", "missed", "lost"} & set(page.lower().split())
    assert "None so far" in overview.page(Replay(), date(2026, 12, 9))
    assert 0 == course(tmp_path, "status", "--html", tmp_path / "page.html").returncode
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_calendar_fits_a_narrow_screen_and_its_last_month():
    """It shrinks to the screen, so that today's week is in sight, and a month that began this week has its whole name."""
    page = overview.page(Replay(), date(2026, 12, 2))
    (drawn,) = re.findall(r"<svg .*?</svg>", page)
    width = int(re.search(r'viewBox="0 0 (\d+) ', drawn)[1])
    x = int(re.search(r'<text x="(\d+)" y="9">Dec<', drawn)[1])

    assert width - x >= 20, "three letters of 10 px"
    assert not re.match(r'<svg [^>]*width="', drawn), "no fixed width"
    assert "svg{width:100%" in page
    assert '<div class="scroll" tabindex="0"><svg' not in page


def test_a_line_that_an_editor_can_read(tmp_path):
    """FILE:LINE, the kind, the exercise and the mistake's name; the attempt is noted."""
    path = tmp_path / "answer.py"
    path.write_text(WRONG, encoding="utf-8")
    first, second = watch.problems(path)
    line = 1 + WRONG[: WRONG.index("def batchnorm_forward(")].count("\n")

    assert f"{path}:{line}: error: {NAME}: wrong: unbiased variance (ddof=1)" == first
    assert second.endswith(f": info: {OTHER}: right")
    assert ["wrong", "right"] == [attempt["status"] for attempt in progress.history()]


def test_half_a_notebook_waits_for_the_rest(tmp_path):
    """A notebook is graded when it is whole, and not again while its bytes are the same."""
    path = tmp_path / f"{STEM}.ipynb"
    text = (ROOT / "solutions" / f"{STEM}.ipynb").read_bytes()
    steps = iter([text[:1000], text, text])

    def saves():
        for content in steps:
            path.write_bytes(content)
            yield {"saved"}

    lines = list(watch.watched(path, saves()))

    assert 2 == len(lines)
    assert all(": info: " in line for line in lines)


def test_the_command_grades_each_save(tmp_path):
    """`course watch` prints a verdict now and after a save that replaces the file, as editors do."""
    path = tmp_path / "answer.py"
    path.write_text(WRONG, encoding="utf-8")
    env = os.environ | {"COURSE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "utils.cli", "watch", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env) as watching:
        try:
            first = [watching.stdout.readline() for _ in range(2)]
            time.sleep(1)  # until the folder is watched
            (tmp_path / "new").write_text(RIGHT, encoding="utf-8")
            shutil.move(tmp_path / "new", path)
            second = [watching.stdout.readline() for _ in range(2)]
        finally:
            watching.send_signal(signal.SIGINT)
    assert "error: batchnorm_forward" in first[0]
    assert "info: batchnorm_forward: right" in second[0]


@pytest.mark.parametrize(
    "words", [["next"], ["plan"], ["review"], ["mock"], ["deck"], ["watch"], ["solution"], ["log", "import"]]
)
def test_every_verb_has_help(tmp_path, words):
    """--help says what the verb is for."""
    done = course(tmp_path, *words, "--help")

    assert 0 == done.returncode
    assert "Usage:" in done.stdout
