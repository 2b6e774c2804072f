# wrong: dweight and dbias are means over the batch, and overlapping windows overwrite dx
# kind: two
import numpy as np


def conv2d_backward(dout, x, weight, stride=1, padding=0):
    N, C, H, W = x.shape
    F, _, HH, WW = weight.shape
    if HH > H + 2 * padding or WW > W + 2 * padding:
        raise ValueError("kernel larger than the padded image")
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dxp = np.zeros_like(xp, dtype=float)
    dw = np.zeros(weight.shape)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            hs, ws = i * stride, j * stride
            g = dout[:, :, i, j]
            dw += np.einsum("nf,nchw->fchw", g, xp[:, :, hs:hs + HH, ws:ws + WW])
            dxp[:, :, hs:hs + HH, ws:ws + WW] = np.einsum("nf,fchw->nchw", g, weight)
    dx = dxp[:, :, padding:padding + H, padding:padding + W]
    return dx, dw / N, dout.mean(axis=0).sum(axis=(1, 2))
