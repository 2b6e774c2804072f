"""The F score and the threshold that makes it largest: oracles by scikit-learn, mistakes, styles, cases."""

import math
from fractions import Fraction

import numpy as np

from utils.exercises.roc_and_pr.curves import counts, drawn, labelled, named
from utils.grading.spec import Case, Exercise

# ---- the F score --------------------------------------------------------------------------------------------------


def _f_oracle(labels, predictions, beta=1.0):
    from sklearn.metrics import fbeta_score

    return float(fbeta_score(labels, predictions, beta=beta, zero_division=0))


def _table(y, p):
    """True positives, false positives, false negatives."""
    return ((y == 1) & (p == 1)).sum(), ((y == 0) & (p == 1)).sum(), ((y == 1) & (p == 0)).sum()


def _f(formula, empty=0.0, guard=lambda tp, fp, fn: tp + fp + fn == 0, table=_table):
    """An F score with one part exchanged: the formula in TP, FP, FN and β, the value where nothing is there."""

    def wrong(labels, predictions, beta=1.0):
        tp, fp, fn = table(labels, predictions)
        return empty if guard(tp, fp, fn) else float(formula(tp, fp, fn, beta))

    return wrong


def _fbeta(tp, fp, fn, b):
    return (1 + b**2) * tp / ((1 + b**2) * tp + b**2 * fn + fp)


def _by_pr(value):
    """A formula in precision and recall, each 0 where it would be 0/0."""

    def formula(tp, fp, fn, b):
        p = tp / (tp + fp) if tp + fp else 0.0
        r = tp / (tp + fn) if tp + fn else 0.0
        return value(p, r, b) if p + r else 0.0

    return formula


def _unguarded(labels, predictions, beta=1.0):
    tp, fp, fn = _table(labels, predictions)
    p, r = tp / (tp + fp), tp / (tp + fn)
    return float((1 + beta**2) * p * r / (beta**2 * p + r))


def _python_division(labels, predictions, beta=1.0):
    tp, fp, fn = map(int, _table(labels, predictions))
    p, r = tp / (tp + fp), tp / (tp + fn)
    return (1 + beta**2) * p * r / (beta**2 * p + r)


def _both_classes(labels, predictions, beta=1.0):
    f = _f(_fbeta)
    return (f(labels, predictions, beta) + f(1 - labels, 1 - predictions, beta)) / 2


def _accuracy(labels, predictions, beta=1.0):
    return float((labels == predictions).mean())


_SQUARED = "(1 + β²)·P·R / (β²·P + R): β counts squared, and above the line too."
_RECALL = "β > 1 favours recall: β² stands beside the precision below the line, beside FN in counts."
_EMPTY = "Where nothing is found and nothing is there to find the contract says 0; scikit-learn calls it zero_division."
_NO_HIT = "Without a true positive precision, recall or their sum is 0/0; the score is then 0. In counts only TP + FP + FN = 0 needs care."
_HARMONIC = "F is the harmonic mean of precision and recall: the smaller one rules."

F_MISTAKES = named(
    ("β not squared", _SQUARED, _f(lambda tp, fp, fn, b: (1 + b) * tp / ((1 + b) * tp + b * fn + fp))),
    ("β squared below the line only", _SQUARED, _f(_by_pr(lambda p, r, b: (1 + b) * p * r / (b**2 * p + r)))),
    ("2 in place of 1 + β²", _SQUARED, _f(_by_pr(lambda p, r, b: 2 * p * r / (b**2 * p + r)))),
    ("β² above the line only", _SQUARED, _f(_by_pr(lambda p, r, b: (1 + b**2) * p * r / (p + r)))),
    ("precision and recall exchanged (or labels and predictions)", _RECALL, _f(_by_pr(lambda p, r, b: (1 + b**2) * p * r / (p + b**2 * r)))),
    ("β ignored (F1)", "Use the argument: 1 is only its default.", lambda y, p, b=1.0: _f(_fbeta)(y, p, 1.0)),
    ("NaN where nothing is found and nothing is there", _EMPTY, _f(_fbeta, guard=lambda tp, fp, fn: False)),
    ("ZeroDivisionError where nothing is found and nothing is there", _EMPTY, lambda y, p, b=1.0: _fbeta(*map(int, _table(y, p)), b)),
    ("NaN without a true positive", _NO_HIT, _unguarded),
    ("ZeroDivisionError without a true positive", _NO_HIT, _python_division),
    ("1 where nothing is there", _EMPTY, _f(_fbeta, 1.0)),
    ("1 where nothing was found", _EMPTY, _f(_fbeta, 1.0, lambda tp, fp, fn: tp + fp == 0)),
    ("1 where nothing is there to find", _EMPTY, _f(_fbeta, 1.0, lambda tp, fp, fn: tp + fn == 0)),
    ("arithmetic mean", _HARMONIC, _f(_by_pr(lambda p, r, b: (p + b**2 * r) / (1 + b**2)))),
    ("arithmetic mean, β ignored", _HARMONIC, _f(_by_pr(lambda p, r, b: (p + r) / 2))),
    ("geometric mean", _HARMONIC, _f(_by_pr(lambda p, r, b: math.sqrt(p * r)))),
    ("product of precision and recall", _HARMONIC, _f(_by_pr(lambda p, r, b: p * r))),
    ("the factor 1 + β² forgotten", _SQUARED, _f(_by_pr(lambda p, r, b: p * r / (b**2 * p + r)))),
    ("precision", _HARMONIC, _f(_by_pr(lambda p, r, b: p))),
    ("recall", _HARMONIC, _f(_by_pr(lambda p, r, b: r))),
    ("Jaccard index (IoU)", "IoU is TP/(TP + FP + FN); F1 counts TP twice above and below.", _f(lambda tp, fp, fn, b: tp / (tp + fp + fn))),
    ("accuracy", "True negatives do not enter the F score.", _accuracy),
    ("macro average of both classes", "Label 1 is the positive class, and the only one that is scored.", _both_classes),
    ("the negative class scored", "Label 1 is the positive class.", lambda y, p, b=1.0: _f(_fbeta)(1 - y, 1 - p, b)),
)  # fmt: skip


def _f_loops(labels, predictions, beta=1.0):
    found = [y for y, p in zip(labels.tolist(), predictions.tolist(), strict=True) if p]
    hits = found.count(1)
    if not hits:
        return 0.0
    p, r = hits / len(found), hits / labels.tolist().count(1)
    return 1 / (1 / (1 + beta**2) / p + beta**2 / (1 + beta**2) / r)


def _f_counts(labels, predictions, beta=1.0):
    tp = float(labels @ predictions)
    below = beta**2 * labels.sum() + predictions.sum()
    return (1 + beta**2) * tp / max(below, 1)


def _guess(labels, predictions, **more):
    return dict(labels=np.array(labels), predictions=np.array(predictions)) | more


def _guesses(rng, n, share, **more):
    labels = (rng.random(n) < share).astype(int)
    return _guess(labels, np.where(rng.random(n) < 0.7, labels, rng.integers(0, 2, n)), **more)


F_SCORE = Exercise(
    name="f_score",
    returns=("score",),
    oracle=_f_oracle,
    cases=(
        Case("two found of three, one false alarm", lambda rng: _guess([1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0])),
        Case("precision 1, recall 1/4", lambda rng: _guess([1, 1, 1, 1, 0], [1, 0, 0, 0, 0])),
        Case("recall favoured: β = 2", lambda rng: _guess([1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], beta=2.0)),
        Case("precision favoured: β = 0.5", lambda rng: _guess([1, 0, 0, 1, 0], [1, 1, 1, 1, 0], beta=0.5)),
        Case("nothing found, nothing to find", lambda rng: _guess([0, 0, 0], [0, 0, 0])),
        Case("nothing found", lambda rng: _guess([0, 1, 1], [0, 0, 0])),
        Case("nothing to find", lambda rng: _guess([0, 0, 0, 0], [0, 1, 0, 1], beta=2.0)),
        Case("found what was not there, missed what was", lambda rng: _guess([0, 1, 0, 1], [1, 0, 0, 0])),
        Case("everything right", lambda rng: _guess([0, 1, 1, 0], [0, 1, 1, 0], beta=3.0)),
        Case("300 samples, one in ten positive", lambda rng: _guesses(rng, 300, 0.1, beta=1.5)),
    ),
    mistakes=F_MISTAKES,
    accepts=(_f_loops, _f_counts, _f_oracle),
    verified="equal to scikit-learn's fbeta_score with zero_division=0; β of 0.5 to 3, and every way to have nothing",
)  # fmt: skip


# ---- the best threshold -------------------------------------------------------------------------------------------


def _threshold_oracle(labels, scores):
    """scikit-learn's counts, compared as fractions so that equal scores are equal."""
    from sklearn.metrics import confusion_matrix

    def f1(threshold):
        (_, fp), (fn, tp) = confusion_matrix(labels, scores >= threshold, labels=[0, 1]).tolist()
        return Fraction(2 * tp, 2 * tp + fp + fn)

    return float(max(np.unique(scores)[::-1], key=f1))


def _best(value=lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn), count=counts, at=lambda s: np.unique(s)[::-1], last=False,
          out=lambda at, values, i: at[i]):  # fmt: skip
    """The best threshold with one part exchanged: what is maximised, the counts, the candidates, the choice among equals."""

    def wrong(labels, scores):
        fp, tp = count(labels, scores)
        with np.errstate(all="ignore"):
            values = value(tp, fp, (labels == 1).sum() - tp, (labels == 0).sum() - fp)
        values = np.nan_to_num(np.asarray(values, dtype=float), nan=0.0)
        i = len(values) - 1 - np.argmax(values[::-1]) if last else np.argmax(values)
        return float(out(at(scores), values, i))

    return wrong


def _each(labels, scores):
    order = np.argsort(-scores, kind="stable")
    return np.cumsum(labels[order] == 0), np.cumsum(labels[order] == 1)


def _above(labels, scores):
    found = scores > np.unique(scores)[::-1][:, None]
    return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)


def _under(labels, scores):
    found = scores <= np.unique(scores)[:, None]
    return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)


def _on_grid(steps):
    grid = np.linspace(1, 0, steps)

    def count(labels, scores):
        found = scores >= grid[:, None]
        return (found & (labels == 0)).sum(axis=1), (found & (labels == 1)).sum(axis=1)

    return _best(count=count, at=lambda s: grid)


def _middle(at, values, i):
    """Halfway to the next lower score."""
    return (at[i] + at[min(i + 1, len(at) - 1)]) / 2


_GEQ = "The threshold is used as score ≥ threshold: its own sample is called positive."
_F1 = "What is maximised is F1 = 2TP/(2TP + FP + FN)."
_LARGEST = "Among thresholds with equal F1 take the largest score."
_TIES = "Samples of equal score are called positive together: judge a threshold after all of them."
_ITSELF = "Return one of the scores, not its place nor a value between two."

THRESHOLD_MISTAKES = named(
    ("> in place of ≥", _GEQ, _best(count=_above)),
    ("smallest of equals", _LARGEST, _best(last=True)),
    ("ties one by one", _TIES, _best(count=_each, at=lambda s: np.sort(s)[::-1])),
    ("halfway to the next score", _ITSELF, _best(out=_middle)),
    ("the F1 in place of the threshold", _ITSELF, _best(out=lambda at, values, i: values[i])),
    ("index in place of the threshold", _ITSELF, _best(out=lambda at, values, i: i)),
    ("low scores called positive", _GEQ, _best(count=_under, at=np.unique)),
    ("largest accuracy", _F1, _best(lambda tp, fp, fn, tn: tp + tn)),
    ("largest tpr − fpr (Youden)", _F1, _best(lambda tp, fp, fn, tn: tp / (tp + fn) - fp / (fp + tn))),
    ("largest precision", _F1, _best(lambda tp, fp, fn, tn: tp / (tp + fp))),
    ("largest recall", _F1, _best(lambda tp, fp, fn, tn: tp / (tp + fn))),
    ("precision nearest to recall", _F1, _best(lambda tp, fp, fn, tn: -np.abs(tp / (tp + fp) - tp / (tp + fn)))),
    ("largest product of precision and recall", _F1, _best(lambda tp, fp, fn, tn: tp / (tp + fp) * tp / (tp + fn))),
    ("largest sum of precision and recall", _F1, _best(lambda tp, fp, fn, tn: tp / (tp + fp) + tp / (tp + fn))),
    ("largest F2", _F1, _best(lambda tp, fp, fn, tn: 5 * tp / (5 * tp + 4 * fn + fp))),
    ("largest F0.5", _F1, _best(lambda tp, fp, fn, tn: 1.25 * tp / (1.25 * tp + 0.25 * fn + fp))),
    ("F1 of the negative class", "Label 1 is the positive class.", _best(lambda tp, fp, fn, tn: 2 * tn / (2 * tn + fp + fn))),
    ("smallest F1", _F1, _best(lambda tp, fp, fn, tn: -2 * tp / (2 * tp + fp + fn))),
    ("a grid of 101 thresholds between 1 and 0", "Scores may lie anywhere: try the scores themselves.", _on_grid(101)),
    ("a grid of 11 thresholds between 1 and 0", "Scores may lie anywhere: try the scores themselves.", _on_grid(11)),
    ("0.5 whatever the scores", _F1, lambda y, s: 0.5),
)  # fmt: skip


def _threshold_loops(labels, scores):
    best, found = -1.0, None
    for threshold in sorted(set(scores.tolist()), reverse=True):
        hits = sum(y for y, s in zip(labels.tolist(), scores, strict=True) if s >= threshold)
        called = sum(s >= threshold for s in scores)
        p, r = hits / called, hits / max(labels.sum(), 1)
        f1 = 2 * p * r / (p + r) if p + r else 0.0
        if f1 > best:
            best, found = f1, threshold
    return found


def _threshold_sorted(labels, scores):
    order = np.lexsort((labels, -scores))
    s, tp = scores[order], np.cumsum(labels[order])
    f1 = 2 * tp / (np.arange(1, len(s) + 1) + labels.sum())
    f1[:-1][s[:-1] == s[1:]] = -1  # inside a run of equal scores
    return s[np.argmax(f1)]


THRESHOLD = Exercise(
    name="best_threshold",
    returns=("threshold",),
    oracle=_threshold_oracle,
    cases=(
        Case("one positive above one negative", lambda rng: labelled([1, 0], [0.8, 0.3])),
        Case("two thresholds with F1 = 2/3", lambda rng: labelled([1, 0, 0, 1], [0.9, 0.6, 0.4, 0.2])),
        Case("a tie that must be taken whole", lambda rng: labelled([1, 1, 0, 0, 0, 1, 0], [0.9, 0.5, 0.5, 0.5, 0.5, 0.7, 0.1])),
        Case("more negatives than positives", lambda rng: labelled(
            [1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0], [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])),
        Case("a positive at the very end", lambda rng: labelled(
            [1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1], [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14])),
        Case("all scores equal", lambda rng: labelled([0, 1, 1, 0, 1], [-2.5] * 5)),
        Case("no positive: every F1 is 0", lambda rng: labelled([0, 0, 0], [0.2, 0.7, 0.4])),
        Case("no negative", lambda rng: labelled([1, 1, 1], [3, 1, 2])),
        Case("20 samples, scores of any size", lambda rng: drawn(rng, 20, 0.3, gain=1.5)),
        Case("100 samples, many ties, one in ten positive", lambda rng: drawn(rng, 100, 0.1, levels=4, gain=2.0)),
        Case("15 samples, two in five positive", lambda rng: drawn(rng, 15, 0.4)),
        Case("mostly positive", lambda rng: drawn(rng, 20, 0.8)),
    ),
    mistakes=THRESHOLD_MISTAKES,
    accepts=(_threshold_loops, _threshold_sorted, _threshold_oracle),
    verified="the F1 of every distinct score was compared, ties among samples and among scores included",
)  # fmt: skip
