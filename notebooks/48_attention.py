# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 48 · Write self-attention and its backward pass. When does a CNN still win?
#
# *手写自注意力及反向;为什么除以 √d?ViT 和 CNN 的区别?*

# %% [markdown]
# ## Question
#
# "Write scaled dot-product attention without a framework, and its backward pass.
# Why do we divide by √d?
# Turn it into a layer with several heads, and cut an image into patches for it.
# When would you still take a CNN?"
#
# "请不用框架写出缩放点积注意力及其反向传播。为什么除以 √d?再写出多头注意力和图像分块。什么时候仍然选 CNN?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The axis.** The weights of each query sum to 1 over the keys: softmax over the last axis of the `(T, S)` scores.
# - **The reason for √d.** A sum of $d$ products has variance $d$; without the root the softmax starts saturated for large $d$, and its gradient is small.
# - **The softmax's row term** in the backward pass, and where $1/\sqrt d$ appears in it.
# - **A mask before the softmax**, as −∞, with True meaning what your library means by it.
# - **What the layer does not know:** order and neighbourhood. Both must be put in, and a CNN has them built in.

# %% [markdown]
# ## The idea
#
# A query $q_t$ asks, keys $k_s$ answer, and what comes back is an average of the values $v_s$ (Vaswani et al. 2017, §3.2):
#
# $$
# A = \mathrm{softmax}\!\Big(\frac{Q K^\top}{\sqrt d}\Big), \qquad O = A V
# $$
#
# Shapes: `Q (T, d)`, `K (S, d)`, `V (S, e)`, scores and weights `(T, S)`, output `(T, e)`.
# In *self*-attention all three are linear maps of the same tokens.
#
# **Why √d.** If the entries of $q$ and $k$ are independent with mean 0 and variance 1, then $q\cdot k$ has variance $d$.
# With $d=64$ their standard deviation is 8, and $e^8\approx 3000$: one key takes most of the weight.
# Divided by $\sqrt d$ they have variance 1 for every $d$.

# %% [markdown]
# **Backward.** With the upstream gradient $G=\partial L/\partial O$:
#
# $$
# dV = A^\top G, \qquad dA = G V^\top, \qquad
# dS_{ts} = A_{ts}\Big(dA_{ts} - \sum_r A_{tr}\,dA_{tr}\Big), \qquad
# dQ = \frac{dS\,K}{\sqrt d}, \quad dK = \frac{dS^\top Q}{\sqrt d}
# $$
#
# The middle formula is the softmax's Jacobian, $\mathrm{diag}(a)-a a^\top$, applied to one row.
# The sum is the *row term*: raising one score lowers every other weight of that query.
# It also equals $\sum_j G_{tj} O_{tj}$, which is how FlashAttention computes it without keeping $A$.

# %% [markdown]
# **Several heads.** Split the $D$ channels of queries, keys and values into $h$ consecutive slices (`heads` in code) of width $D/h$, let each slice attend for itself, put the results side by side, and mix them with one matrix.
# The cost in parameters is $4D^2$, whatever the number of heads.
#
# **No order without positions.** Let the rows of $X$ be the tokens and $P$ a permutation of them. The outputs are permuted the same way: $\mathrm{attention}(PX) = P\,\mathrm{attention}(X)$, because $P$ passes through the linear maps, and $P^\top P = I$ cancels inside.
#
# **Patches.** Cut the image into squares of side $p$ and map each by the same matrix: that is a convolution whose stride is its kernel size.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: attention
#
# Divide by the root of the queries' width.
# `mask` is True where attention is *allowed* (torch's `scaled_dot_product_attention`; its `nn.MultiheadAttention` has it the other way round).
# Scores may be ±10000, hidden ones too; every row of the mask allows at least one key.

# %%
def attention(q, k, v, mask=None):
    """q (T, d), k (S, d), v (S, e), mask (T, S) of bools, True = allowed, or None -> out (T, e)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(attention)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: shapes</summary>
#
# The scores are `(T, S)`: one row for each query.
# Each row becomes weights that sum to 1.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the mask</summary>
#
# `np.where(mask, scores, -np.inf)` before the softmax; `exp(-inf)` is 0.
# Take the row's maximum after masking: a hidden score must not decide it.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `scores = q @ k.T / np.sqrt(q.shape[1])`, mask, subtract `scores.max(axis=1, keepdims=True)`, exp, divide by the row's sum, `@ v`.
#
# </details>

# %% [markdown]
# ### Exercise 2: its backward pass
#
# Without a mask. Return `(dq, dk, dv)`, in this order, for the upstream gradient `dout (T, e)`.

# %%
def attention_backward(dout, q, k, v):
    """dout (T, e), q (T, d), k (S, d), v (S, e) -> (dq (T, d), dk (S, d), dv (S, e))."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(attention_backward)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: go back line by line</summary>
#
# `out = a @ v` gives `dv` and `da`; the softmax gives `ds` from `da`; `scores = q @ k.T / √d` gives `dq` and `dk`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the softmax</summary>
#
# For one row, `ds = a * (da - np.sum(a * da))`.
# For all rows: `sum(axis=1, keepdims=True)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: transposes from shapes</summary>
#
# `dq (T, d) = ds @ k`, `dk (S, d) = ds.T @ q`, `dv (S, e) = a.T @ dout`; the first two are divided by √d.
#
# </details>

# %% [markdown]
# ### Exercise 3: several heads
#
# Self-attention of `x (T, D)`. Rows of `w_qkv` make queries, then keys, then values, `D` rows each; weights are `(out, in)`, so `x @ w.T`.
# Head number $i$ owns the consecutive columns $i\,D/h$ to $(i+1)\,D/h$. No biases, no shortcut.

# %%
def multi_head_attention(x, w_qkv, w_out, heads):
    """x (T, D), w_qkv (3D, D) in the order q, k, v, w_out (D, D), heads divides D -> (T, D)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(multi_head_attention)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one head first</summary>
#
# `np.split(x @ w_qkv.T, 3, axis=1)` gives q, k, v of shape `(T, D)`.
# One head's share is a slice of columns of each; call your `attention` on it.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the width</summary>
#
# Each head is `D // heads` wide, and that is the $d$ under the root.
# `np.concatenate(outputs, axis=1)` puts the heads side by side again, then `@ w_out.T`.
#
# </details>

# %% [markdown]
# ### Exercise 4: patches
#
# Token $r\cdot(W/p)+s$ is the patch in row $r$ and column $s$.
# Raise ValueError where `patch` does not divide both height and width.

# %%
def patch_embed(images, weight, bias, patch):
    """images (N, C, H, W), weight (D, C, p, p), bias (D,), patch p -> (N, T, D), T = H/p · W/p, row by row; ValueError if p does not divide."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(patch_embed)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: six axes</summary>
#
# Reshape to `(N, C, H/p, p, W/p, p)`: block row, row inside, block column, column inside.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: their order</summary>
#
# `transpose(0, 2, 4, 1, 3, 5)` brings `(N, rows, columns, C, p, p)`; flatten the last three as `weight` is flattened.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* function that runs.
#
# ### What √d does
#
# With `v = I` your function returns the weights themselves.
# Draw queries and 32 keys with variance 1, and let $d$ grow. To leave √d out, feed it $q\sqrt d$.
# What happens to the entropy of the weights, and to the gradient that comes back to the scores?

# %%
def weights_of(q, k):
    """The attention weights (T, S) of your function."""
    return attention(q, k, np.eye(len(k)))


def entropy_and_gradient(d, scaled, keys=32, rows=400, seed=0):
    """Mean entropy of the weights in bits, and the size of the gradient at the scores for a random one at the weights."""
    rng = np.random.default_rng(seed)
    q, k, da = rng.normal(size=(rows, d)), rng.normal(size=(keys, d)), rng.normal(size=(rows, keys))
    a = weights_of(q if scaled else q * np.sqrt(d), k)
    ds = a * (da - (a * da).sum(axis=1, keepdims=True))
    return -(a * np.log2(a + 1e-300)).sum(axis=1).mean(), np.sqrt((ds**2).sum(axis=1)).mean()


# %% tags=["hide-input"]
widths = [2**i for i in range(1, 11)]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for scaled, name, colour in ((True, "with 1/√d", plots.color("right")), (False, "without", plots.color("wrong"))):
    found = np.array([entropy_and_gradient(d, scaled) for d in widths])
    axes[0].plot(widths, found[:, 0], "o-", color=colour, label=name)
    axes[1].plot(widths, found[:, 1], "o-", color=colour, label=name)
axes[0].axhline(5, color="0.5", linestyle=":")
axes[0].text(2, 5.05, "all 32 keys alike: 5 bits", color="0.35", va="bottom")
axes[0].set(xscale="log", xlabel="width d of query and key", ylabel="entropy of the weights (bits)", ylim=(0, 5.6))
axes[1].set(xscale="log", xlabel="width d of query and key", ylabel="gradient at the scores (norm of a row)", ylim=(0, None))
axes[0].legend(loc="lower left")
fig.suptitle("Without √d one key takes nearly all the weight as d grows, and little gradient passes", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Divided by √d, entropy and gradient hardly depend on $d$.
# Without it the entropy falls from the start. The gradient is no smaller up to $d=16$; at $d=64$ it is about three quarters of that with √d, at $d=1024$ a fifth. Where a row of $A$ is nearly one-hot, $a(da-\sum a\,da)$ is nearly 0.

# %% [markdown]
# ### What a trained head looks at
#
# A small ViT on the 8×8 digits: patches of 2×2, so 16 tokens and a class token, two blocks of width 32 with four heads.
# The code is torch's; the maps are computed by your `attention`.

# %% tags=["hide-input"]
import torch
from torch import nn

torch.set_num_threads(1)
x_all, y_all, x_test, y_test = data.digits(flat=False)


class TinyViT(nn.Module):
    """Patches of 2×2, a class token, learnt positions, two pre-norm blocks with four heads."""

    def __init__(self, width):
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, 2)
        self.cls, self.pos = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(0.02 * torch.randn(1, 17, width))
        block = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 2, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def tokens(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([self.cls.expand(len(x), -1, -1), patches], dim=1) + self.pos

    def forward(self, x):
        return self.head(self.blocks(self.tokens(x))[:, 0])


def tiny_cnn(width):
    """Three 3×3 convolutions, two of them with stride 2, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(2 * width, 2 * width, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * width, 10),
    )


def fitted(net, x, y, lr, seed, steps=300):
    """AdamW with batches of 64, a rate that rises for a tenth of the steps and then falls to zero."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        batch = torch.from_numpy(rng.integers(0, len(x), 64))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def as_images(x, order=None):
    """Digits as a float tensor; `order` shuffles the 64 pixels, the same way in each image."""
    flat = x.reshape(len(x), 64)
    return torch.tensor(flat if order is None else flat[:, order], dtype=torch.float32).reshape(-1, 1, 8, 8)


# %% tags=["hide-input"]
torch.manual_seed(0)
vit = fitted(TinyViT(32), as_images(x_all), torch.from_numpy(y_all), 5e-3, 0, steps=200)
block, shown = vit.blocks.layers[-1], [int(np.flatnonzero(y_test == digit)[0]) for digit in (0, 1, 2, 4, 7)]
with torch.no_grad():
    h = block.norm1(vit.blocks.layers[0](vit.tokens(as_images(x_test[shown]))))
    q, k, _ = nn.functional.linear(h, block.self_attn.in_proj_weight, block.self_attn.in_proj_bias).double().numpy().transpose(2, 0, 1).reshape(3, 32, len(shown), 17).transpose(0, 2, 3, 1)

fig, axes = plt.subplots(5, len(shown), figsize=(7, 7), layout="constrained")
for column, i in enumerate(shown):
    axes[0, column].imshow(x_test[i, 0], cmap="gray_r")
    for head in range(4):
        part = slice(8 * head, 8 * head + 8)
        row = weights_of(q[column, :1, part], k[column, :, part])[0, 1:]  # the class token's weights on the patches
        axes[head + 1, column].imshow(x_test[i, 0], cmap="gray_r", alpha=0.35)
        axes[head + 1, column].imshow(np.kron(row.reshape(4, 4), np.ones((2, 2))), cmap="Reds", alpha=0.75)
for name, ax in zip(["digit", "head 1", "head 2", "head 3", "head 4"], axes[:, 0], strict=True):
    ax.set_ylabel(name)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
fig.suptitle("The class token reads different places in each head, and in each digit", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The weights depend on the image; the kernel of a convolution is the same for all images.
# A map shows where a head reads, not why the answer came out.

# %% [markdown] tags=["deeper"]
# ### Deeper: no positions, no order
#
# Shuffle the tokens, and the outputs are shuffled the same way, to rounding.
# Add to each place a vector of its own, and this is no longer so.

# %% tags=["deeper"]
rng = np.random.default_rng(1)
x, w_qkv, w_out = rng.normal(size=(6, 8)), rng.normal(size=(24, 8)), rng.normal(size=(8, 8))
order, positions = rng.permutation(6), rng.normal(size=(6, 8))


def shuffled_alike(add):
    """Does shuffling before the layer equal shuffling after it?"""
    before = multi_head_attention(x[order] + add, w_qkv, w_out, 2)
    return np.allclose(before, multi_head_attention(x + add, w_qkv, w_out, 2)[order])


print("without positions:", shuffled_alike(0))
print("with positions:   ", shuffled_alike(positions))


# %% [markdown]
# ## Folklore on trial
#
# ### "We divide by √d for numerical stability"
#
# If that were the reason, attention without √d would come out wrong in float32.
# Subtract each row's maximum, as one must anyway, and compare with float64.
# The control leaves the maximum in.

# %%
def goes_wrong(d, spread, shifted, seed):
    """Without √d, in float32: is some weight not finite, or off by more than a thousandth (or a hundredth)?"""
    rng = np.random.default_rng(seed)
    q, k = spread * rng.normal(size=(16, d)), spread * rng.normal(size=(32, d))
    s32 = q.astype(np.float32) @ k.astype(np.float32).T
    exact = weights_of(np.sqrt(d) * q.astype(np.float32).astype(float), k.astype(np.float32).astype(float))
    with np.errstate(all="ignore"):
        e = np.exp(s32 - s32.max(axis=1, keepdims=True) if shifted else s32)
        off = np.abs(e / e.sum(axis=1, keepdims=True) - exact).max()
    return not off <= 1e-3, not off <= 1e-2  # NaN counts as wrong


trial(
    "without √d attention is numerically unstable (float32, maximum subtracted)",
    goes_wrong,
    over=settings(d=[16, 64, 256, 1024], spread=[0.5, 1.0], shifted=True, seed=range(3)),
    control=dict(d=1024, spread=2.0, shifted=False, seed=0),
    expect="does not hold",
)

# %% [markdown]
# In float32, stability comes from subtracting the maximum.
# (In half precision the scores themselves may overflow before that; there one scales $q$ before the product.)
# √d keeps the softmax *unsaturated at the start*, as the figure above shows, and the paper gives that reason (§3.2.1).
#
# ### "A ViT needs more data than a CNN"
#
# A convolution knows from the start that neighbours belong together and that a feature may appear anywhere; a ViT has to learn most of this.
# The ViT paper measured it, and we repeat it small: both nets at two sizes and two learning rates, chosen on validation images; three seeds.

# %% tags=["hide-input"]
SIZES = {"cnn": (8, 16), "vit": (32, 64)}


def measure(net, size, n, lr, seed, shuffled):
    """Accuracies of one small net on n digits; `shuffled`: the pixels in another order, so that nothing is local."""
    order = np.random.default_rng(7).permutation(64) if shuffled else None
    pick = np.random.default_rng(seed).permutation(1000)[:n]
    torch.manual_seed(seed)
    model = TinyViT(SIZES["vit"][size]) if net == "vit" else tiny_cnn(SIZES["cnn"][size])
    model = fitted(model, as_images(x_all[:1000][pick], order), torch.from_numpy(y_all[:1000][pick]), lr, seed)
    with torch.no_grad():
        return {
            name: (model(as_images(x, order)).argmax(dim=1).numpy() == y).mean()
            for name, x, y in (("validation", x_all[1000:], y_all[1000:]), ("test", x_test, y_test))
        }


RATES = [3e-3, 1e-2]
accuracy = evidence(
    "attention_vit_or_cnn",
    measure,
    settings(net=["cnn", "vit"], size=[0, 1], n=[100, 300, 1000], lr=RATES, seed=range(3), shuffled=False)
    + settings(net=["cnn", "vit"], size=[0, 1], n=300, lr=RATES, seed=range(3), shuffled=True),
    atol=0.02,
)
accuracy


# %%
def tuned(net, n, seed, shuffled):
    """Test accuracy of the size and rate that were best on the validation images, over three seeds."""
    choices = settings(net=net, size=[0, 1], n=n, lr=RATES, shuffled=shuffled)
    best = max(choices, key=lambda c: sum(accuracy(**c, seed=s)["validation"] for s in range(3)))
    return accuracy(**best, seed=seed)["test"]


def cnn_ahead(n, seed, shuffled):
    """By any margin, or by a point."""
    gap = tuned("cnn", n, seed, shuffled) - tuned("vit", n, seed, shuffled)
    return gap > 0, gap > 0.01


trial(
    "trained on the same few images, a CNN is ahead of a ViT",
    cnn_ahead,
    over=settings(n=[100, 300, 1000], seed=range(3), shuffled=False),
    control=settings(n=300, seed=range(3), shuffled=True),
    published=[
        published("Dosovitskiy et al. 2021, §4.3, figure 3", "pre-trained on ImageNet (1.3 M images) the ResNets (BiT) are ahead; on larger sets ViT overtakes", holds=True),
        published("Dosovitskiy et al. 2021, §4.3, figure 4", "on 9 M images of JFT, ViT-B/32 is much worse than ResNet-50; on 90 M and more it is better", holds=True),
    ],
    expect="holds",
)

# %%
for shuffled in (False, True):
    gap = [tuned("cnn", 300, seed, shuffled) - tuned("vit", 300, seed, shuffled) for seed in range(3)]
    print(f"300 digits, {'shuffled' if shuffled else 'plain':8} pixels: the CNN is ahead by {100 * np.mean(gap):.0f} points")

# %% [markdown]
# Look at the control before you quote the toy.
# With the pixels shuffled nothing is local any more, and the small CNN is still ahead by 5 points of 7: on these 8×8 images most of its lead does *not* come from locality.
# So "it holds" says here only who is ahead on these digits. That more data turns the order round rests on the paper's figures.
# Later recipes (DeiT: strong augmentation; better still with a CNN as teacher) train a ViT well on ImageNet alone: the gap depends on the data *and* on the recipe.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Attention is softmax of QKᵀ over √d, times V: each query averages the values by how well their keys match.
# √d keeps the scores' variance at one, so the softmax starts unsaturated and passes gradient.
# Backward, the softmax needs its row term.
# A CNN has locality and weight sharing built in, and usually wins with little data; ViT overtakes with large pre-training.
# Shall I compare their cost?"
#
# ### 三十秒回答
#
# "注意力就是 softmax(QKᵀ/√d)·V:每个 query 按与各个 key 的匹配程度对 value 加权平均。
# 除以 √d 让分数方差保持为 1,softmax 一开始不饱和,梯度传得回来。
# 反向时 softmax 要减去按行的加权和。
# CNN 自带局部性和权重共享,数据少时通常占优;大规模预训练后 ViT 反超。
# 要我比较一下计算量吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the formula with all four shapes; say over which axis the softmax runs.
# - Derive √d: the variance of a sum of $d$ products. Say that overflow is another matter, cured by the row's maximum.
# - Write the backward pass in the order $dV, dA, dS, dQ, dK$, with the row term.
# - Heads: slices of the channels, the same parameters, several patterns at once; each head's root is $\sqrt{D/h}$.
# - What is missing: positions. Without them the layer cannot tell an image from its shuffled patches.
# - Costs: $4TD^2 + 2T^2D$ multiply-adds, against $k^2TD^2$ for a convolution; memory for $T^2$ weights unless they are never stored.
# - When a CNN: little data, high resolution, a small device. When a ViT: large pre-training, several modalities, masked pre-training. Detection is no longer a reason against a plain ViT: ViTDet makes a pyramid from its last map alone (61.3 AP on COCO; Li et al. 2022).

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How does the cost compare with a convolution's?</summary>
#
# For $T$ positions and $D$ channels: projections $4TD^2$, scores and averaging $2T^2D$; a 3×3 convolution $9TD^2$.
# So counted in multiply-adds, attention is cheaper while $2T < 5D$, for example 196 patches and $D=768$.
# It grows with $T^2$: twice the resolution is four times the tokens and sixteen times the second part.
#
# </details>
#
# <details><summary>How do positions get in?</summary>
#
# A learnt or sinusoidal vector added to each token (ViT: learnt, one-dimensional; two-dimensional ones were no better, appendix D.4 of the paper).
# A relative bias on the scores (Swin), or a rotation of queries and keys by their position (RoPE), where the score depends on the difference only.
# At another resolution learnt positions are interpolated.
#
# </details>
#
# <details><summary>What is a KV cache?</summary>
#
# A decoder makes one token at a time; keys and values of earlier tokens do not change, so they are kept.
# The scores of a step then cost $T$ instead of $T^2$, and the memory is $2\cdot$layers$\cdot T\cdot D$ numbers.
# Grouped-query attention lets several heads share keys and values to make it smaller.
# An image encoder has no use for it: all tokens are there at once.
#
# </details>
#
# <details><summary>Pre-norm or post-norm?</summary>
#
# $x + f(\mathrm{LN}(x))$ keeps a clean identity path, as ResNet v2 does (question 26), and trains without a long warm-up.
# Post-norm, $\mathrm{LN}(x+f(x))$, is the original; it needs warm-up, because its gradients are large near the output at the start (Xiong et al. 2020).
#
# </details>
#
# <details><summary>What does Swin change?</summary>
#
# Attention within windows of 7×7 tokens, so the cost is linear in the image's area; every second block shifts the windows so that they mix.
# Merging 2×2 tokens between stages gives a pyramid as in a CNN, which detectors need.
#
# </details>
#
# <details><summary>How does DETR use attention?</summary>
#
# A CNN and an encoder make tokens; a fixed set of learnt queries attends to them, and each answers with a box and a class or "nothing".
# A Hungarian matching assigns predictions to objects one to one, by a cost that looks at scores and boxes, so no anchors and no NMS are needed (question 37).
# It learns slowly: 500 epochs in the paper's main table; deformable attention needs far fewer.
#
# </details>
#
# <details><summary>What is the idea of FlashAttention?</summary>
#
# Exact attention without storing the $T\times S$ weights: keys and values come in blocks, and a running maximum and a running sum correct what was added before (the online softmax).
# The backward pass computes the weights again from each row's saved log-sum-exp.
# It saves memory and memory traffic, not multiplications.
#
# </details>
#
# <details><summary>Why several heads?</summary>
#
# One head gives each query one average. If it reads several places, their values are mixed.
# Several heads read several places separately, with the same number of parameters.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "√d is there against overflow." Subtracting the maximum is.
# - Softmax along the wrong axis, unnoticed because T equals S.
# - "The mask multiplies the weights." Then they no longer sum to 1.
# - The softmax's backward pass as `a * da`, without the row term.
# - "Attention knows where each patch is."
# - "ViT is better than CNN", without saying on how much data and with which recipe.

# %% [markdown]
# ## References
#
# - A. Vaswani et al. *Attention Is All You Need.* NeurIPS 2017. §3.2: scaled dot-product attention, the reason for √d, several heads.
# - A. Dosovitskiy et al. *An Image Is Worth 16x16 Words: Transformers for Image Recognition at Scale.* ICLR 2021. §3.1; §4.3 with figures 3 and 4; appendix D.4.
# - Y. Li, H. Mao, R. Girshick, K. He. *Exploring Plain Vision Transformer Backbones for Object Detection.* ECCV 2022: ViTDet.
# - H. Touvron et al. *Training Data-Efficient Image Transformers & Distillation through Attention.* ICML 2021: DeiT.
# - Z. Liu et al. *Swin Transformer: Hierarchical Vision Transformer using Shifted Windows.* ICCV 2021. §3.
# - N. Carion et al. *End-to-End Object Detection with Transformers.* ECCV 2020: DETR.
# - T. Dao et al. *FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness.* NeurIPS 2022. §3.
# - R. Xiong et al. *On Layer Normalization in the Transformer Architecture.* ICML 2020: pre-norm and post-norm.
