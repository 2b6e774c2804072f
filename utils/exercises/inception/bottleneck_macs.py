"""bottleneck_macs: cases, oracle, mistakes."""

import torch
from torch import nn

from utils import models
from utils.grading.spec import Case, Exercise, Mistake


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
