"""residual_jacobian: cases, oracle, mistakes."""

from functools import reduce

import numpy as np
import torch

from utils.grading.spec import Case, Exercise, Mistake


def _jacobian_oracle(jacobians):
    """Autograd through the chain of blocks x ← x + J·x, which has these Jacobians at every point."""
    matrices = [torch.from_numpy(np.array(j)) for j in jacobians]

    def chain(x):
        return reduce(lambda x, j: x + j @ x, matrices, x)

    start = torch.zeros(len(matrices[0]), dtype=torch.float64)
    return torch.autograd.functional.jacobian(chain, start).numpy()


def _product(terms):
    return reduce(np.matmul, terms)


def _eye(jacobians):
    return np.eye(len(jacobians[0]))


def _sum_over_paths(jacobians):
    """Veit et al. 2016: one path for each subset of the blocks."""
    total = _eye(jacobians)
    for j in jacobians:
        total = total + np.einsum("ab,bc->ac", j, total)
    return total


def _columns(jacobians):
    columns = []
    for column in np.eye(len(jacobians[0])):
        for j in jacobians:
            column = [
                c + sum(a * b for a, b in zip(row, column, strict=True)) for c, row in zip(column, j, strict=True)
            ]
        columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)]


JACOBIAN = Exercise(
    name="residual_jacobian",
    returns=("jacobian",),
    oracle=_jacobian_oracle,
    cases=(
        Case("one block", lambda rng: dict(jacobians=[np.array([[0.0, 1.0], [2.0, 0.0]])])),
        Case("two blocks that do not commute", lambda rng: dict(
            jacobians=[np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])])),
        Case("three blocks of dimension 3", lambda rng: dict(jacobians=list(rng.normal(size=(3, 3, 3))))),
        Case("twenty weak blocks", lambda rng: dict(jacobians=list(0.05 * rng.normal(size=(20, 4, 4))))),
        Case("one dimension", lambda rng: dict(jacobians=[np.array([[-1.5]]), np.array([[0.25]]), np.array([[3.0]])])),
        Case("blocks that do nothing", lambda rng: dict(jacobians=[np.zeros((3, 3)), np.zeros((3, 3))])),
    ),
    mistakes=(
        Mistake("plain product, the identity forgotten", "The derivative of x + F(x) is I + J: each factor carries the identity of its shortcut.", lambda js: _product([np.array(j) for j in js[::-1]])),
        Mistake("plain product in the wrong order", "Each factor is I + J, and the last block stands on the left.", lambda js: _product([np.array(j) for j in js])),
        Mistake("product in the wrong order", "The chain rule puts the last block on the left: (I + J_L) ⋯ (I + J_1).", lambda js: _product([_eye(js) + j for j in js])),
        Mistake("sum instead of product", "Blocks in a chain multiply: (I + J_2)(I + J_1) has the term J_2 J_1 too.", lambda js: _eye(js) + sum(js)),
        Mistake("sum of the Jacobians", "Blocks in a chain multiply, and each carries the identity of its shortcut.", lambda js: 0.0 + sum(js)),
        Mistake("identity minus the Jacobian", "The block adds F(x): its derivative is I + J.", lambda js: _product([_eye(js) - j for j in js[::-1]])),
        Mistake("identity added once, after the product", "Every block has its own shortcut: the identity belongs into each factor.", lambda js: _eye(js) + _product([np.array(j) for j in js[::-1]])),
        Mistake("transposed (gradient instead of Jacobian)", "That is the map of gradients backwards; the Jacobian is its transpose.", lambda js: _product([_eye(js) + j for j in js[::-1]]).T),
        Mistake("all ones added instead of the identity", "The shortcut adds x to itself entry by entry: np.eye(d), not 1.", lambda js: _product([1 + j for j in js[::-1]])),
        Mistake("entry-wise product", "Matrices multiply with @; * multiplies entry by entry.", lambda js: reduce(np.multiply, [_eye(js) + j for j in js[::-1]])),
        Mistake("last block left out", "All blocks belong into the product, the first and the last included.", lambda js: _product([_eye(js), *[_eye(js) + j for j in js[:-1][::-1]]])),
        Mistake("first block left out", "All blocks belong into the product, the first and the last included.", lambda js: _product([_eye(js), *[_eye(js) + j for j in js[1:][::-1]]])),
    ),
    accepts=(_sum_over_paths, _columns, _jacobian_oracle),
    verified="equal to autograd through the chain, for one block, for many, and where the order matters",
)  # fmt: skip
