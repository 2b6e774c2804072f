"""PreActBottleneck: cases, oracle, mistakes."""

import torch
from torch import nn

from utils.exercises.resnet.bottleneck import Bottleneck, bottleneck_slips
from utils.exercises.resnet_v2.shared import PreAct, _by_zoo, _images, slips
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import resnet


class PreActBottleneck(PreAct):
    kernels = Bottleneck.kernels
    strided = Bottleneck.strided
    widths = Bottleneck.widths


ExpansionForgotten, SecondArgumentIsOutput, ProjectionByMid, StrideOnFirst, WideFirst = bottleneck_slips(
    PreActBottleneck
)


class SequentialBottleneck(nn.Module):
    """The branch behind the first pre-activation as one nn.Sequential, with ReLUs in place on its own tensors."""

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        self.keep = stride == 1 and c_in == 4 * c_mid
        self.before = nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(inplace=True))
        self.branch = nn.Sequential(
            nn.Conv2d(c_in, c_mid, (1, 1), bias=False), nn.BatchNorm2d(c_mid), nn.ReLU(inplace=True),
            nn.Conv2d(c_mid, c_mid, (3, 3), (stride, stride), "same" if stride == 1 else 1, bias=False),
            nn.BatchNorm2d(c_mid), nn.ReLU(inplace=True), nn.Conv2d(c_mid, 4 * c_mid, 1, bias=False),
        )  # fmt: skip
        if not self.keep:
            self.down = nn.Conv2d(c_in, 4 * c_mid, 1, stride, bias=False)

    def forward(self, x):
        a = self.before(x)
        return torch.add(x if self.keep else self.down(a), self.branch(a))


BOTTLENECK = Exercise(
    name="PreActBottleneck",
    returns=RETURNS,
    oracle=_by_zoo(resnet.PreActBottleneck),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(c_in=8, c_mid=2, x=_images(rng, 8))),
        Case("four times the channels", lambda rng: dict(c_in=3, c_mid=3, x=_images(rng, 3))),
        Case("stride 2 and twice the channels", lambda rng: dict(c_in=6, c_mid=3, stride=2, x=_images(rng, 6, 6))),
        Case("stride 2, the same channels", lambda rng: dict(c_in=8, c_mid=2, stride=2, x=_images(rng, 8, 6))),
        Case("stride 2 on an odd map", lambda rng: dict(c_in=5, c_mid=3, stride=2, x=_images(rng, 5, 7))),
        Case("stride 3, fewer channels", lambda rng: dict(c_in=9, c_mid=2, stride=3, x=_images(rng, 9, 7))),
    ),
    mistakes=(
        *slips(PreActBottleneck, Bottleneck),
        Mistake("expansion forgotten", "The last 1×1 leads to 4·c_mid channels, and so does the projection.", ExpansionForgotten),
        Mistake("the second argument taken for the output channels", "c_mid is the width of the 3×3; what leaves the block has 4·c_mid channels.", SecondArgumentIsOutput),
        Mistake("projection decided by c_mid", "Compare c_in with what leaves the block, 4·c_mid.", ProjectionByMid),
        Mistake("stride on the first 1×1", "The 3×3 takes the stride, so that every input pixel is seen.", StrideOnFirst),
        Mistake("3×3 in place of the first 1×1", "The first convolution only reduces the channels: 1×1, then 3×3, then 1×1.", WideFirst),
    ),
    accepts=(PreActBottleneck, SequentialBottleneck, resnet.PreActBottleneck),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on six shapes",
)  # fmt: skip
