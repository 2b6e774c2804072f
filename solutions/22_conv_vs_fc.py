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
# - **Numbers.** A convolution's parameters do not depend on the image's size; a fully connected layer's grow with its fourth power.
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
# With $C$ channels in and $C'$ out the first gets a factor $C\,C'$, and so do the others.
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
# You need not postulate sharing. Ask of a linear layer that it treats all places alike.
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
# So $M[i,r]$ depends on $r-i$ alone. Call it $w[r-i]$, and you have a convolution:
#
# $$ (Mx)[i]=\sum_a w[a]\,x[i+a] $$
#
# **Linear and the same everywhere means: a convolution.** In two dimensions the argument runs through twice.
# Locality, $w[a]=0$ for large $a$, is a second and separate assumption.

# %% [markdown]
# ### The precondition
#
# Interviewers may ask for "consistent data distribution" (数据分布一致).
# Taken as "training and test data have one distribution" that is the precondition of *all* learning.
# What a convolution needs beyond it:
#
# 1. **A grid whose neighbours belong together.** The useful patterns are small: edges, strokes, a letter's shape in a spectrogram.
# 2. **The same statistics at every place** (stationarity). A pattern that is worth detecting here is worth detecting there, by the same weights.
#
# Images, sound and text have both, roughly. The columns of a table have neither: shuffle them, and nothing is lost.

# %% [markdown]
# ### What is equivariant, and what breaks it
#
# - A convolution: $f(Tx)=Tf(x)$. So is anything that acts on each pixel alone (bias, ReLU), and any chain of such layers.
# - **Borders.** The zeros around the image do not move with it. Near the border $f(Tx)\neq Tf(x)$.
# - **Stride and pooling by** $s$. Only shifts by multiples of $s$ survive: shift the input by $s$, and the output shifts by 1. Other shifts change the values.
# - **Global average pooling** turns equivariance into *invariance*: a mean does not care where.
# - **Flatten and a linear layer** end both. There every place has weights of its own again.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

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
    """weight (kH, kW), an image of height × width pixels -> (H'·W', H·W)."""
    # BEGIN SOLUTION
    kh, kw = weight.shape
    rows, cols = height + 2 * padding - kh + 1, width + 2 * padding - kw + 1
    if rows < 1 or cols < 1:
        raise ValueError(f"a {kh}×{kw} kernel does not fit on {height}×{width} pixels with padding {padding}")
    matrix = np.zeros((rows, cols, height, width))
    for i in range(rows):
        for j in range(cols):
            for a in range(kh):
                for b in range(kw):
                    r, c = i + a - padding, j + b - padding
                    if 0 <= r < height and 0 <= c < width:
                        matrix[i, j, r, c] = weight[a, b]
    return matrix.reshape(rows * cols, height * width)
    # END SOLUTION


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
    """-> (conv, locally_connected, fully_connected)."""
    # BEGIN SOLUTION
    conv = c_out * (c_in * kernel**2 + 1)
    inputs, outputs = c_in * height * width, c_out * height * width
    return conv, height * width * conv, outputs * (inputs + 1)
    # END SOLUTION


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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# The wrong answers that the check knows by name, the commonest first; the tables scroll.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(conv_as_matrix)

# %% tags=["solution"]
common_mistakes(parameter_counts)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### Look at the matrix
#
# The kernel 1 … 9 on 5×5 pixels, as above. Beside it the two layers that it was made from.

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

# %% tags=["nbval-ignore-output"]
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
fig.suptitle("First take connections away, then tie what is left", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Locality makes the matrix sparse. Sharing makes it repeat itself along the diagonals.
# Follow one colour in the last picture: it moves one pixel to the right from output to output, and jumps at the end of an output row.

# %% [markdown]
# ### The matrix at work
#
# Does $Mx$ give what a sliding window gives, and what does padding look like in $M$?


# %%
def slide(x, weight, padding=0):
    """The convolution itself: x (H, W) -> (H', W')."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, padding), weight.shape)
    return np.einsum("ijab,ab->ij", windows, weight)


x, weight = rng.normal(size=(6, 7)), rng.normal(size=(3, 2))
for padding in (0, 1, 2):
    by_matrix = conv_as_matrix(weight, 6, 7, padding) @ x.ravel()
    print(f"padding {padding}: M x equals the sliding window:", np.allclose(by_matrix, slide(x, weight, padding).ravel()))

# %% tags=["nbval-ignore-output"]
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

# %% [markdown]
# **Takeaway.** Nine weights, nine diagonals (Toeplitz blocks in a Toeplitz pattern).
# A gap in a diagonal is a tap that has fallen off the side of the image: there a zero is read, and the places are *not* all alike.

# %% [markdown]
# ### The two ends of the family
#
# A kernel as large as the image, and a kernel of one pixel. Which fully connected layers are these?

# %%
whole = conv_as_matrix(rng.normal(size=(4, 4)), 4, 4)
single = conv_as_matrix(np.array([[2.5]]), 4, 4)
print(f"kernel 4×4 on 4×4: a matrix of {whole.shape}, zeros in it: {np.sum(whole == 0)}")
print(f"kernel 1×1 on 4×4: 2.5 times the identity: {np.array_equal(single, 2.5 * np.eye(16))}")

# %% [markdown]
# **Takeaway.** A fully connected layer *is* a convolution with a kernel as large as its input: one output place for each filter.
# Slide that kernel over a larger image, and the classifier runs at every place: a fully convolutional net.
# A 1×1 convolution is a fully connected layer across the channels, the same one at each pixel.

# %% [markdown]
# ### Parameters against image size
#
# From 3 channels to 64 with a 3×3 kernel, the first layer of VGG.
# By what power does each curve rise with the side of the image?

# %%
sides = np.array([8, 16, 32, 64, 128, 224])
counts = np.array([parameter_counts(3, 64, 3, side, side) for side in sides.tolist()], dtype=float)
for name, row in zip(("convolution", "locally connected", "fully connected"), counts.T, strict=True):
    power = abs(np.polyfit(np.log(sides), np.log(row), 1)[0])
    print(f"{name:18} {int(row[-1]):>15,} at 224×224 = {4 * row[-1] / 2**30:12.6f} GiB in float32, grows with the power {power:.1f}")

# %% tags=["nbval-ignore-output"]
series = dict(zip(("fully connected", "locally connected", "convolution"), ((sides, row) for row in counts.T[::-1]), strict=True))
plots.curves(series, "side of the image (pixels)", "parameters", "Only the convolution does not care how large the image is", logx=True, logy=True)
plt.show()

# %% [markdown]
# **Takeaway.** At 224×224 a fully connected layer would have 483 billion parameters.
# The locally connected one has 90 million, for one layer. The convolution has 1,792.
# Sharing saves *parameters*; convolution and locally connected layer do the same multiply-adds.

# %% [markdown]
# ### Shift a photograph
#
# Cut a window out of a photograph, and the same window one pixel further right: real pixels come in at the side.
# Apply a layer to both. Where does $f(Tx)$ differ from $Tf(x)$?

# %%
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

# %%
for shift in (1, 2, 3, 4):
    a, b = pooled(layer(view(shift)))[:, :-3], pooled(layer(view(0)))
    gaps = [np.max(np.abs(a[1:-1, 1:-1] - b[:, move : move + a.shape[1]][1:-1, 1:-1])) for move in range(3)]
    best = int(np.argmin(gaps))
    print(f"2×2 max pooling, input shifted by {shift}: best output shift {best}, exact: {gaps[best] < 1e-12}")

# %% tags=["nbval-ignore-output"]
after_pool = np.abs(pooled(moved)[:, :-1] - pooled(still)[:, 1:])
fig, axes = plt.subplots(1, 4, figsize=(9.5, 2.9), layout="constrained")
for ax, image, name in zip(axes, [view(0), still, gap > 1e-9, np.abs(pooled(moved) - pooled(still))],
                           ["the window", "edges: f(x)", "black: f(Tx) ≠ Tf(x)", "… + pooling: |f(Tx) − f(x)|"], strict=True):  # fmt: skip
    ax.imshow(image, cmap="gray" if "≠" not in name else "gray_r", vmin=0)
    ax.set_title(name, fontsize=9.5, loc="center")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(True)
fig.suptitle("The convolution is equivariant up to its border; pooling by 2 is so for even shifts only", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Inside, the convolution is *exactly* equivariant; at the border the zeros do not move along, and in a deep net that frame grows with
# every layer.
# Pooling by 2 keeps even shifts. After an odd shift its windows cut the picture elsewhere, and the values change.

# %% [markdown]
# ### From equivariant to invariant
#
# How much does the output *change* when the input shifts? Zero would be invariance.
# Relative change, mean over eight windows of the photograph, with average pooling over larger and larger cells.


# %%
def averaged(x, k):
    """Mean over cells of k×k."""
    return x.reshape(len(x) // k, k, -1, k).mean(axis=(1, 3))


def change(features, shift):
    """‖features(Tx) − features(x)‖ / ‖features(x)‖, the mean over eight windows."""
    found = []
    for top in range(20, 340, 40):
        a, b = (features(photo[top : top + SIZE, LEFT + right : LEFT + right + SIZE]) for right in (0, shift))
        found.append(np.linalg.norm(b - a) / np.linalg.norm(a))
    return float(np.mean(found))


stages = {
    "conv + ReLU": layer,
    "… + max pooling 2": lambda x: pooled(layer(x)),
    "… + max pooling 8": lambda x: pooled(layer(x), 8),
    "… + average over 8": lambda x: averaged(layer(x), 8),
    "… + global average": lambda x: averaged(layer(x), SIZE),
}
shifts = np.arange(9)
changes = {name: [change(features, shift) for shift in shifts] for name, features in stages.items()}
for name, values in changes.items():
    print(f"{name:19} changes by {values[1]:.0%} for a shift of one pixel, by {values[8]:.0%} for eight")

# %% tags=["nbval-ignore-output"]
series = {name: (shifts, values) for name, values in changes.items()}
plots.curves(series, "shift of the input (pixels)", "relative change of the features", "Pooling steadies, only the global mean is nearly invariant")
plt.show()

# %% [markdown]
# **Takeaway.** Pooling buys *some* stability against small shifts. Invariance comes only with the global mean.
# (Its last few percent are real: other pixels have come into the window.)

# %% [markdown]
# ### Shuffle the pixels
#
# Now the precondition. Choose one permutation of the 64 pixels, and apply it to all digits, training and test alike.
# A human could no longer read them. Which nets notice?

# %%
digits, labels, *_ = data.digits()
shuffle = np.random.default_rng(100).permutation(64)

# %% tags=["nbval-ignore-output"]
shown = [digits[k].reshape(8, 8) for k in range(8)] + [digits[k][shuffle].reshape(8, 8) for k in range(8)]
plots.images(shown, "The same eight digits, and the same eight after the fixed shuffle", columns=8)
plt.show()

# %% [markdown]
# **Takeaway.** No pixel is lost, only the neighbourhood is.
#
# Three nets that differ in one thing: what their two hidden layers are.
# Convolutions; the same connections with weights of their own, from the zero pattern of *your* matrix; all connections.
# ReLU, pooling and the classifier are the same in all of them.

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


def make_net(kind):
    first = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), hidden(kind, 1, 16, 8), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(first, hidden(kind, 16, 32, 4), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))


# %%
def free_weights(layer):
    return int(layer.mask.sum()) + len(layer.bias) if isinstance(layer, Masked) else sum(p.numel() for p in layer.parameters())


KINDS = ("convolution", "locally connected", "fully connected")
for kind in KINDS:
    first, second = hidden(kind, 1, 16, 8), hidden(kind, 16, 32, 4)
    print(f"{kind:18} {free_weights(first) + free_weights(second):8,} parameters in the hidden layers")

# %% [markdown]
# (The locally connected net has fewer than `parameter_counts` says: here taps on the padding are left out.)
#
# Four seeds, each with its own 300 training digits, its own shuffle and its own test set of 449.
# For the fully connected net a shuffle of the pixels is a shuffle of the columns of its first matrix, and random numbers in another order are just as random.
# So there the same initial weights are used in both runs, in the pixels' order: what is left must be rounding.
# Guess the six bars before you run it.


# %%
def train(make, x, y, seed, steps=100, lr=7e-3):
    torch.manual_seed(seed)
    net, order = make(), torch.Generator().manual_seed(seed)
    optimiser, done = torch.optim.Adam(net.parameters(), lr=lr, fused=True), 0
    while done < steps:
        for batch in torch.randperm(len(x), generator=order).split(50):
            optimiser.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimiser.step()
            done += 1
    return net


@torch.no_grad()
def made_for(kind, order):
    """A net whose first layer, if it is fully connected, has its columns in the order of the pixels."""
    net = make_net(kind)
    if kind == "fully connected":
        net[0][1].weight.copy_(net[0][1].weight[:, order].clone())
    return net


@torch.no_grad()
def accuracy(net, x, y):
    return 100 * (net(x).argmax(dim=1) == y).double().mean().item()


def tensors(images, labels, order):
    return torch.tensor(images[:, order], dtype=torch.float32), torch.tensor(labels)


SEEDS = range(4)
test = {(kind, world): [] for kind in KINDS for world in ("as they are", "shuffled")}
for seed in SEEDS:
    x, y, x_test, y_test = data.digits(seed=seed)
    orders = {"as they are": np.arange(64), "shuffled": np.random.default_rng(100 + seed).permutation(64)}
    for kind in KINDS:
        for world, order in orders.items():
            inputs, targets = tensors(x[:300], y[:300], order)
            net = train(lambda kind=kind, order=order: made_for(kind, order), inputs, targets, seed)
            test[kind, world].append(accuracy(net, *tensors(x_test, y_test, order)))

lost = {kind: np.array(test[kind, "as they are"]) - np.array(test[kind, "shuffled"]) for kind in KINDS}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), width_ratios=[1.4, 1], layout="constrained")
for place, kind in enumerate(KINDS):
    for side, (world, tint) in enumerate({"as they are": "right", "shuffled": "wrong"}.items()):
        values = test[kind, world]
        at = place + 0.36 * (side - 0.5)
        axes[0].bar(at, np.mean(values), width=0.34, color=plots.color(tint), alpha=0.75, label=f"digits {world}" if place == 0 else None)
        axes[0].plot(np.full(len(values), at), values, "o", color="black", markersize=3.5)
    axes[1].bar(place, lost[kind].mean(), width=0.5, color="0.75")
    axes[1].plot(np.full(len(lost[kind]), place), lost[kind], "o", color="black", markersize=4)
axes[0].set(ylim=(85, 100), ylabel="test accuracy (%)", title="Six nets, four seeds each")
axes[0].legend(loc="upper right", ncols=2, fontsize=9)
axes[1].axhline(0, color="0.3", linewidth=0.8)
axes[1].set(ylabel="points lost", title="What the shuffle costs")
for ax in axes:
    ax.set_xticks(range(3), [kind.replace(" ", "\n") for kind in KINDS])
    ax.grid(False, axis="x")
fig.suptitle("The shuffle costs the convolution most, and the fully connected net nothing", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** To a fully connected layer pixels have no places, and it learns the same.
# The convolution must use *one* filter for 64 neighbourhoods that have nothing in common any more.
# The locally connected net presumes neighbours but not sharing, and lies between them; four seeds are too few to say more.
# And even so it keeps most of its accuracy: the classifier on top still sees everything.
# (On digits as they are the three are about equal: each digit sits in the middle of its 8×8 pixels, so sharing has little to gain.)

# %% [markdown]
# ### Let the digits move
#
# Now put each digit somewhere on a canvas of 12×12, up to four pixels from the corner.
# What is learnt about a stroke at one place should serve at all others. 300 training digits again, three seeds.


# %%
def scattered(images, seed):
    """Each digit at a place of its own: (n, 64) -> (n, 1, 12, 12)."""
    rng, out = np.random.default_rng(seed), np.zeros((len(images), 1, 12, 12))
    for canvas, image in zip(out, images.reshape(-1, 8, 8), strict=True):
        top, left = rng.integers(5, size=2)
        canvas[0, top : top + 8, left : left + 8] = image
    return torch.tensor(out, dtype=torch.float32)


def conv_net():
    stage = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*stage, nn.Flatten(), nn.Linear(32 * 9, 10))


def full_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


NETS = {"convolutional": (conv_net, 7e-3), "fully connected": (full_net, 3e-3)}
on_test, on_training = {name: [] for name in NETS}, {name: [] for name in NETS}
for seed in range(3):
    x, y, x_test, y_test = data.digits(seed=seed)
    x, y, x_test, y_test = scattered(x[:300], seed), torch.tensor(y[:300]), scattered(x_test, 50 + seed), torch.tensor(y_test)
    for name, (make, lr) in NETS.items():
        net = train(make, x, y, seed, steps=150, lr=lr)
        on_training[name].append(accuracy(net, x, y))
        on_test[name].append(accuracy(net, x_test, y_test))

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for place, name in enumerate(NETS):
    for side, (values, tint, what) in enumerate([(on_training[name], "train", "training digits"), (on_test[name], "test", "unseen digits")]):
        at = place + 0.36 * (side - 0.5)
        ax.bar(at, np.mean(values), width=0.34, color=plots.color(tint), alpha=0.75, label=what if place == 0 else None)
        ax.plot(np.full(len(values), at), values, "o", color="black", markersize=3.5)
ax.set_xticks(range(2), list(NETS))
ax.set(ylim=(0, 119), yticks=range(0, 101, 20), ylabel="accuracy (%)", title="Both fit what they have seen; the shared weights carry it to other places")
ax.legend(loc="upper center", ncols=2)
ax.grid(False, axis="x")
plt.show()

# %% [markdown]
# **Takeaway.** The fully connected net has to learn each digit at each of 25 places. The convolutional one learns a stroke once.
# That is what sharing is for: it saves *examples*.

# %% [markdown]
# ## Folklore on trial
#
# ### "The only difference between CNNs and fully connected nets is how the neurons are connected"
#
# A candidate who says so means the zeros of the matrix. Take them alone: the locally connected matrix of above has the same zeros.
# Is it the same layer?

# %%
def shift_gap(matrix):
    """Shift a 5×5 image whose pattern stays inside: do the outputs shift too?"""
    pattern = np.zeros((5, 5))
    pattern[1:3, 1:3] = [[1.0, 2.0], [3.0, 4.0]]
    here, there = (matrix @ np.roll(pattern, k, axis=1).ravel() for k in (0, 1))
    return np.max(np.abs(there.reshape(3, 3)[:, 1:] - here.reshape(3, 3)[:, :-1]))


image = rng.normal(size=(5, 5))
ruling = trial(
    "the only difference is how the neurons are connected",
    {
        "a convolution is a fully connected layer with most connections cut":
            np.allclose(conv_matrix @ image.ravel(), slide(image, nine).ravel()) and np.mean(conv_matrix == 0) > 0.5,
        "the cuts alone leave as few weights to learn": np.unique(local_matrix[pattern]).size == np.unique(conv_matrix[pattern]).size,
        "the cuts alone make the layer equivariant to shifts": shift_gap(local_matrix) < 1e-9,
        "the cuts and the shared weights make it equivariant": shift_gap(conv_matrix) < 1e-9,
    },
    only_if="the sharing of weights is counted in",
)  # fmt: skip
assert ruling == "holds only if the sharing of weights is counted in"
ruling

# %% [markdown]
# Say: *local connections and shared weights; and the neurons are arranged in a volume of channels, height and width.*
# A whole CNN has pooling and strides besides.
#
# ### "Convolution presumes that neighbours belong together and that all places are alike"
#
# If so, destroying the neighbourhood must hurt the net that presumes it, and not the one that does not.

# %%
ruling = trial(
    "convolution presumes that neighbours belong together and that all places are alike",
    {
        "the shuffle costs the convolutional net more than one point (mean of four seeds)": lost["convolution"].mean() > 1,
        "it costs it something with every seed": lost["convolution"].min() > 0,
        "the fully connected net changes by less than one point (mean of four seeds)": abs(lost["fully connected"].mean()) < 1,
    },
)  # fmt: skip
assert ruling == "holds"
ruling

# %% [markdown]
# This is what "consistent data distribution" must mean here: consistent over *places*, not over training and test set.
# Where it is half true, the sharing is made half: faces that are always aligned were once recognised with locally connected layers (Taigman et al. 2014).
#
# ### "A CNN is invariant to translations"
#
# A digit on a black canvas of 24×24, a random 3×3 filter, ReLU. Shift the digit and see whether the output stays.

# %%
canvas = np.zeros((24, 24))
canvas[8:16, 8:16] = digits[0].reshape(8, 8)
filters = rng.normal(size=(4, 3, 3))
readout = rng.normal(size=4 * 24 * 24)


def maps(x):
    return np.array([np.maximum(slide(x, kernel, padding=1), 0) for kernel in filters])


def stays(features, shift, axis=1):
    """Is the output the same after a shift, to 1e-9 of its size?"""
    a, b = features(canvas), features(np.roll(canvas, shift, axis))
    return bool(np.linalg.norm(b - a) < 1e-9 * np.linalg.norm(a))


def cut_off(shift):
    """A digit shifted over the border is cut there."""
    out = np.zeros_like(canvas)
    out[:, shift:] = canvas[:, :-shift]
    return maps(out).mean(axis=(1, 2))


global_mean = maps(canvas).mean(axis=(1, 2))
ruling = trial(
    "a CNN is invariant to translations",
    {
        "the convolution by itself": stays(maps, 1),
        "convolution and global average": stays(lambda x: maps(x).mean(axis=(1, 2)), 3),
        "the same with a stride of 2, shift by 2": stays(lambda x: maps(x)[:, ::2, ::2].mean(axis=(1, 2)), 2),
        "the same with a stride of 2, shift by 1": stays(lambda x: maps(x)[:, ::2, ::2].mean(axis=(1, 2)), 1),
        "convolution, flattening, linear layer": stays(lambda x: np.array([readout @ maps(x).ravel()]), 1),
        "convolution and global average, digit half over the border": np.allclose(cut_off(12), global_mean),
    },
    only_if="the pooling is global, the shift fits the strides and nothing meets the border",
)
assert ruling == "holds only if the pooling is global, the shift fits the strides and nothing meets the border"
ruling

# %% [markdown]
# Say: *convolutions are equivariant; pooling makes the net less sensitive to small shifts; invariance is learnt, by data and augmentation, or built in
# by a global mean.*
#
# ### "Max pooling makes the features invariant to small shifts"
#
# The photograph again: relative change of the features after a shift of one pixel.

# %%
one = {name: values[1] for name, values in changes.items()}
ruling = trial(
    "max pooling by 2 makes the features invariant to a shift of one pixel",
    {
        "they change by less than 5 %": one["… + max pooling 2"] < 0.05,
        "they change less than before the pooling": one["… + max pooling 2"] < 0.95 * one["conv + ReLU"],
        "pooling by 8: they change by less than 5 %": one["… + max pooling 8"] < 0.05,
    },
    only_if="'invariant' means 'a little less sensitive'",
)
assert ruling == "holds only if 'invariant' means 'a little less sensitive'"
ruling

# %% [markdown]
# Subsampling after the maximum is what spoils it: blur before you subsample, and the gap closes further (Zhang 2019).
#
# ### "CNNs win because they are more expressive"
#
# On the digits that move the CNN won, by far. Was it because it can compute more?
# Whatever a convolution computes, a fully connected layer of the same size can. Is the reverse true? And could the fully connected net not fit the data?

# %%
target = conv_as_matrix(rng.normal(size=(3, 3)), 8, 8, padding=1)  # a convolution as the teacher
samples = rng.normal(size=(200, 64))
learnt, *_ = np.linalg.lstsq(samples, samples @ target.T, rcond=None)  # a fully connected layer as the pupil
few, *_ = np.linalg.lstsq(samples[:40], samples[:40] @ target.T, rcond=None)
basis = np.array([conv_as_matrix(tap.reshape(3, 3), 8, 8, 1).ravel() for tap in np.eye(9)]).T
other = rng.normal(size=(64, 64))
best, *_ = np.linalg.lstsq(basis, other.ravel(), rcond=None)
left_over = np.linalg.norm(basis @ best - other.ravel()) / np.linalg.norm(other)
print("a fully connected layer learns the convolution from 200 samples:", np.allclose(learnt.T, target, atol=1e-8))
print("and from 40 samples:                                            ", np.allclose(few.T, target, atol=1e-2))
print(f"the best 3×3 convolution misses {left_over:.0%} of a random matrix")

ruling = trial(
    "CNNs win because they are more expressive",
    {
        "a fully connected layer cannot compute the convolution": not np.allclose(learnt.T, target, atol=1e-8),
        "the convolution can compute any fully connected layer": left_over < 0.01,
        "where the CNN wins by ten points or more, the fully connected net fails to fit its training digits":
            np.mean(on_test["convolutional"]) - np.mean(on_test["fully connected"]) > 10 and np.mean(on_training["fully connected"]) < 98,
    },
)  # fmt: skip
assert ruling == "does not hold"
ruling

# %% [markdown]
# It is the other way round. They win because they are *less* expressive, in the right place:
# the matrix of 64×64 needs 64 samples, nine shared weights need a handful.
# With endless data the advantage shrinks; a vision transformer presumes less and needs more pictures.

# %% [markdown]
# ## Answer in 30 seconds
#
# "A convolution is a fully connected layer with two restrictions: each output sees only a small window, and all outputs share one set of weights.
# As a matrix it is mostly zeros with the same few numbers along the diagonals.
# So its size does not depend on the image: VGG's first layer has 1,792 parameters instead of 483 billion.
# Sharing makes it equivariant to shifts, away from borders and strides.
# It is right where neighbours belong together and all places have the same statistics; shuffled pixels break it."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw three matrices: full, the same with only local entries, the same with equal entries along diagonals. Say *locality*, then *sharing*.
# - Count for $C\to C'$ on $H\times W$: $C'(Ck^2+1)$; times $HW$ without sharing; $C'HW(CHW+1)$ without locality. At 224×224, 3 to 64: 1,792, 90
#   million, 483 billion.
# - Where it comes from: a linear map that commutes with shifts has $M[i,r]=M[i-1,r-1]$, so it *is* a convolution.
# - Equivariance: $f(Tx)=Tf(x)$. Zero padding breaks it at the border, a stride of $s$ for shifts that are no multiple of $s$.
# - Invariance is another thing: it needs a global pooling or data. Max pooling only makes features a little less sensitive.
# - Precondition: local patterns, and the same statistics everywhere. Experiment: a fixed shuffle of the pixels costs a small CNN two or three points on
#   digits, and a fully connected net nothing.
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
# Against the fully connected layer, yes: $k^2$ multiply-adds for an output and a channel in place of $HW$. Against the locally connected one, no: both
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
# With wrapping padding and a global mean it cannot.
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
# No. The argument above used shifts, nothing else. Demand that the layer commutes with a larger group, and you get more sharing: group convolutions, in
# which rotated copies of a filter are tied.
#
# </details>
#
# <details><summary>Why are text and sound convolved along one axis only?</summary>
#
# Because only there all places are alike. In a spectrogram a pattern means the same a second later, but not two octaves higher (roughly), so many nets
# share over time and less, or not, over frequency.
#
# </details>
#
# <details><summary>And for graphs or tables?</summary>
#
# A graph has neighbours but no grid: graph convolutions share one set of weights over all edges, and ask for equivariance to renumbering in place of shifts.
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
# - T. Cohen, M. Welling. *Group Equivariant Convolutional Networks.* ICML 2016: more symmetries, more sharing.
