"""A review: fresh blanks in work/review/DATE/, and their grading. Answers of earlier days are never touched."""

import json
from datetime import date
from pathlib import Path

from utils import editions
from utils.grading import catalogue, disk
from utils.grading.progress import history, note, record
from utils.practice.cards import ROOT
from utils.practice.due import Due
from utils.practice.watch import whole


def folder(home: Path, day: date) -> Path:
    """Where the blanks of a day lie."""
    return home / "work" / "review" / day.isoformat()


def blanks(home: Path, due: list[Due], day: date) -> list[Path]:
    """A blank for each question with an exercise that is due, unless that day has one; the openings are noted."""
    by_stem: dict[str, list[str]] = {}
    for one in due:
        by_stem.setdefault(catalogue.stem_of(one.name), []).append(one.name)
    return [_blank(home, stem, names, day) for stem, names in sorted(by_stem.items())]


def _blank(home: Path, stem: str, names: list[str], day: date) -> Path:
    path = folder(home, day) / f"{stem}.ipynb"
    if not path.exists():
        for name in names:  # first: after a crash a blank whose opening is not noted would count for nothing
            note("opened", exercise=name)
        write_blank(path, stem, f"Review of {day.isoformat()}: {', '.join(names)}.")
    return path


def write_blank(path: Path, stem: str, first: str) -> None:
    """The exercises of a question without the text around them; all of the file or nothing."""
    notebook = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))
    lead = {"cell_type": "markdown", "id": "review", "metadata": {}, "source": [first]}
    notebook["cells"] = [notebook["cells"][0], lead, *_exercises(notebook["cells"][1:])]
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.write(path, editions.as_text(notebook))


def _exercises(cells: list[dict]) -> list[dict]:
    """The imports, and everything under "Your turn"."""
    kept, inside = [], False
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and text.startswith("## "):
            inside = text.startswith("## Your turn")
        if inside or (cell["cell_type"] == "code" and "import " in text and not kept):
            kept.append(cell)
    return kept


def grade(path: Path, names: list[str], timeout: float = 10.0) -> list:
    """Grade the exercises of `names` in a file, in a child process as ever, and note the attempts; their rows.

    A notebook that is no JSON is no attempt: somebody's editor is at fault, not the answer.
    """
    from utils.sandbox.batch import grade_files

    rows = [row for row in grade_files([path], 1, timeout, lambda _: names) if row.report.exercise in names]
    for row in rows:
        if whole(path):
            record(row.report.exercise, row.report.status, row.report.mistake, row.digest or None)
    return rows


def open_names(home: Path, due: list[Due]) -> dict[Path, list[str]]:
    """The files to grade, the oldest first, with the names that are due in each.

    They are all that hold an answer which was never graded; where there is none, the newest blank.
    """
    files: dict[Path, list[str]] = {}
    ungraded = waiting(home, due)
    for one in due:
        for path in ungraded.get(one.name) or _copies(home, one)[-1:]:
            files.setdefault(path, []).append(one.name)
    return dict(sorted(files.items()))


def waiting(home: Path, due: list[Due]) -> dict[str, list[Path]]:
    """Exercise → the files with an answer to it that was never graded, the oldest first."""
    graded = {(attempt["exercise"], attempt.get("digest")) for attempt in history()}
    found = {one.name: [p for p in _copies(home, one) if _is_waiting(p, one.name, graded)] for one in due}
    return {name: paths for name, paths in found.items() if paths}


def _copies(home: Path, one: Due) -> list[Path]:
    """The blanks of a review, the oldest first; one from before it was due is of another review.

    Whoever writes past midnight finds the blank of the day before.
    """
    found = (home / "work" / "review").glob(f"*/{catalogue.stem_of(one.name)}.ipynb")
    return sorted(path for path in found if path.parent.name >= one.due.isoformat())


def _is_waiting(path: Path, name: str, graded: set) -> bool:
    from utils.sandbox.batch import digest_of  # both load NumPy, for which `course next` would wait
    from utils.workplace.answers import answers

    return bool(answers(path, [name])) and (name, digest_of(path.read_bytes())) not in graded
