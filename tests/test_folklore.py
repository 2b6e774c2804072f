"""A claim's verdict follows from shares of settings and from papers' figures, and from nothing else."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from utils.folklore import expect, published, settings, trial
from utils.folklore.ruling import MIME

EVIL = "<script>&"
RATES = [0.1, 0.5, 1.0, 2.5, 3.0]
OVER, OUT = settings(lr=RATES, seed=range(3)), settings(lr=[0.2, 0.7, 2.2, 4.0], seed=range(3, 6))
SLOW = ("the rate is below 2", lambda lr: lr < 2)
PAPER = published("A. Author 2020, table 3", "23.60 %", holds=True)
AGAINST = published("B. Other 2021, table 1", "24.1 %", holds=False)


def converges(lr, seed=0):
    return abs(1 - lr) < 1


def share(held, tried, **more):
    """A trial in which the claim held in so many settings of so many; the control comes out the other way."""
    control = {"k": -1}
    return trial("a claim", lambda k: k < held if k >= 0 else 2 * held < tried, over=settings(k=range(tried)), control=control, **more)  # fmt: skip


def conditional(held=converges, over=OVER, held_out=OUT, only_if=SLOW, **more):
    return trial("it converges", held, over=over, held_out=held_out, only_if=only_if, **more)


def shown(ruling):
    return ruling._repr_mimebundle_(include=None, exclude=None)


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    """As a learner runs it, unless a test says otherwise."""
    monkeypatch.delenv("COURSE_STRICT", raising=False)


# ---- without a condition ----------------------------------------------------------------------------------------


@profile(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.integers(5, 60), st.data())
def test_the_verdict_follows_from_the_share(tried, data):
    """95 % of the settings hold a claim, 20 % do not, and between them nothing is decided."""
    held = data.draw(st.integers(0, tried))
    expected = "holds" if held >= 0.95 * tried else "does not hold" if held <= 0.2 * tried else "not decided here"
    ruling = share(held, tried)

    assert ruling == expected
    assert (tried, held) == (ruling.data["settings"], ruling.data["held"])


def test_four_settings_decide_nothing():
    """A verdict takes five settings."""
    assert share(4, 4) == "not decided here"
    assert "4 settings are too few" in repr(share(4, 4))


def test_a_straw_man_decides_nothing():
    """Where every setting comes out alike, a control has to show that the test can come out otherwise."""
    for outcome in (True, False):
        alone = trial("a claim", lambda k, outcome=outcome: outcome, over=settings(k=range(9)))

        assert alone == "not decided here"
        assert "no control shows" in repr(alone)


def test_a_control_that_comes_out_like_the_rest_decides_nothing():
    """A tautology is true of its control too."""
    ruling = trial("a square is not negative", lambda x: x * x >= 0, over=settings(x=range(9)), control=dict(x=-3))

    assert ruling == "not decided here"
    assert "the control came out like all the rest" in repr(ruling)


def test_every_control_has_to_come_out_otherwise():
    """Of several controls none may be like the family."""
    controls = [dict(lr=3.0, seed=0), dict(lr=0.3, seed=0)]
    ruling = trial("it converges", converges, over=settings(lr=[0.1, 0.2], seed=range(3)), control=controls)

    assert ruling == "not decided here"


def test_a_verdict_that_flips_at_the_second_threshold_is_none():
    """What one threshold decides and the next one turns round is not decided, and the text says so."""
    ruling = trial("it is small", lambda k: (k < 20, k < 2), over=settings(k=range(20)), control=dict(k=99))

    assert ruling == "not decided here"
    assert "with one threshold it holds, with another it does not hold" in repr(ruling)


def test_two_thresholds_that_agree_decide():
    """The first one's figures are shown."""
    ruling = trial("it is small", lambda k: (k < 20, k < 19), over=settings(k=range(20)), control=dict(k=99))

    assert ruling == "holds"
    assert "20 of 20 (100 %)" in repr(ruling)


# ---- with a condition -------------------------------------------------------------------------------------------


def test_a_condition_that_separates_is_named():
    """Inside it the claim held, outside it did not, on settings that were not used to find it."""
    ruling = conditional()

    assert ruling == "holds only if the rate is below 2"
    assert {"condition": "the rate is below 2", "inside": [6, 6], "outside": [0, 6]}.items() <= ruling.data.items()
    assert len(OVER) + len(OUT) == ruling.data["settings"]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (lambda lr: lr < 99, "true in every held-out setting"),
        (lambda lr: lr > 99, "false in every held-out setting"),
        (lambda lr: lr > 2, "inside the condition it held in 0 of 6"),
        (lambda seed: seed == 3, "4 held-out settings inside the condition are too few"),
    ],
)
def test_a_condition_that_does_not_separate_is_refused(condition, reason):
    """False, true everywhere, one-sided or needless: not decided, with the reason and the shares in words."""
    ruling = conditional(only_if=("x", condition))

    assert ruling == "not decided here"
    assert reason in repr(ruling)


def test_a_needless_condition_is_refused():
    """Where the claim holds outside the condition too, the condition is not what matters."""
    ruling = conditional(held=lambda lr, seed: True)

    assert ruling == "not decided here"
    assert "outside the condition it still held in 6 of 6" in repr(ruling)


def test_a_condition_is_given_the_settings_that_it_names():
    """All of them when it takes any."""
    assert conditional(only_if=("x", lambda **all_of_it: all_of_it["lr"] < 2)) == "holds only if x"


@pytest.mark.parametrize(
    "same",
    [converges, lambda lr, seed=0: abs(1 - lr) < 1, lambda lr, seed: converges(lr, seed), lambda lr: via(lr)],
    ids=["the same", "the same code", "a call", "a call of a call"],
)
def test_the_claim_itself_is_no_condition(same):
    """ "It holds where it holds" is refused, also through another function."""
    with pytest.raises(ValueError, match="the condition is the claim itself"):
        conditional(only_if=("it converges", same))


def via(lr):
    return converges(lr)


def test_up_to_three_failures_are_shown():
    """With a condition those inside it; the rest is counted."""
    text = repr(conditional(held=lambda lr, seed: lr > 2))

    assert "failed inside  lr=0.2, seed=3; lr=0.2, seed=4; lr=0.2, seed=5; and 3 more" in text


# ---- papers -----------------------------------------------------------------------------------------------------


def test_a_toy_never_outvotes_a_paper():
    """The verdict is the paper's, and the text says what came out here."""
    ruling = share(2, 12, published=[PAPER])

    assert ruling == "holds"
    assert repr(ruling).endswith("Verdict: it holds (at the papers' scale; here it held in 2 of 12).")
    assert ruling.data["differ"]


def test_a_threshold_that_flips_is_told_beside_the_papers():
    """The papers decide; the text says that ours does not."""
    ruling = trial("it is small", lambda k: (k < 20, k < 2), over=settings(k=range(20)), published=[PAPER])

    assert ruling == "holds"
    assert "(at the papers' scale; here with one threshold it" in repr(ruling)


def test_papers_that_disagree_decide_nothing():
    """Ours do not decide between them either."""
    for ruling in (trial("a claim", published=[PAPER, AGAINST]), share(12, 12, published=[PAPER, AGAINST])):
        assert ruling == "not decided here"
        assert "the papers disagree" in repr(ruling)


def test_papers_alone_are_enough():
    """A claim may be beyond what runs here."""
    ruling = trial("a claim", published=[AGAINST])

    assert ruling == "does not hold"
    assert {"settings": 0, "held": 0}.items() <= ruling.data.items()
    assert [{"source": "B. Other 2021, table 1", "figure": "24.1 %", "holds": False}] == ruling.data["published"]


def test_agreeing_papers_are_control_enough():
    """Unanimous settings beside a paper that says the same need no control, and differ in nothing."""
    ruling = trial("a claim", lambda k: True, over=settings(k=range(6)), published=[PAPER])

    assert ruling == "holds"
    assert not ruling.data["differ"]


def side(inside, holds):
    return published("C. Third 2022, table 2", "1.5", holds=holds, inside=inside)


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([side(True, True)], "holds only if the rate is below 2"),
        ([side(True, True), side(False, False)], "holds only if the rate is below 2"),
        ([PAPER], "holds only if the rate is below 2"),
        ([side(False, True)], "not decided here"),
        ([side(True, False)], "not decided here"),
        ([side(True, True), side(False, True)], "holds"),
        ([side(True, False), side(False, False)], "does not hold"),
        ([side(True, False), side(False, True)], "not decided here"),
        ([side(True, True), side(True, False)], "not decided here"),
    ],
)
def test_papers_speak_about_a_side_of_the_condition(rows, verdict):
    """A figure that contradicts the condition takes the verdict away from our own runs."""
    assert conditional(published=rows) == verdict


def test_papers_on_both_sides_carry_a_condition_of_their_own():
    """Without runs of ours the condition is a sentence, and both sides must have been measured."""
    both = [side(True, True), side(False, False)]

    assert trial("a claim", only_if="the net is deep", published=both) == "holds only if the net is deep"
    assert trial("a claim", only_if="the net is deep", published=both[:1]) == "not decided here"


# ---- an author's errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), "False", None, 0.3, 2, [], np.array([True, False])], ids=repr)
def test_an_answer_is_true_or_false(value):
    """NaN, a text or a number would pass for true or false unnoticed, so they are refused."""
    with pytest.raises(ValueError, match=r"held at k=0 is|gives no answer at k=0"):
        trial("a claim", lambda k: value, over=settings(k=range(5)))
    with pytest.raises(ValueError, match=r"the condition at"):
        conditional(only_if=("x", lambda lr: value))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(), "a predicate over settings, or published figures"),
        (dict(held=converges), "the family of settings is empty"),
        (dict(held=converges, over=settings(lr=[])), "the family of settings is empty"),
        (dict(over=OVER, published=[PAPER]), "settings without held"),
        (dict(held=converges, over=OVER, only_if=SLOW), "only_if needs held_out"),
        (dict(held=converges, over=OVER, held_out=OUT, only_if="slow"), "a sentence alone"),
        (dict(held=converges, over=OVER, held_out=OUT), "there is no only_if"),
        (dict(held=converges, over=OVER, held_out=[*OUT, dict(lr=1, seed=2)], only_if=SLOW), "in over too"),
        (dict(held=converges, over=[*OVER, dict(seed=np.int64(2), lr=1)]), "over has seed=2, lr=1 twice"),
        (dict(held=converges, over=OVER, control=dict(lr=0.5, seed=1)), "control has lr=0.5, seed=1 in over too"),
        (dict(held=converges, over=settings(rate=[1, 2])), "held does not take the setting rate=1"),
        (dict(held=converges, over=[0.1, 0.2]), "a setting is a dict"),
        (
            dict(held=converges, over=OVER, held_out=OUT, only_if=("x", lambda rate: True)),
            "the condition asks for rate",
        ),
        (dict(published=[side(True, True)]), "there is no only_if"),
        (dict(held=lambda k: (True,) * (k + 1), over=settings(k=range(5))), r"\[1, 2, 3, 4, 5\] answers"),
    ],
)
def test_an_author_s_error_is_named(arguments, message):
    """What no verdict could come of is refused before anything is ruled."""
    with pytest.raises(ValueError, match=message):
        trial("a claim", **arguments)


def test_a_published_row_holds_or_not():
    """A row with a number for a truth is refused."""
    with pytest.raises(ValueError, match=r"holds= of 'A'"):
        published("A", "23 %", holds=23.0)


# ---- what the text relies on, and a learner who is not ready ------------------------------------------------------


def unwritten(lr):
    raise NotImplementedError("YOUR CODE\nmore")


def test_a_learner_s_function_that_raises_gives_one_line(monkeypatch):
    """No traceback for who has not written it yet; where nothing may be overlooked it is raised."""
    arguments = ("it converges", lambda lr: unwritten(lr) < 1)
    text = repr(trial(*arguments, over=settings(lr=RATES), expect="holds"))

    assert [
        "Claim: it converges",
        "→ This needs your functions: check(…) them first. (NotImplementedError: YOUR CODE)",
    ] == text.split("\n")

    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(NotImplementedError):
        trial(*arguments, over=settings(lr=RATES))


def test_a_fact_that_the_text_relies_on_is_no_author_s_error_to_a_learner(monkeypatch, capsys):
    """One line says to check first, and the cell goes on; the builder gets an error."""
    expect(1 + 1 == 2)
    assert capsys.readouterr().out == ""
    expect(1 + 1 == 3)
    assert "check(…) your functions first" in capsys.readouterr().out

    monkeypatch.setenv("COURSE_STRICT", "1")
    expect(1 + 1 == 2)
    with pytest.raises(AssertionError, match="relies on this"):
        expect(1 + 1 == 3)


def test_another_verdict_than_the_text_s_is_told(monkeypatch):
    """A line for a learner, an error for the builder."""
    ruling = share(12, 12, expect="does not hold")

    assert ruling == "holds"
    assert "the verdict is “does not hold”: check(…) yours first." in repr(ruling)
    assert share(12, 12, expect="holds").note == ""

    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(AssertionError, match="relies on 'does not hold', and the verdict is 'holds'"):
        share(12, 12, expect="does not hold")


# ---- how it shows itself ------------------------------------------------------------------------------------------


def test_a_trial_shows_itself_in_every_form():
    """Text, HTML and the data that the book collects say the same."""
    for ruling in (share(12, 12), conditional(), trial("a claim", published=[PAPER, AGAINST])):
        bundle = shown(ruling)

        assert repr(ruling) == bundle["text/plain"]
        assert {"claim": ruling.claim, "verdict": ruling.verdict}.items() <= bundle[MIME].items()
        assert {"settings", "held", "published"} <= set(bundle[MIME])
        assert all(text in bundle["text/html"] for row in ruling.rows for text in row)
    assert "application/vnd.course.trial+json" == MIME


def test_html_is_escaped():
    """A claim about a < b is shown as it is written."""
    ruling = trial(EVIL, published=[published(EVIL, EVIL, holds=True)])

    assert EVIL not in shown(ruling)["text/html"]
    assert 3 == shown(ruling)["text/html"].count("&lt;script&gt;&amp;")


def test_the_example_in_the_docstring_is_true():
    """What an author reads first is what comes out."""
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(trial, globs=dict(trial=trial, settings=settings)):
        runner.run(example)

    assert 0 == runner.failures


def test_settings_are_all_combinations():
    """NumPy's numbers become Python's, and a single value stands for a list of one."""
    assert [dict(lr=0.1, seed=0, net="cnn"), dict(lr=0.1, seed=1, net="cnn")] == settings(
        lr=np.array([0.1]), seed=range(2), net="cnn"
    )
    assert type(settings(n=np.arange(2))[0]["n"]) is int


def test_many_settings_are_shown_as_a_range():
    """Few values are listed; what is no full grid says so."""
    assert "k 0 to 59 (60 values)" in repr(share(60, 60))
    odd = trial("a claim", lambda a, b: True, over=[dict(a=1, b=i) for i in range(4)] + [dict(a=2, b=9)])
    assert "5 combinations of a 1, 2; b 0, 1, 2, 3, 9" in repr(odd)


def test_a_trial_is_equal_to_its_verdict_alone():
    """A trial compares with text; with anything else it is merely itself."""
    ruling = share(12, 12)

    assert ruling in (None, ruling)
    assert ruling != share(12, 12)
    assert ruling != 1
