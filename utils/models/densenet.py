"""DenseNet: every layer reads all earlier ones, concatenated, and adds a few maps of its own.

Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks", CVPR 2017, §3 and table 1.
"""

from collections import OrderedDict

import torch
from torch import nn

from .layers import bn_relu, classifier_head, conv


class DenseLayer(nn.Sequential):
    """BN-ReLU-1×1 to bn_size·growth_rate, BN-ReLU-3×3: (N, c_in, H, W) → its new maps alone.

    The new maps are (N, growth_rate, H, W).
    """

    def __init__(self, c_in, growth_rate, bn_size=4):
        c_mid = bn_size * growth_rate
        super().__init__(bn_relu(c_in), conv(c_in, c_mid, 1), bn_relu(c_mid), conv(c_mid, growth_rate, 3))


class DenseBlock(nn.Module):
    """(N, c_in, H, W) → (N, c_in + num_layers·growth_rate, H, W): the input, then new maps, oldest first."""

    def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(c_in + i * growth_rate, growth_rate, bn_size) for i in range(num_layers))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Sequential):
    """BN-ReLU-1×1, then a mean over 2×2: (N, c_in, H, W) → (N, c_out, H/2, W/2)."""

    def __init__(self, c_in, c_out):
        super().__init__(bn_relu(c_in), conv(c_in, c_out, 1), nn.AvgPool2d(2))


class DenseNet(nn.Sequential):
    """(N, 3, 224, 224) → logits. DenseNet-121 by default, 7,978,856 parameters.

    `block` is called as block(num_layers, c_in, growth_rate), `transition` as transition(c_in, c_out); each
    transition halves the channels (θ = 0.5).
    """

    def __init__(
        self,
        block=DenseBlock,
        layers=(6, 12, 24, 16),
        growth_rate=32,
        transition=Transition,
        num_classes=1000,
    ):
        c = 2 * growth_rate
        parts = OrderedDict(
            conv0=conv(3, c, 7, 2), norm0=nn.BatchNorm2d(c), relu0=nn.ReLU(), pool0=nn.MaxPool2d(3, 2, 1)
        )
        for i, count in enumerate(layers, start=1):
            parts[f"denseblock{i}"] = block(count, c, growth_rate)
            c += count * growth_rate
            if i < len(layers):
                parts[f"transition{i}"] = transition(c, c // 2)
                c //= 2
        super().__init__(OrderedDict(**parts, norm5=bn_relu(c), **classifier_head(c, num_classes)))
