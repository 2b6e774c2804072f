# wrong: torchvision's aligned=False: no half pixel, sides of at least 1
# kind: convention
import numpy as np


def roi_align(features, box, output, scale=1.0, samples=2):
    C, H, W = features.shape
    x1, y1, x2, y2 = [float(v) * scale for v in box]
    rw = max(x2 - x1, 1.0)
    rh = max(y2 - y1, 1.0)
    bw, bh = rw / output, rh / output
    out = np.zeros((C, output, output))
    for i in range(output):
        for j in range(output):
            acc = np.zeros(C)
            for iy in range(samples):
                y = y1 + (i + (iy + 0.5) / samples) * bh
                for ix in range(samples):
                    x = x1 + (j + (ix + 0.5) / samples) * bw
                    if y < -1 or y > H or x < -1 or x > W:
                        continue
                    yy, xx = min(max(y, 0), H - 1), min(max(x, 0), W - 1)
                    r0, c0 = int(yy), int(xx)
                    r1, c1 = min(r0 + 1, H - 1), min(c0 + 1, W - 1)
                    dy, dx = yy - r0, xx - c0
                    acc += (features[:, r0, c0] * (1 - dy) * (1 - dx) + features[:, r0, c1] * (1 - dy) * dx
                            + features[:, r1, c0] * dy * (1 - dx) + features[:, r1, c1] * dy * dx)
            out[:, i, j] = acc / samples ** 2
    return out
