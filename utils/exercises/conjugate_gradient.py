"""13 · Linear conjugate gradients: Hestenes & Stiefel 1952. Oracle: the same Krylov spaces, searched by least squares."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle(A, b, tol=1e-10, max_steps=None):
    """x_k minimises the energy ½xᵀAx − bᵀx over the Krylov space of dimension k, found here with an orthonormal basis
    and a dense solve, without any recursion of conjugate gradients."""
    n, norm = len(b), np.linalg.norm(b)
    x, residuals, basis = np.zeros(n), [norm], []
    vector = b
    for _ in range(n if max_steps is None else max_steps):
        if residuals[-1] <= tol * norm:
            break
        for _ in range(2):  # twice is enough for orthogonality
            for q in basis:
                vector = vector - (q @ vector) * q
        basis.append(vector / np.linalg.norm(vector))
        Q = np.stack(basis, axis=1)
        x = Q @ np.linalg.solve(Q.T @ A @ Q, Q.T @ b)
        residuals.append(np.linalg.norm(b - A @ x))
        vector = A @ basis[-1]
    return x, np.array(residuals)


def _run(function, A, b, **more):
    """The last residuals are rounding noise, so they are judged in units of ‖b‖ and to 1e-6 of it (see atol)."""
    x, residuals = function(A, b, *more.values())
    scale = np.linalg.norm(b) or 1.0
    if isinstance(residuals, (list, tuple)) and all(isinstance(r, (int, float, np.number)) for r in residuals):
        residuals = np.array(residuals, dtype=float)
    if isinstance(residuals, np.ndarray) and residuals.dtype.kind in "iuf":
        residuals = residuals / scale
    return {"x": x, "residual_norms": residuals}


def _scaled_oracle(**inputs):
    return _run(_oracle, **inputs)


def _cg(
    A,
    b,
    tol=1e-10,
    max_steps=None,
    *,
    beta=None,
    stop=None,
    update=None,
    start=None,
    alpha=None,
    steps=None,
    record=np.linalg.norm,
    keep_start=True,
):
    """Conjugate gradients with parts that a mistake can exchange."""
    n = len(b)
    x = np.zeros(n) if start is None else start(A, b)
    r = b - A @ x
    p, norms = r.copy(), [record(r)]
    limit = (n if max_steps is None else max_steps) if steps is None else steps(n, max_steps)
    threshold = tol * np.linalg.norm(b) if stop is None else stop(tol, b)
    for _ in range(limit):
        if norms[-1] <= threshold:
            break
        Ap = A @ p
        a = (r @ r) / (p @ Ap) if alpha is None else alpha(r, p, Ap)
        x = x + a * p
        new = r - a * Ap if update is None else update(r, a, Ap)
        ratio = (new @ new) / (r @ r) if beta is None else beta(new, r, p, A)
        p, r = new + ratio * p, new
        norms.append(record(r))
    return x, np.array(norms if keep_start else norms[1:])


def _but(**parts):
    return lambda A, b, tol=1e-10, max_steps=None: _cg(A, b, tol, max_steps, **parts)


def _after(change):
    return lambda A, b, tol=1e-10, max_steps=None: change(*_cg(A, b, tol, max_steps))


def _direct(A, b, tol=1e-10, max_steps=None):
    x = np.linalg.solve(A, b)
    return x, np.array([np.linalg.norm(b), np.linalg.norm(b - A @ x)])


MISTAKES = {
    "steepest descent (β = 0)": ("Add β times the old direction: without it the steps undo one another.", _but(beta=lambda new, r, p, A: 0.0)),
    "β turned upside down": ("β is the new squared residual over the old one.", _but(beta=lambda new, r, p, A: (r @ r) / (new @ new))),
    "β from the norms, not their squares": ("β = r₊ᵀr₊ / rᵀr: squared norms.", _but(beta=lambda new, r, p, A: np.linalg.norm(new) / np.linalg.norm(r))),
    "β with the wrong sign": ("The new direction is r₊ + βp.", _but(beta=lambda new, r, p, A: -(new @ new) / (r @ r))),
    "β = 1": ("β = r₊ᵀr₊ / rᵀr.", _but(beta=lambda new, r, p, A: 1.0)),
    "residual updated with the wrong sign": ("r₊ = r − αAp, for r = b − Ax.", _but(update=lambda r, a, Ap: r + a * Ap)),
    "residual never updated": ("After each step r₊ = r − αAp.", _but(update=lambda r, a, Ap: r)),
    "residual updated without α": ("r₊ = r − αAp.", _but(update=lambda r, a, Ap: r - Ap)),
    "α without A (rᵀr / pᵀp)": ("α = rᵀr / pᵀAp: the curvature along p is what decides how far to go.", _but(alpha=lambda r, p, Ap: (r @ r) / (p @ p))),
    "α halved": ("α = rᵀr / pᵀAp, without a factor.", _but(alpha=lambda r, p, Ap: 0.5 * (r @ r) / (p @ Ap))),
    "absolute tolerance": ("Stop when ‖r‖ ≤ tol·‖b‖: relative to the right-hand side.", _but(stop=lambda tol, b: tol)),
    "tolerance on the squared residual": ("Compare the norm, not its square, with tol·‖b‖.", _but(stop=lambda tol, b: np.sqrt(tol) * np.linalg.norm(b))),
    "never stops early": ("Test ‖r‖ ≤ tol·‖b‖ before each step, so that b = 0 takes none.", _but(stop=lambda tol, b: -1.0)),
    "< in place of ≤ in the stopping test": ("Stop when ‖r‖ ≤ tol·‖b‖: for b = 0 both sides are 0.", _but(stop=lambda tol, b: np.nextafter(tol * np.linalg.norm(b), -1.0))),
    "more than n steps by default": ("Without max_steps take n steps at most, even if the tolerance is not reached.", _but(steps=lambda n, m: 10 * n if m is None else m)),
    "max_steps = 0 taken for None": ("`max_steps or n` turns 0 into n: ask whether max_steps is None.", _but(steps=lambda n, m: m or n)),
    "one step fewer": ("max_steps steps at most, n by default.", _but(steps=lambda n, m: (n if m is None else m) - 1)),
    "one step more": ("max_steps steps at most, n by default.", _but(steps=lambda n, m: (n if m is None else m) + 1)),
    "max_steps ignored": ("Take max_steps steps at most.", _but(steps=lambda n, m: n)),
    "starts at b": ("x starts at zeros.", _but(start=lambda A, b: b.copy())),
    "starts at ones": ("x starts at zeros.", _but(start=lambda A, b: np.ones(len(b)))),
    "residual norms without the start": ("residual_norms[0] is ‖b‖, before any step.", _but(keep_start=False)),
    "squared residual norms": ("Record ‖r‖, not ‖r‖².", _but(record=lambda r: r @ r)),
    "residual norms relative to ‖b‖": ("Record ‖r‖ itself; only the stopping test is relative.", _after(lambda x, norms: (x, norms / norms[0]))),
    "largest entry in place of the norm": ("Record the Euclidean norm.", _but(record=lambda r: np.abs(r).max())),
    "the two results exchanged": ("Return (x, residual_norms).", _after(lambda x, norms: (norms, x))),
    "a direct solver": ("Right, but not conjugate gradients: the residual after each step is asked for.", _direct),
}  # fmt: skip


def _spd(rng, n, kappa=10.0, eigenvalues=None, **more):
    q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = q @ np.diag(np.geomspace(1, kappa, n) if eigenvalues is None else eigenvalues) @ q.T
    return dict(A=(A + A.T) / 2, b=rng.normal(size=n), **more)


def _residual_recomputed(A, b, tol=1e-10, max_steps=None):
    x, p, norms = np.zeros_like(b), None, [np.linalg.norm(b)]
    r = b.copy()
    while norms[-1] > tol * norms[0] and len(norms) <= (len(b) if max_steps is None else max_steps):
        p = r if p is None else r - (r @ A @ p) / (p @ A @ p) * p
        x = x + (p @ r) / (p @ A @ p) * p
        r = b - A @ x
        norms.append(np.linalg.norm(r))
    return x, norms


def _polak_ribiere(A, b, tol=1e-10, max_steps=None):
    return _cg(A, b, tol, max_steps, beta=lambda new, r, p, A: new @ (new - r) / (r @ r))


def _scipy_backed(A, b, tol=1e-10, max_steps=None):
    from scipy.sparse.linalg import cg

    norms = [np.linalg.norm(b)]
    x, _ = cg(A, b, rtol=tol, atol=0.0, maxiter=len(b) if max_steps is None else max_steps,
              callback=lambda x: norms.append(np.linalg.norm(b - A @ x)))  # fmt: skip
    return x, np.array(norms)


CG = Exercise(
    name="conjugate_gradient",
    returns=("x", "residual_norms"),
    run=_run,
    protocol="one call; the residual norms are compared in units of ‖b‖, since the last ones are rounding noise",
    oracle=_scaled_oracle,
    cases=(
        Case("two unknowns", lambda rng: dict(A=np.array([[2.0, 0.0], [0.0, 1.0]]), b=np.array([2.0, 2.0]))),
        Case("two unknowns, not along the axes", lambda rng: dict(A=np.array([[4.0, 1.0], [1.0, 3.0]]), b=np.array([1.0, 2.0]))),
        Case("b = 0", lambda rng: dict(A=np.array([[4.0, 1.0], [1.0, 3.0]]), b=np.zeros(2))),
        Case("five unknowns", lambda rng: _spd(rng, 5)),
        Case("three distinct eigenvalues, eight unknowns", lambda rng: _spd(rng, 8, eigenvalues=[1, 1, 1, 4, 4, 4, 9, 9], tol=1e-6)),
        Case("a loose tolerance and a large b", lambda rng: (p := _spd(rng, 8, 50.0, tol=1e-2)) | dict(b=1e6 * p["b"], tol=1e-2)),
        Case("a loose tolerance and a small b", lambda rng: (p := _spd(rng, 8, 50.0, tol=1e-2)) | dict(b=1e-3 * p["b"], tol=1e-2)),
        Case("three steps only", lambda rng: _spd(rng, 7, 30.0, tol=1e-10, max_steps=3)),
        # rounding leaves about 1e-10 after ten steps, so whoever may go on does
        Case("n steps, and the tolerance not reached", lambda rng: _spd(rng, 10, 60.0, tol=1e-12)),
        # at the fourth step the largest entry of r is below tol times that of b, the norm is not
        Case("one large entry in b", lambda rng: (p := _spd(np.random.default_rng(4), 9, 20.0)) | dict(b=np.r_[30.0, p["b"][1:]], tol=0.14)),
        Case("no step allowed", lambda rng: _spd(rng, 3, tol=1e-10, max_steps=0)),
        # after one step ‖r‖ is that deviation from the identity times ‖b‖
        Case("the default, and 1.05e-10 is left", lambda rng: dict(A=np.diag([1 - 1.05e-10, 1 + 1.05e-10]), b=np.ones(2))),
        Case("the default, and 9.5e-11 is left", lambda rng: dict(A=np.diag([1 - 9.5e-11, 1 + 9.5e-11]), b=np.ones(2))),
        Case("the identity", lambda rng: dict(A=np.eye(4), b=rng.normal(size=4))),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    # rᵀAp = pᵀAp, because p differs from r by a multiple of the old direction, which is conjugate to p
    accepts=(_but(), _but(alpha=lambda r, p, Ap: (r @ r) / (r @ Ap)), _residual_recomputed, _polak_ribiere, _scipy_backed),
    atol=1e-6,  # of ‖b‖: in exact arithmetic the last residual is 0, in ours it is what rounding leaves
    verified="x and every residual equal those of the best point in each Krylov space, found without the recursion",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=35, exercises=(CG,), versions=("numpy", "torch"))
