"""A small detector for `data.digit_scenes`: at every second pixel a score and a box. It does not read them.

The features are fixed: a window about the place, seen through random rectified units. The heads upon them are fitted by
ridge regression, so training is a linear system: no rate, no epochs, the same result on every processor. What comes
out is raw, as from any dense head: many boxes around every object, and still to be suppressed.
"""

from collections.abc import Callable

import numpy as np

STRIDE, WINDOW, UNITS, RIDGE = 2, 20, 400, 1.0


def places(size: int) -> np.ndarray:
    """The centres (x, y) at which a square image of that size is looked at, row by row: (k, 2)."""
    grid = (np.arange(size // STRIDE) + 0.5) * STRIDE
    return np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)


def central(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """One to many: every point in the middle half of a box belongs to it, by index; −1 for background."""
    off = np.abs(points[:, None] - (boxes[:, :2] + boxes[:, 2:]) / 2) / (boxes[:, 2:] - boxes[:, :2])
    worst = off.max(axis=2)
    return np.where(worst.min(axis=1) < 0.25, worst.argmin(axis=1), -1)


class Detector:
    """detector(image (1, H, H)) → boxes (n, 4), scores (n,): all places whose score is large enough, unsuppressed."""

    def __init__(self, units: np.ndarray, offsets: np.ndarray, score: np.ndarray, box: np.ndarray) -> None:
        self.units, self.offsets, self.score, self.box = units, offsets, score, box

    def raw(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (k, 4) and scores (k,) at all places."""
        features = _features(_windows(image), self.units, self.offsets)
        points, reach = places(image.shape[-1]), 10 * features @ self.box
        return np.hstack([points - reach[:, :2], points + reach[:, 2:]]), features @ self.score

    def __call__(self, image: np.ndarray, least: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = self.raw(image)
        keep = (scores > least) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return boxes[keep], scores[keep]


def train(
    images: np.ndarray,
    boxes: list[np.ndarray],
    assign: Callable[[np.ndarray, np.ndarray], np.ndarray] = central,
    seed: int = 0,
) -> Detector:
    """Fit a detector to scenes. `assign(points (k, 2), boxes (m, 4))` says which box each place answers for, or −1.

    A positive place learns the score 1 and how far the box's four sides are; any other the score 0.
    Of those, one in six is used: most of a scene is black.
    """
    rng = np.random.default_rng(seed)
    units = rng.normal(size=(WINDOW * WINDOW, UNITS)) / WINDOW
    offsets = 0.3 * rng.normal(size=UNITS)
    points, rows, positives, reaches = places(images.shape[-1]), [], [], []
    for image, truths in zip(images, boxes, strict=True):
        owner = assign(points, truths)
        used = (owner >= 0) | (rng.random(len(points)) < 1 / 6)
        owner, at = owner[used], points[used]
        rows.append(_windows(image)[used])
        positives.append(owner >= 0)
        reaches.append(np.hstack([at - truths[owner, :2], truths[owner, 2:] - at]) / 10)
    features, positive = _features(np.concatenate(rows), units, offsets), np.concatenate(positives)
    box = _ridge(features[positive], np.concatenate(reaches)[positive])
    return Detector(units, offsets, _ridge(features, positive.astype(float)), box)


def _ridge(features, targets):
    return np.linalg.solve(features.T @ features + RIDGE * np.eye(features.shape[1]), features.T @ targets)


def _windows(image):
    """The window about each place as a row: (k, WINDOW²)."""
    half = WINDOW // 2
    seen = np.lib.stride_tricks.sliding_window_view(np.pad(image[0], half), (WINDOW, WINDOW))
    first, count = STRIDE // 2, image.shape[-1] // STRIDE
    return seen[first::STRIDE, first::STRIDE][:count, :count].reshape(-1, WINDOW * WINDOW)


def _features(windows, units, offsets):
    return np.hstack([np.maximum(windows @ units + offsets, 0), np.ones((len(windows), 1))])


# ---- what the questions of chapter 5 look at results with -----------------------------------------------------------


def shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every pair of boxes, (n, 4) and (m, 4) → (n, m): for judging where the learner's own is not to decide."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inter = np.maximum(sides, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return inter / np.maximum(areas[0][:, None] + areas[1] - inter, 1e-300)


def suppressed(boxes: np.ndarray, scores: np.ndarray, threshold: float = 0.4) -> np.ndarray:
    """The indices (k,) that greedy NMS keeps of boxes (n, 4) with scores (n,), best first: question 35's, given."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while order.size:
        kept.append(order[0])
        order = order[1:][shared(boxes[order[:1]], boxes[order[1:]])[0] <= threshold]
    return np.array(kept, dtype=int)


def recall(found: list[np.ndarray], truths: list[np.ndarray], least: float = 0.5) -> float:
    """The share of truths, (m, 4) for each image, that some box found there, (n, 4), overlaps by at least that IoU."""
    hits = [shared(boxes, true).max(axis=0) >= least for boxes, true in zip(found, truths, strict=True) if len(boxes)]
    return sum(map(np.sum, hits)) / sum(map(len, truths))


def precision_area(
    found: list[np.ndarray], scores: list[np.ndarray], truths: list[np.ndarray], least: float = 0.5
) -> float:
    """Average precision, 0 to 1, over several images, classes aside, as question 36 builds it.

    For each image: boxes found (n, 4), their scores (n,), and one true box (m, 4) or more.
    """
    hits = [_hits(*image, least) for image in zip(found, scores, truths, strict=True)]
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.cumsum(np.concatenate(hits)[order])
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(right, prepend=0) * precision) / sum(map(len, truths)))


def _hits(boxes, scores, truths, least):
    hits, over, free = np.zeros(len(boxes), dtype=bool), shared(boxes, truths), np.ones(len(truths), dtype=bool)
    for i in np.argsort(-scores, kind="stable"):
        best = over[i].argmax()
        hits[i] = over[i, best] >= least and free[best]
        free[best] &= not hits[i]
    return hits


def draw(ax, image, *groups, title=""):
    """An image (1, H, W) and on it groups of boxes: (boxes (n, 4), colour) or (boxes, colour, line style)."""
    ax.imshow(image[0], cmap="gray", extent=(0, image.shape[2], image.shape[1], 0))
    for boxes, colour, *style in groups:
        for x1, y1, x2, y2 in boxes:
            ax.plot(
                [x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=colour, linewidth=1.1, linestyle=(style or ["-"])[0]
            )
    ax.set_title(title, fontsize=9.5, loc="center")
    ax.axis("off")
    return ax
