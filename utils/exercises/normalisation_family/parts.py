"""What layer, group and RMS norm share: inputs of cases, and slips in the root and in the affine step."""

import numpy as np

EPS = "eps is an argument and belongs under the root: √(variance + eps)."
AFFINE = "After normalising, scale and shift: gamma · x̂ + beta, with one gamma and beta for each feature."
PROJECT = "With g = γ·dout: dx = (g − mean(g) − x̂·mean(g·x̂))/σ, means over the features of that one sample."
SUMMED = "gamma and beta serve every sample and position: sum their gradients over all leading axes, to shape (D,)."


def lead(array):
    """All axes but the last."""
    return tuple(range(array.ndim - 1))


ROOT = (
    ("eps forgotten", EPS, dict(scale=lambda s: np.sqrt(s.spread))),
    ("eps outside the root", EPS, dict(scale=lambda s: np.sqrt(s.spread) + s.eps)),
    ("eps as a floor (maximum)", EPS, dict(scale=lambda s: np.sqrt(np.maximum(s.spread, s.eps)))),
    (
        "squared in place of the root",
        "Divide by the root √(… + eps), not by its square.",
        dict(scale=lambda s: (s.spread + s.eps) ** 2),
    ),
    ("root forgotten", "Divide by the root √(… + eps), not by the square.", dict(scale=lambda s: s.spread + s.eps)),
    ("multiplied by the root", "Divide by √(… + eps).", dict(scale=lambda s: 1 / np.sqrt(s.spread + s.eps))),
)
SHIFT = (
    ("gamma and beta left out", AFFINE, dict(out=lambda s: s.xhat)),
    ("gamma left out", AFFINE, dict(out=lambda s: s.xhat + s.beta)),
    ("beta left out", AFFINE, dict(out=lambda s: s.gamma * s.xhat)),
    ("beta added before gamma", AFFINE, dict(out=lambda s: s.gamma * (s.xhat + s.beta))),
    ("gamma and beta exchanged", AFFINE, dict(out=lambda s: s.beta * s.xhat + s.gamma)),
    ("1 + gamma for gamma", "γ multiplies as it stands; some layers store γ − 1, not this one.",
     dict(out=lambda s: (1 + s.gamma) * s.xhat + s.beta)),
)  # fmt: skip


def features(rng, *shape, offset=0.0, spread=1.0, beta=True, **more):
    """x with a mean and a spread for each sample and for each feature, then gamma (and beta)."""
    sample, feature = (*shape[:-1], 1), shape[-1:]
    x = offset + rng.normal(size=sample) + rng.uniform(0.5, 2, size=feature) * rng.normal(size=shape)
    inputs = dict(x=spread * x, gamma=rng.normal(1, 0.5, feature))
    return inputs | (dict(beta=rng.normal(size=feature)) if beta else {}) | more


def upstream(rng, *shape, **more):
    """The same with dout in front and no beta, as the backward passes take it."""
    given = features(rng, *shape, beta=False, **more)
    return dict(dout=rng.normal(size=shape)) | given


def by_hand(rows, gamma, beta=None):
    """Readable numbers."""
    given = dict(x=np.array(rows), gamma=np.array(gamma))
    return given if beta is None else given | dict(beta=np.array(beta))
