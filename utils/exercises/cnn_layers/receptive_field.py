"""receptive_field: cases, oracle, mistakes."""

import functools
import math

import numpy as np

from utils.exercises.cnn_layers.shared import _named
from utils.grading.spec import Case, Exercise


# ---- receptive_field --------------------------------------------------------------------------------------------
def _field_oracle(layers):
    """Push a gradient through a chain of one-dimensional convolutions, and see how wide it comes out."""
    import torch

    line = torch.zeros(1, 1, 2000, dtype=torch.float64, requires_grad=True)
    out = line
    for kernel, stride in layers:
        out = torch.nn.functional.conv1d(out, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride)
    out[0, 0, out.shape[-1] // 2].backward()
    reached = line.grad[0, 0].nonzero()
    return int(reached.max() - reached.min()) + 1


def _field(
    grow=lambda r, k, s, jump: r + (k - 1) * jump,
    leap=lambda jump, k, s: jump * s,
    start=1,
    order=lambda layers: layers,
    end=lambda r: r,
):
    """A receptive field with one part exchanged: its growth, the jump between neighbours, the start, the order."""

    def field(layers):
        r, jump = start, 1
        for kernel, stride in order(layers):
            r, jump = grow(r, kernel, stride, jump), leap(jump, kernel, stride)
        return end(r)

    return field


_right_field = _field()


_JUMP = "Neighbours of a map are as many pixels apart as the strides of all layers before it multiply to: r += (k − 1)·jump."


_AFTER = "A layer's own stride only spreads the layers behind it: use jump first, then multiply it by the stride."


_START = "One pixel sees itself: start from r = 1, which is also the answer for no layers."


_GROW = "A kernel of k taps adds k − 1 steps, of `jump` pixels each."


_FIRST = "The list starts at the image: walk it forwards with r += (k − 1)·jump, or backwards with r = (r − 1)·s + k."


_FIELD_MISTAKES = _named(
    ("strides left out", _JUMP, _field(leap=lambda jump, k, s: 1)),
    ("only the stride of the layer before", _JUMP, _field(leap=lambda jump, k, s: s)),
    ("its own stride in place of those before", _JUMP, _field(lambda r, k, s, jump: r + (k - 1) * s)),
    ("its own stride counted too", _AFTER, _field(lambda r, k, s, jump: r + (k - 1) * jump * s)),
    ("strides added, not multiplied", _JUMP, _field(leap=lambda jump, k, s: jump + s)),
    ("strides less one added, not multiplied", _JUMP, _field(leap=lambda jump, k, s: jump + s - 1)),
    ("walked in the wrong direction", _FIRST, _field(order=lambda layers: layers[::-1])),
    ("product of the kernels", _GROW, _field(lambda r, k, s, jump: r * k)),
    ("sum of the kernels", _GROW, _field(lambda r, k, s, jump: r + k, start=0)),
    ("k in place of k − 1", _GROW, _field(lambda r, k, s, jump: r + k * jump)),
    ("k in place of k − 1, from 0", _GROW, _field(lambda r, k, s, jump: r + k * jump, start=0)),
    ("started from 0", _START, _field(start=0)),
    ("the last layer's kernel alone", _GROW, _field(lambda r, k, s, jump: k)),
    ("the largest kernel", _GROW, _field(lambda r, k, s, jump: max(r, k))),
    ("one pixel too many where layers meet", _GROW, _field(lambda r, k, s, jump: r + (k - 1) * jump + (r > 1))),
    ("half of a kernel", "Both sides count: k − 1, not k // 2.", _field(lambda r, k, s, jump: r + k // 2 * jump)),
    ("k // 2 on both sides", "An even kernel has k − 1 neighbours, not 2·(k // 2).", _field(lambda r, k, s, jump: r + 2 * (k // 2) * jump)),
    ("field times stride", "The field grows by steps, it is not multiplied: r += (k − 1)·jump.", _field(lambda r, k, s, jump: r * s + k - 1)),
    ("multiplied by the strides at the end", _JUMP,
     lambda layers: (_field(leap=lambda jump, k, s: 1)(layers) - 1) * math.prod(s for _, s in layers) + 1),
    ("r·stride + k − stride, from 0", _START, _field(lambda r, k, s, jump: r * s + k - s, start=0, order=lambda layers: layers[::-1])),
    ("kernel and stride swapped", "Each pair is (kernel, stride).", lambda layers: _right_field([(s, k) for k, s in layers])),
    ("layers of stride > 1 skipped", "Pooling and strided layers widen the field like any other.", lambda layers: _right_field([(k if s == 1 else 1, s) for k, s in layers])),
    ("layers of kernel 1 skipped", "A 1×1 layer widens nothing, but its stride spreads what follows.", lambda layers: _right_field([(k, s) for k, s in layers if k > 1])),
    ("0 for no layers", _START, lambda layers: _right_field(layers) if layers else 0),
    ("IndexError for no layers", _START, lambda layers: (layers[0], _right_field(layers))[1]),
    ("the area", "The width is asked for, not its square.", _field(end=lambda r: r * r)),
    ("the radius", "The full width is asked for.", _field(end=lambda r: r // 2)),
    ("the jump", "The jump is how far neighbours are apart; the field is how wide one of them sees.", lambda layers: math.prod(s for _, s in layers)),
    ("a float", "A number of pixels is an int.", _field(end=float)),
    ("a pair", "The width alone is asked for.", _field(end=lambda r: (r, r))),
)  # fmt: skip


def _field_backwards(layers):
    return functools.reduce(lambda r, layer: (r - 1) * layer[1] + layer[0], reversed(layers), 1)


def _field_formula(layers):
    kernels, strides = np.array(layers, dtype=int).reshape(-1, 2).T
    return np.int64(1 + np.sum((kernels - 1) * np.cumprod(np.append(1, strides))[:-1]))


def _field_by_pixels(layers):
    """The span of pixels that a set of two neighbours' ends comes from."""
    low = high = 0
    for kernel, stride in list(layers)[::-1]:
        low, high = low * stride, high * stride + kernel - 1
    return high - low + 1


def _layers(*layers):
    return lambda rng: dict(layers=list(layers))


_VGG16 = tuple(layer for convolutions in (2, 2, 3, 3, 3) for layer in ((3, 1),) * convolutions + ((2, 2),))


FIELD = Exercise(
    name="receptive_field",
    returns=("field",),
    oracle=_field_oracle,
    cases=(
        Case("one 3×3", _layers((3, 1))),
        Case("two 3×3", _layers((3, 1), (3, 1))),
        Case("no layer", _layers()),
        Case("3×3 with stride 2, then 3×3", _layers((3, 2), (3, 1))),
        Case("3×3, then 3×3 with stride 2", _layers((3, 1), (3, 2))),
        Case("LeNet: 5×5, pool, 5×5, pool", _layers((5, 1), (2, 2), (5, 1), (2, 2))),
        Case("ResNet's beginning: 7×7 with stride 2, pool 3 with stride 2", _layers((7, 2), (3, 2), (3, 1), (3, 1))),
        Case("1×1 with stride 2, then 3×3", _layers((1, 2), (3, 1))),
        Case("even kernels, gaps", _layers((2, 3), (4, 1), (2, 2))),
        Case("strides of 2 and 3", _layers((3, 2), (3, 3), (5, 1), (3, 1))),
        Case("AlexNet", _layers((11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2))),
        Case("VGG-16 up to its last pooling", _layers(*_VGG16)),
    ),
    mistakes=_FIELD_MISTAKES,
    accepts=(_field_backwards, _field_formula, _field_by_pixels),
    verified="equal to the span of pixels that a gradient reaches through torch's convolutions, up to VGG-16's 212",
)  # fmt: skip
