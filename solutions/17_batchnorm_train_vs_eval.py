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
# - **Which statistics when.** The batch's in training, stored ones at inference.
# - **How the stored ones come about.** A running average over batches, outside the gradient; biased variance in the output, unbiased in the store.
# - **Why.** An answer must not depend on which other images happen to be in the batch. *Not* "because only one image comes in".
# - **Momentum's two conventions.** torch's 0.1 is Keras' 0.9.
# - **What follows.** At inference the layer is affine, so it folds away; you can give $W'$ and $b'$.
# - **What breaks in practice.** `eval()` forgotten, tiny batches, stale statistics.

# %% [markdown]
# ## The idea
#
# One layer, two sets of numbers:
#
# | | training | inference |
# |---|---|---|
# | mean, variance | of this batch | stored |
# | variance in the output | biased, ÷ $B$ | the stored estimate, fed with ÷ $(B-1)$ |
# | does a sample's output depend on the others? | yes | no |
# | gradient through the statistics? | yes | no, they are constants |
# | the stored numbers | updated | read |
# | as a function of `x` | not linear | affine |
#
# γ, β and ε are the same in both.

# %% [markdown]
# ### The running average
#
# Let $\mu_t$ be the mean of batch $t$ and $r_t$ the running mean. With momentum α (torch's reading):
#
# $$
# r_t=(1-\alpha)\,r_{t-1}+\alpha\,\mu_t
# $$
#
# Put the line for $t-1$ into the line for $t$, with $q=1-\alpha$:
#
# $$
# r_t=q\,(q\,r_{t-2}+\alpha\,\mu_{t-1})+\alpha\,\mu_t=q^2 r_{t-2}+\alpha\,(\mu_t+q\,\mu_{t-1})
# $$
#
# and go on down to the start:
#
# $$
# r_t=q^t\,r_0+\alpha\sum_{k=0}^{t-1}q^k\,\mu_{t-k}
# $$
#
# The weights of the batches sum to $\alpha\,\frac{1-q^t}{1-q}=1-q^t$, because $1-q=\alpha$. With the start's $q^t$ that is 1: it is an average.

# %% [markdown]
# **How fast?** If every batch mean has the expectation μ, then
#
# $$
# E[r_t]=q^t r_0+(1-q^t)\,\mu
# \qquad\Rightarrow\qquad
# E[r_t]-\mu=(1-\alpha)^t\,(r_0-\mu)
# $$
#
# **How quiet?** If batches are independent, each mean of $B$ samples has the variance $\sigma^2/B$. For large $t$:
#
# $$
# \mathrm{Var}[r_t]\to\alpha^2\sum_{k=0}^{\infty}q^{2k}\,\frac{\sigma^2}{B}
# =\frac{\alpha^2}{1-q^2}\,\frac{\sigma^2}{B}
# =\frac{\alpha^2}{(1-q)(1+q)}\,\frac{\sigma^2}{B}
# =\frac{\alpha}{2-\alpha}\,\frac{\sigma^2}{B}
# $$
#
# So it is as quiet as a plain mean of $(2-\alpha)/\alpha$ batches: 19 for α = 0.1, 199 for α = 0.01.

# %% [markdown]
# ### Why the stored variance takes N − 1
#
# Let μ and σ² be the population's, and $\mu_B$ the mean of $B$ independent samples. Insert μ:
#
# $$
# \sum_i(x_i-\mu_B)^2=\sum_i\big[(x_i-\mu)-(\mu_B-\mu)\big]^2
# =\sum_i(x_i-\mu)^2-2(\mu_B-\mu)\sum_i(x_i-\mu)+B(\mu_B-\mu)^2
# $$
#
# and because $\sum_i(x_i-\mu)=B(\mu_B-\mu)$:
#
# $$
# \sum_i(x_i-\mu_B)^2=\sum_i(x_i-\mu)^2-B\,(\mu_B-\mu)^2
# $$
#
# The expectation of the right-hand side is $B\sigma^2-B\cdot\frac{\sigma^2}{B}=(B-1)\,\sigma^2$. Divide by $B$:
#
# $$
# E[\sigma_B^2]=\frac{B-1}{B}\,\sigma^2
# $$
#
# The batch's own variance is too small on average, by that factor.
# Ioffe & Szegedy's Algorithm 2 repairs it at the end, $\mathrm{Var}[x]=\frac{m}{m-1}E_B[\sigma_B^2]$; torch repairs it in every update.
# The output in training keeps the biased one: there it is this batch that is normalised, and nothing is estimated.

# %% [markdown]
# ### Four ways to store
#
# | who | rule | usual value |
# |---|---|---|
# | torch | new = (1 − momentum) · old + momentum · batch | 0.1 |
# | Keras | new = momentum · old + (1 − momentum) · batch | 0.99 (and ε = 10⁻³) |
# | torch, `momentum=None` | plain average of all batches so far: momentum = 1/t | |
# | the paper, Algorithm 2 | training done, weights fixed: average over many batches | |
#
# torch's 0.1 is Keras' 0.9. Keras' 0.99 is torch's 0.01.

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
# s_c\,z_c=s_c\,\big[(W_c*x)+b_c\big]=(s_cW_c)*x+s_c\,b_c
# $$
#
# $$
# \boxed{\;W'_c=s_c\,W_c\qquad b'_c=\beta_c+s_c\,(b_c-r_c)\;}
# $$
#
# One scale per *output* channel, because that is what batch norm sees.
# A convolution without a bias ($b=0$) gets one: $\beta_c-s_c r_c$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, trial

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
    """x (N, D), the others (D,) -> (out (N, D), running_mean (D,), running_var (D,))."""
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
# Divide by N for the output and by N − 1 for the store: `x.var(axis=0)` and `x.var(axis=0, ddof=1)`.
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
    """x (N, D), the others (D,) -> out (N, D)."""
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
    """weight (C_out, C_in, kH, kW), bias (C_out,) or None, the others (C_out,) -> (weight, bias), folded."""
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
# These are the wrong answers that the check knows by name: in training,

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(batchnorm_train)

# %% [markdown] tags=["solution"]
# at inference,

# %% tags=["solution"]
common_mistakes(batchnorm_eval)

# %% [markdown] tags=["solution"]
# and in folding.

# %% tags=["solution"]
common_mistakes(fold_batchnorm)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### How fast does the running mean arrive?
#
# A tool first: feed batches, keep the running statistics after each.
# For `momentum=None` it does what torch does: momentum 1/t, the plain average of all batches so far.


# %%
def feed(batches, momentum):
    """batches: arrays (N, D) -> running means and running variances after each, two arrays (steps, D)."""
    d = batches[0].shape[1]
    mean, var, means, variances = np.zeros(d), np.ones(d), [], []
    for t, x in enumerate(batches, 1):
        alpha = 1 / t if momentum is None else momentum
        _, mean, var = batchnorm_train(x, np.ones(d), np.zeros(d), mean, var, alpha)
        means.append(mean)
        variances.append(var)
    return np.array(means), np.array(variances)


# %% [markdown]
# The running mean starts at 0. Every batch has the mean 5, give or take.
# With momentum 0.01, after how many batches is it within 5 % of the truth? Solve $0.99^t=0.05$ before you look.

# %%
rng = np.random.default_rng(0)
batches = 5 + rng.normal(size=(1000, 32, 1))
steps = np.arange(1, 1001)

fig, ax = plt.subplots(figsize=(7.5, 3.9), layout="constrained")
for momentum, method in [(None, "sgd"), (0.1, "adam"), (0.01, "momentum"), (0.001, "nesterov")]:
    name = "None: plain average" if momentum is None else f"momentum {momentum}"
    ax.plot(steps, feed(batches, momentum)[0][:, 0], color=plots.color(method), label=name)
    if momentum:
        theory = 5 * (1 - (1 - momentum) ** steps)
        ax.plot(steps, theory, ":", color="black", linewidth=1, label="5 · (1 − (1 − α)ᵗ)" if momentum == 0.001 else None)
ax.axhline(5, color="0.7", linewidth=1, zorder=0)
ax.set(xscale="log", xlabel="batches seen", ylabel="running mean", ylim=(0, 5.6),
       title="Momentum 0.001 has not arrived after a thousand batches")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
for momentum in (0.1, 0.01, 0.001):
    print(f"momentum {momentum:<6} within 5 % after {int(np.ceil(np.log(0.05) / np.log(1 - momentum))):5d} batches")

# %% [markdown]
# **Takeaway.** About 3/α batches. A short fine-tuning with a small momentum ends with statistics of the start.

# %% [markdown]
# ### And how much does it tremble?
#
# The other side of the bargain. Start at the truth, and measure the spread of the running mean around it.

# %%
momenta = np.array([0.5, 0.2, 0.1, 0.05, 0.02, 0.01])
noise = rng.normal(size=(1500, 32, 40))
trembling = np.array([feed(noise, momentum)[0][500:].std() for momentum in momenta])

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.loglog(momenta, np.sqrt(momenta / (2 - momenta) / 32), color="0.4", label="√(α / (2 − α)) · σ / √B")
ax.loglog(momenta, trembling, "o", color=plots.color("batch_norm"), label="measured, B = 32, σ = 1")
ax.axhline(1 / np.sqrt(32), color="0.6", linestyle=":")
ax.text(0.0095, 0.17, "one batch's own mean", color="0.35", va="top")
ax.set(xlabel="momentum α", ylabel="spread of the running mean", title="A small momentum is slow, and quiet")
ax.set_xticks(momenta, [f"{m:g}" for m in momenta])
ax.set_yticks([0.0125, 0.025, 0.05, 0.1, 0.2], ["0.0125", "0.025", "0.05", "0.1", "0.2"])
ax.minorticks_off()
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** Fast or quiet, one number decides both.
# The plain average (`None`) is quiet *and* fast here, so why is it not the default? Because here nothing moves.

# %% [markdown]
# ### A moving target
#
# While a network learns, the features of every layer drift. Let the true mean grow by $d$ per batch.
# The lag $e_t=r_t-\mu_t$ then obeys
#
# $$
# e_t=(1-\alpha)\,r_{t-1}+\alpha\mu_t-\mu_t=(1-\alpha)(r_{t-1}-\mu_t)=(1-\alpha)(e_{t-1}-d)
# $$
#
# and stands still at $e=(1-\alpha)(e-d)$, that is $e=-d\,\frac{1-\alpha}{\alpha}$: nine batches behind for α = 0.1, 99 for 0.01.

# %%
drift = np.minimum(np.arange(1, 601), 300) / 100  # grows by 0.01 a batch, then stands still
moving = drift[:, None, None] + rng.normal(size=(600, 256, 20))  # twenty features that drift alike

fig, ax = plt.subplots(figsize=(7.5, 3.7), layout="constrained")
ax.plot(drift, color="0.6", linewidth=4, alpha=0.5, label="true mean")
for momentum, method in [(0.1, "adam"), (0.01, "momentum"), (None, "sgd")]:
    name = "None: plain average" if momentum is None else f"momentum {momentum}"
    ax.plot(feed(moving, momentum)[0][:, 0], color=plots.color(method), label=name)
ax.set(xlabel="batch", ylabel="running mean", title="The plain average never forgets how it all began")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
for momentum in (0.1, 0.05):
    lag = np.mean(drift[200:300, None] - feed(moving, momentum)[0][200:300])
    print(f"momentum {momentum:<5} lag {lag / 0.01:4.0f} batches, derived {(1 - momentum) / momentum:4.0f}")

# %% [markdown]
# **Takeaway.** The plain average is right for a network that no longer moves, and only then.
# That is the paper's Algorithm 2: train first, then average.

# %% [markdown]
# ### Biased or unbiased: who would notice?
#
# Average the variance of very many small batches, once as you do, once without the correction. The truth is 4.

# %%
sizes = [2, 3, 4, 8, 16, 32, 64]
stored, uncorrected = [], []
for size in sizes:
    many = 2 * rng.normal(size=(300, size, 60))
    stored.append(feed(many, None)[1][-1].mean())
    uncorrected.append(many.var(axis=1).mean())

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.axhline(4, color="0.7", linewidth=1)
ax.plot(sizes, 4 * (1 - 1 / np.array(sizes)), color="0.4", linestyle=":", label="4 · (B − 1) / B")
ax.plot(sizes, stored, "o", color=plots.color("right"), label="yours: ÷ (B − 1)")
ax.plot(sizes, uncorrected, "s", color=plots.color("wrong"), label="÷ B")
ax.set(xscale="log", xlabel="batch size B", ylabel="average variance", ylim=(0, 4.6),
       title="For two samples half of the variance is missing, for 64 next to nothing")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** With B = 2 an uncorrected store makes every output √2 times too large at inference.
# In a convolution $B$ is $N\,H\,W$, thousands of values, and nobody notices.

# %% [markdown]
# ### A network to try things on
#
# Handwritten digits, 8×8 pixels; two hidden layers, each with batch norm and ReLU. Your functions are its batch norm.
# `mode` is one of three: "train" (batch statistics, and the store is updated), "eval" (stored statistics),
# "batch" (batch statistics, nothing stored: what happens if you forget `eval()`, without the side effect).

# %%
from sklearn.datasets import load_digits

images, labels = load_digits(return_X_y=True)
images = images / 16
WIDTH = 64


def split(seed):
    """1200 images to train on, 597 to test on: (x, t, x_test, t_test)."""
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[:1200]], labels[order[:1200]], images[order[1200:]], labels[order[1200:]]


def new_network(rng):
    """A dict of all weights, and of each batch norm's gamma, beta, mean and var."""
    net = {"w0": rng.normal(0, np.sqrt(2 / 64), (64, WIDTH)), "w1": rng.normal(0, np.sqrt(2 / WIDTH), (WIDTH, WIDTH)),
           "w2": rng.normal(0, np.sqrt(2 / WIDTH), (WIDTH, 10)), "b2": np.zeros(10)}  # fmt: skip
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


# %% [markdown]
# The backward pass is question 16's closed form. Plain SGD, learning rate 0.3, batches of 64, eight epochs.


# %%
def train_step(net, x, t, momentum, lr=0.3):
    """One step of SGD on the cross-entropy, in place."""
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


SEEDS = range(5)
nets = [train(seed) for seed in SEEDS]
tests = [split(seed)[2:] for seed in SEEDS]
stored = np.array([accuracy(forward(net, x, "eval"), t) for net, (x, t) in zip(nets, tests, strict=True)])
print(f"five networks, test accuracy with stored statistics: {stored.min():.2f} to {stored.max():.2f}")

# %% [markdown]
# ### What if you forget `eval()`?
#
# Then the test images are normalised with each other. How large must a batch be until that does no harm?
# And what if all 32 images of a batch show the same digit?


# %%
def shuffled(net, x, t, size):
    """Accuracy with batch statistics in random batches; a short last batch is left out."""
    order = np.random.default_rng(size).permutation(len(x))
    batches = order[: len(x) // size * size].reshape(-1, size)
    return np.mean([accuracy(forward(net, x[batch], "batch"), t[batch]) for batch in batches])


def one_class(net, x, t, size=32):
    """The same for ten batches, each of one digit."""
    return np.mean([accuracy(forward(net, x[t == digit][:size], "batch"), digit) for digit in range(10)])


def alone(net, x, t):
    """The same for an image handed over twice: its variance is 0, as that of a single image, and N ≥ 2 is kept."""
    return np.mean([accuracy(forward(net, x[[i, i]], "batch"), t[i]) for i in range(100)])


def over_nets(way, *more):
    """A way to measure, on each of the five networks."""
    return np.array([way(net, *test, *more) for net, test in zip(nets, tests, strict=True)])


sizes = [2, 4, 8, 16, 32, 64, 128, 256]
mixed = {size: over_nets(shuffled, size) for size in sizes}
by_class, twice = over_nets(one_class), over_nets(alone)

# %%
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.axhline(stored.mean(), color=plots.color("right"), label="stored statistics, any batch")
low, middle, high = np.array([(a.min(), a.mean(), a.max()) for a in mixed.values()]).T
ax.plot(sizes, middle, "o-", color=plots.color("batch_norm"), label="batch statistics, shuffled")
ax.fill_between(sizes, low, high, color=plots.color("batch_norm"), alpha=0.2, linewidth=0)
ax.plot(32, by_class.mean(), "s", color=plots.color("wrong"), markersize=9, label="batch statistics, one digit only")
ax.plot(1, twice.mean(), "D", color=plots.color("momentum"), markersize=8, label="a single image (handed over twice)")
ax.axhline(0.1, color="0.6", linestyle=":")
ax.text(256, 0.115, "guessing", color="0.35", ha="right")
ax.set(xscale="log", xlabel="images in the batch at test time", ylabel="test accuracy", ylim=(0, 1.04),
       title="Forget eval(), and the company decides")
ax.set_xticks([1, *sizes], [1, *sizes])
ax.minorticks_off()
ax.legend(loc="center right", bbox_to_anchor=(1, 0.42))
plt.show()

# %% [markdown]
# **Takeaway.** A batch of 256 mixed images does nearly as well as the store. Eight do not.
# And 32 of the same digit are no better than guessing: what they have in common is what batch norm subtracts.

# %% [markdown]
# ### One image, many answers
#
# Take one test image that the network gets right with stored statistics.
# Put it into 300 batches, each time with seven other images. It is the same image and the same network.


# %%
def answers(net, x, index, rounds, seed=0):
    """(companions (rounds, 7), answers (rounds,)) for image `index` among seven others, with batch statistics."""
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

# %%
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
ax.set(xticks=range(10), xlabel="answer", ylabel="how often in 300 batches", title=f"stored: always {t[index]}")
fig.suptitle("The framed image is the same; only its neighbours change", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** *This* is the reason for stored statistics: one image, one answer.
# A service that groups requests into batches would otherwise answer differently with its load.

# %% [markdown]
# ### Momentum, seen at inference only
#
# Train the same network with three momenta and look at the test accuracy after every step.
# Which parts of the training do you expect to differ?


# %%
x, t, x_test, t_test = split(0)


def watched(momentum):
    """(a trained network, its test accuracy with stored statistics after every step)"""
    curve = []
    return train(0, momentum, watch=lambda net: curve.append(accuracy(forward(net, x_test, "eval"), t_test))), curve


runs = {momentum: watched(momentum) for momentum in (0.1, 0.01, 0.001)}
trained = {momentum: net for momentum, (net, _) in runs.items()}
weights = [name for name in trained[0.1] if name[0] not in "mv"]
print("all weights, gammas and betas equal to the last bit:",
      all(np.array_equal(trained[0.1][name], trained[m][name]) for m in trained for name in weights))  # fmt: skip

# %% [markdown]
# Not one weight differs. In training the running statistics are written, never read.
#
# So the network with momentum 0.001 is as good as the others, and only its store is stale.
# Then it must be possible to fill the store afterwards: pass training images through, with momentum 1/t.


# %%
def recalibrated(net, x, size=64):
    """The same weights with fresh running statistics: the plain average over the batches of x."""
    net = dict(net)
    for t, start in enumerate(range(0, len(x), size), 1):
        forward(net, x[start : start + size], "train", momentum=1 / t)
    return net


mended = {momentum: accuracy(forward(recalibrated(net, x), x_test, "eval"), t_test) for momentum, net in trained.items()}

# %%
fig, ax = plt.subplots(figsize=(8.2, 4), layout="constrained")
tints = {0.1: "adam", 0.01: "momentum", 0.001: "nesterov"}
for momentum, (_, curve) in runs.items():
    ax.plot(curve, color=plots.color(tints[momentum]), linewidth=1.4, label=f"momentum {momentum}")
ax.plot(len(curve) + 3, mended[0.001], "*", color=plots.color("nesterov"), markersize=15, clip_on=False,
        label="momentum 0.001,\nstore refilled afterwards")  # fmt: skip
ax.set(xlabel="training step", ylabel="test accuracy, stored statistics", ylim=(0, 1.04),
       title="One and the same network, three stores")
ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
plt.show()

# %% [markdown]
# **Takeaway.** "Fine in training, bad in evaluation" is often a stale store, not overfitting.
# Refilling the store is called recalibration, or *precise batch norm*; it needs forward passes only.

# %% [markdown]
# ### A speed test that ruins a network
#
# You have a trained network and want to know how fast it is.
# So you pass random numbers through it, 20 times. No gradient, no optimiser, no label.
# But the network was left in training mode. What is its test accuracy afterwards?


# %%
def after_speed_test(net, x, t, momentum, passes=20):
    """Test accuracy with stored statistics after 0, 1, 2, … forward passes over noise in training mode."""
    net, rng = dict(net), np.random.default_rng(0)
    found = [accuracy(forward(net, x, "eval"), t)]
    for _ in range(passes):
        forward(net, rng.normal(size=(32, 64)), "train", momentum)
        found.append(accuracy(forward(net, x, "eval"), t))
    return found


ruined = {momentum: over_nets(after_speed_test, momentum) for momentum in (0.01, 0.1, 0.99)}

# %%
fig, ax = plt.subplots(figsize=(8.2, 3.8), layout="constrained")
for (momentum, values), tint in zip(ruined.items(), ("momentum", "adam", "nadam"), strict=True):
    ax.plot(values.mean(axis=0), "o-", markersize=4, color=plots.color(tint), label=f"momentum {momentum}")
    ax.fill_between(range(21), values.min(axis=0), values.max(axis=0), color=plots.color(tint), alpha=0.15, linewidth=0)
ax.set(xticks=range(0, 21, 5), xlabel="forward passes over noise, in training mode", ylabel="test accuracy, stored statistics", ylim=(0, 1.04),
       title="Not one weight has changed")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# **Takeaway.** In training mode every forward pass writes, with `torch.no_grad()` or without.
# And momentum 0.99, Keras' number typed into torch, keeps little more than the last batch: one pass is enough.
# (Read as Keras means it, 0.99 is the curve of 0.01.)

# %% [markdown]
# ### When the light changes
#
# So far stored statistics won. Now add a constant to every pixel of the test images, as if the lamp had moved.
# The network is the same, the digits are as legible as before. Which statistics do better?

# %%
lamps = np.linspace(0, 0.6, 7)
ways = {
    "stored statistics": lambda net, x: forward(net, x, "eval"),
    "statistics of the test batch": lambda net, x: forward(net, x, "batch"),
    "store refilled with 64 test images": lambda net, x: forward(recalibrated(net, x[:64]), x, "eval"),
}
under = {name: np.array([[accuracy(way(net, x + lamp), t) for lamp in lamps] for net, (x, t) in zip(nets, tests, strict=True)])
         for name, way in ways.items()}  # fmt: skip

# %%
fig, (pictures, ax) = plt.subplots(1, 2, figsize=(9, 3.7), width_ratios=[1, 2.4], layout="constrained")
strip = np.vstack([np.hstack([tests[0][0][i].reshape(8, 8) + lamp for i in (0, 1, 2)]) for lamp in (0, 0.3, 0.6)])
pictures.imshow(strip, cmap="gray", vmin=0, vmax=1.6)
pictures.set(yticks=[3.5, 11.5, 19.5], yticklabels=["+ 0", "+ 0.3", "+ 0.6"], xticks=[], title="same digits, more light")
pictures.grid(False)
for (name, values), (tint, style) in zip(under.items(), {"right": "o-", "batch_norm": "s-", "momentum": "--"}.items(), strict=True):
    size = 9 if tint == "batch_norm" else 6  # the two lines on top of each other must both be seen
    ax.plot(lamps, values.mean(axis=0), style, color=plots.color(tint), markersize=size, label=name)
    ax.fill_between(lamps, values.min(axis=0), values.max(axis=0), color=plots.color(tint), alpha=0.15, linewidth=0)
ax.set(xlabel="added to every pixel", ylabel="test accuracy", ylim=(0, 1.04), title="Stored statistics belong to the old light")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# Why is the blue line flat? The first layer's $z=xW$ becomes $z+c\,\sum_j W_j$: a shift of each feature, and batch norm takes shifts out.
#
# **Takeaway.** Stored statistics assume that test data look like training data.
# Refilling the store on images of the new kind needs no labels: domain adaptation at its simplest.

# %% [markdown]
# ### Folded and unfolded
#
# A convolution in NumPy, then batch norm with your `batchnorm_eval`: every pixel is a row, every channel a feature.


# %%
def convolve(x, weight, bias=None, padding=0):
    """x (N, C_in, H, W) -> (N, C_out, H', W'), stride 1."""
    x, weight = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))), np.asarray(weight)
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    z = np.moveaxis(np.tensordot(windows, weight, axes=([1, 4, 5], [1, 2, 3])), 3, 1)
    return z if bias is None else z + np.reshape(bias, (1, -1, 1, 1))


def normalise(z, *norm):
    """batchnorm_eval for images."""
    n, c, h, w = z.shape
    rows = np.asarray(batchnorm_eval(np.moveaxis(z, 1, 3).reshape(-1, c), *norm))
    return np.moveaxis(rows.reshape(n, h, w, c), 3, 1)


rng = np.random.default_rng(7)
image = rng.normal(size=(2, 3, 12, 12))
weight, bias = rng.normal(size=(8, 3, 3, 3)), rng.normal(size=8)
norm = [rng.normal(1, 0.5, 8), rng.normal(size=8), rng.normal(size=8), rng.uniform(0.3, 3, 8)]  # gamma, beta, mean, var

two_layers = normalise(convolve(image, weight, bias, padding=1), *norm)
one_layer = convolve(image, *fold_batchnorm(weight, bias, *norm), padding=1)
print("largest difference below 1e-12:", np.max(np.abs(two_layers - one_layer)) < 1e-12)
print("parameters: ", weight.size + bias.size + 4 * 8, "before,", weight.size + bias.size, "after")

# %% [markdown]
# What is it worth? Four layers as they occur in networks, in torch, with and without.
# The number in brackets is how many multiplications one output value costs, $C_{in}\,k^2$.
# Guess first: for which of them does batch norm take the largest part of the time?

# %% tags=["nbval-ignore-output"]
import time

import torch
import torch.nn.functional as F


def fastest(*functions, rounds=60):
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

    assert torch.allclose(conv_then_norm(), conv_alone(), rtol=1e-3, atol=1e-3)
    return fastest(conv_then_norm, conv_alone)


def _layer(c_in, c_out, k):
    """weight, gamma, beta, running mean, running variance"""
    yield rng.normal(size=(c_out, c_in, k, k)) / np.sqrt(c_in * k * k)
    yield from (rng.normal(1, 0.5, c_out), rng.normal(size=c_out), rng.normal(size=c_out), rng.uniform(0.3, 3, c_out))


threads = torch.get_num_threads()
torch.set_num_threads(1)
layers = {f"{k}×{k}, {c_in} → {c_out}  ({c_in * k * k})": (c_in, c_out, k)
          for c_in, c_out, k in [(3, 64, 3), (64, 256, 1), (256, 64, 1), (64, 64, 3)]}  # fmt: skip
measured = {name: compare(*layer) for name, layer in layers.items()}
torch.set_num_threads(threads)

# %% tags=["nbval-ignore-output"]
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

# %% [markdown]
# **Takeaway.** Batch norm hardly computes anything, but it reads and writes every output value once more.
# Where a value costs 27 or 64 multiplications, that shows. Where it costs 576, it hardly does.
# On a GPU each layer is also a kernel to launch, and one less of them helps small batches most.

# %% [markdown]
# ### Folding in the other direction
#
# Batch norm *before* the convolution is affine as well: $y=W*(s\,x+t)+b$ with $t=\beta-s\,r$.
# Then the scale belongs to the *input* channels, and the shift becomes a sum over the kernel: $b'=b+\sum W t$.
# Does that work with zero padding? Look where the two differ.


# %%
def fold_before(weight, bias, gamma, beta, mean, var, eps=1e-5):
    """Batch norm in front of the convolution: gamma and the others (C_in,)."""
    scale = gamma / np.sqrt(var + eps)
    shift = beta - scale * mean
    return weight * scale.reshape(1, -1, 1, 1), bias + np.einsum("oihw,i->o", weight, shift)


norm_in = [rng.normal(1, 0.5, 3), rng.normal(size=3), rng.normal(size=3), rng.uniform(0.3, 3, 3)]
gaps = {}
for padding in (1, 0):
    exact = convolve(normalise(image, *norm_in), weight, bias, padding)
    gaps[padding] = np.abs(exact - convolve(image, *fold_before(weight, bias, *norm_in), padding)).max(axis=(0, 1))

fig, axes = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
for ax, (padding, gap) in zip(axes, gaps.items(), strict=True):
    shown = ax.imshow(gap, cmap="cividis", vmin=0, vmax=gaps[1].max())
    ax.grid(False)
    ax.set(title=f"padding {padding}", xlabel="column", ylabel="row")
fig.colorbar(shown, ax=axes, label="largest difference")
fig.suptitle("Batch norm before a padded convolution: the border comes out wrong", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The padding is zeros *after* batch norm; folded, it would have to be $-t/s$.
# So the order conv → BN folds exactly, and BN → conv (pre-activation networks) only where nothing is padded.

# %% [markdown]
# ## Folklore on trial
#
# ### "At test time the batch statistics would do as well"
#
# "As well" is: within one point of the stored statistics, on average over the five networks.

# %%
loss_of = {
    "a single image": np.mean(stored - twice),
    "batches of 8, mixed": np.mean(stored - mixed[8]),
    "batches of 32, one digit only": np.mean(stored - by_class),
    "batches of 256, mixed": np.mean(stored - mixed[256]),
    "597 images under a changed light": np.mean(under["stored statistics"][:, 3] - under["statistics of the test batch"][:, 3]),
}
for name, points in loss_of.items():
    print(f"{name:36} loses {100 * points:4.0f} points")

ruling = trial(
    "at test time the batch statistics would do as well",
    {name: points < 0.01 for name, points in loss_of.items()},
    only_if="the batch is large and mixed",
)
assert ruling == "holds only if the batch is large and mixed"
ruling

# %% [markdown]
# And even then an answer depends on its neighbours. Which brings us to the reason people give.
#
# ### "It is because only a single image comes in at test time"
#
# If that were the reason, stored statistics would be idle as soon as many images come together.
# And a convolution would need them less: one image has $H\,W$ values per channel.

# %%
net, (x, t) = nets[0], tests[0]


def probabilities(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def largest_change(size, rounds=20):
    """By how much the probability of an image's own class moves with the company it is in: the worst of ten images."""
    rng = np.random.default_rng(size)
    moves = []
    for index in range(10):
        batches = [np.r_[index, rng.choice(np.arange(10, len(x)), size - 1, replace=False)] for _ in range(rounds)]
        moves.append(np.ptp([probabilities(forward(net, x[b], "batch"))[0, t[index]] for b in batches]))
    return max(moves)


one_image = convolve(image[:1], weight)
ruling = trial(
    "batch norm needs stored statistics because only one image comes in",
    {
        "16 images at once: an answer no longer depends on the others": largest_change(16) < 0.01,
        "64 images at once: an answer no longer depends on the others": largest_change(64) < 0.01,
        "32 images of one digit at once: as accurate": by_class[0] > stored[0] - 0.01,
        "one image, convolution: it has no variance of its own": bool(np.all(one_image.var(axis=(0, 2, 3)) < 1e-9)),
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# Say: *so that an image's answer is a function of that image alone*. A single image is merely the case where it shows most.
#
# ### "Batch norm's momentum changes how the network trains"

# %%
first_batch = split(0)[0][:64]
outputs = {momentum: forward(net, first_batch, "batch") for momentum, net in trained.items()}
for momentum, net in trained.items():
    print(f"momentum {momentum:<6} test accuracy with stored statistics {accuracy(forward(net, x_test, 'eval'), t_test):.2f}")

ruling = trial(
    "batch norm's momentum changes how the network trains",
    {
        "0.1 against 0.01: other weights, gammas or betas": any(np.any(trained[0.1][k] != trained[0.01][k]) for k in weights),
        "0.1 against 0.001: other weights, gammas or betas": any(np.any(trained[0.1][k] != trained[0.001][k]) for k in weights),
        "0.1 against 0.001: other outputs in training mode": bool(np.any(outputs[0.1] != outputs[0.001])),
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# No gradient reaches the running statistics.
# They are buffers, not parameters: no optimiser moves them, no weight decay touches them, nothing in training reads them.
# Say: *momentum decides what inference sees, and inference only*.
#
# ### "Momentum 0.99 is a long memory"
#
# Start at 1, feed batches of mean 0, count until less than half is left.


# %%
def half_life(momentum):
    """Batches until the running mean has forgotten half of its start."""
    mean, var, steps = np.ones(1), np.ones(1), 0
    while mean[0] > 0.5:
        _, mean, var = batchnorm_train(np.array([[-1.0], [1.0]]), np.ones(1), np.zeros(1), mean, var, momentum)
        steps += 1
    return steps


as_torch, as_keras = half_life(0.99), half_life(1 - 0.99)
print(f"0.99 read as torch does: {as_torch} batch; read as Keras does: {as_keras} batches")

ruling = trial(
    "momentum 0.99 is a long memory",
    {"torch's reading: more than 50 batches": as_torch > 50, "Keras' reading: more than 50 batches": as_keras > 50},
    only_if="it is the weight of the old value (Keras)",
)
assert ruling == "holds only if it is the weight of the old value (Keras)"
ruling

# %% [markdown]
# ### "Folding changes nothing"


# %%
def gap(order, padding, dtype=np.float64):
    """Largest difference between folded and unfolded, relative to the largest output."""
    x, w, b = image.astype(dtype), weight.astype(dtype), bias.astype(dtype)
    if order == "conv, BN":
        params = [a.astype(dtype) for a in norm]
        before = normalise(convolve(x, w, b, padding), *params)
        after = convolve(x, *(np.asarray(a, dtype) for a in fold_batchnorm(w, b, *params)), padding)
    else:
        before = convolve(normalise(x, *norm_in), w, b, padding)
        after = convolve(x, *fold_before(w, b, *norm_in), padding)
    return np.max(np.abs(before - after)) / np.max(np.abs(before))


ruling = trial(
    "folding changes nothing but the rounding",
    {
        "conv → BN, float64, to 1e-12": gap("conv, BN", 1) < 1e-12,
        "conv → BN, float32, to 1e-5": gap("conv, BN", 1, np.float32) < 1e-5,
        "BN → conv without padding, to 1e-12": gap("BN, conv", 0) < 1e-12,
        "BN → conv with zero padding, to 1e-2": gap("BN, conv", 1) < 1e-2,
    },
    only_if="no zero padding stands between the two",
)
assert ruling == "holds only if no zero padding stands between the two"
ruling

# %% [markdown]
# And it holds at inference only: while the statistics still move, there is nothing constant to fold.
#
# ### "Dropout before batch norm is harmless, it keeps the mean"
#
# Inverted dropout keeps each value with probability $p$ and divides it by $p$. The mean stays. The variance that batch norm stores:
#
# $$
# E\Big[\Big(\frac{x\,m}{p}\Big)^2\Big]-\mu^2=\frac{p\,(\sigma^2+\mu^2)}{p^2}-\mu^2=\frac{\sigma^2+\mu^2}{p}-\mu^2
# $$
#
# At inference dropout is off, and the variance is σ². Take features of mean 1 and variance 1 (behind a ReLU, means are not 0 either):

# %%
rng = np.random.default_rng(3)
keep_rates = (0.95, 0.8, 0.5)
found = {}
for keep in keep_rates:
    dropped = [(1 + rng.normal(size=(256, 40))) * (rng.random((256, 40)) < keep) / keep for _ in range(300)]
    means, variances = feed(dropped, None)
    clean = batchnorm_eval(1 + rng.normal(size=(4000, 40)), np.ones(40), np.zeros(40), means[-1], variances[-1])
    found[keep] = (means[-1].mean(), variances[-1].mean(), np.std(clean))
    print(f"keep {keep:.2f}: stored mean {found[keep][0]:.2f}, stored variance {found[keep][1]:.2f} "
          f"(derived {2 / keep - 1:.2f}), spread after batch norm at inference {found[keep][2]:.2f}")  # fmt: skip

ruling = trial(
    "dropout before batch norm is harmless",
    {f"keep {keep}: the spread at inference is 1, to 2 %": abs(found[keep][2] - 1) < 0.02 for keep in keep_rates},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# In training the spread behind batch norm is 1, at inference it is smaller, and every layer after it sees inputs it was not trained on.
# Put dropout behind the last batch norm, or recalibrate with dropout off.

# %% [markdown]
# ## Answer in 30 seconds
#
# "In training, batch norm uses the mean and biased variance of the current batch, and updates running averages of both, the variance with N minus 1.
# At inference it uses those stored numbers, so an image's answer depends on that image alone, whatever else is in the batch.
# That is the reason, not that one image has no statistics.
# The layer is then affine and folds into the convolution: multiply each output channel's weights by gamma over the root of var plus eps, and send the bias through the same map.
# In torch momentum is the weight of the new batch, 0.1; Keras' 0.99 is the weight of the old value."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the two modes side by side: batch statistics with gradient through them; stored statistics as constants.
# - Write the update, say that it lies outside the gradient, and that in training the store is written and never read.
# - Say the two variances: biased in the output, because it is this batch that is normalised; unbiased in the store, because $E[\sigma_B^2]=\frac{B-1}{B}\sigma^2$.
# - Say why: determinism and independence of the neighbours. A forgotten `eval()` costs little with 256 mixed images, and everything with 32 of one class.
# - Momentum: the start fades as $(1-\alpha)^t$, the noise is that of $(2-\alpha)/\alpha$ batches, a drift is followed $(1-\alpha)/\alpha$ batches late.
# - If training is fine and evaluation is not, suspect the store: too few steps, tiny batches, shifted data, dropout before it. Recalibrate with momentum 1/t; it needs no labels.
# - Fold: $s=\gamma/\sqrt{v+\varepsilon}$, $W'=sW$ per output channel, $b'=\beta+s(b-r)$. Exact for conv → BN; with BN → conv only without padding.
# - Offer a test: random running statistics, a square layer so that a wrong axis runs, with and without a bias; compare with eval mode in float64.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Training accuracy is fine, evaluation is at chance. What do you check?</summary>
#
# In this order: is `eval()` called, and is the same preprocessing used? Are the stored means and variances finite and not still 0 and 1?
# Does accuracy come back with batch statistics on a large mixed test batch? Then the store is at fault, not the weights.
# Causes: too few steps for the momentum, the other framework's momentum, tiny last batches, a module that was run in training mode on other data (each forward pass writes!).
# Cure: recalibrate.
#
# </details>
#
# <details><summary>Does no_grad() do what eval() does?</summary>
#
# No, they are independent. `no_grad()` stops the recording of gradients; batch norm still uses batch statistics *and updates the store*.
# `eval()` switches batch norm and dropout; gradients are still recorded.
#
# </details>
#
# <details><summary>You fine-tune with batches of two. What about batch norm?</summary>
#
# Freeze the statistics: put the batch-norm layers into eval mode, train the rest (and γ, β if you like).
# The backward pass is then `dx = dout · gamma / √(running_var + eps)`, without the two batch terms.
# In torch `model.train()` sets them back, so freeze again after each call. In Keras, `trainable = False` on a batch-norm layer also means inference mode.
# Otherwise group norm, or synchronised batch norm over several devices.
#
# </details>
#
# <details><summary>And with a batch of one, in training?</summary>
#
# For vectors there is nothing to train on: $\hat x=0$, the output is β, and the unbiased variance divides by 0. torch refuses with a ValueError.
# For images the positions still give $m=H\,W$ values, and it is instance norm while training; the store then belongs to another function than the one that was trained.
#
# </details>
#
# <details><summary>What does synchronised batch norm change?</summary>
#
# By default each device normalises with its own share of the batch, and the stores differ; usually one device's is saved.
# Synchronised batch norm puts count, mean and variance of all devices together, so that $B$ is the global batch; the backward pass exchanges two sums per channel.
# It matters when the share is small (detection, segmentation). At inference there is no difference.
#
# </details>
#
# <details><summary>What is precise batch norm, and when do you need it?</summary>
#
# After training, pass some thousand training images through with fixed weights and average the statistics plainly: the paper's Algorithm 2.
# The running average mixes statistics of older weights; the plain average does not.
# torch has it as `torch.optim.swa_utils.update_bn`: it resets the store, sets `momentum=None` and passes the data through.
#
# </details>
#
# <details><summary>You evaluate averaged weights (EMA, SWA). What about the running statistics?</summary>
#
# No network with the averaged weights ever ran in training, so no stored statistics belong to it.
# Either recalibrate (SWA does), or average the buffers along with the weights, which is only an approximation, because statistics are not linear in the weights.
#
# </details>
#
# <details><summary>Is the average of the variances the variance?</summary>
#
# Not quite. If batch means differ more than sampling explains (batches sorted by class, drifting features), the variance *between* batches is missing:
# $\mathrm{Var}[x]=E[\mathrm{Var}[x\mid\text{batch}]]+\mathrm{Var}[E[x\mid\text{batch}]]$.
# The running variance estimates the first term only. Shuffled batches of independent samples are where it is right.
#
# </details>
#
# <details><summary>How does folding go with quantisation?</summary>
#
# Fold first, then choose the scales of the integer weights, because it is $W'$ that will be stored.
# $s_c$ differs from channel to channel, by orders of magnitude where $v_c$ is tiny, so one scale for the whole tensor loses small channels: quantise per output channel.
# In quantisation-aware training the fold is simulated in the forward pass, and the statistics are frozen towards the end so that the target stands still.
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
# <details><summary>Would storing one batch's statistics not do?</summary>
#
# It would be deterministic, but noisy: that is momentum 1. The spread of the mean is $\sigma/\sqrt B$; momentum 0.1 divides it by √19.
#
# </details>
#
# <details><summary>When do you want batch statistics at test time?</summary>
#
# When the test data have shifted and come in large, mixed batches: another camera, another light. Then the store is wrong and the batch is right.
# Better still, refill the store on such data once: it is again deterministic.
#
# </details>
#
# <details><summary>Which other layers behave differently in the two modes?</summary>
#
# Dropout and stochastic depth. Layer norm, group norm and instance norm (as usually set) do not: they never look at other samples.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "At inference there is only one image, so there is no mean." Then what about a batch of 64?
# - "The running statistics are learnt by backpropagation."
# - "Batch norm does nothing at inference." That is dropout.
# - "momentum = 0.99, as always", without saying in which framework.
# - The running statistics in the training output.
# - Folding along the input channels, unnoticed because the layer was square; or forgetting $-s\,r$ when there was no bias.
# - "Evaluation is bad, so it overfits", before looking at the store.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. Algorithm 2: the population statistics and the affine inference layer.
# - Y. Wu, J. Johnson. *Rethinking "Batch" in BatchNorm.* 2021: precise batch norm, training and testing inconsistency, domain shift.
# - S. Ioffe. *Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models.* NeurIPS 2017: small and non-iid batches.
# - X. Li, S. Chen, X. Hu, J. Yang. *Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift.* CVPR 2019.
# - P. Izmailov et al. *Averaging Weights Leads to Wider Optima and Better Generalization.* UAI 2018: recomputing the statistics for averaged weights.
# - B. Jacob et al. *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference.* CVPR 2018: folding in quantisation-aware training.
# - PyTorch: `torch/nn/modules/batchnorm.py` (the update, `momentum=None`), `torch/nn/utils/fusion.py` (folding), `torch/optim/swa_utils.py` (`update_bn`).
