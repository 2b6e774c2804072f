"""logistic_hessian: cases, oracle, mistakes."""

import math

import numpy as np

from utils.exercises.logistic_regression.shared import (
    _BIG,
    _DOWN,
    _ONCE,
    _STABLE,
    _UP,
    _bad_sigma,
    _like,
    _math_sigma,
    _named,
    _plain_sigma,
    _random,
    _sigma,
    _torch_loss,
)
from utils.grading.spec import Case, Exercise


def _hessian_oracle(w, X, l2=0.0):
    import torch

    w, X = map(torch.from_numpy, (w, X))
    labels = torch.zeros(len(X), dtype=X.dtype)  # any will do: the Hessian does not depend on them
    return torch.autograd.functional.hessian(lambda w: _torch_loss(w, X, labels, 0.0, l2), w).numpy()


# ---- the Hessian --------------------------------------------------------------------------------------------------
def _curvature(p):
    return p * (1 - p)


def _hessian(weight=_curvature, penalty=lambda l2, d: l2 * np.eye(d), sigma=_sigma, mean=len):
    """The Hessian with one part exchanged: each sample's weight, the penalty, the sigmoid or the divisor."""
    return lambda w, X, l2=0.0: (X.T * weight(sigma(X @ w))) @ X / mean(X) + penalty(l2, len(w))


def _as_is(build, penalty=lambda l2, d: l2 * np.eye(d)):
    """An answer built from X and s = p(1 − p) in another way."""
    return lambda w, X, l2=0.0: build(X, _curvature(_sigma(X @ w))) / len(X) + penalty(l2, len(w))


_WEIGHT = "Each sample weighs p(1 − p), the derivative of σ."


_SAMPLES = "Sum x xᵀ, (d, d) for each sample, over the samples: Xᵀ diag(s) X, with s = p(1 − p) on the n samples."


_DIAGONAL = "The second derivative of l2/2 · Σw² is l2 on the diagonal, l2 · I, and 0 elsewhere."


_FISHER = "That is the empirical Fisher, a sum over (p − y)²; the Hessian has p(1 − p), which needs no labels."


_H_BY_N = "The loss is a mean over n samples: Xᵀ diag(s) X / n."


_HESSIAN_MISTAKES = _named(
    ("p in place of p(1 − p)", _WEIGHT, _hessian(lambda p: p)),
    ("not divided by n", _H_BY_N, _hessian(mean=lambda X: 1)),
    ("everything divided by n, l2 too", _ONCE, lambda w, X, l2=0.0: _hessian()(w, X, l2 / len(X))),
    ("l2 on all entries", _DIAGONAL, _hessian(penalty=lambda l2, d: l2)),
    ("2 · l2 on the diagonal", _DIAGONAL, _hessian(penalty=lambda l2, d: 2 * l2 * np.eye(d))),
    ("l2/2 on the diagonal", _DIAGONAL, _hessian(penalty=lambda l2, d: l2 / 2 * np.eye(d))),
    ("l2 forgotten", _DIAGONAL, _hessian(penalty=lambda l2, d: 0)),
    ("l2 subtracted", _DIAGONAL, _hessian(penalty=lambda l2, d: -l2 * np.eye(d))),
    ("l2 · w on the diagonal", _DIAGONAL, lambda w, X, l2=0.0: _hessian()(w, X) + l2 * np.diag(w)),
    ("l2 · w added as a row", _DIAGONAL, lambda w, X, l2=0.0: _hessian()(w, X) + l2 * w),
    ("identity of size n", _DIAGONAL, lambda w, X, l2=0.0: _hessian()(w, X) + l2 * np.eye(len(X))),
    ("X diag(s) Xᵀ", _SAMPLES, _as_is(lambda X, s: X @ np.diag(s) @ X.T)),
    ("diag(s) X Xᵀ", _SAMPLES, _as_is(lambda X, s: (X * s[:, None]) @ X.T)),
    ("s along the features", _SAMPLES + " As a product that is X.T @ (s[:, None] * X).", _as_is(lambda X, s: X.T @ (X * s))),
    ("weights forgotten: XᵀX/n (linear regression)", _WEIGHT, _hessian(np.ones_like)),
    ("the bound XᵀX/(4n)", _WEIGHT, _hessian(lambda p: 0 * p + 0.25)),
    ("σ′ twice", _WEIGHT, _hessian(lambda p: _curvature(p) ** 2)),
    ("1 − p in place of p(1 − p)", _WEIGHT, _hessian(lambda p: 1 - p)),
    ("outer products of gradients, all labels 0", _FISHER,
     _hessian(lambda p: p**2)),
    ("outer products of gradients, all labels 1", _FISHER,
     _hessian(lambda p: (1 - p) ** 2)),
    ("outer products of gradients, labels predicted", _FISHER,
     _hessian(lambda p: (p - (p > 0.5)) ** 2)),
    ("outer product of the mean gradient, all labels 0", _SAMPLES,
     lambda w, X, l2=0.0: np.outer(X.T @ _sigma(X @ w), X.T @ _sigma(X @ w)) / len(X) ** 2 + l2 * np.eye(len(w))),
    ("outer product of Xᵀs", _SAMPLES, _as_is(lambda X, s: np.outer(X.T @ s, X.T @ s))),
    ("derivative of tanh: 1 − p²", _WEIGHT, _hessian(lambda p: 1 - p**2)),
    ("derivative of σ′: p(1 − p)(1 − 2p)", _WEIGHT, _hessian(lambda p: _curvature(p) * (1 - 2 * p))),
    ("z(1 − z): σ forgotten", _WEIGHT, _hessian(sigma=lambda z: z)),
    ("sign reversed", "The loss is convex: Xᵀ diag(s) X / n, with a plus.",
     lambda w, X, l2=0.0: -_hessian()(w, X, l2)),
    ("minus in the samples' part", "The loss is convex: Xᵀ diag(s) X / n, with a plus.",
     _hessian(lambda p: -_curvature(p))),
    ("diagonal only, as a vector", _SAMPLES,
     lambda w, X, l2=0.0: np.diag(_hessian()(w, X, l2)).copy()),
    ("diagonal only, as a matrix", _SAMPLES,
     lambda w, X, l2=0.0: np.diag(np.diag(_hessian()(w, X, l2)))),
    ("the second X left out", _SAMPLES, lambda w, X, l2=0.0: X.T * _curvature(_sigma(X @ w)) / len(X)),
    ("X left out: p(1 − p) alone", _SAMPLES, lambda w, X, l2=0.0: _curvature(_sigma(X @ w)) / len(X)),
    ("one matrix for each sample", "Average over the samples: (d, d).",
     lambda w, X, l2=0.0: np.einsum("n,ni,nj->nij", _curvature(_sigma(X @ w)), X, X) + l2 * np.eye(len(w))),
    ("divided by the number of weights", _H_BY_N, _hessian(mean=lambda X: X.shape[1])),
    ("inverse returned", "Return the Hessian; a Newton step solves with it.",
     lambda w, X, l2=0.0: np.linalg.inv(_hessian()(w, X, l2))),
    ("overflow at large positive X·w", _STABLE, _hessian(sigma=_bad_sigma)),
    ("overflow at large negative X·w", _STABLE,
     _hessian(lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2, sigma=lambda z: z)),
    ("overflow (math.exp raises)", _STABLE, _hessian(sigma=_math_sigma)),
    ("not divided by n, and overflow", _H_BY_N, _hessian(sigma=_bad_sigma, mean=lambda X: 1)),
)  # fmt: skip


def _hessian_loops(w, X, l2=0.0):
    n, d = X.shape
    H = [[l2 * (i == j) for j in range(d)] for i in range(d)]
    for x in X.tolist():
        small = math.exp(-abs(sum(a * b for a, b in zip(x, w.tolist(), strict=True))))
        for i in range(d):
            for j in range(d):
                H[i][j] += small / (1 + small) ** 2 * x[i] * x[j] / n
    return H


def _hessian_by_root(w, X, l2=0.0):
    """A Gram matrix of scaled rows, the penalty as d more rows."""
    half = X @ w / 2
    rows = X / (2 * np.cosh(half))[:, None] / np.sqrt(len(X))
    rows = np.vstack([rows, np.sqrt(l2) * np.eye(len(w))])
    return rows.T @ rows


def _hessian_in_place(w, X, l2=0.0):
    p = _plain_sigma(X @ w)
    H = np.einsum("n,ni,nj->ij", p - p * p, X, X, optimize=True) / len(X)
    H[np.diag_indices_from(H)] += l2
    return H


HESSIAN = Exercise(
    name="logistic_hessian",
    returns=("hessian",),
    oracle=_hessian_oracle,
    cases=(
        Case("two samples of one feature", lambda rng: _like([1], [[1], [2]])),
        Case("two features with l2 = 0.5", lambda rng: _like([1, -2], [[1, 0], [2, 1], [0, 1]], l2=0.5)),
        Case("all weights zero: p = 1/2", lambda rng: _like([0, 0], [[1, 2], [3, -1], [-1, 0.5]], l2=0.2)),
        Case("eight samples of three features", lambda rng: _random(rng, 8, 3, False)),
        Case("as many samples as features with l2 = 0.4", lambda rng: _random(rng, 4, 4, False, l2=0.4)),
        Case("a single sample", lambda rng: _random(rng, 1, 3, False, l2=0.1)),
        Case("more features than samples", lambda rng: _random(rng, 3, 5, False, l2=2.0)),
        Case("32 samples of five features", lambda rng: _random(rng, 32, 5, False, l2=0.01)),
        Case("X·w of +1e4 and more", lambda rng: _like(_BIG, [*_UP, [0, 2]], l2=0.5)),
        Case("X·w of −1e4 and less", lambda rng: _like(_BIG, [*_DOWN, [0, 2]], l2=0.5)),
    ),
    mistakes=_HESSIAN_MISTAKES,
    accepts=(_hessian_loops, _hessian_by_root, _hessian_in_place, _hessian_oracle),
    verified="equal to torch's automatic Hessian in float64, X·w of ±1e6 and fewer samples than features included",
)  # fmt: skip
