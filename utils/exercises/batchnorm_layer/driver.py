"""Drives a learner's layer, or torch's, through the steps of a case and notes what a reader of its attributes sees.

A case has `arguments` of the constructor, in order, and `steps`, each a list that begins with a word: ["forward", x],
["backward", dout], ["eval"], ["train"], ["gamma +=", d] and ["beta +=", d], as an optimiser moves them, and
["layer", k], from where on layer k is meant; all layers are made at the start.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from utils.grading.run import InputChangedError, copied

RETURNS = ("training", "gamma", "beta", "outputs", "running_mean", "running_var", "dx", "dgamma", "dbeta")
PROTOCOL = (
    "the steps that the case names, in order, on a fresh layer; gamma and beta are moved by layer.gamma += …, as an "
    "optimiser does; item 0 of an attribute is the fresh layer's, item k is what it was after step k"
)
_MISSING = (
    "the layer has no {kind} `{name}`. The constructor sets gamma, beta, running_mean, running_var and training; "
    "backward sets dgamma and dbeta; the methods are forward, backward, train and eval."
)


def run(make: Callable, arguments: list, steps: list) -> dict[str, Any]:
    """What the steps gave: outputs and gradients one for each call, the attributes before and after every step."""
    layers = [make(*arguments) for _ in range(1 + max((step[1] for step in steps if step[0] == "layer"), default=0))]
    noted: dict[str, list] = {name: [] for name in RETURNS}
    layer = layers[0]
    _note(layer, noted)
    for word, *given in steps:
        if word == "layer":
            layer = layers[given[0]]
        else:
            _STEPS[word](layer, noted, *given)
        _note(layer, noted)
    return noted


def _note(layer: Any, noted: dict[str, list]) -> None:
    for name in ("training", "gamma", "beta", "running_mean", "running_var"):
        noted[name].append(copied(_get(layer, name)))


def _get(layer: Any, name: str, kind: str = "attribute") -> Any:
    try:
        return getattr(layer, name)
    except AttributeError:
        raise AttributeError(_MISSING.format(kind=kind, name=name)) from None


def _forward(layer: Any, noted: dict[str, list], x: np.ndarray) -> None:
    noted["outputs"].append(copied(_unchanged(_get(layer, "forward", "method"), x, "x")))


def _backward(layer: Any, noted: dict[str, list], dout: np.ndarray) -> None:
    noted["dx"].append(copied(_unchanged(_get(layer, "backward", "method"), dout, "dout")))
    for name in ("dgamma", "dbeta"):
        noted[name].append(copied(_get(layer, name)))


def _unchanged(method: Callable, array: np.ndarray, name: str) -> Any:
    """The method's value, unless it wrote into its argument."""
    given = array.copy()
    value = method(given)
    if not np.array_equal(given, array):
        raise InputChangedError(
            f"it changed its argument `{name}`. Work on a copy: `x = x - mean` makes a new array, `x -= mean` writes "
            "into the caller's."
        )
    return value


def _moved(name: str) -> Callable:
    def move(layer: Any, noted: dict[str, list], by: np.ndarray) -> None:
        value = _get(layer, name)
        if not isinstance(value, np.ndarray):  # a list of numbers is as good
            value = np.array(value, dtype=float)
        value += by  # in place, then bound again: what `layer.gamma += by` does
        setattr(layer, name, value)

    return move


_STEPS: dict[str, Callable] = {
    "forward": _forward,
    "backward": _backward,
    "eval": lambda layer, noted: _get(layer, "eval", "method")(),
    "train": lambda layer, noted: _get(layer, "train", "method")(),
    "gamma +=": _moved("gamma"),
    "beta +=": _moved("beta"),
}


# ---- the oracle ---------------------------------------------------------------------------------------------------


def oracle(arguments: list, steps: list) -> dict[str, Any]:
    """torch's batch norm driven through the same steps, its names in place of ours."""
    return run(torch_layer(), arguments, steps)


def torch_layer() -> type:
    """nn.BatchNorm1d and 2d in one, in the manner of the exercise."""
    import torch

    class AnyShape(torch.nn.modules.batchnorm._BatchNorm):
        def _check_input_dim(self, input: Any) -> None:
            """2-D and 4-D alike."""

    class TorchLayer:
        def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
            self.torch = AnyShape(num_features, eps, momentum, dtype=torch.float64)

        def forward(self, x: np.ndarray) -> np.ndarray:
            self.leaf = torch.tensor(x, requires_grad=True)
            self.out = self.torch(self.leaf)
            return self.out.detach().numpy()

        def backward(self, dout: np.ndarray) -> np.ndarray:
            wanted = (self.leaf, self.torch.weight, self.torch.bias)
            gradients = torch.autograd.grad(self.out, wanted, torch.from_numpy(dout), retain_graph=True)
            dx, self.dgamma, self.dbeta = (gradient.numpy() for gradient in gradients)
            return dx

        def train(self) -> None:
            self.torch.train()

        def eval(self) -> None:
            self.torch.eval()

        training = property(lambda self: self.torch.training)
        gamma = property(lambda self: self.torch.weight.detach().numpy(), lambda self, value: None)  # moved in place
        beta = property(lambda self: self.torch.bias.detach().numpy(), lambda self, value: None)
        running_mean = property(lambda self: self.torch.running_mean.numpy())
        running_var = property(lambda self: self.torch.running_var.numpy())

    return TorchLayer
