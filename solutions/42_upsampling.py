# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 42 · Transposed convolution, dilation, pixel shuffle, bilinear: sizes, weights and the checkerboard
#
# *反卷积的输出尺寸?棋盘效应从哪里来?空洞卷积的感受野?*

# %% [markdown]
# ## Question
#
# "Your decoder has to come back from a 7 × 7 map to the full image.
# Which ways are there to enlarge a map, and how large does a transposed convolution's output become?
# Where does the checkerboard in generated images come from?
# And could dilation have spared you the way back?"
#
# "解码器要把 7×7 的特征图恢复到原图大小,有哪些上采样方法?转置卷积的输出尺寸怎么算?生成图像里的棋盘格从哪里来?空洞卷积能不能避免下采样再上采样?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The size formula**, solved from the convolution's own, and what `output_padding` is for.
# - **Two pictures of one operation**: each pixel puts a kernel down; or zeros between the pixels, then a convolution with the flipped kernel.
# - **It is the transpose, not the inverse.**
# - **The checkerboard**: uneven overlap where the stride does not divide the kernel, *and* sub-kernels that need not agree where it does.
# - **Conventions**: half-pixel centres against aligned corners; the order of channels in pixel shuffle.
# - **Dilation's price**: memory at full resolution, and holes in the field.

# %% [markdown]
# ## The idea
#
# **Transposed convolution.** A convolution is a matrix $C$ between pixels. Its transpose $C^\top$ goes from the small map back to the large one; it is also the convolution's backward pass (question 21).
# In pixels: input pixel $(i,j)$ puts the kernel, times its value, down at $(s\,i,s\,j)$, and overlaps add up. Then `padding` is *cut off* at every side.
# The first kernel starts at 0 and the last one ends at $(n-1)s+d(k-1)+1$, so
#
# $$
# n_{\text{out}}=(n-1)\,s-2p+d\,(k-1)+\text{output padding}+1 .
# $$
#
# A convolution with kernel 3, stride 2 and padding 1 takes 13 and 14 pixels both to 7. Going back, `output_padding` says which of the two was meant.

# %% [markdown]
# **The checkerboard.** Count the kernels that cover one output pixel, along one axis: for $k=3$, $s=2$ it is 1, 2, 1, 2, … In two dimensions 1, 2 and 4, a checkerboard (Odena et al. 2016).
# If $s$ divides $k$, each pixel is covered $k/s$ times, along each axis.
# But look at the weights: output pixels at the same place within a block of $s\times s$ use the same weights, and pixels at different places use *disjoint* ones.
# So it is $s^2$ small convolutions side by side, and nothing forces them to answer alike. Even with equal coverage random or badly learnt weights make a pattern.
#
# **Pixel shuffle** (Shi et al. 2016) makes these small convolutions explicit: compute $r^2$ channels with an ordinary convolution and lay them out as blocks of $r\times r$.
#
# **Resize, then convolve.** Enlarge by nearest or bilinear interpolation, then convolve with stride 1: the same weights everywhere, so no pattern of period $s$ for a constant input.

# %% [markdown]
# **Bilinear resizing.** Pixels are squares, and their centres lie half a pixel inside. So the centre of output pixel $i$ lies, as an index of the input, at
#
# $$
# x_i=\big(i+\tfrac12\big)\frac{n_{\text{in}}}{n_{\text{out}}}-\tfrac12 ,\qquad\text{clamped to } [0,\,n_{\text{in}}-1].
# $$
#
# `align_corners=True` is another convention: corner centres onto corner centres, $x_i=i\,\frac{n_{\text{in}}-1}{n_{\text{out}}-1}$.
#
# **Dilation** spreads the kernel's taps $d$ pixels apart, so that it spans $d(k-1)+1$. With $J$ the product of the strides *before* a layer, each layer adds to the receptive field
#
# $$
# r\leftarrow r+d\,(k-1)\,J,\qquad J\leftarrow J\,s,\qquad r_0=J_0=1 .
# $$
#
# Dilation adds no weights. In place of a stride it keeps the resolution, and with it the cost in memory. And not every pixel within the field need be seen.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the size


# %%
def conv_transpose_size(n, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """The output's length (an int) of a transposed convolution over n pixels, along one axis, as torch has it.

    padding is cut off at both ends, output_padding is added once, a dilated kernel spans dilation·(kernel − 1) + 1.
    """
    # BEGIN SOLUTION
    return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    # END SOLUTION


# %%
check(conv_transpose_size)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: where is the last kernel?</summary>
#
# The last pixel has index n − 1 and puts its kernel down at (n − 1)·stride. How far does a kernel reach from there?
#
# </details>

# %% [markdown]
# ### Exercise 2: the transposed convolution


# %%
def conv_transpose2d(x, weight, stride=1, padding=0):
    """Transposed convolution without bias, as torch: (N, C_out, H', W').

    x (N, C_in, H, W); weight (C_in, C_out, kH, kW): the first axis is summed against x's channels.
    Pixel (i, j) puts weight, not flipped, down at (stride·i, stride·j); overlaps add up; then padding rows and
    columns are cut off at every side: H' = (H − 1)·stride + kH − 2·padding.
    """
    # BEGIN SOLUTION
    n, _, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    out = np.zeros((n, c_out, (h - 1) * stride + kh, (w - 1) * stride + kw))
    for u in range(kh):
        for v in range(kw):
            plane = np.einsum("nchw,cd->ndhw", x, weight[:, :, u, v])
            out[:, :, u : u + (h - 1) * stride + 1 : stride, v : v + (w - 1) * stride + 1 : stride] += plane
    return out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]
    # END SOLUTION


# %%
check(conv_transpose2d)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: loop over the pixels, or over the kernel</summary>
#
# For each pixel add its kernel to a window of the output. Or, faster: for each tap (u, v) of the kernel add the whole map, times that tap, to every stride-th pixel from (u, v) on.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the channels, and the crop</summary>
#
# One tap is a matrix (C_in, C_out): `np.einsum("nchw,cd->ndhw", …)`. Cut off with `out[p : size − p]`, for `out[p:-p]` is empty when p = 0.
#
# </details>

# %% [markdown]
# ### Exercise 3: pixel shuffle


# %%
def pixel_shuffle(x, factor):
    """(N, C, H, W) -> (N, C/r², H·r, W·r) with r = factor, in torch's order of channels.

    Channel c·r² + i·r + j at (h, w) goes to channel c at (h·r + i, w·r + j).
    ValueError where r² does not divide C.
    """
    # BEGIN SOLUTION
    n, c, h, w = x.shape
    if c % factor**2:
        raise ValueError(f"{factor}² does not divide {c} channels")
    blocks = x.reshape(n, c // factor**2, factor, factor, h, w)  # n, c, i, j, h, w
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(n, c // factor**2, h * factor, w * factor)
    # END SOLUTION


# %%
check(pixel_shuffle)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: split, transpose, merge</summary>
#
# Split the channels into (C/r², r, r). Then move i behind h and j behind w, and merge each pair.
#
# </details>

# %% [markdown]
# ### Exercise 4: bilinear resizing


# %%
def bilinear_resize(image, height, width):
    """(H, W) -> (height, width) by bilinear interpolation with half-pixel centres (torch's align_corners=False).

    Coordinates beyond the first and last centre are clamped. Plain interpolation between two neighbours along each
    axis, also where the image shrinks: no antialiasing.
    """
    # BEGIN SOLUTION
    def neighbours(n_out, n_in):
        place = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
        first = np.floor(place).astype(int)
        return first, np.minimum(first + 1, n_in - 1), place - first

    top, bottom, v = neighbours(height, image.shape[0])
    left, right, u = neighbours(width, image.shape[1])
    rows = image[top] * (1 - v[:, None]) + image[bottom] * v[:, None]
    return rows[:, left] * (1 - u) + rows[:, right] * u
    # END SOLUTION


# %%
check(bilinear_resize)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one axis, twice</summary>
#
# Interpolation along rows and interpolation along columns are independent. Write the neighbours and the share for one axis, use it for both.
#
# </details>

# %% [markdown]
# ### Exercise 5: the field of dilated layers


# %%
def dilated_receptive_field(layers):
    """The receptive field (an int, along one axis) of one output behind layers, a list of (kernel, stride, dilation).

    The first layer stands nearest to the input. Without layers it is 1.
    """
    # BEGIN SOLUTION
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * jump
        jump *= stride
    return field
    # END SOLUTION


# %%
check(dilated_receptive_field)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the jump</summary>
#
# Two neighbours in a layer's input lie *jump* pixels apart in the image. Only strides enlarge the jump, and only for the layers that follow.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(conv_transpose2d)

# %% tags=["solution"]
common_mistakes(bilinear_resize)

# %% [markdown]
# ## Experiments
#
# ### The checkerboard out of nothing
#
# Input: a constant map. Above, kernels whose weights are all equal; below, random weights with mean one half.
# In which of the six do you expect a pattern?

# %%
rng = np.random.default_rng(0)
flat = np.ones((1, 1, 9, 9))
pictures = {}
for name in ("equal", "random"):
    for kernel in (2, 3, 4):
        weight = np.full((1, 1, kernel, kernel), 0.5) if name == "equal" else rng.uniform(0, 1, (1, 1, kernel, kernel))
        pictures[name, kernel] = conv_transpose2d(flat, weight, stride=2)[0, 0, 4:14, 4:14]

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 3, figsize=(8, 5.4), layout="constrained")
for ax, ((name, kernel), picture) in zip(axes.flat, pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1.3 * picture.max())
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.set_title(f"kernel {kernel}, stride 2, {name} weights", fontsize=10, loc="center")
fig.suptitle("A stride that divides the kernel is not enough: the weights must agree too", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** With equal weights only kernel 3 has a pattern: uneven overlap.
# With random weights all three have one, of period 2: four sub-kernels with four different sums.
# Where the stride divides the kernel, a network *can* learn sub-kernels that agree; with kernel 3 it would have to make up for the overlap as well.

# %% [markdown]
# ### What a dilated stack really sees
#
# Three 3 × 3 layers, so 27 weights for a channel. Count for every input pixel by how many paths it reaches the output.


# %%
def paths(dilations, half=13):
    """How many paths lead from each input pixel to one output, along one axis."""
    reach = np.zeros(2 * half + 1)
    reach[half] = 1
    for d in dilations:
        reach = sum(np.roll(reach, step) for step in (-d, 0, d))
    return reach


stacks = {"1, 1, 1": (1, 1, 1), "2, 2, 2": (2, 2, 2), "1, 2, 3": (1, 2, 3), "1, 2, 9": (1, 2, 9)}
for name, dilations in stacks.items():
    field = dilated_receptive_field([(3, 1, d) for d in dilations])
    seen = np.count_nonzero(paths(dilations)) ** 2
    print(f"dilations {name}: field {field} × {field}, {seen} of {field**2} pixels seen ({seen / field**2:.0%})")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(9.4, 2.8), layout="constrained")
for ax, (name, dilations) in zip(axes, stacks.items(), strict=True):
    grid = np.outer(paths(dilations), paths(dilations))
    ax.imshow(np.where(grid > 0, np.sqrt(grid), np.nan), cmap="viridis")
    ax.set_facecolor("#EEEEEE")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.set_title(f"dilations {name}", fontsize=10, loc="center")
fig.suptitle("2, 2, 2 sees a grid; 1, 2, 3 fills its field; 1, 2, 9 leaves gaps (grey: never seen)", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** With 2, 2, 2 seven tenths of the field are not seen, and the outputs fall into four groups that look at four separate grids: *gridding*.
# With 3 × 3 kernels the field is filled if no dilation is larger than the field of the smaller ones together: 1, 2, 3 passes, and 9 is more than the 7 of 1 and 2, so 1, 2, 9 leaves gaps again.

# %% [markdown] tags=["deeper"]
# ### Deeper: pixel shuffle after a convolution is a transposed convolution
#
# A convolution to $r^2$ channels and a shuffle is a transposed convolution with stride $r$ whose kernel is $r$ times as large. Here for 1 × 1 convolutions, so kernel = stride.

# %% tags=["deeper"]
x = rng.normal(size=(2, 3, 4, 5))
weight = rng.normal(size=(3, 2, 2, 2))
wide = np.einsum("nchw,cduv->nduvhw", x, weight).reshape(2, 8, 4, 5)  # 1 × 1 convolution to 2·2² channels
print("the same numbers:", np.allclose(pixel_shuffle(wide, 2), conv_transpose2d(x, weight, stride=2)))

# %% [markdown] tags=["deeper"]
# So pixel shuffle has the same freedom, and the same checkerboard when it starts at random.
# ICNR (Aitken et al. 2017) starts all $r^2$ sub-kernels equal: then the first output is a nearest-neighbour enlargement, without a pattern.

# %% [markdown]
# ## Folklore on trial
#
# ### "A transposed convolution is the inverse of the convolution"
#
# Take $C$ with random weights, as many outputs as inputs (stride² filters), and see what $C^\top C\,x$ has to do with $x$, at its best scale.
# The control uses orthonormal filters of 2 × 2 with stride 2.


# %%
def forward(x, weight, stride):
    """The convolution whose transpose conv_transpose2d is: weight (C_small, C_large, k, k)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ndhwkl,cdkl->nchw", windows, weight)


def comes_back(kernel, stride, seed, filters="random"):
    """The part of x that is missing after C and its transpose, at the best scale."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(stride**2, 1, kernel, kernel))
    if filters == "orthonormal":
        weight = np.linalg.qr(weight.reshape(stride**2, -1))[0].reshape(weight.shape)
    size = kernel + 6 * stride
    x = rng.normal(size=(1, 1, size, size))
    back = conv_transpose2d(forward(x, weight, stride), weight, stride)
    back = back * np.sum(back * x) / np.sum(back * back)
    return np.linalg.norm(back - x) / np.linalg.norm(x)


trial(
    "the transposed convolution brings the input back (1 % missing; 10 %)",
    lambda kernel, stride, seed, filters: tuple(comes_back(kernel, stride, seed, filters) < part for part in (0.01, 0.1)),
    over=settings(kernel=[2, 3, 4], stride=[1, 2], seed=range(3), filters="random"),
    control=dict(kernel=2, stride=2, seed=0, filters="orthonormal"),
    expect="does not hold",
)

# %% [markdown]
# It brings back the *shape*. What always holds is $\langle Cx,y\rangle=\langle x,C^\top y\rangle$: the definition of a transpose.
# It is an inverse only if $C^\top C=I$, as for the orthonormal filters of the control or of a wavelet. Hence the name "deconvolution" is a bad one.

# %%
weight, x = rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(1, 2, 9, 9))
y = rng.normal(size=(1, 3, 4, 4))
print(f"⟨Cx, y⟩ = {np.sum(forward(x, weight, 2) * y):.4f}   ⟨x, Cᵀy⟩ = {np.sum(x * conv_transpose2d(y, weight, 2)):.4f}")

# %% [markdown]
# ### "Choose a kernel that the stride divides, and the checkerboard is gone"
#
# It is one of the remedies in Odena et al. 2016, for the overlap. We measure the pattern that is left on a constant input at random initial weights, 16 channels in: the spread of the output over a block of stride × stride, relative to its size.
# The control has equal weights.


# %%
def unevenness(kernel, stride, weights, seed, channels=16):
    rng = np.random.default_rng(seed)
    if weights == "equal":
        weight = np.ones((channels, 1, kernel, kernel))
    else:
        weight = rng.normal(0, np.sqrt(2 / (channels * kernel**2)), (channels, 1, kernel, kernel))
    flat = np.abs(rng.normal(size=(1, channels, 1, 1))) + np.zeros((1, channels, 8, 8))
    inside = conv_transpose2d(flat, weight, stride)[0, 0, kernel : kernel + stride, kernel : kernel + stride]
    return inside.std() / np.sqrt(np.mean(inside**2))


trial(
    "with a kernel that the stride divides there is no checkerboard (spread below 5 %; 20 %)",
    lambda kernel, stride, weights, seed: tuple(unevenness(kernel, stride, weights, seed) < part for part in (0.05, 0.2)),
    over=[*settings(kernel=[2, 4, 6], stride=2, weights="random", seed=range(5)), *settings(kernel=[3, 6], stride=3, weights="random", seed=range(5))],
    control=settings(kernel=[4, 6], stride=2, weights="equal", seed=[0]),
    expect="does not hold",
)

# %% [markdown]
# Such a kernel removes *one* cause, the uneven overlap. Aitken et al. 2017 name random initialisation as another, and Odena et al. found a third: the gradient of strided convolutions and max pooling can have the same pattern.
# This is the pattern at the start of training; how much of it is left at the end, we did not measure.
# Say: *resize-convolution, or a kernel that the stride divides, started with equal sub-kernels.*
#
# ### "Dilation enlarges the receptive field for free"
#
# It costs no weights. Does it cost accuracy? That depends on the task, so we take one where the near pixels matter: predict a pixel of a photograph from noisy pixels around it.
# Both sides get the best linear predictor (least squares) from 7 × 7 taps, the centre left out, next to each other or $d$ pixels apart.


# %%
greys = [photo.mean(axis=2) for photo in data.photos()]


def prediction_error(dilation, noise, photo, seed, n=1500):
    """Test error of the best linear predictor of a clean pixel from noisy taps that are `dilation` apart."""
    rng = np.random.default_rng(seed)
    grey = greys[photo]
    centres = rng.integers(20, [grey.shape[0] - 20, grey.shape[1] - 20], (2 * n, 2))
    steps = dilation * np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4) if i or j])
    places = centres[:, None] + steps
    taps = grey[places[..., 0], places[..., 1]] + rng.normal(0, noise, places.shape[:2])
    taps, truth = np.column_stack([taps, np.ones(2 * n)]), grey[tuple(centres.T)]
    best = np.linalg.lstsq(taps[:n], truth[:n], rcond=None)[0]
    return np.sqrt(np.mean((taps[n:] @ best - truth[n:]) ** 2))


trial(
    "for a local task the same number of dilated weights does as well (within 1 %; within 5 %)",
    lambda dilation, noise, photo: tuple(
        prediction_error(dilation, noise, photo, 0) < slack * prediction_error(1, noise, photo, 0) for slack in (1.01, 1.05)),
    over=settings(dilation=[2, 3, 4], noise=[0.02, 0.1, 0.3], photo=[0, 1]),
    control=dict(dilation=2, noise=6.0, photo=1),
    expect="does not hold",
)

# %% [markdown]
# Near pixels say most about a pixel, and dilation skips them. Under overwhelming noise, as in the control, far ones do about as well.
# The verdict is about such a local task and no other. Semantic labels of large objects need the field, and DeepLab uses dilation for that, beside dense layers and with several rates at once.
# Dilation in place of a stride has another price: all later maps keep the larger size.

# %% [markdown]
# ## Answer in 30 seconds
#
# "A transposed convolution puts a kernel down for each pixel, stride apart: the size is (n − 1)s − 2p + d(k − 1) + output padding + 1. It is the transpose, not the inverse.
# Checkerboards come from uneven overlap when the stride does not divide the kernel, and from sub-kernels that disagree.
# Safer is resizing and then convolving. Dilation enlarges the field without more weights, but skips pixels.
# Shall I draw the overlap?"
#
# ### 三十秒回答
#
# "转置卷积让每个像素按步长放下一个核并相加,尺寸是 (n−1)s−2p+d(k−1)+output_padding+1;它是转置,不是逆。棋盘格有两个来源:步长不整除核时重叠不均,以及各相位的子核不一致。更稳妥的是先插值放大再卷积。空洞卷积不加参数就扩大感受野,但会跳过像素(网格效应)。要我画一下重叠吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - List the ways: nearest or bilinear and a convolution, transposed convolution, pixel shuffle, unpooling with stored indices.
# - Derive the size from the last kernel's place. Example: kernel 4, stride 2, padding 1 doubles exactly; kernel 2, stride 2 is U-Net's.
# - Two pictures: scatter, or zeros inserted (stride − 1 between pixels) and correlation with the flipped kernel, padded by $k-1-p$.
# - Coverage 1, 2, 1, 2 for kernel 3 and stride 2; squared in two dimensions.
# - Phases: $s^2$ sub-kernels. Equal coverage does not make them equal. ICNR does, at the start.
# - Half-pixel centres against aligned corners: mixing the two shifts a map by up to half a pixel of the small map.
# - Dilation: span $d(k-1)+1$, field with jumps, gridding, rates without gaps.
# - What I take: bilinear and 3 × 3 for dense prediction; pixel shuffle for super-resolution, because all the work is done at low resolution.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What does resize-convolution cost?</summary>
#
# The convolution runs at the high resolution: $s^2$ times the work of the same kernel at the low one. Nearest keeps edges and bilinear is smoother; Odena et al. found nearest to work best for them.
# It ties the weights of neighbouring output pixels and so discourages high frequencies (Odena et al. 2016). That helps against the checkerboard, and can hurt fine detail.
#
# </details>
#
# <details><summary>What is ASPP?</summary>
#
# Atrous spatial pyramid pooling (DeepLab): a 1 × 1 convolution, three 3 × 3 ones with dilations 6, 12, 18, and global average pooling, side by side, then joined.
# Several scales from one map. When the rate nears the map's size, only the centre tap still lies inside: a 3 × 3 becomes a 1 × 1, which is why the global branch was added.
#
# </details>
#
# <details><summary>Why does U-Net need skips?</summary>
#
# Enlarging a map cannot bring back where exactly an edge was: downsampling has largely lost it. The skip hands over the encoder's map of the same resolution.
# The decoder then knows *what* from below and *where* from the side. U-Net joins them as channels; the original uses unpadded convolutions and crops (Ronneberger et al. 2015).
#
# </details>
#
# <details><summary>What is CARAFE?</summary>
#
# Upsampling whose interpolation weights depend on the content: a small network predicts for every output pixel a softmax kernel of, say, 5 × 5 over the input (Wang et al. 2019). Bilinear is the special case of fixed weights.
#
# </details>
#
# <details><summary>And anti-aliased down-sampling?</summary>
#
# Stride without a low-pass filter aliases: fine stripes come back as coarse ones, and a shift by a pixel changes the output. BlurPool filters before it drops pixels (Zhang 2019).
# When you shrink images: `interpolate(…, antialias=True)`, or the model sees other pixels than PIL, which filters, made for the training set.
#
# </details>
#
# <details><summary>Where else does the checkerboard appear?</summary>
#
# In gradients. The backward pass of a strided convolution *is* a transposed convolution, so saliency maps and adversarial patterns can show it, with kernel 3 and stride 2 in particular.
#
# </details>
#
# <details><summary>align_corners: which one, and what goes wrong?</summary>
#
# False, with half-pixel centres, is what image libraries do, and its spacing $n_{in}/n_{out}$ depends on the factor alone. True spaces the pixels by $(n_{in}-1)/(n_{out}-1)$ and is exact only for networks that were trained so.
# Mixed in one model, masks shift by up to half a pixel at the border; at stride 32 that is 16 image pixels.
#
# </details>
#
# <details><summary>What is unpooling?</summary>
#
# Max pooling remembers where each maximum was, and unpooling puts values back there with zeros elsewhere (SegNet). Maxima return to their exact places, and the map is sparse.
#
# </details>
#
# <details><summary>Does dilation save memory?</summary>
#
# Weights yes, memory no: without a stride all later activations stay large. Output stride 8 in place of 32 is sixteen times the pixels in the last stage.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Deconvolution undoes the convolution."
# - $n\cdot s$ as the output size, whatever the kernel.
# - "Stride divides kernel, so there can be no checkerboard."
# - The kernel flipped in the scatter picture, or not flipped after zero insertion.
# - dilation × kernel as the span.
# - "Dilated convolutions see everything in their field."
# - Bilinear resizing without saying which convention.

# %% [markdown]
# ## References
#
# - V. Dumoulin, F. Visin. *A Guide to Convolution Arithmetic for Deep Learning.* arXiv 1603.07285, 2016. Chapter 4: transposed convolutions.
# - A. Odena, V. Dumoulin, C. Olah. *Deconvolution and Checkerboard Artifacts.* Distill, 2016.
# - A. Aitken et al. *Checkerboard Artifact Free Sub-Pixel Convolution.* arXiv 1707.02937, 2017: ICNR.
# - W. Shi et al. *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network.* CVPR 2016: pixel shuffle.
# - F. Yu, V. Koltun. *Multi-Scale Context Aggregation by Dilated Convolutions.* ICLR 2016.
# - P. Wang et al. *Understanding Convolution for Semantic Segmentation.* WACV 2018: gridding, and rates without gaps.
# - L.-C. Chen et al. *Rethinking Atrous Convolution for Semantic Image Segmentation.* arXiv 1706.05587, 2017: ASPP.
# - O. Ronneberger, P. Fischer, T. Brox. *U-Net.* MICCAI 2015.
# - J. Wang et al. *CARAFE: Content-Aware ReAssembly of FEatures.* ICCV 2019.
# - R. Zhang. *Making Convolutional Networks Shift-Invariant Again.* ICML 2019: BlurPool.
# - PyTorch documentation of `ConvTranspose2d`, `PixelShuffle`, `interpolate`.
