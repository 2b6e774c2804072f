"""32 · Cross-entropy against squared error. Oracle: torch's softmax, cross_entropy, sigmoid and losses by autograd."""

import math

import numpy as np

from utils.spec import Case, Exercise, Mistake, Question

# ---- oracles ----------------------------------------------------------------------------------------------------


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
    """d/dz of a loss that torch sums over the samples: one gradient for each."""

    def oracle(z, y):
        import torch

        z, y = torch.from_numpy(z).requires_grad_(), torch.from_numpy(y)
        loss(torch, z, y).backward()
        return z.grad.numpy()

    return oracle


_mse_oracle = _autograd(lambda torch, z, y: torch.nn.functional.mse_loss(torch.sigmoid(z), y, reduction="sum"))
_bce_oracle = _autograd(
    lambda torch, z, y: torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum")
)

# ---- parts that the wrong answers exchange ----------------------------------------------------------------------


def _rows(fold, z):
    return fold(z, axis=1, keepdims=True)


def _share(e):
    return e / _rows(np.sum, e)


def _stable(z, axis=1):
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _naive(z):
    return _share(np.exp(z))


def _global_shift(z):
    return _naive(z - z.max())


def _log_stable(z):
    z = z - _rows(np.max, z)
    return z - np.log(_rows(np.sum, np.exp(z)))


def _math_exp(z):
    rows = [[math.exp(v) for v in row] for row in z]
    return np.array([[v / sum(row) for v in row] for row in rows])


def _onehot(z, y):
    return np.eye(z.shape[1])[y]


def _at(scores, y):
    return scores[np.arange(len(y)), y]


def _named(table):
    return tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in table.items())


# ---- softmax ----------------------------------------------------------------------------------------------------

_SHIFT = "Subtract each row's largest logit before exp: no exponent is positive then, and one of them is exp(0) = 1."
_ROW_MAX = "Shift each row by its own maximum, max(axis=1, keepdims=True); only that leaves every row with one exp(0) = 1."
_KEEP = "Row sums and maxima need shape (N, 1) to meet (N, K): axis=1, keepdims=True. With N = K no error warns you."
_CLASSES = "The K probabilities of one sample sum to 1: reduce over the classes, axis=1."

_SOFTMAX_MISTAKES = _named({
    "overflow at large logits": (_SHIFT, _naive),
    "overflow at large logits (math.exp raises)": (_SHIFT, _math_exp),
    "overflow at large logits (log of an infinite sum)": (
        _SHIFT, lambda z: np.exp(z - np.log(_rows(np.sum, np.exp(z))))),
    "overflow at large logits, with eps in the sum": (
        _SHIFT, lambda z: np.exp(z) / (_rows(np.sum, np.exp(z)) + 1e-12)),
    "overflow covered up by nan_to_num": (_SHIFT, lambda z: np.nan_to_num(_naive(z))),
    "logits clipped": (
        "Clipping makes different logits equal: exp(10000) and exp(9999) stand 1 : 0.37. Subtract the row's maximum.",
        lambda z: _naive(np.clip(z, -500, 500))),
    "one maximum for the whole batch": (_ROW_MAX, _global_shift),
    "maximum over the samples (axis 0)": (_ROW_MAX, lambda z: _naive(z - z.max(axis=0))),
    "mean subtracted, not the maximum": (_ROW_MAX, lambda z: _naive(z - _rows(np.mean, z))),
    "largest |logit| subtracted": (_ROW_MAX, lambda z: _naive(z - _rows(np.max, np.abs(z)))),
    "divided by the maximum": (
        "Subtract the maximum: a common shift cancels in the ratio, a common factor does not.",
        lambda z: _naive(z / _rows(np.max, z))),
    "softmax over the samples (axis 0)": (_CLASSES, lambda z: _stable(z, axis=0)),
    "softmax over the samples (axis 0), and overflow": (_CLASSES, lambda z: np.exp(z) / np.exp(z).sum(axis=0)),
    "softmax over the whole array": (_CLASSES, lambda z: _stable(z, axis=None)),
    "softmax over the whole array, and overflow": (_CLASSES, lambda z: np.exp(z) / np.exp(z).sum()),
    "one sum for all rows": (_CLASSES, lambda z: np.exp(z - _rows(np.max, z)) / np.exp(z - _rows(np.max, z)).sum()),
    "row sums without keepdims": (
        _KEEP, lambda z: np.exp(z - _rows(np.max, z)) / np.exp(z - _rows(np.max, z)).sum(axis=1)),
    "row sums without keepdims, and overflow": (_KEEP, lambda z: np.exp(z) / np.exp(z).sum(axis=1)),
    "row maxima without keepdims": (_KEEP, lambda z: _naive(z - z.max(axis=1))),
    "neither maxima nor sums with keepdims": (
        _KEEP, lambda z: np.exp(z - z.max(axis=1)) / np.exp(z - z.max(axis=1)).sum(axis=1)),
    "exponentials not normalised": (
        "Divide by the row's sum of exponentials.", lambda z: np.exp(z - _rows(np.max, z))),
    "exponentials not normalised, and overflow": ("Shift by the row's maximum and divide by the row's sum.", np.exp),
    "log-softmax returned": ("Return the probabilities, not their logarithms.", _log_stable),
    "normalised without exp": ("Take exp first: logits may be negative, probabilities may not.", _share),
    "sigmoid of each logit": (
        "Sigmoids are independent and do not sum to 1; softmax divides by the sum over the classes.",
        lambda z: _sigma(z)),
    "sign of the logits (softmin)": ("The largest logit gets the largest probability: exp(+z).", lambda z: _stable(-z)),
    "base 2 in place of e": ("The base is e: np.exp, not 2 ** z.", lambda z: _stable(z * np.log(2))),
    "divided by the Euclidean norm": (
        "Divide by the sum of the exponentials, not by the root of the sum of their squares.",
        lambda z: _stable(z) / np.sqrt(_rows(np.sum, _stable(z) ** 2))),
    "argmax in place of softmax": (
        "Softmax is smooth: every class keeps a share exp(z) / Σ exp(z).", lambda z: _onehot(z, z.argmax(axis=1))),
})  # fmt: skip


def _softmax_loops(logits):
    out = []
    for row in logits.tolist():
        top = max(row)
        weights = [math.exp(value - top) for value in row]
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


def _loss(z, y):
    return -_at(_log_stable(z), y).mean()


def _grad(z, y, softmax=_stable):
    return (softmax(z) - _onehot(z, y)) / len(y)


def _pair(loss=_loss, grad=_grad):
    return lambda z, y: (loss(z, y), grad(z, y))


def _via(softmax, logs=np.log, size=lambda z, y: 1.0):
    """Everything from one array of probabilities: −log p for the loss, p − onehot for the gradient (times `size`)."""
    return _pair(lambda z, y: -logs(_at(softmax(z), y)).mean(), lambda z, y: _grad(z, y, softmax) * size(z, y))


def _n(z, y):
    return len(y)


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
    e = 2 * (p - _onehot(z, y))
    return (e**2 / 4).sum(axis=1).mean(), p * (e - _rows(np.sum, e * p)) / len(y)


_LOG0 = "Never take the log of a probability that may have underflowed to 0: log p = (z − max) − log Σ exp(z − max)."
_INTS = "labels (N,) are integers: pick with p[np.arange(N), labels], or make them one-hot yourself, np.eye(K)[labels]."
_EPS = "An eps or a clip caps the loss at −log(eps): a sample wrong by 20000 must cost 20000. Compute log p from the logits."
_BY_N = "The loss is a mean over N samples, so its gradient is (p − onehot) / N."
_MEAN = "Loss and gradient belong to the mean over the N samples: divide by N, no more, no less."
_CHAIN = "The gradient is asked for with respect to the logits: multiplied by softmax's Jacobian it becomes (p − onehot) / N."

_CE_MISTAKES = _named({
    "overflow at large logits": (_SHIFT, _via(_naive)),
    "overflow at large logits (log of an infinite sum)": (
        _SHIFT, _pair(_naive_lse, lambda z, y: _grad(z, y, _naive))),
    "overflow at large logits, in the loss only": (_SHIFT, _pair(_naive_lse)),
    "overflow at large logits (math.exp raises)": (_SHIFT, _pair(_math_lse)),
    "log(0)": (_LOG0, _via(_stable)),
    "log(0) times 0": (
        "0 · log(0) is NaN: do not multiply the labels with the log of an underflowed softmax. " + _LOG0,
        _pair(lambda z, y: -(_onehot(z, y) * np.log(_stable(z))).sum(axis=1).mean())),
    "gradient not divided by N": (_BY_N, _pair(grad=lambda z, y: _grad(z, y) * len(y))),
    "gradient not divided by N, and log(0)": (_BY_N, _via(_stable, size=_n)),
    "gradient not divided by N, and overflow": (_BY_N, _via(_naive, size=_n)),
    "labels one-hot only": (_INTS, _onehot_given),
    "labels one-hot only (argmax over them)": (_INTS, lambda z, y: _pair()(z, y.argmax(axis=1))),
    "labels one-hot only (shape[1])": (_INTS, lambda z, y: (y.shape[1], z)),
    "labels one-hot only (shape unpacked)": (_INTS, _shape_unpacked),
    "one-hot with labels.max() + 1 columns": (
        "A batch need not contain the last class: the number of classes is logits.shape[1].", _as_many_columns_as_seen),
    "labels counted from 1": ("Classes count from 0: labels index the columns as they are.",
                              lambda z, y: _pair()(z, y - 1)),
    "[:, labels] in place of [np.arange(N), labels]": (
        "[:, labels] takes every sample's label in every row; pair rows with labels: [np.arange(N), labels].",
        _every_label),
    "loss summed over the batch": (_MEAN, _pair(lambda z, y: _loss(z, y) * len(y))),
    "loss and gradient summed over the batch": (
        _MEAN, _pair(lambda z, y: _loss(z, y) * len(y), lambda z, y: _grad(z, y) * len(y))),
    "loss averaged over N·K entries": (_MEAN, _pair(lambda z, y: _loss(z, y) / z.shape[1])),
    "gradient divided by N·K": (_MEAN, _pair(grad=lambda z, y: _grad(z, y) / z.shape[1])),
    "loss and gradient divided by N·K": (
        _MEAN, _pair(lambda z, y: _loss(z, y) / z.shape[1], lambda z, y: _grad(z, y) / z.shape[1])),
    "gradient divided by K": (_MEAN, _pair(grad=lambda z, y: _grad(z, y) * len(y) / z.shape[1])),
    "gradient divided by N twice": (_MEAN, _pair(grad=lambda z, y: _grad(z, y) / len(y))),
    "one loss for each sample": (_MEAN, _pair(lambda z, y: -_at(_log_stable(z), y))),
    "sign of the gradient": ("It is p − onehot: the label's own logit has the negative entry.",
                             _pair(grad=lambda z, y: -_grad(z, y))),
    "minus of the loss forgotten": ("The loss is −log p, never negative.", _pair(lambda z, y: -_loss(z, y))),
    "log-likelihood and its gradient": ("Minimise the negative log-likelihood: both signs turn round.",
                                        _pair(lambda z, y: -_loss(z, y), lambda z, y: -_grad(z, y))),
    "gradient with respect to the probabilities": (_CHAIN, _pair(grad=_by_probability)),
    "gradient with respect to the probabilities, and log(0)": (
        _CHAIN, _pair(lambda z, y: -np.log(_at(_stable(z), y)).mean(), _by_probability)),
    "gradient times p(1 − p)": (
        "Softmax's derivative has cancelled already: the gradient is (p − onehot) / N without another factor.",
        _pair(grad=lambda z, y: _grad(z, y) * _stable(z) * (1 - _stable(z)))),
    "1 not subtracted at the label": ("The gradient is p − onehot, not p.", _pair(grad=lambda z, y: _stable(z) / len(y))),
    "gradient at the label's logit only": (
        "Every logit has a gradient, because softmax ties them together: p − onehot in all K columns.",
        _pair(grad=lambda z, y: _grad(z, y) * _onehot(z, y))),
    "argmax in the gradient": (
        "The gradient needs the probabilities, not the predicted class.",
        _pair(grad=lambda z, y: _grad(z, y, lambda z: _onehot(z, z.argmax(axis=1))))),
    "predicted class in place of the label": ("The loss is −log p of the label, not of the largest probability.",
                                              lambda z, y: _pair()(z, z.argmax(axis=1))),
    "loss of the predicted class": ("The loss is −log p of the label, not of the largest probability.",
                                    _pair(lambda z, y: _loss(z, z.argmax(axis=1)))),
    "entropy of the prediction": ("−Σ p log p ignores the labels; cross-entropy has them in p's first place.",
                                  _pair(lambda z, y: -(_stable(z) * _log_stable(z)).sum(axis=1).mean())),
    "logits in place of log-probabilities": ("The loss is logsumexp(z) − z[label]; the first term was left out.",
                                             _pair(lambda z, y: -_at(z, y).mean())),
    "softmax twice": ("logits go into one softmax only.", lambda z, y: _pair()(_stable(z), y)),
    "softmax over the samples (axis 0)": (
        _CLASSES, _pair(lambda z, y: -_at(_log_stable(z.T).T, y).mean(),
                        lambda z, y: _grad(z, y, lambda z: _stable(z, axis=0)))),
    "softmax over the whole array": (
        _CLASSES, _pair(lambda z, y: -_at(_log_stable(z.reshape(1, -1)).reshape(z.shape), y).mean(),
                        lambda z, y: _grad(z, y, lambda z: _stable(z, axis=None)))),
    "one maximum for the whole batch": (_ROW_MAX, _via(_global_shift)),
    "sigmoids in place of softmax": (
        "One label per image: softmax over the classes. Sigmoids with binary cross-entropy are for several labels.",
        _pair(lambda z, y: (np.logaddexp(0, z) - z * _onehot(z, y)).sum(axis=1).mean(),
              lambda z, y: _grad(z, y, lambda z: _sigma(z)))),
    "squared error": ("Asked for is −log p of the label, not Σ (p − onehot)².", _squared_error),
    "base-2 logarithm": ("Use the natural logarithm, or the gradient does not belong to the loss.",
                         _pair(lambda z, y: _loss(z, y) / np.log(2))),
    "gradient before loss": ("Return (loss, grad) in this order.", lambda z, y: _pair()(z, y)[::-1]),
    "logits clipped": (_EPS, lambda z, y: _pair()(np.clip(z, -500, 500), y)),
    **{f"log of p kept above {eps:g}": (_EPS, _via(_stable, logs=lambda p, eps=eps: np.log(np.maximum(p, eps))))
       for eps in (1e-12, 1e-15, 1e-10, 1e-9, 1e-8, 1e-7)},
})  # fmt: skip


def _ce_loops(logits, labels):
    n, total, grad = len(labels), 0.0, []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        top = max(row)
        log_sum = top + math.log(sum(math.exp(value - top) for value in row))
        total += log_sum - row[label]
        grad.append([(math.exp(value - log_sum) - (k == label)) / n for k, value in enumerate(row)])
    return total / n, grad


def _ce_one_hot(logits, labels):
    t = (labels[:, None] == np.arange(logits.shape[1])).astype(float)
    logp = _log_stable(logits)
    return -np.einsum("nk,nk->", t, logp) / len(t), np.einsum("nk,n->nk", np.exp(logp) - t, np.full(len(t), 1 / len(t)))


def _ce_margins(logits, labels):
    margins = logits - np.take_along_axis(logits, labels[:, None], axis=1)
    grad = _softmax_pairwise(logits)
    np.subtract.at(grad, (range(len(labels)), labels), 1)
    return np.logaddexp.reduce(margins, axis=1).mean(), grad / len(labels)


# ---- the two gradients through a sigmoid ------------------------------------------------------------------------


def _sigma(z):
    return np.exp(-np.logaddexp(0, -z))


def _math_sigma(z):
    return np.array([1 / (1 + math.exp(-v)) for v in z])


def _each(formula, sigma=_sigma):
    return lambda z, y: formula(sigma(z), y)


def _mse(p, y):
    return 2 * (p - y) * p * (1 - p)


def _ce(p, y):
    return p - y


_SIGMA = "Let no exponent be positive: 1 / (1 + exp(−z)) for z ≥ 0 and exp(z) / (1 + exp(z)) for z < 0."
_TIMES = "Multiply the chain out on paper first: the σ(1 − σ) below cancels the one above, and 0/0 never arises."
_ONE_EACH = "Return one gradient for each sample, (N,): neither averaged, summed nor divided by N."


def _shared(right):
    """The slips that both sigmoid gradients invite."""
    return {
        "divided by N": (_ONE_EACH, _each(lambda p, y: right(p, y) / len(y))),
        "averaged to one number": (_ONE_EACH, _each(lambda p, y: right(p, y).mean())),
        "summed to one number": (_ONE_EACH, _each(lambda p, y: right(p, y).sum())),
        "sign of the gradient": ("It is σ − y: a prediction above its label has a positive gradient.",
                                 _each(lambda p, y: -right(p, y))),
        "sign of the error lost": ("σ − y keeps its sign; a gradient must say which way.",
                                   _each(lambda p, y: np.abs(right(p, y)))),
        "sign in the sigmoid's exponent": ("σ(z) = 1 / (1 + exp(−z)) grows with z.", lambda z, y: right(_sigma(-z), y)),
        "sigmoid twice": ("z goes through one sigmoid only.", _each(right, lambda z: _sigma(_sigma(z)))),
        "tanh in place of the sigmoid": ("σ(z) = 1 / (1 + exp(−z)), with values in (0, 1).", _each(right, np.tanh)),
        "y taken for ±1": ("y is 0.0 or 1.0 already: use it as it is.", _each(lambda p, y: right(p, (y + 1) / 2))),
        "overflow at large z: exp(z) / (1 + exp(z))": (_SIGMA, _each(right, lambda z: np.exp(z) / (1 + np.exp(z)))),
        "overflow at large z (math.exp raises)": (_SIGMA, _each(right, _math_sigma)),
    }  # fmt: skip


_MSE_MISTAKES = _named({
    "factor 2 lost": ("The loss is (σ − y)² without 1/2, so the 2 stays.", _each(lambda p, y: _mse(p, y) / 2)),
    "σ′ forgotten": ("z acts through the sigmoid: the chain rule brings in σ′ = σ(1 − σ).", _each(lambda p, y: 2 * (p - y))),
    "cross-entropy's gradient": ("σ − y alone belongs to cross-entropy; here it is 2(σ − y)·σ(1 − σ).", _each(_ce)),
    "factor 2 lost, and divided by N": ("It is 2(σ − y)·σ(1 − σ) for each sample, not divided by N.",
                                        _each(lambda p, y: _mse(p, y) / 2 / len(y))),
    **_shared(_mse),
    "loss in place of its gradient": ("Return d/dz of (σ − y)², not (σ − y)² itself.", _each(lambda p, y: (p - y) ** 2)),
    "σ′ taken at z: z(1 − z)": ("σ′ = σ(1 − σ) with σ = σ(z), not with z itself.",
                                lambda z, y: 2 * (_sigma(z) - y) * z * (1 - z)),
    "derivative of tanh: 1 − σ²": ("σ′ = σ(1 − σ); 1 − a² is tanh's.", _each(lambda p, y: 2 * (p - y) * (1 - p**2))),
    "σ left out of σ′": ("σ′ = σ(1 − σ) has two factors.", _each(lambda p, y: 2 * (p - y) * (1 - p))),
    "1 − σ left out of σ′": ("σ′ = σ(1 − σ) has two factors.", _each(lambda p, y: 2 * (p - y) * p)),
    "σ′ squared": ("The chain rule brings σ′ in once.", _each(lambda p, y: _mse(p, y) * p * (1 - p))),
    "no sigmoid: 2(z − y)": ("The prediction is σ(z), not z.", lambda z, y: 2 * (z - y)),
    "overflow in σ′: exp(−z) / (1 + exp(−z))²": (
        "Compute σ once, stably, and write σ′ = σ(1 − σ): exp(−z) overflows for very negative z.",
        lambda z, y: 2 * (_sigma(z) - y) * np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "overflow in σ′: exp(z) / (1 + exp(z))²": (
        "Compute σ once, stably, and write σ′ = σ(1 − σ): exp(z) overflows for large z.",
        lambda z, y: 2 * (_sigma(z) - y) * np.exp(z) / (1 + np.exp(z)) ** 2),
})  # fmt: skip

_SIGMOID_CE_MISTAKES = _named({
    **_shared(_ce),
    "σ′ kept": ("σ′ cancels against the derivative of the log: σ − y is all that is left.",
                _each(lambda p, y: (p - y) * p * (1 - p))),
    "squared error's gradient": ("2(σ − y)·σ(1 − σ) belongs to squared error; cross-entropy leaves σ − y.", _each(_mse)),
    "factor 2": ("The 2 belongs to squared error.", _each(lambda p, y: 2 * (p - y))),
    "σ′ divided out and multiplied back": (_TIMES, _each(lambda p, y: (p - y) / (p * (1 - p)) * (p * (1 - p)))),
    "σ′ divided out and multiplied back, by cases": (
        _TIMES, _each(lambda p, y: np.where(y == 1, -1 / p, 1 / (1 - p)) * (p * (1 - p)))),
    "gradient with respect to σ": ("Multiply by σ′ = σ(1 − σ): the gradient asked for is with respect to z.",
                                   _each(lambda p, y: (p - y) / (p * (1 - p)))),
    "gradient with respect to σ, by cases": (
        "Multiply by σ′ = σ(1 − σ): the gradient asked for is with respect to z.",
        _each(lambda p, y: np.where(y == 1, -1 / p, 1 / (1 - p)))),
    "samples with y = 0 left out": ("Both classes have a loss: −log σ for y = 1 and −log(1 − σ) for y = 0.",
                                    _each(lambda p, y: y * (p - 1))),
    "loss in place of its gradient": ("Return d/dz, not the loss itself.", lambda z, y: np.logaddexp(0, z) - y * z),
    "no sigmoid: z − y": ("The prediction is σ(z), not z.", lambda z, y: z - y),
    "hard decision in place of σ": ("Use the probability itself, not whether it exceeds 1/2.",
                                    _each(lambda p, y: (p > 0.5) - y)),
    "softmax over the batch": ("The samples are independent: each z has its own sigmoid.",
                               lambda z, y: _stable(z[None])[0] - y),
})  # fmt: skip


def _by_sign(formula):
    """Loops, with the exponent kept negative."""

    def right(z, y):
        ps = [1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v)) for v in z.tolist()]
        return [formula(p, t) for p, t in zip(ps, y.tolist(), strict=True)]

    return right


def _with_warnings(formula):
    """1/(1 + inf) is 0, which is right: a warning is no error."""
    return _each(formula, lambda z: 1 / (1 + np.exp(-z)))


def _mse_tanh(z, y):
    t = np.tanh(z / 2)
    return (0.5 + 0.5 * t - y) * 0.5 * (1 - t) * (1 + t)


def _mse_symmetric(z, y):
    """One formula for both classes, in the error e of the signed margin: ∓2e²(1 − e)."""
    e = _sigma(np.where(y == 1, -z, z))
    return np.where(y == 1, -1, 1) * 2 * e**2 * (1 - e)


def _ce_margin(z, y):
    sign = 1 - 2 * y
    return sign * _sigma(sign * z)


# ---- the cases --------------------------------------------------------------------------------------------------


def _random(rng, n, k, labels=False, scale=1.5):
    made = dict(logits=rng.normal(0.5, scale, (n, k)))
    return made | dict(labels=rng.integers(0, k, n)) if labels else made


def _like(rows, *labels):
    return dict(logits=np.array(rows, dtype=float), **(dict(labels=np.array(labels)) if labels else {}))


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
    accepts=(
        _softmax_loops, _softmax_pairwise, _softmax_logaddexp, _softmax_in_place,
        lambda logits: _softmax_oracle(logits.copy()),
    ),
    verified="equal to torch's softmax in float64, ties and logits of ±1e4 included; inputs untouched",
)  # fmt: skip

CROSS_ENTROPY = Exercise(
    name="cross_entropy",
    returns=("loss", "grad"),
    oracle=_cross_entropy_oracle,
    cases=(
        Case("two samples, three classes", lambda rng: _like(_TINY, 2, 1)),
        Case("exact ties", lambda rng: _like(_TIES, 3, 0)),
        Case("a single sample", lambda rng: _random(rng, 1, 4) | dict(labels=np.array([2]))),
        Case("as many samples as classes", lambda rng: _random(rng, 4, 4) | dict(labels=np.array([1, 3, 0, 1]))),
        Case("the last class does not occur",
             lambda rng: _random(rng, 6, 5) | dict(labels=np.array([3, 0, 1, 1, 2, 3]))),
        Case("32 samples, ten classes", lambda rng: _random(rng, 32, 10, labels=True)),
        Case("logits of ±1e4, one sample right, one wrong", lambda rng: _like(_HUGE, 0, 1)),
        Case("rows on levels 1e4, −1e4 and 0", lambda rng: _like(_LEVELS, 0, 2, 1, 2)),
    ),
    mistakes=_CE_MISTAKES,
    accepts=(_ce_loops, _ce_one_hot, _ce_margins, lambda z, y: _cross_entropy_oracle(z.copy(), y.copy())),
    verified="loss and gradient equal to torch's cross_entropy and autograd in float64; a loss of 20000 where it must be",
)  # fmt: skip


def _pairs(z, y):
    return dict(z=np.array(z, dtype=float), y=np.array(y, dtype=float))


_SIGMOID_CASES = (
    Case("one sample of each class", lambda rng: _pairs([-1, 2], [1, 0])),
    Case("undecided: z = 0", lambda rng: _pairs([0, 0, 0], [0, 1, 1])),
    Case("a single sample", lambda rng: _pairs([-0.7], [1])),
    Case("twelve samples", lambda rng: dict(z=rng.normal(0, 3, 12), y=np.array([0.0, 1.0] * 6))),
    Case("very wrong and very right", lambda rng: _pairs([-8, -8, 8, 8, -30, -30, 30, 30], [1, 0, 1, 0] * 2)),
    Case("z of ±1e4 and ±1e300",
         lambda rng: _pairs([1e4, -1e4, 1e4, -1e4, 1e300, -1e300, 1e300, -1e300], [1, 0, 0, 1] * 2)),
)  # fmt: skip

SIGMOID_MSE = Exercise(
    name="sigmoid_mse_grad",
    returns=("grad",),
    oracle=_mse_oracle,
    cases=_SIGMOID_CASES,
    mistakes=_MSE_MISTAKES,
    accepts=(
        _by_sign(_mse), _with_warnings(_mse), _mse_tanh, _mse_symmetric, lambda z, y: _mse_oracle(z.copy(), y.copy()),
    ),
    verified="equal to torch's autograd through sigmoid and squared error, finite up to z = ±1e300",
)  # fmt: skip

SIGMOID_CE = Exercise(
    name="sigmoid_ce_grad",
    returns=("grad",),
    oracle=_bce_oracle,
    cases=_SIGMOID_CASES,
    mistakes=_SIGMOID_CE_MISTAKES,
    accepts=(_by_sign(_ce), _with_warnings(_ce), _ce_margin, lambda z, y: _bce_oracle(z.copy(), y.copy())),
    verified="equal to torch's autograd through binary_cross_entropy_with_logits, finite up to z = ±1e300",
)

QUESTION = Question(chapter=4, minutes=45, exercises=(SOFTMAX, CROSS_ENTROPY, SIGMOID_MSE, SIGMOID_CE))
