"""A claim's verdict follows from its conditions and from nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.folklore import MIME, trial

EVIL = "<script>&"


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(st.text(), st.booleans() | st.booleans().map(np.bool_), min_size=1))
def test_the_verdict_follows_from_the_conditions(where):
    """All true: it holds; none: it does not; some: it holds only if."""
    kept = sum(map(bool, where.values()))
    expected = "holds" if kept == len(where) else "does not hold" if not kept else "holds only if lr < 2/L"
    ruling = trial("a claim", where, only_if="lr < 2/L")

    assert expected == ruling.verdict
    assert ruling == expected
    assert ruling != "another verdict"


def test_a_trial_is_readable():
    """As text a trial shows the claim, each condition with its sign, and the verdict."""
    ruling = trial("a larger step is faster", {"lr = 0.9": True, "lr = 1.1": np.bool_(False)}, only_if="lr < 1")

    assert [
        "Claim: a larger step is faster",
        "  ✓ lr = 0.9",
        "  ✗ lr = 1.1",
        "Verdict: it holds only if lr < 1.",
    ] == repr(ruling).split("\n")


@pytest.mark.parametrize("kept", [(True, True), (False, False), (True, False)])
def test_a_trial_shows_itself_in_every_form(kept):
    """Text, HTML and the data that the book collects say the same."""
    ruling = trial("the claim", dict(zip(("first", "second"), kept, strict=True)), only_if="first")
    shown = ruling._repr_mimebundle_(include=None, exclude=None)

    assert repr(ruling) == shown["text/plain"]
    assert {"claim": "the claim", "verdict": ruling.verdict} == shown[MIME]
    assert "application/vnd.course.trial+json" == MIME
    assert ["✓" if k else "✗" for k in kept] == [sign for sign in shown["text/html"] if sign in "✓✗"]
    assert all(word in shown["text/html"] for word in ("the claim", "first", "second", ruling.verdict))


def test_html_is_escaped():
    """A claim about a < b is shown as it is written."""
    html = trial(EVIL, {EVIL: True, "other": False}, only_if=EVIL)._repr_mimebundle_()["text/html"]

    assert EVIL not in html
    assert 3 == html.count("&lt;script&gt;&amp;")


def test_partly_true_needs_a_condition():
    """A claim that held here and not there must say where."""
    with pytest.raises(ValueError, match=r"\{'a': True, 'b': False\}\): say which in only_if="):
        trial("a claim", {"a": np.bool_(True), "b": False})


def test_nothing_tried_is_no_trial():
    """A claim without a condition proves nothing."""
    with pytest.raises(ValueError, match="at least one condition"):
        trial("a claim", {})


@pytest.mark.parametrize("value", [float("nan"), "False", None, 0.3, 2, [], np.array([True, False])], ids=repr)
def test_a_condition_is_true_or_false(value):
    """NaN, a text or a number would pass for true or false unnoticed, so they are refused."""
    with pytest.raises(ValueError, match=r"a condition is True or False|truth value"):
        trial("a claim", {"it holds": value})


def test_a_trial_does_not_change_afterwards():
    """What was ruled stays, also when the dictionary of conditions goes on being used."""
    where = {"a": True}
    ruling = trial("a claim", where)
    where["a"] = False

    assert "holds" == ruling.verdict


def test_a_trial_is_equal_to_its_verdict_alone():
    """A trial compares with text; with anything else it is merely itself."""
    ruling = trial("a claim", {"a": True})

    assert ruling in (None, ruling)
    assert ruling != trial("a claim", {"a": True})
    assert ruling != 1
