# wrong: divides by the old sum, and eps stands inside the root
# kind: two
import numpy as np


def adagrad_step(theta, grad, sum_squares, lr=0.01, eps=1e-10):
    adapted = lr / np.sqrt(sum_squares + eps)
    theta = theta - adapted * grad
    g2 = sum_squares + grad * grad
    return theta, g2
