"""logistic_loss: cases, oracle, mistakes."""

import math

import numpy as np

from utils.exercises.logistic_regression.shared import (
    _ALL,
    _ONCE,
    _ORDER,
    _SHARED,
    _bad_sigma,
    _math_sigma,
    _named,
    _plain_sigma,
    _sigma,
    _torch_loss,
)
from utils.grading.spec import Exercise


def _loss_oracle(w, X, y, l1=0.0, l2=0.0):
    import torch

    return _torch_loss(*map(torch.from_numpy, (w, X, y)), l1, l2).item()


# ---- the loss -----------------------------------------------------------------------------------------------------
def _ce(z, y):
    return np.logaddexp(0, np.where(y == 1, -z, z))


def _logs(z, y, log=np.log, sigma=_plain_sigma):
    p = sigma(z)
    return -(y * log(p) + (1 - y) * log(1 - p))


def _softplus(z, y):
    return np.log(1 + np.exp(z)) - y * z


def _margin(z, y):
    return np.log(1 + np.exp(-(2 * y - 1) * z))


def _added(eps):
    return lambda z, y: _logs(z, y, lambda p: np.log(p + eps))


def _kept_above(eps):
    return lambda z, y: _logs(z, y, sigma=lambda z: np.clip(_plain_sigma(z), eps, 1 - eps))


def _penalty(w, l1, l2):
    return l1 * np.sum(np.abs(w)) + l2 / 2 * np.sum(w**2)


def _loss(each=_ce, penalty=_penalty, mean=np.mean):
    """The loss with one part exchanged: the loss of each sample (z, y), the mean or the penalty."""
    return lambda w, X, y, l1=0.0, l2=0.0: mean(each(X @ w, y)) + penalty(w, l1, l2)


def _math_loss(w, X, y, l1=0.0, l2=0.0):
    p = _math_sigma(X @ w)
    return np.mean([-(t * math.log(q) + (1 - t) * math.log(1 - q)) for q, t in zip(p, y, strict=True)])


def _math_loss_in_turn(w, X, y, l1=0.0, l2=0.0):
    return np.mean([_math_loss(w, row[None], t[None]) for row, t in zip(X, y, strict=True)])


_SUM = {"mean": np.sum}


_NO_HALF = {"penalty": lambda w, l1, l2: _penalty(w, l1, 2 * l2)}


_NO_ABS = {"penalty": lambda w, l1, l2: l1 * w.sum() + l2 / 2 * (w @ w)}


_MEAN = "The loss is a mean over the n samples: divide their sum by n."


_HALF = "The convention is l2/2 · Σw², so that the gradient is l2 · w."


_ABS = "The L1 penalty is l1 · Σ|w|: the absolute value of each weight, all of them added up."


_LOG0 = "Never take the log of a rounded probability: work on z, max(z, 0) − y·z + log1p(exp(−|z|))."


_OVERFLOW = "Keep every exponent at 0 or below: log(1 + exp(z)) = max(z, 0) + log1p(exp(−|z|))."


_FLOOR = "A floor under p caps the loss; a sample that is wrong by 10000 costs 10000. Work on z, without p."


_LABELS = "y is 0.0 or 1.0: y·log p + (1 − y)·log(1 − p). With labels of ±1 the formula is another one."


_SIGN = "The loss is minus the log-likelihood: small when the labels are likely."


_LOSS_MISTAKES = _named(
    ("losses summed, not averaged", _MEAN, _loss(**_SUM)),
    ("l2 without 1/2", _HALF, _loss(**_NO_HALF)),
    ("l1 without the absolute value", _ABS, _loss(**_NO_ABS)),
    ("labels taken for ±1", "That is the loss for labels of ±1, as of margins; here y is 0.0 or 1.0: y·log p + (1 − y)·log(1 − p).", _loss(lambda z, y: np.logaddexp(0, -y * z))),
    ("log(0)", _LOG0, _loss(_logs)),
    ("log(0), by cases", _LOG0, _loss(lambda z, y: -np.log(np.where(y == 1, _plain_sigma(z), 1 - _plain_sigma(z))))),
    ("overflow in log(1 + exp(z))", _OVERFLOW, _loss(_softplus)),
    ("overflow in log(1 + exp(−z))", _OVERFLOW, _loss(lambda z, y: (1 - y) * z + np.log(1 + np.exp(-z)))),
    ("overflow in log(1 + exp(−margin))", _OVERFLOW, _loss(_margin)),
    ("overflow, and 0 times infinity", _OVERFLOW,
     _loss(lambda z, y: y * np.log1p(np.exp(-z)) + (1 - y) * np.log1p(np.exp(z)))),
    ("log(0) (math.log raises)", _LOG0, _math_loss_in_turn),
    ("overflow (math.exp raises)", _OVERFLOW, _math_loss),
    ("overflow in exp(z) / (1 + exp(z)), and log(0)", _LOG0, _loss(lambda z, y: _logs(z, y, sigma=_bad_sigma))),
    ("log p clamped at −100", _FLOOR, _loss(lambda z, y: _logs(z, y, lambda p: np.maximum(np.log(p), -100)))),
    *((f"a floor of {eps:g} under p: log(p + {eps:g})", _FLOOR, _loss(_added(eps))) for eps in (1e-12, 1e-15, 1e-10, 1e-8, 1e-7)),
    *((f"p clipped to {eps:g} … 1 − {eps:g}", _FLOOR, _loss(_kept_above(eps)))
      for eps in (1e-15, 1e-10, 1e-7)),
    ("X·w clipped at ±500", "Clipping X·w caps the loss; the stable form needs no clipping.",
     _loss(lambda z, y: _ce(np.clip(z, -500, 500), y))),
    ("everything divided by n, the penalty too", _ONCE,
     lambda w, X, y, l1=0.0, l2=0.0: np.mean(_ce(X @ w, y)) + _penalty(w, l1, l2) / len(y)),
    ("norm not squared: l2/2 · ‖w‖", _HALF,
     _loss(penalty=lambda w, l1, l2: l1 * np.abs(w).sum() + l2 / 2 * np.linalg.norm(w))),
    ("norm not squared: l2 · ‖w‖", _HALF, _loss(penalty=lambda w, l1, l2: l1 * np.abs(w).sum() + l2 * np.linalg.norm(w))),
    ("l1 and l2 swapped", _ORDER, _loss(penalty=lambda w, l1, l2: _penalty(w, l2, l1))),
    ("both penalties forgotten", _ALL, _loss(penalty=lambda w, l1, l2: 0.0)),
    ("l1 forgotten", _ALL, _loss(penalty=lambda w, l1, l2: _penalty(w, 0, l2))),
    ("l2 forgotten", _ALL, _loss(penalty=lambda w, l1, l2: _penalty(w, l1, 0))),
    ("penalty subtracted", "Large weights must cost: add the penalty.",
     _loss(penalty=lambda w, l1, l2: -_penalty(w, l1, l2))),
    ("first weight not penalised", _ALL, _loss(penalty=lambda w, l1, l2: _penalty(w[1:], l1, l2))),
    ("minus forgotten (log-likelihood)", _SIGN, _loss(lambda z, y: -_ce(z, y))),
    ("labels flipped", "p = σ(X·w) is the probability of y = 1: −log p there, −log(1 − p) for y = 0.",
     _loss(lambda z, y: _ce(z, 1 - y))),
    ("samples with y = 0 left out", _LABELS, _loss(lambda z, y: y * _ce(z, y))),
    ("squared error", "The question asks for cross-entropy, not (p − y)².", _loss(lambda z, y: (_sigma(z) - y) ** 2)),
    ("base-2 logarithm", "Use the natural logarithm.", _loss(lambda z, y: _ce(z, y) / np.log(2))),
    ("sigmoid twice", "Apply the sigmoid to X·w only once.", _loss(lambda z, y: _ce(_sigma(z), y))),
    ("one loss for each sample", "Return one number, the mean over the samples.", _loss(mean=lambda each: each)),
    ("labels turned into ±1 in the formula for 0 and 1", _LABELS, _loss(lambda z, y: _ce(z, 0) - (2 * y - 1) * z)),
    *((f"{slip}, and {flaw}", advice, _loss(each, **part))
      for slip, advice, part in (("losses summed, not averaged", _MEAN, _SUM), ("l2 without 1/2", _HALF, _NO_HALF),
                                 ("l1 without the absolute value", _ABS, _NO_ABS))
      for flaw, each in (("log(0)", _logs), ("overflow", _softplus), ("1e-12 in the log", _added(1e-12)),
                         ("p clipped at 1e-15", _kept_above(1e-15)))),
    ("labels taken for ±1, and overflow", _LABELS, _loss(lambda z, y: np.log(1 + np.exp(-y * z)))),
)  # fmt: skip


def _loss_loops(w, X, y, l1=0.0, l2=0.0):
    total = 0.0
    for row, label in zip(X.tolist(), y.tolist(), strict=True):
        z = sum(a * b for a, b in zip(row, w.tolist(), strict=True))
        wrong_by = -z if label else z
        total += max(wrong_by, 0.0) + math.log1p(math.exp(-abs(wrong_by)))
    return total / len(y) + l1 * sum(map(abs, w)) + 0.5 * l2 * sum(v * v for v in w)


def _loss_two_logits(w, X, y, l1=0.0, l2=0.0):
    z = np.einsum("nd,d->n", X, w)
    both = np.stack([np.zeros_like(z), z])
    return (
        np.average(np.logaddexp.reduce(both) - both[y.astype(int), range(len(y))])
        + l1 * np.linalg.norm(w, 1)
        + l2 * w @ w / 2
    )


def _loss_by_log_expit(w, X, y, l1=0.0, l2=0.0):
    from scipy.special import log_expit

    return np.asarray(-log_expit((2 * y - 1) * (X @ w)).sum() / len(X) + l1 * np.abs(w).sum() + (l2 * w**2 / 2).sum())


LOSS = Exercise(
    name="logistic_loss",
    returns=("loss",),
    oracle=_loss_oracle,
    cases=_SHARED,
    mistakes=_LOSS_MISTAKES,
    accepts=(_loss_loops, _loss_two_logits, _loss_by_log_expit, _loss_oracle),
    verified="equal to torch's binary_cross_entropy_with_logits plus both penalties in float64; a sample wrong by 10000 costs 10000",
)
