# wrong: takes the largest singular value of X as the curvature, without squaring it
# kind: concept
import numpy as np


def max_stable_lr(X):
    n = X.shape[0]
    u, s, vt = np.linalg.svd(X, full_matrices=False)
    lam_max = s[0] / n
    return float(2.0 / lam_max)
