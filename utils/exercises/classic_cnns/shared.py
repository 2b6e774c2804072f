"""What several exercises of the question share."""

import functools
import math

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from utils.exercises.classic_cnns.dropout import backward, gradient, seeded, seen
from utils.grading.modules import fixed

CUT = 16  # divides all widths of AlexNet and VGG, and neither 3 channels nor the classes of the cases


SQUARE = [1, 3, 224, 224]  # the shape of one image


HIDDEN = 4096  # of the dense layers: cut even where a forward insists on true widths, or a pass would take seconds


START = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0}


STEADY, RANDOM = "the same from call to call", "differs from call to call"


WIDE_RETURNS = (
    "parameters", "output shape", "evaluation", "evaluation output", "parameter gradients", "dropout in training",
)  # fmt: skip


WIDE_PROTOCOL = (
    "made at full size and counted; then filled by a fixed rule that repeats itself along the channels, float64; "
    "a training pass, passes in evaluation mode with backward, and passes in training mode to see what dropout drops"
)


def run_wide(make, images, modes, **arguments):
    """Make a module from `arguments`, in order, and note what it does with images of the shape `images`.

    `modes` is "both", or "evaluation" to save the passes that look for randomness.
    """
    images, arguments = tuple(images), tuple(arguments.values())
    module = _on_meta(make, arguments)
    counted = sum(parameter.numel() for parameter in module.parameters())
    try:
        return _noted(module, images, modes, counted, functools.partial(_cut, whole=False))
    except (RuntimeError, AssertionError, ValueError, IndexError):  # at true widths it may be right
        _raise_at_true_widths(make, images, arguments)
        return _noted(make(*arguments), images, modes, counted, functools.partial(_cut, whole=True))


def _on_meta(make, arguments):
    try:
        with torch.device("meta"), _NoRandomNumbers():
            module = make(*arguments)
    except (RuntimeError, NotImplementedError) as error:
        if not _for_meta_only(error):
            raise
        module = make(*arguments)  # its initialisation reads values: slow, but as it was meant
    if not isinstance(module, nn.Module):
        raise TypeError(f"an nn.Module is expected, not {type(module).__name__}")
    return module


def _raise_at_true_widths(make, images, arguments):
    """A forward that cannot work fails here, with a message that has the true sizes in it.

    In training too: to make a VGG at full size only to see batch norm refuse a single image would take seconds.
    """
    try:
        with torch.device("meta"), torch.no_grad(), _NoRandomNumbers():
            module = make(*arguments)
            module.eval()(torch.empty(images))
            if any(True for _ in module.buffers()):
                module.train()(torch.empty(images))
    except (RuntimeError, NotImplementedError) as error:
        if not _for_meta_only(error):
            raise


def _for_meta_only(error):
    return "meta" in str(error).lower()


class _NoRandomNumbers(TorchFunctionMode):
    """Weights without memory need none, and the first call on the meta device would import for a second."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensor = args[0] if args else kwargs.get("tensor")
        if getattr(function, "__name__", "").endswith(("normal_", "uniform_")) and tensor.is_meta:
            return tensor
        return function(*args, **kwargs)


def _noted(module, images, modes, counted, cut):
    x = torch.from_numpy(fixed(images, "images"))
    with torch.random.fork_rng(devices=[]), _CutSizes(cut):
        filled = _fill(module, cut)
        if any(True for _ in module.buffers()):
            with torch.no_grad():
                seeded(module.train(), x, 0)  # the evaluation below uses the running statistics that this leaves
        module.eval()
        output, steady = seeded(module, x, 1), True
        if modes == "both":
            with torch.no_grad():
                steady = torch.equal(seeded(module, x, 2), output)
        if not steady:
            output = output * math.nan  # nobody's random numbers are comparable
        backward(output * torch.from_numpy(fixed(tuple(output.shape), "upstream")))
        gradients = [(key, float((gradient(p) * direction).sum())) for key, p, direction in filled]
        dropped = seen(module, filled, x[:1].abs()) if modes == "both" else "not looked at"
    values = (
        counted, list(output.shape), STEADY if steady else RANDOM, output.detach().numpy(),
        np.array([value for _, value in sorted(gradients)]), dropped,
    )  # fmt: skip
    return dict(zip(WIDE_RETURNS, values, strict=True))


def _cut(size, whole):
    return size // CUT if size % CUT == 0 and (size == HIDDEN or not whole) else size


class _CutSizes(TorchFunctionMode):
    """Lets `x.view(-1, 512 * 7 * 7)` pass: where a written size does not fit the cut map, the cut size is tried."""

    def __init__(self, cut):
        super().__init__()
        self.cut = cut

    def __torch_function__(self, function, types, args=(), kwargs=None):
        try:
            return function(*args, **(kwargs or {}))
        except RuntimeError:
            if getattr(function, "__name__", "") not in ("view", "reshape", "unflatten"):
                raise
            return function(args[0], *map(self._sizes, args[1:]), **(kwargs or {}))

    def _sizes(self, sizes):
        return tuple(map(self._sizes, sizes)) if isinstance(sizes, (tuple, list)) else self.cut(sizes)


def _fill(module, cut):
    """Replace all parameters and running statistics; (key, parameter, direction) of each parameter, once."""
    filled = {}
    for part in module.modules():
        for name, old in part._parameters.items():
            if old is not None:
                if old not in filled:
                    key = (len(old), math.prod(old.shape[1:]))  # a dense layer may be written as a convolution
                    values, direction = (_tiled(tuple(old.shape), cut, use) for use in ("parameter", "direction"))
                    filled[old] = key, nn.Parameter(values, old.requires_grad), direction
                part._parameters[name] = filled[old][1]
        for name, old in part._buffers.items():
            if name in START and old is not None:
                part._buffers[name] = _started(old, cut, START[name])
            elif old is not None and old.is_floating_point():
                part._buffers[name] = old.double()
    return list(filled.values())


def _started(statistic, cut, value):
    kind = torch.float64 if statistic.is_floating_point() else statistic.dtype
    return torch.full([cut(n) for n in statistic.shape], value, dtype=kind, device="cpu")


def _tiled(shape, cut, purpose):
    """The fixed numbers of the cut shape, repeated to the shape asked for."""
    few = [_cut(size, whole=False) for size in shape]
    small = _numbers((few[0], math.prod(few[1:])), purpose).reshape(few)
    wanted = [cut(size) for size in shape]
    copies = [a // b for a, b in zip(wanted, few, strict=True)]
    return small.tile(copies) / math.prod(copies[1:])


@functools.cache
def _numbers(shape, purpose):
    return torch.from_numpy(fixed(shape, purpose))


def _wide_by_zoo(make):
    return lambda images, modes, **arguments: run_wide(make, images, modes, **arguments)
