"""What a network costs: parameters, multiply-adds, and the shapes on the way.

Everything is measured on a copy on the meta device, where a tensor has a shape and no memory.
"""

import copy
import math
from typing import NamedTuple

import torch
from torch import nn

# Each output of the first sums weight[0].numel() products; of the second, each input is spread over as many.
GATHERING = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
SPREADING = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def count_parameters(module, trainable_only=True):
    """The number of parameters, a shared one once. Buffers, like running statistics, are not parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable_only)


def model_macs(module, input_shape):
    """Multiply-adds of one image through the convolutions and linear layers, at each use and each position.

    input_shape has no batch axis: (3, 224, 224). Biases, norms, activations and pooling are not counted, nor
    are they in what the papers call FLOPs. The module is left as it was.
    """
    macs = []

    def count(layer, inputs, output):
        positions = inputs[0] if isinstance(layer, SPREADING) else output
        macs.append(positions.numel() * math.prod(layer.weight.shape[1:]))

    twin = meta_copy(module)
    for layer in twin.modules():
        if isinstance(layer, GATHERING + SPREADING):
            layer.register_forward_hook(count)
    run(twin, input_shape)
    return sum(macs)


class Row(NamedTuple):
    """One line of `describe`: a part of the network, the shape that leaves it, its trainable parameters."""

    name: str
    shape: tuple
    parameters: int


def describe(module, input_shape, depth=1):
    """The parts of a network in the order they finish, as rows (name, output shape, parameters).

    Shapes have no batch axis. depth says how far down to look: 1 for the stages, 2 for their blocks; a part
    without parts is listed as it is. A part that runs twice has two rows; a part that does not run has none.
    Parameters stand in the first row that uses them, so that the column adds up.
    """
    rows, counted = [], set()

    def note(part, _, output):
        new = set(part.parameters()) - counted
        counted.update(new)
        rows.append(Row(names[part], shape_of(output), sum(p.numel() for p in new if p.requires_grad)))

    twin = meta_copy(module)
    names = parts_of(twin, depth) or {twin: type(twin).__name__}
    for part in names:
        part.register_forward_hook(note)
    run(twin, input_shape)
    return rows


def parts_of(module, depth, prefix=""):
    """The dotted name of each part at `depth`, by part. A list or dictionary of modules is not a level."""
    names = {}
    for name, part in module.named_children():
        is_list = type(part) in (nn.ModuleList, nn.ModuleDict)
        go_on = is_list or depth > 1
        inside = parts_of(part, depth - (not is_list), f"{prefix}{name}.") if go_on else {}
        names |= inside if is_list or inside else {part: f"{prefix}{name}"}
    return names


def shape_of(output):
    """The shape without the batch axis; of several outputs, a tuple of shapes."""
    return tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else tuple(map(shape_of, output))


def meta_copy(module):
    """A copy in evaluation mode on the meta device, made without copying a weight."""
    tensors = [*module.parameters(), *module.buffers()]
    for part in module.modules():  # tensors kept as plain attributes would stay behind on the CPU
        tensors += [value for value in vars(part).values() if isinstance(value, torch.Tensor)]
    twins = {id(tensor): on_meta(tensor) for tensor in tensors}
    return copy.deepcopy(module, twins).eval()


def on_meta(tensor):
    """The tensor's shape and type on the meta device; a parameter stays a parameter."""
    twin = tensor.detach().to("meta")
    return nn.Parameter(twin, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin


def run(module, input_shape):
    """One image of input_shape through a module on the meta device."""
    dtypes = (p.dtype for p in module.parameters() if p.is_floating_point())
    dtype = next(dtypes, torch.get_default_dtype())
    with torch.device("meta"), torch.no_grad():
        module(torch.empty(1, *input_shape, dtype=dtype))
