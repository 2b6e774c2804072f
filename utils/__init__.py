"""The learner's door: `from utils import check, hint, trial, settings, published, evidence, plots, data, …`."""

import importlib
from types import ModuleType

from utils import missing
from utils.door import check, common_mistakes, hint
from utils.folklore import evidence, published, settings, trial
from utils.gradcheck import gradcheck, numeric_gradient
from utils.grading.progress import progress
from utils.stages import stagecheck

__all__ = [
    "check", "common_mistakes", "data", "detector", "evidence", "gradcheck", "hint", "models", "numeric_gradient",
    "plots", "progress", "published", "settings", "stagecheck", "trial",
]  # fmt: skip


def __getattr__(name: str) -> ModuleType:
    """Import `plots`, `data`, `detector`, `models` when first used: a notebook that only checks never pays for them."""
    if name in ("plots", "data", "detector", "models"):
        return importlib.import_module(f"utils.{name}")
    raise AttributeError(f"module 'utils' has no attribute {name!r}; it offers {', '.join(__all__)}")


missing.watch()
