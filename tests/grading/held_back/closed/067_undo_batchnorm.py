# wrong: gamma is the variance instead of its root
# kind: concept
import numpy as np


def undo_batchnorm(mean, var, eps=1e-5):
    g = var + eps
    b = np.array(mean)
    return g, b
