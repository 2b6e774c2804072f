# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 23 · LeNet, AlexNet, VGG: what did each add?
#
# *LeNet、AlexNet、VGG 各自的特点?*

# %% [markdown]
# ## Question
#
# "Take me through LeNet, AlexNet and VGG. What did each add to the one before?
# Why does VGG use only 3×3? Where do its 138 million parameters sit?
# Now write all three in PyTorch."
#
# "请依次介绍 LeNet、AlexNet 和 VGG:每一个比前一个多了什么?VGG 为什么只用 3×3 卷积?它的 1.38 亿参数主要在哪里?请用 PyTorch 写出这三个网络。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **One idea for each net, and the year.** LeNet-5 (1998): convolution and pooling, trained end to end. AlexNet (2012): ReLU, dropout, two GPUs, a large data set; 15.3 % top-5 error where the next best had 26.2 %. VGG (2014): nothing but small kernels, and depth.
# - **The arithmetic.** Three 3×3 see 7×7 with $27C^2$ weights where one 7×7 has $49C^2$.
# - **Where things sit.** Parameters in the dense layers, multiply-adds in the convolutions.
# - **Which variant.** LeNet-5 with 60,000 or 61,706 parameters; AlexNet with two towers or one; 224 or 227.
# - **What did not last.** Local response normalisation, overlapping pooling, huge dense (fully connected) layers.

# %% [markdown]
# ## The idea
#
# ### LeNet-5, 1998
#
# Convolution, nonlinearity, pooling; again; then dense layers. Everything is learnt by gradient descent from pixels.
# The pattern is still in use.
#
# The layers of the *modern* variant, on a 32×32 image:
#
# | layer | output | parameters |
# |---|---|---|
# | conv 5×5, tanh | 6×28×28 | $6\,(25+1) = 156$ |
# | average pool 2×2 | 6×14×14 | 0 |
# | conv 5×5, tanh | 16×10×10 | $16\,(6\cdot25+1) = 2416$ |
# | average pool 2×2 | 16×5×5 | 0 |
# | linear, tanh | 120 | $120\,(400+1) = 48120$ |
# | linear, tanh | 84 | $84\,(120+1) = 10164$ |
# | linear | 10 | $10\,(84+1) = 850$ |
#
# The sum is 61,706. The paper's net is not quite this one; more on that below.

# %% [markdown]
# ### AlexNet, 2012
#
# The same pattern, a thousand times larger, on a million photographs. What was new in a net of that size:
#
# - **ReLU** instead of tanh.
# - **Dropout** ($p = 0.5$) in the first two dense layers, which hold most parameters.
# - **Two GPUs.** Half of the maps on each; convolutions 2, 4 and 5 read only the maps on their own card. Today we would call that two groups.
# - **Local response normalisation** after the first two convolutions: a map is divided by the energy of itself and its neighbour maps.
# - **Overlapping pooling**: windows of 3×3 with stride 2.
# - **Augmentation**: random crops, mirror images, shifts of colour.
#
# You write the single-tower variant as torchvision has it (after Krizhevsky 2014): other widths, no groups, no response normalisation.

# %% [markdown]
# ### VGG, 2014
#
# One rule: every kernel is 3×3 with padding 1, every pooling 2×2 with stride 2, and the width doubles when the map halves (up to 512).
# What is left to choose is the depth: 11, 13, 16 or 19 layers with weights.
#
# | stage | maps | size | 11 (A) | 13 (B) | 16 (D) | 19 (E) |
# |---|---|---|---|---|---|---|
# | 1 | 64 | 224 | 1 | 2 | 2 | 2 |
# | 2 | 128 | 112 | 1 | 2 | 2 | 2 |
# | 3 | 256 | 56 | 2 | 2 | 3 | 4 |
# | 4 | 512 | 28 | 2 | 2 | 3 | 4 |
# | 5 | 512 | 14 | 2 | 2 | 3 | 4 |
#
# A max pooling ends each stage. Then 7×7×512 goes into dense layers of 4096, 4096 and 1000 units.

# %% [markdown]
# ### Why 3×3?
#
# A $k\times k$ kernel sees $k$ pixels across. Each further layer of stride 1 adds $k-1$, so $n$ layers see $1 + n(k-1)$: two 3×3 see 5 pixels, three see 7.
# With $C$ channels in and out, and without biases, $n$ layers have $n\,k^2C^2$ weights:
#
# $$ \text{three } 3\times3:\; 3\cdot9\,C^2 = 27\,C^2 \qquad\qquad \text{one } 7\times7:\; 49\,C^2 $$
#
# So 45 % fewer weights for the same view and, with stride 1 and padding, 45 % fewer multiply-adds.
# And three nonlinearities where there was one.
# The price: three maps to keep for the backward pass instead of one.
#
# Kernels have odd sizes because they then have a centre pixel: padding $(k-1)/2$ on each side keeps the size, and the map does not drift by half a pixel. 3×3 is the smallest that knows left from right and up from down.

# %% [markdown]
# ### 224 or 227?
#
# The first convolution of AlexNet is 11×11 with stride 4; its output has $\lfloor (n + 2p - 11)/4\rfloor + 1$ pixels across.
# The paper says $n = 224$ and 55×55 maps.
# Without padding 224 gives 54; 227 gives exactly 55; 224 with $p = 2$ gives 55 too.
# That is why you meet two repairs: the original with 227, the single tower with 224 and padding 2.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: LeNet-5
#
# The modern variant, by the table above: tanh, average pooling, logits at the end.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, data, expect, hint, models, plots, published, settings, trial

plots.style()


# %%
class LeNet5(nn.Module):
    """(N, 1, 32, 32) -> logits (N, num_classes).

    The table above: tanh, average pooling, biases everywhere; no softmax at the end.
    """

    def __init__(self, num_classes=10):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(LeNet5)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: follow the sizes</summary>
#
# Without padding a 5×5 kernel takes 4 pixels away: 32 → 28. Pooling halves: 14. And once more.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what follows what</summary>
#
# Convolution, tanh, pooling. After the last linear layer comes nothing.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `nn.Conv2d(1, 6, 5)`, `nn.Conv2d(6, 16, 5)`, `nn.Linear(400, 120)`, `nn.Linear(120, 84)`, `nn.Linear(84, num_classes)`.
# In `forward`: `F.avg_pool2d(torch.tanh(conv(x)), 2)` twice, `x.flatten(1)`, tanh after the first two linear layers.
#
# </details>

# %% [markdown]
# ### Exercise 2: AlexNet, the single tower
#
# | layer | kernel, stride, padding | output for 224 |
# |---|---|---|
# | conv 64, ReLU, max pool | 11, 4, 2; pool 3, 2 | 64×27×27 |
# | conv 192, ReLU, max pool | 5, 1, 2; pool 3, 2 | 192×13×13 |
# | conv 384, ReLU | 3, 1, 1 | 384×13×13 |
# | conv 256, ReLU | 3, 1, 1 | 256×13×13 |
# | conv 256, ReLU, max pool | 3, 1, 1; pool 3, 2 | 256×6×6 |
# | adaptive average pool | to 6×6 | 256×6×6 |
# | linear 4096, ReLU; linear 4096, ReLU; linear | | num_classes |
#
# Dropout with $p = 0.5$ goes with the first two dense layers: before each of them, or after each of their ReLUs.
# Larger images must work too.

# %%
class AlexNet(nn.Module):
    """(N, 3, H, W), H and W at least 224 -> logits (N, num_classes).

    The table above; biases everywhere; dropout of 0.5 with the first two dense layers; no softmax at the end.
    """

    def __init__(self, num_classes=1000):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(AlexNet)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two parts</summary>
#
# Put the convolutions into one `nn.Sequential` and the dense layers into another, with `flatten(1)` between them.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what adaptive pooling hides</summary>
#
# `nn.AdaptiveAvgPool2d(6)` makes 6×6 of any map. So a forgotten padding or pooling raises no error: print the shapes before it, they should be those of the table.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Max pooling `nn.MaxPool2d(3, 2)` after convolutions 1, 2 and 5.
# The head: `nn.Dropout(0.5), nn.Linear(9216, 4096), nn.ReLU()`, once more with 4096 inputs, then `nn.Linear(4096, num_classes)`.
#
# </details>

# %% [markdown]
# ### Exercise 3: VGG
#
# A function this time: it returns a module.
# 3×3 with padding 1, then batch norm if asked for, then ReLU; 2×2 max pooling at the end of each stage; adaptive average pooling to 7×7;
# dense layers of 4096, 4096 and `num_classes` units, with ReLU and dropout ($p = 0.5$) as in AlexNet.
# All convolutions keep their bias, under batch norm too: the published counts contain it.
# Raise a `ValueError` for any other configuration.

# %%
def vgg(config, batch_norm=False, num_classes=1000):
    """config "11", "13", "16" or "19" -> nn.Module, (N, 3, H, W) -> logits (N, num_classes), H and W at least 224.

    All convolutions keep their bias, under batch norm too; no softmax. ValueError for any other config.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(vgg)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: a table and two loops</summary>
#
# Keep the numbers of convolutions per stage in a dictionary. The outer loop goes over the stages, the inner one over the convolutions of a stage.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the channels</summary>
#
# Collect layers in a list and remember how many channels the last one gave: `c_in = c_out` after each convolution. The first has `c_in = 3`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# For each stage: `number` times `nn.Conv2d(c_in, c_out, 3, padding=1)`, perhaps `nn.BatchNorm2d(c_out)`, `nn.ReLU()`; then `nn.MaxPool2d(2)`.
# Return `nn.Sequential(*layers, nn.AdaptiveAvgPool2d(7), nn.Flatten(), …)` with the dense layers.
#
# </details>

# %% [markdown]
# ### Exercise 4: the weights of a stack
#
# `num_layers` convolutions, each with `channels` maps in and out. Count the weights, no biases.

# %%
def stacked_conv_parameters(kernel, num_layers, channels):
    """Three ints -> int: the weights of a stack of square convolutions.

    As many channels in as out in each; no biases; no layers have no weights.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(stacked_conv_parameters)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one layer first</summary>
#
# Each of the output maps has one kernel for each of the input maps. How many weights has a kernel?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `kernel²` weights, times `channels²` kernels, times the number of layers.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Your nets, at full size
#
# On torch's `meta` device a tensor has a shape and no memory, so 144 million parameters cost nothing.
# Do your counts agree with the published ones?

# %%
with torch.device("meta"):
    nets = {"lenet5": LeNet5(), "alexnet": AlexNet()}
    for config in ("11", "13", "16", "19"):
        nets[f"vgg{config}"], nets[f"vgg{config}-bn"] = vgg(config), vgg(config, batch_norm=True)

print(f"{'':18} {'parameters':>12} {'multiply-adds':>15}")
for name, net in nets.items():
    row = models.PUBLISHED[name]
    count, macs = models.count_parameters(net), models.model_macs(net, row.input_shape)
    print(f"{row.title:18} {count:12,} {macs:15,}")
    expect((count, macs) == (row.parameters, row.macs))

# %% [markdown]
# **Takeaway.** All ten to the last parameter. And what did they do to the errors? The challenge, year by year:

# %%
models.PAPERS["ilsvrc"]


# %% [markdown]
# ### Where do the parameters sit, and where the work?
#
# A dense weight is used once for an image, a convolution's weight at every position.
# Guess first: which share of VGG-16's multiply-adds do its dense layers have?

# %%
def dense_shares(name):
    """The dense layers' share of the parameters, and of the multiply-adds."""
    net, shape = models.build(name, device="meta"), models.PUBLISHED[name].input_shape
    dense = [part for part in net.modules() if isinstance(part, nn.Linear)]
    parameters = sum(models.count_parameters(part) for part in dense)
    macs = sum(part.weight.numel() for part in dense)
    return parameters / models.count_parameters(net), macs / models.model_macs(net, shape)


shares = {name: dense_shares(name) for name in ("lenet5", "alexnet", "vgg11", "vgg16", "vgg19")}
print("share of the dense layers    parameters   multiply-adds")
for name, (parameters, macs) in shares.items():
    print(f"{models.PUBLISHED[name].title:28} {parameters:10.1%} {macs:15.1%}")

# %% tags=["hide-input"]
titles = [models.PUBLISHED[name].title for name in shares]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.2), sharey=True, layout="constrained")
for ax, column, title in zip(axes, zip(*shares.values(), strict=True), ("parameters", "multiply-adds"), strict=True):
    dense = 100 * np.array(column)
    ax.barh(titles, 100 - dense, color=plots.color("adam"), label="convolutions")
    ax.barh(titles, dense, left=100 - dense, color=plots.color("momentum"), label="dense layers")
    ax.set(xlabel="percent", title=title)
    ax.grid(False, axis="y")
axes[0].invert_yaxis()
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
fig.suptitle("Dense layers hold the parameters, convolutions do the work", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** *Parameter* memory is in the dense layers, arithmetic in the convolutions.
# In training it is the maps that fill the memory: VGG-16's layers with weights put out 13.6 million numbers for each image, most of them in the first two stages. So most activation memory is in the early convolutions, and most parameters are in the late dense layers.
# And time? On a single image a dense layer must fetch each weight for one multiplication, so it takes more than its share of the arithmetic (question 29).
# Later nets replaced the dense layers by global average pooling and lost most of their parameters at once.

# %% [markdown] tags=["deeper"]
# ### Deeper: one style of drawing for all three
#
# Only what changes a shape or has parameters gets a box. Watch two columns: the maps shrink, the parameters grow.

# %% tags=["deeper", "hide-input"]
def layers_of(name, depth):
    """Rows (kind and kernel, output shape, parameters) of a net of the zoo, activations and dropout left out."""
    net, shape = models.build(name, device="meta"), models.PUBLISHED[name].input_shape
    rows, last = [("input", shape, 0)], shape
    for part in models.describe(net, shape, depth):
        kernels = [p.shape[-1] for p in net.get_submodule(part.name).parameters() if p.dim() == 4]
        if part.parameters:
            rows.append((f"conv {kernels[0]}×{kernels[0]}" if kernels else "linear", *part[1:]))
        elif len(part.shape) == 3 and part.shape[1:] != last[1:]:
            rows.append(("pool", *part[1:]))
        last = part.shape
    return rows


def drawn(name, depth):
    rows = layers_of(name, depth)
    counts = [count for _, _, count in rows]
    share = next(count for kind, _, count in rows if kind == "linear") / sum(counts)
    plots.architecture(rows, f"{models.PUBLISHED[name].title}: {share:.0%} of the parameters in one layer")
    plt.show()


# %% tags=["deeper"]
drawn("lenet5", depth=1)

# %% tags=["deeper"]
drawn("alexnet", depth=2)

# %% tags=["deeper"]
drawn("vgg16", depth=3)

# %% [markdown] tags=["deeper"]
# **Takeaway.** One plan, three sizes. In each net the largest number in the last column belongs to the first linear layer, where the map becomes a vector.

# %% [markdown] tags=["deeper"]
# ### Deeper: your LeNet reads digits
#
# 1797 digits, enlarged to 32×32. Four epochs of SGD with momentum.

# %% tags=["deeper"]
x_train, y_train, x_test, y_test = (torch.tensor(part) for part in data.digits_32())
x_train, x_test = x_train.float(), x_test.float()

torch.manual_seed(0)
lenet = LeNet5()
optimiser = torch.optim.SGD(lenet.parameters(), lr=0.05, momentum=0.9)
losses, test_errors = [], []
for _ in range(4):
    for batch in torch.randperm(len(x_train)).split(32):
        loss = F.cross_entropy(lenet(x_train[batch]), y_train[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        test_errors.append((lenet(x_test).argmax(dim=1) != y_test).float().mean().item())

print("test error below 10 % after four epochs:", test_errors[-1] < 0.10)

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
axes[0].plot(losses, color=plots.color("train"), linewidth=1)
axes[0].set(xlabel="step", ylabel="training loss", title="Loss of each mini-batch")
axes[1].plot(range(1, 5), [100 * error for error in test_errors], "o--", color=plots.color("test"))
axes[1].set(xlabel="epoch", ylabel="test error in percent", ylim=(0, None), title="Test error")
fig.suptitle("A net of 1998 learns the digits in four epochs", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# What do the six kernels of the first convolution look for? Here is one digit and what they make of it.
# We take the first parameter with a 5×5 kernel on one channel, whatever you called it.

# %% tags=["deeper"]
first = next(p for p in lenet.parameters() if tuple(p.shape) == (6, 1, 5, 5))
with torch.no_grad():
    maps = torch.tanh(F.conv2d(x_test[:1], first))[0]

# %% tags=["deeper", "hide-input"]
plots.images([x_test[0, 0], *maps], "Six views of one digit: edges and strokes",
             titles=["input", *(f"map {k}" for k in range(1, 7))], columns=7)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Some maps answer to edges on one side of a stroke, some to the stroke itself. Nobody designed these kernels.

# %% [markdown] tags=["deeper"]
# ### Deeper: the LeNet-5 that was published
#
# It differs from yours in four places: pooling with a trainable coefficient and bias for each map, a scaled tanh,
# an output of distances to fixed codes, and the second convolution, C3, in which a map reads *some* of the six maps before it.

# %% tags=["deeper", "hide-input"]
table = np.array([[seen in inputs for inputs in models.C3_INPUTS] for seen in range(6)], dtype=float)
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.imshow(table, cmap="Blues", vmin=0, vmax=1.4)
ax.set(xticks=range(16), yticks=range(6), xlabel="map of C3", ylabel="map of S2", title="Six maps of C3 read 3 maps, nine read 4, one reads all 6")
ax.set_xticks(np.arange(-0.5, 16), minor=True)
ax.set_yticks(np.arange(-0.5, 6), minor=True)
ax.grid(False)
ax.grid(which="minor", color="white", linewidth=2)
ax.tick_params(which="minor", length=0)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** 60 of 96 pairs are connected. The paper's reasons: fewer connections, and maps that get different inputs are forced to become different.

# %% [markdown] tags=["deeper"]
# Now count. A *connection* is a weight used at one position; a bias counts as one.

# %% tags=["deeper"]
pairs = sum(map(len, models.C3_INPUTS))
published_net = models.build("lenet5-original", device="meta")
connections = {
    "c1": 28 * 28 * 6 * (25 + 1),
    "s2": 14 * 14 * 6 * (4 + 1),
    "c3": 10 * 10 * (pairs * 25 + 16),
    "s4": 5 * 5 * 16 * (4 + 1),
    "c5": 120 * (16 * 25 + 1),
    "f6": 84 * (120 + 1),
    "output": 10 * 84,  # distances to fixed codes
}
print(f"{'layer':8} {'parameters':>11} {'connections':>12}")
for part in models.describe(published_net, (1, 32, 32)):
    print(f"{part.name:8} {part.parameters:11,} {connections[part.name]:12,}")
print(f"{'sum':8} {models.count_parameters(published_net):11,} {sum(connections.values()):12,}")
expect(sum(connections.values()) == 340_908)

# %% [markdown] tags=["deeper"]
# These are the paper's 60,000 and 340,908.
# Weight sharing is the difference between the columns: C1 has 122,304 connections and 156 parameters.

# %% [markdown] tags=["deeper"]
# ### Deeper: the AlexNet that was published, two towers
#
# Convolutions 2, 4 and 5 read only the maps on their own card. As a group count: `groups=2`.
# What does that save?

# %% tags=["deeper"]
towers, one = (models.build(name, device="meta") for name in ("alexnet-original", "alexnet-ungrouped"))
print(f"{'':10} {'two groups':>12} {'no groups':>12}")
for grouped, dense in zip(*(models.describe(net, (3, 227, 227), 2) for net in (towers, one)), strict=True):
    if grouped.parameters:
        print(f"{'×'.join(map(str, grouped.shape)):10} {grouped.parameters:12,} {dense.parameters:12,}")
for name, quantity in {
    "sum": models.count_parameters,
    "mult-adds": lambda net: models.model_macs(net, (3, 227, 227)),
}.items():
    print(f"{name:10} {quantity(towers):12,} {quantity(one):12,}")

layers = [part for part in models.describe(towers, (3, 227, 227), 2) if part.parameters]
print(f"units in these layers: {sum(math.prod(part.shape) for part in layers):,}; the paper says 650,000 neurons")

# %% [markdown] tags=["deeper"]
# **Takeaway.** Grouping halves those three convolutions. That is 2 % of all parameters but more than a third of the multiply-adds, and it let a net that was too large for one card run on two.

# %% [markdown] tags=["deeper"]
# ### Deeper: local response normalisation
#
# Each map is divided by the energy of $n$ maps at the same pixel, its own and its neighbours':
#
# $$ b_c = a_c \Big/ \Big(k + \alpha \sum_{j \,\approx\, c} a_j^2\Big)^{\beta}, \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = 0.75 $$
#
# In VGG's table 3 it gains nothing: 29.7 % with it, 29.6 % without.
# Mind torch: it takes the *mean* over the window where the paper takes the sum, so its `alpha` must be $n$ times as large.

# %% tags=["deeper"]
a = torch.full((1, 15, 1, 1), 20.0, dtype=torch.float64)
a[0, 7] = 200.0  # one loud map among quiet ones
paper = torch.stack([a[0, c, 0, 0] / (2 + 1e-4 * a[0, max(0, c - 2) : c + 3].square().sum()) ** 0.75 for c in range(15)])
normed = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(a).flatten()
copied = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(a).flatten()
print("equals the paper's formula with alpha = 5e-4:", torch.allclose(normed, paper))
print("equals the paper's formula with alpha = 1e-4:", torch.allclose(copied, paper))

# %% [markdown] tags=["deeper"]
# ### Deeper: what three 3×3 cost
#
# Your function, at $C = 256$:

# %% tags=["deeper"]
C = 256
three, seven = stacked_conv_parameters(3, 3, C), stacked_conv_parameters(7, 1, C)
two, five = stacked_conv_parameters(3, 2, C), stacked_conv_parameters(5, 1, C)
print(f"three 3×3: {three:9,} weights   one 7×7: {seven:9,}   ratio {three}/{seven} = 27/49 = {three / seven:.3f}")
print(f"two 3×3:   {two:9,} weights   one 5×5: {five:9,}   ratio 18/25 = {two / five:.3f}")

stacked = nn.Sequential(*(nn.Conv2d(C, C, 3, padding=1, device="meta") for _ in range(3)))
alone = nn.Sequential(nn.Conv2d(C, C, 7, padding=3, device="meta"))
kept = [sum(math.prod(row.shape) for row in models.describe(net, (C, 28, 28))) for net in (stacked, alone)]
print(f"outputs on 28×28, kept for the backward pass: {kept[0]:,} against {kept[1]:,}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** Weights and multiply-adds fall to 55 %. Activation memory and the number of sequential steps rise to three times.

# %% [markdown]
# ## Folklore on trial
#
# ### "Three 3×3 are better than one 7×7: they see the same with fewer parameters"
#
# The VGG paper trained a control, though with 5×5 and not 7×7: its net B, against B with each pair of 3×3 replaced by one 5×5.

# %%
kernels = models.PAPERS["vgg-kernels"]
trial(
    "small kernels in a stack are better than one large kernel of the same view",
    published=[published(kernels.source, f"one 5×5 for each pair of 3×3 raises the top-1 error by {kernels['one 5×5']} points", holds=True)],
    expect="holds",
)

# %% [markdown]
# That is one comparison in one paper. Why it came out so, the paper can only suggest: more ReLUs between the layers, and a restriction that works like a regulariser (§2.3).
# Say the price of three 3×3 too: three maps to store, and three layers that must run one after the other.
# (With depthwise kernels the arithmetic changes, and 7×7 has come back: ConvNeXt, question 49.)

# %% [markdown]
# ### "VGG is deep, that is why it has so many parameters"
#
# Then its convolutions should hold most of them.

# %%
trial(
    "VGG has so many parameters because it is deep: its convolutions hold most of them",
    lambda network: dense_shares(network)[0] < 0.5,
    over=settings(network=["vgg11", "vgg13", "vgg16", "vgg19", "vgg11-bn", "vgg13-bn", "vgg16-bn", "vgg19-bn"]),
    control=dict(network="resnet152"),
    expect="does not hold",
)

# %% [markdown]
# One matrix, from 25,088 features to 4096 units, has 102.8 million of VGG-16's 138.4 million.
# ResNet-152 is more than nine times as deep and has 60 million.

# %% [markdown]
# ### "ReLU trains faster than tanh"

# %%
relu = models.PAPERS["alexnet-relu"]
trial(
    "ReLU trains faster than tanh",
    published=[published(relu.source, f"four convolutional layers on CIFAR-10: 25 % training error in 1/{relu['tanh']} of tanh's time, each at its best rate", holds=True)],
    expect="holds",
)

# %% [markdown]
# One network, one data set, no batch norm; on small easy tasks with good initial weights tanh can be as fast.
# What is safe to say: ReLU is cheap and does not saturate for positive inputs. For negative ones it is flat, and a unit that is negative for every image gets no gradient of its own; when it comes back is in question 43.

# %% [markdown]
# ### "VGG-19 is better than VGG-16"
#
# From 11 to 13 to 16 layers each step gains about a point or more, in the paper's table 3 and in torchvision's weights. And the last step?

# %%
depth = models.PAPERS["vgg-depth"]


def top1(name):
    return next(error.top1 for error in models.PUBLISHED[name].errors if "V1" in error.protocol)


pairs = {
    f"{depth.source}, one scale": (depth["D (16)"], depth["E (19)"]),
    f"{depth.source}, scale jitter": (depth["D, scale jitter"], depth["E, scale jitter"]),
    "torchvision's weights, one crop": (top1("vgg16"), top1("vgg19")),
    "torchvision's weights with batch norm, one crop": (top1("vgg16-bn"), top1("vgg19-bn")),
}
trial(
    "VGG-19 is better than VGG-16",
    published=[published(source, f"16 layers {d} %, 19 layers {e} %", holds=e < d) for source, (d, e) in pairs.items()],
    expect="not decided here",
)

# %% [markdown]
# The gains shrink, and the sign of the last one depends on the protocol.
# Greater depth did not need shortcuts at once: GoogLeNet had 22 layers without them, and in 2014 without batch norm too; with batch norm Inception v3 reached 42, by its paper's count. Shortcuts brought the next order of magnitude (question 25).

# %%
depth

# %% [markdown]
# B against C against D is a control experiment in the paper: C has 1×1 where D has 3×3.
# C beats B, from which the authors conclude that more nonlinearity helps; D beats C, so spatial context matters too (one run each, and D has 4.7 million weights more).

# %% [markdown]
# ## Answer in 30 seconds
#
# "In 2012 AlexNet cut ImageNet's top-5 error from 26 to 15 percent; VGG and GoogLeNet halved it again.
# The plan is LeNet's, 1998: convolution and pooling, then dense layers.
# AlexNet scales it a thousandfold, with ReLU, dropout and two GPUs.
# VGG uses only 3×3 kernels: three see what a 7×7 sees with 27 C² weights instead of 49.
# Of its 138 million parameters 124 million are dense.
# Shall I derive these counts?"
#
# ### 三十秒回答
#
# "2012 年 AlexNet 把 ImageNet top-5 错误率从 26% 降到 15%,VGG 和 GoogLeNet 再减半。
# 框架来自 1998 年的 LeNet:卷积、池化,再接全连接。
# AlexNet 放大一千倍,加上 ReLU、dropout 和双 GPU。
# VGG 只用 3×3:三层看到的等于一个 7×7,参数 27C² 对 49C²。
# 1.38 亿参数里 1.24 亿在全连接层。
# 要我推导吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - **LeNet-5, 1998.** 32×32 input. Conv 5×5, pool, conv 5×5, pool, then 120, 84, 10. Tanh, average pooling. Local fields, shared weights, subsampling. The original has trainable pooling, a partly connected C3 and an RBF output: 60,000 parameters. What people write today has 61,706.
# - **AlexNet, 2012.** Five convolutions, three dense layers, 60 million parameters. ReLU for tanh. Dropout of one half at the first two dense layers. Heavy augmentation. Two GPUs, which means two groups in convolutions 2, 4 and 5. Also response normalisation and overlapping pooling, both given up soon. First kernel 11×11 with stride 4: 55×55 maps come from 227, or from 224 with padding 2. First in ILSVRC 2012 with 15.3 % top-5, for an ensemble; the runner-up had 26.2 %.
# - **VGG, 2014.** One rule: 3×3, padding 1, ReLU; 2×2 pooling; double the width. Depth 11 to 19. Second in classification with 7.3 % (GoogLeNet 6.67), first in localisation.
# - **Why 3×3.** $n$ layers see $1 + 2n$ pixels. Three see 7, for $27C^2$ instead of $49C^2$, with three ReLUs. In the paper's control, one 5×5 for each pair of 3×3 is 7 points worse. Price: three maps to store.
# - **Where things sit.** VGG-16: 138 million parameters, nine tenths in the dense layers, one matrix alone 103 million. 15.5 billion multiply-adds, 99 percent in convolutions; activations mostly in the first stages. So GoogLeNet and ResNet dropped the dense layers for global average pooling.
# - **Limits.** From 16 to 19 layers little was gained. Batch norm, better initialisation and then shortcuts made deeper nets trainable.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why did C3 of LeNet-5 read only some of the maps?</summary>
#
# To keep the number of connections in bounds, and to break symmetry: maps with different inputs have to learn different features.
# Today random initial weights break the symmetry, and grouped convolutions are the regular form of the same saving.
#
# </details>
#
# <details><summary>Why has F6 of LeNet-5 84 units?</summary>
#
# The output compared F6 with a fixed code for each class, a picture of the character on 7×12 pixels, and 7·12 = 84. The distance to the nearest code was the answer.
#
# </details>
#
# <details><summary>Why two GPUs, and what is left of it?</summary>
#
# The net did not fit into the memory of one card. The maps were split, and convolutions 2, 4 and 5 did not read across the cards. What is left is `groups=`: ResNeXt made an architecture of it, MobileNet drove it to one map for each group.
#
# </details>
#
# <details><summary>Why was local response normalisation given up?</summary>
#
# VGG's configuration A was trained with and without it: no gain, more memory and time. It has no learnt parameters, and it depends on the order of the maps, although that order has no meaning.
#
# </details>
#
# <details><summary>How can VGG take an image of any size?</summary>
#
# Two ways. Adaptive pooling to 7×7, as in your exercise. Or write the dense layers as convolutions, 7×7 and twice 1×1, slide them over the larger map and average the scores: the paper's dense evaluation.
#
# </details>
#
# <details><summary>How was VGG trained without batch norm?</summary>
#
# Configuration A was trained from random weights first; the deeper nets began with its first four convolutions and its dense layers. The authors note later that Glorot's initialisation would have done.
#
# </details>
#
# <details><summary>Why does VGG with batch norm keep the convolutions' biases?</summary>
#
# They are superfluous: batch norm takes the mean away, and β puts one back (question 19). The published weights have them, so the counts do. VGG-16 would lose 4,224 parameters.
#
# </details>
#
# <details><summary>What does a 1×1 convolution do in VGG-C?</summary>
#
# It mixes the channels at each pixel, linearly, and adds a ReLU: more nonlinearity, no wider view (28.7 % for B, 28.1 for C, 27.0 for D).
#
# </details>
#
# <details><summary>Dropout: before or after the dense layer?</summary>
#
# In torchvision's AlexNet it stands before the first two dense layers, in its VGG after them. Either way two of them, none on the logits. It costs about twice the iterations, by AlexNet's own account.
#
# </details>
#
# <details><summary>How would you cut VGG-16's parameters by almost 90 %, and what does it cost?</summary>
#
# Replace 7×7×512 → 4096 → 4096 → 1000 by global average pooling and one linear layer, 512 → 1000: 14.7 + 0.5 million parameters. Multiply-adds hardly change, because they are in the convolutions. What it costs in accuracy must be measured after training again; we did not.
#
# </details>
#
# <details><summary>Is AlexNet's 11×11 kernel a good idea?</summary>
#
# With stride 4 it throws resolution away at once. ZFNet (2013) took 7×7 with stride 2 and did better; VGG went to 3×3 with stride 1, and pays for it: its first stages are the most expensive per weight.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "VGG has so many parameters because it is deep."
# - "Three 3×3 and one 7×7 are the same thing, only cheaper."
# - "The memory is in the dense layers", without saying that of the parameters. In training the early maps fill it.
# - "AlexNet invented convolution", or dropout, or ReLU. It made them work together, at scale.
# - "LeNet-5 has ReLU and max pooling."
# - 224 without padding and 55×55 in one breath.
# - Softmax in the module, and then cross-entropy on top.
# - `F.dropout(x)` without `training=self.training`.

# %% [markdown]
# ## References
#
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. *Gradient-based learning applied to document recognition.* Proc. IEEE 86(11), 1998. §II.B: LeNet-5, Table I: the connections of C3.
# - A. Krizhevsky, I. Sutskever, G. Hinton. *ImageNet classification with deep convolutional neural networks.* NIPS 2012. §3: the net; §4: augmentation and dropout; Fig. 1: ReLU and tanh.
# - A. Krizhevsky. *One weird trick for parallelizing convolutional neural networks.* 2014. The single tower.
# - K. Simonyan, A. Zisserman. *Very deep convolutional networks for large-scale image recognition.* ICLR 2015. §2.3: why 3×3; §4.1 and table 3: depth, and small kernels against large ones.
