"""activation_stds: cases, oracle, mistakes."""

import math
import operator
from itertools import chain, pairwise
from statistics import fmean, pstdev, pvariance
from types import SimpleNamespace

import numpy as np

from utils.exercises.why_batchnorm.shared import _table
from utils.grading.spec import Case, Exercise, Mistake


# 3. What the activations do with depth -------------------------------------------------------------------------------
def _stds_by_torch(x, weights, batchnorm=False):
    import torch

    h, stds = torch.from_numpy(np.array(x)), []
    for weight in weights:
        h = torch.nn.functional.linear(h, torch.from_numpy(np.array(weight)).T)
        if batchnorm:  # the functional form refuses a single sample, the operator below it does not
            h = torch.batch_norm(h, None, None, None, None, True, 0.1, 1e-5, False)
        h = torch.tanh(h)
        stds.append(torch.std(h, correction=0).item())
    return np.array(stds)


def _stds_in_loops(x, weights, batchnorm=False):
    rows, stds = x.tolist(), []
    for weight in weights:
        columns = [[sum(map(operator.mul, row, column)) for row in rows] for column in weight.T.tolist()]
        if batchnorm:
            moments = [(fmean(column), math.sqrt(pvariance(column) + 1e-5)) for column in columns]
            columns = [[(a - m) / root for a in column] for column, (m, root) in zip(columns, moments, strict=True)]
        rows = [[math.tanh(a) for a in row] for row in zip(*columns, strict=True)]
        stds.append(pstdev(chain(*rows)))
    return stds


def _stds_recursive(x, weights, batchnorm=False):
    if not len(weights):
        return np.empty(0)
    z = np.einsum("nd,de->ne", x, weights[0])
    if batchnorm:
        z -= z.mean(axis=0)
        z /= np.sqrt(np.einsum("ne,ne->e", z, z) / len(z) + 1e-5)
    h = 2 / (1 + np.exp(-2 * z)) - 1
    return np.append(np.sqrt(np.mean((h - h.mean()) ** 2)), _stds_recursive(h, weights[1:], batchnorm))


def _bn(z, axis=0, root=lambda var: np.sqrt(var + 1e-5), ddof=0, mean=np.mean):
    return (z - mean(z, axis=axis, keepdims=True)) / root(np.var(z, axis=axis, ddof=ddof, keepdims=True))


def _stds(
    *,
    norm=_bn,
    act=np.tanh,
    times=None,
    spread=np.std,
    seen=None,
    goes_on=None,
    where=None,
    start=None,
    answer=None,
    order=list,
):
    """The right answer with some of its parts exchanged; those that are None are functions of a layer's names, `p`."""

    def wrong(x, weights, batchnorm=False):
        p = SimpleNamespace(x=x, flag=batchnorm, h=start(x, batchnorm) if start else x)
        stds = []
        for p.k, p.w in enumerate(order(weights)):
            p.last = p.k == len(weights) - 1
            p.z = times(p) if times else p.h @ p.w
            p.n = norm(p.z) if (where(p) if where else p.flag) else p.z
            p.a = act(p.n)
            stds.append(spread(seen(p) if seen else p.a))
            p.h = goes_on(p) if goes_on else p.a
        return answer(x, stds) if answer else np.array(stds)

    return wrong


def _bn_after(p):
    return _bn(np.tanh(p.z)) if p.flag else np.tanh(p.z)


def _bn_twice(p):
    return _bn(p.a) if p.flag else p.a


def _unbiased(h):
    return np.std(h, ddof=1)


_BEFORE = "Normalise h·W, then take tanh: h ← tanh(BN(h·W)). After tanh the damage is done."


_ACTIVATIONS = "Measure the activations, after tanh: what the next layer gets to see."


_ALL = "One number for each layer: the standard deviation over all entries at once, h.std()."


_BIASED = "ddof = 0 in both places: divide by the number of values, as np.std and batch norm do."


_STATISTICS = "Each feature has its own mean and variance, over the samples: axis 0."


_EPS = "BN divides by √(var + eps) with eps = 1e-5, under the root."


_ENTRIES = "One entry for each layer, in order: L numbers, the first after the first tanh."


_FLAG = "Normalise where batchnorm is True, in every layer, and nowhere where it is False (the default)."


_PLAIN = "The layer is h ← tanh(BN?(h·W)): h·W, nothing transposed, in the order of the list, h from the layer before."


_SHIFT = "Batch norm first subtracts each feature's mean, then divides by its root."


_STD_MISTAKES = _table(
    (
        ("BN after tanh", _BEFORE, dict(norm=lambda z: z, seen=_bn_after, goes_on=_bn_after)),
        ("std taken before tanh", _ACTIVATIONS, dict(seen=lambda p: p.n)),
        ("std per feature, then averaged", _ALL, dict(spread=lambda h: np.std(h, axis=0).mean())),
        ("ddof=1 in the std", _BIASED, dict(spread=_unbiased)),
        ("variance instead of std", _ALL, dict(spread=np.var)),
        ("relu for tanh", _PLAIN, dict(act=lambda z: np.maximum(z, 0))),
        ("the input's std prepended", _ENTRIES, dict(answer=lambda x, s: np.array([x.std(), *s]))),
        ("the last layer missing", _ENTRIES, dict(answer=lambda x, s: np.array(s[:-1]))),
        ("BN over axis 1 (layer norm)", _STATISTICS, dict(norm=lambda z: _bn(z, 1))),
        ("weights transposed", _PLAIN, dict(times=lambda p: p.h @ p.w.T)),
        ("the flag inverted", _FLAG, dict(where=lambda p: not p.flag)),
        ("the flag ignored, never BN", _FLAG, dict(where=lambda p: False)),
        ("the flag ignored, always BN", _FLAG, dict(where=lambda p: True)),
        ("BN after tanh, measured before BN", _BEFORE, dict(norm=lambda z: z, goes_on=_bn_after)),
        ("BN after tanh, measured but not passed on", _BEFORE, dict(norm=lambda z: z, seen=_bn_after)),
        ("BN before tanh and after", _BEFORE, dict(seen=_bn_twice, goes_on=_bn_twice)),
        ("BN of the layer's input, h ← tanh(BN(h)·W)", _BEFORE, dict(norm=lambda z: z, times=lambda p: (_bn(p.h) if p.flag else p.h) @ p.w)),
        ("std taken before BN and tanh", _ACTIVATIONS, dict(seen=lambda p: p.z)),
        ("std taken before BN, tanh forgotten on the way", _PLAIN, dict(act=lambda z: z, seen=lambda p: p.z)),
        ("no activation", _PLAIN, dict(act=lambda z: z)),
        ("no tanh after the last layer", _PLAIN, dict(seen=lambda p: p.n if p.last else p.a)),
        ("sigmoid for tanh", _PLAIN, dict(act=lambda z: 1 / (1 + np.exp(-z)))),
        ("tanh taken twice", _PLAIN, dict(act=lambda z: np.tanh(np.tanh(z)))),
        ("std per feature, not over all entries", _ALL, dict(spread=lambda h: np.std(h, axis=0))),
        ("std per sample, not over all entries", _ALL, dict(spread=lambda h: np.std(h, axis=1))),
        ("std per sample, then averaged", _ALL, dict(spread=lambda h: np.std(h, axis=1).mean())),
        ("variance per feature averaged, then the root", _ALL, dict(spread=lambda h: np.sqrt(np.var(h, axis=0).mean()))),
        ("variance per sample averaged, then the root", _ALL, dict(spread=lambda h: np.sqrt(np.var(h, axis=1).mean()))),
        ("std per feature with ddof=1, then averaged", _ALL, dict(spread=lambda h: np.std(h, axis=0, ddof=1).mean())),
        ("variance with ddof=1 instead of std", _ALL, dict(spread=lambda h: np.var(h, ddof=1))),
        ("root mean square, the mean not subtracted", _ALL, dict(spread=lambda h: np.sqrt(np.mean(h**2)))),
        ("mean square", _ALL, dict(spread=lambda h: np.mean(h**2))),
        ("mean instead of std", _ALL, dict(spread=np.mean)),
        ("mean absolute value instead of std", _ALL, dict(spread=lambda h: np.mean(np.abs(h)))),
        ("mean absolute deviation instead of std", _ALL, dict(spread=lambda h: np.mean(np.abs(h - h.mean())))),
        ("std of the last layer only", _ENTRIES, dict(answer=lambda x, s: s[-1])),
        ("the mean over the layers", _ENTRIES, dict(answer=lambda x, s: np.mean(s))),
        ("the input's std in place of the last layer's", _ENTRIES, dict(answer=lambda x, s: np.array([x.std(), *s[:-1]]))),
        ("the layers in reverse order", _ENTRIES, dict(answer=lambda x, s: np.array(s[::-1]))),
        ("stds relative to the input's", _ENTRIES, dict(answer=lambda x, s: np.array(s) / x.std())),
        ("ddof=1 in BN", _BIASED, dict(norm=lambda z: _bn(z, ddof=1))),
        ("ddof=1 in BN and in the std (torch's default)", _BIASED, dict(norm=lambda z: _bn(z, ddof=1), spread=_unbiased)),
        ("one mean and one variance for the whole layer", _STATISTICS, dict(norm=lambda z: _bn(z, None))),
        ("eps forgotten", _EPS, dict(norm=lambda z: _bn(z, root=np.sqrt))),
        ("eps outside the root", _EPS, dict(norm=lambda z: _bn(z, root=lambda var: np.sqrt(var) + 1e-5))),
        ("eps = 1e-8", _EPS, dict(norm=lambda z: _bn(z, root=lambda var: np.sqrt(var + 1e-8)))),
        ("eps = 1e-8 outside the root", _EPS, dict(norm=lambda z: _bn(z, root=lambda var: np.sqrt(var) + 1e-8))),
        ("eps = 1e-6", _EPS, dict(norm=lambda z: _bn(z, root=lambda var: np.sqrt(var + 1e-6)))),
        ("eps = 1e-3", _EPS, dict(norm=lambda z: _bn(z, root=lambda var: np.sqrt(var + 1e-3)))),
        ("root forgotten, divided by the variance", _EPS, dict(norm=lambda z: _bn(z, root=lambda var: var + 1e-5))),
        ("not divided, only centred", _SHIFT, dict(norm=lambda z: _bn(z, root=np.ones_like))),
        ("not centred, only divided", _SHIFT, dict(norm=lambda z: _bn(z, mean=lambda z, **kept: 0.0))),
        ("multiplied by the root", _SHIFT, dict(norm=lambda z: _bn(z, root=lambda var: (var + 1e-5) ** -0.5))),
        ("the input normalised too", _FLAG, dict(start=lambda x, flag: _bn(x) if flag else x)),
        ("the input normalised, the layers not", _FLAG, dict(start=lambda x, flag: _bn(x) if flag else x, where=lambda p: False)),
        ("tanh of the input first", _PLAIN, dict(start=lambda x, flag: np.tanh(x))),
        ("no BN in the last layer", _FLAG, dict(where=lambda p: p.flag and not p.last)),
        ("no BN in the first layer", _FLAG, dict(where=lambda p: p.flag and p.k > 0)),
        ("BN in the first layer only", _FLAG, dict(where=lambda p: p.flag and p.k == 0)),
        ("BN in the last layer only", _FLAG, dict(where=lambda p: p.flag and p.last)),
        ("the normalised value not passed on", _PLAIN, dict(goes_on=lambda p: np.tanh(p.z))),
        ("tanh not passed on", _PLAIN, dict(goes_on=lambda p: p.n)),
        ("neither BN nor tanh passed on", _PLAIN, dict(goes_on=lambda p: p.z)),
        ("every layer fed with x", _PLAIN, dict(goes_on=lambda p: p.x)),
        ("weights in reverse order", _PLAIN, dict(order=lambda weights: weights[::-1])),
        ("the first layer's weights everywhere", _PLAIN, dict(order=lambda weights: [weights[0]] * len(weights))),
    ),
    lambda parts: _stds(**parts),
)  # fmt: skip


_ON_BY_DEFAULT = Mistake("BN by default", _FLAG, lambda x, weights, batchnorm=True: _stds()(x, weights, batchnorm))


def _net(rng, n, *widths, gain=1.0, offset=0.0, **flag):
    """x (n, d) and a matrix from each width to the next, of standard deviation gain/√d."""
    x = offset + rng.normal(size=(n, widths[0]))
    weights = [gain / np.sqrt(a) * rng.normal(size=(a, b)) for a, b in pairwise(widths)]
    return dict(x=x, weights=weights, **flag)


def _with_dead_feature(rng):
    inputs = _net(rng, 6, 3, 4, 3, gain=1.5, offset=1.0, batchnorm=True)
    inputs["weights"][0][:, 1] = 0.0
    return inputs


def _one_layer(x, weight, flag):
    return dict(x=np.array(x, dtype=float), weights=[np.array(weight, dtype=float)], batchnorm=flag)


STDS = Exercise(
    name="activation_stds",
    returns=("stds",),
    oracle=_stds_by_torch,
    cases=(
        Case("two samples, one layer", lambda rng: _one_layer([[0], [2]], [[1]], False)),
        Case("the same with batch norm", lambda rng: _one_layer([[0], [2]], [[1]], True)),
        Case("three samples, two features, batch norm", lambda rng: _one_layer([[1, 0], [0, 2], [3, 1]], [[1, -1], [0.5, 2]], True)),
        Case("two layers of different widths", lambda rng: _net(rng, 5, 3, 4, 2, gain=1.5, batchnorm=False)),
        Case("two layers of different widths, batch norm", lambda rng: _net(rng, 5, 3, 4, 2, offset=1.0, batchnorm=True)),
        Case("batchnorm not given", lambda rng: _net(rng, 7, 4, 4, 3, offset=0.5)),
        Case("four square layers", lambda rng: _net(rng, 6, 3, 3, 3, 3, 3, gain=1.3, offset=0.3, batchnorm=False)),
        Case("four square layers, batch norm", lambda rng: _net(rng, 6, 3, 3, 3, 3, 3, offset=0.3, batchnorm=True)),
        Case("as many samples as features, batch norm", lambda rng: _net(rng, 4, 4, 4, 4, offset=2.0, batchnorm=True)),
        Case("a spread of about √eps, batch norm", lambda rng: _net(rng, 8, 5, 5, 5, gain=3e-3, batchnorm=True)),
        Case("a dead feature, batch norm", _with_dead_feature),
        Case("weights too small: the signal dies", lambda rng: _net(rng, 10, *[6] * 7, gain=0.2, batchnorm=False)),
        Case("weights too large: saturation", lambda rng: _net(rng, 10, *[6] * 5, gain=1e4, batchnorm=False)),
        Case("weights too large, batch norm", lambda rng: _net(rng, 10, *[6] * 5, gain=1e4, batchnorm=True)),
        Case("a single sample", lambda rng: _net(rng, 1, 3, 3, batchnorm=False)),
        Case("a single sample, batch norm", lambda rng: _net(rng, 1, 3, 3, batchnorm=True)),
    ),
    mistakes=(*_STD_MISTAKES, _ON_BY_DEFAULT),
    accepts=(_stds_by_torch, _stds_in_loops, _stds_recursive),
    verified="equal to torch's linear, batch_norm, tanh and std in float64, with and without batch norm, one to six layers deep",
)  # fmt: skip
