"""Assignment by IoU, one-to-one matching and DETR's cost, wrong in many ways."""

from itertools import permutations

import numpy as np

from utils.exercises.iou_nms.boxes import IOU_MISTAKES, areas, clipped, enclosing, iou

# ---- by IoU --------------------------------------------------------------------------------------------------------


def _one_best(over):
    """(anchor, truth) pairs of the second rule: for every truth its first best anchor."""
    return [(int(np.argmax(column)), j) for j, column in enumerate(over.T) if column.max() > 0]


def assign(anchors, truths, high=0.7, low=0.3, *, overlap=iou, enough=np.greater_equal, little=np.less, pairs=_one_best,
           give=lambda label, j, over: j, ignored=-2, background=-1, finish=lambda label: label):  # fmt: skip
    if not (len(truths) and len(anchors)):
        return finish(np.full(len(anchors), background))
    over = overlap(anchors, truths)
    best = over.max(axis=1)
    label = np.where(enough(best, high), over.argmax(axis=1), np.where(little(best, low), background, ignored))
    for i, j in pairs(over):
        label[i] = give(label[i], j, over[i])
    return finish(label)


def _assign_with(**parts):
    return lambda anchors, truths, high=0.7, low=0.3: assign(anchors, truths, high, low, **parts)


def _even_at_zero(over):
    return [(int(np.argmax(column)), j) for j, column in enumerate(over.T)]


def _all_best(over):
    return [
        (int(i), j)
        for j, column in enumerate(over.T)
        if column.max() > 0
        for i in np.flatnonzero(column == column.max())
    ]


def _own(label, j, over):
    return int(np.argmax(over))


def _best_only(anchors, truths, high=0.7, low=0.3):
    label = np.full(len(anchors), -1)
    for i, j in _one_best(iou(anchors, truths)) if len(anchors) else ():
        label[i] = j
    return label


def _above_low(over, low=0.3):
    return [(i, j) for i, j in _one_best(over) if over[i, j] >= low]


_SECOND = "Second rule: every truth's best anchor is given to it, whatever its IoU, so that no truth goes without."
_BETWEEN = "Between low and high an anchor is neither: −2, and the loss leaves it out."
_ENDS = "An IoU of exactly high is positive, one of exactly low is not background."
_OVERRIDE = "The second rule comes after the first and overrides it; truths in order, so that a later one wins."
_LABELS = "The truth's index from 0, −1 for background, −2 for ignored."
_TORCHVISION = "torchvision and Detectron2 rescue {}; here the first best anchor alone goes to that truth."

ASSIGN_MISTAKES = {
    "best-anchor rule forgotten": (_SECOND, _assign_with(pairs=lambda over: [])),
    "ignored taken for background": (_BETWEEN, _assign_with(ignored=-1)),
    "ignored taken for positive": (_BETWEEN, lambda a, t, high=0.7, low=0.3: assign(a, t, low, low)),
    "ignored and background exchanged": (_LABELS, _assign_with(ignored=-1, background=-2)),
    "> for ≥ at high": (_ENDS, _assign_with(enough=np.greater)),
    "≤ for < at low": (_ENDS, _assign_with(little=np.less_equal)),
    "the best anchor even at IoU 0": ("A truth that no anchor touches gets none: argmax of zeros is anchor 0.", _assign_with(pairs=_even_at_zero)),
    "all equally good anchors rescued": (_TORCHVISION.format("every anchor that ties for the best"), _assign_with(pairs=_all_best)),
    "the rescued anchor keeps its own best truth": (_TORCHVISION.format("an anchor for its *own* best truth"), _assign_with(give=_own)),
    "torchvision's low-quality matches": (
        _TORCHVISION.format("every anchor that ties for the best, for its *own* best truth"), _assign_with(pairs=_all_best, give=_own)),
    "only anchors without a truth are rescued": (_OVERRIDE, _assign_with(give=lambda label, j, over: label if label >= 0 else j)),
    "the first of two truths keeps the anchor": (_OVERRIDE, _assign_with(pairs=lambda over: _one_best(over)[::-1])),
    "rescued only above low": (_SECOND, lambda a, t, high=0.7, low=0.3: assign(a, t, high, low, pairs=lambda o: _above_low(o, low))),
    "the best anchors alone": ("First rule: every anchor with IoU ≥ high is positive, many to one truth.", _best_only),
    "1, 0 and −1 (py-faster-rcnn)": (_LABELS, _assign_with(finish=lambda v: np.where(v >= 0, 1, np.where(v == -1, 0, -1)))),
    "truths counted from 1, background 0": (_LABELS, _assign_with(finish=lambda v: np.where(v >= 0, v + 1, np.where(v == -1, 0, -1)))),
    "thresholds fixed at 0.7 and 0.3": ("Use high and low as they are passed in.", lambda a, t, high=0.7, low=0.3: assign(a, t)),
    "0.5 and 0.4 by default (RetinaNet)": ("The defaults are Faster R-CNN's: high=0.7, low=0.3.", lambda a, t, high=0.5, low=0.4: assign(a, t, high, low)),
    **{f"IoU: {name}": (advice, _assign_with(overlap=wrong)) for name, (advice, wrong) in IOU_MISTAKES.items()
       if name != "the product clipped, not the sides"},  # decides as unclipped sides do
}  # fmt: skip


def assign_loops(anchors, truths, high=0.7, low=0.3):
    label, rescued = [], {}
    table = iou(anchors, truths).tolist()
    for j in range(len(truths)):
        column = [row[j] for row in table]
        if column and max(column) > 0:
            rescued[column.index(max(column))] = j
    for i, row in enumerate(table):
        best = max(row, default=0.0)
        first = row.index(best) if row and best >= high else -1 if best < low or not row else -2
        label.append(rescued.get(i, first))
    return label


# ---- one to one ----------------------------------------------------------------------------------------------------


def by_permutations(cost, best=min):
    if cost.shape[0] > cost.shape[1]:
        columns, rows = by_permutations(cost.T, best)
        order = np.argsort(rows)
        return rows[order], columns[order]
    rows = np.arange(cost.shape[0])
    tried = permutations(range(cost.shape[1]), cost.shape[0])
    return rows, np.array(best(tried, key=lambda columns: cost[rows, list(columns)].sum()), dtype=int)


def by_subsets(cost):
    """Dynamic programming over sets of used columns."""
    if cost.shape[0] > cost.shape[1]:
        columns, rows = by_subsets(cost.T)
        return _split(sorted(zip(rows, columns, strict=True)))
    best = {0: (0.0, ())}
    for row in cost.tolist():
        new = {}
        for used, (total, picked) in best.items():
            for column, price in enumerate(row):
                if not used >> column & 1:
                    key, value = used | 1 << column, (total + price, (*picked, column))
                    new[key] = min(new.get(key, value), value)
        best = new
    return list(range(len(cost))), list(min(best.values())[1])


def _smallest_first(cost):
    left, pairs = np.array(cost, dtype=float), []
    for _ in range(min(cost.shape)):
        i, j = np.unravel_index(np.argmin(left), left.shape)
        pairs.append((int(i), int(j)))
        left[i], left[:, j] = np.inf, np.inf
    return _split(sorted(pairs))


def _split(pairs):
    return tuple(np.array([pair[k] for pair in pairs], dtype=int) for k in (0, 1))


def _row_by_row(cost):
    pairs, free = [], list(range(cost.shape[1]))
    for i in range(min(cost.shape)):
        j = min(free, key=lambda j: cost[i, j])
        free.remove(j)
        pairs.append((i, j))
    return _split(pairs)


def _column_by_column(cost):
    columns, rows = _row_by_row(cost.T)
    order = np.argsort(rows)
    return rows[order], columns[order]


def _each_row(cost):
    return np.arange(len(cost)), (cost.argmin(axis=1) if cost.size else np.zeros(len(cost), int))


def _first_rows(cost):
    """The best columns for the first rows; rows beyond the number of columns never get a chance."""
    return by_permutations(cost[: cost.shape[1]])


def _first_columns(cost):
    return by_permutations(cost[:, : cost.shape[0]])


def _then(change):
    return lambda cost: change(*by_permutations(cost), cost)


def _by_cost(rows, columns, cost):
    order = np.argsort(cost[rows, columns], kind="stable")
    return rows[order], columns[order]


_TOTAL = "The sum of all costs must be least: a greedy choice can force a costly one later. Try all permutations."
_RETURN = "Return (rows, columns), rows rising: cost[rows, columns] are the matched entries."

HUNGARIAN_MISTAKES = {
    "greedy: the smallest entry first": (_TOTAL, _smallest_first),
    "greedy: row by row": (_TOTAL, _row_by_row),
    "greedy: column by column": (_TOTAL, _column_by_column),
    "each row its cheapest column": ("One to one: no column twice.", _each_row),
    "the largest total": ("The least total cost: minimise.", lambda cost: by_permutations(cost, max)),
    "the diagonal": (_TOTAL, lambda cost: (np.arange(min(cost.shape)),) * 2),
    "columns first": (_RETURN, _then(lambda rows, columns, cost: (columns, rows))),
    "columns rising, not rows": (_RETURN, _then(lambda rows, columns, cost: (rows[np.argsort(columns)], np.sort(columns)))),
    "in the order of cost": (_RETURN, _then(_by_cost)),
    "the matching of the transpose": ("More rows than columns: match the transpose, then exchange the two results back.",
                                      lambda cost: tuple(by_permutations(cost.T)[::-1]) if len(cost) <= cost.shape[1] else by_permutations(cost.T)),
    "the first rows only": ("With more rows than columns, which rows are matched is part of the search.", _first_rows),
    "the first columns only": ("With more columns than rows, any of them may be matched.", _first_columns),
    "the matched costs": (_RETURN, _then(lambda rows, columns, cost: (rows, cost[rows, columns]))),
}  # fmt: skip


# ---- DETR's cost ---------------------------------------------------------------------------------------------------


def giou(a, b):
    union = areas(a)[:, None] + areas(b)[None] - iou(a, b, ratio=lambda i, p, q: i)
    return iou(a, b) - 1 + union / enclosing(a, b)


def _l1(a, b):
    return np.abs(a[:, None] - b[None]).sum(axis=-1)


def _centred(boxes):
    return np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])


def _picked(probs, labels):
    return probs[:, labels]


def detr_cost(probs, boxes, labels, truths, w_class=1.0, w_l1=5.0, w_giou=2.0, *, likely=_picked, distance=_l1,
              overlap=giou, sign=-1.0, finish=lambda cost: cost):  # fmt: skip
    return finish(
        w_l1 * distance(boxes, truths) - w_class * likely(probs, labels) + sign * w_giou * overlap(boxes, truths)
    )


def _detr_with(**parts):
    return lambda probs, boxes, labels, truths, w_class=1.0, w_l1=5.0, w_giou=2.0: detr_cost(
        probs, boxes, labels, truths, w_class, w_l1, w_giou, **parts
    )


def _weights(change):
    return lambda probs, boxes, labels, truths, w_class=1.0, w_l1=5.0, w_giou=2.0: detr_cost(
        probs, boxes, labels, truths, *change(w_class, w_l1, w_giou)
    )


def _own_label(probs, labels):
    return probs.max(axis=1, keepdims=True) + 0 * labels[None]


def _giou_without_clipping(a, b):
    over = iou(a, b, inside=lambda s: s.prod(axis=-1))
    union = areas(a)[:, None] + areas(b)[None] - iou(a, b, inside=lambda s: s.prod(axis=-1), ratio=lambda i, p, q: i)
    return over - 1 + union / enclosing(a, b)


_CLASS = "The class term is −p[label]: the probability, not its logarithm, of each truth's own label."
_L1 = "‖b − t‖₁ is the sum of the four absolute differences."
_GIOU = "GIoU is large for good boxes: it enters with a minus, so that a good box is cheap. For disjoint boxes it is negative, not 0."
_CONSTANT = "A constant does not change the matching, but the contract is −p and −GIoU without it."

DETR_MISTAKES = {
    "logarithm of the probability": (_CLASS, _detr_with(likely=lambda p, c: np.log(p[:, c]))),
    "the sign of the class term": (_CLASS, _detr_with(likely=lambda p, c: -p[:, c])),
    "the largest probability, whatever the label": (_CLASS, _detr_with(likely=_own_label)),
    "the class term forgotten": (_CLASS, _detr_with(likely=lambda p, c: 0 * p[:, c])),
    "1 − p": (_CONSTANT, _detr_with(likely=lambda p, c: p[:, c] - 1)),
    "1 − GIoU": (_CONSTANT, _detr_with(overlap=lambda a, b: giou(a, b) - 1)),
    "the sign of GIoU": (_GIOU, _detr_with(sign=1.0)),
    "IoU in place of GIoU": (_GIOU, _detr_with(overlap=iou)),
    "GIoU clipped at 0": (_GIOU, _detr_with(overlap=lambda a, b: np.maximum(giou(a, b), 0))),
    "overlap of disjoint boxes not clipped": (_GIOU, _detr_with(overlap=_giou_without_clipping)),
    "the mean of the four differences": (_L1, _detr_with(distance=lambda a, b: _l1(a, b) / 4)),
    "squares in place of absolute values": (_L1, _detr_with(distance=lambda a, b: ((a[:, None] - b[None]) ** 2).sum(axis=-1))),
    "Euclidean distance": (_L1, _detr_with(distance=lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=-1)))),
    "L1 of centre, width and height (DETR's own code)": (
        "DETR predicts and compares centre, width and height; here boxes are corners throughout.",
        _detr_with(distance=lambda a, b: _l1(_centred(a), _centred(b)))),
    "weights of DETR exchanged: 2 for L1, 5 for GIoU": ("5 belongs to L1, 2 to GIoU.", _weights(lambda c, l, g: (c, g, l))),
    "weights ignored": ("Each term is multiplied by its weight.", _weights(lambda c, l, g: (1.0, 1.0, 1.0))),
    "weights fixed at 1, 5, 2": ("Use the weights that are passed in.", _weights(lambda c, l, g: (1.0, 5.0, 2.0))),
    "transposed": ("Rows are predictions, columns truths: (n, m).", _detr_with(finish=lambda cost: cost.T)),
    "row by row": ("Every prediction against every truth: (n, m).", _detr_with(
        finish=lambda cost: np.diagonal(cost).copy() if cost.shape[0] == cost.shape[1] else cost.T)),
}  # fmt: skip


def detr_loops(probs, boxes, labels, truths, w_class=1.0, w_l1=5.0, w_giou=2.0):
    cost = np.zeros((len(boxes), len(truths)))
    for i in range(len(boxes)):
        for j in range(len(truths)):
            b, t = boxes[i], truths[j]
            inter = clipped(np.minimum(b[2:], t[2:]) - np.maximum(b[:2], t[:2]))
            hull = np.prod(np.maximum(b[2:], t[2:]) - np.minimum(b[:2], t[:2]))
            union = np.prod(b[2:] - b[:2]) + np.prod(t[2:] - t[:2]) - inter
            cost[i, j] -= w_class * probs[i, labels[j]]
            cost[i, j] += w_l1 * np.linalg.norm(b - t, ord=1) - w_giou * (inter / union - (hull - union) / hull)
    return cost
