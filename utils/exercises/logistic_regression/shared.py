"""What several exercises of the question share."""

import math

import numpy as np

from utils.grading.spec import Case, Mistake


def _torch_loss(w, X, y, l1, l2):
    import torch

    loss = torch.nn.functional.binary_cross_entropy_with_logits(X @ w, y)
    return loss + l1 * w.abs().sum() + l2 / 2 * (w**2).sum()


def _named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


def _sigma(z):
    return np.exp(-np.logaddexp(0, -z))


def _plain_sigma(z):
    return 1 / (1 + np.exp(-z))


def _bad_sigma(z):
    return np.exp(z) / (1 + np.exp(z))


def _math_sigma(z):
    return np.array([1 / (1 + math.exp(-v)) for v in z])


_ONCE = "1/n belongs to the samples' part only; l1 and l2 multiply their sums as they are."


_ORDER = "l1 belongs to Σ|w|, l2 to Σw², in this order of the arguments."


_ALL = "Add both penalties, over every weight: there is no intercept here to leave out."


_STABLE = "Keep every exponent at 0 or below: 1/(1 + exp(−z)) for z ≥ 0, exp(z)/(1 + exp(z)) for z < 0."


# ---- cases --------------------------------------------------------------------------------------------------------
def _like(w, X, y=None, **more):
    labels = {} if y is None else {"y": np.array(y, dtype=float)}
    return dict(w=np.array(w, dtype=float), X=np.array(X, dtype=float)) | labels | more


def _random(rng, n, d, labels=True, **more):
    y = (rng.random(n) < 0.5).astype(float)
    y[: min(n, 2)] = [1.0, 0.0][: min(n, 2)]
    inputs = dict(w=rng.normal(size=d), X=rng.normal(0.3, 1.2, (n, d)))
    return inputs | (dict(y=y) if labels else {}) | more


_BIG = [1e4, 0.0]  # X·w is 1e4 times the first column


_UP, _DOWN = [[1.0, 2.0], [3.0, -1.0], [100.0, 1.0]], [[-1.0, 2.0], [-3.0, -1.0], [-100.0, 1.0]]


_SHARED = (
    Case("two samples of one feature", lambda rng: _like([1], [[1], [2]], [1, 0])),
    Case("l2 = 0.5", lambda rng: _like([1, -2], [[1, 0], [2, 1], [0, 1]], [1, 0, 1], l1=0.0, l2=0.5)),
    Case("l1 = 0.5 and a weight of zero", lambda rng: _like([1, 0, -2], [[1, 2, 0], [0, 1, 1]], [0, 1], l1=0.5)),
    Case("all weights zero under both penalties", lambda rng: _like([0, 0], [[1, 2], [3, -1], [-1, 0.5]], [1, 0, 0], l1=0.3, l2=0.2)),
    Case("the samples' part cancels", lambda rng: _like([0, 0], [[1, 2], [1, 2]], [1, 0], l1=0.3, l2=0.2)),
    Case("eight samples of three features under both penalties", lambda rng: _random(rng, 8, 3, l1=0.3, l2=0.7)),
    Case("as many samples as features", lambda rng: _random(rng, 4, 4, l1=0.05, l2=0.4)),
    Case("a single sample", lambda rng: _random(rng, 1, 3, l1=0.2, l2=0.1)),
    Case("32 samples of five features without penalty", lambda rng: _random(rng, 32, 5)),
    Case("wrong by 40", lambda rng: _like([40, 0], [[1, 2], [-1, 1]], [0, 1])),
    Case("very right: X·w of ±1e4 and more", lambda rng: _like(_BIG, _UP + _DOWN, [1, 1, 1, 0, 0, 0])),
    Case("very wrong: X·w of +1e4 and more", lambda rng: _like(_BIG, _UP, [0, 0, 0])),
    Case("very wrong: X·w of −1e4 and less", lambda rng: _like(_BIG, _DOWN, [1, 1, 1])),
)  # fmt: skip
