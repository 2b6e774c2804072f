# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 15 · Write batch normalisation's forward pass
#
# *手写 BN 的前向传播;BN 层怎么实现?*

# %% [markdown]
# ## Question
#
# "Here is an array `x` of shape `(N, D)`.
# Write the forward pass of batch normalisation in training mode, without a framework.
# Now the same for images, `(N, C, H, W)`."
#
# "给你一个形状为 `(N, D)` 的数组,请不用框架写出批归一化训练时的前向传播;再写出图像 `(N, C, H, W)` 的版本。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Which axis.** One mean and one variance per feature, taken over the samples; for images per channel, over N, H and W.
# - **Which variance.** The biased one, divided by the number of values $m$, and centred.
# - **Where eps goes.** Under the root, and you can say what it is for.
# - **What is learnt.** γ and β, one pair per feature; the mean and the variance are computed, not learnt.
# - **What a backward pass will need.** You keep it in a cache without being asked.

# %% [markdown]
# ## The idea
#
# A layer's input changes its scale while the layers before it learn.
# Batch normalisation takes scale and offset out, feature by feature, and puts back a pair that is *learnt*.
# For the $m$ values that one feature takes in a mini-batch (Ioffe & Szegedy 2015, Algorithm 1):
#
# $$
# \mu = \frac1m \sum_{i=1}^m x_i
# \qquad
# \sigma^2 = \frac1m \sum_{i=1}^m (x_i-\mu)^2
# \qquad
# \hat x_i = \frac{x_i-\mu}{\sqrt{\sigma^2+\varepsilon}}
# \qquad
# y_i = \gamma\,\hat x_i + \beta
# $$

# %% [markdown]
# Everything else is a question of *which* values count as the $m$ values of one feature.
#
# | input | one feature is | reduce over | $m$ | shape of μ, σ², γ, β |
# |---|---|---|---|---|
# | `(N, D)` | a column | axis 0 | $N$ | `(D,)` |
# | `(N, C, H, W)` | a channel | axes 0, 2, 3 | $N\,H\,W$ | `(C,)`, used as `(1, C, 1, 1)` |
#
# The second row follows from weight sharing: a convolution treats every position alike.
# So the outputs of one filter at all positions count as values of one and the same feature.

# %% [markdown]
# Two consequences to have ready before you write a line:
#
# - The mean of $\hat x$ is exactly 0.
#   Its variance is $\sigma^2/(\sigma^2+\varepsilon)$: a little less than 1, and far less where $\sigma^2$ is not large compared with ε.
# - Scale and offset of the input drop out (up to ε): $\mathrm{BN}(a x + b) = \mathrm{BN}(x)$ for $a>0$.
#   So a bias in the layer just before does nothing (question 19).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: a batch of vectors
#
# `x (N, D)`, `gamma (D,)`, `beta (D,)`. Return `(out, cache)`; the cache is yours, keep in it what you like.
# Return a new array and leave `x` as it was.

# %%
def batchnorm_forward(x, gamma, beta, eps=1e-5):
    """x (N, D), gamma (D,), beta (D,) -> (out (N, D), cache).

    Mean and biased variance over the samples, eps under the root, gamma before beta. N may be 1.
    cache: anything. out is a new array, and x stays as it was.
    """
    # BEGIN SOLUTION
    mean = x.mean(axis=0)
    xmu = x - mean
    var = (xmu**2).mean(axis=0)
    std = np.sqrt(var + eps)
    xhat = xmu / std
    out = gamma * xhat + beta
    return out, (xhat, gamma, std)
    # END SOLUTION

# %%
check(batchnorm_forward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the axis</summary>
#
# Write the shapes beside each line: the mean of an `(N, D)` array that keeps one number per feature has shape `(D,)`.
# Which axis must disappear for that?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the order of the steps</summary>
#
# mean → centre → square → mean of the squares → add eps → root → divide → times gamma → plus beta.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `x.mean(axis=0)` and `x.var(axis=0)` are the two statistics; NumPy's `var` already divides by N.
# Broadcasting lines `(D,)` up with the last axis of `(N, D)`, so no reshaping is needed.
#
# </details>

# %% [markdown]
# ### Exercise 2: a batch of images
#
# The same for `x (N, C, H, W)`, with one mean and one variance per channel. Return `out` alone.

# %%
def batchnorm2d_forward(x, gamma, beta, eps=1e-5):
    """x (N, C, H, W), gamma (C,), beta (C,) -> out (N, C, H, W).

    One mean and one biased variance for each channel, over N, H and W; eps under the root. N may be 1.
    x stays as it was.
    """
    # BEGIN SOLUTION
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    xhat = (x - mean) / np.sqrt(var + eps)
    return gamma.reshape(1, -1, 1, 1) * xhat + beta.reshape(1, -1, 1, 1)
    # END SOLUTION

# %%
check(batchnorm2d_forward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what is one feature?</summary>
#
# A channel. All its pixels in all images of the batch share one mean, so three axes disappear.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: lining the shapes up</summary>
#
# `keepdims=True` turns the mean's shape into `(1, C, 1, 1)`, which broadcasts against `(N, C, H, W)`.
# gamma and beta arrive as `(C,)` and would line up with W: give them that shape too.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(batchnorm_forward)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* function that runs.
#
# ### What it does to three features
#
# One feature has a large mean, one is tiny, one is lopsided. What will the three histograms look like afterwards?

# %% tags=["hide-input"]
rng = np.random.default_rng(0)
names = ["large mean: 50 + 5·normal", "tiny: 0.01·normal", "lopsided: exponential"]
x = np.column_stack([50 + 5 * rng.normal(size=4000), 0.01 * rng.normal(size=4000), rng.exponential(size=4000)])
xhat, _ = batchnorm_forward(x, np.ones(3), np.zeros(3))

fig, axes = plt.subplots(2, 3, figsize=(9, 4.6), layout="constrained")
for j, name in enumerate(names):
    axes[0, j].hist(x[:, j], bins=60, color="0.35")
    axes[0, j].set(title=name, xlabel="input $x$")
    axes[1, j].hist(xhat[:, j], bins=60, range=(-4, 4), color=plots.color("batch_norm"))
    axes[1, j].set(xlabel=r"normalised $\hat x$")
for row in axes:
    row[0].set_ylabel("samples")
fig.suptitle("Location and scale are gone, the shape has stayed", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Batch norm fixes two numbers per feature, the mean and the variance.
# The lopsided feature is as lopsided as before.

# %% [markdown]
# ### The variance that comes out is not 1
#
# Theory says $\sigma^2/(\sigma^2+\varepsilon)$. Let the input's standard deviation shrink through $\sqrt\varepsilon \approx 0.003$ and measure.

# %% tags=["hide-input"]
eps = 1e-5
spreads = np.logspace(-5, 1, 25)
unit = rng.normal(size=(2000, 1))
unit = (unit - unit.mean()) / unit.std()
measured = [batchnorm_forward(s * unit, np.ones(1), np.zeros(1), eps)[0].var() for s in spreads]

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(spreads, spreads**2 / (spreads**2 + eps), color="0.3", label="σ² / (σ² + ε)")
ax.plot(spreads, measured, "o", color=plots.color("batch_norm"), label="measured")
ax.axvline(np.sqrt(eps), color="0.5", linestyle=":")
ax.text(np.sqrt(eps) * 1.15, 0.05, "σ = √ε", color="0.35")
ax.set(xscale="log", xlabel="standard deviation σ of the input", ylabel="variance of the output",
       title="A feature with σ below √ε is damped, not blown up")
ax.legend()
plt.show()

# %% [markdown]
# **Takeaway.** eps is not only there against a division by zero.
# A feature whose standard deviation is below √ε is damped instead of being blown up to 1.

# %% [markdown]
# ### Which values share a mean?
#
# The normalisations differ in one thing only: the set of entries that are averaged together.
# Here is one `(N, C, H·W)` batch; the green entries share one mean. For a transformer read H·W as the tokens.

# %% tags=["hide-input"]
from mpl_toolkits.mplot3d.art3d import Poly3DCollection


def cube_faces(ax, n, c, p, colour):
    """Draw one entry of the batch as a small cube; axes: pixel, channel, sample."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * 0.92 + [p, c, n]
    sides = [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]
    ax.add_collection3d(Poly3DCollection([corners[s] for s in sides], facecolor=colour, edgecolor="white", linewidth=0.6))


shares = {
    "batch norm": lambda n, c, p: c == 0,
    "layer norm\n(whole sample)": lambda n, c, p: n == 2,
    "layer norm\n(per token)": lambda n, c, p: n == 2 and p == 0,
    "instance norm": lambda n, c, p: n == 2 and c == 0,
    "group norm\n(2 groups)": lambda n, c, p: n == 2 and c < 2,
}
fig, axes = plt.subplots(1, 5, figsize=(9.5, 2.9), subplot_kw={"projection": "3d"}, layout="constrained")
for ax, (name, together) in zip(axes, shares.items(), strict=True):
    for n in range(3):
        for c in range(4):
            for p in range(4):
                cube_faces(ax, n, c, p, plots.color("right") if together(n, c, p) else "#DDDDDD")
    ax.set(xlim=(0, 4), ylim=(0, 4), zlim=(0, 3), xticks=[], yticks=[], zticks=[])
    ax.set_title(name, fontsize=10)
    ax.set_xlabel("H·W", labelpad=-12)
    ax.set_ylabel("C", labelpad=-12)
    ax.set_zlabel("N", labelpad=-12)
    ax.view_init(22, -58)
    ax.set_box_aspect((4, 4, 3), zoom=0.8)
fig.suptitle("Only batch norm averages over samples", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Only batch norm mixes samples.
# That is why it needs another rule for inference, and why a small batch is a problem for batch norm alone.
# Mind the two layer norms: the usual picture for convolutional nets shows the whole sample, while transformers and ConvNeXt normalise over C alone, for each token or pixel (question 44).

# %% [markdown]
# ### What breaks with a single sample?
#
# With `N = 1` every value *is* its mean. Predict the output before you run the cell.

# %%
one, _ = batchnorm_forward(np.array([[3.0, -7.0, 0.1]]), gamma=np.full(3, 2.0), beta=np.array([0.5, 0.6, 0.7]))
one

# %% [markdown]
# The input is gone: $\hat x = 0$, so the output is β whatever comes in, and no gradient reaches the layers below.
#
# With images a batch of one does not crash, because $H\,W$ values share a mean, **unless** $H\,W = 1$.
# Batch norm after a global pooling, as in the image-pooling branch of a segmentation head, crashes in training with one image per device (this cell needs torch):

# %%
import torch

try:
    torch.nn.BatchNorm2d(8)(torch.randn(1, 8, 1, 1))
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ## Folklore on trial
#
# ### "Batch norm turns its input into a standard normal, N(0, 1)"
#
# We normalise 4000 values of features with several distributions, and compare with N(0, 1):
# the largest difference of the two distribution functions is below 0.05 (second threshold: 0.1). As a control, a feature that was Gaussian before.

# %%
from math import erf


def is_standard_normal(feature, seed):
    rng = np.random.default_rng(seed)
    values = {
        "exponential": rng.exponential(size=4000), "uniform to the power 4": rng.uniform(size=4000) ** 4, "on or off": (rng.random(4000) < 0.3) * 1.0,
        "ReLU of a Gaussian": np.maximum(rng.normal(size=4000), 0), "Gaussian": 5 + 3 * rng.normal(size=4000),
    }[feature]
    out, _ = batchnorm_forward(values[:, None], np.ones(1), np.zeros(1))
    out = np.sort(np.asarray(out)[:, 0])
    normal = np.array([0.5 * (1 + erf(v / 2**0.5)) for v in out])
    gap = np.max(np.abs(normal - np.searchsorted(out, out, side="right") / len(out)))
    return gap < 0.05, gap < 0.1


trial(
    "batch norm makes its input N(0, 1)",
    is_standard_normal,
    over=settings(feature=["exponential", "uniform to the power 4", "on or off", "ReLU of a Gaussian"], seed=range(3)),
    control=dict(feature="Gaussian", seed=0),
    expect="does not hold",
)

# %% [markdown]
# For each feature batch norm is an affine map, and an affine map cannot change the shape of a distribution.
# It does not decorrelate the features from each other either; that would be *whitening*.
#
# Say: *"It fixes mean and variance of each feature, and γ and β then move them again."*
#
# ### "E[x²] − E[x]² is the same variance, in one pass"
#
# In exact arithmetic it is. Give it float32 and a mean that is large compared with the standard deviation.
# As good means: within 1 % of the true variance (second threshold: 5 %).

# %%
def one_pass_error(mean, seed):
    """Relative error of E[x²] − E[x]² in float32; the standard deviation is 1."""
    values = (mean + np.random.default_rng(seed).normal(size=4096)).astype(np.float32)
    return float(np.mean(values * values) - np.mean(values) ** 2) / values.astype(np.float64).var() - 1


def two_pass_error(mean, seed):
    values = (mean + np.random.default_rng(seed).normal(size=4096)).astype(np.float32)
    return float(np.mean((values - np.mean(values)) ** 2)) / values.astype(np.float64).var() - 1

# %% tags=["hide-input", "nbval-ignore-output"]
means = 10.0 ** np.arange(0, 6)
fig, ax = plt.subplots(figsize=(7.5, 3.5), layout="constrained")
ax.loglog(means, [abs(one_pass_error(mean, 0)) for mean in means], "o-", color=plots.color("wrong"), label="E[x²] − E[x]²")
ax.loglog(means, [max(abs(two_pass_error(mean, 0)), 1e-9) for mean in means], "s--", color=plots.color("right"), label="mean of (x − mean)²")
ax.axhline(1, color="0.5", linestyle=":")
ax.text(1e5, 0.5, "wrong by its own size", color="0.35", ha="right", va="top")
ax.set(xlabel="mean of the data (standard deviation 1)", ylabel="relative error in float32",
       title="The one-pass variance loses two digits for each digit of the mean")
ax.legend(loc="center left", bbox_to_anchor=(0, 0.62))
plt.show()

# %%
trial(
    "the one-pass variance is as good as the two-pass one in float32",
    lambda mean, seed: (abs(one_pass_error(mean, seed)) < 0.01, abs(one_pass_error(mean, seed)) < 0.05),
    over=settings(mean=[1.0, 10.0, 1e4, 1e5], seed=range(3)),
    held_out=settings(mean=[0.0, 3.0, 40.0, 2e4, 5e4, 3e5], seed=range(3, 6)),
    only_if=("the mean is below about a hundred standard deviations", lambda mean: mean < 100),
    expect="holds only if the mean is below about a hundred standard deviations",
)

# %% [markdown]
# The trial stays far from the border, so "about a hundred" is a cautious figure.
# Float32 rounds $E[x^2]$ by about $6\cdot10^{-8}$ of its size, so an error of 1 % is expected from a mean of some 400 standard deviations on.
# The difference can even come out negative, and then the root is NaN.
# Libraries decide differently: torch's own CUDA kernel (not cuDNN's) uses Welford's update, which keeps the digits.
# Flax's norm layers take the one-pass form in float32 and clip it at 0 (`use_fast_variance=True` by default). Keras has changed between the two forms.
# With activations of ordinary size either form is fine, and the check above accepts both.

# %% [markdown]
# ## Answer in 30 seconds
#
# "For each feature I take the mean and the biased variance over the batch, subtract, divide by the root of the variance plus eps, then scale by γ and shift by β, both learnt.
# For images the statistics run over samples and positions, one pair for each channel, because a convolution shares its weights.
# I cache the normalised input and the standard deviation for the backward pass. Shall I go on to inference?"
#
# ### 三十秒回答
#
# "对每个特征,在 batch 维上求均值和有偏方差,减去均值,除以根号下方差加 eps,再乘 γ 加 β;γ 和 β 是可学习的。
# 对图像,统计量在样本和空间位置上一起求,每个通道一组,因为卷积在各个位置共享权重。
# 归一化后的输入和标准差要缓存下来,留给反向传播。要不要我接着讲推理阶段?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the four formulas, and say $m = N$ or $m = N\,H\,W$.
# - Write the code in the order mean, centred, variance, root, divide, affine, and give the shape of each line.
# - Say why eps is under the root: it bounds the gain by $1/\sqrt\varepsilon$, and damps features with σ below √ε.
# - Say what comes out: mean 0 and variance $\sigma^2/(\sigma^2+\varepsilon)$, not a Gaussian, not decorrelated.
# - Say what is left out here: training also updates running mean and variance (with the *unbiased* variance in torch), and inference uses those.
# - Say where it crashes: one value per channel, for vectors with N = 1 and for images after a global pooling with one image per device.
# - Offer a test: compare with `torch.nn.functional.batch_norm` in float64, on a constant feature and on a batch whose N equals D, so that a wrong axis shows.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why the biased variance?</summary>
#
# It is the variance *of this batch*, which the layer normalises, not an estimate of the population's.
# Dividing by $m$ gives $\hat x$ a variance of exactly 1 (for ε = 0), and with ε > 0 it needs no special case for $m = 1$.
# For inference one does estimate the population, so there the paper (Algorithm 2) and torch use $m/(m-1)$.
#
# </details>
#
# <details><summary>Why not compute E[x²] − E[x]²?</summary>
#
# It subtracts two large, nearly equal numbers: with a mean of $10^3$ standard deviations, six of float32's seven digits cancel.
# One pass over memory is a real advantage, so Flax uses it nevertheless, in float32 and clipped at 0. torch's own CUDA kernel uses Welford's update.
#
# </details>
#
# <details><summary>What do you do when batches are small?</summary>
#
# The statistics are noisy. Group norm, synchronised batch norm or frozen statistics are the usual ways out (questions 17 and 44).
# Gradient accumulation does not help: it enlarges the optimiser's batch, not batch norm's.
#
# </details>
#
# <details><summary>Is the layer linear at inference?</summary>
#
# Yes, affine: mean and variance are constants then, so it can be folded into the convolution before it (question 17).
# In training it is not linear, because the statistics depend on the input.
#
# </details>
#
# <details><summary>How do layer norm, instance norm and group norm differ?</summary>
#
# Only in the set of entries that share a mean; see the five cubes above.
# Layer norm: one sample, all features, or one token, all channels. Instance norm: one sample, one channel. Group norm: one sample, a group of channels.
# As usually set none of them mixes samples, so training and inference are the same. (Instance norm with `track_running_stats=True` differs.)
#
# </details>
#
# <details><summary>How would you write it as a layer?</summary>
#
# A class with γ and β as parameters, running mean and variance as buffers, a training flag, forward and backward, for two and four dimensions: question 45.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "It normalises each sample." That is layer norm.
# - "γ and β are the batch's standard deviation and mean." Those are computed; γ and β are learnt.
# - "After BN the data are Gaussian." Two moments are fixed, the shape is not.
# - Axis 1 for `(N, D)`, and not noticing because the test batch was square.
# - `np.var(x, ddof=1)` in the forward pass.
# - "With images a batch of one always works." Not after a global pooling.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. Algorithm 1, §3.1–3.2.
# - Y. Wu, K. He. *Group Normalization.* ECCV 2018: the figure of the axes has become the usual way to tell the normalisations apart.
# - T. F. Chan, G. H. Golub, R. J. LeVeque. *Algorithms for Computing the Sample Variance.* The American Statistician 37(3), 1983: one pass, two passes and their errors.
# - PyTorch documentation of `torch.nn.BatchNorm1d` and `BatchNorm2d`: defaults, and which variance goes where. Flax documentation of `BatchNorm` (`use_fast_variance`).
