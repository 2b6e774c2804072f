"""A new edition of a question keeps every cell that a learner wrote, whatever they did to the old one."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import editions
from utils.workplace.merge import merge

NAMES = ["first", "second", "Third"]
GIVEN = ["# 15 · a title", "import numpy", "def first(x):\n    raise NotImplementedError()", "check(first)", "plt.show()",
         "def second(x):\n    raise NotImplementedError()", "check(second)", "plt.show()",
         "def second2(x):\n    return 1\n\nclass Third:\n    pass", "the end"]  # fmt: skip


def notebook(sources):
    """A blank as `editions.blank` gives it."""
    cells = [cell(source, f"cell-{i:02d}") for i, source in enumerate(sources)]
    made = {"edition": editions.edition(cells), "cells": {c["id"]: editions.digest(c) for c in cells}}
    return {"cells": cells, "metadata": {"course": made}, "nbformat": 4, "nbformat_minor": 5}


def cell(source, name):
    kind = "code" if any(sign in source for sign in ("(", "import", "def", "class")) else "markdown"
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source}


def sources(book):
    return [c["source"] for c in book["cells"]]


TEXTS = st.sampled_from(["my own words", "def first(x):\n    return x", "def second(x):\n    return 2 * x",
                         "def first(x):\n    return 1\n\ndef second(x):\n    return 2", "class Third:\n    mine = 1",
                         "def broken(", "plt.show()", "print(1)", "check(first)"])  # fmt: skip
EDIT = st.tuples(
    st.sampled_from(["edit", "add", "delete", "move", "copy"]), st.integers(0, 30), st.integers(0, 30), TEXTS
)
# No edition asks for the same exercise twice; all else may come again.
EDITION = st.lists(st.sampled_from([*GIVEN, "a new cell", "print('new')", "# another title"]), max_size=14).filter(
    lambda texts: all(texts.count(text) < 2 for text in GIVEN if "def " in text)
)


def edited(book, edits):
    """The copy after a learner's edits; each text of theirs can be told apart."""
    mine, own = copy.deepcopy(book), []
    cells = mine["cells"]
    for number, (what, here, there, words) in enumerate(edits):
        text = f"{words}  # mine {number}"
        if what == "add":
            cells.insert(here % (len(cells) + 1), cell(text, f"new{number}"))
        elif not cells:
            continue
        elif what == "edit":
            cells[here % len(cells)]["source"] = text
        elif what == "delete":
            cells.pop(here % len(cells))
        elif what == "move":
            cells.insert(there % len(cells), cells.pop(here % len(cells)))
        else:
            cells.insert(there % len(cells), copy.deepcopy(cells[here % len(cells)]) | {"id": f"copy{number}"})
    own = [c["source"] for c in cells if "# mine" in c["source"]]
    return mine, own


@settings(max_examples=300, deadline=None)
@given(st.lists(EDIT, max_size=12), EDITION, st.booleans())
def test_no_text_of_the_learners_is_ever_lost(edits, new, known):
    """After edits, moves, copies and deletions, for any new edition; also for copies of unknown edition."""
    mine, own = edited(notebook(GIVEN), edits)
    if not known:
        del mine["metadata"]["course"]
    before = json.dumps(mine)
    result = merge(mine, notebook(new), NAMES).notebook

    assert sorted(own) == sorted(s for s in sources(result) if "# mine" in s)
    assert len(result["cells"]) == len({c["id"] for c in result["cells"]})
    assert before == json.dumps(mine)
    assert notebook(new)["metadata"] == result["metadata"]


@settings(max_examples=200, deadline=None)
@given(st.lists(EDIT, max_size=12), EDITION)
def test_of_a_copy_that_knows_no_edition_only_the_learners_text_is_carried(edits, new):
    """Where it is known what earlier versions had, none of that stays behind; what was edited or added is all there."""
    mine, own = edited(notebook(GIVEN), edits)
    del mine["metadata"]["course"]
    earlier = {editions.digest(c) for c in notebook(GIVEN)["cells"]}
    result = sources(merge(mine, notebook(new), NAMES, lambda c: editions.digest(c) in earlier).notebook)

    assert sorted(own) == sorted(s for s in result if "# mine" in s)
    assert set(result) <= {*own, *new}


@settings(max_examples=100, deadline=None)
@given(st.lists(EDIT, max_size=8), EDITION, EDITION)
def test_through_two_editions_nothing_is_lost(edits, second, third):
    """Each update starts from what the one before it left."""
    mine, own = edited(notebook(GIVEN), edits)
    once = merge(mine, notebook(second), NAMES).notebook
    result = merge(once, notebook(third), NAMES).notebook

    assert sorted(own) == sorted(s for s in sources(result) if "# mine" in s)


@settings(max_examples=100, deadline=None)
@given(st.lists(EDIT, max_size=8), EDITION)
def test_a_second_update_changes_nothing(edits, new):
    """What was carried over once is known as the learner's, and stays where it is."""
    once = merge(edited(notebook(GIVEN), edits)[0], notebook(new), NAMES).notebook
    twice = merge(once, notebook(new), NAMES).notebook

    assert sorted(sources(once)) == sorted(sources(twice))


@given(EDITION)
def test_an_untouched_copy_becomes_the_new_edition(new):
    """Nothing of the old edition stays behind."""
    assert notebook(new) == merge(notebook(GIVEN), notebook(new), NAMES).notebook


def test_an_answer_takes_the_place_of_its_blank():
    """By name, though cells were added before it and its check has changed."""
    mine = notebook(GIVEN)
    mine["cells"][2]["source"] = "def first(x):\n    return x"
    new = ["# 15 · a title", "a new cell", *GIVEN[1:3], "check(first)  # newly", *GIVEN[4:]]
    done = merge(mine, notebook(new), NAMES)

    assert [*new[:3], "def first(x):\n    return x", *new[4:]] == sources(done.notebook)
    assert (["first"], 0, 0) == (done.answers, done.edited, done.beside)


def test_added_cells_follow_their_neighbour_and_edited_ones_stay_edited():
    """Also where the edition before them grew."""
    mine = notebook(GIVEN)
    mine["cells"][1]["source"] = "import numpy, scipy"
    mine["cells"].insert(4, cell("my note", "n"))
    done = merge(mine, notebook(["a new cell", *GIVEN]), NAMES)

    assert ["a new cell", GIVEN[0], "import numpy, scipy", *GIVEN[2:4], "my note", *GIVEN[4:]] == sources(done.notebook)
    assert ([], 1, 1) == (done.answers, done.edited, done.beside)


def test_of_two_answers_the_last_counts_and_both_stay():
    """As in the kernel, where the last one run is checked."""
    mine = notebook(GIVEN)
    mine["cells"][2]["source"] = "def first(x):\n    return 1"
    mine["cells"].insert(3, cell("def first(x):\n    return 2", "n"))
    result = sources(merge(mine, notebook(GIVEN), NAMES).notebook)

    assert result.index("def first(x):\n    return 1") < result.index("def first(x):\n    return 2")
    assert GIVEN[2] not in result


@pytest.mark.parametrize("part", ["outputs", "attachments"])
def test_pictures_and_outputs_come_along(part):
    """An answer's cell is carried whole."""
    mine = notebook(GIVEN)
    mine["cells"][2] |= {"source": "def first(x):\n    return x", part: ["something"]}
    result = merge(mine, notebook(GIVEN), NAMES).notebook

    assert ["something"] == result["cells"][2][part]
