# wrong: the linear part's gradient is sign(d), without delta
# kind: concept
import numpy as np


def huber_loss(pred, target, delta=1.0):
    if delta <= 0:
        raise ValueError("delta > 0 please")
    r = pred - target
    quad = np.abs(r) < delta
    loss = np.where(quad, 0.5 * r ** 2, delta * np.abs(r) - 0.5 * delta ** 2)
    grad = np.where(quad, r, np.sign(r))
    return loss.mean(), grad / r.size
