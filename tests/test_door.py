"""What a learner calls in a notebook: check, hint, common_mistakes."""

import importlib
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import utils
from utils import door, editions
from utils.door import Hint, check, common_mistakes, hint, hints_of
from utils.grading import catalogue, judge
from utils.grading.mistakes_table import FIRST, Table
from utils.grading.report import Report

progress = importlib.import_module("utils.grading.progress")  # the attribute of that name is the door's function
history = progress.history


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None


@pytest.fixture
def two_exercises(monkeypatch):
    """A course of two exercises with three hints and one, none of which has been shown."""
    exercises = {"first": {"hints": ["a nudge", "a *push*", "nearly all"]}, "second": {"hints": ["the only one"]}}
    monkeypatch.setattr(catalogue, "entries", lambda: {"01_one": {"exercises": exercises}})
    monkeypatch.setattr(door, "_shown", {})


def test_check_gives_the_verdict_and_notes_the_attempt():
    """A checked function gets its verdict, and the log an entry with status and mistake."""

    def wrong(x, gamma, beta, eps=1e-5):
        return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta, None

    wrong.__name__ = "batchnorm_forward"
    verdicts = [check(wrong), check(batchnorm_forward)]

    assert ["wrong", "right"] == [verdict.status for verdict in verdicts]
    assert [("wrong", "unbiased variance (ddof=1)"), ("right", None)] == [
        (attempt["status"], attempt.get("mistake")) for attempt in history()
    ]


def test_a_blank_leaves_no_attempt():
    """Checking an exercise that is still blank is no attempt; once in a kernel it is noted that it was opened."""
    door._opened.clear()

    def batchnorm_forward(x, gamma, beta, eps=1e-5):
        raise NotImplementedError()

    assert "not attempted" == check(batchnorm_forward).status
    assert "not attempted" == check(batchnorm_forward).status
    assert [] == history()
    assert [("opened", "batchnorm_forward")] == [(e["event"], e["exercise"]) for e in progress.entries()]


def test_a_lost_attempt_is_told_in_the_verdict(env):
    """Where the log cannot be written, the verdict stands and says that the attempt does not count."""
    (env / "progress.jsonl").mkdir()
    verdict = check(batchnorm_forward)

    assert "right" == verdict.status
    assert "Not noted" in verdict.to_text()
    assert "this attempt does not count" in verdict.message


def test_the_digest_tells_a_rerun_from_a_rewrite():
    """Comments and line numbers do not change it; another constant or another name does."""
    texts = ["def f(x):\n    return x + 1", "\n\ndef f(x):  # the same\n    return x + 1", "def f(x):\n    return x + 2",
             "def f(y):\n    return y + 1", "class f:\n    def g(x):\n        return x"]  # fmt: skip
    digests = []
    for text in texts:
        exec(compile(text, "cell", "exec"), space := {})
        digests.append(door._digest(space["f"]))

    assert digests[0] == digests[1]
    assert 4 == len(set(digests))


def test_hints_are_noted():
    """Each hint that is shown is in the log, with its step."""
    hint("batchnorm_forward")

    assert [("hint", "batchnorm_forward")] == [(e["event"], e["exercise"]) for e in progress.entries()]


def test_what_is_no_exercise_leaves_no_attempt():
    """A function that the course does not know raises and leaves no trace."""
    with pytest.raises(ValueError, match="not an exercise of this course"):
        check(test_what_is_no_exercise_leaves_no_attempt)

    assert [] == history()


def test_a_verdict_is_the_same_each_time():
    """Checking twice gives the same text, so that a notebook's outputs can be compared."""
    first, second = check(batchnorm_forward), check(batchnorm_forward)

    assert (str(first), first._repr_html_()) == (str(second), second._repr_html_())


@pytest.mark.usefixtures("two_exercises")
def test_hints_come_one_at_a_time():
    """Each call goes one step down the ladder, and the last step says that it is the last."""
    shown = [hint("first") for _ in range(4)]

    assert [
        "**Hint 1 of 3 · first**",
        "**Hint 2 of 3 · first**",
        "**Hint 3 of 3 · first**",
        "**Hint 3 of 3 · first**",
    ] == [text.split("\n")[0] for text in shown]
    assert ["a nudge", "a *push*", "nearly all"] == [text.split("\n\n")[1] for text in shown[:3]]
    assert [False, False, True, True] == ["That was the last hint" in text for text in shown]


@pytest.mark.usefixtures("two_exercises")
def test_each_exercise_has_its_own_ladder():
    """Hints for one exercise do not move another's on."""
    hint("first")

    assert "the only one" in hint("second")
    assert "Hint 2 of 3" in hint("first")


@pytest.mark.usefixtures("two_exercises")
def test_a_hint_is_asked_for_by_function_or_by_name(monkeypatch):
    """hint(first) and hint("first") are the same, and nothing is run."""
    monkeypatch.setattr(judge, "exercise_for", lambda function: SimpleNamespace(name=function.__name__))

    def first():
        raise AssertionError("a hint needs no answer")

    assert "Hint 1 of 3" in hint(first)
    assert "Hint 2 of 3" in hint("first")


def test_a_hint_for_an_unknown_name_says_where_to_look():
    """A name that is no exercise gets the next step."""
    with pytest.raises(ValueError, match=r"'quicksort' is not an exercise of this course. Its name stands under"):
        hint("quicksort")


def test_every_exercise_has_hints():
    """No ladder is empty, and no hint."""
    assert [] == [name for name in catalogue.exercise_names() if not hints_of(name) or not all(hints_of(name))]


def test_a_hint_shows_itself_as_markdown():
    """Jupyter sets a hint as text, a terminal prints it as it is."""
    text = Hint("**bold**\n\ntext")

    assert "**bold**\n\ntext" == text._repr_markdown_() == repr(text)
    assert type(text._repr_markdown_()) is str


def test_common_mistakes_are_those_that_check_names():
    """The table lists each mistake that a verdict may name, with what to do instead."""
    table = common_mistakes(batchnorm_forward)

    assert [m.name for m in catalogue.exercise("batchnorm_forward").mistakes] == [name for name, _ in table.rows]
    assert "✗ unbiased variance (ddof=1)\n    Normalise with the biased variance" in repr(table)


def test_a_long_table_is_cut_as_text_and_folded_as_html():
    """Five lines of advice are in sight; the HTML has all of them, the rest under a fold."""
    rows = tuple((f"mistake {n}", f"advice {n}") for n in range(FIRST + 2))

    assert "… and 2 more" == repr(Table(rows)).split("\n")[-1]
    assert "more" not in repr(Table(rows[:FIRST]))
    assert FIRST + 4 == Table(rows)._repr_html_().count("<tr>")
    assert "<details><summary>2 more</summary>" in Table(rows)._repr_html_()
    assert "<details>" not in Table(rows[:FIRST])._repr_html_()


def test_mistakes_with_the_same_advice_share_a_line():
    """An advice is read once."""
    table = Table((("one", "do this"), ("another", "do that"), ("a third", "do this")))

    assert "✗ one; a third\n    do this\n✗ another\n    do that" == repr(table)
    assert 1 == table._repr_html_().count("do this")


def test_the_table_is_escaped():
    """Formulas with < and & are shown as they are written."""
    html = Table((("x < 0 & y", "<b>"),))._repr_html_()

    assert "x &lt; 0 &amp; y" in html
    assert "<b>" not in html


def test_the_door_names_what_it_offers():
    """A name that `utils` does not have is answered with those it has."""
    with pytest.raises(AttributeError, match="has no attribute 'chek'; it offers check, common_mistakes"):
        utils.chek  # noqa: B018
    assert all(callable(thing) or isinstance(thing, ModuleType) for thing in (getattr(utils, n) for n in utils.__all__))


def test_the_solution_comes_after_a_question(env):
    """The first call asks, the second shows the code without markers, and lays the notebook into work/solutions/."""
    (env / "work").mkdir()
    first, second = str(utils.solution("batchnorm2d_forward")), str(utils.solution("batchnorm2d_forward"))

    assert "say aloud" in first
    assert "def " not in first
    assert "def batchnorm2d_forward(" in second
    assert "SOLUTION" not in second
    assert "solutions/15_batchnorm_forward.ipynb" in second
    assert (env / "work" / "solutions" / "15_batchnorm_forward.ipynb").exists()


@pytest.mark.parametrize("name", catalogue.exercise_names())
def test_every_exercise_has_a_solution_to_show(name):
    """The solved cell of each is found by its name."""
    _, code = editions.solved(name)

    assert f" {name}" in code
    assert "NotImplementedError" not in code or "raise NotImplementedError()" not in code


def test_a_right_verdict_leads_on():
    """To the next exercise of the notebook, then to the next question."""
    assert "Next in this notebook: batchnorm2d_forward." == door._onward("batchnorm_forward")
    assert "Next question: 16 · " in door._onward("batchnorm2d_forward")


def test_the_first_check_says_when_the_question_has_changed(monkeypatch, env):
    """Once in a kernel, and only for the notebook that is open."""
    path = env / "15_batchnorm_forward.ipynb"
    notebook = editions.blank("15_batchnorm_forward")
    notebook["metadata"]["course"]["edition"] = "older"
    path.write_text(editions.as_text(notebook), encoding="utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    monkeypatch.setattr(door, "_told", set())

    assert "course update 15" in dict(door._with_news(Report("batchnorm_forward", "wrong")).facts)["News"]
    assert () == door._with_news(Report("batchnorm_forward", "wrong")).facts


# ---- the course's own solution ------------------------------------------------------------------------------------


def _right_in(path):
    """dense_connections, which is short to write, as the file at that path defines it."""
    text = "def dense_connections(layers):\n    return layers * (layers + 1) // 2\n"
    module = {}
    exec(compile(text, path, "exec"), module)
    return module["dense_connections"]


@pytest.mark.parametrize("session", ["", "/home/me/solutions/20_cnn_layers.ipynb", "solutions/20_cnn_layers.ipynb"])
def test_a_solved_file_that_is_run_notes_no_attempt(session, monkeypatch, env):
    """As a script or in Jupyter: the verdict says whose file it is, and the learner's log stays as it was."""
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    verdict = door.check(_right_in("<cell>" if session else "/course/solutions/20_cnn_layers.py"))

    assert verdict
    assert "this is the solved file, not yours" in verdict.message
    assert not (env / "progress.jsonl").exists()


@pytest.mark.parametrize("place", ["/course/work/20_cnn_layers.py", "/home/me/solutions/mine.py", "<cell>"])
def test_a_learner_s_own_file_notes_its_attempt(place, env):
    """Also one that lies in a folder of that name and is no question of the course."""
    assert "Not noted" not in door.check(_right_in(place)).message
    assert 1 == (env / "progress.jsonl").read_text().count("dense_connections")
