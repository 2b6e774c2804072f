# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 17 · What differs in batch normalisation between training and inference?
#
# *BN 在训练和测试时有什么区别?*

# %% [markdown]
# ## Question
#
# "You train a network with batch normalisation and then deploy it.
# What does the layer do differently at inference, where do its numbers come from, and why is that needed?
# Write both modes. Then make the layer disappear: fold it into the convolution before it."
#
# "训练好的带 BN 的网络部署后,BN 层的计算有什么不同?均值和方差从哪里来?为什么要这样做?
# 请写出两种模式的代码,并把 BN 折叠进前面的卷积。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **What breaks if `eval()` is forgotten**: an answer then depends on the other images in the batch.
# - **Which statistics when.** The batch's in training, running averages at inference.
# - **How the running averages come about.** Outside the gradient; biased variance in the output, unbiased in the average.
# - **Momentum's two conventions.** torch's 0.1 is Keras' 0.9.
# - **What follows.** At inference the layer is affine, so it folds away; you can give $W'$ and $b'$.
# - **What breaks in practice.** Tiny batches, stale statistics, "frozen" layers that still move, many GPUs.

# %% [markdown]
# ## The idea
#
# ### Forget `eval()`, and see
#
# Five small networks with batch norm read handwritten digits.
# With their running statistics each of them is right on 96 to 97 % of the test images.
# Now somebody forgets `eval()`, so that the test images are normalised with each other:
#
# | test batch | accuracy |
# |---|---|
# | 256 mixed images | nearly as good |
# | 8 mixed images | 88 % |
# | 2 images | 49 % |
# | 32 images of the same digit | 11 % |
#
# The weights are the same. What has changed is that an image's answer depends on the *other images in the batch*.
# This is the reason for the second mode: at inference the answer must be a function of one image alone.
# "Because only one image comes in" is not the reason. A server that groups requests has many images, and a convolution has $H\,W$ values per channel even for one.

# %% [markdown]
# ### Two modes
#
# | | training | inference |
# |---|---|---|
# | mean, variance | of this batch | running averages |
# | variance in the output | biased, ÷ $m$ | the running estimate, fed with ÷ $(m-1)$ |
# | does a sample's output depend on the others? | yes | no |
# | gradient through the statistics? | yes | no, they are constants |
# | the running statistics are | updated | read |
# | as a function of `x` | not linear | affine |
#
# γ, β and ε are the same in both. $m$ is the number of values per feature: $N$ for vectors, $N\,H\,W$ for images.

# %% [markdown]
# ### The running average
#
# Let $\mu_t$ be the mean of batch $t$ and $r_t$ the running mean. With momentum α, as torch reads it, and $q=1-\alpha$:
#
# $$
# r_t=(1-\alpha)\,r_{t-1}+\alpha\,\mu_t
# \qquad\Longrightarrow\qquad
# r_t=q^t\,r_0+\alpha\sum_{k=0}^{t-1}q^k\,\mu_{t-k}
# $$
#
# - **How fast?** The start fades like $(1-\alpha)^t$: about $3/\alpha$ batches until 5 % of it is left.
# - **How noisy?** With fixed weights its variance is in the long run $\frac{\alpha}{2-\alpha}$ times that of one batch mean: the same as for a plain mean of 19 batches for α = 0.1, of 199 for α = 0.01.
#
# The batch's own variance is too small on average, $E[\sigma_B^2]=\frac{m-1}{m}\sigma^2$, because it is taken around the batch's own mean.
# So the paper (Algorithm 2) and torch feed the running variance with the unbiased one. The output in training keeps the biased one: there it is this batch that is normalised, and nothing is estimated.
#
# | who | rule | usual value |
# |---|---|---|
# | torch | new = (1 − momentum) · old + momentum · batch | 0.1 |
# | Keras | new = momentum · old + (1 − momentum) · batch | 0.99 (and ε = 10⁻³) |
# | torch, `momentum=None` | plain average of all batches so far: momentum = 1/t | |
# | the paper, Algorithm 2 | after training, weights fixed: average over many batches | |
#
# torch's 0.1 is Keras' 0.9. Keras' 0.99 is torch's 0.01; typed into torch, 0.99 keeps little more than the last batch.

# %% [markdown]
# ### Folding
#
# At inference $r$ and $v$ are constants. For output channel $c$ of a convolution $z=W*x+b$:
#
# $$
# y_c=\gamma_c\,\frac{z_c-r_c}{\sqrt{v_c+\varepsilon}}+\beta_c
# =s_c\,z_c+(\beta_c-s_c r_c)
# \qquad\text{with}\qquad s_c=\frac{\gamma_c}{\sqrt{v_c+\varepsilon}}
# $$
#
# $z_c$ is linear in the weights $W_c$ of that channel and in $b_c$, so the factor goes inside:
#
# $$
# \boxed{\;W'_c=s_c\,W_c\qquad b'_c=\beta_c+s_c\,(b_c-r_c)\;}
# $$
#
# There is one scale per *output* channel, because that is what batch norm sees.
# A convolution without a bias ($b=0$) gets one: $\beta_c-s_c r_c$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, expect, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: a training step
#
# `x (N, D)` with N ≥ 2; the other arrays `(D,)`. Return `(out, running_mean, running_var)`.
# Momentum as in torch: the weight of the *new* batch.
# Return new arrays; the check also feeds several batches in a row.

# %%
def batchnorm_train(x, gamma, beta, running_mean, running_var, momentum=0.1, eps=1e-5):
    """x (N, D), N >= 2, the others (D,) -> (out (N, D), running_mean (D,), running_var (D,)).

    out: by the batch's mean and biased variance, eps under the root. New running = (1 - momentum) * old + momentum * batch,
    with the unbiased variance (divided by N - 1). Returns new arrays; the inputs stay as they were.
    """
    # BEGIN SOLUTION
    mean, var = x.mean(axis=0), x.var(axis=0)
    out = gamma * (x - mean) / np.sqrt(var + eps) + beta

    unbiased = x.var(axis=0, ddof=1)
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_var = (1 - momentum) * running_var + momentum * unbiased
    return out, running_mean, running_var
    # END SOLUTION

# %%
check(batchnorm_train)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two jobs that do not touch</summary>
#
# The output is question 15's forward pass; the running statistics have no part in it.
# Then, apart from that, two lines move the running statistics.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two variances</summary>
#
# Divide by N for the output and by N − 1 for the running variance: `x.var(axis=0)` and `x.var(axis=0, ddof=1)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `running_mean = (1 - momentum) * running_mean + momentum * mean` makes a new array; `running_mean *= …` would write into the caller's.
# The same line for `running_var`, fed with the unbiased variance.
#
# </details>

# %% [markdown]
# ### Exercise 2: inference
#
# The same layer once it is trained. `x (N, D)`, and N may be 1. Return `out` alone.

# %%
def batchnorm_eval(x, gamma, beta, running_mean, running_var, eps=1e-5):
    """x (N, D), the others (D,) -> out (N, D), by the running statistics alone; N may be 1; eps under the root.

    The inputs stay as they were.
    """
    # BEGIN SOLUTION
    return gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta
    # END SOLUTION

# %%
check(batchnorm_eval)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what must not appear</summary>
#
# No mean and no variance of `x`. Row 3 of the output must be the same whatever the other rows are.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# Question 15's last line, with `running_mean` for the mean and `running_var` for the variance.
# `running_var` is a variance: eps and the root are still to come.
#
# </details>

# %% [markdown]
# ### Exercise 3: fold it into the convolution
#
# `weight (C_out, C_in, kH, kW)`, `bias (C_out,)` or None; the other arrays `(C_out,)`.
# Return `(weight, bias)` of one convolution that does what convolution and batch norm did.

# %%
def fold_batchnorm(weight, bias, gamma, beta, running_mean, running_var, eps=1e-5):
    """weight (C_out, C_in, kH, kW), bias (C_out,) or None, the others (C_out,) -> (weight, bias), folded.

    One convolution that gives what convolution and batch norm in eval mode gave. The bias returned is always (C_out,).
    eps under the root. Depthwise weights have C_in = 1. The inputs stay as they were.
    """
    # BEGIN SOLUTION
    if bias is None:
        bias = np.zeros(len(weight))
    scale = gamma / np.sqrt(running_var + eps)
    return weight * scale.reshape(-1, 1, 1, 1), beta + scale * (bias - running_mean)
    # END SOLUTION

# %%
check(fold_batchnorm)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: write the layer as one line</summary>
#
# `y = scale · z + shift`. What are `scale` and `shift`, and what shape do they have?
# Then put `z = W * x + b` in.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: lining the shapes up</summary>
#
# One factor for each output channel, and output channels are axis 0 of the weight.
# NumPy lines shapes up from the right, so `(C_out,)` would meet kW: reshape it to `(C_out, 1, 1, 1)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `scale = gamma / np.sqrt(running_var + eps)`. The weights are multiplied by it, nothing is added to them.
# The old bias goes through batch norm like everything else: subtract the running mean, scale, add beta.
# No bias means a bias of zeros.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name: in training, and in folding.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(batchnorm_train)

# %% tags=["solution"]
common_mistakes(fold_batchnorm)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run. ("Frozen, and still moving" needs torch, which the browser does not have.)
#
# ### A network to try things on
#
# Handwritten digits, 8×8 pixels; two hidden layers of 64 units, each with batch norm and ReLU; plain SGD for eight epochs; five seeds.
# Your functions are its batch norm. `forward` has three modes: "train" (batch statistics, the running ones are updated), "eval" (running statistics),
# and "batch" (batch statistics, nothing updated), which is what happens if you forget `eval()`, without the side effect.

# %% tags=["hide-input"]
WIDTH = 64


def split(seed):
    """Digits to train on and to test on: (x, t, x_test, t_test)."""
    return data.digits(test_share=1 / 3, seed=seed)


def new_network(rng):
    """A dict of all weights, and of each batch norm's gamma, beta, mean and var."""
    net = {"w0": rng.normal(0, np.sqrt(2 / 64), (64, WIDTH)), "w1": rng.normal(0, np.sqrt(2 / WIDTH), (WIDTH, WIDTH)),
           "w2": rng.normal(0, np.sqrt(2 / WIDTH), (WIDTH, 10)), "b2": np.zeros(10)}
    for layer in (0, 1):
        net |= {f"gamma{layer}": np.ones(WIDTH), f"beta{layer}": np.zeros(WIDTH)}
        net |= {f"mean{layer}": np.zeros(WIDTH), f"var{layer}": np.ones(WIDTH)}
    return net


def forward(net, x, mode, momentum=0.1, kept=None):
    """Logits (N, 10). In mode "train" the running statistics in `net` move; `kept` collects what backward needs."""
    for layer in (0, 1):
        z = x @ net[f"w{layer}"]
        norm = [net[f"{name}{layer}"] for name in ("gamma", "beta", "mean", "var")]
        if mode == "eval":
            out = batchnorm_eval(z, *norm)
        else:
            out, mean, var = batchnorm_train(z, *norm, momentum)
            if mode == "train":
                net[f"mean{layer}"], net[f"var{layer}"] = mean, var
        if kept is not None:
            kept.append((x, z, np.asarray(out)))
        x = np.maximum(out, 0)
    if kept is not None:
        kept.append(x)
    return x @ net["w2"] + net["b2"]


def train_step(net, x, t, momentum, lr=0.3):
    """One step of SGD on the cross-entropy, in place; batch norm backwards is question 16's closed form."""
    kept = []
    logits = forward(net, x, "train", momentum, kept)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    dx = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[t]) / len(t)
    hidden = kept.pop()
    grads = {"w2": hidden.T @ dx, "b2": dx.sum(axis=0)}
    dx = dx @ net["w2"].T
    for layer in (1, 0):
        below, z, out = kept[layer]
        dout = dx * (out > 0)
        std = np.sqrt(z.var(axis=0) + 1e-5)
        xhat = (z - z.mean(axis=0)) / std
        dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
        dz = net[f"gamma{layer}"] / std * (dout - dbeta / len(z) - xhat * dgamma / len(z))
        grads |= {f"w{layer}": below.T @ dz, f"gamma{layer}": dgamma, f"beta{layer}": dbeta}
        dx = dz @ net[f"w{layer}"].T
    for name, grad in grads.items():
        net[name] = net[name] - lr * grad


def train(seed, momentum=0.1, epochs=8, watch=lambda net: None):
    """A trained network; `watch` is called after every step."""
    x, t, *_ = split(seed)
    rng = np.random.default_rng(100 + seed)
    net = new_network(rng)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 64):
            batch = order[start : start + 64]
            train_step(net, x[batch], t[batch], momentum)
            watch(net)
    return net


def accuracy(logits, t):
    return np.mean(logits.argmax(axis=1) == t)

# %%
SEEDS = range(5)
nets = [train(seed) for seed in SEEDS]
tests = [split(seed)[2:] for seed in SEEDS]
proper = np.array([accuracy(forward(net, x, "eval"), t) for net, (x, t) in zip(nets, tests, strict=True)])
print(f"five networks, test accuracy with running statistics: {proper.min():.2f} to {proper.max():.2f}")

# %% [markdown]
# ### What if you forget `eval()`?
#
# How large must a test batch be until batch statistics do no harm? And what if all images of a batch show the same digit?

# %%
def batch_accuracy(seed, size, mix):
    """Accuracy of one network with the statistics of test batches of `size`: "mixed" ones, or "one digit" each."""
    net, (x, t) = nets[seed], tests[seed]
    if mix == "one digit":
        return np.mean([accuracy(forward(net, x[t == digit][:size], "batch"), digit) for digit in range(10)])
    order = np.random.default_rng(size).permutation(len(x))
    batches = order[: len(x) // size * size].reshape(-1, size)  # a short last batch is left out
    return np.mean([accuracy(forward(net, x[batch], "batch"), t[batch]) for batch in batches])

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.7), layout="constrained")
ax.axhline(proper.mean(), color=plots.color("right"), label="running statistics, any batch")
for mix, sizes, tint, mark in (("mixed", [2, 4, 8, 16, 32, 64, 128, 256], "batch_norm", "o-"), ("one digit", [2, 4, 8, 16, 32], "wrong", "s--")):
    values = np.array([[batch_accuracy(seed, size, mix) for size in sizes] for seed in SEEDS])
    ax.plot(sizes, values.mean(axis=0), mark, color=plots.color(tint), label=f"batch statistics, {mix}")
    ax.fill_between(sizes, values.min(axis=0), values.max(axis=0), color=plots.color(tint), alpha=0.2, linewidth=0)
ax.axhline(0.1, color="0.6", linestyle=":")
ax.text(256, 0.115, "guessing", color="0.35", ha="right")
ax.set(xscale="log", xlabel="images in the batch at test time", ylabel="test accuracy", ylim=(0, 1.04),
       title="Without eval(), the other images decide")
ax.set_xticks([2, 4, 8, 16, 32, 64, 128, 256], [2, 4, 8, 16, 32, 64, 128, 256])
ax.minorticks_off()
ax.legend(loc="center right", bbox_to_anchor=(1, 0.42))
plt.show()

# %% [markdown]
# **Takeaway.** A batch of 256 mixed images does nearly as well as the running statistics. Eight do not.
# With 32 images of the same digit the accuracy is hardly better than guessing: what the images have in common is what batch norm subtracts.

# %% [markdown]
# ### One image, many answers
#
# Take one test image that the network gets right in evaluation mode, and put it into 300 batches, each time with seven other images.
# It is the same image and the same network. How many different answers will there be?

# %% tags=["hide-input"]
def answers(net, x, index, rounds, seed=0):
    """(others (rounds, 7), answers (rounds,)) for image `index` among seven others, with batch statistics."""
    rng = np.random.default_rng(seed)
    others = np.array([rng.choice(np.delete(np.arange(len(x)), index), 7, replace=False) for _ in range(rounds)])
    found = [forward(net, x[[index, *row]], "batch")[0].argmax() for row in others]
    return others, np.array(found)


net, (x, t) = nets[0], tests[0]
right = np.flatnonzero(forward(net, x, "eval").argmax(axis=1) == t)[:80]
steadiness = [np.bincount(answers(net, x, i, 30)[1], minlength=10).max() for i in right]
index = right[np.argmin(steadiness)]
others, found = answers(net, x, index, 300)
counts = np.bincount(found, minlength=10)

fig = plt.figure(figsize=(9, 3.6), layout="constrained")
left, side = fig.subfigures(1, 2, width_ratios=[1.9, 1])
rows = left.subplots(3, 8)
chosen = [np.flatnonzero(found == digit)[0] for digit in np.argsort(-counts)[:3]]
for axes, row in zip(rows, chosen, strict=True):
    for ax, member in zip(axes, [index, *others[row]], strict=True):
        ax.imshow(x[member].reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set(visible=member == index, color=plots.color("wrong"), linewidth=2.5)
    axes[0].set_ylabel(f"says {found[row]}", rotation=0, ha="right", va="center", fontsize=12)
ax = side.subplots()
ax.bar(range(10), counts, color=[plots.color("right") if digit == t[index] else plots.color("wrong") for digit in range(10)])
ax.set(xticks=range(10), xlabel="answer", ylabel="how often in 300 batches", title=f"eval mode: always {t[index]}")
fig.suptitle("The framed image is the same; only the other images change", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The same image gets several answers. With running statistics it gets one, whatever the other images are: that is their purpose.

# %% [markdown]
# ### Stale statistics, and how to recalibrate them
#
# Train the same network with three momenta, and look at the test accuracy in evaluation mode after every step.
# Which of the weights do you expect to differ?

# %%
def watched(momentum):
    """(a trained network, its test accuracy in evaluation mode after every step)"""
    x_test, t_test = tests[0]
    curve = []
    return train(0, momentum, watch=lambda net: curve.append(accuracy(forward(net, x_test, "eval"), t_test))), curve


def recalibrated(net, x, size=64):
    """The same weights with fresh running statistics: the plain average over the batches of x."""
    net = dict(net)
    for t, start in enumerate(range(0, len(x), size), 1):
        forward(net, x[start : start + size], "train", momentum=1 / t)
    return net


runs = {momentum: watched(momentum) for momentum in (0.1, 0.01, 0.001)}
weights = [name for name in nets[0] if name[0] not in "mv"]
same = all(np.array_equal(runs[0.1][0][name], net[name]) for net, _ in runs.values() for name in weights)
mended = accuracy(forward(recalibrated(runs[0.001][0], split(0)[0]), tests[0][0], "eval"), tests[0][1])
print("all weights, gammas and betas are equal to the last bit:", same)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(8.2, 3.7), layout="constrained")
for (momentum, (_, curve)), tint, dash in zip(runs.items(), ("adam", "momentum", "nesterov"), ("-", "--", ":"), strict=True):
    ax.plot(curve, dash, color=plots.color(tint), linewidth=1.6, label=f"momentum {momentum}")
ax.plot(len(curve) + 3, mended, "*", color=plots.color("nesterov"), markersize=15, clip_on=False, label="momentum 0.001,\nrecalibrated")
ax.set(xlabel="training step", ylabel="test accuracy, evaluation mode", ylim=(0, 1.04), title="The same weights three times, with three running averages")
ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
plt.show()

# %% [markdown]
# **Takeaway.** All weights are equal: in training the running statistics are written, never read.
# So "fine in training, bad in evaluation" need not be overfitting; it may be stale statistics.
# The cure is to *recalibrate* (also called *precise batch norm*): pass training data through with fixed weights and average plainly. It needs forward passes only.

# %% [markdown]
# ### "Frozen", and still moving
#
# Somebody freezes a batch-norm layer with `requires_grad=False`, works under `no_grad()`, and passes data through.
# What is the running mean afterwards?

# %%
import torch
from torch import nn

layer = nn.BatchNorm1d(3)
for parameter in layer.parameters():
    parameter.requires_grad_(False)
with torch.no_grad():
    for _ in range(50):
        layer(torch.full((8, 3), 5.0) + torch.linspace(-1, 1, 8)[:, None])
print("running mean after 50 forward passes in training mode:", [round(value, 1) for value in layer.running_mean.tolist()])

# %% [markdown]
# **Takeaway.** `requires_grad=False` freezes γ and β. `no_grad()` stops the recording of gradients. Neither stops the buffers.
# `layer.eval()` does, and `model.train()` switches the updates on again, so call `layer.eval()` anew after it.
# A speed test on random numbers in training mode ruins a trained network in the same way.

# %% [markdown] tags=["deeper"]
# ### Deeper: the unbiased estimate, derived
#
# Let μ and σ² be the population's, and $\mu_B$ the mean of $m$ independent samples. Insert μ:
#
# $$
# \sum_i(x_i-\mu_B)^2
# =\sum_i(x_i-\mu)^2-2(\mu_B-\mu)\sum_i(x_i-\mu)+m(\mu_B-\mu)^2
# =\sum_i(x_i-\mu)^2-m\,(\mu_B-\mu)^2
# $$
#
# The expectation of the right-hand side is $m\sigma^2-m\cdot\frac{\sigma^2}{m}=(m-1)\,\sigma^2$.
# With $m=2$ half of the variance is missing, with $m=64$ next to nothing, and in a convolution $m=N\,H\,W$ is in the thousands.

# %% [markdown] tags=["deeper"]
# ### Deeper: fast or quiet, and a moving target
#
# The noise of the running mean is $\alpha^2\sum_k q^{2k}\,\frac{\sigma^2}{m}=\frac{\alpha}{2-\alpha}\frac{\sigma^2}{m}$.
# So why not always the plain average, `momentum=None`, which is quiet and starts fast? Because features drift while the network learns.
# If the true mean grows by $d$ per batch, the lag $e_t=r_t-\mu_t$ obeys
#
# $$
# e_t=(1-\alpha)\,r_{t-1}+\alpha\mu_t-\mu_t=(1-\alpha)(e_{t-1}-d)
# \qquad\Longrightarrow\qquad
# e=-d\,\frac{1-\alpha}{\alpha}
# $$
#
# that is nine batches behind for α = 0.1, and 99 for 0.01.

# %% tags=["deeper", "hide-input"]
def feed(batches, momentum):
    """batches: arrays (N, D) -> running means after each, (steps, D); momentum None is 1/t, as in torch."""
    d = batches[0].shape[1]
    mean, var, means = np.zeros(d), np.ones(d), []
    for t, each in enumerate(batches, 1):
        _, mean, var = batchnorm_train(each, np.ones(d), np.zeros(d), mean, var, 1 / t if momentum is None else momentum)
        means.append(mean)
    return np.array(means)


rng = np.random.default_rng(0)
drift = np.minimum(np.arange(1, 601), 300) / 100  # grows by 0.01 a batch, then stands still
moving = drift[:, None, None] + rng.normal(size=(600, 64, 20))
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(drift, color="0.6", linewidth=4, alpha=0.5, label="true mean")
for momentum, method, dash in [(0.1, "adam", "-"), (0.01, "momentum", "--"), (None, "sgd", ":")]:
    name = "None: plain average" if momentum is None else f"momentum {momentum}"
    ax.plot(feed(moving, momentum)[:, 0], dash, color=plots.color(method), label=name)
ax.set(xlabel="batch", ylabel="running mean", title="The plain average still holds the first batches: in the end it lags most")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The plain average is right for a network that no longer moves. While features drift it lags.
# That is the paper's Algorithm 2: train first, then average.

# %% [markdown] tags=["deeper"]
# ### Deeper: folding, exact and fast
#
# A convolution in NumPy, then your `batchnorm_eval` with every pixel as a row. Is the folded convolution the same?
# And batch norm *before* the convolution, folded into its input channels with $b'=b+\sum W t$, where $t=\beta-s\,r$: does that work with zero padding?

# %% tags=["deeper"]
def convolve(x, weight, bias, padding):
    """x (N, C_in, H, W) -> (N, C_out, H', W'), stride 1."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, np.shape(weight)[2:], axis=(2, 3))
    return np.moveaxis(np.tensordot(windows, weight, axes=([1, 4, 5], [1, 2, 3])), 3, 1) + np.reshape(bias, (1, -1, 1, 1))


def normalise(z, *norm):
    """batchnorm_eval for images."""
    n, c, h, w = z.shape
    rows = np.asarray(batchnorm_eval(np.moveaxis(z, 1, 3).reshape(-1, c), *norm))
    return np.moveaxis(rows.reshape(n, h, w, c), 3, 1)


def fold_before(weight, bias, gamma, beta, mean, var, eps=1e-5):
    """Batch norm in front of the convolution: gamma and the others (C_in,)."""
    scale = gamma / np.sqrt(var + eps)
    return weight * scale.reshape(1, -1, 1, 1), bias + np.einsum("oihw,i->o", weight, beta - scale * mean)


rng = np.random.default_rng(7)
image, weight, bias = rng.normal(size=(2, 3, 12, 12)), rng.normal(size=(8, 3, 3, 3)), rng.normal(size=8)
after, before = ([rng.normal(1, 0.5, c), rng.normal(size=c), rng.normal(size=c), rng.uniform(0.3, 3, c)] for c in (8, 3))
for padding in (1, 0):
    exact = normalise(convolve(image, weight, bias, padding), *after)
    gap = np.max(np.abs(exact - convolve(image, *fold_batchnorm(weight, bias, *after), padding)))
    exact = convolve(normalise(image, *before), weight, bias, padding)
    gap_before = np.max(np.abs(exact - convolve(image, *fold_before(weight, bias, *before), padding)))
    print(f"padding {padding}: conv → BN folds to 1e-12: {gap < 1e-12};  BN → conv folds to 1e-12: {gap_before < 1e-12}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** conv → BN folds exactly. BN → conv, as in pre-activation networks, folds only where nothing is padded:
# the padding is zeros *after* batch norm, and folded it would have to be $-t/s$.
#
# What is it worth? Three layers as they occur in networks, in torch, with and without batch norm.
# The number in brackets is how many multiplications one output value costs, $C_{in}\,k^2$.

# %% tags=["deeper", "hide-input", "nbval-ignore-output"]
import time

import torch
import torch.nn.functional as F


def fastest(*functions, rounds=40):
    """Shortest time of each function in milliseconds; they take turns, so that a busy moment meets them all."""
    times = np.zeros((rounds, len(functions)))
    for taken in times:
        for k, function in enumerate(functions):
            start = time.perf_counter()
            function()
            taken[k] = 1e3 * (time.perf_counter() - start)
    return times.min(axis=0)


@torch.no_grad()
def compare(c_in, c_out, k):
    """(unfolded, folded) in milliseconds for one image of 56×56; the two must give the same."""
    arrays = [np.float32(a) for a in _layer(c_in, c_out, k)]
    folded = [torch.from_numpy(np.float32(a)) for a in fold_batchnorm(arrays[0], None, *arrays[1:])]
    weight, gamma, beta, mean, var = map(torch.from_numpy, arrays)
    x = torch.randn(1, c_in, 56, 56)

    def conv_then_norm():
        return F.batch_norm(F.conv2d(x, weight, padding=k // 2), mean, var, gamma, beta)

    def conv_alone():
        return F.conv2d(x, *folded, padding=k // 2)

    expect(torch.allclose(conv_then_norm(), conv_alone(), rtol=1e-3, atol=1e-3))
    return fastest(conv_then_norm, conv_alone)


def _layer(c_in, c_out, k):
    """weight, gamma, beta, running mean, running variance"""
    yield rng.normal(size=(c_out, c_in, k, k)) / np.sqrt(c_in * k * k)
    yield from (rng.normal(1, 0.5, c_out), rng.normal(size=c_out), rng.normal(size=c_out), rng.uniform(0.3, 3, c_out))


threads = torch.get_num_threads()
torch.set_num_threads(1)
layers = {f"{k}×{k}, {c_in} → {c_out}  ({c_in * k * k})": (c_in, c_out, k)
          for c_in, c_out, k in [(3, 64, 3), (64, 256, 1), (64, 64, 3)]}
measured = {name: compare(*layer) for name, layer in layers.items()}
torch.set_num_threads(threads)

# %% tags=["deeper", "hide-input", "nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for row, (unfolded, folded) in enumerate(measured.values()):
    ax.barh(row - 0.2, unfolded, 0.36, color=plots.color("wrong"), label="convolution, then batch norm" if row == 0 else None)
    ax.barh(row + 0.2, folded, 0.36, color=plots.color("right"), label="folded" if row == 0 else None)
    ax.text(max(unfolded, folded), row, f"  × {unfolded / folded:.2f}", va="center")
ax.set_yticks(range(len(measured)), measured)
ax.invert_yaxis()
ax.margins(x=0.15)
ax.grid(False, axis="y")
ax.set(xlabel="milliseconds, one image of 56×56, torch on one core", title="Folding saves one pass over the activation")
ax.legend(loc="upper right")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** Batch norm computes little, but it reads and writes every output value once more.
# The gain is larger where a value costs few multiplications (the first two layers; depthwise convolutions have $k^2$ only), and small for the 3×3 layer with 64 channels.
# On a GPU (not measured here) each layer is also a kernel to launch, which counts most with small batches.

# %% [markdown]
# ## Folklore on trial
#
# ### "At test time the batch statistics would do as well"
#
# As well means: within one point of the running statistics (second threshold: two points).
# The condition is tried on other batch sizes and other networks than those from which it was found.

# %%
def does_as_well(seed, size, mix):
    loss = proper[seed] - batch_accuracy(seed, size, mix)
    return loss < 0.01, loss < 0.02


trial(
    "at test time the batch statistics would do as well",
    does_as_well,
    over=settings(seed=range(3), size=[2, 8, 32, 256], mix="mixed") + settings(seed=range(3), size=[8, 32], mix="one digit"),
    held_out=settings(seed=[3, 4], size=[4, 12, 160, 299, 598], mix="mixed") + settings(seed=[3, 4], size=[12, 24], mix="one digit"),
    only_if=("the batch is mixed and has more than 100 images", lambda size, mix: mix == "mixed" and size > 100),
    expect="holds only if the batch is mixed and has more than 100 images",
)

# %% [markdown]
# The trial has no mixed batches between 32 and 160 images, so the border of 100 is rough, and it belongs to ten classes and this small net.
# And even with large mixed batches an answer still depends on the other images.
#
# Say: *"Running statistics make an image's answer a function of that image alone. A single image is just one case of that."*

# %% [markdown] tags=["deeper"]
# ### Deeper: "when the test data have shifted, batch statistics are better"
#
# So far running statistics have won. Now the test images change, and the network stays as it is.
# A constant or a factor on all pixels would prove nothing:
# $z=xW$ then changes by a shift or a factor for each feature, and batch norm removes just that. So we take noise, a blur and missing pixels.
# Better means a gain of at least two points with batches of 199 images (second threshold: five points).

# %% tags=["deeper"]
def changed(x, kind, strength):
    """Test images x (n, 64) with noise, blurred, or with a share of pixels black."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        return x + strength * rng.normal(size=x.shape)
    if kind == "missing pixels":
        return x * (rng.random(x.shape) > strength)
    pictures = x.reshape(-1, 8, 8)
    for axis in (1, 2):
        pictures = (1 - strength) * pictures + strength / 2 * (np.roll(pictures, 1, axis) + np.roll(pictures, -1, axis))
    return pictures.reshape(x.shape)


def gain(kind, strength, seed):
    """Points that the statistics of test batches gain over the running ones."""
    net, (x, t) = nets[seed], tests[seed]
    x, t = changed(x[:597], kind, strength), t[:597]
    by_batch = np.mean([accuracy(forward(net, x[b], "batch"), t[b]) for b in np.arange(597).reshape(3, 199)])
    return by_batch - accuracy(forward(net, x, "eval"), t)


trial(
    "with shifted test data the statistics of a large test batch are better than the running ones",
    lambda kind, strength, seed: (gain(kind, strength, seed) > 0.02, gain(kind, strength, seed) > 0.05),
    over=settings(kind="noise", strength=[0.2, 0.4], seed=SEEDS) + settings(kind=["blur", "missing pixels"], strength=[0.4, 0.6], seed=SEEDS),
    published=[published("Schneider et al. 2020, abstract (ImageNet-C, ResNet-50)", "mean corruption error 76.7 % with running statistics, 62.2 % adapted", holds=True)],
    expect="holds",
)

# %% [markdown] tags=["deeper"]
# The paper's two figures stand in its abstract.
# In our nets the gain depends on the kind of change: 8 to 14 points for the strong blur, 2 to 12 for missing pixels.
# Noise is different: at strength 0.4 it costs a third of the accuracy, and batch statistics give back less than 5 points, in two of five nets about nothing.
# Recalibrating on images of the new kind needs no labels. It is domain adaptation at its simplest: AdaBN (Li et al. 2016) replaces the statistics,
# and TENT (Wang et al. 2021) also tunes γ and β by the entropy of the predictions.
# Both need many test images of mixed classes.

# %% [markdown]
# ## Answer in 30 seconds
#
# "In training, batch norm uses the current batch's mean and variance and updates running averages of both.
# At inference it uses the running averages, so an image's answer depends on that image alone.
# If you forget eval mode, the other images change the answer, and a batch with a single class can end near chance.
# At inference the layer is affine, so it folds into the convolution in front. Shall I write that?"
#
# ### 三十秒回答
#
# "训练时,BN 用当前 batch 的均值和方差,同时更新滑动平均。
# 推理时用滑动平均值,这样每张图的输出只取决于它自己。
# 如果忘了调 eval(),结果会受同一批里其他图的影响;整批都是同一类时,准确率可能接近随机猜测。
# 推理时 BN 就是一个仿射变换,可以融合(折叠)进前面的卷积。要我写出融合公式吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the two modes side by side: batch statistics with the gradient through them; running statistics as constants.
# - Write the update. Say that it lies outside the gradient, and that in training the running statistics are written and never read.
# - Say the two variances: biased in the output, because it is this batch that is normalised; unbiased in the running variance, because $E[\sigma_B^2]=\frac{m-1}{m}\sigma^2$.
# - Say why: an answer must not depend on the other images. A forgotten `eval()` costs little with 256 mixed images, and nearly everything with 32 of one class (our digits).
# - Momentum: the start fades as $(1-\alpha)^t$, the noise is that of a plain mean of $(2-\alpha)/\alpha$ batches. torch's 0.1 is Keras' 0.9.
# - If training is fine and evaluation is not, suspect the running statistics: too few steps, tiny batches, shifted data. Recalibrate; it needs no labels.
# - Fold: $s=\gamma/\sqrt{v+\varepsilon}$, $W'=sW$ per output channel, $b'=\beta+s(b-r)$. Exact for conv → BN; for BN → conv only without padding.
# - Freezing the statistics means `eval()` on the layer; `requires_grad=False` freezes γ and β only.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Training accuracy is fine, evaluation is at chance. What do you check?</summary>
#
# In this order: is `eval()` called, and is the preprocessing the same? Are the running means and variances finite and not still 0 and 1?
# Does the accuracy come back with batch statistics on a large mixed test batch? Then the statistics are at fault, not the weights.
# Causes: too few steps for the momentum, the other framework's momentum, a module that was run in training mode on other data.
# Cure: recalibrate.
#
# </details>
#
# <details><summary>Why not normalise with the moving averages in training, too?</summary>
#
# Because then no gradient flows through the statistics: the step may push the mean or the scale of a feature, and the normalisation, which lags behind, does not push back. The paper reports that parameters then blow up while the loss does not move (§2).
# Batch renormalisation (Ioffe 2017) uses the moving averages as a correction factor, held constant in the backward pass and limited in size. It helps with small and non-mixed batches.
#
# </details>
#
# <details><summary>You fine-tune with batches of two. What about batch norm?</summary>
#
# Freeze the statistics: put the batch-norm layers into eval mode, train the rest (and γ, β if you like).
# The backward pass is then `dx = dout · gamma / √(running_var + eps)`, without the two batch terms.
# In Keras, `trainable = False` on a batch-norm layer also means inference mode. Otherwise take group norm, or synchronised batch norm over several devices.
# Gradient accumulation does not help: it enlarges the optimiser's batch, not batch norm's.
#
# </details>
#
# <details><summary>And with a batch of one, in training?</summary>
#
# For vectors there is nothing to train on: $\hat x=0$, the output is β, and torch refuses with a ValueError.
# For images the positions still give $m=H\,W$ values, unless $H\,W=1$: batch norm after a global pooling raises the same error at one image per device.
#
# </details>
#
# <details><summary>What happens on several GPUs?</summary>
#
# By default each device normalises with its own share of the batch. torch's DDP has `broadcast_buffers=True`: at the start of each forward pass the running statistics of rank 0 overwrite the others, so what you save has seen one share of the data only.
# Synchronised batch norm combines count, mean and variance of all devices, so that $m$ is the global one. It matters when the share is small, as in detection and segmentation.
# Small groups on purpose are called *ghost batch norm* (question 18).
#
# </details>
#
# <details><summary>Can information leak through the batch?</summary>
#
# Yes. In contrastive learning the two views of an image in one batch share statistics, and the network can find the pair from them; MoCo therefore shuffles the samples between GPUs (shuffling BN), and others synchronise.
# In a GAN a discriminator that sees only real or only generated images in a batch normalises with different statistics for the two; the batches are kept apart or together on purpose, and many use other normalisations.
# Two data sources in one batch, or a batch sorted by class, leak in the same way.
#
# </details>
#
# <details><summary>Why average weights (EMA, SWA), and what about the running statistics then?</summary>
#
# The last iterates of SGD jump around a minimum. Their average lies nearer to its middle, similar to what a lower learning rate gives, and often generalises better.
# But no network with the averaged weights ever ran in training, so no running statistics belong to it.
# Recalibrate (`torch.optim.swa_utils.update_bn`), or average the buffers along with the weights, which is an approximation, because statistics are not linear in the weights.
#
# </details>
#
# <details><summary>Is the average of the variances the variance?</summary>
#
# Not quite. If batch means differ more than sampling explains (batches sorted by class, drifting features), the variance *between* batches is missing:
# $\mathrm{Var}[x]=E[\mathrm{Var}[x\mid\text{batch}]]+\mathrm{Var}[E[x\mid\text{batch}]]$.
#
# </details>
#
# <details><summary>How does folding go with quantisation?</summary>
#
# Fold first, then choose the scales of the integer weights, because it is $W'$ that will be stored.
# $s_c$ differs from channel to channel, so quantise per output channel.
# In quantisation-aware training the fold is simulated in the forward pass, and the statistics are often frozen towards the end.
#
# </details>
#
# <details><summary>Where can batch norm not be folded?</summary>
#
# Where something nonlinear stands between (conv → ReLU → BN): then fold it forwards into the *next* convolution, if that has no zero padding.
# Where a residual sum stands between. Where the convolution's output is also used elsewhere. And in training.
#
# </details>
#
# <details><summary>Which other layers behave differently in the two modes?</summary>
#
# Dropout and stochastic depth. Layer norm, group norm and instance norm (as usually set) do not: they never look at other samples (question 44).
# Dropout in front of batch norm changes the variance between the modes; question 46 measures these variances.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "At inference there is only one image, so there is no mean." Then what about a batch of 64?
# - "The running statistics are learnt by backpropagation."
# - "Batch norm does nothing at inference." That is dropout.
# - "momentum = 0.99, as always", without saying in which framework.
# - "I froze it with `requires_grad=False`." In training mode the buffers still move.
# - Folding along the input channels, unnoticed because the layer was square; or forgetting $-s\,r$ when there was no bias.
# - "Evaluation is bad, so it overfits", before looking at the running statistics.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. Algorithm 2: the population statistics and the affine inference layer.
# - Y. Wu, J. Johnson. *Rethinking "Batch" in BatchNorm.* 2021: precise batch norm, training and testing inconsistency, domain shift, leaks.
# - S. Ioffe. *Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models.* NeurIPS 2017.
# - K. He, H. Fan, Y. Wu, S. Xie, R. Girshick. *Momentum Contrast for Unsupervised Visual Representation Learning.* CVPR 2020, §3.3: shuffling BN.
# - S. Schneider, E. Rusak, L. Eck, O. Bringmann, W. Brendel, M. Bethge. *Improving Robustness against Common Corruptions by Covariate Shift Adaptation.* NeurIPS 2020.
# - Y. Li, N. Wang, J. Shi, J. Liu, X. Hou. *Revisiting Batch Normalization for Practical Domain Adaptation.* 2016 (AdaBN); D. Wang, E. Shelhamer, S. Liu, B. Olshausen, T. Darrell. *Tent: Fully Test-Time Adaptation by Entropy Minimization.* ICLR 2021.
# - P. Izmailov et al. *Averaging Weights Leads to Wider Optima and Better Generalization.* UAI 2018: recomputing the statistics for averaged weights.
# - B. Jacob et al. *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference.* CVPR 2018: folding in quantisation-aware training.
# - PyTorch: `torch/nn/modules/batchnorm.py` (the update, `momentum=None`), `torch/nn/utils/fusion.py` (folding), `torch/optim/swa_utils.py` (`update_bn`), `DistributedDataParallel` (`broadcast_buffers`).
