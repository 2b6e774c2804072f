# wrong: an unknown kind falls through to CIoU
# kind: guard
import numpy as np


def box_overlap(a, b, kind):
    lt = np.maximum(a[:, :2], b[:, :2])
    rb = np.minimum(a[:, 2:], b[:, 2:])
    wh = np.maximum(rb - lt, 0)
    inter = wh[:, 0] * wh[:, 1]
    sa, sb = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    union = sa[:, 0] * sa[:, 1] + sb[:, 0] * sb[:, 1] - inter
    iou = inter / union
    c = np.maximum(a[:, 2:], b[:, 2:]) - np.minimum(a[:, :2], b[:, :2])
    if kind == "iou":
        return iou
    elif kind == "giou":
        area_c = c[:, 0] * c[:, 1]
        return iou - (area_c - union) / area_c
    rho2 = (((a[:, :2] + a[:, 2:]) - (b[:, :2] + b[:, 2:])) ** 2).sum(1) / 4
    diou = iou - rho2 / (c ** 2).sum(1)
    if kind == "diou":
        return diou
    v = 4 / np.pi ** 2 * (np.arctan(sb[:, 0] / sb[:, 1]) - np.arctan(sa[:, 0] / sa[:, 1])) ** 2
    alpha = v / np.maximum(1 - iou + v, 1e-300)
    return diou - alpha * v
