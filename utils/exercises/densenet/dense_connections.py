"""dense_connections: cases, oracle, mistakes."""

from itertools import combinations

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _pairs(num_layers):
    """Literally: one connection for each pair of an earlier and a later one among the input and the layers."""
    return len(list(combinations(range(num_layers + 1), 2)))


def _summed(num_layers):
    return sum(range(1, num_layers + 1))


CONNECTIONS = Exercise(
    name="dense_connections",
    returns=("connections",),
    oracle=_pairs,
    cases=(
        Case("one layer", lambda rng: dict(num_layers=1)),
        Case("two layers", lambda rng: dict(num_layers=2)),
        Case("five layers", lambda rng: dict(num_layers=5)),
        Case("fifty-eight layers", lambda rng: dict(num_layers=58)),
        Case("no layer", lambda rng: dict(num_layers=0)),
    ),
    mistakes=(
        Mistake("one connection a layer", "That is a chain. In a dense block the i-th layer has i connections: to the input and to the i − 1 layers before it.", lambda n: n),
        Mistake("the block's input not counted", "The i-th layer reads i things, the input among them: 1 + 2 + … + L = L(L + 1)/2, not L(L − 1)/2.", lambda n: n * (n - 1) // 2),
        Mistake("connections in both directions", "Every pair counts once, from the earlier to the later: halve it.", lambda n: n * (n + 1)),
        Mistake("L²", "A layer reads only what comes before it: 1 + 2 + … + L.", lambda n: n * n),
        Mistake("L²/2", "1 + 2 + … + L = L(L + 1)/2: the diagonal is not halved away.", lambda n: n * n // 2),
        Mistake("the output counted as one more layer", "Count what the L layers read: 1 + 2 + … + L.", lambda n: (n + 1) * (n + 2) // 2),
        Mistake("both ends off by one", "The last layer reads the input and L − 1 layers: 1 + 2 + … + L.", lambda n: (n - 1) * (n - 2) // 2),
        Mistake("a chain with a skip (two connections a layer)", "That is ResNet's count; a dense layer reads everything before it.", lambda n: 2 * n),
        Mistake("2^L", "That is the number of paths through a residual net. Connections are pairs: L(L + 1)/2.", lambda n: 2**n),
        Mistake("a float instead of an int", "A count is an int: divide with //, which is exact, for L(L + 1) is even.", lambda n: n * (n + 1) / 2),
    ),
    accepts=(_summed, lambda n: np.int64(n) * (n + 1) // 2, lambda n: sum(1 for late in range(n + 1) for _ in range(late))),
    verified="equal to a count of all pairs, up to 58 layers",
)  # fmt: skip
