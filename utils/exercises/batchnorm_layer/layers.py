"""Right layers in several styles."""

import numpy as np

from utils.exercises.batchnorm_layer.driver import torch_layer


def axes(x):
    """All but the channels'."""
    return (0,) if x.ndim == 2 else (0, 2, 3)


class Layer:
    """A right layer in small methods, so that a wrong one exchanges one of them."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.training = True
        self.finish(num_features)

    def finish(self, num_features):
        """The end of the constructor."""

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def column(self, values, x):
        return np.reshape(values, (1, -1) + (1,) * (x.ndim - 2))

    def batch(self, x):
        return x.mean(axis=axes(x)), x.var(axis=axes(x))

    def stored(self, x, var):
        """What the running variance is fed."""
        m = x.size // x.shape[1]
        return var * m / max(m - 1, 1)

    def average(self, old, new):
        return (1 - self.momentum) * old + self.momentum * new

    def update(self, x, mean, var):
        self.running_mean = self.average(self.running_mean, mean)
        self.running_var = self.average(self.running_var, self.stored(x, var))

    def in_training(self, x, mean, var):
        """The statistics that a training pass normalises with."""
        return mean, var

    def in_evaluation(self, x, mean, var):
        return self.running_mean, self.running_var

    def inverse(self, var):
        return 1 / np.sqrt(var + self.eps)

    def affine(self, xhat):
        return self.column(self.gamma, xhat) * xhat + self.column(self.beta, xhat)

    def forward(self, x):
        mean, var = self.batch(x)
        if self.training:
            used = self.in_training(x, mean, var)
            self.update(x, mean, var)
        else:
            used = self.in_evaluation(x, mean, var)
        self.used, self.mode, self.ivar = used, self.training, self.inverse(used[1])
        self.xhat = (x - self.column(used[0], x)) * self.column(self.ivar, x)
        self.x = x
        return self.affine(self.xhat)

    def by_training(self):
        """Does backward take the training formula?"""
        return self.mode

    def sums(self, dout, xhat):
        return np.sum(dout * xhat, axis=axes(dout)), np.sum(dout, axis=axes(dout))

    def store(self, dgamma, dbeta):
        self.dgamma, self.dbeta = dgamma, dbeta

    def mean(self, values):
        return values.mean(axis=axes(values), keepdims=True)

    def upstream(self, dout):
        return dout * self.column(self.gamma, dout)

    def through(self, g, xhat):
        """Training's formula without 1/σ."""
        return g - self.mean(g) - xhat * self.mean(g * xhat)

    def backward(self, dout):
        self.store(*self.sums(dout, self.xhat))
        g = self.upstream(dout)
        return self.column(self.ivar, dout) * (self.through(g, self.xhat) if self.by_training() else g)


class Loops:
    """Channel by channel, the buffers written in place, train() and eval() as Keras-like switches."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.gamma, self.beta = [np.full(num_features, value) for value in (1.0, 0.0)]
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.training, self.settings = True, dict(eps=eps, momentum=momentum)

    def train(self, mode=True):
        self.training = mode
        return self

    def eval(self):
        return self.train(False)

    def forward(self, x):
        out, self.last = np.empty_like(x), []
        for c in range(x.shape[1]):
            values = x[:, c]
            if self.training:
                mean, var = values.mean(), values.var()
                rate = self.settings["momentum"]
                self.running_mean[c] += rate * (mean - self.running_mean[c])
                self.running_var[c] += rate * (np.var(values, ddof=1) - self.running_var[c])
            else:
                mean, var = self.running_mean[c], self.running_var[c]
            std = (var + self.settings["eps"]) ** 0.5
            self.last.append(((values - mean) / std, std, self.training))
            out[:, c] = self.gamma[c] * self.last[c][0] + self.beta[c]
        return out

    def backward(self, dout):
        dx, self.dgamma, self.dbeta = np.empty_like(dout), [], []
        for c, (xhat, std, training) in enumerate(self.last):
            d = dout[:, c]
            self.dgamma.append(float((d * xhat).sum()))
            self.dbeta.append(float(d.sum()))
            if training:
                d = d - self.dbeta[c] / d.size - xhat * (self.dgamma[c] / d.size)
            dx[:, c] = d * self.gamma[c] / std
        return dx


class Flat(Layer):
    """Images as rows of pixels; a closure as the cache."""

    def forward(self, x):
        rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
        out = Layer.forward(self, rows)
        self.back = lambda values: np.moveaxis(values.reshape(*x.shape[:1], *x.shape[2:], x.shape[1]), -1, 1)
        return self.back(out)

    def backward(self, dout):
        return self.back(Layer.backward(self, np.moveaxis(dout, 1, -1).reshape(-1, dout.shape[1])))


def torch_backed(*arguments):
    """torch's own layer, behind the attributes of the exercise."""
    return torch_layer()(*arguments)


ACCEPTS = (Layer, Loops, Flat, torch_backed)
