"""33 · Several labels: binary cross-entropy with logits. Oracle: torch's, with autograd in float64."""

import math
from itertools import product

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle(logits, targets, pos_weight=None):
    import torch

    z, y = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(targets)
    weight = None if pos_weight is None else torch.from_numpy(pos_weight)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y, pos_weight=weight)
    loss.backward()
    return loss.item(), z.grad.numpy()


# ---- parts: the loss and the gradient of every entry, from logits z, targets y and weights w ---------------------


def _softplus(z):
    return np.logaddexp(0, z)


def _sigma(z):
    return np.exp(-np.logaddexp(0, -z))


def _loss(z, y, w):
    return w * y * _softplus(-z) + (1 - y) * _softplus(z)


def _grad(z, y, w):
    return (1 - y) * _sigma(z) - w * y * _sigma(-z)


def _of_p(p, y, w, log=np.log):
    """The textbook's formula, from probabilities."""
    return -(w * y * log(p) + (1 - y) * log(1 - p))


def _naive(z, y, w):
    return _of_p(1 / (1 + np.exp(-z)), y, w)


def _make(loss=_loss, grad=_grad, total=np.mean, share=lambda v: v / v.size):
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(logits, targets, pos_weight=None):
        w = 1.0 if pos_weight is None else pos_weight
        return total(loss(logits, targets, w)), share(grad(logits, targets, w))

    return wrong


def _on(change):
    """The right formulas on changed arguments."""
    return _make(lambda *given: _loss(*change(*given)), lambda *given: _grad(*change(*given)))


def _log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _softmax(z):
    return np.exp(_log_softmax(z))


def _softmax_grad(z, y, w):
    p = _softmax(z)
    return (1 - y) * p - w * y * (1 - p)


def _softmax_autograd(z, y, w):
    t = w * y
    return _softmax(z) * t.sum(axis=1, keepdims=True) - t


def _weighted_mean(logits, targets, pos_weight=None):
    w = 1.0 if pos_weight is None else pos_weight
    total = np.sum((1 + (w - 1) * targets) * np.ones_like(logits))
    return _loss(logits, targets, w).sum() / total, _grad(logits, targets, w) / total


def _ratio_sigma(z):
    return np.exp(z) / (1 + np.exp(z))


_LOG = "Never take log σ(z): σ underflows to 0 or rounds to 1. Use max(z, 0) − z·y + log1p(exp(−|z|))."
_CAP = "A floor under p caps the loss of a confident mistake, which is |z| itself: 10000 here. Take it from the logits."
_SOFT = "Softmax makes the labels compete for a sum of 1. Several labels: one sigmoid for each."
_NK = "The mean runs over all N·K entries, as in torch: divide loss and gradient by logits.size."
_GRAD_NK = "The loss is divided by N·K, so its gradient is too: (σ(z) − y) / logits.size without weights."
_POS = "pos_weight multiplies only the term of the positives, w·y·(−log σ); the term with (1 − y) stays as it is."
_POS_GRAD = "With pos_weight the gradient of an entry is (1 − y)·σ − w·y·(1 − σ): the derivative of the weighted loss."
_POS_SOFT = "A soft target has both terms: the weight belongs on the one with y, not on the sum of the two."
_CHAIN = "The question asks for the derivative with respect to the logits: σ(1 − σ) has cancelled already, and σ − y is left."
_SIGN = "The loss is a negative log-likelihood, its gradient (σ − y) / (N·K): negative where the target is 1."
_TARGETS = "Targets are floats in [0, 1] and enter as they are: y weights log σ, 1 − y weights log(1 − σ)."
_FORM = "With p = pos_weight an entry is (1 − y)·z + (1 + (p − 1)·y)·(log1p(exp(−|z|)) + max(−z, 0))."
_NONE = "Without pos_weight every weight is 1: ask `pos_weight is None` first."

_FLAWS = {  # parts to exchange, for stable answers and for unstable ones
    "mean over the batch only (divided by N)": (_NK, dict(total=lambda v: v.sum() / len(v), share=lambda v: v / len(v))),
    "loss and gradient summed": (_NK, dict(total=np.sum, share=lambda v: v)),
    "loss summed": (_NK, dict(total=np.sum)),
    "loss divided by N only": (_NK, dict(total=lambda v: v.sum() / len(v))),
    "gradient not divided by N·K": (_GRAD_NK, dict(share=lambda v: v)),
    "pos_weight on the negatives": (_POS, dict(
        loss=lambda z, y, w: y * _softplus(-z) + w * (1 - y) * _softplus(z),
        grad=lambda z, y, w: w * (1 - y) * _sigma(z) - y * _sigma(-z))),
    "pos_weight on both terms": (_POS, dict(
        loss=lambda z, y, w: w * _loss(z, y, 1), grad=lambda z, y, w: w * _grad(z, y, 1))),
    "pos_weight forgotten in the gradient": (_POS_GRAD, dict(grad=lambda z, y, w: _grad(z, y, 1))),
    "sign of the gradient": (_SIGN, dict(grad=lambda z, y, w: -_grad(z, y, w))),
    "gradient with respect to the probabilities": (_CHAIN, dict(
        grad=lambda z, y, w: -w * y / _sigma(z) + (1 - y) / (1 - _sigma(z)))),
}  # fmt: skip
_UNSTABLE = {
    "pos_weight on the negatives": lambda z, y, w: -(y * np.log(_sigma(z)) + w * (1 - y) * np.log(1 - _sigma(z))),
    "pos_weight on both terms": lambda z, y, w: w * _naive(z, y, 1),
}  # fmt: skip

_OTHERS = {
    "unstable log(σ)": (_LOG, dict(loss=_naive)),
    "unstable log(1 + exp(z))": (_LOG, dict(
        loss=lambda z, y, w: (1 + (w - 1) * y) * np.log(1 + np.exp(z)) - w * y * z)),
    "unstable: exp(z) / (1 + exp(z))": (_LOG, dict(
        loss=lambda z, y, w: _of_p(_ratio_sigma(z), y, w),
        grad=lambda z, y, w: (1 - y) * _ratio_sigma(z) - w * y * (1 - _ratio_sigma(z)))),
    "unstable: math.exp raises": (_LOG, dict(
        loss=lambda z, y, w: _of_p(np.vectorize(lambda v: 1 / (1 + math.exp(-v)))(z), y, w))),
    "|z| without its bars": (_LOG, dict(loss=lambda z, y, w: (
        (1 - y) * z + (1 + (w - 1) * y) * (np.log1p(np.exp(-z)) + np.maximum(-z, 0))))),
    "max(−z, 0) forgotten": (_FORM, dict(loss=lambda z, y, w: (
        (1 - y) * z + (1 + (w - 1) * y) * np.log1p(np.exp(-np.abs(z)))))),
    **{f"probabilities kept above {eps:g}": (_CAP, dict(
        loss=lambda z, y, w, eps=eps: _of_p(np.clip(_sigma(z), eps, 1 - eps), y, w))) for eps in (1e-7, 1e-8, 1e-12, 1e-15)},
    "probabilities kept above 1e-07, in the gradient too": (_CAP, dict(
        loss=lambda z, y, w: _of_p(np.clip(_sigma(z), 1e-7, 1 - 1e-7), y, w),
        grad=lambda z, y, w: (1 - y) * np.clip(_sigma(z), 1e-7, 1 - 1e-7) - w * y * np.clip(_sigma(-z), 1e-7, 1 - 1e-7))),
    "logarithm cut at −100": (_CAP, dict(loss=lambda z, y, w: _of_p(_sigma(z), y, w, lambda p: np.maximum(np.log(p), -100)))),
    "logits clipped at ±500": (_CAP, dict(loss=lambda z, y, w: _loss(np.clip(z, -500, 500), y, w))),
    "softmax over labels": (_SOFT, dict(loss=lambda z, y, w: _of_p(_softmax(z), y, w), grad=_softmax_grad)),
    "softmax cross-entropy": (_SOFT, dict(
        loss=lambda z, y, w: -w * y * _log_softmax(z), grad=_softmax_grad, total=lambda v: v.sum() / len(v), share=lambda v: v / len(v))),
    "softmax cross-entropy, and log(0)": (_SOFT, dict(
        loss=lambda z, y, w: -w * y * np.log(_softmax(z)), grad=lambda z, y, w: _softmax(z) - y, total=lambda v: v.sum() / len(v), share=lambda v: v / len(v))),
    "softmax cross-entropy, its exact gradient": (_SOFT, dict(
        loss=lambda z, y, w: -w * y * _log_softmax(z), grad=_softmax_autograd, total=lambda v: v.sum() / len(v), share=lambda v: v / len(v))),
    "pos_weight ignored": (_POS, dict(loss=lambda z, y, w: _loss(z, y, 1), grad=lambda z, y, w: _grad(z, y, 1))),
    "pos_weight in the gradient only": (_POS, dict(loss=lambda z, y, w: _loss(z, y, 1))),
    "pos_weight times (σ − y)": (_POS_GRAD, dict(grad=lambda z, y, w: w * _grad(z, y, 1))),
    "weight 1 + (p − 1)·y on both terms": (_POS_SOFT, dict(
        loss=lambda z, y, w: (1 + (w - 1) * y) * _loss(z, y, 1), grad=lambda z, y, w: (1 + (w - 1) * y) * _grad(z, y, 1))),
    "(1 + (p − 1)·y)·(σ − y) as the gradient": (_POS_GRAD, dict(grad=lambda z, y, w: (1 + (w - 1) * y) * _grad(z, y, 1))),
    "pos_weight along the samples": ("pos_weight has one weight for each label: (K,) lines up with the last axis of (N, K).", dict(
        loss=lambda z, y, w: _loss(z, y, np.atleast_1d(w)[:, None]), grad=lambda z, y, w: _grad(z, y, np.atleast_1d(w)[:, None]))),
    "one loss for each label": (_NK, dict(total=lambda v: v.mean(axis=0))),
    "log-likelihood and its gradient": (_SIGN, dict(
        loss=lambda z, y, w: -_loss(z, y, w), grad=lambda z, y, w: -_grad(z, y, w))),
    "gradient times σ(1 − σ)": (_CHAIN, dict(grad=lambda z, y, w: _grad(z, y, w) * _sigma(z) * _sigma(-z))),
    "negatives forgotten": (_TARGETS, dict(
        loss=lambda z, y, w: w * y * _softplus(-z), grad=lambda z, y, w: -w * y * _sigma(-z))),
    "negatives forgotten in the loss": (_TARGETS, dict(loss=lambda z, y, w: w * y * _softplus(-z))),
    "squared error": ("The question asks for the cross-entropy: behind a sigmoid squared error hardly moves confident mistakes.", dict(
        loss=lambda z, y, w: (_sigma(z) - y) ** 2, grad=lambda z, y, w: 2 * (_sigma(z) - y) * _sigma(z) * _sigma(-z))),
    "hinge loss": ("The question asks for the cross-entropy; the hinge gives no probabilities.", dict(
        loss=lambda z, y, w: np.maximum(0, 1 - (2 * y - 1) * z), grad=lambda z, y, w: -(2 * y - 1) * ((2 * y - 1) * z < 1))),
}  # fmt: skip

_WHOLE = {
    "pos_weight=None not treated": (_NONE, lambda z, y, w=None: _make()(z, y, 1.0 * w)),
    "`if pos_weight` on an array": (_NONE, lambda z, y, w=None: _make()(z, y, w if w else None)),
    "mean weighted by pos_weight": ("torch divides by N·K whatever pos_weight is, not by the sum of the weights.", _weighted_mean),
    "gradient before loss": ("Return (loss, grad) in this order.", lambda z, y, w=None: _make()(z, y, w)[::-1]),
    "targets and logits swapped": (_TARGETS, _on(lambda z, y, w: (y, z, w))),
    "sigmoid applied twice": ("Apply the sigmoid to the logits only once.", _on(lambda z, y, w: (_sigma(z), y, w))),
    "sigmoid forgotten": ("z is a logit, not a probability.", _make(_of_p, lambda z, y, w: (1 - y) * z - w * y * (1 - z))),
    "targets rounded": (_TARGETS, _on(lambda z, y, w: (z, np.round(y), w))),
    "only targets of exactly 1 count as positive": (_TARGETS, _on(lambda z, y, w: (z, 1.0 * (y == 1), w))),
}  # fmt: skip


def _named():
    for name, (advice, parts) in {**_FLAWS, **_OTHERS}.items():
        yield Mistake(name, advice, _make(**parts))
    for name, (advice, function) in _WHOLE.items():
        yield Mistake(name, advice, function)
    for name, (advice, parts) in _FLAWS.items():
        if name not in ("loss summed", "loss divided by N only", "gradient with respect to the probabilities"):
            yield Mistake(
                f"{name}, and unstable log(σ)", advice, _make(**parts | dict(loss=_UNSTABLE.get(name, _naive)))
            )


def _stable_form(logits, targets, pos_weight=None):
    factor = 1 if pos_weight is None else 1 + (pos_weight - 1) * targets
    tail = np.log1p(np.exp(-np.abs(logits))) + np.maximum(-logits, 0)
    p = np.where(logits >= 0, 1, np.exp(-np.abs(logits))) / (1 + np.exp(-np.abs(logits)))
    return ((1 - targets) * logits + factor * tail).mean(), ((1 - targets) - factor * (1 - p)) / logits.size


def _loops(logits, targets, pos_weight=None):
    n, k = logits.shape
    total, grad = 0.0, []
    for row, aims in zip(logits.tolist(), targets.tolist(), strict=True):
        grad.append([])
        for j, (z, y) in enumerate(zip(row, aims, strict=True)):
            w, small = 1.0 if pos_weight is None else float(pos_weight[j]), math.exp(-abs(z))
            p = 1 / (1 + small) if z >= 0 else small / (1 + small)
            total += w * y * (max(-z, 0) + math.log1p(small)) + (1 - y) * (max(z, 0) + math.log1p(small))
            grad[-1].append((p * (1 - y) - w * y * (1 - p)) / (n * k))
    return total / (n * k), grad


def _by_label(logits, targets, pos_weight=None):
    w = np.ones(logits.shape[1]) if pos_weight is None else pos_weight
    losses, columns = [], []
    for z, y, weight in zip(logits.T, targets.T, w, strict=True):
        losses.append(np.mean(_loss(z, y, weight)))
        columns.append((0.5 * (1 + np.tanh(z / 2)) * (weight * y + 1 - y) - weight * y) / logits.size)
    return np.mean(losses), np.stack(columns, axis=1)


def _torch_backed(logits, targets, pos_weight=None):
    return _oracle(logits.copy(), targets.copy(), None if pos_weight is None else pos_weight.copy())


def _random(rng, n, k, soft=False, weighted=False):
    y = rng.uniform(0.05, 0.95, (n, k)) if soft else (rng.random((n, k)) < 0.4).astype(float)
    inputs = dict(logits=rng.normal(0, 2, (n, k)), targets=y)
    return inputs | dict(pos_weight=rng.uniform(0.3, 5, k)) if weighted else inputs


def _given(logits, targets, *pos_weight):
    names = ("logits", "targets", "pos_weight")
    return lambda rng: {
        name: np.array(v, dtype=float) for name, v in zip(names, (logits, targets, *pos_weight), strict=False)
    }


_BIG = [[1e4, -1e4], [1e4, -1e4], [0.5, -2.0]]

LOSS = Exercise(
    name="bce_with_logits",
    returns=("loss", "grad"),
    oracle=_oracle,
    cases=(
        Case("one sample, one label", _given([[0.5]], [[1]])),
        Case("one sample with both of its two labels", _given([[2, -1]], [[1, 1]])),
        Case("two samples, pos_weight at work", _given([[1, -2, 0.5], [-1, 3, 2]], [[1, 0, 1], [0, 1, 0]], [3, 0.5, 2])),
        Case("five samples, three labels", lambda rng: _random(rng, 5, 3)),
        Case("as many samples as labels, with pos_weight", lambda rng: _random(rng, 4, 4, weighted=True)),
        Case("soft targets", lambda rng: _random(rng, 3, 4, soft=True)),
        Case("soft targets and pos_weight", lambda rng: _random(rng, 3, 2, soft=True, weighted=True)),
        Case("all-zero targets", lambda rng: _random(rng, 4, 3, weighted=True) | dict(targets=np.zeros((4, 3)))),
        Case("one label, pos_weight 10", lambda rng: _random(rng, 6, 1) | dict(
            targets=np.array([[0.0], [0.0], [1.0], [0.0], [0.0], [0.0]]), pos_weight=np.array([10.0]))),
        Case("logits of ±10000, right and wrong", _given(_BIG, [[1, 1], [0, 0], [1, 0]])),
        Case("logits of ±10000, soft targets and pos_weight", _given(_BIG, [[0.25, 0.75], [0.9, 0.1], [1, 0]], [4, 0.5])),
    ),
    mistakes=tuple(_named()),
    accepts=(_stable_form, _loops, _by_label, _torch_backed),
    verified="equal to torch's binary_cross_entropy_with_logits and its autograd in float64, logits of ±10000 included",
)  # fmt: skip


# ---- head_for ---------------------------------------------------------------------------------------------------

_SIGMOID, _SOFTMAX = ("sigmoid", "binary cross-entropy"), ("softmax", "cross-entropy")
_HEADS = {"binary": _SIGMOID, "multiclass": _SOFTMAX, "multilabel": _SIGMOID}


def _unknown_value(task):
    raise ValueError(task)


def _unknown_key(task):
    raise KeyError(task)


def _table(changes=None, unknown=_unknown_value, key=str, answer=tuple):
    heads = _HEADS | (changes or {})
    return lambda task: answer(heads[key(task)]) if key(task) in heads else unknown(task)


def _if_chain(task):
    if task in ("binary", "multilabel"):
        return "sigmoid", "binary cross-entropy"
    if task != "multiclass":
        raise ValueError(f"no head for {task!r}")
    return ["softmax", "cross-entropy"]


def _match(task):
    match task:
        case "multiclass":
            return "softmax", "cross-entropy"
        case "binary" | "multilabel":
            return "sigmoid", "binary cross-entropy"
    raise ValueError


_RAISE = "For any other text raise ValueError: neither None nor a KeyError, which no caller expects."
_EXACT = 'The texts are exact: "sigmoid", "softmax", "binary cross-entropy", "cross-entropy".'
_LABELS = "Several labels can be right at once: one sigmoid and one binary cross-entropy for each label."
_ONE = "One output that says yes or no: sigmoid and binary cross-entropy."
_HEAD_FLAWS = {
    "softmax for multilabel": (_LABELS, dict(multilabel=_SOFTMAX)),
    "softmax with binary cross-entropy for multilabel": (_LABELS, dict(multilabel=("softmax", "binary cross-entropy"))),
    "sigmoid with cross-entropy for multilabel": (_LABELS, dict(multilabel=("sigmoid", "cross-entropy"))),
    "sigmoid for multiclass": ("One class of several: softmax lets them compete.", dict(multiclass=_SIGMOID)),
    "softmax for binary": (_ONE, dict(binary=_SOFTMAX)),
    "multiclass and multilabel mixed up": (_LABELS, dict(multiclass=_SIGMOID, multilabel=_SOFTMAX)),
    "cross-entropy everywhere": (_EXACT, {task: (head[0], "cross-entropy") for task, head in _HEADS.items()}),
    "Keras's name, categorical cross-entropy": (_EXACT, dict(multiclass=("softmax", "categorical cross-entropy"))),
    "hyphen left out": (_EXACT, {task: (head[0], head[1].replace("-", " ")) for task, head in _HEADS.items()}),
    "short name bce": (_EXACT, {task: (head[0], {"b": "bce", "c": "ce"}[head[1][0]]) for task, head in _HEADS.items()}),
}  # fmt: skip
_UNKNOWN = {
    "": _unknown_value,
    "KeyError in place of ValueError": _unknown_key,
    "None for an unknown task": lambda task: None,
}
_HEAD_MISTAKES = (
    *(Mistake(", and ".join(filter(None, (flaw, slip))), advice, _table(changes, unknown))
      for (flaw, (advice, changes)), (slip, unknown) in product(_HEAD_FLAWS.items(), _UNKNOWN.items())
      if not slip or flaw == "softmax for multilabel"),
    *(Mistake(slip, _RAISE, _table(unknown=unknown)) for slip, unknown in _UNKNOWN.items() if slip),
    Mistake("unknown tasks taken for multilabel", _RAISE, _table(unknown=lambda task: _SIGMOID)),
    Mistake("unknown tasks taken for multiclass", _RAISE, _table(unknown=lambda task: _SOFTMAX)),
    Mistake("capital letters accepted", "The three names are exact; Multilabel is none of them.", _table(key=str.lower)),
    Mistake("loss before activation", "Return (activation, loss) in this order.", _table(answer=lambda head: head[::-1])),
)  # fmt: skip


def _text(task):
    return Case(f"{task!r}", lambda rng: dict(task=task))


HEAD = Exercise(
    name="head_for",
    returns=("activation", "loss"),
    oracle=_table(),
    cases=(
        *map(_text, _HEADS),
        *(Case(name, lambda rng, task=task: dict(task=task), raises="ValueError")
          for name, task in {"another task": "regression", "a capital letter": "Multilabel", "no text": ""}.items()),
    ),
    mistakes=_HEAD_MISTAKES,
    accepts=(_if_chain, _match, lambda task: list(_table()(task))),
    verified="the three heads, and ValueError for anything else",
)  # fmt: skip

QUESTION = Question(chapter=4, minutes=38, exercises=(LOSS, HEAD))
