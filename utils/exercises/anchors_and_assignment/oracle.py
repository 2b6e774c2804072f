"""torch in float64 from the papers' formulas, and SciPy's linear_sum_assignment."""

import numpy as np

from utils.exercises.iou_nms.oracle import coco_iou


def anchors(height, width, stride, sizes, ratios):
    """All combinations in the order of their names, by torch.cartesian_prod."""
    import torch

    axes = (range(height), range(width), sizes, ratios)
    y, x, size, ratio = torch.cartesian_prod(*(torch.tensor(list(axis), dtype=torch.float64) for axis in axes)).T
    centre = torch.stack([x + 0.5, y + 0.5], dim=1) * stride
    wide = size / ratio.sqrt()
    half = torch.stack([wide, size**2 / wide], dim=1) / 2
    return torch.cat([centre - half, centre + half], dim=1).numpy()


def encode(boxes, anchors):
    import torch

    (b1, b2), (a1, a2) = (torch.from_numpy(rows).split(2, dim=1) for rows in (boxes, anchors))
    shift = ((b1 + b2) - (a1 + a2)) / (2 * (a2 - a1))
    return torch.cat([shift, (b2 - b1).log() - (a2 - a1).log()], dim=1).numpy()


def decode(deltas, anchors):
    import torch

    shift, stretch = torch.from_numpy(deltas).split(2, dim=1)
    low, high = torch.from_numpy(anchors).split(2, dim=1)
    centre = torch.lerp(low, high, 0.5 + shift)
    size = torch.exp((high - low).log() + stretch)
    return torch.cat([centre - size / 2, centre + size / 2], dim=1).numpy()


def assign(anchors, truths, high=0.7, low=0.3):
    """The two rules as masks over all pairs; a later truth wins because its number is larger."""
    import torch

    over = torch.from_numpy(coco_iou(anchors, truths))
    if not over.numel():
        return np.full(len(anchors), -1)
    number = torch.arange(len(truths)) + 1

    def first(mask, dim):
        return mask & (mask.cumsum(dim) == 1)

    best = over.amax(dim=1)
    own = (first(over == best[:, None], 1) * number).amax(dim=1) - 1
    label = torch.where(best >= high, own, torch.where(best < low, -1, -2))
    forced = (first((over == over.amax(dim=0)) & (over > 0), 0) * number).amax(dim=1) - 1
    return torch.where(forced >= 0, forced, label).numpy()


def hungarian(cost):
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(cost)


def detr(probs, boxes, labels, truths, w_class=1.0, w_l1=5.0, w_giou=2.0):
    """Generalised IoU as Rezatofighi et al. 2019 define it, C without A ∪ B over C; L1 by torch.cdist."""
    import torch

    p, a, b = map(torch.from_numpy, (probs, boxes, truths))
    inter = (torch.min(a[:, None, 2:], b[:, 2:]) - torch.max(a[:, None, :2], b[:, :2])).clamp(min=0).prod(2)
    hull = (torch.max(a[:, None, 2:], b[:, 2:]) - torch.min(a[:, None, :2], b[:, :2])).prod(2)
    area = [(x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b)]
    union = area[0][:, None] + area[1] - inter
    giou = inter / union + union / hull - 1
    picked = p.gather(1, torch.from_numpy(labels).expand(len(p), -1))
    return (w_l1 * torch.cdist(a, b, p=1) - w_class * picked - w_giou * giou).numpy()
