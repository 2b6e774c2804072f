"""What an exercise is: frozen records, written once per question in `utils/exercises/`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def call(function: Callable, **inputs: Any) -> Any:
    """The usual way to run a case: one call, arguments by position, so that only their order is the contract."""
    return function(*inputs.values())


@dataclass(frozen=True)
class Case:
    """One set of inputs that the learner's function is tried on."""

    name: str  # what is special about it, in words that fit into a message
    inputs: Callable[..., dict[str, Any]]  # makes the arguments, in order, from a seeded np.random.Generator
    raises: str = ""  # the exception that a right answer raises on these inputs, by name: "ValueError"


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: the cases must reject it, and a verdict names it when a learner makes it."""

    name: str  # a short noun phrase: "unbiased variance (ddof=1)"
    advice: str  # one line: what to do instead, and why
    wrong: Callable  # the wrong answer itself, called as the learner's function is


@dataclass(frozen=True)
class Exercise:
    """One function or class that the learner writes, and all that is needed to judge it."""

    name: str  # the public name, unique in the course
    returns: tuple[str | None, ...]  # a name for each value it returns; None: never looked at (a cache)
    cases: tuple[Case, ...]  # from tiny, readable in a message, to awkward
    oracle: Callable  # an independent authority: case inputs by name → what `run` returns for a right answer
    mistakes: tuple[Mistake, ...] = ()
    accepts: tuple[Callable, ...] = ()  # right answers in another style, which must be accepted
    run: Callable = call  # how a case calls the learner's function: run(function, **inputs)
    protocol: str = ""  # what `run` does, for messages, where it is more than one plain call
    rtol: float = 1e-6  # loose enough for any algebraic form in float64, far below the 1e-3 that must be rejected
    atol: float = 1e-10
    verified: str = ""  # what a right verdict has shown, for the learner to read


@dataclass(frozen=True)
class Question:
    """The exercises of one notebook, and the facts of it that are stored nowhere else."""

    chapter: int
    minutes: int  # how long a prepared candidate takes to work through it
    exercises: tuple[Exercise, ...]
    torch: bool = False  # the learner's answers need torch, so the browser cannot run them
    versions: tuple[str, ...] = field(default=("numpy", "torch"))  # packages whose versions the oracle depends on
