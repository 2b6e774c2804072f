"""InceptionResNet: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils import models
from utils.exercises.inception.shared import (
    _BIAS,
    _NORM,
    _REDUCED,
    _by_zoo,
    _images,
    conv_bn,
    conv_bn_relu,
    conv_relu,
    conv_relu_bn,
)
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake


# ---- Inception-ResNet ----------------------------------------------------------------------------------------------
class ResidualBlock(nn.Module):
    """The 35×35 block of Inception-ResNet-v2 with parts that a mistake can exchange."""

    order = (0, 1, 2)
    widths = ((32,), (32, 32), (32, 48, 64))

    def __init__(self, c_in, scale=0.1):
        super().__init__()
        self.build(c_in, scale)

    def build(self, c_in, scale):
        self.scale = scale
        self.branches = nn.ModuleList(self.branch(c_in, widths) for widths in self.widths)
        self.expand = self.make_expand(sum(self.widths[index][-1] for index in self.order), c_in)

    def branch(self, c_in, widths):
        stages, c = [], c_in
        for step, c_out in enumerate(widths):
            stages.append(self.stage(c, c_out, 3 if step else 1))
            c = c_out
        return nn.Sequential(*stages)

    def stage(self, c_in, c_out, kernel):
        return conv_bn_relu(c_in, c_out, kernel)

    def make_expand(self, c_branches, c_in):
        return nn.Conv2d(c_branches, c_in, 1)

    def mixed(self, x):
        outputs = [branch(x) for branch in self.branches]
        return torch.cat([outputs[index] for index in self.order], dim=1)

    def residual(self, x):
        return self.expand(self.mixed(x))

    def join(self, x, residual):
        return F.relu(x + self.scale * residual)

    def forward(self, x):
        return self.join(x, self.residual(x))


def _joined(join):
    return type("Joined", (ResidualBlock,), {"join": lambda self, x, residual: join(self, x, residual)})


def _staged(make):
    return type("Staged", (ResidualBlock,), {"stage": lambda self, *sizes: make(*sizes)})


def _expanding(make):
    return type("Expanding", (ResidualBlock,), {"make_expand": lambda self, *sizes: make(*sizes)})


def _shaped(**parts):
    return type("Shaped", (ResidualBlock,), parts)


def _rescaled(change):
    def build(self, c_in, scale):
        super(changed, self).build(c_in, change(scale))

    changed = type("Rescaled", (ResidualBlock,), {"build": build})
    return changed


class LearntScale(ResidualBlock):
    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.scale = nn.Parameter(torch.tensor(float(scale)))


class DefaultScaleOne(ResidualBlock):
    def __init__(self, c_in, scale=1.0):
        super().__init__(c_in, scale)


class DefaultScale2(ResidualBlock):
    def __init__(self, c_in, scale=0.2):
        super().__init__(c_in, scale)


class BiasUnscaled(ResidualBlock):
    def forward(self, x):
        bias = self.expand.bias[:, None, None]
        return F.relu(x + self.scale * (self.residual(x) - bias) + bias)


class DetachedStream(ResidualBlock):
    def forward(self, x):
        return self.join(x.detach(), self.residual(x))


class PooledBranch(ResidualBlock):
    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.branches.append(nn.Sequential(nn.MaxPool2d(3, 1, 1), self.stage(c_in, 32, 1)))
        self.expand = self.make_expand(160, c_in)

    def mixed(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class FiveInThird(ResidualBlock):
    widths = ((32,), (32, 32), (32, 64))

    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.branches[2][1] = self.stage(32, 64, 5)


class OneReduction(ResidualBlock):
    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.branches[1][0] = self.branches[2][0] = self.branches[0][0]


class NoReductionsInResidual(ResidualBlock):
    def branch(self, c_in, widths):
        if len(widths) == 1:
            return super().branch(c_in, widths)
        stages, c = [], c_in
        for c_out in widths[1:]:
            stages.append(self.stage(c, c_out, 3))
            c = c_out
        return nn.Sequential(*stages)


class PreActivatedInput(ResidualBlock):
    def residual(self, x):
        return super().residual(F.relu(x))


class NoReluInBranches(ResidualBlock):
    def stage(self, c_in, c_out, kernel):
        return conv_bn(c_in, c_out, kernel)


class NoReluAfterReductions(ResidualBlock):
    def branch(self, c_in, widths):
        branch = super().branch(c_in, widths)
        if len(branch) > 1:
            branch[0] = branch[0][:-1]
        return branch


class BranchesSummed(ResidualBlock):
    widths = ((32,), (32, 32), (32, 48, 32))

    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.expand = self.make_expand(32, c_in)

    def mixed(self, x):
        return sum(branch(x) for branch in self.branches)


class FunctionalResidual(nn.Module):
    """One concatenation less: the linear 1×1 is split by branch, which is the same sum; addition in place on its own."""

    def __init__(self, c_in, scale=0.1):
        super().__init__()
        self.up = nn.Parameter(torch.randn(c_in, 128, 1, 1))
        self.shift = nn.Parameter(torch.zeros(c_in))
        rows = [(64, 48, 3), (48, 32, 3), (32, c_in, 1), (32, 32, 3), (32, c_in, 1), (32, c_in, 1)]
        self.kernels = nn.ParameterList(nn.Parameter(torch.randn(a, b, k, k)) for a, b, k in rows)
        self.norms = nn.ModuleList(nn.BatchNorm2d(a) for a, *_ in rows)
        self.strength = scale

    def step(self, index, x):
        kernel = self.kernels[index]
        return self.norms[index](F.conv2d(x, kernel, padding=kernel.shape[-1] // 2)).relu()

    def forward(self, x):
        parts = [self.step(5, x), self.step(3, self.step(4, x)), self.step(0, self.step(1, self.step(2, x)))]
        up = self.up.split([32, 32, 64], dim=1)
        total = sum(F.conv2d(part, weight) for part, weight in zip(parts, up, strict=True))
        total = (total + self.shift.view(1, -1, 1, 1)) * self.strength
        total += x
        return total.relu_()


_LINEAR = (
    "The 1×1 after the concatenation is linear, a bias and nothing else: the residual must be able to take either sign."
)


_SCALE = "Scale the residual, not the stream: relu(x + scale · residual)."


_SUM = "One ReLU, on the sum: relu(x + scale · residual)."


_BRANCHES = "Branches: 1×1 to 32; 1×1 to 32, 3×3 to 32; 1×1 to 32, 3×3 to 48, 3×3 to 64."


_DEFAULT = "scale is 0.1 unless the caller says otherwise."


RESIDUAL = Exercise(
    name="InceptionResNet",
    returns=RETURNS,
    oracle=_by_zoo(models.InceptionResNet),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("default scale", lambda rng: dict(c_in=3, x=_images(rng, 3, 3, 3))),
        Case("scale 1", lambda rng: dict(c_in=4, scale=1.0, x=_images(rng, 4, 3, 5))),
        Case("scale 0.3, negative inputs", lambda rng: dict(c_in=5, scale=0.3, x=_images(rng, 5, 4, 3) - 1)),
        Case("scale 0", lambda rng: dict(c_in=3, scale=0.0, x=_images(rng, 3, 2, 2))),
        Case("large values", lambda rng: dict(c_in=6, scale=0.2, x=100 * _images(rng, 6, 3, 3))),
    ),
    mistakes=(
        Mistake("ReLU after the linear 1×1", _LINEAR, _joined(lambda m, x, r: F.relu(x + m.scale * F.relu(r)))),
        Mistake("ReLU after the linear 1×1, none on the sum", _LINEAR, _joined(lambda m, x, r: x + m.scale * F.relu(r))),
        Mistake("batch norm after the linear 1×1", _LINEAR, _expanding(lambda a, b: conv_bn(a, b, 1))),
        Mistake("batch norm and ReLU after the linear 1×1", _LINEAR, _expanding(lambda a, b: conv_bn_relu(a, b, 1))),
        Mistake("linear 1×1 without a bias", "No batch norm follows it, so it keeps its bias.", _expanding(lambda a, b: nn.Conv2d(a, b, 1, bias=False))),
        Mistake("3×3 in the place of the linear 1×1", "It only restores the depth: 1×1.", _expanding(lambda a, b: nn.Conv2d(a, b, 3, 1, 1))),
        Mistake("scale on the wrong branch", _SCALE, _joined(lambda m, x, r: F.relu(m.scale * x + r))),
        Mistake("scale on the sum", _SCALE, _joined(lambda m, x, r: F.relu(m.scale * (x + r)))),
        Mistake("scale and 1 − scale", _SCALE, _joined(lambda m, x, r: F.relu((1 - m.scale) * x + m.scale * r))),
        Mistake("scale left out", _SCALE, _rescaled(lambda scale: 1.0)),
        Mistake("scale fixed at 0.1", "Keep the argument: the network uses 0.17, 0.1 and 0.2.", _rescaled(lambda scale: 0.1)),
        Mistake("default scale of 1", _DEFAULT, DefaultScaleOne),
        Mistake("default scale of 0.2", _DEFAULT, DefaultScale2),
        Mistake("scale as a parameter", "The scale is a constant, not learnt: a plain attribute.", LearntScale),
        Mistake("bias of the linear 1×1 not scaled", "scale · (1×1 of the branches), its bias included.", BiasUnscaled),
        Mistake("residual subtracted", "The block adds: relu(x + scale · residual).", _joined(lambda m, x, r: F.relu(x - m.scale * r))),
        Mistake("no ReLU on the sum", _SUM, _joined(lambda m, x, r: x + m.scale * r)),
        Mistake("ReLU on x before the addition", _SUM, _joined(lambda m, x, r: F.relu(x) + m.scale * r)),
        Mistake("ReLU on x before the addition and on the sum", _SUM, _joined(lambda m, x, r: F.relu(F.relu(x) + m.scale * r))),
        Mistake("x never added (plain Inception)", "The block's output is relu(x + scale · residual).", _joined(lambda m, x, r: F.relu(m.scale * r))),
        Mistake("concatenation instead of addition", "The linear 1×1 has restored c_in channels so that they can be added.", _joined(lambda m, x, r: F.relu(torch.cat([x, m.scale * r], dim=1)))),
        Mistake("no gradient through the shortcut", "The shortcut must carry the gradient too: no detach.", DetachedStream),
        Mistake("ReLU on the branches' input", "The branches read x as it is.", PreActivatedInput),
        Mistake("order of the branches reversed", "Concatenate in the order 1×1, 3×3, two 3×3.", _shaped(order=(2, 1, 0))),
        Mistake("widths of Inception-ResNet-v1 (32 throughout)", _BRANCHES, _shaped(widths=((32,), (32, 32), (32, 32, 32)))),
        Mistake("third branch left out", _BRANCHES, _shaped(order=(0, 1), widths=((32,), (32, 32)))),
        Mistake("5×5 in the third branch", _BRANCHES, FiveInThird),
        Mistake("a pool branch", "The 35×35 block has three branches and no pool.", PooledBranch),
        Mistake("branches summed instead of concatenated", "Concatenate the branches, 32 + 32 + 64 = 128 channels; only the residual is added.", BranchesSummed),
        Mistake("one 1×1 shared by all branches", "Every branch has a 1×1 of its own.", OneReduction),
        Mistake("no reductions", _BRANCHES, NoReductionsInResidual),
        Mistake("no ReLU in the branches", "Each convolution of the branches is followed by batch norm and ReLU.", NoReluInBranches),
        Mistake("no ReLU after the reductions", _REDUCED, NoReluAfterReductions),
        Mistake("convolutions of the branches with a bias", _BIAS, _staged(lambda a, b, k: conv_bn_relu(a, b, k, bias=True))),
        Mistake("no batch norm in the branches", "Each convolution of the branches is followed by batch norm and ReLU.", _staged(lambda a, b, k: conv_relu(a, b, k, bias=False))),
        Mistake("biases instead of batch norm in the branches", "Each convolution of the branches is followed by batch norm and ReLU, and has no bias.", _staged(conv_relu)),
        Mistake("ReLU before batch norm", "The order in the branches is convolution, batch norm, ReLU.", _staged(conv_relu_bn)),
        Mistake("batch norm with ε = 1e-3", _NORM, _staged(lambda a, b, k: conv_bn_relu(a, b, k, eps=1e-3))),
    ),
    accepts=(ResidualBlock, FunctionalResidual, models.InceptionResNet),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's, for five scales",
)  # fmt: skip
