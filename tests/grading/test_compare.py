"""What counts as equal, and how a difference is put into words."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from utils.grading.codec import Lazy, Other
from utils.grading.compare import difference, digits, kind_of, same

RTOL, ATOL = 1e-6, 1e-10
SOME = settings(max_examples=60, deadline=None, derandomize=True, database=None)
SHAPES = st_np.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FLOATS = st_np.arrays(float, SHAPES, elements=st.floats(allow_nan=True, allow_infinity=True))


def differ(got, want):
    return difference(got, want, RTOL, ATOL)


# ---- what is accepted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (3, 3),
        (np.array(3), 3),
        (2, 2.0),
        (2.0, 2.0),
        (np.array(2.0), 2.0),
        (np.array(2, dtype=np.float32), 2.0),
        (np.array(2), 2.0),
        (10**30, 1e30),
        (True, True),
        (np.array(True), True),
        ("saddle", "saddle"),
        (None, None),
        (math.inf, math.inf),
        (math.nan, math.nan),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        ((1.0, 2.0), np.array([1.0, 2.0])),
        ([1, 2], np.array([1.0, 2.0])),
        ([np.array(1.0), 2], np.array([1.0, 2.0])),
        ([np.array([1.0, 2.0]), [3, 4]], np.array([[1.0, 2.0], [3.0, 4.0]])),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([1, 2], dtype=np.uint8), np.array([1, 2])),
        ([10**30], np.array([1e30])),
        (2.5, np.array(2.5)),
        ([], np.zeros(0)),
        (np.zeros(0), np.zeros(0, dtype=int)),
        ([], np.zeros(0, dtype=bool)),
        ([True, False], np.array([True, False])),
        ((1, 2), [1, 2]),
        ([1, 2], (1, 2)),
        (Lazy([1, 2]), [1, 2]),
        (np.array([1, 2]), [1, 2]),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [np.array([1.0, 2.0]), np.array([3.0, 4.0])]),
        ([[0, 2], (1,)], [np.array([0, 2]), np.array([1])]),
        (np.zeros((0, 3)), []),
    ],
    ids=lambda value: repr(value).replace("\n", ""),
)
def test_right_in_another_form_is_right(got, want):
    """Scalars of the right kind, lists for arrays, arrays and generators for lists: all are equally right."""
    assert None is differ(got, want)
    assert same(got, want, RTOL, ATOL)


@SOME
@given(FLOATS)
def test_everything_equals_itself(array):
    """An array is equal to itself, and to itself as nested lists, NaN and the infinities included."""
    assume(array.size or array.ndim <= 1)  # the list form of shape (0, 3) does not know the 3

    assert None is differ(array, array)
    assert None is differ(array.tolist(), array)


@SOME
@given(FLOATS.filter(lambda array: array.size), st.floats(-1, 1), st.data())
def test_the_tolerance_is_where_it_is_said_to_be(want, share, data):
    """An entry is right exactly when it is off by no more than atol + rtol·|want|."""
    index = data.draw(st.sampled_from(list(np.ndindex(want.shape))))
    assume(np.isfinite(want[index]) and abs(want[index]) < 1e300)
    bound = ATOL + RTOL * abs(want[index])
    near, far = want.copy(), want.copy()
    near[index] += 0.99 * share * bound
    far[index] += math.copysign(1.02 * bound, share)

    assert None is differ(near, want)
    assert 1 == int(differ(far, want).wrong.sum())
    assert differ(far, want).wrong[index]


@SOME
@given(FLOATS.filter(lambda array: array.size), FLOATS)
def test_the_short_answer_is_the_long_one(want, other):
    """`same` decides what `difference` decides, for arrays of any shape and content."""
    with np.errstate(all="ignore"):
        others = (want.copy(), want * (1 + 1e-3), want * (1 + 1e-7), -want, other)
    for got in others:
        assert (differ(got, want) is None) == same(got, want, RTOL, ATOL)
        for one, right in zip(got.ravel().tolist(), want.ravel().tolist(), strict=False):
            assert (differ(one, right) is None) == same(one, right, RTOL, ATOL)


# ---- what is rejected -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "want", "kind", "came"),
    [
        (3.0, 3, "type", "a float: 3.0"),
        (True, 3, "type", "a bool: True"),
        (np.array(3.0), 3, "type", "an array of shape ()"),
        (1, True, "type", "an int: 1"),
        (True, 1.0, "type", "a bool: True"),
        (np.array(True), 1.0, "type", "a boolean array of shape ()"),
        (np.array([1.0]), 1.0, "type", "an array of shape (1,)"),
        ([1.0], 1.0, "type", "a list of 1"),
        (Other("complex number"), 1.0, "type", "a complex number"),
        (None, 1.0, "type", "None"),
        ("1.0", 1.0, "type", "a string: '1.0'"),
        ({"loss": 1.0}, 1.0, "type", "a dict of 1"),
        (10**400, 1.0, "nonfinite", "inf"),
        (-(10**400), 1.0, "nonfinite", "-inf"),
        ("minimum", "saddle", "value", "'minimum'"),
        (None, "saddle", "type", "None"),
        (4, 3, "value", "4"),
    ],
    ids=repr,
)
def test_a_wrong_scalar_is_told(got, want, kind, came):
    """An int is not 3.0, a bool is no number, a string no float: the kind that came is named."""
    found = differ(got, want)

    assert (kind, came) == (found.kind, found.came)
    assert not same(got, want, RTOL, ATOL)


@pytest.mark.parametrize(
    ("got", "came"),
    [
        (None, "None"),
        ("out", "a string: 'out'"),
        (1.0, "a float: 1.0"),
        (Other("array of objects"), "an array of objects"),
        (np.array([1j, 2]), "a complex array of shape (2,)"),
        (np.array([True, False]), "a boolean array of shape (2,)"),
        (np.array("2026-01-01", dtype="M8[s]"), "an array of shape ()"),
        (Lazy([1.0, 2.0]), "a lazy generator"),
        ({"out": np.zeros(2)}, "a dict of 1"),
        ((np.zeros(2), np.zeros(2)), "a tuple of 2"),
        ((np.array([1.0, 2.0]),), "a tuple of 1"),
        ([1.0, None], "a list of 2 whose item 1 is None"),
        ([1.0, [2.0]], "a list of 2 whose items differ in shape"),
        ([[1.0], [Other("set")]], "a list of 2 whose item 1 is a list of 1 whose item 0 is a set"),
        ([True, False], "a list of 2 whose item 0 is a bool"),
        (Other(""), "an "),
    ],
    ids=repr,
)
def test_what_is_no_array_is_named(got, came):
    """Where an array is asked for, anything that is none is named, and for a list also why it is none."""
    found = differ(got, np.array([1.0, 2.0]))

    assert ("type", came, "an array of shape (2,)") == (found.kind, found.came, found.expected)


def test_a_long_string_is_cut():
    """A message shows the beginning of a long text only."""
    assert len(differ("x" * 10_000, np.zeros(2)).came) < 120


@pytest.mark.parametrize("got", [np.zeros((3, 2)), np.zeros(6), np.zeros((2, 3, 1)), [[0.0, 0.0]]], ids=np.shape)
def test_a_wrong_shape_is_told(got):
    """A shape that broadcasts or has as many entries is still another shape."""
    found = differ(got, np.zeros((2, 3)))

    assert ("shape", f"shape {np.shape(got)}", "shape (2, 3)") == (found.kind, found.came, found.expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_non_finite_value_where_a_finite_one_is_right_is_told(bad):
    """NaN and the infinities never pass for numbers, and are called non-finite."""
    found = differ(np.array([1.0, bad]), np.array([1.0, 2.0]))

    assert ("nonfinite", [False, True]) == (found.kind, found.wrong.tolist())
    assert f"{bad} where 2.0 is right" in found.where
    assert "nonfinite" == differ(bad, 2.0).kind


@pytest.mark.parametrize(
    ("got", "want"), [(1e300, math.inf), (math.inf, -math.inf), (math.nan, math.inf), (0.0, math.nan)]
)
def test_a_non_finite_answer_must_be_met_exactly(got, want):
    """Where infinity is right a large number is not, nor is NaN, nor the other infinity."""
    assert "value" == differ(np.array([got]), np.array([want])).kind
    assert "value" == differ(got, want).kind


def test_integers_are_compared_exactly():
    """A count off by one is wrong however large it is, and a rounded NaN cast to an integer is no zero."""
    assert 1 == int(differ(np.array([11_689_513, 5]), np.array([11_689_512, 5])).wrong.sum())
    assert "value" == differ(11_689_513, 11_689_512).kind
    assert [True] == differ(np.array([np.iinfo(np.int64).min]), np.array([0])).wrong.tolist()


def test_floats_are_no_integers():
    """Where integers are asked for, an array of floats is told so, even when their values agree."""
    found = differ(np.array([1.0, 2.0]), np.array([1, 2]))

    assert ("type", "an array of float64 numbers", "an array of integers") == (found.kind, found.came, found.expected)
    assert "type" == differ([1, 2.0], np.array([1, 2])).kind


def test_boolean_arrays_are_compared_as_such():
    """Where booleans are asked for, only booleans are right."""
    want = np.array([True, False])

    assert [False, True] == differ(np.array([True, True]), want).wrong.tolist()
    assert "an integer array of shape (2,)" == differ(np.array([1, 0]), want).came


def test_a_list_is_compared_item_by_item():
    """The first item that differs is named, with what differs in it."""
    want = [np.array([0, 1]), np.array([2])]

    assert ("length", "1 items", "2 items") == (lambda d: (d.kind, d.came, d.expected))(differ([[0, 1]], want))
    assert "item 1: 1 of 1 entries, the worst at [0]: 3 where 2 is right" == differ([[0, 1], [3]], want).where
    assert "type" == differ("ab", want).kind
    assert "type" == differ({"0": 1}, want).kind
    assert "item 0" == differ([3.0, 4], [3, 4]).where


# ---- words ------------------------------------------------------------------------------------------------------


def test_the_worst_entry_is_shown():
    """Of all entries that differ, the one that is furthest off is quoted with its index."""
    found = differ(np.array([[1.5, 2.0], [3.0, 9.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]))

    assert "2 of 4 entries, the worst at [1, 1]: 9.0 where 4.0 is right" == found.where
    assert "9.0 where 4.0 is right" == differ(9.0, 4.0).where


def test_float32_rounding_is_recognised():
    """An answer computed in float32 is wrong by its rounding, and the words say so."""
    want = np.linspace(0.1, 1.3, 7) ** 3
    found = differ(np.linspace(0.1, 1.3, 7, dtype=np.float32) ** np.float32(3) * np.float32(1 + 2e-6), want)

    assert "float32" in found.where
    assert "float32" not in differ(want.astype(np.float32) * 2, want).where


@pytest.mark.parametrize("want", [1.0, 0.3, 1 / 3, 12345.678, 1e-9])
def test_two_numbers_that_differ_look_different(want):
    """However near the miss, the digits shown tell the two numbers apart."""
    for error in (1e-3, 2e-6, 2e-6 + 1e-9):
        got = want * (1 + error) + 2e-10
        came = differ(got, want)
        worst = differ(np.array([got]), np.array([want])).where

        assert came.came != came.expected
        assert f"{came.came} where {came.expected} is right" in worst


def test_large_arrays_are_summed_up():
    """An array too large for a message is described by shape and range, finite entries only."""
    big = np.arange(30.0)

    assert "an array of shape (30,), from 0.0 to 29.0" == digits(big)
    assert "an array of shape (30,), from 1.0 to 29.0 where it is finite" == digits(np.where(big == 0, np.nan, big))
    assert "an array of shape (30,), nothing in it finite" == digits(big * np.nan)
    assert "an integer array of shape (30,), from 0 to 29" == digits(np.arange(30))
    assert "a boolean array of shape (30,), from False to True" == digits(big > 3)


def test_words_do_not_depend_on_print_options():
    """What a learner tells NumPy about printing changes no verdict's text."""
    array = np.array([[1 / 3, 1e-12], [123456.789, 2.0]])
    plain = digits(array)
    with np.printoptions(precision=1, suppress=True, threshold=1, formatter={"float": lambda x: 1 / 0}):
        other = digits(array)

    assert "[[0.3333333, 1e-12], [123456.8, 2.0]]" == plain == other


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1 + 0.2, "0.3"),
        (3.0, "3.0"),
        (-0.0, "-0.0"),
        (7, "7"),
        ([1.0, (2, "a")], "[1.0, [2, 'a']]"),
        ([0] * 9, "a list of 9"),
        (Other("set"), "a set"),
        (None, "None"),
        (np.array(2.5), "2.5"),
        (np.zeros((2, 0)), "[[], []]"),
        ({"a": 1}, "a dict of 1"),
    ],
    ids=repr,
)
def test_values_are_written_briefly(value, words):
    """Values appear in messages with the digits that matter."""
    assert words == digits(value)


def test_kinds_are_named_for_whatever_comes():
    """No value is without a name, not even one that the codec would never let through."""
    assert "a float64" == kind_of(np.float64(1))
    assert "an integer array of shape (2,)" == kind_of(np.zeros(2, np.uint8))
    assert "a dict of 2" == kind_of({"a": 1, "b": 2})
    assert "an unsigned" == kind_of(Other("unsigned"))


def test_no_warning_is_given_by_a_comparison():
    """Overflow, NaN and infinities are compared in silence, also where the learner turned NumPy's errors on."""
    with np.errstate(all="raise"):
        found = differ(np.array([1e308, np.nan, np.inf]), np.array([-1e308, 1.0, 1.0]))

    assert [True, True, True] == found.wrong.tolist()
