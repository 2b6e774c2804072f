"""Looking into a network: which functions it calls, which kernels it has, how large gradients are on the way."""

from collections import Counter
from operator import attrgetter

import torch
from torch import fx, nn
from torch.utils._python_dispatch import TorchDispatchMode


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
            # Keeping the tensor keeps its address from being used again.
            kept[memory._cdata] = memory.nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        module(*inputs)
    return sum(size for size, _ in kept.values())


def depth(module):
    """The layers with weights on the longest way through a network: 50 for ResNet-50. It is traced, not run."""
    layers, longest = dict(module.named_modules()), {}
    for node in fx.symbolic_trace(module).graph.nodes:
        own = node.op == "call_module" and isinstance(layers[node.target], nn.Conv2d | nn.Linear)
        longest[node] = own + max((longest[before] for before in node.all_input_nodes), default=0)
    return max(longest.values())


def activations(module, input_shape):
    """How many numbers leave the convolutions and linear layers for one image."""
    numbers = []
    hooks = [
        part.register_forward_hook(lambda layer, inputs, output: numbers.append(output.numel()))
        for part in module.modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        module.eval()(torch.empty(1, *input_shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return sum(numbers)


def bytes_moved(module, input_shape, batch=1):
    """Bytes that the operations of a forward pass read and write, views apart, of a module on the meta device."""
    images = torch.empty(batch, *input_shape, device="meta")
    with torch.no_grad(), Traffic() as traffic:
        module.eval()(images)
    return traffic.total


class Traffic(TorchDispatchMode):
    """Adds up the bytes that go into and come out of the operations inside."""

    total = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view:
            leaves = torch.utils._pytree.tree_leaves((args, kwargs, result))
            self.total += sum(leaf.nbytes for leaf in leaves if isinstance(leaf, torch.Tensor))
        return result
