# wrong: running_var takes the biased variance, and backward in evaluation mode uses training's formula
# kind: two
import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.training = True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def _r(self, v, ndim):
        return v[None, :] if ndim == 2 else v[None, :, None, None]

    def forward(self, x):
        ax = (0,) if x.ndim == 2 else (0, 2, 3)
        if self.training:
            mu = x.mean(axis=ax)
            var = x.var(axis=ax)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mu
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        else:
            mu, var = self.running_mean, self.running_var
        self.std = self._r(np.sqrt(var + self.eps), x.ndim)
        self.xhat = (x - self._r(mu, x.ndim)) / self.std
        return self._r(self.gamma, x.ndim) * self.xhat + self._r(self.beta, x.ndim)

    def backward(self, dout):
        ax = (0,) if dout.ndim == 2 else (0, 2, 3)
        self.dbeta = dout.sum(axis=ax)
        self.dgamma = (dout * self.xhat).sum(axis=ax)
        dxhat = dout * self._r(self.gamma, dout.ndim)
        a = dxhat.mean(axis=ax, keepdims=True)
        b = (dxhat * self.xhat).mean(axis=ax, keepdims=True)
        return (dxhat - a - self.xhat * b) / self.std
