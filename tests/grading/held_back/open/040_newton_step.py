# wrong: divides by the diagonal of the Hessian only
# kind: concept
import numpy as np


def newton_step(theta, grad, hessian):
    curv = np.diag(hessian)
    step = grad / curv
    return theta - step
