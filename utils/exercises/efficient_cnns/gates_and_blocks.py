"""Squeeze-and-excitation (Hu et al. 2018, §3) and ConvNeXt's block (Liu et al. 2022, figure 4). Oracle: the zoo's."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.efficient_cnns.inverted import images
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import convnext, squeeze

# ---- squeeze and excitation ---------------------------------------------------------------------------------------


class Gate(nn.Module):
    """Squeeze-and-excitation with parts that a mistake can exchange."""

    bias = True

    def __init__(self, channels, reduction=16):
        super().__init__()
        self.channels = channels
        self.down = nn.Linear(channels, self.squeezed(channels, reduction), bias=self.bias)
        self.up = nn.Linear(self.squeezed(channels, reduction), channels, bias=self.bias)

    def squeezed(self, channels, reduction):
        return max(1, channels // reduction)

    def mean(self, x):
        return x.mean(dim=(2, 3))

    def between(self, h):
        return F.relu(h)

    def last(self, h):
        return torch.sigmoid(h)

    def gate(self, x):
        return self.last(self.up(self.between(self.down(self.mean(x)))))[:, :, None, None]

    def forward(self, x):
        return x * self.gate(x)


def gate_with(**parts):
    """A subclass of Gate with these parts exchanged."""
    return type("Variant", (Gate,), parts)


class OneLayer(Gate):
    def __init__(self, channels, reduction=16):
        nn.Module.__init__(self)
        self.up = nn.Linear(channels, channels)

    def gate(self, x):
        return torch.sigmoid(self.up(self.mean(x)))[:, :, None, None]


class Normed(Gate):
    def __init__(self, channels, reduction=16):
        super().__init__(channels, reduction)
        self.bn = nn.BatchNorm1d(self.squeezed(channels, reduction))

    def gate(self, x):
        return torch.sigmoid(self.up(F.relu(self.bn(self.down(self.mean(x))))))[:, :, None, None]


_SQUEEZE = "Squeeze: one mean for each channel of each image, over height and width."
_BETWEEN = "In between: max(1, channels // reduction) numbers, then ReLU."
_SIGMOID = "The gates are sigmoids, between 0 and 1, each channel's for itself."
_SCALE = "The output is x times its gates, of the shape of x."
_BIAS = "Both layers have a bias here, as in torchvision and timm."

SE_MISTAKES = tuple(Mistake(*row) for row in (
    ("layers without bias", f"{_BIAS} The paper's text leaves it out; that is another convention.", gate_with(bias=False)),
    ("ReLU forgotten", _BETWEEN, gate_with(between=lambda self, h: h)),
    ("SiLU in place of ReLU", f"{_BETWEEN} SiLU is EfficientNet's.", gate_with(between=lambda self, h: F.silu(h))),
    ("sigmoid in between too", _BETWEEN, gate_with(between=lambda self, h: torch.sigmoid(h))),
    ("sigmoid forgotten", _SIGMOID, gate_with(last=lambda self, h: h)),
    ("hard sigmoid", f"{_SIGMOID} The hard sigmoid is MobileNetV3's.", gate_with(last=lambda self, h: F.hardsigmoid(h))),
    ("softmax over the channels", _SIGMOID, gate_with(last=lambda self, h: F.softmax(h, dim=1))),
    ("tanh", _SIGMOID, gate_with(last=lambda self, h: torch.tanh(h))),
    ("ReLU in place of the sigmoid", _SIGMOID, gate_with(last=lambda self, h: F.relu(h))),
    ("gates added, not multiplied", _SCALE, gate_with(forward=lambda self, x: x + self.gate(x))),
    ("input added once more (x + x·gate)", _SCALE, gate_with(forward=lambda self, x: x + x * self.gate(x))),
    ("gates returned", _SCALE, gate_with(forward=lambda self, x: self.gate(x))),
    ("largest value in place of the mean", _SQUEEZE, gate_with(mean=lambda self, x: x.amax(dim=(2, 3)))),
    ("sum in place of the mean", _SQUEEZE, gate_with(mean=lambda self, x: x.sum(dim=(2, 3)))),
    ("mean over the batch too", _SQUEEZE, gate_with(mean=lambda self, x: x.mean(dim=(0, 2, 3))[None])),
    ("mean over one axis, first row", _SQUEEZE, gate_with(mean=lambda self, x: x.mean(dim=3)[:, :, 0])),
    ("no gradient through the squeeze", "The gates depend on x: no detach.", gate_with(mean=lambda self, x: x.detach().mean(dim=(2, 3)))),
    ("max(1, ·) forgotten", f"{_BETWEEN} With fewer channels than `reduction` nothing would be left.", gate_with(squeezed=lambda self, c, r: c // r)),
    ("rounded up", _BETWEEN, gate_with(squeezed=lambda self, c, r: math.ceil(c / r))),
    ("reduction taken for the width", _BETWEEN, gate_with(squeezed=lambda self, c, r: r)),
    ("reduction fixed at 16", "Use the argument: 16 is only its default.", gate_with(squeezed=lambda self, c, r: max(1, c // 16))),
    ("reduction 4", "The default is 16.", gate_with(squeezed=lambda self, c, r: max(1, c // 4))),
    ("no reduction", _BETWEEN, gate_with(squeezed=lambda self, c, r: c)),
    ("at least 8 numbers", f"{_BETWEEN} Multiples of 8 are MobileNetV3's rule.", gate_with(squeezed=lambda self, c, r: max(8, c // r))),
    ("a single layer", _BETWEEN, OneLayer),
    ("batch norm in the gate", "Two layers with biases; nothing is normalised.", Normed),
))  # fmt: skip


class ConvGate(nn.Module):
    """1×1 convolutions, adaptive pooling, everything in one Sequential."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        m = channels // reduction or 1
        self.net = nn.Sequential(
            nn.AdaptiveAvgPool2d((1, 1)), nn.Conv2d(channels, m, 1), nn.ReLU(), nn.Conv2d(m, channels, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return self.net(x) * x


class RawGate(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        m = max(channels // reduction, 1)
        self.b2, self.b1 = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(m))
        self.w2, self.w1 = nn.Parameter(torch.randn(channels, m)), nn.Parameter(torch.randn(m, channels))

    def forward(self, x):
        means = x.flatten(2).mean(2)
        gates = 1 / (1 + torch.exp(-((means @ self.w1.T + self.b1).clamp(min=0) @ self.w2.T + self.b2)))
        return torch.einsum("nchw,nc->nchw", x, gates)


SQUEEZE = Exercise(
    name="SqueezeExcite",
    returns=RETURNS,
    oracle=lambda x, **arguments: run_module(squeeze.SqueezeExcite, x, **arguments),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("four channels, two in between", lambda rng: dict(x=images(rng, 4), channels=4, reduction=2)),
        Case("nine channels, reduction 4", lambda rng: dict(x=2 + 3 * images(rng, 9, 5, 4), channels=9, reduction=4)),
        Case("the default reduction", lambda rng: dict(x=images(rng, 34, 3, 2), channels=34)),
        Case("240 channels, the default reduction", lambda rng: dict(x=images(rng, 240, 2, 1), channels=240)),
        Case("fewer channels than the reduction", lambda rng: dict(x=images(rng, 6), channels=6)),
        Case("maps of one pixel, large values", lambda rng: dict(x=5 * images(rng, 8, 1, 5), channels=8, reduction=2)),
        Case("maps that are not square", lambda rng: dict(x=rng.normal(1, 2, (3, 6, 2, 5)), channels=6, reduction=3)),
    ),
    mistakes=SE_MISTAKES,
    accepts=(Gate, ConvGate, RawGate, squeeze.SqueezeExcite),
    verified="parameters, outputs and all gradients equal the reference block's on six shapes",
)  # fmt: skip


# ---- ConvNeXt -----------------------------------------------------------------------------------------------------

FIRST = "initial scale"


def run_block(make, x, **arguments):
    """What a module does, and the constants that its per-channel parameters start with (0 and 1 left out)."""
    values = run_module(make, x, **arguments)
    channels = x.shape[1]
    constants = set()
    for parameter in make(*arguments.values()).parameters():
        flat = parameter.detach().double().flatten()
        if len(flat) == channels and bool((flat == flat[0]).all()):
            constants.add(round(flat[0].item(), 10))
    return values | {FIRST: [float(value) for value in sorted(constants - {0.0, 1.0})]}


class Next(nn.Module):
    """ConvNeXt's block with parts that a mistake can exchange."""

    kernel, times, eps = 7, 4, 1e-6
    bias = bias1 = bias2 = True
    activation = staticmethod(F.gelu)

    def __init__(self, channels, scale=1e-6):
        super().__init__()
        self.c = channels
        self.first = nn.Conv2d(
            channels, channels, self.kernel, padding=self.kernel // 2, groups=self.groups(), bias=self.bias
        )
        self.norm = self.make_norm()
        self.up = nn.Linear(channels, self.times * channels, bias=self.bias1)
        self.down = nn.Linear(self.times * channels, channels, bias=self.bias2)
        self.make_scale(scale)

    def groups(self):
        return self.c

    def make_norm(self):
        return nn.LayerNorm(self.c, eps=self.eps)

    def make_scale(self, scale):
        self.scale = nn.Parameter(torch.full((self.c,), float(scale)))

    def normed(self, h):
        return self.norm(h.permute(0, 2, 3, 1))

    def mixed(self, h):
        return self.down(self.activation(self.up(h)))

    def scaled(self, h):
        return h * self.scale

    def branch(self, x):
        return self.scaled(self.mixed(self.normed(self.first(x)))).permute(0, 3, 1, 2)

    def forward(self, x):
        return x + self.branch(x)


def _next(**parts):
    return type("Variant", (Next,), parts)


def _last(x):
    return x.permute(0, 2, 3, 1)


def _front(x):
    return x.permute(0, 3, 1, 2)


class BatchNormed(Next):
    def make_norm(self):
        return nn.BatchNorm2d(self.c)

    def normed(self, h):
        return _last(self.norm(h))


class OverTheImage(Next):
    """Layer norm over channels, height and width."""

    def normed(self, h):
        mean, var = h.mean(dim=(1, 2, 3), keepdim=True), h.var(dim=(1, 2, 3), keepdim=True, unbiased=False)
        return _last((h - mean) / (var + 1e-6).sqrt()) * self.norm.weight + self.norm.bias


class OverWidth(Next):
    """nn.LayerNorm on (N, C, H, W) as it is: it works along W, where W = C."""

    def normed(self, h):
        return _last(self.norm(h))


class WithoutAffine(Next):
    def make_norm(self):
        return nn.LayerNorm(self.c, eps=1e-6, elementwise_affine=False)


class PreNormed(Next):
    def branch(self, x):
        h = _front(self.norm(_last(x)))
        return _front(self.scaled(self.mixed(_last(self.first(h)))))


class NormAtTheEnd(Next):
    def branch(self, x):
        return _front(self.scaled(self.norm(self.mixed(_last(self.first(x))))))


class NormOnSum(Next):
    def forward(self, x):
        return _front(self.norm(_last(x + _front(self.scaled(self.mixed(_last(self.first(x))))))))


class DepthwiseInTheMiddle(Next):
    """The order of an inverted residual: 1×1, depthwise, 1×1."""

    def __init__(self, channels, scale=1e-6):
        super().__init__(channels, scale)
        wide = 4 * channels
        self.first = nn.Conv2d(wide, wide, 7, padding=3, groups=wide)
        self.norm = nn.LayerNorm(wide, eps=1e-6)

    def branch(self, x):
        h = _front(F.gelu(self.up(_last(x))))
        return _front(self.scaled(self.down(self.norm(_last(self.first(h))))))


class ScaleBuffer(Next):
    def make_scale(self, scale):
        self.register_buffer("scale", torch.full((self.c,), float(scale)))


class ScaleOnInput(Next):
    def forward(self, x):
        return _front(_last(x) * self.scale) + _front(self.mixed(self.normed(self.first(x))))


class ScaleOnSum(Next):
    def forward(self, x):
        return _front(self.scaled(_last(x) + self.mixed(self.normed(self.first(x)))))


_NORM = "Layer norm over the channels of each pixel (eps 1e-6): move the channels to the end, or take mean and variance over axis 1."
_ONE = "One norm and one activation in a block: norm after the depthwise convolution, GELU between the two 1×1."
_GELU = "GELU, exact (with erf), between the two 1×1."
_SCALE = "A learnt number for each channel, started at `scale`, multiplies the branch before the sum."
_BIAS = "All three convolutions have a bias: no batch norm removes it again."
_DW = "The first layer is a depthwise 7×7: groups = channels, padding 3."

NEXT_MISTAKES = tuple(Mistake(*row) for row in (
    ("batch norm in place of layer norm", _NORM, BatchNormed),
    ("layer norm over channels, height and width", _NORM, OverTheImage),
    ("layer norm along the width (not permuted)", _NORM, OverWidth),
    ("layer norm without γ and β", _NORM, WithoutAffine),
    ("no norm", _ONE, _next(make_norm=lambda self: nn.Identity())),
    ("eps 1e-5", f"{_NORM} torch's own default is 1e-5.", _next(eps=1e-5)),
    ("norm before the depthwise convolution", _ONE, PreNormed),
    ("norm after the second 1×1", _ONE, NormAtTheEnd),
    ("norm on the sum", _ONE, NormOnSum),
    ("depthwise in the middle (inverted residual)", "ConvNeXt moves the depthwise convolution to the front, before the 1×1 to four times the width.", DepthwiseInTheMiddle),
    ("depthwise 3×3", _DW, _next(kernel=3)),
    ("depthwise 5×5", _DW, _next(kernel=5)),
    ("dense 7×7", _DW, _next(groups=lambda self: 1)),
    ("twice the width in between", "The first 1×1 leads to four times the channels.", _next(times=2)),
    ("width not changed in between", "The first 1×1 leads to four times the channels.", _next(times=1)),
    ("depthwise without bias", _BIAS, _next(bias=False)),
    ("first 1×1 without bias", _BIAS, _next(bias1=False)),
    ("second 1×1 without bias", _BIAS, _next(bias2=False)),
    ("no biases", _BIAS, _next(bias=False, bias1=False, bias2=False)),
    ("ReLU in place of GELU", _GELU, _next(activation=staticmethod(F.relu))),
    ("SiLU in place of GELU", _GELU, _next(activation=staticmethod(F.silu))),
    ("GELU's tanh approximation", f"{_GELU} approximate=\"tanh\" differs in the fourth digit.", _next(activation=staticmethod(lambda h: F.gelu(h, approximate="tanh")))),
    ("no activation", _ONE, _next(activation=staticmethod(lambda h: h))),
    ("GELU after the depthwise convolution too", _ONE, _next(normed=lambda self, h: F.gelu(self.norm(_last(h))))),
    ("GELU after the second 1×1 too", _ONE, _next(mixed=lambda self, h: F.gelu(self.down(F.gelu(self.up(h)))))),
    ("GELU after the sum", "Nothing follows the sum.", _next(forward=lambda self, x: F.gelu(x + self.branch(x)))),
    ("no scale", _SCALE, _next(make_scale=lambda self, scale: None, scaled=lambda self, h: h)),
    ("scale a constant", _SCALE, _next(make_scale=lambda self, scale: setattr(self, "fixed", scale), scaled=lambda self, h: self.fixed * h)),
    ("scale a buffer, not learnt", _SCALE, ScaleBuffer),
    ("one scale for all channels", _SCALE, _next(make_scale=lambda self, scale: setattr(self, "scale", nn.Parameter(torch.tensor([float(scale)]))))),
    ("scale started at 1 (or 0), whatever it is told", _SCALE, _next(make_scale=lambda self, scale: setattr(self, "scale", nn.Parameter(torch.ones(self.c))))),
    ("scale fixed at 1e-6", "Use the argument: 1e-6 is only its default.", _next(make_scale=lambda self, scale: setattr(self, "scale", nn.Parameter(torch.full((self.c,), 1e-6))))),
    ("scale on the shortcut", _SCALE, ScaleOnInput),
    ("scale on the sum", _SCALE, ScaleOnSum),
    ("no shortcut", "The block adds its input.", _next(forward=lambda self, x: self.branch(x))),
    ("no gradient through the shortcut", "The shortcut carries the gradient too: no detach.", _next(forward=lambda self, x: x.detach() + self.branch(x))),
))  # fmt: skip


class ChannelsFirst(nn.Module):
    """1×1 convolutions, layer norm by hand over axis 1, a (C, 1, 1) scale."""

    def __init__(self, channels, scale=1e-6):
        super().__init__()
        self.gamma = nn.Parameter(scale * torch.ones(channels, 1, 1))
        self.pw2, self.pw1 = nn.Conv2d(4 * channels, channels, 1), nn.Conv2d(channels, 4 * channels, 1)
        self.dw = nn.Conv2d(channels, channels, 7, padding="same", groups=channels)
        self.w, self.b = nn.Parameter(torch.ones(channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        h = self.dw(x)
        h = h - h.mean(1, keepdim=True)
        h = self.w * h * torch.rsqrt(h.square().mean(1, keepdim=True) + 1e-6) + self.b
        h = self.pw1(h)
        return x + self.gamma * self.pw2(h * 0.5 * (1 + torch.erf(h / math.sqrt(2))))


class Grouped(nn.Module):
    """Group norm with one group on single pixels is layer norm over channels; a (1, C, 1, 1) scale."""

    def __init__(self, channels, scale=1e-6):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.norm = nn.GroupNorm(1, channels, eps=1e-6)
        self.spatial = nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels)
        self.scale = nn.Parameter(torch.full((1, channels, 1, 1), scale))

    def forward(self, x):
        n, c, h, w = x.shape
        pixels = self.norm(self.spatial(x).permute(0, 2, 3, 1).reshape(-1, c))
        return x + self.body(pixels).reshape(n, h, w, c).permute(0, 3, 1, 2) * self.scale


CONVNEXT = Exercise(
    name="ConvNeXtBlock",
    returns=(*RETURNS, FIRST),
    oracle=lambda x, **arguments: run_block(convnext.ConvNeXtBlock, x, **arguments),
    run=run_block,
    protocol=f"{PROTOCOL}; before that, what the scale starts with",
    cases=(
        Case("three channels on 8×8", lambda rng: dict(x=images(rng, 3, 8, 2), channels=3)),
        Case("a scale of 0.1", lambda rng: dict(x=images(rng, 5, 6, 2), channels=5, scale=0.1)),
        Case("as many channels as columns", lambda rng: dict(x=images(rng, 6, 6, 2), channels=6, scale=0.5)),
        Case("maps smaller than the kernel, not square", lambda rng: dict(x=rng.normal(1, 2, (3, 4, 2, 5)), channels=4, scale=0.25)),
        Case("a single pixel", lambda rng: dict(x=images(rng, 8, 1, 4), channels=8)),
        Case("large values", lambda rng: dict(x=100 * images(rng, 2, 7, 2), channels=2, scale=0.75)),
    ),
    mistakes=NEXT_MISTAKES,
    accepts=(Next, ChannelsFirst, Grouped, convnext.ConvNeXtBlock),
    verified="parameters, the scale's start, outputs and all gradients equal the reference block's on six shapes",
)  # fmt: skip
