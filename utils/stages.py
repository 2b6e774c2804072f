"""Which line of a staged backward pass is wrong? Each of its variables against finite differences, one by one."""

import sys
from collections.abc import Callable, Mapping

import numpy as np

from utils.gradcheck import numeric_gradient


def stagecheck(function: Callable, args: tuple, steps: Mapping[str, Callable], given: Mapping, dout: np.ndarray) -> str:
    """What became of every gradient inside `function(*args)`, from the end of the graph to its start, a line for each.

    steps: name → function of all values by name, in the order of the forward pass, the last one the output.
    given: the graph's inputs by name; the arrays among them are nodes, too. dout: the upstream gradient.
    The variables of `function` are read as they are when it ends, be it in an error; the gradient of a node `mu` is
    expected in a variable `dmu`.
    """
    yours, lines = _variables_of(function, args), []
    output = list(steps)[-1]
    nodes = _run(steps, given)
    for name in reversed([*(n for n in given if isinstance(given[n], np.ndarray)), *steps]):
        if name == output:
            continue
        right = numeric_gradient(
            lambda value, n=name: np.sum(dout * _run(steps, given, {n: value})[output]), nodes[name]
        )
        lines.append(f"{'d' + name:9} {_compared(yours.get('d' + name), right)}")
    if "stopped by" in yours:
        lines.append(f"(your function ended in a {yours['stopped by']})")
    return "\n".join(lines)


def _run(steps, given, held=None):
    """All nodes of the graph by name; a node in `held` keeps its value, the others are computed."""
    values = {**given, **(held or {})}
    for name, step in steps.items():
        if name not in (held or {}):
            values[name] = step(values)
    return values


def _variables_of(function, args):
    """The local variables of a function when it ended."""
    found, before = {}, sys.getprofile()

    def watch(frame, event, _):
        if event == "return" and frame.f_code is function.__code__:
            found.update(frame.f_locals)

    sys.setprofile(watch)
    try:
        function(*args)
    except Exception as error:
        found["stopped by"] = type(error).__name__
    finally:
        sys.setprofile(before)
    return found


def _compared(came, right):
    """✓, ○ not there, or ✗ and how far off."""
    if came is None:
        return "○ not there"
    came = np.asarray(came)
    came = came[0] if came.shape[:1] == (1,) else came  # keepdims is no mistake
    if came.ndim > right.ndim or came.shape != right.shape[right.ndim - came.ndim :]:
        return f"✗ its shape is {came.shape}, not {right.shape}"
    off = np.max(np.abs(came - right)) / np.max(np.abs(right))
    return "✓" if off < 1e-6 else f"✗ off by {off:.0%} of its largest entry"
