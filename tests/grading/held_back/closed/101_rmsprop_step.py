# wrong: 0.9 and 0.1 are hard-coded instead of rho
# kind: slip
import numpy as np


def rmsprop_step(theta, grad, avg_sq, lr=0.001, rho=0.9, eps=1e-8):
    cache = 0.9 * avg_sq + 0.1 * grad ** 2
    step = lr * grad / (np.sqrt(cache) + eps)
    return theta - step, cache
