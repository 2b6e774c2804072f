"""MobileNetV2's inverted residual: Sandler et al. 2018, tables 1 and 3. Oracle: the zoo's block."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import mobile


class Inverted(nn.Module):
    """The block with parts that a mistake can exchange."""

    kernel, bias, keep_expand, default = 3, False, False, 6
    activation = nn.ReLU6
    strided = "depthwise"

    def __init__(self, c_in, c_out, stride=1, expansion=None):
        super().__init__()
        self.c_in, self.c_out, self.stride = c_in, c_out, stride
        self.expansion = self.default if expansion is None else expansion
        self.hidden = self.wide()
        layers = OrderedDict()
        if self.expanding():
            layers["expand"] = self.stage(c_in, self.hidden, 1, "expand")
        layers["depthwise"] = self.stage(self.hidden, self.hidden, self.kernel, "depthwise", self.groups())
        layers["project"] = self.stage(self.hidden, c_out, 1, "project")
        self.layers = nn.ModuleDict(layers)

    def wide(self):
        return self.expansion * self.c_in

    def expanding(self):
        return self.expansion != 1 or self.keep_expand

    def groups(self):
        return self.hidden

    def stage(self, c_in, c_out, kernel, role, groups=1):
        stride = self.stride if role == self.strided else 1
        conv = nn.Conv2d(c_in, c_out, kernel, stride, self.padding(kernel), groups=groups, bias=self.bias)
        return nn.Sequential(conv, self.norm(c_out, role))

    def padding(self, kernel):
        return kernel // 2

    def norm(self, channels, role):
        return nn.BatchNorm2d(channels)

    def act(self, h, role):
        return h if role == "project" else self.activation()(h)

    def branch(self, x):
        for role, stage in self.layers.items():
            x = self.act(stage(x), role)
        return x

    def joined(self):
        return self.stride == 1 and self.c_in == self.c_out

    def forward(self, x):
        return x + self.branch(x) if self.joined() else self.branch(x)


class ReluAtTheEnd(Inverted):
    def act(self, h, role):
        return F.relu6(h)


class PlainRelu(Inverted):
    activation = nn.ReLU


class PlainReluEverywhere(Inverted):
    def act(self, h, role):
        return F.relu(h)


class HardSwish(Inverted):
    activation = nn.Hardswish


class Swish(Inverted):
    activation = nn.SiLU


class Gelu(Inverted):
    activation = nn.GELU


class NoActivation(Inverted):
    def act(self, h, role):
        return h


class NoActivationAfterDepthwise(Inverted):
    def act(self, h, role):
        return F.relu6(h) if role == "expand" else h


class NoActivationAfterExpansion(Inverted):
    def act(self, h, role):
        return F.relu6(h) if role == "depthwise" else h


class ActivationBeforeNorm(Inverted):
    def branch(self, x):
        for role, (conv, norm) in self.layers.items():
            x = norm(self.act(conv(x), role))
        return x


class ReluAfterSum(Inverted):
    def forward(self, x):
        return F.relu6(super().forward(x)) if self.joined() else super().forward(x)


class NoShortcut(Inverted):
    def joined(self):
        return False


class ShortcutAtAnyStride(Inverted):
    def joined(self):
        return self.c_in == self.c_out


class ShortcutAtAnyWidth(Inverted):
    def joined(self):
        return self.stride == 1


class ShortcutOnlyWhenExpanded(Inverted):
    def joined(self):
        return super().joined() and self.expansion != 1


class Projected(Inverted):
    """A learnt shortcut where the shape changes, as in ResNet."""

    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__(c_in, c_out, stride, expansion)
        if not self.joined():
            conv = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(c_out))

    def forward(self, x):
        return self.branch(x) + (x if self.joined() else self.shortcut(x))


class ExpandKept(Inverted):
    keep_expand = True


class NeverExpanded(Inverted):
    def wide(self):
        return self.c_in

    def expanding(self):
        return False


class FixedAtSix(Inverted):
    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__(c_in, c_out, stride, 6)


class ExpandedFromOutput(Inverted):
    def wide(self):
        return self.expansion * self.c_out

    def expanding(self):
        return self.hidden != self.c_in


class Narrow(Inverted):
    """A bottleneck the old way: narrow in the middle."""

    def wide(self):
        return max(1, self.c_in // self.expansion)


class Dense(Inverted):
    def groups(self):
        return 1


class GroupedByInput(Inverted):
    def groups(self):
        return self.c_in


class Wide5(Inverted):
    kernel = 5


class NoPadding(Inverted):
    def padding(self, kernel):
        return 0


class PaddedEverywhere(Inverted):
    def padding(self, kernel):
        return 1


class StrideOnExpand(Inverted):
    strided = "expand"


class StrideOnProject(Inverted):
    strided = "project"


class StrideIgnored(Inverted):
    strided = "nowhere"


class Biased(Inverted):
    bias = True


class NoLastNorm(Inverted):
    def norm(self, channels, role):
        return nn.Identity() if role == "project" else super().norm(channels, role)


class NoNormAfterDepthwise(Inverted):
    def norm(self, channels, role):
        return nn.Identity() if role == "depthwise" else super().norm(channels, role)


class NoNorm(Inverted):
    def norm(self, channels, role):
        return nn.Identity()


class SharedNorm(Inverted):
    """One batch norm for the two wide stages."""

    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__(c_in, c_out, stride, expansion)
        if "expand" in self.layers:
            self.layers["depthwise"][1] = self.layers["expand"][1]


class NormOnSum(Inverted):
    def forward(self, x):
        if not self.joined():
            return self.branch(x)
        h = x
        for role in list(self.layers)[:-1]:
            h = self.act(self.layers[role](h), role)
        conv, norm = self.layers["project"]
        return norm(conv(h) + x)


class DetachedShortcut(Inverted):
    def forward(self, x):
        return x.detach() + self.branch(x) if self.joined() else self.branch(x)


class Concatenated(Inverted):
    def forward(self, x):
        return torch.cat([x, self.branch(x)], dim=1) if self.joined() else self.branch(x)


_LINEAR = "The last 1×1 ends in batch norm alone: an activation on the narrow features would throw information away."
_ORDER = "Expand, BN, ReLU6; depthwise, BN, ReLU6; project, BN."
_SIX = "MobileNetV2's activation is ReLU6, min(max(x, 0), 6): it keeps 8-bit numbers in range."
_SHORT = (
    "Add the input exactly where the shapes are equal: stride 1 and c_in == c_out; nothing is learnt on the shortcut."
)
_WIDE = "The hidden width is expansion · c_in."
_DEPTH = "Depthwise: groups equal to the number of channels, the hidden width."
_STRIDE = "The depthwise 3×3 takes the stride."
_NORM = "Each of the three convolutions has a batch norm of its own."

MISTAKES = tuple(Mistake(*row) for row in (
    ("ReLU or ReLU6 after the projection (no linear bottleneck)", _LINEAR, ReluAtTheEnd),
    ("ReLU in place of ReLU6", _SIX, PlainRelu),
    ("ReLU everywhere", _LINEAR, PlainReluEverywhere),
    ("hard swish", f"{_SIX} Hard swish is version 3's.", HardSwish),
    ("SiLU (swish)", f"{_SIX} Swish is EfficientNet's.", Swish),
    ("GELU", _SIX, Gelu),
    ("no activation", _ORDER, NoActivation),
    ("no activation after the depthwise convolution", _ORDER, NoActivationAfterDepthwise),
    ("no activation after the expansion", _ORDER, NoActivationAfterExpansion),
    ("activation before batch norm", _ORDER, ActivationBeforeNorm),
    ("ReLU6 after the sum", "Nothing follows the sum: the narrow ends stay linear.", ReluAfterSum),
    ("no shortcut", _SHORT, NoShortcut),
    ("shortcut at any stride", _SHORT, ShortcutAtAnyStride),
    ("shortcut at any width", _SHORT, ShortcutAtAnyWidth),
    ("no shortcut where expansion is 1", _SHORT, ShortcutOnlyWhenExpanded),
    ("projected shortcut where the shape changes", _SHORT, Projected),
    ("expansion kept where it is 1", "With expansion 1 there is nothing to expand: leave the first 1×1 out, its batch norm and ReLU6 too.", ExpandKept),
    ("never expanded", _WIDE, NeverExpanded),
    ("expansion fixed at 6", "Use the argument: 6 is only its default.", FixedAtSix),
    ("hidden width from c_out", _WIDE, ExpandedFromOutput),
    ("narrow in the middle (ResNet's bottleneck)", "Inverted: wide in the middle, narrow at the ends where the shortcut runs.", Narrow),
    ("dense 3×3 in place of depthwise", _DEPTH, Dense),
    ("groups = c_in", _DEPTH, GroupedByInput),
    ("depthwise 5×5", "MobileNetV2's depthwise kernel is 3×3.", Wide5),
    ("no padding", "Padding 1 keeps the map's size at stride 1.", NoPadding),
    ("padding on the 1×1 convolutions too", "A 1×1 needs no padding.", PaddedEverywhere),
    ("stride on the expansion", _STRIDE, StrideOnExpand),
    ("stride on the projection", _STRIDE, StrideOnProject),
    ("stride ignored", _STRIDE, StrideIgnored),
    ("convolutions with a bias", "Batch norm subtracts the mean again: bias=False.", Biased),
    ("no batch norm after the projection", _NORM, NoLastNorm),
    ("no batch norm after the depthwise convolution", _NORM, NoNormAfterDepthwise),
    ("no batch norm", _NORM, NoNorm),
    ("one batch norm for two convolutions", _NORM, SharedNorm),
    ("batch norm on the sum", "Normalise the branch before it is added.", NormOnSum),
    ("no gradient through the shortcut", "The shortcut carries the gradient too: no detach.", DetachedShortcut),
    ("concatenation in place of addition", "A residual block adds.", Concatenated),
))  # fmt: skip


class Functional(nn.Module):
    """Raw parameters, functional calls, another order of registration."""

    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__()
        hidden = c_in * expansion
        self.stride, self.add = stride, (stride, c_in) == (1, c_out)
        self.last, self.n3 = nn.Parameter(torch.randn(c_out, hidden, 1, 1)), nn.BatchNorm2d(c_out)
        self.middle, self.n2 = nn.Parameter(torch.randn(hidden, 1, 3, 3)), nn.BatchNorm2d(hidden)
        self.first = nn.Parameter(torch.randn(hidden, c_in, 1, 1)) if expansion > 1 else None
        self.n1 = nn.BatchNorm2d(hidden) if expansion > 1 else None

    def forward(self, x):
        h = x if self.first is None else self.n1(F.conv2d(x, self.first)).clamp(0, 6)
        h = F.conv2d(h, self.middle, stride=self.stride, padding=1, groups=len(self.middle))
        h = self.n3(F.conv2d(self.n2(h).clamp(0, 6), self.last))
        return h + x if self.add else h


class InPlace(nn.Module):
    """One Sequential with in-place activations on its own tensors."""

    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__()
        wide, first = c_in * expansion, []
        if expansion != 1:
            first = [nn.Conv2d(c_in, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True)]
        self.body = nn.Sequential(
            *first, nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide),
            nn.ReLU6(inplace=True), nn.Conv2d(wide, c_out, 1, bias=False), nn.BatchNorm2d(c_out),
        )  # fmt: skip
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.body(x)
        if self.residual:
            y += x
        return y


def images(rng, channels, size=6, count=3):
    return rng.normal(size=(count, channels, size, size))


def _spiked(rng, channels):
    """One pixel far from all others: after batch norm it lies above 6."""
    x = images(rng, channels, 8)
    x[0, :, 4, 4] = 60.0
    x[1, :, 2, 5] = -60.0
    return x


INVERTED = Exercise(
    name="InvertedResidual",
    returns=RETURNS,
    oracle=lambda x, **arguments: run_module(mobile.InvertedResidual, x, **arguments),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(x=images(rng, 4), c_in=4, c_out=4)),
        Case("more channels", lambda rng: dict(x=images(rng, 3), c_in=3, c_out=5)),
        Case("stride 2, the same channels", lambda rng: dict(x=images(rng, 4, 8), c_in=4, c_out=4, stride=2)),
        Case("stride 2 on an odd map, expansion 3", lambda rng: dict(x=images(rng, 4, 7), c_in=4, c_out=6, stride=2, expansion=3)),
        Case("expansion 1, the shape stays", lambda rng: dict(x=images(rng, 5), c_in=5, c_out=5, stride=1, expansion=1)),
        Case("expansion 1, fewer channels", lambda rng: dict(x=images(rng, 6), c_in=6, c_out=2, stride=1, expansion=1)),
        Case("values that ReLU6 cuts", lambda rng: dict(x=_spiked(rng, 3), c_in=3, c_out=3, stride=1, expansion=4)),
    ),
    mistakes=MISTAKES,
    accepts=(Inverted, Functional, InPlace, mobile.InvertedResidual),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on seven shapes",
)  # fmt: skip
