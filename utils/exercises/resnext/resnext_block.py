"""ResNeXtBlock: cases, oracle, mistakes."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.resnet.bottleneck import Bottleneck
from utils.exercises.resnet.shared import shared_mistakes
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import resnet


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
