# wrong: ratio taken as width over height, and the centres lack the half pixel
# kind: two
import numpy as np


def make_anchors(height, width, stride, sizes, ratios):
    anchors = []
    for i in range(height):
        for j in range(width):
            cx, cy = j * stride, i * stride
            for s in sizes:
                for r in ratios:
                    w = s * np.sqrt(r)
                    h = s / np.sqrt(r)
                    anchors.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
    return np.array(anchors).reshape(-1, 4)
