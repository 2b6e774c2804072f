"""05 · Momentum: Polyak 1964. Oracles: torch.optim.SGD, whose buffer times lr is our velocity; a root found by SciPy."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, torch_trajectory, trajectory


def _oracle(theta, grads, velocity=None, lr=None, momentum=0.9):
    import torch

    momentum = momentum or 1e-300  # torch keeps no buffer for 0; this one forgets as thoroughly
    start = {} if velocity is None else dict(momentum_buffer=velocity / lr)
    after = torch_trajectory(
        lambda parameters: torch.optim.SGD(parameters, lr, momentum), theta, grads, start, velocity="momentum_buffer"
    )
    return after | dict(velocity=lr * after["velocity"])


# The step in three rules, worked out from top to bottom; v0, theta0 are what it was given.
RULES = dict(
    v=lambda s: s.mu * s.v0 + s.lr * s.g,
    theta=lambda s: s.theta0 - s.v,
    returned=lambda s: (s.theta, s.v),
)


def _but(default=0.9, **changed):
    """Momentum with some of its rules exchanged."""

    def wrong(theta, grad, velocity, lr, momentum=default):
        s = SimpleNamespace(theta0=theta, g=grad, v0=velocity, lr=lr, mu=momentum)
        for name, rule in (RULES | changed).items():
            setattr(s, name, rule(s))
        return s.returned

    return wrong


MISTAKES = {
    # the velocity
    "(1 − μ) on the gradient (EMA)": (
        "Momentum sums: v = μ·v + lr·g. A mean, with 1 − μ before the gradient, makes the step ten times smaller.",
        _but(v=lambda s: s.mu * s.v0 + (1 - s.mu) * s.lr * s.g)),
    "mean of the gradients, lr outside (Adam's m)": (
        "Put lr inside the velocity and leave out 1 − μ: v = μ·v + lr·g, θ − v.",
        _but(v=lambda s: s.mu * s.v0 + (1 - s.mu) * s.g, theta=lambda s: s.theta0 - s.lr * s.v)),
    "lr outside the velocity (torch's buffer)": (
        "That is torch's buffer, v/lr; here lr belongs inside, v = μ·v + lr·g. θ is the same only if lr never changes.",
        _but(v=lambda s: s.mu * s.v0 + s.g, theta=lambda s: s.theta0 - s.lr * s.v)),
    "lr on the whole velocity": (
        "Brackets: μ·v + lr·g, not lr·(μ·v + g), which forgets nearly all of v.",
        _but(v=lambda s: s.lr * (s.mu * s.v0 + s.g))),
    "lr applied twice": (
        "lr is inside the velocity already: θ − v.", _but(theta=lambda s: s.theta0 - s.lr * s.v)),
    "lr forgotten": ("The gradient enters as lr·g.", _but(v=lambda s: s.mu * s.v0 + s.g)),
    "μ on the gradient too": (
        "μ damps the old velocity only: μ·v + lr·g, not μ·(v + lr·g).", _but(v=lambda s: s.mu * (s.v0 + s.lr * s.g))),
    "μ on the gradient, not on the velocity": (
        "μ damps the old velocity, not the gradient.", _but(v=lambda s: s.v0 + s.mu * s.lr * s.g)),
    "velocity never damped": ("Multiply the old velocity by μ.", _but(v=lambda s: s.v0 + s.lr * s.g)),
    "μ and 1 − μ exchanged": (
        "The old velocity keeps the large weight μ, and the gradient has no weight but lr.",
        _but(v=lambda s: (1 - s.mu) * s.v0 + s.mu * s.lr * s.g)),
    "1 − μ on the old velocity": ("The old velocity is multiplied by μ.", _but(v=lambda s: (1 - s.mu) * s.v0 + s.lr * s.g)),
    "old velocity subtracted": ("The old velocity is added: μ·v + lr·g.", _but(v=lambda s: s.lr * s.g - s.mu * s.v0)),
    "minus in the velocity, minus in the step (ascent)": (
        "With θ − v the gradient enters v with a plus.", _but(v=lambda s: s.mu * s.v0 - s.lr * s.g)),
    "velocity of opposite sign (v = μ·v − lr·g, θ + v)": (
        "That is CS231n's and Keras' velocity, of the same path; here it points uphill: v = μ·v + lr·g, θ − v.",
        _but(v=lambda s: s.mu * s.v0 - s.lr * s.g, theta=lambda s: s.theta0 + s.v)),
    # the step
    "plus in place of minus (ascent)": ("Go against the velocity: θ − v.", _but(theta=lambda s: s.theta0 + s.v)),
    "θ moved with the old velocity": (
        "Update the velocity first, then move θ with the new one.", _but(theta=lambda s: s.theta0 - s.v0)),
    "θ moved with the damped old velocity": (
        "The new velocity has the gradient in it: θ − (μ·v + lr·g).", _but(theta=lambda s: s.theta0 - s.mu * s.v0)),
    "Nesterov in its place": (
        "θ − v. With θ − (lr·g + μ·v) it is Nesterov's momentum in the frameworks' form.",
        _but(theta=lambda s: s.theta0 - s.lr * s.g - s.mu * s.v)),
    "gradient counted twice": (
        "The gradient is in v already: θ − v, not θ − v − lr·g.", _but(theta=lambda s: s.theta0 - s.v - s.lr * s.g)),
    "velocity left out of the step (SGD)": (
        "θ moves by the velocity, not by lr·g.", _but(theta=lambda s: s.theta0 - s.lr * s.g)),
    # what comes back, and the default
    "the old velocity returned": (
        "Return the new velocity; without it there is no memory.", _but(returned=lambda s: (s.theta, s.v0))),
    "the displacement returned (−v)": (
        "Return v itself; what θ moved by is −v.", _but(returned=lambda s: (s.theta, -s.v))),
    "the gradient returned as state": ("The state is the velocity.", _but(returned=lambda s: (s.theta, s.g))),
    "velocity returned first": ("The order is (theta, velocity).", _but(returned=lambda s: (s.v, s.theta))),
    "default momentum 0.99": ("The default momentum is 0.9.", _but(0.99)),
    "momentum fixed at 0.9": (
        "Use the argument momentum, not its usual value.", lambda theta, g, v, lr, momentum=0.9: _but()(theta, g, v, lr)),
}  # fmt: skip


def _loops(theta, grad, velocity, lr, momentum=0.9):
    theta, velocity = np.array(theta), np.array(velocity)
    for i in np.ndindex(theta.shape):
        velocity[i] = momentum * velocity[i] + lr * grad[i]
        theta[i] = theta[i] - velocity[i]
    return theta.tolist(), velocity.tolist()


def _on_copies(theta, grad, velocity, lr, momentum=0.9):
    theta, velocity = theta.copy(), velocity.copy()
    velocity *= momentum
    velocity += np.multiply(lr, grad)
    theta -= velocity
    return [theta, velocity]


def _scaled_buffer(theta, grad, velocity, lr, momentum=0.9):
    buffer = momentum * (velocity / lr) + grad
    return theta - lr * buffer, lr * buffer


def _torch_backed(theta, grad, velocity, lr, momentum=0.9):
    after = _oracle(theta, grad[None], velocity, lr, momentum)
    return after["theta"][0], after["velocity"][0]


def _silent(rng, steps, **more):
    """One parameter never has a gradient, and the second half of the steps has none at all: the ball rolls on."""
    inputs = noise(rng, steps, 3, **more)
    inputs["grads"][:, 1] = 0
    inputs["grads"][steps // 2 :] = 0
    return inputs


MOMENTUM = Exercise(
    name="momentum_step",
    returns=("theta", "velocity"),
    run=trajectory("velocity"),
    protocol=PROTOCOL,
    oracle=_oracle,
    cases=(
        Case("the first step (default momentum)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]), lr=0.1)),
        Case("two steps with momentum 0.5", lambda rng: dict(theta=np.zeros(2), grads=np.array([[1.0, -2.0], [1.0, 0.0]]), lr=0.1, momentum=0.5)),
        Case("one step with a velocity", lambda rng: dict(theta=np.zeros(2), grads=np.array([[1.0, 0.0]]), velocity=np.array([1.0, -2.0]), lr=0.1)),
        Case("20 noisy steps (default momentum)", lambda rng: noise(rng, 20, 5, lr=0.05)),
        Case("a 3×4 matrix, momentum 0.8", lambda rng: noise(rng, 6, 3, 4, lr=0.02, momentum=0.8)),
        Case("a 3×3 matrix, momentum 0.99", lambda rng: noise(rng, 6, 3, 3, lr=0.02, momentum=0.99)),
        Case("gradients that are zero", lambda rng: _silent(rng, 8, lr=0.3)),
        Case("gradients of 1e-6 to 1e4", lambda rng: noise(rng, 5, 6, scale=np.logspace(-6, 4, 6), lr=2.0, momentum=0.7)),
        Case("momentum 0", lambda rng: noise(rng, 3, 2, lr=0.1, momentum=0.0)),
        Case("resumed with a velocity", lambda rng: noise(rng, 5, 4, velocity=rng.normal(size=4), lr=0.01)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    accepts=(_but(), _loops, _on_copies, _scaled_buffer, _torch_backed),
    verified="theta and lr times the buffer equal torch.optim.SGD's in float64 after every step, momentum 0 and 0.99 included",
)  # fmt: skip


def _smallest_radius(mu, L):
    """With momentum s² all roots of r² − (1 + s² − lr·λ)r + s² have modulus s just if (1 − s)² ≤ lr·λ ≤ (1 + s)²;
    the least s for which one lr serves both ends is found by bisection, without the closed form."""
    from scipy.optimize import brentq

    s = brentq(lambda s: (1 - s) ** 2 * L - (1 + s) ** 2 * mu, 0, 1, xtol=1e-16, rtol=1e-15)
    return (1 - s) ** 2 / mu, s**2


def _tuned(lr=lambda mu, L: 4 / (L**0.5 + mu**0.5) ** 2, momentum=lambda k: ((k**0.5 - 1) / (k**0.5 + 1)) ** 2):
    """The closed form, with one part or both exchanged; k is the condition number."""
    return lambda mu, L: (lr(mu, L), momentum(L / mu))


def _rate(x):
    return (x - 1) / (x + 1)


TUNING = {
    # momentum
    "momentum not squared": (
        "The rate is (√κ − 1)/(√κ + 1); the momentum is its square.", _tuned(momentum=lambda k: _rate(k**0.5))),
    "momentum not squared, mu and L exchanged": (
        "κ = L/mu, and the momentum is the square of the rate.", _tuned(momentum=lambda k: _rate(k**-0.5))),
    "κ in place of √κ": (
        "Momentum turns κ into √κ: ((√κ − 1)/(√κ + 1))².", _tuned(momentum=lambda k: _rate(k) ** 2)),
    "gradient descent's rate as momentum": (
        "(κ − 1)/(κ + 1) is the rate of gradient descent; the momentum is ((√κ − 1)/(√κ + 1))².", _tuned(momentum=_rate)),
    "only the numerator squared": (
        "Square the whole quotient.", _tuned(momentum=lambda k: (k**0.5 - 1) ** 2 / (k**0.5 + 1))),
    "only the denominator squared": (
        "Square the whole quotient.", _tuned(momentum=lambda k: (k**0.5 - 1) / (k**0.5 + 1) ** 2)),
    "(1 − 1/√κ)² as momentum": (
        "The rate is 1 − 2/(√κ + 1), not 1 − 1/√κ.", _tuned(momentum=lambda k: (1 - k**-0.5) ** 2)),
    "L in place of κ": (
        "κ = L/mu: a large L alone is only a matter of units.", lambda mu, L: (_tuned()(mu, L)[0], _rate(L**0.5) ** 2)),
    "momentum 0.9 whatever κ": ("The best momentum depends on κ.", _tuned(momentum=lambda k: 0.9)),
    # lr
    "gradient descent's lr, 2/(L + mu)": (
        "With momentum the best lr is 4/(√L + √mu)², up to twice as large.", _tuned(lambda mu, L: 2 / (L + mu))),
    "gradient descent's lr and rate": (
        "Both change with momentum: 4/(√L + √mu)², ((√κ − 1)/(√κ + 1))².", _tuned(lambda mu, L: 2 / (L + mu), _rate)),
    "roots forgotten in lr": (
        "The denominator is (√L + √mu)², not L + mu.", _tuned(lambda mu, L: 4 / (L + mu))),
    "roots forgotten in lr, squared": (
        "The denominator is (√L + √mu)²; (L + mu)² has the wrong unit.", _tuned(lambda mu, L: 4 / (L + mu) ** 2)),
    "roots forgotten everywhere": (
        "Roots in both: 4/(√L + √mu)², ((√κ − 1)/(√κ + 1))².", _tuned(lambda mu, L: 4 / (L + mu) ** 2, lambda k: _rate(k) ** 2)),
    "lr = 4/(√L + √mu), not squared": (
        "Square the sum of the roots: lr has the unit of 1/L.", _tuned(lambda mu, L: 4 / (L**0.5 + mu**0.5))),
    "lr = 2/(√L + √mu), not squared": (
        "lr is the square of this.", _tuned(lambda mu, L: 2 / (L**0.5 + mu**0.5))),
    "lr too small by half (2 in place of 4)": (
        "At both ends the discriminant is zero: lr·mu = (1 − √β)², lr·L = (1 + √β)²; add the roots and lr = 4/(√L + √mu)².",
        _tuned(lambda mu, L: 2 / (L**0.5 + mu**0.5) ** 2)),
    "lr = 1/L": ("1/L is safe, not optimal: 4/(√L + √mu)².", _tuned(lambda mu, L: 1 / L)),
    "lr from κ alone (mu = 1 assumed)": (
        "4/(√κ + 1)² must still be divided by mu: lr has the unit of 1/L.", _tuned(lambda mu, L: 4 / ((L / mu) ** 0.5 + 1) ** 2)),
    "lr divided by L in place of mu": (
        "4/(√κ + 1)² belongs with 1/mu.", _tuned(lambda mu, L: 4 / ((L / mu) ** 0.5 + 1) ** 2 / L)),
    "Nesterov's constants (1/L)": (
        "1/L and (√κ − 1)/(√κ + 1) are for Nesterov's method.", _tuned(lambda mu, L: 1 / L, lambda k: _rate(k**0.5))),
    "Nesterov's constants (4/(3L + mu))": (
        "These are best for Nesterov's method on quadratics, not for heavy ball.",
        _tuned(lambda mu, L: 4 / (3 * L + mu), lambda k: ((3 * k + 1) ** 0.5 - 2) / ((3 * k + 1) ** 0.5 + 2))),
    "momentum returned first": ("The order is (lr, momentum).", lambda mu, L: _tuned()(mu, L)[::-1]),
}  # fmt: skip


def _polyak(mu, L):
    """Polyak's form of the momentum, in NumPy scalars."""
    lr = np.square(2 / (np.sqrt(L) + np.sqrt(mu)))
    return lr, np.maximum(abs(1 - np.sqrt(lr * mu)), abs(1 - np.sqrt(lr * L))) ** 2


def _linear_system(mu, L):
    """√lr·√mu + s = 1 and √lr·√L − s = 1, solved."""
    root_lr, s = np.linalg.solve([[mu**0.5, 1], [L**0.5, -1]], [1, 1])
    return [float(root_lr) ** 2, float(s) ** 2]


HEAVY_BALL = Exercise(
    name="optimal_heavy_ball",
    returns=("lr", "momentum"),
    oracle=_smallest_radius,
    cases=(
        Case("eigenvalues from 1 to 9", lambda rng: dict(mu=1.0, L=9.0)),
        Case("one eigenvalue, 4 (κ = 1)", lambda rng: dict(mu=4.0, L=4.0)),
        Case("eigenvalues from 0.5 to 2", lambda rng: dict(mu=0.5, L=2.0)),
        Case("κ = 100, L = 1", lambda rng: dict(mu=0.01, L=1.0)),
        Case("κ = 47 with small eigenvalues", lambda rng: dict(mu=3e-3, L=0.141)),
        Case("κ = 1e6", lambda rng: dict(mu=1e-3, L=1e3)),
        Case("large eigenvalues, κ = 1.5", lambda rng: dict(mu=2e3, L=3e3)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in TUNING.items()),
    accepts=(_tuned(), _polyak, _linear_system, _smallest_radius, lambda mu, L: _tuned()(L, mu)),
    verified="equal to the pair with the smallest spectral radius, found by bisection; κ = 1 and κ = 1e6 included",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=38, exercises=(MOMENTUM, HEAVY_BALL), versions=("numpy", "torch", "scipy"))
