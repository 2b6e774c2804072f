"""The README's figures are those of the course."""

import json
import re
from collections import Counter
from pathlib import Path

from utils.grading import catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_every_link_of_the_readme_leads_somewhere():
    """Files only; addresses of others are not asked."""
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_images_use_the_same_pins():
    """And the container's settings are JSON, comments aside."""
    assert "constraints.txt" in (ROOT / "Dockerfile").read_text()
    assert "constraints.txt" in (ROOT / ".binder" / "requirements.txt").read_text()
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    assert json.loads(re.sub(r"(?m)^\s*//.*$", "", text))["remoteUser"] == "learner"


def test_the_line_for_colab_changes_nothing_that_is_installed_there():
    """Only the course itself comes; a notebook's check needs NumPy alone (tests/test_tree.py)."""
    (line,) = re.findall(r"`(%pip install .*?)`", README)

    assert "--no-deps git+https://REPOSITORY" in line
