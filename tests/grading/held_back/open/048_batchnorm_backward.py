# wrong: forgets the path through the variance
# kind: concept
import numpy as np


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar = cache[:4]
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dxmu = dxhat * ivar
    dmu = -np.sum(dxmu, axis=0)
    dx = dxmu + dmu / N
    return dx, dgamma, dbeta
