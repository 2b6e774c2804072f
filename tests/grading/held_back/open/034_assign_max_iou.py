# wrong: the second step is missing: a truth without an anchor above high gets none
# kind: concept
import numpy as np


def assign_max_iou(anchors, truths, high=0.7, low=0.3):
    n, m = len(anchors), len(truths)
    labels = np.full(n, -1)
    if m == 0:
        return labels
    for i in range(n):
        ious = []
        for j in range(m):
            w = max(0, min(anchors[i, 2], truths[j, 2]) - max(anchors[i, 0], truths[j, 0]))
            h = max(0, min(anchors[i, 3], truths[j, 3]) - max(anchors[i, 1], truths[j, 1]))
            inter = w * h
            u = np.prod(anchors[i, 2:] - anchors[i, :2]) + np.prod(truths[j, 2:] - truths[j, :2]) - inter
            ious.append(inter / u)
        k = int(np.argmax(ious))
        if ious[k] >= high:
            labels[i] = k
        elif ious[k] >= low:
            labels[i] = -2
    return labels
