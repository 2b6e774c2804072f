# wrong: the paper's decoupled decay without lr in front of weight_decay
# kind: convention
import numpy as np


def adamw_step(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    m_t = beta1 * m + (1 - beta1) * grad
    v_t = beta2 * v + (1 - beta2) * grad ** 2
    mh = m_t / (1 - beta1 ** t)
    vh = v_t / (1 - beta2 ** t)
    new = theta - lr * mh / (np.sqrt(vh) + eps) - weight_decay * theta
    return new, m_t, v_t
