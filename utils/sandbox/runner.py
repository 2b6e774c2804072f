"""An exercise with nothing but what runs a case: a child gets no oracle, no accepted answer and no mistake, as code.

A `run` function of `utils.exercises` sees its module, and with it every answer. Here it is made anew with those of the
module's names alone that it uses.
"""

import builtins
import functools
import gc
import sys
from dataclasses import replace
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

from utils.grading import catalogue
from utils.grading.spec import Case, Exercise, Mistake, Question

ROOM = "utils.exercises"
_FIXED = {"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__"}


def runner(name: str) -> Exercise:
    """The exercise of that name, to run cases with; its answers are out of reach, and out of this process.

    Raises ValueError where its `run` reaches an answer: an author's fault, which a test looks for.
    """
    exercise = catalogue.exercise(name)
    bare = replace(exercise, cases=(), oracle=_none, mistakes=(), accepts=(), run=_alone(exercise.run, {}))
    del exercise
    forget()
    return bare


def _none(**_: Any) -> None:
    """No oracle is here."""


def forget() -> None:
    """Drop the modules of exercises, whose code is all answers."""
    for name in [name for name in sys.modules if name.startswith(f"{ROOM}.")]:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        vars(sys.modules.get(parent, ModuleType(parent))).pop(child, None)
    gc.collect()


def _alone(value: Any, made: dict[int, Any]) -> Any:
    """The value, with functions of the exercises' room made anew and everything that holds one."""
    if id(value) in made:
        return made[id(value)]
    if isinstance(value, (Exercise, Question, Mistake, Case)):
        raise ValueError(f"the `run` of an exercise reaches {value.name if hasattr(value, 'name') else 'a question'}")
    if isinstance(value, FunctionType):
        return _function(value, made)
    if isinstance(value, functools._lru_cache_wrapper):
        return functools.lru_cache(**value.cache_parameters())(_alone(value.__wrapped__, made))
    if isinstance(value, functools.partial):
        keywords = {key: _alone(item, made) for key, item in value.keywords.items()}
        return functools.partial(_alone(value.func, made), *_alone(value.args, made), **keywords)
    if isinstance(value, (staticmethod, classmethod)):
        return type(value)(_alone(value.__func__, made))
    if isinstance(value, type):
        return _class(value, made) if value.__module__.startswith(ROOM) else value
    if isinstance(value, (list, tuple, set, frozenset)) and type(value) in (list, tuple, set, frozenset):
        return type(value)(_alone(item, made) for item in value)
    if type(value) is dict:
        return {key: _alone(item, made) for key, item in value.items()}
    if isinstance(value, ModuleType) and value.__name__.startswith(ROOM):
        raise ValueError(f"the `run` of an exercise holds the module {value.__name__}")
    return value


def _function(function: FunctionType, made: dict[int, Any]) -> FunctionType:
    ours = function.__globals__.get("__name__", "").startswith(ROOM)
    if not ours and not function.__closure__ and not function.__defaults__ and not function.__kwdefaults__:
        return function
    scope = {"__builtins__": builtins, "__name__": "run"} if ours else function.__globals__
    cells = tuple(CellType() for _ in function.__closure__ or ())
    new = FunctionType(function.__code__, scope, function.__name__, closure=cells or None)
    made[id(function)] = new
    for cell, old in zip(cells, function.__closure__ or (), strict=True):
        cell.cell_contents = _alone(old.cell_contents, made)
    new.__defaults__ = _alone(function.__defaults__, made)
    new.__kwdefaults__ = _alone(function.__kwdefaults__, made)
    if ours:
        for name in sorted(_names(function.__code__) & function.__globals__.keys() - scope.keys()):
            scope[name] = _alone(function.__globals__[name], made)
    return new


def _class(kind: type, made: dict[int, Any]) -> type:
    body: dict[str, Any] = {}
    new = made[id(kind)] = type(kind)(kind.__name__, kind.__bases__, body)
    for name, value in vars(kind).items():
        if name not in _FIXED and not isinstance(value, BuiltinFunctionType):
            setattr(new, name, _alone(value, made))
    return new


def _names(code: CodeType) -> set[str]:
    """All names that a function's code may look up in its module, inner functions included."""
    inner = (part for part in code.co_consts if isinstance(part, CodeType))
    return set(code.co_names).union(*map(_names, inner))
