"""The learner's door: `from utils import check, hint, trial, settings, published, evidence, plots, data, …`."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import numpy  # noqa: F401, first: after our modules its own import takes a quarter longer

from utils import missing
from utils.door import check, common_mistakes, hint, solution
from utils.grading.progress import progress

__all__ = [
    "check", "common_mistakes", "data", "detector", "evidence", "expect", "gradcheck", "hint", "mock", "models",
    "next_up", "numeric_gradient", "plots", "progress", "published", "settings", "solution", "stagecheck", "trial",
]  # fmt: skip

# What a check does not need is imported when it is first used: who only checks never pays for it.
_LATER = {
    "utils.folklore": ("evidence", "expect", "published", "settings", "trial"),
    "utils.gradcheck": ("gradcheck", "numeric_gradient"),
    "utils.practice.mock_notebook": ("mock",),
    "utils.practice.upnext": ("next_up",),
    "utils.stages": ("stagecheck",),
}


def __getattr__(name: str) -> ModuleType | Callable:
    if name in ("plots", "data", "detector", "models"):
        return importlib.import_module(f"utils.{name}")
    for module, names in _LATER.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'utils' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Door(ModuleType):
    """`utils.gradcheck` is the function, also once the module of that name has been imported."""

    def __setattr__(self, name: str, value: object) -> None:
        is_module = name == "gradcheck" and isinstance(value, ModuleType)
        super().__setattr__(name, value.gradcheck if is_module else value)


sys.modules[__name__].__class__ = _Door
missing.watch()
