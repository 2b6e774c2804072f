"""`prior_bias`: the bias for which σ(b) = π. Oracle: SciPy's logit."""

import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _prior_oracle(pi):
    from scipy.special import logit

    return float(logit(pi))


_ODDS = "Solve σ(b) = π: b = log(π/(1 − π)) = −log((1 − π)/π), which is negative for a rare class."
_PRIOR_FLAWS = {
    "sign: −log(π/(1 − π))": lambda pi: -math.log(pi / (1 - pi)),
    "π itself": lambda pi: pi,
    "sigmoid in place of its inverse": lambda pi: 1 / (1 + math.exp(-pi)),
    "odds without the log": lambda pi: pi / (1 - pi),
    "odds without the log, inverted, minus": lambda pi: -(1 - pi) / pi,
    "log π": lambda pi: math.log(pi),
    "log(1 − π)": lambda pi: math.log(1 - pi),
    "−log π": lambda pi: -math.log(pi),
    "−log(1 − π)": lambda pi: -math.log(1 - pi),
    "−log((1 − π)·π)": lambda pi: -math.log((1 - pi) * pi),
    "log π / log(1 − π)": lambda pi: math.log(pi) / math.log(1 - pi),
    "log((1 + π)/(1 − π)), tanh's inverse": lambda pi: math.log((1 + pi) / (1 - pi)),
    "half of it, tanh's scale": lambda pi: 0.5 * math.log(pi / (1 - pi)),
    "log to base 10": lambda pi: math.log10(pi / (1 - pi)),
    "log to base 2": lambda pi: math.log2(pi / (1 - pi)),
    "π = 0.01 whatever is asked": lambda pi: -math.log(99.0),
    "rounded to a whole number": lambda pi: float(round(math.log(pi / (1 - pi)))),
    **{f"π cut off at {top:g}": lambda pi, top=top: math.log(max(pi, top) / (1 - max(pi, top))) for top in (
        1e-3, 1e-4, 1e-6, 1e-7, 1e-8)},
}  # fmt: skip
_CUT = "It is made for very rare classes: clip nothing, the log of a small number is exact."

PRIOR = Exercise(
    name="prior_bias",
    returns=("bias",),
    oracle=_prior_oracle,
    cases=(
        Case("RetinaNet's π = 0.01", lambda rng: dict(pi=0.01)),
        Case("π = ½", lambda rng: dict(pi=0.5)),
        Case("a frequent class", lambda rng: dict(pi=0.9)),
        Case("a rare class", lambda rng: dict(pi=0.0003)),
        Case("one in a trillion", lambda rng: dict(pi=1e-12)),
    ),
    mistakes=tuple(Mistake(name, _CUT if "cut off" in name else _ODDS, wrong) for name, wrong in _PRIOR_FLAWS.items()),
    accepts=(
        lambda pi: np.log(pi) - np.log1p(-pi),
        lambda pi: np.array(np.log(pi / (1 - pi))),
        lambda pi: 2 * math.atanh(2 * pi - 1) if 0.01 < pi < 0.99 else -math.log((1 - pi) / pi),
    ),
    verified="equal to SciPy's logit from π = 1e-12 to 0.9",
)
