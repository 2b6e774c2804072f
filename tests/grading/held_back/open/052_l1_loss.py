# wrong: mean over the samples (first axis) and sum over the rest
# kind: convention
import numpy as np


def l1_loss(pred, target):
    N = pred.shape[0]
    diff = pred - target
    loss = np.sum(np.abs(diff)) / N
    grad = np.sign(diff) / N
    return loss, grad
