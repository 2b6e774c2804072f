"""BasicBlock: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.resnet.shared import BasicBlock, _by_zoo, _images, shared_mistakes
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise
from utils.models import resnet


class FunctionalBlock(nn.Module):
    """Raw parameters and functional calls; the shortcut's registered first."""

    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.stride, self.project = stride, stride != 1 or c_in != c_out
        if self.project:
            self.down = nn.Parameter(torch.randn(c_out, c_in, 1, 1))
            self.norm0 = nn.BatchNorm2d(c_out)
        self.second = nn.Parameter(torch.randn(c_out, c_out, 3, 3))
        self.norm2 = nn.BatchNorm2d(c_out)
        self.first = nn.Parameter(torch.randn(c_out, c_in, 3, 3))
        self.norm1 = nn.BatchNorm2d(c_out)

    def forward(self, x):
        shortcut = self.norm0(F.conv2d(x, self.down, stride=self.stride)) if self.project else x
        h = torch.relu(self.norm1(F.conv2d(x, self.first, stride=self.stride, padding=1)))
        h = self.norm2(F.conv2d(h, self.second, padding=1)) + shortcut
        return h.clamp(min=0)


BASIC = Exercise(
    name="BasicBlock",
    returns=RETURNS,
    oracle=_by_zoo(resnet.BasicBlock),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(c_in=4, c_out=4, x=_images(rng, 4))),
        Case("more channels", lambda rng: dict(c_in=3, c_out=5, x=_images(rng, 3))),
        Case("stride 2 and twice the channels", lambda rng: dict(c_in=4, c_out=8, stride=2, x=_images(rng, 4, 8))),
        Case("stride 2, the same channels", lambda rng: dict(c_in=4, c_out=4, stride=2, x=_images(rng, 4, 8))),
        Case("stride 2 on an odd map", lambda rng: dict(c_in=4, c_out=6, stride=2, x=_images(rng, 4, 7, 2))),
        Case("fewer channels, large values", lambda rng: dict(c_in=6, c_out=2, stride=1, x=100 * _images(rng, 6, 5))),
    ),
    mistakes=tuple(shared_mistakes(BasicBlock)),
    accepts=(BasicBlock, FunctionalBlock, resnet.BasicBlock),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on six shapes",
)  # fmt: skip
