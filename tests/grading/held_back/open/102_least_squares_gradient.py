# wrong: gradient of the plain MSE with 2/n (scikit-learn's squared error), not of 1/(2n)
# kind: convention
import numpy as np


def least_squares_gradient(theta, X, y):
    m = y.shape[0]
    y_hat = X.dot(theta)
    return (2.0 / m) * np.dot(X.T, y_hat - y)
