"""A small detector for `data.digit_scenes`: at every second pixel one score for each digit and one box.

The features are fixed: a window about the place, seen through random rectified units. The head upon them is fitted by
ridge regression, so training is one linear system: no rate, no epochs, the same result on every processor. What comes
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
    """detector(image (1, H, H)) → boxes (n, 4), scores (n,), classes (n,): all places whose score is large enough."""

    def __init__(self, units: np.ndarray, offsets: np.ndarray, score_head: np.ndarray, box_head: np.ndarray) -> None:
        self.units, self.offsets, self.score_head, self.box_head = units, offsets, score_head, box_head

    def raw(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores of every class (k, 10) and boxes (k, 4) at all places."""
        features = _features(_windows(image), self.units, self.offsets)
        points, reach = places(image.shape[-1]), 10 * features @ self.box_head
        return features @ self.score_head, np.hstack([points - reach[:, :2], points + reach[:, 2:]])

    def __call__(self, image: np.ndarray, least: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scores, boxes = self.raw(image)
        keep = (scores.max(axis=1) > least) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return boxes[keep], scores[keep].max(axis=1), scores[keep].argmax(axis=1)


def train(
    images: np.ndarray,
    boxes: list[np.ndarray],
    labels: list[np.ndarray],
    assign: Callable[[np.ndarray, np.ndarray], np.ndarray] = central,
    seed: int = 0,
) -> Detector:
    """Fit a detector to scenes. `assign(points (k, 2), boxes (m, 4))` says which box each place answers for, or −1.

    A positive place learns 1 for its class and how far the box's four sides are; every other place learns ten zeros.
    Of those, one in six is used, six times as heavy: most of a scene is black.
    """
    rng = np.random.default_rng(seed)
    units = rng.normal(size=(WINDOW * WINDOW, UNITS)) / WINDOW
    offsets = 0.3 * rng.normal(size=UNITS)
    points, rows, targets, reaches, weights = places(images.shape[-1]), [], [], [], []
    for image, truths, classes in zip(images, boxes, labels, strict=True):
        owner = assign(points, truths)
        used = (owner >= 0) | (rng.random(len(points)) < 1 / 6)
        owner, at = owner[used], points[used]
        rows.append(_windows(image)[used])
        targets.append((owner >= 0)[:, None] * np.eye(10)[classes[owner]])
        reaches.append(np.hstack([at - truths[owner, :2], truths[owner, 2:] - at]) / 10)
        weights.append(np.where(owner >= 0, 1.0, 6.0))
    features, weights = _features(np.concatenate(rows), units, offsets), np.concatenate(weights)
    targets, reaches = np.concatenate(targets), np.concatenate(reaches)
    positive = targets.any(axis=1)
    head = _ridge(features * weights[:, None], features, targets)
    return Detector(units, offsets, head, _ridge(features[positive], features[positive], reaches[positive]))


def _ridge(weighted, features, targets):
    return np.linalg.solve(weighted.T @ features + RIDGE * np.eye(features.shape[1]), weighted.T @ targets)


def _windows(image):
    """The window about each place as a row: (k, WINDOW²)."""
    half = WINDOW // 2
    seen = np.lib.stride_tricks.sliding_window_view(np.pad(image[0], half), (WINDOW, WINDOW))
    first, count = STRIDE // 2, image.shape[-1] // STRIDE
    return seen[first::STRIDE, first::STRIDE][:count, :count].reshape(-1, WINDOW * WINDOW)


def _features(windows, units, offsets):
    return np.hstack([np.maximum(windows @ units + offsets, 0), np.ones((len(windows), 1))])
