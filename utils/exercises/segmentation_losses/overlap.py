"""`dice_loss` and `tversky_index`. Oracle: the definitions in torch float64, differentiated by autograd."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _dice_oracle(probs, target, eps=1.0):
    import torch

    p, t = torch.from_numpy(probs).requires_grad_(), torch.from_numpy(target).double()
    both, each = torch.einsum("nhw,nhw->n", p, t), p.sum(dim=(1, 2)) + t.sum(dim=(1, 2))
    loss = torch.mean(1 - (2 * both + eps) / (each + eps))
    loss.backward()
    return loss.item(), p.grad.numpy()


def _tversky_oracle(probs, target, alpha, beta, eps=1.0):
    import torch

    p, t = torch.from_numpy(probs).flatten(1), torch.from_numpy(target).double().flatten(1)
    hits, false_alarms, missed = (p * t).sum(1), p.sum(1) - (p * t).sum(1), t.sum(1) - (p * t).sum(1)
    return ((hits + eps) / (hits + alpha * false_alarms + beta * missed + eps)).numpy()


# ---- dice_loss: parts to exchange --------------------------------------------------------------------------------


def _sums(p, t):
    """(Σpt, Σp + Σt) of every image, as (N, 1, 1)."""
    return np.sum(p * t, axis=(1, 2), keepdims=True), np.sum(p + t, axis=(1, 2), keepdims=True)


def _share(p, top, bottom, up, down):
    """The gradient of −top/bottom, from the derivatives of both by p, divided by N."""
    return -(up * bottom - top * down) / bottom**2 / len(p)


def _make(sums=_sums, up=lambda p, t: 2 * t, down=lambda p, t: 1, above=1.0, below=1.0, twice=2.0, total=np.mean,
          share=_share, change=lambda p, t, eps: (p, t, eps), loss=lambda d: 1 - d):  # fmt: skip
    """A wrong answer: the right one with some of its parts exchanged; `above` and `below` multiply eps."""

    def wrong(probs, target, eps=1.0):
        p, t, eps = change(probs, target, eps)
        both, each = sums(p, t)
        top, bottom = twice * both + above * eps, each + below * eps
        grad = share(p, top, bottom, up(p, t) * twice / 2, down(p, t))
        return total(loss(top / bottom)), np.broadcast_to(grad, probs.shape)

    return wrong


def _summed(axis):
    """Sums over other axes; the mean over all that is left, and its gradient."""

    def sums(p, t):
        return np.sum(p * t, axis=axis, keepdims=True), np.sum(p + t, axis=axis, keepdims=True)

    def share(p, top, bottom, up, down):
        return -(up * bottom - top * down) / bottom**2 / bottom.size

    return dict(sums=sums, share=share)


def _squares(p, t):
    return np.sum(p * t, axis=(1, 2), keepdims=True), np.sum(p * p + t * t, axis=(1, 2), keepdims=True)


def _only(choose):
    """Images that are left out of the mean."""

    def wrong(probs, target, eps=1.0):
        kept = choose(target)
        if not kept.any():
            return 0.0, np.zeros(probs.shape)
        loss, inner = _make()(probs[kept], target[kept], eps)
        grad = np.zeros(probs.shape)
        grad[kept] = inner
        return loss, grad

    return wrong


def _iou(probs, target, eps=1.0):
    both, each = _sums(probs, target)
    top, bottom = both + eps, each - both + eps
    return np.mean(1 - top / bottom), -(target * bottom - top * (1 - target)) / bottom**2 / len(probs)


def _two_classes(probs, target, eps=1.0):
    front, back = _make()(probs, target, eps), _make()(1 - probs, 1 - target, eps)
    return (front[0] + back[0]) / 2, (front[1] - back[1]) / 2


def _log_dice(probs, target, eps=1.0):
    both, each = _sums(probs, target)
    top, bottom = 2 * both + eps, each + eps
    return np.mean(-np.log(top / bottom)), (1 / bottom - 2 * target / top) / len(probs)


def _square_eps(p, t, eps):
    return p, t, eps * p.shape[1] * p.shape[2]


_IMAGE = "The question asks for the mean over images of each image's own Dice: sum over H and W only, axes (1, 2)."
_VNET = "That is V-Net's form with squares (Milletari et al. 2016); here the denominator holds Σp + Σt."
_EPS = "eps is added above and below, (2Σpt + eps)/(Σp + Σt + eps): then an image without anything costs 0 if p is 0."
_EPS_ARG = "eps is an argument: use its value as it is, once above and once below."
_TWO = "The overlap counts twice, 2Σpt: a perfect mask must give 1, for then Σp + Σt = 2Σt."
_QUOTIENT = "By the quotient rule −[2t·(S + eps) − (2I + eps)]/(S + eps)², I = Σpt and S = Σp + Σt, divided by N."
_MEAN = "The loss is a mean over the N images, so loss and gradient are divided by N, and by nothing else."
_LOSS = "The loss is 1 − Dice: small where the overlap is good."
_SOFT = "The counts are soft: sums of probabilities as they come. A threshold or another sigmoid spoils the gradient."
_DICE_FLAWS = {
    "Dice over the whole batch": (_IMAGE, _make(**_summed(None))),
    "one Dice for each row": (_IMAGE, _make(**_summed(2))),
    "one Dice for each column": (_IMAGE, _make(**_summed(1))),
    "one Dice for each pixel, over the batch": (_IMAGE, _make(**_summed(0))),
    "squares in the denominator (V-Net's form)": (_VNET, _make(sums=_squares, down=lambda p, t: 2 * p)),
    "squares in the denominator, gradient of the plain form": (_VNET, _make(sums=_squares)),
    "squares in the gradient only": (_VNET, _make(down=lambda p, t: 2 * p)),
    "eps missing above": (_EPS, _make(above=0)),
    "eps missing below": (_EPS, _make(below=0)),
    "eps missing": (_EPS, _make(above=0, below=0)),
    "eps fixed at 1": (_EPS_ARG, _make(change=lambda p, t, eps: (p, t, 1.0))),
    "eps fixed at 1e-6": (_EPS_ARG, _make(change=lambda p, t, eps: (p, t, 1e-6))),
    "default eps=1e-6": ("The default is eps=1.0.", lambda p, t, eps=1e-6: _make()(p, t, eps)),
    "eps twice above: 2(Σpt + eps)": (_EPS_ARG, _make(above=2)),
    "eps twice below": (_EPS_ARG, _make(below=2)),
    "eps twice above and below": (_EPS_ARG, _make(above=2, below=2)),
    "eps added to the finished ratio": (_EPS_ARG, lambda p, t, eps=1.0: (
        _make(above=0, below=0)(p, t, eps)[0] - eps, _make(above=0, below=0)(p, t, eps)[1])),
    "means in place of sums, so that eps weighs H·W times as much": (_EPS_ARG, _make(change=_square_eps)),
    "the 2 before the overlap forgotten": (_TWO, _make(twice=1.0)),
    "soft IoU": ("That is the soft Jaccard index: Σpt over the union. Dice divides 2Σpt by the sum of both.", _iou),
    "Dice coefficient in place of the loss": (_LOSS, _make(loss=lambda d: d)),
    "Dice coefficient and its gradient": (_LOSS, _make(loss=lambda d: d, share=lambda *v: -_share(*v))),
    "minus Dice, the 1 left out": ("The question asks for 1 − Dice; −Dice trains alike, but is another number.", _make(loss=lambda d: -d)),
    "−log Dice": ("That is the log-Dice loss; the question asks for 1 − Dice.", _log_dice),
    "mean of foreground's and background's Dice": (
        "That is the two-class form, the mean of both classes; here only the foreground counts.", _two_classes),
    "denominator not differentiated": (_QUOTIENT, _make(down=lambda p, t: 0)),
    "numerator not differentiated": (_QUOTIENT, _make(up=lambda p, t: 0 * t)),
    "gradient with respect to target: 2p for 2t": ("The gradient is that of probs: the derivative of Σpt with respect to p is t.", _make(up=lambda p, t: 2 * p)),
    "denominator not squared": (_QUOTIENT, _make(share=lambda p, a, b, u, d: -(u * b - a * d) / b / len(p))),
    "the quotient's plus for its minus": (_QUOTIENT, _make(share=lambda p, a, b, u, d: -(u * b + a * d) / b**2 / len(p))),
    "sign of the gradient": (_QUOTIENT, _make(share=lambda *v: -_share(*v))),
    "the gradient's 2 forgotten": (_QUOTIENT, _make(up=lambda p, t: t)),
    "loss and gradient summed over images": (_MEAN, _make(total=np.sum, share=lambda p, *v: _share(p, *v) * len(p))),
    "loss summed over images": (_MEAN, _make(total=np.sum)),
    "gradient not divided by N": (_MEAN, _make(share=lambda p, *v: _share(p, *v) * len(p))),
    "gradient divided by all pixels": (_MEAN, _make(share=lambda p, *v: _share(p, *v) * len(p) / p.size)),
    "one loss for each image": (_MEAN, _make(total=np.ravel)),
    "images without foreground left out": (
        "An image without foreground stays in the mean: there (0 + eps)/(Σp + eps) punishes false alarms.",
        _only(lambda t: t.any(axis=(1, 2)))),
    "probabilities cut at one half": (_SOFT, _make(change=lambda p, t, eps: (1.0 * (p > 0.5), t, eps))),
    "loss of the hard mask, gradient of the soft one": (_SOFT, lambda p, t, eps=1.0: (
        _make()(1.0 * (p > 0.5), t, eps)[0], _make()(p, t, eps)[1])),
    "a sigmoid over the probabilities": (_SOFT, _make(change=lambda p, t, eps: (1 / (1 + np.exp(-p)), t, eps))),
    "gradient times p(1 − p), with respect to logits": (
        "The question asks for the derivative with respect to the probabilities; the sigmoid's factor comes after it.",
        lambda p, t, eps=1.0: (_make()(p, t, eps)[0], _make()(p, t, eps)[1] * p * (1 - p))),
    "background for foreground": ("The foreground is where target is 1.", _make(change=lambda p, t, eps: (p, 1 - t, eps))),
    "cross-entropy": ("That is the cross-entropy per pixel.", lambda p, t, eps=1.0: (
        -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)), ((p - t) / (p * (1 - p))) / p.size)),
    "gradient before loss": ("Return (loss, grad) in this order.", lambda p, t, eps=1.0: _make()(p, t, eps)[::-1]),
}  # fmt: skip


def _dice_loops(probs, target, eps=1.0):
    n, losses, grad = len(probs), [], []
    for p, t in zip(probs.tolist(), target.tolist(), strict=True):
        pairs = [(a, b) for row, aims in zip(p, t, strict=True) for a, b in zip(row, aims, strict=True)]
        both, each = sum(a * b for a, b in pairs), sum(a + b for a, b in pairs)
        losses.append(1 - (2 * both + eps) / (each + eps))
        grad.append([[((2 * both + eps) / (each + eps) ** 2 - 2 * b / (each + eps)) / n for b in row] for row in t])
    return sum(losses) / n, grad


def _dice_flat(probs, target, eps=1.0):
    p, t = probs.reshape(len(probs), -1), target.reshape(len(target), -1)
    bottom = p.sum(1) + t.sum(1) + eps
    dice = (2 * (p * t).sum(1) + eps) / bottom
    grad = (dice[:, None] - 2 * t) / bottom[:, None] / len(p)
    return np.float64(np.mean(1 - dice)), grad.reshape(probs.shape)


def _dice_torch(probs, target, eps=1.0):
    return _dice_oracle(probs.copy(), target.copy(), eps)


def _masks(rng, *shape, share=0.3, **more):
    target = (rng.random(shape) < share).astype(float)
    target[:, 0, 0] = 1.0
    return dict(probs=rng.uniform(0.02, 0.98, shape), target=target, **more)


def _given(probs, target, **more):
    return lambda rng: dict(probs=np.array(probs, dtype=float), target=np.array(target, dtype=float), **more)


def _some_empty(rng, *shape, **more):
    given = _masks(rng, *shape, **more)
    given["target"][::2] = 0.0
    return given


_CASES = (
    Case("one image of 1×2 pixels", _given([[[0.8, 0.2]]], [[[1, 0]]])),
    Case("two images of 2×2", _given([[[0.9, 0.1], [0.2, 0.6]], [[0.5, 0.5], [0.3, 0.1]]], [[[1, 0], [0, 1]], [[0, 1], [0, 0]]])),
    Case("three images of 4×5", lambda rng: _masks(rng, 3, 4, 5)),
    Case("as many images as rows and columns", lambda rng: _masks(rng, 3, 3, 3)),
    Case("images of very different foregrounds, small eps", lambda rng: _masks(rng, 4, 6, 2, eps=0.01) | dict(
        target=np.arange(48).reshape(4, 6, 2) % 12 < np.array([1, 3, 6, 12]).reshape(4, 1, 1)) | dict(eps=0.01)),
    Case("an image without foreground", lambda rng: _some_empty(rng, 3, 2, 4)),
    Case("no foreground anywhere, eps = 0.5", lambda rng: _masks(rng, 2, 3, 2, eps=0.5) | dict(target=np.zeros((2, 3, 2)))),
    Case("foreground everywhere", lambda rng: _masks(rng, 2, 3, 4) | dict(target=np.ones((2, 3, 4)))),
    Case("a perfect mask, and its opposite", _given([[[1, 0], [0, 1]], [[1, 0], [0, 1]]], [[[1, 0], [0, 1]], [[0, 1], [1, 0]]])),
    Case("nothing there and nothing found", _given([[[0, 0, 0]], [[0.5, 0, 1]]], [[[0, 0, 0]], [[1, 0, 1]]])),
    Case("large eps", lambda rng: _masks(rng, 2, 5, 3, eps=20.0)),
)  # fmt: skip


def _float_target(case):
    """The bool masks of one case as 0.0 and 1.0."""

    def inputs(rng):
        given = case.inputs(rng)
        return given | dict(target=given["target"].astype(float))

    return Case(case.name, inputs)


DICE = Exercise(
    name="dice_loss",
    returns=("loss", "grad"),
    oracle=_dice_oracle,
    cases=tuple(map(_float_target, _CASES)),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _DICE_FLAWS.items()),
    accepts=(_dice_loops, _dice_flat, _dice_torch),
    verified="equal to the definition and its autograd in float64, images without foreground and without error included",
)  # fmt: skip


# ---- tversky_index -----------------------------------------------------------------------------------------------


def _counts(p, t, axis=(1, 2)):
    return np.sum(p * t, axis=axis), np.sum(p * (1 - t), axis=axis), np.sum((1 - p) * t, axis=axis)


def _index(counts=_counts, above=1.0, below=1.0, weights=lambda a, b: (a, b), ratio=None, change=lambda p, t: (p, t)):
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(probs, target, alpha, beta, eps=1.0):
        tp, fp, fn = counts(*change(probs, target))
        a, b = weights(alpha, beta)
        if ratio:
            return ratio(tp, fp, fn, a, b, eps)
        return (tp + above * eps) / (tp + a * fp + b * fn + below * eps)

    return wrong


_AB = "α weighs the false positives Σp(1 − t), β the false negatives Σ(1 − p)t: β > α asks for recall."
_COUNTS = "TP = Σpt, FP = Σp(1 − t), FN = Σ(1 − p)t: what lies in both, only in p, only in t."
_TV_EPS = "eps is added once above and once below: (TP + eps)/(TP + α·FP + β·FN + eps)."
_BY_IMAGE = "Return one index for each image: sum over H and W, axes (1, 2)."
_TV_FLAWS = {
    "α and β exchanged": (_AB, _index(weights=lambda a, b: (b, a))),
    "α = β = ½ whatever is asked (Dice)": (_AB, _index(weights=lambda a, b: (0.5, 0.5))),
    "α = β = 1 whatever is asked (IoU)": (_AB, _index(weights=lambda a, b: (1, 1))),
    "β taken as 1 − α": ("β is an argument of its own; α + β need not be 1.", _index(weights=lambda a, b: (a, 1 - a))),
    "α and β squared (as in F-β)": (_AB, _index(weights=lambda a, b: (a * a, b * b))),
    "α for both": (_AB, _index(weights=lambda a, b: (a, a))),
    "β for both": (_AB, _index(weights=lambda a, b: (b, b))),
    "eps missing above": (_TV_EPS, _index(above=0)),
    "eps missing below": (_TV_EPS, _index(below=0)),
    "eps missing": (_TV_EPS, _index(above=0, below=0)),
    "eps fixed at 1": (_TV_EPS, lambda p, t, a, b, eps=1.0: _index()(p, t, a, b, 1.0)),
    "eps twice below": (_TV_EPS, _index(below=2)),
    "default eps=1e-6": ("The default is eps=1.0.", lambda p, t, a, b, eps=1e-6: _index()(p, t, a, b, eps)),
    "means in place of sums": (_TV_EPS, lambda p, t, a, b, eps=1.0: _index()(p, t, a, b, eps * p[0].size)),
    "FP as Σp": (_COUNTS, _index(counts=lambda p, t: ((p * t).sum((1, 2)), p.sum((1, 2)), ((1 - p) * t).sum((1, 2))))),
    "FN as Σt": (_COUNTS, _index(counts=lambda p, t: ((p * t).sum((1, 2)), (p * (1 - t)).sum((1, 2)), t.sum((1, 2))))),
    "FP as Σp and FN as Σt": (_COUNTS, _index(counts=lambda p, t: ((p * t).sum((1, 2)), p.sum((1, 2)), t.sum((1, 2))))),
    "true negatives among the hits": (_COUNTS, _index(counts=lambda p, t: (
        (p * t + (1 - p) * (1 - t)).sum((1, 2)), *_counts(p, t)[1:]))),
    "TP forgotten below": (_COUNTS, _index(ratio=lambda tp, fp, fn, a, b, e: (tp + e) / (a * fp + b * fn + e))),
    "2·TP above and below": ("Tversky's index has TP once: 2TP/(2TP + FP + FN) is Dice, TP/(TP + ½FP + ½FN).", _index(
        ratio=lambda tp, fp, fn, a, b, e: (2 * tp + e) / (2 * tp + a * fp + b * fn + e))),
    "2·TP above only": ("Tversky's index has TP once, above and below.", _index(
        ratio=lambda tp, fp, fn, a, b, e: (2 * tp + e) / (tp + a * fp + b * fn + e))),
    "loss in place of the index": ("Return the index itself; the loss is 1 minus its mean.", _index(
        ratio=lambda tp, fp, fn, a, b, e: 1 - (tp + e) / (tp + a * fp + b * fn + e))),
    "hard counts, p > ½": ("The counts are soft: sums of probabilities.", _index(change=lambda p, t: (1.0 * (p > 0.5), t))),
    "background for foreground": (_COUNTS, _index(change=lambda p, t: (1 - p, 1 - t))),
    "mean over the images": (_BY_IMAGE, lambda *v: np.mean(_index()(*v))),
    "one index for the batch": (_BY_IMAGE, _index(counts=lambda p, t: _counts(p, t, None))),
    "one index for the batch, repeated": (_BY_IMAGE, lambda p, *v: np.full(len(p), _index(
        counts=lambda p, t: _counts(p, t, None))(p, *v))),
    "one index for each row": (_BY_IMAGE, _index(counts=lambda p, t: _counts(p, t, 2))),
    "one index for each pixel": (_BY_IMAGE, _index(counts=lambda p, t: _counts(p, t, 0))),
    "shape (N, 1, 1)": (_BY_IMAGE, lambda *v: _index()(*v)[:, None, None]),
}  # fmt: skip


def _by_totals(probs, target, alpha, beta, eps=1.0):
    both, p, t = np.einsum("nhw,nhw->n", probs, target), probs.sum((1, 2)), target.sum((1, 2))
    return (both + eps) / ((1 - alpha - beta) * both + alpha * p + beta * t + eps)


def _tversky_loops(probs, target, alpha, beta, eps=1.0):
    found = []
    for p, t in zip(probs, target, strict=True):
        tp, fp, fn = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
        found.append(float((tp + eps) / (tp + alpha * fp + beta * fn + eps)))
    return found


def _tversky_torch(probs, target, *rest):
    return _tversky_oracle(probs.copy(), target.copy(), *rest)


def _weighted(case, alpha, beta, **more):
    inputs = _float_target(case).inputs
    return Case(case.name, lambda rng: dict(
        probs=(given := inputs(rng))["probs"], target=given["target"], alpha=alpha, beta=beta,
        **({"eps": given["eps"]} if "eps" in given else {}), **more))  # fmt: skip


_WEIGHTS = ((0.3, 0.7), (0.7, 0.3), (0.3, 0.7), (0.2, 0.5), (0.5, 0.5), (1.0, 1.0), (0.4, 0.9), (0.1, 0.6), (0.3, 0.7),
            (2.0, 0.5), (0.0, 1.0))  # fmt: skip

TVERSKY = Exercise(
    name="tversky_index",
    returns=("index",),
    oracle=_tversky_oracle,
    cases=tuple(_weighted(case, *weights) for case, weights in zip(_CASES, _WEIGHTS, strict=True)),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _TV_FLAWS.items()),
    accepts=(_by_totals, _tversky_loops, _tversky_torch),
    verified="equal to the definition in torch float64 for eleven pairs of α and β, images without foreground included",
)
