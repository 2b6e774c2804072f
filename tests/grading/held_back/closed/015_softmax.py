# wrong: no shift by the maximum: large logits overflow to NaN
# kind: guard
import numpy as np


def softmax(logits):
    exps = np.exp(logits)
    return exps / exps.sum(axis=1, keepdims=True)
