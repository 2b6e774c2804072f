"""15 · Batch normalisation's forward pass: Ioffe & Szegedy 2015, Algorithm 1. Oracle: torch's batch_norm."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle(x, gamma, beta, eps=1e-5):
    import torch

    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    if x.shape[0] == 1 and x.ndim == 2:  # torch refuses a single sample; its deviation from its own mean is zero
        return beta.expand_as(x).numpy()
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps).numpy()


def _affine(xhat, gamma, beta):
    """γ·x̂ + β with one γ and β per channel, for (N, D) and (N, C, H, W)."""
    shape = (1, -1) + (1,) * (xhat.ndim - 2)
    return gamma.reshape(shape) * xhat + beta.reshape(shape)


def _variant(axis, *, var=np.var, scale=lambda var, eps: np.sqrt(var + eps), affine=_affine, mean=np.mean):
    """A batch norm with one part exchanged: the axes, the mean, the variance, the divisor or the affine step."""

    def wrong(x, gamma, beta, eps=1e-5):
        kept = dict(axis=axis, keepdims=True)
        xhat = (x - mean(x, **kept)) / scale(var(x, **kept), eps)
        return affine(xhat, gamma, beta)

    return wrong


def _with_cache(function):
    return lambda *args: (function(*args), None)


def _common(axis):
    """The slips that (N, D) and (N, C, H, W) share."""
    return {
        "unbiased variance (ddof=1)": (
            "Normalise with the biased variance: divide by the number of values m, not m − 1 (np.var's default).",
            _variant(axis, var=lambda x, **kept: np.var(x, ddof=1, **kept)),
        ),
        "eps forgotten": (
            "Add eps to the variance before the root, or a feature without spread divides by zero.",
            _variant(axis, scale=lambda var, eps: np.sqrt(var)),
        ),
        "eps outside the root": (
            "eps belongs under the root, √(var + eps); √var + eps is another function where the variance is small.",
            _variant(axis, scale=lambda var, eps: np.sqrt(var) + eps),
        ),
        "root forgotten": (
            "Divide by the standard deviation √(var + eps), not by the variance.",
            _variant(axis, scale=lambda var, eps: var + eps),
        ),
        "(var + eps)² in place of the root": (
            "Divide by the square root of var + eps, not by its square: √(·), np.sqrt or ** 0.5.",
            _variant(axis, scale=lambda var, eps: (var + eps) ** 2),
        ),
        "one mean for all features": (
            "Every feature has its own mean and variance: keep the feature (channel) axis out of the reduction.",
            _variant(None),
        ),
        "variance not centred (E[x²])": (
            "Subtract the mean before squaring: var = mean((x − mean)²).",
            _variant(axis, var=lambda x, **kept: np.mean(x**2, **kept)),
        ),
        "mean not subtracted": (
            "The numerator is x − mean, not x.",
            _variant(axis, mean=lambda x, **kept: 0.0),
        ),
        "beta added before gamma": (
            "Scale first, then shift: gamma · xhat + beta, not gamma · (xhat + beta).",
            _variant(axis, affine=lambda xhat, g, b: _affine(xhat + _affine(0 * xhat, g, b), g, 0 * b)),
        ),
        "gamma and beta swapped": (
            "gamma multiplies, beta is added.",
            _variant(axis, affine=lambda xhat, g, b: _affine(xhat, b, g)),
        ),
        "gamma and beta left out": (
            "After normalising, scale and shift: out = gamma · xhat + beta.",
            _variant(axis, affine=lambda xhat, g, b: xhat),
        ),
    }


def _mistakes(named, wrap=lambda function: function):
    return tuple(Mistake(name, advice, wrap(function)) for name, (advice, function) in named.items())


def _loops(x, gamma, beta, eps=1e-5):
    n, d = x.shape
    out = [[0.0] * d for _ in range(n)]
    for j in range(d):
        mean = sum(x[i, j] for i in range(n)) / n
        var = sum((x[i, j] - mean) ** 2 for i in range(n)) / n
        for i in range(n):
            out[i][j] = gamma[j] * (x[i, j] - mean) / (var + eps) ** 0.5 + beta[j]
    return out, None


def _one_pass(x, gamma, beta, eps=1e-5):
    mean = np.einsum("nd->d", x) / len(x)
    var = np.einsum("nd,nd->d", x, x) / len(x) - mean**2
    scale = gamma / np.sqrt(var + eps)
    return x * scale + (beta - mean * scale), {"scale": scale}


def _torch_backed(x, gamma, beta, eps=1e-5):
    return _oracle(x.copy(), gamma.copy(), beta.copy(), eps), lambda dout: dout


def _flattened(x, gamma, beta, eps=1e-5):
    n, c, h, w = x.shape
    rows = x.transpose(0, 2, 3, 1).reshape(-1, c)
    out, _ = _one_pass(rows, gamma, beta, eps)
    return out.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def _by_channel(x, gamma, beta, eps=1e-5):
    channels = [
        gamma[c] * (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + eps) + beta[c] for c in range(x.shape[1])
    ]
    return np.stack(channels, axis=1)


def _inputs(rng, *shape, offset=0.0, **more):
    """Random x, gamma and beta for one shape, every feature with its own offset and spread."""
    channels = (1, shape[1]) + (1,) * (len(shape) - 2)
    x = offset + rng.normal(size=channels) + rng.uniform(0.5, 2, size=channels) * rng.normal(size=shape)
    return dict(x=x, gamma=rng.normal(1, 0.5, shape[1]), beta=rng.normal(size=shape[1]), **more)


def _narrow(rng, *shape):
    """A spread of about √eps, where the place of eps decides."""
    inputs = _inputs(rng, *shape)
    return inputs | dict(x=3e-3 * inputs["x"])


def _constant_feature(rng, *shape):
    inputs = _inputs(rng, *shape)
    inputs["x"][:, 1] = 0.7
    return inputs


FORWARD = Exercise(
    name="batchnorm_forward",
    returns=("out", None),
    oracle=lambda **inputs: (_oracle(**inputs), None),
    cases=(
        Case("two samples, one feature", lambda rng: dict(x=np.array([[1.0], [3.0]]), gamma=np.ones(1), beta=np.zeros(1))),
        Case("gamma and beta at work", lambda rng: dict(
            x=np.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]]), gamma=np.array([2.0, 0.5]), beta=np.array([-1.0, 3.0]))),
        Case("eight samples, three features", lambda rng: _inputs(rng, 8, 3)),
        Case("as many samples as features", lambda rng: _inputs(rng, 4, 4)),
        Case("a feature with almost no spread", lambda rng: _narrow(rng, 6, 2)),
        Case("a constant feature", lambda rng: _constant_feature(rng, 5, 3)),
        Case("a large offset and eps = 0.1", lambda rng: _inputs(rng, 16, 5, offset=100.0, eps=0.1)),
        Case("a single sample", lambda rng: _inputs(rng, 1, 3)),
    ),
    mistakes=(
        *_mistakes(_common(0), _with_cache),
        Mistake("normalised over axis 1 (layer norm)",
                "Batch norm's statistics run over the samples, axis 0; over the features it would be layer norm.",
                _with_cache(_variant(1))),
    ),
    accepts=(_loops, _one_pass, _torch_backed),
    verified="equal to torch's batch_norm in float64, a constant feature and a single sample included; inputs untouched",
)  # fmt: skip

FORWARD_2D = Exercise(
    name="batchnorm2d_forward",
    returns=("out",),
    oracle=_oracle,
    cases=(
        Case("two images of 1×2 pixels, one channel", lambda rng: dict(
            x=np.array([[[[0.0, 2.0]]], [[[4.0, 6.0]]]]), gamma=np.ones(1), beta=np.zeros(1))),
        Case("four images of 3×5, two channels", lambda rng: _inputs(rng, 4, 2, 3, 5)),
        Case("every axis of length 3", lambda rng: _inputs(rng, 3, 3, 3, 3)),
        Case("a channel with almost no spread", lambda rng: _narrow(rng, 2, 3, 4, 4)),
        Case("a constant channel", lambda rng: _constant_feature(rng, 2, 3, 2, 2)),
        Case("a large offset and eps = 0.1", lambda rng: _inputs(rng, 3, 2, 4, 2, offset=100.0, eps=0.1)),
        Case("a single image", lambda rng: _inputs(rng, 1, 4, 3, 3)),
    ),
    mistakes=(
        *_mistakes(_common((0, 2, 3))),
        Mistake("statistics for each image alone (instance norm)",
                "Take the statistics over axes (0, 2, 3): the batch axis belongs in, or it is instance norm.",
                _variant((2, 3))),
        Mistake("statistics for each image over all channels (layer norm)",
                "Take the statistics over axes (0, 2, 3), per channel; (1, 2, 3) is layer norm.",
                _variant((1, 2, 3))),
        Mistake("statistics for each pixel alone",
                "A convolution treats every position alike, so its batch norm pools over H and W too: axes (0, 2, 3).",
                _variant(0)),
        Mistake("gamma and beta along the last axis",
                "gamma and beta belong to channels: reshape them to (1, C, 1, 1) before they meet x.",
                _variant((0, 2, 3), affine=lambda xhat, g, b: g * xhat + b)),
    ),
    accepts=(_flattened, _by_channel, _oracle),
    verified="equal to torch's batch_norm in float64 on six shapes, a constant channel and a single image included",
)  # fmt: skip

QUESTION = Question(chapter=2, minutes=28, exercises=(FORWARD, FORWARD_2D))
