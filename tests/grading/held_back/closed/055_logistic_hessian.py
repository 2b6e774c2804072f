# wrong: l2 is added to every entry instead of the diagonal, and the 1/n is missing
# kind: two
import numpy as np


def logistic_hessian(w, X, l2=0.0):
    p = 0.5 * (1 + np.tanh(X @ w / 2))
    S = np.diag(p * (1 - p))
    return X.T @ S @ X + l2
