"""The zoo: every network the course names, at full size, from shared blocks.

`build("resnet50")` makes one by name, `ResNet(block=MyBlock, layers=[2, 2, 2, 2])` makes one of your own
block, `PUBLISHED` holds what the papers say of them, and `PAPERS` has the papers' ablation tables. torch is imported
with the first name that needs it, so that the tables can be read without it.
"""

import importlib

from .papers import PAPERS, Table
from .published import NAMES, PUBLISHED, Error, Published

_HOMES = {
    "lenet": ("C3_INPUTS", "LeNet5", "LeNet5Original"),
    "classic": ("VGG", "AlexNet", "AlexNetOriginal", "vgg"),
    "googlenet": ("BNInception", "GoogLeNet", "Inception3x3", "InceptionV1", "InceptionV2", "inception_modules"),
    "inception": ("FactorizedConv", "InceptionV3", "InceptionV4"),
    "inception_resnet": ("InceptionResNet", "InceptionResNetV2"),
    "resnet": (
        "BasicBlock", "Bottleneck", "CifarResNet", "PreActBlock", "PreActBottleneck", "PreActResNet",
        "ResNeXt", "ResNeXtBlock", "ResNet", "expansion",
    ),
    "densenet": ("DenseBlock", "DenseLayer", "DenseNet", "Transition"),
    "mobile": ("EfficientNetB0", "Inverted", "InvertedResidual", "MobileNetV2", "MobileNetV3Large"),
    "squeeze": ("Gate", "SEBottleneck", "SEResNet", "SqueezeExcite"),
    "convnext": ("ConvNeXt", "ConvNeXtBlock"),
    "stacked": ("DigitsStack", "normalise", "standard_digits"),
    "counting": ("count_parameters", "describe", "model_macs"),
    "flow": ("dataflow",),
    "probing": ("activations", "bytes_moved", "calls", "depth", "gradient_norms", "kept_for_backward", "kernel_sizes"),
    "zoo": ("build", "measure"),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "NAMES", "PAPERS", "PUBLISHED", "Error", "Published", "Table"]


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__():
    return sorted(__all__)
