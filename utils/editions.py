"""A question's blank notebook as it is laid into work/, and which edition of it a learner's copy was made from.

A copy's metadata hold the edition, and a digest of each given cell: so a learner's own cells can be told from given
ones when the question changes, without keeping the old edition.
"""

import json
from pathlib import Path

from utils.grading import catalogue
from utils.grading.progress import root

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}  # on a laptop
_PACKAGE = Path(__file__).parent
# Where notebooks/, solutions/ and book/ lie: the checkout, or what the wheel carries.
AROUND = _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").exists() else _PACKAGE / "carried"


def folder(name: str, home: Path | None = None) -> Path:
    """`notebooks` or `solutions`: those of the course's folder, else the checkout's or the wheel's."""
    own = (home or root()) / name
    return own if own.is_dir() else AROUND / name


def stems(home: Path | None = None) -> list[str]:
    """The questions that there are blanks of."""
    return sorted(path.stem for path in folder("notebooks", home).glob("[0-9][0-9]_*.ipynb"))


def blank(stem: str, home: Path | None = None) -> dict:
    """The blank notebook for work/, as nbformat's JSON: with its edition, and a link to the next question."""
    notebook = json.loads((folder("notebooks", home) / f"{stem}.ipynb").read_text(encoding="utf-8"))
    cells = notebook["cells"]
    for cell in cells:
        cell["source"] = text(cell)
    if after := following(stem):
        words = f"**Next:** [{title(after)}]({after}.ipynb) · [all questions](00_start_here.ipynb)"
        cells.append({"cell_type": "markdown", "id": "next-question", "metadata": {}, "source": words})
    notebook["metadata"]["course"] = {"edition": edition(cells), "cells": {c["id"]: digest(c) for c in cells}}
    return notebook


def as_text(notebook: dict) -> str:
    """A notebook's bytes, as Jupyter writes them."""
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def text(cell: dict) -> str:
    """A cell's source, which a file may hold as lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def digest(cell: dict) -> str:
    """Twelve digits that change with a cell's kind and source; outputs do not count."""
    return _twelve(f"{cell.get('cell_type')}\n{text(cell)}")


def edition(cells: list[dict]) -> str:
    """Twelve digits that change with any cell."""
    return _twelve("".join(map(digest, cells)))


def _twelve(text: str) -> str:
    import hashlib  # a check does not need it

    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def made_from(notebook: dict) -> tuple[str | None, dict[str, str]]:
    """(edition, cell's id → digest of what was given there) of a copy; (None, {}) for one of an earlier version."""
    course = notebook.get("metadata", {}).get("course")
    if not isinstance(course, dict) or not isinstance(course.get("cells"), dict):
        return None, {}
    return course.get("edition"), course["cells"]


def is_old(stem: str, path: Path, home: Path | None = None) -> bool:
    """Has the question changed since this copy was made? A copy in work/ that knows no edition is older than all."""
    try:
        copied = made_from(json.loads(path.read_text(encoding="utf-8")))[0]
    except (OSError, ValueError, AttributeError):
        return False
    if copied is None:
        return path.resolve().parent == ((home or root()) / "work").resolve()
    return copied != blank(stem, home)["metadata"]["course"]["edition"]


def title(stem: str) -> str:
    """ "15 · Write batch normalisation's forward pass"."""
    return f"{stem[:2]} · {catalogue.entries()[stem]['title']}"


def following(stem: str) -> str | None:
    """The next question in the course's order."""
    order = list(catalogue.entries())
    rest = order[order.index(stem) + 1 :] if stem in order else []
    return rest[0] if rest else None


def solved(exercise: str) -> tuple[str, str] | None:
    """(stem, the solved cell's code) of an exercise, or None where the solutions are not at hand."""
    stem = catalogue.stem_of(exercise)
    path = folder("solutions") / f"{stem}.ipynb"
    if not stem or not path.is_file():
        return None
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        lines = text(cell).split("\n")
        if "# BEGIN SOLUTION" in text(cell) and any(
            line.startswith((f"def {exercise}(", f"class {exercise}(", f"class {exercise}:")) for line in lines
        ):
            kept = [line for line in lines if line.strip() not in ("# BEGIN SOLUTION", "# END SOLUTION")]
            return stem, "\n".join(kept)
    return None
