"""Are two values equal, and if not, where and by how much."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.codec import Lazy, Other


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
    """None when `got` is right; entry by entry |got − want| ≤ atol + rtol·|want|.

    The kind that `want` has decides what is acceptable: an int must be an int, a float may be any real scalar,
    an array may come as a list of numbers, a list as a tuple, an array's rows or a generator.
    """
    if isinstance(want, np.ndarray):
        return _array_difference(got, want, rtol, atol)
    if isinstance(want, (list, tuple)):
        return _list_difference(got, want, rtol, atol)
    if isinstance(want, float):
        return _number_difference(got, want, rtol, atol)
    return _exact_difference(got, want)


def same(got: Any, want: Any, rtol: float, atol: float) -> bool:
    """Is `got` right? What `difference` decides, without the words, which cost more than the comparison."""
    if isinstance(got, np.ndarray) and isinstance(want, np.ndarray) and got.dtype == want.dtype == float:
        return got.shape == want.shape and not _wrong_entries(got, want, rtol, atol).any()
    return difference(got, want, rtol, atol) is None


def kind_of(value: Any) -> str:
    """A value's kind in a learner's words: "array of shape (2, 3)", "None", "list of 4"."""
    if value is None:
        return "None"
    if isinstance(value, Other):
        article = "an" if value.type[0] in "aeiou" else "a"
        return f"{article} {value.type}"
    if isinstance(value, Lazy):
        return "a lazy generator"
    if isinstance(value, np.ndarray):
        return f"{_dtype_words(value)}array of shape {value.shape}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    return {bool: "a bool", int: "an int", float: "a float", str: "a string"}[type(value)]


def _dtype_words(array: np.ndarray) -> str:
    return {"c": "a complex ", "b": "a boolean ", "i": "an integer ", "u": "an integer "}.get(array.dtype.kind, "an ")


def digits(value: Any, precision: int = 5) -> str:
    """A value short enough to read in a message."""
    if isinstance(value, np.ndarray):
        if value.size > 24:
            return f"{kind_of(value)}, from {value.min():.{precision}g} to {value.max():.{precision}g}"
        text = np.array2string(value, precision=precision, suppress_small=False, separator=", ", max_line_width=200)
        return " ".join(text.split())
    if isinstance(value, float):
        return f"{value:.{precision + 2}g}" if value % 1 else repr(value)
    if isinstance(value, (list, tuple)) and len(value) <= 8:
        return "[" + ", ".join(digits(v, precision) for v in value) + "]"
    return kind_of(value) if isinstance(value, (list, tuple, Other)) else repr(value)


def _wrong_kind(got: Any, want: Any) -> Difference:
    shown = f"{kind_of(got)}: {got!r}" if type(got) in (bool, int, float, str) else kind_of(got)
    return Difference("type", shown, kind_of(want))


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
    return _value_difference(np.asarray(got, dtype=float), np.asarray(want), rtol, atol)


def _as_array(got: Any) -> np.ndarray | None:
    """What can stand for an array of real numbers: an array, a number, a (nested) list of them; else None."""
    if isinstance(got, Lazy):
        return None
    if isinstance(got, (list, tuple)):
        rows = [_as_array(row) for row in got]
        if any(row is None for row in rows) or len({row.shape for row in rows}) > 1:
            return None
        return np.array(rows) if rows else np.zeros(0)
    if isinstance(got, np.ndarray):
        return got if got.dtype.kind in "iuf" else None
    return np.asarray(got) if type(got) in (int, float) else None


def _array_difference(got: Any, want: np.ndarray, rtol: float, atol: float) -> Difference | None:
    array = _as_array(got)
    if array is None or (array.shape == () and not isinstance(got, np.ndarray) and want.shape != ()):
        return _wrong_kind(got, want)
    if array.shape != want.shape:
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
    return Difference(kind, digits(_scalar(got)), digits(_scalar(want)), _where(got, want, wrong), got, want, wrong)


def _scalar(array: np.ndarray) -> Any:
    return array.item() if array.shape == () else array


def _wrong_entries(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        near = np.abs(got - want) <= atol + rtol * np.abs(want)
    same = (got == want) | (np.isnan(got) & np.isnan(want))  # the infinities and NaN that are right
    return ~np.where(np.isfinite(want), near, same)


def _where(got: np.ndarray, want: np.ndarray, wrong: np.ndarray) -> str:
    """ "5 of 6 entries, the worst at [0, 2]: 1.5 where 1.0 is right"; the words for a single number are shorter."""
    with np.errstate(all="ignore"):
        gap = np.where(wrong, np.abs(got - want), -1.0)
    gap = np.where(np.isnan(gap), np.inf, gap)
    worst = np.unravel_index(int(np.argmax(gap)), gap.shape)
    pair = f"{digits(float(got[worst]))} where {digits(float(want[worst]))} is right"
    if got.shape == ():
        return pair
    index = ", ".join(str(int(i)) for i in worst)
    hint = ""
    if got.dtype == np.float32 and not np.any(_wrong_entries(got, want, 1e-4, 1e-6)):
        hint = "; it came in float32 and differs by its rounding: compute in float64"
    return f"{int(wrong.sum())} of {wrong.size} entries, the worst at [{index}]: {pair}{hint}"


def _list_difference(got: Any, want: list | tuple, rtol: float, atol: float) -> Difference | None:
    if isinstance(got, np.ndarray) and got.ndim:
        got = list(got)
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
