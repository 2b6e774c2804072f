"""The zoo: every row of the table is counted, every block is held against its formula."""

import functools
import itertools
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import utils.models
from utils.models import (
    NAMES,
    PUBLISHED,
    BasicBlock,
    BNInception,
    Bottleneck,
    CifarResNet,
    ConvNeXt,
    ConvNeXtBlock,
    DenseBlock,
    DenseLayer,
    DenseNet,
    FactorizedConv,
    GoogLeNet,
    InceptionResNet,
    InceptionResNetV2,
    InceptionV1,
    InceptionV2,
    InvertedResidual,
    MobileNetV2,
    PreActBlock,
    PreActBottleneck,
    PreActResNet,
    ResNet,
    ResNeXt,
    ResNeXtBlock,
    SEResNet,
    SqueezeExcite,
    Transition,
    build,
    count_parameters,
    describe,
    expansion,
    measure,
    model_macs,
    vgg,
)
from utils.models.zoo import RECIPES


@functools.cache
def ours(name):
    """Parameters, multiply-adds and output shape of one network of the zoo, on the meta device."""
    network = build(name, device="meta").eval()
    shape = PUBLISHED[name].input_shape
    with torch.no_grad():
        output = network(torch.empty(2, *shape, device="meta"))
    return count_parameters(network), model_macs(network, shape), tuple(output.shape)


def seconds_to_build(name):
    """CPU seconds, so that a busy machine does not count."""
    start = time.process_time()
    build(name, device="meta")
    return time.process_time() - start


def on_meta(make):
    with torch.device("meta"):
        return make()


# --- the table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_published_ones(name):
    """Every network of the table has exactly its published number of trainable parameters."""
    assert PUBLISHED[name].parameters == ours(name)[0]


@pytest.mark.parametrize("name", [name for name in NAMES if PUBLISHED[name].macs is not None])
def test_multiply_adds_are_the_published_ones(name):
    """Every network whose multiply-adds are known has exactly that many at its published input size."""
    assert PUBLISHED[name].macs == ours(name)[1]


@pytest.mark.parametrize("name", NAMES)
def test_one_image_in_one_row_of_logits_out(name):
    """Every network maps a batch at its published input size to logits, one row for each image."""
    classes = 10 if PUBLISHED[name].input_shape[1] == 32 else 1000

    assert (2, classes) == ours(name)[2]


@pytest.mark.parametrize("name", NAMES)
def test_building_on_the_meta_device_is_quick(name):
    """No network takes half a second to build where there is no memory to fill."""
    # Twice, because torch loads its rules for the meta device when they are first needed.
    assert min(seconds_to_build(name) for _ in range(2)) < 0.5


def test_table_and_registry_name_the_same_networks():
    """No row lacks a recipe, and no recipe a row."""
    assert set(PUBLISHED) == set(RECIPES)


def test_titles_tell_the_rows_apart():
    """No two rows are shown under the same title."""
    titles = [row.title for row in PUBLISHED.values()]

    assert sorted(set(titles)) == sorted(titles)


@pytest.mark.parametrize("name", NAMES)
def test_published_errors_are_percentages_with_a_protocol(name):
    """Top-5 never exceeds top-1, both are percentages, and every error says how it was measured."""
    for error in PUBLISHED[name].errors:
        top1 = 100 if error.top1 is None else error.top1
        top5 = 0 if error.top5 is None else error.top5
        assert error.protocol
        assert 0 <= top5 < top1 <= 100
        assert error.top1 or error.top5


def test_the_table_is_read_without_torch():
    """The book and the browser read the table where torch is not installed."""
    code = "import sys; from utils.models import PUBLISHED, NAMES; import utils.models.published as p; "
    code += "assert 'torch' not in sys.modules and p.PUBLISHED is PUBLISHED"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(utils.models.__file__).parents[2])


def test_no_public_name_is_hidden_by_a_module():
    """`from utils.models import x` never gives a module that happens to have the same name."""
    modules = {module.name for module in pkgutil.iter_modules(utils.models.__path__)}

    assert not modules & set(utils.models.__all__)
    assert all(hasattr(utils.models, name) for name in utils.models.__all__)


# --- what the papers say beside the totals -----------------------------------------------------------------


def test_original_lenet_layer_by_layer():
    """C1 to F6 have the paper's trainable parameters, and the output's 840 are fixed."""
    rows = describe(build("lenet5-original"), (1, 32, 32))

    assert [row.name for row in rows] == ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    assert [row.parameters for row in rows] == [156, 12, 1_516, 32, 48_120, 10_164, 0]
    assert count_parameters(build("lenet5-original"), trainable_only=False) == 60_840


def test_original_lenet_has_the_published_connections():
    """Multiply-adds, a bias a unit, five connections a subsampling unit, 840 to the output: 340,908."""
    network = build("lenet5-original")
    rows = {row.name: torch.Size(row.shape).numel() for row in describe(network, (1, 32, 32), depth=2)}
    biases = sum(rows[unit] for unit in ("c1.0", "c3.0", "c5.0", "f6.0"))
    subsampling = 5 * (rows["s2.0"] + rows["s4.0"])

    assert model_macs(network, (1, 32, 32)) + biases + subsampling + 840 == 340_908


def test_original_lenet_wires_c3_as_table_1():
    """Six maps of C3 see three maps, nine see four, one sees all; each map of S2 is seen by ten."""
    from utils.models.lenet import C3_INPUTS

    assert [len(set(seen)) for seen in C3_INPUTS] == [3] * 6 + [4] * 9 + [6]
    assert [sum(i in seen for seen in C3_INPUTS) for i in range(6)] == [10] * 6
    assert len(C3_INPUTS) == len({frozenset(seen) for seen in C3_INPUTS})


def test_lenet_codes_are_the_nearest_to_themselves():
    """The RBF output gives each digit's own code the largest value, zero, and no two digits one code."""
    from utils.models.lenet import RBF

    scores = RBF()(RBF().codes)

    assert torch.equal(scores.argmax(dim=1), torch.arange(10))
    assert torch.equal(scores.diagonal(), torch.zeros(10))
    assert scores.flatten().sort(descending=True).values[10] < 0


def test_original_alexnet_layer_by_layer():
    """Each of the eight layers has the weights and biases that the two-tower paper implies."""
    layers = layers_of(build("alexnet-original", device="meta"), nn.Conv2d | nn.Linear)
    expected = [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000]

    assert expected == [count_parameters(layer) for layer in layers]


def test_response_norm_sums_over_neighbours_as_the_paper():
    """AlexNet's response normalisation is x / (2 + 1e-4 · Σ over five channels of x²)^0.75."""
    norm = layers_of(build("alexnet-original", device="meta"), nn.LocalResponseNorm)[0]
    x = 50 * torch.ones(1, 5, 1, 1, dtype=torch.float64)

    torch.testing.assert_close(norm(x)[0, 2, 0, 0].item(), 50 / (2 + 1e-4 * 5 * 2500) ** 0.75)


def test_dense_layers_hold_most_of_vgg():
    """The three dense layers of VGG-16 hold 123,642,856 of its parameters."""
    assert count_parameters(build("vgg16", device="meta").classifier) == 123_642_856


@pytest.mark.parametrize(
    ("name", "without", "head"), [("inception-v3-aux", "inception-v3", 3_326_696),
                                  ("googlenet-torchvision-aux", "googlenet-torchvision", 6_379_984)]
)  # fmt: skip
def test_auxiliary_heads_cost_what_is_published(name, without, head):
    """The auxiliary heads add exactly their published parameters and nothing in evaluation."""
    assert head == ours(name)[0] - ours(without)[0]
    assert ours(name)[1] == ours(without)[1]


def test_inception_v3_without_gammas_is_keras_count():
    """Leaving out the scale of every batch norm gives the 23,817,352 that Keras reports."""
    network = build("inception-v3", device="meta")
    gammas = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.BatchNorm2d))

    assert count_parameters(network) - gammas == 23_817_352


@pytest.mark.parametrize(("name", "heads"), [("googlenet-aux", 2), ("inception-v3-aux", 1)])
def test_auxiliary_heads_speak_in_training_only(name, heads):
    """In training the logits come with each head's, in evaluation alone."""
    network = build(name, device="meta")
    x = torch.empty(2, *PUBLISHED[name].input_shape, device="meta")

    assert [(2, 1000)] * (1 + heads) == [tuple(logits.shape) for logits in network.train()(x)]
    assert tuple(network.eval()(x).shape) == (2, 1000)


@pytest.mark.parametrize(
    ("width", "cardinality", "weights"),
    [(64, 1, 69_632), (40, 2, 69_760), (24, 4, 69_888), (14, 8, 71_456), (4, 32, 70_144)],
)
def test_resnext_blocks_cost_the_same_at_every_cardinality(width, cardinality, weights):
    """The three convolutions of a 256-d block have the weights of the ResNeXt paper's table 2."""
    block = ResNeXtBlock(256, width, cardinality, 256)

    assert weights == sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize("name", ["inception-v3", "inception-v4"])
def test_sevens_come_as_rows_and_columns_in_turn(name):
    """In every branch of v3 and v4 rows and columns of seven alternate: two in a row would see a line."""
    from utils.models.layers import Branches

    for module in layers_of(build(name, device="meta"), Branches):
        for branch in module.values():
            kernels = [conv.kernel_size for conv in layers_of(branch, nn.Conv2d)]
            sevens = [kernel for kernel in kernels if 7 in kernel]
            assert sevens.count((1, 7)) == sevens.count((7, 1))
            assert all(a != b for a, b in itertools.pairwise(sevens))


@pytest.mark.parametrize(("name", "forks"), [("inception-v3", 4), ("inception-v4", 6)])
def test_threes_fan_out_in_parallel(name, forks):
    """On the 8×8 grid 1×3 and 3×1 read the same map side by side; in series they would halve the channels."""
    from utils.models.layers import Branches

    fans = [m for m in layers_of(build(name, device="meta"), Branches) if set(m) == {"row", "column"}]
    kernels = {tuple(conv.kernel_size for conv in layers_of(fan, nn.Conv2d)) for fan in fans}

    assert (forks, {((1, 3), (3, 1))}) == (len(fans), kernels)


def test_inception_v4_has_no_residual_connection():
    """v4 is the pure network: no part of it adds, its hybrid sibling does."""
    from utils.models.inception_resnet import ScaledResidual

    def residuals(name):
        return sum(isinstance(m, ScaledResidual) for m in build(name, device="meta").modules())

    assert (residuals("inception-v4"), residuals("inception-resnet-v2")) == (0, 40)


# --- real memory -------------------------------------------------------------------------------------------

SMALL_ONES = ("lenet5", "lenet5-original", "alexnet", "vgg11", "googlenet", "bn-inception", "inception-v3",
              "inception-v4", "inception-resnet-v2", "resnet18", "cifar-resnet20", "preact-resnet18",
              "resnext50-32x4d", "densenet121")  # fmt: skip


@pytest.mark.parametrize("name", SMALL_ONES)
def test_one_of_each_family_runs_on_real_memory(name):
    """The logits are finite, differ between images, and the images are left as they were."""
    torch.manual_seed(0)
    network = build(name).eval()
    x = torch.randn(2, *PUBLISHED[name].input_shape)
    before = x.clone()
    with torch.no_grad():
        logits = network(x)

    assert torch.equal(before, x)
    assert logits.isfinite().all()
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("name", ["alexnet", "vgg11"])
def test_adaptive_pooling_admits_larger_images(name):
    """AlexNet and VGG accept images larger than 224."""
    assert tuple(build(name, device="meta")(torch.empty(1, 3, 260, 300, device="meta")).shape) == (1, 1000)


def test_cifar_resnet_learns():
    """A small ResNet fits eight random images: gradients flow through every parameter."""
    torch.manual_seed(0)
    network = CifarResNet(depth=8)
    x, y = torch.randn(8, 3, 32, 32), torch.arange(8)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(30):
        optimiser.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimiser.step()

    assert loss < 0.1
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


# --- the blocks against their formulas ---------------------------------------------------------------------


def filled(block):
    """The block in float64 and evaluation mode, every parameter and statistic random."""
    torch.manual_seed(1)
    for parameter in block.parameters():
        parameter.data.normal_()
    for norm in layers_of(block, nn.BatchNorm2d):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 1.5)
    return block.double().eval()


def layers_of(block, kind):
    return [m for m in block.modules() if isinstance(m, kind)]


def convs_and_norms(block):
    return layers_of(block, nn.Conv2d), layers_of(block, nn.BatchNorm2d)


def image(channels, size=6):
    seed = torch.Generator().manual_seed(2)
    return torch.randn(2, channels, size, size, dtype=torch.float64, generator=seed)


@pytest.mark.parametrize(("c_in", "c_out", "stride"), [(4, 4, 1), (4, 8, 2), (4, 4, 2), (4, 8, 1)])
def test_basic_block_is_its_formula(c_in, c_out, stride):
    """relu(bn(conv(relu(bn(conv x)))) + shortcut), projected when stride or channels change."""
    block, x = filled(BasicBlock(c_in, c_out, stride)), image(c_in)
    (a, b, *project), (na, nb, *norm) = convs_and_norms(block)
    shortcut = norm[0](project[0](x)) if project else x

    torch.testing.assert_close(block(x), F.relu(nb(b(F.relu(na(a(x))))) + shortcut))
    assert bool(project) == (stride != 1 or c_in != c_out)
    assert (stride, 1) == (a.stride[0], b.stride[0])
    assert not any(conv.bias is not None for conv in layers_of(block, nn.Conv2d))


@pytest.mark.parametrize(("c_in", "c_mid", "stride"), [(16, 4, 1), (16, 4, 2), (8, 4, 1)])
def test_bottleneck_is_its_formula(c_in, c_mid, stride):
    """1×1, 3×3 with the stride, 1×1 to four times the width, ReLU after the sum."""
    block, x = filled(Bottleneck(c_in, c_mid, stride)), image(c_in)
    (a, b, c, *project), (na, nb, nc, *norm) = convs_and_norms(block)
    shortcut = norm[0](project[0](x)) if project else x

    torch.testing.assert_close(block(x), F.relu(nc(c(F.relu(nb(b(F.relu(na(a(x)))))))) + shortcut))
    assert (1, stride, 1) == tuple(conv.stride[0] for conv in (a, b, c))
    assert 4 * c_mid == block(x).shape[1]


def test_bottleneck_v1_strides_first():
    """The published ResNets of 50 and more layers put the stride on the first 1×1, v1.5 on the 3×3."""
    strides = {
        name: [m.stride[0] for m in layers_of(build(name, device="meta").layer2[0], nn.Conv2d)]
        for name in ("resnet50-v1", "resnet50")
    }

    assert strides == {"resnet50-v1": [2, 1, 1, 2], "resnet50": [1, 2, 1, 2]}


def test_option_a_pads_the_shortcut_with_zeros():
    """Option A's shortcut is every second pixel, then zeros in the new channels; it has no parameters."""
    from utils.models.resnet import basic_block_a

    block, x = filled(basic_block_a(4, 8, 2)), image(4)
    (a, b), (na, nb) = convs_and_norms(block)
    shortcut = torch.cat([x[:, :, ::2, ::2], torch.zeros(2, 4, 3, 3, dtype=x.dtype)], dim=1)

    torch.testing.assert_close(block(x), F.relu(nb(b(F.relu(na(a(x))))) + shortcut))


@pytest.mark.parametrize(("c_in", "c_out", "stride"), [(4, 4, 1), (4, 8, 2), (4, 8, 1)])
def test_preact_block_is_its_formula(c_in, c_out, stride):
    """BN-ReLU-conv twice; a projection without BN reads the pre-activated input; nothing follows the sum."""
    block, x = filled(PreActBlock(c_in, c_out, stride)), image(c_in)
    (a, b, *project), (na, nb) = convs_and_norms(block)
    pre = F.relu(na(x))
    shortcut = project[0](pre) if project else x

    torch.testing.assert_close(block(x), b(F.relu(nb(a(pre)))) + shortcut)


@pytest.mark.parametrize(("c_in", "c_mid", "stride"), [(16, 4, 1), (16, 4, 2), (8, 4, 1)])
def test_preact_bottleneck_is_its_formula(c_in, c_mid, stride):
    """BN-ReLU-conv three times, stride on the 3×3, raw input on the identity shortcut."""
    block, x = filled(PreActBottleneck(c_in, c_mid, stride)), image(c_in)
    (a, b, c, *project), (na, nb, nc) = convs_and_norms(block)
    pre = F.relu(na(x))
    shortcut = project[0](pre) if project else x

    torch.testing.assert_close(block(x), c(F.relu(nc(b(F.relu(nb(a(pre))))))) + shortcut)
    assert (1, stride, 1) == tuple(conv.stride[0] for conv in (a, b, c))


def test_resnext_block_is_a_grouped_bottleneck():
    """The 3×3 has width·cardinality channels in `cardinality` groups and carries the stride."""
    block, x = filled(ResNeXtBlock(8, 3, 4, 16, 2)), image(8)
    (a, b, c, project), (na, nb, nc, norm) = convs_and_norms(block)

    expected = F.relu(nc(c(F.relu(nb(b(F.relu(na(a(x)))))))) + norm(project(x)))
    torch.testing.assert_close(block(x), expected)
    assert (b.out_channels, b.groups, b.stride) == (12, 4, (2, 2))


@pytest.mark.parametrize(("kind", "convs_in_wide"), [(InceptionV1, 1), (InceptionV2, 2)])
def test_inception_modules_are_their_formulas(kind, convs_in_wide):
    """Four branches in the order 1×1, 3×3, 5×5, pool; every convolution is followed by ReLU."""
    block, x = filled(kind(5, 1, 2, 3, 4, 6, 7)), image(5)
    stages = [
        lambda x, c=c, n=n: F.relu(n(c(x)))
        for c, n in zip(
            layers_of(block, nn.Conv2d), layers_of(block, nn.BatchNorm2d) or [nn.Identity()] * 6, strict=True
        )
    ]
    one, reduce3, three, reduce5, *wide, pool = stages
    y = functools.reduce(lambda y, stage: stage(y), wide, reduce5(x))
    expected = [one(x), three(reduce3(x)), y, pool(F.max_pool2d(x, 3, 1, 1))]

    torch.testing.assert_close(block(x), torch.cat(expected, dim=1))
    assert convs_in_wide == len(wide)
    assert (kind is InceptionV1) == all(conv.bias is not None for conv in layers_of(block, nn.Conv2d))


def test_factorized_conv_is_a_row_then_a_column():
    """1×n first, n×1 second, each with BN and ReLU, the map's size kept."""
    block, x = filled(FactorizedConv(3, 5, 7)), image(3, 8)
    (a, b), (na, nb) = convs_and_norms(block)

    torch.testing.assert_close(block(x), F.relu(nb(b(F.relu(na(a(x)))))))
    assert (a.kernel_size, b.kernel_size, tuple(block(x).shape)) == ((1, 7), (7, 1), (2, 5, 8, 8))


def test_inception_resnet_is_its_formula():
    """relu(x + scale · linear(branches)), branches 32 · 32-32 · 32-48-64; the 1×1 has a bias and no BN."""
    block, x = filled(InceptionResNet(6, scale=0.3)), image(6)
    convs, norms = convs_and_norms(block)
    a, b1, b2, c1, c2, c3 = (lambda x, c=c, n=n: F.relu(n(c(x))) for c, n in zip(convs[:-1], norms, strict=True))
    branches = torch.cat([a(x), b2(b1(x)), c3(c2(c1(x)))], dim=1)

    torch.testing.assert_close(block(x), F.relu(x + 0.3 * convs[-1](branches)))
    assert [conv.out_channels for conv in convs] == [32, 32, 32, 32, 48, 64, 6]
    assert convs[-1].bias is not None


def test_last_inception_resnet_block_is_linear():
    """Only the last block of Inception-ResNet-v2 leaves out the ReLU, at full scale."""
    blocks = build("inception-resnet-v2", device="meta").block8

    assert [block.relu for block in blocks] == [True] * 9 + [False]
    assert [block.scale for block in blocks] == [0.2] * 9 + [1.0]


def test_dense_block_concatenates_oldest_first():
    """Every layer reads all before it; the block returns the input, then each layer's maps in order."""
    block, x = filled(DenseBlock(3, 4, 2)), image(4)
    layers = layers_of(block, DenseLayer)
    for layer in layers:
        (a, b), (na, nb) = convs_and_norms(layer)
        assert (a.out_channels, b.out_channels) == (8, 2)
        new = b(F.relu(nb(a(F.relu(na(x))))))
        torch.testing.assert_close(layer(x), new)
        x = torch.cat([x, new], dim=1)

    torch.testing.assert_close(block(image(4)), x)
    assert len(layers) == 3


def test_transition_is_its_formula():
    """BN-ReLU-1×1, then the mean of each 2×2."""
    block, x = filled(Transition(4, 3)), image(4)
    (conv,), (norm,) = convs_and_norms(block)

    torch.testing.assert_close(block(x), F.avg_pool2d(conv(F.relu(norm(x))), 2))


@pytest.mark.parametrize(
    ("c_in", "c_out", "stride", "expansion"), [(4, 4, 1, 6), (4, 8, 2, 6), (4, 4, 2, 3), (4, 6, 1, 1)]
)
def test_inverted_residual_is_its_formula(c_in, c_out, stride, expansion):
    """Expand, depthwise, project without an activation; added to the input where the shapes are equal."""
    block, x = filled(InvertedResidual(c_in, c_out, stride, expansion)), 5 * image(c_in)
    convs, norms = convs_and_norms(block)
    h = x
    for conv, norm in zip(convs[:-1], norms[:-1], strict=True):
        h = F.relu6(norm(conv(h)))
    h = norms[-1](convs[-1](h))

    torch.testing.assert_close(block(x), x + h if stride == 1 and c_in == c_out else h)
    assert [conv.groups for conv in convs] == [1] * (expansion > 1) + [expansion * c_in, 1]
    assert all(conv.bias is None for conv in convs)


def test_squeeze_excite_is_its_formula():
    """Each channel times the sigmoid of two layers on all means; at least one number stays in between."""
    block, x = filled(SqueezeExcite(8, 3)), image(8)
    a, b = layers_of(block, nn.Conv2d)
    means = x.mean(dim=(2, 3), keepdim=True)

    torch.testing.assert_close(block(x), x * torch.sigmoid(b(F.relu(a(means)))))
    assert (a.out_channels, layers_of(SqueezeExcite(8), nn.Conv2d)[0].out_channels) == (2, 1)


def test_convnext_block_is_its_formula():
    """Depthwise 7×7, layer norm over channels, 1×1 to four times the width, GELU, 1×1, scale, sum."""
    block, x = filled(ConvNeXtBlock(4)), image(4, 9)
    a, b = layers_of(block, nn.Linear)
    h = block.depthwise(x).movedim(1, -1)
    h = (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True, unbiased=False) + 1e-6).sqrt()
    h = b(F.gelu(a(h * block.norm.weight + block.norm.bias)))

    torch.testing.assert_close(block(x), x + (block.scale * h).movedim(-1, 1))
    assert {1e-6} == {round(value, 9) for value in ConvNeXtBlock(4).scale.tolist()}


def test_gates_of_the_searched_networks_are_as_wide_as_published():
    """MobileNetV3 squeezes to a quarter of the hidden width in steps of 8, EfficientNet to a quarter of the block's input."""
    from utils.models import Gate

    def squeezed(name):
        return [layers_of(gate, nn.Conv2d)[0].out_channels for gate in layers_of(build(name, device="meta"), Gate)]

    assert [24, 32, 32, 120, 168, 168, 240, 240] == squeezed("mobilenet-v3-large")
    assert [8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48] == squeezed("efficientnet-b0")


def test_vgg_refuses_unknown_configurations():
    """A configuration outside 11, 13, 16 and 19 is a ValueError that lists them, even C and the int 16."""
    for config in ("17", "C", 16, None):
        with pytest.raises(ValueError, match="11, 13, 16, 19"):
            vgg(config)


# --- a learner's own block ---------------------------------------------------------------------------------


class TheirBottleneck(nn.Module):
    """A bottleneck as a learner may write it: no attribute tells the expansion, the shortcut comes first."""

    def __init__(self, c_in, c_mid, stride=1):
        super().__init__()
        if stride != 1 or c_in != c_mid * 4:
            project = nn.Conv2d(c_in, c_mid * 4, 1, stride, bias=False)
            self.down = nn.Sequential(project, nn.BatchNorm2d(c_mid * 4))
        self.l1, self.n1 = nn.Conv2d(c_in, c_mid, 1, bias=False), nn.BatchNorm2d(c_mid)
        self.l2, self.n2 = nn.Conv2d(c_mid, c_mid, 3, stride, 1, bias=False), nn.BatchNorm2d(c_mid)
        self.l3, self.n3 = nn.Conv2d(c_mid, c_mid * 4, 1, bias=False), nn.BatchNorm2d(c_mid * 4)

    def forward(self, x):
        y = F.relu(self.n2(self.l2(F.relu(self.n1(self.l1(x))))))
        return F.relu(self.n3(self.l3(y)) + (self.down(x) if hasattr(self, "down") else x))


def their(block):
    """The block as a plain function, as a learner's may be: positional arguments, no attributes."""
    return lambda *args: block(*args)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("resnet18", lambda: ResNet(their(BasicBlock), [2, 2, 2, 2])),
        ("resnet50", lambda: ResNet(block=TheirBottleneck, layers=[3, 4, 6, 3])),
        ("resnet152", lambda: ResNet(block=TheirBottleneck, layers=[3, 8, 36, 3])),
        ("preact-resnet34", lambda: PreActResNet(block=their(PreActBlock), layers=[3, 4, 6, 3])),
        ("preact-resnet50", lambda: PreActResNet(block=their(PreActBottleneck), layers=[3, 4, 6, 3])),
        ("resnext50-32x4d", lambda: ResNeXt(block=their(ResNeXtBlock), layers=[3, 4, 6, 3])),
        ("resnext101-64x4d", lambda: ResNeXt(their(ResNeXtBlock), [3, 4, 23, 3], cardinality=64, width=4)),
        ("densenet121", lambda: DenseNet(block=their(DenseBlock), transition=their(Transition))),
        ("googlenet", lambda: GoogLeNet(block=their(InceptionV1))),
        ("bn-inception", lambda: BNInception(block=their(InceptionV2))),
        ("inception-resnet-v2", lambda: InceptionResNetV2(block=their(InceptionResNet))),
        ("mobilenet-v2", lambda: MobileNetV2(block=their(InvertedResidual))),
        ("se-resnet50", lambda: SEResNet(gate=their(SqueezeExcite))),
        ("convnext-t", lambda: ConvNeXt(block=their(ConvNeXtBlock))),
    ],
)
def test_a_learners_block_makes_the_published_network(name, make):
    """Blocks with the contract's signature alone assemble to the published parameters and multiply-adds."""
    network, row = on_meta(make), PUBLISHED[name]

    assert row.parameters == count_parameters(network)
    assert row.macs == model_macs(network, row.input_shape)


@pytest.mark.parametrize(
    ("block", "times"),
    [(BasicBlock, 1), (Bottleneck, 4), (TheirBottleneck, 4), (PreActBlock, 1), (PreActBottleneck, 4)],
)
def test_expansion_is_measured(block, times):
    """What leaves a block tells its expansion, not its attributes, and measuring draws no random numbers."""
    torch.manual_seed(0)
    before = torch.get_rng_state()

    assert times == expansion(block)
    assert torch.equal(before, torch.get_rng_state())


def test_expansion_refuses_odd_widths():
    """A block whose output is no multiple of its width cannot be stacked; the error says what it returned."""
    with pytest.raises(ValueError, match="returned 65 channels"):
        expansion(lambda c_in, c_mid, stride: nn.Conv2d(c_in, c_mid + 1, 1, stride))


def test_cifar_resnet_takes_blocks_and_refuses_other_depths():
    """A basic block of any make fits a depth of 6n + 2; another depth is a ValueError that says so."""
    assert 16 * 16 + 2 * 16 < count_parameters(CifarResNet(block=their(BasicBlock))) - 269_722 < 3_000
    with pytest.raises(ValueError, match="6n \\+ 2"):
        CifarResNet(depth=21)


# --- counting ----------------------------------------------------------------------------------------------


def test_count_parameters_counts_trainable_ones_once():
    """Frozen parameters count only when asked for, shared ones once, buffers never."""
    shared = nn.Linear(3, 3)
    network = nn.Sequential(shared, nn.BatchNorm1d(3), shared, nn.Linear(3, 2))
    network[3].requires_grad_(False)

    assert count_parameters(network) == 12 + 6
    assert count_parameters(network, trainable_only=False) == 12 + 6 + 8


SHARED = nn.Linear(4, 4)


@pytest.mark.parametrize(
    ("module", "shape", "macs"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), (3, 5, 7), 8 * 3 * 9 * 5 * 7),
        (nn.Conv2d(6, 9, (1, 3), stride=2, groups=3), (6, 9, 9), 9 * 2 * 3 * 5 * 4),
        (nn.Conv1d(2, 4, 3, dilation=2), (2, 9), 4 * 2 * 3 * 5),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (4, 5, 5), 4 * 25 * 3 * 9),
        (nn.Linear(4, 6), (4,), 24),
        (nn.Linear(4, 6), (10, 4), 240),
        (nn.Sequential(SHARED, nn.ReLU(), SHARED), (4,), 32),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)), (3, 4, 4), 0),
        (nn.Conv2d(3, 8, 1).double(), (3, 5, 5), 600),
        (nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6)), (4,), 24),
    ],
)
def test_multiply_adds_of_single_layers(module, shape, macs):
    """Groups, strides, positions and repeated use count, biases and norms do not; one image is enough."""
    assert macs == model_macs(module, shape)


class Untidy(nn.Module):
    """Keeps a tensor as a plain attribute and makes another on the way, as learners do."""

    def __init__(self):
        super().__init__()
        self.shift = torch.ones(4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x + self.shift[: x.shape[1]] + torch.zeros(x.shape[1]))
        return x


def test_tensors_outside_the_parameters_do_no_harm():
    """A module with plain tensor attributes, or tensors made in forward, can be measured."""
    assert model_macs(Untidy(), (4,)) == 16 + 8
    assert describe(Untidy(), (4,)) == [("layers.0", (4,), 20), ("layers.1", (2,), 10)]


def test_measuring_leaves_the_module_as_it_was():
    """Mode, values, statistics, gradients, device, hooks and the random state are untouched by measuring."""
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(), nn.Linear(64, 2)
    network = nn.Sequential(*layers)
    network(torch.randn(2, 3, 6, 6)).sum().backward()
    network[1].eval()
    values = {key: value.clone() for key, value in network.state_dict().items()}
    gradients = [p.grad for p in network.parameters()]
    modes, state = [m.training for m in network.modules()], torch.get_rng_state()
    model_macs(network, (3, 6, 6))
    describe(network, (3, 6, 6))

    assert all(torch.equal(values[key], value) for key, value in network.state_dict().items())
    assert all(a is p.grad for a, p in zip(gradients, network.parameters(), strict=True))
    assert modes == [m.training for m in network.modules()]
    assert not any(m._forward_hooks for m in network.modules())
    assert {"cpu"} == {p.device.type for p in network.parameters()}
    assert torch.equal(state, torch.get_rng_state())


def test_describe_lists_stages():
    """At depth 1 the rows are the network's stages in order, their shapes, and parameters that add up."""
    rows = describe(build("resnet18", device="meta"), (3, 224, 224))

    assert rows[0] == ("conv1", (64, 112, 112), 9_408)
    assert rows[7] == ("layer4", (512, 7, 7), 8_393_728)
    assert rows[-1] == ("fc", (1000,), 513_000)
    assert sum(row.parameters for row in rows) == 11_689_512


def test_describe_goes_as_deep_as_asked():
    """Depth 2 opens the stages into blocks and leaves single layers alone."""
    names = [row.name for row in describe(build("resnet18", device="meta"), (3, 224, 224), depth=2)]

    assert names[3:7] == ["maxpool", "layer1.0", "layer1.1", "layer2.0"]


def test_describe_counts_a_shared_part_once():
    """Parameters stand in the first row that uses them, so that the column adds up."""
    network = nn.Sequential(SHARED, nn.ReLU(), nn.Sequential(SHARED, nn.Linear(4, 1)))

    assert sum(row.parameters for row in describe(network, (4,))) == count_parameters(network)
    assert [row[::2] for row in describe(network, (4,))] == [("0", 20), ("1", 0), ("0", 0), ("2", 5)]


def test_describe_lists_a_lone_layer():
    """A layer without parts is one row, under its type's name."""
    assert describe(SHARED, (4,)) == [("Linear", (4,), 20)]


# --- the registry ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("ResNet-50", "resnet50"), ("VGG16_BN", "vgg16-bn"), ("ResNeXt-50 32×4d", "resnext50-32x4d"),
     ("Inception V3", "inception-v3"), ("LeNet-5", "lenet5"), ("inception-v1", "googlenet"),
     ("ConvNeXt-Tiny", "convnext-t"), ("MobileNet V2", "mobilenet-v2")],
)  # fmt: skip
def test_names_are_forgiving(spelling, name):
    """Capitals, hyphens, underscores, blanks and × do not matter."""
    assert measure(spelling) == measure(name) == ours(name)[:2]


def test_unknown_names_get_near_ones():
    """A misspelt name is a ValueError that offers the nearest ones; a strange name's points to NAMES."""
    with pytest.raises(ValueError, match=r"no network is called 'resnet5': did you mean .*resnet50"):
        build("resnet5")
    with pytest.raises(ValueError, match=r"utils\.models\.NAMES"):
        build("qqqq")


def test_build_passes_options_on():
    """num_classes, aux and a block of one's own reach the network; device says where it is made."""
    small = build("resnet50", device="meta", num_classes=7, block=TheirBottleneck)

    assert count_parameters(small) == 25_557_032 - 993 * 2049
    assert count_parameters(build("googlenet", device="meta", aux=True)) == 13_378_280
    assert {"meta"} == {p.device.type for p in small.parameters()}
    assert {"cpu"} == {p.device.type for p in build("lenet5").parameters()}
    assert {"meta"} == {p.device.type for p in on_meta(lambda: build("lenet5")).parameters()}


def test_every_plain_spelling_is_one_network():
    """No two names fall together once capitals and hyphens are gone."""
    from utils.models.zoo import ALIASES, _plain

    spellings = [*map(_plain, NAMES), *ALIASES]

    assert len(spellings) == len(set(spellings))
