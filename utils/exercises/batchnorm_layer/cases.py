"""Sequences of operations, from a fresh layer to two layers in turn."""

import numpy as np

from utils.grading.spec import Case


def _rows(rng, n, *shape):
    """A batch whose features have offsets and spreads of their own; every batch has others."""
    feature = (1, shape[0]) + (1,) * (len(shape) - 1)
    return rng.normal(size=feature) + rng.uniform(0.5, 2, size=feature) * rng.normal(size=(n, *shape))


def _trained(rng, n, *shape):
    """gamma and beta moved, then two training passes of different sizes."""
    return [
        ["gamma +=", rng.normal(0, 0.5, shape[0])],
        ["beta +=", rng.normal(size=shape[0])],
        ["forward", _rows(rng, n, *shape)],
        ["forward", _rows(rng, n + 1, *shape)],
    ]


def _up(rng, n, *shape):
    return ["backward", rng.normal(size=(n, *shape))]


def _layer(*arguments):
    return lambda *steps: dict(arguments=list(arguments), steps=[list(step) for step in steps])


def _constant(rng):
    x = _rows(rng, 4, 3)
    x[:, 1] = 0.7
    return x


def _in_turn(rng):
    first, second = _rows(rng, 4, 2), _rows(rng, 5, 2)
    return _layer(2)(
        ["gamma +=", np.array([1.0, -0.5])], ["beta +=", np.array([0.5, 2.0])], ["forward", first], ["layer", 1],
        ["forward", second], ["layer", 0], _up(rng, 4, 2), ["eval"], ["layer", 1], _up(rng, 5, 2), ["forward", first],
    )  # fmt: skip


_TINY = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 20.0]])

CASES = (
    Case("a fresh layer", lambda rng: _layer(3)()),
    Case("one training pass of three samples", lambda rng: _layer(2)(["forward", _TINY])),
    Case("eval() and train() again", lambda rng: _layer(2)(["eval"], ["train"], ["eval"])),
    Case("evaluation of a fresh layer", lambda rng: _layer(2)(["eval"], ["forward", _TINY])),
    Case("two training passes, the second larger", lambda rng: _layer(3)(*_trained(rng, 4, 3))),
    Case("a training pass and its backward pass", lambda rng: _layer(3)(*_trained(rng, 5, 3)[:3], _up(rng, 5, 3))),
    Case("as many samples as features, with backward", lambda rng: _layer(4)(*_trained(rng, 4, 4)[:3], _up(rng, 4, 4))),
    Case("two training steps, each with its backward pass", lambda rng: _layer(2)(
        *_trained(rng, 3, 2)[:3], _up(rng, 3, 2), ["forward", _rows(rng, 6, 2)], _up(rng, 6, 2))),
    Case("evaluation after training, twice", lambda rng: _layer(3)(
        *_trained(rng, 4, 3), ["eval"], ["forward", _rows(rng, 5, 3)], ["forward", _rows(rng, 2, 3)])),
    Case("evaluation of a single sample", lambda rng: _layer(3)(*_trained(rng, 4, 3), ["eval"], ["forward", _rows(rng, 1, 3)])),
    Case("evaluation's backward pass", lambda rng: _layer(3)(
        *_trained(rng, 4, 3), ["eval"], ["forward", _rows(rng, 5, 3)], _up(rng, 5, 3))),
    Case("eval() between a training pass and its backward pass", lambda rng: _layer(2)(
        *_trained(rng, 4, 2), ["eval"], _up(rng, 5, 2))),
    Case("train() between evaluation and its backward pass", lambda rng: _layer(2)(
        *_trained(rng, 4, 2), ["eval"], ["forward", _rows(rng, 3, 2)], ["train"], _up(rng, 3, 2))),
    Case("training, evaluation, training", lambda rng: _layer(2)(
        *_trained(rng, 4, 2), ["eval"], ["forward", _rows(rng, 3, 2)], ["train"], ["forward", _rows(rng, 4, 2)], _up(rng, 4, 2))),
    Case("images: two training passes, backward", lambda rng: _layer(3)(*_trained(rng, 2, 3, 2, 4), _up(rng, 3, 3, 2, 4))),
    Case("images: evaluation and its backward pass", lambda rng: _layer(2)(
        *_trained(rng, 2, 2, 3, 3), ["eval"], ["forward", _rows(rng, 1, 2, 3, 3)], _up(rng, 1, 2, 3, 3))),
    Case("images, every axis of length 3", lambda rng: _layer(3)(*_trained(rng, 3, 3, 3, 3)[:3], _up(rng, 3, 3, 3, 3))),
    Case("a single image in training", lambda rng: _layer(2)(*_trained(rng, 1, 2, 4, 3)[:3], _up(rng, 1, 2, 4, 3))),
    Case("rows, then images", lambda rng: _layer(3)(
        ["forward", _rows(rng, 4, 3)], ["forward", _rows(rng, 2, 3, 2, 2)], _up(rng, 2, 3, 2, 2))),
    Case("two layers in turn", _in_turn),
    Case("eps = 0.1 and momentum = 0.3", lambda rng: _layer(2, 0.1, 0.3)(
        *_trained(rng, 4, 2), _up(rng, 5, 2), ["eval"], ["forward", _rows(rng, 3, 2)], _up(rng, 3, 2))),
    Case("momentum 1", lambda rng: _layer(2, 1e-5, 1.0)(*_trained(rng, 3, 2), ["eval"], ["forward", _rows(rng, 3, 2)])),
    Case("a spread of about √eps", lambda rng: _layer(2)(["forward", 3e-3 * _rows(rng, 5, 2)], _up(rng, 5, 2))),
    Case("a constant feature", lambda rng: _layer(3)(["forward", _constant(rng)], _up(rng, 4, 3))),
    Case("ten training passes, then evaluation", lambda rng: _layer(2)(
        *(["forward", _rows(rng, 3, 2)] for _ in range(10)), ["eval"], ["forward", _rows(rng, 3, 2)], _up(rng, 3, 2))),
)  # fmt: skip
