"""07 · One step of Adagrad: Duchi, Hazan, Singer 2011, the diagonal form. Oracle: torch.optim.Adagrad."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, silent, torch_trajectory, trajectory

DEFAULTS = dict(lr=0.01, eps=1e-10)


def _oracle(theta, grads, sum_squares=None, lr=0.01, eps=1e-10):
    import torch

    start = {} if sum_squares is None else dict(step=0, sum=sum_squares)
    return torch_trajectory(
        lambda parameters: torch.optim.Adagrad(parameters, lr, eps=eps), theta, grads, start, sum_squares="sum"
    )


# Adagrad in four rules, worked out from top to bottom; sum0, theta0 are what the step was given.
RULES = dict(
    sum=lambda s: s.sum0 + s.g**2,
    scale=lambda s: np.sqrt(s.sum) + s.eps,
    theta=lambda s: s.theta0 - s.lr * s.g / s.scale,
    returned=lambda s: (s.theta, s.sum),
)


def _but(changed_defaults=(), **changed):
    """Adagrad with some of its rules exchanged."""

    def wrong(theta, grad, sum_squares, *hyper):
        named = dict(zip(DEFAULTS, hyper, strict=False))
        s = SimpleNamespace(theta0=theta, g=grad, sum0=sum_squares, **(DEFAULTS | dict(changed_defaults) | named))
        for name, rule in (RULES | changed).items():
            setattr(s, name, rule(s))
        return s.returned

    return wrong


MISTAKES = {
    "eps inside the root": (
        "As in torch, eps goes outside the root: √G + eps.",
        _but(scale=lambda s: np.sqrt(s.sum + s.eps)),
    ),
    "eps forgotten": (
        "Add eps to √G: a parameter that has had no gradient divides 0 by 0.",
        _but(scale=lambda s: np.sqrt(s.sum)),
    ),
    "root forgotten": ("Divide by √G, not by G: the step would shrink like 1/t.", _but(scale=lambda s: s.sum + s.eps)),
    "running mean (RMSprop)": (
        "Adagrad adds the squares up and forgets nothing; a running mean is RMSprop.",
        _but(sum=lambda s: 0.9 * s.sum0 + 0.1 * s.g**2),
    ),
    "mean of the squares so far and now": (
        "The squares are summed: G ← G + g².",
        _but(sum=lambda s: (s.sum0 + s.g**2) / 2),
    ),
    "θ moved with the old sum": (
        "First add g² to the sum, then divide by its root: the first step would divide by eps.",
        _but(scale=lambda s: np.sqrt(s.sum0) + s.eps),
    ),
    "one sum for all parameters": (
        "Every entry has its own sum of squares; with one for all there are no per-parameter rates.",
        _but(sum=lambda s: s.sum0 + np.sum(s.g**2) * np.ones_like(s.g)),
    ),
    "mean of g² over the parameters": (
        "Every entry has its own sum of squares.",
        _but(sum=lambda s: s.sum0 + np.mean(s.g**2) * np.ones_like(s.g)),
    ),
    "one rate for all, from the summed squares": (
        "Divide each entry by the root of its own sum.",
        _but(scale=lambda s: np.sqrt(np.sum(s.sum)) + s.eps),
    ),
    "gradient not squared": (
        "Sum the squares g², or positive and negative gradients cancel.",
        _but(sum=lambda s: s.sum0 + s.g),
    ),
    "absolute values summed": ("Sum the squares g² and take the root.", _but(sum=lambda s: s.sum0 + np.abs(s.g))),
    "sign reversed": ("Descend: θ − lr·g/(√G + eps).", _but(theta=lambda s: s.theta0 + s.lr * s.g / s.scale)),
    "lr forgotten": ("The step is lr·g/(√G + eps).", _but(theta=lambda s: s.theta0 - s.g / s.scale)),
    "no scaling at all (SGD)": ("Divide the gradient by √G + eps.", _but(theta=lambda s: s.theta0 - s.lr * s.g)),
    "g² in the step": (
        "The step is proportional to g, not to g².",
        _but(theta=lambda s: s.theta0 - s.lr * s.g**2 / s.scale),
    ),
    "the old sum returned": (
        "Return the new sum: it is the state of the next step.",
        _but(returned=lambda s: (s.theta, s.sum0)),
    ),
    "the root returned as state": (
        "The state is the sum of squares, not its root.",
        _but(returned=lambda s: (s.theta, np.sqrt(s.sum))),
    ),
    "state and parameters exchanged": ("Return (theta, sum_squares).", _but(returned=lambda s: (s.sum, s.theta))),
    "default eps 1e-8": ("Adagrad's eps is 1e-10 in torch and in the signature.", _but(dict(eps=1e-8))),
    "default lr 1e-3": ("The default learning rate is 0.01.", _but(dict(lr=1e-3))),
}


def _loops(theta, grad, sum_squares, lr=0.01, eps=1e-10):
    new_theta, new_sum = np.array(theta), np.array(sum_squares)
    for i in np.ndindex(theta.shape):
        new_sum[i] = sum_squares[i] + grad[i] * grad[i]
        new_theta[i] = theta[i] - lr * grad[i] / (new_sum[i] ** 0.5 + eps)
    return new_theta, new_sum


def _on_copies(theta, grad, sum_squares, lr=0.01, eps=1e-10):
    theta, total = theta.copy(), sum_squares.copy()
    total += np.square(grad)
    theta -= np.multiply(lr, grad) / np.add(np.sqrt(total), eps)
    return [theta, total]


def _torch_backed(theta, grad, sum_squares, lr=0.01, eps=1e-10):
    import torch

    g, total = torch.tensor(grad), torch.tensor(sum_squares)
    total = total.addcmul(g, g)
    return torch.tensor(theta).addcdiv(g, total.sqrt().add(eps), value=-lr).numpy(), total.numpy()


ADAGRAD = Exercise(
    name="adagrad_step",
    returns=("theta", "sum_squares"),
    run=trajectory("sum_squares"),
    protocol=PROTOCOL,
    oracle=_oracle,
    cases=(
        Case("the first step (defaults)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]))),
        Case("two steps with lr = 0.1", lambda rng: dict(theta=np.zeros(2), grads=np.array([[3.0, -1.0], [4.0, 0.0]]), lr=0.1)),
        Case("gradients of 0, 1e-10 and 1e-6", lambda rng: dict(theta=np.zeros(3), grads=np.array([[0.0, 1e-10, -1e-6]]), lr=0.1)),
        Case("20 noisy steps (defaults)", lambda rng: noise(rng, 20, 5)),
        Case("lr = 0.3, eps = 0.01", lambda rng: noise(rng, 8, 3, lr=0.3, eps=0.01)),
        Case("a 3×4 matrix of parameters", lambda rng: noise(rng, 5, 3, 4, lr=0.1)),
        Case("gradients that are zero", lambda rng: silent(rng, 12, lr=0.05)),
        Case("gradients of 1e-12 to 1e-5", lambda rng: noise(rng, 6, 8, scale=np.logspace(-12, -5, 8), lr=0.1)),
        Case("gradients of 1e-3 to 1e4", lambda rng: noise(rng, 6, 8, scale=np.logspace(-3, 4, 8), lr=0.05)),
        Case("resumed after many steps", lambda rng: noise(rng, 5, 4, sum_squares=rng.uniform(1, 50, 4), lr=0.1)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    accepts=(_but(), _loops, _on_copies, _torch_backed),
    verified="theta and the sum equal torch.optim.Adagrad's in float64 after every step, with zero, tiny and large gradients",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=30, exercises=(ADAGRAD,))
