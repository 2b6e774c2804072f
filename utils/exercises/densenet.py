"""28 · DenseNet: Huang, Liu, van der Maaten, Weinberger 2017, §3. Oracle: the zoo's blocks, and counting pairs."""

from functools import partial
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.models import densenet


class Layer(nn.Module):
    """A dense layer with parts that a mistake can exchange: widths, kernels, biases, norms, activations, the end."""

    kernels = (1, 3)
    bias = (False, False)
    stride = 1

    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.c_in, self.growth_rate, self.bn_size = c_in, growth_rate, bn_size
        c_mid, c_out = self.mid(), self.out()
        self.norm1, self.norm2 = self.norm(c_in), self.norm(c_mid)
        k1, k2 = self.kernels
        self.conv1 = nn.Conv2d(c_in, c_mid, k1, padding=self.pad(k1), bias=self.bias[0])
        self.conv2 = nn.Conv2d(c_mid, c_out, k2, self.stride, padding=self.pad(k2), bias=self.bias[1])

    def mid(self):
        return self.bn_size * self.growth_rate

    def out(self):
        return self.growth_rate

    def norm(self, channels):
        return nn.BatchNorm2d(channels)

    def pad(self, kernel):
        return kernel // 2

    def act1(self, x):
        return F.relu(x)

    def act2(self, x):
        return F.relu(x)

    def stage1(self, x):
        return self.conv1(self.act1(self.norm1(x)))

    def stage2(self, x):
        return self.conv2(self.act2(self.norm2(x)))

    def end(self, x, new):
        return new

    def forward(self, x):
        return self.end(x, self.stage2(self.stage1(x)))


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
        Mistake("c_in + growth_rate maps computed anew", "The 3×3 makes growth_rate maps only; the old ones are kept by concatenation, not computed again.", AsWideAsBlock),
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
        Mistake("no bottleneck", "That is the basic DenseNet; asked for is the B version, with a 1×1 to bn_size·growth_rate before the 3×3.", NoBottleneck),
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
        Mistake("convolutions with a bias", "bias=False: what a layer makes is read by batch norms only, and they take the mean out again.", Biased),
        Mistake("1×1 with a bias", "bias=False: batch norm follows the 1×1 and takes the mean out again.", BiasedFirst),
        Mistake("3×3 with a bias", "bias=False here too: the new maps are read by batch norms only, and they take the mean out again.", BiasedLast),
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


class FunctionalLayer(nn.Module):
    """Raw weights and functional calls, the last convolution registered first."""

    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        width = growth_rate * bn_size
        self.second = nn.Parameter(torch.randn(growth_rate, width, 3, 3))
        self.bn2 = nn.BatchNorm2d(width)
        self.first = nn.Parameter(torch.randn(width, c_in, 1, 1))
        self.bn1 = nn.BatchNorm2d(c_in)

    def forward(self, x):
        h = F.conv2d(self.bn1(x).clamp(min=0), self.first)
        return F.conv2d(torch.relu(self.bn2(h)), self.second, padding=1)


class ListLayer(nn.Module):
    """An nn.Sequential with in-place ReLUs on its own tensors; takes a list of maps too, as torchvision's does."""

    def __init__(self, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(c_in, bn_size * growth_rate, (1, 1), bias=False),
            nn.BatchNorm2d(bn_size * growth_rate),
            nn.ReLU(inplace=True),
            nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding="same", bias=False),
        )

    def forward(self, x):
        return self.body(torch.cat(x, 1) if isinstance(x, (list, tuple)) else x)


class Block(nn.Module):
    """A dense block with parts that a mistake can exchange: the layers' inputs, their number, what is joined."""

    layer = Layer

    def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.c_in, self.growth_rate, self.bn_size = c_in, growth_rate, bn_size
        self.layers = nn.ModuleList(self.make(self.width(i)) for i in range(self.count(num_layers)))

    def make(self, width):
        return self.layer(width, self.growth_rate, self.bn_size)

    def count(self, num_layers):
        return num_layers

    def width(self, i):
        return self.c_in + i * self.growth_rate

    def read(self, features):
        """What a layer sees of the maps made so far, oldest first."""
        return torch.cat(features, dim=1)

    def join(self, features):
        return torch.cat(features, dim=1)

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(self.read(features)))
        return self.join(features)


def block_mistakes():
    class Addition(Block):
        """x = x + layer(x), the widths as they should be; torch raises where the channels differ."""

        def forward(self, x):
            for layer in self.layers:
                x = x + layer(x)
            return x

    class ResidualChain(Block):
        """A chain of residual blocks of c_in channels."""

        def make(self, width):
            return Layer(self.c_in, self.growth_rate, self.bn_size)

        def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
            super().__init__(num_layers, c_in, growth_rate, bn_size)
            for layer in self.layers:
                layer.conv2 = nn.Conv2d(layer.mid(), c_in, 3, padding=1, bias=False)

        def forward(self, x):
            for layer in self.layers:
                x = x + layer(x)
            return x

    class PreviousOnly(Block):
        def width(self, i):
            return self.growth_rate if i else self.c_in

        def read(self, features):
            return features[-1]

    class PlainChain(PreviousOnly):
        def join(self, features):
            return features[-1]

    class InputAndPrevious(Block):
        def width(self, i):
            return self.c_in + (self.growth_rate if i else 0)

        def read(self, features):
            return torch.cat([features[0], *features[1:][-1:]], dim=1)

    class InputOnly(Block):
        def width(self, i):
            return self.c_in

        def read(self, features):
            return features[0]

    class NewOnlyRead(Block):
        def width(self, i):
            return i * self.growth_rate if i else self.c_in

        def read(self, features):
            return torch.cat(features[1:] or features, dim=1)

    class NewOnlyReturned(Block):
        def join(self, features):
            return torch.cat(features[1:], dim=1)

    class LastOnlyReturned(Block):
        def join(self, features):
            return features[-1]

    class LastReadReturned(Block):
        """x is returned as the last layer saw it: its own maps are missing."""

        def join(self, features):
            return torch.cat(features[:-1], dim=1)

    class NewestFirst(Block):
        def read(self, features):
            return torch.cat(features[::-1], dim=1)

        join = read

    class NewestFirstReturned(Block):
        def join(self, features):
            return torch.cat(features[::-1], dim=1)

    class NewestFirstRead(Block):
        def read(self, features):
            return torch.cat(features[::-1], dim=1)

    class InputLastReturned(Block):
        def join(self, features):
            return torch.cat([*features[1:], features[0]], dim=1)

    class BatchAxis(Block):
        def read(self, features):
            return torch.cat(features)

        join = read

    class WidthAhead(Block):
        def width(self, i):
            return self.c_in + (i + 1) * self.growth_rate

    class WidthConstant(Block):
        def width(self, i):
            return self.c_in

    class GrowthOnce(Block):
        def width(self, i):
            return self.c_in + min(i, 1) * self.growth_rate

    class WidthDoubled(Block):
        def width(self, i):
            return self.c_in * 2**i

    class WidthByInput(Block):
        def width(self, i):
            return self.c_in * (i + 1)

    class WidthByBottleneck(Block):
        def width(self, i):
            return self.c_in + i * self.bn_size * self.growth_rate

    class OneMore(Block):
        def count(self, num_layers):
            return num_layers + 1

    class OneLess(Block):
        def count(self, num_layers):
            return num_layers - 1

    class BnSizeDropped(Block):
        def make(self, width):
            return Layer(width, self.growth_rate)

    class GrowthAndBnSize(Block):
        def make(self, width):
            return Layer(width, self.bn_size, self.growth_rate)

    class FeaturesTwice(Block):
        """The layer's return already holds its input."""

        def forward(self, x):
            for layer in self.layers:
                x = torch.cat([x, x, layer(x)], dim=1)
            return x

    class Detached(Block):
        def read(self, features):
            return torch.cat([*(f.detach() for f in features[:-1]), features[-1]], dim=1)

    class NormAtTheEnd(Block):
        def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
            super().__init__(num_layers, c_in, growth_rate, bn_size)
            self.norm = nn.BatchNorm2d(c_in + num_layers * growth_rate)

        def join(self, features):
            return F.relu(self.norm(torch.cat(features, dim=1)))

    class ReluAtTheEnd(Block):
        def join(self, features):
            return F.relu(torch.cat(features, dim=1))

    class Rectified(Block):
        """The new maps are rectified before they are kept."""

        def forward(self, x):
            features = [x]
            for layer in self.layers:
                features.append(F.relu(layer(self.read(features))))
            return self.join(features)

    class ResidualAroundBlock(Block):
        """A shortcut that adds the input to the first channels of the output, out of habit."""

        def join(self, features):
            return torch.cat([2 * features[0], *features[1:]], dim=1)

    class ArgumentsExchanged(Block):
        def __init__(self, c_in, num_layers, growth_rate, bn_size=4):
            super().__init__(num_layers, c_in, growth_rate, bn_size)

    return (
        Mistake("addition for concatenation", "Dense blocks join by torch.cat([x, new], dim=1): nothing is added, every map is kept as it was made.", Addition),
        Mistake("a chain of residual blocks", "Each layer makes growth_rate new maps, and they are concatenated: c_in + num_layers·growth_rate channels leave the block.", ResidualChain),
        Mistake("only the previous layer passed on", "Every layer reads the input and all maps made before it, not just those of the layer before.", PreviousOnly),
        Mistake("a plain chain of layers", "Every layer reads all earlier maps, and all of them leave the block: that is what makes it dense.", PlainChain),
        Mistake("only the input and the previous layer passed on", "Every layer reads the input and the new maps of all earlier layers, not only of the last.", InputAndPrevious),
        Mistake("every layer reads the block's input only", "Layers run one after the other: each reads what the earlier ones made too; side by side is Inception.", InputOnly),
        Mistake("the input is not read after the first layer", "The block's input stays among the maps that every layer reads.", NewOnlyRead),
        Mistake("only the new maps are returned", "Return the input too, in front: c_in + num_layers·growth_rate channels.", NewOnlyReturned),
        Mistake("only the last layer's maps are returned", "Return all maps: the input, then those of every layer, oldest first.", LastOnlyReturned),
        Mistake("the last layer's maps are left out", "Concatenate once more after the last layer: its maps leave the block as well.", LastReadReturned),
        Mistake("newest maps first", "Oldest first: torch.cat([x, new], dim=1), not [new, x].", NewestFirst),
        Mistake("newest maps first in what is returned", "Return them oldest first: the input, then the first layer's maps, and so on.", NewestFirstReturned),
        Mistake("newest maps first in what a layer reads", "A layer reads them oldest first, in the order in which they are returned.", NewestFirstRead),
        Mistake("the input behind the new maps", "Return the input first, then the new maps.", InputLastReturned),
        Mistake("concatenated along the batch", "torch.cat joins along axis 0 unless told otherwise: dim=1 are the channels.", BatchAxis),
        Mistake("the layers do not fit their inputs", "Layer i, from 0, reads c_in + i·growth_rate channels. Keep the layers in an nn.ModuleList: in a plain list torch does not find them.", WidthAhead),
        Mistake("growth not added to the layers' inputs", "Each layer reads growth_rate channels more than the one before: c_in + i·growth_rate, i from 0.", WidthConstant),
        Mistake("growth added only once", "Layer i, from 0, reads c_in + i·growth_rate channels: the growth adds up.", GrowthOnce),
        Mistake("channels doubled at each layer", "Channels grow by addition, growth_rate a layer: c_in + i·growth_rate.", WidthDoubled),
        Mistake("channels grow by c_in", "A layer adds growth_rate channels, not c_in: c_in + i·growth_rate.", WidthByInput),
        Mistake("growth of bn_size·growth_rate", "bn_size widens only the inside of a layer; what is added is growth_rate.", WidthByBottleneck),
        Mistake("one layer too many", "num_layers layers: range(num_layers).", OneMore),
        Mistake("one layer too few", "num_layers layers: range(num_layers).", OneLess),
        Mistake("bn_size not passed on", "Hand bn_size on to every DenseLayer.", BnSizeDropped),
        Mistake("growth_rate and bn_size exchanged", "DenseLayer takes c_in, growth_rate, bn_size in this order.", GrowthAndBnSize),
        Mistake("num_layers and c_in exchanged", "The order of the arguments is num_layers, c_in, growth_rate, bn_size.", ArgumentsExchanged),
        Mistake("old maps joined twice", "DenseLayer returns new maps only, so the block joins x and the new maps, each once.", FeaturesTwice),
        Mistake("no gradient to earlier maps", "The direct path to every earlier layer is the point: no detach of earlier maps.", Detached),
        Mistake("BN and ReLU after the block", "A dense block is its layers and concatenation; BN and ReLU belong to whoever reads it.", NormAtTheEnd),
        Mistake("ReLU after the block", "A dense block is its layers and concatenation; the ReLU belongs to whoever reads it, after a BN.", ReluAtTheEnd),
        Mistake("new maps rectified before they are kept", "Keep the maps as the convolution made them: every reader normalises and rectifies for itself.", Rectified),
        Mistake("the input added to the output", "The input is already in the output, by concatenation: add nothing.", ResidualAroundBlock),
    )  # fmt: skip


class NestedBlock(nn.Module):
    """Named children, layers of another make, concatenation on the go."""

    def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
        super().__init__()
        for index in reversed(range(num_layers)):
            self.add_module(f"denselayer{index}", FunctionalLayer(c_in + index * growth_rate, growth_rate, bn_size))
        self.num_layers = num_layers

    def forward(self, x):
        for index in range(self.num_layers):
            x = torch.concat((x, self.get_submodule(f"denselayer{index}")(x)), -3)
        return x


class PreallocatedBlock(nn.Module):
    """Writes each layer's maps into its place of one tensor."""

    def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
        super().__init__()
        self.layers, self.growth_rate = nn.Sequential(), growth_rate
        for _ in range(num_layers):
            self.layers.append(ListLayer(c_in, growth_rate, bn_size))
            c_in += growth_rate
        self.c_out = c_in

    def forward(self, x):
        c = x.shape[1]
        out = F.pad(x, (0, 0, 0, 0, 0, self.c_out - c))
        for layer in self.layers:
            new = F.pad(layer(out[:, :c].clone()), (0, 0, 0, 0, c, self.c_out - c - self.growth_rate))
            out, c = out + new, c + self.growth_rate
        return out


class Shrink(nn.Module):
    """A transition with parts that a mistake can exchange."""

    kernel, stride, bias, padding = 1, 1, False, 0

    def __init__(self, c_in, c_out):
        super().__init__()
        c_out = self.out(c_in, c_out)
        self.c_in, self.c_out = c_in, c_out
        self.norm = self.make_norm(c_in, c_out)
        self.conv = nn.Conv2d(c_in, c_out, self.kernel, self.stride, self.padding, bias=self.bias)
        self.pool = self.make_pool()

    def out(self, c_in, c_out):
        return c_out

    def make_norm(self, c_in, c_out):
        return nn.BatchNorm2d(c_in)

    def make_pool(self):
        return nn.AvgPool2d(2)

    def forward(self, x):
        return self.pool(self.conv(F.relu(self.norm(x))))


def transition_mistakes():
    def pooling(make):
        class OtherPool(Shrink):
            def make_pool(self):
                return make()

        return OtherPool

    def norming(make):
        class OtherNorm(Shrink):
            def make_norm(self, c_in, c_out):
                return make(c_in)

        return OtherNorm

    class Strided(Shrink):
        stride = 2

        def make_pool(self):
            return nn.Identity()

    class StridedAndPooled(Shrink):
        stride = 2

    class StridedWide(Strided):
        kernel, padding = 3, 1

    class Wide(Shrink):
        kernel, padding = 3, 1

    class Padded(Shrink):
        padding = 1

    class Biased(Shrink):
        bias = True

    class Halved(Shrink):
        def out(self, c_in, c_out):
            return c_in // 2

    class Kept(Shrink):
        def out(self, c_in, c_out):
            return c_in

    class ConvFirst(Shrink):
        def make_norm(self, c_in, c_out):
            return nn.BatchNorm2d(c_out)

        def forward(self, x):
            return self.pool(F.relu(self.norm(self.conv(x))))

    class ConvNormPool(ConvFirst):
        def forward(self, x):
            return self.pool(self.norm(self.conv(x)))

    class ReluFirst(Shrink):
        def forward(self, x):
            return self.pool(self.conv(self.norm(F.relu(x))))

    class NoRelu(Shrink):
        def forward(self, x):
            return self.pool(self.conv(self.norm(x)))

    class NoNorm(Shrink):
        def make_norm(self, c_in, c_out):
            return nn.Identity()

    class Bare(NoNorm):
        """Convolution and pooling, nothing before them."""

        def forward(self, x):
            return self.pool(self.conv(x))

    class PoolFirst(Shrink):
        def forward(self, x):
            return self.conv(F.relu(self.norm(self.pool(x))))

    class PoolBeforeRelu(Shrink):
        def forward(self, x):
            return self.conv(F.relu(self.pool(self.norm(x))))

    class ReluAtTheEnd(Shrink):
        def forward(self, x):
            return F.relu(super().forward(x))

    class NormAtTheEnd(Shrink):
        def __init__(self, c_in, c_out):
            super().__init__(c_in, c_out)
            self.last = nn.BatchNorm2d(self.c_out)

        def forward(self, x):
            return self.last(super().forward(x))

    class NoConvolution(Shrink):
        """Channels cut, not mixed."""

        def __init__(self, c_in, c_out):
            super().__init__(c_in, c_out)
            del self.conv

        def forward(self, x):
            return self.pool(F.relu(self.norm(x)))[:, : self.c_out]

    class Exchanged(Shrink):
        def __init__(self, c_out, c_in):
            super().__init__(c_in, c_out)

    class Detached(Shrink):
        def forward(self, x):
            return super().forward(x.detach())

    class Summed(Shrink):
        def forward(self, x):
            return 4 * super().forward(x)

    return (
        Mistake("max pooling", "Transition halves the map by the mean: nn.AvgPool2d(2).", pooling(lambda: nn.MaxPool2d(2))),
        Mistake("stride 2 on the convolution instead of pooling", "The 1×1 has stride 1; nn.AvgPool2d(2) halves the map, so that every pixel counts.", Strided),
        Mistake("3×3 of stride 2 instead of pooling", "The convolution is a 1×1 of stride 1, and nn.AvgPool2d(2) halves the map.", StridedWide),
        Mistake("stride 2 and pooling", "The map is halved once: stride 1, then nn.AvgPool2d(2).", StridedAndPooled),
        Mistake("no pooling", "Transition halves the map: nn.AvgPool2d(2) at the end.", pooling(nn.Identity)),
        Mistake("pooling with stride 1", "nn.AvgPool2d(2) has stride 2 of itself: windows of 2×2 that do not overlap.", pooling(lambda: nn.AvgPool2d(2, 1))),
        Mistake("overlapping pooling", "The mean is over 2×2 pixels, without overlap: nn.AvgPool2d(2).", pooling(lambda: nn.AvgPool2d(3, 2, 1))),
        Mistake("odd maps rounded up", "An odd row or column at the end is dropped, as nn.AvgPool2d(2) does: no ceil_mode.", pooling(lambda: nn.AvgPool2d(2, ceil_mode=True))),
        Mistake("global average pooling", "Global pooling comes once, before the classifier; Transition only halves the map.", pooling(lambda: nn.AdaptiveAvgPool2d(1))),
        Mistake("sum instead of mean", "Average the 2×2 pixels: divide by 4.", Summed),
        Mistake("3×3 convolution", "The convolution only mixes channels: 1×1.", Wide),
        Mistake("padded 1×1", "A 1×1 convolution needs no padding.", Padded),
        Mistake("convolution with a bias", "bias=False: a batch norm reads what comes out, and takes the mean out again.", Biased),
        Mistake("c_out ignored, channels halved", "Transition leads to c_out channels; that c_out is half of c_in is the network's choice.", Halved),
        Mistake("c_out ignored, channels kept", "The 1×1 leads from c_in to c_out channels.", Kept),
        Mistake("conv before BN", "The order is BN-ReLU-conv-pool: the BN has c_in channels.", ConvFirst),
        Mistake("conv before BN, no ReLU", "The order is BN-ReLU-conv-pool: the BN has c_in channels.", ConvNormPool),
        Mistake("ReLU before BN", "BN first, then ReLU, then the convolution.", ReluFirst),
        Mistake("no ReLU", "The convolution reads relu(BN(x)).", NoRelu),
        Mistake("no BN", "The convolution reads relu(BN(x)).", NoNorm),
        Mistake("no BN and no ReLU", "The convolution reads relu(BN(x)), as in every layer.", Bare),
        Mistake("pooling before BN", "Pool last: the mean of rectified pixels is not the rectified mean.", PoolFirst),
        Mistake("pooling before the ReLU", "Pool last: the mean of rectified pixels is not the rectified mean.", PoolBeforeRelu),
        Mistake("ReLU at the end", "Nothing follows the pooling: the next block begins with a BN and a ReLU of its own.", ReluAtTheEnd),
        Mistake("BN at the end", "Nothing follows the pooling: the next block begins with a BN and a ReLU of its own.", NormAtTheEnd),
        Mistake("channels cut off instead of mixed", "A 1×1 convolution compresses: each of the c_out maps is a mixture of all c_in.", NoConvolution),
        Mistake("c_in and c_out mixed up", "c_in channels come in, so that is what the BN and the 1×1 read; c_out is what the 1×1 makes.", Exchanged),
        Mistake("no gradient to the input", "The gradient must reach the block before: no detach, no torch.no_grad.", Detached),
        Mistake("other batch norm momentum", "Keep torch's defaults: momentum 0.1, eps 1e-5.", norming(partial(nn.BatchNorm2d, momentum=0.01))),
        Mistake("other batch norm eps", "Keep torch's defaults: momentum 0.1, eps 1e-5.", norming(partial(nn.BatchNorm2d, eps=1e-3))),
        Mistake("batch norm without running statistics", "Keep torch's defaults: in evaluation mode the running statistics are used.", norming(partial(nn.BatchNorm2d, track_running_stats=False))),
        Mistake("batch norm without gamma and beta", "Keep torch's defaults: affine=True.", norming(partial(nn.BatchNorm2d, affine=False))),
        Mistake("instance norm", "Batch norm: nn.BatchNorm2d, with statistics over the batch too.", norming(partial(nn.InstanceNorm2d, affine=True))),
    )  # fmt: skip


class PoolThenMix(nn.Module):
    """A mean over pixels and a 1×1 without bias commute: pooling first is the same function at a quarter of the work."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.mix, self.norm = nn.Linear(c_in, c_out, bias=False), nn.BatchNorm2d(c_in)

    def forward(self, x):
        h = F.avg_pool2d(torch.relu(self.norm(x)), 2)
        return self.mix(h.movedim(1, -1)).movedim(-1, 1)


class SlicedTransition(nn.Module):
    """The mean written out, for even and odd sizes."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in, 1, 1))
        self.norm = nn.BatchNorm2d(c_in)

    def forward(self, x):
        h = torch.einsum("oc,nchw->nohw", self.weight[:, :, 0, 0], self.norm(x).relu())
        h = h[..., : h.shape[2] // 2 * 2, : h.shape[3] // 2 * 2]
        return (h[..., ::2, ::2] + h[..., 1::2, ::2] + h[..., ::2, 1::2] + h[..., 1::2, 1::2]) / 4


def _by_zoo(module):
    return lambda x, **arguments: run_module(module, x, **arguments)


def _images(rng, channels, height=5, width=None, count=2):
    return 0.3 + rng.normal(size=(count, channels, height, width or height))


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

BLOCK = Exercise(
    name="DenseBlock",
    returns=RETURNS,
    oracle=_by_zoo(densenet.DenseBlock),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("one layer, as many new channels as come in", lambda rng: dict(num_layers=1, c_in=2, growth_rate=2, x=_images(rng, 2, 4))),
        Case("two layers", lambda rng: dict(num_layers=2, c_in=3, growth_rate=2, x=_images(rng, 3, 4))),
        Case("two layers, everything 2", lambda rng: dict(num_layers=2, c_in=2, growth_rate=2, x=_images(rng, 2, 3))),
        Case("three layers, c_in = growth_rate", lambda rng: dict(num_layers=3, c_in=2, growth_rate=2, bn_size=3, x=_images(rng, 2, 4))),
        Case("four layers, bn_size = 1", lambda rng: dict(num_layers=4, c_in=3, growth_rate=1, bn_size=1, x=_images(rng, 3, 3, 5))),
    ),
    mistakes=block_mistakes(),
    accepts=(NestedBlock, PreallocatedBlock, densenet.DenseBlock),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on five shapes",
)  # fmt: skip

TRANSITION = Exercise(
    name="Transition",
    returns=RETURNS,
    oracle=_by_zoo(densenet.Transition),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("four channels to two", lambda rng: dict(c_in=4, c_out=2, x=_images(rng, 4, 4))),
        Case("five channels to three, an odd map", lambda rng: dict(c_in=5, c_out=3, x=_images(rng, 5, 5, 7))),
        Case("as many channels out as in", lambda rng: dict(c_in=3, c_out=3, x=_images(rng, 3, 4, 6, 3))),
        Case("more channels out than in", lambda rng: dict(c_in=2, c_out=5, x=10 * _images(rng, 2, 6))),
    ),
    mistakes=transition_mistakes(),
    accepts=(PoolThenMix, SlicedTransition, densenet.Transition),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference's on four shapes, odd maps included",
)  # fmt: skip


def _pairs(num_layers):
    """Literally: one connection for each pair of an earlier and a later one among the input and the layers."""
    return len(list(combinations(range(num_layers + 1), 2)))


def _summed(num_layers):
    return sum(range(1, num_layers + 1))


CONNECTIONS = Exercise(
    name="dense_connections",
    returns=("connections",),
    oracle=_pairs,
    cases=(
        Case("one layer", lambda rng: dict(num_layers=1)),
        Case("two layers", lambda rng: dict(num_layers=2)),
        Case("five layers", lambda rng: dict(num_layers=5)),
        Case("fifty-eight layers", lambda rng: dict(num_layers=58)),
        Case("no layer", lambda rng: dict(num_layers=0)),
    ),
    mistakes=(
        Mistake("one connection a layer", "That is a chain. In a dense block the i-th layer has i connections: to the input and to the i − 1 layers before it.", lambda n: n),
        Mistake("the block's input not counted", "The i-th layer reads i things, the input among them: 1 + 2 + … + L = L(L + 1)/2, not L(L − 1)/2.", lambda n: n * (n - 1) // 2),
        Mistake("connections in both directions", "Every pair counts once, from the earlier to the later: halve it.", lambda n: n * (n + 1)),
        Mistake("L²", "A layer reads only what comes before it: 1 + 2 + … + L.", lambda n: n * n),
        Mistake("L²/2", "1 + 2 + … + L = L(L + 1)/2: the diagonal is not halved away.", lambda n: n * n // 2),
        Mistake("the output counted as one more layer", "Count what the L layers read: 1 + 2 + … + L.", lambda n: (n + 1) * (n + 2) // 2),
        Mistake("both ends off by one", "The last layer reads the input and L − 1 layers: 1 + 2 + … + L.", lambda n: (n - 1) * (n - 2) // 2),
        Mistake("a chain with a skip (two connections a layer)", "That is ResNet's count; a dense layer reads everything before it.", lambda n: 2 * n),
        Mistake("2^L", "That is the number of paths through a residual net. Connections are pairs: L(L + 1)/2.", lambda n: 2**n),
        Mistake("a float instead of an int", "A count is an int: divide with //, which is exact, for L(L + 1) is even.", lambda n: n * (n + 1) / 2),
    ),
    accepts=(_summed, lambda n: np.int64(n) * (n + 1) // 2, lambda n: sum(1 for late in range(n + 1) for _ in range(late))),
    verified="equal to a count of all pairs, up to 58 layers",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=48, exercises=(LAYER, BLOCK, TRANSITION, CONNECTIONS), torch=True)
