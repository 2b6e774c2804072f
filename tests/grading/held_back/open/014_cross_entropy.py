# wrong: the gradient has the wrong sign
# kind: concept
import numpy as np


def cross_entropy(logits, labels):
    n, k = logits.shape
    m = logits.max(axis=1)
    lse = m + np.log(np.sum(np.exp(logits - m[:, None]), axis=1))
    loss = np.mean(lse - logits[range(n), labels])
    y = np.eye(k)[labels]
    probs = np.exp(logits - lse[:, None])
    return loss, (y - probs) / n
