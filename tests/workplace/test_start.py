"""The page on which JupyterLab opens."""

import re

import nbformat
import pytest

from utils.grading import catalogue
from utils.workplace import start


def test_it_is_a_notebook_with_a_link_to_every_question(env):
    """Valid, and every link leads to a notebook that work/ has."""
    path = start.lay_out(env)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)

    assert set(catalogue.entries()) == set(re.findall(r"\]\((\d\d_\w+)\.ipynb\)", text))
    assert not re.search(r"\{.*\}", text), "a mark was not replaced"


def test_it_shows_states_of_the_last_start_and_is_made_anew(env):
    """An attempt changes the page at the next start."""
    start.lay_out(env)
    name = next(iter(next(iter(catalogue.entries().values()))["exercises"]))
    (env / "progress.jsonl").write_text(
        f'\n{{"time": "2026-01-01T00:00:00+00:00", "exercise": "{name}", "status": "right"}}'
    )

    assert "| ●" in start.lay_out(env).read_text(encoding="utf-8")


def test_a_page_with_notes_of_its_owner_stays(env):
    """It is the learner's as soon as they write on it; outputs do not count."""
    path = start.lay_out(env)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="●")]
    nbformat.write(notebook, path)
    start.lay_out(env)
    assert [] == nbformat.read(path, as_version=4).cells[-1].outputs

    notebook.cells[0].source += "\n\nmy note"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    start.lay_out(env)
    assert before == path.read_bytes()


@pytest.mark.parametrize("heading", ["One day", "Three days"])
def test_the_plans_are_those_of_the_book(heading, env):
    """The same questions in the same order as book/study.md."""
    study = (start.SOURCE.parents[2] / "book" / "study.md").read_text(encoding="utf-8")
    part = re.split(r"\n## ", study.split(f"\n## {heading}\n")[1])[0]
    wanted = re.findall(r"^\| \[(\d\d) ·", part, re.MULTILINE)
    line = next(line for line in start.SOURCE.read_text(encoding="utf-8").split("\n") if f"**{heading}:**" in line)

    assert wanted == re.findall(r"\{(\d\d)\}", line)
