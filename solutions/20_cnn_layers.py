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
# - **What is convention and what is needed.** Pooling layers and hidden fully connected layers can be left out; a nonlinearity cannot.

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
# | convolution | asks everywhere: how much of this pattern is here? | $C_{out}\,(C\,k^2 + 1)$ numbers, for $C_{out}$ kernels of $k\times k$ | `(C_out, H', W')` |
# | activation | applies a nonlinear function to each number; without one, all layers would collapse into a single linear one | usually nothing | the same |
# | pooling | makes the map coarser | nothing | `(C, H', W')` |
# | fully connected | mixes everything with everything | as many weights as inputs times outputs | `(K,)` |

# %% [markdown]
# ### Convolution
#
# One output channel $o$ has one kernel for *each* input channel, and one bias:
#
# $$
# y_{o,i,j} = b_o + \sum_{c}\sum_{u=0}^{k_H-1}\sum_{v=0}^{k_W-1} w_{o,c,u,v}\; x_{c,\;i s+u,\;j s+v}
# $$
#
# $x$ is the input with its padding already around it, $s$ is the stride, and $(u, v)$ is a *tap*: one place in the $k_H\times k_W$ kernel.
# The window is laid on the image as it is.
# In mathematics this is called *cross-correlation*; a convolution would turn the kernel round by 180° first.
#
# Here is one step of it. Which number belongs in the last cell of the output?

# %%
import math
import time

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()

# %% tags=["nbval-ignore-output", "hide-input"]
pixels = np.pad(np.array([[1, 2, 0, 1, 3], [0, 1, 3, 1, 0], [2, 0, 1, 2, 1], [1, 1, 0, 0, 2], [0, 3, 1, 1, 0]]), 1)
taps = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
sums = np.array([[np.sum(taps * pixels[i : i + 3, j : j + 3]) for j in (0, 2, 4)] for i in (0, 2, 4)])
fig, ax = plt.subplots(figsize=(8, 3.9), layout="constrained")
rim = [cell for cell in np.ndindex(7, 7) if not 0 < min(cell) <= max(cell) < 6]
plots.number_grid(ax, pixels, 0, 0, "input 5×5, padding 1", [(i, j) for i in range(3) for j in range(2, 5)], pale=rim)
plots.number_grid(ax, taps, 8, 2, "kernel 3×3", list(np.ndindex(3, 3)), "#FCEBC8")
plots.number_grid(ax, sums, 12, 2, "output 3×3, stride 2", [(0, 1)], hidden=[(2, 2)])
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
# An odd kernel has a centre pixel; with $p=(k-1)/2$, stride 1 and dilation 1 it keeps the size.
# An even one keeps the size only with unequal padding, and then shifts the map by half a pixel: that is why most kernels are odd.
# Pixels that the last window does not reach are dropped without a warning.

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
# A convolution is a matrix: $y = Ax$. Two of them are $A_2(A_1x) = (A_2A_1)\,x$, which is one matrix again; without padding and with stride 1 it is one larger convolution ($2k-1$ wide).
# With strides or mean pooling between them the whole is still linear. So a hundred linear layers are one linear layer.
#
# With a ReLU between them this is no longer so. The same goes for max pooling, which is not linear: $\max(a, b) = a + \mathrm{relu}(b - a)$, that is, a linear map and a ReLU.
# At 0 the ReLU has no derivative; frameworks take 0 there (any number from 0 to 1 is a subgradient).
# Inputs that are exactly 0 are rare, except on an even black background while the biases are still zero.

# %% [markdown]
# ### Pooling
#
# A window slides over each channel by itself and leaves one number: its maximum, or its mean.
# Nothing is learnt, and the number of channels stays.
# The map gets smaller, so the next layers cost less and see more.
# A convolution with stride 2 can do the same job. (LeNet's subsampling of 1998 was mean pooling with one learnt gain and bias for each map.)

# %% [markdown]
# ### The 1×1 convolution
#
# A 1×1 kernel sees a single pixel, but all its channels. It is one small fully connected layer, applied at every pixel with the same weights.
# "Network in Network" (2013) brought it in. It has three uses:
#
# - **Change the number of channels.** $C\to D$ for $CD$ weights, a ninth of a 3×3: the *reductions* of Inception (question 24), ResNet's bottleneck (25), projections.
# - **Mix channels** after a layer that does not: depthwise and grouped convolutions (27, 49).
# - **Add a nonlinearity** without seeing more: VGG-C (23).

# %% [markdown]
# ### The end of the network
#
# A fully connected layer on a map `(C, H, W)` is a convolution whose kernel is as large as the map: reshape its matrix to `(K, C, H, W)` and read the product again.
#
# The other ending is *global average pooling*: each map becomes one number, and one small linear layer follows.
# It needs no flattening and hardly any weights, and the image may have any size.
# "Network in Network" (§3.2) goes further: one map for each class, its mean is the score, and no linear layer follows.
# The paper calls this a regulariser: averaging has no weights that could overfit, and each map has to become evidence for its own class.
#
# The classical networks follow one pattern:
# input → [[conv → relu]·a → pool]·b → fc·c.
# LeNet-5 is $(a,b,c) = (1,2,3)$, with tanh. VGG-16 has five stages with $a = 2,2,3,3,3$, then $c=3$.
# The pattern has no normalisation, no shortcuts, no parallel branches, and no head without fully connected layers. Most networks since 2014 have some of these.

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
    """Five ints -> int, the number of windows; ValueError where not even one fits.

    Padding on both sides; the division is rounded down, so only whole windows count.
    """
    # BEGIN SOLUTION
    span = dilation * (kernel - 1) + 1
    free = n + 2 * padding - span
    if free < 0:
        raise ValueError(f"a kernel that spans {span} pixels does not fit into {n + 2 * padding}")
    return free // stride + 1
    # END SOLUTION

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
    """x (N, C_in, H, W), weight (C_out, C_in, kH, kW), bias (C_out,) or None -> (N, C_out, H', W').

    The kernel is not flipped; zeros on all four sides; only whole windows count.
    ValueError where the kernel does not fit into the padded image.
    """
    # BEGIN SOLUTION
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    # every window of every channel, a view that takes no memory: (N, C_in, H', W', kH, kW)
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    out = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3)))  # (N, H', W', C_out)
    if bias is not None:
        out = out + bias
    return out.transpose(0, 3, 1, 2)
    # END SOLUTION

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
    """x (N, C, H, W) -> (N, C, H', W').

    stride=None means kernel_size; no padding; only whole windows count.
    ValueError where the window does not fit into the map.
    """
    # BEGIN SOLUTION
    stride = kernel_size if stride is None else stride
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(4, 5))
    # END SOLUTION

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
    # BEGIN SOLUTION
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field
    # END SOLUTION

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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(output_size)

# %% tags=["solution"]
common_mistakes(conv2d)

# %% tags=["solution"]
common_mistakes(max_pool2d)

# %% tags=["solution"]
common_mistakes(receptive_field)

# %% [markdown]
# ## Experiments
#
# ### Kernels made by hand
#
# Long before anybody learnt a kernel, people wrote them down. Here are five.
# Add up the numbers of each: what does it give where the image is one even grey?

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

# %% tags=["nbval-ignore-output"]
china, flower = data.photos()
grey = conv2d(china.mean(axis=2)[None, None], np.full((1, 1, 2, 2), 0.25), stride=2)[0, 0]  # half the size
shown = [np.clip(filtered(grey, kernel), 0 if kernel.sum() > 0.5 else -1, 1) for kernel in KERNELS.values()]
plots.images([grey, *shown], "A kernel is a question that is asked at every pixel", titles=["the photograph", *KERNELS], columns=3)
plt.show()

# %% [markdown]
# **Takeaway.** Kernels that sum to 1 keep the picture, kernels that sum to 0 keep only its changes (grey means zero).
# The roof answers to the horizontal kernel, the columns to the vertical one. Sharpening is the picture minus its Laplace.

# %% [markdown]
# ### Your functions run a trained network
#
# torch trains a small CNN on digits of 8×8 pixels: (a, b, c) = (1, 2, 1).
# Then take the weights out and forget torch. The last layer is a `conv2d` as well: its matrix, reshaped to a kernel as large as the map.

# %%
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
images, labels, test_images, test_labels = data.digits(flat=False)
x_train, y_train = torch.tensor(images, dtype=torch.float32), torch.tensor(labels)
x_test, y_test = torch.tensor(test_images, dtype=torch.float32), torch.tensor(test_labels)
DOWN = {
    "max pooling": lambda c: [nn.MaxPool2d(2)],
    "mean pooling": lambda c: [nn.AvgPool2d(2)],
    "stride": lambda c: [nn.Conv2d(c, c, 2, stride=2), nn.ReLU()],
}


def small_cnn(seed, down="max pooling", head="fc"):
    """conv 3×3, relu, down; twice; then flatten and fc, or a 1×1 convolution to ten maps and their global average."""
    torch.manual_seed(seed)
    parts, channels = [], 1
    for width in (12, 24):
        parts += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), *DOWN[down](width)]
        channels = width
    end = [nn.Flatten(), nn.Linear(24 * 4, 10)] if head == "fc" else [nn.Conv2d(24, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, *end)


def train(net, seed, lr=0.05, epochs=8):
    optimiser = torch.optim.Adam(net.parameters())
    order, batches = torch.Generator().manual_seed(seed), math.ceil(len(x_train) / 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * batches)
    for _ in range(epochs):
        for batch in torch.randperm(len(x_train), generator=order).split(128):
            optimiser.zero_grad()
            F.cross_entropy(net(x_train[batch]), y_train[batch]).backward()
            optimiser.step()
            schedule.step()
    return net.eval()


net = train(small_cnn(seed=0), seed=0)
with torch.no_grad():
    print("more than 95 % of the test digits right:", float((net(x_test).argmax(1) == y_test).double().mean()) > 0.95)

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

# %% [markdown] tags=["deeper"]
# ### Deeper: channels, and a kernel of size one
#
# Red minus the mean of green and blue, by a 1×1 kernel: what will be bright?

# %% tags=["nbval-ignore-output", "deeper"]
rgb = flower.transpose(2, 0, 1)[None]  # (1, 3, H, W)
red = conv2d(rgb, np.array([1.0, -0.5, -0.5]).reshape(1, 3, 1, 1))[0, 0]
edges = np.stack([np.repeat(k[None], 3, axis=0) / 3 for k in (sobel, sobel.T)])  # (2, 3, 3, 3): two output channels
across, down = conv2d(rgb, edges)[0]
plots.images([flower, red, np.clip(np.hypot(across, down), 0, 0.8)],
             "A kernel has a slice for each input channel",
             titles=["the photograph", "1×1: red − (green + blue)/2", "3×3 on all channels: edge strength"])
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** A 1×1 convolution looks useless and is not: it mixes channels, pixel by pixel.
# The blurred background has no edges: only what is in focus answers.

# %% [markdown] tags=["deeper"]
# ### Deeper: what the maps look like
#
# One digit, the six strongest maps of each layer. What happens to the resolution, what to the meaning?

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** The first maps are drawings of the digit, each with some strokes missing.
# The last ones are four numbers each: *how much* of something, and in which quarter. They are hard for a human to read.

# %% [markdown] tags=["deeper"]
# ### Deeper: what does it look at? Grad-CAM and activation maximisation
#
# **Grad-CAM** (2017) asks where in *this* image the evidence for a class lies.
# Take the last convolution's maps $A_k$ and the gradient of the class's score with respect to them; average the gradient over the places, $\alpha_k$; show $\mathrm{relu}(\sum_k \alpha_k A_k)$.
#
# **Activation maximisation** asks what *any* image should look like to please the class: start from grey and climb the score's gradient, with a penalty that keeps the pixels small.

# %% tags=["deeper"]
net = net.float()
early, late = net[:5], net[5:]  # up to the ReLU of the second convolution, and the rest


def grad_cam(image):
    """The predicted class and the 4×4 map of evidence for it."""
    maps = early(image).detach().requires_grad_()
    scores = late(maps)[0]
    digit = int(scores.argmax())
    (gradient,) = torch.autograd.grad(scores[digit], maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return digit, F.relu((weights * maps).sum(dim=1))[0].detach()


def dream(digit, steps=80):
    """An 8×8 image that the network takes for the digit."""
    image = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    for _ in range(steps):
        score = net(image)[0, digit] - 2 * image.square().sum()
        (gradient,) = torch.autograd.grad(score, image)
        image = (image + 0.05 * gradient / gradient.abs().max()).clamp(0, 1).detach().requires_grad_()
    return image[0, 0].detach()


shown = [int(np.flatnonzero(test_labels == digit)[0]) for digit in (0, 3, 4, 7)]
cams = [grad_cam(x_test[k : k + 1]) for k in shown]
dreams = [dream(digit) for digit in (0, 3, 4, 7)]
print("the four digits are read as", [digit for digit, _ in cams])

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
fig, axes = plt.subplots(2, 4, figsize=(8.4, 4.4), layout="constrained")
for column, (k, (digit, cam)) in enumerate(zip(shown, cams, strict=True)):
    axes[0, column].imshow(test_images[k, 0], cmap="gray_r")
    heat = F.interpolate(cam[None, None], size=8, mode="bilinear")[0, 0]
    axes[0, column].imshow(heat, cmap="inferno", alpha=0.55)
    axes[0, column].set_title(f"evidence for {digit}", loc="center", fontsize=10)
    axes[1, column].imshow(dreams[column], cmap="gray_r", vmin=0, vmax=1)
    axes[1, column].set_title(f"what pleases {digit}", loc="center", fontsize=10)
for ax in axes.flat:
    ax.axis("off")
fig.suptitle("Above: where the evidence lies in an image. Below: an image made to please the class", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Grad-CAM is coarse, because the last maps are. What pleases a class is only loosely a digit: the network has learnt what tells the classes apart, not what a digit looks like.
# (Where the weighted sum is negative everywhere, Grad-CAM shows nothing; in our run that happened for the 4.)
# Neither proves *why* a network decided. Grad-CAM can reveal that it looked at the background.

# %% [markdown] tags=["deeper"]
# ### Deeper: what a full kernel is good for
#
# A fully connected layer takes maps of 2×2 and nothing else. The convolution that equals it takes any size.
# So give the network a strip of eight digits, 8×64 pixels, and read off a column of ten scores every four pixels.

# %% tags=["deeper"]
rng = np.random.default_rng(4)
chosen = rng.integers(len(test_labels), size=8)
strip = np.concatenate([test_images[k, 0] for k in chosen], axis=1)
scores = run(strip[None, None])["scores"][0, :, 0]
share = np.exp(scores - scores.max(axis=0))
share /= share.sum(axis=0)
read = int((scores[:, ::2].argmax(axis=0) == test_labels[chosen]).sum())
print("scores:", scores.shape, " at least seven of the eight digits read at their own place:", read >= 7)

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
fig, axes = plt.subplots(2, 1, figsize=(8.4, 4.0), height_ratios=[1, 2.2], layout="constrained")
axes[0].imshow(strip, cmap="gray_r", extent=(0, 64, 8, 0), aspect="auto")
axes[0].set(xticks=range(0, 65, 8), yticks=[])
axes[0].grid(False)
shown = axes[1].imshow(share, cmap="cividis", extent=(2, 62, 9.5, -0.5), aspect="auto", vmin=0, vmax=1)
axes[1].set(xlim=(0, 64), xticks=range(0, 65, 8), yticks=range(10), xlabel="place in the strip (pixels)", ylabel="class")
axes[1].grid(False)
fig.colorbar(shown, ax=axes[1], label="softmax share")
fig.suptitle("A dense classifier: one pass, 15 places", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Written as a convolution, the classifier slides over the larger image: neighbouring windows share all the work below.
# It is not quite what cropping would give: inside the strip a window has neighbour pixels where the crop had padding.
# And it is no detector yet: there is no class "nothing", so it finds confident 1s, 7s and 9s *between* the digits.
# The idea is old (LeNet's paper slides it over lines of writing); OverFeat and fully convolutional networks made it a standard.

# %% [markdown] tags=["deeper"]
# ### Deeper: two linear layers are one
#
# Derived above; now the kernel itself. It is a *true* convolution of the two kernels, and your `conv2d` can do that: flip one, pad by $k-1$.

# %% tags=["deeper"]
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

# %% [markdown] tags=["deeper"]
# The last line is a subtle one. Padding cuts the first layer's output off at the border and puts zeros there.
# The whole is still linear, but it is no longer one convolution. Away from the border the two agree as before.

# %% [markdown] tags=["deeper"]
# ### Deeper: dilation, a wide view for few weights
#
# Three layers of three taps, dilation 1, 2, 4, beside dilation 1, 1, 1 and 2, 2, 2.
# Count on how many paths each pixel reaches one output. A dilated kernel is a kernel with zeros in it, so your `conv2d` can count.

# %% tags=["deeper"]
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

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8.6, 2.6), sharey=True, layout="constrained")
for ax, stack in zip(axes, STACKS, strict=True):
    ax.bar(range(-8, 9), path_counts(stack), color=plots.color("right"))
    ax.set(title=f"dilation {', '.join(map(str, stack))}", xlabel="pixel", xticks=range(-8, 9, 4))
axes[0].set_ylabel("paths to the output")
fig.suptitle("Doubling the dilation sees 15 pixels with 9 weights; a constant one leaves holes", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Dilation widens the field without a stride, so the map keeps its size: good for segmentation.
# With dilation 2 in every layer, every second pixel is invisible (the *gridding* artefact).

# %% [markdown] tags=["deeper"]
# ### Deeper: the receptive field, on the photograph
#
# VGG-16's thirteen convolutions and four of its poolings, with random weights and few channels.
# Your `receptive_field` says how wide the box is in which a pixel *can* reach one unit of the last layer.
# The gradient of that unit says how much it *does*. Do you expect the box to be filled?

# %% tags=["deeper"]
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
for seed in range(3):
    torch.manual_seed(seed)
    deep, deep_layers = vgg_shape()
    energies.append(gradient_energy(deep, crop, seed))
box = receptive_field(deep_layers)
print("the theoretical field is", box, "pixels wide")

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
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
fig.suptitle("VGG-16's layers with random weights: the middle counts, the rim hardly at all", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The box is what *could* matter. With random weights, the gradient is a blob in its middle.

# %% [markdown] tags=["deeper"]
# ### Deeper: time and memory, why im2col wins
#
# One layer, 16 channels to 32, 28×28 pixels, 3.6 million multiply-adds, in three ways:
# four Python loops with a NumPy sum inside; *im2col*, which copies every window into a row of a matrix `(N·H'·W', C·k²)` and makes one matrix product; and torch's.

# %% tags=["deeper"]
def padded_windows(x, kernel, padding):
    """(N, H', W', C, k, k): every window of the padded image, as a view."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)


def four_loops(x, weight, padding):
    windows = padded_windows(x, weight.shape[2], padding)
    out = np.zeros((len(x), len(weight), *windows.shape[1:3]))
    for n, o, i, j in np.ndindex(out.shape):
        out[n, o, i, j] = np.sum(windows[n, i, j] * weight[o])
    return out


def im2col(x, weight, padding):
    windows = padded_windows(x, weight.shape[2], padding)
    matrix = windows.reshape(math.prod(windows.shape[:3]), -1)  # here the copy is made
    return (matrix @ weight.reshape(len(weight), -1).T).reshape(*windows.shape[:3], -1).transpose(0, 3, 1, 2)


def best_time(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


x, weight = rng.normal(size=(1, 16, 28, 28)), rng.normal(size=(32, 16, 3, 3))
their_x, their_weight = torch.tensor(x), torch.tensor(weight)
right = F.conv2d(their_x, their_weight, padding=1).numpy()
print("all equal to torch's:", all(np.allclose(method(x, weight, 1), right) for method in (four_loops, im2col)))
multiply_adds = 32 * 28 * 28 * 16 * 9
seconds = {"four loops": best_time(lambda: four_loops(x, weight, 1), 2), "im2col": best_time(lambda: im2col(x, weight, 1), 15),
           "torch": best_time(lambda: F.conv2d(their_x, their_weight, padding=1), 15)}

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
rates = {name: multiply_adds / value / 1e9 for name, value in seconds.items()}
ax = plots.bars(rates, "billion multiply-adds per second (log)", "The same arithmetic, in a better order: im2col makes one matrix product of it", number="{:.2g}")
ax.set_xscale("log")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** All three do the same multiply-adds. The loops pay the interpreter for each output.
# A matrix product uses the processor's vector units, and keeps blocks of both matrices in registers and cache, so that each number is fetched once and used many times.
# The price is memory: nine copies of the input for a 3×3. For VGG-16's second layer, 64 channels of 224×224 in float32, a map of 13 MB becomes a matrix of 116 MB.
# So libraries make a few rows at a time while multiplying (*implicit* matrix product), or go through the Fourier transform for large kernels,
# or use Winograd's method, which computes a 2×2 tile of a 3×3 convolution with 16 multiplications instead of 36, by adding and subtracting inputs first.

# %% [markdown]
# ## Folklore on trial
#
# ### "Convolution in frameworks is convolution"

# %%
trial(
    "what frameworks call convolution is convolution",
    published=[published("torch's documentation, nn.Conv2d", "its operator is named the valid 2D cross-correlation", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# Nothing is flipped. For training the difference has no effect: the net simply learns the kernel turned round.
# It matters when you bring a kernel from a book, and in the backward pass, where the flip is real (question 21).

# %% [markdown]
# ### "Pooling makes a CNN invariant to translation"
#
# Random kernels and digits on a wide black canvas; move the image to the right. Do the pooled features stay as they are?

# %%
wide = np.pad(test_images[:30], ((0, 0), (0, 0), (12, 12), (12, 12)))  # (30, 1, 32, 32)


def unmoved(pooling, stages, shift, seed):
    """Do the features stay as they are, to rounding, when the image moves right by `shift`? Each stage halves the map."""
    draw = np.random.default_rng(seed)
    first, second = draw.normal(size=(8, 1, 3, 3)), draw.normal(size=(8, 8, 3, 3))

    def features(x):
        for kernel in (first, second)[:stages]:
            x = max_pool2d(relu(conv2d(x, kernel, padding=1)), 2)
        return x.max(axis=(2, 3)) if pooling == "global" else x

    return np.allclose(features(wide), features(np.roll(wide, shift, axis=3)), atol=1e-9)


trial(
    "pooling makes the features invariant to translation",
    unmoved,
    over=settings(pooling=["local", "global"], stages=[1, 2], shift=[1, 2, 4], seed=0),
    held_out=settings(pooling=["local", "global"], stages=[1, 2], shift=[1, 2, 3, 4, 6], seed=[3, 4]),
    only_if=("the last pooling is global and the shift a multiple of the strides before the last convolution", lambda pooling, stages, shift: pooling == "global" and shift % 2 ** (stages - 1) == 0),
    expect="holds only if the last pooling is global and the shift a multiple of the strides before the last convolution",
)

# %% [markdown]
# The last local pooling's stride does not count, because a global maximum absorbs the local maximum just before it. A global mean would not absorb it.
# A local pooling makes the map *move less*: two pixels become one. That is equivariance at a coarser scale (for shifts by multiples of the stride), not invariance.
# Say instead: *convolution is equivariant, local pooling makes features change less under small shifts, and only a global pooling makes them invariant, for shifts that fit the strides and away from the border.*
# Shifted training images teach the rest, for shifts of the kind that they contain.

# %% [markdown]
# ### "A CNN needs pooling layers, and fully connected layers to classify"
#
# On digits: exchange the max pooling for a stride, and the fully connected end for a 1×1 convolution to ten maps and their global average.
# (That average *is* a pooling, and on one pixel a 1×1 convolution is a fully connected layer. So what is tried is: no *local* pooling and no *hidden* or flattening fully connected layer.)
# Three learning rates each, the best one counts; three seeds.

# %%
def test_accuracy(down, head, lr, seed):
    net = train(small_cnn(seed, down, head), seed, lr)
    with torch.no_grad():
        return float((net(x_test).argmax(1) == y_test).double().mean())


VARIANTS = [("max pooling", "fc"), ("mean pooling", "fc"), ("stride", "fc"), ("max pooling", "average"), ("stride", "average")]
RATES = (0.01, 0.03, 0.1)
accuracy_of = evidence(
    "cnn_without_pooling", test_accuracy,
    [dict(down=down, head=head, lr=lr, seed=seed) for down, head in VARIANTS for lr in RATES for seed in range(3)],
    atol=0.03,
)
accuracy_of

# %%
def best(down, head, seed):
    """The accuracy at the rate that is best for this variant in the mean of the seeds."""
    rate = max(RATES, key=lambda lr: sum(accuracy_of(down=down, head=head, lr=lr, seed=s) for s in range(3)))
    return accuracy_of(down=down, head=head, lr=rate, seed=seed)


for down, head in VARIANTS:
    print(f"{down:13} {head:8} {[f'{best(down, head, seed):.1%}' for seed in range(3)]}")

trial(
    "without local pooling, or without a fully connected end, a CNN loses much (here: 3 or 5 points)",
    lambda down, head, seed: tuple(best("max pooling", "fc", seed) - best(down, head, seed) >= points for points in (0.03, 0.05)),
    over=[dict(down=down, head=head, seed=seed) for down, head in VARIANTS[2:] for seed in range(3)],
    published=[
        published("Springenberg et al. 2015, abstract", "max pooling replaced by a convolution of larger stride, with no loss of accuracy on several benchmarks", holds=False),
        published("He et al. 2016 (Identity mappings), table 4, which compares two different nets", "All-CNN, strides and a global average: 7.25 % on CIFAR-10; Network in Network with max pooling: 8.81 %", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# On these digits the replacements cost one to two points in the mean of the seeds.
# So local pooling is a convention, not a need: ImageNet's ResNets have one max pooling, in the stem, and a global average.
# Where the weights and the work of the fully connected layers are: question 23.

# %% [markdown] tags=["deeper"]
# ### Deeper: "a unit's receptive field is what the formula says"
#
# Then the gradient would fill the box: a square with 90 % of its energy would have at least nine tenths of the box's side.
# Random nets of 3×3 convolutions with ReLUs, one unit of the last layer.

# %% tags=["deeper"]
def gradient_energy(depth, seed, width=12):
    """The squared gradient of one unit with respect to the pixels that it can see (side, side), summing to 1."""
    torch.manual_seed(seed)
    parts = [part for _ in range(depth) for part in (nn.Conv2d(width, width, 3, bias=False), nn.ReLU())]
    net = nn.Sequential(*parts)
    for part in net[::2]:
        nn.init.kaiming_normal_(part.weight)
    side = receptive_field([(3, 1)] * depth)
    x = torch.randn(1, width, side, side, requires_grad=True)
    (net(x)[0, :, 0, 0] * torch.randn(width)).sum().backward()
    energy = x.grad[0].double().square().sum(dim=0).numpy()
    return energy / energy.sum()


def filled_share(depth, seed):
    """The side of the centred square with 90 % of the energy, as a share of the box's."""
    energy = gradient_energy(depth, seed)
    rows, columns = np.indices(energy.shape) - depth
    inside = np.cumsum(np.bincount(np.maximum(abs(rows), abs(columns)).ravel(), weights=energy.ravel()))
    return (2 * int(np.searchsorted(inside, 0.9)) + 1) / len(energy)


print({depth: f"{np.median([filled_share(depth, seed) for seed in range(3)]):.0%}" for depth in (1, 2, 4, 8, 16, 32)})
trial(
    "the effective receptive field is the theoretical one (90 % of the energy need 0.9 of the side)",
    lambda depth, seed: filled_share(depth, seed) >= 0.9,
    over=settings(depth=[4, 8, 16, 32], seed=range(3)),
    control=dict(depth=1, seed=0),
    published=[published("Luo et al. 2016", "the effective receptive field is a Gaussian in the middle that takes up only a fraction of the theoretical one", holds=False)],
    expect="does not hold",
)

# %% [markdown] tags=["deeper"]
# One or two layers fill their box; then the share falls about like $1/\sqrt L$.
# A corner of the box is reached on a single path, the middle on very many. With random weights each layer spreads the squared gradient on average evenly over nine neighbours, and a sum of $L$ random steps is a bell of width $\sqrt L$ in a box of width $2L+1$.
# Say instead: *the formula bounds what a unit can see; at initialisation, what moves it is a bell in the middle.* Luo et al. found that training widens it.

# %% [markdown]
# ## Answer in 30 seconds
#
# "One fully connected layer of 4096 units on a 224×224 photo needs 617 million weights, a 3×3 convolution to 64 maps 1,792.
# Convolution sees small windows with the same weights everywhere, so shifting the input shifts the map.
# Activations keep the stack from collapsing into one linear map.
# Pooling or strides make maps coarser, so later layers see more.
# A global average and one linear layer give the scores.
# Shall I compute a receptive field?"
#
# ### 三十秒回答
#
# "224×224 的照片接一个 4096 单元的全连接层要 6 亿多个权重,一个输出 64 通道的 3×3 卷积只要 1792 个。
# 卷积只看小窗口,处处共享权重,所以输入平移,特征图也跟着平移。
# 激活函数让多层不会退化成一个线性映射。
# 池化或步长把特征图变小,后面的层看得更广。
# 最后全局平均加一个线性层给出分数。
# 要我算一下感受野吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - The assumptions: what belongs together is close together, and a pattern means the same everywhere. Hence local windows and shared weights.
# - Convolution: each output channel is a sum over *all* input channels and all taps, plus a bias: $C_{out}(C_{in}k^2+1)$ weights, times $H'W'$ multiply-adds. Frameworks correlate; nothing is flipped.
# - Size: count the windows, $\lfloor (n+2p-d(k-1)-1)/s\rfloor+1$.
# - Activation: without a nonlinearity two layers collapse to one. ReLU is cheap and does not saturate for positive inputs; for negative ones it is flat, and a unit can die.
# - Pooling: max asks "is it anywhere here", mean "how much". Nothing to learn. Maximum is itself nonlinear, $\max(a,b) = a + \mathrm{relu}(b-a)$. It makes features change less under small shifts; it does not make them invariant. A stride can replace it.
# - 1×1 convolution: changes the number of channels, pixel by pixel. Global average pooling: no weights, any image size.
# - Fully connected: the same as a convolution with a full kernel; so a classifier can slide over a larger image. It holds 124 of VGG-16's 138 million weights and under one percent of its work.
# - The pattern: [[conv, relu]·a, pool]·b, fc·c. LeNet is (1, 2, 3). Later networks add normalisation, shortcuts and branches, and end in global average pooling.
# - Receptive field: add $(k-1)$ times the product of earlier strides. The effective field is smaller: at initialisation a bell in the middle.
# - Implementation: windows into a matrix, one matrix product; nine times the memory for a 3×3, no fewer operations, but in a far better order.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why does each output channel sum over all input channels?</summary>
#
# Because a pattern may be a combination: a corner is a horizontal edge *and* a vertical one.
# If each channel is filtered alone, it is a depthwise convolution: $C\,k^2$ weights instead of $C^2k^2$.
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
# <details><summary>Max or mean pooling?</summary>
#
# Max keeps a strong answer even if it covers one pixel only: good for edges and other sparse features, and its gradient goes to the winner alone.
# Mean keeps the total: good at the very end, where it is global, and for smooth quantities.
# With ReLU maps that are mostly zero, a mean over 2×2 dilutes.
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
# <details><summary>How do you see what a CNN looks at?</summary>
#
# Grad-CAM: weight the last maps by the mean gradient of the class's score, add them up, rectify; it shows where the evidence lies.
# Activation maximisation: climb the score's gradient with respect to the image; it shows what pleases the class.
# Occlusion: cover parts of the image and watch the score. The deeper part of the experiments draws the first two.
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
# With three taps, rates that start with 1 and grow, such as 1, 2, 4 or 1, 2, 5, leave none.
#
# </details>
#
# <details><summary>How does one enlarge the receptive field?</summary>
#
# Earlier strides or pooling (multiplies), dilation (multiplies, keeps the size), larger kernels or more layers (adds).
# At initialisation the effective one grows about like the square root of the number of layers, so stride and dilation help more than depth.
# Attention and global pooling see everything at once.
#
# </details>
#
# <details><summary>When is im2col the wrong choice?</summary>
#
# For 1×1 kernels: the image is the matrix already. For depthwise convolutions: the product is too thin to be efficient.
# For large kernels: $k^2$ copies; Fourier is cheaper there. For 3×3 at stride 1 Winograd's method needs 2.25 times fewer multiplications with 2×2 output tiles.
# And where memory is short: the implicit form.
#
# </details>
#
# <details><summary>Is "how the layers connect" the only difference to a fully connected net?</summary>
#
# No. Connections are local, *and* weights are shared.
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
# - M. Lin, Q. Chen, S. Yan. *Network In Network.* ICLR 2014: 1×1 convolutions, and §3.2: global average pooling instead of fully connected layers.
# - K. Simonyan, A. Zisserman. *Very Deep Convolutional Networks for Large-Scale Image Recognition.* ICLR 2015.
# - P. Sermanet et al. *OverFeat.* ICLR 2014; J. Long, E. Shelhamer, T. Darrell. *Fully Convolutional Networks for Semantic Segmentation.* CVPR 2015: fully connected layers as convolutions.
# - J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller. *Striving for Simplicity: The All Convolutional Net.* ICLR 2015 workshop: strides instead of pooling.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. *Understanding the Effective Receptive Field in Deep Convolutional Neural Networks.* NIPS 2016.
# - F. Yu, V. Koltun. *Multi-Scale Context Aggregation by Dilated Convolutions.* ICLR 2016.
# - V. Dumoulin, F. Visin. *A Guide to Convolution Arithmetic for Deep Learning.* 2016: all the size formulas, drawn.
# - A. Lavin, S. Gray. *Fast Algorithms for Convolutional Neural Networks.* CVPR 2016: Winograd's method for 3×3.
