"""29 · What a network costs: parameters and multiply-adds. Oracle: torch's own flop counter, which counts twice."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils.grading.spec import Case, Exercise, Mistake, Question
from utils.models import counting

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
        Mistake("shared weights counted twice", "module.parameters() gives a shared parameter once; so must you.", _count(lambda m: (p for _, p in m.named_parameters(remove_duplicate=False)))),
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

# ---- conv2d_macs --------------------------------------------------------------------------------------------------


def _flops(call):
    with FlopCounterMode(display=False) as counter, torch.device("meta"), torch.no_grad():
        call()
    return counter.get_total_flops()


def _oracle_conv(c_in, c_out, kernel, height, width, groups=1):
    """torch's counter on a convolution whose output has that size; it counts a multiply-add as two."""
    layer = nn.Conv2d(c_in, c_out, kernel, groups=groups, bias=False, device="meta")
    return _flops(lambda: layer(torch.empty(1, c_in, height + kernel - 1, width + kernel - 1))) // 2


def _conv(formula):
    """A wrong formula in c, d (channels in, out), k, h, w, g."""
    return lambda c_in, c_out, kernel, height, width, groups=1: formula(c_in, c_out, kernel, height, width, groups)


def _group_by_group(c_in, c_out, kernel, height, width, groups=1):
    total = 0
    for _ in range(groups):
        total += (c_in // groups) * (c_out // groups) * kernel * kernel * height * width
    return total


def _from_weight(c_in, c_out, kernel, height, width, groups=1):
    weight = torch.empty(c_out, c_in // groups, kernel, kernel, device="meta")
    return weight.numel() * height * width


CONV = Exercise(
    name="conv2d_macs",
    returns=("multiply-adds",),
    oracle=_oracle_conv,
    cases=(
        Case("one channel, 3×3, one output pixel", lambda rng: dict(c_in=1, c_out=1, kernel=3, height=1, width=1)),
        Case("2 to 3 channels, 1×1, on 4×5", lambda rng: dict(c_in=2, c_out=3, kernel=1, height=4, width=5)),
        Case("6 to 4 channels, 3×3, on 7×5, two groups", lambda rng: dict(c_in=6, c_out=4, kernel=3, height=7, width=5, groups=2)),
        Case("depthwise: 8 groups of one channel", lambda rng: dict(c_in=8, c_out=8, kernel=5, height=3, width=6, groups=8)),
        Case("ResNet's first layer", lambda rng: dict(c_in=3, c_out=64, kernel=7, height=112, width=112)),
        Case("ResNeXt's grouped 3×3", lambda rng: dict(c_in=1024, c_out=1024, kernel=3, height=14, width=14, groups=32)),
    ),
    mistakes=(
        Mistake("multiply-adds doubled (FLOPs)", "One multiplication and one addition are one multiply-add: do not double.", _conv(lambda c, d, k, h, w, g: 2 * c * d * k * k * h * w // g)),
        Mistake("multiplications and additions counted exactly", "That is 2n − 1 operations for a sum of n products; asked for are the n multiply-adds.", _conv(lambda c, d, k, h, w, g: (2 * c * k * k // g - 1) * d * h * w)),
        Mistake("groups ignored", "In a grouped convolution each output sees c_in / groups channels only.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w)),
        Mistake("divided by groups twice", "c_in is divided by groups, c_out is not: all c_out maps are computed.", _conv(lambda c, d, k, h, w, g: (c // g) * (d // g) * k * k * h * w)),
        Mistake("multiplied by groups", "More groups mean fewer products: c_in / groups for each output.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w * g)),
        Mistake("biases counted as multiply-adds", "A bias is an addition without a multiplication; by convention it is not counted.", _conv(lambda c, d, k, h, w, g: (c * k * k // g + 1) * d * h * w)),
        Mistake("positions forgotten (parameters)", "That is the number of weights; each of them is used at every one of height·width positions.", _conv(lambda c, d, k, h, w, g: c * d * k * k // g)),
        Mistake("kernel not squared", "A k×k kernel has k² taps.", _conv(lambda c, d, k, h, w, g: c * d * k * h * w // g)),
        Mistake("kernel left out", "Each output sums c_in/groups · k² products.", _conv(lambda c, d, k, h, w, g: c * d * h * w // g)),
        Mistake("input channels left out", "Each output sums over all channels of its group: c_in/groups · k² products.", _conv(lambda c, d, k, h, w, g: d * k * k * h * w)),
        Mistake("output channels left out", "That is one output map; there are c_out of them.", _conv(lambda c, d, k, h, w, g: c * k * k * h * w // g)),
        Mistake("height and width taken for the input's", "height and width are those of the output: nothing is to be subtracted.", _conv(lambda c, d, k, h, w, g: c * d * k * k * (h - k + 1) * (w - k + 1) // g)),
        Mistake("square map assumed (height²)", "height · width.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * h // g)),
        Mistake("square map assumed (width²)", "height · width.", _conv(lambda c, d, k, h, w, g: c * d * k * k * w * w // g)),
        Mistake("channels added instead of multiplied", "Every output map reads every input map of its group: c_in/groups · c_out.", _conv(lambda c, d, k, h, w, g: (c // g + d) * k * k * h * w)),
        Mistake("a float instead of an int", "A count is an int: divide with //.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w / g)),
        Mistake("in billions", "Return the exact count, an int.", _conv(lambda c, d, k, h, w, g: c * d * k * k * h * w / g / 1e9)),
    ),
    accepts=(_group_by_group, _from_weight),
    verified="exact against torch's flop counter, groups and maps that are not square included",
)  # fmt: skip

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

QUESTION = Question(chapter=3, minutes=40, exercises=(COUNT, CONV, MACS), torch=True)
