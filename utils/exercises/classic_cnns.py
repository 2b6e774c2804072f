"""23 · LeNet, AlexNet, VGG: LeCun et al. 1998 §II, Krizhevsky 2014, Simonyan & Zisserman 2015 table 1. Oracle: the zoo.

How networks of 60 to 144 million parameters are judged in milliseconds: `run_wide` makes the module on the meta
device, where parameters have shapes and no memory, and counts them there. Then every size that 16 divides is cut to
a sixteenth, in parameters and running statistics, and the module's own forward runs on what is left. No fact is lost
by that: a full network whose parameters repeat themselves with that period, each divided by the number of copies that
a sum runs over, computes the very same numbers. A forward that insists on the true widths gets just that network.
"""

import functools
import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from utils.grading.modules import PROTOCOL, RETURNS, fixed, forward, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.models import classic, lenet

CUT = 16  # divides all widths of AlexNet and VGG, and neither 3 channels nor the classes of the cases
SQUARE = [1, 3, 224, 224]  # the shape of one image
HIDDEN = 4096  # of the dense layers: cut even where a forward insists on true widths, or a pass would take seconds
START = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0}
STEADY, RANDOM = "the same from call to call", "differs from call to call"

WIDE_RETURNS = (
    "parameters", "output shape", "evaluation", "evaluation output", "parameter gradients", "dropout in training",
)  # fmt: skip
WIDE_PROTOCOL = (
    "made at full size and counted; then filled by a fixed rule that repeats itself along the channels, float64; "
    "a training pass, passes in evaluation mode with backward, and passes in training mode to see what dropout drops"
)


def run_wide(make, images, modes, **arguments):
    """Make a module from `arguments`, in order, and note what it does with images of the shape `images`.

    `modes` is "both", or "evaluation" to save the passes that look for randomness.
    """
    images, arguments = tuple(images), tuple(arguments.values())
    module = _on_meta(make, arguments)
    counted = sum(parameter.numel() for parameter in module.parameters())
    try:
        return _noted(module, images, modes, counted, functools.partial(_cut, whole=False))
    except (RuntimeError, AssertionError, ValueError, IndexError):  # at true widths it may be right
        _raise_at_true_widths(make, images, arguments)
        return _noted(make(*arguments), images, modes, counted, functools.partial(_cut, whole=True))


def _on_meta(make, arguments):
    try:
        with torch.device("meta"), _NoRandomNumbers():
            module = make(*arguments)
    except (RuntimeError, NotImplementedError) as error:
        if not _for_meta_only(error):
            raise
        module = make(*arguments)  # its initialisation reads values: slow, but as it was meant
    if not isinstance(module, nn.Module):
        raise TypeError(f"an nn.Module is expected, not {type(module).__name__}")
    return module


def _raise_at_true_widths(make, images, arguments):
    """A forward that cannot work fails here, with a message that has the true sizes in it."""
    try:
        with torch.device("meta"), torch.no_grad():
            make(*arguments).eval()(torch.empty(images))
    except (RuntimeError, NotImplementedError) as error:
        if not _for_meta_only(error):
            raise


def _for_meta_only(error):
    return "meta" in str(error).lower()


class _NoRandomNumbers(TorchFunctionMode):
    """Weights without memory need none, and the first call on the meta device would import for a second."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensor = args[0] if args else kwargs.get("tensor")
        if getattr(function, "__name__", "").endswith(("normal_", "uniform_")) and tensor.is_meta:
            return tensor
        return function(*args, **kwargs)


def _noted(module, images, modes, counted, cut):
    x = torch.from_numpy(fixed(images, "images"))
    with torch.random.fork_rng(devices=[]), _CutSizes(cut):
        filled = _fill(module, cut)
        if any(True for _ in module.buffers()):
            with torch.no_grad():
                _seeded(module.train(), x, 0)  # the evaluation below uses the running statistics that this leaves
        module.eval()
        output, steady = _seeded(module, x, 1), True
        if modes == "both":
            with torch.no_grad():
                steady = torch.equal(_seeded(module, x, 2), output)
        if not steady:
            output = output * math.nan  # nobody's random numbers are comparable
        _backward(output * torch.from_numpy(fixed(tuple(output.shape), "upstream")))
        gradients = [(key, float((_gradient(p) * direction).sum())) for key, p, direction in filled]
        dropped = _dropout(module, filled, x[:1].abs()) if modes == "both" else "not looked at"
    values = (
        counted, list(output.shape), STEADY if steady else RANDOM, output.detach().numpy(),
        np.array([value for _, value in sorted(gradients)]), dropped,
    )  # fmt: skip
    return dict(zip(WIDE_RETURNS, values, strict=True))


def _seeded(module, x, seed):
    torch.manual_seed(seed)
    return forward(module, x, x.clone())


def _backward(output):
    if output.requires_grad:  # else it was cut off, and the gradients stay zero
        output.sum().backward()


def _gradient(parameter):
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _cut(size, whole):
    return size // CUT if size % CUT == 0 and (size == HIDDEN or not whole) else size


class _CutSizes(TorchFunctionMode):
    """Lets `x.view(-1, 512 * 7 * 7)` pass: where a written size does not fit the cut map, the cut size is tried."""

    def __init__(self, cut):
        super().__init__()
        self.cut = cut

    def __torch_function__(self, function, types, args=(), kwargs=None):
        try:
            return function(*args, **(kwargs or {}))
        except RuntimeError:
            if getattr(function, "__name__", "") not in ("view", "reshape", "unflatten"):
                raise
            return function(args[0], *map(self._sizes, args[1:]), **(kwargs or {}))

    def _sizes(self, sizes):
        return tuple(map(self._sizes, sizes)) if isinstance(sizes, (tuple, list)) else self.cut(sizes)


def _fill(module, cut):
    """Replace all parameters and running statistics; (key, parameter, direction) of each parameter, once."""
    filled = {}
    for part in module.modules():
        for name, old in part._parameters.items():
            if old is not None:
                if old not in filled:
                    key = (len(old), math.prod(old.shape[1:]))  # a dense layer may be written as a convolution
                    values, direction = (_tiled(tuple(old.shape), cut, use) for use in ("parameter", "direction"))
                    filled[old] = key, nn.Parameter(values, old.requires_grad), direction
                part._parameters[name] = filled[old][1]
        for name, old in part._buffers.items():
            if name in START and old is not None:
                part._buffers[name] = _started(old, cut, START[name])
            elif old is not None and old.is_floating_point():
                part._buffers[name] = old.double()
    return list(filled.values())


def _started(statistic, cut, value):
    kind = torch.float64 if statistic.is_floating_point() else statistic.dtype
    return torch.full([cut(n) for n in statistic.shape], value, dtype=kind, device="cpu")


def _tiled(shape, cut, purpose):
    """The fixed numbers of the cut shape, repeated to the shape asked for."""
    few = [_cut(size, whole=False) for size in shape]
    small = _numbers((few[0], math.prod(few[1:])), purpose).reshape(few)
    wanted = [cut(size) for size in shape]
    copies = [a // b for a, b in zip(wanted, few, strict=True)]
    return small.tile(copies) / math.prod(copies[1:])


@functools.cache
def _numbers(shape, purpose):
    return torch.from_numpy(fixed(shape, purpose))


def _dropout(module, filled, x):
    """What a training pass drops, in words.

    With positive parameters and images no ReLU closes, so what is zero was dropped: whole columns of a
    layer's gradient. The rows of the first dense layer's gradient are multiples of the features: nothing drops those.
    """
    with torch.no_grad():
        for _, parameter, _ in filled:
            parameter.abs_()
    for part in module.train().modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval().reset_running_stats()  # would centre what is positive: here it only scales
    widest = max(columns for (_, columns), _, _ in filled)
    dense = [p for (_, columns), p, _ in filled if columns == widest or (columns > 1 and math.prod(p.shape[2:]) == 1)]
    for _, parameter, _ in filled:
        parameter.requires_grad_(any(parameter is p for p in dense))  # no backward pass through the convolutions
    shares, features = [], []
    for seed in (3, 4):
        module.zero_grad()
        output = _seeded(module, x, seed)
        _backward(output)
        gradients = [_gradient(p).flatten(1) for p in dense]
        holes = [float((g == 0).all(dim=0).double().mean()) for g in gradients]
        shares.append([share for share in [*holes, float((output == 0).double().mean())] if share > 0.08])
        first = max(gradients, key=lambda g: g.shape[1])
        features.append(first[first.abs().sum(dim=1).argmax()])
    kept = (features[0] != 0) & (features[1] != 0)
    ratio = features[0][kept] / features[1][kept]
    steady = not kept.any() or float(ratio.max() - ratio.min()) <= 1e-6 * float(ratio.abs().max())
    noise = "" if steady else ", and noise before the first dense layer"
    if not shares[0]:
        return f"none{noise}"
    p = float(np.mean([*shares[0], *shares[1]]))
    return f"p = {p:.1f} at {len(shares[0])} place{'s' * (len(shares[0]) > 1)}{noise}"


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


def _digits(rng, count):
    return rng.uniform(-1, 1, size=(count, 1, 32, 32))


def _by_zoo(make):
    return lambda x, **arguments: run_module(make, x, **arguments)


LENET = Exercise(
    name="LeNet5",
    returns=RETURNS,
    oracle=_by_zoo(lenet.LeNet5),
    run=run_module,
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
        lenet_mistake("sigmoid instead of tanh", "Asked for is tanh, which is centred at zero.", act=lambda self, x: torch.sigmoid(x)),
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
    accepts=(Lenet, FunctionalLenet, ViewLenet, lenet.LeNet5),
    verified="61,706 parameters, and outputs and all gradients equal to the reference network's on four batches",
)  # fmt: skip


# ---- AlexNet ----------------------------------------------------------------------------------------------------


class Alex(nn.Module):
    """The single-tower AlexNet with parts that a mistake can exchange."""

    widths, paddings, stride, groups = (64, 192, 384, 256, 256), (2, 2, 1, 1, 1), 4, 1
    conv_bias, dense_bias, edge, hidden = True, True, 6, (HIDDEN, HIDDEN)
    pooled, dropping = (0, 1, 4), (0, 1)  # after which convolutions; before which dense layers
    p = 0.5

    def __init__(self, num_classes=1000):
        super().__init__()
        c_ins, kernels, strides = (3, *self.widths), (11, 5, 3, 3, 3), (self.stride, 1, 1, 1, 1)
        groups = (1, self.groups, 1, self.groups, self.groups)
        convs = zip(c_ins, self.widths, kernels, strides, self.paddings, groups, strict=False)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, k, s, p, 1, g, self.conv_bias) for a, b, k, s, p, g in convs)
        self.norms = nn.ModuleList(self.norm(index, width) for index, width in enumerate(self.widths))
        widths = (self.widths[-1] * self.edge**2, *self.hidden, num_classes)
        self.dense = nn.ModuleList(nn.Linear(a, b, self.dense_bias) for a, b in pairwise(widths))

    def norm(self, index, width):
        return nn.Identity()

    def act(self, x):
        return F.relu(x)

    def act_conv(self, x, index):
        return self.act(x)

    def pool(self, x):
        return F.max_pool2d(x, 3, 2)

    def adapt(self, x):
        return F.adaptive_avg_pool2d(x, self.edge)

    def features(self, x):
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(self.act_conv(conv(x), index))
            x = self.pool(x) if index in self.pooled else x
        return x

    def drop(self, x):
        return F.dropout(x, self.p, self.training)

    def head(self, x):
        last = len(self.dense) - 1
        for index, layer in enumerate(self.dense):
            x = layer(self.drop(x) if index in self.dropping else x)
            x = self.act(x) if index < last else x
        return x

    def forward(self, x):
        return self.head(self.adapt(self.features(x)).flatten(1))


def alex_mistake(name, advice, **parts):
    """An AlexNet in which the parts named are others."""
    return Mistake(name, advice, type("AlexNet", (Alex,), parts))


def head_without_relu(self, x):
    for index, layer in enumerate(self.dense):
        x = layer(self.drop(x) if index in self.dropping else x)
    return x


class ThousandClassesAlex(Alex):
    def __init__(self, num_classes=1000):
        super().__init__(1000)


class TorchvisionAlex(nn.Module):
    """Everything in-place that may be, and written sizes in the middle."""

    def __init__(self, num_classes=1000):
        super().__init__()
        relu, pool = nn.ReLU(inplace=True), nn.MaxPool2d(kernel_size=3, stride=2)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(9216, 4096), relu, nn.Dropout(), nn.Linear(4096, 4096), relu,
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2), relu, pool, nn.Conv2d(64, 192, 5, padding=2), relu,
            pool, nn.Conv2d(192, 384, 3, padding=1), relu, nn.Conv2d(384, 256, 3, padding=1), relu,
            nn.Conv2d(256, 256, 3, padding=1), relu, pool,
        )  # fmt: skip
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=0.01)
                nn.init.zeros_(part.bias)

    def forward(self, x):
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (6, 6))
        return self.classifier(x.view(x.size(0), 256 * 6 * 6))


class ConvolutionalAlex(nn.Module):
    """The dense layers written as convolutions; dropout after each of the first two, as the paper of 2012 words it."""

    def __init__(self, num_classes=1000):
        super().__init__()
        self.convs = nn.ModuleList([
            nn.Conv2d(3, 64, 11, 4, 2), nn.Conv2d(64, 192, 5, 1, "same"), nn.Conv2d(192, 384, 3, 1, "same"),
            nn.Conv2d(384, 256, 3, 1, "same"), nn.Conv2d(256, 256, 3, 1, "same"),
        ])  # fmt: skip
        self.dense = nn.ModuleList([nn.Conv2d(256, 4096, 6), nn.Conv2d(4096, 4096, 1), nn.Conv2d(4096, num_classes, 1)])
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        for index, conv in enumerate(self.convs):
            x = conv(x).clamp(min=0)
            if index in (0, 1, 4):
                x = nn.MaxPool2d(3, 2)(x)
        x = nn.AdaptiveAvgPool2d(6)(x)
        for layer in self.dense[:2]:
            x = self.drop(torch.relu(layer(x)))
        return self.dense[2](x)[:, :, 0, 0]


class AssertingAlex(Alex):
    """Its forward looks whether the true sizes are there."""

    def forward(self, x):
        x = self.adapt(self.features(x))
        assert x.shape[1:] == (256, 6, 6)
        return self.head(x.reshape(-1, 9216))


def _wide_by_zoo(make):
    return lambda images, modes, **arguments: run_wide(make, images, modes, **arguments)


ALEXNET = Exercise(
    name="AlexNet",
    returns=WIDE_RETURNS,
    oracle=_wide_by_zoo(classic.AlexNet),
    run=run_wide,
    protocol=WIDE_PROTOCOL,
    cases=(
        Case("ten classes, one image of 224×224", lambda rng: dict(num_classes=10, images=SQUARE, modes="both")),
        Case("the default, 1000 classes", lambda rng: dict(images=SQUARE, modes="evaluation")),
        Case("two images of 260×232", lambda rng: dict(num_classes=5, images=[2, 3, 260, 232], modes="evaluation")),
    ),
    mistakes=(
        alex_mistake("first convolution not padded", "224×224 gives 55×55 maps with padding=2 only; without it they are 54×54. The 2012 net needs 227×227 for that reason.", paddings=(0, 2, 1, 1, 1)),
        alex_mistake("first convolution padded by one", "224×224 gives 55×55 maps with padding=2: (224 + 4 − 11) // 4 + 1 = 55.", paddings=(1, 2, 1, 1, 1)),
        alex_mistake("5×5 convolution padded by one", "padding=2 keeps the 27×27 map under a 5×5 kernel.", paddings=(2, 1, 1, 1, 1)),
        alex_mistake("5×5 convolution not padded", "padding=2 keeps the 27×27 map under a 5×5 kernel.", paddings=(2, 0, 1, 1, 1)),
        alex_mistake("3×3 convolutions not padded", "padding=1 keeps the 13×13 map under each 3×3 kernel.", paddings=(2, 2, 0, 0, 0)),
        alex_mistake("pooling that does not overlap", "Windows of 3×3 with stride 2 overlap: nn.MaxPool2d(3, 2).", pool=lambda self, x: F.max_pool2d(x, 2)),
        alex_mistake("average pooling", "AlexNet takes the maximum of each window.", pool=lambda self, x: F.avg_pool2d(x, 3, 2)),
        alex_mistake("pooling rounds up", "ceil_mode=False, torch's default: windows that stick out are left away.", pool=lambda self, x: F.max_pool2d(x, 3, 2, ceil_mode=True)),
        alex_mistake("pooling after the last convolution missing", "Max pooling follows convolutions 1, 2 and 5. Adaptive pooling hides it when one is missing.", pooled=(0, 1)),
        alex_mistake("pooling after the second convolution missing", "Max pooling follows convolutions 1, 2 and 5. Adaptive pooling hides it when one is missing.", pooled=(0, 4)),
        alex_mistake("no adaptive pooling", "Images larger than 224 give maps larger than 6×6: put nn.AdaptiveAvgPool2d(6) before the dense layers.", adapt=lambda self, x: x),
        alex_mistake("adaptive max pooling", "The adaptive pooling to 6×6 averages.", adapt=lambda self, x: F.adaptive_max_pool2d(x, 6)),
        alex_mistake("adaptive pooling to 7×7", "The map before the dense layers is 6×6: 256·6·6 = 9216. 7×7 is VGG's.", edge=7),
        alex_mistake("global average pooling", "AlexNet's first dense layer reads the whole 6×6 map: 9216 inputs. Global pooling came later.", edge=1),
        alex_mistake("local response normalisation", "The variant asked for has none.", norm=lambda self, index, width: nn.LocalResponseNorm(5, k=2.0) if index < 2 else nn.Identity()),
        alex_mistake("batch norm added", "Batch norm came in 2015; AlexNet has none.", norm=lambda self, index, width: nn.BatchNorm2d(width)),
        alex_mistake("widths of 2012, without its groups", "The single tower has 64, 192, 384, 256, 256 maps.", widths=(96, 256, 384, 384, 256)),
        alex_mistake("widths and groups of 2012", "That is the net on two cards. The single tower has 64, 192, 384, 256, 256 maps and no groups.", widths=(96, 256, 384, 384, 256), groups=2),
        alex_mistake("biases of the convolutions dropped", "No batch norm follows, so each convolution keeps its bias.", conv_bias=False),
        alex_mistake("biases of the dense layers dropped", "Each dense layer has a bias.", dense_bias=False),
        alex_mistake("all biases dropped", "Convolutions and dense layers have biases: no batch norm makes them redundant.", conv_bias=False, dense_bias=False),
        alex_mistake("only one hidden dense layer", "9216 → 4096 → 4096 → num_classes: three dense layers.", hidden=(HIDDEN,)),
        alex_mistake("tanh instead of ReLU", "ReLU is one of the things AlexNet is known for.", act=lambda self, x: torch.tanh(x)),
        alex_mistake("no ReLU after the last convolution", "A ReLU follows every convolution, also where pooling comes next.", act_conv=lambda self, x, index: x if index == 4 else F.relu(x)),
        alex_mistake("no ReLU in the convolutions", "A ReLU follows every convolution.", act_conv=lambda self, x, index: x),
        alex_mistake("no ReLU in the head", "A ReLU follows the first two dense layers; without it the three collapse into one.", head=head_without_relu),
        alex_mistake("ReLU on the output", "The last dense layer gives the logits: nothing follows it.", forward=lambda self, x: F.relu(Alex.forward(self, x))),
        alex_mistake("softmax at the end", "Return logits: the cross-entropy loss contains the softmax.", forward=lambda self, x: Alex.forward(self, x).softmax(dim=1)),
        alex_mistake("log-softmax at the end", "Return logits: the cross-entropy loss contains the log-softmax.", forward=lambda self, x: Alex.forward(self, x).log_softmax(dim=1)),
        alex_mistake("dropout left on in evaluation", "F.dropout drops by default: pass training=self.training, or use nn.Dropout, which knows the mode.", drop=lambda self, x: F.dropout(x, self.p)),
        alex_mistake("no dropout", "Dropout with p = 0.5 belongs to the first two dense layers.", dropping=()),
        alex_mistake("dropout at one dense layer only", "Both hidden dense layers have dropout.", dropping=(1,)),
        alex_mistake("dropout at all three dense layers", "Two dropouts: nothing is dropped next to the logits and at the features both.", dropping=(0, 1, 2)),
        alex_mistake("dropout with p = 0.2", "AlexNet drops half of the units: p = 0.5.", p=0.2),
        alex_mistake("dropout between the convolutions too", "Dropout belongs to the dense layers, where most parameters are.", act_conv=lambda self, x, index: self.drop(F.relu(x)) if index == 2 else F.relu(x)),
        alex_mistake("maps that do not fit the first dense layer", "Flatten all axes but the batch, after pooling to 6×6: 256·6·6 = 9216.", forward=lambda self, x: self.head(self.adapt(self.features(x)))),
        Mistake("num_classes ignored", "The last layer has num_classes outputs.", ThousandClassesAlex),
    ),
    accepts=(Alex, TorchvisionAlex, ConvolutionalAlex, AssertingAlex, classic.AlexNet),
    verified="61,100,840 parameters, and outputs, gradients and dropout as the reference network's at two image sizes",
)  # fmt: skip


# ---- VGG --------------------------------------------------------------------------------------------------------


LENGTHS = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}


class Vgg(nn.Module):
    """VGG with parts that a mistake can exchange."""

    lengths, widths = LENGTHS, (64, 128, 256, 512, 512)
    kernel, padding, bias, bn_bias, edge, hidden, pools = 3, 1, True, True, 7, (HIDDEN, HIDDEN), 5
    dropping, p = (1, 2), 0.5  # before which dense layers

    def __init__(self, config, batch_norm=False, num_classes=1000):
        super().__init__()
        stages, c_in = [], 3
        for number, width in zip(self.lengths[config], self.widths, strict=True):
            stage = []
            for index in range(number):
                stage.append(self.layer(c_in, width, batch_norm, index))
                c_in = width
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        widths = (c_in * self.edge**2, *self.hidden, num_classes)
        self.dense = nn.ModuleList(self.dense_layer(a, b, batch_norm, b != num_classes) for a, b in pairwise(widths))

    def layer(self, c_in, c_out, batch_norm, index):
        bias = self.bn_bias if batch_norm else self.bias
        conv = nn.Conv2d(c_in, c_out, self.kernel, padding=self.padding, bias=bias)
        return nn.Sequential(*self.ordered(conv, nn.BatchNorm2d(c_out) if batch_norm else nn.Identity(), nn.ReLU()))

    def ordered(self, conv, norm, act):
        return conv, norm, act

    def dense_layer(self, c_in, c_out, batch_norm, hidden):
        return nn.Linear(c_in, c_out, self.bias)

    def pool(self, x):
        return F.max_pool2d(x, 2)

    def adapt(self, x):
        return F.adaptive_avg_pool2d(x, self.edge)

    def features(self, x):
        for index, stage in enumerate(self.stages):
            x = stage(x)
            x = self.pool(x) if index < self.pools else x
        return x

    def drop(self, x):
        return F.dropout(x, self.p, self.training)

    def act_dense(self, x):
        return F.relu(x)

    def head(self, x):
        last = len(self.dense) - 1
        for index, layer in enumerate(self.dense):
            x = layer(self.drop(x) if index in self.dropping else x)
            x = self.act_dense(x) if index < last else x
        return x

    def forward(self, x):
        return self.head(self.adapt(self.features(x)).flatten(1))


def right_vgg(config, batch_norm=False, num_classes=1000, kind=Vgg):
    if config not in kind.lengths:
        raise ValueError(f"no configuration {config!r}")
    return kind(config, batch_norm, num_classes)


def vgg_mistake(name, advice, **parts):
    """A VGG in which the parts named are others."""
    return Mistake(name, advice, functools.partial(right_vgg, kind=type("VGG", (Vgg,), parts)))


def convolution_c(self, c_in, c_out, batch_norm, index):
    layer = Vgg.layer(self, c_in, c_out, batch_norm, index)
    if index == 2:
        layer[0] = nn.Conv2d(c_in, c_out, 1)
    return layer


def normed_dense(self, c_in, c_out, batch_norm, hidden):
    layer = nn.Linear(c_in, c_out)
    return nn.Sequential(layer, nn.BatchNorm1d(c_out)) if batch_norm and hidden else layer


def without_last_relu(self, x):
    for stage in self.stages:
        for layer in stage[:-1]:
            x = layer(x)
        x = self.pool(stage[-1][1](stage[-1][0](x)))
    return x


TORCHVISION = {
    "11": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "13": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "16": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "19": [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


class TorchvisionVgg(nn.Module):
    """A list of numbers and "M", in-place ReLUs, initialised by hand, and a written size in forward."""

    def __init__(self, plan, batch_norm, num_classes):
        super().__init__()
        layers, c_in = [], 3
        for item in plan:
            if item == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                conv = nn.Conv2d(c_in, item, 3, padding=1)
                layers += [conv, nn.BatchNorm2d(item), nn.ReLU(True)] if batch_norm else [conv, nn.ReLU(True)]
                c_in = item
        self.classifier = nn.Sequential(
            nn.Linear(25088, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(),
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        self.features = nn.Sequential(*layers)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.features(x)
        return self.classifier(nn.AdaptiveAvgPool2d((7, 7))(x).view(-1, 512 * 7 * 7))


def torchvision_vgg(config, batch_norm=False, num_classes=1000):
    try:
        plan = TORCHVISION[config]
    except KeyError as error:
        raise ValueError(f"unknown configuration {config}") from error
    return TorchvisionVgg(plan, batch_norm, num_classes)


class DropFirst(Vgg):
    dropping = (0, 1)


def number_error(config, batch_norm=False, num_classes=1000):
    return Vgg(config, batch_norm, num_classes)  # a dictionary is asked: KeyError


def sixteen_by_default(config, batch_norm=False, num_classes=1000):
    return Vgg(config if config in LENGTHS else "16", batch_norm, num_classes)


def none_by_default(config, batch_norm=False, num_classes=1000):
    return Vgg(config, batch_norm, num_classes) if config in LENGTHS else None


def thousand_classes(config, batch_norm=False, num_classes=1000):
    return right_vgg(config, batch_norm, 1000)


def never_normed(config, batch_norm=False, num_classes=1000):
    return right_vgg(config, False, num_classes)


def normed_by_default(config, batch_norm=True, num_classes=1000):
    return right_vgg(config, batch_norm, num_classes)


def swapped_arguments(config, num_classes=1000, batch_norm=False):
    return right_vgg(config, bool(batch_norm), int(num_classes))


def _vgg_case(name, images, *arguments):
    names = ("config", "batch_norm", "num_classes")
    modes = "both" if arguments == ("11", False, 10) else "evaluation"
    return Case(name, lambda rng: dict(zip(names, arguments, strict=False)) | dict(images=images, modes=modes))


VGG = Exercise(
    name="vgg",
    returns=WIDE_RETURNS,
    oracle=_wide_by_zoo(classic.vgg),
    run=run_wide,
    protocol=WIDE_PROTOCOL,
    cases=(
        _vgg_case("11, ten classes", SQUARE, "11", False, 10),
        _vgg_case("11 with batch norm", SQUARE, "11", True, 10),
        _vgg_case("11, the defaults, two images of 260×230", [2, 3, 260, 230], "11"),
        _vgg_case("13", SQUARE, "13", False, 5),
        _vgg_case("16", SQUARE, "16", False, 5),
        _vgg_case("19", SQUARE, "19", False, 5),
        _vgg_case("19 with batch norm", SQUARE, "19", True, 5),
        Case("a configuration that does not exist", lambda rng: dict(config="12", images=SQUARE, modes="evaluation"), raises="ValueError"),
    ),
    mistakes=(
        vgg_mistake("convolutions not padded", "padding=1 keeps the map's size under a 3×3 kernel; only pooling halves it.", padding=0),
        vgg_mistake("last pooling missing", "A max pooling ends each of the five stages: 224 → 112 → 56 → 28 → 14 → 7. Adaptive pooling hides it when one is missing.", pools=4),
        vgg_mistake("overlapping pooling", "VGG's windows are 2×2 with stride 2; 3×3 with stride 2 is AlexNet's.", pool=lambda self, x: F.max_pool2d(x, 3, 2, 1)),
        vgg_mistake("average pooling", "VGG takes the maximum of each window.", pool=lambda self, x: F.avg_pool2d(x, 2)),
        vgg_mistake("pooling rounds up", "ceil_mode=False, torch's default: windows that stick out are left away.", pool=lambda self, x: F.max_pool2d(x, 2, ceil_mode=True)),
        vgg_mistake("adaptive pooling missing", "Images larger than 224 give maps larger than 7×7: put nn.AdaptiveAvgPool2d(7) before the dense layers.", adapt=lambda self, x: x),
        vgg_mistake("adaptive max pooling", "The adaptive pooling to 7×7 averages.", adapt=lambda self, x: F.adaptive_max_pool2d(x, 7)),
        vgg_mistake("adaptive pooling to 6×6", "Here the last map is 7×7: 512·7·7 = 25088. 6×6 is AlexNet's.", edge=6),
        vgg_mistake("1×1 as the third kernel (configuration C)", "That is the control experiment C. In 16 (D) and 19 (E) every kernel is 3×3.", layer=convolution_c),
        vgg_mistake("16 and 19 with the lengths of 13", "Convolutions in the stages: 16 has 2-2-3-3-3, 19 has 2-2-4-4-4.", lengths=LENGTHS | {"16": LENGTHS["13"], "19": LENGTHS["13"]}),
        vgg_mistake("16 with too many convolutions at the front", "Convolutions in the stages of 16: 2-2-3-3-3.", lengths=LENGTHS | {"16": (3, 3, 3, 2, 2)}),
        vgg_mistake("11 with two convolutions in each stage", "Convolutions in the stages: 11 has 1-1-2-2-2, 13 has 2-2-2-2-2.", lengths=LENGTHS | {"11": LENGTHS["13"]}),
        vgg_mistake("last stage with 1024 maps", "The widths double up to 512 and stay there: 64, 128, 256, 512, 512.", widths=(64, 128, 256, 512, 1024)),
        vgg_mistake("all biases dropped", "Convolutions and dense layers have biases; the published counts contain them.", bias=False, bn_bias=False),
        vgg_mistake("no bias under batch norm", "Batch norm makes that bias redundant, but VGG keeps it, and so do its published counts.", bn_bias=False),
        vgg_mistake("batch norm after ReLU", "The order is convolution, batch norm, ReLU.", ordered=lambda self, conv, norm, act: (conv, act, norm)),
        vgg_mistake("batch norm in the head too", "Only the convolutions are normalised.", dense_layer=normed_dense),
        vgg_mistake("batch norm with eps of 1e-3", "Batch norm has torch's defaults: eps=1e-5, momentum=0.1.", ordered=lambda self, conv, norm, act: (conv, nn.BatchNorm2d(conv.out_channels, eps=1e-3) if isinstance(norm, nn.BatchNorm2d) else norm, act)),
        vgg_mistake("ReLU missing", "A ReLU follows every convolution.", ordered=lambda self, conv, norm, act: (conv, norm)),
        vgg_mistake("ReLU missing at the end of each stage", "A ReLU follows every convolution, also where pooling comes next.", features=without_last_relu),
        vgg_mistake("no ReLU in the head", "A ReLU follows the first two dense layers; without it the three collapse into one.", act_dense=lambda self, x: x),
        vgg_mistake("ReLU on the output", "The last dense layer gives the logits: nothing follows it.", forward=lambda self, x: F.relu(Vgg.forward(self, x))),
        vgg_mistake("softmax at the end", "Return logits: the cross-entropy loss contains the softmax.", forward=lambda self, x: Vgg.forward(self, x).softmax(dim=1)),
        vgg_mistake("log-softmax at the end", "Return logits: the cross-entropy loss contains the log-softmax.", forward=lambda self, x: Vgg.forward(self, x).log_softmax(dim=1)),
        vgg_mistake("dropout left on in evaluation", "F.dropout drops by default: pass training=self.training, or use nn.Dropout, which knows the mode.", drop=lambda self, x: F.dropout(x, self.p)),
        vgg_mistake("no dropout", "Dropout with p = 0.5 belongs to the first two dense layers.", dropping=()),
        vgg_mistake("dropout at one dense layer only", "Both hidden dense layers have dropout.", dropping=(2,)),
        vgg_mistake("only one hidden dense layer", "25088 → 4096 → 4096 → num_classes: three dense layers.", hidden=(HIDDEN,), dropping=(0, 1)),
        vgg_mistake("maps that do not fit the first dense layer", "Flatten all axes but the batch, after pooling to 7×7: 512·7·7 = 25088.", forward=lambda self, x: self.head(self.adapt(self.features(x)))),
        Mistake("num_classes ignored", "The last layer has num_classes outputs.", thousand_classes),
        Mistake("batch_norm ignored", "With batch_norm=True a batch norm stands between each convolution and its ReLU.", never_normed),
        Mistake("batch norm by default", "The default is batch_norm=False, as in 2014.", normed_by_default),
        Mistake("num_classes before batch_norm", "The order of the arguments is config, batch_norm, num_classes.", swapped_arguments),
        Mistake("KeyError for an unknown configuration", "Raise ValueError, and name the configurations that exist.", number_error),
        Mistake("an unknown configuration becomes 16", "A name that does not exist is an error of the caller: raise ValueError.", sixteen_by_default),
        Mistake("None for an unknown configuration", "A name that does not exist is an error of the caller: raise ValueError.", none_by_default),
    ),
    accepts=(right_vgg, functools.partial(right_vgg, kind=DropFirst), torchvision_vgg, classic.vgg),
    verified="VGG-11's published count, and counts, outputs and gradients of seven nets equal to the reference networks'",
)  # fmt: skip


# ---- The arithmetic of stacks -----------------------------------------------------------------------------------


def _stack_oracle(kernel, num_layers, channels):
    """A stack of torch's own convolutions, counted."""
    with torch.device("meta"):
        stack = nn.Sequential(*(nn.Conv2d(channels, channels, kernel, bias=False) for _ in range(num_layers)))
    return sum(parameter.numel() for parameter in stack.parameters())


def _counted_one_by_one(kernel, num_layers, channels):
    total = 0
    for _ in range(num_layers):
        total += np.zeros((kernel, kernel)).size * np.int64(channels) ** 2
    return total


STACK = Exercise(
    name="stacked_conv_parameters",
    returns=("parameters",),
    oracle=_stack_oracle,
    cases=(
        Case("one 3×3 on one channel", lambda rng: dict(kernel=3, num_layers=1, channels=1)),
        Case("two 5×5 on three channels", lambda rng: dict(kernel=5, num_layers=2, channels=3)),
        Case("three 3×3", lambda rng: dict(kernel=3, num_layers=3, channels=64)),
        Case("one 7×7", lambda rng: dict(kernel=7, num_layers=1, channels=64)),
        Case("1×1, four layers", lambda rng: dict(kernel=1, num_layers=4, channels=10)),
        Case("no layer", lambda rng: dict(kernel=3, num_layers=0, channels=8)),
        Case("wide and deep", lambda rng: dict(kernel=11, num_layers=100, channels=4096)),
    ),
    mistakes=(
        Mistake("biases counted", "Weights only: kernel² · channels² for a layer.", lambda k, n, c: n * (k * k * c * c + c)),
        Mistake("one bias for a layer counted", "Weights only: kernel² · channels² for a layer.", lambda k, n, c: n * (k * k * c * c + 1)),
        Mistake("channels not squared", "Every output channel has a kernel for every input channel: channels · channels kernels.", lambda k, n, c: n * k * k * c),
        Mistake("channels left out", "Every output channel has a kernel for every input channel: times channels².", lambda k, n, c: n * k * k),
        Mistake("kernel not squared", "A kernel is square: kernel · kernel weights.", lambda k, n, c: n * k * c * c),
        Mistake("neither squared", "kernel · kernel weights, for each pair of an input and an output channel.", lambda k, n, c: n * k * c),
        Mistake("number of layers left out", "Each of the num_layers convolutions has weights of its own.", lambda k, n, c: k * k * c * c),
        Mistake("layers as a power", "Layers add up: num_layers times the weights of one.", lambda k, n, c: (k * k * c * c) ** n),
        Mistake("kernels multiplied, not added", "Layers add up: 3 · 9 = 27 for three 3×3, not 9³.", lambda k, n, c: (k * k) ** n * c * c),
        Mistake("weights of the one kernel with the same receptive field", "That is the 7×7 that three 3×3 replace. Asked for is the stack itself.", lambda k, n, c: (n * (k - 1) + 1) ** 2 * c * c),
        Mistake("first layer counted with one input channel", "Every layer of the stack has `channels` channels in and out.", lambda k, n, c: (k * k * c + (n - 1) * k * k * c * c) if n else 0),
        Mistake("float instead of int", "A count is an int: no division and no float on the way.", lambda k, n, c: float(n * k * k * c * c)),
        Mistake("text instead of a number", "Return the number itself, no f-string around it.", lambda k, n, c: f"{n * k * k * c * c:,}"),
        Mistake("ratio to the 7×7", "Return the number of weights of the stack.", lambda k, n, c: n * k * k / 49),
    ),
    accepts=(_counted_one_by_one, _stack_oracle, lambda kernel, num_layers, channels: kernel**2 * channels**2 * num_layers),
    verified="equal to the weights of a stack of torch's own convolutions, which are counted",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=45, exercises=(LENET, ALEXNET, VGG, STACK), torch=True)
