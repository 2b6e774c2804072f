"""`roi_pool`. Oracle: torch's adaptive_max_pool2d, whose bins follow the same rule, on a map padded with −∞."""

import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _oracle(features, box, output, scale=1.0):
    import torch

    c, h, w = features.shape
    x1, y1, x2, y2 = (math.floor(v * scale + 0.5) for v in box.tolist())
    left, above = min(x1, 0), min(y1, 0)
    canvas = torch.full((c, max(y2 + 1, h) - above, max(x2 + 1, w) - left), -torch.inf, dtype=torch.float64)
    canvas[:, -above : h - above, -left : w - left] = torch.from_numpy(features)
    inside = canvas[:, y1 - above : y2 + 1 - above, x1 - left : x2 + 1 - left]
    out = torch.nn.functional.adaptive_max_pool2d(inside, output)
    return torch.where(torch.isinf(out), 0.0, out).numpy()


def _half_up(v):
    return math.floor(v + 0.5)


def _ends(low, high, scale, rule=_half_up, extra=1):
    """(first pixel, number of pixels) of the box on the map, along one axis."""
    return rule(low * scale), max(rule(high * scale) - rule(low * scale) + extra, 1)


def _edges(i, length, output):
    """First pixel of bin i and the one behind its last, counted from the box."""
    return math.floor(i * length / output), math.ceil((i + 1) * length / output)


def _clipped(low, high, size):
    return min(max(low, 0), size), min(max(high, 0), size)


def _pool(ends=_ends, edges=_edges, clip=_clipped, best=lambda part: part.max(axis=(1, 2)), empty=0.0,
          change=lambda f, b, o, s: (f, b, o, s), after=lambda out: out):  # fmt: skip
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(features, box, output, scale=1.0):
        features, box, output, scale = change(features, box, output, scale)
        c, height, width = features.shape
        (x0, w), (y0, h) = ends(box[0], box[2], scale), ends(box[1], box[3], scale)
        out = np.full((c, output, output), empty)
        for i, j in np.ndindex(output, output):
            a, b = clip(*(y0 + v for v in edges(i, h, output)), height)
            p, q = clip(*(x0 + v for v in edges(j, w, output)), width)
            part = features[:, a:b, p:q]
            if part.size:
                out[:, i, j] = best(part)
        return after(out)

    return wrong


def _rule(rule):
    return lambda low, high, scale: _ends(low, high, scale, rule)


def _box_clipped_first(f, b, o, s):
    h, w = f.shape[1:]
    return f, np.clip(b, 0, np.array([w - 1, h - 1, w - 1, h - 1]) / s), o, s


def _away(v):
    return int(math.copysign(math.floor(abs(v) + 0.5), v))


_AXES = "x runs along the columns and y along the rows: box is x1, y1, x2, y2, the map (C, H, W)."
_ROUND = "Each scaled coordinate is rounded to the nearest whole number, halves up: floor(v + ½)."
_INCLUSIVE = "Both ends belong to the box, as in Fast R-CNN: it is x2 − x1 + 1 pixels wide after rounding."
_BINS = "Bin i reaches from floor(i·h/output) to ceil((i + 1)·h/output): neighbours share a row where h/output is no whole number."
_CLIP = "Bins are made from the whole box and then clipped to the map; a negative index would count from the end."
_EMPTY = "A bin without a pixel gives 0."
_MAX = "RoI pooling takes the maximum of each bin, negative values included."
_FLAWS = {
    "x and y exchanged": (_AXES, _pool(change=lambda f, b, o, s: (f, b[[1, 0, 3, 2]], o, s))),
    "output transposed": (_AXES, _pool(after=lambda out: np.swapaxes(out, 1, 2))),
    "channels last": ("The output is (C, output, output).", _pool(after=lambda out: np.moveaxis(out, 0, -1))),
    "box taken as x, y, width, height": (_AXES, _pool(change=lambda f, b, o, s: (f, np.r_[b[:2], b[:2] + b[2:]], o, s))),
    "halves to even (Python's round)": (_ROUND, _pool(ends=_rule(round))),
    "halves away from zero (C's round)": (
        "C's round takes −2.5 to −3; here halves go up, −2.5 to −2.", _pool(ends=_rule(_away))),
    "rounded down (or half a pixel subtracted first)": (_ROUND, _pool(ends=_rule(math.floor))),
    "cut to an integer": (_ROUND, _pool(ends=_rule(int))),
    "rounded up": (_ROUND, _pool(ends=_rule(math.ceil))),
    "start rounded down, end rounded up": (_ROUND, _pool(ends=lambda a, b, s: (
        math.floor(a * s), max(math.ceil(b * s) - math.floor(a * s) + 1, 1)))),
    "rounded before scaling": (_ROUND, _pool(ends=lambda a, b, s: _ends(_half_up(a), _half_up(b), s))),
    "end left out": (_INCLUSIVE, _pool(ends=lambda a, b, s: _ends(a, b, s, extra=0))),
    "bins do not overlap: floor at both edges": (_BINS, _pool(edges=lambda i, n, o: (i * n // o, (i + 1) * n // o))),
    "bins do not overlap: rounded edges": (_BINS, _pool(edges=lambda i, n, o: (_half_up(i * n / o), _half_up((i + 1) * n / o)))),
    "bins do not overlap: ceil at both edges": (_BINS, _pool(edges=lambda i, n, o: (-(-i * n // o), -(-(i + 1) * n // o)))),
    "bins of whole width h // output": (_BINS, _pool(edges=lambda i, n, o: (i * (n // o), (i + 1) * (n // o)))),
    "bins of whole width, at least a pixel": (_BINS, _pool(edges=lambda i, n, o: (i * max(n // o, 1), (i + 1) * max(n // o, 1)))),
    "bins of whole width, the last takes the rest": (_BINS, _pool(edges=lambda i, n, o: (
        i * max(n // o, 1), n if i == o - 1 else (i + 1) * max(n // o, 1)))),
    "bins of width ceil(h/output)": (_BINS, _pool(edges=lambda i, n, o: (i * -(-n // o), (i + 1) * -(-n // o)))),
    "mean for maximum": (_MAX, _pool(best=lambda part: part.mean(axis=(1, 2)))),
    "maximum with 0": (_MAX, _pool(best=lambda part: np.maximum(part.max(axis=(1, 2)), 0))),
    "maximum over the channels too": (_MAX, _pool(best=lambda part: part.max())),
    "largest magnitude": (_MAX, _pool(best=lambda part: np.abs(part).max(axis=(1, 2)))),
    "−∞ in empty bins": (_EMPTY, _pool(empty=-np.inf)),
    "NaN in empty bins": (_EMPTY, _pool(empty=np.nan)),
    "not clipped: negative indices count from the end": (_CLIP, _pool(clip=lambda low, high, size: (low, high))),
    "box clipped before it is divided": (_CLIP, _pool(change=_box_clipped_first)),
    "bins moved inside the map": (_CLIP, _pool(clip=lambda low, high, size: (
        min(max(low, 0), size - 1), min(max(high, 1), size)))),
    "scale ignored": ("scale multiplies the box.", _pool(change=lambda f, b, o, s: (f, b, o, 1.0))),
    "divided by scale": ("scale multiplies the box.", _pool(change=lambda f, b, o, s: (f, b, o, 1 / s))),
    "scale fixed at 1/16": ("scale is an argument.", _pool(change=lambda f, b, o, s: (f, b, o, 1 / 16))),
    "default scale=1/16": ("The default is scale=1.0.", lambda f, b, o, s=1 / 16: _pool()(f, b, o, s)),
}  # fmt: skip


def _by_masks(features, box, output, scale=1.0):
    """The bins' edges in integers; a maximum over a window of the map padded with −∞."""
    c, height, width = features.shape
    x0, y0, x1, y1 = (int(v) for v in np.floor(np.asarray(box) * scale + 0.5))
    h, w = y1 - y0 + 1, x1 - x0 + 1
    out = np.zeros((c, output, output))
    for i in range(output):
        rows = [r for r in range(y0 + i * h // output, y0 - (-(i + 1) * h // output)) if 0 <= r < height]
        for j in range(output):
            columns = [q for q in range(x0 + j * w // output, x0 - (-(j + 1) * w // output)) if 0 <= q < width]
            if rows and columns:
                out[:, i, j] = features[:, rows][:, :, columns].max(axis=(1, 2))
    return out


def _bin_size_first(features, box, output, scale=1.0):
    """torchvision's order: the bin's size first, then i times it. Lists are returned."""
    return _pool(edges=lambda i, n, o: (math.floor(i * (n / o)), math.ceil((i + 1) * (n / o))))(
        features, box, output, scale).tolist()  # fmt: skip


def _torch_backed(features, box, output, scale=1.0):
    return _oracle(features.copy(), box.copy(), output, scale)


def _maps(rng, c, h, w, box, output, **more):
    return dict(features=rng.normal(size=(c, h, w)), box=np.array(box, dtype=float), output=output, **more)


def _given(features, box, output, **more):
    return lambda rng: dict(
        features=np.array(features, dtype=float), box=np.array(box, dtype=float), output=output, **more
    )


_NUMBERS = [[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]]

POOL = Exercise(
    name="roi_pool",
    returns=("out",),
    oracle=_oracle,
    cases=(
        Case("one bin", _given(_NUMBERS, [1, 0, 2, 1], 1)),
        Case("3×4 pixels in 2×2 bins", _given(_NUMBERS, [0, 0, 3, 2], 2)),
        Case("fractions are rounded", lambda rng: _maps(rng, 2, 7, 8, [1.4, 0.7, 6.2, 5.4], 3)),
        Case("halves go up", lambda rng: _maps(rng, 1, 8, 9, [0.5, 2.5, 4.5, 6.5], 2)),
        Case("scale ¼", lambda rng: _maps(rng, 3, 7, 9, [5.3, 6.1, 27.9, 21.7], 2, scale=0.25)),
        Case("scale 1/16", lambda rng: _maps(rng, 2, 9, 6, [17.0, 25.0, 80.0, 119.0], 3, scale=0.0625)),
        Case("a square map and box", lambda rng: _maps(rng, 1, 6, 6, [1, 1, 5, 5], 2)),
        Case("fewer pixels than bins", lambda rng: _maps(rng, 2, 5, 6, [1.2, 2.1, 2.4, 3.2], 4)),
        Case("one pixel, seven bins", lambda rng: _maps(rng, 1, 4, 4, [2.1, 1.2, 2.3, 1.4], 7)),
        Case("negative values only", lambda rng: _maps(rng, 2, 5, 5, [0, 1, 4, 4], 2) | dict(features=-rng.uniform(1, 2, (2, 5, 5)))),
        Case("partly outside, left and above", lambda rng: _maps(rng, 2, 6, 5, [-3.2, -2.5, 3.1, 2.9], 3)),
        Case("partly outside, right and below", lambda rng: _maps(rng, 2, 5, 6, [3.1, 2.3, 9.3, 8.9], 4)),
        Case("wholly outside", lambda rng: _maps(rng, 2, 4, 4, [9.0, 1.0, 12.0, 3.0], 2)),
        Case("wholly outside, negative", lambda rng: _maps(rng, 1, 6, 6, [-4.0, -5.0, -2.0, -2.0], 2)),
        Case("a map of one row", lambda rng: _maps(rng, 2, 1, 6, [0.7, 0.2, 4.9, 0.4], 2)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _FLAWS.items()),
    accepts=(_by_masks, _bin_size_first, _torch_backed),
    verified="equal to torch's adaptive_max_pool2d on the rounded box: halves, empty bins and boxes outside included",
)  # fmt: skip
