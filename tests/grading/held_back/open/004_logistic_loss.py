# wrong: the formula for labels −1 and +1
# kind: convention
import numpy as np


def logistic_loss(w, X, y, l1=0.0, l2=0.0):
    margins = y * (X @ w)
    data_term = np.mean(np.logaddexp(0, -margins))
    penalty = l1 * np.sum(np.abs(w)) + 0.5 * l2 * np.dot(w, w)
    return float(data_term + penalty)
