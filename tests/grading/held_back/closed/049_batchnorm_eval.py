# wrong: eps is added to the standard deviation, outside of the root
# kind: concept
import numpy as np


def batchnorm_eval(x, gamma, beta, running_mean, running_var, eps=1e-5):
    std = np.sqrt(running_var) + eps
    z = (x - running_mean) / std
    return z * gamma + beta
