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
# - **You name the full order**, not half of it: convolution → BN → ReLU is what the paper and ResNet use.
# - **You know the argument on each side**, and that the measurements disagree with each other.
# - **You drop the bias in front of BN**, and can show that its gradient is zero.
# - **You know the third place**: BN → ReLU → convolution, the pre-activation order.
# - **You do not sell folklore as a law.** "It depends, and here is how I would measure it" is the strong answer.

# %% [markdown]
# ## The idea
#
# A layer computes $z = Wx + b$ and then $a = \mathrm{relu}(z)$. There are three places to normalise:
#
# | order | what is normalised | who uses it |
# |---|---|---|
# | conv → BN → ReLU | the sum $z$ | Ioffe & Szegedy 2015 §3.2, ResNet §3.4 |
# | conv → ReLU → BN | the activation $a$ | some reimplementations; part of the CaffeNet benchmark |
# | BN → ReLU → conv | the input of the next layer, before its ReLU | pre-activation ResNet, DenseNet |
#
# The paper's reason for the first: $z$ is a sum of many terms, so its distribution is more symmetric and less sparse than that of $a$,
# and fixing two moments of it is more likely to make it stable.
# The reason given for the second: what the next layer sees is $a$, so $a$ is what should have a fixed mean and variance.

# %% [markdown]
# ### Why the bias is dead, by algebra
#
# Let $z_i = w^\top x_i + b$ be the values of one feature over the batch, and $\hat z_i = (z_i - \mu)/\sqrt{\sigma^2+\varepsilon}$.
#
# - The mean moves with the bias: $\mu = w^\top \bar x + b$.
# - So $z_i - \mu = w^\top(x_i - \bar x)$: the bias has gone.
# - The variance is made of $z_i - \mu$ alone, so it does not see the bias either.
#
# Hence $\hat z$ does not depend on $b$ at all, and every derivative with respect to $b$ is zero.

# %% [markdown]
# ### The same, by the chain rule
#
# Question 16 derives the gradient through the normalisation. With $g_i$ for the upstream gradient and $s=\sqrt{\sigma^2+\varepsilon}$:
#
# $$
# \frac{\partial L}{\partial z_i} = \frac1s\Big(g_i - \frac1N\sum_j g_j - \hat z_i\,\frac1N\sum_j g_j \hat z_j\Big)
# $$
#
# Sum over $i$: the first two terms cancel, and the third has the factor $\sum_i \hat z_i = 0$. Therefore
#
# $$
# \frac{\partial L}{\partial b} = \sum_i \frac{\partial L}{\partial z_i} = 0
# \qquad\text{and}\qquad
# \frac{\partial L}{\partial W} = x^\top \frac{\partial L}{\partial z} .
# $$
#
# The shift that the bias was for is what β does now.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from utils import check, data, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the three orders
#
# Return an `nn.Sequential` of a 3×3 convolution (padding 1), a batch norm and a ReLU in the order that the name says.
# Give the convolution a bias only where BN does not directly follow it. torch's defaults for BN. `ValueError` for any other name.


# %%
def make_block(order, c_in, c_out):
    """order: "conv-bn-relu", "conv-relu-bn" or "bn-relu-conv" -> nn.Sequential, (N, c_in, H, W) -> (N, c_out, H, W)."""
    # BEGIN SOLUTION
    if order == "conv-bn-relu":
        return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())
    if order == "conv-relu-bn":
        return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(c_out))
    if order == "bn-relu-conv":
        return nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, 3, padding=1))
    raise ValueError(f"unknown order {order!r}")
    # END SOLUTION


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
# With a ReLU in between, the bias decides what is cut off; with BN in front, nothing takes the bias out again.
#
# </details>

# %% [markdown]
# ### Exercise 2: watch the bias die
#
# NumPy. Gradients of weight and bias through `z = x @ weight + bias`, then batch norm of `z` without γ and β.
# Compute `dbias` honestly, as a sum over the batch, and look at what comes out.


# %%
def linear_bn_gradients(x, weight, bias, dout, eps=1e-5):
    """x (N, D), weight (D, C), bias (C,), dout (N, C) -> (dweight (D, C), dbias (C,))."""
    # BEGIN SOLUTION
    z = x @ weight + bias
    std = np.sqrt(z.var(axis=0) + eps)
    zhat = (z - z.mean(axis=0)) / std
    dz = (dout - dout.mean(axis=0) - zhat * (dout * zhat).mean(axis=0)) / std
    return x.T @ dz, dz.sum(axis=0)
    # END SOLUTION


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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(make_block)

# %% [markdown]
# ## Experiments
#
# ### How dead is the bias?
#
# Each dot is one random problem: the size of the bias gradient with batch norm behind the layer, and without.

# %%
rng = np.random.default_rng(0)
with_bn, without = [], []
for _ in range(60):
    x, weight, bias = rng.normal(size=(32, 5)), rng.normal(size=(5, 4)), rng.normal(size=4)
    dout = 1 + rng.normal(size=(32, 4))
    with_bn.append(np.abs(linear_bn_gradients(x, weight, bias, dout)[1]).max())
    without.append(np.abs(dout.sum(axis=0)).max())

fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.semilogy(without, "o", color=plots.color("no_batch_norm"), label="linear layer alone")
ax.semilogy(with_bn, "o", color=plots.color("batch_norm"), label="batch norm behind it")
ax.axhline(np.finfo(float).eps, color="0.5", linestyle=":")
ax.text(0, np.finfo(float).eps / 2, "float64's rounding unit", color="0.35", va="top")
ax.set(xlabel="random problem", ylabel="largest |∂L/∂bias|", title="The bias gradient is rounding noise", ylim=(1e-18, 1e4))
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# **Takeaway.** A bias in front of BN costs memory and optimiser state and learns nothing.
# Weight decay would even pull it to zero without any effect on the output.

# %% [markdown]
# ### What does the next layer see?
#
# Same convolution, same images; only the order differs. What will mean and variance of the block's output be?

# %%
x_train, y_train, x_test, y_test = data.digits(flat=False)
images, labels = torch.tensor(x_train, dtype=torch.float32), torch.tensor(y_train)
test_images, test_labels = torch.tensor(x_test, dtype=torch.float32), torch.tensor(y_test)
orders = ("conv-bn-relu", "conv-relu-bn", "bn-relu-conv")

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
# conv-relu-bn passes on mean 0 and a variance near 1 (a channel that ReLU has silenced stays at 0), but with spikes: all the entries that ReLU had set to zero.
# bn-relu-conv passes on whatever the convolution makes of its input; the *next* block will normalise it.

# %% [markdown]
# ## Folklore on trial
#
# ### "The bias before BN can be dropped"

# %%
ruling = trial(
    "a bias in front of batch norm has no gradient",
    {
        "BN directly behind the layer": max(with_bn) < 1e-10,
        "no BN behind the layer": max(without) < 1e-10,
    },
    only_if="batch norm directly follows",
)
assert ruling == "holds only if batch norm directly follows"
ruling

# %% [markdown]
# ### "BN after ReLU is better"
#
# The source of this one: in the CaffeNet-128 benchmark (D. Mishkin and others, a public table of ImageNet runs at 128 pixels), BN before ReLU reached 47.4 % and after it 49.9 %.
# The same table's GoogLeNet-128 runs rank the other way: 60.3 % before, 59.6 % after.
#
# So we measure. A small network on digits, trained from eight seeds for each order, at two learning rates.
# What difference would you call a difference? Decide before you look.


# %%
def small_net(order):
    """Three blocks on 8×8 digits, then one linear layer."""
    return nn.Sequential(
        make_block(order, 1, 8), nn.MaxPool2d(2), make_block(order, 8, 16), make_block(order, 16, 16),
        nn.Flatten(), nn.Linear(16 * 4 * 4, 10),
    )  # fmt: skip


def held_out_accuracy(order, seed, lr, epochs=4, batch_size=50):
    """Train with SGD and momentum 0.9, then classify the held-out digits in evaluation mode."""
    torch.manual_seed(seed)
    net = small_net(order)
    optimiser = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(batch_size)[:-1]:  # the last one is short: noisy statistics
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimiser.step()
    net.eval()
    with torch.no_grad():
        return (net(test_images).argmax(dim=1) == test_labels).double().mean().item()


seeds, rates = range(8), (0.02, 0.1)
accuracy = {(order, lr): np.array([held_out_accuracy(order, s, lr) for s in seeds]) for order in orders for lr in rates}

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
tints = dict(zip(orders, (plots.color("batch_norm"), plots.color("noisy_batch_norm"), plots.color("layer_norm")), strict=True))
for i, lr in enumerate(rates):
    for j, order in enumerate(orders):
        values = 100 * accuracy[order, lr]
        at = i + 0.25 * (j - 1)
        ax.plot(np.full(len(values), at), values, "o", color=tints[order], alpha=0.45, label=order if i == 0 else None)
        ax.errorbar(at, values.mean(), values.std(ddof=1), color=tints[order], marker="_", markersize=22, capsize=5, linewidth=2)
ax.set_xticks(range(len(rates)), [f"learning rate {lr}" for lr in rates])
ax.set(ylabel="test accuracy (%)", title="The seeds differ more than the orders do", xlim=(-0.5, 1.5))
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
plt.show()

# %% [markdown]
# The bars are mean and standard deviation over eight seeds.
# A difference counts below only if it exceeds three times its standard error, $\sqrt{s_1^2/n + s_2^2/n}$.


# %%
def clearly_better(a, b):
    """Is the mean of a above that of b by more than three standard errors of the difference?"""
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return bool(a.mean() - b.mean() > 3 * error)


ruling = trial(
    "batch norm after ReLU is better than before it",
    {f"digits, learning rate {lr}": clearly_better(accuracy["conv-relu-bn", lr], accuracy["conv-bn-relu", lr]) for lr in rates},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# It does not hold *here*, and that is all this figure says: eight seeds of a small network.
# On ImageNet the published runs point both ways, depending on the network.
# The sentence that survives a follow-up: *"before the activation is the standard; the measured differences are small and depend on the network, so I would keep the standard unless my own runs say otherwise."*
#
# ### "The order does not matter at all, then"
#
# It matters for what the layers around it may assume. Put the wrong block in front of an identity shortcut and the signal on the shortcut can only grow:

# %%
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

# %%
ruling = trial(
    "the order in a residual branch does not matter: the shortcut keeps its mean near 0",
    {order: bool(abs(means[-1]) < 2) for order, means in growth.items()},
    only_if="the branch does not end in ReLU",
)
assert ruling == "holds only if the branch does not end in ReLU"
ruling

# %% [markdown]
# That is one reason why ResNet's branch ends in BN (version 1) or in a convolution (version 2), never in a ReLU: questions 25 and 26.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Convolution without bias, then batch norm, then ReLU: that is the paper's order and ResNet's.
# The bias goes because BN subtracts the mean, and the bias with it; its gradient is exactly zero, and β takes its place.
# Some report gains from BN after ReLU, but published benchmarks point both ways and on my own runs the difference is within the seeds.
# In pre-activation networks the order is BN, ReLU, convolution, so that the shortcut stays clean."

# %% [markdown]
# ## Answer in 2 minutes
#
# - State the full order, and the paper's argument: the sum $z$ is more symmetric and less sparse than the activation.
# - Give the other side: the next layer sees the activation, so normalise that. Then the numbers: CaffeNet-128 47.4 % before against 49.9 % after; GoogLeNet-128 60.3 % against 59.6 %.
# - Derive the dead bias in two lines: $z-\mu$ does not contain $b$.
# - Mention what stays: after a ReLU, or with BN in front, the bias is alive.
# - Pre-activation: BN → ReLU → conv keeps the addition free of ReLU, which matters in very deep residual networks.
# - Inference: only conv → BN can be folded into the convolution (question 17); with a ReLU in between it cannot fold backwards, though it can fold into the *next* layer.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Can BN after ReLU be folded at inference?</summary>
#
# Not into the convolution before it, because ReLU stands between them.
# It is an affine map in front of the next convolution, so it folds into that one; with zero padding the border is then off, because the padded zeros should have become −s·mean + β.
#
# </details>
#
# <details><summary>Where does BN go in a residual block?</summary>
#
# Version 1: conv-BN-ReLU-conv-BN, add, ReLU. Version 2: BN-ReLU-conv twice, add, nothing after it.
# BN after the addition is worse: it alters the signal on the shortcut (He et al. 2016 report 24.6 % top-1 error against 23.6 %).
#
# </details>
#
# <details><summary>And with dropout?</summary>
#
# Dropout before BN makes the variance in training larger than at inference, so the running statistics are wrong (Li et al., CVPR 2019).
# Put dropout after the last BN, usually before the classifier.
#
# </details>
#
# <details><summary>Does γ matter when ReLU and a linear layer follow?</summary>
#
# ReLU passes a positive scale through, and the next linear layer can absorb it, so γ is redundant there; some implementations switch it off and keep β.
#
# </details>
#
# <details><summary>What about batch norm on the input image?</summary>
#
# It replaces standardising the data set and costs nothing, but it ties the input scale to the batch in training. Fixed means and deviations of the training set are the usual choice.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "After the convolution", without saying on which side of the activation.
# - "After ReLU, everybody does that now." Neither half is true.
# - Keeping `bias=True` in front of BN and not noticing.
# - Quoting one benchmark as if it settled the question.
# - "The bias is dropped because it is small." It is dropped because its gradient is zero.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization.* ICML 2015, §3.2: BN before the nonlinearity, and the bias that can be ignored.
# - K. He, X. Zhang, S. Ren, J. Sun. *Deep Residual Learning for Image Recognition.* CVPR 2016, §3.4.
# - K. He, X. Zhang, S. Ren, J. Sun. *Identity Mappings in Deep Residual Networks.* ECCV 2016, §4: the place of BN and ReLU in a residual block.
# - D. Mishkin, N. Sergievskiy, J. Matas. *Systematic evaluation of CNN advances on the ImageNet*, and its public table of runs (caffenet-benchmark): before and after, for two networks.
# - X. Li, S. Chen, X. Hu, J. Yang. *Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift.* CVPR 2019.
