"""What several exercises of the question share."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import run_module
from utils.grading.spec import Mistake


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
        Mistake("zero padding instead of a projection (option A)", "That is option A of the paper; the question asks for option B, a learnt 1×1 projection where the shape changes.", ZeroPaddedShortcut),
        Mistake("average pooling in the shortcut", "That is a later variant (ResNet-D); the question asks for a 1×1 convolution that has the stride itself.", PooledProjection),
        Mistake("convolutions with a bias", "Batch norm subtracts the mean again: bias=False, in the projection too.", BiasedConvolutions),
        Mistake("projection with a bias", "The projection feeds a batch norm as well: bias=False.", BiasedProjection),
        Mistake("convolutions of the branch with a bias", "Batch norm subtracts the mean again: bias=False.", BiasedBranch),
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


def _by_zoo(block):
    return lambda x, **arguments: run_module(block, x, **arguments)


def _images(rng, channels, size=6, count=3):
    return rng.normal(size=(count, channels, size, size))
