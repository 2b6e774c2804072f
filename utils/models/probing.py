"""Looking into a network: which functions it calls, which kernels it has, how large gradients are on the way."""

from collections import Counter
from operator import attrgetter

import torch
from torch import fx, nn


def calls(module):
    """How often a module's forward calls each function or method, by name; it is traced, not run."""
    nodes = [node for node in fx.symbolic_trace(module).graph.nodes if node.op in ("call_function", "call_method")]
    return Counter(node.target if isinstance(node.target, str) else node.target.__name__ for node in nodes)


def kernel_sizes(*modules):
    """The convolutions in modules, counted by kernel: {"1×1": 4, "3×3": 2}, small ones first."""
    convolutions = [part for module in modules for part in module.modules() if isinstance(part, nn.Conv2d)]
    sizes = Counter("×".join(map(str, part.kernel_size)) for part in convolutions)
    return dict(sorted(sizes.items(), key=lambda item: (len(item[0]), item[0])))


def gradient_norms(module, names, loss):
    """The norm of loss(module)'s gradient at the output of each named part (dotted names), in their order.

    `loss` is a function of the module that runs it and returns one scalar tensor; a part must run exactly once.
    """
    outputs, hooks = {}, []
    for name in names:
        keep = lambda _, __, output, name=name: outputs.update({name: output})  # noqa: E731
        hooks.append(attrgetter(name)(module).register_forward_hook(keep))
    try:
        value = loss(module)
    finally:
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(value, [outputs[name] for name in names])
    return [gradient.norm().item() for gradient in gradients]


def kept_for_backward(module, *inputs):
    """Bytes of feature maps (4-D tensors) that a forward pass keeps for the backward pass, each piece of memory once.

    Parameters are not counted. It works on the meta device too.
    """
    own, kept = {p.untyped_storage()._cdata for p in module.parameters()}, {}

    def note(tensor):
        memory = tensor.untyped_storage()
        if tensor.dim() == 4 and memory._cdata not in own:
            kept[memory._cdata] = (
                memory.nbytes(),
                tensor,
            )  # keeping the tensor keeps its address from being used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        module(*inputs)
    return sum(size for size, _ in kept.values())
