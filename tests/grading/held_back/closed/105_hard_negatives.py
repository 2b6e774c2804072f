# wrong: without positives it keeps negatives all the same (at least one positive is assumed)
# kind: guard
import numpy as np


def hard_negatives(losses, labels, ratio=3):
    pos = labels == 1
    num_pos = max(int(pos.sum()), 1)
    neg_idx = np.where(~pos)[0]
    ranked = neg_idx[np.argsort(-losses[neg_idx], kind="stable")]
    keep = pos.copy()
    keep[ranked[: ratio * num_pos]] = True
    return keep
