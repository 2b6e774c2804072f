"""InceptionV1: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils import models
from utils.exercises.inception.shared import (
    REDUCTIONS,
    Inception,
    _by_zoo,
    _module_cases,
    _with_stage,
    _with_wide,
    conv_bn_relu,
    conv_relu,
    shared_mistakes,
)
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Exercise, Mistake


class InceptionV1(Inception):
    pass


class ReluAroundV1(InceptionV1):
    """Pre-activation: ReLU before each convolution."""

    def stage(self, role, c_in, c_out, kernel):
        convolution, relu = conv_relu(c_in, c_out, kernel)
        return nn.Sequential(relu, convolution)


V1_MISTAKES = (
    *shared_mistakes(InceptionV1),
    Mistake("3×3 in the place of 5×5 (torchvision's)", "The third branch is 5×5, padding 2. torchvision's GoogLeNet has 3×3 there by an old slip.", _with_wide(InceptionV1, lambda m, a, b: [m.stage("five", a, b, 3)])),
    Mistake("5×5 as two 3×3 (version 2)", "That is the next exercise; version 1 has one 5×5.", _with_wide(InceptionV1, lambda m, a, b: [m.stage("middle", a, b, 3), m.stage("five", b, b, 3)])),
    Mistake("7×7 in the place of 5×5", "The third branch is 5×5, padding 2.", _with_wide(InceptionV1, lambda m, a, b: [m.stage("five", a, b, 7)])),
    Mistake("convolutions without a bias", "Nothing follows that could replace the bias: there is no batch norm in version 1.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, k, bias=False))),
    Mistake("reductions without a bias", "Every convolution of version 1 has a bias, the 1×1 too.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, k, bias=False), REDUCTIONS)),
    Mistake("1×1 without a bias", "Every convolution of version 1 has a bias, the 1×1 too.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, k, bias=k > 1))),
    Mistake("batch norm (version 2's stages)", "Version 1 is older than batch norm: convolution with bias, then ReLU.", _with_stage(InceptionV1, conv_bn_relu)),
    Mistake("batch norm beside the biases", "Version 1 is older than batch norm: convolution with bias, then ReLU.", _with_stage(InceptionV1, lambda a, b, k: conv_bn_relu(a, b, k, bias=True))),
    Mistake("ReLU before each convolution", "Convolution first, then ReLU.", ReluAroundV1),
    Mistake("reductions as 3×3", "The reductions only mix channels: 1×1.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, 3), REDUCTIONS)),
)  # fmt: skip


class FunctionalV1(nn.Module):
    """Raw parameters and functional calls, the pool branch registered first; ReLU once, on the concatenation."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        shapes = [
            (c_pool, c_in, 1, 1), (c1, c_in, 1, 1), (c5_reduce, c_in, 1, 1), (c5, c5_reduce, 5, 5),
            (c3_reduce, c_in, 1, 1), (c3, c3_reduce, 3, 3),
        ]  # fmt: skip
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(shape)) for shape in shapes)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(shape[0])) for shape in shapes)

    def convolve(self, index, x):
        weight = self.weights[index]
        return F.conv2d(x, weight, self.biases[index], padding=weight.shape[-1] // 2)

    def forward(self, x):
        pooled = F.pad(x, (1, 1, 1, 1), value=float("-inf")).unfold(2, 3, 1).unfold(3, 3, 1).amax((-1, -2))
        fourth = self.convolve(0, pooled)
        first = self.convolve(1, x)
        third = self.convolve(3, torch.relu(self.convolve(2, x)))
        second = self.convolve(5, torch.relu(self.convolve(4, x)))
        return torch.cat([first, second, third, fourth], dim=1).clamp(min=0)


V1 = Exercise(
    name="InceptionV1",
    returns=RETURNS,
    oracle=_by_zoo(models.InceptionV1),
    run=run_module,
    protocol=PROTOCOL,
    cases=_module_cases(),
    mistakes=V1_MISTAKES,
    accepts=(InceptionV1, FunctionalV1, models.InceptionV1),
    verified="parameters, outputs and all gradients equal the reference module's on six shapes",
)
