"""37 · Anchors, their coding and their assignment: Ren et al. 2015, §3.1; DETR's matching: Carion et al. 2020, §3.1.

Oracles: torch in float64, SciPy's linear_sum_assignment, pycocotools' IoU.
"""

import numpy as np

from utils.exercises.anchors_and_assignment import geometry as g
from utils.exercises.anchors_and_assignment import matching as m
from utils.exercises.anchors_and_assignment import oracle
from utils.exercises.iou_nms import mistakes, random_boxes
from utils.grading.spec import Case, Exercise, Question


def _rows(*rows):
    return np.array(rows, dtype=float).reshape(-1, 4)


# ---- anchors -------------------------------------------------------------------------------------------------------


def _grid(height, width, stride, sizes, ratios):
    return dict(height=height, width=width, stride=stride, sizes=sizes, ratios=ratios)


_ANCHOR_CASES = (
    Case("one place, one square", lambda rng: _grid(1, 1, 8, [4.0], [1.0])),
    Case("twice as wide, twice as high", lambda rng: _grid(1, 1, 10, [6.0], [0.25, 4.0])),
    Case("two rows of three places", lambda rng: _grid(2, 3, 8, [6.0], [1.0])),
    Case("two sizes, three ratios", lambda rng: _grid(1, 2, 16, [8.0, 20.0], [0.5, 1.0, 2.0])),
    Case("two by two by two by two", lambda rng: _grid(2, 2, 4, [3.0, 5.0], [0.5, 3.0])),
    Case("Faster R-CNN's nine, odd stride", lambda rng: _grid(2, 3, 15, [128.0, 256.0, 512.0], [0.5, 1.0, 2.0])),
    Case("whole numbers as sizes and ratios", lambda rng: _grid(3, 1, 7, [2, 3], [1, 2])),
)

# ---- coding --------------------------------------------------------------------------------------------------------


def _pair(rng, n, low=0.0):
    return dict(
        boxes=random_boxes(rng, n, low=low, high=low + 50), anchors=random_boxes(rng, n, low=low, high=low + 50)
    )


_ENCODE_CASES = (
    Case("the anchor itself", lambda rng: dict(boxes=_rows([2, 3, 6, 11]), anchors=_rows([2, 3, 6, 11]))),
    Case("moved", lambda rng: dict(boxes=_rows([3, 7, 7, 15]), anchors=_rows([2, 3, 6, 11]))),
    Case("twice as wide, half as high", lambda rng: dict(boxes=_rows([0, 5, 8, 9]), anchors=_rows([2, 3, 6, 11]))),
    Case("five pairs", lambda rng: _pair(rng, 5)),
    Case("four pairs, negative coordinates", lambda rng: _pair(rng, 4, -60.0)),
    Case("in [0, 1]", lambda rng: dict(boxes=_rows([0.1, 0.2, 0.4, 0.4]), anchors=_rows([0.2, 0.1, 0.3, 0.5]))),
    Case("no pairs", lambda rng: dict(boxes=_rows(), anchors=_rows())),
)


def _moves(rng, n, low=0.0):
    return dict(deltas=rng.normal(0, 0.6, size=(n, 4)), anchors=random_boxes(rng, n, low=low, high=low + 50))


_DECODE_CASES = (
    Case("no move", lambda rng: dict(deltas=np.zeros((1, 4)), anchors=_rows([2, 3, 6, 11]))),
    Case("a quarter to the right, half up", lambda rng: dict(
        deltas=np.array([[0.25, -0.5, 0.0, 0.0]]), anchors=_rows([2, 3, 6, 11]))),
    Case("wider, lower", lambda rng: dict(deltas=np.array([[0.0, 0.0, 0.5, -1.0]]), anchors=_rows([2, 3, 6, 11]))),
    Case("five moves", lambda rng: _moves(rng, 5)),
    Case("four moves, negative coordinates", lambda rng: _moves(rng, 4, -60.0)),
    Case("no moves at all", lambda rng: dict(deltas=np.zeros((0, 4)), anchors=_rows())),
)  # fmt: skip

# ---- assignment ----------------------------------------------------------------------------------------------------


def _strips(*lengths):
    """Strips of height 1 that begin at the origin: their IoU with the strip of length 10 is a tenth of the length."""
    return _rows(*([0, 0, length, 1] for length in lengths))


def _some(rng, n, m, **thresholds):
    truths = random_boxes(rng, m, low=-20, high=60, smallest=15.0)
    near = truths[rng.integers(m, size=n)] + rng.normal(0, 4, size=(n, 4))
    return dict(anchors=near, truths=truths, **thresholds)


_ASSIGN_CASES = (
    Case("good, middling, poor, apart", lambda rng: dict(
        anchors=_rows([0, 0, 8, 1], [0, 0, 5, 1], [0, 0, 2, 1], [20, 0, 30, 1]), truths=_strips(10))),
    Case("IoU of exactly 0.7 and 0.3", lambda rng: dict(anchors=_strips(9, 7, 3, 2), truths=_strips(10))),
    Case("no good anchor: the best is taken", lambda rng: dict(anchors=_strips(2, 4, 1), truths=_strips(10))),
    Case("no middling anchor: a poor one is taken", lambda rng: dict(anchors=_strips(2, 1), truths=_strips(10))),
    Case("two truths, one best anchor", lambda rng: dict(anchors=_strips(9, 1), truths=_strips(10, 12))),
    Case("two truths want one poor anchor", lambda rng: dict(
        anchors=_rows([0, 0, 4, 4], [50, 0, 52, 4]), truths=_rows([2, 0, 6, 4], [-1, -1, 1, 3]))),
    Case("two equal anchors", lambda rng: dict(anchors=_strips(5, 5, 4), truths=_strips(10))),
    Case("two equal truths", lambda rng: dict(anchors=_strips(9, 8, 2), truths=_strips(10, 10))),
    Case("a truth that nothing touches", lambda rng: dict(
        anchors=_strips(1, 9), truths=_rows([0, 0, 10, 1], [40, 40, 50, 50]))),
    Case("apart in x and in y", lambda rng: dict(anchors=_rows([0, 0, 4, 4], [20, 20, 24, 24]), truths=_rows([8, 8, 12, 12], [21, 20, 24, 24]))),
    Case("high = 0.5, low = 0.4", lambda rng: dict(anchors=_strips(9, 6, 4.5, 3.5), truths=_strips(10), high=0.5, low=0.4)),
    Case("in [0, 1]", lambda rng: dict(anchors=_strips(0.8, 0.5, 0.2) / 10, truths=_strips(1.0) / 10)),
    Case("no truths", lambda rng: dict(anchors=_strips(3, 4), truths=_rows())),
    Case("no anchors", lambda rng: dict(anchors=_rows(), truths=_strips(10))),
    Case("sixty anchors, seven truths", lambda rng: _some(rng, 60, 7)),
    Case("forty anchors, forty truths", lambda rng: _some(rng, 40, 40, high=0.6, low=0.4)),
)  # fmt: skip

# ---- one to one ----------------------------------------------------------------------------------------------------


def _costs(*rows):
    return dict(cost=np.array(rows, dtype=float))


_HUNGARIAN_CASES = (
    Case("the cheapest entry is a trap", lambda rng: _costs([1, 2], [2, 100])),
    Case("three by three", lambda rng: _costs([4, 1, 3], [2, 0, 5], [3, 2, 2.5])),
    Case("more columns than rows", lambda rng: _costs([5, 9, 1, 4], [6, 8, 2, 7])),
    Case("more rows than columns", lambda rng: _costs([5, 9], [1, 6], [4, 7], [2, 3])),
    Case("negative costs", lambda rng: _costs([-0.5, -4, 0], [-3, -5, -2], [-2, -6, -1.5])),
    Case("four by four", lambda rng: dict(cost=rng.normal(size=(4, 4)))),
    Case("five predictions, three truths", lambda rng: dict(cost=rng.uniform(size=(5, 3)))),
    Case("three by seven", lambda rng: dict(cost=rng.uniform(size=(3, 7)))),
    Case("five by four", lambda rng: dict(cost=rng.normal(size=(5, 4)))),
    Case("five by five", lambda rng: dict(cost=rng.normal(size=(5, 5)))),
    Case("one by one", lambda rng: _costs([7])),
    Case("no rows", lambda rng: dict(cost=np.zeros((0, 3)))),
    Case("no columns", lambda rng: dict(cost=np.zeros((3, 0)))),
)

# ---- DETR's cost ---------------------------------------------------------------------------------------------------


def _query(rng, n, m, classes=4, **weights):
    probs = rng.uniform(0.05, 1, size=(n, classes))
    probs = probs / probs.sum(axis=1, keepdims=True)
    boxes, truths = (random_boxes(rng, k, high=0.6, smallest=0.05, largest=0.4) for k in (n, m))
    return dict(probs=probs, boxes=boxes, labels=rng.integers(classes, size=m), truths=truths, **weights)


_DETR_CASES = (
    Case("one prediction, one truth", lambda rng: dict(
        probs=np.array([[0.25, 0.75]]), boxes=_rows([0, 0, 0.5, 0.5]), labels=np.array([1]), truths=_rows([0, 0, 0.5, 1]))),
    Case("disjoint boxes", lambda rng: dict(
        probs=np.array([[0.5, 0.5], [0.1, 0.9]]), boxes=_rows([0, 0, 0.2, 0.2], [0.5, 0.5, 1, 1]),
        labels=np.array([0]), truths=_rows([0.6, 0.6, 0.8, 0.9]))),
    Case("five predictions, three truths", lambda rng: _query(rng, 5, 3)),
    Case("as many of each", lambda rng: _query(rng, 4, 4)),
    Case("other weights", lambda rng: _query(rng, 3, 2, w_class=2.0, w_l1=3.0, w_giou=0.5)),
    Case("no truths", lambda rng: _query(rng, 3, 0)),
    Case("thirty predictions, twelve truths", lambda rng: _query(rng, 30, 12, 9)),
)  # fmt: skip

ANCHORS = Exercise(
    name="make_anchors",
    returns=("anchors",),
    oracle=oracle.anchors,
    cases=_ANCHOR_CASES,
    mistakes=mistakes(g.ANCHOR_MISTAKES),
    accepts=(g.make_anchors, g.anchors_loops, g.anchors_by_broadcasting),
    verified="every place, size and ratio in the order of a flattened (H, W, A); areas of size² and ratios of height over width",
)
ENCODE = Exercise(
    name="encode_boxes",
    returns=("deltas",),
    oracle=oracle.encode,
    cases=_ENCODE_CASES,
    mistakes=mistakes(g.ENCODE_MISTAKES),
    accepts=(g.encode_boxes, g.encode_loops),
    verified="equal to Faster R-CNN's coding, worked out in torch float64",
)
DECODE = Exercise(
    name="decode_boxes",
    returns=("boxes",),
    oracle=oracle.decode,
    cases=_DECODE_CASES,
    mistakes=mistakes(g.DECODE_MISTAKES),
    accepts=(g.decode_boxes, g.decode_by_corner),
    verified="equal to Faster R-CNN's decoding, worked out in torch float64",
)
ASSIGN = Exercise(
    name="assign_max_iou",
    returns=("assignment",),
    oracle=oracle.assign,
    cases=_ASSIGN_CASES,
    mistakes=mistakes(m.ASSIGN_MISTAKES),
    accepts=(m.assign, m.assign_loops, oracle.assign),
    verified="both rules on sixteen scenes; IoUs of exactly high and low, equal anchors and equal truths, and none of either included",
)
HUNGARIAN = Exercise(
    name="hungarian_match",
    returns=("rows", "columns"),
    oracle=oracle.hungarian,
    cases=_HUNGARIAN_CASES,
    mistakes=mistakes(m.HUNGARIAN_MISTAKES),
    accepts=(m.by_permutations, m.by_subsets, oracle.hungarian),
    verified="equal to SciPy's linear_sum_assignment; more rows than columns, more columns than rows, and none of either included",
)
COST = Exercise(
    name="detr_cost",
    returns=("cost",),
    oracle=oracle.detr,
    cases=_DETR_CASES,
    mistakes=mistakes(m.DETR_MISTAKES),
    accepts=(m.detr_cost, m.detr_loops, oracle.detr),
    verified="equal to the sum of its three terms in torch float64, disjoint boxes and no truths included",
)

QUESTION = Question(
    chapter=5,
    minutes=60,
    exercises=(ANCHORS, ENCODE, DECODE, ASSIGN, HUNGARIAN, COST),
    versions=("numpy", "torch", "scipy", "pycocotools"),
)
