# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 26 · What does the pre-activation version improve?
#
# *ResNet v2 做了哪些改进?*

# %% [markdown]
# ## Question
#
# "What did the second version of ResNet change, and why should it help?
# Write the pre-activated block and bottleneck in PyTorch.
# What is left of the argument where the shape changes?"
#
# "ResNet v2 相比 v1 做了哪些改进?为什么预激活更好?请用 PyTorch 写出预激活的 block 和 bottleneck。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The change in one sentence.** BN and ReLU move from behind the convolution to the front of it, so nothing follows the addition.
# - **The reason.** Only then is the shortcut an identity from the first block of a stage to the last, forwards and backwards.
# - **What the argument asks for.** Shortcut *and* what follows the sum must both be the identity. Gates, scales and dropout on the shortcut break it.
# - **The details.** The projection reads the pre-activated input and has no BN. The whole net ends in one more BN and ReLU.
# - **The size of the effect.** Small at usual depths, large at very great depth. No "always better".

# %% [markdown]
# ## The idea
#
# ### What version 1 leaves in the way
#
# Write a block in two steps: a shortcut $h$ and a branch $F$ are added, and something, $f$, follows the sum.
#
# $$ y_l = h(x_l) + F_l(x_l) \qquad\qquad x_{l+1} = f(y_l) $$
#
# In version 1, $h$ is the identity (mostly) and $f$ is a ReLU.
# Question 25 has derived what that costs: the term that should stand alone in the gradient is
#
# $$ \frac{\partial x_L}{\partial x_l} = D_{L-1}\cdots D_l + \dots $$
#
# with $D_k$ the zeros and ones of the ReLU. An entry that is cut off once is lost to this path.

# %% [markdown]
# ### Move the ReLU by changing one letter
#
# Follow $y$ instead of $x$. Put $x_{l+1} = f(y_l)$ into the next block:
#
# $$ y_{l+1} = f(y_l) + F_{l+1}\big(f(y_l)\big) $$
#
# $f$ stands in two places. It is needed in the second, for without it the branch would be linear.
# In the first it does nothing useful. Drop it there:
#
# $$ y_{l+1} = y_l + F_{l+1}\big(f(y_l)\big) $$
#
# and call $y$ again $x$. That is version 2: the activation has become a *pre*-activation, and it acts on the branch only.
# Now both $h$ and $f$ are the identity, and the sum and the gradient of question 25 hold exactly:
#
# $$
# x_L = x_l + \sum_{i=l}^{L-1} F_i\big(f(x_i)\big)
# \qquad\qquad
# \frac{\partial x_L}{\partial x_l} = I + \frac{\partial}{\partial x_l}\sum_{i=l}^{L-1} F_i\big(f(x_i)\big)
# $$

# %% [markdown]
# ### And where does batch norm go?
#
# If only the ReLU moves, the branch is ReLU–conv–BN–ReLU–conv–BN.
# Its first ReLU then sees the raw stream, which nobody has normalised.
# Moving both gives BN–ReLU–conv, twice: every convolution sees normalised, rectified values. That is *full* pre-activation.
#
# Batch norm must not stay behind the sum. It divides by the sum's standard deviation σ, so it multiplies the shortcut by γ/σ in every block.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, data, hint, models, plots, trial

plots.style()

# %% tags=["nbval-ignore-output"]
title = "Version 2: BN and ReLU stand before the convolutions, and nothing follows the sum"
plots.graph(*models.dataflow(models.PreActBlock(64, 64), (64, 56, 56)), title)
plt.show()

# %% tags=["nbval-ignore-output"]
title = "Where the shape changes, both paths begin behind the first BN and ReLU"
plots.graph(*models.dataflow(models.PreActBottleneck(256, 128, stride=2), (256, 56, 56)), title)
plt.show()

# %% [markdown]
# **Takeaway.** In the first picture one line runs from the input to the sum without touching anything. In the second there is none.

# %% [markdown]
# ### Why not a gate on the shortcut?
#
# A gate looks like an improvement: it can learn to be open, so it can do all that the identity can.
# Let block $k$ scale its shortcut by $g_k$, a number, or one entry of a learnt gate. From $x_{k+1} = g_k x_k + F_k$:
#
# $$
# \frac{\partial x_L}{\partial x_l} = \prod_{k=l}^{L-1} g_k \; I + \dots
# $$
#
# The product is all that the shortcuts pass on (eq. 6–8 of the paper). You write it below.
# For $g_k = \lambda$ it is $\lambda^{L-l}$, as in question 25.
# A convolution on the shortcut replaces the numbers by matrices, and dropout by random numbers that are 0 or $1/(1-p)$.

# %% [markdown]
# ### The two ends of the net
#
# - **The last block.** Its sum is followed by nothing, so the stream is neither normalised nor rectified. One BN and one ReLU are put in front of the pooling.
# - **The first block.** The convolution in front of it has no BN or ReLU of its own: the first block brings them.
# - **A projection.** It reads $\mathrm{relu}(\mathrm{BN}(x))$, which is normalised, so it needs no BN.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the pre-activated block
#
# BN, ReLU, 3×3 (with the stride), BN, ReLU, 3×3. Nothing after the sum.
# Where the shape stays, the shortcut is $x$ itself.
# Where it changes, it is a bare 1×1 convolution with the stride, and it reads relu(BN(x)), the same tensor as the first 3×3.
# No convolution has a bias. Leave `x` as it was.


# %%
class PreActBlock(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), rounded up."""

    def __init__(self, c_in, c_out, stride=1):
        # BEGIN SOLUTION
        super().__init__()
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.projection = None
        if stride != 1 or c_in != c_out:
            self.projection = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        a = F.relu(self.bn1(x))
        shortcut = x if self.projection is None else self.projection(a)
        h = self.conv1(a)
        h = self.conv2(F.relu(self.bn2(h)))
        return h + shortcut
        # END SOLUTION


# %%
check(PreActBlock)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: how wide is each batch norm?</summary>
#
# It stands before its convolution, so it has that convolution's *input* channels: `c_in` for the first, `c_out` for the second.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two names</summary>
#
# Keep `x`, and call the pre-activated input something else, say `a = relu(bn1(x))`.
# The branch reads `a`. The shortcut is `x` where the shape stays, and `projection(a)` where it changes.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `h = conv1(a)`, then `h = conv2(relu(bn2(h)))`, then return `h` plus the shortcut. No ReLU there.
# `conv1` and the projection take the stride; the 3×3 have `padding=1`; every convolution has `bias=False`.
#
# </details>

# %% [markdown]
# ### Exercise 2: the pre-activated bottleneck
#
# BN, ReLU, 1×1 to `c_mid`; BN, ReLU, 3×3 with the stride; BN, ReLU, 1×1 to `4 * c_mid`. The shortcut is as above.


# %%
class PreActBottleneck(nn.Module):
    """(N, c_in, H, W) -> (N, 4 * c_mid, H / stride, W / stride), rounded up."""

    def __init__(self, c_in, c_mid, stride=1):
        # BEGIN SOLUTION
        super().__init__()
        c_out = 4 * c_mid
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_mid)
        self.conv2 = nn.Conv2d(c_mid, c_mid, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(c_mid)
        self.conv3 = nn.Conv2d(c_mid, c_out, 1, bias=False)
        self.projection = None
        if stride != 1 or c_in != c_out:
            self.projection = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        a = F.relu(self.bn1(x))
        shortcut = x if self.projection is None else self.projection(a)
        h = self.conv1(a)
        h = self.conv2(F.relu(self.bn2(h)))
        h = self.conv3(F.relu(self.bn3(h)))
        return h + shortcut
        # END SOLUTION


# %%
check(PreActBottleneck)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the channels</summary>
#
# Convolutions: `c_in → c_mid → c_mid → 4·c_mid`. Batch norms in front of them: `c_in`, `c_mid`, `c_mid`.
# None is as wide as the output.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# As the block above, with three pairs of BN and convolution; kernels 1, 3, 1; `stride` and `padding=1` on the middle one.
# Compare `c_in` with `4 * c_mid` to decide about the projection.
#
# </details>

# %% [markdown]
# ### Exercise 3: what a chain of shortcuts passes on
#
# NumPy or plain Python. The shortcuts of a chain of blocks are scaled by `gates`.
# By which factor does a signal, or a gradient, arrive that uses the shortcuts only? For no gates at all it arrives as it was.


# %%
def identity_path_gain(gates):
    """gates: a list or array of L numbers -> the factor on the shortcut path, a float."""
    # BEGIN SOLUTION
    gain = 1.0
    for gate in gates:
        gain *= gate
    return gain
    # END SOLUTION


# %%
check(identity_path_gain)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two shortcuts</summary>
#
# The first makes $g_1 x$ of $x$. What does the second make of $g_1 x$?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# A product that starts at 1.0. `math.prod` and `np.prod` know that the product of nothing is 1.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(PreActBlock)

# %% tags=["solution"]
common_mistakes(PreActBottleneck)

# %% tags=["solution"]
common_mistakes(identity_path_gain)

# %% [markdown]
# ## Experiments
#
# From here on your own blocks and your own function are at work.
#
# ### Your blocks, assembled
#
# Will version 2 have more parameters than version 1, fewer, or as many? And multiply-adds?

# %%
DEPTHS = {
    18: (PreActBlock, [2, 2, 2, 2]),
    34: (PreActBlock, [3, 4, 6, 3]),
    50: (PreActBottleneck, [3, 4, 6, 3]),
    101: (PreActBottleneck, [3, 4, 23, 3]),
    152: (PreActBottleneck, [3, 8, 36, 3]),
    200: (PreActBottleneck, [3, 24, 36, 3]),
}
with torch.device("meta"):
    nets = {depth: models.PreActResNet(block=block, layers=layers) for depth, (block, layers) in DEPTHS.items()}

print(f"{'':14} {'parameters':>11} {'published':>11}   {'version 1':>11} {'difference':>10}  multiply-adds")
for depth, net in nets.items():
    count, row = models.count_parameters(net), models.PUBLISHED[f"preact-resnet{depth}"]
    macs = models.model_macs(net, row.input_shape)
    v1 = models.PUBLISHED[f"resnet{depth}"] if depth < 200 else None
    old = f"{v1.parameters:11,} {v1.parameters - count:10,}" if v1 else " " * 22
    print(f"ResNet-{depth:<3} v2  {count:11,} {row.parameters:11,}   {old}  {macs / 1e9:.2f} G")
    assert (count, macs) == (row.parameters, row.macs)
    assert v1 is None or macs == v1.macs

# %% [markdown]
# **Takeaway.** Same multiply-adds, and a handful of parameters fewer.
# Where do 7,680 parameters go? Guess before the next cell.

# %%
projections = [(256, 64), (512, 256), (1024, 512), (2048, 1024)]
print("batch norms of the four projections:", sum(2 * c_out for c_out, _ in projections))

# %% [markdown]
# They are γ and β of the projections' batch norms, and nothing else.
# All other batch norms have only moved by one place: that behind a block is now the one in front of the next,
# the stem's stands in the first block, and the last block's at the end of the net.

# %% [markdown]
# ### How much of the gradient arrives by the shortcuts?
#
# Two chains of 27 blocks, 16 channels: version 1 (the course's block of question 25) and yours. Untrained.
# Send a random gradient in at the end.
# To see the shortcuts alone, let the branches compute as ever but pass no gradient back: that is what `detach` does.

# %%
CHANNELS, BLOCKS = 16, 27


def he_init(net):
    """He et al.'s initialisation, for all convolutions."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return net


def chain_of(block, seed, count=BLOCKS):
    torch.manual_seed(seed)
    return he_init(nn.Sequential(*(block(CHANNELS, CHANNELS) for _ in range(count))))


def v1_by_shortcut(block, x):
    branch = block.residual(x.detach()).detach()
    return F.relu(branch + x)


def v2_by_shortcut(block, x):
    branch = (block(x.detach()) - x.detach()).detach()
    return branch + x


# %%
def arriving(blocks, step, seed):
    """The norm of the gradient that arrives in front of each block, in units of what was sent in; the last block's first."""
    torch.manual_seed(100 + seed)
    x = torch.rand(16, CHANNELS, 8, 8, requires_grad=True)
    visited = [x]
    for block in blocks:
        visited.append(step(block, visited[-1]))
    sent = torch.randn_like(visited[-1])
    gradients = torch.autograd.grad((visited[-1] * sent).sum(), visited)
    return [float(g.norm() / sent.norm()) for g in reversed(gradients)]


by_shortcut, in_all = {}, {}
for name, block, step in (("version 1", models.BasicBlock, v1_by_shortcut), ("version 2", PreActBlock, v2_by_shortcut)):
    chains = [chain_of(block, seed) for seed in range(3)]
    by_shortcut[name] = np.mean([arriving(blocks, step, seed) for seed, blocks in enumerate(chains)], axis=0)
    in_all[name] = np.mean([arriving(blocks, lambda block, x: block(x), seed) for seed, blocks in enumerate(chains)], axis=0)
for name, norms in by_shortcut.items():
    print(f"{name}: the shortcuts alone pass back {norms[-1]:.0%} of the gradient's norm through {BLOCKS} blocks")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, norms, title in zip(axes, (by_shortcut, in_all), ("by the shortcuts alone", "in all, branches included"), strict=True):
    for name, dash in (("version 1", "--"), ("version 2", "-")):
        ax.plot(norms[name], dash, color=plots.color("wrong" if name == "version 1" else "right"), label=name)
    ax.set(xlabel="blocks passed, from the output", title=title, ylim=(0, None))
axes[0].set_ylabel("gradient norm / norm sent in")
axes[0].legend(loc="lower left")
fig.suptitle("In version 2 the shortcuts bring back the gradient whole, at any depth", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Left: version 2's line is flat at 1, to the last digit. Version 1 loses with every ReLU.
# Right: neither net is short of gradient. In both the branches add to it, and it even grows on its way to the input.
# So the clean path is a fact, but "version 1 has no gradient left" would be wrong.

# %% [markdown]
# ### The five places for BN and ReLU
#
# The paper tries five arrangements of the same parts (its figure 4). The last one is your block.
# Here they are as layers before and after the sum, all with identity shortcuts, 16 channels.

# %%
class Arranged(nn.Module):
    """x + branch, then `after`; `order` names the layers of the branch."""

    def __init__(self, order, after=""):
        super().__init__()
        self.branch, self.after = self.layers(order), self.layers(after)

    def layers(self, order):
        made = {"conv": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False),
                "bn": lambda: nn.BatchNorm2d(CHANNELS), "relu": nn.ReLU}  # fmt: skip
        return nn.Sequential(*(made[name]() for name in order.split()))

    def forward(self, x):
        return self.after(x + self.branch(x))


ORDERS = {
    "version 1": lambda: Arranged("conv bn relu conv bn", after="relu"),
    "BN after addition": lambda: Arranged("conv bn relu conv", after="bn relu"),
    "ReLU before addition": lambda: Arranged("conv bn relu conv bn relu"),
    "ReLU-only pre-activation": lambda: Arranged("relu conv bn relu conv bn"),
    "full pre-activation": lambda: PreActBlock(CHANNELS, CHANNELS),
}

# %% [markdown]
# Before training: how large is the signal in the stream, block by block, and the gradient?
# In which arrangement must the signal grow fastest?

# %%
images, labels, test_images, test_labels = data.digits(flat=False)
images, test_images = (F.avg_pool2d(torch.tensor(x, dtype=torch.float32), 2) for x in (images, test_images))
labels, test_labels = torch.tensor(labels), torch.tensor(test_labels)


def small_net(make_block, blocks, seed, final_norm=True):
    """A stem, a chain of blocks at 16 channels, BN and ReLU at the end, a classifier; 4×4 pixels all the way."""
    torch.manual_seed(seed)
    stem = [nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS), nn.ReLU()]
    end = [nn.BatchNorm2d(CHANNELS), nn.ReLU()] if final_norm else []
    head = [*end, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 10)]
    return he_init(nn.Sequential(nn.Sequential(*stem), *(make_block() for _ in range(blocks)), nn.Sequential(*head)))


def through(net):
    """The signal's root mean square and the loss's gradient norm behind each block."""
    x, stream = images[:64], []
    for part in net:
        x = part(x)
        stream.append(x)
    gradients = torch.autograd.grad(F.cross_entropy(x, labels[:64]), stream[:-1])
    sizes = [x.detach().square().mean().sqrt().item() for x in stream[:-1]]
    return np.array(sizes), np.array([g.norm().item() for g in gradients])


streams = {name: np.mean([through(small_net(make, BLOCKS, seed)) for seed in range(3)], axis=0) for name, make in ORDERS.items()}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
for (name, (sizes, gradients)), tint, dash in zip(streams.items(), ("#000000", "#D55E00", "#E69F00", "#56B4E9", "#009E73"),
                                                  ("--", "-", "-", "-.", "-"), strict=True):
    axes[0].semilogy(sizes, dash, color=tint)
    axes[1].semilogy(gradients / gradients[-1], dash, color=tint, label=name)
axes[0].set(xlabel="block", ylabel="root mean square of the stream", title="signal")
axes[1].set(xlabel="block", ylabel="gradient norm / that at the last block", title="gradient of the loss")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
fig.suptitle("A ReLU at the end of the branch drives the signal away; BN on the sum steepens the gradient", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** With a ReLU at the end of the branch nothing is ever taken away from the stream: it grows in proportion to depth.
# With BN on the sum the signal stays put, but the gradient multiplies from block to block, the beginning of what a plain net does.
# The other three are alike: each block adds a branch of its own to the *variance*, so the root mean square grows like $\sqrt{\text{depth}}$.

# %% [markdown]
# ### BN on the sum is a gate
#
# How much does it scale the shortcut? By γ/σ, with σ the standard deviation of the sum. Measure σ in each block, γ is 1.
# Guess on which side of 1 the gates lie: two signals are added.

# %%
def bn_gates(net):
    """γ/σ of the batch norm behind each sum, the mean over the channels."""
    x, gates = net[0](images[:128]), []
    with torch.no_grad():
        for block in net[1:-1]:
            total = x + block.branch(x)
            gates.append(float((1 / total.std(dim=(0, 2, 3), correction=0)).mean()))
            x = block(x)
    return gates


gates = bn_gates(small_net(ORDERS["BN after addition"], BLOCKS, seed=0))
gains = {"BN after addition": identity_path_gain(gates), "identity": identity_path_gain([1.0] * BLOCKS)}
print(f"a typical gate: {np.median(gates):.1f}")
for name, gain in gains.items():
    print(f"{name:18} {BLOCKS} shortcuts pass on {gain:.1f}")

# %% [markdown]
# **Takeaway.** Each gate looks harmless. Their product is what arrives, and the ReLU behind each sum takes its part on top.

# %% [markdown]
# ### Train the five
#
# 10 blocks, 22 layers, 20 mini-batches of 32 digits, SGD with momentum. Three seeds.
# All five have the same stem, and all five have a BN and a ReLU in front of the pooling, so nothing but the blocks differs.
# They run at a rate of 0.2, the best or nearly the best of 0.05, 0.1, 0.2 and 0.4 for each of them in trials beforehand.

# %%
def train(net, lr, seed, steps=20, batch_size=32, count=None, decay=False):
    """The training loss of each mini-batch, SGD with momentum 0.9; `count` images; `decay` leads lr linearly to 0."""
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, fused=True)
    order, losses = torch.Generator().manual_seed(seed), []
    while len(losses) < steps:
        for batch in torch.randperm(count or len(images), generator=order).split(batch_size):
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimiser.param_groups[0]["lr"] = lr * (1 - len(losses) / steps) if decay else lr
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            if len(losses) == steps:
                break
    return np.array(losses)


def last_losses(make_block, lr, blocks, steps=20, **options):
    """For three seeds the mean training loss of the last five steps; no more than 4, so that one explosion is not all."""
    runs = [train(small_net(make_block, blocks, seed, **options), lr, seed, steps)[-5:].mean() for seed in range(3)]
    return np.nan_to_num(np.array(runs), nan=4.0).clip(max=4.0)


raced = {name: last_losses(make, 0.2, blocks=10) for name, make in ORDERS.items()}

# %% tags=["nbval-ignore-output"]
means = {name: losses.mean() for name, losses in raced.items()}
spread = {name: np.ptp(losses) / 2 for name, losses in raced.items()}
ax = plots.bars(means, "training loss after 20 steps (mean of three seeds, bar: half their range)",
                "BN on the sum is behind; the other four are level at 22 layers", errors=spread, number="{:.1f}")
ax.axvline(math.log(10), color="0.5", linestyle=":")
ax.text(math.log(10), -0.5, " guessing", color="0.35", va="top")
plt.show()

# %% [markdown]
# **Takeaway.** The one arrangement that rescales the stream in every block is behind.
# Between the other four, version 1 and your block among them, three seeds tell no difference.

# %% [markdown]
# ### What the last BN and ReLU are for
#
# The stream has grown on its way. What does the classifier make of it, with and without the final BN? Guess the first loss of a net of 110 layers.

# %%
def first_loss(name, blocks, final_norm):
    """The loss before training, the mean of three seeds."""
    nets = [small_net(ORDERS[name], blocks, seed, final_norm) for seed in range(3)]
    with torch.no_grad():
        return float(np.mean([F.cross_entropy(net(images[:128]), labels[:128]).item() for net in nets]))


layers = np.array([14, 38, 110])
series = {f"{name}, {'with' if final else 'without'} a final BN": (layers, [first_loss(name, (n - 2) // 2, final) for n in layers])
          for name in ("version 1", "full pre-activation") for final in (False, True)}  # fmt: skip

# %% tags=["nbval-ignore-output"]
ax = plots.curves(series, "layers", "loss before training", "Without a final BN the classifier sees a stream that grows with depth")
ax.set_xticks(layers)
ax.axhline(math.log(10), color="0.5", linestyle=":")
plt.show()

# %% [markdown]
# **Takeaway.** With the final BN both versions start near the loss of guessing, ln 10 (the dotted line), at any depth.
# Without it confident nonsense grows with depth, in version 1 as well. But version 1, as published, has no final BN.

# %% [markdown]
# ### Now make it deep, and find out which change counts
#
# Version 2 as published differs from version 1 in *two* ways: the order inside the blocks, and the BN at the end of the net.
# So run both as published, at 14 and at 74 layers, and version 1 with the final BN added.
# The rate is 0.2. The net without a final BN gets 0.05, which suits it better at 14 layers, and for comparison 0.02.
# 14 steps are enough to see who learns at all.

# %%
RIVALS = {
    "version 1, as published": ("version 1", 0.05, False),
    "version 1, smaller rate": ("version 1", 0.02, False),
    "version 1 + final BN": ("version 1", 0.2, True),
    "version 2, as published": ("full pre-activation", 0.2, True),
}
deeper = {name: {n: last_losses(ORDERS[order], lr, (n - 2) // 2, steps=14, final_norm=final) for n in (14, 74)}
          for name, (order, lr, final) in RIVALS.items()}  # fmt: skip

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.5), layout="constrained")
for at, losses in enumerate(deeper.values()):
    for shift, (layer, values), tint in zip((-0.12, 0.12), losses.items(), (plots.color("adam"), plots.color("nesterov")), strict=True):
        ax.plot(np.full(len(values), at + shift), values, "o", color=tint, alpha=0.5, label=f"{layer} layers" if not at else None)
        ax.plot([at + shift - 0.08, at + shift + 0.08], [values.mean()] * 2, color=tint, linewidth=2.5)
ax.axhline(math.log(10), color="0.5", linestyle=":")
ax.text(3.45, math.log(10) + 0.04, "guessing", color="0.35", ha="right")
ax.set_xticks(range(len(deeper)), [name.replace(", ", ",\n").replace(" + ", "\n+ ") for name in deeper])
ax.set(ylabel="training loss after 14 steps", xlim=(-0.5, 3.5), title="Version 1 fails at 74 layers, until one changes the rate or the end of the net")
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# **Takeaway.** Compare only the outer two and you would praise the pre-activation.
# The two in the middle have version 1's blocks, and stand 74 layers as well: one has a final BN, the other a smaller rate.
# So in small the credit goes to the norm at the end; what the clean path adds does not show at this depth.
# These figures are of one recipe. In trials beforehand other maps and rates moved the depth at which version 1 fails,
# and with Adam it was ahead even at 110 layers.
# (A point at 4 stands for 4 or worse.)

# %% [markdown]
# ### Put something on the shortcut
#
# Your blocks again, 10 of them, but now the shortcut is scaled: by a constant, by a learnt gate for each channel that starts at ½, or by dropout.
# Your block computes $x + F$; taking away $(1-g)\,x$ leaves $g\,x + F$.

# %%
class Scaled(nn.Module):
    """g·x + F(x), with F from your block."""

    def __init__(self, gate):
        super().__init__()
        self.block, self.gate = PreActBlock(CHANNELS, CHANNELS), gate

    def forward(self, x):
        return self.block(x) - x + self.gate(x)


class LearntGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(CHANNELS, 1, 1))

    def forward(self, x):
        return torch.sigmoid(self.logit) * x


GATES = {
    "1.2 · x": lambda: (lambda x: 1.2 * x),
    "4 · x": lambda: (lambda x: 4 * x),
    "½ · x": lambda: (lambda x: 0.5 * x),
    "learnt gate, ½ at first": LearntGate,
    "dropout ½": lambda: nn.Dropout(0.5),
}
FACTORS = {"identity": 1.0, "1.2 · x": 1.2, "4 · x": 4.0, "½ · x": 0.5, "learnt gate, ½ at first": 0.5}
gated = {"identity": raced["full pre-activation"]}  # ten of your blocks as they are: trained above
gated |= {name: last_losses(lambda gate=gate: Scaled(gate()), 0.2, blocks=10) for name, gate in GATES.items()}

rng = np.random.default_rng(0)
masks = 2.0 * rng.integers(0, 2, size=(4096, 10))  # dropout: each shortcut is closed, or doubled
gain_of = {name: identity_path_gain([factor] * 10) for name, factor in FACTORS.items()}
open_share = np.mean([identity_path_gain(mask) > 0 for mask in masks])
for name, gain in gain_of.items():
    print(f"{name:24} ten shortcuts pass on {gain:,.3f}")
print(f"{'dropout ½':24} of 4096 entries {round(4096 * open_share)} have all ten shortcuts open")

# %% tags=["nbval-ignore-output"]
means = {name: losses.mean() for name, losses in gated.items()}
spread = {name: np.ptp(losses) / 2 for name, losses in gated.items()}
ax = plots.bars(means, "training loss after 20 steps (mean of three seeds, bar: half their range)",
                "A shortcut that passes on far less, or far more, slows training down", errors=spread, number="{:.1f}")
ax.axvline(math.log(10), color="0.5", linestyle=":")
ax.text(math.log(10), -0.5, " guessing", color="0.35", va="top")
plt.show()

# %% [markdown]
# **Takeaway.** A gate that could learn to be open does not do so in time. Dropout keeps the *mean* of the shortcut at 1, and yet hardly any entry gets through.
# A factor of 1.2 does no harm at this depth, a factor of 4 does: the first signal drowns all that the later branches add.
# (In trials beforehand, with six seeds, 0.9 was level with the identity as well, 0.7 and 2 were behind by 0.3.)

# %% [markdown]
# ## Folklore on trial
#
# ### "The shortcut of version 2 is a clean identity everywhere"
#
# A test that works for anybody's block: set all its weights to zero. A clean shortcut then still returns the input; a projection returns nothing.

# %%
def has_identity(block, channels):
    """Does the block return its input when all its parameters are zero?"""
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, channels, 4, 4)
    with torch.no_grad():
        out = block(x)
    return out.shape == x.shape and torch.equal(out, x)


clean = {}
for stage, (count, c_in, c_mid) in enumerate(((3, 64, 64), (4, 256, 128), (6, 512, 256), (3, 1024, 512)), start=1):
    blocks = [(c_in, c_mid, 1 if stage == 1 else 2)] + [(4 * c_mid, c_mid, 1)] * (count - 1)
    clean[stage] = [has_identity(PreActBottleneck(*shape), shape[0]) for shape in blocks]
    print(f"stage {stage}: {sum(clean[stage])} of {count} blocks have an identity shortcut")

ruling = trial(
    "version 2's shortcut is a clean identity",
    {
        "in the blocks of ResNet-50 that keep the shape": all(all(kept[1:]) for kept in clean.values()),
        "in the first block of each stage": all(kept[0] for kept in clean.values()),
    },
    only_if="the block keeps the shape: the path is clean within a stage",
)
assert ruling == "holds only if the block keeps the shape: the path is clean within a stage"
ruling

# %% [markdown]
# From input to output of ResNet-50 the path passes four projections. Each is a matrix on the shortcut, behind a BN and a ReLU.
# That is why the paper's very deep nets have few stages and many blocks in each.

# %% [markdown]
# ### "The ReLU after the addition makes no difference"

# %%
ruling = trial(
    "the ReLU after the addition makes no difference",
    {
        f"the shortcuts of {BLOCKS} blocks pass back within 10 % of what they pass without it":
            abs(by_shortcut["version 1"][-1] / by_shortcut["version 2"][-1] - 1) < 0.1,
        **{f"digits, {layer} layers, the same head: training loss within 0.4":
           abs(deeper["version 1 + final BN"][layer].mean() - deeper["version 2, as published"][layer].mean()) < 0.4 for layer in (14, 74)},
    },
    only_if="you look at the training loss of these small nets alone",
)
assert ruling == "holds only if you look at the training loss of these small nets alone"
ruling

# %% [markdown]
# ### "A learnt gate on the shortcut can only help: it can learn to be the identity"
#
# It can *represent* more, so its best training loss is at most as high. Does it get there?

# %%
def behind(name):
    """By how much is the mean loss above that of the identity shortcut?"""
    return gated[name].mean() - gated["identity"].mean()


ruling = trial(
    "whatever can be the identity trains as well as the identity (within 0.25)",
    {
        "learnt gate that starts at ½": behind("learnt gate, ½ at first") < 0.25,
        "dropout ½, the identity in the mean": behind("dropout ½") < 0.25,
        "constant ½, which the branch could make up for": behind("½ · x") < 0.25,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# The trouble is optimisation, not what can be represented: the argument of the paper's §3.
# (A gate that starts almost open, with a large bias, does far better: then the product starts near 1.)
#
# And the other way round, "only a factor of exactly 1 will do":

# %%
ruling = trial(
    "a shortcut scaled by anything but 1 trains worse (by 0.25 or more)",
    {
        "½ · x, which passes on 0.001": behind("½ · x") > 0.25,
        "4 · x, which passes on a million": behind("4 · x") > 0.25,
        "1.2 · x, which passes on 6": behind("1.2 · x") > 0.25,
    },
    only_if="the product over the blocks is far from 1, on either side",
)
assert ruling == "holds only if the product over the blocks is far from 1, on either side"
ruling

# %% [markdown]
# So the paper's argument holds on both sides, but for the *product*: what is harmless in ten blocks is not in a thousand.
# At this depth batch norm keeps even the million finite.

# %% [markdown]
# ### "Pre-activation reduces overfitting"
#
# The paper reports it for CIFAR, 110 and 164 layers: a slightly *higher* training loss at the end, and a lower test error.
# In small: 150 training digits, 8 layers, four seeds, the rate led to zero. Once at a rate of 0.05, once at 0.2.
# Overfitting shows in the *gap*, test loss minus training loss. What else must you look at before you praise a small gap?

# %%
@torch.no_grad()
def loss_and_error(net, x, y):
    """In training mode, with the statistics of all the images: so few steps leave no good running ones."""
    out = net(x)
    return F.cross_entropy(out, y).item(), 100 * (out.argmax(dim=1) != y).double().mean().item()


def fitted(name, lr, seed):
    net = small_net(ORDERS[name], 3, seed)
    train(net, lr, seed, steps=60, batch_size=50, count=150, decay=True)
    (loss, error), (test_loss, test_error) = (loss_and_error(net, *pair) for pair in ((images[:150], labels[:150]), (test_images, test_labels)))
    return {"training error": error, "test error": test_error, "gap": test_loss - loss}


RATES = (0.05, 0.2)
RACED = ("version 1", "full pre-activation")
fits = {(lr, name): [fitted(name, lr, seed) for seed in range(4)] for lr in RATES for name in RACED}


def values(lr, name, what):
    return np.array([run[what] for run in fits[lr, name]])


# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.5), layout="constrained")
for ax, (what, unit) in zip(axes, {"gap": "", "training error": " (%)", "test error": " (%)"}.items(), strict=True):
    for at, lr in enumerate(RATES):
        for shift, name, tint in zip((-0.15, 0.15), RACED, (plots.color("wrong"), plots.color("right")), strict=True):
            runs = values(lr, name, what)
            ax.plot(np.full(len(runs), at + shift), runs, "o", color=tint, alpha=0.5, label=name if not at else None)
            ax.plot([at + shift - 0.1, at + shift + 0.1], [runs.mean()] * 2, color=tint, linewidth=2.5)
    ax.set_xticks(range(2), [f"rate {lr}" for lr in RATES])
    ax.set(title=what + unit, xlim=(-0.5, 1.5), ylim=(0 if what == "gap" else -2, None))
axes[2].legend(loc="lower left")
fig.suptitle("A small gap can mean a net that has not fitted", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** At the small rate the gaps are small because nothing is fitted: the training error is high, and so is the test error.
# Version 2 has the smaller gap there, but the higher test error: a small gap alone is no praise.
# At 0.2 both versions fit every training image, and the dots lie on top of one another.

# %%
def lower(lr, what):
    """By how much is the mean of version 2 below that of version 1?"""
    return values(lr, "version 1", what).mean() - values(lr, "full pre-activation", what).mean()


ruling = trial(
    "pre-activation reduces overfitting",
    {
        "both fit (rate 0.2): the gap is smaller by 0.15 or more": lower(0.2, "gap") >= 0.15,
        "both fit (rate 0.2): the test error is lower by 3 points or more": lower(0.2, "test error") >= 3,
        "neither fits (rate 0.05): the test error is lower by 3 points or more": lower(0.05, "test error") >= 3,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# Fitted alike, the two overfit alike here; four seeds of a small net are no proof for a large one.
# Say instead: *the paper observed it on CIFAR at 110 and 164 layers and credits batch norm: in version 2 what every convolution reads has been normalised. It is an observation, not a law.*

# %% [markdown]
# ### "Version 2 is always better than version 1"
#
# The published pair under one protocol, and the small nets of above.

# %%
def error_of(name, protocol):
    return next(error for error in models.PUBLISHED[name].errors if error.protocol == protocol)


old, new = (error_of(name, "one 320 crop") for name in ("resnet152-v1", "preact-resnet152"))
print(f"ImageNet, 152 layers: version 1 {old.top1} / {old.top5}, version 2 {new.top1} / {new.top5} (top-1 / top-5 error, one 320 crop)")

ruling = trial(
    "version 2 is clearly better than version 1",
    {
        "ImageNet, 152 layers: half a point or more in top-1": old.top1 - new.top1 >= 0.5,
        "ImageNet, 152 layers: better in top-5": new.top5 < old.top5,
        **{f"digits, {layer} layers, both as published: training loss lower by 0.4 or more":
           deeper["version 1, as published"][layer].mean() - deeper["version 2, as published"][layer].mean() > 0.4 for layer in (14, 74)},
        **{f"digits, 74 layers, against {name}: the same":
           deeper[name][74].mean() - deeper["version 2, as published"][74].mean() > 0.4
           for name in ("version 1 + final BN", "version 1, smaller rate")},
    },
    only_if="the net is deep, and version 1 gets neither a final BN nor a smaller rate",
)
assert ruling == "holds only if the net is deep, and version 1 gets neither a final BN nor a smaller rate"
ruling

# %% [markdown]
# At 200 layers the paper has 21.8 % for version 1 and 20.7 % for version 2 (top-1, one 320 crop): there the difference is a full point.
# Its clearest case has 1001 layers.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Version 2 moves batch norm and ReLU in front of each convolution, so nothing follows the addition.
# Then the shortcut is a true identity through a whole stage: the deep layer is the shallow one plus a sum, and the gradient comes back whole on that path.
# In version 1 a ReLU stands in the way.
# Gates, scales or dropout on the shortcut multiply up and spoil it.
# Where the shape changes there is a 1×1 projection of the pre-activated input, and the net ends in one more BN and ReLU.
# At 50 layers it hardly matters; at hundreds it does."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write a block as $x_{l+1} = f(h(x_l) + F(x_l))$. The clean sum and the clean gradient need $h$ and $f$ to be the identity. Version 1 has $f$ = ReLU.
# - Derive the change: follow $y$, the sum. $y' = f(y) + F(f(y))$. Drop $f$ on the shortcut only: $y' = y + F(f(y))$. The ReLU has become a pre-activation.
# - Batch norm goes with it: BN–ReLU–conv. Behind the sum it would multiply the shortcut by γ/σ in every block, a gate below 1.
# - Measured on 27 untrained blocks: version 2's shortcuts return the gradient whole, version 1's lose a part at each ReLU. Yet in all, neither is short of gradient.
# - Gates: what arrives is the product $\prod g_k$. One half ten times is a thousandth. A learnt gate contains the identity and still trains worse: optimisation, not capacity.
# - The ends: no BN in the stem, one BN–ReLU before pooling, because the stream's variance grows with every block.
# - Costs: the same multiply-adds; fewer parameters by just the projections' batch norms.
# - Effect: ResNet-152 21.3 → 21.1 % top-1; at 200 layers 21.8 → 20.7 %. In my small nets a final BN, or a smaller rate, lets version 1 catch up.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why does the projection have no batch norm?</summary>
#
# It reads relu(BN(x)), which is normalised already, and the stream it feeds is normalised again by the next block's first BN.
#
# </details>
#
# <details><summary>Why does the projection read the pre-activated input, but the identity does not?</summary>
#
# A projection interrupts the clean path anyway, so it may as well read well-scaled values. The identity must carry $x$ untouched: that is its whole point.
#
# </details>
#
# <details><summary>What happens to the stream's variance?</summary>
#
# Each block adds a branch that is nearly uncorrelated with the stream at the start, with a variance near 1. So the variance grows linearly with depth, the standard deviation like its root.
# BN in front of each branch divides that out. Without BN one needs another brake: small initial branches, as in Fixup or SkipInit.
#
# </details>
#
# <details><summary>Is one of the two closer to a Transformer block?</summary>
#
# Version 2. "Pre-LN" Transformers normalise inside the branch, $x + F(\mathrm{LN}(x))$, and end in a last norm; "post-LN" ones normalise the sum, and need warm-up when they are deep.
# It is the same question and the same answer.
#
# </details>
#
# <details><summary>Can batch norm be folded into the convolutions in version 2?</summary>
#
# BN behind a convolution folds into it: that works for the inner BNs, whose input is a convolution's output. The first BN of a block reads the stream, and a ReLU follows it, so it stays a layer of its own.
# Version 1 folds completely. That is one practical reason why version 1 is still around.
#
# </details>
#
# <details><summary>Why did ResNet-50 v1.5 stay the default, then?</summary>
#
# At 50 layers the difference is small, v1.5 folds completely, and pretrained weights exist for it everywhere.
#
# </details>
#
# <details><summary>Does ReLU-only pre-activation work?</summary>
#
# It has the clean shortcut and, in our race, trains about as well. But its branch reads an unnormalised stream, so it gets less out of BN; the paper prefers full pre-activation.
#
# </details>
#
# <details><summary>You see relu(x + F(x)) in a file called preact_resnet.py. What do you check?</summary>
#
# Set all weights to zero and feed a negative input: a clean block returns it. Then look whether the identity shortcut reads `x` or the pre-activated tensor: `out = relu(bn(x)); shortcut = out` is a common slip.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Version 2 adds batch norm." Both have it; it moved.
# - "Pre-activation makes the ReLU disappear." It moves to the branch; without it the branch would be linear.
# - "Version 1 has vanishing gradients, version 2 cures them."
# - A ReLU after the sum, or a shortcut that carries relu(BN(x)) where the shape stays.
# - "It is a clean identity from the first layer to the last." Projections.
# - "Version 2 is always better", and no depth mentioned.
# - The final BN and ReLU forgotten.

# %% [markdown]
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016. §2, eq. 1–5: the clean sum; §3, eq. 6–8: scaled, gated and dropped shortcuts; §4, figure 4: the five arrangements; Table 5: ImageNet.
# - K. He, X. Zhang, S. Ren, J. Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016. The first version, question 25.
# - R. K. Srivastava, K. Greff, J. Schmidhuber. *Training Very Deep Networks.* NeurIPS 2015: highway networks, the gated relative.
# - R. Xiong et al. *On Layer Normalization in the Transformer Architecture.* ICML 2020: the same question for Transformers.
