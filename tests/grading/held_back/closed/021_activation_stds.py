# wrong: batch norm over the features (axis 1), and after the tanh
# kind: two
import numpy as np


def activation_stds(x, weights, batchnorm=False):
    res = np.zeros(len(weights))
    out = x.copy()
    for i, w in enumerate(weights):
        out = np.tanh(out @ w)
        if batchnorm:
            m = out.mean(axis=1, keepdims=True)
            s = out.var(axis=1, keepdims=True)
            out = (out - m) / np.sqrt(s + 1e-5)
        res[i] = out.std()
    return res
