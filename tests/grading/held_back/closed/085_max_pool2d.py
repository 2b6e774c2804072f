# wrong: the maximum starts from 0, so negative maps give 0
# kind: concept
import numpy as np


def max_pool2d(x, kernel_size, stride=None):
    if stride is None:
        stride = kernel_size
    N, C, H, W = x.shape
    if kernel_size > H or kernel_size > W:
        raise ValueError("window does not fit")
    oh = (H - kernel_size) // stride + 1
    ow = (W - kernel_size) // stride + 1
    out = np.zeros((N, C, oh, ow))
    for a in range(kernel_size):
        for b in range(kernel_size):
            out = np.maximum(out, x[:, :, a:a + oh * stride:stride, b:b + ow * stride:stride][:, :, :oh, :ow])
    return out
