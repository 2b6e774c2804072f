"""30 · L1 and L2 loss and their best constants. Oracle: torch's l1_loss, mse_loss and autograd, its quantile and mean."""

import statistics

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _loss_oracle(name):
    def oracle(pred, target):
        import torch

        pred = torch.tensor(pred, requires_grad=True)
        loss = getattr(torch.nn.functional, name)(pred, torch.tensor(target))
        loss.backward()
        return loss.item(), pred.grad.numpy()

    return oracle


_l1_oracle, _l2_oracle = _loss_oracle("l1_loss"), _loss_oracle("mse_loss")


def _constant_oracle(target, loss):
    import torch

    target = torch.tensor(target)
    return (target.quantile(0.5) if loss == "l1" else target.mean()).item()


def _named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


def _of(loss, grad):
    """A loss and its gradient, both as functions of d = pred − target."""
    return lambda pred, target: (loss(pred - target), grad(pred - target))


_MEAN = "Loss and gradient belong to the mean over all entries: divide both by pred.size."
_BY_N = "The loss is a mean, so its gradient has the same 1/n, n = pred.size."
_LEN = "Every entry counts: divide by pred.size. len(pred) is the first axis only."
_SIGN = "Differentiate with respect to pred: with d = pred − target it has the sign of d. With respect to target it is the negative."
_NUMBER = "Return one number for the loss: the mean over all entries, whatever the shape."
_FORM = "The gradient has pred's shape: one slope for each entry."
_ORDER = "Return (loss, grad) in this order."


def _shared(total, slope):
    """The slips that both losses invite; `total` sums over the entries, `slope` is one entry's derivative."""

    def mean(d):
        return total(d) / d.size

    def grad(d):
        return slope(d) / d.size

    def columns(d):
        return np.apply_along_axis(mean, 0, d)

    return (
        ("loss summed", _MEAN, _of(total, grad)),
        ("gradient not divided by the count", _BY_N, _of(mean, slope)),
        ("loss and gradient summed", _MEAN, _of(total, slope)),
        ("sign of the gradient (with respect to target)", _SIGN, _of(mean, lambda d: -grad(d))),
        ("divided by len, the first axis only", _LEN, _of(lambda d: total(d) / len(d), lambda d: slope(d) / len(d))),
        ("loss divided by len, the first axis only", _LEN, _of(lambda d: total(d) / len(d), grad)),
        ("gradient divided by len, the first axis only", _LEN, _of(mean, lambda d: slope(d) / len(d))),
        ("mean over the first axis only", _NUMBER, _of(columns, grad)),
        ("mean over the first axis only, gradient alike", _NUMBER, _of(columns, lambda d: slope(d) / len(d))),
        ("one loss for each sample", _NUMBER, _of(lambda d: np.array([mean(row) for row in d]), grad)),
        ("mean over axis 1 only", _NUMBER, _of(lambda d: np.apply_along_axis(mean, 1, d), grad)),
        ("gradient before loss", _ORDER, lambda pred, target: (grad(pred - target), mean(pred - target))),
        ("gradient without its sign", _SIGN, _of(mean, lambda d: np.abs(grad(d)))),
        ("gradient averaged to one number", _FORM, _of(mean, lambda d: slope(d).mean())),
    )


# ---- l1_loss ----------------------------------------------------------------------------------------------------


def _l1(d):
    return np.abs(d).mean()


def _l1_grad(d):
    return np.sign(d) / d.size


_TIE = "At pred = target return 0, as np.sign does: any slope in [−1, 1] is a subgradient there, and 0 moves nothing."
_ABS = "Take the absolute value of every entry first, then the mean: otherwise errors of opposite sign cancel."
_SLOPE = "The slope of |d| is ±1, however large or small d is: np.sign(d)."

_L1_MISTAKES = _named(
    *_shared(lambda d: np.abs(d).sum(), np.sign),
    ("+1 where pred equals target", _TIE, _of(_l1, lambda d: np.where(d >= 0, 1.0, -1.0) / d.size)),
    ("−1 where pred equals target", _TIE, _of(_l1, lambda d: np.where(d > 0, 1.0, -1.0) / d.size)),
    ("+1 where pred equals target, not divided by the count", _TIE, _of(_l1, lambda d: np.where(d >= 0, 1.0, -1.0))),
    ("−1 where pred equals target, not divided by the count", _TIE, _of(_l1, lambda d: np.where(d > 0, 1.0, -1.0))),
    ("d / |d|: NaN where pred equals target", _TIE, _of(_l1, lambda d: d / np.abs(d) / d.size)),
    *((f"d / (|d| + {eps:g}) for the sign", _SLOPE, _of(_l1, lambda d, eps=eps: d / (np.abs(d) + eps) / d.size))
      for eps in (1e-8, 1e-12)),
    ("absolute value forgotten", _ABS, _of(np.mean, _l1_grad)),
    ("absolute value of the mean", _ABS, _of(lambda d: np.abs(d.mean()), _l1_grad)),
    ("gradient proportional to the difference", _SLOPE, _of(_l1, lambda d: d / d.size)),
    ("gradient 0 below the target", "Below the target the slope is −1: the prediction has to rise.",
     _of(_l1, lambda d: (d > 0) / d.size)),
    ("squared error", "L1 is the absolute error |d|, its slope the sign of d.",
     _of(lambda d: (d**2).mean(), lambda d: 2 * d / d.size)),
    ("root mean square", "The root of the mean square is not the mean of |d|.",
     _of(lambda d: np.sqrt((d**2).mean()), _l1_grad)),
    ("one loss for each entry", _NUMBER, _of(np.abs, _l1_grad)),
    ("one loss for each entry, gradient alike", _NUMBER, _of(np.abs, np.sign)),
    ("1/2 in front", "There is no 1/2 in either loss.", _of(lambda d: _l1(d) / 2, lambda d: _l1_grad(d) / 2)),
    ("smooth L1", "L1 keeps its corner at 0; smooth L1 is question 31.",
     _of(lambda d: np.where(np.abs(d) < 1, d * d / 2, np.abs(d) - 0.5).mean(), lambda d: np.clip(d, -1, 1) / d.size)),
)  # fmt: skip


def _l1_loops(pred, target):
    pairs = list(zip(pred.ravel().tolist(), target.ravel().tolist(), strict=True))
    signs = [((p > t) - (p < t)) / len(pairs) for p, t in pairs]
    return sum(abs(p - t) for p, t in pairs) / len(pairs), np.array(signs).reshape(pred.shape).tolist()


def _l1_masks(pred, target):
    grad = np.zeros_like(pred)
    grad[pred > target] = 1 / pred.size
    grad[pred < target] = -1 / pred.size
    return np.maximum(pred - target, target - pred).mean(), grad


def _l1_product(pred, target):
    d = pred - target
    grad = (d > 0).astype(float) - (d < 0)
    return float(np.vdot(d, grad)) / d.size, grad / d.size


# ---- l2_loss ----------------------------------------------------------------------------------------------------


def _l2(d):
    return (d**2).mean()


def _l2_grad(d):
    return 2 * d / d.size


_HALF = "No 1/2 here: the loss is the mean of d², its gradient 2·d/n."
_ROOT = "The loss is the mean square itself: no root."

_L2_MISTAKES = _named(
    *_shared(lambda d: (d**2).sum(), lambda d: 2 * d),
    ("1/2 in front", _HALF, _of(lambda d: _l2(d) / 2, lambda d: d / d.size)),
    ("1/2 in the loss only", _HALF, _of(lambda d: _l2(d) / 2, _l2_grad)),
    ("factor 2 of the gradient forgotten", _HALF, _of(_l2, lambda d: d / d.size)),
    ("1/2 in front, gradient not divided by the count", _HALF, _of(lambda d: _l2(d) / 2, lambda d: d)),
    ("1/2 in front, and summed", _HALF, _of(lambda d: (d**2).sum() / 2, lambda d: d)),
    ("neither 2 nor 1/n in the gradient", "The gradient of the mean of d² is 2·d/n.", _of(_l2, lambda d: d)),
    ("root mean square", _ROOT, _of(lambda d: np.sqrt(_l2(d)), _l2_grad)),
    ("root mean square, gradient alike", _ROOT, _of(lambda d: np.sqrt(_l2(d)), lambda d: d / d.size / np.sqrt(_l2(d)))),
    ("norm of the difference", _ROOT, _of(np.linalg.norm, _l2_grad)),
    ("norm of the difference, gradient alike", _ROOT, _of(np.linalg.norm, lambda d: d / np.linalg.norm(d))),
    ("absolute error", "L2 squares the difference.", _of(_l1, _l1_grad)),
    ("square of the mean", "Square every entry first, then take the mean: otherwise errors of opposite sign cancel.",
     _of(lambda d: d.mean() ** 2, _l2_grad)),
    ("one loss for each entry", _NUMBER, _of(np.square, _l2_grad)),
    ("one loss for each entry, gradient alike", _NUMBER, _of(np.square, lambda d: 2 * d)),
    ("divided by n − 1", "It is a plain mean: n. The n − 1 belongs to the estimate of a variance.",
     _of(lambda d: (d**2).sum() / (d.size - 1), lambda d: 2 * d / (d.size - 1))),
)  # fmt: skip


def _l2_loops(pred, target):
    gaps = [p - t for p, t in zip(pred.ravel().tolist(), target.ravel().tolist(), strict=True)]
    return sum(g * g for g in gaps) / len(gaps), np.reshape([2 * g / len(gaps) for g in gaps], pred.shape)


def _l2_einsum(pred, target):
    d = (pred - target).reshape(-1)
    return np.einsum("i,i->", d, d) / d.size, (d + d).reshape(pred.shape) / d.size


def _l2_norm(pred, target):
    grad = pred.copy()
    grad -= target
    loss = np.linalg.norm(grad) ** 2 / grad.size
    grad *= 2 / grad.size
    return loss, grad


# ---- best_constant ----------------------------------------------------------------------------------------------

_FAIL = 'Only "l1" and "l2" are known: end in `raise ValueError(…)` for anything else.'
_EVEN = (
    "For even n every value between the middle two is a minimum; the question asks for their mean, as np.median gives."
)
_PAIR = "Squares are balanced by the mean, absolute values by the median."
_WHICH = "The question asks for the constant itself."


def _constant(l1=np.median, l2=np.mean, other=None):
    """The right answer with a part exchanged; `other(target, loss)` answers an unknown loss in place of ValueError."""

    def wrong(target, loss):
        if loss in ("l1", "l2"):
            return (l1 if loss == "l1" else l2)(target)
        if other is None:
            raise ValueError(loss)
        return other(target, loss)

    return wrong


def _raises(error):
    def other(target, loss):
        raise error

    return other


def _mode(target):
    values, counts = np.unique(target, return_counts=True)
    return values[counts.argmax()]


def _unsorted(target):
    half = len(target) // 2
    return target[half] if len(target) % 2 else (target[half - 1] + target[half]) / 2


def _from_one(target):
    ordered, half = np.sort(target), len(target) // 2
    return ordered[half + 1] if len(target) % 2 else (ordered[half] + ordered[half + 1]) / 2


def _midrange(target):
    return (target.min() + target.max()) / 2


def _trimmed(target):
    cut = max(1, len(target) // 10) if len(target) > 2 else 0
    return np.sort(target)[cut : len(target) - cut].mean()


def _upper(target):
    return np.sort(target)[len(target) // 2]


_CONSTANT_MISTAKES = _named(
    ("mean and median swapped", _PAIR, _constant(np.mean, np.median)),
    ("the mean for both", _PAIR, _constant(np.mean)),
    ("the median for both", _PAIR, _constant(l2=np.median)),
    ("mean and median swapped, no ValueError", _PAIR, lambda t, loss: np.mean(t) if loss == "l1" else np.median(t)),
    ("the mean for both, no ValueError", _PAIR, lambda t, loss: np.mean(t)),
    ("the median for both, no ValueError", _PAIR, lambda t, loss: np.median(t)),
    ("lower median for even n", _EVEN, _constant(statistics.median_low)),
    ("upper median for even n", _EVEN, _constant(_upper)),
    ("middle of the unsorted targets", "Sort before you take the middle.", _constant(_unsorted)),
    ("middle counted from 1", "Python counts from 0: the middle is [n // 2], for even n with [n // 2 − 1].",
     _constant(_from_one)),
    ("mode", "The mode minimises the number of wrong entries, not the sum of |y − c|.", _constant(_mode)),
    ("trimmed mean for L1", _PAIR, _constant(_trimmed)),
    ("trimmed mean for L2", "L2's constant is the mean of all targets, outliers included.", _constant(l2=_trimmed)),
    ("middle of the range for L1", "(min + max)/2 minimises the largest error, not the mean one.", _constant(_midrange)),
    ("middle of the range for L2", "(min + max)/2 minimises the largest error, not the mean one.",
     _constant(l2=_midrange)),
    ("mean of the absolute values for L1", _PAIR, _constant(lambda t: np.mean(np.abs(t)))),
    ("root mean square for L2", "Setting −2 Σ (y − c) = 0 gives the mean.",
     _constant(l2=lambda t: np.sqrt(np.mean(t**2)))),
    ("sum for L2", "Divide by n: the sum of the targets is n times their mean.", _constant(l2=np.sum)),
    ("divided by n − 1", "The mean divides by n.", _constant(l2=lambda t: t.sum() / (len(t) - 1))),
    ("the least loss, not its constant", _WHICH, _constant(lambda t: np.abs(t - np.median(t)).mean(), np.var)),
    ("one constant for each entry", _WHICH + " One float.",
     _constant(lambda t: np.full_like(t, np.median(t)), lambda t: np.full_like(t, t.mean()))),
    ("no ValueError: the mean for anything else", _FAIL, _constant(other=lambda t, loss: np.mean(t))),
    ("no ValueError: the median for anything else", _FAIL, _constant(other=lambda t, loss: np.median(t))),
    ("no ValueError: None for anything else", _FAIL, _constant(other=lambda t, loss: None)),
    ("ValueError returned, not raised", _FAIL, _constant(other=lambda t, loss: ValueError(loss))),
    *((f"{error.__name__} in place of ValueError", _FAIL, _constant(other=_raises(error)))
      for error in (KeyError, AssertionError, UnboundLocalError, TypeError)),
)  # fmt: skip


def _known(answer):
    def constant(target, loss):
        if loss not in ("l1", "l2"):
            raise ValueError(f'loss must be "l1" or "l2", not {loss!r}')
        return answer(target, loss)

    return constant


def _by_sorting(target, loss):
    values, n = sorted(target.tolist()), len(target)
    return {"l1": (values[(n - 1) // 2] + values[n // 2]) / 2, "l2": sum(values) / n}[loss]


def _by_library(target, loss):
    return statistics.median(target) if loss == "l1" else statistics.fmean(target)


def _by_least_squares(target, loss):
    if loss == "l1":
        return np.quantile(target, 0.5)
    return np.linalg.lstsq(np.ones((len(target), 1)), target, rcond=None)[0][0]


# ---- cases --------------------------------------------------------------------------------------------------------


def _two(pred, target):
    return dict(pred=np.array(pred, dtype=float), target=np.array(target, dtype=float))


def _random(rng, *shape, error=1.0, ties=0):
    """Targets and predictions; `error` is the size of the differences, `ties` of them are exactly 0."""
    target = rng.normal(size=shape)
    pred = target + error * rng.normal(size=shape)
    pred.ravel()[:ties] = target.ravel()[:ties]
    return dict(pred=pred, target=target)


_LOSS_CASES = (
    Case("three entries, one of them right", lambda rng: _two([3, 1, 2], [1, 2, 2])),
    Case("a single entry", lambda rng: _two([2.5], [4])),
    Case("a matrix of 2×3", lambda rng: _two([[1, 0, -2], [4, 3, 2.5]], [[0, 0, 1], [6, -1, 2]])),
    Case("a square matrix", lambda rng: _random(rng, 3, 3)),
    Case("a vector of 16", lambda rng: _random(rng, 16)),
    Case("images: (2, 3, 4, 5), a dozen ties", lambda rng: _random(rng, 2, 3, 4, 5, ties=12)),
    Case("pred equals target", lambda rng: _random(rng, 2, 2, ties=4)),
    Case("errors of a million", lambda rng: _random(rng, 4, 2, error=1e6)),
    Case("errors of a billionth", lambda rng: _random(rng, 5, error=1e-9)),
)  # fmt: skip


def _targets(loss, *values):
    return dict(target=np.array(values, dtype=float), loss=loss)


def _both(name, target):
    """One case for each loss, on the same targets."""
    return [
        Case(f"{name}, {loss}", lambda rng, loss=loss: dict(target=np.array(target(rng), dtype=float), loss=loss))
        for loss in ("l1", "l2")
    ]


L1 = Exercise(
    name="l1_loss", returns=("loss", "grad"), oracle=_l1_oracle, cases=_LOSS_CASES, mistakes=_L1_MISTAKES,
    accepts=(_l1_loops, _l1_masks, _l1_product, _l1_oracle),
    verified="equal to torch's l1_loss and its autograd in float64; gradient exactly 0 where pred equals target",
)  # fmt: skip

L2 = Exercise(
    name="l2_loss", returns=("loss", "grad"), oracle=_l2_oracle, cases=_LOSS_CASES, mistakes=_L2_MISTAKES,
    accepts=(_l2_loops, _l2_einsum, _l2_norm, _l2_oracle),
    verified="equal to torch's mse_loss and its autograd in float64, for vectors, matrices and images",
)  # fmt: skip

CONSTANT = Exercise(
    name="best_constant",
    returns=("constant",),
    oracle=_constant_oracle,
    cases=(
        *_both("three targets", lambda rng: [6, 1, 2]),
        *_both("four targets", lambda rng: [10, 1, 4, 2]),
        *_both("a single target", lambda rng: [-3.5]),
        *_both("most are 1", lambda rng: [9, 1, 1, -2, 5, 1.5, 1, 7]),
        *_both("25 targets, one of them a million", lambda rng: [1e6, *rng.normal(size=24)]),
        *_both("40 negative targets", lambda rng: -rng.exponential(3, size=40)),
        Case("an unknown loss", lambda rng: _targets("huber", 1, 2, 6), raises="ValueError"),
        Case("another unknown loss", lambda rng: _targets("l0", 4, 2, 1, 2), raises="ValueError"),
    ),
    mistakes=_CONSTANT_MISTAKES,
    accepts=(*map(_known, (_by_sorting, _by_library, _by_least_squares)), _known(_constant_oracle)),
    verified="equal to torch's mean and 0.5-quantile, for odd and even n; ValueError for any other loss",
)  # fmt: skip

QUESTION = Question(chapter=4, minutes=40, exercises=(L1, L2, CONSTANT))
