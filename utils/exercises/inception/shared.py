"""What several exercises of the question share."""

import torch
import torch.nn.functional as F
from torch import nn

from utils.grading.modules import run_module
from utils.grading.spec import Case, Mistake


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
        Mistake("order of the branches reversed", _ORDER, ordered(3, 2, 1, 0)),
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


_NORM = "Batch norm has torch's defaults here: eps=1e-5, momentum=0.1. The released models have 1e-3."


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


_BIAS = "Batch norm subtracts the mean again: bias=False."
