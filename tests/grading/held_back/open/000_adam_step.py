# wrong: only the first moment is corrected for the bias
# kind: concept
import numpy as np


def adam_step(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1.0 - beta1) * grad
    v = beta2 * v + (1.0 - beta2) * grad ** 2
    mc = m / (1.0 - beta1 ** t)
    theta = theta - lr * mc / (np.sqrt(v) + eps)
    return theta, m, v
