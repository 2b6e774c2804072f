"""The two sources that a new question starts from."""

import re
from pathlib import Path

from utils.authoring.build import HEADINGS
from utils.grading import catalogue

_HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # {number} · The question in English?
#
# *中文问题?*
"""

_YOUR_TURN = '''
# %%
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()


# %%
def {slug}(x):
    """x (N, D) -> (N, D)."""
    # BEGIN SOLUTION
    return 2 * np.asarray(x)
    # END SOLUTION


# %%
check({slug})

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: a nudge</summary>
#
# What would you do with a single number?
#
# </details>
'''

_TRIAL = """#
# ### "A claim in the candidate's words"
#
# What is tried, on what, and what counts as held.

# %%
trial(
    "a claim in the candidate's words",
    lambda size: bool(np.all({slug}(np.full(3, size)) == 2 * size)),
    over=settings(size=[1.0, 2.0, 3.0, 5.0, 8.0]),
    control=dict(size=float("nan")),
    expect="holds",
)
"""

_SHORT = """#
# "At most 75 words, the result first."
#
# ### 三十秒回答
#
# "中文的同一回答,至多 180 字。"
"""

_EXERCISES = '''"""{number} · What is asked, and the source. Oracle: who says what is right."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle(x):
    import torch

    return torch.from_numpy(x).mul(2).numpy()


EXERCISE = Exercise(
    name="{slug}",
    returns=("out",),
    oracle=_oracle,
    # From tiny to awkward. A case with raises="ValueError" asks for that exception; the oracle is not asked there.
    cases=(
        Case("one number", lambda rng: dict(x=np.array([[3.0]]))),
        Case("a small batch", lambda rng: dict(x=rng.normal(size=(4, 3)))),
    ),
    mistakes=(Mistake("squared, not doubled", "Add x to itself.", lambda x: x**2),),
    accepts=(lambda x: x + x,),
)

# Chapters are numbered in utils/grading/catalogue.py; `course dev minutes {number}` computes the minutes from the text.
QUESTION = Question(chapter=1, minutes=8, exercises=(EXERCISE,))
'''


def create(root: Path, stem: str) -> list[Path]:
    """Write both sources of a new question; ValueError for a bad name or one that is taken."""
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", stem):
        raise ValueError(f"{stem!r}: a question is named NN_slug, as in 35_dropout")
    number, slug = stem.split("_", 1)
    taken = [*(root / "solutions").glob(f"{number}_*"), *(root / "solutions").glob(f"??_{slug}.*")]
    if taken:
        raise ValueError(f"{taken[0].name} is there already; choose another number and slug")
    if slug in catalogue.exercise_names():
        raise ValueError(f"{slug!r} is an exercise of {catalogue.slug_of(slug)} already; choose another slug")
    text = root / "solutions" / f"{stem}.py"
    exercises = root / "utils" / "exercises" / f"{slug}.py"
    text.write_text(_text(number, slug), encoding="utf-8")
    exercises.write_text(_EXERCISES.format(number=number, slug=slug), encoding="utf-8")
    return [text, exercises]


def _text(number: str, slug: str) -> str:
    parts = [_HEADER.format(number=number)]
    for heading in HEADINGS:
        parts.append(f"\n# %% [markdown]\n# ## {heading}\n")
        parts += [_YOUR_TURN.format(slug=slug)] if heading == "Your turn" else []
        parts += [_SHORT] if heading == "Answer in 30 seconds" else []
        parts += [_TRIAL.format(slug=slug)] if heading == "Folklore on trial" else []
    return "".join(parts)
