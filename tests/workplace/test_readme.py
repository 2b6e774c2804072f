"""The README's figures are those of the course, and what it points to is there."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from utils.cli.course import VERBS
from utils.grading import catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "book" / "install.md").read_text(encoding="utf-8")
# A teacher's and an author's have pages of their own; the others are met on the way.
ELSEWHERE = {"class", "dev", "learn", "torch"}


def test_the_readme_fits_on_a_screen():
    """A newcomer's door: a picture of a verdict, how to start, and where to read on."""
    assert len(README.splitlines()) <= 60
    assert "](book/images/lite.png)" in README
    assert "make learn" in README


def test_the_table_of_chapters_counts_right():
    """Questions, exercises and how many questions need torch for the learner's own answer."""
    rows = re.findall(r"^\| (\d) · (.+?) \| (\d+) \| (\d+) \| (\d*) \|$", README, re.MULTILINE)
    questions, exercises, torch = Counter(), Counter(), Counter()
    for entry in catalogue.entries().values():
        questions[entry["chapter"]] += 1
        exercises[entry["chapter"]] += len(entry["exercises"])
        torch[entry["chapter"]] += bool(entry["torch"])
    wanted = [
        (str(chapter), names[0], str(questions[chapter]), str(exercises[chapter]), str(torch[chapter] or ""))
        for chapter, names in catalogue.CHAPTERS.items()
    ]

    assert wanted == rows
    total = f"| together | {questions.total()} | {exercises.total()} | {torch.total()} |"
    assert total in README


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "book/install.md"])
def test_every_link_leads_somewhere(page):
    """To a file that exists, and to a heading that it has; addresses of others are not asked."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text))
    for target, heading in links:
        if not target.startswith("https://"):
            path = (ROOT / page).parent / target if target else ROOT / page
            assert path.exists(), target
            assert not heading or heading in _anchors(path), f"{target}#{heading}"


def _anchors(page):
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_verb_of_the_learner_is_on_the_page_of_commands():
    """And the page names none that `course` does not have."""
    named = set(re.findall(r"(?m)^course (\w+)", INSTALL))

    assert named <= set(VERBS)
    assert set(VERBS) - named <= ELSEWHERE


def test_the_images_use_the_same_pins():
    """And the container's settings are JSON, comments aside."""
    assert "constraints.txt" in (ROOT / "Dockerfile").read_text()
    assert "constraints.txt" in (ROOT / ".binder" / "requirements.txt").read_text()
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    assert json.loads(re.sub(r"(?m)^\s*//.*$", "", text))["remoteUser"] == "learner"


def test_the_line_for_colab_changes_nothing_that_is_installed_there():
    """Only the course itself comes; a notebook's check needs NumPy alone (tests/test_tree.py)."""
    (line,) = re.findall(r"`(%pip install .*?)`", INSTALL)

    assert "--no-deps git+https://REPOSITORY" in line
