"""`focal_loss`: cases, and the paper's definition in torch float64, differentiated by autograd, as the oracle."""

import math

import numpy as np

from utils.exercises.focal_loss.mistakes import named, sigma, softplus
from utils.grading.spec import Case, Exercise


def _oracle(logits, targets, alpha=0.25, gamma=2.0):
    import torch
    from torch.nn.functional import logsigmoid

    z, y = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(targets).double()
    sign = 2 * y - 1
    weight = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    modulating = torch.exp(gamma * logsigmoid(-sign * z))  # (1 − p_t)^γ
    loss = torch.mean(-weight * modulating * logsigmoid(sign * z))
    loss.backward()
    return loss.item(), z.grad.numpy()


def _textbook(logits, targets, alpha=0.25, gamma=2.0):
    """Two branches, each stable, and the paper's gradient."""
    p, q = sigma(logits), sigma(-logits)
    a1, a0 = (1, 1) if alpha is None else (alpha, 1 - alpha)
    positive = a1 * q**gamma * softplus(-logits)
    negative = a0 * p**gamma * softplus(logits)
    up = a1 * q**gamma * (gamma * p * -softplus(-logits) - q)
    down = -a0 * p**gamma * (gamma * q * -softplus(logits) - p)
    return np.where(targets == 1, positive, negative).mean(), np.where(targets == 1, up, down) / logits.size


def _loops(logits, targets, alpha=0.25, gamma=2.0):
    total, grad = 0.0, np.empty(logits.shape)
    for place, z in np.ndenumerate(logits):
        positive = targets[place] == 1
        x = float(z if positive else -z)
        small = math.exp(-abs(x))
        p, q = (1 / (1 + small), small / (1 + small)) if x >= 0 else (small / (1 + small), 1 / (1 + small))
        minus_log = max(-x, 0) + math.log1p(small)
        weight = 1 if alpha is None else alpha if positive else 1 - alpha
        total += weight * q**gamma * minus_log
        slope = -weight * q**gamma * (gamma * p * minus_log + q)
        grad[place] = (slope if positive else -slope) / logits.size
    return np.float64(total / logits.size), grad.tolist()


def _from_ce(logits, targets, alpha=0.25, gamma=2.0):
    """The usual port: p_t = exp(−CE), and 1 − p_t by expm1, so that nothing cancels."""
    ce = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    pt, rest = np.exp(-ce), -np.expm1(-ce)
    weight = 1.0 if alpha is None else alpha * targets + (1 - alpha) * (1 - targets)
    slope = weight * rest**gamma * (gamma * pt * ce + rest) * (1 - 2 * targets)
    return (weight * rest**gamma * ce).mean(), slope / logits.size


def _torch_backed(logits, targets, alpha=0.25, gamma=2.0):
    return _oracle(logits.copy(), targets.copy(), alpha, gamma)


def _random(rng, *shape, share=0.3, spread=2.0, **more):
    targets = (rng.random(shape) < share).astype(float)
    targets.flat[0], targets.flat[-1] = 1.0, 0.0
    return dict(logits=rng.normal(0, spread, shape), targets=targets, **more)


def _given(logits, targets, **more):
    return lambda rng: dict(logits=np.array(logits, dtype=float), targets=np.array(targets, dtype=float), **more)


_BIG = [[1000.0, -1000.0, 0.5], [1000.0, -1000.0, -40.0]]
_AIMS = [[1, 1, 0], [0, 0, 1]]

FOCAL = Exercise(
    name="focal_loss",
    returns=("loss", "grad"),
    oracle=_oracle,
    cases=(
        Case("one positive, γ = 1, no α", _given([0.5], [1], alpha=None, gamma=1.0)),
        Case("one negative, defaults", _given([0.5], [0])),
        Case("a positive and two negatives, defaults", _given([2.0, -1.0, 0.3], [1, 0, 0])),
        Case("γ = 0: weighted cross-entropy", lambda rng: _random(rng, 4, 3, alpha=0.7, gamma=0.0)),
        Case("γ = 0 and no α: cross-entropy", lambda rng: _random(rng, 3, 2, alpha=None, gamma=0.0)),
        Case("γ = 3, α = 0.6", lambda rng: _random(rng, 5, 2, alpha=0.6, gamma=3.0)),
        Case("γ = 0.5, no α, four axes", lambda rng: _random(rng, 2, 3, 2, 3, alpha=None, gamma=0.5)),
        Case("as many rows as columns, γ = 1.5", lambda rng: _random(rng, 3, 3, alpha=0.1, gamma=1.5)),
        Case("targets as whole numbers", lambda rng: (
            given := _random(rng, 6)) | dict(targets=given["targets"].astype(np.int64))),
        Case("no positives at all", lambda rng: _random(rng, 2, 5) | dict(targets=np.zeros((2, 5)))),
        Case("α = 0: the positives weigh nothing", lambda rng: _random(rng, 7, alpha=0.0, gamma=2.0)),
        Case("α = 1: the negatives weigh nothing", lambda rng: _random(rng, 7, alpha=1.0, gamma=2.0)),
        Case("logits of ±12, easy and hard", _given([12.0, -12.0, 12.0, -12.0], [1, 0, 0, 1], alpha=0.4, gamma=2.0)),
        Case("logits of ±1000, right and wrong", _given(_BIG, _AIMS)),
        Case("logits of ±1000, γ = 0.5", _given(_BIG, _AIMS, alpha=0.5, gamma=0.5)),
        Case("logits of ±1000, γ = 0", _given(_BIG, _AIMS, alpha=None, gamma=0.0)),
    ),
    mistakes=tuple(named()),
    accepts=(_textbook, _loops, _torch_backed, _from_ce),
    verified="equal to the paper's definition and its autograd in float64, logits of ±1000 and γ = 0 included",
)  # fmt: skip
