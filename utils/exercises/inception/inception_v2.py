"""InceptionV2: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils import models
from utils.exercises.inception.shared import (
    _NORM,
    REDUCTIONS,
    Inception,
    _by_zoo,
    _module_cases,
    _with_stage,
    _with_wide,
    conv_bn_relu,
    conv_relu,
    conv_relu_bn,
    shared_mistakes,
)
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Exercise, Mistake


class InceptionV2(Inception):
    def stage(self, role, c_in, c_out, kernel):
        return conv_bn_relu(c_in, c_out, kernel)

    def wide(self, c_in, c_out):
        return [self.stage("middle", c_in, c_out, 3), self.stage("five", c_out, c_out, 3)]


class OneNormForAll(InceptionV2):
    """Convolutions alone, and one batch norm on what was concatenated."""

    def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().build(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool)
        self.norm = nn.BatchNorm2d(c1 + c3 + c5 + c_pool)

    def stage(self, role, c_in, c_out, kernel):
        return conv_relu(c_in, c_out, kernel, bias=False)

    def forward(self, x):
        return self.norm(super().forward(x))


class NormOfInput(InceptionV2):
    """Batch norm "on the input", as the folklore says."""

    def build(self, c_in, *widths):
        super().build(c_in, *widths)
        self.norm = nn.BatchNorm2d(c_in)

    def stage(self, role, c_in, c_out, kernel):
        return conv_relu(c_in, c_out, kernel, bias=False)

    def forward(self, x):
        return super().forward(self.norm(x))


class SharedNorm(InceptionV2):
    def wide(self, c_in, c_out):
        first, second = super().wide(c_in, c_out)
        second[1] = first[1]
        return [first, second]


class SameConvolutionTwice(InceptionV2):
    def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().build(c_in, c1, c3_reduce, c3, c5, c5, c_pool)
        self.five = nn.Sequential(self.five[0], self.five[1], self.five[1])


class PreActivationV2(InceptionV2):
    def stage(self, role, c_in, c_out, kernel):
        convolution = nn.Conv2d(c_in, c_out, kernel, 1, kernel // 2, bias=False)
        return nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(), convolution)


_BN = "Every one of the seven convolutions is followed by its own batch norm, then ReLU."


_TWO = "Two 3×3 see 5×5: c5_reduce → c5 → c5, batch norm and ReLU after each."


# Named in version 1 only, where a learner meets them first: in version 2 they are rejected without a name, and sooner.
ONCE = (
    "order of the branches: pool before the kernels",
    "order of the branches: 1×1 after 3×3 and 5×5",
    "average pooling without the padding",
    "no ReLU after the two lone 1×1",
    "pool branch without a pool",
    "pool branch's 1×1 made but not used",
    "reduction after the kernel",
    "outputs of 3×3 and 5×5 swapped",
    "arguments read as c1, c3, c5 and then the reductions",
    "concatenated along the batch",
    "stacked instead of concatenated",
    "ReLU on the input",
    "zeros padded before the maximum",
)


V2_MISTAKES = (
    *(mistake for mistake in shared_mistakes(InceptionV2) if mistake.name not in ONCE),
    Mistake("one 5×5 (version 1)", _TWO, _with_wide(InceptionV2, lambda m, a, b: [m.stage("five", a, b, 5)])),
    Mistake("one 3×3 in the place of 5×5", _TWO, _with_wide(InceptionV2, lambda m, a, b: [m.stage("five", a, b, 3)])),
    Mistake("1×5 and 5×1 in the place of 5×5", "Asymmetric kernels come with version 3; version 2 has two 3×3.", _with_wide(InceptionV2, lambda m, a, b: [m.stage("middle", a, b, (1, 5)), m.stage("five", b, b, (5, 1))])),
    Mistake("width between the two 3×3", _TWO, _with_wide(InceptionV2, lambda m, a, b: [m.stage("middle", a, a, 3), m.stage("five", a, b, 3)])),
    Mistake("no ReLU between the two 3×3", "Batch norm and ReLU after the first 3×3 too: else the two are one linear map.", _with_wide(InceptionV2, lambda m, a, b: [m.stage("middle", a, b, 3)[:-1], m.stage("five", b, b, 3)])),
    Mistake("no batch norm between the two 3×3", _BN, _with_wide(InceptionV2, lambda m, a, b: [conv_relu(a, b, 3, bias=False), m.stage("five", b, b, 3)])),
    Mistake("nothing between the two 3×3", _BN, _with_wide(InceptionV2, lambda m, a, b: [nn.Conv2d(a, b, 3, 1, 1, bias=False), m.stage("five", b, b, 3)])),
    Mistake("convolutions with a bias", "Batch norm subtracts the mean again: bias=False.", _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, bias=True))),
    Mistake("1×1 with a bias", "Batch norm subtracts the mean again: bias=False, in the 1×1 too.", _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, bias=k == 1))),
    Mistake("no batch norm (version 1's stages)", _BN, _with_stage(InceptionV2, conv_relu)),
    Mistake("neither batch norm nor bias", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False))),
    Mistake("no batch norm after the reductions", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False), REDUCTIONS)),
    Mistake("no batch norm after the 1×1", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False), (*REDUCTIONS, "one", "project"))),
    Mistake("no batch norm after the pool branch's 1×1", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False), ("project",))),
    Mistake("ReLU before batch norm", "The order is convolution, batch norm, ReLU: the paper normalises the input of each nonlinearity.", _with_stage(InceptionV2, conv_relu_bn)),
    Mistake("one batch norm after the concatenation", _BN, OneNormForAll),
    Mistake("batch norm on the module's input only", _BN, NormOfInput),
    Mistake("one batch norm for both 3×3", "Every convolution has a batch norm of its own: the statistics differ.", SharedNorm),
    Mistake("one convolution used twice", "The two 3×3 are two layers, c5_reduce → c5 and c5 → c5.", SameConvolutionTwice),
    Mistake("pre-activation (BN-ReLU-conv)", "The order is convolution, batch norm, ReLU.", PreActivationV2),
    Mistake("batch norm with ε = 1e-3", _NORM, _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, eps=1e-3))),
    Mistake("batch norm with momentum 0.01", _NORM, _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, momentum=0.01))),
    Mistake("reductions as 3×3", "The reductions only mix channels: 1×1.", _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, 3), REDUCTIONS)),
)  # fmt: skip


class LoopV2(nn.Module):
    """A table of layers by name, in-place ReLUs on its own tensors, written into a result made beforehand."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        branches = [
            [(c5_reduce, 1), (c5, 3), (c5, 3)],
            [(c_pool, 1)],
            [(c3_reduce, 1), (c3, 3)],
            [(c1, 1)],
        ]
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        self.places = (2, 3, 1, 0)
        for place, branch in zip(self.places, branches, strict=True):
            c = c_in
            for step, (c_out, kernel) in enumerate(branch):
                self.convolutions[f"{place}_{step}"] = nn.Conv2d(c, c_out, kernel, padding="same", bias=False)
                self.norms[f"{place}_{step}"] = nn.BatchNorm2d(c_out)
                c = c_out
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        parts = {}
        for place in self.places:
            h = F.max_pool2d(x, 3, stride=1, padding=1) if place == 3 else x
            for name, convolution in self.convolutions.items():
                if name.startswith(f"{place}_"):
                    h = self.relu(self.norms[name](convolution(h)))
            parts[place] = h
        return torch.cat([parts[place] for place in range(4)], dim=-3)


V2 = Exercise(
    name="InceptionV2",
    returns=RETURNS,
    oracle=_by_zoo(models.InceptionV2),
    run=run_module,
    protocol=PROTOCOL,
    cases=_module_cases(),
    mistakes=V2_MISTAKES,
    accepts=(InceptionV2, LoopV2, models.InceptionV2),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference module's on six shapes",
)  # fmt: skip
