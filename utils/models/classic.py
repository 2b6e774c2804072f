"""AlexNet and VGG: convolutions in a row, then three fully connected layers that hold most of the parameters.

Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", 2012, §3.
Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (the single tower).
Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, table 1.
"""

from collections import OrderedDict

from torch import nn

from .layers import conv_bn_relu, conv_relu


def alexnet_classifier(num_classes):
    """The three dense layers, with dropout before the first two: (N, 9216) → logits."""
    return nn.Sequential(
        nn.Dropout(0.5), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, num_classes),
    )  # fmt: skip


class AlexNet(nn.Sequential):
    """The single tower: (N, 3, 224 or more, …) → logits. 61,100,840 parameters.

    The widths of the 2014 paper, without local response normalisation; adaptive pooling admits larger images.
    """

    def __init__(self, num_classes=1000):
        super().__init__(
            OrderedDict(
                features=nn.Sequential(
                    conv_relu(3, 64, 11, 4, 2), nn.MaxPool2d(3, 2),
                    conv_relu(64, 192, 5), nn.MaxPool2d(3, 2),
                    conv_relu(192, 384, 3), conv_relu(384, 256, 3), conv_relu(256, 256, 3),
                    nn.MaxPool2d(3, 2),
                ),
                avgpool=nn.AdaptiveAvgPool2d(6),
                flatten=nn.Flatten(),
                classifier=alexnet_classifier(num_classes),
            )
        )  # fmt: skip


class AlexNetOriginal(nn.Sequential):
    """The 2012 network: (N, 3, 227, 227) → logits. 60,965,224 parameters; 62,378,344 with groups=1.

    The groups of conv2, conv4 and conv5 are the two graphics cards. The paper says 224, its 55×55 maps 227.
    """

    def __init__(self, groups=2, num_classes=1000):
        def response_norm():
            # The paper sums over five neighbours with α = 1e-4; torch takes their mean, so five times the α.
            return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

        super().__init__(
            OrderedDict(
                features=nn.Sequential(
                    nn.Conv2d(3, 96, 11, 4), nn.ReLU(), response_norm(), nn.MaxPool2d(3, 2),
                    nn.Conv2d(96, 256, 5, padding=2, groups=groups), nn.ReLU(), response_norm(),
                    nn.MaxPool2d(3, 2),
                    nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
                    nn.Conv2d(384, 384, 3, padding=1, groups=groups), nn.ReLU(),
                    nn.Conv2d(384, 256, 3, padding=1, groups=groups), nn.ReLU(), nn.MaxPool2d(3, 2),
                ),
                flatten=nn.Flatten(),
                classifier=alexnet_classifier(num_classes),
            )
        )  # fmt: skip


VGG_WIDTHS = (64, 128, 256, 512, 512)

# The kernels of the five stages; a max pool ends each.
VGG_KERNELS = {
    "11": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "13": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "16": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "19": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}
# Configuration C: as deep as 16 (D), with 1×1 in the place of the third kernel. D beats it: context matters.
VGG_C_KERNELS = ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1))


def _vgg_stage(c_in, c_out, kernels, batch_norm):
    layers = []
    for kernel in kernels:
        # The published counts keep the convolution's bias under batch norm, though β makes it redundant.
        stage = conv_bn_relu(c_in, c_out, kernel, bias=True) if batch_norm else conv_relu(c_in, c_out, kernel)
        layers.append(stage)
        c_in = c_out
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class VGG(nn.Sequential):
    """Five stages of small kernels: (N, 3, 224 or more, …) → logits. `kernels` lists those of each stage."""

    def __init__(self, kernels, batch_norm=False, num_classes=1000):
        c_ins = (3, *VGG_WIDTHS)
        stages = (
            _vgg_stage(c_in, c_out, sizes, batch_norm)
            for c_in, c_out, sizes in zip(c_ins, VGG_WIDTHS, kernels, strict=False)
        )
        super().__init__(
            OrderedDict(
                features=nn.Sequential(*stages),
                avgpool=nn.AdaptiveAvgPool2d(7),
                flatten=nn.Flatten(),
                classifier=nn.Sequential(
                    nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(0.5),
                    nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
                    nn.Linear(4096, num_classes),
                ),
            )
        )  # fmt: skip


def vgg(config, batch_norm=False, num_classes=1000):
    """VGG-11, 13, 16 or 19 (configurations A, B, D, E): config in {"11", "13", "16", "19"}, else ValueError."""
    if config not in VGG_KERNELS:
        raise ValueError(f"vgg has no configuration {config!r}; choose one of {', '.join(VGG_KERNELS)}")
    return VGG(VGG_KERNELS[config], batch_norm, num_classes)
