"""Who says what is right: pycocotools' IoU of boxes, and on it two definitions that need no loop over kept boxes.

Greedy NMS is the only set of boxes that agrees with its own definition; Soft-NMS is written in logarithms.
"""

import numpy as np


def coco_iou(a, b):
    """IoU of every pair by pycocotools, which takes x, y, width, height."""
    from pycocotools import mask

    if not (len(a) and len(b)):
        return np.zeros((len(a), len(b)))
    corners = [np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).astype(float) for boxes in (a, b)]
    return np.asarray(mask.iou(*corners, [0] * len(b)), dtype=float)


def nms(boxes, scores, threshold):
    """A box is kept when no kept box before it overlaps it: iterate that sentence until nothing changes."""
    import torch

    scores, place = torch.from_numpy(scores), torch.arange(len(scores))
    before = (scores[:, None] > scores) | ((scores[:, None] == scores) & (place[:, None] < place))
    hits = before & (torch.from_numpy(coco_iou(boxes, boxes)) > threshold)  # [i, j]: i would drop j
    kept = torch.ones(len(scores), dtype=torch.bool)
    for _ in range(len(scores)):
        kept = ~(hits & kept[:, None]).any(dim=0)
    return place[kept][torch.argsort(before.sum(dim=0)[kept])].numpy()


def batched_nms(boxes, scores, classes, threshold):
    kept = [np.flatnonzero(classes == c)[nms(boxes[classes == c], scores[classes == c], threshold)]
            for c in np.unique(classes)]  # fmt: skip
    kept = np.concatenate([np.zeros(0, int), *kept])
    return kept[np.lexsort((kept, -scores[kept]))]


def soft_nms(boxes, scores, sigma=0.5, min_score=0.001):
    """The score of a box is its own times exp(−Σ IoU²/σ), the sum over the boxes taken before it."""
    import torch

    penalties = torch.from_numpy(coco_iou(boxes, boxes)) ** 2 / sigma
    logs, taken, values = torch.log(torch.from_numpy(scores)), [], []
    for _ in range(len(scores)):
        left = logs - penalties[taken].sum(dim=0)
        left[taken] = -torch.inf
        best = int(left.argmax())
        if taken and left[best] < np.log(min_score) - 1e-12:
            break
        taken.append(best)
        values.append(float(left[best].exp()))
    return np.array(taken, dtype=int), np.array(values)
