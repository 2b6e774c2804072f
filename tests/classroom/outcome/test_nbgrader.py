"""`course class nbgrader`: a source version, and what the real nbgrader makes of it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from utils.classroom import nbgrader
from utils.grading import catalogue

ROOT = Path(__file__).parents[3]
STEM = "15_batchnorm_forward"


@pytest.mark.parametrize("stem", catalogue.entries())
def test_every_question_has_a_source_version(stem):
    """For each exercise an answer and a locked check with points; ids that nbgrader takes, each once; no blank left out."""
    notebook = nbgrader.notebook(nbgrader._source(stem), {}, 1.0)
    nbformat.validate(notebook)
    marked = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    names = list(catalogue.entries()[stem]["exercises"])

    assert {f"{kind}-{name}" for name in names for kind in ("answer", "check")} | {"spoken-answer"} == set(marked)
    for name in names:
        answer, check = marked[f"answer-{name}"], marked[f"check-{name}"].metadata["nbgrader"]
        assert "# BEGIN SOLUTION" in answer.source
        assert (True, True, 1, False) == tuple(check[key] for key in ("grade", "locked", "points", "solution"))
    assert "BEGIN SOLUTION" in marked["spoken-answer"].source


@pytest.mark.parametrize("stem", [stem for stem, entry in catalogue.entries().items() if not entry["torch"]])
def test_what_is_given_is_enough_for_the_checks(stem):
    """The source version's own cells, run from top to bottom, earn every verdict "right"."""
    names = {"display": lambda shown: None}
    for cell in nbgrader.notebook(nbgrader._source(stem), {}, 0).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, stem, "exec"), names)


def test_the_command_writes_points_and_keeps_the_configuration(course, tmp_path):
    """`--points` and `--spoken` in the cells; a teacher's own settings are not written over."""
    assert 0 == course("class", "nbgrader", tmp_path / "c", "15").exit_code
    (tmp_path / "c" / "nbgrader_config.py").write_text("mine")
    done = course(
        "class", "nbgrader", tmp_path / "c", "15", "--points", "batchnorm_forward=2", "--spoken", "0", "--json"
    )

    (path,) = json.loads(done.output)["files"]
    points = [
        cell.metadata["nbgrader"].get("points") for cell in nbformat.read(path, 4).cells if "nbgrader" in cell.metadata
    ]
    assert [None, 2, None, 1] == points
    assert "mine" == (tmp_path / "c" / "nbgrader_config.py").read_text()
    assert 2 == course("class", "nbgrader", tmp_path / "c", "99").exit_code


@pytest.fixture(scope="module")
def executables():
    """nbgrader in an environment of its own under build/peers, made at the first run."""
    spec = importlib.util.spec_from_file_location("environments", ROOT / "tests" / "environments.py")
    environments = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environments)
    try:
        return environments.executables("nbgrader")
    except subprocess.CalledProcessError as error:
        words = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI this has to run: nbgrader cannot be installed: {words}")
        pytest.skip(f"nbgrader cannot be installed here: {words}")


def test_the_real_nbgrader_validates_releases_autogrades_and_books(executables, tmp_path):
    """Points for right answers, the named mistake on the graded page, half an answer by hand; no answer in the release."""
    script = Path(__file__).with_name("nbgrader_way.py")
    done = subprocess.run([sys.executable, script, tmp_path, executables], capture_output=True, text=True, cwd=ROOT)
    assert 0 == done.returncode, done.stderr[-3000:]
    came = json.loads(done.stdout)

    assert "Success! Your notebook passes all the tests." in came["validated"]
    assert "SOLUTION" not in came["release"]
    assert "x.mean(axis=0)\\n" not in came["release"]
    assert {"ada": [3.0, 6.0], "bo": [0.0, 6.0], "chen": [0.0, 6.0]} == came["grades"]
    assert {"ada": [5.5, 6.0], "bo": [0.0, 6.0], "chen": [0.0, 6.0]} == came["by_hand"]
    assert "unbiased variance (ddof=1)" in came["autograded"]["bo"]
    assert "unbiased variance (ddof=1)" not in came["autograded"]["ada"]
    assert "not attempted" in came["autograded"]["chen"]
