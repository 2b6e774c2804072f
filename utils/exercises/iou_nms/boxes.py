"""IoU put together from parts that a mistake exchanges. Questions 36 to 38 use the parts with a plain name too."""

import numpy as np


def areas(boxes, plus=0.0):
    """Width times height of each box; `plus` is the + 1 of boxes that name whole pixels."""
    return (boxes[:, 2] - boxes[:, 0] + plus) * (boxes[:, 3] - boxes[:, 1] + plus)


def clipped(sides):
    return np.maximum(sides, 0).prod(axis=-1)


def over_union(inter, a, b):
    union = a + b - inter
    return np.where(union > 0, inter / np.where(union > 0, union, 1), 0.0)


def iou(a, b, *, plus=0.0, inside=clipped, ratio=over_union):
    """IoU of every pair (n, m); `inside` makes the overlap of its two sides, `ratio` the figure of the areas."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]) + plus
    return ratio(inside(sides), areas(a, plus)[:, None], areas(b, plus)[None])


def enclosing(a, b):
    low, high = np.minimum(a[:, None, :2], b[None, :, :2]), np.maximum(a[:, None, 2:], b[None, :, 2:])
    return (high - low).prod(axis=-1)


def _with(**parts):
    return lambda a, b: iou(a, b, **parts)


def _reading(order, as_corners=lambda boxes: boxes):
    """Boxes read in another order of columns or as another format."""
    return lambda a, b: iou(as_corners(a[:, order]), as_corners(b[:, order]))


def _from_sizes(boxes):
    return np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def _eps(eps):
    return _with(ratio=lambda i, a, b: i / (a + b - i + eps))


def _row_by_row(a, b):
    inter = clipped(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]))
    return over_union(inter, areas(a), areas(b))


_PLUS = "+ 1 belongs to boxes that name their first and last pixel (VOC, early Faster R-CNN code); here x2 − x1."
_CLIP = "Disjoint boxes have negative sides: clip width and height at 0, each before they are multiplied."
_UNION = "union = area a + area b − intersection: the overlap is in both areas and must count once."
_DIVISOR = "IoU divides by the union. Another divisor is another measure, and not symmetric or not below 1."
_EMPTY = "Where the union is 0 the answer is 0: divide only where it is positive (np.divide with where=, or np.where)."
_EPS = "A fixed eps is not small beside boxes in [0, 1]: treat union 0 by itself, or take max(union, 1e-300)."
_FORMAT = "A row is x1, y1, x2, y2: two corners."
_PAIRS = "Every box of `a` against every box of `b`: a[:, None] and b[None], shape (n, m)."

IOU_MISTAKES = {
    "+ 1 in widths and heights": (_PLUS, _with(plus=1.0)),
    "union without the overlap taken away": (_UNION, _with(ratio=lambda i, a, b: np.where(a + b > 0, i / (a + b), 0))),
    "overlap taken away twice": (_UNION, _with(ratio=lambda i, a, b: over_union(i, a - i, b))),
    "negative overlap of disjoint boxes not clipped": (_CLIP, _with(inside=lambda s: s.prod(axis=-1))),
    "the product clipped, not the sides": (_CLIP, _with(inside=lambda s: np.maximum(s.prod(axis=-1), 0))),
    "absolute values in place of clipping": (_CLIP, _with(inside=lambda s: np.abs(s).prod(axis=-1))),
}  # fmt: skip
IOU_ONLY = {
    "NaN for empty boxes": (_EMPTY, _with(ratio=lambda i, a, b: i / (a + b - i))),
    "1 for two empty boxes": (_EMPTY, _with(ratio=lambda i, a, b: np.where(a + b > 0, over_union(i, a, b), 1.0))),
    "eps = 1e-6 added to the union": (_EPS, _eps(1e-6)),
    "eps = 1e-7 added to the union": (_EPS, _eps(1e-7)),
    "eps = 1e-8 added to the union": (_EPS, _eps(1e-8)),
    "eps = 1e-9 added to the union": (_EPS, _eps(1e-9)),
    "over the smaller area": (_DIVISOR, _with(ratio=lambda i, a, b: over_union(i, np.minimum(a, b), i))),
    "over the larger area": (_DIVISOR, _with(ratio=lambda i, a, b: over_union(i, np.maximum(a, b), i))),
    "over the area of a": (_DIVISOR, _with(ratio=lambda i, a, b: over_union(i, a + 0 * b, i))),
    "over the area of b": (_DIVISOR, _with(ratio=lambda i, a, b: over_union(i, 0 * a + b, i))),
    "Dice in place of IoU": (_DIVISOR, _with(ratio=lambda i, a, b: over_union(i, a / 2, b / 2 + i))),
    "over the enclosing box": (_DIVISOR, lambda a, b: iou(a, b, ratio=lambda i, p, q: over_union(i, enclosing(a, b), i))),
    "the intersection alone": (_DIVISOR, _with(ratio=lambda i, a, b: i)),
    "the enclosing box taken for the overlap": (
        "The overlap begins at the larger of the two x1 and ends at the smaller of the two x2.",
        lambda a, b: over_union(enclosing(a, b), areas(a)[:, None], areas(b)[None])),
    "1 − IoU": ("That is the distance or the loss; IoU itself is asked for.", lambda a, b: 1 - iou(a, b)),
    "GIoU": ("GIoU subtracts the gap too (question 38); here intersection over union alone.",
             lambda a, b: iou(a, b) - 1 + over_union(
                 areas(a)[:, None] + areas(b)[None] - iou(a, b, ratio=lambda i, p, q: i), enclosing(a, b), 0)),
    "boxes read as x, y, width, height": (_FORMAT, _reading([0, 1, 2, 3], _from_sizes)),
    "boxes read as x1, x2, y1, y2": (_FORMAT, _reading([0, 2, 1, 3])),
    "width taken for the height too": ("Area is (x2 − x1)(y2 − y1).", _reading([0, 0, 2, 2])),
    "transposed": (_PAIRS, lambda a, b: iou(b, a)),
    "row by row": (_PAIRS, _row_by_row),
}  # fmt: skip


def iou_loops(a, b):
    out = [[0.0] * len(b) for _ in a]
    for i, (ax1, ay1, ax2, ay2) in enumerate(a.tolist()):
        for j, (bx1, by1, bx2, by2) in enumerate(b.tolist()):
            inter = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
            union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - inter
            out[i][j] = inter / union if union else 0.0
    return np.array(out).reshape(len(a), len(b))


def iou_with_a_tiny_eps(a, b):
    return _with(ratio=lambda i, p, q: i / np.maximum(p + q - i, 1e-300))(a, b)
