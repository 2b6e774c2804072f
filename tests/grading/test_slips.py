"""Slips that no exercise lists are named in any of them, and never where they do not explain every case."""

import numpy as np
import pytest

from utils.authoring import proof
from utils.grading import catalogue, judge, parts, report, run


def iou(a, b):
    inter = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    inter = inter.prod(2)
    size = lambda boxes: (boxes[:, 2:] - boxes[:, :2]).prod(1)  # noqa: E731
    union = size(a)[:, None] + size(b)[None] - inter
    return np.divide(inter, union, out=np.zeros_like(union), where=union > 0)


def gradient(theta, X, y):
    return X.T @ (X @ theta - y) / len(y)


def batchnorm(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta, None


def layernorm(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) + beta


def cross_entropy(logits, labels):
    rows, shifted = np.arange(len(labels)), logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    grad = np.exp(log_p)
    grad[rows, labels] -= 1
    return -log_p[rows, labels].mean(), grad / len(labels)


def softmax(logits):
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def momentum(theta, grad, velocity, lr, momentum=0.9):
    velocity = momentum * velocity + lr * grad
    return theta - velocity, velocity


def squared(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + eps) ** 2 + beta


def floored(logits, labels):
    p = softmax(logits)[np.arange(len(labels)), labels]
    return -np.mean(np.log(p + 1e-8)), cross_entropy(logits, labels)[1]


def right(name):
    """A listed right answer, whatever it is called."""
    return catalogue.exercise(name).accepts[0]


def named(function, name):
    function.__name__ = name
    return judge.check(function)


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [
        ("least_squares_gradient", lambda *a: np.round(gradient(*a), 3), "gradient is rounded to 3 decimals"),
        ("softmax", lambda *a: np.round(softmax(*a), 6), "rounded to 6 decimals"),
        ("softmax", lambda *a: softmax(*a).astype(np.float16), "float16"),
        ("layernorm_forward", lambda x, *a: layernorm(x.astype(np.float32), *a), "float32"),
        ("iou_matrix", lambda a, b: iou(a, b)[::-1], "flipped along axis -2"),
        ("softmax", lambda z: softmax(z)[:, ::-1], "flipped along axis -1"),
        ("least_squares_gradient", lambda *a: gradient(*a)[None], "their shape is not: (1, 1) for (1,)"),
        ("least_squares_gradient", lambda *a: gradient(*a) + 0.25, "gradient is off by +0.25 everywhere"),
        ("softmax", lambda z: softmax(softmax(z)), "softmax is applied"),
        ("softmax", lambda z: np.log(softmax(z)), "logarithm of the right value"),
        ("softmax", lambda z: 1 - softmax(z), "1 minus the right value"),
        ("least_squares_gradient", lambda *a: np.abs(gradient(*a)), "absolute value"),
        ("least_squares_gradient", lambda *a: np.sort(gradient(*a)), "sorted"),
        ("momentum_step", lambda *a: momentum(*a)[::-1], "first"),
        ("softmax", lambda z: softmax(z).T, "probabilities is transposed"),
        ("grouped_conv2d", lambda *a: right("grouped_conv2d")(*a).transpose(1, 0, 2, 3), "(1, 0, 2, 3)"),
        ("dense_connections", lambda *a: right("dense_connections")(*a) + 1, "counted one too high"),
        ("block_parameters", lambda *a: right("block_parameters")(*a) - 1, "counted one too low"),
        ("iou_matrix", lambda *a: iou(*a).sum(0), "summed over axis 0"),
        ("iou_matrix", lambda *a: iou(*a).mean(), "averaged over all axes"),
        ("logistic_loss", lambda *a: right("logistic_loss")(*a) / np.log(2), "logarithm to base 2"),
        ("softmax", lambda z: 1 / (1 + np.exp(-softmax(z))), "a sigmoid is applied"),
        ("layernorm_forward", lambda x, g, b, e=1e-5: layernorm(x, g, b, e) + 0.5, "off by +0.5"),
        ("layernorm_forward", squared, "squared in place of the root"),
        ("cross_entropy", floored, "log(p + 1e-08)"),
    ],
)
def test_a_general_slip_is_named(name, function, words):
    """The same slips are found whatever the exercise."""
    verdict = named(function, name)

    assert report.WRONG == verdict.status
    assert words in verdict.mistake


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [
        ("batchnorm_forward", lambda x, g, b, eps=1e-5: batchnorm(x, g, b, 1e-5), "you do not use `eps`"),
        ("layernorm_forward", lambda x, g, b, eps=1e-5: layernorm(x, g, b, 1e-8), "you do not use `eps`"),
        ("momentum_step", lambda t, g, v, lr, m=0.9: momentum(t, g, v, 0.1, m), "`lr`"),
        ("layernorm_forward", lambda x, g, b, *e: layernorm(x, b, g, *e), "exchanged"),
    ],
)
def test_an_argument_that_is_ignored_or_exchanged_is_named(name, function, words):
    """An argument held at one value is told, for every exercise that has a right answer to compare with."""
    assert words in (named(function, name).mistake or "")


@pytest.mark.parametrize(
    "function",
    [
        lambda *a: gradient(*a) * (1 + np.arange(len(a[0]))),
        lambda theta, X, y: gradient(theta, X, y) + 0.1 * theta,
        lambda theta, X, y: gradient(theta, X, y) if len(y) == 2 else np.round(gradient(theta, X, y) * 1.01, 3),
    ],
)
def test_nothing_is_named_that_does_not_explain_every_case(function):
    """A formula of one's own gets no name."""
    assert named(function, "least_squares_gradient").mistake is None


def test_one_wrong_number_is_no_evidence():
    """A single number can be explained by anything, so nothing is said."""
    exercise = catalogue.exercise("max_stable_lr")
    refs = proof.references(exercise)[:1]
    outcomes = run.outcomes(lambda X: 0.5 + 2 / np.linalg.eigvalsh(X.T @ X / len(X))[-1], exercise, [refs[0].inputs])

    assert judge.judge(exercise, outcomes, refs).mistake is None


def test_two_slips_in_two_values_are_both_named():
    """A listed mistake in the loss and another in the gradient are told together."""

    def answer(logits, labels):
        loss, grad = cross_entropy(logits, labels)
        return loss / np.log(2), -grad

    words = named(answer, "cross_entropy").mistake

    assert words.startswith("two slips: ")
    assert "(in loss)" in words
    assert "(in grad)" in words


PAIRS = [
    ("batchnorm_forward", "unbiased variance (ddof=1)", "beta added before gamma"),
    ("decode_boxes", "centre, width, height", "the shift in pixels"),
    ("triplet_loss", "distances not squared", "mean over the active triplets"),
]


@pytest.mark.parametrize(("name", "one", "other"), PAIRS)
def test_two_listed_mistakes_are_both_named(name, one, other):
    """Put together from their parts, as a learner would make both, they are told by both names."""
    exercise = catalogue.exercise(name)
    listed = {mistake.name: mistake.wrong for mistake in exercise.mistakes}
    both = parts.together(listed[one], listed[other], parts.usual(listed.values()))
    words = named(lambda *args: both(*args), name).mistake

    assert words.startswith("two slips: ")
    assert one in words
    assert other in words


def test_two_slips_are_named_in_an_own_style():
    """The same in code that shares nothing with the lists."""

    def answer(x, gamma, beta, eps=1e-5):
        total = sum((row - x.mean(0)) ** 2 for row in x) / np.float64(len(x) - 1)
        return gamma * ((x - x.mean(0)) / (total + eps) ** 0.5 + beta), None

    assert (
        "two slips: unbiased variance (ddof=1); and beta added before gamma"
        == named(answer, "batchnorm_forward").mistake
    )


def test_two_of_the_same_part_are_no_pair():
    """Two mistakes in one place exclude each other."""
    listed = {mistake.name: mistake.wrong for mistake in catalogue.exercise("adagrad_step").mistakes}

    with pytest.raises(parts.ConflictError):
        parts.together(listed["eps inside the root"], listed["eps forgotten"], parts.usual(listed.values()))


def test_no_two_slips_are_named_for_a_formula_of_ones_own():
    """What no pair explains on every case gets none, also after the longer search."""

    def layernorm_forward(x, gamma, beta, eps=1e-5):
        return gamma * np.tanh(x - x.mean(-1, keepdims=True)) + beta

    assert named(layernorm_forward, "layernorm_forward").mistake is None
    assert judge.explain(layernorm_forward) is None


def output_size(n, kernel, stride=1, padding=0, dilation=1):
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def test_a_missing_guard_is_told_first():
    """An answer that is right wherever a value is asked for is told so before anything else; it stays wrong."""
    verdict = named(lambda *a: output_size(*a), "output_size")

    assert report.WRONG == verdict.status
    label, text = verdict.facts[0]
    assert "Values" == label
    assert text.startswith("right in all")
    assert "exception" in text


def test_a_missing_guard_beside_a_slip_is_told_too():
    """With the guard missing and a listed mistake, both are named."""
    verdict = named(lambda *a: output_size(*a) - 1, "output_size")

    assert "ValueError is not raised" in verdict.mistake


def test_an_answer_that_changes_its_arguments_is_judged_on_copies():
    """The values are right, but it writes into what it was given: both are said."""

    def answer(x, gamma, beta, eps=1e-5):
        x -= x.mean(0)
        x /= np.sqrt(x.var(0) + eps)
        x *= gamma
        x += beta
        return x, None

    verdict = named(answer, "batchnorm_forward")

    assert report.WRONG == verdict.status
    assert verdict.facts[0][0] == "Values"
    assert verdict.facts[0][1].endswith("but the answer writes into its arguments")


def test_a_slip_of_pythons_is_no_listed_mistake():
    """An AttributeError or a TypeError in all cases is never called by a mistake's name."""
    for name in ("fold_batchnorm", "cross_entropy", "giou_loss"):
        for error in (AttributeError("'types.SimpleNamespace' object has no attribute 'new_bias'"), TypeError("x()")):

            def answer(*_, error=error):
                raise error

            assert named(answer, name).mistake is None


def test_the_arguments_of_the_case_come_with_the_verdict():
    """`report.inputs` reproduces the case, and is the learner's own copy."""
    verdict = named(lambda x, g, b, eps=1e-5: batchnorm(x, b, g, eps), "batchnorm_forward")

    assert {"x", "gamma", "beta"} <= verdict.inputs.keys()
    verdict.inputs["x"][...] = 0
    assert named(lambda x, g, b, eps=1e-5: batchnorm(x, g, b, eps), "batchnorm_forward")


def test_large_cases_are_not_for_paper():
    """What is shown as a span of numbers is not called a small case."""

    def answer(x, gamma, beta, eps=1e-5):
        out, _ = batchnorm(x, gamma, beta, eps)
        return out + (0.01 * np.sin(out) if x.size > 30 else 0), None

    assert "on paper" not in named(answer, "batchnorm_forward").advice
