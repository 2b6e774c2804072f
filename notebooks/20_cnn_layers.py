# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 20 · What is a CNN, and what does each layer do?
#
# *介绍一下 CNN,各层的作用是什么?*

# %% [markdown]
# ## Question
#
# "Tell me what a convolutional network is, layer by layer.
# What does each kind of layer do, what does it learn, and what shape comes out of it?
# Now write the convolution and the max pooling in NumPy, and tell me how much of the image one unit sees."
#
# "请介绍一下 CNN:每种层的作用是什么?学的是什么参数?输出的形状怎么算?
# 请用 NumPy 写出卷积和最大池化,再说说一个神经元能看到原图的多大范围(感受野)。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The three ideas.** Local windows, one set of weights for all positions, and layers stacked so that later ones see more.
# - **One sentence for each layer.** Convolution, activation, pooling, fully connected: what it does and what it learns.
# - **The size formula**, with padding, stride and dilation, and the floor in it.
# - **The receptive field**, with the strides *multiplied*, and that its middle counts most.
# - **The details of convolution.** It is a sum over all input channels; frameworks do not flip the kernel.
# - **Where the weights and where the work are.** Seldom in the same layers.
# - **What is convention and what is needed.** Pooling and fully connected layers can be left out; the activation cannot.

# %% [markdown]
# ## The idea
#
# ### A network for grids
#
# An image is a grid, and two things are true of most images.
# What belongs together lies close together.
# And a pattern means the same wherever it appears.
#
# A convolutional network builds both into its layers.
# Each unit looks at a small window only, and all positions share one set of weights.
# Stack such layers, and the units see more and more of the image.
# (Question 22 puts the two assumptions to the test.)
#
# | layer | what it does | what it learns | shape, from `(C, H, W)` |
# |---|---|---|---|
# | convolution | asks everywhere: how much of this pattern is here? | $C_{out}\,(C\,k^2 + 1)$ numbers | `(C_out, H', W')` |
# | activation | bends; without it all layers are one | nothing | the same |
# | pooling | makes the map coarser | nothing | `(C, H', W')` |
# | fully connected | mixes everything with everything | as many weights as inputs times outputs | `(K,)` |

# %% [markdown]
# ### Convolution
#
# One output channel $o$ has one kernel for *each* input channel, and one bias:
#
# $$
# y_{o,i,j} = b_o + \sum_{c}\sum_{p=0}^{k_H-1}\sum_{q=0}^{k_W-1} w_{o,c,p,q}\; x_{c,\;i s+p,\;j s+q}
# $$
#
# $x$ is the input with its padding already around it, $s$ is the stride.
# The window is laid on the image as it is.
# In mathematics this is called *cross-correlation*; a convolution would turn the kernel round by 180° first.
#
# Here is one step of it. Which number belongs in the last cell of the output?

# %%
import math
import time
import tracemalloc
from collections import OrderedDict

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()

# %%
pixels = np.pad(np.array([[1, 2, 0, 1, 3], [0, 1, 3, 1, 0], [2, 0, 1, 2, 1], [1, 1, 0, 0, 2], [0, 3, 1, 1, 0]]), 1)
taps = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
sums = np.array([[np.sum(taps * pixels[i : i + 3, j : j + 3]) for j in (0, 2, 4)] for i in (0, 2, 4)])


def draw_grid(ax, numbers, left, top, title, shaded=(), tint="#DCEBF7", pale=(), hidden=()):
    """Numbers in unit cells, the first at (left, top); some cells shaded, some numbers pale, some a question mark."""
    for (i, j), value in np.ndenumerate(numbers):
        face = tint if (i, j) in shaded else "white"
        ax.add_patch(plt.Rectangle((left + j, top + i), 1, 1, facecolor=face, edgecolor="0.6"))
        text = "?" if (i, j) in hidden else str(value).replace("-", "−")
        ax.text(left + j + 0.5, top + i + 0.5, text, ha="center", va="center", color="0.6" if (i, j) in pale else "black")
    ax.text(left, top - 0.25, title, fontsize=9.5)


fig, ax = plt.subplots(figsize=(8, 3.9), layout="constrained")
rim = [cell for cell in np.ndindex(7, 7) if not 0 < min(cell) <= max(cell) < 6]
draw_grid(ax, pixels, 0, 0, "input 5×5, padding 1", [(i, j) for i in range(3) for j in range(2, 5)], pale=rim)
draw_grid(ax, taps, 8, 2, "kernel 3×3", list(np.ndindex(3, 3)), "#FCEBC8")
draw_grid(ax, sums, 12, 2, "output 3×3, stride 2", [(0, 1)], hidden=[(2, 2)])
ax.set(xlim=(-0.2, 15.6), ylim=(7.1, -0.8), aspect="equal", title="Nine products, one sum: the shaded window gives 2 + 1 + 3 − 4·0 = 6")
ax.axis("off")
plt.show()


# %% [markdown]
# **Takeaway.** The window moves by the stride, the kernel stays the same, and each place gives one number.
# In the last cell: $2 + 1 - 4\cdot 0 + 0 + 0 = 3$; the last two zeros are padding.

# %% [markdown]
# ### How large is the output?
#
# Do not learn the formula, count windows.
#
# - A kernel of $k$ taps that stand $d$ apart (the *dilation*, usually 1) has $k-1$ gaps: it spans $d\,(k-1)+1$ pixels.
# - With padding on both sides there are $n+2p$ pixels, so the window can move by $n+2p-d\,(k-1)-1$.
# - It starts at 0 and moves $s$ at a time. Only whole windows count:
#
# $$
# n' = \left\lfloor \frac{n + 2p - d\,(k-1) - 1}{s} \right\rfloor + 1
# $$
#
# An odd kernel with $p=(k-1)/2$ and stride 1 keeps the size.
# What the last window does not reach is dropped in silence.

# %% [markdown]
# ### How much of the image does one unit see?
#
# Let a unit of layer $l-1$ see $r_{l-1}$ pixels, and let two neighbours there be $j_{l-1}$ pixels apart (the *jump*).
# A unit of layer $l$ looks at $k_l$ of them. The first and the last are $k_l-1$ jumps apart, so it sees
#
# $$
# r_l = r_{l-1} + (k_l-1)\,j_{l-1}
# \qquad
# j_l = j_{l-1}\,s_l
# \qquad
# r_0 = j_0 = 1
# $$
#
# Written out: $r_L = 1 + \sum_l (k_l-1)\prod_{m<l} s_m$.
# A stride does nothing for its own layer. It multiplies what all *later* layers add.

# %% [markdown]
# ### Why an activation must stand between
#
# A convolution is a matrix: $y = Ax$. Two of them are $A_2(A_1x) = (A_2A_1)\,x$, which is one matrix again, and one larger convolution.
# Its kernel is the two kernels convolved, $2k-1$ wide.
# So a hundred linear layers are one linear layer. A ReLU between them ends that.

# %% [markdown]
# ### Pooling, and what came before it
#
# A window slides over each channel by itself and leaves one number: its maximum, or its mean.
# Nothing is learnt, and the number of channels stays.
# The map gets smaller, so the next layers cost less and see more.
#
# LeNet's "subsampling" of 1998 did learn something: with $a_c$ and $b_c$ for each map, $y = a_c \cdot \text{(sum of the window)} + b_c$.
# That is mean pooling with a gain and a bias. Today a convolution with stride 2 often does the job.

# %% [markdown]
# ### The fully connected layer is a convolution too
#
# Take a map `(C, H, W)`, flatten it, multiply with a matrix `(K, C·H·W)`.
# Reshape the matrix to `(K, C, H, W)` and read the product again: it is a convolution whose kernel is as large as the map.
# It has one position, so the output is `(K, 1, 1)`.
#
# The other way to end a network: average each map to one number (*global average pooling*), then one small linear layer on $C$ numbers.
# No flattening, hardly any weights, and the image may have any size.

# %% [markdown]
# ### The pattern
#
# The classical networks are all words of one small language:
#
# $$
# \text{input} \;\to\; \big[\,[\text{conv} \to \text{relu}]\cdot a \;\to\; \text{pool}\,\big]\cdot b \;\to\; \text{fc}\cdot c
# $$
#
# LeNet-5 is $(a,b,c) = (1,2,3)$, with tanh. VGG-16 has five stages with $a = 2,2,3,3,3$, then $c=3$.
# What the language cannot say: normalisation, shortcuts, parallel branches, and a head without fully connected layers.
# That is, most of what came after 2014.

# %% [markdown]
# ## Your turn
#
# All kernels, strides and paddings of the arguments are single ints.
# A kernel that does not fit raises `ValueError`.
#
# ### Exercise 1: the size of the output
#
# One axis. Return an int.

# %%
def output_size(n, kernel, stride=1, padding=0, dilation=1):
    """Five ints -> int, the number of windows; ValueError where not even one fits."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(output_size)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: count starts, not pixels</summary>
#
# Where may the first pixel of the window be? At 0, s, 2s, … How far can it go before the window sticks out?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the span</summary>
#
# A kernel of 3 taps with dilation 2 covers 5 pixels: tap, gap, tap, gap, tap. In general $d\,(k-1)+1$.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Let `free` be the padded length less the span. If it is negative, raise; else return `free // stride` plus one.
# Test before you divide: `int(-1 / 2)` is 0, and the formula would then say 1.
#
# </details>

# %% [markdown]
# ### Exercise 2: the convolution
#
# `x (N, C_in, H, W)`, `weight (C_out, C_in, kH, kW)`, `bias (C_out,)` or None.
# As in every framework the kernel is not flipped, and the padding is zeros on all four sides.
# Loops are fine for the check. For the experiments you will be glad of an answer without loops over pixels.

# %%
def conv2d(x, weight, bias=None, stride=1, padding=0):
    """x (N, C_in, H, W), weight (C_out, C_in, kH, kW), bias (C_out,) or None -> (N, C_out, H', W')."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(conv2d)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: four loops first</summary>
#
# Loop over image, output channel, row and column. Inside: cut the window `(C_in, kH, kW)` out of the padded image,
# multiply with `weight[o]`, sum everything.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: no loops</summary>
#
# `np.lib.stride_tricks.sliding_window_view(padded, (kH, kW), axis=(2, 3))` has the shape `(N, C_in, H', W', kH, kW)` at stride 1.
# It raises ValueError by itself where the window does not fit. A slice with a step of `stride` on axes 2 and 3 does the rest.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `np.einsum("nchwij,ocij->nohw", windows, weight)` sums over channels and taps.
# `np.tensordot` over the same three axes is faster, but puts C_out last: transpose.
# Then add `bias.reshape(-1, 1, 1)`, if there is one: `bias is not None`.
#
# </details>

# %% [markdown]
# ### Exercise 3: max pooling
#
# `x (N, C, H, W)`. No padding, only whole windows. `stride=None` means stride = kernel_size.

# %%
def max_pool2d(x, kernel_size, stride=None):
    """x (N, C, H, W) -> (N, C, H', W')."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(max_pool2d)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what you have already</summary>
#
# The windows are those of the convolution. Only what is done with a window is new, and that channels stay apart.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: traps</summary>
#
# A running maximum must not start from 0: values may be negative.
# The famous reshape `(N, C, H/k, k, W/k, k)` works only where k divides H and W, and only for stride = k.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Windows of `(kernel_size, kernel_size)`, every `stride`-th of them along both axes, then `.max(axis=(4, 5))`.
#
# </details>

# %% [markdown]
# ### Exercise 4: the receptive field
#
# `layers` is a list of `(kernel, stride)`, first layer first; pooling layers are in it like any other.
# Return how many pixels wide the field of one unit of the last layer is; 1 for no layers.

# %%
def receptive_field(layers):
    """layers: list of (kernel, stride), first layer first -> int."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(receptive_field)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two numbers</summary>
#
# Carry two numbers along: how wide the field is, and how many pixels apart two neighbours are.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: which stride counts where</summary>
#
# A layer's stride does not widen its own field. First add, then multiply.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Start with `field = jump = 1`. For each layer: `field += (kernel - 1) * jump`, then `jump *= stride`.
# Or walk backwards from one unit: `r = (r - 1) * stride + kernel`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on your own functions are at work. torch only trains and checks.
#
# ### Kernels made by hand
#
# Long before anybody learnt a kernel, people wrote them down. Here are five.
# Add up the numbers of each: what will it answer where the image is all one grey?

# %%
bell = np.exp(-(np.arange(-4, 5) ** 2) / (2 * 1.8**2))
sobel = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
KERNELS = {
    "blur (9×9 bell)": np.outer(bell, bell) / bell.sum() ** 2,
    "sharpen": np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]),
    "vertical edges": sobel,
    "horizontal edges": sobel.T,
    "Laplace": np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]),
}


def filtered(image, kernel):
    """One grey image (H, W) through one kernel, with your conv2d."""
    return conv2d(image[None, None], kernel[None, None])[0, 0]


for name, kernel in KERNELS.items():
    print(f"{name:16} answers a grey of 1 with {filtered(np.ones((20, 20)), kernel).mean():.0f}")

# %%
china, flower = data.photos()
grey = conv2d(china.mean(axis=2)[None, None], np.full((1, 1, 2, 2), 0.25), stride=2)[0, 0]  # half the size
shown = [np.clip(filtered(grey, kernel), 0 if kernel.sum() > 0.5 else -1, 1) for kernel in KERNELS.values()]
plots.images([grey, *shown], "A kernel is a question that is asked at every pixel", titles=["the photograph", *KERNELS], columns=3)
plt.show()

# %% [markdown]
# **Takeaway.** Kernels that sum to 1 keep the picture, kernels that sum to 0 keep only its changes (grey means zero).
# The roof answers to the horizontal kernel, the columns to the vertical one. Sharpening is the picture minus its Laplace.

# %% [markdown]
# ### Channels: a kernel of size one
#
# A 1×1 kernel sees a single pixel, but all its channels. Red minus the mean of green and blue: what will be bright?

# %%
rgb = flower.transpose(2, 0, 1)[None]  # (1, 3, H, W)
red = conv2d(rgb, np.array([1.0, -0.5, -0.5]).reshape(1, 3, 1, 1))[0, 0]
edges = np.stack([np.repeat(k[None], 3, axis=0) / 3 for k in (sobel, sobel.T)])  # (2, 3, 3, 3): two output channels
across, down = conv2d(rgb, edges)[0]
plots.images([flower, red, np.clip(np.hypot(across, down), 0, 0.8)],
             "A kernel has a slice for each input channel",
             titles=["the photograph", "1×1: red − (green + blue)/2", "3×3 on all channels: edge strength"])
plt.show()

# %% [markdown]
# **Takeaway.** A 1×1 convolution looks useless and is not: it mixes channels, pixel by pixel.
# The blurred background has no edges: only what is in focus answers.

# %% [markdown]
# ### Build the pattern
#
# $(a, b, c)$ in, a network out; the channels double from stage to stage.
# Your `output_size` says how many numbers the first fully connected layer gets.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from utils import models

torch.set_num_threads(1)


def pattern(a, b, c, image=(1, 32, 32), width=16, hidden=128, classes=10):
    """input -> [[conv -> relu]*a -> pool]*b -> fc*c, as a torch module and as the list of (kernel, stride)."""
    channels, size, _ = image
    parts, layers = OrderedDict(), []
    for stage in range(1, b + 1):
        for index in range(1, a + 1):
            parts[f"conv {stage}-{index}"] = nn.Conv2d(channels, width, 3, padding=1)
            parts[f"relu {stage}-{index}"] = nn.ReLU()
            channels, size = width, output_size(size, 3, padding=1)
            layers.append((3, 1))
        parts[f"pool {stage}"] = nn.MaxPool2d(2)
        size, width = output_size(size, 2, stride=2), 2 * width
        layers.append((2, 2))
    parts["flatten"] = nn.Flatten()
    inputs = channels * size * size
    for index in range(1, c + 1):
        parts[f"fc {index}"] = nn.Linear(inputs, classes if index == c else hidden)
        if index < c:
            parts[f"relu of fc {index}"] = nn.ReLU()
        inputs = hidden
    return nn.Sequential(parts), layers


# %%
net, layers = pattern(2, 2, 2)
rows = [("input", (1, 32, 32), 0), *(row for row in models.describe(net, (1, 32, 32)) if row.name.startswith(("conv", "pool", "fc")))]
plots.architecture(rows, "(a, b, c) = (2, 2, 2): the first fc holds most weights")
plt.show()

# %% [markdown]
# **Takeaway.** Down the column the maps shrink and the channels grow.
# The first fully connected layer has more weights than all convolutions together, because it has one for each pixel of each map.

# %% [markdown]
# ### What a, b and c do
#
# Which of the three widens the receptive field most? Which brings the most weights?

# %%
print(f"{'(a, b, c)':10} {'last map':>10} {'field':>6} {'parameters':>11} {'in fc':>6}")
for a, b, c in [(1, 1, 1), (1, 2, 1), (2, 2, 1), (2, 2, 2), (2, 3, 2), (2, 4, 2), (2, 5, 2)]:
    net, layers = pattern(a, b, c)
    side = next(row.shape[1] for row in models.describe(net, (1, 32, 32)) if row.name == f"pool {b}")
    total = models.count_parameters(net)
    in_fc = sum(models.count_parameters(part) for part in net if isinstance(part, nn.Linear))
    print(f"({a}, {b}, {c})  {side:>9}²  {receptive_field(layers):5}  {total:10,} {in_fc / total:6.0%}")

# %% [markdown]
# $b$, the number of stages, widens the field: each one doubles the jump. $c$ brings the weights, until the maps have become small.
# How many stages can an image of 32 pixels bear?

# %%
try:
    pattern(2, 6, 2)
except ValueError:
    print("six stages: ValueError, as your output_size says")

# %% [markdown]
# ### Train one
#
# Digits of 8×8 pixels, two stages, $(a, b, c) = (1, 2, 1)$.
# `down` and `head` can be exchanged; that is for later.

# %%
images, labels, test_images, test_labels = data.digits(flat=False)
x_train, y_train = torch.tensor(images, dtype=torch.float32), torch.tensor(labels)
x_test, y_test = torch.tensor(test_images, dtype=torch.float32), torch.tensor(test_labels)


class Subsampling(nn.Module):
    """LeNet's: a_c times the sum of a 2×2 window, plus b_c; both learnt, one pair for each map."""

    def __init__(self, channels):
        super().__init__()
        self.gain = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        return 4 * F.avg_pool2d(x, 2) * self.gain + self.bias


DOWN = {
    "max pooling": lambda c: [nn.MaxPool2d(2)],
    "mean pooling": lambda c: [nn.AvgPool2d(2)],
    "LeNet's subsampling": lambda c: [Subsampling(c)],
    "strided convolution": lambda c: [nn.Conv2d(c, c, 2, stride=2), nn.ReLU()],
    "none": lambda c: [],
}


def small_cnn(seed, down="max pooling", head="fc", side=8, widths=(12, 24)):
    """conv 3×3, relu, down; twice; then flatten and fc, or global pooling and a 1×1 convolution."""
    torch.manual_seed(seed)
    parts, channels = [], 1
    for width in widths:
        parts += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), *DOWN[down](width)]
        channels = width
    if head == "fc":
        return nn.Sequential(*parts, nn.Flatten(), nn.Linear(channels * (side // 4) ** 2, 10))
    pool = nn.AdaptiveAvgPool2d(1) if head == "global average" else nn.AdaptiveMaxPool2d(1)
    return nn.Sequential(*parts, pool, nn.Conv2d(channels, 10, 1), nn.Flatten())


def train(net, x, seed, epochs=8):
    optimiser = torch.optim.Adam(net.parameters(), fused=True)
    order, batches = torch.Generator().manual_seed(seed), math.ceil(len(x) / 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=epochs * batches)
    for _ in range(epochs):
        for batch in torch.randperm(len(x), generator=order).split(128):
            loss = F.cross_entropy(net(x[batch]), y_train[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


@torch.no_grad()
def accuracy(net, x):
    return float((net(x).argmax(1) == y_test).double().mean())


net = train(small_cnn(seed=0), x_train, seed=0)
print("more than 95 % of the test digits right:", accuracy(net, x_test) > 0.95)

# %% [markdown]
# ### Your functions run it
#
# Take the weights out and forget torch. The last layer is a `conv2d` as well: its matrix, reshaped to a kernel as large as the map.

# %%
w1, b1, w2, b2, w3, b3 = (p.detach().double().numpy() for p in net.parameters())
w3 = w3.reshape(10, 24, 2, 2)


def relu(x):
    return np.maximum(x, 0)


def run(x):
    """Every map on the way, from the image to the scores."""
    maps = {"image": x}
    maps["conv 1 + relu"] = relu(conv2d(x, w1, b1, padding=1))
    maps["pool 1"] = max_pool2d(maps["conv 1 + relu"], 2)
    maps["conv 2 + relu"] = relu(conv2d(maps["pool 1"], w2, b2, padding=1))
    maps["pool 2"] = max_pool2d(maps["conv 2 + relu"], 2)
    maps["scores"] = conv2d(maps["pool 2"], w3, b3)
    return maps


maps = run(test_images)
with torch.no_grad():
    theirs = net.double()(torch.tensor(test_images)).numpy()
for name, value in maps.items():
    print(f"{name:14} {value.shape}")
print("equal to torch's logits:", np.allclose(maps["scores"][:, :, 0, 0], theirs, atol=1e-9))

# %% [markdown]
# **Takeaway.** The fully connected layer *was* a convolution with a full kernel: one position, ten channels.

# %% [markdown]
# ### What the maps look like
#
# One digit, the six strongest maps of each layer. What happens to the resolution, what to the meaning?

# %%
which = int(np.flatnonzero(test_labels == 3)[0])
fig, axes = plt.subplots(4, 7, figsize=(8.4, 5.2), layout="constrained")
for row, name in enumerate(["conv 1 + relu", "pool 1", "conv 2 + relu", "pool 2"]):
    strongest = np.sort(np.argsort(maps[name][which].sum(axis=(1, 2)))[::-1][:6])
    for ax in axes[row]:
        ax.axis("off")
    if row == 0:
        axes[0, 0].imshow(test_images[which, 0], cmap="gray_r")
        axes[0, 0].set_title("the image, 8×8", loc="center", fontsize=9)
    axes[row, 1].set_title(f"{name}, {maps[name].shape[2]}×{maps[name].shape[3]}", loc="left", fontsize=9)
    for ax, channel in zip(axes[row, 1:], strongest, strict=True):
        ax.imshow(maps[name][which, channel], cmap="cividis", vmin=0)
fig.suptitle("From strokes of one direction to a few coarse numbers", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The first maps are drawings of the digit, each with some strokes missing.
# The last ones are four numbers each: *how much* of something, and in which quarter. Nobody can read them, and the last layer need not.

# %% [markdown]
# ### What the learnt filters look like
#
# The twelve kernels of the first layer, in the order of how nearly their taps cancel.
# Which of them have nothing to say about a plain wall?

# %%
cancel = np.abs(w1.sum(axis=(1, 2, 3))) / np.abs(w1).sum(axis=(1, 2, 3))  # 0: the taps sum to zero; 1: all of one sign
order, bound = np.argsort(cancel), np.abs(w1).max()
fig, axes = plt.subplots(1, 12, figsize=(8.6, 1.4), layout="constrained")
for ax, channel in zip(axes, order, strict=True):
    ax.imshow(w1[channel, 0], cmap="RdBu_r", vmin=-bound, vmax=bound)
    ax.set_title(f"{cancel[channel]:.2f}", loc="center", fontsize=9)
    ax.axis("off")
fig.suptitle("Left: taps that cancel, edges. Right: taps that do not, spots and blurs (red is positive)", x=0.01, ha="left")
plt.show()

# %% [markdown]
# A convolution does not ask how large the image is.
# So here are the two leftmost of them on the photograph, and the one with the largest sum. No bias, no ReLU: grey is zero.

# %%
three = [*order[:2], np.argmax(w1.sum(axis=(1, 2, 3)))]
fig, axes = plt.subplots(1, 3, figsize=(8.6, 2.3), layout="constrained")
for ax, channel, name in zip(axes, three, ("taps cancel", "taps cancel", "largest sum of taps"), strict=True):
    answer = conv2d(grey[None, None], w1[[channel]])[0, 0]
    bound = np.quantile(np.abs(answer), 0.99)
    ax.imshow(answer, cmap="gray", vmin=-bound, vmax=bound)
    ax.set_title(name, loc="center", fontsize=10)
    ax.axis("off")
fig.suptitle("Learnt on 8×8 digits, at work on a photograph: two draw edges, one keeps the picture", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Where the taps nearly cancel, the sky comes out as one even grey, and edges stand out, light on one side, dark on the other.
# Such filters are what the first layer of nearly every CNN learns, on digits as on photographs.

# %% [markdown]
# ### What a full kernel is good for
#
# A fully connected layer takes maps of 2×2 and nothing else. The convolution that equals it takes any size.
# So give the network a strip of eight digits, 8×64 pixels, and read off a column of ten scores every four pixels.

# %%
rng = np.random.default_rng(4)
chosen = rng.integers(len(test_labels), size=8)
strip = np.concatenate([test_images[k, 0] for k in chosen], axis=1)
scores = run(strip[None, None])["scores"][0, :, 0]
share = np.exp(scores - scores.max(axis=0))
share /= share.sum(axis=0)
read = int((scores[:, ::2].argmax(axis=0) == test_labels[chosen]).sum())
print("scores:", scores.shape, " at least seven of the eight digits read at their own place:", read >= 7)

# %%
fig, axes = plt.subplots(2, 1, figsize=(8.4, 4.0), height_ratios=[1, 2.2], layout="constrained")
axes[0].imshow(strip, cmap="gray_r", extent=(0, 64, 8, 0), aspect="auto")
axes[0].set(xticks=range(0, 65, 8), yticks=[])
axes[0].grid(False)
shown = axes[1].imshow(share, cmap="cividis", extent=(2, 62, 9.5, -0.5), aspect="auto", vmin=0, vmax=1)
axes[1].set(xlim=(0, 64), xticks=range(0, 65, 8), yticks=range(10), xlabel="place in the strip (pixels)", ylabel="class")
axes[1].grid(False)
fig.colorbar(shown, ax=axes[1], label="softmax share")
fig.suptitle("A classifier turned into a detector: one pass, 15 places", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Written as a convolution, the classifier slides over the larger image for free: neighbouring windows share all the work below.
# That is how OverFeat and fully convolutional networks came to be.

# %% [markdown]
# ### Three ways to make a map smaller
#
# The flower's edges, five times smaller: by maximum, by mean, and by taking every fifth pixel.
# Mean pooling is a convolution, too; your `conv2d` does it with a kernel of equal weights and a stride.
# Which one keeps the thin lines?

# %%
strong = np.hypot(across, down)[None, None, 40:350, 160:470]
smaller = {
    "edges, 310×310": strong,
    "maximum of 5×5": max_pool2d(strong, 5),
    "mean of 5×5": conv2d(strong, np.full((1, 1, 5, 5), 1 / 25), stride=5),
    "every fifth pixel": strong[:, :, ::5, ::5],
}
fig, axes = plt.subplots(1, 4, figsize=(9, 2.8), layout="constrained")
for ax, (name, value) in zip(axes, smaller.items(), strict=True):
    ax.imshow(value[0, 0], cmap="gray", vmin=0, vmax=1.3)
    ax.set_title(name, loc="center", fontsize=10)
    ax.axis("off")
fig.suptitle("The maximum keeps and thickens thin lines, the mean fades them, sampling breaks them", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Max pooling asks "is it anywhere here?", mean pooling "how much of it is here?".
# Taking every eighth pixel asks a question about chance. (A strided convolution samples too, but its kernel has looked at the neighbours.)

# %% [markdown]
# ### Two linear layers are one
#
# Derived above; now the kernel itself. It is a *true* convolution of the two kernels, and your `conv2d` can do that: flip one, pad by $k-1$.

# %%
rng = np.random.default_rng(0)


def collapsed(first, second):
    """The one kernel (C_out, C_in, 2k−1, 2k−1) that does what two kernels do one after the other."""
    k = second.shape[2]
    return conv2d(first.transpose(1, 0, 2, 3), second[:, :, ::-1, ::-1], padding=k - 1).transpose(1, 0, 2, 3)


def gap(first, second, x, between=lambda h: h, padding=0):
    """How far two layers are from the one that they would collapse to, relative to the size of their output."""
    two = conv2d(between(conv2d(x, first, padding=padding)), second, padding=padding)
    one = conv2d(x, collapsed(first, second), padding=2 * padding)
    return np.abs(two - one).max() / np.abs(two).max()


first, second, x = rng.normal(size=(8, 3, 3, 3)), rng.normal(size=(4, 8, 3, 3)), rng.normal(size=(2, 3, 12, 12))
gaps = {
    "nothing between": gap(first, second, x),
    "ReLU between": gap(first, second, x, relu),
    "nothing between, but padding": gap(first, second, x, padding=1),
}
for name, value in gaps.items():
    print(f"{name:29} collapses to one 5×5: {value < 1e-9}")


# %% [markdown]
# The last line is a subtle one. Padding cuts the first layer's output off at the border and puts zeros there.
# The whole is still linear, but it is no longer one convolution. Away from the border the two agree as before.

# %% [markdown]
# ### Dilation: a wide view for few weights
#
# Three layers of three taps, dilation 1, 2, 4, beside dilation 1, 1, 1 and 2, 2, 2.
# Count on how many paths each pixel reaches one output. A dilated kernel is a kernel with zeros in it, so your `conv2d` can count.

# %%
def dilated(d):
    """Three taps of one, d apart, as a kernel (1, 1, 1, 2d + 1)."""
    kernel = np.zeros((1, 1, 1, 2 * d + 1))
    kernel[..., ::d] = 1
    return kernel


def path_counts(dilations):
    """From how many paths each of 17 pixels in a row reaches the output above the middle one."""
    counts = np.zeros((1, 1, 1, 17))
    counts[..., 8] = 1
    for d in dilations:
        counts = conv2d(np.pad(counts, ((0, 0), (0, 0), (0, 0), (d, d))), dilated(d))
    return counts[0, 0, 0].astype(int)


STACKS = [(1, 1, 1), (1, 2, 4), (2, 2, 2)]
for stack in STACKS:
    field = receptive_field([(2 * d + 1, 1) for d in stack])  # the span is what counts
    print(f"dilation {stack}: field {field:2}, pixels in it that are never seen: {field - np.count_nonzero(path_counts(stack))}")

# %%
fig, axes = plt.subplots(1, 3, figsize=(8.6, 2.6), sharey=True, layout="constrained")
for ax, stack in zip(axes, STACKS, strict=True):
    ax.bar(range(-8, 9), path_counts(stack), color=plots.color("right"))
    ax.set(title=f"dilation {', '.join(map(str, stack))}", xlabel="pixel", xticks=range(-8, 9, 4))
axes[0].set_ylabel("paths to the output")
fig.suptitle("Doubling the dilation sees 15 pixels with 9 weights; a constant one leaves holes", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** Dilation widens the field without a stride, so the map keeps its size: good for segmentation.
# With equal dilations every second pixel is invisible (the *gridding* artefact).

# %% [markdown]
# ### The receptive field, on the photograph
#
# VGG-16's thirteen convolutions and four of its poolings, with random weights and few channels.
# Your `receptive_field` says how wide the box is in which a pixel *can* reach one unit of the last layer.
# The gradient of that unit says how much it *does*. Do you expect the box to be filled?

# %%
def vgg_shape(width=12):
    """VGG-16 up to its last convolution, all layers of one width; and its (kernel, stride) list."""
    parts, layers, channels = [], [], 3
    for stage, convolutions in enumerate((2, 2, 3, 3, 3)):
        if stage:
            parts.append(nn.MaxPool2d(2))
            layers.append((2, 2))
        for _ in range(convolutions):
            parts += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            layers.append((3, 1))
            channels = width
    net = nn.Sequential(*parts)
    for part in net:
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    return net, layers


def gradient_energy(net, image, seed):
    """The squared gradient of one unit in the middle, by pixel (H, W), summing to 1; from random channel weights."""
    x = torch.tensor(image, dtype=torch.float32, requires_grad=True)
    out = net(x)
    upstream = torch.randn(out.shape[1], generator=torch.Generator().manual_seed(seed))
    (out[0, :, out.shape[2] // 2, out.shape[3] // 2] * upstream).sum().backward()
    energy = x.grad[0].double().square().sum(dim=0).numpy()
    return energy / energy.sum()


def middle_of(energy):
    """Where the energy has its centre of mass: a row and a column."""
    rows, columns = np.indices(energy.shape)
    return [round(float((energy * axis).sum())) for axis in (rows, columns)]


def side_of(energy, share=0.9):
    """The side of the smallest centred square (about the energy's middle) that holds a share of it."""
    rows, columns = np.indices(energy.shape)
    middle = middle_of(energy)
    distance = np.maximum(abs(rows - middle[0]), abs(columns - middle[1]))
    inside = np.cumsum(np.bincount(distance.ravel(), weights=energy.ravel()))
    return 2 * int(np.searchsorted(inside, share * inside[-1])) + 1


crop = china[50:370, 180:500].transpose(2, 0, 1)[None]
energies = []
for seed in range(6):
    torch.manual_seed(seed)
    deep, deep_layers = vgg_shape()
    energies.append(gradient_energy(deep, crop, seed))
box = receptive_field(deep_layers)
vgg_ratios = [side_of(energy) / box for energy in energies]
print("the theoretical field is", box, "pixels wide")

# %%
mean_energy = np.mean(energies, axis=0)
rows, columns = np.nonzero(mean_energy)
box_centre = ((columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2)
frames = ((box, box_centre, plots.color("wrong"), f"theory: {box} pixels"), (side_of(mean_energy), middle_of(mean_energy)[::-1], plots.color("adam"), "90 % of the energy"))
smooth = filtered(np.pad(np.sqrt(mean_energy), 4), KERNELS["blur (9×9 bell)"])
fig, axes = plt.subplots(1, 2, figsize=(8.6, 4.3), layout="constrained")
for ax in axes:
    ax.imshow(crop[0].transpose(1, 2, 0), alpha=1 if ax is axes[0] else 0.35)
    ax.grid(False)
    ax.set(xlabel="pixel")
    for side, (column, row), tint, name in frames:
        ax.add_patch(plt.Rectangle((column - side / 2, row - side / 2), side, side, fill=False, edgecolor=tint, linewidth=2.2, label=name))
axes[0].legend(loc="lower left", frameon=True)
axes[0].set(title="what one unit can see", ylabel="pixel")
axes[1].imshow(smooth, cmap="inferno", alpha=np.clip(smooth / smooth.max() * 1.6, 0, 0.95))
axes[1].set_title("what moves it (size of the gradient)")
fig.suptitle("A unit of VGG-16's last convolution: the middle counts, the rim hardly at all", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The box is what *could* matter. The gradient is a blob in its middle.

# %% [markdown]
# ### Why a blob? Because a sum of random steps is a bell
#
# Give every weight mean zero and the same variance. Then the expected squared gradient of $L$ linear 3×3 layers is a box blur, applied $L$ times:
# each layer spreads it evenly over nine neighbours. That is your `conv2d` again.
# One box has variance $\tfrac23$ along an axis, $L$ of them have $\tfrac23L$. So the spread grows like $\sqrt L$, the box like $L$.

# %%
depths = np.array([1, 2, 4, 8, 16, 32])


def predicted_energy(depth):
    energy = np.ones((1, 1, 1, 1))
    for _ in range(depth):
        energy = conv2d(energy, np.full((1, 1, 3, 3), 1 / 9), padding=2)
    return energy[0, 0]


def measured_energy(depth, seed, width=16):
    """The same from torch's gradient of a random net with ReLUs, on a random image."""
    torch.manual_seed(seed)
    parts = [nn.Sequential(nn.Conv2d(width, width, 3, bias=False), nn.ReLU()) for _ in range(depth)]
    for part in parts:
        nn.init.kaiming_normal_(part[0].weight)
    size = receptive_field([(3, 1)] * depth)
    return gradient_energy(nn.Sequential(*parts), np.random.default_rng(seed).normal(size=(1, width, size, size)), seed)


predicted = [side_of(predicted_energy(depth)) for depth in depths]
measured = np.array([[side_of(measured_energy(depth, seed)) for depth in depths] for seed in range(3)])
theory = np.array([receptive_field([(3, 1)] * depth) for depth in depths])
print("side of the square with 90 % of the energy, predicted:", predicted)
print("theoretical field:                                    ", theory.tolist())

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.9), layout="constrained")
ax.loglog(depths, theory, "o-", color=plots.color("wrong"), label="theoretical field, 2L + 1")
ax.loglog(depths, predicted, "-", color="0.4", label="90 % of the energy: box blur, L times (your conv2d)")
ax.loglog(depths, np.median(measured, axis=0), "s", color=plots.color("adam"), label="90 % of the energy: random ReLU nets, gradient")
ax.set(xlabel="number of 3×3 layers L", ylabel="side (pixels)", title="The box grows like L, what counts like √L")
ax.set_xticks(depths, depths)
ax.set_yticks([3, 5, 10, 20, 50], [3, 5, 10, 20, 50])
ax.minorticks_off()
ax.legend(loc="upper left")
plt.show()


# %% [markdown]
# **Takeaway.** The rim of the box is reached on a single path, the middle on very many.
# Luo et al. 2016 called this the effective receptive field, and found that training widens it.

# %% [markdown]
# ### Time and memory: why im2col wins
#
# One layer, 16 channels to 32, 28×28 pixels: always the same multiply-adds, in five ways.
#
# - four Python loops, a NumPy sum inside;
# - nine shifted copies of the image, one small matrix product each;
# - `einsum` on the view of all windows: no copy, but no matrix product either;
# - *im2col*: copy every window into a row of a matrix `(N·H'·W', C·k²)`, then one matrix product with `(C·k², C_out)`;
# - yours, and torch's (float64, one thread, as NumPy here).

# %%
def four_loops(x, weight, padding):
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows, columns = (output_size(n, weight.shape[2], padding=padding) for n in x.shape[2:])
    out = np.zeros((len(x), len(weight), rows, columns))
    k = weight.shape[2]
    for n in range(len(x)):
        for o in range(len(weight)):
            for i in range(rows):
                for j in range(columns):
                    out[n, o, i, j] = np.sum(padded[n, :, i : i + k, j : j + k] * weight[o])
    return out


def shifted_copies(x, weight, padding):
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows, columns = (output_size(n, weight.shape[2], padding=padding) for n in x.shape[2:])
    out = np.zeros((len(x), len(weight), rows * columns))
    for i, j in np.ndindex(weight.shape[2:]):
        out += weight[:, :, i, j] @ padded[:, :, i : i + rows, j : j + columns].reshape(*x.shape[:2], -1)
    return out.reshape(*out.shape[:2], rows, columns)


def all_windows(x, weight, padding):
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))


def einsum_on_view(x, weight, padding):
    return np.einsum("nchwij,ocij->nohw", all_windows(x, weight, padding), weight)


def im2col(x, weight, padding):
    windows = all_windows(x, weight, padding).transpose(0, 2, 3, 1, 4, 5)  # (N, H', W', C, k, k)
    matrix = windows.reshape(math.prod(windows.shape[:3]), -1)  # here the copy is made
    return (matrix @ weight.reshape(len(weight), -1).T).reshape(*windows.shape[:3], -1).transpose(0, 3, 1, 2)


def yours(x, weight, padding):
    return conv2d(x, weight, padding=padding)


METHODS = {"four loops": four_loops, "nine shifts": shifted_copies, "einsum on the view": einsum_on_view, "im2col": im2col, "yours": yours}
x, weight = rng.normal(size=(1, 16, 28, 28)), rng.normal(size=(32, 16, 3, 3))
their_x, their_weight = torch.tensor(x), torch.tensor(weight)
right = F.conv2d(their_x, their_weight, padding=1).numpy()
print("all equal to torch's:", all(np.allclose(method(x, weight, 1), right) for method in METHODS.values()))


# %%
def peak_memory(call):
    """The largest amount of memory that NumPy held during a call, in bytes."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def best_time(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


multiply_adds = 32 * 28 * 28 * 16 * 9
seconds = {name: best_time(lambda m=m: m(x, weight, 1), 2 if m is four_loops else 15) for name, m in METHODS.items()}
seconds["torch"] = best_time(lambda: F.conv2d(their_x, their_weight, padding=1), 15)
memory = {name: peak_memory(lambda m=m: m(x, weight, 1)) / x.nbytes for name, m in METHODS.items()}

# %%
tints = ["0.45", plots.color("momentum"), plots.color("rmsprop"), plots.color("adam"), plots.color("right"), "black"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for ax, values, number in ((axes[0], {n: multiply_adds / s / 1e9 for n, s in seconds.items()}, "{:.2g}"), (axes[1], memory, "{:.1f}")):
    drawn = ax.barh(list(values), list(values.values()), color=tints[: len(values)])
    ax.bar_label(drawn, [number.format(value) for value in values.values()], padding=4, fontsize=9)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
axes[0].set(xscale="log", xlabel="billion multiply-adds per second", title="Speed")
axes[0].margins(x=0.25)
axes[1].set(xlabel="peak memory, in sizes of the input", title="Memory")
axes[1].margins(x=0.15)
fig.suptitle("What is fast is the matrix product; im2col pays for one with memory", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** All do the same arithmetic. The loops pay the interpreter for each output.
# `einsum` on the view has no interpreter in the way and is still slow: it fetches both factors from memory for every product.
# A matrix product keeps tiles of both matrices in the cache and uses each number many times over; that is the whole secret.
# im2col makes *one* product of the layer, at the price of nine copies of the input.
# Nine small products, one for each tap, do nearly as well here, or better, with half of the memory.
# (torch's allocator is invisible to `tracemalloc`, so it has no bar.)

# %% [markdown]
# What the copy costs in earnest: VGG-16's second layer, 64 channels of 224×224, one image in float32.

# %%
map_bytes = 4 * 64 * 224 * 224
print(f"the map {map_bytes / 1e6:.0f} MB, its im2col matrix {9 * map_bytes / 1e6:.0f} MB")

# %% [markdown]
# So libraries do not build the whole matrix: they make a few rows at a time while multiplying (*implicit* matrix product),
# or spend fewer multiplications on a 3×3 (Winograd), or go through the Fourier transform for large kernels.

# %% [markdown]
# ## Folklore on trial
#
# ### "Convolution in frameworks is convolution"
#
# SciPy has both, under honest names. Three kernels: at random, Sobel's, and one that looks the same after half a turn.

# %%
from scipy.signal import convolve2d, correlate2d

KINDS = {"a random kernel": rng.normal(size=(3, 3)), "Sobel": sobel, "Laplace (unchanged by half a turn)": KERNELS["Laplace"]}
image = grey[:60, :80]
as_convolution, as_correlation = {}, {}
for name, kernel in KINDS.items():
    framework = F.conv2d(torch.tensor(image)[None, None], torch.tensor(kernel)[None, None])[0, 0].numpy()
    assert np.allclose(framework, filtered(image, kernel))
    as_convolution[name] = np.allclose(framework, convolve2d(image, kernel, "valid"))
    as_correlation[name] = np.allclose(framework, correlate2d(image, kernel, "valid"))
print("torch's conv2d is SciPy's correlate2d for all three:", all(as_correlation.values()))

ruling = trial(
    "what frameworks call convolution is convolution",
    as_convolution,
    only_if="half a turn leaves the kernel as it is",
)
assert ruling == "holds only if half a turn leaves the kernel as it is"
ruling

# %% [markdown]
# It does not matter for training: the net simply learns the kernel turned round.
# It matters when you bring a kernel from a book, and in the backward pass, where the flip is real (question 21).

# %% [markdown]
# ### "Two convolutions in a row compute more than one larger one could"
#
# The gaps from the experiment: zero means that one 5×5 does the same.

# %%
pairs = {(1, 1, 1): (), (3, 8, 4): (), (16, 2, 16): ()}
for c_in, c_mid, c_out in pairs:
    first, second = rng.normal(size=(c_mid, c_in, 3, 3)), rng.normal(size=(c_out, c_mid, 3, 3))
    pairs[c_in, c_mid, c_out] = first, second, rng.normal(size=(1, c_in, 9, 9))

ruling = trial(
    "two 3×3 convolutions in a row compute something that no 5×5 could",
    {f"linear, channels {'→'.join(map(str, channels))}": bool(gap(*arrays) > 1e-6) for channels, arrays in pairs.items()}
    | {"with a ReLU between, channels 3→8→4": bool(gap(*pairs[3, 8, 4], relu) > 1e-6)},
    only_if="an activation stands between them",
)
assert ruling == "holds only if an activation stands between them"
ruling


# %% [markdown]
# Without an activation two layers can even do *less*: 18 numbers instead of 25, and a narrow middle limits the rank.
# That is sometimes wanted, as in a bottleneck or a low-rank factorisation, but it is never more.

# %% [markdown]
# ### "Pooling makes a CNN invariant to translation"
#
# Digits on a black canvas of 12×12, so that nothing falls off the edge. First the arithmetic, no training:
# random kernels, and the same image a few pixels further right.

# %%
def on_canvas(images, shift=0):
    """(n, 1, 8, 8) -> (n, 1, 12, 12), moved right by `shift`, from −2 to 2."""
    return np.pad(images, ((0, 0), (0, 0), (2, 2), (2 + shift, 2 - shift)))


wide = np.pad(test_images[:50], ((0, 0), (0, 0), (8, 8), (8, 8)))  # (50, 1, 24, 24)


def unmoved(shift, features):
    """Do the features stay as they are, to rounding, when the image moves right by `shift`?"""
    still, after = features(wide), features(np.roll(wide, shift, axis=3))
    return np.allclose(still, after, atol=1e-9)


kernel = rng.normal(size=(8, 1, 3, 3))
deeper = rng.normal(size=(8, 8, 3, 3))


def pooled(x):
    return max_pool2d(relu(conv2d(x, kernel, padding=1)), 2)


def pooled_twice(x):
    return max_pool2d(relu(conv2d(pooled(x), deeper, padding=1)), 2)


def all_of_it(features):
    return lambda x: features(x).max(axis=(2, 3))


arithmetic = {
    "conv, pool 2: same map after 1 pixel": unmoved(1, pooled),
    "conv, pool 2: same map after 2 pixels": unmoved(2, pooled),
    "global maximum after conv: same after 1 pixel": unmoved(1, all_of_it(lambda x: conv2d(x, kernel, padding=1))),
    "global maximum after two stages: same after 1 pixel": unmoved(1, all_of_it(pooled_twice)),
    "global maximum after two stages: same after 4 pixels": unmoved(4, all_of_it(pooled_twice)),
}
print("after 2 pixels the pooled map has moved by one:", np.allclose(np.roll(pooled(wide), 1, axis=3), pooled(np.roll(wide, 2, axis=3))))

# %% [markdown]
# Pooling makes the map *move less*: two pixels become one. That is equivariance at a coarser scale, not invariance.
# And in accuracy? Train on centred digits, test on shifted ones: two stages of pooling with a fully connected head, three seeds.

# %%
canvas = torch.tensor(on_canvas(images), dtype=torch.float32)
SHIFTS = range(-2, 3)


def accuracies(net):
    return [accuracy(net, torch.tensor(on_canvas(test_images, shift), dtype=torch.float32)) for shift in SHIFTS]


by_shift = {
    "two max poolings, then fc": [accuracies(train(small_cnn(s, side=12), canvas, s)) for s in range(3)],
    "no pooling but one global maximum": [
        accuracies(train(small_cnn(s, "none", "global maximum", side=12, widths=(12, 16)), canvas, s)) for s in range(3)],
}  # fmt: skip

# %%
ax = plots.curves({name: (np.array(SHIFTS), 100 * np.mean(values, axis=0)) for name, values in by_shift.items()},
                  "shift of the test digits (pixels)", "test accuracy (%)",
                  "Local pooling does not make up for a shift; a global maximum does",
                  band={name: (100 * np.min(v, axis=0), 100 * np.max(v, axis=0)) for name, v in by_shift.items()}, legend="lower center")
ax.set(ylim=(0, 102), xticks=list(SHIFTS))
plt.show()

# %%
drops = {name: [values[2] - min(values[0], values[4]) for values in runs] for name, runs in by_shift.items()}
ruling = trial(
    "pooling makes a CNN invariant to translation",
    arithmetic
    | {f"two poolings and fc, seed {s}: 2 pixels cost less than 10 points": drop < 0.1 for s, drop in enumerate(drops["two max poolings, then fc"])}
    | {f"a global maximum, seed {s}: 2 pixels cost less than 10 points": drop < 0.1
       for s, drop in enumerate(drops["no pooling but one global maximum"])},
    only_if="the pooling is global, and the shift a multiple of the strides before it",
)
assert ruling == "holds only if the pooling is global, and the shift a multiple of the strides before it"
ruling

# %% [markdown]
# Say instead: *convolution is equivariant, pooling makes it tolerant of small shifts, and only a global pooling is invariant.*
# What most networks know about shifts, they know from shifted training images.

# %% [markdown]
# ### "A CNN needs pooling layers, and a fully connected layer to classify"
#
# Exchange them, one by one. Three seeds each, equal training.

# %%
VARIANTS = {
    "max pooling, fc": ("max pooling", "fc"),
    "LeNet's subsampling, fc": ("LeNet's subsampling", "fc"),
    "mean pooling, fc": ("mean pooling", "fc"),
    "strided convolution, fc": ("strided convolution", "fc"),
    "max pooling, global average": ("max pooling", "global average"),
    "strided convolution, global average": ("strided convolution", "global average"),
}
results = {name: [accuracy(train(small_cnn(seed, *parts), x_train, seed), x_test) for seed in range(3)] for name, parts in VARIANTS.items()}

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for row, values in enumerate(results.values()):
    ax.plot(100 * np.array(values), np.full(len(values), row), "o", color=plots.color("adam"), alpha=0.6)
    ax.plot(100 * np.mean(values), row, "|", color="black", markersize=18, markeredgewidth=2)
ax.set_yticks(range(len(results)), list(results))
ax.set(xlim=(88, 100), ylim=(5.5, -0.5), xlabel="test accuracy (%): three seeds, and their mean", title="Pooling and head can be exchanged, for a point or three")
plt.show()

# %%
best = np.mean(results["max pooling, fc"])
ruling = trial(
    "a CNN needs pooling and a fully connected layer: without, it loses five points or more",
    {f"{name}": best - np.mean(results[name]) >= 0.05 for name in list(VARIANTS)[3:]},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# Max pooling with a fully connected layer is a little ahead here: the maps are tiny, and *where* a stroke is matters for a digit.
# It is a good habit, not a need. The variant in the last row has convolutions and nothing else
# (Springenberg et al. 2015 did the same on CIFAR), and ResNets end in global average pooling.
# And "the" classifier is only the very last layer; in VGG there are two hidden fully connected layers before it.

# %% [markdown]
# ### "The fully connected layers hold most of the parameters, and most of the work"
#
# Counted in the full-size networks.

# %%
NETWORKS = {"lenet5": "LeNet-5", "alexnet": "AlexNet", "vgg16": "VGG-16", "googlenet": "GoogLeNet", "resnet50": "ResNet-50", "densenet121": "DenseNet-121"}


def shares(name):
    """Parameters, and the share of the fully connected layers in parameters and in multiply-adds."""
    network = models.build(name, device="meta")
    fc = [part for part in network.modules() if isinstance(part, nn.Linear)]
    in_fc, work = sum(map(models.count_parameters, fc)), sum(part.in_features * part.out_features for part in fc)
    total = models.count_parameters(network)
    assert total == models.PUBLISHED[name].parameters
    return total, in_fc, in_fc / total, work / models.model_macs(network, models.PUBLISHED[name].input_shape)


table = {title: shares(name) for name, title in NETWORKS.items()}
print(f"{'':13} {'parameters':>11} {'in fc':>11} {'share':>6}   share of the multiply-adds")
for title, (total, in_fc, share, work) in table.items():
    print(f"{title:13} {total:11,} {in_fc:11,} {share:6.0%}   {work:6.1%}")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
place = np.arange(len(table))
for offset, index, tint, name in ((-0.19, 2, plots.color("momentum"), "of the parameters"), (0.19, 3, plots.color("adam"), "of the multiply-adds")):
    drawn = ax.bar(place + offset, [100 * row[index] for row in table.values()], 0.36, color=tint, label=name)
    ax.bar_label(drawn, [f"{bar.get_height():.{0 if bar.get_height() > 5 else 1}f}" for bar in drawn], fontsize=9, padding=2)
ax.set_xticks(place, list(table))
ax.set(ylabel="share of the fully connected layers (%)", title="Weights sit in the fully connected layers, work in the convolutions", ylim=(0, 108))
ax.grid(False, axis="x")
ax.legend(loc="upper right")
plt.show()

# %%
ruling = trial(
    "the fully connected layers hold most of the parameters and do most of the work",
    {f"{title}: most of the parameters": share > 0.5 for title, (_, _, share, _) in table.items()}
    | {f"{title}: most of the work": work > 0.5 for title, (*_, work) in table.items()},
    only_if="parameters are meant, and the maps are flattened into hidden fully connected layers",
)
assert ruling == "holds only if parameters are meant, and the maps are flattened into hidden fully connected layers"
ruling

# %% [markdown]
# A fully connected weight is used once per image, a convolution's at every position. So weights and work part company.
# Take VGG-16's head off and put global average pooling and one linear layer there: how much is left?

# %%
vgg_total, vgg_fc, *_ = table["VGG-16"]
print(f"VGG-16 {vgg_total / 1e6:.1f} M, with global average pooling {(vgg_total - vgg_fc + 513 * 1000) / 1e6:.1f} M")

# %% [markdown]
# ### "A unit's receptive field is what the formula says"
#
# Then the gradient would fill the box: a square with 90 % of its energy would have at least nine tenths of the box's side.

# %%
ruling = trial(
    "the effective receptive field is the theoretical one (90 % of the energy need 0.9 of the side)",
    {f"{depth} layer{'s' if depth > 1 else ''} of 3×3, all of three seeds": bool(np.all(column >= 0.9 * side))
     for depth, side, column in zip(depths, theory, measured.T, strict=True) if depth in (1, 8, 32)}
    | {"VGG-16's shape on the photograph, any of six seeds": bool(max(vgg_ratios) >= 0.9)},
    only_if="one looks through a single layer",
)
assert ruling == "holds only if one looks through a single layer"
ruling

# %% [markdown]
# Say instead: *the formula bounds what a unit can see; what it does see is a bell in the middle, about √depth wide, until training widens it.*

# %% [markdown]
# ### "im2col is faster because it does less work"
#
# Multiply-adds counted, memory and time measured above.

# %%
matrix_product = (28 * 28) * (16 * 9) * 32  # rows · inner length · columns
print("multiply-adds of the loops:  ", f"{multiply_adds:,}")
print("multiply-adds of the product:", f"{matrix_product:,}")
assert seconds["im2col"] < seconds["four loops"] / 5

ruling = trial(
    "im2col is faster because it does less work",
    {
        "it needs fewer multiply-adds": matrix_product < multiply_adds,
        "it needs less memory than the loops": memory["im2col"] < memory["four loops"],
        "it needs less memory than the view": memory["im2col"] < memory["einsum on the view"],
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# It does the same work in a better order.

# %% [markdown]
# ## Answer in 30 seconds
#
# "A CNN is a stack of layers for grids. A convolution looks at small windows, with the same weights everywhere, over all input channels; it asks where a pattern is.
# The activation makes the stack more than one linear map. Pooling makes maps coarser, so later layers cost less and see more.
# At the end a fully connected layer, or global average pooling and a small linear layer, turns maps into scores.
# Sizes follow from floor of (n + 2p − span) over stride, plus one."

# %% [markdown]
# ## Answer in 2 minutes
#
# - The assumptions: what belongs together is close together, and a pattern means the same everywhere. Hence local windows and shared weights.
# - Convolution: each output channel is a sum over *all* input channels and all taps, plus a bias: $C_{out}(C_{in}k^2+1)$ weights, times $H'W'$ multiply-adds. Frameworks correlate; nothing is flipped.
# - Size: count the windows, $\lfloor (n+2p-d(k-1)-1)/s\rfloor+1$.
# - Activation: without it two layers collapse to one. ReLU is cheap and does not saturate.
# - Pooling: max asks "is it anywhere here", mean "how much". Nothing to learn. It gives tolerance of small shifts, not invariance. A stride can replace it.
# - Fully connected: the same as a convolution with a full kernel; so a classifier can slide over a larger image. It holds 124 of VGG-16's 138 million weights and under one percent of its work.
# - The pattern: [[conv, relu]·a, pool]·b, fc·c. LeNet is (1, 2, 3). Later networks add normalisation, shortcuts and branches, and end in global average pooling.
# - Receptive field: add $(k-1)$ times the product of earlier strides. What is effective is a bell in the middle.
# - Implementation: windows into a matrix, one matrix product; nine times the memory for a 3×3, no fewer operations, but in a far better order.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why does each output channel sum over all input channels?</summary>
#
# Because a pattern may be a combination: a corner is a horizontal edge *and* a vertical one.
# If each channel is filtered alone, it is a depthwise convolution: $C\,k^2$ weights in place of $C^2k^2$.
# A 1×1 convolution behind it then mixes the channels; together they make a depthwise separable convolution. Groups lie between the two (question 27).
#
# </details>
#
# <details><summary>How many parameters and multiply-adds has a 3×3 convolution from 64 to 128 channels on 56×56?</summary>
#
# $128\,(64\cdot 9+1) = 73\,856$ parameters with bias.
# Multiply-adds, padding 1: $128\cdot64\cdot9\cdot56^2 \approx 231$ million. Parameters do not depend on the image, the work does.
#
# </details>
#
# <details><summary>Two 3×3 or one 5×5?</summary>
#
# Same receptive field, 5. With $C$ channels throughout: $18C^2$ weights against $25C^2$, and one more activation.
# For one 7×7 it is three 3×3, $27C^2$ against $49C^2$. That was VGG's argument (question 23).
#
# </details>
#
# <details><summary>Max or mean pooling?</summary>
#
# Max keeps a strong answer however small it is: good for edges and other sparse features, and its gradient goes to the winner alone.
# Mean keeps the total: good at the very end, where it is global, and for smooth quantities.
# With ReLU maps that are mostly zero, a mean over 2×2 dilutes. In the trial above mean pooling was among the weakest; that is a small data set, not a law.
#
# </details>
#
# <details><summary>What did LeNet's subsampling learn?</summary>
#
# One gain and one bias for each map: the sum of a 2×2 window times $a$ plus $b$, then a squashing function.
# 12 numbers in S2, for 6 maps. A small gain leaves the unit nearly linear, a large one makes it a noisy "or" or "and", depending on the bias.
#
# </details>
#
# <details><summary>What does padding do, besides keeping the size?</summary>
#
# Without it, border pixels are in fewer windows than others, and a deep net eats the image up: two pixels a layer for 3×3.
# With zeros the border becomes visible to the net: it can tell where the image ends, so it is not strictly shift-equivariant.
# Reflection or replication avoids the dark frame.
#
# </details>
#
# <details><summary>Why can a CNN take images of another size, and when can it not?</summary>
#
# Convolutions and poolings do not care; their weights do not depend on H and W.
# A flattening fully connected layer does. Either global (adaptive) pooling before it, or rewrite it as a convolution, as above.
#
# </details>
#
# <details><summary>Is a fully connected layer ever a 1×1 convolution?</summary>
#
# On a 1×1 map, yes. And a 1×1 convolution on a larger map is one fully connected layer applied to each pixel's channels, with shared weights.
# A fully connected layer on an $H\times W$ map is an $H\times W$ convolution.
#
# </details>
#
# <details><summary>Is dilation free?</summary>
#
# In weights and multiply-adds, yes. But equal dilations leave holes, memory is read in jumps, and the map stays large.
# Growing rates without a common factor, such as 1, 2, 4 (starting with 1) or 1, 2, 5, leave none.
#
# </details>
#
# <details><summary>How does one enlarge the receptive field?</summary>
#
# Earlier strides or pooling (multiplies), dilation (multiplies, keeps the size), larger kernels or more layers (adds).
# The effective one grows like the square root of the number of layers, so stride and dilation help more than depth.
# Attention and global pooling see everything at once.
#
# </details>
#
# <details><summary>When is im2col the wrong choice?</summary>
#
# For 1×1 kernels: the image is the matrix already. For depthwise convolutions: the product is too thin to be efficient.
# For large kernels: $k^2$ copies; Fourier is cheaper there. For 3×3 at stride 1 Winograd needs 2.25 times fewer multiplications with 2×2 output tiles.
# And where memory is short: the implicit form.
#
# </details>
#
# <details><summary>Is "how the layers connect" the only difference to a fully connected net?</summary>
#
# No. Connections are local, *and* weights are shared, *and* there is usually pooling.
# A 3×3 convolution on 5×5 pixels is a 9×25 matrix with 81 entries that are not zero, but only 9 different numbers (question 22).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Pooling makes the network translation invariant."
# - "Each filter is applied to one channel." That is a depthwise convolution.
# - $(n-k)/s+1$ without the floor, or without the padding on *both* sides.
# - A receptive field computed by adding kernel sizes, strides forgotten.
# - "Convolution flips the kernel", said of torch.
# - "The fully connected layers are the expensive ones", without saying in what.
# - "Pooling selects the most important features." It selects the largest number of each window.
# - "More layers make a linear network more powerful."
# - "im2col saves computation."

# %% [markdown]
# ## References
#
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. *Gradient-Based Learning Applied to Document Recognition.* Proceedings of the IEEE 86(11), 1998. §II: LeNet-5 with its trainable subsampling.
# - M. Lin, Q. Chen, S. Yan. *Network In Network.* ICLR 2014: 1×1 convolutions, and global average pooling in place of fully connected layers.
# - K. Simonyan, A. Zisserman. *Very Deep Convolutional Networks for Large-Scale Image Recognition.* ICLR 2015.
# - P. Sermanet et al. *OverFeat.* ICLR 2014; J. Long, E. Shelhamer, T. Darrell. *Fully Convolutional Networks for Semantic Segmentation.* CVPR 2015: fully connected layers as convolutions.
# - J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller. *Striving for Simplicity: The All Convolutional Net.* ICLR 2015 workshop: strides in place of pooling.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. *Understanding the Effective Receptive Field in Deep Convolutional Neural Networks.* NIPS 2016.
# - F. Yu, V. Koltun. *Multi-Scale Context Aggregation by Dilated Convolutions.* ICLR 2016.
# - V. Dumoulin, F. Visin. *A Guide to Convolution Arithmetic for Deep Learning.* 2016: all the size formulas, drawn.
# - A. Lavin, S. Gray. *Fast Algorithms for Convolutional Neural Networks.* CVPR 2016: Winograd's method for 3×3.
