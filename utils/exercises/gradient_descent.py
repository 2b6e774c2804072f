"""01 · Least squares and gradient descent. Oracles: torch's autograd and SGD in float64, SciPy's singular values."""

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _torch_loss(theta, X, y):
    import torch

    theta = torch.tensor(theta, requires_grad=True)
    loss = 0.5 * torch.nn.functional.mse_loss(torch.tensor(X) @ theta, torch.tensor(y))
    return loss, theta


def _oracle_loss(theta, X, y):
    return float(_torch_loss(theta, X, y)[0].detach())


def _oracle_gradient(theta, X, y):
    loss, theta = _torch_loss(theta, X, y)
    loss.backward()
    return theta.grad.numpy()


def _problem(rng, n, d, scale=1.0):
    return dict(theta=rng.normal(size=d), X=scale * rng.normal(size=(n, d)), y=rng.normal(size=n))


LOSS_CASES = (
    Case(
        "two samples, one feature",
        lambda rng: dict(theta=np.array([1.0]), X=np.array([[1.0], [2.0]]), y=np.array([0.0, 4.0])),
    ),
    Case("five samples, two features", lambda rng: _problem(rng, 5, 2)),
    Case("as many samples as features", lambda rng: _problem(rng, 4, 4)),
    Case("more features than samples", lambda rng: _problem(rng, 3, 7)),
    Case("a single sample", lambda rng: _problem(rng, 1, 3)),
    Case("large features", lambda rng: _problem(rng, 6, 2, 1e3)),
    Case("a perfect fit", lambda rng: (p := _problem(rng, 6, 3)) | dict(y=p["X"] @ p["theta"])),
    Case("theta = 0", lambda rng: _problem(rng, 8, 3) | dict(theta=np.zeros(3))),
    Case("three hundred samples", lambda rng: _problem(rng, 300, 3)),
)


def _loss(change=lambda residual: np.sum(residual**2) / (2 * len(residual))):
    return lambda theta, X, y: float(change(X @ theta - y))


LOSS_MISTAKES = {
    "factor 2 (no 1/2)": ("J has 1/(2n) in front: the half cancels the 2 of the derivative.", _loss(lambda r: np.mean(r**2))),
    "sum instead of mean": ("Divide by the number of samples n.", _loss(lambda r: np.sum(r**2) / 2)),
    "sum, and no 1/2": ("J = 1/(2n) · Σ r².", _loss(lambda r: np.sum(r**2))),
    "root of the mean square": ("No root: J = 1/(2n) · Σ r².", _loss(lambda r: np.sqrt(np.mean(r**2)))),
    "norm of the residual, not its square": ("Square the residuals.", _loss(lambda r: np.linalg.norm(r) / (2 * len(r)))),
    "absolute residuals": ("Squares, not absolute values.", _loss(lambda r: np.mean(np.abs(r)) / 2)),
    "mean of the residuals, squared": ("Square each residual, then take the mean.", _loss(lambda r: np.mean(r) ** 2 / 2)),
    "residual with the sign of a sum (Xθ + y)": ("The residual is prediction minus target: Xθ − y.", lambda theta, X, y: float(np.mean((X @ theta + y) ** 2) / 2)),
    "divided by n − 1": ("Divide by n.", _loss(lambda r: np.sum(r**2) / (2 * max(len(r) - 1, 1)))),
    "divided by the number of features": ("Divide by the number of samples, the rows of X.", lambda theta, X, y: float(np.sum((X @ theta - y) ** 2) / (2 * len(theta)))),
    "one loss for each sample": ("Return one number: the mean over the samples.", lambda theta, X, y: (X @ theta - y) ** 2 / 2),
}  # fmt: skip

LOSS = Exercise(
    name="least_squares_loss",
    returns=("loss",),
    oracle=_oracle_loss,
    cases=LOSS_CASES,
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in LOSS_MISTAKES.items()),
    accepts=(
        _loss(),
        lambda theta, X, y: sum((sum(a * t for a, t in zip(row, theta, strict=True)) - v) ** 2 for row, v in zip(X, y, strict=True)) / (2 * len(y)),
        lambda theta, X, y: np.einsum("i,i->", X @ theta - y, X @ theta - y) / (2 * len(y)),
        lambda theta, X, y: (theta @ X.T @ X @ theta - 2 * y @ X @ theta + y @ y) / (2 * len(y)),
    ),
    verified="equal to half of torch's mean squared error on eight shapes, a single sample and a perfect fit included",
)  # fmt: skip


def _gradient(residual=lambda theta, X, y: X @ theta - y, finish=lambda X, r: X.T @ r / len(r)):
    return lambda theta, X, y: finish(X, residual(theta, X, y))


GRADIENT_MISTAKES = {
    "factor 2 (no 1/2)": ("The 1/2 of J cancels the 2 of the derivative: Xᵀ(Xθ − y)/n.", _gradient(finish=lambda X, r: 2 * X.T @ r / len(r))),
    "1/2 kept": ("The derivative of r²/2 is r: no 1/2 is left.", _gradient(finish=lambda X, r: X.T @ r / (2 * len(r)))),
    "sum instead of mean": ("Divide by the number of samples n.", _gradient(finish=lambda X, r: X.T @ r)),
    "sum, and factor 2": ("Xᵀ(Xθ − y)/n.", _gradient(finish=lambda X, r: 2 * X.T @ r)),
    "residual sign": ("The residual is prediction minus target; y − Xθ gives the descent direction.", _gradient(residual=lambda theta, X, y: y - X @ theta)),
    "Xθ + y": ("The residual is Xθ − y.", _gradient(residual=lambda theta, X, y: X @ theta + y)),
    "target forgotten": ("The residual is Xθ − y.", _gradient(residual=lambda theta, X, y: X @ theta)),
    "divided by the number of features": ("Divide by n, the rows of X.", _gradient(finish=lambda X, r: X.T @ r / X.shape[1])),
    "divided by n − 1": ("Divide by n.", _gradient(finish=lambda X, r: X.T @ r / max(len(r) - 1, 1))),
    "residuals times the sum of the features": ("Each residual weights its own sample: Xᵀr.", _gradient(finish=lambda X, r: X.sum(axis=0) * r.mean() / 1.0)),
    "X without transpose": ("Xᵀ (d, n) times r (n,) gives (d,).", _gradient(finish=lambda X, r: X @ r / len(r))),
    "sign of the residual only": ("That is the gradient of absolute errors.", _gradient(finish=lambda X, r: X.T @ np.sign(r) / len(r))),
    "one gradient for each sample": ("Average the per-sample gradients over axis 0.", _gradient(finish=lambda X, r: X * r[:, None])),
}  # fmt: skip

GRADIENT = Exercise(
    name="least_squares_gradient",
    returns=("gradient",),
    oracle=_oracle_gradient,
    cases=LOSS_CASES,
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in GRADIENT_MISTAKES.items()),
    accepts=(
        _gradient(),
        lambda theta, X, y: X.T @ X @ theta / len(y) - X.T @ y / len(y),
        lambda theta, X, y: np.einsum("nd,n->d", X, X @ theta - y) / len(y),
        lambda theta, X, y: [float(np.mean((X @ theta - y) * column)) for column in X.T],
        lambda theta, X, y: _oracle_gradient(theta.copy(), X.copy(), y.copy()),
    ),
    verified="equal to torch's autograd on eight shapes",
)  # fmt: skip


def _descend(function, theta0, lr, n_steps, A, b=None, bend=0.0):
    """grad_fn(θ) = Aθ − b + bend·θ³: a quadratic, or with bend > 0 something steeper."""
    shift = np.zeros(len(theta0)) if b is None else b
    return function(lambda theta: A @ theta - shift + bend * theta**3, theta0, lr, n_steps)


def _oracle_descent(theta0, lr, n_steps, A, b=None, bend=0.0):
    """torch.optim.SGD on the function whose gradient that is, by autograd."""
    import torch

    theta = torch.tensor(theta0, dtype=torch.float64, requires_grad=True)
    sgd, A = torch.optim.SGD([theta], lr=lr), torch.tensor(A)
    shift = torch.zeros(len(theta0), dtype=torch.float64) if b is None else torch.tensor(b)
    path = [theta0]
    for _ in range(n_steps):
        sgd.zero_grad()
        (theta @ A @ theta / 2 - shift @ theta + bend * (theta**4).sum() / 4).backward()
        sgd.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def _path(
    grad_fn,
    theta0,
    lr,
    n_steps,
    *,
    step=lambda theta, lr, g, k: theta - lr * g,
    where=lambda path: path[-1],
    keep=lambda path: path,
):
    path = [np.array(theta0)]
    for k in range(n_steps):
        path.append(step(path[-1], lr, grad_fn(where(path)), k))
    return np.array(keep(path))


def _way(**parts):
    return lambda grad_fn, theta0, lr, n_steps: _path(grad_fn, theta0, lr, n_steps, **parts)


DESCENT_MISTAKES = {
    "ascent (sign)": ("Go against the gradient: θ − lr·g.", _way(step=lambda theta, lr, g, k: theta + lr * g)),
    "path without the start": ("The path has n_steps + 1 rows: the start is the first.", _way(keep=lambda path: path[1:])),
    "path without the end": ("Append the new θ after every step, the last one too.", _way(keep=lambda path: path[:-1] if len(path) > 1 else path)),
    "path rows that all alias one array": ("θ -= … changes the one array that every row points to: append a copy.", _way(keep=lambda path: [path[-1]] * len(path))),
    "only the end": ("Return all points, (n_steps + 1, d).", _way(keep=lambda path: path[-1])),
    "gradient taken at the start only": ("Ask grad_fn at the current θ in every step.", _way(where=lambda path: path[0])),
    "gradient of the step before": ("Ask grad_fn at the current θ.", _way(where=lambda path: path[-2] if len(path) > 1 else path[-1])),
    "lr forgotten": ("θ − lr·g.", _way(step=lambda theta, lr, g, k: theta - g)),
    "normalised gradient": ("The step is lr·g: its length shrinks with the gradient.", _way(step=lambda theta, lr, g, k: theta - lr * g / (np.linalg.norm(g) or 1))),
    "sign of the gradient": ("That is steepest descent in the maximum norm; the question asks for θ − lr·g.", _way(step=lambda theta, lr, g, k: theta - lr * np.sign(g))),
    "decaying learning rate": ("The learning rate stays the same.", _way(step=lambda theta, lr, g, k: theta - lr / (k + 1) * g)),
    "one step too many": ("n_steps steps make n_steps + 1 points.", lambda grad_fn, theta0, lr, n_steps: _path(grad_fn, theta0, lr, n_steps + 1)),
    "gradients returned": ("Return the points θ.", lambda grad_fn, theta0, lr, n_steps: np.array([grad_fn(t) for t in _path(grad_fn, theta0, lr, n_steps)])),
}  # fmt: skip


def _filled_in(grad_fn, theta0, lr, n_steps):
    path = np.empty((n_steps + 1, len(theta0)))
    path[0] = theta0
    for k in range(n_steps):
        path[k + 1] = path[k] - lr * np.asarray(grad_fn(path[k]))
    return path


def _in_place(grad_fn, theta0, lr, n_steps):
    theta, path = theta0.copy(), [theta0.copy()]
    for _ in range(n_steps):
        theta -= lr * grad_fn(theta)
        path.append(theta.copy())
    return path


DESCENT = Exercise(
    name="gradient_descent",
    returns=("path",),
    run=_descend,
    protocol="grad_fn is the gradient of a small polynomial: A·θ − b, in one case with a cubic term",
    oracle=_oracle_descent,
    cases=(
        Case("two steps on a parabola", lambda rng: dict(theta0=np.array([1.0]), lr=0.25, n_steps=2, A=np.array([[2.0]]))),
        Case("three steps in two dimensions", lambda rng: dict(theta0=np.array([1.0, -2.0]), lr=0.1, n_steps=3, A=np.diag([1.0, 4.0]), b=np.array([1.0, 1.0]))),
        Case("no step", lambda rng: dict(theta0=np.array([3.0, 4.0]), lr=0.1, n_steps=0, A=np.eye(2))),
        Case("twenty steps, tilted", lambda rng: dict(theta0=rng.normal(size=3), lr=0.05, n_steps=20, A=(q := rng.normal(size=(3, 3))) @ q.T, b=rng.normal(size=3))),
        Case("a step that diverges", lambda rng: dict(theta0=np.array([1.0, 1.0]), lr=0.6, n_steps=8, A=np.diag([1.0, 4.0]))),
        Case("not a quadratic", lambda rng: dict(theta0=np.array([1.0, -0.5]), lr=0.1, n_steps=10, A=np.eye(2), b=np.zeros(2), bend=2.0)),
        Case("a start at the minimum", lambda rng: dict(theta0=np.zeros(2), lr=0.1, n_steps=3, A=np.eye(2))),
        Case("as many dimensions as points", lambda rng: dict(theta0=rng.normal(size=4), lr=0.2, n_steps=3, A=np.diag([1.0, 2.0, 3.0, 4.0]))),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in DESCENT_MISTAKES.items()),
    accepts=(_way(), _filled_in, _in_place),
    verified="every point equals torch.optim.SGD's, the start included",
)  # fmt: skip


def _oracle_lr(X):
    import scipy.linalg

    return float(2 * len(X) / scipy.linalg.svdvals(X)[0] ** 2)


def _largest(X):
    return np.linalg.eigvalsh(X.T @ X)[-1]


LR_MISTAKES = {
    "1/λ_max instead of 2/λ_max": ("1/L is the safe choice; the limit of convergence is 2/L.", lambda X: 1 / (_largest(X) / len(X))),
    "λ_max of XᵀX without 1/n": ("J has 1/n in it, and so has its Hessian XᵀX/n.", lambda X: 2 / _largest(X)),
    "1/λ_max, and without 1/n": ("2/λ_max(XᵀX/n).", lambda X: 1 / _largest(X)),
    "λ_min instead of λ_max": ("The steepest direction decides: the largest eigenvalue.", lambda X: 2 * len(X) / (np.linalg.eigvalsh(X.T @ X)[0] or np.inf)),
    "2/(λ_max + λ_min)": ("That is the fastest rate, not the largest stable one.", lambda X: 2 * len(X) / (np.linalg.eigvalsh(X.T @ X)[[0, -1]].sum())),
    "singular value in place of the eigenvalue": ("λ_max(XᵀX) is the square of X's largest singular value.", lambda X: 2 * len(X) / np.linalg.norm(X, 2)),
    "trace instead of λ_max": ("The trace bounds λ_max from above; the limit is sharp.", lambda X: 2 * len(X) / np.trace(X.T @ X)),
    "divided by the number of features": ("The Hessian is XᵀX/n, with n samples.", lambda X: 2 * X.shape[1] / _largest(X)),
    "λ_max itself": ("The learning rate is 2 over it.", lambda X: _largest(X) / len(X)),
    "covariance in place of XᵀX/n": ("Do not subtract the mean: the Hessian is XᵀX/n.", lambda X: 2 / (np.linalg.eigvalsh(np.cov(X.T, bias=True).reshape(X.shape[1], -1))[-1] or np.inf)),
    "Hessian of the loss without 1/2": ("J has 1/2: its Hessian is XᵀX/n, not 2XᵀX/n — this gives 1/λ_max of half.", lambda X: 4 * len(X) / _largest(X)),
}  # fmt: skip


def _power_iteration(X):
    v = X.T @ X @ np.ones(X.shape[1]) + 1e-3 * np.arange(X.shape[1])
    for _ in range(20000):
        w = X.T @ (X @ v)
        v = w / np.linalg.norm(w)
    return 2 * len(X) / np.linalg.norm(X @ v) ** 2


MAX_LR = Exercise(
    name="max_stable_lr",
    returns=("lr",),
    oracle=_oracle_lr,
    cases=(
        Case("one feature", lambda rng: dict(X=np.array([[1.0], [2.0], [3.0]]))),
        Case("two features along the axes", lambda rng: dict(X=np.array([[1.0, 0.0], [0.0, 3.0], [1.0, 0.0], [0.0, 3.0]]))),
        Case("many samples", lambda rng: dict(X=1 + rng.normal(size=(40, 5)))),
        Case("as many samples as features", lambda rng: dict(X=rng.normal(size=(4, 4)))),
        Case("more features than samples", lambda rng: dict(X=rng.normal(size=(3, 8)))),
        Case("a single sample", lambda rng: dict(X=rng.normal(size=(1, 3)))),
        Case("large features", lambda rng: dict(X=1e3 * rng.normal(size=(10, 3)))),
        Case("twelve features, eigenvalues close together", lambda rng: dict(X=rng.normal(size=(400, 12)))),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in LR_MISTAKES.items()),
    accepts=(
        lambda X: 2 / np.linalg.eigvalsh(X.T @ X / len(X))[-1],
        lambda X: 2 * len(X) / np.linalg.norm(X, 2) ** 2,
        lambda X: float(2 / max(np.linalg.eigvals(X.T @ X / len(X)).real)),
        _power_iteration,
    ),
    verified="equal to 2n over the squared largest singular value, on seven shapes",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=50, exercises=(LOSS, GRADIENT, DESCENT, MAX_LR))
