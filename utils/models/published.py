"""What was published about every network of the course, with its source. No torch: the book reads this too.

Parameters are trainable ones, for 1000 classes unless the network is for small images. Multiply-adds are
those of convolutions and linear layers for one image in evaluation mode, so auxiliary heads add none; papers
call them FLOPs. Errors are in percent, comparable only under one protocol. None: no figure is known to us.
"""

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Error:
    """A published error: top-1 and top-5 in percent, how it was measured, and whose training it measures."""

    top1: float | None
    top5: float | None
    protocol: str
    trained: str = "the paper's authors"  # who made the weights, by which recipe
    resize: int | None = None  # of torchvision's weights: the shorter side in pixels before the centre crop


@dataclass(frozen=True)
class Published:
    """One network as published. PUBLISHED holds them by the name that `build` takes."""

    title: str  # as people write it
    year: int | None  # of the publication; None for a variant without one
    input_shape: tuple[int, int, int]  # channels, height, width
    parameters: int  # exact
    macs: int | None  # exact
    idea: str  # what it added, in a line
    source: str  # where the printed figures and the errors are from
    counted: str  # where the exact parameter count was confirmed
    paper_parameters: str | None = None  # as printed
    paper_cost: str | None = None  # as printed
    errors: tuple[Error, ...] = ()


GRAY32, RGB32, RGB224, RGB227, RGB299 = (1, 32, 32), (3, 32, 32), (3, 224, 224), (3, 227, 227), (3, 299, 299)

# Where exact counts were confirmed; "by hand" is arithmetic without a framework.
HAND = "by hand"
TORCHVISION = "by hand, and torchvision 0.28"
TIMM = "by hand, and timm"
REPOSITORIES = "by hand, and figures in public repositories"

ONE_CROP = partial(Error, protocol="one crop")
TEN_CROP = partial(Error, protocol="10 crops")
CROPS_144 = partial(Error, protocol="144 crops")
CROP_320 = partial(Error, protocol="one 320 crop")
# The Inception papers left out the validation images on a blacklist of poor bounding boxes, about 1,700 of 50,000.
NON_BLACKLISTED = partial(Error, protocol="one crop, without the blacklist")
DENSE = partial(Error, protocol="one scale, dense")
JITTER = partial(Error, protocol="one scale, dense, trained with scale jitter")
MULTI_SCALE = partial(Error, protocol="several scales")
OPTION_A = partial(Error, protocol="10 crops, option A")
OPTION_B = partial(Error, protocol="10 crops, option B")
# torchvision evaluates all of its weights in one way, but did not train all of them, nor all by one recipe.
OLD, NEW, PORTED = "torchvision, simple recipe", "torchvision, modern recipe", "the authors, ported"
# EfficientNet-B0 to B4: torchvision's README of training recipes names Ross Wightman's timm, not the authors.
PORTED_TIMM = "timm, ported"
TV = partial(Error, protocol="one centre crop, torchvision's V1 weights", trained=OLD, resize=256)
TV2 = partial(Error, protocol="one centre crop, torchvision's V2 weights (newer recipe)", trained=NEW, resize=232)
TV_PORTED = partial(TV, trained=PORTED)
TIMM_RUN = partial(Error, protocol="timm's results table", trained="others, in timm")

LENET = partial(Published, input_shape=GRAY32, counted=HAND, source="LeCun et al. 1998, quoted second hand")
ALEXNET = partial(Published, input_shape=RGB227, counted=REPOSITORIES,
    source="Krizhevsky et al. 2012, table 2")  # fmt: skip
VGG = partial(Published, year=2014, input_shape=RGB224, counted=TORCHVISION,
    source="Simonyan & Zisserman 2015, tables 2–5", idea="stacks of 3×3")  # fmt: skip
VGG_BN = partial(VGG, year=None, source="torchvision", idea="stacks of 3×3, with batch norm")
GOOGLENET = partial(Published, year=2014, input_shape=RGB224, macs=1_582_671_872, paper_cost="1.5 G budget",
    idea="Inception module, 1×1 reduction, global average pooling, auxiliary heads",
    source="Szegedy et al. 2015, §1, §5, §7 and table 3",
    errors=(ONE_CROP(None, 10.07), TEN_CROP(None, 9.15), CROPS_144(None, 7.89),
            Error(None, 6.67, "7 networks"), Error(29.0, 9.2, "Google's later figure")))  # fmt: skip
GOOGLENET_TV = partial(Published, year=None, input_shape=RGB224, macs=1_498_376_192, counted=TORCHVISION,
    idea="batch norm, no bias, 3×3 instead of 5×5", source="torchvision, issue 906",
    errors=(TV_PORTED(30.222, 10.47),))  # fmt: skip
BN_INCEPTION = partial(Published, year=2015, input_shape=RGB224, macs=2_032_600_064,
    source="Ioffe & Szegedy 2015, §4.2")  # fmt: skip
INCEPTION3 = partial(Published, year=2015, input_shape=RGB299, macs=5_713_216_096, paper_cost="4.8 G",
    idea="1×7 with 7×1, grid reduction, label smoothing, RMSProp, batch norm in the auxiliary head",
    source="Szegedy et al. 2016 (Rethinking), §6–10", counted="by hand, torchvision 0.28 and timm",
    errors=(NON_BLACKLISTED(21.2, 5.6), Error(None, 3.5, "4 networks"),
            TV_PORTED(22.706, 6.55, resize=342)))  # fmt: skip
INCEPTION4 = partial(Published, year=2016, input_shape=RGB299, source="Szegedy et al. 2017 (Inception-v4)",
    counted=TIMM)  # fmt: skip
RESNET = partial(Published, year=2015, input_shape=RGB224, counted=TORCHVISION,
    idea="residual learning, basic block",
    source="He et al. 2016 (Deep residual learning), tables 1–5")  # fmt: skip
BOTTLENECK = partial(RESNET, idea="residual learning, bottleneck")
V1_5 = partial(RESNET, year=None, idea="bottleneck with the stride on its 3×3", source="torchvision")
RESNET_A = partial(RESNET, idea="residual learning, shortcuts without parameters", macs=None, counted=HAND)
CIFAR = partial(RESNET, input_shape=RGB32, idea="residual learning for 32×32 images", macs=None, counted=HAND)
PREACT = partial(Published, year=2016, input_shape=RGB224, counted=TIMM,
    idea="pre-activation: nothing but sums on the identity path",
    source="He et al. 2016 (Identity mappings), table 5")  # fmt: skip
RESNEXT = partial(Published, year=2016, input_shape=RGB224, counted=TORCHVISION,
    idea="cardinality: grouped 3×3", source="Xie et al. 2017, §3.4 and §5")  # fmt: skip
DENSENET = partial(Published, year=2017, input_shape=RGB224, counted=TORCHVISION,
    idea="concatenation of all earlier maps, growth rate", source="Huang et al. 2017, table 3")  # fmt: skip

# fmt: off
PUBLISHED = {
    "lenet5": LENET("LeNet-5, modern", None, parameters=61_706, macs=416_520,
        idea="convolution and pooling; every map of C3 sees all six"),
    "lenet5-original": LENET("LeNet-5, original", 1998, parameters=60_000, macs=None,
        idea="convolution, trainable subsampling, partial C3",
        paper_parameters="60,000", paper_cost="340,908 connections",
        errors=(Error(0.95, None, "MNIST"), Error(0.8, None, "MNIST, with distortions"))),
    "alexnet": ALEXNET("AlexNet, one tower", 2014, parameters=61_100_840, macs=714_188_480,
        idea="one tower, no response normalisation, no groups", input_shape=RGB224, counted=TORCHVISION,
        source="Krizhevsky 2014, One weird trick", errors=(TV(43.478, 20.934),)),
    "alexnet-original": ALEXNET("AlexNet, original", 2012, parameters=60_965_224, macs=724_406_816,
        idea="ReLU, dropout, response normalisation, overlapping pooling, two GPUs", paper_parameters="60 M",
        errors=(Error(40.7, 18.2, "1 network, validation"), Error(38.1, 16.4, "5 networks, validation"),
                Error(36.7, 15.4, "7 networks*, validation"), Error(None, 15.3, "7 networks*, test"),
                Error(37.5, 17.0, "ILSVRC-2010"))),
    "alexnet-ungrouped": ALEXNET("AlexNet, ungrouped", None, parameters=62_378_344, macs=1_135_256_096,
        idea="shows what grouping saves"),
    "vgg11": VGG("VGG-11 (A)", parameters=132_863_336, macs=7_609_090_048, paper_parameters="133 M",
        errors=(DENSE(29.6, 10.4), TV(30.98, 11.372))),
    "vgg13": VGG("VGG-13 (B)", parameters=133_047_848, macs=11_308_466_176, paper_parameters="133 M",
        errors=(DENSE(28.7, 9.9), TV(30.072, 10.754))),
    "vgg16": VGG("VGG-16 (D)", parameters=138_357_544, macs=15_470_264_320, paper_parameters="138 M",
        paper_cost="15.3 G in the ResNet paper (convolutions only)",
        errors=(DENSE(27.0, 8.8), JITTER(25.6, 8.1), MULTI_SCALE(24.8, 7.5), TV(28.408, 9.618))),
    "vgg19": VGG("VGG-19 (E)", parameters=143_667_240, macs=19_632_062_464, paper_parameters="144 M",
        paper_cost="19.6 G in the ResNet paper",
        errors=(DENSE(27.3, 9.0), JITTER(25.5, 8.0), Error(24.4, 7.1, "best of one network"),
                TV(27.624, 9.124))),
    "vgg11-bn": VGG_BN("VGG-11 with BN", parameters=132_868_840, macs=7_609_090_048,
        errors=(TV(29.63, 10.19),)),
    "vgg13-bn": VGG_BN("VGG-13 with BN", parameters=133_053_736, macs=11_308_466_176,
        errors=(TV(28.414, 9.626),)),
    "vgg16-bn": VGG_BN("VGG-16 with BN", parameters=138_365_992, macs=15_470_264_320,
        errors=(TV(26.64, 8.484),)),
    "vgg19-bn": VGG_BN("VGG-19 with BN", parameters=143_678_248, macs=19_632_062_464,
        errors=(TV(25.782, 8.158),)),
    "vgg16-c": VGG("VGG-16 (C)", parameters=133_638_952, macs=11_770_888_192, paper_parameters="134 M",
        idea="three 1×1 as a control for 3×3", counted=HAND, errors=(DENSE(28.1, 9.4), JITTER(27.3, 8.8))),
    "googlenet": GOOGLENET("GoogLeNet (Inception v1)", parameters=6_998_552, counted=REPOSITORIES),
    "googlenet-aux": GOOGLENET("GoogLeNet with both heads", parameters=13_378_280, counted=HAND),
    "googlenet-torchvision": GOOGLENET_TV("GoogLeNet, torchvision's", parameters=6_624_904),
    "googlenet-torchvision-aux": GOOGLENET_TV("GoogLeNet, torchvision's with both heads",
        parameters=13_004_888),
    "bn-inception": BN_INCEPTION("BN-Inception (Inception v2)", parameters=11_285_224, counted=HAND,
        idea="batch norm before every nonlinearity, 5×5 as two 3×3", paper_parameters="13.6 M (unexplained)",
        paper_cost="2.0 G in Rethinking's table 3, quoted second hand",
        errors=(ONE_CROP(25.2, 7.8), Error(None, 4.9, "ensemble, validation"),
                Error(None, 4.82, "ensemble, test"))),
    "bn-inception-caffe": BN_INCEPTION("BN-Inception, Caffe port", parameters=11_295_240,
        idea="keeps the convolutions' biases under batch norm", counted=REPOSITORIES,
        source="public ports of the Caffe model"),
    "inception-v3": INCEPTION3("Inception v3", parameters=23_834_568),
    "inception-v3-aux": INCEPTION3("Inception v3 with its head", parameters=27_161_264),
    "inception-v4": INCEPTION4("Inception v4", parameters=42_679_816, macs=12_253_974_624,
        idea="uniform, pure Inception, no residual connections",
        errors=(NON_BLACKLISTED(20.0, 5.0), CROPS_144(17.7, 3.8), TIMM_RUN(19.856, 5.018))),
    "inception-resnet-v2": INCEPTION4("Inception-ResNet-v2", parameters=55_843_464, macs=13_155_794_016,
        idea="residual connections, linear 1×1, scaled residuals",
        errors=(NON_BLACKLISTED(19.9, 4.9), CROPS_144(17.8, 3.7), TIMM_RUN(19.566, 4.688))),
    "resnet18": RESNET("ResNet-18", parameters=11_689_512, macs=1_814_073_344, paper_cost="1.8 G",
        errors=(TV(30.242, 10.922),)),
    "resnet34": RESNET("ResNet-34", parameters=21_797_672, macs=3_663_761_408, paper_cost="3.6 G",
        errors=(OPTION_B(24.52, 7.46), TV(26.686, 8.58))),
    "resnet18-a": RESNET_A("ResNet-18, option A", parameters=11_515_688, errors=(OPTION_A(27.88, None),)),
    "resnet34-a": RESNET_A("ResNet-34, option A", parameters=21_623_848, errors=(OPTION_A(25.03, 7.76),)),
    "resnet50": V1_5("ResNet-50 v1.5", parameters=25_557_032, macs=4_089_184_256,
        errors=(TV(23.87, 7.138), TV2(19.142, 4.566))),
    "resnet101": V1_5("ResNet-101 v1.5", parameters=44_549_160, macs=7_801_405_440,
        errors=(TV(22.626, 6.454), TV2(18.114, 4.22))),
    "resnet152": V1_5("ResNet-152 v1.5", parameters=60_192_808, macs=11_513_626_624,
        errors=(TV(21.688, 5.954), TV2(17.716, 3.998))),
    "resnet50-v1": BOTTLENECK("ResNet-50", parameters=25_557_032, macs=3_857_973_248, paper_cost="3.8 G",
        errors=(TEN_CROP(22.85, 6.71), MULTI_SCALE(20.74, 5.25))),
    "resnet101-v1": BOTTLENECK("ResNet-101", parameters=44_549_160, macs=7_570_194_432, paper_cost="7.6 G",
        errors=(TEN_CROP(21.75, 6.05), MULTI_SCALE(19.87, 4.60), ONE_CROP(23.6, 7.1))),
    "resnet152-v1": BOTTLENECK("ResNet-152", parameters=60_192_808, macs=11_282_415_616, paper_cost="11.3 G",
        errors=(TEN_CROP(21.43, 5.71), MULTI_SCALE(19.38, 4.49), ONE_CROP(23.0, 6.7), CROP_320(21.3, 5.5))),
    "cifar-resnet20": CIFAR("ResNet-20 for CIFAR-10", parameters=269_722),
    "cifar-resnet32": CIFAR("ResNet-32 for CIFAR-10", parameters=464_154),
    "cifar-resnet44": CIFAR("ResNet-44 for CIFAR-10", parameters=658_586),
    "cifar-resnet56": CIFAR("ResNet-56 for CIFAR-10", parameters=853_018),
    "cifar-resnet110": CIFAR("ResNet-110 for CIFAR-10", parameters=1_727_962),
    "preact-resnet18": PREACT("ResNet-18 v2", year=None, parameters=11_687_720, macs=1_814_073_344),
    "preact-resnet34": PREACT("ResNet-34 v2", year=None, parameters=21_795_880, macs=3_663_761_408),
    "preact-resnet50": PREACT("ResNet-50 v2", year=None, parameters=25_549_352, macs=4_089_184_256),
    "preact-resnet101": PREACT("ResNet-101 v2", year=None, parameters=44_541_480, macs=7_801_405_440),
    "preact-resnet152": PREACT("ResNet-152 v2", parameters=60_185_128, macs=11_513_626_624,
        errors=(CROP_320(21.1, 5.5),)),
    "preact-resnet200": PREACT("ResNet-200 v2", parameters=64_666_152, macs=15_007_481_856, counted=HAND,
        paper_cost="about 15 G (ResNeXt paper)",
        errors=(CROP_320(20.7, 5.3), Error(20.1, 4.8, "one 320 crop, scale and aspect augmentation"))),
    "resnext50-32x4d": RESNEXT("ResNeXt-50 32×4d", parameters=25_028_904, macs=4_230_479_872,
        paper_parameters="about 25 M", paper_cost="about 4.1–4.2 G",
        errors=(ONE_CROP(22.2, None), TV(22.382, 6.302), TV2(18.802, 4.66))),
    "resnext101-32x4d": RESNEXT("ResNeXt-101 32×4d", parameters=44_177_704, macs=7_969_996_800, counted=TIMM,
        paper_cost="about 7.8 G", errors=(ONE_CROP(21.2, None),)),
    "resnext101-32x8d": RESNEXT("ResNeXt-101 32×8d", parameters=88_791_336, macs=16_414_015_488, year=None,
        source="torchvision; not in the paper's ImageNet-1K tables",
        errors=(TV(20.688, 5.474), TV2(17.166, 3.772))),
    "resnext101-64x4d": RESNEXT("ResNeXt-101 64×4d", parameters=83_455_272, macs=15_460_270_080,
        paper_cost="about 15.6 G", errors=(ONE_CROP(20.4, None), CROP_320(None, 4.4),
            Error(16.754, 3.546, "one centre crop, torchvision's weights (newer recipe)", NEW, 232))),
    "densenet121": DENSENET("DenseNet-121", parameters=7_978_856, macs=2_834_161_664,
        errors=(ONE_CROP(25.02, 7.71), TEN_CROP(23.61, 6.66), TV_PORTED(25.566, 8.028))),
    "densenet169": DENSENET("DenseNet-169", parameters=14_149_480, macs=3_359_843_328,
        errors=(ONE_CROP(23.80, 6.85), TEN_CROP(22.08, 5.92), TV_PORTED(24.4, 7.194))),
    "densenet201": DENSENET("DenseNet-201", parameters=20_013_928, macs=4_291_365_888,
        paper_parameters="20 M", errors=(ONE_CROP(22.58, 6.34), TEN_CROP(21.46, 5.54), TV_PORTED(23.104, 6.63))),
    "densenet161": DENSENET("DenseNet-161", parameters=28_681_000, macs=7_727_907_072,
        source="torchvision; only in an early version of the paper", errors=(TV_PORTED(22.862, 6.44),)),
    "mobilenet-v2": Published("MobileNetV2", 2018, RGB224, parameters=3_504_872, macs=300_774_272,
        idea="inverted residuals around depthwise 3×3, linear bottlenecks", counted=TORCHVISION,
        source="Sandler et al. 2018, table 4", paper_parameters="3.4 M", paper_cost="300 M",
        errors=(Error(28.0, None, "one crop"), TV(28.122, 9.714))),
    "se-resnet50": Published("SE-ResNet-50", 2018, RGB224, parameters=28_088_024, macs=4_091_699_200,
        idea="each channel scaled by a gate computed from all channels' means",
        counted=REPOSITORIES, source="Hu et al. 2018, table 2",
        paper_cost="3.87 G (stride on the first 1×1)", errors=(ONE_CROP(23.29, 6.62),)),
    "mobilenet-v3-large": Published("MobileNetV3-Large", 2019, RGB224, parameters=5_483_032, macs=216_589_760,
        idea="layout by search for latency, hard swish, gates in half of the blocks", counted=TORCHVISION,
        source="Howard et al. 2019, table 3", paper_parameters="5.4 M", paper_cost="219 M",
        errors=(Error(24.8, None, "one crop"), TV(25.958, 8.66))),
    "efficientnet-b0": Published("EfficientNet-B0", 2019, RGB224, parameters=5_288_548, macs=385_814_752,
        idea="gated inverted residuals found by search; depth, width and resolution scaled together",
        counted=TORCHVISION, source="Tan & Le 2019, table 2", paper_parameters="5.3 M", paper_cost="0.39 G",
        errors=(Error(22.9, 6.7, "one crop"), TV(22.308, 6.468, trained=PORTED_TIMM))),
    "convnext-t": Published("ConvNeXt-T", 2022, RGB224, parameters=28_589_128, macs=4_455_531_264,
        idea="a ResNet in a Transformer's proportions: depthwise 7×7, layer norm, GELU, one of each in a block",
        counted=TORCHVISION, source="Liu et al. 2022, table 1", paper_parameters="29 M", paper_cost="4.5 G",
        errors=(Error(17.9, None, "one crop, 300 epochs"), TV(17.48, 3.854, trained=NEW, resize=236))),
    "densenet264": DENSENET("DenseNet-264", parameters=33_337_704, macs=5_751_653_376, counted=HAND,
        errors=(ONE_CROP(22.15, 6.12), TEN_CROP(20.80, 5.29))),
}
# fmt: on

NAMES = tuple(PUBLISHED)
