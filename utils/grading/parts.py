"""Wrong answers that are made of parts, and what two of them make together.

Most listed mistakes come from one maker: a closure whose cells hold the rules, a class that overrides a few attributes
of a right one, a partial. Two from the same maker are put together where they differ from the usual parts in different
places.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import CellType, FunctionType
from typing import Any

_OF_EVERY_CLASS = {"__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__",
                   "__static_attributes__"}  # fmt: skip
Usual = Mapping[tuple, Any]


class ConflictError(Exception):
    """Two answers differ from the usual in the same part, or were not made by one maker."""


def usual(functions: Iterable[Callable]) -> dict[tuple, Any]:
    """(code, name of a cell) → what most of the functions from that maker hold there: the right part."""
    held: dict[tuple, list] = {}
    for function in functions:
        for key, value in _cells(function):
            held.setdefault(key, []).append(value)
    return {key: common[0] for key, values in held.items() if (common := _most_common(values))}


def together(one: Any, other: Any, usual: Usual) -> Any:
    """What has the changed parts of both. Raises ConflictError where there is no such thing."""
    if _equal(one, other):
        return one
    for kind, join in _JOINS:
        if isinstance(one, kind) and isinstance(other, kind):
            return join(one, other, usual)
    raise ConflictError


def _functions(one: FunctionType, other: FunctionType, usual: Usual) -> FunctionType:
    if one.__code__ is not other.__code__ or not one.__closure__:
        raise ConflictError
    if not _equal(one.__defaults__, other.__defaults__) or one.__kwdefaults__ != other.__kwdefaults__:
        raise ConflictError
    pairs = zip(_cells_of(one), _cells_of(other), strict=True)
    cells = tuple(CellType(_part(usual.get(key, _NOTHING), a, b, usual)) for (key, a), (_, b) in pairs)
    made = FunctionType(one.__code__, one.__globals__, one.__name__, one.__defaults__, cells)
    made.__kwdefaults__ = one.__kwdefaults__
    return made


def _classes(one: type, other: type, usual: Usual) -> type:
    shared = (set(vars(one)) & set(vars(other))) - _OF_EVERY_CLASS
    if one.__bases__ != other.__bases__ or any(base.__module__.startswith("torch") for base in one.__bases__) or shared:
        raise ConflictError
    return type(one.__name__, (one, other), {})


def _partials(one: functools.partial, other: functools.partial, usual: Usual) -> functools.partial:
    if one.func is not other.func or one.args != other.args:
        raise ConflictError
    return functools.partial(one.func, *one.args, **_dicts(one.keywords, other.keywords, usual))


def _dicts(one: dict, other: dict, usual: Usual) -> dict:
    both = one.keys() & other.keys()
    return one | other | {key: together(one[key], other[key], usual) for key in both}


_JOINS = ((FunctionType, _functions), (type, _classes), (functools.partial, _partials), (dict, _dicts))
_NOTHING = object()


def _part(base: Any, one: Any, other: Any, usual: Usual) -> Any:
    if _equal(one, base):
        return other
    return one if _equal(other, base) else together(one, other, usual)


def _cells_of(function: FunctionType) -> list[tuple[tuple, Any]]:
    names = function.__code__.co_freevars
    return [((function.__code__, n), c.cell_contents) for n, c in zip(names, function.__closure__ or (), strict=True)]


def _cells(value: Any) -> Iterable[tuple[tuple, Any]]:
    """The cells of a function and of the functions that it holds in them."""
    if isinstance(value, FunctionType) and value.__closure__:
        for key, held in _cells_of(value):
            yield key, held
            yield from _cells(held)


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    plain = (bool, int, float, str, tuple, list)
    try:
        return type(one) is type(other) and isinstance(one, plain) and bool(one == other)
    except ValueError:  # arrays among the items
        return False


def _most_common(values: list) -> list:
    """The value that most have, in a list; empty where each has its own."""
    names = [value if isinstance(value, (bool, int, float, str)) else id(value) for value in values]
    first, count = Counter(names).most_common(1)[0]
    return [values[names.index(first)]] if count > 1 else []
