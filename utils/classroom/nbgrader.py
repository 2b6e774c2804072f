"""Questions as nbgrader's source version: its own commands validate it, release it, autograde it and book the points.

    DIR/nbgrader_config.py
    DIR/source/15_batchnorm_forward/15_batchnorm_forward.ipynb

Cells carry nbgrader's metadata, schema 3: an exercise is a solution cell, whose blank nbgrader makes itself, for the
course writes `BEGIN SOLUTION` as nbgrader does; the cell after it is locked and holds the points; the spoken answer is
a cell that is graded by hand.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from utils import editions
from utils.authoring import blank, build
from utils.authoring.build import Source
from utils.classroom.writing import write
from utils.grading import catalogue
from utils.sandbox import dependencies, source

CONFIG = '''"""Settings of nbgrader, written once by `course class nbgrader`; what you change here stays."""

import os

os.environ["COURSE_PROGRESS"] = "off"  # what is graded here is no practice of yours
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "vision"
c.ExecutePreprocessor.timeout = 120
'''
CHECK = """import contextlib
import io

from utils import check

with contextlib.redirect_stderr(io.StringIO()):  # nbgrader takes a warning for a mistake
    verdict = check({name})
display(verdict)
assert verdict, verdict.message
"""
SPOKEN = """### Answer in 30 seconds

Answer the question aloud, as in an interview. Then write down what you said, in at most 75 words.
This answer is graded by hand."""


def write_course(folder: Path, stems: list[str], points: dict[str, float], spoken: float) -> list[Path]:
    """Write the questions and, where there is none, the configuration; gives the notebooks' paths. Raises OSError."""
    config = folder / "nbgrader_config.py"
    if not config.exists():
        write(config, CONFIG)
    paths = []
    for stem in stems:
        made = notebook(_source(stem), points, spoken)
        paths.append(write(folder / "source" / stem / f"{stem}.ipynb", nbformat.writes(made, version=4) + "\n"))
    return paths


def _source(stem: str) -> Source:
    path = editions.folder("solutions") / f"{stem}.ipynb"  # the wheel carries the notebooks, not their sources
    return Source(path, nbformat.read(path, as_version=4))


def notebook(question: Source, points: dict[str, float], spoken: float) -> NotebookNode:
    """The question, what is given, its exercises with their checks, and the spoken answer."""
    names = list(catalogue.entries()[question.stem]["exercises"])
    cells = [*_section(question, "Question"), *_given(question, names)]
    for cell in _section(question, "Your turn"):
        checked = re.fullmatch(r"check\((\w+)\)", cell.source.strip())
        if "solution" in cell.metadata.get("tags", []):
            continue
        if checked:
            cells.append(
                _graded(
                    new_code_cell(CHECK.format(name=checked[1])), f"check-{checked[1]}", points.get(checked[1], 1.0)
                )
            )
        elif blank.is_solved(cell.source):
            cells.append(_solution(new_code_cell(cell.source), f"answer-{_defined(cell.source, names)}"))
        else:
            cells.append(_given_cell(cell))
    cells += _spoken(question, spoken) if spoken else []
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index:02d}"
    return new_notebook(cells=cells, metadata=build.KERNEL)


def _defined(code: str, names: list[str]) -> str:
    """The exercise that a cell defines."""
    return next(name for name in names if re.search(rf"(?m)^(def|class) {name}\b", code))


def _section(question: Source, heading: str) -> list[NotebookNode]:
    """The title, and the cells from one `##` heading to the next."""
    found, inside = [], False
    for index, cell in enumerate(question.notebook.cells):
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            inside = cell.source.partition("\n")[0].strip() == f"## {heading}"
        if inside or (index == 0 and heading == "Question"):
            found.append(cell)
    return found


def _given(question: Source, names: list[str]) -> list[NotebookNode]:
    """One cell with what the exercises need and no exercise cell has: imports, given functions."""
    turn = "\n".join(cell.source for cell in _section(question, "Your turn") if cell.cell_type == "code")
    solved = [
        cell.source for cell in question.notebook.cells if cell.cell_type == "code" and blank.is_solved(cell.source)
    ]
    parts = source.read(question.path, names).statements
    kept = {index for name in names for index in dependencies.needed(parts, name)}
    kept |= {index for index, part in enumerate(parts) if _is_import(part.text) and _mentions(turn, part.binds)}
    texts = [parts[index].text for index in sorted(kept)]
    given = [text for text in texts if not any(text in cell for cell in solved) and not text.startswith("%")]
    imports = ["import numpy as np", "from utils import check, hint"]
    lines = list(dict.fromkeys([*imports, *given]))
    return [new_code_cell("\n".join(lines))]


def _is_import(text: str) -> bool:
    return text.startswith(("import ", "from "))


def _mentions(code: str, names: Iterable[str]) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", code) for name in names)


def _given_cell(cell: NotebookNode) -> NotebookNode:
    make = new_code_cell if cell.cell_type == "code" else new_markdown_cell
    return make(cell.source)


def _solution(cell: NotebookNode, name: str) -> NotebookNode:
    return _marked(cell, name, solution=True, locked=False)


def _graded(cell: NotebookNode, name: str, points: float) -> NotebookNode:
    return _marked(cell, name, grade=True, locked=True, points=points)


def _marked(
    cell: NotebookNode, name: str, *, grade: bool = False, solution: bool = False, locked: bool, **more: float
) -> NotebookNode:
    about = {
        "schema_version": 3,
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    cell.metadata["nbgrader"] = about | {key: _number(value) for key, value in more.items()}
    return cell


def _number(points: float) -> float | int:
    return int(points) if points == int(points) else points


def _spoken(question: Source, points: float) -> list[NotebookNode]:
    """What to say, and a cell that is graded by hand; the course's answer and what to listen for stay in source/."""
    answer, listened = (
        _body(question, heading) for heading in ("Answer in 30 seconds", "What the interviewer listens for")
    )
    text = f"### BEGIN SOLUTION\n{answer}\n\nListen for:\n\n{listened}\n### END SOLUTION"
    cell = _marked(new_markdown_cell(text), "spoken-answer", grade=True, solution=True, locked=False, points=points)
    return [new_markdown_cell(SPOKEN), cell]


def _body(question: Source, heading: str) -> str:
    """A section's first cell without its heading, up to its Chinese part."""
    text = _section(question, heading)[0].source.partition("\n")[2]
    return text.split("\n###")[0].strip()
