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
# - **The change.** ResNet adds what a layer makes to the stream; DenseNet *concatenates* it. Old maps are kept as they were made.
# - **The growth rate.** A layer is narrow: it makes $k$ new maps, 32 in DenseNet-121, because it can read all the old ones.
# - **The claim in its right form.** The paper claims *parameter efficiency*: the same accuracy with far fewer parameters. Not "more expressive".
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

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from utils import check, data, hint, models, plots, trial

plots.style()

# %% tags=["nbval-ignore-output"]
title = "A dense block: each layer reads everything before it, and adds four maps to the stream"
plots.graph(*models.dataflow(models.DenseBlock(3, 8, 4), (8, 14, 14), leaves=[models.DenseLayer]), title)
plt.show()

# %% [markdown]
# **Takeaway.** Nothing is added and nothing is computed anew: what is on the right hand side is only carried along.

# %% [markdown]
# ### Growth rate
#
# Every layer of a block makes $k$ maps, the *growth rate*. With $c_0$ channels at the start:
#
# $$ \text{layer } i \text{ (from 0) reads } c_0 + i\,k, \qquad \text{the block of } L \text{ layers returns } c_0 + L\,k $$
#
# A layer may be narrow because it does not have to hand on what was known before.
# In a plain net, and in a ResNet, the width of a layer is the width of *all* that the net knows at that place.
# In a DenseNet it is the width of *what is new*.

# %% [markdown]
# ### How many connections?
#
# The input and $L$ layers are $L+1$ things, and each pair of them is connected once, from the earlier to the later:
#
# $$ 1 + 2 + \dots + L = \frac{L(L+1)}{2} $$
#
# A chain has $L$.

# %% [markdown]
# ### B: the bottleneck
#
# Late in a block a layer reads hundreds of channels and makes 32. A 1×1 convolution first brings them down to $4k$:
#
# $$ \text{BN} \to \text{ReLU} \to 1{\times}1 \text{ to } 4k \to \text{BN} \to \text{ReLU} \to 3{\times}3 \text{ to } k $$
#
# Weights with it: $4kc + 9\cdot4k\cdot k = 4kc + 36k^2$. Without: $9kc$. It pays when
#
# $$ 4kc + 36k^2 < 9kc \iff c > \tfrac{36}{5}\,k = 7.2\,k $$
#
# So at the beginning of a block it costs more than it saves. Below you see which blocks these are.

# %% tags=["nbval-ignore-output"]
title = "A dense layer: whatever comes in, growth_rate maps leave, and the 3×3 always has the same size"
plots.graph(*models.dataflow(models.DenseLayer(256, 32), (256, 56, 56)), title)
plt.show()

# %% [markdown]
# ### C: compression
#
# Maps of different sizes cannot be concatenated, so a network has several blocks.
# Between them a *transition* mixes the channels (1×1) and halves the map (mean over 2×2).
# It takes the chance to throw away channels: of $c$ it keeps $\theta c$, with $\theta = 0.5$.
# A DenseNet with both is called DenseNet-BC; the ones for ImageNet are.

# %% [markdown]
# ### Why BN comes first
#
# A map is read by many layers, and each may want another scale and another threshold.
# So every reader has its own BN and ReLU, *in front of* its convolution, and the maps are kept raw.
# That is the pre-activation of ResNet v2, here by necessity.

# %% [markdown]
# ### What the backward pass sees
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

# %% [markdown]
# ### The square in the memory
#
# A layer's input $[x_0, \dots, x_{i-1}]$ has $c_0 + ik$ channels. Written out for each layer anew and kept for the backward pass:
#
# $$ \sum_{i=0}^{L-1} (c_0 + ik) = L\,c_0 + \frac{L(L-1)}{2}\,k $$
#
# Though only $c_0 + Lk$ different maps exist! The parameters do not show this. We measure it below.

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
    """(N, c_in, H, W) -> its new maps, (N, growth_rate, H, W)."""

    def __init__(self, c_in, growth_rate, bn_size=4):
        # BEGIN SOLUTION
        super().__init__()
        c_mid = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_mid)
        self.conv2 = nn.Conv2d(c_mid, growth_rate, 3, padding=1, bias=False)
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        h = self.conv1(F.relu(self.norm1(x)))
        return self.conv2(F.relu(self.norm2(h)))
        # END SOLUTION


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
        # BEGIN SOLUTION
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(c_in + i * growth_rate, growth_rate, bn_size) for i in range(num_layers))
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x
        # END SOLUTION


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
    """(N, c_in, H, W) -> (N, c_out, H // 2, W // 2)."""

    def __init__(self, c_in, c_out):
        # BEGIN SOLUTION
        super().__init__()
        self.norm = nn.BatchNorm2d(c_in)
        self.conv = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.pool = nn.AvgPool2d(2)
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        return self.pool(self.conv(F.relu(self.norm(x))))
        # END SOLUTION


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
    """num_layers, an int -> int."""
    # BEGIN SOLUTION
    return num_layers * (num_layers + 1) // 2
    # END SOLUTION


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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(DenseLayer)

# %% tags=["solution"]
common_mistakes(DenseBlock)

# %% tags=["solution"]
common_mistakes(Transition)

# %% tags=["solution"]
common_mistakes(dense_connections)

# %% [markdown]
# ## Experiments
#
# From here on your own modules and your own function are at work.
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
    count, published = models.count_parameters(net), models.PUBLISHED[f"densenet{depth}"].parameters
    macs = models.model_macs(net, (3, 224, 224))
    layers, growth_rate = DENSE[depth]
    print(f"DenseNet-{depth}  {growth_rate:2}  {layers!s:16} {count:11,} {published:11,} {macs / 1e9:12.2f} G")
    assert count == published

# %% [markdown]
# **Takeaway.** Your modules give the published counts to the last parameter.
# Why 121? Each of the 58 layers has two convolutions, and there are the stem, three transitions and the classifier: $116 + 5$.

# %%
chain, dense = sum(DENSE[121][0]), sum(dense_connections(count) for count in DENSE[121][0])
print(f"DenseNet-121: {chain} dense layers, {dense} direct connections; its longest block alone has {dense_connections(24)}")

# %% [markdown]
# ### Channels: up with every layer, halved at each transition
#
# Draw the channels that enter each layer of DenseNet-121. What would they be without compression?

# %%
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

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for theta, tint, dash in ((1.0, plots.color("wrong"), "--"), (0.5, plots.color("right"), "-")):
    ax.step(range(1, 59), channels_read(DENSE[121][0], 32, theta)[0], dash, where="mid", color=tint, label=f"read, θ = {theta}")
ax.axhline(32, color="0.4", linestyle=":", label="made: k = 32")
for end in np.cumsum(DENSE[121][0])[:-1]:
    ax.axvline(end + 0.5, color="0.75", linewidth=1)
ax.set(xlabel="dense layer (vertical lines: transitions)", ylabel="channels", title="DenseNet-121: layers read up to a thousand maps and make only 32")
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** The stream is wide, the layers are narrow.
# "DenseNet widens the layers" mixes up the two.

# %% [markdown]
# ### Where does the bottleneck pay?
#
# By the algebra above: where more than $7.2k$ channels come in.
# Count the weights of your layer against a plain 3×3, in each block of DenseNet-121.

# %%
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

# %% [markdown]
# **Takeaway.** In the first block the bottleneck costs more weights than it saves; in the last two it saves more than a third.
# "The 1×1 saves parameters" is true of late layers only.

# %% [markdown]
# ### B and C, one at a time
#
# DenseNet-121's layers with and without the bottleneck, with and without compression.


# %%
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


# %%
def big_stem():
    return nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))


for name, block, theta in (
    ("neither", PlainDenseBlock, 1.0), ("B: bottleneck", DenseBlock, 1.0),
    ("C: compression", PlainDenseBlock, 0.5), ("BC: both", DenseBlock, 0.5),
):  # fmt: skip
    with torch.device("meta"):
        net = dense_net(big_stem(), 64, DENSE[121][0], 32, theta, block, num_classes=1000)
    print(f"{name:15} {models.count_parameters(net) / 1e6:5.1f} M parameters  {models.model_macs(net, (3, 224, 224)) / 1e9:5.1f} G multiply-adds")

# %% [markdown]
# **Takeaway.** The bottleneck alone saves a third of the parameters, compression alone nearly half.
# Together they leave 8 of 21 millions.

# %% [markdown]
# ### The memory, measured
#
# autograd keeps what the backward pass will need. `saved_tensors_hooks` is told of each tensor that is kept.
# Count their bytes, each piece of memory once, without the parameters.

# %%
def stored(net, *inputs):
    """Bytes of the feature maps that a forward pass keeps for the backward pass, and the output."""
    own, kept = {p.untyped_storage()._cdata for p in net.parameters()}, {}

    def note(tensor):
        memory = tensor.untyped_storage()
        if tensor.dim() == 4 and memory._cdata not in own:
            kept[memory._cdata] = (memory.nbytes(), tensor)  # keeping the tensor keeps its address from being used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = net(*inputs)
    return sum(size for size, _ in kept.values()), output


# %% [markdown]
# What should we find? A layer keeps what its first BN reads, $[x_0, \dots]$, and what its 1×1 reads, both of $c_0 + ik$ channels.
# And it keeps what its second BN and its 3×3 read, both of $4k$. So with $p$ pixels in all images, in float32:
#
# $$ 4p \sum_{i=0}^{L-1} \bigl[\,2\,(c_0 + ik) + 8k\,\bigr] \text{ bytes} $$

# %%
C0, K, PIXELS = 16, 8, 2 * 14 * 14
depths = [4, 8, 16, 32, 64]
x = torch.randn(2, C0, 14, 14, generator=torch.Generator().manual_seed(0))
naive = {}
for depth in depths:
    torch.manual_seed(0)
    naive[depth] = stored(DenseBlock(depth, C0, K), x)[0]
    formula = 4 * PIXELS * sum(2 * (C0 + i * K) + 8 * K for i in range(depth))
    print(f"{depth:3} layers: {naive[depth] / 1e6:6.2f} MB kept, {formula / 1e6:6.2f} MB by the formula")

# %% [markdown]
# ### The cure: keep the maps once, compute the rest again
#
# `checkpoint` runs a layer without keeping anything but its arguments, and runs it a second time in the backward pass.
# The arguments are the separate maps $x_0, x_1, \dots$, and these exist once however many layers read them.


# %%
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


# %%
leaf, cheap = x.clone().requires_grad_(), {}
for depth in depths:
    torch.manual_seed(0)
    cheap[depth] = stored(CheckpointedBlock(depth, C0, K), leaf)[0]
    print(f"{depth:3} layers: {cheap[depth] / 1e6:5.2f} MB kept, {naive[depth] / cheap[depth]:4.1f} times less")

# %% tags=["nbval-ignore-output"]
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

# %% [markdown]
# **Takeaway.** At twice the depth the memory grows towards four times as written, and to twice checkpointed.
# (While a layer runs again in the backward pass, its own maps exist for a moment: one layer's, not all.)

# %% [markdown]
# ### What does the cure cost?
#
# Run the same block both ways. Are the gradients the same? How many convolutions are computed?

# %%
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

# %% [markdown]
# **Takeaway.** One more forward pass; a training step is about a forward and two forwards' worth of backward, so a third more arithmetic.
# The gradients are the same.
# But the batch norms have seen the batch twice and updated their running statistics twice: a trap of every checkpointed network.

# %% [markdown]
# ### The whole networks
#
# The hooks work on the meta device too. What do the full-size networks keep for one image of 224×224?

# %%
image = torch.empty(1, 3, 224, 224, device="meta")
with torch.device("meta"):
    checkpointed = models.DenseNet(block=CheckpointedBlock, transition=Transition)
compared = {
    "DenseNet-121": densenets[121], "DenseNet-121, checkpointed": checkpointed,
    "ResNet-34": models.build("resnet34", device="meta"), "ResNet-50": models.build("resnet50", device="meta"),
    "VGG-16": models.build("vgg16", device="meta"),
}  # fmt: skip
parameters = {name: models.count_parameters(net) for name, net in compared.items()}
activations = {name: stored(net, image)[0] for name, net in compared.items()}
for name in compared:
    print(f"{name:27} {parameters[name] / 1e6:6.1f} M parameters  {activations[name] / 2**20:6.1f} MiB of maps kept")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
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
# With a batch of 64 images the maps decide whether a network fits, not the weights.

# %% [markdown]
# ### Gradients by depth
#
# Three chains of 24 layers at width 24, before training: plain, with addition, and your dense block ($k = 6$).
# All have BN-ReLU-1×1-BN-ReLU-3×3 as their layers.
# How large is the gradient of the first layer's weights, compared with the last one's?


# %%
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


# %%
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

# %% tags=["nbval-ignore-output"]
series = {name: (np.arange(1, DEPTH + 1), values / values[-1]) for name, values in sizes.items()}
plots.curves(series, "layer (the last is next to the loss)", "gradient, relative to the last layer",
             "A direct path tames the gradient, whether it adds or concatenates", logy=True)
plt.show()

# %% [markdown]
# **Takeaway.** Without shortcuts batch norm makes the gradient grow towards the input, as in question 25.
# With a direct path it grows far less; the two kinds of path differ little.

# %% [markdown]
# ### DenseNet against ResNet, in small
#
# 300 digits to learn from, so that there is something to overfit.
# One DenseNet of two blocks; a ResNet v2 with as many parameters; a wider one with as many *multiply-adds*.


# %%
def small_dense():
    return dense_net(nn.Conv2d(1, 12, 3, padding=1, bias=False), 12, [4, 4], growth_rate=6)


def small_resnet(width):
    blocks = [models.PreActBlock(width, width), models.PreActBlock(width, width),
              models.PreActBlock(width, 2 * width, 2), models.PreActBlock(2 * width, 2 * width)]  # fmt: skip
    c = 2 * width
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), *blocks, nn.BatchNorm2d(c), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))  # fmt: skip


CONTESTANTS = {
    "DenseNet, k = 6": small_dense,
    "ResNet, equal parameters": lambda: small_resnet(10),
    "ResNet, equal multiply-adds": lambda: small_resnet(12),
}
for name, make in CONTESTANTS.items():
    print(f"{name:28} {models.count_parameters(make()):7,} parameters {models.model_macs(make(), (1, 8, 8)):8,} multiply-adds")


# %%
SEEDS, SAMPLES, EPOCHS, BATCH = range(4), 300, 10, 50


def train(make, seed):
    """A trained net and its weights at the start; the same seed gives every net the same 300 digits."""
    torch.manual_seed(seed)
    net = make().to(memory_format=torch.channels_last)
    start = copy.deepcopy(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9, nesterov=True, weight_decay=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.2, total_steps=EPOCHS * SAMPLES // BATCH)
    order = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(images), generator=order)[:SAMPLES]
    for _ in range(EPOCHS):
        for batch in chosen[torch.randperm(SAMPLES, generator=order)].split(BATCH):
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval(), start


@torch.no_grad()
def test_error(net):
    return 100 * (net(test_images).argmax(dim=1) != test_labels).float().mean().item()


# %%
trained = {name: [train(make, seed) for seed in SEEDS] for name, make in CONTESTANTS.items()}
errors = {name: np.array([test_error(net) for net, _ in runs]) for name, runs in trained.items()}

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
for row, (name, values) in enumerate(errors.items()):
    tint = plots.color("right") if "Dense" in name else "0.45"
    ax.plot(values, np.full(len(values), row), "o", color=tint, alpha=0.6, markersize=8)
    ax.errorbar(values.mean(), row + 0.25, xerr=values.std(ddof=1), fmt="D", color=tint, capsize=5)
    ax.annotate(f"{values.mean():.1f} ± {values.std(ddof=1):.1f}", (values.mean(), row + 0.25), (0, -16), textcoords="offset points", ha="center")
ax.set_yticks(range(len(errors)), list(errors))
ax.set(xlabel="test error, % (four seeds; diamond: mean and standard deviation)", ylim=(len(errors) - 0.3, -0.5),
       title="With few parameters and few samples the dense net does better")
plt.show()

# %% [markdown]
# **Takeaway.** Of two nets of one size the dense one makes fewer mistakes here.
# The wider ResNet, of equal cost, closes part of the gap, and the seeds overlap.
# So the advantage is *per parameter*, as the paper says; per multiply-add it is much smaller.
# Do not read more into it than the direction: when we tried the same with half the parameters ($k = 4$, six seeds), the gap was within the spread.

# %% [markdown]
# ### Which maps are read? The paper's heat map, in small
#
# For every reader, take the mean absolute weight on the maps of each source (the paper's Fig. 5).
# After so few steps the random start still dominates, so we look at what training has *changed*: $|w - w_0|$, relative to the reader's mean.
# 1 is a source that gets as much of the learning as the others.

# %%
BLOCKS = {"block 1": (1, 2, 12), "block 2": (3, -1, 18)}  # its place, that of the reader behind it, its input channels


def readers(net, place, behind):
    """The weights (made, read) of each reader of a block: its layers, then the transition or the classifier."""
    after = net[behind].weight if isinstance(net[behind], nn.Linear) else one_by_ones(net[behind])[0]
    return [weight.detach().flatten(1) for weight in (*one_by_ones(net[place]), after)]


def reuse(net, start, place, behind, c_in):
    """(sources, readers): the change of the weights that connect them, relative to the reader's mean change."""
    table = np.full((5, 5), np.nan)
    for reader, (weight, old) in enumerate(zip(readers(net, place, behind), readers(start, place, behind), strict=True)):
        change = (weight - old).abs().mean(dim=0)
        for source, maps in enumerate(change.split([c_in] + [6] * reader)):
            table[source, reader] = maps.mean() / change.mean()
    return table


maps = {name: np.mean([reuse(net, start, *where) for net, start in trained["DenseNet, k = 6"]], axis=0) for name, where in BLOCKS.items()}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, (name, table), last in zip(axes, maps.items(), ("trans-\nition", "classi-\nfier"), strict=True):
    ax.imshow(np.ma.masked_invalid(table), cmap="RdBu_r", vmin=0.4, vmax=1.6)
    ax.grid(False)
    for (source, reader), value in np.ndenumerate(table):
        if np.isfinite(value):
            ax.text(reader, source, f"{value:.2f}", ha="center", va="center", fontsize=9.5)
    ax.set_xticks(range(5), ["1", "2", "3", "4", last])
    ax.set_yticks(range(5), ["input", "1", "2", "3", "4"])
    ax.set(xlabel="reader (layer)", ylabel="source (layer)", title=name)
fig.suptitle("Every reader learns from all sources, old ones too (change of weights, mean of four nets)", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** No source is ignored: a block's last layer still learns from the block's input.
# Newer maps get somewhat more, most clearly from the readers behind a block.
# The paper saw the same in trained weights: the classifier concentrates on maps that were made late.

# %% [markdown]
# ### Are the old maps needed?
#
# Weights can be there and not matter. So cut them, without retraining, and count errors.
# In every layer that has at least two layers before it, set to zero the weights on the block's input, on the layers in between, or on the layer before.

# %%
def cut(net, which):
    twin = copy.deepcopy(net)
    with torch.no_grad():
        for place, _, c_in in BLOCKS.values():
            for reader, weight in enumerate(one_by_ones(twin[place])):
                if reader >= 2:
                    parts = weight.split([c_in, 6 * (reader - 1), 6], dim=1)
                    parts[["the block's input", "layers in between", "the layer before"].index(which)].zero_()
    return twin


nets = [net for net, _ in trained["DenseNet, k = 6"]]
cuts = {"nothing": np.array([test_error(net) for net in nets])}
cuts |= {which: np.array([test_error(cut(net, which)) for net in nets]) for which in ("the block's input", "layers in between", "the layer before")}
for which in ("nothing", "the block's input", "layers in between"):
    print(f"cut {which:18} mean test error above 10 %: {bool(cuts[which].mean() > 10)}")

# %% tags=["nbval-ignore-output"]
plots.bars({name: values.mean() for name, values in cuts.items()}, "test error, %", "Cutting old connections hurts as much as cutting the newest",
           errors={name: values.std(ddof=1) for name, values in cuts.items()}, number="   {:.0f}")
plt.show()

# %% [markdown]
# **Takeaway.** A layer lives on maps of all ages. That is *feature reuse*, measured.

# %% [markdown]
# ## Folklore on trial
#
# ### "DenseNet widens each block, so it has more parameters"
#
# For each DenseNet take the ResNet with the nearest error under one protocol, torchvision's one centre crop, and compare.

# %%
def one_crop(name):
    return next(error.top1 for error in models.PUBLISHED[name].errors if error.protocol == "one centre crop, torchvision's V1 weights")


RESNETS = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
pairs = {}
for depth in (121, 169, 201, 161):
    ours = f"densenet{depth}"
    nearest = min(RESNETS, key=lambda name: abs(one_crop(name) - one_crop(ours)))
    pairs[ours] = nearest
    a, b = models.PUBLISHED[ours], models.PUBLISHED[nearest]
    print(f"{a.title:13} {one_crop(ours):5.2f} %  {a.parameters / 1e6:5.1f} M     {b.title:15} {one_crop(nearest):5.2f} %  {b.parameters / 1e6:5.1f} M")

# %%
narrowest_resnet = min(p.shape[0] for p in models.build("resnet50", device="meta").parameters() if p.dim() == 4)
ruling = trial(
    "DenseNet widens each block, so it has more parameters",
    {
        "the 3×3 of DenseNet-121 make more maps than the narrowest convolution of ResNet-50": DENSE[121][1] > narrowest_resnet,
        **{f"{models.PUBLISHED[a].title} has more parameters than {models.PUBLISHED[b].title}":
           models.count_parameters(densenets[int(a[-3:])]) > models.PUBLISHED[b].parameters for a, b in pairs.items()},
    },
)  # fmt: skip
assert ruling == "does not hold"
ruling

# %% [markdown]
# What grows is the stream, by concatenation, and that costs no weights by itself.
# Say instead: *layers are narrow because old features need not be learnt again; that is why the parameters drop.*

# %% [markdown]
# ### "Concatenation is just a sum with other weights"
#
# There is something in it: a linear layer on a concatenation is a sum of linear layers, one for each part.
# $[A\;B]\,[x; y] = Ax + By$. Is that all?

# %%
torch.manual_seed(0)
a, b = torch.randn(2, 2, 5, 6, 6, dtype=torch.float64)
w = torch.randn(4, 10, 3, 3, dtype=torch.float64)
wa, wb = w.split(5, dim=1)


def read(x, weight):
    """BN-ReLU-conv, as a dense layer reads."""
    return F.conv2d(F.relu(F.batch_norm(x, None, None, training=True)), weight, padding=1)


linear = torch.allclose(F.conv2d(torch.cat([a, b], 1), w), F.conv2d(a, wa) + F.conv2d(b, wb))
nonlinear = torch.allclose(read(torch.cat([a, b], 1), w), read(a, wa) + read(b, wb))
after_sum = torch.allclose(read(torch.cat([a, b], 1), torch.cat([wa, wa], 1)), read(a + b, wa))
print("conv on [a, b] = conv on a + conv on b:                        ", linear)
print("BN-ReLU-conv on [a, b] = BN-ReLU-conv on a + BN-ReLU-conv on b:", nonlinear)
print("with equal weights, BN-ReLU-conv on [a, b] = that on a + b:    ", after_sum)

# %% [markdown]
# Now turn it round. ResNet has $a + b$ in its stream. Can any reader of it still tell $a$ from $b$?
# The map $(a, b) \mapsto a + b$ halves the dimension; the map $(a, b) \mapsto [a, b]$ does not.

# %%
eye = np.eye(5)
rank_sum, rank_cat = (int(np.linalg.matrix_rank(m)) for m in (np.hstack([eye, eye]), np.eye(10)))
print(f"of 10 dimensions the sum keeps {rank_sum}, the concatenation {rank_cat}")

ruling = trial(
    "concatenation is just a sum with other weights",
    {
        "a convolution on [a, b] is a sum of convolutions of a and of b": linear,
        "BN-ReLU-conv on [a, b] is a sum of BN-ReLU-conv of a and of b": nonlinear,
        "BN-ReLU-conv on [a, b] with equal weights is BN-ReLU-conv of the sum a + b": after_sum,
        "the sum a + b keeps what [a, b] keeps (rank)": rank_sum == rank_cat,
    },
    only_if="each part has a reader of its own and the sum comes after the reading",
)
assert ruling == "holds only if each part has a reader of its own and the sum comes after the reading"
ruling

# %% [markdown]
# ResNet sums *before* the next layer reads; DenseNet lets every layer read first, part by part, and sums then.
# That is the whole difference, and it is worth a clear sentence in an interview.

# %% [markdown]
# ### "DenseNet is more expressive than ResNet"
#
# Expressive means: can represent functions that the other cannot. So try to write your dense block as a residual net.
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
        read = 8 + 4 * i  # the weights on the channels behind are zero
        stream = stream + F.pad(layer(stream[:, :read]), (0, 0, 0, 0, read, 16 - 4 * i))

same_function = torch.allclose(stream, concatenated)
print("a residual stream of full width gives the dense block's output:", same_function)

# %% [markdown]
# Concatenation is addition into empty channels.
# So every dense block *is* a residual net: one with a wide stream, narrow branches and many weights tied to zero.
# It cannot express more. What it can do is express it with fewer weights.

# %%
best = {family: min(one_crop(name) for name in names) for family, names in {"DenseNet": pairs, "ResNet": RESNETS}.items()}
print(f"the lowest error of the table, one crop: DenseNet {best['DenseNet']:.1f} %, ResNet {best['ResNet']:.1f} %")

ruling = trial(
    "DenseNet is more expressive than ResNet",
    {
        "a dense block computes what no residual stream can": not same_function,
        "the best DenseNet of the table beats its best ResNet, one protocol": best["DenseNet"] < best["ResNet"],
        "of 20 to 22 M parameters: DenseNet-201 beats ResNet-34, one protocol": one_crop("densenet201") < one_crop("resnet34"),
        "17 thousand parameters on digits: fewer errors in the mean of four seeds":
            errors["DenseNet, k = 6"].mean() < errors["ResNet, equal parameters"].mean(),
    },
    only_if="it means accuracy per parameter",
)  # fmt: skip
assert ruling == "holds only if it means accuracy per parameter"
ruling

# %% [markdown]
# The question as it is usually asked has a false premise. Correct it kindly, then answer the question behind it.

# %% [markdown]
# ### "Few parameters mean little memory"
#
# DenseNet-121 against ResNet-50, in float32, one image.

# %%
small, large = "DenseNet-121", "ResNet-50"
budgets = {
    "the file of weights": {name: 4 * parameters[name] for name in (small, large)},
    "Adam's two moments": {name: 8 * parameters[name] for name in (small, large)},
    "maps kept for the backward pass of one image": {name: activations[name] for name in (small, large)},
}
for budget, bytes_of in budgets.items():
    print(f"{budget:46} {small} {bytes_of[small] / 2**20:5.0f} MiB, {large} {bytes_of[large] / 2**20:5.0f} MiB")

ruling = trial(
    "few parameters mean little memory",
    {f"{budget}: less for the network with fewer parameters": bytes_of[small] < bytes_of[large] for budget, bytes_of in budgets.items()},
    only_if="the memory is that of the weights, not that of the maps",
)
assert ruling == "holds only if the memory is that of the weights, not that of the maps"
ruling

# %% [markdown]
# The maps grow with the batch, the weights do not. At a batch of 32 the maps are nearly everything.

# %% [markdown]
# ## Answer in 30 seconds
#
# "ResNet adds a layer's output to the stream, DenseNet concatenates it.
# So each layer reads all earlier maps and only has to make a few new ones, the growth rate, 32.
# Features are reused instead of learnt again, and that saves parameters: DenseNet-121 has 8 million, ResNet-50 more than 25.
# It is not more expressive: a wide residual net can do the same. The paper's claim is efficiency per parameter.
# The price is memory: stored naively, the concatenated maps grow with the square of the depth."

# %% [markdown]
# ## Answer in 2 minutes
#
# - The change: $x_l = H_l([x_0, \dots, x_{l-1}])$ in place of $x_l = x_{l-1} + H_l(x_{l-1})$. $L(L+1)/2$ connections in place of $L$.
# - Growth rate: layer $i$ reads $c_0 + ik$ channels and makes $k$. Narrow layers, wide stream.
# - Sum against concatenation: on a concatenation each reader has weights of its own for each source, with its own BN and ReLU before them.
#   A sum is made before anyone has read.
# - B: a 1×1 to $4k$ before the 3×3; it pays from $7.2k$ input channels on. C: a transition halves the channels, and the map by average pooling.
# - Order: BN-ReLU-conv, for a map has many readers, and each scales it for itself.
# - Gradients: each layer has a direct path to the end of its block, and through every later layer; as healthy as in ResNet.
# - Parameters: DenseNet-121 has 8.0 M, and a higher error than ResNet-50, by 1.7 points; DenseNet-201 has 20 M and a lower one.
# - Memory: 121 keeps half as much again as ResNet-50 for the backward pass. Checkpointing makes it linear in depth, for a third more arithmetic.
# - Not claimed: more expressive. Concatenation is addition into empty channels, so a wide ResNet contains it; and the largest ResNets have lower errors.
# - When to take it: few parameters wanted, small data, features of all scales wanted; not when memory or latency is short.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why is the growth rate so small?</summary>
#
# A layer reads everything made before, the block's common knowledge, so it needs to add only what is new.
# In ResNet every layer must be as wide as the whole stream, for it writes to all of it.
# Already $k = 12$ works on CIFAR in the paper.
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
# Other ways: gradient accumulation with a smaller batch, half precision, a smaller θ.
#
# </details>
#
# <details><summary>And at inference?</summary>
#
# Nothing is kept for a backward pass, so the quadratic term is gone; a block needs its own maps, $c_0 + Lk$.
# What remains are many small operations and much copying: DenseNet-121 saves less time against ResNet-50 than its multiply-adds promise (question 29).
#
# </details>
#
# <details><summary>Can batch norm be folded into the convolutions?</summary>
#
# The second BN of a layer follows its 1×1 directly: yes.
# The first stands behind a concatenation: no. There is no convolution right in front of it that were its own, for each reader has another BN.
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
# No compression: the stream keeps every channel, and DenseNet-121 would have three quarters more parameters (13.9 M, measured above).
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
# U-Net concatenates encoder maps to the decoder's, and many detectors join maps of several scales by concatenation.
# Networks such as VoVNet and CSPNet kept the reuse and cut the cost:
# they concatenate only once, at the end of a block, or send only half of the channels through it.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "DenseNet has more parameters, because it is denser."
# - "It is more expressive", with no word on parameters.
# - "Every layer is connected with every other of the network." Only within a block.
# - A DenseLayer that returns its input too, or a sum where a concatenation belongs.
# - conv-BN-ReLU: then all readers share one scale.
# - "1×1 always saves parameters." Below $7.2k$ channels it costs some.
# - No word on memory.

# %% [markdown]
# ## References
#
# - G. Huang, Z. Liu, L. van der Maaten, K. Weinberger. *Densely Connected Convolutional Networks.* CVPR 2017.
#   §3: eq. 1 and 2, growth rate, bottleneck, compression; Table 1: the networks; Table 3: ImageNet; §5: feature reuse.
# - G. Pleiss et al. *Memory-Efficient Implementation of DenseNets.* 2017: shared storage and recomputation.
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016: pre-activation.
# - T. Chen et al. *Training Deep Nets with Sublinear Memory Cost.* 2016: checkpointing.
