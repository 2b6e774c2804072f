"""output_size: cases, oracle, mistakes."""

import math

import numpy as np

from utils.exercises.cnn_layers.shared import _must_fit, _named, _raising
from utils.grading.spec import Case, Exercise


# ---- output_size ------------------------------------------------------------------------------------------------
def _size_oracle(n, kernel, stride=1, padding=0, dilation=1):
    import torch

    line, taps = torch.zeros(1, 1, n), torch.zeros(1, 1, kernel)
    return torch.nn.functional.conv1d(line, taps, None, stride, padding, dilation).shape[-1]


def _size(
    room=lambda n, p: n + 2 * p, span=lambda k, d: d * (k - 1) + 1, count=lambda free, s: free // s + 1, fits=None
):
    """An output size with one part exchanged: the padded length, the kernel's span, the count, when it is refused."""

    def size(n, kernel, stride=1, padding=0, dilation=1):
        free = room(n, padding) - span(kernel, dilation)
        if not (fits(n, kernel, stride, padding, dilation) if fits else free >= 0):
            raise ValueError("the kernel does not fit")
        return count(free, stride)

    return size


def _always(*_):
    return True


_FLOOR = "Only whole windows count: round down, (n + 2·padding − span) // stride + 1."


_ONE = "The first window sits at 0 and counts too: free // stride + 1, the 1 after the division."


_SIDES = "Padding is put on both sides: n + 2·padding."


_SPAN = "A kernel of k taps, `dilation` apart, covers dilation·(k − 1) + 1 pixels: k − 1 gaps and one pixel more."


_STRIDE = "A stride of s keeps every s-th position: divide the free room by it."


_FIT = "Where the kernel's span is larger than n + 2·padding no window exists: raise ValueError."


_INT = "A size is an int: integer division //, or int(...)."


_SIZE_MISTAKES = _named(
    ("ceil for floor", _FLOOR, _size(count=lambda free, s: -(-free // s) + 1)),
    ("+ 1 forgotten", _ONE, _size(count=lambda free, s: free // s)),
    ("+ 1 before the division", _ONE, _size(count=lambda free, s: (free + 1) // s)),
    ("padding on one side", _SIDES, _size(room=lambda n, p: n + p)),
    ("padding forgotten", _SIDES, _size(room=lambda n, p: n)),
    ("padding subtracted", "Padding makes the image larger: n + 2·padding.", _size(room=lambda n, p: n - 2 * p)),
    ("stride ignored", _STRIDE, _size(count=lambda free, s: free + 1)),
    ("stride multiplied", _STRIDE, _size(count=lambda free, s: free * s + 1)),
    ("dilation ignored", _SPAN, _size(span=lambda k, d: k)),
    ("span dilation · k", _SPAN, _size(span=lambda k, d: d * k)),
    ("span dilation · (k − 1)", _SPAN, _size(span=lambda k, d: d * (k - 1))),
    ("span k + dilation − 1", _SPAN, _size(span=lambda k, d: k + d - 1)),
    ("dilation counted from 0", "dilation = 1 is the ordinary kernel: the span is dilation·(k − 1) + 1.",
     _size(span=lambda k, d: (d + 1) * (k - 1) + 1)),
    ("a float", _INT, _size(count=lambda free, s: float(free // s + 1))),
    ("the exact ratio", _INT, _size(count=lambda free, s: free / s + 1)),
    ("rounded to the nearest", _FLOOR, _size(count=lambda free, s: round(free / s) + 1)),
    ("padding k // 2, whatever is asked for", "Use the padding that is passed; k // 2 is only the usual choice.",
     lambda n, k, s=1, p=0, d=1: _size()(n, k, s, k // 2, d)),
    ("ceil(n / stride) (\"same\" padding)", "That is the size under \"same\" padding; here the padding is given.",
     lambda n, k, s=1, p=0, d=1: -(-n // s)),
    ("transposed convolution", "A transposed convolution undoes this size; here the map gets smaller.",
     lambda n, k, s=1, p=0, d=1: _must_fit((n - 1) * s - 2 * p + d * (k - 1) + 1)[0]),
    ("no ValueError where the kernel does not fit", _FIT, _size(fits=_always)),
    ("no ValueError, int() rounds towards zero", "int(−1 / 2) is 0, so the size becomes 1: test the room before you divide.",
     _size(fits=_always, count=lambda free, s: int(free / s) + 1)),
    ("int() rounds towards zero before the test", "int(−1 / 2) is 0, so the size becomes 1: test the room before you divide.",
     _size(fits=_always, count=lambda free, s: _must_fit(int(free / s) + 1)[0])),
    ("zero where the kernel does not fit", _FIT, _size(fits=_always, count=lambda free, s: max(free // s + 1, 0))),
    ("at least one", _FIT, _size(fits=_always, count=lambda free, s: max(free // s + 1, 1))),
    ("None where the kernel does not fit", _FIT, _size(fits=_always, count=lambda free, s: free // s + 1 if free >= 0 else None)),
    ("refused when the kernel is larger than n", "Compare the span with n + 2·padding: the padding counts as room.",
     _size(fits=lambda n, k, s, p, d: d * (k - 1) + 1 <= n)),
    ("refused by the undilated kernel", "Compare the span dilation·(k − 1) + 1, not k, with n + 2·padding.",
     _size(fits=lambda n, k, s, p, d: k <= n + 2 * p)),
    ("refused when the kernel fits exactly", "A kernel as large as the padded image has one place: the size is 1.",
     _size(fits=lambda n, k, s, p, d: d * (k - 1) + 1 < n + 2 * p)),
    ("refused when pixels are left over", "Pixels that the last window does not reach are simply dropped.",
     _size(fits=lambda n, k, s, p, d: (f := n + 2 * p - d * (k - 1) - 1) >= 0 and f % s == 0)),
    ("stride and padding in the wrong order", "The order is (n, kernel, stride, padding, dilation).",
     lambda n, k, p=0, s=1, d=1: _size()(n, k, s, p, d)),
    ("an assertion in place of ValueError", _FIT, _raising(AssertionError, _size())),
    ("another exception than ValueError", _FIT, _raising(RuntimeError, _size())),
)  # fmt: skip


def _size_by_range(n, kernel, stride=1, padding=0, dilation=1):
    return _must_fit(len(range(0, n + 2 * padding - dilation * (kernel - 1), stride)))[0]


def _size_by_counting(n, kernel, stride=1, padding=0, dilation=1):
    starts = range(-padding, n + padding, stride)
    return _must_fit(sum(start + dilation * (kernel - 1) < n + padding for start in starts))[0]


# ---- the cases --------------------------------------------------------------------------------------------------
def _size_case(name, *values, **more):
    keys = ("n", "kernel", "stride", "padding", "dilation")
    return Case(name, lambda rng: dict(zip(keys, values, strict=False)), **more)


SIZE = Exercise(
    name="output_size",
    returns=("size",),
    oracle=_size_oracle,
    cases=(
        _size_case("5 pixels, kernel 3", 5, 3),
        _size_case("5 pixels, kernel 3, padding 1: the size stays", 5, 3, 1, 1),
        _size_case("6 pixels, kernel 3, stride 2: one is left over", 6, 3, 2),
        _size_case("kernel as large as the image", 4, 4),
        _size_case("10 pixels, kernel 3, dilation 2", 10, 3, 1, 0, 2),
        _size_case("AlexNet: 227 pixels, kernel 11, stride 4", 227, 11, 4),
        _size_case("ResNet: 224 pixels, kernel 7, stride 2, padding 3", 224, 7, 2, 3),
        _size_case("an even kernel, stride 2, padding 1", 7, 4, 2, 1),
        _size_case("a 1×1 kernel with stride 3", 9, 1, 3),
        _size_case("everything at once", 19, 3, 4, 2, 3),
        _size_case("it fits thanks to its padding", 2, 4, 3, 1),
        _size_case("kernel one pixel too large", 4, 5, raises="ValueError"),
        _size_case("kernel one pixel too large, stride 2", 2, 3, 2, raises="ValueError"),
        _size_case("dilated kernel too large", 4, 3, 1, 0, 3, raises="ValueError"),
        _size_case("kernel far too large", 3, 11, 4, 1, raises="ValueError"),
    ),
    mistakes=_SIZE_MISTAKES,
    accepts=(
        _size_by_range,
        _size_by_counting,
        lambda n, k, s=1, p=0, d=1: np.int64(_must_fit((n + 2 * p - d * (k - 1) - 1 + s) // s)[0]),
        lambda n, k, s=1, p=0, d=1: _size(count=lambda free, s: math.floor(free / s) + 1)(n, k, s, p, d),
    ),
    verified="equal to the length of what torch's convolution returns, dilation and leftover pixels included; ValueError where no window fits",
)  # fmt: skip
