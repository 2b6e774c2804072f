"""Matching, curve and areas, right in several styles and wrong in many; what is another convention is called so."""

import numpy as np

from utils.exercises.iou_nms import boxes as parts
from utils.exercises.iou_nms.boxes import IOU_MISTAKES, iou

# ---- matching ------------------------------------------------------------------------------------------------------


def _falling(scores):
    return np.argsort(-scores, kind="stable")


def _voc(over, free):
    """The truth that a detection looks at: the best of all, taken or not."""
    return int(np.argmax(over))


def _coco(over, free):
    """The best of those that are still free."""
    return int(np.argmax(np.where(free, over, -1.0)))


def match(boxes, scores, truths, threshold=0.5, *, overlap=iou, looks=_voc, enough=np.greater_equal, order=_falling,
           taken="when hit", result=lambda hits, order: hits):  # fmt: skip
    hits, free = np.zeros(len(boxes), dtype=bool), np.ones(len(truths), dtype=bool)
    over = overlap(boxes, truths)
    for i in order(scores) if len(truths) else ():
        best = looks(over[i], free)
        hits[i] = bool(enough(over[i, best], threshold)) and bool(free[best])
        if hits[i] or taken == "when seen":
            free[best] = taken == "never"
    return result(hits, order(scores))


def _match_with(**changed):
    return lambda b, s, t, threshold=0.5: match(b, s, t, threshold, **changed)


def _first_enough(boxes, scores, truths, threshold=0.5):
    return match(boxes, scores, truths, threshold, looks=lambda over, free: int(np.argmax(free & (over >= threshold))))


def _truths_choose(boxes, scores, truths, threshold=0.5):
    """Every truth takes the detection that overlaps it most."""
    hits, over = np.zeros(len(boxes), dtype=bool), iou(boxes, truths)
    for column in over.T if len(boxes) else ():
        hits[np.argmax(column)] |= column.max() >= threshold
    return hits


def _largest_total(boxes, scores, truths, threshold=0.5):
    """The one-to-one matching of the largest total IoU, by trying all of the few that the cases allow."""
    from itertools import permutations

    hits, over = np.zeros(len(boxes), dtype=bool), iou(boxes, truths)
    if len(truths) > 4 or len(boxes) > 8 or len(boxes) < len(truths):
        return match(boxes, scores, truths, threshold, looks=_coco)
    pick = max(permutations(range(len(boxes)), len(truths)), key=lambda p: sum(over[i, j] for j, i in enumerate(p)))
    hits[[i for j, i in enumerate(pick) if over[i, j] >= threshold]] = True
    return hits


_ONCE = "One truth counts once: the detection of the best score takes it, all later ones are false positives."
_LOOKS = "VOC: a detection looks at the truth of its largest IoU, taken or not, and is false when that one is taken."
_IN_PLACE = "Visit the detections by score, but write each answer at the detection's own place."

MATCH_MISTAKES = {
    "a truth matched twice": (_ONCE, _match_with(taken="never")),
    "greedy in the given order": ("Visit the detections by falling score.", _match_with(order=lambda s: np.arange(len(s)))),
    "the lowest score first": ("Visit the detections by falling score.", _match_with(order=lambda s: _falling(s)[::-1])),
    "COCO's matcher: the best truth that is still free": (
        "That is COCO's rule. " + _LOOKS, _match_with(looks=_coco)),
    "the first truth above the threshold": (_LOOKS, _first_enough),
    "> in place of ≥ (py-faster-rcnn's voc_eval)": (
        "VOC's devkit and COCO count an IoU of exactly the threshold as a hit; some Python copies of it do not.",
        _match_with(enough=np.greater)),
    "a miss takes the truth too": ("A truth is taken by a hit only, not by a detection that looked at it.", _match_with(taken="when seen")),
    "each truth chooses its best detection by IoU": ("The score decides who comes first, not the IoU.", _truths_choose),
    "the matching of the largest total IoU": ("The score decides who comes first: greedy, not optimal.", _largest_total),
    "in the order of the scores": (_IN_PLACE, _match_with(result=lambda hits, order: hits[order])),
    "1 and 0 in place of True and False": ("Return a boolean array.", _match_with(result=lambda hits, order: hits.astype(int))),
    "the matched detections' indices": ("Return True or False for each detection.", _match_with(
        result=lambda hits, order: np.flatnonzero(hits))),
    "threshold fixed at 0.5": ("Compare with the threshold that is passed in.", lambda b, s, t, threshold=0.5: match(b, s, t)),
    **{f"IoU: {name}": (advice, _match_with(overlap=wrong)) for name, (advice, wrong) in IOU_MISTAKES.items()
       if name not in ("the product clipped, not the sides", "negative overlap of disjoint boxes not clipped")},
    "IoU: sides not clipped at 0": (IOU_MISTAKES["the product clipped, not the sides"][0], _match_with(
        overlap=IOU_MISTAKES["the product clipped, not the sides"][1])),
}  # fmt: skip


def match_with_sets(boxes, scores, truths, threshold=0.5):
    taken, answer = set(), {}
    for _, i in sorted(zip(scores.tolist(), range(len(boxes)), strict=True), reverse=True):
        row = parts.iou_loops(boxes[[i]], truths)[0].tolist()
        best = row.index(max(row)) if row else None
        answer[i] = best is not None and row[best] >= threshold and best not in taken
        taken |= {best} if answer[i] else set()
    return [answer[i] for i in range(len(boxes))]


# ---- the curve -----------------------------------------------------------------------------------------------------


def curve(scores, hits, n_truths, *, order=_falling, precision=lambda tp, fp, n: tp / (tp + fp),
           recall=lambda tp, n, total: tp / total, result=lambda p, r, order: (p, r)):  # fmt: skip
    order = order(scores)
    tp, fp = np.cumsum(hits[order]), np.cumsum(~hits[order])
    return result(precision(tp, fp, len(scores)), recall(tp, len(scores), n_truths), order)


def _curve_with(**changed):
    return lambda scores, hits, n_truths: curve(scores, hits, n_truths, **changed)


def _merged(scores, hits, n_truths):
    """Equal scores as one point, as scikit-learn has them."""
    p, r = curve(scores, hits, n_truths)
    last = np.append(np.diff(scores[_falling(scores)]) != 0, True)[: len(p)]
    return p[last], r[last]


def _unsorted(p, r, order):
    back = np.argsort(order)
    return p[back], r[back]


def _fixed(value):
    return np.vectorize(float)(value) if np.size(value) else np.zeros(0)


_CUMULATIVE = "Point k counts all detections up to the k-th: cumulative sums, for hits and for false ones."
_OVER_TRUTHS = "Recall is over all truths, those that nothing found included: divide by n_truths."
_SORT = "Sort scores and hits by falling score before you count."

CURVE_MISTAKES = {
    "recall over the number of detections": (_OVER_TRUTHS, _curve_with(recall=lambda tp, n, total: tp / max(n, 1))),
    "recall over the truths that were found": (
        _OVER_TRUTHS + " scikit-learn divides by the positives that it is given, and never hears of the others.",
        _curve_with(recall=lambda tp, n, total: tp / max(tp[-1], 1) if len(tp) else tp / 1)),
    "precision not cumulative": (_CUMULATIVE, _curve_with(precision=lambda tp, fp, n: _fixed(np.diff(tp, prepend=0)))),
    "precision over all detections": (_CUMULATIVE, _curve_with(precision=lambda tp, fp, n: tp / max(n, 1))),
    "the share of false ones": ("precision = hits / (hits + false ones).", _curve_with(precision=lambda tp, fp, n: fp / (tp + fp))),
    "hits over false ones": ("precision = hits / (hits + false ones), which is the rank.", _curve_with(precision=lambda tp, fp, n: tp / np.maximum(fp, 1))),
    "not sorted by score": (_SORT, _curve_with(order=lambda s: np.arange(len(s)))),
    "the lowest score first": (_SORT, _curve_with(order=lambda s: np.argsort(s, kind="stable"))),
    "equal scores in the reverse order": (
        "np.argsort(s)[::-1] reverses the order of ties: sort −scores with kind='stable'.",
        _curve_with(order=lambda s: np.argsort(s, kind="stable")[::-1])),
    "equal scores as one point (scikit-learn)": (
        "scikit-learn gives one point for each distinct score; here one for each detection, ties in the given order.", _merged),
    "in the given order of detections": ("Return the curve: points by falling score.", _curve_with(result=_unsorted)),
    "recall first": ("Return (precision, recall).", _curve_with(result=lambda p, r, order: (r, p))),
    "a point at recall 0 added": ("Return one point for each detection; the area's code may add its own ends.", _curve_with(
        result=lambda p, r, order: (np.append(1.0, p), np.append(0.0, r)))),
    "by rising recall, reversed": ("Points come by falling score: recall rises.", _curve_with(
        result=lambda p, r, order: (p[::-1], r[::-1]))),
    "the envelope already taken": ("Return the curve as it is; the envelope belongs to the area.", _curve_with(
        result=lambda p, r, order: (np.maximum.accumulate(p[::-1])[::-1], r))),
}  # fmt: skip


def curve_loops(scores, hits, n_truths):
    precision, recall, right = [], [], 0
    ranked = sorted(zip(scores.tolist(), hits.tolist(), strict=True), key=lambda pair: -pair[0])
    for k, (_, hit) in enumerate(ranked, start=1):
        right += hit
        precision.append(right / k)
        recall.append(right / n_truths)
    return precision, recall


# ---- the areas -----------------------------------------------------------------------------------------------------


def envelope(p):
    return np.maximum.accumulate(p[::-1])[::-1]


def steps(p, r, start=0.0):
    return float(np.sum(np.diff(r, prepend=start) * p))


def trapezoids(p, r):
    return float(np.sum(np.diff(r) * (p[1:] + p[:-1]) / 2))


def points(grid, *, envelope=envelope, beyond=None, reached=np.greater_equal, total=np.mean):
    """The mean over a grid of recalls of the precision at the first point that reaches each."""

    def area(precision, recall):
        if not len(precision):
            return 0.0
        p, at = envelope(precision), reached(recall, np.asarray(grid)[:, None])
        return float(total(np.where(at.any(axis=1), p[at.argmax(axis=1)], beyond(p) if beyond else 0.0)))

    return area


def _linear(precision, recall):
    p = envelope(precision)
    return float(np.mean(np.interp(np.arange(101) / 100, recall, p, right=0.0))) if len(p) else 0.0


def or_zero(function):
    return lambda precision, recall: function(precision, recall) if len(precision) else 0.0


_11, _101 = np.arange(11) / 10, np.arange(101) / 100
_ENVELOPE = "First the envelope: precision at a recall is the largest at that recall *or any higher one* (maximum from the right)."
_RECTANGLES = "The envelope is a staircase: sum (rₖ − rₖ₋₁)·pₖ with r₀ = 0. Trapezoids cut its corners."
_NAMED_11 = "That is VOC 2007's rule: the mean at recall 0, 0.1, …, 1. "
_NAMED_101 = "That is COCO's rule: the mean at 101 recalls. "
_VOC_2010 = "Here every change of recall counts (VOC 2010 and later)."
_HERE_101 = "Here: the mean of the envelope at recall 0, 0.01, …, 1."

_SHARED_AREA = {
    "11 points (VOC 2007)": (_NAMED_11, points(_11)),
    "no envelope (scikit-learn's average_precision_score)": (
        "That is scikit-learn's sum over steps, on the raw curve. " + _ENVELOPE, or_zero(steps)),
    "trapezoids under the raw curve": (_RECTANGLES, or_zero(trapezoids)),
    "trapezoids from the point (0, 1)": (_RECTANGLES, or_zero(lambda p, r: trapezoids(np.append(1, p), np.append(0, r)))),
    "envelope from the left": (_ENVELOPE, or_zero(lambda p, r: steps(np.maximum.accumulate(p), r))),
    "minimum in place of maximum": (_ENVELOPE, or_zero(lambda p, r: steps(np.minimum.accumulate(p), r))),
    "the mean of the precisions": ("Weight each precision by the recall that it stands for.", or_zero(lambda p, r: float(p.mean()))),
    "the mean of the envelope over the detections": ("Weight each precision by the recall that it stands for.", or_zero(
        lambda p, r: float(envelope(p).mean()))),
    "the mean precision at the hits": ("Truths that nothing found count as precision 0: they are part of recall up to 1.", or_zero(
        lambda p, r: float(np.mean(p[np.diff(r, prepend=0) > 0])) if r.any() else 0.0)),
    "the largest F1": ("F1 is one point of the curve; AP is an area.", or_zero(
        lambda p, r: float(np.max(2 * p * r / np.maximum(p + r, 1e-12))))),
}  # fmt: skip
AREA_MISTAKES = {
    "101 points (COCO)": (_NAMED_101 + _VOC_2010, points(_101)),
    **{name: (advice + (_VOC_2010 if advice is _NAMED_11 else ""), wrong) for name, (advice, wrong) in _SHARED_AREA.items()},
    "the step from recall 0 left out": ("The staircase begins at recall 0: put a 0 before the recalls.", or_zero(
        lambda p, r: float(np.sum(np.diff(r) * envelope(p)[1:])))),
    "divided by the last recall": ("Recalls that were never reached count as 0: the area is over 0 to 1.", or_zero(
        lambda p, r: steps(envelope(p), r) / max(r[-1], 1e-12))),
    "the last precision held to recall 1": ("Beyond the last recall precision is 0.", or_zero(
        lambda p, r: steps(envelope(p), r) + float((1 - r[-1]) * p[-1]))),
    "sum over rising recall in the wrong variable": ("Integrate precision over recall, not recall over precision.", or_zero(
        lambda p, r: float(abs(np.sum(np.diff(envelope(p), prepend=0) * r))))),
}  # fmt: skip
COCO_MISTAKES = {
    "every change of recall (VOC 2010)": ("That is VOC's area since 2010. " + _HERE_101, or_zero(lambda p, r: steps(envelope(p), r))),
    **{name: (advice + (_HERE_101 if advice is _NAMED_11 else ""), wrong) for name, (advice, wrong) in _SHARED_AREA.items()},
    "101 points, no envelope": (_ENVELOPE, points(_101, envelope=lambda p: p)),
    "101 points, envelope from the left": (_ENVELOPE, points(_101, envelope=np.maximum.accumulate)),
    "100 points, without recall 0": (_HERE_101 + " Recall 0 is one of them.", points(_101[1:])),
    "100 points, without recall 1": (_HERE_101 + " Recall 1 is one of them.", points(_101[:-1])),
    "1001 points": (_HERE_101, points(np.arange(1001) / 1000)),
    "recalls strictly beyond the point": ("At recall g counts the first point with recall ≥ g (searchsorted, side='left').", points(
        _101, reached=np.greater)),
    "straight lines between the points": ("The envelope is a staircase: no interpolation between points.", _linear),
    "the last precision beyond the last recall": ("Recalls that were never reached count as 0.", points(_101, beyond=lambda p: p[-1])),
    "the mean over the reached recalls only": ("Recalls that were never reached count as 0; the mean is over all 101.", lambda p, r: points(
        _101[_101 <= r[-1]])(p, r) if len(p) else 0.0),
    "the sum over the points": ("The mean of the 101 values.", points(_101, total=np.sum)),
    "the sum over 100": ("There are 101 points: divide by 101.", points(_101, total=lambda v: np.sum(v) / 100)),
}  # fmt: skip


def area_by_trapezoids(precision, recall):
    """Right too: a hit never lowers precision, so the envelope is level wherever recall changes."""
    p, r = envelope(np.append(0.0, precision)), np.append(0.0, recall)
    return trapezoids(p, r)


def area_by_truths(precision, recall):
    """One truth after the other: the best precision at which at least that many are found."""
    changes = [k for k in range(len(recall)) if recall[k] > (recall[k - 1] if k else 0)]
    widths = [recall[k] - (recall[k - 1] if k else 0) for k in changes]
    return sum(w * max(precision[k:]) for w, k in zip(widths, changes, strict=True))


def coco_by_search(precision, recall):
    where = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return np.append(envelope(precision), 0.0)[where].mean()
