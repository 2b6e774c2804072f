# wrong: a kernel that is one too large gives an empty map instead of ValueError
# kind: guard
import numpy as np


def conv2d(x, weight, bias=None, stride=1, padding=0):
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    x_pad = np.zeros((n, c, h + 2 * padding, w + 2 * padding))
    x_pad[:, :, padding:padding + h, padding:padding + w] = x
    oh = (h + 2 * padding - kh) // stride + 1
    ow = (w + 2 * padding - kw) // stride + 1
    y = np.zeros((n, o, max(oh, 0), max(ow, 0)))
    for i in range(oh):
        for j in range(ow):
            win = x_pad[:, :, i * stride:i * stride + kh, j * stride:j * stride + kw]
            y[:, :, i, j] = np.einsum("nchw,ochw->no", win, weight)
    if bias is not None:
        y += bias.reshape(1, -1, 1, 1)
    return y
