"""conv2d: cases, oracle, mistakes."""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from utils.exercises.cnn_layers.shared import _must_fit, _named, _raising, _whole_numbers, _windows
from utils.grading.spec import Case, Exercise


# ---- conv2d -----------------------------------------------------------------------------------------------------
def _conv_oracle(x, weight, bias=None, stride=1, padding=0):
    import torch

    x, weight, bias = (None if a is None else torch.from_numpy(a.astype(np.float64)) for a in (x, weight, bias))
    return torch.nn.functional.conv2d(x, weight, bias, stride, padding).numpy()


def _zeros(x, p, **how):
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), **how) if p else x


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


_FLIP = "Frameworks correlate: weight[i, j] meets x[i, j], the kernel is not flipped."


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


def _conv_case(rng, x, weight, bias=False, **more):
    """Random arrays of the shapes given; a bias for each output channel, or None."""
    inputs = dict(
        x=rng.normal(size=x), weight=rng.normal(size=weight), bias=rng.normal(size=weight[0]) if bias else None
    )
    return inputs | more


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
        Case("kernel larger both ways", lambda rng: _conv_case(rng, (1, 1, 2, 3), (1, 1, 3, 4)), raises="ValueError"),
    ),
    mistakes=_CONV_MISTAKES,
    accepts=(_conv_loops, _conv_taps, _conv_im2col, _conv_dense_then_thinned, _conv_fourier, _conv_flipped_twice, _conv_torch),
    rtol=1e-9,  # results are float64: what was rounded to float32 on the way is off by 1e-8
    verified="equal to torch's conv2d in float64: strides, padding, rectangular kernels, whole numbers; ValueError where the kernel does not fit",
)  # fmt: skip
