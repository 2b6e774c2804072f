# wrong: cuts after exactly patience bad epochs, one too early
# kind: concept
import numpy as np


def plateau_lrs(losses, lr, factor=0.1, patience=10, threshold=1e-4):
    best = float("inf")
    num_bad = 0
    history = []
    current = lr
    for l in losses:
        if l < best * (1 - threshold):
            best = l
            num_bad = 0
        else:
            num_bad += 1
            if num_bad >= patience:
                new = current * factor
                if current - new > 1e-8:
                    current = new
                num_bad = 0
        history.append(current)
    return np.array(history)
