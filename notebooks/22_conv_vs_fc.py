# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 22 · Why convolutions and not fully connected layers?
#
# *为什么用卷积层?与全连接有什么区别?前提条件是什么?*

# %% [markdown]
# ## Question
#
# "Why do we use convolutions for images, and not fully connected layers?
# What exactly is the difference? When is a convolution the wrong choice?
# Write a convolution down as a matrix, and count the parameters of both."
#
# "图像任务为什么用卷积而不用全连接?两者到底差在哪里?使用卷积的前提条件是什么?
# 请把卷积写成矩阵,并分别计算参数量。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Two ideas, kept apart.** Local connections *and* shared weights. The second one is the important one.
# - **The matrix.** A convolution is a fully connected layer whose matrix is mostly zero and repeats a handful of numbers.
# - **Numbers.** A convolution's parameters do not depend on the image's size; a fully connected layer's grow with the fourth power of its side.
# - **Equivariance,** not invariance: shift the input, and the output shifts. You can say what strides, pooling and borders do to it.
# - **The precondition.** Neighbours belong together, and the same pattern means the same thing at every place. You name data for which that is false.

# %% [markdown]
# ## The idea
#
# ### Three layers, two steps
#
# One channel of $H\times W$ pixels goes in, one comes out. Start from a fully connected layer and take something away, twice.
#
# | layer | an output sees | its weights | weights in all |
# |---|---|---|---|
# | fully connected | all pixels | its own | $(HW)^2$ |
# | locally connected | a $k\times k$ window | its own | $HW\cdot k^2$ |
# | convolution | a $k\times k$ window | **those of all others too** | $k^2$ |
#
# From the first row to the second: *locality*. From the second to the third: *weight sharing*.
# With $C$ channels in and $C'$ out all three get a factor $C\,C'$.
# Biases: one for each output, $C'HW$; in a convolution they are shared too, so $C'$.

# %% [markdown]
# ### A convolution is a matrix
#
# Flatten the image row by row: pixel $(r,c)$ is entry $rW+c$ of a vector.
# Output $(i,j)$ of a layer with padding $p$ and stride 1 is $\sum_{a,b} w[a,b]\,x[i+a-p,\,j+b-p]$.
# So the row of output $(i,j)$ holds $w[a,b]$ in the column of pixel $(i+a-p,\,j+b-p)$, and zeros elsewhere:
#
# $$
# M\big[\,iW'+j,\;\;rW+c\,\big] = w[\,r-i+p,\;c-j+p\,]
# $$
#
# where that is a tap of the kernel, else 0. A tap that falls on the padding has no column.
#
# A 3×3 kernel on 5×5 pixels: $M$ is 9×25. Of its 225 entries 81 are not zero, and they are 9 different numbers, each of them nine times.
# The backward pass is $M^{\mathsf T}$ (question 21).

# %% [markdown]
# ### Where the shape of that matrix comes from
#
# Sharing need not be assumed: it follows if a linear layer has to treat all places alike.
# Let $T$ shift an image by one pixel (take an image without end, or one that wraps round). Demand
#
# $$ M\,T = T\,M \qquad\text{(first shift, then apply the layer = first apply, then shift)} $$
#
# In one dimension $(Tx)[r]=x[r-1]$. Compare the factor of $x[r]$ in output $i$ on both sides:
#
# $$
# (MTx)[i]=\sum_r M[i,r]\,x[r-1]=\sum_r M[i,r+1]\,x[r]
# \qquad
# (TMx)[i]=(Mx)[i-1]=\sum_r M[i-1,r]\,x[r]
# $$
#
# They agree for all $x$ only if $M[i,r+1]=M[i-1,r]$, that is $M[i,r]=M[i-1,r-1]$: along each diagonal all entries are equal.
# A matrix whose diagonals are constant is called a *Toeplitz* matrix. So $M[i,r]$ depends on $r-i$ alone. Call it $w[r-i]$, and you have a convolution:
#
# $$ (Mx)[i]=\sum_a w[a]\,x[i+a] $$
#
# **A linear layer that treats all places alike is a convolution.** In two dimensions the same argument applies to each axis.
# Locality, $w[a]=0$ for large $a$, is a second and separate assumption.

# %% [markdown]
# ### The precondition
#
# Interviewers may ask for "consistent data distribution" (数据分布一致).
# Taken as "training and test data have one distribution" that is the precondition of *all* learning.
# What a convolution needs beyond it:
#
# 1. **A grid whose neighbours belong together.** The useful patterns are small: edges, strokes, a phoneme in a spectrogram.
# 2. **The same statistics at every place** (stationarity). A pattern that is worth detecting here is worth detecting there, by the same weights.
#
# Images, sound and text have both, roughly. The columns of a table have neither: reorder them, and no information is lost.

# %% [markdown]
# ### What is equivariant, and what breaks it
#
# - A convolution: $f(Tx)=Tf(x)$. So is anything that acts on each pixel alone (bias, ReLU), and any chain of such layers.
# - **Borders.** The zeros around the image do not move with it. Near the border $f(Tx)\neq Tf(x)$.
# - **Stride and pooling by** $s$. Only shifts by multiples of $s$ survive: shift the input by $s$, and the output shifts by 1. Other shifts change the values.
# - **Global average pooling** turns equivariance into *invariance*: a mean does not depend on where the values stand.
# - **Flatten and a linear layer** end both. There every place has weights of its own again.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the matrix
#
# One channel in, one out, stride 1, cross-correlation (no flip), `padding` zeros on each side.
# Pixels and outputs are numbered row by row.
# A kernel that does not fit (H' or W' below 1) raises ValueError.

# %%
def conv_as_matrix(weight, height, width, padding=0):
    """weight (kH, kW), an image of height × width pixels -> (H'·W', H·W).

    Stride 1, no flip, zeros as padding; pixels and outputs are numbered row by row.
    ValueError where the kernel does not fit (H' or W' below 1).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(conv_as_matrix)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one row</summary>
#
# A row belongs to one output (i, j). Which pixels does its window cover, and with which weight? Everything else is zero.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: do not flatten by hand</summary>
#
# Fill an array of shape `(H', W', H, W)`: entry `[i, j, r, c]` is the weight with which output (i, j) takes pixel (r, c).
# Reshape it at the very end.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Four loops over i, j, a, b. Tap (a, b) of output (i, j) sees row `i + a - padding` and column `j + b - padding`;
# set the entry where both lie inside the image. Before that: `H' = height + 2*padding - kH + 1`, and raise ValueError if it is below 1.
#
# </details>

# %% [markdown]
# ### Exercise 2: counting
#
# Parameters of three layers from `(c_in, height, width)` to `(c_out, height, width)`, biases included:
# a convolution, a locally connected layer (no sharing, so a bias for each output), a fully connected layer.
# The kernel is odd, the padding "same"; a tap that falls on the padding counts as any other. Return ints.

# %%
def parameter_counts(c_in, c_out, kernel, height, width):
    """-> (conv, locally_connected, fully_connected).

    Three ints, biases included: one for each filter in a convolution, one for each output in the other two.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(parameter_counts)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one output at a time</summary>
#
# How many weights and biases does a single output have in each of the layers? How many outputs do not share them?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# A filter has `c_in * kernel**2` weights and a bias. A convolution has `c_out` filters; a locally connected layer that many *at each of the
# height·width places*.
# In a fully connected layer each of `c_out * height * width` outputs has `c_in * height * width` weights and a bias.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Look at the matrix
#
# The kernel 1 … 9 on 5×5 pixels, by your function. Beside it the two layers that it was made from.

# %%
rng = np.random.default_rng(0)
nine = np.arange(1.0, 10).reshape(3, 3)
conv_matrix = conv_as_matrix(nine, 5, 5)
pattern = conv_matrix != 0
local_matrix = np.where(pattern, rng.uniform(1, 9, size=pattern.shape), 0)
full_matrix = rng.uniform(1, 9, size=pattern.shape)
for name, matrix in {"convolution": conv_matrix, "locally connected": local_matrix, "fully connected": full_matrix}.items():
    used = matrix[matrix != 0]
    print(f"{name:18} {matrix.size} entries, {used.size:3} not zero, {np.unique(used).size:3} different values")

# %% tags=["hide-input"]
fig, axes = plt.subplots(3, 1, figsize=(7.5, 8.4), sharex=True, layout="constrained")
names = ["fully connected: 225 weights", "locally connected: 81 weights", "convolution: 9 weights, each used nine times"]
for ax, matrix, name in zip(axes, [full_matrix, local_matrix, conv_matrix], names, strict=True):
    shown = ax.imshow(np.where(matrix == 0, np.nan, matrix), cmap="viridis", vmin=1, vmax=9)
    ax.set(title=name, ylabel="output (3×3)", yticks=[0, 3, 6], xticks=range(0, 25, 5))
    ax.grid(False)
    for edge in range(5, 25, 5):
        ax.axvline(edge - 0.5, color="0.8", linewidth=0.8)
axes[-1].set_xlabel("pixel, row by row (a line after each image row of five)")
fig.colorbar(shown, ax=axes, shrink=0.6, label="weight")
fig.suptitle("First remove connections, then share the weights that are left", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Locality makes the matrix sparse. Sharing makes it repeat itself along the diagonals.
# Follow one colour in the last picture: it moves one pixel to the right from output to output, and jumps at the end of an output row.

# %% [markdown]
# ### Shuffle the pixels, or move the digit
#
# Now the precondition. Three nets that differ in one thing: what their two hidden layers are.
# Convolutions; the same connections with weights of their own, from the zero pattern of *your* matrix; all connections.
# ReLU, pooling and the classifier are the same in all of them. And three worlds:
#
# - the digits **as they are**, each in the middle of its 8×8 pixels;
# - **shuffled**, by one fixed permutation of the pixels, training and test alike: a human could no longer read them;
# - **moved**: each digit somewhere on a canvas of 12×12.
#
# 300 training digits, three learning rates (the best one counts), six seeds; every run has initial weights of its own. Guess the nine bars before you look.

# %% tags=["hide-input"]
digits, labels, *_ = data.digits()
shuffle = np.random.default_rng(100).permutation(64)
shown = [digits[k].reshape(8, 8) for k in range(8)] + [digits[k][shuffle].reshape(8, 8) for k in range(8)]
plots.images(shown, "The same eight digits, and the same eight after the fixed shuffle", columns=8)
plt.show()

# %%
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)


class Masked(nn.Module):
    """A fully connected layer (c_in, side, side) -> (c_out, side, side) that keeps only the connections of `pattern`."""

    def __init__(self, c_in, c_out, side, pattern):
        super().__init__()
        self.shape, bound = (c_out, side, side), pattern.sum(axis=1).mean() ** -0.5 / c_in**0.5  # torch's own default
        self.register_buffer("mask", torch.tensor(np.tile(pattern, (c_out, c_in)), dtype=torch.float32))
        self.weight = nn.Parameter(self.mask * torch.empty(self.mask.shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(len(self.mask)).uniform_(-bound, bound))

    def forward(self, x):
        return F.linear(x.flatten(1), self.weight * self.mask, self.bias).unflatten(1, self.shape)


def hidden(kind, c_in, c_out, side):
    if kind == "convolution":
        return nn.Conv2d(c_in, c_out, 3, padding=1)
    local = conv_as_matrix(np.ones((3, 3)), side, side, padding=1)
    return Masked(c_in, c_out, side, local if kind == "locally connected" else np.ones_like(local))


def make_net(kind, side):
    first = [hidden(kind, 1, 16, side), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, hidden(kind, 16, 32, side // 2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * side**2, 10))


def as_images(world, pixels, seed):
    """(n, 64) -> (n, 1, side, side), as they are, shuffled, or moved."""
    if world == "moved":
        rng, out = np.random.default_rng(seed), np.zeros((len(pixels), 1, 12, 12))
        for canvas, image in zip(out, pixels.reshape(-1, 8, 8), strict=True):
            top, left = rng.integers(5, size=2)
            canvas[0, top : top + 8, left : left + 8] = image
        return torch.tensor(out, dtype=torch.float32)
    order = np.random.default_rng(100).permutation(64) if world == "shuffled" else np.arange(64)
    return torch.tensor(pixels[:, order].reshape(-1, 1, 8, 8), dtype=torch.float32)


def accuracies(kind, world, lr, seed):
    """Accuracy in percent on 300 training digits and on 449 others, after 120 steps of Adam."""
    x, y, x_test, y_test = data.digits(seed=seed)
    x, y = as_images(world, x[:300], seed), torch.tensor(y[:300])
    x_test, y_test = as_images(world, x_test, 50 + seed), torch.tensor(y_test)
    torch.manual_seed(seed if world == "as they are" else 1000 + seed)  # initial weights of its own
    net, order = make_net(kind, x.shape[2]), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=lr)
    for _ in range(20):
        for batch in torch.randperm(300, generator=order).split(50):
            optimiser.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        right = [(net(images).argmax(dim=1) == truth).double().mean().item() for images, truth in ((x, y), (x_test, y_test))]
    return {"training": 100 * right[0], "test": 100 * right[1]}


KINDS, WORLDS = ("convolution", "locally connected", "fully connected"), ("as they are", "shuffled", "moved")
RATES, SEEDS = (0.002, 0.005, 0.015), range(6)
accuracy_of = evidence(
    "convolution_precondition", accuracies,
    [dict(kind=kind, world=world, lr=lr, seed=seed) for kind in KINDS for world in WORLDS for lr in RATES for seed in SEEDS],
    atol=2,
)
accuracy_of


# %%
def tuned(kind, world, seed, what="test"):
    """The accuracy at the rate that is best for this net in this world, in the mean of the seeds."""
    rate = max(RATES, key=lambda lr: sum(accuracy_of(kind=kind, world=world, lr=lr, seed=s)["test"] for s in SEEDS))
    return accuracy_of(kind=kind, world=world, lr=rate, seed=seed)[what]


for kind in KINDS:
    print(f"{kind:18}", *(f"{world} {np.mean([tuned(kind, world, seed) for seed in SEEDS]):.1f} %  " for world in WORLDS))

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(8.5, 3.8), layout="constrained")
for place, world in enumerate(WORLDS):
    for side, (kind, tint) in enumerate(zip(KINDS, ("right", "momentum", "wrong"), strict=True)):
        values = [tuned(kind, world, seed) for seed in SEEDS]
        at = place + 0.27 * (side - 1)
        ax.bar(at, np.mean(values), width=0.25, color=plots.color(tint), alpha=0.75, label=kind if place == 0 else None)
        ax.plot(np.full(len(values), at), values, "o", color="black", markersize=3)
ax.set_xticks(range(3), WORLDS)
ax.set(ylim=(40, 100), ylabel="test accuracy (%)", title="The shuffle hurts mainly the convolution; where digits move, sharing pays")
ax.legend(loc="lower left", frameon=True)
ax.grid(False, axis="x")
plt.show()


# %% [markdown]
# **Takeaway.** The shuffle costs the convolution two points: it must use the *same* filters in 64 neighbourhoods that have nothing in common any more.
# The two nets without sharing hardly notice.
# Where the digits move, sharing is all that distinguishes the first two bars, and it is worth more than ten points: what is learnt about a stroke at one place serves at all others.
# The fully connected net, which sees the whole canvas at once, lies between on average (in one of the six seeds it is ahead of the convolution).
# (Every run gets 93 to 100 % of its training digits right, so the differences are in generalisation. With digits that stay in the middle, sharing gains nothing here.)

# %% [markdown] tags=["deeper"]
# ### Deeper: the matrix at work
#
# Does $Mx$ give what a sliding window gives, and what does padding look like in $M$?

# %% tags=["deeper"]
def slide(x, weight, padding=0):
    """The convolution itself: x (H, W) -> (H', W')."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, padding), weight.shape)
    return np.einsum("ijab,ab->ij", windows, weight)


x, weight = rng.normal(size=(6, 7)), rng.normal(size=(3, 2))
for padding in (0, 1, 2):
    by_matrix = conv_as_matrix(weight, 6, 7, padding) @ x.ravel()
    print(f"padding {padding}: M x equals the sliding window:", np.allclose(by_matrix, slide(x, weight, padding).ravel()))

# %% tags=["deeper", "hide-input"]
padded_matrix = conv_as_matrix(nine, 6, 6, padding=1)
fig, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
shown = ax.imshow(np.where(padded_matrix == 0, np.nan, padded_matrix), cmap="viridis", vmin=1, vmax=9)
for edge in range(6, 36, 6):
    ax.axvline(edge - 0.5, color="0.85", linewidth=0.8)
    ax.axhline(edge - 0.5, color="0.85", linewidth=0.8)
ax.set(title="6×6 pixels, padding 1: nine diagonals with gaps at the border", xlabel="pixel (a line after each image row)",
       ylabel="output (a line after each output row)", xticks=range(0, 36, 6), yticks=range(0, 36, 6))
ax.grid(False)
fig.colorbar(shown, ax=ax, shrink=0.8, label="weight")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Nine weights, nine diagonals: in two dimensions the matrix is made of blocks, each block is Toeplitz, and so is the arrangement of the blocks.
# A gap in a diagonal is a tap that has fallen off the side of the image: there a zero is read, and the places are *not* all alike.

# %% [markdown] tags=["deeper"]
# ### Deeper: the two ends of the family
#
# A kernel as large as the image, and a kernel of one pixel. Which fully connected layers are these?

# %% tags=["deeper"]
whole = conv_as_matrix(rng.normal(size=(4, 4)), 4, 4)
single = conv_as_matrix(np.array([[2.5]]), 4, 4)
print(f"kernel 4×4 on 4×4: a matrix of {whole.shape}, zeros in it: {np.sum(whole == 0)}")
print(f"kernel 1×1 on 4×4: 2.5 times the identity: {np.array_equal(single, 2.5 * np.eye(16))}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** A fully connected layer *is* a convolution with a kernel as large as its input: one output place for each filter.
# Slide that kernel over a larger image, and the classifier runs at every place: a fully convolutional net.
# A 1×1 convolution is a fully connected layer across the channels, the same one at each pixel.

# %% [markdown] tags=["deeper"]
# ### Deeper: parameters against image size
#
# From 3 channels to 64 with a 3×3 kernel, the first layer of VGG, by your function.
# By what power does each curve rise with the side of the image?

# %% tags=["deeper"]
sides = np.array([8, 16, 32, 64, 128, 224])
counts = np.array([parameter_counts(3, 64, 3, side, side) for side in sides.tolist()], dtype=float)
for name, row in zip(("convolution", "locally connected", "fully connected"), counts.T, strict=True):
    power = abs(np.polyfit(np.log(sides), np.log(row), 1)[0])
    print(f"{name:18} {int(row[-1]):>15,} at 224×224 = {4 * row[-1] / 2**30:12.6f} GiB in float32, grows with the power {power:.1f}")

# %% tags=["deeper", "hide-input"]
series = dict(zip(("fully connected", "locally connected", "convolution"), ((sides, row) for row in counts.T[::-1]), strict=True))
plots.curves(series, "side of the image (pixels)", "parameters", "Only the convolution's count does not depend on the image's size", logx=True, logy=True)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** At 224×224 a fully connected layer would have 483 billion parameters.
# The locally connected one has 90 million, for one layer. The convolution has 1,792.
# Sharing saves *parameters*; convolution and locally connected layer do the same multiply-adds.

# %% [markdown] tags=["deeper"]
# ### Deeper: shift a photograph
#
# Cut a window out of a photograph, and the same window one pixel further right: real pixels come in at the side.
# Apply a layer to both. Where does $f(Tx)$ differ from $Tf(x)$?

# %% tags=["deeper"]
photo = data.photos()[1].mean(axis=2)  # the flower, grey
TOP, LEFT, SIZE = 150, 220, 64


def view(right):
    """A window of 64×64, `right` pixels further right."""
    return photo[TOP : TOP + SIZE, LEFT + right : LEFT + right + SIZE]


kernel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def layer(x):
    return np.maximum(slide(x, kernel, padding=1), 0)


def pooled(x, k=2):
    """Max pooling with windows side by side."""
    return x[: len(x) // k * k, : len(x[0]) // k * k].reshape(len(x) // k, k, len(x[0]) // k, k).max(axis=(1, 3))


moved, still = layer(view(1)), layer(view(0))
gap = np.abs(moved[:, :-1] - still[:, 1:])  # shifted by one: column j of the one is column j + 1 of the other
print("largest difference inside is below 1e-12:", np.max(gap[1:-1, 1:-1]) < 1e-12)
print(f"largest difference at the border:          {np.max(gap):.1f}")

# %% tags=["deeper"]
for shift in (1, 2, 3, 4):
    a, b = pooled(layer(view(shift)))[:, :-3], pooled(layer(view(0)))
    gaps = [np.max(np.abs(a[1:-1, 1:-1] - b[:, move : move + a.shape[1]][1:-1, 1:-1])) for move in range(3)]
    best = int(np.argmin(gaps))
    print(f"2×2 max pooling, input shifted by {shift}: best output shift {best}, exact: {gaps[best] < 1e-12}")

# %% tags=["deeper", "hide-input"]
after_pool = np.abs(pooled(moved)[:, :-1] - pooled(still)[:, 1:])
fig, axes = plt.subplots(1, 4, figsize=(9.5, 2.9), layout="constrained")
for ax, image, name in zip(axes, [view(0), still, gap > 1e-9, np.abs(pooled(moved) - pooled(still))],
                           ["the window", "edges: f(x)", "black: f(Tx) ≠ Tf(x)", "… + pooling: |f(Tx) − f(x)|"], strict=True):
    ax.imshow(image, cmap="gray" if "≠" not in name else "gray_r", vmin=0)
    ax.set_title(name, fontsize=9.5, loc="center")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(True)
fig.suptitle("The convolution is equivariant up to its border; pooling by 2 is so for even shifts only", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Inside, the convolution is *exactly* equivariant; at the border the zeros do not move along, and in a deep net that frame grows with
# every layer.
# Pooling by 2 keeps even shifts. After an odd shift its windows cut the picture elsewhere, and the values change. Blurring before the subsampling softens that (*anti-aliased* downsampling, Zhang 2019).

# %% [markdown]
# ## Folklore on trial
#
# ### "Convolution presumes that neighbours belong together and that all places are alike"
#
# If so, destroying the neighbourhood must hurt the net that presumes it.

# %%
trial(
    "a fixed shuffle of the pixels costs a convolutional net accuracy (half a point or more)",
    lambda kind, seed: tuple(tuned(kind, "as they are", seed) - tuned(kind, "shuffled", seed) >= points for points in (0.5, 0.8)),
    over=[dict(kind="convolution", seed=seed) for seed in SEEDS],
    control=dict(kind="fully connected", seed=0),
    expect="holds",
)

# %% [markdown]
# For a fully connected net the shuffle only reorders the columns of the first matrix, and random initial weights in another order are just as random: on average it *cannot* matter. In none of the six seeds did it cost half a point.
# This is what "consistent data distribution" must mean here: consistent over *places*, not over training and test set.
# Where places differ in a known way, one can share less: faces that are always aligned were recognised with locally connected layers (Taigman et al. 2014).

# %% [markdown]
# ### "CNNs win because they are more expressive"
#
# Whatever a convolution computes, a fully connected layer of the same size computes with the matrix above. So perhaps fully connected nets cannot *fit* images?

# %%
trial(
    "CNNs win because fully connected nets cannot fit images",
    published=[published("Zhang et al. 2017, table 1", "CIFAR-10: a fully connected net of three layers fits the training set to 100 %, true labels or random ones, and tests at about 53 %; a small Inception, with random crops, tests at about 89 %", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# The usual explanation is the opposite: they win because they are *less* expressive, in a way that fits images.
# An example: to learn a 64×64 matrix from inputs and outputs takes at least 64 images, while a single 8×8 image gives 64 equations for the nine shared weights of a 3×3.
# With very much data the advantage shrinks; a vision transformer presumes less and needs more pictures (question 48).

# %% [markdown]
# ### "The only difference is how the neurons are connected"
#
# A candidate who says so means the zeros of the matrix. Take them alone, and you have the locally connected layer: 81 weights instead of 9, no equivariance, and above it loses where the digits move.
# Say: *local connections **and** shared weights; and the neurons are arranged in a volume of channels, height and width.*
# And *equivariant*, not invariant: that claim is on trial in question 20.

# %% [markdown]
# ## Answer in 30 seconds
#
# "VGG's first layer has 1,792 parameters; a fully connected layer between the same maps would have 483 billion.
# A convolution is a fully connected layer with two restrictions: each output sees a small window, and all outputs share one set of weights.
# Sharing makes it equivariant to shifts, except for borders and strides.
# It is right where neighbours belong together and all places have the same statistics.
# Shall I draw it as a matrix?"
#
# ### 三十秒回答
#
# "VGG 第一层只有 1792 个参数,同样大小的特征图之间接全连接要 4830 亿个。
# 卷积就是加了两条限制的全连接:每个输出只看一个小窗口,所有位置共享同一组权重。
# 共享带来平移等变性,边界和步长除外。
# 前提是相邻像素有关联,而且各处的统计规律一致;把像素按固定顺序打乱,小卷积网络的准确率会下降,全连接不受影响。
# 要我把它画成矩阵吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw three matrices: full, the same with only local entries, the same with equal entries along diagonals. Say *locality*, then *sharing*.
# - Count for $C\to C'$ on $H\times W$: $C'(Ck^2+1)$; times $HW$ without sharing; $C'HW(CHW+1)$ without locality. At 224×224, 3 to 64: 1,792, 90
#   million, 483 billion.
# - Where it comes from: a linear map that commutes with shifts has $M[i,r]=M[i-1,r-1]$, so it *is* a convolution.
# - Equivariance: $f(Tx)=Tf(x)$. Zero padding breaks it at the border, a stride of $s$ for shifts that are no multiple of $s$.
# - Invariance is another thing: it needs a global pooling, or has to be learnt from data. Max pooling only makes features a little less sensitive.
# - Precondition: local patterns, and the same statistics everywhere. Experiment: a fixed shuffle of the pixels costs a small CNN about two points on digits, and a fully connected net nothing.
# - So not for tables. And where places differ, untie: locally connected layers, or coordinates as extra channels.
# - Not more expressive but less: a strong assumption that saves data where it is true.
# - The line is thin: a kernel as large as its input is a fully connected layer, a 1×1 kernel is one across channels.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>With several channels, what does the matrix look like?</summary>
#
# Blocks: $C'$ by $C$ of them, block $(o,c)$ the matrix of the kernel $w[o,c]$. Between channels the layer is *fully* connected.
# In a depthwise convolution only the diagonal blocks are left; with groups, blocks of blocks.
#
# </details>
#
# <details><summary>Does a convolution save arithmetic as well as parameters?</summary>
#
# Against the fully connected layer, yes: $k^2$ multiply-adds for an output and a channel instead of $HW$. Against the locally connected one, no: both
# compute the same sums.
# Sharing saves memory and data, and makes the weights stay in the cache.
#
# </details>
#
# <details><summary>When would you give sharing up?</summary>
#
# When places differ by nature and are aligned: faces cropped to the same frame, fixed sensors, a scoreboard in a broadcast.
# Then locally connected layers, separate heads for regions, or coordinates as extra input channels, so that the filter can know where it is.
#
# </details>
#
# <details><summary>Can a CNN know where something is?</summary>
#
# Yes, more than one would think. Zero padding marks the border, and a deep enough net carries that mark inwards; a flattening layer has weights for
# each place anyway.
# With wrapping padding, stride 1 everywhere and a global mean it cannot.
#
# </details>
#
# <details><summary>How would you turn a classifier with fully connected layers into one that takes images of any size?</summary>
#
# Read its first fully connected layer as a convolution whose kernel is as large as the feature map (7×7 in VGG), the others as 1×1. The weights stay.
# On a larger image it returns a map of scores. Or replace the flattening by a global mean, which needs retraining.
#
# </details>
#
# <details><summary>Is a convolution equivariant to rotations or scalings too?</summary>
#
# Not in general (only with special kernels: a rotationally symmetric one commutes with rotations). The argument above used shifts only. Demand that the layer commutes with a larger group of transformations, and you get more sharing: group-equivariant convolutions, in
# which rotated copies of a filter share their weights.
#
# </details>
#
# <details><summary>Along which axes are text and sound convolved?</summary>
#
# Where all places are alike: along time. In a spectrogram a pattern means the same a second later, but only roughly the same two octaves higher.
# Many audio CNNs convolve spectrograms in two dimensions all the same.
#
# </details>
#
# <details><summary>And for graphs or tables?</summary>
#
# A graph has neighbours but no grid: graph convolutions share one set of weights over all edges, and ask for equivariance to renumbering instead of shifts.
# A table's columns have no neighbours at all: fully connected layers or trees.
#
# </details>
#
# <details><summary>Why is attention no convolution, though it shares its weights too?</summary>
#
# Its projections are 1×1 convolutions, shared by all places; but which places are mixed, and how strongly, is computed from the content.
# Without position codes it is equivariant to *any* permutation, so it would not notice the shuffle either.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Fewer connections" and full stop: sharing not mentioned.
# - "CNNs are translation invariant."
# - "The precondition is that training and test data are i.i.d." That holds for every model.
# - "Convolutions are more powerful than fully connected layers."
# - Parameters of a convolution that depend on the size of the image.
# - One bias for each output pixel of a convolution, or none in a fully connected layer.
# - A convolution over the columns of a table, without a word on their order.

# %% [markdown]
# ## References
#
# - Y. LeCun, B. Boser, J. Denker et al. *Backpropagation Applied to Handwritten Zip Code Recognition.* Neural Computation 1(4), 1989: local connections
#   and shared weights, with the reasons.
# - Y. Taigman, M. Yang, M. Ranzato, L. Wolf. *DeepFace: Closing the Gap to Human-Level Performance in Face Verification.* CVPR 2014: locally connected
#   layers on aligned faces.
# - R. Zhang. *Making Convolutional Networks Shift-Invariant Again.* ICML 2019: what subsampling does to shifts, and blurring against it.
# - C. Zhang et al. *Understanding Deep Learning Requires Rethinking Generalization.* ICLR 2017. Table 1.
# - T. Cohen, M. Welling. *Group Equivariant Convolutional Networks.* ICML 2016: more symmetries, more sharing.
