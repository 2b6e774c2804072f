"""LeNet-5: the network everybody writes today, and the one that was published.

LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998, §II.B.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn


class LeNet5(nn.Sequential):
    """The modern LeNet-5: (N, 1, 32, 32) → logits (N, num_classes). 61,706 parameters for ten classes.

    Every map of C3 sees all six maps, pooling has no parameters, the output is linear.
    """

    def __init__(self, num_classes=10):
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(1, 6, 5), tanh1=nn.Tanh(), pool1=nn.AvgPool2d(2),
                conv2=nn.Conv2d(6, 16, 5), tanh2=nn.Tanh(), pool2=nn.AvgPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(400, 120), tanh3=nn.Tanh(),
                fc2=nn.Linear(120, 84), tanh4=nn.Tanh(),
                fc3=nn.Linear(84, num_classes),
            )
        )  # fmt: skip


class ScaledTanh(nn.Module):
    """1.7159·tanh(2x/3), which maps ±1 to ±1 and is most curved there (appendix A of the paper)."""

    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """Each 2×2 window's sum times a trainable coefficient plus a trainable bias, one pair for each map.

    (N, channels, H, W) → (N, channels, H/2, W/2).
    """

    def __init__(self, channels):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels, 1, 1), 0.25))  # starts as the mean
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        return 4 * F.avg_pool2d(x, 2) * self.coefficient + self.bias


# Table I of the paper: the maps of S2 that each map of C3 reads; different inputs break the symmetry.
C3_INPUTS = (
    *(tuple((first + i) % 6 for i in range(3)) for first in range(6)),
    *(tuple((first + i) % 6 for i in range(4)) for first in range(6)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


class PartialConv(nn.Module):
    """A convolution in which each output map reads only its own few input maps.

    (N, C, H, W) → (N, len(inputs), H', W'), where inputs[i] lists the maps that output i reads.
    """

    def __init__(self, inputs, kernel):
        super().__init__()
        self.inputs = inputs
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, kernel) for seen in inputs)

    def forward(self, x):
        maps = (conv(x[:, list(seen)]) for conv, seen in zip(self.maps, self.inputs, strict=True))
        return torch.cat(list(maps), dim=1)


# The ten target codes are pictures of the digits on 7×12 cells, hence F6's 84 units. These are drawn for
# this course, the paper's differ; what matters is that similar digits have similar codes.
DIGITS = """
 .....   ...     .....   .....  ..   .. .......  .....  .......  .....   .....
..   ..   ..    ..   .. ..   .. ..   .. ..      ..   ..      .. ..   .. ..   ..
..   ..   ..         ..      .. ..   .. ..      ..           .. ..   .. ..   ..
..   ..   ..         ..      .. ..   .. ..      ..          ..  ..   .. ..   ..
..   ..   ..        ..       .. ..   .. ..      ..          ..  ..   .. ..   ..
..   ..   ..       ..    .....  .......  .....  ......     ..    .....   ......
..   ..   ..      ..         ..      ..      .. ..   ..    ..   ..   ..      ..
..   ..   ..     ..          ..      ..      .. ..   ..   ..    ..   ..      ..
..   ..   ..    ..           ..      ..      .. ..   ..   ..    ..   ..      ..
..   ..   ..    ..           ..      ..      .. ..   ..  ..     ..   ..      ..
..   ..   ..    ..      ..   ..      .. ..   .. ..   ..  ..     ..   .. ..   ..
 .....   ....   .......  .....       ..  .....   .....   ..      .....   .....
"""


def digit_codes():
    """The ten digits as codes of ±1, shape (10, 84)."""
    rows = [line.ljust(80) for line in DIGITS.strip("\n").splitlines()]
    pictures = ["".join(row[8 * digit : 8 * digit + 7] for row in rows) for digit in range(10)]
    return torch.tensor([[1.0 if cell == "." else -1.0 for cell in picture] for picture in pictures])


class RBF(nn.Module):
    """Minus the squared distance to each class's fixed code: (N, 84) → (N, 10), the nearest code largest.

    The paper's output is the distance itself, smallest for the answer; the sign makes it like any logit.
    """

    def __init__(self):
        super().__init__()
        self.codes = nn.Parameter(digit_codes(), requires_grad=False)

    def forward(self, x):
        return -(x[:, None, :] - self.codes).square().sum(dim=2)


class LeNet5Original(nn.Sequential):
    """LeNet-5 as published: (N, 1, 32, 32) → (N, 10). 60,000 trainable parameters, 840 fixed in the output.

    Trainable subsampling (S2, S4), the partial connections of C3, squashing after every layer up to F6.
    """

    def __init__(self):
        super().__init__(
            OrderedDict(
                c1=nn.Sequential(nn.Conv2d(1, 6, 5), ScaledTanh()),
                s2=nn.Sequential(Subsampling(6), ScaledTanh()),
                c3=nn.Sequential(PartialConv(C3_INPUTS, 5), ScaledTanh()),
                s4=nn.Sequential(Subsampling(16), ScaledTanh()),
                c5=nn.Sequential(nn.Conv2d(16, 120, 5), ScaledTanh(), nn.Flatten()),
                f6=nn.Sequential(nn.Linear(120, 84), ScaledTanh()),
                output=RBF(),
            )
        )
