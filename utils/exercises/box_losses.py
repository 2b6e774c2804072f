"""38 · GIoU (Rezatofighi et al. 2019, algorithm 1), DIoU and CIoU (Zheng et al. 2020, eq. 6 to 11), the GIoU loss.

Oracle: the papers' definitions in torch float64, the gradient by autograd.
"""

import numpy as np

from utils.exercises.iou_nms import random_boxes
from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise, Question

KINDS = ("iou", "giou", "diou", "ciou")

# ---- oracle --------------------------------------------------------------------------------------------------------


def _overlap(a, b, kind):
    """One measure on tensors, written from its paper's definition."""
    import math

    import torch

    inter = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    union = size_a.prod(1) + size_b.prod(1) - inter
    iou = inter / union
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    if kind == "iou":
        return iou
    if kind == "giou":
        return iou - (hull.prod(1) - union) / hull.prod(1)
    apart = ((a[:, :2] + a[:, 2:]) / 2 - (b[:, :2] + b[:, 2:]) / 2).square().sum(1) / hull.square().sum(1)
    if kind == "diou":
        return iou - apart
    angles = [torch.atan2(size[:, 0], size[:, 1]) for size in (size_a, size_b)]
    v = 4 / math.pi**2 * (angles[1] - angles[0]) ** 2
    alpha = torch.where(v > 0, v / torch.where(v > 0, (1 - iou) + v, 1.0), 0.0)
    return iou - apart - alpha * v


def _overlap_oracle(a, b, kind):
    import torch

    return _overlap(torch.from_numpy(a), torch.from_numpy(b), kind).numpy()


def _loss_oracle(pred, target):
    import torch

    given = torch.from_numpy(np.array(pred)).requires_grad_()
    loss = (1 - _overlap(given, torch.from_numpy(target), "giou")).mean()
    loss.backward()
    return loss.item(), given.grad.numpy()


# ---- the four measures by rules ------------------------------------------------------------------------------------


def _known(s):
    if s.kind not in KINDS:
        raise ValueError(s.kind)


def _alpha(s):
    return np.where(s.v > 0, s.v / np.where(s.v > 0, (1 - s.iou) + s.v, 1), 0.0)


def _sides(boxes):
    return boxes[:, 2:] - boxes[:, :2]


def _middle(boxes):
    return (boxes[:, :2] + boxes[:, 2:]) / 2


_measure = by_rules(
    ("a", "b", "kind"),
    dict(
        valid=_known,
        wa=lambda s: _sides(s.a),
        wb=lambda s: _sides(s.b),
        area_a=lambda s: s.wa.prod(1),
        area_b=lambda s: s.wb.prod(1),
        shared=lambda s: np.minimum(s.a[:, 2:], s.b[:, 2:]) - np.maximum(s.a[:, :2], s.b[:, :2]),
        inter=lambda s: np.maximum(s.shared, 0).prod(1),
        union=lambda s: s.area_a + s.area_b - s.inter,
        iou=lambda s: s.inter / s.union,
        hull=lambda s: np.maximum(s.a[:, 2:], s.b[:, 2:]) - np.minimum(s.a[:, :2], s.b[:, :2]),
        closing=lambda s: s.hull.prod(1),
        giou=lambda s: s.iou - (s.closing - s.union) / s.closing,
        shift=lambda s: _middle(s.a) - _middle(s.b),
        rho=lambda s: (s.shift**2).sum(1),
        diagonal=lambda s: (s.hull**2).sum(1),
        apart=lambda s: s.rho / s.diagonal,
        diou=lambda s: s.iou - s.apart,
        ratio_a=lambda s: np.arctan(s.wa[:, 0] / s.wa[:, 1]),
        ratio_b=lambda s: np.arctan(s.wb[:, 0] / s.wb[:, 1]),
        angle=lambda s: s.ratio_b - s.ratio_a,
        v=lambda s: 4 / np.pi**2 * s.angle**2,
        alpha=_alpha,
        ciou=lambda s: s.diou - s.alpha * s.v,
        returned=lambda s: getattr(s, s.kind),
    ),
)

_VALID = "Raise ValueError for a kind that is none of iou, giou, diou, ciou."
_CLIP = "Disjoint boxes have negative sides of overlap: clip each at 0 before you multiply."
_UNION = "union = area a + area b − intersection."
_HULL = "C is the smallest box around both: the smaller x1, y1 and the larger x2, y2."
_GIOU = "GIoU = IoU − |C without A ∪ B| / |C|, that is IoU − (C − union)/C."
_DIOU = "DIoU = IoU − ρ²/c²: the squared distance of the centres over the squared diagonal of the enclosing box."
_CIOU = "CIoU = IoU − ρ²/c² − αv."
_V = "v = 4/π²·(atan(w_t/h_t) − atan(w/h))²: width over height, squared, scaled to at most 1."
_ALPHA = "α = v/((1 − IoU) + v), and 0 where v = 0."

OVERLAP_MISTAKES = listed(
    _measure,
    ("no ValueError for an unknown kind", _VALID, dict(valid=lambda s: None, returned=lambda s: getattr(s, s.kind, s.iou))),
    ("overlap of disjoint boxes not clipped", _CLIP, dict(inter=lambda s: s.shared.prod(1))),
    ("the product clipped, not the sides", _CLIP, dict(inter=lambda s: np.maximum(s.shared.prod(1), 0))),
    ("+ 1 in widths and heights", "Width is x2 − x1.", dict(wa=lambda s: _sides(s.a) + 1, wb=lambda s: _sides(s.b) + 1,
     shared=lambda s: np.minimum(s.a[:, 2:], s.b[:, 2:]) - np.maximum(s.a[:, :2], s.b[:, :2]) + 1)),
    ("union without the overlap taken away", _UNION, dict(union=lambda s: s.area_a + s.area_b)),
    ("every kind gives IoU", "kind chooses the measure.", dict(returned=lambda s: s.iou)),
    ("the losses in place of the measures", "Return the measure itself; the loss is 1 minus it.", dict(returned=lambda s: 1 - getattr(s, s.kind))),
    ("giou: over the union", _GIOU, dict(giou=lambda s: s.iou - (s.closing - s.union) / s.union)),
    ("giou: the intersection taken from C", _GIOU, dict(giou=lambda s: s.iou - (s.closing - s.inter) / s.closing)),
    ("giou: the enclosing box as the union", _GIOU, dict(giou=lambda s: s.inter / s.closing)),
    ("giou: union over C", _GIOU, dict(giou=lambda s: s.iou - s.union / s.closing)),
    ("giou: the penalty added", _GIOU, dict(giou=lambda s: s.iou + (s.closing - s.union) / s.closing)),
    ("giou: the two areas' sum as C", _HULL, dict(giou=lambda s: s.iou - (s.area_a + s.area_b - s.union) / (s.area_a + s.area_b))),
    ("giou: clipped at 0", "GIoU lies between −1 and 1; for disjoint boxes it is negative, and that is its use.", dict(giou=lambda s: np.maximum(
        s.iou - (s.closing - s.union) / s.closing, 0))),
    ("giou: the square around both as C", _HULL, dict(giou=lambda s: s.iou - 1 + s.union / s.hull.max(1) ** 2)),
    ("the overlap's corners as the enclosing box", _HULL, dict(
        hull=lambda s: np.minimum(s.a[:, 2:], s.b[:, 2:]) - np.maximum(s.a[:, :2], s.b[:, :2]))),
    ("centre distance not squared", _DIOU, dict(rho=lambda s: np.sqrt((s.shift**2).sum(1)))),
    ("distance and diagonal not squared", _DIOU, dict(apart=lambda s: np.sqrt(s.rho / s.diagonal))),
    ("diagonal not squared", _DIOU, dict(diagonal=lambda s: np.sqrt((s.hull**2).sum(1)))),
    ("diagonal of the target", _DIOU, dict(diagonal=lambda s: (s.wb**2).sum(1))),
    ("diagonal of the prediction", _DIOU, dict(diagonal=lambda s: (s.wa**2).sum(1))),
    ("area of the enclosing box for its diagonal", _DIOU, dict(diagonal=lambda s: s.closing)),
    ("city-block distance of the centres", _DIOU, dict(rho=lambda s: np.abs(s.shift).sum(1) ** 2)),
    ("distance of the upper left corners", _DIOU, dict(shift=lambda s: s.a[:, :2] - s.b[:, :2])),
    ("centres not halved", _DIOU, dict(shift=lambda s: 2 * (_middle(s.a) - _middle(s.b)))),
    ("distance in x only", _DIOU, dict(rho=lambda s: s.shift[:, 0] ** 2)),
    ("the distance added", _DIOU, dict(diou=lambda s: s.iou + s.apart)),
    ("diou: taken from GIoU", _DIOU, dict(diou=lambda s: s.giou - s.apart)),
    ("ciou: α = 1", _ALPHA, dict(alpha=lambda s: 1.0)),
    ("ciou: α = 0 (DIoU)", _CIOU, dict(alpha=lambda s: 0.0)),
    ("ciou: α = v/(IoU + v)", _ALPHA, dict(alpha=lambda s: s.v / np.maximum(s.iou + s.v, 1e-300))),
    ("ciou: α = v/(1 − IoU)", _ALPHA, dict(alpha=lambda s: s.v / np.where(s.v > 0, 1 - s.iou, 1))),
    ("ciou: α = v/(1 − DIoU + v)", _ALPHA, dict(alpha=lambda s: np.where(s.v > 0, s.v / np.where(s.v > 0, 1 - s.diou + s.v, 1), 0.0))),
    ("ciou: α = 0 below IoU 0.5 (Zheng et al. 2021)", "The journal version switches v off below IoU 0.5; here α of the AAAI paper: " + _ALPHA,
     dict(alpha=lambda s: np.where(s.iou < 0.5, 0.0, _alpha(s)))),
    ("ciou: 0/0 for α", _ALPHA, dict(alpha=lambda s: s.v / ((1 - s.iou) + s.v))),
    ("ciou: the sign of αv", _CIOU, dict(ciou=lambda s: s.diou + s.alpha * s.v)),
    ("ciou: without the distance", _CIOU, dict(ciou=lambda s: s.iou - s.alpha * s.v)),
    ("ciou: taken from GIoU", _CIOU, dict(ciou=lambda s: s.giou - s.alpha * s.v)),
    ("v: the angle not squared", _V, dict(v=lambda s: 4 / np.pi**2 * np.abs(s.angle))),
    ("v: 4/π² forgotten", _V, dict(v=lambda s: s.angle**2)),
    ("v: 4/π", _V, dict(v=lambda s: 4 / np.pi * s.angle**2)),
    ("v: 2/π, not squared", _V, dict(v=lambda s: 2 / np.pi * s.angle**2)),
    ("v: the ratios themselves, no arctangent", _V, dict(
        ratio_a=lambda s: s.wa[:, 0] / s.wa[:, 1], ratio_b=lambda s: s.wb[:, 0] / s.wb[:, 1])),
    ("v: width over height of one, height over width of the other", _V, dict(ratio_b=lambda s: np.arctan(s.wb[:, 1] / s.wb[:, 0]))),
    ("v: in degrees", _V, dict(angle=lambda s: np.degrees(s.ratio_b - s.ratio_a))),
    ("ciou: EIoU's terms", "EIoU compares widths and heights directly; CIoU compares the angle of the ratios: " + _V, dict(
        ciou=lambda s: s.diou - ((s.wa - s.wb) ** 2 / s.hull**2).sum(1))),
)  # fmt: skip


def _overlap_loops(a, b, kind):
    import math

    if kind not in KINDS:
        raise ValueError("kind")
    out = []
    for (x1, y1, x2, y2), (u1, v1, u2, v2) in zip(a.tolist(), b.tolist(), strict=True):
        inter = max(0.0, min(x2, u2) - max(x1, u1)) * max(0.0, min(y2, v2) - max(y1, v1))
        union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - inter
        cw, ch = max(x2, u2) - min(x1, u1), max(y2, v2) - min(y1, v1)
        value = inter / union
        if kind == "giou":
            value += union / (cw * ch) - 1
        if kind in ("diou", "ciou"):
            value -= ((x1 + x2 - u1 - u2) ** 2 + (y1 + y2 - v1 - v2) ** 2) / 4 / (cw**2 + ch**2)
        if kind == "ciou":  # height over width: the complement of the angle, the same difference
            v = (2 / math.pi * (math.atan((v2 - v1) / (u2 - u1)) - math.atan((y2 - y1) / (x2 - x1)))) ** 2
            value -= v * v / (1 - inter / union + v) if v else 0.0
        out.append(value)
    return out


# ---- the loss by rules ---------------------------------------------------------------------------------------------


def _per_corner(low, high):
    """(n, 4) from what x1, y1 and x2, y2 give."""
    return np.hstack([low, high])


def _across(sides):
    """For each coordinate the side across it: the derivative of an area with respect to x2 is its height."""
    return sides[:, ::-1]


_loss = by_rules(
    ("pred", "target"),
    dict(
        n=lambda s: len(s.pred),
        low=lambda s: np.maximum(s.pred[:, :2], s.target[:, :2]),
        high=lambda s: np.minimum(s.pred[:, 2:], s.target[:, 2:]),
        shared=lambda s: np.maximum(s.high - s.low, 0),
        inter=lambda s: s.shared.prod(1, keepdims=True),
        area=lambda s: _sides(s.pred).prod(1, keepdims=True),
        union=lambda s: s.area + _sides(s.target).prod(1, keepdims=True) - s.inter,
        hull=lambda s: np.maximum(s.pred[:, 2:], s.target[:, 2:]) - np.minimum(s.pred[:, :2], s.target[:, :2]),
        closing=lambda s: s.hull.prod(1, keepdims=True),
        d_inter=lambda s: (s.inter > 0) * _per_corner(
            -_across(s.shared) * (s.pred[:, :2] > s.target[:, :2]), _across(s.shared) * (s.pred[:, 2:] < s.target[:, 2:])),
        d_area=lambda s: _per_corner(-_across(_sides(s.pred)), _across(_sides(s.pred))),
        d_union=lambda s: s.d_area - s.d_inter,
        d_closing=lambda s: _per_corner(
            -_across(s.hull) * (s.pred[:, :2] < s.target[:, :2]), _across(s.hull) * (s.pred[:, 2:] > s.target[:, 2:])),
        d_iou=lambda s: s.d_inter / s.union - s.inter * s.d_union / s.union**2,
        d_ratio=lambda s: s.d_union / s.closing - s.union * s.d_closing / s.closing**2,
        giou=lambda s: s.inter / s.union - 1 + s.union / s.closing,
        loss=lambda s: float(np.mean(1 - s.giou)),
        grad=lambda s: -(s.d_iou + s.d_ratio) / s.n,
        returned=lambda s: (s.loss, s.grad),
    ),
)  # fmt: skip


def _old_hull(s):
    return _per_corner(-_across(s.hull), _across(s.hull))


def _of_target(pred, target):
    loss, _ = _loss()(pred, target)
    return loss, _loss()(target, pred)[1]


_MEAN = "The loss is a mean over the n pairs: value and gradient are both divided by n."
_SIGN = "The loss is 1 − GIoU: its gradient is minus that of GIoU."
_DISJOINT = "For disjoint boxes the intersection's derivative is 0, but union and enclosing box still change: that is GIoU's use."
_CHAIN = "GIoU = I/U − 1 + U/C: quotient rule twice, with ∂U = ∂A − ∂I."
_WHICH = "A corner moves the overlap when it is the inner one (larger x1, smaller x2), the enclosing box when it is the outer one."
_ORDER = "Columns of the gradient: x1, y1, x2, y2; with respect to x the derivative of an area is its height."

_OFF = "Where the boxes are disjoint nothing moves the overlap: its derivative is 0 in all four coordinates."


def _moving(s, sides):
    return _per_corner(
        -_across(sides) * (s.pred[:, :2] > s.target[:, :2]), _across(sides) * (s.pred[:, 2:] < s.target[:, 2:])
    )


LOSS_MISTAKES = listed(
    _loss,
    ("sum in place of mean", _MEAN, dict(loss=lambda s: float(np.sum(1 - s.giou)), grad=lambda s: -(s.d_iou + s.d_ratio))),
    ("the gradient not divided by n", _MEAN, dict(grad=lambda s: -(s.d_iou + s.d_ratio))),
    ("the gradient divided by 4n", _MEAN, dict(grad=lambda s: -(s.d_iou + s.d_ratio) / s.pred.size)),
    ("one loss for each pair", _MEAN, dict(loss=lambda s: (1 - s.giou)[:, 0])),
    ("GIoU in place of 1 − GIoU", _SIGN, dict(loss=lambda s: float(np.mean(s.giou)), grad=lambda s: (s.d_iou + s.d_ratio) / s.n)),
    ("the sign of the gradient", _SIGN, dict(grad=lambda s: (s.d_iou + s.d_ratio) / s.n)),
    ("the gradient zero for disjoint boxes", _DISJOINT, dict(grad=lambda s: -np.where(s.inter > 0, s.d_iou + s.d_ratio, 0) / s.n)),
    ("the IoU loss and its gradient", _CHAIN, dict(loss=lambda s: float(np.mean(1 - s.inter / s.union)), grad=lambda s: -s.d_iou / s.n)),
    ("the gradient of the IoU loss", _CHAIN, dict(grad=lambda s: -s.d_iou / s.n)),
    ("the enclosing box held fixed", _CHAIN, dict(d_closing=lambda s: 0.0)),
    ("the union held fixed", _CHAIN, dict(d_union=lambda s: 0.0)),
    ("the union's overlap held fixed", _CHAIN, dict(d_union=lambda s: s.d_area)),
    ("the overlap held fixed", _CHAIN, dict(d_inter=lambda s: np.zeros_like(s.pred))),
    ("quotient rule: the second half forgotten", _CHAIN, dict(d_iou=lambda s: s.d_inter / s.union, d_ratio=lambda s: s.d_union / s.closing)),
    ("divisors not squared", _CHAIN, dict(d_iou=lambda s: s.d_inter / s.union - s.inter * s.d_union / s.union,
                                          d_ratio=lambda s: s.d_union / s.closing - s.union * s.d_closing / s.closing)),
    ("the overlap's derivative left on for disjoint boxes", _OFF, dict(d_inter=lambda s: _moving(s, s.high - s.low))),
    ("disjoint boxes: only one side of the overlap switched off", _OFF, dict(d_inter=lambda s: _moving(s, s.shared))),
    ("every corner moves the overlap", _WHICH, dict(
        d_inter=lambda s: (s.inter > 0) * _per_corner(-_across(s.shared), _across(s.shared)))),
    ("every corner moves the enclosing box", _WHICH, dict(d_closing=_old_hull)),
    ("inner and outer corners exchanged", _WHICH, dict(
        d_inter=lambda s: (s.inter > 0) * _per_corner(
            -_across(s.shared) * (s.pred[:, :2] < s.target[:, :2]), _across(s.shared) * (s.pred[:, 2:] > s.target[:, 2:])))),
    ("overlap of disjoint boxes not clipped", "Clip the sides of the overlap at 0, in the value and in the gradient.", dict(
        shared=lambda s: s.high - s.low, d_inter=lambda s: _per_corner(
            -_across(s.shared) * (s.pred[:, :2] > s.target[:, :2]), _across(s.shared) * (s.pred[:, 2:] < s.target[:, 2:])))),
    ("x and y exchanged in the gradient", _ORDER, dict(returned=lambda s: (s.loss, s.grad[:, [1, 0, 3, 2]]))),
    ("gradient's columns x1, x2, y1, y2", _ORDER, dict(returned=lambda s: (s.loss, s.grad[:, [0, 2, 1, 3]]))),
    ("the side along in place of the side across", _ORDER, dict(
        d_area=lambda s: _per_corner(-_sides(s.pred), _sides(s.pred)))),
    ("the gradient of centre, width and height", "The gradient is with respect to x1, y1, x2, y2.", dict(
        returned=lambda s: (s.loss, np.hstack([s.grad[:, :2] + s.grad[:, 2:], (s.grad[:, 2:] - s.grad[:, :2]) / 2])))),
    ("the loss alone moves x2, y2", "x1 and y1 have a gradient too.", dict(
        returned=lambda s: (s.loss, s.grad * np.array([0.0, 0.0, 1.0, 1.0])))),
)  # fmt: skip


def _loss_by_differences(pred, target, step=1e-6):
    """Central differences: right to nine digits away from kinks."""

    def value(boxes):
        return float(np.mean(1 - _measure()(boxes, target, "giou")))

    grad = np.zeros_like(pred)
    for index in np.ndindex(*pred.shape):
        moved = np.zeros_like(pred)
        moved[index] = step
        grad[index] = (value(pred + moved) - value(pred - moved)) / (2 * step)
    return value(pred), grad


def _loss_loops(pred, target):
    rows, total, n = [], 0.0, len(pred)
    for p, t in zip(pred.tolist(), target.tolist(), strict=True):
        loss, row = _loss_oracle(np.array([p]), np.array([t]))
        total += loss / n
        rows.append([value / n for value in row[0]])
    return total, rows


# ---- cases ---------------------------------------------------------------------------------------------------------


def _rows(*rows):
    return np.array(rows, dtype=float)


def _random(rng, n, high=60.0, **sides):
    return tuple(random_boxes(rng, n, low=-20, high=high, **sides) for _ in range(2))


_PAIRS = {
    "two boxes that share a quarter": lambda rng: (_rows([0, 0, 2, 2]), _rows([1, 1, 3, 3])),
    "apart": lambda rng: (_rows([0, 0, 2, 1], [0, 0, 1, 1]), _rows([5, 4, 6, 8], [4, 0, 6, 3])),
    "identical, nested, touching": lambda rng: (
        _rows([0, 0, 4, 2], [1, 1, 2, 3], [0, 0, 2, 4]), _rows([0, 0, 4, 2], [0, 0, 4, 4], [2, 0, 5, 4])),
    "one centre, two shapes": lambda rng: (_rows([0, 0, 6, 2], [0, 0, 8, 4]), _rows([2, -2, 4, 4], [2, 1, 6, 3])),
    "much overlap": lambda rng: (_rows([0, 0, 4, 2], [0, 0, 5, 5]), _rows([0, 0, 4, 3], [1, 0, 5, 4])),
    "in [0, 1]": lambda rng: (_rows([0.1, 0.2, 0.4, 0.8], [0.5, 0.5, 0.7, 0.6]), _rows([0.2, 0.1, 0.5, 0.6], [0.1, 0.6, 0.3, 0.9])),
    "forty random pairs": lambda rng: _random(rng, 40),
}  # fmt: skip


def _overlap_case(kind, make):
    return lambda rng: dict(zip(("a", "b"), make(rng), strict=True), kind=kind)


_OVERLAP_CASES = (
    *(Case(f"{kind}: {name}", _overlap_case(kind, make)) for name, make in _PAIRS.items() for kind in KINDS),
    Case("kind 'l1'", lambda rng: dict(a=_rows([0, 0, 2, 2]), b=_rows([1, 1, 3, 3]), kind="l1"), raises="ValueError"),
)


def _loss_case(pred, target):
    return dict(pred=_rows(*pred), target=_rows(*target))


_LOSS_CASES = (
    Case("one pair that overlaps", lambda rng: _loss_case([[0, 0, 3, 2]], [[1, 1, 4, 5]])),
    Case("apart in x", lambda rng: _loss_case([[0, 0, 2, 3]], [[5, 1, 9, 2]])),
    Case("apart in x and in y", lambda rng: _loss_case([[6, 7, 9, 8]], [[0, 0, 2, 3]])),
    Case("inside the target, around the target", lambda rng: _loss_case([[1, 2, 3, 4], [0, 0, 9, 8]], [[0, 0, 5, 7], [2, 1, 4, 6]])),
    Case("four pairs: as many as coordinates", lambda rng: dict(zip(("pred", "target"), _random(rng, 4, 0.0), strict=True))),
    Case("in [0, 1]", lambda rng: _loss_case(
        [[0.1, 0.2, 0.4, 0.8], [0.5, 0.5, 0.7, 0.65]], [[0.2, 0.1, 0.55, 0.6], [0.1, 0.6, 0.3, 0.9]])),
    Case("thirty pairs", lambda rng: dict(zip(("pred", "target"), _random(rng, 30, 20.0), strict=True))),
)  # fmt: skip

OVERLAP = Exercise(
    name="box_overlap",
    returns=("overlap",),
    oracle=_overlap_oracle,
    cases=_OVERLAP_CASES,
    mistakes=OVERLAP_MISTAKES,
    accepts=(_measure(), _overlap_loops),
    verified="equal to the papers' definitions in torch float64; identical, nested, touching and disjoint boxes included",
)
LOSS = Exercise(
    name="giou_loss",
    returns=("loss", "grad"),
    oracle=_loss_oracle,
    cases=_LOSS_CASES,
    mistakes=LOSS_MISTAKES,
    accepts=(_loss(), _loss_by_differences, _loss_loops),
    atol=1e-9,  # what central differences reach
    verified="equal to torch's autograd in float64, nested and disjoint boxes included",
)

QUESTION = Question(chapter=5, minutes=32, exercises=(OVERLAP, LOSS))
