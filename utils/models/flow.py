"""A block's data flow, read off the module itself by torch.fx, laid out for `plots.graph`.

`plots.graph(*dataflow(block, (64, 28, 28)), "title")` draws any module whose forward torch.fx can trace. Convolutions,
pools and sums get a box each; what works entry by entry (batch norm, ReLU) is written into the box it follows.
"""

from itertools import accumulate, pairwise

import torch
from scipy.optimize import isotonic_regression
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from .counting import meta_copy

HALF_PAGE = 3.15  # inches from the middle to the outermost point that `plots.graph` keeps at a unit of one inch
CHARACTER, LINE = 0.082, 0.17  # inches, of the text in a box
WORDS = {
    nn.BatchNorm2d: "BN", nn.BatchNorm1d: "BN", nn.Softmax: "softmax", nn.Flatten: "flatten", nn.Dropout: "dropout",
    nn.Dropout2d: "dropout", nn.LocalResponseNorm: "LRN",
}  # fmt: skip
CALLS = {"add": "+", "iadd": "+", "add_": "+", "cat": "concatenate", "concat": "concatenate", "clamp": "ReLU",
         "relu": "ReLU", "relu_": "ReLU", "mul": "×", "imul": "×"}  # fmt: skip


class _Tracer(fx.Tracer):
    """Traces into everything but torch's own layers and the classes named."""

    def __init__(self, leaves):
        super().__init__()
        self.leaves = leaves

    def is_leaf_module(self, m, module_qualified_name):
        return isinstance(m, self.leaves) or super().is_leaf_module(m, module_qualified_name)


def dataflow(module, input_shape, *, leaves=()):
    """(nodes, edges) of a module for `plots.graph`, from its input of shape (C, H, W) or (n,) downwards.

    Each box has the operation, its channels, the shape that leaves it and its number of parameters. `leaves`: classes
    to be drawn as one box each. The module is left as it was; it runs once on the meta device.
    """
    twin = meta_copy(module)
    graph = _Tracer(tuple(leaves)).trace(twin)
    ShapeProp(fx.GraphModule(twin, graph)).propagate(torch.empty(1, *input_shape, device="meta"))
    boxes = _boxes(graph, dict(twin.named_modules()))
    at, crowded = _layout(boxes)
    nodes = {point: (*at[point], "", "point") for point in at}
    nodes |= {key: (*at[key], box.text(crowded), box.kind) for key, box in boxes.items()}
    return nodes, [(*pair, None) for chain in _chains(boxes) for pair in pairwise(chain)]


class _Box:
    """One box: the operation that opens it and the entrywise ones that follow."""

    def __init__(self, node, modules, inputs):
        self.key, self.inputs = node.name, inputs
        self.title, self.more, self.kind = _describe(node, modules)
        self.rank = 0
        self.parameters = 0
        self.absorb_size(node, modules)

    def absorb_size(self, node, modules):
        self.shape = _shape(node)
        own = modules[node.target].parameters() if node.op == "call_module" else ()
        self.parameters += sum(parameter.numel() for parameter in own)

    def absorb(self, node, modules):
        self.more = [*self.more, _describe(node, modules)[0]]
        self.absorb_size(node, modules)

    def text(self, crowded):
        """A few short lines; where boxes are crowded, what stands side by side goes below one another."""
        size = ["×".join(map(str, self.shape))] + [f"{self.parameters:,} par."] * bool(self.parameters)
        lines = [", ".join(self.more[:1]), ", ".join(self.more[1:]), *size]
        lines = lines if crowded else [", ".join(self.more), " · ".join(size)]
        return "\n".join(line for line in [self.title, *lines] if line)


def _boxes(graph, modules):
    """Boxes by key, in order of execution; a box takes in the entrywise operations that only it feeds."""
    boxes, home = {}, {}
    for node in graph.nodes:
        if node.op in ("get_attr", "output"):
            continue
        sources = [home[source] for source in node.all_input_nodes if source in home]
        is_identity = node.op == "call_module" and type(modules[node.target]) is nn.Identity
        if is_identity and sources:
            home[node] = sources[0]
        elif len(sources) == 1 and _is_entrywise(node, modules) and _only_use(node, sources[0], home):
            boxes[sources[0]].absorb(node, modules)
            home[node] = sources[0]
        else:
            box = _Box(node, modules, list(dict.fromkeys(sources)))
            box.rank = 1 + max((boxes[source].rank for source in sources), default=-1)
            boxes[node.name], home[node] = box, node.name
    return boxes


def _only_use(node, source, home):
    """Is this the only operation that reads what the box puts out? Never true of the input, which stays bare."""
    before = node.all_input_nodes[0]
    return before.op != "placeholder" and len(before.users) == 1 and home[before] == source


def _is_entrywise(node, modules):
    if node.op == "call_module":
        module = modules[node.target]
        bare = (
            not list(module.parameters()) and not hasattr(module, "kernel_size") and not hasattr(module, "output_size")
        )
        return bare or isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
    return _called(node) in ("relu", "relu_", "clamp", "tanh", "sigmoid", "dropout", "mul", "imul", "flatten")


def _called(node):
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _describe(node, modules):
    """(title, further words, kind of box) of an operation."""
    if node.op == "placeholder":
        return "input", [], "input"
    if node.op == "call_module":
        return _describe_module(modules[node.target])
    name = _called(node)
    number = next((arg for arg in node.args if isinstance(arg, (int, float))), "")
    title = f"{CALLS.get(name, name.replace('_', ' '))} {number if name in ('mul', 'imul') else ''}".strip()
    return title, [], "output" if title in ("+", "concatenate") else "plain"


def _describe_module(module):
    if isinstance(module, nn.Conv2d):
        groups = [f"{module.groups} groups"] if module.groups > 1 else []
        channels = f"{module.in_channels} → {module.out_channels}"
        return f"{_kernel(module)} conv{_stride(module)}", [channels, *groups], "op"
    if isinstance(module, nn.Linear):
        return "linear", [f"{module.in_features} → {module.out_features}"], "parameter"
    name = type(module).__name__
    if hasattr(module, "kernel_size"):
        return f"{_kernel(module)} {'max' if 'Max' in name else 'average'} pool{_stride(module)}", [], "plain"
    if hasattr(module, "output_size"):
        return "average pool" if "Avg" in name else "max pool", [], "plain"
    return WORDS.get(type(module), name), [], "plain"


def _pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def _kernel(module):
    return "×".join(map(str, _pair(module.kernel_size)))


def _stride(module):
    stride = _pair(module.stride)
    return "" if stride == (1, 1) else f", stride {stride[0]}"


def _shape(node):
    meta = node.meta.get("tensor_meta")
    return tuple(meta.shape[1:]) if hasattr(meta, "shape") else ()


def _chains(boxes):
    """Every arrow, as the points it passes: from a box, by a corner (from, to, rank) in each row between, to a box."""
    for box in boxes.values():
        for source in box.inputs:
            between = range(boxes[source].rank + 1, box.rank)
            yield [source, *((source, box.key, rank) for rank in between), box.key]


def _layout(boxes):
    """Where each box and each corner stands, in inches, and whether boxes are crowded. Two points pin the width."""
    place, rank_of = _columns(boxes)
    reach = max(place.values()) - min(place.values())
    crowded, gap = False, _gap(boxes, False, reach)
    if reach and gap < _widest(boxes, False):
        crowded, gap = True, _gap(boxes, True, reach)
    rows = [[key for key in boxes if rank_of[key] == rank] for rank in range(1 + max(rank_of.values()))]
    heights = [LINE * max(_lines(boxes[key], crowded) for key in row) + 0.2 for row in rows]
    tops = [0.0]
    for above, below in pairwise(heights):
        tops.append(tops[-1] - (above + below) / 2 - 0.32)
    middle = (max(place.values()) + min(place.values())) / 2
    lifted = _lifted(boxes, place)
    at = {
        point: (gap * (x - middle), tops[rank_of[point]] + lifted.get(point, 0) * (heights[rank_of[point]] / 2 + 0.05))
        for point, x in place.items()
    }
    return at | {"left edge": (-HALF_PAGE, 0.0), "right edge": (HALF_PAGE, 0.0)}, crowded


def _lifted(boxes, place):
    """Which corners stand at the upper rim of their row (1) or the lower (-1): slanting arrows then clear the boxes."""
    lifted = {}
    for chain in _chains(boxes):
        corners = chain[1:-1]
        if corners:
            slants = [abs(place[a] - place[b]) > 0.1 for a, b in (chain[:2], chain[-2:])]
            lifted[corners[0]] = lifted.get(corners[0], 0) + slants[0]
            lifted[corners[-1]] = lifted.get(corners[-1], 0) - slants[1]
    return lifted


def _lines(box, crowded):
    return box.text(crowded).count("\n") + 1


def _widest(boxes, crowded):
    """Inches that the widest box takes, with a little air."""
    return CHARACTER * max(len(line) for box in boxes.values() for line in box.text(crowded).split("\n")) + 0.3


def _gap(boxes, crowded, reach):
    """Inches between columns: as the page allows, and no more than reads well."""
    return min(2.7, (2 * HALF_PAGE + 1.2 - _widest(boxes, crowded)) / reach) if reach else 0.0


def _columns(boxes):
    """(x, row) of every point, row by row: below what feeds it as nearly as its neighbours let it stand."""
    rank_of = {box.key: box.rank for box in boxes.values()}
    feeds = {key: [] for key in boxes}
    for chain in _chains(boxes):
        rank_of |= {point: point[2] for point in chain[1:-1]}
        for before, after in pairwise(chain):
            feeds.setdefault(after, []).append(before)
    place = {}
    for rank in range(1 + max(rank_of.values())):
        wish = {p: sum(place[b] for b in feeds[p]) / max(len(feeds[p]), 1) for p in rank_of if rank_of[p] == rank}
        row = sorted(wish, key=wish.get)
        room = [(1 if a in boxes and b in boxes else 0.7) for a, b in pairwise(row)]
        least = list(accumulate(room, initial=0.0))
        moved = isotonic_regression([wish[point] - x for point, x in zip(row, least, strict=True)]).x
        place |= {point: float(x) + y for point, x, y in zip(row, moved, least, strict=True)}
    return place, rank_of
