"""What a training pass of a network drops, seen from outside: where, how much, and how."""

import numpy as np
import torch
from torch import nn

from utils.grading.modules import forward

COPIES = 401  # of a small image: 10⁵ units of a hidden layer. Odd, or a written view(-1, 4096) would fit cut maps
STEP = 0.02  # six standard deviations on either side: no right answer fails by chance, and 0.52 is seen half the time


def seen(module, filled, x):
    """In words, for `filled` rows of (key, parameter, direction) and one image `x`.

    With positive parameters and images no ReLU closes, so what is zero was dropped: whole columns of a
    layer's gradient. The rows of the first dense layer's gradient are multiples of the features: nothing drops those.
    """
    dense = _only_dense(module, filled)
    shares, features, maps = [], [], False
    for seed in (3, 4):
        module.zero_grad()
        output = seeded(module, x, seed)
        backward(output)
        gradients = [gradient(p).flatten(1) for p in dense]
        holes = [float((g == 0).all(dim=0).double().mean()) for g in gradients]
        shares.append([share for share in [*holes, float((output == 0).double().mean())] if share > 0.08])
        first = max(gradients, key=lambda g: g.shape[1])
        features.append(first[first.abs().sum(dim=1).argmax()])
        maps |= any(_in_blocks((g == 0).all(dim=0)) for g in gradients)
    noise = "" if _steady(*features) else ", and noise before the first dense layer"
    if not shares[0]:
        return f"none{noise}"
    share, manner = _finely(module, x)
    manner += ", whole maps at once" if maps else ""
    return f"p = {share} at {len(shares[0])} place{'s' * (len(shares[0]) > 1)}{manner}{noise}"


def _only_dense(module, filled):
    """Everything positive; the parameters of the dense layers, which alone keep gradients."""
    with torch.no_grad():
        for _, parameter, _ in filled:
            parameter.abs_()
    for part in module.train().modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval().reset_running_stats()  # would centre what is positive: here it only scales
    widest = max(columns for (_, columns), _, _ in filled)
    dense = [p for (_, n), p, _ in filled if n == widest or (n > 1 and p.shape[2:].numel() == 1)]
    for _, parameter, _ in filled:
        parameter.requires_grad_(any(parameter is p for p in dense))  # no backward pass through the convolutions
    return dense


def _steady(one, other):
    kept = (one != 0) & (other != 0)
    ratio = one[kept] / other[kept]
    return not kept.any() or float(ratio.max() - ratio.min()) <= 1e-6 * float(ratio.abs().max())


def _in_blocks(zero):
    """Do neighbours go together, as after Dropout2d? Independent ones differ in 2p(1 − p) of all pairs."""
    p = float(zero.double().mean())
    return p > 0.08 and float((zero[1:] != zero[:-1]).double().mean()) < p * (1 - p)


def _finely(module, x):
    """The mean share of zeros in what the dense layers read, to a step of 0.02, and what is unusual, in words."""
    zeros = []

    def note(tensor):  # what a backward pass would need, at the moment when it is kept
        if tensor.is_floating_point() and tensor.dim() > 1 and len(tensor) == COPIES:
            zeros.append(tensor.detach().flatten(1) == 0)
        return tensor.detach().clone()

    module.float()  # many times faster, and enough for counting
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = _of_copies(module, x.float(), COPIES)
    if output is None:
        return "unknown", ""
    zeros = [zero for zero in zeros if float(zero.float().mean()) > 0.08]
    share = float(np.mean([float(zero.float().mean()) for zero in zeros])) if zeros else 0.0
    same = any(bool((zero == zero[0]).all()) for zero in zeros)
    with torch.no_grad():
        whole = _of_copies(module.eval(), x.float(), 1)
    scaled = 0.8 < float(output.detach().mean() / whole.mean()) < 1.25
    manner = (", the same units for all images" if same else "") + ("" if scaled else ", what is left not scaled up")
    return f"{round(share / STEP) * STEP:.3g}", manner


def _of_copies(module, x, copies):
    """The output for many copies of a corner of the image; None where no small image will do."""
    for side in (32, 64):
        try:
            return seeded(module, x[:, :, :side, :side].expand(copies, -1, -1, -1), 5)
        except (RuntimeError, AssertionError):  # one convolution more than the corner has pixels for
            continue
    return None


def seeded(module, x, seed):
    """The module's output with torch's generator started anew."""
    torch.manual_seed(seed)
    return forward(module, x, x.clone())


def backward(output):
    """Where something asks for it: else it was cut off, and the gradients stay zero."""
    if output.requires_grad:
        output.sum().backward()


def gradient(parameter):
    """A parameter's gradient, zeros where none arrived."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def unscaled(x, training):
    """A slip of several networks: half of the units dropped, the others left as they are."""
    return x * (torch.rand(x.shape) >= 0.5) if training else x
