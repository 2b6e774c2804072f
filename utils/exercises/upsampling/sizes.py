"""`conv_transpose_size` and `dilated_receptive_field`. Oracles: torch's own output, and where autograd finds gradient."""

from utils.grading.spec import Case, Exercise, Mistake


def _size_oracle(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    import torch

    x, w = torch.zeros(1, 1, n), torch.zeros(1, 1, kernel)
    return torch.nn.functional.conv_transpose1d(x, w, None, stride, padding, output_padding, 1, dilation).shape[-1]


def _field_oracle(layers):
    """The distance between the first and the last input that one output's gradient reaches, all weights 1."""
    import torch

    n = 1
    for kernel, stride, dilation in reversed(layers):  # the least input that gives one output
        n = (n - 1) * stride + dilation * (kernel - 1) + 1
    x = torch.zeros(1, 1, 3 * n + 8, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, dilation in layers:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel, dtype=torch.float64), None, stride, 0, dilation)
    y[0, 0, 0].backward()
    reached = torch.nonzero(x.grad[0, 0]).flatten()
    return int(reached[-1] - reached[0]) + 1


# ---- conv_transpose_size -----------------------------------------------------------------------------------------


def _size(n, k, s=1, p=0, op=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + op + 1


_FORMULA = "(n − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1: convolution's formula solved for its input."
_PADDING = "Padding is cut off at both ends of a transposed convolution: − 2·padding."
_DILATED = "A dilated kernel spans dilation·(kernel − 1) + 1 pixels."
_OP = "output_padding adds that many pixels at the end, once: it settles which of several sizes is meant."
_INT = "Sizes are whole numbers: return an int."
_SIZE_FLAWS = {
    "convolution's size": ("That is the forward convolution's size; the transposed one solves that formula for its input.", lambda n, k, s=1, p=0, op=0, d=1: (
        n + 2 * p - d * (k - 1) - 1) // s + 1),
    "padding added": (_PADDING, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, -p, op, d)),
    "padding cut off once": (_PADDING, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, 0, op, d) - p),
    "padding forgotten": (_PADDING, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, 0, op, d)),
    "n·stride": (_FORMULA, lambda n, k, s=1, p=0, op=0, d=1: n * s),
    "n·stride for (n − 1)·stride": (_FORMULA, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, op, d) + s),
    "n·stride + kernel − stride, no dilation": (_DILATED, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, op, 1)),
    "dilation multiplied by kernel": (_DILATED, lambda n, k, s=1, p=0, op=0, d=1: (n - 1) * s - 2 * p + d * k + op),
    "dilation·kernel for dilation·(kernel − 1)": (_DILATED, lambda n, k, s=1, p=0, op=0, d=1: (n - 1) * s - 2 * p + d * k + op + 1),
    "dilation added": (_DILATED, lambda n, k, s=1, p=0, op=0, d=1: (n - 1) * s - 2 * p + k + (d - 1) + op),
    "dilation counted from 0": (_DILATED, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, op, d + 1)),
    "output_padding ignored": (_OP, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, 0, d)),
    "output_padding on both sides": (_OP, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, 2 * op, d)),
    "output_padding times stride": (_OP, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, op * s, d)),
    "output_padding subtracted": (_OP, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, -op, d)),
    "stride ignored": (_FORMULA, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, 1, p, op, d)),
    "the kernel's + 1 forgotten": (_FORMULA, lambda n, k, s=1, p=0, op=0, d=1: _size(n, k, s, p, op, d) - 1),
    "kernel ignored": (_FORMULA, lambda n, k, s=1, p=0, op=0, d=1: (n - 1) * s - 2 * p + op + 1),
    "padding and output_padding exchanged": ("The order is stride, padding, output_padding, dilation.", lambda n, k, s=1, p=0, op=0, d=1: (
        _size(n, k, s, op, p, d))),
    "output_padding and dilation exchanged": ("The order is stride, padding, output_padding, dilation.", lambda n, k, s=1, p=0, op=0, d=1: (
        _size(n, k, s, p, d, op))),
    "stride 2 by default": ("The default stride is 1, as in torch.", lambda n, k, s=2, p=0, op=0, d=1: _size(n, k, s, p, op, d)),
    "a float": (_INT, lambda *v: float(_size(*v))),
}  # fmt: skip


def _by_scatter(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """The last place that is written to."""
    touched = {i * stride + dilation * u for i in range(n) for u in range(kernel)}
    return max(touched) + 1 - 2 * padding + output_padding


def _by_inverse(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """The least input from which a convolution makes n outputs, and the remainder."""
    size = 1
    while (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 < n or size + 2 * padding <= dilation * (
        kernel - 1
    ):
        size += 1
    return size + output_padding


def _asked(name, **inputs):
    order = ("n", "kernel", "stride", "padding", "output_padding", "dilation")
    last = max(i for i, key in enumerate(order) if key in inputs)
    filled = dict(stride=1, padding=0, output_padding=0, dilation=1) | inputs
    return Case(name, lambda rng: {key: filled[key] for key in order[: last + 1]})


SIZE = Exercise(
    name="conv_transpose_size",
    returns=("size",),
    oracle=_size_oracle,
    cases=(
        _asked("kernel 3", n=5, kernel=3),
        _asked("twice as large: kernel 4, stride 2, padding 1", n=7, kernel=4, stride=2, padding=1),
        _asked("U-Net's up-convolution: kernel 2, stride 2", n=28, kernel=2, stride=2),
        _asked("kernel 3, stride 2, padding 1: one short", n=7, kernel=3, stride=2, padding=1),
        _asked("the same with output_padding 1", n=7, kernel=3, stride=2, padding=1, output_padding=1),
        _asked("stride 4, output_padding 3", n=3, kernel=5, stride=4, padding=2, output_padding=3),
        _asked("dilation 2", n=6, kernel=3, dilation=2),
        _asked("dilation 3, stride 2, padding 2, output_padding 1", n=5, kernel=4, stride=2, padding=2, output_padding=1, dilation=3),
        _asked("one pixel", n=1, kernel=4),
        _asked("kernel 1", n=9, kernel=1),
        _asked("kernel 1, stride 3: gaps", n=4, kernel=1, stride=3),
        _asked("FCN's 32 times", n=10, kernel=64, stride=32, padding=16),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _SIZE_FLAWS.items()),
    accepts=(_by_scatter, _by_inverse, lambda n, k, s=1, p=0, op=0, d=1: s * (n - 1) + d * (k - 1) + 1 - 2 * p + op),
    verified="equal to the shape that torch's conv_transpose1d gives, stride, padding, output_padding and dilation apart",
)  # fmt: skip


# ---- dilated_receptive_field -------------------------------------------------------------------------------------


def _field(span=lambda k, d: d * (k - 1), jump=lambda j, s, d: j * s, before=False, start=1, order=list):
    def wrong(layers):
        field, step = start, 1
        for k, s, d in order(layers):
            step = jump(step, s, d) if before else step
            field += span(k, d) * step
            step = step if before else jump(step, s, d)
        return field

    return wrong


def _product(layers):
    size = 1
    for k, _, d in layers:
        size *= d * (k - 1) + 1
    return size


_SPAN = "A dilated kernel spans dilation·(kernel − 1) + 1 pixels, so a layer adds dilation·(kernel − 1)·jump."
_JUMP = (
    "jump is the product of the strides of the layers before: neighbours in this map lie that far apart in the input."
)
_START = "One output sees itself: the field starts at 1, and without layers it stays 1."
_FIELD_FLAWS = {
    "dilation multiplied by kernel": (_SPAN, _field(span=lambda k, d: d * k - 1)),
    "dilation multiplied by kernel, nothing taken off": (_SPAN, _field(span=lambda k, d: d * k)),
    "dilation ignored": (_SPAN, _field(span=lambda k, d: k - 1)),
    "dilation added to the kernel": (_SPAN, _field(span=lambda k, d: k + d - 2)),
    "dilation counted as gaps: (d + 1)(k − 1)": ("dilation 1 is the plain convolution: neighbours are dilation pixels apart.", _field(
        span=lambda k, d: (d + 1) * (k - 1))),
    "kernel for kernel − 1": (_SPAN, _field(span=lambda k, d: d * (k - 1) + 1)),
    "stride ignored": (_JUMP, _field(jump=lambda j, s, d: 1)),
    "a layer's own stride counted before its kernel": (_JUMP, _field(before=True)),
    "only the last stride counted": (_JUMP, _field(jump=lambda j, s, d: s)),
    "strides added": (_JUMP, _field(jump=lambda j, s, d: j + s - 1)),
    "dilation carried on as a stride": ("Dilation spreads one layer's kernel; only strides spread the layers after.", _field(
        jump=lambda j, s, d: j * s * d)),
    "dilation carried on in place of the stride": (_JUMP, _field(jump=lambda j, s, d: j * d)),
    "layers from the last to the first": (_JUMP, _field(order=lambda layers: list(reversed(layers)))),
    "the starting 1 forgotten": (_START, _field(start=0)),
    "product of the kernels": ("Fields add up, they do not multiply.", _product),
    "stride and dilation exchanged": ("A layer is (kernel, stride, dilation).", lambda layers: _field()(
        [(k, d, s) for k, s, d in layers])),
    "the square's area": ("The question asks for the length along one axis.", lambda layers: _field()(layers) ** 2),
    "the last layer only": (_JUMP, lambda layers: _field()(layers[-1:])),
    "a float": (_INT, lambda layers: float(_field()(layers))),
}  # fmt: skip


def _backwards(layers):
    """From one output back to the input."""
    size = 1
    for kernel, stride, dilation in reversed(layers):
        size = (size - 1) * stride + dilation * (kernel - 1) + 1
    return size


def _by_sets(layers):
    """The input places that output 0 depends on."""
    places = {0}
    for kernel, stride, dilation in reversed(layers):
        places = {p * stride + dilation * u for p in places for u in range(kernel)}
    return max(places) - min(places) + 1


FIELD = Exercise(
    name="dilated_receptive_field",
    returns=("field",),
    oracle=_field_oracle,
    cases=(
        Case("one 3-kernel with dilation 2", lambda rng: dict(layers=[(3, 1, 2)])),
        Case("two plain 3-kernels", lambda rng: dict(layers=[(3, 1, 1), (3, 1, 1)])),
        Case("dilations 1, 2, 4", lambda rng: dict(layers=[(3, 1, 1), (3, 1, 2), (3, 1, 4)])),
        Case("dilations 2, 2, 2", lambda rng: dict(layers=[(3, 1, 2)] * 3)),
        Case("strides only", lambda rng: dict(layers=[(7, 2, 1), (3, 2, 1), (3, 1, 1)])),
        Case("a stride, then dilation", lambda rng: dict(layers=[(3, 2, 1), (3, 1, 3)])),
        Case("dilation, then a stride, then a kernel", lambda rng: dict(layers=[(3, 1, 2), (2, 2, 1), (5, 1, 1)])),
        Case("strides and dilations together", lambda rng: dict(layers=[(5, 2, 1), (3, 3, 2), (2, 1, 4), (4, 2, 3)])),
        Case("1×1 kernels, one with a stride", lambda rng: dict(layers=[(1, 1, 1), (1, 2, 5), (3, 1, 1)])),
        Case("an even kernel", lambda rng: dict(layers=[(4, 1, 3)])),
        Case("no layers", lambda rng: dict(layers=[])),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in _FIELD_FLAWS.items()),
    accepts=(_backwards, _by_sets, _field()),
    verified="equal to the reach of one output's gradient through torch's dilated convolutions",
)  # fmt: skip
