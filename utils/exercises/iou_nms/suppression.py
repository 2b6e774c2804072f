"""Greedy NMS, NMS by class and Soft-NMS, right in several styles and wrong in many."""

import numpy as np

from utils.exercises.iou_nms.boxes import IOU_MISTAKES, IOU_ONLY, iou


def falling(scores):
    return np.argsort(-scores, kind="stable")


def greedy(boxes, scores, threshold, overlap=iou, dropped=np.greater, order=falling, judges=lambda kept: kept):
    """Indices kept; `judges` says which of those kept so far a new box is compared with."""
    over, kept = dropped(overlap(boxes, boxes), threshold), []
    for i in order(scores).tolist():
        if not over[i, judges(kept)].any():
            kept.append(i)
    return np.array(kept, dtype=int)


def _nms_with(**parts):
    return lambda boxes, scores, threshold: greedy(boxes, scores, threshold, **parts)


def all_before(boxes, scores, threshold, width=None):
    """Compared with boxes before it in the order, kept or not: all of them, or the last `width`."""
    order, over = falling(scores), iou(boxes, boxes) > threshold
    keep = [k for k, i in enumerate(order) if not over[i, order[:k][-width:] if width else order[:k]].any()]
    return order[keep]


def _once(boxes, scores, threshold):
    """Only the best box suppresses."""
    order = falling(scores)
    return order[[k == 0 or iou(boxes[[i]], boxes[order[:1]])[0, 0] <= threshold for k, i in enumerate(order)]]


def _stops(boxes, scores, threshold):
    order = falling(scores)
    kept = greedy(boxes, scores, threshold)
    length = np.cumprod(np.isin(order, kept)).sum()
    return order[:length]


def _then(change):
    return lambda boxes, scores, threshold: change(greedy(boxes, scores, threshold), boxes, scores)


def _mask(kept, boxes, scores):
    mask = np.zeros(len(boxes), dtype=bool)
    mask[kept] = True
    return mask


_GREEDY = "Greedy: each box in falling score is compared with all boxes *kept* so far, and with no others."
_STRICT = (
    "A box is dropped when its IoU is greater than the threshold, as in torchvision; at exactly the threshold it stays."
)
_INDICES = "Return the kept boxes' indices in the given arrays, best score first."
_TIES = (
    "np.argsort(s)[::-1] reverses the order of ties: sort −scores with kind='stable', then the lower index comes first."
)

_NMS_SHARED = {
    "≥ in place of >": (_STRICT, _nms_with(dropped=np.greater_equal)),
    "compared with the last kept box only": (_GREEDY, _nms_with(judges=lambda kept: kept[-1:])),
    "compared with the best box only": (_GREEDY, _once),
    "compared with the box before it only": (_GREEDY, lambda b, s, t: all_before(b, s, t, 1)),
    "dropped boxes suppress too": (_GREEDY, all_before),
    "equal scores: the higher index first": (_TIES, _nms_with(order=lambda s: np.argsort(s, kind="stable")[::-1])),
    "the lowest score first": ("Sort by falling score: the best box must be kept, not the worst.",
                               _nms_with(order=lambda s: np.argsort(s, kind="stable"))),
    "not sorted by score": ("Sort by falling score first; the boxes come in any order.",
                            _nms_with(order=lambda s: np.arange(len(s)))),
    "keeps what overlaps": ("Drop a box when its IoU is above the threshold, keep it otherwise.", _nms_with(dropped=np.less_equal)),
    "threshold fixed at 0.5": ("Compare with the threshold that is passed in.", lambda b, s, t: greedy(b, s, 0.5)),
    "over the smaller area": ("IoU divides by the union; over the smaller area a nested box is always dropped.", _nms_with(
        overlap=IOU_ONLY["over the smaller area"][1])),
    **{f"IoU: {name}": (advice, _nms_with(overlap=wrong)) for name, (advice, wrong) in IOU_MISTAKES.items()
       if name != "the product clipped, not the sides"},  # decides as unclipped sides do
}  # fmt: skip
NMS_MISTAKES = {
    **_NMS_SHARED,
    "only the best box is kept": (_GREEDY, lambda b, s, t: falling(s)[:1]),
    "stops at the first dropped box": ("A dropped box ends nothing: go on with the next.", _stops),
    "a mask": (_INDICES, _then(_mask)),
    "scores in place of indices": (_INDICES, _then(lambda kept, b, s: s[kept])),
    "boxes in place of indices": (_INDICES, _then(lambda kept, b, s: b[kept])),
    "the dropped indices": (_INDICES, _then(lambda kept, b, s: np.setdiff1d(falling(s), kept))),
    "positions in the sorted order": (
        "After sorting, map back: order[position] is the index that the caller knows.",
        _then(lambda kept, b, s: np.flatnonzero(np.isin(falling(s), kept)))),
    "in the given order, not by score": (_INDICES, _then(lambda kept, b, s: np.sort(kept))),
    "worst kept box first": (_INDICES, _then(lambda kept, b, s: kept[::-1])),
}  # fmt: skip


def nms_shrinking(boxes, scores, threshold):
    """The usual NumPy way: take the best, filter the rest."""
    order, kept = falling(scores), []
    while order.size:
        kept.append(int(order[0]))
        order = order[1:][iou(boxes[order[:1]], boxes[order[1:]])[0] <= threshold]
    return kept


# ---- by class ------------------------------------------------------------------------------------------------------


def by_class(boxes, scores, classes, threshold, nms=greedy, which=np.unique, by_score=falling):
    kept = [
        np.flatnonzero(classes == c)[nms(boxes[classes == c], scores[classes == c], threshold)] for c in which(classes)
    ]
    kept = np.sort(np.concatenate([np.zeros(0, int), *kept]))
    return kept[by_score(scores[kept])]


def shifted(offset):
    """Each class moved to a place of its own, then one NMS; right when the offset exceeds the boxes' extent."""

    def answer(boxes, scores, classes, threshold):
        if not len(boxes):
            return np.zeros(0, int)
        return greedy(boxes + classes[:, None] * offset(boxes), scores, threshold)

    return answer


def _class_after_class(boxes, scores, classes, threshold):
    kept = by_class(boxes, scores, classes, threshold)
    return kept[np.argsort(classes[kept], kind="stable")]


def _own_numbers(boxes, scores, classes, threshold):
    kept = [greedy(boxes[classes == c], scores[classes == c], threshold) for c in np.unique(classes)]
    return np.concatenate([np.zeros(0, int), *kept])


_OFFSET = "The trick works when the offset exceeds max − min of all coordinates, negative ones included: classes · (max − min + 1)."
_ALL_CLASSES = "Class numbers may have gaps: loop over np.unique(classes)."

BATCHED_MISTAKES = {
    "suppression across classes": ("Boxes of different classes never suppress each other.", lambda b, s, c, t: greedy(b, s, t)),
    "class offset: the largest coordinate + 1": (_OFFSET, shifted(lambda b: b.max() + 1)),
    "class offset: the largest coordinate": (_OFFSET, shifted(lambda b: b.max())),
    "class offset: 1": (_OFFSET, shifted(lambda b: 1.0)),
    "class offset: fixed at 1000": (_OFFSET, shifted(lambda b: 1000.0)),
    "class offset: fixed at 4096": (_OFFSET, shifted(lambda b: 4096.0)),
    "class offset: fixed at 7680": (_OFFSET, shifted(lambda b: 7680.0)),
    "class after class, not by score": ("All kept indices together, by falling score over all classes.", _class_after_class),
    "indices within the class": ("np.flatnonzero(classes == c) maps a class's own indices back to the caller's.", _own_numbers),
    "the last class left out": ("range(classes.max()) ends before the last class: np.unique(classes) has them all.", lambda b, s, c, t: by_class(
        b, s, c, t, which=lambda c: range(c.max() if len(c) else 0))),
    "classes counted 0, 1, 2, …": (_ALL_CLASSES, lambda b, s, c, t: by_class(b, s, c, t, which=lambda c: range(len(np.unique(c))))),
    "in the given order, not by score": (_INDICES, lambda b, s, c, t: np.sort(by_class(b, s, c, t))),
    "worst kept box first": (_INDICES, lambda b, s, c, t: by_class(b, s, c, t)[::-1]),
    "equal scores of two classes: the higher index first": (_TIES, lambda b, s, c, t: by_class(
        b, s, c, t, by_score=lambda s: np.argsort(s, kind="stable")[::-1])),
    **{name: (advice, lambda b, s, c, t, wrong=wrong: by_class(b, s, c, t, nms=wrong))
       for name, (advice, wrong) in _NMS_SHARED.items() if name not in ("equal scores: the higher index first",)},
}  # fmt: skip


# ---- Soft-NMS ------------------------------------------------------------------------------------------------------


def _gauss(overlap, sigma):
    return np.exp(-(overlap**2) / sigma)


def _soft(
    boxes, scores, sigma=0.5, min_score=0.001, *, overlap=iou, decay=_gauss, resort=True, fresh=False, below=np.less
):
    """`resort`: the best remaining is looked for anew; `fresh`: each decay starts from the original score."""
    over, now, left, taken, values = overlap(boxes, boxes), scores.copy(), falling(scores).tolist(), [], []
    while left:
        best = max(left, key=lambda i: now[i]) if resort else left[0]
        left.remove(best)
        taken.append(best)
        values.append(now[best])
        for i in left:
            now[i] = (scores if fresh else now)[i] * decay(over[best, i], sigma)
        left = [i for i in left if not below(now[i], min_score)]
    return np.array(taken, dtype=int), np.array(values)


def _soft_with(**parts):
    return lambda b, s, sigma=0.5, min_score=0.001: _soft(b, s, sigma, min_score, **parts)


def _soft_then(change, **parts):
    return lambda b, s, sigma=0.5, min_score=0.001: change(*_soft(b, s, sigma, min_score, **parts), s, sigma, min_score)


def _in_given_order(i, v, s, *_):
    order = np.argsort(i)
    return i[order], v[order]


def _once_sorted_then_by_value(i, v, *_):
    return i[falling(v)], v[falling(v)]


_SQUARED = "The Gaussian form is exp(−IoU²/σ): IoU squared, σ itself, no ½ (Bodla et al. 2017, eq. 4)."
_RESORT = "After each decay look again for the best remaining box: a decayed box may fall behind another."
_COMPOUND = "Multiply the score that the box has now: the decays of all boxes taken before it add up."
_SOFT_RETURNS = "Return the indices in the order taken, and beside each the score that it had when it was taken."
_LINEAR = "That is the linear form of Soft-NMS, (1 − IoU) above a threshold; the question asks for the Gaussian one."

SOFT_MISTAKES = {
    "exp(−IoU/σ): IoU not squared": (_SQUARED, _soft_with(decay=lambda o, s: np.exp(-o / s))),
    "exp(−IoU²/σ²)": (_SQUARED, _soft_with(decay=lambda o, s: np.exp(-((o / s) ** 2)))),
    "exp(−IoU²/2σ²)": (_SQUARED, _soft_with(decay=lambda o, s: np.exp(-((o / s) ** 2) / 2))),
    "exp(−IoU²/2σ)": (_SQUARED, _soft_with(decay=lambda o, s: np.exp(-(o**2) / s / 2))),
    "exp(−σ·IoU²)": (_SQUARED, _soft_with(decay=lambda o, s: np.exp(-(o**2) * s))),
    "the linear form, 1 − IoU": (_LINEAR, _soft_with(decay=lambda o, s: 1 - o)),
    "the linear form above IoU 0.3": (_LINEAR, _soft_with(decay=lambda o, s: 1 - o if o > 0.3 else 1.0)),
    "the linear form above IoU 0.5": (_LINEAR, _soft_with(decay=lambda o, s: 1 - o if o > 0.5 else 1.0)),
    "hard suppression at IoU 0.5": (_LINEAR, _soft_with(decay=lambda o, s: 0.0 if o > 0.5 else 1.0)),
    "the decay subtracted from 1": ("An overlap lowers the score: the factor is 1 at IoU 0.", _soft_with(decay=lambda o, s: 1 - _gauss(o, s))),
    "sigma ignored": ("Use the sigma that is passed in.", lambda b, s, sigma=0.5, min_score=0.001: _soft(b, s, 0.5, min_score)),
    "min_score ignored": ("Drop boxes whose score has fallen below the min_score that is passed in.",
                          lambda b, s, sigma=0.5, min_score=0.001: _soft(b, s, sigma)),
    "no box is dropped": ("Drop boxes whose score has fallen below min_score.", _soft_with(below=lambda v, m: False)),
    "a score of exactly min_score dropped": ("A box with a score below min_score is dropped; with exactly min_score it stays.", _soft_with(below=np.less_equal)),
    "decayed boxes never sorted again": (_RESORT, _soft_with(resort=False)),
    "sorted again only at the end": (_RESORT, _soft_then(_once_sorted_then_by_value, resort=False)),
    "each decay starts from the original score": (_COMPOUND, _soft_with(fresh=True)),
    "the original scores returned": (_SOFT_RETURNS, _soft_then(lambda i, v, s, *_: (i, s[i]))),
    "in the given order": (_SOFT_RETURNS, _soft_then(_in_given_order)),
    "by the original scores": (_SOFT_RETURNS, _soft_then(lambda i, v, s, *_: (i[falling(s[i])], v[falling(s[i])]))),
    "scores first, then indices": (_SOFT_RETURNS, _soft_then(lambda i, v, *_: (v, i))),
    **{f"IoU: {name}": (advice, _soft_with(overlap=wrong)) for name, (advice, wrong) in IOU_MISTAKES.items()},
}  # fmt: skip


def soft_filtered_last(boxes, scores, sigma=0.5, min_score=0.001):
    """Nothing dropped on the way: what is below min_score can only lower what is below it too."""
    taken, values = _soft(boxes, scores, sigma, below=lambda v, m: False)
    keep = values >= min_score
    return taken[keep].tolist(), values[keep].tolist()


def soft_arrays(boxes, scores, sigma=0.5, min_score=0.001):
    indices, now, taken = np.arange(len(scores)), np.array(scores), []
    while len(indices):
        top = int(np.argmax(now))
        taken.append((int(indices[top]), float(now[top])))
        now = now * np.exp(-(iou(boxes[indices[[top]]], boxes[indices])[0] ** 2) / sigma)
        now[top] = -1.0
        indices, now = indices[now >= min_score], now[now >= min_score]
    return [i for i, _ in taken], [v for _, v in taken]
