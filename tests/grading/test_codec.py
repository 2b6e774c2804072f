"""Values survive storage and the way out of a sandbox; what cannot survive leaves its name."""

import json
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from utils.grading import codec
from utils.grading.codec import Lazy, Other, decode, encode, from_bytes, to_bytes

FAST = settings(max_examples=60, deadline=None, derandomize=True, database=None)
DTYPES = st.sampled_from(["bool", "int8", "uint64", "int64", "float16", "float32", "float64", "complex128", ">f8"])
ARRAYS = st_np.arrays(DTYPES, st_np.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
PLAIN |= st.builds(Other, st.text(max_size=5))
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(Lazy)
        | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4)
    ),
    max_leaves=12,
)


def there_and_back(value):
    arrays = {}
    return decode(json.loads(json.dumps(encode(value, arrays))), arrays)


def identical(a, b):
    """Equal in value, type, dtype and shape; NaN is itself, and so is -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(identical(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(identical, a, b))
    return repr(a) == repr(b)


@FAST
@given(VALUES)
def test_plain_values_survive_a_round_trip(value):
    """Whatever consists of plain values, arrays and containers comes back as it went, in type and to the bit."""
    back = from_bytes(to_bytes(value))

    assert identical(value, back), (value, back)


@FAST
@given(VALUES)
def test_decoded_values_can_be_encoded_again(value):
    """An outcome may cross two borders: encoding what was decoded gives the same once more."""
    once = there_and_back(value)

    assert identical(once, there_and_back(once))


@pytest.mark.parametrize(
    ("numpy", "python"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(-3), -3),
        (np.uint8(255), 255),
        (np.bool_(True), True),
        (np.str_("relu"), "relu"),
    ],
)
def test_numpy_scalars_become_python_scalars(numpy, python):
    """A NumPy scalar is as right as a Python scalar, so after encoding there is no difference left."""
    back = there_and_back(numpy)

    assert (type(python), python) == (type(back), back)


def test_an_array_without_axes_stays_an_array():
    """A 0-d array is told apart from a scalar, for the comparison decides what it may stand for."""
    back = there_and_back(np.array(2.5))

    assert identical(np.array(2.5), back)


def test_encoding_copies_arrays():
    """What a function goes on writing into does not change the answer that was noted."""
    row, arrays = np.zeros(2), {}
    tree = encode([row], arrays)
    row += 1

    assert [0.0, 0.0] == decode(tree, arrays)[0].tolist()


def test_rows_of_one_reused_array_are_noted_as_they_were_yielded():
    """A generator that yields the same array again and again, changed, is noted as it was at each step."""

    def steps():
        theta = np.zeros(1)
        for _ in range(3):
            yield theta
            theta += 1

    assert [0.0, 1.0, 2.0] == [float(row[0]) for row in there_and_back(steps())]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1 + 2j, "complex number"),
        (np.complex64(1j), "complex number"),
        (np.array([None, 1]), "array of objects"),
        (np.array(["a"]), "array of strings"),
        (np.array([b"a"]), "array of bytes"),
        (np.array(["2020"], dtype="M8[Y]"), "array of datetime64[Y]"),
        ({1, 2}, "set"),
        (b"x", "bytes"),
        (len, "builtin_function_or_method"),
        ({1: "a key that is no text"}, "dict"),
        (10**5000, "int of thousands of digits"),
        (OrderedDict, "type"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_plain_value_leaves_its_name(value, name):
    """Objects do not travel, but a message can still say what they were."""
    assert Other(name) == there_and_back(value)


def test_a_class_of_the_learner_is_named_with_its_module():
    """An object of one's own class is named as its traceback would name it."""

    class Cache:
        pass

    assert Other(f"{__name__}.Cache") == there_and_back(Cache())


@pytest.mark.parametrize(
    "lazy",
    [(x for x in "ab"), iter(["a", "b"]), map(str.lower, "AB"), reversed("ba"), dict.fromkeys("ab").__iter__()],
    ids=["generator", "iterator", "map", "reversed", "keys"],
)
def test_a_generator_is_consumed_into_a_lazy_list(lazy):
    """What is lazy arrives with its items, marked as lazy."""
    back = there_and_back(lazy)

    assert (Lazy, ["a", "b"]) == (type(back), list(back))


def test_a_range_is_a_list():
    """`range(3)` is as good as the list of its numbers."""
    assert identical([0, 1, 2], there_and_back(range(3)))


def test_kinds_of_containers_are_kept_apart():
    """Subclasses of list, tuple and dict arrive as the plain kind that they are."""
    Point = namedtuple("Point", "x y")

    assert identical((1, 2), there_and_back(Point(1, 2)))
    assert identical({"a": 1}, there_and_back(OrderedDict(a=1)))


def test_endless_values_end():
    """An endless generator and an enormous range are cut, so that they fill no memory."""

    def forever():
        while True:
            yield 0

    assert codec.MAX_ITEMS == len(there_and_back(forever()))
    assert codec.MAX_ITEMS == len(there_and_back(range(10**15)))


def test_a_long_list_is_not_cut():
    """A list is as long as it is: a right answer of many entries must not lose its end."""
    assert codec.MAX_ITEMS + 1 == len(there_and_back([0] * (codec.MAX_ITEMS + 1)))


def test_a_list_that_contains_itself_ends_at_once():
    """A container inside itself is named, however often it contains itself."""
    knot = []
    knot += [knot] * 50

    assert [Other("list that contains itself")] * 50 == there_and_back(knot)


def test_the_same_list_twice_is_no_knot():
    """Rows that are one and the same object are rows all the same."""
    row = [1.0]

    assert [[1.0], [1.0]] == there_and_back([row, row])


def test_nesting_has_an_end():
    """A container nested beyond all use is cut with a word about it."""
    deep = 0
    for _ in range(codec.MAX_DEPTH + 1):
        deep = [deep]
    back = there_and_back(deep)
    while isinstance(back, list):
        back = back[0]

    assert Other("deeply nested container") == back


def test_odd_keys_stay_apart():
    """Names that collide, or that no file could have, keep their own arrays."""
    odd = {"a/b": np.array([0]), "a": {"b": np.array([1])}, "x\0y": np.array([2]), "x": np.array([3])}
    odd |= {"a.npy": np.array([4]), "\ud800": np.array([5]), "file": np.array([6]), "tree": np.array([7])}

    assert identical(odd, from_bytes(to_bytes(odd)))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", b"\x80\x04N.", to_bytes(1)[:-30]], ids=repr)
def test_anything_else_is_refused(data):
    """Bytes that hold no encoded value raise ValueError, whatever is wrong with them."""
    with pytest.raises(ValueError, match="not an encoded value"):
        from_bytes(data)


def block(tree, arrays=(), data=b""):
    """What `to_bytes` would make of a tree, arrays' types and shapes, and their bytes."""
    head = json.dumps({"tree": tree, "arrays": dict(arrays)}).encode()
    return len(head).to_bytes(8, "little") + head + data


def test_a_block_is_what_it_says():
    """The helper of the tests below makes blocks that are read."""
    assert 1 == from_bytes(block({"plain": 1}))
    assert [1.5] == from_bytes(block({"array": "a"}, {"a": ["<f8", [1]]}, np.array([1.5]).tobytes())).tolist()


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("|O", [1]), ("<O8", [1]), ("<U2", [1]), ("|V8", [1]), ("<M8", [1]), ("<f8", [2]), ("<f8", [-1]), ("<f8", [0]), ("<f8", [1.0]),
     ("<f8", ["1"]), ("<f8", [10**30]), ("<f3", [1]), ("<f8,<f8", [1]), ("f8", [1]), (8, [1]), ("<f8", 1), ("<f8", [True])],
)  # fmt: skip
def test_arrays_of_another_kind_or_size_are_refused(kind, shape):
    """Objects, texts, times, and a shape that is none or does not fit the bytes: none becomes an array."""
    with pytest.raises(ValueError, match="not an encoded value"):
        from_bytes(block({"array": "a"}, {"a": [kind, shape]}, np.array([1.5]).tobytes()))


def test_pickles_are_refused():
    """A pickle, and an archive with a pickled array, are refused like any other junk."""
    import io
    import pickle

    buffer = io.BytesIO()
    np.savez(buffer, tree=np.array([{"plain": 1}], dtype=object))

    for data in (buffer.getvalue(), pickle.dumps([1.0]), to_bytes(1) + pickle.dumps(1)):
        with pytest.raises(ValueError, match="not an encoded value"):
            from_bytes(data)


@pytest.mark.parametrize(
    "tree", [{}, {"plain": 1, "int": "2"}, {"pickle": "x"}, {"array": "missing"}, [1], {"int": "x"}]
)
def test_a_tree_of_another_form_is_refused(tree):
    """A tree that `encode` would not have made raises ValueError."""
    with pytest.raises(ValueError, match="not an encoded value"):
        from_bytes(block(tree))
