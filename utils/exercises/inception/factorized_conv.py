"""FactorizedConv: cases, oracle, mistakes."""

import torch
import torch.nn.functional as F
from torch import nn

from utils import models
from utils.exercises.inception.shared import _BIAS, _NORM, _by_zoo, _images, conv_bn, conv_bn_relu, conv_relu_bn
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake


# ---- 1×n and n×1 ---------------------------------------------------------------------------------------------------
class Factorized(nn.Sequential):
    """1×n, then n×1, with parts that a mistake can exchange."""

    def __init__(self, c_in, c_out, n):
        super().__init__(*self.stages(c_in, c_out, n))

    def stages(self, c_in, c_out, n):
        return conv_bn_relu(c_in, c_out, (1, n)), conv_bn_relu(c_out, c_out, (n, 1))


def _factorized(stages):
    return type("Variant", (Factorized,), {"stages": lambda self, c_in, c_out, n: stages(c_in, c_out, n)})


class Beside(nn.Module):
    """1×n and n×1 in parallel, joined by `join`."""

    def __init__(self, c_in, c_out, n):
        super().__init__()
        self.row, self.column = self.parts(c_in, c_out, n)

    def parts(self, c_in, c_out, n):
        return conv_bn_relu(c_in, c_out, (1, n)), conv_bn_relu(c_in, c_out, (n, 1))

    def forward(self, x):
        return torch.cat([self.row(x), self.column(x)], dim=1)


class BesideHalves(Beside):
    def parts(self, c_in, c_out, n):
        return conv_bn_relu(c_in, c_out // 2, (1, n)), conv_bn_relu(c_in, c_out - c_out // 2, (n, 1))


class BesideAdded(Beside):
    def forward(self, x):
        return self.row(x) + self.column(x)


class ResidualFactorized(Factorized):
    def forward(self, x):
        out = super().forward(x)
        return out + x if out.shape == x.shape else out


class SharedNormFactorized(Factorized):
    def stages(self, c_in, c_out, n):
        first, second = super().stages(c_in, c_out, n)
        second[1] = first[1]
        return first, second


def _depthwise(c_in, c_out, n):
    first, second = conv_bn_relu(c_in, c_out, (1, n)), conv_bn_relu(c_out, c_out, (n, 1))
    second[0] = nn.Conv2d(c_out, c_out, (n, 1), padding=(n // 2, 0), groups=c_out, bias=False)
    return first, second


_BETWEEN = "Batch norm and ReLU stand after each of the two: the paper found the extra nonlinearity to help."


_ROW_FIRST = "First 1×n (one row, n columns), then n×1."


_PADS = "1×n needs padding (0, n // 2) and n×1 needs (n // 2, 0): each pads along its own axis."


class FunctionalFactorized(nn.Module):
    """Raw weights, the second one registered first; padding by hand."""

    def __init__(self, c_in, c_out, n):
        super().__init__()
        self.pad = n // 2
        self.second = nn.Parameter(torch.randn(c_out, c_out, n, 1))
        self.first = nn.Parameter(torch.randn(c_out, c_in, 1, n))
        self.norms = nn.ModuleList([nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)])

    def forward(self, x):
        h = self.norms[0](F.conv2d(F.pad(x, (self.pad, self.pad)), self.first)).clamp(min=0)
        h = self.norms[1](F.conv2d(F.pad(h, (0, 0, self.pad, self.pad)), self.second))
        return torch.relu_(h)


def same_padding_factorized(c_in, c_out, n):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, (1, n), padding="same", bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True),
        nn.Conv2d(c_out, c_out, (n, 1), padding="same", bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True),
    )  # fmt: skip


FACTORIZED = Exercise(
    name="FactorizedConv",
    returns=RETURNS,
    oracle=_by_zoo(models.FactorizedConv),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("n = 3, more channels", lambda rng: dict(c_in=2, c_out=5, n=3, x=_images(rng, 2, 4, 4))),
        Case("n = 7, the same channels", lambda rng: dict(c_in=4, c_out=4, n=7, x=_images(rng, 4, 8, 8))),
        Case("n = 5, a map that is not square", lambda rng: dict(c_in=6, c_out=3, n=5, x=_images(rng, 6, 5, 8))),
        Case("n = 1", lambda rng: dict(c_in=3, c_out=6, n=1, x=_images(rng, 3, 4, 5, 3))),
        Case("a kernel wider than the map", lambda rng: dict(c_in=3, c_out=4, n=7, x=100 * _images(rng, 3, 3, 4))),
    ),
    mistakes=(
        Mistake("n×1 first", _ROW_FIRST, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (n, 1)), conv_bn_relu(d, d, (1, n))))),
        Mistake("1×n twice", "The second kernel is n×1: n rows, one column.", _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n)), conv_bn_relu(d, d, (1, n))))),
        Mistake("n×1 twice", _ROW_FIRST, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (n, 1)), conv_bn_relu(d, d, (n, 1))))),
        Mistake("only 1×n", "Two convolutions: 1×n, then n×1.", _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n)),))),
        Mistake("one n×n", "Two convolutions in its place, 1×n and n×1: 2n weights a channel pair, not n².", _factorized(lambda c, d, n: (conv_bn_relu(c, d, n),))),
        Mistake("two n×n", "The kernels are (1, n) and (n, 1); a single int makes a square.", _factorized(lambda c, d, n: (conv_bn_relu(c, d, n), conv_bn_relu(d, d, n)))),
        Mistake("n fixed at 7", "The kernel's length is the argument n.", _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, 7)), conv_bn_relu(d, d, (7, 1))))),
        Mistake("n fixed at 3", "The kernel's length is the argument n.", _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, 3)), conv_bn_relu(d, d, (3, 1))))),
        Mistake("channels change at the second convolution", "The first one goes from c_in to c_out, the second stays at c_out.", _factorized(lambda c, d, n: (conv_bn_relu(c, c, (1, n)), conv_bn_relu(c, d, (n, 1))))),
        Mistake("no ReLU between", _BETWEEN, _factorized(lambda c, d, n: (conv_bn(c, d, (1, n)), conv_bn_relu(d, d, (n, 1))))),
        Mistake("no batch norm between", _BETWEEN, _factorized(lambda c, d, n: (nn.Conv2d(c, d, (1, n), padding=(0, n // 2), bias=False), nn.ReLU(), conv_bn_relu(d, d, (n, 1))))),
        Mistake("nothing between", _BETWEEN, _factorized(lambda c, d, n: (nn.Conv2d(c, d, (1, n), padding=(0, n // 2), bias=False), conv_bn_relu(d, d, (n, 1))))),
        Mistake("no ReLU at the end", _BETWEEN, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n)), conv_bn(d, d, (n, 1))))),
        Mistake("no ReLU at all", _BETWEEN, _factorized(lambda c, d, n: (conv_bn(c, d, (1, n)), conv_bn(d, d, (n, 1))))),
        Mistake("no batch norm at all", _BETWEEN, _factorized(lambda c, d, n: [part for stage in (conv_bn_relu(c, d, (1, n)), conv_bn_relu(d, d, (n, 1))) for part in (stage[0], stage[2])])),
        Mistake("no batch norm, but biases", _BETWEEN, _factorized(lambda c, d, n: [part for stage in (conv_bn_relu(c, d, (1, n), bias=True), conv_bn_relu(d, d, (n, 1), bias=True)) for part in (stage[0], stage[2])])),
        Mistake("ReLU before batch norm", "The order is convolution, batch norm, ReLU.", _factorized(lambda c, d, n: (conv_relu_bn(c, d, (1, n)), conv_relu_bn(d, d, (n, 1))))),
        Mistake("convolutions with a bias", _BIAS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), bias=True), conv_bn_relu(d, d, (n, 1), bias=True)))),
        Mistake("first convolution with a bias", _BIAS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), bias=True), conv_bn_relu(d, d, (n, 1))))),
        Mistake("last convolution with a bias", _BIAS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n)), conv_bn_relu(d, d, (n, 1), bias=True)))),
        Mistake("padding on both axes", _PADS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), n // 2), conv_bn_relu(d, d, (n, 1), n // 2)))),
        Mistake("padding missing", _PADS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), 0), conv_bn_relu(d, d, (n, 1), 0)))),
        Mistake("padding on the wrong axis", _PADS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), (n // 2, 0)), conv_bn_relu(d, d, (n, 1), (0, n // 2))))),
        Mistake("padding of 1 whatever n", _PADS, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), (0, 1)), conv_bn_relu(d, d, (n, 1), (1, 0))))),
        Mistake("side by side and concatenated", "In series here. Side by side is how version 3 uses 1×3 and 3×1 on its 8×8 maps.", Beside),
        Mistake("side by side, half of the channels each", "In series here: the n×1 reads what the 1×n made.", BesideHalves),
        Mistake("side by side and added", "In series here: the n×1 reads what the 1×n made.", BesideAdded),
        Mistake("input added", "There is no shortcut in version 3.", ResidualFactorized),
        Mistake("one batch norm for both", "Every convolution has a batch norm of its own: the statistics differ.", SharedNormFactorized),
        Mistake("second convolution one channel at a time (groups)", "Only the kernel is factorised, all channels still meet: groups=1.", _factorized(_depthwise)),
        Mistake("batch norm with ε = 1e-3", _NORM, _factorized(lambda c, d, n: (conv_bn_relu(c, d, (1, n), eps=1e-3), conv_bn_relu(d, d, (n, 1), eps=1e-3)))),
    ),
    accepts=(Factorized, FunctionalFactorized, same_padding_factorized, models.FactorizedConv),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference's for n = 1, 3, 5 and 7",
)  # fmt: skip
