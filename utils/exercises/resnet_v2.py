"""26 · ResNet v2: He, Zhang, Ren, Sun 2016, eq. 6–8, §4 and figure 4e. Oracles: the zoo's blocks, and autograd."""

import math
from functools import reduce
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.resnet import BasicBlock, Block, Bottleneck, bottleneck_slips
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.models import resnet


class PreAct(Block):
    """A pre-activated block with parts that a mistake can exchange: a stage is batch norm, then convolution."""

    def stage(self, c_in, c_out, kernel, stride):
        return nn.ModuleList((self.norm(c_in), self.conv(c_in, c_out, kernel, stride)))

    def norm(self, channels):
        return nn.BatchNorm2d(channels)

    def conv(self, c_in, c_out, kernel, stride):
        return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)

    def make_shortcut(self):
        return nn.Conv2d(self.c_in, self.c_out, 1, self.stride, bias=False) if self.projecting() else None

    def activate(self, norm, x):
        return F.relu(norm(x))

    def residual(self, a):
        h = self.stages[0][1](a)
        for norm, conv in self.stages[1:]:
            h = conv(self.activate(norm, h))
        return h

    def skip(self, x, a):
        return x if self.shortcut is None else self.shortcut(a)

    def join(self, residual, shortcut):
        return residual + shortcut

    def forward(self, x):
        a = self.activate(self.stages[0][0], x)
        return self.join(self.residual(a), self.skip(x, a))


class PreActBlock(PreAct):
    pass


class PreActBottleneck(PreAct):
    kernels = Bottleneck.kernels
    strided = Bottleneck.strided
    widths = Bottleneck.widths


def slips(base, version_1):
    """The slips that both blocks invite, as subclasses of the right one."""

    class ReluAfterAddition(base):
        def join(self, residual, shortcut):
            return F.relu(residual + shortcut)

    class ReluBeforeAddition(base):
        def join(self, residual, shortcut):
            return F.relu(residual) + shortcut

    class NormAfterAddition(base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.last = nn.BatchNorm2d(self.c_out)

        def join(self, residual, shortcut):
            return self.last(residual + shortcut)

    class NormAtTheEnd(NormAfterAddition):
        def join(self, residual, shortcut):
            return self.last(residual) + shortcut

    class NormReluAfterAddition(NormAfterAddition):
        def join(self, residual, shortcut):
            return F.relu(self.last(residual + shortcut))

    class RawProjection(base):
        def skip(self, x, a):
            return super().skip(x, x)

    class NormalisedOnlyProjection(base):
        def forward(self, x):
            normed = self.stages[0][0](x)
            return self.join(self.residual(F.relu(normed)), self.skip(x, normed))

    class ProjectionWithNorm(base):
        def make_shortcut(self):
            conv = super().make_shortcut()
            return conv and nn.Sequential(conv, nn.BatchNorm2d(self.c_out))

    class RawProjectionWithNorm(ProjectionWithNorm, RawProjection):
        pass

    class ActivatedIdentity(base):
        def skip(self, x, a):
            return a if self.shortcut is None else self.shortcut(a)

    class NormalisedIdentity(base):
        def forward(self, x):
            x = self.stages[0][0](x)
            a = F.relu(x)
            return self.join(self.residual(a), self.skip(x, a))

    class SharedNorm(base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for stage in self.stages[1:]:
                twin = next(s[0] for s in self.stages if s[0].num_features == stage[0].num_features)
                stage[0] = twin

    class NormsInTheOrderOfVersion1(base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for stage in self.stages:
                stage[0] = nn.BatchNorm2d(stage[1].out_channels)

    class ReluOnly(base):
        """Figure 4d: ReLU, convolution, batch norm."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            for stage in self.stages:
                stage[0] = nn.BatchNorm2d(stage[1].out_channels)

        def forward(self, x):
            a = h = F.relu(x)
            for index, (norm, conv) in enumerate(self.stages):
                h = norm(conv(F.relu(h) if index else h))
            return self.join(h, self.skip(x, a))

    class ReluBeforeNorm(base):
        def activate(self, norm, x):
            return norm(F.relu(x))

    class NoReluAnywhere(base):
        def activate(self, norm, x):
            return norm(x)

    class NoFirstRelu(base):
        def activate(self, norm, x):
            return norm(x) if norm is self.stages[0][0] else F.relu(norm(x))

    class NoReluBetween(base):
        def activate(self, norm, x):
            return F.relu(norm(x)) if norm is self.stages[0][0] else norm(x)

    class NoNorm(base):
        def norm(self, channels):
            return nn.Identity()

    class NoFirstNorm(base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.stages[0][0] = nn.Identity()

    class FirstNormOnly(base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for stage in self.stages[1:]:
                stage[0] = nn.Identity()

    class NoFirstPreactivation(base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.stages[0][0] = nn.Identity()

        def forward(self, x):
            return self.join(self.residual(x), self.skip(x, x))

    class BatchlessNorm(base):
        def norm(self, channels):
            return nn.InstanceNorm2d(channels, affine=True)

    class OtherEps(base):
        def norm(self, channels):
            return nn.BatchNorm2d(channels, eps=1e-3)

    class OtherMomentum(base):
        def norm(self, channels):
            return nn.BatchNorm2d(channels, momentum=0.01)

    class ReluOnTheProjection(base):
        def skip(self, x, a):
            return x if self.shortcut is None else F.relu(self.shortcut(a))

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

    class WideProjection(base):
        def make_shortcut(self):
            return nn.Conv2d(self.c_in, self.c_out, 3, self.stride, 1, bias=False) if self.projecting() else None

    class ZeroPadding(NoProjection):
        def skip(self, x, a):
            if (self.stride, self.c_in) == (1, self.c_out):
                return x
            return F.pad(a[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.c_out - self.c_in))

    class PooledProjection(base):
        def make_shortcut(self):
            if not self.projecting():
                return None
            pooled = [nn.AvgPool2d(self.stride, ceil_mode=True)] if self.stride > 1 else []
            return nn.Sequential(*pooled, nn.Conv2d(self.c_in, self.c_out, 1, bias=False))

    class BiasedProjection(base):
        def make_shortcut(self):
            return nn.Conv2d(self.c_in, self.c_out, 1, self.stride) if self.projecting() else None

    class BiasedBranch(base):
        def conv(self, c_in, c_out, kernel, stride):
            return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2)

    class Biased(BiasedBranch, BiasedProjection):
        pass

    class NoAddition(base):
        def join(self, residual, shortcut):
            return residual

    class Concatenation(base):
        def join(self, residual, shortcut):
            return torch.cat([residual, shortcut], dim=1)

    class DetachedShortcut(base):
        def skip(self, x, a):
            return super().skip(x.detach(), a.detach())

    class StrideOnLast(base):
        def strided(self):
            return (*(False for _ in self.kernels[1:]), True)

    class StrideTwice(base):
        def strided(self):
            return (True, True, *(False for _ in self.kernels[2:]))

    class StrideForgotten(base):
        def __init__(self, c_in, c_mid, stride=1):
            super().__init__(c_in, c_mid, 1)

    class ProjectionWithoutStride(base):
        def make_shortcut(self):
            return nn.Conv2d(self.c_in, self.c_out, 1, bias=False) if self.projecting() else None

    return (
        Mistake("ReLU after the addition", "Nothing follows the sum in version 2: that is the point. The next block begins with BN and ReLU.", ReluAfterAddition),
        Mistake("ReLU before the addition", "The branch ends in a convolution; after a ReLU it could only push the stream up.", ReluBeforeAddition),
        Mistake("batch norm after the addition", "Nothing follows the sum: batch norm there would rescale the shortcut, block after block.", NormAfterAddition),
        Mistake("batch norm at the end of the branch", "BN-ReLU-convolution, each time: the branch ends in a convolution.", NormAtTheEnd),
        Mistake("batch norm and ReLU after the addition", "Nothing follows the sum; the next block's first BN and ReLU do that, on the branch only.", NormReluAfterAddition),
        Mistake("projection from the raw input", "Where the shape changes, the projection reads relu(bn(x)), as the branch does.", RawProjection),
        Mistake("projection from the normalised input, without its ReLU", "The projection reads relu(bn(x)): after the ReLU, as the branch does.", NormalisedOnlyProjection),
        Mistake("projection with batch norm", "The projection reads what is normalised already: a bare 1×1 convolution.", ProjectionWithNorm),
        Mistake("projection of version 1 (from the raw input, with batch norm)", "In version 2 the projection is a bare 1×1 convolution of relu(bn(x)).", RawProjectionWithNorm),
        Mistake("identity shortcut from the activated input", "Where the shape stays, the shortcut is x itself, as it came: keep x, and call relu(bn(x)) by another name.", ActivatedIdentity),
        Mistake("identity shortcut from the normalised input", "Where the shape stays, the shortcut is x itself: no batch norm on it.", NormalisedIdentity),
        Mistake("post-activation (version 1)", "Version 2 is BN-ReLU-convolution, and nothing after the sum; conv-BN-ReLU is question 25.", version_1),
        Mistake("ReLU-only pre-activation", "Batch norm belongs in front as well: BN, ReLU, convolution. After the convolution it is figure 4d of the paper.", ReluOnly),
        Mistake("ReLU before batch norm", "The order is batch norm, ReLU, convolution.", ReluBeforeNorm),
        Mistake("one batch norm for two convolutions", "Every convolution has a batch norm of its own in front: the statistics differ.", SharedNorm),
        Mistake("batch norms as wide as the convolution's output", "Batch norm now stands before its convolution: it has that convolution's input channels.", NormsInTheOrderOfVersion1),
        Mistake("no ReLU anywhere", "Each convolution of the branch sees relu(bn(·)); without ReLU the branch is a linear map.", NoReluAnywhere),
        Mistake("no ReLU in front of the first convolution", "The first convolution is pre-activated too: BN, ReLU, convolution.", NoFirstRelu),
        Mistake("no ReLU between the convolutions", "Without a ReLU between them the convolutions collapse into one linear map.", NoReluBetween),
        Mistake("no batch norm", "In front of each convolution stand batch norm and ReLU.", NoNorm),
        Mistake("no batch norm in front of the first convolution", "The first convolution is pre-activated too: BN, ReLU, convolution.", NoFirstNorm),
        Mistake("batch norm in front of the first convolution only", "In front of each convolution stand batch norm and ReLU.", FirstNormOnly),
        Mistake("first convolution on the raw input", "The branch begins with batch norm and ReLU: that is the pre-activation.", NoFirstPreactivation),
        Mistake("instance norm", "Batch norm: nn.BatchNorm2d, with statistics over the batch too.", BatchlessNorm),
        Mistake("other batch norm eps", "Keep torch's defaults: eps 1e-5, momentum 0.1.", OtherEps),
        Mistake("other batch norm momentum", "Keep torch's defaults: eps 1e-5, momentum 0.1.", OtherMomentum),
        Mistake("ReLU on the projection", "The projection is linear: no ReLU on its output.", ReluOnTheProjection),
        Mistake("projection although the shape stays", "Where stride is 1 and the channels stay, the shortcut is x itself; that is what keeps the path clean.", ProjectionAlways),
        Mistake("no projection where only the channels change", "Project when the stride is not 1 or the channels change.", ProjectionForStrideOnly),
        Mistake("no projection where only the stride changes", "Project when the stride is not 1 or the channels change.", ProjectionForChannelsOnly),
        Mistake("no projection at all", "Shortcut and branch must have one shape before they are added: a 1×1 convolution with the block's stride.", NoProjection),
        Mistake("3×3 projection", "The projection is a 1×1 convolution: it only has to match the shape.", WideProjection),
        Mistake("zero padding instead of a projection (option A)", "Asked for is a learnt 1×1 projection where the shape changes.", ZeroPadding),
        Mistake("average pooling in the shortcut", "That is a later variant (ResNet-D); asked for is a 1×1 convolution that has the stride itself.", PooledProjection),
        Mistake("projection without the stride", "The projection takes the block's stride, as the branch does: then both have one size.", ProjectionWithoutStride),
        Mistake("convolutions with a bias", "No convolution has a bias: a batch norm, in this block or the next, takes the mean out again.", Biased),
        Mistake("projection with a bias", "No convolution has a bias, the projection included.", BiasedProjection),
        Mistake("convolutions of the branch with a bias", "No convolution has a bias: bias=False.", BiasedBranch),
        Mistake("the shortcut is never added", "The block's output is the branch plus the shortcut.", NoAddition),
        Mistake("concatenation instead of addition", "A residual block adds. Concatenating is DenseNet's way.", Concatenation),
        Mistake("no gradient through the shortcut", "The shortcut must carry the gradient too: no detach, no torch.no_grad around it.", DetachedShortcut),
        Mistake("stride on the last convolution", "The 3×3 takes the stride, of two 3×3 the first.", StrideOnLast),
        Mistake("stride on two convolutions", "One convolution of the branch takes the stride, the others have stride 1.", StrideTwice),
        Mistake("stride ignored", "Pass the stride to one convolution of the branch and to the projection.", StrideForgotten),
    )  # fmt: skip


class FirstConvolutionTwice(PreActBlock):
    def residual(self, a):
        (_, conv1), (norm2, conv2) = self.stages
        again = conv1 if conv1.weight.shape == conv2.weight.shape else conv2
        return again(self.activate(norm2, conv1(a)))


ExpansionForgotten, SecondArgumentIsOutput, ProjectionByMid, StrideOnFirst, WideFirst = bottleneck_slips(
    PreActBottleneck
)


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


def _by_zoo(block):
    return lambda x, **arguments: run_module(block, x, **arguments)


def _images(rng, channels, size=5, count=2):
    return 0.3 + rng.normal(size=(count, channels, size, size))


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


def _gain_oracle(gates):
    """Autograd along a chain of bare shortcuts x ← g·x."""
    start = torch.ones((), dtype=torch.float64, requires_grad=True)
    end = reduce(lambda x, gate: gate * x, torch.as_tensor(gates, dtype=torch.float64), start)
    return torch.autograd.grad(end, start)[0].item()


def _logs(gates):
    total = np.asarray(gates, dtype=float)
    return float(np.prod(np.sign(total)) * np.exp(np.sum(np.log(np.abs(total)))))


def _halves(gates):
    """Divide and conquer: a chain is two shorter chains."""
    gates = list(gates)
    if len(gates) < 2:
        return gates[0] if gates else 1
    middle = len(gates) // 2
    return _halves(gates[:middle]) * _halves(gates[middle:])


def _of_nonempty(change):
    """1.0 for no gates, else what `change` makes of them."""
    return lambda gates: float(change(np.asarray(gates, dtype=float))) if len(gates) else 1.0


_PRODUCT = "Shortcuts in a chain multiply: each scales what the one before it has left."
_EMPTY = "No shortcut at all leaves the signal as it is: a product of nothing is 1."

GAIN = Exercise(
    name="identity_path_gain",
    returns=("gain",),
    oracle=_gain_oracle,
    cases=(
        Case("two gates", lambda rng: dict(gates=[0.5, 0.25])),
        Case("one gate", lambda rng: dict(gates=[0.7])),
        Case("no gate at all", lambda rng: dict(gates=[])),
        Case("three gates, one above 1", lambda rng: dict(gates=[2.0, 0.5, 3.0])),
        Case("a closed gate", lambda rng: dict(gates=[0.9, 0.0, 0.8])),
        Case("gates that turn the sign", lambda rng: dict(gates=[-0.5, 0.8, -1.5, -2.0])),
        Case("54 gates of one half", lambda rng: dict(gates=[0.5] * 54)),
        Case("an array of gates", lambda rng: dict(gates=rng.uniform(0.5, 1.5, 9))),
        Case("whole numbers", lambda rng: dict(gates=[3, 1, 2])),
    ),
    mistakes=(
        Mistake("sum instead of product", _PRODUCT, lambda gates: float(sum(gates))),
        Mistake("sum instead of product, 1.0 for none", _PRODUCT, _of_nonempty(np.sum)),
        Mistake("mean of the gates", _PRODUCT, _of_nonempty(np.mean)),
        Mistake("geometric mean", "Return the product itself; its root is the factor per block.", _of_nonempty(lambda g: np.sign(np.prod(g)) * np.abs(np.prod(g)) ** (1 / len(g)))),
        Mistake("one plus each gate", "A block x ← g·x + F(x) passes g·x on the shortcut; 1 + g would be a block that adds g·x to x.", lambda gates: math.prod(1.0 + g for g in gates)),
        Mistake("one plus the product", "The shortcut path alone carries the product; the 1 of eq. 5 is this product where all gates are 1.", lambda gates: 1.0 + math.prod(gates)),
        Mistake("one minus each gate", "The gate itself scales the shortcut; 1 − g scales the branch in a highway network.", lambda gates: math.prod(1.0 - g for g in gates)),
        Mistake("the smallest gate", _PRODUCT, _of_nonempty(np.min)),
        Mistake("the largest gate", _PRODUCT, _of_nonempty(np.max)),
        Mistake("the first gate only", _PRODUCT, _of_nonempty(lambda g: g[0])),
        Mistake("the last gate only", _PRODUCT, _of_nonempty(lambda g: g[-1])),
        Mistake("first gate to the power of their number", "The gates may differ: multiply them, λ^L is the case of equal ones.", _of_nonempty(lambda g: g[0] ** len(g))),
        Mistake("mean gate to the power of their number", "The gates may differ: multiply them, λ^L is the case of equal ones.", _of_nonempty(lambda g: g.mean() ** len(g))),
        Mistake("first gate left out", "All gates count, the first and the last included.", lambda gates: float(math.prod(gates[1:]))),
        Mistake("last gate left out", "All gates count, the first and the last included.", lambda gates: float(math.prod(gates[:-1]))),
        Mistake("sign lost", "A negative gate turns the sign: no absolute values.", lambda gates: float(np.prod(np.abs(gates)))),
        Mistake("product of squares", "The gain is the product of the gates; squared it would be the gain of the power.", lambda gates: math.prod(float(g) ** 2 for g in gates)),
        Mistake("reciprocal", "The gates multiply the signal, they do not divide it.", lambda gates: 1 / float(np.prod(gates))),
        Mistake("logarithm of the gain", "Undo the logarithm, or multiply directly.", lambda gates: float(np.sum(np.log(np.asarray(gates, dtype=float))))),
        Mistake("sum of logarithms without a sign", "Logarithms need positive gates: multiply directly.", lambda gates: float(np.exp(np.sum(np.log(np.asarray(gates, dtype=float)))))),
        Mistake("0 for no gate", _EMPTY, lambda gates: float(np.prod(gates)) if len(gates) else 0.0),
        Mistake("an error for no gate", _EMPTY, lambda gates: float(reduce(lambda a, b: a * b, gates))),
        Mistake("gates clipped to 1", "A gate above 1 amplifies: leave it as it is.", lambda gates: math.prod(min(g, 1.0) for g in gates)),
        Mistake("closed gates skipped", "A gate of 0 closes the path: the product is 0.", lambda gates: math.prod(g for g in gates if g)),
        Mistake("rounded too early", "Round nothing: 2⁻⁵⁴ is small, but not 0.", lambda gates: round(float(np.prod(gates)), 8)),
        Mistake("running products", "Return one number, the factor after the last gate.", lambda gates: list(accumulate(gates, lambda a, b: a * b))),
    ),
    accepts=(math.prod, np.prod, _logs, _halves, _gain_oracle),
    atol=1e-30,  # the gain of 54 halves is 6e-17
    verified="equal to autograd along the chain: for none, one and many gates, closed ones and negative ones",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=45, exercises=(BLOCK, BOTTLENECK, GAIN), torch=True)
