# wrong: the smallest of equal scores, and `scores > threshold` instead of >=
# kind: two
import numpy as np


def best_threshold(labels, scores):
    best_f, best_t = -1.0, None
    for t in sorted(set(scores)):
        pred = scores > t
        tp = np.sum(pred & (labels == 1))
        f1 = 2 * tp / (pred.sum() + labels.sum()) if tp else 0.0
        if f1 > best_f:
            best_f, best_t = f1, t
    return float(best_t)
