# wrong: beta only moves the threshold: no division by it, and the offset is 0.5
# kind: two
import numpy as np


def smooth_l1_loss(pred, target, beta=1.0):
    if beta < 0:
        raise ValueError("negative beta")
    diff = pred - target
    absd = np.abs(diff)
    loss = np.zeros_like(diff)
    grad = np.zeros_like(diff)
    q = absd < beta
    loss[q] = 0.5 * diff[q] ** 2
    grad[q] = diff[q]
    loss[~q] = absd[~q] - 0.5
    grad[~q] = np.sign(diff[~q])
    return loss.mean(), grad / diff.size
