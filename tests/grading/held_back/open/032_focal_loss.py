# wrong: alpha weighs both classes alike: 1 − alpha is forgotten
# kind: concept
import numpy as np


def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    z = np.where(targets == 1, logits, -logits)
    log_pt = -np.logaddexp(0, -z)
    pt = np.exp(log_pt)
    qt = np.exp(-np.logaddexp(0, z))
    a = 1.0 if alpha is None else alpha
    loss = -a * qt ** gamma * log_pt
    dz = a * qt ** gamma * (gamma * pt * log_pt - qt)
    grad = np.where(targets == 1, dz, -dz) / logits.size
    return loss.mean(), grad
