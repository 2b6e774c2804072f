"""The triplet loss and batch-hard mining: oracles in torch, mistakes, styles, cases."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


# ---- the loss -----------------------------------------------------------------------------------------------------


def _squared(x, y):
    return ((x - y) ** 2).sum(axis=1)


def _triplet_oracle(anchor, positive, negative, margin=0.2):
    import torch

    a = torch.from_numpy(anchor).requires_grad_()
    loss = torch.nn.functional.triplet_margin_with_distance_loss(
        a,
        torch.from_numpy(positive),
        torch.from_numpy(negative),
        distance_function=lambda x, y: ((x - y) ** 2).sum(dim=1),
        margin=margin,
    )
    loss.backward()
    return loss.item(), a.grad.numpy()


def _pull(a, p, n):
    return 2 * (n - p)


def _triplet(gap=lambda a, p, n, m: _squared(a, p) - _squared(a, n) + m, hinge=lambda g: np.maximum(g, 0), active=lambda g: g > 0,
             pull=_pull, loss_by=lambda g: len(g), grad_by=lambda g: len(g), both=lambda loss, grad: (loss, grad)):  # fmt: skip
    """The triplet loss with one part exchanged: the gap, the hinge, the gradient of the gap, the divisors."""

    def wrong(anchor, positive, negative, margin=0.2):
        g = gap(anchor, positive, negative, margin)
        loss = hinge(g).sum() / loss_by(g)
        grad = active(g)[:, None] * pull(anchor, positive, negative) / grad_by(g)
        return both(float(loss), grad)

    return wrong


def _norm(x, y):
    return np.sqrt(_squared(x, y))


def _unit(x):
    return x / np.sqrt((x**2).sum(axis=1, keepdims=True))


def _rooted_pull(a, p, n):
    with np.errstate(all="ignore"):
        return (a - p) / _norm(a, p)[:, None] - (a - n) / _norm(a, n)[:, None]


def _own_gap(distance):
    return lambda a, p, n, m: distance(a, p) - distance(a, n) + m


def _active_only(g):
    return max((g > 0).sum(), 1)


def _hinged_mean(anchor, positive, negative, margin=0.2):
    """The hinge of the mean gap in place of the mean hinge."""
    gap = (_squared(anchor, positive) - _squared(anchor, negative) + margin).mean()
    return max(gap, 0.0), (gap > 0) * _pull(anchor, positive, negative) / len(anchor)


def _one_each(anchor, positive, negative, margin=0.2):
    gap = _squared(anchor, positive) - _squared(anchor, negative) + margin
    return np.maximum(gap, 0), (gap > 0)[:, None] * _pull(anchor, positive, negative)


def _normalised(anchor, positive, negative, margin=0.2):
    return _triplet()(*map(_unit, (anchor, positive, negative)), margin)


def _swapped(anchor, positive, negative, margin=0.2):
    """torch's swap=True: the nearer of anchor and positive faces the negative."""
    an, pn = _squared(anchor, negative), _squared(positive, negative)
    gap = _squared(anchor, positive) - np.minimum(an, pn) + margin
    slope = 2 * (anchor - positive) - np.where((an <= pn)[:, None], 2 * (anchor - negative), 0)
    return np.maximum(gap, 0).mean(), (gap > 0)[:, None] * slope / len(anchor)


def _contrastive(anchor, positive, negative, margin=0.2):
    short = np.maximum(margin - _norm(anchor, negative), 0)
    push = 2 * short[:, None] * (anchor - negative) / _norm(anchor, negative)[:, None]
    return (_squared(anchor, positive) + short**2).mean(), (2 * (anchor - positive) - push) / len(anchor)


def _softplus(g):
    return np.logaddexp(0, g)


def _logistic(g):
    return np.exp(-np.logaddexp(0, -g))


_SQUARE = "FaceNet's distances are squared: ‖a − p‖² = Σ (a − p)², no root."
_MARGIN = "The negative has to be farther by the margin: ‖a − p‖² − ‖a − n‖² + margin is what may not be positive."
_HINGE = "A triplet that keeps its margin has loss 0 and gradient 0: max(0, ·) for each triplet, before the mean."
_SLOPE = "∂/∂a (‖a − p‖² − ‖a − n‖²) = 2(a − p) − 2(a − n) = 2(n − p)."
_MEAN = "A mean over all N triplets, those with loss 0 included; its gradient has the same 1/N."
_ROLES = "The positive has the anchor's label and is pulled near; the negative is pushed away."

TRIPLET_MISTAKES = named(
    ("distances not squared", _SQUARE, _triplet(_own_gap(_norm), pull=_rooted_pull)),
    ("distances not squared in the loss", _SQUARE, _triplet(_own_gap(_norm))),
    ("distances not squared in the gradient", _SQUARE, _triplet(pull=_rooted_pull)),
    ("absolute differences (L1)", _SQUARE, _triplet(_own_gap(lambda x, y: np.abs(x - y).sum(axis=1)),
                                                     pull=lambda a, p, n: np.sign(a - p) - np.sign(a - n))),
    ("squares averaged over the features", "Σ over the D features, not their mean.",
     _triplet(_own_gap(lambda x, y: ((x - y) ** 2).mean(axis=1)), pull=lambda a, p, n: 2 * (n - p) / a.shape[1])),
    ("distances over the batch (axis 0)", "One distance for each triplet: sum over axis 1.",
     lambda a, p, n, m=0.2: _triplet()(a.T, p.T, n.T, m)),
    ("sign of the margin", _MARGIN, _triplet(lambda a, p, n, m: _squared(a, p) - _squared(a, n) - m)),
    ("margin forgotten", _MARGIN, _triplet(lambda a, p, n, m: _squared(a, p) - _squared(a, n))),
    ("margin squared", "The margin is added as it is.", _triplet(lambda a, p, n, m: _squared(a, p) - _squared(a, n) + m**2)),
    ("margin fixed at 0.2", "Use the argument: 0.2 is only its default.", lambda a, p, n, m=0.2: _triplet()(a, p, n, 0.2)),
    ("positive and negative exchanged", _ROLES, lambda a, p, n, m=0.2: _triplet()(a, n, p, m)),
    ("hinge forgotten", _HINGE, _triplet(hinge=lambda g: g, active=lambda g: g < np.inf)),
    ("hinge forgotten in the loss", _HINGE, _triplet(hinge=lambda g: g)),
    ("hinge forgotten in the gradient", _HINGE, _triplet(active=lambda g: g < np.inf)),
    ("hinge of the mean", _HINGE, _hinged_mean),
    ("softplus in place of the hinge (soft margin)", "The soft margin log(1 + e^x) is another convention; FaceNet's is max(0, x).",
     _triplet(hinge=_softplus, active=_logistic)),
    ("hinge squared", _HINGE, _triplet(hinge=lambda g: np.maximum(g, 0) ** 2, active=lambda g: 2 * np.maximum(g, 0))),
    ("mean over the active triplets", "That is another convention; here the mean runs over all N.", _triplet(loss_by=_active_only, grad_by=_active_only)),
    ("loss averaged over the active triplets", _MEAN, _triplet(loss_by=_active_only)),
    ("gradient averaged over the active triplets", _MEAN, _triplet(grad_by=_active_only)),
    ("summed over the batch", _MEAN, _triplet(loss_by=lambda g: 1, grad_by=lambda g: 1)),
    ("loss summed over the batch", _MEAN, _triplet(loss_by=lambda g: 1)),
    ("gradient not divided by N", _MEAN, _triplet(grad_by=lambda g: 1)),
    ("one loss for each triplet", _MEAN, _one_each),
    ("factor 2 lost", _SLOPE, _triplet(pull=lambda a, p, n: n - p)),
    ("sign of the gradient", _SLOPE, _triplet(pull=lambda a, p, n: 2 * (p - n))),
    ("the negative left out of the gradient", _SLOPE, _triplet(pull=lambda a, p, n: 2 * (a - p))),
    ("the positive left out of the gradient", _SLOPE, _triplet(pull=lambda a, p, n: -2 * (a - n))),
    ("both pulls added", _SLOPE, _triplet(pull=lambda a, p, n: 2 * (a - p) + 2 * (a - n))),
    ("gradient of the positive", "The question asks for the gradient with respect to the anchor.", _triplet(pull=lambda a, p, n: -2 * (a - p))),
    ("gradient of the negative", "The question asks for the gradient with respect to the anchor.", _triplet(pull=lambda a, p, n: 2 * (a - n))),
    ("embeddings normalised first", "FaceNet normalises in the network; here the vectors are taken as they are.", _normalised),
    ("anchor and positive swapped where nearer (swap)", "That is torch's swap=True; here it is always the anchor that is compared.", _swapped),
    ("contrastive loss", "The question asks for one hinge on the difference of both distances.", _contrastive),
    ("gradient before loss", "Return (loss, grad_anchor) in this order.", _triplet(both=lambda loss, grad: (grad, loss))),
)  # fmt: skip


def _triplet_loops(anchor, positive, negative, margin=0.2):
    total, rows = 0.0, []
    for a, p, n in zip(anchor.tolist(), positive.tolist(), negative.tolist(), strict=True):
        gap = margin + sum((x - y) ** 2 - (x - z) ** 2 for x, y, z in zip(a, p, n, strict=True))
        total += max(gap, 0)
        rows.append([(2 * (z - y) if gap > 0 else 0) / len(anchor) for y, z in zip(p, n, strict=True)])
    return total / len(anchor), rows


def _triplet_expanded(anchor, positive, negative, margin=0.2):
    """‖a − p‖² − ‖a − n‖² = ‖p‖² − ‖n‖² + 2a·(n − p)."""
    gap = (positive**2 - negative**2 + 2 * anchor * (negative - positive)).sum(axis=1) + margin
    weight = np.where(gap > 0, 2 / len(gap), 0.0)
    return np.mean(gap * (gap > 0)), np.einsum("n,nd->nd", weight, negative - positive)


def _triplet_torch(anchor, positive, negative, margin=0.2):
    return _triplet_oracle(anchor.copy(), positive.copy(), negative.copy(), margin)


def _three(rng, n, d, scale=1.0, **more):
    anchor = rng.normal(size=(n, d))
    near, far = (anchor + scale * rng.normal(size=(n, d)) for _ in range(2))
    return dict(anchor=anchor, positive=near, negative=far) | more


TRIPLET = Exercise(
    name="triplet_loss",
    returns=("loss", "grad_anchor"),
    oracle=_triplet_oracle,
    cases=(
        Case("one triplet on a line", lambda rng: dict(
            anchor=np.array([[0.0]]), positive=np.array([[1.0]]), negative=np.array([[-0.5]]), margin=0.5)),
        Case("one active, one that keeps its margin", lambda rng: dict(
            anchor=np.array([[0.0, 0.0], [1.0, 1.0]]), positive=np.array([[1.0, 2.0], [1.0, 1.5]]),
            negative=np.array([[2.0, 0.0], [4.0, 1.0]]), margin=1.0)),
        Case("the default margin", lambda rng: _three(rng, 6, 3, 0.4)),
        Case("as many triplets as features", lambda rng: _three(rng, 4, 4, margin=0.7)),
        Case("a margin of 0.05", lambda rng: _three(rng, 5, 2, margin=0.05)),
        Case("all keep their margin: the gradient is 0", lambda rng: dict(
            anchor=np.zeros((3, 2)), positive=np.full((3, 2), 0.1), negative=np.full((3, 2), 3.0), margin=1.5)),
        Case("32 triplets of 8 features, margin 3", lambda rng: _three(rng, 32, 8, 0.6, margin=3.0)),
        Case("collapsed: all points equal", lambda rng: dict(
            anchor=np.ones((2, 3)), positive=np.ones((2, 3)), negative=np.ones((2, 3)), margin=0.3)),
    ),
    mistakes=TRIPLET_MISTAKES,
    accepts=(_triplet_loops, _triplet_expanded, _triplet_torch),
    verified="loss and gradient equal torch's triplet loss with squared distances in float64, idle and collapsed triplets included",
)  # fmt: skip


# ---- batch-hard mining --------------------------------------------------------------------------------------------


def _hard_oracle(distances, labels):
    import torch

    d, y = torch.from_numpy(distances), torch.from_numpy(labels)
    same = y[:, None] == y[None]
    own = same & ~torch.eye(len(y), dtype=torch.bool)

    def first(keys):
        return torch.sort(keys, dim=1, stable=True).indices[:, 0].numpy()

    return first(-d.masked_fill(~own, -torch.inf)), first(d.masked_fill(same, torch.inf))


def _same(labels):
    return labels[:, None] == labels


def _own(labels):
    return _same(labels) & ~np.eye(len(labels), dtype=bool)


def _where(mask, d, other):
    return np.where(mask, d, other)


def far_own(d, y):
    return _where(_own(y), d, -np.inf).argmax(axis=1)


def near_other(d, y):
    return _where(~_same(y), d, np.inf).argmin(axis=1)


def _pick(positive=far_own, negative=near_other):
    return lambda d, y: (positive(d, y), negative(d, y))


def _last(keys, best):
    """The last of equals."""
    return keys.shape[1] - 1 - best(keys[:, ::-1], axis=1)


def _semi_hard(d, y):
    """FaceNet's: the nearest negative that is farther than the positive; the nearest of all where there is none."""
    limit = d[np.arange(len(d)), far_own(d, y)][:, None]
    keys = _where(~_same(y) & (d > limit), d, np.inf)
    return np.where(np.isinf(keys).all(axis=1), near_other(d, y), keys.argmin(axis=1))


def _in_subset(d, y):
    positive = [row[keep].argmax() for row, keep in zip(d, _own(y), strict=True)]
    negative = [row[keep].argmin() for row, keep in zip(d, ~_same(y), strict=True)]
    return np.array(positive), np.array(negative)


def _values(d, y):
    return d[np.arange(len(d)), far_own(d, y)], d[np.arange(len(d)), near_other(d, y)]


def _hardest_pair(d, y):
    """One pair for the whole batch."""
    return np.full(len(d), far_own(d, y)[0]), np.full(len(d), near_other(d, y)[0])


_MASKS = "Two masks: same label without the diagonal for positives, another label for negatives."
_HARDEST = "Hard: the positive that is farthest, the negative that is nearest."
_INF = "Set what may not be chosen to −∞ before argmax and to +∞ before argmin; 0 is a distance like others."
_FIRST = "Among equals take the first: that is what argmax and argmin return."
_ROWS = "One choice for each row: argmax and argmin along axis 1."

HARD_MISTAKES = named(
    ("itself as its positive", _MASKS, _pick(lambda d, y: _where(_same(y), d, -np.inf).argmax(axis=1))),
    ("hardest negative with its own label", _MASKS, _pick(negative=lambda d, y: _where(~np.eye(len(y), dtype=bool), d, np.inf).argmin(axis=1))),
    ("itself as its negative", _MASKS, _pick(negative=lambda d, y: d.argmin(axis=1))),
    ("farthest of the whole batch as positive", _MASKS, _pick(lambda d, y: d.argmax(axis=1))),
    ("labels ignored", _MASKS, _pick(lambda d, y: d.argmax(axis=1), lambda d, y: _where(~np.eye(len(y), dtype=bool), d, np.inf).argmin(axis=1))),
    ("labels and the diagonal ignored", _MASKS, _pick(lambda d, y: d.argmax(axis=1), lambda d, y: d.argmin(axis=1))),
    ("nearest positive", _HARDEST, _pick(lambda d, y: _where(_own(y), d, np.inf).argmin(axis=1))),
    ("farthest negative", _HARDEST, _pick(negative=lambda d, y: _where(~_same(y), d, -np.inf).argmax(axis=1))),
    ("easiest of both", _HARDEST, _pick(lambda d, y: _where(_own(y), d, np.inf).argmin(axis=1), lambda d, y: _where(~_same(y), d, -np.inf).argmax(axis=1))),
    ("negatives masked by 0", _INF, _pick(negative=lambda d, y: (d * ~_same(y)).argmin(axis=1))),
    ("positives masked by 0", _INF, _pick(lambda d, y: (d * _own(y)).argmax(axis=1))),
    ("both masked by 0", _INF, _pick(lambda d, y: (d * _own(y)).argmax(axis=1), lambda d, y: (d * ~_same(y)).argmin(axis=1))),
    ("masked by a constant of 1000", _INF, _pick(lambda d, y: (d - 1e3 * ~_own(y)).argmax(axis=1), lambda d, y: (d + 1e3 * _same(y)).argmin(axis=1))),
    ("negatives and positives exchanged", "Return (positives, negatives) in this order.", lambda d, y: _pick()(d, y)[::-1]),
    ("distances in place of indices", "Return the indices of the chosen rows.", _values),
    ("indices within the chosen subset", "An index into the filtered row is not an index into the batch: mask instead of filtering.", _in_subset),
    ("along the columns (axis 0)", _ROWS, lambda d, y: _pick()(d.T, y)),
    ("last of equals", _FIRST, _pick(lambda d, y: _last(_where(_own(y), d, -np.inf), np.argmax), lambda d, y: _last(_where(~_same(y), d, np.inf), np.argmin))),
    ("last of equals among positives", _FIRST, _pick(lambda d, y: _last(_where(_own(y), d, -np.inf), np.argmax))),
    ("last of equals among negatives", _FIRST, _pick(negative=lambda d, y: _last(_where(~_same(y), d, np.inf), np.argmin))),
    ("semi-hard negatives", "FaceNet's semi-hard rule is another one; batch-hard takes the nearest negative.", _pick(negative=_semi_hard)),
    ("one pair for the whole batch", _ROWS, _hardest_pair),
)  # fmt: skip


def _hard_loops(distances, labels):
    positives, negatives = [], []
    for i, row in enumerate(distances):
        own = [j for j in range(len(row)) if labels[j] == labels[i] and j != i]
        other = [j for j in range(len(row)) if labels[j] != labels[i]]
        positives.append(max(own, key=lambda j, row=row: row[j]))
        negatives.append(min(other, key=lambda j, row=row: row[j]))
    return positives, negatives


def _hard_copies(distances, labels):
    own, other = distances.copy(), distances.copy()
    own[~_own(labels)] = -1.0
    other[_same(labels)] = np.inf
    return np.argmax(own, axis=1), np.argmin(other, axis=1)


def _hard_torch(distances, labels):
    return _hard_oracle(distances.copy(), labels.copy())


def _apart(rng, labels, dim=3, scale=1.0):
    """Euclidean distances of random points."""
    points = scale * rng.normal(size=(len(labels), dim))
    square = sum((column[:, None] - column) ** 2 for column in points.T)
    return dict(distances=np.sqrt(square), labels=np.array(labels))


def _one_sided(rng):
    """Distances that differ in both directions."""
    return dict(distances=rng.uniform(0.5, 3, (6, 6)) * (1 - np.eye(6)), labels=np.array([1, 0, 1, 0, 1, 0]))


def _blocks(near, far):
    labels = np.array([0, 0, 0, 1, 1, 1])
    return dict(distances=np.where(labels[:, None] == labels, near, far) * (1 - np.eye(6)), labels=labels)


BATCH_HARD = Exercise(
    name="batch_hard",
    returns=("positives", "negatives"),
    oracle=_hard_oracle,
    cases=(
        Case("four points on a line", lambda rng: dict(
            distances=np.array([[0.0, 1, 2, 5], [1, 0, 1, 4], [2, 1, 0, 3], [5, 4, 3, 0]]), labels=np.array([0, 0, 1, 1]))),
        Case("twelve points, three labels", lambda rng: _apart(rng, [0, 1, 2, 0, 1, 2, 2, 1, 0, 0, 1, 2])),
        Case("labels 7 and 3, unequal numbers", lambda rng: _apart(rng, [7, 3, 7, 7, 3, 7, 7])),
        Case("all equally far: the first of equals", lambda rng: _blocks(2.0, 2.0)),
        Case("identical images: distance 0 within a label", lambda rng: _blocks(0.0, 1.0)),
        Case("everything collapsed: all distances 0", lambda rng: _blocks(0.0, 0.0)),
        Case("distances of thousands", lambda rng: _apart(rng, [0, 1, 0, 1, 1, 0, 2, 2], scale=4000.0)),
        Case("distances that are not symmetric", _one_sided),
    ),
    mistakes=HARD_MISTAKES,
    accepts=(_hard_loops, _hard_copies, _hard_torch),
    verified="the indices are those of a stable sort, ties, collapsed batches and unequal labels included",
)  # fmt: skip
