"""What a recorded figure depends on: a function's source, the sources of its helpers, and their plain constants."""

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

CONSTANTS = (bool, int, float, str)


def of(measure: Callable, family: list[dict], answers: Iterable[str] = ()) -> str | None:
    """A digest of all that decides the figures, or None where the sources cannot be had.

    `answers` names the learner's own functions: theirs differ from ours in style, and the live sample judges them.
    """
    try:
        parts = dict(_parts(measure, set(answers), {}))
    except (OSError, TypeError):  # no source is kept: a plain Python prompt, some browsers
        return None
    text = json.dumps([parts, family], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def answers_in(measure: Callable) -> list[str]:
    """The functions among its helpers that a learner writes, told by the marks of a solution."""
    parts = _parts(measure, set(), {})
    return sorted(name for name, text in parts.items() if "# BEGIN SOLUTION" in str(text) and name != measure.__name__)


def _parts(function: FunctionType, skip: set[str], found: dict[str, str]) -> dict[str, str]:
    """Name → source, or a constant's value, of the function and of everything in its module that it reaches."""
    source = textwrap.dedent(inspect.getsource(function))
    found[function.__name__] = "\n".join(line.rstrip() for line in source.strip().split("\n"))
    for name, value in _named(function, source).items():
        if name in found or name in skip:
            continue
        if isinstance(value, FunctionType) and value.__module__ == function.__module__:
            _parts(value, skip, found)
        elif isinstance(value, CONSTANTS):
            found[name] = repr(value)
    return found


def _named(function: FunctionType, source: str) -> dict[str, Any]:
    """The globals and enclosing variables that a function's text names."""
    written = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    scope = {
        name: function.__globals__[name] for name in _globals_of(function.__code__) if name in function.__globals__
    }
    return {
        name: value for name, value in (scope | {n: cell.cell_contents for n, cell in cells}).items() if name in written
    }


def _globals_of(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_globals_of, inner))
