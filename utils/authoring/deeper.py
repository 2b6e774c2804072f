"""Deeper parts of a text: runs of cells tagged `deeper`, folded wherever they are shown."""

from collections.abc import Iterator

from nbformat import NotebookNode

HEAD = "### Deeper: "


def tags(cell: NotebookNode) -> list[str]:
    """A cell's tags."""
    return cell.metadata.get("tags", [])


def is_head(cell: NotebookNode) -> bool:
    """Does a deeper part begin here?"""
    return "deeper" in tags(cell) and cell.cell_type == "markdown" and cell.source.startswith(HEAD)


def runs(cells: list[NotebookNode]) -> Iterator[list[NotebookNode]]:
    """Each deeper part, its heading's cell first."""
    run: list[NotebookNode] = []
    for cell in cells:
        if run and ("deeper" not in tags(cell) or is_head(cell)):
            yield run
            run = []
        run += [cell] if "deeper" in tags(cell) else []
    if run:
        yield run


def problems(cells: list[NotebookNode]) -> Iterator[str]:
    """What would fold too much or too little: JupyterLab folds from a heading to the next one of its level."""
    for index, cell in enumerate(cells):
        before = "deeper" in tags(cells[index - 1]) if index else False
        if "deeper" in tags(cell):
            if not before and not is_head(cell):
                yield f"cell {index}: a deeper part begins with a markdown cell '{HEAD}title'"
            if cell.cell_type == "markdown" and not is_head(cell) and _has_heading(cell):
                yield f"cell {index}: headings inside a deeper part are of the fourth level"
        elif before and not cell.source.startswith("## "):
            yield f"cell {index}: deeper parts stand at the end of their section, and '## ' comes after them"


def _has_heading(cell: NotebookNode) -> bool:
    return any(line.startswith(("# ", "## ", "### ")) for line in cell.source.split("\n"))
