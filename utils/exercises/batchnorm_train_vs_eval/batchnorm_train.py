"""batchnorm_train: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.batchnorm_train_vs_eval.shared import _COMMON, _inputs, _normalised
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise

_FEATURE = "Every feature has statistics of its own, one per column: no mean over the features."


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


_MOMENTUM = (
    "That is Keras' and CS231n's momentum, of the old value; here, as in torch: (1 − momentum)·old + momentum·batch."
)


_DEFAULT = "The default is 0.1, the weight of the new batch; 0.9 and 0.99 are weights of the old value (Keras)."


_DECAY = "An average forgets: weight the old value with 1 − momentum and the batch's with momentum, 1 in all."


_CS231N = "That is CS231n's running variance; here, as in torch, it is fed with np.var(x, axis=0, ddof=1)."


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
    ("biased running variance", _CS231N, dict(unbiased=lambda s: s.var)),
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
