"""Group norm: Wu & He 2018. Oracle: torch's group_norm."""

import numpy as np

from utils.exercises.normalisation_family.parts import EPS, ROOT, SHIFT
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise, Mistake


def _oracle(x, gamma, beta, groups, eps=1e-5):
    import torch

    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return torch.nn.functional.group_norm(x, groups, gamma, beta, eps).numpy()


def _refused(s):
    if s.x.shape[1] % s.groups:
        raise ValueError(f"{s.groups} groups do not divide {s.x.shape[1]} channels")


def _of_channels(values):
    return values.reshape(1, -1, 1, 1)


_group = by_rules(
    ("x", "gamma", "beta", "groups", "eps"),
    dict(
        valid=_refused,
        split=lambda s: s.x.reshape(len(s.x), s.groups, s.x.shape[1] // s.groups, *s.x.shape[2:]),
        axis=lambda s: (2, 3, 4),
        mean=lambda s: np.mean(s.split, axis=s.axis, keepdims=True),
        spread=lambda s: np.mean((s.split - s.mean) ** 2, axis=s.axis, keepdims=True),
        scale=lambda s: np.sqrt(s.spread + s.eps),
        normal=lambda s: (s.split - s.mean) / s.scale,
        xhat=lambda s: s.normal.reshape(s.x.shape),
        affine=lambda s: [setattr(s, name, _of_channels(getattr(s, name))) for name in ("gamma", "beta")],
        out=lambda s: s.gamma * s.xhat + s.beta,
        returned=lambda s: s.out,
    ),
    eps=1e-5,
)

_BLOCKS = "A group is a block of neighbouring channels: reshape to (N, groups, C // groups, H, W)."
_AXES = "The statistics run over the channels of the group and all positions, for each image alone: axes (2, 3, 4)."
_CHANNEL = "gamma and beta belong to channels, not to groups: reshape them to (1, C, 1, 1)."
_REFUSE = "Where groups does not divide C, raise ValueError."
_BIASED = "The variance is the biased one: divide by the number of values, not by one less."


def _over(*axis):
    return dict(axis=lambda s: axis)


def _interleaved(s):
    """Channel c in group c mod groups."""
    n, c, h, w = s.x.shape
    return s.x.reshape(n, c // s.groups, s.groups, h, w).transpose(0, 2, 1, 3, 4)


def _back(s):
    return s.normal.transpose(0, 2, 1, 3, 4).reshape(s.x.shape)


def _by_group(values, s):
    """The first `groups` entries, each for its whole group."""
    return np.repeat(values[: s.groups], s.x.shape[1] // s.groups)


def _last_axis(values, s):
    return values if len(values) == s.x.shape[-1] else _of_channels(values)


def _uneven(x, gamma, beta, groups, eps=1e-5):
    """No ValueError: the last channels make a smaller group."""
    size = max(x.shape[1] // groups, 1)
    parts = [x[:, i : i + size] for i in range(0, x.shape[1], size)]
    normal = [(p - p.mean((1, 2, 3), keepdims=True)) / np.sqrt(p.var((1, 2, 3), keepdims=True) + eps) for p in parts]
    return _of_channels(gamma) * np.concatenate(normal, axis=1) + _of_channels(beta)


def _asserted(s):
    assert s.x.shape[1] % s.groups == 0, "groups must divide the channels"


def _loops(x, gamma, beta, groups, eps=1e-5):
    channels = x.shape[1]
    if channels % groups != 0:
        raise ValueError("groups must divide the number of channels")
    out, size = np.empty_like(x), channels // groups
    for n in range(len(x)):
        for first in range(0, channels, size):
            block = x[n, first : first + size]
            out[n, first : first + size] = (block - block.mean()) / np.sqrt(block.var() + eps)
    return out * gamma[:, None, None] + beta[:, None, None]


def _rows(s):
    """One row for each image and group."""
    rows = s.x.reshape(len(s.x) * s.groups, -1)
    rows = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + s.eps)
    return rows.reshape(s.x.shape)


def _torch_backed(x, gamma, beta, groups, eps=1e-5):
    if x.shape[1] % groups:
        raise ValueError("groups must divide the number of channels")
    return _oracle(x.copy(), gamma.copy(), beta.copy(), groups, eps)


def _images(rng, n, channels, height, width, groups, spread=1.0, offset=0.0, **more):
    """Every image and every channel with its own mean and spread."""
    x = offset + rng.normal(size=(n, 1, 1, 1)) + rng.normal(size=(1, channels, 1, 1))
    x = x + rng.uniform(0.5, 2, (1, channels, 1, 1)) * rng.normal(size=(n, channels, height, width))
    affine = dict(gamma=rng.normal(1, 0.5, channels), beta=rng.normal(size=channels))
    return dict(x=spread * x, **affine, groups=groups, **more)


GROUP = Exercise(
    name="groupnorm_forward",
    returns=("out",),
    oracle=_oracle,
    cases=(
        Case("one image of one pixel, four channels in two groups", lambda rng: dict(
            x=np.array([1.0, 3.0, 10.0, 30.0]).reshape(1, 4, 1, 1), gamma=np.ones(4), beta=np.zeros(4), groups=2)),
        Case("two images of 3×5, six channels in three groups", lambda rng: _images(rng, 2, 6, 3, 5, 3)),
        Case("six channels in two groups", lambda rng: _images(rng, 3, 6, 2, 4, 2)),
        Case("one group: layer norm over the image", lambda rng: _images(rng, 3, 4, 2, 3, 1)),
        Case("as many groups as channels: instance norm", lambda rng: _images(rng, 2, 4, 3, 4, 4)),
        Case("every axis of length 4, two groups", lambda rng: _images(rng, 4, 4, 4, 4, 2)),
        Case("nine channels in three groups of three", lambda rng: _images(rng, 2, 9, 3, 3, 3)),
        Case("a single image", lambda rng: _images(rng, 1, 8, 4, 4, 4)),
        Case("a spread of about √eps", lambda rng: _images(rng, 2, 4, 3, 3, 2, spread=3e-3)),
        Case("a group without spread", lambda rng: (i := _images(rng, 2, 4, 2, 2, 2), i["x"].__setitem__((slice(None), slice(0, 2)), 0.7))[0]),
        Case("a large offset and eps = 0.1", lambda rng: _images(rng, 2, 4, 3, 2, 2, offset=100.0, eps=0.1)),
        Case("groups that do not divide the channels", lambda rng: _images(rng, 2, 6, 2, 2, 4), raises="ValueError"),
        Case("more groups than channels", lambda rng: _images(rng, 2, 3, 2, 2, 6), raises="ValueError"),
    ),
    mistakes=(
        *listed(
            _group,
            ("channels interleaved among the groups", _BLOCKS, dict(split=_interleaved, xhat=_back)),
            ("groups taken for channels in a group", _BLOCKS,
             dict(split=lambda s: s.x.reshape(len(s.x), s.x.shape[1] // s.groups, s.groups, *s.x.shape[2:]))),
            ("groups ignored: every channel alone (instance norm)", _BLOCKS, dict(split=lambda s: s.x[:, :, None])),
            ("groups ignored: all channels together (layer norm)", _BLOCKS, dict(split=lambda s: s.x[:, None])),
            ("groups ignored: batch norm", _AXES, dict(split=lambda s: s.x[:, :, None], axis=lambda s: (0, 2, 3, 4))),
            ("statistics over the batch too", _AXES, _over(0, 2, 3, 4)),
            ("statistics over the channels of the group only", _AXES, _over(2)),
            ("statistics over the groups", _AXES, _over(1)),
            ("statistics over the width left out", _AXES, _over(2, 3)),
            ("one mean and variance for the whole array", _AXES, _over(0, 1, 2, 3, 4)),
            ("unbiased variance (ddof=1)", _BIASED, dict(spread=lambda s: np.var(s.split, axis=s.axis, ddof=1, keepdims=True))),
            ("variance not centred (E[x²])", "The variance is taken around the group's mean.", dict(spread=lambda s: np.mean(s.split**2, axis=s.axis, keepdims=True))),
            ("mean not subtracted", "The numerator is x − mean.", dict(normal=lambda s: s.split / s.scale)),
            ("gamma and beta by group", _CHANNEL, dict(affine=lambda s: [setattr(s, k, _of_channels(_by_group(getattr(s, k), s))) for k in ("gamma", "beta")])),
            ("gamma and beta along the last axis", _CHANNEL, dict(affine=lambda s: [setattr(s, k, _last_axis(getattr(s, k), s)) for k in ("gamma", "beta")])),
            ("AssertionError for a wrong number of groups", _REFUSE, dict(valid=_asserted)),
            ("eps hard-coded as 1e-5", EPS, dict(eps=lambda s: 1e-5)),
            ("eps = 1e-6 by default", "The default is torch's 1e-5.", dict(new_defaults=dict(eps=1e-6))),
            ("eps = 1e-3 by default (Keras)", "The default is torch's 1e-5; 1e-3 is Keras'.", dict(new_defaults=dict(eps=1e-3))),
            *ROOT,
            *SHIFT,
        ),
        Mistake("no ValueError: the last group is smaller", _REFUSE, _uneven),
    ),
    accepts=(_group(), _loops, _torch_backed, _group(xhat=_rows), _group(valid=lambda s: None)),
    verified="equal to torch's group_norm in float64 from one group to one for each channel; a wrong number refused",
)  # fmt: skip
