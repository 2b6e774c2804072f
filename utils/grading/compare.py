"""Are two values equal, and if not, where and by how much."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.grading.codec import Lazy, Other

FEW = 30  # numbers that are faster compared one by one: NumPy's dozen calls take longer


@dataclass(frozen=True)
class Difference:
    """What is wrong with one value that a function returned."""

    kind: str  # "type", "shape", "length", "nonfinite" or "value"
    came: str  # what came, in words or digits
    expected: str
    where: str = ""  # the entries that differ, in words
    got: np.ndarray | None = None  # the arrays themselves, when they can be laid side by side
    want: np.ndarray | None = None
    wrong: np.ndarray | None = None  # True where they differ


def difference(got: Any, want: Any, rtol: float, atol: float) -> Difference | None:
    """None when `got` is right; entry by entry |got − want| ≤ atol + rtol·|want|, integers exactly.

    The kind that `want` has decides what is acceptable: an int must be an int, a float may be any real scalar,
    an array may come as a list of numbers, a list as a tuple, an array's rows or a generator.
    """
    if _alike(got, want, rtol, atol):
        return None
    if isinstance(want, np.ndarray):
        return _array_difference(got, want, rtol, atol)
    if isinstance(want, (list, tuple)):
        return _list_difference(got, want, rtol, atol)
    if isinstance(want, float):
        return _number_difference(got, want, rtol, atol)
    return _exact_difference(got, want)


def same(got: Any, want: Any, rtol: float, atol: float) -> bool:
    """Is `got` right? What `difference` decides, without the words, which cost more than the comparison."""
    alike = _alike(got, want, rtol, atol)
    return difference(got, want, rtol, atol) is None if alike is None else alike


def _alike(got: Any, want: Any, rtol: float, atol: float) -> bool | None:
    """Are two floats equal, or two arrays of float64? None for any other kinds, of which `difference` knows more."""
    if type(got) is float and type(want) is float:
        return _near(got, want, rtol, atol)
    if type(got) is not np.ndarray or type(want) is not np.ndarray or not got.dtype.char == want.dtype.char == "d":
        return None
    if got.shape != want.shape:
        return False
    if want.size > FEW:
        return not _wrong_entries(got, want, rtol, atol).any()
    pairs = zip(got.ravel().tolist(), want.ravel().tolist(), strict=True)
    return all(_near(g, w, rtol, atol) for g, w in pairs)


def _near(got: float, want: float, rtol: float, atol: float) -> bool:
    if math.isfinite(want):
        return abs(got - want) <= atol + rtol * abs(want)  # false for NaN, as it should be
    return got == want or (math.isnan(got) and math.isnan(want))


def kind_of(value: Any) -> str:
    """A value's kind in a learner's words: "array of shape (2, 3)", "None", "list of 4"."""
    if value is None:
        return "None"
    if isinstance(value, Other):
        article = "an" if value.type[:1] in "aeiou" else "a"
        return f"{article} {value.type}"
    if isinstance(value, Lazy):
        return "a lazy generator"
    if isinstance(value, np.ndarray):
        return f"{_dtype_words(value)}array of shape {value.shape}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return {int: "an int", str: "a string"}.get(type(value), f"a {type(value).__name__}")


def _dtype_words(array: np.ndarray) -> str:
    return {"c": "a complex ", "b": "a boolean ", "i": "an integer ", "u": "an integer "}.get(array.dtype.kind, "an ")


def digits(value: Any, precision: int = 5) -> str:
    """A value short enough to read in a message."""
    if isinstance(value, np.ndarray):
        return _span(value, precision) if value.size > 24 else _listed(value.tolist(), precision)
    if isinstance(value, float):
        return f"{value:.{precision + 2}g}" if value % 1 else repr(value)
    if isinstance(value, (list, tuple)) and len(value) <= 8:
        return "[" + ", ".join(digits(v, precision) for v in value) + "]"
    return kind_of(value) if isinstance(value, (list, tuple, dict, Other)) else repr(value)


def _listed(items: Any, precision: int) -> str:
    """Faster than NumPy's own, and the same whatever a learner's np.set_printoptions says."""
    if not isinstance(items, list):
        return digits(items, precision)
    return "[" + ", ".join(_listed(item, precision) for item in items) + "]"


def _span(array: np.ndarray, precision: int) -> str:
    finite = array[np.isfinite(array)]
    if not finite.size:
        return f"{kind_of(array)}, nothing in it finite"
    ends = f"from {digits(finite.min().item(), precision)} to {digits(finite.max().item(), precision)}"
    return f"{kind_of(array)}, {ends}" + ("" if finite.size == array.size else " where it is finite")


def _apart(got: float, want: float) -> tuple[str, str]:
    """Two numbers that differ, with as many digits as it takes to see it."""
    pairs = [(digits(got, precision), digits(want, precision)) for precision in (5, 9, 15)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def _wrong_kind(got: Any, want: Any) -> Difference:
    shown = f": {got!r}" if type(got) in (bool, int, float, str) else ""
    return Difference("type", kind_of(got) + (shown if len(shown) <= 80 else f"{shown[:80]}…"), kind_of(want))


def _exact_difference(got: Any, want: Any) -> Difference | None:
    if isinstance(got, np.ndarray) and got.shape == () and got.dtype.kind in "biu":
        got = got.item()
    if type(got) is not type(want):
        return _wrong_kind(got, want)
    return None if got == want else Difference("value", repr(got), repr(want))


def _number_difference(got: Any, want: float, rtol: float, atol: float) -> Difference | None:
    if isinstance(got, np.ndarray):
        if got.shape != () or got.dtype.kind not in "iuf":
            return _wrong_kind(got, want)
    elif type(got) not in (int, float):
        return _wrong_kind(got, want)
    return _value_difference(_number(got), np.asarray(want), rtol, atol)


def _number(value: Any) -> np.ndarray:
    """A number as an array without axes; an int beyond 64 bits as a float, if need be an infinite one."""
    array = np.asarray(value)
    if array.dtype != object:
        return array
    try:
        return np.asarray(float(value))
    except OverflowError:
        return np.asarray(np.inf if value > 0 else -np.inf)


def _as_array(got: Any, kinds: str) -> np.ndarray | None:
    """What can stand for an array of these dtype kinds: an array, a number, a (nested) list of them; else None."""
    if isinstance(got, Lazy):
        return None
    if isinstance(got, (list, tuple)):
        rows = [_as_array(row, kinds) for row in got]
        if any(row is None for row in rows) or len({row.shape for row in rows}) > 1:
            return None
        return np.array(rows) if rows else np.zeros(0, bool if kinds == "b" else float)
    array = _number(got) if type(got) in (bool, int, float) else got
    return array if isinstance(array, np.ndarray) and array.dtype.kind in kinds else None


def _words(got: Any, kinds: str) -> str:
    """What came in place of an array; for a list, also why it is none."""
    if not isinstance(got, (list, tuple)) or isinstance(got, Lazy):
        return kind_of(got)
    odd = next((index for index, item in enumerate(got) if _as_array(item, kinds) is None), None)
    if odd is None:
        return f"{kind_of(got)} whose items differ in shape"
    return f"{kind_of(got)} whose item {odd} is {_words(got[odd], kinds)}"


def _array_difference(got: Any, want: np.ndarray, rtol: float, atol: float) -> Difference | None:
    kinds = "b" if want.dtype.kind == "b" else "iuf"
    array = _as_array(got, kinds)
    if array is None and isinstance(got, (list, tuple)):
        return Difference("type", _words(got, kinds), kind_of(want))
    if array is None or (array.shape == () and not isinstance(got, np.ndarray) and want.shape != ()):
        return _wrong_kind(got, want)
    if array.shape != want.shape:
        if isinstance(got, tuple):  # more likely several values than one array
            return _wrong_kind(got, want)
        return Difference("shape", f"shape {array.shape}", f"shape {want.shape}")
    if want.dtype.kind in "iu" and array.dtype.kind == "f" and array.size:
        return Difference("type", f"an array of {array.dtype} numbers", "an array of integers")
    return _value_difference(array, want, rtol, atol)


def _value_difference(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> Difference | None:
    wrong = _wrong_entries(got, want, rtol, atol)
    if not wrong.any():
        return None
    nonfinite = wrong & ~np.isfinite(got) & np.isfinite(want)
    kind = "nonfinite" if nonfinite.any() else "value"
    came, expected = (digits(got), digits(want)) if got.shape else _apart(got.item(), want.item())
    return Difference(kind, came, expected, _where(got, want, wrong), got, want, wrong)


def _wrong_entries(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    if want.dtype.kind in "iub":
        return got != want
    with np.errstate(all="ignore"):
        near = abs(got - want) <= atol + rtol * abs(want)
    finite = np.isfinite(want)
    if finite.all():
        return ~near
    same = (got == want) | (np.isnan(got) & np.isnan(want))  # the infinities and NaN that are right
    return ~np.where(finite, near, same)


def _where(got: np.ndarray, want: np.ndarray, wrong: np.ndarray) -> str:
    """ "5 of 6 entries, the worst at [0, 2]: 1.5 where 1.0 is right"; the words for a single number are shorter."""
    with np.errstate(all="ignore"):
        gap = np.where(wrong, abs(got.astype(float) - want.astype(float)), -1.0)
    gap = np.where(np.isnan(gap), np.inf, gap)
    worst = np.unravel_index(int(np.argmax(gap)), gap.shape)
    pair = "{} where {} is right".format(*_apart(got[worst].item(), want[worst].item()))
    if got.shape == ():
        return pair
    index = ", ".join(str(int(i)) for i in worst)
    hint = ""
    if got.dtype == np.float32 and not np.any(_wrong_entries(got, want, 1e-4, 1e-6)):
        hint = "; it came in float32 and differs by its rounding: compute in float64"
    return f"{int(wrong.sum())} of {wrong.size} entries, the worst at [{index}]: {pair}{hint}"


def _list_difference(got: Any, want: list | tuple, rtol: float, atol: float) -> Difference | None:
    if isinstance(got, np.ndarray) and got.ndim:
        got = got.tolist() if got.ndim == 1 else list(got)
    if not isinstance(got, (list, tuple)):
        return _wrong_kind(got, want)
    if len(got) != len(want):
        return Difference("length", f"{len(got)} items", f"{len(want)} items")
    for index, (g, w) in enumerate(zip(got, want, strict=True)):
        found = difference(g, w, rtol, atol)
        if found:
            where = f"item {index}" + (f": {found.where}" if found.where else "")
            return Difference(found.kind, found.came, found.expected, where, found.got, found.want, found.wrong)
    return None
