"""GoogLeNet and BN-Inception: parallel kernels of several sizes, made affordable by 1×1 reductions.

Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1 and §5.
Ioffe, Szegedy, "Batch normalization", ICML 2015, §4.2 and the appendix's figure 5.
"""

from collections import OrderedDict
from functools import partial

from torch import nn

from .layers import Branches, WithAuxiliaryHeads, classifier_head, conv_bn_relu, conv_relu, convs


class InceptionV1(Branches):
    """The module of GoogLeNet: (N, c_in, H, W) → (N, c1 + c3 + c5 + c_pool, H, W).

    `stage` and `wide` are for the variants: another kind of convolution, another kernel in the wide branch.
    """

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool, *, stage=conv_relu, wide=5):
        super().__init__(
            branch1x1=stage(c_in, c1, 1),
            branch3x3=convs(c_in, (c3_reduce, 1), (c3, 3), stage=stage),
            branch5x5=convs(c_in, (c5_reduce, 1), (c5, wide), stage=stage),
            branch_pool=nn.Sequential(nn.MaxPool2d(3, 1, 1), stage(c_in, c_pool, 1)),
        )


class InceptionV2(Branches):
    """The same with the 5×5 as two 3×3 and batch norm: (N, c_in, H, W) → (N, c1 + c3 + c5 + c_pool, H, W)."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool, *, stage=conv_bn_relu, pool=nn.MaxPool2d):
        super().__init__(
            branch1x1=stage(c_in, c1, 1),
            branch3x3=convs(c_in, (c3_reduce, 1), (c3, 3), stage=stage),
            branch5x5=convs(c_in, (c5_reduce, 1), (c5, 3), (c5, 3), stage=stage),
            branch_pool=nn.Sequential(pool(3, 1, 1), stage(c_in, c_pool, 1)),
        )


def _inception_chain(prefix, c_in, rows, block):
    """Modules named prefix + a, b, …, one for each row of widths, and the channels that leave the last."""
    layers = OrderedDict()
    for letter, row in zip("abcde", rows, strict=False):
        layers[f"{prefix}{letter}"] = block(c_in, *row)
        c1, _, c3, _, c5, c_pool = row
        c_in = c1 + c3 + c5 + c_pool
    return layers, c_in


def inception_modules():
    """GoogLeNet's nine modules as (name, size of the map, channels read, the six widths), first one first."""
    c_in = 192
    for stage, size, rows in (("3", 28, V1_STAGE3), ("4", 14, V1_STAGE4), ("5", 7, V1_STAGE5)):
        for letter, row in zip("abcde", rows, strict=False):
            yield stage + letter, size, c_in, row
            c1, _, c3, _, c5, c_pool = row
            c_in = c1 + c3 + c5 + c_pool


def _halve():
    # Rounding up is how Caffe gets 112 → 56 → 28 → 14 → 7 without padding.
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class AuxiliaryHead(nn.Sequential):
    """A classifier on a 14×14 map: (N, c_in, 14, 14) → logits, by way of 4×4 (paper §5)."""

    def __init__(self, c_in, num_classes=1000, stage=conv_relu):
        super().__init__(
            nn.AvgPool2d(5, 3), stage(c_in, 128, 1), nn.Flatten(),
            nn.Linear(128 * 4 * 4, 1024), nn.ReLU(), nn.Dropout(0.7), nn.Linear(1024, num_classes),
        )  # fmt: skip


# GoogLeNet's table 1: c1, c3_reduce, c3, c5_reduce, c5, c_pool.
V1_STAGE3 = ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64))
V1_STAGE4 = (
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
)
V1_STAGE5 = ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128))


class GoogLeNet(WithAuxiliaryHeads):
    """Inception v1: (N, 3, 224, 224) → logits. 6,998,552 parameters; 13,378,280 with both auxiliary heads.

    `block` is called as block(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool). With batch_norm the stem and
    the heads have conv + BN + ReLU and no response normalisation.
    """

    def __init__(self, block=InceptionV1, aux=False, batch_norm=False, num_classes=1000):
        stage = conv_bn_relu if batch_norm else conv_relu
        norm = nn.Identity if batch_norm else partial(nn.LocalResponseNorm, 5)
        stage3, c_3b = _inception_chain("inception3", 192, V1_STAGE3, block)
        stage4, c_4e = _inception_chain("inception4", c_3b, V1_STAGE4, block)
        stage5, c_5b = _inception_chain("inception5", c_4e, V1_STAGE5, block)
        heads = {"inception4a": 512, "inception4d": 528} if aux else {}
        super().__init__(
            OrderedDict(
                conv1=stage(3, 64, 7, 2), maxpool1=_halve(), norm1=norm(),
                conv2=stage(64, 64, 1), conv3=stage(64, 192, 3), norm2=norm(), maxpool2=_halve(),
                **stage3, maxpool3=_halve(), **stage4, maxpool4=_halve(), **stage5,
                **classifier_head(c_5b, num_classes, dropout=0.4),
            ),
            {name: AuxiliaryHead(c, num_classes, stage) for name, c in heads.items()},
        )  # fmt: skip


# torchvision's block: batch norm, and by an old slip that was kept (vision#906) 3×3 where the paper has 5×5.
Inception3x3 = partial(InceptionV1, stage=conv_bn_relu, wide=3)


class GridReduction(Branches):
    """BN-Inception's module of stride 2: (N, c_in, H, W) → (N, c3 + c5 + c_in, H/2, W/2), no 1×1 branch."""

    def __init__(self, c_in, c3_reduce, c3, c5_reduce, c5, stage=conv_bn_relu):
        super().__init__(
            branch3x3=convs(c_in, (c3_reduce, 1), (c3, 3, 2), stage=stage),
            branch5x5=convs(c_in, (c5_reduce, 1), (c5, 3), (c5, 3, 2), stage=stage),
            branch_pool=_halve(),
        )


# The batch norm paper's figure 5, in the same columns; 5b pools by maximum, the others by mean.
V2_STAGE3 = ((64, 64, 64, 64, 96, 32), (64, 64, 96, 64, 96, 64))
V2_STAGE4 = (
    (224, 64, 96, 96, 128, 128),
    (192, 96, 128, 96, 128, 128),
    (160, 128, 160, 128, 160, 128),
    (96, 128, 192, 160, 192, 128),
)
V2_STAGE5 = ((352, 192, 320, 160, 224, 128),)
V2_LAST = (352, 192, 320, 192, 224, 128)


class BNInception(nn.Sequential):
    """Inception v2 of the batch norm paper: (N, 3, 224, 224) → logits. 11,285,224 parameters.

    conv_bias keeps the convolutions' biases, as the Caffe model and its ports do: 11,295,240. A block of your
    own is called as GoogLeNet's, in all eight places, whatever it pools by.
    """

    def __init__(self, block=None, conv_bias=False, num_classes=1000):
        stage = partial(conv_bn_relu, bias=conv_bias)
        last = block or partial(InceptionV2, stage=stage)
        block = block or partial(InceptionV2, stage=stage, pool=nn.AvgPool2d)
        stage3, c_3b = _inception_chain("inception3", 192, V2_STAGE3, block)
        reduction3 = GridReduction(c_3b, 128, 160, 64, 96, stage)
        stage4, c_4d = _inception_chain("inception4", c_3b + 160 + 96, V2_STAGE4, block)
        reduction4 = GridReduction(c_4d, 128, 192, 192, 256, stage)
        stage5, c_5a = _inception_chain("inception5", c_4d + 192 + 256, V2_STAGE5, block)
        super().__init__(
            OrderedDict(
                conv1=stage(3, 64, 7, 2), maxpool1=_halve(),
                conv2=stage(64, 64, 1), conv3=stage(64, 192, 3), maxpool2=_halve(),
                **stage3, inception3c=reduction3, **stage4, inception4e=reduction4,
                **stage5, inception5b=last(c_5a, *V2_LAST), **classifier_head(1024, num_classes),
            )
        )  # fmt: skip
