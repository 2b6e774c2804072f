"""Clipping by the global norm: Pascanu, Mikolov & Bengio 2013. Oracle: torch's vectors and norms."""

import numpy as np

from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise


def _oracle(grads, max_norm):
    import torch

    tensors = [torch.from_numpy(np.array(grad)) for grad in grads]
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    norm = torch.nn.utils.get_total_norm(tensors).item()
    if norm > max_norm:
        flat = max_norm * torch.nn.functional.normalize(flat, dim=0, eps=0.0)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [part.reshape(tensor.shape).numpy() for part, tensor in zip(parts, tensors, strict=True)], norm


def _norm(grads):
    return float(np.sqrt(sum(np.sum(grad**2) for grad in grads)))


_clip = by_rules(
    ("grads", "max_norm"),
    dict(
        norm=lambda s: _norm(s.grads),
        scale=lambda s: s.max_norm / s.norm if s.norm > s.max_norm else 1.0,
        clipped=lambda s: [grad * s.scale for grad in s.grads],
        returned=lambda s: (s.clipped, s.norm),
    ),
)

_ONE = "One norm over all arrays: the root of the sum of all squares. Array by array changes the direction."
_LARGER = "Scale only where the norm is larger than max_norm; a small gradient is left alone."
_BY = "The factor is max_norm/norm, so that the clipped norm is max_norm exactly."
_BEFORE = "norm is the one before clipping, which is what one plots."
_VALUE = "Clipping entry by entry changes the direction; by the norm it keeps it."


def _each(s):
    """Array by array, each with its own norm."""
    norms = [_norm([grad]) for grad in s.grads]
    return [grad * (s.max_norm / n if n > s.max_norm else 1.0) for grad, n in zip(s.grads, norms, strict=True)]


def _flat(grads, max_norm):
    """All gradients as one vector."""
    vector = np.concatenate([np.ravel(grad) for grad in grads])
    norm = np.linalg.norm(vector)
    if norm > max_norm:
        vector = vector / norm * max_norm
    ends = np.cumsum([np.size(grad) for grad in grads])[:-1]
    return [part.reshape(grad.shape) for part, grad in zip(np.split(vector, ends), grads, strict=True)], norm


def _arrays(rng, *shapes, scale=1.0, max_norm=1.0):
    return dict(grads=[scale * rng.normal(size=shape) for shape in shapes], max_norm=max_norm)


CLIP = Exercise(
    name="clip_by_global_norm",
    returns=("clipped", "norm"),
    oracle=_oracle,
    cases=(
        Case("3 and 4 in two arrays, max_norm 1", lambda rng: dict(grads=[np.array([3.0]), np.array([4.0])], max_norm=1.0)),
        Case("below max_norm: untouched", lambda rng: dict(grads=[np.array([3.0, 0.0]), np.array([[4.0]])], max_norm=10.0)),
        Case("just at max_norm", lambda rng: dict(grads=[np.array([3.0, 0.0]), np.array([[4.0]])], max_norm=5.0)),
        Case("each array small, together too large", lambda rng: dict(grads=[np.array([2.0]), np.array([2.0]), np.array([1.0])], max_norm=2.5)),
        Case("a layer's weight and bias", lambda rng: _arrays(rng, (4, 3), (4,), max_norm=0.5)),
        Case("one array", lambda rng: _arrays(rng, (3, 3), max_norm=2.0)),
        Case("three shapes, max_norm 0.1", lambda rng: _arrays(rng, (2, 3, 2), (5,), (1, 1), max_norm=0.1)),
        Case("one large array among small ones", lambda rng: (i := _arrays(rng, (3,), (3,), max_norm=1.0), i["grads"].append(np.array([100.0, -50.0])))[0]),
        Case("tiny gradients, tiny max_norm", lambda rng: _arrays(rng, (3,), (2, 2), scale=1e-4, max_norm=1e-5)),
        Case("an array of zeros among others", lambda rng: (i := _arrays(rng, (3,), max_norm=0.25), i["grads"].append(np.zeros((2, 2))))[0]),
        Case("zeros only", lambda rng: dict(grads=[np.zeros(3), np.zeros((2, 2))], max_norm=1.0)),
        Case("an empty array among others", lambda rng: (i := _arrays(rng, (4,), max_norm=0.5), i["grads"].append(np.zeros((0, 2))))[0]),
        Case("large gradients, max_norm 5", lambda rng: _arrays(rng, (6, 4), (6,), scale=1e6, max_norm=5.0)),
    ),
    mistakes=listed(
        _clip,
        ("array by array", _ONE, dict(clipped=_each)),
        ("by value, to ±max_norm", _VALUE, dict(clipped=lambda s: [np.clip(grad, -s.max_norm, s.max_norm) for grad in s.grads])),
        ("norms added, not squares", _ONE, dict(norm=lambda s: sum(_norm([grad]) for grad in s.grads))),
        ("the largest of the arrays' norms", _ONE, dict(norm=lambda s: max(_norm([grad]) for grad in s.grads))),
        ("the mean of the arrays' norms", _ONE, dict(norm=lambda s: float(np.mean([_norm([grad]) for grad in s.grads])))),
        ("the first array's norm", _ONE, dict(norm=lambda s: _norm(s.grads[:1]))),
        ("the largest entry (inf norm)", _ONE, dict(norm=lambda s: float(max(np.max(np.abs(grad), initial=0) for grad in s.grads)))),
        ("the sum of |entries| (1-norm)", _ONE, dict(norm=lambda s: float(sum(np.sum(np.abs(grad)) for grad in s.grads)))),
        ("root mean square", "The norm is the root of the sum of the squares, not of their mean.", dict(norm=lambda s: _norm(s.grads) / np.sqrt(sum(grad.size for grad in s.grads)))),
        ("root forgotten", _ONE, dict(norm=lambda s: _norm(s.grads) ** 2)),
        ("norm after clipping returned", _BEFORE, dict(returned=lambda s: (s.clipped, _norm(s.clipped)))),
        ("factor returned for the norm", _BEFORE, dict(returned=lambda s: (s.clipped, s.scale))),
        ("squared norm returned", _BEFORE, dict(returned=lambda s: (s.clipped, s.norm**2))),
        ("small gradients scaled up to max_norm", _LARGER, dict(scale=lambda s: s.max_norm / s.norm if s.norm else 1.0)),
        ("small gradients scaled up, 0/0 for zeros", _LARGER, dict(scale=lambda s: np.float64(s.max_norm) / s.norm)),
        ("never scaled", _LARGER, dict(scale=lambda s: 1.0)),
        ("scaled where the norm is smaller", _LARGER, dict(scale=lambda s: s.max_norm / s.norm if 0 < s.norm < s.max_norm else 1.0)),
        ("norm/max_norm for the factor", _BY, dict(scale=lambda s: s.norm / s.max_norm if s.norm > s.max_norm else 1.0)),
        ("divided by the norm: to 1, not to max_norm", _BY, dict(scale=lambda s: 1 / s.norm if s.norm > s.max_norm else 1.0)),
        ("times max_norm, not divided by the norm", _BY, dict(scale=lambda s: s.max_norm if s.norm > s.max_norm else 1.0)),
        ("torch's factor, max_norm/(norm + 1e-6)", "torch adds 1e-6 to the norm; here the factor is max_norm/norm itself.", dict(
            scale=lambda s: min(1.0, s.max_norm / (s.norm + 1e-6)))),
        ("the root of max_norm/norm", _BY, dict(scale=lambda s: np.sqrt(s.max_norm / s.norm) if s.norm > s.max_norm else 1.0)),
        ("scaled to zero where too large", _BY, dict(scale=lambda s: 0.0 if s.norm > s.max_norm else 1.0)),
        ("max_norm hard-coded as 1", "max_norm is an argument.", dict(max_norm=lambda s: 1.0)),
        ("one flat vector returned", "Return arrays of the shapes that came, in a list.", dict(returned=lambda s: (np.concatenate([g.ravel() for g in s.clipped]), s.norm))),
        ("norm first", "The order is (clipped, norm).", dict(returned=lambda s: (s.norm, s.clipped))),
        ("clipped alone", "Return (clipped, norm).", dict(returned=lambda s: s.clipped)),
        ("norm alone", "Return (clipped, norm).", dict(returned=lambda s: s.norm)),
    ),
    accepts=(
        _clip(),
        _flat,
        _clip(clipped=lambda s: s.grads if s.norm <= s.max_norm else tuple(grad / s.norm * s.max_norm for grad in s.grads)),
        _clip(scale=lambda s: min(1.0, s.max_norm / s.norm) if s.norm else 1.0),
        _oracle,
    ),
    verified="one norm over all arrays, as torch's; scaled to max_norm where larger, untouched otherwise; inputs unchanged",
)  # fmt: skip
