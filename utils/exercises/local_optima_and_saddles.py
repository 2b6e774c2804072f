"""04 · Critical points by their Hessian's eigenvalues, and gradient descent with noise (Ge et al. 2015; Jin et al. 2017).

Oracles: SciPy's inertia by an LDLᵀ factorisation and by singular values; torch's SGD over the same noise.
"""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle_class(hessian, tol=1e-8):
    """Sylvester's law of inertia: count the eigenvalues on either side of ±tol by the signs of a congruent diagonal."""
    import scipy.linalg

    def below(shift):
        _, blocks, _ = scipy.linalg.ldl(hessian - shift * np.eye(len(hessian)))
        return int(np.sum(scipy.linalg.eigvals(blocks).real < 0))

    n, negative = len(hessian), below(-tol * (1 + 1e-12))
    positive = n - below(tol * (1 + 1e-12))
    if positive and negative:
        return "saddle"
    if positive + negative < n:
        return "degenerate"
    return "minimum" if positive else "maximum"


def _class(values, tol, first="saddle", small=np.abs):
    """The right classification of eigenvalues; with first="degenerate" the order of the two tests is exchanged."""
    values = np.asarray(values)
    saddle = values.max() > tol and values.min() < -tol
    flat = bool(np.any(small(values) <= tol))
    if saddle and not (flat and first == "degenerate"):
        return "saddle"
    if flat:
        return "degenerate"
    return "minimum" if values.min() > tol else "maximum"


def _by_eigenvalues(hessian, tol=1e-8):
    return _class(np.linalg.eigvalsh(hessian), tol)


def _determinant(hessian, tol=1e-8):
    d = np.linalg.det(hessian)
    if abs(d) <= tol:
        return "degenerate"
    return "saddle" if d < 0 else ("minimum" if hessian[0, 0] > 0 else "maximum")


def _from_values(rule, values=np.linalg.eigvalsh):
    return lambda hessian, tol=1e-8: rule(values(hessian), tol)


def _no_degenerate(values, tol):
    return "minimum" if np.all(values > -tol) else "maximum" if np.all(values < tol) else "saddle"


CLASS_MISTAKES = {
    "diagonal in place of eigenvalues": ("Curvature along the axes is not all: off-diagonal entries can turn a minimum into a saddle.", _from_values(_class, np.diag)),
    "determinant test only": ("The determinant is the product: two negative eigenvalues look like two positive ones.", _determinant),
    "sign of the trace": ("The trace is the sum: one large positive eigenvalue hides a negative one.", _from_values(lambda v, tol: "minimum" if v.sum() > tol else "maximum" if v.sum() < -tol else "saddle")),
    "degenerate called minimum": ("With an eigenvalue of zero the Hessian does not decide: degenerate.", _from_values(_no_degenerate)),
    "degenerate called saddle": ("Without two signs it is not a saddle: degenerate.", _from_values(lambda v, tol: "minimum" if np.all(v > tol) else "maximum" if np.all(v < -tol) else "saddle")),
    "any small eigenvalue makes it degenerate": ("Two opposite signs beyond tol make a saddle, whatever the others are.", _from_values(lambda v, tol: _class(v, tol, first="degenerate"))),
    "tol ignored": ("Eigenvalues within ±tol count as zero.", _from_values(lambda v, tol: _class(v, 0.0))),
    "default tol of 1e-6": ("The default is 1e-8.", lambda hessian, tol=1e-6: _by_eigenvalues(hessian, tol)),
    "minimum and maximum exchanged": ("All eigenvalues positive: it curves up everywhere, a minimum.", lambda hessian, tol=1e-8: _by_eigenvalues(-hessian, tol)),
    "only the largest eigenvalue": ("Both ends of the spectrum decide.", _from_values(lambda v, tol: "minimum" if v.max() > tol else "maximum" if v.max() < -tol else "degenerate")),
    "only the smallest eigenvalue": ("Both ends of the spectrum decide.", _from_values(lambda v, tol: "minimum" if v.min() > tol else "saddle" if v.min() < -tol else "degenerate")),
    "singular values": ("Singular values have lost the sign.", _from_values(_class, lambda h: np.linalg.svd(h, compute_uv=False))),
}  # fmt: skip


def _cholesky_style(hessian, tol=1e-8):
    values = [complex(v).real for v in np.linalg.eigvals(np.array(hessian))]
    up, down = sum(v > tol for v in values), sum(v < -tol for v in values)
    return np.str_(
        "saddle" if up and down else "degenerate" if up + down < len(values) else "minimum" if up else "maximum"
    )


def _turned(rng, *values):
    q, _ = np.linalg.qr(rng.normal(size=(len(values), len(values))))
    h = q @ np.diag(values) @ q.T
    return dict(hessian=(h + h.T) / 2)


CLASSIFY = Exercise(
    name="classify_critical_point",
    returns=("kind",),
    oracle=_oracle_class,
    cases=(
        Case("a bowl", lambda rng: dict(hessian=np.diag([2.0, 1.0]))),
        Case("a dome", lambda rng: dict(hessian=np.diag([-2.0, -1.0]))),
        Case("up and down", lambda rng: dict(hessian=np.diag([3.0, -1.0]))),
        Case("a saddle with a positive diagonal", lambda rng: dict(hessian=np.array([[1.0, 2.0], [2.0, 1.0]]))),
        Case("a flat direction", lambda rng: dict(hessian=np.diag([2.0, 0.0]))),
        Case("a flat direction under a dome", lambda rng: dict(hessian=np.diag([-2.0, 0.0]))),
        Case("a saddle with a flat direction", lambda rng: dict(hessian=np.diag([1.0, -1.0, 0.0]))),
        Case("two negative directions of four", lambda rng: _turned(rng, 3.0, 2.0, -1.0, -4.0)),
        Case("one weak negative direction of five", lambda rng: _turned(rng, 9.0, 7.0, 5.0, 3.0, -0.01)),
        Case("all positive, turned", lambda rng: _turned(rng, 5.0, 0.5, 0.1)),
        Case("all negative, of even dimension", lambda rng: _turned(rng, -5.0, -0.5, -0.1, -2.0)),
        Case("an eigenvalue of 1e-7", lambda rng: dict(hessian=np.diag([1.0, 1e-7]))),
        Case("an eigenvalue of 0.05 with tol = 0.1", lambda rng: dict(hessian=np.diag([1.0, 0.05]), tol=0.1)),
        Case("−0.05 with tol = 0.1", lambda rng: dict(hessian=np.diag([1.0, -0.05, 2.0]), tol=0.1)),
        Case("one dimension", lambda rng: dict(hessian=np.array([[-3.0]]))),
        Case("all zero", lambda rng: dict(hessian=np.zeros((2, 2)))),
        Case("an eigenvalue of 1e-7 beside one of 1e4", lambda rng: dict(hessian=np.diag([1e4, 1e-7]))),
        Case("an eigenvalue of 1.05e-8, and the default", lambda rng: dict(hessian=np.diag([1.0, 1.05e-8]))),
        Case("an eigenvalue of 9.5e-9, and the default", lambda rng: dict(hessian=np.diag([1.0, 9.5e-9]))),
        Case("an eigenvalue of −1e-9", lambda rng: dict(hessian=np.diag([1.0, -1e-9]))),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in CLASS_MISTAKES.items()),
    accepts=(_by_eigenvalues, _cholesky_style, _oracle_class),
    verified="equal to the inertia of the Hessian, with flat directions, turned axes and two tolerances",
)  # fmt: skip


def _run(function, theta0, lr, n_steps, noise_scale, seed, A, quartic):
    """grad_fn(θ) = Aθ + quartic·θ³, and a generator from the seed."""
    rng = np.random.default_rng(seed)
    return function(lambda theta: A @ theta + quartic * theta**3, theta0, lr, n_steps, noise_scale, rng)


def _oracle_path(theta0, lr, n_steps, noise_scale, seed, A, quartic):
    """torch.optim.SGD on the potential plus a linear term that changes with the noise of every step."""
    import torch

    theta = torch.tensor(theta0, dtype=torch.float64, requires_grad=True)
    A, quartic = torch.tensor(A), torch.tensor(quartic)
    noise = torch.tensor(np.random.default_rng(seed).normal(size=(n_steps, len(theta0))))
    sgd, path = torch.optim.SGD([theta], lr=lr), [theta0]
    for push in noise:
        sgd.zero_grad()
        (theta @ A @ theta / 2 + (quartic * theta**4).sum() / 4 + noise_scale * push @ theta).backward()
        sgd.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def _path(
    grad_fn,
    theta0,
    lr,
    n_steps,
    noise_scale,
    rng,
    step=None,
    keep=lambda path: path,
    draw=lambda rng, d, k: rng.normal(size=d),
):
    path = [np.array(theta0)]
    for k in range(n_steps):
        theta, noise = path[-1], draw(rng, len(theta0), k)
        path.append(
            theta - lr * (grad_fn(theta) + noise_scale * noise)
            if step is None
            else step(theta, grad_fn, lr, noise_scale, noise)
        )
    return np.array(keep(path))


def _way(**parts):
    return lambda *args: _path(*args, **parts)


def _noise_on_start(grad_fn, theta0, lr, n_steps, noise_scale, rng):
    return _path(grad_fn, theta0 + noise_scale * rng.normal(size=len(theta0)), lr, n_steps, 0.0, rng)


PATH_MISTAKES = {
    "noise added once": ("Draw fresh noise in every step.", _way(draw=lambda rng, d, k: rng.normal(size=d) if k == 0 else np.zeros(d))),
    "noise added to the start only": ("The noise belongs to the gradient, in every step.", _noise_on_start),
    "noise after the step without lr": ("The noise is added to the gradient, so lr multiplies it too.", _way(step=lambda t, g, lr, s, e: t - lr * g(t) + s * e)),
    "noise subtracted without lr": ("The noise is added to the gradient, so lr multiplies it too.", _way(step=lambda t, g, lr, s, e: t - lr * g(t) - s * e)),
    "noise with the opposite sign": ("θ − lr·(g + noise): the same draws with a minus are another path.", _way(step=lambda t, g, lr, s, e: t - lr * (g(t) - s * e))),
    "no noise": ("Add noise_scale · rng.normal(size=d) to the gradient.", _way(step=lambda t, g, lr, s, e: t - lr * g(t))),
    "noise_scale forgotten": ("The noise is noise_scale · normal.", _way(step=lambda t, g, lr, s, e: t - lr * (g(t) + e))),
    "root of lr on the noise (Langevin)": ("Here lr multiplies gradient and noise alike.", _way(step=lambda t, g, lr, s, e: t - lr * g(t) - np.sqrt(lr) * s * e)),
    "one random number for all coordinates": ("Every coordinate has noise of its own: size=d.", _way(draw=lambda rng, d, k: rng.normal() * np.ones(d))),
    "uniform noise": ("The noise is normal.", _way(draw=lambda rng, d, k: rng.uniform(-1, 1, size=d))),
    "noise added to θ before the gradient": ("The gradient is taken at θ itself.", _way(step=lambda t, g, lr, s, e: t - lr * g(t + s * e))),
    "ascent": ("Go against the gradient.", _way(step=lambda t, g, lr, s, e: t + lr * (g(t) + s * e))),
    "path without the start": ("The path has n_steps + 1 rows: the start is the first.", _way(keep=lambda path: path[1:])),
    "path rows that all alias one array": ("Append a copy, or make a new array in each step.", _way(keep=lambda path: [path[-1]] * len(path))),
    "another generator": ("Use the rng that was handed in, or runs cannot be repeated.", _way(draw=lambda rng, d, k: np.random.default_rng(k).normal(size=d))),
}  # fmt: skip


def _drawn_at_once(grad_fn, theta0, lr, n_steps, noise_scale, rng):
    noise = noise_scale * rng.standard_normal((n_steps, len(theta0)))
    path = np.empty((n_steps + 1, len(theta0)))
    path[0] = theta0
    for k in range(n_steps):
        path[k + 1] = path[k] - lr * (grad_fn(path[k]) + noise[k])
    return path


def _scaled_draw(grad_fn, theta0, lr, n_steps, noise_scale, rng):
    path = [theta0.copy()]
    for _ in range(n_steps):
        path.append(path[-1] - lr * grad_fn(path[-1]) - lr * rng.normal(0.0, 1.0, size=theta0.shape) * noise_scale)
    return path


SADDLE, QUARTIC = np.diag([1.0, -1.0]), np.array([0.0, 1.0])

PERTURBED = Exercise(
    name="perturbed_gradient_descent",
    returns=("path",),
    run=_run,
    protocol="grad_fn(θ) = A·θ + q·θ³ and rng = np.random.default_rng(seed), both made from the case",
    oracle=_oracle_path,
    cases=(
        Case("two steps in one dimension", lambda rng: dict(theta0=np.array([1.0]), lr=0.5, n_steps=2, noise_scale=0.1, seed=0, A=np.array([[1.0]]), quartic=np.zeros(1))),
        Case("from a saddle", lambda rng: dict(theta0=np.array([1.0, 0.0]), lr=0.1, n_steps=30, noise_scale=0.01, seed=1, A=SADDLE, quartic=QUARTIC)),
        Case("no noise", lambda rng: dict(theta0=np.array([1.0, 0.0]), lr=0.1, n_steps=5, noise_scale=0.0, seed=1, A=SADDLE, quartic=QUARTIC)),
        Case("loud noise in three dimensions", lambda rng: dict(theta0=rng.normal(size=3), lr=0.05, n_steps=12, noise_scale=2.0, seed=2, A=np.diag([1.0, 2.0, 3.0]), quartic=np.ones(3))),
        Case("no step", lambda rng: dict(theta0=np.array([2.0, 3.0]), lr=0.1, n_steps=0, noise_scale=1.0, seed=3, A=np.eye(2), quartic=np.zeros(2))),
        Case("a start at the critical point", lambda rng: dict(theta0=np.zeros(2), lr=0.2, n_steps=20, noise_scale=0.05, seed=4, A=SADDLE, quartic=QUARTIC)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in PATH_MISTAKES.items()),
    accepts=(_way(), _drawn_at_once, _scaled_draw),
    verified="every point equals torch.optim.SGD's on the same noise, drawn in one call or in several",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=32, exercises=(CLASSIFY, PERTURBED))
