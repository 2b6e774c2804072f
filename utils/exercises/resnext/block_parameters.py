"""block_parameters: cases, oracle, mistakes."""

import numpy as np
import torch
from torch import nn

from utils.grading.spec import Case, Exercise, Mistake
from utils.models import resnet


# ---- block_parameters -------------------------------------------------------------------------------------------
def _count_oracle(c_in, width, cardinality, c_out):
    """The block of the zoo on the meta device, its shortcut and its batch norms left out."""
    with torch.device("meta"):
        block = resnet.ResNeXtBlock(c_in, width, cardinality, c_out)
    return sum(layer.weight.numel() for layer in block.residual.modules() if isinstance(layer, nn.Conv2d))


def _count(c_in, w, g, c_out, *, first=None, middle=None, last=None, extra=0):
    """The three terms, each of which a mistake can exchange."""
    terms = (c_in * w * g, 9 * w * w * g, w * g * c_out)
    return sum(ours if theirs is None else theirs for ours, theirs in zip(terms, (first, middle, last), strict=True)) + extra  # fmt: skip


def _path_by_path(c_in, width, cardinality, c_out):
    return sum(c_in * width + width * 3 * 3 * width + width * c_out for _ in range(cardinality))


def _by_arrays(c_in, width, cardinality, c_out):
    shapes = ((width * cardinality, c_in, 1, 1), (width * cardinality, width, 3, 3), (c_out, width * cardinality, 1, 1))
    return sum(np.prod(shape) for shape in shapes)


_COUNT = Exercise(
    name="block_parameters",
    returns=("parameters",),
    oracle=_count_oracle,
    cases=(
        Case("one path of width 1", lambda rng: dict(c_in=1, width=1, cardinality=1, c_out=1)),
        Case("two paths of width 1", lambda rng: dict(c_in=1, width=1, cardinality=2, c_out=1)),
        Case("256-d, 32×4d", lambda rng: dict(c_in=256, width=4, cardinality=32, c_out=256)),
        Case("256-d, one path of 64: ResNet's bottleneck", lambda rng: dict(c_in=256, width=64, cardinality=1, c_out=256)),
        Case("more channels out than in", lambda rng: dict(c_in=64, width=4, cardinality=32, c_out=256)),
        Case("odd numbers", lambda rng: dict(c_in=5, width=3, cardinality=7, c_out=11)),
        Case("depthwise", lambda rng: dict(c_in=24, width=1, cardinality=24, c_out=24)),
    ),
    mistakes=(
        Mistake("dense 3×3", "A filter of the grouped 3×3 sees the `width` channels of its group: 9 · width · (width · cardinality) weights.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * (w * g) ** 2)),
        Mistake("width not multiplied by the cardinality", "width is per group; there are `cardinality` groups.", lambda c, w, g, o: _count(c, w, 1, o)),
        Mistake("1×1 convolutions of one path only, or grouped", "Only the 3×3 is grouped: all paths together have width · cardinality channels: the 1×1 lead there and back.", lambda c, w, g, o: _count(c, w, g, o, first=c * w, last=w * o)),
        Mistake("3×3 of one path only", "There are `cardinality` groups, each with 9 · width² weights.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * w * w)),
        Mistake("depthwise 3×3", "A filter of the grouped 3×3 sees all `width` channels of its group: 9 · width² · cardinality.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * w * g)),
        Mistake("width and cardinality exchanged (groups = width)", "9 · width² · cardinality: 32×4d is width 4 and cardinality 32, and the cardinality is the number of groups.", lambda c, w, g, o: _count(c, w, g, o, middle=9 * w * g * g)),
        Mistake("the 3×3 counted as 3", "A 3×3 kernel has 9 taps.", lambda c, w, g, o: _count(c, w, g, o, middle=3 * w * w * g)),
        Mistake("the 3×3 counted as 1×1", "A 3×3 kernel has 9 taps.", lambda c, w, g, o: _count(c, w, g, o, middle=w * w * g)),
        Mistake("every convolution counted as 3×3", "The outer two are 1×1.", lambda c, w, g, o: 9 * _count(c, w, g, o, middle=w * w * g)),
        Mistake("c_in for c_out", "The last 1×1 leads to c_out channels.", lambda c, w, g, o: _count(c, w, g, c)),
        Mistake("c_out for c_in", "The first 1×1 reads c_in channels.", lambda c, w, g, o: _count(o, w, g, o)),
        Mistake("last 1×1 forgotten", "There are three convolutions.", lambda c, w, g, o: _count(c, w, g, o, last=0)),
        Mistake("first 1×1 forgotten", "There are three convolutions.", lambda c, w, g, o: _count(c, w, g, o, first=0)),
        Mistake("3×3 forgotten", "There are three convolutions.", lambda c, w, g, o: _count(c, w, g, o, middle=0)),
        Mistake("first 1×1 grouped", "Only the 3×3 is grouped: every path reads all c_in channels.", lambda c, w, g, o: _count(c, w, g, o, first=c * w)),
        Mistake("last 1×1 grouped", "Only the 3×3 is grouped: the last 1×1 reads all width · cardinality channels.", lambda c, w, g, o: _count(c, w, g, o, last=w * o)),
        Mistake("batch norms counted", "Only the weights of the three convolutions are asked for.", lambda c, w, g, o: _count(c, w, g, o, extra=4 * w * g + 2 * o)),
        Mistake("biases counted", "The convolutions have no bias.", lambda c, w, g, o: _count(c, w, g, o, extra=2 * w * g + o)),
        Mistake("projection counted", "Leave the shortcut out.", lambda c, w, g, o: _count(c, w, g, o, extra=c * o)),
        Mistake("projection counted where the channels change", "Leave the shortcut out.", lambda c, w, g, o: _count(c, w, g, o, extra=c * o if c != o else 0)),
        Mistake("width plus cardinality", "`cardinality` groups of `width` channels each: multiply.", lambda c, w, g, o: c * (w + g) + 9 * (w + g) ** 2 + (w + g) * o),
        Mistake("a float", "A number of weights is an int: // and **, no / and no float factor.", lambda c, w, g, o: float(_count(c, w, g, o))),
    ),
    accepts=(_path_by_path, _by_arrays, _count_oracle),
    verified="equal to the weights of the built block: one path, many, depthwise, the paper's 70,144 and ResNet's 69,632",
)  # fmt: skip
