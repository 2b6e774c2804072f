"""20 · A CNN's layers: output size, convolution, max pooling, receptive field. Oracles: torch's functions in float64."""

import functools
import math

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from utils.grading.spec import Case, Exercise, Mistake, Question


def _named(*rows):
    return tuple(Mistake(name, advice, wrong) for name, advice, wrong in rows)


def _must_fit(*sizes):
    """`sizes` where each is at least 1, or the exception that the contract asks for."""
    if min(sizes) < 1:
        raise ValueError("the kernel does not fit")
    return sizes


# ---- output_size ------------------------------------------------------------------------------------------------


def _size_oracle(n, kernel, stride=1, padding=0, dilation=1):
    import torch

    line, taps = torch.zeros(1, 1, n), torch.zeros(1, 1, kernel)
    return torch.nn.functional.conv1d(line, taps, None, stride, padding, dilation).shape[-1]


def _size(
    room=lambda n, p: n + 2 * p, span=lambda k, d: d * (k - 1) + 1, count=lambda free, s: free // s + 1, fits=None
):
    """An output size with one part exchanged: the padded length, the kernel's span, the count, when it is refused."""

    def size(n, kernel, stride=1, padding=0, dilation=1):
        free = room(n, padding) - span(kernel, dilation)
        if not (fits(n, kernel, stride, padding, dilation) if fits else free >= 0):
            raise ValueError("the kernel does not fit")
        return count(free, stride)

    return size


def _always(*_):
    return True


def _raising(error, function):
    """The same answers, but another exception where a ValueError is asked for."""

    def wrong(*args, **more):
        try:
            return function(*args, **more)
        except ValueError:
            raise error("the kernel does not fit") from None

    return wrong


_FLOOR = "Only whole windows count: round down, (n + 2·padding − span) // stride + 1."
_ONE = "The first window sits at 0 and counts too: free // stride + 1, the 1 after the division."
_SIDES = "Padding is put on both sides: n + 2·padding."
_SPAN = "A kernel of k taps, `dilation` apart, covers dilation·(k − 1) + 1 pixels: k − 1 gaps and one pixel more."
_STRIDE = "A stride of s keeps every s-th position: divide the free room by it."
_FIT = "Where the kernel's span is larger than n + 2·padding no window exists: raise ValueError."
_INT = "A size is an int: integer division //, or int(...)."

_SIZE_MISTAKES = _named(
    ("ceil for floor", _FLOOR, _size(count=lambda free, s: -(-free // s) + 1)),
    ("+ 1 forgotten", _ONE, _size(count=lambda free, s: free // s)),
    ("+ 1 before the division", _ONE, _size(count=lambda free, s: (free + 1) // s)),
    ("padding on one side", _SIDES, _size(room=lambda n, p: n + p)),
    ("padding forgotten", _SIDES, _size(room=lambda n, p: n)),
    ("padding subtracted", "Padding makes the image larger: n + 2·padding.", _size(room=lambda n, p: n - 2 * p)),
    ("stride ignored", _STRIDE, _size(count=lambda free, s: free + 1)),
    ("stride multiplied", _STRIDE, _size(count=lambda free, s: free * s + 1)),
    ("dilation ignored", _SPAN, _size(span=lambda k, d: k)),
    ("span dilation · k", _SPAN, _size(span=lambda k, d: d * k)),
    ("span dilation · (k − 1)", _SPAN, _size(span=lambda k, d: d * (k - 1))),
    ("span k + dilation − 1", _SPAN, _size(span=lambda k, d: k + d - 1)),
    ("dilation counted from 0", "dilation = 1 is the ordinary kernel: the span is dilation·(k − 1) + 1.",
     _size(span=lambda k, d: (d + 1) * (k - 1) + 1)),
    ("a float", _INT, _size(count=lambda free, s: float(free // s + 1))),
    ("the exact ratio", _INT, _size(count=lambda free, s: free / s + 1)),
    ("rounded to the nearest", _FLOOR, _size(count=lambda free, s: round(free / s) + 1)),
    ("padding k // 2, whatever is asked for", "Use the padding that is passed; k // 2 is only the usual choice.",
     lambda n, k, s=1, p=0, d=1: _size()(n, k, s, k // 2, d)),
    ("ceil(n / stride) (\"same\" padding)", "That is the size under \"same\" padding; here the padding is given.",
     lambda n, k, s=1, p=0, d=1: -(-n // s)),
    ("transposed convolution", "A transposed convolution undoes this size; here the map gets smaller.",
     lambda n, k, s=1, p=0, d=1: _must_fit((n - 1) * s - 2 * p + d * (k - 1) + 1)[0]),
    ("no ValueError where the kernel does not fit", _FIT, _size(fits=_always)),
    ("no ValueError, int() rounds towards zero", "int(−1 / 2) is 0, so the size becomes 1: test the room before you divide.",
     _size(fits=_always, count=lambda free, s: int(free / s) + 1)),
    ("int() rounds towards zero before the test", "int(−1 / 2) is 0, so the size becomes 1: test the room before you divide.",
     _size(fits=_always, count=lambda free, s: _must_fit(int(free / s) + 1)[0])),
    ("zero where the kernel does not fit", _FIT, _size(fits=_always, count=lambda free, s: max(free // s + 1, 0))),
    ("at least one", _FIT, _size(fits=_always, count=lambda free, s: max(free // s + 1, 1))),
    ("None where the kernel does not fit", _FIT, _size(fits=_always, count=lambda free, s: free // s + 1 if free >= 0 else None)),
    ("refused when the kernel is larger than n", "Compare the span with n + 2·padding: the padding counts as room.",
     _size(fits=lambda n, k, s, p, d: d * (k - 1) + 1 <= n)),
    ("refused by the undilated kernel", "Compare the span dilation·(k − 1) + 1, not k, with n + 2·padding.",
     _size(fits=lambda n, k, s, p, d: k <= n + 2 * p)),
    ("refused when the kernel fits exactly", "A kernel as large as the padded image has one place: the size is 1.",
     _size(fits=lambda n, k, s, p, d: d * (k - 1) + 1 < n + 2 * p)),
    ("refused when pixels are left over", "Pixels that the last window does not reach are simply dropped.",
     _size(fits=lambda n, k, s, p, d: (f := n + 2 * p - d * (k - 1) - 1) >= 0 and f % s == 0)),
    ("stride and padding in the wrong order", "The order is (n, kernel, stride, padding, dilation).",
     lambda n, k, p=0, s=1, d=1: _size()(n, k, s, p, d)),
    ("an assertion in place of ValueError", _FIT, _raising(AssertionError, _size())),
    ("another exception than ValueError", _FIT, _raising(RuntimeError, _size())),
)  # fmt: skip


def _size_by_range(n, kernel, stride=1, padding=0, dilation=1):
    return _must_fit(len(range(0, n + 2 * padding - dilation * (kernel - 1), stride)))[0]


def _size_by_counting(n, kernel, stride=1, padding=0, dilation=1):
    starts = range(-padding, n + padding, stride)
    return _must_fit(sum(start + dilation * (kernel - 1) < n + padding for start in starts))[0]


# ---- conv2d -----------------------------------------------------------------------------------------------------


def _conv_oracle(x, weight, bias=None, stride=1, padding=0):
    import torch

    x, weight, bias = (None if a is None else torch.from_numpy(a.astype(np.float64)) for a in (x, weight, bias))
    return torch.nn.functional.conv2d(x, weight, bias, stride, padding).numpy()


def _zeros(x, p, **how):
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), **how) if p else x


def _windows(x, kh, kw, rows=1, columns=1):
    """(N, C, H', W', kh, kw): every window of every channel; ValueError where none fits."""
    return sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::rows, ::columns]


def _sum(windows, weight):
    return np.einsum("nchwij,ocij->nohw", windows, weight)


def _plus(out, bias):
    return out if bias is None else out + bias.reshape(-1, 1, 1)


def _conv(
    pad=_zeros, turn=lambda w: w, step=lambda s: (s, s), windows=_windows, total=_sum, plus=_plus, end=lambda out: out
):
    """A convolution with one part exchanged: padding, kernel, strides, windows, the sum, the bias, the last line."""

    def conv(x, weight, bias=None, stride=1, padding=0):
        kernel = turn(weight)
        return end(plus(total(windows(pad(x, padding), *kernel.shape[2:], *step(stride)), kernel), bias))

    return conv


_right_conv = _conv()


def _fully_padded(x, weight, bias=None, stride=1, padding=0, room=lambda n, k, s: -(n - k) % s):
    """Zeros below and to the right, so that the last, incomplete window counts too."""
    x = _zeros(x, padding)
    below, right = (room(n, k, stride) for n, k in zip(x.shape[2:], weight.shape[2:], strict=True))
    return _right_conv(np.pad(x, ((0, 0), (0, 0), (0, below), (0, right))), weight, bias, stride)


def _framed(x, weight, bias=None, stride=1, padding=0):
    return _zeros(_right_conv(x, weight, bias, stride), padding)


def _same(x, weight, bias=None, stride=1, padding=0):
    kh, kw = weight.shape[2:]
    return _right_conv(np.pad(x, ((0, 0), (0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2))), weight, bias, stride)


def _dilated_by_stride(x, weight, bias=None, stride=1, padding=0):
    o, c, kh, kw = weight.shape
    spread = np.zeros((o, c, stride * (kh - 1) + 1, stride * (kw - 1) + 1))
    spread[:, :, ::stride, ::stride] = weight
    return _right_conv(x, spread, bias, 1, padding)


def _square_kernel(x, weight, bias=None, stride=1, padding=0):
    k = weight.shape[2]
    if k > weight.shape[3]:
        raise IndexError("index out of bounds")
    return _right_conv(x, weight[:, :, :, :k], bias, stride, padding)


def _square_image(x, weight, bias=None, stride=1, padding=0):
    out = _right_conv(x, weight, bias, stride, padding)
    rows, columns = out.shape[2:]
    if rows > columns:
        raise ValueError("operands could not be broadcast together")
    return out[:, :, :, :rows]


def _unfitting(function, size):
    """`function`, but no exception: where the kernel does not fit, `size(n, k, s)` entries of zero come."""

    def wrong(x, weight, bias=None, stride=1, padding=0):
        try:
            return function(x, weight, bias, stride, padding)
        except ValueError:
            shape = (size(n + 2 * padding, k, stride) for n, k in zip(x.shape[2:], weight.shape[2:], strict=True))
            return np.zeros((len(x), len(weight), *shape))

    return wrong


def _trimmed_to_image(x, weight, bias=None, stride=1, padding=0):
    x = _zeros(x, padding)
    return _right_conv(x, weight[:, :, : x.shape[2], : x.shape[3]], bias, stride)


def _in_x_dtype(x, weight, bias=None, stride=1, padding=0):
    return _right_conv(x, weight, bias, stride, padding).astype(x.dtype)


def _not_put_back(x, weight, bias=None, stride=1, padding=0):
    out = _right_conv(x, weight, bias, stride, padding)
    return out.transpose(0, 2, 3, 1).reshape(out.shape)


def _columns_in_another_order(windows, weight):
    n, c, h, w, i, j = windows.shape
    columns = windows.transpose(0, 2, 3, 4, 5, 1).reshape(n * h * w, i * j * c)
    return (columns @ weight.reshape(len(weight), -1).T).reshape(n, h, w, -1).transpose(0, 3, 1, 2)


def _truth_of_bias(out, bias):
    return _plus(out, bias if bias else None)  # raises for an array of several numbers, as the learner's does


_FLIP = "Frameworks correlate: weight[i, j] meets x[i, j], nothing is turned round."
_BIAS = "Each output channel has one bias: add bias.reshape(-1, 1, 1), where a bias is given."
_NONE = "bias may be None: test `bias is not None` before you use it."
_PAD = "Put `padding` zeros on all four sides of the map, ((0, 0), (0, 0), (p, p), (p, p)), and on no other axis."
_STEP = "The stride is the step between windows, along rows and columns alike."
_ALL_CHANNELS = "An output is one sum over all input channels and all taps; nothing is averaged or left out."
_LAYOUT = "The result is (N, C_out, H', W'): after im2col it is (N, H', W', C_out) first; transpose, do not reshape."
_AXES = "weight is (C_out, C_in, kH, kW): rows with rows, columns with columns, and C_in is summed over."
_WHOLE = "Only whole windows count: (H + 2·padding − kH) // stride + 1 rows."
_RECTANGLE = "kH and kW, H and W may differ: compute the two sizes one by one."
_FITS = "Where the kernel is larger than the padded map, in either direction, raise ValueError."

_CONV_MISTAKES = _named(
    ("true convolution (flipped kernel)", _FLIP, _conv(turn=lambda w: w[:, :, ::-1, ::-1])),
    ("bias forgotten", _BIAS, _conv(plus=lambda out, bias: out)),
    ("stride ignored", _STEP, _conv(step=lambda s: (1, 1))),
    ("padding ignored", _PAD, _conv(pad=lambda x, p: x)),
    ("padding on one side (top and left)", _PAD, _conv(pad=lambda x, p: np.pad(x, ((0, 0), (0, 0), (p, 0), (p, 0))))),
    ("padding on one side (bottom and right)", _PAD, _conv(pad=lambda x, p: np.pad(x, ((0, 0), (0, 0), (0, p), (0, p))))),
    ("padding on all four axes", _PAD, _conv(pad=np.pad)),
    ("padding of rows only", _PAD, _conv(pad=lambda x, p: np.pad(x, ((0, 0), (0, 0), (p, p), (0, 0))))),
    ("padding of columns only", _PAD, _conv(pad=lambda x, p: np.pad(x, ((0, 0), (0, 0), (0, 0), (p, p))))),
    ("padding split between the two sides", _PAD,
     _conv(pad=lambda x, p: np.pad(x, ((0, 0), (0, 0), (p // 2, p - p // 2), (p // 2, p - p // 2))))),
    ("padding with the edge's pixels", _PAD, _conv(pad=lambda x, p: _zeros(x, p, mode="edge"))),
    ("padding by reflection", _PAD, _conv(pad=lambda x, p: _zeros(x, p, mode="reflect"))),
    ("padding that wraps round", _PAD, _conv(pad=lambda x, p: _zeros(x, p, mode="wrap"))),
    ("padding with ones", _PAD, _conv(pad=lambda x, p: _zeros(x, p, constant_values=1))),
    ("the output padded, not the input", "Pad x before the convolution: border windows see part of the image.", _framed),
    ("\"same\" padding, whatever is asked for", "Use the padding that is passed; k // 2 is only the usual choice.", _same),
    ("ceil for floor", _WHOLE, _fully_padded),
    ("the last row and column missing", "There are H − kH + 1 positions at stride 1: the 1 was forgotten.",
     _conv(windows=lambda x, kh, kw, *s: _windows(x[:, :, :-1, :-1], kh, kw, *s))),
    ("stride for rows only", _STEP, _conv(step=lambda s: (s, 1))),
    ("stride for columns only", _STEP, _conv(step=lambda s: (1, s))),
    ("stride as large as the kernel", "The stride is an argument of its own; windows may overlap.",
     _conv(windows=lambda x, kh, kw, *s: _windows(x, kh, kw, kh, kw))),
    ("stride taken for a dilation", "The stride moves the whole window; the taps inside stay side by side.", _dilated_by_stride),
    ("kernel flipped in rows only", _FLIP, _conv(turn=lambda w: w[:, :, ::-1])),
    ("kernel flipped in columns only", _FLIP, _conv(turn=lambda w: w[:, :, :, ::-1])),
    ("kernel flipped in its channels too", _FLIP, _conv(turn=lambda w: w[:, ::-1, ::-1, ::-1])),
    ("input channels in reverse order", _AXES, _conv(turn=lambda w: w[:, ::-1])),
    ("kernel transposed", _AXES, _conv(turn=lambda w: w.swapaxes(2, 3))),
    ("C_out and C_in of the kernel swapped", _AXES, _conv(turn=lambda w: w.swapaxes(0, 1))),
    ("one kernel for each channel (depthwise)", _ALL_CHANNELS, _conv(total=lambda x, w: np.einsum("nchwij,ccij->nchw", x, w))),
    ("the first input channel only", _ALL_CHANNELS, _conv(total=lambda x, w: _sum(x[:, :1], w[:, :1]))),
    ("one slice of the kernel for all input channels", _ALL_CHANNELS,
     _conv(total=lambda x, w: _sum(x, np.broadcast_to(w[:, :1], w.shape)))),
    ("mean over the input channels", _ALL_CHANNELS, _conv(total=lambda x, w: _sum(x, w) / w.shape[1])),
    ("mean over the window", _ALL_CHANNELS, _conv(total=lambda x, w: _sum(x, w) / math.prod(w.shape[2:]))),
    ("mean over window and channels", _ALL_CHANNELS, _conv(total=lambda x, w: _sum(x, w) / math.prod(w.shape[1:]))),
    ("the whole batch summed", "Every image has an output of its own.", _conv(end=lambda out: out.sum(axis=0, keepdims=True))),
    ("the first image only", "Every image has an output of its own.", _conv(end=lambda out: out[:1])),
    ("bias along the last axis", _BIAS, _conv(plus=lambda out, bias: out if bias is None else out + bias)),
    ("bias along the rows", _BIAS, _conv(plus=lambda out, bias: out if bias is None else out + bias.reshape(-1, 1))),
    ("bias subtracted", _BIAS, _conv(plus=lambda out, bias: out if bias is None else _plus(out, -bias))),
    ("bias once for each input channel", "Add the bias once, after the sum over the channels.",
     lambda x, w, b=None, s=1, p=0: _right_conv(x, w, None if b is None else x.shape[1] * b, s, p)),
    ("bias of the first channel for all", _BIAS, _conv(plus=lambda out, bias: out if bias is None else out + bias[0])),
    ("`if bias` in place of `if bias is not None`", "An array of several numbers has no truth value: test `bias is not None`.",
     _conv(plus=_truth_of_bias)),
    ("no provision for bias=None", _NONE, _conv(plus=lambda out, bias: out + bias[:, None, None])),
    ("no provision for bias=None (reshape)", _NONE, _conv(plus=lambda out, bias: out + bias.reshape(-1, 1, 1))),
    ("kernel taken to be square", _RECTANGLE, _square_kernel),
    ("image taken to be square", _RECTANGLE, _square_image),
    ("output reshaped, not transposed, after im2col", _LAYOUT, _not_put_back),
    ("columns in another order than the weights", "Both sides of the matrix product need one order of (C_in, kH, kW).",
     _conv(total=_columns_in_another_order)),
    ("channels last", _LAYOUT, _conv(end=lambda out: out.transpose(0, 2, 3, 1))),
    ("rows and columns of the output swapped", _LAYOUT, _conv(end=lambda out: out.swapaxes(2, 3))),
    ("channels before images", _LAYOUT, _conv(end=lambda out: out.swapaxes(0, 1))),
    ("output in the image's integers", "Results are float64: np.zeros(shape), not zeros_like(x) or dtype=x.dtype.", _in_x_dtype),
    ("ReLU applied", "The activation is another layer: return the sums as they are.", _conv(end=lambda out: np.maximum(out, 0))),
    ("an empty array where the kernel does not fit", _FITS, _unfitting(_right_conv, lambda n, k, s: max((n - k) // s + 1, 0))),
    ("zeros where the kernel does not fit", _FITS, _unfitting(_right_conv, lambda n, k, s: max((n - k) // s + 1, 1))),
    ("kernel cut to the image where it does not fit", _FITS, _trimmed_to_image),
    ("stride and padding in the wrong order", "The order is (x, weight, bias, stride, padding).",
     lambda x, w, b=None, p=0, s=1: _right_conv(x, w, b, s, p)),
    ("an assertion in place of ValueError", _FITS, _raising(AssertionError, _right_conv)),
    ("another exception than ValueError", _FITS, _raising(RuntimeError, _right_conv)),
)  # fmt: skip


def _conv_loops(x, weight, bias=None, stride=1, padding=0):
    """The definition, one number at a time; a list of lists comes back."""
    (n, c, h, w), (o, _, kh, kw) = x.shape, weight.shape
    rows, columns = _must_fit(*((a + 2 * padding - k) // stride + 1 for a, k in ((h, kh), (w, kw))))

    def pixel(image, channel, i, j):
        return float(image[channel, i, j]) if 0 <= i < h and 0 <= j < w else 0.0

    def value(image, out, i, j):
        taps = ((a, p, q) for a in range(c) for p in range(kh) for q in range(kw))
        top, left = i * stride - padding, j * stride - padding
        total = sum(float(weight[out, a, p, q]) * pixel(image, a, top + p, left + q) for a, p, q in taps)
        return total + (0.0 if bias is None else float(bias[out]))

    return [[[[value(x[m], k, i, j) for j in range(columns)] for i in range(rows)] for k in range(o)] for m in range(n)]


def _conv_taps(x, weight, bias=None, stride=1, padding=0):
    """One shifted copy of the image for each tap, added up."""
    kh, kw = weight.shape[2:]
    rows, columns = _must_fit(
        *((a + 2 * padding - k) // stride + 1 for a, k in zip(x.shape[2:], (kh, kw), strict=True))
    )
    x = _zeros(x, padding)
    out = np.zeros((len(x), len(weight), rows, columns))
    if bias is not None:
        out += np.reshape(bias, (-1, 1, 1))
    for i in range(kh):
        for j in range(kw):
            shifted = x[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride][:, :, :rows, :columns]
            out += np.tensordot(weight[:, :, i, j], shifted, axes=(1, 1)).swapaxes(0, 1)
    return out


def _conv_im2col(x, weight, bias=None, stride=1, padding=0):
    (n, c, h, w), (o, _, kh, kw) = x.shape, weight.shape
    rows, columns = _must_fit(*((a + 2 * padding - k) // stride + 1 for a, k in ((h, kh), (w, kw))))
    x = np.ascontiguousarray(_zeros(x, padding))
    sn, sc, sh, sw = x.strides
    view = as_strided(x, (c, kh, kw, n, rows, columns), (sc, sh, sw, sn, stride * sh, stride * sw))
    out = weight.reshape(o, -1) @ view.reshape(c * kh * kw, -1)
    return (out if bias is None else out + bias[:, None]).reshape(o, n, rows, columns).transpose(1, 0, 2, 3)


def _conv_dense_then_thinned(x, weight, bias=None, stride=1, padding=0):
    return _right_conv(x, weight, bias, 1, padding)[:, :, ::stride, ::stride]


def _conv_fourier(x, weight, bias=None, stride=1, padding=0):
    """A product of spectra; the kernel's is conjugated, for it is a correlation."""
    x = _zeros(x, padding)
    size, (kh, kw) = x.shape[2:], weight.shape[2:]
    rows, columns = _must_fit(*(n - k + 1 for n, k in zip(size, (kh, kw), strict=True)))
    product = np.einsum("nchw,ochw->nohw", np.fft.rfft2(x), np.fft.rfft2(weight, size).conj())
    return _plus(np.fft.irfft2(product, size)[:, :, :rows:stride, :columns:stride], bias)


def _conv_flipped_twice(x, weight, bias=None, stride=1, padding=0):
    """True convolution with a kernel that was turned round before: `np.convolve` row by row."""
    x = _zeros(x, padding)
    rows, columns = _must_fit(*(n - k + 1 for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)))
    out = np.zeros((len(x), len(weight), rows, columns))
    for n, image in enumerate(x):
        for o, kernel in enumerate(weight):
            for c, plane in enumerate(kernel):
                for i, taps in enumerate(plane):
                    out[n, o] += [np.convolve(image[c, i + r], taps[::-1], "valid") for r in range(rows)]
    return _plus(out[:, :, ::stride, ::stride], bias)


def _conv_torch(x, weight, bias=None, stride=1, padding=0):
    _must_fit(*(n + 2 * padding - k + 1 for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)))
    return _conv_oracle(x, weight, bias, stride, padding)


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


# ---- receptive_field --------------------------------------------------------------------------------------------


def _field_oracle(layers):
    """Push a gradient through a chain of one-dimensional convolutions, and see how wide it comes out."""
    import torch

    line = torch.zeros(1, 1, 2000, dtype=torch.float64, requires_grad=True)
    out = line
    for kernel, stride in layers:
        out = torch.nn.functional.conv1d(out, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride)
    out[0, 0, out.shape[-1] // 2].backward()
    reached = line.grad[0, 0].nonzero()
    return int(reached.max() - reached.min()) + 1


def _field(
    grow=lambda r, k, s, jump: r + (k - 1) * jump,
    leap=lambda jump, k, s: jump * s,
    start=1,
    order=lambda layers: layers,
    end=lambda r: r,
):
    """A receptive field with one part exchanged: its growth, the jump between neighbours, the start, the order."""

    def field(layers):
        r, jump = start, 1
        for kernel, stride in order(layers):
            r, jump = grow(r, kernel, stride, jump), leap(jump, kernel, stride)
        return end(r)

    return field


_right_field = _field()
_JUMP = "Neighbours of a map are as many pixels apart as the strides of all layers before it multiply to: r += (k − 1)·jump."
_AFTER = "A layer's own stride only spreads the layers behind it: use jump first, then multiply it by the stride."
_START = "One pixel sees itself: start from r = 1, which is also the answer for no layers."
_GROW = "A kernel of k taps adds k − 1 steps, of `jump` pixels each."
_FIRST = "The list starts at the image: walk it forwards with r += (k − 1)·jump, or backwards with r = (r − 1)·s + k."

_FIELD_MISTAKES = _named(
    ("strides left out", _JUMP, _field(leap=lambda jump, k, s: 1)),
    ("only the stride of the layer before", _JUMP, _field(leap=lambda jump, k, s: s)),
    ("its own stride in place of those before", _JUMP, _field(lambda r, k, s, jump: r + (k - 1) * s)),
    ("its own stride counted too", _AFTER, _field(lambda r, k, s, jump: r + (k - 1) * jump * s)),
    ("strides added, not multiplied", _JUMP, _field(leap=lambda jump, k, s: jump + s)),
    ("strides less one added, not multiplied", _JUMP, _field(leap=lambda jump, k, s: jump + s - 1)),
    ("walked in the wrong direction", _FIRST, _field(order=lambda layers: layers[::-1])),
    ("product of the kernels", _GROW, _field(lambda r, k, s, jump: r * k)),
    ("sum of the kernels", _GROW, _field(lambda r, k, s, jump: r + k, start=0)),
    ("k in place of k − 1", _GROW, _field(lambda r, k, s, jump: r + k * jump)),
    ("k in place of k − 1, from 0", _GROW, _field(lambda r, k, s, jump: r + k * jump, start=0)),
    ("started from 0", _START, _field(start=0)),
    ("the last layer's kernel alone", _GROW, _field(lambda r, k, s, jump: k)),
    ("the largest kernel", _GROW, _field(lambda r, k, s, jump: max(r, k))),
    ("one pixel too many where layers meet", _GROW, _field(lambda r, k, s, jump: r + (k - 1) * jump + (r > 1))),
    ("half of a kernel", "Both sides count: k − 1, not k // 2.", _field(lambda r, k, s, jump: r + k // 2 * jump)),
    ("k // 2 on both sides", "An even kernel has k − 1 neighbours, not 2·(k // 2).", _field(lambda r, k, s, jump: r + 2 * (k // 2) * jump)),
    ("field times stride", "The field grows by steps, it is not multiplied: r += (k − 1)·jump.", _field(lambda r, k, s, jump: r * s + k - 1)),
    ("multiplied by the strides at the end", _JUMP,
     lambda layers: (_field(leap=lambda jump, k, s: 1)(layers) - 1) * math.prod(s for _, s in layers) + 1),
    ("r·stride + k − stride, from 0", _START, _field(lambda r, k, s, jump: r * s + k - s, start=0, order=lambda layers: layers[::-1])),
    ("kernel and stride swapped", "Each pair is (kernel, stride).", lambda layers: _right_field([(s, k) for k, s in layers])),
    ("layers of stride > 1 skipped", "Pooling and strided layers widen the field like any other.", lambda layers: _right_field([(k if s == 1 else 1, s) for k, s in layers])),
    ("layers of kernel 1 skipped", "A 1×1 layer widens nothing, but its stride spreads what follows.", lambda layers: _right_field([(k, s) for k, s in layers if k > 1])),
    ("0 for no layers", _START, lambda layers: _right_field(layers) if layers else 0),
    ("IndexError for no layers", _START, lambda layers: (layers[0], _right_field(layers))[1]),
    ("the area", "The width is asked for, not its square.", _field(end=lambda r: r * r)),
    ("the radius", "The full width is asked for.", _field(end=lambda r: r // 2)),
    ("the jump", "The jump is how far neighbours are apart; the field is how wide one of them sees.", lambda layers: math.prod(s for _, s in layers)),
    ("a float", "A number of pixels is an int.", _field(end=float)),
    ("a pair", "The width alone is asked for.", _field(end=lambda r: (r, r))),
)  # fmt: skip


def _field_backwards(layers):
    return functools.reduce(lambda r, layer: (r - 1) * layer[1] + layer[0], reversed(layers), 1)


def _field_formula(layers):
    kernels, strides = np.array(layers, dtype=int).reshape(-1, 2).T
    return np.int64(1 + np.sum((kernels - 1) * np.cumprod(np.append(1, strides))[:-1]))


def _field_by_pixels(layers):
    """The span of pixels that a set of two neighbours' ends comes from."""
    low = high = 0
    for kernel, stride in list(layers)[::-1]:
        low, high = low * stride, high * stride + kernel - 1
    return high - low + 1


# ---- the cases --------------------------------------------------------------------------------------------------


def _size_case(name, *values, **more):
    keys = ("n", "kernel", "stride", "padding", "dilation")
    return Case(name, lambda rng: dict(zip(keys, values, strict=False)), **more)


SIZE = Exercise(
    name="output_size",
    returns=("size",),
    oracle=_size_oracle,
    cases=(
        _size_case("5 pixels, kernel 3", 5, 3),
        _size_case("5 pixels, kernel 3, padding 1: the size stays", 5, 3, 1, 1),
        _size_case("6 pixels, kernel 3, stride 2: one is left over", 6, 3, 2),
        _size_case("kernel as large as the image", 4, 4),
        _size_case("10 pixels, kernel 3, dilation 2", 10, 3, 1, 0, 2),
        _size_case("AlexNet: 227 pixels, kernel 11, stride 4", 227, 11, 4),
        _size_case("ResNet: 224 pixels, kernel 7, stride 2, padding 3", 224, 7, 2, 3),
        _size_case("an even kernel, stride 2, padding 1", 7, 4, 2, 1),
        _size_case("a 1×1 kernel with stride 3", 9, 1, 3),
        _size_case("everything at once", 19, 3, 4, 2, 3),
        _size_case("it fits thanks to its padding", 2, 4, 3, 1),
        _size_case("kernel one pixel too large", 4, 5, raises="ValueError"),
        _size_case("kernel one pixel too large, stride 2", 2, 3, 2, raises="ValueError"),
        _size_case("dilated kernel too large", 4, 3, 1, 0, 3, raises="ValueError"),
        _size_case("kernel far too large", 3, 11, 4, 1, raises="ValueError"),
    ),
    mistakes=_SIZE_MISTAKES,
    accepts=(
        _size_by_range,
        _size_by_counting,
        lambda n, k, s=1, p=0, d=1: np.int64(_must_fit((n + 2 * p - d * (k - 1) - 1 + s) // s)[0]),
        lambda n, k, s=1, p=0, d=1: _size(count=lambda free, s: math.floor(free / s) + 1)(n, k, s, p, d),
    ),
    verified="equal to the length of what torch's convolution returns, dilation and leftover pixels included; ValueError where no window fits",
)  # fmt: skip


def _conv_case(rng, x, weight, bias=False, **more):
    """Random arrays of the shapes given; a bias for each output channel, or None."""
    inputs = dict(
        x=rng.normal(size=x), weight=rng.normal(size=weight), bias=rng.normal(size=weight[0]) if bias else None
    )
    return inputs | more


def _whole_numbers(rng, *shape):
    return rng.integers(0, 256, size=shape).astype(np.uint8)


CONV = Exercise(
    name="conv2d",
    returns=("out",),
    oracle=_conv_oracle,
    cases=(
        Case("one image of 2×3, kernel 2×2", lambda rng: dict(
            x=np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]), weight=np.array([[[[1.0, 10.0], [100.0, 1000.0]]]]))),
        Case("two output channels, each with a bias", lambda rng: dict(
            x=np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), weight=np.array([[[[1.0]]], [[[-2.0]]]]), bias=np.array([0.5, 7.0]))),
        Case("two images, three channels to four", lambda rng: _conv_case(rng, (2, 3, 4, 5), (4, 3, 2, 2), True)),
        Case("every axis of length 3, padding 1", lambda rng: _conv_case(rng, (3, 3, 3, 3), (3, 3, 3, 3), True, stride=1, padding=1)),
        Case("stride 2, a row left over", lambda rng: _conv_case(rng, (1, 2, 6, 7), (2, 2, 3, 3), stride=2)),
        Case("stride 3, padding 2", lambda rng: _conv_case(rng, (1, 2, 7, 5), (3, 2, 3, 3), True, stride=3, padding=2)),
        Case("kernel 3×1", lambda rng: _conv_case(rng, (2, 1, 4, 3), (2, 1, 3, 1), True)),
        Case("kernel 1×3, padding 1", lambda rng: _conv_case(rng, (1, 2, 3, 4), (1, 2, 1, 3), stride=1, padding=1)),
        Case("a 1×1 kernel with stride 2", lambda rng: _conv_case(rng, (2, 4, 3, 5), (2, 4, 1, 1), True, stride=2)),
        Case("kernel as large as the image", lambda rng: _conv_case(rng, (2, 3, 4, 2), (5, 3, 4, 2), True)),
        Case("a bias of zero", lambda rng: _conv_case(rng, (1, 1, 3, 3), (1, 1, 2, 2)) | dict(bias=np.zeros(1))),
        Case("an image of whole numbers (uint8)", lambda rng: _conv_case(rng, (1, 1, 3, 3), (1, 1, 2, 2)) | dict(x=_whole_numbers(rng, 1, 1, 3, 3))),
        Case("it fits thanks to its padding", lambda rng: _conv_case(rng, (1, 1, 2, 2), (1, 1, 4, 4), stride=3, padding=1)),
        Case("kernel one row too high", lambda rng: _conv_case(rng, (1, 1, 2, 4), (1, 1, 3, 3)), raises="ValueError"),
        Case("kernel one column too wide, stride 2", lambda rng: _conv_case(rng, (1, 2, 5, 2), (2, 2, 3, 3), True, stride=2), raises="ValueError"),
    ),
    mistakes=_CONV_MISTAKES,
    accepts=(_conv_loops, _conv_taps, _conv_im2col, _conv_dense_then_thinned, _conv_fourier, _conv_flipped_twice, _conv_torch),
    rtol=1e-9,  # results are float64: what was rounded to float32 on the way is off by 1e-8
    verified="equal to torch's conv2d in float64: strides, padding, rectangular kernels, whole numbers; ValueError where the kernel does not fit",
)  # fmt: skip


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


def _layers(*layers):
    return lambda rng: dict(layers=list(layers))


_VGG16 = tuple(layer for convolutions in (2, 2, 3, 3, 3) for layer in ((3, 1),) * convolutions + ((2, 2),))

FIELD = Exercise(
    name="receptive_field",
    returns=("field",),
    oracle=_field_oracle,
    cases=(
        Case("one 3×3", _layers((3, 1))),
        Case("two 3×3", _layers((3, 1), (3, 1))),
        Case("no layer", _layers()),
        Case("3×3 with stride 2, then 3×3", _layers((3, 2), (3, 1))),
        Case("3×3, then 3×3 with stride 2", _layers((3, 1), (3, 2))),
        Case("LeNet: 5×5, pool, 5×5, pool", _layers((5, 1), (2, 2), (5, 1), (2, 2))),
        Case("ResNet's beginning: 7×7 with stride 2, pool 3 with stride 2", _layers((7, 2), (3, 2), (3, 1), (3, 1))),
        Case("1×1 with stride 2, then 3×3", _layers((1, 2), (3, 1))),
        Case("even kernels, gaps", _layers((2, 3), (4, 1), (2, 2))),
        Case("strides of 2 and 3", _layers((3, 2), (3, 3), (5, 1), (3, 1))),
        Case("AlexNet", _layers((11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2))),
        Case("VGG-16 up to its last pooling", _layers(*_VGG16)),
    ),
    mistakes=_FIELD_MISTAKES,
    accepts=(_field_backwards, _field_formula, _field_by_pixels),
    verified="equal to the span of pixels that a gradient reaches through torch's convolutions, up to VGG-16's 212",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=50, exercises=(SIZE, CONV, POOL, FIELD))
