# wrong: the bias' gradient is the sum of dout, as without batch norm
# kind: concept
import numpy as np


def linear_bn_gradients(x, weight, bias, dout, eps=1e-5):
    N = x.shape[0]
    z = x @ weight + bias
    mu, var = z.mean(axis=0), z.var(axis=0)
    inv = 1.0 / np.sqrt(var + eps)
    zn = (z - mu) * inv
    dz = inv / N * (N * dout - dout.sum(axis=0) - zn * (dout * zn).sum(axis=0))
    dW = x.T @ dz
    db = dout.sum(axis=0)
    return dW, db
