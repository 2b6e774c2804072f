"""grouped_conv2d: cases, oracle, mistakes."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view

from utils.grading.spec import Case, Exercise, Mistake


# ---- grouped_conv2d ---------------------------------------------------------------------------------------------
def _conv_oracle(x, weight, groups):
    x, weight = (torch.from_numpy(np.asarray(array, dtype=np.float64)) for array in (x, weight))
    return F.conv2d(x, weight, groups=groups).numpy()


def _dense(x, weight):
    """An ordinary convolution of one group, as a sum over the kernel's positions."""
    kernel = weight.shape[-1]
    height, width = x.shape[2] - kernel + 1, x.shape[3] - kernel + 1
    if height < 1 or width < 1:
        raise ValueError("the kernel does not fit")
    out = np.zeros((len(x), len(weight), height, width))
    for i in range(kernel):
        for j in range(kernel):
            out += np.einsum("oc,nchw->nohw", weight[:, :, i, j], x[:, :, i : i + height, j : j + width])
    return out


def _joined(parts):
    return np.concatenate(parts, axis=1)


def _straight(array, groups, axis=0):
    """The groups as blocks of neighbours: 0 0 1 1 2 2."""
    return np.split(array, groups, axis)


def _interleaved(array, groups, axis=0):
    """The groups dealt out like cards: 0 1 2 0 1 2."""
    return [np.take(array, range(g, array.shape[axis], groups), axis) for g in range(groups)]


def _dealt(parts):
    """The first output of every group, then the second of every group, …"""
    stacked = np.stack(parts, axis=2)
    return stacked.reshape(len(stacked), -1, *stacked.shape[3:])


def _variant(*, inputs=_straight, filters=_straight, conv=_dense, join=_joined):
    """A grouped convolution with one part exchanged."""

    def wrong(x, weight, groups):
        parts = zip(inputs(x, groups, 1), filters(weight, groups), strict=True)
        return join([conv(a, w) for a, w in parts])

    return wrong


def _by_inputs(x, weight, groups):
    size = x.shape[1] // groups
    return _joined([_dense(x[:, g * size : (g + 1) * size], weight[g * size : (g + 1) * size]) for g in range(groups)])


def _width_for_groups(x, weight, groups):
    return _variant()(x, weight[:, :groups], x.shape[1] // groups)


def _no_fit_check(x, weight, groups):
    kernel = weight.shape[-1]
    if x.shape[2] >= kernel and x.shape[3] >= kernel:
        return _variant()(x, weight, groups)
    return np.zeros((len(x), len(weight), max(0, x.shape[2] - kernel + 1), max(0, x.shape[3] - kernel + 1)))


def _too_strict(x, weight, groups):
    if 1 < weight.shape[-1] >= min(x.shape[2:]):
        raise ValueError("the kernel does not fit")
    return _variant()(x, weight, groups)


def _padded(x, weight):
    pad = weight.shape[-1] // 2
    return _dense(np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), weight)


def _truncated(a, w):
    """np.zeros_like(x, …): an output with the images' type."""
    return _dense(a, w).astype(a.dtype)


def _first_row_lost(a, w):
    return _dense(a, w)[:, :, 1:, 1:] if w.shape[-1] > 1 else _dense(a, w)


def _last_row_lost(a, w):
    return _dense(a, w)[:, :, : a.shape[2] - w.shape[-1], : a.shape[3] - w.shape[-1]]


def _only_tap(i, j):
    return lambda a, w: _dense(a[:, :, : a.shape[2] - w.shape[-1] + 1, : a.shape[3] - w.shape[-1] + 1], w[:, :, i, j][..., None, None])  # fmt: skip


def _loops(x, weight, groups):
    n, _, height, width = x.shape
    c_out, per_group, kernel, _ = weight.shape
    if kernel > min(height, width):
        raise ValueError(f"a {kernel}×{kernel} kernel does not fit into {height}×{width}")
    out = np.zeros((n, c_out, height - kernel + 1, width - kernel + 1))
    for o in range(c_out):
        first = o // (c_out // groups) * per_group
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                window = x[:, first : first + per_group, i : i + kernel, j : j + kernel]
                out[:, o, i, j] = (window * weight[o]).sum(axis=(1, 2, 3))
    return out


def _windows(x, weight, groups):
    n, (c_out, per_group, *kernel) = len(x), weight.shape
    windows = sliding_window_view(x, kernel, (2, 3)).reshape(
        n, groups, per_group, x.shape[2] - kernel[0] + 1, x.shape[3] - kernel[1] + 1, *kernel
    )
    filters = weight.reshape(groups, c_out // groups, per_group, *kernel)
    out = np.einsum("ngchwij,gocij->ngohw", windows, filters, optimize=True)
    return out.reshape(n, c_out, *out.shape[3:])


def _block_diagonal(x, weight, groups):
    """An ordinary convolution whose weights between different groups are zero."""
    (c_out, per_group, *kernel), rows = weight.shape, len(weight) // groups
    wide = np.zeros((c_out, groups * per_group, *kernel))
    for g in range(groups):
        wide[g * rows : (g + 1) * rows, g * per_group : (g + 1) * per_group] = weight[g * rows : (g + 1) * rows]
    return _dense(x, wide)


def _matrices(x, weight, groups):
    """im2col: one batched matrix product, a matrix for each group."""
    kernel, rows = weight.shape[-1], len(weight) // groups
    view = sliding_window_view(x, (kernel, kernel), (2, 3)).transpose(0, 2, 3, 1, 4, 5)
    n, height, width = view.shape[:3]
    columns = view.reshape(n * height * width, groups, -1).transpose(1, 0, 2)
    out = columns @ weight.reshape(groups, rows, -1).transpose(0, 2, 1)
    return out.transpose(1, 0, 2).reshape(n, height, width, len(weight)).transpose(0, 3, 1, 2)


def _torch_backed(x, weight, groups):
    if weight.shape[-1] > min(x.shape[2:]):
        raise ValueError("the kernel does not fit")
    return _conv_oracle(x, weight, groups)


def _problem(rng, n, c_in, c_out, kernel, size, groups):
    return dict(x=rng.normal(size=(n, c_in, *size)), weight=rng.normal(size=(c_out, c_in // groups, kernel, kernel)), groups=groups)  # fmt: skip


_CONTIGUOUS = (
    "Channels of one group are neighbours: group g reads the inputs g·C_in/G … and makes the outputs g·C_out/G …."
)


_CONV = Exercise(
    name="grouped_conv2d",
    returns=("out",),
    oracle=_conv_oracle,
    cases=(
        Case("one pixel, two groups of one channel", lambda rng: dict(
            x=np.array([[[[1.0]], [[10.0]]]]), weight=np.array([[[[2.0]]], [[[3.0]]]]), groups=2)),
        Case("one pixel, two groups of two channels", lambda rng: dict(
            x=np.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 4, 1, 1),
            weight=np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]).reshape(4, 2, 1, 1), groups=2)),
        Case("3×3, two groups, a map that is not square", lambda rng: _problem(rng, 2, 4, 6, 3, (5, 4), 2)),
        Case("1×1, three groups, fewer channels out", lambda rng: _problem(rng, 2, 12, 6, 1, (2, 3), 3)),
        Case("one group: an ordinary convolution", lambda rng: _problem(rng, 1, 3, 4, 2, (4, 3), 1)),
        Case("as many groups as channels (depthwise)", lambda rng: _problem(rng, 2, 4, 4, 3, (4, 5), 4)),
        Case("two outputs for each input channel", lambda rng: _problem(rng, 1, 3, 6, 2, (3, 4), 3)),
        Case("three groups, the kernel as large as the map", lambda rng: _problem(rng, 3, 6, 9, 3, (3, 3), 3)),
        Case("whole-number images", lambda rng: _problem(rng, 2, 4, 4, 2, (3, 3), 2) | dict(x=rng.integers(0, 9, size=(2, 4, 3, 3)))),
        Case("a kernel one row too tall", lambda rng: _problem(rng, 1, 2, 2, 3, (2, 5), 2), raises="ValueError"),
        Case("a kernel much too wide", lambda rng: _problem(rng, 1, 2, 2, 4, (5, 2), 1), raises="ValueError"),
    ),
    mistakes=(
        Mistake("dense convolution (every output reads every group)", "An output reads the C_in/G channels of its own group only; that is what saves weights.", _variant(inputs=lambda x, groups, axis: [x] * groups, conv=lambda a, w: _dense(a, np.tile(w, (1, a.shape[1] // w.shape[1], 1, 1))))),
        Mistake("outputs dealt to the groups in turn", _CONTIGUOUS, _variant(filters=_interleaved, join=_dealt)),
        Mistake("input channels dealt to the groups in turn", _CONTIGUOUS, _variant(inputs=_interleaved)),
        Mistake("inputs and outputs dealt to the groups in turn", _CONTIGUOUS, _variant(inputs=_interleaved, filters=_interleaved, join=_dealt)),
        Mistake("filters dealt to the groups in turn", _CONTIGUOUS, _variant(filters=_interleaved)),
        Mistake("outputs shuffled between the groups", "Concatenate the groups' outputs one after the other; mixing them is ShuffleNet's extra step.", _variant(join=_dealt)),
        Mistake("groups in reverse order", "Group g of the inputs meets group g of the filters.", _variant(inputs=lambda x, groups, axis: _straight(x, groups, axis)[::-1])),
        Mistake("outputs in reverse order of the groups", "The first group's outputs come first.", _variant(join=lambda parts: _joined(parts[::-1]))),
        Mistake("groups shifted by one", "Group g of the inputs meets group g of the filters: count from 0.", _variant(inputs=lambda x, groups, axis: np.roll(_straight(x, groups, axis), -1, 0))),
        Mistake("every group reads the first input channels", "Move along: group g reads the channels from g·C_in/G on.", _variant(inputs=lambda x, groups, axis: _straight(x, groups, axis)[:1] * groups)),
        Mistake("the first group's filters used for all", "Every group has filters of its own: weight[g·C_out/G : (g+1)·C_out/G].", _variant(filters=lambda w, groups: _straight(w, groups)[:1] * groups)),
        Mistake("filters cut by C_in / groups", "A group has C_in/G inputs but C_out/G filters: cut weight by its own length.", _by_inputs),
        Mistake("groups taken for the channels of a group", "groups is the number of groups; a group has C_in/groups channels.", _width_for_groups),
        Mistake("groups summed instead of concatenated", "Each group makes its own output channels: concatenate them along axis 1.", _variant(join=sum)),
        Mistake("groups concatenated along the batch", "The groups' outputs are channels: concatenate along axis 1.", _variant(join=np.concatenate)),
        Mistake("groups stacked on an axis of their own", "Concatenate the groups' outputs along the channels: (N, C_out, H', W').", _variant(join=lambda parts: np.stack(parts, axis=1))),
        Mistake("only the first group computed", "All groups count: concatenate their outputs.", _variant(join=lambda parts: parts[0])),
        Mistake("the other groups left at zero", "All groups count: concatenate their outputs.", _variant(join=lambda parts: _joined([parts[0], *(0 * part for part in parts[1:])]))),
        Mistake("flipped kernel (true convolution)", "Frameworks compute the cross-correlation: do not flip the kernel.", _variant(conv=lambda a, w: _dense(a, w[:, :, ::-1, ::-1]))),
        Mistake("kernel transposed", "weight[o, c, i, j] meets the pixel i rows down and j columns to the right.", _variant(conv=lambda a, w: _dense(a, w.swapaxes(2, 3)))),
        Mistake("only the kernel's first tap", "Sum over all k·k positions of the kernel.", _variant(conv=_only_tap(0, 0))),
        Mistake("only the kernel's last tap", "Sum over all k·k positions of the kernel.", _variant(conv=_only_tap(-1, -1))),
        Mistake("only the first channel of each group", "Sum over all C_in/G channels of the group.", _variant(conv=lambda a, w: _dense(a[:, :1], w[:, :1]))),
        Mistake("mean over the channels", "A convolution sums over its input channels.", _variant(conv=lambda a, w: _dense(a, w) / w.shape[1])),
        Mistake("mean over the window", "A convolution sums over its window.", _variant(conv=lambda a, w: _dense(a, w) / w.shape[2] ** 2)),
        Mistake("sum over the groups' filters", "Each filter has an output channel of its own.", _variant(conv=lambda a, w: _dense(a, w).sum(1, keepdims=True))),
        Mistake("padding", "No padding: a k×k kernel leaves H − k + 1 rows.", _variant(conv=_padded)),
        Mistake("stride of the kernel's size", "Stride 1: neighbouring windows overlap.", _variant(conv=lambda a, w: _dense(a, w)[:, :, :: w.shape[-1], :: w.shape[-1]])),
        Mistake("last row and column left out", "There are H − k + 1 rows, not H − k.", _variant(conv=_last_row_lost)),
        Mistake("first row and column left out", "The first window starts at row 0 and column 0.", _variant(conv=_first_row_lost)),
        Mistake("rows and columns exchanged", "The output is (N, C_out, H', W').", _variant(join=lambda parts: _joined(parts).swapaxes(2, 3))),
        Mistake("channels last", "The output is (N, C_out, H', W').", _variant(join=lambda parts: np.moveaxis(_joined(parts), 1, -1))),
        Mistake("only the first image", "Keep the batch axis: every image of the batch is convolved.", _variant(conv=lambda a, w: _dense(a[:1], w))),
        Mistake("output with the images' integer type", "Results are float64: np.zeros(shape), not np.zeros_like(x).", _variant(conv=_truncated)),
        Mistake("no ValueError for a kernel that does not fit", "Compare k with H and W first, and raise ValueError: an empty array is not an answer.", _no_fit_check),
        Mistake("ValueError for a kernel as large as the map", "A k×k kernel fits into a map of k×k, once: refuse only H < k or W < k.", _too_strict),
        Mistake("groups ignored", "weight has C_in/G input channels: cut x into G groups first.", lambda x, weight, groups: _dense(x, weight)),
    ),
    accepts=(_loops, _windows, _block_diagonal, _matrices, _torch_backed),
    verified="equal to torch's grouped conv2d in float64: 1 group, many, and one for each channel; ValueError where the kernel does not fit",
)  # fmt: skip
