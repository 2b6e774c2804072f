# wrong: every equal maximum takes the whole gradient
# kind: concept
import numpy as np


def max_pool2d_backward(dout, x, kernel_size, stride=None):
    stride = stride or kernel_size
    N, C, H, W = x.shape
    if kernel_size > H or kernel_size > W:
        raise ValueError("pool window larger than the map")
    dx = np.zeros((N, C, H, W))
    for n in range(N):
        for c in range(C):
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    r, q = i * stride, j * stride
                    win = x[n, c, r:r + kernel_size, q:q + kernel_size]
                    mask = win == win.max()
                    dx[n, c, r:r + kernel_size, q:q + kernel_size] += mask * dout[n, c, i, j]
    return dx
