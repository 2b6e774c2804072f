# wrong: the probability is clipped at 1e-7
# kind: guard
import numpy as np


def prior_bias(pi):
    p = min(max(pi, 1e-7), 1 - 1e-7)
    return float(np.log(p / (1 - p)))
