# wrong: Keras' clipping of the probability at 1e-7
# kind: convention
import numpy as np


def bce_with_logits(logits, targets, pos_weight=None):
    pw = 1.0 if pos_weight is None else pos_weight
    p = 0.5 * (1 + np.tanh(logits / 2))
    p = np.clip(p, 1e-7, 1 - 1e-7)
    loss = -(pw * targets * np.log(p) + (1 - targets) * np.log(1 - p))
    grad = (1 - targets) * p - pw * targets * (1 - p)
    return loss.mean(), grad / logits.size
