# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · What does the batch size change?
#
# *batch size 的选择会带来哪些影响?*

# %% [markdown]
# ## Question
#
# "You double the batch size.
# What changes: the gradient, the time for an epoch, the number of epochs, the memory, the result?
# What do you do to the learning rate?"
#
# "batch size 变大以后,梯度、每个 epoch 的时间、需要的 epoch 数、显存和最终效果分别会怎样?学习率要怎么调?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The law**: the variance of the mini-batch gradient falls like 1/B, so its noise like 1/√B.
# - **The three counts kept apart**: samples per step, steps per epoch, epochs to a target.
# - **A steps-per-epoch number is not a convergence claim.** 300 000 samples in batches of 100 are 3000 steps *an epoch*, not 3000 steps *to converge*.
# - **The learning rate moves along**: linear scaling, with a warm-up, up to a critical batch size.
# - **Hardware**: throughput rises until the cores are full, then it is flat.

# %% [markdown]
# ## The idea
#
# Let $g_i$ be the gradient of sample $i$, $\bar g$ their mean over all $n$ samples, and $\hat g$ the mean over a batch of $B$.
#
# **Unbiased.** Each draw has the mean $\bar g$, so $E[\hat g]=\bar g$ whatever $B$ is. A batch size adds no bias; it sets the noise.
#
# **Variance with replacement.** The $B$ draws are independent. Write $S=\frac1n\sum_i \lVert g_i-\bar g\rVert^2$ for the trace of the covariance of one draw. Then
#
# $$
# E\lVert \hat g-\bar g\rVert^2=\frac1{B^2}\sum_{b=1}^{B}E\lVert g_{i_b}-\bar g\rVert^2=\frac{S}{B},
# $$
#
# because the cross terms of independent draws vanish.

# %% [markdown]
# **Without replacement** the cross terms do not vanish: two different draws avoid each other.
# For $b\neq c$, the pair $(i_b,i_c)$ is any ordered pair of different samples, so
#
# $$
# E\big[(g_{i_b}-\bar g)^\top(g_{i_c}-\bar g)\big]
# =\frac1{n(n-1)}\sum_{i\ne j}(g_i-\bar g)^\top(g_j-\bar g)
# =\frac1{n(n-1)}\Big(\Big\lVert\sum_i (g_i-\bar g)\Big\rVert^2-nS\Big)=-\frac{S}{n-1},
# $$
#
# since the deviations add up to zero. There are $B(B-1)$ such pairs:
#
# $$
# E\lVert \hat g-\bar g\rVert^2=\frac1{B^2}\Big(BS-B(B-1)\frac{S}{n-1}\Big)=\frac{S}{B}\cdot\frac{n-B}{n-1}.
# $$
#
# For $B=n$ it is zero: the full batch has no noise.

# %% [markdown]
# ### And the learning rate?
#
# $k$ small steps of size η with batches of $B$ move by about $\eta\sum \hat g_j$, if θ hardly changes meanwhile.
# One step with the union of these batches, $kB$ samples, moves by $\eta'\cdot\frac1k\sum\hat g_j$.
# They agree for $\eta'=k\eta$: the **linear rule** (Goyal et al. 2017).
# It breaks where θ does change meanwhile: early in training, hence the warm-up, and for very large $k$.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: how many steps are an epoch?


# %%
def iterations_per_epoch(n, batch_size, drop_last=False):
    """Steps in one pass over n samples -> int."""
    # BEGIN SOLUTION
    return n // batch_size if drop_last else -(-n // batch_size)
    # END SOLUTION


# %%
check(iterations_per_epoch)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the short last batch</summary>
#
# 10 samples in batches of 3 are four steps: 3, 3, 3 and 1. Dropping the last leaves three.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: rounding up in integers</summary>
#
# `-(-n // b)` rounds up without floats; `math.ceil(n / b)` does too.
#
# </details>

# %% [markdown]
# ### Exercise 2: the variance of the mini-batch gradient
#
# `per_sample_grads (n, d)`. Return the trace of the covariance of the mean over a random batch, in closed form.


# %%
def minibatch_gradient_variance(per_sample_grads, batch_size, replace=True):
    """E‖batch mean − full mean‖² for a random batch -> float."""
    # BEGIN SOLUTION
    n = len(per_sample_grads)
    spread = per_sample_grads.var(axis=0).sum()
    factor = 1.0 if replace else (n - batch_size) / (n - 1)
    return float(spread / batch_size * factor)
    # END SOLUTION


# %%
check(minibatch_gradient_variance)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one draw first</summary>
#
# For a batch of one it is the trace of the covariance of the samples: the sum over the coordinates of their variances, divided by n.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `per_sample_grads.var(axis=0).sum() / batch_size`, and without replacement times (n − B)/(n − 1).
#
# </details>

# %% [markdown]
# ### Exercise 3: the learning rate that goes with it
#
# Linear scaling from `base_batch` to `batch_size`, and a linear warm-up *from zero*: step 0 gives peak / warmup_steps, step warmup_steps − 1 the peak.
# (Goyal et al. ramp from the base rate instead; say which one you mean.)


# %%
def scaled_lr(step, base_lr, base_batch, batch_size, warmup_steps):
    """Learning rate at a step that counts from 0 -> float."""
    # BEGIN SOLUTION
    peak = base_lr * batch_size / base_batch
    return peak if step >= warmup_steps else peak * (step + 1) / warmup_steps
    # END SOLUTION


# %%
check(scaled_lr)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two cases</summary>
#
# First the peak. Then: are we past the warm-up? With warmup_steps = 0 every step is.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: no off-by-one</summary>
#
# Steps count from 0, so step k has taken part in k + 1 of the warm-up's steps: peak · (k + 1) / warmup_steps.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(minibatch_gradient_variance)

# %% [markdown]
# ## Experiments
#
# Softmax regression on the digits: 64 pixels, 10 classes, so 640 weights and a gradient for each sample that is a product of two short vectors.

# %%
x_train, y_train, x_test, y_test = data.digits()
one_hot = np.eye(10)[y_train]


def residuals(W, x, hot):
    """softmax(x W) − one-hot, (B, 10)."""
    z = x @ W
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True) - hot


def loss(W, x, y):
    """Mean cross-entropy."""
    z = x @ W
    top = z.max(axis=1)
    return float(np.mean(top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[np.arange(len(y)), y]))


rng = np.random.default_rng(0)
W0 = 0.1 * rng.normal(size=(64, 10))
grads = np.einsum("ni,nk->nik", x_train, residuals(W0, x_train, one_hot)).reshape(len(x_train), -1)
full = grads.mean(axis=0)
print(f"{len(x_train)} samples, steps an epoch at batch 32: {iterations_per_epoch(len(x_train), 32)}")

# %% [markdown]
# ### Does the noise fall like 1/B?
#
# Draw 200 batches of each size, with and without replacement, and compare with your closed form.

# %%
sizes = 2 ** np.arange(0, 11)
measured = {True: [], False: []}
for size in sizes:
    for replace in measured:
        means = np.array([grads[rng.choice(len(grads), size, replace=replace)].mean(axis=0) for _ in range(200)])
        measured[replace].append(((means - full) ** 2).sum(axis=1).mean())

slope = np.polyfit(np.log(sizes), np.log(measured[True]), 1)[0]
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
fine = np.arange(1, len(grads) + 1)
for replace, tint, words in ((True, plots.color("adam"), "with replacement"), (False, plots.color("nesterov"), "without")):
    ax.loglog(fine[:-1], [minibatch_gradient_variance(grads, b, replace) for b in fine[:-1]], color=tint, label=f"{words}: your formula")
    ax.loglog(sizes, measured[replace], "o", color=tint, label=f"{words}: 200 batches")
ax.set(xlabel="batch size B", ylabel="E‖batch gradient − full gradient‖²", title=f"The variance falls like 1/B (fitted slope {slope:.2f})", ylim=(1e-5, None))
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# **Takeaway.** Four times the batch halves the *noise* (the root of this curve) and costs four times the work.
# Without replacement the curve bends down at the end, because a full batch has no noise left.

# %% [markdown]
# ### Does the direction still change?
#
# The cosine between the mini-batch gradient and the full gradient. From which size on would you stop paying?

# %%
cosine = []
for size in sizes:
    values = []
    for _ in range(100):
        g = grads[rng.choice(len(grads), size, replace=False)].mean(axis=0)
        values.append(g @ full / np.linalg.norm(g) / np.linalg.norm(full))
    cosine.append(np.mean(values))
cosine = np.array(cosine)

fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.semilogx(sizes, cosine, "o-", base=2, color=plots.color("adam"))
ax.set(xlabel="batch size B", ylabel="mean cosine with the full gradient", title="Past a few hundred samples the direction is settled", ylim=(0, 1.05))
ax.set_xticks(sizes, [str(s) for s in sizes])
plt.show()

# %% [markdown]
# ### Epochs to a target
#
# Train from zero until the training loss is below 0.3, with a fixed learning rate and with the linear rule.


# %%
def epochs_to_target(batch_size, rate, target=0.3, most=150, seed=0):
    """Epochs of mini-batch descent until the full training loss is below the target; `most` + 1 if it never is."""
    order = np.random.default_rng(seed)
    W, step = np.zeros((64, 10)), 0
    for epoch in range(1, most + 1):
        shuffled = order.permutation(len(x_train))
        for k in range(iterations_per_epoch(len(x_train), batch_size)):
            batch = shuffled[k * batch_size : (k + 1) * batch_size]
            W -= rate(step) * x_train[batch].T @ residuals(W, x_train[batch], one_hot[batch]) / len(batch)
            step += 1
        if loss(W, x_train, y_train) < target:
            return epoch
    return most + 1


base_batch, base_lr, warmup = 8, 0.1, 10
tried = [8, 16, 32, 64, 128, 256, 512]
epochs = {
    "fixed rate": [epochs_to_target(b, lambda step: base_lr) for b in tried],
    "linear rule": [epochs_to_target(b, lambda step, b=b: scaled_lr(step, base_lr, base_batch, b, warmup)) for b in tried],
}

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for (name, values), tint, mark in zip(epochs.items(), (plots.color("sgd"), plots.color("adam")), "os", strict=True):
    ax.loglog(tried, values, f"{mark}-", base=2, color=tint, label=name)
ax.axhline(150, color="0.5", linestyle=":")
ax.text(8, 155, "gave up after 150 epochs", color="0.35", va="bottom")
ax.set_xticks(tried, [str(b) for b in tried])
ax.set_yticks([2, 4, 8, 16, 32, 64, 128], ["2", "4", "8", "16", "32", "64", "128"])
ax.set(xlabel="batch size B", ylabel="epochs to a loss of 0.3", title="With the rate scaled along, a larger batch needs no more epochs, up to a point", ylim=(None, 260))
ax.legend(loc="center left")
plt.show()

# %% [markdown]
# **Takeaway.** With a fixed rate twice the batch is half as many steps of the same length: twice the epochs.
# With the linear rule the number stays nearly flat, until the rate itself becomes too large for the loss.

# %% [markdown]
# ## Folklore on trial
#
# ### "300 000 samples, batch 100: it converges in 3000 iterations"

# %%
print(f"steps an epoch: {iterations_per_epoch(300_000, 100)}")
steps_needed = {b: e * iterations_per_epoch(len(x_train), b) for b, e in zip(tried, epochs["linear rule"], strict=True)}
ruling = trial(
    "n/B steps are enough to converge",
    {f"digits, batch {b}": bool(steps <= iterations_per_epoch(len(x_train), b)) for b, steps in steps_needed.items() if b in (8, 64, 512)},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# 3000 is the number of iterations of *one epoch*. Nothing in it says when training is done.
#
# ### "Beyond some size a larger batch no longer changes the descent direction"

# %%
gain = dict(zip(sizes[1:], np.diff(cosine), strict=True))
ruling = trial(
    "doubling the batch leaves the direction as it is (cosine changes by less than 0.02)",
    {f"from {b // 2} to {b}": bool(abs(gain[b]) < 0.02) for b in (2, 8, 1024)},
    only_if="the batch is already large",
)
assert list(ruling.where.values()) == [False, False, True]
assert ruling == "holds only if the batch is already large"
ruling

# %% [markdown]
# Where "large" begins depends on the ratio of noise to gradient, so it grows during training, as the gradient shrinks.
#
# ### "A larger batch makes an epoch faster"
#
# Measured here and now: the time of one epoch against the batch size.

# %% tags=["nbval-ignore-output"]
def epoch_seconds(batch_size):
    """Best of three epochs."""
    best = np.inf
    for _ in range(3):
        W, start = np.zeros((64, 10)), time.perf_counter()
        for k in range(iterations_per_epoch(len(x_train), batch_size)):
            rows = slice(k * batch_size, (k + 1) * batch_size)
            W -= 0.1 * x_train[rows].T @ residuals(W, x_train[rows], one_hot[rows]) / len(x_train[rows])
        best = min(best, time.perf_counter() - start)
    return best


seconds = {int(b): epoch_seconds(int(b)) for b in sizes}
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.loglog(list(seconds), [1e3 * s for s in seconds.values()], "o-", base=2, color=plots.color("adam"))
ax.set_xticks(sizes, [str(s) for s in sizes])
ax.set(xlabel="batch size B", ylabel="milliseconds an epoch", title="An epoch gets faster until the arithmetic, not the overhead, takes the time")
plt.show()

# %%
ruling = trial(
    "a larger batch makes an epoch at least three times faster",
    {"from 1 to 64": seconds[1] > 3 * seconds[64], "from 512 to 1024": seconds[512] > 3 * seconds[1024]},
    only_if="the cores are not yet full",
)
assert ruling.where == {"from 1 to 64": True, "from 512 to 1024": False}
assert ruling == "holds only if the cores are not yet full"
ruling

# %% [markdown]
# ### "For the same accuracy a larger batch needs more epochs"

# %%
first, later = tried.index(8), tried.index(64)
ruling = trial(
    "from batch 8 to batch 64 the epochs to the target at least double",
    {name: bool(values[later] >= 2 * values[first]) for name, values in epochs.items()},
    only_if="the learning rate stays the same",
)
assert ruling.where == {"fixed rate": True, "linear rule": False}
assert ruling == "holds only if the learning rate stays the same"
ruling

# %% [markdown]
# ## Answer in 30 seconds
#
# "The mini-batch gradient is unbiased for any size; its variance falls like 1/B.
# A larger batch uses the hardware better, until the cores are full, and makes fewer steps an epoch.
# With the same learning rate it therefore needs more epochs; I scale the rate linearly with the batch, after a warm-up.
# That works up to a critical size, where the gradient is no longer noisy; beyond it, a larger batch only costs."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $S/B$, and $(n-B)/(n-1)$ without replacement. Noise falls like $1/\sqrt B$, cost grows like $B$: diminishing returns.
# - Keep apart: steps an epoch ($n/B$), epochs to a target, seconds an epoch.
# - Linear rule: $k$ small steps ≈ one step of $k$ times the rate, as long as θ hardly moves meanwhile; so warm up, and expect it to break at large $k$.
# - Critical batch size: below it, doubling B about halves the steps; above it, the steps hardly fall (McCandlish et al. 2018, Shallue et al. 2019).
# - Memory: activations grow with B, parameters and optimiser state do not. Gradient accumulation trades time for memory.
# - Generalisation: large batches at unscaled rates end worse (Keskar et al. 2017 call it sharp minima; disputed). With scaling and longer training much of the gap closes.
# - Batch norm is a special case: there the batch size changes the function itself.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How does gradient accumulation differ from a larger batch?</summary>
#
# Averaged over k micro-batches the gradient is exactly that of the union, so the step is the same, for k times the time and the memory of one.
# Not the same: batch norm, which sees micro-batches, and any loss that compares samples within a batch.
#
# </details>
#
# <details><summary>Is the linear rule right for Adam?</summary>
#
# Its step is normalised by the gradient's own size, so the argument is another one; in practice people use something between a root and a linear rule.
#
# </details>
#
# <details><summary>What is the generalisation gap, and is it real?</summary>
#
# With the rate unchanged, large batches often test worse. Keskar et al. blame sharp minima; others show that more steps or a scaled rate remove most of the gap. I would tune the rate before I blame the batch.
#
# </details>
#
# <details><summary>What takes the memory?</summary>
#
# Activations kept for the backward pass, proportional to B. Weights, gradients and optimiser state do not depend on it.
#
# </details>
#
# <details><summary>Why powers of two?</summary>
#
# Kernels work in tiles, and a full tile wastes nothing. It is a habit worth little: a multiple of 8 is usually as good. Measure it.
#
# </details>
#
# <details><summary>Could a small batch be better?</summary>
#
# It makes more updates for the same work, needs less memory, and its noise can help to leave narrow basins. Its cost is idle hardware and a small learning rate.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "A larger batch gives a more accurate gradient, so fewer iterations are needed to converge: n/B."
# - "The gradient is biased for small batches." It is noisy, not biased.
# - Scaling the rate with √B or not at all, without being able to say why.
# - "The largest batch that fits is best."
# - Confusing steps with epochs.

# %% [markdown]
# ## References
#
# - P. Goyal et al. *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour.* 2017: the linear rule and the warm-up.
# - S. McCandlish, J. Kaplan, D. Amodei. *An Empirical Model of Large-Batch Training.* 2018: the critical batch size.
# - C. Shallue et al. *Measuring the Effects of Data Parallelism on Neural Network Training.* JMLR 2019.
# - N. Keskar et al. *On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima.* ICLR 2017.
# - W. G. Cochran. *Sampling Techniques.* The finite-population factor.
