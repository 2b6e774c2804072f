# wrong: the gradient is scaled away: only the pattern of the mask is used
# kind: concept
import numpy as np


def dropout_backward(dout, mask):
    dx = np.zeros(dout.shape)
    kept = mask != 0
    dx[kept] = dout[kept]
    return dx
