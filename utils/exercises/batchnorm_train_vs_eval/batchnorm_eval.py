"""batchnorm_eval: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.batchnorm_train_vs_eval.shared import _COMMON, _inputs, _normalised
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise

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
