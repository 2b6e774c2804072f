# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 27 · ResNeXt: what is cardinality?
#
# *ResNeXt 的结构与原理,cardinality 是什么?*

# %% [markdown]
# ## Question
#
# "What does ResNeXt change in ResNet's bottleneck, and what is cardinality?
# Show that the block with many paths is the same as one with a grouped convolution.
# Write a grouped convolution and the block. What does it cost?"
#
# "ResNeXt 对 ResNet 的 bottleneck 做了什么改动?cardinality 是什么?请说明多路形式与分组卷积等价,写出分组卷积和这个 block,并分析代价。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Cardinality** is the number of parallel paths of one and the same shape: a size of a block beside depth and width.
# - **Split, transform, merge**, as in Inception, but all paths alike and merged by a *sum*: one number to choose where Inception has many.
# - **The equivalence.** Sum of paths = early concatenation = grouped convolution. You can show it with block matrices.
# - **The arithmetic.** $C\,(256d + 9d^2 + 256d)$: at the same price a higher cardinality gives a wider middle.
# - **What the 1×1 are for.** A grouped convolution never mixes its groups; the 1×1 around it do.
# - **Sober figures.** Multiply-adds fall by the number of groups, time does not. "Best variant" has a date.

# %% [markdown]
# ## The idea
#
# ### From a neuron to a block
#
# A neuron computes $\sum_i w_i x_i$: it *splits* its input into entries, *transforms* each by a weight and *merges* by a sum.
# Put something larger in the place of $w_i x_i$ (Xie et al. 2017, §3):
#
# $$ y = x + \sum_{i=1}^{C} \mathcal T_i(x) $$
#
# $C$ is the **cardinality**. All $\mathcal T_i$ have one shape: 1×1 down to $d$ channels, 3×3 at $d$, 1×1 up again.
# "32×4d" means 32 paths of width 4.
#
# Inception splits too, but every branch has kernels and widths of its own, chosen by hand for every stage.
# Here there is one template and two numbers, $C$ and $d$, so the block is easy to carry over to another task or size.

# %% [markdown]
# ### Three forms, one function
#
# Let $\sigma$ be what works on each channel alone (BN and ReLU). Path $i$ has the matrices $A_i$ (1×1 down), $B_i$ (3×3), $E_i$ (1×1 up).
#
# **(a) A sum of paths**
#
# $$ \sum_i E_i\,\sigma\big(B_i\,\sigma(A_i x)\big) $$
#
# **(b) Concatenate before the last 1×1.** Write $h_i = \sigma(B_i\,\sigma(A_i x))$. A sum of products is the product of the long matrices:
#
# $$
# \sum_i E_i h_i = \begin{pmatrix} E_1 & \cdots & E_C \end{pmatrix}
# \begin{pmatrix} h_1 \\ \vdots \\ h_C \end{pmatrix}
# $$
#
# **(c) One convolution in groups.** Stack the first 1×1 as well, for all of them read the same $x$:
#
# $$
# \begin{pmatrix} h_1 \\ \vdots \\ h_C \end{pmatrix}
# = \sigma\!\left(
# \begin{pmatrix} B_1 & & \\ & \ddots & \\ & & B_C \end{pmatrix}
# \,\sigma\!\left(\begin{pmatrix} A_1 \\ \vdots \\ A_C \end{pmatrix} x\right)\right)
# $$
#
# σ may be pulled out because it never mixes channels.
# The matrix in the middle is block-diagonal: a convolution in which group $i$ of the outputs reads group $i$ of the inputs only. That is a *grouped* convolution.
# Form (c) is the one that everybody writes: a bottleneck with a wider middle and `groups=C`.
#
# Two conditions hide here. The last BN comes *after* the sum, once, not in each path.
# And the path must have depth 3 or more: with two layers only, the sum of paths is just one wide dense block.

# %% [markdown]
# ### The arithmetic
#
# A k×k convolution from $C_\text{in}$ to $C_\text{out}$ channels in $G$ groups has $C_\text{out}$ filters, each over $C_\text{in}/G$ channels:
#
# $$ \frac{k^2\,C_\text{in}\,C_\text{out}}{G} $$
#
# weights, and that number of multiply-adds at each position: $G$ times fewer than dense.
# For a block with a stream of $c_\text{in}$ and $c_\text{out}$ channels and $C$ paths of width $d$, path by path:
#
# $$ C\cdot\big(c_\text{in}\,d + 9\,d^2 + d\,c_\text{out}\big) $$
#
# With $C=1$, $d=64$ that is ResNet's bottleneck. Fix the price $B$ and solve for $d$, with $c_\text{in}=c_\text{out}=256$:
#
# $$ 9C\,d^2 + 512\,C\,d = B \qquad\Rightarrow\qquad d = \frac{-512\,C + \sqrt{(512\,C)^2 + 36\,C\,B}}{18\,C} $$
#
# More paths, narrower each. But the middle as a whole, $C\cdot d$, becomes *wider*, because the 3×3 has become cheap.
# The limit is $d = 1$: one channel for each path, a *depthwise* convolution.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, data, hint, models, plots, trial

plots.style()

# %%
title = "ResNeXt's block is a bottleneck with a wider middle, in groups"
plots.graph(*models.dataflow(models.ResNeXtBlock(256, 4, 32, 256), (256, 56, 56)), title)
plt.show()


# %% [markdown]
# **Takeaway.** The middle has 128 channels where ResNet has 64, and its 3×3 has only 4,608 weights (the box counts its BN too). ResNet's dense one at 64 has 36,864.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the grouped convolution
#
# NumPy. Stride 1, no padding, no bias; a square kernel, k×k or 1×1. Group $g$ of the outputs reads group $g$ of the inputs, and a group is a run of neighbouring channels.
# As in every framework the kernel is not flipped. Where the kernel does not fit into the map raise `ValueError`. The result is float64.

# %%
def grouped_conv2d(x, weight, groups):
    """x (N, C_in, H, W), weight (C_out, C_in / groups, k, k) -> (N, C_out, H - k + 1, W - k + 1)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(grouped_conv2d)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which channels belong together?</summary>
#
# Group $g$ reads `x[:, g * C_in // groups : (g + 1) * C_in // groups]`
# and uses the filters `weight[g * C_out // groups : (g + 1) * C_out // groups]`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one group is an ordinary convolution</summary>
#
# For each position `(i, j)` of the kernel, take the window `x[:, :, i : i + H', j : j + W']` and multiply its channels by `weight[:, :, i, j]`; add up over the positions.
# `np.einsum("oc,nchw->nohw", …)` does the channels.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Check `H - k + 1 >= 1` and the same for the width. Loop over the groups, convolve each with its own filters, and `np.concatenate` the results along axis 1.
#
# </details>

# %% [markdown]
# ### Exercise 2: the block
#
# 1×1 to `width * cardinality`, grouped 3×3 (with the stride), 1×1 to `c_out`, each with BN; ReLU after the first two; add; ReLU.
# `width` is that of one group: 4 in 32×4d. The shortcut is that of question 25.

# %%
class ResNeXtBlock(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), rounded up."""

    def __init__(self, c_in, width, cardinality, c_out, stride=1):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(ResNeXtBlock)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: start from the bottleneck</summary>
#
# Take the bottleneck of question 25. Only the widths change, and one argument of one convolution.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `c_mid = width * cardinality`; `nn.Conv2d(c_mid, c_mid, 3, stride, padding=1, groups=cardinality, bias=False)` in the middle.
# The last 1×1 leads to `c_out`; project where the stride is not 1 or `c_in != c_out`.
#
# </details>

# %% [markdown]
# ### Exercise 3: what it costs
#
# The weights of the three convolutions, without shortcut and BN.

# %%
def block_parameters(c_in, width, cardinality, c_out):
    """Channels in, width of a group, number of groups, channels out -> int."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(block_parameters)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one path</summary>
#
# A path has a 1×1 from `c_in` to `width`, a 3×3 from `width` to `width` and a 1×1 from `width` to `c_out`. How many paths are there?
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on your own functions and your own block are at work.
#
# ### Three forms, the same numbers
#
# One set of weights for 8 paths of width 3 on a stream of 16 channels. ReLU between the layers.
# Form (a) and (b) use your function with one group, form (c) with eight. Do they agree to the last digits?

# %%
rng = np.random.default_rng(0)
PATHS, WIDTH, STREAM = 8, 3, 16
down = rng.normal(size=(PATHS, WIDTH, STREAM, 1, 1))
middle = rng.normal(size=(PATHS, WIDTH, WIDTH, 3, 3))
up = rng.normal(size=(PATHS, STREAM, WIDTH, 1, 1))
x = rng.normal(size=(2, STREAM, 6, 6))


def relu(h):
    return np.maximum(h, 0)


def path(i):
    """A path up to its last 1×1."""
    return relu(grouped_conv2d(relu(grouped_conv2d(x, down[i], 1)), middle[i], 1))


sum_of_paths = sum(grouped_conv2d(path(i), up[i], 1) for i in range(PATHS))

concatenated = np.concatenate([path(i) for i in range(PATHS)], axis=1)
early_concatenation = grouped_conv2d(concatenated, np.concatenate(up, axis=1), 1)

h = relu(grouped_conv2d(x, np.concatenate(down), 1))
h = relu(grouped_conv2d(h, np.concatenate(middle), PATHS))
grouped = grouped_conv2d(h, np.concatenate(up, axis=1), 1)

for name, other in {"(b) early concatenation": early_concatenation, "(c) grouped convolution": grouped}.items():
    gap = np.abs(other - sum_of_paths).max() / np.abs(sum_of_paths).max()
    print(f"{name} equals (a), the sum of paths, up to rounding: {gap < 1e-12}")


# %% [markdown]
# **Takeaway.** One function, written in three ways. Note how the weights are glued: `down` and `middle` along the outputs, `up` along the inputs.

# %% [markdown]
# ### What a grouped convolution does not do
#
# Which output channel depends on which input channel? Take the gradient of each output with respect to each input.
# Three stacks of 12 channels in 3 groups: one grouped 3×3, four of them with ReLUs, and the branch of your block.
# Will four layers mix what one does not?

# %%
def dependence(net, channels=12):
    """(C_out, C_in): how strongly each output channel depends on each input channel, summed over positions and images."""
    torch.manual_seed(1)
    x = torch.randn(8, channels, 6, 6, requires_grad=True)
    out = net(x)
    return np.array([torch.autograd.grad(out[:, c].sum(), x, retain_graph=True)[0].abs().sum(dim=(0, 2, 3)).numpy()
                     for c in range(out.shape[1])])  # fmt: skip


class Shuffle(nn.Module):
    """Deals the channels of 3 groups out to all groups, as ShuffleNet does."""

    def forward(self, x):
        return x.unflatten(1, (3, -1)).transpose(1, 2).flatten(1, 2)


torch.manual_seed(0)


def grouped_layer():
    return nn.Conv2d(12, 12, 3, padding=1, groups=3, bias=False)


stacks = {
    "one grouped 3×3": grouped_layer(),
    "four grouped 3×3": nn.Sequential(*(layer for _ in range(4) for layer in (grouped_layer(), nn.ReLU()))),
    "two, a shuffle between": nn.Sequential(grouped_layer(), Shuffle(), grouped_layer()),
    "your ResNeXt block": ResNeXtBlock(12, 4, 3, 12),
}
mixing = {name: dependence(net) for name, net in stacks.items()}
for name, strength in mixing.items():
    print(f"{name:24} {np.count_nonzero(strength > 1e-9):3} of 144 pairs of channels connected")

# %%
fig, axes = plt.subplots(1, 4, figsize=(9.5, 3.7), sharey=True, layout="constrained")
for ax, (name, strength) in zip(axes, mixing.items(), strict=True):
    ax.imshow(strength > 1e-9, cmap="Blues", vmin=0, vmax=1.3)
    ax.set_title(name, fontsize=10)
    ax.set(xlabel="input channel", xticks=(0, 4, 8), yticks=(0, 4, 8))
    ax.grid(False)
axes[0].set_ylabel("output channel")
fig.suptitle("Grouped convolutions alone never mix their groups, however many you stack", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Products of block-diagonal matrices are block-diagonal. Four layers are three separate nets side by side.
# In the block the dense 1×1 before and after connect everything with everything. ShuffleNet pays less and permutes the channels.

# %% [markdown]
# ### More paths at the same price
#
# The budget is ResNet's bottleneck on 256 channels. For each cardinality solve for the width; the paper's choices are rounded to whole numbers.

# %%
BUDGET = block_parameters(256, 64, 1, 256)


def width_at_budget(cardinality):
    """The width of a path, a real number, that makes a block on 256 channels cost the budget."""
    b = 512 * cardinality
    return (-b + np.sqrt(b**2 + 36 * cardinality * BUDGET)) / (18 * cardinality)


CHOICES = [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)]
print("paths  exact width  chosen  middle  weights  3×3's share")
for cardinality, width in CHOICES:
    total = block_parameters(256, width, cardinality, 256)
    share = 9 * width**2 * cardinality / total
    print(f"{cardinality:5}  {width_at_budget(cardinality):11.2f}  {width:6}  {width * cardinality:6}  {total:7,}  {share:11.0%}")

# %%
cardinalities = np.arange(1, 129)
widths = width_at_budget(cardinalities)
series = {"width of the middle, C · d": (cardinalities, cardinalities * widths), "width of one path, d": (cardinalities, widths)}
ax = plots.curves(series, "cardinality C", "channels", "At the same price: more paths, each narrower, and a wider middle", logx=True, logy=True)
ax.plot(*np.array([(c, c * w) for c, w in CHOICES]).T, "o", color="black", label="the paper's choices")
ax.plot(*np.array(CHOICES).T, "o", color="black")
ax.set_xticks([1, 2, 4, 8, 32, 128], ["1", "2", "4", "8", "32", "128"])
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Takeaway.** From 1 to 32 paths the middle doubles, from 64 to 128 channels. Beyond that almost nothing is left to gain:
# the 3×3 costs next to nothing already, the 1×1 cost all the rest, and with 134 paths each would be one channel wide.

# %% [markdown]
# ### Your block, assembled
#
# Same stages as ResNet-50 and 101. Do the counts meet the published ones, and which net is larger?

# %%
NETS = {"resnext50-32x4d": ((3, 4, 6, 3), 32, 4), "resnext101-32x4d": ((3, 4, 23, 3), 32, 4),
        "resnext101-32x8d": ((3, 4, 23, 3), 32, 8), "resnext101-64x4d": ((3, 4, 23, 3), 64, 4)}  # fmt: skip
counts = {}
with torch.device("meta"):
    for name, (layers, cardinality, width) in NETS.items():
        net = models.ResNeXt(block=ResNeXtBlock, layers=layers, cardinality=cardinality, width=width)
        counts[name] = (models.count_parameters(net), models.model_macs(net, (3, 224, 224)))
        assert counts[name] == (models.PUBLISHED[name].parameters, models.PUBLISHED[name].macs)

for name in ("resnet50", *list(NETS)[:1], "resnet101", *list(NETS)[1:]):
    row = models.PUBLISHED[name]
    print(f"{row.title:20} {row.parameters:11,} parameters {row.macs / 1e9:6.2f} G multiply-adds")

# %% [markdown]
# **Takeaway.** 32×4d has *fewer* parameters than the ResNet of its depth, and a few per cent more multiply-adds.
# But its block on 256 channels was a little *larger*. How can that be? Count the first block of each stage.

# %%
print("first blocks of the stages     ResNet  ResNeXt")
for c_in, c_out in ((64, 256), (256, 512), (512, 1024), (1024, 2048)):
    plain, grown = (block_parameters(c_in, w * c_out // 256, c, c_out) for w, c in ((64, 1), (4, 32)))
    print(f"{c_in:5} → {c_out:4} channels        {plain:10,} {grown:8,}")


# %% [markdown]
# Where the stream comes in narrow, the wide first 1×1 is cheap and the grouped 3×3 saves in full. Those four blocks decide.

# %% [markdown]
# ### g groups, g times fewer multiply-adds: g times faster?
#
# A 3×3 on 128 channels and a map of 28×28. The multiply-adds are counted, the memory that must be read and written is too.

# %%
def cost_of_groups(groups, channels=128, size=28):
    """(multiply-adds, numbers read and written: input, weights, output) of a 3×3 with padding 1."""
    layer = nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False, device="meta")
    macs = models.model_macs(layer, (channels, size, size))
    return macs, 2 * channels * size * size + models.count_parameters(layer)


costs = {groups: cost_of_groups(groups) for groups in (1, 2, 8, 32, 128)}
print("groups  multiply-adds  numbers moved  multiply-adds per number")
for groups, (macs, moved) in costs.items():
    print(f"{groups:6}  {macs:13,}  {moved:13,}  {macs / moved:24.1f}")

# %% [markdown]
# The arithmetic falls by $g$. The traffic hardly falls, for input and output stay as large as they were.
# At one channel for each group every number that is fetched is used for a handful of multiplications only.
#
# And on the clock? This cell measures on the machine at hand; yours will differ.

# %%
groups_tried = (1, 2, 4, 8, 16, 32, 64, 128)
batch, milliseconds = torch.randn(8, 128, 28, 28), []
with torch.no_grad():
    for groups in groups_tried:
        layer = nn.Conv2d(128, 128, 3, padding=1, groups=groups, bias=False)
        layer(batch)
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            layer(batch)
            times.append(time.perf_counter() - begin)
        milliseconds.append(1e3 * min(times))

ideal = milliseconds[0] / np.array(groups_tried)
series = {"measured here": (np.array(groups_tried), np.array(milliseconds)), "if time were multiply-adds": (np.array(groups_tried), ideal)}
ax = plots.curves(series, "groups", "milliseconds for 8 images", "Fewer multiply-adds are not that much less time", logx=True, logy=True)
ax.set_xticks(groups_tried, [str(g) for g in groups_tried])
plt.show()

# %% [markdown]
# **Takeaway.** The two lines part. How far, and where, depends on the library and the processor. Report both figures, and do not derive one from the other.

# %% [markdown]
# ### The limit: a group for each channel
#
# With $d=1$ the 3×3 is depthwise, and the branch is "1×1, depthwise 3×3, 1×1": the shape of MobileNet-v2's block (there the middle is wider than the stream).
# The pair depthwise 3×3 plus 1×1 replaces a dense 3×3 in MobileNet. What does it save?

# %%
for channels in (32, 128, 512):
    dense = 9 * channels**2
    separable = 9 * channels + channels**2
    assert np.isclose(separable / dense, 1 / channels + 1 / 9)
    print(f"{channels:3} channels: dense {dense:9,}, depthwise + 1×1 {separable:7,}, that is 1/{dense / separable:.1f}")

# %% [markdown]
# **Takeaway.** The ratio is $1/C_\text{out} + 1/9$: nearly nine times fewer, and all but a few of the weights that are left sit in the 1×1.

# %% [markdown]
# ### ResNet against ResNeXt, in small
#
# Digits, 4×4 pixels, a stream of 64 channels and three blocks. One budget, four cardinalities, six seeds.
# One path is ResNet's bottleneck; 32 paths of width 1 are depthwise. Do you expect a winner?

# %%
images, labels, test_images, test_labels = data.digits(flat=False)
images, test_images = (F.avg_pool2d(torch.tensor(x, dtype=torch.float32), 2) for x in (images, test_images))
labels, test_labels = torch.tensor(labels), torch.tensor(test_labels)
SMALL = {1: 16, 2: 10, 4: 6, 32: 1}
for cardinality, width in SMALL.items():
    print(f"{cardinality:2} paths of width {width:2}: {block_parameters(64, width, cardinality, 64):,} weights a block")


def error_on_test(cardinality, seed, steps=32, lr=0.1):
    """Train with SGD and momentum, the rate led to zero; the test error in percent, with the test images' statistics."""
    torch.manual_seed(seed)
    stem = [nn.Conv2d(1, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    blocks = [ResNeXtBlock(64, SMALL[cardinality], cardinality, 64) for _ in range(3)]
    net = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, fused=True)
    order = torch.cat([torch.randperm(len(images))[: 21 * 64] for _ in range(2)]).split(64)[:steps]
    for step, batch in enumerate(order):
        optimiser.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimiser.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimiser.step()
    with torch.no_grad():
        return 100 * (net(test_images).argmax(dim=1) != test_labels).double().mean().item()


errors = {cardinality: np.array([error_on_test(cardinality, seed) for seed in range(6)]) for cardinality in SMALL}

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for at, values in enumerate(errors.values()):
    ax.plot(np.full(len(values), at), values, "o", color=plots.color("adam"), alpha=0.5)
    ax.errorbar(at + 0.15, values.mean(), values.std(ddof=1), color="black", marker="_", markersize=18, capsize=4)
ax.set_xticks(range(len(SMALL)), [f"{c} × {w}d" for c, w in SMALL.items()])
ax.set(xlabel="cardinality × width, one budget", ylabel="test error (%)", ylim=(0, None), xlim=(-0.5, 3.6),
       title="On digits the seeds differ more than the cardinalities do")
plt.show()

# %% [markdown]
# **Takeaway.** Bars: mean and standard deviation. No winner here. What made the difference on ImageNet is not needed for ten digits.

# %% [markdown]
# ## Folklore on trial
#
# ### "ResNeXt has more parameters than ResNet"

# %%
larger = {f"{small}: more parameters than {plain}": counts[small][0] > models.PUBLISHED[plain].parameters
          for plain, small in (("resnet50", "resnext50-32x4d"), ("resnet101", "resnext101-32x4d"), ("resnet101", "resnext101-32x8d"))}  # fmt: skip

ruling = trial(
    "ResNeXt has more parameters than ResNet of the same depth",
    {"one block on 256 channels, 32×4d": block_parameters(256, 4, 32, 256) > BUDGET, **larger},
    only_if="you look at a single block, or choose wider paths than 32×4d",
)
assert ruling == "holds only if you look at a single block, or choose wider paths than 32×4d"
ruling

# %% [markdown]
# Say instead: *32×4d was chosen to cost what ResNet costs; the gain is not bought with size. 32×8d and 64×4d are twice as large, on purpose.*

# %% [markdown]
# ### "Grouped convolutions are g times faster"

# %%
ruling = trial(
    "a convolution in g groups costs g times less",
    {
        "multiply-adds, g = 2, 8, 32, 128: exactly": all(g * macs == costs[1][0] for g, (macs, _) in costs.items()),
        "numbers read and written, g = 8: at least four times less": costs[1][1] / costs[8][1] >= 4,
        "numbers read and written, g = 128: at least four times less": costs[1][1] / costs[128][1] >= 4,
    },
    only_if="you count multiply-adds (or weights), not memory traffic",
)
assert ruling == "holds only if you count multiply-adds (or weights), not memory traffic"
ruling


# %% [markdown]
# So where the memory, not the arithmetic, is the bottleneck, the clock cannot follow the multiply-adds.

# %% [markdown]
# ### "More cardinality is always better at the same cost"
#
# ImageNet first: ResNet-50 against ResNeXt-50 32×4d, both trained by torchvision's first recipe, one centre crop.
# Then the digits, where a difference counts if it exceeds three standard errors.

# %%
def top1(name, protocol):
    return next((error.top1 for error in models.PUBLISHED[name].errors if error.protocol == protocol), None)


V1, V2 = "one centre crop, torchvision's V1 weights", "one centre crop, torchvision's V2 weights (newer recipe)"


def clearly_better(a, b):
    """Is the mean error of a below that of b by more than three standard errors of the difference?"""
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return bool(b.mean() - a.mean() > 3 * error)


print(f"torchvision V1, top-1 error: ResNet-50 {top1('resnet50', V1)}, ResNeXt-50 32×4d {top1('resnext50-32x4d', V1)}")
ruling = trial(
    "more cardinality is better at the same cost",
    {
        "ImageNet, 50 layers, 32 paths against 1: a point or more": top1("resnet50", V1) - top1("resnext50-32x4d", V1) >= 1,
        "digits, 32 paths against 1": clearly_better(errors[32], errors[1]),
        "digits, 32 paths against 4": clearly_better(errors[32], errors[4]),
        "256 channels: beyond 32 paths the middle doubles once more": 128 * width_at_budget(128) >= 2 * 128,
    },
    only_if="the task is hard enough to use the width, and the paths have not become one channel wide",
)
assert ruling == "holds only if the task is hard enough to use the width, and the paths have not become one channel wide"
ruling

# %% [markdown]
# ### "ResNeXt is the best ResNet variant"
#
# The errors of the table, each compared under one protocol only. First what the papers of the time print for one crop:

# %%
ours = [name for name in models.NAMES if "resn" in name and "inception" not in name]
of_its_time = {name: top1(name, "one crop") for name in models.NAMES if top1(name, "one crop")}
for name, error in sorted(of_its_time.items(), key=lambda pair: pair[1]):
    print(f"{models.PUBLISHED[name].title:20} {models.PUBLISHED[name].year}  {error}")

# %% [markdown]
# Now one recipe for all (torchvision), the old and the new. How much does the *recipe* move, how much the *block*?

# %%
recipes = {protocol: {name: top1(name, protocol) for name in ours if top1(name, protocol)} for protocol in (V1, V2)}
print(f"{'top-1 error':20} {'V1':>7} {'V2':>7}")
for name in recipes[V2]:
    print(f"{models.PUBLISHED[name].title:20} {recipes[V1].get(name, np.nan):7.3f} {recipes[V2][name]:7.3f}")
by_block = recipes[V1]["resnet50"] - recipes[V1]["resnext50-32x4d"]
by_recipe = recipes[V1]["resnet50"] - recipes[V2]["resnet50"]
print(f"ResNet-50: the block gains {by_block:.1f} points, the recipe {by_recipe:.1f}")

# %% [markdown]
# And later variants. Top-1 accuracies of networks trained on ImageNet-1k alone, from timm's results table (read in 2026; sizes, resolutions and recipes differ):

# %%
timm = {"ResNet-RS-420": 85.0, "ECA-ResNet-269d": 85.0, "SE-ResNeXt-aa-101d": 84.6, "ResNeSt-269e": 84.5, "ResNeXt-101 64×4d": 83.2}


def best_is_resnext(error_of):
    return min(error_of, key=error_of.get).startswith("resnext")


ruling = trial(
    "ResNeXt is the best ResNet variant",
    {
        "as the papers of 2015 to 2017 print it, one crop": best_is_resnext(of_its_time),
        "torchvision's first recipe for all": best_is_resnext(recipes[V1]),
        "torchvision's newer recipe for all": best_is_resnext(recipes[V2]),
        "among later variants too (timm's table)": max(timm, key=timm.get) == "ResNeXt-101 64×4d",
        "the block gains more than a newer recipe does": by_block > by_recipe,
    },
    only_if="you compare it with the networks of its time, under one recipe",
)
assert ruling == "holds only if you compare it with the networks of its time, under one recipe"
ruling

# %% [markdown]
# Even there the largest ResNeXt is also the largest net. And ILSVRC 2017 was won by SENet, built on ResNeXt-152.
# Say instead: *at equal cost ResNeXt-50 beats ResNet-50 by one and a half points. Today training recipes and attention modules matter more.*

# %% [markdown]
# ## Answer in 30 seconds
#
# "ResNeXt replaces the middle of the bottleneck by many parallel paths of one shape, and adds them up. Their number is the cardinality, a third size beside depth and width.
# By block matrices the sum of paths is the same as a grouped 3×3 between two ordinary 1×1, and that is how one writes it.
# Groups make the 3×3 cheap, so at the same cost the middle can be twice as wide: 128 channels in 32×4d against 64.
# On ImageNet that gained about a point and a half over ResNet-50."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Split, transform, merge: $x + \sum_{i=1}^C \mathcal T_i(x)$, all $\mathcal T_i$ alike. Inception does the same with branches made by hand, and concatenates.
# - Three forms: sum of paths; concatenation before the last 1×1, since $\sum E_i h_i = (E_1 \cdots E_C)\,h$; grouped 3×3, since a block-diagonal matrix is a grouped convolution. BN and ReLU work channel by channel, so they do not disturb it. The last BN comes after the sum.
# - Costs: $C\,d\,(c_\text{in} + 9d + c_\text{out})$. 32×4d: 70,144; ResNet's 1×64d: 69,632. The 3×3's share falls from 53 % to 7 %.
# - The 1×1 are needed: grouped convolutions never mix their groups.
# - The limit $d=1$ is depthwise convolution: MobileNet and, in the extreme, Xception.
# - Multiply-adds fall by $g$, memory traffic does not, so time falls by less.
# - Figures: ResNeXt-50 has 25.0 M parameters against 25.6 M, 4.2 against 4.1 G multiply-adds, 22.2 % top-1 error in the paper's one crop. ResNeXt-101 32×4d has 21.2 %, for about half the cost of ResNet-200, which has 21.7 %.
# - "Best variant": in its time. A newer recipe moves ResNet-50 by 4.7 points, the block by 1.5.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why not simply make ResNet wider or deeper?</summary>
#
# You can, at a price. A dense 3×3 costs the square of its width, so twice the middle is four times the 3×3.
# The paper's argument is that at *equal* cost raising the cardinality gains more than raising depth or width.
#
# </details>
#
# <details><summary>Is a grouped convolution new?</summary>
#
# No. AlexNet (2012) split its convolutions over two GPUs because one had too little memory. ResNeXt uses groups for accuracy.
#
# </details>
#
# <details><summary>Why does the equivalence fail for a basic block?</summary>
#
# With only two layers, path $i$ is $E_i\,\sigma(A_i x)$. Stacked, that is one dense layer up to the middle and one dense layer down: just a wide block, no groups left.
# There must be a layer *between* two of the paths' own layers; hence depth 3 or more.
#
# </details>
#
# <details><summary>What is the difference to Inception-ResNet?</summary>
#
# There the branches differ in depth and kernel, are concatenated, and one linear 1×1 merges them. ResNeXt's form (b) looks the same, but all branches share one shape.
# The paper's complaint about Inception is that its hand-made widths are hard to adapt to another task, not that the trained nets generalise badly.
#
# </details>
#
# <details><summary>How many groups can I choose?</summary>
#
# Any divisor of both channel counts. From 1 (dense) to the number of channels (depthwise).
#
# </details>
#
# <details><summary>How do the groups exchange information?</summary>
#
# In ResNeXt by the dense 1×1 on both sides. In ShuffleNet, which groups the 1×1 too, by permuting channels between two grouped layers.
#
# </details>
#
# <details><summary>Why are depthwise convolutions slow on a GPU?</summary>
#
# Each number that is loaded takes part in nine multiplications only (in the table above: 4.5 for each number moved), so the arithmetic units wait for the memory. Dense convolutions reuse each number hundreds of times and map onto matrix products.
#
# </details>
#
# <details><summary>What do 32×4d and 32×8d mean, and how do they scale through the stages?</summary>
#
# 32 groups of 4 (or 8) channels in the *first* stage. The cardinality stays 32, the width of a group doubles with every stage: 4, 8, 16, 32. The middle is 128, 256, 512, 1024; what leaves the block is twice that in 32×4d.
#
# </details>
#
# <details><summary>Is the function class of a grouped convolution smaller than that of a dense one?</summary>
#
# At equal widths yes: it is a dense convolution with zeros outside the diagonal blocks. At equal cost it is another class: wider and sparser.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Cardinality is the number of channels", or of blocks, or of layers.
# - "The branches are concatenated like Inception's", and no word of the sum.
# - Width taken for all groups together: 32×4d has 128 channels in the middle, not 4.
# - The 1×1 convolutions grouped as well, so that nothing mixes the groups.
# - "Groups make it g times faster."
# - "ResNeXt is larger than ResNet, that is why it is better."
# - "Best ResNet variant", with no date and no recipe.

# %% [markdown]
# ## References
#
# - S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He. *Aggregated Residual Transformations for Deep Neural Networks.* CVPR 2017. §3: template, aggregated transformations, figure 3 (the three forms), §3.4: capacity; Tables 3–4: cardinality against width and depth.
# - A. Krizhevsky, I. Sutskever, G. Hinton. *ImageNet Classification with Deep Convolutional Neural Networks.* NeurIPS 2012: grouped convolutions for two GPUs.
# - F. Chollet. *Xception: Deep Learning with Depthwise Separable Convolutions.* CVPR 2017: the depthwise limit.
# - X. Zhang, X. Zhou, M. Lin, J. Sun. *ShuffleNet.* CVPR 2018: shuffling channels between groups.
# - J. Hu, L. Shen, G. Sun. *Squeeze-and-Excitation Networks.* CVPR 2018: SENet on ResNeXt-152.
