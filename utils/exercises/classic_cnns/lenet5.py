"""LeNet5: cases, oracle, mistakes."""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import PROTOCOL, RETURNS, run_flat
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import lenet


# ---- LeNet-5 ----------------------------------------------------------------------------------------------------
class Lenet(nn.Module):
    """LeNet-5 with parts that a mistake can exchange."""

    maps, units, kernel, padding, conv_bias, dense_bias = (6, 16), (120, 84), 5, 0, True, True
    edge = 5  # of the last map

    def __init__(self, num_classes=10):
        super().__init__()
        first, second = self.maps
        self.conv1 = nn.Conv2d(1, first, self.kernel, padding=self.padding, bias=self.conv_bias)
        self.conv2 = self.second(first, second)
        widths = (second * self.edge**2, *self.units, num_classes)
        self.dense = nn.ModuleList(nn.Linear(a, b, self.dense_bias) for a, b in pairwise(widths))

    def second(self, c_in, c_out):
        return nn.Conv2d(c_in, c_out, self.kernel, bias=self.conv_bias)

    def act(self, x):
        return torch.tanh(x)

    def act_conv(self, x):
        return self.act(x)

    def pool(self, x):
        return F.avg_pool2d(x, 2)

    def stage(self, x, conv):
        return self.pool(self.act_conv(conv(x)))

    def features(self, x):
        return self.stage(self.stage(x, self.conv1), self.conv2)

    def head(self, x):
        for layer in self.dense[:-1]:
            x = self.act(layer(x))
        return self.dense[-1](x)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


def lenet_mistake(name, advice, **parts):
    """A LeNet-5 in which the parts named are others."""
    return Mistake(name, advice, type("LeNet5", (Lenet,), parts))


class TrainedPoolingLenet(Lenet):
    def __init__(self, num_classes=10):
        super().__init__(num_classes)
        self.pools = nn.ModuleList(lenet.Subsampling(maps) for maps in self.maps)

    def features(self, x):
        for conv, pool in zip((self.conv1, self.conv2), self.pools, strict=True):
            x = pool(torch.tanh(conv(x)))
        return x


class NormalisedLenet(Lenet):
    def __init__(self, num_classes=10):
        super().__init__(num_classes)
        self.conv1 = nn.Sequential(self.conv1, nn.BatchNorm2d(6))
        self.conv2 = nn.Sequential(self.conv2, nn.BatchNorm2d(16))


class TenClassesLenet(Lenet):
    def __init__(self, num_classes=10):
        super().__init__(10)


class FunctionalLenet(nn.Module):
    """Raw parameters, the dense ones registered first pooling by hand."""

    def __init__(self, num_classes=10):
        super().__init__()
        shapes = {
            "f7": (num_classes, 84), "f6": (84, 120), "c5": (120, 400), "c3": (16, 6, 5, 5), "c1": (6, 1, 5, 5),
        }  # fmt: skip
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))
            self.register_parameter(f"{name}_bias", nn.Parameter(torch.zeros(shape[0])))

    def forward(self, x):
        x = F.conv2d(x, self.c1, self.c1_bias).tanh().unflatten(2, (-1, 2)).mean(3).unflatten(3, (-1, 2)).mean(4)
        x = F.avg_pool2d(F.conv2d(x, self.c3, self.c3_bias).tanh(), 2, 2).flatten(1)
        x = torch.tanh(x @ self.c5.T + self.c5_bias)
        return torch.tanh(x @ self.f6.T + self.f6_bias) @ self.f7.T + self.f7_bias


class ViewLenet(nn.Module):
    """One layer after another, a written 16 * 5 * 5, in-place tanh on its own tensors, adaptive pooling to 14 and 5."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.fc3, self.fc2, self.fc1 = nn.Linear(84, num_classes), nn.Linear(120, 84), nn.Linear(400, 120)
        self.conv1, self.conv2, self.act = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, (5, 5)), nn.Tanh()

    def forward(self, x):
        x = nn.AdaptiveAvgPool2d(14)(self.conv1(x).tanh_())
        x = nn.AdaptiveAvgPool2d((5, 5))(self.act(self.conv2(x))).view(-1, 16 * 5 * 5)
        return self.fc3(self.act(self.fc2(self.act(self.fc1(x)))))


class ConvolutionalLenet(Lenet):
    """C5 as the paper words it: a 5×5 convolution on the 5×5 map."""

    def __init__(self, num_classes=10):
        super().__init__(num_classes)
        self.dense[0] = nn.Conv2d(16, 120, 5)

    def forward(self, x):
        x = torch.tanh(self.dense[0](self.features(x))).flatten(1)
        return self.dense[2](torch.tanh(self.dense[1](x)))


def _digits(rng, count):
    return rng.uniform(-1, 1, size=(count, 1, 32, 32))


def _by_zoo(make):
    return lambda x, **arguments: run_flat(make, x, **arguments)


LENET = Exercise(
    name="LeNet5",
    returns=RETURNS,
    oracle=_by_zoo(lenet.LeNet5),
    run=run_flat,
    protocol=PROTOCOL,
    cases=(
        Case("one image, ten classes", lambda rng: dict(num_classes=10, x=_digits(rng, 1))),
        Case("the default, a batch of three", lambda rng: dict(x=_digits(rng, 3))),
        Case("four classes, large values", lambda rng: dict(num_classes=4, x=20 * _digits(rng, 2))),
        Case("an image of zeros", lambda rng: dict(num_classes=7, x=np.zeros((2, 1, 32, 32)))),
    ),
    mistakes=(
        lenet_mistake("ReLU instead of tanh", "LeNet-5 is from 1998: its nonlinearity is tanh. ReLU came with AlexNet.", act=lambda self, x: F.relu(x)),
        lenet_mistake("max pooling", "LeNet-5 averages each 2×2 window; max pooling came later.", pool=lambda self, x: F.max_pool2d(x, 2)),
        lenet_mistake("ReLU and max pooling", "That is how a small CNN looks today; LeNet-5 has tanh and average pooling.", act=lambda self, x: F.relu(x), pool=lambda self, x: F.max_pool2d(x, 2)),
        lenet_mistake("sigmoid instead of tanh", "The question asks for tanh, which is centred at zero.", act=lambda self, x: torch.sigmoid(x)),
        lenet_mistake("scaled tanh of 1998", "The paper's 1.7159·tanh(2x/3) belongs to the original; the modern variant has plain tanh.", act=lambda self, x: 1.7159 * torch.tanh(2 / 3 * x)),
        lenet_mistake("ReLU in the convolutions only", "tanh follows each convolution too.", act_conv=lambda self, x: F.relu(x)),
        lenet_mistake("no tanh after the convolutions", "A nonlinearity follows each convolution, before the pooling.", act_conv=lambda self, x: x),
        lenet_mistake("no tanh between the linear layers", "Without it the three linear layers collapse into one.", head=lambda self, x: self.dense[2](self.dense[1](self.dense[0](x)))),
        lenet_mistake("tanh on the output", "The last linear layer gives the logits: nothing follows it.", head=lambda self, x: torch.tanh(Lenet.head(self, x))),
        lenet_mistake("softmax at the end", "Return logits: the cross-entropy loss contains the softmax.", forward=lambda self, x: Lenet.forward(self, x).softmax(dim=1)),
        lenet_mistake("log-softmax at the end", "Return logits: the cross-entropy loss contains the log-softmax.", forward=lambda self, x: Lenet.forward(self, x).log_softmax(dim=1)),
        lenet_mistake("pooling before tanh", "The order is convolution, tanh, pooling; the mean of tanh is not the tanh of the mean.", stage=lambda self, x, conv: torch.tanh(self.pool(conv(x)))),
        lenet_mistake("pooling that sums", "Average each window: divide the sum of its four pixels by four.", pool=lambda self, x: 4 * F.avg_pool2d(x, 2)),
        lenet_mistake("every second pixel instead of pooling", "Average each 2×2 window; taking one of its pixels forgets the other three.", pool=lambda self, x: x[:, :, ::2, ::2]),
        lenet_mistake("second pooling missing", "Both convolutions are followed by a pooling: maps of 28, 14, 10, 5.", edge=10, features=lambda self, x: torch.tanh(self.conv2(self.stage(x, self.conv1)))),
        lenet_mistake("first pooling missing", "Both convolutions are followed by a pooling: maps of 28, 14, 10, 5.", edge=12, features=lambda self, x: self.stage(torch.tanh(self.conv1(x)), self.conv2)),
        lenet_mistake("first convolution padded", "Padding 2 is for images of 28×28. The input here has 32×32 already: no padding, and 16·5·5 = 400.", padding=2, edge=6),
        lenet_mistake("3×3 kernels", "Both kernels are 5×5.", kernel=3, edge=6),
        lenet_mistake("biases of the convolutions dropped", "No batch norm follows, so each convolution keeps its bias.", conv_bias=False),
        lenet_mistake("biases of the linear layers dropped", "Each linear layer has a bias.", dense_bias=False),
        lenet_mistake("all biases dropped", "Convolutions and linear layers have biases: no batch norm makes them redundant.", conv_bias=False, dense_bias=False),
        lenet_mistake("widths of Caffe's LeNet", "That one has 20 and 50 maps and 500 units. LeNet-5: 6 and 16 maps, 120 and 84 units.", maps=(20, 50), units=(500,)),
        lenet_mistake("layer of 84 units missing", "400 → 120 → 84 → num_classes: three linear layers.", units=(120,)),
        lenet_mistake("layer of 120 units missing", "400 → 120 → 84 → num_classes: three linear layers.", units=(84,)),
        lenet_mistake("partial connections of 1998", "In the modern variant each of the 16 maps reads all six: nn.Conv2d(6, 16, 5).", second=lambda self, c_in, c_out: lenet.PartialConv(lenet.C3_INPUTS, 5)),
        lenet_mistake("maps that do not fit the first linear layer", "A 32×32 image gives maps of 28, 14, 10, 5: flatten all but the batch axis, 16·5·5 = 400.", padding=2),
        Mistake("trainable subsampling of 1998", "In the modern variant pooling is a plain average without parameters.", TrainedPoolingLenet),
        Mistake("batch norm added", "Batch norm came in 2015; here a convolution is followed by tanh.", NormalisedLenet),
        Mistake("num_classes ignored", "The last layer has num_classes outputs.", TenClassesLenet),
    ),
    accepts=(Lenet, FunctionalLenet, ViewLenet, ConvolutionalLenet, lenet.LeNet5),
    verified="61,706 parameters, and outputs and all gradients equal to the reference network's on four batches",
)  # fmt: skip
