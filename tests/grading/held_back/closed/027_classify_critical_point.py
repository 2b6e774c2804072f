# wrong: any eigenvalue near zero makes the point degenerate before the saddle is tested
# kind: concept
import numpy as np


def classify_critical_point(hessian, tol=1e-8):
    eig = np.linalg.eigvalsh(hessian)
    if np.any(np.abs(eig) <= tol):
        return "degenerate"
    if np.all(eig > 0):
        return "minimum"
    elif np.all(eig < 0):
        return "maximum"
    return "saddle"
