"""The verdict: what is right is accepted in any style, what is wrong is rejected, and a known mistake is named."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from utils.authoring import recording
from utils.grading import catalogue, judge, report, run
from utils.grading.reference import Reference
from utils.grading.run import Failure, Outcome
from utils.grading.spec import Case, Exercise, Mistake


def mse(pred, target):
    return np.mean((pred - target) ** 2)


def mse_grad(pred, target):
    return mse(pred, target), 2 * (pred - target) / pred.size


def no_half(pred, target):
    loss, grad = mse_grad(pred, target)
    return loss, grad / 2


def absolute(pred, target):
    return np.mean(np.abs(pred - target)), np.sign(pred - target) / pred.size


def swapped(pred, target):
    loss, grad = mse_grad(pred, target)
    return loss, -grad


def pair(rng, *shape):
    return {"pred": rng.normal(size=shape), "target": rng.normal(size=shape)}


LOSS = Exercise(
    name="mse_loss",
    returns=("loss", "grad"),
    oracle=lambda pred, target: (float(mse(pred, target)), mse_grad(pred, target)[1]),
    cases=(
        Case("two numbers", lambda rng: {"pred": np.array([1.0, 3.0]), "target": np.array([0.0, 1.0])}),
        Case("five numbers", lambda rng: pair(rng, 5)),
        Case("a matrix of <b> & 3×4", lambda rng: pair(rng, 3, 4)),
    ),
    mistakes=(
        Mistake("factor 2 forgotten in the gradient", "d/dx x² is 2x.", no_half),
        Mistake("absolute value for the square", "Square the residuals.", absolute),
        Mistake("residual reversed", "The residual is pred − target.", swapped),
    ),
    verified="equal to torch's mse_loss",
)  # fmt: skip

NAME = Exercise(
    name="classify",
    returns=("kind",),
    oracle=lambda x: "positive" if x.sum() > 0 else "negative",
    cases=(
        Case("up", lambda rng: {"x": np.ones(2)}),
        Case("nowhere", lambda rng: {"x": np.zeros(2)}, raises="ValueError"),
        Case("down", lambda rng: {"x": -np.ones(3)}),
    ),
)


def references(exercise):
    found = []
    for case in exercise.cases:
        inputs = recording.inputs_of(exercise, case)
        found.append(Reference(case.name, inputs, recording.live_answer(exercise, case, inputs)))
    return found


def judged(function, exercise=LOSS):
    refs = references(exercise)
    return judge.judge(exercise, run.outcomes(function, exercise, [ref.inputs for ref in refs]), refs)


def simple(oracle, *cases, returns=("out",), **more):
    """An exercise of one or two values whose cases are given as inputs."""
    numbered = tuple(Case(f"case {index}", lambda rng, inputs=inputs: inputs) for index, inputs in enumerate(cases))
    return Exercise("simple", returns, numbered, oracle, **more)


VECTORS = ({"x": np.array([1.0, -2.0])}, {"x": np.array([0.5, 4.0, 3.0])}, {"x": np.array([[1.0, 0.0], [2.0, 5.0]])})
DOUBLE = simple(lambda x: 2 * x, *VECTORS)
ZERO = Mistake("zero", "Double it.", lambda x: 0 * x)
ZERO_KNOWN = replace(DOUBLE, mistakes=(ZERO, Mistake("right but once", "", lambda x: 2 * x if x.ndim == 1 else x)))


def raises(error):
    raise error


# ---- right ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        mse_grad,
        lambda p, t: [float(mse(p, t)), mse_grad(p, t)[1].tolist()],
        lambda p, t: (np.array(mse(p, t)), list(mse_grad(p, t)[1])),
        lambda p, t: (np.float32(mse(p, t)).astype(float) * 0 + mse(p, t), mse_grad(p, t)[1] * (1 + 1e-8)),
        lambda p, t: (np.vdot(p - t, p - t) / p.size, -2 * (t - p) / p.size),
    ],
    ids=["NumPy scalar", "float and list", "0-d array and list of rows", "rounding", "another form"],
)
def test_right_answers_in_any_style_are_right(function):
    """Neither the style nor the kind of scalar nor rounding costs a right answer its verdict."""
    verdict = judged(function)

    assert (report.RIGHT, 4, 4, None) == (verdict.status, verdict.passed, verdict.total, verdict.mistake)
    assert verdict


def test_a_right_verdict_says_what_it_has_shown():
    """The cases and what they prove stand in a right verdict."""
    cases, shown = judged(mse_grad).facts

    assert ("Tested on", "two numbers; five numbers; a matrix of <b> & 3×4") == cases
    assert ("Proven", "equal to torch's mse_loss") == shown


def test_an_answer_may_be_the_input_itself():
    """Where the right value is the input, handing it back is right."""
    assert judged(lambda x: x, simple(lambda x: x.copy(), *VECTORS))


def test_numerical_warnings_do_not_matter():
    """An answer that divides by zero on the way to the right values is right."""

    def relu(x):
        return np.where(x > 0, x, 0 / np.where(x > 0, 0.0, 1.0))

    assert judged(relu, simple(lambda x: np.maximum(x, 0), *VECTORS))


@pytest.mark.parametrize(
    "returned",
    [lambda: [np.array([0, 1]), np.array([2])], lambda: (row for row in ([0, 1], [2])), lambda: ([0, 1], (2,))],
    ids=["arrays", "generator", "tuple"],
)
def test_a_generator_is_a_list(returned):
    """Where a list is asked for, whatever yields its items is right."""
    batches = simple(lambda n: [np.array([0, 1]), np.array([2])], {"n": 3})

    assert judged(lambda n: returned(), batches)


def test_an_exception_that_is_asked_for_is_right():
    """Where the contract asks for an exception, raising it is right, and anything else is told."""

    def classify(x):
        if not x.any():
            raise ValueError("neither")
        return "positive" if x.sum() > 0 else "negative"

    silent = judged(lambda x: "positive" if x.sum() > 0 else "negative", NAME)
    other = judged(lambda x: classify(x) if x.any() else raises(KeyError("x")), NAME)
    unfinished = judged(lambda x: classify(x) if x.any() else raises(NotImplementedError()), NAME)

    assert judged(classify, NAME)
    assert "Got: result: a value was returned. Expected: result: ValueError is raised." in silent.message
    assert "Got: result: KeyError" in other.message
    assert "Got: result: NotImplementedError" in unfinished.message
    assert [report.WRONG] * 3 == [verdict.status for verdict in (silent, other, unfinished)]


# ---- wrong ------------------------------------------------------------------------------------------------------


async def later(x):
    return 2 * x


@pytest.mark.parametrize(
    ("function", "came"),
    [
        (lambda x: None, "out: None"),
        (lambda x: "2x", "out: a string: '2x'"),
        (lambda x: (2 * x).astype(object), "out: an array of objects"),
        (lambda x: 2 * x * np.nan, "out: [nan, nan]"),
        (lambda x: (2 * x)[:1], "out: shape (1,)"),
        (lambda x: (2 * x)[None], "out: shape (1, 2)"),
        (lambda x: 2 * x + 0j, "out: a complex array of shape (2,)"),
        (lambda x: (2 * row for row in x), "out: a lazy generator"),
        (lambda x: {"out": 2 * x}, "out: a dict of 1"),
        (lambda x: (2 * x,), "out: a tuple of 1"),
        (lambda x: 2, "out: an int: 2"),
        (lambda x: x > 0, "out: a boolean array of shape (2,)"),
        (lambda x: [2.0, None], "out: a list of 2 whose item 1 is None"),
        (lambda x: (2 * x).astype(str), "out: an array of strings"),
        (lambda x: (2 * x).tobytes(), "out: a bytes"),
        (lambda x: Exception, "out: a type"),
        (lambda x: 10**400, "out: an int: 1000"),
        (lambda x: 10**5000, "out: an int of thousands of digits"),
        (lambda x: [10**400, 0], "out: [inf, 0.0]"),
        (lambda x: x / 0, "out: [inf, -inf]"),
    ],
)
def test_what_is_no_answer_is_named(function, came):
    """None, a string, objects, NaN, a wrong shape, a complex number, a generator: the message says what came."""
    verdict = judged(function, DOUBLE)

    assert (report.WRONG, 0, 4) == (verdict.status, verdict.passed, verdict.total)
    assert f"Got: {came}" in verdict.message
    assert not verdict


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_a_coroutine_is_no_answer():
    """`async def` returns a promise, and a promise is told."""
    assert "Got: out: a coroutine" in judged(later, DOUBLE).message


@pytest.mark.parametrize("answer", [3.0, np.float64(3), np.array(3.0), "3", True, [3], None])
def test_an_int_is_asked_for(answer):
    """Where an int is right, 3.0 is not, nor anything else that only looks like it."""
    count = simple(lambda x: 3, {"x": 0})

    assert judged(lambda x: np.int64(3), count)
    assert report.WRONG == judged(lambda x: answer, count).status


def test_a_wrong_number_of_values_is_wrong():
    """Too few values, too many or none: the names of the values that are expected are given."""
    for returned in (None, (1.0,), (1.0, 2.0, 3.0), np.zeros(2)):
        verdict = judged(lambda p, t, returned=returned: returned)

        assert report.WRONG == verdict.status
        assert "2 values are expected: (loss, grad)" in verdict.message
        assert "Look at the return line." == verdict.advice


def test_the_smallest_failing_case_is_shown():
    """A verdict shows the first case that fails, its call, what came, what is right and where they differ."""

    def function(pred, target):
        loss, grad = mse_grad(pred, target)
        return loss, grad + np.eye(3, 4) if pred.ndim == 2 else grad

    verdict = judged(function)
    facts = dict(verdict.facts)

    assert (report.WRONG, 3, 4) == (verdict.status, verdict.passed, verdict.total)
    assert "a matrix of <b> & 3×4" == facts["Case"]
    assert facts["Call"].startswith("mse_loss(pred=[[")
    assert facts["Got"].startswith("grad: [[")
    assert facts["Expected"].startswith("grad: [[")
    assert facts["Where"].startswith("3 of 12 entries, the worst at [")
    assert 3 == verdict.difference.wrong.sum()


def test_nobody_is_sent_to_paper_with_a_case_whose_numbers_are_not_shown():
    """A plain number of a large array: the advice is a case of one's own, and a call that can be pasted."""
    x = np.arange(80.0).reshape(16, 5)
    exercise = Exercise("total", ("value",), (Case("a table", {"x": x}),), np.sum)
    references = [Reference("a table", {"x": x}, {"value": np.sum(x)})]

    def total(x):
        return float(np.sum(x)) * 1.7 + 0.3

    outcomes = run.outcomes(total, exercise, [x_ref.inputs for x_ref in references])
    verdict = judge.judge(exercise, outcomes, references)

    assert report.WRONG == verdict.status
    assert "<16×5>" in dict(verdict.facts)["Call"]
    assert "on paper" not in verdict.advice
    assert "total(*check(total).inputs.values()) repeats that call." in verdict.advice
    assert total(*verdict.inputs.values()) == total(x)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("error", [1e-3, -1e-3, 3e-6])
def test_a_near_miss_is_a_miss(value, error):
    """Each value, off by a relative 1e-3 or a little beyond the tolerance, is rejected."""

    def function(pred, target):
        values = list(mse_grad(pred, target))
        values[value] = values[value] * (1 + error)
        return tuple(values)

    verdict = judged(function)

    assert (report.WRONG, 0) == (verdict.status, verdict.passed)
    assert " 1 times" not in verdict.message


def test_one_wrong_entry_in_one_case_is_enough():
    """An answer that is right but for one entry of one case is wrong."""

    def function(x):
        out = 2 * x
        out[out == 10] += 1e-3
        return out

    assert (report.WRONG, 3) == (judged(function, DOUBLE).status, judged(function, DOUBLE).passed)


def test_a_protocol_is_explained():
    """Where a case is more than one call, the verdict says how the function was called."""
    twice = simple(lambda x: 4 * x, *VECTORS, run=lambda function, x: function(function(x)), protocol="called twice")

    assert judged(lambda x: 2 * x, twice)
    assert ("Run", "called twice") in judged(lambda x: 3 * x, twice).facts
    assert "Run" not in dict(judged(lambda x: 3 * x, DOUBLE).facts)


# ---- state and side effects -------------------------------------------------------------------------------------


def only(times, answer):
    """A function that is right for so many calls, then gives `answer`."""
    calls = []

    def function(x):
        calls.append(1)
        return 2 * x if len(calls) <= times else answer(x)

    return function


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_answer_right_only_the_first_times_is_wrong(times):
    """The first case is tried twice; two answers to one call are told, whatever else came out."""
    verdict = judged(only(times, lambda x: 0 * x), ZERO_KNOWN)

    assert (report.WRONG, times) == (verdict.status, verdict.passed)
    assert ("Case", judge.AGAIN) == verdict.facts[0]
    assert "another answer the second time" in verdict.advice
    assert None is verdict.mistake


def test_raising_only_the_second_time_is_an_error():
    """A function that breaks when it is called again is told so too."""
    verdict = judged(only(3, lambda x: raises(ValueError("again"))), DOUBLE)

    assert report.ERROR == verdict.status
    assert "ValueError: again" in verdict.message
    assert "another answer the second time" in verdict.advice


def test_changing_an_input_is_wrong_even_with_the_right_values():
    """A right answer that writes into an argument is told which."""

    def double(x):
        x *= 2
        return x.copy()

    verdict = judged(double, DOUBLE)

    assert report.WRONG == verdict.status
    assert "it changed its argument `x`" in verdict.message
    assert "np.copy" in verdict.advice


@pytest.mark.parametrize("patched", ["allclose", "isclose", "array_equal", "abs", "absolute", "array_equiv"])
def test_patching_numpy_does_not_help(patched, monkeypatch):
    """A learner who makes NumPy's comparisons say yes is as wrong as before."""
    monkeypatch.setattr(np, patched, lambda *args, **more: True if patched.startswith("a") else 0 * args[0])
    monkeypatch.setattr(np.testing, "assert_allclose", lambda *args, **more: None)

    assert report.WRONG == judged(lambda x: 0 * x, DOUBLE).status


# ---- blanks and errors ------------------------------------------------------------------------------------------


def test_a_blank_is_not_attempted():
    """What raises NotImplementedError at once is neither right nor wrong, and the next step is a hint."""
    verdict = judged(lambda p, t: raises(NotImplementedError()))

    assert (report.BLANK, 0, 4, ()) == (verdict.status, verdict.passed, verdict.total, verdict.facts)
    assert "hint(mse_loss)" in verdict.advice
    assert not verdict


def test_a_blank_branch_is_an_error():
    """Where other cases have an answer, NotImplementedError is a branch to be finished."""
    verdict = judged(lambda x: 2 * x if x.ndim == 1 else raises(NotImplementedError()), DOUBLE)

    assert (report.ERROR, 2) == (verdict.status, verdict.passed)
    assert "though other cases have an answer" in verdict.message
    assert "Finish the branch" in verdict.advice


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (SystemExit(0), report.ERROR, "SystemExit: 0"),
        (ValueError("<b>no</b>"), report.ERROR, "ValueError: <b>no</b>"),
        (ZeroDivisionError(), report.ERROR, "ZeroDivisionError"),
        (MemoryError(), report.MEMORY, "more memory than there is"),
    ],
)
def test_an_exception_is_an_error(error, status, words):
    """Whatever is raised, sys.exit included, becomes the verdict of this exercise."""
    verdict = judged(lambda x: raises(error), DOUBLE)

    assert (status, 0) == (verdict.status, verdict.passed)
    assert words in verdict.message


@pytest.mark.parametrize(
    "outcomes",
    [
        [],
        [Outcome({"out": np.array([2.0, -4.0])}, None, "f()")],
        [Outcome({}, None, "f()")] * 4,
        [Outcome({"out": {}}, None, "f()")] * 4,
        [Outcome(None, Failure("raised", "x"), "f()")],
        [Outcome({"out": np.zeros(0)}, None, "f()")] * 9,
    ],
    ids=["none", "only the first", "without values", "odd values", "broken off", "too many"],
)
def test_outcomes_that_are_incomplete_are_never_right(outcomes):
    """What a broken child sends instead of its outcomes is judged without a crash, and never right."""
    verdict = judge.judge(ZERO_KNOWN, outcomes, references(ZERO_KNOWN))

    assert verdict.status in (report.WRONG, report.ERROR)
    assert None is verdict.mistake
    assert verdict.message


# ---- mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", LOSS.mistakes, ids=lambda mistake: mistake.name)
def test_a_known_mistake_is_named(mistake):
    """An answer that errs as a listed mistake does gets its name and advice, in whatever style it is written."""
    verdict = judged(lambda p, t: [np.asarray(value).tolist() for value in mistake.wrong(p, t)])

    assert (mistake.name, mistake.advice) == (verdict.mistake, verdict.advice)
    assert f"Your mistake: {mistake.name}." in verdict.message


def test_the_mistake_that_agrees_everywhere_is_named():
    """Where two mistakes fail alike, the one that also agrees on the cases that pass is meant."""
    exercise = replace(
        simple(lambda x: abs(x), *({"x": float(x)} for x in (1, 2, -3))),
        mistakes=(
            Mistake("doubles", "", lambda x: 2 * x if x > 0 else x),
            Mistake("identity", "", lambda x: x),
            Mistake("zero", "", lambda x: 0.0 if x > 0 else x),
        ),
    )

    assert "identity" == judged(lambda x: x, exercise).mistake
    assert "doubles" == judged(lambda x: 2 * x if x > 0 else x, exercise).mistake


def test_a_mistake_must_explain_every_failing_case():
    """An answer that errs in two ways is not told the half of it."""

    def two(pred, target):
        return no_half(pred, target) if pred.ndim == 1 else absolute(pred, target)

    assert None is judged(two).mistake


def test_a_mistake_may_be_an_exception():
    """An answer that raises where a listed mistake raises the same is recognised."""
    wrong = Mistake("axis -2 of a vector", "A vector has one axis.", lambda x: 2 * x + 0 * x.sum(-2, keepdims=True))

    assert wrong.name == judged(lambda x: 2 * np.stack([x]).sum(0) + 0 * x.sum(axis=-2, keepdims=True),
                                replace(DOUBLE, mistakes=(wrong,))).mistake  # fmt: skip


def test_a_mistake_that_raises_is_not_one_that_answers():
    """An answer with values, or with another exception, is not taken for a mistake that raises."""
    wrong = replace(DOUBLE, mistakes=(Mistake("raises", "", lambda x: raises(ValueError())),))

    assert "raises" == judged(lambda x: raises(ValueError()), wrong).mistake
    assert judged(lambda x: raises(ValueError("other words")), wrong).mistake is None, "a type alone is no evidence"
    assert None is judged(lambda x: raises(KeyError()), wrong).mistake
    assert None is judged(lambda x: 2 * x + np.sign(x), wrong).mistake
    assert None is judged(lambda x: raises(ValueError()), ZERO_KNOWN).mistake


def test_a_mistake_that_is_named_does_not_excuse_a_changed_input():
    """An answer that changes its input is told both: the mistake in its values and the change."""

    def function(pred, target):
        values = no_half(pred, target)
        pred += 1
        return values

    verdict = judged(function)

    assert "factor 2 forgotten in the gradient; and besides it writes into its arguments" == verdict.mistake
    assert "changed its argument `pred`" in verdict.message


def test_of_two_mistakes_that_raise_the_words_decide():
    """Exceptions of one type may be two mistakes: the one that says the same is named, whichever is listed first."""
    listed = tuple(
        Mistake(words, "", lambda x, words=words: raises(RuntimeError(words)))
        for words in ("64 channels", "32 channels")
    )

    for words in ("32 channels", "64 channels"):
        verdict = judged(lambda x, words=words: raises(RuntimeError(words)), replace(DOUBLE, mistakes=listed))
        assert words == verdict.mistake


# ---- diagnoses without a list -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: -2 * x, "the sign of out is reversed"),
        (lambda x: x, "out is 0.5 times the right value"),
        (lambda x: 2 * np.pi * x, "out is 3.142 times the right value"),
        (lambda x: -x, "out is -0.5 times the right value"),
        (lambda x: 2.002 * x, "out is 1.001 times the right value"),
        (lambda x: 2.00001 * x, "out is 1.000005 times the right value"),
        (lambda x: 2 * x * x.size, "out is summed where the mean is asked for"),
        (lambda x: 2 * x / x.size, "out is divided by the number of samples once too often"),
        (lambda x: 2 * x * len(x), "out is summed where the mean is asked for"),
        (lambda x: 2 * x + 1, "out is off by +1 everywhere"),
        (lambda x: 2 * x + np.sign(x), None),
        (lambda x: 0 * x, None),
        (lambda x: 2 * x * (1 + x.ndim), None),
        (lambda x: 2 * x * np.nan, None),
        (lambda x: np.where(x == 0, 1, 4 * x), None),
    ],
)
def test_a_constant_factor_is_diagnosed(function, name):
    """All entries off by one factor, by the sign or by a number of samples is said, and nothing is said at random."""
    verdict = judged(function, DOUBLE)

    assert (report.WRONG, name) == (verdict.status, verdict.mistake)


def test_rounding_is_no_factor():
    """Float32's rounding is wrong where the tolerance says so, but "1 times the right value" would help nobody."""
    verdict = judged(lambda x: 2 * x * (1 + 5e-7), dataclasses.replace(DOUBLE, rtol=1e-9))

    assert (report.WRONG, None) == (verdict.status, verdict.mistake)


def test_the_sum_for_the_mean_is_seen_whichever_argument_comes_first():
    """The number of samples is looked for in every argument, not in the first alone."""
    rng = np.random.default_rng(0)
    cases = [{"theta": rng.normal(size=3), "X": rng.normal(size=(n, 3))} for n in (2, 5, 7)]
    gradient = simple(lambda theta, X: X.T @ X @ theta / len(X), *cases)

    assert "out is summed where the mean is asked for" == judged(lambda theta, X: X.T @ X @ theta, gradient).mistake


def test_one_number_alone_is_no_pattern():
    """The ratio of two single numbers says nothing, unless it is a plain 2, a half or a sign."""
    single = simple(lambda x: 4.0, {"x": 0})

    assert None is judged(lambda x: 5.1, single).mistake
    assert "out is 2 times the right value" == judged(lambda x: 8.0, single).mistake
    assert "the sign of out is reversed" == judged(lambda x: -4.0, single).mistake
    assert "out is 1.3 times the right value" == judged(lambda x: 2.6 * x, simple(lambda x: 2 * x, VECTORS[0])).mistake


def test_inputs_without_items_are_no_number_of_samples():
    """An empty array or a number as an array has no samples to count, and no diagnosis stumbles over it."""
    cases = [{"x": np.ones(n), "none": np.zeros(0), "scale": np.array(float(n))} for n in (2, 3)]
    empty = simple(lambda x, none, scale: x, *cases)

    assert None is judged(lambda x, none, scale: scale**2 * x, empty).mistake
    assert "out is summed where the mean is asked for" == judged(lambda x, none, scale: scale * x, empty).mistake


def test_a_factor_needs_one_value():
    """A factor in one value and another fault in the next are not called by one name."""
    two = simple(lambda x: (2 * x, 3 * x), *VECTORS, returns=("a", "b"))
    verdict = judged(lambda x: (4 * x, 3 * x) if x.ndim == 1 else (2 * x, 6 * x), two)

    assert (report.WRONG, None) == (verdict.status, verdict.mistake)


def test_overflow_in_a_diagnosis_is_silent():
    """A ratio that overflows gives no warning and no name."""
    tiny = simple(lambda x: np.array([5e-324, 1e300]), {"x": 0}, atol=0.0)

    assert None is judged(lambda x: np.array([1e300, 1e300]), tiny).mistake


# ---- the door ---------------------------------------------------------------------------------------------------


def test_a_function_is_found_by_its_name():
    """`check` needs nothing but the function: its name leads to the exercise, its cases and answers."""

    def batchnorm_forward(x, gamma, beta, eps=1e-5):
        return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta, None

    verdict = judge.check(batchnorm_forward)

    assert ("batchnorm_forward", "unbiased variance (ddof=1)") == (verdict.exercise, verdict.mistake)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("adam_step", "takes your function itself, as in check\\(adam_step\\); it got 'adam_step'"),
        (np.zeros((100, 100)), "it got an array of shape \\(100, 100\\)"),
        (None, "it got None"),
        ((1, 2), "it got a tuple of 2"),
        (np, "it got a module"),
        (lambda x: x, "A lambda has none: write it with def"),
    ],
    ids=["text", "array", "None", "tuple", "module", "lambda"],
)
def test_what_is_no_function_is_refused_with_the_next_step(wrong, words):
    """Calling check on a result, a text or a lambda says what to do instead."""
    with pytest.raises(ValueError, match=words):
        judge.check(wrong)


def test_an_unknown_name_is_refused_with_a_guess():
    """A name that is nearly an exercise's gets that one suggested, any other the list."""

    def batchnorm_foward():
        pass

    def quicksort():
        pass

    with pytest.raises(ValueError, match=r"Did you mean batchnorm_forward"):
        judge.exercise_for(batchnorm_foward)
    with pytest.raises(ValueError, match=r"`course status` lists them all"):
        judge.exercise_for(quicksort)
    assert "batchnorm_forward" in catalogue.exercise_names()
