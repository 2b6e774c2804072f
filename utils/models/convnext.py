"""ConvNeXt: Liu et al., "A ConvNet for the 2020s", CVPR 2022, figure 4 and table 9. Stochastic depth is left out."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel of (N, C, H, W)."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-6)

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """x + scale · (1×1, GELU, 1×1)(layer norm(depthwise 7×7(x))): the shape (N, C, H, W) stays."""

    def __init__(self, channels, scale=1e-6):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand = nn.Linear(channels, 4 * channels)
        self.project = nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), float(scale)))

    def forward(self, x):
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # channels last: a 1×1 is a linear layer there
        h = self.scale * self.project(F.gelu(self.expand(h)))
        return x + h.permute(0, 3, 1, 2)


class ConvNeXt(nn.Sequential):
    """ConvNeXt-T by default: (N, 3, 224, 224) → logits. `block` is called as block(channels)."""

    def __init__(self, block=ConvNeXtBlock, layers=(3, 3, 9, 3), width=96, num_classes=1000):
        stages = OrderedDict(stem=nn.Sequential(nn.Conv2d(3, width, 4, 4), ChannelNorm(width)))
        for i, count in enumerate(layers):
            channels = width * 2**i
            if i:
                half = channels // 2
                stages[f"down{i}"] = nn.Sequential(ChannelNorm(half), nn.Conv2d(half, channels, 2, 2))
            stages[f"layer{i + 1}"] = nn.Sequential(*(block(channels) for _ in range(count)))
        head = OrderedDict(
            avgpool=nn.AdaptiveAvgPool2d(1), norm=ChannelNorm(channels), flatten=nn.Flatten(),
            fc=nn.Linear(channels, num_classes),
        )  # fmt: skip
        super().__init__(stages | head)
