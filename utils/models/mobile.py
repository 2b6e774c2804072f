"""MobileNetV2, MobileNetV3-Large and EfficientNet-B0: inverted residuals, with and without squeeze-and-excitation.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018, tables 1 and 2.
Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1.
Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019, table 1.
"""

from collections import OrderedDict

from torch import nn

from .layers import classifier_head, conv_bn
from .squeeze import Gate


def stage(c_in, c_out, kernel, stride, activation, groups=1):
    """Convolution, batch norm and an activation of one's choice."""
    layers = conv_bn(c_in, c_out, kernel, stride, groups=groups)
    layers.add_module("act", activation())
    return layers


class Inverted(nn.Module):
    """Wide in the middle: 1×1 to `hidden`, depthwise, gate (a module or None), linear 1×1: → (N, c_out, H/s, W/s).

    The 1×1 in front is left out where hidden = c_in. The shortcut joins the two narrow ends where they have one shape.
    """

    def __init__(self, c_in, hidden, c_out, kernel=3, stride=1, activation=nn.ReLU6, gate=None):
        super().__init__()
        layers = OrderedDict()
        if hidden != c_in:
            layers["expand"] = stage(c_in, hidden, 1, 1, activation)
        layers["depthwise"] = stage(hidden, hidden, kernel, stride, activation, groups=hidden)
        if gate is not None:
            layers["gate"] = gate
        layers["project"] = conv_bn(hidden, c_out, 1)
        self.residual = nn.Sequential(layers)
        self.joined = stride == 1 and c_in == c_out

    def forward(self, x):
        return x + self.residual(x) if self.joined else self.residual(x)


class InvertedResidual(Inverted):
    """MobileNetV2's block: (N, c_in, H, W) → (N, c_out, H/stride, W/stride), `expansion` times as wide inside."""

    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__(c_in, expansion * c_in, c_out, 3, stride)


def blocks_in_a_row(block, c_in, rows):
    """Blocks by rows of (expansion, c_out, how many, first stride), and the channels that leave the last."""
    made = []
    for expansion, c_out, count, first in rows:
        for i in range(count):
            made.append(block(c_in, c_out, first if i == 0 else 1, expansion))
            c_in = c_out
    return nn.Sequential(*made), c_in


V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileNetV2(nn.Sequential):
    """(N, 3, 224, 224) → logits. `block` is called as block(c_in, c_out, stride, expansion)."""

    def __init__(self, block=InvertedResidual, num_classes=1000):
        blocks, c_out = blocks_in_a_row(block, 32, V2)
        super().__init__(
            OrderedDict(
                stem=stage(3, 32, 3, 2, nn.ReLU6), blocks=blocks, head=stage(c_out, 1280, 1, 1, nn.ReLU6),
                **classifier_head(1280, num_classes, dropout=0.2),
            )
        )  # fmt: skip


def _multiple_of_8(channels):
    """To the nearest multiple of 8, and never down by more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


# kernel, hidden, c_out, gated, hard swish, stride
V3_LARGE = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
)  # fmt: skip


class MobileNetV3Large(nn.Sequential):
    """(N, 3, 224, 224) → logits. Layout found by search; hard swish in the deeper half, hard sigmoids in the gates."""

    def __init__(self, num_classes=1000):
        blocks, c_in = [], 16
        for kernel, hidden, c_out, gated, swish, stride in V3_LARGE:
            gate = Gate(hidden, _multiple_of_8(hidden // 4), nn.ReLU, nn.Hardsigmoid) if gated else None
            activation = nn.Hardswish if swish else nn.ReLU
            blocks.append(Inverted(c_in, hidden, c_out, kernel, stride, activation, gate))
            c_in = c_out
        super().__init__(
            OrderedDict(
                stem=stage(3, 16, 3, 2, nn.Hardswish), blocks=nn.Sequential(*blocks),
                head=stage(c_in, 960, 1, 1, nn.Hardswish), avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
                wide=nn.Linear(960, 1280), act=nn.Hardswish(), dropout=nn.Dropout(0.2), fc=nn.Linear(1280, num_classes),
            )
        )  # fmt: skip


# expansion, kernel, first stride, c_out, how many
B0 = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)  # fmt: skip


class EfficientNetB0(nn.Sequential):
    """(N, 3, 224, 224) → logits. Gates squeeze to a quarter of what enters the block; stochastic depth is left out."""

    def __init__(self, num_classes=1000):
        blocks, c_in = [], 32
        for expansion, kernel, first, c_out, count in B0:
            for i in range(count):
                hidden = expansion * c_in
                gate = Gate(hidden, c_in // 4, nn.SiLU, nn.Sigmoid)
                blocks.append(Inverted(c_in, hidden, c_out, kernel, first if i == 0 else 1, nn.SiLU, gate))
                c_in = c_out
        super().__init__(
            OrderedDict(
                stem=stage(3, 32, 3, 2, nn.SiLU), blocks=nn.Sequential(*blocks), head=stage(c_in, 1280, 1, 1, nn.SiLU),
                **classifier_head(1280, num_classes, dropout=0.2),
            )
        )  # fmt: skip
