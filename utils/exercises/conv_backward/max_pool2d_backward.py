"""max_pool2d_backward: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.conv_backward.shared import _arange
from utils.grading.spec import Case, Exercise, Mistake


# ---- max pooling ------------------------------------------------------------------------------------------------
def _pool_oracle(dout, x, kernel_size, stride=None):
    import torch

    x = torch.from_numpy(np.array(x)).requires_grad_()
    out = torch.nn.functional.max_pool2d(x, kernel_size, stride)
    return torch.autograd.grad(out, x, torch.from_numpy(np.array(dout)))[0].numpy()


def _first(block):
    """(N, C, k, k) -> 1 at the first maximum of each window, row by row, 0 elsewhere."""
    return _at(block, block.reshape(*block.shape[:2], -1).argmax(axis=2))


def _at(block, position):
    n, c, kh, kw = block.shape
    return (np.arange(kh * kw) == np.asarray(position)[..., None]).reshape(n, c, kh, kw).astype(float)


def _last(block):
    n, c, kh, kw = block.shape
    return _at(block, kh * kw - 1 - block.reshape(n, c, -1)[:, :, ::-1].argmax(axis=2))


def _by_column(block):
    return _first(block.swapaxes(2, 3)).swapaxes(2, 3)


def _ties(block):
    return (block == block.max(axis=(2, 3), keepdims=True)).astype(float)


def _shares(block):
    return _ties(block) / _ties(block).sum(axis=(2, 3), keepdims=True)


def _one_channel(block):
    return _first(block[:, :1]) + 0 * block


def _one_image(block):
    return _first(block[:1]) + 0 * block


def _softmax(block):
    e = np.exp(block - block.max(axis=(2, 3), keepdims=True))
    return e / e.sum(axis=(2, 3), keepdims=True)


def _pool(share=_first, write=np.add, step=None, grow=lambda dx, given: dx, fits=True):
    """Max pooling's backward pass with one part exchanged: who gets a window's gradient, how it is written, the stride."""

    def wrong(dout, x, kernel_size, stride=None):
        k, s = kernel_size, stride or kernel_size
        if fits and k > min(x.shape[2:]):
            raise ValueError("the window does not fit")
        s = step(k, s, stride) if step else s
        dx = np.zeros(x.shape)
        for i, j in np.ndindex(*dout.shape[2:]):
            place = (..., slice(i * s, i * s + k), slice(j * s, j * s + k))
            dx[place] = write(dx[place], share(x[place]) * dout[:, :, i, j, None, None])
        return grow(dx, (dout, x, k, s))

    return wrong


def _covered(dx, given):
    dout, _, k, s = given
    oh, ow = dout.shape[2:]
    return dx[:, :, : (oh - 1) * s + k, : (ow - 1) * s + k]


def _global(dout, x, kernel_size, stride=None):
    """Every window's gradient at the maximum of the whole channel."""
    if kernel_size > min(x.shape[2:]):
        raise ValueError
    return _first(x) * dout.sum(axis=(2, 3), keepdims=True)


def _everywhere(dout, x, kernel_size, stride=None):
    """All entries equal to some window's maximum, compared by value with what was pooled (np.isin)."""
    k, s = kernel_size, stride or kernel_size
    dx = np.zeros(x.shape)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    for n, c, i, j in np.ndindex(*dout.shape):
        dx[n, c][x[n, c] == windows[n, c, i, j].max()] += dout[n, c, i, j]
    return dx


def _wide_index(dout, x, kernel_size, stride=None):
    """The position in the window taken for a position in the image: divmod by the image's width."""
    k, s = kernel_size, stride or kernel_size
    if k > min(x.shape[2:]):
        raise ValueError
    h, w = x.shape[2:]
    dx = np.zeros(x.shape)
    for m, f, i, j in np.ndindex(*dout.shape):
        place = np.argmax(x[m, f, i * s : i * s + k, j * s : j * s + k]) + i * s * w + j * s
        dx[m, f, place // w % h, place % w] += dout[m, f, i, j]
    return dx


_FIRST = "Among equal maxima the first one, row by row, takes the whole gradient: np.argmax of the flattened window."


_MAX = "Only the maximum reached the output: its derivative is 1, that of every other entry of the window 0."


_OVERLAP = "A pixel can be the maximum of several windows: add what each sends back, +=, not =."


_STRIDE = "stride None means windows side by side, stride = kernel_size; else step by the stride."


_OWN = "Every channel of every image has its own maxima: reduce over the two axes of the window only."


_SHAPE = "dx has the shape of x; rows and columns that no window read have gradient 0."


_INDEX = "argmax gives a place in the window: divmod(place, kernel_size) is its row and column there."


_POOL_MISTAKES = (
    Mistake("ties share the gradient", _FIRST, _pool(_shares)),
    Mistake("every tie gets the whole gradient", _FIRST, _pool(_ties)),
    Mistake("overlaps overwritten", _OVERLAP, _pool(write=lambda old, new: new)),
    Mistake("overlaps overwritten, at the maxima only", _OVERLAP, _pool(write=lambda old, new: np.where(new != 0, new, old))),
    Mistake("ties share the gradient, overlaps overwritten", _OVERLAP, _pool(_shares, lambda old, new: new)),
    Mistake("every tie gets the whole gradient, overlaps overwritten", _OVERLAP, _pool(_ties, lambda old, new: new)),
    Mistake("every tie gets the whole gradient, overlaps overwritten at the maxima", _OVERLAP, _pool(_ties, lambda old, new: np.where(new != 0, new, old))),
    Mistake("the last maximum instead of the first", _FIRST, _pool(_last)),
    Mistake("the first maximum column by column", "Row by row: within a window the row decides first, then the column.", _pool(_by_column)),
    Mistake("average pooling's gradient", _MAX, _pool(lambda block: np.full(block.shape, 1 / block[0, 0].size))),
    Mistake("the whole window gets the gradient", _MAX, _pool(np.ones_like)),
    Mistake("the largest absolute value", "Max pooling takes the largest value, not the largest size.", _pool(lambda block: _first(abs(block)))),
    Mistake("the minimum", "The maximum of each window takes the gradient.", _pool(lambda block: _first(-block))),
    Mistake("negative maxima get nothing", "A window's maximum may be negative: start the search from its first entry, not from 0.", _pool(lambda block: _first(block) * (block > 0))),
    Mistake("maxima that are 0 get nothing", "A maximum of 0 takes the gradient too; ReLU before the pooling has its own backward pass.", _pool(lambda block: _first(block) * (block != 0))),
    Mistake("a softmax for the maximum", _MAX, _pool(_softmax)),
    Mistake("gradient times the maximum", "The derivative with respect to the maximum is 1, not its value.", _pool(lambda block: _first(block) * block)),
    Mistake("gradient divided by the window's size", _MAX, _pool(lambda block: _first(block) / block[0, 0].size)),
    Mistake("upstream gradient ignored", "Every gradient starts from dout, not from ones.", lambda dout, *rest: _pool()(0 * dout + 1, *rest)),
    Mistake("the maximum itself returned", "Return the gradient dout at that place, not the value of x.", lambda dout, x, *rest: _pool(lambda block: _first(block) * block, lambda old, new: old + new)(0 * dout + 1, x, *rest)),
    Mistake("one maximum for all channels", _OWN, _pool(_one_channel)),
    Mistake("one maximum for all images", _OWN, _pool(_one_image)),
    Mistake("the maximum of the whole image", "Look inside each window, not at the whole channel.", _global),
    Mistake("pixels outside the window that equal its maximum", "Compare within the window: an equal pixel elsewhere did not reach this output.", _everywhere),
    Mistake("stride ignored", _STRIDE, _pool(step=lambda k, s, given: k)),
    Mistake("stride 1 unless given", _STRIDE, _pool(step=lambda k, s, given: given or 1)),
    Mistake("stride 1 always", _STRIDE, _pool(step=lambda k, s, given: 1)),
    Mistake("stride 2 unless given", _STRIDE, _pool(step=lambda k, s, given: given or 2)),
    Mistake("rows that no window read left out", _SHAPE, _pool(grow=_covered)),
    Mistake("place in the window taken for a place in the image", _INDEX, _wide_index),
    Mistake("row and column of the maximum swapped", _INDEX, _pool(lambda block: _first(block).swapaxes(2, 3))),
    Mistake("always the top left entry", _MAX, _pool(lambda block: _at(block, np.zeros(block.shape[:2])))),
    Mistake("sign reversed", "The gradient of the maximum is +1.", lambda *given: -_pool()(*given)),
    Mistake(
        "results in float32",
        "Work in float64: np.zeros(shape) makes float64; drop astype and dtype=np.float32.",
        lambda *given: _pool()(*given).astype(np.float32),
    ),
    Mistake("summed over the batch", "Each image has its own dx: the shape is that of x.", lambda *given: _pool()(*given).sum(axis=0)),
    Mistake("divided by the batch size", "dout knows the 1/N of a mean loss already.", lambda dout, *rest: _pool()(dout, *rest) / len(dout)),
    Mistake("a window that does not fit is not refused", "Raise ValueError when kernel_size exceeds the height or the width of x.", _pool(fits=False)),
)  # fmt: skip


def _pool_loops(dout, x, kernel_size, stride=None):
    s = kernel_size if stride is None else stride
    n, c, h, w = x.shape
    if kernel_size > h or kernel_size > w:
        raise ValueError("window larger than the image")
    dx = np.zeros((n, c, h, w)).tolist()
    for m, f, i, j in np.ndindex(*dout.shape):
        best = (i * s, j * s)
        for row in range(i * s, i * s + kernel_size):
            for column in range(j * s, j * s + kernel_size):
                if x[m, f, row, column] > x[m, f, best[0], best[1]]:
                    best = (row, column)
        dx[m][f][best[0]][best[1]] += dout[m, f, i, j]
    return dx


def _pool_windows(dout, x, kernel_size, stride=None):
    """A writeable view of dx in windows of its own, added to through np.add.at."""
    k, s = kernel_size, stride or kernel_size
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    rows, columns = divmod(windows.reshape(*windows.shape[:4], -1).argmax(axis=-1), k)
    n, c, i, j = np.indices(dout.shape, sparse=True)
    dx = np.zeros(x.shape)
    np.add.at(dx, (n, c, i * s + rows, j * s + columns), dout)
    return dx


def _pool_offsets(dout, x, kernel_size, stride=None):
    """Offset by offset: the first whose entry equals the maximum takes the gradient, and the window is closed."""
    k, s = kernel_size, stride or kernel_size
    oh, ow = dout.shape[2:]
    places = [
        (..., slice(a, a + s * (oh - 1) + 1, s), slice(b, b + s * (ow - 1) + 1, s)) for a in range(k) for b in range(k)
    ]
    top = np.max([x[place] for place in places], axis=0)
    if k > min(x.shape[2:]):
        raise ValueError
    open_, dx = np.ones(dout.shape, dtype=bool), np.zeros_like(x)
    for place in places:
        hit = open_ & (x[place] == top)
        dx[place] += np.where(hit, dout, 0)
        open_ &= ~hit
    return dx


def _pool_torch(dout, x, kernel_size, stride=None):
    try:
        return _pool_oracle(dout, x, kernel_size, stride)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _image(rows, dout, kernel_size, **more):
    return dict(dout=np.array([[dout]], dtype=float), x=np.array([[rows]], dtype=float), kernel_size=kernel_size) | more


def _maps(rng, shape, kernel_size, size=1.0, values=None, **more):
    """Random maps; with `values` small integers, so that ties abound."""
    s = more.get("stride") or kernel_size
    x = rng.normal(size=shape) if values is None else rng.integers(*values, size=shape).astype(float)
    out = (*shape[:2], *((side - kernel_size) // s + 1 for side in shape[2:]))
    return dict(dout=size * rng.normal(size=out), x=x, kernel_size=kernel_size) | more


POOL = Exercise(
    name="max_pool2d_backward",
    returns=("dx",),
    oracle=_pool_oracle,
    cases=(
        Case("one window of 2×2", lambda rng: _image([[1, 3], [7, 5]], [[10]], 2)),
        Case("two windows side by side", lambda rng: _image([[1, 4, -2, 0], [2, 3, -1, -3]], [[10, 20]], 2)),
        Case("ties in every window", lambda rng: _image([[0, 5, 4, 4], [5, 0, 4, 4]], [[10, 20]], 2)),
        Case("overlapping windows with one maximum", lambda rng: _image([[1, 2, 3], [4, 9, 6]], [[10, 20]], 2, stride=1)),
        Case("negative values only", lambda rng: _image([[-4, -2], [-9, -3]], [[10]], 2, stride=None)),
        Case("two images, three channels", lambda rng: _maps(rng, (2, 3, 4, 6), 2)),
        Case("as many images as channels, rows and columns", lambda rng: _maps(rng, (4, 4, 4, 4), 2, stride=2)),
        Case("kernel 3, stride 2: a shared row and column", lambda rng: _maps(rng, (2, 2, 7, 5), 3, stride=2)),
        Case("kernel 3, stride 1, ties in overlapping windows", lambda rng: _maps(rng, (2, 2, 5, 5), 3, values=(-1, 2), stride=1)),
        Case("stride 3 beyond a 2×2 window: gaps", lambda rng: _maps(rng, (1, 2, 8, 5), 2, stride=3)),
        Case("after a ReLU: zeros that tie, an odd row and column", lambda rng: _maps(rng, (2, 1, 5, 7), 2) | dict(
            x=np.maximum(0, rng.normal(-0.5, 1, size=(2, 1, 5, 7))))),
        Case("kernel 1", lambda rng: _maps(rng, (1, 2, 2, 3), 1)),
        Case("a window as large as the map", lambda rng: _maps(rng, (3, 2, 3, 3), 3, size=1e4)),
        Case("a zero upstream gradient", lambda rng: _maps(rng, (1, 1, 4, 4), 2, size=0.0)),
        Case("a 3×3 window does not fit on 2×4 pixels", lambda rng: dict(
            dout=np.ones((1, 1, 1, 1)), x=_arange(1, 1, 2, 4), kernel_size=3), raises="ValueError"),
    ),
    mistakes=_POOL_MISTAKES,
    accepts=(_pool_loops, _pool_windows, _pool_offsets, _pool_torch),
    rtol=1e-9,  # as above
    verified="equal to torch's autograd through max_pool2d in float64: ties, overlaps, gaps, negative maps, odd rows",
)  # fmt: skip
