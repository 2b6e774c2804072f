"""12 · Newton's method, plain and damped. Oracles: SciPy's symmetric solver, torch's autograd with eigenvalues."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _listed(mistakes):
    return tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in mistakes.items())


# ---- one step -----------------------------------------------------------------------------------------------------


def _oracle_step(theta, grad, hessian):
    from scipy.linalg import solve

    return theta - solve(hessian, grad, assume_a="sym")


def _absolute(theta, grad, hessian):
    values, vectors = np.linalg.eigh(hessian)
    return theta - vectors @ (vectors.T @ grad / np.abs(values))


def _shifted(theta, grad, hessian):
    lowest = np.linalg.eigvalsh(hessian)[0]
    return theta - np.linalg.solve(hessian + max(0.0, 1e-3 - lowest) * np.eye(len(grad)), grad)


STEP_MISTAKES = {
    "sign": ("θ − H⁻¹g: plus would double the gradient of the model instead of cancelling it.", lambda t, g, H: t + np.linalg.solve(H, g)),
    "only the step, without theta": ("Return θ − H⁻¹g, the new point.", lambda t, g, H: -np.linalg.solve(H, g)),
    "only H⁻¹g": ("Return θ − H⁻¹g, the new point.", lambda t, g, H: np.linalg.solve(H, g)),
    "gradient step (no Hessian)": ("Solve H·p = g; the step is −p.", lambda t, g, H: t - g),
    "multiplied by H": ("Solve with H, do not multiply by it: H·p = g.", lambda t, g, H: t - H @ g),
    "diagonal of the Hessian only": ("Use the whole Hessian: the off-diagonal entries turn the step.", lambda t, g, H: t - g / np.diag(H)),
    "H⁻¹ applied twice": ("One solve is enough.", lambda t, g, H: t - np.linalg.solve(H, np.linalg.solve(H, g))),
    "entries inverted one by one": ("1/H entry by entry is not the inverse: solve H·p = g.", lambda t, g, H: t - (1 / np.where(H == 0, np.inf, H)) @ g),
    "|eigenvalues| of the Hessian": ("Plain Newton takes H as it is, indefinite or not.", _absolute),
    "shifted until positive definite": ("Plain Newton takes H as it is; damping belongs to damped_newton.", _shifted),
    "always damped (H + 1e-3·I)": ("No τ here: solve with H itself.", lambda t, g, H: t - np.linalg.solve(H + 1e-3 * np.eye(len(g)), g)),
    "half a step": ("The minimum of the model is a whole step away.", lambda t, g, H: t - 0.5 * np.linalg.solve(H, g)),
    "one step length 1/λ_max for all": ("That is gradient descent; each direction has its own curvature.", lambda t, g, H: t - g / np.abs(np.linalg.eigvalsh(H)).max()),
    "divided by the determinant": ("H⁻¹g is a linear system, not g/det H.", lambda t, g, H: t - g / np.linalg.det(H)),
    "solved for θ and g together": ("θ is outside: θ − solve(H, g).", lambda t, g, H: np.linalg.solve(H, t - g)),
    "Cholesky, which needs a definite Hessian": ("H may be indefinite: use a general or a symmetric solver.", lambda t, g, H: t - np.linalg.solve((L := np.linalg.cholesky(H)).T, np.linalg.solve(L, g))),
}  # fmt: skip


def _quadratic_case(rng, eigenvalues, scale=1.0, **more):
    d = len(eigenvalues)
    q, _ = np.linalg.qr(rng.normal(size=(d, d)))
    H = q @ np.diag(eigenvalues) @ q.T
    return dict(theta=rng.normal(size=d), grad=scale * rng.normal(size=d), hessian=(H + H.T) / 2) | more


def _lstsq_lists(theta, grad, hessian):
    return [t - p for t, p in zip(theta, np.linalg.lstsq(hessian, grad, rcond=None)[0], strict=True)]


def _torch_step(theta, grad, hessian):
    import torch

    return theta - torch.linalg.solve(torch.tensor(hessian), torch.tensor(grad)).numpy()


STEP = Exercise(
    name="newton_step",
    returns=("theta",),
    oracle=_oracle_step,
    cases=(
        Case("two unknowns", lambda rng: dict(theta=np.array([1.0, 2.0]), grad=np.array([5.0, 4.0]), hessian=np.array([[3.0, 1.0], [1.0, 2.0]]))),
        Case("one unknown", lambda rng: dict(theta=np.array([2.0]), grad=np.array([32.0]), hessian=np.array([[48.0]]))),
        Case("five unknowns", lambda rng: _quadratic_case(rng, [0.5, 1.0, 2.0, 5.0, 20.0])),
        Case("an indefinite Hessian", lambda rng: _quadratic_case(rng, [-2.0, 0.7, 3.0])),
        Case("a negative definite Hessian", lambda rng: _quadratic_case(rng, [-4.0, -1.5])),
        Case("zero gradient", lambda rng: _quadratic_case(rng, [1.0, 4.0, 9.0], 0.0)),
        Case("ill-conditioned", lambda rng: _quadratic_case(rng, [1e-4, 1.0, 1e2])),
        Case("large gradient and curvature", lambda rng: (p := _quadratic_case(rng, [1.0, 3.0, 8.0], 1e6)) | dict(hessian=1e6 * p["hessian"])),
        Case("tiny gradient and curvature", lambda rng: (p := _quadratic_case(rng, [1.0, 3.0, 8.0], 1e-6)) | dict(hessian=1e-6 * p["hessian"])),
    ),
    mistakes=_listed(STEP_MISTAKES),
    accepts=(
        lambda t, g, H: t - np.linalg.solve(H, g),
        lambda t, g, H: np.linalg.solve(H, H @ t - g),
        lambda t, g, H: t - (v := np.linalg.eigh(H)).eigenvectors @ ((v.eigenvectors.T @ g) / v.eigenvalues),
        lambda t, g, H: t - np.linalg.inv(H) @ g,
        _lstsq_lists,
        _torch_step,
    ),
    verified="equal to SciPy's symmetric solver, on definite and indefinite Hessians, in units from 1e-6 to 1e6",
)  # fmt: skip

# ---- the whole method ---------------------------------------------------------------------------------------------
# name -> (f for NumPy and torch alike, gradient, Hessian); every minimum value is 0 and none is got by cancellation

_A = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 40.0]])

PROBLEMS = {
    "quadratic": (
        lambda t: sum(_A[i, j] * t[i] * t[j] for i in range(3) for j in range(3)) / 2,
        lambda t: _A @ t,
        lambda t: _A.copy(),
    ),
    "rosenbrock": (
        lambda t: (1 - t[0]) ** 2 + 100 * (t[1] - t[0] ** 2) ** 2,
        lambda t: np.array([2 * (t[0] - 1) - 400 * t[0] * (t[1] - t[0] ** 2), 200 * (t[1] - t[0] ** 2)]),
        lambda t: np.array([[2 - 400 * t[1] + 1200 * t[0] ** 2, -400 * t[0]], [-400 * t[0], 200.0]]),
    ),
    "saddle": (  # x²/2 − y²/2 + y⁴/4 + 1/4
        lambda t: t[0] ** 2 / 2 + (t[1] ** 2 - 1) ** 2 / 4,
        lambda t: np.array([t[0], t[1] ** 3 - t[1]]),
        lambda t: np.array([[1.0, 0.0], [0.0, 3 * t[1] ** 2 - 1]]),
    ),
    "hyperbola": (  # √(1 + x²) − 1
        lambda t: t[0] ** 2 / (1 + (1 + t[0] ** 2) ** 0.5),
        lambda t: t / (1 + t**2) ** 0.5,
        lambda t: np.array([(1 + t**2) ** -1.5]),
    ),
    "exponential": (lambda t: np.e ** t[0] - t[0] - 1, lambda t: np.e**t - 1, lambda t: np.array([np.e**t])),
}


def _run(function, problem, theta0, **more):
    """tol and max_steps by place; max_steps by name where tol is left at its default."""
    placed = more.values() if "tol" in more else ()
    named = {} if "tol" in more else more
    f, grad, hess = (lambda t, part=part: part(np.asarray(t, float)) for part in PROBLEMS[problem])
    return function(lambda t: float(f(t)), grad, hess, theta0, *placed, **named)


def _oracle_path(problem, theta0, tol=1e-8, max_steps=100):
    """Derivatives by autograd, definiteness and the linear system by eigenvalues."""
    import torch
    from scipy.linalg import eigh, eigvalsh

    f = PROBLEMS[problem][0]
    path = [np.array(theta0)]
    while len(path) <= max_steps:
        at = torch.tensor(path[-1], dtype=torch.float64, requires_grad=True)
        value = f(at)
        (g,) = torch.autograd.grad(value, at)
        g, value = g.numpy(), float(value.detach())
        if np.linalg.norm(g) <= tol:
            break
        H = torch.autograd.functional.hessian(f, at.detach()).numpy()
        lowest = eigvalsh(H)[0]
        tau = next(tau for tau in [0.0, *(1e-3 * 10.0**k for k in range(60))] if lowest + tau > 0)
        values, vectors = eigh(H + tau * np.eye(len(g)))
        direction = -vectors @ (vectors.T @ g / values)
        halvings = 0
        while (
            float(f(torch.tensor(path[-1] + 0.5**halvings * direction))) > value + 1e-4 * 0.5**halvings * g @ direction
        ):
            halvings += 1
        path.append(path[-1] + 0.5**halvings * direction)
    return np.array(path)


def _definite(H):
    try:
        np.linalg.cholesky(H)
        return True
    except np.linalg.LinAlgError:
        return False


def _ladder(H, g, first=1e-3, factor=10.0, zero=True):
    """−(H + τI)⁻¹g, for the first τ of the ladder that makes it definite."""
    eye, tau = np.eye(len(g)), 0.0 if zero else first
    for _ in range(80):
        if _definite(H + tau * eye):
            break
        tau = factor * tau or first
    return -np.linalg.solve(H + tau * eye, g)


def _newton(
    f, grad_fn, hess_fn, theta0, tol=1e-8, max_steps=100, *, direction=_ladder, c=1e-4, factor=0.5, search=True,
    slope=lambda g, p, t: t * (g @ p), first=1.0, size=np.linalg.norm, test_first=True, small_step=None, strict=False,
    limit=lambda n: n, keep=False, frozen=False, relative=False,
):  # fmt: skip
    """Damped Newton with parts that a mistake can exchange."""
    path, t, g0, H = [np.array(theta0)], first, grad_fn(theta0), None
    tol = tol * np.linalg.norm(g0) if relative else tol
    for _ in range(limit(max_steps)):
        theta, g = path[-1], grad_fn(path[-1])
        done = size(g) < tol if strict else size(g) <= tol
        if done and small_step is None and (test_first or len(path) > 1):
            break
        H = hess_fn(theta) if H is None or not frozen else H
        p = direction(H, g)
        t, value = t if keep else first, f(theta)
        while search and t > 1e-18 and not f(theta + t * p) <= value + c * slope(g, p, t):
            t *= factor
        if small_step == "before" and np.linalg.norm(t * p) <= tol:
            break
        path.append(theta + t * p)
        if small_step == "after" and np.linalg.norm(t * p) <= tol:
            break
        if small_step == "value" and abs(value - f(path[-1])) <= tol:
            break
    return np.array(path)


def _but(**parts):
    return lambda f, g, h, theta0, tol=1e-8, max_steps=100: _newton(f, g, h, theta0, tol, max_steps, **parts)


def _after(change):
    return lambda f, g, h, theta0, tol=1e-8, max_steps=100: change(_newton(f, g, h, theta0, tol, max_steps))


def _eigen(H, g, change):
    values, vectors = np.linalg.eigh(H)
    return -vectors @ (vectors.T @ g / change(values))


def _plain(H, g):
    return -np.linalg.solve(H, g)


PATH_MISTAKES = {
    "sign of the direction": ("The direction is −(H + τI)⁻¹g; uphill no step is short enough for Armijo.", _but(direction=lambda H, g: -_ladder(H, g))),
    "no damping on an indefinite Hessian": ("Add τI until Cholesky succeeds: plain Newton walks to the saddle.", _but(direction=_plain)),
    "plain Newton: no damping, fixed step": ("Add τI where H is not definite, and halve the step until Armijo holds.", _but(direction=_plain, search=False)),
    "fixed step (no backtracking)": ("Halve the step until f falls enough: a full Newton step can overshoot.", _but(search=False)),
    "stops on step length": ("Test ‖g‖ ≤ tol: a short step may only mean that the line search was cautious.", _but(small_step="after")),
    "stops on step length, before moving": ("Test ‖g‖ ≤ tol, not the length of the step.", _but(small_step="before")),
    "stops on the decrease of f": ("Test ‖g‖ ≤ tol, not the change of f.", _but(small_step="value")),
    "gradient in place of Newton's direction": ("Solve (H + τI)p = −g.", _but(direction=lambda H, g: -g)),
    "diagonal of the Hessian only": ("Solve with the whole Hessian.", _but(direction=lambda H, g: _ladder(np.diag(np.diag(H)), g))),
    "Hessian of the start only": ("Evaluate the Hessian again at every point.", _but(frozen=True)),
    "τ always added": ("Try τ = 0 first: else the last steps are no longer Newton's.", _but(direction=lambda H, g: _ladder(H, g, zero=False))),
    "τ's ladder starts at 1e-2": ("After 0 comes 1e-3·10⁰ = 1e-3.", _but(direction=lambda H, g: _ladder(H, g, 1e-2))),
    "τ doubled, not times 10": ("τ is 0, then 1e-3, 1e-2, 1e-1, …", _but(direction=lambda H, g: _ladder(H, g, factor=2.0))),
    "|eigenvalues| in place of τ": ("A good method, but another one: the question asks for H + τI.", _but(direction=lambda H, g: _eigen(H, g, np.abs))),
    "τ just above −λ_min": ("Take τ from the ladder 0, 1e-3, 1e-2, …", _but(direction=lambda H, g: _eigen(H, g, lambda v: v + (1e-3 - v[0] if v[0] <= 0 else 0)))),
    "gradient direction where H is not definite": ("Use H + τI there: it keeps what the other directions know.", _but(direction=lambda H, g: _plain(H, g) if _definite(H) else -g)),
    "almost any decrease accepted (c = 0 or tiny)": ("Armijo: f must fall by at least c·t·|gᵀp|, c = 1e-4.", _but(c=0.0)),
    "c = 1e-3": ("c = 1e-4.", _but(c=1e-3)),
    "c = 1/2": ("c = 1e-4.", _but(c=0.5)),
    "Armijo with ‖g‖² for the slope": ("Along p the slope is gᵀp; −‖g‖² is that along −g.", _but(slope=lambda g, p, t: -t * (g @ g))),
    "Armijo with ‖p‖² for the slope": ("Along p the slope is gᵀp.", _but(slope=lambda g, p, t: -t * (p @ p))),
    "Armijo without the step t": ("f(θ + tp) ≤ f + c·t·gᵀp: the demand shrinks with t.", _but(slope=lambda g, p, t: g @ p)),
    "thirds for halves": ("Halve the step.", _but(factor=1 / 3)),
    "step not reset to 1": ("Each line search starts at t = 1 again, else the quadratic convergence is lost.", _but(keep=True)),
    "infinity norm in the stopping test": ("‖g‖₂, the Euclidean norm.", _but(size=lambda g: np.abs(g).max())),
    "default tol of 1e-6": ("tol is 1e-8 unless another is given.", lambda f, g, h, theta0, tol=1e-6, max_steps=100: _newton(f, g, h, theta0, tol, max_steps)),
    "default tol of 1e-10": ("tol is 1e-8 unless another is given.", lambda f, g, h, theta0, tol=1e-10, max_steps=100: _newton(f, g, h, theta0, tol, max_steps)),
    "1-norm in the stopping test": ("‖g‖₂, the Euclidean norm.", _but(size=lambda g: np.abs(g).sum())),
    "root mean square in the stopping test": ("‖g‖₂ is not divided by √d.", _but(size=lambda g: np.sqrt(np.mean(g**2)))),
    "squared norm in the stopping test": ("Compare ‖g‖, not ‖g‖², with tol.", _but(size=lambda g: g @ g)),
    "tol relative to the first gradient": ("‖g‖ ≤ tol, absolute.", _but(relative=True)),
    "< in place of ≤ in the stopping test": ("Stop when ‖g‖ ≤ tol: at a minimum with tol = 0 both sides are 0.", _but(strict=True)),
    "tests after the step": ("Test before each step: from the minimum no step is taken.", _but(test_first=False)),
    "max_steps rows": ("max_steps steps, so max_steps + 1 rows.", _but(limit=lambda n: n - 1)),
    "one step too many": ("At most max_steps steps.", _but(limit=lambda n: n + 1)),
    "path without the start": ("The first row is theta0.", _after(lambda path: path[1:])),
    "only the end": ("Return every point, a row each.", _after(lambda path: path[-1])),
    "rows that are all the last point": ("Append a new array each step; `theta += …` writes into the old rows.", _after(lambda path: np.tile(path[-1], (len(path), 1)))),
    "rows after the start all the last point": ("Append a new array each step; `theta += …` writes into the old rows.", _after(lambda path: np.vstack([path[:1], np.tile(path[-1], (len(path) - 1, 1))]))),
}  # fmt: skip


def _start(problem, *theta0, **more):
    return lambda rng: dict(problem=problem, theta0=np.array(theta0), **more)


def _scipy_style(f, grad_fn, hess_fn, theta0, tol=1e-8, max_steps=100):
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    path = [theta0.tolist()]
    while len(path) < max_steps + 1 and (g := grad_fn(np.array(path[-1]))).dot(g) > tol**2:
        x, H, tau = np.array(path[-1]), hess_fn(np.array(path[-1])), 0
        while True:
            try:
                p = cho_solve(cho_factor(H + np.diag([tau] * len(x))), -g)
                break
            except LinAlgError:
                tau = tau * 10 if tau else 0.001
        while f(x + p) > f(x) + 1e-4 * (g * p).sum():  # p itself is halved
            p = p / 2
        path.append((x + p).tolist())
    return path


def _recursive(f, grad_fn, hess_fn, theta0, tol=1e-8, max_steps=100):
    g = grad_fn(theta0)
    if max_steps == 0 or np.sqrt(np.sum(g**2)) <= tol:
        return [theta0.copy()]
    values, Q = np.linalg.eigh(hess_fn(theta0))
    tau = 0 if values.min() > 0 else next(10.0**k for k in range(-3, 50) if values.min() + 10.0**k > 0)
    p = Q @ ((Q.T @ g) / (values + tau))
    t = next(0.5**k for k in range(200) if f(theta0 - 0.5**k * p) <= f(theta0) - 1e-4 * 0.5**k * np.dot(g, p))
    return [theta0.copy(), *_recursive(f, grad_fn, hess_fn, theta0 - t * p, tol, max_steps - 1)]


DAMPED = Exercise(
    name="damped_newton",
    returns=("path",),
    run=_run,
    protocol="`problem` names a function of this exercise; its value, gradient and Hessian are passed as f, grad_fn, hess_fn",
    oracle=_oracle_path,
    cases=(
        Case("a quadratic", _start("quadratic", 1.0, -2.0, 0.5, tol=1e-8, max_steps=3)),
        Case("near a saddle", _start("saddle", 1.0, 0.1, tol=1e-8, max_steps=8)),
        Case("near a saddle, slightly indefinite", _start("saddle", -0.5, 0.57733, tol=1e-8, max_steps=8)),
        Case("a full step would overshoot", _start("hyperbola", 1.1, tol=1e-8, max_steps=8)),
        Case("far away", _start("hyperbola", 45.0, tol=1e-8, max_steps=3)),
        Case("thirteen halvings", _start("hyperbola", 90.5, tol=1e-8, max_steps=1)),
        Case("a decrease that is too small", _start("hyperbola", 0.99995, tol=1e-8, max_steps=12)),
        Case("a decrease that is much too small", _start("hyperbola", 0.99999, tol=1e-8, max_steps=12)),
        Case("a decrease that is just enough", _start("hyperbola", 0.9995, tol=1e-8, max_steps=12)),
        Case("1.05e-4 of the slope, which is enough", _start("hyperbola", 0.999895, tol=1e-8, max_steps=1)),
        Case("9.5e-5 of the slope, which is not", _start("hyperbola", 0.999905, tol=1e-8, max_steps=1)),
        Case("Rosenbrock's valley, seven steps", _start("rosenbrock", -1.2, 1.0, tol=1e-8, max_steps=7)),
        Case("Rosenbrock, an indefinite Hessian", _start("rosenbrock", 0.5, 2.0, tol=1e-8, max_steps=16)),
        Case("start at the minimum, tol = 0", _start("rosenbrock", 1.0, 1.0, tol=0.0, max_steps=5)),
        Case("a gradient of 0.14, both entries 0.1", _start("saddle", 0.1, 1.0462, tol=0.105, max_steps=5)),
        Case("a gradient of (0.1, 0.1), tol between 1-norm and 2-norm", _start("saddle", 0.1, 1.0462, tol=0.16, max_steps=5)),
        Case("a gradient of (0.1, 0)", _start("saddle", 0.1, 1.0, tol=0.08, max_steps=5)),
        Case("a large gradient, but a short step", _start("quadratic", 0.0, 0.0, 1e-3, tol=1e-2, max_steps=5)),
        Case("no step allowed", _start("saddle", 1.0, 2.0, tol=1e-8, max_steps=0)),
        Case("a gradient between 1e-8 and 1e-6", _start("hyperbola", 0.005, max_steps=12)),
        Case("a gradient between 1e-10 and 1e-8", _start("hyperbola", 0.0015, max_steps=12)),
        Case("a gradient of 1.05e-8, and the default", _start("hyperbola", 1.05e-8, max_steps=12)),
        Case("a gradient of 9.5e-9, and the default", _start("hyperbola", 9.5e-9)),
        Case("a hundred steps are not enough", _start("exponential", 130.0)),
    ),
    mistakes=_listed(PATH_MISTAKES),
    accepts=(_but(), _but(direction=lambda H, g: _ladder(H.tolist() + np.zeros_like(H), g)), _scipy_style, _recursive),
    verified="every point equals that of torch's derivatives and an eigenvalue test for definiteness",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=45, exercises=(STEP, DAMPED), versions=("numpy", "torch", "scipy"))
