"""The executed pair of a solution: when it must be run again, and the run."""

import base64
import io
import re
from pathlib import Path

import nbformat

from utils.authoring import build

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def needs_execution(source: build.Source) -> bool:
    """Is the executed pair missing, made from another text, or not run from top to bottom?"""
    path = source.path.with_suffix(".ipynb")
    if not path.exists():
        return True
    executed = nbformat.read(path, as_version=4)
    wanted = build.solved_notebook(source)
    cells = list(zip(executed.cells, wanted.cells, strict=False))
    if (
        executed.metadata != wanted.metadata
        or len(executed.cells) != len(wanted.cells)
        or any(a.source != b.source or a.metadata != b.metadata for a, b in cells)
    ):
        return True
    counts = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    return counts != list(range(1, len(counts) + 1))


def retag(source: build.Source) -> bool:
    """Give the executed pair the tags and marks of its source where nothing else differs; was there a difference?"""
    path, wanted = source.path.with_suffix(".ipynb"), build.solved_notebook(source)
    if not path.exists():
        return False
    executed = nbformat.read(path, as_version=4)
    if [cell.source for cell in executed.cells] != [cell.source for cell in wanted.cells]:
        return False
    before = build.as_ipynb(executed)
    for cell, marked in zip(executed.cells, wanted.cells, strict=True):
        cell.metadata = marked.metadata
    path.write_text(after := build.as_ipynb(executed), encoding="utf-8")
    return after != before


def slim(png: str) -> str:
    """A figure in base64 with a palette of 256 colours, a third of its size, when that is smaller."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256, Image.Quantize.MEDIANCUT).save(file := io.BytesIO(), "PNG", optimize=True)
    return min(png, base64.b64encode(file.getvalue()).decode(), key=len)


def execute(source: build.Source) -> Path:
    """Run a solution from top to bottom in a fresh kernel and write its executed pair; SourceError where it stops."""
    import os

    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = build.solved_notebook(source)
    # one thread, as in the tests: sums over several depend on how many there are
    os.environ |= {"COURSE_PROGRESS": "off", "OMP_NUM_THREADS": "1", "COURSE_STRICT": "1"}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False,
                            resources={"metadata": {"path": str(source.path.parent)}})  # fmt: skip
    try:
        client.execute()
    except CellExecutionError as error:
        raise build.SourceError(f"{source.path.name} stopped.\n{_COLOURS.sub('', str(error)).strip()}") from None
    unrun = build.solved_notebook(source)
    notebook.metadata = unrun.metadata  # without the version of the machine's Python
    for cell, before in zip(notebook.cells, unrun.cells, strict=True):
        cell.metadata = before.metadata
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = slim(output.data["image/png"])
    path = source.path.with_suffix(".ipynb")
    path.write_text(build.as_ipynb(notebook), encoding="utf-8")
    return path
