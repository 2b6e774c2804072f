"""parameter_counts: cases, oracle, mistakes."""

from fractions import Fraction

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


# ---- the counts -------------------------------------------------------------------------------------------------
def _counts_oracle(c_in, c_out, kernel, height, width):
    """The parameters of torch's own layers, made without memory; one convolution for each place is locally connected."""
    import torch
    from torch import nn

    def size(layer):
        return sum(parameter.numel() for parameter in layer.parameters())

    with torch.device("meta"):
        conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)
        places = conv(torch.empty(1, c_in, height, width))[0, 0].numel()
        full = nn.Linear(c_in * height * width, c_out * height * width)
        here = nn.Conv2d(c_in, c_out, kernel)
    return size(conv), places * size(here), size(full)


def _counts(conv=None, local=None, full=None):
    """The right counts with some of the three exchanged; each is made from (c, f, k, h, w)."""

    def wrong(c_in, c_out, kernel, height, width):
        given = (c_in, c_out, kernel, height, width)
        return tuple((mine or right)(*given) for mine, right in zip((conv, local, full), _COUNTS, strict=True))

    return wrong


def _conv(c, f, k, h, w):
    return f * (c * k * k + 1)


def _local(c, f, k, h, w):
    return h * w * f * (c * k * k + 1)


def _full(c, f, k, h, w):
    return f * h * w * (c * h * w + 1)


_COUNTS = (_conv, _local, _full)


def _inside(side, k):
    """The taps of all positions along one side that lie inside the image."""
    return sum(min(i + k // 2, side - 1) - max(i - k // 2, 0) + 1 for i in range(side))


_BIAS = "Count the biases: one for each filter in a convolution, one for each output in the other two."


_BIAS_LOCAL = "A locally connected layer shares nothing, its biases neither: one for each output, H·W·C_out."


_LOCAL = "Locally connected is a convolution without sharing: H·W times as many parameters."


_KERNEL = "A filter has C_in·k·k weights, and there are C_out filters."


_FULL_ADVICE = "Fully connected: each of the C_out·H·W outputs sees all C_in·H·W inputs and has a bias."


_SAME = "Padding is 'same': the output has H·W positions, and a tap on the padding counts as any other."


_INT = "Counts are whole numbers: return ints."


_ORDER = "Return (conv, locally_connected, fully_connected)."


_COUNT_SLIPS = (  # name, advice, then what stands for the three counts; the commonest first
    ("biases forgotten", _BIAS, lambda c, f, k, h, w: f * c * k * k, lambda c, f, k, h, w: h * w * f * c * k * k, lambda c, f, k, h, w: f * h * w * c * h * w),
    ("locally connected counted as conv", _LOCAL, None, _conv),
    ("biases of the locally connected layer counted as conv", _BIAS_LOCAL, None, lambda c, f, k, h, w: h * w * f * c * k * k + f),
    ("biases of the fully connected layer one for each channel", _BIAS_LOCAL, None, None, lambda c, f, k, h, w: f * h * w * c * h * w + f),
    ("biases one for each channel everywhere", _BIAS_LOCAL, None, lambda c, f, k, h, w: h * w * f * c * k * k + f, lambda c, f, k, h, w: f * h * w * c * h * w + f),
    ("biases of the convolution forgotten", _BIAS, lambda c, f, k, h, w: f * c * k * k),
    ("biases of the convolution and of the locally connected layer forgotten", _BIAS, lambda c, f, k, h, w: f * c * k * k, lambda c, f, k, h, w: h * w * f * c * k * k),
    ("biases of the locally connected layer forgotten", _BIAS, None, lambda c, f, k, h, w: h * w * f * c * k * k),
    ("biases of the fully connected layer forgotten", _BIAS, None, None, lambda c, f, k, h, w: f * h * w * c * h * w),
    ("a bias for each output in the convolution", "A filter is shared by all positions, and so is its bias: C_out biases.", lambda c, f, k, h, w: f * c * k * k + f * h * w),
    ("a bias for each pair of channels", _BIAS, lambda c, f, k, h, w: f * c * (k * k + 1), lambda c, f, k, h, w: h * w * f * c * (k * k + 1)),
    ("channels in and out swapped (or a bias for each input channel)", "C_out filters, each with C_in·k·k weights and one bias.", lambda c, f, k, h, w: f * c * k * k + c, lambda c, f, k, h, w: h * w * (f * c * k * k + c), lambda c, f, k, h, w: f * h * w * c * h * w + c * h * w),
    ("a single bias for each layer", _BIAS, lambda c, f, k, h, w: f * c * k * k + 1, lambda c, f, k, h, w: h * w * f * c * k * k + 1, lambda c, f, k, h, w: f * h * w * c * h * w + 1),
    ("input channels forgotten", _KERNEL, lambda c, f, k, h, w: f * (k * k + 1), lambda c, f, k, h, w: h * w * f * (k * k + 1), lambda c, f, k, h, w: f * h * w * (h * w + 1)),
    ("input channels forgotten in the convolution", _KERNEL, lambda c, f, k, h, w: f * (k * k + 1), lambda c, f, k, h, w: h * w * f * (k * k + 1)),
    ("kernel not squared", _KERNEL, lambda c, f, k, h, w: f * (c * k + 1), lambda c, f, k, h, w: h * w * f * (c * k + 1)),
    ("taps on the padding left out", _SAME, None, lambda c, f, k, h, w: f * (c * _inside(h, k) * _inside(w, k) + h * w)),
    ("positions without padding", _SAME, None, lambda c, f, k, h, w: max(h - k + 1, 0) * max(w - k + 1, 0) * _conv(c, f, k, h, w)),
    ("positions without padding, fully connected too", _SAME, None, lambda c, f, k, h, w: max(h - k + 1, 0) * max(w - k + 1, 0) * _conv(c, f, k, h, w),
     lambda c, f, k, h, w: f * max(h - k + 1, 0) * max(w - k + 1, 0) * (c * h * w + 1)),
    ("fully connected outputs without padding", _SAME, None, None, lambda c, f, k, h, w: f * max(h - k + 1, 0) * max(w - k + 1, 0) * (c * h * w + 1)),
    ("fully connected to one output for each channel", _FULL_ADVICE, None, None, lambda c, f, k, h, w: f * (c * h * w + 1)),
    ("fully connected from one input for each channel", _FULL_ADVICE, None, None, lambda c, f, k, h, w: f * h * w * (c + 1)),
    ("fully connected without the output channels", _FULL_ADVICE, None, None, lambda c, f, k, h, w: h * w * (c * h * w + 1)),
    ("fully connected counted as locally connected", _FULL_ADVICE, None, None, _local),
    ("fully connected: pixels only", _FULL_ADVICE, None, None, lambda c, f, k, h, w: h * w * (h * w + 1)),
    ("height squared for height times width", "An image has height·width pixels.", None, lambda c, f, k, h, w: _local(c, f, k, h, h), lambda c, f, k, h, w: _full(c, f, k, h, h)),
    ("height plus width for height times width", "An image has height·width pixels.", None, lambda c, f, k, h, w: (h + w) * _conv(c, f, k, h, w), lambda c, f, k, h, w: f * (h + w) * (c * (h + w) + 1)),
    ("convolution counted as locally connected", "One filter serves all positions: the size of the image does not enter.", _local),
    ("convolution and locally connected swapped", _ORDER, _local, _conv),
    ("locally connected and fully connected swapped", _ORDER, None, _full, _local),
    ("order reversed", _ORDER, _full, None, _conv),
    ("output channels forgotten", "There are C_out filters.", lambda c, f, k, h, w: c * k * k + 1, lambda c, f, k, h, w: h * w * (c * k * k + 1), lambda c, f, k, h, w: h * w * (c * h * w + 1)),
    ("multiply-adds of the convolution", "Parameters are asked for; each is used H·W times, but counted once.", lambda c, f, k, h, w: h * w * f * c * k * k),
    ("floats", _INT, lambda *given: float(_conv(*given)), lambda *given: float(_local(*given)), lambda *given: float(_full(*given))),
    ("32-bit integers", "A fully connected layer outgrows 32 bits: use Python's ints.", *(
        lambda *given, count=count: (count(*given) + 2**31) % 2**32 - 2**31 for count in _COUNTS)),
)  # fmt: skip


def _counts_by_ratio(c_in, c_out, kernel, height, width):
    pixels = height * width
    conv = c_out + c_out * c_in * kernel**2
    return [conv, conv * pixels, int(Fraction(c_out * pixels) * (1 + c_in * pixels))]


def _counts_by_adding(c_in, c_out, kernel, height, width):
    """NumPy's integers, summed filter by filter."""
    conv = np.sum(np.full(c_out, c_in * kernel * kernel + 1, dtype=np.int64))
    return (
        conv,
        conv * (height * width),
        np.int64(c_out * height * width) * (c_in * height * width) + c_out * height * width,
    )


def _case(name, *given):
    names = ("c_in", "c_out", "kernel", "height", "width")
    return Case(name, lambda rng: dict(zip(names, given, strict=True)))


COUNTS = Exercise(
    name="parameter_counts",
    returns=("conv", "locally_connected", "fully_connected"),
    oracle=_counts_oracle,
    cases=(
        _case("one channel, 3×3, an image of 4×5", 1, 1, 3, 4, 5),
        _case("two channels to three, 3×3, an image of 4×5", 2, 3, 3, 4, 5),
        _case("three channels to two, 5×5, an image of 6×6", 3, 2, 5, 6, 6),
        _case("a 1×1 kernel", 4, 5, 1, 3, 2),
        _case("a 7×7 kernel on an image of 3×4", 2, 2, 7, 3, 4),
        _case("a single pixel", 6, 4, 3, 1, 1),
        _case("an RGB image of 32×32", 3, 16, 3, 32, 32),
        _case("VGG's first layer", 3, 64, 3, 224, 224),
    ),
    mistakes=tuple(Mistake(name, advice, _counts(*values)) for name, advice, *values in _COUNT_SLIPS),
    accepts=(_counts_by_ratio, _counts_by_adding, _counts_oracle),
    verified="equal to the parameters of torch's layers, from a single pixel to VGG's first layer",
)
