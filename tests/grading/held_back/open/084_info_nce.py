# wrong: the gradient is for the normalised a: the step through the norm is missing
# kind: concept
import numpy as np


def info_nce(a, b, temperature=0.07):
    n = len(a)
    za = a / np.sqrt((a ** 2).sum(1, keepdims=True))
    zb = b / np.sqrt((b ** 2).sum(1, keepdims=True))
    sim = za @ zb.T / temperature
    sim = sim - sim.max(1, keepdims=True)
    p = np.exp(sim)
    p = p / p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(n), np.arange(n)]).mean()
    grad = (p - np.eye(n)) @ zb / temperature / n
    return loss, grad
