"""Optimiser steps in cases: a learner's pure step function along given gradients, and torch's optimiser beside it.

The inputs of a case are `theta (…)`, `grads (steps, …)`, the start of any state that is not zeros (and of t), then the
hyper-parameters in the order of the step's arguments. An exercise says no more than

    run=trajectory("m", "v", counted=True), returns=("theta", "m", "v"), protocol=PROTOCOL
"""

from collections.abc import Callable
from typing import Any

import numpy as np

PROTOCOL = "one call for each row of the gradients, its state passed on to the next; row k below is what step k returned"


def trajectory(*states: str, counted: bool = False, gradient: Callable = lambda row: row) -> Callable:
    """A `run` that calls step(theta, grad, *states, t if counted, *hyper) for each row of `grads`.

    It returns theta and each state by name, stacked over the steps. `gradient` turns a row into what the step
    takes in its place, a grad_fn for instance.
    """
    names = ("theta", *states)

    def run(step: Callable, theta: np.ndarray, grads: np.ndarray, **more: Any) -> Any:
        values = [theta, *(more.pop(name, np.zeros_like(theta)) for name in states)]
        first = more.pop("t", 1)
        columns: list[list[np.ndarray]] = [[] for _ in names]
        for t, row in enumerate(grads, first):
            count = (t,) if counted else ()
            returned = step(values[0], gradient(row), *values[1:], *count, *more.values())
            if not isinstance(returned, (tuple, list)) or len(returned) != len(names):
                return {"": returned} if isinstance(returned, dict) else returned  # `by_name` says what is expected
            values = [_numbers(value, name) for value, name in zip(returned, names, strict=True)]
            for column, value, name in zip(columns, values, names, strict=True):
                if column and column[-1].shape != value.shape:
                    raise ValueError(f"`{name}` had shape {column[-1].shape} after one step, {value.shape} after the next")
                column.append(value)
        return {name: np.stack(column) for name, column in zip(names, columns, strict=True)}

    return run


def _numbers(value: Any, name: str) -> np.ndarray:
    """A copy, for the next call and for the record; no kind of value that one plain call would be refused."""
    if not isinstance(value, (np.ndarray, np.generic, int, float, list, tuple)):
        raise TypeError(f"`{name}` came back as {type(value).__name__}; an array of numbers is expected")
    return np.array(value)


def torch_trajectory(optimiser: Callable, theta: np.ndarray, grads: np.ndarray, start: dict, **states: str) -> dict:
    """What `trajectory` gives, from torch.optim in float64. `optimiser` makes it from a list of parameters.

    `states` says where torch keeps each state (m="exp_avg"); `start` presets all such entries ("step" too), or is {}.
    """
    import torch

    parameter = torch.nn.Parameter(torch.tensor(theta, dtype=torch.float64))
    stepper = optimiser([parameter])
    stepper.state[parameter].update({key: torch.tensor(value, dtype=torch.float64) for key, value in start.items()})
    rows = []
    for row in grads:
        parameter.grad = torch.tensor(row, dtype=torch.float64)
        stepper.step()
        now = {"theta": parameter.detach(), **{name: stepper.state[parameter][key] for name, key in states.items()}}
        rows.append({name: value.numpy().copy() for name, value in now.items()})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
