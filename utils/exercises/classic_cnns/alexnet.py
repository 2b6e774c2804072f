"""AlexNet: cases, oracle, mistakes."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.classic_cnns.dropout import unscaled
from utils.exercises.classic_cnns.shared import HIDDEN, SQUARE, WIDE_PROTOCOL, WIDE_RETURNS, _wide_by_zoo, run_wide
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import classic


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
        alex_mistake("pooling rounds up", "ceil_mode=False, torch's default: windows that stick out are left out.", pool=lambda self, x: F.max_pool2d(x, 3, 2, ceil_mode=True)),
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
        alex_mistake("Dropout2d on the last map", "Drop single units of the flattened map: nn.Dropout. Dropout2d drops whole maps.", features=lambda self, x: F.dropout2d(Alex.features(self, x), self.p, self.training), dropping=(1,)),
        alex_mistake("dropout that does not scale what is left", "What is not dropped is divided by 1 − p in training; nn.Dropout does that.", drop=lambda self, x: unscaled(x, self.training)),
        alex_mistake("dropout between the convolutions too", "Dropout belongs to the dense layers, where most parameters are.", act_conv=lambda self, x, index: self.drop(F.relu(x)) if index == 2 else F.relu(x)),
        alex_mistake("maps that do not fit the first dense layer", "Flatten all axes but the batch, after pooling to 6×6: 256·6·6 = 9216.", forward=lambda self, x: self.head(self.adapt(self.features(x)))),
        Mistake("num_classes ignored", "The last layer has num_classes outputs.", ThousandClassesAlex),
    ),
    accepts=(Alex, TorchvisionAlex, ConvolutionalAlex, AssertingAlex, classic.AlexNet),
    verified="61,100,840 parameters, and outputs, gradients and dropout as the reference network's at two image sizes",
)  # fmt: skip
