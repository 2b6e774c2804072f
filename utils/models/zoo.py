"""The registry: every network of the table by name."""

import difflib
import re
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

import torch

from .classic import VGG, VGG_C_KERNELS, AlexNet, AlexNetOriginal, vgg
from .convnext import ConvNeXt
from .counting import count_parameters, model_macs
from .densenet import DenseNet
from .googlenet import BNInception, GoogLeNet, Inception3x3
from .inception import InceptionV3, InceptionV4
from .inception_resnet import InceptionResNetV2
from .lenet import LeNet5, LeNet5Original
from .mobile import EfficientNetB0, MobileNetV2, MobileNetV3Large
from .published import PUBLISHED
from .resnet import (
    BasicBlock,
    Bottleneck,
    CifarResNet,
    PreActBlock,
    PreActBottleneck,
    PreActResNet,
    ResNet,
    ResNeXt,
    basic_block_a,
)
from .squeeze import SEResNet

# Blocks in each stage. The depth in a name counts the convolutions and the linear layer.
DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
DENSE = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}
bottleneck_v1 = partial(Bottleneck, stride_first=True)
torchvision_googlenet = partial(GoogLeNet, block=Inception3x3, batch_norm=True)

VGGS = ("11", "13", "16", "19")
SHALLOW, DEEP = (18, 34), (50, 101, 152)
RESNEXTS = ((50, 32, 4), (101, 32, 4), (101, 32, 8), (101, 64, 4))

RECIPES = {
    "lenet5": LeNet5,
    "lenet5-original": LeNet5Original,
    "alexnet": AlexNet,
    "alexnet-original": AlexNetOriginal,
    "alexnet-ungrouped": partial(AlexNetOriginal, groups=1),
    **{f"vgg{d}": partial(vgg, config=d) for d in VGGS},
    **{f"vgg{d}-bn": partial(vgg, config=d, batch_norm=True) for d in VGGS},
    "vgg16-c": partial(VGG, kernels=VGG_C_KERNELS),
    "googlenet": GoogLeNet,
    "googlenet-aux": partial(GoogLeNet, aux=True),
    "googlenet-torchvision": torchvision_googlenet,
    "googlenet-torchvision-aux": partial(torchvision_googlenet, aux=True),
    "bn-inception": BNInception,
    "bn-inception-caffe": partial(BNInception, conv_bias=True),
    "inception-v3": InceptionV3,
    "inception-v3-aux": partial(InceptionV3, aux=True),
    "inception-v4": InceptionV4,
    "inception-resnet-v2": InceptionResNetV2,
    **{f"resnet{d}": partial(ResNet, block=BasicBlock, layers=DEPTHS[d]) for d in SHALLOW},
    **{f"resnet{d}-a": partial(ResNet, block=basic_block_a, layers=DEPTHS[d]) for d in SHALLOW},
    **{f"resnet{d}": partial(ResNet, block=Bottleneck, layers=DEPTHS[d]) for d in DEEP},
    **{f"resnet{d}-v1": partial(ResNet, block=bottleneck_v1, layers=DEPTHS[d]) for d in DEEP},
    **{f"cifar-resnet{d}": partial(CifarResNet, depth=d) for d in (20, 32, 44, 56, 110)},
    **{f"preact-resnet{d}": partial(PreActResNet, block=PreActBlock, layers=DEPTHS[d]) for d in SHALLOW},
    **{f"preact-resnet{d}": partial(PreActResNet, block=PreActBottleneck, layers=DEPTHS[d]) for d in (*DEEP, 200)},
    **{
        f"resnext{d}-{cardinality}x{width}d": partial(ResNeXt, layers=DEPTHS[d], cardinality=cardinality, width=width)
        for d, cardinality, width in RESNEXTS
    },
    **{f"densenet{d}": partial(DenseNet, layers=layers) for d, layers in DENSE.items()},
    "densenet161": partial(DenseNet, layers=(6, 12, 36, 24), growth_rate=48),
    "mobilenet-v2": MobileNetV2,
    "se-resnet50": SEResNet,
    "mobilenet-v3-large": MobileNetV3Large,
    "efficientnet-b0": EfficientNetB0,
    "convnext-t": ConvNeXt,
}
# Names that interviewers use for the same networks.
ALIASES = {"inceptionv1": "googlenet", "inceptionv2": "bn-inception", "convnexttiny": "convnext-t"}


def _plain(name):
    """A name without capitals and separators: "ResNeXt-50 32×4d" is resnext5032x4d."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower().replace("×", "x"))


def find(name):
    """The registered spelling of a name in any capitals and hyphens; ValueError with the nearest names."""
    known = {_plain(key): key for key in RECIPES} | ALIASES
    if _plain(name) in known:
        return known[_plain(name)]
    near = [known[key] for key in difflib.get_close_matches(_plain(name), known, n=4)]
    advice = f"did you mean {', '.join(near)}?" if near else "utils.models.NAMES lists them all"
    raise ValueError(f"no network is called {name!r}: {advice}")


def build(name, *, device=None, **options):
    """A network of the zoo by name, in training mode like any new module.

    device="meta" builds it without memory. Options go to its class: num_classes, aux, and block, so that
    build("resnet50", block=MyBottleneck) is ResNet-50 made of your own bottlenecks.
    """
    recipe = RECIPES[find(name)]
    with torch.device(device) if device else nullcontext():
        return recipe(**options)


class Measured(NamedTuple):
    """What we count in a network: trainable parameters, and multiply-adds at its published input size."""

    parameters: int
    macs: int


def measure(name, **options):
    """Our counts for a row of the table, to stand beside the published ones. Takes no memory."""
    network = build(name, device="meta", **options)
    return Measured(count_parameters(network), model_macs(network, PUBLISHED[find(name)].input_shape))
