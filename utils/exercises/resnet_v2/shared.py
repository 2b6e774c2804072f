"""What several exercises of the question share."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.resnet.shared import Block
from utils.grading.modules import run_module
from utils.grading.spec import Mistake


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
        Mistake("zero padding instead of a projection (option A)", "The question asks for a learnt 1×1 projection where the shape changes.", ZeroPadding),
        Mistake("average pooling in the shortcut", "That is a later variant (ResNet-D); the question asks for a 1×1 convolution that has the stride itself.", PooledProjection),
        Mistake("projection without the stride", "The projection takes the block's stride, as the branch does: then both have one size.", ProjectionWithoutStride),
        Mistake("convolutions with a bias", "No convolution has a bias: a batch norm, in this block or the next, subtracts the mean again.", Biased),
        Mistake("projection with a bias", "No convolution has a bias, the projection included.", BiasedProjection),
        Mistake("convolutions of the branch with a bias", "No convolution has a bias: bias=False.", BiasedBranch),
        Mistake("the shortcut is never added", "The block's output is the branch plus the shortcut.", NoAddition),
        Mistake("concatenation instead of addition", "A residual block adds. Concatenating is DenseNet's way.", Concatenation),
        Mistake("no gradient through the shortcut", "The shortcut must carry the gradient too: no detach, no torch.no_grad around it.", DetachedShortcut),
        Mistake("stride on the last convolution", "The 3×3 takes the stride, of two 3×3 the first.", StrideOnLast),
        Mistake("stride on two convolutions", "One convolution of the branch takes the stride, the others have stride 1.", StrideTwice),
        Mistake("stride ignored", "Pass the stride to one convolution of the branch and to the projection.", StrideForgotten),
    )  # fmt: skip


def _by_zoo(block):
    return lambda x, **arguments: run_module(block, x, **arguments)


def _images(rng, channels, size=5, count=2):
    return 0.3 + rng.normal(size=(count, channels, size, size))
