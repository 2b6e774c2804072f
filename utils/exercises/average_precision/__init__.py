"""36 · Average precision: Pascal VOC's matching and area (Everingham et al. 2010, §4.2), COCO's 101 points.

Oracles: the definitions turned round, scikit-learn for the curve, pycocotools for COCO's figure.
"""

import numpy as np

from utils.exercises.average_precision import mistakes as m
from utils.exercises.average_precision import oracle
from utils.exercises.iou_nms import distinct, mistakes, random_boxes
from utils.grading.spec import Case, Exercise, Question


def _rows(*rows):
    return np.array(rows, dtype=float).reshape(-1, 4)


# ---- matching ------------------------------------------------------------------------------------------------------


def _found(boxes, scores, truths, **threshold):
    return dict(boxes=_rows(*boxes), scores=np.array(scores, dtype=float), truths=_rows(*truths), **threshold)


def _scene(rng, n, n_truths, low=0.0, high=60.0, **threshold):
    """Detections shaken about truths, some of which nobody looks at."""
    truths = random_boxes(rng, n_truths, low=low, high=high, smallest=15.0)
    boxes = truths[rng.integers(max(1, n_truths - 2), size=n)] + rng.normal(0, 3, size=(n, 4))
    return dict(boxes=boxes, scores=distinct(rng, n), truths=truths, **threshold)


_T = [0, 0, 4, 4]
_MATCH_CASES = (
    Case("two detections of one truth", lambda rng: _found([[0, 0, 4, 3], _T], [0.9, 0.8], [_T])),
    Case("the better score comes second", lambda rng: _found([_T, [0, 0, 4, 3], [9, 9, 12, 12]], [0.3, 0.9, 0.5], [_T])),
    Case("IoU of exactly 0.5", lambda rng: _found([[0, 0, 4, 2], [10, 0, 12, 3]], [0.9, 0.8], [_T, [10, 0, 12, 4]])),
    Case("IoU of 0.47 and 0.53", lambda rng: _found([[0, 0, 4, 1.88], [10, 0, 12, 2.12]], [0.9, 0.8], [_T, [10, 0, 12, 4]])),
    Case("a near miss, then a hit", lambda rng: _found([[2, 0, 6, 4], [0, 0, 4, 3]], [0.9, 0.8], [_T])),
    Case("its truth is taken, another would do", lambda rng: _found(
        [[0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10]], [0.9, 0.8, 0.7], [[0, 0, 10, 10], [3, 0, 13, 10]])),
    Case("the first truth is not the best", lambda rng: _found(
        [[1, 0, 11, 10], [6, 0, 16, 10]], [0.9, 0.8], [[3, 0, 13, 10], [0, 0, 10, 10]])),
    Case("two equal truths", lambda rng: _found([_T, [0, 0, 4, 3]], [0.6, 0.7], [_T, _T])),
    Case("threshold 0.75", lambda rng: _found(
        [[0, 0, 4, 3], [20, 0, 24, 2.5], [40, 0, 44, 4]], [0.9, 0.8, 0.7],
        [_T, [20, 0, 24, 4], [40, 0, 44, 4], [60, 0, 64, 4]], threshold=0.75)),
    Case("threshold 0.25", lambda rng: _found([[2, 0, 6, 4], [20, 0, 24, 0.5]], [0.9, 0.8], [_T, [20, 0, 24, 4]], threshold=0.25)),
    Case("apart in x and in y", lambda rng: _found([[6, 6, 10, 10], [-9, -9, -5, -5]], [0.9, 0.8], [_T])),
    Case("boxes in [0, 1]", lambda rng: _found([[0.3, 0, 0.7, 0.4], [0, 0, 0.4, 0.3]], [0.9, 0.8], [[0, 0, 0.4, 0.4]])),
    Case("no truths", lambda rng: _found([_T, [1, 1, 2, 2]], [0.9, 0.8], [])),
    Case("no detections", lambda rng: _found([], [], [_T])),
    Case("neither", lambda rng: _found([], [], [])),
    Case("six detections, three truths", lambda rng: _scene(rng, 6, 3)),
    Case("a crowd about the origin", lambda rng: _scene(rng, 80, 20, low=-60.0, high=10.0, threshold=0.6)),
)  # fmt: skip


# ---- the curve -----------------------------------------------------------------------------------------------------


def _ranked(scores, hits, n_truths):
    return dict(scores=np.array(scores, dtype=float), hits=np.array(hits, dtype=bool), n_truths=n_truths)


_CURVE_CASES = (
    Case("hit, miss, hit", lambda rng: _ranked([0.9, 0.8, 0.7], [1, 0, 1], 4)),
    Case("not sorted", lambda rng: _ranked([0.2, 0.9, 0.5, 0.7], [1, 0, 0, 1], 3)),
    Case("equal scores", lambda rng: _ranked([0.5, 0.9, 0.5, 0.5, 0.1], [1, 0, 1, 0, 1], 5)),
    Case("all scores equal", lambda rng: _ranked([0.5] * 4, [0, 1, 0, 1], 2)),
    Case("scores are logits", lambda rng: _ranked([-2.0, 3.5, 0.0, -0.5], [0, 1, 1, 0], 2)),
    Case("no hit", lambda rng: _ranked([0.3, 0.4], [0, 0], 7)),
    Case("all are hits", lambda rng: _ranked([0.3, 0.6, 0.4], [1, 1, 1], 3)),
    Case("one detection", lambda rng: _ranked([0.3], [1], 1)),
    Case("no detections", lambda rng: _ranked([], [], 3)),
    Case("sixty detections, forty truths", lambda rng: _ranked(distinct(rng, 60), rng.random(60) < 0.4, 40)),
)


# ---- the areas -----------------------------------------------------------------------------------------------------


def _of(hits, n_truths):
    """The curve of hits (1) and misses (0) in falling score."""
    right = np.cumsum(np.array(hits, dtype=int))
    return dict(precision=right / np.arange(1, len(hits) + 1), recall=right / n_truths)


def _random_hits(rng, n, share, n_truths):
    hits = rng.random(n) < share * np.linspace(1.6, 0.4, n)
    return _of(hits & (np.cumsum(hits) <= n_truths), n_truths)


# No recall lies on one of COCO's 101 points but those that are exact in binary: nothing hangs on a last bit.
_AREA_CASES = (
    Case("hit, miss, hit of three truths", lambda rng: _of([1, 0, 1], 3)),
    Case("a miss first", lambda rng: _of([0, 1, 1], 3)),
    Case("precision falls and rises", lambda rng: _of([1, 0, 0, 1, 1, 1, 0, 1], 7)),
    Case("one hit, the only truth", lambda rng: _of([1], 1)),
    Case("all truths found at once", lambda rng: _of([1, 1, 1], 3)),
    Case("misses after the last hit", lambda rng: _of([1, 1, 0, 0, 0, 0], 3)),
    Case("half of the truths are never found", lambda rng: _of([1, 0, 1, 1, 0], 7)),
    Case("recalls of a quarter, a half, one", lambda rng: _of([1, 0, 1, 0, 0, 1, 1], 4)),
    Case("no hit", lambda rng: _of([0, 0, 0], 3)),
    Case("no detections", lambda rng: _of([], 3)),
    Case("forty detections, seventeen truths", lambda rng: _random_hits(rng, 40, 0.5, 17)),
    Case("three hundred detections, 113 truths", lambda rng: _random_hits(rng, 300, 0.4, 113)),
)

MATCH = Exercise(
    name="match_detections",
    returns=("hits",),
    oracle=oracle.match,
    cases=_MATCH_CASES,
    mistakes=mistakes(m.MATCH_MISTAKES),
    accepts=(m.match, m.match_with_sets, oracle.match),
    verified="equal to Pascal VOC's rule read from the truths' side; an IoU of exactly the threshold and equal truths included",
)
CURVE = Exercise(
    name="precision_recall",
    returns=("precision", "recall"),
    oracle=oracle.curve,
    cases=_CURVE_CASES,
    mistakes=mistakes(m.CURVE_MISTAKES),
    accepts=(m.curve, m.curve_loops, oracle.curve),
    verified="equal to scikit-learn's curve with recall over all truths; equal scores and no detections included",
)
AREA = Exercise(
    name="average_precision",
    returns=("AP",),
    oracle=oracle.area,
    cases=_AREA_CASES,
    mistakes=mistakes(m.AREA_MISTAKES),
    accepts=(m.or_zero(lambda p, r: m.steps(m.envelope(p), r)), m.area_by_truths, m.area_by_trapezoids, oracle.area),
    verified="the area of the region under the envelope, also when it is cut into layers; no detections give 0",
)
COCO = Exercise(
    name="coco_average_precision",
    returns=("AP",),
    oracle=oracle.coco,
    cases=_AREA_CASES,
    mistakes=mistakes(m.COCO_MISTAKES),
    accepts=(m.points(np.arange(101) / 100), m.points(np.linspace(0, 1, 101)), m.coco_by_search, oracle.coco),
    verified="equal to pycocotools' accumulate; no detections give 0",
)

QUESTION = Question(
    chapter=5,
    minutes=45,
    exercises=(MATCH, CURVE, AREA, COCO),
    versions=("numpy", "torch", "scikit-learn", "pycocotools"),
)
