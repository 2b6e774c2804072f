"""25 · ResNet: He, Zhang, Ren, Sun 2015, §3.3 and table 1, and the chain rule of a sum. Oracle: the zoo's blocks."""

from functools import reduce

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.models import resnet


def conv_bn(c_in, c_out, kernel, stride=1, bias=False):
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=bias), nn.BatchNorm2d(c_out))


class Block(nn.Module):
    """A residual block with parts that a mistake can exchange."""

    strides = (1, 1, 1)  # which convolutions take the block's stride: set by the subclasses
    kernels = (3, 3)

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        widths = self.widths(c_mid)
        self.stride, self.c_in, self.c_out = stride, c_in, widths[-1]
        c_ins = (c_in, *widths[:-1])
        strides = [stride if strided else 1 for strided in self.strided()]
        self.stages = nn.ModuleList(
            self.stage(a, b, k, s) for a, b, k, s in zip(c_ins, widths, self.kernels, strides, strict=True)
        )
        self.shortcut = self.make_shortcut()

    def strided(self):
        return (True, False)

    def widths(self, c_mid):
        return (c_mid, c_mid)

    def stage(self, c_in, c_out, kernel, stride):
        return conv_bn(c_in, c_out, kernel, stride)

    def projecting(self):
        return self.stride != 1 or self.c_in != self.c_out

    def make_shortcut(self):
        return conv_bn(self.c_in, self.c_out, 1, self.stride) if self.projecting() else nn.Identity()

    def residual(self, x):
        for stage in self.stages[:-1]:
            x = F.relu(stage(x))
        return self.stages[-1](x)

    def join(self, residual, shortcut):
        return F.relu(residual + shortcut)

    def forward(self, x):
        return self.join(self.residual(x), self.shortcut(x))


class BasicBlock(Block):
    pass


class Bottleneck(Block):
    kernels = (1, 3, 1)

    def strided(self):
        return (False, True, False)

    def widths(self, c_mid):
        return (c_mid, c_mid, 4 * c_mid)


def shared_mistakes(base):
    """The slips that both blocks invite, as subclasses of the right one."""

    class ReluBeforeAddition(base):
        def join(self, residual, shortcut):
            return F.relu(residual) + shortcut

    class ReluBeforeAndAfter(base):
        def join(self, residual, shortcut):
            return F.relu(F.relu(residual) + shortcut)

    class NoFinalRelu(base):
        def join(self, residual, shortcut):
            return residual + shortcut

    class NoAddition(base):
        def join(self, residual, shortcut):
            return F.relu(residual)

    class ProjectionWithoutBN(base):
        def make_shortcut(self):
            if not self.projecting():
                return nn.Identity()
            return nn.Conv2d(self.c_in, self.c_out, 1, self.stride, bias=False)

    class ProjectionAlways(base):
        def projecting(self):
            return True

    class ProjectionForStrideOnly(base):
        def projecting(self):
            return self.stride != 1

    class ProjectionForChannelsOnly(base):
        def projecting(self):
            return self.c_in != self.c_out

    class NoProjection(base):
        def projecting(self):
            return False

    class ProjectionRelu(base):
        def forward(self, x):
            shortcut = self.shortcut(x)
            return self.join(self.residual(x), F.relu(shortcut) if self.projecting() else shortcut)

    class ProjectionWide(base):
        def make_shortcut(self):
            return conv_bn(self.c_in, self.c_out, 3, self.stride) if self.projecting() else nn.Identity()

    class ZeroPaddedShortcut(base):
        def projecting(self):
            return False

        def forward(self, x):
            shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.c_out - self.c_in))
            return self.join(self.residual(x), shortcut)

    class PooledProjection(base):
        def make_shortcut(self):
            if not self.projecting():
                return nn.Identity()
            pooled = [nn.AvgPool2d(self.stride, ceil_mode=True)] if self.stride > 1 else []
            return nn.Sequential(*pooled, conv_bn(self.c_in, self.c_out, 1))

    class BiasedProjection(base):
        def make_shortcut(self):
            return conv_bn(self.c_in, self.c_out, 1, self.stride, True) if self.projecting() else nn.Identity()

    class BiasedBranch(base):
        def stage(self, c_in, c_out, kernel, stride):
            return conv_bn(c_in, c_out, kernel, stride, True)

    class BiasedConvolutions(BiasedBranch, BiasedProjection):
        pass

    class ReluBeforeBatchNorm(base):
        def residual(self, x):
            for conv, norm in self.stages[:-1]:
                x = norm(F.relu(conv(x)))
            return self.stages[-1](x)

    class BatchNormAfterAddition(base):
        def forward(self, x):
            h = x
            for stage in self.stages[:-1]:
                h = F.relu(stage(h))
            conv, norm = self.stages[-1]
            return F.relu(norm(conv(h) + self.shortcut(x)))

    class Concatenation(base):
        def join(self, residual, shortcut):
            return F.relu(torch.cat([residual, shortcut], dim=1))

    class DetachedShortcut(base):
        def forward(self, x):
            return self.join(self.residual(x), self.shortcut(x.detach()))

    class StrideOnLast(base):
        def strided(self):
            return (*(False for _ in self.kernels[1:]), True)

    class NoBatchNorm(base):
        def stage(self, c_in, c_out, kernel, stride):
            return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)

    class NoReluBetween(base):
        def residual(self, x):
            for stage in self.stages:
                x = stage(x)
            return x

    class StrideMismatch(base):
        def strided(self):
            return tuple(kernel == 3 for kernel in self.kernels) if base is BasicBlock else (True, True, False)

    class StrideEverywhere(StrideMismatch):
        def forward(self, x):
            residual, shortcut = self.residual(x), self.shortcut(x)
            return self.join(residual, shortcut if self.stride == 1 else shortcut[:, :, :: self.stride, :: self.stride])

    class StrideForgotten(base):
        def __init__(self, c_in, c_mid, stride=1):
            super().__init__(c_in, c_mid, 1)

    class SharedBatchNorm(base):
        def __init__(self, c_in, c_mid, stride=1):
            super().__init__(c_in, c_mid, stride)
            for stage in self.stages[1:]:
                if stage[1].num_features == self.stages[0][1].num_features:
                    stage[1] = self.stages[0][1]

    class PreActivation(base):
        def __init__(self, c_in, c_mid, stride=1):
            super().__init__(c_in, c_mid, stride)
            for stage in self.stages:
                stage[1] = nn.BatchNorm2d(stage[0].in_channels)

        def residual(self, x):
            for conv, norm in self.stages:
                x = conv(F.relu(norm(x)))
            return x

        def join(self, residual, shortcut):
            return residual + shortcut

    class ConvolutionUsedTwice(base):
        def residual(self, x):
            for index, stage in enumerate(self.stages):
                twin = self.stages[0] if index and stage[0].weight.shape == self.stages[0][0].weight.shape else stage
                x = twin(x) if index == len(self.stages) - 1 else F.relu(twin(x))
            return x

    listed = [
        Mistake("ReLU before the addition", "Add first, then one ReLU on the sum: a residual that is never negative can only push the features up.", ReluBeforeAddition),
        Mistake("ReLU before and after the addition", "The residual branch ends in batch norm; the only ReLU after it is the one on the sum.", ReluBeforeAndAfter),
        Mistake("no ReLU after the addition", "In the first version a ReLU follows the sum; leaving it out belongs to the pre-activation version.", NoFinalRelu),
        Mistake("the shortcut is never added", "The block's output is relu(F(x) + shortcut(x)).", NoAddition),
        Mistake("projection without batch norm", "The projection is a 1×1 convolution followed by batch norm, like every convolution here.", ProjectionWithoutBN),
        Mistake("projection although the shape stays", "Where stride is 1 and the channels stay, the shortcut is x itself; that is what keeps the path clean.", ProjectionAlways),
        Mistake("no projection where only the channels change", "Project when the stride is not 1 or the channels change.", ProjectionForStrideOnly),
        Mistake("no projection where only the stride changes", "Project when the stride is not 1 or the channels change.", ProjectionForChannelsOnly),
        Mistake("no projection at all", "x and F(x) must have one shape before they are added: project x by a 1×1 convolution with the block's stride.", NoProjection),
        Mistake("ReLU on the projection", "The shortcut stays linear: convolution and batch norm, no ReLU.", ProjectionRelu),
        Mistake("3×3 projection", "The projection is a 1×1 convolution: it only has to match the shape.", ProjectionWide),
        Mistake("zero padding instead of a projection (option A)", "That is option A of the paper; asked for is option B, a learnt 1×1 projection where the shape changes.", ZeroPaddedShortcut),
        Mistake("average pooling in the shortcut", "That is a later variant (ResNet-D); asked for is a 1×1 convolution that has the stride itself.", PooledProjection),
        Mistake("convolutions with a bias", "Batch norm takes the mean out again: bias=False, in the projection too.", BiasedConvolutions),
        Mistake("projection with a bias", "The projection feeds a batch norm as well: bias=False.", BiasedProjection),
        Mistake("convolutions of the branch with a bias", "Batch norm takes the mean out again: bias=False.", BiasedBranch),
        Mistake("ReLU before batch norm", "The order inside the branch is convolution, batch norm, ReLU.", ReluBeforeBatchNorm),
        Mistake("batch norm after the addition", "Normalise the branch before it is added; on the sum, batch norm would rescale the shortcut too.", BatchNormAfterAddition),
        Mistake("concatenation instead of addition", "A residual block adds: F(x) + shortcut(x) has the shape of both. Concatenating is DenseNet's way.", Concatenation),
        Mistake("no gradient through the shortcut", "The shortcut must carry the gradient too: no detach, no torch.no_grad around it.", DetachedShortcut),
        Mistake("stride on the last convolution", "The 3×3 takes the stride, of two 3×3 the first: the rest of the branch then works on the small map.", StrideOnLast),
        Mistake("no batch norm in the residual branch", "Each convolution of the branch is followed by its own batch norm.", NoBatchNorm),
        Mistake("no ReLU between the convolutions", "Without a ReLU between them the convolutions collapse into one linear map.", NoReluBetween),
        Mistake("branch and shortcut shrink the map differently", "One convolution of the branch takes the stride, not two, and the projection takes it too: then both have one size.", StrideMismatch),
        Mistake("stride on more than one convolution", "One convolution of the branch takes the stride, the others have stride 1, or the map shrinks too often.", StrideEverywhere),
        Mistake("stride ignored", "Pass the stride to one convolution of the branch and to the projection.", StrideForgotten),
        Mistake("one batch norm for two convolutions", "Every convolution has a batch norm of its own: the statistics differ.", SharedBatchNorm),
        Mistake("pre-activation order (version 2)", "Version 1 is conv-BN-ReLU with the last ReLU after the sum; BN-ReLU-conv is question 26.", PreActivation),
    ]  # fmt: skip
    if base is BasicBlock:
        advice = "The second convolution is never used: its parameters get no gradient. Look at forward."
        listed.append(Mistake("one convolution used twice", advice, ConvolutionUsedTwice))
        advice = (
            "The shortcut leaves before the first convolution: it carries x, not what the first convolution made of it."
        )
        listed.append(Mistake("shortcut from after the first convolution", advice, ShortFromFirst))
    return listed


class ShortFromFirst(BasicBlock):
    """The variable x is overwritten by the first convolution's output and added under its old name."""

    def projecting(self):
        return False

    def forward(self, x):
        x = F.relu(self.stages[0](x))
        return F.relu(self.stages[1](x) + x)


def bottleneck_slips(base):
    """What goes wrong in a bottleneck only; `base` is the right one, of either version."""

    class ExpansionForgotten(base):
        def widths(self, c_mid):
            return (c_mid, c_mid, c_mid)

    class SecondArgumentIsOutput(base):
        def __init__(self, c_in, c_out, stride=1):
            super().__init__(c_in, c_out // 4, stride)

    class ProjectionByMid(base):
        """The condition that is right in a basic block, copied."""

        def __init__(self, c_in, c_mid, stride=1):
            self.c_mid = c_mid
            super().__init__(c_in, c_mid, stride)

        def projecting(self):
            return self.stride != 1 or self.c_in != self.c_mid

    class StrideOnFirst(base):
        def strided(self):
            return (True, False, False)

    class WideFirst(base):
        kernels = (3, 3, 1)

    return ExpansionForgotten, SecondArgumentIsOutput, ProjectionByMid, StrideOnFirst, WideFirst


ExpansionForgotten, SecondArgumentIsOutput, ProjectionByMid, StrideOnFirst, WideFirst = bottleneck_slips(Bottleneck)


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


class InPlaceBottleneck(nn.Module):
    """Layers by hand, in-place ReLUs on its own tensors only, an empty Sequential for the identity."""

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        c_out = 4 * c_mid
        self.downsample = nn.Sequential()
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        self.bn3, self.bn2, self.bn1 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_mid), nn.BatchNorm2d(c_mid)
        self.conv1 = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.conv2 = nn.Conv2d(c_mid, c_mid, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(c_mid, c_out, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.relu(self.bn1(self.conv1(x)))
        h = self.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        h += self.downsample(x)
        return self.relu(h)


def _by_zoo(block):
    return lambda x, **arguments: run_module(block, x, **arguments)


def _images(rng, channels, size=6, count=3):
    return rng.normal(size=(count, channels, size, size))


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

BOTTLENECK = Exercise(
    name="Bottleneck",
    returns=RETURNS,
    oracle=_by_zoo(resnet.Bottleneck),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(c_in=8, c_mid=2, x=_images(rng, 8))),
        Case("four times the channels", lambda rng: dict(c_in=3, c_mid=3, x=_images(rng, 3))),
        Case("stride 2 and twice the channels", lambda rng: dict(c_in=8, c_mid=4, stride=2, x=_images(rng, 8, 8))),
        Case("stride 2, the same channels", lambda rng: dict(c_in=8, c_mid=2, stride=2, x=_images(rng, 8, 8))),
        Case("stride 2 on an odd map", lambda rng: dict(c_in=5, c_mid=3, stride=2, x=_images(rng, 5, 7, 2))),
    ),
    mistakes=(
        *shared_mistakes(Bottleneck),
        Mistake("expansion forgotten", "The last 1×1 leads to 4·c_mid channels, and so does the projection.", ExpansionForgotten),
        Mistake("the second argument taken for the output channels", "c_mid is the width of the 3×3; what leaves the block has 4·c_mid channels.", SecondArgumentIsOutput),
        Mistake("projection decided by c_mid", "Compare c_in with what leaves the block, 4·c_mid.", ProjectionByMid),
        Mistake("stride on the first 1×1 (version 1.0)", "Asked for is v1.5: the 3×3 takes the stride, so that every input pixel is seen.", StrideOnFirst),
        Mistake("3×3 in place of the first 1×1", "The first convolution only reduces the channels: 1×1, then 3×3, then 1×1.", WideFirst),
    ),
    accepts=(Bottleneck, InPlaceBottleneck, resnet.Bottleneck),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on five shapes",
)  # fmt: skip


def _jacobian_oracle(jacobians):
    """Autograd through the chain of blocks x ← x + J·x, which has these Jacobians at every point."""
    matrices = [torch.from_numpy(np.array(j)) for j in jacobians]

    def chain(x):
        return reduce(lambda x, j: x + j @ x, matrices, x)

    start = torch.zeros(len(matrices[0]), dtype=torch.float64)
    return torch.autograd.functional.jacobian(chain, start).numpy()


def _product(terms):
    return reduce(np.matmul, terms)


def _eye(jacobians):
    return np.eye(len(jacobians[0]))


def _sum_over_paths(jacobians):
    """Veit et al. 2016: one path for each subset of the blocks."""
    total = _eye(jacobians)
    for j in jacobians:
        total = total + np.einsum("ab,bc->ac", j, total)
    return total


def _columns(jacobians):
    columns = []
    for column in np.eye(len(jacobians[0])):
        for j in jacobians:
            column = [
                c + sum(a * b for a, b in zip(row, column, strict=True)) for c, row in zip(column, j, strict=True)
            ]
        columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)]


JACOBIAN = Exercise(
    name="residual_jacobian",
    returns=("jacobian",),
    oracle=_jacobian_oracle,
    cases=(
        Case("one block", lambda rng: dict(jacobians=[np.array([[0.0, 1.0], [2.0, 0.0]])])),
        Case("two blocks that do not commute", lambda rng: dict(
            jacobians=[np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])])),
        Case("three blocks of dimension 3", lambda rng: dict(jacobians=list(rng.normal(size=(3, 3, 3))))),
        Case("twenty weak blocks", lambda rng: dict(jacobians=list(0.05 * rng.normal(size=(20, 4, 4))))),
        Case("one dimension", lambda rng: dict(jacobians=[np.array([[-1.5]]), np.array([[0.25]]), np.array([[3.0]])])),
        Case("blocks that do nothing", lambda rng: dict(jacobians=[np.zeros((3, 3)), np.zeros((3, 3))])),
    ),
    mistakes=(
        Mistake("plain product, the identity forgotten", "The derivative of x + F(x) is I + J: each factor carries the identity of its shortcut.", lambda js: _product([np.array(j) for j in js[::-1]])),
        Mistake("plain product in the wrong order", "Each factor is I + J, and the last block stands on the left.", lambda js: _product([np.array(j) for j in js])),
        Mistake("product in the wrong order", "The chain rule puts the last block on the left: (I + J_L) ⋯ (I + J_1).", lambda js: _product([_eye(js) + j for j in js])),
        Mistake("sum instead of product", "Blocks in a chain multiply: (I + J_2)(I + J_1) has the term J_2 J_1 too.", lambda js: _eye(js) + sum(js)),
        Mistake("sum of the Jacobians", "Blocks in a chain multiply, and each carries the identity of its shortcut.", lambda js: 0.0 + sum(js)),
        Mistake("identity minus the Jacobian", "The block adds F(x): its derivative is I + J.", lambda js: _product([_eye(js) - j for j in js[::-1]])),
        Mistake("identity added once, after the product", "Every block has its own shortcut: the identity belongs into each factor.", lambda js: _eye(js) + _product([np.array(j) for j in js[::-1]])),
        Mistake("transposed (gradient instead of Jacobian)", "That is the map of gradients backwards; the Jacobian is its transpose.", lambda js: _product([_eye(js) + j for j in js[::-1]]).T),
        Mistake("all ones added instead of the identity", "The shortcut adds x to itself entry by entry: np.eye(d), not 1.", lambda js: _product([1 + j for j in js[::-1]])),
        Mistake("entry-wise product", "Matrices multiply with @; * multiplies entry by entry.", lambda js: reduce(np.multiply, [_eye(js) + j for j in js[::-1]])),
        Mistake("last block left out", "All blocks belong into the product, the first and the last included.", lambda js: _product([_eye(js), *[_eye(js) + j for j in js[:-1][::-1]]])),
        Mistake("first block left out", "All blocks belong into the product, the first and the last included.", lambda js: _product([_eye(js), *[_eye(js) + j for j in js[1:][::-1]]])),
    ),
    accepts=(_sum_over_paths, _columns, _jacobian_oracle),
    verified="equal to autograd through the chain, for one block, for many, and where the order matters",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=50, exercises=(BASIC, BOTTLENECK, JACOBIAN), torch=True)
