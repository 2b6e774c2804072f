"""The way of a course through the real nbgrader: source, validation, release, submissions, autograding, points.

    python tests/classroom/outcome/nbgrader_way.py FOLDER BIN

BIN: the folder of executables of an environment with nbgrader. Prints one JSON object of what nbgrader booked.
"""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[3]
STEM = "15_batchnorm_forward"
RIGHT = """def batchnorm_forward(x, gamma, beta, eps=1e-5):
    np.sqrt(np.array([-1.0]))  # a warning, which nbgrader would take for a mistake
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None"""
WRONG = RIGHT.replace("x.var(0)", "x.var(0, ddof=1)")
IMAGES = """def batchnorm2d_forward(x, gamma, beta, eps=1e-5):
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return gamma.reshape(1, -1, 1, 1) * (x - mean) / np.sqrt(var + eps) + beta.reshape(1, -1, 1, 1)"""
# What a teacher does in nbgrader's own pages: points for a spoken answer.
BY_HAND = """
import sys
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    grade = book.find_grade("spoken-answer", sys.argv[1], sys.argv[1], "ada")
    assert grade.needs_manual_grade
    grade.manual_score, grade.needs_manual_grade = 2.5, False
    book.db.commit()
"""
CLASS = {"ada": (RIGHT, IMAGES), "bo": (WRONG, None), "chen": (None, None)}


def main(folder: Path, executables: Path) -> None:
    """Run it and print what came of it."""
    start = time.perf_counter()
    env = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{executables}{os.pathsep}{os.environ['PATH']}"}

    def nbgrader(*words: str) -> str:
        done = subprocess.run([executables / "nbgrader", *words], cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    subprocess.run([sys.executable, "-m", "utils.cli", "class", "nbgrader", str(folder), "15", "--points",
                    "batchnorm_forward=2", "--spoken", "3"], check=True, cwd=ROOT, capture_output=True)  # fmt: skip
    validated = nbgrader("validate", f"source/{STEM}/{STEM}.ipynb")
    nbgrader("generate_assignment", STEM)
    release = folder / "release" / STEM / f"{STEM}.ipynb"
    for student, answers in CLASS.items():
        submit(release, folder / "submitted" / student / STEM / f"{STEM}.ipynb", answers)
    nbgrader("autograde", STEM)
    booked = grades(nbgrader, folder)
    subprocess.run([executables / "python", "-c", BY_HAND, STEM], check=True, cwd=folder, env=env, capture_output=True)
    print(json.dumps({
        "validated": validated, "release": release.read_text(encoding="utf-8"), "seconds": time.perf_counter() - start,
        "grades": booked, "by_hand": grades(nbgrader, folder),
        "autograded": {student: outputs(folder / "autograded" / student / STEM / f"{STEM}.ipynb") for student in CLASS},
    }))  # fmt: skip


def grades(nbgrader: Callable[..., str], folder: Path) -> dict[str, list[float]]:
    """Student → [score, most] as nbgrader exports them."""
    nbgrader("export")
    rows = csv.DictReader((folder / "grades.csv").open(encoding="utf-8"))
    return {row["student_id"]: [float(row["score"]), float(row["max_score"])] for row in rows}


def submit(release: Path, target: Path, answers: tuple[str | None, str | None]) -> None:
    """A copy of the release with answers in the place of blanks; whoever answers also speaks."""
    notebook = nbformat.read(release, as_version=4)
    blanks = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    for cell, text in zip(blanks, (*answers, "I said it." if any(answers) else None), strict=True):
        cell.source = text or cell.source
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


def outputs(path: Path) -> str:
    """All text that the graded notebook shows."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return "\n".join(json.dumps(output, ensure_ascii=False) for cell in cells for output in cell.outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
