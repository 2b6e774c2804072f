"""An exponential moving average of the weights. Oracle: torch.optim.swa_utils."""

import numpy as np

from utils.grading.rules import by_rules, listed
from utils.grading.spec import Case, Exercise


def _oracle(path, decay):
    """torch's AveragedModel; its first update copies."""
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model = torch.nn.Linear(path.shape[1], 1, bias=False, dtype=torch.float64)
    average, rows = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)), []
    for row in path:
        model.weight.data = torch.from_numpy(np.array(row))[None]
        average.update_parameters(model)
        rows.append(average.module.weight.detach().numpy()[0].copy())
    return np.stack(rows)


def _averaged(s):
    """Row by row, with the case's rule."""
    rows, average = [], s.start(s.path)
    for t, row in enumerate(s.path):
        average = s.first(average, row) if t == 0 else s.rule(average, row)
        rows.append(s.shown(average, t))
    return np.array(rows)


_ema = by_rules(
    ("path", "decay"),
    dict(
        start=lambda s: lambda path: path[0],
        first=lambda s: lambda average, row: average,
        rule=lambda s: lambda average, row: s.decay * average + (1 - s.decay) * row,
        shown=lambda s: lambda average, t: average,
        rows=_averaged,
        returned=lambda s: s.rows,
    ),
)


def _zeros(s):
    return np.zeros_like


def _as_rule(s):
    return lambda average, row: s.rule(average, row)


_WEIGHTS = "The old average has the weight decay, the new row 1 − decay: decay·average + (1 − decay)·row."
_START = "The average starts at the first row; started at zero, it is too small for long."
_ROWS = "One row for each step, the start included: (n, d)."
_FORGET = "An exponential average forgets: its weights fall by the factor decay from step to step."


def _random(rng, n, d, decay):
    return dict(path=np.cumsum(rng.normal(size=(n, d)), axis=0), decay=decay)


AVERAGE = Exercise(
    name="weight_average",
    returns=("averages",),
    oracle=_oracle,
    cases=(
        Case("four steps of one weight, decay 0.5", lambda rng: dict(path=np.array([[0.0], [4.0], [8.0], [0.0]]), decay=0.5)),
        Case("a start that is not zero, decay 0.75", lambda rng: dict(path=np.array([[8.0, -4.0], [0.0, 4.0], [0.0, 0.0]]), decay=0.75)),
        Case("ten steps of three weights, decay 0.9", lambda rng: _random(rng, 10, 3, 0.9)),
        Case("as many steps as weights, decay 0.3", lambda rng: _random(rng, 4, 4, 0.3)),
        Case("decay 0: the path itself", lambda rng: _random(rng, 5, 2, 0.0)),
        Case("decay 1: the start for ever", lambda rng: _random(rng, 5, 2, 1.0)),
        Case("decay 0.999", lambda rng: _random(rng, 30, 2, 0.999)),
        Case("the start alone", lambda rng: _random(rng, 1, 3, 0.9)),
        Case("weights that stand still", lambda rng: dict(path=np.full((6, 2), 3.0), decay=0.8)),
    ),
    mistakes=listed(
        _ema,
        ("weights exchanged", _WEIGHTS, dict(rule=lambda s: lambda a, row: (1 - s.decay) * a + s.decay * row)),
        ("started at zero", _START, dict(start=_zeros, first=_as_rule)),
        ("started at zero, first row all zero", _START, dict(start=_zeros)),
        ("started at zero, weights exchanged", _START, dict(
            start=_zeros, first=_as_rule, rule=lambda s: lambda a, row: (1 - s.decay) * a + s.decay * row)),
        ("started at zero, corrected as in Adam", "Adam's correction divides by 1 − decay^t; here the average starts at the first row.", dict(
            start=_zeros, first=_as_rule, shown=lambda s: lambda a, t: a / max(1 - s.decay ** (t + 1), 1e-300))),
        ("1 − decay forgotten", _WEIGHTS, dict(rule=lambda s: lambda a, row: s.decay * a + row)),
        ("decay forgotten before the average", _WEIGHTS, dict(rule=lambda s: lambda a, row: a + (1 - s.decay) * row)),
        ("moved away from the row", _WEIGHTS, dict(rule=lambda s: lambda a, row: a - (1 - s.decay) * (row - a))),
        ("plain mean of all rows so far (SWA)", _FORGET, dict(rows=lambda s: np.cumsum(s.path, axis=0) / np.arange(1, len(s.path) + 1)[:, None])),
        ("half and half, decay ignored", _WEIGHTS, dict(rule=lambda s: lambda a, row: (a + row) / 2)),
        ("the path itself", _FORGET, dict(rows=lambda s: s.path + 0)),
        ("one step behind", "Entry t has row t in it.", dict(rows=lambda s: np.concatenate([s.path[:1], _averaged(s)[:-1]]))),
        ("the last two rows mixed", _FORGET, dict(rows=lambda s: np.concatenate([s.path[:1], s.decay * s.path[:-1] + (1 - s.decay) * s.path[1:]]))),
        ("mixed with the first row every time", _FORGET, dict(rows=lambda s: s.decay * s.path[:1] + (1 - s.decay) * s.path)),
        ("the root of decay", _WEIGHTS, dict(decay=lambda s: np.sqrt(s.decay))),
        ("decay grows with the step, min(decay, (1 + t)/(10 + t))", "TensorFlow warms the decay up where it is given the step; here it is constant.", dict(
            rows=lambda s: _warmed(s.path, s.decay))),
        ("the last average alone", _ROWS, dict(returned=lambda s: s.rows[-1])),
        ("the start left out", _ROWS, dict(returned=lambda s: s.rows[1:])),
        ("the start twice", _ROWS, dict(returned=lambda s: np.concatenate([s.path[:1], s.rows]))),
        ("averaged along the weights", "The average runs along axis 0, the steps.", dict(rows=lambda s: _along_weights(s))),
        ("rows that all alias the last", _ROWS + " Append a copy, or make a new array in each step.", dict(rows=lambda s: np.repeat(_averaged(s)[-1:], len(s.path), axis=0))),
    ),
    accepts=(
        _ema(),
        _ema(rule=lambda s: lambda a, row: a + (1 - s.decay) * (row - a)),
        lambda path, decay: [(decay**t * path[0] + (1 - decay) * sum((decay ** (t - k) * path[k] for k in range(1, t + 1)), 0 * path[0])) for t in range(len(path))],
        _oracle,
    ),
    verified="equal to torch's AveragedModel with its exponential average in float64, decay 0 and 1 included",
)  # fmt: skip


def _warmed(path, decay):
    rows = [path[0]]
    for t, row in enumerate(path[1:], 1):
        d = min(decay, (1 + t) / (10 + t))
        rows.append(d * rows[-1] + (1 - d) * row)
    return np.array(rows)


def _along_weights(s):
    columns = [s.path[:, 0]]
    for column in s.path.T[1:]:
        columns.append(s.decay * columns[-1] + (1 - s.decay) * column)
    return np.stack(columns, axis=1)
