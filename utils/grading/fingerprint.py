"""What every listed mistake gives on every case, as two numbers a value: so that a wrong answer is looked up, not
compared with a run of each mistake.

A fingerprint only proposes; `recognise` runs the mistake that it proposes before it names it.
"""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.grading.run import Outcome

FOLDER = Path(__file__).parents[1] / "fingerprints"
ANY = 0  # the form of a value that hangs on rounding: it may be anything
HUGE = 1e50  # what has grown so far, or is no number, does hang on it


@dataclass(frozen=True)
class Prints:
    """Fingerprints of some functions (rows) on the cases of an exercise, for each value that it returns."""

    forms: np.ndarray  # (functions, cases, values) uint64: a hash of shapes, texts and exceptions
    sums: np.ndarray  # (functions, cases, values): the numbers, summed with fixed weights
    scales: np.ndarray | None = None  # the same shape: what the sums may differ by, for a tolerance of one

    def first(self, cases: int) -> "Prints":
        """The same on the first so many cases."""
        return Prints(self.forms[:, :cases], self.sums[:, :cases])

    def only(self, case: int) -> "Prints":
        """The same on one case."""
        return Prints(self.forms[:, case : case + 1], self.sums[:, case : case + 1])


def of(outcomes: Sequence[Outcome], names: Sequence[str]) -> Prints:
    """The fingerprint of one function, one row, from its outcome on each case; `names` are the values returned."""
    marks = [[_mark(outcome, name) for name in names] for outcome in outcomes]
    forms, sums, scales = (np.array([[[mark[k] for mark in row] for row in marks]]) for k in range(3))
    return Prints(forms.astype(np.uint64), sums.astype(float), scales.astype(float))


def stacked(rows: Sequence[Prints]) -> Prints:
    """The fingerprints of several functions in one, at least one."""
    return Prints(*(np.concatenate([getattr(row, key) for row in rows]) for key in ("forms", "sums", "scales")))


def agreeing(one: Prints, many: Prints, rtol: float, atol: float) -> np.ndarray:
    """(functions, cases) of bool: where can a function of `many` have given what `one` gave?"""
    return agreeing_values(one, many, rtol, atol).all(axis=2)


def agreeing_values(one: Prints, many: Prints, rtol: float, atol: float) -> np.ndarray:
    """(functions, cases, values) of bool: the same for each value."""
    near = np.abs(one.sums - many.sums) <= 4 * (rtol + atol) * one.scales
    unknown = (one.forms == ANY) | (many.forms == ANY)
    return (one.forms == many.forms) & near | unknown


def known(one: Prints, many: Prints) -> np.ndarray:
    """(functions, cases) of bool: where neither side hangs on rounding, so that agreement is certain."""
    return ((one.forms != ANY) & (many.forms != ANY)).all(axis=2)


def steady(prints: Prints, again: Prints, rtol: float, atol: float) -> Prints:
    """`prints`, but ANY where the same functions on nearly the same inputs gave something else."""
    shaky = ~agreeing(prints, again, rtol, atol)[:, :, None]
    return Prints(np.where(shaky, np.uint64(ANY), prints.forms), np.where(shaky, 0.0, prints.sums), prints.scales)


def _mark(outcome: Outcome, name: str) -> tuple[int, float, float]:
    if outcome.failure:
        return _hash(f"{outcome.failure.kind} {outcome.failure.type}"), 0.0, 1.0
    if name not in outcome.values:
        return _hash("missing"), 0.0, 1.0
    numbers: list[np.ndarray] = []
    form = _form(outcome.values[name], numbers)
    flat = np.concatenate(numbers) if numbers else np.zeros(0)
    weights = _weights(flat.size)
    with np.errstate(all="ignore"):
        total, scale = float(flat @ weights), float(np.abs(flat) @ np.abs(weights)) + float(np.abs(weights).sum())
    return (_hash(form), total, scale) if scale < HUGE else (ANY, 0.0, 1.0)  # NaN is not less either


def _form(value: Any, numbers: list[np.ndarray]) -> str:
    """Shapes and texts in words; the numbers are appended to `numbers`. A list of numbers counts as an array."""
    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            numbers.append(array.astype(float).ravel())
            return f"numbers{array.shape}"
    if isinstance(value, (list, tuple)):
        try:
            if not np.iscomplexobj(value):  # or half of each number would be lost, with a warning
                return _form(np.asarray(value, dtype=float), numbers)
        except (TypeError, ValueError, OverflowError):
            pass
        return f"[{', '.join(_form(item, numbers) for item in value)}]"
    return f"{type(value).__name__} {value}" if isinstance(value, (str, type(None))) else type(value).__name__


@functools.cache
def _weights(size: int) -> np.ndarray:
    """Fixed weights about one half to one and a half, of both signs."""
    rng = np.random.default_rng(size)
    return rng.uniform(0.5, 1.5, size) * rng.choice([-1.0, 1.0], size)


def _hash(form: str) -> int:
    return int.from_bytes(hashlib.blake2b(form.encode("utf-8", "replace"), digest_size=8).digest(), "little")


@functools.cache
def load(slug: str, folder: Path = FOLDER) -> dict[str, Prints]:
    """Exercise → the fingerprints of its mistakes, in their order; empty where none were recorded."""
    path = folder / f"{slug}.npz"
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        keys = {name.rpartition("/")[0] for name in file.files}
        return {key: Prints(file[f"{key}/forms"], file[f"{key}/sums"]) for key in keys}
