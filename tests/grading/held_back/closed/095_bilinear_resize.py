# wrong: align_corners=True: the corners are mapped to the corners
# kind: convention
import numpy as np


def bilinear_resize(image, height, width):
    H, W = image.shape
    ys = np.linspace(0, H - 1, height)
    xs = np.linspace(0, W - 1, width)
    out = np.zeros((height, width))
    for a, y in enumerate(ys):
        for b, x in enumerate(xs):
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, H - 1), min(x0 + 1, W - 1)
            dy, dx = y - y0, x - x0
            top = image[y0, x0] * (1 - dx) + image[y0, x1] * dx
            bot = image[y1, x0] * (1 - dx) + image[y1, x1] * dx
            out[a, b] = top * (1 - dy) + bot * dy
    return out
