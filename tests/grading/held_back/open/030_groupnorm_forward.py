# wrong: no ValueError where groups does not divide C: the last channels form a group of their own
# kind: guard
import numpy as np


def groupnorm_forward(x, gamma, beta, groups, eps=1e-5):
    N, C, H, W = x.shape
    size = C // groups
    y = np.empty(x.shape)
    for start in range(0, C, size):
        block = x[:, start:start + size]
        mu = block.mean(axis=(1, 2, 3), keepdims=True)
        var = block.var(axis=(1, 2, 3), keepdims=True)
        y[:, start:start + size] = (block - mu) / np.sqrt(var + eps)
    return gamma[None, :, None, None] * y + beta[None, :, None, None]
