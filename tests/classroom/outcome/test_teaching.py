"""The teacher's page: what it shows is what the commands print today, and the recorded verdicts are what a grader says."""

import csv
import io
import random
import re
from pathlib import Path

import pytest

from utils.classroom import example
from utils.publishing import class_page
from utils.sandbox.batch import grade_files

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / class_page.FOLDER
PAGE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
VERDICTS = (FOLDER / class_page.VERDICTS).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Every command but the grading, run on the class with its recorded verdicts."""
    folder = tmp_path_factory.mktemp("class")
    class_page.ledger(folder, VERDICTS)
    return class_page.outputs(ROOT, folder)


def test_what_the_page_shows_is_up_to_date(outputs):
    """To the letter; else `course dev class` writes it anew. Only the grading's own words hold times."""
    stale = [name for name, text in outputs.items() if (FOLDER / name).read_text(encoding="utf-8") != text]

    assert [] == stale
    assert set(outputs) | {"grade.txt", class_page.VERDICTS} == {path.name for path in FOLDER.iterdir()}


def test_the_page_says_that_a_commit_s_date_proves_nothing():
    """And what does; `test_submissions.py` shows that the date of a commit is taken as it stands."""
    (said,) = [line for line in PAGE.split("\n") if "can give it any date" in line]

    assert "the time of the push as the hosting service records it" in said


def test_the_recorded_verdicts_are_what_the_grader_says(tmp_path):
    """A sample of the files, the shown student's among them, graded now."""
    files = [(f"{who}/{name}", text) for who, name, text, _ in example.hand_ins()]
    sample = random.Random(1).sample(files, 10) + [one for one in files if one[0].startswith(class_page.SHOWN)][-2:]
    for name, text in sample:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = {}
    for row in grade_files([tmp_path / name for name, _ in sample]):
        found[Path(row.file).relative_to(tmp_path).as_posix(), row.report.exercise] = row.report
    lines = {(line["file"], line["exercise"]): line for line in csv.DictReader(io.StringIO(VERDICTS))}

    assert len(found) > 18
    for key, report in found.items():
        line = lines[key]
        assert (line["status"], line["mistake"] or None) == (report.status, report.mistake), key
        assert (int(line["passed"]), int(line["total"])) == (report.passed, report.total), key
        assert line["message"] in ("", report.message), key


def test_every_hand_in_has_its_verdicts():
    """No file of the class is missing, none is there that nobody handed in."""
    recorded = {line["file"] for line in csv.DictReader(io.StringIO(VERDICTS))}

    assert {f"{who}/{name}" for who, name, _, _ in example.hand_ins()} == recorded


def test_every_block_and_every_command_of_the_page_exists(course):
    """What the page tells a teacher to type is there."""
    blocks = class_page.blocks(ROOT)
    named = re.findall(r"<!-- course: (\w+) -->", PAGE)
    verbs = set(re.findall(r"course class (\w+)", PAGE + "".join(blocks[name]() for name in named)))

    assert set(named) <= set(blocks)
    assert {"example", "grade", "gradebook", "feedback", "report", "similar", "export", "nbgrader"} == verbs
    for verb in verbs:
        assert 0 == course("class", verb, "--help").exit_code, verb


def test_the_links_to_whole_pages_lead_somewhere():
    """The site copies them beside the book."""
    linked = set(re.findall(r'href="class/([\w.]+)"', PAGE))

    assert linked == {name for name, _ in class_page.pages(ROOT)}


def test_the_drawings_are_one_block_of_html():
    """Markdown would end it at a blank line; every drawing has words."""
    drawn = class_page.charts(VERDICTS)

    assert "\n\n" not in drawn.strip()
    assert drawn.count("<svg") > 20
    assert all("aria-label" in tag or 'viewBox="0 0 10 10"' in tag for tag in re.findall(r"<svg[^>]*>", drawn))
