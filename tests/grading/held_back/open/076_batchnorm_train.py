# wrong: moves the running statistics in place
# kind: slip
import numpy as np


def batchnorm_train(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    mu = x.mean(0)
    v = x.var(0)
    out = gamma * ((x - mu) / np.sqrt(v + eps)) + beta
    m = len(x)
    running_mean *= 1 - momentum
    running_mean += momentum * mu
    running_var *= 1 - momentum
    running_var += momentum * v * m / (m - 1)
    return out, running_mean, running_var
