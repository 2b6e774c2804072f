"""Run a function on the cases of its exercise and note what came of it. Judges nothing, holds no answers."""

import contextlib
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from types import FunctionType
from typing import Any

import numpy as np

from utils.grading import codec, own
from utils.grading.spec import Exercise
from utils.grading.stopwatch import TooLongError
from utils.grading.text import capped, printable

MAX_TEXT = 200  # letters of an exception's message, and of the line that raised it
_PRINTED = dict(np.get_printoptions(), precision=8, threshold=1000, suppress=False, linewidth=75, formatter=None)
_FIXED = (bool, int, float, str, type(None))  # what nobody can write into


@dataclass(frozen=True)
class Failure:
    """A case that ended without a value."""

    kind: str  # "not attempted", "raised", "memory", "time", "changed" (an input) or "count" (of values returned)
    message: str  # what happened, for the learner
    type: str = ""  # the exception's type
    text: str = ""  # what the exception said: two failures of one type and text are taken for the same mistake


allowed: ContextVar[bool] = ContextVar("allowed", default=False)  # may an answer write into what it was given?


class InputChangedError(Exception):
    """A function wrote into one of its arguments."""


@dataclass(frozen=True)
class Outcome:
    """What one case gave: a value for each name, or a failure; and the first call, as a reader would type it.

    Both where an answer changed its arguments: the values are those that it gives on copies.
    """

    values: dict[str, Any] | None
    failure: Failure | None
    call: object  # its str() is the text, which only a failing case needs

    def to_plain(self) -> dict:
        failure = asdict(self.failure) if self.failure else None
        return {"values": self.values, "failure": failure, "call": str(self.call)}

    @classmethod
    def from_plain(cls, plain: dict) -> "Outcome":
        parts = plain["failure"] or {}  # from a child that may have made them up
        failure = Failure(**{key: printable(capped(str(text))) for key, text in parts.items()}) if parts else None
        return cls(plain["values"], failure, printable(capped(str(plain["call"]))))


def outcomes(function: Callable, exercise: Exercise, all_inputs: Iterable[dict]) -> list[Outcome]:
    """The outcome of every case, then of the first once more: an answer must not depend on the calls before it.

    Stops early where more would only repeat the first outcome: a blank, or a function that nothing can call.
    """
    done: list[Outcome] = []
    all_inputs = list(all_inputs)
    with settled():
        for inputs in [*all_inputs, all_inputs[0]]:
            done.append(outcome(function, exercise, inputs))
            if done[-1].failure and done[-1].failure.kind in ("not attempted", "memory", "time"):
                break
    return done


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """torch and NumPy as they are at first: what a cell of the learner's set for all of them changes no verdict."""
    torch = sys.modules.get("torch")
    with np.printoptions(**_PRINTED), np.errstate(all="ignore"):
        if torch is None:
            yield
            return
        dtype, device = torch.get_default_dtype(), torch.get_default_device()
        torch.set_default_dtype(torch.float32)
        elsewhere = (
            torch.device("cpu") if device.type != "cpu" else contextlib.nullcontext()
        )  # it slows every call down
        try:
            with torch.enable_grad(), elsewhere:
                yield
        finally:
            torch.set_default_dtype(dtype)


def borrowed(function: Callable) -> str:
    """The course's own module that a function or class comes from, or "": what the course wrote is no answer."""
    kinds = function.__mro__ if isinstance(function, type) else (function,)
    modules = (getattr(kind, "__module__", None) or "" for kind in kinds)
    return next((name for name in modules if str(name).split(".")[0] == "utils"), "")


def outcome(function: Callable, exercise: Exercise, inputs: dict[str, Any], watch: bool = True) -> Outcome:
    """Run one case on fresh copies of its inputs. Never raises, whatever the function does.

    `watch=False`, for the course's own mistakes, neither notes the call nor looks after the arguments.
    """
    call = _Recorder(function, exercise.name) if watch else function
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a numerical warning never fails a right answer
            returned = exercise.run(call, **copied(inputs))
            values = by_name(returned, exercise.returns, named=returned is not getattr(call, "last", None))
            if isinstance(values, Failure):
                return Outcome(None, values, call)
            arrays: dict[str, np.ndarray] = {}
            values = {name: codec.bounded(value, codec.MAX_ITEMS) for name, value in values.items()}
            tree = codec.encode(values, arrays)  # consumes what is lazy, and copies what could still change
        return Outcome(codec.decode(tree, arrays), None, call)
    except KeyboardInterrupt:  # the learner's own stop button
        raise
    except InputChangedError as error:
        return Outcome(_on_copies(function, exercise, inputs), failure_of(error), call)
    except BaseException as error:  # sys.exit too: it ends that case, not the grading
        return Outcome(None, failure_of(error), call)


def _on_copies(function: Callable, exercise: Exercise, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """What an answer that writes into its arguments gives when each call has its own; None when it fails even then."""

    def spared(*args: Any, **kwargs: Any) -> Any:
        return function(*copied(args), **copied(kwargs))

    token = allowed.set(True)
    try:
        return outcome(spared, exercise, inputs, watch=False).values
    finally:
        allowed.reset(token)


def by_name(returned: Any, names: tuple[str | None, ...], named: bool = True) -> dict[str, Any] | Failure:
    """The values of a return, each under its name. `named`: a `run` may return them by name itself, a learner not."""
    if named and isinstance(returned, dict) and set(returned) == {name for name in names if name}:
        return returned
    if len(names) == 1:
        return {names[0]: returned}
    if not isinstance(returned, (tuple, list)) or len(returned) != len(names):
        came = f"{len(returned)} values" if isinstance(returned, tuple) else _kind(returned)
        wanted = ", ".join(name or "cache" for name in names)
        return Failure("count", f"it returned {came}; {len(names)} values are expected: ({wanted})", "count")
    return {name: value for name, value in zip(names, returned, strict=True) if name}


def _kind(value: Any) -> str:
    from utils.grading.compare import kind_of  # only a message needs it

    arrays: dict[str, np.ndarray] = {}
    return kind_of(codec.decode(codec.encode(value, arrays), arrays))


def failure_of(error: BaseException) -> Failure:
    """An exception as a failure, with the learner's line that raised it."""
    kind = _cut(type(error).__name__)
    text, line = _first_line(error), own.line(error)
    if isinstance(error, NotImplementedError) and (not text or "raise" in line):  # else it is a library's
        return Failure("not attempted", "", kind)
    if isinstance(error, InputChangedError):
        return Failure("changed", str(error), kind)
    if isinstance(error, TooLongError):
        return Failure("time", error.words + (f" at `{_cut(line)}`" if line else ""), kind)
    if isinstance(error, MemoryError):
        return Failure("memory", "it asked for more memory than there is", kind)
    text = _clearer(text)
    place = f", at `{_cut(line)}`" if line else ""
    return Failure("raised", f"{kind}: {text}{place}" if text else f"{kind}{place}", kind, text)


def _cut(text: str) -> str:
    return capped(text, MAX_TEXT)


def _clearer(text: str) -> str:
    """torch's words where they point away from the learner's line."""
    if "modified by an inplace operation" in text:
        return (
            "the forward pass works, but backward() needs a tensor that was overwritten on the way: an in-place "
            "operation (out += …, x *= …, ReLU(inplace=True))"
        )
    return text


def _first_line(error: BaseException) -> str:
    """What an exception says, without what differs from run to run or would disturb a terminal."""
    try:
        text = str(error).strip().split("\n")[0]
    except Exception:  # a learner's own exception class may fail to say what it is
        return ""
    text = re.sub(r" at 0x[0-9A-Fa-f]+", "", text)
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return _cut(text)


class _Recorder:
    """The learner's function as `run` sees it: notes the first call and raises when an argument was changed."""

    def __init__(self, function: Callable, name: str) -> None:
        self.function, self.name = function, name
        self.first = self.last = None  # arguments of the first call, what the last one returned
        self.names = _argument_names(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(self.names, args, strict=False))
        if kwargs or len(args) > len(given):
            given |= {f"argument {i + 1}": args[i] for i in range(len(given), len(args))} | kwargs
        if self.first is None:
            self.first = copied(given)
        before = [(name, value, _seen(value)) for name, value in given.items() if type(value) not in _FIXED]
        self.last = self.function(*args, **kwargs)
        for name, value, seen in before:
            if _seen(value) != seen:
                raise InputChangedError(
                    f"it changed its argument `{name}`. Work on a copy: `x = x - mean` makes a new array, `x -= mean` "
                    "writes into the caller's."
                )
        return self.last

    def __str__(self) -> str:
        if self.first is None:
            return f"{self.name}(…)"
        shown = (f"{key}={_shown(value)}" for key, value in self.first.items())
        return f"{self.name}({', '.join(shown)})"


def copied(value: Any) -> Any:
    """A deep copy of plain data; callables, generators of random numbers and tensors are passed on as they are."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (tuple, list):
        return type(value)(map(copied, value))
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value.clone() if _is_tensor(value) else value


def _is_tensor(value: Any) -> bool:
    """Said without importing torch."""
    return type(value).__module__ == "torch" and hasattr(value, "detach")


def _argument_names(function: Callable) -> list[str]:
    if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
        return list(function.__code__.co_varnames[: function.__code__.co_argcount])  # `inspect` takes 20 µs
    if type(function) is type and function.__new__ is object.__new__:  # a plain class takes what __init__ takes
        return _argument_names(function.__init__)[1:]
    try:
        return list(inspect.signature(function).parameters)
    except Exception:  # built in, or made by someone who lies about it
        return []


def _seen(value: Any) -> Any:
    """What must be equal before and after a call: arrays to the bit, containers by their items, all else itself."""
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if _is_tensor(value):
        return _seen(value.detach().cpu().numpy())
    if type(value) in (tuple, list):
        return [_seen(item) for item in value]
    if type(value) is dict:
        return {key: _seen(item) for key, item in value.items()}
    return repr(value) if type(value) in _FIXED else id(value)


def _shown(value: Any) -> str:
    from utils.grading.compare import digits  # only a message needs it

    if isinstance(value, np.ndarray):
        return digits(value, 4) if 1 <= value.size <= 12 else f"<{'×'.join(map(str, value.shape))}>"
    if isinstance(value, (list, tuple)) and len(value) > 4:
        return f"<{type(value).__name__} of {len(value)}>"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, (bool, int, float, str)):
        return repr(value)
    return "None" if value is None else f"<{type(value).__name__}>"
