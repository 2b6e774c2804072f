"""ResNet, its pre-activated second version and ResNeXt: one skeleton, several blocks.

He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, §3.3 and table 1.
He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", ECCV 2016, §4 and figure 4e.
Xie et al., "Aggregated residual transformations for deep neural networks", CVPR 2017, table 1 and figure 3c.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from .layers import bn_relu, classifier_head, conv, conv_bn, conv_bn_relu


class Residual(nn.Module):
    """relu(residual(x) + shortcut(x))."""

    def __init__(self, residual, shortcut):
        super().__init__()
        self.residual = residual
        self.shortcut = shortcut

    def forward(self, x):
        return F.relu(self.residual(x) + self.shortcut(x))


def projection(c_in, c_out, stride):
    """The shortcut of option B: the identity where the shape allows, else a strided 1×1 with batch norm."""
    return nn.Identity() if stride == 1 and c_in == c_out else conv_bn(c_in, c_out, 1, stride)


class ZeroPadding(nn.Module):
    """The shortcut of option A, without parameters: every stride-th pixel, and zeros for the new channels."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.extra = c_out - c_in
        self.stride = stride

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


class BasicBlock(Residual):
    """Two 3×3: (N, c_in, H, W) → (N, c_out, H/stride, W/stride)."""

    def __init__(self, c_in, c_out, stride=1, *, shortcut=projection):
        residual = nn.Sequential(conv_bn_relu(c_in, c_out, 3, stride), conv_bn(c_out, c_out, 3))
        super().__init__(residual, shortcut(c_in, c_out, stride))


class Bottleneck(Residual):
    """1×1, 3×3, 1×1: (N, c_in, H, W) → (N, 4·c_mid, H/stride, W/stride).

    The stride is on the 3×3 (v1.5, as torchvision); stride_first puts it on the first 1×1 as the paper does,
    which skips three quarters of the input and costs fewer multiply-adds.
    """

    def __init__(self, c_in, c_mid, stride=1, *, stride_first=False):
        first, second = (stride, 1) if stride_first else (1, stride)
        residual = nn.Sequential(
            conv_bn_relu(c_in, c_mid, 1, first),
            conv_bn_relu(c_mid, c_mid, 3, second),
            conv_bn(c_mid, 4 * c_mid, 1),
        )
        super().__init__(residual, projection(c_in, 4 * c_mid, stride))


class ResNeXtBlock(Residual):
    """1×1, grouped 3×3, 1×1: (N, c_in, H, W) → (N, c_out, H/stride, W/stride); width is that of one group."""

    def __init__(self, c_in, width, cardinality, c_out, stride=1):
        c_mid = width * cardinality
        residual = nn.Sequential(
            conv_bn_relu(c_in, c_mid, 1),
            conv_bn_relu(c_mid, c_mid, 3, stride, groups=cardinality),
            conv_bn(c_mid, c_out, 1),
        )
        super().__init__(residual, projection(c_in, c_out, stride))


class PreActResidual(nn.Module):
    """residual(a) + shortcut, with a = relu(bn(x)) and nothing after the sum.

    An identity shortcut carries x itself, so the signal passes untouched; a projection, which has no batch
    norm, reads a.
    """

    def __init__(self, c_in, c_out, stride, residual):
        super().__init__()
        self.preact = bn_relu(c_in)
        self.residual = residual
        self.projection = None if stride == 1 and c_in == c_out else conv(c_in, c_out, 1, stride)

    def forward(self, x):
        a = self.preact(x)
        shortcut = x if self.projection is None else self.projection(a)
        return self.residual(a) + shortcut


class PreActBlock(PreActResidual):
    """BN-ReLU-3×3 twice: (N, c_in, H, W) → (N, c_out, H/stride, W/stride)."""

    def __init__(self, c_in, c_out, stride=1):
        residual = nn.Sequential(conv_bn_relu(c_in, c_out, 3, stride), conv(c_out, c_out, 3))
        super().__init__(c_in, c_out, stride, residual)


class PreActBottleneck(PreActResidual):
    """BN-ReLU-conv, 1×1, 3×3 (with the stride), 1×1: (N, c_in, H, W) → (N, 4·c_mid, H/stride, W/stride)."""

    def __init__(self, c_in, c_mid, stride=1):
        residual = nn.Sequential(
            conv_bn_relu(c_in, c_mid, 1), conv_bn_relu(c_mid, c_mid, 3, stride), conv(c_mid, 4 * c_mid, 1)
        )
        super().__init__(c_in, 4 * c_mid, stride, residual)


def expansion(block, width=64):
    """How many times `width` channels leave block(width, width, 1): 1 for a basic block, 4 for a bottleneck.

    Measured on the meta device, so any callable that makes a block will do, whatever attributes it has. ValueError when
    what leaves is no multiple of what enters.
    """
    with torch.device("meta"), torch.no_grad():
        channels = block(width, width, 1).eval()(torch.empty(1, width, 8, 8)).shape[1]
    if channels % width:
        raise ValueError(f"block({width}, {width}, 1) returned {channels} channels, no multiple of {width}")
    return channels // width


def residual_stages(block, layers, width=64):
    """Stages layer1, layer2, … of layers[i] blocks, and the channels that leave the last.

    Each stage is twice as wide as the one before, on a map half the size; the first keeps its input's size.
    """
    grown = expansion(block, width)
    stages, c_in = OrderedDict(), width
    for i, count in enumerate(layers):
        c_mid = width * 2**i
        strides = [1 if i == 0 else 2] + [1] * (count - 1)
        c_ins = [c_in] + [grown * c_mid] * (count - 1)
        blocks = (block(c, c_mid, stride) for c, stride in zip(c_ins, strides, strict=True))
        stages[f"layer{i + 1}"] = nn.Sequential(*blocks)
        c_in = grown * c_mid
    return stages, c_in


class ResNet(nn.Sequential):
    """(N, 3, 224, 224) → logits. ResNet-18 by default; ResNet(Bottleneck, [3, 4, 6, 3]) is ResNet-50.

    `block` is called as block(c_in, c, stride), with c the channels of its 3×3: anybody's block fits.
    """

    def __init__(self, block=BasicBlock, layers=(2, 2, 2, 2), num_classes=1000):
        stages, c_out = residual_stages(block, layers)
        super().__init__(
            OrderedDict(
                conv1=conv(3, 64, 7, 2), bn1=nn.BatchNorm2d(64), relu=nn.ReLU(),
                maxpool=nn.MaxPool2d(3, 2, 1),
                **stages, **classifier_head(c_out, num_classes),
            )
        )  # fmt: skip


class PreActResNet(nn.Sequential):
    """ResNet v2: (N, 3, 224, 224) → logits. Nothing follows the sums, so BN and ReLU end the stages."""

    def __init__(self, block=PreActBlock, layers=(2, 2, 2, 2), num_classes=1000):
        stages, c_out = residual_stages(block, layers)
        super().__init__(
            OrderedDict(
                conv1=conv(3, 64, 7, 2), maxpool=nn.MaxPool2d(3, 2, 1),
                **stages, norm=bn_relu(c_out), **classifier_head(c_out, num_classes),
            )
        )  # fmt: skip


class ResNeXt(ResNet):
    """ResNeXt-50 32×4d by default: (N, 3, 224, 224) → logits.

    `block` is called as block(c_in, width, cardinality, c_out, stride); widths double from stage to stage.
    """

    def __init__(self, block=ResNeXtBlock, layers=(3, 4, 6, 3), cardinality=32, width=4, num_classes=1000):
        def grouped(c_in, c_mid, stride):
            return block(c_in, width * c_mid // 64, cardinality, 4 * c_mid, stride)

        super().__init__(grouped, layers, num_classes)


def basic_block_a(c_in, c_out, stride=1):
    """A basic block with the zero-padded shortcut of option A."""
    return BasicBlock(c_in, c_out, stride, shortcut=ZeroPadding)


class CifarResNet(nn.Sequential):
    """ResNet for small images, depth 6n + 2: (N, 3, 32, 32) → logits (§4.2). 269,722 parameters at 20."""

    def __init__(self, block=basic_block_a, depth=20, num_classes=10):
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6n + 2 (8, 14, 20, …), not {depth}")
        stages, c_out = residual_stages(block, [(depth - 2) // 6] * 3, width=16)
        super().__init__(OrderedDict(stem=conv_bn_relu(3, 16, 3), **stages, **classifier_head(c_out, num_classes)))
