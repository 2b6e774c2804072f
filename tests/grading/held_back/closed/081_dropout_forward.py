# wrong: the original dropout: no scaling in training, times 1 − p in evaluation
# kind: convention
import numpy as np


def dropout_forward(x, p, rng, training=True):
    if training:
        keep = rng.random(x.shape) >= p
        mask = keep.astype(float)
    else:
        mask = np.full(x.shape, 1.0 - p)
    return x * mask, mask
