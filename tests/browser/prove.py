"""What prove.mjs runs inside Pyodide: every NumPy exercise, solved, blank, and wrong in a known way."""

import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from utils import check
from utils.grading import catalogue, judge, reference, report, run
from utils.sandbox import source

ROOT = Path("/course")


def defined(path, name):
    """The exercise's function as a file defines it."""
    module = {"__name__": "answer"}
    exec(source.read(path, [name]).needed_for(name), module)
    return module[name]


def problems(stem, exercise):
    """What is not as it should be with one exercise."""
    blank_path = next((ROOT / "notebooks").glob(f"{stem}.*.ipynb"))
    solved = check(defined(ROOT / "solutions" / f"{stem}.py", exercise.name))
    blank = check(defined(blank_path, exercise.name))
    if not solved:
        yield f"the solution is {solved.status}: {solved.message}"
    if blank.status != report.BLANK:
        yield f"the blank is {blank.status}: {blank.message}"
    refs = reference.load(catalogue.slug(stem))[exercise.name]
    for mistake in exercise.mistakes[:1]:
        outcomes = run.outcomes(mistake.wrong, exercise, [ref.inputs for ref in refs])
        verdict = judge.judge(exercise, outcomes, refs)
        if verdict or verdict.mistake != mistake.name:
            yield f"the mistake {mistake.name!r} is {verdict.status}, called {verdict.mistake!r}"


def import_problems(stem):
    """The cell that imports the course must run with NumPy alone."""
    cells = json.loads(next((ROOT / "notebooks").glob(f"{stem}.*.ipynb")).read_text())["cells"]
    texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    try:
        exec(next(text for text in texts if "from utils import" in text), {})
    except Exception as error:
        yield f"{stem}: the imports fail with {error!r}"


def linalg_problems():
    """What has no inverse, no root and no solution must be told by an exception here as anywhere."""
    for function, *given in ((np.linalg.cholesky, -np.eye(2)), (np.linalg.inv, np.zeros((2, 2))),
                             (np.linalg.solve, np.zeros((2, 2)), np.ones(2))):  # fmt: skip
        with contextlib.suppress(np.linalg.LinAlgError):
            yield f"numpy.linalg.{function.__name__} says nothing and returns {function(*given)}"


def prove():
    """Every exercise that was judged, and every problem found."""
    start, judged, found = time.monotonic(), [], list(linalg_problems())
    for stem, entry in catalogue.entries().items():
        if entry["torch"]:
            continue
        found += import_problems(stem)
        for exercise in catalogue.question(catalogue.slug(stem)).exercises:
            judged.append(exercise.name)
            found += [f"{stem}, {exercise.name}: {problem}" for problem in problems(stem, exercise)]
    heavy = {"torch", "scipy", "sklearn", "matplotlib"} & set(sys.modules)
    return {"judged": judged, "problems": found, "heavy": sorted(heavy), "seconds": time.monotonic() - start}


json.dumps(prove())
