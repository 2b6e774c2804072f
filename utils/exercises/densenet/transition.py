"""Transition: cases, oracle, mistakes."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from utils.exercises.densenet.shared import _by_zoo, _images
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import densenet


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
        Mistake("pooling with stride 1", "nn.AvgPool2d(2) has stride 2 by default: windows of 2×2 that do not overlap.", pooling(lambda: nn.AvgPool2d(2, 1))),
        Mistake("overlapping pooling", "The mean is over 2×2 pixels, without overlap: nn.AvgPool2d(2).", pooling(lambda: nn.AvgPool2d(3, 2, 1))),
        Mistake("odd maps rounded up", "An odd row or column at the end is dropped, as nn.AvgPool2d(2) does: no ceil_mode.", pooling(lambda: nn.AvgPool2d(2, ceil_mode=True))),
        Mistake("global average pooling", "Global pooling comes once, before the classifier; Transition only halves the map.", pooling(lambda: nn.AdaptiveAvgPool2d(1))),
        Mistake("sum instead of mean", "Average the 2×2 pixels: divide by 4.", Summed),
        Mistake("3×3 convolution", "The convolution only mixes channels: 1×1.", Wide),
        Mistake("padded 1×1", "A 1×1 convolution needs no padding.", Padded),
        Mistake("convolution with a bias", "bias=False: a batch norm reads what comes out, and subtracts the mean again.", Biased),
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
