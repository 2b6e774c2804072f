"""The pieces that several networks share: convolution stages, parallel branches, heads.

Every stage is a plain `nn.Sequential`, so printing a network prints its recipe.
"""

from collections import OrderedDict

import torch
from torch import nn


def same_padding(kernel):
    """Padding that keeps the map's size at stride 1, for an odd kernel: an int or a (height, width) pair."""
    return kernel // 2 if isinstance(kernel, int) else tuple(k // 2 for k in kernel)


def conv(c_in, c_out, kernel, stride=1, padding=None, *, groups=1, bias=False):
    """A convolution (N, c_in, H, W) → (N, c_out, H', W'); "same" padding unless told otherwise."""
    padding = same_padding(kernel) if padding is None else padding
    return nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=bias)


def conv_relu(c_in, c_out, kernel, stride=1, padding=None):
    """Convolution with bias, then ReLU: a stage from before batch normalisation."""
    return nn.Sequential(OrderedDict(conv=conv(c_in, c_out, kernel, stride, padding, bias=True), relu=nn.ReLU()))


def conv_bn(c_in, c_out, kernel, stride=1, padding=None, *, groups=1, bias=False):
    """Convolution, then batch norm. No bias by default: the batch norm's β makes it redundant."""
    layer = conv(c_in, c_out, kernel, stride, padding, groups=groups, bias=bias)
    return nn.Sequential(OrderedDict(conv=layer, bn=nn.BatchNorm2d(c_out)))


def conv_bn_relu(c_in, c_out, kernel, stride=1, padding=None, *, groups=1, bias=False):
    """Convolution, batch norm, ReLU: the stage of nearly every network since 2015."""
    stage = conv_bn(c_in, c_out, kernel, stride, padding, groups=groups, bias=bias)
    stage.add_module("relu", nn.ReLU())
    return stage


def bn_relu(channels):
    """Batch norm, then ReLU: what pre-activation puts in front of a convolution."""
    return nn.Sequential(OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU()))


def convs(c_in, *steps, stage=conv_bn_relu):
    """Stages in a row. A step is the arguments of `stage` after c_in: (c_out, kernel, stride, padding)."""
    widths = [c_in, *(step[0] for step in steps)]
    return nn.Sequential(*(stage(c, *step) for c, step in zip(widths, steps, strict=False)))


class Branches(nn.ModuleDict):
    """Parallel branches on one input, concatenated along the channels in the order they are named."""

    def __init__(self, **branches):
        super().__init__(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.values()], dim=1)


def classifier_head(c_in, num_classes, dropout=0.0):
    """Global average pooling and a linear layer, named: (N, c_in, H, W) → logits (N, num_classes)."""
    layers = OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    layers["fc"] = nn.Linear(c_in, num_classes)
    return layers


class WithAuxiliaryHeads(nn.Sequential):
    """Named layers in a row, with extra classifiers that hang off some of them while training.

    `auxiliary` maps a layer's name to the head that reads its output. In training mode the result is
    (logits, first head's logits, …); in evaluation, or without heads, it is the logits alone.
    """

    def __init__(self, layers, auxiliary):
        super().__init__(layers)
        self.auxiliary = nn.ModuleDict(auxiliary)

    def forward(self, x):
        extra = []
        for name, layer in self.named_children():
            if layer is self.auxiliary:
                continue
            x = layer(x)
            if self.training and name in self.auxiliary:
                extra.append(self.auxiliary[name](x))
        return (x, *extra) if extra else x
