"""Somebody else's convention is called one: "that is CS231n's …; here …", whoever writes it in whatever style."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils.grading import catalogue, judge, report


def momentum_step(theta, grad, velocity, lr, momentum=0.9):
    velocity = momentum * velocity - lr * grad
    return theta + velocity, velocity


def torchs_buffer(theta, grad, velocity, lr, momentum=0.9):
    velocity = momentum * velocity + grad
    return theta - lr * velocity, velocity


def _batchnorm(x, gamma, beta, running_mean, running_var, weight, unbiased, eps):
    mean, var = x.sum(0) / len(x), ((x - x.mean(0)) ** 2).sum(0) / len(x)
    stored = var * len(x) / (len(x) - 1) if unbiased else var
    out = (x - mean) * gamma / (var + eps) ** 0.5 + beta
    return out, weight * running_mean + (1 - weight) * mean, weight * running_var + (1 - weight) * stored


def weight_of_the_old(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    return _batchnorm(x, gamma, beta, running_mean, running_var, momentum, True, eps)


def biased(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    return _batchnorm(x, gamma, beta, running_mean, running_var, 1 - momentum, False, eps)


def labels_of_both_signs(w, X, y, l1=0.0, l2=0.0):
    loss = np.logaddexp(0, -y * (X @ w)).sum() / len(y)
    return loss + l1 * np.abs(w).sum() + l2 / 2 * np.sum(w**2)


class DenseBlock(nn.Module):
    def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
        super().__init__()
        widths = [c_in + k * growth_rate for k in range(num_layers)]
        self.layers = nn.ModuleList(nn.Sequential(
            nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, bn_size * growth_rate, 1, bias=False),
            nn.BatchNorm2d(bn_size * growth_rate), nn.ReLU(),
            nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False),
        ) for n in widths)  # fmt: skip

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([layer(x), x], dim=1)
        return x


class Bottleneck(nn.Module):
    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        c_out = 4 * c_mid
        self.convs = nn.ModuleList([
            nn.Conv2d(c_in, c_mid, 1, stride, bias=False), nn.Conv2d(c_mid, c_mid, 3, 1, 1, bias=False),
            nn.Conv2d(c_mid, c_out, 1, bias=False),
        ])  # fmt: skip
        self.norms = nn.ModuleList(map(nn.BatchNorm2d, (c_mid, c_mid, c_out)))
        self.short = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.short = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        h = x
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            h = norm(conv(h)).clamp(min=0) if k < 2 else norm(conv(h))
        return F.relu(h + self.short(x))


def bias_before_batch_norm(order, c_in, c_out):
    """Each convolution with its bias."""
    parts, width = [], c_in
    for kind in order.split("-"):
        if kind == "conv":
            parts, width = [*parts, nn.Conv2d(width, c_out, 3, padding=1)], c_out
        else:
            parts.append(nn.BatchNorm2d(width) if kind == "bn" else nn.ReLU())
    return nn.Sequential(*parts)


CONVENTIONS = [
    ("momentum_step", momentum_step, "CS231n"), ("momentum_step", torchs_buffer, "torch"),
    ("batchnorm_train", weight_of_the_old, "Keras"), ("batchnorm_train", biased, "CS231n"),
    ("logistic_loss", labels_of_both_signs, "±1"), ("DenseBlock", DenseBlock, "ports"),
    ("Bottleneck", Bottleneck, "Caffe"), ("make_block", bias_before_batch_norm, "VGG"),
]  # fmt: skip


def named(function, name):
    function.__name__ = name
    return judge.check(function)


@pytest.mark.parametrize(("name", "function", "whose"), CONVENTIONS)
def test_a_convention_is_called_one(name, function, whose):
    """The verdict says whose convention it is and what holds here."""
    verdict = named(function, name)

    assert report.WRONG == verdict.status
    assert verdict.advice.startswith("That is ")
    assert whose in verdict.advice
    assert "here" in verdict.advice


def test_gradients_kept_as_rows_are_a_convention_too():
    """(1, D) in place of (D,), whatever else is right."""
    right = next(a for a in catalogue.exercise("batchnorm_backward").accepts if named_right(a, "batchnorm_backward"))

    def rows(dout, cache):
        dx, dgamma, dbeta = right(dout, cache)
        return dx, np.asarray(dgamma)[None], np.asarray(dbeta)[None]

    assert "row" in named(rows, "batchnorm_backward").advice


def named_right(function, name):
    return bool(named(lambda *args: function(*args), name))


class Gate(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        self.down = nn.Conv2d(channels, channels // reduction, 1)
        self.up = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))


class WideNorm(Bottleneck):
    def __init__(self, c_in, c_mid, stride=1):
        super().__init__(c_in, c_mid, stride)
        self.norms[0] = nn.BatchNorm2d(2 * c_mid)


def test_what_torch_complains_of_is_named():
    """A layer that came to no width, and a batch norm as wide as another map, whatever the class is."""
    assert named(Gate, "SqueezeExcite").mistake == "a layer of width 0"
    assert named(WideNorm, "Bottleneck").mistake.startswith("a batch norm of the wrong width: made for")


class Surplus(Bottleneck):
    """The stride where it belongs, and a batch norm that nothing uses."""

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__(c_in, c_mid, stride)
        self.convs[0] = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.convs[1] = nn.Conv2d(c_mid, c_mid, 3, stride, 1, bias=False)
        self.spare = nn.BatchNorm2d(c_mid)


def test_parameters_that_are_left_over_are_counted():
    """As arrays and as numbers, where no listed mistake is it."""
    assert named(Surplus, "Bottleneck").mistake.startswith("parameter arrays too many: 2, with ")
