"""The definitions turned round: a truth picks its detection, the area under the envelope is cut into layers.

scikit-learn confirms the curve where it can; COCO's figure comes from pycocotools' own accumulate.
"""

import numpy as np

from utils.exercises.iou_nms.oracle import coco_iou


def match(boxes, scores, truths, threshold=0.5):
    """Seen from the truth: of the detections that look at it and overlap it enough, the one of the best score."""
    hits = np.zeros(len(boxes), dtype=bool)
    if not (len(boxes) and len(truths)):
        return hits
    over = coco_iou(boxes, truths)
    for truth in range(len(truths)):
        seen = (over.argmax(axis=1) == truth) & (over[:, truth] >= threshold)
        if seen.any():
            hits[np.argmax(np.where(seen, scores, -np.inf))] = True
    return hits


def curve(scores, hits, n_truths):
    """Counted by comparing every pair of detections; where scores differ, also scikit-learn's curve."""
    import torch

    s, h, place = torch.from_numpy(scores), torch.from_numpy(hits), torch.arange(len(scores))
    at_or_before = (s[:, None] > s) | ((s[:, None] == s) & (place[:, None] <= place))
    rank = at_or_before.sum(dim=0)
    right = (at_or_before & h[:, None]).sum(dim=0)
    order = torch.argsort(rank)
    precision, recall = (right / rank.double())[order].numpy(), (right / float(n_truths))[order].numpy()
    if hits.any() and len(set(scores.tolist())) == len(scores):
        from sklearn.metrics import precision_recall_curve

        theirs, reached, _ = precision_recall_curve(hits, scores)
        np.testing.assert_allclose(precision, theirs[-2::-1])
        np.testing.assert_allclose(recall, reached[-2::-1] * hits.sum() / n_truths)
    return precision, recall


def area(precision, recall):
    """The same region cut into layers: at height y it reaches as far as the largest recall with precision ≥ y."""
    import torch

    if not len(precision):
        return 0.0
    heights = torch.unique(torch.from_numpy(np.append(precision, 0.0)))
    reach = torch.where(torch.from_numpy(precision) >= heights[1:, None], torch.from_numpy(recall), 0.0).amax(dim=1)
    return float((heights.diff() * reach).sum())


def coco(precision, recall):
    """pycocotools' COCOeval.accumulate on one image whose matches give this curve."""
    if not recall.any():
        return 0.0
    import contextlib
    import io

    from pycocotools.cocoeval import COCOeval

    hits = np.diff(recall, prepend=0) > 0
    n_truths = round(1 / np.diff(np.append(0, recall))[hits].min())
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(iouType="bbox")
        judge.params.imgIds, judge.params.catIds, judge.params.iouThrs = [1], [1], np.array([0.5])
        judge.params.areaRng, judge.params.areaRngLbl, judge.params.maxDets = [[0, 1e10]], ["all"], [len(hits)]
        judge._paramsEval = judge.params
        judge.evalImgs = [dict(
            dtScores=np.arange(len(hits), 0, -1.0), dtMatches=hits[None].astype(int), dtIgnore=np.zeros((1, len(hits)), bool),
            gtIgnore=np.zeros(n_truths, dtype=int))]  # fmt: skip
        judge.accumulate()
    return float(judge.eval["precision"].mean())
