"""09 · One step of RMSprop: Hinton's lecture 6e of 2012, with eps as torch places it. Oracle: torch.optim.RMSprop."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, silent, torch_trajectory, trajectory

DEFAULTS = dict(lr=0.001, rho=0.9, eps=1e-8)


def _oracle(theta, grads, avg_sq=None, lr=0.001, rho=0.9, eps=1e-8):
    import torch

    start = {} if avg_sq is None else dict(step=0, square_avg=avg_sq)
    return torch_trajectory(
        lambda parameters: torch.optim.RMSprop(parameters, lr, alpha=rho, eps=eps),
        theta,
        grads,
        start,
        avg_sq="square_avg",
    )


# RMSprop in four rules, worked out from top to bottom; avg0, theta0 are what the step was given.
RULES = dict(
    avg=lambda s: s.rho * s.avg0 + (1 - s.rho) * s.g**2,
    scale=lambda s: np.sqrt(s.avg) + s.eps,
    theta=lambda s: s.theta0 - s.lr * s.g / s.scale,
    returned=lambda s: (s.theta, s.avg),
)


def _but(changed_defaults=(), **changed):
    """RMSprop with some of its rules exchanged."""

    def wrong(theta, grad, avg_sq, *hyper):
        named = dict(zip(DEFAULTS, hyper, strict=False))
        s = SimpleNamespace(theta0=theta, g=grad, avg0=avg_sq, **(DEFAULTS | dict(changed_defaults) | named))
        for name, rule in (RULES | changed).items():
            setattr(s, name, rule(s))
        return s.returned

    return wrong


MISTAKES = {
    "accumulates without decay (Adagrad)": (
        "RMSprop forgets: rho·avg + (1 − rho)·g². A sum that only grows is Adagrad.",
        _but(avg=lambda s: s.avg0 + s.g**2),
    ),
    "old value not decayed": (
        "The old average is multiplied by rho.",
        _but(avg=lambda s: s.avg0 + (1 - s.rho) * s.g**2),
    ),
    "new square not weighted": (
        "The new square is multiplied by 1 − rho.",
        _but(avg=lambda s: s.rho * s.avg0 + s.g**2),
    ),
    "rho and 1 − rho exchanged": (
        "rho is the weight of the old average, 1 − rho that of the new square.",
        _but(avg=lambda s: (1 - s.rho) * s.avg0 + s.rho * s.g**2),
    ),
    "eps inside the root": (
        "As in torch, eps goes outside the root: √avg + eps.",
        _but(scale=lambda s: np.sqrt(s.avg + s.eps)),
    ),
    "eps forgotten": (
        "Add eps to the root: a parameter without gradient divides 0 by 0.",
        _but(scale=lambda s: np.sqrt(s.avg)),
    ),
    "root forgotten": ("Divide by the root of the mean square: that is the name.", _but(scale=lambda s: s.avg + s.eps)),
    "centred variant": (
        "That is torch's centered=True, which takes the squared mean off and needs a second state.",
        _but(scale=lambda s: np.sqrt(np.maximum(s.avg - ((1 - s.rho) * s.g) ** 2, 0)) + s.eps),
    ),
    "θ moved with the old average": (
        "First update the average, then divide by its root.",
        _but(scale=lambda s: np.sqrt(s.avg0) + s.eps),
    ),
    "bias-corrected (Adam without momentum)": (
        "RMSprop has no bias correction: its first step is lr/√(1 − rho).",
        _but(scale=lambda s: np.sqrt(s.avg / (1 - s.rho)) + s.eps),
    ),
    "mean of g² over the parameters": (
        "Every entry has its own running mean.",
        _but(avg=lambda s: s.rho * s.avg0 + (1 - s.rho) * np.mean(s.g**2) * np.ones_like(s.g)),
    ),
    "sum of g² over the parameters": (
        "Every entry has its own running mean.",
        _but(avg=lambda s: s.rho * s.avg0 + (1 - s.rho) * np.sum(s.g**2) * np.ones_like(s.g)),
    ),
    "gradient not squared": (
        "It is the mean of the squares: g².",
        _but(avg=lambda s: s.rho * s.avg0 + (1 - s.rho) * s.g),
    ),
    "mean of absolute values": (
        "It is the root of the mean of the squares: g², not |g|.",
        _but(avg=lambda s: s.rho * s.avg0 + (1 - s.rho) * np.abs(s.g)),
    ),
    "sign reversed": ("Descend: θ − lr·g/(√avg + eps).", _but(theta=lambda s: s.theta0 + s.lr * s.g / s.scale)),
    "lr forgotten": ("The step is lr·g/(√avg + eps).", _but(theta=lambda s: s.theta0 - s.g / s.scale)),
    "no scaling at all (SGD)": ("Divide the gradient by √avg + eps.", _but(theta=lambda s: s.theta0 - s.lr * s.g)),
    "only the sign of the gradient": (
        "That is Rprop's idea; RMSprop divides by a running mean.",
        _but(theta=lambda s: s.theta0 - s.lr * np.sign(s.g)),
    ),
    "the old average returned": (
        "Return the new average: it is the state of the next step.",
        _but(returned=lambda s: (s.theta, s.avg0)),
    ),
    "the root returned as state": (
        "The state is the mean square, not its root.",
        _but(returned=lambda s: (s.theta, np.sqrt(s.avg))),
    ),
    "state and parameters exchanged": ("Return (theta, avg_sq).", _but(returned=lambda s: (s.avg, s.theta))),
    "torch's defaults (lr 0.01, alpha 0.99)": (
        "The signature has lr = 0.001 and rho = 0.9.",
        _but(dict(lr=0.01, rho=0.99)),
    ),
    "default rho 0.99": ("The signature has rho = 0.9.", _but(dict(rho=0.99))),
    "default eps 1e-6": ("The signature has eps = 1e-8.", _but(dict(eps=1e-6))),
}


def _loops(theta, grad, avg_sq, lr=0.001, rho=0.9, eps=1e-8):
    new_theta, new_avg = np.array(theta), np.array(avg_sq)
    for i in np.ndindex(theta.shape):
        new_avg[i] = rho * avg_sq[i] + (1 - rho) * grad[i] ** 2
        new_theta[i] = theta[i] - lr * grad[i] / (new_avg[i] ** 0.5 + eps)
    return new_theta, new_avg


def _incremental(theta, grad, avg_sq, lr=0.001, rho=0.9, eps=1e-8):
    average = avg_sq.copy()
    average += (1 - rho) * (grad * grad - average)
    return [theta - np.divide(lr * grad, np.sqrt(average) + eps), average]


def _torch_backed(theta, grad, avg_sq, lr=0.001, rho=0.9, eps=1e-8):
    import torch

    g = torch.tensor(grad)
    average = torch.tensor(avg_sq).mul_(rho).addcmul_(g, g, value=1 - rho)
    return torch.tensor(theta).addcdiv(g, average.sqrt().add(eps), value=-lr).numpy(), average.numpy()


RMSPROP = Exercise(
    name="rmsprop_step",
    returns=("theta", "avg_sq"),
    run=trajectory("avg_sq"),
    protocol=PROTOCOL,
    oracle=_oracle,
    cases=(
        Case("the first step (defaults)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]))),
        Case("two steps with lr = 0.1", lambda rng: dict(theta=np.zeros(2), grads=np.array([[3.0, -1.0], [4.0, 0.0]]), lr=0.1)),
        Case("gradients of 0, 1e-8 and 1e-6", lambda rng: dict(theta=np.zeros(3), grads=np.array([[0.0, 1e-8, -1e-6]]), lr=0.1)),
        Case("20 noisy steps (defaults)", lambda rng: noise(rng, 20, 5)),
        Case("lr = 0.03, rho = 0.6, eps = 0.01", lambda rng: noise(rng, 8, 3, lr=0.03, rho=0.6, eps=0.01)),
        Case("a 3×4 matrix of parameters", lambda rng: noise(rng, 5, 3, 4, lr=0.02, rho=0.99)),
        Case("gradients that are zero", lambda rng: silent(rng, 12, lr=0.05)),
        Case("gradients of 1e-10 to 1e-5", lambda rng: noise(rng, 6, 6, scale=np.logspace(-10, -5, 6), lr=0.1)),
        Case("gradients of 1e-3 to 1e4", lambda rng: noise(rng, 6, 8, scale=np.logspace(-3, 4, 8), lr=0.05)),
        Case("resumed after many steps", lambda rng: noise(rng, 5, 4, avg_sq=rng.uniform(0.5, 3, 4), lr=0.1)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    accepts=(_but(), _loops, _incremental, _torch_backed),
    verified="theta and the average equal torch.optim.RMSprop's in float64 after every step, with zero, tiny and large gradients",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=25, exercises=(RMSPROP,))
