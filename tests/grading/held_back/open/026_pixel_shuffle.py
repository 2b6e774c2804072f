# wrong: channels that r² does not divide: the extra ones are silently dropped
# kind: guard
import numpy as np


def pixel_shuffle(x, factor):
    n, ch, h, w = x.shape
    r = factor
    out = np.zeros((n, ch // (r * r), h * r, w * r))
    for c in range(out.shape[1]):
        for i in range(r):
            for j in range(r):
                out[:, c, i::r, j::r] = x[:, c * r * r + i * r + j]
    return out
