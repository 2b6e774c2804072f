"""softmax: cases, oracle, mistakes."""

import math

import numpy as np

from utils.exercises.cross_entropy_vs_mse.shared import (
    _AXIS,
    _HUGE,
    _LEVELS,
    _ROW,
    _SHIFT,
    _TIES,
    _TINY,
    _global_max,
    _like,
    _log_stable,
    _naive,
    _named,
    _onehot,
    _random,
    _rows,
    _share,
    _shifted,
    _sigma,
    _softmax_pairwise,
    _stable,
)
from utils.grading.spec import Case, Exercise


def _softmax_oracle(logits):
    import torch

    return torch.nn.functional.softmax(torch.from_numpy(logits), dim=1).numpy()


def _math_exp(z):
    rows = [[math.exp(v) for v in row] for row in z]
    return np.array([[v / sum(row) for v in row] for row in rows])


_KEEP = "Row sums and maxima need shape (N, 1) to meet (N, K): axis=1, keepdims=True. With N = K no error warns you."


_SOFTMAX_MISTAKES = _named(
    ("overflow at large logits", _SHIFT, _naive),
    ("softmax over the samples (axis 0)", _AXIS, lambda z: _stable(z, axis=0)),
    ("softmax over the whole array", _AXIS, lambda z: _stable(z, axis=None)),
    ("one maximum for the whole batch", _ROW, _global_max),
    ("exponentials not normalised", "Divide by the row's sum of exponentials.", _shifted),
    ("row sums without keepdims", _KEEP, lambda z: _shifted(z) / _shifted(z).sum(axis=1)),
    ("row maxima without keepdims", _KEEP, lambda z: _naive(z - z.max(axis=1))),
    ("neither maxima nor sums with keepdims", _KEEP,
     lambda z: np.exp(z - z.max(axis=1)) / np.exp(z - z.max(axis=1)).sum(axis=1)),
    ("row sums without keepdims, and overflow", _KEEP, lambda z: np.exp(z) / np.exp(z).sum(axis=1)),
    ("one sum for all rows", _AXIS, lambda z: _shifted(z) / _shifted(z).sum()),
    ("log-softmax returned", "Return the probabilities, not their logarithms.", _log_stable),
    ("logits clipped", "Clipping makes different logits equal: 10000 and 9999 stand 1 : 0.37. Subtract the row's maximum.",
     lambda z: _naive(np.clip(z, -500, 500))),
    ("mean subtracted, not the maximum", _ROW, lambda z: _naive(z - _rows(np.mean, z))),
    ("largest |logit| subtracted", _ROW, lambda z: _naive(z - _rows(np.max, np.abs(z)))),
    ("maximum over the samples (axis 0)", _ROW, lambda z: _naive(z - z.max(axis=0))),
    ("divided by the maximum", "Subtract it: a common shift of the logits cancels, a common factor does not.",
     lambda z: _naive(z / _rows(np.max, z))),
    ("normalised without exp", "Take exp first: logits may be negative, probabilities may not.", _share),
    ("sigmoid of each logit", "Sigmoids do not sum to 1; softmax divides by the sum over the classes.", _sigma),
    ("sign of the logits (softmin)", "The largest logit gets the largest probability: exp(+z).", lambda z: _stable(-z)),
    ("base 2 in place of e", "The base is e: np.exp, not 2 ** z.", lambda z: _stable(z * np.log(2))),
    ("argmax in place of softmax", "Softmax is smooth: every class keeps its share exp(z) / Σ exp(z).",
     lambda z: _onehot(z, z.argmax(axis=1))),
    ("overflow at large logits (math.exp raises)", _SHIFT, _math_exp),
    ("overflow at large logits (log of an infinite sum)", _SHIFT, lambda z: np.exp(z - np.log(_rows(np.sum, np.exp(z))))),
    ("overflow at large logits, with eps in the sum", _SHIFT, lambda z: np.exp(z) / (_rows(np.sum, np.exp(z)) + 1e-12)),
    ("one maximum for the whole batch, with eps in the sum", _ROW,
     lambda z: np.exp(z - z.max()) / (_rows(np.sum, np.exp(z - z.max())) + 1e-12)),
    ("overflow covered up by nan_to_num", _SHIFT, lambda z: np.nan_to_num(_naive(z))),
    ("softmax over the samples (axis 0), and overflow", _AXIS, lambda z: np.exp(z) / np.exp(z).sum(axis=0)),
    ("softmax over the whole array, and overflow", _AXIS, lambda z: np.exp(z) / np.exp(z).sum()),
    ("exponentials not normalised, and overflow", "Shift by the row's maximum, divide by the row's sum.", np.exp),
)  # fmt: skip


def _softmax_loops(logits):
    out = []
    for row in logits.tolist():
        weights = [math.exp(value - max(row)) for value in row]
        out.append([weight / sum(weights) for weight in weights])
    return out


def _softmax_logaddexp(logits):
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])


def _softmax_in_place(logits):
    out = logits.T.copy()
    out -= out.max(axis=0)
    np.exp(out, out=out)
    out /= np.einsum("kn->n", out)
    return out.T


SOFTMAX = Exercise(
    name="softmax",
    returns=("probabilities",),
    oracle=_softmax_oracle,
    cases=(
        Case("two samples, three classes", lambda rng: _like(_TINY)),
        Case("exact ties", lambda rng: _like(_TIES)),
        Case("a single sample", lambda rng: _random(rng, 1, 5)),
        Case("as many samples as classes", lambda rng: _random(rng, 4, 4)),
        Case("seven samples, ten classes", lambda rng: _random(rng, 7, 10, scale=3)),
        Case("a single class", lambda rng: _random(rng, 3, 1)),
        Case("logits of ±1e4", lambda rng: _like(_HUGE)),
        Case("rows on levels 1e4, −1e4 and 0", lambda rng: _like(_LEVELS)),
    ),
    mistakes=_SOFTMAX_MISTAKES,
    accepts=(_softmax_loops, _softmax_pairwise, _softmax_logaddexp, _softmax_in_place, lambda z: _softmax_oracle(z.copy())),
    verified="equal to torch's softmax in float64, ties and logits of ±1e4 included; inputs untouched",
)  # fmt: skip
