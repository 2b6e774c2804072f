"""cross_entropy: cases, oracle, mistakes."""

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
    _sigma,
    _softmax_pairwise,
    _stable,
)
from utils.grading.spec import Case, Exercise


def _cross_entropy_oracle(logits, labels):
    import torch

    z = torch.from_numpy(logits).requires_grad_()
    loss = torch.nn.functional.cross_entropy(z, torch.from_numpy(labels))
    loss.backward()
    return loss.item(), z.grad.numpy()


def _at(scores, y):
    return scores[np.arange(len(y)), y]


def _loss(z, y):
    return -_at(_log_stable(z), y).mean()


def _grad(z, y, softmax=_stable):
    return (softmax(z) - _onehot(z, y)) / len(y)


def _pair(loss=_loss, grad=_grad):
    return lambda z, y: (loss(z, y), grad(z, y))


def _right(z, y):
    return _loss(z, y), _grad(z, y)


def _times(loss=lambda n, k: 1, grad=lambda n, k: 1, answer=_right):
    """An answer off by factors that depend on the shape (n, k)."""
    return lambda z, y: tuple(f(*z.shape) * v for f, v in zip((loss, grad), answer(z, y), strict=True))


def _via(softmax, log=np.log):
    """Both from one array of probabilities: −log p at the label, and p − onehot."""
    return lambda z, y: (-log(_at(softmax(z), y)).mean(), _grad(z, y, softmax))


def _log0_times_0(z, y):
    return -(_onehot(z, y) * np.log(_stable(z))).sum(axis=1).mean(), _grad(z, y)


def _naive_lse(z, y):
    return (np.log(np.exp(z).sum(axis=1)) - _at(z, y)).mean()


def _math_lse(z, y):
    return np.mean([math.log(sum(math.exp(v) for v in row)) - row[k] for row, k in zip(z, y, strict=True)])


def _onehot_given(z, y):
    return -(y * _log_stable(z)).sum(axis=1).mean(), (_stable(z) - y) / len(z)


def _shape_unpacked(z, y):
    n, _ = y.shape
    return -(y * _log_stable(z)).sum() / n, (_stable(z) - y) / n


def _as_many_columns_as_seen(z, y):
    t = np.eye(y.max() + 1)[y]
    return -(t * _log_stable(z)).sum() / len(y), (_stable(z) - t) / len(y)


def _every_label(z, y):
    grad = _stable(z)
    grad[:, y] -= 1
    return -_log_stable(z)[:, y].mean(), grad / len(y)


def _by_probability(z, y):
    return -_onehot(z, y) / _stable(z) / len(y)


def _squared_error(z, y):
    p = _stable(z)
    e = p - _onehot(z, y)
    return (e**2).sum(axis=1).mean(), 2 * p * (e - _rows(np.sum, e * p)) / len(y)


_LOG0 = "Never take the log of a probability that may have underflowed to 0: log p = (z − max) − log Σ exp(z − max)."


_INTS = "labels (N,) are integers: pick with p[np.arange(N), labels], or make them one-hot yourself, np.eye(K)[labels]."


_EPS = "A floor under p caps the loss at −log(eps); a sample wrong by 20000 costs 20000. Take log p from the logits."


_BY_N = "The loss is a mean over N samples, so its gradient is (p − onehot) / N."


_MEAN = "Loss and gradient belong to the mean over the N samples: divide by N, no more, no less."


_CHAIN = (
    "The question asks for the gradient with respect to the logits: softmax's Jacobian turns it into (p − onehot) / N."
)


_SIGN = "The loss is −log p, its gradient (p − onehot) / N: negative at the label."


_LABEL = "The loss is −log p of the label, not of the largest probability."


_CE_MISTAKES = _named(
    ("overflow at large logits", _SHIFT, _via(_naive)),
    ("log(0)", _LOG0, _via(_stable)),
    ("gradient not divided by N", _BY_N, _times(grad=lambda n, k: n)),
    ("labels one-hot only", _INTS, _onehot_given),
    ("loss summed over the batch", _MEAN, _times(lambda n, k: n)),
    ("loss and gradient summed over the batch", _MEAN, _times(lambda n, k: n, lambda n, k: n)),
    ("loss averaged over N·K entries", _MEAN, _times(lambda n, k: 1 / k)),
    ("[:, labels] in place of [np.arange(N), labels]",
     "[:, labels] takes every sample's label in every row; pair rows with labels: [np.arange(N), labels].", _every_label),
    ("sign of the gradient", _SIGN, _times(grad=lambda n, k: -1)),
    ("1 not subtracted at the label", "The gradient is p − onehot, not p.", _pair(grad=lambda z, y: _stable(z) / len(y))),
    ("gradient with respect to the probabilities", _CHAIN, _pair(grad=_by_probability)),
    ("gradient times p(1 − p)", "Softmax's derivative has cancelled already: (p − onehot) / N needs no further factor.",
     _pair(grad=lambda z, y: _grad(z, y) * _stable(z) * (1 - _stable(z)))),
    ("log(0) times 0", "0 · log(0) is NaN, so one-hot labels do not save an underflowed softmax. " + _LOG0,
     _log0_times_0),
    ("overflow at large logits (log of an infinite sum)", _SHIFT, _pair(_naive_lse, lambda z, y: _grad(z, y, _naive))),
    ("overflow at large logits, in the loss only", _SHIFT, _pair(_naive_lse)),
    ("overflow at large logits (math.exp raises)", _SHIFT, _pair(_math_lse)),
    ("one maximum for the whole batch", _ROW, _via(_global_max)),
    ("one maximum for the whole batch (log-sum-exp)", _ROW,
     _pair(lambda z, y: _naive_lse(z - z.max(), y), lambda z, y: _grad(z, y, _global_max))),
    ("log(0) (math.log raises)", _LOG0, _via(_stable, lambda p: np.array([math.log(v) for v in p]))),
    ("labels one-hot only (shape unpacked)", _INTS, _shape_unpacked),
    ("one-hot with labels.max() + 1 columns", "A batch need not contain the last class: K is logits.shape[1].",
     _as_many_columns_as_seen),
    ("labels counted from 1", "Classes count from 0: use the labels as they are.", lambda z, y: _right(z, y - 1)),
    ("gradient divided by N·K", _MEAN, _times(grad=lambda n, k: 1 / k)),
    ("loss and gradient divided by N·K", _MEAN, _times(lambda n, k: 1 / k, lambda n, k: 1 / k)),
    ("gradient divided by K", _MEAN, _times(grad=lambda n, k: n / k)),
    ("gradient divided by N twice", _MEAN, _times(grad=lambda n, k: 1 / n)),
    ("one loss for each sample", _MEAN, _pair(lambda z, y: -_at(_log_stable(z), y))),
    ("minus of the loss forgotten", _SIGN, _times(lambda n, k: -1)),
    ("log-likelihood and its gradient", _SIGN, _times(lambda n, k: -1, lambda n, k: -1)),
    ("gradient with respect to the probabilities, and log(0)", _CHAIN,
     _pair(lambda z, y: -np.log(_at(_stable(z), y)).mean(), _by_probability)),
    ("gradient with respect to the label's probability, and log(0)", _CHAIN,
     _pair(lambda z, y: -np.log(_at(_stable(z), y)).mean(),
           lambda z, y: np.where(_onehot(z, y) == 1, -1 / _stable(z), 0) / len(y))),
    ("gradient at the label's logit only", "Softmax ties all logits together: p − onehot in all K columns.",
     _pair(grad=lambda z, y: _grad(z, y) * _onehot(z, y))),
    ("argmax in the gradient", "The gradient needs the probabilities, not the predicted class.",
     _pair(grad=lambda z, y: _grad(z, y, lambda z: _onehot(z, z.argmax(axis=1))))),
    ("predicted class in place of the label", _LABEL, lambda z, y: _right(z, z.argmax(axis=1))),
    ("loss of the predicted class", _LABEL, _pair(lambda z, y: _loss(z, z.argmax(axis=1)))),
    ("entropy of the prediction", "−Σ p log p ignores the labels; they take the first p's place.",
     _pair(lambda z, y: -(_stable(z) * _log_stable(z)).sum(axis=1).mean())),
    ("logits in place of log-probabilities", "The loss is logsumexp(z) − z[label]; the first term was left out.",
     _pair(lambda z, y: -_at(z, y).mean())),
    ("softmax twice", "Apply softmax to the logits only once.", lambda z, y: _right(_stable(z), y)),
    ("softmax over the samples (axis 0)", _AXIS,
     _pair(lambda z, y: -_at(_log_stable(z, 0), y).mean(), lambda z, y: _grad(z, y, lambda z: _stable(z, 0)))),
    ("softmax over the whole array", _AXIS,
     _pair(lambda z, y: -_at(_log_stable(z, None), y).mean(), lambda z, y: _grad(z, y, lambda z: _stable(z, None)))),
    ("sigmoids in place of softmax", "One label for each sample: softmax. Sigmoids are for several labels (question 33).",
     _pair(lambda z, y: (np.logaddexp(0, z) - z * _onehot(z, y)).sum(axis=1).mean(), lambda z, y: _grad(z, y, _sigma))),
    ("squared error", "The question asks for −log p of the label, not Σ (p − onehot)².", _squared_error),
    ("base-2 logarithm", "Use the natural logarithm, or the gradient does not belong to the loss.",
     _times(lambda n, k: 1 / np.log(2))),
    ("gradient before loss", "Return (loss, grad) in this order.", lambda z, y: _right(z, y)[::-1]),
    ("logits clipped", _EPS, lambda z, y: _right(np.clip(z, -500, 500), y)),
    *((f"a floor of {eps:g} under p: log(p + {eps:g})", _EPS, _via(_stable, lambda p, eps=eps: np.log(p + eps)))
      for eps in (1e-12, 1e-15, 1e-10, 1e-9, 1e-8, 1e-7, 1e-16, float(np.finfo(float).eps), 1e-20, 1e-300)),
    *((f"{slip}, and {flaw}", advice, _times(*factors, answer))
      for slip, advice, factors in (
          ("gradient not divided by N", _BY_N, (lambda n, k: 1, lambda n, k: n)),
          ("loss summed over the batch", _MEAN, (lambda n, k: n, lambda n, k: 1)),
          ("loss and gradient summed over the batch", _MEAN, (lambda n, k: n, lambda n, k: n)),
          ("sign of the gradient", _SIGN, (lambda n, k: 1, lambda n, k: -1)))
      for flaw, answer in (
          ("overflow", _via(_naive)), ("log(0)", _via(_stable)), ("log(0) times 0", _log0_times_0),
          ("1e-12 in the log", _via(_stable, lambda p: np.log(p + 1e-12))))),
)  # fmt: skip


def _ce_loops(logits, labels):
    n, total, grad = len(labels), 0.0, []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        log_sum = max(row) + math.log(sum(math.exp(value - max(row)) for value in row))
        total += log_sum - row[label]
        grad.append([(math.exp(value - log_sum) - (k == label)) / n for k, value in enumerate(row)])
    return total / n, grad


def _ce_one_hot(logits, labels):
    t = (labels[:, None] == np.arange(logits.shape[1])).astype(float)
    logp = _log_stable(logits)
    return -np.einsum("nk,nk->", t, logp) / len(t), (np.exp(logp) - t) / len(t)


def _ce_margins(logits, labels):
    margins = logits - np.take_along_axis(logits, labels[:, None], axis=1)
    grad = _softmax_pairwise(logits)
    np.subtract.at(grad, (range(len(labels)), labels), 1)
    return np.logaddexp.reduce(margins, axis=1).mean(), grad / len(labels)


CROSS_ENTROPY = Exercise(
    name="cross_entropy",
    returns=("loss", "grad"),
    oracle=_cross_entropy_oracle,
    cases=(
        Case("two samples, three classes", lambda rng: _like(_TINY, 2, 1)),
        Case("exact ties", lambda rng: _like(_TIES, 3, 0)),
        Case("a single sample", lambda rng: _random(rng, 1, 4, 2)),
        Case("as many samples as classes", lambda rng: _random(rng, 4, 4, 1, 3, 0, 1)),
        Case("the last class does not occur", lambda rng: _random(rng, 6, 5, 3, 0, 1, 1, 2, 3)),
        Case("32 samples, ten classes", lambda rng: _random(rng, 32, 10, *rng.integers(0, 10, 32))),
        Case("logits of ±1e4, one sample right, one wrong", lambda rng: _like(_HUGE, 0, 1)),
        Case("rows on levels 1e4, −1e4 and 0", lambda rng: _like(_LEVELS, 0, 2, 1, 2)),
    ),
    mistakes=_CE_MISTAKES,
    accepts=(_ce_loops, _ce_one_hot, _ce_margins, lambda z, y: _cross_entropy_oracle(z.copy(), y.copy())),
    verified="loss and gradient equal to torch's in float64; a sample that is wrong by 20000 costs 20000; inputs untouched",
)  # fmt: skip
