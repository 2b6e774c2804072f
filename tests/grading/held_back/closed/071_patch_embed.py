# wrong: no ValueError: pixels beyond the last whole patch are dropped
# kind: guard
import numpy as np


def patch_embed(images, weight, bias, patch):
    N, C, H, W = images.shape
    D = weight.shape[0]
    gh, gw = H // patch, W // patch
    tokens = np.zeros((N, gh * gw, D))
    flat = weight.reshape(D, -1)
    for i in range(gh):
        for j in range(gw):
            p = images[:, :, i * patch:(i + 1) * patch, j * patch:(j + 1) * patch].reshape(N, -1)
            tokens[:, i * gw + j] = p @ flat.T + bias
    return tokens
