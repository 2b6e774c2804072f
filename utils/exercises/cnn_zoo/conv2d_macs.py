"""conv2d_macs: cases, oracle, mistakes."""

import torch
from torch import nn

from utils.exercises.cnn_zoo.shared import _flops
from utils.grading.spec import Case, Exercise, Mistake


def _oracle_conv(c_in, c_out, kernel, height, width, groups=1):
    """torch's counter on a convolution whose output has that size; it counts a multiply-add as two."""
    layer = nn.Conv2d(c_in, c_out, kernel, groups=groups, bias=False, device="meta")
    return _flops(lambda: layer(torch.empty(1, c_in, height + kernel - 1, width + kernel - 1))) // 2


def _conv(formula):
    """A wrong formula in c, d (channels in, out), k, h, w, g."""
    return lambda c_in, c_out, kernel, height, width, groups=1: formula(c_in, c_out, kernel, height, width, groups)


def _group_by_group(c_in, c_out, kernel, height, width, groups=1):
    total = 0
    for _ in range(groups):
        total += (c_in // groups) * (c_out // groups) * kernel * kernel * height * width
    return total


def _from_weight(c_in, c_out, kernel, height, width, groups=1):
    weight = torch.empty(c_out, c_in // groups, kernel, kernel, device="meta")
    return weight.numel() * height * width


CONV = Exercise(
    name="conv2d_macs",
    returns=("multiply-adds",),
    oracle=_oracle_conv,
    cases=(
        Case("one channel, 3×3, one output pixel", lambda rng: dict(c_in=1, c_out=1, kernel=3, height=1, width=1)),
        Case("2 to 3 channels, 1×1, on 4×5", lambda rng: dict(c_in=2, c_out=3, kernel=1, height=4, width=5)),
        Case("6 to 4 channels, 3×3, on 7×5, two groups", lambda rng: dict(c_in=6, c_out=4, kernel=3, height=7, width=5, groups=2)),
        Case("depthwise: 8 groups of one channel", lambda rng: dict(c_in=8, c_out=8, kernel=5, height=3, width=6, groups=8)),
        Case("ResNet's first layer", lambda rng: dict(c_in=3, c_out=64, kernel=7, height=112, width=112)),
        Case("ResNeXt's grouped 3×3", lambda rng: dict(c_in=1024, c_out=1024, kernel=3, height=14, width=14, groups=32)),
    ),
    mistakes=(
        Mistake("multiply-adds doubled (FLOPs)", "One multiplication and one addition are one multiply-add: do not double.", _conv(lambda c, d, k, h, w, g: 2 * c * d * k * k * h * w // g)),
        Mistake("multiplications and additions counted exactly", "That is 2n − 1 operations for a sum of n products; the question asks for the n multiply-adds.", _conv(lambda c, d, k, h, w, g: (2 * c * k * k // g - 1) * d * h * w)),
        Mistake("groups ignored", "In a grouped convolution each output sees c_in / groups channels only.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w)),
        Mistake("divided by groups twice", "c_in is divided by groups, c_out is not: all c_out maps are computed.", _conv(lambda c, d, k, h, w, g: (c // g) * (d // g) * k * k * h * w)),
        Mistake("multiplied by groups", "More groups mean fewer products: c_in / groups for each output.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w * g)),
        Mistake("biases counted as multiply-adds", "A bias is an addition without a multiplication; by convention it is not counted.", _conv(lambda c, d, k, h, w, g: (c * k * k // g + 1) * d * h * w)),
        Mistake("positions forgotten (parameters)", "That is the number of weights; each of them is used at every one of height·width positions.", _conv(lambda c, d, k, h, w, g: c * d * k * k // g)),
        Mistake("kernel not squared", "A k×k kernel has k² taps.", _conv(lambda c, d, k, h, w, g: c * d * k * h * w // g)),
        Mistake("kernel left out", "Each output sums c_in/groups · k² products.", _conv(lambda c, d, k, h, w, g: c * d * h * w // g)),
        Mistake("input channels left out", "Each output sums over all channels of its group: c_in/groups · k² products.", _conv(lambda c, d, k, h, w, g: d * k * k * h * w)),
        Mistake("output channels left out", "That is one output map; there are c_out of them.", _conv(lambda c, d, k, h, w, g: c * k * k * h * w // g)),
        Mistake("height and width taken for the input's", "height and width are those of the output: nothing is to be subtracted.", _conv(lambda c, d, k, h, w, g: c * d * k * k * (h - k + 1) * (w - k + 1) // g)),
        Mistake("square map assumed (height²)", "height · width.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * h // g)),
        Mistake("square map assumed (width²)", "height · width.", _conv(lambda c, d, k, h, w, g: c * d * k * k * w * w // g)),
        Mistake("channels added instead of multiplied", "Every output map reads every input map of its group: c_in/groups · c_out.", _conv(lambda c, d, k, h, w, g: (c // g + d) * k * k * h * w)),
        Mistake("a float instead of an int", "A count is an int: divide with //.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w / g)),
        Mistake("in billions", "Return the exact count, an int.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w / g / 1e9)),
    ),
    accepts=(_group_by_group, _from_weight),
    verified="exact against torch's flop counter, groups and maps that are not square included",
)  # fmt: skip
