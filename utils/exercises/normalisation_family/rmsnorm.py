"""RMS norm, forward and backward: Zhang & Sennrich 2019. Oracle: torch's rms_norm and autograd."""

import numpy as np

from utils.exercises.normalisation_family.parts import EPS, ROOT, SUMMED, by_hand, features, lead, upstream
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise


def _forward_oracle(x, gamma, eps=1e-6):
    import torch

    x, gamma = map(torch.from_numpy, (x, gamma))
    return torch.nn.functional.rms_norm(x, gamma.shape, gamma, eps).numpy()


def _mean_square(x, **kept):
    return np.mean(x**2, **kept)


_forward = by_rules(
    ("x", "gamma", "eps"),
    dict(
        axis=lambda s: -1,
        center=lambda s: 0.0,
        spread=lambda s: _mean_square(s.x, axis=s.axis, keepdims=True),
        scale=lambda s: np.sqrt(s.spread + s.eps),
        xhat=lambda s: (s.x - s.center) / s.scale,
        out=lambda s: s.gamma * s.xhat,
        returned=lambda s: s.out,
    ),
    eps=1e-6,
)

_RAW = "RMS norm subtracts no mean: x/√(mean(x²) + eps)·γ."
_AXIS = "The mean square is taken over the last axis, for each sample (and each position) alone."
_DEFAULT = "The default is 1e-6 here, as Llama's; 1e-5 is layer norm's."
_MEAN_OF = "Take the mean of the squares, not their sum: else the features shrink as √D grows."


def _centred(**kept):
    return lambda s: np.var(s.x, axis=-1, keepdims=True, **kept)


def _mean(s):
    return np.mean(s.x, axis=-1, keepdims=True)


def _column(s):
    column = (-1,) + (1,) * (s.x.ndim - 1) if len(s.x) == len(s.gamma) else (-1,)
    return s.gamma.reshape(column) * s.xhat


RMS = Exercise(
    name="rmsnorm_forward",
    returns=("out",),
    oracle=_forward_oracle,
    cases=(
        Case("one sample of two features", lambda rng: by_hand([[1.0, 7.0]], [1.0, 1.0])),
        Case("gamma at work", lambda rng: by_hand([[1.0, 2.0, 2.0], [-10.0, 20.0, 20.0]], [2.0, 1.0, 0.5])),
        Case("five samples of four features", lambda rng: features(rng, 5, 4, beta=False)),
        Case("as many samples as features", lambda rng: features(rng, 4, 4, beta=False)),
        Case("sequences: 2 × 3 positions of five features", lambda rng: features(rng, 2, 3, 5, beta=False)),
        Case("every axis of length 3", lambda rng: features(rng, 3, 3, 3, beta=False)),
        Case("a single vector", lambda rng: features(rng, 7, beta=False)),
        Case("features of about √eps", lambda rng: features(rng, 4, 6, spread=1e-3, beta=False)),
        Case("features far below √eps", lambda rng: features(rng, 3, 4, spread=1e-4, beta=False)),
        Case("features all zero", lambda rng: by_hand([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]], [1.5, 0.5, 1.0])),
        Case("a large offset and eps = 0.1", lambda rng: features(rng, 3, 5, offset=100.0, beta=False, eps=0.1)),
        Case("small features and eps = 0.1", lambda rng: features(rng, 3, 5, spread=0.2, beta=False, eps=0.1)),
        Case("no samples", lambda rng: features(rng, 0, 4, beta=False)),
    ),
    mistakes=listed(
        _forward,
        ("the mean taken away (layer norm without β)", _RAW, dict(center=_mean, spread=_centred())),
        ("the mean taken away, the raw mean square kept", _RAW, dict(center=_mean)),
        ("divided by the standard deviation", _RAW, dict(spread=_centred())),
        ("unbiased variance around the mean (ddof=1)", _RAW, dict(spread=_centred(ddof=1))),
        ("divided by D − 1", "The mean square divides by D.", dict(spread=lambda s: np.sum(s.x**2, -1, keepdims=True) / max(s.x.shape[-1] - 1, 1))),
        ("sum of squares (the norm)", _MEAN_OF, dict(spread=lambda s: np.sum(s.x**2, axis=-1, keepdims=True))),
        ("mean of |x|", _RAW, dict(scale=lambda s: np.mean(np.abs(s.x), axis=-1, keepdims=True) + s.eps)),
        ("over the samples", _AXIS, dict(axis=lambda s: 0)),
        ("over all leading axes", _AXIS, dict(axis=lambda s: lead(s.x))),
        ("over the whole array", _AXIS, dict(axis=lambda s: None)),
        ("over all axes but the first", _AXIS, dict(axis=lambda s: tuple(range(1, s.x.ndim)) or -1)),
        ("gamma along the samples", "gamma belongs to the features, the last axis.", dict(out=_column)),
        ("gamma left out", "Scale at the end: γ·x̂.", dict(out=lambda s: s.xhat)),
        ("1 + gamma for gamma (Gemma's)", "γ multiplies as it stands; Gemma stores γ − 1 and multiplies by 1 + γ.", dict(out=lambda s: (1 + s.gamma) * s.xhat)),
        ("gamma added", "gamma multiplies.", dict(out=lambda s: s.gamma + s.xhat)),
        ("divided by gamma", "gamma multiplies.", dict(out=lambda s: s.xhat / s.gamma)),
        ("eps hard-coded as 1e-6", EPS, dict(eps=lambda s: 1e-6)),
        ("eps = 1e-5 by default", _DEFAULT, dict(new_defaults=dict(eps=1e-5))),
        ("eps = 1e-8 by default", _DEFAULT, dict(new_defaults=dict(eps=1e-8))),
        ("eps = 2.2e-16 by default (torch's eps=None)", "torch's RMSNorm takes the machine's epsilon by default; here it is 1e-6.", dict(new_defaults=dict(eps=2.0**-52))),
        *ROOT,
    ),
    accepts=(
        _forward(),
        _forward(scale=lambda s: np.linalg.norm(np.concatenate([s.x / np.sqrt(s.x.shape[-1]), np.full((*s.x.shape[:-1], 1), np.sqrt(s.eps))], -1), axis=-1, keepdims=True)),
        _forward(out=lambda s: np.einsum("d,...d->...d", s.gamma, s.xhat)),
        lambda x, gamma, eps=1e-6: _forward_oracle(x.copy(), gamma.copy(), eps),
    ),
    verified="equal to torch's rms_norm in float64 for one to three axes, features all zero and an empty batch included",
)  # fmt: skip


# ---- backward -----------------------------------------------------------------------------------------------------


def _backward_oracle(dout, x, gamma, eps=1e-6):
    import torch

    x, gamma = (torch.from_numpy(np.array(a)).requires_grad_() for a in (x, gamma))
    out = torch.nn.functional.rms_norm(x, gamma.shape, gamma, eps)
    return [g.numpy() for g in torch.autograd.grad(out, (x, gamma), torch.from_numpy(dout))]


_backward = by_rules(
    ("dout", "x", "gamma", "eps"),
    dict(
        mean_of=lambda s: lambda a: np.mean(a, axis=-1, keepdims=True),
        r=lambda s: 1 / np.sqrt(np.mean(s.x**2, axis=-1, keepdims=True) + s.eps),
        xhat=lambda s: s.x * s.r,
        g=lambda s: s.dout * s.gamma,
        projection=lambda s: s.xhat * s.mean_of(s.g * s.xhat),
        dx=lambda s: s.r * (s.g - s.projection),
        total=lambda s: lambda a: np.sum(a, axis=lead(a)),
        dgamma=lambda s: s.total(s.dout * s.xhat),
        returned=lambda s: (s.dx, s.dgamma),
    ),
    eps=1e-6,
)

_DX = "With g = γ·dout and x̂ = r·x: dx = r·(g − x̂·mean(g·x̂)), the mean over the features of that one sample."
_GAMMA = "γ goes inside the mean: g = γ·dout first, for every feature has its own γ."
_NO_MEAN = "The forward pass subtracts no mean, so neither does the backward pass."
_DG = "out = γ·x̂, so dγ sums dout·x̂ over all leading axes."


RMS_BACKWARD = Exercise(
    name="rmsnorm_backward",
    returns=("dx", "dgamma"),
    oracle=_backward_oracle,
    cases=(
        Case("one sample of two features", lambda rng: dict(dout=np.array([[1.0, 0.0]])) | by_hand([[1.0, 7.0]], [1.0, 1.0])),
        Case("two samples, gamma at work", lambda rng: dict(dout=np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]]))
             | by_hand([[1.0, 2.0, 2.0], [0.0, 3.0, 1.0]], [2.0, 1.0, 0.5])),
        Case("five samples of four features", lambda rng: upstream(rng, 5, 4)),
        Case("as many samples as features", lambda rng: upstream(rng, 4, 4)),
        Case("sequences: 2 × 3 positions of five features", lambda rng: upstream(rng, 2, 3, 5)),
        Case("every axis of length 3", lambda rng: upstream(rng, 3, 3, 3)),
        Case("four axes", lambda rng: upstream(rng, 2, 3, 2, 6)),
        Case("a single vector", lambda rng: upstream(rng, 7)),
        Case("features of about √eps", lambda rng: upstream(rng, 4, 6, spread=1e-3)),
        Case("features all zero", lambda rng: dict(dout=np.array([[1.0, -2.0, 0.5]])) | by_hand([[0.0, 0.0, 0.0]], [1.5, 0.5, 1.0]) | dict(eps=0.25)),
        Case("a zero gradient", lambda rng: upstream(rng, 3, 4) | dict(dout=np.zeros((3, 4)))),
        Case("small features and eps = 0.1", lambda rng: upstream(rng, 3, 5, spread=0.2, eps=0.1)),
    ),
    mistakes=listed(
        _backward,
        ("projection term forgotten", _DX, dict(projection=lambda s: 0)),
        ("sign of the projection", _DX, dict(projection=lambda s: -s.xhat * s.mean_of(s.g * s.xhat))),
        ("1/D forgotten in the projection", _DX, dict(projection=lambda s: s.xhat * np.sum(s.g * s.xhat, axis=-1, keepdims=True))),
        ("projection without the factor x̂", _DX, dict(projection=lambda s: s.mean_of(s.g * s.xhat))),
        ("projection with x for x̂", _DX, dict(projection=lambda s: s.x * s.mean_of(s.g * s.x))),
        ("projection with one x for x̂", _DX, dict(projection=lambda s: s.x * s.mean_of(s.g * s.xhat))),
        ("layer norm's backward, on the centred x", _NO_MEAN, dict(
            r=lambda s: 1 / np.sqrt(np.var(s.x, axis=-1, keepdims=True) + s.eps),
            xhat=lambda s: (s.x - np.mean(s.x, axis=-1, keepdims=True)) * s.r,
            dx=lambda s: s.r * (s.g - s.mean_of(s.g) - s.projection))),
        ("the mean of g taken away", _NO_MEAN, dict(dx=lambda s: s.r * (s.g - s.mean_of(s.g) - s.projection))),
        ("mean over the samples", _DX, dict(mean_of=lambda s: lambda a: np.mean(a, axis=0, keepdims=True))),
        ("mean over all leading axes", _DX, dict(mean_of=lambda s: lambda a: np.mean(a, axis=lead(a), keepdims=True))),
        ("mean over the whole array", _DX, dict(mean_of=lambda s: np.mean)),
        ("gamma forgotten in dx", _GAMMA, dict(g=lambda s: s.dout)),
        ("gamma outside the mean", _GAMMA, dict(g=lambda s: s.dout, dx=lambda s: s.gamma * s.r * (s.g - s.projection))),
        ("gamma forgotten in the projection", _GAMMA, dict(projection=lambda s: s.xhat * s.mean_of(s.dout * s.xhat))),
        ("gamma twice", _GAMMA, dict(dx=lambda s: s.gamma * s.r * (s.g - s.projection))),
        ("1/rms forgotten", _DX, dict(dx=lambda s: s.g - s.projection)),
        ("1/rms twice", _DX, dict(dx=lambda s: s.r**2 * (s.g - s.projection))),
        ("times the rms, not divided", _DX, dict(dx=lambda s: (s.g - s.projection) / s.r)),
        ("sum of squares (the norm)", _MEAN_OF, dict(r=lambda s: 1 / np.sqrt(np.sum(s.x**2, axis=-1, keepdims=True) + s.eps))),
        ("dgamma with x", _DG, dict(dgamma=lambda s: s.total(s.dout * s.x))),
        ("dgamma with the centred x", _NO_MEAN, dict(dgamma=lambda s: s.total(s.dout * (s.x - np.mean(s.x, axis=-1, keepdims=True)) * s.r))),
        ("dgamma with gamma in it", _DG, dict(dgamma=lambda s: s.total(s.g * s.xhat))),
        ("dgamma without x̂", _DG, dict(dgamma=lambda s: s.total(s.dout))),
        ("dgamma not summed", SUMMED, dict(total=lambda s: lambda a: a)),
        ("dgamma summed over the first axis only", SUMMED, dict(total=lambda s: lambda a: np.sum(a, axis=0))),
        ("dgamma summed over the features", SUMMED, dict(total=lambda s: lambda a: np.sum(a, axis=-1))),
        ("dgamma of shape (1, D)", "The convention here is (D,), the shape of gamma: no keepdims.",
         dict(total=lambda s: lambda a: np.sum(a.reshape(-1, a.shape[-1]), axis=0, keepdims=True))),
        ("dgamma averaged", "The gradient of a sum is a sum: no division by the number of samples.", dict(total=lambda s: lambda a: np.mean(a, axis=lead(a)))),
        ("dgamma and dx exchanged", "The order is (dx, dgamma).", dict(returned=lambda s: (s.dgamma, s.dx))),
        ("a third value, dbeta", "RMS norm has no β: return (dx, dgamma).", dict(returned=lambda s: (s.dx, s.dgamma, s.total(s.dout)))),
        ("eps forgotten", EPS, dict(r=lambda s: 1 / np.sqrt(np.mean(s.x**2, axis=-1, keepdims=True)))),
        ("eps outside the root", EPS, dict(r=lambda s: 1 / (np.sqrt(np.mean(s.x**2, axis=-1, keepdims=True)) + s.eps))),
        ("eps hard-coded as 1e-6", EPS, dict(eps=lambda s: 1e-6)),
        ("eps = 1e-5 by default", _DEFAULT, dict(new_defaults=dict(eps=1e-5))),
        ("eps = 1e-8 by default", _DEFAULT, dict(new_defaults=dict(eps=1e-8))),
    ),
    accepts=(
        _backward(),
        _backward(dx=lambda s: s.g * s.r - s.x * s.r**3 * np.sum(s.g * s.x, axis=-1, keepdims=True) / s.x.shape[-1]),
        _backward(total=lambda s: lambda a: a.reshape(-1, a.shape[-1]).sum(axis=0)),
        lambda dout, x, gamma, eps=1e-6: _backward_oracle(dout.copy(), x.copy(), gamma.copy(), eps),
    ),
    verified="dx and dgamma equal autograd's through torch's rms_norm in float64, for one to four axes, x = 0 included",
)  # fmt: skip
