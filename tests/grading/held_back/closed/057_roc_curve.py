# wrong: one point for each sample: ties are not joined
# kind: concept
import numpy as np


def roc_curve(labels, scores):
    order = np.argsort(-scores, kind="stable")
    P = labels.sum()
    N = len(labels) - P
    tpr, fpr = [0.0], [0.0]
    tp = fp = 0
    for i in order:
        if labels[i] == 1:
            tp += 1
        else:
            fp += 1
        tpr.append(tp / P)
        fpr.append(fp / N)
    return np.array(fpr), np.array(tpr)
