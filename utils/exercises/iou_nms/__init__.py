"""35 · IoU and non-maximum suppression; Soft-NMS: Bodla et al. 2017, §3. Oracles: pycocotools and definitions."""

import numpy as np

from utils.exercises.iou_nms import boxes as b
from utils.exercises.iou_nms import oracle
from utils.exercises.iou_nms import suppression as s
from utils.grading.spec import Case, Exercise, Mistake, Question


def _boxes(*rows):
    return np.array(rows, dtype=float).reshape(-1, 4)


def random_boxes(rng, n, *, low=0.0, high=100.0, smallest=5.0, largest=40.0):
    """n boxes whose corners lie anywhere in a square, sides between two bounds."""
    corners = rng.uniform(low, high, size=(n, 2))
    return np.hstack([corners, corners + rng.uniform(smallest, largest, size=(n, 2))])


def distinct(rng, n):
    """n scores in (0, 1], no two of them equal."""
    return (rng.permutation(n) + 1) / n


# ---- IoU -----------------------------------------------------------------------------------------------------------

_ONE = _boxes([0, 0, 2, 2])


def _whole(rng, n, size=8):
    """Boxes on whole numbers, negative ones too."""
    corners = rng.integers(-size, size, size=(n, 2))
    return np.hstack([corners, corners + rng.integers(1, size, size=(n, 2))]).astype(float)


_IOU_CASES = (
    Case("two boxes that share a quarter", lambda rng: dict(a=_ONE, b=_boxes([1, 1, 3, 3]))),
    Case("the same box, one inside, one touching, one apart", lambda rng: dict(
        a=_ONE, b=_boxes([0, 0, 2, 2], [0, 0, 1, 2], [2, 0, 4, 2], [5, 0, 6, 1]))),
    Case("apart in x and in y", lambda rng: dict(a=_ONE, b=_boxes([3, 3, 5, 5], [-4, -3, -1, -1], [2, 2, 3, 3]))),
    Case("three boxes against two", lambda rng: dict(a=_whole(rng, 3), b=_whole(rng, 2))),
    Case("as many on either side, negative coordinates", lambda rng: dict(
        a=random_boxes(rng, 4, low=-30, high=0), b=random_boxes(rng, 4, low=-30, high=0))),
    Case("empty boxes", lambda rng: dict(
        a=_boxes([1, 1, 1, 1], [1, 0, 1, 2], [0, 0, 2, 2]), b=_boxes([1, 1, 1, 1], [0, 0, 2, 2], [0, 1, 2, 1]))),
    Case("small boxes in [0, 1]", lambda rng: dict(
        a=random_boxes(rng, 5, high=0.01, smallest=0.004, largest=0.01),
        b=random_boxes(rng, 3, high=0.01, smallest=0.004, largest=0.01))),
    Case("tiny boxes", lambda rng: dict(a=_boxes([0, 0, 2e-4, 1e-4]), b=_boxes([1e-4, 0, 3e-4, 1e-4]))),
    Case("no boxes on the left", lambda rng: dict(a=_boxes(), b=_whole(rng, 3))),
    Case("no boxes on the right", lambda rng: dict(a=_whole(rng, 2), b=_boxes())),
    Case("no boxes at all", lambda rng: dict(a=_boxes(), b=_boxes())),
    Case("sixty against forty", lambda rng: dict(a=random_boxes(rng, 60), b=random_boxes(rng, 40))),
)  # fmt: skip


# ---- NMS -----------------------------------------------------------------------------------------------------------


def _scene(boxes, scores, threshold, classes=None):
    named = {} if classes is None else dict(classes=np.array(classes, dtype=int))
    return dict(boxes=_boxes(*boxes), scores=np.array(scores, dtype=float), **named, threshold=threshold)


def _crowd(rng, n, threshold, classes=None, **where):
    named = {} if classes is None else dict(classes=rng.integers(classes, size=n))
    return dict(boxes=random_boxes(rng, n, **where), scores=distinct(rng, n), **named, threshold=threshold)


_HALF = [[0, 0, 2, 2], [0, 0, 2, 1], [0, 0, 1, 1]]  # IoU with the first: exactly 1/2 and 1/4
_CHAIN = [[0, 0, 4, 4], [1, 0, 5, 4], [2, 0, 6, 4], [3, 0, 7, 4]]  # neighbours 0.6, next but one 1/3, ends 1/7

# Name → boxes, scores, threshold: what NMS with and without classes is tried on.
_SCENES = {
    "two boxes of one object, one apart": ([[0, 0, 4, 4], [1, 0, 5, 4], [9, 9, 12, 12]], [0.6, 0.9, 0.7], 0.5),
    "IoU of exactly the threshold": (_HALF, [0.9, 0.8, 0.3], 0.5),
    "a chain: neighbours overlap, the ends do not": (_CHAIN, [0.9, 0.8, 0.7, 0.6], 0.5),
    "the third box overlaps the first only": (
        [[0, 0, 4, 4], [9, 0, 12, 4], [0, 1, 4, 5], [9, 1, 12, 5]], [0.9, 0.8, 0.7, 0.6], 0.5),
    "equal scores": ([[0, 0, 4, 4], [1, 0, 5, 4], [8, 8, 9, 9], [20, 0, 24, 4]], [0.5, 0.5, 0.5, 0.5], 0.5),
    "three times the same box": ([[1, 1, 3, 3]] * 3, [0.2, 0.3, 0.1], 0.9),
    "a box inside another": ([[0, 0, 10, 10], [4, 4, 7, 7], [0, 0, 10, 9]], [0.9, 0.8, 0.7], 0.3),
    "apart in x and in y": ([[0, 0, 2, 2], [4, 4, 6, 6], [-9, -9, -1, -1], [0, 30, 2, 32]], [0.1, 0.4, 0.3, 0.2], 0.3),
    "threshold 0: touching boxes stay": ([[0, 0, 2, 2], [2, 0, 4, 2], [3, 0, 5, 2]], [0.9, 0.8, 0.7], 0.0),
    "threshold 1: even equal boxes stay": ([[0, 0, 2, 2], [0, 0, 2, 2]], [0.4, 0.9], 1.0),
    "boxes in [0, 1]": ([[0, 0, 0.4, 0.4], [0.3, 0, 0.7, 0.4], [0.6, 0.6, 0.9, 0.9]], [0.9, 0.8, 0.7], 0.4),
    "empty boxes": ([[1, 1, 1, 3], [1, 1, 1, 3], [0, 0, 2, 2]], [0.9, 0.8, 0.7], 0.5),
    "one box": ([[3, 4, 5, 6]], [0.3], 0.5),
    "no boxes": ([], [], 0.5),
}  # fmt: skip


def _cases(classes=lambda n: {}):
    return tuple(Case(name, lambda rng, a=args: _scene(*a, **classes(len(a[0])))) for name, args in _SCENES.items())


_NMS_CASES = (
    *_cases(),
    Case("thirty boxes, threshold 0.3", lambda rng: _crowd(rng, 30, 0.3, high=50.0)),
    Case("thirty boxes, threshold 0.7", lambda rng: _crowd(rng, 30, 0.7, high=40.0, smallest=20.0)),
    Case("twenty boxes about the origin", lambda rng: _crowd(rng, 20, 0.2, low=-40, high=20)),
)

_SAME = [[0, 0, 10, 10]]
_BATCHED_CASES = (
    Case("two classes at one place", lambda rng: _scene(_SAME * 3, [0.7, 0.9, 0.8], 0.5, [0, 1, 0])),
    *_cases(lambda n: dict(classes=[0] * n)),
    Case("scores of two classes alternate", lambda rng: _scene(
        [[0, 0, 4, 4], [50, 0, 54, 4], [20, 0, 24, 4], [80, 0, 84, 4]], [0.3, 0.9, 0.6, 0.7], 0.5, [0, 1, 1, 0])),
    Case("negative coordinates", lambda rng: _scene(
        [[0, 0, 10, 10], [-11, -11, -1, -1], [-10, -10, 0, 0]], [0.9, 0.8, 0.7], 0.5, [0, 1, 1])),
    Case("all coordinates negative", lambda rng: _scene(
        [[-9, -9, -1, -1], [-9, -9, -1, -1], [-8, -8, 0, 0]], [0.9, 0.8, 0.7], 0.5, [0, 1, 2])),
    Case("class numbers with gaps", lambda rng: _scene(_SAME * 4, [0.9, 0.8, 0.7, 0.6], 0.5, [2, 7, 90, 7])),
    Case("a large image", lambda rng: _scene(
        [[x, x, x + 90, x + 90] for x in (9000, 8000, 4904, 1320)], [0.9, 0.8, 0.7, 0.6], 0.5, [0, 1, 1, 1])),
    Case("equal scores in two classes", lambda rng: _scene(_SAME * 4, [0.5] * 4, 0.5, [1, 0, 0, 1])),
    Case("24 boxes of four classes", lambda rng: _crowd(rng, 24, 0.4, 4, low=-30, high=20)),
)  # fmt: skip


# ---- Soft-NMS ------------------------------------------------------------------------------------------------------


def _soft_scene(boxes, scores, **rest):
    return dict(boxes=_boxes(*boxes), scores=np.array(scores, dtype=float), **rest)


_SOFT_CASES = (
    Case("two boxes of one object, one apart", lambda rng: _soft_scene(
        [[0, 0, 4, 4], [1, 0, 5, 4], [9, 9, 12, 12]], [0.8, 0.9, 0.7])),
    Case("a decayed box falls behind two others", lambda rng: _soft_scene(
        [[0, 0, 4, 4], [0, 0, 4, 3], [20, 0, 24, 4], [20, 1, 24, 4]], [0.95, 0.9, 0.6, 0.55])),
    Case("a chain: decays add up", lambda rng: _soft_scene(_CHAIN, [0.9, 0.8, 0.7, 0.6])),
    Case("three times the same box", lambda rng: _soft_scene([[1, 1, 3, 3]] * 3, [0.2, 0.3, 0.1])),
    Case("sigma = 0.1", lambda rng: _soft_scene(_CHAIN, [0.6, 0.9, 0.8, 0.7], sigma=0.1)),
    Case("sigma = 2, min_score = 0.4", lambda rng: _soft_scene(_CHAIN, [0.6, 0.7, 0.8, 0.5], sigma=2.0, min_score=0.4)),
    Case("a score of exactly min_score", lambda rng: _soft_scene(
        [[0, 0, 2, 2], [5, 5, 7, 7], [9, 9, 10, 10]], [0.5, 0.25, 0.125], sigma=0.5, min_score=0.25)),
    Case("scores about the default min_score", lambda rng: _soft_scene(
        [[0, 0, 2, 2], [5, 5, 7, 7], [9, 9, 10, 10]], [0.5, 0.00095, 0.00105])),
    Case("apart in x and in y", lambda rng: _soft_scene(
        [[0, 0, 2, 2], [4, 4, 6, 6], [-9, -9, -1, -1]], [0.1, 0.4, 0.3])),
    Case("boxes in [0, 1]", lambda rng: _soft_scene(
        [[0, 0, 0.4, 0.4], [0.3, 0, 0.7, 0.4], [0.6, 0.6, 0.9, 0.9]], [0.9, 0.8, 0.7])),
    Case("one box", lambda rng: _soft_scene([[3, 4, 5, 6]], [0.3])),
    Case("no boxes", lambda rng: _soft_scene([], [])),
    Case("twenty boxes", lambda rng: dict(boxes=random_boxes(rng, 20, high=35.0), scores=distinct(rng, 20))),
)  # fmt: skip


def mistakes(named):
    """Records of {name: (advice, wrong answer)}."""
    return tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in named.items())


IOU = Exercise(
    name="iou_matrix",
    returns=("iou",),
    oracle=oracle.coco_iou,
    cases=_IOU_CASES,
    mistakes=mistakes(b.IOU_MISTAKES | b.IOU_ONLY),
    accepts=(b.iou_loops, b.iou_with_a_tiny_eps, oracle.coco_iou),
    verified="equal to pycocotools' IoU; identical, nested, touching, disjoint and empty boxes, and no boxes, included",
)
NMS = Exercise(
    name="nms",
    returns=("kept",),
    oracle=oracle.nms,
    cases=_NMS_CASES,
    mistakes=mistakes(s.NMS_MISTAKES),
    accepts=(s.greedy, s.nms_shrinking, oracle.nms),
    verified="the one set of boxes that agrees with the definition; ties, empty boxes and an IoU of exactly the threshold included",
)
BATCHED = Exercise(
    name="batched_nms",
    returns=("kept",),
    oracle=oracle.batched_nms,
    cases=_BATCHED_CASES,
    mistakes=mistakes(s.BATCHED_MISTAKES),
    accepts=(s.by_class, s.shifted(lambda b: b.max() - b.min() + 1), oracle.batched_nms),
    verified="NMS of each class by itself, in one order; negative coordinates and class numbers with gaps included",
)
SOFT = Exercise(
    name="soft_nms",
    returns=("indices", "new_scores"),
    oracle=oracle.soft_nms,
    cases=_SOFT_CASES,
    mistakes=mistakes(s.SOFT_MISTAKES),
    accepts=(s.soft_filtered_last, s.soft_arrays, oracle.soft_nms),
    verified="equal to own score · exp(−Σ IoU²/σ) over the boxes taken before, each step the best that remains",
)

QUESTION = Question(
    chapter=5, minutes=45, exercises=(IOU, NMS, BATCHED, SOFT), versions=("numpy", "torch", "pycocotools")
)
