# wrong: subtracts the mean (it is the standard deviation then)
# kind: concept
import numpy as np


def rmsnorm_forward(x, gamma, eps=1e-6):
    mu = np.mean(x, axis=-1, keepdims=True)
    ms = np.mean((x - mu) ** 2, axis=-1, keepdims=True)
    return (x - mu) / np.sqrt(ms + eps) * gamma
