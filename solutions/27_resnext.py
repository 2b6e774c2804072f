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
# - **Sober figures.** An error 1.7 points below ResNet-50's in the paper, 0.3 with torchvision's newer recipe. Multiply-adds fall by the number of groups, time falls by less.

# %% [markdown]
# ## The idea
#
# ### From a neuron to a block
#
# A neuron computes $\sum_i w_i x_i$: it *splits* its input into entries, *transforms* each by a weight and *merges* by a sum.
# Put something larger in place of $w_i x_i$ (Xie et al. 2017, §3):
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
# For a block that reads $c_\text{in}$ and returns $c_\text{out}$ channels, with $C$ paths of width $d$, path by path:
#
# $$ C\cdot\big(c_\text{in}\,d + 9\,d^2 + d\,c_\text{out}\big) $$
#
# With $C=1$, $d=64$ that is ResNet's bottleneck. Fix the price $B$ and solve for $d$, with $c_\text{in}=c_\text{out}=256$:
#
# $$ 9C\,d^2 + 512\,C\,d = B \qquad\Rightarrow\qquad d = \frac{-512\,C + \sqrt{(512\,C)^2 + 36\,C\,B}}{18\,C} $$
#
# More paths, narrower each. But the middle as a whole, $C\cdot d$, becomes *wider*, because the 3×3 has become cheap.
# The limit is $d = 1$: one channel for each path, a *depthwise* convolution. A depthwise 3×3 followed by a 1×1 costs $1/C_\text{out} + 1/9$ of a dense 3×3 (equal channels in between): that is MobileNet's step, question 49.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, expect, hint, models, plots, published, trial

plots.style()

# %% tags=["nbval-ignore-output"]
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
    """x (N, C_in, H, W), weight (C_out, C_in / groups, k, k) -> (N, C_out, H - k + 1, W - k + 1).

    Stride 1, no padding, no bias, no flip; group g of the outputs reads group g of the inputs. The result is float64.
    ValueError where the kernel does not fit into the map.
    """
    # BEGIN SOLUTION
    n, _, height, width = x.shape
    c_out, per_group, k, _ = weight.shape
    rows, columns = height - k + 1, width - k + 1
    if rows < 1 or columns < 1:
        raise ValueError(f"a {k}×{k} kernel does not fit into a map of {height}×{width}")
    x = x.reshape(n, groups, per_group, height, width)
    weight = weight.reshape(groups, c_out // groups, per_group, k, k)
    out = np.zeros((n, groups, c_out // groups, rows, columns))
    for i in range(k):
        for j in range(k):
            window = x[..., i : i + rows, j : j + columns]
            out += np.einsum("goc,ngchw->ngohw", weight[..., i, j], window)
    return out.reshape(n, c_out, rows, columns)
    # END SOLUTION

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
    """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), rounded up.

    The stride is on the 3×3. No bias; ReLU after the addition; a projection (1×1, BN) only where stride or channels change.
    """

    def __init__(self, c_in, width, cardinality, c_out, stride=1):
        # BEGIN SOLUTION
        super().__init__()
        c_mid = width * cardinality
        self.conv1 = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_mid)
        self.conv2 = nn.Conv2d(c_mid, c_mid, 3, stride, padding=1, groups=cardinality, bias=False)
        self.bn2 = nn.BatchNorm2d(c_mid)
        self.conv3 = nn.Conv2d(c_mid, c_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return F.relu(h + self.shortcut(x))
        # END SOLUTION

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
    """Channels in, width of a group, number of groups, channels out -> int.

    The weights of the three convolutions; no shortcut, no BN, no biases.
    """
    # BEGIN SOLUTION
    return cardinality * width * (c_in + 9 * width + c_out)
    # END SOLUTION

# %%
check(block_parameters)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one path</summary>
#
# A path has a 1×1 from `c_in` to `width`, a 3×3 from `width` to `width` and a 1×1 from `width` to `c_out`. How many paths are there?
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(grouped_conv2d)

# %% tags=["solution"]
common_mistakes(ResNeXtBlock)

# %% tags=["solution"]
common_mistakes(block_parameters)

# %% [markdown]
# ## Experiments
#
# ### Three forms, the same numbers
#
# One set of weights for 8 paths of width 3 on 16 channels. ReLU between the layers.
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

# %% tags=["nbval-ignore-output", "hide-input"]
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
# **Takeaway.** From 1 to 32 paths the middle doubles, from 64 to 128 channels. Beyond that the middle can hardly grow:
# the 3×3 costs next to nothing already, the 1×1 cost all the rest, and with 134 paths each would be one channel wide.

# %% [markdown]
# ### Your block, assembled
#
# Same stages as ResNet-50 and 101. Do the counts meet the published ones, and which net is larger?

# %%
NETS = {"resnext50-32x4d": ((3, 4, 6, 3), 32, 4), "resnext101-32x4d": ((3, 4, 23, 3), 32, 4),
        "resnext101-32x8d": ((3, 4, 23, 3), 32, 8), "resnext101-64x4d": ((3, 4, 23, 3), 64, 4)}
counts = {}
with torch.device("meta"):
    for name, (layers, cardinality, width) in NETS.items():
        net = models.ResNeXt(block=ResNeXtBlock, layers=layers, cardinality=cardinality, width=width)
        counts[name] = (models.count_parameters(net), models.model_macs(net, (3, 224, 224)))
        expect(counts[name] == (models.PUBLISHED[name].parameters, models.PUBLISHED[name].macs))

for name in ("resnet50", *list(NETS)[:1], "resnet101", *list(NETS)[1:]):
    row = models.PUBLISHED[name]
    print(f"{row.title:20} {row.parameters:11,} parameters {row.macs / 1e9:6.2f} G multiply-adds")

# %% [markdown]
# **Takeaway.** 32×4d has *fewer* parameters than the ResNet of its depth, and a few per cent more multiply-adds.
# But its block on 256 channels was a little *larger*. The first blocks of the stages decide: where few channels come in, the wide first 1×1 is cheap and the grouped 3×3 saves in full.

# %%
print("first blocks of the stages     ResNet  ResNeXt")
for c_in, c_out in ((64, 256), (256, 512), (512, 1024), (1024, 2048)):
    plain, grown = (block_parameters(c_in, w * c_out // 256, c, c_out) for w, c in ((64, 1), (4, 32)))
    print(f"{c_in:5} → {c_out:4} channels        {plain:10,} {grown:8,}")

# %% [markdown] tags=["deeper"]
# ### Deeper: what a grouped convolution does not do
#
# Which output channel depends on which input channel? Take the gradient of each output with respect to each input.
# Four stacks of 12 channels in 3 groups: one grouped 3×3, four of them with ReLUs, two with a channel shuffle between, and your block.
# Will four layers mix what one does not?

# %% tags=["deeper"]
def dependence(net, channels=12):
    """(C_out, C_in): how strongly each output channel depends on each input channel, summed over positions and images."""
    torch.manual_seed(1)
    x = torch.randn(8, channels, 6, 6, requires_grad=True)
    out = net(x)
    return np.array([torch.autograd.grad(out[:, c].sum(), x, retain_graph=True)[0].abs().sum(dim=(0, 2, 3)).numpy()
                     for c in range(out.shape[1])])


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

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(9.5, 3.7), sharey=True, layout="constrained")
for ax, (name, strength) in zip(axes, mixing.items(), strict=True):
    ax.imshow(strength > 1e-9, cmap="Blues", vmin=0, vmax=1.3)
    ax.set_title(name, fontsize=10)
    ax.set(xlabel="input channel", xticks=(0, 4, 8), yticks=(0, 4, 8))
    ax.grid(False)
axes[0].set_ylabel("output channel")
fig.suptitle("Grouped convolutions alone never mix their groups, however many you stack", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Products of block-diagonal matrices are block-diagonal. Four layers are three separate nets side by side.
# In the block the dense 1×1 before and after connect everything with everything. ShuffleNet pays less and permutes the channels.

# %% [markdown] tags=["deeper"]
# ### Deeper: g groups, g times fewer multiply-adds: g times faster?
#
# A 3×3 on 128 channels and a map of 28×28. The multiply-adds are counted, the memory that must be read and written is too.

# %% tags=["deeper"]
def cost_of_groups(groups, channels=128, size=28):
    """(multiply-adds, numbers read and written: input, weights, output) of a 3×3 with padding 1."""
    layer = nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False, device="meta")
    macs = models.model_macs(layer, (channels, size, size))
    return macs, 2 * channels * size * size + models.count_parameters(layer)


costs = {groups: cost_of_groups(groups) for groups in (1, 2, 8, 32, 128)}
print("groups  multiply-adds  numbers moved  multiply-adds per number")
for groups, (macs, moved) in costs.items():
    print(f"{groups:6}  {macs:13,}  {moved:13,}  {macs / moved:24.1f}")

# %% [markdown] tags=["deeper"]
# The arithmetic falls by $g$. The traffic hardly falls, for input and output stay as large as they were.
# At one channel for each group every number that is fetched is used for a handful of multiplications only.
#
# And on the clock? This cell measures on the machine at hand; yours will differ.

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** The two lines part. How far, and where, depends on the library and the processor. Report both figures, and do not derive one from the other.

# %% [markdown]
# ## Folklore on trial
#
# ### "More cardinality is always better at the same cost"
#
# The paper's table 3 is the test of it: one budget, five ways to spend it.

# %%
table = models.PAPERS["resnext-cardinality"]
table

# %%
STEPS = [("1×64d", "2×40d"), ("2×40d", "4×24d"), ("4×24d", "8×14d"), ("8×14d", "32×4d")]


def step(few, many):
    """The gains of one step at 50 and at 101 layers, as text, and their mean."""
    gains = [round(a - b, 1) for a, b in zip(table[few], table[many], strict=True)]
    return f"{few} → {many}: {gains[0]} points at 50 layers, {gains[1]} at 101", sum(gains) / 2


trial(
    "more cardinality is better at the same cost (by 0.15 points or more)",
    only_if=("the paths stay wider than 4 channels", lambda width: width > 4),
    published=[published(table.source, step(*pair)[0], holds=step(*pair)[1] >= 0.15, inside=pair[1] != "32×4d") for pair in STEPS],
    expect="holds only if the paths stay wider than 4 channels",
)

# %% [markdown]
# Read the verdict with care: the condition was found on these same four steps, and the paper prints no spread, so 0.1 may be noise.
# The gains shrink: 0.9, 0.4, 0.3, 0.1 at 50 layers, 0.3, 0.3, 0.1, 0.1 at 101. The authors call it saturation, and go no narrower than 4.
# One-channel paths are no mistake, though: MobileNet, EfficientNet and ConvNeXt use them, with other widths around.

# %% [markdown]
# ### "To use a larger budget, make the net deeper or wider"

# %%
larger = models.PAPERS["resnext-deeper-wider"]
paths = larger["more paths: 64×4d"]
trial(
    "twice the budget is best spent on depth or width",
    published=[
        published(larger.source, f"deeper, ResNet-200: {larger['deeper: ResNet-200']} %; more paths: {paths} %", holds=False),
        published(larger.source, f"wider, 1×100d: {larger['wider: ResNet-101 1×100d']} %; more paths: {paths} %", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# The reference is 22.0 % at half the cost. ResNeXt-101 32×4d reaches 21.2 % *without* the larger budget.

# %% [markdown]
# ### "A convolution in g groups is g times faster, for it has g times fewer multiply-adds"

# %%
trial(
    "with groups, equal multiply-adds take equal time",
    published=[published("Xie et al. 2017, §5.1", "ResNeXt-101 32×4d and ResNet-101 have about the same multiply-adds; a training step took 0.95 s against 0.70 s on 8 GPUs", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# So the arithmetic alone does not tell the time.
# The multiply-adds of a grouped convolution fall exactly by $g$; input and output stay as large as they were, so the memory traffic hardly falls.
# Where memory is the limit, the time cannot fall as the arithmetic does. (The paper names another cause: its implementation of grouped convolution was not made for parallel hardware.)

# %% [markdown]
# ### "ResNeXt is the best ResNet variant"

# %%
trial(
    "ResNeXt is the best ResNet variant",
    only_if=("one compares with the networks of 2016 and before", lambda year: year <= 2016),
    published=[
        published("Xie et al. 2017, table 4", f"{paths} % top-1 against {larger['deeper: ResNet-200']} % of ResNet-200, at equal cost", holds=True, inside=True),
        published("ImageNet challenge 2017", "SENet wins with 2.25 % top-5 (2016: ResNeXt 3.03 %, second)", holds=False, inside=False),
        published("timm's results table, ImageNet-1k alone", "ResNet-RS-420 85.0 % top-1 accuracy, ResNeSt-269e 84.5 %, ResNeXt-101 64×4d 83.2 %", holds=False, inside=False),
    ],
    expect="holds only if one compares with the networks of 2016 and before",
)

# %% [markdown]
# (SENet is squeeze-and-excitation on a ResNeXt-152: question 49. In timm's table the first two read images of 416 pixels, the ResNeXt of 288.)
# And how much of the gain was the block? The same two networks, trained by torchvision twice, once with a simple recipe near that of the papers (V1: 90 epochs for ResNet, 100 for ResNeXt) and once with a modern one (V2):

# %%
V1, V2 = "one centre crop, torchvision's V1 weights", "one centre crop, torchvision's V2 weights (newer recipe)"


def top1(name, protocol):
    return next(error.top1 for error in models.PUBLISHED[name].errors if error.protocol == protocol)


print(f"{'top-1 error':20} {'V1':>7} {'V2':>7}")
for name in ("resnet50", "resnext50-32x4d"):
    print(f"{models.PUBLISHED[name].title:20} {top1(name, V1):7.2f} {top1(name, V2):7.2f}")
gaps = [top1("resnet50", recipe) - top1("resnext50-32x4d", recipe) for recipe in (V1, V2)]
print(f"the block gains      {gaps[0]:7.2f} {gaps[1]:7.2f}")
print(f"the recipe moves ResNet-50 by {top1('resnet50', V1) - top1('resnet50', V2):.1f} points")

# %% [markdown]
# **Takeaway.** At nearly equal cost the block gains 1.5 points under the old recipe and 0.3 under the new one, one training each.
# (A little of the recipe's 4.7 points is evaluation: V1 weights are tested on images resized to 256 pixels, V2 weights on 232.)

# %% [markdown]
# ## Answer in 30 seconds
#
# "At equal cost ResNeXt-50 beat ResNet-50 by 1.7 points in the paper; with torchvision's newer recipe 0.3 are left.
# The middle of the bottleneck becomes many parallel paths of one shape, added up. Their number is the cardinality.
# By block matrices that is a grouped 3×3 between two ordinary 1×1.
# Groups make the 3×3 cheap, so the middle can be twice as wide.
# Shall I show the equivalence?"
#
# ### 三十秒回答
#
# "同等计算量下,论文里 ResNeXt-50 的错误率比 ResNet-50 低 1.7 个点;换成 torchvision 较新的训练方法,差距只剩 0.3。
# 做法是把 bottleneck 的中间换成许多条结构相同的并行支路再相加,支路数就是 cardinality。
# 用分块矩阵可以证明,它等价于两个 1×1 之间夹一个分组 3×3。
# 分组省下计算,中间可以加宽一倍。
# 要我证明等价性吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Split, transform, merge: $x + \sum_{i=1}^C \mathcal T_i(x)$, all $\mathcal T_i$ alike. Inception does the same with branches made by hand, and concatenates.
# - Three forms: sum of paths; concatenation before the last 1×1, since $\sum E_i h_i = (E_1 \cdots E_C)\,h$; grouped 3×3, since a block-diagonal matrix is a grouped convolution. BN and ReLU work channel by channel, so they do not disturb it. The last BN comes after the sum.
# - Costs: $C\,d\,(c_\text{in} + 9d + c_\text{out})$. 32×4d: 70,144; ResNet's 1×64d: 69,632. The 3×3's share falls from 53 % to 7 %.
# - The 1×1 are needed: grouped convolutions never mix their groups.
# - The limit $d=1$ is depthwise convolution: MobileNet, Xception.
# - In a grouped layer multiply-adds fall by $g$, memory traffic hardly, time by less than $g$. At about equal multiply-adds a step took 0.95 s against ResNet-101's 0.70.
# - Figures: at one cost 23.9, 23.0, 22.6, 22.3, 22.2 % for 1, 2, 4, 8, 32 paths: it saturates. At twice the cost: deeper 21.7, wider 21.3, more paths 20.4 %. Second in ILSVRC 2016 with 3.03 %.
# - "Best variant": in its time. A newer recipe moves ResNet-50 by 4.7 points, the block by 1.5 then and 0.3 now.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why not simply make ResNet wider or deeper?</summary>
#
# A dense 3×3 costs the square of its width, so twice the middle is four times the 3×3.
# At twice ResNet-101's cost: ResNet-200 21.7 %, a wider ResNet-101 21.3 %, 64×4d 20.4 % (table 4).
#
# </details>
#
# <details><summary>Is the gain regularisation, or a better representation?</summary>
#
# A better representation, say the authors: the *training* error is lower too (§5.1).
# And without any shortcuts ResNeXt-50 has 26.1 % against 31.2 %.
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
# A path needs a layer in its middle that reads only the path's own channels; hence depth 3 or more.
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
# <details><summary>How do the groups exchange information?</summary>
#
# In ResNeXt by the dense 1×1 on both sides. In ShuffleNet, which groups the 1×1 too, by permuting channels between two grouped layers.
#
# </details>
#
# <details><summary>Why are depthwise convolutions slow on a GPU?</summary>
#
# Each number that is loaded takes part in nine multiplications only, so the arithmetic units wait for the memory. Dense convolutions reuse each number hundreds of times and map onto matrix products.
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
# - S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He. *Aggregated Residual Transformations for Deep Neural Networks.* CVPR 2017. §3: template, aggregated transformations, figure 3 (the three forms), §3.4: capacity; §5.1, tables 3–5: cardinality against width and depth, training time.
# - A. Krizhevsky, I. Sutskever, G. Hinton. *ImageNet Classification with Deep Convolutional Neural Networks.* NeurIPS 2012: grouped convolutions for two GPUs.
# - F. Chollet. *Xception: Deep Learning with Depthwise Separable Convolutions.* CVPR 2017: the depthwise limit.
# - X. Zhang, X. Zhou, M. Lin, J. Sun. *ShuffleNet.* CVPR 2018: shuffling channels between groups.
# - J. Hu, L. Shen, G. Sun. *Squeeze-and-Excitation Networks.* CVPR 2018: SENet on ResNeXt-152.
