"""undo_batchnorm: cases, oracle, mistakes."""

import math
from itertools import product

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


# 2. The pair that undoes it ------------------------------------------------------------------------------------------
def _undo_by_torch(mean, var, eps=1e-5):
    """Ask torch's layer with frozen statistics what it does to 1 and to 0, and invert that straight line."""
    import torch

    mean, var, zero = torch.from_numpy(mean), torch.from_numpy(var), torch.zeros(len(mean), dtype=torch.float64)
    slope = torch.nn.functional.batch_norm(torch.ones_like(zero)[None], zero, var, eps=eps)[0]
    start = torch.nn.functional.batch_norm(zero[None], mean, var, eps=eps)[0]
    return (1 / slope).numpy(), (0.0 - start / slope).numpy()


def _undo_in_lists(mean, var, eps=1e-5):
    return [math.sqrt(v + eps) for v in var.tolist()], mean.tolist()


def _undo_by_division(mean, var, eps=1e-5):
    ivar = (var + eps) ** -0.5
    return [(var + eps) * ivar, -(-mean * ivar) / ivar]


_GAMMA = "gamma / √(var + eps) must be 1, so gamma is the root that batch norm divides by: √(var + eps)."


_BETA = "With gamma = √(var + eps) the output is x − mean + beta; beta = mean gives x back."


_GAMMAS = (  # name, the factor, the root that goes with it; None: the right one
    ("gamma = var", lambda var, eps: var, None),
    ("gamma = √var, eps forgotten", lambda var, eps: var**0.5, lambda var, eps: var**0.5),
    ("gamma = 1 / √(var + eps)", lambda var, eps: (var + eps) ** -0.5, None),
    ("gamma = var + eps", lambda var, eps: var + eps, None),
    ("gamma = 1", lambda var, eps: np.ones_like(var), None),
    ("gamma = √var + eps", lambda var, eps: var**0.5 + eps, lambda var, eps: var**0.5 + eps),
    ("gamma = 1 / √var, eps forgotten", lambda var, eps: var**-0.5, lambda var, eps: var**0.5),
    ("gamma = 1 / (√var + eps)", lambda var, eps: 1 / (var**0.5 + eps), lambda var, eps: var**0.5 + eps),
    ("gamma = 1 / (var + eps)", lambda var, eps: 1 / (var + eps), None),
    ("gamma = 1 / var", lambda var, eps: 1 / var, None),
    ("gamma = var²", lambda var, eps: var**2, None),
    ("gamma = √(var − eps)", lambda var, eps: (var - eps) ** 0.5, None),
    ("gamma = √(var + eps²)", lambda var, eps: (var + eps**2) ** 0.5, None),
    ("gamma = √(var + 1e-5) whatever eps is", lambda var, eps: (var + 1e-5) ** 0.5, lambda var, eps: (var + 1e-5) ** 0.5),
    ("gamma = √(1 + eps / var), which makes the output's variance 1", lambda var, eps: (1 + eps / var) ** 0.5, None),
    ("gamma = −√(var + eps)", lambda var, eps: -((var + eps) ** 0.5), None),
    ("gamma = 0", lambda var, eps: np.zeros_like(var), None),
)  # fmt: skip


_BETAS = (
    ("beta = 0", lambda mean, root: 0 * mean),
    ("beta = −mean", lambda mean, root: -mean),
    ("beta = mean / root", lambda mean, root: mean / root),
    ("beta = −mean / root", lambda mean, root: -mean / root),
    ("beta = mean · root", lambda mean, root: mean * root),
    ("beta = −mean · root", lambda mean, root: -mean * root),
    ("beta = 1", lambda mean, root: np.ones_like(mean)),
)


def _root(var, eps):
    return (var + eps) ** 0.5


def _undo(gamma=_root, beta=lambda mean, root: mean, root=None):
    def wrong(mean, var, eps=1e-5):
        return gamma(var, eps), beta(mean, (root or _root)(var, eps))

    return wrong


_UNDO_MISTAKES = (
    *(Mistake(name, _GAMMA, _undo(gamma)) for name, gamma, _ in _GAMMAS),
    *(Mistake(name, _BETA, _undo(beta=beta)) for name, beta in _BETAS),
    Mistake("gamma and beta swapped", "The scale first: return (gamma, beta), that is (√(var + eps), mean).",
            lambda mean, var, eps=1e-5: (mean, _root(var, eps))),
    Mistake("gamma and beta swapped, eps forgotten", "The scale first, and the root that was used: (√(var + eps), mean).",
            lambda mean, var, eps=1e-5: (mean, var**0.5)),
    Mistake("gamma and beta swapped, var for its root", "The scale first, and the root that was used: (√(var + eps), mean).",
            lambda mean, var, eps=1e-5: (mean, var)),
    Mistake("beta = mean / var", _BETA, lambda mean, var, eps=1e-5: (_root(var, eps), mean / var)),
    Mistake("beta = 0, one number for all features", _BETA, lambda mean, var, eps=1e-5: (_root(var, eps), 0.0)),
    Mistake("beta = var", _BETA, lambda mean, var, eps=1e-5: (_root(var, eps), var)),
    Mistake("of shape (1, D)", "One number for each feature: the shape of mean and of var, (D,).",
            lambda mean, var, eps=1e-5: (_root(var, eps)[None], mean[None])),
    *(Mistake(f"{first}; and {second}", f"{_GAMMA} {_BETA}", _undo(gamma, beta, root))
      for (first, gamma, root), (second, beta) in product(_GAMMAS[:11], _BETAS[:6])),
)  # fmt: skip


def _statistics(mean, var, **more):
    return dict(mean=np.array(mean, dtype=float), var=np.array(var, dtype=float), **more)


UNDO = Exercise(
    name="undo_batchnorm",
    returns=("gamma", "beta"),
    oracle=_undo_by_torch,
    cases=(
        Case("mean 3, variance 4", lambda rng: _statistics([3], [4])),
        Case("two features and eps = 1", lambda rng: _statistics([-1, 5], [3, 8], eps=1.0)),
        Case("eps = 0", lambda rng: _statistics([0.5, -2, 7], [0.25, 9, 2], eps=0.0)),
        Case("five features and eps = 0.1", lambda rng: _statistics(rng.normal(size=5), rng.uniform(0.1, 3, 5), eps=0.1)),
        Case("a variance below eps", lambda rng: _statistics(rng.normal(size=4), [4e-6, 1e-6, 3e-5, 1e-4])),
        Case("a constant feature", lambda rng: _statistics([0.7, 1.5], [0.0, 2.0])),
        Case("statistics of a normalised batch", lambda rng: _statistics([0, 0, 0], [1, 1, 1], eps=1e-3)),
        Case("large values", lambda rng: _statistics([1e4, -1e4, 3e3], [1e8, 1e6, 4e4], eps=1e-3)),
        Case("seventy features", lambda rng: _statistics(rng.normal(size=70), rng.gamma(1, 1, 70), eps=0.01)),
    ),
    mistakes=_UNDO_MISTAKES,
    accepts=(_undo_by_torch, _undo_in_lists, _undo_by_division),
    verified="undoes torch's batch_norm with these statistics exactly, for six values of eps and a constant feature",
)  # fmt: skip
