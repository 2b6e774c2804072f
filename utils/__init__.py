"""The learner's door: `from utils import check, hint, trial, settings, published, evidence, plots, data, …`."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

from utils import missing

__all__ = [
    "check", "common_mistakes", "data", "detector", "evidence", "expect", "gradcheck", "hint", "mock", "models",
    "next_up", "numeric_gradient", "plots", "progress", "published", "settings", "solution", "stagecheck", "trial",
]  # fmt: skip

# What is asked for is imported then: who only checks never pays for the rest, and the command line not for NumPy.
_HOMES = {
    "utils.door": ("check", "common_mistakes", "hint", "solution"),
    "utils.folklore": ("evidence", "expect", "published", "settings", "trial"),
    "utils.grading.progress": ("progress",),
    "utils.gradcheck": ("gradcheck", "numeric_gradient"),
    "utils.practice.mock_notebook": ("mock",),
    "utils.practice.upnext": ("next_up",),
    "utils.stages": ("stagecheck",),
}


def __getattr__(name: str) -> ModuleType | Callable:
    if name in ("plots", "data", "detector", "models"):
        return importlib.import_module(f"utils.{name}")
    for module, names in _HOMES.items():
        if name in names:
            importlib.import_module("numpy")  # first: after our modules its own import takes a quarter longer
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
