# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 19 · Where does BN go: before or after the activation?
#
# *BN 一般放在网络的哪里?放在激活前还是激活后?*

# %% [markdown]
# ## Question
#
# "Where in a network do you put batch normalisation?
# Before the activation or after it, and why?
# And what happens to the bias of the layer in front of it?"
#
# "BN 一般放在网络的什么位置?激活函数之前还是之后?它前面那一层的偏置还需要吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **You name the full order.** Convolution, then BN, then ReLU is what the paper and ResNet use.
# - **You know the argument on each side**, and you know that the published figures disagree.
# - **You drop the bias in front of BN**, and you can show that its gradient is zero.
# - **You know the third place**: BN, ReLU, convolution, the pre-activation order of residual networks.
# - **You do not sell one benchmark as a law.** "It is not decided, and this is how I would measure it" is the strong answer.

# %% [markdown]
# ## The idea
#
# A layer computes $z = Wx + b$ and then $a = \mathrm{relu}(z)$. There are three places to normalise:
#
# | order | what is normalised | who uses it |
# |---|---|---|
# | conv → BN → ReLU | the sum $z$ | Ioffe & Szegedy 2015 §3.2, ResNet §3.4 |
# | conv → ReLU → BN | the activation $a$ | some reimplementations; part of a public CaffeNet benchmark |
# | BN → ReLU → conv | the block's input, before the ReLU | pre-activation ResNet, DenseNet |
#
# The paper argues for the first order.
# $z$ is a sum of many terms, so its distribution is likely to be more symmetric and less sparse than that of $a$.
# Fixing its mean and variance is therefore more likely to make the distribution stable.
# (This is an argument; the paper does not measure it.)
#
# The argument for the second order is that the next layer sees $a$, so $a$ is what should have a fixed mean and variance.

# %% [markdown]
# ### Why the bias is dead
#
# Let $z_i = w^\top x_i + b$ be the values of one feature over the batch, and $\hat z_i = (z_i - \mu)/\sqrt{\sigma^2+\varepsilon}$.
#
# - The mean moves with the bias: $\mu = w^\top \bar x + b$.
# - So $z_i - \mu = w^\top(x_i - \bar x)$, and the bias has gone.
# - The variance is made of $z_i - \mu$ alone, so it does not contain the bias either.
#
# Hence $\hat z$ does not depend on $b$, and every derivative with respect to $b$ is zero.
#
# The backward pass must agree. Question 16 derives it; with $L$ for the loss, $g_i$ for the upstream gradient, $N$ samples and $s=\sqrt{\sigma^2+\varepsilon}$:
#
# $$
# \frac{\partial L}{\partial z_i} = \frac1s\Big(g_i - \frac1N\sum_j g_j - \hat z_i\,\frac1N\sum_j g_j \hat z_j\Big)
# $$
#
# Sum over $i$. The first two terms cancel, and the third has the factor $\sum_i \hat z_i = 0$. Therefore
#
# $$
# \frac{\partial L}{\partial b} = \sum_i \frac{\partial L}{\partial z_i} = 0
# \qquad\text{and}\qquad
# \frac{\partial L}{\partial W} = x^\top \frac{\partial L}{\partial z} ,
# $$
#
# where in the second formula the samples are the rows of $x$, and $z = xW + b$ as in exercise 2.
#
# The shift that the bias was for is now the task of β.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the three orders
#
# Return an `nn.Sequential` of a 3×3 convolution (padding 1), a batch norm and a ReLU in the order that the name says.
# Give the convolution a bias only where no BN *of this block* directly follows it.
# Use torch's defaults for BN, and raise `ValueError` for any other name.

# %%
def make_block(order, c_in, c_out):
    """order "conv-bn-relu", "conv-relu-bn" or "bn-relu-conv" -> nn.Sequential, (N, c_in, H, W) -> (N, c_out, H, W).

    3×3 convolution with padding 1, a bias only where no batch norm of this block directly follows it; torch's
    defaults for batch norm.
    Any other order: ValueError.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(make_block)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: read from left to right</summary>
#
# The name is the order in which the input passes. Write the three layers of each name down before you write code.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: how many channels does BN see?</summary>
#
# After the convolution `c_out`, before it `c_in`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: which bias is dead?</summary>
#
# Only in conv-bn-relu does BN see the convolution's own output: `bias=False` there, and only there.
# With a ReLU in between, the bias decides what is cut off; with BN in front, nothing in this block takes the bias out again.
#
# </details>

# %% [markdown]
# ### Exercise 2: watch the bias die
#
# NumPy. Go backwards through `z = x @ weight + bias` and then batch norm of `z` without γ and β.
# Compute `dbias` as a sum over the batch (do not just return zeros), and look at the result.

# %%
def linear_bn_gradients(x, weight, bias, dout, eps=1e-5):
    """x (N, D), weight (D, C), bias (C,), dout (N, C) -> (dweight (D, C), dbias (C,)).

    Backwards through batch norm of z = x @ weight + bias over the samples, without gamma and beta; biased variance, eps under
    the root. dout is the gradient with respect to the normalised z. The inputs stay as they were.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(linear_bn_gradients)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two steps back</summary>
#
# First from `dout` through the normalisation to `dz`, then from `dz` through the linear layer.
# The second step is `x.T @ dz` and a sum.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the normalisation's backward</summary>
#
# It is the formula above: take from `dout` its mean over the batch, and `zhat` times the mean of `dout * zhat`; divide by the standard deviation.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### How dead is the bias?
#
# Each dot is one random problem.
# We compare the size of the bias gradient with batch norm behind the layer and without it.
# Do you expect exact zeros?

# %% tags=["hide-input"]
rng = np.random.default_rng(0)
with_bn, without = [], []
for _ in range(60):
    x, weight, bias = rng.normal(size=(32, 5)), rng.normal(size=(5, 4)), rng.normal(size=4)
    dout = 1 + rng.normal(size=(32, 4))
    with_bn.append(np.abs(linear_bn_gradients(x, weight, bias, dout)[1]).max())
    without.append(np.abs(dout.sum(axis=0)).max())

fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.semilogy(without, "s", color=plots.color("no_batch_norm"), label="linear layer alone")
ax.semilogy(np.maximum(with_bn, 1e-17), "o", color=plots.color("batch_norm"), label="batch norm behind it")
ax.axhline(np.finfo(float).eps, color="0.5", linestyle=":")
ax.text(0, np.finfo(float).eps / 2, "float64's rounding unit", color="0.35", va="top")
ax.set(xlabel="random problem", ylabel="largest |∂L/∂bias|", title="The bias gradient is rounding noise", ylim=(1e-18, 1e4))
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# **Takeaway.** A bias in front of BN costs memory and optimiser state, and it learns nothing.
# Its gradient is rounding noise, some sixteen powers of ten below the gradient of a bias without BN behind it.

# %% [markdown]
# ### What does the next layer see?
#
# The convolution and the images are the same, and only the order differs.
# What will the mean and the variance of the block's output be?

# %%
x_train, y_train, x_test, y_test = data.digits(flat=False)
images, labels = torch.tensor(x_train, dtype=torch.float32), torch.tensor(y_train)
test_images, test_labels = torch.tensor(x_test, dtype=torch.float32), torch.tensor(y_test)
orders = ("conv-bn-relu", "conv-relu-bn", "bn-relu-conv")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
for ax, order in zip(axes, orders, strict=True):
    torch.manual_seed(0)
    with torch.no_grad():
        values = make_block(order, 1, 16)(images[:256]).flatten().numpy()
    ax.hist(values, bins=60, range=(-3, 4), density=True, color=plots.color("batch_norm"))
    ax.set_yscale("log")
    ax.set(title=f"{order}\nmean {values.mean():.2f}, variance {values.var():.2f}", xlabel="output of the block")
axes[0].set_ylabel("density (log scale)")
plt.show()


# %% [markdown]
# **Takeaway.** conv-bn-relu passes on values that are never negative, with a mean well above 0.
# conv-relu-bn passes on mean 0. Its variance is 1 in most channels; it is only 0.78 over all, because in a few channels ReLU passes almost nothing, and ε is large against their variance.
# The spikes are the entries that ReLU had set to zero, one value for each channel.
# bn-relu-conv passes on the convolution's raw output, and the *next* block will normalise it.

# %% [markdown]
# ## Folklore on trial
#
# ### "BN after ReLU is better"
#
# The source of this claim is one public table of ImageNet runs at 128 pixels, the caffenet-benchmark.
# Its runs are single ones, without a second seed.
#
# We add a race of our own, with a stem convolution in front of all blocks so that no order meets raw pixels.
# Each order takes the best of three learning rates, chosen on four seeds, and is then judged on eight other seeds.
# The family is 2 or 4 blocks and 100, 200 or 400 training digits, because with all digits both orders reach a ceiling.
# We call *after* better if it leads by more than two standard errors, and as a second threshold if it leads by more than one point.

# %%
def block_accuracy(order, depth, n, lr, seed, steps=100):
    """Test accuracy of a stem, `depth` blocks and a linear layer after 100 SGD steps of 32 on `n` digits (momentum 0.9)."""
    torch.manual_seed(seed)
    blocks = [make_block(order, 16, 16) for _ in range(depth)]
    stem = nn.Conv2d(1, 16, 3, stride=2, padding=1)
    net = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))
    mine = torch.randperm(len(images))[:n]
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    for _ in range(steps):
        batch = mine[torch.randint(n, (32,))]
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        return (net(test_images).argmax(dim=1) == test_labels).double().mean().item()


race = settings(order=orders[:2], depth=[2, 4], n=[100, 200, 400], lr=[0.01, 0.03, 0.1], seed=range(12))
accuracy = evidence("batchnorm_placement", block_accuracy, race, sample=1)


# %%
def tuned(order, depth, n):
    """Accuracies (8,) of the judging seeds at the learning rate that was best on the four tuning seeds."""
    def mean(lr):
        return np.mean([accuracy(order=order, depth=depth, n=n, lr=lr, seed=s) for s in range(4)])

    best = max([0.01, 0.03, 0.1], key=mean)
    return np.array([accuracy(order=order, depth=depth, n=n, lr=best, seed=s) for s in range(4, 12)])


def lead(depth, n):
    """(mean, standard error) of accuracy after ReLU minus accuracy before it."""
    gain = tuned("conv-relu-bn", depth, n) - tuned("conv-bn-relu", depth, n)
    return gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))


# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
family = settings(depth=[2, 4], n=[100, 200, 400])
for row, each in enumerate(family):
    mean, error = lead(**each)
    ax.errorbar(100 * mean, row, xerr=200 * error, fmt="o", color=plots.color("batch_norm"), capsize=4)
ax.axvline(0, color="0.5", linestyle=":")
ax.set_yticks(range(len(family)), [f"{each['depth']} blocks, {each['n']} digits" for each in family])
ax.yaxis.set_inverted(True)
ax.set(xlabel="points of accuracy by which BN after ReLU leads (bars: 2 standard errors)", title="Within the seeds, no order leads")
plt.show()

# %%
table = "caffenet-benchmark, ImageNet at 128 pixels, single runs"
trial(
    "batch norm after ReLU is better than before it",
    lambda depth, n: (lead(depth, n)[0] > 2 * lead(depth, n)[1], lead(depth, n)[0] > 0.01),
    over=settings(depth=[2, 4], n=[100, 200, 400]),
    published=[
        published(f"{table}: CaffeNet with γ and β", "before 47.8 %, after 49.3 %", holds=True),
        published(f"{table}: CaffeNet without γ and β", "before 47.4 %, after 49.9 %", holds=True),
        published(f"{table}: GoogLeNet", "before 60.3 or 60.7 % (two initialisations), after 59.6 %, without BN 61.9 %", holds=False),
    ],
    expect="not decided here",
)

# %% [markdown]
# The published runs disagree.
# One public table of single runs points one way for CaffeNet and the other way for GoogLeNet, where the net without any BN was best.
# Our small nets cannot decide it either.
#
# Say: *"Before the activation is the standard. I know of no careful study that decides for either side, so I keep the standard unless I have measured otherwise on my task."*
#
# ### "The order does not matter, then"
#
# For a plain stack that is open, as we have just seen.
# In a residual block the order decides what is added to the shortcut.
# He et al. (2016) compared five orders of the same parts on CIFAR-10. Here are three of them against the original order:

# %%
table = "He et al. 2016, Identity Mappings, table 2 (CIFAR-10, error of ResNet-110 and ResNet-164)"
trial(
    "the order of BN, ReLU and convolution in a residual block does not matter",
    published=[
        published(f"{table}: BN after the addition", "8.17 and 6.50 %, against 6.61 and 5.93 % for the original", holds=False),
        published(f"{table}: ReLU before the addition", "7.84 and 6.14 %, against 6.61 and 5.93 %", holds=False),
        published(f"{table}: full pre-activation", "6.37 and 5.46 %, against 6.61 and 5.93 %", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# The fourth, ReLU alone before the convolution, came out like the original (6.71 and 5.91 %).
# For the first two rows He et al. give a plausible reason.
# A branch that ends in ReLU can only add to the signal, never subtract from it.
# BN after the addition rescales the shortcut itself.
# Neither happens in the usual blocks: ResNet's branch ends in BN (version 1) or in a convolution (version 2). Questions 25 and 26 go on from here.

# %% [markdown] tags=["deeper"]
# ### Deeper: watch the shortcut grow
#
# Stack thirty residual blocks at initialisation, each with one of the three orders on the branch.
# How does the mean of the signal on the shortcut change?

# %% tags=["deeper", "hide-input"]
torch.manual_seed(0)
x = torch.randn(64, 8, 8, 8)
growth = {}
for order in orders:
    torch.manual_seed(1)
    signal, means = x.clone(), []
    with torch.no_grad():
        for _ in range(30):
            signal = signal + make_block(order, 8, 8)(signal)
            means.append(signal.mean().item())
    growth[order] = np.array(means)

ax = plots.curves(
    growth, "residual block", "mean of the signal", "A branch that ends in ReLU pushes the shortcut upwards"
)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** With conv-bn-relu every block adds something that is never negative, so the mean climbs by the same amount in each block.
# With the other two orders it stays near 0.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Convolution without bias, then batch norm, then ReLU: that is the order of the paper and of ResNet.
# The bias goes because BN subtracts the mean and the bias with it. Its gradient is exactly zero, and β takes over.
# Some people put BN after ReLU; one public table favours it for one network and not for another, so I call that open.
# Pre-activation networks use BN, ReLU, convolution. Shall I explain why?"
#
# ### 三十秒回答
#
# "标准顺序是卷积(不带偏置)、BN、ReLU,原论文和 ResNet 都这么放。
# BN 会减去均值,偏置也一起被减掉,所以它的梯度恒为零,作用由 β 代替。
# 也有人把 BN 放在 ReLU 之后,但在一份公开的对比里,有的网络变好,有的变差,没有定论。
# 预激活残差网络的顺序是 BN、ReLU、卷积。要不要我讲讲为什么?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - State the full order, and the paper's argument: the sum $z$ is likely to be more symmetric and less sparse than the activation.
# - Give the other side: the next layer sees the activation, so normalise that.
# - Give the figures and their weight. With scale and bias CaffeNet has 47.8 % before and 49.3 % after ReLU; GoogLeNet has 60.3 % before and 59.6 % after. These are single runs.
# - Derive the dead bias in two lines: $z-\mu$ does not contain $b$.
# - Say where a bias is alive: where a ReLU stands between the convolution and BN, or where no BN follows.
#   In a pre-activation net the *next* block begins with BN and takes the bias out, so those nets usually do without it, too.
# - In residual blocks the order was measured (He et al. 2016, CIFAR-10): BN after the addition or a branch that ends in ReLU costs accuracy, and full pre-activation gains.
# - At inference only conv → BN folds into the convolution in front (question 17).

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Can BN after ReLU be folded at inference?</summary>
#
# Not into the convolution in front, because ReLU stands between them.
# It is an affine map before the *next* convolution and folds into that one, except at a zero-padded border (question 17).
#
# </details>
#
# <details><summary>Where does BN go in a residual block?</summary>
#
# Version 1: conv-BN-ReLU-conv-BN, add, ReLU. Version 2: BN-ReLU-conv twice, add, nothing after it.
# BN after the addition was worse: on ImageNet a ResNet-101 went from 23.6 % to 24.6 % top-1 error (He et al. 2016, §5). Their reason is that it alters the signal on the shortcut.
#
# </details>
#
# <details><summary>You fine-tune a net whose convolutions have a bias in front of BN. Does it hurt?</summary>
#
# No. In training the bias cancels, and the running mean contains it.
# With BN frozen in evaluation mode the bias is alive, because the running mean is then a constant that does not follow it.
#
# </details>
#
# <details><summary>Which of the other BN questions belong here?</summary>
#
# When γ is superfluous: question 18. Dropout together with BN: question 46. Other normalisations, where "before or after" is asked of a whole transformer block: question 44.
#
# </details>
#
# <details><summary>What about batch norm on the input image?</summary>
#
# It can replace standardising the data set, but in training the input's scale then depends on the batch.
# Means and standard deviations of the training set are the usual choice.
#
# </details>
#
# <details><summary>How would you decide before or after on your own task?</summary>
#
# Same network, learning rate tuned for each order on the same budget, five seeds or more, and a difference that I would act on, fixed in advance.
# If the difference is within two standard errors, keep the order that folds into the convolution.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "After the convolution", without saying on which side of the activation.
# - "After ReLU, everybody does that now." The usual order is still BN before ReLU, and the published runs disagree.
# - Keeping `bias=True` in front of BN and not noticing.
# - Quoting one benchmark as if it settled the question.
# - "The bias is dropped because it is small." It is dropped because its gradient is zero.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization.* ICML 2015, §3.2: BN before the nonlinearity, and the bias that can be ignored.
# - K. He, X. Zhang, S. Ren, J. Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016, §3.4.
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016, §4.1, table 2 and §5: the place of BN and ReLU in a residual block.
# - D. Mishkin, N. Sergievskiy, J. Matas. *Systematic evaluation of CNN advances on the ImageNet*, and its public table of runs (caffenet-benchmark): before and after, for two networks.
