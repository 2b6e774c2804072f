"""Bottleneck: cases, oracle, mistakes."""

from torch import nn

from utils.exercises.resnet.shared import Block, _by_zoo, _images, shared_mistakes
from utils.grading.modules import PROTOCOL, RETURNS, run_module
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import resnet


class Bottleneck(Block):
    kernels = (1, 3, 1)

    def strided(self):
        return (False, True, False)

    def widths(self, c_mid):
        return (c_mid, c_mid, 4 * c_mid)


def bottleneck_slips(base):
    """What goes wrong in a bottleneck only; `base` is the right one, of either version."""

    class ExpansionForgotten(base):
        def widths(self, c_mid):
            return (c_mid, c_mid, c_mid)

    class SecondArgumentIsOutput(base):
        def __init__(self, c_in, c_out, stride=1):
            super().__init__(c_in, c_out // 4, stride)

    class ProjectionByMid(base):
        """The condition that is right in a basic block, copied."""

        def __init__(self, c_in, c_mid, stride=1):
            self.c_mid = c_mid
            super().__init__(c_in, c_mid, stride)

        def projecting(self):
            return self.stride != 1 or self.c_in != self.c_mid

    class StrideOnFirst(base):
        def strided(self):
            return (True, False, False)

    class WideFirst(base):
        kernels = (3, 3, 1)

    return ExpansionForgotten, SecondArgumentIsOutput, ProjectionByMid, StrideOnFirst, WideFirst


ExpansionForgotten, SecondArgumentIsOutput, ProjectionByMid, StrideOnFirst, WideFirst = bottleneck_slips(Bottleneck)


class InPlaceBottleneck(nn.Module):
    """Layers by hand, in-place ReLUs on its own tensors only, an empty Sequential for the identity."""

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        c_out = 4 * c_mid
        self.downsample = nn.Sequential()
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        self.bn3, self.bn2, self.bn1 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_mid), nn.BatchNorm2d(c_mid)
        self.conv1 = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.conv2 = nn.Conv2d(c_mid, c_mid, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(c_mid, c_out, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.relu(self.bn1(self.conv1(x)))
        h = self.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        h += self.downsample(x)
        return self.relu(h)


BOTTLENECK = Exercise(
    name="Bottleneck",
    returns=RETURNS,
    oracle=_by_zoo(resnet.Bottleneck),
    run=run_module,
    protocol=PROTOCOL,
    cases=(
        Case("the shape stays", lambda rng: dict(c_in=8, c_mid=2, x=_images(rng, 8))),
        Case("four times the channels", lambda rng: dict(c_in=3, c_mid=3, x=_images(rng, 3))),
        Case("stride 2 and twice the channels", lambda rng: dict(c_in=8, c_mid=4, stride=2, x=_images(rng, 8, 8))),
        Case("stride 2, the same channels", lambda rng: dict(c_in=8, c_mid=2, stride=2, x=_images(rng, 8, 8))),
        Case("stride 2 on an odd map", lambda rng: dict(c_in=5, c_mid=3, stride=2, x=_images(rng, 5, 7, 2))),
    ),
    mistakes=(
        *shared_mistakes(Bottleneck),
        Mistake("expansion forgotten", "The last 1×1 leads to 4·c_mid channels, and so does the projection.", ExpansionForgotten),
        Mistake("the second argument taken for the output channels", "c_mid is the width of the 3×3; what leaves the block has 4·c_mid channels.", SecondArgumentIsOutput),
        Mistake("projection decided by c_mid", "Compare c_in with what leaves the block, 4·c_mid.", ProjectionByMid),
        Mistake("stride on the first 1×1 (version 1.0)", "That is the paper's and Caffe's version 1.0; here v1.5, as in torchvision: the 3×3 takes the stride, so that every input pixel is seen.", StrideOnFirst),
        Mistake("3×3 in place of the first 1×1", "The first convolution only reduces the channels: 1×1, then 3×3, then 1×1.", WideFirst),
    ),
    accepts=(Bottleneck, InPlaceBottleneck, resnet.Bottleneck),
    verified="parameters, outputs in training and evaluation mode and all gradients equal the reference block's on five shapes",
)  # fmt: skip
