"""A constant hidden in the code, or a case treated by chance, does not pass; and gets no false name."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate2d

from utils.grading import catalogue, judge, report
from utils.sandbox import source

SOLUTIONS = Path(__file__).parents[2] / "solutions"


def judged(function, name):
    function.__name__ = name
    return judge.check(function)


def conv2d(x, weight, bias=None, stride=1, padding=0):
    """SciPy exchanges image and kernel where the kernel is the larger one."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out = np.stack([[sum(correlate2d(a, b, "valid") for a, b in zip(image, kernel, strict=True)) for kernel in weight]
                    for image in x])[:, :, ::stride, ::stride]  # fmt: skip
    return out if bias is None else out + bias[:, None, None]


def first_samples(theta, X, y):
    X, y = X[:32], y[:32]
    return X.T @ (X @ theta - y) / len(y)


def nearly_a_ceiling(n, batch_size, drop_last=False):
    return n // batch_size if drop_last else int(n / batch_size + 0.99999)


def relative_tolerance(hessian, tol=1e-8):
    values = np.linalg.eigvalsh(hessian)
    tol = tol * max(1.0, abs(values).max())
    if values[0] < -tol and values[-1] > tol:
        return "saddle"
    if (abs(values) <= tol).any():
        return "degenerate"
    return "minimum" if values[0] > 0 else "maximum"


def ten_power_iterations(X):
    H = X.T @ X / len(X)
    v = np.ones(len(H))
    for _ in range(10):
        v = H @ v
        v /= np.linalg.norm(v)
    return float(2 / (v @ H @ v))


def bfgs(threshold):
    def update(H, s, y):
        if s @ y <= threshold * np.linalg.norm(s) * np.linalg.norm(y):
            return H
        V = np.eye(len(s)) - np.outer(s, y) / (s @ y)
        return V @ H @ V.T + np.outer(s, s) / (s @ y)

    return update


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("conv2d", conv2d), ("least_squares_gradient", first_samples), ("iterations_per_epoch", nearly_a_ceiling),
        ("classify_critical_point", relative_tolerance), ("max_stable_lr", ten_power_iterations),
        *(("bfgs_inverse_update", bfgs(threshold)) for threshold in (0.0, 1e-12, 1e-11, 1e-9, 1e-8)),
    ],
)  # fmt: skip
def test_it_is_found_out(name, function):
    """It is wrong, and no listed mistake that is another thing gets the blame."""
    verdict = judged(function, name)

    assert report.WRONG == verdict.status
    assert verdict.mistake is None or (name, verdict.mistake) == (
        "bfgs_inverse_update",
        "skips only where sᵀy is negative",
    )


def test_the_threshold_itself_is_right():
    """The same code with the constant that the docstring names."""
    assert judged(bfgs(1e-10), "bfgs_inverse_update")


def test_armijos_constant_is_found_out():
    """Twice or half of 1e-4 in the solution's own text."""
    text = source.read(SOLUTIONS / "12_newton.py", ["damped_newton"]).needed_for("damped_newton")
    assert "1e-4" in text
    for other in ("2e-4", "5e-5"):
        scope = {"__name__": "answer"}
        exec(text.replace("1e-4", other), scope)
        assert not judge.check(scope["damped_newton"])


def test_a_mistake_that_is_wrong_where_the_answer_is_right_is_none():
    """A ceiling that fails once is not called rounding, which fails in other cases too."""
    exercise = catalogue.exercise("iterations_per_epoch")

    assert "rounded to the nearest" in [mistake.name for mistake in exercise.mistakes]
    assert judged(nearly_a_ceiling, "iterations_per_epoch").mistake is None
