"""34 · Logistic regression, with both penalties. Oracle: torch's BCE with logits in float64, autograd and its Hessian."""

import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _torch_loss(w, X, y, l1, l2):
    import torch

    loss = torch.nn.functional.binary_cross_entropy_with_logits(X @ w, y)
    return loss + l1 * w.abs().sum() + l2 / 2 * (w**2).sum()


def _loss_oracle(w, X, y, l1=0.0, l2=0.0):
    import torch

    return _torch_loss(*map(torch.from_numpy, (w, X, y)), l1, l2).item()


def _gradient_oracle(w, X, y, l1=0.0, l2=0.0):
    import torch

    w, X, y = map(torch.from_numpy, (w, X, y))
    loss = _torch_loss(w.requires_grad_(), X, y, l1, l2)
    return torch.autograd.grad(loss, w)[0].numpy()


def _hessian_oracle(w, X, l2=0.0):
    import torch

    w, X = map(torch.from_numpy, (w, X))
    labels = torch.zeros(len(X), dtype=X.dtype)  # any will do: the Hessian does not depend on them
    return torch.autograd.functional.hessian(lambda w: _torch_loss(w, X, labels, 0.0, l2), w).numpy()


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
_ONCE = "1/n belongs to the samples' part only; l1 and l2 multiply their sums as they are."
_HALF = "The convention is l2/2 · Σw², so that the gradient is l2 · w."
_ABS = "The L1 penalty is l1 · Σ|w|: the absolute value of each weight, all of them added up."
_ORDER = "l1 belongs to Σ|w|, l2 to Σw², in this order of the arguments."
_ALL = "Add both penalties, over every weight: there is no intercept here to leave out."
_LOG0 = "Never take the log of a rounded probability: work on z, max(z, 0) − y·z + log1p(exp(−|z|))."
_OVERFLOW = "Let no exponent be positive: log(1 + exp(z)) = max(z, 0) + log1p(exp(−|z|))."
_FLOOR = "A floor under p caps the loss; a sample that is wrong by 10000 costs 10000. Work on z, without p."
_LABELS = "y is 0.0 or 1.0: y·log p + (1 − y)·log(1 − p). With labels of ±1 the formula is another one."
_SIGN = "The loss is minus the log-likelihood: small when the labels are likely."

_LOSS_MISTAKES = _named(
    ("losses summed, not averaged", _MEAN, _loss(**_SUM)),
    ("l2 without 1/2", _HALF, _loss(**_NO_HALF)),
    ("l1 without the absolute value", _ABS, _loss(**_NO_ABS)),
    ("labels taken for ±1", _LABELS, _loss(lambda z, y: np.logaddexp(0, -y * z))),
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
    *((f"p kept above {eps:g} in the log", _FLOOR, _loss(_added(eps))) for eps in (1e-12, 1e-15, 1e-10, 1e-8, 1e-7)),
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
    ("squared error", "Asked for is cross-entropy, not (p − y)².", _loss(lambda z, y: (_sigma(z) - y) ** 2)),
    ("base-2 logarithm", "Use the natural logarithm.", _loss(lambda z, y: _ce(z, y) / np.log(2))),
    ("sigmoid twice", "X·w goes through one sigmoid only.", _loss(lambda z, y: _ce(_sigma(z), y))),
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


# ---- the gradient -------------------------------------------------------------------------------------------------


def _slopes(w, l1, l2):
    return l1 * np.sign(w) + l2 * w


def _gradient(residual=lambda p, y: p - y, penalty=_slopes, sigma=_sigma, back=lambda X, r: X.T @ r / len(X)):
    """The gradient with one part exchanged: residual, penalty, sigmoid, or the way back through X."""
    return lambda w, X, y, l1=0.0, l2=0.0: back(X, residual(sigma(X @ w), y)) + penalty(w, l1, l2)


def _from_z(residual):
    return _gradient(residual, sigma=lambda z: z)


def _divided_out(p, y):
    return (p - y) / (p * (1 - p)) * (p * (1 - p))


_ADDED_UP = {"back": lambda X, r: X.T @ r}
_TWO_L2 = {"penalty": lambda w, l1, l2: _slopes(w, l1, 2 * l2)}
_NO_SIGN = {"penalty": lambda w, l1, l2: l1 + l2 * w}

_BY_N = "The loss is a mean over n samples, so its gradient is Xᵀ(p − y)/n."
_L2_SLOPE = "The derivative of l2/2 · Σw² is l2 · w."
_L1_SLOPE = "The derivative of l1 · |w| is l1 · sign(w): +l1 for w > 0, −l1 for w < 0."
_AT_ZERO = "At w = 0 any value in [−l1, l1] is a subgradient; the convention here is np.sign's, 0."
_SHAPES = "X is (n, d) and the residual (n,): Xᵀ(p − y) is (d,). With n = d no error warns you of XX."
_RESIDUAL = "The residual is p − y, with p = σ(X·w): a prediction above its label has a positive gradient."
_CANCELS = "σ′ = p(1 − p) has cancelled against the derivative of the log: p − y is left."
_STABLE = "Let no exponent be positive: 1/(1 + exp(−z)) for z ≥ 0, exp(z)/(1 + exp(z)) for z < 0."

_GRADIENT_MISTAKES = _named(
    ("summed over the samples, not averaged", _BY_N, _gradient(**_ADDED_UP)),
    ("2 · l2 · w", _L2_SLOPE, _gradient(**_TWO_L2)),
    ("l1 without the sign", _L1_SLOPE, _gradient(**_NO_SIGN)),
    ("labels taken for ±1", "−y·σ(−y·z)·x is for labels of ±1; here it leaves out all samples with y = 0. The residual is p − y.",
     _from_z(lambda z, y: -y * _sigma(-y * z))),
    ("labels turned from ±1 into 0 and 1", "y is 0.0 or 1.0 already: use it as it is.",
     _gradient(lambda p, y: p - (y + 1) / 2)),
    ("labels turned into ±1", "y is 0.0 or 1.0 already: use it as it is.", _gradient(lambda p, y: p - (2 * y - 1))),
    ("overflow in exp(z) / (1 + exp(z))", _STABLE, _gradient(sigma=_bad_sigma)),
    ("overflow in exp(−margin)", _STABLE,
     _from_z(lambda z, y: (1 - 2 * y) * np.exp((1 - 2 * y) * z) / (1 + np.exp((1 - 2 * y) * z)))),
    ("overflow (math.exp raises)", _STABLE, _gradient(sigma=_math_sigma)),
    ("σ′ divided out and multiplied back", _CANCELS, _gradient(_divided_out, sigma=_plain_sigma)),
    ("σ′ divided out with 1e-12 and multiplied back", _CANCELS,
     _gradient(lambda p, y: ((1 - y) / (1 - p + 1e-12) - y / (p + 1e-12)) * p * (1 - p), sigma=_plain_sigma)),
    ("σ′ kept (squared error, halved)", _CANCELS, _gradient(lambda p, y: (p - y) * p * (1 - p))),
    ("squared error's gradient", _CANCELS, _gradient(lambda p, y: 2 * (p - y) * p * (1 - p))),
    ("gradient with respect to p", _CANCELS, _gradient(lambda p, y: (p - y) / (p * (1 - p)))),
    ("no sigmoid (linear regression)", _RESIDUAL, _from_z(lambda z, y: z - y)),
    ("sign of the residual", _RESIDUAL, _gradient(lambda p, y: y - p)),
    ("sign turned round", "Return the gradient itself; the minus belongs to the step of the descent.",
     lambda *args: -_gradient()(*args)),
    ("labels flipped", _RESIDUAL, _gradient(lambda p, y: p - (1 - y))),
    ("sign in the sigmoid's exponent", _RESIDUAL, _gradient(lambda p, y: 1 - p - y)),
    ("sign of the error lost", _RESIDUAL, _gradient(lambda p, y: np.abs(p - y))),
    ("hard decision in place of σ", "Use the probability, not whether it exceeds 1/2 (that is the perceptron).",
     _gradient(lambda p, y: (p > 0.5) - y)),
    ("sigmoid twice", "X·w goes through one sigmoid only.", _gradient(lambda p, y: _sigma(p) - y)),
    ("X @ residual in place of Xᵀ @ residual", _SHAPES, _gradient(back=lambda X, r: X @ r / len(X))),
    ("one gradient for each sample", "Average over the samples: (d,), not (n, d).",
     _gradient(back=lambda X, r: X * r[:, None])),
    ("averaged to one number", "One entry for each weight: reduce over the samples only.",
     lambda w, X, y, l1=0.0, l2=0.0: np.mean((_sigma(X @ w) - y)[:, None] * X + _slopes(w, l1, l2))),
    ("a column (d, 1)", "Return shape (d,).", lambda *args: _gradient()(*args)[:, None]),
    ("p as a column against y as a row", "A column (n, 1) minus (n,) is (n, n): keep p and y in the same shape.",
     _gradient(lambda p, y: p[:, None] - y, back=lambda X, r: X.T @ r / len(X),
               penalty=lambda w, l1, l2: _slopes(w, l1, l2)[:, None])),
    ("X left out: the gradient at z", "Chain rule: ∂z/∂w = x, so go back through X: Xᵀ(p − y)/n.",
     lambda w, X, y, l1=0.0, l2=0.0: (_sigma(X @ w) - y) / len(y)),
    ("divided by the number of weights", _BY_N, _gradient(back=lambda X, r: X.T @ r / X.shape[1])),
    ("everything divided by n, the penalty too", _ONCE,
     lambda w, X, y, l1=0.0, l2=0.0: _gradient(penalty=lambda *_: 0)(w, X, y) + _slopes(w, l1, l2) / len(y)),
    ("l2/2 · w", _L2_SLOPE, _gradient(penalty=lambda w, l1, l2: _slopes(w, l1, l2 / 2))),
    ("l1 · |w|: not differentiated", _L1_SLOPE, _gradient(penalty=lambda w, l1, l2: l1 * np.abs(w) + l2 * w)),
    ("l1 · w", _L1_SLOPE, _gradient(penalty=lambda w, l1, l2: (l1 + l2) * w)),
    ("l2 · w²", _L2_SLOPE, _gradient(penalty=lambda w, l1, l2: l1 * np.sign(w) + l2 * w**2)),
    ("norm not squared: l2 · w/‖w‖", _L2_SLOPE,
     _gradient(penalty=lambda w, l1, l2: l1 * np.sign(w) + l2 * w / np.linalg.norm(w))),
    ("l1 and l2 swapped", _ORDER, _gradient(penalty=lambda w, l1, l2: _slopes(w, l2, l1))),
    ("sign(0) = 1", _AT_ZERO, _gradient(penalty=lambda w, l1, l2: l1 * np.where(w >= 0, 1, -1) + l2 * w)),
    ("sign(0) = −1", _AT_ZERO, _gradient(penalty=lambda w, l1, l2: l1 * np.where(w > 0, 1, -1) + l2 * w)),
    ("w/|w| at zero", _AT_ZERO, _gradient(penalty=lambda w, l1, l2: l1 * w / np.abs(w) + l2 * w)),
    ("both penalties forgotten", _ALL, _gradient(penalty=lambda w, l1, l2: 0)),
    ("l1 forgotten", _ALL, _gradient(penalty=lambda w, l1, l2: l2 * w)),
    ("l2 forgotten", _ALL, _gradient(penalty=lambda w, l1, l2: l1 * np.sign(w))),
    ("penalty subtracted", "The penalty is added to the loss, so its gradient is added too.",
     _gradient(penalty=lambda w, l1, l2: -_slopes(w, l1, l2))),
    ("first weight not penalised", _ALL, _gradient(penalty=lambda w, l1, l2: _slopes(w * (np.arange(len(w)) > 0), l1, l2))),
    *((f"{slip}, and overflow", advice, _gradient(sigma=_bad_sigma, **part)) for slip, advice, part in (
        ("summed over the samples", _BY_N, _ADDED_UP), ("2 · l2 · w", _L2_SLOPE, _TWO_L2), ("l1 without the sign", _L1_SLOPE, _NO_SIGN))),
)  # fmt: skip


def _gradient_loops(w, X, y, l1=0.0, l2=0.0):
    n, d = X.shape
    grad = [l1 * ((v > 0) - (v < 0)) + l2 * v for v in w.tolist()]
    for i in range(n):
        z = sum(X[i, j] * w[j] for j in range(d))
        p = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
        for j in range(d):
            grad[j] += (p - y[i]) * X[i, j] / n
    return grad


def _gradient_by_margin(w, X, y, l1=0.0, l2=0.0):
    s = np.where(y > 0.5, 1.0, -1.0)
    each = -s * 0.5 * (1 - np.tanh(s * np.einsum("nd,d->n", X, w) / 2))
    return np.einsum("n,nd->d", each, X) / s.size + np.copysign(l1, w) * (w != 0) + l2 * w


def _gradient_with_warnings(w, X, y, l1=0.0, l2=0.0):
    """1 / (1 + inf) is 0, which is right: a warning is no error."""
    grad = ((_plain_sigma(X.dot(w)) - y)[:, None] * X).mean(axis=0)
    grad += l2 * w
    grad[w > 0] += l1
    grad[w < 0] -= l1
    return grad


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
    ("sign turned round", "The loss is convex: Xᵀ diag(s) X / n, with a plus.",
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

LOSS = Exercise(
    name="logistic_loss",
    returns=("loss",),
    oracle=_loss_oracle,
    cases=_SHARED,
    mistakes=_LOSS_MISTAKES,
    accepts=(_loss_loops, _loss_two_logits, _loss_by_log_expit, _loss_oracle),
    verified="equal to torch's binary_cross_entropy_with_logits plus both penalties in float64; a sample wrong by 10000 costs 10000",
)

GRADIENT = Exercise(
    name="logistic_gradient",
    returns=("grad",),
    oracle=_gradient_oracle,
    cases=_SHARED,
    mistakes=_GRADIENT_MISTAKES,
    accepts=(
        _gradient_loops,
        _gradient_by_margin,
        _gradient_with_warnings,
        lambda w, *rest: _gradient_oracle(w.copy(), *rest),
    ),
    verified="equal to autograd through torch's loss and both penalties, weights of exactly zero and X·w of ±1e6 included",
)

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

QUESTION = Question(chapter=4, minutes=45, exercises=(LOSS, GRADIENT, HESSIAN))
