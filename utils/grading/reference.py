"""The frozen inputs and answers of every exercise, `references/*.npz`, as a check reads them."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.grading import codec

FOLDER = Path(__file__).parents[1] / "references"
RAISES = "raises"  # the one name in the values of a case whose right answer is an exception


@dataclass(frozen=True)
class Reference:
    """What one case is tried on and what a right answer returns."""

    case: str
    inputs: dict[str, Any]
    values: dict[str, Any]


@functools.cache
def load(slug: str, folder: Path = FOLDER) -> dict[str, list[Reference]]:
    """Exercise → its references, in the order of the cases."""
    with np.load(folder / f"{slug}.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    trees = json.loads(str(arrays["meta"]))["trees"]
    for array in arrays.values():
        array.flags.writeable = False  # shared by every check of this process
    return {
        exercise: [Reference(case, codec.decode(i, arrays), codec.decode(v, arrays)) for case, i, v in cases]
        for exercise, cases in trees.items()
    }


def recorded(slug: str, folder: Path = FOLDER) -> bool:
    """Has a question's file been recorded at all?"""
    return (folder / f"{slug}.npz").exists()


def meta(slug: str, folder: Path = FOLDER) -> dict:
    """What was noted when a question's references were recorded: trees, the oracle's versions, the digest."""
    with np.load(folder / f"{slug}.npz", allow_pickle=False) as file:
        return json.loads(str(file["meta"]))
