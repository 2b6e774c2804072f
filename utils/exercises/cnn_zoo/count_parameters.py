"""count_parameters: cases, oracle, mistakes."""

import math

import torch
from torch import nn

from utils.exercises.cnn_zoo.shared import NETWORKS, _changed, _state
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import counting


def _run_count(function, network, trainable_only=None):
    """The function's count, and what became of the module that it was given."""
    module = NETWORKS[network]()
    before = _state(module)
    counted = function(module) if trainable_only is None else function(module, trainable_only)
    return {"parameters": counted, "the caller's module": _changed(before, module)}


def _every(module):
    """Each parameter once, found by hand in every module's own table."""
    return {id(p): p for part in module.modules() for p in part._parameters.values() if p is not None}.values()


def _oracle_count(network, trainable_only=True):
    chosen = [p for p in _every(NETWORKS[network]()) if p.requires_grad or trainable_only is False]
    counted = int(nn.utils.parameters_to_vector(chosen).numel()) if chosen else 0
    return {"parameters": counted, "the caller's module": "as it was"}


def _count(tensors=lambda module: module.parameters(), keep=lambda p, trainable_only: p.requires_grad or not trainable_only, size=torch.numel):  # fmt: skip
    """A counter with one part exchanged: which tensors, which of them are kept, how large each is."""

    def wrong(module, trainable_only=True):
        return sum(size(p) for p in tensors(module) if keep(p, trainable_only))

    return wrong


def _layers(module):
    """The parameters of convolutions and linear layers alone."""
    return (p for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear)) for p in m.parameters())


def _children(module):
    """One level down and no further; the module itself when it has no parts."""
    return (p for m in (list(module.children()) or [module]) for p in m.parameters(recurse=False))


def _buffers_too(module, trainable_only=True):
    right = _count()(module, trainable_only)
    return right + sum(b.numel() for b in module.buffers())


def _running_statistics_too(module, trainable_only=True):
    right = _count()(module, trainable_only)
    return right + sum(b.numel() for b in module.buffers() if b.dim())


def _freezing(module, trainable_only=True):
    counted = _count()(module, trainable_only)
    module.requires_grad_(False)
    return counted


def _by_names(module, trainable_only=True):
    total = 0
    for _, parameter in module.named_parameters():
        if not trainable_only or parameter.requires_grad:
            total += math.prod(parameter.shape)
    return total


def _recursive(module, trainable_only=True, seen=None):
    seen = set() if seen is None else seen
    total = 0
    for p in module.parameters(recurse=False):
        if id(p) not in seen and (p.requires_grad or not trainable_only):
            total += p.nelement()
        seen.add(id(p))
    return total + sum(_recursive(child, trainable_only, seen) for child in module.children())


COUNT = Exercise(
    name="count_parameters",
    returns=("parameters", "the caller's module"),
    oracle=_oracle_count,
    run=_run_count,
    protocol="the function's count, and whether the caller's module is as it was",
    cases=(
        Case("a linear layer, 3 to 2", lambda rng: dict(network="linear")),
        Case("a 3×3 convolution, 1 to 2 channels", lambda rng: dict(network="convolution")),
        Case("batch norm of 6 channels", lambda rng: dict(network="batch norm")),
        Case("grouped convolutions, one without a bias", lambda rng: dict(network="grouped")),
        Case("a small CNN", lambda rng: dict(network="small CNN")),
        Case("a small CNN, partly frozen", lambda rng: dict(network="partly frozen")),
        Case("a small CNN, partly frozen, all parameters", lambda rng: dict(network="partly frozen", trainable_only=False)),
        Case("a frozen layer", lambda rng: dict(network="frozen", trainable_only=True)),
        Case("a frozen layer, all parameters", lambda rng: dict(network="frozen", trainable_only=False)),
        Case("two layers that share a weight", lambda rng: dict(network="tied")),
        Case("parameters outside of layers, one of them a number", lambda rng: dict(network="scaled")),
        Case("no parameters", lambda rng: dict(network="no parameters")),
    ),
    mistakes=(
        Mistake("buffers counted", "Running statistics and the batch counter are buffers: state, but not parameters. Use module.parameters().", _buffers_too),
        Mistake("running statistics counted", "Running mean and variance are buffers, not parameters; Keras lists them as \"non-trainable parameters\", torch does not.", _running_statistics_too),
        Mistake("everything in the state dict counted", "The state dict has the buffers too, and shared weights twice. Use module.parameters().", lambda module, trainable_only=True: sum(t.numel() for t in module.state_dict().values())),
        Mistake("shared weights counted twice", "module.parameters() gives a shared parameter once: count it once.", _count(lambda m: (p for _, p in m.named_parameters(remove_duplicate=False)))),
        Mistake("tensors counted instead of their entries", "Sum numel() over the parameters.", _count(size=lambda p: 1)),
        Mistake("only the first axis counted", "len() of a tensor is its first axis; numel() counts all entries.", _count(size=lambda p: p.shape[0] if p.dim() else 1)),
        Mistake("frozen parameters always counted", "By default only parameters with requires_grad count.", _count(keep=lambda p, trainable_only: True)),
        Mistake("frozen parameters never counted", "With trainable_only=False the frozen ones count too.", _count(keep=lambda p, trainable_only: p.requires_grad)),
        Mistake("trainable_only the other way round", "trainable_only=True leaves the frozen ones out.", _count(keep=lambda p, trainable_only: p.requires_grad or trainable_only)),
        Mistake("only frozen ones where all are asked for", "trainable_only=False means all of them, trainable or not.", _count(keep=lambda p, trainable_only: p.requires_grad == trainable_only)),
        Mistake("only the module's own parameters", "Go down into the parts: module.parameters() does it by itself.", _count(lambda m: m.parameters(recurse=False))),
        Mistake("only one level down", "Parts have parts: module.parameters() or module.modules() finds all of them, children() only the first level.", _count(_children)),
        Mistake("only convolutions and linear layers", "γ and β of batch norm are learnt too, and a module may own parameters itself.", _count(_layers)),
        Mistake("biases (and γ, β) left out", "Vectors are parameters too: biases, γ and β.", _count(keep=lambda p, trainable_only: p.dim() > 1 and (p.requires_grad or not trainable_only))),
        Mistake("weights left out", "Every parameter counts, whatever its number of axes.", _count(keep=lambda p, trainable_only: p.dim() <= 1 and (p.requires_grad or not trainable_only))),
        Mistake("bytes instead of entries", "numel() entries; four bytes each is the memory.", _count(size=lambda p: p.numel() * p.element_size())),
        Mistake("a float instead of an int", "A count is an int.", lambda module, trainable_only=True: float(_by_names(module, trainable_only))),
        Mistake("the caller's parameters are frozen on the way", "Counting only reads: do not touch requires_grad.", _freezing),
        Mistake("in millions", "Return the exact count, an int.", lambda module, trainable_only=True: _by_names(module, trainable_only) / 1e6),
    ),
    accepts=(_by_names, _recursive, counting.count_parameters),
    verified="exact on nine kinds of modules: nested, frozen, shared, without parameters",
)  # fmt: skip
