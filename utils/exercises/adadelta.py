"""08 · One step of Adadelta: Zeiler 2012, Algorithm 1, with lr = 1. Oracle: torch.optim.Adadelta."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, silent, torch_trajectory, trajectory

DEFAULTS = dict(rho=0.9, eps=1e-6)


def _oracle(theta, grads, avg_sq_grad=None, avg_sq_delta=None, rho=0.9, eps=1e-6):
    import torch

    start = {} if avg_sq_grad is None else dict(step=0, square_avg=avg_sq_grad, acc_delta=avg_sq_delta)
    return torch_trajectory(
        lambda parameters: torch.optim.Adadelta(parameters, 1.0, rho, eps),
        theta, grads, start, avg_sq_grad="square_avg", avg_sq_delta="acc_delta",
    )  # fmt: skip


# Adadelta in four rules, worked out from top to bottom; G0, D0, theta0 are what the step was given.
RULES = dict(
    G=lambda s: s.rho * s.G0 + (1 - s.rho) * s.g**2,
    delta=lambda s: np.sqrt(s.D0 + s.eps) / np.sqrt(s.G + s.eps) * s.g,
    D=lambda s: s.rho * s.D0 + (1 - s.rho) * s.delta**2,
    theta=lambda s: s.theta0 - s.delta,
    returned=lambda s: (s.theta, s.G, s.D),
)


def _but(changed_defaults=(), **changed):
    """Adadelta with some of its rules exchanged."""

    def wrong(theta, grad, avg_sq_grad, avg_sq_delta, *hyper):
        named = dict(zip(DEFAULTS, hyper, strict=False))
        s = SimpleNamespace(
            theta0=theta, g=grad, G0=avg_sq_grad, D0=avg_sq_delta, **(DEFAULTS | dict(changed_defaults) | named)
        )
        for name, rule in (RULES | changed).items():
            setattr(s, name, rule(s))
        return s.returned

    return wrong


def _delta(numerator, denominator):
    return lambda s: numerator(s) / denominator(s) * s.g


def _current_delta(s):
    """The RMS of this step's own change, found by solving for it once more."""
    first = np.sqrt(s.D0 + s.eps) / np.sqrt(s.G + s.eps) * s.g
    return np.sqrt(s.rho * s.D0 + (1 - s.rho) * first**2 + s.eps) / np.sqrt(s.G + s.eps) * s.g


MISTAKES = {
    "eps outside both roots": (
        "Here eps goes inside the roots: √(D + eps)/√(G + eps).",
        _but(delta=_delta(lambda s: np.sqrt(s.D0) + s.eps, lambda s: np.sqrt(s.G) + s.eps)),
    ),
    "eps outside the root below": (
        "Both roots have eps inside: √(D + eps)/√(G + eps).",
        _but(delta=_delta(lambda s: np.sqrt(s.D0 + s.eps), lambda s: np.sqrt(s.G) + s.eps)),
    ),
    "eps outside the root above": (
        "Both roots have eps inside: √(D + eps)/√(G + eps).",
        _but(delta=_delta(lambda s: np.sqrt(s.D0) + s.eps, lambda s: np.sqrt(s.G + s.eps))),
    ),
    "no eps above": (
        "Without eps above the first step is zero, and so is every one after it.",
        _but(delta=_delta(lambda s: np.sqrt(s.D0), lambda s: np.sqrt(s.G + s.eps))),
    ),
    "no eps below": (
        "Both roots have eps inside; without it a parameter without gradient divides by zero.",
        _but(delta=_delta(lambda s: np.sqrt(s.D0 + s.eps), lambda s: np.sqrt(s.G))),
    ),
    "RMS of the current change": (
        "The numerator is the RMS of the changes before this one: the current one is what it is for.",
        _but(delta=_current_delta),
    ),
    "roles of the two averages exchanged": (
        "Changes above, gradients below: the units must come out as those of θ.",
        _but(delta=_delta(lambda s: np.sqrt(s.G + s.eps), lambda s: np.sqrt(s.D0 + s.eps))),
    ),
    "old average of g² in the step": (
        "First update the average of g², then divide by its root.",
        _but(delta=_delta(lambda s: np.sqrt(s.D0 + s.eps), lambda s: np.sqrt(s.G0 + s.eps))),
    ),
    "avg_sq_delta fed with g²": (
        "It averages the squares of the changes Δθ, not of the gradients.",
        _but(D=lambda s: s.rho * s.D0 + (1 - s.rho) * s.g**2),
    ),
    "avg_sq_delta fed with Δθ, not its square": (
        "It averages squares: (1 − rho)·Δθ².",
        _but(D=lambda s: s.rho * s.D0 + (1 - s.rho) * s.delta),
    ),
    "avg_sq_delta never updated": ("Update it after the step with the squared change.", _but(D=lambda s: s.D0)),
    "averages without decay": (
        "Both averages forget: rho·old + (1 − rho)·new.",
        _but(G=lambda s: s.G0 + s.g**2, D=lambda s: s.D0 + s.delta**2),
    ),
    "average of g² without decay": ("rho·old + (1 − rho)·g².", _but(G=lambda s: s.G0 + s.g**2)),
    "rho and 1 − rho exchanged": (
        "rho is the weight of the old average.",
        _but(G=lambda s: (1 - s.rho) * s.G0 + s.rho * s.g**2, D=lambda s: (1 - s.rho) * s.D0 + s.rho * s.delta**2),
    ),
    "roots forgotten": (
        "Divide the roots of the averages, not the averages.",
        _but(delta=_delta(lambda s: s.D0 + s.eps, lambda s: s.G + s.eps)),
    ),
    "no numerator (RMSprop with lr = 1)": (
        "The numerator √(D + eps) stands in for the learning rate.",
        _but(delta=_delta(lambda s: 1.0, lambda s: np.sqrt(s.G + s.eps))),
    ),
    "sign reversed": ("Descend: θ − Δθ.", _but(theta=lambda s: s.theta0 + s.delta)),
    "mean of g² over the parameters": (
        "Every entry has its own averages.",
        _but(G=lambda s: s.rho * s.G0 + (1 - s.rho) * np.mean(s.g**2) * np.ones_like(s.g)),
    ),
    "averages returned in the other order": (
        "Return (theta, avg_sq_grad, avg_sq_delta).",
        _but(returned=lambda s: (s.theta, s.D, s.G)),
    ),
    "old averages returned": (
        "Return the new averages: they are the state of the next step.",
        _but(returned=lambda s: (s.theta, s.G0, s.D0)),
    ),
    "default rho 0.95 (the paper's)": ("The signature has rho = 0.9, as torch.", _but(dict(rho=0.95))),
    "default eps 1e-8": ("The signature has eps = 1e-6.", _but(dict(eps=1e-8))),
}


def _loops(theta, grad, avg_sq_grad, avg_sq_delta, rho=0.9, eps=1e-6):
    out = [np.array(theta), np.array(avg_sq_grad), np.array(avg_sq_delta)]
    for i in np.ndindex(theta.shape):
        out[1][i] = rho * avg_sq_grad[i] + (1 - rho) * grad[i] ** 2
        change = ((avg_sq_delta[i] + eps) / (out[1][i] + eps)) ** 0.5 * grad[i]
        out[0][i] -= change
        out[2][i] = rho * avg_sq_delta[i] + (1 - rho) * change**2
    return tuple(out)


def _incremental(theta, grad, avg_sq_grad, avg_sq_delta, rho=0.9, eps=1e-6):
    g2, d2 = avg_sq_grad.copy(), avg_sq_delta.copy()
    g2 += (1 - rho) * (grad * grad - g2)
    change = -np.sqrt((d2 + eps) / (g2 + eps)) * grad
    d2 += (1 - rho) * (change * change - d2)
    return [theta + change, g2, d2]


def _torch_backed(theta, grad, avg_sq_grad, avg_sq_delta, rho=0.9, eps=1e-6):
    import torch

    g = torch.tensor(grad)
    g2 = torch.tensor(avg_sq_grad).mul_(rho).addcmul_(g, g, value=1 - rho)
    change = (torch.tensor(avg_sq_delta) + eps).sqrt() / (g2 + eps).sqrt() * g
    d2 = torch.tensor(avg_sq_delta).mul_(rho).addcmul_(change, change, value=1 - rho)
    return (torch.tensor(theta) - change).numpy(), g2.numpy(), d2.numpy()


ADADELTA = Exercise(
    name="adadelta_step",
    returns=("theta", "avg_sq_grad", "avg_sq_delta"),
    run=trajectory("avg_sq_grad", "avg_sq_delta"),
    protocol=PROTOCOL,
    oracle=_oracle,
    cases=(
        Case("the first step (defaults)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]))),
        Case("two steps with eps = 0.1", lambda rng: dict(theta=np.zeros(2), grads=np.array([[3.0, -1.0], [4.0, 0.0]]), rho=0.9, eps=0.1)),
        Case("gradients of 0, 1e-8 and 1e-4", lambda rng: dict(theta=np.zeros(3), grads=np.array([[0.0, 1e-8, -1e-4], [1e-4, 0.0, 1e-4]]))),
        Case("20 noisy steps (defaults)", lambda rng: noise(rng, 20, 5)),
        Case("rho = 0.6, eps = 0.01", lambda rng: noise(rng, 8, 3, rho=0.6, eps=0.01)),
        Case("a 3×4 matrix of parameters", lambda rng: noise(rng, 5, 3, 4, rho=0.95)),
        Case("gradients that are zero", lambda rng: silent(rng, 12)),
        Case("gradients of 1e-8 to 1e-2", lambda rng: noise(rng, 6, 6, scale=np.logspace(-8, -2, 6))),
        Case("gradients of 1 to 1e4", lambda rng: noise(rng, 6, 5, scale=np.logspace(0, 4, 5))),
        Case("resumed after many steps", lambda rng: noise(rng, 5, 4, avg_sq_grad=rng.uniform(0.5, 3, 4), avg_sq_delta=rng.uniform(0.01, 0.1, 4))),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    accepts=(_but(), _loops, _incremental, _torch_backed),
    verified="theta and both averages equal torch.optim.Adadelta's in float64 after every step, with zero, tiny and large gradients",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=25, exercises=(ADADELTA,))
