"""PreActBlock: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.resnet.shared import BasicBlock
from utils.exercises.resnet_v2.shared import PreAct, _by_zoo, _images, slips
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import resnet


class PreActBlock(PreAct):
    pass


class FirstConvolutionTwice(PreActBlock):
    def residual(self, a):
        (_, conv1), (norm2, conv2) = self.stages
        again = conv1 if conv1.weight.shape == conv2.weight.shape else conv2
        return again(self.activate(norm2, conv1(a)))


class FunctionalBlock(nn.Module):
    """Raw weights and functional calls; the projection registered first, the layers from the last to the first."""

    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.stride = stride
        self.project = None
        if stride != 1 or c_in != c_out:
            self.project = nn.Parameter(torch.randn(c_out, c_in, 1, 1))
        self.second = nn.Parameter(torch.randn(c_out, c_out, 3, 3))
        self.norm2, self.norm1 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_in)
        self.first = nn.Parameter(torch.randn(c_out, c_in, 3, 3))

    def forward(self, x):
        a = self.norm1(x).clamp(min=0)
        out = F.conv2d(self.norm2(F.conv2d(a, self.first, None, self.stride, 1)).clamp(min=0), self.second, padding=1)
        out += x if self.project is None else F.conv2d(a, self.project, stride=self.stride)
        return out


BLOCK = Exercise(
    name="PreActBlock",
    returns=RETURNS,
    oracle=_by_zoo(resnet.PreActBlock),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(c_in=4, c_out=4, x=_images(rng, 4))),
        Case("more channels", lambda rng: dict(c_in=3, c_out=5, x=_images(rng, 3))),
        Case("stride 2 and twice the channels", lambda rng: dict(c_in=3, c_out=6, stride=2, x=_images(rng, 3, 6))),
        Case("stride 2, the same channels", lambda rng: dict(c_in=4, c_out=4, stride=2, x=_images(rng, 4, 6))),
        Case("stride 2 on an odd map", lambda rng: dict(c_in=4, c_out=6, stride=2, x=_images(rng, 4, 7))),
        Case("stride 3, fewer channels, large values", lambda rng: dict(c_in=5, c_out=2, stride=3, x=100 * _images(rng, 5, 7))),
    ),
    mistakes=(
        *slips(PreActBlock, BasicBlock),
        Mistake("one convolution used twice", "The second convolution is never used: its weights get no gradient. Look at forward.", FirstConvolutionTwice),
    ),
    accepts=(PreActBlock, FunctionalBlock, resnet.PreActBlock),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on six shapes",
)  # fmt: skip
