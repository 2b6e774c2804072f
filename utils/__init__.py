"""The learner's door: `from utils import check, hint, trial, settings, published, evidence, plots, data, …`."""

import importlib
from collections.abc import Callable
from types import ModuleType

from utils import missing
from utils.door import check, common_mistakes, hint, solution
from utils.folklore import evidence, published, settings, trial
from utils.gradcheck import gradcheck, numeric_gradient
from utils.grading.progress import progress
from utils.stages import stagecheck

__all__ = [
    "check", "common_mistakes", "data", "detector", "evidence", "gradcheck", "hint", "models", "next_up",
    "numeric_gradient", "plots", "progress", "published", "settings", "solution", "stagecheck", "trial",
]  # fmt: skip


def __getattr__(name: str) -> ModuleType | Callable:
    """Import `plots`, `data`, `detector`, `models`, `next_up` when first used: who only checks never pays for them."""
    if name == "next_up":
        return importlib.import_module("utils.practice.upnext").next_up
    if name in ("plots", "data", "detector", "models"):
        return importlib.import_module(f"utils.{name}")
    raise AttributeError(f"module 'utils' has no attribute {name!r}; it offers {', '.join(__all__)}")


missing.watch()
