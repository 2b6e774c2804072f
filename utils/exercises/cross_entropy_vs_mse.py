"""32 · Cross-entropy against squared error. Oracle: torch's softmax and losses in float64, gradients by autograd."""

import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _softmax_oracle(logits):
    import torch

    return torch.nn.functional.softmax(torch.from_numpy(logits), dim=1).numpy()


def _cross_entropy_oracle(logits, labels):
    import torch

    z = torch.from_numpy(logits).requires_grad_()
    loss = torch.nn.functional.cross_entropy(z, torch.from_numpy(labels))
    loss.backward()
    return loss.item(), z.grad.numpy()


def _autograd(loss):
    """d/dz of a loss that is summed over the samples: one gradient for each."""

    def oracle(z, y):
        import torch

        z = torch.from_numpy(z).requires_grad_()
        loss(torch, z, torch.from_numpy(y)).backward()
        return z.grad.numpy()

    return oracle


_mse_oracle = _autograd(lambda torch, z, y: ((torch.sigmoid(z) - y) ** 2).sum())
_ce_oracle = _autograd(
    lambda torch, z, y: torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum"),
)


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


def _math_exp(z):
    rows = [[math.exp(v) for v in row] for row in z]
    return np.array([[v / sum(row) for v in row] for row in rows])


def _sigma(z):
    return np.exp(-np.logaddexp(0, -z))


_SHIFT = "Subtract each row's largest logit before exp: no exponent is positive then, and one of them is exp(0) = 1."
_ROW = "Shift each row by its own maximum, max(axis=1, keepdims=True): then every row keeps one exp(0) = 1."
_KEEP = "Row sums and maxima need shape (N, 1) to meet (N, K): axis=1, keepdims=True. With N = K no error warns you."
_AXIS = "The K probabilities of one sample sum to 1: reduce over the classes, axis=1."

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


def _softmax_pairwise(logits):
    return 1 / np.exp(logits[:, None, :] - logits[:, :, None]).sum(axis=2)  # p_i = 1 / Σ_j exp(z_j − z_i)


def _softmax_logaddexp(logits):
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])


def _softmax_in_place(logits):
    out = logits.T.copy()
    out -= out.max(axis=0)
    np.exp(out, out=out)
    out /= np.einsum("kn->n", out)
    return out.T


# ---- cross_entropy ----------------------------------------------------------------------------------------------


def _onehot(z, y):
    return np.eye(z.shape[1])[y]


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
_CHAIN = "Asked for is the gradient with respect to the logits: softmax's Jacobian turns it into (p − onehot) / N."
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
    ("labels one-hot only (argmax over them)", _INTS, lambda z, y: _right(z, y.argmax(axis=1))),
    ("labels one-hot only (shape[1])", _INTS, lambda z, y: (y.shape[1], z)),
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
    ("softmax twice", "Logits go through one softmax only.", lambda z, y: _right(_stable(z), y)),
    ("softmax over the samples (axis 0)", _AXIS,
     _pair(lambda z, y: -_at(_log_stable(z, 0), y).mean(), lambda z, y: _grad(z, y, lambda z: _stable(z, 0)))),
    ("softmax over the whole array", _AXIS,
     _pair(lambda z, y: -_at(_log_stable(z, None), y).mean(), lambda z, y: _grad(z, y, lambda z: _stable(z, None)))),
    ("sigmoids in place of softmax", "One label for each sample: softmax. Sigmoids are for several labels (question 33).",
     _pair(lambda z, y: (np.logaddexp(0, z) - z * _onehot(z, y)).sum(axis=1).mean(), lambda z, y: _grad(z, y, _sigma))),
    ("squared error", "Asked for is −log p of the label, not Σ (p − onehot)².", _squared_error),
    ("base-2 logarithm", "Use the natural logarithm, or the gradient does not belong to the loss.",
     _times(lambda n, k: 1 / np.log(2))),
    ("gradient before loss", "Return (loss, grad) in this order.", lambda z, y: _right(z, y)[::-1]),
    ("logits clipped", _EPS, lambda z, y: _right(np.clip(z, -500, 500), y)),
    *((f"p kept above {eps:g} in the log", _EPS, _via(_stable, lambda p, eps=eps: np.log(p + eps)))
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


# ---- the two gradients through a sigmoid ------------------------------------------------------------------------


def _each(formula, sigma=_sigma):
    return lambda z, y: formula(sigma(z), y)


def _mse(p, y):
    return 2 * (p - y) * p * (1 - p)


def _ce(p, y):
    return p - y


def _math_sigma(z):
    return np.array([1 / (1 + math.exp(-v)) for v in z])


def _by_cases(p, y):
    return np.where(y == 1, -1 / p, 1 / (1 - p))


_SIGMA = "Let no exponent be positive: 1 / (1 + exp(−z)) for z ≥ 0 and exp(z) / (1 + exp(z)) for z < 0."
_ONE_EACH = "Return one gradient for each sample, (N,): neither averaged, summed nor divided by N."
_TIMES = "Multiply out on paper first: the σ(1 − σ) below cancels the one above, and 0/0 never arises."
_SLOPE = "σ′ = σ(1 − σ), with σ = σ(z): both factors, once."
_TO_Z = "Multiply by σ′ = σ(1 − σ): asked for is the gradient with respect to z."
_PREDICTION = "The prediction is σ(z) = 1 / (1 + exp(−z)): one sigmoid, for each z alone."


def _shared(right):
    """The slips that both gradients invite."""
    return (
        ("divided by N", _ONE_EACH, _each(lambda p, y: right(p, y) / len(y))),
        ("averaged to one number", _ONE_EACH, _each(lambda p, y: right(p, y).mean())),
        ("summed to one number", _ONE_EACH, _each(lambda p, y: right(p, y).sum())),
        ("sign of the gradient", "A prediction above its label has a positive gradient: σ − y, not y − σ.",
         _each(lambda p, y: -right(p, y))),
        ("sign of the error lost", "σ − y keeps its sign, or nobody knows which way to go.",
         _each(lambda p, y: np.abs(right(p, y)))),
        ("sign in the sigmoid's exponent", _PREDICTION, lambda z, y: right(_sigma(-z), y)),
        ("sigmoid twice", _PREDICTION, _each(right, lambda z: _sigma(_sigma(z)))),
        ("tanh in place of the sigmoid", _PREDICTION, _each(right, np.tanh)),
        ("y taken for ±1", "y is 0.0 or 1.0 already: use it as it is.", _each(lambda p, y: right(p, (y + 1) / 2))),
        ("overflow at large z", _SIGMA, _each(right, lambda z: np.exp(z) / (1 + np.exp(z)))),
        ("overflow at large z (math.exp raises)", _SIGMA, _each(right, _math_sigma)),
    )  # fmt: skip


_MSE_MISTAKES = _named(
    ("factor 2 lost", "The loss is (σ − y)² without 1/2, so the 2 stays.", _each(lambda p, y: _mse(p, y) / 2)),
    ("σ′ forgotten", "z acts through the sigmoid: the chain rule brings in σ(1 − σ).", _each(lambda p, y: 2 * (p - y))),
    ("cross-entropy's gradient", "σ − y belongs to cross-entropy; here it is 2(σ − y)·σ(1 − σ).", _each(_ce)),
    *_shared(_mse),
    ("factor 2 lost, and divided by N", _ONE_EACH, _each(lambda p, y: _mse(p, y) / 2 / len(y))),
    ("σ′ forgotten, and divided by N", _ONE_EACH, _each(lambda p, y: 2 * (p - y) / len(y))),
    ("loss in place of its gradient", "Return d/dz of (σ − y)², not the loss.", _each(lambda p, y: (p - y) ** 2)),
    ("σ′ taken at z: z(1 − z)", _SLOPE, lambda z, y: 2 * (_sigma(z) - y) * z * (1 - z)),
    ("derivative of tanh: 1 − σ²", _SLOPE, _each(lambda p, y: 2 * (p - y) * (1 - p**2))),
    ("σ left out of σ′", _SLOPE, _each(lambda p, y: 2 * (p - y) * (1 - p))),
    ("1 − σ left out of σ′", _SLOPE, _each(lambda p, y: 2 * (p - y) * p)),
    ("σ′ squared", _SLOPE, _each(lambda p, y: _mse(p, y) * p * (1 - p))),
    ("no sigmoid: 2(z − y)", _PREDICTION, lambda z, y: 2 * (z - y)),
    ("overflow in σ′ = exp(−z) / (1 + exp(−z))²", "Compute σ stably, once, and write σ′ = σ(1 − σ).",
     lambda z, y: 2 * (_sigma(z) - y) * np.exp(-z) / (1 + np.exp(-z)) ** 2),
)  # fmt: skip

_SIGMOID_CE_MISTAKES = _named(
    ("factor 2", "The 2 belongs to squared error.", _each(lambda p, y: 2 * (p - y))),
    ("σ′ kept", "σ′ cancels against the derivative of the log: σ − y is left.", _each(lambda p, y: (p - y) * p * (1 - p))),
    ("squared error's gradient", "2(σ − y)·σ(1 − σ) belongs to squared error; here σ − y is left.", _each(_mse)),
    *_shared(_ce),
    ("samples with y = 0 left out", "Both classes have a loss: −log σ for y = 1, −log(1 − σ) for y = 0.",
     _each(lambda p, y: y * (p - 1))),
    ("factor 2, and divided by N", _ONE_EACH, _each(lambda p, y: 2 * (p - y) / len(y))),
    ("gradient with respect to σ", _TO_Z, _each(lambda p, y: (p - y) / (p * (1 - p)))),
    ("gradient with respect to σ, by cases", _TO_Z, _each(_by_cases)),
    ("σ′ divided out and multiplied back", _TIMES, _each(lambda p, y: (p - y) / (p * (1 - p)) * (p * (1 - p)))),
    ("σ′ divided out and multiplied back, by cases", _TIMES, _each(lambda p, y: _by_cases(p, y) * (p * (1 - p)))),
    ("σ′ divided out with an eps and multiplied back", _TIMES,
     _each(lambda p, y: ((1 - y) / (1 - p + 1e-12) - y / (p + 1e-12)) * p * (1 - p))),
    ("loss in place of its gradient", "Return d/dz, not the loss.", lambda z, y: np.logaddexp(0, z) - y * z),
    ("no sigmoid: z − y", _PREDICTION, lambda z, y: z - y),
    ("softmax over the batch", _PREDICTION, lambda z, y: _stable(z[None])[0] - y),
    ("hard decision in place of σ", "Use the probability, not whether it exceeds 1/2.", _each(lambda p, y: (p > 0.5) - y)),
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


def _mse_tanh(z, y):
    t = np.tanh(z / 2)
    return (0.5 + 0.5 * t - y) * 0.5 * (1 - t) * (1 + t)


def _mse_by_error(z, y):
    sign = 1 - 2 * y
    e = _sigma(sign * z)  # |σ − y|
    return sign * 2 * e**2 * (1 - e)


def _ce_by_error(z, y):
    sign = 1 - 2 * y
    return sign * _sigma(sign * z)


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

_SIGMOID_CASES = (
    Case("one sample of each class", lambda rng: _samples([-1, 2], [1, 0])),
    Case("undecided: z = 0", lambda rng: _samples([0, 0, 0], [0, 1, 1])),
    Case("a single sample", lambda rng: _samples([-0.7], [1])),
    Case("twelve samples", lambda rng: _samples(rng.normal(0, 3, 12), [0, 1] * 6)),
    Case("very wrong and very right", lambda rng: _samples([-8, -8, 8, 8, -20, -20, 20, 20], [1, 0] * 4)),
    Case("z of ±1e4 and ±1e300", lambda rng: _samples([1e4, -1e4, 1e4, -1e4, 1e300, -1e300, 1e300, -1e300], [1, 0, 0, 1] * 2)),
)  # fmt: skip

SIGMOID_MSE = Exercise(
    name="sigmoid_mse_grad",
    returns=("grad",),
    oracle=_mse_oracle,
    cases=_SIGMOID_CASES,
    mistakes=_MSE_MISTAKES,
    accepts=(_by_sign(_mse), _with_warnings(_mse), _mse_tanh, _mse_by_error, lambda z, y: _mse_oracle(z.copy(), y.copy())),
    verified="equal to autograd through torch's sigmoid and the squared error, finite up to z = ±1e300",
)  # fmt: skip

SIGMOID_CE = Exercise(
    name="sigmoid_ce_grad",
    returns=("grad",),
    oracle=_ce_oracle,
    cases=_SIGMOID_CASES,
    mistakes=_SIGMOID_CE_MISTAKES,
    accepts=(_by_sign(_ce), _with_warnings(_ce), _ce_by_error, lambda z, y: _ce_oracle(z.copy(), y.copy())),
    verified="equal to autograd through torch's binary_cross_entropy_with_logits, finite up to z = ±1e300",
)

QUESTION = Question(chapter=4, minutes=48, exercises=(SOFTMAX, CROSS_ENTROPY, SIGMOID_MSE, SIGMOID_CE))
