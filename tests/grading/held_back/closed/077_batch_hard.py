# wrong: takes the nearest positive instead of the farthest
# kind: concept
import numpy as np


def batch_hard(distances, labels):
    n = len(labels)
    pos = np.zeros(n, dtype=int)
    neg = np.zeros(n, dtype=int)
    for i in range(n):
        best_p, best_n = np.inf, np.inf
        for j in range(n):
            if labels[j] == labels[i]:
                if j != i and distances[i, j] < best_p:
                    best_p, pos[i] = distances[i, j], j
            elif distances[i, j] < best_n:
                best_n, neg[i] = distances[i, j], j
    return pos, neg
