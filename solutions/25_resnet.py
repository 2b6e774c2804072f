# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 25 · What did ResNet solve, and how?
#
# *ResNet 最大的改进是什么?为什么能缓解梯度消失?请推导*

# %% [markdown]
# ## Question
#
# "What was the biggest improvement of ResNet?
# Why is it said to ease vanishing gradients? Derive it.
# Now write the basic block and the bottleneck in PyTorch."
#
# "ResNet 最大的改进是什么?为什么说它能缓解梯度消失?请推导,并用 PyTorch 写出 basic block 和 bottleneck。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The problem by its name.** Degradation: with more layers the *training* error of a plain net rises. That is not overfitting.
# - **The change.** A block learns a residual $F(x)$ and adds it to its input: $x + F(x)$.
# - **The derivation.** $x_L = x_l + \sum F$, then the gradient, then the product $\prod(I + J_k)$, and what $\lambda x$ for $x$ would do.
# - **Its limits.** The clean sum needs identity shortcuts and nothing after the addition; version 1 has a ReLU there.
# - **The code.** One ReLU after the addition, none before it; a projection only where the shape changes; no bias before BN.
# - **The bottleneck in its place.** It saves arithmetic in the deep versions. It is not what makes depth trainable.

# %% [markdown]
# ## The idea
#
# ### The puzzle that started it
#
# Take a trained net and put extra layers on it that copy their input.
# The deeper net computes the same, so its training error is the same.
# So a deeper net *can* always be at least as good on the training set.
#
# But trained from scratch it was worse.
# On ImageNet a plain net of 34 layers has a higher training error than one of 18, from start to end
# (He et al. 2015, Fig. 4), and a higher validation error: 28.54 % against 27.94 % (Table 2).
# The paper calls this *degradation*.
# The optimiser does not find the copy.

# %% [markdown]
# ### The change
#
# Say a few layers should compute $H(x)$. Let them compute $F(x) = H(x) - x$ and add $x$ afterwards:
#
# $$ y = x + F(x) $$
#
# To copy, the layers now only have to output zero.
# With shortcuts 34 layers reached 25.03 % (Table 3, option A, no extra parameters), below both plain nets.

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
title = "Basic block: the shortcut goes round both convolutions; here the shape changes, so it is a projection"
plots.graph(*models.dataflow(models.BasicBlock(64, 128, stride=2), (64, 56, 56)), title)
plt.show()

# %% tags=["nbval-ignore-output"]
title = "Bottleneck: the shape stays, so the shortcut is the input itself; the 3×3 works on a quarter of the channels"
plots.graph(*models.dataflow(models.Bottleneck(256, 64), (256, 56, 56)), title)
plt.show()

# %% [markdown]
# ### Forward: a sum
#
# Let $x_l$ be the input of block $l$, and let the addition be the last thing a block does:
#
# $$ x_{l+1} = x_l + F_l(x_l) $$
#
# Put in $x_l = x_{l-1} + F_{l-1}(x_{l-1})$, and so on.
# From any block $l$ to any deeper $L$:
#
# $$ x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i) $$
#
# This is eq. 4 of the second ResNet paper (He et al. 2016).
# A plain net gives a *product* in its place: for linear layers $x_L = W_{L-1}\cdots W_l\,x_l$.

# %% [markdown]
# ### Backward: a one that stands alone
#
# Differentiate the sum by $x_l$ and use the chain rule, $E$ being the loss (eq. 5):
#
# $$
# \frac{\partial E}{\partial x_l}
# = \frac{\partial E}{\partial x_L}\,\frac{\partial x_L}{\partial x_l}
# = \frac{\partial E}{\partial x_L}\left(I + \frac{\partial}{\partial x_l}\sum_{i=l}^{L-1} F_i(x_i)\right)
# $$
#
# The first term carries the gradient of the deep layer to the shallow one as it is: no weight stands in its way.
# It could only be lost if the second term were $-I$.
# The paper's argument is that this will not be so for all samples of a batch.
# That is an argument, not a proof.

# %% [markdown]
# ### The same, block by block
#
# Let $J_k = \partial F_k/\partial x_k$. One block has the Jacobian $I + J_k$.
# The chain rule multiplies them, the last block on the left. Write $P_k = \partial x_k/\partial x_l$, so $P_l = I$ and
#
# $$ P_{k+1} = (I + J_k)\,P_k = P_k + J_k P_k $$
#
# Multiplied out:
#
# $$
# P_L = (I+J_{L-1})\cdots(I+J_l)
# = I + \sum_k J_k + \sum_{k<m} J_m J_k + \dots + J_{L-1}\cdots J_l
# $$
#
# Each of the $L-l$ blocks is either passed by ($I$) or gone through ($J_k$): $2^{L-l}$ terms, one for each *path*.
#
# This agrees with eq. 5. Sum $P_{k+1} - P_k = J_k P_k$ from $l$ to $L-1$: $P_L = I + \sum_k J_k P_k$.
# And $J_k P_k$ is $\partial F_k(x_k)/\partial x_l$ by the chain rule.

# %% [markdown]
# ### What the one is worth
#
# Let every $\lVert J_k\rVert \le c$ with $c < 1$, over $n$ blocks.
#
# $$
# \text{plain: } \lVert J_n\cdots J_1\rVert \le c^{\,n}
# \qquad\qquad
# \text{residual: } (1-c)^n\,\lVert v\rVert \le \lVert P^{\mathsf T} v\rVert \le (1+c)^n\,\lVert v\rVert
# $$
#
# The left one: norms multiply.
# The right one: by the triangle inequality $\lVert (I+J)^{\mathsf T}v\rVert \ge \lVert v\rVert - \lVert J^{\mathsf T}v\rVert \ge (1-c)\lVert v\rVert$,
# and in the same way at most $(1+c)\lVert v\rVert$; then block after block.
#
# So with small $c$ a plain chain loses everything, and a residual chain hardly anything.
# Note the upper bound: a shortcut does not keep a gradient from *growing*.

# %% [markdown]
# ### Why exactly one times $x$?
#
# Scale the shortcut: $x_{l+1} = \lambda x_l + F_l(x_l)$. Put in once, and see the pattern:
#
# $$
# x_{l+2} = \lambda\,(\lambda x_l + F_l) + F_{l+1} = \lambda^2 x_l + \lambda F_l + F_{l+1}
# \qquad\Rightarrow\qquad
# x_L = \lambda^{L-l}\,x_l + \sum_{i=l}^{L-1}\lambda^{L-1-i}F_i(x_i)
# $$
#
# If it holds for $L$, multiplying by λ and adding $F_L$ gives it for $L+1$. Differentiate:
#
# $$
# \frac{\partial E}{\partial x_l} = \frac{\partial E}{\partial x_L}
# \left(\lambda^{L-l}\,I + \frac{\partial}{\partial x_l}\sum_i \lambda^{L-1-i}F_i(x_i)\right)
# $$
#
# The one has become $\lambda^{L-l}$ (with a λ of its own for each block: their product; eq. 6–8).
# Below 1 it vanishes, above 1 it explodes.

# %% [markdown]
# ### Why the net of 2015 has this only approximately
#
# In version 1 a ReLU follows the addition: $y_l = x_l + F_l(x_l)$, $x_{l+1} = \mathrm{relu}(y_l)$.
# With $D_l$, the diagonal matrix of zeros and ones that says where $y_l > 0$:
#
# $$ \frac{\partial x_{l+1}}{\partial x_l} = D_l\,(I + J_l) $$
#
# The term that stood alone is now $D_{L-1}\cdots D_l$.
# It is one for those entries that no ReLU on the way cuts off, and zero for the others.
# A projection breaks the clean path too: there the shortcut is $W_s x$.
# Taking the ReLU out of the way is version 2, question 26.

# %% [markdown]
# ### When the shapes differ
#
# $x$ and $F(x)$ can only be added if they have one shape. The paper compares three shortcuts:
#
# | option | shape stays | shape changes | extra parameters |
# |---|---|---|---|
# | A | identity | every second pixel, zeros for the new channels | none |
# | B | identity | 1×1 convolution with the block's stride, BN | a few |
# | C | 1×1 convolution, BN | 1×1 convolution, BN | many |
#
# B is what everybody uses and what you write below.

# %% [markdown]
# ### The bottleneck's arithmetic
#
# Weights of the branch, without BN. Let the stream have $C$ channels, and let the bottleneck's inside have $m = C/4$.
#
# - Two 3×3 convolutions: $2\cdot 9\,C^2 = 18\,C^2$.
# - Bottleneck: $\underbrace{4m\cdot m}_{1\times1} + \underbrace{9\,m^2}_{3\times3} + \underbrace{m\cdot 4m}_{1\times1} = 17\,m^2 = \tfrac{17}{16}\,C^2$.
#
# On the same stream the bottleneck is $18\cdot16/17 \approx 17$ times cheaper.
# Or: for the price of two 3×3 at width $m$ ($18\,m^2$) it serves a stream four times as wide ($17\,m^2$).
# That, and no more, is what it is for.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the basic block
#
# 3×3, BN, ReLU, 3×3, BN, add the shortcut, ReLU.
# The first convolution takes the stride.
# Where stride or channels change, the shortcut is a 1×1 convolution with that stride and BN (option B), else $x$ itself.
# No convolution has a bias. Leave `x` as it was.


# %%
class BasicBlock(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), rounded up."""

    def __init__(self, c_in, c_out, stride=1):
        # BEGIN SOLUTION
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return F.relu(h + self.shortcut(x))
        # END SOLUTION


# %%
check(BasicBlock)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what belongs where</summary>
#
# `__init__` makes the layers: two convolutions, two batch norms of their own, and a shortcut. `forward` says how they are connected.
# Begin `__init__` with `super().__init__()`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the shortcut</summary>
#
# `nn.Identity()` where `stride == 1 and c_in == c_out`. Otherwise an `nn.Sequential` of two layers, linear: no ReLU in it.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `forward`: `h = relu(bn1(conv1(x)))`, then `h = bn2(conv2(h))`, then the ReLU of the sum of `h` and `shortcut(x)`.
# Every convolution has `bias=False`; the 3×3 have `padding=1`; `stride` goes to `conv1` and to the projection.
#
# </details>

# %% [markdown]
# ### Exercise 2: the bottleneck
#
# 1×1 to `c_mid`, 3×3 at `c_mid`, 1×1 to `4 * c_mid`, each with BN; ReLU after the first two; add; ReLU.
# The stride is on the 3×3 (called v1.5, as in torchvision). The shortcut is as above.


# %%
class Bottleneck(nn.Module):
    """(N, c_in, H, W) -> (N, 4 * c_mid, H / stride, W / stride), rounded up."""

    def __init__(self, c_in, c_mid, stride=1):
        # BEGIN SOLUTION
        super().__init__()
        c_out = 4 * c_mid
        self.conv1 = nn.Conv2d(c_in, c_mid, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_mid)
        self.conv2 = nn.Conv2d(c_mid, c_mid, 3, stride, padding=1, bias=False)
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
check(Bottleneck)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the channels</summary>
#
# Write them down: `c_in → c_mid → c_mid → 4·c_mid`. Only the 3×3 needs padding.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: when to project</summary>
#
# Compare `c_in` with what *leaves* the block, `4 * c_mid`. In ResNet-50's very first block 64 channels come and 256 leave: stride 1, and yet a projection.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# As the basic block, with three pairs of convolution and BN. Kernels 1, 3, 1; `stride` and `padding=1` on the middle one;
# the third pair has no ReLU of its own.
#
# </details>

# %% [markdown]
# ### Exercise 3: the derivative of a chain of blocks
#
# NumPy. Given the Jacobians $J_1, \dots, J_L$ of the branches at the points visited, first block first,
# return the Jacobian of the whole chain $x \leftarrow x + F_k(x)$.


# %%
def residual_jacobian(jacobians):
    """jacobians: list of (d, d) arrays, first block first -> (d, d)."""
    # BEGIN SOLUTION
    identity = np.eye(len(jacobians[0]))
    total = identity
    for jacobian in jacobians:
        total = (identity + jacobian) @ total
    return total
    # END SOLUTION


# %%
check(residual_jacobian)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one block</summary>
#
# What is the derivative of $x + F(x)$? It has two terms.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two blocks</summary>
#
# $x \mapsto g(f(x))$ has the Jacobian $J_g J_f$: the block that comes later stands on the left.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Start with `np.eye(d)`. For each block in order, multiply what you have from the left by `np.eye(d) + J`.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(BasicBlock)

# %% tags=["solution"]
common_mistakes(Bottleneck)

# %% tags=["solution"]
common_mistakes(residual_jacobian)

# %% [markdown]
# ## Experiments
#
# From here on your own blocks and your own function are at work.
#
# ### Your blocks, assembled
#
# Five networks for ImageNet from the two blocks. They are built on torch's `meta` device: shapes without memory.

# %%
DEPTHS = {
    18: (BasicBlock, [2, 2, 2, 2]),
    34: (BasicBlock, [3, 4, 6, 3]),
    50: (Bottleneck, [3, 4, 6, 3]),
    101: (Bottleneck, [3, 4, 23, 3]),
    152: (Bottleneck, [3, 8, 36, 3]),
}
with torch.device("meta"):
    resnets = {depth: models.ResNet(block=block, layers=layers) for depth, (block, layers) in DEPTHS.items()}

print(f"{'':10}  {'blocks':14} {'parameters':>11} {'published':>11} {'multiply-adds':>14}")
for depth, net in resnets.items():
    count, published = models.count_parameters(net), models.PUBLISHED[f"resnet{depth}"].parameters
    macs = models.model_macs(net, (3, 224, 224))
    print(f"ResNet-{depth:<3}  {DEPTHS[depth][1]!s:14} {count:11,} {published:11,} {macs / 1e9:12.2f} G")
    assert count == published

# %% [markdown]
# **Takeaway.** ResNet-34 and ResNet-50 have the same number of blocks, and nearly the same cost and size.
# The 16 extra layers come from the bottleneck: three convolutions a block where there were two.

# %%
stages = [row for row in models.describe(resnets[50], (3, 224, 224)) if row.parameters]
late = sum(row.parameters for row in stages[-3:]) / sum(row.parameters for row in stages)
print(f"ResNet-50's last two stages and its classifier hold {late:.0%} of the weights")

# %% tags=["nbval-ignore-output"]
plots.architecture(stages, "ResNet-50 from your bottlenecks: most weights sit at the end")
plt.show()

# %% [markdown]
# ### What the bottleneck saves
#
# Weights of the branch alone: your blocks without their batch norms.

# %%
def conv_weights(module):
    return sum(p.numel() for p in module.parameters() if p.dim() > 1)


wide, narrow, bottleneck = conv_weights(BasicBlock(256, 256)), conv_weights(BasicBlock(64, 64)), conv_weights(Bottleneck(256, 64))
print(f"two 3×3 on a stream of 256:    {wide:9,}")
print(f"bottleneck on a stream of 256: {bottleneck:9,}   {wide / bottleneck:.1f} times fewer")
print(f"two 3×3 on a stream of 64:     {narrow:9,}")

# %% [markdown]
# **Takeaway.** A bottleneck on 256 channels costs less than two 3×3 on 64.

# %% [markdown]
# ### A chain of 20 layers, with and without shortcuts
#
# Each layer is $\tanh(Wx)$, $W$ an orthogonal matrix times 0.2, so a layer shrinks a gradient at least five times.
# Four chains: plain, and $x \leftarrow \lambda x + \tanh(Wx)$ with λ = 1, ½ and 1.5.
# Before you run it: what is $0.2^{20}$, what $0.5^{20}$, what $1.5^{20}$?

# %%
rng = np.random.default_rng(0)
DIM, BLOCKS, GAIN = 64, 20, 0.2
weights = [GAIN * np.linalg.qr(rng.normal(size=(DIM, DIM)))[0] for _ in range(BLOCKS)]
start = rng.normal(size=DIM)


def run_chain(shortcut):
    """The output of x <- shortcut·x + tanh(W·x), and the Jacobian of each tanh(W·x) on the way."""
    x, jacobians = start, []
    for weight in weights:
        h = np.tanh(weight @ x)
        jacobians.append((1 - h**2)[:, None] * weight)
        x = shortcut * x + h
    return x, jacobians


# %% [markdown]
# Your function knows only blocks $x + F(x)$.
# That is enough: $\lambda x + \tanh(Wx) = x + F(x)$ with $F(x) = \tanh(Wx) + (\lambda-1)x$. A plain layer is λ = 0.

# %%
upstream = rng.normal(size=DIM)
upstream /= np.linalg.norm(upstream)


def gradient_norms(shortcut):
    """The norm of the gradient 0, 1, …, BLOCKS blocks before the output, where it is 1."""
    branches = [jacobian + (shortcut - 1) * np.eye(DIM) for jacobian in run_chain(shortcut)[1]]
    return [1.0] + [np.linalg.norm(residual_jacobian(branches[-k:]).T @ upstream) for k in range(1, BLOCKS + 1)]


chains = {"λ = 1.5": 1.5, "λ = 1 (ResNet)": 1.0, "λ = 0.5": 0.5, "no shortcut": 0.0}
norms = {name: gradient_norms(shortcut) for name, shortcut in chains.items()}
for name, values in norms.items():
    print(f"{name:15} gradient at the first layer: {values[-1]:.0e} of that at the last")

# %% tags=["nbval-ignore-output"]
ax = plots.curves(norms, "blocks between here and the output", "gradient norm",
                  "Only a shortcut of exactly 1·x keeps the gradient", logy=True)
ax.xaxis.set_major_locator(plt.MultipleLocator(5))
plt.show()

# %% [markdown]
# **Takeaway.** The figures are those of the derivation: about $0.2^{20}$, $0.5^{20}$, 1 and $1.5^{20}$.
# The shortcut's factor decides, and only 1 has a twentieth power that is harmless.

# %% [markdown]
# ### Which paths carry the gradient?
#
# The 20 blocks make $2^{20}$ paths. Most of them go through about 10 blocks.
# Sum the terms of the product by the number of blocks they go through, and see how much gradient each sum carries.

# %%
jacobians = run_chain(1.0)[1]
by_length = [np.eye(DIM)] + [np.zeros((DIM, DIM)) for _ in jacobians]
for jacobian in jacobians:
    for length in range(BLOCKS, 0, -1):
        by_length[length] = by_length[length] + jacobian @ by_length[length - 1]
assert np.allclose(sum(by_length), residual_jacobian(jacobians))

carried = np.array([np.linalg.norm(paths.T @ upstream) for paths in by_length])
number = np.array([math.comb(BLOCKS, length) for length in range(BLOCKS + 1)])
print(f"paths through 5 blocks or fewer: {number[:6].sum() / number.sum():.1%} of all")
print(f"their share of the gradient:     {carried[:6].sum() / carried.sum():.1%} (of the sum of norms)")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
axes[0].bar(range(BLOCKS + 1), number, color="0.6")
axes[0].set(xlabel="blocks on the path", ylabel="number of paths", title="Most paths are long …")
axes[1].bar(range(BLOCKS + 1), carried, color=plots.color("right"))
axes[1].set(xlabel="blocks on the path", ylabel="gradient norm of these paths", title="… but the short ones carry the gradient")
for ax in axes:
    ax.xaxis.set_major_locator(plt.MultipleLocator(5))
plt.show()

# %% [markdown]
# **Takeaway.** Seen from the gradient this net of 20 layers is a collection of shallow ones.
# That is the reading of Veit et al. 2016: an ensemble of short paths.

# %% [markdown]
# ### Small nets of the paper's kind
#
# Digits of 8×8 pixels; a stem, three stages of $n$ blocks with 8, 16 and 32 channels, a classifier.
# That is $6n + 2$ layers: 20 for $n = 3$, 56 for $n = 9$, as in the paper's §4.2.
# The plain nets have the same convolutions and the same batch norms; only the addition is missing.

# %%
images, labels, *_ = data.digits(flat=False)
images, labels = torch.tensor(images, dtype=torch.float32), torch.tensor(labels)


def layer(c_in, c_out, kernel=3, stride=1, norm=nn.BatchNorm2d, padding="zeros"):
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False, padding_mode=padding)
    return nn.Sequential(convolution, norm(c_out), nn.ReLU())


def plain_block(c_in, c_out, stride=1, **options):
    return nn.Sequential(layer(c_in, c_out, 3, stride, **options), layer(c_out, c_out, 3, 1, **options))


def bare_block(c_in, c_out, stride=1, padding="zeros"):
    """A plain block without batch norm."""
    return plain_block(c_in, c_out, stride, norm=nn.Identity, padding=padding)


def wrapped_block(c_in, c_out, stride=1):
    """A plain block without batch norm whose convolutions see the opposite border instead of zeros."""
    return bare_block(c_in, c_out, stride, padding="circular")


# %%
def small_net(block, n, seed, expansion=1):
    """nn.Sequential of a stem, 3n blocks and a head; `expansion` times block's second argument leaves a block."""
    torch.manual_seed(seed)
    blocks, c_in = [], 8
    for stage, c_out in enumerate((8, 16, 32)):
        for index in range(n):
            blocks.append(block(c_in, c_out // expansion, 2 if stage and index == 0 else 1))
            c_in = c_out
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_in, 10))
    net = nn.Sequential(layer(1, 8), *blocks, head)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")  # He et al.'s own: the variance stays, layer by layer
    return net


# %% [markdown]
# ### How large is the gradient, layer by layer?
#
# One pass, one backward, before any training.
# The gradient is read between the blocks of nets of 56 layers.
# In the plain net with batch norm, would you expect it to vanish?

# %%
def block_gradients(net):
    """The norm of the loss's gradient at the output of each block."""
    x, outputs = images[:128], []
    for index, part in enumerate(net):
        x = part(x)
        if 0 < index < len(net) - 1:
            x.retain_grad()
            outputs.append(x)
    F.cross_entropy(x, labels[:128]).backward()
    return np.array([output.grad.norm().item() for output in outputs])


kinds = {
    "plain, with BN": plain_block,
    "residual, with BN": BasicBlock,
    "plain, no BN, padding that wraps": wrapped_block,
    "plain, no BN": bare_block,
}
flow = {name: np.array([block_gradients(small_net(block, 9, seed)) for seed in range(3)]) for name, block in kinds.items()}
first_to_last = {name: float(np.median(values[:, 0] / values[:, -1])) for name, values in flow.items()}
print(f"growth per layer, plain with BN: {first_to_last['plain, with BN'] ** (1 / 52):.2f}")

# %% tags=["nbval-ignore-output"]
position = np.arange(1, 28)
series = {name: (position, np.median(values / values[:, -1:], axis=0)) for name, values in flow.items()}
plots.curves(series, "block (the last is next to the loss)", "gradient norm, relative to the last block",
             "With batch norm the gradient grows instead of vanishing", logy=True)
plt.show()

# %% [markdown]
# **Takeaway.** In the plain net *with batch norm*, the one of the 2015 paper, the gradient grows from layer to layer towards the input.
# With shortcuts it grows far less.
# Without batch norm it vanishes here, and even that has another cause: on maps of 2×2 pixels most taps of a 3×3 hit the zeros of the padding.
# Let the padding wrap round, and He initialisation alone keeps the gradient.

# %% [markdown]
# ### Degradation, in small
#
# Now train, plain and residual, 20 and 56 layers, 45 mini-batches of 64 digits.
# Everything twice: with SGD and momentum, and from another seed with Adam.
# Adam divides each parameter's step by the size of its gradients, so there the size is no excuse.
#
# By the argument of the copy, what a shallow net can fit, a deep one can fit too. Does it?

# %%
STEPS = 45


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, fused=True)


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=0.01, fused=True)


def train(net, optimiser, seed, steps=STEPS):
    """The training loss of each mini-batch."""
    order, losses = torch.Generator().manual_seed(seed), []
    while len(losses) < steps:
        for batch in torch.randperm(len(images), generator=order).split(64)[: min(21, steps - len(losses))]:
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return np.array(losses)


# %%
curves, trained = {"SGD": {}, "Adam": {}}, {}
for seed, (way, optimiser) in enumerate({"SGD": sgd, "Adam": adam}.items()):
    for name, block in {"plain": plain_block, "residual": BasicBlock}.items():
        for n in (3, 9):
            net = small_net(block, n, seed)
            curves[way][f"{name}-{6 * n + 2}"] = train(net, optimiser(net), seed)
            trained[way, f"{name}-{6 * n + 2}"] = net

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
steps = np.arange(3, STEPS - 1)
for ax, (way, runs) in zip(axes, curves.items(), strict=True):
    for name, losses in runs.items():
        tint = plots.color("wrong") if name.startswith("plain") else plots.color("right")
        ax.plot(steps, np.convolve(losses, np.ones(5) / 5, "valid"), "-" if "20" in name else "--", color=tint, label=name)
    ax.set(xlabel="step", title=way)
axes[0].set_ylabel("training loss (mean of five steps)")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
fig.suptitle("56 plain layers hardly train; with shortcuts they do", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** This is degradation: it is the *training* loss, so it is not overfitting, and batch norm is in all of these nets.
# Rescaling the gradients (Adam) does not repair the deep plain net.
# In 45 steps we see speed only; the paper's figure 4 shows the same to the end of training.
# And shortcuts do not make depth free: residual-56 is still a little behind residual-20.

# %% [markdown]
# ### Pull a block out
#
# Take the nets of 20 layers that SGD has trained, replace one block by the identity, and measure the accuracy on 500 training images.
# No retraining. What happens to a net of which a layer is missing?

# %%
@torch.no_grad()
def accuracy(net, without=None):
    """Accuracy on 500 training images, in training mode (batch statistics), with one part left out."""
    x = images[:500]
    for index, part in enumerate(net):
        x = x if index == without else part(x)
    return (x.argmax(dim=1) == labels[:500]).float().mean().item()


removable = [1, 2, 3, 5, 6, 8, 9]  # blocks 4 and 7 change the shape, they cannot be left out
lesions = {name: [accuracy(trained["SGD", name], k) for k in removable] for name in ("plain-20", "residual-20")}

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for (name, values), tint, marker in zip(lesions.items(), (plots.color("wrong"), plots.color("right")), "so", strict=True):
    ax.plot(removable, values, marker, color=tint, markersize=8, label=f"{name}, one block removed")
    ax.axhline(accuracy(trained["SGD", name]), color=tint, linestyle="--", linewidth=1.2, label=f"{name}, complete")
ax.set(xlabel="removed block", ylabel="accuracy", ylim=(0, 1.02), title="A residual net shrugs off a missing block, a plain net breaks")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Takeaway.** In a plain net every layer waits for exactly the output of the one before it.
# In a residual net each block adds a correction to a stream that goes on without it (the lesion study of Veit et al. 2016).

# %% [markdown]
# ### How clean is the clean path of version 1?
#
# Chain 27 of your basic blocks, 16 channels each, untrained.
# An entry's shortcut path is open as long as no ReLU after an addition has cut it off.
# If every ReLU cut off half of the entries at random, a share of $2^{-k}$ would be open after $k$ blocks.

# %%
torch.manual_seed(0)
x = F.relu(torch.randn(64, 16, 8, 8))
still_open, share = torch.ones_like(x, dtype=torch.bool), [1.0]
with torch.no_grad():
    for _ in range(27):
        x = BasicBlock(16, 16)(x)
        still_open &= x > 0
        share.append(still_open.float().mean().item())

# %% tags=["nbval-ignore-output"]
depth = np.arange(28)
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.semilogy(depth, share, "o-", color=plots.color("right"), label="measured, your blocks")
ax.semilogy(depth, 0.5**depth, "--", color="0.5", label="half cut off at each ReLU")
ax.set(xlabel="blocks passed", ylabel="share of open paths", ylim=(1e-3, 1.5),
       title="Most entries meet a closed ReLU somewhere, but an open share remains")
ax.legend()
plt.show()

# %% [markdown]
# **Takeaway.** In version 1 the lonely one of eq. 5 holds for some entries only.
# It does not fall like a power of ½, because the stream grows and later blocks change its sign less often.
# Version 2 removes the ReLU, and the share is 1 at any depth.

# %% [markdown]
# ### A block that does nothing
#
# With all γ and β of batch norm at zero the branch outputs zero. What is left of your block?

# %%
torch.manual_seed(0)
block, x = BasicBlock(16, 16), torch.randn(4, 16, 8, 8)
for module in block.modules():
    if isinstance(module, nn.BatchNorm2d):
        nn.init.zeros_(module.weight)

print("a non-negative x comes out as it went in:", torch.equal(block(x.abs()), x.abs()))
print("any other x comes out as relu(x):        ", torch.equal(block(x), F.relu(x)))

# %% [markdown]
# **Takeaway.** The copy that plain nets do not find is one setting of γ away.
# In practice only the *last* γ of each block starts at zero ("zero-init γ"): with all of them at zero the convolutions would never get a gradient.

# %% [markdown]
# ## Folklore on trial
#
# ### "Deep plain nets fail because their gradients vanish, and ResNet solves that"
#
# We say that a gradient has vanished when the first layer has less than a thousandth of the last one's.

# %%
ruling = trial(
    "deep plain nets fail because their gradients vanish, and ResNet solves that",
    {
        "20 tanh layers of gain 0.2: vanishes without shortcuts, not with them":
            norms["no shortcut"][-1] < 1e-3 < norms["λ = 1 (ResNet)"][-1],
        "plain-56 without batch norm, on tiny maps: vanishes": first_to_last["plain, no BN"] < 1e-3,
        "plain-56 without batch norm, padding that wraps: vanishes": first_to_last["plain, no BN, padding that wraps"] < 1e-3,
        "plain-56 with batch norm, as in the paper: vanishes": first_to_last["plain, with BN"] < 1e-3,
    },
    only_if="neither batch norm nor the initialisation keeps the gradient alive",
)
assert ruling == "holds only if neither batch norm nor the initialisation keeps the gradient alive"
ruling

# %% [markdown]
# The paper says so itself (§4.1): with batch norm the forward signals keep their variance, the authors looked at the backward norms
# and found them healthy, and they think that vanishing gradients are unlikely to be the reason.
# Their guess is that plain deep nets converge exponentially slowly.
#
# Say instead: *ResNet solves degradation. Shortcuts do keep gradients alive where nothing else does, but that was not the puzzle.*

# %% [markdown]
# ### "What ResNet solves is degradation"
#
# The losses of above, last ten steps: how far is the net of 56 layers behind that of 20?

# %%
def last_loss(losses):
    return float(losses[-10:].mean())


def gap(way, name):
    return last_loss(curves[way][f"{name}-56"]) - last_loss(curves[way][f"{name}-20"])


ruling = trial(
    "with batch norm in both, the deeper plain net has the higher training loss (by 0.5 or more), and shortcuts at least halve the gap",
    {f"{way}, seed {seed}": gap(way, "plain") > max(0.5, 2 * gap(way, "residual")) for seed, way in enumerate(curves)},
)
assert ruling == "holds"
ruling

# %% [markdown]
# ### "An identity shortcut guarantees that gradients neither vanish nor explode"
#
# Eq. 5 says that the one stands alone. It does not say what is added to it. Three chains of 20 blocks:

# %%
def chain_gain(jacobian_of_block):
    chain = residual_jacobian([jacobian_of_block() for _ in range(BLOCKS)])
    return np.linalg.norm(chain.T @ upstream)


gains = {
    "weak branches, orthogonal times 0.2": chain_gain(lambda: GAIN * np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]),
    "strong branches, orthogonal times 1": chain_gain(lambda: np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]),
    "branches that undo their input, F(x) = −0.9x": chain_gain(lambda: -0.9 * np.eye(DIM)),
}
for name, gain in gains.items():
    print(f"{name:46} {gain:.0e}")

ruling = trial(
    "an identity shortcut guarantees that gradients neither vanish nor explode",
    {name: 0.1 < gain < 10 for name, gain in gains.items()},
    only_if="the branches' Jacobians are small",
)
assert ruling == "holds only if the branches' Jacobians are small"
ruling

# %% [markdown]
# With $\lVert J\rVert = 1$ and no preferred direction each block multiplies the squared norm by about two, and $2^{20/2} \approx 10^3$.
# That is why residual nets, too, need batch norm or small initial branches.

# %% [markdown]
# ### "Convolutions lose information, and the shortcut brings it back: hence the gradient survives"
#
# This is a picture, not a derivation: no step of the derivation above mentions information.
# It also predicts wrongly. Take the chains of 20 layers once more.
# $\tanh$ is one-to-one and so is an orthogonal matrix: *none* of these chains loses anything.
# To prove it, compute the input back from the output alone.

# %%
def recover_input(x, shortcut):
    """Undo the chain, layer by layer, from its output."""
    for weight in reversed(weights):
        if shortcut == 0:
            x = np.linalg.solve(weight, np.arctanh(x))
        else:
            y = x
            for _ in range(100):  # solves y = shortcut·x + tanh(W·x); it contracts, as 0.2 < shortcut
                x = (y - np.tanh(weight @ x)) / shortcut
    return x


recovered = {}
for name, shortcut in chains.items():
    back = recover_input(run_chain(shortcut)[0], shortcut)
    recovered[name] = np.linalg.norm(back - start) / np.linalg.norm(start)
    print(f"{name:15} input recovered to 1e-9: {recovered[name] < 1e-9!s:5}  gradient: {norms[name][-1]:.0e}")

# %% [markdown]
# And a shortcut is no insurance against losing information: here is a block with a shortcut that wipes out half of its input.

# %%
erasing = -np.diag(np.arange(DIM) % 2).astype(float)  # F(x) = −x on every second entry, else 0
print("rank of the block's Jacobian:", np.linalg.matrix_rank(residual_jacobian([erasing])), "of", DIM)

ruling = trial(
    "where no information is lost the gradient survives, and a shortcut means that none is lost",
    {
        "plain chain: input recoverable, gradient within a factor 10": recovered["no shortcut"] < 1e-9 and 0.1 < norms["no shortcut"][-1] < 10,
        "shortcut ½·x: input recoverable, gradient within a factor 10": recovered["λ = 0.5"] < 1e-9 and 0.1 < norms["λ = 0.5"][-1] < 10,
        "a block with a shortcut cannot wipe out part of its input": bool(np.linalg.matrix_rank(residual_jacobian([erasing])) == DIM),
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# What counts is the *size* of what passes, forward and backward, not whether it could be recovered in principle.
# Say instead: *the shortcut gives each block's Jacobian an identity term, so the product over blocks no longer shrinks with depth.*

# %% [markdown]
# ### "The bottleneck is what makes ResNet deep and accurate"
#
# If so, a plain net of bottlenecks should train, and a residual net without bottlenecks should not.

# %%
def plain_bottleneck(c_in, c_mid, stride=1):
    return nn.Sequential(layer(c_in, c_mid, 1), layer(c_mid, c_mid, 3, stride), layer(c_mid, 4 * c_mid, 1))


net = small_net(plain_bottleneck, 6, seed=0, expansion=4)
plain_bottlenecks = train(net, sgd(net), seed=0, steps=35)

ruling = trial(
    "the bottleneck is what makes deep nets trainable",
    {
        "56 plain layers of bottlenecks come below a training loss of 1.6 in 35 steps": last_loss(plain_bottlenecks) < 1.6,
        "56 residual layers without a bottleneck do not": last_loss(curves["SGD"]["residual-56"][:35]) >= 1.6,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# On ImageNet the same: ResNet-34 has no bottleneck, and beats plain-34 by three and a half points.
# Say instead: *the bottleneck is an economy measure of ResNet-50, 101 and 152; it buys depth and a wide stream at the price of a narrow one.*

# %% [markdown]
# ## Answer in 30 seconds
#
# "Deep plain nets had a higher *training* error than shallower ones: degradation. That is not overfitting, and with batch norm it is not vanishing gradients either.
# ResNet lets a block learn a residual and add it to its input, so doing nothing is easy.
# Unrolled, the deep layer is the shallow one plus a sum of residuals; so the gradient is passed on by an identity plus something.
# A product of Jacobians has become a product of identity plus Jacobian, which does not shrink with depth while the Jacobians are small.
# The bottleneck only makes the deep versions affordable."

# %% [markdown]
# ## Answer in 2 minutes
#
# - The puzzle: a deeper net could copy the shallower one, and still trains worse. Plain-34 against plain-18 on ImageNet.
# - The block: two 3×3 with BN, add $x$, then ReLU. Where the shape changes, a 1×1 convolution with the stride, and BN.
# - The derivation: unroll to $x_L = x_l + \sum F_i$; differentiate; the identity stands alone. As a product: $\prod(I+J_k)$, $2^L$ paths, most gradient on short ones.
# - The counter-example: with $\lambda x$ the factor is $\lambda^L$. Only 1 is safe. So no gates, no dropout and no scaling on the shortcut.
# - The limits: it bounds shrinking, not growing; version 1's ReLU after the sum and the projections interrupt the clean path; version 2 mends that.
# - Vanishing gradients: with batch norm the plain net's gradients do not vanish, they even grow towards the input. And Adam, which rescales them, does not help. Degradation is a question of optimisation.
# - The bottleneck: $17m^2$ weights for a stream of $4m$ channels, against $18m^2$ for one of $m$. Economy.
# - Numbers: ResNet-50 has 25.6 M parameters and 4.1 G multiply-adds; ResNet-34 has 21.8 M and 3.7 G.

# %% [markdown]
# ## Follow-ups
#
# The figures that two of the answers need, computed:

# %%
v1 = models.build("resnet50-v1", device="meta")
for name, net in {"v1, stride on the first 1×1": v1, "v1.5, stride on the 3×3 (yours)": resnets[50]}.items():
    print(f"{name:32} {models.count_parameters(net):,} parameters, {models.model_macs(net, (3, 224, 224)) / 1e9:.2f} G multiply-adds")


def identity_shortcuts(layers, widths):
    """The parameters that option C adds: a C·C projection and its BN for every block whose shape stays."""
    return [(count, width * width + 2 * width) for count, width in zip(layers, widths, strict=True)]


basic = sum(count * size for count, size in identity_shortcuts([3, 3, 5, 2], [64, 128, 256, 512]))
deep = sum(count * size for count, size in identity_shortcuts([2, 3, 5, 2], [256, 512, 1024, 2048]))
for depth, extra in {34: basic, 50: deep}.items():
    count = models.count_parameters(resnets[depth])
    print(f"ResNet-{depth}: option B {count / 1e6:.1f} M, option C {(count + extra) / 1e6:.1f} M parameters")

# %% [markdown]
# <details><summary>Identity or projection everywhere?</summary>
#
# Identity wherever the shape allows it.
# ResNet-34, ten crops (He et al. 2015, Table 3): top-1 error 25.03 with option A, 24.52 with B, 24.19 with C.
# So projections help a little, because they add parameters; they are not what cures degradation.
# With bottlenecks C is far too dear: a projection of the wide stream, $(4m)^2 = 16m^2$, costs about as much as the whole branch, $17m^2$. See the count above.
#
# </details>
#
# <details><summary>Why must the ReLU not come before the addition?</summary>
#
# $F$ would never be negative, so the stream could only grow: a block could add to a feature but not take away.
# After the addition, as in version 1, the ReLU interrupts the identity path.
# Version 2 moves BN and ReLU to the front of the branch, and nothing follows the sum: question 26.
#
# </details>
#
# <details><summary>What is v1.5?</summary>
#
# The stride in a bottleneck that shrinks the map sits on the 3×3, not on the first 1×1.
# A 1×1 with stride 2 never looks at three quarters of its input; a 3×3 with stride 2 sees all of it.
# Parameters are equal. The first 1×1 now works on the large map, so multiply-adds rise from 3.86 to 4.09 G (computed above).
#
# </details>
#
# <details><summary>What is zero-init γ?</summary>
#
# The γ of each block's last BN starts at 0, so each block starts as the identity (with a ReLU), and the net starts out shallow.
# The branch still learns: γ itself has a gradient at once, and as soon as it has moved, the weights before it have one too.
#
# </details>
#
# <details><summary>And stochastic depth?</summary>
#
# It leaves out whole branches at random while training. That works for the reason you saw above: a residual net survives the loss of a block.
#
# </details>
#
# <details><summary>In which sense is a ResNet an ensemble?</summary>
#
# Multiply out $\prod(I+J_k)$: $2^L$ paths that share weights. Most of the gradient runs through short ones, and removing a block removes half of the paths but few of the important ones (Veit et al. 2016).
# "Ensemble" is a reading: the paths are trained together and not independent.
#
# </details>
#
# <details><summary>Is there another reading of why shortcuts help?</summary>
#
# Balduzzi et al. 2017 look at how gradients of neighbouring inputs are correlated: in deep plain nets they come to look like white noise ("shattered"), with shortcuts far less so.
# That would explain why a gradient of healthy *size* can still be useless.
#
# </details>
#
# <details><summary>Why does batch norm make the gradients of a plain net grow?</summary>
#
# Let the input of a ReLU be $z \sim N(0,1)$, as batch norm makes it.
# Backward, the ReLU passes half of the squared gradient.
# Forward, its output has the variance $E[z_+^2] - E[z_+]^2 = \tfrac12 - \tfrac1{2\pi} = \tfrac{\pi-1}{2\pi}$,
# and the next batch norm scales that back to 1, which multiplies the squared gradient by $\tfrac{2\pi}{\pi-1}$.
# Together $\tfrac12\cdot\tfrac{2\pi}{\pi-1} = \tfrac{\pi}{\pi-1} \approx 1.47$, for the norm $\sqrt{1.47} \approx 1.21$ per layer (Yang et al. 2019, wide fully connected nets).
# The small convolutional net above comes out a little lower.
#
# </details>
#
# <details><summary>x has 64 channels and F(x) has 128. What do you do?</summary>
#
# Option B: a 1×1 convolution from 64 to 128 with the block's stride, no bias, then BN. It runs on $x$, in parallel to the branch.
# Option A: take every second pixel and pad 64 channels of zeros; no parameters.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Deeper plain nets overfit." It is the training error that rises.
# - "ResNet solves vanishing gradients", full stop.
# - "The shortcut restores information that the convolution lost", offered as a derivation.
# - "With shortcuts gradients cannot explode." They can; only the lower bound is good news.
# - "The bottleneck is the main idea."
# - ReLU before the addition, or a projection in every block.
# - The gradient as $1 + F'$ for *one* block, and no word on how blocks combine.

# %% [markdown]
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016 (arXiv 2015). §1 and §4.1 on degradation, §3.3 on the nets, Tables 1–3, Fig. 4.
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016. §2, eq. 3–5: the derivation; eq. 6–8: the scaled shortcut.
# - A. Veit, M. Wilber, S. Belongie. *Residual Networks Behave Like Ensembles of Relatively Shallow Networks.* NeurIPS 2016.
# - D. Balduzzi et al. *The Shattered Gradients Problem: If resnets are the answer, then what is the question?* ICML 2017.
# - G. Yang et al. *A Mean Field Theory of Batch Normalization.* ICLR 2019: why batch norm makes the gradients of deep plain nets explode.
