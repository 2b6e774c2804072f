"""`confusion_matrix` and `mean_iou`. Oracles: scikit-learn's confusion_matrix and jaccard_score."""

import warnings

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _confusion_oracle(pred, target, n_classes, ignore=255):
    from sklearn.metrics import confusion_matrix

    counted = target.ravel() != ignore
    if not counted.any():
        return np.zeros((n_classes, n_classes), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a single class, though all labels are given
        return confusion_matrix(target.ravel()[counted], pred.ravel()[counted], labels=list(range(n_classes)))


def _iou_oracle(confusion):
    """scikit-learn's Jaccard of every class, from pixels laid out as the matrix says."""
    from sklearn.metrics import jaccard_score

    rows, columns = np.indices(confusion.shape)
    target, pred = (np.repeat(axis.ravel(), confusion.ravel()) for axis in (rows, columns))
    present = sorted(set(target) | set(pred))
    return float(jaccard_score(target, pred, labels=present, average="macro"))


# ---- confusion_matrix --------------------------------------------------------------------------------------------


def _count(target, pred, k):
    return np.bincount(k * target.astype(np.int64) + pred.astype(np.int64), minlength=k * k).reshape(k, k)


def _matrix(keep=lambda p, t, k, ignore: t != ignore, count=_count, after=lambda m: m):
    """A wrong answer: another choice of pixels, another way to count, something done to the matrix."""

    def wrong(pred, target, n_classes, ignore=255):
        kept = keep(pred, target, n_classes, ignore)
        return after(count(target[kept], pred[kept], n_classes))

    return wrong


def _buffered(target, pred, k):
    m = np.zeros((k, k), dtype=np.int64)
    m[target, pred] += 1
    return m


def _overflowing(target, pred, k):
    """Computed in the labels' own dtype: of uint8 it wraps round at 256."""
    flat = target * np.asarray(k, dtype=target.dtype) + pred
    return np.bincount(flat, minlength=k * k)[: k * k].reshape(k, k)


def _no_minlength(target, pred, k):
    return np.bincount(k * target.astype(np.int64) + pred).reshape(k, k)


def _largest_class(pred, target, n_classes, ignore=255):
    kept = target != ignore
    t, p = target[kept], pred[kept]
    return _count(t, p, int(max(t.max(initial=0), p.max(initial=0))) + 1)


def _per_image(pred, target, n_classes, ignore=255):
    return np.stack([_matrix()(p, t, n_classes, ignore) for p, t in zip(pred, target, strict=True)])


def _images_averaged(pred, target, n_classes, ignore=255):
    return _per_image(pred, target, n_classes, ignore).mean(axis=0)


def _moved(to):
    """Ignored pixels put into a class of the matrix."""

    def wrong(pred, target, n_classes, ignore=255):
        return _matrix(keep=lambda p, t, *_: np.ones(t.shape, dtype=bool))(
            pred, np.where(target == ignore, to(pred, n_classes), target), n_classes)  # fmt: skip

    return wrong


def _one_more(pred, target, n_classes, ignore=255):
    moved = np.where(target == ignore, n_classes, target)
    return _matrix(keep=lambda p, t, *_: np.ones(t.shape, dtype=bool))(pred, moved, n_classes + 1)


def _uncounted(pred, target, n_classes, ignore=255):
    m = np.zeros((n_classes, n_classes), dtype=np.int64)
    for t, p in zip(target.ravel(), pred.ravel(), strict=True):
        m[t, p] += 1
    return m


def _all_pixels(pred, target, n_classes, ignore=255):
    return _count(np.minimum(target, n_classes - 1).ravel(), pred.ravel(), n_classes)


_ROWS = "Rows are the target, columns the prediction (scikit-learn's order): entry [t, p]."
_IGNORE = "Leave out every pixel whose target is `ignore`, whatever was predicted there, and no other."
_IGNORE_ARG = "`ignore` is an argument: it may be a class of the matrix, such as 0, or −1."
_WHOLE = "One matrix of counts for the whole set: mIoU adds up the pixels of all images before it divides."
_RAW = "Return the counts themselves, whole numbers."
_MATRIX_FLAWS = {
    "rows and columns exchanged": (_ROWS, _matrix(after=np.transpose)),
    "ignored pixels counted (index out of range)": (_IGNORE, _uncounted),
    "ignored pixels counted in the last class": (_IGNORE, _all_pixels),
    "ignored pixels counted in class 0": (_IGNORE, _moved(lambda p, k: 0)),
    "ignored pixels counted as right": (_IGNORE, _moved(lambda p, k: p)),
    "ignored pixels in a class of their own": (_IGNORE, _one_more),
    "ignore looked for in the prediction": (_IGNORE, _matrix(keep=lambda p, t, k, ignore: (p != ignore) & (t < k) & (t >= 0))),
    "ignore looked for in both": (_IGNORE, _matrix(keep=lambda p, t, k, ignore: (t != ignore) & (p != ignore))),
    "ignore fixed at 255": (_IGNORE_ARG, _matrix(keep=lambda p, t, k, ignore: t != 255)),
    "every target outside 0 … K − 1 left out, `ignore` unused": (_IGNORE_ARG, _matrix(keep=lambda p, t, k, ignore: (t >= 0) & (t < k))),
    "targets above `ignore` left out too": (_IGNORE_ARG, _matrix(keep=lambda p, t, k, ignore: t < ignore)),
    "`M[target, pred] += 1` counts each pair once": (
        "Repeated indices are added once only by +=: use np.add.at, or np.bincount of K·target + pred.", _matrix(count=_buffered)),
    "uint8 overflows in K·target + pred": (
        "Masks come as uint8: K·target + pred wraps round at 256 there. Turn the labels into int64 first.", _matrix(count=_overflowing)),
    "bincount without minlength": ("Classes at the end may not occur: np.bincount(…, minlength=K·K).", _matrix(count=_no_minlength)),
    "as many classes as occur": ("n_classes says how large the matrix is, whether all classes occur or not.", _largest_class),
    "shares of each row": (_RAW, _matrix(after=lambda m: m / np.maximum(m.sum(axis=1, keepdims=True), 1))),
    "shares of each column": (_RAW, _matrix(after=lambda m: m / np.maximum(m.sum(axis=0, keepdims=True), 1))),
    "shares of all pixels": (_RAW, _matrix(after=lambda m: m / max(m.sum(), 1))),
    "hits only": ("Errors count too: entry [t, p] for every pair.", _matrix(after=lambda m: np.diag(np.diag(m)))),
    "flat": ("Return the shape (K, K).", _matrix(after=np.ravel)),
    "one matrix for each image": (_WHOLE, _per_image),
    "mean of the images' matrices": (_WHOLE, _images_averaged),
    "counts as floats": ("Counts are integers: np.zeros makes floats, so give dtype=int.", _matrix(after=lambda m: m * 1.0)),
    "present or not, for counts": (_RAW, _matrix(after=lambda m: m > 0)),
}  # fmt: skip


def _by_pairs(pred, target, n_classes, ignore=255):
    m = [[0] * n_classes for _ in range(n_classes)]
    for p, t in zip(pred.ravel().tolist(), target.ravel().tolist(), strict=True):
        if t != ignore:
            m[t][p] += 1
    return m


def _one_hot(pred, target, n_classes, ignore=255):
    eye = np.eye(n_classes, dtype=np.int64)
    kept = target != ignore
    return eye[target[kept]].T @ eye[pred[kept]]


def _added(pred, target, n_classes, ignore=255):
    m = np.zeros((n_classes, n_classes), dtype=int)
    kept = target != ignore
    np.add.at(m, (target[kept], pred[kept]), 1)
    return m


def _labels(rng, *shape, classes=4, ignore=255, holes=0.15, dtype=np.int64, **more):
    target = rng.integers(0, classes, shape)
    pred = np.where(rng.random(shape) < 0.6, target, rng.integers(0, classes, shape))
    target = np.where(rng.random(shape) < holes, ignore, target)
    return dict(pred=pred.astype(dtype), target=target.astype(dtype), n_classes=classes, **more)


def _listed(pred, target, n_classes, **more):
    return lambda rng: dict(pred=np.array(pred), target=np.array(target), n_classes=n_classes, **more)


CONFUSION = Exercise(
    name="confusion_matrix",
    returns=("matrix",),
    oracle=_confusion_oracle,
    cases=(
        Case("four pixels, two classes", _listed([[[0, 1], [1, 1]]], [[[0, 0], [1, 1]]], 2)),
        Case("an ignored pixel", _listed([[[0, 1, 2]]], [[[0, 255, 1]]], 3)),
        Case("the same pair many times", lambda rng: dict(
            pred=np.zeros((1, 3, 5), dtype=np.int64), target=np.ones((1, 3, 5), dtype=np.int64), n_classes=2)),
        Case("three images of 5×7, four classes", lambda rng: _labels(rng, 3, 5, 7)),
        Case("classes that never occur", lambda rng: _labels(rng, 2, 4, 4, classes=2) | dict(n_classes=5)),
        Case("a class that is predicted only", _listed([[[2, 2, 0, 1]]], [[[0, 1, 0, 1]]], 4)),
        Case("labels as uint8, 21 classes", lambda rng: _labels(rng, 2, 12, 10, classes=21, dtype=np.uint8)),
        Case("ignore = 0, the background", lambda rng: _labels(rng, 2, 6, 5, holes=0.0, ignore=0) | dict(ignore=0)),
        Case("ignore = −1", lambda rng: _labels(rng, 2, 6, 5, ignore=-1) | dict(ignore=-1)),
        Case("255 predicted where the target is ignored", _listed([[[255, 1, 0, 255]]], [[[255, 1, 1, 255]]], 2)),
        Case("everything ignored", lambda rng: _labels(rng, 1, 2, 3, holes=1.1)),
        Case("one class", _listed([[[0, 0]], [[0, 0]]], [[[0, 0]], [[255, 0]]], 1)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _MATRIX_FLAWS.items()),
    accepts=(_by_pairs, _one_hot, _added),
    verified="equal to scikit-learn's confusion_matrix: ignored pixels, absent classes and uint8 labels included",
)  # fmt: skip


# ---- mean_iou ----------------------------------------------------------------------------------------------------


def _parts(m):
    hits, rows, columns = np.diag(m).astype(float), m.sum(axis=1), m.sum(axis=0)
    return hits, rows, columns, rows + columns - hits


def _mean(ratio, of=lambda hits, rows, columns, union: union > 0):
    def wrong(confusion):
        parts = _parts(confusion)
        kept = of(*parts)
        return np.mean(ratio(*(part[kept] for part in parts)))

    return wrong


def _iou(hits, rows, columns, union):
    return hits / union


def _filled(value):
    def wrong(confusion):
        hits, _, _, union = _parts(confusion)
        return np.mean(np.where(union > 0, hits / np.maximum(union, 1), value))

    return wrong


def _weighted(confusion):
    hits, rows, _, union = _parts(confusion)
    return np.sum(rows / rows.sum() * hits / np.maximum(union, 1))


def _pooled(confusion):
    hits, _, _, union = _parts(confusion)
    return hits.sum() / union.sum()


_ABSENT = "A class that occurs neither in target nor in prediction has no IoU: leave it out of the mean."
_UNION = "The union is row sum + column sum − diagonal: what is in both was counted twice."
_IOU_ONLY = "IoU of a class is diagonal / (row sum + column sum − diagonal)."
_MEAN = "One IoU for each class, then their plain mean: each class counts the same, however many pixels it has."
_IOU_FLAWS = {
    "absent classes as 0": (_ABSENT, _filled(0.0)),
    "absent classes as 1": (_ABSENT, _filled(1.0)),
    "absent classes make NaN": (_ABSENT, _mean(_iou, lambda h, r, c, u: u >= 0)),
    "only the classes of the target": (
        "A class that is predicted where it is not has IoU 0, and counts: keep all classes of target or prediction.",
        _mean(_iou, lambda h, r, c, u: r > 0)),
    "only the classes of the prediction": (
        "A class that was never found has IoU 0, and counts: keep all classes of target or prediction.",
        _mean(_iou, lambda h, r, c, u: c > 0)),
    "only classes with a hit": ("IoU 0 is an IoU: only classes whose union is empty are left out.", _mean(_iou, lambda h, r, c, u: h > 0)),
    "union without the overlap taken away": (_UNION, _mean(lambda h, r, c, u: h / (r + c))),
    "Dice in place of IoU": ("That is the mean Dice, 2·diagonal over row + column; the question asks for IoU.", _mean(lambda h, r, c, u: 2 * h / (r + c))),
    "recall of each class (row sums)": (_IOU_ONLY, _mean(lambda h, r, c, u: h / np.maximum(r, 1))),
    "precision of each class (column sums)": (_IOU_ONLY, _mean(lambda h, r, c, u: h / np.maximum(c, 1))),
    "recall over the target's classes (mean accuracy)": (_IOU_ONLY, _mean(lambda h, r, c, u: h / r, lambda h, r, c, u: r > 0)),
    "precision over the prediction's classes": (_IOU_ONLY, _mean(lambda h, r, c, u: h / c, lambda h, r, c, u: c > 0)),
    "pixel accuracy": (_IOU_ONLY, lambda m: np.trace(m) / m.sum()),
    "IoU of all classes pooled": (_MEAN, _pooled),
    "weighted by the classes' pixels": ("That is the frequency-weighted IoU; the question asks for the plain mean.", _weighted),
    "class 0 left out": ("No class is special here: the background counts as every other.", _mean(
        _iou, lambda h, r, c, u: (u > 0) & (np.arange(len(u)) > 0))),
    "errors only in the union": (_UNION, _mean(lambda h, r, c, u: h / np.maximum(u - h, 1e-12))),
    "one IoU for each class": (_MEAN, lambda m: _parts(m)[0] / np.maximum(_parts(m)[3], 1)),
    "sum for mean": (_MEAN, lambda m: np.sum(_parts(m)[0] / np.maximum(_parts(m)[3], 1))),
    "1 added above and below": ("No smoothing here: counts are exact, and absent classes are left out.", lambda m: np.mean(
        (_parts(m)[0] + 1) / (_parts(m)[3] + 1))),
    "in percent": ("Return a number from 0 to 1.", lambda m: 100 * _mean(_iou)(m)),
    "1 − mIoU": ("Return mIoU itself.", lambda m: 1 - _mean(_iou)(m)),
}  # fmt: skip


def _nanmean(confusion):
    hits = np.diag(confusion)
    with np.errstate(all="ignore"):
        return float(np.nanmean(hits / (confusion.sum(0) + confusion.sum(1) - hits)))


def _by_class(confusion):
    found = []
    for k in range(len(confusion)):
        union = confusion[k].sum() + confusion[:, k].sum() - confusion[k, k]
        if union:
            found.append(confusion[k, k] / union)
    return sum(found) / len(found)


def _random_matrix(rng, k, absent=()):
    m = rng.integers(0, 9, (k, k)) + np.diag(rng.integers(5, 40, k))
    m[list(absent), :] = 0
    m[:, list(absent)] = 0
    return dict(confusion=m)


def _fixed(matrix):
    return lambda rng: dict(confusion=np.array(matrix))


MEAN_IOU = Exercise(
    name="mean_iou",
    returns=("miou",),
    oracle=_iou_oracle,
    cases=(
        Case("two classes", _fixed([[3, 1], [2, 4]])),
        Case("three classes, the last absent", _fixed([[5, 1, 0], [2, 2, 0], [0, 0, 0]])),
        Case("a class that is predicted only", _fixed([[4, 0, 2], [1, 3, 0], [0, 0, 0]])),
        Case("a class that is never found", _fixed([[4, 1, 0], [0, 6, 0], [2, 1, 0]])),
        Case("everything right, one class absent", _fixed([[7, 0, 0], [0, 0, 0], [0, 0, 2]])),
        Case("everything wrong", _fixed([[0, 3], [5, 0]])),
        Case("one large class, one small", _fixed([[990, 4], [5, 1]])),
        Case("five classes", lambda rng: _random_matrix(rng, 5)),
        Case("eight classes, the first and two others absent", lambda rng: _random_matrix(rng, 8, (0, 3, 7))),
        Case("one class", _fixed([[12]])),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _IOU_FLAWS.items()),
    accepts=(_nanmean, _by_class, lambda confusion: _mean(_iou)(confusion)),
    verified="equal to the mean of scikit-learn's jaccard_score over the classes that occur",
)  # fmt: skip
