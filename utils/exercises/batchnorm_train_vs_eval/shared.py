"""What several exercises of the question share."""

import numpy as np


def _normalised(s):
    return (s.x - s.center) / s.scale


# What the three forms of the layer share: slips in the root and in the affine step.
_EPS = "eps is an argument and belongs under the root: √(variance + eps)."


_AFFINE = "After normalising, scale and shift: gamma · xhat + beta."


_COMMON = (
    ("eps forgotten", _EPS, dict(scale=lambda s: np.sqrt(s.spread))),
    ("eps outside the root", _EPS, dict(scale=lambda s: np.sqrt(s.spread) + s.eps)),
    ("eps as a floor (maximum)", _EPS, dict(scale=lambda s: np.sqrt(np.maximum(s.spread, s.eps)))),
    ("eps hard-coded as 1e-5", _EPS, dict(scale=lambda s: np.sqrt(s.spread + 1e-5))),
    ("eps = 1e-3 by default (Keras)", "The default is 1e-5, as in torch.", dict(new_defaults=dict(eps=1e-3))),
    ("(var + eps)² in place of the root", "Divide by the root √(variance + eps), not by its square.", dict(scale=lambda s: (s.spread + s.eps) ** 2)),
    ("root forgotten", "Divide by the root √(variance + eps), not by the variance.", dict(scale=lambda s: s.spread + s.eps)),
    ("multiplied by the root", "Divide by √(variance + eps).", dict(scale=lambda s: 1 / np.sqrt(s.spread + s.eps))),
    ("mean not subtracted", "The numerator is x − mean.", dict(center=lambda s: 0)),
    ("gamma and beta left out", _AFFINE, dict(out=lambda s: s.xhat)),
    ("gamma left out", _AFFINE, dict(out=lambda s: s.xhat + s.beta)),
    ("beta left out", _AFFINE, dict(out=lambda s: s.gamma * s.xhat)),
    ("beta added before gamma", _AFFINE, dict(out=lambda s: s.gamma * (s.xhat + s.beta))),
    ("gamma and beta swapped", _AFFINE, dict(out=lambda s: s.beta * s.xhat + s.gamma)),
)  # fmt: skip


def _inputs(rng, n, d, *, spread=1.0, offset=0.0, **more):
    """Random x, gamma, beta and running statistics; every feature has its own offset and spread."""
    center, width = offset + rng.normal(size=d), spread * rng.uniform(0.5, 2, size=d)
    batches = [center + width * rng.normal(size=(size, d)) for size in np.atleast_1d(n)]
    given = dict(x=batches if np.ndim(n) else batches[0], gamma=rng.normal(1, 0.5, d), beta=rng.normal(size=d))
    started = dict(running_mean=offset + rng.normal(size=d), running_var=spread**2 * rng.uniform(0.5, 3, d))
    return given | started | more
