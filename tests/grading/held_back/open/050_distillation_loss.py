# wrong: the KL divergence is the other way round: student ‖ teacher
# kind: concept
import numpy as np


def distillation_loss(student, teacher, temperature=2.0):
    T = temperature
    N = student.shape[0]

    def lsm(z):
        m = z.max(axis=1, keepdims=True)
        return z - m - np.log(np.exp(z - m).sum(axis=1, keepdims=True))

    ls, lt = lsm(student / T), lsm(teacher / T)
    ps = np.exp(ls)
    kl = np.sum(ps * (ls - lt), axis=1)
    g = ps * ((ls - lt) - kl[:, None])
    return T * T * kl.mean(), T * g / N
