# wrong: a unit whose largest input is exactly 0 counts as alive
# kind: guard
import numpy as np


def dead_units(x, weight, bias):
    pre = x @ weight.T + bias
    H = weight.shape[0]
    dead = np.ones(H, dtype=bool)
    for h in range(H):
        for i in range(len(x)):
            if pre[i, h] >= 0:
                dead[h] = False
    return dead
