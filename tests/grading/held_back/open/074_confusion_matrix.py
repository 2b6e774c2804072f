# wrong: transposed, and the pixels are ignored where the prediction is `ignore`
# kind: two
import numpy as np


def confusion_matrix(pred, target, n_classes, ignore=255):
    cm = np.zeros((n_classes, n_classes), dtype=int)
    for p, t in zip(pred.ravel().astype(int), target.ravel().astype(int)):
        if p == ignore or t >= n_classes or t < 0:
            continue
        cm[p, t] += 1
    return cm
