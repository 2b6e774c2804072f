"""A reader's time: what a text says it takes is what it takes, and the short answers are short."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from utils.authoring import build, minutes, reading
from utils.grading import catalogue

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("stem", catalogue.entries())
def test_a_text_keeps_a_reader_s_time(stem):
    """Stated minutes are the computed ones; the short answer can be spoken in half a minute, in both languages."""
    problems = list(reading.unmet(build.read_source(ROOT / "solutions" / f"{stem}.py")))

    assert [] == problems


def cell(text, *tags, code=False):
    make = nbformat.v4.new_code_cell if code else nbformat.v4.new_markdown_cell
    return make(text, metadata={"tags": list(tags)})


@pytest.mark.parametrize(
    ("shown", "load"),
    [
        (cell("Two words, $x = 1$ and $y$."), dict(words=5)),
        (cell("A formula\n\n$$\nx = 1\n$$\n\nand `code`."), dict(words=4, formulas=1)),
        (cell("*中文问题* word"), dict(words=1)),
        (cell("## Answer in 30 seconds\n\n\"Short.\"\n\n### 三十秒回答\n\n“短 BN。”"), dict(words=5)),
        (cell("<details><summary>Hint 1: look</summary>there</details>", "hint"), {}),
        (cell("<details><summary>Why so?</summary>\n\nBecause.\n\n</details>"), dict(words=3)),
        (cell("## References\n\n- many words"), {}),
        (cell("x = 1\n\ny = 2  # why\n", code=True), dict(lines=2)),
        (cell("def f():\n    # BEGIN SOLUTION\n    a\n    b\n    c\n    # END SOLUTION", code=True), dict(lines=3)),
        (cell("check(f)", code=True), dict(lines=1, exercises=1)),
        (cell("ax.plot(x)\nplt.show()", "hide-input", code=True), dict(figures=1)),
        (cell('plots.curves(s, "a", "b", "t", ax=plots.color("adam"))', code=True), dict(lines=1, figures=1)),
        (cell('colour = plots.color("adam")', code=True), dict(lines=1)),
        (cell("common_mistakes(f)", "solution", code=True), {}),
    ],
)  # fmt: skip
def test_what_a_reader_meets_is_counted(shown, load):
    """Words, displayed formulas, lines of code in sight, exercises, figures; nothing that is folded away or looked up."""
    assert minutes.Load(**load) == minutes.of([shown])


def test_minutes_follow_the_formula():
    """170 words, 20 lines, one of each."""
    assert 1 + 1.2 + 1 + 6 + 0.5 == pytest.approx(minutes.Load(170, 1, 20, 1, 1).minutes)


def test_deeper_parts_are_counted_apart():
    """They belong to nobody's core path."""
    notebook = nbformat.v4.new_notebook(cells=[cell("one two"), cell("### Deeper: three", "deeper")])

    assert 2 == minutes.core(notebook).words
    assert 2 == minutes.beyond(notebook).words


@pytest.mark.parametrize(("stated", "fine"), [(31, False), (32, True), (40, True), (50, True), (51, False)])
def test_stated_minutes_lie_within_a_quarter(stated, fine):
    """Of the computed ones, and these of them."""
    assert fine == minutes.agrees(stated, minutes.Load(words=170 * 40))


@pytest.mark.parametrize("stem", catalogue.entries())
def test_a_cell_shows_nothing_that_is_only_the_author_s(stem):
    """No linter's comment, and no bare assert: it would be the author's error where the learner's answer is wrong."""
    cells = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")

    assert [] == re.findall(r".*# *(?:noqa|fmt: ?\w+|type: ignore|pylint|ruff:|pragma).*", code)
    assert [] == [ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assert)]
