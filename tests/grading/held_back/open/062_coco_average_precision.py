# wrong: VOC 2007's 11 points
# kind: convention
import numpy as np


def coco_average_precision(precision, recall):
    total = 0.0
    for t in np.linspace(0, 1, 11):
        ok = recall >= t
        if ok.any():
            total += precision[ok].max()
    return float(total / 11)
