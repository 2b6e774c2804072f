"""vgg: cases, oracle, mistakes."""

import functools
from itertools import pairwise

import torch.nn.functional as F
from torch import nn

from utils.exercises.classic_cnns.dropout import unscaled
from utils.exercises.classic_cnns.shared import HIDDEN, SQUARE, WIDE_PROTOCOL, WIDE_RETURNS, _wide_by_zoo, run_wide
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import classic

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
        vgg_mistake("pooling rounds up", "ceil_mode=False, torch's default: windows that stick out are left out.", pool=lambda self, x: F.max_pool2d(x, 2, ceil_mode=True)),
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
        vgg_mistake("dropout with p = 0.2", "VGG drops half of the units: p = 0.5.", p=0.2),
        vgg_mistake("dropout that does not scale what is left", "What is not dropped is divided by 1 − p in training; nn.Dropout does that.", drop=lambda self, x: unscaled(x, self.training)),
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
