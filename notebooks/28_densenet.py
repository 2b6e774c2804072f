# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 28 · Why is DenseNet more expressive per parameter than ResNet?
#
# *DenseNet 为什么比 ResNet 表达能力更强?*

# %% [markdown]
# ## Question
#
# "How does DenseNet differ from ResNet, and why is it said to be more expressive?
# Where do the channels and the parameters go, and what does it cost?
# Write the dense layer, the dense block and the transition in PyTorch."
#
# "DenseNet 与 ResNet 有什么区别?为什么说它的表达能力更强?通道数和参数量如何变化,代价是什么?请用 PyTorch 写出 dense layer、dense block 和 transition。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The change.** ResNet adds what a layer makes to its input; DenseNet *concatenates* it. Old maps are kept as they were made.
# - **The growth rate.** A layer is narrow: it makes $k$ new maps, 32 in DenseNet-121, because it can read all the old ones.
# - **The claim in its right form.** The paper claims *efficiency*: the same accuracy with fewer parameters and less computation. Not "more expressive".
# - **B and C.** The bottleneck (1×1 to $4k$) and the compression (a transition halves the channels), and when each of them pays.
# - **The price.** Few parameters, much memory: stored naively, the concatenations grow with the square of the depth.
# - **The code.** BN-ReLU-conv; the layer returns new maps only; the block joins them along the channels, oldest first.

# %% [markdown]
# ## The idea
#
# ### Add or keep
#
# Both nets let a layer see more than the output of the layer before. With $H_l$ a few layers, usually BN, ReLU and convolution:
#
# $$
# \text{ResNet: } x_l = x_{l-1} + H_l(x_{l-1})
# \qquad\qquad
# \text{DenseNet: } x_l = H_l([x_0, x_1, \dots, x_{l-1}])
# $$
#
# Square brackets are concatenation along the channels (Huang et al. 2017, eq. 1 and 2).
# In a sum the parts can no longer be told apart. In a concatenation they can, and every reader gives each of them weights of its own.
# (A linear reader of a concatenation is a sum of readers, $[A\;B]\,[x; y] = Ax + By$. The difference is when the sum is made: ResNet sums *before* anyone reads, DenseNet lets every layer read first, each part with its own BN, ReLU and weights.)

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from utils import check, data, expect, hint, models, plots, published, settings, trial

plots.style()

# %%
title = "A dense block: each layer reads everything before it, and adds four maps"
plots.graph(*models.dataflow(models.DenseBlock(3, 8, 4), (8, 14, 14), leaves=[models.DenseLayer]), title)
plt.show()

# %% [markdown]
# **Takeaway.** The line on the right only carries on what is there. Call what it carries the block's *stream*.

# %% [markdown]
# ### Growth rate
#
# Every layer of a block makes $k$ maps, the *growth rate*.
# With $c_0$ channels at the start, layer $i$ (from 0) reads $c_0 + i\,k$ channels, and a block of $L$ layers returns $c_0 + L\,k$.
#
# A layer may be narrow because it does not have to hand on what was known before.
# In a ResNet what a block returns is added to its input, so it must be as wide as *all* that the net carries at that place.
# In a DenseNet it is only as wide as *what is new*.
#
# The input and $L$ layers are $L+1$ things, and each pair of them is connected once: $1 + 2 + \dots + L = L(L+1)/2$ connections. A chain has $L$.

# %% [markdown]
# ### B: the bottleneck
#
# Late in a block a layer reads hundreds of channels and makes 32.
# So a layer is BN, ReLU, 1×1 to $4k$ channels, then BN, ReLU, 3×3 to $k$.
# With $c$ channels coming in, that is $4kc + 36k^2$ weights instead of $9kc$. It pays when
#
# $$ 4kc + 36k^2 < 9kc \iff c > \tfrac{36}{5}\,k = 7.2\,k $$
#
# So at the beginning of a block it costs more than it saves.

# %% [markdown]
# ### C: compression
#
# Maps of different sizes cannot be concatenated, so a network has several blocks.
# Between them a *transition* mixes the channels (1×1) and halves the map.
# It takes the chance to throw away channels: of $c$ it keeps $\theta c$, with $\theta = 0.5$.
# A DenseNet with both is called DenseNet-BC; the ones for ImageNet are.
#
# Why *average* pooling? What is handed on is read raw by many layers, each with its own BN and ReLU.
# A mean is linear: it keeps the sign and the level of every map, and passes the gradient to all four pixels.
# A maximum would push every map upwards and give three quarters of the pixels no gradient. (The paper gives no comparison.)

# %% [markdown]
# ### Why BN comes first
#
# A map is read by many layers, and each may want another scale and another threshold.
# So every reader has its own BN and ReLU, *in front of* its convolution, and the maps are kept raw.
# That is the pre-activation of ResNet v2.

# %% [markdown]
# ### The square in the memory
#
# A layer's input $[x_0, \dots, x_{i-1}]$ has $c_0 + ik$ channels. Written out for each layer anew and kept for the backward pass:
#
# $$ \sum_{i=0}^{L-1} (c_0 + ik) = L\,c_0 + \frac{L(L-1)}{2}\,k $$
#
# Yet only $c_0 + Lk$ different maps exist. The parameters do not show this. We measure it below.

# %% [markdown] tags=["deeper"]
# ### Deeper: what the backward pass sees
#
# $x_j$ is read by every later layer. So its gradient is a sum over all of them:
#
# $$
# \frac{\partial E}{\partial x_j}
# = \underbrace{g_j}_{\text{from what follows the block}}
# + \sum_{l>j} \left(\frac{\partial H_l}{\partial x_j}\right)^{\!\mathsf T} \frac{\partial E}{\partial x_l}
# $$
#
# The first term has no layer of the block in its way. The paper calls the effect implicit deep supervision.
# ResNet has such a term too. There it comes through the sum, here through the concatenation.

# %% tags=["deeper"]
title = "A dense layer: whatever comes in, growth_rate maps leave, and the 3×3 always has the same size"
plots.graph(*models.dataflow(models.DenseLayer(256, 32), (256, 56, 56)), title)
plt.show()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the dense layer
#
# BN, ReLU, 1×1 to `bn_size * growth_rate` channels; BN, ReLU, 3×3 with padding 1 to `growth_rate` channels.
# No convolution has a bias: what leaves the layer is read by batch norms only.
# Return the new maps alone, and leave `x` as it was.

# %%
class DenseLayer(nn.Module):
    """(N, c_in, H, W) -> its new maps, (N, growth_rate, H, W).

    No bias; BN and ReLU in front of each convolution; the 1×1 makes bn_size * growth_rate channels; x is left as it was.
    """

    def __init__(self, c_in, growth_rate, bn_size=4):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(DenseLayer)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the order</summary>
#
# Write down what happens to `x`, six steps. Each BN stands in front of a convolution, so it has as many channels as that convolution *reads*.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the channels</summary>
#
# `c_in → bn_size * growth_rate → growth_rate`. Nothing is added or concatenated in here.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Two batch norms and two convolutions without bias in `__init__`; the 3×3 has `padding=1`.
# `forward`: `h = conv1(relu(norm1(x)))`, and return `conv2(relu(norm2(h)))`.
#
# </details>

# %% [markdown]
# ### Exercise 2: the dense block
#
# `num_layers` of your layers. Each reads the input and all new maps made so far, oldest first.
# Return the input followed by all new maps, oldest first.

# %%
class DenseBlock(nn.Module):
    """(N, c_in, H, W) -> (N, c_in + num_layers * growth_rate, H, W): the input, then all new maps, oldest first."""

    def __init__(self, num_layers, c_in, growth_rate, bn_size=4):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(DenseBlock)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: who reads how much</summary>
#
# The first layer reads `c_in` channels. How many more does the second read, and the third?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: modules in a list</summary>
#
# A plain Python list hides modules from torch: their parameters would not be found. Use `nn.ModuleList`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Layer `i` is `DenseLayer(c_in + i * growth_rate, growth_rate, bn_size)`.
# In `forward`, for each layer, `x` becomes `torch.cat([x, layer(x)], dim=1)`. What is `x` at the end?
#
# </details>

# %% [markdown]
# ### Exercise 3: the transition
#
# BN, ReLU, 1×1 to `c_out` channels without bias, mean over 2×2 without overlap.
# Of a map with an odd side the last row or column is dropped.

# %%
class Transition(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H // 2, W // 2).

    BN, ReLU, 1×1 without bias, mean over 2×2; the last row or column of an odd map is dropped.
    """

    def __init__(self, c_in, c_out):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(Transition)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: four steps</summary>
#
# The same order as in a layer, and then something that halves the map.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `nn.BatchNorm2d(c_in)`, a ReLU, `nn.Conv2d(c_in, c_out, 1, bias=False)`, `nn.AvgPool2d(2)`: that one drops an odd row by itself.
#
# </details>

# %% [markdown]
# ### Exercise 4: connections
#
# How many direct connections does a dense block of `num_layers` layers have, those to the block's input included?

# %%
def dense_connections(num_layers):
    """num_layers, an int -> int.

    The connections to the block's input count too; 0 for no layers.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(dense_connections)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: layer by layer</summary>
#
# The first layer reads one thing, the input. The second reads two. Go on, and sum.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# $1 + 2 + \dots + L$, young Gauss's sum. Divide with `//`, so that an int comes out.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Your blocks, assembled
#
# Five networks for ImageNet: a stem, four of your blocks, three of your transitions, a classifier.
# They are built on torch's `meta` device: shapes without memory.

# %%
DENSE = {
    121: ([6, 12, 24, 16], 32),
    169: ([6, 12, 32, 32], 32),
    201: ([6, 12, 48, 32], 32),
    264: ([6, 12, 64, 48], 32),
    161: ([6, 12, 36, 24], 48),
}
with torch.device("meta"):
    densenets = {
        depth: models.DenseNet(block=DenseBlock, transition=Transition, layers=layers, growth_rate=growth_rate)
        for depth, (layers, growth_rate) in DENSE.items()
    }

print(f"{'':12}  {'k':2}  {'layers':16} {'parameters':>11} {'published':>11} {'multiply-adds':>14}")
for depth, net in densenets.items():
    count, printed = models.count_parameters(net), models.PUBLISHED[f"densenet{depth}"].parameters
    macs = models.model_macs(net, (3, 224, 224))
    layers, growth_rate = DENSE[depth]
    print(f"DenseNet-{depth}  {growth_rate:2}  {layers!s:16} {count:11,} {printed:11,} {macs / 1e9:12.2f} G")
    expect(count == printed)

# %% [markdown]
# **Takeaway.** Your modules give the published counts to the last parameter.
# Why 121? Each of the 58 layers has two convolutions, and there are the stem, three transitions and the classifier: $116 + 5$.

# %% [markdown]
# ### The memory, measured
#
# `kept_for_backward` counts the bytes of feature maps that autograd keeps for the backward pass, each piece of memory once.
# A layer keeps what its first BN reads, $[x_0, \dots]$, and what its 1×1 reads, both of $c_0 + ik$ channels;
# and what its second BN and its 3×3 read, both of $4k$. Does the formula come out?

# %%
C0, K, PIXELS = 16, 8, 2 * 14 * 14
depths = [4, 8, 16, 32, 64]
x = torch.randn(2, C0, 14, 14, generator=torch.Generator().manual_seed(0))
naive = {}
for depth in depths:
    torch.manual_seed(0)
    naive[depth] = models.kept_for_backward(DenseBlock(depth, C0, K), x)
    formula = 4 * PIXELS * sum(2 * (C0 + i * K) + 8 * K for i in range(depth))
    print(f"{depth:3} layers: {naive[depth] / 1e6:6.2f} MB kept, {formula / 1e6:6.2f} MB by the formula")

# %% [markdown]
# At twice the depth the memory grows towards four times. And the whole networks, for one image of 224×224?

# %%
image = torch.empty(1, 3, 224, 224, device="meta")
compared = {"DenseNet-121": densenets[121]}
compared |= {title: models.build(title, device="meta") for title in ("ResNet-34", "ResNet-50", "VGG-16")}
parameters = {name: models.count_parameters(net) for name, net in compared.items()}
activations = {name: models.kept_for_backward(net, image) for name, net in compared.items()}
for name in compared:
    print(f"{name:13} {parameters[name] / 1e6:6.1f} M parameters  {activations[name] / 2**20:6.1f} MiB of maps kept")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
names, rows = list(compared), np.arange(len(compared))
tints = [plots.color("wrong") if "121" in name else "0.6" for name in names]
for ax, values, label in ((axes[0], [parameters[n] / 1e6 for n in names], "parameters, millions"),
                          (axes[1], [activations[n] / 2**20 for n in names], "maps kept for one image, MiB")):
    ax.bar_label(ax.barh(rows, values, color=tints), fmt="%.0f", padding=4)
    ax.set(xlabel=label, xmargin=0.15)
    ax.grid(False, axis="y")
axes[0].set_yticks(rows, names)
axes[0].invert_yaxis()
fig.suptitle("The network with the fewest parameters keeps the most", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** Parameters and activations are two budgets.
# With a batch of 64 images the maps of these four take more memory than their weights, gradients and momentum together.

# %% [markdown] tags=["deeper"]
# ### Deeper: channels, up with every layer, halved at each transition
#
# Draw the channels that enter each layer of DenseNet-121. What would they be without compression?

# %% tags=["deeper"]
def channels_read(layers, growth_rate, theta):
    """The channels that each dense layer reads, block after block, and those that leave the last."""
    c, read = 2 * growth_rate, []
    for index, count in enumerate(layers):
        read += [c + i * growth_rate for i in range(count)]
        c += count * growth_rate
        c = int(theta * c) if index < len(layers) - 1 else c
    return read, c


for theta in (0.5, 1.0):
    read, last = channels_read(DENSE[121][0], 32, theta)
    print(f"θ = {theta}: a layer reads up to {max(read):,} channels, the classifier {last:,}")

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for theta, tint, dash in ((1.0, plots.color("wrong"), "--"), (0.5, plots.color("right"), "-")):
    ax.step(range(1, 59), channels_read(DENSE[121][0], 32, theta)[0], dash, where="mid", color=tint, label=f"read, θ = {theta}")
ax.axhline(32, color="0.4", linestyle=":", label="made: k = 32")
for end in np.cumsum(DENSE[121][0])[:-1]:
    ax.axvline(end + 0.5, color="0.75", linewidth=1)
ax.set(xlabel="dense layer (vertical lines: transitions)", ylabel="channels", title="DenseNet-121: layers read up to a thousand maps and make only 32")
ax.legend(loc="upper left")
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** The stream is wide, the layers are narrow.
# "DenseNet widens the layers" mixes up the two.

# %% [markdown] tags=["deeper"]
# ### Deeper: where does the bottleneck pay?
#
# By the algebra above: where more than $7.2k$ channels come in.
# Count the weights of your layer against a plain 3×3, in each block of DenseNet-121.

# %% tags=["deeper"]
def conv_weights(module):
    return sum(p.numel() for p in module.parameters() if p.dim() > 1)


with torch.device("meta"):
    read = np.array(channels_read(DENSE[121][0], 32, 0.5)[0])
    with_b = np.array([conv_weights(DenseLayer(c, 32)) for c in read])
    without_b = np.array([conv_weights(nn.Conv2d(c, 32, 3)) for c in read])

print(f"break-even at 7.2 k = {7.2 * 32:.0f} channels; the layers below it: {(with_b > without_b).sum()} of {len(read)}")
ends = np.cumsum(DENSE[121][0])
for block, end in enumerate(ends):
    part = slice(end - DENSE[121][0][block], end)
    print(f"block {block + 1}: reads {read[part].min():3} to {read[part].max():3}   "
          f"with {with_b[part].sum():9,}   without {without_b[part].sum():9,}   {without_b[part].sum() / with_b[part].sum():.2f}")


# %% [markdown] tags=["deeper"]
# **Takeaway.** In the first block the bottleneck costs more weights than it saves; in the last two it saves more than a third.
# "The 1×1 saves parameters" is true of late layers only.

# %% [markdown] tags=["deeper"]
# ### Deeper: B and C, one at a time
#
# DenseNet-121's layers with and without the bottleneck, with and without compression.

# %% tags=["deeper"]
class PlainDenseBlock(nn.Module):
    """A dense block whose layers are BN-ReLU-3×3, without the bottleneck."""

    def __init__(self, num_layers, c_in, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, growth_rate, 3, padding=1, bias=False))
            for c in range(c_in, c_in + num_layers * growth_rate, growth_rate)
        )

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


def dense_net(stem, c, layers, growth_rate, theta=0.5, block=DenseBlock, num_classes=10):
    """A stem that gives c channels, dense blocks with your transitions between them, a classifier."""
    parts = [stem]
    for index, count in enumerate(layers):
        parts.append(block(count, c, growth_rate))
        c += count * growth_rate
        if index < len(layers) - 1:
            parts.append(Transition(c, int(theta * c)))
            c = int(theta * c)
    return nn.Sequential(*parts, nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, num_classes))


# %% tags=["deeper"]
def big_stem():
    return nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))


for name, block, theta in (
    ("neither", PlainDenseBlock, 1.0), ("B: bottleneck", DenseBlock, 1.0),
    ("C: compression", PlainDenseBlock, 0.5), ("BC: both", DenseBlock, 0.5),
):
    with torch.device("meta"):
        net = dense_net(big_stem(), 64, DENSE[121][0], 32, theta, block, num_classes=1000)
    print(f"{name:15} {models.count_parameters(net) / 1e6:5.1f} M parameters  {models.model_macs(net, (3, 224, 224)) / 1e9:5.1f} G multiply-adds")


# %% [markdown] tags=["deeper"]
# **Takeaway.** The bottleneck alone saves a third of the parameters, compression alone nearly half.
# Together they leave 8 of 21 millions.

# %% [markdown] tags=["deeper"]
# ### Deeper: keep the maps once, compute the rest again
#
# `checkpoint` runs a layer without keeping anything but its arguments, and runs it a second time in the backward pass.
# The arguments are the separate maps $x_0, x_1, \dots$, and these exist once however many layers read them.

# %% tags=["deeper"]
class CheckpointedBlock(nn.Module):
    """Your dense layers; each keeps only the maps it was given, and is run again in the backward pass."""

    def __init__(self, num_layers, c_in, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(c_in + i * growth_rate, growth_rate) for i in range(num_layers))
        self.again = True

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            def run(*maps, layer=layer):
                return layer(torch.cat(maps, dim=1))

            # The reentrant kind hands its arguments to autograd, so that our hooks see what is kept.
            new = checkpoint(run, *features, use_reentrant=True) if self.again else run(*features)
            features.append(new)
        return torch.cat(features, dim=1)


# %% tags=["deeper"]
leaf, cheap = x.clone().requires_grad_(), {}
for depth in depths:
    torch.manual_seed(0)
    cheap[depth] = models.kept_for_backward(CheckpointedBlock(depth, C0, K), leaf)
    print(f"{depth:3} layers: {cheap[depth] / 1e6:5.2f} MB kept, {naive[depth] / cheap[depth]:4.1f} times less")

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.loglog(depths, [naive[d] / 1e6 for d in depths], "o-", color=plots.color("wrong"), label="as written")
ax.loglog(depths, [cheap[d] / 1e6 for d in depths], "s-", color=plots.color("right"), label="checkpointed")
reach = np.array([16, 64])
ax.loglog(reach, 1.6 * naive[16] / 1e6 * (reach / 16) ** 2, ":", color="0.4", label="slope 2")
ax.loglog(reach, 0.6 * cheap[16] / 1e6 * (reach / 16), "--", color="0.4", label="slope 1")
ax.set(xlabel="layers in the block", ylabel="kept for the backward pass, MB", title="Stored naively the memory grows with the square of the depth")
ax.set_xticks(depths, depths)
ax.minorticks_off()
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** At twice the depth the memory grows towards four times as written, and to twice checkpointed.
# (While a layer runs again in the backward pass, its own maps exist for a moment: one layer's, not all.)

# %% tags=["deeper"]
torch.manual_seed(0)
block = CheckpointedBlock(12, C0, K)
calls = []
for module in block.modules():
    if isinstance(module, DenseLayer):
        module.register_forward_hook(lambda *_: calls.append(1))

gradients, computed, running = {}, {}, {}
for again in (False, True):
    block.again, start = again, copy.deepcopy(block.state_dict())
    calls.clear()
    block.zero_grad()
    block(leaf).square().mean().backward()
    gradients[again] = torch.cat([p.grad.flatten() for p in block.parameters()])
    computed[again] = len(calls)
    running[again] = next(value for key, value in block.state_dict().items() if key.endswith("running_var")).clone()
    block.load_state_dict(start)

print(f"layers computed: {computed[False]} as written, {computed[True]} checkpointed")
print("the same gradients:         ", torch.allclose(gradients[False], gradients[True], rtol=1e-4, atol=1e-7))
print("the same running statistics:", torch.allclose(running[False], running[True], rtol=1e-4))

# %% [markdown] tags=["deeper"]
# **Takeaway.** One more forward pass; a training step is about a forward and two forwards' worth of backward, so a third more arithmetic.
# The gradients are the same.
# But the batch norms have seen the batch twice and updated their running statistics twice: a trap wherever a checkpointed part has batch norm.

# %% [markdown] tags=["deeper"]
# ### Deeper: gradients by depth
#
# Three chains of 24 layers at width 24, before training: plain, with addition, and your dense block ($k = 6$).
# All have BN-ReLU-1×1-BN-ReLU-3×3 as their layers.
# How large is the gradient of the first layer's weights, compared with the last one's?

# %% tags=["deeper"]
DEPTH, WIDTH = 24, 24
images, labels, test_images, test_labels = data.digits(flat=False)
images, test_images = (torch.tensor(a, dtype=torch.float32).contiguous(memory_format=torch.channels_last) for a in (images, test_images))
labels, test_labels = torch.tensor(labels), torch.tensor(test_labels)


class Chain(nn.Module):
    """Layers as wide as their input, with or without the addition."""

    def __init__(self, skip):
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(WIDTH, WIDTH, 1) for _ in range(DEPTH))
        self.skip = skip

    def forward(self, x):
        for layer in self.layers:
            x = layer(x) + x if self.skip else layer(x)
        return x


def one_by_ones(module):
    """The weights of 1×1 convolutions, those that read the fewest channels first: in a dense block the order of depth."""
    return sorted((p for p in module.parameters() if p.dim() > 1 and p[0].numel() == p.shape[1]), key=lambda p: p.shape[1])


# %% tags=["deeper"]
def gradient_sizes(body, c_out, seed):
    """Root mean square of the gradient of each layer's 1×1 weights, first layer first, on 64 digits."""
    torch.manual_seed(seed)
    body = body()
    for parameter in body.parameters():
        if parameter.dim() == 4:
            nn.init.kaiming_normal_(parameter)
    head = nn.Sequential(nn.BatchNorm2d(c_out), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_out, 10))
    F.cross_entropy(head(body(nn.Conv2d(1, WIDTH, 3, padding=1, bias=False)(images[:64]))), labels[:64]).backward()
    return np.array([weight.grad.square().mean().sqrt().item() for weight in one_by_ones(body)])


bodies = {
    "plain": (lambda: Chain(skip=False), WIDTH),
    "residual": (lambda: Chain(skip=True), WIDTH),
    "dense": (lambda: DenseBlock(DEPTH, WIDTH, 6), WIDTH + DEPTH * 6),
}
sizes = {name: np.median([gradient_sizes(*body, seed) for seed in range(3)], axis=0) for name, body in bodies.items()}
for name, values in sizes.items():
    print(f"{name:9} first layer's gradient more than 100 times the last one's: {bool(values[0] > 100 * values[-1])}")

# %% tags=["deeper", "hide-input"]
series = {name: (np.arange(1, DEPTH + 1), values / values[-1]) for name, values in sizes.items()}
plots.curves(series, "layer (the last is next to the loss)", "gradient, relative to the last layer",
             "A direct path tames the gradient, whether it adds or concatenates", logy=True)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Without shortcuts batch norm makes the gradient grow towards the input, as in question 25.
# With a direct path it grows far less: by a factor of about 16 over 24 layers with addition, about 6 with concatenation.

# %% [markdown] tags=["deeper"]
# ### Deeper: are the old maps needed?
#
# Train three small DenseNets of two blocks on 300 digits.
# Then cut connections, without retraining the weights, and count errors:
# in every layer that has at least two layers before it, set to zero the weights on the block's input, on the layers in between, or on the layer before.
#
# One trap: a cut changes what every batch norm behind it sees, and the *running* statistics are those of the uncut net.
# So we measure twice, with the old statistics, and with statistics estimated again on the training images.

# %% tags=["deeper"]
SEEDS, SAMPLES, EPOCHS, BATCH = range(3), 300, 10, 50


def small_dense():
    return dense_net(nn.Conv2d(1, 12, 3, padding=1, bias=False), 12, [4, 4], growth_rate=6)


def train(seed):
    """A trained net, and the images it was trained on."""
    torch.manual_seed(seed)
    net = small_dense().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9, nesterov=True, weight_decay=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.2, total_steps=EPOCHS * SAMPLES // BATCH)
    order = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(images), generator=order)[:SAMPLES]
    for _ in range(EPOCHS):
        for batch in chosen[torch.randperm(SAMPLES, generator=order)].split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    return net.eval(), images[chosen]


@torch.no_grad()
def test_error(net):
    return 100 * (net(test_images).argmax(dim=1) != test_labels).float().mean().item()


# %% tags=["deeper"]
BLOCKS = {1: 12, 3: 18}  # place in the net → input channels
PARTS = ("the block's input", "layers in between", "the layer before")


def cut(net, which):
    twin = copy.deepcopy(net)
    with torch.no_grad():
        for place, c_in in BLOCKS.items():
            for reader, weight in enumerate(one_by_ones(twin[place])):
                if reader >= 2 and which in PARTS:
                    weight.split([c_in, 6 * (reader - 1), 6], dim=1)[PARTS.index(which)].zero_()
    return twin


@torch.no_grad()
def estimated_again(net, on):
    """The net with running statistics of its own, taken over the images."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # a plain average over the batches
    net.train()(on)
    return net.eval()


trained = [train(seed) for seed in SEEDS]
cuts = {}
for which in ("nothing", *PARTS):
    old = [test_error(cut(net, which)) for net, _ in trained]
    new = [test_error(estimated_again(cut(net, which), seen)) for net, seen in trained]
    cuts[which] = np.array(old), np.array(new)
    print(f"cut {which:18} old statistics: {'more' if np.mean(old) > 15 else 'less'} than 15 % wrong   estimated again: {'more' if np.mean(new) > 15 else 'less'}")

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
for shift, k, tint, label in ((-0.18, 0, plots.color("wrong"), "statistics of the uncut net"), (0.18, 1, plots.color("right"), "statistics estimated again")):
    means, spread = [c[k].mean() for c in cuts.values()], [c[k].std(ddof=1) for c in cuts.values()]
    ax.bar_label(ax.barh(np.arange(4) + shift, means, 0.34, xerr=spread, color=tint, alpha=0.85, capsize=3, label=label), fmt="   %.0f", padding=6)
ax.set(yticks=range(4), yticklabels=[f"cut: {name}" for name in cuts], xlabel="test error, % (three seeds, mean and standard deviation)",
       title="Most of the harm of a cut is done by stale batch-norm statistics")
ax.invert_yaxis()
ax.grid(False, axis="y")
ax.legend(loc="upper right")
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** With the old statistics each cut looks like a catastrophe, and one would praise "feature reuse" for it.
# Estimated again, the error rises from 3 % to between 6 and 9 %, and the three bars lie within each other's spread.
# So in this small net old maps are used, and none of the three groups is indispensable. The paper looks at trained weights instead (§5, figure 5) and finds weight on maps of all ages, most on late ones in the classifier.

# %% [markdown]
# ## Folklore on trial
#
# ### "DenseNet widens each block, so it has more parameters"
#
# For each DenseNet the ResNet with the nearest error under one protocol, torchvision's one centre crop, and the pair that interviewers name.

# %%
def one_crop(name):
    return next(error.top1 for error in models.PUBLISHED[name].errors if error.protocol == "one centre crop, torchvision's V1 weights")


RESNETS = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
pairs = [("densenet121", "resnet50")]
for depth in (121, 169, 201, 161):
    ours = f"densenet{depth}"
    pairs.append((ours, min(RESNETS, key=lambda name: abs(one_crop(name) - one_crop(ours)))))
for ours, other in pairs:
    a, b = models.PUBLISHED[ours], models.PUBLISHED[other]
    print(f"{a.title:13} {one_crop(ours):5.2f} %  {a.parameters / 1e6:5.1f} M     {b.title:15} {one_crop(other):5.2f} %  {b.parameters / 1e6:5.1f} M")

# %%
trial(
    "DenseNet has more parameters than a ResNet of like error",
    lambda dense, resnet: models.PUBLISHED[dense].parameters > models.PUBLISHED[resnet].parameters,
    over=[dict(dense=dense, resnet=resnet) for dense, resnet in pairs],
    control=dict(dense="densenet161", resnet="resnet18"),  # errors far apart
    published=[published("Huang et al. 2017, §4.4, figure 3", "DenseNet-201 with 20 M parameters has about the error of a ResNet-101 with more than 40 M", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# What grows is the stream. Concatenation has no weights; a later layer pays $4k$ weights for each channel that it reads.
# Say instead: *layers are narrow; the paper's explanation is that old features need not be learnt again.*

# %% [markdown]
# ### "DenseNet is more expressive than ResNet"
#
# Expressive means: it can represent functions that the other cannot. So try to write your dense block as a residual net.
# Give the stream all channels from the start, the later ones zero. Let layer $i$ add its new maps into *its* empty channels.

# %%
torch.manual_seed(0)
layers = [DenseLayer(8 + 4 * i, 4).double() for i in range(5)]
x = torch.randn(2, 8, 6, 6, dtype=torch.float64)
with torch.no_grad():
    concatenated = x
    for layer in layers:
        concatenated = torch.cat([concatenated, layer(concatenated)], dim=1)

    stream = F.pad(x, (0, 0, 0, 0, 0, 20))  # 8 channels and 20 empty ones
    for i, layer in enumerate(layers):
        seen = 8 + 4 * i  # the weights on the channels behind are zero
        stream = stream + F.pad(layer(stream[:, :seen]), (0, 0, 0, 0, seen, 16 - 4 * i))

print("a residual stream of full width gives the dense block's output:", torch.allclose(stream, concatenated))

# %% [markdown]
# Concatenation is addition into empty channels.
# So every dense block *is* a residual net: one with a wide stream, narrow branches and many weights tied to zero.
# It cannot express more than that net. What the paper claims is another thing, the same accuracy with fewer weights:

# %%
cifar = models.PAPERS["densenet-cifar"]
small, thousand = cifar["DenseNet-BC, L=100, k=12"], cifar["pre-activation ResNet-1001"]
trial(
    "DenseNet is better than ResNet",
    only_if=("one means per parameter", lambda budget: budget == "parameters"),
    published=[
        published("Huang et al. 2017, §4.4, figure 3", "20 M parameters do what a ResNet-101 does with more than 40 M", holds=True, inside=True),
        published("Huang et al. 2017, figure 4 and table 2", f"CIFAR-10: {small[0]} M parameters {small[1]} %, a ResNet-1001 with {thousand[0]} M {thousand[1]} %", holds=True, inside=True),
        published("torchvision's V1 weights, one crop", f"the best of each: DenseNet-161 {one_crop('densenet161'):.1f} %, ResNet-152 {one_crop('resnet152'):.1f} %", holds=False, inside=False),
    ],
    expect="holds only if one means per parameter",
)

# %% [markdown]
# The question as it is usually asked has a false premise. Correct it kindly, then say what is true: fewer parameters at the same error.
# *Per multiply-add* the evidence is mixed.
# The paper's figure 3 has the error of a ResNet-101 at the cost of a ResNet-50.
# But with the weights that torchvision offers (the authors', ported), DenseNet-161 (7.7 G) has 22.9 % and ResNet-101 (7.8 G) 22.6 %.
# (And multiply-adds are not seconds: the copying costs time. Question 29 measures it.)

# %% [markdown]
# ### "Few parameters mean little memory"
#
# In training? Take every two of eight networks: does the one with fewer parameters keep fewer maps?

# %%
NETS = ["DenseNet-121", "DenseNet-201", "ResNet-18", "ResNet-50", "ResNet-101", "VGG-16", "AlexNet", "GoogLeNet"]
built = {title: models.build(title, device="meta") for title in NETS}
budgets = {title: (models.count_parameters(net), models.kept_for_backward(net, image)) for title, net in built.items()}
trial(
    "the network with fewer parameters keeps less memory in training",
    lambda one, other: (budgets[one][0] < budgets[other][0]) == (budgets[one][1] < budgets[other][1]),
    over=[dict(one=a, other=b) for i, a in enumerate(NETS) for b in NETS[i + 1 :]],
    expect="not decided here",
)

# %% [markdown]
# Among these eight it is no better than tossing a coin.
# The weights' memory does not grow with the batch, the maps' does. At a batch of 32 the maps outweigh the weights in all of them but AlexNet.

# %% [markdown]
# ## Answer in 30 seconds
#
# "DenseNet-201 has about ResNet-101's error with 20 instead of 45 million parameters.
# ResNet adds a layer's output to its input, DenseNet concatenates them.
# So each layer reads all earlier maps and makes only a few new ones, the growth rate, 32. Features are reused.
# It is not more expressive: a wide residual net can compute the same.
# The price is memory: stored naively, it grows with the square of the depth.
# Shall I show why?"
#
# ### 三十秒回答
#
# "DenseNet-201 用 2000 万参数,错误率与 4500 万参数的 ResNet-101 相近。
# ResNet 把层的输出加到输入上,DenseNet 则是拼接。
# 每层能读到前面所有特征图,只需新增很少几张,即增长率 32;特征被复用,不必重学。
# 它的表达能力并不更强:足够宽的残差网络也能算出同样的函数。
# 代价是显存:直接存的话随深度平方增长。
# 要我解释原因吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - The change: $x_l = H_l([x_0, \dots, x_{l-1}])$ instead of $x_l = x_{l-1} + H_l(x_{l-1})$. $L(L+1)/2$ connections instead of $L$.
# - Growth rate: layer $i$ reads $c_0 + ik$ channels and makes $k$. Narrow layers, wide stream.
# - Sum against concatenation: on a concatenation each reader has weights of its own for each source, with its own BN and ReLU before them.
#   A sum is made before anyone has read.
# - B: a 1×1 to $4k$ before the 3×3; it pays from $7.2k$ input channels on. C: a transition halves the channels, and the map by average pooling.
# - Order: BN-ReLU-conv, for a map has many readers, and each scales it for itself.
# - Gradients: each layer has a direct path to the end of its block, and one through every later layer. Before training they are about as even over the layers as in ResNet.
# - Figures: DenseNet-121 has 8.0 M parameters, and a higher error than ResNet-50, by 1.7 points; DenseNet-201 has 20 M and a lower one. On CIFAR-10 0.8 M parameters reach 4.51 %, a ResNet-1001 with 10 M 4.62 %. Per multiply-add the paper claims a factor of two; torchvision's weights show less of it.
# - Memory: 121 keeps half as much again as ResNet-50 for the backward pass. Checkpointing makes it linear in depth, for a third more arithmetic.
# - Not claimed: more expressive. Concatenation is addition into empty channels, so a wide ResNet contains it; and the largest ResNets have lower errors.
# - When to take it: few parameters wanted, or little data (in the paper its lead is largest without augmentation); not when memory or latency is short.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why is the growth rate so small?</summary>
#
# A layer reads everything made before, the block's common knowledge, so it needs to add only what is new.
# In ResNet every block must be as wide as its input, because it is added to all of it.
# Even $k = 12$ works on CIFAR in the paper.
#
# </details>
#
# <details><summary>Why does nothing get concatenated across a transition?</summary>
#
# The maps would have different sizes. The transition mixes and halves them; from there on its output is one input among others.
# So "every layer is connected with every other" is true inside a block only.
#
# </details>
#
# <details><summary>Why BN before the 1×1, when the maps were computed by a convolution anyway?</summary>
#
# Because each reader wants its own scale: layer 20 can amplify a map that layer 5 ignores.
# With BN behind the convolution all readers would share one scale, one shift and one ReLU.
#
# </details>
#
# <details><summary>How do you make it fit into memory?</summary>
#
# Do not keep the concatenations: they and the first BN's output are cheap to compute again.
# Either checkpoint each layer (above), or let all layers write into one shared piece of memory and compute it again in the backward pass (Pleiss et al. 2017).
# Mind batch norm's running statistics: a recomputed forward pass updates them twice.
# Other ways: gradient accumulation with a smaller batch (batch norm then takes its statistics from the smaller batch: question 45), half precision, a smaller θ.
#
# </details>
#
# <details><summary>And at inference?</summary>
#
# Nothing is kept for a backward pass, so the quadratic term is gone; a block needs its $c_0 + Lk$ maps and what one layer computes.
# What remains are many small operations and much copying: DenseNet-121 saves less time against ResNet-50 than its multiply-adds promise (question 29).
#
# </details>
#
# <details><summary>Can batch norm be folded into the convolutions?</summary>
#
# The second BN of a layer follows its 1×1 directly: yes.
# The first stands behind a concatenation: no. The maps it reads come from many convolutions, and each of these has many readers with other BNs, so it cannot be folded into any of them.
# That is one more reason why DenseNet is slower than its multiply-adds say.
#
# </details>
#
# <details><summary>Does the order of average pooling and the 1×1 in a transition matter?</summary>
#
# Not for the result: both are linear, one works on pixels, the other on channels. Your check accepts either order.
# For the cost it does: pooling first, the 1×1 runs on a quarter of the pixels. Before the ReLU, though, pooling would be another function.
#
# </details>
#
# <details><summary>What happens if θ = 1?</summary>
#
# No compression: the stream keeps every channel, and DenseNet-121 would have three quarters more parameters (13.9 M).
#
# </details>
#
# <details><summary>Is DenseNet also an ensemble of short paths?</summary>
#
# In the same sense as ResNet: from a layer to the end of its block there is a path for every subset of the layers between, and one that passes none.
# The paper compares it with stochastic depth, which makes such short connections at random while training.
#
# </details>
#
# <details><summary>Where did the idea go on?</summary>
#
# Networks such as VoVNet and CSPNet kept the reuse and cut the cost:
# they concatenate only once, at the end of a block, or send only half of the channels through it.
# Concatenation itself is older: U-Net (2015) joins encoder maps to the decoder's, and Inception (2014) its branches.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "DenseNet has more parameters, because it is denser."
# - "It is more expressive", where the paper says: fewer parameters at the same error.
# - "Every layer is connected with every other of the network." Only within a block.
# - A DenseLayer that returns its input too, or a sum where a concatenation belongs.
# - conv-BN-ReLU: then all readers share one scale.
# - "1×1 always saves parameters." Below $7.2k$ channels it costs some.
# - No word on memory.

# %% [markdown]
# ## References
#
# - G. Huang, Z. Liu, L. van der Maaten, K. Weinberger. *Densely Connected Convolutional Networks.* CVPR 2017.
#   §3: eq. 1 and 2, growth rate, bottleneck, compression; table 1: the networks; tables 2 and 3, figures 3 and 4: results; §5: feature reuse.
# - G. Pleiss et al. *Memory-Efficient Implementation of DenseNets.* 2017: shared storage and recomputation.
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016: pre-activation.
# - T. Chen et al. *Training Deep Nets with Sublinear Memory Cost.* 2016: checkpointing.
