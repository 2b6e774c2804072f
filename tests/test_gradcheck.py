"""The checker of gradients is itself checked: nearly right gradients are caught, right ones never are."""

import itertools

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.gradcheck import error_against_step, gradcheck, numeric_gradient

matplotlib.use("Agg")


def tanh_mlp(x, w1, b1, w2):
    return np.tanh(x @ w1 + b1) @ w2


def tanh_mlp_backward(dout, x, w1, b1, w2):
    h = np.tanh(x @ w1 + b1)
    dz = dout @ w2.T * (1 - h**2)
    return dz @ w1.T, x.T @ dz, dz.sum(axis=0), h.T @ dout


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def cross_entropy_backward(dout, logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return dout * p / len(labels)


def batchnorm(x, gamma, beta, eps=1e-5):
    """Over all axes but the second, so that vectors and images are both served; a cache follows, as in the course."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    shape = (1, -1, *[1] * (x.ndim - 2))
    xhat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return gamma.reshape(shape) * xhat + beta.reshape(shape), (axes, shape, xhat)


def batchnorm_backward(dout, x, gamma, beta, eps=1e-5):
    axes, shape, xhat = batchnorm(x, gamma, beta, eps)[1]
    dxhat = dout * gamma.reshape(shape)
    centred = dxhat - dxhat.mean(axes, keepdims=True) - xhat * (dxhat * xhat).mean(axes, keepdims=True)
    return centred / np.sqrt(x.var(axes, keepdims=True) + eps), (dout * xhat).sum(axes), dout.sum(axes)


def problems(rng, scale=1.0):
    """name -> (forward, backward, inputs): what the course differentiates, at any scale of its inputs."""
    normal = rng.standard_normal
    return {
        "tanh": (
            tanh_mlp,
            tanh_mlp_backward,
            dict(x=scale * normal((5, 4)), w1=normal((4, 6)), b1=normal(6), w2=normal((6, 3))),
        ),
        "cross entropy": (
            cross_entropy,
            cross_entropy_backward,
            dict(logits=scale * normal((6, 5)), labels=rng.integers(0, 5, 6)),
        ),
        "batch norm": (
            batchnorm,
            batchnorm_backward,
            dict(x=scale * (1 + normal((7, 3))), gamma=normal(3), beta=normal(3), eps=1e-5),
        ),
        "batch norm 2d": (
            batchnorm,
            batchnorm_backward,
            dict(x=scale * normal((2, 3, 4, 5)), gamma=normal(3), beta=normal(3)),
        ),
    }


PROBLEMS = problems(np.random.default_rng(7))
each_problem = pytest.mark.parametrize("name", PROBLEMS)


def as_tuple(gradients):
    return tuple(np.array(g, dtype=float) for g in (gradients if isinstance(gradients, tuple) else (gradients,)))


def spoiled(backward, argument, factor=1.001, index=None):
    """`backward` with one gradient, or one entry of it, off by a factor."""

    def wrong(dout, **inputs):
        gradients = as_tuple(backward(dout, **inputs))
        gradients[argument][... if index is None else index] *= factor
        return gradients

    return wrong


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
@each_problem
def test_a_right_gradient_passes_at_any_scale(name, scale):
    """Small and large inputs alike leave a right gradient right."""
    forward, backward, inputs = problems(np.random.default_rng(3), scale)[name]

    assert gradcheck(forward, backward, inputs).ok


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 10**6), exponent=st.integers(-6, 6), name=st.sampled_from(sorted(PROBLEMS)))
def test_no_right_gradient_is_ever_rejected(seed, exponent, name):
    """Whatever the draw, a right gradient passes."""
    forward, backward, inputs = problems(np.random.default_rng(seed), 10.0**exponent)[name]

    assert gradcheck(forward, backward, inputs, seed=seed).ok


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(PROBLEMS)), everywhere=st.booleans())
def test_a_thousandth_is_always_caught(seed, name, everywhere):
    """A gradient that is off by 0.1 %, in all entries or in a single one, never passes."""
    rng = np.random.default_rng(seed)
    forward, backward, inputs = problems(rng)[name]
    arrays = [value for value in inputs.values() if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    argument = int(rng.integers(len(arrays)))
    index = None if everywhere else tuple(int(rng.integers(n)) for n in arrays[argument].shape)

    assert not gradcheck(forward, spoiled(backward, argument, index=index), inputs)


def test_the_report_names_the_wrong_entry():
    """The text says which entry is wrong, what came and what was expected."""
    forward, backward, inputs = PROBLEMS["batch norm"]
    report = gradcheck(forward, spoiled(backward, 0, factor=2.0, index=(4, 1)), inputs)

    assert ("x", (4, 1)) == (report.worst.argument, report.worst.index)
    assert report.worst.analytic == pytest.approx(2 * report.worst.numeric, rel=1e-6)
    assert "✗ x (7, 3), 21 of 21 entries: 1 wrong, worst x[4, 1]: analytic " in repr(report)
    assert "✓ gamma (3,), 3 of 3 entries: error < 1e-06" in repr(report)


@pytest.mark.parametrize(("factor", "said"), [(1.001, "1.001"), (-1.0, "-1"), (2.0, "2"), (0.0, "0")])
def test_a_common_factor_is_told(factor, said):
    """When all entries are off by the same factor, the report says so: a sign or a constant is missing."""
    forward, backward, inputs = PROBLEMS["tanh"]
    report = gradcheck(forward, spoiled(backward, 1, factor), inputs)

    assert f"every wrong entry is {said} times what it should be" in repr(report)


def test_reports_read_the_same_on_every_machine():
    """A right report holds no measured figure at all, a wrong one only rounded ones."""
    forward, backward, inputs = PROBLEMS["cross entropy"]
    right, wrong = gradcheck(forward, backward, inputs), gradcheck(forward, spoiled(backward, 0, 1.25), inputs)

    assert "✓ gradcheck: every gradient is right\n  ✓ logits (6, 5), 30 of 30 entries: error < 1e-06" == repr(right)
    assert "relative error 0.2\n" in repr(wrong)


def test_a_large_array_costs_little_and_hides_nothing():
    """Of 20 000 entries few are tried one by one, yet a single wrong one among all shows."""
    x, calls = np.random.default_rng(0).standard_normal((100, 200)), itertools.count()

    def forward(x):
        next(calls)
        return np.sin(x)

    right = gradcheck(forward, lambda dout, x: dout * np.cos(x), {"x": x})
    wrong = gradcheck(forward, spoiled(lambda dout, x: dout * np.cos(x), 0, index=(71, 3)), {"x": x})

    assert right.ok
    assert "50 of 20000 entries and a random direction" in repr(right)
    assert not wrong.ok
    assert "some other is not" in repr(wrong)
    assert next(calls) < 600


@pytest.mark.parametrize(
    ("forward", "backward", "x"),
    [
        (lambda x: np.maximum(x, 0), lambda dout, x: dout * (x > 0), np.array([-1.0, 0.0, 2.0])),
        (lambda x: abs(x), lambda dout, x: dout * np.sign(x), np.array([0.0, 1.0, -0.0])),
        (lambda x: x.max(), lambda dout, x: dout * (np.arange(4) == np.argmax(x)), np.array([1.0, 3.0, 3.0, 2.0])),
    ],
    ids=["relu", "absolute value", "tie of a maximum"],
)
def test_a_kink_accepts_every_slope_in_between(forward, backward, x):
    """At a kink there is no one gradient, so a subgradient is right, and one outside of it is still wrong."""
    assert gradcheck(forward, backward, {"x": x}).ok
    assert not gradcheck(forward, lambda dout, x: backward(dout, x) + 1.5 * dout, {"x": x}).ok


TIES = np.array([[5.0, 5.0, 5.0, 5.0], [1.0, 2.0, 2.0, 0.0]])


@pytest.mark.parametrize(
    ("shares", "right"),
    [
        ([[1, 0, 0, 0], [0, 1, 0, 0]], True),
        ([[0.25, 0.25, 0.25, 0.25], [0, 0.5, 0.5, 0]], True),
        ([[0, 0.3, 0.7, 0], [0, 0, 1, 0]], True),
        ([[1, 1, 1, 1], [0, 1, 1, 0]], False),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], False),
        ([[0.5, 0.5, 0.5, 0.5], [0, 0.5, 0.5, 0]], False),
    ],
    ids=["first", "equal shares", "unequal shares", "everybody", "nobody", "half for each of four"],
)
def test_at_a_tie_the_shares_must_add_up(shares, right):
    """No entry on a tie can be judged alone, and the report says so; together they must carry the whole gradient."""
    report = gradcheck(lambda x: x.max(axis=1), lambda dout, x: dout[:, None] * np.array(shares), {"x": TIES})

    assert report.ok is right
    assert "on a kink, where I cannot judge one alone" in repr(report)
    assert ("at a tie the shares add up" in repr(report)) is not right


def test_a_smooth_function_has_no_word_on_kinks():
    """The remark appears only where it is needed."""
    assert "kink" not in repr(gradcheck(*PROBLEMS["tanh"]))


def test_a_gradient_that_is_zero_by_symmetry_passes():
    """Rounding noise about zero, as in a bias before batch norm, is no mistake."""
    x = np.random.default_rng(1).standard_normal((50, 3))

    def forward(bias):
        return batchnorm(x + bias, np.ones(3), np.zeros(3))[0]

    def backward(dout, bias):
        return batchnorm_backward(dout, x + bias, np.ones(3), np.zeros(3))[0].sum(axis=0)

    assert gradcheck(forward, backward, {"bias": np.ones(3)}).ok


def test_the_edge_of_the_domain_is_respected():
    """Steps that leave the domain of a function are left out, without a warning."""
    x = np.array([1e-9, 1e-4, 1.0])

    assert gradcheck(lambda x: np.log(x), lambda dout, x: dout / x, {"x": x}).ok
    assert not gradcheck(lambda x: np.log(x), lambda dout, x: 1.001 * dout / x, {"x": x}).ok


def test_only_float_arrays_are_differentiated():
    """Integers, scalars and None pass through; float32 is cast to float64; `wrt` and dicts choose."""
    seen = {}

    def forward(x, k, eps, mask, target):
        seen.update(x=x.dtype, k=k.dtype, eps=eps, mask=mask)
        return (x * k + eps - target) ** 2

    def backward(dout, x, k, eps, mask, target):
        return {"x": dout * 2 * (x * k + eps - target) * k}

    inputs = dict(x=np.ones(3, np.float32), k=np.arange(3), eps=0.5, mask=None, target=np.zeros(3))

    assert gradcheck(forward, backward, inputs, wrt="x").ok
    assert {"x": np.float64, "k": inputs["k"].dtype, "eps": 0.5, "mask": None} == seen


def test_the_upstream_gradient_is_random_and_shaped_like_the_output():
    """dout is never ones, repeats for a seed, and is a float for a scalar output."""
    seen = []

    def backward(dout, x):
        seen.append(dout)
        return dout * np.ones(4)

    gradcheck(lambda x: x + 0, backward, {"x": np.ones(4)}, seed=1)
    gradcheck(lambda x: x + 0, backward, {"x": np.ones(4)}, seed=1)
    gradcheck(lambda x: x.sum(), backward, {"x": np.ones(4)})

    assert (4,) == seen[0].shape
    assert np.ptp(np.abs(seen[0])) > 0
    assert np.array_equal(seen[0], seen[1])
    assert isinstance(seen[2], float)


def test_a_mistake_that_sums_to_zero_is_caught():
    """With ones for the upstream gradient batch norm's dx is zero whatever it forgets; here it is not."""

    def without_the_mean_branch(dout, x, gamma, beta, eps=1e-5):
        xhat, dxhat = batchnorm(x, gamma, beta, eps)[1][2], dout * gamma
        dx = (dxhat - xhat * (dxhat * xhat).mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
        return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)

    forward, _, inputs = PROBLEMS["batch norm"]

    assert not gradcheck(forward, without_the_mean_branch, inputs)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "backward returned None, expected 2: x, w. Next: return one for each"),
        ((np.ones(3),), "backward returned 1 gradients, expected 2"),
        ((np.ones(3), None), "gradient of w is None, expected shape"),
        ((np.ones((3, 1)), np.ones(3)), r"gradient of x has shape \(3, 1\), expected \(3,\)"),
        ((np.ones(3), np.array([1.0, np.nan, 0.0])), "gradient of w has NaN or infinity. Next: look for"),
        ({"x": np.ones(3)}, "gradient of w is None"),
    ],
)
def test_what_cannot_be_compared_is_explained(returned, message):
    """None, NaN, a wrong shape or number of gradients: the message says what came, what was expected, what to do."""
    with pytest.raises(ValueError, match=message):
        gradcheck(lambda x, w: x * w, lambda dout, x, w: returned, dict(x=np.ones(3), w=np.ones(3)))


def changes_x(*arguments, x):
    x += 1.0
    return arguments[0] * np.ones(3) if arguments else x.copy()


@pytest.mark.parametrize(
    ("forward", "backward", "message"),
    [
        (changes_x, lambda dout, x: dout, "forward changed its argument x. Next: work on a copy"),
        (lambda x: x * 1, changes_x, "backward changed its argument x"),
        (lambda x: x * 1, lambda dout, x: np.multiply(dout, 2, out=dout), "backward changed its argument dout"),
        (lambda x: None, lambda dout, x: dout, "forward returned None, NaN or infinity"),
        (lambda x: x / 0 * np.nan, lambda dout, x: dout, "forward returned None, NaN or infinity"),
        (lambda x: x + np.random.default_rng().random(), lambda dout, x: dout, "two answers for the same inputs"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_unruly_functions_are_named(forward, backward, message):
    """A function that changes its arguments, fails to be finite or is random is told so by name."""
    x = np.arange(3.0)
    with pytest.raises(ValueError, match=message):
        gradcheck(forward, backward, {"x": x})

    assert [0.0, 1.0, 2.0] == x.tolist()


@pytest.mark.parametrize("wrt", ["k", ["x", "y"], []])
def test_an_impossible_wrt_is_refused(wrt):
    """`wrt` may name float arrays of the inputs only."""
    with pytest.raises(ValueError, match="the inputs that are arrays of floats are"):
        gradcheck(lambda x, k: x * k, lambda dout, x, k: dout * k, dict(x=np.ones(2), k=2), wrt=wrt)


def test_what_backward_raises_is_not_swallowed():
    """An exercise that is not attempted stays a NotImplementedError."""

    def blank(dout, x):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        gradcheck(lambda x: np.sin(x), blank, {"x": np.ones(2)})


@pytest.mark.parametrize(("method", "h", "rtol"), [("central", 1e-5, 1e-8), ("complex", 1e-20, 1e-14)])
def test_numeric_gradient_is_exact_to_its_order(method, h, rtol):
    """Central differences reach about 1e-10, the complex step machine precision; x stays as it was."""
    x = np.random.default_rng(0).standard_normal((2, 3))
    before = x.copy()
    gradient = numeric_gradient(lambda x: np.sum(np.exp(x) * np.sin(x)), x, h, method)

    np.testing.assert_allclose(gradient, np.exp(x) * (np.sin(x) + np.cos(x)), rtol=rtol)
    assert np.array_equal(before, x)


@pytest.mark.parametrize("x", [2.0, np.array(2), [2.0], np.zeros((0, 3))])
def test_numeric_gradient_keeps_the_shape(x):
    """The gradient is float64 and has the shape of x, be it a number, a list or empty."""
    gradient = numeric_gradient(lambda x: np.sum(x**2), x)

    assert (np.shape(x), np.float64) == (gradient.shape, gradient.dtype)
    np.testing.assert_allclose(gradient, 2 * np.asarray(x), rtol=1e-8)


def test_numeric_gradient_refuses_what_it_cannot_do():
    """A vector, a real answer to a complex question and an unknown method are refused with the reason."""
    with pytest.raises(ValueError, match=r"must return one number, but returned shape \(2,\)"):
        numeric_gradient(np.sin, np.ones(2))
    with pytest.raises(ValueError, match='real number for complex x; use "central"'):
        numeric_gradient(lambda x: np.sum(np.abs(x)), np.ones(2), 1e-20, "complex")
    with pytest.raises(ValueError, match="not 'forward'"):
        numeric_gradient(np.sum, np.ones(2), method="forward")


@each_problem
def test_the_error_has_its_u_shape(name):
    """From the best step on, the error falls as h² on the right and rises as 1/h on the left."""
    steps, errors = error_against_step(*PROBLEMS[name], steps=np.geomspace(1e-2, 1e-11, 28))
    best = steps[np.argmin(errors)]

    assert 1e-7 < best < 1e-3
    assert 1.7 < np.polyfit(np.log(steps[:7]), np.log(errors[:7]), 1)[0] < 2.3
    assert -1.4 < np.polyfit(np.log(steps[-13:]), np.log(errors[-13:]), 1)[0] < -0.6


def test_a_wrong_gradient_has_no_u():
    """However small the step, a wrong gradient's error stays where it is."""
    forward, backward, inputs = PROBLEMS["tanh"]
    _, errors = error_against_step(forward, spoiled(backward, 2, 1.1), inputs, steps=[1e-3, 1e-5, 1e-7], wrt=None)

    assert np.ptp(errors) < 0.01 * errors.min()


def test_the_report_draws_itself():
    """`plot` draws errors, both guides and the best step, on given axes too."""
    import matplotlib.pyplot as plt

    report = gradcheck(*PROBLEMS["cross entropy"])
    ax = report.plot()
    other = plt.figure().add_subplot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]

    assert ["log", "log"] == [ax.get_xscale(), ax.get_yscale()]
    assert ["central differences", "truncation, ∝ h²", "rounding, ∝ 1/h", "eps$^{1/3}$, the best h in theory"] == labels
    assert report.plot(other) is other
    plt.close("all")


def test_the_html_is_safe_and_themeless():
    """The report in HTML escapes what it quotes and sets neither a background nor a text colour of its own."""
    page = gradcheck(
        lambda **x: x["a<b"] ** 2, lambda dout, **x: dout * 2 * x["a<b"], {"a<b": np.ones(2)}
    )._repr_html_()

    assert "a&lt;b" in page
    assert "a<b" not in page
    assert page.count("✓") == 2
    assert "background" not in page
