"""`bilinear_sample`. Oracle: SciPy's map_coordinates of order 1, outside points the nearest pixel."""

import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _oracle(image, x, y):
    from scipy.ndimage import map_coordinates

    return map_coordinates(image, [y, x], order=1, mode="nearest")


def sample(image, x, y, low=np.floor, clamp=True, weights=lambda u, v: ((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u)):  # fmt: skip
    """The right answer with a part exchanged; u and v are the shares of the right and of the lower neighbour."""
    h, w = image.shape[-2:]
    if clamp:
        x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    x0, y0 = low(x).astype(int), low(y).astype(int)
    a, b, c, d = weights(x - x0, y - y0)
    (x0, x1), (y0, y1) = (np.clip([i, i + 1], 0, n - 1) for i, n in ((x0, w), (y0, h)))
    return a * image[..., y0, x0] + b * image[..., y0, x1] + c * image[..., y1, x0] + d * image[..., y1, x1]


def zero_padded(image, x, y):
    """Bilinear between zeros outside the image: grid_sample's default padding."""
    padded = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(1, 1), (1, 1)])
    inside = (x > -1) & (x < image.shape[-1]) & (y > -1) & (y < image.shape[-2])
    return np.where(inside, sample(padded, x + 1, y + 1), 0.0)


def _inside_only(image, x, y):
    h, w = image.shape
    return np.where((x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1), sample(image, x, y), 0.0)


def _wrapping(image, x, y):
    """Negative indices count from the end, and indices beyond raise."""
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - x0, y - y0
    top = (1 - u) * image[y0, x0] + u * image[y0, x0 + 1]
    return (1 - v) * top + v * ((1 - u) * image[y0 + 1, x0] + u * image[y0 + 1, x0 + 1])


def _last_pixel(image, x, y):
    h, w = image.shape
    return _wrapping(image, np.clip(x, 0, w - 1), np.clip(y, 0, h - 1))


def _corner_kept(image, x, y, least=0):
    """x0 clamped so that x0 + 1 exists, the share taken from the unclamped point."""
    h, w = image.shape
    x0 = np.clip(np.floor(x), least, max(w - 2, 0)).astype(int)
    y0 = np.clip(np.floor(y), least, max(h - 2, 0)).astype(int)
    x1, y1 = np.minimum(x0 + 1, w - 1), np.minimum(y0 + 1, h - 1)
    u, v = x - x0, y - y0
    top = (1 - u) * image[y0, x0] + u * image[y0, x1]
    return (1 - v) * top + v * ((1 - u) * image[y1, x0] + u * image[y1, x1])


def _ceiling(image, x, y):
    """Floor and ceiling with weights (ceil − x) and (x − floor): both are 0 at whole numbers."""
    h, w = image.shape
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    x0, y0, x1, y1 = (f(v).astype(int) for f, v in ((np.floor, x), (np.floor, y), (np.ceil, x), (np.ceil, y)))
    top = (x1 - x) * image[y0, x0] + (x - x0) * image[y0, x1]
    return (y1 - y) * top + (y - y0) * ((x1 - x) * image[y1, x0] + (x - x0) * image[y1, x1])


_XY = "x runs along the columns, y along the rows: image[y, x]."
_WEIGHTS = "The nearer neighbour weighs more: 1 − (x − x0) for x0, and x − x0 for x0 + 1."
_CLAMP = "A point outside takes the value of the border: clamp x to [0, W − 1] and y to [0, H − 1] first."
_FLOOR = "Take np.floor after clamping; int() rounds towards zero, which is up for negative numbers."
_FOUR = "Interpolate along both axes: four neighbours, whose weights are products and sum to 1."
_HALF = "Pixel centres are at whole numbers here: image[0, 0] lies at x = y = 0."
_FLAWS = {
    "x and y exchanged": (_XY, lambda image, x, y: sample(image, y, x)),
    "weights exchanged": (_WEIGHTS, lambda image, x, y: sample(
        image, x, y, weights=lambda u, v: (v * u, v * (1 - u), (1 - v) * u, (1 - v) * (1 - u)))),
    "weights along x exchanged": (_WEIGHTS, lambda image, x, y: sample(
        image, x, y, weights=lambda u, v: ((1 - v) * u, (1 - v) * (1 - u), v * u, v * (1 - u)))),
    "weights along y exchanged": (_WEIGHTS, lambda image, x, y: sample(
        image, x, y, weights=lambda u, v: (v * (1 - u), v * u, (1 - v) * (1 - u), (1 - v) * u))),
    "weights of the two mixed corners exchanged": (_WEIGHTS, lambda image, x, y: sample(
        image, x, y, weights=lambda u, v: ((1 - v) * (1 - u), v * (1 - u), (1 - v) * u, v * u))),
    "weights of floor and ceiling, both 0 at whole numbers": (
        "At a whole number floor and ceiling are the same pixel and ceil − x is 0: take x0 + 1 as the other neighbour.", _ceiling),
    "along x only": (_FOUR, lambda image, x, y: sample(image, x, np.floor(y))),
    "along y only": (_FOUR, lambda image, x, y: sample(image, np.floor(x), y)),
    "nearest pixel": (_FOUR, lambda image, x, y: sample(image, np.floor(x + 0.5), np.floor(y + 0.5))),
    "nearest pixel, halves to even": (_FOUR, lambda image, x, y: sample(image, np.round(x), np.round(y))),
    "floor, no interpolation": (_FOUR, lambda image, x, y: sample(image, np.floor(x), np.floor(y))),
    "mean of the four neighbours": (_FOUR, lambda image, x, y: sample(image, x, y, weights=lambda u, v: (0.25,) * 4)),
    "two of the four corners": (_FOUR, lambda image, x, y: sample(
        image, x, y, weights=lambda u, v: ((1 - v) * (1 - u), 0, 0, v * u))),
    "weights added in place of multiplied": (_FOUR, lambda image, x, y: sample(
        image, x, y, weights=lambda u, v: ((2 - u - v) / 4, (1 + u - v) / 4, (1 - u + v) / 4, (u + v) / 4))),
    "zeros outside, blended in": (_CLAMP, zero_padded),
    "zero outside": (_CLAMP, _inside_only),
    "negative indices wrap round, others raise": (_CLAMP, _wrapping),
    "the last row and column raise": (
        "At x = W − 1 the neighbour x0 + 1 does not exist: clamp its index to W − 1 too, its weight is 0.", _last_pixel),
    "extrapolated: the share taken before clamping": (_CLAMP, _corner_kept),
    "int() for floor: extrapolated left of the border": (_FLOOR, lambda image, x, y: sample(
        image, x, y, low=np.trunc, clamp=False)),
    "half a pixel subtracted": (_HALF, lambda image, x, y: sample(image, x - 0.5, y - 0.5)),
    "half a pixel added": (_HALF, lambda image, x, y: sample(image, x + 0.5, y + 0.5)),
    "coordinates taken for −1 … 1 (grid_sample's)": (
        "x and y are in pixels; grid_sample's run from −1 to 1.", lambda image, x, y: sample(
            image, (x + 1) * (image.shape[1] - 1) / 2, (y + 1) * (image.shape[0] - 1) / 2)),
    "clamped to W and H": (_CLAMP, lambda image, x, y: zero_padded(
        image, np.clip(x, 0, image.shape[1]), np.clip(y, 0, image.shape[0]))),
    "all pairs of x and y": ("One value for each pair x[i], y[i]: shape (k,).", lambda image, x, y: sample(
        image, *np.meshgrid(x, y))),
}  # fmt: skip


def _clamped_indices(image, x, y):
    """Floor of the point as it is; only the four indices are clamped."""
    h, w = image.shape
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - x0, y - y0
    rows, columns = [np.clip(y0 + i, 0, h - 1) for i in (0, 1)], [np.clip(x0 + i, 0, w - 1) for i in (0, 1)]
    top, below = ((1 - u) * image[r, columns[0]] + u * image[r, columns[1]] for r in rows)
    return (1 - v) * top + v * below


def _hats(image, x, y):
    """A sum over all pixels, each weighted by the product of two hat functions."""
    h, w = image.shape
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    along = np.maximum(0, 1 - np.abs(x[:, None] - np.arange(w)))
    down = np.maximum(0, 1 - np.abs(y[:, None] - np.arange(h)))
    return np.einsum("kh,hw,kw->k", down, image, along)


def _loops(image, x, y):
    h, w = image.shape
    values = []
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        a, b = min(max(a, 0.0), w - 1), min(max(b, 0.0), h - 1)
        i, j = min(math.floor(b), max(h - 2, 0)), min(math.floor(a), max(w - 2, 0))
        lower, right = min(i + 1, h - 1), min(j + 1, w - 1)
        top = image[i, j] + (a - j) * (image[i, right] - image[i, j])
        below = image[lower, j] + (a - j) * (image[lower, right] - image[lower, j])
        values.append(float(top + (b - i) * (below - top)))
    return values


def _random(rng, h, w, k, margin=0.0):
    return dict(
        image=rng.normal(size=(h, w)),
        x=rng.uniform(-margin, w - 1 + margin, k),
        y=rng.uniform(-margin, h - 1 + margin, k),
    )


def _given(image, x, y):
    return lambda rng: dict(image=np.array(image, dtype=float), x=np.array(x, dtype=float), y=np.array(y, dtype=float))


BILINEAR = Exercise(
    name="bilinear_sample",
    returns=("values",),
    oracle=_oracle,
    cases=(
        Case("one point among four pixels", _given([[0, 10], [20, 30]], [0.25], [0.5])),
        Case("whole numbers, the last row and column among them", _given([[1, 2, 4], [7, 11, 16]], [0, 1, 2, 2], [0, 1, 0, 1])),
        Case("twelve points in 4×6 pixels", lambda rng: _random(rng, 4, 6, 12)),
        Case("a square image", lambda rng: _random(rng, 5, 5, 5)),
        Case("points outside on all sides", _given(
            [[1, 2, 4], [8, 16, 32]], [-0.25, -3, 2.5, 9, 1.5, 0.25, 0.75, -0.5, 2.25], [0.5, 0.25, 0.5, 0.75, -0.5, -2, 1.25, 1.5, 7])),
        Case("near the border, inside and outside", lambda rng: _random(rng, 3, 4, 20, margin=1.5)),
        Case("halves", _given([[0, 1, 5], [3, 3, 0], [2, 8, 1]], [0.5, 1.5, 0.5, 1.5], [0.5, 0.5, 1.5, 1.5])),
        Case("one pixel", _given([[7]], [0, -1, 0.5], [0, 0.25, 3])),
        Case("one row", lambda rng: _random(rng, 1, 5, 6, margin=0.7)),
        Case("one column", lambda rng: _random(rng, 5, 1, 6, margin=0.7)),
        Case("no points", lambda rng: _random(rng, 2, 3, 0)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _FLAWS.items()),
    accepts=(_clamped_indices, _hats, _loops, sample),
    verified="equal to SciPy's map_coordinates (order 1, nearest): points outside, one row, one pixel and none included",
)  # fmt: skip
