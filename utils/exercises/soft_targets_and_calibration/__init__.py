"""50 · Soft targets and calibration: Szegedy et al. 2016 (§7), Hinton et al. 2015, Guo et al. 2017. Oracle: torch, SciPy."""

import numpy as np

from utils.exercises.soft_targets_and_calibration import mistaken_fits, mistakes, oracle, styles
from utils.grading.spec import Case, Exercise, Question


def _labelled(rng, n, k, scale=1.5, **more):
    return dict(logits=rng.normal(0.5, scale, (n, k)), labels=rng.integers(0, k, n)) | more


_HUGE = np.array([[1e4, 1e4 - 1, 0, -1e4], [0, -1e4, 1e4, 2.0]])

SMOOTHING = Exercise(
    name="smoothed_cross_entropy",
    returns=("loss", "grad"),
    oracle=oracle.smoothed_cross_entropy,
    cases=(
        Case("one sample, two classes, smoothing 0.2", lambda rng: dict(
            logits=np.array([[0.0, 0.0]]), labels=np.array([0]), smoothing=0.2)),
        Case("three classes, the default smoothing", lambda rng: _labelled(rng, 4, 3)),
        Case("smoothing 0 is cross-entropy", lambda rng: _labelled(rng, 3, 5, smoothing=0.0)),
        Case("smoothing 1: the labels do not matter", lambda rng: _labelled(rng, 3, 4, smoothing=1.0)),
        Case("as many samples as classes", lambda rng: _labelled(rng, 4, 4, smoothing=0.3)),
        Case("32 samples, ten classes", lambda rng: _labelled(rng, 32, 10, smoothing=0.05)),
        Case("the last class does not occur", lambda rng: _labelled(rng, 5, 6) | dict(labels=np.array([0, 2, 1, 1, 3]))),
        Case("logits of ±1e4", lambda rng: dict(logits=_HUGE.copy(), labels=np.array([0, 1]))),
    ),
    mistakes=mistakes.SMOOTHING,
    accepts=(styles.smoothing_loops, styles.smoothing_two_losses, lambda z, y, s=0.1: oracle.smoothed_cross_entropy(z.copy(), y.copy(), s)),
    verified="loss and gradient equal to torch's cross_entropy with label_smoothing in float64, smoothing 0 and 1 included",
)  # fmt: skip


def _two(rng, n, k, scale=1.5, **more):
    return dict(student=rng.normal(0, scale, (n, k)), teacher=rng.normal(0, scale, (n, k))) | more


def _agreeing(rng):
    logits = rng.normal(0, 2, (3, 4))
    return dict(student=logits, teacher=logits + 5.0, temperature=3.0)


DISTILLATION = Exercise(
    name="distillation_loss",
    returns=("loss", "grad"),
    oracle=oracle.distillation_loss,
    cases=(
        Case("one sample, two classes, T = 1", lambda rng: dict(
            student=np.array([[0.0, 0.0]]), teacher=np.array([[1.0, 0.0]]), temperature=1.0)),
        Case("three classes, the default T", lambda rng: _two(rng, 4, 3)),
        Case("T = 4", lambda rng: _two(rng, 5, 3, temperature=4.0)),
        Case("T = 0.5, as many samples as classes", lambda rng: _two(rng, 4, 4, temperature=0.5)),
        Case("student and teacher agree", _agreeing),
        Case("sixteen samples, ten classes", lambda rng: _two(rng, 16, 10, 4.0, temperature=3.0)),
        Case("logits of ±1e4", lambda rng: dict(
            student=_HUGE[::-1].copy(), teacher=_HUGE.copy(), temperature=2.0)),
    ),
    mistakes=mistakes.DISTILLATION,
    accepts=(styles.distillation_loops, styles.distillation_entropies, lambda s, t, T=2.0: oracle.distillation_loss(s.copy(), t.copy(), T)),
    verified="loss and gradient equal to torch's kl_div and autograd in float64, at T of 0.5 to 4 and for logits of ±1e4",
)  # fmt: skip


def _sure(rng, n, k, low=0.3, **more):
    """Confidences between `low` and 1, right about as often as 0.7; the rest of each row in nearly equal parts."""
    confidence = rng.uniform(low, 1, n)
    rest = rng.uniform(0.8, 1.2, (n, k - 1))
    total = rest[:, 0].copy()
    for column in rest.T[1:]:
        total = total + column
    probs = np.empty((n, k))
    top = rng.integers(0, k, n)
    for i in range(n):
        probs[i] = np.insert(rest[i] / total[i] * (1 - confidence[i]), top[i], confidence[i])
    labels = np.where(rng.random(n) < 0.7, top, rng.integers(0, k, n))
    return dict(probs=probs, labels=labels) | more


def _on_edges():
    probs = np.array([[0.5, 0.25, 0.25], [0.75, 0.125, 0.125], [0.125, 0.125, 0.75], [0.0, 1.0, 0.0], [0.5, 0.375, 0.125],
                      [0.0625, 0.9375, 0.0], [0.625, 0.25, 0.125], [0.25, 0.0625, 0.6875]])  # fmt: skip
    return dict(probs=probs, labels=np.array([0, 1, 2, 1, 0, 1, 2, 0]), bins=4)


ECE = Exercise(
    name="expected_calibration_error",
    returns=("error",),
    oracle=oracle.expected_calibration_error,
    cases=(
        Case("two samples, one right", lambda rng: dict(
            probs=np.array([[0.9, 0.1], [0.2, 0.8]]), labels=np.array([0, 0]), bins=5)),
        Case("confidences on the edges of four bins", lambda rng: _on_edges()),
        Case("300 samples, the default bins", lambda rng: _sure(rng, 300, 4)),
        Case("ten bins, many of them empty", lambda rng: _sure(rng, 12, 3, 0.45, bins=10)),
        Case("as many samples as classes", lambda rng: _sure(rng, 5, 5, bins=7)),
        Case("one bin", lambda rng: _sure(rng, 40, 3, 0.5, bins=1)),
        Case("sure and right", lambda rng: dict(probs=np.eye(3)[[0, 2, 1, 1]], labels=np.array([0, 2, 1, 1]))),
        Case("sure and wrong", lambda rng: dict(probs=np.eye(3)[[0, 2, 1]], labels=np.array([1, 1, 0]), bins=3)),
    ),
    mistakes=mistaken_fits.CALIBRATION,
    accepts=(styles.calibration_loops, styles.calibration_sums, styles.calibration_torch),
    verified="equal to bins by torch.bucketize, confidences on the edges, empty bins and a confidence of 1 included",
)  # fmt: skip


def _noisy(rng, n, k, factor):
    """Logits that know the label in part, times a factor."""
    labels = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), labels] += 1.0
    return dict(logits=factor * logits, labels=labels)


def _shifted(inputs):
    return inputs | dict(logits=inputs["logits"] + 300.0)


TEMPERATURE = Exercise(
    name="fit_temperature",
    returns=("T",),
    oracle=oracle.fit_temperature,
    rtol=1e-4,  # what the contract asks for
    cases=(
        Case("three samples, two classes", lambda rng: dict(
            logits=np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), labels=np.array([0, 0, 1]))),
        Case("too confident: logits times 4", lambda rng: _noisy(rng, 30, 4, 4.0)),
        Case("too modest: logits times 0.2", lambda rng: _noisy(rng, 40, 3, 0.2)),
        Case("as many samples as classes", lambda rng: dict(
            logits=np.array([[3.0, 1, 0], [0, 2, 1], [2, 0, 1]]), labels=np.array([0, 1, 2]))),
        Case("logits of hundreds", lambda rng: _noisy(rng, 40, 4, 250.0)),
        Case("logits of thousandths", lambda rng: _noisy(rng, 30, 3, 0.002)),
        Case("a constant added to each row", lambda rng: _shifted(_noisy(rng, 25, 4, 2.0))),
    ),
    mistakes=mistaken_fits.TEMPERATURE,
    accepts=(mistaken_fits.temperature, styles.temperature_golden, styles.temperature_newton, styles.temperature_scipy),
    verified="the zero of the slope to 1e-4 of itself, for logits from thousandths to hundreds",
)  # fmt: skip


QUESTION = Question(
    chapter=6, minutes=42, exercises=(SMOOTHING, DISTILLATION, ECE, TEMPERATURE), versions=("numpy", "torch", "scipy")
)
