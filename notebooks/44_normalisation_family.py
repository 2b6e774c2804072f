# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 44 · Layer, group, instance and RMS norm: axes, backward, and which one when?
#
# *LN、GN、IN、RMSNorm 与 BN 的区别?手写 LayerNorm 的反向传播*

# %% [markdown]
# ## Question
#
# "Name the relatives of batch norm. Over which axes does each take its mean and variance, and why do transformers use layer norm?
# Write layer norm, group norm and RMS norm, and the backward pass of layer norm.
# When would you still take batch norm?"
#
# "BN 有哪些变体?各自在哪些轴上求均值和方差?Transformer 为什么用 LayerNorm?
# 请手写 LN、GN、RMSNorm 的前向和 LayerNorm 的反向。什么时候还用 BN?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Axes, without hesitation.** Which entries share one mean; to which axis γ and β belong.
# - **The consequence.** Everything but batch norm treats each sample alone: no running statistics, training and inference are one function.
# - **A backward pass that you can explain**: the gradient loses its mean and its part along $\hat x$.
# - **γ inside the means.** That is where layer norm's backward differs from batch norm's.
# - **A choice with reasons**, for CNNs with large and with small batches, transformers, style transfer.

# %% [markdown]
# ## The idea
#
# All of them compute $\hat x=(x-\mu)/\sqrt{\sigma^2+\varepsilon}$ and then $\gamma\hat x+\beta$. They differ in the set $S$ of entries over which μ and σ² (biased) are taken.
#
# | norm | one mean for each | over | γ, β for each |
# |---|---|---|---|
# | batch | channel | N, H, W | channel |
# | instance | image and channel | H, W | channel |
# | group | image and group | H, W and the group's channels | channel |
# | layer, on images | image | C, H, W | every entry (C, H, W), or channel |
# | layer, in transformers and ConvNeXt | token (or pixel) | features C | feature |
# | RMS | token | features C; no mean taken away | feature, no β |
#
# The two layer norms are different functions: the second takes no mean over positions.

# %% [markdown]
# ### The backward pass
#
# Let the loss have the gradient $dy$ at the output, and $g=\gamma\,dy$ at $\hat x$. One sample has $D$ features; write $\bar a$ for a mean over them.
# As for batch norm (question 16), $\hat x$ depends on $x$ directly, through μ and through σ:
#
# $$
# dx=\frac1\sigma\Big(g-\bar g-\hat x\;\overline{g\,\hat x}\Big),\qquad \sigma=\sqrt{\mathrm{var}+\varepsilon}
# $$
#
# In words: adding a constant to all features does not change the output, and stretching them hardly does (only ε notices). So the gradient has no part along these two directions: the formula takes both out.
#
# - Here the means run over the *features*, and every feature has its own γ, so γ must be inside: $g=\gamma\,dy$ comes first. In batch norm γ is constant along the mean and may stand outside.
# - RMS norm takes no mean away, so the term $\bar g$ is missing: $dx=\frac1r\,(g-\hat x\,\overline{g\,\hat x})$ with $r=\sqrt{\overline{x^2}+\varepsilon}$.
# - γ and β serve every sample and position: $d\gamma=\sum dy\,\hat x$ and $d\beta=\sum dy$ over *all leading axes*.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, gradcheck, hint, plots, published, settings, trial

plots.style()


# %% [markdown] tags=["deeper"]
# ### Deeper: the same result in index notation
#
# With $\mu=\frac1D\sum_j x_j$ and $s=\frac1D\sum_j(x_j-\mu)^2+\varepsilon$, $\hat x_j=(x_j-\mu)\,s^{-1/2}$:
#
# $$
# \frac{\partial\hat x_j}{\partial x_i}
# =\frac{\delta_{ij}-\frac1D}{\sqrt s}-\frac12\,(x_j-\mu)\,s^{-3/2}\,\frac{\partial s}{\partial x_i},
# \qquad
# \frac{\partial s}{\partial x_i}=\frac2D\,(x_i-\mu)
# $$
#
# (the derivative of μ drops out of the second, because $\sum_j(x_j-\mu)=0$). Together
#
# $$
# \frac{\partial\hat x_j}{\partial x_i}=\frac1{\sqrt s}\Big(\delta_{ij}-\frac1D-\frac{\hat x_i\,\hat x_j}{D}\Big)
# $$
#
# The matrix is symmetric. Multiply by $g_j$ and sum over $j$: that is the formula above.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: layer norm

# %%
def layernorm_forward(x, gamma, beta, eps=1e-5):
    """x (..., D) with any leading axes, gamma and beta (D,) -> out like x; biased variance over the last axis."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(layernorm_forward)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one axis</summary>
#
# Everything happens along `axis=-1`; `keepdims=True` lets the result broadcast back, whatever the leading axes are.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the three lines</summary>
#
# Subtract the mean, divide by `np.sqrt(x.var(axis=-1, keepdims=True) + eps)`, then `gamma * xhat + beta`.
#
# </details>

# %% [markdown]
# ### Exercise 2: its backward pass

# %%
def layernorm_backward(dout, x, gamma, eps=1e-5):
    """dout, x (..., D), gamma (D,) -> (dx like x, dgamma (D,), dbeta (D,)); dgamma and dbeta summed over all leading axes."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(layernorm_backward)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: γ first</summary>
#
# Start with `g = gamma * dout`. From then on γ does not occur in `dx` any more.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two things to take away</summary>
#
# The mean of `g` over the last axis, and `xhat` times the mean of `g * xhat` over the last axis.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: all leading axes</summary>
#
# `tuple(range(x.ndim - 1))` are the axes to sum over for `dgamma` and `dbeta`; for a single vector it is empty, and nothing is summed.
#
# </details>

# %% [markdown]
# ### Exercise 3: group norm

# %%
def groupnorm_forward(x, gamma, beta, groups, eps=1e-5):
    """x (N, C, H, W), gamma and beta (C,) -> out like x; a group is a block of C // groups neighbouring channels.

    ValueError where groups does not divide C.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(groupnorm_forward)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: reshape</summary>
#
# `(N, C, H, W)` becomes `(N, groups, everything else)`: neighbouring channels lie next to each other in memory.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: back again</summary>
#
# Normalise along the last axis, reshape to `x.shape`, and only then apply γ and β, as `(C, 1, 1)`.
#
# </details>

# %% [markdown]
# ### Exercise 4: RMS norm

# %%
def rmsnorm_forward(x, gamma, eps=1e-6):
    """x (..., D), gamma (D,) -> x / √(mean(x²) + eps) · gamma, the mean over the last axis."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(rmsnorm_forward)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what is missing</summary>
#
# Layer norm without the mean and without β. The mean *square*, not the sum of squares.
#
# </details>

# %% [markdown]
# ### Exercise 5: its backward pass

# %%
def rmsnorm_backward(dout, x, gamma, eps=1e-6):
    """dout, x (..., D), gamma (D,) -> (dx like x, dgamma (D,)); dgamma summed over all leading axes."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(rmsnorm_backward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one term less</summary>
#
# No mean was taken away, so no mean comes back. The projection along `xhat` stays.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the formula</summary>
#
# `dx = inverse * (g - xhat * np.mean(g * xhat, axis=-1, keepdims=True))` with `g = gamma * dout` and `xhat = x * inverse`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Which entries share a mean?
#
# This is the picture to remember. Each cube is an activation tensor: images N, channels C, positions (H and W in one axis). The blue entries share one mean and one variance.

# %% tags=["hide-input"]
N, C, P = 4, 6, 5
n, c, p = np.indices((N, C, P))
shared = {
    "batch norm\nover N, H, W": c == 0,
    "layer norm (image)\nover C, H, W": n == N - 1,
    "instance norm\nover H, W": (n == N - 1) & (c == 0),
    "group norm\nover H, W, part of C": (n == N - 1) & (c < 3),
    "layer norm (token)\nover C": (n == N - 1) & (p == P - 1),
}
fig = plt.figure(figsize=(10.5, 2.9), layout="none")
fig.subplots_adjust(left=0.01, right=0.98, top=0.76, bottom=0.02, wspace=0.12)
for k, (title, mask) in enumerate(shared.items(), start=1):
    ax = fig.add_subplot(1, 5, k, projection="3d")
    tints = np.where(mask, plots.color("adam"), "#F2F2F2")
    ax.voxels(np.ones_like(mask), facecolors=tints, edgecolor="#8A8A8A", linewidth=0.5, shade=False)
    ax.view_init(elev=22, azim=-52)
    ax.set_box_aspect((N, C, P))
    ax.set(xticks=[], yticks=[], zticks=[])
    ax.set_xlabel("N", labelpad=-14)
    ax.set_ylabel("C", labelpad=-14)
    ax.set_zlabel("H, W", labelpad=-16)
    ax.set_title(title, fontsize=10, loc="center")
fig.suptitle("Only batch norm's blue set contains other images", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** What is blue together is normalised together. RMS norm has the last cube, and takes no mean away.

# %% [markdown]
# ### Group norm with one group, and with as many as channels
#
# One group should be layer norm over C, H, W; as many groups as channels should be instance norm. And ConvNeXt's layer norm, over the channels of each pixel?

# %%
rng = np.random.default_rng(0)
x = rng.normal(2, 3, size=(4, 6, 5, 5))
ones, zeros = np.ones(6), np.zeros(6)
whole = layernorm_forward(x.reshape(4, -1), np.ones(150), np.zeros(150)).reshape(x.shape)
single = layernorm_forward(x.reshape(4, 6, 25), np.ones(25), np.zeros(25)).reshape(x.shape)
pixel = layernorm_forward(x.transpose(0, 2, 3, 1), ones, zeros).transpose(0, 3, 1, 2)
for name, other in {"layer norm over C, H, W": whole, "instance norm": single, "layer norm of each pixel": pixel}.items():
    gaps = {g: np.max(np.abs(groupnorm_forward(x, ones, zeros, g) - other)) for g in (1, 2, 6)}
    print(f"{name:25s}", "   ".join(f"{g} groups: {'equal' if gap < 1e-9 else f'off by {gap:.1f}'}" for g, gap in gaps.items()))

# %% [markdown]
# So group norm has layer norm and instance norm as its two ends, exactly, but only the layer norm of *images*. (Up to γ and β: layer norm may have one for each entry, group norm has one for each channel.)
# The layer norm of transformers is none of the three.

# %% [markdown]
# ### Two directions without gradient
#
# The mean of `dx` over the features, and its part along the input, should be 0 for layer norm. Which of the two should be 0 for RMS norm?

# %%
x, dout, gamma = rng.normal(1, 2, (8, 16)), rng.normal(size=(8, 16)), rng.normal(1, 0.3, 16)
dx = layernorm_backward(dout, x, gamma)[0]
dx_rms = rmsnorm_backward(dout, x, gamma)[0]
along = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
print(f"layer norm: mean of dx at most {np.abs(dx.mean(axis=1)).max():.4f}, part along x̂ {np.abs((dx * along).mean(axis=1)).max():.4f}")
print(f"RMS norm:   mean of dx at most {np.abs(dx_rms.mean(axis=1)).max():.4f}, part along x  {np.abs((dx_rms * x).mean(axis=1)).max():.4f}")

# %%
gradcheck(
    layernorm_forward,
    lambda dout, x, gamma, beta: layernorm_backward(dout, x, gamma),
    {"x": x, "gamma": gamma, "beta": np.zeros(16)},
)

# %% [markdown] tags=["deeper"]
# ### Deeper: which changes does each norm ignore?
#
# A norm's invariances say what it throws away. Change the input, and see whether the output notices.

# %% tags=["deeper"]
x = rng.normal(size=(4, 6, 8, 8))
pixels = x.transpose(0, 2, 3, 1)
changes = {
    "all × 3": lambda a: 3 * a,
    "all + 2": lambda a: a + 2,
    "one image × 3": lambda a: a * np.array([3, 1, 1, 1])[:, None, None, None],
    "one channel × 3": lambda a: a * np.array([3, 1, 1, 1, 1, 1])[:, None, None],
}
norms = {
    "batch": lambda a: (a - a.mean((0, 2, 3), keepdims=True)) / a.std((0, 2, 3), keepdims=True),
    "group (2)": lambda a: groupnorm_forward(a, ones, zeros, 2, eps=0.0),
    "instance": lambda a: groupnorm_forward(a, ones, zeros, 6, eps=0.0),
    "layer, pixel": lambda a: layernorm_forward(a.transpose(0, 2, 3, 1), ones, zeros, eps=0.0),
    "RMS, pixel": lambda a: rmsnorm_forward(a.transpose(0, 2, 3, 1), ones, eps=0.0),
}
print(f"{'':14s}" + "".join(f"{change:>18s}" for change in changes))
for name, norm in norms.items():
    blind = (np.allclose(norm(change(x)), norm(x)) for change in changes.values())
    print(f"{name:14s}" + "".join(f"{'the same' if same else 'notices':>18s}" for same in blind))

# %% [markdown] tags=["deeper"]
# Instance norm forgets every channel's contrast in every image: for style transfer that is the point, for classification it is a loss.
# RMS norm notices a shift; layer norm does not.

# %% [markdown]
# ## Folklore on trial
#
# ### "Batch norm fails for small batches"
#
# A dense net of two hidden layers on digits, with batch norm or with group norm (4 groups of features), each with its best of four rates.
# Fails shall mean: group norm is ahead by 3 points of test accuracy (second threshold: 2). The sweep takes minutes, so it is recorded.

# %% tags=["hide-input"]
import torch
from torch import nn

torch.set_num_threads(1)
X, y, X_test, y_test = (torch.tensor(part) for part in data.digits())


class Centre(nn.Module):
    """Takes the mean of the features away and scales nothing."""

    def forward(self, x):
        return x - x.mean(dim=-1, keepdim=True)


def norm_of(kind, width):
    kinds = {"batch": lambda: nn.BatchNorm1d(width), "group": lambda: nn.GroupNorm(4, width), "centre": Centre,
             "layer": lambda: nn.LayerNorm(width), "rms": lambda: nn.RMSNorm(width, eps=1e-6)}
    return kinds[kind]()


def dense(kind, hidden, scale, seed, width=64):
    """Linear, norm, ReLU, `hidden` times; He weights times `scale`."""
    torch.manual_seed(seed)
    layers, inputs = [], 64
    for _ in range(hidden):
        linear = nn.Linear(inputs, width)
        nn.init.normal_(linear.weight, 0, scale * (2 / inputs) ** 0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, norm_of(kind, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(width, 10)).double()


def on_test_digits(net, images, batch, lr, seed):
    """Test accuracy after SGD with momentum 0.9: 4000 samples, but 300 steps at least; `images` shapes the rows."""
    sgd = torch.optim.SGD(net.parameters(), lr, momentum=0.9)
    order = torch.Generator().manual_seed(seed)
    for _ in range(max(4000 // batch, 300)):
        rows = torch.randint(0, len(y), (batch,), generator=order)
        sgd.zero_grad()
        nn.functional.cross_entropy(net(images(X[rows])), y[rows]).backward()
        sgd.step()
    net.eval()
    with torch.no_grad():
        return float((net(images(X_test)).argmax(dim=1) == y_test).double().mean())


# %%
def dense_by_batch(kind, batch, lr, seed):
    """Test accuracy; the rate is scaled with the batch."""
    return on_test_digits(dense(kind, 2, 1.0, seed), lambda rows: rows, batch, lr * batch / 32, seed)


rates, sizes = [0.01, 0.03, 0.1, 0.3], [2, 3, 4, 8, 16, 64]
sweep = settings(batch=sizes[::-1], kind=["batch", "group"], lr=rates, seed=range(6))
by_batch = evidence("batch_or_group_norm_dense", dense_by_batch, sweep, sample=1, rtol=0.02)
by_batch


# %%
def fails(batch, seed):
    best = {kind: max(by_batch(kind=kind, batch=batch, lr=lr, seed=seed) for lr in rates) for kind in ("batch", "group")}
    return best["group"] > best["batch"] + 0.03, best["group"] > best["batch"] + 0.02


trial(
    "batch norm fails for small batches, where group norm does not",
    fails,
    over=settings(batch=[2, 3, 4, 8, 16, 64], seed=0),
    held_out=settings(batch=[2, 3, 4, 8, 16, 64], seed=range(1, 6)),
    only_if=("a batch has only 2 samples", lambda batch: batch <= 2),
    published=[
        published("Wu & He 2018, table 2", "ImageNet, 2 images for each GPU: error 34.7 % with BN, 24.1 % with GN", holds=True, inside=True),
        published("Wu & He 2018, table 2", "4 images: 27.3 % and 24.2 %", holds=True),
        published("Wu & He 2018, table 2", "8 images: 24.8 % and 24.0 %", holds=False),
        published("Wu & He 2018, table 2", "32 images: 23.6 % and 24.1 %", holds=False, inside=False),
    ],
    expect="holds only if a batch has only 2 samples",
)


# %% [markdown]
# Where it begins depends on the net: here at 2 or 3 samples (at 3 it held for five of six seeds), in the paper at 4 images a device. What counts is how noisy the mean and the variance of a *channel* are.
# A dense layer has N values for each; a convolution has N·H·W, correlated within an image. So try a small CNN, too.

# %%
def conv_by_batch(kind, batch, lr, seed):
    """The same for a CNN of two 3×3 convolutions; the rate as it is."""
    torch.manual_seed(seed)
    layers = []
    for inputs, outputs in ((1, 8), (8, 16)):
        norm = nn.BatchNorm2d(outputs) if kind == "batch" else nn.GroupNorm(4, outputs)
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), norm, nn.ReLU()]
    net = nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10)).double()
    return on_test_digits(net, lambda rows: rows.reshape(-1, 1, 8, 8), batch, lr, seed)


sweep = settings(batch=[64, 8, 2], kind=["batch", "group"], lr=[0.003, 0.01, 0.03, 0.1], seed=[0, 1, 2])
by_batch_conv = evidence("batch_or_group_norm_conv", conv_by_batch, sweep, sample=1, rtol=0.02)
by_batch_conv

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.8), sharey=True, layout="constrained")
for ax, recorded, sizes_shown, rates_shown, seeds, title in (
    (axes[0], by_batch, sizes, rates, range(6), "dense net: N values for each channel"),
    (axes[1], by_batch_conv, [2, 8, 64], [0.003, 0.01, 0.03, 0.1], range(3), "small CNN: N·H·W values"),
):
    for kind, label, dash in (("batch", "batch norm", "-o"), ("group", "group norm", "--s")):
        best = np.array([[max(recorded(kind=kind, batch=b, lr=lr, seed=k) for lr in rates_shown) for k in seeds] for b in sizes_shown])
        ax.plot(sizes_shown, best.mean(axis=1), dash, color=plots.color(label), label=label, markersize=5)
        ax.fill_between(sizes_shown, best.min(axis=1), best.max(axis=1), color=plots.color(label), alpha=0.2, linewidth=0)
    ax.set(xscale="log", xticks=sizes_shown, xticklabels=[str(b) for b in sizes_shown], xlabel="batch size", title=title)
    ax.minorticks_off()
axes[0].set_ylabel("test accuracy, best rate")
axes[0].legend(loc="lower right")
fig.suptitle("Batch norm breaks at two or three values per channel; group norm changes little", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Two samples in a dense layer: $\hat x$ is ±1 (up to ε), and all that is left is which of the two was larger. From 8 samples on batch norm is ahead, by 1 to 2 points. In the CNN two images of 64 positions are enough, on these digits.
# On ImageNet two images were not enough, as the paper's table says.
# A likely reason: the positions of one image are correlated, so they count for far fewer than H·W independent values.

# %% [markdown]
# ### "Transformers use layer norm because sequences vary in length"

# %%
trial(
    "transformers use layer norm because sequences vary in length",
    published=[
        published("Dosovitskiy et al. 2021 (ViT), section 3.1", "layer norm before every block, though every image has the same number of tokens", holds=False),
        published("Liu et al. 2022 (ConvNeXt), section 2.6", "no sequence at all: layer norm 81.5 %, batch norm 81.4 %", holds=False),
        published("Shen et al. 2020 (PowerNorm), abstract", "batch norm is worse on text because batch statistics fluctuate strongly all through training", holds=False),
    ],
    expect="does not hold",
)


# %% [markdown]
# Length was a motive when layer norm was invented, for *recurrent* nets: batch norm would need statistics for each time step (Ba et al. 2016).
# For transformers it is one nuisance among several (padding would enter the batch's mean), and the norm stays where all lengths are equal.
# The reasons to give: each token is normalised by itself, so training, inference and a batch of one are the same function;
# batch statistics of text are unstable; a causal model must not see later positions; and nothing has to be synchronised between devices.

# %% [markdown]
# ### "RMS norm loses nothing"
#
# Dense nets of four layers whose weights start at 0.3, 1 or 3 times He's spread; each norm with its best of four rates. Loses nothing shall mean: within 2 points of layer norm (second threshold: 3).
# As a control, the other half of layer norm alone: taking the mean away without scaling.

# %%
def dense_by_norm(kind, scale, lr, seed):
    return on_test_digits(dense(kind, 4, scale, seed), lambda rows: rows, 32, lr, seed)


finer = [0.003, 0.01, 0.03, 0.1]
sweep = settings(kind=["layer", "rms", "centre"], scale=[1, 0.3, 3], lr=finer, seed=range(5))
by_norm = evidence("layer_or_rms_norm", dense_by_norm, sweep, sample=1, rtol=0.02)


def loses_nothing(scale, seed, kind="rms"):
    best = {k: max(by_norm(kind=k, scale=scale, lr=lr, seed=seed) for lr in finer) for k in ("layer", kind)}
    return best[kind] > best["layer"] - 0.02, best[kind] > best["layer"] - 0.03


trial(
    "RMS norm loses nothing against layer norm",
    loses_nothing,
    over=settings(scale=[0.3, 1, 3], seed=range(5)),
    control=settings(scale=0.3, seed=range(3), kind="centre"),
    published=[
        published("Zhang & Sennrich 2019, abstract", "comparable quality on translation, reading, image retrieval; 7 to 64 % less running time", holds=True),
        published("OLMo 2 2025, section 3.3.1", "ablations show no difference between a layer norm without γ and β and RMS norm", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# These nets need the *scaling*: taking the mean away alone failed where the weights started too small. T5, Llama and many language models since use RMS norm.

# %% [markdown]
# ## Answer in 30 seconds
#
# "They subtract a mean, divide by a standard deviation, then scale and shift; they differ in who shares the mean.
# Batch norm: one channel over batch and positions. Instance: one channel of one image. Group: a block of its channels. Layer norm in transformers: one token's features. RMS norm: the same without the mean.
# Only batch norm looks at other samples, hence running statistics, and trouble with small batches.
# Shall I derive the backward pass?"
#
# ### 三十秒回答
#
# "它们都是减均值、除标准差,再乘 γ 加 β,区别在于谁共享同一个均值。
# BN:每个通道跨样本和位置;IN:单张图的单个通道;GN:单张图的一组通道;Transformer 里的 LN:单个 token 的所有特征;RMSNorm 不减均值。
# 只有 BN 依赖 batch 内的其他样本,所以要维护滑动平均统计量,batch 太小时效果变差。要我推导 LN 的反向传播吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw the cubes; say the axes and where γ and β live.
# - Backward: $dx=\frac1\sigma(g-\bar g-\hat x\,\overline{g\hat x})$ with $g=\gamma\,dy$, means over the features. RMS: without $\bar g$. $d\gamma$, $d\beta$ over all leading axes.
# - Check it: the gradient is orthogonal to the constant vector and to $\hat x$ (up to ε).
# - Group norm contains instance norm (G = C) and the layer norm of images (G = 1).
# - When: CNN with ≥ 16 images a device: batch norm, which can be merged into the convolution at inference. Detection, segmentation, video: group norm, frozen or synchronised batch norm. Transformers: layer or RMS norm, pre-norm. Style transfer: instance norm.
# - The figures: batch of 2, ResNet-50: 34.7 % against 24.1 %; batch of 32: 23.6 against 24.1.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Pre-norm or post-norm?</summary>
#
# Post-norm: $x\leftarrow\mathrm{LN}(x+F(x))$, the norm lies on the residual path and every layer rescales the gradient; it needs warm-up. Pre-norm: $x\leftarrow x+F(\mathrm{LN}(x))$, the path stays the identity, as in ResNet v2; it can train without warm-up (large models warm up all the same), and needs one norm at the end.
# Xiong et al. 2020, post-norm on IWSLT14: BLEU 8.45 without warm-up, around 34 with it.
#
# </details>
#
# <details><summary>What is special in ConvNeXt's layer norm?</summary>
#
# It normalises the channels of each pixel, (N, H, W, C) over the last axis, as a transformer does with tokens: one per block, behind the depthwise convolution. It is not group norm with one group.
#
# </details>
#
# <details><summary>Weight norm, weight standardisation, ghost norm?</summary>
#
# *Weight norm* writes $w=g\,v/\|v\|$: length and direction are learned apart, activations are not touched.
# *Weight standardisation* gives each filter mean 0 and variance 1; with group norm it is a substitute for batch norm (Big Transfer uses both).
# *Ghost norm* is batch norm on small virtual batches cut from a large one: the noise of a small batch, kept on purpose.
#
# </details>
#
# <details><summary>What does SyncBN send?</summary>
#
# Forwards, for each of the $C$ channels, two numbers that tell mean and variance (torch sends the mean and $1/\sigma$), and one count: $2C+1$ numbers for each device. Backwards two more sums for each channel, of $dy$ and of $dy\,\hat x$. These are few bytes; what costs time is that all devices wait for each other, twice in every layer.
#
# </details>
#
# <details><summary>What is QK-norm?</summary>
#
# A layer norm, or RMS norm, of each head's queries and keys before their product, so the scores cannot grow without limit. Dehghani et al. (2023) needed it: from about 8 billion parameters on, their vision transformers diverged, with huge scores and attention weights close to one-hot.
#
# </details>
#
# <details><summary>Can a transformer do without normalisation?</summary>
#
# Zhu et al. (2025) put $\gamma\tanh(\alpha x)+\beta$ with a learned α in the place of each layer norm, and report equal or better results in vision, speech and language. It bounds large values entry by entry and needs no statistics. Most large models still have layer norm or RMS norm.
#
# </details>
#
# <details><summary>Why has RMS norm no β?</summary>
#
# Nothing was shifted, so nothing has to be shifted back; the next linear layer may have a bias if one is wanted.
#
# </details>
#
# <details><summary>How many groups?</summary>
#
# 32 by default in the paper, or 16 channels a group. The groups must divide C; for narrow nets take fewer.
#
# </details>
#
# <details><summary>Can layer norm be folded into the next layer at inference?</summary>
#
# Its γ and β can, its statistics cannot: they depend on the input. Batch norm's are constants, and the whole layer folds (question 17).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Layer norm normalises over the batch."
# - γ outside the means in layer norm's backward, copied from batch norm.
# - dγ summed over the first axis only, for (batch, time, features).
# - "Group norm with one group is the transformer's layer norm."
# - "Layer norm has running statistics."
# - Channels interleaved into groups by a wrong reshape.
# - "A batch under 32 is too small." Say how many values each mean is taken over.

# %% [markdown]
# ## References
#
# - J. L. Ba, J. R. Kiros, G. E. Hinton. *Layer Normalization.* 2016: section 3; invariances, table 1.
# - Y. Wu, K. He. *Group Normalization.* ECCV 2018: figure 2 (the cubes), table 2 (batch sizes).
# - D. Ulyanov, A. Vedaldi, V. Lempitsky. *Instance Normalization: The Missing Ingredient for Fast Stylization.* 2016.
# - B. Zhang, R. Sennrich. *Root Mean Square Layer Normalization.* NeurIPS 2019: eq. 4.
# - S. Shen et al. *PowerNorm: Rethinking Batch Normalization in Transformers.* ICML 2020.
# - R. Xiong et al. *On Layer Normalization in the Transformer Architecture.* ICML 2020: section 3.
# - A. Dosovitskiy et al. *An Image Is Worth 16x16 Words: Transformers for Image Recognition at Scale.* ICLR 2021: section 3.1 (section number from memory).
# - Z. Liu et al. *A ConvNet for the 2020s.* CVPR 2022: section 2.6.
# - Team OLMo. *2 OLMo 2 Furious.* 2025: section 3.3.1.
# - M. Dehghani et al. *Scaling Vision Transformers to 22 Billion Parameters.* ICML 2023: QK-norm.
# - J. Zhu et al. *Transformers without Normalization.* CVPR 2025.
# - T. Salimans, D. P. Kingma. *Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks.* NeurIPS 2016.
# - S. Qiao et al. *Micro-Batch Training with Batch-Channel Normalization and Weight Standardization.* 2019.
