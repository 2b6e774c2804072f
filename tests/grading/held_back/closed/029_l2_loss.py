# wrong: textbook's ½ in front of the squares
# kind: convention
import numpy as np


def l2_loss(pred, target):
    e = pred - target
    loss = 0.5 * np.mean(e ** 2)
    grad = e / e.size
    return loss, grad
