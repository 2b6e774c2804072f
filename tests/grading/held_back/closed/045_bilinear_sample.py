# wrong: x and y are exchanged, and the points outside wrap around instead of being clamped
# kind: two
import numpy as np


def bilinear_sample(image, x, y):
    H, W = image.shape
    i = np.floor(x).astype(int)
    j = np.floor(y).astype(int)
    fi = x - i
    fj = y - j
    a = image[i % H, j % W]
    b = image[(i + 1) % H, j % W]
    c = image[i % H, (j + 1) % W]
    d = image[(i + 1) % H, (j + 1) % W]
    return a * (1 - fi) * (1 - fj) + b * fi * (1 - fj) + c * (1 - fi) * fj + d * fi * fj
