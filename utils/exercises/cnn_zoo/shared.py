"""What several exercises of the question share."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


# ---- the networks, by name: a case is plain data ------------------------------------------------------------------
class Twice(nn.Module):
    """A convolution that is used twice, on maps of two sizes, and one that is never used."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Conv2d(2, 2, 3, padding=1)
        self.idle = nn.Conv2d(2, 7, 3)

    def forward(self, x):
        return self.shared(F.avg_pool2d(self.shared(x), 2))


class Tied(nn.Module):
    """Two linear layers that share one weight matrix but not the bias."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


class Scaled(nn.Module):
    """Parameters of its own: a number, a list of two vectors; and a layer further down."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(5)), nn.Parameter(torch.zeros(1, 5))])
        self.parts = nn.ModuleDict({"last": nn.Sequential(nn.Linear(5, 2))})


def small_cnn():
    last = nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)]
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), last, *head)


def nested():
    """A part within a part, no batch norm: quick on the meta device."""
    inner = nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), nn.ReLU())
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), inner, nn.Flatten(), nn.Linear(48, 10))


def partly_frozen():
    net = small_cnn()
    net[0].requires_grad_(False)
    net[4][1].bias.requires_grad_(False)
    return net


def grouped():
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.Conv2d(6, 6, (1, 3), groups=6, bias=False)
    )


def single_pixel():
    """In training mode batch norm refuses it: one value per channel has no variance."""
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3))


NETWORKS = {
    "linear": lambda: nn.Linear(3, 2),
    "convolution": lambda: nn.Conv2d(1, 2, 3),
    "batch norm": lambda: nn.BatchNorm2d(6),
    "grouped": grouped,
    "small CNN": small_cnn,
    "nested": nested,
    "partly frozen": partly_frozen,
    "frozen": lambda: nn.Linear(4, 3).requires_grad_(False),
    "tied": Tied,
    "scaled": Scaled,
    "no parameters": lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)),
    "single pixel": single_pixel,
    "sequence": lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 5, bias=False)),
    "twice": Twice,
    "on meta": lambda: nn.Conv2d(3, 4, 5, device="meta"),
}


# ---- count_parameters ---------------------------------------------------------------------------------------------
def _state(module):
    """What must be as before, each under the words that say that it is not."""
    tensors = [*module.parameters(), *module.buffers()]
    return {
        "moved to the meta device": [t.device.type for t in tensors],
        "left in another mode": [m.training for m in module.modules()],
        "left with hooks on it": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules()],
        "its tensors changed": [t.detach().clone() for t in tensors],
        "its parameters frozen or freed": [p.requires_grad for p in module.parameters()],
    }


def _equal(old, new):
    tensors = bool(old) and isinstance(old[0], torch.Tensor)
    return all(a.is_meta or torch.equal(a, b) for a, b in zip(old, new, strict=True)) if tensors else old == new


def _changed(before, module):
    """The first of those words that fit, or "as it was"."""
    after = _state(module)
    return next((words for words, old in before.items() if not _equal(old, after[words])), "as it was")


# ---- conv2d_macs --------------------------------------------------------------------------------------------------
def _flops(call):
    with FlopCounterMode(display=False) as counter, torch.device("meta"), torch.no_grad():
        call()
    return counter.get_total_flops()
