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
# - **The law.** The variance of the mini-batch gradient falls like 1/B, so its noise falls like 1/√B.
# - **The critical batch size.** Well below it, doubling the batch halves the steps. Well above it, the steps hardly fall.
# - **The learning rate moves along.** Linear scaling with a warm-up, and you can say where it stops working and why.
# - **Three counts kept apart.** Samples per step, steps per epoch, epochs to a target.
# - **Memory.** Activations grow with the batch; weights and optimiser state do not.

# %% [markdown]
# ## The idea
#
# Let $g_i$ be the gradient of sample $i$, $\bar g$ the mean over all $n$ samples, and $\hat g$ the mean over a random batch of $B$.
# Each draw has the mean $\bar g$, so $\mathbb E[\hat g]=\bar g$: a small batch is noisy, not biased.
# Write $S=\frac1n\sum_i\lVert g_i-\bar g\rVert^2$ for the variance of one draw, summed over the coordinates.
# Independent draws have no cross terms, so
#
# $$
# \mathbb E\lVert\hat g-\bar g\rVert^2=\frac{S}{B}.
# $$
#
# Drawn without replacement, as in an epoch, the batch avoids repeats and the variance is smaller by the factor $(n-B)/(n-1)$.
# For $B=n$ that is zero: the full batch has no noise.

# %% [markdown]
# ### When is a batch large?
#
# Compare the noise with the signal. The **gradient noise scale** (McCandlish et al. 2018, §2.2, where this form is the *simple* one, for equal curvature in every direction) is the batch size at which they are equal:
#
# $$
# B_{\mathrm{noise}}=\frac{S}{\lVert\bar g\rVert^2},
# \qquad
# \mathbb E\lVert\hat g\rVert^2=\lVert\bar g\rVert^2\Big(1+\frac{B_{\mathrm{noise}}}{B}\Big).
# $$
#
# Now take one step of size η where the curvature is about $h$ in every direction. The loss changes on average by
#
# $$
# -\eta\lVert\bar g\rVert^2+\tfrac12\eta^2h\lVert\bar g\rVert^2\Big(1+\frac{B_{\mathrm{noise}}}{B}\Big),
# \qquad\text{best at}\qquad
# \eta^*=\frac{1/h}{1+B_{\mathrm{noise}}/B}.
# $$
#
# The best step lowers the loss by $\frac{\lVert\bar g\rVert^2}{2h}$ divided by the same bracket.
# If $B_{\mathrm{noise}}$ stays about the same on the way to the target, this answers most of the question:
#
# | | small batch, $B\ll B_{\mathrm{noise}}$ | large batch, $B\gg B_{\mathrm{noise}}$ |
# |---|---|---|
# | best rate | $\approx B/(h\,B_{\mathrm{noise}})$: **linear in B** | $\approx 1/h$: set by the curvature |
# | steps to a target | half as many when B doubles | hardly fewer |
# | samples (epochs) to a target | the same | twice as many when B doubles |

# %% [markdown]
# ### What else doubles?
#
# | you double B | what happens |
# |---|---|
# | steps per epoch | half |
# | time per epoch | shorter until the device is busy all the time, then flat |
# | memory for activations | twice |
# | memory for weights, gradients, optimiser state | the same |
#
# And a number of steps per epoch says nothing about convergence: 300 000 samples in batches of 100 are 3000 steps *an epoch*.
# Whether one epoch is enough is another question.

# %% [markdown] tags=["deeper"]
# ### Deeper: the factor without replacement
#
# Two different draws avoid each other, so their deviations are negatively correlated.
# For $b\neq c$ the pair $(i_b,i_c)$ is any ordered pair of different samples. The deviations of all samples add up to zero, so
#
# $$
# \mathbb E\big[(g_{i_b}-\bar g)^\top(g_{i_c}-\bar g)\big]
# =\frac1{n(n-1)}\Big(\Big\lVert\sum_i (g_i-\bar g)\Big\rVert^2-nS\Big)=-\frac{S}{n-1}.
# $$
#
# There are $B$ squares and $B(B-1)$ such pairs in $B^2\lVert\hat g-\bar g\rVert^2$:
#
# $$
# \mathbb E\lVert \hat g-\bar g\rVert^2=\frac1{B^2}\Big(BS-B(B-1)\frac{S}{n-1}\Big)=\frac{S}{B}\cdot\frac{n-B}{n-1}.
# $$

# %% [markdown]
# ## Your turn

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ### Exercise 1: how many steps are an epoch?


# %%
def iterations_per_epoch(n, batch_size, drop_last=False):
    """Steps in one pass over n samples -> int. The short last batch is a step too, unless `drop_last`."""
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
# In closed form: no drawing of batches.


# %%
def minibatch_gradient_variance(per_sample_grads, batch_size, replace=True):
    """E‖batch mean − full mean‖² for a random batch of `per_sample_grads` (n, d), n >= 2 -> float.

    The n samples are the whole population. `replace=False`: drawn without replacement, batch_size <= n.
    """
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
# For a batch of one it is $S$: take the variance of each coordinate over the samples, and add these variances up.
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
# The linear rule with a linear warm-up *from zero*. (Goyal et al. 2017 ramp from the base rate; say which one you mean.)


# %%
def scaled_lr(step, base_lr, base_batch, batch_size, warmup_steps):
    """Learning rate at `step` (counted from 0) -> float.

    The peak is base_lr scaled in proportion to the batch. Step 0 has peak / warmup_steps, step warmup_steps − 1 and all
    later ones the peak. warmup_steps = 0: the peak at once.
    """
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
# Steps count from 0, so at step k, k + 1 of the warm-up's steps have begun: peak · (k + 1) / warmup_steps.
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
# Softmax regression on the digits: 64 pixels, 10 classes, so 640 weights.
# The model is small enough to have the gradient of every single sample.

# %%
x_train, y_train, x_test, y_test = data.digits()
one_hot = np.eye(10)[y_train]
n = len(x_train)


def residuals(W, x, hot):
    """softmax(x W) − one-hot, (B, 10)."""
    z = x @ W
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True) - hot


def sample_gradients(W):
    """The gradient of each sample's cross-entropy, (n, 640)."""
    return np.einsum("ni,nk->nik", x_train, residuals(W, x_train, one_hot)).reshape(n, -1)


def noise_scale(W):
    """The batch size at which the noise is as large as the gradient."""
    grads = sample_gradients(W)
    return minibatch_gradient_variance(grads, 1) / np.sum(grads.mean(axis=0) ** 2)


grads = sample_gradients(np.zeros((64, 10)))
full = grads.mean(axis=0)
print(f"{n} samples; noise scale at the start of training: {noise_scale(np.zeros((64, 10))):.0f}")

# %% [markdown]
# ### Your formula against drawn batches
#
# Draw 100 batches of each size. Two things to predict: how fast does the noise fall, and how well does $\hat g$ point along $\bar g$?
# Noise and signal are nearly at right angles, so the cosine should be $1/\sqrt{1+B_{\mathrm{noise}}/B}$.

# %%
rng = np.random.default_rng(0)
sizes = 2 ** np.arange(0, 11)
variance, cosine = [], []
for size in sizes:
    means = np.array([grads[rng.choice(n, size, replace=False)].mean(axis=0) for _ in range(100)])
    variance.append(((means - full) ** 2).sum(axis=1).mean())
    cosine.append(np.mean(means @ full / np.linalg.norm(means, axis=1) / np.linalg.norm(full)))

# %% tags=["hide-input"]
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", gridspec_kw={"wspace": 0.12})
fine = np.arange(1, n)
left.loglog(fine, [minibatch_gradient_variance(grads, b, True) for b in fine], "--", color="0.5", label="your formula, with replacement")
left.loglog(fine, [minibatch_gradient_variance(grads, b, False) for b in fine], color=plots.color("adam"), label="your formula, without")
left.loglog(sizes, variance, "o", color=plots.color("adam"), label="100 drawn batches")
left.set(xlabel="batch size B", ylabel="E‖batch gradient − full gradient‖²", ylim=(1e-5, None), title="The variance falls like 1/B")
left.legend(loc="lower left")
scale = noise_scale(np.zeros((64, 10)))
right.semilogx(fine, 1 / np.sqrt(1 + scale / fine), color=plots.color("nesterov"), label="1 / √(1 + B_noise / B)")
right.semilogx(sizes, cosine, "o", color=plots.color("nesterov"), label="100 drawn batches")
right.axvline(scale, color="0.5", linestyle=":")
right.text(scale * 1.15, 0.1, "noise scale", color="0.35")
right.set(xlabel="batch size B", ylabel="mean cosine with the full gradient", ylim=(0, 1.05), title="The direction settles past the noise scale")
right.legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** Four times the batch halves the noise and costs four times the work.
# "The direction no longer changes" is nearly true past a few times the noise scale. But the noise scale grows: during training the gradient shrinks faster than the noise.

# %% [markdown]
# ### Steps and epochs to a target
#
# Train until the training loss is below 0.3. *Every* batch size gets its own learning rate, the best of eleven.
# Would you expect 1024 samples a step to need fewer steps than 128?


# %%
def epochs_to(batch, rate, target, order, most=60):
    """Passes over the data until the training loss is below `target`; `most` if it never is. rate: step -> lr."""
    shuffle, W, queue = np.random.default_rng(order), np.zeros((64, 10)), np.empty(0, dtype=int)
    seen, step, look = 0, 0, 0
    while seen < most * n:
        if len(queue) < batch:  # batches are cut from one long row of shuffled epochs, so all have the same size
            queue = np.concatenate([queue, shuffle.permutation(n)])
        rows, queue = queue[:batch], queue[batch:]
        W = W - rate(step) * x_train[rows].T @ residuals(W, x_train[rows], one_hot[rows]) / batch
        seen, step = seen + batch, step + 1
        if seen >= look:  # sixteen looks an epoch, or one after each step
            look = seen + n // 16
            z = x_train @ W
            z = z - z.max(axis=1, keepdims=True)
            loss = np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(n), y_train])
            if loss < target:
                return seen / n
    return most


def tuned(batch, target, seed):
    """The best of eleven rates, half an octave apart, by the mean epochs over six orders of the data."""
    best = {"epochs": 60.0, "rate": 0.0}
    for lr in 0.4 * 2.0 ** (np.arange(11) / 2):
        most = min(60, 2 * best["epochs"])
        epochs = np.mean([epochs_to(batch, lambda step, lr=lr: lr, target, 100 * seed + k, most) for k in range(6)])
        if epochs < best["epochs"]:
            best = {"epochs": epochs, "rate": lr}
    return best


BATCHES = [2**k for k in range(1, 11)]
BETWEEN = [3 * 2**k for k in range(9)]  # 3, 6, …, 768
family = settings(batch=[64, *(b for b in BATCHES + BETWEEN if b != 64)], target=[0.3, 0.2], seed=range(3))
best = evidence("batch_size_tuned", tuned, family)
best

# %% [markdown]
# That takes minutes, so it was recorded beforehand; one of the settings has just run again on your machine.
# The same for your `scaled_lr`: start from batch 8 with some rate, and scale.


# %%
def scaled(batch, base_lr, rule, seed):
    """Epochs to a loss of 0.3, from a rate for batch 8 by the linear rule (five steps of warm-up) or kept fixed."""
    base = base_lr if rule == "linear" else base_lr * 8 / batch  # so that scaling gives base_lr again
    return np.mean([
        epochs_to(batch, lambda step: scaled_lr(step, base, 8, batch, 5), 0.3, 100 * seed + k) for k in range(6)
    ])


rules = evidence(
    "batch_size_scaled", scaled,
    settings(batch=BATCHES[2:8], base_lr=[0.5, 1.0, 2.0], rule=["linear"], seed=range(2))
    + settings(batch=BATCHES[2:8], base_lr=[0.35, 0.7, 1.4, 2.8], rule=["linear"], seed=[2])
    + settings(batch=BATCHES[2:6], base_lr=[1.0], rule=["fixed"], seed=[0]),
)
rules

# %% tags=["hide-input"]
epochs = np.array([np.mean([best(batch=b, target=0.3, seed=s)["epochs"] for s in range(3)]) for b in BATCHES])
steps = epochs * n / BATCHES
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.loglog(BATCHES, steps, "o-", base=2, color=plots.color("adam"), label="tuned at each size")
left.loglog(BATCHES, steps[0] * 2 / np.array(BATCHES), ":", base=2, color="0.4", label="half as many for each doubling")
right.loglog(BATCHES, epochs, "o-", base=2, color=plots.color("adam"), label="tuned at each size")
right.loglog(BATCHES, epochs[0] * (1 + np.array(BATCHES) / scale), "--", base=2, color=plots.color("nesterov"), label="∝ 1 + B / B_noise")
for rule, tint, mark in (("linear", plots.color("adagrad"), "s"), ("fixed", plots.color("sgd"), "^")):
    shown = [b for b in BATCHES[2:8] if rule == "linear" or b < 128]
    right.loglog(shown, [rules(batch=b, base_lr=1.0, rule=rule, seed=0) for b in shown], f"{mark}-", base=2, color=tint, label=f"{rule} from batch 8")
for ax in (left, right):
    ax.axvline(scale, color="0.5", linestyle=":")
    ax.set_xticks(BATCHES, [str(b) for b in BATCHES])
    ax.set_xlabel("batch size B")
    ax.legend()
left.set_yticks([8, 16, 32, 64, 128, 256], ["8", "16", "32", "64", "128", "256"])
right.set_yticks([0.5, 1, 2, 4, 8, 16, 32, 64], ["½", "1", "2", "4", "8", "16", "32", "64"])
left.set(ylabel="steps to a loss of 0.3", ylim=(8, 500), title="Fewer steps, up to the noise scale …")
right.set(ylabel="epochs to a loss of 0.3", title="… and from there on more epochs")
plt.show()

# %% [markdown]
# **Takeaway.** Up to 16 each doubling nearly halves the steps; from 2 to 16 the epochs rise by a quarter in all.
# From 128 on the steps stay near their minimum, and each doubling doubles the work.
# The bend lies near the noise scale of the start (the dotted line). The noise scale grows on the way to the target, so its first value is a rough guide, not a law.
# The linear rule needs at most half as many epochs again as the tuned rate up to 128, and more than twice as many at 256, where its rate is 32 and the tuned ones are about 6 to 9.
# With a fixed rate every doubling nearly doubles the epochs.

# %% [markdown] tags=["deeper"]
# ### Deeper: gradient accumulation, and the bug of 2024
#
# With $k$ equal micro-batches the mean of their gradients is the gradient of the union.
# With unequal ones, for example padded sequences with different numbers of real tokens, a mean of means weights each *micro-batch* equally instead of each *token*.
# Several training libraries did that until October 2024; transformers mended it in its pull request 34191.

# %% tags=["deeper"]
tokens = [5, 40, 80]  # the real tokens in three micro-batches
parts = np.split(grads[: sum(tokens)], np.cumsum(tokens)[:-1])
means = [part.mean(axis=0) for part in parts]
union = grads[: sum(tokens)].mean(axis=0)
weighted = np.average(means, axis=0, weights=tokens)
for name, step in (("mean of the means", np.mean(means, axis=0)), ("weighted by tokens", weighted)):
    print(f"{name:18}  relative error {np.linalg.norm(step - union) / np.linalg.norm(union):.2f}")

# %% [markdown] tags=["deeper"]
# So sum the losses over all tokens and divide once, by the tokens of the whole step.
# The same question decides *sum or mean over workers*: with a sum, adding workers multiplies the learning rate.

# %% [markdown] tags=["deeper"]
# ### Deeper: the time of an epoch
#
# Measured here and now. On this machine a small step is mostly the overhead of its calls, whatever the batch.

# %% tags=["deeper", "nbval-ignore-output"]
def epoch_seconds(batch):
    """Best of three epochs."""
    found = []
    for _ in range(3):
        W, start = np.zeros((64, 10)), time.perf_counter()
        for k in range(iterations_per_epoch(n, batch)):
            rows = slice(k * batch, (k + 1) * batch)
            W -= 0.1 * x_train[rows].T @ residuals(W, x_train[rows], one_hot[rows]) / len(x_train[rows])
        found.append(time.perf_counter() - start)
    return min(found)


throughput = [n / epoch_seconds(int(b)) / 1e6 for b in sizes]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.semilogx(sizes, throughput, "o-", base=2, color=plots.color("adam"))
ax.set_xticks(sizes, [str(b) for b in sizes])
ax.set(xlabel="batch size B", ylabel="million samples a second", ylim=(0, None), title="Throughput rises until the arithmetic takes the time")
plt.show()

# %% [markdown] tags=["deeper"]
# So "a larger batch makes an epoch faster" is true until the overhead of a call is small beside its arithmetic; on a GPU, until the device is busy all the time. At which batch that is depends on the model and the device.
# Measure samples a second, and stop where the curve is flat.

# %% [markdown]
# ## Folklore on trial
#
# ### "For the same accuracy a larger batch needs more epochs"
#
# Every batch size has its own tuned rate. Does doubling it cost at least a quarter more epochs?
# The idea predicts when: $(1+2B/B_{\mathrm{noise}})/(1+B/B_{\mathrm{noise}})$ is more than 5/4 for $B>B_{\mathrm{noise}}/3$.


# %%
def doubling_costs(batch, target, seed):
    """At least a quarter more epochs; the second threshold is a fifth."""
    ratio = best(batch=2 * batch, target=target, seed=seed)["epochs"] / best(batch=batch, target=target, seed=seed)["epochs"]
    return ratio > 1.25, ratio > 1.2


trial(
    "with the rate tuned at each size, twice the batch needs at least a quarter more epochs",
    doubling_costs,
    over=settings(batch=BATCHES[:-1], target=[0.3], seed=range(3)),
    only_if=("the batch is larger than a third of the noise scale", lambda batch: batch > noise_scale(np.zeros((64, 10))) / 3),
    held_out=settings(batch=BETWEEN[:-1], target=[0.2], seed=range(3)),
    expect="holds only if the batch is larger than a third of the noise scale",
)

# %% [markdown]
# Shallue et al. 2019 measured the same three regimes on 35 workloads: perfect scaling, diminishing returns, and a largest useful batch that differs widely between them.
#
# ### "Multiply the learning rate by k when you multiply the batch by k"
#
# Does the larger batch then reach the target in (nearly) the same number of epochs?


# %%
def keeps_its_epochs(batch, base_lr, seed):
    """At most 1.75 times (second threshold: twice) the epochs of batch 8 with the base rate."""
    ratio = rules(batch=batch, base_lr=base_lr, rule="linear", seed=seed) / rules(batch=8, base_lr=base_lr, rule="linear", seed=seed)
    return ratio < 1.75, ratio < 2


ceiling = np.median([best(batch=b, target=0.3, seed=seed)["rate"] for b in BATCHES[-3:] for seed in range(3)])

trial(
    "with the linear rule and a warm-up a larger batch needs less than 1.75 times the epochs",
    keeps_its_epochs,
    over=settings(batch=BATCHES[3:8], base_lr=[0.5, 1.0, 2.0], seed=range(2)),
    only_if=("the scaled rate stays below the best rate of the largest batches", lambda batch, base_lr: base_lr * batch / 8 < ceiling),
    held_out=settings(batch=BATCHES[3:8], base_lr=[0.35, 0.7, 1.4, 2.8], seed=[2]),
    published=[
        published("Goyal et al. 2017, abstract", "ImageNet, ResNet-50: no loss of accuracy up to batches of 8192, with this rule and warm-up", holds=True),
    ],
    expect="holds only if the scaled rate stays below the best rate of the largest batches",
)

# %% [markdown]
# The linear rule is the left column of the table above, and it ends where $\eta^*$ stops growing: at the rate that the curvature allows.
# On ImageNet Goyal et al. report that it holds up to batches of 8192.
#
# ### "Large batches generalise worse"
#
# Our convex toy has one minimum, so it cannot show this. Four papers measured it; which side of the condition each lies on is our reading of its set-up.

# %%
trial(
    "a larger batch ends with a worse test error",
    only_if="the learning rate and the number of updates are not adapted to it",
    published=[
        published("Keskar et al. 2017, abstract", "larger batches degrade the ability to generalise", holds=True, inside=True),
        published("Hoffer et al. 2017, abstract", "the gap comes from too few updates and vanishes with an adapted regime", holds=False, inside=False),
        published("Goyal et al. 2017, abstract", "no loss of accuracy up to batches of 8192", holds=False, inside=False),
        published("Shallue et al. 2019, abstract", "no evidence that larger batches degrade out-of-sample performance", holds=False, inside=False),
    ],
    expect="holds only if the learning rate and the number of updates are not adapted to it",
)

# %% [markdown]
# Beware of the short version "sharp minima": sharpness can be changed by rescaling the weights without changing the function (Dinh et al. 2017).

# %% [markdown]
# ## Answer in 30 seconds
#
# "The mini-batch gradient is unbiased, and its variance falls like 1/B.
# Below a critical batch size, doubling the batch halves the steps; I double the learning rate too, with a warm-up.
# Above it the steps hardly fall, and I pay more epochs.
# Activation memory grows with B; weights and optimiser state stay.
# With rate and updates adapted, papers find about the same accuracy.
# The gradient noise scale estimates the critical size; shall I derive it?"
#
# ### 三十秒回答
#
# "小批量梯度是无偏的,方差按 1/B 下降。
# 在临界 batch size 以下,batch 翻倍,步数大约减半,学习率跟着线性放大,再加 warm-up;超过临界值,步数几乎不再减少,只是多跑 epoch。
# 激活占的显存随 B 增长,参数和优化器状态不变。
# 学习率和更新次数调好之后,最终精度差不多。
# 临界值可以用梯度噪声尺度估计,要我推一下吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $S/B$, and $B_{\mathrm{noise}}=S/\lVert\bar g\rVert^2$: the batch at which noise equals signal.
# - One step on a quadratic gives $\eta^*=\frac{1/h}{1+B_{\mathrm{noise}}/B}$. Read off the linear rule, its end, and the two regimes.
# - Keep apart: steps per epoch ($n/B$), epochs to a target, seconds per epoch.
# - Linear rule: $k$ small steps are about one step of $k$ times the rate, while θ hardly moves. Early in training it moves fast, hence the warm-up.
# - The noise scale grows during training, because the gradient shrinks faster than the noise. Raising the batch during training is an alternative to lowering the rate.
# - Memory: activations grow with B. Gradient accumulation trades time for memory; weight by tokens, not by micro-batches.
# - Generalisation: Keskar et al. found a gap; with rate and number of updates adapted, Hoffer, Goyal and Shallue found none in their tasks.
# - Batch norm is a special case: there the batch size changes the function itself.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How would you estimate the critical batch size in a real training run?</summary>
#
# With data-parallel workers you have gradients at two batch sizes for free: each worker's own, and the average.
# $\mathbb E\lVert\hat g_B\rVert^2=\lVert\bar g\rVert^2+S/B$ at two values of $B$ gives two equations for $\lVert\bar g\rVert^2$ and $S$ (McCandlish et al. 2018, appendix A). Average both over steps before you divide.
#
# </details>
#
# <details><summary>How does gradient accumulation differ from a larger batch?</summary>
#
# With equal micro-batches the step is the same, for the memory of one.
# Not the same: batch norm, which sees micro-batches; losses that compare samples within a batch, such as contrastive ones; and a mean of means when micro-batches have different numbers of tokens.
# Clip the gradient after the last micro-batch, not after each.
#
# </details>
#
# <details><summary>Is the linear rule right for Adam?</summary>
#
# No. Where noise dominates, Adam divides by about the size of the noise, which falls like $1/\sqrt B$: a larger batch already lengthens its step by $\sqrt B$, and the other $\sqrt B$ is left for η. This is the square-root rule, η ∝ √B; Malladi et al. (2022) derive it and scale Adam's β and ε along. Near the critical size neither is exact: tune.
#
# </details>
#
# <details><summary>How do people train with batches of 32k and more?</summary>
#
# Layer-wise rates. LARS (You et al. 2017) scales each layer's step to a fixed share of the norm of its weights, LAMB does the same with Adam's step (BERT in 76 minutes). So the layer with the largest gradient relative to its weights no longer limits the rate of all. Nado et al. (2021) report that standard Nesterov momentum and Adam, tuned, match or exceed them at these batch sizes.
#
# </details>
#
# <details><summary>Could a small batch be better?</summary>
#
# For the same work it makes more updates, and below the critical size a larger batch saves no samples. It needs less memory. Its price is a device that is partly idle.
#
# </details>
#
# <details><summary>Why powers of two?</summary>
#
# GPU kernels compute in tiles, and a full tile wastes nothing. A multiple of 8 or more often does as well. Measure it.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "300 000 samples in batches of 100, so it converges in 3000 iterations." That is one epoch.
# - "The gradient is biased for small batches." It is noisy, not biased.
# - "The largest batch that fits is best." Past the critical size it saves hardly any steps and costs more samples.
# - Scaling the rate, or not, without being able to say why and up to where.
# - Comparing two batch sizes at one learning rate.

# %% [markdown]
# ## References
#
# - S. McCandlish, J. Kaplan, D. Amodei et al. *An Empirical Model of Large-Batch Training.* 2018, §2.2: the noise scale and the best step; appendix A: how to measure it.
# - P. Goyal et al. *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour.* 2017: the linear rule and the warm-up.
# - C. Shallue et al. *Measuring the Effects of Data Parallelism on Neural Network Training.* JMLR 2019.
# - N. Keskar et al. *On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima.* ICLR 2017.
# - E. Hoffer, I. Hubara, D. Soudry. *Train longer, generalize better: closing the generalization gap in large batch training of neural networks.* NeurIPS 2017.
# - L. Dinh et al. *Sharp Minima Can Generalize for Deep Nets.* ICML 2017.
# - S. Malladi et al. *On the SDEs and Scaling Rules for Adaptive Gradient Algorithms.* NeurIPS 2022: the square-root rule.
# - Y. You, I. Gitman, B. Ginsburg. *Large Batch Training of Convolutional Networks.* 2017: LARS.
# - Y. You et al. *Large Batch Optimization for Deep Learning: Training BERT in 76 minutes.* ICLR 2020: LAMB.
# - Z. Nado et al. *A Large Batch Optimizer Reality Check: Traditional, Generic Optimizers Suffice Across Batch Sizes.* 2021.
# - W. G. Cochran. *Sampling Techniques.* The finite-population factor.
