# wrong: the padding's offset is forgotten: the window starts at the image's corner
# kind: concept
import numpy as np


def conv_as_matrix(weight, height, width, padding=0):
    kh, kw = weight.shape
    oh = height + 2 * padding - kh + 1
    ow = width + 2 * padding - kw + 1
    if oh <= 0 or ow <= 0:
        raise ValueError("kernel does not fit")
    M = np.zeros((oh * ow, height * width))
    for i in range(oh):
        for j in range(ow):
            row = i * ow + j
            for u in range(kh):
                for v in range(kw):
                    y, x = i + u, j + v
                    if y < height and x < width:
                        M[row, y * width + x] = weight[u, v]
    return M
