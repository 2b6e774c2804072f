"""DenseBlock: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.densenet.shared import FunctionalLayer, Layer, ListLayer, _by_zoo, _images
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import densenet


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
        Mistake("newest maps first", "That is another order of the maps, as some ports have it; here, as in torchvision, oldest first: torch.cat([x, new], dim=1).", NewestFirst),
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
