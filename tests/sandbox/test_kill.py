"""A kill -9 at any moment loses no recorded attempt and no learner's file."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utils.grading.progress import history, log_path, record

ROOT = Path(__file__).parents[2]
STEM = "15_batchnorm_forward"


def killed(code, home, seconds):
    """Run code in a fresh process, kill it, and return the complete lines that it printed before."""
    env = os.environ | {"COURSE_HOME": str(home), "COURSE_PROGRESS": "on", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        printed = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        printed += process.stdout.read()
    return [line for line in printed.split("\n")[:-1] if line]


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.21])
def test_every_attempt_that_was_noted_survives(tmp_path, monkeypatch, seconds):
    """A kernel killed while it checks in a loop has left every attempt whose verdict it had shown."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    code = (
        "from utils.grading.progress import record\n"
        "for i in range(10**9):\n    record('adam_step', 'wrong', f'mistake {i}')\n    print(i)\n"
    )
    shown = killed(code, tmp_path, seconds)
    noted = [attempt["mistake"] for attempt in history()]

    assert [f"mistake {i}" for i in shown] == noted[: len(shown)]
    assert len(noted) <= len(shown) + 1


def test_a_torn_line_spoils_no_other(tmp_path, monkeypatch):
    """Half a line at the end, as a full disk leaves it, is passed over, and the next attempt is readable."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    record("adam_step", "right")
    with log_path().open("a") as file:
        file.write('\n{"time": "2026-01-01", "exer')
    record("softmax", "wrong")

    assert ["adam_step", "softmax"] == [attempt["exercise"] for attempt in history()]


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.1])
def test_a_reset_that_is_killed_leaves_whole_files(tmp_path, seconds):
    """`course reset` killed in the middle leaves the learner's text in work/ or in a backup, and no half file."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "work").mkdir()
    for suffix in (".py", ".ipynb"):
        shutil.copy(ROOT / "notebooks" / f"{STEM}{suffix}", tmp_path / "notebooks")
    blank = sources((tmp_path / "notebooks" / f"{STEM}.ipynb").read_text())
    mine = "mine\n" * 1000
    (tmp_path / "work" / f"{STEM}.ipynb").write_text(mine)
    code = (
        "from click.testing import CliRunner\nfrom utils.cli import main\nprint('ready')\n"
        "while True: CliRunner().invoke(main, ['reset', '15'])\n"
    )
    killed(code, tmp_path, seconds)
    copies = [path.read_text() for path in tmp_path.glob(f"backups/*/{STEM}.ipynb")]

    now = (tmp_path / "work" / f"{STEM}.ipynb").read_text()

    assert now == mine or blank == sources(now)[: len(blank)]
    assert mine in [*copies, now]


def sources(notebook):
    """The texts of a notebook's cells; raises for half a file."""
    return ["".join(cell["source"]) for cell in json.loads(notebook)["cells"]]
