"""`make bench ARGS=peers`: the same twenty answers graded by us, by nbgrader and by otter-grader, in the same run.

nbgrader and otter-grader live in virtual environments of their own under build/peers, made at the first run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
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


def rows() -> Iterator[tuple[str, str, str]]:
    """Seconds a file, and ours beside it."""
    ours = _timed(_ours) / FILES
    yield f"course check, {FILES} files", f"{ours:.3f} s a file", ""
    path = os.environ["PATH"]
    for name, work in (("nbgrader", _nbgrader), ("otter-grader", _otter)):
        try:
            python = environment(name)
            os.environ["PATH"] = f"{python}{os.pathsep}{path}"  # nbgrader calls alembic by its name
            seconds = _timed(lambda folder, work=work, python=python: work(folder, python)) / FILES
            yield f"  {name} on the same answers", f"{seconds:.3f} s a file = {seconds / ours:.0f} × ours", ""
        except subprocess.CalledProcessError as error:
            words = (error.stderr or error.stdout or b"").decode(errors="replace").strip().splitlines()[-1:]
            yield f"  {name}", f"not measured: {words}", ""


def environment(name: str) -> Path:
    """The folder of executables of a virtual environment with that grader; CalledProcessError where pip gets none."""
    folder = ROOT / "build" / "peers" / name
    if not (folder / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "-q", name, "numpy", "ipykernel"]
        subprocess.run(install, check=True, capture_output=True)
        (folder / ".ready").touch()
    return folder / "bin"


def _timed(work: object) -> float:
    """Seconds of a grader's command, its preparation apart."""
    with tempfile.TemporaryDirectory() as folder:
        command = work(Path(folder))
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
        return time.perf_counter() - start


def _ours(folder: Path) -> list[str]:
    files = [folder / f"answer{i}.py" for i in range(FILES)]
    for number, path in enumerate(files):
        path.write_text(f"{ANSWER}\n# {number}\n")
    return [sys.executable, "-m", "utils.cli", "check", "--jobs", "1", *map(str, files)]


def _nbgrader(folder: Path, bin_: Path) -> list[str]:
    """A course with one assignment, its release version made, and twenty submissions."""
    cells = [_graded(ANSWER, "q1", solution=True), _graded(TEST, "t1", points=1)]
    source = folder / "source" / "ps" / "nb.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells, metadata=_KERNEL), source)
    subprocess.run(
        [bin_ / "nbgrader", "generate_assignment", "ps", "--force"], check=True, cwd=folder, capture_output=True
    )
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
