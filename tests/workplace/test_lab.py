"""A newcomer's first minutes: `course learn`, then mouse and keyboard in Chromium, from the start page to a verdict."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utils import editions

ROOT = Path(__file__).parents[2]
STEM, NAME = "15_batchnorm_forward", "batchnorm_forward"


def address(log, server):
    """The one that JupyterLab prints, once it does."""
    for _ in range(600):
        if found := re.search(r"http://127\.0\.0\.1:\S+", log.read_text(encoding="utf-8")):
            return found[0]
        assert server.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.2)
    raise AssertionError(f"no address: {log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def minutes(browser, node, tmp_path_factory):
    """What the newcomer saw, and all that the server printed; with an empty home, as on a new machine."""
    home = tmp_path_factory.mktemp("newcomer")
    log = home / "log"
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COURSE", "JUPYTER", "JPY"))}
    env |= {"HOME": str(home), "COURSE_HOME": str(home / "course"), "PYTHONPATH": str(ROOT)}
    (home / "course" / "work").mkdir(parents=True)
    (home / "course" / "work" / "utils.py").write_text("raise RuntimeError('not the course')\n")
    _, right = editions.solved(NAME)
    wrong = right.replace("np.sqrt(var + eps)", "(np.sqrt(var) + eps)")
    with log.open("w") as file:
        command = [sys.executable, "-m", "utils.cli", "learn", "--no-browser", "--port=0"]
        server = subprocess.Popen(command, stdout=file, stderr=file, env=env, cwd=home)
    try:
        way = {"url": address(log, server), "stem": STEM, "name": NAME, "wrong": wrong, "right": right}
        seen = node("lab.mjs", json.dumps(way | {"next": "batch normalisation's backward"}), env=browser)
    finally:
        server.terminate()
        server.wait(60)
    return seen | {"log": log.read_text(encoding="utf-8")}


def test_the_start_page_comes_first_and_nothing_else(minutes):
    """No pop-up asks about news; no name of a notebook is cut; no code is wider than the page."""
    seen = minutes["seen"]

    assert 0 == seen["start page"] == minutes["dialogs"]
    names = {name["text"]: name["cut"] for name in seen["names in the side bar"]}
    assert f"{STEM}.ipynb" in names
    assert [] == [name for name, cut in names.items() if cut]
    assert 0 == seen["code that scrolls sideways"]


def test_an_own_utils_beside_the_notebooks_does_not_hide_the_course(minutes):
    """The kernel has imported the course before it looks there; the terminal says that it should be renamed."""
    assert minutes["seen"]["imports"]
    assert "utils.py hides the package of that name" in minutes["log"]


def test_verdicts_name_the_mistake_and_lead_on(minutes):
    """Wrong with its name, then right with the next exercise; the notebook's end opens the next question."""
    seen = minutes["seen"]

    assert "Your mistake: eps outside the root" in seen["wrong answer"]
    assert "right · 10 of 10 cases" in seen["right answer"]
    assert "Next in this notebook: batchnorm2d_forward" in seen["right answer"]
    assert "16_batchnorm_backward.ipynb" in seen["the notebook's end leads on"]


def test_the_solution_opens_beside_after_a_question(minutes):
    """The first call asks what is missing; the second shows the code and a link to the solved page."""
    assert f"def {NAME}(" in minutes["seen"]["solution"]
    assert minutes["seen"]["solved page"]


def test_neither_console_nor_terminal_warns(minutes):
    """What a newcomer would take for a fault of theirs."""
    told = [words for words in minutes["told"] if "pyodide-kernel-extension" not in words]  # an author's package
    assert [] == told
    assert [] == re.findall(r"(?i).*(?:warn|error|traceback|not trusted|encrypt).*", minutes["log"])
