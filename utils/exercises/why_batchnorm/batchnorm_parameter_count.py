"""batchnorm_parameter_count: cases, oracle, mistakes."""

import numpy as np

from utils.exercises.why_batchnorm.shared import _table
from utils.grading.spec import Case, Exercise


# 1. What is learnt ---------------------------------------------------------------------------------------------------
def _counts_in_torch(channels):
    import torch

    layer = torch.nn.BatchNorm2d(channels, device="meta")
    return sum(p.numel() for p in layer.parameters()), sum(b.numel() for b in layer.buffers())


def _sizes(channels):
    learnt = {"gamma": (channels,), "beta": (channels,)}
    kept = {"running_mean": (channels,), "running_var": (channels,), "num_batches_tracked": ()}
    return [sum(int(np.prod(shape)) for shape in shapes.values()) for shapes in (learnt, kept)]


def _bits(channels):
    return np.int64(channels << 1), np.int64(channels << 1 | 1)


_BUFFERS = "The running mean and variance are computed, not learnt: no gradient reaches them. They are buffers."


_COUNTER = "torch's third buffer is num_batches_tracked: one number for the layer, whatever its width."


_PAIR = "Each channel has a gamma and a beta, so 2C numbers are learnt."


_RUNNING = "The buffers are a running mean and a running variance for each channel, and one counter: 2C + 1."


_HYPER = "momentum and eps are hyper-parameters: you set them, so they are neither learnt nor kept as buffers."


_ORDER = "The order is (learnable, buffers): 2C first, then 2C + 1. The counter of batches is a buffer."


_COUNT_MISTAKES = _table(
    (
        ("the running statistics counted as learnable (the counter stays a buffer)", _BUFFERS, lambda c: (4 * c, 1)),
        ("all buffers counted as learnable too", _BUFFERS, lambda c: (4 * c, 2 * c + 1)),
        ("buffers counted as learnable, none kept", _BUFFERS, lambda c: (4 * c, 0)),
        ("buffers and counter counted as learnable, none kept", _BUFFERS, lambda c: (4 * c + 1, 0)),
        ("buffers and counter counted as learnable too", _BUFFERS, lambda c: (4 * c + 1, 2 * c + 1)),
        ("buffers counted as learnable too, the counter forgotten", _BUFFERS, lambda c: (4 * c, 2 * c)),
        ("the counter forgotten", _COUNTER, lambda c: (2 * c, 2 * c)),
        ("a counter for each channel", _COUNTER, lambda c: (2 * c, 3 * c)),
        ("two counters", _COUNTER, lambda c: (2 * c, 2 * c + 2)),
        ("only the counter is a buffer", _RUNNING, lambda c: (2 * c, 1)),
        ("no buffers", _RUNNING, lambda c: (2 * c, 0)),
        ("the running statistics counted twice, or gamma and beta among the buffers", _RUNNING, lambda c: (2 * c, 4 * c + 1)),
        ("the running statistics counted twice, the counter forgotten", _RUNNING, lambda c: (2 * c, 4 * c)),
        ("only one running statistic", _RUNNING, lambda c: (2 * c, c + 1)),
        ("only one running statistic, the counter forgotten", _RUNNING, lambda c: (2 * c, c)),
        ("one pair of running statistics for all channels", _RUNNING, lambda c: (2 * c, 3)),
        ("one pair of running statistics for all channels, the counter forgotten", _RUNNING, lambda c: (2 * c, 2)),
        ("only gamma, or only beta, is learnt", _PAIR, lambda c: (c, 2 * c + 1)),
        ("only gamma, or only beta, is learnt; the counter forgotten", _PAIR, lambda c: (c, 2 * c)),
        ("one of each pair forgotten", _PAIR, lambda c: (c, c + 1)),
        ("one of each pair and the counter forgotten", _PAIR, lambda c: (c, c)),
        ("one gamma and one beta for all channels", _PAIR, lambda c: (2, 2 * c + 1)),
        ("one gamma and one beta for all channels, the counter forgotten", _PAIR, lambda c: (2, 2 * c)),
        ("arrays counted, not their entries", "Count numbers: every one of the first four arrays has C of them.", lambda c: (2, 3)),
        ("arrays counted, not their entries, the counter forgotten", _COUNTER, lambda c: (2, 2)),
        ("nothing learnt", _PAIR, lambda c: (0, 2 * c + 1)),
        ("learnable and buffers swapped, or the counter counted as learnable", _ORDER, lambda c: (2 * c + 1, 2 * c)),
        ("the counter counted as learnable too", _COUNTER, lambda c: (2 * c + 1, 2 * c + 1)),
        ("momentum and eps counted as learnable", _HYPER, lambda c: (2 * c + 2, 2 * c + 1)),
        ("momentum and eps counted as buffers", _HYPER, lambda c: (2 * c, 2 * c + 3)),
        ("a bias counted as well", "Batch norm's bias is beta; the convolution's own bias belongs to the convolution.", lambda c: (3 * c, 2 * c + 1)),
        ("gamma as a C × C matrix", "gamma is diagonal: one factor for each channel, no mixing of channels.", lambda c: (c * c + c, 2 * c + 1)),
        ("running covariance instead of variances", "Batch norm does not decorrelate: it keeps C variances, not a C × C matrix.", lambda c: (2 * c, c * c + c + 1)),
        ("the counts are floats", "A count is an int: 2 * channels, without a division and without 2.0.", lambda c: (2.0 * c, 2.0 * c + 1)),
    ),
    lambda function: function,
)  # fmt: skip


COUNT = Exercise(
    name="batchnorm_parameter_count",
    returns=("learnable", "buffers"),
    oracle=_counts_in_torch,
    cases=tuple(Case(name, lambda rng, c=c: dict(channels=c)) for name, c in (
        ("three channels", 3), ("one channel", 1), ("two channels", 2), ("VGG's first layer", 64), ("an odd width", 1001),
        ("ResNet-50's last layer", 2048))),
    mistakes=_COUNT_MISTAKES,
    accepts=(_counts_in_torch, _sizes, _bits),
    verified="equal to the parameters and the buffers of torch.nn.BatchNorm2d, from 1 to 2048 channels",
)  # fmt: skip
