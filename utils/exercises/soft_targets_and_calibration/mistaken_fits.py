"""What goes wrong with bins and with temperatures: the right answer with a part exchanged."""

import math
from itertools import pairwise

import numpy as np

from utils.exercises.soft_targets_and_calibration.mistakes import fixed, log_softmax, named, onehot, softmax

# ---- calibration --------------------------------------------------------------------------------------------------


def right_closed(confidence, bins):
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")


def _largest(probs, labels):
    return probs.max(axis=1)


def _hits(probs, labels):
    return (probs.argmax(axis=1) == labels) * 1.0


def _weighted(gaps, counts):
    return (np.abs(gaps) * counts).sum() / counts.sum()


def _ece(confidence=_largest, hits=_hits, where=right_closed, total=_weighted, centre=None):
    """The calibration error with one part exchanged; `total` gets the non-empty bins' gaps and counts."""

    def wrong(probs, labels, bins=15):
        c, h = confidence(probs, labels), hits(probs, labels)
        at = where(c, bins)
        gaps, counts = [], []
        for b in np.unique(at):
            inside = at == b
            gaps.append(h[inside].mean() - (c[inside].mean() if centre is None else centre(b, bins)))
            counts.append(inside.sum())
        return float(total(np.array(gaps), np.array(counts)))

    return wrong


def _left_closed(confidence, bins):
    return np.minimum((confidence * bins).astype(int), bins - 1)


def _out_of_range(probs, labels, bins=15):
    counts, gaps = [0] * bins, [0.0] * bins
    for c, h in zip(_largest(probs, labels), _hits(probs, labels), strict=True):
        counts[int(c * bins)] += 1
        gaps[int(c * bins)] += h - c
    return sum(map(abs, gaps)) / sum(counts)


def _top_left_out(probs, labels, bins=15):
    """Half-open bins [a, b): a confidence of 1 lies in none, but counts in N."""
    c, h = _largest(probs, labels), _hits(probs, labels)
    edges = np.linspace(0, 1, bins + 1)
    inside = [(c >= a) & (c < b) for a, b in pairwise(edges)]
    return float(sum(abs((h - c)[i].sum()) for i in inside) / len(c))


def _spanned(confidence, bins):
    """Bins between the smallest and the largest confidence."""
    edges = np.linspace(confidence.min(), confidence.max(), bins + 1)
    return np.searchsorted(edges[1:-1], confidence, side="left")


def _above_chance(probs, labels, bins=15):
    k = probs.shape[1]
    return _ece(where=lambda c, bins: np.ceil((c - 1 / k) / (1 - 1 / k) * bins - 1e-12))(probs, labels, bins)


def _equal_mass(confidence, bins):
    at = np.empty(len(confidence), int)
    for b, part in enumerate(np.array_split(np.argsort(confidence, kind="stable"), bins)):
        at[part] = b
    return at


def _empty_are_nan(probs, labels, bins=15):
    c, h = _largest(probs, labels), _hits(probs, labels)
    at = right_closed(c, bins)
    means = [(h[at == b].mean() - c[at == b].mean()) * (at == b).mean() for b in range(bins)]
    return float(np.abs(means).sum())


def _all_classes(probs, labels, bins=15):
    """Every probability of every class against the one-hot label."""
    t = onehot(probs, labels)
    return _ece(lambda p, y: p.ravel(), lambda p, y: t.ravel())(probs, labels, bins)


def _at_label(probs, labels):
    return np.take_along_axis(probs, labels[:, None], axis=1)[:, 0]


_EDGE = "Bins are open on the left and closed on the right: a confidence of 0.5 belongs to (0.25, 0.5]."
_TOP = "A confidence of 1.0 belongs to the last bin, (1 − 1/bins, 1]."
_WEIGHT = "Each bin's gap counts with its share of the samples, n_b / N; empty bins count nothing."
_ABS = "The gap of a bin is |accuracy − mean confidence|: without the absolute value opposite gaps cancel."
_CONF = "The confidence is the largest probability; whether it is right is another matter."
_BINS = "Equal bins: `bins` of them, between 0 and 1."

CALIBRATION = named(
    ("bins closed on the left", _EDGE, _ece(where=_left_closed)),
    ("bins closed on the left, index out of range at 1", _TOP, _out_of_range),
    ("bins closed on the left, a confidence of 1 left out", _TOP, _top_left_out),
    ("bins not weighted by their samples", _WEIGHT, _ece(total=lambda gaps, counts: np.abs(gaps).mean())),
    ("bins added up without weights", _WEIGHT, _ece(total=lambda gaps, counts: np.abs(gaps).sum())),
    ("gaps times counts, not divided by N", _WEIGHT, _ece(total=lambda gaps, counts: (np.abs(gaps) * counts).sum())),
    ("divided by the number of bins", _WEIGHT, lambda p, y, bins=15: _ece(total=lambda gaps, counts: np.abs(gaps).sum() / bins)(p, y, bins)),
    ("the largest gap (MCE)", "That is the maximum calibration error; the question asks for the weighted mean.", _ece(total=lambda g, n: np.abs(g).max())),
    ("gaps squared", _ABS, _ece(total=lambda g, n: (g**2 * n).sum() / n.sum())),
    ("root of the mean squared gap", _ABS, _ece(total=lambda g, n: math.sqrt((g**2 * n).sum() / n.sum()))),
    ("signed gaps, accuracy − confidence", _ABS, _ece(total=lambda g, n: (g * n).sum() / n.sum())),
    ("signed gaps, confidence − accuracy", _ABS, _ece(total=lambda g, n: -(g * n).sum() / n.sum())),
    ("one bin for all", _BINS, _ece(where=lambda c, bins: 0 * c)),
    ("accuracy and confidence exchanged: binned by right and wrong", "Bin by confidence, and average within the bin before the "
     "absolute value; bins of right and of wrong ones give the mean |hit − confidence|.",
     lambda p, y, bins=15: float(np.abs(_hits(p, y) - _largest(p, y)).mean())),
    ("probability of the label as the confidence", _CONF, _ece(_at_label)),
    ("probability of the label in place of accuracy", _CONF, _ece(hits=_at_label)),
    ("right if the confidence exceeds 1/2", "Right means that the most probable class is the label.", _ece(hits=lambda p, y: (_largest(p, y) > 0.5) * 1.0)),
    ("error rate in place of accuracy", _CONF, _ece(hits=lambda p, y: 1 - _hits(p, y))),
    ("the bin's centre in place of its mean confidence", _CONF, _ece(centre=lambda b, bins: (b + 0.5) / bins)),
    ("the bin's upper edge in place of its mean confidence", _CONF, _ece(centre=lambda b, bins: (b + 1) / bins)),
    ("bins of equal numbers of samples", "Equal bins: each is 1/bins wide. Equally filled ones are another estimator.", _ece(where=_equal_mass)),
    ("bins between the smallest and the largest confidence", _BINS, _ece(where=_spanned)),
    ("bins between 1/K and 1", _BINS, _above_chance),
    ("one bin too few (linspace(0, 1, bins))", _BINS, lambda p, y, bins=15: _ece()(p, y, bins - 1)),
    ("bins fixed at 15", "Use the argument: 15 is only its default.", fixed(_ece(), 15)),
    ("bins fixed at 10", "Use the argument.", fixed(_ece(), 10)),
    ("empty bins give NaN", _WEIGHT, _empty_are_nan),
    ("all classes' probabilities binned", _CONF, _all_classes),
    ("argmax over the samples", "One prediction for each row: max and argmax along axis 1.",
     lambda p, y, bins=15: _ece(lambda p, y: p.max(axis=0), lambda p, y: (p.argmax(axis=0) == y[: p.shape[1]]) * 1.0)(p, y, bins)),
    ("in percent", "Return a share between 0 and 1.", _ece(total=lambda g, n: 100 * _weighted(g, n))),
    ("softmax of the probabilities", "probs are probabilities already.", lambda p, y, bins=15: _ece()(softmax(p), y, bins)),
)  # fmt: skip


# ---- the temperature ----------------------------------------------------------------------------------------------


def nll(logits, labels):
    return -np.take_along_axis(log_softmax(logits), labels[:, None], axis=1).mean()


def slope(logits, labels):
    """The derivative of t ↦ nll(t·logits) at t = 1, up to a positive factor."""
    return ((softmax(logits) - onehot(logits, labels)) * logits).sum()


def root(function, low=-25.0, high=25.0):
    """exp of the zero of an increasing function of log t, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(math.exp(middle)) < 0 else (low, middle)
    return math.exp(low)


def temperature(logits, labels):
    return 1 / root(lambda t: slope(t * logits, labels))


def least(losses, candidates):
    """The candidate T of the least loss; `losses` takes the logits divided by each, (candidates, N, K)."""
    return lambda logits, labels: float(
        candidates[int(np.nanargmin(losses(logits / candidates[:, None, None], labels)))]
    )


def _fit(losses, low=1e-3, high=1e3):
    """The T of least loss: a fine grid, then a finer one about its best."""

    def wrong(logits, labels):
        grid = np.geomspace(low, high, 60)
        for _ in range(6):
            best, step = least(losses, grid)(logits, labels), grid[1] / grid[0]
            grid = np.geomspace(best / step, best * step, 60)
        return best

    return wrong


def _brier(logits, labels):
    return ((softmax(logits, 2) - onehot(logits[0], labels)) ** 2).sum(axis=(1, 2))


def _nll(logits, labels):
    return -np.take_along_axis(log_softmax(logits, 2), labels[None, :, None], axis=2).mean(axis=(1, 2))


def _ece_of_each(logits, labels):
    return [_ece()(softmax(one), labels) for one in logits]


def _clipped(low, high):
    return lambda z, y: min(max(temperature(z, y), low), high)


def _steps(z, y, rate=0.01, count=50):
    """Gradient descent on T from 1.5, stopped early."""
    t = 1.5
    for _ in range(count):
        t -= rate * -slope(z / t, y) / t / len(y)
    return t


def _match(z, y):
    """The T at which the mean confidence equals the accuracy."""
    accuracy = (z.argmax(axis=1) == y).mean()
    return 1 / root(lambda t: softmax(t * z).max(axis=1).mean() - accuracy)


_LEAST = "T minimises the mean cross-entropy of softmax(logits / T) on these labels; nothing else is asked."
_WIDE = "Search on the scale of log T, and widely: logits a hundred times as large have a T a hundred times as large."
_FINE = "T must be right to a relative 1e-4: refine around the best candidate, or solve for the zero of the slope."

TEMPERATURE = named(
    ("T as a multiplier", "T divides the logits: return 1/t if you fitted softmax(t·z).", lambda z, y: 1 / temperature(z, y)),
    ("log T returned", "Return T itself.", lambda z, y: math.log(temperature(z, y))),
    ("T squared", _LEAST, lambda z, y: temperature(z, y) ** 2),
    ("no fit, T = 1", _LEAST, lambda z, y: 1.0),
    ("least calibration error", f"{_LEAST} The calibration error jumps from bin to bin.", least(
        _ece_of_each, np.geomspace(0.05, 20, 40))),
    ("least Brier score", _LEAST, _fit(_brier)),
    ("mean confidence made equal to the accuracy", _LEAST, _match),
    ("steps of 0.1 between 0.1 and 10", _FINE, least(_nll, np.arange(1, 101) / 10)),
    ("steps of 0.01 between 0.01 and 10", _FINE, least(_nll, np.arange(1, 1001) / 100)),
    ("steps of 0.01 between 0.5 and 5", _FINE, least(_nll, np.arange(50, 501) / 100)),
    ("50 steps on a log scale", _FINE, least(_nll, np.geomspace(0.1, 10, 50))),
    ("search between 0.05 and 10", _WIDE, _clipped(0.05, 10)),
    ("search between 0.01 and 10", _WIDE, _clipped(0.01, 10)),
    ("search between 0.01 and 100", _WIDE, _clipped(0.01, 100)),
    ("search between 0.1 and 10", _WIDE, _clipped(0.1, 10)),
    ("search between 0.5 and 5", _WIDE, _clipped(0.5, 5)),
    ("T kept above 1", "A network may be underconfident as well: T < 1 sharpens.", _clipped(1, math.inf)),
    ("gradient steps stopped too early", "Fifty small steps on T do not converge: the loss is smooth in one variable, solve for the zero of its slope.", _steps),
)  # fmt: skip
