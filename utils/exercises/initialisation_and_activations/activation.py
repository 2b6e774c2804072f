"""Eight activations with their derivatives. Oracle: torch's functions with autograd."""

import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake


def _activation_oracle(name, x):
    import torch
    from torch.nn import functional as F

    functions = {
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu,
        "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)), "gelu": F.gelu, "silu": F.silu,
    }  # fmt: skip
    leaf = torch.from_numpy(np.array(x)).requires_grad_()
    value = functions[name](leaf)
    value.sum().backward()
    return value.detach().numpy(), leaf.grad.numpy()


def _sigma(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _cdf(x, root=2):
    return 0.5 * (1 + np.array([math.erf(v / math.sqrt(root)) for v in x.flat]).reshape(x.shape))


def _pdf(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


RIGHT = {
    "sigmoid": lambda x: (_sigma(x), _sigma(x) * (1 - _sigma(x))),
    "tanh": lambda x: (np.tanh(x), 1 - np.tanh(x) ** 2),
    "relu": lambda x: (np.maximum(x, 0), np.where(x > 0, 1.0, 0.0)),
    "leaky_relu": lambda x: (np.where(x > 0, x, 0.01 * x), np.where(x > 0, 1.0, 0.01)),
    "elu": lambda x: (_elu(x), np.exp(np.minimum(x, 0))),
    "softplus": lambda x: (np.logaddexp(0, x), _sigma(x)),
    "gelu": lambda x: (x * _cdf(x), _cdf(x) + x * _pdf(x)),
    "silu": lambda x: (x * _sigma(x), _sigma(x) * (1 + x * (1 - _sigma(x)))),
}


def refuse(name, x):
    """What a right answer does with a name that is not listed."""
    raise ValueError(name)


def _but(other=refuse, wrap=lambda value, slope: (value, slope), **changed):
    """The right function with some activations exchanged, or what an unknown name gives, or the return."""

    def wrong(name, x):
        rule = (RIGHT | changed).get(name)
        return wrap(*rule(x)) if rule else other(name, x)

    return wrong


def _value(name, function):
    return {name: lambda x: (function(x), RIGHT[name](x)[1])}


def _slope(name, function):
    return {name: lambda x: (RIGHT[name](x)[0], function(x))}


_FROM_VALUE = "The short formula takes the value, not the input: with s = sigmoid(x) the derivative is s(1 − s), with t = tanh(x) it is 1 − t²."
_OVER = "exp of a large number is inf, and inf/inf or 0·inf is NaN. Use exp(−|x|), np.logaddexp or np.minimum(x, 0): no exponent may be positive."
_TANH = "d tanh/dx = 1 − tanh(x)²."
_AT_0 = "At 0 the derivative of relu is taken as 0: x > 0, not x >= 0."
_LEAKY = "leaky_relu is x for x > 0 and 0.01·x otherwise, its derivative 1 or 0.01."
_ELU = "For x ≤ 0: value exp(x) − 1, derivative exp(x), which is value + 1."
_PLUS = "softplus is log(1 + exp(x)), and its derivative is the sigmoid of x."
_GELU = (
    "Exact GELU is x·Φ(x) with Φ(x) = (1 + erf(x/√2))/2; the product rule gives Φ(x) + x·φ(x), φ the normal density."
)
_SILU = "silu is x·σ(x), and the product rule gives σ + x·σ(1 − σ)."
_NAME = "A name that is not listed is refused: raise ValueError."
_PAIR = "Return (value, derivative), two arrays of the shape of x."


def _tanh_gelu(x):
    inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return 0.5 * x * (1 + inner), 0.5 * (1 + inner) + 0.5 * x * (1 - inner**2) * slope


def _quick_gelu(x):
    s = _sigma(1.702 * x)
    return x * s, s + 1.702 * x * s * (1 - s)


def _naive_sigma(x):
    return np.exp(x) / (1 + np.exp(x))


def _naive_tanh(x):
    t = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    return t, 1 - t**2


ACTIVATION_MISTAKES = {
    # the derivative
    "sigmoid: derivative x(1 − x), of the input": (_FROM_VALUE, _but(**_slope("sigmoid", lambda x: x * (1 - x)))),
    "tanh: derivative 1 − x², of the input": (_FROM_VALUE, _but(**_slope("tanh", lambda x: 1 - x**2))),
    "elu: derivative x + 1, of the input": (_ELU, _but(**_slope("elu", lambda x: np.where(x > 0, 1.0, x + 1)))),
    "sigmoid, tanh and elu: derivatives of the input": (_FROM_VALUE, _but(
        **_slope("sigmoid", lambda x: x * (1 - x)), **_slope("tanh", lambda x: 1 - x**2),
        **_slope("elu", lambda x: np.where(x > 0, 1.0, x + 1)))),
    "sigmoid: the sigmoid taken twice": (_FROM_VALUE, _but(
        **_slope("sigmoid", lambda x: _sigma(_sigma(x)) * (1 - _sigma(_sigma(x)))))),
    "tanh: the tanh taken twice": (_TANH, _but(**_slope("tanh", lambda x: 1 - np.tanh(np.tanh(x)) ** 2))),
    "sigmoid: derivative s², without 1 −": ("The derivative is s(1 − s).", _but(**_slope("sigmoid", lambda x: _sigma(x) ** 2))),
    "sigmoid: derivative 1 − s": ("The derivative is s(1 − s).", _but(**_slope("sigmoid", lambda x: 1 - _sigma(x)))),
    "sigmoid: derivative s(s − 1), the sign": ("The derivative is s(1 − s), never negative.", _but(
        **_slope("sigmoid", lambda x: _sigma(x) * (_sigma(x) - 1)))),
    "sigmoid: the sign of x turned": ("σ(x) = 1/(1 + exp(−x)) grows with x.", _but(
        sigmoid=lambda x: (_sigma(-x), RIGHT["sigmoid"](x)[1]))),
    "tanh: square forgotten in the derivative": (_TANH, _but(**_slope("tanh", lambda x: 1 - np.tanh(x)))),
    "tanh: derivative (1 − t)²": (_TANH, _but(**_slope("tanh", lambda x: (1 - np.tanh(x)) ** 2))),
    "tanh: derivative t(1 − t), as sigmoid's": (_TANH, _but(**_slope("tanh", lambda x: np.tanh(x) * (1 - np.tanh(x))))),
    "relu: derivative 1 at 0": (_AT_0, _but(**_slope("relu", lambda x: np.where(x >= 0, 1.0, 0.0)))),
    "relu: derivative 1/2 at 0": (_AT_0, _but(**_slope("relu", lambda x: np.heaviside(x, 0.5)))),
    "relu: derivative of the value ≥ 0, always 1": (_AT_0, _but(**_slope("relu", np.ones_like))),
    "relu: a boolean derivative": ("Turn the comparison into numbers: np.where(x > 0, 1.0, 0.0).", _but(**_slope("relu", lambda x: x > 0))),
    "relu: |x|": ("relu is max(x, 0).", _but(relu=lambda x: (np.abs(x), np.sign(x)))),
    "leaky_relu: derivative of relu": (_LEAKY, _but(**_slope("leaky_relu", lambda x: np.where(x > 0, 1.0, 0.0)))),
    "leaky_relu: relu": (_LEAKY, _but(leaky_relu=RIGHT["relu"])),
    "leaky_relu: slope on the wrong side": (_LEAKY, _but(
        leaky_relu=lambda x: (np.where(x > 0, 0.01 * x, x), np.where(x > 0, 0.01, 1.0)))),
    "leaky_relu: sign of the slope": (_LEAKY, _but(
        leaky_relu=lambda x: (np.where(x > 0, x, -0.01 * x), np.where(x > 0, 1.0, -0.01)))),
    **{f"leaky_relu: slope {a} ({who})": (f"Here the slope is 0.01, torch's; {a} is another convention.", _but(
        leaky_relu=lambda x, a=a: (np.where(x > 0, x, a * x), np.where(x > 0, 1.0, a))))
       for a, who in ((0.1, "darknet's"), (0.2, "usual in GANs"), (0.3, "Keras' LeakyReLU"))},
    "elu: derivative exp(x) − 1, the value": (_ELU, _but(**_slope("elu", lambda x: np.where(x > 0, 1.0, _elu(x))))),
    "elu: exp(x) without − 1": (_ELU, _but(**_value("elu", lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)))))),
    "elu: derivative 1 everywhere": (_ELU, _but(**_slope("elu", np.ones_like))),
    "elu: derivative 0 on the left": (_ELU, _but(**_slope("elu", lambda x: np.where(x > 0, 1.0, 0.0)))),
    "softplus: derivative of the other sign": (_PLUS, _but(**_slope("softplus", lambda x: _sigma(-x)))),
    "softplus: log(1 + exp(−x))": (_PLUS, _but(**_value("softplus", lambda x: np.logaddexp(0, -x)))),
    "softplus: base 2": (_PLUS, _but(**_value("softplus", lambda x: np.logaddexp(0, x) / math.log(2)))),
    "softplus: derivative of relu": (_PLUS, _but(**_slope("softplus", lambda x: np.where(x > 0, 1.0, 0.0)))),
    "softplus: derivative s(1 − s)": (_PLUS, _but(**_slope("softplus", lambda x: _sigma(x) * (1 - _sigma(x))))),
    "gelu: the tanh approximation": ("Here GELU is exact, with erf; x/2·(1 + tanh(…)) is torch's approximate='tanh', off by up to 5e-4.", _but(gelu=_tanh_gelu)),
    "gelu: x·σ(1.702x)": ("Here GELU is exact, with erf; x·σ(1.702x) is the quick approximation, off by up to 0.02.", _but(gelu=_quick_gelu)),
    "gelu: √2 forgotten in erf": (_GELU, _but(gelu=lambda x: (x * _cdf(x, 1), _cdf(x, 1) + x * _pdf(x)))),
    "gelu: √2 forgotten in erf, its own derivative": (_GELU, _but(
        gelu=lambda x: (x * _cdf(x, 1), _cdf(x, 1) + x * np.exp(-x * x) / math.sqrt(math.pi)))),
    "gelu: derivative Φ alone": (_GELU, _but(**_slope("gelu", _cdf))),
    "gelu: derivative Φ + φ, x forgotten": (_GELU, _but(**_slope("gelu", lambda x: _cdf(x) + _pdf(x)))),
    "gelu: derivative φ alone": (_GELU, _but(**_slope("gelu", _pdf))),
    "gelu: derivative Φ − x·φ": (_GELU, _but(**_slope("gelu", lambda x: _cdf(x) - x * _pdf(x)))),
    "gelu: density without 1/√(2π)": (_GELU, _but(**_slope("gelu", lambda x: _cdf(x) + x * np.exp(-x * x / 2)))),
    "gelu: density with 1/√π": (_GELU, _but(**_slope("gelu", lambda x: _cdf(x) + x * _pdf(x) * math.sqrt(2)))),
    "gelu: Φ(x) without the factor x": (_GELU, _but(gelu=lambda x: (_cdf(x), _pdf(x)))),
    "gelu: 1/2 forgotten": (_GELU, _but(gelu=lambda x: tuple(2 * part for part in RIGHT["gelu"](x)))),
    "silu: derivative σ alone": (_SILU, _but(**_slope("silu", _sigma))),
    "silu: derivative σ + σ(1 − σ), x forgotten": (_SILU, _but(**_slope("silu", lambda x: _sigma(x) * (2 - _sigma(x))))),
    "silu: derivative x·σ(1 − σ), σ forgotten": (_SILU, _but(**_slope("silu", lambda x: x * _sigma(x) * (1 - _sigma(x))))),
    "silu: derivative with the value for x": (_SILU, _but(
        **_slope("silu", lambda x: _sigma(x) * (1 + x * _sigma(x) * (1 - _sigma(x)))))),
    "silu: with σ(1.702x)": ("silu has σ(x); the factor 1.702 belongs to an approximation of GELU.", _but(silu=_quick_gelu)),
    # numbers
    "sigmoid: overflow, exp(x)/(1 + exp(x))": (_OVER, _but(
        sigmoid=lambda x: (_naive_sigma(x), _naive_sigma(x) * (1 - _naive_sigma(x))))),
    "sigmoid: overflow, derivative exp(−x)/(1 + exp(−x))²": (_OVER, _but(**_slope("sigmoid", lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2))),
    "tanh: overflow, from four exponentials": (_OVER, _but(tanh=_naive_tanh)),
    "softplus: overflow, log(1 + exp(x))": (_OVER, _but(**_value("softplus", lambda x: np.log(1 + np.exp(x))))),
    "softplus: overflow, derivative exp(x)/(1 + exp(x))": (_OVER, _but(**_slope("softplus", _naive_sigma))),
    "softplus: overflow, value and derivative": (_OVER, _but(softplus=lambda x: (np.log(1 + np.exp(x)), _naive_sigma(x)))),
    "elu: overflow, masks multiplied": (_OVER, _but(
        elu=lambda x: ((x > 0) * x + (x <= 0) * (np.exp(x) - 1), (x > 0) + (x <= 0) * np.exp(x)))),
    "silu: overflow, x·exp(x)/(1 + exp(x))": (_OVER, _but(
        silu=lambda x: (x * _naive_sigma(x), _naive_sigma(x) * (1 + x * (1 - _naive_sigma(x)))))),
    "silu: overflow in the derivative": (_OVER, _but(
        **_slope("silu", lambda x: (1 + np.exp(-x) + x * np.exp(-x)) / (1 + np.exp(-x)) ** 2))),
    # the return
    "an unknown name is passed through": (_NAME, _but(other=lambda name, x: (x, np.ones_like(x)))),
    "an unknown name gives None": (_NAME, _but(other=lambda name, x: None)),
    "an unknown name raises KeyError": (_NAME, _but(other=lambda name, x: {}[name])),
    "an unknown name is taken for relu": (_NAME, _but(other=lambda name, x: RIGHT["relu"](x))),
    "derivative and value exchanged": (_PAIR, _but(wrap=lambda v, d: (d, v))),
    "one of the two alone": (_PAIR, _but(wrap=lambda v, d: v)),
}  # fmt: skip


def _by_erfc(name, x):
    """GELU and softplus in another algebraic form, the derivatives from the values where there is one."""
    if name == "gelu":
        flat = [(0.5 * v * math.erfc(-v / math.sqrt(2)), v) for v in x.ravel().tolist()]
        slope = [
            0.5 * math.erfc(-v / math.sqrt(2)) + v * math.exp(-v * v / 2) / math.sqrt(2 * math.pi) for _, v in flat
        ]
        return np.reshape([f for f, _ in flat], x.shape), np.reshape(slope, x.shape)
    if name == "softplus":
        value = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
        return value, 1 - np.exp(-value)
    if name == "sigmoid":
        value = 0.5 * (1 + np.tanh(0.5 * x))
        return value, value * (1 - value)
    if name == "elu":
        value = np.maximum(x, 0) + np.minimum(np.exp(np.minimum(x, 0)) - 1, 0)
        return value, np.where(x > 0, 1, value + 1)
    if name in RIGHT:
        return RIGHT[name](x)
    raise ValueError(f"no activation is called {name}")


def _plain_sigmoid(name, x):
    """1/(1 + exp(−x)) warns of an overflow far to the left, and is right there."""
    s = 1 / (1 + np.exp(-x))
    if name == "sigmoid":
        return s, s * (1 - s)
    if name == "silu":
        return x * s, s + x * s * (1 - s)
    return _by_erfc(name, x)


def _torch_activation(name, x):
    try:
        return _activation_oracle(name, x)
    except KeyError:
        raise ValueError(name) from None


def _on(name, x):
    return Case(f"{name} of a few numbers", lambda rng: dict(name=name, x=np.array(x)))


_FEW = [-2.0, -0.5, 0.25, 1.0, 3.0]
ACTIVATION = Exercise(
    name="activation",
    returns=("value", "derivative"),
    oracle=_activation_oracle,
    cases=(
        *(_on(name, [*_FEW, 0.0] if name == "relu" else _FEW) for name in RIGHT),
        *(Case(f"{name} of ±1000, ±40 and ±5", lambda rng, name=name: dict(name=name, x=np.array([-1000.0, -40, -5, 5, 40, 1000])))
          for name in RIGHT),
        *(Case(f"{name} of a 3×4 array", lambda rng, name=name: dict(name=name, x=2 * rng.normal(size=(3, 4)))) for name in RIGHT),
        Case("an unknown name", lambda rng: dict(name="maxout", x=np.array([-1.0, 2.0])), raises="ValueError"),
        Case("another unknown name", lambda rng: dict(name="ReLU6", x=np.array([-1.0, 2.0])), raises="ValueError"),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in ACTIVATION_MISTAKES.items()),
    accepts=(_but(), _by_erfc, _plain_sigmoid, _torch_activation),
    verified="eight activations equal to torch's and to autograd in float64, up to |x| = 1000; unknown names refused",
)  # fmt: skip
