"""fold_batchnorm: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.batchnorm_train_vs_eval.shared import _EPS
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise

# ---- folding ----------------------------------------------------------------------------------------------------
_fold = by_rules(
    ("weight", "bias", "gamma", "beta", "running_mean", "running_var", "eps"),
    dict(
        spread=lambda s: s.running_var,
        root=lambda s: np.sqrt(s.spread + s.eps),
        scale=lambda s: s.gamma / s.root,
        b=lambda s: np.zeros_like(s.beta) if s.bias is None else s.bias,
        axis=lambda s: 0,
        new_weight=lambda s: s.weight * _along(s.scale, s.axis),
        new_bias=lambda s: s.beta + s.scale * (s.b - s.running_mean),
        returned=lambda s: (s.new_weight, s.new_bias),
    ),
    eps=1e-5,
)


_OUT = "Batch norm follows the convolution, so its channels are the outputs: scale.reshape(-1, 1, 1, 1), axis 0."


_SCALE = "One scale per output channel: gamma / √(running_var + eps)."


_NEW_BIAS = "The bias goes through batch norm like the rest: beta + scale · (bias − running_mean)."


_NONE = "Without a bias take zeros: the folded layer has one all the same, beta − scale · running_mean."


_NEW_WEIGHT = "The weights are scaled and nothing else: weight · scale; all that is constant goes into the bias."


def _along(scale, axis):
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    return np.reshape(scale, shape)


def _where_none(value):
    """Another answer for the bias where there was none; right elsewhere."""
    return dict(returned=lambda s: (s.new_weight, value(s) if s.bias is None else s.new_bias))


def _before(s):
    """Batch norm in front of the convolution, which folds along the input channels."""
    shift = _along(s.beta - s.scale * s.running_mean, 1)
    return s.weight * _along(s.scale, 1), s.b + np.sum(s.weight * shift, axis=(1, 2, 3))


_FOLD_MISTAKES = listed(
    _fold,
    *((f"scaled along the {words}", _OUT, dict(axis=lambda s, axis=axis: axis)) for axis, words in (
        (1, "input channels (C_in)"), (2, "kernel's height"), (3, "kernel's width (no reshape)"))),
    ("folded as if batch norm came before the convolution", _OUT, dict(returned=_before)),
    # the bias
    ("bias ignored", _NEW_BIAS, dict(b=lambda s: 0)),
    ("running mean ignored", _NEW_BIAS, dict(new_bias=lambda s: s.beta + s.scale * s.b)),
    ("bias and running mean ignored (beta alone)", _NEW_BIAS, dict(new_bias=lambda s: s.beta)),
    ("bias left as it was", _NEW_BIAS, dict(new_bias=lambda s: s.bias)),
    ("bias left as it was, zeros for None", _NEW_BIAS, dict(new_bias=lambda s: s.b)),
    ("bias not scaled", _NEW_BIAS, dict(new_bias=lambda s: s.b + s.beta - s.scale * s.running_mean)),
    ("running mean not scaled", _NEW_BIAS, dict(new_bias=lambda s: s.beta + s.scale * s.b - s.running_mean)),
    ("bias and running mean not scaled", _NEW_BIAS, dict(new_bias=lambda s: s.beta + s.b - s.running_mean)),
    ("beta forgotten", _NEW_BIAS, dict(new_bias=lambda s: s.scale * (s.b - s.running_mean))),
    ("beta scaled too", _NEW_BIAS, dict(new_bias=lambda s: s.scale * (s.b - s.running_mean + s.beta))),
    ("beta added to the bias, and nothing else", _NEW_BIAS, dict(new_bias=lambda s: s.b + s.beta)),
    ("bias only scaled", _NEW_BIAS, dict(new_bias=lambda s: s.scale * s.b)),
    ("running mean added", _NEW_BIAS, dict(new_bias=lambda s: s.beta + s.scale * (s.b + s.running_mean))),
    ("running mean minus bias", _NEW_BIAS, dict(new_bias=lambda s: s.beta + s.scale * (s.running_mean - s.b))),
    ("bias of shape (C_out, 1, 1, 1)", "The bias is (C_out,): keep one scale of that shape beside the reshaped one.",
     dict(new_bias=lambda s: _along(s.beta + s.scale * (s.b - s.running_mean), 0))),
    ("the reshaped scale in the bias too", "The bias is (C_out,): keep one scale of that shape beside the reshaped one.",
     dict(new_bias=lambda s: s.beta + _along(s.scale, 0) * (s.b - s.running_mean))),
    # no bias
    ("None returned for a missing bias", _NONE, _where_none(lambda s: None)),
    ("zeros returned for a missing bias", _NONE, _where_none(lambda s: s.b)),
    ("beta alone for a missing bias", _NONE, _where_none(lambda s: s.beta)),
    ("beta forgotten for a missing bias", _NONE, _where_none(lambda s: s.beta * 0 - s.scale * s.running_mean)),
    ("a missing bias not provided for", _NONE, dict(b=lambda s: s.bias)),
    ("`if bias` on an array", "The truth of an array is ambiguous: ask `if bias is None`.", dict(b=lambda s: s.bias if s.bias else 0)),
    # the scale
    ("gamma forgotten", _SCALE, dict(scale=lambda s: 1 / s.root)),
    ("gamma forgotten in the weights", _SCALE, dict(new_weight=lambda s: s.weight * _along(1 / s.root, 0))),
    ("gamma forgotten in the bias", _SCALE, dict(new_bias=lambda s: s.beta + (s.b - s.running_mean) / s.root)),
    ("root forgotten", _SCALE, dict(root=lambda s: s.spread + s.eps)),
    ("running_var taken for a standard deviation", _SCALE, dict(root=lambda s: s.running_var)),
    ("multiplied by the root", _SCALE, dict(root=lambda s: 1 / np.sqrt(s.spread + s.eps))),
    ("divided by gamma", _SCALE, dict(scale=lambda s: s.root / s.gamma)),
    ("gamma alone", _SCALE, dict(root=lambda s: 1)),
    ("root of the whole fraction", _SCALE, dict(scale=lambda s: np.sqrt(s.gamma / (s.spread + s.eps)))),
    ("eps forgotten", _EPS, dict(root=lambda s: np.sqrt(s.spread))),
    ("eps forgotten in the weights", _EPS, dict(new_weight=lambda s: s.weight * _along(s.gamma / np.sqrt(s.spread), 0))),
    ("eps forgotten in the bias", _EPS, dict(
        new_bias=lambda s: s.beta + s.gamma / np.sqrt(s.spread) * (s.b - s.running_mean))),
    ("root forgotten in the bias", _SCALE, dict(
        new_bias=lambda s: s.beta + s.gamma / (s.spread + s.eps) * (s.b - s.running_mean))),
    ("eps outside the root", _EPS, dict(root=lambda s: np.sqrt(s.spread) + s.eps)),
    ("eps as a floor (maximum)", _EPS, dict(root=lambda s: np.sqrt(np.maximum(s.spread, s.eps)))),
    ("eps hard-coded as 1e-5", _EPS, dict(root=lambda s: np.sqrt(s.spread + 1e-5))),
    ("eps = 1e-3 by default (Keras)", "The default is 1e-5, as in torch.", dict(new_defaults=dict(eps=1e-3))),
    ("gamma and beta exchanged", _SCALE, dict(
        scale=lambda s: s.beta / s.root, new_bias=lambda s: s.gamma + s.scale * (s.b - s.running_mean))),
    ("running_mean and running_var exchanged", _SCALE, dict(
        spread=lambda s: s.running_mean, new_bias=lambda s: s.beta + s.scale * (s.b - s.running_var))),
    # the weights
    ("weights left as they were", _NEW_WEIGHT, dict(new_weight=lambda s: s.weight)),
    ("weights shifted too", _NEW_WEIGHT, dict(
        new_weight=lambda s: (s.weight - _along(s.running_mean, 0)) * _along(s.scale, 0) + _along(s.beta, 0))),
    ("running mean subtracted from the weights", _NEW_WEIGHT, dict(
        new_weight=lambda s: (s.weight - _along(s.running_mean, 0)) * _along(s.scale, 0))),
    ("beta added to the weights", _NEW_WEIGHT, dict(new_weight=lambda s: s.weight * _along(s.scale, 0) + _along(s.beta, 0))),
    ("weights flattened", "Give the weights back their shape (C_out, C_in, kH, kW).",
     dict(new_weight=lambda s: s.weight.reshape(len(s.scale), -1) * s.scale[:, None])),
    ("bias returned before the weights", "The order is (weight, bias).", dict(returned=lambda s: (s.new_bias, s.new_weight))),
)  # fmt: skip


def _torch_fold(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    """What convolution and batch norm do to impulses, one for each weight, and to an image of zeros."""
    import torch

    weight, gamma, beta, mean, var = (torch.tensor(a) for a in (weight, gamma, beta, running_mean, running_var))
    bias = None if bias is None else torch.tensor(bias)
    conv, norm = torch.nn.functional.conv2d, torch.nn.functional.batch_norm
    zeros = torch.zeros(1, *weight.shape[1:], dtype=weight.dtype)
    impulses = torch.eye(zeros.numel(), dtype=weight.dtype).reshape(-1, *weight.shape[1:])
    response = norm(conv(impulses, weight), torch.zeros_like(mean), var, gamma, None, eps=eps)  # linear part: no shift
    return response[:, :, 0, 0].T.reshape(weight.shape).numpy(), norm(conv(zeros, weight, bias), mean, var, gamma, beta, eps=eps).ravel().numpy()  # fmt: skip


def _fuse(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    import torch

    mean, var, gamma, beta, weight = map(torch.tensor, (running_mean, running_var, gamma, beta, weight))
    bias = bias if bias is None else torch.tensor(bias)
    fused = torch.nn.utils.fusion.fuse_conv_bn_weights(weight, bias, mean, var, eps, gamma, beta)
    return [part.detach().numpy() for part in fused]


def _matrix_product(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    scale = np.diag(gamma * (running_var + eps) ** -0.5)
    shift = (0.0 if bias is None else bias) - running_mean
    return (scale @ weight.reshape(len(scale), -1)).reshape(weight.shape), scale @ shift + beta


def _channel_by_channel(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    weights, biases = [], []
    for c, kernel in enumerate(weight):
        scale = gamma[c] / (running_var[c] + eps) ** 0.5
        weights.append((scale * kernel).tolist())
        biases.append(beta[c] - scale * running_mean[c] + (scale * bias[c] if bias is not None else 0))
    return weights, biases


def _einsum(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    scale = np.exp(-0.5 * np.log(running_var + eps)) * gamma
    bias = np.full(len(weight), 0.0) if bias is None else np.array(bias)
    bias -= running_mean
    bias *= scale
    return np.einsum("oihw,o->oihw", weight, scale), bias + beta


def _layer(rng, *shape, bias=True, mean=1.0, **more):
    """A random convolution and the batch norm after it."""
    n = shape[0]
    return dict(
        weight=rng.normal(size=shape), bias=rng.normal(size=n) if bias else None, gamma=rng.normal(1, 0.5, n),
        beta=rng.normal(size=n), running_mean=mean * rng.normal(size=n), running_var=rng.uniform(0.3, 3, n),
    ) | more  # fmt: skip


FOLD = Exercise(
    name="fold_batchnorm",
    returns=("weight", "bias"),
    oracle=_torch_fold,
    cases=(
        Case("a single weight (running variance 3 and eps 1)", lambda rng: dict(
            weight=np.full((1, 1, 1, 1), 2.0), bias=np.array([5.0]), gamma=np.array([6.0]), beta=np.array([0.5]),
            running_mean=np.array([4.0]), running_var=np.array([3.0]), eps=1.0)),
        Case("1×1 from two channels to two", lambda rng: dict(
            weight=np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1), bias=np.array([1.0, -1.0]),
            gamma=np.array([2.0, 10.0]), beta=np.array([0.0, 5.0]), running_mean=np.array([3.0, -2.0]),
            running_var=np.array([1.0, 4.0]), eps=0.0)),
        Case("no bias", lambda rng: _layer(rng, 2, 3, 1, 1, bias=False)),
        Case("3×3 from four channels to four", lambda rng: _layer(rng, 4, 4, 3, 3)),
        Case("2×5 from three to three without a bias", lambda rng: _layer(rng, 3, 3, 2, 5, bias=False)),
        Case("3×3 from three to three", lambda rng: _layer(rng, 3, 3, 3, 3)),
        Case("3×3 from two to three", lambda rng: _layer(rng, 3, 2, 3, 3)),
        Case("depthwise without a bias", lambda rng: _layer(rng, 4, 1, 3, 3, bias=False)),
        Case("running variances about eps and 0", lambda rng: _layer(
            rng, 3, 2, 3, 2, running_var=np.array([2e-5, 0.0, 1e-6]))),
        Case("eps = 0.1", lambda rng: _layer(rng, 5, 2, 2, 2, eps=0.1)),
        Case("gamma of 0 and −1.5 with running means of ±1e4", lambda rng: _layer(
            rng, 2, 4, 2, 3, gamma=np.array([0.0, -1.5]), mean=1e4)),
        Case("a bias of 0", lambda rng: _layer(rng, 3, 2, 2, 1) | dict(bias=np.zeros(3))),
    ),
    mistakes=_FOLD_MISTAKES,
    accepts=(_matrix_product, _channel_by_channel, _einsum, _fuse, _torch_fold),
    verified="weights and bias are those that give torch's conv2d and batch_norm in eval mode, in float64: square and "
             "other shapes, 1×1 and depthwise, with a bias and without, a variance of 0",
)  # fmt: skip
