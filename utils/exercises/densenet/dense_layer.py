"""DenseLayer: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.densenet.shared import FunctionalLayer, Layer, ListLayer, _by_zoo, _images
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import densenet


def layer_mistakes():
    """The slips a dense layer invites, as subclasses of the right one."""

    class ReturnsInputToo(Layer):
        def end(self, x, new):
            return torch.cat([x, new], dim=1)

    class ReturnsInputLast(Layer):
        def end(self, x, new):
            return torch.cat([new, x], dim=1)

    class Residual(Layer):
        """Adds the input, as ResNet does; where the channels differ torch raises."""

        def end(self, x, new):
            return x + new

    class ResidualAsWideAsInput(Residual):
        def out(self):
            return self.c_in

    class AsWideAsBlock(Layer):
        def out(self):
            return self.c_in + self.growth_rate

    class ConvFirst(Layer):
        """conv-BN-ReLU twice: the norms have the width of what leaves the convolutions."""

        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, growth_rate, bn_size)
            self.norm1, self.norm2 = self.norm(self.mid()), self.norm(growth_rate)

        def stage1(self, x):
            return F.relu(self.norm1(self.conv1(x)))

        def stage2(self, x):
            return F.relu(self.norm2(self.conv2(x)))

    class ConvFirstNoLastRelu(ConvFirst):
        def stage2(self, x):
            return self.norm2(self.conv2(x))

    class ReluFirst(Layer):
        def stage1(self, x):
            return self.conv1(self.norm1(F.relu(x)))

        def stage2(self, x):
            return self.conv2(self.norm2(F.relu(x)))

    class NoFirstRelu(Layer):
        def act1(self, x):
            return x

    class NoSecondRelu(Layer):
        def act2(self, x):
            return x

    class NoRelu(NoFirstRelu, NoSecondRelu):
        pass

    class NoFirstNorm(Layer):
        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, growth_rate, bn_size)
            self.norm1 = nn.Identity()

    class NoFirstActivation(NoFirstNorm, NoFirstRelu):
        """The 1×1 reads the input as it is."""

    class NoSecondNorm(Layer):
        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, growth_rate, bn_size)
            self.norm2 = nn.Identity()

    class NoNorm(Layer):
        def norm(self, channels):
            return nn.Identity()

    class ReluAtTheEnd(Layer):
        def end(self, x, new):
            return F.relu(new)

    class NormAtTheEnd(Layer):
        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, growth_rate, bn_size)
            self.norm3 = self.norm(growth_rate)

        def end(self, x, new):
            return self.norm3(new)

    class NormReluAtTheEnd(NormAtTheEnd):
        def end(self, x, new):
            return F.relu(self.norm3(new))

    class NoBottleneck(nn.Module):
        """The basic DenseNet of §3: BN-ReLU-3×3 and no more."""

        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__()
            self.norm, self.conv = nn.BatchNorm2d(c_in), nn.Conv2d(c_in, growth_rate, 3, padding=1, bias=False)

        def forward(self, x):
            return self.conv(F.relu(self.norm(x)))

    class MidIsGrowth(Layer):
        def mid(self):
            return self.growth_rate

    class MidIsAlwaysFour(Layer):
        def mid(self):
            return 4 * self.growth_rate

    class MidIsBnSize(Layer):
        def mid(self):
            return self.bn_size

    class MidFromInput(Layer):
        def mid(self):
            return self.bn_size * self.c_in

    class MidIsInput(Layer):
        def mid(self):
            return self.c_in

    class MidReduced(Layer):
        def mid(self):
            return max(1, self.c_in // self.bn_size)

    class OutIsMid(Layer):
        def out(self):
            return self.mid()

    class WideFirst(Layer):
        kernels = (3, 1)

    class BothWide(Layer):
        kernels = (3, 3)

    class BothNarrow(Layer):
        kernels = (1, 1)

    class FiveByFive(Layer):
        kernels = (1, 5)

    class NoPadding(Layer):
        def pad(self, kernel):
            return 0

    class PaddedBottleneck(Layer):
        def pad(self, kernel):
            return 1

    class Strided(Layer):
        stride = 2

    class Biased(Layer):
        bias = (True, True)

    class BiasedFirst(Layer):
        bias = (True, False)

    class BiasedLast(Layer):
        bias = (False, True)

    class SharedNorm(Layer):
        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, growth_rate, bn_size)
            if self.mid() == c_in:
                self.norm2 = self.norm1

    class NormsSwapped(Layer):
        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, growth_rate, bn_size)
            self.norm1, self.norm2 = self.norm2, self.norm1

    class Detached(Layer):
        def stage1(self, x):
            return super().stage1(x.detach())

    class OtherMomentum(Layer):
        def norm(self, channels):
            return nn.BatchNorm2d(channels, momentum=0.01)

    class OtherEps(Layer):
        def norm(self, channels):
            return nn.BatchNorm2d(channels, eps=1e-3)

    class NoRunningStatistics(Layer):
        def norm(self, channels):
            return nn.BatchNorm2d(channels, track_running_stats=False)

    class NotLearnt(Layer):
        def norm(self, channels):
            return nn.BatchNorm2d(channels, affine=False)

    class InstanceNorm(Layer):
        def norm(self, channels):
            return nn.InstanceNorm2d(channels, affine=True)

    class Leaky(Layer):
        def act1(self, x):
            return F.leaky_relu(x, 0.1)

        act2 = act1

    class DroppedBnSize(Layer):
        """Takes the third argument for the number of new maps."""

        def __init__(self, c_in, growth_rate, bn_size=4):
            super().__init__(c_in, bn_size, growth_rate)

    return (
        Mistake("the input is returned too", "DenseLayer returns its new maps only; joining them to the input is DenseBlock's work.", ReturnsInputToo),
        Mistake("the input is returned too, behind the new maps", "DenseLayer returns its new maps only; DenseBlock joins them, the input first.", ReturnsInputLast),
        Mistake("the input is added (a residual block)", "Nothing is added in a dense layer: it returns growth_rate new maps, and DenseBlock concatenates them.", Residual),
        Mistake("a residual block as wide as its input", "A dense layer returns growth_rate new maps, whatever c_in is, and adds nothing.", ResidualAsWideAsInput),
        Mistake("c_in + growth_rate maps computed again", "The 3×3 makes growth_rate maps only; the old ones are kept by concatenation, not computed again.", AsWideAsBlock),
        Mistake("conv before BN", "The order is BN-ReLU-conv, twice: each BN has the width of what enters its convolution, c_in and bn_size·growth_rate.", ConvFirst),
        Mistake("conv before BN, no ReLU at the end", "The order is BN-ReLU-conv, twice: normalise what enters a convolution, not what leaves it.", ConvFirstNoLastRelu),
        Mistake("ReLU before BN", "BN first, then ReLU, then the convolution.", ReluFirst),
        Mistake("no ReLU before the 1×1", "Both convolutions read relu(BN(·)).", NoFirstRelu),
        Mistake("no ReLU before the 3×3", "Without it the 1×1 and the 3×3 collapse into one linear map.", NoSecondRelu),
        Mistake("no ReLU at all", "Both convolutions read relu(BN(·)).", NoRelu),
        Mistake("no BN before the 1×1", "The layer begins with a BN of its own: the same maps are read by many layers, each scales them as it likes.", NoFirstNorm),
        Mistake("no BN and ReLU before the 1×1", "The layer begins with BN and ReLU: BN-ReLU-1×1-BN-ReLU-3×3.", NoFirstActivation),
        Mistake("no BN before the 3×3", "Both convolutions read relu(BN(·)).", NoSecondNorm),
        Mistake("no BN at all", "Both convolutions read relu(BN(·)).", NoNorm),
        Mistake("ReLU after the 3×3", "The layer ends in its convolution: whoever reads the new maps begins with a BN and a ReLU of its own.", ReluAtTheEnd),
        Mistake("BN after the 3×3", "The layer ends in its convolution: whoever reads the new maps normalises them itself.", NormAtTheEnd),
        Mistake("BN and ReLU after the 3×3", "The layer ends in its convolution: whoever reads the new maps begins with BN and ReLU.", NormReluAtTheEnd),
        Mistake("no bottleneck", "That is the basic DenseNet; the question asks for the B version, with a 1×1 to bn_size·growth_rate before the 3×3.", NoBottleneck),
        Mistake("bottleneck of growth_rate channels", "The 1×1 leads to bn_size·growth_rate channels.", MidIsGrowth),
        Mistake("bn_size taken for 4 always", "bn_size is an argument: the 1×1 leads to bn_size·growth_rate channels.", MidIsAlwaysFour),
        Mistake("bottleneck of bn_size channels", "bn_size is a factor: the 1×1 leads to bn_size·growth_rate channels.", MidIsBnSize),
        Mistake("bottleneck as a multiple of c_in", "The bottleneck is bn_size·growth_rate wide, the same in every layer however many channels come in.", MidFromInput),
        Mistake("bottleneck as wide as the input", "The bottleneck is bn_size·growth_rate wide, the same in every layer however many channels come in.", MidIsInput),
        Mistake("bottleneck of c_in / bn_size channels", "bn_size multiplies growth_rate; it does not divide c_in as in a ResNet bottleneck.", MidReduced),
        Mistake("bn_size·growth_rate new maps", "The 3×3 leads back to growth_rate maps.", OutIsMid),
        Mistake("growth_rate and bn_size exchanged", "growth_rate is the second argument and the number of new maps; bn_size is a factor for the bottleneck.", DroppedBnSize),
        Mistake("3×3 first, then 1×1", "The 1×1 comes first: it narrows what the 3×3 has to read.", WideFirst),
        Mistake("3×3 in place of the 1×1", "The bottleneck is a 1×1 convolution.", BothWide),
        Mistake("1×1 in place of the 3×3", "The second convolution is a 3×3 with padding 1; without it no pixel ever sees its neighbours.", BothNarrow),
        Mistake("5×5 in place of the 3×3", "The second convolution is a 3×3 with padding 1.", FiveByFive),
        Mistake("padding forgotten", "The 3×3 needs padding=1: maps of different sizes cannot be concatenated.", NoPadding),
        Mistake("padding on the 1×1", "Only the 3×3 is padded; a padded 1×1 makes the map larger.", PaddedBottleneck),
        Mistake("stride 2", "Inside a block the maps keep their size; only Transition shrinks them.", Strided),
        Mistake("convolutions with a bias", "bias=False: what a layer makes is read by batch norms only, and they subtract the mean again.", Biased),
        Mistake("1×1 with a bias", "bias=False: batch norm follows the 1×1 and subtracts the mean again.", BiasedFirst),
        Mistake("3×3 with a bias", "bias=False here too: the new maps are read by batch norms only, and they subtract the mean again.", BiasedLast),
        Mistake("one BN for both convolutions", "Each convolution has a BN of its own.", SharedNorm),
        Mistake("the two BN exchanged", "The first BN has c_in channels, the second bn_size·growth_rate.", NormsSwapped),
        Mistake("no gradient to the input", "The gradient must reach the earlier layers: no detach, no torch.no_grad around the layer.", Detached),
        Mistake("other batch norm momentum", "Keep torch's defaults: momentum 0.1, eps 1e-5.", OtherMomentum),
        Mistake("other batch norm eps", "Keep torch's defaults: momentum 0.1, eps 1e-5.", OtherEps),
        Mistake("batch norm without running statistics", "Keep torch's defaults: in evaluation mode the running statistics are used.", NoRunningStatistics),
        Mistake("batch norm without gamma and beta", "Keep torch's defaults: affine=True.", NotLearnt),
        Mistake("instance norm", "Batch norm: nn.BatchNorm2d, with statistics over the batch too.", InstanceNorm),
        Mistake("another activation", "The activation is a plain ReLU.", Leaky),
    )  # fmt: skip


LAYER = Exercise(
    name="DenseLayer",
    returns=RETURNS,
    oracle=_by_zoo(densenet.DenseLayer),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("three channels in, two new", lambda rng: dict(c_in=3, growth_rate=2, x=_images(rng, 3))),
        Case("as many new channels as come in", lambda rng: dict(c_in=3, growth_rate=3, bn_size=2, x=_images(rng, 3))),
        Case("bn_size = 2, and the bottleneck as wide as the input", lambda rng: dict(c_in=6, growth_rate=3, bn_size=2, x=_images(rng, 6, 4))),
        Case("bn_size = 1, wide images, large values", lambda rng: dict(c_in=5, growth_rate=2, bn_size=1, x=100 * _images(rng, 5, 3, 6))),
        Case("one channel in, one new", lambda rng: dict(c_in=1, growth_rate=1, bn_size=3, x=_images(rng, 1, 4, 3, 3))),
    ),
    mistakes=layer_mistakes(),
    accepts=(FunctionalLayer, ListLayer, densenet.DenseLayer),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference layer's on five shapes",
)  # fmt: skip
