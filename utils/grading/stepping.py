"""Optimiser steps in cases: a learner's pure step function along given gradients, and torch's optimiser beside it.

A case's inputs are `theta`, `grads (steps, *theta.shape)`, the start of a state that is not zeros (and `t`), then the
hyper-parameters, in the order of the step's arguments.
"""

from collections.abc import Callable

import numpy as np

PROTOCOL = "one call for each row of the gradients, its state passed on to the next; row k is what step k returned"


def trajectory(*states: str, counted: bool = False, gradient: Callable = lambda row: row) -> Callable:
    """A `run` that calls step(theta, grad, *states, t if counted, *hyper) for each row, and stacks what comes back.

    `gradient` turns a row into what the step takes in its place, a grad_fn for instance.
    """
    names = ("theta", *states)

    def run(step: Callable, theta: np.ndarray, grads: np.ndarray, **more: object) -> object:
        values = [theta, *(more.pop(name, np.zeros_like(theta)) for name in states)]
        rows, first = [], more.pop("t", 1) if counted else 1
        for t, row in enumerate(grads, first):
            returned = step(values[0], gradient(row), *values[1:], *([t] if counted else []), *more.values())
            if not isinstance(returned, (tuple, list)) or len(returned) != len(names):
                return {0: returned} if isinstance(returned, dict) else returned  # `run.by_name` says what is wrong
            rows.append(values := [_numbers(name, value) for name, value in zip(names, returned, strict=True)])
        return {name: _stacked(name, column) for name, *column in zip(names, *rows, strict=True)}

    return run


def _numbers(name: str, value: object) -> np.ndarray:
    """A copy, for the record and the next call; what one plain call would be refused is refused here."""
    if not isinstance(value, (np.ndarray, np.generic, int, float, list, tuple)):
        raise TypeError(f"`{name}` came back as {type(value).__name__}; an array of numbers is expected")
    return np.array(value)


def _stacked(name: str, values: list[np.ndarray]) -> np.ndarray:
    if len(shapes := list(dict.fromkeys(value.shape for value in values))) > 1:
        raise ValueError(f"`{name}` had shape {shapes[0]} after one step and {shapes[1]} after a later one")
    return np.stack(values)


def torch_trajectory(optimiser: Callable, theta: np.ndarray, grads: np.ndarray, start: dict, **states: str) -> dict:
    """The same from torch.optim in float64; `optimiser` makes it from a list of parameters, `states` says where it
    keeps each state (m="exp_avg"), `start` presets all its entries ("step" too) or is {}."""
    import torch

    stepper = optimiser([parameter := torch.nn.Parameter(torch.tensor(theta, dtype=torch.float64))])
    stepper.state[parameter].update({key: torch.tensor(value, dtype=torch.float64) for key, value in start.items()})

    def step(_: np.ndarray, grad: np.ndarray, *__: np.ndarray) -> tuple[np.ndarray, ...]:
        parameter.grad = torch.tensor(grad, dtype=torch.float64)
        stepper.step()
        return tuple(kept.detach().numpy() for kept in (parameter, *map(stepper.state[parameter].get, states.values())))

    return trajectory(*states)(step, theta, grads)


def noise(rng: np.random.Generator, steps: int, *shape: int, scale: float = 1.0, **more: object) -> dict:
    """Inputs of a case: a start and gradients at random, then what `more` says of state and hyper-parameters."""
    return dict(theta=rng.normal(size=shape), grads=scale * rng.normal(size=(steps, *shape)), **more)


def silent(rng: np.random.Generator, steps: int, **more: object) -> dict:
    """One parameter never has a gradient, one only later, and one whole step has none."""
    inputs = noise(rng, steps, 4, **more)
    inputs["grads"][:, 1] = 0
    inputs["grads"][: steps // 2, 2] = 0
    inputs["grads"][steps // 3] = 0
    return inputs
