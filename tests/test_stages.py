"""The tool that finds the wrong line of a staged backward pass."""

import numpy as np

from utils import stagecheck

STEPS = {"mu": lambda v: v["x"].mean(axis=0), "xmu": lambda v: v["x"] - v["mu"], "out": lambda v: v["xmu"] ** 2}
X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]])
DOUT = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]])


def lines(function):
    return dict(line.split(maxsplit=1) for line in stagecheck(function, (DOUT, X), STEPS, {"x": X}, DOUT).split("\n"))


def test_a_right_pass_is_right_in_every_line():
    """From the end of the graph to its start."""

    def right(dout, x):
        dxmu = 2 * (x - x.mean(axis=0)) * dout
        dmu = -dxmu.sum(axis=0)
        dx = dxmu + dmu / len(x)
        return dx, dmu

    assert {"dxmu": "✓", "dmu": "✓", "dx": "✓"} == lines(right)


def test_the_wrong_line_is_named_and_what_follows_it():
    """A sign, a shape, a variable that is not there."""

    def wrong(dout, x):
        dxmu = 2 * (x - x.mean(axis=0)) * dout
        dmu = dxmu.sum(axis=0)
        return dxmu + dmu / len(x)

    def unfinished(dout, x):
        dxmu = np.ones(7)
        raise NotImplementedError(dxmu)

    assert lines(wrong)["dxmu"] == "✓"
    assert lines(wrong)["dmu"].startswith("✗ off by 200%")
    assert lines(wrong)["dx"] == "○ not there"
    assert lines(unfinished)["dxmu"] == "✗ its shape is (7,), not (3, 2)"
    assert "(your" in lines(unfinished)
