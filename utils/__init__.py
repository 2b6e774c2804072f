"""The learner's door: `from utils import check, hint, trial, settings, published, evidence, plots, data, …`."""

import importlib
from collections.abc import Callable
from types import ModuleType

from utils import missing
from utils.door import check, common_mistakes, hint, solution
from utils.gradcheck import gradcheck, numeric_gradient
from utils.grading.progress import progress
from utils.stages import stagecheck

__all__ = [
    "check", "common_mistakes", "data", "detector", "evidence", "gradcheck", "hint", "models", "next_up",
    "numeric_gradient", "plots", "progress", "published", "settings", "solution", "stagecheck", "trial",
]  # fmt: skip


def __getattr__(name: str) -> ModuleType | Callable:
    """Import when it is first used what a check does not need: who only checks never pays for it."""
    if name in ("evidence", "published", "settings", "trial"):
        return getattr(importlib.import_module("utils.folklore"), name)
    if name == "next_up":
        return importlib.import_module("utils.practice.upnext").next_up
    if name in ("plots", "data", "detector", "models"):
        return importlib.import_module(f"utils.{name}")
    raise AttributeError(f"module 'utils' has no attribute {name!r}; it offers {', '.join(__all__)}")


missing.watch()
