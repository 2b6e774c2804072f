"""max_pool2d: cases, oracle, mistakes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from utils.exercises.cnn_layers.shared import _must_fit, _named, _raising, _whole_numbers, _windows
from utils.grading.spec import Case, Exercise


# ---- max_pool2d -------------------------------------------------------------------------------------------------
def _pool_oracle(x, kernel_size, stride=None):
    import torch

    return torch.nn.functional.max_pool2d(torch.from_numpy(x.astype(np.float64)), kernel_size, stride).numpy()


def _pool(
    fold=lambda windows: windows.max(axis=(-2, -1)),
    step=lambda k, s: (s or k,) * 2,
    windows=_windows,
    end=lambda out: out,
    kernel=lambda k: (k, k),
):
    """A pooling with one part exchanged: what is done with a window, the strides, the windows, the last line."""

    def pool(x, kernel_size, stride=None):
        return end(fold(windows(x, *kernel(kernel_size), *step(kernel_size, stride))))

    return pool


_right_pool = _pool()


def _pool_padded(value, width):
    """Pooling of a map that was made larger by a frame, or below and to the right, of one value."""

    def wrong(x, kernel_size, stride=None):
        _windows(x, kernel_size, kernel_size)  # whether it fits at all
        pads = [width(n, kernel_size, stride or kernel_size) for n in x.shape[2:]]
        padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *pads), constant_values=value)
        return _right_pool(padded, kernel_size, stride)

    return wrong


def _up_to_whole(n, k, s):
    return 0, -(n - k) % s


def _frame(n, k, s):
    return k // 2, k // 2


def _pool_unfitting(size):
    def wrong(x, kernel_size, stride=None):
        try:
            return _right_pool(x, kernel_size, stride)
        except ValueError:
            return np.zeros((*x.shape[:2], *(size(n, kernel_size, stride or kernel_size) for n in x.shape[2:])))

    return wrong


def _pool_of_what_is_there(x, kernel_size, stride=None):
    return (
        _right_pool(x, kernel_size, stride)
        if min(x.shape[2:]) >= kernel_size
        else x.max(axis=(2, 3), keepdims=True).astype(float)
    )


def _strided_blocks(x, kernel_size, stride=None):
    """The reshape trick on cut maps, with block and place within a block mixed up."""
    n, c, h, w = x.shape
    rows, columns = _must_fit(h // kernel_size, w // kernel_size)
    cut = x[:, :, : rows * kernel_size, : columns * kernel_size]
    return cut.reshape(n, c, kernel_size, rows, kernel_size, columns).max(axis=(2, 4))


def _blocks_by_reshape(x, kernel_size, stride=None):
    n, c, h, w = x.shape
    rows, columns = _must_fit(h // kernel_size, w // kernel_size)
    return x.reshape(n, c, rows, kernel_size, columns, kernel_size).max(axis=(3, 5))


def _square_pool(x, kernel_size, stride=None):
    out = _right_pool(x, kernel_size, stride)
    rows, columns = out.shape[2:]
    if rows > columns:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    return out[:, :, :, :rows]


def _norm(windows):
    return np.sqrt((windows.astype(np.float64) ** 2).sum(axis=(-2, -1)))


def _largest_size(windows):
    return np.abs(windows.astype(np.float64)).max(axis=(-2, -1))


def _place_of_max(windows):
    return windows.reshape(*windows.shape[:4], -1).argmax(axis=-1)


_MAX = "Take the largest value of each window: max over its two axes."


_DEFAULT = "stride=None means stride = kernel_size: windows side by side."


_OWN = "The stride is an argument of its own: windows may overlap or leave gaps."


_POOL_FLOOR = "No padding, and only whole windows: (H − k) // stride + 1 rows; what is left over is dropped."


_NEGATIVE = "Values may be negative: start from the window's own values (or −inf), not from zeros."


_EACH = "Pool each image and each channel by itself: only H and W shrink."


_POOL_FITS = "Where the window is larger than the map, in either direction, raise ValueError."


_BLOCKS = (
    "For the reshape trick: cut to whole windows, (N, C, H', k, W', k), max over axes 3 and 5; only for stride = k."
)


_POOL_MISTAKES = _named(
    ("mean pooling", _MAX, _pool(lambda v: v.mean(axis=(-2, -1)))),
    ("min pooling", _MAX, _pool(lambda v: v.min(axis=(-2, -1)))),
    ("sum pooling", _MAX, _pool(lambda v: v.sum(axis=(-2, -1), dtype=float))),
    ("median pooling", _MAX, _pool(lambda v: np.median(v, axis=(-2, -1)))),
    ("root of the sum of squares", _MAX, _pool(_norm)),
    ("largest absolute value", "The largest value, not the largest size: −5 is less than 1.", _pool(_largest_size)),
    ("place of the maximum in place of its value", "Return the maximum itself; its place is for the backward pass.", _pool(_place_of_max)),
    ("every stride-th pixel taken", _MAX, _pool(lambda v: v[..., 0, 0])),
    ("last pixel of each window taken", _MAX, _pool(lambda v: v[..., -1, -1])),
    ("maximum that starts from zero", _NEGATIVE, _pool(end=lambda out: np.maximum(out, 0))),
    ("stride 1 by default", _DEFAULT, _pool(step=lambda k, s: (s or 1,) * 2)),
    ("stride 2 by default", _DEFAULT, _pool(step=lambda k, s: (s or 2,) * 2)),
    ("stride ignored (always kernel_size)", _OWN, _pool(step=lambda k, s: (k, k))),
    ("stride always 1", _OWN, _pool(step=lambda k, s: (1, 1))),
    ("stride for rows only", _OWN, _pool(step=lambda k, s: (s or k, 1))),
    ("stride for columns only", _OWN, _pool(step=lambda k, s: (1, s or k))),
    ("kernel as large as the stride", "The window is kernel_size wide; the stride only says where the next one begins.",
     lambda x, k, s=None: _pool(kernel=lambda _: (s or k,) * 2)(x, k, s)),
    ("kernel and stride swapped", "kernel_size comes first, then stride.", lambda x, k, s=None: _right_pool(x, s or k, k)),
    ("window over rows only", _MAX, _pool(lambda v: v[..., 0].max(axis=-1))),
    ("window over columns only", _MAX, _pool(lambda v: v[..., 0, :].max(axis=-1))),
    ("ceil for floor", _POOL_FLOOR, _pool_padded(-np.inf, _up_to_whole)),
    ("ceil for floor, with zeros at the border", _POOL_FLOOR, _pool_padded(0, _up_to_whole)),
    ("padding of k // 2", _POOL_FLOOR, _pool_padded(-np.inf, _frame)),
    ("padding of k // 2, with zeros", _POOL_FLOOR, _pool_padded(0, _frame)),
    ("the last row and column missing", "There are (H − k) // stride + 1 windows: the 1 was forgotten.",
     _pool(windows=lambda x, kh, kw, *s: _windows(x, kh, kw)[:, :, :-1, :-1][:, :, :: s[0], :: s[1]])),
    ("maximum over the channels too", _EACH, _pool(end=lambda out: out.max(axis=1, keepdims=True))),
    ("maximum over the batch too", _EACH, _pool(end=lambda out: out.max(axis=0, keepdims=True))),
    ("global maximum of each map", "One maximum for each window, not for each map.", lambda x, k, s=None: _right_pool(x, k, s) * 0 + x.max(axis=(2, 3), keepdims=True)),
    ("one number for each map", "One maximum for each window, not for each map.", lambda x, k, s=None: _right_pool(x, k, s).max(axis=(2, 3), keepdims=True)),
    ("axes mixed up in the reshape", _BLOCKS, _strided_blocks),
    ("reshape without cutting what is left over", _BLOCKS, _blocks_by_reshape),
    ("rows and columns swapped", "Rows stay rows: the result is (N, C, H', W').", _pool(end=lambda out: out.swapaxes(2, 3))),
    ("channels last", "The result is (N, C, H', W').", _pool(end=lambda out: out.transpose(0, 2, 3, 1))),
    ("channels pooled as rows (N, H, W, C)", "x is (N, C, H, W): the maps are the last two axes.",
     lambda x, k, s=None: _right_pool(x.transpose(0, 3, 1, 2), k, s).transpose(0, 2, 3, 1)),
    ("image taken to be square", "H and W may differ: compute the two sizes one by one.", _square_pool),
    ("an empty array where the window does not fit", _POOL_FITS, _pool_unfitting(lambda n, k, s: max((n - k) // s + 1, 0))),
    ("window cut to the map where it does not fit", _POOL_FITS, _pool_of_what_is_there),
    ("an assertion in place of ValueError", _POOL_FITS, _raising(AssertionError, _right_pool)),
    ("another exception than ValueError", _POOL_FITS, _raising(RuntimeError, _right_pool)),
)  # fmt: skip


def _pool_loops(x, kernel_size, stride=None):
    stride = stride or kernel_size
    n, c, h, w = x.shape
    rows, columns = _must_fit(*((a - kernel_size) // stride + 1 for a in (h, w)))
    out = np.empty((n, c, rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            out[:, :, i, j] = x[:, :, top : top + kernel_size, left : left + kernel_size].max(axis=(2, 3))
    return out


def _pool_shifts(x, kernel_size, stride=None):
    """The running maximum of shifted copies."""
    stride = kernel_size if stride is None else stride
    rows, columns = _must_fit(*((a - kernel_size) // stride + 1 for a in x.shape[2:]))
    out = np.full((*x.shape[:2], rows, columns), -np.inf)
    for i in range(kernel_size):
        for j in range(kernel_size):
            out = np.maximum(out, x[:, :, i::stride, j::stride][:, :, :rows, :columns])
    return out


def _pool_separable(x, kernel_size, stride=None):
    """Rows first, then columns."""
    stride = kernel_size if stride is None else stride
    rows = sliding_window_view(x, kernel_size, axis=2)[:, :, ::stride].max(axis=-1)
    return sliding_window_view(rows, kernel_size, axis=3)[:, :, :, ::stride].max(axis=-1)


def _pool_reshape(x, kernel_size, stride=None):
    if stride not in (None, kernel_size):
        return _right_pool(x, kernel_size, stride).tolist()
    rows, columns = _must_fit(*(n // kernel_size for n in x.shape[2:]))
    cut = x[:, :, : rows * kernel_size, : columns * kernel_size]
    return cut.reshape(*x.shape[:2], rows, kernel_size, columns, kernel_size).max(axis=(3, 5))


def _pool_torch(x, kernel_size, stride=None):
    _must_fit(*(n - kernel_size + 1 for n in x.shape[2:]))
    return _pool_oracle(x, kernel_size, stride)


def _pool_case(rng, *shape, **more):
    return dict(x=rng.normal(size=shape)) | more


POOL = Exercise(
    name="max_pool2d",
    returns=("out",),
    oracle=_pool_oracle,
    cases=(
        Case("one image of 2×4, window 2", lambda rng: dict(x=np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, -1.0, 9.0]]]]), kernel_size=2)),
        Case("nothing but negative numbers", lambda rng: dict(x=-1 - rng.random((1, 2, 4, 4)), kernel_size=2)),
        Case("5×7 pixels, window 2: a row and a column left over", lambda rng: _pool_case(rng, 2, 3, 5, 7, kernel_size=2)),
        Case("overlapping: window 3, stride 2", lambda rng: _pool_case(rng, 2, 2, 7, 6, kernel_size=3, stride=2)),
        Case("stride 1", lambda rng: _pool_case(rng, 1, 2, 4, 3, kernel_size=2, stride=1)),
        Case("gaps: window 2, stride 3", lambda rng: _pool_case(rng, 1, 2, 8, 6, kernel_size=2, stride=3)),
        Case("every axis of length 4", lambda rng: _pool_case(rng, 4, 4, 4, 4, kernel_size=2)),
        Case("window 3 by default stride", lambda rng: _pool_case(rng, 1, 1, 6, 10, kernel_size=3)),
        Case("window 1: nothing happens", lambda rng: _pool_case(rng, 1, 2, 2, 3, kernel_size=1)),
        Case("one window for the whole map", lambda rng: _pool_case(rng, 3, 2, 3, 3, kernel_size=3)),
        Case("higher than wide", lambda rng: _pool_case(rng, 1, 2, 6, 4, kernel_size=2)),
        Case("an image of whole numbers (uint8)", lambda rng: dict(x=_whole_numbers(rng, 1, 1, 4, 4), kernel_size=2)),
        Case("window one row too high", lambda rng: _pool_case(rng, 1, 1, 2, 4, kernel_size=3), raises="ValueError"),
        Case("window one column too wide, stride 2", lambda rng: _pool_case(rng, 1, 1, 4, 2, kernel_size=3, stride=2), raises="ValueError"),
    ),
    mistakes=_POOL_MISTAKES,
    accepts=(_pool_loops, _pool_shifts, _pool_separable, _pool_reshape, _pool_torch),
    rtol=1e-9,
    verified="equal to torch's max_pool2d in float64: overlapping windows, gaps, leftover pixels; ValueError where the window does not fit",
)  # fmt: skip
