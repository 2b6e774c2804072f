# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 24 · Inception v1 to v4: what changed each time?
#
# *Inception V1 到 V4 的区别与改进?*

# %% [markdown]
# ## Question
#
# "Take me from Inception v1 to v4: what did each version change, and why?
# Does v4 have residual connections?
# Now write the modules in PyTorch, and tell me what a 1×1 reduction saves."
#
# "从 Inception v1 到 v4,每一版改了什么,为什么改?v4 有残差连接吗?请用 PyTorch 写出各个模块,并算一算 1×1 降维省了多少计算量。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **One idea.** Kernels of several sizes side by side, concatenated; 1×1 reductions make that affordable.
# - **The two meanings of v2.** BN-Inception, or the factorised net of the "Rethinking" paper.
# - **Factorisation with numbers.** 18/25, 27/49, 2/n, and where v3 uses which: 1×7 with 7×1 on 17×17 maps, 1×3 beside 3×1 on 8×8 maps.
# - **What else v3 is.** Grid reduction, label smoothing, RMSProp, batch norm in the auxiliary head.
# - **v4 and Inception-ResNet kept apart.** Version 4 has no addition anywhere. The hybrids are other networks of the same paper.
# - **The code.** Branch order, a ReLU after every reduction, stride 1 in the pool branch, a *linear* 1×1 before the addition.

# %% [markdown]
# ## The idea
#
# ### Five networks and six names
#
# | name | paper | what really changed |
# |---|---|---|
# | v1 = GoogLeNet | Szegedy et al. 2014 | parallel 1×1, 3×3, 5×5 and pool; 1×1 reductions; global average pooling; two auxiliary heads |
# | v2, first meaning: BN-Inception | Ioffe, Szegedy 2015 | batch norm before every nonlinearity; 5×5 as two 3×3; modules of stride 2 |
# | v2, second meaning | Szegedy et al. 2015, "Rethinking", §6 | factorised kernels; 299×299 input; never released as a model file that we could count |
# | v3 | the same paper, §10 | that net with RMSProp, label smoothing, factorised 7×7 and batch norm in the auxiliary head |
# | v4 | Szegedy et al. 2016 | pure Inception, larger and more uniform; a new stem; no residual connections |
# | Inception-ResNet-v1, v2 | the same paper as v4 | Inception branches as the *residual*; linear 1×1; scaling |
#
# "v1 replaces some of GoogLeNet's convolutions" is a circle: GoogLeNet *is* v1.

# %% [markdown]
# ### Version 1: all sizes side by side
#
# Which kernel size is right, 1×1, 3×3 or 5×5? It depends on how large the object is.
# So take all of them, and a 3×3 maximum, and concatenate the outputs.
# The next layer chooses.

# %%
from collections import Counter
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from utils import check, data, hint, models, plots, trial

plots.style()
NAMES = ["googlenet", "bn-inception", "inception-v3", "inception-v4", "inception-resnet-v2"]
zoo = {name: models.build(name, device="meta") for name in NAMES}  # shapes without memory

# %%
plots.graph(*models.dataflow(zoo["googlenet"].inception3a, (192, 28, 28)), "Version 1: four branches, and a 1×1 before each large kernel")
plt.show()

# %% [markdown]
# **Takeaway.** The 5×5 reads 16 channels, not 192.
# The two 1×1 in front of the large kernels are the *reductions*; the one behind the pool keeps the stream from growing.

# %% [markdown]
# ### What a reduction saves
#
# A $k\times k$ convolution from $C$ to $D$ channels on an $H\times W$ map costs, in multiply-adds,
#
# $$ k^2\,C\,D\,HW . $$
#
# Reduce to $m$ channels first:
#
# $$ \big(C\,m + k^2\,m\,D\big)\,HW
# \qquad\text{ratio}\qquad
# \frac{C m + k^2 m D}{k^2 C D} = \frac{m}{k^2 D} + \frac{m}{C} . $$
#
# The second term is the point: the large kernel's cost shrinks by $m/C$, whatever $k$ is.
# The first term is the price of the 1×1, small when $k^2$ is large.
# The ReLU after the reduction is a bonus: one more nonlinearity.

# %% [markdown]
# ### Version 2: two 3×3 for a 5×5, and batch norm
#
# Two 3×3 see $3 + (3 - 1) = 5$ pixels. With $C$ channels throughout they cost $2\cdot 9\,C^2$ in the place of $25\,C^2$: the ratio is **18/25**.
# Three see 7, for **27/49** of a 7×7.
# Each has its own nonlinearity.
#
# BN-Inception normalises the input of *every* nonlinearity, not "the input".

# %%
plots.graph(*models.dataflow(zoo["bn-inception"].inception3a, (192, 28, 28)), "Version 2: two 3×3 for the 5×5, BN after each convolution")
plt.show()

# %% [markdown]
# **Takeaway.** Same four branches, one box more.
# The original pools by mean here and by maximum in its last module. Your exercise pools by maximum, as version 1 does.

# %% [markdown]
# ### Version 3: another module for each size of map
#
# An $n\times n$ kernel in two steps, $1\times n$ then $n\times1$: $n + n$ taps in the place of $n^2$.
# The ratio is **2/n**: 2/3 for $n = 3$, 2/7 for $n = 7$.
# The paper found this poor on early layers and good on maps of 12 to 20 pixels (§3.2).
# So version 3 has three kinds of modules. Large maps first:

# %%
plots.graph(*models.dataflow(zoo["inception-v3"].mixed5b, (192, 35, 35)), "Version 3 on 35×35 maps: nothing asymmetric yet")
plt.show()

# %% [markdown]
# **Takeaway.** One branch still has a 5×5, another two 3×3. This is the released model; the paper's figure 5 has 3×3 only.

# %%
plots.graph(*models.dataflow(zoo["inception-v3"].mixed6b, (768, 17, 17)), "Version 3 on 17×17 maps: 1×7 and 7×1 in series, once and twice")
plt.show()

# %% [markdown]
# **Takeaway.** Here are the 1×7 and 7×1: *one after the other*, in the middle of the network.

# %%
plots.graph(*models.dataflow(zoo["inception-v3"].mixed7b, (1280, 8, 8)), "Version 3 on 8×8 maps: 1×3 and 3×1 side by side")
plt.show()

# %% [markdown]
# **Takeaway.** Here the 1×3 and the 3×1 read the *same* input and are concatenated.
# That is no factorised 3×3; it makes the filter bank wider where the map is smallest.

# %% [markdown]
# ### Halving the map
#
# Say $d\times d\times C$ must become $\tfrac d2\times\tfrac d2\times 2C$. Two obvious ways, both with a 3×3:
#
# - pool, then convolve: $9\cdot C\cdot 2C\cdot\tfrac{d^2}{4}$.
#   Cheap, but between the two there are only $\tfrac{d^2}{4}\,C$ numbers: a *representational bottleneck*.
# - convolve, then pool: $9\cdot C\cdot 2C\cdot d^2$. No bottleneck, four times the cost.
#
# Version 3 does both halves at once: a convolution of stride 2 to $C$ channels *beside* a pool of the $C$ old ones, concatenated.
# $9\cdot C\cdot C\cdot\tfrac{d^2}{4}$, and no bottleneck (§5).

# %%
plots.graph(*models.dataflow(zoo["inception-v3"].mixed6a, (288, 35, 35)), "Version 3's grid reduction: convolve and pool side by side")
plt.show()

# %% [markdown]
# **Takeaway.** 480 new channels and the 288 old ones, pooled, make 768. The map halves and the width grows, in one step.

# %% [markdown]
# ### Label smoothing
#
# With $K$ classes and smoothing $\varepsilon$ the target is $q_k = (1-\varepsilon)\,[k = y] + \varepsilon/K$ in the place of the one-hot vector.
# Cross-entropy is smallest where softmax equals the target.
# Let the right logit be $z$ above all others, which are equal. Then $e^{z} = q_y/q_{\text{other}}$, so
#
# $$ z^\star = \log\frac{1-\varepsilon+\varepsilon/K}{\varepsilon/K} . $$
#
# Finite. With $\varepsilon = 0$ it is infinite: the loss rewards ever larger logits.

# %% [markdown]
# ### Version 4, and the other thing
#
# Version 4 is Inception only: a stem with three forks, then 4, 7 and 3 modules of three kinds.

# %%
plots.graph(*models.dataflow(zoo["inception-v4"].inception_c[0], (1536, 8, 8)), "Version 4 on 8×8 maps: concatenations, and no addition")
plt.show()

# %% [markdown]
# **Takeaway.** On 35×35 maps version 4 has the branches of your `InceptionV2` (with average pooling), on 17×17 those of version 3, wider.

# %% [markdown]
# Inception-ResNet takes a cheaper set of branches as a *residual*.
# Addition needs equal shapes, so a 1×1 brings the concatenation back to the width of the stream.
# It is linear: after a ReLU a residual could only push features up.
# And it is multiplied by a small constant.

# %%
plots.graph(*models.dataflow(zoo["inception-resnet-v2"].block35[0], (320, 35, 35)), "Inception-ResNet: a linear 1×1, a factor, an addition")
plt.show()


# %% [markdown]
# **Takeaway.** The 1×1 *after* the branches exists here only.
# "v4 swapped the order of 1×1 and 3×3", which one hears, may have its origin here.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the module of GoogLeNet
#
# Four branches on the same `x`: 1×1; 1×1 then 3×3; 1×1 then 5×5; 3×3 maximum (stride 1) then 1×1.
# Each convolution has a bias and is followed by ReLU. Every map keeps its size.
# Concatenate in that order.

# %%
class InceptionV1(nn.Module):
    """(N, c_in, H, W) -> (N, c1 + c3 + c5 + c_pool, H, W)."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(InceptionV1)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what goes where</summary>
#
# `__init__` makes four branches, `forward` runs each of them on `x` and concatenates. Which axis holds the channels?
# Begin `__init__` with `super().__init__()`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: keep the size</summary>
#
# A kernel of size k keeps the map with `padding=k // 2`. `nn.MaxPool2d(3)` alone has stride **3**: give it `stride=1, padding=1`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Six convolutions, six ReLUs: `c_in → c1` (1×1); `c_in → c3_reduce` (1×1), `c3_reduce → c3` (3×3); `c_in → c5_reduce` (1×1), `c5_reduce → c5` (5×5);
# pool, `c_in → c_pool` (1×1). Then `torch.cat([...], dim=1)`.
#
# </details>

# %% [markdown]
# ### Exercise 2: the module of BN-Inception
#
# The same four branches and arguments, but the 5×5 becomes two 3×3: `c5_reduce → c5 → c5`.
# Each convolution is followed by batch norm (torch's defaults) and ReLU, and has no bias.

# %%
class InceptionV2(nn.Module):
    """(N, c_in, H, W) -> (N, c1 + c3 + c5 + c_pool, H, W)."""

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(InceptionV2)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one helper</summary>
#
# Write a small function that returns convolution, batch norm and ReLU as an `nn.Sequential`. The rest is version 1.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: why no bias</summary>
#
# Batch norm subtracts the mean, and with it any bias. Its β takes the bias's place: `bias=False`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Seven times conv-BN-ReLU. The third branch: 1×1 `c_in → c5_reduce`, 3×3 `c5_reduce → c5`, 3×3 `c5 → c5`.
#
# </details>

# %% [markdown]
# ### Exercise 3: the factorised convolution of version 3
#
# 1×n from `c_in` to `c_out`, then n×1 from `c_out` to `c_out`, for odd n.
# Each is followed by batch norm and ReLU, without a bias. The map keeps its size.

# %%
class FactorizedConv(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H, W)."""

    def __init__(self, c_in, c_out, n):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(FactorizedConv)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: kernels that are not square</summary>
#
# `nn.Conv2d` takes a pair: `kernel_size=(height, width)`. 1×n is one row of n taps.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: padding</summary>
#
# `padding` is a pair too, in the same order. A 1×n kernel needs `(0, n // 2)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `Conv2d(c_in, c_out, (1, n), padding=(0, n // 2), bias=False)`, BN, ReLU; `Conv2d(c_out, c_out, (n, 1), padding=(n // 2, 0), bias=False)`, BN, ReLU.
#
# </details>

# %% [markdown]
# ### Exercise 4: the block of Inception-ResNet-v2
#
# The 35×35 block. Three branches, each convolution with batch norm and ReLU and without a bias:
# 1×1 to 32; 1×1 to 32, 3×3 to 32; 1×1 to 32, 3×3 to 48, 3×3 to 64.
# Concatenate; a *linear* 1×1 with bias brings the 128 channels back to `c_in`.
# Return $\mathrm{relu}(x + \text{scale}\cdot\text{that})$.

# %%
class InceptionResNet(nn.Module):
    """(N, c_in, H, W) -> the same shape."""

    def __init__(self, c_in, scale=0.1):
        # YOUR CODE HERE
        raise NotImplementedError()

    def forward(self, x):
        # YOUR CODE HERE
        raise NotImplementedError()


# %%
check(InceptionResNet)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: three parts</summary>
#
# Branches and concatenation as before; then one bare `nn.Conv2d`; then the addition and a ReLU.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what "linear" means</summary>
#
# No ReLU and no batch norm behind it. As no batch norm follows, it keeps its bias.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `mixed = torch.cat([...], dim=1)` has 32 + 32 + 64 = 128 channels.
# `return F.relu(x + self.scale * self.linear(mixed))`, with `self.linear = nn.Conv2d(128, c_in, 1)`.
#
# </details>

# %% [markdown]
# ### Exercise 5: what the reduction saves
#
# Multiply-adds of a `kernel`×`kernel` convolution from `c_in` to `c_out` on a map that keeps its size:
# once straight, once with a 1×1 reduction to `c_mid` in front. No biases. Two ints.

# %%
def bottleneck_macs(c_in, c_mid, c_out, kernel, height, width):
    """Six ints -> (direct, bottleneck), two ints."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(bottleneck_macs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one output number</summary>
#
# How many products go into one number of the output map? And how many such numbers are there?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the second one is two convolutions</summary>
#
# 1×1 from `c_in` to `c_mid`, then kernel×kernel from `c_mid` to `c_out`. Add their costs.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Per position: `c_in * c_out * kernel**2` against `c_in * c_mid + c_mid * c_out * kernel**2`. Times `height * width`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on your own modules are at work.
#
# ### Your modules, assembled
#
# GoogLeNet from nine of your `InceptionV1`, with and without its two auxiliary heads; BN-Inception from eight of your `InceptionV2`;
# Inception-ResNet-v2 with ten of your blocks. On the `meta` device: shapes without memory.

# %%
with torch.device("meta"):
    yours = {
        "googlenet": models.GoogLeNet(block=InceptionV1),
        "googlenet-aux": models.GoogLeNet(block=InceptionV1, aux=True),
        "bn-inception": models.BNInception(block=InceptionV2),
        "inception-resnet-v2": models.InceptionResNetV2(block=InceptionResNet),
    }
for name, net in yours.items():
    count, published = models.count_parameters(net), models.PUBLISHED[name].parameters
    print(f"{models.PUBLISHED[name].title:30} {count:11,}   published {published:11,}")
    assert count == published

# %% [markdown]
# **Takeaway.** To the last parameter. The two auxiliary heads weigh nearly as much as the network they help.

# %%
stages = models.describe(yours["googlenet"], (3, 224, 224))
modules = [row for row in stages if row.name.startswith("inception")]
print(f"nine Inception modules: {sum(row.parameters for row in modules):,} of {sum(row.parameters for row in stages):,} parameters")

# %%
shown = [row for row in stages if row.parameters or "pool" in row.name]
plots.architecture(shown, "GoogLeNet from your modules: no large linear layer at its end")
plt.show()

# %% [markdown]
# **Takeaway.** Global average pooling turns 7×7×1024 into 1024 numbers, so one linear layer of a million weights is enough.
# AlexNet's and VGG's linear layers hold most of their weights.

# %% [markdown]
# ### The timeline, counted
#
# Our own counts of the zoo's networks beside what the papers print.

# %%
macs = {name: models.model_macs(net, models.PUBLISHED[name].input_shape) for name, net in zoo.items()}
print(f"{'':28} {'year':4}  {'input':5}  {'parameters':>10}  {'multiply-adds':>13}  {'in the paper':14} top-1 / top-5 error")
for name, net in zoo.items():
    row = models.PUBLISHED[name]
    count, error = models.count_parameters(net), next(e for e in row.errors if e.top1)
    assert (count, macs[name]) == (row.parameters, row.macs)
    cost = (row.paper_cost or "–").split(" in ")[0]
    measured = f"{row.input_shape[1]:5}  {count:10,}  {macs[name] / 1e9:11.2f} G"
    print(f"{row.title:28} {row.year}  {measured}  {cost:14} {error.top1} / {error.top5}, {error.protocol}")

# %% [markdown]
# **Takeaway.** From v1 to v4 the cost grew nearly eightfold. A factor of 1.8 is the larger input, 299×299 for 224×224; the rest is the network.
# The factorised "v2" of the Rethinking paper is missing: no file of it is public that we could count (second hand: 3.8 G, 23.4 % top-1).
# For v3 the paper prints 4.8 G and the released model has 5.7 G.
# The errors come from different protocols: do not subtract them blindly.

# %% [markdown]
# ### What the 1×1 saves in each of the nine modules
#
# Your `bottleneck_macs` for the 3×3 and the 5×5 branch of every module.
# Where do you expect the larger factor, at the 3×3 or at the 5×5?

# %%
from utils.models.googlenet import V1_STAGE3, V1_STAGE4, V1_STAGE5

c_in, savings = 192, {}
for stage, size, rows in ((3, 28, V1_STAGE3), (4, 14, V1_STAGE4), (5, 7, V1_STAGE5)):
    for letter, (c1, c3_reduce, c3, c5_reduce, c5, c_pool) in zip("abcde", rows, strict=False):
        three = bottleneck_macs(c_in, c3_reduce, c3, 3, size, size)
        five = bottleneck_macs(c_in, c5_reduce, c5, 5, size, size)
        rest = size * size * c_in * (c1 + c_pool)
        with torch.device("meta"):
            module = InceptionV1(c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool)
        assert models.model_macs(module, (c_in, size, size)) == three[1] + five[1] + rest
        savings[f"{stage}{letter}"] = three, five, rest
        c_in = c1 + c3 + c5 + c_pool

print("module   3×3: direct → reduced     5×5: direct → reduced     module: saved   (millions of multiply-adds)")
for name, (three, five, rest) in savings.items():
    naive, real = three[0] + five[0] + rest, three[1] + five[1] + rest
    columns = [f"{d / 1e6:6.1f} → {b / 1e6:5.1f} ({d / b:4.1f}×)" for d, b in (three, five)]
    print(f"{name:6} {columns[0]:>24}  {columns[1]:>24}   {(naive - real) / 1e6:6.1f} of {naive / 1e6:6.1f}")

# %%
naive, real = (sum(three[i] + five[i] + rest for three, five, rest in savings.values()) for i in (0, 1))
print(f"all nine modules: {naive / 1e9:.2f} G without, {real / 1e9:.2f} G with reductions, {naive / real:.1f} times fewer")
print(f"the whole network: {(macs['googlenet'] + naive - real) / 1e9:.2f} G without, {macs['googlenet'] / 1e9:.2f} G with")

# %%
fig, ax = plt.subplots(figsize=(8, 3.9), layout="constrained")
at = np.arange(len(savings))
for shift, index, tint in ((-0.2, 0, plots.color("wrong")), (0.2, 1, plots.color("right"))):
    low = np.zeros(len(savings))
    for part, (label, alpha) in enumerate((("3×3 branch", 0.95), ("5×5 branch", 0.6), ("1×1 and pool branch", 0.3))):
        high = np.array([(row[part] if part == 2 else row[part][index]) / 1e6 for row in savings.values()])
        ax.bar(at + shift, high, 0.38, low, color=tint, alpha=alpha, label=f"{label}, {'reduced' if index else 'direct'}")
        low = low + high
ax.set_xticks(at, list(savings))
ax.set(xlabel="module of GoogLeNet", ylabel="multiply-adds (millions)", title="The reductions save most where the 5×5 would have been dearest")
ax.legend(fontsize=9, ncols=2)
ax.grid(False, axis="x")
plt.show()


# %% [markdown]
# **Takeaway.** The 5×5 gains most, a factor of 7 to 21; the 3×3 gains 2 to 4.
# The paper's budget was 1.5 G. Without reductions the network would cost nearly three times that.

# %% [markdown]
# ### Factorisation in fractions
#
# Weights of your own modules, batch norms left out, 64 channels throughout.

# %%
def conv_weights(module):
    return sum(p.numel() for p in module.parameters() if p.dim() == 4)


C = 64
for kernel, layers in ((5, 2), (7, 3)):
    stacked = nn.Sequential(*(nn.Conv2d(C, C, 3, padding=1, bias=False) for _ in range(layers)))
    print(f"{layers} times 3×3 for one {kernel}×{kernel}: {Fraction(conv_weights(stacked), C * C * kernel**2)}")
for n in (3, 5, 7):
    print(f"1×{n} and {n}×1 for one {n}×{n}: {Fraction(conv_weights(FactorizedConv(C, C, n)), C * C * n * n)}")

# %% [markdown]
# **Takeaway.** 18/25, 27/49, and 2/n. For a 3×3 the saving is a third; for a 7×7 it is five sevenths.
# These are ratios for equal widths. With `c_in` ≠ `c_out` the two halves differ.

# %% [markdown]
# ### Can every kernel be factorised?
#
# With nothing between the two, $1\times n$ then $n\times1$ has the kernel $u v^{\mathsf T}$, a matrix of rank 1.
# The singular value decomposition gives the best such matrix, and what is left over.
# Four kernels of 7×7. Which of them would you expect to survive?

# %%
grid = np.arange(-3, 4)
bell, slope = np.exp(-(grid**2) / 4), grid * np.exp(-(grid**2) / 4)
rng = np.random.default_rng(0)
kernels = {
    "Gaussian blur": np.outer(bell, bell),
    "vertical edge": np.outer(bell, slope),
    "diagonal edge": np.exp(-(grid[:, None] ** 2 + grid**2) / 4) * (grid[:, None] + grid),
    "random": rng.normal(size=(7, 7)),
}


def best_rank_one(kernel):
    """u (column), v (row) and the relative error of u vᵀ."""
    left, sizes, right = np.linalg.svd(kernel)
    return left[:, 0] * sizes[0], right[0], np.sqrt((sizes[1:] ** 2).sum() / (sizes**2).sum())


errors = {name: float(best_rank_one(kernel)[2]) for name, kernel in kernels.items()}
for name, error in errors.items():
    print(f"{name:14} rank {np.linalg.matrix_rank(kernels[name])}, error of the best factorisation {error:.0%}")
many = [best_rank_one(kernel)[2] for kernel in rng.normal(size=(500, 7, 7))]
print(f"500 random kernels: {np.mean(many):.0%} on average, {np.min(many):.0%} at best")

# %%
rebuilt = {name: np.outer(*best_rank_one(kernel)[:2]) for name, kernel in kernels.items()}
plots.images([*kernels.values(), *rebuilt.values()], "Only a rank-1 kernel survives 1×7 and 7×1", columns=4,
             titles=[*kernels, *(f"rank 1: {errors[name]:.0%} error" for name in kernels)])
plt.show()

# %% [markdown]
# **Takeaway.** Blur and straight edges come through exactly, the diagonal edge and the random kernel do not.
# Factorising is a *restriction*. It is chosen because it is cheap and works, not because nothing is lost.
#
# With many channels it is the same statement in a larger matrix. A layer of $C$ channels has a $7C\times7C$ matrix, and factorising leaves rank $C$.

# %%
large = np.linalg.svd(rng.normal(size=(7 * 32, 7 * 32)), compute_uv=False)
print(f"a random 7×7 layer of 32 channels, best factorisation: {np.sqrt((large[32:] ** 2).sum() / (large**2).sum()):.0%} error")


# %% [markdown]
# ### Where version 3 keeps which kernel
#
# Count the convolutions in the zoo's own modules, by the size of the map they work on.

# %%
def kernels_of(module):
    sizes = Counter("×".join(map(str, m.kernel_size)) for m in module.modules() if isinstance(m, nn.Conv2d))
    return dict(sorted(sizes.items(), key=lambda item: (len(item[0]), item[0])))


v3 = zoo["inception-v3"]
parts = {
    "stem": [v3.stem],
    "35×35 modules": [v3.mixed5b, v3.mixed5c, v3.mixed5d],
    "35 → 17": [v3.mixed6a],
    "17×17 modules": [v3.mixed6b, v3.mixed6c, v3.mixed6d, v3.mixed6e],
    "17 → 8": [v3.mixed7a],
    "8×8 modules": [v3.mixed7b, v3.mixed7c],
}
for name, group in parts.items():
    print(f"{name:14} {kernels_of(nn.ModuleList(group))}")


# %% [markdown]
# In series or side by side? Trace the modules and look which convolution feeds which.

# %%
def neighbours(module):
    """How the 1×n and n×1 of a module are wired: Counter of "in series" and "side by side"."""
    graph, layers = fx.symbolic_trace(module).graph, dict(module.named_modules())
    source = {}
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(layers[node.target], nn.Conv2d):
            above = node.all_input_nodes[0]
            while above.op == "call_module" and isinstance(layers[above.target], (nn.BatchNorm2d, nn.ReLU)):
                above = above.all_input_nodes[0]
            source[node] = above
    size = {node: layers[node.target].kernel_size for node in source}
    wired = Counter()
    for node, above in source.items():
        if size[node][0] != size[node][1]:
            twins = [n for n, a in source.items() if a is above and size[n] == size[node][::-1]]
            wired["side by side"] += bool(twins)
            wired["in series"] += size.get(above) == size[node][::-1]
    return {how: number for how, number in wired.items() if number}


v4, hybrid = zoo["inception-v4"], zoo["inception-resnet-v2"]
wiring = {
    "v3, 17×17": v3.mixed6b, "v3, 8×8": v3.mixed7b, "v4, 17×17": v4.inception_b[0], "v4, 8×8": v4.inception_c[0],
    "Inception-ResNet, 17×17": hybrid.block17[0], "Inception-ResNet, 8×8": hybrid.block8[0],
}  # fmt: skip
wiring = {name: neighbours(module) for name, module in wiring.items()}
for name, wired in wiring.items():
    print(f"{name:24} {wired}")


# %% [markdown]
# **Takeaway.** 1×7 and 7×1 stand in series, on 17×17 maps only.
# In version 3 the 1×3 and 3×1 stand side by side, on 8×8 maps only. Version 4 has both there, Inception-ResNet goes back to series.

# %% [markdown]
# ### Halving the map: three ways
#
# From 35×35×320 to 17×17×640, as in the paper's figures 9 and 10.
# The narrowest point is the smallest number of values on the way from input to output.

# %%
class SideBySide(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolve, self.pool = nn.Conv2d(320, 320, 3, stride=2), nn.MaxPool2d(3, 2)

    def forward(self, x):
        return torch.cat([self.convolve(x), self.pool(x)], dim=1)


ways = {
    "pool, then convolve": (nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(320, 640, 3, padding=1)), 17 * 17 * 320),
    "convolve, then pool": (nn.Sequential(nn.Conv2d(320, 640, 3, padding=1), nn.MaxPool2d(3, 2)), 17 * 17 * 640),
    "side by side (v3)": (SideBySide(), 17 * 17 * 640),
}
halving = {name: models.model_macs(net, (320, 35, 35)) for name, (net, _) in ways.items()}
for name, (net, narrowest) in ways.items():
    assert models.describe(net, (320, 35, 35))[-1].shape[1:] == (17, 17)
    print(f"{name:20} {halving[name] / 1e6:7.0f} M multiply-adds   narrowest point {narrowest:7,} values")

# %% [markdown]
# **Takeaway.** Side by side is the cheapest of the three *and* has no bottleneck: the pool hands the old channels on for nothing.

# %% [markdown]
# ### Label smoothing: where the loss has its minimum
#
# Four classes and ε = 0.1 first, small enough to check by hand. Then the loss as a function of the right logit's lead.

# %%
logits, label, smoothing = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64), torch.tensor([0]), 0.1
target = (1 - smoothing) * F.one_hot(label, 4) + smoothing / 4
by_hand = -(target * F.log_softmax(logits, dim=1)).sum()
print("target:", [round(q, 3) for q in target[0].tolist()])
print("by hand equals torch's label_smoothing:", torch.allclose(by_hand, F.cross_entropy(logits, label, label_smoothing=smoothing)))


def best_lead(classes):
    return np.log((1 - smoothing + smoothing / classes) / (smoothing / classes))


for classes in (4, 10, 1000):
    print(f"{classes:4} classes: the loss is smallest where the right logit leads by {best_lead(classes):.2f}")

# %%
lead = torch.linspace(0, 14, 200, dtype=torch.float64)
rows = torch.zeros(200, 10, dtype=torch.float64)
rows[:, 0] = lead
zeros = torch.zeros(200, dtype=torch.long)
series = {f"ε = {eps}": (lead.numpy(), F.cross_entropy(rows, zeros, label_smoothing=eps, reduction="none").numpy()) for eps in (0.0, 0.05, 0.1, 0.2)}
ax = plots.curves(series, "lead of the right logit over the nine others", "loss", "With smoothing the best logit is finite")
ax.plot(best_lead(10), F.cross_entropy(torch.tensor([[best_lead(10)] + [0.0] * 9]), torch.tensor([0]), label_smoothing=0.1), "k*", markersize=12)
ax.set(ylim=(0, 2.5))
plt.show()

# %% [markdown]
# **Takeaway.** Without smoothing the loss falls for ever, so training keeps pushing the logits apart.
# With ε = 0.1 and ten classes it turns at a lead of 4.51 (the star): being *too* sure costs.

# %% [markdown]
# ### What the auxiliary heads do to the gradient
#
# The real GoogLeNet, full size, from your modules, with two photographs at its input.
# How much larger does the gradient at each module become when the heads' losses are added, with the paper's weight 0.3?
# Three nets: torch's default initialisation; He initialisation; your `InceptionV2` in the place of `InceptionV1`.

# %%
china, flower = data.photos()
photographs = np.stack([china[100:324, 200:424], flower[100:324, 200:424]]).transpose(0, 3, 1, 2)
photographs = torch.tensor((photographs - 0.45) / 0.25, dtype=torch.float32)


def module_gradients(net):
    """At the output of each Inception module: the norm of the gradient of the main loss, and of main + 0.3 · heads."""
    outputs, hooks = [], []
    for name, part in net.named_children():
        if name.startswith("inception"):
            hooks.append(part.register_forward_hook(lambda _, __, output: outputs.append(output)))
    logits, *extra = net(photographs)
    for hook in hooks:
        hook.remove()
    labels = torch.tensor([0, 1])
    main = F.cross_entropy(logits, labels)
    total = main + 0.3 * sum(F.cross_entropy(other, labels) for other in extra)
    gradients = torch.autograd.grad(main, outputs, retain_graph=True), torch.autograd.grad(total, outputs)
    return [np.array([gradient.norm().item() for gradient in each]) for each in gradients]


def he_initialised(net):
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
            nn.init.zeros_(part.bias)
    return net


torch.manual_seed(0)
candidates = {
    "torch's default initialisation": models.GoogLeNet(block=InceptionV1, aux=True),
    "He initialisation": he_initialised(models.GoogLeNet(block=InceptionV1, aux=True)),
    "batch norm": models.GoogLeNet(block=InceptionV2, batch_norm=True, aux=True),
}
alone, helped = {}, {}
for name, net in candidates.items():
    alone[name], helped[name] = module_gradients(net)
    faded = "vanishes" if alone[name][0] < 1e-3 * alone[name][-1] else "does not vanish"
    boost = helped[name][0] / alone[name][0]
    print(f"{name:31} the gradient {faded}; the heads make it {'more than 30' if boost > 30 else 'less than 1.5'} times as large at 3a")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name, tint, marker in zip(candidates, (plots.color("wrong"), plots.color("momentum"), plots.color("right")), "sod", strict=True):
    axes[0].semilogy(list(savings), alone[name] / alone[name][-1], marker + "-", color=tint)
    axes[1].semilogy(list(savings), helped[name] / alone[name], marker + "-", color=tint, label=name)
axes[0].set(xlabel="module", ylabel="gradient norm, relative to 5b", title="Without heads: one of the three vanishes …")
axes[1].set(xlabel="module", ylabel="gradient with heads / without", title="… and only there the heads matter")
axes[1].legend(fontsize=9)
for ax in axes:
    for head in (2, 5):
        ax.axvline(head, color="0.7", linestyle=":", zorder=0)
plt.show()

# %% [markdown]
# **Takeaway.** The dotted lines are the modules that carry a head, 4a and 4d.
# With weak initial weights the gradient dies on its way to 3a, and the heads bring it back a hundredfold.
# With He initialisation or batch norm it is alive already, and the heads add a few per cent.

# %% [markdown]
# ### Small nets to train
#
# Digits of 8×8 pixels, a stem of stride 2, then modules of your `InceptionV2` with 32 channels, each followed by a linear 1×1.
# The *plain* net applies a ReLU to that; the *residual* net adds it to its input first. Same layers, same parameters.
# `head_after` hangs an auxiliary classifier on one of the modules.

# %%
images, digits, more_images, more_digits = data.digits(flat=False)
images = torch.tensor(np.concatenate([images, more_images]), dtype=torch.float32)
digits = torch.tensor(np.concatenate([digits, more_digits]))
TRAIN, TEST = slice(320), slice(320, 1120)  # few images to train on, so that a short training ends near a loss of zero


class Unit(nn.Module):
    def __init__(self, residual):
        super().__init__()
        self.module, self.linear, self.residual = InceptionV2(32, 8, 8, 8, 4, 8, 8), nn.Conv2d(32, 32, 1), residual

    def forward(self, x):
        y = self.linear(self.module(x))
        return F.relu(x + y) if self.residual else F.relu(y)


def stem(channels):
    return nn.Sequential(nn.Conv2d(1, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())


def head(channels):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


@torch.no_grad()
def accuracy(net):
    """On 800 images that were not trained on, with batch statistics."""
    return (net(images[TEST]).argmax(dim=1) == digits[TEST]).float().mean().item()


# %%
MODULES, STEPS = 3, 60


def train(residual, seed, steps=STEPS, head_after=None):
    """Training losses of the main classifier, and test accuracies by step."""
    torch.manual_seed(seed)
    net = nn.Sequential(stem(32), *(Unit(residual) for _ in range(MODULES)), head(32))
    extra = head(32)
    optimiser = torch.optim.Adam([*net.parameters(), *extra.parameters()], fused=True)
    order, losses, accuracies = torch.Generator().manual_seed(seed), [], {}
    while len(losses) < steps:
        for batch in torch.randperm(TRAIN.stop, generator=order).split(64)[: steps - len(losses)]:
            optimiser.param_groups[0]["lr"] = 0.02 * (1 - len(losses) / STEPS)
            x = images[batch]
            for index, part in enumerate(net):
                x = part(x)
                if index == head_after:
                    y = extra(x)
            loss = F.cross_entropy(x, digits[batch])
            losses.append(loss.item())
            total = loss if head_after is None else loss + 0.3 * F.cross_entropy(y, digits[batch])
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            if len(losses) % 15 == 0:
                accuracies[len(losses)] = accuracy(net)
    return np.array(losses), accuracies


SEEDS = range(3)
runs = {(name, seed): train(name == "residual", seed) for name in ("plain", "residual") for seed in SEEDS}

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for (name, seed), (losses, accuracies) in runs.items():
    look = dict(color=plots.color("right" if name == "residual" else "wrong"), linestyle="-" if name == "residual" else "--")
    axes[0].semilogy(np.convolve(losses, np.ones(5) / 5, "valid"), **look, linewidth=1.4, label=name if seed == 0 else None)
    axes[1].plot(list(accuracies), list(accuracies.values()), marker="o", markersize=4, **look, linewidth=1.4)
axes[0].set(xlabel="step", ylabel="training loss (mean of five steps)", title="With residuals the loss falls sooner …")
axes[1].set(xlabel="step", ylabel="test accuracy", title="… but most of the lead in accuracy melts away")
axes[0].legend()
plt.show()


# %% [markdown]
# **Takeaway.** Three seeds each. Stop after 15 steps and the residual nets are clearly better; wait, and most of the lead is gone.

# %% [markdown]
# ### Why the residual is scaled
#
# Nets of six of your `InceptionResNet` blocks, twelve steps of SGD with momentum, two learning rates, factors 1 and 0.1.
# The paper reports that unscaled residual nets with more than 1000 filters "died": the last layer put out zeros only (§3.3).

# %%
def residual_start(scale, rate, seed, steps=12):
    """The loss before each step."""
    torch.manual_seed(seed)
    start = [nn.Conv2d(1, 32, 3, 2, 1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()]
    net = nn.Sequential(*start, *(InceptionResNet(32, scale) for _ in range(6)), head(32))
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, fused=True)
    order, losses = torch.Generator().manual_seed(seed), []
    for batch in torch.randperm(len(images), generator=order).split(64)[:steps]:
        loss = F.cross_entropy(net(images[batch]), digits[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return np.array(losses)


SCALES, RATES = (1.0, 0.1), (0.1, 1.0)
starts = {(scale, rate, seed): residual_start(scale, rate, seed) for scale in SCALES for rate in RATES for seed in (0, 1)}


def reached(scale, rate):
    return [float(starts[scale, rate, seed][-3:].mean()) for seed in (0, 1)]


# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), sharey=True, layout="constrained")
for ax, rate in zip(axes, RATES, strict=True):
    for scale, tint, dash in zip(SCALES, (plots.color("wrong"), plots.color("right")), ("--", "-"), strict=True):
        for seed in (0, 1):
            ax.plot(starts[scale, rate, seed], dash, color=tint, label=f"scale {scale}" if seed == 0 else None)
    ax.set(xlabel="step", ylim=(0, 5), title=f"learning rate {rate}")
axes[0].set_ylabel("training loss (cut off at 5)")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
fig.suptitle("At a high learning rate only the scaled residuals train; at a low one they are slow", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** At the low rate the unscaled net is stable and the fastest. At the high rate it gets nowhere, and 0.1 learns.
# The factor works like a smaller step for the branches, and leaves the shortcut alone.

# %% [markdown]
# ## Folklore on trial
#
# ### "Inception v4 is Inception plus residual connections"
#
# A residual connection is an addition of two maps. Trace the zoo's networks and count the functions they call.

# %%
def calls(net):
    """The functions that a network's forward calls, by name."""
    graph = fx.symbolic_trace(net).graph
    names = (node.target if isinstance(node.target, str) else node.target.__name__ for node in graph.nodes if node.op in ("call_function", "call_method"))
    return Counter(names)


called = {name: calls(net) for name, net in zoo.items()}
for name, counts in called.items():
    print(f"{models.PUBLISHED[name].title:28} concatenations {counts['cat']:2}   additions {counts['add']:2}")

# %%
ruling = trial(
    "Inception v4 is Inception plus residual connections",
    {
        "an addition occurs in v4's traced graph": called["inception-v4"]["add"] > 0,
        "v4 has as many additions as modules (14)": called["inception-v4"]["add"] == 4 + 7 + 3,
    },
)
assert called["inception-resnet-v2"]["add"] == 10 + 20 + 10
assert ruling == "does not hold"
ruling


# %% [markdown]
# All forty additions are in Inception-ResNet-v2, one for each of its blocks.
# Say instead: *the v4 paper has two families. Inception-v4 is pure; Inception-ResNet-v1 and v2 are the hybrids.*

# %% [markdown]
# ### "v4 swapped the order: 3×3 first, then 1×1"
#
# In one module of each kind: how many 1×1 read something other than the module's input or a pool?

# %%
def late_reductions(module):
    """The 1×1 convolutions of a module that stand behind other convolutions."""
    graph, layers = fx.symbolic_trace(module).graph, dict(module.named_modules())
    ones = [node for node in graph.nodes if node.op == "call_module" and getattr(layers[node.target], "kernel_size", 0) == (1, 1)]
    above = [node.all_input_nodes[0] for node in ones]
    return sum(a.op != "placeholder" and not (a.op == "call_module" and isinstance(layers[a.target], nn.AvgPool2d)) for a in above)


late = {
    "v4": [late_reductions(group[0]) for group in (v4.inception_a, v4.inception_b, v4.inception_c)],
    "Inception-ResNet-v2": [late_reductions(group[0]) for group in (hybrid.block35, hybrid.block17, hybrid.block8)],
}
print(late)
ruling = trial(
    "v4 puts the 1×1 behind the larger kernels",
    {f"{name}, each kind of module": min(counts) > 0 for name, counts in late.items()},
    only_if="Inception-ResNet is meant, and its linear 1×1",
)
assert max(late["v4"]) == 0
assert ruling == "holds only if Inception-ResNet is meant, and its linear 1×1"
ruling


# %% [markdown]
# v4's modules reduce first, as all others do.

# %% [markdown]
# ### "In these networks residuals buy speed of training rather than accuracy"
#
# Speed: the steps until the mean loss of five steps is below 0.5. Accuracy: early and at the end, means over the seeds.
# And the published pair: v4 and Inception-ResNet-v2, of nearly equal cost.

# %%
def steps_to(losses, level=0.5):
    return int(np.argmax(np.convolve(losses, np.ones(5) / 5, "valid") < level)) + 5


speed = {name: [steps_to(runs[name, seed][0]) for seed in SEEDS] for name in ("plain", "residual")}
final = {name: np.array([runs[name, seed][1][STEPS] for seed in SEEDS]) for name in ("plain", "residual")}
early = {name: np.array([runs[name, seed][1][15] for seed in SEEDS]) for name in ("plain", "residual")}
lead = {when: float((accuracies["residual"] - accuracies["plain"]).mean()) for when, accuracies in {"early": early, "final": final}.items()}
pure, mixed = (models.PUBLISHED[name] for name in ("inception-v4", "inception-resnet-v2"))
print(f"cost of Inception-ResNet-v2 over v4: {macs['inception-resnet-v2'] / macs['inception-v4']:.2f}")
published_gaps = {}
for protocol in ("one crop, non-blacklisted images", "144 crops"):
    a, b = (next(e.top1 for e in net.errors if e.protocol == protocol) for net in (pure, mixed))
    published_gaps[protocol] = a - b
    print(f"{protocol:33} v4 {a} %, Inception-ResNet-v2 {b} %")

# %%
ruling = trial(
    "in Inception networks residuals buy speed of training rather than accuracy",
    {
        "our nets: the residual ones need fewer steps, by a tenth or more on average": float(np.mean(speed["residual"])) < 0.9 * float(np.mean(speed["plain"])),
        "our nets: they lead in accuracy by 10 points or more after 15 steps": lead["early"] > 0.10,
        "our nets: less than a third of that lead is left at the end": lead["final"] < lead["early"] / 3,
        **{f"ImageNet, {protocol}: the errors are within 0.2 points": abs(g) < 0.2 for protocol, g in published_gaps.items()},
    },
)
assert ruling == "holds"
ruling

# %% [markdown]
# "Rather than", not "and no": a point or two of accuracy remain here after sixty steps, about as much as one seed differs from another.
# The paper puts it the same way: training is significantly faster, there is *some evidence* of a thin gain in accuracy,
# and the final accuracy mostly follows the size of the model.
#
# And mind the depth. These nets are shallow enough to train without shortcuts, and so is v4, with care.
# Make a plain net deep enough and it does not catch up: that is degradation, question 25.

# %% [markdown]
# ### "Version 3 replaces GoogLeNet's 7×7 convolutions by 1×7 and 7×1"

# %%
sevens = {name: kernels_of(part) for name, part in zoo["googlenet"].named_children() if "7×7" in kernels_of(part)}
print("GoogLeNet's 7×7:", sevens)
print("v3's stem:", kernels_of(v3.stem))
asymmetric = {name: sum(kernels_of(nn.ModuleList(group)).get(k, 0) for k in ("1×7", "7×1")) for name, group in parts.items()}
print("v3's 1×7 and 7×1:", {name: count for name, count in asymmetric.items() if count})

ruling = trial(
    "version 3 replaces GoogLeNet's 7×7 convolutions by 1×7 and 7×1",
    {
        "GoogLeNet has a 7×7 in one of its modules": any(name.startswith("inception") for name in sevens),
        "v3's stem, where GoogLeNet had its one 7×7, uses 1×7 or 7×1": asymmetric["stem"] > 0,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# There was one 7×7, in the stem, and three 3×3 have taken its place.
# The 1×7 and 7×1 stand in the 17×17 modules, and in one reduction after them, where GoogLeNet never had a 7×7.

# %% [markdown]
# ### "A factorised convolution computes the same, only cheaper"
#
# Run it: the 7×7 kernel on a photograph, against its best 1×7 and 7×1.
# And once more with the ReLU that stands between them in version 3.

# %%
picture = torch.tensor(china.mean(axis=2))[None, None, 100:200, 200:300]
picture = picture - picture.mean()


def gap_of(kernel, between=lambda x: x):
    """Relative difference between the 7×7 and the two steps, on the picture."""
    column, row, _ = best_rank_one(kernel)
    whole = F.conv2d(picture, torch.tensor(kernel)[None, None])
    halves = F.conv2d(between(F.conv2d(picture, torch.tensor(row.copy())[None, None, None])), torch.tensor(column.copy())[None, None, :, None])
    return float((whole - halves).norm() / whole.norm())


gaps = {name: gap_of(kernel) for name, kernel in kernels.items()}
gaps["vertical edge, ReLU between"] = gap_of(kernels["vertical edge"], F.relu)
ruling = trial(
    "a factorised convolution computes the same, only cheaper",
    {name: gap < 1e-6 for name, gap in gaps.items()},
    only_if="the kernel has rank 1 and nothing nonlinear stands between",
)
assert min(gap for gap in gaps.values() if gap >= 1e-6) > 0.05
assert ruling == "holds only if the kernel has rank 1 and nothing nonlinear stands between"
ruling

# %% [markdown]
# Two 3×3 for a 5×5 are no identity either. In version 3 the nonlinearity between is deliberate:
# 77.2 % against 76.2 % accuracy with a linear first layer (§3.1).
# Say instead: *it is another, cheaper layer with the same receptive field.*

# %% [markdown]
# ### "Auxiliary heads are there against vanishing gradients"
#
# From the experiment above: does adding the heads' losses make the gradient at module 3a at least twice as large?

# %%
ruling = trial(
    "auxiliary heads strengthen the gradient in the early layers",
    {name: bool(helped[name][0] > 2 * alone[name][0]) for name in candidates},
    only_if="neither the initialisation nor batch norm keeps the gradient alive",
)
assert ruling == "holds only if neither the initialisation nor batch norm keeps the gradient alive"
ruling


# %% [markdown]
# ### "Auxiliary heads make training converge faster"
#
# The plain nets of above once more, four seeds, with and without a head after the second module.
# By which factor does the head change the main classifier's loss, steps 11 to 30?

# %%
def start_loss(seed, head_after):
    return train(False, seed, steps=30, head_after=head_after)[0][10:].mean()


change = [float(start_loss(seed, 2) / (runs["plain", seed][0][10:30].mean() if seed in SEEDS else start_loss(seed, None))) for seed in range(4)]
ruling = trial(
    "auxiliary heads make training converge faster",
    {
        "the loss with a head is lower in every seed": max(change) < 1,
        "it is lower by a tenth or more on average": float(np.mean(change)) < 0.9,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# It goes up with one seed and down with another.
# "Rethinking" §4 says so of version 3: early in training no difference; near the end the net with heads gets a little ahead.
# The authors then call the heads a *regulariser*, more so with batch norm in the head.
# GoogLeNet of 2014 had neither batch norm nor He initialisation: there the old story has its place.

# %% [markdown]
# ### "v2 adds batch norm to the input"

# %%
bn = zoo["bn-inception"]
norms = sum(isinstance(part, nn.BatchNorm2d) for part in bn.modules())
convolutions = sum(isinstance(part, nn.Conv2d) for part in bn.modules())
print(f"BN-Inception: {convolutions} convolutions, {norms} batch norms")

ruling = trial("version 2 adds batch norm to the input", {
    "there is one batch norm, at the input": norms == 1,
    "what reads the image is a batch norm": isinstance(next(part for part in bn.modules() if not list(part.children())), nn.BatchNorm2d),
})  # fmt: skip
assert norms == convolutions
assert ruling == "does not hold"
ruling

# %% [markdown]
# ### "Residual branches must be scaled, or training is unstable"

# %%
for rate in RATES:
    print(f"learning rate {rate}:", {scale: "learns" if max(reached(scale, rate)) < 1.6 else "hardly learns" for scale in (1.0, 0.1)})

ruling = trial(
    "an unscaled residual net does not train, one with 0.1 does (12 steps, loss below 1.6, both seeds)",
    {f"learning rate {rate}": max(reached(0.1, rate)) < 1.6 < min(reached(1.0, rate)) for rate in RATES},
    only_if="the step is large for the width and depth of the net",
)
assert ruling == "holds only if the step is large for the width and depth of the net"
ruling

# %% [markdown]
# Our nets have 32 channels. Beyond 1000 the authors could not save the unscaled net by a lower learning rate either;
# factors of 0.1 to 0.3 did, and never seemed to harm the final accuracy (§3.3).

# %% [markdown]
# ### A trap: torchvision's GoogLeNet

# %%
torchvision_like = models.build("googlenet-torchvision", device="meta")
for name, net in {"the paper's": zoo["googlenet"], "torchvision's": torchvision_like}.items():
    five, norms = kernels_of(net).get("5×5", 0), sum(isinstance(part, nn.BatchNorm2d) for part in net.modules())
    print(f"{name:14} 5×5 convolutions: {five}   batch norms: {norms:2}   parameters: {models.count_parameters(net):,}")

# %% [markdown]
# **Takeaway.** torchvision's GoogLeNet has batch norm, and 3×3 where the paper has 5×5: an old slip, kept so that its weights stay valid (issue 906).
# Quote 6,998,552 for the paper's network and 6,624,904 for torchvision's.

# %% [markdown]
# ## Answer in 30 seconds
#
# "v1 is GoogLeNet: 1×1, 3×3, 5×5 and pooling side by side, concatenated, with 1×1 reductions to pay for it.
# v2 usually means BN-Inception: batch norm at every nonlinearity, 5×5 as two 3×3.
# v3 factorises further, 1×7 with 7×1 on 17×17 maps, and adds grid reduction, label smoothing and RMSProp.
# v4 is larger, more uniform, and pure Inception.
# The residual hybrids are Inception-ResNet, in the same paper: a linear 1×1, scaled by 0.1 to 0.3. They train faster, to about the same accuracy."

# %% [markdown]
# ## Answer in 2 minutes
#
# - **v1, 2014.** Objects come in all sizes, so kernels of several sizes in parallel.
#   Directly that is too dear; a 1×1 before the 3×3 and the 5×5 shrinks the channels they read. Module 3a's 5×5 becomes ten times cheaper.
#   Global average pooling replaces the large linear layers: 7 M parameters, 1.6 G multiply-adds. Two auxiliary heads.
# - **v2, 2015.** Two meanings.
#   BN-Inception: batch norm on the input of every nonlinearity, 5×5 as two 3×3 for 18/25 of the cost, higher learning rate, no dropout.
#   Or the factorised net of the Rethinking paper.
# - **v3, 2015.** Input 299. A module for each map size: 35×35 with small square kernels; 17×17 with 1×7 and 7×1 in series, 2/7 of the cost;
#   8×8 with 1×3 and 3×1 side by side. The stem's 7×7 becomes three 3×3. Grid reduction: stride-2 convolution beside a pool.
#   Label smoothing 0.1, RMSProp, batch norm in the auxiliary head. 23.8 M parameters.
# - **v4, 2016.** The same ideas, made uniform, a new stem, 42.7 M parameters. No residual connection.
# - **Inception-ResNet, same paper.** Branches as a residual, a linear 1×1 back to the stream's width, times 0.1 to 0.3, add, ReLU. Faster training;
#   19.9 against 20.0 % top-1 error at equal cost.
# - **Two corrections.** Factorising is not exact: only rank-1 kernels survive.
#   And auxiliary heads turned out to be regularisers; they matter for gradients only without batch norm and good initialisation.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What else did BN-Inception change in the training?</summary>
#
# Higher learning rate, no dropout, weaker L2, faster decay of the learning rate, no local response normalisation, better shuffling,
# fewer photometric distortions.
# Seven changes (BN paper §4.2.1). All follow from batch norm allowing larger steps and regularising a little.
#
# </details>
#
# <details><summary>Why is the pool branch's 1×1 behind the pool and not in front?</summary>
#
# Pooling keeps the number of channels.
# Without a 1×1 the module would pass on all `c_in` channels on top of the others, and the stream would grow from module to module.
# In front of the pool it would cost the same; behind it, the maximum is taken over the features themselves.
#
# </details>
#
# <details><summary>Which published gains belong to which change in v3?</summary>
#
# Top-1 error in the paper's table 3 (quoted second hand): factorised net 23.4, + RMSProp 23.1, + label smoothing 22.8,
# + factorised 7×7 21.6, + batch norm in the auxiliary head 21.2.
# BN-Inception stands at 25.2. So architecture gives more than the training tricks, but these are not nothing.
#
# </details>
#
# <details><summary>Why does 1×7, 7×1 work on 17×17 maps and not early?</summary>
#
# The paper only reports that it does (§3.2).
# A plausible reading: early filters are oriented edges and textures, and a diagonal one has no rank-1 form, as computed above.
# Later channels are already abstract, and with many of them the restriction to rank $C$ of $7C$ hurts less.
#
# </details>
#
# <details><summary>Why must the 1×1 before the addition be linear?</summary>
#
# After a ReLU the residual would never be negative: the stream could only grow, a block could add to a feature and not take away.
# It is the same reason as "no ReLU before the addition" in ResNet.
#
# </details>
#
# <details><summary>Does scaling by 0.1 not simply disappear into the weights?</summary>
#
# At inference it does: multiply weight and bias of the linear 1×1 by it.
# While training it does not: the gradient of those weights is ten times smaller too,
# so with SGD the function moves a hundred times less for the same learning rate.
# With Adam, which rescales gradients, it moves ten times less.
#
# </details>
#
# <details><summary>Why average and not maximum in the pool branches of v3 and v4?</summary>
#
# The released models do so. It changes no parameter and no multiply-add of the count.
# GoogLeNet and your exercises use the maximum; the modules that halve the map keep it too.
#
# </details>
#
# <details><summary>What is Inception's weakness, and who answered it?</summary>
#
# Every module has its own widths and kernels: many numbers to choose by hand, and hard to carry over to another task.
# ResNeXt keeps split, transform, merge, but makes all branches equal, so that one number remains: the cardinality. Question 27.
#
# </details>
#
# <details><summary>How are Inception's 1×1 and ResNet's bottleneck related?</summary>
#
# The same trick: a 1×1 reduces the channels before the dear kernel. ResNet adds a 1×1 behind it that restores the width, because it has to add.
# Inception concatenates, so it needs none; Inception-ResNet adds, and has one.
#
# </details>
#
# <details><summary>Why do counts of Inception v3 differ from source to source?</summary>
#
# 23,834,568 without and 27,161,264 with the auxiliary head. Keras and TF-slim leave out batch norm's γ: 23,817,352.
# And the v3 of the paper is said to need 4.8 G multiply-adds, the released one 5.7 G.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "v4 is Inception plus ResNet." It has no addition.
# - "v2 adds batch norm to the input", or no word on the two meanings of v2.
# - "v3 turns 7×7 into 1×7 and 7×1 and 3×3 into 1×3 and 3×1." The first in the middle only, the second side by side.
# - "Factorisation loses nothing."
# - "The 1×1 is for more nonlinearity." It is for cost first.
# - "v1 put 1×1, 3×3 and 5×5 into GoogLeNet." GoogLeNet is v1.
# - Errors of different protocols compared in one breath.
# - Stride 3 in the pool branch because `MaxPool2d(3)` looked right.

# %% [markdown]
# ## References
#
# - C. Szegedy et al. *Going Deeper with Convolutions.* CVPR 2015. §4 the module, §5 and table 1 the network, auxiliary heads.
# - S. Ioffe, C. Szegedy. *Batch Normalization.* ICML 2015. §4.2: BN-Inception and what changed in its training.
# - C. Szegedy et al.
#   *Rethinking the Inception Architecture for Computer Vision.* CVPR 2016. §3 factorisation, §4 auxiliary heads, §5 grid reduction, §7 label smoothing,
#   §10 results.
# - C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi. *Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning.* AAAI 2017. §3.1–3.3.
# - K. He et al. *Deep Residual Learning for Image Recognition.* CVPR 2016: degradation, which the residual hybrids' authors dispute to need shortcuts.
