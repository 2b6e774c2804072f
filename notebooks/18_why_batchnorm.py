# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 18 · What does batch norm do, what does it learn, and why γ and β?
#
# *BN 的作用是什么?可学习参数有哪些?为什么要引入 γ、β 重构?*

# %% [markdown]
# ## Question
#
# "Why do we use batch normalisation? What is it good for, and is it really internal covariate shift?
# Which of its parameters are learnt?
# And if it normalises, why does it then scale and shift again?"
#
# "为什么要用批归一化?它的作用是什么,真的是因为减少了内部协变量偏移吗?哪些参数是可学习的?既然已经归一化了,为什么还要用 γ、β 再缩放和平移?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **What is learnt:** γ and β, 2C numbers. The running mean, the running variance and a counter are buffers.
# - **Why γ and β:** without them a layer could express less. You can name the pair that undoes the normalisation.
# - **Effects apart from explanations.** Faster training and larger learning rates are measured. Covariate shift is one explanation of them, and a disputed one.
# - **Scale invariance**, and what it does to the learning rate and to weight decay.
# - **The limits:** noise that depends on the batch size, exploding gradients in very deep plain nets, dependence on the other samples.

# %% [markdown]
# ## The idea
#
# ### What it does to the signal
#
# Take a deep tanh net, where each layer computes $h\leftarrow\tanh(h\,W)$ and $W$ is $(d,d)$ with entries of variance $s^2/d$.
# If the entries of $h$ have the mean square $q$, the entries of $h\,W$ have the variance $s^2q$.
#
# - With $s<1$ the signal shrinks by at least the factor $s$ in every layer, and it dies.
# - With $s\gg1$ nearly all values lie where tanh is flat. The signal is ±1, and the gradient dies instead.
#
# Batch norm sets the variance of every feature of $h\,W$ back to 1, layer by layer.
# Whatever $s$ is, tanh sees values of about ±1, where it is neither flat nor quite linear.

# %% [markdown]
# ### What it learns
#
# | array | size | who sets it | in torch |
# |---|---|---|---|
# | γ (weight) | C | the gradient | parameter |
# | β (bias) | C | the gradient | parameter |
# | running mean | C | moving average in the forward pass | buffer |
# | running variance | C | moving average in the forward pass | buffer |
# | batch counter | 1 | plus one for each training batch | buffer |
# | momentum, ε | – | you | plain attributes |
#
# A buffer is saved with the model and moves with it to the GPU, but no gradient reaches it and no optimiser sees it.
# The mean and the variance *of the batch* are neither: they are intermediate values, and the gradient flows through them.

# %% [markdown]
# ### Why γ and β
#
# Normalising takes something away, because every feature is forced to mean 0 and variance 1.
# Is there a pair that gives it back? We ask for $y=x$ for every value $x$ of the feature:
#
# $$
# \gamma\,\frac{x-\mu}{\sqrt{\sigma^2+\varepsilon}}+\beta=x
# \qquad\Longleftrightarrow\qquad
# \gamma=\sqrt{\sigma^2+\varepsilon}
# \quad\text{and}\quad
# \beta=\mu
# $$
#
# So the layer *can* be the identity on that batch (Ioffe & Szegedy 2015, §3).
# At inference the mean and the variance are constants, so one pair makes it the identity for every input, and the net can express what it could express without batch norm.
# It need not be the identity, and training has no reason to go there.
# The gain is that mean and scale become two free numbers per feature.
# Without batch norm they depend on all the weights below together.

# %% [markdown]
# ### Why it is forgiving: the scale of the weights drops out
#
# Replace $W$ by $a\,W$ with $a\neq0$. Every feature $x$ of the batch becomes $a\,x$:
#
# $$
# \frac{a x-a\mu}{\sqrt{a^2\sigma^2+\varepsilon}}
# =\operatorname{sign}(a)\,\frac{x-\mu}{\sqrt{\sigma^2+\varepsilon/a^2}}
# $$
#
# Scaling the weights by $a$ is the same as scaling ε by $1/a^2$. With $a>0$ and a negligible ε nothing changes at all.
# Now let $f(W)$ be the loss, with $f(aW)=f(W)$ for all $a>0$.
#
# - Differentiate both sides with respect to $W$: $\nabla f(aW)=\frac1a\nabla f(W)$. **Larger weights get smaller gradients.**
# - Differentiate with respect to $a$ at $a=1$: $\langle W,\nabla f(W)\rangle=0$. **The gradient is orthogonal to the weights.**
# - So a plain gradient step without weight decay makes the weights longer (Pythagoras), and longer weights turn less per step.
#   A learning rate that is too large for these weights becomes smaller by itself.
#
# What counts is the direction $u=W/\|W\|$.
# Under plain gradient descent it moves at the effective learning rate $\eta/\|W\|^2$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: what is learnt
#
# Batch norm over `channels` channels, as torch keeps it. Return `(learnable, buffers)`: how many numbers of either kind.

# %%
def batchnorm_parameter_count(channels):
    """channels -> (learnable, buffers), two ints, as in torch's BatchNorm2d; the batch counter is a buffer of one number."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(batchnorm_parameter_count)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: who sets it?</summary>
#
# Learnable is what the optimiser changes. Which of γ, β, running mean, running variance does a gradient reach?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the odd one</summary>
#
# torch has a third buffer beside the two running statistics: `num_batches_tracked`. It is one number, whatever the width.
#
# </details>

# %% [markdown]
# ### Exercise 2: the pair that undoes it
#
# `mean (D,)` and the biased variance `var (D,)` of a batch. Return `(gamma, beta)`, each `(D,)`, such that batch norm gives that batch back.

# %%
def undo_batchnorm(mean, var, eps=1e-5):
    """mean (D,), biased var (D,) -> (gamma (D,), beta (D,)) with which batch norm, eps under the root, is the identity on that batch.

    The inputs stay as they were. eps may be 0.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(undo_batchnorm)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what was done to x</summary>
#
# Two things: a mean was subtracted, then it was divided by a root. Undo them in the opposite order.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `gamma * (x - mean) / root + beta = x`. Choose `gamma` so that the root cancels, eps and all; then see which `beta` is left.
#
# </details>

# %% [markdown]
# ### Exercise 3: what the activations do with depth
#
# `x (N, d)` and a list of matrices `(d_in, d_out)`. Run $h\leftarrow\tanh(h\,W)$ through all of them, or $h\leftarrow\tanh(\mathrm{BN}(h\,W))$.
# Return for each layer the standard deviation over *all* entries of $h$ (ddof 0).
# Batch norm here has no γ and β, and eps = 1e-5.

# %%
def activation_stds(x, weights, batchnorm=False):
    """x (N, d), weights: list of (d_in, d_out) -> (L,), one standard deviation for each layer.

    Each layer is h <- tanh(h @ W), or tanh(BN(h @ W)) with BN over the samples, biased variance, eps 1e-5, no gamma and beta.
    The standard deviation (ddof 0) is over all entries of the new h. x and weights stay as they were.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(activation_stds)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the order in one layer</summary>
#
# Multiply, normalise (if asked), tanh, measure. What you measured is also what the next layer gets.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two different averages</summary>
#
# Batch norm has a mean and a variance for each feature: `axis=0`. The number you report is over everything: `h.std()` without an axis.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Inside the loop: `z = h @ W`; `z = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)`; `h = np.tanh(z)`; append `h.std()`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From "Does batch norm cure exploding gradients?" on they need torch, which the browser does not have.
#
# ### Does the signal survive ten layers?
#
# Ten tanh layers of width 100, with weights of standard deviation $s/\sqrt{100}$. Your function measures the activations.
# How will the curves for $s=\frac12,1,4$ change under batch norm?

# %%
rng = np.random.default_rng(0)
x = rng.normal(size=(500, 100))
unit_weights = [rng.normal(size=(100, 100)) / np.sqrt(100) for _ in range(10)]
scales = {0.5: "s = ½: dies", 1.0: "s = 1: fades", 4.0: "s = 4: saturates"}
stds = {s: [activation_stds(x, [s * w for w in unit_weights], batchnorm=flag) for flag in (False, True)] for s in scales}

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for (s, name), dash in zip(scales.items(), ("-", "--", ":"), strict=True):
    for ax, flag, method in zip(axes, (False, True), ("no batch norm", "batch norm"), strict=True):
        ax.plot(range(1, 11), stds[s][flag], dash, marker="o", markersize=4, color=plots.color(method))
    place = dict(xytext=(7, 0), textcoords="offset points", va="center", fontsize=9.5)
    axes[0].annotate(name, (10, stds[s][0][-1]), **place)
axes[1].annotate("all three", (10, stds[1.0][1][-1]), **place)
axes[0].set(title="Without batch norm: a matter of $s$", ylabel="standard deviation of the activations")
axes[1].set(title="With batch norm: the same for every $s$", ylim=(-0.04, 1.05))
for ax in axes:
    ax.set(xlabel="layer", xlim=(0.5, 13.9), xticks=range(1, 11))
plt.show()

# %% [markdown]
# **Takeaway.** Without batch norm the signal dies, fades or saturates, depending on $s$.
# (A standard deviation of 1 would mean that all entries are +1 or −1.)
# With batch norm each layer starts anew at 0.63, for every $s$.
# This is the saturation story, and it is true for sigmoid and tanh.
# ReLU saturates on its negative half only, and needs other arguments.

# %% [markdown]
# ### Does batch norm cure exploding gradients?
#
# We measure the gradient at initialisation, layer by layer.
# Theory says that each batch-normalised layer multiplies it by $\sqrt{E[\varphi'^2]/\operatorname{Var}[\varphi]}$ on the way back, with φ the activation function at a standard normal input: 1.02 for a sigmoid, 1.21 for ReLU (derived in the deeper part below).
# What do forty ReLU layers do then? And what happens when the batch is small?

# %%
import torch

from utils import models

torch.set_num_threads(1)


def gradient_norms(act, depth, batchnorm=True, skip=False, seed=0, width=128, n=256):
    """The norm of the gradient of each layer's weights at initialisation, (depth,), in float64."""
    rng = torch.Generator().manual_seed(seed)
    normal = dict(generator=rng, dtype=torch.float64)
    gain = 2**0.5 if act == "relu" else 1.0
    phi, h, weights = getattr(torch, act), torch.randn(1, n, width, **normal), []
    for _ in range(depth):
        weights.append((gain * torch.randn(width, width, **normal) / width**0.5).requires_grad_())
        if skip:  # pre-activation: h + relu(BN(h))·W
            h = h + phi(models.normalise(h)) @ weights[-1]
        else:
            z = h @ weights[-1]
            h = phi(models.normalise(z) if batchnorm else z)
    logits = h[0] @ torch.randn(width, 10, **normal) / width**0.5
    loss = torch.nn.functional.cross_entropy(logits, torch.randint(0, 10, (n,), generator=rng))
    return np.array([g.norm().item() for g in torch.autograd.grad(loss, weights)])


def growth(n, depth=20):
    """By what factor a ReLU net's gradient grows per layer, away from the ends; mean of three seeds."""
    norms = np.array([gradient_norms("relu", depth, n=n, seed=seed) for seed in range(3)])
    return np.mean((norms[:, 2] / norms[:, depth - 3]) ** (1 / (depth - 5)))


batch_sizes = [2, 4, 8, 16, 32, 64, 128, 256]
by_batch = [growth(n) for n in batch_sizes]

# %% tags=["hide-input"]
runs = {
    "sigmoid": [("no batch norm", "no batch norm", dict(batchnorm=False)), ("batch norm", "batch norm", {})],
    "relu": [("no batch norm", "no batch norm", dict(batchnorm=False)), ("batch norm", "batch norm", {}),
             ("batch norm, shortcuts", "right", dict(skip=True))],
}
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.6), layout="constrained")
for ax, (act, variants), depth in zip(axes, runs.items(), (20, 40), strict=False):
    for (label, tint, how), dash in zip(variants, ("-", "-", "--"), strict=False):
        norms = np.mean([gradient_norms(act, depth, seed=seed, **how) for seed in range(2)], axis=0)
        ax.semilogy(range(1, depth + 1), norms / norms[-1], dash, color=plots.color(tint), label=label)
    ax.set(xlabel="layer")
    ax.legend(fontsize=8.5)
axes[0].set(title="Sigmoid: batch norm\nsaves the gradient", ylabel="gradient norm, last layer = 1")
axes[1].set(title="ReLU: batch norm\nmakes it explode")
axes[2].semilogx(batch_sizes, by_batch, "o-", color=plots.color("batch norm"), base=2, label="ReLU, 20 layers")
axes[2].axhline(np.sqrt(np.pi / (np.pi - 1)), color="0.4", linestyle=":", label="theory, 1.21")
axes[2].set(title="The smaller the batch,\nthe faster it grows", xlabel="batch size N", ylabel="growth per layer", ylim=(1, None))
axes[2].legend(fontsize=8.5)
plt.show()

# %% [markdown]
# **Takeaway.** Batch norm keeps saturating nets alive, and in a deep plain ReLU net it is the *cause* of the explosion.
# A factor of 1.2 per layer is more than a thousandfold after forty layers; with batches of 2 and 4 samples we measured 1.7 and 1.6 per layer.
# With shortcuts the gradient grows by less than a factor of 3 over the forty layers here, because the identity path carries it past the normalisations.

# %% [markdown]
# ### What does weight decay do to weights whose size does not matter?
#
# It cannot make the function simpler, because the function does not see the size. It sets the effective learning rate.
# A gradient step $g$ lengthens $w$ and decay shortens it. The two balance when
#
# $$
# \underbrace{\eta^2\|g\|^2}_{\text{gained per step}}=\underbrace{2\eta\lambda\|w\|^2}_{\text{lost per step}}
# \qquad\Longrightarrow\qquad
# \text{angle per step}\approx\frac{\eta\|g\|}{\|w\|}=\sqrt{2\eta\lambda}
# $$
#
# So in the long run the direction turns by $\sqrt{2\eta\lambda}$ per step, whatever the start was, and only the product $\eta\lambda$ counts.
# Test it on a linear classifier of digits with batch-normalised logits, trained by mini-batches.

# %%
x_train, y_train, _, _ = data.digits()


def angles(lr, decay, n_steps=2400, batch=32):
    """By what angle the weights turn in each step, (n_steps,), in radians: root mean square over the ten logits."""
    rng = np.random.default_rng(0)
    w, turned = rng.normal(size=(64, 10)), []
    for _ in range(n_steps):
        rows = rng.integers(len(x_train), size=batch)
        z = x_train[rows] @ w
        std = z.std(axis=0)
        xhat = (z - z.mean(axis=0)) / std
        odds = np.exp(3 * xhat)
        d = 3 * (odds / odds.sum(axis=1, keepdims=True) - np.eye(10)[y_train[rows]]) / batch
        dz = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std  # batch norm, backwards
        new = (1 - lr * decay) * w - lr * (x_train[rows].T @ dz)
        cosine = (new * w).sum(axis=0) / np.linalg.norm(new, axis=0) / np.linalg.norm(w, axis=0)
        turned.append(np.sqrt(np.mean(np.arccos(np.minimum(cosine, 1)) ** 2)))
        w = new
    return np.array(turned)


pairs = {(0.5, 0.008): "-", (0.1, 0.04): "--", (0.5, 0.002): "-", (0.5, 0.0): "-"}
turning = {pair: angles(*pair) for pair in pairs}


# %% tags=["hide-input"]
def smooth(values, window=60):
    return np.sqrt(np.convolve(values**2, np.ones(window) / window, mode="valid"))


fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
tints = ("batch norm", "noisy batch norm", "group norm", "no batch norm")
for ((lr, decay), dash), tint in zip(pairs.items(), tints, strict=True):
    ax.semilogy(smooth(turning[lr, decay]), dash, color=plots.color(tint), label=f"η = {lr}, λ = {decay}")
for product in (0.004, 0.001):
    ax.axhline(np.sqrt(2 * product), color="0.5", linestyle=":", linewidth=1)
    ax.text(2350, np.sqrt(2 * product) * 1.05, f"√(2 · {product})", ha="right", color="0.35")
ax.set(xlabel="step", ylabel="angle per step (radians)", title="Decay decides how fast the direction turns, in the long run")
ax.legend(loc="lower right", bbox_to_anchor=(1, 0.12))
plt.show()

# %% [markdown]
# **Takeaway.** Without decay the weights grow and the direction turns more and more slowly.
# With decay there is an equilibrium, and two different pairs with the same product $\eta\lambda$ end at the same speed.
# That is why, in the long run, changing weight decay in a network with batch norm acts like changing the learning rate.

# %% [markdown] tags=["deeper"]
# ### Deeper: the gain per layer, derived
#
# Take one layer backwards: $h'=\varphi(\hat z)$, $\hat z=\mathrm{BN}(z)$, $z=hW$, with $W$ $(d,d)$ of variance $s^2/d$.
# Assume initialisation with γ = 1, a large batch and a large width, a negligible ε, and gradients independent of the values.
# Write $\delta$ for the root mean square of a gradient.
#
# | backwards through | $\delta^2$ is multiplied by |
# |---|---|
# | $h'=\varphi(\hat z)$ | $E[\varphi'(\hat z)^2]$, with $\hat z\sim N(0,1)$ |
# | $\hat z=(z-\mu)/\sigma$ | $1/\sigma^2$ |
# | $z=hW$ | $d\cdot s^2/d=s^2$ |
#
# The variance of $z_j=\sum_i h_iW_{ij}$ *over the batch* is $\sigma^2=s^2\operatorname{Var}[\varphi(\hat z)]$,
# because the mean of $h$ is the same for all samples and drops out. Together:
#
# $$
# \text{gain per layer}=\sqrt{E[\varphi'^2]\cdot\frac{1}{s^2\operatorname{Var}[\varphi]}\cdot s^2}
# =\sqrt{\frac{E[\varphi'(\hat z)^2]}{\operatorname{Var}[\varphi(\hat z)]}}
# $$
#
# The scale $s$ has gone, so no variance of the initial weights can change it.
# For a Gaussian $\operatorname{Var}[\varphi]\le E[\varphi'^2]$ (Poincaré's inequality), with equality for straight lines only.
# So in this limit the gain is never below 1: the gradient cannot vanish, and every bend in φ makes it grow.
#
# For ReLU $E[\varphi'^2]=E[\varphi^2]=\frac12$ and $E[\varphi]=\int_0^\infty \frac{z}{\sqrt{2\pi}}e^{-z^2/2}dz=\frac1{\sqrt{2\pi}}$. Hence
#
# $$
# \operatorname{Var}[\varphi]=\frac12-\frac1{2\pi}=\frac{\pi-1}{2\pi}
# \qquad\qquad
# \text{gain}=\sqrt{\frac{1/2}{(\pi-1)/2\pi}}=\sqrt{\frac{\pi}{\pi-1}}\approx1.21
# $$
#
# Yang et al. (2019) find the same: they give $\pi/(\pi-1)$ for the squared gradient (figure not checked here).
# He's initialisation without batch norm has $s^2=2$ and the gain $\sqrt{s^2 E[\varphi'^2]}=1$.
# The figure above shows where the assumptions end: with a small batch the gain is larger.

# %% tags=["deeper"]
nodes, heights = np.polynomial.hermite_e.hermegauss(80)  # E[f(z)] for z ~ N(0, 1) is a weighted sum
gauss = heights / heights.sum()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


for name, value, slope in (
    ("sigmoid", sigmoid(nodes), sigmoid(nodes) * (1 - sigmoid(nodes))),
    ("tanh", np.tanh(nodes), 1 - np.tanh(nodes) ** 2),
):
    print(f"{name:8} gain per layer {np.sqrt(gauss @ slope**2 / (gauss @ value**2 - (gauss @ value) ** 2)):.2f}")


# %% [markdown] tags=["deeper"]
# ### Deeper: what would a sigmoid see without γ and β?
#
# Suppose $\hat x\sim N(0,1)$ and γ = 1, β = 0 for ever. How much of $\sigma(\hat x)$ is more than a straight line?
# Fit the best line and look at what it leaves over, as a share of the variance. Then turn γ up.

# %% tags=["deeper"]
def left_over(gamma):
    """The share of the variance of σ(γz), z ~ N(0, 1), that no straight line explains."""
    y = sigmoid(gamma * nodes) - 0.5
    slope = gauss @ (y * nodes)  # least squares; the mean of y is 0
    return 1 - slope**2 / (gauss @ y**2)


print(f"γ = 1: {left_over(1):.2%} of σ(x̂) is not a straight line.  γ = 4: {left_over(4):.1%}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** A sigmoid of standardised values is nearly a straight line, and a stack of straight lines is one straight line.
# With γ the net chooses how curved each unit is, and with β where on the curve it sits.

# %% [markdown] tags=["deeper"]
# ### Deeper: one sample in many batches: how noisy is its output?
#
# In training a sample's output depends on the other samples in the batch.
# For a Gaussian feature, the variance of $\hat x$ over random batches is about $(1+z^2/2)/B$, where $z$ is the sample's own standardised value.
# Does the law $1/\sqrt B$ hold for digits?

# %% tags=["deeper"]
features = x_train @ rng.normal(size=(64, 50))
sizes = 2 ** np.arange(1, 9)


def noise_of_first(size, repeats=300):
    """Standard deviation of the normalised features of sample 0 over random batches of `size`."""
    batches = [features[np.append(0, rng.integers(1, len(features), size - 1))] for _ in range(repeats)]
    out = np.array([(b[0] - b.mean(axis=0)) / np.sqrt(b.var(axis=0) + 1e-5) for b in batches])
    return np.sqrt(out.var(axis=0).mean())


noise = np.array([noise_of_first(size) for size in sizes])
z = (features[0] - features.mean(axis=0)) / features.std(axis=0)

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.loglog(sizes, np.sqrt((1 + z**2 / 2).mean() / sizes), "--", color="0.4", label="theory for a Gaussian", base=2)
ax.loglog(sizes, noise, "o", color=plots.color("batch norm"), label="measured", base=2)
ax.set(xlabel="batch size B", ylabel="std of one sample's output", title="Batch norm's noise fades like 1/√B")
ax.legend()
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The noise is what people mean by "batch norm regularises", and you control it with the batch size.
# With 256 samples it is under 8 % of the feature's standard deviation. (At B = 2 theory fails: $\hat x$ is then +1 or −1, whatever the values.)
# To keep this noise when the batch is large, people normalise within small groups of it: this is called *ghost batch norm*.

# %% [markdown] tags=["deeper"]
# Where the law comes from: let our sample be $x=\mu+\sigma z$ and the others $\mu+\sigma e_i$ (we count $B$ of them in place of $B-1$), independent, with $E[e]=0$, $E[e^2]=1$, $E[e^3]=\rho$, $E[e^4]=\kappa$.
# Write the batch's mean as $\mu+\sigma\delta_m$ and its standard deviation as $\sigma(1+\delta_s)$. To first order
#
# $$
# \hat x=\frac{\sigma z-\sigma\delta_m}{\sigma(1+\delta_s)}\approx z-\delta_m-z\,\delta_s
# \qquad
# \delta_m=\frac1B\sum_i e_i
# \qquad
# \delta_s\approx\frac1{2B}\sum_i(e_i^2-1)
# $$
#
# $$
# \operatorname{Var}\hat x\approx\operatorname{Var}\delta_m+2z\operatorname{Cov}[\delta_m,\delta_s]+z^2\operatorname{Var}\delta_s
# =\frac1B\Big(1+z\,\rho+z^2\,\frac{\kappa-1}4\Big)
# $$
#
# For a Gaussian ($\rho=0$, $\kappa=3$) that is $(1+z^2/2)/B$.

# %% [markdown] tags=["deeper"]
# ### Deeper: weight decay as a growing learning rate
#
# Let $f(aw)=f(w)$ and train with decay, $w_{t+1}=(1-\eta\lambda)\,w_t-\eta\nabla f(w_t)$.
# Write $w_t=\alpha_t v_t$ with $\alpha_t=(1-\eta\lambda)^t$. Since $\nabla f(w_t)=\nabla f(v_t)/\alpha_t$,
#
# $$
# v_{t+1}=v_t-\frac{\eta}{\alpha_t\,\alpha_{t+1}}\nabla f(v_t)=v_t-\frac{\eta}{(1-\eta\lambda)^{2t+1}}\nabla f(v_t)
# $$
#
# and $f(w_t)=f(v_t)$. In the frame of $v$ there is no decay, and the learning rate grows exponentially (Li & Arora 2020 prove it with momentum too).
# There is no contradiction with the equilibrium above: $\|v\|$ grows in answer, and what settles is the ratio that counts.

# %% [markdown] tags=["deeper"]
# ### Deeper: scale invariance, and where it ends
#
# BN(aWx) = BN(Wx) for a > 0 and ε = 0. How large is the gap for ε = 10⁻⁵, and does the gradient follow 1/a?

# %% tags=["deeper"]
rng = np.random.default_rng(5)
u, w, upstream = rng.normal(size=(40, 6)), rng.normal(size=(6, 4)), rng.normal(size=(40, 4))


def bn_of(w, eps):
    z = u @ w
    return (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + eps)


def weight_gradient(w, eps):
    """The gradient of Σ upstream·BN(u·w) with respect to w."""
    xhat, root = bn_of(w, eps), np.sqrt((u @ w).var(axis=0) + eps)
    return u.T @ ((upstream - upstream.mean(axis=0) - xhat * (upstream * xhat).mean(axis=0)) / root)


def relative_gap(a, eps):
    return np.linalg.norm(bn_of(a * w, eps) - bn_of(w, eps)) / np.linalg.norm(bn_of(w, eps))


# %% tags=["deeper", "hide-input"]
scalings = np.logspace(-5, 4, 36)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for eps, tint in ((1e-5, "batch norm"), (0.0, "right")):
    name = "ε = 10⁻⁵" if eps else "ε = 0"
    gaps = np.maximum([relative_gap(a, eps) for a in scalings], 1e-17)
    axes[0].loglog(scalings, gaps, "o-", markersize=3, color=plots.color(tint), label=name)
    lengths = [np.linalg.norm(weight_gradient(a * w, eps)) for a in scalings]
    axes[1].loglog(scalings, lengths, "o-", markersize=3, color=plots.color(tint), label=name)
axes[0].set(xlabel="$a$", ylabel="relative gap of BN(aWx) to BN(Wx)", title="ε spoils it for small weights")
axes[1].set(xlabel="$a$", ylabel="norm of the gradient with respect to aW", title="∝ 1/a, until aσ sinks below √ε")
for ax in axes:
    ax.axvline(np.sqrt(1e-5) / (u @ w).std(axis=0).mean(), color="0.5", linestyle=":")
    ax.legend()
plt.show()

# %% tags=["deeper"]
print("a = −1 turns the sign:               ", np.allclose(bn_of(-w, 1e-5), -bn_of(w, 1e-5)))
print("scaling W by a is scaling ε by 1/a²: ", all(np.allclose(bn_of(a * w, 1e-5), bn_of(w, 1e-5 / a**2)) for a in (1e-3, 0.1, 50.0)))
print("ε = 0, gradient is 1/a of it:        ", np.allclose(weight_gradient(50 * w, 0.0), weight_gradient(w, 0.0) / 50))
print("ε = 0, orthogonal to the weights:    ", np.allclose((w * weight_gradient(w, 0.0)).sum(axis=0), 0))

# %% [markdown] tags=["deeper"]
# **Takeaway.** The dotted line is where $a\sigma=\sqrt\varepsilon$. Left of it the feature is damped and the gradient no longer grows.

# %% [markdown] tags=["deeper"]
# ### Deeper: how much of ResNet-50 is batch norm?
#
# It has 53 such layers. Your count says what they hold. Guess the share of all learnable numbers first.

# %% tags=["deeper"]
with torch.device("meta"):  # shapes without memory
    resnet = models.build("resnet50")
widths = [layer.num_features for layer in resnet.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
counts = np.array([batchnorm_parameter_count(width) for width in widths])
everything = sum(p.numel() for p in resnet.parameters())
print(f"{len(widths)} layers, {counts[:, 0].sum():,} learnable of {everything:,}: {counts[:, 0].sum() / everything:.2%}")
print(f"buffers by your count: {counts[:, 1].sum():,}; buffers of the whole net: {sum(b.numel() for b in resnet.buffers()):,}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** Two in a thousand. The price of batch norm is memory traffic and the tie between samples, not parameters.

# %% [markdown]
# ## Folklore on trial
#
# ### "Batch norm works because it removes internal covariate shift"
#
# Internal covariate shift means that the inputs of a layer change their distribution while the layers below learn.
# The paper of 2015 gives its removal as the reason. If it is the reason, putting the shift back should take the gain away.
#
# We try that too: six hidden layers on digits, 80 steps of SGD, and after every batch norm a fresh random scale and shift of each unit in each step.
# Every variant has the best of ten learning rates, chosen on four seeds; four other seeds judge.
# The gain counts as lost if less than a tenth of it is left, and as a second threshold less than a half.

# %%
KINDS = {"sigmoid": ("sigmoid", 1.0), "ReLU, He": ("relu", 2**0.5), "ReLU, small": ("relu", 3**-0.5), "tanh": ("tanh", 1.0)}


def noisy_accuracy(kind, batchnorm, noise, seed):
    """Training accuracy by learning rate, the noise still on: {"0.031": …, …}."""
    act, gain = KINDS[kind]
    rates = [2.0**k for k in range(-5, 5)]
    nets = models.DigitsStack(len(rates), 6, act, batchnorm, gain=gain, seed=seed, alike=True)
    strength = torch.full((len(rates), 1, 1), noise) if noise else 0
    nets.train(rates, 80, seed=seed, noise=strength)
    rng = torch.Generator().manual_seed(seed)
    reached = nets.accuracy(torch.arange(512), noise=strength, rng=rng)
    return {f"{rate:.2g}": float(np.nan_to_num(value)) for rate, value in zip(rates, reached, strict=True)}


variants = settings(kind=list(KINDS), batchnorm=False, noise=0.0, seed=range(8))
variants += settings(kind=list(KINDS), batchnorm=True, noise=[0.0, 0.2, 0.4], seed=range(8))
noisy = evidence("noisy_batchnorm", noisy_accuracy, variants, sample=2)


def tuned_accuracy(kind, batchnorm, noise):
    """Accuracies (4,) of seeds 4 to 7 at the learning rate that is best on seeds 0 to 3."""
    runs = [noisy(kind=kind, batchnorm=batchnorm, noise=noise, seed=seed) for seed in range(8)]
    best = max(runs[0], key=lambda rate: sum(run[rate] for run in runs[:4]))
    return np.array([run[best] for run in runs[4:]])


# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.5), layout="constrained")
arms = {"no batch norm": (False, 0.0), "batch norm": (True, 0.0), "batch norm + noise 0.2": (True, 0.2), "batch norm + noise 0.4": (True, 0.4)}
for j, (label, arm) in enumerate(arms.items()):
    values = [tuned_accuracy(kind, *arm) for kind in KINDS]
    tint = plots.color(("no batch norm", "batch norm", "noisy batch norm", "noisy batch norm")[j])
    ax.bar(np.arange(4) + 0.2 * (j - 1.5), [v.mean() for v in values], 0.18, yerr=[v.std(ddof=1) for v in values],
           color=tint, alpha=(0.85, 0.85, 0.75, 0.45)[j], capsize=2, label=label)
ax.set_xticks(range(4), list(KINDS))
ax.set(ylabel="training accuracy", ylim=(0, 1.02), title="Where batch norm gains a lot, the noise leaves most of the gain")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4, fontsize=8.5)
plt.show()


# %%
def gain_is_lost(kind, noise):
    plain, full, shaken = (tuned_accuracy(kind, *arm).mean() for arm in ((False, 0.0), (True, 0.0), (True, noise)))
    left = (shaken - plain) / (full - plain)
    return left < 0.1, left < 0.5


trial(
    "batch norm works because it removes internal covariate shift",
    gain_is_lost,
    over=settings(kind=list(KINDS), noise=[0.2, 0.4]),
    published=[
        published("Ioffe & Szegedy 2015, figure 1 (MNIST, sigmoids)", "with batch norm the inputs of a unit move less, and the net learns faster", holds=True),
        published("Santurkar et al. 2018, §2.1 (VGG, CIFAR-10)", "with noise after batch norm the inputs move more than without batch norm, and the net trains as fast as with it", holds=False),
    ],
    expect="not decided here",
)

# %% [markdown]
# The papers disagree, and our nets do not settle it.
# Where the plain net does not train at all, batch norm gains a lot, and most of the gain stays under noise.
# But a layer that hardly learns hardly shifts what the next one sees, so there may have been no shift to remove.
# Where the plain net trains, the gain is small (1 to 2 points), and even the milder noise costs more than that.
#
# Say: *"That was the paper's explanation in 2015. An experiment of 2018 put a shift back, and training stayed fast, so many researchers doubt that it is the main reason. No single explanation has replaced it."*
#
# ### "Batch norm allows larger learning rates"
#
# We train at sixteen learning rates, each twice the one before, and look for the largest that still reaches 90 % on training digits in 80 steps (second threshold: 95 %).
# "Larger" means at least twice as large.

# %%
GRID = [2.0**k for k in range(-6, 10)]


def largest_rates(act, depth, batchnorm, seed):
    """The largest learning rate that reaches 90 % and 95 % (0 if none does), and the best accuracy of all."""
    gain = 2**0.5 if act == "relu" else 1.0
    nets = models.DigitsStack(len(GRID), depth, act, batchnorm, gain=gain, seed=seed, alike=True).train(GRID, 80, seed=seed)
    reached = np.nan_to_num(nets.accuracy(torch.arange(512)))
    limits = {f"{share:.0%}": max([lr for lr, v in zip(GRID, reached, strict=True) if v > share], default=0.0) for share in (0.9, 0.95)}
    return limits | {"best": float(reached.max())}


family = settings(act="relu", depth=[1, 2, 4, 6], seed=range(5)) + settings(act="tanh", depth=[1, 2, 4, 6], seed=range(5))
limits = evidence("batchnorm_rates", largest_rates, [{**each, "batchnorm": flag} for each in family for flag in (False, True)], sample=1)


def takes_twice_the_rate(act, depth, seed):
    with_bn, without = (limits(act=act, depth=depth, batchnorm=flag, seed=seed) for flag in (True, False))
    return tuple(with_bn[share] >= 2 * without[share] for share in ("90%", "95%"))


# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True, layout="constrained")
for ax, act, name in zip(axes, ("relu", "tanh"), ("ReLU: a higher limit with batch norm", "tanh: no gain when shallow, some when deep"), strict=True):
    for flag, method in ((False, "no batch norm"), (True, "batch norm")):
        values = np.array([[limits(act=act, depth=d, batchnorm=flag, seed=s)["90%"] for s in range(5)] for d in (1, 2, 4, 6)])
        ax.semilogy([1, 2, 4, 6], np.median(values, axis=1), "o-", color=plots.color(method), label=method, base=2)
        ax.fill_between([1, 2, 4, 6], values.min(1), values.max(1), color=plots.color(method), alpha=0.2, linewidth=0)
    ax.set(title=name, xlabel="hidden layers")
axes[0].set(ylabel="largest learning rate (90 %)")
axes[0].legend()
plt.show()

# %%
trial(
    "batch norm allows larger learning rates in ReLU nets: at least twice as large",
    takes_twice_the_rate,
    over=settings(act="relu", depth=[1, 2, 4, 6], seed=range(5)),
    published=[published("Ioffe & Szegedy 2015, §4.2 (Inception, ImageNet)", "trains at 5 and 30 times the learning rate with batch norm; at 5 times without it the parameters overflow", holds=True)],
    control=dict(act="tanh", depth=1, seed=0),
    expect="holds",
)


# %% [markdown]
# For ReLU it held at every depth and for every seed at the 90 % threshold; at 95 % our test does not decide.
# In the paper's runs at 5 and 30 times the rate, batch norm was not the only change: §4.2.1 also removes dropout and divides the weight decay by 5, among other things.
# For tanh, which is bounded, one or two layers gain nothing; with four and six layers the median doubles, but the seeds overlap.
# And a larger permitted rate is not yet a better result.
#
# ### "Batch norm cures vanishing gradients"
#
# At initialisation, in nets that saturate: is the first layer's gradient at least a tenth of the last layer's? (Second threshold: a third.)

# %%
def survives(act, depth, seed, batchnorm=True, n=256):
    norms = gradient_norms(act, depth, batchnorm=batchnorm, seed=seed, n=n)
    return norms[0] / norms[-1] > 1 / 10, norms[0] / norms[-1] > 1 / 3


trial(
    "batch norm cures vanishing gradients in saturating nets",
    survives,
    over=settings(act=["sigmoid", "tanh"], depth=[5, 10, 20], seed=range(3)),
    control=dict(act="sigmoid", depth=20, seed=0, batchnorm=False),
    expect="holds",
)


# %% [markdown]
# ### "… and exploding ones"
#
# The opposite question for plain ReLU nets of twenty layers and more: is the first layer's gradient at most ten times the last layer's? (Second threshold: twenty times.)

# %%
def stays_small(depth, n, seed):
    norms = gradient_norms("relu", depth, n=n, seed=seed)
    return norms[0] / norms[-1] < 10, norms[0] / norms[-1] < 20


trial(
    "batch norm prevents exploding gradients in deep plain ReLU nets",
    stays_small,
    over=settings(depth=[20, 30, 40], n=[16, 64, 256], seed=range(2)),
    published=[published("Yang et al. 2019, abstract", "gradients grow exponentially with depth; tuning the initial weight variances cannot prevent it", holds=False)],
    control=dict(depth=4, n=256, seed=0),
    expect="does not hold",
)


# %% [markdown]
# Say: *"It keeps saturating nets alive. In a very deep plain ReLU net each batch norm multiplies the gradient by about 1.2, more with small batches; shortcuts avoid that."*

# %% [markdown] tags=["deeper"]
# ### Deeper: "the real reason is a smoother loss landscape"
#
# That is what Santurkar et al. put in the place of covariate shift. Smooth means that the gradient still holds where the step ends.
# We walk along the negative gradient and ask after which *distance* the gradient has changed by half of its length.
# (The distance, and not the step size: a net with smaller gradients would otherwise look smoother.)

# %% tags=["deeper"]
def trusted_distance(act, depth, batchnorm, seed):
    """How far one can walk down the gradient, on 512 digits after 30 steps of training, until it has changed by a half."""
    nets = models.DigitsStack(1, depth, act, batchnorm, gain=2**0.5 if act == "relu" else 1.0, seed=seed)
    nets.train(0.1, 30, seed=seed)
    x, y, _ = models.standard_digits()
    params = nets.parameters()

    def gradient():
        return torch.autograd.grad(nets.losses(nets.forward(x[:512][None]), y[:512]).sum(), params)

    start = gradient()
    length = torch.cat([g.flatten() for g in start]).norm()
    walked = 0.0
    for distance in 2.0 ** np.arange(-9, 4, 0.25):
        with torch.no_grad():
            for param, g in zip(params, start, strict=True):
                param -= (distance - walked) / length * g
        walked = distance
        change = torch.cat([(b - a).flatten() for a, b in zip(start, gradient(), strict=True)]).norm() / length
        if change > 0.5:
            return float(distance)
    return float(distance)


grid = settings(act=["relu", "tanh"], depth=[2, 4, 6], batchnorm=[False, True], seed=range(6))
trusted = evidence("batchnorm_smoothness", trusted_distance, grid, sample=1)


def is_smoother(act, depth, seed):
    ratio = trusted(act=act, depth=depth, batchnorm=True, seed=seed) / trusted(act=act, depth=depth, batchnorm=False, seed=seed)
    return ratio > 1, ratio > 1.5


trial(
    "batch norm makes the landscape smoother: the gradient holds over a longer distance",
    is_smoother,
    over=settings(act=["relu", "tanh"], depth=[2, 6], seed=range(3)),
    held_out=settings(act=["relu", "tanh"], depth=[2, 4, 6], seed=range(3, 6)),
    only_if=("the activation is ReLU, of the two tried", lambda act: act == "relu"),
    expect="holds only if the activation is ReLU, of the two tried",
)


# %% [markdown] tags=["deeper"]
# In ReLU nets the distance was 1.7 to 8 times as long. In the tanh nets, which were well initialised, it was shorter with batch norm, each time.
# Say: *"In ReLU nets the gradient becomes more predictable. Whether that is why training is faster is debated."*

# %% [markdown] tags=["deeper"]
# ### Deeper: "batch norm regularises"
#
# The noise of small batches is said to be the reason. To see it alone, take everything else away:
# 100 training digits, *full-batch* gradient descent without any SGD noise, and batch norm with statistics from groups of 5 to 50 samples or from all 100.
# Twelve runs with their own digits, 100 steps of gradient descent, 2 × 48 ReLU units, three learning rates.
# "Regularises" means a better test accuracy than without batch norm at the same rate, by two standard errors (second threshold: one).

# %% tags=["deeper"]
def accuracy_of_groups(group, lr):
    """Test accuracies of twelve runs, statistics within groups of `group` (0: no batch norm): {"0": …, …, "11": …}."""
    x, y, n_train = models.standard_digits()
    rng = torch.Generator().manual_seed(3)
    own = torch.stack([torch.randperm(n_train, generator=rng)[:100] for _ in range(12)])
    nets = models.DigitsStack(12, 2, "relu", group > 0, width=48, gain=2**0.5)
    nets.train(lr, 100, batch=100, samples=own, group=group)
    rows = torch.cat([own, torch.arange(n_train, len(x)).expand(12, -1)], 1)  # statistics: those of the run's own digits
    with torch.no_grad():
        right = nets.forward(x[rows], rows=100)[:, 100:].argmax(2) == y[rows][:, 100:]
    return {str(run): float(share) for run, share in enumerate(right.double().mean(1))}


sizes_and_rates = settings(group=[0, 5, 10, 20, 50, 100], lr=[0.1, 0.2, 0.3])
groups = evidence("batchnorm_groups", accuracy_of_groups, sizes_and_rates, sample=1)


def lead_over(group, other, lr):
    """(mean, standard error) of the accuracy with groups of `group` minus that with groups of `other`."""
    gain = np.subtract(*[list(groups(group=g, lr=lr).values()) for g in (group, other)])
    return gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))


# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
for lr, tint in zip((0.1, 0.2, 0.3), ("batch norm", "group norm", "layer norm"), strict=True):
    leads = np.array([lead_over(group, 0, lr) for group in (5, 10, 20, 50, 100)])
    ax.errorbar([5, 10, 20, 50, 100], 100 * leads[:, 0], 200 * leads[:, 1], marker="o", capsize=4, color=plots.color(tint), label=f"learning rate {lr}")
ax.axhline(0, color="0.5", linestyle=":")
ax.set(xscale="log", xlabel="samples that share their statistics", ylabel="points above no batch norm",
       title="Small groups are better than large ones, and little better than none")
ax.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
ax.minorticks_off()
ax.legend()
plt.show()


# %% tags=["deeper"]
def regularises(group, lr):
    mean, error = lead_over(group, 0, lr)
    return bool(mean > 2 * error), bool(mean > error)


trial(
    "batch norm regularises",
    regularises,
    over=settings(group=[5, 10, 20, 50, 100], lr=[0.1, 0.2, 0.3]),
    expect="not decided here",
)

# %% [markdown] tags=["deeper"]
# The noise itself helps: groups of 5 are two to three points above groups of 100.
# But in this toy the normalisation over all 100 samples is about two points *below* the plain net. In sum groups of 5 end between 0.2 and 1.4 points above it.
# Bjorck et al. (2018) see the generalisation gain of real nets in the larger learning rates.
# Say: *"Its noise regularises, less the larger the batch. Whether it replaces other regularisation, I would measure."*

# %% [markdown]
# ## Answer in 30 seconds
#
# "Batch norm standardises each feature over the batch, then applies a learnt scale γ and shift β, 2C numbers; running mean and variance are only buffers.
# It resets the signal's scale in every layer and makes the loss insensitive to the weights' scale, and ReLU nets take larger learning rates.
# γ and β keep the layer as expressive as before.
# The first explanation, covariate shift, is disputed. Shall I say why?"
#
# ### 三十秒回答
#
# "BN 先在 batch 内对每个特征做标准化,再用 γ、β 缩放和平移。
# 可学习的只有 γ、β,共 2C 个参数;滑动均值和滑动方差只是 buffer。
# 它让每层信号的尺度保持稳定,损失对权重的尺度不敏感;ReLU 网络可以用更大的学习率。
# γ、β 保证表达能力不下降。最初的解释是减少内部协变量偏移,但这一点有争议,要我展开讲讲吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - **What it is.** A layer, not a preprocessing step: mean and variance come from the batch, and the gradient flows through them.
# - **What is learnt.** γ and β, C each. Buffers: running mean, running variance, and in torch a counter. Momentum and ε are set by hand.
# - **What it does, measured.** In ten tanh layers the activations die or saturate without it, depending on the scale of the weights; with it they stay at 0.63.
#   In our test ReLU nets take at least twice the learning rate (to reach 90 % on training digits).
# - **One mechanism to derive.** BN(aWx) = BN(Wx) for a > 0 and small ε, so the gradient goes like 1/a and is orthogonal to W.
#   Steps that are too large lengthen W and so shorten the next ones. Weight decay sets the effective learning rate, and in equilibrium the direction turns by √(2ηλ) per step.
# - **Why γ and β.** Fixed at mean 0 and variance 1, a sigmoid is nearly linear. γ = √(σ² + ε), β = μ would undo it all: an argument about what the net *can* express.
# - **Covariate shift.** The paper's explanation. With a shift put back as noise, training stayed fast (VGG on CIFAR-10, 2018). A smoother landscape is the rival explanation, and it is debated too.
# - **Limits.** In very deep plain ReLU nets gradients *grow* by 1.2 per layer, more with small batches. The noise goes as 1/√B. Each output depends on the other samples in the batch, and training differs from inference.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>If it is not covariate shift, why does it work?</summary>
#
# Say what is measured: at initialisation the signal keeps its scale from layer to layer, and in saturating nets the gradient does, too; in ReLU nets the gradient holds over a longer distance; the scale of the weights drops out, so the step size regulates itself; small batches add noise.
# None of the four is the whole story, and their shares depend on the net.
# Nets without any normalisation can reach the same accuracy with careful scaling and clipped gradients (Brock et al. 2021), so it can be replaced.
#
# </details>
#
# <details><summary>Which parameters do you exclude from weight decay?</summary>
#
# γ and β (Goyal et al. 2017), and usually the biases too (T. He et al. 2019): few numbers, little to overfit with, and a decayed γ shrinks the signal.
# In code: parameters of one dimension go into a group with `weight_decay=0`.
# Decay on the weights *before* batch norm does matter, through the effective learning rate.
#
# </details>
#
# <details><summary>When can γ be dropped? And β?</summary>
#
# γ: before ReLU and a linear layer, because $\mathrm{relu}(\gamma\hat x+\beta)=\gamma\,\mathrm{relu}(\hat x+\beta/\gamma)$ for γ > 0 and the next weights can take the factor over. Keras says so in the documentation of `scale`; TF-slim's Inception v3 has β only. Before a sigmoid γ is needed.
# β moves the kink of the ReLU, and nothing behind it can do that. What is superfluous is the bias of the layer *before* (question 19).
#
# </details>
#
# <details><summary>Why is γ of the last batch norm in a residual block sometimes initialised to 0?</summary>
#
# Then every block starts as the identity, and the net starts shallow. Goyal et al. (2017) do it for large batches.
# γ gets a gradient all the same: $\sum_i g_i\hat x_i$ does not contain γ.
#
# </details>
#
# <details><summary>Is BN(aWx) = BN(Wx) exact?</summary>
#
# For a > 0 and ε = 0. A negative factor turns the sign, and with ε > 0 scaling the weights by a is scaling ε by 1/a².
# With weights of ordinary size nobody sees it; for weights so small that aσ is below √ε the feature is damped.
#
# </details>
#
# <details><summary>Can it replace dropout?</summary>
#
# The paper says that dropout can be "removed or reduced in strength" (§3.4).
# In the public caffenet-benchmark (single runs, ImageNet at 128 pixels) CaffeNet with batch norm after ReLU reached 49.9, 52.7 and 51.3 % with dropout 0.5, 0.2 and 0: reduced was best.
# Both together are question 46.
#
# </details>
#
# <details><summary>What is ghost batch norm?</summary>
#
# Statistics over small groups inside a large batch, for example 128 of 4096 (Hoffer et al. 2017; sizes from memory). It keeps the noise of the small batch.
# Training on many GPUs without synchronised batch norm does the same by itself.
#
# </details>
#
# <details><summary>Why should ReLU nets need it? They do not saturate.</summary>
#
# Only on the negative half, so the saturation story is mostly not theirs. With He's initialisation a plain ReLU net trains, at a smaller learning rate and with the right scale of the weights.
# With batch norm both choices matter less.
#
# </details>
#
# <details><summary>Does it blur the differences between samples?</summary>
#
# Not by normalising: within a batch an affine map keeps order and relative distances of each feature.
# What is true is that a sample's output depends on the other samples. That is noise when they are random, and a leak of information when they are not (question 17).
#
# </details>
#
# <details><summary>Is the larger learning rate not an illusion, if only η/‖w‖² counts?</summary>
#
# Partly. The nominal η of the two nets cannot be compared one to one, because the norms differ and grow.
# But it is real that the step regulates itself: a step that is too long lengthens $w$, and this shortens the next step. The plain net has no such brake.
#
# </details>
#
# <details><summary>And layer norm, group norm, RMS norm?</summary>
#
# They take the statistics within one sample, so there is no batch noise and no difference at inference. Question 44 writes and compares them.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The mean and the variance are learnable." They are computed; the running ones are buffers.
# - "γ and β restore the original data", as if training did that. They can; it does not.
# - "It solves covariate shift, and that is why it works", without a doubt and without an experiment.
# - "It prevents exploding gradients." In deep plain ReLU nets it causes them, at initialisation.
# - "It replaces dropout", whatever the batch size.
# - "L2 keeps the weights before batch norm small, so the function is simple." The function does not depend on their size.
# - "It is a preprocessing step that makes the data N(0, 1)." It fixes two moments of each feature, in the middle of the net, and γ, β move them again.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. §3: γ, β and the identity; §3.3: learning rates and scale invariance; §4.1, figure 1; §4.2: larger rates.
# - S. Santurkar, D. Tsipras, A. Ilyas, A. Mądry. *How Does Batch Normalization Help Optimization?* NeurIPS 2018: noise after batch norm (§2.1; section number from memory), and the smoother landscape.
# - J. Bjorck, C. Gomes, B. Selman, K. Weinberger. *Understanding Batch Normalization.* NeurIPS 2018: larger learning rates as the main benefit.
# - G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. Schoenholz. *A Mean Field Theory of Batch Normalization.* ICLR 2019: exploding gradients, and their dependence on the batch size.
# - T. van Laarhoven. *L2 Regularization versus Batch and Weight Normalization.* 2017: the effective learning rate.
# - R. Wan, Z. Zhu, X. Zhang, J. Sun. *Spherical Motion Dynamics.* NeurIPS 2021: the equilibrium of weight decay, √(2ηλ) per step.
# - Z. Li, S. Arora. *An Exponential Learning Rate Schedule for Deep Learning.* ICLR 2020: weight decay as a growing learning rate.
# - E. Hoffer, I. Hubara, D. Soudry. *Train Longer, Generalize Better.* NeurIPS 2017: ghost batch norm.
# - A. Brock, S. De, S. Smith, K. Simonyan. *High-Performance Large-Scale Image Recognition Without Normalization.* ICML 2021.
# - P. Goyal et al. *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour.* 2017; T. He et al. *Bag of Tricks for Image Classification with Convolutional Neural Networks.* CVPR 2019: no decay on γ and β, nor on biases.
# - Documentation of `torch.nn.BatchNorm2d` (parameters and buffers) and of Keras' `BatchNormalization` (`scale`).
