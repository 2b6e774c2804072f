"""Inception-ResNet-v2: Inception branches as the residual, a linear 1×1 to restore the depth, a small scale.

Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections on learning", AAAI
2017, §3.2–3.3; widths and scales of the released model.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import nn

from .inception import COLUMN, HALVE, ROW, SHORT_COLUMN, SHORT_ROW, average_then, stem_35
from .layers import Branches, classifier_head, conv, conv_bn_relu, convs


class ScaledResidual(nn.Module):
    """relu(x + scale · linear 1×1 (branches(x))): (N, c_in, H, W) → the same shape.

    The 1×1 has a bias and neither batch norm nor ReLU, so the residual can have either sign. A small scale
    keeps training stable above a thousand filters (§3.3). The last block of the network has relu=False.
    """

    def __init__(self, c_in, c_branches, branches, scale, relu=True):
        super().__init__()
        self.branches = branches
        self.expand = conv(c_branches, c_in, 1, bias=True)
        self.scale = scale
        self.relu = relu

    def forward(self, x):
        y = x + self.scale * self.expand(self.branches(x))
        return F.relu(y) if self.relu else y


class InceptionResNet(ScaledResidual):
    """The 35×35 block, branches 32 · 32-32 · 32-48-64: (N, c_in, H, W) → the same shape."""

    def __init__(self, c_in, scale=0.1):
        branches = Branches(
            branch1x1=conv_bn_relu(c_in, 32, 1),
            branch3x3=convs(c_in, (32, 1), (32, 3)),
            branch3x3x2=convs(c_in, (32, 1), (48, 3), (64, 3)),
        )
        super().__init__(c_in, 128, branches, scale)


class InceptionResNet17(ScaledResidual):
    """The 17×17 block, branches 192 · 128-160-192 by 1×7 and 7×1: (N, c_in, H, W) → the same shape."""

    def __init__(self, c_in, scale=0.1):
        branches = Branches(
            branch1x1=conv_bn_relu(c_in, 192, 1),
            branch7x7=convs(c_in, (128, 1), (160, ROW), (192, COLUMN)),
        )
        super().__init__(c_in, 384, branches, scale)


class InceptionResNet8(ScaledResidual):
    """The 8×8 block, branches 192 · 192-224-256 by 1×3 and 3×1: (N, c_in, H, W) → the same shape."""

    def __init__(self, c_in, scale=0.2, relu=True):
        branches = Branches(
            branch1x1=conv_bn_relu(c_in, 192, 1),
            branch3x3=convs(c_in, (192, 1), (224, SHORT_ROW), (256, SHORT_COLUMN)),
        )
        super().__init__(c_in, 448, branches, scale, relu)


def mixed_5b():
    """The one plain Inception module, 35×35: 192 → 320 channels."""
    return Branches(
        branch1x1=conv_bn_relu(192, 96, 1),
        branch5x5=convs(192, (48, 1), (64, 5)),
        branch3x3=convs(192, (64, 1), (96, 3), (96, 3)),
        branch_pool=average_then(192, 64),
    )


def reduction_a():
    """35×35 → 17×17, 320 → 1088 channels."""
    return Branches(
        branch3x3=conv_bn_relu(320, 384, 3, *HALVE),
        branch3x3x2=convs(320, (256, 1), (256, 3), (384, 3, *HALVE)),
        branch_pool=nn.MaxPool2d(3, 2),
    )


def reduction_b():
    """17×17 → 8×8, 1088 → 2080 channels."""
    return Branches(
        wide=convs(1088, (256, 1), (384, 3, *HALVE)),
        narrow=convs(1088, (256, 1), (288, 3, *HALVE)),
        deep=convs(1088, (256, 1), (288, 3), (320, 3, *HALVE)),
        branch_pool=nn.MaxPool2d(3, 2),
    )


class InceptionResNetV2(nn.Sequential):
    """Inception-ResNet-v2: (N, 3, 299, 299) → logits. 55,843,464 parameters.

    `block` is the 35×35 block, called as block(c_in, scale) for its ten places.
    """

    def __init__(self, block=InceptionResNet, num_classes=1000):
        last = InceptionResNet8(2080, scale=1.0, relu=False)
        super().__init__(
            OrderedDict(
                stem=stem_35(),
                mixed_5b=mixed_5b(),
                block35=nn.Sequential(*(block(320, 0.17) for _ in range(10))),
                reduction_a=reduction_a(),
                block17=nn.Sequential(*(InceptionResNet17(1088) for _ in range(20))),
                reduction_b=reduction_b(),
                block8=nn.Sequential(*(InceptionResNet8(2080) for _ in range(9)), last),
                conv_7b=conv_bn_relu(2080, 1536, 1),
                **classifier_head(1536, num_classes, dropout=0.2),
            )
        )
