# wrong: the right and lower ends do not belong to the box (no + 1)
# kind: concept
import numpy as np


def roi_pool(features, box, output, scale=1.0):
    C, H, W = features.shape
    x1, y1, x2, y2 = [int(np.floor(c * scale + 0.5)) for c in box]
    h = max(y2 - y1, 1)
    w = max(x2 - x1, 1)
    out = np.zeros((C, output, output))
    for i in range(output):
        r0 = y1 + int(np.floor(i * h / output))
        r1 = y1 + int(np.ceil((i + 1) * h / output))
        r0, r1 = min(max(r0, 0), H), min(max(r1, 0), H)
        for j in range(output):
            c0 = x1 + int(np.floor(j * w / output))
            c1 = x1 + int(np.ceil((j + 1) * w / output))
            c0, c1 = min(max(c0, 0), W), min(max(c1, 0), W)
            if r1 > r0 and c1 > c0:
                out[:, i, j] = features[:, r0:r1, c0:c1].max(axis=(1, 2))
    return out
