"""Interview folklore on trial: a claim is a predicate over settings, and the verdict follows from their shares.

What is computed: shares, sides of a condition, controls, and the verdict from them and from the papers' figures.
What is judgement: the claim's wording, the family of settings, and which figures of which paper are quoted.
"""

import inspect
import itertools
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from utils.folklore import verdicts
from utils.folklore.ruling import UNDECIDED, Trial, setting_in_words


@dataclass(frozen=True)
class Published:
    """One figure that a paper printed, and whether the claim holds by it."""

    source: str
    figure: str
    holds: bool
    inside: bool | None = None


def published(source: str, figure: str, holds: bool, inside: bool | None = None) -> Published:
    """A paper's figure: `source` names paper and table, `figure` quotes it, `holds` says what follows for the claim.

    `inside` says on which side of the trial's condition it lies; without it the figure is shown and does not count
    for or against the condition.
    """
    return Published(str(source), str(figure), _truth(holds, f"holds= of {source!r}"), inside)


def settings(**axes: Any) -> list[dict]:
    """All combinations: settings(lr=[0.1, 1], seed=range(3)) → six dicts. A single value stands for a list of one."""
    lists = {name: _values(value) for name, value in axes.items()}
    return [dict(zip(lists, combination, strict=True)) for combination in itertools.product(*lists.values())]


def _values(axis: Any) -> list:
    single = isinstance(axis, str | Mapping) or not isinstance(axis, Iterable)
    return [_plain(value) for value in ([axis] if single else axis)]


def _plain(value: Any) -> Any:
    """A NumPy number as Python's, so that it prints as it was meant."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def trial(
    claim: str,
    held: Callable | None = None,
    *,
    over: Iterable[dict] | None = None,
    held_out: Iterable[dict] | None = None,
    only_if: tuple[str, Callable] | str | None = None,
    published: Iterable[Published] = (),
    control: dict | Iterable[dict] | None = None,
    expect: str | None = None,
) -> Trial:
    """Put a claim to the test and rule: holds, holds only if …, does not hold, or not decided here.

    `held(**setting)` says for one setting whether the claim held: a bool, or a tuple of bools, one for each threshold,
    the main one first. `over` is the family tried. `only_if` is a sentence and a predicate over the same settings; it
    is judged on `held_out`, settings that were not used to find it. `control` is a setting outside the family (or
    several) where `held` comes out the other way, which shows that the test can. `published` figures stand first and
    are never outvoted. `expect` is the verdict that the text relies on. Rules and thresholds: CONTRIBUTING.md.

    >>> trial("it converges", lambda lr: abs(1 - lr) < 1, over=settings(lr=[0.1, 0.2, 0.4, 0.8, 1]), control=dict(lr=3))
    Claim: it converges
      tried    lr 0.1, 0.2, 0.4, 0.8, 1
      held in  5 of 5 (100 %)
      control  lr=3: failed there, so the test can fail
    Verdict: it holds.
    """
    evidence = _Evidence.gathered(held, over, held_out, only_if, published, control)
    try:
        evidence.run()
    except _NotReadyError as stop:
        if strict():
            raise stop.error from None
        return Trial(
            claim, UNDECIDED, (), note=_not_ready(stop.error), data={"settings": 0, "held": 0, "published": []}
        )
    return _expected(verdicts.ruled(claim, evidence), expect)


def strict() -> bool:
    """Is this a run of the builder or of the tests, where nothing that goes wrong may be overlooked?"""
    return os.environ.get("COURSE_STRICT") == "1"


class _NotReadyError(Exception):
    """A function of the learner's raised inside a predicate."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _not_ready(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"This needs your functions: check(…) them first. ({type(error).__name__}{f': {first}' if first else ''})"


def _expected(ruling: Trial, expect: str | None) -> Trial:
    """The ruling, if it is the one that the text relies on."""
    if expect is None or ruling.verdict == expect:
        return ruling
    if strict():
        raise AssertionError(f"the text relies on {expect!r}, and the verdict is {ruling.verdict!r}\n{ruling!r}")
    note = f"With the course's own functions the verdict is “{expect}”: check(…) yours first."
    return Trial(ruling.claim, ruling.verdict, ruling.rows, ruling.aside, note, ruling.data)


def expect(fact: bool) -> None:
    """A fact that the text relies on: an error in builds and tests, one line to a learner whose function is not right.

    >>> expect(1 + 1 == 2)
    >>> expect(1 + 1 == 3)
    → The text relies on another result here: check(…) your functions first.
    """
    if not fact:
        if strict():
            raise AssertionError("the text relies on this, and it is not so")
        print("→ The text relies on another result here: check(…) your functions first.")


# ---- evidence ---------------------------------------------------------------------------------------------------


@dataclass
class _Evidence:
    """Everything that a trial was given, and, after `run`, what came out."""

    held: Callable | None
    over: list[dict]
    held_out: list[dict]
    sentence: str
    condition: Callable | None
    papers: list[Published]
    controls: list[dict]

    @classmethod
    def gathered(cls, held, over, held_out, only_if, papers, control) -> "_Evidence":
        sentence, condition = (
            ("", None) if only_if is None else (only_if, None) if isinstance(only_if, str) else only_if
        )
        controls = [] if control is None else [control] if isinstance(control, Mapping) else list(control)
        made = cls(held, list(over or ()), list(held_out or ()), sentence, condition, list(papers), controls)
        _check(made, only_if is not None)
        return made

    def run(self) -> None:
        """Call the predicates; raises _NotReadyError when a function of the learner's does."""
        self.outcomes = [_outcome(self.held, setting) for setting in self.over]
        self.outcomes_out = [_outcome(self.held, setting) for setting in self.held_out]
        self.outcomes_control = [_outcome(self.held, setting) for setting in self.controls]
        self.inside = [_holds_in(self.condition, setting) for setting in self.held_out] if self.condition else []
        counts = {len(outcome) for outcome in (*self.outcomes, *self.outcomes_out, *self.outcomes_control)}
        if len(counts) > 1:
            raise ValueError(
                f"held gives {sorted(counts)} answers in different settings; one for each threshold, always"
            )

    def side(self, within: bool, threshold: int = 0) -> tuple[int, int]:
        """(held, tried) inside or outside the condition, on the held-out settings."""
        kept = [out[threshold] for out, side in zip(self.outcomes_out, self.inside, strict=True) if side == within]
        return sum(kept), len(kept)

    def share(self, threshold: int = 0) -> tuple[int, int]:
        """(held, tried) in the family."""
        return sum(out[threshold] for out in self.outcomes), len(self.outcomes)


def _outcome(held: Callable, setting: dict) -> tuple[bool, ...]:
    try:
        value = held(**setting)
    except Exception as error:
        raise _NotReadyError(error) from error
    answers = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not answers:
        raise ValueError(f"held gives no answer at {setting_in_words(setting)}")
    return tuple(_truth(answer, f"held at {setting_in_words(setting)}") for answer in answers)


def _holds_in(condition: Callable, setting: dict) -> bool:
    parameters = inspect.signature(condition).parameters.values()
    everything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    wanted = {p.name for p in parameters}
    missing = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
               and p.name not in setting]  # fmt: skip
    if missing:
        raise ValueError(f"the condition asks for {', '.join(missing)}, and a setting has {', '.join(setting)}")
    try:
        value = condition(**{name: value for name, value in setting.items() if everything or name in wanted})
    except Exception as error:
        raise _NotReadyError(error) from error
    return _truth(value, f"the condition at {setting_in_words(setting)}")


def _truth(value: Any, what: str) -> bool:
    """NaN, a text, None: Python takes each for true or false, and nobody meant it."""
    if getattr(value, "ndim", 0) or bool(value) != value:
        raise ValueError(f"{what} is {value!r}; it must be True or False, as a comparison computes it")
    return bool(value)


# ---- an author's errors -----------------------------------------------------------------------------------------


def _check(given: _Evidence, conditional: bool) -> None:
    """ValueError for what no verdict could come of, whatever the functions say."""
    if given.held is None and not given.papers:
        raise ValueError("a trial needs a predicate over settings, or published figures, or both")
    if given.held is None and (given.over or given.held_out or given.controls):
        raise ValueError("settings without held: say with a function whether the claim held in one of them")
    if given.held is not None and not given.over:
        raise ValueError("the family of settings is empty: name it, as in over=settings(lr=[0.1, 1], seed=range(5))")
    if not conditional and any(row.inside is not None for row in given.papers):
        raise ValueError("inside= says on which side of a condition a figure lies, and there is no only_if")
    _check_settings(given)
    if given.held is not None and conditional:
        _check_condition(given)
    elif given.held_out:
        raise ValueError("held_out tests a condition, and there is no only_if: put these settings into over")


def _check_settings(given: _Evidence) -> None:
    families = {"over": given.over, "held_out": given.held_out, "control": given.controls}
    owner: dict[tuple, str] = {}
    for name, family in families.items():
        for setting in family:
            _check_call(given.held, setting)
            key = key_of(setting)
            if key in owner:
                also = "twice" if owner[key] == name else f"in {owner[key]} too"
                raise ValueError(f"{name} has {setting_in_words(setting)} {also}: every setting counts once")
            owner[key] = name


def _check_call(held: Callable, setting: dict) -> None:
    if not isinstance(setting, Mapping):
        raise ValueError(f"a setting is a dict, as settings(…) makes them, not {setting!r}")
    try:
        inspect.signature(held).bind(**setting)
    except TypeError as error:
        raise ValueError(f"held does not take the setting {setting_in_words(setting)}: {error}") from None


def key_of(setting: Mapping) -> tuple:
    """Equal for settings that are the same: 1, 1.0 and np.int64(1) are, and any order."""
    number = {name: isinstance(_plain(value), numbers.Real) for name, value in setting.items()}
    return tuple(sorted((name, repr(float(v) if number[name] else v)) for name, v in setting.items()))


def _check_condition(given: _Evidence) -> None:
    if given.condition is None:
        raise ValueError("only_if is (sentence, predicate over the settings): a sentence alone cannot be tested")
    if not given.held_out:
        raise ValueError("only_if needs held_out: settings that were not used to find the condition")
    if _same_code(given.condition, given.held) or given.held in _reached(given.condition):
        raise ValueError("the condition is the claim itself: “it holds where it holds” says nothing")


def _same_code(one: Callable, other: Callable) -> bool:
    if one is other:
        return True
    codes = [getattr(function, "__code__", None) for function in (one, other)]
    if None in codes or len({(code.co_code, code.co_consts, code.co_names) for code in codes}) > 1:
        return False
    cells = [[id(cell.cell_contents) for cell in function.__closure__ or ()] for function in (one, other)]
    return cells[0] == cells[1]


def _reached(function: Callable) -> list[Callable]:
    """The function and those beside it that it may call, as far as their names say."""
    found, waiting = [], [function]
    while waiting:
        current = waiting.pop()
        near = isinstance(current, FunctionType) and current.__module__ == function.__module__
        if near and current not in found:
            found.append(current)
            scope = inspect.getclosurevars(current)
            waiting += [*scope.globals.values(), *scope.nonlocals.values(), *(current.__defaults__ or ())]
    return found
