"""Mixup (Zhang et al. 2018) and early stopping. Oracles: torch.lerp, and ReduceLROnPlateau's count of bad epochs."""

import numpy as np

from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise, Mistake


def _mixup_oracle(x, y, lam, order):
    import torch

    order = torch.from_numpy(order)
    mixed = (torch.lerp(a.index_select(0, order), a, lam) for a in map(torch.from_numpy, (x, y)))
    return tuple(part.numpy() for part in mixed)


_mixup = by_rules(
    ("x", "y", "lam", "order"),
    dict(
        x2=lambda s: s.x[s.order],
        y2=lambda s: s.y[s.order],
        mixed_x=lambda s: s.lam * s.x + (1 - s.lam) * s.x2,
        mixed_y=lambda s: s.lam * s.y + (1 - s.lam) * s.y2,
        returned=lambda s: (s.mixed_x, s.mixed_y),
    ),
)

_LAM = "λ weights the sample itself, 1 − λ its partner: λ·x + (1 − λ)·x[order]."
_LABELS = "Labels are mixed as the images are, with the same λ and the same partners."
_ORDER = "Sample i is mixed with sample order[i]: x[order]."
_PURE = "Both weights, λ and 1 − λ, belong in: they sum to 1."


def _inverse(s):
    return np.argsort(s.order)


def _columns(a, order):
    """The order applied to the second axis where it has that length."""
    return a[:, order] if a.shape[1] == len(order) else a


def _batch(rng, n, k, *shape, lam, order=None):
    """n samples of that shape, one-hot labels of k classes, a permutation that is not its own inverse."""
    labels = np.eye(k)[rng.integers(0, k, n)]
    return dict(
        x=rng.normal(size=(n, *shape)), y=labels, lam=lam, order=np.array(order if order else np.roll(np.arange(n), 1))
    )


MIXUP = Exercise(
    name="mixup",
    returns=("x'", "y'"),
    oracle=_mixup_oracle,
    cases=(
        Case("two samples exchanged, λ = 0.75", lambda rng: dict(
            x=np.array([[0.0, 4.0], [8.0, 12.0]]), y=np.array([[1.0, 0.0], [0.0, 1.0]]), lam=0.75, order=np.array([1, 0]))),
        Case("three samples in a ring", lambda rng: _batch(rng, 3, 4, 5, lam=0.3)),
        Case("five samples, one its own partner", lambda rng: _batch(rng, 5, 3, 4, lam=0.6, order=[2, 1, 4, 0, 3])),
        Case("as many samples as features and classes", lambda rng: _batch(rng, 4, 4, 4, lam=0.2)),
        Case("images", lambda rng: _batch(rng, 4, 10, 3, 5, 5, lam=0.9)),
        Case("λ = 1: nothing mixed", lambda rng: _batch(rng, 3, 2, 4, lam=1.0)),
        Case("λ = 0: the partners", lambda rng: _batch(rng, 4, 3, 2, lam=0.0)),
        Case("soft labels, λ = 0.5", lambda rng: _batch(rng, 4, 3, 2, lam=0.5) | dict(y=rng.uniform(size=(4, 3)))),
        Case("two partners for one sample", lambda rng: _batch(rng, 3, 3, 2, lam=0.4, order=[2, 2, 0])),
    ),
    mistakes=listed(
        _mixup,
        ("λ and 1 − λ exchanged", _LAM, dict(mixed_x=lambda s: (1 - s.lam) * s.x + s.lam * s.x2, mixed_y=lambda s: (1 - s.lam) * s.y + s.lam * s.y2)),
        ("λ and 1 − λ exchanged for the images", _LAM, dict(mixed_x=lambda s: (1 - s.lam) * s.x + s.lam * s.x2)),
        ("λ and 1 − λ exchanged for the labels", _LABELS, dict(mixed_y=lambda s: (1 - s.lam) * s.y + s.lam * s.y2)),
        ("labels not mixed", _LABELS, dict(mixed_y=lambda s: s.y)),
        ("the partners' labels", _LABELS, dict(mixed_y=lambda s: s.y2)),
        ("labels mixed half and half", _LABELS, dict(mixed_y=lambda s: (s.y + s.y2) / 2)),
        ("the label of the larger share", _LABELS, dict(mixed_y=lambda s: s.y if s.lam >= 0.5 else s.y2)),
        ("labels as class numbers", "Labels stay (n, K): a mixture of two one-hot rows.", dict(mixed_y=lambda s: np.argmax(s.lam * s.y + (1 - s.lam) * s.y2, axis=1))),
        ("images not mixed", _LAM, dict(mixed_x=lambda s: s.x)),
        ("images mixed half and half", _LAM, dict(mixed_x=lambda s: (s.x + s.x2) / 2)),
        ("half and half, λ ignored", _LAM, dict(lam=lambda s: 0.5)),
        ("λ = 1 − λ for small λ (max)", "λ is used as it comes; max(λ, 1 − λ) is a variant of some libraries.", dict(lam=lambda s: max(s.lam, 1 - s.lam))),
        ("the partners alone", _PURE, dict(mixed_x=lambda s: s.x2, mixed_y=lambda s: s.y2)),
        ("1 − λ forgotten", _PURE, dict(mixed_x=lambda s: s.lam * s.x + s.x2, mixed_y=lambda s: s.lam * s.y + s.y2)),
        ("λ forgotten", _PURE, dict(mixed_x=lambda s: s.x + (1 - s.lam) * s.x2, mixed_y=lambda s: s.y + (1 - s.lam) * s.y2)),
        ("the partner subtracted", _PURE, dict(mixed_x=lambda s: s.lam * s.x - (1 - s.lam) * s.x2, mixed_y=lambda s: s.lam * s.y - (1 - s.lam) * s.y2)),
        ("the order's inverse", _ORDER, dict(x2=lambda s: s.x[_inverse(s)], y2=lambda s: s.y[_inverse(s)])),
        ("the order's inverse for the images", _ORDER, dict(x2=lambda s: s.x[_inverse(s)])),
        ("the order's inverse for the labels", _ORDER, dict(y2=lambda s: s.y[_inverse(s)])),
        ("order ignored: the batch reversed", _ORDER, dict(x2=lambda s: s.x[::-1], y2=lambda s: s.y[::-1])),
        ("labels of the reversed batch", _LABELS, dict(y2=lambda s: s.y[::-1])),
        ("order ignored: the next sample", _ORDER, dict(x2=lambda s: np.roll(s.x, -1, axis=0), y2=lambda s: np.roll(s.y, -1, axis=0))),
        ("order ignored: the sample before", _ORDER, dict(x2=lambda s: np.roll(s.x, 1, axis=0), y2=lambda s: np.roll(s.y, 1, axis=0))),
        ("order ignored: each with itself", _ORDER, dict(x2=lambda s: s.x, y2=lambda s: s.y)),
        ("λ on the partner's place: x[order] first", _LAM, dict(mixed_x=lambda s: s.lam * s.x2 + (1 - s.lam) * s.x[s.order][s.order], mixed_y=lambda s: s.lam * s.y2 + (1 - s.lam) * s.y[s.order][s.order])),
        ("features permuted, not samples", _ORDER, dict(x2=lambda s: _columns(s.x, s.order), y2=lambda s: _columns(s.y, s.order))),
        ("the batch appended", "n samples come in and n go out.", dict(returned=lambda s: (np.concatenate([s.x, s.mixed_x]), np.concatenate([s.y, s.mixed_y])))),
        ("y and x exchanged", "The order is (x', y').", dict(returned=lambda s: (s.mixed_y, s.mixed_x))),
        ("both labels returned, for two losses", "A common form, with loss λ·L(y) + (1 − λ)·L(y[order]); here the labels are mixed: (x', y').", dict(returned=lambda s: (s.mixed_x, s.y, s.y2))),
    ),
    accepts=(
        _mixup(),
        lambda x, y, lam, order: (x[order] + lam * (x - x[order]), y[order] + lam * (y - y[order])),
        lambda x, y, lam, order: tuple(np.stack([lam * a[i] + (1 - lam) * a[j] for i, j in enumerate(order)]) for a in (x, y)),
        lambda *given: _mixup_oracle(*(np.array(a) if isinstance(a, np.ndarray) else a for a in given)),
    ),
    verified="equal to torch.lerp between each sample and its partner, images and soft labels, λ from 0 to 1",
)  # fmt: skip

# ---- early stopping -----------------------------------------------------------------------------------------------


def _stopping_oracle(losses, patience, min_delta=0.0):
    """torch's scheduler cuts the rate when more than its patience of epochs brought nothing: there training stops."""
    import torch

    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        sgd, factor=0.5, patience=patience - 1, threshold=min_delta, threshold_mode="abs"
    )
    best, value = 0, None
    for epoch, loss in enumerate(losses.tolist()):
        plateau.step(loss)
        if plateau.best != value:
            best, value = epoch, plateau.best
        if sgd.param_groups[0]["lr"] < 1:
            return best, epoch
    return best, len(losses) - 1


def _stop(
    losses, patience, min_delta=0.0, *,
    better=lambda loss, best, delta: loss < best - delta,
    compared=lambda losses, best, epoch: losses[best],
    full=lambda waited, patience: waited >= patience,
    reset=lambda waited: 0,
    finish=lambda losses, best, stopped, early: (best, stopped),
):  # fmt: skip
    best, waited = 0, 0
    for epoch in range(1, len(losses)):
        if better(losses[epoch], compared(losses, best, epoch), min_delta):
            best, waited = epoch, reset(waited)
        else:
            waited += 1
            if full(waited, patience):
                return finish(losses, best, epoch, True)
    return finish(losses, best, len(losses) - 1, False)


def _but(default=0.0, **changed):
    return lambda losses, patience, min_delta=default: _stop(losses, patience, min_delta, **changed)


_COUNT = "Stop after the epoch at which `patience` epochs in a row have brought no improvement: when the count reaches patience."
_MORE = "An improvement beats the best so far by more than min_delta: loss < best − min_delta."
_BEST = "Compare with the loss of the best epoch so far."
_ROW = "The epochs without improvement are counted in a row: an improvement sets the count back to 0."
_INDEX = "Both are indices of epochs, counted from 0."
_END = "Where patience never runs out, stopped is the last epoch, len(losses) − 1."
_SEEN = "Training ends at `stopped`: nobody has seen the losses after it."


def _at_end(value):
    return lambda losses, best, stopped, early: (best, stopped if early else value(losses))


def _argmin_until(losses, best, stopped, early):
    return int(np.nanargmin(losses[: stopped + 1])), stopped


STOPPING_MISTAKES = {
    "one epoch too late (> for >=)": (_COUNT, _but(full=lambda w, p: w > p)),
    "one epoch too early": (_COUNT, _but(full=lambda w, p: w >= p - 1)),
    "an equal loss counted as an improvement (<= for <)": (_MORE, _but(better=lambda a, b, d: a <= b - d)),
    "min_delta ignored": (_MORE, _but(better=lambda a, b, d: a < b)),
    "min_delta added: nearly as good counts": (_MORE, _but(better=lambda a, b, d: a < b + d)),
    "min_delta relative to the best": (_MORE, _but(better=lambda a, b, d: a < b * (1 - d))),
    "min_delta = 1e-4 by default": ("min_delta is 0 by default.", _but(default=1e-4)),
    "a larger loss counted as an improvement": ("A loss is better when it is smaller.", _but(better=lambda a, b, d: a > b + d)),
    "any change counted as an improvement": (_MORE, _but(better=lambda a, b, d: abs(a - b) > d)),
    "NaN counted as an improvement": ("NaN beats nothing: ask loss < best − min_delta, not the opposite of >=.", _but(better=lambda a, b, d: not a >= b - d)),
    "compared with the epoch before": (_BEST, _but(compared=lambda losses, best, epoch: losses[epoch - 1])),
    "compared with the first epoch": (_BEST, _but(compared=lambda losses, best, epoch: losses[0])),
    "compared with the lowest loss so far": (
        "A small gain moves nothing: compare with the loss of the best epoch, so that small gains may add up to min_delta.",
        _but(compared=lambda losses, best, epoch: np.nanmin(losses[:epoch]))),
    "count never set back": (_ROW, _but(reset=lambda waited: waited)),
    "count set back to 1": (_ROW, _but(reset=lambda waited: 1)),
    "best is the loss, not its epoch": (_INDEX, _but(finish=lambda losses, best, stopped, early: (float(losses[best]), stopped))),
    "best is the lowest of all losses": (_SEEN, _but(finish=lambda losses, best, stopped, early: (int(np.nanargmin(losses)), stopped))),
    "best is the lowest loss until the stop, min_delta ignored": (_MORE, _but(finish=_argmin_until)),
    "stopped is the best epoch": ("stopped is the last epoch that was trained.", _but(finish=lambda losses, best, stopped, early: (best, best))),
    "best is the epoch of the stop": ("best is the epoch whose weights are taken.", _but(finish=lambda losses, best, stopped, early: (stopped, stopped))),
    "epochs counted from 1": (_INDEX, _but(finish=lambda losses, best, stopped, early: (best + 1, stopped + 1))),
    "stopped is the number of epochs trained": (_INDEX, _but(finish=lambda losses, best, stopped, early: (best, stopped + 1))),
    "stopped is the epoch after": (_COUNT, _but(finish=lambda losses, best, stopped, early: (best, stopped + early))),
    "stopped is where the row began": (_COUNT, lambda losses, patience, min_delta=0.0: _but(finish=lambda l, best, stopped, early: (best, stopped - patience + 1 if early else stopped))(losses, patience, min_delta)),
    "stopped is None when patience never runs out": (_END, _but(finish=_at_end(lambda losses: None))),
    "stopped is len(losses) when patience never runs out": (_END, _but(finish=_at_end(len))),
    "stopped and best exchanged": ("The order is (best, stopped).", _but(finish=lambda losses, best, stopped, early: (stopped, best))),
    "patience ignored: the first bad epoch stops": (_COUNT, _but(full=lambda w, p: True)),
    "never stopped": (_COUNT, _but(full=lambda w, p: False)),
    "best alone": ("Return (best, stopped).", _but(finish=lambda losses, best, stopped, early: best)),
}  # fmt: skip


def _walked(losses, patience, min_delta=0.0):
    """From the best epoch to the next one that beats it, if that comes in time."""
    best = 0
    while True:
        window = range(best + 1, min(best + patience, len(losses) - 1) + 1)
        following = next((e for e in window if losses[best] - losses[e] > min_delta), None)
        if following is None:
            return best, min(best + patience, len(losses) - 1)
        best = following


def _course(*losses, patience, **more):
    return lambda rng: dict(losses=np.array(losses), patience=patience, **more)


_VALLEY = (4.0, 3.0, 2.5, 2.75, 2.625, 3.0, 2.0, 1.0)
STOPPING = Exercise(
    name="early_stopping",
    returns=("best", "stopped"),
    oracle=_stopping_oracle,
    cases=(
        Case("down, then up, patience 2", _course(3.0, 2.0, 1.0, 1.5, 2.0, 0.5, patience=2)),
        Case("patience 1", _course(3.0, 2.0, 2.5, 1.0, patience=1)),
        Case("patience never runs out", _course(3.0, 2.0, 2.5, 1.0, 1.5, patience=3)),
        Case("falling to the end", _course(4.0, 3.0, 2.0, 1.0, patience=2)),
        Case("a better loss after the stop", _course(*_VALLEY, patience=3)),
        Case("an improvement sets the count back", _course(4.0, 4.5, 3.0, 3.5, 2.0, 2.5, 2.25, 2.5, patience=3)),
        Case("equal losses", _course(2.0, 2.0, 2.0, 2.0, 2.0, patience=3)),
        Case("min_delta = 0.5, reached exactly", _course(3.0, 2.5, 2.25, 2.0, 1.75, patience=2, min_delta=0.5)),
        Case("small gains that add up to min_delta", _course(3.0, 2.75, 2.5, 2.25, 2.0, 1.75, 1.5, 1.25, patience=3, min_delta=0.5)),
        Case("small gains that do not count, min_delta = 0.5", _course(3.0, 2.875, 2.75, 2.625, 2.0, patience=3, min_delta=0.5)),
        Case("tiny gains without min_delta", _course(1.0, 0.99995, 0.9999, 0.99985, 0.99995, 0.9999, patience=2)),
        Case("NaN from the third epoch on", _course(3.0, 2.0, float("nan"), float("nan"), float("nan"), patience=3)),
        Case("a single epoch", _course(1.0, patience=2)),
        Case("worse from the start", _course(1.0, 2.0, 3.0, 4.0, 5.0, patience=3)),
        Case("patience longer than training", _course(1.0, 2.0, 3.0, patience=10)),
        Case("forty noisy epochs", lambda rng: dict(losses=np.round(2 - 0.02 * np.arange(40) + 0.2 * rng.normal(size=40), 3), patience=6, min_delta=0.0625)),
        Case("negative losses", _course(-1.0, -2.0, -2.5, -2.25, -2.375, -3.0, patience=2, min_delta=0.25)),
    ),
    mistakes=tuple(Mistake(name, advice, wrong) for name, (advice, wrong) in STOPPING_MISTAKES.items()),
    accepts=(_but(), _walked, lambda losses, *more: _stopping_oracle(losses.copy(), *more)),
    verified="best and stopped as torch's plateau scheduler counts them, on seventeen courses of the loss",
)  # fmt: skip
