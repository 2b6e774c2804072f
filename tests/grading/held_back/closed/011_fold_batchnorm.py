# wrong: bias None is not handled
# kind: guard
import numpy as np


def fold_batchnorm(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    std = np.sqrt(running_var + eps)
    t = gamma / std
    w = weight * t[:, None, None, None]
    b = beta + (bias - running_mean) * t
    return w, b
