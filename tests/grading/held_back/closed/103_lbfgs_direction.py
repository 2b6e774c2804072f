# wrong: the first loop runs oldest first, and H0 is scaled with the oldest pair
# kind: two
import numpy as np


def lbfgs_direction(grad, s_history, y_history):
    q = grad.copy()
    m = len(s_history)
    if m == 0:
        return -q
    rho = [1.0 / np.dot(y_history[i], s_history[i]) for i in range(m)]
    alpha = [0.0] * m
    for i in range(m):
        alpha[i] = rho[i] * np.dot(s_history[i], q)
        q = q - alpha[i] * y_history[i]
    gamma = np.dot(s_history[0], y_history[0]) / np.dot(y_history[0], y_history[0])
    r = gamma * q
    for i in range(m - 1, -1, -1):
        b = rho[i] * np.dot(y_history[i], r)
        r = r + s_history[i] * (alpha[i] - b)
    return -r
