"""Inverted dropout: Srivastava et al. 2014, section 10. Oracle: torch, with the same draws, and autograd."""

import numpy as np

from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise


def _seeded(function, x, p, seed, **training):
    """A generator cannot be stored with a case: its seed is."""
    return function(x, p, np.random.default_rng(seed), *training.values())


PROTOCOL = (
    "rng is np.random.default_rng(seed), the seed being the case's; training is left out where the case leaves it out"
)


def _forward_oracle(x, p, seed, training=True):
    import torch

    draws = torch.from_numpy(np.random.default_rng(seed).random(x.shape))
    one = torch.ones(x.shape, dtype=torch.float64)
    mask = torch.where(draws < p, 0 * one, one / (1 - p)) if training else one
    return torch.mul(torch.from_numpy(x), mask).numpy(), mask.numpy()


_forward = by_rules(
    ("x", "p", "rng", "training"),
    dict(
        draws=lambda s: s.rng.random(s.x.shape) if s.training else None,
        kept=lambda s: s.draws >= s.p if s.training else np.ones(s.x.shape, bool),
        scale=lambda s: 1 / (1 - s.p) if s.training else 1.0,
        mask=lambda s: s.kept * s.scale,
        out=lambda s: s.x * s.mask,
        returned=lambda s: (s.out, s.mask),
    ),
    training=True,
)

_KEEP = "p is the probability of dropping: an entry is kept where rng.random(x.shape) >= p, with probability 1 − p."
_SCALE = "Divide what is kept by 1 − p, the share that is kept: then the mean of the output is the input."
_MASK = "mask is what x was multiplied by: 0 or 1/(1 − p), so that backward needs nothing else."
_EVAL = "In evaluation nothing is dropped and nothing scaled: out = x, mask all ones."
_DRAW = "One draw for each entry: rng.random(x.shape), from the rng that is passed."


def _training(rule, other):
    return lambda s: rule(s) if s.training else other(s)


def _ones(s):
    return 1.0


_DROPOUT_MISTAKES = listed(
    _forward,
    ("divided by p", _SCALE, dict(scale=_training(lambda s: 1 / s.p if s.p else 1.0, _ones))),
    ("kept with probability p", _KEEP, dict(kept=_training(lambda s: s.draws < s.p, lambda s: np.ones(s.x.shape, bool)))),
    ("kept with probability p, divided by p", _KEEP, dict(
        kept=_training(lambda s: s.draws < s.p, lambda s: np.ones(s.x.shape, bool)), scale=_training(lambda s: 1 / s.p if s.p else 1.0, _ones))),
    ("kept where the draw is below 1 − p", "Equally random, but other entries: keep where the draw is >= p, so that runs can be compared.",
     dict(kept=_training(lambda s: s.draws < 1 - s.p, lambda s: np.ones(s.x.shape, bool)))),
    ("not scaled (the 2012 form without its other half)", _SCALE, dict(scale=_ones)),
    ("not scaled in training, times 1 − p in evaluation (the 2014 form)", _SCALE + " The form of 2014 scales at test time; inverted dropout leaves evaluation alone.",
     dict(scale=lambda s: 1.0 if s.training else 1 - s.p)),
    ("scaled in evaluation too, by 1 − p", _EVAL, dict(scale=lambda s: 1 / (1 - s.p) if s.training else 1 - s.p)),
    ("scaled in evaluation too, by 1/(1 − p)", _EVAL, dict(scale=lambda s: 1 / (1 - s.p))),
    ("output scaled in evaluation, mask right", _EVAL, dict(out=lambda s: s.x * s.mask if s.training else s.x * (1 - s.p))),
    ("multiplied by 1 − p in training", _SCALE, dict(scale=_training(lambda s: 1 - s.p, _ones))),
    ("divided by the root of 1 − p", _SCALE + " A root would keep the mean square.", dict(scale=_training(lambda s: (1 - s.p) ** -0.5, _ones))),
    ("divided by the share that happened to be kept", _SCALE, dict(scale=_training(lambda s: 1 / max(np.mean(s.kept), 1e-9) if s.kept.size else 1.0, _ones))),
    ("mask or its scale applied twice", "The scale is in the mask already: out = x·mask, once.", dict(out=lambda s: s.x * s.mask * s.mask)),
    ("mask of zeros and ones, output scaled", _MASK, dict(returned=lambda s: (s.out, s.kept.astype(float)))),
    ("boolean mask", _MASK, dict(returned=lambda s: (s.out, s.kept))),
    ("mask of what was dropped", _MASK, dict(returned=lambda s: (s.out, 1.0 - s.kept))),
    ("mask None in evaluation", _EVAL, dict(returned=lambda s: (s.out, s.mask if s.training else None))),
    ("mask 1.0 in evaluation", _EVAL + " The mask has the shape of x.", dict(returned=lambda s: (s.out, s.mask if s.training else 1.0))),
    ("mask of zeros in evaluation", _EVAL, dict(returned=lambda s: (s.out, s.mask if s.training else np.zeros(s.x.shape)))),
    ("mask and out exchanged", "The order is (out, mask).", dict(returned=lambda s: (s.mask, s.out))),
    ("out alone", "Return (out, mask).", dict(returned=lambda s: s.out)),
    ("dropped in evaluation too", _EVAL, dict(training=lambda s: True)),
    ("never dropped", "In training entries are dropped.", dict(training=lambda s: False)),
    ("training and evaluation exchanged", _EVAL, dict(training=lambda s: not s.training)),
    ("evaluation by default", "training is True by default.", dict(new_defaults=dict(training=False))),
    ("one draw for each sample", _DRAW, dict(draws=_training(lambda s: s.rng.random((len(s.x),) + (1,) * (s.x.ndim - 1)) + 0 * s.x, lambda s: None))),
    ("one draw for each feature", _DRAW, dict(draws=_training(lambda s: s.rng.random(s.x.shape[-1]) + 0 * s.x, lambda s: None))),
    ("one draw for the whole array", _DRAW, dict(draws=_training(lambda s: s.rng.random() + 0 * s.x, lambda s: None))),
    ("normal draws", "rng.random, uniform on [0, 1): a normal draw is below p with another probability.",
     dict(draws=_training(lambda s: s.rng.normal(size=s.x.shape), lambda s: None))),
    ("a generator of its own (seed 0)", _DRAW, dict(draws=_training(lambda s: np.random.default_rng(0).random(s.x.shape), lambda s: None))),
    ("rng.binomial", "Equally random, but other entries: one rng.random(x.shape), kept where it is >= p.", dict(
        draws=lambda s: None, kept=_training(lambda s: s.rng.binomial(1, 1 - s.p, s.x.shape) == 1, lambda s: np.ones(s.x.shape, bool)))),
    ("exactly a share p dropped", _DRAW, dict(kept=_training(
        lambda s: (np.argsort(np.argsort(s.draws, axis=None)) >= round(s.p * s.x.size)).reshape(s.x.shape), lambda s: np.ones(s.x.shape, bool)))),
    ("dropped entries of x, not x times the mask: NaN for 0", _MASK, dict(out=lambda s: np.where(s.kept, s.x * s.scale, np.nan))),
)  # fmt: skip


def _in_loops(x, p, rng, training=True):
    """One draw after the other: the same numbers as one call."""
    mask = np.ones(x.shape)
    for index in np.ndindex(x.shape) if training else ():
        mask[index] = 0 if rng.random() < p else 1 / (1 - p)
    return x * mask, mask


def _by_assignment(x, p, rng, training=True):
    if not training:
        return x, np.ones_like(x)
    mask = np.full(x.shape, 1 / (1 - p))
    mask[rng.random(x.shape) < p] = 0.0
    return mask * x, mask


def _torch_backed(x, p, rng, training=True):
    import torch

    keep = torch.from_numpy((rng.random(x.shape) >= p).astype(float)) if training else torch.ones(x.shape).double()
    mask = (keep / (1 - p) if training else keep).numpy()
    return x * mask, mask


def _numbers(rng, *shape, **more):
    return dict(x=rng.normal(size=shape), **more)


FORWARD = Exercise(
    name="dropout_forward",
    returns=("out", "mask"),
    run=_seeded,
    protocol=PROTOCOL,
    oracle=_forward_oracle,
    cases=(
        Case("six numbers, p = 0.5", lambda rng: dict(x=np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), p=0.5, seed=1)),
        Case(
            "six numbers in evaluation",
            lambda rng: dict(x=np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), p=0.5, seed=1, training=False),
        ),
        Case("p = 0.2", lambda rng: _numbers(rng, 4, 5, p=0.2, seed=2)),
        Case("p = 0.8, training said", lambda rng: _numbers(rng, 4, 5, p=0.8, seed=3, training=True)),
        Case("p = 0: nothing dropped", lambda rng: _numbers(rng, 3, 4, p=0.0, seed=4)),
        Case("as many samples as features", lambda rng: _numbers(rng, 5, 5, p=0.3, seed=5)),
        Case("images", lambda rng: _numbers(rng, 2, 3, 4, 4, p=0.25, seed=6)),
        Case("images in evaluation, p = 0.9", lambda rng: _numbers(rng, 2, 3, 2, 2, p=0.9, seed=7, training=False)),
        Case(
            "zeros among the entries",
            lambda rng: dict(x=np.array([[0.0, -1.0], [2.0, 0.0], [0.0, 0.5]]), p=0.4, seed=8),
        ),
        Case("a hundred entries, p = 0.1", lambda rng: _numbers(rng, 100, p=0.1, seed=9)),
        Case("no entries", lambda rng: _numbers(rng, 0, 3, p=0.5, seed=10)),
    ),
    mistakes=_DROPOUT_MISTAKES,
    accepts=(_forward(), _in_loops, _by_assignment, _torch_backed),
    verified="the very entries that rng.random drops, scaled by 1/(1 − p), in evaluation x itself, on eleven cases",
)

# ---- backward -----------------------------------------------------------------------------------------------------


def _backward_oracle(dout, mask):
    import torch

    x = torch.zeros(mask.shape, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(x * torch.from_numpy(mask), x, torch.from_numpy(dout))
    return gradient.numpy()


_backward = by_rules(("dout", "mask"), dict(dx=lambda s: s.dout * s.mask, returned=lambda s: s.dx))
_SAME = "out = x·mask entry by entry, so dx = dout·mask: the same entries, the same scale, and no more."


def _drawn(rng, p, *shape):
    return dict(dout=rng.normal(size=shape), mask=(rng.random(shape) >= p) / (1 - p))


BACKWARD = Exercise(
    name="dropout_backward",
    returns=("dx",),
    oracle=_backward_oracle,
    cases=(
        Case("four entries, two dropped", lambda rng: dict(dout=np.array([1.0, -2.0, 3.0, 0.5]), mask=np.array([2.0, 0.0, 0.0, 2.0]))),
        Case("p = 0.2", lambda rng: _drawn(rng, 0.2, 4, 5)),
        Case("p = 0.8, square", lambda rng: _drawn(rng, 0.8, 4, 4)),
        Case("images", lambda rng: _drawn(rng, 0.5, 2, 3, 4, 4)),
        Case("the mask of evaluation", lambda rng: dict(dout=rng.normal(size=(3, 4)), mask=np.ones((3, 4)))),
        Case("all dropped", lambda rng: dict(dout=rng.normal(size=(2, 3)), mask=np.zeros((2, 3)))),
        Case("a zero gradient", lambda rng: _drawn(rng, 0.5, 3, 3) | dict(dout=np.zeros((3, 3)))),
        Case("no entries", lambda rng: _drawn(rng, 0.5, 0, 3)),
    ),
    mistakes=listed(
        _backward,
        ("mask's scale lost", _SAME, dict(dx=lambda s: s.dout * (s.mask > 0))),
        ("mask forgotten", _SAME, dict(dx=lambda s: s.dout)),
        ("mask applied twice", _SAME, dict(dx=lambda s: s.dout * s.mask**2)),
        ("divided by the mask", _SAME, dict(dx=lambda s: np.where(s.mask > 0, s.dout / np.where(s.mask > 0, s.mask, 1), 0))),
        ("divided by the mask, inf where it is 0", _SAME, dict(dx=lambda s: s.dout / s.mask)),
        ("scaled, not masked", _SAME, dict(dx=lambda s: s.dout * (s.mask.max() if s.mask.size else 1.0))),
        ("the dropped entries' gradient", _SAME, dict(dx=lambda s: s.dout * (s.mask == 0))),
        ("summed", _SAME, dict(dx=lambda s: np.sum(s.dout * s.mask))),
        ("summed over the samples", _SAME, dict(dx=lambda s: np.sum(s.dout * s.mask, axis=0))),
        ("the sign", _SAME, dict(dx=lambda s: -s.dout * s.mask)),
        ("divided by the number of samples", _SAME, dict(dx=lambda s: s.dout * s.mask / max(len(s.dout), 1))),
        ("mask in place of the gradient", _SAME, dict(dx=lambda s: s.mask)),
    ),
    accepts=(
        _backward(),
        lambda dout, mask: np.where(mask == 0, 0.0, dout * mask),
        lambda dout, mask: np.einsum("...,...->...", dout, mask),
        lambda dout, mask: _backward_oracle(dout.copy(), mask.copy()),
    ),
    verified="equal to autograd's gradient of x·mask, masks of evaluation and all dropped included",
)  # fmt: skip
