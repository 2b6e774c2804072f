"""What a network drops in training is measured finely: rates, places, whole maps, and how it is written is free."""

import pytest
import torch
import torch.nn.functional as F

from utils.exercises.classic_cnns import alexnet, shared, vgg
from utils.grading import judge

RIGHT = "p = 0.5 at 2 places"


def _alex(**parts):
    return type("Net", (alexnet.Alex,), parts), dict(num_classes=10)


def _vgg(**parts):
    return lambda *arguments: type("Net", (vgg.Vgg,), parts)(*arguments), dict(config="11", batch_norm=False, classes=3)


def by_hand(self, x):
    return torch.where(torch.rand_like(x) > 0.5, 2 * x, torch.zeros_like(x)) if self.training else x


def one_for_all(self, x):
    return 2 * x * (torch.rand(x.shape[1:]) > 0.5) if self.training else x


def unscaled(self, x):
    return x * (torch.rand(x.shape) > 0.5) if self.training else x


def dropped(net):
    make, arguments = net
    return shared.run_wide(make, shared.SQUARE, "both", **arguments)["dropout in training"]


@pytest.mark.parametrize("net", [_alex, _vgg])
@pytest.mark.parametrize("p", [0.4, 0.45, 0.55, 0.6])
def test_another_rate_is_seen(net, p):
    """A rate off by 0.05 is not the right one; what is said is within a step of 0.02."""
    words = dropped(net(p=p))

    assert words != RIGHT
    assert abs(float(words.split()[2]) - p) < 0.021


@pytest.mark.parametrize("net", [_alex, _vgg])
@pytest.mark.parametrize("parts", [{}, {"drop": by_hand}])
def test_how_it_is_written_is_free(net, parts):
    """torch's dropout and one of the learner's own count alike."""
    assert dropped(net(**parts)) == RIGHT


@pytest.mark.parametrize(
    ("net", "word"),
    [
        (_alex(drop=one_for_all), "the same units for all images"), (_vgg(drop=unscaled), "not scaled up"),
        (_alex(dropping=(1,), features=lambda self, x: F.dropout2d(alexnet.Alex.features(self, x), 0.5, self.training)),
         "whole maps"),
    ],
)  # fmt: skip
def test_other_manners_are_told_apart(net, word):
    """One mask for a whole batch, no factor 1/(1 − p), and Dropout2d are not dropout."""
    assert word in dropped(net)


class LeNet5(torch.nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.c1, self.c3, self.c5 = torch.nn.Conv2d(1, 6, 5), torch.nn.Conv2d(6, 16, 5), torch.nn.Conv2d(16, 120, 5)
        self.f6, self.out = torch.nn.Linear(120, 84), torch.nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.c1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.c3(x)), 2)
        return self.out(torch.tanh(self.f6(torch.tanh(self.c5(x)).flatten(1))))


def test_c5_as_a_convolution_is_right():
    """A convolution that reads the whole map is a dense layer of the same weights."""
    assert judge.check(LeNet5)


def test_c5_as_a_convolution_can_be_wrong():
    """And it is judged like one: without its tanh it fails."""
    wrong = type("LeNet5", (LeNet5,), {
        "forward": lambda self, x: self.out(torch.tanh(self.f6(self.c5(
            F.avg_pool2d(torch.tanh(self.c3(F.avg_pool2d(torch.tanh(self.c1(x)), 2))), 2)).flatten(1)))),
    })  # fmt: skip

    assert not judge.check(wrong)
