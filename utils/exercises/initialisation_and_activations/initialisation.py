"""Fans, initial standard deviations and dead units. Oracles: torch.nn.init and torch's linear layer."""

import math

import numpy as np

from utils.exercises.initialisation_and_activations.activation import refuse
from utils.grading.spec import Case, Exercise, Mistake


def _fans_oracle(shape):
    import torch

    return torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape, device="meta"))


def _area(shape):
    return math.prod(shape[2:])


_KERNEL = (
    "One output sees C_in·kH·kW inputs, one input reaches up to C_out·kH·kW outputs: both fans have the kernel's area."
)
_ORDER = "The weight is (out, in, …): fan_in = shape[1]·area, fan_out = shape[0]·area."
FANS_MISTAKES = {
    "fans exchanged": (_ORDER, lambda s: (s[0] * _area(s), s[1] * _area(s))),
    "kernel's area forgotten": (_KERNEL, lambda s: (s[1], s[0])),
    "kernel's area forgotten, fans exchanged": (_KERNEL, lambda s: (s[0], s[1])),
    "kernel's area forgotten in fan_in": (_KERNEL, lambda s: (s[1], s[0] * _area(s))),
    "kernel's area forgotten in fan_out": (_KERNEL, lambda s: (s[1] * _area(s), s[0])),
    "kH in place of kH·kW": (_KERNEL, lambda s: (s[1] * math.prod(s[2:3]), s[0] * math.prod(s[2:3]))),
    "kW in place of kH·kW": (_KERNEL, lambda s: (s[1] * math.prod(s[3:]), s[0] * math.prod(s[3:]))),
    "kH² in place of kH·kW": (_KERNEL, lambda s: tuple(n * (s[2] ** 2 if len(s) > 2 else 1) for n in (s[1], s[0]))),
    "kH + kW in place of kH·kW": (_KERNEL, lambda s: tuple(n * (sum(s[2:]) or 1) for n in (s[1], s[0]))),
    "area added, not multiplied": (_KERNEL, lambda s: (s[1] + (_area(s) if len(s) > 2 else 0), s[0] + (_area(s) if len(s) > 2 else 0))),
    "Keras' layout (kH, kW, in, out)": (
        "torch keeps (out, in, kH, kW); (kH, kW, in, out) is TensorFlow's layout.",
        lambda s: (math.prod(s[:-1]), math.prod(s[:-2]) * s[-1])),
    "all weights for both fans": (_KERNEL, lambda s: (math.prod(s), math.prod(s))),
    "fan_in twice": (_ORDER, lambda s: (s[1] * _area(s), s[1] * _area(s))),
    "fan_out is the mean of both": (_ORDER, lambda s: (s[1] * _area(s), (s[0] + s[1]) * _area(s) // 2)),
    "a float, as np.prod of an empty tuple": (
        "Fans are counts, so integers. np.prod(()) is the float 1.0, math.prod(()) the integer 1.",
        lambda s: (s[1] * np.prod(s[2:]), s[0] * np.prod(s[2:]))),
}  # fmt: skip


def _fans_by_size(shape):
    weight = np.empty(shape)
    return weight[0].size, weight[:, 0].size


def _shape(*shape):
    return lambda rng: dict(shape=shape)


FANS = Exercise(
    name="fans",
    returns=("fan_in", "fan_out"),
    oracle=_fans_oracle,
    cases=(
        Case("a matrix, 3 to 5", _shape(5, 3)),
        Case("a 3×3 convolution, 4 to 8", _shape(8, 4, 3, 3)),
        Case("a square matrix", _shape(6, 6)),
        Case("a kernel that is not square", _shape(8, 4, 3, 5)),
        Case("AlexNet's first layer", _shape(64, 3, 11, 11)),
        Case("a 1×1 convolution", _shape(16, 64, 1, 1)),
        Case("a depthwise 3×3 convolution", _shape(32, 1, 3, 3)),
        Case("one row of weights", _shape(1, 10)),
        Case("a long kernel", _shape(2, 7, 9, 1)),
        Case("a large matrix", _shape(1000, 2048)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in FANS_MISTAKES.items()),
    accepts=(
        lambda s: (s[1] * _area(s), s[0] * _area(s)),
        _fans_by_size,
        lambda shape: [int(np.prod(shape)) // shape[0], int(np.prod(shape)) // shape[1]],
        _fans_oracle,
    ),
    verified="equal to torch's rule on matrices and on kernels square, long, 1×1 and depthwise",
)

# ---- init_std -----------------------------------------------------------------------------------------------------


def _std_oracle(fan_in, fan_out, scheme, negative_slope=0.0):
    """The std that torch.nn.init hands to normal_ for an (out, in) matrix."""
    import torch

    class Noting(torch.Tensor):
        def normal_(self, mean=0, std=1, generator=None):
            self.noted = std
            return self

    weight = torch.empty(fan_out, fan_in, device="meta").as_subclass(Noting)
    init = torch.nn.init
    calls = {
        "xavier": lambda: init.xavier_normal_(weight),
        "he": lambda: init.kaiming_normal_(weight, a=negative_slope),
        "lecun": lambda: init.kaiming_normal_(weight, nonlinearity="linear"),
    }
    calls[scheme]()
    return float(weight.noted)


VARIANCE = {
    "xavier": lambda i, o, a: 2 / (i + o),
    "he": lambda i, o, a: 2 / ((1 + a**2) * i),
    "lecun": lambda i, o, a: 1 / i,
}


def _std(default=0.0, finish=math.sqrt, other=refuse, **changed):
    def wrong(fan_in, fan_out, scheme, negative_slope=default):
        rule = (VARIANCE | changed).get(scheme)
        return finish(rule(fan_in, fan_out, negative_slope)) if rule else other(scheme, None)

    return wrong


_ROOT = "The schemes fix the variance; the standard deviation is its root."
_UNIFORM = "√3 times the standard deviation is the bound of the uniform draw; the question asks for the standard deviation itself."
_HE = "He keeps the forward pass: variance 2/((1 + a²)·fan_in), where the 2 makes up for the half that ReLU sets to 0."
_XAVIER = "Xavier compromises between forward and backward pass: variance 2/(fan_in + fan_out)."
_LECUN = "LeCun: variance 1/fan_in."
_A = "A leaky unit of slope a keeps (1 + a²)/2 of the mean square; only He asks for a, and its default is 0."
_SCHEME = "Another scheme's name is refused: raise ValueError."
STD_MISTAKES = {
    "variance for standard deviation": (_ROOT, _std(finish=float)),
    **{f"variance for standard deviation, {name} alone": (_ROOT, _std(**{name: lambda i, o, a, r=rule: r(i, o, a) ** 2}))
       for name, rule in VARIANCE.items()},
    "uniform bound for standard deviation": (_UNIFORM, _std(finish=lambda v: math.sqrt(3 * v))),
    **{f"uniform bound for standard deviation, {name} alone": (_UNIFORM, _std(**{name: lambda i, o, a, r=rule: 3 * r(i, o, a)}))
       for name, rule in VARIANCE.items()},
    "He with Xavier's mean of the fans": (_HE, _std(he=lambda i, o, a: 4 / ((1 + a**2) * (i + o)))),
    "He's numerator over Xavier's sum": (_HE, _std(he=lambda i, o, a: 2 / ((1 + a**2) * (i + o)))),
    "He without the 2": (_HE, _std(he=lambda i, o, a: 1 / ((1 + a**2) * i))),
    "He with fan_out (torch's mode='fan_out')": ("The question asks for fan_in, which keeps the forward pass; fan_out keeps the backward pass.", _std(he=lambda i, o, a: 2 / ((1 + a**2) * o))),
    "He: slope ignored": (_A, _std(he=lambda i, o, a: 2 / i)),
    "He: 1 + a for 1 + a²": (_A, _std(he=lambda i, o, a: 2 / ((1 + a) * i))),
    "He: 1 − a² for 1 + a²": (_A, _std(he=lambda i, o, a: 2 / ((1 - a**2) * i))),
    "He: times 1 + a², not divided": (_A, _std(he=lambda i, o, a: 2 * (1 + a**2) / i)),
    "He: (1 + a)² for 1 + a²": (_A, _std(he=lambda i, o, a: 2 / ((1 + a) ** 2 * i))),
    "He: slope 0.01 by default": (_A, _std(default=0.01)),
    "He: slope √5 by default (torch's Linear)": ("The default is 0; a = √5 is how torch's Linear and Conv reset themselves.", _std(default=math.sqrt(5))),
    "He: slope 1 by default": (_A, _std(default=1.0)),
    "Xavier with fan_in only (Caffe's)": ("variance 1/fan_in is LeCun's, and Caffe's 'xavier' by default; Glorot's is 2/(fan_in + fan_out).", _std(xavier=lambda i, o, a: 1 / i)),
    "Xavier without the 2": (_XAVIER, _std(xavier=lambda i, o, a: 1 / (i + o))),
    "Xavier with He's 2/fan_in": (_XAVIER, _std(xavier=lambda i, o, a: 2 / i)),
    "Xavier: mean of the fans forgotten (4 for 2)": (_XAVIER, _std(xavier=lambda i, o, a: 4 / (i + o))),
    "Xavier: geometric mean of the fans": (_XAVIER, _std(xavier=lambda i, o, a: 1 / math.sqrt(i * o))),
    "Xavier: the slope taken in too": (_A, _std(xavier=lambda i, o, a: 2 / ((1 + a**2) * (i + o)))),
    "LeCun with fan_out": (_LECUN, _std(lecun=lambda i, o, a: 1 / o)),
    "LeCun with He's 2": (_LECUN, _std(lecun=lambda i, o, a: 2 / i)),
    "LeCun with Xavier's sum": (_LECUN, _std(lecun=lambda i, o, a: 2 / (i + o))),
    "LeCun: the slope taken in too": (_A, _std(lecun=lambda i, o, a: 1 / ((1 + a**2) * i))),
    "He and LeCun exchanged": (_HE, _std(he=VARIANCE["lecun"], lecun=lambda i, o, a: 2 / i)),
    "He and Xavier exchanged": (_HE, _std(he=VARIANCE["xavier"], xavier=VARIANCE["he"])),
    "fan_in and fan_out exchanged": ("The order is (fan_in, fan_out).", lambda i, o, *more: _std()(o, i, *more)),
    "divided by 0.8796 (Keras' truncated normal)": (
        "The correction for a truncated normal belongs to Keras' draw; the question asks for the standard deviation of the weights.",
        _std(finish=lambda v: math.sqrt(v) / 0.87962566103423978)),
    "fans multiplied in, not divided by": (_ROOT, _std(finish=lambda v: 1 / math.sqrt(v))),
    "an unknown scheme is taken for He": (_SCHEME, lambda i, o, scheme, a=0.0: _std()(i, o, scheme if scheme in VARIANCE else "he", a)),
    "an unknown scheme is taken for LeCun": (_SCHEME, lambda i, o, scheme, a=0.0: _std()(i, o, scheme if scheme in VARIANCE else "lecun", a)),
    "an unknown scheme gives None": (_SCHEME, _std(other=lambda name, _: None)),
    "an unknown scheme raises KeyError": (_SCHEME, _std(other=lambda name, _: {}[name])),
}  # fmt: skip


def _torch_std(*args):
    try:
        return _std_oracle(*args)
    except KeyError:
        raise ValueError(args[2]) from None


def _gain_over_root(fan_in, fan_out, scheme, negative_slope=0.0):
    gains = {"he": np.sqrt(2 / (1 + negative_slope**2)), "lecun": 1.0, "xavier": 1.0}
    if scheme not in gains:
        raise ValueError(scheme)
    return gains[scheme] / np.sqrt((fan_in + fan_out) / 2 if scheme == "xavier" else fan_in)


def _given(fan_in, fan_out, scheme, **more):
    return lambda rng: dict(fan_in=fan_in, fan_out=fan_out, scheme=scheme, **more)


STD = Exercise(
    name="init_std",
    returns=("std",),
    oracle=_std_oracle,
    cases=(
        Case("he, 8 to 4", _given(8, 4, "he")),
        Case("xavier, 3 to 5", _given(3, 5, "xavier")),
        Case("lecun, 4 to 9", _given(4, 9, "lecun")),
        *(Case(f"{scheme}, as many in as out", _given(50, 50, scheme)) for scheme in VARIANCE),
        *(Case(f"{scheme}, a 3×3 convolution of 64 to 128", _given(576, 1152, scheme)) for scheme in VARIANCE),
        *(Case(f"{scheme}, slope 0.25", _given(12, 30, scheme, negative_slope=0.25)) for scheme in VARIANCE),
        Case("he, slope √5", _given(7, 3, "he", negative_slope=5**0.5)),
        Case("he, slope 1: a linear unit", _given(16, 2, "he", negative_slope=1.0)),
        Case("he, a single input", _given(1, 6, "he")),
        Case("an unknown scheme", _given(3, 5, "orthogonal"), raises="ValueError"),
        Case("another unknown scheme", _given(3, 5, "uniform", negative_slope=0.5), raises="ValueError"),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in STD_MISTAKES.items()),
    accepts=(_std(), _gain_over_root, _torch_std),
    verified="equal to the standard deviation that torch.nn.init draws with, slopes included; unknown schemes refused",
)

# ---- dead_units ---------------------------------------------------------------------------------------------------


def _dead_oracle(x, weight, bias):
    import torch

    x, weight, bias = map(torch.from_numpy, (x, weight, bias))
    return (torch.relu(torch.nn.functional.linear(x, weight, bias)) == 0).all(dim=0).numpy()


def _dead(x, weight, bias, z=lambda x, w, b: x @ w.T + b, dead=lambda z: (z <= 0).all(axis=0)):
    return dead(z(x, weight, bias))


def _if(**changed):
    return lambda x, weight, bias: _dead(x, weight, bias, **changed)


_EVERY = "Dead means 0 for every row: np.all over axis 0, the rows."
_ZERO = "relu(0) is 0 too: a unit whose largest input is exactly 0 puts out nothing."
_UNIT = "One answer for each unit, True where it is dead: a boolean array (H,)."
DEAD_MISTAKES = {
    "any row in place of every row": (_EVERY, _if(dead=lambda z: (z <= 0).any(axis=0))),
    "axis of the units": (_EVERY, _if(dead=lambda z: (z <= 0).all(axis=1))),
    "z < 0: a unit at exactly 0 counted as alive": (_ZERO, _if(dead=lambda z: (z < 0).all(axis=0))),
    "z == 0 before the relu": ("Zeros appear behind the relu: ask relu(z) == 0, which is z <= 0.", _if(dead=lambda z: (z == 0).all(axis=0))),
    "units that are alive": (_UNIT, _if(dead=lambda z: (z > 0).any(axis=0))),
    "units that fire for every row": ("Dead is the other end: no row makes the unit fire.", _if(dead=lambda z: (z > 0).all(axis=0))),
    "bias forgotten": ("The unit is relu(x·w + b): add the bias.", _if(z=lambda x, w, b: x @ w.T)),
    "bias subtracted": ("The unit is relu(x·w + b): add the bias.", _if(z=lambda x, w, b: x @ w.T - b)),
    "weight not transposed": ("weight is (H, d), one row for each unit: x @ weight.T.", _if(z=lambda x, w, b: x @ w + b)),
    "bias along the rows": ("bias is (H,), one for each unit: it is added to the last axis.", _if(z=lambda x, w, b: x @ w.T + b[:, None])),
    "mean of the inputs to the relu": (_EVERY, _if(dead=lambda z: z.mean(axis=0) <= 0)),
    "sum of the inputs to the relu is negative": (_EVERY, _if(dead=lambda z: z.sum(axis=0) < 0)),
    "the first row alone": (_EVERY, _if(dead=lambda z: z[0] <= 0 if len(z) else np.ones(z.shape[1], bool))),
    "most rows": (_EVERY, _if(dead=lambda z: (z <= 0).mean(axis=0) > 0.5 if len(z) else np.ones(z.shape[1], bool))),
    "one answer for the layer": (_UNIT, _if(dead=lambda z: bool((z <= 0).all()))),
    "number of dead units": (_UNIT, _if(dead=lambda z: int((z <= 0).all(axis=0).sum()))),
    "indices of the dead units": (_UNIT, _if(dead=lambda z: np.flatnonzero((z <= 0).all(axis=0)))),
    "share of rows at 0": (_UNIT, _if(dead=lambda z: (z <= 0).mean(axis=0))),
    "numbers 0 and 1 in place of booleans": (_UNIT, _if(dead=lambda z: (z <= 0).all(axis=0).astype(float))),
    "a table of rows and units": (_UNIT, _if(dead=lambda z: z <= 0)),
    "shape (1, H), keepdims": (_UNIT, _if(dead=lambda z: (z <= 0).all(axis=0, keepdims=True))),
    "with no rows, no unit is dead": ("Without a row there is none that makes it fire: np.all of nothing is True.", _if(dead=lambda z: (z <= 0).all(axis=0) if len(z) else np.zeros(z.shape[1], bool))),
    "bias alone": ("Look at relu(x·w + b) for the rows of x, not at the bias alone.", _if(z=lambda x, w, b: b[None])),
}  # fmt: skip


def _layer(rng, rows, inputs, units, dead=1):
    """Integers, so that a sum that is 0 is exactly 0; `dead` units whose bias keeps all rows below or at 0."""
    x, weight = rng.integers(-3, 4, (rows, inputs)) * 1.0, rng.integers(-3, 4, (units, inputs)) * 1.0
    bias = rng.integers(-2, 3, units) * 1.0
    for unit in range(dead):
        bias[unit] = -max(sum(a * b for a, b in zip(row, weight[unit], strict=True)) for row in x) - unit
    return dict(x=x, weight=weight, bias=bias)


DEAD = Exercise(
    name="dead_units",
    returns=("dead",),
    oracle=_dead_oracle,
    cases=(
        Case("two rows, two units", lambda rng: dict(
            x=np.array([[1.0, 2.0], [3.0, 1.0]]), weight=np.array([[1.0, 1.0], [-1.0, 1.0]]), bias=np.array([0.0, -1.0]))),
        Case("a unit at exactly 0", lambda rng: dict(
            x=np.array([[1.0], [2.0]]), weight=np.array([[-1.0], [-1.0], [1.0]]), bias=np.array([1.0, 2.0, 0.0]))),
        Case("eight rows, three inputs, five units", lambda rng: _layer(rng, 8, 3, 5, 2)),
        Case("rows, inputs and units alike", lambda rng: _layer(rng, 4, 4, 4, 2)),
        Case("all units dead", lambda rng: _layer(rng, 6, 2, 3, 3)),
        Case("no unit dead", lambda rng: dict(x=rng.normal(size=(9, 3)), weight=rng.normal(size=(4, 3)), bias=np.full(4, 9.0))),
        Case("a single row", lambda rng: _layer(rng, 1, 5, 6, 2)),
        Case("a single unit", lambda rng: _layer(rng, 5, 3, 1, 1)),
        Case("zero weights, zero bias", lambda rng: dict(x=rng.normal(size=(4, 3)), weight=np.zeros((2, 3)), bias=np.zeros(2))),
        Case("no rows", lambda rng: dict(x=np.zeros((0, 3)), weight=rng.normal(size=(2, 3)), bias=rng.normal(size=2))),
        Case("a hundred rows", lambda rng: _layer(rng, 100, 6, 8, 3)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in DEAD_MISTAKES.items()),
    accepts=(
        _if(),
        _if(dead=lambda z: np.maximum(z, 0).sum(axis=0) == 0),
        _if(dead=lambda z: [not any(v > 0 for v in column) for column in z.T]),
        _if(z=lambda x, w, b: np.einsum("nd,hd->nh", x, w) + b, dead=lambda z: ~np.any(np.maximum(z, 0) != 0, axis=0)),
        _dead_oracle,
    ),
    verified="equal to torch's relu of a linear layer, a unit at exactly 0 and a layer without rows included",
)  # fmt: skip
