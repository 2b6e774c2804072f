"""Squeeze-and-excitation: Hu, Shen, Sun, "Squeeze-and-excitation networks", CVPR 2018, §3 and table 2."""

import torch.nn.functional as F
from torch import nn

from .layers import conv_bn, conv_bn_relu
from .resnet import ResNet, projection


class Gate(nn.Module):
    """Scales each channel by a number between 0 and 1 that is computed from the means of all channels."""

    def __init__(self, channels, squeezed, activation=nn.ReLU, last=nn.Sigmoid):
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1), activation(), nn.Conv2d(squeezed, channels, 1), last()
        )

    def forward(self, x):
        return x * self.excite(self.squeeze(x))


class SqueezeExcite(Gate):
    """The paper's: (N, C, H, W) → the same shape, through max(1, C // reduction) numbers in between."""

    def __init__(self, channels, reduction=16):
        super().__init__(channels, max(1, channels // reduction))


class SEBottleneck(nn.Module):
    """A bottleneck whose residual is gated before it is added: (N, c_in, H, W) → (N, 4·c_mid, H/stride, W/stride)."""

    def __init__(self, c_in, c_mid, stride=1, *, gate=SqueezeExcite):
        super().__init__()
        self.residual = nn.Sequential(
            conv_bn_relu(c_in, c_mid, 1), conv_bn_relu(c_mid, c_mid, 3, stride), conv_bn(c_mid, 4 * c_mid, 1),
            gate(4 * c_mid),
        )  # fmt: skip
        self.shortcut = projection(c_in, 4 * c_mid, stride)

    def forward(self, x):
        return F.relu(self.residual(x) + self.shortcut(x))


class SEResNet(ResNet):
    """SE-ResNet-50: (N, 3, 224, 224) → logits. `gate` is called as gate(channels)."""

    def __init__(self, gate=SqueezeExcite, layers=(3, 4, 6, 3), num_classes=1000):
        super().__init__(lambda c_in, c_mid, stride: SEBottleneck(c_in, c_mid, stride, gate=gate), layers, num_classes)
