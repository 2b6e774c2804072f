"""27 · ResNeXt: Xie, Girshick, Dollár, Tu, He 2017, §3 and figure 3c. Oracles: torch's grouped conv2d, the zoo's block."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from utils.exercises.resnet import Bottleneck, shared_mistakes
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.models import resnet

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
        Mistake("flipped kernel (true convolution)", "Frameworks compute the cross-correlation: do not turn the kernel round.", _variant(conv=lambda a, w: _dense(a, w[:, :, ::-1, ::-1]))),
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
        Mistake("no ValueError for a kernel that does not fit", "Compare k with H and W first, and raise ValueError: an empty array is no answer.", _no_fit_check),
        Mistake("ValueError for a kernel as large as the map", "A k×k kernel fits into a map of k×k, once: refuse only H < k or W < k.", _too_strict),
        Mistake("groups ignored", "weight has C_in/G input channels: cut x into G groups first.", lambda x, weight, groups: _dense(x, weight)),
    ),
    accepts=(_loops, _windows, _block_diagonal, _matrices, _torch_backed),
    verified="equal to torch's grouped conv2d in float64: 1 group, many, and one for each channel; ValueError where the kernel does not fit",
)  # fmt: skip


# ---- ResNeXtBlock -----------------------------------------------------------------------------------------------


class Grouped(Bottleneck):
    """The bottleneck of question 25 with other widths and a grouped 3×3; c_mid is (width, cardinality, c_out)."""

    def __init__(self, c_in, c_mid, stride=1):
        self.cardinality = self.groups(*c_mid[:2])
        super().__init__(c_in, c_mid, stride)
        for layer in self.stages.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.groups = self.cardinality
                layer.weight = nn.Parameter(layer.weight[:, : layer.in_channels // layer.groups].detach())

    def groups(self, width, cardinality):
        return cardinality

    def widths(self, c_mid):
        width, cardinality, c_out = c_mid
        return (width * cardinality, width * cardinality, c_out)


def _as_resnext(block):
    """A class of (c_in, c_mid, stride), called with the arguments of ResNeXtBlock."""
    return lambda c_in, width, cardinality, c_out, stride=1: block(c_in, (width, cardinality, c_out), stride)


class DenseMiddle(Grouped):
    def groups(self, width, cardinality):
        return 1


class Depthwise(Grouped):
    def groups(self, width, cardinality):
        return width * cardinality


class WidthGroups(Grouped):
    def groups(self, width, cardinality):
        return width


class WidthForAll(Grouped):
    """width taken for the width of all groups together."""

    def widths(self, c_mid):
        return (c_mid[0], c_mid[0], c_mid[2])


class WidthForAllUngrouped(WidthForAll, DenseMiddle):
    pass


class CardinalityForAll(Grouped):
    def widths(self, c_mid):
        return (c_mid[1], c_mid[1], c_mid[2])


class WidthAddedToCardinality(DenseMiddle):
    def widths(self, c_mid):
        width, cardinality, c_out = c_mid
        return (width + cardinality, width + cardinality, c_out)


class FourTimesTheMiddle(Grouped):
    """The expansion of the bottleneck in place of c_out."""

    def widths(self, c_mid):
        width, cardinality, _ = c_mid
        return (width * cardinality, width * cardinality, 4 * width * cardinality)


class FourTimesOut(Grouped):
    def widths(self, c_mid):
        *inner, c_out = super().widths(c_mid)
        return (*inner, 4 * c_out)


class AllGrouped(Grouped):
    """The two 1×1 grouped as well."""

    chosen = (0, 1, 2)

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__(c_in, c_mid, stride)
        for index in self.chosen:
            old = self.stages[index][0]
            same = dict(stride=old.stride, padding=old.padding, bias=False, groups=self.cardinality)
            self.stages[index][0] = nn.Conv2d(old.in_channels, old.out_channels, old.kernel_size, **same)


class FirstGrouped(AllGrouped):
    chosen = (0, 1)


class LastGrouped(AllGrouped):
    chosen = (1, 2)


class OneByOneMiddle(Grouped):
    """A 1×1 in the middle, grouped."""

    kernels = (1, 1, 1)

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__(c_in, c_mid, stride)
        layer = self.stages[1][0]
        layer.groups = self.cardinality
        layer.weight = nn.Parameter(layer.weight[:, : layer.in_channels // layer.groups].detach())


class StrideOnFirst(Grouped):
    def strided(self):
        return (True, False, False)


class WideFirst(Grouped):
    """A dense 3×3 in place of the first 1×1."""

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__(c_in, c_mid, stride)
        inner = self.widths(c_mid)[0]
        self.stages[0][0] = nn.Conv2d(c_in, inner, 3, padding=1, bias=False)


class ProjectionByMid(Grouped):
    def __init__(self, c_in, c_mid, stride=1):
        self.inner = self.widths(c_mid)[0]
        super().__init__(c_in, c_mid, stride)

    def projecting(self):
        return self.stride != 1 or self.c_in != self.inner


class GroupedProjection(Grouped):
    def make_shortcut(self):
        if not self.projecting():
            return nn.Identity()
        groups = math.gcd(self.cardinality, self.c_in, self.c_out)
        conv = nn.Conv2d(self.c_in, self.c_out, 1, self.stride, bias=False, groups=groups)
        return nn.Sequential(conv, nn.BatchNorm2d(self.c_out))


class ShuffledGroups(Grouped):
    """ShuffleNet's shuffle behind the grouped 3×3."""

    def residual(self, x):
        first, middle, last = self.stages
        h = F.relu(middle(F.relu(first(x))))
        n, c, *size = h.shape
        h = h.reshape(n, self.cardinality, c // self.cardinality, *size).transpose(1, 2)
        return last(h.reshape(n, c, *size))


class TwoGroupedConvolutions(Grouped):
    """The basic block's two 3×3, grouped, without the 1×1."""

    kernels = (3, 3)

    def strided(self):
        return (True, False)

    def widths(self, c_mid):
        return (c_mid[0] * c_mid[1], c_mid[2])

    def groups(self, width, cardinality):
        return 1


class PathsBlock(nn.Module):
    """The middle written as a loop over the groups, with one parameter for all of them."""

    def __init__(self, c_in, width, cardinality, c_out, stride=1):
        super().__init__()
        inner = width * cardinality
        self.stride, self.width, self.project = stride, width, stride != 1 or c_in != c_out
        if self.project:
            self.down, self.down_norm = nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
        self.enlarge = nn.Parameter(torch.randn(c_out, inner, 1, 1))
        self.filters = nn.Parameter(torch.randn(inner, width, 3, 3))
        self.reduce = nn.Parameter(torch.randn(inner, c_in, 1, 1))
        self.norms = nn.ModuleList((nn.BatchNorm2d(inner), nn.BatchNorm2d(inner), nn.BatchNorm2d(c_out)))

    def forward(self, x):
        h = self.norms[0](F.conv2d(x, self.reduce)).clamp(min=0)
        paths = zip(h.split(self.width, 1), self.filters.split(self.width), strict=True)
        h = torch.cat([F.conv2d(a, w, stride=self.stride, padding=1) for a, w in paths], 1)
        h = self.norms[2](F.conv2d(self.norms[1](h).clamp(min=0), self.enlarge))
        h += self.down_norm(self.down(x)) if self.project else x
        return torch.relu_(h)


class ByHandBlock(nn.Module):
    """Layers by hand, in-place ReLUs on its own tensors only, an empty Sequential for the identity."""

    def __init__(self, c_in, width, cardinality, c_out, stride=1):
        super().__init__()
        group_width = width * cardinality
        self.conv1 = nn.Conv2d(c_in, group_width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(group_width)
        self.conv2 = nn.Conv2d(group_width, group_width, 3, stride, 1, groups=cardinality, bias=False)
        self.bn2 = nn.BatchNorm2d(group_width)
        self.conv3 = nn.Conv2d(group_width, c_out, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if not (stride == 1 and c_in == c_out):
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


def _block_oracle(x, **arguments):
    return run_module(resnet.ResNeXtBlock, x, **arguments)


def _images(rng, channels, size=5, count=2):
    return 0.3 + rng.normal(size=(count, channels, size, size))


def _shape(c_in, width, cardinality, c_out, stride=1, size=5):
    return lambda rng: dict(
        c_in=c_in, width=width, cardinality=cardinality, c_out=c_out, stride=stride, x=_images(rng, c_in, size)
    )


_BLOCK = Exercise(
    name="ResNeXtBlock",
    returns=RETURNS,
    oracle=_block_oracle,
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(c_in=6, width=2, cardinality=3, c_out=6, x=_images(rng, 6))),
        Case("more channels", _shape(3, 1, 4, 8)),
        Case("stride 2 and twice the channels", _shape(4, 3, 2, 8, 2, 6)),
        Case("stride 2, the same channels", _shape(6, 2, 2, 6, 2, 6)),
        Case("stride 2 on an odd map, fewer channels", _shape(8, 2, 3, 5, 2, 7)),
        Case("one group: a bottleneck of any width", _shape(5, 3, 1, 5)),
        Case("a stream narrower than the middle", _shape(4, 2, 4, 4)),
    ),
    mistakes=(
        *(Mistake(m.name, m.advice, _as_resnext(m.wrong)) for m in shared_mistakes(Grouped)),
        Mistake("dense 3×3 (groups forgotten)", "The 3×3 has groups=cardinality: that is the whole idea of the block.", _as_resnext(DenseMiddle)),
        Mistake("depthwise 3×3 (a group for each channel)", "There are `cardinality` groups of `width` channels: groups=cardinality.", _as_resnext(Depthwise)),
        Mistake("width and cardinality exchanged (groups = width)", "32×4d is width 4 and cardinality 32: width is the channels of one group, the number of groups is the cardinality.", _as_resnext(WidthGroups)),
        Mistake("width not multiplied by the cardinality", "width is per group (4 in 32×4d): the 3×3 has width · cardinality channels in all.", _as_resnext(WidthForAll)),
        Mistake("width for all groups together, and a dense 3×3", "width is per group (4 in 32×4d): the 3×3 has width · cardinality channels, in groups=cardinality.", _as_resnext(WidthForAllUngrouped)),
        Mistake("as many channels as groups", "Each group has `width` channels: the 3×3 has width · cardinality in all.", _as_resnext(CardinalityForAll)),
        Mistake("width plus cardinality", "`cardinality` groups of `width` channels each: multiply.", _as_resnext(WidthAddedToCardinality)),
        Mistake("four times the middle in place of c_out", "The last 1×1 leads to c_out channels; in ResNeXt-50 that is twice the middle, not four times.", _as_resnext(FourTimesTheMiddle)),
        Mistake("four times c_out", "c_out is what leaves the block: no expansion on top.", _as_resnext(FourTimesOut)),
        Mistake("1×1 convolutions grouped as well", "Only the 3×3 is grouped; the 1×1 around it mix the groups.", _as_resnext(AllGrouped)),
        Mistake("first 1×1 grouped as well", "Only the 3×3 is grouped; every path reads the whole input.", _as_resnext(FirstGrouped)),
        Mistake("last 1×1 grouped as well", "Only the 3×3 is grouped; the last 1×1 sums over all paths.", _as_resnext(LastGrouped)),
        Mistake("1×1 in the middle", "The grouped convolution is the 3×3.", _as_resnext(OneByOneMiddle)),
        Mistake("3×3 in place of the first 1×1", "The first convolution only changes the channels: 1×1, then 3×3 in groups, then 1×1.", _as_resnext(WideFirst)),
        Mistake("stride on the first 1×1", "The grouped 3×3 takes the stride, so that every input pixel is seen.", _as_resnext(StrideOnFirst)),
        Mistake("projection decided by the middle's width", "Compare c_in with what leaves the block, c_out.", _as_resnext(ProjectionByMid)),
        Mistake("grouped projection", "The projection is an ordinary 1×1 convolution, as in question 25.", _as_resnext(GroupedProjection)),
        Mistake("channels shuffled behind the grouped convolution", "No shuffle (that is ShuffleNet): the last 1×1 mixes the groups.", _as_resnext(ShuffledGroups)),
        Mistake("two 3×3 without the 1×1", "The block has three convolutions: 1×1, grouped 3×3, 1×1.", _as_resnext(TwoGroupedConvolutions)),
    ),
    accepts=(_as_resnext(Grouped), PathsBlock, ByHandBlock, resnet.ResNeXtBlock),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on seven shapes",
)  # fmt: skip


# ---- block_parameters -------------------------------------------------------------------------------------------


def _count_oracle(c_in, width, cardinality, c_out):
    """The block of the zoo on the meta device, its shortcut and its batch norms left out."""
    with torch.device("meta"):
        block = resnet.ResNeXtBlock(c_in, width, cardinality, c_out)
    return sum(layer.weight.numel() for layer in block.residual.modules() if isinstance(layer, nn.Conv2d))


def _count(c_in, w, g, c_out, *, first=None, middle=None, last=None, extra=0):
    """The three terms, each of which a mistake can exchange."""
    terms = (c_in * w * g, 9 * w * w * g, w * g * c_out)
    return sum(ours if theirs is None else theirs for ours, theirs in zip(terms, (first, middle, last), strict=True)) + extra  # fmt: skip


def _path_by_path(c_in, width, cardinality, c_out):
    return sum(c_in * width + width * 3 * 3 * width + width * c_out for _ in range(cardinality))


def _by_arrays(c_in, width, cardinality, c_out):
    shapes = ((width * cardinality, c_in, 1, 1), (width * cardinality, width, 3, 3), (c_out, width * cardinality, 1, 1))
    return sum(np.prod(shape) for shape in shapes)


_COUNT = Exercise(
    name="block_parameters",
    returns=("parameters",),
    oracle=_count_oracle,
    cases=(
        Case("one path of width 1", lambda rng: dict(c_in=1, width=1, cardinality=1, c_out=1)),
        Case("two paths of width 1", lambda rng: dict(c_in=1, width=1, cardinality=2, c_out=1)),
        Case("256-d, 32×4d", lambda rng: dict(c_in=256, width=4, cardinality=32, c_out=256)),
        Case("256-d, one path of 64: ResNet's bottleneck", lambda rng: dict(c_in=256, width=64, cardinality=1, c_out=256)),
        Case("more channels out than in", lambda rng: dict(c_in=64, width=4, cardinality=32, c_out=256)),
        Case("odd numbers", lambda rng: dict(c_in=5, width=3, cardinality=7, c_out=11)),
        Case("depthwise", lambda rng: dict(c_in=24, width=1, cardinality=24, c_out=24)),
    ),
    mistakes=(
        Mistake("dense 3×3", "A filter of the grouped 3×3 sees the `width` channels of its group: 9 · width · (width · cardinality) weights.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * (w * g) ** 2)),
        Mistake("width not multiplied by the cardinality", "width is per group; there are `cardinality` groups.", lambda c, w, g, o: _count(c, w, 1, o)),
        Mistake("1×1 convolutions of one path only, or grouped", "Only the 3×3 is grouped: all paths together have width · cardinality channels: the 1×1 lead there and back.", lambda c, w, g, o: _count(c, w, g, o, first=c * w, last=w * o)),
        Mistake("3×3 of one path only", "There are `cardinality` groups, each with 9 · width² weights.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * w * w)),
        Mistake("depthwise 3×3", "A filter of the grouped 3×3 sees all `width` channels of its group: 9 · width² · cardinality.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * w * g)),
        Mistake("width and cardinality exchanged (groups = width)", "9 · width² · cardinality: 32×4d is width 4 and cardinality 32, and the cardinality is the number of groups.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * w * g * g)),
        Mistake("the 3×3 counted as 3", "A 3×3 kernel has 9 taps.", lambda c, w, g, o: _count(c, w, g, o, middle=3 * w * w * g)),
        Mistake("the 3×3 counted as 1×1", "A 3×3 kernel has 9 taps.", lambda c, w, g, o: _count(c, w, g, o, middle=w * w * g)),
        Mistake("every convolution counted as 3×3", "The outer two are 1×1.", lambda c, w, g, o: 9 * _count(c, w, g, o, middle=w * w * g)),
        Mistake("c_in for c_out", "The last 1×1 leads to c_out channels.", lambda c, w, g, o: _count(c, w, g, c)),
        Mistake("c_out for c_in", "The first 1×1 reads c_in channels.", lambda c, w, g, o: _count(o, w, g, o)),
        Mistake("last 1×1 forgotten", "There are three convolutions.", lambda c, w, g, o: _count(c, w, g, o, last=0)),
        Mistake("first 1×1 forgotten", "There are three convolutions.", lambda c, w, g, o: _count(c, w, g, o, first=0)),
        Mistake("3×3 forgotten", "There are three convolutions.", lambda c, w, g, o: _count(c, w, g, o, middle=0)),
        Mistake("first 1×1 grouped", "Only the 3×3 is grouped: every path reads all c_in channels.", lambda c, w, g, o: _count(c, w, g, o, first=c * w)),
        Mistake("last 1×1 grouped", "Only the 3×3 is grouped: the last 1×1 reads all width · cardinality channels.", lambda c, w, g, o: _count(c, w, g, o, last=w * o)),
        Mistake("batch norms counted", "Only the weights of the three convolutions are asked for.", lambda c, w, g, o: _count(c, w, g, o, extra=4 * w * g + 2 * o)),
        Mistake("biases counted", "The convolutions have no bias.", lambda c, w, g, o: _count(c, w, g, o, extra=2 * w * g + o)),
        Mistake("projection counted", "Leave the shortcut out.", lambda c, w, g, o: _count(c, w, g, o, extra=c * o)),
        Mistake("projection counted where the channels change", "Leave the shortcut out.", lambda c, w, g, o: _count(c, w, g, o, extra=c * o if c != o else 0)),
        Mistake("width plus cardinality", "`cardinality` groups of `width` channels each: multiply.", lambda c, w, g, o: c * (w + g) + 9 * (w + g) ** 2 + (w + g) * o),
        Mistake("a float", "A number of weights is an int: // and **, no / and no float factor.", lambda c, w, g, o: float(_count(c, w, g, o))),
    ),
    accepts=(_path_by_path, _by_arrays, _count_oracle),
    verified="equal to the weights of the built block: one path, many, depthwise, the paper's 70,144 and ResNet's 69,632",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=45, exercises=(_CONV, _BLOCK, _COUNT), torch=True)
