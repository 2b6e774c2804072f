# wrong: statistics for every image by itself (instance norm)
# kind: concept
import numpy as np


def batchnorm2d_forward(x, gamma, beta, eps=1e-5):
    N, C, H, W = x.shape
    out = np.empty_like(x)
    for n in range(N):
        for c in range(C):
            plane = x[n, c]
            out[n, c] = gamma[c] * (plane - plane.mean()) / np.sqrt(plane.var() + eps) + beta[c]
    return out
