"""06 · Nesterov's momentum: Nesterov 1983, Sutskever et al. 2013. Oracle: torch.optim.SGD(nesterov=True)."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, torch_trajectory, trajectory


def _run(step, theta, matrix, linear, quartic, n_steps, **more):
    """n_steps on f(θ) = θᵀ·matrix·θ/2 − linear·θ + quartic·Σθ⁴/4, whose gradient the step may ask for anywhere."""

    def grad_fn(x):
        x = np.asarray(x, dtype=np.float64)
        return matrix @ x - linear + quartic * x**3

    return trajectory("velocity", gradient=lambda _: grad_fn)(step, theta, [None] * n_steps, **more)


def _oracle(theta, matrix, linear, quartic, n_steps, velocity=None, lr=None, momentum=0.9):
    """torch walks the look-ahead point w = θ − μv with gradients from autograd; θ = w + μv at the end of each step."""
    import torch

    momentum = momentum or 1e-300  # torch refuses 0 with nesterov; this one forgets as thoroughly
    velocity = np.zeros_like(theta) if velocity is None else velocity
    a, b = torch.from_numpy(matrix), torch.from_numpy(linear)
    w = torch.nn.Parameter(torch.from_numpy(theta - momentum * velocity))
    stepper = torch.optim.SGD([w], lr, momentum, nesterov=True)
    stepper.state[w]["momentum_buffer"] = torch.from_numpy(velocity / lr)
    rows = []
    for _ in range(n_steps):
        stepper.zero_grad()
        (w @ a @ w / 2 - b @ w + quartic * (w**4).sum() / 4).backward()
        stepper.step()
        v = lr * stepper.state[w]["momentum_buffer"].numpy()
        rows.append((w.detach().numpy() + momentum * v, v))
    thetas, velocities = zip(*rows, strict=True)
    return dict(theta=np.stack(thetas), velocity=np.stack(velocities))


def _rewritten_oracle(theta, grads, buffer=None, lr=None, momentum=0.9):
    import torch

    momentum = momentum or 1e-300
    start = {} if buffer is None else dict(momentum_buffer=buffer)
    return torch_trajectory(
        lambda parameters: torch.optim.SGD(parameters, lr, momentum, nesterov=True),
        theta, grads, start, buffer="momentum_buffer",
    )  # fmt: skip


# Both forms in rules, worked out from top to bottom; theta0, v0, b0 are what the step was given, f the gradient.
RULES = dict(
    ahead=lambda s: s.theta0 - s.mu * s.v0,
    g=lambda s: s.f(s.ahead),
    v=lambda s: s.mu * s.v0 + s.lr * s.g,
    theta=lambda s: s.theta0 - s.v,
    returned=lambda s: (s.theta, s.v),
)
REWRITTEN = dict(
    b=lambda s: s.mu * s.b0 + s.g,
    step=lambda s: s.g + s.mu * s.b,
    theta=lambda s: s.theta0 - s.lr * s.step,
    returned=lambda s: (s.theta, s.b),
)


def _worked_out(rules, **given):
    s = SimpleNamespace(**given)
    for name, rule in rules.items():
        setattr(s, name, rule(s))
    return s.returned


def _but(default=0.9, **changed):
    """The look-ahead form with some of its rules exchanged."""
    return lambda theta, grad_fn, velocity, lr, momentum=default: _worked_out(
        RULES | changed, theta0=theta, f=grad_fn, v0=velocity, lr=lr, mu=momentum)  # fmt: skip


def _but_rewritten(default=0.9, **changed):
    """The rewritten form with some of its rules exchanged."""
    return lambda theta, grad, buffer, lr, momentum=default: _worked_out(
        REWRITTEN | changed, theta0=theta, g=grad, b0=buffer, lr=lr, mu=momentum)  # fmt: skip


MISTAKES = {
    # where the gradient is taken
    "gradient at θ (plain momentum)": (
        "Take the gradient at the look-ahead point θ − μ·v.", _but(ahead=lambda s: s.theta0)),
    "look-ahead with the wrong sign": (
        "θ will move by −μ·v, so look ahead at θ − μ·v.", _but(ahead=lambda s: s.theta0 + s.mu * s.v0)),
    "look-ahead with lr·v": (
        "lr is inside the velocity already: look ahead at θ − μ·v.", _but(ahead=lambda s: s.theta0 - s.lr * s.v0)),
    "look-ahead with lr·μ·v": (
        "lr is inside the velocity already: look ahead at θ − μ·v.", _but(ahead=lambda s: s.theta0 - s.lr * s.mu * s.v0)),
    "look-ahead by the whole velocity": (
        "Only μ·v of the velocity survives the step: θ − μ·v.", _but(ahead=lambda s: s.theta0 - s.v0)),
    "look-ahead by (1 − μ)·v": ("Look ahead at θ − μ·v.", _but(ahead=lambda s: s.theta0 - (1 - s.mu) * s.v0)),
    "gradient at the momentum step's end": (
        "Look ahead with μ·v alone, without a gradient at θ.",
        _but(ahead=lambda s: s.theta0 - s.mu * s.v0 - s.lr * s.f(s.theta0))),
    "gradient at v in place of θ − μ·v": ("The gradient belongs to a point: θ − μ·v.", _but(ahead=lambda s: s.v0)),
    # the point that moves
    "step taken from the look-ahead point": (
        "μ·v would count twice: θ − v, or θ_ahead − lr·g.", _but(theta=lambda s: s.ahead - s.v)),
    "the next look-ahead point returned": (
        "Return θ − v itself; the next call looks ahead on its own.", _but(returned=lambda s: (s.theta - s.mu * s.v, s.v))),
    "look-ahead point returned, without the gradient": (
        "Return θ − v; the look-ahead point only serves to take the gradient.", _but(returned=lambda s: (s.ahead, s.v))),
    "the frameworks' form (gradient at θ, step lr·g + μ·v)": (
        "That walks the look-ahead points. Here the gradient is at θ − μ·v, and θ moves by v.",
        _but(ahead=lambda s: s.theta0, theta=lambda s: s.theta0 - s.lr * s.g - s.mu * s.v)),
    "looked ahead twice": (
        "With the gradient at θ − μ·v the step is v, without another μ.",
        _but(theta=lambda s: s.theta0 - s.lr * s.g - s.mu * s.v)),
    "velocity left out of the step": ("θ moves by v, not by lr·g.", _but(theta=lambda s: s.theta0 - s.lr * s.g)),
    "θ moved with the old velocity": ("Update v first, then move by the new one.", _but(theta=lambda s: s.theta0 - s.v0)),
    "plus in place of minus (ascent)": ("Go against the velocity: θ − v.", _but(theta=lambda s: s.theta0 + s.v)),
    # the velocity
    "(1 − μ) on the gradient (EMA)": (
        "v = μ·v + lr·g, without 1 − μ.", _but(v=lambda s: s.mu * s.v0 + (1 - s.mu) * s.lr * s.g)),
    "lr outside the velocity": (
        "Here lr is inside: v = μ·v + lr·g, θ − v.",
        _but(v=lambda s: s.mu * s.v0 + s.g, theta=lambda s: s.theta0 - s.lr * s.v)),
    "lr outside the velocity, in the look-ahead too": (
        "The path is right if it starts at rest, but here lr is inside: v = μ·v + lr·g.",
        _but(ahead=lambda s: s.theta0 - s.lr * s.mu * s.v0, v=lambda s: s.mu * s.v0 + s.g,
             theta=lambda s: s.theta0 - s.lr * s.v)),
    "lr applied twice": ("lr is in v already: θ − v.", _but(theta=lambda s: s.theta0 - s.lr * s.v)),
    "lr forgotten": ("The gradient enters as lr·g.", _but(v=lambda s: s.mu * s.v0 + s.g)),
    "μ on the gradient too": ("μ·v + lr·g, not μ·(v + lr·g).", _but(v=lambda s: s.mu * (s.v0 + s.lr * s.g))),
    "velocity never damped": ("Multiply the old velocity by μ.", _but(v=lambda s: s.v0 + s.lr * s.g)),
    "velocity of opposite sign (Sutskever's)": (
        "The same path from rest, but here v points uphill: v = μ·v + lr·g, θ − v.",
        _but(ahead=lambda s: s.theta0 + s.mu * s.v0, v=lambda s: s.mu * s.v0 - s.lr * s.g, theta=lambda s: s.theta0 + s.v)),
    "the old velocity returned": ("Return the new velocity.", _but(returned=lambda s: (s.theta, s.v0))),
    "velocity returned first": ("The order is (theta, velocity).", _but(returned=lambda s: (s.v, s.theta))),
    "default momentum 0.99": ("The default momentum is 0.9.", _but(0.99)),
    "momentum fixed at 0.9": (
        "Use the argument momentum.", lambda theta, grad_fn, v, lr, momentum=0.9: _but()(theta, grad_fn, v, lr)),
}  # fmt: skip

REWRITTEN_MISTAKES = {
    "without the extra μ (g + b)": ("The step is g + μ·b.", _but_rewritten(step=lambda s: s.g + s.b)),
    "plain momentum (step b)": (
        "The step is g + μ·b with the new b. With the old b, g + μ·b is the new one: plain momentum.",
        _but_rewritten(step=lambda s: s.b)),
    "old buffer without μ in the step": ("The step is g + μ·b with the new b.", _but_rewritten(step=lambda s: s.g + s.b0)),
    "μ on the gradient (μ·g + b)": ("μ belongs to the buffer: g + μ·b.", _but_rewritten(step=lambda s: s.mu * s.g + s.b)),
    "(1 − μ)·g + μ·b": ("The gradient has the weight 1: g + μ·b.", _but_rewritten(step=lambda s: (1 - s.mu) * s.g + s.mu * s.b)),
    "gradient left out of the step (μ·b)": ("The step is g + μ·b.", _but_rewritten(step=lambda s: s.mu * s.b)),
    "brackets: μ·(g + b)": ("μ belongs to the buffer alone: g + μ·b.", _but_rewritten(step=lambda s: s.mu * (s.g + s.b))),
    "μ² in the step": ("The step is g + μ·b with the new b, one μ.", _but_rewritten(step=lambda s: s.g + s.mu**2 * s.b)),
    "minus μ·b in the step": ("Both terms point uphill: g + μ·b.", _but_rewritten(step=lambda s: s.g - s.mu * s.b)),
    "buffer left out (SGD)": ("The step is g + μ·b.", _but_rewritten(step=lambda s: s.g)),
    "lr on the gradient only": (
        "Brackets: lr·(g + μ·b); the buffer holds no lr.", _but_rewritten(theta=lambda s: s.theta0 - s.lr * s.g - s.mu * s.b)),
    "lr on the buffer only": (
        "Brackets: lr·(g + μ·b).", _but_rewritten(theta=lambda s: s.theta0 - s.g - s.lr * s.mu * s.b)),
    "lr inside the buffer": (
        "Here lr is outside: b = μ·b + g.",
        _but_rewritten(b=lambda s: s.mu * s.b0 + s.lr * s.g, theta=lambda s: s.theta0 - s.lr * s.g - s.mu * s.b)),
    "lr inside the buffer and outside": (
        "lr multiplies once, at the end: b = μ·b + g.", _but_rewritten(b=lambda s: s.mu * s.b0 + s.lr * s.g)),
    "lr forgotten": ("Multiply the step by lr.", _but_rewritten(theta=lambda s: s.theta0 - s.step)),
    "(1 − μ) on the gradient (EMA)": ("b = μ·b + g, without 1 − μ.", _but_rewritten(b=lambda s: s.mu * s.b0 + (1 - s.mu) * s.g)),
    "μ on the gradient in the buffer": ("b = μ·b + g, not μ·(b + g).", _but_rewritten(b=lambda s: s.mu * (s.b0 + s.g))),
    "buffer never damped": ("Multiply the old buffer by μ.", _but_rewritten(b=lambda s: s.b0 + s.g)),
    "old buffer subtracted": ("b = μ·b + g.", _but_rewritten(b=lambda s: s.g - s.mu * s.b0)),
    "minus in the buffer": ("b = μ·b + g: it points uphill, like g.", _but_rewritten(b=lambda s: s.mu * s.b0 - s.g)),
    "buffer of opposite sign (downhill)": (
        "The same path from rest, but here b points uphill: b = μ·b + g.",
        _but_rewritten(b=lambda s: s.mu * s.b0 - s.g, step=lambda s: s.g - s.mu * s.b)),
    "plus in place of minus (ascent)": ("Go against the step.", _but_rewritten(theta=lambda s: s.theta0 + s.lr * s.step)),
    "the step returned as the buffer": ("Return b; g + μ·b serves this step only.", _but_rewritten(returned=lambda s: (s.theta, s.step))),
    "the old buffer returned": ("Return the new buffer.", _but_rewritten(returned=lambda s: (s.theta, s.b0))),
    "the buffer returned times lr (velocity)": ("Return b; the velocity lr·b is the other form's.", _but_rewritten(returned=lambda s: (s.theta, s.lr * s.b))),
    "buffer returned first": ("The order is (theta, buffer).", _but_rewritten(returned=lambda s: (s.b, s.theta))),
    "default momentum 0.99": ("The default momentum is 0.9.", _but_rewritten(0.99)),
    "momentum fixed at 0.9": (
        "Use the argument momentum.", lambda theta, g, b, lr, momentum=0.9: _but_rewritten()(theta, g, b, lr)),
}  # fmt: skip


def _from_ahead(theta, grad_fn, velocity, lr, momentum=0.9):
    """First coast, then correct."""
    ahead = theta - momentum * velocity
    new = ahead - lr * grad_fn(ahead)
    return [new, theta - new]


def _downhill(theta, grad_fn, velocity, lr, momentum=0.9):
    """Sutskever's sign inside, ours outside."""
    u = -np.array(velocity)
    u = momentum * u - lr * grad_fn(theta + momentum * u)
    return (theta + u).tolist(), (-u).tolist()


def _on_copies(theta, grad_fn, velocity, lr, momentum=0.9):
    theta, velocity = theta.copy(), velocity.copy()
    velocity *= momentum
    theta -= velocity
    g = lr * np.array([grad_fn(theta)[i] for i in range(len(theta))])  # asks for the gradient again and again
    velocity += g
    theta -= g
    return theta, velocity


def _one_line(theta, grad, buffer, lr, momentum=0.9):
    return theta - lr * ((1 + momentum) * grad + momentum**2 * buffer), momentum * buffer + grad


def _loops(theta, grad, buffer, lr, momentum=0.9):
    theta, buffer = np.array(theta), np.array(buffer)
    for i in np.ndindex(theta.shape):
        buffer[i] = momentum * buffer[i] + grad[i]
        theta[i] -= lr * (grad[i] + momentum * buffer[i])
    return theta.tolist(), buffer.tolist()


def _torch_backed(theta, grad, buffer, lr, momentum=0.9):
    after = _rewritten_oracle(theta, grad[None], buffer, lr, momentum)
    return after["theta"][0], after["buffer"][0]


def _bowl(rng, d, n_steps, quartic=0.0, **more):
    """A random bowl with curvatures up to about 4."""
    root = rng.normal(size=(d, d)) / np.sqrt(d)
    return dict(theta=rng.normal(size=d), matrix=root @ root.T + 0.1 * np.eye(d), linear=rng.normal(size=d),
                quartic=quartic, n_steps=n_steps, **more)  # fmt: skip


def _axes(theta, curvature, n_steps, **more):
    """f = Σ curvature·θ²/2, small enough for a message."""
    return dict(theta=np.array(theta), matrix=np.diag(curvature), linear=np.zeros(len(theta)), quartic=0.0,
                n_steps=n_steps, **more)  # fmt: skip


NESTEROV = Exercise(
    name="nesterov_step",
    returns=("theta", "velocity"),
    run=_run,
    protocol="n_steps calls, the state passed on, with the gradient of θᵀ·matrix·θ/2 − linear·θ + quartic·Σθ⁴/4",
    oracle=_oracle,
    cases=(
        Case("two steps on (θ₁² + 4θ₂²)/2", lambda rng: _axes([1.0, -2.0], [1.0, 4.0], 2, lr=0.1)),
        Case("one step with a velocity", lambda rng: _axes([1.0, 0.0], [1.0, 4.0], 1, velocity=np.array([0.5, -1.0]), lr=0.1, momentum=0.8)),
        Case("one parameter, momentum 0.5", lambda rng: _axes([4.0], [1.0], 3, lr=0.5, momentum=0.5)),
        Case("20 steps in a bowl of 5 dimensions", lambda rng: _bowl(rng, 5, 20, lr=0.05)),
        Case("a quartic bowl, momentum 0.7", lambda rng: _bowl(rng, 3, 10, quartic=0.5, lr=0.02, momentum=0.7)),
        Case("resumed with a velocity, quartic", lambda rng: _bowl(rng, 4, 6, quartic=0.3, velocity=0.2 * rng.normal(size=4), lr=0.03)),
        Case("at the minimum, but moving", lambda rng: _axes([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], 5, velocity=np.array([1.0, -1e-4, 0.0]), lr=0.2)),
        Case("curvatures of 1e-4 and 1e4", lambda rng: _axes([1e3, 1e-3], [1e-4, 1e4], 5, lr=1e-4, momentum=0.95)),
        Case("momentum 0", lambda rng: _bowl(rng, 2, 3, lr=0.1, momentum=0.0)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    accepts=(_but(), _from_ahead, _downhill, _on_copies),
    verified="theta equals torch's point plus momentum times velocity (SGD with nesterov=True and autograd, float64) on "
             "quadratic and quartic bowls, momentum 0 and a start in motion included",
)  # fmt: skip


def _silent(rng, steps, **more):
    inputs = noise(rng, steps, 3, **more)
    inputs["grads"][:, 1] = 0
    inputs["grads"][steps // 2 :] = 0
    return inputs


NESTEROV_REWRITTEN = Exercise(
    name="nesterov_step_rewritten",
    returns=("theta", "buffer"),
    run=trajectory("buffer"),
    protocol=PROTOCOL,
    oracle=_rewritten_oracle,
    cases=(
        Case("the first step (default momentum)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]), lr=0.1)),
        Case("two steps with momentum 0.5", lambda rng: dict(theta=np.zeros(2), grads=np.array([[1.0, -2.0], [1.0, 0.0]]), lr=0.1, momentum=0.5)),
        Case("20 noisy steps (default momentum)", lambda rng: noise(rng, 20, 5, lr=0.05)),
        Case("a 3×4 matrix, momentum 0.8", lambda rng: noise(rng, 6, 3, 4, lr=0.02, momentum=0.8)),
        Case("a 3×3 matrix, momentum 0.99", lambda rng: noise(rng, 6, 3, 3, lr=0.02, momentum=0.99)),
        Case("gradients that are zero", lambda rng: _silent(rng, 8, lr=0.3)),
        Case("gradients of 1e-6 to 1e4", lambda rng: noise(rng, 5, 6, scale=np.logspace(-6, 4, 6), lr=2.0, momentum=0.7)),
        Case("momentum 0", lambda rng: noise(rng, 3, 2, lr=0.1, momentum=0.0)),
        Case("resumed with a buffer", lambda rng: noise(rng, 5, 4, buffer=rng.normal(size=4), lr=0.01)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in REWRITTEN_MISTAKES.items()),
    accepts=(_but_rewritten(), _one_line, _loops, _torch_backed),
    verified="theta and buffer equal torch.optim.SGD's with nesterov=True in float64 after every step",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=35, exercises=(NESTEROV, NESTEROV_REWRITTEN))
