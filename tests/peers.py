"""`make bench ARGS=peers`: the same twenty answers graded by us, run by nbclient, graded by nbgrader and otter-grader."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from environments import executables
from measuring import Row, Spent, compiled, of_command
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[1]
FILES = 20
ANSWER = """import numpy as np

def batchnorm_forward(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None
"""
TEST = """x = np.arange(12.0).reshape(4, 3)
out, _ = batchnorm_forward(x, np.ones(3), np.zeros(3))
assert np.allclose(out, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))"""
OTTER_TEST = """OK_FORMAT = True
test = {"name": "q1", "points": 1, "suites": [{"type": "doctest", "scored": True, "cases": [
    {"code": ">>> x = np.arange(12.0).reshape(4, 3)\\n>>> out, _ = batchnorm_forward(x, np.ones(3), np.zeros(3))"
             "\\n>>> bool(np.allclose(out, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)))\\nTrue", "hidden": False}]}]}
"""


def rows() -> Iterator[Row]:
    """Processor time a file, by the clock in brackets, and how many times ours that is."""
    ours = _measured(_ours, Path(sys.executable).parent)
    yield f"course check, {FILES} files", f"{ours.ms()} a file", ""
    for name, work in (("nbclient", _nbclient), ("nbgrader", _nbgrader), ("otter-grader", _otter)):
        try:
            spent = _measured(work, executables(name))
            yield f"  {name} on the same answers", f"{spent.ms()} a file = {spent.cpu / ours.cpu:.0f} × ours", ""
        except (OSError, subprocess.CalledProcessError) as error:
            words = getattr(error, "stderr", b"") or str(error).encode()
            yield f"  {name}", f"not measured: {words.decode(errors='replace').strip().splitlines()[-1:]}", ""


def _measured(work: Callable[[Path, Path], list[str]], bin_: Path) -> Spent:
    """What a grader's command takes for one file, its preparation apart; compiled before, as all of them are."""
    with tempfile.TemporaryDirectory() as folder, compiled() as env:
        command, here = work(Path(folder), bin_), Path(folder)
        if work is _ours:
            of_command(command, here, env)
        else:  # the peers' packages were compiled when pip installed them
            env = _beside(bin_)
        return of_command(command, here, env).per(FILES)


def _beside(bin_: Path) -> dict[str, str]:
    """The environment of a peer's commands: nbgrader calls alembic by its name."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return env | {"PATH": f"{bin_}{os.pathsep}{env['PATH']}"}


def _ours(folder: Path, _: Path) -> list[str]:
    files = [folder / f"answer{i}.py" for i in range(FILES)]
    for number, path in enumerate(files):
        path.write_text(f"{ANSWER}\n# {number}\n")
    return [sys.executable, "-m", "utils.cli", "check", "--jobs", "1", *map(str, files)]


def _nbclient(folder: Path, bin_: Path) -> list[str]:
    """What every runner of notebooks does: a kernel for each, cell by cell. It runs the test and names nothing."""
    for number in range(FILES):
        cells = [new_code_cell(f"{ANSWER}\n# {number}"), new_code_cell(TEST)]
        nbformat.write(new_notebook(cells=cells, metadata=_KERNEL), folder / f"s{number}.ipynb")
    return [str(bin_ / "jupyter-execute"), *(f"s{number}.ipynb" for number in range(FILES))]


def _nbgrader(folder: Path, bin_: Path) -> list[str]:
    """A course with one assignment, its release version made, and twenty submissions."""
    cells = [_graded(ANSWER, "q1", solution=True), _graded(TEST, "t1", points=1)]
    source = folder / "source" / "ps" / "nb.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells, metadata=_KERNEL), source)
    subprocess.run(
        [bin_ / "nbgrader", "generate_assignment", "ps", "--force"],
        check=True, cwd=folder, env=_beside(bin_), capture_output=True,
    )  # fmt: skip
    for number in range(FILES):
        target = folder / "submitted" / f"s{number}" / "ps" / "nb.ipynb"
        target.parent.mkdir(parents=True)
        notebook = nbformat.read(folder / "release" / "ps" / "nb.ipynb", as_version=4)
        notebook.cells[0].source = f"{ANSWER}\n# {number}"
        nbformat.write(notebook, target)
    return [str(bin_ / "nbgrader"), "autograde", "ps"]


_KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def _graded(code: str, name: str, solution: bool = False, points: int = 0) -> nbformat.NotebookNode:
    about = {"schema_version": 3, "grade_id": name, "solution": solution, "grade": bool(points), "locked": bool(points)}
    about |= {"points": points} if points else {}
    return new_code_cell(code, metadata={"nbgrader": about | {"task": False}})


def _otter(folder: Path, bin_: Path) -> list[str]:
    """`otter run`, one submission after the other, as a grading container does."""
    (folder / "tests").mkdir()
    (folder / "tests" / "q1.py").write_text(OTTER_TEST)
    with_tests = shutil.make_archive(str(folder / "autograder"), "zip", folder, "tests")
    for number in range(FILES):
        notebook = new_notebook(cells=[new_code_cell(f"{ANSWER}\n# {number}")], metadata=_KERNEL)
        nbformat.write(notebook, folder / f"s{number}.ipynb")
    runs = " && ".join(f"{bin_ / 'otter'} run -a {with_tests} s{number}.ipynb" for number in range(FILES))
    return ["sh", "-c", runs]
