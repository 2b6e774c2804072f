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
# - **The size of the effect, with figures.** Small at usual depths, large at very great depth, and less overfitting.

# %% [markdown]
# ## The idea
#
# ### What version 1 leaves in the way
#
# Write a block in two steps: a shortcut $h$ and a branch $F$ are added, and something, $f$, follows the sum.
#
# $$ y_l = h(x_l) + F_l(x_l) \qquad\qquad x_{l+1} = f(y_l) $$
#
# Call what runs from block to block along the shortcuts the *stream*.
# In version 1, $h$ is the identity (mostly) and $f$ is a ReLU.
# Question 25 showed what that costs: each ReLU sets some entries of the stream to zero, and an entry that is cut off once is lost to this path, in the gradient too.

# %% [markdown]
# ### Move the ReLU by changing one letter
#
# Follow $y$ instead of $x$. Put $x_{l+1} = f(y_l)$ into the next block:
#
# $$ y_{l+1} = f(y_l) + F_{l+1}\big(f(y_l)\big) $$
#
# $f$ stands in two places. In the second it is needed: the branch's first convolution would otherwise read values without a nonlinearity before it.
# In the first it is not needed, and it interrupts the shortcut. Drop it there:
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
# If only the ReLU moves, the branch is ReLU–conv–BN–ReLU–conv–BN, and its first convolution reads a stream that has not been normalised.
# Moving both gives BN–ReLU–conv, twice: every convolution reads normalised, rectified values. That is *full* pre-activation.
#
# Behind the sum batch norm would not be harmless. It divides by the sum's standard deviation σ, so it multiplies the shortcut by γ/σ in every block.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, data, expect, hint, models, plots, published, settings, trial

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
# A *highway network* (2015) lets every layer choose: $y = T(x)\,F(x) + (1 - T(x))\,x$ with a learnt gate $T = \mathrm{sigmoid}(Wx + b)$.
# That looks like an improvement. In particular a gate on the shortcut alone can learn to be open, so it can do all that the identity can. (The highway's gate cannot: opening the shortcut closes the branch.)
# But let block $k$ scale its shortcut by $g_k$. From $x_{k+1} = g_k x_k + F_k$:
#
# $$
# \frac{\partial x_L}{\partial x_l} = \prod_{k=l}^{L-1} g_k \; I + \dots
# $$
#
# The product is all that the shortcuts pass on (eq. 6–8 of the paper). You write it below.
# A convolution on the shortcut replaces the numbers by matrices, and dropout by random ones: 0 or 1 in its original form, 0 or $1/(1-p)$ in today's.

# %% [markdown]
# ### The two ends of the net
#
# - **The last block.** Its sum is followed by nothing, so the stream is neither normalised nor rectified. One BN and one ReLU are put in front of the pooling.
# - **The first block.** The paper applies the first BN and ReLU right behind the first convolution, before the paths divide (its appendix).
#   Where the first block projects, as in ResNet-50, that is the same thing: both paths read the activated tensor anyway.
#   Where it keeps the shape, as in ResNet-18 and on CIFAR, it is not: there the shortcut carries the activated tensor. Your blocks leave the stem bare and begin with their own BN.
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
    """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), rounded up.

    No bias; nothing after the sum. Shortcut: x itself, or a bare 1×1 of relu(BN(x)) where stride or channels change.
    """

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
    """(N, c_in, H, W) -> (N, 4 * c_mid, H / stride, W / stride), rounded up.

    The stride is on the 3×3. No bias; nothing after the sum. Shortcut as in PreActBlock.
    """

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
    """gates: a list or array of L numbers -> the factor on the shortcut path, a float.

    1.0 for no gates.
    """
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
    expect((count, macs) == (row.parameters, row.macs))
    expect(v1 is None or macs == v1.macs)

# %% [markdown]
# **Takeaway.** Same multiply-adds, and a handful of parameters fewer.
# Where do 7,680 parameters go? Guess before the next cell.

# %%
projections = [(256, 64), (512, 256), (1024, 512), (2048, 1024)]
print("batch norms of the four projections:", sum(2 * c_out for c_out, _ in projections))

# %% [markdown]
# They are γ and β of the projections' batch norms, and nothing else.
# All other batch norms have only moved by one place.

# %% [markdown]
# ### How much of the gradient arrives by the shortcuts?
#
# Two chains of 27 blocks, 16 channels: version 1 (the course's block of question 25) and yours. Untrained.
# Send in a random gradient at the end.
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

# %% tags=["nbval-ignore-output", "hide-input"]
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
# Right: neither net is short of gradient (the two curves almost coincide, except at the last block). In both the branches add to it, and it even grows on its way to the input.
# So version 2's path is clean, but "version 1 has no gradient left" would be wrong.

# %% [markdown]
# ### Your product, and the paper's table
#
# The paper trains ResNet-110 with the identity and with seven changes to it (its table 1, medians of five runs).
# It has 54 blocks. What do 54 gates pass on at the start, by your function?
# A gate with bias $-6$ starts at $1 - \mathrm{sigmoid}(-6) = 0.9975$.

# %%
table = models.PAPERS["resnet-v2-shortcuts"]
STARTS = {"identity": 1.0, "gate, starts near 1": 0.9975, "gate, starts at ½": 0.5, "× 0.5": 0.5}
for name, gate in STARTS.items():
    print(f"{name:20} 54 shortcuts pass on {identity_path_gain([gate] * 54):8.2g}   test error {table[name]}")
table

# %% [markdown]
# **Takeaway.** Where the product is near 1 the net reaches 6.6 to 6.9 %; where it is next to nothing, 12 to 13 % or "fail" (above 20 %).
# ("Gate and branch" is another matter: near 1 for the shortcut means near 0 for the branch. Hence 8.7 % even with the best start.)
# The gate that starts at ½ *could* open, but in the paper's runs the net did not reach the identity's error. Dropout of ½ acts on average like a factor of ½, say the authors; and even with today's rescaling hardly any entry would get through 54 of them.
# A 1×1 convolution on every shortcut looked harmless at 34 layers (option C of question 25) and costs 5.6 points at 110.

# %% [markdown] tags=["deeper"]
# ### Deeper: the five places for BN and ReLU
#
# The paper tries five arrangements of the same parts (its figure 4). The last one is your block.
# Here they are as layers before and after the sum, all with identity shortcuts, 16 channels.

# %% tags=["deeper"]
class Arranged(nn.Module):
    """x + branch, then `after`; `order` names the layers of the branch."""

    def __init__(self, order, after=""):
        super().__init__()
        self.branch, self.after = self.layers(order), self.layers(after)

    def layers(self, order):
        made = {"conv": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False),
                "bn": lambda: nn.BatchNorm2d(CHANNELS), "relu": nn.ReLU}
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

# %% [markdown] tags=["deeper"]
# Before training: how large is the signal in the stream, block by block, and the gradient?
# In which arrangement must the signal grow fastest?

# %% tags=["deeper"]
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

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** With a ReLU at the end of the branch nothing is ever taken away from the stream: it grows in proportion to depth.
# With BN on the sum the signal stays put, but the gradient multiplies from block to block, as it does in a plain net.
# The other three are alike: each block adds a branch of its own to the *variance*, so the root mean square grows like $\sqrt{\text{depth}}$.
# The two that stand out here are the two that are worst in the paper's table 2, below.

# %% [markdown] tags=["deeper"]
# ### Deeper: BN on the sum is a gate
#
# How much does it scale the shortcut? By γ/σ, with σ the standard deviation of the sum.
# Measure σ in each block; γ is 1.
# On which side of 1 do you expect the gates, when two signals are added?

# %% tags=["deeper"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** Each gate looks harmless. Their product is what arrives, and the ReLU behind each sum takes its part on top.

# %% [markdown]
# ## Folklore on trial
#
# ### "Moving BN and ReLU around changes nothing"
#
# The paper's answer, five arrangements of the same parts:

# %%
models.PAPERS["resnet-v2-orders"]

# %% [markdown]
# BN on the sum is worst. The authors' reason: it changes the stream in every block.
# A ReLU before the addition is next: the branch can then only add, never take away.
# Moving the ReLU alone changes hardly anything; moving BN with it helps.
#
# ### "Version 1's ReLU after the addition makes no difference"
#
# The clean test is "ReLU-only pre-activation": BN stays where it was.

# %%
orders, depths = models.PAPERS["resnet-v2-orders"], models.PAPERS["resnet-v2-depth"]


def row(table, name, label=None):
    """Two figures of a paper as text, and their difference."""
    old, new = table[name]
    return f"{label or name}: {old} → {new} %", old - new


only = [(orders["version 1"][k], orders["ReLU-only pre-activation"][k]) for k in (0, 1)]
trial(
    "at 110 and 164 layers the ReLU after the addition makes no difference (half a point or less)",
    published=[
        published(orders.source, f"{layers} layers: {old} % with it, {new} % without", holds=abs(old - new) <= 0.5)
        for layers, (old, new) in zip((110, 164), only, strict=True)
    ],
    expect="holds",
)

# %% [markdown]
# At 164 layers the weights soon adapt, so that the sums stay positive and the ReLU cuts off little (§4.2).
# At 1001 layers, say the authors, it cuts off the stream too often.
# The paper has no clean test of that: its pair at 1001 layers (7.61 → 4.92 %) moves BN as well.

# %% [markdown]
# ### "A learnt gate on the shortcut can only help: it can learn to be the identity"
#
# It can *represent* more, so its best training loss is at most as high. Does it get there?

# %%
trial(
    "a learnt shortcut trains as well as the identity, which it contains (within half a point)",
    only_if=("it starts near the identity", lambda start: start > 0.99),
    published=[
        published(table.source, f"gate that starts near 1: {table['gate, starts near 1']} against {table['identity']} %", holds=True, inside=True),
        published(table.source, f"gate that starts at ½: {table['gate, starts at ½']} %", holds=False, inside=False),
        published(table.source, f"1×1 convolution: {table['1×1 convolution']} %", holds=False, inside=False),
    ],
    expect="holds only if it starts near the identity",
)

# %% [markdown]
# The trouble is optimisation, not what can be represented: the training error is higher too (§3.2).

# %% [markdown]
# ### "Pre-activation reduces overfitting"

# %%
trial(
    "pre-activation reduces overfitting",
    published=[
        published("He et al. 2016 (Identity mappings), §4.2, figure 6", "CIFAR-10 and -100, 110 and 164 layers: training loss slightly higher at the end, test error lower", holds=True),
        published("He et al. 2016 (Identity mappings), §5, table 5", "ImageNet: version 1's ResNet-200 fits better than its ResNet-152 and tests worse (21.8 against 21.3 %); version 2's tests at 20.7 %", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# The authors presume that batch norm is the cause: in version 1 a normalised branch is added to the stream, and the next convolution reads a sum that is not normalised; in version 2 every convolution reads normalised values.
# It is an observation with a plausible reason, not a law.

# %% [markdown]
# ### "Version 2 is always better than version 1"

# %%
imagenet = models.PAPERS["resnet-v2-imagenet"]
pairs = [(imagenet, "200 layers", True), (depths, "CIFAR-10, 1001 layers", True), (depths, "CIFAR-100, 1001 layers", True),
         (imagenet, "152 layers", False), (depths, "CIFAR-10, 110 layers", False), (depths, "CIFAR-10, 164 layers", False),
         (depths, "CIFAR-100, 164 layers", False)]
rows = [(source, *row(source, name), deep) for source, name, deep in pairs]
trial(
    "version 2 is clearly better than version 1 (by a point or more)",
    only_if=("the net has 200 layers or more", lambda layers: layers >= 200),
    published=[published(source.source, text, holds=gain >= 1, inside=deep) for source, text, gain, deep in rows],
    expect="holds only if the net has 200 layers or more",
)

# %% [markdown]
# In the paper's tables it is better in each of these pairs, by 0.2 to 0.8 points at 110 to 164 layers. It compares the two versions nowhere between 164 and 200 layers, and nowhere below 110.

# %% [markdown] tags=["deeper"]
# ### Deeper: "the shortcut of version 2 is a clean identity everywhere"
#
# A test that works for anybody's block: set all its weights to zero. A clean shortcut then still returns the input; a projection returns nothing.

# %% tags=["deeper"]
def has_identity(c_in, c_mid, stride):
    """Does your block return its input when all its parameters are zero?"""
    block = PreActBottleneck(c_in, c_mid, stride)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, c_in, 4, 4)
    with torch.no_grad():
        out = block(x)
    return out.shape == x.shape and torch.equal(out, x)


trial(
    "version 2's shortcut is a clean identity",
    has_identity,
    over=settings(c_in=[16, 32], c_mid=[4, 8], stride=[1, 2]),
    held_out=[dict(c_in=4 * c, c_mid=c, stride=1) for c in (5, 6, 7, 16, 64)]
    + [dict(c_in=20, c_mid=c, stride=s) for c, s in ((5, 2), (6, 1), (4, 1), (10, 1), (10, 2))],
    only_if=("the block keeps the shape", lambda c_in, c_mid, stride: stride == 1 and c_in == 4 * c_mid),
    expect="holds only if the block keeps the shape",
)

# %% [markdown] tags=["deeper"]
# From input to output of ResNet-50 the path passes four projections, each a matrix on the shortcut behind a BN and a ReLU.
# The path is clean within a stage.

# %% [markdown]
# ## Answer in 30 seconds
#
# "At 200 layers on ImageNet, version 2 lowers the top-1 error from 21.8 to 20.7 percent; at 152 it is 0.2 points.
# It moves batch norm and ReLU in front of each convolution, so nothing follows the addition.
# Then the shortcut is a true identity through a whole stage, and the gradient comes back whole on that path.
# Gates, scales or dropout on the shortcut multiply up and spoil it.
# Shall I derive it?"
#
# ### 三十秒回答
#
# "ImageNet 上 200 层时,v2 把 top-1 错误率从 21.8% 降到 20.7%,152 层只差 0.2 个点。
# 改动是把 BN 和 ReLU 移到卷积前面,相加之后什么都不做。
# 这样一个 stage 里 shortcut 就是真正的恒等映射,梯度沿这条路原样传回。
# 在 shortcut 上加门控、缩放或 dropout,系数会连乘,恒等就被破坏了。
# 要我推导一下吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write a block as $x_{l+1} = f(h(x_l) + F(x_l))$. The clean sum and the clean gradient need $h$ and $f$ to be the identity. Version 1 has $f$ = ReLU.
# - Derive the change: follow $y$, the sum. $y' = f(y) + F(f(y))$. Drop $f$ on the shortcut only: $y' = y + F(f(y))$. The ReLU has become a pre-activation.
# - Batch norm goes with it: BN–ReLU–conv. Behind the sum it would multiply the shortcut by γ/σ in every block: 8.17 against 6.61 % on CIFAR-10 with 110 layers.
# - Gates: what arrives is the product $\prod g_k$. A learnt gate on the shortcut contains the identity and still trains worse: 12.86 %, or 6.91 % if it starts near 1, against 6.61 %. The cause is optimisation, not capacity.
# - The ends: one BN and ReLU before pooling, because nothing follows the last sum, and the stream's variance grows with every block.
# - Costs: the same multiply-adds; fewer parameters by just the projections' batch norms.
# - Effect: ease of optimisation, clearest at 1001 layers (7.61 → 4.92 %); and less overfitting: ResNet-200 21.8 → 20.7 %, ResNet-152 21.3 → 21.1 %.

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
# A projection interrupts the clean path anyway, so it can as well read normalised values. The identity must carry $x$ unchanged: that is why version 2 was made.
#
# </details>
#
# <details><summary>What happens to the stream's variance?</summary>
#
# Each block adds a branch that is nearly uncorrelated with the stream at the start, with a variance near 1. So the variance grows linearly with depth, the standard deviation like its root.
# BN in front of each branch divides that out. Without BN one needs small initial branches instead, as in Fixup or SkipInit.
#
# </details>
#
# <details><summary>Is one of the two closer to a Transformer block?</summary>
#
# Version 2. "Pre-LN" Transformers normalise inside the branch, $x + F(\mathrm{LN}(x))$, and end in a last norm; "post-LN" ones normalise the sum, and need warm-up (question 44 has figures).
# It is the same idea: keep normalisation off the shortcut.
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
# Our guess: at usual depths the gain is small (the paper has no pair at 50 layers; at 110 to 164 it is 0.2 to 0.8 points), v1.5 folds completely, and pretrained weights exist for it everywhere.
#
# </details>
#
# <details><summary>Does ReLU-only pre-activation work?</summary>
#
# It has the clean shortcut and scores like version 1 (6.71 against 6.61 %, and 5.91 against 5.93 %). Its first convolution reads values that BN has not normalised, so it may profit less from BN, say the authors.
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
# - "Pre-activation makes the ReLU disappear." It moves to the front of the branch.
# - "Version 1 has vanishing gradients, version 2 cures them."
# - A ReLU after the sum, or a shortcut that carries relu(BN(x)) where the shape stays.
# - "It is a clean identity from the first layer to the last." Projections.
# - "Version 2 is always better", and no depth mentioned.
# - The final BN and ReLU forgotten.

# %% [markdown]
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016. §2, eq. 1–5: the clean sum; §3, eq. 6–8, table 1: scaled, gated and dropped shortcuts; §4, figure 4, tables 2 and 3: the five arrangements; §5, table 5: ImageNet; appendix: the two ends.
# - K. He, X. Zhang, S. Ren, J. Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016. The first version, question 25.
# - R. K. Srivastava, K. Greff, J. Schmidhuber. *Training Very Deep Networks.* NeurIPS 2015: highway networks, the gated relative.
# - R. Xiong et al. *On Layer Normalization in the Transformer Architecture.* ICML 2020: the same question for Transformers.
