"""03 · Batch size: counting iterations, the variance of the mini-batch gradient, and linear scaling with warm-up.

Oracles: counting batches of torch's DataLoader, the variance over all possible batches, torch's schedulers.
"""

import itertools
import math

import numpy as np

from utils.grading.spec import Case, Exercise, Mistake, Question


def _oracle_iterations(n, batch_size, drop_last=False):
    from torch.utils.data import BatchSampler

    return len(BatchSampler(range(n), batch_size, drop_last))


ITERATIONS_MISTAKES = {
    "floor for ceil": ("The short last batch is a step too: round up, unless drop_last.", lambda n, b, drop_last=False: n // b),
    "ceil although the last batch is dropped": ("With drop_last the short batch does not count: round down.", lambda n, b, drop_last=False: -(-n // b)),
    "drop_last the other way round": ("drop_last=True rounds down, False rounds up.", lambda n, b, drop_last=False: -(-n // b) if drop_last else n // b),
    "always one more": ("Only a remainder makes one more batch.", lambda n, b, drop_last=False: n // b + (0 if drop_last else 1)),
    "rounded to the nearest": ("Any remainder is a batch of its own: round up.", lambda n, b, drop_last=False: n // b if drop_last else round(n / b)),
    "a float": ("A number of steps is an int.", lambda n, b, drop_last=False: float(n // b if drop_last else -(-n // b))),
    "the exact ratio": ("A number of steps is an int: round up, or down with drop_last.", lambda n, b, drop_last=False: n / b),
    "batches of n samples": ("n samples in batches of batch_size: n / batch_size.", lambda n, b, drop_last=False: b // n if drop_last else -(-b // n)),
    "the samples seen": ("Count the batches, not the samples in them.", lambda n, b, drop_last=False: n - n % b if drop_last else n),
}  # fmt: skip

ITERATIONS = Exercise(
    name="iterations_per_epoch",
    returns=("iterations",),
    oracle=_oracle_iterations,
    cases=(
        Case("300 000 samples, batch 100", lambda rng: dict(n=300_000, batch_size=100)),
        Case("10 samples, batch 3", lambda rng: dict(n=10, batch_size=3)),
        Case("10 samples, batch 3, the last one dropped", lambda rng: dict(n=10, batch_size=3, drop_last=True)),
        Case("11 samples, batch 4", lambda rng: dict(n=11, batch_size=4)),
        Case("9 samples, batch 3, the last one dropped", lambda rng: dict(n=9, batch_size=3, drop_last=True)),
        Case("fewer samples than a batch", lambda rng: dict(n=5, batch_size=32)),
        Case("fewer samples than a batch, dropped", lambda rng: dict(n=5, batch_size=32, drop_last=True)),
        Case("batch of one", lambda rng: dict(n=7, batch_size=1)),
        Case("one batch", lambda rng: dict(n=64, batch_size=64)),
        Case("one sample more than a batch of a million", lambda rng: dict(n=1_000_001, batch_size=1_000_000)),
        Case("one sample more than two batches of 5000", lambda rng: dict(n=10_001, batch_size=5_000)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in ITERATIONS_MISTAKES.items()),
    accepts=(
        lambda n, b, drop_last=False: n // b if drop_last else math.ceil(n / b),
        lambda n, b, drop_last=False: len(range(0, n - b + 1 if drop_last else n, b)),
        lambda n, b, drop_last=False: np.int64((n - n % b) // b + (not drop_last and n % b > 0)),
    ),
    verified="equal to the number of batches that torch's sampler makes, with and without the last one",
)  # fmt: skip


def _oracle_variance(per_sample_grads, batch_size, replace=True):
    """The trace of the covariance of the batch mean, by going through every batch that can be drawn."""
    rows = range(len(per_sample_grads))
    batches = itertools.product(rows, repeat=batch_size) if replace else itertools.combinations(rows, batch_size)
    means = np.array([per_sample_grads[list(batch)].mean(axis=0) for batch in batches])
    return float(((means - means.mean(axis=0)) ** 2).sum(axis=1).mean())


def _variance(
    spread=lambda g: g.var(axis=0).sum(), factor=lambda n, b: (n - b) / (n - 1) if n > 1 else 0.0, by=lambda b: b
):
    def variance(per_sample_grads, batch_size, replace=True):
        n = len(per_sample_grads)
        return float(spread(per_sample_grads) / by(batch_size) * (1.0 if replace else factor(n, batch_size)))

    return variance


VARIANCE_MISTAKES = {
    "1/√B": ("The variance of a mean of B falls like 1/B; its standard deviation like 1/√B.", _variance(by=np.sqrt)),
    "ddof=1": ("The samples at hand are the whole population here: divide by n.", _variance(lambda g: g.var(axis=0, ddof=1).sum() if len(g) > 1 else 0.0)),
    "no finite-population factor": ("Without replacement multiply by (n − B)/(n − 1): a full batch has no variance.", _variance(factor=lambda n, b: 1.0)),
    "finite-population factor (n − B)/n": ("The factor is (n − B)/(n − 1).", _variance(factor=lambda n, b: (n - b) / n)),
    "finite-population factor under a root": ("The root belongs to the standard deviation.", _variance(factor=lambda n, b: np.sqrt((n - b) / max(n - 1, 1)))),
    "finite-population factor in both cases": ("With replacement the draws are independent: no factor.", lambda g, b, replace=True: _variance()(g, b, False)),
    "replace the other way round": ("The factor belongs to drawing without replacement.", lambda g, b, replace=True: _variance()(g, b, not replace)),
    "variance of the sum": ("Of the mean: divide by B, do not multiply.", _variance(by=lambda b: 1 / b)),
    "not divided by B": ("Averaging B independent draws divides the variance by B.", _variance(by=lambda b: 1)),
    "divided by B²": ("Var(mean) = Var/B.", _variance(by=lambda b: b**2)),
    "mean over the coordinates, not their sum": ("The trace is the sum of the variances of all coordinates.", _variance(lambda g: g.var(axis=0).mean())),
    "variance over all entries": ("Take the variance of each coordinate over the samples, then add them up.", _variance(lambda g: g.var() * g.shape[1])),
    "variance over the wrong axis": ("Rows are samples: reduce over axis 0.", _variance(lambda g: g.var(axis=1).sum())),
    "standard deviations added": ("Add variances, not standard deviations.", _variance(lambda g: g.std(axis=0).sum())),
    "not centred (mean of the squares)": ("Subtract the mean gradient before squaring.", _variance(lambda g: (g**2).mean(axis=0).sum())),
    "standard deviation returned": ("The variance is asked for.", lambda g, b, replace=True: float(np.sqrt(_variance()(g, b, replace)))),
}  # fmt: skip

VARIANCE = Exercise(
    name="minibatch_gradient_variance",
    returns=("variance",),
    oracle=_oracle_variance,
    cases=(
        Case("two samples, batch 1", lambda rng: dict(per_sample_grads=np.array([[0.0], [2.0]]), batch_size=1)),
        Case("three samples, batch 2", lambda rng: dict(per_sample_grads=np.array([[0.0, 1.0], [3.0, 1.0], [6.0, 4.0]]), batch_size=2)),
        Case("the same without replacement", lambda rng: dict(per_sample_grads=np.array([[0.0, 1.0], [3.0, 1.0], [6.0, 4.0]]), batch_size=2, replace=False)),
        Case("six samples, three coordinates", lambda rng: dict(per_sample_grads=1 + rng.normal(size=(6, 3)), batch_size=4)),
        Case("six samples without replacement", lambda rng: dict(per_sample_grads=1 + rng.normal(size=(6, 3)), batch_size=3, replace=False)),
        Case("the full batch without replacement", lambda rng: dict(per_sample_grads=rng.normal(size=(5, 2)), batch_size=5, replace=False)),
        Case("as many samples as coordinates", lambda rng: dict(per_sample_grads=rng.normal(size=(4, 4)), batch_size=3)),
        Case("equal gradients", lambda rng: dict(per_sample_grads=np.full((4, 2), 7.0), batch_size=2)),
        Case("large gradients", lambda rng: dict(per_sample_grads=1e3 * rng.normal(size=(5, 2)), batch_size=2, replace=False)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in VARIANCE_MISTAKES.items()),
    accepts=(
        _variance(),
        lambda g, b, replace=True: np.trace(np.atleast_2d(np.cov(g.T, bias=True))) / b * (1 if replace else (len(g) - b) / (len(g) - 1)),
        lambda g, b, replace=True: sum(float(np.mean((c - np.mean(c)) ** 2)) for c in g.T) / b * (1 if replace else (len(g) - b) / (len(g) - 1)),
        lambda g, b, replace=True: _oracle_variance(g, b, replace),
    ),
    verified="equal to the variance over every batch that can be drawn, with and without replacement",
)  # fmt: skip


def _oracle_lr(step, base_lr, base_batch, batch_size, warmup_steps):
    """torch's LambdaLR, stepped to the step asked for."""
    import torch

    peak = torch.tensor(base_lr, dtype=torch.float64) * batch_size / base_batch
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=float(peak))
    ramp = torch.optim.lr_scheduler.LambdaLR(sgd, lambda k: min(1.0, (k + 1) / warmup_steps) if warmup_steps else 1.0)
    for _ in range(step):
        sgd.step()
        ramp.step()
    return float(ramp.get_last_lr()[0])


def _lr(scale=lambda b, b0: b / b0, ramp=lambda k, w: min(1.0, (k + 1) / w) if w else 1.0):
    return lambda step, base_lr, base_batch, batch_size, warmup_steps: (
        base_lr * scale(batch_size, base_batch) * ramp(step, warmup_steps)
    )


LR_MISTAKES = {
    "square-root scaling": ("The linear rule multiplies by batch_size / base_batch, not by its root.", _lr(lambda b, b0: (b / b0) ** 0.5)),
    "no scaling": ("The peak is base_lr · batch_size / base_batch.", _lr(lambda b, b0: 1.0)),
    "scaled the wrong way": ("A larger batch takes a larger rate: batch_size / base_batch.", _lr(lambda b, b0: b0 / b)),
    "off-by-one warm-up (step 0 gives 0)": ("Step 0 already learns: (step + 1) / warmup_steps.", _lr(ramp=lambda k, w: min(1.0, k / w) if w else 1.0)),
    "off-by-one warm-up (one step too long)": ("Step warmup_steps − 1 reaches the peak: (step + 1) / warmup_steps.", _lr(ramp=lambda k, w: min(1.0, (k + 1) / (w + 1)) if w else 1.0)),
    "warm-up not stopped": ("After the warm-up the rate stays at the peak.", _lr(ramp=lambda k, w: (k + 1) / w if w else 1.0)),
    "no warm-up": ("For the first warmup_steps steps the rate climbs from peak/warmup_steps.", _lr(ramp=lambda k, w: 1.0)),
    "zero during the warm-up": ("The rate climbs linearly; it is not switched on at the end.", _lr(ramp=lambda k, w: 1.0 if not w or k >= w - 1 else 0.0)),
    "divides by zero without warm-up": ("warmup_steps = 0 means no warm-up: the peak at once.", _lr(ramp=lambda k, w: min(1.0, (k + 1) / w))),
    "zero without warm-up": ("warmup_steps = 0 means no warm-up: the peak at once.", _lr(ramp=lambda k, w: min(1.0, (k + 1) / w) if w else 0.0)),
    "ramp from base_lr (Goyal's)": ("Here the ramp starts from zero; Goyal et al. start from base_lr.", lambda k, lr, b0, b, w: lr * (1 + (b / b0 - 1) * (min(1.0, (k + 1) / w) if w else 1.0))),
    "decays after the warm-up": ("After the warm-up the rate stays at the peak.", _lr(ramp=lambda k, w: min((k + 1) / w, (w / (k + 1)) ** 0.5) if w else 1.0)),
    "batch size with whole numbers only": ("batch_size / base_batch is a ratio of numbers: use /, not //.", _lr(lambda b, b0: b // b0)),
}  # fmt: skip

SCALED = Exercise(
    name="scaled_lr",
    returns=("lr",),
    oracle=_oracle_lr,
    cases=(
        Case("after the warm-up", lambda rng: dict(step=10, base_lr=0.1, base_batch=256, batch_size=1024, warmup_steps=5)),
        Case("step 0 of 4", lambda rng: dict(step=0, base_lr=0.1, base_batch=256, batch_size=512, warmup_steps=4)),
        Case("step 1 of 4", lambda rng: dict(step=1, base_lr=0.1, base_batch=256, batch_size=512, warmup_steps=4)),
        Case("step 3 of 4, the peak", lambda rng: dict(step=3, base_lr=0.1, base_batch=256, batch_size=512, warmup_steps=4)),
        Case("step 4 of 4", lambda rng: dict(step=4, base_lr=0.1, base_batch=256, batch_size=512, warmup_steps=4)),
        Case("no warm-up, step 0", lambda rng: dict(step=0, base_lr=0.2, base_batch=32, batch_size=128, warmup_steps=0)),
        Case("no warm-up, later", lambda rng: dict(step=7, base_lr=0.2, base_batch=32, batch_size=128, warmup_steps=0)),
        Case("a smaller batch", lambda rng: dict(step=50, base_lr=0.4, base_batch=100, batch_size=25, warmup_steps=10)),
        Case("half as much again", lambda rng: dict(step=2, base_lr=0.4, base_batch=100, batch_size=150, warmup_steps=8)),
        Case("a warm-up of one step", lambda rng: dict(step=0, base_lr=0.3, base_batch=64, batch_size=128, warmup_steps=1)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in LR_MISTAKES.items()),
    accepts=(
        _lr(),
        lambda k, lr, b0, b, w: lr * b / b0 if k >= w else lr * b / b0 * (k + 1) / w,
        lambda k, lr, b0, b, w: np.float64(np.interp(k + 1, [0, max(w, 1)], [0.0 if w else lr * b / b0, lr * b / b0])),
    ),
    verified="equal to torch's LambdaLR at every step tried, with and without warm-up",
)  # fmt: skip

QUESTION = Question(chapter=1, minutes=40, exercises=(ITERATIONS, VARIANCE, SCALED))
