"""Running a function on cases notes whatever it does, and nothing that it does gets out."""

import functools
import sys
import warnings

import numpy as np
import pytest

from utils.grading import run
from utils.grading.codec import Lazy, Other
from utils.grading.run import Outcome
from utils.grading.spec import Exercise

X = {"x": np.array([1.0, 2.0])}


def exercise(returns=("out",), **more):
    return Exercise("double", returns, cases=(), oracle=lambda **inputs: None, **more)


def ran(function, inputs=X, returns=("out",), **more):
    return run.outcome(function, exercise(returns, **more), inputs)


# ---- values -----------------------------------------------------------------------------------------------------


def test_a_value_is_noted_under_its_name():
    """One value, or several in a tuple or list, get the names that the exercise gives them."""
    assert {"out": 3.0} == ran(lambda x: x.sum()).values
    assert {"a": 1, "b": 2} == ran(lambda x: (1, 2), returns=("a", "b")).values
    assert {"a": 1, "b": 2} == ran(lambda x: [1, 2], returns=("a", "b")).values


class Untouchable:
    """A cache that cannot be copied, compared, shown or taken for true."""

    def _refuse(self, *_):
        raise RuntimeError("hands off")

    __copy__ = __deepcopy__ = __eq__ = __repr__ = __bool__ = __iter__ = __len__ = __reduce_ex__ = _refuse
    __hash__ = None


@pytest.mark.parametrize("cache", [None, {}, lambda dout: dout, Untouchable(), [Untouchable()]], ids=type)
def test_a_cache_is_never_looked_at(cache):
    """The value without a name may be anything at all; nobody touches it."""
    outcome = ran(lambda x: (2.0, cache), returns=("out", None))

    assert (None, {"out": 2.0}) == (outcome.failure, outcome.values)


@pytest.mark.parametrize(
    ("returned", "came"),
    [
        (None, "None"),
        ((1, 2, 3), "3 values"),
        ((1,), "1 values"),
        ([1, 2, 3], "a list of 3"),
        (np.zeros((2, 3)), "an array of shape (2, 3)"),
        (2.0, "a float"),
        ({"a": 1, "b": 2}, "a dict of 2"),
        (Untouchable(), f"a {__name__}.Untouchable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_number_of_values_is_told(returned, came):
    """What came and the names of what is expected stand in the message."""
    outcome = ran(lambda x: returned, returns=("a", None))

    assert "count" == outcome.failure.kind
    assert f"it returned {came}; 2 values are expected: (a, cache)" == outcome.failure.message


def test_a_dict_from_the_learner_is_not_taken_apart():
    """Only a protocol may name its values itself; a function that returns a dict in their place returns a dict."""
    outcome = ran(lambda x: {"out": 2 * x})
    protocol = ran(lambda x: 2 * x, run=lambda function, x: {"out": function(x) + 1})

    assert isinstance(outcome.values["out"], dict)
    assert [3.0, 5.0] == protocol.values["out"].tolist()


def test_what_is_lazy_is_noted_as_lazy():
    """A generator's items are noted, and that it was one."""
    value = ran(lambda x: (row for row in x)).values["out"]

    assert (Lazy, [1.0, 2.0]) == (type(value), list(value))


def test_objects_leave_their_names():
    """A value that is no plain data leaves its type's name."""
    assert Other("complex number") == ran(lambda x: 1j).values["out"]


def test_values_are_noted_at_once():
    """Rows that all alias one array show what they are in the end, and later changes do not show."""
    kept = []

    def path(x):
        kept.append(np.zeros(1))
        rows = []
        for _ in range(3):
            kept[0] += 1
            rows.append(kept[0])
        return rows

    values = ran(path).values["out"]
    kept[0] += 10

    assert [3.0, 3.0, 3.0] == [float(row[0]) for row in values]


# ---- inputs -----------------------------------------------------------------------------------------------------


def change_item(x):
    x[0] = 5
    return x


def change_deep(x):
    x[0]["w"][0] += 1


CHANGES = {
    "an array in place": (change_item, np.array([1.0, 2.0])),
    "an array, back to an equal value of another sign": (lambda x: np.negative(x, out=x), np.array([0.0])),
    "an array's shape": (lambda x: setattr(x, "shape", (2, 1)), np.array([1.0, 2.0])),
    "an integer array": (change_item, np.array([1, 2])),
    "a list longer": (lambda x: x.append(1), [1, 2]),
    "a list of numbers": (lambda x: x.sort(), [3, 1, 2]),
    "a list reversed": (lambda x: x.reverse(), [np.zeros(1), np.ones(1)]),
    "an array for a number": (lambda x: x.__setitem__(0, 5), [np.zeros(2)]),
    "a number for an array": (lambda x: x.__setitem__(0, np.zeros(2)), [5]),
    "None replaced": (lambda x: x.__setitem__(0, 5), [None]),
    "an array in a list": (lambda x: change_item(x[0]), [np.zeros(2)]),
    "an array in a dict in a tuple": (change_deep, ({"w": np.zeros(2)},)),
    "a key more": (lambda x: x.update(b=1), {"a": 1}),
    "a key less": (lambda x: x.clear(), {"a": 1}),
    "a number in a dict": (lambda x: x.update(a=2), {"a": 1}),
}


@pytest.mark.parametrize("how", CHANGES)
def test_changing_an_input_is_told(how):
    """Whatever way an argument is written into, the message names the argument."""
    change, value = CHANGES[how]
    outcome = ran(lambda x: change(x), {"x": value})

    assert "changed" == outcome.failure.kind
    assert "it changed its argument `x`" in outcome.failure.message


@pytest.mark.parametrize("value", [*(value for _, value in CHANGES.values()), np.array([np.nan, -0.0]), [np.nan], "s"])
def test_returning_an_input_unchanged_is_allowed(value):
    """A function may hand back what it got, NaN and -0.0 included."""
    assert None is ran(lambda x: x, {"x": value}).failure


def test_an_equal_number_in_its_place_is_no_change():
    """What counts is the value: a number replaced by an equal one is as it was, another object is not."""

    class Same:
        def __repr__(self):
            return "same"

    assert None is ran(lambda x: x.__setitem__(0, x[0] * 3 / 3), {"x": [1234.5]}).failure
    assert "changed" == ran(lambda x: x.__setitem__(0, Same()), {"x": [Same()]}).failure.kind


def test_the_stored_inputs_are_never_at_risk():
    """A function works on copies: what it writes does not reach the case."""
    inputs = {"x": np.zeros(2), "history": [np.zeros(2)]}

    def vandal(x, history):
        x += 1
        history[0] += 1
        history.clear()

    ran(vandal, inputs)

    assert [0.0, 0.0] == inputs["x"].tolist()
    assert [[0.0, 0.0]] == [row.tolist() for row in inputs["history"]]


def test_read_only_inputs_come_as_writable_copies():
    """A function that writes into an input meets the message about it, not NumPy's about read-only arrays."""
    frozen = np.zeros(2)
    frozen.flags.writeable = False

    assert "changed" == ran(change_item, {"x": frozen}).failure.kind


def test_keyword_arguments_are_watched_too():
    """A protocol may pass arguments by keyword; they are as little to be changed."""
    outcome = ran(change_item, run=lambda function, x: function(x=x))

    assert "it changed its argument `x`" in outcome.failure.message


def test_tensors_are_watched():
    """A tensor that a protocol passes is told from one that was written into; NaN in it is no change."""
    torch = pytest.importorskip("torch")

    def protocol(function, x):
        return function(torch.tensor([float("nan"), 1.0])).numpy()

    assert None is ran(lambda t: t, run=protocol).failure
    assert "changed" == ran(lambda t: t.add_(1), run=protocol).failure.kind


def test_functions_and_generators_of_numbers_are_passed_on():
    """A case may pass a grad_fn and a generator of random numbers; using them changes no input."""
    rng, grad = np.random.default_rng(0), np.cos
    outcome = ran(lambda g, r: g(r.normal()), run=lambda function, x: function(grad, rng))

    assert float(np.cos(np.random.default_rng(0).normal())) == outcome.values["out"]


def test_arguments_go_by_position():
    """Only the order of the arguments is the contract; a learner may call them as he likes."""
    assert {"out": -1} == ran(lambda first, second: first - second, {"a": 1, "b": 2}).values


# ---- the call as text -------------------------------------------------------------------------------------------


def test_the_first_call_is_noted_as_one_would_type_it():
    """Names are the learner's own, small values are written out, large ones by shape."""
    inputs = {"a": np.array([[1.0, 0.5]]), "b": 3, "c": "relu", "d": None, "e": np.zeros((4, 5)), "f": [1, np.zeros(1)]}
    text = str(ran(lambda x, n, kind, w, big, items: 0, inputs).call)

    assert "double(x=[[1.0, 0.5]], n=3, kind='relu', w=None, big=<4×5>, items=[1, [0.0]])" == text


def test_the_call_shows_the_arguments_as_they_came():
    """A function that changes its input does not change the call that is quoted."""
    assert "double(x=[1.0, 2.0])" == str(ran(change_item).call)


def test_the_first_of_several_calls_is_shown():
    """A protocol of many calls is quoted by its first."""
    outcome = ran(lambda x: x + 1, run=lambda function, x: function(function(x)))

    assert "double(x=[1.0, 2.0])" == str(outcome.call)


def test_arguments_beyond_the_signature_are_counted():
    """Where a signature does not name an argument, its number does."""
    two = {"a": 1, "b": 2}

    assert "double(args=1, argument 2=2)" == str(ran(functools.partial(lambda *args: 0), two).call)
    assert "double(argument 1=1, argument 2=2)" == str(ran(lambda *args: 0, two).call)
    assert "double(x=1, argument 2=2)" == str(ran(lambda x: 0, two).call)
    assert "double(argument 1=<tuple of 5>)" == str(ran(max, {"x": (1, 2, 3, 4, 5)}).call)


def test_a_function_that_is_never_called_has_a_call_too():
    """A protocol that fails before its first call leaves the name."""
    assert "double(…)" == str(ran(lambda x: 0, run=lambda function, x: 1 / 0).call)


def test_a_decorated_function_shows_the_names_of_the_inner():
    """functools.wraps keeps the argument names that a learner knows."""

    def inner(theta):
        return theta

    @functools.wraps(inner)
    def outer(*args):
        return inner(*args)

    assert "double(theta=[1.0, 2.0])" == str(ran(outer).call)


def test_the_course_s_own_functions_need_no_watching():
    """A mistake of the course runs without the watch, and its outcome is the same."""
    assert {"out": 3.0} == run.outcome(lambda x: x.sum(), exercise(), X, watch=False).values


# ---- failures ---------------------------------------------------------------------------------------------------


class Mute(Exception):
    def __str__(self):
        raise KeyError("not even that")


def raises(error):
    raise error


def never():
    raise NotImplementedError()


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda x: x @ np.zeros(3), "raised", "ValueError: matmul"),
        (lambda x: raises(ValueError("bad")), "raised", "ValueError: bad, at `raise error`"),
        (lambda x: raises(ValueError("\n\nfirst\nsecond")), "raised", "ValueError: first, at"),
        (lambda x: raises(ValueError()), "raised", "ValueError, at `raise error`"),
        (lambda x: raises(Mute()), "raised", "Mute, at `raise error`"),
        (lambda x: raises(ValueError("\033[2J\ud800\x00")), "raised", "ValueError: [2J, at"),
        (lambda x: raises(ValueError(f"{object()}")), "raised", "ValueError: <object object>, at"),
        (lambda x: raises(ValueError("y" * 10_000)), "raised", "y…, at"),
        (lambda x: sys.exit(0), "raised", "SystemExit: 0, at"),
        (lambda x: raises(GeneratorExit()), "raised", "GeneratorExit"),
        (lambda x: raises(MemoryError()), "memory", "more memory than there is"),
        (lambda x: never(), "not attempted", ""),
        (lambda x: raises(NotImplementedError("to do")), "not attempted", ""),
        (lambda x, y, z: 0, "raised", "missing 2 required positional arguments"),
        (lambda x: (row / 0 for row in [1]), "raised", "ZeroDivisionError"),
    ],
    ids=[
        "of NumPy", "raised", "blank lines first", "no text", "no text to be had", "control characters", "an address",
        "very long", "sys.exit", "GeneratorExit", "memory", "blank", "blank with a word", "signature", "in a generator",
    ],
)  # fmt: skip
def test_whatever_is_raised_is_noted(function, kind, message):
    """An exception ends its case with the type, the first line of its text and the learner's line."""
    failure = ran(function).failure

    assert kind == failure.kind
    assert message in failure.message
    assert len(failure.message) < 500
    assert all(letter.isprintable() for letter in failure.message)


def test_endless_recursion_is_noted():
    """A function that calls itself for ever ends its case."""

    def forever(x):
        return forever(x)

    failure = ran(forever).failure

    assert ("raised", "RecursionError") == (failure.kind, failure.type)


def test_the_innermost_line_of_the_learner_is_quoted():
    """Of all lines on the way to an error, the deepest that the learner wrote is shown, not a library's."""
    failure = ran(lambda x: np.linalg.inv(np.zeros((2, 2)))).failure

    assert "LinAlgError" == failure.type
    assert failure.message.endswith("np.linalg.inv(np.zeros((2, 2)))).failure`")


def test_a_library_s_not_implemented_is_no_blank():
    """NotImplementedError with words from elsewhere is an error to be told, not an exercise left blank."""
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def forwrad(self, x):
            return x

    failure = ran(lambda x: Net()(torch.zeros(1))).failure

    assert ("raised", "NotImplementedError") == (failure.kind, failure.type)
    assert "forward" in failure.message


def test_the_stop_button_stops():
    """KeyboardInterrupt is the learner's own and goes through."""
    with pytest.raises(KeyboardInterrupt):
        ran(lambda x: raises(KeyboardInterrupt()))


def test_numerical_warnings_never_fail_an_answer():
    """Overflow, a division by zero and any warning pass in silence, also where the learner made them errors."""

    def noisy(x):
        warnings.warn("look out", stacklevel=1)
        return np.log(x * 0) + np.exp(x * 1e6)

    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = ran(noisy)

    assert None is outcome.failure
    assert np.isnan(outcome.values["out"]).all()


def test_settings_of_numpy_are_put_back():
    """What a function does to NumPy's error state does not outlive the case."""
    before = np.geterr()
    ran(lambda x: np.seterr(all="raise"))

    assert before == np.geterr()


def test_a_callable_that_lies_about_itself_is_run():
    """A callable whose signature cannot be had, or whose attributes raise, is run like any other."""

    class Liar:
        __signature__ = "none"

        def __call__(self, x):
            return 2.0

    assert {"out": 2.0} == ran(Liar()).values


# ---- several cases ----------------------------------------------------------------------------------------------


def test_the_first_case_is_run_once_more():
    """After all cases comes the first again, for an answer must not depend on the calls before it."""
    seen = []
    inputs = [{"x": 1}, {"x": 2}, {"x": 3}]
    found = run.outcomes(lambda x: seen.append(x) or x, exercise(), iter(inputs))

    assert [1, 2, 3, 1] == seen == [outcome.values["out"] for outcome in found]


@pytest.mark.parametrize(("error", "calls"), [(NotImplementedError(), 1), (MemoryError(), 1), (ValueError(), 3)])
def test_a_blank_is_run_once(error, calls):
    """What is blank or out of memory is not run again and again; another error may be one case's own."""
    assert calls == len(run.outcomes(lambda x: raises(error), exercise(), [X, X]))


def test_an_outcome_crosses_a_border():
    """An outcome as plain data and back says the same."""
    for function in (lambda x: 2 * x, lambda x: raises(ValueError("bad"))):
        outcome = ran(function)
        back = Outcome.from_plain(outcome.to_plain())

        assert outcome.failure == back.failure
        assert str(outcome.call) == back.call
        assert repr(outcome.values) == repr(back.values)


def test_a_made_up_failure_is_still_text():
    """A child that invents its outcome cannot smuggle anything but text into a message."""
    plain = {"values": None, "failure": {"kind": "raised", "message": None, "type": 3}, "call": 5}
    back = Outcome.from_plain(plain)

    assert ("raised", "None", "3") == (back.failure.kind, back.failure.message, back.failure.type)
    assert "5" == back.call
