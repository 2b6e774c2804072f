# wrong: the temperature is hard-coded at 0.07
# kind: slip
import numpy as np


def clip_loss(images, texts, temperature=0.07):
    I = images / np.linalg.norm(images, axis=1, keepdims=True)
    T = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    logits = I @ T.T / 0.07

    def ce(z):
        z = z - z.max(axis=1, keepdims=True)
        return -np.mean(np.diag(z) - np.log(np.exp(z).sum(axis=1)))

    return float((ce(logits) + ce(logits.T)) / 2)
