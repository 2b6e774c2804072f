# wrong: the unbiased variance, and beta is added before gamma multiplies
# kind: two
import numpy as np


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    N, D = x.shape
    mu = np.sum(x, axis=0) / N
    var = np.sum((x - mu) ** 2, axis=0) / (N - 1)
    x_norm = (x - mu) / np.sqrt(var + eps)
    out = gamma * (x_norm + beta)
    cache = (x, x_norm, mu, var, gamma, beta, eps)
    return out, cache
