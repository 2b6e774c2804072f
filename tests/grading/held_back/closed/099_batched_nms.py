# wrong: returns the boxes class by class, not by falling score over all classes
# kind: concept
import numpy as np


def _keep(boxes, scores, threshold):
    order = list(np.argsort(-scores, kind="stable"))
    out = []
    while order:
        i = order.pop(0)
        out.append(i)
        rest = []
        for j in order:
            w = max(0, min(boxes[i][2], boxes[j][2]) - max(boxes[i][0], boxes[j][0]))
            h = max(0, min(boxes[i][3], boxes[j][3]) - max(boxes[i][1], boxes[j][1]))
            u = np.prod(boxes[i][2:] - boxes[i][:2]) + np.prod(boxes[j][2:] - boxes[j][:2]) - w * h
            if u <= 0 or w * h / u <= threshold:
                rest.append(j)
        order = rest
    return out


def batched_nms(boxes, scores, classes, threshold):
    result = []
    for c in np.unique(classes):
        idx = np.where(classes == c)[0]
        k = _keep(boxes[idx], scores[idx], threshold)
        result.extend(idx[k])
    return np.array(result, dtype=int)
