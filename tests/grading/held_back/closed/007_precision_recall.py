# wrong: recall divides by the number of hits, not of truths
# kind: concept
import numpy as np


def precision_recall(scores, hits, n_truths):
    order = np.argsort(-scores, kind="stable")
    h = hits[order].astype(float)
    tp = np.cumsum(h)
    fp = np.cumsum(1 - h)
    precision = tp / (tp + fp)
    recall = tp / max(h.sum(), 1)
    return precision, recall
