"""`hard_negatives`: SSD's online hard-example mining. Oracle: a search by sorted keys."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _mined_oracle(losses, labels, ratio=3):
    """By sorted keys: the places of the negatives, largest loss first and of equals the first."""
    places = sorted(
        (-loss, i) for i, (loss, label) in enumerate(zip(losses.tolist(), labels.tolist(), strict=True)) if label != 1
    )
    chosen = {i for _, i in places[: ratio * int(sum(labels))]}
    return np.array([label == 1 or i in chosen for i, label in enumerate(labels.tolist())], dtype=bool)


def _mine(order=lambda v: np.argsort(-v, kind="stable"), count=lambda r, pos, n: r * pos, fill=-np.inf, keep=True):
    """The right answer with a part exchanged: the order, how many are taken, what stands for the positives' losses."""

    def mined(losses, labels, ratio=3):
        positive = labels == 1
        scores = losses if fill is None else np.where(positive, fill, losses)
        mask = np.zeros(len(losses), dtype=bool)
        mask[order(scores)[: count(ratio, int(positive.sum()), len(losses))]] = True
        if fill is not None and not np.isfinite(fill):
            mask &= ~positive
        return mask | positive if keep else mask

    return mined


def _negatives_alone(losses, labels, ratio=3):
    return _mine()(losses, labels, ratio) & (labels != 1)


def _threshold(compare):
    def mined(losses, labels, ratio=3):
        positive = labels == 1
        negatives = np.sort(losses[~positive])[::-1]
        k = min(ratio * int(positive.sum()), len(negatives))
        if not k:
            return positive
        return positive | (~positive & compare(losses, negatives[k - 1]))

    return mined


def _partition(losses, labels, ratio=3):
    positive = labels == 1
    scores = np.where(positive, -np.inf, losses)
    k = ratio * int(positive.sum())
    mask = positive.copy()
    if k:
        mask[np.argpartition(-scores, k)[:k]] = True
    return mask


def _ranked(losses, labels, ratio=3):
    """SSD's ports: the rank of every entry by a double argsort."""
    positive = labels == 1
    rank = np.argsort(np.argsort(-np.where(positive, -np.inf, losses), kind="stable"), kind="stable")
    return positive | (rank < min(ratio * positive.sum(), (~positive).sum()))


def _by_hand(losses, labels, ratio=3):
    mask = [bool(label == 1) for label in labels]
    places = ratio * sum(mask)
    left = [i for i in range(len(losses)) if labels[i] != 1]
    while places and left:
        hardest = max(left, key=lambda i: (losses[i], -i))
        mask[hardest] = True
        left.remove(hardest)
        places -= 1
    return mask


_TIES = (
    'Among equal losses the first counts: np.argsort(-losses, kind="stable"); reversing a rising order gives the last.'
)
_KEEP = "All positives are kept, whatever their loss; the places are for negatives alone."
_NO_POS = "Without positives no negative is chosen: ratio × 0 is 0."
_RATIO = "At most ratio × (number of positives) negatives are chosen; ratio is an argument."
_HARD = "The negatives of largest loss are the hard ones: sort by falling loss."
_MINED_FLAWS = {
    "last of equals": (_TIES, _mine(order=lambda v: np.argsort(v, kind="stable")[::-1])),
    "ties at the border all kept": (_TIES, _threshold(np.greater_equal)),
    "ties at the border all dropped": (_TIES, _threshold(np.greater)),
    "easiest negatives": (_HARD, _mine(order=lambda v: np.argsort(v, kind="stable"), fill=np.inf)),
    "first negatives, unsorted": (_HARD, _mine(order=lambda v: np.argsort(~np.isfinite(v), kind="stable"))),
    "positives take places from the negatives": (_KEEP, _mine(fill=None)),
    "positives kept only where they are hard": (_KEEP, _mine(fill=None, keep=False)),
    "largest losses of all, positives counted in the places": (_KEEP, _mine(
        fill=None, keep=False, count=lambda r, pos, n: (r + 1) * pos)),
    "positives' losses set to 0, so that they take places": (
        "A negative's loss may be 0 too: put −∞ for the positives, or sort the negatives alone.", _mine(fill=0.0)),
    "positives left out": ("The mask holds the positives too: it marks all that are trained on.", _negatives_alone),
    "positives only": (_RATIO, lambda losses, labels, ratio=3: labels == 1),
    "all negatives": (_RATIO, lambda losses, labels, ratio=3: np.ones(len(losses), dtype=bool)),
    "no positives: all negatives": (_NO_POS, _mine(count=lambda r, pos, n: r * pos or n)),
    "no positives: ratio negatives": (_NO_POS, _mine(count=lambda r, pos, n: r * max(pos, 1))),
    "no positives: one negative": (_NO_POS, _mine(count=lambda r, pos, n: r * pos or 1)),
    "ratio fixed at 3": (_RATIO, _mine(count=lambda r, pos, n: 3 * pos)),
    "default ratio 1": ("The default is SSD's 3.", lambda losses, labels, ratio=1: _mine()(losses, labels, ratio)),
    "as many negatives as positives": (_RATIO, _mine(count=lambda r, pos, n: pos)),
    "ratio negatives in all": (_RATIO, _mine(count=lambda r, pos, n: r)),
    "ratio of positives to negatives": (_RATIO, _mine(count=lambda r, pos, n: pos // r if r else n)),
    "ratio × positives places, positives included": (_RATIO, _mine(count=lambda r, pos, n: max(r - 1, 0) * pos)),
    "one too many": (_RATIO, _mine(count=lambda r, pos, n: r * pos + 1)),
    "ratio × negatives": (_RATIO, _mine(count=lambda r, pos, n: r * (n - pos))),
    "argpartition: fewer negatives than places, and ties": (
        "There may be fewer entries than places, and argpartition takes equals in any order: sort stably.", _partition),
    "indices for a mask": ("Return a mask: n values True or False.", lambda losses, labels, ratio=3: np.flatnonzero(
        _mine()(losses, labels, ratio))),
    "0 and 1 for False and True": ("Return a boolean mask: 0 and 1 would index rows, not choose them.",
        lambda losses, labels, ratio=3: _mine()(losses, labels, ratio).astype(float)),
    "losses in place of a mask": ("Return the mask, not the losses that it chooses.",
        lambda losses, labels, ratio=3: losses * _mine()(losses, labels, ratio)),
    "mask inverted": ("True marks what is trained on.", lambda losses, labels, ratio=3: ~_mine()(losses, labels, ratio)),
    "losses and labels exchanged": ("The losses come first.", lambda losses, labels, ratio=3: _mine()(labels, losses, ratio)),
}  # fmt: skip


def _anchors(rng, n, positives, **more):
    labels = np.zeros(n, dtype=np.int64)
    labels[rng.permutation(n)[:positives]] = 1
    return dict(losses=rng.uniform(0.01, 4, n), labels=labels, **more)


def _listed(losses, labels, **more):
    return lambda rng: dict(losses=np.array(losses, dtype=float), labels=np.array(labels, dtype=np.int64), **more)


MINING = Exercise(
    name="hard_negatives",
    returns=("mask",),
    oracle=_mined_oracle,
    cases=(
        Case("one positive, ratio 1", _listed([0.2, 0.1, 0.9, 0.5], [1, 0, 0, 0], ratio=1)),
        Case("one easy positive, SSD's ratio", _listed([0.1, 0.7, 0.3, 0.9, 0.2, 0.8], [1, 0, 0, 0, 0, 0])),
        Case("equal losses", _listed([0.5, 0.5, 0.5, 0.9, 0.5, 0.1], [0, 0, 1, 0, 0, 0], ratio=2)),
        Case("negatives without loss", _listed([0.4, 1.5, 0.0, 0.0, 0.2, 0.0], [1, 1, 0, 0, 0, 0], ratio=2)),
        Case("no positives", _listed([0.3, 0.8, 0.1, 0.6, 0.2], [0, 0, 0, 0, 0])),
        Case("fewer negatives than places", _listed([0.3, 0.8, 0.1, 0.6], [1, 0, 1, 1])),
        Case("only positives", _listed([0.3, 0.8], [1, 1])),
        Case("ratio 0: positives alone", lambda rng: _anchors(rng, 6, 2, ratio=0)),
        Case("thirty anchors, five positives", lambda rng: _anchors(rng, 30, 5)),
        Case("thirty anchors, ratio 2", lambda rng: _anchors(rng, 30, 4, ratio=2)),
        Case("many equal losses", lambda rng: _anchors(rng, 40, 4) | dict(losses=rng.integers(0, 4, 40) / 4)),
        Case("no anchors", lambda rng: _anchors(rng, 0, 0)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _MINED_FLAWS.items()),
    accepts=(_ranked, _by_hand, _mine()),
    verified="equal to a search by sorted keys: ties, no positives, too few negatives and no anchors included",
)  # fmt: skip
