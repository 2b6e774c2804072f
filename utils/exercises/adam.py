"""10 · One step of Adam: Kingma & Ba 2015, Algorithm 1. Oracle: torch.optim.Adam over whole trajectories."""

from types import SimpleNamespace

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.grading.stepping import PROTOCOL, noise, silent, torch_trajectory, trajectory

DEFAULTS = dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)


def _oracle(theta, grads, m=None, v=None, t=1, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    import torch

    start = {} if m is None else dict(step=t - 1, exp_avg=m, exp_avg_sq=v)
    return torch_trajectory(
        lambda parameters: torch.optim.Adam(parameters, lr, (beta1, beta2), eps),
        theta, grads, start, m="exp_avg", v="exp_avg_sq",
    )  # fmt: skip


# Adam in seven rules, worked out from top to bottom; m0, v0, theta0 are what the step was given.
RULES = dict(
    m=lambda s: s.beta1 * s.m0 + (1 - s.beta1) * s.g,
    v=lambda s: s.beta2 * s.v0 + (1 - s.beta2) * s.g**2,
    m_hat=lambda s: s.m / (1 - s.beta1**s.t),
    v_hat=lambda s: s.v / (1 - s.beta2**s.t),
    scale=lambda s: np.sqrt(s.v_hat) + s.eps,
    theta=lambda s: s.theta0 - s.lr * s.m_hat / s.scale,
    returned=lambda s: (s.theta, s.m, s.v),
)


def _but(changed_defaults=(), **changed):
    """Adam with some of its rules exchanged."""

    def wrong(theta, grad, m, v, t, *hyper):
        named = dict(zip(DEFAULTS, hyper, strict=False))
        s = SimpleNamespace(theta0=theta, g=grad, m0=m, v0=v, t=t, **(DEFAULTS | dict(changed_defaults) | named))
        for name, rule in (RULES | changed).items():
            setattr(s, name, rule(s))
        return s.returned

    return wrong


def _v_from(square):
    """v as the running mean of something that is not g², entry by entry."""
    return _but(v=lambda s: s.beta2 * s.v0 + (1 - s.beta2) * square(s))


def _t_from_zero_in_scalars(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    rate = lr * (1 - beta2 ** (t - 1)) ** 0.5 / (1 - beta1 ** (t - 1))  # 0.0 / 0.0 of Python numbers raises
    m, v = beta1 * m + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
    return theta - rate * m / (np.sqrt(v) + eps * (1 - beta2 ** (t - 1)) ** 0.5), m, v


MISTAKES = {
    # the correction
    "no bias correction": (
        "m and v start at zero: divide them by 1 − β1ᵗ and 1 − β2ᵗ; otherwise the first step is 3.16 · lr.",
        _but(m_hat=lambda s: s.m, v_hat=lambda s: s.v)),
    "only the first moment corrected": (
        "v starts at zero too: v̂ = v / (1 − β2ᵗ).", _but(v_hat=lambda s: s.v)),
    "only the second moment corrected": (
        "m starts at zero too: m̂ = m / (1 − β1ᵗ).", _but(m_hat=lambda s: s.m)),
    "t counted from 0": (
        "t is 1 in the first step; with t − 1 the first correction divides by 1 − β⁰ = 0.",
        _but(m_hat=lambda s: s.m / (1 - s.beta1 ** (s.t - 1)), v_hat=lambda s: s.v / (1 - s.beta2 ** (s.t - 1)))),
    "t counted from 0 (0 / 0 in plain numbers)": (
        "t is 1 in the first step; with t − 1 the first correction divides by 1 − β⁰ = 0.", _t_from_zero_in_scalars),
    "t counted on inside the step": (
        "t is the number of this step, 1 for the first: use it as it is, without adding 1.",
        _but(m_hat=lambda s: s.m / (1 - s.beta1 ** (s.t + 1)), v_hat=lambda s: s.v / (1 - s.beta2 ** (s.t + 1)))),
    "betas exchanged in the corrections": (
        "Each moment is corrected with its own β: m / (1 − β1ᵗ), v / (1 − β2ᵗ).",
        _but(m_hat=lambda s: s.m / (1 - s.beta2**s.t), v_hat=lambda s: s.v / (1 - s.beta1**s.t))),
    "1 − β in place of 1 − βᵗ": (
        "The bias fades: divide by 1 − βᵗ, which grows to 1, not by 1 − β at every step.",
        _but(m_hat=lambda s: s.m / (1 - s.beta1), v_hat=lambda s: s.v / (1 - s.beta2))),
    "(1 − β)ᵗ in place of 1 − βᵗ": (
        "The power belongs to β alone: 1 − β**t, without brackets round 1 − β.",
        _but(m_hat=lambda s: s.m / (1 - s.beta1) ** s.t, v_hat=lambda s: s.v / (1 - s.beta2) ** s.t)),
    "β · t in place of βᵗ": (
        "The weights of a running mean are a geometric series: β to the power t.",
        _but(m_hat=lambda s: s.m / (1 - s.beta1 * s.t), v_hat=lambda s: s.v / (1 - s.beta2 * s.t))),
    "βᵗ in place of 1 − βᵗ": (
        "E[m] = (1 − β1ᵗ) E[g]: it is 1 − βᵗ that must be divided out.",
        _but(m_hat=lambda s: s.m / s.beta1**s.t, v_hat=lambda s: s.v / s.beta2**s.t)),
    "multiplied by the correction": (
        "m is too small by the factor 1 − β1ᵗ: divide by it.",
        _but(m_hat=lambda s: s.m * (1 - s.beta1**s.t), v_hat=lambda s: s.v * (1 - s.beta2**s.t))),
    "v corrected outside the root": (
        "Correct v first, then take the root: √(v / (1 − β2ᵗ)).",
        _but(v_hat=lambda s: s.v, scale=lambda s: np.sqrt(s.v) / (1 - s.beta2**s.t) + s.eps)),
    "root forgotten in the corrected rate": (
        "As one factor the corrections are √(1 − β2ᵗ) / (1 − β1ᵗ): v's goes under the root with v.",
        _but(theta=lambda s: s.theta0 - s.lr * (1 - s.beta2**s.t) * s.m_hat / (np.sqrt(s.v) + s.eps))),
    "corrected moments returned as state": (
        "m̂ and v̂ serve this step only; return m and v, or the next step corrects twice.",
        _but(returned=lambda s: (s.theta, s.m_hat, s.v_hat))),
    # eps and the root
    "eps inside the root": (
        "eps is added outside: √v̂ + eps. Under the root its effect is √eps = 1e-4, ten thousand times larger.",
        _but(scale=lambda s: np.sqrt(s.v_hat + s.eps))),
    "eps added before v's correction": (
        "√v + eps with the rescaled step is another formula (the paper's ε̂): add eps to √v̂, or eps·√(1 − β2ᵗ) to √v.",
        _but(theta=lambda s: s.theta0 - s.lr * np.sqrt(1 - s.beta2**s.t) * s.m_hat / (np.sqrt(s.v) + s.eps))),
    "eps inside the root, v uncorrected there": (
        "Correct v, take the root, then add eps: √(v / (1 − β2ᵗ)) + eps.",
        _but(theta=lambda s: s.theta0 - s.lr * np.sqrt(1 - s.beta2**s.t) * s.m_hat / np.sqrt(s.v + s.eps))),
    "eps added to the quotient": (
        "Brackets: m̂ / (√v̂ + eps). Without them the division comes first.",
        _but(theta=lambda s: s.theta0 - s.lr * (s.m_hat / np.sqrt(s.v_hat) + s.eps))),
    "eps added to theta": (
        "Brackets: lr · m̂ / (√v̂ + eps). Without them eps is added to the parameters.",
        _but(theta=lambda s: s.theta0 - s.lr * s.m_hat / np.sqrt(s.v_hat) + s.eps)),
    "eps² under the root": (
        "√(v̂ + eps²) is smaller than √v̂ + eps where they are alike: add eps outside.",
        _but(scale=lambda s: np.sqrt(s.v_hat + s.eps**2))),
    "eps as a floor (maximum)": (
        "eps is added to √v̂, not compared with it.", _but(scale=lambda s: np.maximum(np.sqrt(s.v_hat), s.eps))),
    "eps forgotten": (
        "A parameter without gradient divides 0 by 0: add eps to the root.", _but(scale=lambda s: np.sqrt(s.v_hat))),
    "eps hard-coded as 1e-8": (
        "Add the argument eps itself: a caller may ask for another than 1e-8.",
        _but(scale=lambda s: np.sqrt(s.v_hat) + 1e-8)),
    "eps = 10e−8 by default": (
        "The default is 1e-8; 10e-8 is 1e-7.", _but(dict(eps=10e-8))),
    "root forgotten": (
        "Divide by √v̂ + eps: v̂ has the unit of g², the step must not.", _but(scale=lambda s: s.v_hat + s.eps)),
    # the moments
    "betas swapped": (
        "beta1 is the first moment's rate, beta2 the second's.",
        _but(m=lambda s: s.beta2 * s.m0 + (1 - s.beta2) * s.g, v=lambda s: s.beta1 * s.v0 + (1 - s.beta1) * s.g**2,
             m_hat=lambda s: s.m / (1 - s.beta2**s.t), v_hat=lambda s: s.v / (1 - s.beta1**s.t))),
    "β and 1 − β exchanged": (
        "The old value keeps the large weight β, the new gradient gets 1 − β.",
        _but(m=lambda s: (1 - s.beta1) * s.m0 + s.beta1 * s.g, v=lambda s: (1 - s.beta2) * s.v0 + s.beta2 * s.g**2)),
    "1 − β1 forgotten": (
        "m is a running mean: the new gradient gets the weight 1 − β1.", _but(m=lambda s: s.beta1 * s.m0 + s.g)),
    "1 − β2 forgotten": (
        "v is a running mean: the new square gets the weight 1 − β2.", _but(v=lambda s: s.beta2 * s.v0 + s.g**2)),
    "1 − β1 and 1 − β2 forgotten": (
        "Both moments are running means: weight the new value with 1 − β.",
        _but(m=lambda s: s.beta1 * s.m0 + s.g, v=lambda s: s.beta2 * s.v0 + s.g**2)),
    "v summed without decay (Adagrad)": (
        "v forgets: multiply the old v by beta2.", _but(v=lambda s: s.v0 + s.g**2)),
    "v never decreases (AMSGrad)": (
        "Taking the maximum of old and new v is AMSGrad; Adam's v may fall.",
        _but(v=lambda s: np.maximum(s.v0, RULES["v"](s)))),
    "maximum in place of the mean square (AdaMax)": (
        "AdaMax keeps max(β2·v, |g|); Adam keeps a mean of squares and takes its root.",
        _but(v=lambda s: np.maximum(s.beta2 * s.v0, abs(s.g)), v_hat=lambda s: s.v, scale=lambda s: s.v_hat + s.eps)),
    "gradient not squared in v": (
        "v is the running mean of g²; of g it would be another m.", _v_from(lambda s: s.g)),
    "absolute gradient in v": (
        "v is the running mean of g², not of |g|.", _v_from(lambda s: abs(s.g))),
    "1 − β2 squared with the gradient": (
        "Square the gradient first: (1 − β2) · g², not ((1 − β2) · g)².", _v_from(lambda s: (1 - s.beta2) * s.g**2)),
    "v from m² in place of g²": (
        "The second moment is that of the gradient, not of its mean.", _v_from(lambda s: s.m**2)),
    "v from g · m": (
        "v is the running mean of g · g.", _v_from(lambda s: s.g * s.m)),
    "v centred (AdaBelief)": (
        "Adam's second moment is not centred: g², not (g − m)².", _v_from(lambda s: (s.g - s.m) ** 2)),
    "one v for all parameters (sum of squares)": (
        "v has one entry for each parameter: square entry by entry, without a sum.", _v_from(lambda s: np.sum(s.g**2))),
    "one v for all parameters (mean of squares)": (
        "v has one entry for each parameter: square entry by entry, without a mean.", _v_from(lambda s: np.mean(s.g**2))),
    "one v for all parameters (dot product)": (
        "v has one entry for each parameter: g * g, not g @ g.", _v_from(lambda s: np.dot(s.g, s.g))),
    "norm of the gradient in v": (
        "v has one entry for each parameter, and is a mean of squares: g**2, not ‖g‖.",
        _v_from(lambda s: np.linalg.norm(s.g))),
    "lr inside the first moment": (
        "m is the mean of gradients alone; lr multiplies the finished step.",
        _but(m=lambda s: s.beta1 * s.m0 + (1 - s.beta1) * s.lr * s.g, theta=lambda s: s.theta0 - s.m_hat / s.scale)),
    # the step
    "plus in place of minus (ascent)": (
        "Go against the gradient: theta − lr · m̂ / (√v̂ + eps).", _but(theta=lambda s: s.theta0 + s.lr * s.m_hat / s.scale)),
    "g in place of m̂ (RMSprop, corrected)": (
        "The numerator is the corrected first moment; with g it is RMSprop.",
        _but(theta=lambda s: s.theta0 - s.lr * s.g / s.scale)),
    "g in place of m̂, nothing corrected (RMSprop)": (
        "That is RMSprop: put m̂ into the numerator and correct v.",
        _but(v_hat=lambda s: s.v, theta=lambda s: s.theta0 - s.lr * s.g / s.scale)),
    "v left out (momentum)": (
        "Divide by √v̂ + eps; without it this is momentum.", _but(theta=lambda s: s.theta0 - s.lr * s.m_hat)),
    "momentum of the scaled gradient": (
        "m averages the plain gradients; the division by √v̂ comes after. (RMSprop with momentum does it in this order.)",
        _but(m=lambda s: s.beta1 * s.m0 + (1 - s.beta1) * s.g / (np.sqrt(RULES["v"](s) / (1 - s.beta2**s.t)) + s.eps),
             theta=lambda s: s.theta0 - s.lr * s.m_hat)),
    "Nesterov's look-ahead (NAdam)": (
        "The numerator is m̂; a mixture of m̂ and g is NAdam.",
        _but(theta=lambda s: s.theta0 - s.lr * (s.beta1 * s.m_hat + (1 - s.beta1) * s.g / (1 - s.beta1**s.t)) / s.scale)),
    "lr divided by √t": (
        "The step's size is lr; a schedule is the caller's.",
        _but(theta=lambda s: s.theta0 - s.lr / np.sqrt(s.t) * s.m_hat / s.scale)),
    "lr forgotten": (
        "Multiply the step by lr.", _but(theta=lambda s: s.theta0 - s.m_hat / s.scale)),
    "hyper-parameters ignored": (
        "Use the arguments lr, beta1, beta2, eps, not their usual values.", lambda *args: _but()(*args[:5])),
    "theta moved with the old moments": (
        "Update m and v first, then move theta with the new ones.",
        _but(m_hat=lambda s: s.m0 / (1 - s.beta1**s.t), v_hat=lambda s: s.v0 / (1 - s.beta2**s.t))),
    "entries without gradient skipped (lazy Adam)": (
        "A zero gradient is a gradient: m and v decay and theta moves on; skipping is torch's SparseAdam.",
        _but(returned=lambda s: tuple(np.where(s.g == 0, old, new) for old, new in
                                      ((s.theta0, s.theta), (s.m0, s.m), (s.v0, s.v))))),
    "the old m and v returned": (
        "Return the new moments; otherwise they stay at zero for ever.", _but(returned=lambda s: (s.theta, s.m0, s.v0))),
    "m and v returned in the wrong order": (
        "The order is (theta, m, v).", _but(returned=lambda s: (s.theta, s.v, s.m))),
    "theta returned last": (
        "The order is (theta, m, v): the parameters first, then the state.", _but(returned=lambda s: (s.m, s.v, s.theta))),
}  # fmt: skip


def _rescaled(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """The correction as one factor on lr; eps shrinks with √v, so this equals the definition."""
    m, v = m + (1 - beta1) * (grad - m), v + (1 - beta2) * (np.square(grad) - v)
    root = np.sqrt(1 - beta2**t)
    return theta - lr * root / (1 - beta1**t) * m / (np.sqrt(v) + eps * root), m, v


def _loops(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    theta, m, v = (np.array(array).ravel().tolist() for array in (theta, m, v))
    for i, g in enumerate(np.ravel(grad).tolist()):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g * g
        theta[i] -= lr * (m[i] / (1 - beta1**t)) / ((v[i] / (1 - beta2**t)) ** 0.5 + eps)
    return [np.reshape(values, np.shape(grad)).tolist() for values in (theta, m, v)]


def _on_copies(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    theta, m, v = theta.copy(), m.copy(), v.copy()
    m *= beta1
    m += (1 - beta1) * grad
    v *= beta2
    v += (1 - beta2) * np.einsum("...,...->...", grad, grad)
    m_hat, v_hat = m / -np.expm1(t * np.log(beta1)), v / (1 - np.power(beta2, t))
    np.subtract(theta, lr * m_hat / (np.sqrt(v_hat) + eps), out=theta)
    return theta, m, v


def _torch_backed(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    after = _oracle(theta, grad[None], m, v, t, lr, beta1, beta2, eps)
    return after["theta"][0], after["m"][0], after["v"][0]


ADAM = Exercise(
    name="adam_step",
    returns=("theta", "m", "v"),
    run=trajectory("m", "v", counted=True),
    protocol=PROTOCOL,
    oracle=_oracle,
    cases=(
        Case("the first step (defaults)", lambda rng: dict(theta=np.array([1.0, -2.0]), grads=np.array([[0.5, -3.0]]))),
        Case("three steps with lr = 0.1", lambda rng: dict(
            theta=np.zeros(2), grads=np.array([[1.0, -1.0], [1.0, 2.0], [0.0, 0.5]]), lr=0.1)),
        Case("gradients of 0, 1e-8 and 1e-6", lambda rng: dict(
            theta=np.zeros(3), grads=np.array([[0.0, 1e-8, -1e-6]]), lr=0.1)),
        Case("20 noisy steps (defaults)", lambda rng: noise(rng, 20, 5)),
        Case("other hyper-parameters", lambda rng: noise(rng, 20, 3, lr=0.03, beta1=0.8, beta2=0.95, eps=0.01)),
        Case("a 3×4 matrix of parameters", lambda rng: noise(rng, 6, 3, 4, lr=0.02)),
        Case("a 3×3 matrix", lambda rng: noise(rng, 6, 3, 3, lr=0.02, beta1=0.5)),
        Case("gradients that are zero", lambda rng: silent(rng, 12, lr=0.05)),
        Case("gradients of 1e-10 to 1e-5", lambda rng: noise(
            rng, 6, 6, scale=np.logspace(-10, -5, 6), lr=0.1)),
        Case("eps = 0.1", lambda rng: noise(rng, 6, 4, lr=0.05, beta1=0.9, beta2=0.99, eps=0.1)),
        Case("gradients of 1e-3 to 1e4", lambda rng: noise(rng, 6, 8, scale=np.logspace(-3, 4, 8), lr=0.01)),
        Case("resumed at step 41", lambda rng: noise(
            rng, 5, 5, m=rng.normal(size=5), v=rng.uniform(0.5, 2, 5), t=41, lr=0.05)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in MISTAKES.items()),
    accepts=(_but(), _rescaled, _loops, _on_copies, _torch_backed),
    verified="theta, m and v equal torch.optim.Adam's in float64 after every step: vectors and matrices, zero, tiny and "
             "large gradients, a large eps, a run resumed in the middle; inputs untouched",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=35, exercises=(ADAM,))
