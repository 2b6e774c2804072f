"""`conv_transpose2d`. Oracle: torch's conv_transpose2d in float64."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _oracle(x, weight, stride=1, padding=0):
    import torch

    return torch.nn.functional.conv_transpose2d(
        torch.from_numpy(x), torch.from_numpy(weight), stride=stride, padding=padding
    ).numpy()


# ---- parts to exchange -------------------------------------------------------------------------------------------


def _scatter(x, weight, stride, add=lambda out, part: out + part):
    """Every input pixel puts its kernel, times its value, down at stride·(i, j)."""
    n, _, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    out = np.zeros((n, c_out, (h - 1) * stride + kh, (w - 1) * stride + kw))
    for i, j in np.ndindex(h, w):
        place = np.s_[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
        out[place] = add(out[place], np.einsum("nc,cdkl->ndkl", x[:, :, i, j], weight))
    return out


def _crop(out, p):
    return out[:, :, p : out.shape[2] - p, p : out.shape[3] - p]


def _make(change=lambda x, w, s, p: (x, w, s, p), scatter=_scatter, crop=_crop):
    """A wrong answer: the right one with some of its parts exchanged."""

    def wrong(x, weight, stride=1, padding=0):
        x, weight, stride, padding = change(x, weight, stride, padding)
        return crop(scatter(x, weight, stride), padding)

    return wrong


def _correlate(x, weight):
    """Plain cross-correlation with weight (C_in, C_out, kH, kW), stride 1, no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    return np.einsum("nchwkl,cdkl->ndhw", windows, weight)


def _inserted(x, stride, first=0, after=0, gap=None):
    """Zeros between the pixels: `gap` of them (stride − 1 is right), `first` before the first, `after` the last."""
    step = stride if gap is None else gap + 1
    n, c, h, w = x.shape
    wide = np.zeros((n, c, (h - 1) * step + 1 + first + after, (w - 1) * step + 1 + first + after))
    wide[:, :, first : first + (h - 1) * step + 1 : step, first : first + (w - 1) * step + 1 : step] = x
    return wide


def _by_insertion(insert=lambda x, s: _inserted(x, s), flip=True):
    """Zero insertion, padding by k − 1, correlation with the flipped kernel."""

    def scatter(x, weight, stride):
        kh, kw = weight.shape[2:]
        wide = np.pad(insert(x, stride), [(0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)])
        return _correlate(wide, weight[:, :, ::-1, ::-1] if flip else weight)

    return scatter


def _forward(x, weight, stride=1, padding=0):
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    return _correlate(padded, weight)[:, :, ::stride, ::stride]


def _forward_weight(x, weight, stride=1, padding=0):
    """Taken as (C_out, C_in, kH, kW): raises where the two numbers differ."""
    return _make()(x, np.swapaxes(weight, 0, 1), stride, padding)


def _averaged(x, weight, stride=1, padding=0):
    cover = _scatter(np.ones((1, 1, *x.shape[2:])), np.ones((1, 1, *weight.shape[2:])), stride)
    return _crop(_scatter(x, weight, stride) / np.maximum(cover, 1), padding)


def _padded_first(x, weight, stride, padding):
    return np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)]), weight, stride, 0


def _nearest(x, weight, stride):
    return _by_insertion(insert=lambda x, s: x.repeat(s, axis=2).repeat(s, axis=3))(x, weight, stride)


_AXES = "weight is (C_in, C_out, kH, kW): its first axis is summed against x's channels."
_FLIP = (
    "Each pixel puts the kernel down as it is. After zero insertion this is a correlation with the *flipped* kernel."
)
_PAD = "padding cuts that many rows and columns off every side of the result: it undoes what a convolution had padded."
_STRIDE = "Pixel (i, j) puts its kernel down at (stride·i, stride·j): stride − 1 zeros between pixels, none outside."
_ADD = "Where kernels overlap their values add up."
_FLAWS = {
    "weight axes exchanged": (_AXES, _forward_weight),
    "kernel flipped": (_FLIP, _make(change=lambda x, w, s, p: (x, w[:, :, ::-1, ::-1], s, p))),
    "kernel flipped up and down": (_FLIP, _make(change=lambda x, w, s, p: (x, w[:, :, ::-1], s, p))),
    "kernel flipped left and right": (_FLIP, _make(change=lambda x, w, s, p: (x, w[:, :, :, ::-1], s, p))),
    "kernel's rows and columns exchanged": ("The kernel lies as it is stored: kH down, kW across.", _make(
        change=lambda x, w, s, p: (x, np.swapaxes(w, 2, 3), s, p))),
    "crop forgotten": (_PAD, _make(crop=lambda out, p: out)),
    "crop at the start only": (_PAD, _make(crop=lambda out, p: out[:, :, p:, p:])),
    "crop at the end only": (_PAD, _make(crop=lambda out, p: out[:, :, : out.shape[2] - p, : out.shape[3] - p])),
    "all of the crop at the start": (_PAD, _make(crop=lambda out, p: out[:, :, 2 * p :, 2 * p :])),
    "all of the crop at the end": (_PAD, _make(crop=lambda out, p: out[:, :, : out.shape[2] - 2 * p, : out.shape[3] - 2 * p])),
    "twice the padding cut off each side": (_PAD, _make(crop=lambda out, p: _crop(out, 2 * p))),
    "crop of the rows only": (_PAD, _make(crop=lambda out, p: out[:, :, p : out.shape[2] - p])),
    "slice [p:−p], empty for p = 0": ("out[p:-p] is empty for p = 0: write out[p : size − p].", _make(
        crop=lambda out, p: out[:, :, p:-p, p:-p])),
    "zeros added round the output": (_PAD, _make(crop=lambda out, p: np.pad(out, [(0, 0), (0, 0), (p, p), (p, p)]))),
    "input padded, as for a convolution": (_PAD, _make(change=_padded_first)),
    "zeros inserted before each pixel": (_STRIDE, _make(scatter=_by_insertion(lambda x, s: _inserted(x, s, first=s - 1)))),
    "zeros inserted after each pixel, the last one too": (_STRIDE, _make(scatter=_by_insertion(lambda x, s: _inserted(x, s, after=s - 1)))),
    "stride zeros between pixels, one too many": (_STRIDE, _make(scatter=_by_insertion(lambda x, s: _inserted(x, s, gap=s if s > 1 else 0)))),
    "pixels repeated in place of zeros inserted": (_STRIDE, _make(scatter=_nearest)),
    "stride ignored": (_STRIDE, _make(change=lambda x, w, s, p: (x, w, 1, p))),
    "stride 2 whatever is asked": (_STRIDE, _make(change=lambda x, w, s, p: (x, w, 2, p))),
    "default stride 2": ("The default stride is 1.", lambda x, w, s=2, p=0: _make()(x, w, s, p)),
    "forward convolution": ("That is the convolution itself; its transpose spreads each pixel over a kernel.", _forward),
    "zero insertion, the kernel not flipped, and no padding by k − 1": (
        "After zero insertion pad by k − 1 (less the padding) and correlate with the flipped kernel.",
        lambda x, w, s=1, p=0: _correlate(np.pad(_inserted(x, s), [(0, 0), (0, 0), (p, p), (p, p)]), w)),
    "zero insertion, flipped, padded by padding, not by k − 1 − padding": (
        "A transposed convolution pads by k − 1 − padding.",
        lambda x, w, s=1, p=0: _correlate(np.pad(_inserted(x, s), [(0, 0), (0, 0), (p, p), (p, p)]), w[:, :, ::-1, ::-1])),
    "overlaps overwritten": (_ADD, _make(scatter=lambda *v: _scatter(*v, add=lambda out, part: part))),
    "overlaps averaged": (_ADD, _averaged),
    "largest of the overlaps": (_ADD, _make(scatter=lambda *v: _scatter(*v, add=np.maximum))),
    "last input channel only": (_AXES, _make(change=lambda x, w, s, p: (x[:, -1:], w[-1:], s, p))),
    "first input channel only": (_AXES, _make(change=lambda x, w, s, p: (x[:, :1], w[:1], s, p))),
    "mean over the input channels": ("Input channels add up.", lambda x, w, *v: _make()(x, w, *v) / len(w)),
    "images added up": ("Each image of the batch is treated by itself.", lambda x, *v: np.repeat(
        _make()(x, *v).sum(axis=0, keepdims=True), len(x), axis=0)),
    "same size as n·stride: the rest cut off at the end": (
        "The size is (n − 1)·stride + k − 2·padding; nothing else is cut off.", lambda x, w, s=1, p=0: _make()(x, w, s, p)[
            :, :, : x.shape[2] * s, : x.shape[3] * s]),
}  # fmt: skip


def _as_gradient(x, weight, stride=1, padding=0):
    """By kernel offset: every offset (u, v) adds a whole strided plane."""
    n, _, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    out = np.zeros((n, c_out, (h - 1) * stride + kh, (w - 1) * stride + kw))
    for u in range(kh):
        for v in range(kw):
            plane = np.tensordot(x, weight[:, :, u, v], axes=(1, 0)).transpose(0, 3, 1, 2)
            out[:, :, u : u + (h - 1) * stride + 1 : stride, v : v + (w - 1) * stride + 1 : stride] += plane
    return _crop(out, padding)


def _as_matrix(x, weight, stride=1, padding=0):
    """The transpose of the convolution's own matrix, built column by column."""
    _, c_in, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    height, width = (h - 1) * stride + kh - 2 * padding, (w - 1) * stride + kw - 2 * padding
    matrix = np.zeros((c_in, h, w, c_out, height, width))
    for i, j, u, v in np.ndindex(h, w, kh, kw):
        row, column = i * stride + u - padding, j * stride + v - padding
        if 0 <= row < height and 0 <= column < width:
            matrix[:, i, j, :, row, column] += weight[:, :, u, v]
    return np.tensordot(x, matrix, axes=3)


def _torch_backed(x, weight, stride=1, padding=0):
    return _oracle(x.copy(), weight.copy(), stride, padding)


def _maps(rng, x, weight, **more):
    return dict(x=rng.normal(size=x), weight=rng.normal(size=weight), **more)


def _given(x, weight, **more):
    return lambda rng: dict(x=np.array(x, dtype=float), weight=np.array(weight, dtype=float), **more)


_KERNEL = [[[[1, 2], [3, 4]]]]

TRANSPOSED = Exercise(
    name="conv_transpose2d",
    returns=("out",),
    oracle=_oracle,
    cases=(
        Case("one pixel puts the kernel down", _given([[[[2]]]], _KERNEL)),
        Case("two pixels overlap", _given([[[[1, 10]]]], _KERNEL)),
        Case("stride 2: no overlap", _given([[[[1, 2], [3, 4]]]], _KERNEL, stride=2)),
        Case("two channels in, three out", lambda rng: _maps(rng, (2, 2, 3, 4), (2, 3, 3, 2))),
        Case("as many channels in as out, square", lambda rng: _maps(rng, (2, 3, 3, 3), (3, 3, 3, 3))),
        Case("kernel 4, stride 2, padding 1: twice as large", lambda rng: _maps(rng, (1, 2, 3, 4), (2, 1, 4, 4), stride=2, padding=1)),
        Case("kernel 3, stride 2: the stride does not divide it", lambda rng: _maps(rng, (2, 1, 4, 3), (1, 2, 3, 3), stride=2)),
        Case("kernel 3, stride 2, padding 1", lambda rng: _maps(rng, (1, 2, 4, 4), (2, 2, 3, 3), stride=2, padding=1)),
        Case("stride 3, kernel 2: gaps", lambda rng: _maps(rng, (1, 1, 2, 3), (1, 2, 2, 2), stride=3)),
        Case("kernel 5×3, stride 2, padding 1", lambda rng: _maps(rng, (2, 3, 2, 4), (3, 2, 5, 3), stride=2, padding=1)),
        Case("padding 2, stride 1", lambda rng: _maps(rng, (1, 2, 4, 5), (2, 2, 3, 4), stride=1, padding=2)),
        Case("kernel 1", lambda rng: _maps(rng, (2, 3, 2, 2), (3, 2, 1, 1))),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _FLAWS.items()),
    accepts=(_as_gradient, _as_matrix, _make(scatter=_by_insertion()), _torch_backed),
    verified="equal to torch's conv_transpose2d in float64: strides that divide the kernel and that do not, gaps, padding",
)  # fmt: skip
