"""The ROC curve and the area under it: oracles by scikit-learn, mistakes, styles, cases."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


def labelled(labels, scores):
    return dict(labels=np.array(labels), scores=np.array(scores, dtype=float))


def drawn(rng, n, share=0.5, levels=0, gain=1.0):
    """Random labels, both classes there, and scores that know a little; with `levels`, rounded to so many values."""
    labels = (rng.random(n) < share).astype(int)
    labels[:2] = 0, 1
    scores = rng.normal(size=n) + gain * labels
    return dict(labels=labels, scores=np.floor(scores * levels) / 8 if levels else scores)


# ---- the curve ----------------------------------------------------------------------------------------------------


def _curve_oracle(labels, scores):
    from sklearn.metrics import roc_curve

    return roc_curve(labels, scores, drop_intermediate=False)[:2]


def counts(labels, scores):
    """(false positives, true positives) at each distinct score, from the largest down, counting score ≥ threshold."""
    at = np.unique(scores)[::-1]
    found = scores >= at[:, None]
    return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)


def _start(x):
    return np.concatenate([[0.0], x])


def _roc(
    count=counts, fp_by=lambda y: (y == 0).sum(), tp_by=lambda y: (y == 1).sum(), start=_start, out=lambda f, t: (f, t)
):
    """The ROC curve with one part exchanged: the counts, what they are divided by, the first point."""

    def wrong(labels, scores):
        fp, tp = count(labels, scores)
        return out(start(fp / fp_by(labels)), start(tp / tp_by(labels)))

    return wrong


def _each_sample(labels, scores):
    order = np.argsort(-scores, kind="stable")
    return np.cumsum(labels[order] == 0), np.cumsum(labels[order] == 1)


def _lucky(labels, scores):
    """Ties one by one, positives first."""
    order = np.lexsort((-labels, -scores))
    return np.cumsum(labels[order] == 0), np.cumsum(labels[order] == 1)


def _strict(labels, scores):
    found = scores > np.unique(scores)[::-1][:, None]
    return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)


def _below(labels, scores):
    found = scores <= np.unique(scores)[:, None]
    return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)


def _unsorted(labels, scores):
    found = scores >= scores[:, None]
    return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)


def _grid(steps):
    def count(labels, scores):
        found = scores >= np.linspace(1, 0, steps)[:, None]
        return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)

    return count


def _corners(labels, scores):
    """scikit-learn's default: points on a straight line left out."""
    from_all = np.stack(_roc()(labels, scores))
    bends = np.any(np.diff(from_all, 2, axis=1) != 0, axis=0)
    return tuple(from_all[:, np.r_[True, bends, True]])


def _precision_recall(labels, scores):
    fp, tp = counts(labels, scores)
    return tp / labels.sum(), tp / (tp + fp)


def _false_discovery(labels, scores):
    fp, tp = counts(labels, scores)
    return _start(fp / (fp + tp)), _start(tp / (labels == 1).sum())


_TIES = "Samples of equal score pass the threshold together: one point for each distinct score."
_RATES = "fpr = FP / all negatives, tpr = TP / all positives, each divided by its own class."
_FIRST = "The curve starts at (0, 0), where nothing is called positive, and ends at (1, 1)."
_DOWN = "Lower the threshold from the largest score to the smallest: both rates then rise."
_GEQ = "A sample is called positive when its score is at least the threshold: ≥."

CURVE_MISTAKES = named(
    ("ties one by one", _TIES, _roc(_each_sample)),
    ("ties one by one, positives first", _TIES, _roc(_lucky)),
    ("thresholds at every sample, unsorted", _DOWN, _roc(_unsorted)),
    ("a grid of 101 thresholds between 1 and 0", "Scores need not lie between 0 and 1: the thresholds are the scores themselves.", _roc(_grid(101))),
    ("a grid of 11 thresholds between 1 and 0", "Scores need not lie between 0 and 1: the thresholds are the scores themselves.", _roc(_grid(11))),
    ("from (1, 1) to (0, 0)", _DOWN, _roc(out=lambda f, t: (f[::-1], t[::-1]))),
    ("low scores called positive", _DOWN, _roc(_below)),
    ("> in place of ≥", _GEQ, _roc(_strict)),
    ("(0, 0) missing", _FIRST, _roc(start=lambda x: x)),
    ("> in place of ≥, (0, 0) not added", _GEQ, _roc(_strict, start=lambda x: x)),
    ("(1, 1) added once more", _FIRST, _roc(start=lambda x: np.concatenate([[0.0], x, [1.0]]))),
    ("points on straight lines left out", "That is scikit-learn's drop_intermediate; here every distinct score has its point.", _corners),
    ("tpr before fpr (or the classes exchanged)", "Return (fpr, tpr) in this order; label 1 is the positive class.", _roc(out=lambda f, t: (t, f))),
    ("counts, not rates", _RATES, _roc(fp_by=lambda y: 1, tp_by=lambda y: 1)),
    ("both divided by the number of samples", _RATES, _roc(fp_by=len, tp_by=len)),
    ("divided by each other's class", _RATES, _roc(fp_by=lambda y: (y == 1).sum(), tp_by=lambda y: (y == 0).sum())),
    ("both divided by the positives", _RATES, _roc(fp_by=lambda y: (y == 1).sum())),
    ("false discoveries, FP/(FP + TP), in place of fpr", _RATES, _false_discovery),
    ("recall and precision", "That is the precision–recall curve.", _precision_recall),
    ("specificity in place of fpr", "fpr = 1 − specificity.", _roc(out=lambda f, t: (1 - f, t))),
    ("miss rate in place of tpr", "tpr is the share that was found, not the share that was missed.", _roc(out=lambda f, t: (f, 1 - t))),
)  # fmt: skip


def _curve_loops(labels, scores):
    negatives, positives = sum(labels == 0), sum(labels == 1)
    fpr, tpr = [0.0], [0.0]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        hits = [y for y, s in zip(labels, scores, strict=True) if s >= threshold]
        fpr.append(hits.count(0) / negatives)
        tpr.append(hits.count(1) / positives)
    return fpr, tpr


def _curve_sorted(labels, scores):
    """One sort, cumulative sums, then the last sample of each run of equal scores."""
    order = np.argsort(-scores)
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    tp = np.cumsum(labels[order])[last]
    fp = 1 + last - tp
    return np.r_[0, fp / fp[-1]], np.r_[0, tp / tp[-1]]


_CURVES = (
    Case("one positive above one negative", lambda rng: labelled([1, 0], [0.8, 0.3])),
    Case("two of each, one pair in the wrong order", lambda rng: labelled([0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9])),
    Case("a positive and a negative tied", lambda rng: labelled([1, 0, 1, 0, 0], [0.9, 0.5, 0.5, 0.5, 0.1])),
    Case("all scores equal", lambda rng: labelled([0, 1, 1, 0, 1], [0.5] * 5)),
    Case("every positive below every negative", lambda rng: labelled([1, 1, 0, 0, 0], [-3, -2, 4, 7, 5])),
    Case("40 samples, scores of any size", lambda rng: drawn(rng, 40)),
    Case("200 samples, many ties, one in ten positive", lambda rng: drawn(rng, 200, 0.1, levels=4)),
    Case("perfectly separated", lambda rng: labelled([0, 1, 0, 1, 1, 0], [1.5, 12, 1, 10, 11, 0.5])),
)

CURVE = Exercise(
    name="roc_curve",
    returns=("fpr", "tpr"),
    oracle=_curve_oracle,
    cases=_CURVES,
    mistakes=CURVE_MISTAKES,
    accepts=(_curve_loops, _curve_sorted, _curve_oracle),
    verified="equal to scikit-learn's roc_curve with every distinct score, ties and scores outside [0, 1] included",
)


# ---- the area -----------------------------------------------------------------------------------------------------


def _auc_oracle(labels, scores):
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def _refuse(labels):
    if len(np.unique(labels)) < 2:
        raise ValueError("both classes are needed")


def _pairs(tie=0.5, refuse=_refuse, out=lambda a: a):
    """The share of pairs (positive, negative) in the right order, a tie counting `tie`."""

    def wrong(labels, scores):
        refuse(labels)
        gap = scores[labels == 1][:, None] - scores[labels == 0]
        return out(float(((gap > 0) + tie * (gap == 0)).mean()))

    return wrong


def _area(f, t):
    return float(np.sum(np.diff(f) * (t[1:] + t[:-1]) / 2))


def _checked(function):
    def wrong(labels, scores):
        _refuse(labels)
        return function(labels, scores)

    return wrong


def _of(roc, area=_area):
    return _checked(lambda y, s: area(*map(np.asarray, roc(y, s))))


def _ranked(rank):
    """Mann and Whitney's statistic from one rank or another."""

    def wrong(labels, scores):
        ranks, p = rank(scores), (labels == 1).sum()
        return float((ranks[labels == 1].sum() - p * (p + 1) / 2) / (p * (len(labels) - p)))

    return _checked(wrong)


def _ordinal(scores):
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def _rank_min(scores):
    return 1 + (scores[:, None] > scores).sum(axis=1)


def _rank_max(scores):
    return (scores[:, None] >= scores).sum(axis=1)


def _rank_dense(scores):
    return np.unique(scores, return_inverse=True)[1] + 1


def _as_given(labels, scores):
    """A threshold at every sample in the order given: points that run to and fro."""
    f, t = _roc(_unsorted)(labels, scores)
    return f, t


def _average_precision(labels, scores):
    fp, tp = counts(labels, scores)
    recall = _start(tp / labels.sum())
    return float(np.sum(np.diff(recall) * tp / (tp + fp)))


def _trapezoid_precision(labels, scores):
    fp, tp = counts(labels, scores)
    return _area(_start(tp / labels.sum()), np.concatenate([[1.0], tp / (tp + fp)]))


def _at_half(labels, scores):
    found = scores >= 0.5
    return float((found[labels == 1].mean() + 1 - found[labels == 0].mean()) / 2)


def _no_refusal(value):
    def wrong(labels, scores):
        return _pairs()(labels, scores) if len(np.unique(labels)) == 2 else value

    return wrong


_HALF = "A positive and a negative of equal score count one half: a trapezoid over the tie, or ranks that are averaged."
_ONE_CLASS = "With one class there is no pair to compare: raise ValueError."

AUC_MISTAKES = named(
    ("ties count 1", _HALF, _pairs(1.0)),
    ("ties count 0", _HALF, _pairs(0.0)),
    ("ties one by one, in the order given", _HALF, _of(_roc(_each_sample))),
    ("ordinal ranks for ties", _HALF, _ranked(_ordinal)),
    ("the smallest rank for all of a tie", _HALF, _ranked(_rank_min)),
    ("the largest rank for all of a tie", _HALF, _ranked(_rank_max)),
    ("dense ranks", _HALF, _ranked(_rank_dense)),
    ("trapezoids over unsorted points", "Sort by score first: the points of the curve have to follow one another.", _of(_as_given)),
    ("no ValueError, NaN for one class", _ONE_CLASS, _no_refusal(float("nan"))),
    ("no ValueError, 0 for one class", _ONE_CLASS, _no_refusal(0.0)),
    ("no ValueError, 0.5 for one class", _ONE_CLASS, _no_refusal(0.5)),
    ("no ValueError, 1 for one class", _ONE_CLASS, _no_refusal(1.0)),
    ("1 − AUC (axes or classes exchanged)", "fpr belongs on the horizontal axis, tpr on the vertical one: good scores give an area near 1.", _pairs(out=lambda a: 1 - a)),
    ("sign of the area", "Integrate with a rising fpr.", _pairs(out=lambda a: -a)),
    ("never below one half", "An AUC below 0.5 is a finding: the scores are the wrong way round.", _pairs(out=lambda a: max(a, 1 - a))),
    ("Gini coefficient, 2·AUC − 1", "The question asks for the area itself.", _pairs(out=lambda a: 2 * a - 1)),
    ("number of pairs, not their share", "Divide by the number of pairs, positives times negatives.",
     _checked(lambda y, s: _pairs()(y, s) * (y == 1).sum() * (y == 0).sum())),
    ("divided by all pairs of samples", "Divide by the pairs of one positive and one negative.",
     _checked(lambda y, s: _pairs()(y, s) * (y == 1).sum() * (y == 0).sum() / (len(y) * (len(y) - 1) / 2))),
    ("(0, 0) missing", _FIRST, _of(_roc(start=lambda x: x))),
    ("points summed, not areas", "The area is Σ Δfpr · mean tpr; points are not equally far apart.", _of(_roc(), lambda f, t: float(t.mean()))),
    ("average precision", "That is the area under the precision–recall curve.", _checked(_average_precision)),
    ("trapezoids under the precision–recall curve", "The question asks for the ROC curve.", _checked(_trapezoid_precision)),
    ("one threshold at 0.5", "AUC has no threshold: it runs over all of them.", _checked(_at_half)),
)  # fmt: skip


def _auc_loops(labels, scores):
    positives = [s for s, y in zip(scores, labels, strict=True) if y]
    negatives = [s for s, y in zip(scores, labels, strict=True) if not y]
    if not positives or not negatives:
        raise ValueError("AUC compares a positive with a negative; one class is missing")
    return sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives) / len(positives) / len(negatives)


def _auc_ranks(labels, scores):
    if labels.min() == labels.max():
        raise ValueError
    return _ranked(lambda s: (_rank_min(s) + _rank_max(s)) / 2)(labels, scores)


def _auc_trapezoid(labels, scores):
    if not 0 < labels.sum() < len(labels):
        raise ValueError("one class")
    f, t = _curve_sorted(labels, scores)
    return np.trapezoid(t, f)


AUC = Exercise(
    name="roc_auc",
    returns=("area",),
    oracle=_auc_oracle,
    cases=(
        *_CURVES,
        Case("positives only", lambda rng: labelled([1, 1, 1], [0.2, 0.5, 0.1]), raises="ValueError"),
        Case("negatives only", lambda rng: labelled([0, 0], [0.2, 0.5]), raises="ValueError"),
    ),
    mistakes=AUC_MISTAKES,
    accepts=(_auc_loops, _auc_ranks, _auc_trapezoid),
    verified="equal to scikit-learn's roc_auc_score, ties and reversed scores included; ValueError for one class",
)  # fmt: skip
