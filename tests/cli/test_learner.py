"""`course learn`, `update`, `solution`, `hint`: what a learner meets beside grading."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from utils import editions

ROOT = Path(__file__).parents[2]
STEM = "15_batchnorm_forward"


@pytest.fixture
def home(tmp_path):
    """A course's folder with the blank of one question."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / f"{STEM}.ipynb", tmp_path / "notebooks")
    return tmp_path


def course(home, *words):
    """Run the command; JupyterLab is replaced by a program that prints how it was started."""
    code = (
        "import os, sys\nfrom utils.cli import learner, main\n"
        "learner.os.execve = lambda name, words, env: print(words, env['JUPYTER_CONFIG_PATH'])\n"
        f"sys.argv = {['course', *words]}\nmain()"
    )
    env = os.environ | {"COURSE_HOME": str(home)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=ROOT)


def test_an_old_edition_is_named_and_updated(home):
    """`learn` and `status` say so; `update` carries the answer over and says where the backup is."""
    course(home, "learn")
    mine, blank = home / "work" / f"{STEM}.ipynb", home / "notebooks" / f"{STEM}.ipynb"
    mine.write_text(mine.read_text(encoding="utf-8").replace("raise NotImplementedError()", "return 'mine'", 1))
    assert "new edition" not in course(home, "status").stdout
    notebook = nbformat.read(blank, as_version=4)
    notebook.cells[0].source += "\n\nA new edition."
    nbformat.write(notebook, blank)

    for verb in ("learn", "status"):
        assert "15 has a new edition: `course update 15`" in course(home, verb).stdout
    done = course(home, "update", "15")
    assert 0 == done.returncode, done.stderr
    assert "batchnorm_forward" in done.stdout
    assert f"backups/{STEM}_" in done.stdout
    assert "return 'mine'" in mine.read_text(encoding="utf-8")
    assert "new edition" not in course(home, "status").stdout


def test_update_of_nothing_says_so(home):
    """No traceback where there is no copy."""
    done = course(home, "update", "15")

    assert 1 == done.returncode
    assert "course reset 15" in done.stderr
    assert "Traceback" not in done.stderr


def test_jupyterlab_opens_on_the_start_page_without_news(home):
    """With its settings from the package: nothing is written into anybody's own."""
    out = course(home, "learn").stdout

    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in out
    assert (home / "work" / "00_start_here.ipynb").exists()
    settings = Path(editions.__file__).parent / "workplace" / "jupyter" / "labconfig"
    assert str(settings.parent) in out
    assert '"fetchNews": "false"' in (settings / "default_setting_overrides.json").read_text()


def test_the_windows_layout_is_the_courses_own_and_stays_the_learners(home):
    """The side bar is wide enough for the notebooks' names at first; later starts leave what was made of it."""
    out = course(home, "learn").stdout
    (layout,) = (home / "work" / ".jupyterlab").iterdir()
    assert f"--LabApp.workspaces_dir={layout.parent}" in out
    assert json.loads(layout.read_text())["data"]["layout-restorer:data"]["relativeSizes"][0] >= 0.24
    mine = '{"data": {}, "metadata": {"id": "default"}}'
    layout.write_text(mine)
    course(home, "learn")

    assert mine == layout.read_text()


def test_the_last_hint_leads_to_the_solution(home):
    """And the first, where nobody can be asked, to all of them."""
    assert "`course solution 15`" in course(home, "hint", "batchnorm_forward", "--all").stdout
    assert "--all" in course(home, "hint", "batchnorm_forward").stdout


@pytest.mark.parametrize(
    ("word", "answer"),
    [("15", "batchnorm_forward, batchnorm2d_forward"), ("adam", "adam_step"), ("batchnorm_foward", "batchnorm_forward"),
     ("nothing_like_it_xyz", "Your turn")],
)  # fmt: skip
def test_hint_of_something_else_says_what_there_is(home, word, answer):
    """A question's number names its exercises, a slip the nearest ones."""
    done = course(home, "hint", word)

    assert answer in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_question_that_is_not_in_work_is_named_with_the_command_that_copies_it(home):
    """By `grade`, and by `update`, which says what is wrong with the copy."""
    (home / "work").mkdir()
    one, all_ = course(home, "grade", "15"), course(home, "grade")

    assert (2, 2) == (one.returncode, all_.returncode)
    assert f"{STEM} is not in work/. Run `course learn` to copy it." in one.stderr
    assert "None of these questions is in work/. Run `course learn` to copy them." in all_.stderr
    assert "is missing or is not a notebook" in course(home, "update", "15").stderr
