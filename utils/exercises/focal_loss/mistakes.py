"""Wrong answers to `focal_loss`: its loss and gradient with a part exchanged."""

import math

import numpy as np

from utils.grading.spec import Mistake

# ---- parts: the loss and the gradient of every entry, from logits z, targets y, the weights α_t and γ ------------


def softplus(z):
    return np.logaddexp(0, z)


def sigma(z):
    return np.exp(-np.logaddexp(0, -z))


def _alpha_t(y, alpha):
    return np.ones(y.shape) if alpha is None else np.where(y == 1, alpha, 1 - alpha)


def _side(z, y):
    """x_t: the logit of the right answer."""
    return (2.0 * y - 1) * z


def _loss(z, y, a, g):
    x = _side(z, y)
    return a * sigma(-x) ** g * softplus(-x)


def _grad(z, y, a, g, sign=1, inner=1):
    x = _side(z, y)
    return (2.0 * y - 1) * sign * a * sigma(-x) ** g * (-inner * g * sigma(x) * softplus(-x) - sigma(-x))


def _ce_grad(z, y):
    return sigma(z) - y


def _make(loss=_loss, grad=_grad, weight=_alpha_t, total=np.mean, share=lambda v, y: v / v.size, change=lambda *v: v):
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(logits, targets, alpha=0.25, gamma=2.0):
        z, y, alpha, gamma = change(logits, targets, alpha, gamma)
        a = weight(y, alpha)
        entries = loss(z, y, a, gamma)
        # `total` may want the targets or the weights too: it gets them where it names them
        value = total(entries) if total in (np.mean, np.sum) else total(entries, y, a)
        return value, share(grad(z, y, a, gamma), y)

    return wrong


def _both(factor, slope):
    """Parts for another modulating factor: factor(x, g) and its derivative slope(x, g), x the right answer's logit."""

    def loss(z, y, a, g):
        x = _side(z, y)
        return a * factor(x, g) * softplus(-x)

    def grad(z, y, a, g):
        x = _side(z, y)
        return (2.0 * y - 1) * a * (slope(x, g) * softplus(-x) - factor(x, g) * sigma(-x))

    return dict(loss=loss, grad=grad)


def _naive(floor=0.0, log=np.log, top=None):
    """Loss by the textbook's formula from probabilities, `floor` added under the log or p cut off at `top`."""

    def loss(z, y, a, g):
        p = 1 / (1 + np.exp(-z))
        pt = np.where(y == 1, p, 1 - p)
        pt = pt if top is None else np.clip(pt, top, 1 - top)
        return -a * (1 - pt) ** g * log(pt + floor)

    return loss


def _naive_grad(z, y, a, g, top=None):
    p = 1 / (1 + np.exp(-z))
    pt = np.where(y == 1, p, 1 - p)
    pt = pt if top is None else np.clip(pt, top, 1 - top)
    return (2.0 * y - 1) * a * (1 - pt) ** g * (g * pt * np.log(pt) + pt - 1)


def _two_terms(z, y, a, g):
    """−y(1 − p)^γ log p − (1 − y)p^γ log(1 − p): 0 times infinity where the logit is large."""
    p = 1 / (1 + np.exp(-z))
    return -a * (y * (1 - p) ** g * np.log(p) + (1 - y) * p**g * np.log(1 - p))


def _product_rule(z, y, a, g):
    """γ(1 − p_t)^(γ − 1) p_t(1 − p_t) log p_t …: 0 to a negative power where p_t is 1 and γ < 1."""
    x = _side(z, y)
    p, q = sigma(x), sigma(-x)
    return (2.0 * y - 1) * a * (g * q ** (g - 1) * p * q * -softplus(-x) - q**g * q)


def _by_probability(z, y, a, g):
    x = _side(z, y)
    p, q = sigma(x), sigma(-x)
    return -(2.0 * y - 1) * a * (g * q ** (g - 1) * softplus(-x) + q**g / p)


def _over_positives(v, y):
    return v / max(np.sum(y), 1)


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax_loss(z, y, a, g):
    p = _softmax(z)
    return -a * y * (1 - p) ** g * np.log(p)


def _math_loops(z, y, a, g):
    return np.vectorize(lambda v: -math.log(1 / (1 + math.exp(-v))))(_side(z, y)) * a * sigma(-_side(z, y)) ** g


_ALPHA = "α_t is α where the target is 1 and 1 − α where it is 0."
_NONE = "alpha=None means no weights at all: ask `alpha is None` first."
_FACTOR = "The factor is (1 − p_t)^γ, p_t the probability of the right answer: p where y = 1, 1 − p where y = 0."
_DIFF = "(1 − p_t)^γ depends on the logit too: its derivative adds the term γ·p_t·log(p_t) inside the bracket."
_LOG = "Never take the log of a sigmoid: it underflows. −log p_t is logaddexp(0, −x_t), 1 − p_t is σ(−x_t)."
_CAP = "A floor under p caps the loss of a confident mistake, which is |z| itself. Take it from the logits."
_MEAN = "The mean runs over all entries, easy negatives included: divide loss and gradient by logits.size."
_GRAD_MEAN = "The loss is a mean over all entries, so its gradient is divided by logits.size too."
_POSITIVES = (
    "RetinaNet divides by the number of positive anchors, in its own training; here the mean runs over all entries."
)
_CHAIN = "The question asks for the derivative with respect to the logits: times p(1 − p) once, which then cancels."
_SIGN = "For a positive the loss falls when its logit rises: the gradient is negative there, and positive for y = 0."
_LABELS = "Targets are 0 or 1 here (the paper writes ±1): p_t = p where y = 1, and 1 − p where y = 0."
_GAMMA = "gamma is an argument: the exponent of (1 − p_t); γ = 0 leaves weighted cross-entropy."
_ZERO = "(1 − p_t)^(γ − 1) is 0 to a negative power at p_t = 1 when γ < 1: multiply by (1 − p_t) first, on paper."

_FLAWS = {
    "α for the negatives too": (_ALPHA, dict(weight=lambda y, a: np.full(y.shape, 1.0 if a is None else a))),
    "α and 1 − α exchanged": (_ALPHA, dict(weight=lambda y, a: _alpha_t(1 - y, a))),
    "α ignored": (_ALPHA, dict(weight=lambda y, a: _alpha_t(y, None))),
    "α only for the positives, 1 for the negatives (pos_weight's form)": (
        "That is pos_weight's form, weight α on the positives and 1 elsewhere; RetinaNet's has 1 − α on the negatives.",
        dict(weight=lambda y, a: np.where(y == 1, 1.0 if a is None else a, 1.0))),
    "factor of the wrong class, p_t^γ": (_FACTOR, _both(
        lambda x, g: sigma(x) ** g, lambda x, g: g * sigma(x) ** g * sigma(-x))),
    "(1 − p)^γ for the negatives too": (_FACTOR, dict(
        loss=lambda z, y, a, g: a * sigma(-z) ** g * softplus(-_side(z, y)),
        grad=lambda z, y, a, g: a * sigma(-z) ** g * (
            -g * sigma(z) * softplus(-_side(z, y)) - (2.0 * y - 1) * sigma(-_side(z, y))))),
    "γ multiplied": ("γ is an exponent: (1 − p_t)^γ, not γ·(1 − p_t).", _both(
        lambda x, g: g * sigma(-x), lambda x, g: -g * sigma(-x) * sigma(x))),
    "1 − p_t^γ": ("The power is taken of (1 − p_t), not of p_t before the subtraction.", _both(
        lambda x, g: 1 - sigma(x) ** g, lambda x, g: -g * sigma(x) ** g * sigma(-x))),
    "exponent γ + 1": (_GAMMA, _both(
        lambda x, g: sigma(-x) ** (g + 1), lambda x, g: -(g + 1) * sigma(-x) ** (g + 1) * sigma(x))),
    "factor on the negatives only (varifocal's form)": (
        "Varifocal loss spares the positives; focal loss as asked weighs both classes down where they are easy.", dict(
            loss=lambda z, y, a, g: np.where(y == 1, a * softplus(-z), _loss(z, y, a, g)),
            grad=lambda z, y, a, g: np.where(y == 1, -a * sigma(-z), _grad(z, y, a, g)))),
    "no modulating factor (weighted cross-entropy)": (_GAMMA, dict(
        loss=lambda z, y, a, g: _loss(z, y, a, 0), grad=lambda z, y, a, g: _grad(z, y, a, 0))),
    "modulating factor not differentiated": (_DIFF, dict(grad=lambda z, y, a, g: _grad(z, y, a, g, inner=0))),
    "factor and α forgotten in the gradient (p − y)": (_DIFF, dict(grad=lambda z, y, a, g: _ce_grad(z, y))),
    "α forgotten in the gradient": (_ALPHA, dict(grad=lambda z, y, a, g: _grad(z, y, 1, g))),
    "γ's term with the wrong sign": (_DIFF, dict(grad=lambda z, y, a, g: _grad(z, y, a, g, inner=-1))),
    "γ forgotten in the factor's derivative": (_DIFF, dict(
        grad=lambda z, y, a, g: _grad(z, y, a, g, inner=1 / g if g else 0))),
    "log p_t forgotten in the factor's derivative": (_DIFF, dict(grad=lambda z, y, a, g: (2.0 * y - 1) * a * sigma(
        -_side(z, y)) ** g * (-g * sigma(_side(z, y)) - sigma(-_side(z, y))))),
    "gradient with respect to p_t": (_CHAIN, dict(
        grad=lambda z, y, a, g: (2.0 * y - 1) * _by_probability(z, y, a, g))),
    "gradient with respect to the probabilities": (_CHAIN, dict(grad=_by_probability)),
    "gradient times p(1 − p) once too often": (_CHAIN, dict(
        grad=lambda z, y, a, g: _grad(z, y, a, g) * sigma(z) * sigma(-z))),
    "gradient with respect to x_t: ± forgotten": (_SIGN, dict(
        grad=lambda z, y, a, g: _grad(z, y, a, g) * (2.0 * y - 1))),
    "sign of the gradient": (_SIGN, dict(grad=lambda z, y, a, g: _grad(z, y, a, g, sign=-1))),
    "negatives forgotten": (_LABELS, dict(
        loss=lambda z, y, a, g: y * _loss(z, y, a, g), grad=lambda z, y, a, g: y * _grad(z, y, a, g))),
    "mean over the positives (RetinaNet's normaliser)": (_POSITIVES, dict(
        total=lambda v, y, a: _over_positives(v.sum(), y), share=_over_positives)),
    "loss divided by the positives, gradient by all": (_POSITIVES, dict(
        total=lambda v, y, a: _over_positives(v.sum(), y))),
    "loss and gradient summed": (_MEAN, dict(total=np.sum, share=lambda v, y: v)),
    "loss summed": (_MEAN, dict(total=np.sum)),
    "divided by the first axis only": (_MEAN, dict(
        total=lambda v, y, a: v.sum() / len(v), share=lambda v, y: v / len(v))),
    "gradient not divided": (_GRAD_MEAN, dict(share=lambda v, y: v)),
    "gradient divided by the first axis only": (_GRAD_MEAN, dict(share=lambda v, y: v / len(v))),
    "loss divided by the sum of α_t": (_MEAN, dict(total=lambda v, y, a: v.sum() / a.sum())),
}  # fmt: skip

_OTHERS = {
    "unstable: log of the sigmoid": (_LOG, dict(loss=_naive(), grad=_naive_grad)),
    "unstable: log of the sigmoid in the loss": (_LOG, dict(loss=_naive())),
    "unstable: 0 times log 0 in the two-term form": (_LOG, dict(loss=_two_terms)),
    "unstable: 0 times log 0, in the gradient too": (_LOG, dict(loss=_two_terms, grad=_naive_grad)),
    "unstable: log of the sigmoid in the gradient": (_LOG, dict(grad=_naive_grad)),
    "unstable: math.exp raises": (_LOG, dict(loss=_math_loops)),
    "0 to the power γ − 1": (_ZERO, dict(grad=_product_rule)),
    **{f"{floor:g} as a floor under the log": (_CAP, dict(loss=_naive(floor))) for floor in (1e-7, 1e-8, 1e-12)},
    **{f"{floor:g} added under the log": (_CAP, dict(loss=_naive(floor))) for floor in (1e-4, 1e-6)},
    **{f"probabilities cut off at {top:g}": (_CAP, dict(loss=_naive(top=top))) for top in (1e-4, 1e-6)},
    **{f"probabilities cut off at {top:g}, in the gradient too": (_CAP, dict(
        loss=_naive(top=top), grad=lambda *v, top=top: _naive_grad(*v, top=top))) for top in (1e-4, 1e-6, 1e-7, 1e-8)},
    "log cut at −100, or the logits": (_CAP, dict(loss=_naive(log=lambda p: np.maximum(np.log(p), -100)))),
    "logits clipped at ±50": (_CAP, dict(loss=lambda z, y, a, g: _loss(np.clip(z, -50, 50), y, a, g))),
    "log to base 2": ("log is the natural logarithm.", dict(
        loss=lambda *v: _loss(*v) / np.log(2), grad=lambda *v: _grad(*v) / np.log(2))),
    "log-likelihood and its gradient": ("The loss is −log, and positive.", dict(
        loss=lambda *v: -_loss(*v), grad=lambda *v: -_grad(*v))),
    "one loss for each entry": (_MEAN, dict(total=lambda v, y, a: v)),
    "softmax over the last axis": ("Each entry is a yes/no question of its own: a sigmoid, not a softmax.", dict(
        loss=_softmax_loss, grad=lambda z, y, a, g: a * (_softmax(z) - y))),
    "sigmoid twice": ("Apply the sigmoid to the logits only once.", dict(change=lambda z, y, a, g: (sigma(z), y, a, g))),
    "targets 0 taken for the paper's −1": (_LABELS, dict(
        loss=lambda z, y, a, g: a * sigma(-y * z) ** g * softplus(-y * z),
        grad=lambda z, y, a, g: y * a * sigma(-y * z) ** g * (-g * sigma(y * z) * softplus(-y * z) - sigma(-y * z)))),
    "targets and logits exchanged": ("The logits come first.", dict(change=lambda z, y, a, g: (1.0 * y, z, a, g))),
    "α and γ exchanged": ("The order is alpha, then gamma.", dict(
        change=lambda z, y, a, g: (z, y, g, 0.0 if a is None else a))),
    "α fixed at 0.25": (_ALPHA, dict(change=lambda z, y, a, g: (z, y, 0.25, g))),
    "alpha=None taken for 0.5": (_NONE, dict(change=lambda z, y, a, g: (z, y, 0.5 if a is None else a, g))),
    "alpha=None taken for 0.25": (_NONE, dict(change=lambda z, y, a, g: (z, y, 0.25 if a is None else a, g))),
    "`if alpha`: 0 taken for None": (_NONE, dict(change=lambda z, y, a, g: (z, y, a if a else None, g))),
    "γ fixed at 2": (_GAMMA, dict(change=lambda z, y, a, g: (z, y, a, 2.0))),
    "α_t made in the dtype of whole-number targets": (
        "np.full_like and zeros_like keep an integer dtype, which cuts 0.25 to 0: give dtype=float.", dict(
            weight=lambda y, a: _alpha_t(y, a).astype(y.dtype))),
}  # fmt: skip


def _swapped(logits, targets, alpha=0.25, gamma=2.0):
    return _make()(logits, targets, alpha, gamma)[::-1]


def _none_raises(logits, targets, alpha=0.25, gamma=2.0):
    return _make(weight=lambda y, a: a * y + (1 - a) * (1 - y))(logits, targets, alpha, gamma)


def _defaults(logits, targets, alpha=None, gamma=0.0):
    return _make()(logits, targets, alpha, gamma)


def _half(logits, targets, alpha=0.5, gamma=2.0):
    return _make()(logits, targets, alpha, gamma)


_WHOLE = {
    "gradient before loss": ("Return (loss, grad) in this order.", _swapped),
    "alpha=None not treated": (_NONE, _none_raises),
    "defaults alpha=None, gamma=0": ("The defaults are alpha=0.25 and gamma=2.0.", _defaults),
    "default alpha=0.5": ("The defaults are alpha=0.25 and gamma=2.0.", _half),
}


def named():
    for name, (advice, parts) in {**_FLAWS, **_OTHERS}.items():
        yield Mistake(name, advice, _make(**parts))
    for name, (advice, function) in _WHOLE.items():
        yield Mistake(name, advice, function)
    for name, (advice, parts) in _FLAWS.items():  # a beginner's slip seldom comes alone: the unstable log beside it
        if "loss" not in parts and not name.startswith(("loss summed", "loss divided")):
            yield Mistake(f"{name}, and the log of the sigmoid", advice, _make(**{"loss": _naive()} | parts))
