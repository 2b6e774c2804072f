"""Layer norm, forward and backward: Ba, Kiros & Hinton 2016. Oracle: torch's layer_norm and autograd."""

import numpy as np

from utils.exercises.normalisation_family.parts import (
    EPS,
    PROJECT,
    ROOT,
    SHIFT,
    SUMMED,
    by_hand,
    features,
    lead,
    upstream,
)  # fmt: skip
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise


def _forward_oracle(x, gamma, beta, eps=1e-5):
    import torch

    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, eps).numpy()


_forward = by_rules(
    ("x", "gamma", "beta", "eps"),
    dict(
        axis=lambda s: -1,
        mean=lambda s: np.mean(s.x, axis=s.axis, keepdims=True),
        spread=lambda s: np.mean((s.x - s.mean) ** 2, axis=s.axis, keepdims=True),
        scale=lambda s: np.sqrt(s.spread + s.eps),
        xhat=lambda s: (s.x - s.mean) / s.scale,
        out=lambda s: s.gamma * s.xhat + s.beta,
        returned=lambda s: s.out,
    ),
    eps=1e-5,
)

_AXIS = "Layer norm takes its mean and variance over the last axis, for each sample (and each position) alone."
_BIASED = "The variance is the biased one: divide by D, not by D − 1 (np.var's default)."
_CENTRED = "The variance is taken around the mean: mean((x − mean)²)."


def _over(axis):
    return dict(axis=lambda s: axis if not callable(axis) else axis(s.x))


def _column(s):
    """gamma and beta along the samples, where the lengths allow it."""
    column = (-1,) + (1,) * (s.x.ndim - 1) if len(s.x) == len(s.gamma) else (-1,)
    return s.gamma.reshape(column) * s.xhat + s.beta.reshape(column)


LAYER = Exercise(
    name="layernorm_forward",
    returns=("out",),
    oracle=_forward_oracle,
    cases=(
        Case("one sample of two features", lambda rng: by_hand([[1.0, 3.0]], [1.0, 1.0], [0.0, 0.0])),
        Case("gamma and beta at work", lambda rng: by_hand([[1.0, 2.0, 6.0], [10.0, 20.0, 60.0]], [2.0, 1.0, 0.5], [-1.0, 0.0, 3.0])),
        Case("five samples of four features", lambda rng: features(rng, 5, 4)),
        Case("as many samples as features", lambda rng: features(rng, 4, 4)),
        Case("sequences: 2 × 3 positions of five features", lambda rng: features(rng, 2, 3, 5)),
        Case("every axis of length 3", lambda rng: features(rng, 3, 3, 3)),
        Case("four axes", lambda rng: features(rng, 2, 3, 2, 6)),
        Case("a single vector", lambda rng: features(rng, 7)),
        Case("a spread of about √eps", lambda rng: features(rng, 4, 6, spread=3e-3)),
        Case("equal features", lambda rng: by_hand([[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]], [1.5, 0.5, 1.0], [0.5, -0.5, 1.0])),
        Case("a large offset and eps = 0.1", lambda rng: features(rng, 3, 5, offset=100.0, eps=0.1)),
        Case("no samples", lambda rng: features(rng, 0, 4)),
    ),
    mistakes=listed(
        _forward,
        ("normalised over the samples (batch norm)", _AXIS, _over(0)),
        ("normalised over all leading axes (batch norm)", _AXIS, _over(lead)),
        ("one mean and variance for the whole array", _AXIS, _over(None)),
        ("normalised over all axes but the first", _AXIS, _over(lambda x: tuple(range(1, x.ndim)) or -1)),
        ("normalised over axis 1", _AXIS, _over(lambda x: min(1, x.ndim - 1))),
        ("unbiased variance (ddof=1)", _BIASED, dict(spread=lambda s: np.var(s.x, axis=-1, ddof=1, keepdims=True))),
        ("unbiased deviation, eps outside the root (x.std() + eps)", "torch's x.std() is unbiased; the layer takes √(biased variance + eps).",
         dict(scale=lambda s: np.std(s.x, axis=-1, ddof=1, keepdims=True) + s.eps)),
        ("variance not centred (E[x²])", _CENTRED, dict(spread=lambda s: np.mean(s.x**2, axis=-1, keepdims=True))),
        ("mean not subtracted", "The numerator is x − mean.", dict(xhat=lambda s: s.x / s.scale)),
        ("RMS norm in its place", "Layer norm subtracts the mean first; RMS norm does not.", dict(mean=lambda s: 0.0)),
        ("sum of squares in place of their mean", _BIASED, dict(spread=lambda s: np.sum((s.x - s.mean) ** 2, axis=-1, keepdims=True))),
        ("mean absolute deviation", _CENTRED, dict(scale=lambda s: np.mean(np.abs(s.x - s.mean), axis=-1, keepdims=True) + s.eps)),
        ("gamma and beta along the samples", "gamma and beta belong to the features, the last axis: they broadcast as they are.", dict(out=_column)),
        ("eps hard-coded as 1e-5", EPS, dict(eps=lambda s: 1e-5)),
        ("eps = 1e-6 by default", "The default is torch's 1e-5; 1e-6 is usual in ViT and ConvNeXt code.", dict(new_defaults=dict(eps=1e-6))),
        ("eps = 1e-12 by default (BERT)", "The default is torch's 1e-5; 1e-12 is BERT's.", dict(new_defaults=dict(eps=1e-12))),
        ("eps = 1e-3 by default (Keras)", "The default is torch's 1e-5; 1e-3 is Keras'.", dict(new_defaults=dict(eps=1e-3))),
        *ROOT,
        *SHIFT,
    ),
    accepts=(
        _forward(),
        _forward(spread=lambda s: np.mean(s.x**2, axis=-1, keepdims=True) - s.mean**2),
        _forward(xhat=lambda s: np.einsum("...d,...->...d", s.x - s.mean, 1 / s.scale[..., 0])),
        lambda x, gamma, beta, eps=1e-5: _forward_oracle(x.copy(), gamma.copy(), beta.copy(), eps),
    ),
    verified="equal to torch's layer_norm in float64 for one to four axes, equal features and an empty batch included",
)  # fmt: skip


# ---- backward -----------------------------------------------------------------------------------------------------


def _backward_oracle(dout, x, gamma, eps=1e-5):
    import torch

    x, gamma = (torch.from_numpy(np.array(a)).requires_grad_() for a in (x, gamma))
    beta = torch.zeros_like(gamma).requires_grad_()
    out = torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, eps)
    return [g.numpy() for g in torch.autograd.grad(out, (x, gamma, beta), torch.from_numpy(dout))]


_backward = by_rules(
    ("dout", "x", "gamma", "eps"),
    dict(
        mean_of=lambda s: lambda a: np.mean(a, axis=-1, keepdims=True),
        ivar=lambda s: 1 / np.sqrt(np.var(s.x, axis=-1, keepdims=True) + s.eps),
        xhat=lambda s: (s.x - np.mean(s.x, axis=-1, keepdims=True)) * s.ivar,
        g=lambda s: s.dout * s.gamma,
        mean_term=lambda s: s.mean_of(s.g),
        projection=lambda s: s.xhat * s.mean_of(s.g * s.xhat),
        dx=lambda s: s.ivar * (s.g - s.mean_term - s.projection),
        total=lambda s: lambda a: np.sum(a, axis=lead(a)),
        dgamma=lambda s: s.total(s.dout * s.xhat),
        dbeta=lambda s: s.total(s.dout),
        returned=lambda s: (s.dx, s.dgamma, s.dbeta),
    ),
    eps=1e-5,
)

_MEAN = "The mean depends on every feature, so its branch subtracts mean(g) from each."
_PROJ = "The variance depends on every feature too: its branch subtracts x̂·mean(g·x̂)."
_BY_D = "Both terms are means over the D features: divide the sums by D."
_GAMMA = "γ goes inside the means: g = γ·dout first, for every feature has its own γ."
_DG = "out = γ·x̂ + β, so dγ sums dout·x̂ and dβ sums dout."
_ORDER = "The order is (dx, dgamma, dbeta)."


def _sum_last(a):
    return np.sum(a, axis=-1)


def _grad(total):
    """Another sum for both, for dgamma alone, for dbeta alone."""
    return (
        dict(total=lambda s: total),
        dict(dgamma=lambda s: total(s.dout * s.xhat)),
        dict(dbeta=lambda s: total(s.dout)),
    )


def _kept(a):
    """keepdims over the rows: (1, D)."""
    return np.sum(a.reshape(-1, a.shape[-1]), axis=0, keepdims=True)


def _first(a):
    return np.sum(a, axis=0)


LAYER_BACKWARD = Exercise(
    name="layernorm_backward",
    returns=("dx", "dgamma", "dbeta"),
    oracle=_backward_oracle,
    cases=(
        Case("one sample of three features", lambda rng: dict(dout=np.array([[1.0, 0.0, 0.0]])) | by_hand([[1.0, 2.0, 6.0]], [1.0, 1.0, 1.0])),
        Case("two samples, gamma at work", lambda rng: dict(dout=np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]]))
             | by_hand([[1.0, 2.0, 6.0], [0.0, 3.0, 1.0]], [2.0, 1.0, 0.5])),
        Case("five samples of four features", lambda rng: upstream(rng, 5, 4)),
        Case("as many samples as features", lambda rng: upstream(rng, 4, 4)),
        Case("sequences: 2 × 3 positions of five features", lambda rng: upstream(rng, 2, 3, 5)),
        Case("every axis of length 3", lambda rng: upstream(rng, 3, 3, 3)),
        Case("four axes", lambda rng: upstream(rng, 2, 3, 2, 6)),
        Case("a single vector", lambda rng: upstream(rng, 7)),
        Case("a spread of about √eps", lambda rng: upstream(rng, 4, 6, spread=3e-3)),
        Case("a zero gradient", lambda rng: upstream(rng, 3, 4) | dict(dout=np.zeros((3, 4)))),
        Case("a large offset and eps = 0.1", lambda rng: upstream(rng, 3, 5, offset=100.0, eps=0.1)),
    ),
    mistakes=listed(
        _backward,
        ("mean branch forgotten", _MEAN, dict(mean_term=lambda s: 0)),
        ("projection term forgotten", _PROJ, dict(projection=lambda s: 0)),
        ("mean branch and projection forgotten", PROJECT, dict(mean_term=lambda s: 0, projection=lambda s: 0)),
        ("sign of the mean branch", _MEAN, dict(mean_term=lambda s: -s.mean_of(s.g))),
        ("sign of the projection", _PROJ, dict(projection=lambda s: -s.xhat * s.mean_of(s.g * s.xhat))),
        ("1/D forgotten in the mean branch", _BY_D, dict(mean_term=lambda s: np.sum(s.g, axis=-1, keepdims=True))),
        ("1/D forgotten in the projection", _BY_D, dict(projection=lambda s: s.xhat * np.sum(s.g * s.xhat, axis=-1, keepdims=True))),
        ("1/D forgotten in both", _BY_D, dict(mean_of=lambda s: lambda a: np.sum(a, axis=-1, keepdims=True))),
        ("projection with x, not x̂", _PROJ, dict(projection=lambda s: s.xhat * s.mean_of(s.g * s.x))),
        ("projection without the factor x̂", _PROJ, dict(projection=lambda s: s.mean_of(s.g * s.xhat))),
        ("projection scaled once more by 1/σ", _PROJ, dict(projection=lambda s: s.ivar * s.xhat * s.mean_of(s.g * s.xhat))),
        ("means over the samples (batch norm's backward)", PROJECT, dict(mean_of=lambda s: lambda a: np.mean(a, axis=0, keepdims=True))),
        ("means over all leading axes (batch norm's backward)", PROJECT, dict(mean_of=lambda s: lambda a: np.mean(a, axis=lead(a), keepdims=True))),
        ("means over the whole array", PROJECT, dict(mean_of=lambda s: np.mean)),
        ("gamma forgotten in dx", _GAMMA, dict(g=lambda s: s.dout)),
        ("gamma outside the means (as in batch norm)", _GAMMA, dict(g=lambda s: s.dout, dx=lambda s: s.gamma * s.ivar * (s.g - s.mean_term - s.projection))),
        ("gamma twice", _GAMMA, dict(dx=lambda s: s.gamma * s.ivar * (s.g - s.mean_term - s.projection))),
        ("gamma forgotten in the means", _GAMMA, dict(dx=lambda s: s.ivar * (s.g - s.mean_of(s.dout) - s.xhat * s.mean_of(s.dout * s.xhat)))),
        ("1/σ forgotten", PROJECT, dict(dx=lambda s: s.g - s.mean_term - s.projection)),
        ("divided by the variance", PROJECT, dict(dx=lambda s: s.ivar**2 * (s.g - s.mean_term - s.projection))),
        ("times σ, not divided", PROJECT, dict(dx=lambda s: (s.g - s.mean_term - s.projection) / s.ivar)),
        ("RMS norm's backward", "Layer norm subtracts the mean, so the mean branch and the centred x̂ belong in.",
         dict(ivar=lambda s: 1 / np.sqrt(np.mean(s.x**2, axis=-1, keepdims=True) + s.eps), xhat=lambda s: s.x * s.ivar, mean_term=lambda s: 0)),
        ("dgamma with x", _DG, dict(dgamma=lambda s: s.total(s.dout * s.x))),
        ("dgamma with x − mean", _DG, dict(dgamma=lambda s: s.total(s.dout * s.xhat / s.ivar))),
        ("dgamma with gamma in it", _DG, dict(dgamma=lambda s: s.total(s.g * s.xhat))),
        ("dbeta with gamma in it", _DG, dict(dbeta=lambda s: s.total(s.g))),
        ("dgamma and dbeta exchanged", _DG, dict(returned=lambda s: (s.dx, s.dbeta, s.dgamma))),
        ("dx last", _ORDER, dict(returned=lambda s: (s.dgamma, s.dbeta, s.dx))),
        ("dx alone", _ORDER, dict(returned=lambda s: s.dx)),
        *((f"{name} not summed", SUMMED, change) for name, change in zip(("dgamma and dbeta", "dgamma", "dbeta"), _grad(lambda a: a), strict=True)),
        *((f"{name} summed over the first axis only", SUMMED, change) for name, change in zip(("dgamma and dbeta", "dgamma", "dbeta"), _grad(_first), strict=True)),
        *((f"{name} summed over the features", SUMMED, change) for name, change in zip(("dgamma and dbeta", "dgamma", "dbeta"), _grad(_sum_last), strict=True)),
        ("dgamma and dbeta averaged", "The gradient of a sum is a sum: no division by the number of samples.",
         dict(total=lambda s: lambda a: np.mean(a, axis=lead(a)))),
        ("dgamma and dbeta of shape (1, D)", "The convention here is (D,), the shape of gamma: no keepdims.", dict(total=lambda s: _kept)),
        ("dgamma and dbeta of one number", SUMMED, dict(total=lambda s: lambda a: float(np.sum(a)))),
        ("unbiased variance (ddof=1)", _BIASED, dict(ivar=lambda s: 1 / np.sqrt(np.var(s.x, axis=-1, ddof=1, keepdims=True) + s.eps))),
        ("eps forgotten", EPS, dict(ivar=lambda s: 1 / np.sqrt(np.var(s.x, axis=-1, keepdims=True)))),
        ("eps outside the root", EPS, dict(ivar=lambda s: 1 / (np.std(s.x, axis=-1, keepdims=True) + s.eps))),
        ("eps hard-coded as 1e-5", EPS, dict(eps=lambda s: 1e-5)),
        ("eps = 1e-6 by default", "The default is torch's 1e-5.", dict(new_defaults=dict(eps=1e-6))),
        ("eps = 1e-12 by default (BERT)", "The default is torch's 1e-5.", dict(new_defaults=dict(eps=1e-12))),
        ("eps = 1e-3 by default (Keras)", "The default is torch's 1e-5.", dict(new_defaults=dict(eps=1e-3))),
    ),
    accepts=(
        _backward(),
        _backward(dx=lambda s: s.ivar / s.x.shape[-1] * (s.x.shape[-1] * s.g - s.g.sum(-1, keepdims=True) - s.xhat * (s.g * s.xhat).sum(-1, keepdims=True))),
        _backward(total=lambda s: lambda a: a.reshape(-1, a.shape[-1]).sum(axis=0)),
        lambda dout, x, gamma, eps=1e-5: _backward_oracle(dout.copy(), x.copy(), gamma.copy(), eps),
    ),
    verified="dx, dgamma and dbeta equal autograd's through torch's layer_norm in float64, for one to four axes",
)  # fmt: skip
