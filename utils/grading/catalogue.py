"""The derived index of the course: which questions there are, and which exercise belongs to which."""

import functools
import importlib
import json
from pathlib import Path
from types import ModuleType

from utils.grading.spec import Exercise, Question

PATH = Path(__file__).parents[1] / "catalogue.json"
CHAPTERS = {
    1: ("Optimisation", "优化算法"),
    2: ("Batch normalisation", "批归一化"),
    3: ("Convolutional networks", "卷积神经网络"),
    4: ("Losses", "损失函数"),
    5: ("Detection and segmentation", "检测与分割"),
    6: ("Training and networks today", "训练技巧与现代网络"),
}


@functools.cache
def entries() -> dict[str, dict]:
    """Stem ("15_batchnorm_forward") → its entry, in the course's order. `course dev build` writes them."""
    return json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}


@functools.cache
def edition() -> str:
    """A digest of what verdicts depend on: the catalogue and all recorded references."""
    import hashlib  # a first check does not need it

    digest = hashlib.sha256(PATH.read_bytes() if PATH.exists() else b"")
    for path in sorted((PATH.parent / "references").glob("*.npz")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@functools.cache
def stem_of(exercise: str) -> str:
    """The stem of the question that has the exercise of that name; "" for one that the course does not have."""
    return next((stem for stem, entry in entries().items() if exercise in entry["exercises"]), "")


def slug_of(exercise: str) -> str | None:
    """The slug of the question that has the exercise of that name, or None."""
    stem = stem_of(exercise)
    return slug(stem) if stem else None


def slug(stem: str) -> str:
    """ "15_batchnorm_forward" → "batchnorm_forward": number and order stay out of modules and references."""
    return stem.split("_", 1)[1]


def exercise_names() -> list[str]:
    """All exercises of the course, in order."""
    return [name for entry in entries().values() for name in entry["exercises"]]


def module(slug: str) -> ModuleType:
    """The exercises' module of a question."""
    return importlib.import_module(f"utils.exercises.{slug}")


def question(slug: str) -> Question:
    """The record of a question; importing it imports no torch unless the question is about torch."""
    return module(slug).QUESTION


def exercise(name: str) -> Exercise:
    """The record of an exercise by its public name; KeyError for any other name."""
    owner = slug_of(name)
    if owner is None:
        raise KeyError(name)
    return next(item for item in question(owner).exercises if item.name == name)


def find(selector: str) -> list[str]:
    """Stems that a learner's "15", "batchnorm_forward" or "15_batchnorm_forward" means; empty when none."""
    number = f"{int(selector):02d}" if selector.isdecimal() else None
    return [stem for stem in entries() if selector in (stem, slug(stem)) or stem[:2] == number]
