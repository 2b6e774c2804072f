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
# - **One idea for each net, and the year.** LeNet-5 (1998): convolution and pooling, trained end to end. AlexNet (2012): ReLU, dropout, two GPUs, a large data set. VGG (2014): nothing but small kernels, and depth.
# - **The arithmetic.** Three 3×3 see 7×7 with $27C^2$ weights where one 7×7 has $49C^2$.
# - **Where things sit.** Parameters in the dense layers, multiply-adds in the convolutions.
# - **Which variant.** LeNet-5 with 60,000 or 61,706 parameters; AlexNet with two towers or one; 224 or 227.
# - **What did not last.** Local response normalisation, overlapping pooling, huge dense layers.

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
# - **ReLU** in the place of tanh.
# - **Dropout** ($p = 0.5$) in the first two dense layers, which hold most parameters.
# - **Two GPUs.** Half of the maps on each; convolutions 2, 4 and 5 read only the maps on their own card. Today we would call that two groups.
# - **Local response normalisation** after the first two convolutions: a map is divided by the energy of its neighbour maps.
# - **Overlapping pooling**: windows of 3×3 with stride 2.
# - **Augmentation**: random crops, mirror images, shifts of colour.
#
# You write the single-tower variant of 2014: other widths, no groups, no response normalisation.

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
# A $k\times k$ kernel sees $k$ pixels across. Each further layer of stride 1 adds $k-1$:
#
# $$ r_n = 1 + n\,(k-1) \qquad\Rightarrow\qquad \text{two } 3\times3 \text{ see } 5,\quad \text{three } 3\times3 \text{ see } 7 $$
#
# With $C$ channels in and out, and without biases, $n$ layers have $n\,k^2C^2$ weights:
#
# $$ \text{three } 3\times3:\; 3\cdot9\,C^2 = 27\,C^2 \qquad\qquad \text{one } 7\times7:\; 49\,C^2 $$
#
# So 45 % fewer weights for the same view, and with stride 1 and padding the same share of the multiply-adds.
# And three nonlinearities where there was one.
# Is that all good? You will put it on trial.

# %% [markdown]
# ### 224 or 227?
#
# The first convolution of AlexNet is 11×11 with stride 4. Its output has
#
# $$ \left\lfloor \frac{n + 2p - 11}{4} \right\rfloor + 1 $$
#
# pixels across. The paper says $n = 224$ and 55×55 maps.
# Without padding 224 gives $213/4 = 53.25$, so 54; 227 gives exactly $216/4 + 1 = 55$; 224 with $p = 2$ gives $\lfloor 54.25\rfloor + 1 = 55$.
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

from utils import check, data, hint, models, plots, trial

plots.style()


# %%
class LeNet5(nn.Module):
    """(N, 1, 32, 32) -> logits (N, num_classes)."""

    def __init__(self, num_classes=10):
        # BEGIN SOLUTION
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.fc1(x.flatten(1)))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)
        # END SOLUTION


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
    """(N, 3, H, W), H and W at least 224 -> logits (N, num_classes)."""

    def __init__(self, num_classes=1000):
        # BEGIN SOLUTION
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.AdaptiveAvgPool2d(6),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        return self.head(self.features(x).flatten(1))
        # END SOLUTION


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
    """config "11", "13", "16" or "19" -> nn.Module, (N, 3, H, W) -> logits (N, num_classes), H and W at least 224."""
    # BEGIN SOLUTION
    lengths = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}
    if config not in lengths:
        raise ValueError(f"unknown configuration {config!r}, choose one of {', '.join(lengths)}")
    layers, c_in = [], 3
    for number, c_out in zip(lengths[config], (64, 128, 256, 512, 512), strict=True):
        for _ in range(number):
            layers.append(nn.Conv2d(c_in, c_out, 3, padding=1))
            layers += [nn.BatchNorm2d(c_out), nn.ReLU()] if batch_norm else [nn.ReLU()]
            c_in = c_out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(7), nn.Flatten(),
        nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, num_classes),
    )  # fmt: skip
    # END SOLUTION


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
    """Three ints -> int: the weights of a stack of square convolutions."""
    # BEGIN SOLUTION
    return num_layers * kernel**2 * channels**2
    # END SOLUTION


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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(LeNet5)

# %% tags=["solution"]
common_mistakes(AlexNet)

# %% tags=["solution"]
common_mistakes(vgg)

# %% tags=["solution"]
common_mistakes(stacked_conv_parameters)

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
    published = models.PUBLISHED[name]
    count, macs = models.count_parameters(net), models.model_macs(net, published.input_shape)
    print(f"{published.title:18} {count:12,} {macs:15,}")
    assert (count, macs) == (published.parameters, published.macs)

# %% [markdown]
# And the errors that were published with them, in percent:

# %%
for name in ("lenet5-original", "alexnet-original", "vgg16", "vgg19"):
    published = models.PUBLISHED[name]
    first = published.errors[0]
    top5 = "" if first.top5 is None else f", top-5 {first.top5}"
    print(f"{published.title:20} {published.year}   top-1 {first.top1}{top5}   ({first.protocol})")

# %% [markdown]
# Thanks to adaptive pooling larger images give an answer of the same shape:

# %%
for size in (224, 256, 320):
    images = torch.empty(2, 3, size, size, device="meta")
    print(size, *(tuple(nets[name].eval()(images).shape) for name in ("alexnet", "vgg16")))

# %% [markdown]
# ### One style of drawing for all three
#
# Only what changes a shape or has parameters gets a box. Watch two columns: the maps shrink, the parameters grow.
# Where would you look first to make the net smaller?


# %%
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


# %% tags=["nbval-ignore-output"]
drawn("lenet5", depth=1)

# %% tags=["nbval-ignore-output"]
drawn("alexnet", depth=2)

# %% tags=["nbval-ignore-output"]
drawn("vgg16", depth=3)

# %% [markdown]
# **Takeaway.** One plan, three sizes. In each net the largest number in the last column belongs to the first linear layer, where the map becomes a vector.

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

# %% tags=["nbval-ignore-output"]
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
# **Takeaway.** Memory is in the dense layers, time in the convolutions.
# Later nets replaced the dense layers by global average pooling and lost most of their parameters at once.

# %% [markdown]
# ### Your LeNet reads digits
#
# 1797 digits, enlarged to 32×32. Six epochs of SGD with momentum.

# %%
x_train, y_train, x_test, y_test = (torch.tensor(part) for part in data.digits_32())
x_train, x_test = x_train.float(), x_test.float()

torch.manual_seed(0)
lenet = LeNet5()
optimiser = torch.optim.SGD(lenet.parameters(), lr=0.05, momentum=0.9)
losses, test_errors = [], []
for _ in range(6):
    for batch in torch.randperm(len(x_train)).split(32):
        loss = F.cross_entropy(lenet(x_train[batch]), y_train[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        test_errors.append((lenet(x_test).argmax(dim=1) != y_test).float().mean().item())

print("test error below 10 % after six epochs:", test_errors[-1] < 0.10)

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
axes[0].plot(losses, color=plots.color("train"), linewidth=1)
axes[0].set(xlabel="step", ylabel="training loss", title="Loss of each mini-batch")
axes[1].plot(range(1, 7), [100 * error for error in test_errors], "o--", color=plots.color("test"))
axes[1].set(xlabel="epoch", ylabel="test error in percent", ylim=(0, None), title="Test error")
fig.suptitle("A net of 1998 learns the digits in six epochs", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** 61,706 parameters and six epochs are enough for small digits.

# %% [markdown]
# What do the six kernels of the first convolution look for? Here is one digit and what they make of it.
# We take the first parameter with a 5×5 kernel on one channel, whatever you called it.

# %%
first = next(p for p in lenet.parameters() if tuple(p.shape) == (6, 1, 5, 5))
with torch.no_grad():
    maps = torch.tanh(F.conv2d(x_test[:1], first))[0]

# %% tags=["nbval-ignore-output"]
plots.images([x_test[0, 0], *maps], "Six views of one digit: edges and strokes",
             titles=["input", *(f"map {k}" for k in range(1, 7))], columns=7)
plt.show()

# %% [markdown]
# **Takeaway.** Some maps answer to edges on one side of a stroke, some to the stroke itself. Nobody designed these kernels.

# %% [markdown]
# ### The LeNet-5 that was published
#
# It differs from yours in four places: pooling with a trainable coefficient and bias for each map, a scaled tanh,
# an output of distances to fixed codes, and the second convolution, C3, in which a map reads *some* of the six maps before it.

# %% tags=["nbval-ignore-output"]
from utils.models.lenet import C3_INPUTS

table = np.array([[seen in inputs for inputs in C3_INPUTS] for seen in range(6)], dtype=float)
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.imshow(table, cmap="Blues", vmin=0, vmax=1.4)
ax.set(xticks=range(16), yticks=range(6), xlabel="map of C3", ylabel="map of S2", title="Six maps of C3 read 3 maps, nine read 4, one reads all 6")
ax.set_xticks(np.arange(-0.5, 16), minor=True)
ax.set_yticks(np.arange(-0.5, 6), minor=True)
ax.grid(False)
ax.grid(which="minor", color="white", linewidth=2)
ax.tick_params(which="minor", length=0)
plt.show()

# %% [markdown]
# **Takeaway.** 60 of 96 pairs are connected. The paper's reasons: fewer connections, and maps that get different inputs are forced to become different.

# %% [markdown]
# Now count. A *connection* is a weight used at one position; a bias counts as one.

# %%
pairs = sum(map(len, C3_INPUTS))
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
assert sum(connections.values()) == 340_908

# %% [markdown]
# These are the paper's 60,000 and 340,908.
# Weight sharing is the difference between the columns: C1 has 122,304 connections and 156 parameters.

# %% [markdown]
# ### The AlexNet that was published: two towers
#
# Convolutions 2, 4 and 5 read only the maps on their own card. As a group count: `groups=2`.
# What does that save?

# %%
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

# %% [markdown]
# **Takeaway.** Grouping halves those three convolutions. That is 2 % of all parameters but more than a third of the multiply-adds, and it let a net that was too large for one card run on two.

# %% [markdown]
# ### 224 or 227: try it
#
# Put both sizes through the first convolution, with and without padding.

# %%
def first_map(size, padding):
    """The width of the map that the first convolution makes of an image `size` pixels wide."""
    image = torch.empty(1, 3, size, size, device="meta")
    return nn.Conv2d(3, 64, 11, stride=4, padding=padding, device="meta")(image).shape[-1]


widths = {(size, padding): first_map(size, padding) for size in (224, 227) for padding in (0, 2)}
for (size, padding), width in widths.items():
    left_over = (size + 2 * padding - 11) % 4
    print(f"{size} pixels, padding {padding}: {width} wide, {left_over} pixels at the border not used")

# %% [markdown]
# ### Local response normalisation
#
# Each map is divided by the energy of its $n$ neighbours at the same pixel:
#
# $$ b_c = a_c \Big/ \Big(k + \alpha \sum_{j \,\approx\, c} a_j^2\Big)^{\beta}, \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = 0.75 $$
#
# Mind torch: it takes the *mean* over the window where the paper takes the sum, so its `alpha` must be $n$ times as large.

# %%
a = torch.full((1, 15, 1, 1), 20.0, dtype=torch.float64)
a[0, 7] = 200.0  # one loud map among quiet ones
paper = torch.stack([a[0, c, 0, 0] / (2 + 1e-4 * a[0, max(0, c - 2) : c + 3].square().sum()) ** 0.75 for c in range(15)])
normed = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(a).flatten()
copied = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)(a).flatten()
print("equals the paper's formula with alpha = 5e-4:", torch.allclose(normed, paper))
print("equals the paper's formula with alpha = 1e-4:", torch.allclose(copied, paper))

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.bar(np.arange(15), normed / normed[3], color=[plots.color("wrong") if c == 7 else plots.color("adam") for c in range(15)])
ax.axhline(1, color="0.4", linestyle="--", linewidth=1)
ax.text(14.6, 1.08, "a quiet map far from the loud one", ha="right", fontsize=9)
ax.set(xlabel="map", ylabel="output, relative to a quiet map", title="A loud map turns its two neighbours on each side down", xticks=range(15))
plt.show()

# %% [markdown]
# **Takeaway.** Competition between neighbouring maps, whose order means nothing.
# The loud map came in at ten times the others and keeps less than that. VGG found no gain from it and left it out; batch norm made it history.

# %% [markdown]
# ### Overlapping pooling
#
# AlexNet's windows are 3×3 with stride 2. Compare with 2×2, stride 2: what changes?

# %%
a = torch.empty(1, 1, 55, 55, device="meta")
print("map after 3×3, stride 2:", F.max_pool2d(a, 3, 2).shape[-1], "  after 2×2, stride 2:", F.max_pool2d(a, 2, 2).shape[-1])

ones = torch.ones(1, 1, 55, 55, requires_grad=True)
F.avg_pool2d(ones, 3, 2).sum().backward()
windows = (9 * ones.grad).round().int()
print("a pixel inside lies in", sorted(set(windows[0, 0, 1:-1, 1:-1].flatten().tolist())), "windows of 3×3")

# %% [markdown]
# **Takeaway.** The map has the same size. But windows share their borders, so a pixel lies in one, two or four of them.
# The paper reports a gain of a few tenths of a percent. VGG went back to 2×2.

# %% [markdown]
# ### Dropout in training and in evaluation
#
# One linear unit on 256 features of ones, dropout before it. 2000 passes in training mode, one in evaluation mode.

# %%
torch.manual_seed(0)
unit = nn.Sequential(nn.Dropout(0.5), nn.Linear(256, 1))
with torch.no_grad():
    training = unit.train()(torch.ones(2000, 256)).flatten()
    evaluation = unit.eval()(torch.ones(1, 256)).item()
standard_error = training.std().item() / 2000**0.5
print("evaluation lies within four standard errors of the training mean:", abs(training.mean().item() - evaluation) < 4 * standard_error)

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.hist(training.numpy(), bins=40, color=plots.color("train"), alpha=0.8, label="training mode: another half is dropped each time")
ax.axvline(evaluation, color=plots.color("test"), linewidth=2.5, label="evaluation mode: one value")
ax.set(xlabel="output of the unit", ylabel="passes", title="Evaluation gives the mean of what training gives")
ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
plt.show()

# %% [markdown]
# **Takeaway.** torch multiplies what it keeps by 2 while training, so that nothing has to be done later. The paper of 2012 multiplied by ½ at test time instead.
# In evaluation mode nothing may be dropped: that is what `model.eval()` is for.

# %% [markdown]
# ### What three 3×3 see
#
# Let all weights be one and leave the ReLUs out. Then the gradient of one output pixel says through how many paths it sees each input pixel.

# %%
def influence(kernel, num_layers):
    """(9, 9): the number of paths from each input pixel to the middle of the last map."""
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    out = x
    for _ in range(num_layers):
        out = F.conv2d(out, torch.ones(1, 1, kernel, kernel), padding=kernel // 2)
    out[0, 0, 4, 4].backward()
    return x.grad[0, 0].numpy()


stack, single = influence(3, 3), influence(7, 1)
print("seen across: three 3×3", int((stack[4] > 0).sum()), "pixels, one 7×7", int((single[4] > 0).sum()))
print("paths to the middle row, three 3×3:", stack[4].astype(int).tolist())

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for ax, paths, title in zip(axes, (stack, single), ("three 3×3", "one 7×7"), strict=True):
    plots.heatmap(paths, title, "pixel", "pixel", ax=ax)
fig.suptitle("Paths to the output: the same 7×7, but the stack looks at its middle", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The receptive field is the same square. The weight in it is not: 49 paths lead from the middle and one from a corner.

# %% [markdown]
# ### What they cost
#
# Your function, at $C = 256$:

# %%
C = 256
three, seven = stacked_conv_parameters(3, 3, C), stacked_conv_parameters(7, 1, C)
two, five = stacked_conv_parameters(3, 2, C), stacked_conv_parameters(5, 1, C)
print(f"three 3×3: {three:9,} weights   one 7×7: {seven:9,}   ratio {three}/{seven} = 27/49 = {three / seven:.3f}")
print(f"two 3×3:   {two:9,} weights   one 5×5: {five:9,}   ratio 18/25 = {two / five:.3f}")

stacked = nn.Sequential(*(nn.Conv2d(C, C, 3, padding=1, device="meta") for _ in range(3)))
alone = nn.Sequential(nn.Conv2d(C, C, 7, padding=3, device="meta"))
kept = [sum(math.prod(row.shape) for row in models.describe(net, (C, 28, 28))) for net in (stacked, alone)]
print(f"outputs on 28×28, kept for the backward pass: {kept[0]:,} against {kept[1]:,}")

# %% [markdown]
# **Takeaway.** Weights and multiply-adds fall to 55 %. Activation memory and the number of sequential steps rise to three times.

# %% [markdown]
# ### A stack without ReLUs
#
# What if the three 3×3 had nothing between them? Compute the one kernel that they amount to.

# %%
torch.manual_seed(0)
kernels = [torch.randn(4, 4, 3, 3, dtype=torch.float64) for _ in range(3)]
x = torch.randn(1, 4, 20, 20, dtype=torch.float64)
impulses = torch.zeros(4, 4, 13, 13, dtype=torch.float64)  # one impulse in each input channel
impulses[range(4), range(4), 6, 6] = 1


def through(x, act):
    for kernel in kernels[:-1]:
        x = act(F.conv2d(x, kernel))
    return F.conv2d(x, kernels[-1])


merged = through(impulses, lambda x: x).transpose(0, 1).flip(2, 3)
without, with_relu = through(x, lambda x: x), through(x, F.relu)
print("the merged kernel:", tuple(merged.shape))
print("without ReLU the stack is that one convolution:", torch.allclose(F.conv2d(x, merged), without))
print("with ReLU it is:                               ", torch.allclose(F.conv2d(x, merged), with_relu))

# %% [markdown]
# **Takeaway.** Without ReLUs the stack is one 7×7 convolution, and by its 27 weights for 49 a restricted one.
# What it can do more, it owes to the nonlinearity.

# %% [markdown]
# ### Does the stack learn better?
#
# A small net on digits of 16×16: a stem, then one 7×7 or three 3×3 (8 channels, a ReLU after each), a pooling, a classifier.
# Two epochs, one learning rate for both, four seeds each. What do you expect?

# %%
digits, labels, test_digits, test_labels = (torch.tensor(part) for part in data.digits(flat=False))
digits, test_digits = digits.float(), test_digits.float()
big, test_big = (part.repeat_interleave(2, 2).repeat_interleave(2, 3) for part in (digits, test_digits))


def digit_error(kernel, num_layers, seed, steps=84):
    """Test error in percent of the small net with `num_layers` convolutions of that kernel in the middle."""
    torch.manual_seed(seed)
    middle = [part for _ in range(num_layers) for part in (nn.Conv2d(8, 8, kernel, padding=kernel // 2), nn.ReLU())]
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), *middle, nn.MaxPool2d(4), nn.Flatten(), nn.Linear(128, 10))
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    for step in range(steps):
        if step % 42 == 0:
            batches = torch.randperm(len(big)).split(32)
        batch = batches[step % 42]
        loss = F.cross_entropy(net(big[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return 100 * (net(test_big).argmax(dim=1) != test_labels).float().mean().item()


stack_errors = np.array([digit_error(3, 3, seed) for seed in range(4)])
single_errors = np.array([digit_error(7, 1, seed) for seed in range(4)])

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
for row, (errors, tint) in enumerate([(stack_errors, "adam"), (single_errors, "momentum")]):
    ax.plot(errors, np.full(len(errors), row), "o", color=plots.color(tint), markersize=9, alpha=0.8)
    ax.plot(np.median(errors), row, "|", color="black", markersize=26, markeredgewidth=2)
ax.set(yticks=[0, 1], yticklabels=["three 3×3", "one 7×7"], ylim=(1.6, -0.6), xlim=(0, None), xlabel="test error in percent, one dot for each seed (bar: median)",
       title="On small digits the stack does not beat the large kernel")
plt.show()

# %% [markdown]
# **Takeaway.** The stack has fewer weights and is deeper. After two epochs of this easy task it is not better: depth is also harder to train.
# Its case rests on large pictures, where $C$ is large and depth pays.

# %% [markdown]
# ### The control experiment in the VGG paper
#
# Configuration C is 16 with the third kernel of the last three stages 1×1 in the place of 3×3. So C has the depth of D but not its view.
# B is the same without these layers. Top-1 errors from the paper, one scale, dense evaluation:

# %%
def dense_error(name):
    """The paper's top-1 error under its simplest protocol."""
    return next(error.top1 for error in models.PUBLISHED[name].errors if error.protocol == "one scale, dense")


paper_errors = {letter: dense_error(name) for letter, name in {
    "A": "vgg11", "B": "vgg13", "C": "vgg16-c", "D": "vgg16", "E": "vgg19"}.items()}
for letter, error in paper_errors.items():
    print(letter, f"{error:.1f} %")
print("more nonlinearity alone (B to C) helps:", paper_errors["C"] < paper_errors["B"])
print("a wider view on top (C to D) helps more:", paper_errors["C"] - paper_errors["D"] > paper_errors["B"] - paper_errors["C"])

# %% [markdown]
# **Takeaway.** Both halves of the argument, nonlinearity and spatial context, show up, and context counts more.

# %% [markdown]
# ### ReLU, tanh, sigmoid: who learns first?
#
# Figure 1 of the AlexNet paper: a net of four layers on CIFAR-10 reaches 25 % training error much earlier with ReLU than with tanh, each with a learning rate of its own.
# Here is that experiment in small: two convolutions and two linear layers on digits, steps until the training error of the last five mini-batches is 25 %.
# Each activation gets the best of three learning rates, three seeds each.

# %%
def four_layers(act):
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), act(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), act(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 64), act(), nn.Linear(64, 10))  # fmt: skip


def twelve_layers(act):
    parts = [part for _ in range(11) for part in (nn.Linear(64, 64), act())]
    return nn.Sequential(nn.Flatten(), *parts, nn.Linear(64, 10))


def initialise(net, own):
    """torch's default, or what each activation asks for: He for ReLU, Xavier with gain 5/3 for tanh."""
    for part in net.modules() if own else ():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            relu = any(isinstance(act, nn.ReLU) for act in net)
            nn.init.kaiming_normal_(part.weight) if relu else nn.init.xavier_normal_(part.weight, gain=5 / 3)
            nn.init.zeros_(part.bias)


def steps_needed(make, act, own, lr, seed, limit):
    """Mini-batches of 64 until the mean training error of the last five is 25 %, at most `limit`."""
    torch.manual_seed(seed)
    net, errors = make(act), []
    initialise(net, own)
    optimiser = torch.optim.SGD(net.parameters(), lr=lr)
    while len(errors) < limit and not (len(errors) >= 5 and np.mean(errors[-5:]) <= 0.25):
        if len(errors) % 21 == 0:
            batches = torch.randperm(len(digits)).split(64)
        batch = batches[len(errors) % 21]
        scores = net(digits[batch])
        errors.append((scores.argmax(dim=1) != labels[batch]).float().mean().item())
        optimiser.zero_grad()
        F.cross_entropy(scores, labels[batch]).backward()
        optimiser.step()
    return len(errors)


# %%
def best_steps(make, act, own, rates, limit=120):
    """Steps of three seeds under the learning rate with the lowest median."""
    return min(([steps_needed(make, act, own, lr, seed, limit) for seed in range(3)] for lr in rates), key=np.median)


acts = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
race = {
    "four layers, torch's initialisation": {name: best_steps(four_layers, act, False, (0.2, 0.4, 0.8)) for name, act in acts.items()},
    "four layers, each its own initialisation": {name: best_steps(four_layers, act, True, (0.1, 0.2, 0.4)) for name, act in acts.items()},
    "twelve layers, each its own initialisation": {name: best_steps(twelve_layers, act, True, (0.01, 0.03, 0.1)) for name, act in acts.items()},
}
sigmoid = best_steps(four_layers, nn.Sigmoid, False, (0.8, 3.2))

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
for row, runs in enumerate(race.values()):
    for shift, (name, tint) in zip((-0.15, 0.15), {"ReLU": "nesterov", "tanh": "adam"}.items(), strict=True):
        ax.barh(row + shift, np.median(runs[name]), height=0.28, color=plots.color(tint), alpha=0.8, label=name if row == 0 else None)
        ax.plot(runs[name], np.full(3, row + shift), "k.", markersize=7)
ax.set(yticks=range(3), yticklabels=[name.replace(", ", ",\n") for name in race], ylim=(2.5, -0.5), xlabel="steps to 25 % training error (bar: median, dots: seeds)",
       title="On digits tanh is the first to get there")
ax.grid(False, axis="y")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Takeaway.** With the same learning rates to choose from, tanh wins each time here. The claim is not a law; it was measured on another task.

# %% [markdown]
# ## Folklore on trial
#
# ### "Three 3×3 are better than one 7×7: they see the same with fewer parameters"
#
# Better in what? Weights and work, memory for the backward pass, and accuracy on our digits.
# A lower error must be lower by more than the spread over seeds.

# %%
spread = max(stack_errors.std(), single_errors.std())
only_if = "better means fewer weights and multiply-adds"
ruling = trial(
    "three 3×3 are better than one 7×7: they see the same with fewer parameters",
    {
        "the same receptive field": bool(((stack > 0) == (single > 0)).all()),
        "fewer weights, and as many multiply-adds fewer": three < seven,
        "fewer outputs to keep for the backward pass": kept[0] < kept[1],
        "lower test error after two epochs of digits, beyond the spread of the seeds": bool(stack_errors.mean() < single_errors.mean() - spread),
    },
    only_if=only_if,
)
assert ruling == f"holds only if {only_if}"
ruling

# %% [markdown]
# What the paper claims for accuracy rests on ImageNet, and on the ReLUs and the depth that the saving makes room for: B, C and D above.
# Say instead: *the same receptive field for 55 % of the weights, with two more nonlinearities; whether that lowers the error depends on the task.*

# %% [markdown]
# ### "VGG is deep, that is why it has so many parameters"
#
# Then its convolutions should hold most of them, the deepest should be much larger than the shallowest, and deeper nets larger still.

# %%
size = {name: models.PUBLISHED[name].parameters for name in ("vgg11", "vgg16", "vgg19", "resnet152")}
print(f"from 11 to 19 layers: {size['vgg19'] / size['vgg11'] - 1:.0%} more parameters; dense layers of VGG-16: {shares['vgg16'][0]:.0%}")

ruling = trial(
    "VGG is deep, that is why it has so many parameters",
    {
        "most of VGG-16's parameters sit in its convolutions": shares["vgg16"][0] < 0.5,
        "eight layers more (11 to 19) make at least 25 % more parameters": size["vgg19"] > 1.25 * size["vgg11"],
        "a net of 152 layers has more than VGG-16": size["resnet152"] > size["vgg16"],
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# One matrix, from 25,088 features to 4096 units, has 102.8 million of the 138.4 million.

# %% [markdown]
# ### "Most parameters sit in the dense layers, so most of the time is spent there"

# %%
ruling = trial(
    "the dense layers hold most parameters, so they need most multiply-adds",
    {models.PUBLISHED[name].title: parameters > 0.5 and macs > 0.5 for name, (parameters, macs) in shares.items()},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# ### "AlexNet takes images of 224×224"
#
# It must give the 55×55 maps of the paper.

# %%
ruling = trial(
    "AlexNet takes images of 224×224, to maps of 55×55",
    {f"padding {padding}": widths[224, padding] == 55 for padding in (0, 2)},
    only_if="its first convolution is padded by 2; without padding it takes 227",
)
assert ruling == "holds only if its first convolution is padded by 2; without padding it takes 227"
assert widths[227, 0] == 55
ruling

# %% [markdown]
# ### "LeNet-5 has 61,706 parameters"

# %%
variants = {name: models.count_parameters(models.build(name, device="meta")) for name in ("lenet5", "lenet5-original")}
variants["yours"] = models.count_parameters(nets["lenet5"])
print(variants)

ruling = trial(
    "LeNet-5 has 61,706 parameters",
    {
        "the variant that everybody writes, all maps connected": variants["lenet5"] == variants["yours"] == 61_706,
        "the net of the 1998 paper": variants["lenet5-original"] == 61_706,
    },
    only_if="you mean the modern variant; the published one has 60,000",
)
assert ruling == "holds only if you mean the modern variant; the published one has 60,000"
ruling

# %% [markdown]
# ### "ReLU trains faster than tanh"

# %%
ruling = trial(
    "ReLU trains faster than tanh (steps to 25 % training error on small digits, each at its best rate)",
    {setting: bool(np.median(runs["ReLU"]) < np.median(runs["tanh"])) for setting, runs in race.items()},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# It does not hold *here*: small nets, easy digits, sensible initialisation. AlexNet's own figure shows the opposite on CIFAR-10.
# What is safe to say: ReLU does not saturate for positive inputs, is cheap, and beats the *sigmoid* clearly:

# %%
fastest = race["four layers, torch's initialisation"]
ruling = trial(
    "ReLU reaches 25 % training error in fewer steps than the sigmoid",
    {"four layers on digits: the median of ReLU against the best sigmoid seed": bool(np.median(fastest["ReLU"]) < min(sigmoid))},
)
assert ruling == "holds"
ruling

# %% [markdown]
# ### "A deeper VGG is a better VGG"
#
# Better by at least half a point of top-1 error; for the last step under the paper's second protocol too.

# %%
jitter = {letter: next(error.top1 for error in models.PUBLISHED[name].errors if "jitter" in error.protocol)
          for letter, name in {"D": "vgg16", "E": "vgg19"}.items()}
gains = {f"{a} to {b}": paper_errors[a] - paper_errors[b] for a, b in (("A", "B"), ("B", "D"), ("D", "E"))}
gains["D to E, trained with scale jitter"] = jitter["D"] - jitter["E"]
print({step: round(gain, 1) for step, gain in gains.items()})

ruling = trial(
    "a deeper VGG has a lower top-1 error, by half a point or more",
    {step: gain >= 0.5 for step, gain in gains.items()},
    only_if="it has no more than 16 layers",
)
assert ruling == "holds only if it has no more than 16 layers"
ruling

# %% [markdown]
# At 19 layers plain depth stopped paying. The next step needed shortcuts: question 25.

# %% [markdown]
# ## Answer in 30 seconds
#
# "LeNet-5, 1998: convolution and pooling, twice, then dense layers, trained end to end; sixty thousand parameters.
# AlexNet, 2012: the same plan at sixty million on ImageNet, made trainable by ReLU, dropout, augmentation and two GPUs.
# VGG, 2014: only 3×3 kernels and more layers. Three 3×3 see what a 7×7 sees, with 27 C² weights for 49, and two more ReLUs.
# Of VGG-16's 138 million parameters 124 million are in the dense layers; the convolutions do 99 percent of the arithmetic."

# %% [markdown]
# ## Answer in 2 minutes
#
# - **LeNet-5, 1998.** 32×32 input. Conv 5×5, pool, conv 5×5, pool, then 120, 84, 10. Tanh, average pooling. Local fields, shared weights, subsampling. The original has trainable pooling, a partly connected C3 and an RBF output: 60,000 parameters. What people write today has 61,706.
# - **AlexNet, 2012.** Five convolutions, three dense layers, 60 million parameters. ReLU for tanh. Dropout of one half at the first two dense layers. Heavy augmentation. Two GPUs, which means two groups in convolutions 2, 4 and 5. Also response normalisation and overlapping pooling, both given up soon. First kernel 11×11 with stride 4: 55×55 maps come from 227, or from 224 with padding 2. Top-5 error 18.2 for one net.
# - **VGG, 2014.** One rule: 3×3, padding 1, ReLU; 2×2 pooling; double the width. Depth 11 to 19.
# - **Why 3×3.** $n$ layers see $1 + 2n$ pixels. Three see 7, for $27C^2$ instead of $49C^2$, with three ReLUs. Price: three maps to store. Configuration C, with 1×1 for some 3×3, lies between 13 and 16 layers: both nonlinearity and context help.
# - **Where things sit.** VGG-16: 138 million parameters, nine tenths in the dense layers, one matrix alone 103 million. 15.5 billion multiply-adds, 99 percent in convolutions. So GoogLeNet and ResNet dropped the dense layers for global average pooling.
# - **Limits.** From 16 to 19 layers hardly anything was gained. Batch norm and shortcuts took it from there.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why did C3 of LeNet-5 read only some of the maps?</summary>
#
# To keep the number of connections in bounds, and to break symmetry: maps with different inputs have to learn different features.
# Today random initialisation breaks the symmetry, and grouped convolutions are the regular form of the same saving.
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
# The net did not fit into the memory of one card. Maps were split, and convolutions 2, 4 and 5 did not talk across. What is left is `groups=`: ResNeXt made an architecture of it, MobileNet drove it to one map for each group.
#
# </details>
#
# <details><summary>Why was local response normalisation given up?</summary>
#
# VGG's configuration A was trained with and without it: no gain, more memory and time. It has no learnt parameters and depends on the order of maps, which means nothing. Batch norm does far more.
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
# For no good reason: batch norm takes the mean away, β puts one back. The published weights have them, so the counts do. VGG-16 would lose 4,224 parameters.
#
# </details>
#
# <details><summary>What does a 1×1 convolution do in VGG-C?</summary>
#
# It mixes the channels at each pixel, linearly, and adds a ReLU: more nonlinearity, no wider view. C beats B and loses to D, so both matter.
#
# </details>
#
# <details><summary>Dropout: before or after the dense layer?</summary>
#
# In torchvision's AlexNet it stands before the first two dense layers, in its VGG after them. Either way two of them, none on the logits. It costs about twice the iterations, by AlexNet's own account.
#
# </details>
#
# <details><summary>How would you cut VGG-16's parameters by 90 %, and what does it cost?</summary>
#
# Replace 7×7×512 → 4096 → 4096 → 1000 by global average pooling and one linear layer, 512 → 1000: 14.7 + 0.5 million parameters. Multiply-adds hardly change, because they are in the convolutions.
#
# </details>
#
# <details><summary>Is AlexNet's 11×11 kernel a good idea?</summary>
#
# With stride 4 it throws resolution away at once. ZFNet (2013) took 7×7 with stride 2 and did better; VGG went to 3×3 with stride 1, and pays for it: its first stages are the most expensive per weight.
#
# </details>

# %% [markdown]
# Two of these figures, checked:

# %%
with torch.device("meta"):
    slim = nn.Linear(512, 1000)
conv_part = models.count_parameters(nets["vgg16"]) * (1 - shares["vgg16"][0])
print(f"VGG-16 with global pooling: {(conv_part + models.count_parameters(slim)) / 1e6:.1f} M parameters")
print("biases of VGG-16's convolutions:", sum(p.numel() for p in models.build("vgg16", device="meta").features.parameters() if p.dim() == 1))

# %% [markdown]
# ## Red flags
#
# - "VGG has so many parameters because it is deep."
# - "Three 3×3 and one 7×7 are the same thing, only cheaper."
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
# - K. Simonyan, A. Zisserman. *Very deep convolutional networks for large-scale image recognition.* ICLR 2015. §2.3: why 3×3; Tables 1–3.
