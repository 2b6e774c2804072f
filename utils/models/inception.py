"""Inception v3 and v4: factorised kernels in modules made for each size of map.

v3: Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016, §3–6 and table 1,
with the widths of the released model.
v4: Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections on learning", AAAI
2017, figures 3–9.
The released models' batch norm has ε = 1e-3, ours has torch's 1e-5.
"""

from collections import OrderedDict

from torch import nn

from .layers import Branches, WithAuxiliaryHeads, classifier_head, conv_bn_relu, convs

# Stride and padding of a convolution that shrinks the map: "valid", as all of these networks have it.
HALVE = (2, 0)
VALID = (1, 0)
ROW, COLUMN = (1, 7), (7, 1)
SHORT_ROW, SHORT_COLUMN = (1, 3), (3, 1)


class FactorizedConv(nn.Sequential):
    """1×n, then n×1, for odd n: (N, c_in, H, W) → (N, c_out, H, W) ("Rethinking" §3.2)."""

    def __init__(self, c_in, c_out, n):
        super().__init__(conv_bn_relu(c_in, c_out, (1, n)), conv_bn_relu(c_out, c_out, (n, 1)))


def average_then(c_in, c_out):
    """The pooling branch: 3×3 mean at stride 1 without the padding, as in the released models, then 1×1."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv_bn_relu(c_in, c_out, 1))


def fan_out(c_in, c_out):
    """1×3 and 3×1 in parallel, not in series: (N, c_in, 8, 8) → (N, 2·c_out, 8, 8)."""
    return Branches(row=conv_bn_relu(c_in, c_out, SHORT_ROW), column=conv_bn_relu(c_in, c_out, SHORT_COLUMN))


def stem_35(c_in=3):
    """(N, 3, 299, 299) → (N, 192, 35, 35), before v3 and Inception-ResNet-v2."""
    return nn.Sequential(
        convs(c_in, (32, 3, *HALVE), (32, 3, *VALID), (64, 3)), nn.MaxPool2d(3, 2),
        convs(64, (80, 1), (192, 3, *VALID)), nn.MaxPool2d(3, 2),
    )  # fmt: skip


def grid35_v3(c_in, c_pool):
    """35×35, two 3×3 in a branch of their own: c_in → 224 + c_pool channels ("Rethinking" figure 5)."""
    return Branches(
        branch1x1=conv_bn_relu(c_in, 64, 1),
        branch5x5=convs(c_in, (48, 1), (64, 5)),
        branch3x3=convs(c_in, (64, 1), (96, 3), (96, 3)),
        branch_pool=average_then(c_in, c_pool),
    )


def grid17_v3(c7):
    """17×17, a 7×7 as 1×7 and 7×1, once and twice: 768 → 768 channels ("Rethinking" figure 6)."""
    return Branches(
        branch1x1=conv_bn_relu(768, 192, 1),
        branch7x7=convs(768, (c7, 1), (c7, ROW), (192, COLUMN)),
        branch7x7x2=convs(768, (c7, 1), (c7, COLUMN), (c7, ROW), (c7, COLUMN), (192, ROW)),
        branch_pool=average_then(768, 192),
    )


def grid8_v3(c_in):
    """8×8, filters that fan out: c_in → 2048 channels ("Rethinking" figure 7)."""
    return Branches(
        branch1x1=conv_bn_relu(c_in, 320, 1),
        branch3x3=nn.Sequential(conv_bn_relu(c_in, 384, 1), fan_out(384, 384)),
        branch3x3x2=nn.Sequential(convs(c_in, (448, 1), (384, 3)), fan_out(384, 384)),
        branch_pool=average_then(c_in, 192),
    )


def reduce35_v3():
    """35×35 → 17×17, 288 → 768 channels: convolving beside pooling avoids a bottleneck ("Rethinking" §5)."""
    return Branches(
        branch3x3=conv_bn_relu(288, 384, 3, *HALVE),
        branch3x3x2=convs(288, (64, 1), (96, 3), (96, 3, *HALVE)),
        branch_pool=nn.MaxPool2d(3, 2),
    )


def reduce17_v3():
    """17×17 → 8×8, 768 → 1280 channels."""
    return Branches(
        branch3x3=convs(768, (192, 1), (320, 3, *HALVE)),
        branch7x7=nn.Sequential(
            conv_bn_relu(768, 192, 1), FactorizedConv(192, 192, 7), conv_bn_relu(192, 192, 3, *HALVE)
        ),
        branch_pool=nn.MaxPool2d(3, 2),
    )


def auxiliary_head(num_classes):
    """The batch-normalised head, (N, 768, 17, 17) → logits: a regulariser, says §4 of "Rethinking"."""
    return nn.Sequential(
        nn.AvgPool2d(5, 3), convs(768, (128, 1), (768, 5, *VALID)), nn.Flatten(), nn.Linear(768, num_classes)
    )


class InceptionV3(WithAuxiliaryHeads):
    """Inception v3: (N, 3, 299, 299) → logits. 23,834,568 parameters; 27,161,264 with the auxiliary head."""

    def __init__(self, aux=False, num_classes=1000):
        super().__init__(
            OrderedDict(
                stem=stem_35(),
                mixed5b=grid35_v3(192, 32), mixed5c=grid35_v3(256, 64), mixed5d=grid35_v3(288, 64),
                mixed6a=reduce35_v3(),
                mixed6b=grid17_v3(128), mixed6c=grid17_v3(160),
                mixed6d=grid17_v3(160), mixed6e=grid17_v3(192),
                mixed7a=reduce17_v3(),
                mixed7b=grid8_v3(1280), mixed7c=grid8_v3(2048),
                **classifier_head(2048, num_classes, dropout=0.5),
            ),
            {"mixed6e": auxiliary_head(num_classes)} if aux else {},
        )  # fmt: skip


def stem_v4():
    """(N, 3, 299, 299) → (N, 384, 35, 35): already three forks (v4 figure 3)."""
    return nn.Sequential(
        convs(3, (32, 3, *HALVE), (32, 3, *VALID), (64, 3)),
        Branches(branch_pool=nn.MaxPool2d(3, 2), branch3x3=conv_bn_relu(64, 96, 3, *HALVE)),
        Branches(
            branch3x3=convs(160, (64, 1), (96, 3, *VALID)),
            branch7x7=nn.Sequential(
                conv_bn_relu(160, 64, 1), FactorizedConv(64, 64, 7), conv_bn_relu(64, 96, 3, *VALID)
            ),
        ),
        Branches(branch3x3=conv_bn_relu(192, 192, 3, *HALVE), branch_pool=nn.MaxPool2d(3, 2)),
    )


def grid35_v4():
    """Inception-A: 35×35, 384 → 384 channels (v4 figure 4)."""
    return Branches(
        branch1x1=conv_bn_relu(384, 96, 1),
        branch3x3=convs(384, (64, 1), (96, 3)),
        branch3x3x2=convs(384, (64, 1), (96, 3), (96, 3)),
        branch_pool=average_then(384, 96),
    )


def reduce35_v4():
    """Reduction-A: 35×35 → 17×17, 384 → 1024 channels (v4 figure 7)."""
    return Branches(
        branch3x3=conv_bn_relu(384, 384, 3, *HALVE),
        branch3x3x2=convs(384, (192, 1), (224, 3), (256, 3, *HALVE)),
        branch_pool=nn.MaxPool2d(3, 2),
    )


def grid17_v4():
    """Inception-B: 17×17, 1024 → 1024 channels (v4 figure 5)."""
    return Branches(
        branch1x1=conv_bn_relu(1024, 384, 1),
        branch7x7=convs(1024, (192, 1), (224, ROW), (256, COLUMN)),
        branch7x7x2=convs(1024, (192, 1), (192, COLUMN), (224, ROW), (224, COLUMN), (256, ROW)),
        branch_pool=average_then(1024, 128),
    )


def reduce17_v4():
    """Reduction-B: 17×17 → 8×8, 1024 → 1536 channels (v4 figure 8)."""
    return Branches(
        branch3x3=convs(1024, (192, 1), (192, 3, *HALVE)),
        branch7x7=convs(1024, (256, 1), (256, ROW), (320, COLUMN), (320, 3, *HALVE)),
        branch_pool=nn.MaxPool2d(3, 2),
    )


def grid8_v4():
    """Inception-C: 8×8, 1536 → 1536 channels (v4 figure 6)."""
    return Branches(
        branch1x1=conv_bn_relu(1536, 256, 1),
        branch3x3=nn.Sequential(conv_bn_relu(1536, 384, 1), fan_out(384, 256)),
        branch3x3x2=nn.Sequential(convs(1536, (384, 1), (448, SHORT_COLUMN), (512, SHORT_ROW)), fan_out(512, 256)),
        branch_pool=average_then(1536, 256),
    )


class InceptionV4(nn.Sequential):
    """Inception v4, without a residual connection: (N, 3, 299, 299) → logits. 42,679,816 parameters."""

    def __init__(self, num_classes=1000):
        super().__init__(
            OrderedDict(
                stem=stem_v4(),
                inception_a=nn.Sequential(*(grid35_v4() for _ in range(4))), reduction_a=reduce35_v4(),
                inception_b=nn.Sequential(*(grid17_v4() for _ in range(7))), reduction_b=reduce17_v4(),
                inception_c=nn.Sequential(*(grid8_v4() for _ in range(3))),
                **classifier_head(1536, num_classes, dropout=0.2),
            )
        )  # fmt: skip
