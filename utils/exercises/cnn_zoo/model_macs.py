"""model_macs: cases, oracle, mistakes."""

import copy
import math

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils.exercises.cnn_zoo.shared import NETWORKS, _changed, _flops, _state
from utils.grading.spec import Case, Exercise, Mistake
from utils.models import counting


# ---- model_macs ---------------------------------------------------------------------------------------------------
def _run_macs(function, network, input_shape):
    """The function's count, what it ran on, and what became of the module that it was given."""
    module, devices = NETWORKS[network](), []
    module.register_forward_pre_hook(lambda _, inputs: devices.append(inputs[0].device.type))
    before = _state(module)
    counted = function(module, input_shape)
    memory = "real memory" if {*devices} - {"meta"} else "the meta device"
    return {"multiply-adds": counted, "where it ran": memory, "the caller's module": _changed(before, module)}


def _oracle_macs(network, input_shape):
    net = NETWORKS[network]().to("meta").eval()
    counted = _flops(lambda: net(torch.empty(1, *input_shape))) // 2
    return {"multiply-adds": counted, "where it ran": "the meta device", "the caller's module": "as it was"}


def _cost(layer, x, y):
    return y.numel() * layer.weight[0].numel()


def _of_conv(formula):
    """One cost for convolutions, the right one for linear layers."""
    return lambda layer, x, y: formula(layer, x, y) if isinstance(layer, nn.Conv2d) else _cost(layer, x, y)


def _of_linear(formula):
    return lambda layer, x, y: formula(layer, x, y) if isinstance(layer, nn.Linear) else _cost(layer, x, y)


def _macs(*, cost=_cost, kinds=(nn.Conv2d, nn.Linear), parts=lambda net: net.modules(), twin=lambda m: copy.deepcopy(m).to("meta"), evaluate=True, tidy=True, total=sum):  # fmt: skip
    """A counter with one part exchanged: the cost of a layer, the layers, the copy, the mode, the sum."""

    def wrong(module, input_shape):
        net, found = twin(module), []
        net = net.eval() if evaluate else net
        hooks = [
            part.register_forward_hook(lambda layer, inputs, y: found.append((layer, cost(layer, inputs[0], y))))
            for part in parts(net)
            if isinstance(part, kinds)
        ]
        device = next((p.device for p in net.parameters()), "meta")
        with torch.no_grad():
            net(torch.zeros(1, *input_shape, device=device))
        if tidy:
            for hook in hooks:
                hook.remove()
        return total([macs for _, macs in found]) if total is sum else total(found)

    return wrong


def _itself(module):
    return module


def _once(found):
    return sum(dict(found).values())


def _static(module, input_shape):
    """Weights of all layers, used or not, at the positions of the input."""
    positions = math.prod(input_shape[1:])
    return sum(m.weight.numel() * positions for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))


def _weights(module, input_shape):
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))


def _no_batch_axis(module, input_shape):
    net, found = copy.deepcopy(module).to("meta").eval(), []
    for part in net.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            part.register_forward_hook(lambda layer, inputs, y: found.append(_cost(layer, inputs[0], y)))
    net(torch.empty(input_shape, device="meta"))
    return sum(found)


def _norms_too(layer, x, y):
    return y.numel() if isinstance(layer, nn.BatchNorm2d) else _cost(layer, x, y)


def _by_flop_counter(module, input_shape):
    net = copy.deepcopy(module).to(torch.device("meta")).eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.rand((1, *input_shape), device="meta"))
    return counter.get_total_flops() // 2


def _by_formula(module, input_shape):
    """A list of hooks, written-out formulas, one per kind of layer."""
    net, total = copy.deepcopy(module).to(device="meta"), [0]
    net.train(False)

    def conv(layer, args, out):
        k1, k2 = layer.kernel_size
        taps = layer.in_channels * k1 * k2
        total[0] += layer.out_channels * taps * out.shape[-2] * out.shape[-1] // layer.groups

    def linear(layer, args, out):
        total[0] += layer.in_features * layer.out_features * (math.prod(out.shape) // layer.out_features)

    for _, part in net.named_modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(conv)
        elif isinstance(part, nn.Linear):
            part.register_forward_hook(linear)
    with torch.device("meta"):
        net(torch.ones([1, *input_shape]))
    return total[0]


def _by_pre_hooks(module, input_shape):
    """Weights times positions, the positions by running the layer's own function again."""
    net, counts = copy.deepcopy(module).eval().to("meta"), []
    forwards = {nn.Conv2d: nn.Conv2d.forward, nn.Linear: nn.Linear.forward}

    def pre(layer, inputs):
        out = forwards[type(layer)](layer, *inputs)
        axis = 1 if isinstance(layer, nn.Conv2d) else -1
        counts.append(layer.weight.numel() * (out.numel() // out.shape[axis]))

    for part in net.modules():
        if type(part) in forwards:
            part.register_forward_pre_hook(pre)
    with torch.inference_mode():
        net(torch.empty(1, *input_shape, device="meta"))
    return sum(counts)


MACS = Exercise(
    name="model_macs",
    returns=("multiply-adds", "where it ran", "the caller's module"),
    oracle=_oracle_macs,
    run=_run_macs,
    protocol="the function's count, on which device the network ran, and whether the caller's module is as it was",
    cases=(
        Case("a linear layer, 3 to 2", lambda rng: dict(network="linear", input_shape=(3,))),
        Case("a 3×3 convolution on 5×5", lambda rng: dict(network="convolution", input_shape=(1, 5, 5))),
        Case("grouped, strided, a 1×3 kernel, on 9×6", lambda rng: dict(network="grouped", input_shape=(4, 9, 6))),
        Case("a part within a part, on 8×10", lambda rng: dict(network="nested", input_shape=(1, 8, 10))),
        Case("batch norm on a single pixel", lambda rng: dict(network="single pixel", input_shape=(2, 3, 3))),
        Case("linear layers at each of 7 positions", lambda rng: dict(network="sequence", input_shape=(7, 4))),
        Case("one convolution used twice, one never", lambda rng: dict(network="twice", input_shape=(2, 6, 4))),
        Case("two layers that share a weight", lambda rng: dict(network="tied", input_shape=(3,))),
        Case("a network that is on the meta device", lambda rng: dict(network="on meta", input_shape=(3, 6, 7))),
        Case("nothing to count", lambda rng: dict(network="no parameters", input_shape=(2, 4, 4))),
    ),
    mistakes=(
        Mistake("multiply-adds doubled (FLOPs)", "A multiplication and an addition are one multiply-add (torch's flop counter counts two), and the batch has one image.", _macs(cost=lambda layer, x, y: 2 * _cost(layer, x, y))),
        Mistake("groups ignored", "In a grouped convolution an output sees in_channels / groups channels: weight.shape[1], not in_channels.", _macs(cost=_of_conv(lambda layer, x, y: y.numel() * layer.in_channels * math.prod(layer.kernel_size)))),
        Mistake("biases counted as multiply-adds", "A bias is an addition without a multiplication; by convention it is not counted.", _macs(cost=lambda layer, x, y: _cost(layer, x, y) + (0 if layer.bias is None else y.numel()))),
        Mistake("batch norm counted too", "By convention only convolutions and linear layers are counted.", _macs(kinds=(nn.Conv2d, nn.Linear, nn.BatchNorm2d), cost=_norms_too)),
        Mistake("positions forgotten (parameters)", "Each weight of a convolution is used at every position of its output.", _weights),
        Mistake("the network's input size used for every layer", "The maps shrink on the way: run the network and look at each layer's own output.", _static),
        Mistake("input positions instead of output positions", "With a stride or without padding the output has fewer positions than the input: count the output's.", _macs(cost=_of_conv(lambda layer, x, y: layer.weight.numel() * math.prod(x.shape[2:])))),
        Mistake("square kernel assumed", "A kernel may be 1×3: take the product of both sides.", _macs(cost=_of_conv(lambda layer, x, y: y.numel() * layer.weight.shape[1] * layer.kernel_size[0] ** 2))),
        Mistake("kernel not squared", "A k×k kernel has k² taps.", _macs(cost=_of_conv(lambda layer, x, y: y.numel() * layer.weight.shape[1] * layer.kernel_size[0]))),
        Mistake("kernel left out", "An output of a convolution sums channels × taps products.", _macs(cost=_of_conv(lambda layer, x, y: y.numel() * layer.weight.shape[1]))),
        Mistake("square map assumed", "The map may be wider than high: multiply both sides.", _macs(cost=_of_conv(lambda layer, x, y: layer.weight.numel() * y.shape[-1] ** 2))),
        Mistake("output channels left out", "All maps of the output have to be computed.", _macs(cost=_of_conv(lambda layer, x, y: y[0, 0].numel() * layer.weight[0].numel()))),
        Mistake("linear layer at one position only", "A linear layer is applied at each position of its input: (7, 4) in, 7 times the weights.", _macs(cost=_of_linear(lambda layer, x, y: layer.weight.numel()))),
        Mistake("linear layers forgotten", "Linear layers count too: in_features · out_features at each position.", _macs(kinds=(nn.Conv2d,))),
        Mistake("convolutions forgotten", "Convolutions count too, at each position of their output.", _macs(kinds=(nn.Linear,))),
        Mistake("a layer that is used twice counted once", "Add up in the hook, at every call: the same layer may run again, on another map.", _macs(total=_once)),
        Mistake("only the top level searched", "Parts have parts: hook everything in modules(), not in children().", _macs(parts=lambda net: list(net.children()) or [net])),
        Mistake("the module itself left out", "The module may itself be a layer: modules() has it, children() does not.", _macs(parts=lambda net: [m for m in net.modules() if m is not net])),
        Mistake("no batch axis", "input_shape has no batch axis: run torch.empty(1, *input_shape).", _no_batch_axis),
        Mistake("run in training mode", "Put the copy in evaluation mode first: batch norm refuses a single value per channel, and auxiliary heads would run.", _macs(evaluate=False)),
        Mistake("the caller's module moved to the meta device", "module.to(\"meta\") moves the module itself, and its weights are gone: copy it first, copy.deepcopy(module).", _macs(twin=lambda m: m.to("meta"))),
        Mistake("run in real memory", "Put the copy on the meta device, where a tensor has a shape and no memory: VGG-16 then costs no arithmetic.", _macs(twin=copy.deepcopy)),
        Mistake("run on the caller's module, left in evaluation mode", "Work on a copy on the meta device; the caller's module must keep its mode.", _macs(twin=_itself)),
        Mistake("run on the caller's module, hooks left on", "Work on a copy on the meta device; hooks left behind go on counting at the caller's next pass.", _macs(twin=_itself, evaluate=False, tidy=False)),
        Mistake("run on the caller's module in training mode", "A training pass changes the running statistics: work on a copy, on the meta device, in evaluation mode.", _macs(twin=_itself, evaluate=False)),
        Mistake("a float instead of an int", "A count is an int.", _macs(cost=lambda layer, x, y: 1.0 * _cost(layer, x, y))),
        Mistake("in billions", "Return the exact count, an int.", _macs(cost=lambda layer, x, y: _cost(layer, x, y) / 1e9)),
    ),
    accepts=(_by_flop_counter, _by_formula, _by_pre_hooks, counting.model_macs),
    verified="exact against torch's flop counter on ten networks; run on the meta device, the caller's module as it was",
)  # fmt: skip
