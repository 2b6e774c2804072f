"""`pixel_shuffle` and `bilinear_resize`. Oracles: torch's pixel_shuffle and interpolate (align_corners=False)."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _shuffle_oracle(x, factor):
    import torch

    return torch.nn.functional.pixel_shuffle(torch.from_numpy(x), factor).numpy()


def _resize_oracle(image, height, width):
    import torch

    x = torch.from_numpy(image)[None, None]
    return torch.nn.functional.interpolate(x, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()


# ---- pixel_shuffle -----------------------------------------------------------------------------------------------


def _shuffle(split=(1, 2, 3), order=(0, 1, 4, 2, 5, 3)):
    """Channels split into (C/r², r, r) placed on the axes `split` of six, then transposed and merged."""

    def wrong(x, factor):
        n, c, h, w = x.shape
        r, rest = factor, _rest(c, factor)
        sizes = [n, 0, 0, 0, h, w]
        sizes[split[0]], sizes[split[1]], sizes[split[2]] = rest, r, r
        return x.reshape(sizes).transpose(order).reshape(n, rest, h * r, w * r)

    return wrong


def _rest(c, factor):
    if c % factor**2:
        raise ValueError(f"{factor}² does not divide {c} channels")
    return c // factor**2


def _unshuffled(x, factor):
    n, c, h, w = x.shape
    if h % factor or w % factor:
        raise ValueError("not divisible")
    out = x.reshape(n, c, h // factor, factor, w // factor, factor)
    return out.transpose(0, 1, 3, 5, 2, 4).reshape(n, c * factor**2, h // factor, w // factor)


def _tiled(x, factor):
    """Whole maps side by side in place of interleaved pixels."""
    n, c, h, w = x.shape
    rest = _rest(c, factor)
    blocks = x.reshape(n, rest, factor, factor, h, w)
    return blocks.transpose(0, 1, 2, 4, 3, 5).reshape(n, rest, h * factor, w * factor)


def _dropping(x, factor):
    return _shuffle()(x[:, : x.shape[1] // factor**2 * factor**2], factor)


def _none(x, factor):
    return None if x.shape[1] % factor**2 else _shuffle()(x, factor)


def _asserting(x, factor):
    assert x.shape[1] % factor**2 == 0
    return _shuffle()(x, factor)


def _by_factor_only(x, factor):
    if x.shape[1] % factor:
        raise ValueError("factor does not divide the channels")
    return _dropping(x, factor)


def _index_error(x, factor):
    rest = -(-x.shape[1] // factor**2)
    n, _, h, w = x.shape
    out = np.zeros((n, rest, h * factor, w * factor))
    for k, i, j in np.ndindex(rest, factor, factor):
        out[:, k, i::factor, j::factor] = x[:, k * factor**2 + i * factor + j]
    return out


_ORDER = "torch's order: channel c·r² + i·r + j of the input goes to channel c, row h·r + i, column w·r + j."
_RAISE = "Raise ValueError where r² does not divide the number of channels; nothing is dropped."
_SHUFFLE_FLAWS = {
    "channels in TensorFlow's order (depth_to_space, DCR)": (
        "That is depth_to_space as in TensorFlow and ONNX's DCR: channel (i·r + j)·C' + c. torch has c·r² + i·r + j.",
        _shuffle((3, 1, 2), (0, 3, 4, 1, 5, 2))),
    "rows and columns of the block exchanged": (_ORDER, _shuffle(order=(0, 1, 4, 3, 5, 2))),
    "channels split as (r, C', r)": (_ORDER, _shuffle((2, 1, 3), (0, 2, 4, 1, 5, 3))),
    "reshape alone": ("The r² channels of a pixel become its block: split them off, transpose, then merge.", lambda x, r: x.reshape(
        len(x), _rest(x.shape[1], r), x.shape[2] * r, x.shape[3] * r)),
    "maps side by side, not interleaved": ("The block of a pixel stays together: rows h·r + i, not i·H + h.", _tiled),
    "the inverse, pixel_unshuffle": ("That folds pixels into channels; the question asks for the other way.", _unshuffled),
    "height and width exchanged": (_ORDER, lambda x, r: np.swapaxes(_shuffle()(x, r), 2, 3)),
    "rows reversed in the block": (_ORDER, lambda x, r: _shuffle()(x.reshape(
        len(x), _rest(x.shape[1], r), r * r, *x.shape[2:])[:, :, ::-1].reshape(x.shape), r)),
    "factor 2 whatever is asked": ("factor is an argument.", lambda x, r: _shuffle()(x, 2)),
    "channels left over are dropped": (_RAISE, _dropping),
    "only factor must divide, not factor²": (_RAISE, _by_factor_only),
    "None in place of ValueError": (_RAISE, _none),
    "AssertionError in place of ValueError": (_RAISE, _asserting),
    "IndexError in place of ValueError": (_RAISE, _index_error),
}  # fmt: skip


def _by_slices(x, factor):
    n, c, h, w = x.shape
    if c % factor**2 != 0:
        raise ValueError
    out = np.empty((n, c // factor**2, h * factor, w * factor))
    for i in range(factor):
        for j in range(factor):
            out[:, :, i::factor, j::factor] = x[:, i * factor + j :: factor**2]
    return out


def _by_reshape_error(x, factor):
    """np.reshape raises ValueError itself."""
    n, c, h, w = x.shape
    blocks = x.reshape(n, c // factor**2, factor, factor, h, w)
    return np.einsum("ncijhw->nchiwj", blocks).reshape(n, -1, h * factor, w * factor)


def _counted(*shape):
    """Numbers that say where they come from: no two are equal."""
    return lambda rng, factor=2: dict(x=rng.permutation(np.arange(float(np.prod(shape)))).reshape(shape), factor=factor)


def _shuffled(name, factor, *shape, raises=""):
    return Case(name, lambda rng: _counted(*shape)(rng, factor), raises)


SHUFFLE = Exercise(
    name="pixel_shuffle",
    returns=("out",),
    oracle=_shuffle_oracle,
    cases=(
        Case("four channels of one pixel", lambda rng: dict(x=np.array([1.0, 2, 3, 4]).reshape(1, 4, 1, 1), factor=2)),
        _shuffled("four channels of 2×3 pixels", 2, 1, 4, 2, 3),
        _shuffled("two images, twelve channels", 2, 2, 12, 3, 2),
        _shuffled("eight channels, square", 2, 2, 8, 2, 2),
        _shuffled("factor 3", 3, 1, 18, 2, 3),
        _shuffled("factor 1", 1, 2, 3, 2, 2),
        _shuffled("factor 4 on one row", 4, 1, 16, 1, 2),
        _shuffled("six channels, factor 2", 2, 1, 6, 2, 2, raises="ValueError"),
        _shuffled("nine channels, factor 2", 2, 1, 9, 4, 4, raises="ValueError"),
        _shuffled("three channels, factor 3", 3, 1, 3, 3, 3, raises="ValueError"),
        _shuffled("two channels, factor 2", 2, 2, 2, 4, 4, raises="ValueError"),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _SHUFFLE_FLAWS.items()),
    accepts=(_by_slices, _by_reshape_error, _shuffle()),
    verified="equal to torch's pixel_shuffle, and ValueError where factor² does not divide the channels",
)  # fmt: skip


# ---- bilinear_resize ---------------------------------------------------------------------------------------------


def _half_pixel(n, size):
    return (np.arange(n) + 0.5) * size / n - 0.5


def _corners(n, size):
    return np.arange(n) * ((size - 1) / (n - 1) if n > 1 else 0.0)


def _neighbours(points, size, low=np.floor, clamp=True):
    """(index, next index, share of the next) along one axis."""
    points = np.clip(points, 0, size - 1) if clamp else points
    first = low(points).astype(int)
    share = points - first
    return np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1), share


def _resize(points=_half_pixel, neighbours=_neighbours, change=lambda image, h, w: (image, h, w)):
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(image, height, width):
        image, height, width = change(image, height, width)
        a, b, v = neighbours(points(height, image.shape[0]), image.shape[0])
        c, d, u = neighbours(points(width, image.shape[1]), image.shape[1])
        rows = image[a] * (1 - v)[:, None] + image[b] * v[:, None]
        return rows[:, c] * (1 - u) + rows[:, d] * u

    return wrong


def _at(places):
    """Whole pixels, no interpolation."""
    return lambda image, height, width: image[np.ix_(places(height, image.shape[0]), places(width, image.shape[1]))]


def _zeros_outside(image, height, width):
    wide = np.pad(image, 1)
    a, b, v = _neighbours(_half_pixel(height, image.shape[0]) + 1, wide.shape[0])
    c, d, u = _neighbours(_half_pixel(width, image.shape[1]) + 1, wide.shape[1])
    rows = wide[a] * (1 - v)[:, None] + wide[b] * v[:, None]
    return rows[:, c] * (1 - u) + rows[:, d] * u


def _triangle(n, size):
    """torch's antialias=True: hats as wide as the step when the image shrinks."""
    support = max(size / n, 1.0)
    distance = np.abs(_half_pixel(n, size)[:, None] - np.arange(size)) / support
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(axis=1, keepdims=True)


def _antialiased(image, height, width):
    return _triangle(height, image.shape[0]) @ image @ _triangle(width, image.shape[1]).T


def _area(n, size):
    edges = np.arange(n + 1) * size / n
    low, high = edges[:-1, None], edges[1:, None]
    overlap = np.clip(np.minimum(high, np.arange(1, size + 1)) - np.maximum(low, np.arange(size)), 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)


def _extrapolated(points, size):
    first = np.clip(np.floor(points), 0, max(size - 2, 0)).astype(int)
    return first, np.minimum(first + 1, size - 1), points - first


def _wrapped(points, size):
    first = np.floor(points).astype(int)
    return first % size, (first + 1) % size, points - first


_CENTRES = "Half-pixel centres: output i lies at (i + ½)·n_in/n_out − ½ in the input (align_corners=False)."
_CLAMP = "Before the first centre and behind the last the border's value holds: clamp the coordinate to [0, n − 1]."
_PLAIN = "There is no antialiasing here: two neighbours along each axis, also where the image shrinks."
_LINEAR = "Interpolate between the two neighbours, the nearer weighs more."
_RESIZE_FLAWS = {
    "align_corners=True": ("That maps corner pixels on corner pixels, (n_in − 1)/(n_out − 1); here centres are half a pixel in.", _resize(_corners)),
    "no half pixels: i·n_in/n_out": (_CENTRES, _resize(lambda n, size: np.arange(n) * size / n)),
    "half a pixel added but not subtracted": (_CENTRES, _resize(lambda n, size: (np.arange(n) + 0.5) * size / n)),
    "half a pixel subtracted before scaling": (_CENTRES, _resize(lambda n, size: (np.arange(n) - 0.5) * size / n)),
    "half a pixel subtracted only": (_CENTRES, _resize(lambda n, size: np.arange(n) * size / n - 0.5)),
    "scale inverted, n_out/n_in": (_CENTRES, _resize(lambda n, size: (np.arange(n) + 0.5) * n / size - 0.5)),
    "from edge to edge, linspace(0, n_in, n_out)": (_CENTRES, _resize(lambda n, size: np.linspace(0, size, n))),
    "one scale for both axes": (_CENTRES, lambda image, h, w: _resize(lambda n, size: (
        np.arange(n) + 0.5) * image.shape[1] / w - 0.5)(image, h, w)),
    "height and width exchanged": ("The order is height, width: rows first.", lambda image, h, w: _resize()(image, w, h)),
    "transposed": ("The order is height, width: rows first.", lambda image, h, w: _resize()(image, h, w).T),
    "nearest pixel": (_LINEAR, _at(lambda n, size: np.floor(np.arange(n) * size / n).astype(int))),
    "nearest pixel, half-pixel centres": (_LINEAR, _at(lambda n, size: np.clip(np.floor(_half_pixel(n, size) + 0.5), 0, size - 1).astype(int))),
    "weights exchanged": (_LINEAR, _resize(neighbours=lambda p, size: (_neighbours(p, size)[1], _neighbours(p, size)[0], _neighbours(p, size)[2]))),
    "rows only": ("Interpolate along both axes.", lambda image, h, w: _resize()(image, h, image.shape[1])[
        :, np.clip(np.floor(_half_pixel(w, image.shape[1]) + 0.5), 0, image.shape[1] - 1).astype(int)]),
    "zeros outside, blended in": (_CLAMP, _zeros_outside),
    "extrapolated at the border": (_CLAMP, _resize(neighbours=_extrapolated)),
    "int() for floor: extrapolated before the first centre": (_CLAMP, _resize(
        neighbours=lambda p, size: _neighbours(p, size, low=np.trunc, clamp=False))),
    "wrapped round at the border": (_CLAMP, _resize(neighbours=_wrapped)),
    "clamped below only": (_CLAMP, _resize(neighbours=lambda p, size: _extrapolated(np.maximum(p, 0), size))),
    "antialiased where it shrinks": (_PLAIN, _antialiased),
    "mean over the area": (_PLAIN, lambda image, h, w: _area(h, image.shape[0]) @ image @ _area(w, image.shape[1]).T),
    "rounded to whole numbers": ("Values stay as they come: no rounding.", lambda image, h, w: np.round(_resize()(image, h, w))),
}  # fmt: skip


def _by_matrices(image, height, width):
    def hats(n, size):
        return np.maximum(0, 1 - np.abs(np.clip(_half_pixel(n, size), 0, size - 1)[:, None] - np.arange(size)))

    return hats(height, image.shape[0]) @ image @ hats(width, image.shape[1]).T


def _by_interp(image, height, width):
    """np.interp holds the border's value outside."""
    rows, columns = np.arange(image.shape[0]), np.arange(image.shape[1])
    down = np.array([np.interp(_half_pixel(height, len(rows)), rows, column) for column in image.T]).T
    return [np.interp(_half_pixel(width, len(columns)), columns, row) for row in down]


def _torch_backed(image, height, width):
    return _resize_oracle(image.copy(), height, width)


def _image(name, shape, height, width):
    return Case(name, lambda rng: dict(image=rng.normal(size=shape), height=height, width=width))


RESIZE = Exercise(
    name="bilinear_resize",
    returns=("out",),
    oracle=_resize_oracle,
    cases=(
        Case("two pixels to four", lambda rng: dict(image=np.array([[0.0, 8.0]]), height=1, width=4)),
        Case("2×2 to 4×4", lambda rng: dict(image=np.array([[0.0, 4.0], [8.0, 20.0]]), height=4, width=4)),
        _image("3×4 to 6×8", (3, 4), 6, 8),
        _image("3×5 to 7×6", (3, 5), 7, 6),
        _image("wider and lower", (6, 3), 4, 9),
        _image("half as large", (6, 8), 3, 4),
        _image("a third as large", (9, 6), 3, 2),
        _image("much smaller", (11, 13), 2, 3),
        _image("the same size", (4, 5), 4, 5),
        _image("to one pixel", (4, 5), 1, 1),
        _image("one pixel to 3×2", (1, 1), 3, 2),
        _image("one column", (5, 1), 8, 3),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _RESIZE_FLAWS.items()),
    accepts=(_by_matrices, _by_interp, _torch_backed),
    verified="equal to torch's interpolate (bilinear, align_corners=False) for growing, shrinking and one pixel",
)  # fmt: skip
