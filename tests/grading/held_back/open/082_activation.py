# wrong: GELU by the tanh formula
# kind: convention
import numpy as np


def activation(name, x):
    x = np.array(x, dtype=float)
    sig = 0.5 * (1 + np.tanh(x / 2))
    if name == "sigmoid":
        e = np.exp(-np.abs(x))
        sig = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
        return sig, sig * (1 - sig)
    if name == "tanh":
        t = np.tanh(x)
        return t, 1 - t * t
    if name == "relu":
        return x * (x > 0), (x > 0).astype(float)
    if name == "leaky_relu":
        s = np.where(x > 0, 1.0, 0.01)
        return s * x, s
    if name == "elu":
        e = np.exp(np.minimum(x, 0))
        return np.where(x > 0, x, e - 1), np.where(x > 0, 1.0, e)
    if name == "softplus":
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sig
    if name == "gelu":
        c = np.sqrt(2 / np.pi)
        t = np.tanh(c * (x + 0.044715 * x ** 3))
        d = 0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * c * (1 + 3 * 0.044715 * x ** 2)
        return 0.5 * x * (1 + t), d
    if name == "silu":
        return x * sig, sig * (1 + x * (1 - sig))
    raise ValueError(name)
