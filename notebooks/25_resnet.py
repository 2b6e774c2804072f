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
# (He et al. 2016, Fig. 4), and a higher validation error: 28.54 % against 27.94 % (Table 2).
# The paper calls this *degradation*.
# The optimiser does not find the copy.

# %% [markdown]
# ### The change
#
# Say a few layers should compute $H(x)$. Let them compute $F(x) = H(x) - x$ and add $x$ afterwards: $y = x + F(x)$.
# To copy, the layers now only have to output zero.
# The paper's measurements fit this: on CIFAR-10 the layers of ResNets respond less strongly than those of plain nets, and less the deeper the net is (Fig. 7).
#
# With shortcuts 34 layers reached 25.03 % (option A, no extra parameters), below both plain nets.
# 152 layers won ILSVRC 2015, with 3.57 % top-5 for an ensemble.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, data, evidence, expect, hint, models, plots, published, settings, trial

plots.style()

# %%
title = "Basic block: the shortcut goes round both convolutions; here the shape changes, so it is a projection"
plots.graph(*models.dataflow(models.BasicBlock(64, 128, stride=2), (64, 56, 56)), title)
plt.show()

# %%
title = "Bottleneck: the shape stays, so the shortcut is the input itself; the 3×3 works on a quarter of the channels"
plots.graph(*models.dataflow(models.Bottleneck(256, 64), (256, 56, 56)), title)
plt.show()


# %% [markdown]
# ### Count the 50 layers
#
# ResNet-50 is one convolution in the stem, 16 bottlenecks of three convolutions (3 + 4 + 6 + 3 blocks in four stages), and one linear layer: $1 + 48 + 1 = 50$.
# ResNet-34 has the same 16 blocks with two convolutions each: $1 + 32 + 1$. Projections and batch norms do not count.
#
# - **The stem.** A 7×7 with stride 2 and a 3×3 max pooling with stride 2 bring 224×224 pixels down to 56×56 before the first block: with 16 times fewer positions the blocks are affordable.
#   Later versions repair its coarseness: *ResNet-C* takes three 3×3 for the 7×7; *ResNet-D* also puts an average pooling before the 1×1 of each projection, which would otherwise look at one pixel in four.
# - **The end.** Global average pooling and one linear layer, no hidden dense layers. The paper uses no dropout, as the batch norm paper before it (§3.4). Whether batch norm regularises is left open in question 18.

# %% [markdown]
# ### Forward: a sum
#
# Let $x_l$ be the input of block $l$, and let the addition be the last thing a block does, $x_{l+1} = x_l + F_l(x_l)$.
# Put in $x_l = x_{l-1} + F_{l-1}(x_{l-1})$, and so on.
# From any block $l$ to any deeper $L$:
#
# $$ x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i) $$
#
# This is eq. 4 of the second ResNet paper (He et al. 2016, "Identity mappings").
# A plain net gives a *product* instead: for linear layers $x_L = W_{L-1}\cdots W_l\,x_l$.

# %% [markdown]
# ### Backward: an identity that stands alone
#
# Differentiate the sum with respect to $x_l$ and use the chain rule, $E$ being the loss (eq. 5):
#
# $$
# \frac{\partial E}{\partial x_l}
# = \frac{\partial E}{\partial x_L}\,\frac{\partial x_L}{\partial x_l}
# = \frac{\partial E}{\partial x_L}\left(I + \frac{\partial}{\partial x_l}\sum_{i=l}^{L-1} F_i(x_i)\right)
# $$
#
# The first term carries the gradient of the deep layer to the shallow one as it is: it is multiplied by no weight.
# It is lost only where the second term cancels it, that is, where the branches together return minus this gradient.
# The paper argues that this is unlikely for all samples of a batch at once.
# That is an argument, not a proof.

# %% [markdown]
# ### The same, block by block
#
# Let $J_k = \partial F_k/\partial x_k$. One block has the Jacobian $I + J_k$.
# The chain rule multiplies them, the last block on the left:
#
# $$
# \frac{\partial x_L}{\partial x_l} = (I+J_{L-1})\cdots(I+J_l)
# = I + \sum_k J_k + \sum_{k<m} J_m J_k + \dots + J_{L-1}\cdots J_l
# $$
#
# Each of the $L-l$ blocks is either passed by ($I$) or gone through ($J_k$): $2^{L-l}$ terms, one for each *path*.

# %% [markdown]
# ### What the identity is worth
#
# Let every $\lVert J_k\rVert \le c$ with $c < 1$, over $n$ blocks, and let $v$ be the gradient that comes in.
#
# $$
# \text{plain: } \lVert J_n\cdots J_1\rVert \le c^{\,n}
# \qquad\qquad
# \text{residual: } (1-c)^n\,\lVert v\rVert \le \lVert P^{\mathsf T} v\rVert \le (1+c)^n\,\lVert v\rVert
# $$
#
# The left one: norms multiply.
# The right one, with $P$ the product above: by the triangle inequality $\lVert (I+J)^{\mathsf T}v\rVert \ge \lVert v\rVert - \lVert J^{\mathsf T}v\rVert \ge (1-c)\lVert v\rVert$,
# and in the same way at most $(1+c)\lVert v\rVert$; then block after block.
#
# So in a plain chain with $c < 1$ the gradient falls at least as fast as $c^n$. A residual chain is safe while $n\,c$, the norms of all Jacobians *together*, stays near 1 or below.
# Small Jacobians alone are not enough: $(1 - 0.2)^{20} = 0.01$. And a shortcut does not keep a gradient from *growing*.

# %% [markdown]
# ### Why exactly one times $x$?
#
# Scale the shortcut: $x_{l+1} = \lambda x_l + F_l(x_l)$. Put in once, $x_{l+2} = \lambda^2 x_l + \lambda F_l + F_{l+1}$, and see the pattern:
#
# $$
# \frac{\partial E}{\partial x_l} = \frac{\partial E}{\partial x_L}
# \left(\lambda^{L-l}\,I + \frac{\partial}{\partial x_l}\sum_i \lambda^{L-1-i}F_i(x_i)\right)
# $$
#
# The identity has the factor $\lambda^{L-l}$ (with a λ of its own for each block: their product; eq. 6–8).
# With many blocks it vanishes for λ clearly below 1 and explodes for λ clearly above 1.
#
# The net of 2015 has even $\lambda = 1$ only approximately: a ReLU follows the addition, and it sets entries of the shortcut to zero.
# Taking it out of the way is version 2, question 26.

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
# B is the usual choice, and what you write below.

# %% [markdown]
# ### The bottleneck's arithmetic
#
# Weights of the branch, without BN. Let the block read and return $C$ channels, and let the bottleneck's inside have $m = C/4$.
#
# - Two 3×3 convolutions: $2\cdot 9\,C^2 = 18\,C^2$.
# - Bottleneck: $4m\cdot m$ for the first 1×1, $9\,m^2$ for the 3×3, $m\cdot 4m$ for the last 1×1, together $17\,m^2 = \tfrac{17}{16}\,C^2$.
#
# So the bottleneck is $18\cdot16/17 \approx 17$ times cheaper.
# Or: for the price of two 3×3 at width $m$ ($18\,m^2$) it serves four times as many channels ($17\,m^2$).
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
    """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), rounded up.

    No bias; ReLU after the addition; a projection (1×1, BN) only where stride or channels change; x is left as it was.
    """

    def __init__(self, c_in, c_out, stride=1):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


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
    """(N, c_in, H, W) -> (N, 4 * c_mid, H / stride, W / stride), rounded up.

    The stride is on the 3×3. No bias; ReLU after the addition; a projection (1×1, BN) only where the shape changes.
    """

    def __init__(self, c_in, c_mid, stride=1):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


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
    """jacobians: list of (d, d) arrays, first block first -> (d, d).

    The Jacobian of the whole chain x <- x + F_k(x): entry [i, j] is the derivative of output i by input j.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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

# %% [markdown]
# ## Experiments
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
    count, printed = models.count_parameters(net), models.PUBLISHED[f"resnet{depth}"].parameters
    macs = models.model_macs(net, (3, 224, 224))
    print(f"ResNet-{depth:<3}  {DEPTHS[depth][1]!s:14} {count:11,} {printed:11,} {macs / 1e9:12.2f} G")
    expect(count == printed)

# %% [markdown]
# **Takeaway.** ResNet-34 and ResNet-50 have the same number of blocks, and similar cost and size (3.7 and 4.1 G, 22 and 26 million).
# The 16 extra layers come from the bottleneck: three convolutions a block where there were two.

# %% [markdown]
# ### Degradation
#
# Digits of 8×8 pixels; a stem, three stages of $n$ blocks with 8, 16 and 32 channels, a classifier.
# That is $6n + 2$ layers: 20 for $n = 3$, 56 for $n = 9$, as in the paper's §4.2.
# The plain nets have the same convolutions and the same batch norms; only the addition is missing.
# Each is trained for 200 mini-batches, with SGD and with Adam, at two rates each and from two seeds.
# Adam divides each parameter's step by the size of its gradients, so with Adam a small gradient does not mean a small step.
#
# By the argument of the copy, what a shallow net can fit, a deep one can fit too. Does it?

# %%
images, labels, *_ = data.digits(flat=False)
images, labels = torch.tensor(images, dtype=torch.float32), torch.tensor(labels)


def layer(c_in, c_out, kernel=3, stride=1, norm=nn.BatchNorm2d, padding="zeros"):
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False, padding_mode=padding)
    return nn.Sequential(convolution, norm(c_out), nn.ReLU())


def plain_block(c_in, c_out, stride=1, **options):
    return nn.Sequential(layer(c_in, c_out, 3, stride, **options), layer(c_out, c_out, 3, 1, **options))


def small_net(block, n, seed):
    """nn.Sequential of a stem, 3n blocks and a head."""
    torch.manual_seed(seed)
    blocks, c_in = [], 8
    for stage, c_out in enumerate((8, 16, 32)):
        for index in range(n):
            blocks.append(block(c_in, c_out, 2 if stage and index == 0 else 1))
            c_in = c_out
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_in, 10))
    net = nn.Sequential(layer(1, 8), *blocks, head)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")  # He initialisation: signals keep their size (question 43)
    return net


def final_loss(kind, layers, way, lr, seed):
    """The mean training loss of the last 10 of 200 mini-batches of 64."""
    net = small_net(plain_block if kind == "plain" else models.BasicBlock, (layers - 2) // 6, seed)
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9) if way == "SGD" else torch.optim.Adam(net.parameters(), lr=lr)
    order, losses = torch.Generator().manual_seed(seed), []
    while len(losses) < 200:
        for batch in torch.randperm(len(images), generator=order).split(64)[:20]:
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return sum(losses[-10:]) / 10


WAYS = [("SGD", 0.05), ("SGD", 0.005), ("Adam", 0.01), ("Adam", 0.002)]
loss_after = evidence(
    "resnet_degradation", final_loss,
    [dict(kind=kind, layers=layers, way=way, lr=lr, seed=seed)
     for kind in ("plain", "residual") for layers in (20, 56) for way, lr in WAYS for seed in (0, 1)],
    atol=0.3,
)
loss_after

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for at, (way, lr) in enumerate(WAYS):
    for shift, kind, layers, tint, marker in ((-0.24, "plain", 20, "wrong", "o"), (-0.08, "plain", 56, "wrong", "s"),
                                              (0.08, "residual", 20, "right", "o"), (0.24, "residual", 56, "right", "s")):
        values = [loss_after(kind=kind, layers=layers, way=way, lr=lr, seed=seed) for seed in (0, 1)]
        ax.plot([at + shift] * 2, values, marker, color=plots.color(tint), markersize=8, markerfacecolor="white" if layers == 20 else None,
                label=f"{kind}-{layers}" if not at else None)
ax.set_xticks(range(4), [f"{way}, rate {lr}" for way, lr in WAYS])
ax.axhline(math.log(10), color="0.5", linestyle=":")
ax.text(3.4, math.log(10) + 0.04, "guessing", color="0.35", ha="right")
ax.set(ylabel="training loss after 200 steps", ylim=(0, 2.6), title="56 plain layers train far worse than 20; with shortcuts they keep up")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Takeaway.** This is degradation: it is the *training* loss, so it is not overfitting, and batch norm is in all of these nets.
# Rescaling the gradients (Adam) does not repair the deep plain net.
# 200 small steps are not convergence; the paper's figure 4 shows the same to the end of training.

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

# %% tags=["hide-input"]
ax = plots.curves(norms, "blocks between here and the output", "gradient norm",
                  "Of the four chains only the one with 1·x keeps the gradient", logy=True)
ax.xaxis.set_major_locator(plt.MultipleLocator(5))
plt.show()


# %% [markdown]
# **Takeaway.** The figures are those of the derivation: about $0.2^{20}$, $0.5^{20}$, 1 and $1.5^{20}$.
# The shortcut's factor decides: of these, only 1 has a harmless twentieth power.

# %% [markdown] tags=["deeper"]
# ### Deeper: what the bottleneck saves
#
# Weights of the branch alone: your blocks without their batch norms.

# %% tags=["deeper"]
def conv_weights(module):
    return sum(p.numel() for p in module.parameters() if p.dim() > 1)


wide, narrow, bottleneck = conv_weights(BasicBlock(256, 256)), conv_weights(BasicBlock(64, 64)), conv_weights(Bottleneck(256, 64))
print(f"two 3×3 on 256 channels:      {wide:9,}")
print(f"bottleneck on 256 channels:   {bottleneck:9,}   {wide / bottleneck:.1f} times fewer")
print(f"two 3×3 on 64 channels:       {narrow:9,}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** A bottleneck on 256 channels costs less than two 3×3 on 64.

# %% [markdown] tags=["deeper"]
# ### Deeper: which paths carry the gradient?
#
# The 20 blocks make $2^{20}$ paths. Most of them go through about 10 blocks.
# Sum the terms of the product by the number of blocks they go through, and see how much gradient each sum carries.

# %% tags=["deeper"]
jacobians = run_chain(1.0)[1]
by_length = [np.eye(DIM)] + [np.zeros((DIM, DIM)) for _ in jacobians]
for jacobian in jacobians:
    for length in range(BLOCKS, 0, -1):
        by_length[length] = by_length[length] + jacobian @ by_length[length - 1]
expect(np.allclose(sum(by_length), residual_jacobian(jacobians)))

carried = np.array([np.linalg.norm(paths.T @ upstream) for paths in by_length])
number = np.array([math.comb(BLOCKS, length) for length in range(BLOCKS + 1)])
print(f"paths through 5 blocks or fewer: {number[:6].sum() / number.sum():.1%} of all")
print(f"their share of the gradient:     {carried[:6].sum() / carried.sum():.1%} (of the sum of norms)")

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
axes[0].bar(range(BLOCKS + 1), number, color="0.6")
axes[0].set(xlabel="blocks on the path", ylabel="number of paths", title="Most paths are long …")
axes[1].bar(range(BLOCKS + 1), carried, color=plots.color("right"))
axes[1].set(xlabel="blocks on the path", ylabel="gradient norm of these paths", title="… but the short ones carry the gradient")
for ax in axes:
    ax.xaxis.set_major_locator(plt.MultipleLocator(5))
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** Seen from the gradient this net of 20 layers is a collection of shallow ones.
# That is the reading of Veit et al. 2016: an ensemble of short paths.
# It depends on small Jacobians (here their norm is at most 0.2): with larger ones, longer paths count more.

# %% [markdown] tags=["deeper"]
# ### Deeper: how large is the gradient, layer by layer?
#
# One pass, one backward, before any training.
# The gradient is read between the blocks of nets of 56 layers.
# In the plain net with batch norm, would you expect it to vanish?

# %% tags=["deeper"]
def bare_block(c_in, c_out, stride=1, padding="zeros"):
    """A plain block without batch norm."""
    return plain_block(c_in, c_out, stride, norm=nn.Identity, padding=padding)


def wrapped_block(c_in, c_out, stride=1):
    """A plain block without batch norm whose convolutions see the opposite border instead of zeros."""
    return bare_block(c_in, c_out, stride, padding="circular")


def block_gradients(net):
    """The norm of the loss's gradient at the output of each block."""
    blocks = [str(index) for index in range(1, len(net) - 1)]
    return np.array(models.gradient_norms(net, blocks, lambda net: F.cross_entropy(net(images[:128]), labels[:128])))


kinds = {
    "plain, with BN": plain_block,
    "residual, with BN": BasicBlock,
    "plain, no BN, padding that wraps": wrapped_block,
    "plain, no BN": bare_block,
}
flow = {name: np.array([block_gradients(small_net(block, 9, seed)) for seed in range(3)]) for name, block in kinds.items()}
first_to_last = {name: float(np.median(values[:, 0] / values[:, -1])) for name, values in flow.items()}
print(f"growth per layer, plain with BN: {first_to_last['plain, with BN'] ** (1 / 52):.2f}")

# %% tags=["deeper", "hide-input"]
position = np.arange(1, 28)
series = {name: (position, np.median(values / values[:, -1:], axis=0)) for name, values in flow.items()}
plots.curves(series, "block (the last is next to the loss)", "gradient norm, relative to the last block",
             "With batch norm the gradient grows instead of vanishing", logy=True)
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** In the plain net *with batch norm*, the kind that the 2015 paper studies, the gradient grows from layer to layer towards the input.
# With shortcuts it grows far less.
# Without batch norm it vanishes here, and even that has another cause: on maps of 2×2 pixels most taps of a 3×3 hit the zeros of the padding.
# With padding that wraps round, He initialisation alone nearly keeps the gradient.
#
# Does that contradict the paper, which calls the norms of the plain nets "healthy"? The paper prints no figures; healthy means there: they do not vanish.
# A growth of 1.15 a layer makes a factor of 100 or so in 34 layers, and of more than a thousand in these 52.

# %% [markdown] tags=["deeper"]
# ### Deeper: pull a block out
#
# Train the nets of 20 layers for 60 steps, replace one block by the identity, and measure the accuracy on 500 training images.
# No retraining. What happens to a net of which a layer is missing?

# %% tags=["deeper"]
def quickly_trained(block, steps=60):
    net = small_net(block, 3, seed=0)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for batch in torch.randint(len(images), (steps, 64), generator=torch.Generator().manual_seed(0)):
        optimiser.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimiser.step()
    return net


@torch.no_grad()
def accuracy(net, without=None):
    """Accuracy on 500 training images, in training mode (batch statistics), with one part left out."""
    x = images[:500]
    for index, part in enumerate(net):
        x = x if index == without else part(x)
    return (x.argmax(dim=1) == labels[:500]).float().mean().item()


removable = [1, 2, 3, 5, 6, 8, 9]  # blocks 4 and 7 change the shape, they cannot be left out
trained = {name: quickly_trained(block) for name, block in {"plain-20": plain_block, "residual-20": BasicBlock}.items()}
lesions = {name: [accuracy(net, k) for k in removable] for name, net in trained.items()}

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for (name, values), tint, marker in zip(lesions.items(), (plots.color("wrong"), plots.color("right")), "so", strict=True):
    ax.plot(removable, values, marker, color=tint, markersize=8, label=f"{name}, one block removed")
    ax.axhline(accuracy(trained[name]), color=tint, linestyle="--", linewidth=1.2, label=f"{name}, complete")
ax.set(xlabel="removed block", ylabel="accuracy", ylim=(0, 1.02), title="A residual net loses little without one block, a plain net nearly everything")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** In a plain net every layer depends on exactly the output of the one before it.
# In a residual net each block adds a correction to a signal that also passes without it; the first block matters most here. (Veit et al. 2016 removed blocks of trained nets in the same way.)

# %% [markdown] tags=["deeper"]
# ### Deeper: how clean is the clean path of version 1?
#
# Chain 27 of your basic blocks, 16 channels each, untrained.
# An entry's shortcut path is open as long as no ReLU after an addition has cut it off.
# If every ReLU cut off half of the entries at random, a share of $2^{-k}$ would be open after $k$ blocks.

# %% tags=["deeper"]
torch.manual_seed(0)
x = F.relu(torch.randn(64, 16, 8, 8))
still_open, share = torch.ones_like(x, dtype=torch.bool), [1.0]
with torch.no_grad():
    for _ in range(27):
        x = BasicBlock(16, 16)(x)
        still_open &= x > 0
        share.append(still_open.float().mean().item())

# %% tags=["deeper", "hide-input"]
depth = np.arange(28)
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.semilogy(depth, share, "o-", color=plots.color("right"), label="measured, your blocks")
ax.semilogy(depth, 0.5**depth, "--", color="0.5", label="half cut off at each ReLU")
ax.set(xlabel="blocks passed", ylabel="share of open paths", ylim=(1e-3, 1.5),
       title="Most entries meet a closed ReLU somewhere, but an open share remains")
ax.legend()
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** In version 1 the identity of eq. 5 holds for some entries only.
# The share does not fall like a power of ½: the sum grows, so later blocks make it negative less often.
# Version 2 removes the ReLU, and the share is 1 at any depth.

# %% [markdown] tags=["deeper"]
# ### Deeper: a block that does nothing
#
# With all γ and β of batch norm at zero the branch outputs zero. What is left of your block?

# %% tags=["deeper"]
torch.manual_seed(0)
block, x = BasicBlock(16, 16), torch.randn(4, 16, 8, 8)
for module in block.modules():
    if isinstance(module, nn.BatchNorm2d):
        nn.init.zeros_(module.weight)

print("a non-negative x comes out as it went in:", torch.equal(block(x.abs()), x.abs()))
print("any other x comes out as relu(x):        ", torch.equal(block(x), F.relu(x)))

# %% [markdown] tags=["deeper"]
# **Takeaway.** In a residual block the copy is easy to reach: γ = 0.
# In practice only the *last* γ of each block starts at zero ("zero-init γ"): with all of them at zero the convolutions would never get a gradient.

# %% [markdown]
# ## Folklore on trial
#
# ### "What ResNet solves is degradation"

# %%
depth = models.PAPERS["resnet-depth"]


def gap(kind, way, lr, seed):
    """By how much is the training loss of 56 layers above that of 20?"""
    return loss_after(kind=kind, layers=56, way=way, lr=lr, seed=seed) - loss_after(kind=kind, layers=20, way=way, lr=lr, seed=seed)


def degrades_without_shortcuts_only(way, lr, seed):
    """Two thresholds: a gap of 0.3 or of 0.6 without shortcuts, and less than half of that with them."""
    return tuple(gap("plain", way, lr, seed) > least > 2 * gap("residual", way, lr, seed) for least in (0.3, 0.6))


trial(
    "with batch norm in all of them the deeper plain net trains worse, and with shortcuts it does not",
    degrades_without_shortcuts_only,
    over=[dict(way=way, lr=lr, seed=seed) for way, lr in WAYS for seed in (0, 1)],
    published=[
        published(depth.source, f"34 layers against 18: plain {depth['plain, 34 layers']} and {depth['plain, 18 layers']} %, residual {depth['residual, 34 layers']} and {depth['residual, 18 layers']} %; training errors in the same order (Fig. 4)", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# ### "Deep plain nets fail because their gradients vanish, and ResNet solves that"

# %%
trial(
    "deep plain nets with batch norm fail because their gradients vanish",
    published=[published("He et al. 2016 (Deep residual learning), §4.1", "with batch norm forward signals keep their variance; the authors checked the backward norms and find vanishing gradients an unlikely reason", holds=False)],
    expect="does not hold",
)


# %% [markdown]
# Their guess is that plain deep nets converge exponentially slowly.
# Our small net above agrees: at the start its gradients do not vanish, they grow.
# Say instead: *ResNet solves degradation. Shortcuts can keep gradients alive where batch norm and initialisation do not, but that was not the puzzle.*

# %% [markdown]
# ### "An identity shortcut guarantees that gradients neither vanish nor explode"
#
# Eq. 5 says that the identity stands alone. It does not say what is added to it.
# Try branches whose Jacobians have a given norm and point at random, along the identity, or against it.

# %%
def survives(direction, norm, blocks):
    """Is the gradient between a tenth and ten times its size behind `blocks` blocks?"""
    draw = np.random.default_rng(blocks)
    along = {"along": np.eye(DIM), "against": -np.eye(DIM)}
    chain = residual_jacobian([norm * along.get(direction, np.linalg.qr(draw.normal(size=(DIM, DIM)))[0]) for _ in range(blocks)])
    return bool(0.1 < np.linalg.norm(chain.T @ upstream) < 10)


trial(
    "an identity shortcut guarantees that gradients neither vanish nor explode",
    survives,
    over=settings(direction=["random", "along", "against"], norm=[0.05, 0.1, 0.2], blocks=[10, 20, 50]),
    held_out=settings(direction=["random", "along", "against"], norm=[0.03, 0.15, 0.4], blocks=[8, 12, 40]),
    only_if=("the norms of the branches' Jacobians add up to less than about 2", lambda norm, blocks: norm * blocks < 2),
    expect="holds only if the norms of the branches' Jacobians add up to less than about 2",
)

# %% [markdown]
# The 2 belongs to our threshold of a factor of ten: $e^2 \approx 7$.
# Random directions are far milder than the bound: then each block multiplies the *squared* norm by about $1 + \lVert J\rVert^2$. That explains the four settings outside that held.
# Because sums of Jacobians can get large, deep residual nets, too, use batch norm or small initial branches.

# %% [markdown]
# ### "The bottleneck is what makes ResNet deep and accurate"

# %%
without = models.PAPERS["resnext-residual"]["ResNet-50"]
trial(
    "the bottleneck is what makes ResNet deep and accurate",
    published=[
        published(depth.source, f"34 layers without a bottleneck: residual {depth['residual, 34 layers']} %, plain {depth['plain, 34 layers']} %", holds=False),
        published("Xie et al. 2017, §5.1", f"50 layers of bottlenecks without shortcuts: {without[1]} %, with them {without[0]} %", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# Say instead: *the bottleneck is an economy measure of ResNet-50, 101 and 152.*

# %% [markdown]
# ### "With shortcuts, deeper is always better"

# %%
cifar = models.PAPERS["resnet-cifar"]
trial(
    "with the shortcuts of version 1, deeper is always better on CIFAR-10",
    only_if=("the net has at most 110 layers (of those that the paper tried)", lambda layers: layers <= 110),
    published=[
        published(cifar.source, f"CIFAR-10, 20 → 56 layers: {cifar['20']} → {cifar['56']} %", holds=True, inside=True),
        published(cifar.source, f"CIFAR-10, 56 → 110 layers: {cifar['56']} → {cifar['110 (mean of 5)']} %", holds=True, inside=True),
        published(cifar.source, f"CIFAR-10, 110 → 1202 layers: {cifar['110 (mean of 5)']} → {cifar['1202']} %", holds=False, inside=False),
    ],
    expect="holds only if the net has at most 110 layers (of those that the paper tried)",
)

# %% [markdown]
# ResNet-1202 has 19.4 million parameters for 50,000 images, fits them to below 0.1 % and overfits, say the authors.
# But the data alone do not set the limit: on the same images version 2 made 1001 layers useful, with 4.92 % (question 26).

# %% [markdown]
# ## Answer in 30 seconds
#
# "On ImageNet a plain net of 34 layers is worse than one of 18, 28.5 against 27.9 percent, even in training: that is degradation.
# With shortcuts 34 layers reach 25.0, and 152 layers won ILSVRC 2015.
# A block adds a residual to its input, so doing nothing is easy.
# The gradient becomes a product of identity plus Jacobian, which survives while the Jacobians together are small.
# Shall I derive it?"
#
# ### 三十秒回答
#
# "ImageNet 上,34 层普通网络的错误率 28.5%,比 18 层的 27.9% 还高,训练误差也更高,这叫退化。
# 加上残差连接,34 层降到 25.0%,152 层拿下 2015 年 ILSVRC 冠军。
# 每个块学残差再加回输入,所以恒等映射很容易实现。
# 梯度变成各层 (I + J) 的连乘,只要各层的雅可比 J 加起来不大,就不会消失。
# 要我推导吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - The puzzle: a deeper net could copy the shallower one, and still trains worse. Plain-34 against plain-18 on ImageNet.
# - The block: two 3×3 with BN, add $x$, then ReLU. Where the shape changes, a 1×1 convolution with the stride, and BN.
# - The derivation: unroll to $x_L = x_l + \sum F_i$; differentiate; the identity stands alone. As a product: $\prod(I+J_k)$, $2^L$ paths, most gradient on short ones.
# - The counter-example: with $\lambda x$ the factor is $\lambda^L$, harmless only near λ = 1. He et al. measured it: gates, dropout and scaling on the shortcuts of ResNet-110 all cost accuracy (question 26).
# - The limits: the gradient stays between $(1-c)^n$ and $(1+c)^n$, so what counts is the sum of the Jacobians' norms; version 1's ReLU after the sum and the projections interrupt the clean path.
# - Vanishing gradients: with batch norm the plain net's gradients do not vanish; in our small net they even grow towards the input, at the start. And Adam, which rescales them, did not help there. Degradation is a question of optimisation.
# - The bottleneck: $17m^2$ weights for $4m$ channels, against $18m^2$ for $m$. Economy. ResNet-50: $1 + 3\cdot16 + 1$ layers, 25.6 M parameters, 4.1 G multiply-adds.
# - Results: 25.03 % for 34 layers where plain has 28.54; 3.57 % top-5 in ILSVRC 2015, first place. 1202 layers on CIFAR-10 overfit: 7.93 against 6.61 %.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Identity or projection everywhere?</summary>
#
# Identity wherever the shape allows it.
# ResNet-34, ten crops (table 3): top-1 error 25.03 with option A, 24.52 with B, 24.19 with C.
# So projections help a little, and they are not what cures degradation. (The authors: option A's zero channels learn no residual, and C has more parameters.)
# In deeper nets C does harm: ResNet-110 on CIFAR-10 has 12.22 % with a 1×1 on every shortcut, 6.61 % with the identity (*Identity Mappings*, table 1).
# With bottlenecks C also costs far too much: a projection of all $4m$ channels, $(4m)^2 = 16m^2$, costs about as much as the whole branch, $17m^2$. ResNet-50 would grow from 25.6 to 40.1 million parameters.
#
# </details>
#
# <details><summary>"Convolutions lose information, and the shortcut brings it back." Is that the derivation?</summary>
#
# No, it is only an image: no step of the derivation mentions information. And a block with a shortcut can still lose it: with $F(x) = -x$ on half of the entries the block wipes them out.
# What counts is the *size* of what passes, forward and backward.
#
# </details>
#
# <details><summary>Why must the ReLU not come before the addition?</summary>
#
# $F$ would never be negative, so the sum could only grow: a block could add to a feature but not take away.
# After the addition, as in version 1, the ReLU interrupts the identity path.
# Version 2 moves BN and ReLU to the front of the branch, and nothing follows the sum: question 26.
#
# </details>
#
# <details><summary>What is v1.5?</summary>
#
# The stride in a bottleneck that shrinks the map sits on the 3×3, not on the first 1×1.
# A 1×1 with stride 2 never looks at three quarters of its input; a 3×3 with stride 2 sees all of it.
# Parameters are equal. The first 1×1 now works on the large map, so multiply-adds rise from 3.86 to 4.09 G.
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
# "Ensemble" is an interpretation: the paths are trained together and are not independent.
#
# </details>
#
# <details><summary>Is there another reading of why shortcuts help?</summary>
#
# Balduzzi et al. 2017 look at how the gradients at neighbouring inputs are correlated: in deep plain nets they come to look like white noise ("shattered"), with shortcuts far less so.
# That may explain why a gradient of healthy *size* can still be of little use.
#
# </details>
#
# <details><summary>Why does batch norm make the gradients of a plain net grow?</summary>
#
# Let the input of a ReLU be $z \sim N(0,1)$. Batch norm gives it this mean and this variance. That it is Gaussian is an assumption, nearly true in a wide net at the start: batch norm does not change the shape (question 15).
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
# - "With shortcuts gradients cannot explode." They can: the identity does nothing against growth.
# - "The bottleneck is the main idea."
# - ReLU before the addition, or a projection in every block.
# - The gradient as $1 + F'$ for *one* block, and no word on how blocks combine.

# %% [markdown]
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016 (arXiv 2015). §1 and §4.1 on degradation, §3.3 on the nets, tables 2, 3 and 6, figures 4 and 7.
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016. §2, eq. 3–5: the derivation; eq. 6–8: the scaled shortcut.
# - A. Veit, M. Wilber, S. Belongie. *Residual Networks Behave Like Ensembles of Relatively Shallow Networks.* NeurIPS 2016.
# - D. Balduzzi et al. *The Shattered Gradients Problem: If resnets are the answer, then what is the question?* ICML 2017.
# - G. Yang et al. *A Mean Field Theory of Batch Normalization.* ICLR 2019: why batch norm makes the gradients of deep plain nets explode.
