# wrong: the shift is not scaled by the anchor, and centre and size are returned instead of corners
# kind: two
import numpy as np


def decode_boxes(deltas, anchors):
    dx, dy, dw, dh = deltas.T
    w = anchors[:, 2] - anchors[:, 0]
    h = anchors[:, 3] - anchors[:, 1]
    cx = (anchors[:, 0] + anchors[:, 2]) / 2 + dx
    cy = (anchors[:, 1] + anchors[:, 3]) / 2 + dy
    return np.column_stack([cx, cy, w * np.exp(dw), h * np.exp(dh)])
