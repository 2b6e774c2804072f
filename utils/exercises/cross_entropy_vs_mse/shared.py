"""What several exercises of the question share."""

import math

import numpy as np

from utils.grading.spec import Case, Mistake


def _autograd(loss):
    """d/dz of a loss that is summed over the samples: one gradient for each."""

    def oracle(z, y):
        import torch

        z = torch.from_numpy(z).requires_grad_()
        loss(torch, z, torch.from_numpy(y)).backward()
        return z.grad.numpy()

    return oracle


def _named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


# ---- softmax ----------------------------------------------------------------------------------------------------
def _rows(fold, z):
    return fold(z, axis=1, keepdims=True)


def _share(e):
    return e / _rows(np.sum, e)


def _naive(z):
    return _share(np.exp(z))


def _global_max(z):
    return _naive(z - z.max())


def _shifted(z, axis=1):
    return np.exp(z - np.max(z, axis=axis, keepdims=True))


def _stable(z, axis=1):
    e = _shifted(z, axis)
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_stable(z, axis=1):
    z = z - np.max(z, axis=axis, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


def _sigma(z):
    return np.exp(-np.logaddexp(0, -z))


_SHIFT = "Subtract each row's largest logit before exp: no exponent is positive then, and one of them is exp(0) = 1."


_ROW = "Shift each row by its own maximum, max(axis=1, keepdims=True): then every row keeps one exp(0) = 1."


_AXIS = "The K probabilities of one sample sum to 1: reduce over the classes, axis=1."


def _softmax_pairwise(logits):
    return 1 / np.exp(logits[:, None, :] - logits[:, :, None]).sum(axis=2)  # p_i = 1 / Σ_j exp(z_j − z_i)


# ---- cross_entropy ----------------------------------------------------------------------------------------------
def _onehot(z, y):
    return np.eye(z.shape[1])[y]


# ---- the two gradients through a sigmoid ------------------------------------------------------------------------
def _each(formula, sigma=_sigma):
    return lambda z, y: formula(sigma(z), y)


def _mse(p, y):
    return 2 * (p - y) * p * (1 - p)


def _ce(p, y):
    return p - y


def _math_sigma(z):
    return np.array([1 / (1 + math.exp(-v)) for v in z])


_SIGMA = "Keep every exponent at 0 or below: 1 / (1 + exp(−z)) for z ≥ 0 and exp(z) / (1 + exp(z)) for z < 0."


_ONE_EACH = "Return one gradient for each sample, (N,): neither averaged, summed nor divided by N."


_PREDICTION = "The prediction is σ(z) = 1 / (1 + exp(−z)): one sigmoid, for each z alone."


def _shared(right):
    """The slips that both gradients invite."""
    return (
        ("divided by N", _ONE_EACH, _each(lambda p, y: right(p, y) / len(y))),
        ("averaged to one number", _ONE_EACH, _each(lambda p, y: right(p, y).mean())),
        ("summed to one number", _ONE_EACH, _each(lambda p, y: right(p, y).sum())),
        ("sign of the gradient", "A prediction above its label has a positive gradient: σ − y, not y − σ.",
         _each(lambda p, y: -right(p, y))),
        ("sign of the error lost", "σ − y keeps its sign: the sign says which way to go.",
         _each(lambda p, y: np.abs(right(p, y)))),
        ("sign in the sigmoid's exponent", _PREDICTION, lambda z, y: right(_sigma(-z), y)),
        ("sigmoid twice", _PREDICTION, _each(right, lambda z: _sigma(_sigma(z)))),
        ("tanh in place of the sigmoid", _PREDICTION, _each(right, np.tanh)),
        ("y taken for ±1", "y is 0.0 or 1.0 already: use it as it is.", _each(lambda p, y: right(p, (y + 1) / 2))),
        ("overflow at large z", _SIGMA, _each(right, lambda z: np.exp(z) / (1 + np.exp(z)))),
        ("overflow at large z (math.exp raises)", _SIGMA, _each(right, _math_sigma)),
    )  # fmt: skip


def _by_sign(formula):
    """Loops, with no positive exponent."""

    def right(z, y):
        ps = [1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v)) for v in z.tolist()]
        return [formula(p, t) for p, t in zip(ps, y.tolist(), strict=True)]

    return right


def _with_warnings(formula):
    """1 / (1 + inf) is 0, which is right: a warning is no error."""
    return _each(formula, lambda z: 1 / (1 + np.exp(-z)))


# ---- cases ------------------------------------------------------------------------------------------------------
def _random(rng, n, k, *labels, scale=1.5):
    return dict(logits=rng.normal(0.5, scale, (n, k))) | (dict(labels=np.array(labels)) if labels else {})


def _like(rows, *labels):
    return dict(logits=np.array(rows, dtype=float)) | (dict(labels=np.array(labels)) if labels else {})


def _samples(z, y):
    return dict(z=np.array(z, dtype=float), y=np.array(y, dtype=float))


_TINY = [[1, 2, 3], [1, 0, -1]]


_TIES = [[2, 2, 2, 2], [3, 3, 0, -1]]


_HUGE = [[1e4, 1e4 - 1, 0, -1e4], [0, -1e4, 1e4, 2]]


_LEVELS = [[1e4, 1e4 + 1, 1e4 - 1], [-1e4, -1e4 - 1, -1e4 + 1], [0, 1, 2], [0.5, -0.5, 0]]


_SIGMOID_CASES = (
    Case("one sample of each class", lambda rng: _samples([-1, 2], [1, 0])),
    Case("undecided: z = 0", lambda rng: _samples([0, 0, 0], [0, 1, 1])),
    Case("a single sample", lambda rng: _samples([-0.7], [1])),
    Case("twelve samples", lambda rng: _samples(rng.normal(0, 3, 12), [0, 1] * 6)),
    Case("very wrong and very right", lambda rng: _samples([-8, -8, 8, 8, -20, -20, 20, 20], [1, 0] * 4)),
    Case("z of ±1e4 and ±1e300", lambda rng: _samples([1e4, -1e4, 1e4, -1e4, 1e300, -1e300, 1e300, -1e300], [1, 0, 0, 1] * 2)),
)  # fmt: skip
