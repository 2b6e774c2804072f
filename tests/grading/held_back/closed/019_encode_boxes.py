# wrong: the shift is divided by the box's own size instead of the anchor's
# kind: concept
import numpy as np


def encode_boxes(boxes, anchors):
    bw = boxes[:, 2] - boxes[:, 0]
    bh = boxes[:, 3] - boxes[:, 1]
    bx = boxes[:, 0] + bw / 2
    by = boxes[:, 1] + bh / 2
    aw = anchors[:, 2] - anchors[:, 0]
    ah = anchors[:, 3] - anchors[:, 1]
    ax = anchors[:, 0] + aw / 2
    ay = anchors[:, 1] + ah / 2
    return np.stack([(bx - ax) / bw, (by - ay) / bh, np.log(bw / aw), np.log(bh / ah)], axis=1)
