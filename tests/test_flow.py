"""Diagrams come from the module itself: its operations, channels, shapes, parameters and branches."""

import matplotlib as mpl
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import models, plots

mpl.use("Agg")


def texts(nodes):
    return [text for *_, text, kind in nodes.values() if kind != "point"]


def joined(nodes, edges):
    """The arrows between boxes, corners left out: pairs of box keys."""
    after = dict(pair[:2] for pair in edges if nodes[pair[0]][3] == "point")
    found = set()
    for start, end, _ in edges:
        while nodes[end][3] == "point":
            end = after[end]
        if nodes[start][3] != "point":
            found.add((start, end))
    return found


def test_a_residual_block_shows_both_ways_and_what_follows_the_sum():
    """Convolutions take in their BN and ReLU; the projection stands beside the branch; the sum has the last ReLU."""
    nodes, edges = models.dataflow(models.BasicBlock(64, 128, 2), (64, 56, 56))

    assert "input\n64×56×56" in texts(nodes)
    assert f"3×3 conv, stride 2\n64 → 128, BN, ReLU\n128×28×28 · {9 * 64 * 128 + 256:,} par." in texts(nodes)
    assert f"1×1 conv, stride 2\n64 → 128, BN\n128×28×28 · {64 * 128 + 256:,} par." in texts(nodes)
    assert "+\nReLU\n128×28×28" in texts(nodes)
    assert 5 == len(joined(nodes, edges))


def test_the_boxes_hold_every_parameter_of_the_module():
    """Summed over the boxes, the parameters are the module's own."""
    module = models.InceptionV1(192, 64, 96, 128, 16, 32, 32)
    nodes, _ = models.dataflow(module, (192, 28, 28))
    printed = [line for text in texts(nodes) for line in text.split("\n") if line.endswith("par.")]

    assert models.count_parameters(module) == sum(int(line.split()[0].replace(",", "")) for line in printed)


def test_an_identity_shortcut_is_an_arrow_of_its_own():
    """nn.Identity gets no box: the arrow leads from the input round the branch to the sum."""
    nodes, edges = models.dataflow(models.BasicBlock(8, 8), (8, 4, 4))
    source, total = (next(key for key, node in nodes.items() if node[2].startswith(word)) for word in ("input", "+"))

    assert (source, total) in joined(nodes, edges)
    assert not any("Identity" in text for text in texts(nodes))


def test_functional_calls_are_read_too():
    """A block written with F.relu, torch.cat and scaling is drawn like one made of layers."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3, padding=1, groups=1)

        def forward(self, x):
            return torch.cat([F.relu(self.conv(x)) * 0.5, F.max_pool2d(x, 3, 1, 1)], 1)

    found = texts(models.dataflow(Block(), (2, 4, 4))[0])

    assert "3×3 conv\n2 → 3, ReLU, × 0.5\n3×4×4 · 57 par." in found
    assert "concatenate\n5×4×4" in found
    assert "max pool2d\n2×4×4" in found


def test_named_classes_stay_whole():
    """`leaves` are one box each, so that a network can be drawn block by block."""
    network = nn.Sequential(models.BasicBlock(4, 4), models.BasicBlock(4, 8, 2))
    nodes, edges = models.dataflow(network, (4, 8, 8), leaves=(models.BasicBlock,))

    assert 3 == len(texts(nodes))
    assert 2 == len(joined(nodes, edges))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: models.FactorizedConv(8, 8, 7), (8, 17, 17)),
        (lambda: models.InceptionResNet(320), (320, 35, 35)),
        (lambda: models.InceptionV1(192, 64, 96, 128, 16, 32, 32), (192, 28, 28)),
    ],
)
def test_no_two_boxes_overlap_on_the_page(make, shape):
    """Drawn at page width, every box is inside the figure and clear of the others."""
    ax = plots.graph(*models.dataflow(make(), shape), "a block")
    ax.figure.canvas.draw()
    boxes = [
        text.get_bbox_patch().get_window_extent() for text in ax.texts if text.get_bbox_patch() and text.get_text()
    ]
    page = ax.figure.bbox

    assert [] == [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)


def test_the_module_is_left_as_it_was():
    """Drawing takes a copy on the meta device: mode, weights and statistics stay."""
    block = models.BasicBlock(4, 4)
    before = {name: value.clone() for name, value in block.state_dict().items()}
    models.dataflow(block, (4, 8, 8))

    assert block.training
    assert all(torch.equal(before[name], value) for name, value in block.state_dict().items())
