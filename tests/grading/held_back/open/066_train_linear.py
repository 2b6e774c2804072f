# wrong: sums the gradient over the batch instead of the mean, and the recorded loss has no one half
# kind: two
import numpy as np


def train_linear(X, y, batch_size, lr, n_epochs, rng):
    n, d = X.shape
    w = np.zeros(d)
    losses = []
    for epoch in range(n_epochs):
        idx = rng.permutation(n)
        for start in range(0, n, batch_size):
            b = idx[start:start + batch_size]
            xb, yb = X[b], y[b]
            grad = xb.T @ (xb @ w - yb)
            w = w - lr * grad
        losses.append(((X @ w - y) ** 2).mean())
    return w, np.array(losses)
