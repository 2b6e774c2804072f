"""What several exercises of the question share."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import run_module


class Layer(nn.Module):
    """A dense layer with parts that a mistake can exchange: widths, kernels, biases, norms, activations, the end."""

    kernels = (1, 3)
    bias = (False, False)
    stride = 1

    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.c_in, self.growth_rate, self.bn_size = c_in, growth_rate, bn_size
        c_mid, c_out = self.mid(), self.out()
        self.norm1, self.norm2 = self.norm(c_in), self.norm(c_mid)
        k1, k2 = self.kernels
        self.conv1 = nn.Conv2d(c_in, c_mid, k1, padding=self.pad(k1), bias=self.bias[0])
        self.conv2 = nn.Conv2d(c_mid, c_out, k2, self.stride, padding=self.pad(k2), bias=self.bias[1])

    def mid(self):
        return self.bn_size * self.growth_rate

    def out(self):
        return self.growth_rate

    def norm(self, channels):
        return nn.BatchNorm2d(channels)

    def pad(self, kernel):
        return kernel // 2

    def act1(self, x):
        return F.relu(x)

    def act2(self, x):
        return F.relu(x)

    def stage1(self, x):
        return self.conv1(self.act1(self.norm1(x)))

    def stage2(self, x):
        return self.conv2(self.act2(self.norm2(x)))

    def end(self, x, new):
        return new

    def forward(self, x):
        return self.end(x, self.stage2(self.stage1(x)))


class FunctionalLayer(nn.Module):
    """Raw weights and functional calls, the last convolution registered first."""

    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        width = growth_rate * bn_size
        self.second = nn.Parameter(torch.randn(growth_rate, width, 3, 3))
        self.bn2 = nn.BatchNorm2d(width)
        self.first = nn.Parameter(torch.randn(width, c_in, 1, 1))
        self.bn1 = nn.BatchNorm2d(c_in)

    def forward(self, x):
        h = F.conv2d(self.bn1(x).clamp(min=0), self.first)
        return F.conv2d(torch.relu(self.bn2(h)), self.second, padding=1)


class ListLayer(nn.Module):
    """An nn.Sequential with in-place ReLUs on its own tensors; takes a list of maps too, as torchvision's does."""

    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(c_in, bn_size * growth_rate, (1, 1), bias=False),
            nn.BatchNorm2d(bn_size * growth_rate),
            nn.ReLU(inplace=True),
            nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding="same", bias=False),
        )

    def forward(self, x):
        return self.body(torch.cat(x, 1) if isinstance(x, (list, tuple)) else x)


def _by_zoo(module):
    return lambda x, **arguments: run_module(module, x, **arguments)


def _images(rng, channels, height=5, width=None, count=2):
    return 0.3 + rng.normal(size=(count, channels, height, width or height))
