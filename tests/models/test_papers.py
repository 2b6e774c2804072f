"""The papers' tables: every row has its figures, and no two places of the course print different ones."""

import pytest
import torch
from torch import nn

from utils import models
from utils.models.papers import SECOND_HAND, TEXT


@pytest.mark.parametrize("key", models.PAPERS)
def test_a_table_says_where_it_is_from_and_how_it_was_checked(key):
    """Paper and table are named, each row has a figure for each column, and it shows itself."""
    table = models.PAPERS[key]

    assert any(word in table.source for word in ("table", "figure", "§", "papers"))
    assert table.checked in (TEXT, SECOND_HAND)
    for name, row in table.rows.items():
        assert table[name] == row
        assert len(row if isinstance(row, tuple) else (row,)) == len(table.columns)
        assert name in repr(table)


@pytest.mark.parametrize(
    ("key", "row", "column", "network", "protocol"),
    [
        ("vgg-depth", "D (16)", 0, "vgg16", "one scale, dense"),
        ("vgg-depth", "E, scale jitter", 0, "vgg19", "one scale, dense, trained with scale jitter"),
        ("inception-residual", "Inception v4", 0, "inception-v4", "one crop, without the blacklist"),
        (
            "rethinking",
            "+ batch norm in the auxiliary head (v3)",
            0,
            "inception-v3",
            "one crop, without the blacklist",
        ),
        ("resnet-v2-imagenet", "152 layers", 1, "preact-resnet152", "one 320 crop"),
        ("resnet-v2-imagenet", "200 layers", 1, "preact-resnet200", "one 320 crop"),
        ("resnext-cardinality", "32×4d", 0, "resnext50-32x4d", "one crop"),
        ("resnext-deeper-wider", "more paths: 64×4d", 0, "resnext101-64x4d", "one crop"),
        ("densenet-imagenet", "DenseNet-201", 1, "densenet201", "10 crops"),
    ],
)
def test_both_tables_print_one_figure(key, row, column, network, protocol):
    """Where a network's row has the same error, it is the same number."""
    figure = models.PAPERS[key][row]
    printed = [e.top1 for e in models.PUBLISHED[network].errors if e.protocol == protocol]

    assert printed == [figure[column] if isinstance(figure, tuple) else figure]


def test_a_module_is_looked_into_without_being_changed():
    """Calls, kernels and gradient norms are found, and no hook stays behind."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(2, 2, (1, 3), padding=(0, 1)), nn.Conv2d(4, 1, 1)

        def forward(self, x):
            return self.last(torch.cat([x + self.conv(x), x], dim=1))

    block, x = Block(), torch.randn(1, 2, 4, 4)
    norms = models.gradient_norms(block, ["last"], lambda net: 3 * net(x).sum())

    assert (1, 1) == (models.calls(block)["cat"], models.calls(block)["add"])
    assert {"1×1": 1, "1×3": 1} == models.kernel_sizes(block)
    assert norms == pytest.approx([12.0])
    assert not block.last._forward_hooks


def test_what_the_backward_pass_needs_is_counted_once():
    """Two convolutions that read one map keep one map; parameters are not counted; the meta device will do."""
    x = torch.empty(1, 2, 8, 8, device="meta", requires_grad=True)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(2, 3, 3, device="meta"), nn.Conv2d(2, 3, 3, device="meta")

        def forward(self, x):
            return self.one(x) + self.two(x)

    assert models.kept_for_backward(Twice(), x) == 4 * 2 * 8 * 8


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("lenet5", 5),
        ("alexnet", 8),
        ("vgg16", 16),
        ("googlenet", 22),
        ("resnet50", 50),
        ("resnet152", 152),
        ("densenet121", 121),
    ],
)
def test_depth_is_what_the_name_says(name, layers):
    """The longest way counts convolutions and linear layers, projections beside it do not count."""
    assert layers == models.depth(models.build(name, device="meta").eval())


def test_traffic_and_activations_of_one_layer():
    """A 1×1 convolution from 2 to 3 channels on 4×4: it reads 32 numbers and 6 weights and writes 48; 48 leave it."""
    layer = nn.Conv2d(2, 3, 1, bias=False, device="meta")

    assert 4 * (32 + 6 + 48) == models.bytes_moved(layer, (2, 4, 4))
    assert 48 == models.activations(layer, (2, 4, 4))


def test_every_error_says_who_trained():
    """One evaluation is not one recipe: torchvision's V1 column holds weights of four origins."""
    v1 = [e for row in models.PUBLISHED.values() for e in row.errors if "V1" in e.protocol]

    assert {"torchvision, simple recipe", "torchvision, modern recipe", "the authors, ported", "timm, ported"} == {
        e.trained for e in v1
    }
    assert ["timm, ported"] == [e.trained for e in models.PUBLISHED["efficientnet-b0"].errors if "V1" in e.protocol]
    assert all(e.resize for e in v1)
