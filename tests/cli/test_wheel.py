"""The wheel carries all that a learner needs: `course learn` works without a checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils.grading import catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the installed wheel; what it depends on comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", *folder.glob("*.whl")], check=True)
    return folder / "site"


def course(installed, home, *words):
    """Run the command of the wheel; JupyterLab is replaced by a program that prints how it was started."""
    code = (
        "import os, sys\nfrom utils.cli import learner, main\n"
        "learner.os.execve = lambda name, words, env: print(words, env['JUPYTER_PATH'])\n"
        f"sys.argv = {['course', *map(str, words)]}\nmain()"
    )
    env = {key: value for key, value in os.environ.items() if key not in ("COURSE_HOME", "PYTHONPATH")}
    env |= {"HOME": str(home), "PYTHONPATH": str(installed)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=home)


def test_learn_outside_a_checkout(installed, tmp_path):
    """Every question and the start page are laid into ~/vision-interviews/work."""
    done = course(installed, tmp_path, "learn", "--no-browser")
    work = tmp_path / "vision-interviews" / "work"

    assert 0 == done.returncode, done.stderr
    laid = {f"{stem}.ipynb" for stem in catalogue.entries()} | {"00_start_here.ipynb", ".jupyterlab"}
    assert laid == {path.name for path in work.iterdir()}
    assert f"--ServerApp.root_dir={work}" in done.stdout
    assert str(installed / "utils" / "workplace" / "jupyter") in done.stdout


def test_grading_plans_and_solutions_outside_a_checkout(installed, tmp_path):
    """What a checkout has beside the package, the wheel has inside."""
    course(installed, tmp_path, "learn")
    solved = (ROOT / "solutions" / "15_batchnorm_forward.py").read_text(encoding="utf-8")
    (tmp_path / "answer.py").write_text(solved, encoding="utf-8")

    assert "✓ batchnorm_forward · right" in course(installed, tmp_path, "check", "answer.py").stdout
    assert "15" in course(installed, tmp_path, "plan", "1").stdout
    page = course(installed, tmp_path, "solution", "15", "--yes").stdout.strip()
    assert Path(page).is_file()
    states = course(installed, tmp_path, "doctor").stdout
    assert "The course can run." in states
