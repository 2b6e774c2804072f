"""Cosine annealing (Loshchilov & Hutter 2017) with warm-up, and plateau decay. Oracles: torch's schedulers."""

import math

import numpy as np

from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise, Mistake


def _scheduler(kind, lr, **settings):
    import torch

    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    return sgd.param_groups[0], getattr(torch.optim.lr_scheduler, kind)(sgd, **settings)


def _cosine_oracle(step, base_lr, total_steps, warmup_steps=0, min_lr=0.0):
    """torch's LinearLR from base/warmup to base, then its CosineAnnealingLR, stepped one by one."""
    if step >= total_steps:
        return float(min_lr)
    if step < warmup_steps:
        group, schedule = _scheduler(
            "LinearLR", base_lr, start_factor=1 / warmup_steps, total_iters=max(warmup_steps - 1, 1)
        )
    else:
        group, schedule = _scheduler("CosineAnnealingLR", base_lr, T_max=total_steps - warmup_steps, eta_min=min_lr)
    schedule.optimizer.step()
    for _ in range(step if step < warmup_steps else step - warmup_steps):
        schedule.step()
    return float(group["lr"])


_cosine = by_rules(
    ("step", "base", "total", "warmup", "low"),
    dict(
        ramp=lambda s: s.base * (s.step + 1) / s.warmup if s.warmup else s.base,
        share=lambda s: (s.step - s.warmup) / (s.total - s.warmup),
        wave=lambda s: 0.5 * (1 + math.cos(math.pi * s.share)),
        fall=lambda s: s.low + (s.base - s.low) * s.wave,
        after=lambda s: s.low,
        ramping=lambda s: s.step < s.warmup,
        returned=lambda s: s.ramp if s.ramping else s.after if s.step >= s.total else s.fall,
    ),
    warmup=0,
    low=0.0,
)

_RAMP = "Warm-up is base·(step + 1)/warmup: step 0 has a rate already, and step warmup − 1 has the full one."
_SPAN = "The cosine runs over what is left after warm-up: (step − warmup)/(total − warmup)."
_HALF = "½(1 + cos(π·share)) falls from 1 to 0; share runs from 0 to 1 once."
_LOW = "min + (base − min)·½(1 + cos …): the cosine falls from base to min_lr."
_AFTER = "From total_steps on the rate stays at min_lr: the cosine would rise again."


COSINE = Exercise(
    name="cosine_lr",
    returns=("lr",),
    oracle=_cosine_oracle,
    cases=(
        Case("the start, no warm-up", lambda rng: dict(step=0, base_lr=0.5, total_steps=10)),
        Case("half way, no warm-up", lambda rng: dict(step=5, base_lr=0.5, total_steps=10)),
        Case("the first step of a warm-up of 4", lambda rng: dict(step=0, base_lr=0.8, total_steps=20, warmup_steps=4)),
        Case("the second step of a warm-up of 4", lambda rng: dict(step=1, base_lr=0.8, total_steps=20, warmup_steps=4)),
        Case("the last step of the warm-up", lambda rng: dict(step=3, base_lr=0.8, total_steps=20, warmup_steps=4)),
        Case("the first step after the warm-up", lambda rng: dict(step=4, base_lr=0.8, total_steps=20, warmup_steps=4)),
        Case("the second step after the warm-up", lambda rng: dict(step=5, base_lr=0.8, total_steps=20, warmup_steps=4)),
        Case("half way after the warm-up, min_lr 0.1", lambda rng: dict(step=12, base_lr=0.9, total_steps=20, warmup_steps=4, min_lr=0.1)),
        Case("a quarter of the way, min_lr 0.1", lambda rng: dict(step=8, base_lr=0.9, total_steps=20, warmup_steps=4, min_lr=0.1)),
        Case("in the warm-up, min_lr 0.1", lambda rng: dict(step=2, base_lr=0.9, total_steps=20, warmup_steps=4, min_lr=0.1)),
        Case("the last step", lambda rng: dict(step=19, base_lr=0.9, total_steps=20, warmup_steps=4, min_lr=0.1)),
        Case("at total_steps", lambda rng: dict(step=20, base_lr=0.9, total_steps=20, warmup_steps=4, min_lr=0.1)),
        Case("long after total_steps", lambda rng: dict(step=33, base_lr=0.9, total_steps=20, warmup_steps=4, min_lr=0.1)),
        Case("after total_steps, all defaults", lambda rng: dict(step=15, base_lr=0.9, total_steps=10)),
        Case("a warm-up of one step", lambda rng: dict(step=0, base_lr=2.0, total_steps=3, warmup_steps=1)),
        Case("after a warm-up of one step", lambda rng: dict(step=2, base_lr=2.0, total_steps=3, warmup_steps=1)),
        Case("warm-up until the end", lambda rng: dict(step=8, base_lr=0.3, total_steps=9, warmup_steps=8)),
        Case("one step in all", lambda rng: dict(step=0, base_lr=0.3, total_steps=1)),
        Case("step 37 of 90", lambda rng: dict(step=37, base_lr=0.1, total_steps=90, warmup_steps=5, min_lr=1e-3)),
    ),
    mistakes=listed(
        _cosine,
        ("warm-up from 0 at step 0", _RAMP, dict(ramp=lambda s: s.base * s.step / s.warmup if s.warmup else s.base)),
        ("warm-up one step too long: (step + 1)/(warmup + 1)", _RAMP, dict(ramp=lambda s: s.base * (s.step + 1) / (s.warmup + 1))),
        ("warm-up from 0 to base within the warm-up: step/(warmup − 1)", _RAMP, dict(ramp=lambda s: s.base * s.step / max(s.warmup - 1, 1))),
        ("warm-up through step == warmup", _RAMP, dict(ramping=lambda s: s.step <= s.warmup and s.warmup > 0)),
        ("warm-up ignored", _RAMP, dict(warmup=lambda s: 0)),
        ("full rate during the warm-up", _RAMP, dict(ramp=lambda s: s.base)),
        ("the cosine scaled by the ramp", _RAMP, dict(
            ramp=lambda s: s.base * (s.step + 1) / s.warmup * 0.5 * (1 + math.cos(math.pi * s.step / s.total)) if s.warmup else s.base)),
        ("warm-up from min_lr", "The ramp starts at base/warmup, whatever min_lr is.", dict(
            ramp=lambda s: s.low + (s.base - s.low) * (s.step + 1) / s.warmup if s.warmup else s.base)),
        ("warm-up with min_lr added", "The ramp is base·(step + 1)/warmup, whatever min_lr is.", dict(
            ramp=lambda s: s.base * (s.step + 1) / s.warmup + s.low if s.warmup else s.base)),
        ("warm-up by a cosine", _RAMP, dict(ramp=lambda s: s.base * 0.5 * (1 - math.cos(math.pi * (s.step + 1) / s.warmup)) if s.warmup else s.base)),
        ("cosine over total", _SPAN, dict(share=lambda s: s.step / s.total)),
        ("cosine over total, from the end of the warm-up", _SPAN, dict(share=lambda s: (s.step - s.warmup) / s.total)),
        ("cosine to step total − 1", _SPAN + " min_lr is reached at total_steps.", dict(share=lambda s: (s.step - s.warmup) / max(s.total - s.warmup - 1, 1))),
        ("cosine one step ahead", _SPAN, dict(share=lambda s: (s.step - s.warmup + 1) / (s.total - s.warmup))),
        ("a whole wave, down and up", _HALF, dict(wave=lambda s: 0.5 * (1 + math.cos(2 * math.pi * s.share)))),
        ("a quarter wave, cos(π/2·share)", _HALF, dict(wave=lambda s: math.cos(0.5 * math.pi * s.share))),
        ("rising: 1 − cos", _HALF, dict(wave=lambda s: 0.5 * (1 - math.cos(math.pi * s.share)))),
        ("½ forgotten", _HALF, dict(wave=lambda s: 1 + math.cos(math.pi * s.share))),
        ("1 + forgotten", _HALF, dict(wave=lambda s: 0.5 * math.cos(math.pi * s.share))),
        ("π forgotten", _HALF, dict(wave=lambda s: 0.5 * (1 + math.cos(s.share)))),
        ("degrees", _HALF, dict(wave=lambda s: 0.5 * (1 + math.cos(math.radians(math.pi * s.share))))),
        ("linear, not cosine", _HALF, dict(wave=lambda s: 1 - s.share)),
        ("min_lr ignored", _LOW, dict(low=lambda s: 0.0)),
        ("min_lr added on top of base", _LOW, dict(fall=lambda s: s.low + s.base * s.wave)),
        ("min_lr as a floor (maximum)", _LOW, dict(fall=lambda s: max(s.low, s.base * s.wave))),
        ("min_lr forgotten in front", _LOW, dict(fall=lambda s: (s.base - s.low) * s.wave)),
        ("min_lr ignored from total_steps on", _AFTER, dict(after=lambda s: 0.0)),
        ("the cosine goes on after total_steps", _AFTER, dict(after=lambda s: s.fall)),
        ("base_lr after total_steps", _AFTER, dict(after=lambda s: s.base)),
        ("warm restarts", _AFTER + " Starting again is SGDR.", dict(share=lambda s: (s.step - s.warmup) % (s.total - s.warmup) / (s.total - s.warmup), after=lambda s: s.fall)),
        ("a factor, not a rate", "Return the rate itself: base times the factor.", dict(returned=lambda s: (s.ramp if s.ramping else s.after if s.step >= s.total else s.fall) / s.base)),
        ("min_lr = 1e-6 by default", "min_lr is 0 by default.", dict(new_defaults=dict(low=1e-6))),
        ("a warm-up of 10 by default", "There is no warm-up by default.", dict(new_defaults=dict(warmup=10))),
        ("warmup_steps and min_lr in the wrong order", "The order is (step, base_lr, total_steps, warmup_steps, min_lr).", dict(
            returned=lambda s: _cosine()(s.step, s.base, s.total, int(s.low), float(s.warmup)))),
    ),
    accepts=(
        _cosine(),
        _cosine(wave=lambda s: math.cos(0.5 * math.pi * s.share) ** 2, share=lambda s: min(max((s.step - s.warmup) / (s.total - s.warmup), 0.0), 1.0)),
        _cosine(returned=lambda s: np.float64(np.where(s.ramping, s.ramp, np.where(s.step >= s.total, s.after, s.fall)))),
        _cosine_oracle,
    ),
    verified="equal to torch's LinearLR and CosineAnnealingLR before, in and after the cosine",
)  # fmt: skip

# ---- plateau ------------------------------------------------------------------------------------------------------


def _plateau_oracle(losses, lr, factor=0.1, patience=10, threshold=1e-4):
    group, schedule = _scheduler("ReduceLROnPlateau", lr, factor=factor, patience=patience, threshold=threshold)
    rates = []
    for loss in losses.tolist():
        schedule.step(loss)
        rates.append(float(group["lr"]))
    return np.array(rates, dtype=float)


def _plateau(
    losses, lr, factor=0.1, patience=10, threshold=1e-4, *,
    better=lambda loss, best, t: loss < best * (1 - t),
    full=lambda bad, patience: bad > patience,
    start=np.inf, update=lambda loss, best, better: loss if better else best,
    improved=lambda bad: 0, after_cut=lambda bad: 0, best_after_cut=lambda best: best,
    cut=lambda lr, factor: lr * factor, eps=1e-8, cooldown=0, lag=False, counts=True,
):  # fmt: skip
    best, bad, cooling, rates = start, 0, 0, []
    for loss in losses:
        before, good = lr, bool(better(loss, best, threshold))
        best = update(loss, best, good)
        bad = improved(bad) if good else bad + 1
        if cooling:
            cooling, bad = cooling - 1, 0
        if full(bad, patience):
            new = cut(lr, factor)
            lr = new if lr - new > eps else lr
            bad, cooling, best = after_cut(bad), cooldown, best_after_cut(best)
        rates.append(before if lag else lr)
    return np.array(rates, dtype=float)


def _but(defaults=(0.1, 10, 1e-4), **changed):
    f, p, t = defaults
    return lambda losses, lr, factor=f, patience=p, threshold=t: _plateau(
        losses, lr, factor, patience, threshold, **changed
    )


_COUNT = "torch cuts when *more* than patience epochs in a row were bad: at bad epoch number patience + 1."
_RELATIVE = "The threshold is relative: better is loss < best·(1 − threshold)."
_BEST = "Compare with the best loss so far, which only an improvement moves."
_AGAIN = "After a cut the count of bad epochs starts at 0 again, and the best loss stays."
_AFTER_EPOCH = "The rate in force after the epoch: the cut of epoch k is in entry k."
_EPS = "torch leaves the rate alone where a cut would change it by at most 1e-8."

PLATEAU_MISTAKES = {
    "cut one epoch too early (>= for >)": (_COUNT, _but(full=lambda bad, p: bad >= p)),
    "cut one epoch too late": (_COUNT, _but(full=lambda bad, p: bad > p + 1)),
    "absolute threshold": (_RELATIVE + " Absolute is torch's threshold_mode='abs'.", _but(better=lambda a, b, t: a < b - t)),
    "threshold ignored": (_RELATIVE, _but(better=lambda a, b, t: a < b)),
    "threshold added, not taken away": (_RELATIVE, _but(better=lambda a, b, t: a < b * (1 + t))),
    "best·threshold for best·(1 − threshold)": (_RELATIVE, _but(better=lambda a, b, t: a < b * t)),
    "an equal loss counted as better (<=)": (_RELATIVE, _but(better=lambda a, b, t: a <= b * (1 - t))),
    "mode max": ("A loss is better when it is smaller (mode min).", _but(start=-np.inf, better=lambda a, b, t: a > b * (1 + t))),
    "NaN counted as better": ("NaN beats nothing.", _but(better=lambda a, b, t: not a >= b * (1 - t))),
    "compared with the epoch before": (_BEST, _but(update=lambda loss, best, better: loss)),
    "best moved by small gains too (the lowest loss so far)": (_BEST, _but(update=lambda loss, best, better: min(loss, best))),
    "compared with the first loss": (_BEST, _but(update=lambda loss, best, better: loss if best == np.inf else best)),
    "count never set back by an improvement": (_AGAIN, _but(improved=lambda bad: bad)),
    "an improvement takes one off the count": ("An improvement sets the count to 0.", _but(improved=lambda bad: max(bad - 1, 0))),
    "count not set back after a cut": (_AGAIN, _but(after_cut=lambda bad: bad)),
    "count set back to 1 after a cut": (_AGAIN, _but(after_cut=lambda bad: 1)),
    "best forgotten after a cut": (_AGAIN, _but(best_after_cut=lambda best: np.inf)),
    "a cooldown of one epoch": ("torch's cooldown is 0 by default.", _but(cooldown=1)),
    "a cooldown as long as patience": ("torch's cooldown is 0 by default.", lambda losses, lr, factor=0.1, patience=10, threshold=1e-4: _plateau(losses, lr, factor, patience, threshold, cooldown=patience)),
    "the rate before the epoch's cut": (_AFTER_EPOCH, _but(lag=True)),
    "divided by factor": ("The new rate is lr·factor.", _but(cut=lambda lr, f: lr / f, eps=-np.inf)),
    "1 − factor": ("The new rate is lr·factor.", _but(cut=lambda lr, f: lr * (1 - f))),
    "factor subtracted": ("The new rate is lr·factor.", _but(cut=lambda lr, f: lr - f)),
    "cut only once": ("The rate is cut again after each further patience + 1 bad epochs.", lambda losses, lr, *more: np.maximum(_plateau(losses, lr, *more), lr * (more[0] if more else 0.1))),
    "cut by the size of the last loss": (_COUNT, _but(full=lambda bad, p: bad > 0)),
    "tiny changes made too (eps = 0)": (_EPS, _but(eps=0.0)),
    "a floor of 1e-6 on the rate": ("torch's min_lr is 0 by default.", _but(cut=lambda lr, f: max(lr * f, 1e-6))),
    "a floor of 1e-8 on the rate": ("torch's min_lr is 0 by default; it is the *change* that must exceed 1e-8.", _but(cut=lambda lr, f: max(lr * f, 1e-8), eps=0.0)),
    "factor = 0.5 by default": ("factor is 0.1 by default.", _but(defaults=(0.5, 10, 1e-4))),
    "patience = 5 by default": ("patience is 10 by default.", _but(defaults=(0.1, 5, 1e-4))),
    "threshold = 0 by default": ("threshold is 1e-4 by default.", _but(defaults=(0.1, 10, 0.0))),
    "threshold = 1e-3 by default": ("threshold is 1e-4 by default.", _but(defaults=(0.1, 10, 1e-3))),
    "Keras' rule: absolute 1e-4, cut at patience": ("Keras' min_delta is absolute and it cuts when the count reaches patience; torch's threshold is relative and it waits one epoch more.", _but(better=lambda a, b, t: a < b - t, full=lambda bad, p: bad >= p)),
    "the last rate alone": (_AFTER_EPOCH, lambda *given: float(_plateau(*given)[-1]) if len(given[0]) else given[1]),
    "one entry too many, the start": ("One entry for each epoch.", lambda losses, lr, *more: np.r_[lr, _plateau(losses, lr, *more)]),
}  # fmt: skip


def _torch_like(losses, lr, factor=0.1, patience=10, threshold=1e-4):
    """A class with state, as torch has it."""

    class Plateau:
        def __init__(self):
            self.lr, self.best, self.bad = lr, float("inf"), 0

        def step(self, loss):
            self.bad += 1
            if loss < self.best - self.best * threshold if self.best < float("inf") else loss < self.best:
                self.best, self.bad = loss, 0
            if self.bad == patience + 1:
                self.bad = 0
                if self.lr * (1 - factor) > 1e-8:
                    self.lr *= factor
            return self.lr

    plateau = Plateau()
    return [plateau.step(float(loss)) for loss in losses]


def _run(*losses, lr=1.0, **more):
    return lambda rng: dict(losses=np.array(losses, dtype=float), lr=lr, **more)


PLATEAU = Exercise(
    name="plateau_lrs",
    returns=("rates",),
    oracle=_plateau_oracle,
    cases=(
        Case("no progress after the first epoch, patience 2", _run(1, 1, 1, 1, 1, 1, lr=0.5, factor=0.5, patience=2)),
        Case("all defaults: patience 10", _run(*[1.0] * 26, lr=0.1)),
        Case("falling: never cut", _run(5, 4, 3, 2, 1, lr=0.1, factor=0.1, patience=1)),
        Case("an improvement in time", _run(3, 3, 3, 2, 2, 2, 2, 2, lr=1.0, factor=0.5, patience=2)),
        Case("patience 0", _run(3, 2, 2.5, 1, 1, 0.5, lr=1.0, factor=0.5, patience=0)),
        Case("small gains below the threshold", _run(1, 0.95, 0.92, 0.88, 0.85, 0.82, 0.79, lr=1.0, factor=0.5, patience=1, threshold=0.1)),
        Case("a threshold reached exactly", _run(1, 0.5, 0.25, 0.125, 0.0625, lr=1.0, factor=0.5, patience=0, threshold=0.5)),
        Case("large losses: relative, not absolute", _run(1000, 999, 998, 997, 996, 995, 994, lr=1.0, factor=0.5, patience=1, threshold=0.01)),
        Case("gains of 2e-5 for long, default threshold", lambda rng: dict(losses=1 - 2e-5 * np.arange(30), lr=1.0, factor=0.5, patience=2)),
        Case("gains of 3e-4, default threshold", lambda rng: dict(losses=1 - 3e-4 * np.arange(20), lr=1.0, factor=0.5, patience=2)),
        Case("losses of 1e-3 with gains of 1 %", lambda rng: dict(losses=1e-3 * (1 - 0.01 * np.arange(12)), lr=1.0, factor=0.5, patience=1)),
        Case("up and down", _run(3, 2, 2.5, 2.2, 2.1, 1.9, 2.4, 2.3, 2.2, 2.1, 2.0, 1.95, lr=0.8, factor=0.25, patience=2)),
        Case("worse after the cut, below the start", _run(2, 1, 3, 3, 2.5, 2.4, 2.3, 2.2, lr=1.0, factor=0.5, patience=1)),
        Case("NaN from the third epoch on", _run(3, 2, np.nan, np.nan, np.nan, np.nan, lr=1.0, factor=0.5, patience=2)),
        Case("a rate too small to be cut", _run(*[1.0] * 8, lr=5e-8, factor=0.5, patience=0)),
        Case("seventy noisy epochs", lambda rng: dict(losses=np.round(1 + 1.5 / (1 + np.arange(70)) + 0.05 * rng.normal(size=70), 3), lr=0.4, factor=0.5, patience=4)),
        Case("a single epoch", _run(1, lr=0.1)),
        Case("no epochs", _run(lr=0.1)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in PLATEAU_MISTAKES.items()),
    accepts=(_but(), _torch_like, lambda losses, *more: _plateau_oracle(losses.copy(), *more)),
    verified="every rate as torch's ReduceLROnPlateau sets it, thresholds, NaN and its least change of 1e-8 included",
)  # fmt: skip
