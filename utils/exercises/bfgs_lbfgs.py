"""14 · BFGS's inverse update and L-BFGS's two-loop recursion: Nocedal & Wright, chapters 6 and 7. Oracles: the update
as the inverse of BFGS's update of B (in exact fractions), and the recursion as a product of dense matrices."""

from fractions import Fraction

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question

SKIP = 1e-10


def _oracle_update(H, s, y):
    """Sherman–Morrison–Woodbury's way round: update B = H⁻¹ and invert, in fractions, without any rounding."""
    if s @ y <= SKIP * np.linalg.norm(s) * np.linalg.norm(y):
        return H
    exact = np.vectorize(Fraction, otypes=[object])
    B, s, y = _inverse(exact(H)), exact(s), exact(y)
    Bs = B @ s
    return _inverse(B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (y @ s)).astype(float)


def _inverse(A):
    """Gauss and Jordan's elimination."""
    n = len(A)
    rows = np.concatenate([A, np.vectorize(Fraction, otypes=[object])(np.eye(n))], axis=1)
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i, k])
        rows[[k, pivot]] = rows[[pivot, k]]
        rows[k] = rows[k] / rows[k, k]
        for i in range(n):
            if i != k:
                rows[i] = rows[i] - rows[i, k] * rows[k]
    return rows[:, n:]


def _update(H, s, y, *, skip=True, rho=None, left=None, add=1.0, swap=False):
    """The inverse update with parts that a mistake can exchange."""
    s, y = (y, s) if swap else (s, y)
    if skip and s @ y <= SKIP * np.linalg.norm(s) * np.linalg.norm(y):
        return H.copy()
    r = 1 / (s @ y) if rho is None else rho(s, y)
    V = np.eye(len(s)) - r * np.outer(s, y)
    product = V @ H @ V.T if left is None else left(V, H)
    return product + add * r * np.outer(s, s)


def _but(**parts):
    return lambda H, s, y: _update(H, s, y, **parts)


def _dfp(H, s, y):
    if s @ y <= SKIP * np.linalg.norm(s) * np.linalg.norm(y):
        return H.copy()
    Hy = H @ y
    return H + np.outer(s, s) / (s @ y) - np.outer(Hy, Hy) / (y @ Hy)


def _b_update(H, s, y):
    if s @ y <= SKIP * np.linalg.norm(s) * np.linalg.norm(y):
        return H.copy()
    Hs = H @ s
    return H - np.outer(Hs, Hs) / (s @ Hs) + np.outer(y, y) / (s @ y)


def _symmetric_rank_one(H, s, y):
    gap = s - H @ y
    return H + np.outer(gap, gap) / (gap @ y)


def _skips_only_negative(H, s, y):
    return H.copy() if s @ y < 0 else _update(H, s, y, skip=False)


def _zeroed(H, s, y):
    return np.eye(len(s)) if s @ y <= SKIP * np.linalg.norm(s) * np.linalg.norm(y) else _update(H, s, y)


def _absolute_threshold(H, s, y):
    return H.copy() if s @ y <= SKIP else _update(H, s, y, skip=False)


UPDATE_MISTAKES = {
    "s and y exchanged (updates B, not H)": ("The inverse update must give H·y = s; with s and y exchanged it gives H·s = y.", _but(swap=True)),
    "the update of B": ("That formula updates the Hessian's approximation B; here H approximates its inverse.", _b_update),
    "DFP's update": ("DFP is BFGS's dual; both give H·y = s, but BFGS's is (I − ρsyᵀ)H(I − ρysᵀ) + ρssᵀ.", _dfp),
    "symmetric rank one": ("BFGS adds a term of rank two, which keeps H positive definite.", _symmetric_rank_one),
    "no curvature skip": ("When sᵀy is not clearly positive the update would destroy positive definiteness: return H.", _but(skip=False)),
    "skips only where sᵀy is negative": ("Skip where sᵀy ≤ 1e-10·‖s‖‖y‖: a tiny positive one divides by nearly zero.", _skips_only_negative),
    "skip threshold without the lengths of s and y": ("sᵀy ≤ 1e-10·‖s‖‖y‖: a short step has a small sᵀy and still counts.", _absolute_threshold),
    "reset to the identity in place of a skip": ("Skipping means keeping H as it was.", _zeroed),
    "sign of the last term": ("+ ρssᵀ: without it H·y = 0.", _but(add=-1.0)),
    "last term left out": ("+ ρssᵀ: without it H·y = 0.", _but(add=0.0)),
    "ρ left out of the last term": ("The last term is ρssᵀ, with ρ = 1/sᵀy.", lambda H, s, y: _update(H, s, y, add=0.0) if s @ y <= SKIP * np.linalg.norm(s) * np.linalg.norm(y) else _update(H, s, y, add=0.0) + np.outer(s, s)),
    "ρ = 1/sᵀs": ("ρ = 1/sᵀy.", _but(rho=lambda s, y: 1 / (s @ s))),
    "ρ = 1/yᵀy": ("ρ = 1/sᵀy.", _but(rho=lambda s, y: 1 / (y @ y))),
    "ρ = sᵀy": ("ρ = 1/sᵀy.", _but(rho=lambda s, y: s @ y)),
    "factors transposed": ("The left factor is I − ρsyᵀ, the right one its transpose.", _but(left=lambda V, H: V.T @ H @ V)),
    "right factor not transposed": ("The right factor is (I − ρsyᵀ)ᵀ = I − ρysᵀ, or H loses its symmetry.", _but(left=lambda V, H: V @ H @ V)),
    "right factor forgotten": ("Both sides: (I − ρsyᵀ)H(I − ρysᵀ).", _but(left=lambda V, H: V @ H)),
    "old H ignored": ("The update keeps what H knew in the other directions.", _but(left=lambda V, H: V @ V.T)),
}  # fmt: skip


def _expanded(H, s, y):
    sy = s @ y
    if sy <= SKIP * np.linalg.norm(s) * np.linalg.norm(y):
        return H
    Hy = H @ y
    return H + (1 + y @ Hy / sy) * np.outer(s, s) / sy - (np.outer(Hy, s) + np.outer(s, Hy)) / sy


def _einsum(H, s, y):
    if s @ y <= SKIP * np.sqrt((s @ s) * (y @ y)):
        return H
    V = np.eye(len(s)) - np.einsum("i,j->ij", s, y) / (s @ y)
    return (np.einsum("ij,jk,lk->il", V, H, V) + np.outer(s, s) / (s @ y)).tolist()


def _pair(rng, n, curvature=1.0):
    """An H, and a step with y = A s for a positive definite A, or with the sign of the curvature asked for."""
    q = rng.normal(size=(n, n))
    A, M = q @ q.T + np.eye(n), rng.normal(size=(n, n))
    s = rng.normal(size=n)
    return dict(H=M @ M.T + 0.5 * np.eye(n), s=s, y=curvature * A @ s)


def _nearly_flat(rng):
    pair = _pair(rng, 3)
    s, noise = pair["s"], rng.normal(size=3)
    across = noise - (noise @ s) / (s @ s) * s
    return pair | dict(y=across + 1e-12 * s / np.linalg.norm(s) * np.linalg.norm(across))


UPDATE = Exercise(
    name="bfgs_inverse_update",
    returns=("H",),
    oracle=_oracle_update,
    cases=(
        Case("two dimensions, H = I", lambda rng: dict(H=np.eye(2), s=np.array([1.0, 0.0]), y=np.array([2.0, 1.0]))),
        Case("two dimensions, another H", lambda rng: dict(H=np.array([[2.0, 1.0], [1.0, 3.0]]), s=np.array([1.0, -1.0]), y=np.array([0.5, -2.0]))),
        Case("five dimensions", lambda rng: _pair(rng, 5)),
        Case("one dimension", lambda rng: dict(H=np.array([[3.0]]), s=np.array([0.5]), y=np.array([2.0]))),
        Case("negative curvature: skipped", lambda rng: _pair(rng, 3, -1.0)),
        Case("curvature of 1e-12: skipped", _nearly_flat),
        Case("curvature of 1.05e-10: not skipped", lambda rng: dict(H=np.eye(2), s=np.array([1.0, 0.0]), y=np.array([1.05e-10, 1.0]))),
        Case("curvature of 9.5e-11: skipped", lambda rng: dict(H=np.eye(2), s=np.array([1.0, 0.0]), y=np.array([9.5e-11, 1.0]))),
        Case("a step of zero: skipped", lambda rng: _pair(rng, 3) | dict(s=np.zeros(3))),
        Case("a tiny step that counts", lambda rng: (p := _pair(rng, 4)) | dict(s=1e-6 * p["s"], y=1e-6 * p["y"])),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in UPDATE_MISTAKES.items()),
    accepts=(_but(), _expanded, _einsum),
    verified="equal to the inverse of the updated Hessian approximation, H·y = s, and skipped without clear curvature",
)  # fmt: skip


def _oracle_direction(grad, s_history, y_history):
    """The dense H after all updates, from the scaled identity of the newest pair."""
    H = np.eye(len(grad))
    if s_history:
        H = H * (s_history[-1] @ y_history[-1]) / (y_history[-1] @ y_history[-1])
    for s, y in zip(s_history, y_history, strict=True):
        rho = 1 / (s @ y)
        H = (np.eye(len(s)) - rho * np.outer(s, y)) @ H @ (np.eye(len(s)) - rho * np.outer(y, s)) + rho * np.outer(s, s)
    return -H @ grad


def _two_loop(
    grad, s_history, y_history, *, scale=None, first=reversed, second=list, sign=-1.0, beta=None, add=None, swap=False
):
    """The two-loop recursion with parts that a mistake can exchange."""
    pairs = list(zip(y_history, s_history, strict=True)) if swap else list(zip(s_history, y_history, strict=True))
    q, alphas = grad.copy(), {}
    for s, y in first(pairs):
        alphas[id(s)] = (s @ q) / (s @ y)
        q = q - alphas[id(s)] * y
    if pairs:
        s, y = pairs[-1]
        q = q * ((s @ y) / (y @ y) if scale is None else scale(pairs))
    for s, y in second(pairs):
        b = (y @ q) / (s @ y) if beta is None else beta(s, y, q)
        q = q + (alphas[id(s)] - b) * s if add is None else add(q, alphas[id(s)], b, s)
    return sign * q


def _how(**parts):
    return lambda grad, s_history, y_history: _two_loop(grad, s_history, y_history, **parts)


def _last_pair_only(grad, s_history, y_history):
    return _two_loop(grad, s_history[-1:], y_history[-1:])


def _without_newest(grad, s_history, y_history):
    return _two_loop(grad, s_history[:-1], y_history[:-1])


def _reversed_histories(grad, s_history, y_history):
    return _two_loop(grad, s_history[::-1], y_history[::-1])


DIRECTION_MISTAKES = {
    "histories in the wrong order": ("Oldest first in the lists: the first loop goes from the newest back, the second forward.", _reversed_histories),
    "first loop from the oldest": ("The first loop goes from the newest pair to the oldest.", _how(first=list)),
    "second loop from the newest": ("The second loop goes from the oldest pair to the newest.", _how(second=reversed)),
    "both loops the wrong way round": ("First loop: newest to oldest. Second loop: oldest to newest.", _how(first=list, second=reversed)),
    "H₀ = I always": ("Scale between the loops by sᵀy / yᵀy of the newest pair.", _how(scale=lambda pairs: 1.0)),
    "H₀ from the oldest pair": ("The newest pair knows the curvature here: use the last one.", _how(scale=lambda pairs: (pairs[0][0] @ pairs[0][1]) / (pairs[0][1] @ pairs[0][1]))),
    "H₀ = yᵀy / sᵀy (upside down)": ("H approximates the inverse: sᵀy / yᵀy.", _how(scale=lambda pairs: (pairs[-1][1] @ pairs[-1][1]) / (pairs[-1][0] @ pairs[-1][1]))),
    "H₀ = sᵀs / sᵀy": ("The question asks for sᵀy / yᵀy.", _how(scale=lambda pairs: (pairs[-1][0] @ pairs[-1][0]) / (pairs[-1][0] @ pairs[-1][1]))),
    "sign: the ascent direction": ("Return −H·g: a direction of descent.", _how(sign=1.0)),
    "s and y exchanged": ("α = sᵀq / sᵀy, then q − αy; afterwards β = yᵀr / sᵀy, and r + (α − β)s.", _how(swap=True)),
    "second loop left out": ("Two loops: the second one adds (α − β)s back.", _how(second=lambda pairs: [])),
    "first loop left out": ("Two loops: the first one takes αy off the gradient.", lambda g, s, y: _two_loop(g, s, y, add=lambda q, a, b, s: q) if not s else _no_first(g, s, y)),
    "β forgotten in the second loop": ("Add (α − β)s, not αs.", _how(beta=lambda s, y, q: 0.0)),
    "α forgotten in the second loop": ("Add (α − β)s, not −βs.", _how(add=lambda q, a, b, s: q - b * s)),
    "y added in the second loop": ("The second loop adds multiples of s.", lambda g, s, y: _y_added(g, s, y)),
    "only the newest pair": ("All pairs of the histories take part.", _last_pair_only),
    "newest pair left out": ("All pairs of the histories take part, the newest too.", _without_newest),
    "minus the gradient (no curvature at all)": ("That is steepest descent; the pairs carry the curvature.", lambda g, s, y: -g),
    "fails on empty histories": ("Without pairs H₀ = I: return −grad.", lambda g, s, y: _two_loop(g, s, y) * (s[-1] @ y[-1]) / (s[-1] @ y[-1])),
}  # fmt: skip


def _no_first(grad, s_history, y_history):
    q = grad * (s_history[-1] @ y_history[-1]) / (y_history[-1] @ y_history[-1])
    for s, y in zip(s_history, y_history, strict=True):
        q = q + ((s @ grad) / (s @ y) - (y @ q) / (s @ y)) * s
    return -q


def _y_added(grad, s_history, y_history):
    pairs = list(zip(s_history, y_history, strict=True))
    q, alphas = grad.copy(), []
    for s, y in reversed(pairs):
        alphas.insert(0, (s @ q) / (s @ y))
        q = q - alphas[0] * y
    if pairs:
        q = q * (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1])
    for a, (s, y) in zip(alphas, pairs, strict=True):
        q = q + (a - (y @ q) / (s @ y)) * y
    return -q


def _recursive(grad, s_history, y_history):
    def apply(k, v):
        if k < 0:
            return v * (s_history[-1] @ y_history[-1]) / (y_history[-1] @ y_history[-1]) if s_history else v
        s, y = s_history[k], y_history[k]
        a = (s @ v) / (s @ y)
        inner = apply(k - 1, v - a * y)
        return inner + (a - (y @ inner) / (s @ y)) * s

    return -apply(len(s_history) - 1, grad)


def _curve(rng, n, count):
    """A gradient and the pairs of a quadratic's steps, whose curvature is positive."""
    q = rng.normal(size=(n, n))
    A = q @ q.T + 0.5 * np.eye(n)
    steps = [rng.normal(size=n) for _ in range(count)]
    return dict(grad=rng.normal(size=n), s_history=steps, y_history=[A @ s for s in steps])


def _odd(rng, n, count):
    """The same with a pair or two of negative curvature: the recursion skips none."""
    inputs = _curve(rng, n, count)
    inputs["y_history"][0] = -inputs["y_history"][0]
    return inputs


DIRECTION = Exercise(
    name="lbfgs_direction",
    returns=("direction",),
    oracle=_oracle_direction,
    cases=(
        Case("no history yet", lambda rng: dict(grad=np.array([1.0, -2.0]), s_history=[], y_history=[])),
        Case("one pair, two dimensions", lambda rng: dict(grad=np.array([1.0, 1.0]), s_history=[np.array([1.0, 0.0])], y_history=[np.array([2.0, 1.0])])),
        Case("two pairs", lambda rng: _curve(rng, 3, 2)),
        Case("five pairs, eight dimensions", lambda rng: _curve(rng, 8, 5)),
        Case("as many pairs as dimensions", lambda rng: _curve(rng, 4, 4)),
        Case("more pairs than dimensions", lambda rng: _curve(rng, 2, 6)),
        Case("a pair of negative curvature, which is not skipped here", lambda rng: _odd(rng, 4, 3)),
        Case("a gradient of zero", lambda rng: _curve(rng, 3, 2) | dict(grad=np.zeros(3))),
        Case("one dimension", lambda rng: dict(grad=np.array([3.0]), s_history=[np.array([0.5])], y_history=[np.array([2.0])])),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in DIRECTION_MISTAKES.items()),
    accepts=(_how(), _recursive, _oracle_direction),
    verified="equal to minus the dense H times the gradient, for no pair, few and many",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=40, exercises=(UPDATE, DIRECTION))
