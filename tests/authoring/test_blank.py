"""Solutions vanish from a learner's cell to the last line, or the markers are reported."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.authoring.blank import BEGIN, END, STUB, MarkerError, blanked, is_solved

SOME = settings(max_examples=80, deadline=None, derandomize=True, database=None)
PLAIN_LINES = st.sampled_from(
    ["x = 1", "    return x", "", "# a comment", "    # the end of a solution is near", "def f(x):"]
)
INDENTS = st.sampled_from(["", "    ", "        ", "\t"])
SECRET = "secret = 42"


def test_a_region_becomes_the_stub():
    """What stands between the markers is replaced by the stub, indented as the marker was; all else stays."""
    solved = f'def f(x):\n    """Double."""\n    {BEGIN}\n    return 2 * x\n    {END}\n\nafter = 1'

    assert (
        'def f(x):\n    """Double."""\n    # YOUR CODE HERE\n    raise NotImplementedError()\n\nafter = 1'
        == blanked(solved, "15_x.py, cell 7")
    )


@SOME
@given(st.lists(PLAIN_LINES))
def test_a_cell_without_markers_stays_as_it_is(lines):
    """Code without markers is the learner's to read, byte by byte."""
    text = "\n".join(lines)

    assert text == blanked(text, "here")
    assert not is_solved(text)


@SOME
@given(
    st.lists(
        st.tuples(st.lists(PLAIN_LINES, max_size=3), INDENTS, st.integers(0, 3), st.sampled_from(["", "  ", "\r"]))
    )
)
def test_every_region_vanishes(regions):
    """However many regions a cell has, and however deep, no line of any of them is left, and no other is lost."""
    lines, kept = [], []
    for before, indent, secrets, trailing in regions:
        lines += [*before, f"{indent}{BEGIN}{trailing}", *[indent + SECRET] * secrets, f"{indent}{END}{trailing}"]
        kept += [*before, *(indent + line for line in STUB)]
    text = blanked("\n".join(lines), "here")

    assert "\n".join(kept) == text
    assert bool(regions) == is_solved("\n".join(lines))
    assert not is_solved(text)


@SOME
@given(INDENTS.filter(bool))
def test_what_is_left_is_python(indent):
    """A function whose body was the solution still parses, and raises NotImplementedError."""
    text = blanked(f"def f(x):\n{indent}{BEGIN}\n{indent}return x\n{indent}{END}", "here")
    module = {}
    exec(compile(ast.parse(text), "<blank>", "exec"), module)

    with pytest.raises(NotImplementedError):
        module["f"](1)


@SOME
@given(st.lists(st.sampled_from([BEGIN, END, "x = 1"]), max_size=6))
def test_markers_out_of_order_are_refused(lines):
    """Regions open and close in turn: anything else is an error that names the place and the line, never a leak."""
    opened, fault = None, None
    for number, line in enumerate(lines, start=1):
        if line == BEGIN:
            fault = fault or (opened and number)
            opened = number
        elif line == END:
            fault = fault or (not opened and number)
            opened = None
    fault = fault or opened
    if not fault:
        assert BEGIN not in blanked("\n".join(lines), "here")
        return

    with pytest.raises(MarkerError, match=rf"^15_x\.py, cell 7, line {fault}: "):
        blanked("\n".join(lines), "15_x.py, cell 7")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([BEGIN, BEGIN, END, END], "line 2: '# BEGIN SOLUTION' inside the region opened in line 1"),
        (["x = 1", BEGIN, "y = 2"], "line 2: '# BEGIN SOLUTION' is never closed"),
        (["x = 1", END], "line 2: '# END SOLUTION' without '# BEGIN SOLUTION' before it"),
        ([BEGIN, END, END], "line 3: '# END SOLUTION' without"),
    ],
    ids=["nested", "unclosed", "stray", "closed twice"],
)
def test_the_message_says_what_is_wrong_with_the_markers(lines, words):
    """Nested, unclosed and stray markers each have their own words."""
    with pytest.raises(MarkerError) as refused:
        blanked("\n".join(lines), "15_x.py, cell 7")

    assert f"15_x.py, cell 7, {words}" in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        "#BEGIN SOLUTION", "## BEGIN SOLUTION", "### BEGIN SOLUTION ###", "# begin solution", "# Begin Solution",
        "#  BEGIN SOLUTION", "# BEGIN  SOLUTION", "# BEGIN\tSOLUTION", "# BEGIN_SOLUTION", "# BEGIN-SOLUTION",
        "# BEGIN: SOLUTION", "# BEGINSOLUTION", "# BEGIN SOLUTION here", "# BEGIN SOLUTIONS", "x = 1  # BEGIN SOLUTION",
        "# END SOLUTION.", "#END SOLUTION", "return x  # END SOLUTION", "# --- END SOLUTION", "#\u00a0END SOLUTION",
    ],
)  # fmt: skip
def test_a_near_miss_is_refused(line):
    """A marker that is misspelt would leak the solution, so it is an error with the right spelling in it."""
    for text in (line, f"    {line}", f"{BEGIN}\n{line}\n{END}"):
        with pytest.raises(MarkerError, match="is nearly a marker; write '# BEGIN SOLUTION'") as refused:
            blanked(text, "here")

        assert repr(line.strip()) in str(refused.value)


def test_markers_may_be_followed_by_white_space():
    """Trailing blanks and a carriage return do not make a marker another."""
    assert "\n".join(STUB) == blanked(f"{BEGIN}  \r\n{SECRET}\r\n{END}\t", "here")
