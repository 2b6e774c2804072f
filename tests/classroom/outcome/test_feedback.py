"""A page for each student: what `check` says and a first hint, never the solution, readable on a phone."""

import html
import json
import re
from pathlib import Path

import pytest

from utils.classroom import feedback
from utils.classroom.roster import Student

ROOT = Path(__file__).parents[3]
SAID = (
    "Your mistake: eps outside the root. Case: eight samples. Call: batchnorm_forward(x=…). Got: out: [1.0]. "
    "Expected: out: [2.0]. Where: 3 of 24 entries. eps belongs under the root, √(var + eps); √var + eps is another "
    "function where the variance is small."
)


@pytest.fixture
def pages(course, out):
    """A function that runs `course class feedback` on rows and gives the pages by name."""

    def make(*rows, words=()):
        folder = out(*rows)
        done = course("class", "feedback", folder, *words)
        assert 0 == done.exit_code, done.output
        return {path.name: path.read_text(encoding="utf-8") for path in (folder / "feedback").iterdir()}

    return make


def test_it_names_the_mistake_and_shows_what_check_says(pages, row):
    """Got, Expected and Where as a list, the advice after it, the line."""
    page = pages(row("s1", status="wrong", mistake="eps outside the root", message=SAID, line=7))["s1.html"]

    assert "Your mistake: <b>eps outside the root</b>" in page
    for label, text in (("Got", "out: [1.0]"), ("Expected", "out: [2.0]"), ("Where", "3 of 24 entries")):
        assert f"<dt>{label}</dt><dd><code>{text}</code></dd>" in page
    assert "→ eps belongs under the root" in page
    assert "line 7 of your answer" in page


def test_no_exercises_page_holds_its_solution(pages, row):
    """Every exercise of the course, wrong over and over: no line of the solved code that says how, and not the last hint."""
    names = feedback.catalogue.exercise_names()
    rows = [row("s1", name, "wrong", day, mistake="m") for name in names for day in (1, 2, 3)]
    (page,) = pages(*rows).values()

    for path in (ROOT / "solutions").glob("*.py"):
        parts = re.findall(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION", path.read_text(encoding="utf-8"), re.DOTALL)
        lines = [line.strip() for part in parts for line in part.split("\n") if len(line.strip()) > 40]
        assert lines
        assert not [line for line in lines if html.escape(line) in page], path
    for name in names:
        ladder = feedback.hints(name)
        if len(ladder) > 2:
            assert feedback.prose(ladder[-1]) not in page, name


def test_a_second_hint_after_three_hand_ins_with_the_same_mistake(pages, row):
    """The first hint did not help."""
    once = pages(row("s1", status="wrong", mistake="eps forgotten"))["s1.html"]
    stuck = [row("s1", status="wrong", mistake="eps forgotten", day=day) for day in (1, 2, 3)]

    assert 1 == once.count("<summary>Hint")
    page = pages(*stuck)["s1.html"]
    assert 2 == page.count("<summary>Hint")
    assert "1 Nov to 3 Nov, 3 times: eps forgotten" in page


def test_it_asks_no_other_host_and_needs_no_script(pages, row):
    """One file that can be mailed; only `--site` puts links in."""
    page = pages(row("s1", status="wrong"), row("s1", "nms"))["s1.html"]

    assert not re.search(r"https?://|<script|<link|@import|url\(|src=", page)
    assert 'name="viewport" content="width=device-width' in page
    linked = pages(row("s1", status="wrong"), words=("--site", "https://c.example/b/"))["s1.html"]
    assert ["https://c.example/b/questions/15_batchnorm_forward.html#the-idea"] == re.findall(r'href="([^"]+)"', linked)


def test_what_a_student_wrote_is_text_and_not_markup(pages, row):
    """Names and messages come from strangers."""
    evil = "<img src=x onerror=alert(1)>"
    (page,) = pages(row(evil, status="error", message=f"Got: {evil}.", mistake=None, file="a.py")).values()

    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_file_names_are_safe_and_no_two_the_same():
    """No id leads out of the folder or over another's page, also where a system ignores case."""
    ids = ["../x", ".._x", "a b", "a_b", "Ada", "ada", "李", "..", "ünï"]
    names = feedback.file_names([Student(id_) for id_ in ids])

    assert len(ids) == len({name.casefold() for name in names.values()})
    assert not [name for name in names.values() if "/" in name or name.startswith(".")]


def test_points_and_late_days_stand_beside_each_verdict(pages, row):
    """With what the penalty took."""
    words = ("--deadline", "2026-11-02T12:00", "--penalty", 0.25)
    page = pages(row("s1", day=4), row("s1", "nms", "machine"), words=words)["s1.html"]

    assert "0.5 of 1 points, 2 days late; penalty for 2" in page
    assert "not judged: the machine failed" in page
    eaten = pages(row("s1", day=12), words=("--deadline", "2026-11-02T12:00"))["s1.html"]
    assert "0 of 1 points, 10 days late; penalty for 10" in eaten


def test_json_lists_the_pages(course, out, row):
    """For a program that mails them."""
    found = json.loads(course("class", "feedback", out(row("s1"), row("s2")), "--json").output)

    assert ["s1.html", "s2.html"] == found["files"]


def test_a_site_that_is_no_address_is_refused(course, out, row):
    """A link that runs something must not get in."""
    assert 2 == course("class", "feedback", out(row("s1")), "--site", "javascript:alert(1)").exit_code


def test_every_formula_of_a_hint_is_drawn():
    """By matplotlib's TeX; the one matrix of the course stays as TeX."""
    from utils.classroom.formula_svg import drawn

    texts = [text for name in feedback.catalogue.exercise_names() for text in feedback.hints(name)]
    formulas = {tex for text in texts for tex in re.findall(r"\$\$?([^$]+)\$\$?", text)}
    shown = {tex for tex in formulas if drawn(tex).startswith("<code>")}

    assert len(formulas) > 50
    assert {r"\begin{pmatrix}1&2\\2&1\end{pmatrix}"} == shown


def test_an_unreadable_file_gets_a_page_that_says_what_to_do(pages, row):
    """Its student handed something in; nobody else's page says it."""
    broken = row("s1", None, "error", file="s1/broken.ipynb", message="Got: it is not a Jupyter notebook.")
    found = pages(broken, row("s2"))

    assert "broken.ipynb: it is not a Jupyter notebook." in found["s1.html"]
    assert "<code>course check FILE</code> shows whether it can be read" in found["s1.html"]
    assert "broken.ipynb" not in found["s2.html"]


def test_pages_of_an_earlier_run_are_told_and_stay(course, out, row):
    """They may be somebody's own file."""
    folder = out(row("s1"))
    (folder / "feedback").mkdir()
    (folder / "feedback" / "old.html").write_text("before")
    done = course("class", "feedback", folder)

    assert "left from an earlier run" in done.output
    assert "old.html" in done.output
    assert "before" == (folder / "feedback" / "old.html").read_text()
    assert "s1.html" not in done.output
