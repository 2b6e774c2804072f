"""Anchors and their coding, wrong in many ways."""

import numpy as np

# ---- anchors -------------------------------------------------------------------------------------------------------


def _half_stride(x, stride):
    return (x + 0.5) * stride


def make_anchors(height, width, stride, sizes, ratios, *, centre=_half_stride, order="yxsr",
                 shape=lambda s, r: (s * np.sqrt(1 / r), s * np.sqrt(r)), corners=None, finish=lambda boxes: boxes):  # fmt: skip
    """`order` names the axes from the slowest to the fastest; `corners` replaces centre ± half."""
    ranges = dict(y=np.arange(height), x=np.arange(width), s=np.asarray(sizes, float), r=np.asarray(ratios, float))
    grid = dict(zip(order, np.meshgrid(*(ranges[axis] for axis in order), indexing="ij"), strict=True))
    y, x, size, ratio = (grid[axis].ravel() for axis in "yxsr")
    w, h = shape(size, ratio)
    x, y = centre(x, stride), centre(y, stride)
    made = corners(x, y, w, h) if corners else (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    return finish(np.stack(made, axis=1))


def _anchors_with(**parts):
    return lambda h, w, stride, sizes, ratios: make_anchors(h, w, stride, sizes, ratios, **parts)


def _strided_sizes(height, width, stride, sizes, ratios):
    return make_anchors(height, width, stride, [size * stride for size in sizes], ratios)


_RATIO = "ratio is height over width: width = size·√(1/r), height = size·√r."
_AREA = "The area is size² whatever the ratio: size times √(1/r) and √r."
_CENTRE = "The centre of cell (x, y) is ((x + ½)·stride, (y + ½)·stride)."
_ORDER = "Rows: y slowest, then x, then size, then ratio fastest: the order in which (H, W, A) is flattened."
_HALF = "A corner lies half a width from the centre."
_ROWS = "Return x1, y1, x2, y2, one row for each anchor."

ANCHOR_MISTAKES = {
    "ratio as width over height": (_RATIO, _anchors_with(shape=lambda s, r: (s * np.sqrt(r), s * np.sqrt(1 / r)))),
    "size as area": ("size is a side: the area is size².", _anchors_with(shape=lambda s, r: (np.sqrt(s / r), np.sqrt(s * r)))),
    "the root of the ratio forgotten": (_AREA, _anchors_with(shape=lambda s, r: (s / r, s * r))),
    "the height alone stretched": (_AREA, _anchors_with(shape=lambda s, r: (s, s * r))),
    "the width alone stretched": (_AREA, _anchors_with(shape=lambda s, r: (s / r, s))),
    "the width alone stretched, ratio as width over height": (_AREA, _anchors_with(shape=lambda s, r: (s * r, s))),
    "ratios ignored": (_RATIO, _anchors_with(shape=lambda s, r: (s, s))),
    "size times stride": ("size is in pixels of the image: only centres are multiplied by the stride.", _strided_sizes),
    "centres at the cell's corner": (_CENTRE, _anchors_with(centre=lambda x, stride: x * stride)),
    "centres at (stride − 1)/2 (Faster R-CNN's first code)": (
        "That belongs to boxes that name whole pixels. " + _CENTRE, _anchors_with(centre=lambda x, stride: x * stride + (stride - 1) / 2)),
    "half a pixel, not half a stride": (_CENTRE, _anchors_with(centre=lambda x, stride: x * stride + 0.5)),
    "stride // 2": (_CENTRE, _anchors_with(centre=lambda x, stride: x * stride + stride // 2)),
    "centres not multiplied by the stride": (_CENTRE, _anchors_with(centre=lambda x, stride: x + 0.5)),
    "x before y": (_ORDER, _anchors_with(order="xysr")),
    "ratio before size": (_ORDER, _anchors_with(order="yxrs")),
    "anchor by anchor, then places": (_ORDER, _anchors_with(order="sryx")),
    "x before y and ratio before size": (_ORDER, _anchors_with(order="xyrs")),
    "x and y exchanged": ("The first column is x: it runs over the width.", _anchors_with(corners=lambda x, y, w, h: (
        y - w / 2, x - h / 2, y + w / 2, x + h / 2))),
    "a whole width to either side": (_HALF, _anchors_with(corners=lambda x, y, w, h: (x - w, y - h, x + w, y + h))),
    "the centre taken for the corner": (_HALF, _anchors_with(corners=lambda x, y, w, h: (x, y, x + w, y + h))),
    "centre, width, height": (_ROWS, _anchors_with(corners=lambda x, y, w, h: (x, y, w, h))),
    "corner, width, height": (_ROWS, _anchors_with(corners=lambda x, y, w, h: (x - w / 2, y - h / 2, w, h))),
    "rounded to whole pixels": ("Coordinates are continuous: round nothing.", _anchors_with(finish=np.round)),
    "clipped at 0": ("Anchors may reach beyond the image: clip nothing.", _anchors_with(finish=lambda b: np.maximum(b, 0))),
    "by place, in three axes": ("Flatten to (H·W·A, 4).", lambda h, w, stride, sizes, ratios: make_anchors(
        h, w, stride, sizes, ratios).reshape(h, w, -1, 4)),
}  # fmt: skip


def anchors_loops(height, width, stride, sizes, ratios):
    rows = []
    for y in range(height):
        for x in range(width):
            for size in sizes:
                for ratio in ratios:
                    w, h = size / ratio**0.5, size * ratio**0.5
                    cx, cy = stride * (x + 0.5), stride * (y + 0.5)
                    rows.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
    return rows


def anchors_by_broadcasting(height, width, stride, sizes, ratios):
    """Base anchors about the origin, moved to every place."""
    base = make_anchors(1, 1, 0, sizes, ratios)
    shift = make_anchors(height, width, stride, [0.0], [1.0])
    return (shift[:, None] + base[None]).reshape(-1, 4)


# ---- offsets -------------------------------------------------------------------------------------------------------


def centres(boxes):
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def sides(boxes, plus=0.0):
    return boxes[:, 2:] - boxes[:, :2] + plus


def encode_boxes(
    boxes, anchors, *, at=centres, plus=0.0, over=lambda b, a: a, size=np.log, weights=(1.0, 1.0), order=(0, 1, 2, 3)
):
    a, b = sides(anchors, plus), sides(boxes, plus)
    shift = (at(boxes) - at(anchors)) / over(b, a)
    return np.hstack([shift * weights[0], size(b / a) * weights[1]])[:, order]


def decode_boxes(deltas, anchors, *, at=centres, size=np.exp, over=lambda b, a: a, weights=(1.0, 1.0), order=(0, 1, 2, 3),
                 corners=lambda c, s: (c - s / 2, c + s / 2)):  # fmt: skip
    deltas = deltas[:, order]
    a = sides(anchors)
    b = a * size(deltas[:, 2:] / weights[1])
    return np.hstack(corners(at(anchors) + deltas[:, :2] / weights[0] * over(b, a), b))


def _encode_with(**parts):
    return lambda boxes, anchors: encode_boxes(boxes, anchors, **parts)


def _decode_with(**parts):
    return lambda deltas, anchors: decode_boxes(deltas, anchors, **parts)


def _corner(boxes):
    return boxes[:, :2]


def _crossed(b, a):
    return a[:, ::-1]


_LOG = "Sizes are coded as logarithms of ratios: dw = ln(w/w_a), so that w = w_a·exp(dw) is always positive."
_OVER = "The shift is measured in the *anchor's* width and height: decoding knows no other."
_CENTRES = "dx and dy run from the anchor's centre to the box's centre, not from corner to corner."
_WHICH = "The first argument is the box that is encoded, the second is the anchor."
_COLUMNS = "Columns: dx, dy, dw, dh."
_WEIGHTS = "Detectron's weights (10, 10, 5, 5), SSD's variances 0.1 and 0.2, rescale the targets; here there are none."

_BOTH = {
    "corners in place of centres": (_CENTRES, dict(at=_corner)),
    "the shift over the coded box's size": (_OVER, dict(over=lambda b, a: b)),
    "the shift in pixels": (_OVER, dict(over=lambda b, a: 1.0)),
    "dx over the height, dy over the width": (_OVER, dict(over=_crossed)),
    "times Detectron's weights, or over SSD's variances": (_WEIGHTS, dict(weights=(10.0, 5.0))),
    "divided by Detectron's weights": (_WEIGHTS, dict(weights=(0.1, 0.2))),
    "columns dy, dx, dh, dw": (_COLUMNS, dict(order=[1, 0, 3, 2])),
}  # fmt: skip
ENCODE_MISTAKES = {
    "log forgotten": (_LOG, _encode_with(size=lambda q: q)),
    "log forgotten, 1 taken away": (_LOG, _encode_with(size=lambda q: q - 1)),
    "logarithm to base 2": (_LOG, _encode_with(size=np.log2)),
    "logarithm to base 10": (_LOG, _encode_with(size=np.log10)),
    "anchor's size over the box's": (_LOG, _encode_with(size=lambda q: -np.log(q))),
    "the logarithm halved (of the area's root)": (_LOG, _encode_with(size=lambda q: np.log(q) / 2)),
    "boxes and anchors exchanged": (_WHICH, lambda boxes, anchors: encode_boxes(anchors, boxes)),
    "+ 1 in widths and heights": ("Width is x2 − x1.", _encode_with(plus=1.0)),
    "differences of the corners": (_CENTRES, lambda boxes, anchors: (boxes - anchors) / np.tile(sides(anchors), 2)),
    "plain differences": (_OVER, lambda boxes, anchors: boxes - anchors),
    "columns dx, dw, dy, dh": (_COLUMNS, _encode_with(order=[0, 2, 1, 3])),
    "dw and dh exchanged": (_COLUMNS, _encode_with(order=[0, 1, 3, 2])),
    **{name: (advice, _encode_with(**parts)) for name, (advice, parts) in _BOTH.items()},
}  # fmt: skip
DECODE_MISTAKES = {
    "exp forgotten": (_LOG, _decode_with(size=lambda q: q)),
    "exp forgotten, 1 added": (_LOG, _decode_with(size=lambda q: 1 + q)),
    "2 to the power": (_LOG, _decode_with(size=np.exp2)),
    "the sign of dw and dh": (_LOG, _decode_with(size=lambda q: np.exp(-q))),
    "the anchor's size kept": (_LOG, _decode_with(size=np.ones_like)),
    "a whole width to either side": ("A corner lies half a width from the centre.", _decode_with(corners=lambda c, s: (c - s, c + s))),
    "centre, width, height": ("Return corners: x1, y1, x2, y2.", _decode_with(corners=lambda c, s: (c, s))),
    "corner, width, height": ("Return corners: x1, y1, x2, y2.", _decode_with(corners=lambda c, s: (c - s / 2, s))),
    "the centre taken for the corner": (_CENTRES, _decode_with(corners=lambda c, s: (c, c + s))),
    "the sign of dx and dy": ("The box's centre is the anchor's plus dx widths.", _decode_with(over=lambda b, a: -a)),
    "columns dx, dw, dy, dh": (_COLUMNS, _decode_with(order=[0, 2, 1, 3])),
    "dw and dh exchanged": (_COLUMNS, _decode_with(order=[0, 1, 3, 2])),
    **{name: (advice, _decode_with(**parts)) for name, (advice, parts) in _BOTH.items()},
}  # fmt: skip


def encode_loops(boxes, anchors):
    out = np.empty((len(boxes), 4))
    for row, (b, a) in enumerate(zip(boxes, anchors, strict=True)):
        w, h = a[2] - a[0], a[3] - a[1]
        out[row, 0] = ((b[0] + b[2]) - (a[0] + a[2])) / 2 / w
        out[row, 1] = ((b[1] + b[3]) - (a[1] + a[3])) / 2 / h
        out[row, 2:] = np.log((b[2] - b[0]) / w), np.log(b[3] - b[1]) - np.log(h)
    return out


def decode_by_corner(deltas, anchors):
    """From the anchor's corner, with torchvision's clamp on dw and dh, which no case reaches."""
    size = sides(anchors)
    new = size * np.exp(np.minimum(deltas[:, 2:], np.log(1000 / 16)))
    low = anchors[:, :2] + (0.5 + deltas[:, :2]) * size - 0.5 * new
    return np.concatenate([low, low + new], axis=1)
