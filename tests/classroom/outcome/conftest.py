"""What the tests of a class share: rows of a ledger made by hand, and the command line."""

import json

import pytest
from click.testing import CliRunner

DAY = "2026-11-{:02d}T12:00:00+00:00"


@pytest.fixture
def row():
    """A function that makes one row of a ledger; `day` is a day of November, at noon UTC."""

    def make(student, exercise="batchnorm_forward", status="right", day=1, **more):
        entry = {
            "student": student, "file": f"{student}/answer.py", "exercise": exercise, "status": status,
            "mistake": None, "message": "", "line": None, "passed": 9 if status == "right" else 3, "total": 9,
            "seconds": 0.01, "digest": f"{student}{day}{status}", "edition": "e1", "submitted": DAY.format(day),
        }  # fmt: skip
        return entry | more

    return make


@pytest.fixture
def out(tmp_path):
    """A function that writes rows into OUT/results.jsonl and gives OUT."""

    def make(*rows):
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        (folder / "results.jsonl").write_text("".join("\n" + json.dumps(entry) for entry in rows), encoding="utf-8")
        return folder

    return make


@pytest.fixture
def course():
    """A function that runs `course …` in this process; gives click's result."""
    from utils.cli.course import main

    return lambda *words: CliRunner().invoke(main, list(map(str, words)))
