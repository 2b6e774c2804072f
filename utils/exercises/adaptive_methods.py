"""11 · Nadam (Dozat 2016), AdamW (Loshchilov & Hutter 2019), and which methods are adaptive. Oracles: torch.optim."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, torch_trajectory, trajectory


def _but(rules, defaults, states):
    """A maker of steps with some rules exchanged; rules are worked out from top to bottom."""

    def make(changed_defaults=(), **changed):
        def step(theta, grad, *rest):
            values = dict(zip(states, rest, strict=False))
            hyper = dict(zip(defaults, rest[len(states) :], strict=False))
            s = SimpleNamespace(theta0=theta, g=grad, **values, **(defaults | dict(changed_defaults) | hyper))
            for name, rule in (rules | changed).items():
                setattr(s, name, rule(s))
            return s.returned

        return step

    return make


def _mu(s, t):
    return s.beta1 * (1 - 0.5 * 0.96 ** (t * s.momentum_decay))


NADAM_RULES = dict(
    mu=lambda s: _mu(s, s.t),
    mu_next=lambda s: _mu(s, s.t + 1),
    product=lambda s: s.p0 * s.mu,
    m=lambda s: s.beta1 * s.m0 + (1 - s.beta1) * s.g,
    v=lambda s: s.beta2 * s.v0 + (1 - s.beta2) * s.g**2,
    scale=lambda s: np.sqrt(s.v / (1 - s.beta2**s.t)) + s.eps,
    m_bar=lambda s: (1 - s.mu) * s.g / (1 - s.product) + s.mu_next * s.m / (1 - s.product * s.mu_next),
    theta=lambda s: s.theta0 - s.lr * s.m_bar / s.scale,
    returned=lambda s: (s.theta, s.m, s.v, s.product),
)
NADAM_DEFAULTS = dict(lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3)
nadam = _but(NADAM_RULES, NADAM_DEFAULTS, ("m0", "v0", "p0", "t"))

NADAM_MISTAKES = {
    "μ_t in place of μ_{t+1}": ("The look-ahead weighs m with the momentum of the next step, μ_{t+1}.", nadam(mu_next=lambda s: s.mu)),
    "μ_{t+1} in place of μ_t": ("The gradient's weight is 1 − μ_t, and the product takes μ_t.", nadam(mu=lambda s: _mu(s, s.t + 1))),
    "product not updated": ("Multiply the product by μ_t before it is used, and return it.", nadam(product=lambda s: s.p0)),
    "old product returned": ("Return the product with this step's μ_t in it.", nadam(returned=lambda s: (s.theta, s.m, s.v, s.p0))),
    "product with μ_{t+1} returned": ("The state holds μ_1 … μ_t; the next μ is multiplied in for this step only.", nadam(returned=lambda s: (s.theta, s.m, s.v, s.product * s.mu_next))),
    "product of the next μ forgotten below m": ("m is corrected by 1 − μ_1 ⋯ μ_t · μ_{t+1}.", nadam(m_bar=lambda s: (1 - s.mu) * s.g / (1 - s.product) + s.mu_next * s.m / (1 - s.product))),
    "bias correction by β1ᵗ (Adam's)": ("With a schedule the correction is the product of the μ's.", nadam(m_bar=lambda s: (1 - s.mu) * s.g / (1 - s.beta1**s.t) + s.mu_next * s.m / (1 - s.beta1 ** (s.t + 1)))),
    "constant μ = β1": ("torch's schedule: μ_t = β1 (1 − ½ · 0.96^(t·ψ)).", nadam(mu=lambda s: s.beta1, mu_next=lambda s: s.beta1)),
    "schedule without the ½": ("μ_t = β1 (1 − ½ · 0.96^(t·ψ)).", nadam(mu=lambda s: s.beta1 * (1 - 0.96 ** (s.t * s.momentum_decay)), mu_next=lambda s: s.beta1 * (1 - 0.96 ** ((s.t + 1) * s.momentum_decay)))),
    "m averaged with μ_t": ("m keeps β1; only the step uses the schedule.", nadam(m=lambda s: s.mu * s.m0 + (1 - s.mu) * s.g)),
    "plain Adam": ("Nadam looks ahead: the gradient of this step and m with the next momentum.", nadam(m_bar=lambda s: s.m / (1 - s.beta1**s.t))),
    "gradient's share forgotten": ("Add (1 − μ_t)·g / (1 − product).", nadam(m_bar=lambda s: s.mu_next * s.m / (1 - s.product * s.mu_next))),
    "momentum's share forgotten": ("Add μ_{t+1}·m / (1 − product·μ_{t+1}).", nadam(m_bar=lambda s: (1 - s.mu) * s.g / (1 - s.product))),
    "v not corrected": ("v̂ = v / (1 − β2ᵗ).", nadam(scale=lambda s: np.sqrt(s.v) + s.eps)),
    "eps inside the root": ("eps goes outside the root: √v̂ + eps.", nadam(scale=lambda s: np.sqrt(s.v / (1 - s.beta2**s.t) + s.eps))),
    "gradient not squared in v": ("v averages g².", nadam(v=lambda s: s.beta2 * s.v0 + (1 - s.beta2) * np.abs(s.g))),
    "ascent": ("θ − lr · …", nadam(theta=lambda s: s.theta0 + s.lr * s.m_bar / s.scale)),
    "default lr of Adam, 1e-3": ("torch's NAdam has lr = 2e-3.", nadam(dict(lr=1e-3))),
    "m and v exchanged in the result": ("Return (theta, m, v, mu_product).", nadam(returned=lambda s: (s.theta, s.v, s.m, s.product))),
}  # fmt: skip


def _nadam_run(step, theta, grads, mu_product=1.0, **more):
    """mu_product is a number; as an array it broadcasts, so a learner may keep it either way."""
    state = dict(m=more.pop("m", np.zeros_like(theta)), v=more.pop("v", np.zeros_like(theta)))
    inner = trajectory("m", "v", "mu_product", counted=True)
    return inner(step, theta=theta, grads=grads, **state, mu_product=mu_product, **more)


def _nadam_oracle(
    theta, grads, mu_product=1.0, m=None, v=None, t=1, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3
):
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # torch keeps mu_product in the default dtype, whatever the parameter's
    try:
        start = {} if m is None else dict(step=t - 1, exp_avg=m, exp_avg_sq=v, mu_product=mu_product)
        return torch_trajectory(
            lambda parameters: torch.optim.NAdam(parameters, lr, (beta1, beta2), eps, momentum_decay=momentum_decay),
            theta, grads, start, m="exp_avg", v="exp_avg_sq", mu_product="mu_product",
        )  # fmt: skip
    finally:
        torch.set_default_dtype(before)


def _nadam_spelt_out(theta, grad, m, v, mu_product, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3):
    now, then = (beta1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
    mu_product = mu_product * now
    m = m + (1 - beta1) * (grad - m)
    v = v + (1 - beta2) * (grad * grad - v)
    rate = lr / (np.sqrt(v / (1 - beta2**t)) + eps)
    theta = theta - rate * (1 - now) / (1 - mu_product) * grad
    return theta - rate * then / (1 - mu_product * then) * m, m, v, mu_product


def _silent(rng, steps, **more):
    """One parameter never has a gradient, and one whole step has none."""
    inputs = noise(rng, steps, 3, **more)
    inputs["grads"][:, 1] = 0
    inputs["grads"][steps // 3] = 0
    return inputs


NADAM = Exercise(
    name="nadam_step",
    returns=("theta", "m", "v", "mu_product"),
    run=_nadam_run,
    protocol=PROTOCOL,
    oracle=_nadam_oracle,
    cases=(
        Case("the first step (defaults)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]))),
        Case("gradients of 0, 1e-8 and 1e-6", lambda rng: dict(theta=np.zeros(3), grads=np.array([[0.0, 1e-8, -1e-6]]), lr=0.1)),
        Case("three steps with lr = 0.1", lambda rng: dict(theta=np.zeros(2), grads=np.array([[1.0, -1.0], [1.0, 2.0], [0.0, 0.5]]), lr=0.1)),
        Case("20 noisy steps (defaults)", lambda rng: noise(rng, 20, 4)),
        Case("other hyper-parameters", lambda rng: noise(rng, 10, 3, lr=0.03, beta1=0.8, beta2=0.95, eps=0.01, momentum_decay=0.1)),
        Case("a 2×3 matrix of parameters", lambda rng: noise(rng, 5, 2, 3, lr=0.02)),
        Case("gradients that are zero", lambda rng: _silent(rng, 9, lr=0.05)),
        Case("resumed at step 41", lambda rng: dict(noise(rng, 4, 3), mu_product=0.3, m=rng.normal(size=3), v=rng.uniform(0.5, 2, 3), t=41)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in NADAM_MISTAKES.items()),
    accepts=(nadam(), _nadam_spelt_out),
    verified="theta, m, v and the product equal torch.optim.NAdam's in float64 after every step",
)  # fmt: skip


ADAMW_RULES = dict(
    g_used=lambda s: s.g,
    m=lambda s: s.beta1 * s.m0 + (1 - s.beta1) * s.g_used,
    v=lambda s: s.beta2 * s.v0 + (1 - s.beta2) * s.g_used**2,
    scale=lambda s: np.sqrt(s.v / (1 - s.beta2**s.t)) + s.eps,
    step=lambda s: s.m / (1 - s.beta1**s.t) / s.scale,
    decay=lambda s: s.lr * s.weight_decay * s.theta0,
    theta=lambda s: s.theta0 - s.decay - s.lr * s.step,
    returned=lambda s: (s.theta, s.m, s.v),
)
ADAMW_DEFAULTS = dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2)
adamw = _but(ADAMW_RULES, ADAMW_DEFAULTS, ("m0", "v0", "t"))

ADAMW_MISTAKES = {
    "L2 added to the gradient (Adam + L2)": ("Decoupled: the decay does not pass through m and v; take lr·λ·θ off θ itself.", adamw(g_used=lambda s: s.g + s.weight_decay * s.theta0, decay=lambda s: 0.0)),
    "decay inside the scaled step": ("The decay is not divided by √v̂.", adamw(step=lambda s: (s.m / (1 - s.beta1**s.t) + s.weight_decay * s.theta0) / s.scale, decay=lambda s: 0.0)),
    "decay after scaling by v": ("The decay is lr·λ·θ, not lr·λ·θ/√v̂, and it is taken from the old θ.", adamw(theta=lambda s: (s.theta0 - s.lr * s.step) * (1 - s.lr * s.weight_decay / s.scale))),
    "decay not scaled by lr": ("As in torch, the decay is multiplied by lr: θ ← θ(1 − lr·λ).", adamw(decay=lambda s: s.weight_decay * s.theta0)),
    "decay forgotten (plain Adam)": ("θ ← θ(1 − lr·λ) before the step.", adamw(decay=lambda s: 0.0)),
    "decay with the wrong sign": ("Weights shrink: 1 − lr·λ.", adamw(decay=lambda s: -s.lr * s.weight_decay * s.theta0)),
    "decay after the step, on the new θ": ("torch decays first: the step itself is not decayed.", adamw(theta=lambda s: (s.theta0 - s.lr * s.step) * (1 - s.lr * s.weight_decay))),
    "decay by the square of θ": ("The decay is proportional to θ.", adamw(decay=lambda s: s.lr * s.weight_decay * s.theta0**2)),
    "decay by the sign of θ (L1)": ("The decay is proportional to θ.", adamw(decay=lambda s: s.lr * s.weight_decay * np.sign(s.theta0))),
    "decay twice as strong": ("The decay is lr·λ·θ, without a factor 2.", adamw(decay=lambda s: 2 * s.lr * s.weight_decay * s.theta0)),
    "L2 in the gradient and decay as well": ("One of them: the decoupled decay.", adamw(g_used=lambda s: s.g + s.weight_decay * s.theta0)),
    "no bias correction": ("m̂ = m/(1 − β1ᵗ), v̂ = v/(1 − β2ᵗ).", adamw(scale=lambda s: np.sqrt(s.v) + s.eps, step=lambda s: s.m / s.scale)),
    "only the first moment corrected": ("v̂ = v/(1 − β2ᵗ) too.", adamw(scale=lambda s: np.sqrt(s.v) + s.eps)),
    "eps inside the root": ("eps goes outside the root: √v̂ + eps.", adamw(scale=lambda s: np.sqrt(s.v / (1 - s.beta2**s.t) + s.eps))),
    "betas exchanged": ("β1 belongs to m, β2 to v.", adamw(m=lambda s: s.beta2 * s.m0 + (1 - s.beta2) * s.g, v=lambda s: s.beta1 * s.v0 + (1 - s.beta1) * s.g**2)),
    "ascent": ("θ − lr · …", adamw(theta=lambda s: s.theta0 - s.decay + s.lr * s.step)),
    "default weight decay 0": ("torch's AdamW has weight_decay = 1e-2.", adamw(dict(weight_decay=0.0))),
    "m and v exchanged in the result": ("Return (theta, m, v).", adamw(returned=lambda s: (s.theta, s.v, s.m))),
}  # fmt: skip


def _adamw_oracle(theta, grads, m=None, v=None, t=1, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    import torch

    start = {} if m is None else dict(step=t - 1, exp_avg=m, exp_avg_sq=v)
    return torch_trajectory(
        lambda parameters: torch.optim.AdamW(parameters, lr, (beta1, beta2), eps, weight_decay),
        theta, grads, start, m="exp_avg", v="exp_avg_sq",
    )  # fmt: skip


def _adamw_in_order(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    new = theta * (1 - lr * weight_decay)
    m, v = m * beta1 + grad * (1 - beta1), v * beta2 + np.square(grad) * (1 - beta2)
    new -= lr * (m / (1 - beta1**t)) / (np.sqrt(v) / np.sqrt(1 - beta2**t) + eps)
    return [new, m, v]


ADAMW = Exercise(
    name="adamw_step",
    returns=("theta", "m", "v"),
    run=trajectory("m", "v", counted=True),
    protocol=PROTOCOL,
    oracle=_adamw_oracle,
    cases=(
        Case("the first step (defaults)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]))),
        Case("gradients of 0, 1e-8 and 1e-6", lambda rng: dict(theta=np.ones(3), grads=np.array([[0.0, 1e-8, -1e-6]]), lr=0.1)),
        Case("three steps with lr = 0.1 and decay 0.5", lambda rng: dict(theta=np.array([2.0, -1.0]), grads=np.array([[1.0, -1.0], [1.0, 2.0], [0.0, 0.5]]), lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.5)),
        Case("20 noisy steps (defaults)", lambda rng: noise(rng, 20, 4)),
        Case("other hyper-parameters", lambda rng: noise(rng, 10, 3, lr=0.03, beta1=0.8, beta2=0.95, eps=0.01, weight_decay=0.3)),
        Case("a 2×3 matrix of parameters", lambda rng: noise(rng, 5, 2, 3, lr=0.02)),
        Case("gradients that are zero", lambda rng: _silent(rng, 9, lr=0.05, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.1)),
        Case("resumed at step 41", lambda rng: dict(noise(rng, 4, 3), m=rng.normal(size=3), v=rng.uniform(0.5, 2, 3), t=41)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in ADAMW_MISTAKES.items()),
    accepts=(adamw(), _adamw_in_order),
    verified="theta, m and v equal torch.optim.AdamW's in float64 after every step",
)  # fmt: skip


ADAPTIVE = {"adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamw"}
METHODS = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamw", "newton", "lbfgs")


def _keeps_a_running_square(name):
    """An adaptive method has a state per parameter that grows with the gradient's square: asked of torch's optimisers.

    Newton and L-BFGS have no such state in torch (or are not there): they use curvature, not the gradient's history.
    """
    import torch

    makers = dict(
        sgd=lambda p: torch.optim.SGD(p, 0.1), momentum=lambda p: torch.optim.SGD(p, 0.1, 0.9),
        nesterov=lambda p: torch.optim.SGD(p, 0.1, 0.9, nesterov=True), adagrad=torch.optim.Adagrad,
        adadelta=torch.optim.Adadelta, rmsprop=torch.optim.RMSprop, adam=torch.optim.Adam, nadam=torch.optim.NAdam,
        adamw=torch.optim.AdamW,
    )  # fmt: skip
    if name not in makers:
        return False
    parameter = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimiser = makers[name]([parameter])
    parameter.grad = torch.tensor([-2.0, 3.0], dtype=torch.float64)
    optimiser.step()
    state = optimiser.state[parameter].values()
    return any(
        torch.is_tensor(s)
        and s.shape == (2,)
        and bool(torch.isclose(s[1] / s[0], torch.tensor(9 / 4).double()))
        and bool(s[0] > 0)
        for s in state
    )


def _member(names, unknown="raise"):
    def is_adaptive(name):
        if name not in METHODS and unknown == "raise":
            raise ValueError(f"unknown method {name!r}")
        return name in names

    return is_adaptive


def _table(name):
    table = dict.fromkeys(METHODS, False) | dict.fromkeys(ADAPTIVE, True)
    try:
        return np.bool_(table[name])
    except KeyError:
        raise ValueError(name) from None


def _by_match(name):
    match name:
        case "adagrad" | "adadelta" | "rmsprop" | "adam" | "nadam" | "adamw":
            return True
        case "sgd" | "momentum" | "nesterov" | "newton" | "lbfgs":
            return False
    raise ValueError("no such method")


IS_ADAPTIVE = Exercise(
    name="is_adaptive",
    returns=("adaptive",),
    oracle=lambda name: _keeps_a_running_square(name),
    cases=(
        *(Case(name, lambda rng, name=name: dict(name=name)) for name in METHODS),
        Case("no method of this name", lambda rng: dict(name="sdg"), raises="ValueError"),
        Case("no name at all", lambda rng: dict(name=""), raises="ValueError"),
    ),
    mistakes=(
        Mistake("momentum counted as adaptive", "Momentum has one rate for all parameters; adaptive means a rate for each, from its gradients' history.", _member(ADAPTIVE | {"momentum", "nesterov"})),
        Mistake("Nesterov counted as adaptive", "The sentence about rare features belongs to Adagrad: Nesterov has one rate for all parameters.", _member(ADAPTIVE | {"nesterov"})),
        Mistake("only Adagrad, RMSprop and Adam", "Adadelta, Nadam and AdamW keep running squares too.", _member({"adagrad", "rmsprop", "adam"})),
        Mistake("Adadelta left out", "Adadelta keeps a running mean of squares, and one of its steps.", _member(ADAPTIVE - {"adadelta"})),
        Mistake("AdamW left out", "AdamW is Adam with another weight decay.", _member(ADAPTIVE - {"adamw"})),
        Mistake("Nadam left out", "Nadam is Adam with Nesterov's look-ahead.", _member(ADAPTIVE - {"nadam"})),
        Mistake("second-order methods counted as adaptive", "Newton and L-BFGS rescale by curvature, not by the gradient's history: not adaptive in this sense.", _member(ADAPTIVE | {"newton", "lbfgs"})),
        Mistake("everything but SGD is adaptive", "Adaptive means a rate for each parameter, from its gradients' history.", _member(set(METHODS) - {"sgd"})),
        Mistake("the other way round", "Adaptive methods return True.", _member(set(METHODS) - ADAPTIVE)),
        Mistake("no ValueError for an unknown name", "Raise ValueError for any name that is not one of the eleven.", _member(ADAPTIVE, "false")),
    ),
    accepts=(_member(ADAPTIVE), _table, _by_match),
    verified="all eleven methods told apart, and ValueError for any other name",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=40, exercises=(NADAM, ADAMW, IS_ADAPTIVE))
