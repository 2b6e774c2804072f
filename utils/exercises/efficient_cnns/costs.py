"""What a depthwise-separable convolution costs. Oracle: torch's parameters and its flop counter."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _layers(c_in, c_out, kernel):
    import torch
    from torch import nn

    with torch.device("meta"):
        depthwise = nn.Conv2d(c_in, c_in, kernel, padding=kernel // 2, groups=c_in, bias=False)
        return nn.Sequential(depthwise, nn.Conv2d(c_in, c_out, 1, bias=False))


def _oracle(c_in, c_out, kernel, height, width):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    layers = _layers(c_in, c_out, kernel)
    with FlopCounterMode(display=False) as counter:
        layers(torch.empty(1, c_in, height, width, device="meta"))
    return sum(p.numel() for p in layers.parameters()), counter.get_total_flops() // 2


def _cost(parameters, macs=None):
    """Both numbers from formulas in c_in, c_out, k, h, w; macs is parameters · positions where nothing is said."""

    def wrong(c_in, c_out, kernel, height, width):
        p = parameters(c_in, c_out, kernel, height, width)
        return p, p * height * width if macs is None else macs(c_in, c_out, kernel, height, width)

    return wrong


def _right(c, d, k, h, w):
    return c * k * k + c * d


_PARTS = "k²·c_in for the depthwise part, one kernel for each channel, and c_in·c_out for the 1×1 that mixes them."
_EACH = "Every weight is used once at each of height·width positions."
_EXACT = "Return two ints: (parameters, macs)."

MISTAKES = tuple(Mistake(*row) for row in (
    ("a plain convolution", _PARTS, _cost(lambda c, d, k, h, w: c * d * k * k)),
    ("the 1×1 left out", _PARTS, _cost(lambda c, d, k, h, w: c * k * k)),
    ("the depthwise part left out", _PARTS, _cost(lambda c, d, k, h, w: c * d)),
    ("depthwise part on the output channels (1×1 first)", f"{_PARTS} The depthwise part comes first.", _cost(lambda c, d, k, h, w: d * k * k + c * d)),
    ("one kernel for all channels", _PARTS, _cost(lambda c, d, k, h, w: k * k + c * d)),
    ("kernel not squared", "A k×k kernel has k² taps.", _cost(lambda c, d, k, h, w: c * k + c * d)),
    ("parts multiplied, not added", _PARTS, _cost(lambda c, d, k, h, w: c * k * k * c * d)),
    ("c_in squared in the depthwise part (groups forgotten)", _PARTS, _cost(lambda c, d, k, h, w: c * c * k * k + c * d)),
    ("biases counted", "No biases here.", _cost(lambda c, d, k, h, w: c * k * k + c * d + c + d, lambda c, d, k, h, w: h * w * _right(c, d, k, h, w))),
    ("biases counted, as multiply-adds too", "No biases here.", _cost(lambda c, d, k, h, w: c * k * k + c * d + c + d)),
    ("batch norms counted", "No norms here.", _cost(lambda c, d, k, h, w: c * k * k + c * d + 2 * c + 2 * d, lambda c, d, k, h, w: h * w * _right(c, d, k, h, w))),
    ("multiply-adds doubled (FLOPs)", "One multiplication and one addition are one multiply-add.", _cost(_right, lambda c, d, k, h, w: 2 * h * w * _right(c, d, k, h, w))),
    ("positions forgotten", _EACH, _cost(_right, _right)),
    ("positions in the depthwise part only", _EACH, _cost(_right, lambda c, d, k, h, w: c * k * k * h * w + c * d)),
    ("square map assumed (height²)", _EACH, _cost(_right, lambda c, d, k, h, w: h * h * _right(c, d, k, h, w))),
    ("square map assumed (width²)", _EACH, _cost(_right, lambda c, d, k, h, w: w * w * _right(c, d, k, h, w))),
    ("map shrunk by the kernel", "Same size: the map is padded.", _cost(_right, lambda c, d, k, h, w: (h - k + 1) * (w - k + 1) * _right(c, d, k, h, w))),
    ("multiply-adds of a plain convolution", _PARTS, _cost(_right, lambda c, d, k, h, w: h * w * c * d * k * k)),
    ("the ratio to a plain convolution", _EXACT, _cost(lambda c, d, k, h, w: 1 / d + 1 / k**2, lambda c, d, k, h, w: 1 / d + 1 / k**2)),
    ("multiply-adds before parameters", _EXACT, lambda *a: _cost(_right)(*a)[::-1]),
    ("floats", _EXACT, lambda *a: tuple(map(float, _cost(_right)(*a)))),
    ("in millions", _EXACT, lambda *a: tuple(n / 1e6 for n in _cost(_right)(*a))),
))  # fmt: skip


def _by_shapes(c_in, c_out, kernel, height, width):
    shapes = np.array([[c_in, 1, kernel, kernel], [c_out, c_in, 1, 1]])
    parameters = shapes.prod(axis=1).sum()
    return parameters, parameters * height * width


def _by_layers(c_in, c_out, kernel, height, width):
    count = sum(p.numel() for p in _layers(c_in, c_out, kernel).parameters())
    return count, count * height * width


def _case(name, *values):
    names = ("c_in", "c_out", "kernel", "height", "width")
    return Case(name, lambda rng: dict(zip(names, values, strict=True)))


COST = Exercise(
    name="separable_cost",
    returns=("parameters", "multiply-adds"),
    oracle=_oracle,
    cases=(
        _case("two channels to three, 3×3 on 4×5", 2, 3, 3, 4, 5),
        _case("the kernel is one pixel", 4, 6, 1, 3, 3),
        _case("as many out as in, 5×5", 8, 8, 5, 7, 7),
        _case("fewer out than in", 12, 4, 3, 6, 2),
        _case("MobileNet's widest layer", 1024, 1024, 3, 7, 7),
        _case("ConvNeXt's kernel on a large map", 96, 192, 7, 56, 28),
    ),
    mistakes=MISTAKES,
    accepts=(_by_shapes, _by_layers, lambda *a: _oracle(*map(int, a))),
    verified="exact against torch's parameters and its flop counter, maps that are not square included",
)
