# wrong: no hits: 0/0 instead of 0.0
# kind: guard
import numpy as np


def f_score(labels, predictions, beta=1.0):
    tp = np.sum(labels * predictions)
    precision = float(tp) / float(np.sum(predictions))
    recall = float(tp) / float(np.sum(labels))
    b2 = beta * beta
    return (1 + b2) * precision * recall / (b2 * precision + recall)
