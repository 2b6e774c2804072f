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
# - **The two meanings of v2.** BN-Inception, or the factorised net of the paper "Rethinking the Inception Architecture".
# - **Factorisation with numbers.** 18/25, 27/49, 2/n, and where v3 uses which: 1×7 with 7×1 on 17×17 maps, 1×3 beside 3×1 on 8×8 maps.
# - **What else v3 is.** Grid reduction, label smoothing, RMSProp, batch norm in the auxiliary head.
# - **v4 and Inception-ResNet kept apart.** Version 4 has no addition anywhere. The hybrids are other networks of the same paper.
# - **The code.** Branch order, a ReLU after every reduction, stride 1 in the pool branch, a *linear* 1×1 before the addition.

# %% [markdown]
# ## The idea
#
# ### Seven networks, four version numbers
#
# | name | paper | what really changed |
# |---|---|---|
# | v1 = GoogLeNet | Szegedy et al. 2014 | parallel 1×1, 3×3, 5×5 and pool; 1×1 reductions; global average pooling; two auxiliary heads |
# | v2, first meaning: BN-Inception | Ioffe, Szegedy 2015 | batch norm before every nonlinearity; 5×5 as two 3×3; modules of stride 2 |
# | v2, second meaning | Szegedy et al. 2015, "Rethinking", §6 | factorised kernels; 299×299 input |
# | v3 | the same paper, §10 | that net with RMSProp, label smoothing, the *stem's* 7×7 as three 3×3, and batch norm in the auxiliary head |
# | v4 | Szegedy et al. 2016 | pure Inception, larger and more uniform; a new stem; no residual connections |
# | Inception-ResNet-v1, v2 | the same paper as v4 | the branches are *added* to the input; linear 1×1; scaling |
#
# Do not say "v1 replaces some of GoogLeNet's convolutions": GoogLeNet *is* v1.
# GoogLeNet won ILSVRC 2014 with 6.67 % top-5 error; VGG came second with 7.3 %.

# %% [markdown]
# ### Version 1: all sizes side by side
#
# Which kernel size is right, 1×1, 3×3 or 5×5? It depends on how large the object is.
# So take all of them, and a 3×3 maximum, and concatenate the outputs.
# The next layer chooses.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import check, data, expect, hint, models, plots, published, settings, trial

plots.style()
NAMES = ["googlenet", "bn-inception", "inception-v3", "inception-v4", "inception-resnet-v2"]
zoo = {name: models.build(name, device="meta") for name in NAMES}  # shapes without memory

# %% tags=["nbval-ignore-output"]
plots.graph(*models.dataflow(zoo["googlenet"].inception3a, (192, 28, 28)), "Version 1: four branches, and a 1×1 before each large kernel")
plt.show()

# %% [markdown]
# **Takeaway.** The 5×5 reads 16 channels, not 192.
# The two 1×1 in front of the large kernels are the *reductions*; the one behind the pool keeps the number of channels from growing from module to module.

# %% [markdown]
# ### What a reduction saves
#
# A $k\times k$ convolution from $C$ to $D$ channels on an $H\times W$ map costs $k^2\,C\,D\,HW$ multiply-adds.
# Reduce to $m$ channels first. The ratio of the two costs is
#
# $$
# \frac{C m + k^2 m D}{k^2 C D} = \frac{m}{k^2 D} + \frac{m}{C} .
# $$
#
# The second term is the point: the large kernel's cost shrinks by $m/C$, whatever $k$ is.
# The first term is the price of the 1×1, small when $k^2$ is large.
# The ReLU after the reduction is a bonus: one more nonlinearity.
# (What else a 1×1 is good for: question 20.)

# %% [markdown]
# ### Version 2: two 3×3 for a 5×5, and batch norm
#
# Two 3×3 see $3 + (3 - 1) = 5$ pixels. With $C$ channels throughout they cost $2\cdot 9\,C^2$ instead of $25\,C^2$: the ratio is **18/25**.
# Three see 7, for **27/49** of a 7×7.
# Each has its own nonlinearity.
#
# BN-Inception normalises the input of *every* nonlinearity, not only the network's input: there are as many batch norms as convolutions.

# %% [markdown]
# ### The four design principles behind version 3
#
# "Rethinking" §2 states them as rules of thumb:
#
# 1. Do not squeeze the representation too hard, above all early: its size should fall gently from input to output.
# 2. Wide representations are easier to process locally: more channels in each place disentangle features and train faster.
# 3. Reduce the channels before a spatial kernel: neighbouring pixels are so correlated that little is lost. (The 1×1 reduction.)
# 4. Balance width and depth: spend a larger budget on both.

# %% [markdown]
# ### Version 3: another module for each size of map
#
# An $n\times n$ kernel in two steps, $1\times n$ then $n\times1$, has $n + n$ taps instead of $n^2$.
# The ratio is **2/n**: 2/3 for $n = 3$, 2/7 for $n = 7$.
# The paper found this poor on early layers and good on maps of 12 to 20 pixels (§3.2).
# So version 3 has three kinds of modules:
#
# - **35×35 maps:** square kernels only, as in version 2.
# - **17×17 maps:** 1×7 and 7×1 *one after the other*.
# - **8×8 maps:** 1×3 and 3×1 *side by side* on the same input, concatenated. That is no factorised 3×3; it makes the filter bank wider where the map is smallest.

# %% tags=["nbval-ignore-output"]
plots.graph(*models.dataflow(zoo["inception-v3"].mixed6b, (768, 17, 17)), "Version 3 on 17×17 maps: 1×7 and 7×1 in series, once and twice")
plt.show()

# %% [markdown]
# **Takeaway.** Here are the 1×7 and 7×1: in series, in the middle of the network, where GoogLeNet never had a 7×7.

# %% [markdown]
# ### Halving the map
#
# Pool first and convolve later: cheap, but the pooled map is narrow, a *representational bottleneck* (principle 1).
# Convolve first and pool later: no bottleneck, four times the cost.
# Version 3 does both at once: a convolution of stride 2 to $C$ channels *beside* a pool of the $C$ old ones, concatenated (§5).

# %% [markdown]
# ### Label smoothing
#
# With $K$ classes and smoothing $\varepsilon$ the target is $q_k = (1-\varepsilon)\,[k = y] + \varepsilon/K$ instead of the one-hot vector.
# The loss is smallest where softmax equals the target, so the best lead of the right logit over the others is
# $z^\star = \log\frac{1-\varepsilon+\varepsilon/K}{\varepsilon/K}$: finite, 4.51 for ten classes and $\varepsilon = 0.1$.
# Without smoothing it is infinite: the loss rewards ever larger logits. (More in question 50.)

# %% [markdown]
# ### Version 4, and the residual hybrids
#
# Version 4 is Inception only: a stem with three forks, then 4, 7 and 3 modules of three kinds. There are concatenations and no additions.
#
# A *residual* block returns its input plus what its branches compute; question 25 says why.
# Inception-ResNet does that with a cheaper set of branches.
# An addition needs equal shapes, so a 1×1 brings the concatenation back to the input's number of channels.
# It is linear: after a ReLU the branches could only push features up.
# And it is multiplied by a small constant.

# %% tags=["nbval-ignore-output"]
plots.graph(*models.dataflow(zoo["inception-resnet-v2"].block35[0], (320, 35, 35)), "Inception-ResNet: a linear 1×1, a factor, an addition")
plt.show()

# %% [markdown]
# **Takeaway.** The 1×1 *after* the branches exists here only.
# "v4 swapped the order of 1×1 and 3×3", which one sometimes hears, may come from here. It is wrong for version 4: its modules reduce first, as all others do.

# %% [markdown] tags=["deeper"]
# ### Deeper: the other modules, drawn
#
# All of them are traced from the course's networks. First version 2.

# %% tags=["nbval-ignore-output", "deeper"]
plots.graph(*models.dataflow(zoo["bn-inception"].inception3a, (192, 28, 28)), "Version 2: two 3×3 for the 5×5, BN after each convolution")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Same four branches, one box more.
# The original pools by mean here and by maximum in its last module. Your exercise pools by maximum, as version 1 does.

# %% tags=["nbval-ignore-output", "deeper"]
plots.graph(*models.dataflow(zoo["inception-v3"].mixed5b, (192, 35, 35)), "Version 3 on 35×35 maps: nothing asymmetric yet")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** One branch still has a 5×5, another two 3×3. This is the released model; the paper's figure 5 has 3×3 only.

# %% tags=["nbval-ignore-output", "deeper"]
plots.graph(*models.dataflow(zoo["inception-v3"].mixed7b, (1280, 8, 8)), "Version 3 on 8×8 maps: 1×3 and 3×1 side by side")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The 1×3 and the 3×1 read the *same* input.

# %% tags=["nbval-ignore-output", "deeper"]
plots.graph(*models.dataflow(zoo["inception-v3"].mixed6a, (288, 35, 35)), "Version 3's grid reduction: convolve and pool side by side")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** 480 new channels and the 288 old ones, pooled, make 768. The map halves and the width grows, in one step.

# %% tags=["nbval-ignore-output", "deeper"]
plots.graph(*models.dataflow(zoo["inception-v4"].inception_c[0], (1536, 8, 8)), "Version 4 on 8×8 maps: concatenations, and no addition")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** On 35×35 maps version 4 has the branches of your `InceptionV2` (with average pooling), on 17×17 those of version 3, wider.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the module of GoogLeNet
#
# Four branches on the same `x`: 1×1; 1×1 then 3×3; 1×1 then 5×5; 3×3 maximum (stride 1) then 1×1.
# Each convolution has a bias and is followed by a ReLU. Every map keeps its size.
# Concatenate in that order.

# %%
class InceptionV1(nn.Module):
    """(N, c_in, H, W) -> (N, c1 + c3 + c5 + c_pool, H, W): branches 1×1, 3×3, 5×5, pool.

    Each convolution has a bias and a ReLU behind it; the pool is a 3×3 maximum of stride 1.
    """

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        # BEGIN SOLUTION
        super().__init__()

        def conv(c_from, c_to, kernel):
            return nn.Sequential(nn.Conv2d(c_from, c_to, kernel, padding=kernel // 2), nn.ReLU())

        self.branch1 = conv(c_in, c1, 1)
        self.branch3 = nn.Sequential(conv(c_in, c3_reduce, 1), conv(c3_reduce, c3, 3))
        self.branch5 = nn.Sequential(conv(c_in, c5_reduce, 1), conv(c5_reduce, c5, 5))
        self.branch_pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv(c_in, c_pool, 1))
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        return torch.cat([self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)], dim=1)
        # END SOLUTION

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
    """(N, c_in, H, W) -> (N, c1 + c3 + c5 + c_pool, H, W): branches 1×1, 3×3, two 3×3, pool.

    Each convolution has no bias, and batch norm and ReLU behind it; the pool is a 3×3 maximum of stride 1.
    """

    def __init__(self, c_in, c1, c3_reduce, c3, c5_reduce, c5, c_pool):
        # BEGIN SOLUTION
        super().__init__()

        def conv(c_from, c_to, kernel):
            layer = nn.Conv2d(c_from, c_to, kernel, padding=kernel // 2, bias=False)
            return nn.Sequential(layer, nn.BatchNorm2d(c_to), nn.ReLU())

        self.branch1 = conv(c_in, c1, 1)
        self.branch3 = nn.Sequential(conv(c_in, c3_reduce, 1), conv(c3_reduce, c3, 3))
        self.branch5 = nn.Sequential(conv(c_in, c5_reduce, 1), conv(c5_reduce, c5, 3), conv(c5, c5, 3))
        self.branch_pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv(c_in, c_pool, 1))
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        return torch.cat([self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)], dim=1)
        # END SOLUTION

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
    """(N, c_in, H, W) -> (N, c_out, H, W).

    1×n, then n×1, n odd; each without bias, with batch norm and ReLU behind it.
    """

    def __init__(self, c_in, c_out, n):
        # BEGIN SOLUTION
        super().__init__()
        self.row = nn.Conv2d(c_in, c_out, (1, n), padding=(0, n // 2), bias=False)
        self.column = nn.Conv2d(c_out, c_out, (n, 1), padding=(n // 2, 0), bias=False)
        self.norm_row, self.norm_column = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        h = F.relu(self.norm_row(self.row(x)))
        return F.relu(self.norm_column(self.column(h)))
        # END SOLUTION

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
    """(N, c_in, H, W) -> the same shape.

    relu(x + scale · branches). The last 1×1 is linear and has a bias; all others have batch norm, ReLU and no bias.
    """

    def __init__(self, c_in, scale=0.1):
        # BEGIN SOLUTION
        super().__init__()

        def conv(c_from, c_to, kernel):
            layer = nn.Conv2d(c_from, c_to, kernel, padding=kernel // 2, bias=False)
            return nn.Sequential(layer, nn.BatchNorm2d(c_to), nn.ReLU())

        self.branch1 = conv(c_in, 32, 1)
        self.branch2 = nn.Sequential(conv(c_in, 32, 1), conv(32, 32, 3))
        self.branch3 = nn.Sequential(conv(c_in, 32, 1), conv(32, 48, 3), conv(48, 64, 3))
        self.linear = nn.Conv2d(32 + 32 + 64, c_in, 1)
        self.scale = scale
        # END SOLUTION

    def forward(self, x):
        # BEGIN SOLUTION
        mixed = torch.cat([self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)
        return F.relu(x + self.scale * self.linear(mixed))
        # END SOLUTION

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
    """Six ints -> (direct, bottleneck), two ints.

    Multiply-adds; biases are not counted; the map keeps its size.
    """
    # BEGIN SOLUTION
    positions = height * width
    direct = positions * c_in * c_out * kernel**2
    bottleneck = positions * (c_in * c_mid + c_mid * c_out * kernel**2)
    return direct, bottleneck
    # END SOLUTION

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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(InceptionV1)

# %% tags=["solution"]
common_mistakes(InceptionV2)

# %% tags=["solution"]
common_mistakes(FactorizedConv)

# %% tags=["solution"]
common_mistakes(InceptionResNet)

# %% tags=["solution"]
common_mistakes(bottleneck_macs)

# %% [markdown]
# ## Experiments
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
    row = models.PUBLISHED[name]
    print(f"{row.title:30} {models.count_parameters(net):11,}   published {row.parameters:11,}")
    expect(models.count_parameters(net) == row.parameters)

# %% [markdown]
# **Takeaway.** To the last parameter. The two auxiliary heads weigh nearly as much as the network they help.
# Global average pooling turns 7×7×1024 into 1024 numbers, so one linear layer of a million weights is enough at the end;
# the averaging itself has no weights that could overfit, which is how "Network in Network" (2013) argued for it. AlexNet's and VGG's linear layers hold most of their weights.

# %% [markdown]
# ### What the 1×1 saves in each of the nine modules
#
# Your `bottleneck_macs` for the 3×3 and the 5×5 branch of every module.
# Where do you expect the larger factor, at the 3×3 or at the 5×5?

# %%
savings = {}
for name, size, c_in, (c1, c3_reduce, c3, c5_reduce, c5, c_pool) in models.inception_modules():
    three = bottleneck_macs(c_in, c3_reduce, c3, 3, size, size)
    five = bottleneck_macs(c_in, c5_reduce, c5, 5, size, size)
    savings[name] = three, five, size * size * c_in * (c1 + c_pool)  # the last: what is 1×1 anyway

print("module   3×3: direct → reduced     5×5: direct → reduced     module: saved   (millions of multiply-adds)")
for name, (three, five, rest) in savings.items():
    naive, real = three[0] + five[0] + rest, three[1] + five[1] + rest
    columns = [f"{d / 1e6:6.1f} → {b / 1e6:5.1f} ({d / b:4.1f}×)" for d, b in (three, five)]
    print(f"{name:6} {columns[0]:>24}  {columns[1]:>24}   {(naive - real) / 1e6:6.1f} of {naive / 1e6:6.1f}")

# %%
macs = {name: models.model_macs(net, models.PUBLISHED[name].input_shape) for name, net in zoo.items()}
naive, real = (sum(three[i] + five[i] + rest for three, five, rest in savings.values()) for i in (0, 1))
print(f"all nine modules: {naive / 1e9:.2f} G without, {real / 1e9:.2f} G with reductions, {naive / real:.1f} times fewer")
print(f"the whole network: {(macs['googlenet'] + naive - real) / 1e9:.2f} G without, {macs['googlenet'] / 1e9:.2f} G with")

# %% tags=["nbval-ignore-output", "hide-input"]
fig, ax = plt.subplots(figsize=(8, 3.9), layout="constrained")
at = np.arange(len(savings))
for shift, index, tint in ((-0.2, 0, plots.color("wrong")), (0.2, 1, plots.color("right"))):
    low = np.zeros(len(savings))
    for part, (label, alpha) in enumerate((("3×3 branch", 0.95), ("5×5 branch", 0.6), ("1×1 and pool branch", 0.3))):
        high = np.array([(row[part] if part == 2 else row[part][index]) / 1e6 for row in savings.values()])
        ax.bar(at + shift, high, 0.38, low, color=tint, alpha=alpha, label=f"{label}, {'reduced' if index else 'direct'}")
        low = low + high
ax.set_xticks(at, list(savings))
ax.set(xlabel="module of GoogLeNet", ylabel="multiply-adds (millions)", title="The reductions save most where the 5×5 would have cost most")
ax.legend(fontsize=9, ncols=2)
ax.grid(False, axis="x")
plt.show()

# %% [markdown]
# **Takeaway.** The 5×5 gains most, a factor of 7 to 21; the 3×3 gains 1.7 to 4.
# The paper's budget was 1.5 G. Without reductions the network would cost nearly three times that.

# %% [markdown] tags=["deeper"]
# ### Deeper: the timeline, counted
#
# Our own counts of the zoo's networks beside what the papers print.

# %% tags=["deeper"]
macs = {name: models.model_macs(net, models.PUBLISHED[name].input_shape) for name, net in zoo.items()}
print(f"{'':28} {'year':4}  {'input':5}  {'parameters':>10}  {'multiply-adds':>13}  {'in the paper':14} top-1 / top-5 error")
for name, net in zoo.items():
    row = models.PUBLISHED[name]
    count, error = models.count_parameters(net), next(e for e in row.errors if e.top1)
    expect((count, macs[name]) == (row.parameters, row.macs))
    cost = (row.paper_cost or "–").split(" in ")[0]
    measured = f"{row.input_shape[1]:5}  {count:10,}  {macs[name] / 1e9:11.2f} G"
    print(f"{row.title:28} {row.year}  {measured}  {cost:14} {error.top1} / {error.top5}, {error.protocol}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** From v1 to v4 the cost grew nearly eightfold. A factor of 1.8 is the larger input, 299×299 for 224×224; the rest is the network.
# The factorised "v2" of the Rethinking paper is missing: no file of it is public that we could count.
# For v3 the paper prints 4.8 G and the released model has 5.7 G.
# The errors come from different protocols: do not subtract them.
# ("Without the blacklist": these papers' evaluations left out about 1,700 of the 50,000 validation images, whose bounding boxes were poor. By the v4 paper's account that lowers the top-1 error by about 0.3.)

# %% [markdown] tags=["deeper"]
# ### Deeper: can every kernel be factorised?
#
# With nothing between the two, $1\times n$ then $n\times1$ has the kernel $u v^{\mathsf T}$, a matrix of rank 1.
# The singular value decomposition gives the best such matrix, and what is left over.
# Four kernels of 7×7. Which of them would you expect to be kept exactly?

# %% tags=["deeper"]
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

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
rebuilt = {name: np.outer(*best_rank_one(kernel)[:2]) for name, kernel in kernels.items()}
plots.images([*kernels.values(), *rebuilt.values()], "1×7 and 7×1 keep only a rank-1 kernel exactly", columns=4,
             titles=[*kernels, *(f"rank 1: {errors[name]:.0%} error" for name in kernels)])
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Blur and straight edges come through exactly, the diagonal edge and the random kernel do not.
# Factorising is a *restriction*. It is chosen because it is cheap and works, not because nothing is lost.
#
# With many channels it is the same statement in a larger matrix. A layer of $C$ channels has a $7C\times7C$ matrix, and factorising leaves rank $C$.

# %% tags=["deeper"]
large = np.linalg.svd(rng.normal(size=(7 * 32, 7 * 32)), compute_uv=False)
print(f"a random 7×7 layer of 32 channels, best factorisation: {np.sqrt((large[32:] ** 2).sum() / (large**2).sum()):.0%} error")

# %% [markdown] tags=["deeper"]
# ### Deeper: which kernel stands where in version 3

# %% tags=["deeper"]
v3 = zoo["inception-v3"]
parts = {
    "GoogLeNet": [zoo["googlenet"]],
    "v3's stem": [v3.stem],
    "v3, 35×35 modules": [v3.mixed5b, v3.mixed5c, v3.mixed5d],
    "v3, 35 → 17": [v3.mixed6a],
    "v3, 17×17 modules": [v3.mixed6b, v3.mixed6c, v3.mixed6d, v3.mixed6e],
    "v3, 17 → 8": [v3.mixed7a],
    "v3, 8×8 modules": [v3.mixed7b, v3.mixed7c],
}
for name, group in parts.items():
    print(f"{name:18} {models.kernel_sizes(*group)}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** GoogLeNet's one 7×7 is in its stem; in version 3 three 3×3 have taken its place.

# %% [markdown] tags=["deeper"]
# ### Deeper: label smoothing, where the loss has its minimum

# %% tags=["deeper"]
logits, label, smoothing = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64), torch.tensor([0]), 0.1
target = (1 - smoothing) * F.one_hot(label, 4) + smoothing / 4
by_hand = -(target * F.log_softmax(logits, dim=1)).sum()
print("target:", [round(q, 3) for q in target[0].tolist()])
print("by hand equals torch's label_smoothing:", torch.allclose(by_hand, F.cross_entropy(logits, label, label_smoothing=smoothing)))


def best_lead(classes):
    return np.log((1 - smoothing + smoothing / classes) / (smoothing / classes))


for classes in (4, 10, 1000):
    print(f"{classes:4} classes: the loss is smallest where the right logit leads by {best_lead(classes):.2f}")

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
lead = torch.linspace(0, 14, 200, dtype=torch.float64)
rows = torch.zeros(200, 10, dtype=torch.float64)
rows[:, 0] = lead
zeros = torch.zeros(200, dtype=torch.long)
series = {f"ε = {eps}": (lead.numpy(), F.cross_entropy(rows, zeros, label_smoothing=eps, reduction="none").numpy()) for eps in (0.0, 0.05, 0.1, 0.2)}
ax = plots.curves(series, "lead of the right logit over the nine others", "loss", "With smoothing the best logit is finite")
ax.plot(best_lead(10), F.cross_entropy(torch.tensor([[best_lead(10)] + [0.0] * 9]), torch.tensor([0]), label_smoothing=0.1), "k*", markersize=12)
ax.set(ylim=(0, 2.5))
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Without smoothing the loss falls without end, so training keeps pushing the logits apart.
# With ε = 0.1 and ten classes it turns at a lead of 4.51 (the star): being *too* sure costs.

# %% [markdown] tags=["deeper"]
# ### Deeper: what the auxiliary heads do to the gradient
#
# The real GoogLeNet, full size, from your modules, with two photographs at its input.
# How much larger does the gradient at each module become when the heads' losses are added, with the paper's weight 0.3?
# Four nets: torch's default initialisation; Xavier's in Caffe's version (variance 1/fan-in), which its GoogLeNet used; He's; and your `InceptionV2` with batch norm in place of `InceptionV1`.
# (He chooses the spread of the first weights so that signals keep their size through ReLUs: question 43. Caffe's Xavier has half of that variance, torch's default for a convolution a sixth.)

# %% tags=["deeper"]
china, flower = data.photos()
photographs = np.stack([china[100:324, 200:424], flower[100:324, 200:424]]).transpose(0, 3, 1, 2)
photographs = torch.tensor((photographs - 0.45) / 0.25, dtype=torch.float32)
PLACES = [f"inception{name}" for name in savings]


def loss_with(heads):
    """The main loss plus `heads` times the auxiliary ones, as a function of the net."""

    def loss(net):
        each = [F.cross_entropy(logits, torch.tensor([0, 1])) for logits in net(photographs)]
        return each[0] + heads * sum(each[1:])

    return loss


def googlenet(block, initialise=None, **options):
    torch.manual_seed(0)
    net = models.GoogLeNet(block=block, aux=True, **options)
    for part in net.modules():
        if initialise and isinstance(part, nn.Conv2d):
            initialise(part.weight)
            nn.init.zeros_(part.bias)
    return net


candidates = {
    "torch's default initialisation": googlenet(InceptionV1),
    "Xavier, as Caffe has it": googlenet(InceptionV1, lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="linear")),
    "He initialisation": googlenet(InceptionV1, nn.init.kaiming_normal_),
    "batch norm": googlenet(InceptionV2, batch_norm=True),
}
alone, helped = ({name: np.array(models.gradient_norms(net, PLACES, loss_with(heads))) for name, net in candidates.items()} for heads in (0, 0.3))
for name in candidates:
    boost = helped[name][0] / alone[name][0]
    word = "more than 30" if boost > 30 else "2 to 4" if boost > 2 else "less than 1.5"
    print(f"{name:31} with the heads the gradient at 3a is {word} times as large")

# %% tags=["nbval-ignore-output", "deeper", "hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
TINTS = (plots.color("wrong"), plots.color("nadam"), plots.color("momentum"), plots.color("right"))
for name, tint, marker in zip(candidates, TINTS, "s^od", strict=True):
    axes[0].semilogy(list(savings), alone[name] / alone[name][-1], marker + "-", color=tint)
    axes[1].semilogy(list(savings), helped[name] / alone[name], marker + "-", color=tint, label=name)
axes[0].set(xlabel="module", ylabel="gradient norm, relative to 5b", title="The weaker the start, the more it fades …")
axes[1].set(xlabel="module", ylabel="gradient with heads / without", title="… and the more the heads matter")
axes[1].legend(fontsize=9)
for ax in axes:
    for head in (2, 5):
        ax.axvline(head, color="0.7", linestyle=":", zorder=0)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The dotted lines are the modules that carry a head, 4a and 4d.
# With torch's weak default the gradient dies on its way to 3a, and the heads make it more than thirty times as large.
# With the initialisation of 2014 it fades by a factor of 25 or so, and the heads make it two or three times as large: a help, but not a necessity.
# With He initialisation or batch norm the heads change almost nothing.
# (One seed and two photographs, before training.)

# %% [markdown] tags=["deeper"]
# ### Deeper: a trap, torchvision's GoogLeNet

# %% tags=["deeper"]
for title, name in {"the paper's": "googlenet", "torchvision's": "googlenet-torchvision"}.items():
    net = models.build(name, device="meta")
    five, norms = models.kernel_sizes(net).get("5×5", 0), sum(isinstance(part, nn.BatchNorm2d) for part in net.modules())
    print(f"{title:14} 5×5 convolutions: {five}   batch norms: {norms:2}   parameters: {models.count_parameters(net):,}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** torchvision's GoogLeNet has batch norm, and 3×3 where the paper has 5×5: an old slip, kept so that its weights stay valid (issue 906).
# Quote 6,998,552 for the paper's network and 6,624,904 for torchvision's.

# %% [markdown]
# ## Folklore on trial
#
# First the table that decides most of it: what each change brought, by its authors.

# %%
models.PAPERS["rethinking"]

# %% [markdown]
# Architecture and batch norm give more (29.0 → 23.4) than RMSProp and label smoothing (23.4 → 22.8), but these help too.
#
# ### "Inception v4 is Inception plus residual connections"
#
# A residual connection is an addition of two maps. Trace each module of the real networks: does it add?

# %%
BLOCKS = {
    "inception-v4": [*zoo["inception-v4"].inception_a, *zoo["inception-v4"].inception_b, *zoo["inception-v4"].inception_c],
    "inception-resnet-v2": [*zoo["inception-resnet-v2"].block35],
}
trial(
    "Inception v4 is Inception plus residual connections",
    lambda network, module: models.calls(BLOCKS[network][module])["add"] > 0,
    over=settings(network="inception-v4", module=range(14)),
    control=dict(network="inception-resnet-v2", module=0),
    published=[published("Szegedy et al. 2017 (Inception-v4), §6", "Inception-v4 is named a pure variant without residual connections", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# Say instead: *the v4 paper has two families. Inception-v4 is pure; Inception-ResNet-v1 and v2 are the hybrids, with one addition in each block.*

# %% [markdown]
# ### "In these networks residuals buy speed of training rather than accuracy"

# %%
pairs = models.PAPERS["inception-residual"]
trial(
    "in Inception networks residuals buy speed of training rather than accuracy",
    published=[
        published(f"{pairs.source}, figure 21", f"v3's cost: residual trains much faster, ends at {pairs['Inception-ResNet-v1'][0]} % against {pairs['Inception v3'][0]} %", holds=True),
        published(f"{pairs.source}, figure 23", f"v4's cost: residual trains much faster, ends at {pairs['Inception-ResNet-v2'][0]} % against {pairs['Inception v4'][0]} %", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# A tenth of a point one way and a tenth the other.
# The authors see "some evidence" of a thin gain, and write that the final accuracy mostly follows the size of the model.
# Do not generalise: ResNet-50 without its shortcuts loses 7 points (23.9 → 31.2 %; ResNeXt paper, §5.1). Question 25 says why.

# %% [markdown]
# ### "Version 3 replaces GoogLeNet's 7×7 convolutions by 1×7 and 7×1"

# %%
trial(
    "version 3 replaces GoogLeNet's 7×7 convolutions by 1×7 and 7×1",
    published=[published("Szegedy et al. 2016 (Rethinking), §10", "“factorised 7×7” means the first 7×7 convolution, made a sequence of 3×3", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# There was one 7×7, in the stem, and three 3×3 have taken its place.
# The 1×7 and 7×1 stand in the 17×17 modules, and in one reduction after them.

# %% [markdown]
# ### "A factorised convolution computes the same, only cheaper"
#
# $1\times7$ then $7\times1$ with nothing between has a kernel of rank 1. A blur can be written so exactly; a diagonal edge cannot (the deeper part above computes it).
# Two 3×3 for a 5×5 are no identity either, and the ReLU between them is deliberate:

# %%
linear = models.PAPERS["rethinking-linear"]
trial(
    "a factorised convolution computes the same, only cheaper",
    published=[published(linear.source, f"with a ReLU between the two 3×3 {linear['ReLU']} % accuracy, without {linear['nothing (linear)']} %: two different functions", holds=False)],
    expect="does not hold",
)

# %% [markdown]
# Say instead: *it is another, cheaper layer with the same receptive field.*

# %% [markdown]
# ### "Auxiliary heads make training converge faster"

# %%
trial(
    "auxiliary heads make a network with batch norm converge faster",
    published=[
        published("Szegedy et al. 2016 (Rethinking), §4", "the curves with and without heads are the same until near the end of training", holds=False),
        published("Szegedy et al. 2016 (Rethinking), §4", "taking away the lower head had no adverse effect on the final quality", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# At the very end the net with heads gets a little ahead, so the authors call the heads a *regulariser*; batch norm inside the head is worth 0.4 points (the table's last row).
# And vanishing gradients, the reason given in 2014? The deeper part above measures a full-size GoogLeNet without batch norm.
# With Caffe's Xavier initialisation the heads make the gradient at module 3a two or three times as large. Only with much smaller initial weights (torch's default) did they make a large difference.

# %% [markdown]
# ### "Residual branches must be scaled, or training is unstable"

# %%
trial(
    "residual branches must be scaled, or training is unstable",
    only_if=("the net is an Inception-ResNet with more than about 1000 filters", lambda inception, filters: inception and filters > 1000),
    published=[
        published("Szegedy et al. 2017 (Inception-v4), §3.3", "above 1000 filters the last layer died; neither a lower learning rate nor one more batch norm helped, factors of 0.1 to 0.3 did", holds=True, inside=True),
        published("He et al. 2016 (Deep residual learning), table 4", "ResNet-152 has 2048 channels, no factor, and trains to 19.4 %", holds=False, inside=False),
    ],
    expect="holds only if the net is an Inception-ResNet with more than about 1000 filters",
)

# %% [markdown]
# There is one published row on either side: take it as an observation of that paper, not as a law.
# Where the factor was not needed it never seemed to harm the final accuracy (§3.3).

# %% [markdown]
# ## Answer in 30 seconds
#
# "From v1 to v4 the one-crop top-1 error fell from 29 to about 20 percent.
# v1 puts 1×1, 3×3, 5×5 and pooling side by side, and pays for it with 1×1 reductions.
# v2 adds batch norm and makes the 5×5 two 3×3.
# v3 adds 1×7 with 7×1, label smoothing and RMSProp.
# v4 is larger and has no residuals; Inception-ResNet has, and trains faster, to about the same accuracy.
# Shall I count what a reduction saves?"
#
# ### 三十秒回答
#
# "从 v1 到 v4,top-1 错误率从 29% 降到 20% 左右。
# v1 把 1×1、3×3、5×5 和池化并联,用 1×1 降维省计算。
# v2 加上 BN,把 5×5 换成两个 3×3。
# v3 加 1×7 接 7×1、标签平滑和 RMSProp。
# v4 更大、更规整,没有残差;带残差的是同一篇论文的 Inception-ResNet,训练更快,精度差不多。
# 要不要算一下 1×1 降维省了多少?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - **v1, 2014.** It won ILSVRC with 6.67 % top-5. Objects come in all sizes, so kernels of several sizes in parallel.
#   Directly that costs too much; a 1×1 before the 3×3 and the 5×5 shrinks the channels they read. Module 3a's 5×5 becomes ten times cheaper.
#   Global average pooling replaces the large linear layers: 7 M parameters, 1.6 G multiply-adds. Two auxiliary heads.
# - **v2, 2015.** Two meanings.
#   BN-Inception: batch norm on the input of every nonlinearity, 5×5 as two 3×3 for 18/25 of the cost, higher learning rate, no dropout; 25.2 % top-1.
#   Or the factorised net of the Rethinking paper, 23.4 %.
# - **v3, 2015.** Input 299. A module for each map size: 35×35 with small square kernels; 17×17 with 1×7 and 7×1 in series, 2/7 of the cost;
#   8×8 with 1×3 and 3×1 side by side. The stem's 7×7 becomes three 3×3. Grid reduction: a convolution of stride 2 beside a pool.
#   Label smoothing 0.1, RMSProp, batch norm in the auxiliary head. 23.8 M parameters, 21.2 % (one crop, as the others).
# - **v4, 2016.** The same ideas, made uniform, a new stem, 42.7 M parameters, 20.0 %. No residual connection.
# - **Inception-ResNet, same paper.** Branches as a residual, a linear 1×1 back to the input's width, times 0.1 to 0.3, add, ReLU. Faster training;
#   19.9 against 20.0 % at about the same cost.
# - **Two corrections.** Factorising is not exact: only rank-1 kernels can be written as 1×n and n×1.
#   And in the v3 paper the authors call the auxiliary heads regularisers: they did not speed up the early training.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What else did BN-Inception change in the training?</summary>
#
# Higher learning rate, no dropout, weaker L2, faster decay of the learning rate, no local response normalisation, better shuffling,
# fewer photometric distortions (BN paper §4.2.1).
# Most follow from batch norm allowing larger steps and, in the authors' view, regularising (question 18 leaves that open).
# Fewer distortions, because training is shorter: each image is seen fewer times, so it should look real.
# Better shuffling, so that an image meets other images in its batch each time; the authors link its gain to batch norm as a regulariser.
#
# </details>
#
# <details><summary>Why is the pool branch's 1×1 behind the pool and not in front?</summary>
#
# Pooling keeps the number of channels.
# Without a 1×1 the module would pass on all `c_in` channels on top of the others, and the maps would grow wider from module to module.
# In front of the pool it would cost the same; behind it, the maximum is taken over the features themselves.
#
# </details>
#
# <details><summary>Why does 1×7, 7×1 work on 17×17 maps and not early?</summary>
#
# The paper only reports that it does (§3.2).
# A plausible reading: early filters are oriented edges and textures, and a diagonal one has no rank-1 form.
# Later channels are more abstract, and the restriction to rank $C$ of $7C$ may hurt less there. We did not test this.
#
# </details>
#
# <details><summary>Why must the 1×1 before the addition be linear?</summary>
#
# After a ReLU the residual would never be negative: a block could add to a feature and not take away.
# It is the same reason as "no ReLU before the addition" in ResNet (7.84 against 6.61 % on CIFAR-10: question 26).
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
# <details><summary>What is Inception's weakness, and who answered it?</summary>
#
# Every module has its own widths and kernels: many numbers to choose by hand, and hard to carry over to another task.
# ResNeXt keeps split, transform, merge, but makes all branches equal, so that one number remains: the cardinality. Question 27.
#
# </details>
#
# <details><summary>How are Inception's 1×1 and ResNet's bottleneck related?</summary>
#
# The same trick: a 1×1 reduces the channels before the expensive kernel. ResNet adds a 1×1 behind it that restores the width, because it has to add.
# Inception concatenates, so it needs none; Inception-ResNet adds, and has one.
# Do not confuse it with "representational bottleneck", which is a place where too few numbers pass.
#
# </details>
#
# <details><summary>Why do counts of Inception v3 differ from source to source?</summary>
#
# 23,834,568 without and 27,161,264 with the auxiliary head. Keras and TF-slim leave out batch norm's γ: 23,817,352.
# And the paper's v3 needs 4.8 G multiply-adds, the released one 5.7 G.
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
#   *Rethinking the Inception Architecture for Computer Vision.* CVPR 2016. §2 principles, §3 factorisation, §4 auxiliary heads, §5 grid reduction, §7 label smoothing,
#   §10 and table 3 results.
# - C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi. *Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning.* AAAI 2017. §3.1–3.3, table 2.
# - M. Lin, Q. Chen, S. Yan. *Network in Network.* ICLR 2014. Global average pooling in place of linear layers.
# - K. He et al. *Deep Residual Learning for Image Recognition.* CVPR 2016. Table 4.
