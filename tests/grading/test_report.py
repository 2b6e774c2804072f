"""A verdict as text, HTML and JSON says the same, safely, and the same every time."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from utils.grading import report, report_html
from utils.grading.compare import difference
from utils.grading.report import Report
from utils.grading.report_html import picture

EVIL = "<script>alert('&')</script>"
WRONG = Report(
    "adam_step", report.WRONG, 2, 13, "no bias correction",
    (("Case", "the first step"), ("Call", "adam_step(theta=[1.0])"), ("Where", "1 of 1 entries.")),
    "m and v start at zero.",
)  # fmt: skip


def gap(got, want):
    return difference(np.asarray(got, float), np.asarray(want, float), 1e-6, 1e-10)


class Page(HTMLParser):
    """Tags, text and attributes of a piece of HTML; notes what is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.attributes = [], [], "", {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.setdefault(tag, []).append(dict(attrs))
        self.open += [tag] if tag != "img" else []

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        self.text += data


def squares(text):
    """The picture in a piece of HTML: (width, height, colours of its squares in order)."""
    data = re.search(r"data:image/svg\+xml;base64,([^\"]+)", text)[1]
    svg = ElementTree.fromstring(base64.b64decode(data))
    shapes = [node for node in svg if node.tag.endswith("rect")]
    return int(svg.get("width")), int(svg.get("height")), [n.get("stroke") or n.get("fill") for n in shapes]


# ---- text -------------------------------------------------------------------------------------------------------


def test_the_text_has_everything_in_order():
    """A terminal shows the status, the mistake, the facts in a column and the next step."""
    assert [
        "✗ adam_step · wrong · 2 of 13 cases",
        "  Your mistake: no bias correction",
        "  Case   the first step",
        "  Call   adam_step(theta=[1.0])",
        "  Where  1 of 1 entries.",
        "  → m and v start at zero.",
    ] == str(WRONG).split("\n")


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (report.RIGHT, "✓ f · right · 3 of 3 cases"),
        (report.BLANK, "○ f · not attempted"),
        (report.ERROR, "✗ f · error · 3 of 3 cases"),
        (report.TIMEOUT, "✗ f · timeout · 3 of 3 cases"),
        (report.MEMORY, "✗ f · memory · 3 of 3 cases"),
    ],
)
def test_every_status_has_its_sign(status, head):
    """Right, blank and wrong are told apart by a sign, not by a colour alone."""
    assert head == Report("f", status, 3, 3).to_text()
    assert head in Page(Report("f", status, 3, 3)._repr_html_()).text


def test_no_cases_are_not_counted():
    """A verdict on a file that could not be run does not say 0 of 0."""
    assert "✗ f · error" == Report("f", report.ERROR).to_text()


def test_colour_is_asked_for():
    """ANSI codes appear where they are asked for and nowhere else, and change no word."""
    coloured = WRONG.to_text(colour=True)

    assert "\033[1;31m" in coloured
    assert "\033[1;32m" in replace(WRONG, status=report.RIGHT).to_text(colour=True)
    assert WRONG.to_text() == re.sub(r"\033\[[\d;]*m", "", coloured)
    assert "\033" not in WRONG.to_text()


def test_long_text_is_wrapped_under_itself():
    """A long fact goes on under its own first word, and no word is broken."""
    long = replace(WRONG, facts=(("Call", "word " * 60 + "x" * 200),))
    lines = long.to_text().split("\n")[2:-1]

    assert lines[0].startswith("  Call  word")
    assert all(line.startswith("        ") for line in lines[1:])
    assert "x" * 200 == lines[-1].strip()
    assert all(len(line) <= 110 for line in lines[:-1])


def test_only_right_is_true():
    """`assert check(f)` passes for a right answer only."""
    assert [True] + [False] * 6 == [bool(Report("f", status)) for status in (report.RIGHT, report.BLANK, *report.BAD)]


# ---- JSON -------------------------------------------------------------------------------------------------------


def test_json_has_the_fields_of_the_contract():
    """What `course check --json` prints of a verdict is fixed."""
    assert {
        "exercise": "adam_step",
        "status": "wrong",
        "passed": 2,
        "total": 13,
        "mistake": "no bias correction",
        "line": None,
        "message": "Your mistake: no bias correction. Case: the first step. Call: adam_step(theta=[1.0]). "
        "Where: 1 of 1 entries. m and v start at zero.",
    } == json.loads(json.dumps(WRONG.to_json()))


def test_the_message_is_one_line():
    """Whatever the facts hold, the message is a single line."""
    message = replace(WRONG, facts=(("Got", "first\n\nsecond\tthird"),), advice=" ").message

    assert "Your mistake: no bias correction. Got: first second third." == message


# ---- HTML -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["exercise", "status", "mistake", "advice", "facts"])
def test_html_is_escaped_everywhere(where):
    """Text that looks like HTML is shown, not obeyed, wherever in the verdict it stands."""
    evil = replace(WRONG, **{where: ((EVIL, EVIL),) if where == "facts" else EVIL})
    page = Page(evil._repr_html_())

    assert "script" not in page.tags
    assert EVIL in page.text
    assert [] == page.open


def test_html_says_what_the_text_says():
    """Every word of the text is in the HTML."""
    text = Page(WRONG._repr_html_()).text

    assert [] == [word for word in str(WRONG).split() if word not in text]


def test_html_takes_the_theme_s_colours():
    """No text has a colour or background of its own, so that it reads on a dark page as on a light one."""
    html = replace(WRONG, difference=gap([1, 2], [1, 3]))._repr_html_()
    colours = re.findall(r"(?<![-\w])(?:color|background(?:-color)?):([^;\"]+)", html)

    assert {"inherit", "none", report_html.BLUE, report_html.ORANGE, report_html.GREY} == set(colours)


def test_a_verdict_looks_the_same_every_time():
    """The same verdict gives the same text and the same HTML, so that notebooks can be compared."""
    first, second = (replace(WRONG, difference=gap(np.arange(12.0), np.ones(12))) for _ in range(2))

    assert (str(first), first._repr_html_()) == (str(second), second._repr_html_())
    assert not re.search(r"0x[0-9a-f]{6,}", first._repr_html_())


# ---- the picture ------------------------------------------------------------------------------------------------


def test_the_picture_shows_where_arrays_differ():
    """One square an entry: right, wrong or not finite, row by row, with the count for those who cannot see it."""
    text = picture(gap([[1, 2, 3], [4, np.nan, np.inf]], [[1, 2, 0], [4, 5, 6]]))
    width, height, colours = squares(text)

    assert (3 * report_html.SIDE, 2 * report_html.SIDE) == (width, height)
    assert [
        report_html.BLUE,
        report_html.BLUE,
        report_html.ORANGE,
        report_html.BLUE,
        report_html.GREY,
        report_html.GREY,
    ] == colours
    assert "3 of 6 entries are wrong" == Page(text).attributes["img"][0]["alt"]


def test_squares_differ_in_form_and_stay_in_their_places():
    """Right is full, wrong is crossed and missing is hollow, each in its row and column, for who sees no colour."""
    text = picture(gap([[1, 0, np.nan], [1, 1, 1]], [[1, 1, 1], [1, 1, 1]]))
    svg = ElementTree.fromstring(base64.b64decode(re.search(r"base64,([^\"]+)", text)[1]))
    rects = [node for node in svg if node.tag.endswith("rect")]
    crosses = [node for node in svg if node.tag.endswith("path")]
    cells = [(int(r.get("y")) // report_html.SIDE, int(r.get("x")) // report_html.SIDE) for r in rects]
    ends = [
        (int(r.get(a)) + int(r.get(b))) % report_html.SIDE for r in rects for a, b in (("x", "width"), ("y", "height"))
    ]

    assert [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] == cells
    assert {report_html.SIDE - 1, report_html.SIDE - 2} == set(ends)
    assert ["none"] == [r.get("fill") for r in rects if r.get("stroke")]
    assert 1 == len(crosses)
    assert crosses[0].get("d").startswith(f"M{report_html.SIDE + 3} 3l")


def test_nan_where_nan_is_right_is_right():
    """A NaN that is asked for is no missing entry."""
    assert [report_html.BLUE, report_html.ORANGE] == squares(picture(gap([np.nan, 1], [np.nan, 2])))[2]


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4), (2, 2, 2, 2), (1, 5), (5, 1)])
def test_every_shape_has_a_picture(shape):
    """A vector is a row, and the first axes of a larger array are stacked."""
    width, height, colours = squares(picture(gap(np.ones(shape), np.zeros(shape))))

    assert (shape[-1] * report_html.SIDE, np.prod(shape[:-1], dtype=int) * report_html.SIDE) == (width, height)
    assert [report_html.ORANGE] * int(np.prod(shape)) == colours


def test_a_single_number_needs_no_picture():
    """Where there is nothing to lay out, nothing is drawn."""
    assert "" == picture(gap(1.0, 2.0))
    assert "" == picture(gap([1.0], [2.0]))
    assert "" == picture(difference(None, np.zeros(2), 1e-6, 1e-10))
    assert "img" not in Page(replace(WRONG, difference=gap(1.0, 2.0))._repr_html_()).tags


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (0, 0, "the first 16×32 of 50×40"),
        (15, 31, "the first 16×32 of 50×40"),
        (30, 35, "16×32 of 50×40, from [30, 8] on"),
        (49, 0, "16×32 of 50×40, from [34, 0] on"),
        (0, 39, "16×32 of 50×40, from [0, 8] on"),
    ],
)
def test_a_large_array_is_cut_to_where_it_is_wrong(row, column, words):
    """Of an array too large to draw, a part is shown that has something wrong in it, and which part is said."""
    got = np.zeros((50, 40))
    got[row, column] = 1
    text = picture(gap(got, np.zeros((50, 40))))

    assert 1 == squares(text)[2].count(report_html.ORANGE)
    assert report_html.MAX_ROWS * report_html.MAX_COLUMNS == len(squares(text)[2])
    assert words in text
    assert "1 of 2000 entries are wrong" in text


def test_backticks_are_code_in_html():
    """What stands in backticks is set as code, and stays escaped."""
    shown = Report("f", "wrong", advice="Write `x < 1`.")._repr_html_()

    assert "<code>x &lt; 1</code>" in shown
    assert "`" not in shown
