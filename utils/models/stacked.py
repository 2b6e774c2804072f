"""Many small nets for 8 × 8 digits that train at once, stacked along a first axis: one per seed, rate or noise level.

The loops over seeds and learning rates of a fair comparison take seconds this way, and not minutes.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import torch

from utils import data

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


@cache
def standard_digits() -> tuple[torch.Tensor, torch.Tensor, int]:
    """(X (1797, 64) float32, Y (1797,), number of training digits, which stand first); pixels standardised.

    Standardised by the training digits, so that batch norm gets no credit for what any preprocessing does.
    """
    x_train, y_train, x_test, y_test = data.digits()
    spread = np.maximum(x_train.std(axis=0), 0.1)  # some pixels are always black
    x = (np.vstack([x_train, x_test]) - x_train.mean(axis=0)) / spread
    return torch.tensor(x, dtype=torch.float32), torch.tensor(np.concatenate([y_train, y_test])), len(x_train)


def normalise(z: torch.Tensor, rows: int | None = None, group: int | None = None, eps: float = 1e-5) -> torch.Tensor:
    """z (n, N, d) normalised over its samples: by the first `rows` of them (all), or within groups of `group`."""
    if group:
        return normalise(z.reshape(-1, group, z.shape[2]), eps=eps).reshape(z.shape)
    var, mean = torch.var_mean(z[:, :rows], 1, correction=0, keepdim=True)
    return (z - mean) * torch.rsqrt(var + eps)


class DigitsStack:
    """`n` nets of `depth` hidden layers with 64 inputs and 10 logits; weights have standard deviation gain/√(inputs).

    `act` is "relu", "tanh" or "sigmoid". With `batchnorm` every hidden layer is linear, batch norm with γ and β,
    activation; without it linear, bias β, activation. `gain` is one number or one for each net; with `alike` all nets
    start from the same weights.
    """

    def __init__(self, n, depth, act="relu", batchnorm=False, *, width=32, gain=1.0, seed=0, alike=False):
        rng = torch.Generator().manual_seed(seed)
        gain = torch.as_tensor(gain, dtype=torch.float32).expand(n).reshape(n, 1, 1)
        self.act, self.batchnorm, self.n = ACTIVATIONS[act], batchnorm, n
        sizes = [64] + depth * [width] + [10]
        drawn = 1 if alike else n
        self.weights = [gain * torch.randn(drawn, a, b, generator=rng) / a**0.5 for a, b in pairwise(sizes)]
        self.gamma = [torch.ones(n, 1, width) for _ in range(depth)]
        self.beta = [torch.zeros(n, 1, width) for _ in range(depth)]

    def parameters(self) -> list[torch.Tensor]:
        """What training changes, each (n, …)."""
        lists = (self.weights, self.beta, *([self.gamma] if self.batchnorm else []))
        return [p.requires_grad_() for each in lists for p in each]

    def forward(self, h, *, noise=0, drop=0, rng=None, rows=None, group=None):
        """Logits (n, N, 10) of h (n, N, 64).

        `noise` (n, 1, 1): a fresh random scale and shift of every unit after its normalisation; `drop`: dropout's rate
        after the activation; `rows`, `group`: as for `normalise`.
        """
        for w, gamma, beta in zip(self.weights, self.gamma, self.beta, strict=False):
            z = h @ w
            z = gamma * normalise(z, rows, group) + beta if self.batchnorm else z + beta
            if torch.is_tensor(noise):
                scale, shift = noise * torch.randn(2, self.n, 1, z.shape[2], generator=rng)
                z = z * (1 + scale) + shift
            h = self.act(z)
            if drop:
                h = h * (torch.rand(h.shape, generator=rng) >= drop) / (1 - drop)
        return h @ self.weights[-1]

    def losses(self, logits, targets) -> torch.Tensor:
        """The mean cross-entropy of each net, (n,)."""
        flat = logits.reshape(-1, 10), targets.reshape(-1)
        return torch.nn.functional.cross_entropy(*flat, reduction="none").reshape(self.n, -1).mean(1)

    def train(self, lr, n_steps, *, batch=64, samples=None, seed=1, **how) -> "DigitsStack":
        """Plain SGD. `lr`: one number, or one for each net; `samples` (n, m): the digits of each net (all)."""
        x, y, n_train = standard_digits()
        params = self.parameters()
        lr = torch.as_tensor(lr, dtype=torch.float32).expand(self.n).reshape(self.n, 1, 1)
        rng = torch.Generator().manual_seed(seed)
        for _ in range(n_steps):
            if samples is None:
                rows = torch.randint(0, n_train, (self.n, batch), generator=rng)
            else:
                rows = samples.gather(1, torch.rand(samples.shape, generator=rng).argsort(1)[:, :batch])
            loss = self.losses(self.forward(x[rows], rng=rng, **how), y[rows])
            gradients = torch.autograd.grad(loss.sum(), params)
            with torch.no_grad():
                for param, gradient in zip(params, gradients, strict=True):
                    param -= lr * gradient
        return self

    def accuracy(self, digits, **how) -> np.ndarray:
        """The share of right answers of each net on `digits` (m,), normalised by their own statistics; (n,)."""
        x, y, _ = standard_digits()
        with torch.no_grad():
            right = self.forward(x[digits].expand(self.n, -1, -1), **how).argmax(2) == y[digits]
        return right.float().mean(1).numpy()
