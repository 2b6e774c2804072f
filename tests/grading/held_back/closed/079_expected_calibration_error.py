# wrong: the mean over the bins without the bins' weights
# kind: concept
import numpy as np


def expected_calibration_error(probs, labels, bins=15):
    conf = probs.max(axis=1)
    correct = (probs.argmax(axis=1) == labels).astype(float)
    edges = np.linspace(0, 1, bins + 1)
    gaps = []
    for lo, hi in zip(edges[:-1], edges[1:]):
        sel = (conf > lo) & (conf <= hi)
        if sel.any():
            gaps.append(abs(correct[sel].mean() - conf[sel].mean()))
    return float(np.mean(gaps))
