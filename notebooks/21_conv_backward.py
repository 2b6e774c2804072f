# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 21 · Derive the backward pass of convolution and pooling
#
# *推导卷积层和池化层的反向传播*

# %% [markdown]
# ## Question
#
# "Here is a convolution layer: `x (N, C, H, W)`, `weight (C_out, C, kH, kW)`, a bias, a stride and a padding.
# From above comes `dout`. Derive the gradients of `x`, `weight` and the bias, and write them in NumPy.
# Then the same for max pooling. And why do people say that the backward pass of a convolution is a convolution?"
#
# "已知卷积层的输入、卷积核、偏置、步长、填充和上游梯度 `dout`,请推导并手写 `dx`、`dweight`、`dbias`;
# 再写出最大池化的反向传播。为什么说卷积的反向传播还是卷积?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Indices first.** One line for the forward pass, and from it all three gradients by asking "who used this number?".
# - **Sums.** The filter and the bias serve every position of every image, so their gradients are sums over all of them.
# - **The flip, and why.** Read by input pixel, the kernel's index runs backwards: $r - s\,i$. That is where the 180° come from.
# - **Stride and padding.** The stride puts zeros *between* the entries of `dout`; the padding is cut off at the end.
# - **Pooling.** Max: a switch that sends the gradient to one pixel. Average: an even share. Overlaps add up.
# - **A test.** Central differences, a random upstream gradient, a stride that leaves a row over.

# %% [markdown]
# ## The idea
#
# ### The forward pass in one line
#
# Let $\tilde x$ be $x$ with $p$ zeros on each side, $s$ the stride, and $k_H \times k_W$ the kernel with taps $(u, v)$.
#
# $$
# y[n,o,i,j] \;=\; b[o] + \sum_{c,\,u,\,v} w[o,c,u,v]\;\tilde x[n,c,\;s\,i+u,\;s\,j+v]
# $$
#
# with $0\le u<k_H$, $0\le v<k_W$.
# Let $g=\partial L/\partial y$ be the *upstream* gradient, which arrives from the layers behind (`dout` in the code).
# For each number there is one question: *which outputs have used it, and with which factor?*

# %% [markdown]
# ### The bias and the filter
#
# $b[o]$ was added to every output of channel $o$, with the factor 1. So $db[o] = \sum_{n,\,i,\,j} g[n,o,i,j]$.
#
# $w[o,c,u,v]$ was used by every output of channel $o$ too, each time multiplied by a pixel:
#
# $$ \boxed{\;dw[o,c,u,v] = \sum_{n,\,i,\,j} g[n,o,i,j]\;\tilde x[n,c,\;s\,i+u,\;s\,j+v]\;} $$
#
# No division by $N$: if the loss is a mean, $g$ has its $1/N$ already.

# %% [markdown]
# ### The input
#
# Pixel $\tilde x[n,c,r,t]$ was used by output $(i,j)$ if it lay in its window, that is if $r=s\,i+u$ and $t=s\,j+v$ for some tap $(u,v)$.
# Then its factor was $w[o,c,u,v]$. Solve for the tap: $u=r-s\,i$, $v=t-s\,j$.
#
# $$
# \boxed{\;d\tilde x[n,c,r,t] = \sum_{o}\sum_{i,\,j} g[n,o,i,j]\; w[o,c,\;r-s\,i,\;t-s\,j]\;}
# $$
#
# The sum runs over those $(i,j)$ for which $r-s\,i$ and $t-s\,j$ are taps of the kernel.
# At the end cut the padding off: $dx[n,c,r,t]=d\tilde x[n,c,\,r+p,\,t+p]$.
# The zeros of the padding get a gradient too, but it is thrown away.

# %% [markdown]
# ### Scatter or gather: where the flip comes from
#
# One row, $x=(3,4,5)$, kernel $w=(1,2)$, no padding, stride 1, and $g=(1,10)$.
# Cover the right column and try it.
#
# | | |
# |---|---|
# | $y$ | $(1\cdot3+2\cdot4,\;1\cdot4+2\cdot5)=(11,14)$ |
# | $db$ | $1+10=11$ |
# | $dw$ | $(1\cdot3+10\cdot4,\;1\cdot4+10\cdot5)=(43,54)$ |
# | $dx$ | $(1\cdot1,\;1\cdot2+10\cdot1,\;10\cdot2)=(1,12,20)$ |
#
# There are two ways to compute $dx$, and they are the same sum:
#
# - **Scatter**, from the side of `dout`: each entry of $g$ lays down the kernel *as it is*, $(1,2)$ and $(10,20)$; where they overlap they add.
# - **Gather**, from the side of the pixel: the middle one has $g_0w_1+g_1w_0$, and the kernel runs *backwards*.
#
# Whoever flips in a scatter, or forgets to in a gather, has it the wrong way round. Scattering is the easier one to write.

# %% [markdown]
# ### As convolutions
#
# Put $s-1$ zeros between the entries of $g$: $\hat g[s\,i,s\,j]=g[i,j]$, all else 0. Then $i$ and $j$ disappear from the index of $w$ (images and channels are left out here):
#
# $$
# d\tilde x[r,t]=\sum_{u,\,v}\hat g[r-u,\;t-v]\;w[u,v]
# $$
#
# A minus sign in the index: this is a *true* convolution, where the forward pass is a correlation.
# Counting the taps from the other end turns it into a correlation with the kernel turned round. So:
#
# **dx is the correlation of the dilated `dout`, with $k-1$ zeros around it, and the kernel turned by 180°; then cut the padding off.**
# Input and output channels change places: the sum runs over $o$.
#
# **dweight is the correlation of $\tilde x$ with the dilated `dout` as its kernel.**
# No flip; the batch takes the role of the channels that are summed.
#
# One trap. If the stride does not fill the map, the last $(H+2p-k_H) \bmod s$ rows are read by no window.
# The full convolution comes out too small by as many rows. Their gradient is zero, but they belong in `dx`: pad them.

# %% [markdown]
# ### As matrices: im2col and col2im
#
# Copy every window into a column: $X_{\text{col}}$ has $C k_H k_W$ rows and one column for each output position.
# With the filters as rows of $W$ the layer is one matrix product, and you know the backward pass of that ($G$ is $g$ in the shape of $Y$):
#
# $$
# Y=W X_{\text{col}}
# \qquad\Rightarrow\qquad
# dW=G\,X_{\text{col}}^{\mathsf T},
# \qquad
# dX_{\text{col}}=W^{\mathsf T}G
# $$
#
# A pixel was copied into several columns, so its gradient is the *sum* over its copies. That sum is called col2im.

# %% [markdown]
# ### Pooling
#
# **Max.** $y=\max$ of a window is one of its entries. Its derivative is 1 for that entry, 0 for the others.
# So each entry of `dout` goes to the place of its window's maximum, whole. All that must be kept from the forward pass is that place.
# At a tie there is no derivative. What is allowed there (a *subgradient*) is any split of the gradient among the winners: shares between 0 and 1 that *add up to 1*.
# Most frameworks give everything to one winner, torch's pooling to the first one, row by row.
#
# **Average.** $y=\frac1{k^2}\sum$ of the window: every entry gets $g/k^2$.
#
# In both, windows may overlap (stride < kernel). Then what they send back adds up.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, numeric_gradient, plots, published, settings, trial

plots.style()


# %% [markdown]
# ### A drawn example
#
# A 5×5 input, a 3×3 kernel, stride 2: four outputs.
# Each number of `dout` has its colour. Where do the zeros come in?

# %%
def dilate(dout, stride):
    """stride − 1 zeros between the entries of the last two axes."""
    rows, cols = ((size - 1) * stride + 1 for size in dout.shape[-2:])
    dilated = np.zeros((*dout.shape[:-2], rows, cols))
    dilated[..., ::stride, ::stride] = dout
    return dilated


small_dout, small_kernel = np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(1.0, 10).reshape(3, 3)
dilated, around = dilate(small_dout, 2), np.pad(dilate(small_dout, 2), 2)
small_dx = np.zeros((5, 5))
for i, j in np.ndindex(5, 5):
    small_dx[i, j] = np.sum(around[i : i + 3, j : j + 3] * small_kernel[::-1, ::-1])


# %% tags=["hide-input"]
def grid(ax, values, title, tint="white", shaded=()):
    numbers = np.vectorize(lambda value: f"{value:g}")(values)
    plots.number_grid(ax, numbers, 0, 0, title, shaded, tint, pale=[cell for cell, value in np.ndenumerate(values) if value == 0])
    ax.set(xlim=(-0.05, values.shape[1] + 0.05), ylim=(values.shape[0] + 0.05, -0.9), aspect="equal")
    ax.axis("off")


fig, axes = plt.subplots(1, 5, figsize=(9.5, 3.1), width_ratios=[2, 3, 7, 3, 5], layout="constrained")
where = [list(zip(*np.nonzero(values), strict=True)) for values in (small_dout, dilated, around)]
for ax, values, title, cells in zip(axes, (small_dout, dilated, around), ("dout", "dilated", "k − 1 = 2 zeros around"), where, strict=False):
    grid(ax, values, title, "#DCEBF7", cells)
grid(axes[3], small_kernel[::-1, ::-1], "kernel, turned")
grid(axes[4], small_dx, "their correlation: dx")
fig.suptitle("Zeros between for the stride, zeros around for the full convolution", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** The zeros *between* come from the stride, the zeros *around* from the kernel's size.
# The flipped kernel slides over the 7×7 grid with stride 1, whatever the forward stride was.

# %% [markdown]
# ## Your turn
#
# ### Given: the forward passes
#
# Those of question 20, under other names.

# %%
def forward_conv(x, weight, bias=None, stride=1, padding=0):
    """x (N, C, H, W), weight (C_out, C, kH, kW), bias (C_out,) -> (N, C_out, H', W')."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    out = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return out if bias is None else out + bias[:, None, None]


def forward_pool(x, kernel_size, stride=None):
    """The maximum of each window: (N, C, H, W) -> (N, C, H', W')."""
    stride = kernel_size if stride is None else stride
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(4, 5))


# %% [markdown]
# ### Exercise 1: convolution
#
# Return `(dx, dweight, dbias)`, `dbias` always.
# `weight` may be rectangular, `stride` and `padding` are ints.
# A kernel that does not fit into the padded image raises ValueError.

# %%
def conv2d_backward(dout, x, weight, stride=1, padding=0):
    """dout (N, C_out, H', W'), x (N, C, H, W), weight (C_out, C, kH, kW) -> (dx, dweight, dbias (C_out,)).

    The forward pass correlates (no flip) and pads with zeros. Sums, no means; dbias is always returned.
    Pixels that no window reads get 0. ValueError where the kernel does not fit into the padded image.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(conv2d_backward)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the shapes</summary>
#
# A gradient has the shape of what it belongs to. `dbias (C_out,)` is `dout` with three of its axes summed: which?
# Work on a padded copy of `x`, and on a `dpadded` of its shape; cut at the very end.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: which loop?</summary>
#
# You may loop over output positions (i, j): the window `padded[:, :, i*s : i*s+kH, j*s : j*s+kW]` meets `dout[:, :, i, j]`.
# Or over the taps (a, b), which are fewer: tap (a, b) has seen `padded[:, :, a : a+s*H' : s, b : b+s*W' : s]`, an array as large as `dout`'s map.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# For each tap, with `seen` as in hint 2: `dweight[:, :, a, b]` sums `dout * seen` over images and positions, for each pair (o, c);
# and to the same slice of `dpadded` is *added* the sum over o of `dout` times `weight[o, :, a, b]`.
# `np.einsum("noij,ncij->oc", …)` and `np.einsum("noij,oc->ncij", …)` say just that. No flip is needed this way.
#
# </details>

# %% [markdown]
# ### Exercise 2: max pooling
#
# The first maximum of a window, row by row, takes the gradient; overlapping windows add up.
# `stride=None` means `kernel_size`. A window that does not fit into the map raises ValueError.

# %%
def max_pool2d_backward(dout, x, kernel_size, stride=None):
    """dout (N, C, H', W'), x (N, C, H, W) -> dx (N, C, H, W).

    stride=None means kernel_size. Of equal maxima the first one, row by row, takes the whole gradient.
    Overlapping windows add up. ValueError where the window does not fit into the map.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(max_pool2d_backward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one window</summary>
#
# `np.argmax` of a flattened window gives the *first* maximum, row by row: just the rule.
# `divmod(place, kernel_size)` is its row and column in the window.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: all images and channels at once</summary>
#
# Loop over the output positions only. `x[:, :, i*s : i*s+k, j*s : j*s+k]` is `(N, C, k, k)`; reshape it to `(N, C, k*k)` and take `argmax(axis=-1)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `np.arange(k*k) == place[..., None]` is a mask `(N, C, k*k)` with one True for each window. Reshape it to `(N, C, k, k)`,
# multiply by `dout[:, :, i, j, None, None]`, and *add* it to that window of `dx`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Are they right? Ask finite differences
#
# Stride 2, padding 1, a rectangular kernel, and a row that no window reads.

# %%
rng = np.random.default_rng(0)
inputs = dict(x=rng.normal(size=(2, 2, 6, 5)), weight=rng.normal(size=(3, 2, 3, 2)), bias=rng.normal(size=3))

gradcheck(
    lambda x, weight, bias: forward_conv(x, weight, bias, stride=2, padding=1),
    lambda dout, x, weight, bias: conv2d_backward(dout, x, weight, stride=2, padding=1),
    inputs,
)

# %% [markdown]
# The forward pass is linear in `x`, in `weight` and in `bias`.
# So a central difference has no truncation error here, and even $h=1$ gives the gradient to the last digits. Is that so?

# %%
dout = rng.normal(size=forward_conv(**inputs, stride=2, padding=1).shape)
dx, dweight, dbias = conv2d_backward(dout, inputs["x"], inputs["weight"], stride=2, padding=1)
coarse = numeric_gradient(lambda x: np.sum(dout * forward_conv(x, inputs["weight"], stride=2, padding=1)), inputs["x"], h=1.0)
print("h = 1: largest error below 1e-12:", np.max(np.abs(coarse - dx)) < 1e-12)

# %% [markdown]
# **Takeaway.** For a linear layer take a *large* step in the gradient check: a linear function has no curvature that could falsify the difference, and a large step loses fewer digits to rounding.

# %% [markdown]
# ### On a tie
#
# Four equal pixels in one window, and `dout` = 1.
# Your function gives the first one everything. What will central differences say? 1, ¼, or something else?

# %%
tie = np.full((1, 1, 2, 2), 5.0)
print("yours:              ", max_pool2d_backward(np.ones((1, 1, 1, 1)), tie, 2).ravel().tolist())
print("central differences:", numeric_gradient(lambda x: forward_pool(x, 2).sum(), tie).ravel().round(3).tolist())
gradcheck(lambda x: forward_pool(x, 2), lambda dout, x: max_pool2d_backward(dout, x, 2), dict(x=tie))

# %% [markdown]
# Move one pixel up by $h$, and the maximum rises by $h$; move it down by $h$, and the maximum stays. So the two-sided slope is ½ for each of the four, and they add up to 2. That is no subgradient.
# Entry by entry the check cannot judge, as its report says. But move all four together, and the maximum moves with them: the shares must add up to 1.
# So the check does find two common bugs: every winner gets the whole gradient, or no pixel gets any.

# %%
for name, share in {"everybody": 1.0, "nobody": 0.0, "a quarter each": 0.25}.items():
    report = gradcheck(lambda x: forward_pool(x, 2), lambda dout, x, share=share: np.full(x.shape, share * dout.sum()), dict(x=tie))
    print(f"{name:15} {'passes' if report else 'does not pass'}")


# %% [markdown]
# **Takeaway.** In your own tests keep ties out of the inputs; a tie on purpose needs a test of its own.

# %% [markdown] tags=["deeper"]
# ### Deeper: each entry of dout stamps the kernel
#
# The drawn example again, as a scatter. Feed your function one entry of `dout` at a time.

# %% tags=["deeper"]
def one_image(values):
    return np.array(values, dtype=float)[None, None]


stamps = []
for place in np.ndindex(2, 2):
    only = np.zeros((2, 2))
    only[place] = small_dout[place]
    stamps.append(conv2d_backward(one_image(only), np.zeros((1, 1, 5, 5)), one_image(small_kernel), stride=2)[0][0, 0])
print("the four stamps add up to the full convolution above:", np.array_equal(sum(stamps), small_dx))

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(1, 5, figsize=(9.5, 2.6), layout="constrained")
for ax, stamp, place in zip(axes, stamps, np.ndindex(2, 2), strict=False):
    grid(ax, stamp, f"dout = {small_dout[place]:g} at {list(place)}", "#DCEBF7", list(zip(*np.nonzero(stamp), strict=True)))
grid(axes[4], sum(stamps), "their sum: dx")
fig.suptitle("One entry lays down the kernel as it is; where stamps overlap they add", x=0.01, ha="left")
plt.show()


# %% [markdown] tags=["deeper"]
# ### Deeper: three ways, one result
#
# The forward pass itself can do the backward pass: twice, with other arguments.
# And once more with im2col and col2im. Which of them agree with yours, and with torch?

# %% tags=["deeper"]
def backward_by_convolutions(dout, x, weight, stride=1, padding=0):
    """Both gradients from calls of forward_conv, as in the derivation."""
    (height, width), (kh, kw) = x.shape[2:], weight.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dilated = dilate(dout, stride)
    rest = [padded.shape[2 + axis] - kernel + 1 - dilated.shape[2 + axis] for axis, kernel in enumerate((kh, kw))]
    around = np.pad(dilated, ((0, 0), (0, 0), (kh - 1, kh - 1 + rest[0]), (kw - 1, kw - 1 + rest[1])))
    dpadded = forward_conv(around, weight.swapaxes(0, 1)[:, :, ::-1, ::-1])
    seen = padded[:, :, : padded.shape[2] - rest[0], : padded.shape[3] - rest[1]]
    dweight = forward_conv(seen.swapaxes(0, 1), dilated.swapaxes(0, 1)).swapaxes(0, 1)
    return dpadded[:, :, padding : padding + height, padding : padding + width], dweight, dout.sum(axis=(0, 2, 3))


def backward_by_col2im(dout, x, weight, stride=1, padding=0):
    """Two matrix products; then every copy of a pixel is added back to it."""
    (n, channels, height, width), (filters, _, kh, kw), (rows, cols) = x.shape, weight.shape, dout.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    columns = windows.transpose(1, 4, 5, 0, 2, 3).reshape(channels * kh * kw, -1)  # im2col
    g = dout.transpose(1, 0, 2, 3).reshape(filters, -1)
    dweight = (g @ columns.T).reshape(weight.shape)
    dcolumns = (weight.reshape(filters, -1).T @ g).reshape(channels, kh, kw, n, rows, cols)
    dpadded = np.zeros(padded.shape)
    for a in range(kh):
        for b in range(kw):  # col2im
            dpadded[:, :, a : a + stride * rows : stride, b : b + stride * cols : stride] += dcolumns[:, a, b].swapaxes(0, 1)
    return dpadded[:, :, padding : padding + height, padding : padding + width], dweight, dout.sum(axis=(0, 2, 3))


# %% tags=["deeper"]
try:
    import torch

    torch.set_num_threads(1)
except ModuleNotFoundError:  # in the browser
    torch = None


def backward_by_torch(dout, x, weight, stride=1, padding=0):
    """The same three gradients from autograd."""
    x, weight, dout = (torch.from_numpy(np.array(array)) for array in (x, weight, dout))
    bias = torch.zeros(len(weight), dtype=torch.float64)
    leaves = [leaf.requires_grad_() for leaf in (x, weight, bias)]
    out = torch.nn.functional.conv2d(*leaves, stride, padding)
    return tuple(grad.numpy() for grad in torch.autograd.grad(out, leaves, dout))


ways = {"two convolutions": backward_by_convolutions, "im2col, col2im": backward_by_col2im}
ways |= {"torch": backward_by_torch} if torch else {}

# %% tags=["deeper"]
cases = [((7, 6), (3, 3), 1, 0), ((7, 6), (3, 3), 1, 1), ((8, 8), (3, 3), 2, 1), ((8, 9), (2, 3), 3, 0), ((5, 5), (1, 1), 2, 1)]
agree = dict.fromkeys(ways, 0)
for size, kernel, stride, padding in cases:
    x, weight = rng.normal(size=(2, 3, *size)), rng.normal(size=(4, 3, *kernel))
    dout = rng.normal(size=forward_conv(x, weight, None, stride, padding).shape)
    yours = conv2d_backward(dout, x, weight, stride, padding)
    for name, way in ways.items():
        theirs = way(dout, x, weight, stride, padding)
        agree[name] += all(np.allclose(a, b, rtol=1e-10, atol=1e-10) for a, b in zip(yours, theirs, strict=True))
for name, count in agree.items():
    print(f"{name:17} agrees with yours in {count} of {len(cases)} settings")


# %% [markdown] tags=["deeper"]
# **Takeaway.** Indices, convolutions and matrices are three notations for one sum.

# %% [markdown] tags=["deeper"]
# With kernel 3 and stride 2 some pixels lie in four windows and others in one. A transposed convolution is this backward pass used as a forward pass, and its checkerboard artefacts are that pattern (Odena et al. 2016; question 42).

# %% [markdown] tags=["deeper"]
# ### Deeper: max pooling, where does each gradient go?
#
# A handwritten 3, windows of 3×3 with stride 2. All entries of `dout` are 1.
# Average pooling's backward pass is three lines; here it is for comparison.

# %% tags=["deeper"]
def avg_pool2d_backward(dout, x, kernel_size, stride=None):
    """Every entry of a window gets an equal share."""
    stride, dx = kernel_size if stride is None else stride, np.zeros(x.shape)
    for i, j in np.ndindex(*dout.shape[2:]):
        dx[:, :, i * stride : i * stride + kernel_size, j * stride : j * stride + kernel_size] += dout[:, :, i, j, None, None] / kernel_size**2
    return dx


digits, labels, test_digits, test_labels = data.digits(flat=False)
three = np.kron(digits[np.flatnonzero(labels == 3)[0], 0], np.ones((2, 2)))[None, None, :15, :15]
three = three + 1e-3 * rng.random(three.shape)  # doubled pixels would tie
ones = np.ones(forward_pool(three, 3, 2).shape)
sent = {"max": max_pool2d_backward(ones, three, 3, 2), "average": avg_pool2d_backward(ones, three, 3, 2)}
print(f"{ones.size} windows; pixels with a gradient: max {np.count_nonzero(sent['max'])}, average {np.count_nonzero(sent['average'])}")
print("what is sent in total:", *(f"{name} {dx.sum():.0f}" for name, dx in sent.items()))

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
axes[0].imshow(three[0, 0], cmap="gray_r")
axes[0].set_title("input map", loc="center", fontsize=10)
for ax, (name, dx) in zip(axes[1:], sent.items(), strict=True):
    shown = ax.imshow(dx[0, 0], cmap="cividis", vmin=0, vmax=2)
    ax.set_title(f"dx of {name} pooling", loc="center", fontsize=10)
    for edge in range(0, 15, 2):
        ax.axhline(edge - 0.5, color="white", linewidth=0.3)
        ax.axvline(edge - 0.5, color="white", linewidth=0.3)
for ax in axes:
    ax.set(xlim=(-0.5, 14.5), ylim=(14.5, -0.5))
    ax.axis("off")
fig.colorbar(shown, ax=axes, shrink=0.85, label="gradient", extend="max")
fig.suptitle("Max pooling sends all to few pixels, average pooling a little to all", x=0.01, ha="left")
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** Both send on exactly what they got, 1 for each window. The maximum concentrates it; a pixel that wins several windows collects from all.

# %% tags=["deeper"]
def pool_inputs(seed):
    return dict(x=np.random.default_rng(seed).normal(size=(2, 2, 7, 6)))


def forward_average(x):
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))[:, :, ::2, ::2].mean(axis=(4, 5))


for name, forward, backward in [("max", lambda x: forward_pool(x, 3, 2), max_pool2d_backward), ("average", forward_average, avg_pool2d_backward)]:
    report = gradcheck(forward, lambda dout, x, backward=backward: backward(dout, x, 3, 2), pool_inputs(1))
    print(f"{name} pooling, kernel 3, stride 2: {'right' if report else 'wrong'}")


# %% [markdown] tags=["deeper"]
# ### Deeper: a network, trained by your own hands
#
# Two convolutions, two max poolings and a classifier, on digits. No framework: every gradient is yours.
# (If you have written loops, this takes a while; lower `STEPS`.)

# %% tags=["deeper"]
def initial(rng):
    """He initialisation (question 43); biases zero."""
    shapes = {"w1": (8, 1, 3, 3), "w2": (16, 8, 3, 3), "w3": (64, 10)}
    weights = {name: rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:])) for name, shape in shapes.items()}
    weights["w3"] = rng.normal(size=(64, 10)) * np.sqrt(1 / 64)
    return weights | {"b1": np.zeros(8), "b2": np.zeros(16), "b3": np.zeros(10)}


def forward(p, x):
    """Logits (N, 10), and everything that the way back needs."""
    z1 = forward_conv(x, p["w1"], p["b1"], padding=1)
    a1 = np.maximum(z1, 0)
    m1 = forward_pool(a1, 2)
    z2 = forward_conv(m1, p["w2"], p["b2"], padding=1)
    a2 = np.maximum(z2, 0)
    m2 = forward_pool(a2, 2)
    return m2.reshape(len(x), -1) @ p["w3"] + p["b3"], (x, z1, a1, m1, z2, a2, m2)


def loss_and_gradients(p, x, y):
    logits, (x, z1, a1, m1, z2, a2, m2) = forward(p, x)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    dlogits = (np.exp(log_p) - np.eye(10)[y]) / len(x)
    grads = {"w3": m2.reshape(len(x), -1).T @ dlogits, "b3": dlogits.sum(axis=0)}
    dm2 = (dlogits @ p["w3"].T).reshape(m2.shape)
    dz2 = max_pool2d_backward(dm2, a2, 2) * (z2 > 0)
    dm1, grads["w2"], grads["b2"] = conv2d_backward(dz2, m1, p["w2"], padding=1)
    dz1 = max_pool2d_backward(dm1, a1, 2) * (z1 > 0)
    _, grads["w1"], grads["b1"] = conv2d_backward(dz1, x, p["w1"], padding=1)
    return -log_p[np.arange(len(x)), y].mean(), grads


# %% [markdown] tags=["deeper"]
# First: do all six gradients agree with torch's for the same network?

# %% tags=["deeper"]
def torch_gradients(p, x, y):
    leaves = {name: torch.from_numpy(value.copy()).requires_grad_() for name, value in p.items()}
    f = torch.nn.functional
    h = f.max_pool2d(f.relu(f.conv2d(torch.from_numpy(x), leaves["w1"], leaves["b1"], padding=1)), 2)
    h = f.max_pool2d(f.relu(f.conv2d(h, leaves["w2"], leaves["b2"], padding=1)), 2)
    f.cross_entropy(h.flatten(1) @ leaves["w3"] + leaves["b3"], torch.from_numpy(y)).backward()
    return {name: leaf.grad.numpy() for name, leaf in leaves.items()}


parameters = initial(np.random.default_rng(0))
mine = loss_and_gradients(parameters, digits[:64], labels[:64])[1]
if torch:
    theirs = torch_gradients(parameters, digits[:64], labels[:64])
    for name in sorted(theirs):
        gap = np.max(np.abs(mine[name] - theirs[name])) / np.max(np.abs(theirs[name]))
        print(f"d{name} {theirs[name].shape!s:13} agrees to 1e-10: {gap < 1e-10}")

# %% tags=["deeper"]
STEPS, LR, MOMENTUM = 100, 0.05, 0.9
order, losses = np.random.default_rng(1), []
velocity = {name: np.zeros(value.shape) for name, value in parameters.items()}
trained = dict(parameters)
for _ in range(STEPS):
    batch = order.choice(len(digits), size=64, replace=False)
    loss, grads = loss_and_gradients(trained, digits[batch], labels[batch])
    losses.append(loss)
    velocity = {name: MOMENTUM * velocity[name] + LR * grads[name] for name in trained}
    trained = {name: trained[name] - velocity[name] for name in trained}

accuracy = np.mean(forward(trained, test_digits)[0].argmax(axis=1) == test_labels)
print(f"loss of the first ten steps {np.mean(losses[:10]):.1f}, of the last ten {np.mean(losses[-10:]):.1f}")
print("more than 90 % of the unseen digits are recognised:", accuracy > 0.9)

# %% tags=["deeper", "hide-input"]
fig = plt.figure(figsize=(9, 3.6), layout="constrained")
left, right = fig.subfigures(1, 2, width_ratios=[1.5, 1])
ax = left.subplots()
ax.plot(losses, color="0.7", linewidth=1, label="each mini-batch")
ax.plot(np.arange(4, STEPS - 5), np.convolve(losses, np.ones(10) / 10, "valid"), color=plots.color("train"), label="mean of ten")
ax.set(xlabel="step", ylabel="training loss", ylim=(0, None), title="The loss falls with nothing but your own gradients")
ax.legend()
right.suptitle("the eight first filters it found", fontsize=10)
for ax, kernel in zip(right.subplots(2, 4).ravel(), trained["w1"][:, 0], strict=True):
    ax.imshow(kernel, cmap="RdBu_r", vmin=-np.abs(trained["w1"]).max(), vmax=np.abs(trained["w1"]).max())
    ax.axis("off")
plt.show()


# %% [markdown] tags=["deeper"]
# **Takeaway.** Two functions of a dozen lines, and a convolutional network learns.
# In the first layer `dx` was computed and thrown away. A framework does not even compute it, because training does not need the gradient of the picture.

# %% [markdown]
# ## Folklore on trial
#
# ### "The backward pass of a convolution is a convolution"
#
# We take the sentence literally and use the *forward* function: `dout` with $k-1$ zeros around it, correlated with the flipped kernel. Does that give dx, although nothing is done about the stride?

# %%
def is_plain_convolution(kernel, stride, rest):
    """Is dx the correlation of `dout`, with kernel − 1 zeros around, and the flipped kernel? `rest`: rows left over."""
    draw, size = np.random.default_rng(10 * kernel + stride), kernel + 2 * stride + rest
    x, weight = draw.normal(size=(2, 3, size, size)), draw.normal(size=(4, 3, kernel, kernel))
    dout = draw.normal(size=forward_conv(x, weight, None, stride).shape)
    around = np.pad(dout, ((0, 0), (0, 0), (kernel - 1, kernel - 1), (kernel - 1, kernel - 1)))
    came, right = forward_conv(around, weight.swapaxes(0, 1)[:, :, ::-1, ::-1]), conv2d_backward(dout, x, weight, stride)[0]
    return came.shape == right.shape and np.allclose(came, right)


trial(
    "dx is dout, padded, convolved with the flipped kernel",
    is_plain_convolution,
    over=settings(kernel=[6, 7], stride=[1, 2], rest=0),
    held_out=settings(kernel=[1, 2, 3, 4, 5], stride=1, rest=0) + [dict(kernel=k, stride=s, rest=r) for k in (2, 3, 4) for s, r in ((2, 0), (2, 1), (3, 0), (3, 2))],
    only_if=("the stride is 1", lambda stride: stride == 1),
    expect="holds only if the stride is 1",
)

# %% [markdown]
# Say: *dx is a full convolution of the dilated dout with the flipped kernel, padded where rows were left over; dweight is a correlation of x with the dilated dout.*
# Good libraries do not multiply by the inserted zeros. The zeros make the formula simple; they are not how it is computed.

# %% [markdown]
# ### "Where maxima tie, they share the gradient"

# %%
trial(
    "where maxima tie, they share the gradient",
    only_if=("the function is amax, amin, or a max or min over all entries", lambda function: function in ("amax", "amin", "max over all", "min over all")),
    published=[
        published("torch's documentation, torch.amax", "amax and amin, and max and min without dim, distribute the gradient evenly between equal values", holds=True, inside=True),
        published("torch's documentation, torch.amax", "max and min along one axis propagate the gradient to the indexed element only", holds=False, inside=False),
    ],
    expect="holds only if the function is amax, amin, or a max or min over all entries",
)

# %% [markdown]
# Both are subgradients. torch's pooling gives everything to one pixel, as the check of exercise 2 confirmed: it remembers *one index* for each window, which is cheaper than a mask.
# The choice seldom matters: after a ReLU ties are mostly ties of zeros, and there the ReLU stops the gradient, whichever pixel gets it.

# %% [markdown]
# ### "The backward pass of a convolution costs twice the forward pass"
#
# Each forward multiply-add $w\cdot x$ comes back twice: as $g\cdot x$ for the filter and as $g\cdot w$ for the pixel. That is exactly twice, with two exceptions:
#
# - the first layer of a network needs no dx: once;
# - with stride $s$, a dx that multiplies by the inserted zeros too costs $s^2$ times as much: five times in all for $s = 2$.
#
# For a whole network twice is a good rule, and a training step costs about three forward passes.
# In *time* the factor varies, because memory traffic and the choice of algorithm enter.

# %% [markdown]
# ### "A transposed convolution inverts a convolution"
#
# The transposed convolution is your `dx`, used as a forward pass. Convolve, then transpose-convolve: does $x$ come back?
# With $y=Mx$ it is $M^{\mathsf T}y=M^{\mathsf T}M\,x$.

# %%
HAAR = 0.5 * np.array([[[1, 1], [1, 1]], [[1, 1], [-1, -1]], [[1, -1], [1, -1]], [[1, -1], [-1, 1]]])[:, None]


def comes_back(filters, seed):
    """Does the transposed convolution bring x back? 2×2 kernels with stride 2: at random, or rotations of Haar's wavelets."""
    draw = np.random.default_rng(seed)
    mixing = np.linalg.qr(draw.normal(size=(4, 4)))[0] if filters == "orthonormal" else draw.normal(size=(4, 4))
    weight, x = np.tensordot(mixing, HAAR, axes=1), draw.normal(size=(1, 1, 8, 8))
    back, _, _ = conv2d_backward(forward_conv(x, weight, None, 2), x, weight, 2)
    return np.allclose(back, x)


trial(
    "a transposed convolution inverts a convolution",
    comes_back,
    over=settings(filters=["random", "orthonormal"], seed=range(3)),
    held_out=settings(filters=["random", "orthonormal"], seed=range(3, 9)),
    only_if=("the columns of its matrix are orthonormal", lambda filters: filters == "orthonormal"),
    expect="holds only if the columns of its matrix are orthonormal",
)

# %% [markdown]
# Then $M^{\mathsf T}M=I$. In general it inverts the *shape*, not the values: "deconvolution" is a misnomer.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Backward costs about twice the forward pass. I write the forward pass with indices and ask which outputs used each number.
# dbias sums dout over images and positions.
# dweight correlates the padded input with dout.
# dx is a full convolution: dout dilated by the stride, zeros around it, the kernel turned by 180 degrees; then cut the padding off.
# Max pooling sends each gradient to its window's maximum; overlaps add.
# Shall I derive dx?"
#
# ### 三十秒回答
#
# "反向的计算量大约是前向的两倍。推导只靠一行前向公式:看每个数被哪些输出用过。
# dbias 是 dout 对样本和位置求和。
# dweight 是补零后的输入与 dout 做互相关。
# dx 是全卷积:dout 按步长插零、四周补零,再和旋转 180° 的卷积核做互相关,最后裁掉 padding。
# 最大池化把梯度送到窗口最大值处,重叠的相加。
# 要我推导 dx 吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $y[n,o,i,j]=b[o]+\sum w[o,c,u,v]\,\tilde x[n,c,si+u,sj+v]$ and say that $\tilde x$ is padded.
# - $db[o]=\sum g$, over three axes. Sums, not means: the loss has its $1/N$ in $g$.
# - $dw[o,c,u,v]=\sum_{n,i,j} g\,\tilde x[si+u,sj+v]$: a correlation of the input with $g$, in steps of the stride.
# - $d\tilde x[r,t]=\sum_{o,i,j} g[i,j]\,w[o,c,r-si,t-sj]$. Point at the minus: read by pixel the kernel runs backwards.
# - Dilate $g$ by the stride, put $k-1$ zeros around it, flip the kernel, swap the channel axes: a plain stride-1 correlation. Cut $p$ on each side.
#   Rows that no window reached stay zero.
# - Or scatter: each entry of $g$ adds a kernel, unflipped, to its window. Nine slices for a 3×3, and no zeros are ever multiplied.
# - As matrices: $Y=WX_{\text{col}}$, so $dW=GX_{\text{col}}^{\mathsf T}$, $dX_{\text{col}}=W^{\mathsf T}G$, and col2im adds the copies up.
# - Pooling: a switch, or an even share. Keep the index of the maximum; nothing else.
# - Cost: each of dx and dweight costs what the forward pass cost. To keep: $x$ for dweight; dx needs the weight alone.
# - Test: central differences in float64, random $g$, stride 2 with a row left over, a rectangular kernel, no ties in the pooling.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What must be kept from the forward pass?</summary>
#
# The layer's input, for dweight. dx needs only the weights, dbias nothing.
# Max pooling needs the index of each window's maximum (for a 2×2 window two bits), not its input; average pooling only the shapes; ReLU one bit for each entry.
#
# </details>
#
# <details><summary>What changes with a dilated convolution?</summary>
#
# The tap $(u,v)$ reads $\tilde x[si+du,\,sj+dv]$. So in dx the *kernel* is dilated by $d$ while `dout` is dilated by $s$,
# and dweight steps through the input by $s$ from offset $du$. Stride and dilation change places between forward pass and dweight:
# dweight is a correlation with dilation $s$ and stride $d$.
#
# </details>
#
# <details><summary>And with groups, or depthwise?</summary>
#
# Each group is a convolution of its own: cut `dout`, `x` and `weight` along the channels and run the same three lines in every group.
# Depthwise, the sum over $o$ in dx has one term left for each channel (or as many as the channel multiplier).
#
# </details>
#
# <details><summary>What does a 1×1 convolution's backward pass look like?</summary>
#
# That of a linear layer, with $N\,H\,W$ samples: $dX=W^{\mathsf T}G$, $dW=GX^{\mathsf T}$. No flip, no padding, no overlap; im2col copies nothing.
#
# </details>
#
# <details><summary>Why does torch's ConvTranspose2d have an output_padding?</summary>
#
# With stride 2 inputs of 5 and of 6 pixels give outputs of the same size (kernel 3: 2). On the way back the size is not determined: a transposed convolution returns $(n-1)s - 2p + d(k-1) + \text{output\_padding} + 1$ pixels (question 42).
# `output_padding` says how many rows were left over; the backward pass reads it off the shape of $x$.
#
# </details>
#
# <details><summary>Why can the backward pass of a convolution be non-deterministic on a GPU?</summary>
#
# Scattered contributions are added by atomic operations, in whatever order threads arrive, and floating-point addition is not associative.
# A gather (the full convolution) has a fixed order. Frameworks have a switch that forbids the non-deterministic algorithms.
#
# </details>
#
# <details><summary>Does a bias in front of batch norm need its gradient?</summary>
#
# It gets one, and it is zero: batch norm's backward pass removes the mean over exactly the axes (0, 2, 3) that dbias sums over (question 16). Leave the
# bias out.
#
# </details>
#
# <details><summary>Why does nobody dilate dout with real zeros?</summary>
#
# With stride $s$ only one in $s^2$ entries would be non-zero, so a dense convolution does $s^2$ times the work.
# One scatters instead, or splits dx into $s^2$ interleaved maps, each a small stride-1 convolution with every $s$-th tap of the kernel.
#
# </details>
#
# <details><summary>What if the stride of a pooling exceeds its window?</summary>
#
# Pixels in the gaps are read by no window and get zero. The same for a convolution, and for rows left over by the floor.
#
# </details>
#
# <details><summary>Is dx really needed in the first layer?</summary>
#
# Not for training. It is for adversarial examples, saliency maps and style transfer, which differentiate with respect to the picture.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "dx is dout convolved with the kernel", without flip, zeros or stride.
# - dbias or dweight averaged over the batch "because it is a batch".
# - Swapped channel axes, unnoticed because C_in equalled C_out in the test.
# - `dx[:, :, p:-p, p:-p]`, which is empty for $p=0$.
# - Overlapping windows assigned with `=`.
# - "Max pooling has no parameters, so it has no backward pass."
# - "Deconvolution undoes the convolution."

# %% [markdown]
# ## References
#
# - V. Dumoulin, F. Visin. *A guide to convolution arithmetic for deep learning.* arXiv:1603.07285, 2016: transposed convolutions, zeros between and
#   around, with drawings.
# - A. Odena, V. Dumoulin, C. Olah. *Deconvolution and Checkerboard Artifacts.* Distill, 2016: why the stride should divide the kernel size.
# - K. Chellapilla, S. Puri, P. Simard. *High Performance Convolutional Neural Networks for Document Processing.* IWFHR 2006: convolution unrolled into
#   a matrix product.
# - PyTorch documentation: `torch.amax`, on how it and `torch.max` treat ties in the backward pass; `torch.nn.ConvTranspose2d`, on `output_padding`.
