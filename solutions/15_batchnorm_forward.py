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
# The second row follows from weight sharing: a convolution treats every position alike, so its outputs at all
# positions are draws of one and the same feature.

# %% [markdown]
# Two consequences to have ready before you write a line:
#
# - The mean of $\hat x$ is exactly 0.
#   Its variance is $\sigma^2/(\sigma^2+\varepsilon)$: a little less than 1, and far less where $\sigma^2$ is not large beside ε.
# - Scale and offset of the input drop out (up to ε): $\mathrm{BN}(a x + b) = \mathrm{BN}(x)$ for $a>0$.
#   So a bias in the layer just before is dead weight.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, trial

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
    """x (N, D), gamma (D,), beta (D,) -> (out (N, D), cache)."""
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
    """x (N, C, H, W), gamma (C,), beta (C,) -> out (N, C, H, W)."""
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
# One feature is far off, one is tiny, one is lopsided. What will the three histograms look like afterwards?

# %%
rng = np.random.default_rng(0)
names = ["far off: 50 + 5·normal", "tiny: 0.01·normal", "lopsided: exponential"]
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
# Theory says $\sigma^2/(\sigma^2+\varepsilon)$. Shrink the input's spread through $\sqrt\varepsilon \approx 0.003$ and measure.

# %%
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
       title="A feature whose spread is below √ε is damped, not blown up")
ax.legend()
plt.show()

# %% [markdown]
# **Takeaway.** eps is not only there against a division by zero.
# It decides below which spread a feature counts as noise.

# %% [markdown]
# ### Which values share a mean?
#
# The four normalisations differ in one thing only: the set of entries that are averaged together.
# Here is one `(N, C, H·W)` batch; entries that share the mean of the entry in the corner have its colour.

# %%
from mpl_toolkits.mplot3d.art3d import Poly3DCollection


def cube_faces(ax, n, c, p, colour):
    """Draw one entry of the batch as a small cube; axes: pixel, channel, sample."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * 0.92 + [p, c, n]
    sides = [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]
    ax.add_collection3d(Poly3DCollection([corners[s] for s in sides], facecolor=colour, edgecolor="white", linewidth=0.6))


shares = {
    "batch norm": lambda n, c: c == 0,
    "layer norm": lambda n, c: n == 2,
    "instance norm": lambda n, c: n == 2 and c == 0,
    "group norm (2 groups)": lambda n, c: n == 2 and c < 2,
}
fig, axes = plt.subplots(1, 4, figsize=(9, 3.2), subplot_kw={"projection": "3d"}, layout="constrained")
for ax, (name, together) in zip(axes, shares.items(), strict=True):
    for n in range(3):
        for c in range(4):
            for p in range(4):
                cube_faces(ax, n, c, p, plots.color("right") if together(n, c) else "#DDDDDD")
    ax.set(xlim=(0, 4), ylim=(0, 4), zlim=(0, 3), title=name.replace(" (", "\n("), xticks=[], yticks=[], zticks=[])
    ax.set_xlabel("H·W", labelpad=-12)
    ax.set_ylabel("C", labelpad=-12)
    ax.set_zlabel("N", labelpad=-12)
    ax.view_init(22, -58)
    ax.set_box_aspect((4, 4, 3), zoom=0.82)
fig.suptitle("Only batch norm averages over samples", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Only batch norm mixes samples.
# That is why only batch norm needs another rule for inference, and why only it fails on a batch of one.

# %% [markdown]
# ### What breaks with a single sample?
#
# With `N = 1` every value *is* its mean. Predict the output before you run the cell.

# %%
one, _ = batchnorm_forward(np.array([[3.0, -7.0, 0.1]]), gamma=np.full(3, 2.0), beta=np.array([0.5, 0.6, 0.7]))
one

# %% [markdown]
# The input is gone: $\hat x = 0$, so the output is β whatever comes in, and no gradient flows back.
# torch refuses to train on it with a ValueError.
# For images a batch of one still works, because $H\,W$ values share a mean (and it equals instance norm).

# %% [markdown]
# ## Folklore on trial
#
# ### "Batch norm turns its input into a standard normal, N(0, 1)"
#
# If that were so, the skewness of the lopsided feature would be near 0 afterwards, and the features would be independent.

# %%
def skewness(v):
    return np.mean(((v - v.mean()) / v.std()) ** 3)


mixed = np.column_stack([unit[:, 0], unit[:, 0] + 0.3 * rng.normal(size=2000)])
decorrelated, _ = batchnorm_forward(mixed, np.ones(2), np.zeros(2))
before = np.corrcoef(mixed.T)[0, 1]
after = np.corrcoef(decorrelated.T)[0, 1]
print(f"skewness of the exponential feature: {skewness(x[:, 2]):.2f} before, {skewness(xhat[:, 2]):.2f} after")
print(f"correlation of two features:         {before:.2f} before, {after:.2f} after")

ruling = trial(
    "batch norm makes its input N(0, 1)",
    {
        "a skewed feature becomes symmetric": abs(skewness(xhat[:, 2])) < 0.2,
        "correlated features become independent": abs(after) < 0.2,
        "a spread of √ε comes out as variance 1": abs(measured[np.argmin(abs(spreads - np.sqrt(eps)))] - 1) < 0.1,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# Say instead: *it fixes mean and variance of each feature, and γ, β then move them again*.
#
# ### "E[x²] − E[x]² is the same variance, in one pass"
#
# In exact arithmetic it is. Give it float32 and a mean that is large beside the spread.

# %%
offsets = 10.0 ** np.arange(0, 6)
noise = rng.normal(size=4096)
one_pass, two_pass = [], []
for offset in offsets:
    v = (offset + noise).astype(np.float32)
    truth = v.astype(np.float64).var()
    one_pass.append(float(np.mean(v * v) - np.mean(v) ** 2) / truth - 1)
    two_pass.append(float(np.mean((v - np.mean(v)) ** 2)) / truth - 1)

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.loglog(offsets, np.abs(one_pass), "o-", color=plots.color("wrong"), label="E[x²] − E[x]²")
ax.loglog(offsets, np.maximum(np.abs(two_pass), 1e-9), "s-", color=plots.color("right"), label="mean of (x − mean)²")
ax.axhline(1, color="0.5", linestyle=":")
ax.text(1e5, 0.5, "wrong by its own size", color="0.35", ha="right", va="top")
ax.set(xlabel="mean of the data (spread 1)", ylabel="relative error in float32",
       title="The one-pass variance loses two digits for each digit of offset")
ax.legend(loc="upper left")
plt.show()

# %%
ruling = trial(
    "E[x²] − E[x]² is as good as the two-pass variance (float32, within 1 %)",
    {f"mean {offset:g}, spread 1": abs(error) < 0.01 for offset, error in zip(offsets, one_pass, strict=True)},
    only_if="the mean is not large beside the spread",
)
assert ruling == "holds only if the mean is not large beside the spread"
ruling

# %% [markdown]
# The difference can even come out negative, and then the root is NaN.
# In float64, with activations of ordinary size, either form is fine: the check above accepts both.

# %% [markdown]
# ## Answer in 30 seconds
#
# "For each feature I take mean and biased variance over the batch, subtract, divide by √(var + eps), then scale by γ and shift by β, both learnt.
# For `(N, D)` the statistics run over axis 0; for images they run over N, H and W, one pair per channel, because a convolution shares its weights over positions.
# I keep the normalised input, γ and the standard deviation for the backward pass, and running averages for inference."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the four formulas, and say $m = N$ or $m = N\,H\,W$.
# - Write the code in the order mean, centred, variance, root, divide, affine, and give the shape of each line.
# - Say why eps is under the root: it bounds the gain by $1/\sqrt\varepsilon$, and damps features whose spread is below √ε.
# - Say what comes out: mean 0 and variance $\sigma^2/(\sigma^2+\varepsilon)$, not a Gaussian, not decorrelated.
# - Say what is left out here: training also updates running mean and variance (with the *unbiased* variance in torch), and inference uses those.
# - Offer a test: compare with `torch.nn.functional.batch_norm` in float64, on a constant feature and on a batch whose N equals D, so that a wrong axis shows.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why the biased variance?</summary>
#
# It is the variance *of this batch*, which the layer normalises, not an estimate of the population's.
# Dividing by $m$ makes $\hat x$ have variance 1 exactly (for ε = 0) and works for $m = 1$.
# For inference one does estimate the population, so there the paper (Algorithm 2) and torch use $m/(m-1)$.
#
# </details>
#
# <details><summary>What breaks with N = 1?</summary>
#
# For vectors everything: the output is β whatever comes in, and the gradient is zero.
# For images the spatial positions still give $m = HW$ values.
# With small batches the statistics are noisy; group norm or frozen statistics are the usual way out.
#
# </details>
#
# <details><summary>Why not compute E[x²] − E[x]²?</summary>
#
# It subtracts two large, nearly equal numbers: with a mean of $10^3$ spreads, six of float32's seven digits cancel.
# One pass over memory is a real advantage on a GPU, so libraries use Welford's update or a shifted sum, which keep the digits.
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
# Only in the set of entries that share a mean; see the four cubes above.
# Layer norm: one sample, all features. Instance norm: one sample, one channel. Group norm: one sample, a group of channels.
# None of them mixes samples, so training and inference are the same.
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

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. Algorithm 1, §3.1–3.2.
# - Y. Wu, K. He. *Group Normalization.* ECCV 2018: the figure of the axes has become the usual way to tell the four apart.
# - T. F. Chan, G. H. Golub, R. J. LeVeque. *Algorithms for Computing the Sample Variance.* The American Statistician 37(3), 1983: one pass, two passes and their errors.
# - PyTorch documentation of `torch.nn.BatchNorm1d` and `BatchNorm2d`: defaults, and which variance goes where.
