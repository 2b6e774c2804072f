# wrong: the groups are interleaved: group g reads the channels g, g + groups, …
# kind: concept
import numpy as np


def grouped_conv2d(x, weight, groups):
    N, C, H, W = x.shape
    F, cg, k, _ = weight.shape
    oh, ow = H - k + 1, W - k + 1
    if oh <= 0 or ow <= 0:
        raise ValueError("kernel does not fit")
    fg = F // groups
    out = np.zeros((N, F, oh, ow))
    for f in range(F):
        g = f // fg
        xs = x[:, g::groups]
        for i in range(oh):
            for j in range(ow):
                out[:, f, i, j] = (xs[:, :, i:i + k, j:j + k] * weight[f]).sum(axis=(1, 2, 3))
    return out
