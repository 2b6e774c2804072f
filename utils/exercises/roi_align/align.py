"""`roi_align`. Oracle: the samples' weights as two matrices of hat functions, in torch float64.

RoI Align is separable: out = rows · features · columnsᵀ, where a row of each matrix is the mean of its bin's samples.
The border follows what torchvision documents and does: a sample further than one pixel outside counts 0, others clamp.
"""

import numpy as np

from utils.exercises.roi_align.bilinear import sample, zero_padded
from utils.grading.spec import Case, Exercise, Mistake


def _oracle(features, box, output, scale=1.0, samples=2):
    import torch

    def matrix(low, high, size):
        steps = (torch.arange(output * samples, dtype=torch.float64) + 0.5) / (output * samples)
        points = (low + steps * (high - low)) * scale - 0.5
        pixels = torch.arange(size, dtype=torch.float64)
        weights = torch.relu(1 - torch.abs(points.clamp(0, size - 1)[:, None] - pixels))
        weights[(points < -1) | (points > size)] = 0
        return weights.reshape(output, samples, size).mean(dim=1)

    maps = torch.from_numpy(features)
    x1, y1, x2, y2 = box.tolist()
    return (matrix(y1, y2, maps.shape[1]) @ maps @ matrix(x1, x2, maps.shape[2]).T).numpy()


# ---- parts to exchange -------------------------------------------------------------------------------------------


def _span(low, high, scale):
    """(start, length) of the box on the map, along one axis."""
    return low * scale - 0.5, (high - low) * scale


def _centres(output, samples):
    """Places of the samples (output, samples), in bins."""
    return np.arange(output)[:, None] + (np.arange(samples) + 0.5) / samples


def _bordered(features, x, y, low=-1, high=0, inside=np.less_equal):
    """Samples further than a pixel outside count 0, others clamp."""
    h, w = features.shape[-2:]
    kept = inside(low, x) & inside(x, w + high) & inside(low, y) & inside(y, h + high)
    return np.where(kept, sample(features, x, y), 0.0), kept


def _value(*args, **parts):
    return _bordered(*args, **parts)[0]


def _align(span=_span, centres=_centres, value=_value, reduce=np.mean, change=lambda f, b, o, s, n: (f, b, o, s, n),
           after=lambda out: out):  # fmt: skip
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(features, box, output, scale=1.0, samples=2):
        features, box, output, scale, samples = change(features, box, output, scale, samples)
        (x0, w), (y0, h) = span(box[0], box[2], scale), span(box[1], box[3], scale)
        places = centres(output, samples)
        x, y = x0 + places * w / output, y0 + places * h / output
        grid_y, grid_x = y[:, None, :, None] + 0 * x[None, :, None, :], x[None, :, None, :] + 0 * y[:, None, :, None]
        return after(reduce(value(features, grid_x, grid_y), axis=(-2, -1)))

    return wrong


def _valid_mean(features, box, output, scale=1.0, samples=2):
    def both(maps, x, y):
        values, kept = _bordered(maps, x, y)
        return np.stack([values, np.broadcast_to(kept, values.shape)])

    def mean(values, axis):
        return values[0].sum(axis) / np.maximum(values[1].sum(axis), 1)

    return _align(value=both, reduce=mean)(features, box, output, scale, samples)


def _clipped_box(f, b, o, s, n):
    h, w = f.shape[1:]
    return f, np.clip(b, 0, np.array([w, h, w, h]) / s), o, s, n


def _rounded(rule):
    """The box rounded on the map, as RoI pooling does."""
    return _align(span=lambda low, high, s: (rule(low * s) - 0.5, rule(high * s) - rule(low * s)))


def _nearest(features, x, y):
    h, w = features.shape[-2:]
    kept = (x >= -1) & (x <= w) & (y >= -1) & (y <= h)
    return np.where(kept, sample(features, np.floor(x + 0.5), np.floor(y + 0.5)), 0.0)


def _exchanged(u, v):
    return v * u, v * (1 - u), (1 - v) * u, (1 - v) * (1 - u)


def _half_up(v):
    return np.floor(v + 0.5)


def _ends(output, samples):
    """Samples from the bin's one edge to the other."""
    return np.arange(output)[:, None] + (np.linspace(0, 1, samples) if samples > 1 else np.array([0.5]))


_AXES = "x runs along the columns and y along the rows: box is x1, y1, x2, y2, the map (C, H, W)."
_HALF = "aligned=True: box times scale minus ½, for a pixel's centre lies half a pixel inside its corner."
_NO_ROUND = "RoI Align rounds nothing: neither the box nor the bins."
_PLACES = "The samples lie regularly inside the bin, at (i + ½)/samples of its width: not on its edges."
_MEAN = "Each bin is the mean of its samples × samples values."
_OUTSIDE = (
    "A sample beyond −1 or beyond H (W) counts 0, all others take the clamped border; the mean is over all samples."
)
_SIZE = "With aligned=True the box keeps its size, (x2 − x1)·scale: no + 1 and no least size of one pixel."
_ARGS = "scale and samples are arguments; scale multiplies the box, samples is the number of points along each side."
_FLAWS = {
    "x and y exchanged": (_AXES, _align(change=lambda f, b, o, s, n: (f, b[[1, 0, 3, 2]], o, s, n))),
    "output transposed": (_AXES, _align(after=lambda out: np.swapaxes(out, 1, 2))),
    "channels last": ("The output is (C, output, output).", _align(after=lambda out: np.moveaxis(out, 0, -1))),
    "box taken as x, y, width, height": (_AXES, _align(change=lambda f, b, o, s, n: (f, np.r_[b[:2], b[:2] + b[2:]], o, s, n))),
    "width for height": ("Bins are as wide as w/output and as high as h/output.", lambda f, b, *rest: _align()(
        f, np.array([b[0], b[1], b[2], b[1] + b[2] - b[0]]), *rest)),
    "no half-pixel shift (aligned=False), size as it is": (_HALF, _align(span=lambda a, b, s: (a * s, (b - a) * s))),
    "no half-pixel shift and at least one pixel (aligned=False)": (
        "That is torchvision's aligned=False, the first version; here the half pixel is subtracted and no size is forced.",
        _align(span=lambda a, b, s: (a * s, np.maximum((b - a) * s, 1.0)))),
    "half a pixel added": (_HALF, _align(span=lambda a, b, s: (a * s + 0.5, (b - a) * s))),
    "half a pixel subtracted before scaling": (_HALF, _align(span=lambda a, b, s: ((a - 0.5) * s, (b - a) * s))),
    "half a pixel off the start only": (_SIZE, _align(span=lambda a, b, s: (a * s - 0.5, b * s - (a * s - 0.5)))),
    "half a pixel off the samples along x only": (_HALF, lambda f, b, o, s=1.0, n=2: _align()(
        f, b + np.array([0, 0.5, 0, 0.5]) / s, o, s, n)),
    "at least one pixel wide": (_SIZE, _align(span=lambda a, b, s: (a * s - 0.5, np.maximum((b - a) * s, 1.0)))),
    "width + 1": (_SIZE, _align(span=lambda a, b, s: (a * s - 0.5, (b - a) * s + 1))),
    "box rounded, as in RoI pooling": (_NO_ROUND, _rounded(_half_up)),
    "box rounded down": (_NO_ROUND, _rounded(np.floor)),
    "box rounded, halves to even": (_NO_ROUND, _rounded(np.round)),
    "box rounded, no half-pixel shift": (_NO_ROUND, _align(span=lambda a, b, s: (
        _half_up(a * s), _half_up(b * s) - _half_up(a * s)))),
    "bins' edges rounded down": (_NO_ROUND, _align(centres=lambda o, n: _centres(o, n), value=lambda f, x, y: _value(
        f, np.floor(x) + 0.5, np.floor(y) + 0.5))),
    "nearest pixel for bilinear": (_NO_ROUND, _align(value=_nearest)),
    "bilinear weights exchanged": ("The nearer neighbour weighs more.", _align(value=lambda f, x, y: np.where(
        (x >= -1) & (x <= f.shape[-1]) & (y >= -1) & (y <= f.shape[-2]), sample(f, x, y, weights=_exchanged), 0.0))),
    "samples at the bin's left upper corner": (_PLACES, _align(centres=lambda o, n: np.arange(o)[:, None] + np.arange(n) / n)),
    "samples from edge to edge": (_PLACES, _align(centres=_ends)),
    "samples at (i + 1)/(samples + 1)": (_PLACES, _align(
        centres=lambda o, n: np.arange(o)[:, None] + (np.arange(n) + 1) / (n + 1))),
    "maximum of the samples": (_MEAN, _align(reduce=np.max)),
    "sum of the samples": (_MEAN, _align(reduce=np.sum)),
    "divided by samples, not by samples²": (_MEAN, _align(reduce=lambda v, axis: v.sum(axis) / v.shape[-1])),
    "one sample in the middle": (_ARGS, _align(change=lambda f, b, o, s, n: (f, b, o, s, 1))),
    "samples fixed at 2": (_ARGS, _align(change=lambda f, b, o, s, n: (f, b, o, s, 2))),
    "default samples=1": ("The default is samples=2.", lambda f, b, o, s=1.0, n=1: _align()(f, b, o, s, n)),
    "scale ignored": (_ARGS, _align(change=lambda f, b, o, s, n: (f, b, o, 1.0, n))),
    "divided by scale": (_ARGS, _align(change=lambda f, b, o, s, n: (f, b, o, 1 / s, n))),
    "scale fixed at 1/16": (_ARGS, _align(change=lambda f, b, o, s, n: (f, b, o, 1 / 16, n))),
    "default scale=1/16": ("The default is scale=1.0.", lambda f, b, o, s=1 / 16, n=2: _align()(f, b, o, s, n)),
    "samples outside always clamp": (_OUTSIDE, _align(value=sample)),
    "samples outside always 0": (_OUTSIDE, _align(value=lambda f, x, y: _value(f, x, y, low=0, high=-1))),
    "zeros outside, blended in": (_OUTSIDE, _align(value=zero_padded)),
    "0 beyond W − 1 + ½": (_OUTSIDE, _align(value=lambda f, x, y: _value(f, x, y, low=-0.5, high=-0.5))),
    "0 beyond H + 1 (W + 1)": (_OUTSIDE, _align(value=lambda f, x, y: _value(f, x, y, high=1))),
    "0 at exactly one pixel outside": ("Exactly one pixel outside still clamps: only what is further counts 0.", _align(
        value=lambda f, x, y: _value(f, x, y, inside=np.less))),
    "mean over the samples inside": (_OUTSIDE, _valid_mean),
    "box clipped to the map": ("The box stays as it is: its samples outside count 0 or clamp.", _align(change=_clipped_box)),
}  # fmt: skip


def _one_by_one(features, box, output, scale=1.0, samples=2):
    """torchvision's loops."""
    c, h, w = features.shape
    x0, y0, x1, y1 = (float(v) * scale - 0.5 for v in box)
    out = np.zeros((c, output, output))
    for i, j in np.ndindex(output, output):
        for a, b in np.ndindex(samples, samples):
            y = y0 + (i + (a + 0.5) / samples) * (y1 - y0) / output
            x = x0 + (j + (b + 0.5) / samples) * (x1 - x0) / output
            if not (y < -1 or y > h or x < -1 or x > w):
                out[:, i, j] += sample(features, np.float64(x), np.float64(y))
    return out / samples**2


def _torch_backed(features, box, output, scale=1.0, samples=2):
    return _oracle(features.copy(), box.copy(), output, scale, samples)


def _fine_then_mean(features, box, output, scale=1.0, samples=2):
    """One sample in each bin of a finer grid, then the mean over blocks."""
    fine = _align()(features, box, output * samples, scale, 1)
    return fine.reshape(len(fine), output, samples, output, samples).mean(axis=(2, 4))


def _maps(rng, c, h, w, box, output, **more):
    return dict(features=rng.normal(size=(c, h, w)), box=np.array(box, dtype=float), output=output, **more)


def _ramp(box, output, h=4, w=6, **more):
    """A map whose value is 10·row + column: an answer can be checked in the head."""
    return lambda rng: dict(
        features=np.array([[[10.0 * i + j for j in range(w)] for i in range(h)]]), box=np.array(box, dtype=float),
        output=output, **more)  # fmt: skip


ALIGN = Exercise(
    name="roi_align",
    returns=("out",),
    oracle=_oracle,
    cases=(
        Case("one bin, one sample", _ramp([1, 1, 3, 3], 1, scale=1.0, samples=1)),
        Case("2×2 bins on a ramp", _ramp([1.0, 0.5, 4.0, 3.5], 2)),
        Case("whole-number box, two channels", lambda rng: _maps(rng, 2, 6, 8, [1, 2, 7, 5], 3)),
        Case("fractions everywhere, scale ¼", lambda rng: _maps(rng, 3, 7, 9, [5.3, 6.1, 27.9, 21.7], 2, scale=0.25)),
        Case("scale 1/16, three samples", lambda rng: _maps(rng, 2, 8, 6, [17.0, 21.0, 80.0, 103.0], 3, scale=0.0625, samples=3)),
        Case("a finer map, scale 2", lambda rng: _maps(rng, 1, 9, 12, [0.8, 0.6, 5.3, 3.9], 3, scale=2.0)),
        Case("a square map and box", lambda rng: _maps(rng, 1, 6, 6, [1.25, 1.25, 4.75, 4.75], 2)),
        Case("a tiny box", lambda rng: _maps(rng, 2, 5, 5, [2.3, 1.9, 2.5, 2.2], 2)),
        Case("a box without area", lambda rng: _maps(rng, 1, 5, 6, [2.25, 1.5, 2.25, 3.0], 2)),
        Case("partly outside, left and above", lambda rng: _maps(rng, 2, 6, 5, [-3.2, -2.7, 3.1, 2.9], 4)),
        Case("partly outside, right and below", lambda rng: _maps(rng, 2, 5, 6, [3.1, 2.3, 9.3, 8.9], 4, scale=1.0, samples=1)),
        Case("samples exactly one pixel outside", _ramp([-1.5, -1.5, 0.5, 0.5], 1, scale=1.0, samples=1)),
        Case("a sample exactly at W and H", _ramp([5.5, 3.5, 7.5, 5.5], 1, scale=1.0, samples=1)),
        Case("wholly outside", lambda rng: _maps(rng, 2, 4, 4, [9.0, 1.0, 12.0, 3.0], 2)),
        Case("wider than the map", lambda rng: _maps(rng, 1, 4, 7, [-6.3, 0.4, 14.1, 3.4], 5, scale=1.0, samples=4)),
        Case("a map of one row", lambda rng: _maps(rng, 2, 1, 6, [0.7, 0.2, 4.9, 0.8], 2)),
        Case("a map of one pixel, no samples lost", lambda rng: _maps(rng, 1, 1, 1, [0.0, 0.0, 1.0, 1.0], 2)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _FLAWS.items()),
    accepts=(_one_by_one, _fine_then_mean, _torch_backed),
    verified="equal to a second derivation with matrices in torch float64: tiny, empty and outside boxes included",
)  # fmt: skip
