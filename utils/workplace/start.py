"""The page on which JupyterLab opens, 00_start_here.ipynb: made anew at every start, unless its owner has edited it."""

import re
from pathlib import Path

from utils import editions
from utils.grading import catalogue, disk
from utils.grading.progress import SIGN, states
from utils.workplace import folder

NAME = "00_start_here.ipynb"
SOURCE = Path(__file__).with_name("start_here.md")
_KERNEL = {"display_name": "Vision interviews", "language": "python", "name": "python3"}
NOW = "from utils import progress\n\nprogress()"


def lay_out(home: Path) -> Path:
    """Write the page into work/; one that its owner has edited stays as it is."""
    path = home / "work" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or _is_ours(path):
        disk.write(path, editions.as_text(page()))
    return path


def _is_ours(path: Path) -> bool:
    notebook = folder.read(path)
    return notebook is not None and editions.made_from(notebook)[0] == editions.edition(notebook["cells"])


def page() -> dict:
    """The page as nbformat's JSON: one cell a section, and one that shows the progress of the moment."""
    text = SOURCE.read_text(encoding="utf-8").replace("{table}", _table())
    text = re.sub(r"\{(\d\d)\}", lambda match: _short(match[1]), text)
    parts = re.split(r"\n(?=## )", text.strip())
    cells = [_cell("markdown", f"start-{at}", part.strip()) for at, part in enumerate(parts)]
    cells.append(_cell("code", "start-now", NOW) | {"execution_count": None, "outputs": []})
    made = {"edition": editions.edition(cells), "cells": {}}
    metadata = {"kernelspec": _KERNEL, "course": made}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, identity: str, source: str) -> dict:
    return {"cell_type": kind, "id": identity, "metadata": {}, "source": source}


def _short(number: str) -> str:
    """A link of a few words; in a sentence the number is not enough, and the title is too long in a list."""
    stem = next((stem for stem in catalogue.entries() if stem[:2] == number), None)
    return f"[{number} {catalogue.slug(stem).replace('_', ' ')}]({stem}.ipynb)" if stem else number


def _table() -> str:
    state, lines = states(), []
    for chapter, (english, chinese) in catalogue.CHAPTERS.items():
        rows = [(stem, entry) for stem, entry in catalogue.entries().items() if entry["chapter"] == chapter]
        if rows:
            lines += [
                "",
                f"**{chapter} · {english} · {chinese}**",
                "",
                "| | question | minutes | |",
                "|---|---|---|---|",
            ]
        for stem, entry in rows:
            signs = "".join(SIGN[state[name]] for name in entry["exercises"])
            torch = "torch" if entry["torch"] else ""
            words = editions.title(stem).replace("|", "\\|")
            lines.append(f"| {signs} | [{words}]({stem}.ipynb) | {entry['minutes']} | {torch} |")
    return "\n".join(lines).strip()
