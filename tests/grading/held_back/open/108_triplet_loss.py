# wrong: the distances are not squared, and the loss is a mean over the active triplets only
# kind: two
import numpy as np


def triplet_loss(anchor, positive, negative, margin=0.2):
    ap = anchor - positive
    an = anchor - negative
    dp = np.linalg.norm(ap, axis=1)
    dn = np.linalg.norm(an, axis=1)
    hinge = np.maximum(dp - dn + margin, 0)
    act = hinge > 0
    n = max(act.sum(), 1)
    g = ap / dp[:, None] - an / dn[:, None]
    return hinge.sum() / n, g * act[:, None] / n
