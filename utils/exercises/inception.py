"""24 · Inception: Szegedy et al. 2015 to 2017, the modules and what they cost. Oracle: the zoo's modules and counts."""

import torch
import torch.nn.functional as F
from torch import nn

from utils import models
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake, Question


def conv_relu(c_in, c_out, kernel, padding=None, bias=True):
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, 1, padding, bias=bias), nn.ReLU())


def same(kernel):
    return kernel // 2 if isinstance(kernel, int) else tuple(k // 2 for k in kernel)


def conv_bn_relu(c_in, c_out, kernel, padding=None, bias=False, **norm):
    padding = same(kernel) if padding is None else padding
    convolution = nn.Conv2d(c_in, c_out, kernel, 1, padding, bias=bias)
    return nn.Sequential(convolution, nn.BatchNorm2d(c_out, **norm), nn.ReLU())


def conv_bn(c_in, c_out, kernel, padding=None):
    return conv_bn_relu(c_in, c_out, kernel, padding)[:2]


def conv_relu_bn(c_in, c_out, kernel, padding=None):
    convolution, norm, relu = conv_bn_relu(c_in, c_out, kernel, padding)
    return nn.Sequential(convolution, relu, norm)


# ---- the modules of v1 and v2 --------------------------------------------------------------------------------------

REDUCTIONS = ("reduce3", "reduce5")
ENDS = ("one", "three", "five", "project")


class Inception(nn.Module):
    """Four branches with parts that a mistake can exchange; a stage's role says where in the module it stands."""

    order = (0, 1, 2, 3)

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        self.build(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool)

    def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        self.one = self.stage("one", c_in, c1, 1)
        self.three = nn.Sequential(self.stage("reduce3", c_in, c3_reduce, 1), self.stage("three", c3_reduce, c3, 3))
        self.five = nn.Sequential(self.stage("reduce5", c_in, c5_reduce, 1), *self.wide(c5_reduce, c5))
        self.pooled = nn.Sequential(self.pool(), self.stage("project", c_in, c_pool, 1))

    def stage(self, role, c_in, c_out, kernel):
        return conv_relu(c_in, c_out, kernel)

    def wide(self, c_in, c_out):
        return [self.stage("five", c_in, c_out, 5)]

    def pool(self):
        return nn.MaxPool2d(3, 1, 1)

    def outputs(self, x):
        return [self.one(x), self.three(x), self.five(x), self.pooled(x)]

    def join(self, outputs):
        return torch.cat([outputs[index] for index in self.order], dim=1)

    def forward(self, x):
        return self.join(self.outputs(x))


class InceptionV1(Inception):
    pass


class InceptionV2(Inception):
    def stage(self, role, c_in, c_out, kernel):
        return conv_bn_relu(c_in, c_out, kernel)

    def wide(self, c_in, c_out):
        return [self.stage("middle", c_in, c_out, 3), self.stage("five", c_out, c_out, 3)]


_ORDER = "Concatenate in the order 1×1, 3×3, 5×5, pool: the next module's weights rely on it."
_REDUCED = "A ReLU follows the 1×1 reduction as well: without it, reduction and kernel collapse into one linear map."
_ENDING = "Every convolution is followed by a ReLU: the last of each branch too."
_POOL = "The pool branch keeps the size: MaxPool2d(3, stride=1, padding=1). torch's default stride is the kernel, 3."
_REDUCE = "A 1×1 of its own stands before the 3×3 and another before the 5×5: that is what makes the module affordable."
_WIDTHS = (
    "The widths come in the order c1, c3_reduce, c3, c5_reduce, c5, c_pool: each reduction before the kernel it feeds."
)


def shared_mistakes(base):
    """The slips that both modules invite, as subclasses of the right one."""

    def ordered(*order):
        return type("Ordered", (base,), {"order": order})

    def without_relu(*roles):
        def stage(self, role, *sizes):
            whole = super(changed, self).stage(role, *sizes)
            return whole[:-1] if role in roles else whole

        changed = type("WithoutRelu", (base,), {"stage": stage})
        return changed

    def pooling(make):
        return type("Pooling", (base,), {"pool": lambda self: make()})

    def rewidth(change):
        def build(self, *widths):
            super(changed, self).build(*change(*widths))

        changed = type("Rewidth", (base,), {"build": build})
        return changed

    class PooledLast(base):
        def build(self, *widths):
            super().build(*widths)
            self.pooled = nn.Sequential(self.pooled[1], self.pooled[0])

    class NoProjection(base):
        def build(self, *widths):
            super().build(*widths)
            self.pooled = self.pool()

    class NoPool(base):
        def pool(self):
            return nn.Identity()

    class PoolLeftOut(base):
        order = (0, 1, 2)

    class ProjectionUnused(base):
        def outputs(self, x):
            return [self.one(x), self.three(x), self.five(x), self.pooled[0](x)]

    class NoReductions(base):
        def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
            super().build(c_in, c1, c_in, c3, c_in, c5, c_pool)
            self.three, self.five = self.three[1:], self.five[1:]

    class OneReductionForBoth(base):
        def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
            super().build(c_in, c1, c3_reduce, c3, c3_reduce, c5, c_pool)
            self.five = self.five[1:]

        def outputs(self, x):
            return [self.one(x), self.three(x), self.five(self.three[0](x)), self.pooled(x)]

    class ReductionAfter(base):
        def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
            super().build(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool)
            kernels = self.stage("three", c_in, c3_reduce, 3), self.wide(c_in, c5_reduce)
            self.three = nn.Sequential(kernels[0], self.stage("reduce3", c3_reduce, c3, 1))
            self.five = nn.Sequential(*kernels[1], self.stage("reduce5", c5_reduce, c5, 1))

    class InSeries(base):
        def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
            super().build(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool)
            self.three[0] = self.stage("reduce3", c1, c3_reduce, 1)
            self.five[0] = self.stage("reduce5", c3, c5_reduce, 1)
            self.pooled[1] = self.stage("project", c5, c_pool, 1)

        def outputs(self, x):
            outputs = [self.one(x)]
            for branch in (self.three, self.five, self.pooled):
                outputs.append(branch(outputs[-1]))
            return outputs

    class Added(base):
        def join(self, outputs):
            return sum(outputs)

    class AlongBatch(base):
        def join(self, outputs):
            return torch.cat(outputs)

    class Stacked(base):
        def join(self, outputs):
            return torch.stack(outputs, dim=1)

    class NoPadding(base):
        def stage(self, role, c_in, c_out, kernel):
            whole = super().stage(role, c_in, c_out, kernel)
            whole[0].padding = (0, 0)
            return whole

    class Residual(base):
        def forward(self, x):
            out = super().forward(x)
            return out + x if out.shape == x.shape else out

    class InputThroughRelu(base):
        def outputs(self, x):
            return super().outputs(F.relu(x))

    def swap_widths(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        return c_in, c1, c3, c3_reduce, c5, c5_reduce, c_pool

    return [
        Mistake("order of the branches: pool before the kernels", _ORDER, ordered(0, 3, 1, 2)),
        Mistake("order of the branches: pool first", _ORDER, ordered(3, 0, 1, 2)),
        Mistake("order of the branches: 5×5 before 3×3", _ORDER, ordered(0, 2, 1, 3)),
        Mistake("order of the branches: pool before 5×5", _ORDER, ordered(0, 1, 3, 2)),
        Mistake("order of the branches: 1×1 after 3×3 and 5×5", _ORDER, ordered(1, 2, 0, 3)),
        Mistake("order of the branches turned round", _ORDER, ordered(3, 2, 1, 0)),
        Mistake("no ReLU after the reductions", _REDUCED, without_relu(*REDUCTIONS)),
        Mistake("no ReLU after the 3×3's reduction", _REDUCED, without_relu("reduce3")),
        Mistake("no ReLU after the 5×5's reduction", _REDUCED, without_relu("reduce5")),
        Mistake("no ReLU at the ends of the branches", _ENDING, without_relu(*ENDS)),
        Mistake("no ReLU after the pool branch's 1×1", _ENDING, without_relu("project")),
        Mistake("no ReLU after the two lone 1×1", _ENDING, without_relu("one", "project")),
        Mistake("no ReLU at all", _ENDING, without_relu(*REDUCTIONS, *ENDS, "middle")),
        Mistake("stride in the pool branch", _POOL, pooling(lambda: nn.MaxPool2d(3, 3, 1))),
        Mistake("average pooling", "The pool branch takes the maximum: MaxPool2d.", pooling(lambda: nn.AvgPool2d(3, 1, 1))),
        Mistake("average pooling without the padding", "The pool branch takes the maximum: MaxPool2d.", pooling(lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False))),
        Mistake("zeros padded before the maximum", "Let MaxPool2d(3, 1, padding=1) pad: it pads with −∞, so that no zero can win against negative inputs.", pooling(lambda: nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3, 1)))),
        Mistake("1×1 before the pool", "Pool first, then the 1×1: the maximum is taken over x itself.", PooledLast),
        Mistake("pool branch without a pool", "The fourth branch is a 3×3 maximum, then a 1×1.", NoPool),
        Mistake("pool branch without its 1×1", "After the pool a 1×1 leads to c_pool channels, or each module would pass on all c_in and the stream would grow.", NoProjection),
        Mistake("pool branch left out", "Four branches are concatenated: c1 + c3 + c5 + c_pool channels leave the module.", PoolLeftOut),
        Mistake("pool branch's 1×1 made but not used", "Send what was pooled through the 1×1 before it is concatenated.", ProjectionUnused),
        Mistake("no reductions (the naive module)", _REDUCE, NoReductions),
        Mistake("one reduction for both kernels", _REDUCE, OneReductionForBoth),
        Mistake("reduction after the kernel", "Reduce first: then the large kernel works on few channels.", ReductionAfter),
        Mistake("reduction and output width swapped", _WIDTHS, rewidth(swap_widths)),
        Mistake("reductions of 3×3 and 5×5 swapped", _WIDTHS, rewidth(lambda c, c1, r3, c3, r5, c5, p: (c, c1, r5, c3, r3, c5, p))),
        Mistake("outputs of 3×3 and 5×5 swapped", _WIDTHS, rewidth(lambda c, c1, r3, c3, r5, c5, p: (c, c1, r3, c5, r5, c3, p))),
        Mistake("arguments read as c1, c3, c5 and then the reductions", _WIDTHS, rewidth(lambda c, c1, c3, c5, r3, r5, p: (c, c1, r3, c3, r5, c5, p))),
        Mistake("branches in series", "All four branches read x: they stand side by side.", InSeries),
        Mistake("addition instead of concatenation", "Inception concatenates along the channels: torch.cat(…, dim=1). Adding is ResNet's way.", Added),
        Mistake("concatenated along the batch", "Images are (N, C, H, W): the channels are dim=1, and torch.cat defaults to 0.", AlongBatch),
        Mistake("stacked instead of concatenated", "torch.stack makes a new axis; torch.cat(…, dim=1) puts the channels one after the other.", Stacked),
        Mistake("padding missing", "Every kernel keeps the map's size: padding 1 for 3×3, 2 for 5×5.", NoPadding),
        Mistake("x added to the output", "No version from v1 to v4 adds its input; that is Inception-ResNet.", Residual),
        Mistake("ReLU on the input", "The branches read x as it is; ReLU comes after each convolution.", InputThroughRelu),
    ]  # fmt: skip


def _with_stage(base, make, roles=None):
    """The module with another kind of stage, everywhere or in some roles."""

    def stage(self, role, *sizes):
        return make(*sizes) if roles is None or role in roles else super(changed, self).stage(role, *sizes)

    changed = type("WithStage", (base,), {"stage": stage})
    return changed


def _with_wide(base, make):
    return type("WithWide", (base,), {"wide": lambda self, c_in, c_out: make(self, c_in, c_out)})


class ReluAroundV1(InceptionV1):
    """Pre-activation: ReLU before each convolution."""

    def stage(self, role, c_in, c_out, kernel):
        convolution, relu = conv_relu(c_in, c_out, kernel)
        return nn.Sequential(relu, convolution)


class PaddedAsThree(InceptionV1):
    def wide(self, c_in, c_out):
        return [conv_relu(c_in, c_out, 5, padding=1)]


V1_MISTAKES = (
    *shared_mistakes(InceptionV1),
    Mistake("3×3 in the place of 5×5 (torchvision's)", "The third branch is 5×5, padding 2. torchvision's GoogLeNet has 3×3 there by an old slip.", _with_wide(InceptionV1, lambda m, a, b: [m.stage("five", a, b, 3)])),
    Mistake("5×5 as two 3×3 (version 2)", "That is the next exercise; version 1 has one 5×5.", _with_wide(InceptionV1, lambda m, a, b: [m.stage("middle", a, b, 3), m.stage("five", b, b, 3)])),
    Mistake("7×7 in the place of 5×5", "The third branch is 5×5, padding 2.", _with_wide(InceptionV1, lambda m, a, b: [m.stage("five", a, b, 7)])),
    Mistake("convolutions without a bias", "Nothing follows that could replace the bias: there is no batch norm in version 1.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, k, bias=False))),
    Mistake("reductions without a bias", "Every convolution of version 1 has a bias, the 1×1 too.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, k, bias=False), REDUCTIONS)),
    Mistake("1×1 without a bias", "Every convolution of version 1 has a bias, the 1×1 too.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, k, bias=k > 1))),
    Mistake("batch norm (version 2's stages)", "Version 1 is older than batch norm: convolution with bias, then ReLU.", _with_stage(InceptionV1, conv_bn_relu)),
    Mistake("batch norm beside the biases", "Version 1 is older than batch norm: convolution with bias, then ReLU.", _with_stage(InceptionV1, lambda a, b, k: conv_bn_relu(a, b, k, bias=True))),
    Mistake("ReLU before each convolution", "Convolution first, then ReLU.", ReluAroundV1),
    Mistake("reductions as 3×3", "The reductions only mix channels: 1×1.", _with_stage(InceptionV1, lambda a, b, k: conv_relu(a, b, 3), REDUCTIONS)),
)  # fmt: skip


class OneNormForAll(InceptionV2):
    """Convolutions alone, and one batch norm on what was concatenated."""

    def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().build(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool)
        self.norm = nn.BatchNorm2d(c1 + c3 + c5 + c_pool)

    def stage(self, role, c_in, c_out, kernel):
        return conv_relu(c_in, c_out, kernel, bias=False)

    def forward(self, x):
        return self.norm(super().forward(x))


class NormOfInput(InceptionV2):
    """Batch norm "on the input", as the folklore says."""

    def build(self, c_in, *widths):
        super().build(c_in, *widths)
        self.norm = nn.BatchNorm2d(c_in)

    def stage(self, role, c_in, c_out, kernel):
        return conv_relu(c_in, c_out, kernel, bias=False)

    def forward(self, x):
        return super().forward(self.norm(x))


class SharedNorm(InceptionV2):
    def wide(self, c_in, c_out):
        first, second = super().wide(c_in, c_out)
        second[1] = first[1]
        return [first, second]


class SameConvolutionTwice(InceptionV2):
    def build(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().build(c_in, c1, c3_reduce, c3, c5, c5, c_pool)
        self.five = nn.Sequential(self.five[0], self.five[1], self.five[1])


class PreActivationV2(InceptionV2):
    def stage(self, role, c_in, c_out, kernel):
        convolution = nn.Conv2d(c_in, c_out, kernel, 1, kernel // 2, bias=False)
        return nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(), convolution)


_BN = "Every one of the seven convolutions is followed by its own batch norm, then ReLU."
_NORM = "Batch norm has torch's defaults here: eps=1e-5, momentum=0.1. The released models have 1e-3."
_TWO = "Two 3×3 see 5×5: c5_reduce → c5 → c5, batch norm and ReLU after each."

# Named in version 1 only, where a learner meets them first: in version 2 they are rejected without a name, and sooner.
ONCE = (
    "order of the branches: pool before the kernels",
    "order of the branches: 1×1 after 3×3 and 5×5",
    "average pooling without the padding",
    "no ReLU after the two lone 1×1",
    "pool branch without a pool",
    "pool branch's 1×1 made but not used",
    "reduction after the kernel",
    "outputs of 3×3 and 5×5 swapped",
    "arguments read as c1, c3, c5 and then the reductions",
    "concatenated along the batch",
    "stacked instead of concatenated",
    "ReLU on the input",
    "zeros padded before the maximum",
)

V2_MISTAKES = (
    *(mistake for mistake in shared_mistakes(InceptionV2) if mistake.name not in ONCE),
    Mistake("one 5×5 (version 1)", _TWO, _with_wide(InceptionV2, lambda m, a, b: [m.stage("five", a, b, 5)])),
    Mistake("one 3×3 in the place of 5×5", _TWO, _with_wide(InceptionV2, lambda m, a, b: [m.stage("five", a, b, 3)])),
    Mistake("1×5 and 5×1 in the place of 5×5", "Asymmetric kernels come with version 3; version 2 has two 3×3.", _with_wide(InceptionV2, lambda m, a, b: [m.stage("middle", a, b, (1, 5)), m.stage("five", b, b, (5, 1))])),
    Mistake("width between the two 3×3", _TWO, _with_wide(InceptionV2, lambda m, a, b: [m.stage("middle", a, a, 3), m.stage("five", a, b, 3)])),
    Mistake("no ReLU between the two 3×3", "Batch norm and ReLU after the first 3×3 too: else the two are one linear map.", _with_wide(InceptionV2, lambda m, a, b: [m.stage("middle", a, b, 3)[:-1], m.stage("five", b, b, 3)])),
    Mistake("no batch norm between the two 3×3", _BN, _with_wide(InceptionV2, lambda m, a, b: [conv_relu(a, b, 3, bias=False), m.stage("five", b, b, 3)])),
    Mistake("nothing between the two 3×3", _BN, _with_wide(InceptionV2, lambda m, a, b: [nn.Conv2d(a, b, 3, 1, 1, bias=False), m.stage("five", b, b, 3)])),
    Mistake("convolutions with a bias", "Batch norm takes the mean out again: bias=False.", _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, bias=True))),
    Mistake("1×1 with a bias", "Batch norm takes the mean out again: bias=False, in the 1×1 too.", _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, bias=k == 1))),
    Mistake("no batch norm (version 1's stages)", _BN, _with_stage(InceptionV2, conv_relu)),
    Mistake("neither batch norm nor bias", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False))),
    Mistake("no batch norm after the reductions", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False), REDUCTIONS)),
    Mistake("no batch norm after the 1×1", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False), (*REDUCTIONS, "one", "project"))),
    Mistake("no batch norm after the pool branch's 1×1", _BN, _with_stage(InceptionV2, lambda a, b, k: conv_relu(a, b, k, bias=False), ("project",))),
    Mistake("ReLU before batch norm", "The order is convolution, batch norm, ReLU: the paper normalises the input of each nonlinearity.", _with_stage(InceptionV2, conv_relu_bn)),
    Mistake("one batch norm after the concatenation", _BN, OneNormForAll),
    Mistake("batch norm on the module's input only", _BN, NormOfInput),
    Mistake("one batch norm for both 3×3", "Every convolution has a batch norm of its own: the statistics differ.", SharedNorm),
    Mistake("one convolution used twice", "The two 3×3 are two layers, c5_reduce → c5 and c5 → c5.", SameConvolutionTwice),
    Mistake("pre-activation (BN-ReLU-conv)", "The order is convolution, batch norm, ReLU.", PreActivationV2),
    Mistake("batch norm with ε = 1e-3", _NORM, _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, eps=1e-3))),
    Mistake("batch norm with momentum 0.01", _NORM, _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, k, momentum=0.01))),
    Mistake("reductions as 3×3", "The reductions only mix channels: 1×1.", _with_stage(InceptionV2, lambda a, b, k: conv_bn_relu(a, b, 3), REDUCTIONS)),
)  # fmt: skip


class FunctionalV1(nn.Module):
    """Raw parameters and functional calls, the pool branch registered first; ReLU once, on the concatenation."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        shapes = [
            (c_pool, c_in, 1, 1), (c1, c_in, 1, 1), (c5_reduce, c_in, 1, 1), (c5, c5_reduce, 5, 5),
            (c3_reduce, c_in, 1, 1), (c3, c3_reduce, 3, 3),
        ]  # fmt: skip
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(shape)) for shape in shapes)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(shape[0])) for shape in shapes)

    def convolve(self, index, x):
        weight = self.weights[index]
        return F.conv2d(x, weight, self.biases[index], padding=weight.shape[-1] // 2)

    def forward(self, x):
        pooled = F.pad(x, (1, 1, 1, 1), value=float("-inf")).unfold(2, 3, 1).unfold(3, 3, 1).amax((-1, -2))
        fourth = self.convolve(0, pooled)
        first = self.convolve(1, x)
        third = self.convolve(3, torch.relu(self.convolve(2, x)))
        second = self.convolve(5, torch.relu(self.convolve(4, x)))
        return torch.cat([first, second, third, fourth], dim=1).clamp(min=0)


class LoopV2(nn.Module):
    """A table of layers by name, in-place ReLUs on its own tensors, written into a result made beforehand."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        super().__init__()
        branches = [
            [(c5_reduce, 1), (c5, 3), (c5, 3)],
            [(c_pool, 1)],
            [(c3_reduce, 1), (c3, 3)],
            [(c1, 1)],
        ]
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        self.places = (2, 3, 1, 0)
        for place, branch in zip(self.places, branches, strict=True):
            c = c_in
            for step, (c_out, kernel) in enumerate(branch):
                self.convolutions[f"{place}_{step}"] = nn.Conv2d(c, c_out, kernel, padding="same", bias=False)
                self.norms[f"{place}_{step}"] = nn.BatchNorm2d(c_out)
                c = c_out
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        parts = {}
        for place in self.places:
            h = F.max_pool2d(x, 3, stride=1, padding=1) if place == 3 else x
            for name, convolution in self.convolutions.items():
                if name.startswith(f"{place}_"):
                    h = self.relu(self.norms[name](convolution(h)))
            parts[place] = h
        return torch.cat([parts[place] for place in range(4)], dim=-3)


def _images(rng, channels, height=5, width=5, count=2, spread=1):
    return spread * rng.normal(size=(count, channels, height, width))


def _module_case(name, widths, **images):
    keys = ("c_in", "c1", "c3_reduce", "c3", "c5_reduce", "c5", "c_pool")
    sizes = dict(zip(keys, widths, strict=True))
    return Case(name, lambda rng: sizes | {"x": _images(rng, widths[0], **images)})


def _negative(rng, channels):
    return -1 - abs(rng.normal(size=(2, channels, 4, 5)))


def _module_cases():
    return (
        _module_case("all widths differ", (5, 2, 4, 6, 3, 7, 8), height=3, width=3),
        _module_case("one width everywhere, as many channels out as in", (12, 3, 3, 3, 3, 3, 3), height=4, width=4),
        _module_case("a map that is not square, large values", (3, 2, 5, 4, 2, 3, 2), height=3, width=6, spread=100),
        Case("every input negative", lambda rng: dict(c_in=4, c1=3, c3_reduce=2, c3=3, c5_reduce=2, c5=3, c_pool=3, x=_negative(rng, 4))),
        _module_case("a map of one pixel", (6, 2, 3, 4, 2, 5, 3), height=1, width=1, count=4),
        _module_case("GoogLeNet's 3a at an eighth", (24, 8, 12, 16, 2, 4, 4), height=3, width=4),
    )  # fmt: skip


def _by_zoo(module):
    return lambda x, **arguments: run_module(module, x, **arguments)


V1 = Exercise(
    name="InceptionV1",
    returns=RETURNS,
    oracle=_by_zoo(models.InceptionV1),
    run=run_module,
    protocol=PROTOCOL,
    cases=_module_cases(),
    mistakes=V1_MISTAKES,
    accepts=(InceptionV1, FunctionalV1, models.InceptionV1),
    verified="parameters, outputs and all gradients equal the reference module's on six shapes",
)

V2 = Exercise(
    name="InceptionV2",
    returns=RETURNS,
    oracle=_by_zoo(models.InceptionV2),
    run=run_module,
    protocol=PROTOCOL,
    cases=_module_cases(),
    mistakes=V2_MISTAKES,
    accepts=(InceptionV2, LoopV2, models.InceptionV2),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference module's on six shapes",
)  # fmt: skip


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
_BIAS = "Batch norm takes the mean out again: bias=False."


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


# ---- Inception-ResNet ----------------------------------------------------------------------------------------------


class ResidualBlock(nn.Module):
    """The 35×35 block of Inception-ResNet-v2 with parts that a mistake can exchange."""

    order = (0, 1, 2)
    widths = ((32,), (32, 32), (32, 48, 64))

    def __init__(self, c_in, scale=0.1):
        super().__init__()
        self.build(c_in, scale)

    def build(self, c_in, scale):
        self.scale = scale
        self.branches = nn.ModuleList(self.branch(c_in, widths) for widths in self.widths)
        self.expand = self.make_expand(sum(self.widths[index][-1] for index in self.order), c_in)

    def branch(self, c_in, widths):
        stages, c = [], c_in
        for step, c_out in enumerate(widths):
            stages.append(self.stage(c, c_out, 3 if step else 1))
            c = c_out
        return nn.Sequential(*stages)

    def stage(self, c_in, c_out, kernel):
        return conv_bn_relu(c_in, c_out, kernel)

    def make_expand(self, c_branches, c_in):
        return nn.Conv2d(c_branches, c_in, 1)

    def mixed(self, x):
        outputs = [branch(x) for branch in self.branches]
        return torch.cat([outputs[index] for index in self.order], dim=1)

    def residual(self, x):
        return self.expand(self.mixed(x))

    def join(self, x, residual):
        return F.relu(x + self.scale * residual)

    def forward(self, x):
        return self.join(x, self.residual(x))


def _joined(join):
    return type("Joined", (ResidualBlock,), {"join": lambda self, x, residual: join(self, x, residual)})


def _staged(make):
    return type("Staged", (ResidualBlock,), {"stage": lambda self, *sizes: make(*sizes)})


def _expanding(make):
    return type("Expanding", (ResidualBlock,), {"make_expand": lambda self, *sizes: make(*sizes)})


def _shaped(**parts):
    return type("Shaped", (ResidualBlock,), parts)


def _rescaled(change):
    def build(self, c_in, scale):
        super(changed, self).build(c_in, change(scale))

    changed = type("Rescaled", (ResidualBlock,), {"build": build})
    return changed


class LearntScale(ResidualBlock):
    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.scale = nn.Parameter(torch.tensor(float(scale)))


class DefaultScaleOne(ResidualBlock):
    def __init__(self, c_in, scale=1.0):
        super().__init__(c_in, scale)


class DefaultScale2(ResidualBlock):
    def __init__(self, c_in, scale=0.2):
        super().__init__(c_in, scale)


class BiasUnscaled(ResidualBlock):
    def forward(self, x):
        bias = self.expand.bias[:, None, None]
        return F.relu(x + self.scale * (self.residual(x) - bias) + bias)


class DetachedStream(ResidualBlock):
    def forward(self, x):
        return self.join(x.detach(), self.residual(x))


class PooledBranch(ResidualBlock):
    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.branches.append(nn.Sequential(nn.MaxPool2d(3, 1, 1), self.stage(c_in, 32, 1)))
        self.expand = self.make_expand(160, c_in)

    def mixed(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class FiveInThird(ResidualBlock):
    widths = ((32,), (32, 32), (32, 64))

    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.branches[2][1] = self.stage(32, 64, 5)


class OneReduction(ResidualBlock):
    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.branches[1][0] = self.branches[2][0] = self.branches[0][0]


class NoReductionsInResidual(ResidualBlock):
    def branch(self, c_in, widths):
        if len(widths) == 1:
            return super().branch(c_in, widths)
        stages, c = [], c_in
        for c_out in widths[1:]:
            stages.append(self.stage(c, c_out, 3))
            c = c_out
        return nn.Sequential(*stages)


class PreActivatedInput(ResidualBlock):
    def residual(self, x):
        return super().residual(F.relu(x))


class NoReluInBranches(ResidualBlock):
    def stage(self, c_in, c_out, kernel):
        return conv_bn(c_in, c_out, kernel)


class NoReluAfterReductions(ResidualBlock):
    def branch(self, c_in, widths):
        branch = super().branch(c_in, widths)
        if len(branch) > 1:
            branch[0] = branch[0][:-1]
        return branch


class BranchesSummed(ResidualBlock):
    widths = ((32,), (32, 32), (32, 48, 32))

    def build(self, c_in, scale):
        super().build(c_in, scale)
        self.expand = self.make_expand(32, c_in)

    def mixed(self, x):
        return sum(branch(x) for branch in self.branches)


class FunctionalResidual(nn.Module):
    """One concatenation less: the linear 1×1 is split by branch, which is the same sum; addition in place on its own."""

    def __init__(self, c_in, scale=0.1):
        super().__init__()
        self.up = nn.Parameter(torch.randn(c_in, 128, 1, 1))
        self.shift = nn.Parameter(torch.zeros(c_in))
        rows = [(64, 48, 3), (48, 32, 3), (32, c_in, 1), (32, 32, 3), (32, c_in, 1), (32, c_in, 1)]
        self.kernels = nn.ParameterList(nn.Parameter(torch.randn(a, b, k, k)) for a, b, k in rows)
        self.norms = nn.ModuleList(nn.BatchNorm2d(a) for a, *_ in rows)
        self.strength = scale

    def step(self, index, x):
        kernel = self.kernels[index]
        return self.norms[index](F.conv2d(x, kernel, padding=kernel.shape[-1] // 2)).relu()

    def forward(self, x):
        parts = [self.step(5, x), self.step(3, self.step(4, x)), self.step(0, self.step(1, self.step(2, x)))]
        up = self.up.split([32, 32, 64], dim=1)
        total = sum(F.conv2d(part, weight) for part, weight in zip(parts, up, strict=True))
        total = (total + self.shift.view(1, -1, 1, 1)) * self.strength
        total += x
        return total.relu_()


_LINEAR = (
    "The 1×1 after the concatenation is linear, a bias and nothing else: the residual must be able to take either sign."
)
_SCALE = "Scale the residual, not the stream: relu(x + scale · residual)."
_SUM = "One ReLU, on the sum: relu(x + scale · residual)."
_BRANCHES = "Branches: 1×1 to 32; 1×1 to 32, 3×3 to 32; 1×1 to 32, 3×3 to 48, 3×3 to 64."
_DEFAULT = "scale is 0.1 unless the caller says otherwise."

RESIDUAL = Exercise(
    name="InceptionResNet",
    returns=RETURNS,
    oracle=_by_zoo(models.InceptionResNet),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("default scale", lambda rng: dict(c_in=3, x=_images(rng, 3, 3, 3))),
        Case("scale 1", lambda rng: dict(c_in=4, scale=1.0, x=_images(rng, 4, 3, 5))),
        Case("scale 0.3, negative inputs", lambda rng: dict(c_in=5, scale=0.3, x=_images(rng, 5, 4, 3) - 1)),
        Case("scale 0", lambda rng: dict(c_in=3, scale=0.0, x=_images(rng, 3, 2, 2))),
        Case("large values", lambda rng: dict(c_in=6, scale=0.2, x=100 * _images(rng, 6, 3, 3))),
    ),
    mistakes=(
        Mistake("ReLU after the linear 1×1", _LINEAR, _joined(lambda m, x, r: F.relu(x + m.scale * F.relu(r)))),
        Mistake("ReLU after the linear 1×1, none on the sum", _LINEAR, _joined(lambda m, x, r: x + m.scale * F.relu(r))),
        Mistake("batch norm after the linear 1×1", _LINEAR, _expanding(lambda a, b: conv_bn(a, b, 1))),
        Mistake("batch norm and ReLU after the linear 1×1", _LINEAR, _expanding(lambda a, b: conv_bn_relu(a, b, 1))),
        Mistake("linear 1×1 without a bias", "No batch norm follows it, so it keeps its bias.", _expanding(lambda a, b: nn.Conv2d(a, b, 1, bias=False))),
        Mistake("3×3 in the place of the linear 1×1", "It only restores the depth: 1×1.", _expanding(lambda a, b: nn.Conv2d(a, b, 3, 1, 1))),
        Mistake("scale on the wrong branch", _SCALE, _joined(lambda m, x, r: F.relu(m.scale * x + r))),
        Mistake("scale on the sum", _SCALE, _joined(lambda m, x, r: F.relu(m.scale * (x + r)))),
        Mistake("scale and 1 − scale", _SCALE, _joined(lambda m, x, r: F.relu((1 - m.scale) * x + m.scale * r))),
        Mistake("scale left out", _SCALE, _rescaled(lambda scale: 1.0)),
        Mistake("scale fixed at 0.1", "Keep the argument: the network uses 0.17, 0.1 and 0.2.", _rescaled(lambda scale: 0.1)),
        Mistake("default scale of 1", _DEFAULT, DefaultScaleOne),
        Mistake("default scale of 0.2", _DEFAULT, DefaultScale2),
        Mistake("scale as a parameter", "The scale is a constant, not learnt: a plain attribute.", LearntScale),
        Mistake("bias of the linear 1×1 not scaled", "scale · (1×1 of the branches), its bias included.", BiasUnscaled),
        Mistake("residual subtracted", "The block adds: relu(x + scale · residual).", _joined(lambda m, x, r: F.relu(x - m.scale * r))),
        Mistake("no ReLU on the sum", _SUM, _joined(lambda m, x, r: x + m.scale * r)),
        Mistake("ReLU on x before the addition", _SUM, _joined(lambda m, x, r: F.relu(x) + m.scale * r)),
        Mistake("ReLU on x before the addition and on the sum", _SUM, _joined(lambda m, x, r: F.relu(F.relu(x) + m.scale * r))),
        Mistake("x never added (plain Inception)", "The block's output is relu(x + scale · residual).", _joined(lambda m, x, r: F.relu(m.scale * r))),
        Mistake("concatenation instead of addition", "The linear 1×1 has restored c_in channels so that they can be added.", _joined(lambda m, x, r: F.relu(torch.cat([x, m.scale * r], dim=1)))),
        Mistake("no gradient through the shortcut", "The shortcut must carry the gradient too: no detach.", DetachedStream),
        Mistake("ReLU on the branches' input", "The branches read x as it is.", PreActivatedInput),
        Mistake("order of the branches turned round", "Concatenate in the order 1×1, 3×3, two 3×3.", _shaped(order=(2, 1, 0))),
        Mistake("widths of Inception-ResNet-v1 (32 throughout)", _BRANCHES, _shaped(widths=((32,), (32, 32), (32, 32, 32)))),
        Mistake("third branch left out", _BRANCHES, _shaped(order=(0, 1), widths=((32,), (32, 32)))),
        Mistake("5×5 in the third branch", _BRANCHES, FiveInThird),
        Mistake("a pool branch", "The 35×35 block has three branches and no pool.", PooledBranch),
        Mistake("branches summed instead of concatenated", "Concatenate the branches, 32 + 32 + 64 = 128 channels; only the residual is added.", BranchesSummed),
        Mistake("one 1×1 shared by all branches", "Every branch has a 1×1 of its own.", OneReduction),
        Mistake("no reductions", _BRANCHES, NoReductionsInResidual),
        Mistake("no ReLU in the branches", "Each convolution of the branches is followed by batch norm and ReLU.", NoReluInBranches),
        Mistake("no ReLU after the reductions", _REDUCED, NoReluAfterReductions),
        Mistake("convolutions of the branches with a bias", _BIAS, _staged(lambda a, b, k: conv_bn_relu(a, b, k, bias=True))),
        Mistake("no batch norm in the branches", "Each convolution of the branches is followed by batch norm and ReLU.", _staged(lambda a, b, k: conv_relu(a, b, k, bias=False))),
        Mistake("biases instead of batch norm in the branches", "Each convolution of the branches is followed by batch norm and ReLU, and has no bias.", _staged(conv_relu)),
        Mistake("ReLU before batch norm", "The order in the branches is convolution, batch norm, ReLU.", _staged(conv_relu_bn)),
        Mistake("batch norm with ε = 1e-3", _NORM, _staged(lambda a, b, k: conv_bn_relu(a, b, k, eps=1e-3))),
    ),
    accepts=(ResidualBlock, FunctionalResidual, models.InceptionResNet),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's, for five scales",
)  # fmt: skip


# ---- what a reduction saves ----------------------------------------------------------------------------------------


def _macs_oracle(c_in, c_mid, c_out, kernel, height, width):
    """Hooks on real layers on the meta device."""
    before, after = (kernel - 1) // 2, kernel // 2

    def same_size(c):
        return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(c, c_out, kernel))

    with torch.device("meta"):
        direct, bottleneck = same_size(c_in), nn.Sequential(nn.Conv2d(c_in, c_mid, 1), same_size(c_mid))
    return tuple(models.model_macs(net, (c_in, height, width)) for net in (direct, bottleneck))


def _macs(change=lambda direct, reduce, spread: (direct, reduce + spread), power=2, unit=1):
    def counted(c_in, c_mid, c_out, kernel, height, width):
        positions = unit * height * width
        direct = positions * c_in * c_out * kernel**power
        return change(direct, positions * c_in * c_mid, positions * c_mid * c_out * kernel**power)

    return counted


def _with_biases(c_in, c_mid, c_out, kernel, height, width):
    direct, bottleneck = _macs()(c_in, c_mid, c_out, kernel, height, width)
    return direct + c_out * height * width, bottleneck + (c_mid + c_out) * height * width


def _parameters(c_in, c_mid, c_out, kernel, height, width):
    return _macs()(c_in, c_mid, c_out, kernel, 1, 1)


def _parameters_with_biases(c_in, c_mid, c_out, kernel, height, width):
    return _with_biases(c_in, c_mid, c_out, kernel, 1, 1)


def _valid(c_in, c_mid, c_out, kernel, height, width):
    inner = max(height - kernel + 1, 0) * max(width - kernel + 1, 0)
    spread = c_out * kernel**2 * inner
    return c_in * spread, c_in * c_mid * height * width + c_mid * spread


def _restored(c_in, c_mid, c_out, kernel, height, width):
    positions = height * width
    return (
        positions * c_in * c_out * kernel**2,
        positions * (c_in * c_mid + c_mid * c_mid * kernel**2 + c_mid * c_out),
    )


def _reduced_after(c_in, c_mid, c_out, kernel, height, width):
    positions = height * width
    return positions * c_in * c_out * kernel**2, positions * (c_in * c_mid * kernel**2 + c_mid * c_out)


def _reduced_by_kernel(c_in, c_mid, c_out, kernel, height, width):
    positions = height * width
    return positions * c_in * c_out * kernel**2, positions * (c_in * c_mid + c_mid * c_out) * kernel**2


def _loops(c_in, c_mid, c_out, kernel, height, width):
    """Counted, not computed: the length of every product's list of factors."""
    direct = bottleneck = 0
    for _ in range(height):
        for _ in range(width):
            direct += len(range(c_in * kernel * kernel)) * c_out
            bottleneck += len(range(c_in)) * c_mid + len(range(c_mid * kernel * kernel)) * c_out
    return [direct, bottleneck]


def _nested(c_in, c_mid, c_out, kernel, height, width):
    def conv(a, b, k):
        return a * b * k * k * height * width

    return conv(c_in, c_out, kernel), conv(c_in, c_mid, 1) + conv(c_mid, c_out, kernel)


def _macs_case(name, *sizes):
    keys = ("c_in", "c_mid", "c_out", "kernel", "height", "width")
    return Case(name, lambda rng: dict(zip(keys, sizes, strict=True)))


_SECOND = "The bottleneck costs c_in·c_mid for the 1×1 plus c_mid·c_out·kernel² for the kernel, both at every position."

MACS = Exercise(
    name="bottleneck_macs",
    returns=("direct", "bottleneck"),
    oracle=_macs_oracle,
    cases=(
        _macs_case("one of everything", 1, 1, 1, 1, 1, 1),
        _macs_case("small numbers", 5, 2, 3, 3, 1, 1),
        _macs_case("a map that is not square", 4, 3, 5, 5, 2, 7),
        _macs_case("GoogLeNet's 3a, its 5×5", 192, 16, 32, 5, 28, 28),
        _macs_case("a reduction that saves nothing", 8, 16, 4, 1, 3, 3),
        _macs_case("an even kernel", 6, 4, 2, 2, 3, 4),
        _macs_case("larger than 32 bits", 2048, 512, 2048, 7, 112, 224),
    ),
    mistakes=(
        Mistake("multiply and add counted as two", "A multiply-add is one operation here, as in the papers' \"FLOPs\".", _macs(unit=2)),
        Mistake("reduction not counted", "The 1×1 costs c_in·c_mid at every position: count it too.", _macs(lambda d, r, s: (d, s))),
        Mistake("only the reduction counted", _SECOND, _macs(lambda d, r, s: (d, r))),
        Mistake("product instead of sum", "The two convolutions run one after the other: their costs add.", _macs(lambda d, r, s: (d, r * s))),
        Mistake("bottleneck first", "Return (direct, bottleneck).", _macs(lambda d, r, s: (r + s, d))),
        Mistake("saving returned", "Return both costs: (direct, bottleneck).", _macs(lambda d, r, s: (d, d - r - s))),
        Mistake("ratio returned", "Return both costs as ints: (direct, bottleneck).", _macs(lambda d, r, s: (d, d / (r + s)))),
        Mistake("floats", "Counts are ints: no division, no 1e9.", _macs(lambda d, r, s: (float(d), float(r + s)))),
        Mistake("kernel not squared", "A k×k kernel has k² taps.", _macs(power=1)),
        Mistake("kernel of the reduction not 1×1", _SECOND, _reduced_by_kernel),
        Mistake("kernel before the reduction", "The 1×1 comes first, so that the kernel reads c_mid channels.", _reduced_after),
        Mistake("ResNet's bottleneck (1×1, k×k, 1×1)", "Inception's branch ends with the kernel: c_in → c_mid → c_out, two convolutions.", _restored),
        Mistake("biases counted", "Multiply-adds of the weights only; a bias adds nothing here.", _with_biases),
        Mistake("parameters instead of multiply-adds", "Every weight is used once at each of height·width positions.", _parameters),
        Mistake("parameters with biases instead of multiply-adds", "Every weight is used once at each of height·width positions; biases are not counted.", _parameters_with_biases),
        Mistake("no padding assumed", "The map keeps its size: height·width positions for every kernel.", _valid),
        Mistake("width forgotten", "Positions are height · width.", lambda c_in, c_mid, c_out, kernel, height, width: _macs()(c_in, c_mid, c_out, kernel, height, 1)),
        Mistake("map taken as height squared", "Positions are height · width.", lambda c_in, c_mid, c_out, kernel, height, width: _macs()(c_in, c_mid, c_out, kernel, height, height)),
        Mistake("direct convolution to c_mid", "Without a reduction the kernel goes straight from c_in to c_out.", lambda c_in, c_mid, c_out, kernel, height, width: (_macs()(c_in, c_mid, c_mid, kernel, height, width)[0], _macs()(c_in, c_mid, c_out, kernel, height, width)[1])),
    ),
    accepts=(_loops, _nested),
    verified="equal to the count of hooks on real layers, to the last digit",
)  # fmt: skip

QUESTION = Question(chapter=3, minutes=55, exercises=(V1, V2, FACTORIZED, RESIDUAL, MACS), torch=True)
