"""Values as a JSON tree beside plain arrays: how cases are stored and how outcomes leave a sandbox. No pickle."""

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

MAX_ITEMS = 10_000  # an endless generator must not fill the memory; no expected value has half as many entries
MAX_NAME = 100  # letters of a type's name
MAX_DEPTH = 20
MAX_BITS = 10_000  # Python refuses to print integers of more than 4300 digits
_LENGTH = struct.Struct("<Q")
_KIND = re.compile(r"[<>|=][biufc]\d{1,2}")
_TAME = re.compile(r"[\w ]+")  # keys that may be part of a name in a zip file


@dataclass(frozen=True)
class Other:
    """Something that is no number, text, array or container of them; only its type's name travels."""

    type: str

    def __post_init__(self) -> None:
        if type(self.type) is str and len(self.type) > MAX_NAME:  # a name may have a million letters
            object.__setattr__(self, "type", f"{self.type[:MAX_NAME]}…")


class Lazy(list):
    """What a generator yielded: right where a list is asked for, wrong where an array is."""


def bounded(value: Any, most: int) -> Any:
    """The value, or in the place of one with more than so many entries in its containers what it is, in words.

    An array is one entry, whatever its size, for NumPy is fast; a hundred letters of a text are one as well.
    """
    waiting, count = [value], 0
    while waiting and count <= most:
        part = waiting.pop()
        if isinstance(part, str):
            count += len(part) // 100
        elif isinstance(part, (list, tuple, dict)):
            count += len(part)
            if count <= most:
                waiting.extend(part.values() if isinstance(part, dict) else part)
    return value if count <= most else Other(_far_too_large(value, most))


def _far_too_large(value: Any, most: int) -> str:
    if isinstance(value, str):
        return f"string of {len(value):,} letters"
    if isinstance(value, Lazy):
        return "lazy generator of far more items than are expected"
    kind = next(name.__name__ for name in (dict, tuple, list) if isinstance(value, name))
    if len(value) > most:
        return f"{kind} of {len(value):,} items, far more than are expected"
    return f"{kind} of {len(value):,} items with more than {most:,} entries inside, far more than are expected"


def encode(value: Any, arrays: dict[str, np.ndarray], key: str = "value", within: tuple[int, ...] = ()) -> Any:
    """Return `value` as JSON-able data and put its arrays into `arrays`, named by their path from `key`.

    `within` are the ids of the containers around it.
    """
    if type(value) is np.ndarray:  # the commonest first: what follows asks slower questions
        return _encode_array(value, arrays, key)
    if type(value) is float:
        return {"float": value.hex()}
    if value is None or type(value) in (bool, str):
        return {"plain": value}
    if isinstance(value, (bool, np.bool_)):
        return {"plain": bool(value)}
    if isinstance(value, (int, np.integer)):
        return _encode_int(int(value))
    if isinstance(value, (float, np.floating)):
        return {"float": float(value).hex()}
    if isinstance(value, (complex, np.complexfloating)):
        return {"other": "complex number"}
    if isinstance(value, str):
        return {"plain": str(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value, arrays, key)
    if isinstance(value, Other):  # what was decoded before can be encoded again
        return {"other": value.type}
    if id(value) in within:
        return {"other": f"{type(value).__name__} that contains itself"}
    if len(within) >= MAX_DEPTH:
        return {"other": "deeply nested container"}
    return _encode_container(value, arrays, key, (*within, id(value)))


def _encode_int(value: int) -> dict:
    if value.bit_length() > MAX_BITS:
        return {"other": "int of thousands of digits"}
    return {"int": str(value)}  # as text: JSON readers elsewhere round large integers


def _encode_array(value: np.ndarray, arrays: dict[str, np.ndarray], key: str) -> dict:
    if value.dtype.kind not in "biufc":
        words = {"O": "objects", "U": "strings", "S": "bytes"}
        return {"other": f"array of {words.get(value.dtype.kind, value.dtype)}"}
    arrays[key] = np.array(value, order="C", subok=False)  # a copy: the caller may go on changing his
    return {"array": key}


def _encode_container(value: Any, arrays: dict, key: str, within: tuple[int, ...]) -> dict:
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        names = (k if _TAME.fullmatch(k) else f"#{i}" for i, k in enumerate(value))
        return {"dict": {k: encode(value[k], arrays, f"{key}/{n}", within) for n, k in zip(names, value, strict=True)}}
    for kind, types in (("tuple", tuple), ("lazy", (Lazy, Iterator)), ("list", (list, range))):
        if isinstance(value, types):
            items = islice(value, MAX_ITEMS) if isinstance(value, (Lazy, Iterator, range)) else value
            return {kind: [encode(v, arrays, f"{key}/{i}", within) for i, v in enumerate(items)]}
    kind = type(value)
    return {"other": kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"}


def decode(tree: dict, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of `encode`, up to the kinds that only their name survives (`Other`, `Lazy`)."""
    ((kind, body),) = tree.items()
    match kind:
        case "array":
            return arrays[body]
        case "plain":
            return body
        case "int":
            return int(body)
        case "float":
            return float.fromhex(body)
        case "dict":
            return {k: decode(v, arrays) for k, v in body.items()}
        case "tuple" | "list" | "lazy":
            return {"tuple": tuple, "list": list, "lazy": Lazy}[kind](decode(v, arrays) for v in body)
        case "other":
            return Other(body)
    raise ValueError(f"unknown kind {kind!r} in an encoded value")


def to_bytes(value: Any) -> bytes:
    """Any encodable value as one block: the length of a JSON head (the tree, each array's type and shape), the head,
    and the arrays' bytes one after the other. An .npz would take ten times as long to write and to read."""
    arrays: dict[str, np.ndarray] = {}
    tree = encode(value, arrays)
    about = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    head = json.dumps({"tree": tree, "arrays": about}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *(array.tobytes() for array in arrays.values())])


def from_bytes(data: bytes) -> Any:
    """The inverse of `to_bytes`; raises ValueError when `data` is anything else."""
    try:
        start = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        head, arrays = json.loads(data[_LENGTH.size : start]), {}
        for name, (kind, shape) in head["arrays"].items():
            arrays[name] = _array(data, start, kind, shape)
            start += arrays[name].nbytes
        if start != len(data):
            raise ValueError("its length is another than its head says")
        return decode(head["tree"], arrays)
    except Exception as error:  # struct, json and numpy each have their own way to say it
        raise ValueError(f"not an encoded value: {error}") from error


def head_size(data: bytes) -> int:
    """Bytes of the JSON head that a block claims to have."""
    return _LENGTH.unpack_from(data)[0] if len(data) >= _LENGTH.size else 0


def _array(data: bytes, start: int, kind: str, shape: list[int]) -> np.ndarray:
    if not _KIND.fullmatch(kind) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"no array of numbers: {kind} {shape}")
    return np.frombuffer(data, kind, math.prod(shape), start).reshape(shape).copy()
