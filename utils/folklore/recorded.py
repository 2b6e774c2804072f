"""Evidence that takes too long for a notebook: measured once by `course dev evidence`, shown from a small file, and
spot-checked live. The files lie in `utils/recorded/`, each with the digest of the code that made it.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.folklore import digest
from utils.folklore.claims import key_of, strict
from utils.folklore.ruling import setting_in_words

FOLDER = Path(__file__).parents[1] / "recorded"
Value = float | dict[str, float]


class EvidenceError(ValueError):
    """Recorded figures that are missing, stale, or that a live run contradicts; the message names the command."""


@dataclass(frozen=True)
class Recorded:
    """Figures by setting: `accuracy(lr=0.1, seed=0)`; as a cell's last value it says what it is."""

    name: str
    settings: list[dict]
    values: dict[tuple, Value]
    said: str

    def __call__(self, **setting: Any) -> Value:
        """The figure measured in one of the recorded settings; KeyError for any other."""
        try:
            return self.values[key_of(setting)]
        except KeyError:
            raise KeyError(f"{self.name}: nothing is recorded for {setting_in_words(setting)}") from None

    def __repr__(self) -> str:
        return self.said


def evidence(
    name: str,
    measure: Callable[..., Value],
    over: Iterable[dict],
    sample: int | list[dict] = 1,
    rtol: float = 0.01,
    atol: float = 1e-6,
) -> Recorded:
    """Figures of `measure(**setting)` in every setting, from the file that `course dev evidence NN` records.

    measure: a function written with `def`, giving a float or a flat dict of floats. over: dicts, as `settings` makes.
    sample: how many settings run live here and must agree within `rtol` and `atol` (the first ones), or which.
    A file that another code or other settings made is an EvidenceError, no setting at all a ValueError.

    >>> accuracy = evidence("batch_size_accuracy", measure, settings(batch=[8, 64], seed=range(3)))
    >>> accuracy(batch=8, seed=0)
    0.944
    """
    family = [dict(setting) for setting in over]
    if not family:
        raise ValueError(f"evidence {name!r} has no setting")
    path, mode = FOLDER / f"{name}.json", os.environ.get("COURSE_EVIDENCE", "")
    if mode == "record" or (mode == "renew" and not _is_fresh(path, measure, family)):
        _record(path, measure, family)
    stored = _load(path, measure, family)
    live = family if mode == "check" else family[:sample] if isinstance(sample, int) else sample
    values = {key_of(setting): value for setting, value in stored["figures"]}
    differing = _compared(name, measure, live, values, (rtol, atol))
    return Recorded(name, family, values, _said(stored, len(live), differing))


def _record(path: Path, measure: Callable, family: list[dict]) -> None:
    start, figures = time.monotonic(), []
    for setting in family:
        figures.append([setting, _short(measure(**setting))])
        if sys.stderr.isatty():
            print(f"\r{path.stem}: {len(figures)} of {len(family)}", end=" ", file=sys.stderr)
    answers = digest.answers_in(measure)
    head = {
        "question": os.environ.get("COURSE_QUESTION", ""), "digest": digest.of(measure, family, answers),
        "answers": answers, "seconds": round(time.monotonic() - start),
    }  # fmt: skip
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in figures)
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + ',\n "figures": [\n' + rows + "\n ]\n}\n", encoding="utf-8")
    print(f"\r{path.stem}: {len(family)} settings recorded in {head['seconds']} s", file=sys.stderr)


def _short(value: Value) -> Value:
    """Eight digits: what a figure is, without what the last bits are."""
    if isinstance(value, Mapping):
        return {str(name): _short(part) for name, part in value.items()}
    return float(f"{float(value):.8g}")


def _is_fresh(path: Path, measure: Callable, family: list[dict]) -> bool:
    if not path.exists():
        return False
    stored = json.loads(path.read_text(encoding="utf-8"))
    return stored["digest"] == digest.of(measure, family, stored["answers"])


def _load(path: Path, measure: Callable, family: list[dict]) -> dict:
    number = os.environ.get("COURSE_QUESTION", "")[:2]
    if not path.exists():
        raise EvidenceError(f"{path.stem} was never recorded: run `course dev evidence {number or 'NN'}`")
    stored = json.loads(path.read_text(encoding="utf-8"))
    now = digest.of(measure, family, stored["answers"])
    if now is not None and now != stored["digest"]:
        raise EvidenceError(
            f"{path.stem} was recorded by another code, or for other settings: undo the change, or run "
            f"`course dev evidence {stored['question'][:2] or 'NN'}`, which took {stored['seconds']} s"
        )
    return stored


def _compared(name: str, measure: Callable, live: list[dict], values: dict, tolerance: tuple[float, float]) -> str:
    """Run some settings again; "" when all agree. A learner reads what differs, the builder gets it as an error."""
    for setting in live:
        try:
            came = measure(**setting)
        except Exception as error:
            if strict():
                raise
            return f"this needs your functions: check(…) them first ({type(error).__name__})"
        recorded = values[key_of(setting)]
        if not all(math.isclose(a, b, rel_tol=tolerance[0], abs_tol=tolerance[1]) or (a != a and b != b)
                   for a, b in _pairs(came, recorded)):  # fmt: skip
            text = f"at {setting_in_words(setting)} a live run gives {came!r}, and recorded is {recorded!r}"
            if strict():
                raise EvidenceError(f"{name}: {text}; run `course dev evidence --check`")
            return text
    return ""


def _pairs(came: Value, recorded: Value) -> Iterator[tuple[float, float]]:
    if isinstance(recorded, Mapping):
        missing = float("inf")  # a figure that did not come is no figure
        yield from ((float(came.get(part, missing)), value) for part, value in recorded.items())
    else:
        yield float(came), recorded


def _said(stored: dict, live: int, differing: str) -> str:
    text = f"{len(stored['figures'])} settings, recorded in {stored['seconds']} s"
    if not live:
        return text
    return f"{text}; {differing or f'{live} repeated live: the same'}"
