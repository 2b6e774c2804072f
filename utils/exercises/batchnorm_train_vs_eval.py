"""17 · Batch norm in training and at inference, and folded into a convolution. Oracle: torch's batch_norm and conv2d."""

import numpy as np

from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise, Question


def _normalised(s):
    return (s.x - s.center) / s.scale


# What the three forms of the layer share: slips in the root and in the affine step.
_EPS = "eps is an argument and belongs under the root: √(variance + eps)."
_AFFINE = "After normalising, scale and shift: gamma · xhat + beta."
_FEATURE = "Every feature has statistics of its own, one per column: no mean over the features."
_COMMON = (
    ("eps forgotten", _EPS, dict(scale=lambda s: np.sqrt(s.spread))),
    ("eps outside the root", _EPS, dict(scale=lambda s: np.sqrt(s.spread) + s.eps)),
    ("eps as a floor (maximum)", _EPS, dict(scale=lambda s: np.sqrt(np.maximum(s.spread, s.eps)))),
    ("eps hard-coded as 1e-5", _EPS, dict(scale=lambda s: np.sqrt(s.spread + 1e-5))),
    ("eps = 1e-3 by default (Keras)", "The default is 1e-5, as in torch.", dict(new_defaults=dict(eps=1e-3))),
    ("root forgotten", "Divide by the root √(variance + eps), not by the variance.", dict(scale=lambda s: s.spread + s.eps)),
    ("multiplied by the root", "Divide by √(variance + eps).", dict(scale=lambda s: 1 / np.sqrt(s.spread + s.eps))),
    ("mean not subtracted", "The numerator is x − mean.", dict(center=lambda s: 0)),
    ("gamma and beta left out", _AFFINE, dict(out=lambda s: s.xhat)),
    ("gamma left out", _AFFINE, dict(out=lambda s: s.xhat + s.beta)),
    ("beta left out", _AFFINE, dict(out=lambda s: s.gamma * s.xhat)),
    ("beta added before gamma", _AFFINE, dict(out=lambda s: s.gamma * (s.xhat + s.beta))),
    ("gamma and beta swapped", _AFFINE, dict(out=lambda s: s.beta * s.xhat + s.gamma)),
)  # fmt: skip

# ---- a training step --------------------------------------------------------------------------------------------

_train = by_rules(
    ("x", "gamma", "beta", "running_mean", "running_var", "momentum", "eps"),
    dict(
        axis=lambda s: dict(axis=0),
        mean=lambda s: np.mean(s.x, **s.axis),
        var=lambda s: np.var(s.x, **s.axis),
        unbiased=lambda s: np.var(s.x, ddof=1, **s.axis),
        average=lambda s: lambda old, batch: (1 - s.momentum) * old + s.momentum * batch,
        new_mean=lambda s: s.average(s.running_mean, s.mean),
        new_var=lambda s: s.average(s.running_var, s.unbiased),
        center=lambda s: s.mean,
        spread=lambda s: s.var,
        scale=lambda s: np.sqrt(s.spread + s.eps),
        xhat=_normalised,
        out=lambda s: s.gamma * s.xhat + s.beta,
        returned=lambda s: (s.out, s.new_mean, s.new_var),
    ),
    momentum=0.1,
    eps=1e-5,
)

_MOMENTUM = "torch's convention: new = (1 − momentum) · old + momentum · batch. Keras writes it the other way round."
_DEFAULT = "The default is 0.1, the weight of the new batch; 0.9 and 0.99 are weights of the old value (Keras)."
_DECAY = "An average forgets: weight the old value with 1 − momentum and the batch's with momentum, 1 in all."
_BESSEL = "The running variance estimates the population's: feed it np.var(x, axis=0, ddof=1), with no other factor."
_BIASED = "The output takes this batch's own variance, divided by N; only the running variance takes N − 1."
_BATCH = "In training the output comes from this batch's mean and variance; the running ones are kept for inference."
_STORED = "Store the statistics of x itself, as inference needs them: the variance without root, eps or gamma."
_BOTH = "Both running statistics move at every step: return (1 − momentum) · old + momentum · batch for each."
_AROUND = "The batch's variance is taken around the batch's own mean."
_RETURN = "The order is (out, running_mean, running_var)."


def _averaged(average):
    """Another average, for both running statistics, for the mean alone, for the variance alone."""
    return (
        dict(average=lambda s: lambda old, batch: average(s, old, batch)),
        dict(new_mean=lambda s: average(s, s.running_mean, s.mean)),
        dict(new_var=lambda s: average(s, s.running_var, s.unbiased)),
    )


def _three(name, advice, average):
    words = ("", ", for the mean alone", ", for the variance alone")
    return tuple((name + more, advice, change) for more, change in zip(words, _averaged(average), strict=True))


def _fed(value):
    """Another value fed to the running variance."""
    return dict(new_var=lambda s: s.average(s.running_var, value(s)))


def _around(center, ddof):
    return _fed(lambda s: np.sum((s.x - center(s)) ** 2, axis=0) / (len(s.x) - ddof))


def _row_by_row(s):
    mean = s.running_mean
    for row in s.x:
        mean = s.average(mean, row)
    return mean


def _mixed(s):
    """The variance of old and batch laid together: the distance of their means comes on top."""
    apart = s.momentum * (1 - s.momentum) * (s.mean - s.running_mean) ** 2
    return s.average(s.running_var, s.var) + apart


_TRAIN_MISTAKES = listed(
    _train,
    *_three("momentum the other way round", _MOMENTUM, lambda s, old, batch: s.momentum * old + (1 - s.momentum) * batch),
    ("biased running variance", _BESSEL, dict(unbiased=lambda s: s.var)),
    ("output normalised with the running statistics", _BATCH,
     dict(center=lambda s: s.running_mean, spread=lambda s: s.running_var)),
    ("output normalised with the new running statistics", _BATCH,
     dict(center=lambda s: s.new_mean, spread=lambda s: s.new_var)),
    ("output normalised with the running statistics, and the biased variance stored", _BATCH, dict(
        center=lambda s: s.running_mean, spread=lambda s: s.running_var, unbiased=lambda s: s.var)),
    ("output normalised with the new running statistics, and the biased variance stored", _BATCH, dict(
        center=lambda s: s.new_mean, spread=lambda s: s.new_var, unbiased=lambda s: s.var)),
    ("running variance in the output", _BATCH, dict(spread=lambda s: s.running_var)),
    ("new running variance in the output", _BATCH, dict(spread=lambda s: s.new_var)),
    ("running mean in the output", _BATCH, dict(center=lambda s: s.running_mean)),
    ("new running mean in the output", _BATCH, dict(center=lambda s: s.new_mean)),
    ("unbiased variance in the output", _BIASED, dict(spread=lambda s: s.unbiased)),
    ("biased and unbiased variance exchanged", _BIASED, dict(spread=lambda s: np.var(s.x, axis=0, ddof=1), unbiased=lambda s: s.var)),
    # how the average is made
    *_three("old + momentum · batch, without decay", _DECAY, lambda s, old, batch: old + s.momentum * batch),
    *_three("(1 − momentum) · old + batch", _DECAY, lambda s, old, batch: (1 - s.momentum) * old + batch),
    *_three("the batch's statistics returned in place of the running ones", _BOTH, lambda s, old, batch: batch),
    *_three("the running statistics returned as they came", _BOTH, lambda s, old, batch: old),
    *_three("moved away from the batch", "Move towards the batch: old + momentum · (batch − old).",
            lambda s, old, batch: old - s.momentum * (batch - old)),
    ("momentum · old + batch (an optimiser's velocity)", _DECAY, _averaged(lambda s, old, batch: s.momentum * old + batch)[0]),
    ("plain average of old and batch", _DECAY, _averaged(lambda s, old, batch: (old + batch) / 2)[0]),
    ("the batch's biased statistics returned in place of the running ones", _BOTH,
     dict(new_mean=lambda s: s.mean, new_var=lambda s: s.var)),
    ("momentum the other way round, and the biased variance", _MOMENTUM, dict(
        average=lambda s: lambda old, batch: s.momentum * old + (1 - s.momentum) * batch, unbiased=lambda s: s.var)),
    ("momentum hard-coded as 0.1", "momentum is an argument: a caller may ask for another than 0.1.", dict(momentum=lambda s: 0.1)),
    ("momentum = 0.9 by default", _DEFAULT, dict(new_defaults=dict(momentum=0.9))),
    ("momentum = 0.99 by default", _DEFAULT, dict(new_defaults=dict(momentum=0.99))),
    ("Keras' convention, 0.9 by default", _MOMENTUM, dict(
        new_defaults=dict(momentum=0.9), average=lambda s: lambda old, batch: s.momentum * old + (1 - s.momentum) * batch)),
    ("Keras' convention, 0.99 by default", _MOMENTUM, dict(
        new_defaults=dict(momentum=0.99), average=lambda s: lambda old, batch: s.momentum * old + (1 - s.momentum) * batch)),
    ("running mean updated sample by sample", "One update for each batch, with the batch's mean.", dict(new_mean=_row_by_row)),
    # what is stored
    ("N − 1 over N in the running variance", _BESSEL, _fed(lambda s: s.var * (len(s.x) - 1) / len(s.x))),
    ("N · D in the unbiased variance", _BESSEL, _fed(lambda s: s.var * s.x.size / (s.x.size - 1))),
    ("the unbiased variance corrected once more", _BESSEL, _fed(lambda s: s.unbiased * len(s.x) / (len(s.x) - 1))),
    ("N / (N − 1) on the old value too", _BESSEL,
     dict(new_var=lambda s: s.average(s.running_var, s.var) * len(s.x) / (len(s.x) - 1))),
    ("standard deviation stored", _STORED, _fed(lambda s: np.sqrt(s.unbiased))),
    ("biased standard deviation stored", _STORED, _fed(lambda s: np.sqrt(s.var))),
    ("the root √(var + eps) stored", _STORED, _fed(lambda s: np.sqrt(s.var + s.eps))),
    ("standard deviations averaged, then squared", _STORED,
     dict(new_var=lambda s: s.average(np.sqrt(s.running_var), np.sqrt(s.unbiased)) ** 2)),
    ("eps added to the running variance", _STORED, _fed(lambda s: s.unbiased + s.eps)),
    ("eps added to the running variance, biased", _STORED, _fed(lambda s: s.var + s.eps)),
    ("mean square E[x²] in the running variance", _AROUND, _fed(lambda s: np.mean(s.x**2, axis=0))),
    ("running variance around the old running mean", _AROUND, _around(lambda s: s.running_mean, 1)),
    ("running variance around the old running mean, biased", _AROUND, _around(lambda s: s.running_mean, 0)),
    ("running variance around the new running mean", _AROUND, _around(lambda s: s.new_mean, 1)),
    ("running variance around the new running mean, biased", _AROUND, _around(lambda s: s.new_mean, 0)),
    ("the distance of the means added to the running variance", _AROUND, dict(new_var=_mixed)),
    ("sum in place of the mean", "The running mean averages means: divide the sum by N.",
     dict(new_mean=lambda s: s.average(s.running_mean, s.x.sum(axis=0)))),
    ("statistics of the output stored", _STORED, dict(
        returned=lambda s: (s.out, s.average(s.running_mean, s.out.mean(0)), s.average(s.running_var, s.out.var(0, ddof=1))))),
    ("statistics of xhat stored", _STORED, dict(
        returned=lambda s: (s.out, s.average(s.running_mean, s.xhat.mean(0)), s.average(s.running_var, s.xhat.var(0, ddof=1))))),
    ("running variance started from the running mean", _BOTH, dict(new_var=lambda s: s.average(s.running_mean, s.unbiased))),
    ("running_mean and running_var returned in the wrong order", _RETURN, dict(returned=lambda s: (s.out, s.new_var, s.new_mean))),
    ("running statistics of shape (1, D)", "Keep them (D,): no keepdims, for they come in and go out in one shape.",
     dict(returned=lambda s: (s.out, s.new_mean.reshape(1, -1), s.new_var.reshape(1, -1)))),
    ("out returned last", _RETURN, dict(returned=lambda s: (s.new_mean, s.new_var, s.out))),
    # the output
    ("variance not centred (E[x²])", _AROUND, dict(var=lambda s: np.mean(s.x**2, axis=0))),
    ("statistics over axis 1", _FEATURE, dict(axis=lambda s: dict(axis=1))),
    ("statistics over axis 1, keepdims (layer norm)", _FEATURE, dict(axis=lambda s: dict(axis=1, keepdims=True))),
    ("one mean and variance for all features", _FEATURE, dict(axis=lambda s: {})),
    *_COMMON,
)  # fmt: skip


def _torch_train(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    import torch

    mean, var = torch.tensor(running_mean), torch.tensor(running_var)  # copies: torch updates them in place
    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    out = torch.nn.functional.batch_norm(x, mean, var, gamma, beta, training=True, momentum=momentum, eps=eps)
    return out.numpy(), mean.numpy(), var.numpy()


def _run_train(function, x, gamma, beta, running_mean, running_var, **more):
    """One call for an array; for a list of batches one call each, the running statistics passed on to the next."""
    calls, running = [], (running_mean, running_var)
    for batch in [x] if isinstance(x, np.ndarray) else x:
        returned = function(batch, gamma, beta, *running, *more.values())
        if not isinstance(returned, (tuple, list)) or len(returned) != 3:
            return {"": returned} if isinstance(returned, dict) else returned  # `run.by_name` says what is wrong
        if isinstance(x, np.ndarray):
            return returned
        for name, value in zip(("running_mean", "running_var"), returned[1:], strict=True):
            if not isinstance(value, (np.ndarray, np.generic, float, list, tuple)):
                raise TypeError(f"`{name}` came back as {type(value).__name__}; an array is expected")
        running = tuple(np.array(value) for value in returned[1:])
        calls.append((returned[0], *running))
    return dict(zip(("out", "running_mean", "running_var"), map(list, zip(*calls, strict=True)), strict=True))


def _loops(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    n, d = len(x), len(x[0])
    out, means, variances = [[0.0] * d for _ in range(n)], [], []
    for j in range(d):
        mean = sum(x[i][j] for i in range(n)) / n
        squares = sum((x[i][j] - mean) ** 2 for i in range(n))
        for i in range(n):
            out[i][j] = gamma[j] * (x[i][j] - mean) / (squares / n + eps) ** 0.5 + beta[j]
        means.append(running_mean[j] + momentum * (mean - running_mean[j]))
        variances.append(running_var[j] + momentum * (squares / (n - 1) - running_var[j]))
    return [out, means, variances]


def _in_place_on_copies(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    mean, var, n = running_mean.copy(), running_var.copy(), x.shape[0]
    batch = np.einsum("nd->d", x) / n
    biased = np.einsum("nd,nd->d", x, x) / n - batch**2
    mean *= 1 - momentum
    mean += momentum * batch
    var -= momentum * (var - biased * n / (n - 1))
    scale = gamma / np.sqrt(biased + eps)
    return x * scale + (beta - batch * scale), mean, var


def _by_deviations(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    centred = x - np.average(x, axis=0)
    cov = np.atleast_2d(np.cov(x, rowvar=False))
    out = np.vstack([gamma * row / np.hypot(np.sqrt(np.square(centred).mean(0)), eps**0.5) + beta for row in centred])
    return out, np.average([running_mean, x.mean(0)], axis=0, weights=[1 - momentum, momentum]), (
        running_var * (1 - momentum) + np.diagonal(cov) * momentum)  # fmt: skip


def _inputs(rng, n, d, *, spread=1.0, offset=0.0, **more):
    """Random x, gamma, beta and running statistics; every feature has its own offset and spread."""
    center, width = offset + rng.normal(size=d), spread * rng.uniform(0.5, 2, size=d)
    batches = [center + width * rng.normal(size=(size, d)) for size in np.atleast_1d(n)]
    given = dict(x=batches if np.ndim(n) else batches[0], gamma=rng.normal(1, 0.5, d), beta=rng.normal(size=d))
    started = dict(running_mean=offset + rng.normal(size=d), running_var=spread**2 * rng.uniform(0.5, 3, d))
    return given | started | more


def _constant_feature(rng, *shape, **more):
    inputs = _inputs(rng, *shape, **more)
    inputs["x"][:, 1] = 0.7
    return inputs


TRAIN = Exercise(
    name="batchnorm_train",
    returns=("out", "running_mean", "running_var"),
    run=_run_train,
    protocol="one call; where x is a list of batches one call each, the running statistics passed on, item k from call k",
    oracle=lambda **inputs: _run_train(_torch_train, **inputs),
    cases=(
        Case("two samples of one feature", lambda rng: dict(
            x=np.array([[1.0], [3.0]]), gamma=np.ones(1), beta=np.zeros(1), running_mean=np.zeros(1), running_var=np.ones(1))),
        Case("running statistics of their own and momentum 0.3", lambda rng: dict(
            x=np.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]]), gamma=np.array([2.0, 0.5]), beta=np.array([-1.0, 3.0]),
            running_mean=np.array([10.0, -4.0]), running_var=np.array([5.0, 2.0]), momentum=0.3)),
        Case("eight samples of three features", lambda rng: _inputs(rng, 8, 3)),
        Case("as many samples as features", lambda rng: _inputs(rng, 4, 4, momentum=0.25)),
        Case("momentum 0", lambda rng: _inputs(rng, 6, 3, momentum=0.0)),
        Case("momentum 1", lambda rng: _inputs(rng, 6, 3, momentum=1.0)),
        Case("six batches in a row (the last one short)", lambda rng: _inputs(rng, [8, 8, 8, 8, 8, 3], 4)),
        Case("twelve batches in a row from mean 0 and variance 1", lambda rng: _inputs(
            rng, [5] * 12, 2, running_mean=np.zeros(2), running_var=np.ones(2), momentum=0.3)),
        Case("a spread of about √eps", lambda rng: _inputs(rng, 7, 2, spread=3e-3, momentum=0.6)),
        Case("a constant feature", lambda rng: _constant_feature(rng, 5, 3)),
        Case("a large offset and eps = 0.1", lambda rng: _inputs(rng, 16, 5, offset=100.0, momentum=0.02, eps=0.1)),
        Case("values of ±1e4", lambda rng: _inputs(rng, 9, 3, spread=1e4, momentum=0.4)),
        Case("two samples of six features", lambda rng: _inputs(rng, 2, 6, momentum=0.2)),
    ),
    mistakes=_TRAIN_MISTAKES,
    accepts=(_loops, _in_place_on_copies, _by_deviations, _torch_train),
    verified="output and both running statistics equal torch's batch_norm in float64: single calls, batches in a row, "
             "momentum 0 and 1, a constant feature; inputs untouched",
)  # fmt: skip

# ---- inference --------------------------------------------------------------------------------------------------

_eval = by_rules(
    ("x", "gamma", "beta", "running_mean", "running_var", "eps"),
    dict(
        center=lambda s: s.running_mean,
        spread=lambda s: s.running_var,
        scale=lambda s: np.sqrt(s.spread + s.eps),
        xhat=_normalised,
        out=lambda s: s.gamma * s.xhat + s.beta,
        returned=lambda s: s.out,
    ),
    eps=1e-5,
)

_RUNNING = "At inference nothing is computed from x's own statistics: use running_mean and running_var as they are."
_SHIFT = "As one affine map: scale = gamma / √(running_var + eps), shift = beta − running_mean · scale."


def _updated(s, momentum=0.1):
    moved = (1 - momentum) * s.running_var + momentum * np.var(s.x, axis=0, ddof=len(s.x) > 1)
    return dict(center=(1 - momentum) * s.running_mean + momentum * s.x.mean(axis=0), spread=moved)


_EVAL_MISTAKES = listed(
    _eval,
    ("the batch's statistics", _RUNNING, dict(center=lambda s: s.x.mean(0), spread=lambda s: s.x.var(0))),
    ("the batch's statistics, unbiased", _RUNNING, dict(center=lambda s: s.x.mean(0), spread=lambda s: s.x.var(0, ddof=1))),
    ("the batch's mean with the running variance", _RUNNING, dict(center=lambda s: s.x.mean(0))),
    ("the batch's variance with the running mean", _RUNNING, dict(spread=lambda s: s.x.var(0))),
    ("the batch's unbiased variance with the running mean", _RUNNING, dict(spread=lambda s: s.x.var(0, ddof=1))),
    ("the batch's variance around the running mean", _RUNNING, dict(spread=lambda s: np.mean((s.x - s.running_mean) ** 2, 0))),
    ("running statistics updated before use", "Inference updates nothing: an answer must not depend on earlier ones.", dict(
        center=lambda s: _updated(s)["center"], spread=lambda s: _updated(s)["spread"])),
    ("statistics of each sample (layer norm)", _RUNNING, dict(
        center=lambda s: s.x.mean(1, keepdims=True), spread=lambda s: s.x.var(1, keepdims=True))),
    ("one mean and variance for all features", _RUNNING, dict(center=lambda s: s.x.mean(), spread=lambda s: s.x.var())),
    ("running_var taken for a standard deviation", "running_var is a variance: divide by √(running_var + eps).",
     dict(scale=lambda s: s.running_var)),
    ("running_mean and running_var exchanged", "Subtract running_mean, divide by the root of running_var + eps.", dict(
        center=lambda s: s.running_var, spread=lambda s: s.running_mean)),
    ("running mean added", "The numerator is x − running_mean.", dict(center=lambda s: -s.running_mean)),
    ("shift without the scale (beta − running_mean)", _SHIFT,
     dict(out=lambda s: s.x * s.gamma / s.scale + s.beta - s.running_mean)),
    ("shift with gamma alone (beta − gamma · running_mean)", _SHIFT,
     dict(out=lambda s: s.x * s.gamma / s.scale + s.beta - s.gamma * s.running_mean)),
    ("gamma missing in the shift", _SHIFT, dict(out=lambda s: (s.x * s.gamma - s.running_mean) / s.scale + s.beta)),
    ("beta divided by the root too", _SHIFT, dict(out=lambda s: (s.gamma * (s.x - s.center) + s.beta) / s.scale)),
    ("running variance made unbiased once more", "running_var holds the unbiased estimate already: use it as it is.", dict(
        spread=lambda s: s.running_var * len(s.x) / max(len(s.x) - 1, 1))),
    ("running variance made biased", "running_var is used as it is; N at inference has no part in it.", dict(
        spread=lambda s: s.running_var * (len(s.x) - 1) / len(s.x))),
    ("x returned as it came", "Inference normalises too, with the running statistics; only dropout does nothing there.",
     dict(out=lambda s: s.x)),
    ("the running statistics returned too", "At inference nothing changes but x: return out alone.",
     dict(returned=lambda s: (s.out, s.running_mean, s.running_var))),
    *_COMMON,
)  # fmt: skip


def _torch_eval(x, gamma, beta, running_mean, running_var, eps=1e-5):
    import torch

    x, gamma, beta, mean, var = (torch.tensor(a) for a in (x, gamma, beta, running_mean, running_var))
    return torch.nn.functional.batch_norm(x, mean, var, gamma, beta, training=False, eps=eps).numpy()


def _one_affine_map(x, gamma, beta, running_mean, running_var, eps=1e-5):
    scale = np.diag(gamma / np.sqrt(running_var + eps))
    return np.c_[x, np.ones(len(x))] @ np.r_[scale, [beta - running_mean @ scale]]


def _eval_loops(x, gamma, beta, running_mean, running_var, eps=1e-5):
    columns = zip(x.T, gamma, beta, running_mean, running_var, strict=True)
    return np.array([[g * (v - m) * (s + eps) ** -0.5 + b for v in row] for row, g, b, m, s in columns]).T.tolist()


EVAL = Exercise(
    name="batchnorm_eval",
    returns=("out",),
    oracle=_torch_eval,
    cases=(
        Case("one sample with running mean 1 and running variance 4", lambda rng: dict(
            x=np.array([[5.0]]), gamma=np.array([3.0]), beta=np.array([0.5]), running_mean=np.ones(1),
            running_var=np.array([4.0]), eps=0.0)),
        Case("three samples of two features", lambda rng: dict(
            x=np.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]]), gamma=np.array([2.0, 0.5]), beta=np.array([-1.0, 3.0]),
            running_mean=np.array([2.0, 50.0]), running_var=np.array([9.0, 400.0]))),
        Case("eight samples of three features", lambda rng: _inputs(rng, 8, 3)),
        Case("as many samples as features", lambda rng: _inputs(rng, 4, 4)),
        Case("a single sample", lambda rng: _inputs(rng, 1, 5)),
        Case("a batch of one class (all samples alike)", lambda rng: _inputs(rng, 6, 3, x=np.tile(rng.normal(size=3), (6, 1)))),
        Case("running variances about eps and 0", lambda rng: _inputs(
            rng, 5, 3, spread=3e-3, running_var=np.array([2e-5, 0.0, 1e-6]))),
        Case("eps = 0.1", lambda rng: _inputs(rng, 7, 2, eps=0.1)),
        Case("values of ±1e4", lambda rng: _inputs(rng, 9, 3, spread=1e4, offset=-300.0)),
    ),
    mistakes=_EVAL_MISTAKES,
    accepts=(_one_affine_map, _eval_loops, _torch_eval),
    verified="equal to torch's batch_norm with training=False in float64, single samples and a variance of 0 included",
)  # fmt: skip

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
     dict(new_bias=lambda s: _along(s.new_bias, 0), b=lambda s: np.zeros_like(s.beta) if s.bias is None else s.bias)),
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

QUESTION = Question(chapter=2, minutes=40, exercises=(TRAIN, EVAL, FOLD))
