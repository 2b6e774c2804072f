# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 49 · MobileNet, squeeze-and-excitation, EfficientNet, ConvNeXt
#
# *MobileNet、SE、EfficientNet、ConvNeXt 的核心思想?深度可分离卷积省多少?*

# %% [markdown]
# ## Question
#
# "How much does a depthwise-separable convolution save?
# Write MobileNetV2's block, a squeeze-and-excitation layer and ConvNeXt's block.
# Which one idea does each of these networks stand for?"
#
# "深度可分离卷积能省多少?请写出 MobileNetV2 的块、SE 模块和 ConvNeXt 的块。这几个网络各自的核心思想是什么?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The ratio** $1/C_{out} + 1/k^2$, derived, and why the time saved is less.
# - **Inverted:** narrow ends with the shortcut, wide middle; and why the last 1×1 has no activation.
# - **What SE costs:** hardly any multiply-adds, a tenth more parameters, some time.
# - **Compound scaling** with its three factors and the constraint on them.
# - **ConvNeXt step by step:** how much was the training recipe, how much the architecture.

# %% [markdown]
# ## The idea
#
# **Depthwise-separable** (Howard et al. 2017). One k×k kernel for each channel, then a 1×1 that mixes the channels. For each position of the output:
#
# $$
# \frac{\text{separable}}{\text{plain}} = \frac{k^2 C_{in} + C_{in} C_{out}}{k^2 C_{in} C_{out}} = \frac{1}{C_{out}} + \frac{1}{k^2}
# $$
#
# With k = 3 and many channels that is close to 1/9: MobileNet has 569 M multiply-adds, the same net of plain convolutions 4866 M; MobileNet's accuracy is 1.1 points lower (table 4 of the paper).
# The time saved is usually less.
# A depthwise kernel does only $k^2$ multiply-adds for each value it reads, a 1×1 does $C_{out}$: the first mostly waits for memory.

# %% [markdown]
# **Inverted residual** (MobileNetV2). A bottleneck turned round: 1×1 up to $6C$, depthwise 3×3, 1×1 down to $C$, the shortcut between the narrow ends.
# The wide middle costs little, because its 3×3 is depthwise; only the narrow ends have to be kept in memory between blocks.
# The last 1×1 stays *linear*: with few channels a ReLU would lose information.
# For 2-dimensional data sent through $n$ random directions and a ReLU, a point can be recovered only if two directions are active, which fails with probability $(n+1)/2^n$: three quarters for $n=2$, about $3\cdot10^{-8}$ for $n=30$.
#
# **Squeeze-and-excitation** (Hu et al. 2018). Mean of each channel; two small layers with a sigmoid; each channel scaled by its number. Every channel then sees the whole image.
#
# **EfficientNet** (Tan & Le 2019). A searched base net of gated inverted residuals, scaled in depth, width and resolution together, $d=\alpha^\phi, w=\beta^\phi, r=\gamma^\phi$ with
#
# $$
# \alpha\,\beta^2\gamma^2 \approx 2, \qquad 1.2\cdot 1.1^2\cdot 1.15^2 = 1.92
# $$
#
# because the cost grows with $d\,w^2r^2$: each step of φ about doubles it.
#
# **ConvNeXt** (Liu et al. 2022). A ResNet-50 changed step by step after the model of the Swin Transformer: depthwise 7×7, layer norm, 1×1 to $4C$, GELU, 1×1 back, a small learnt scale, shortcut. One norm and one activation in a block.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, hint, models, plots, published, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: what a separable convolution costs
#
# Depthwise k×k first, then 1×1; stride 1, same size, no biases. Two ints; a multiplication with its addition counts as one.

# %%
def separable_cost(c_in, c_out, kernel, height, width):
    """Ints: channels in and out, kernel side, map size -> (parameters, multiply-adds), ints; depthwise first, stride 1, no biases."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(separable_cost)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two layers</summary>
#
# One kernel of k² numbers for each of the `c_in` channels, then a `c_out` × `c_in` matrix; each weight is used once at each position.
#
# </details>

# %% [markdown]
# ### Exercise 2: MobileNetV2's block
#
# 1×1 to `expansion · c_in`, BN, ReLU6 (left out, all three, when expansion is 1); depthwise 3×3 with the stride, BN, ReLU6; 1×1 to `c_out`, BN, no activation.
# The input is added exactly when stride is 1 and `c_in == c_out`. No biases. Names and order of your attributes are free.

# %%
class InvertedResidual(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, ⌈H/stride⌉, ⌈W/stride⌉); BN, ReLU6, no biases; linear at the end; shortcut iff stride 1 and c_in == c_out."""

    def __init__(self, c_in, c_out, stride=1, expansion=6):
        super().__init__()
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(InvertedResidual)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: depthwise in torch</summary>
#
# `nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the shortcut</summary>
#
# Nothing is learnt on it: where the shapes differ there is none.
#
# </details>

# %% [markdown]
# ### Exercise 3: squeeze-and-excitation
#
# Global mean; a layer *with bias* to `max(1, channels // reduction)` numbers; ReLU; a layer with bias back; sigmoid; scale.

# %%
class SqueezeExcite(nn.Module):
    """(N, C, H, W) -> the same shape, each channel times its gate; max(1, C // reduction) in between, both layers with bias."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(SqueezeExcite)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: shapes</summary>
#
# Means `(N, C)`, then `(N, C // r)`, then gates `(N, C)`; they need two more axes to meet `(N, C, H, W)`.
#
# </details>

# %% [markdown]
# ### Exercise 4: ConvNeXt's block
#
# Depthwise 7×7; layer norm over the channels of each pixel, eps 1e-6; 1×1 to 4C; exact GELU; 1×1 back; a learnt scale for each channel that starts at `scale`; plus the input.
# All three convolutions have biases; no stochastic depth.

# %%
class ConvNeXtBlock(nn.Module):
    """(N, C, H, W) -> the same shape; layer norm over channels with eps 1e-6, exact GELU, a scale (C,) started at `scale`."""

    def __init__(self, channels, scale=1e-6):
        super().__init__()
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(ConvNeXtBlock)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: channels last</summary>
#
# `nn.LayerNorm` and `nn.Linear` work on the last axis: `permute(0, 2, 3, 1)` before, `permute(0, 3, 1, 2)` after. A 1×1 convolution is a linear layer there.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* block that runs.
#
# ### Your blocks make the published networks
#
# The zoo's networks, assembled from what you wrote; the two that came out of a search are the zoo's own.

# %%
with torch.device("meta"):
    built = {
        "mobilenet-v2": models.MobileNetV2(block=InvertedResidual),
        "se-resnet50": models.SEResNet(gate=SqueezeExcite),
        "convnext-t": models.ConvNeXt(block=ConvNeXtBlock),
        "mobilenet-v3-large": models.MobileNetV3Large(),
        "efficientnet-b0": models.EfficientNetB0(),
    }
for name, network in built.items():
    row, count = models.PUBLISHED[name], models.count_parameters(network)
    macs = models.model_macs(network, row.input_shape)
    print(f"{row.title:18} {count:11,} parameters ({'as published' if count == row.parameters else 'not as published'}), {macs / 1e9:.2f} G multiply-adds")

# %% tags=["hide-input"]
plots.graph(*models.dataflow(InvertedResidual(24, 24), (24, 56, 56)), "Your inverted residual: the 3×3 on 144 channels has fewer parameters than either 1×1")
plt.show()


# %% [markdown]
# **Takeaway.** The two 1×1 convolutions have 84 % of the weights ($2\cdot24\cdot144$ of 8208) and, at stride 1, of the multiply-adds; the depthwise 3×3 has 16 %.

# %% [markdown]
# ### What a ReLU loses in few channels
#
# A spiral in the plane, sent through $n$ random directions, a ReLU, and back by least squares on the directions that are still active (figure 1 of the paper).

# %%
def through_relu(points, channels, seed):
    """(what comes back (N, 2), how many of the directions are active (N,)): relu(points · Tᵀ), undone where it can be."""
    directions = np.random.default_rng(seed).normal(size=(channels, 2))
    kept = np.maximum(points @ directions.T, 0)
    back = np.array([np.linalg.lstsq(directions[row > 0], row[row > 0], rcond=None)[0] if row.any() else np.zeros(2) for row in kept])
    return back, (kept > 0).sum(axis=1)


angles = np.linspace(0.5, 6 * np.pi, 300)
spiral = np.column_stack([np.cos(angles), np.sin(angles)]) * angles[:, None] / angles.max()

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 5, figsize=(9, 2.3), layout="constrained", sharex=True, sharey=True)
axes[0].scatter(*spiral.T, c=angles, s=4, cmap="viridis")
axes[0].set_title("before")
for ax, channels in zip(axes[1:], (2, 3, 5, 30), strict=True):
    back, _ = through_relu(spiral, channels, seed=3)
    ax.scatter(*back.T, c=angles, s=4, cmap="viridis")
    ax.set_title(f"{channels} channels")
for ax in axes:
    ax.set(xticks=[], yticks=[])
    ax.set_aspect("equal")
fig.suptitle("With few channels a ReLU loses whole sectors of the plane; with 30 every point comes back", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** So the activation belongs where there are many channels, in the wide middle.

# %% [markdown]
# ### ConvNeXt: from ResNet-50 step by step
#
# ImageNet top-1 accuracy along the steps from ResNet-50 (Liu et al. 2022, figure 2 and §2). How much of it is architecture?

# %% tags=["hide-input"]
LADDER = {
    "ResNet-50, old recipe": 76.1, "new recipe": 78.8, "blocks 3, 3, 9, 3": 79.4, "4×4 patches as stem": 79.5, "depthwise, width 96": 80.5,
    "inverted bottleneck": 80.6, "depthwise moved up": 79.9, "kernel 7×7": 80.6, "GELU": 80.6, "one activation": 81.3, "one norm": 81.4,
    "layer norm": 81.5, "separate downsampling": 82.0,
}
names, values = list(LADDER), list(LADDER.values())
fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
colours = ["0.5", plots.color("wrong")] + [plots.color("train")] * 11
ax.barh(names, values, color=colours)
for i, value in enumerate(values):
    ax.text(value + 0.05, i, f"{value}", va="center", fontsize=9)
ax.axvline(81.3, color="0.3", linestyle=":")
ax.text(81.33, -0.6, "Swin-T", color="0.3", fontsize=9)
ax.set(xlim=(75, 83), xlabel="ImageNet top-1 accuracy (%)", title="The recipe gives 2.7 points, eleven changes of the net together 3.2")
ax.invert_yaxis()
plt.show()

# %% [markdown]
# **Takeaway.** The largest single step is the new training recipe. None of the steps adds attention.

# %% [markdown] tags=["deeper"]
# ### Deeper: multiply-adds and time on this machine
#
# One image, one thread. The bars depend on your processor and library; that is the lesson.

# %% tags=["deeper", "hide-input"]
from time import perf_counter

torch.set_num_threads(1)


def milliseconds(layer, x):
    with torch.no_grad():
        layer(x)
        times = []
        for _ in range(5):
            start = perf_counter()
            layer(x)
            times.append(perf_counter() - start)
    return 1000 * min(times)


shapes, saved, faster = [(32, 56), (64, 28), (128, 28), (128, 14)], [], []
for channels, size in shapes:
    x = torch.randn(1, channels, size, size)
    plain = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    separable = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False), nn.Conv2d(channels, channels, 1, bias=False))
    saved.append(plain.weight.numel() * size * size / separable_cost(channels, channels, 3, size, size)[1])
    faster.append(milliseconds(plain, x) / milliseconds(separable, x))
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
at = np.arange(len(shapes))
ax.bar(at - 0.2, saved, 0.38, color=plots.color("train"), label="multiply-adds saved")
ax.bar(at + 0.2, faster, 0.38, color=plots.color("test"), label="time saved, measured")
ax.set_xticks(at, [f"{c} channels, {s}×{s}" for c, s in shapes])
ax.set(ylabel="times less than a plain 3×3", title="Multiply-adds saved and time saved are two numbers", ylim=(0, 11))
ax.legend(loc="upper left", ncols=2)
plt.show()


# %% [markdown]
# ## Folklore on trial
#
# ### "A ReLU in the bottleneck loses information"
#
# A point of the plane is lost where fewer than two directions stay active.
# The paper's own evidence is its figure 6a: linear bottlenecks are more accurate than ones with ReLU6.

# %%
def loses(channels, seed):
    """Is more than a tenth of 400 random points of the plane lost (or more than a seventh)?"""
    points = np.random.default_rng(100 + seed).normal(size=(400, 2))
    back, _ = through_relu(points, channels, seed)
    lost = np.mean(np.abs(back - points).max(axis=1) > 1e-6)
    return bool(lost > 1 / 10), bool(lost > 1 / 7)


trial(
    "a ReLU on a 2-dimensional signal loses information (more than a tenth of the points)",
    loses,
    over=settings(channels=[2, 3, 6, 12, 30], seed=range(3)),
    held_out=settings(channels=[2, 3, 4, 8, 10, 15, 20, 40], seed=range(3, 6)),
    only_if=("there are at most twice as many channels as dimensions", lambda channels: channels <= 4),
    published=[
        published("Sandler et al. 2018, §6.4 and figure 6a", "MobileNetV2 is more accurate with linear bottlenecks than with ReLU6 on them", holds=True, inside=True),
    ],
    expect="holds only if there are at most twice as many channels as dimensions",
)

# %% [markdown]
# By the formula above a share of 0.31 is lost at 4 channels, 0.19 at 5, 0.11 at 6 and 0.06 at 7: "twice as many" is a round limit, not a sharp one, and 5 to 7 are not among the held-out settings.
# So a ReLU on a *narrow* layer loses information, and on a wide one hardly any.
#
# ### "Squeeze-and-excitation costs nothing"

# %%
plain, gated = (models.measure(name) for name in ("resnet50", "se-resnet50"))
more = [100 * (b / a - 1) for a, b in zip(plain, gated, strict=True)]
print(f"SE-ResNet-50 against ResNet-50, counted here: {more[0]:.1f} % more parameters, {more[1]:.2f} % more multiply-adds")

# %%
trial(
    "squeeze-and-excitation costs nothing (1 % at most)",
    only_if=("cost is counted in multiply-adds", lambda cost: cost == "multiply-adds"),
    published=[
        published("Hu et al. 2018, §4 and table 2", "3.86 → 3.87 G multiply-adds, 0.26 % more; top-1 error 24.80 → 23.29 %", holds=True, inside=True),
        published("Hu et al. 2018, §4", "a training step with 256 images: 190 → 209 ms on eight GPUs, 10 % more", holds=False, inside=False),
    ],
    expect="holds only if cost is counted in multiply-adds",
)

# %% [markdown]
# Our count takes the two small layers alone; the paper's 0.26 % is the ratio of two figures rounded to 0.01 G.
# Both are far below 1 %.
# The pooling reads the whole map once more, and the scaling reads and writes it again: no multiply-adds to speak of, but time.
#
# ### "ConvNeXt shows that convolutions were never the problem"

# %%
trial(
    "with the same recipe and size a pure CNN is as accurate as a Transformer (within a quarter of a point, or better)",
    published=[
        published("Liu et al. 2022, table 1", "ConvNeXt-T 82.1 %, Swin-T 81.3 %; about 28 M parameters and 4.5 G multiply-adds each", holds=True),
        published("Liu et al. 2022, §2.6, figure 2", "the changed ResNet passes Swin-T at the tenth step, 81.4 against 81.3 %, with batch norm still in place", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# Both figures come from one paper, by the CNN's authors.
# They were measured on ImageNet-1k, with labels and this recipe.
# They say nothing about masked pre-training, several modalities, or hundreds of millions of images.

# %% [markdown]
# ## Answer in 30 seconds
#
# "A depthwise-separable convolution costs 1/C_out plus 1/k² of a plain one, about a ninth for 3×3; it often waits for memory, so less time is saved.
# MobileNetV2 adds inverted residuals with linear bottlenecks.
# SE scales channels by gates from their means, EfficientNet scales depth, width and resolution together.
# ConvNeXt is a ResNet redesigned after Swin; nearly half of its gain is the training recipe. Shall I write a block?"
#
# ### 三十秒回答
#
# "深度可分离卷积的计算量是普通卷积的 1/C_out + 1/k²,3×3 时约九分之一;但受限于访存,提速没那么多。
# MobileNetV2 用倒残差和线性瓶颈;SE 用全局池化得到的权重重新标定各通道;EfficientNet 用复合缩放,同时放大深度、宽度和分辨率;
# ConvNeXt 参照 Swin 逐步改造 ResNet,近一半提升来自训练策略。要我写哪个模块?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Derive the ratio and give MobileNet's 569 M against 4866 M.
# - Draw the inverted residual with channel numbers, 24 → 144 → 24; say where the activation is missing, and why.
# - Say why the shortcut joins the narrow ends: they are what must be kept, and a phone has little memory.
# - SE: squeeze, excite, scale; 10 % more parameters, less than 0.3 % more multiply-adds, 1.5 points.
# - EfficientNet: $\alpha\beta^2\gamma^2\approx2$; B0 comes from a search, B1 to B7 from scaling.
# - MobileNetV3: searched for latency, then changed by hand; hard swish, SE gates.
# - ConvNeXt: go through the steps from ResNet-50; name the training recipe first.
# - Close with the warning: compare at equal *latency* on the target, not at equal multiply-adds.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What does ShuffleNet do?</summary>
#
# It groups the 1×1 convolutions, which are the expensive part, and adds a shuffle of the channels between them so that groups mix.
# Version 2 drops the groups for a channel split, after four rules from measured time: equal widths, few groups, few branches, few element-wise operations (Ma et al. 2018).
#
# </details>
#
# <details><summary>Why α = 1.2, β = 1.1, γ = 1.15?</summary>
#
# A small grid search on B0 under $\alpha\beta^2\gamma^2\approx2$, with φ = 1. The three are then kept and φ alone grows.
# The search on the small net is what makes it affordable; later work found other balances better for training speed (EfficientNetV2 grows the image less).
#
# </details>
#
# <details><summary>What is a re-parameterised VGG?</summary>
#
# RepVGG trains 3×3, 1×1 and identity branches in parallel, each with BN, and adds them; for inference all three fold into one 3×3 (question 17 folds the BN).
# Many branches to train, one plain convolution to run.
#
# </details>
#
# <details><summary>What does architecture search optimise?</summary>
#
# Accuracy and *measured* latency together, in MnasNet and MobileNetV3 by reinforcement learning over block types; later with weights shared in one large net.
# Ask how much a random choice from the same search space reaches: a good part of the gain may lie in the space itself.
#
# </details>
#
# <details><summary>What decides latency on a phone?</summary>
#
# Memory traffic, kernel launches, which operations the accelerator has, and 8-bit support.
# ReLU6 keeps activations in a fixed range; hard swish and the hard sigmoid avoid the exponential.
# Depthwise layers, SE's pooling and reshapes are cheap in multiply-adds but often slow. Measure on the device.
#
# </details>
#
# <details><summary>Why a scale of 1e-6 in ConvNeXt?</summary>
#
# Each block starts as nearly the identity, which makes deep stacks easier to train (LayerScale, Touvron et al. 2021).
# It is learnt, one number for each channel.
#
# </details>
#
# <details><summary>Why does a 7×7 depthwise kernel cost so little?</summary>
#
# $49C$ against $8C^2$ for the two 1×1: with $C=96$ that is 6 % of the block.
# So the kernel could grow; in the paper larger ones than 7×7 bring no further gain (§2.5).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Nine times fewer multiply-adds, so nine times faster."
# - ReLU after the projection of an inverted residual.
# - A shortcut with a projection in MobileNetV2.
# - "SE is free."
# - "Compound scaling doubles depth, width and resolution."
# - "Transformers beat CNNs", or the reverse, without naming recipe and data.

# %% [markdown]
# ## References
#
# - A. Howard et al. *MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications.* 2017. §3.1, table 4.
# - M. Sandler et al. *MobileNetV2: Inverted Residuals and Linear Bottlenecks.* CVPR 2018. Figures 1 and 6, tables 1, 2 and 4.
# - A. Howard et al. *Searching for MobileNetV3.* ICCV 2019. Tables 1 and 3.
# - J. Hu, L. Shen, G. Sun. *Squeeze-and-Excitation Networks.* CVPR 2018. §3, §4, table 2.
# - M. Tan, Q. Le. *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks.* ICML 2019. §3.3, tables 1 and 2.
# - Z. Liu et al. *A ConvNet for the 2020s.* CVPR 2022. §2, figure 2, tables 1 and 10.
# - N. Ma et al. *ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design.* ECCV 2018.
# - X. Ding et al. *RepVGG: Making VGG-style ConvNets Great Again.* CVPR 2021.
