# wrong: the scores of the caller are changed in place
# kind: slip
import numpy as np


def soft_nms(boxes, scores, sigma=0.5, min_score=0.001):
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    active = np.ones(len(scores), dtype=bool)
    idx, val = [], []
    while active.any():
        b = int(np.where(active, scores, -1.0).argmax())
        idx.append(b)
        val.append(scores[b])
        active[b] = False
        w = np.clip(np.minimum(boxes[b, 2], boxes[:, 2]) - np.maximum(boxes[b, 0], boxes[:, 0]), 0, None)
        h = np.clip(np.minimum(boxes[b, 3], boxes[:, 3]) - np.maximum(boxes[b, 1], boxes[:, 1]), 0, None)
        union = area[b] + area - w * h
        iou = np.where(union > 0, w * h / np.where(union > 0, union, 1), 0)
        scores[active] *= np.exp(-iou[active] ** 2 / sigma)
        active &= scores >= min_score
    return np.array(idx, dtype=int), np.array(val)
