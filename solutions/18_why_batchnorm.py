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
# - **Effects apart from explanations.** Faster training and larger learning rates are measured; covariate shift is one explanation of them, and a disputed one.
# - **Scale invariance**, and what it does to learning rate and weight decay.
# - **The limits:** noise that depends on the batch size, exploding gradients in very deep plain nets, dependence on the other samples.

# %% [markdown]
# ## The idea
#
# ### What it does to the signal
#
# Take a deep net with tanh. Each layer is $h\leftarrow\tanh(h\,W)$, and $W$ is $(d,d)$ with entries of variance $s^2/d$.
# Let the entries of one sample's $h$ have the mean square $q$. One entry of $h\,W$ is a sum of $d$ terms, so over the draw of $W$ its variance is
#
# $$
# \operatorname{Var}\Big[\sum_{i=1}^d h_i W_{ij}\Big]=\sum_{i=1}^d h_i^2\cdot\frac{s^2}{d}=s^2 q
# $$
#
# - $s<1$: since $|\tanh z|\le|z|$, the new mean square is on average at most $s^2q$. After $L$ layers at most $s^{2L}$ of the first is left: the signal dies.
# - $s\gg1$: nearly all $z$ lie where tanh is flat. The signal is ±1 and the gradient, a product of $1-\tanh^2 z$, dies instead.
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
# The mean and variance *of the batch* are none of these: they are intermediate values, and the gradient flows through them.

# %% [markdown]
# ### Why γ and β: nothing must be lost
#
# Normalising takes something away: every feature is forced to mean 0 and variance 1.
# Is there a pair that gives it back? Ask for $y=x$ for every value $x$ of the feature:
#
# $$
# \gamma\,\frac{x-\mu}{\sqrt{\sigma^2+\varepsilon}}+\beta=x
# \qquad\Longleftrightarrow\qquad
# \Big(\frac{\gamma}{\sqrt{\sigma^2+\varepsilon}}-1\Big)\,x+\Big(\beta-\frac{\gamma\,\mu}{\sqrt{\sigma^2+\varepsilon}}\Big)=0
# $$
#
# A straight line in $x$ that is zero at two points or more has both coefficients zero:
#
# $$
# \gamma=\sqrt{\sigma^2+\varepsilon}
# \qquad\qquad
# \beta=\frac{\gamma\,\mu}{\sqrt{\sigma^2+\varepsilon}}=\mu
# $$
#
# So the layer *can* be the identity (Ioffe & Szegedy 2015, §3): a net with batch norm can express whatever it could before.
# It need not be the identity. The point is that mean and scale become two free numbers per feature,
# instead of a tangle of all the weights below.

# %% [markdown]
# ### Why it is forgiving: the scale of the weights drops out
#
# Put $a\,W$ for $W$, with $a\neq0$. Every feature $x$ of the batch becomes $a\,x$, so $\mu\to a\mu$ and $\sigma^2\to a^2\sigma^2$:
#
# $$
# \frac{a x-a\mu}{\sqrt{a^2\sigma^2+\varepsilon}}
# =\frac{a\,(x-\mu)}{|a|\sqrt{\sigma^2+\varepsilon/a^2}}
# =\operatorname{sign}(a)\,\frac{x-\mu}{\sqrt{\sigma^2+\varepsilon/a^2}}
# $$
#
# Read it as: *scaling the weights by $a$ is scaling ε by $1/a^2$*. With $a>0$ and $\varepsilon=0$ nothing changes at all.
#
# Now let $f(W)$ be the loss, and $f(aW)=f(W)$ for all $a>0$.
#
# - Differentiate both sides with respect to $W$: $a\,\nabla f(aW)=\nabla f(W)$, so $\nabla f(aW)=\frac1a\nabla f(W)$. **Larger weights get smaller gradients.**
# - Differentiate with respect to $a$ at $a=1$: $\langle W,\nabla f(W)\rangle=0$. **The gradient is orthogonal to the weights.**
# - So a step lengthens them (Pythagoras): $\|W-\eta\nabla f\|^2=\|W\|^2+\eta^2\|\nabla f\|^2$.
#   And longer weights take smaller steps. A learning rate that is too large corrects itself.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: what is learnt
#
# Batch norm over `channels` channels, as torch keeps it. Return `(learnable, buffers)`: how many numbers of either kind.


# %%
def batchnorm_parameter_count(channels):
    """channels -> (learnable, buffers), two ints."""
    # BEGIN SOLUTION
    gamma = beta = channels
    running_mean = running_var = channels
    counter = 1
    return gamma + beta, running_mean + running_var + counter
    # END SOLUTION


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
    """mean (D,), var (D,) -> (gamma (D,), beta (D,))."""
    # BEGIN SOLUTION
    gamma = np.sqrt(var + eps)
    beta = mean.copy()
    return gamma, beta
    # END SOLUTION


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
    """x (N, d), weights: list of (d_in, d_out) -> (L,)."""
    # BEGIN SOLUTION
    h, stds = x, []
    for weight in weights:
        z = h @ weight
        if batchnorm:
            z = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
        h = np.tanh(z)
        stds.append(h.std())
    return np.array(stds)
    # END SOLUTION


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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# The check knows far more wrong answers by name than fit here; these are the commonest of exercise 3.

# %% tags=["solution"]
from utils import common_mistakes

known = common_mistakes(activation_stds)
type(known)(known.rows[:13])

# %% [markdown]
# ## Experiments
#
# From "How much of ResNet-50" on they need torch, which the browser does not have.
#
# ### Does the signal survive ten layers?
#
# Ten tanh layers of width 100, weights of standard deviation $s/\sqrt{100}$. Your function measures the activations.
# Which of the curves for $s=\frac12,1,4$ will batch norm bring together?

# %%
rng = np.random.default_rng(0)
x = rng.normal(size=(500, 100))
unit_weights = [rng.normal(size=(100, 100)) / np.sqrt(100) for _ in range(10)]
scales = {0.5: "s = ½: dies", 1.0: "s = 1: fades", 4.0: "s = 4: saturates"}
stds = {s: [activation_stds(x, [s * w for w in unit_weights], batchnorm=flag) for flag in (False, True)] for s in scales}

# %% tags=["nbval-ignore-output"]
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

# %%
nodes, heights = np.polynomial.hermite_e.hermegauss(80)  # E[f(z)] for z ~ N(0, 1) is a weighted sum
gauss = heights / heights.sum()
theory = np.sqrt(gauss @ np.tanh(nodes) ** 2)
print(f"standard deviation of tanh(z) for z ~ N(0, 1): {theory:.3f}")
print(f"measured in layer 10, s = ½, 1, 4:             {', '.join(f'{stds[s][1][-1]:.3f}' for s in scales)}")

# %% [markdown]
# **Takeaway.** Without batch norm the depth takes the $L$-th power of every slip in the scale.
# (1 would mean that all entries are +1 or −1.)
# With it each layer starts anew at 0.63, whatever $s$ was.
# That is the saturation story. For sigmoid and tanh it is true; ReLU does not saturate and needs other arguments.

# %% [markdown]
# ### What would a sigmoid see without γ and β?
#
# Suppose $\hat x\sim N(0,1)$ and γ = 1, β = 0 for ever. How much of $\sigma(\hat x)$ is more than a straight line?
# Fit the best line and look at what it leaves over, as a share of the variance. Then turn γ up.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def left_over(gamma):
    """The share of the variance of σ(γz), z ~ N(0, 1), that no straight line explains."""
    y = sigmoid(gamma * nodes) - 0.5
    slope = gauss @ (y * nodes)  # least squares; the mean of y is 0
    return 1 - slope**2 / (gauss @ y**2)


print(f"γ = 1: {left_over(1):.2%} of σ(x̂) is not a straight line.  γ = 4: {left_over(4):.1%}")

# %% tags=["nbval-ignore-output"]
z = np.linspace(-6, 6, 241)
gammas = np.geomspace(0.25, 16, 25)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].plot(z, sigmoid(z), color="0.2", label="sigmoid")
axes[0].plot(z, 0.5 + z * (gauss @ ((sigmoid(nodes) - 0.5) * nodes)), "--", color=plots.color("wrong"), label="best line for $N(0,1)$")
axes[0].fill_between(z, 0, np.exp(-(z**2) / 2) / 2.5, color=plots.color("batch norm"), alpha=0.25, linewidth=0, label="where $\\hat x$ lies")
axes[0].set(ylim=(0, 1.02), xlabel="input of the sigmoid", ylabel="output", title="Normalised inputs use the middle only")
axes[0].legend(loc="upper left", fontsize=8.5)
axes[1].semilogx(gammas, [100 * left_over(g) for g in gammas], "o-", markersize=4, color=plots.color("batch norm"), base=2)
axes[1].axvline(1, color="0.5", linestyle=":")
axes[1].annotate("γ fixed at 1", (1, 12), xytext=(-6, 0), textcoords="offset points", ha="right", color="0.35")
axes[1].set(xlabel="γ", ylabel="% of variance that is not linear", title="γ is the knob for non-linearity")
plt.show()

# %% [markdown]
# **Takeaway.** A sigmoid fed with standardised values is nearly a straight line, and a stack of straight lines is one straight line.
# With γ the net chooses how curved each unit is, and with β where on the curve it sits.

# %% [markdown]
# ### One sample, many batches: how noisy is its output?
#
# In training a sample's output depends on its mates. Take one feature with population mean μ and deviation σ.
# Let our sample be $x=\mu+\sigma z$ and its $B$ mates $\mu+\sigma e_i$, independent, with $E[e]=0$ and $E[e^2]=1$.
# (The sample's own share of the statistics is $1/B$ of them; leave it out.)
# Write the batch's mean as $\mu+\sigma\delta_m$ and its deviation as $\sigma(1+\delta_s)$. To first order
#
# $$
# \hat x=\frac{\sigma z-\sigma\delta_m}{\sigma(1+\delta_s)}\approx(z-\delta_m)(1-\delta_s)\approx z-\delta_m-z\,\delta_s
# $$
#
# $$
# \delta_m=\frac1B\sum_i e_i
# \qquad
# 1+\delta_s=\sqrt{\frac1B\sum_i e_i^2-\delta_m^2}\approx1+\frac1{2B}\sum_i(e_i^2-1)
# $$
#
# because $\sqrt{1+u}\approx1+u/2$, and $\delta_m^2$ is of second order. With $E[e^3]=\rho$ and $E[e^4]=\kappa$:
#
# $$
# \operatorname{Var}\delta_m=\frac1B
# \qquad
# \operatorname{Cov}[\delta_m,\delta_s]=\frac{E[e(e^2-1)]}{2B}=\frac{\rho}{2B}
# \qquad
# \operatorname{Var}\delta_s=\frac{E[(e^2-1)^2]}{4B}=\frac{\kappa-1}{4B}
# $$
#
# $$
# \operatorname{Var}\hat x\approx\operatorname{Var}\delta_m+2z\operatorname{Cov}[\delta_m,\delta_s]+z^2\operatorname{Var}\delta_s
# =\frac1B\Big(1+z\,\rho+z^2\,\frac{\kappa-1}4\Big)
# $$
#
# For a Gaussian ($\rho=0$, $\kappa=3$) that is $(1+z^2/2)/B$.
# Does it hold for digits? One digit goes through a random layer and batch norm, again and again, with new mates each time.

# %%
x_train, y_train, x_test, y_test = data.digits()
features = x_train @ rng.normal(size=(64, 50))
e = (features - features.mean(axis=0)) / features.std(axis=0)
place = e[0]  # the first digit's z
sizes = 2 ** np.arange(1, 9)


def outputs_of_first(size, repeats=300):
    """The normalised features of sample 0 in `repeats` batches of `size`, the others drawn at random."""
    out = []
    for _ in range(repeats):
        batch = features[np.append(0, rng.integers(1, len(features), size - 1))]
        out.append((batch[0] - batch.mean(axis=0)) / np.sqrt(batch.var(axis=0) + 1e-5))
    return np.array(out)


noise = np.array([np.sqrt(outputs_of_first(size).var(axis=0).mean()) for size in sizes])
factor = 1 + place * (e**3).mean(axis=0) + place**2 * ((e**4).mean(axis=0) - 1) / 4
predicted = np.sqrt(factor.mean() / sizes)
slope = np.polyfit(np.log(sizes[3:]), np.log(noise[3:]), 1)[0]
print(f"from B = 16 on the noise falls like B to the power {slope:.1f}")

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.loglog(sizes, predicted, "--", color="0.4", label="theory", base=2)
ax.loglog(sizes, noise, "o", color=plots.color("batch norm"), label="measured", base=2)
ax.set(xlabel="batch size B", ylabel="std of one sample's output", title="Batch norm's noise fades like 1/√B")
ax.legend()
plt.show()

# %% [markdown]
# **Takeaway.** The regularising noise is as large as you make the batch small. With 256 mates there is next to none.
# (At B = 2 theory fails: $\hat x$ is then +1 or −1, whatever the values.)

# %% [markdown]
# ### What does weight decay do to weights whose size does not matter?
#
# Let $f$ be scale-invariant: $f(aw)=f(w)$. Train with decay, $w_{t+1}=(1-\eta\lambda)\,w_t-\eta\nabla f(w_t)$.
# Write $w_t=\alpha_t v_t$ with $\alpha_t=(1-\eta\lambda)^t$. Since $\nabla f(w_t)=\nabla f(v_t)/\alpha_t$ and $(1-\eta\lambda)\alpha_t=\alpha_{t+1}$,
#
# $$
# \alpha_{t+1}v_{t+1}=(1-\eta\lambda)\,\alpha_t v_t-\frac{\eta}{\alpha_t}\nabla f(v_t)
# \quad\Longrightarrow\quad
# v_{t+1}=v_t-\frac{\eta}{\alpha_t\,\alpha_{t+1}}\nabla f(v_t)=v_t-\frac{\eta}{(1-\eta\lambda)^{2t+1}}\nabla f(v_t)
# $$
#
# And $f(w_t)=f(v_t)$. So weight decay *is* a learning rate that grows exponentially (Li & Arora 2020 prove it with momentum too).
# As far as the function goes, nothing was made small. Test it: a linear classifier of digits whose ten logits are batch-normalised, with ε = 0.

# %%
pixels, labels = x_train[:300], y_train[:300]
onehot = np.eye(10)[labels]


def loss_and_gradient(w):
    """Mean cross-entropy of the logits 3·BN(pixels·w), and its gradient."""
    z = pixels @ w
    deviation = z.std(axis=0)
    xhat = (z - z.mean(axis=0)) / deviation
    odds = np.exp(3 * xhat)
    p = odds / odds.sum(axis=1, keepdims=True)
    d = 3 * (p - onehot) / len(z)
    dz = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / deviation
    return -np.log(p[np.arange(len(z)), labels]).mean(), pixels.T @ dz


def descend(rate, decay, n_steps=400):
    """Losses, and rate/‖w‖² (of the first logit's weights), under w ← (1 − rate·decay)·w − rate·gradient."""
    w, losses, effective = start, [], []
    for t in range(n_steps):
        loss, gradient = loss_and_gradient(w)
        losses.append(loss)
        effective.append(rate(t) / np.sum(w[:, 0] ** 2))
        w = (1 - rate(t) * decay) * w - rate(t) * gradient
    return np.array(losses), np.array(effective)


# %%
start = np.random.default_rng(1).normal(size=(64, 10))
lr, decay = 0.5, 0.008
runs = {
    "weight decay": descend(lambda t: lr, decay),
    "growing learning rate": descend(lambda t: lr / (1 - lr * decay) ** (2 * t + 1), 0.0),
    "neither": descend(lambda t: lr, 0.0),
}
gap = np.max(np.abs(runs["weight decay"][0] - runs["growing learning rate"][0]))
print("weight decay and growing rate draw the same loss curve, to 1e-9:", bool(gap < 1e-9))
print(f"the growing rate has grown {(1 - lr * decay) ** -(2 * 399):.1f}-fold by then")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
styles = {"weight decay": dict(color=plots.color("batch norm"), linewidth=4, alpha=0.45),
          "growing learning rate": dict(color=plots.color("wrong"), linestyle="--"), "neither": dict(color="black")}
for name, (losses, effective) in runs.items():
    axes[0].plot(losses, label=name, **styles[name])
    axes[1].semilogy(effective, label=name, **styles[name])
axes[0].set(xlabel="step", ylabel="loss", title="Same curve, with and without decay")
axes[1].set(xlabel="step", ylabel="effective learning rate η/‖w‖²", title="… because decay raises the effective rate")
axes[0].legend()
plt.show()

# %% [markdown]
# **Takeaway.** On weights before batch norm, L2 is no pull towards simple functions: it is a way to set the learning rate.
# What counts is $\eta/\|w\|^2$: the direction $u=w/\|w\|$ moves by $\eta\,\nabla f(w)/\|w\|=\eta/\|w\|^2\cdot\nabla f(u)$.

# %% [markdown]
# ### Dropout before batch norm: what changes at test time?
#
# Inverted dropout keeps a value with probability $p$ and divides it by $p$; at test time it does nothing. The mean stays $\mu$. The variance does not:
#
# $$
# \operatorname{Var}\Big[\frac{m x}{p}\Big]=\frac{E[m^2]\,E[x^2]}{p^2}-\mu^2=\frac{p\,(\sigma^2+\mu^2)}{p^2}-\mu^2=\frac{\sigma^2+\mu^2}{p}-\mu^2
# \qquad(m\in\{0,1\},\;E[m^2]=p)
# $$
#
# For $\mu=\sigma=1$ and $p=\frac12$ that is 3. Batch norm stores the 3 and meets a 1.

# %%
rng = np.random.default_rng(2)
ones = rng.normal(1, 1, size=200_000)
kept = ones * (rng.random(ones.size) < 0.5) / 0.5
at_test = (ones - kept.mean()) / np.sqrt(kept.var() + 1e-5)
print(f"variance seen in training {kept.var():.1f}, at test time {ones.var():.1f}")
print(f"std after batch norm in training 1.00, at test time {at_test.std():.2f}, and no layer behind it was trained for that")

# %% [markdown]
# **Takeaway.** This is the *variance shift* of Li et al. (CVPR 2019). Put dropout behind the last batch norm, or keep its rate small.

# %% [markdown]
# ### When is γ superfluous?
#
# ReLU lets a positive factor through: $\mathrm{relu}(\gamma\hat x+\beta)=\gamma\,\mathrm{relu}(\hat x+\beta/\gamma)$ for $\gamma>0$.
# If a linear layer follows, its weights can take γ over.

# %%
xhat, gamma, beta = rng.normal(size=(50, 6)), rng.uniform(0.5, 2, 6), rng.normal(size=6)
after = rng.normal(size=(6, 3))
for name, act in {"relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid}.items():
    with_gamma = act(gamma * xhat + beta) @ after
    without = act(xhat + beta / gamma) @ (gamma[:, None] * after)
    print(f"{name:8} γ moved into the next layer, same output: {np.allclose(with_gamma, without)}")

# %% [markdown]
# **Takeaway.** Between batch norm and ReLU + linear, γ adds nothing that the next weights could not do (β does).
# Keras says so in the documentation of `scale`. Before a sigmoid γ is needed.

# %% [markdown]
# ### How much of ResNet-50 is batch norm?
#
# It has 53 such layers. Your count says what they hold. Guess the share of all learnable numbers first.

# %%
import torch

from utils import models

torch.set_num_threads(1)
with torch.device("meta"):  # shapes without memory
    resnet = models.build("resnet50")
widths = [layer.num_features for layer in resnet.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
counts = np.array([batchnorm_parameter_count(width) for width in widths])
everything = sum(p.numel() for p in resnet.parameters())
print(f"{len(widths)} layers, {counts[:, 0].sum():,} learnable of {everything:,}: {counts[:, 0].sum() / everything:.2%}")
print(f"buffers by your count: {counts[:, 1].sum():,}; buffers of the whole net: {sum(b.numel() for b in resnet.buffers()):,}")

# %% [markdown]
# **Takeaway.** Two in a thousand. Batch norm's price is not parameters; it is memory traffic, and the tie between samples.

# %% [markdown]
# ### A small laboratory
#
# For the trials, many small nets train at once on 8×8 digits, stacked along a first axis: one net per seed, learning rate or noise level.
# The pixels are standardised, so that batch norm gets no credit for what the data's owner should have done.


# %%
split = len(x_train)
spread = np.maximum(x_train.std(axis=0), 0.1)  # some pixels are always black
X = torch.tensor((np.vstack([x_train, x_test]) - x_train.mean(axis=0)) / spread, dtype=torch.float32)
Y = torch.tensor(np.concatenate([y_train, y_test]))
relu = torch.relu


def make_nets(n, depth, width=32, gain=1.0, seed=0):
    """n nets of `depth` hidden layers; the weights W have standard deviation gain/√(inputs)."""
    rng = torch.Generator().manual_seed(seed)
    sizes = [64] + depth * [width] + [10]
    gain = torch.as_tensor(gain, dtype=torch.float32).expand(n).reshape(n, 1, 1)
    return {
        "W": [gain * torch.randn(n, a, b, generator=rng) / a**0.5 for a, b in pairwise(sizes)],
        "gamma": [torch.ones(n, 1, width) for _ in range(depth)],
        "beta": [torch.zeros(n, 1, width) for _ in range(depth)],
    }


def normalise(z, rows=None, group=None):
    """z (n, N, d) with the statistics of its first `rows` samples (all), or of groups of `group` samples."""
    if group:
        return normalise(z.reshape(-1, group, z.shape[2])).reshape(z.shape)
    var, mean = torch.var_mean(z[:, :rows], 1, correction=0, keepdim=True)
    return (z - mean) * torch.rsqrt(var + 1e-5)


# %%
def forward(nets, h, act, batchnorm, *, noise=0, drop=0, rng=None, seen=None, rows=None, group=None):
    """Logits (n, N, 10) of h (n, N, 64). `seen` collects what the activations get to see."""
    for w, gamma, beta in zip(nets["W"], nets["gamma"], nets["beta"], strict=False):
        z = h @ w
        z = gamma * normalise(z, rows, group) + beta if batchnorm else z + beta
        if torch.is_tensor(noise):  # (n, 1, 1): a fresh scale and shift for every unit, at every step
            scale, shift = noise * torch.randn(2, len(z), 1, z.shape[2], generator=rng)
            z = z * (1 + scale) + shift
        if seen is not None:
            seen.append(z.detach())
        h = act(z)
        if drop:
            h = h * (torch.rand(h.shape, generator=rng) >= drop) / (1 - drop)
    return h @ nets["W"][-1]


def losses_of(logits, targets):
    """The mean cross-entropy of each net."""
    n = len(logits)
    each = torch.nn.functional.cross_entropy(logits.reshape(-1, 10), targets.reshape(-1), reduction="none")
    return each.reshape(n, -1).mean(1)


def parameters(nets, batchnorm):
    return [p.requires_grad_() for key in ("W", "beta", *(["gamma"] if batchnorm else [])) for p in nets[key]]


# %%
def train(nets, act, batchnorm, lr, n_steps, batch=64, samples=None, seed=1, watch=None, **how):
    """Plain SGD; `samples` (n, m): the training digits of each net (all), `lr`: one number, or one for each net."""
    n, params = len(nets["W"][0]), parameters(nets, batchnorm)
    lr = torch.as_tensor(lr, dtype=torch.float32).expand(n).reshape(n, 1, 1)
    rng = torch.Generator().manual_seed(seed)
    for step in range(n_steps):
        if samples is None:
            rows = torch.randint(0, split, (n, batch), generator=rng)
        else:
            rows = samples.gather(1, torch.rand(samples.shape, generator=rng).argsort(1)[:, :batch])
        loss = losses_of(forward(nets, X[rows], act, batchnorm, rng=rng, **how), Y[rows])
        gradients = torch.autograd.grad(loss.sum(), params)
        with torch.no_grad():
            for param, gradient in zip(params, gradients, strict=True):
                param -= lr * gradient
            if watch:
                watch(step)
    return nets


def accuracy(nets, act, batchnorm, rows, **how):
    """The share of right answers of each net on the digits `rows`, normalised by their own statistics."""
    with torch.no_grad():
        right = forward(nets, X[rows].expand(len(nets["W"][0]), -1, -1), act, batchnorm, **how).argmax(2) == Y[rows]
    return right.float().mean(1).numpy()


def gain_over(a, b):
    """Mean of a − b over the seeds, and its standard error."""
    difference = np.asarray(a) - np.asarray(b)
    return difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))


# %% [markdown]
# ## Folklore on trial
#
# ### "Batch norm works because it removes internal covariate shift"
#
# Internal covariate shift: the inputs of a layer change their distribution while the layers below learn.
# If its removal were the reason, putting the shift back should take the gain away.
# So, after every batch norm, add a fresh random scale and shift to each unit at each step (after Santurkar et al. 2018).
# *Shift* is measured on fixed digits: how much mean and deviation of the inputs of all units change in ten steps.

# %%
probe = torch.arange(256)
levels, seeds = (0.0, 0.1, 0.2, 0.4), 6


def shift_and_accuracy(act, gain, lr, noises=None):
    """(mean shift, accuracy after training), each (n,); `noises`: the noise of each net after batch norm, None without it."""
    n = seeds if noises is None else len(noises)
    nets = make_nets(n, 6, gain=gain)
    for key in nets:  # all levels start from the same weights
        nets[key] = [p[:seeds].repeat(n // seeds, 1, 1) for p in nets[key]]
    noise = 0 if noises is None else torch.tensor(noises, dtype=torch.float32).reshape(n, 1, 1)
    rng, moments = torch.Generator().manual_seed(2), []

    def watch(step):
        if step % 10 == 9:
            seen = []
            watch.accuracy = accuracy(nets, act, noises is not None, probe, noise=noise, rng=rng, seen=seen)
            moments.append(torch.stack([torch.cat([z.mean(1), z.std(1)], 1) for z in seen]))

    train(nets, act, noises is not None, lr, 80, noise=noise, watch=watch)
    shift = torch.stack([(b - a).abs().mean((0, 2)) for a, b in pairwise(moments)]).mean(0)
    return shift.numpy(), watch.accuracy


# %%
kinds = {
    "sigmoid": (torch.sigmoid, 1.0, 0.5),
    "ReLU, small weights": (relu, 3**-0.5, 0.2),  # torch.nn.Linear's own initialisation has this variance
    "tanh": (torch.tanh, 1.0, 0.05),
    "ReLU, He weights": (relu, 2**0.5, 0.05),
}
shifts = {}
for name, kind in kinds.items():
    plain = shift_and_accuracy(*kind)
    noisy = shift_and_accuracy(*kind, noises=np.repeat(levels, seeds))
    shifts[name] = (*plain, *(values.reshape(len(levels), seeds) for values in noisy))

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 4, figsize=(9.5, 3.4), sharey=True, sharex=True, layout="constrained")
for ax, (name, (shift, acc, noisy_shift, noisy_acc)) in zip(axes, shifts.items(), strict=True):
    ax.semilogx(noisy_shift.mean(1), noisy_acc.mean(1), "--", color=plots.color("noisy batch norm"), linewidth=1)
    for k, tint in enumerate(["batch norm"] + ["noisy batch norm"] * 3):
        ax.errorbar(noisy_shift[k].mean(), noisy_acc[k].mean(), noisy_acc[k].std(), fmt="o", color=plots.color(tint), capsize=3)
    ax.errorbar(shift.mean(), acc.mean(), acc.std(), fmt="*", markersize=13, color=plots.color("no batch norm"), capsize=3)
    ax.set(title=name, xlabel="shift")
    ax.title.set_fontsize(10.5)
axes[0].set(ylabel="training accuracy", ylim=(0, 1.03), xlim=(5e-4, 1))
handles = [plt.Line2D([], [], marker=m, linestyle="none", markersize=s, color=plots.color(c)) for m, s, c in
           [("*", 13, "no batch norm"), ("o", 6, "batch norm"), ("o", 6, "noisy batch norm")]]
fig.legend(handles, ["no batch norm", "batch norm", "batch norm + noise (0.1, 0.2, 0.4)"], loc="outside lower center", ncols=3)
fig.suptitle("The orange dots shift more than the star, and where the star is low they train", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** If shift decided, the points would lie on one falling curve. The plain sigmoid and small-weight nets hardly shift at all, and do not learn.
#
# In the first three panels batch norm gains something over the plain net. There the claim can be tried.
# Take the weakest noise whose shift exceeds the plain net's. Is the gain lost?
# "Lost" means: less than two standard errors are left of it, over six seeds.


# %%
def gain_is_lost(name):
    shift, acc, noisy_shift, noisy_acc = shifts[name]
    level = np.flatnonzero(noisy_shift.mean(1) > shift.mean())
    level = level[level > 0][0]  # level 0 is without noise
    mean, error = gain_over(noisy_acc[level], acc)
    return bool(mean < 2 * error)


ruling = trial(
    "batch norm works because it removes internal covariate shift",
    {f"{name}: with the shift put back, the gain is lost": gain_is_lost(name) for name in list(kinds)[:3]},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# The gain survives a shift larger than the plain net's own.
# But shift is not harmless: strong noise costs accuracy everywhere, and in the fourth panel, where the plain net trains by itself, it only hurts.
# That is why the matter is still called *disputed*: the shift is not the main reason here, and no one explanation has replaced it.
#
# Say: *"That was the paper's hypothesis. Noise put in after batch norm makes the shift larger than in the plain net, and training is still fast. So the shift cannot be the main reason."*
#
# ### "The real reason is a smoother loss landscape"
#
# That is what Santurkar et al. put in its place. Smooth means: the gradient still holds where the step ends.
# Walk along the negative gradient, and see after which step size η the gradient has changed by half of its length.

# %%
etas = 2.0 ** np.arange(-9, 2)


def gradient_change(act, gain, depth, batchnorm, seeds=5):
    """‖g(θ − η·g) − g(θ)‖ / ‖g(θ)‖, (seeds, etas), after 30 training steps; g is the gradient on 512 digits."""
    nets = train(make_nets(seeds, depth, gain=gain), act, batchnorm, 0.1, 30)
    params, rows = parameters(nets, batchnorm), torch.arange(512)

    def gradients():
        loss = losses_of(forward(nets, X[rows].expand(seeds, -1, -1), act, batchnorm), Y[rows].repeat(seeds))
        return torch.autograd.grad(loss.sum(), params)

    before, changes = gradients(), []
    for eta in np.diff(etas, prepend=0):
        with torch.no_grad():
            for param, gradient in zip(params, before, strict=True):
                param -= float(eta) * gradient
        moved = torch.cat([(b - a).reshape(seeds, -1) for a, b in zip(before, gradients(), strict=True)], 1)
        changes.append(moved.norm(dim=1) / torch.cat([a.reshape(seeds, -1) for a in before], 1).norm(dim=1))
    return torch.stack(changes, 1).numpy()


landscapes = {
    "ReLU, 6 layers": (relu, 2**0.5, 6),
    "ReLU, 2 layers": (relu, 2**0.5, 2),
    "tanh, 6 layers": (torch.tanh, 1.0, 6),
}
changes = {name: [gradient_change(*kind, flag) for flag in (False, True)] for name, kind in landscapes.items()}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, (name, pair) in zip(axes, changes.items(), strict=True):
    for values, method in zip(pair, ("no batch norm", "batch norm"), strict=True):
        ax.loglog(etas, values.mean(0), "o-", markersize=3.5, color=plots.color(method), label=method, base=2)
    ax.axhline(0.5, color="0.5", linestyle=":")
    ax.set(title=name, xlabel="step size η", yscale="log")
axes[0].set(ylabel="relative change of the gradient", yticks=[0.01, 0.1, 0.5, 1, 10], ylim=(0.005, 40))
axes[0].set_yticklabels(["1 %", "10 %", "50 %", "100 %", "1000 %"])
axes[0].legend(loc="upper left")
fig.suptitle("How far the gradient can be trusted", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** With ReLU the gradient of the batch-normalised net holds several times as far. With tanh it is the other way round.


# %%
def trusted(values):
    """For each seed the step size at which the change reaches one half."""
    return np.array([np.exp(np.interp(np.log(0.5), np.log(v), np.log(etas))) for v in values])


def is_longer(a, b):
    """Is a longer than b, in the mean of log2 over the seeds, by more than two standard errors?"""
    mean, error = gain_over(np.log2(a), np.log2(b))
    return bool(mean > 2 * error)


ruling = trial(
    "batch norm makes the landscape smoother: the gradient holds for a longer step",
    {name: is_longer(trusted(pair[1]), trusted(pair[0])) for name, pair in changes.items()},
    only_if="the activation is ReLU (of those tried)",
)
assert ruling == "holds only if the activation is ReLU (of those tried)"
ruling

# %% [markdown]
# For deep ReLU nets the effect is large. It is no law: the tanh net, well initialised, was smoother without batch norm.
# Say: *"The measured effect in deep ReLU nets is a more predictable gradient. Why, is still debated."*
#
# ### "Batch norm allows larger learning rates"
#
# Train at eleven learning rates, each twice the one before. What is the largest that still reaches 80 % on training digits in 80 steps?

# %%
lrs, lr_seeds = 2.0 ** np.arange(-3, 8), 3
lr_nets = {
    "ReLU, 6 layers": (relu, 2**0.5, 6),
    "ReLU, 2 layers": (relu, 2**0.5, 2),
    "tanh, 1 layer": (torch.tanh, 1.0, 1),
    "sigmoid, 1 layer": (torch.sigmoid, 1.0, 1),
}


def accuracy_by_lr(act, gain, depth, batchnorm):
    """(learning rates, seeds)."""
    nets = make_nets(len(lrs) * lr_seeds, depth, gain=gain)
    train(nets, act, batchnorm, np.repeat(lrs, lr_seeds), 80)
    return accuracy(nets, act, batchnorm, probe).reshape(len(lrs), lr_seeds)


by_lr = {name: [accuracy_by_lr(*kind, flag) for flag in (False, True)] for name, kind in lr_nets.items()}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 4, figsize=(9.5, 3.2), sharey=True, layout="constrained")
for ax, (name, pair) in zip(axes, by_lr.items(), strict=True):
    for values, method in zip(pair, ("no batch norm", "batch norm"), strict=True):
        ax.semilogx(lrs, values.mean(1), color=plots.color(method), label=method, base=2)
        ax.fill_between(lrs, values.min(1), values.max(1), color=plots.color(method), alpha=0.2, linewidth=0)
    ax.axhline(0.8, color="0.5", linestyle=":")
    ax.set(title=name, xlabel="learning rate")
axes[0].set(ylabel="training accuracy", ylim=(0, 1.03))
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig.suptitle("The limit: depth lowers it for the plain net, hardly for batch norm", x=0.01, ha="left")
plt.show()


# %%
def largest(values):
    """For each seed the largest learning rate that reaches 80 %; 0 where none does."""
    return np.array([np.max(lrs, where=v > 0.8, initial=0) for v in values.T])


ruling = trial(
    "batch norm allows larger learning rates: at least twice as large, for every seed",
    {name: bool(np.all(largest(pair[1]) >= 2 * largest(pair[0]))) for name, pair in by_lr.items()},
    only_if="the net is deep or its activation unbounded",
)
assert ruling == "holds only if the net is deep or its activation unbounded"
ruling

# %% [markdown]
# **Takeaway.** Batch norm does not raise the limit as such; it keeps it from falling with depth.
# One hidden layer of tanh or sigmoid cannot blow up, and there the net without batch norm takes the larger rate.
#
# The same weights' *scale* is another matter. Six ReLU layers, learning rate 0.2, initial weights from an eighth of He's to eight times as large:

# %% tags=["nbval-ignore-output"]
factors = 2.0 ** np.arange(-3, 4)
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for flag, method in enumerate(("no batch norm", "batch norm")):
    nets = train(make_nets(7 * 3, 6, gain=np.repeat(2**0.5 * factors, 3)), relu, bool(flag), 0.2, 80)
    reached = accuracy(nets, relu, bool(flag), probe).reshape(7, 3)
    ax.semilogx(factors, reached.mean(1), "o-", markersize=4, color=plots.color(method), label=method, base=2)
    ax.fill_between(factors, reached.min(1), reached.max(1), color=plots.color(method), alpha=0.2, linewidth=0)
ax.set(xlabel="initial weights, relative to He's", ylabel="training accuracy", ylim=(0, 1.03),
       title="Batch norm forgives the initial scale, in both directions")
ax.legend(loc="center left")
plt.show()

# %% [markdown]
# **Takeaway.** Too small is no problem at all. Too large is a matter of patience: weights $a$ times as long have a gradient $a$ times as short, so they turn $a^2$ times as slowly.
#
# ### "Batch norm regularises"
#
# The noise of the experiment above is said to be the reason. To see it alone, take everything else away:
# 100 training digits, *full-batch* gradient descent (no SGD noise), and batch norm with statistics from random groups of 5, 20 or all 100 samples.
# Twelve runs, each with its own 100 digits.

# %%
n_runs, few = 12, 100
rng = torch.Generator().manual_seed(3)
own = torch.stack([torch.randperm(split, generator=rng)[:few] for _ in range(n_runs)])
test_rows = torch.arange(split, len(X)).expand(n_runs, -1)


def accuracy_on_new(batchnorm, n_steps=100, lr=0.3, batch=few, samples=own, **how):
    """Train 2 × 48 ReLU units on each run's own digits; at test time the statistics are those of all its digits."""
    nets = make_nets(n_runs, 2, 48, gain=2**0.5)
    train(nets, relu, batchnorm, lr, n_steps, batch, samples, **how)
    with torch.no_grad():
        together = torch.cat([samples, test_rows], 1)
        logits = forward(nets, X[together], relu, batchnorm, rows=samples.shape[1])[:, samples.shape[1]:]
    return (logits.argmax(2) == Y[test_rows]).float().mean(1).numpy()


full_batch = {
    "no batch norm": accuracy_on_new(False),
    "groups of 100 (no noise)": accuracy_on_new(True, group=100),
    "groups of 20": accuracy_on_new(True, group=20),
    "groups of 5": accuracy_on_new(True, group=5),
    "dropout 0.3, no batch norm": accuracy_on_new(False, drop=0.3),
}
plain, base = full_batch["no batch norm"], full_batch["groups of 100 (no noise)"]

# %% tags=["nbval-ignore-output"]
gains = {name: gain_over(values, base) for name, values in full_batch.items()}
tints = ["no batch norm", "batch norm", "batch norm", "batch norm", "dropout"]
fig, ax = plt.subplots(figsize=(7.5, 2.9), layout="constrained")
for row, ((mean, error), tint) in enumerate(zip(gains.values(), tints, strict=True)):
    ax.errorbar(100 * mean, row, xerr=200 * error, fmt="o", color=plots.color(tint), capsize=4)
ax.axvline(0, color="0.5", linestyle=":")
ax.set_yticks(range(len(gains)), list(gains))
ax.yaxis.set_inverted(True)
ax.set(xlabel="percentage points of test accuracy above batch norm without noise",
       title="The smaller the groups, the better (bars: 2 standard errors)")
plt.show()

# %% [markdown]
# **Takeaway.** Same net, same data, same gradient batch; only the number of mates differs. Without noise, batch norm is even below the plain net.


# %%
def is_better(a, b):
    mean, error = gain_over(a, b)
    return bool(mean > 2 * error)


ruling = trial(
    "batch norm regularises",
    {
        "groups of 5: better than without the noise": is_better(full_batch["groups of 5"], base),
        "groups of 20: better than without the noise": is_better(full_batch["groups of 20"], base),
        "all 100, no noise: better than no batch norm": is_better(base, plain),
    },
    only_if="the statistics come from few samples",
)
assert ruling == "holds only if the statistics come from few samples"
ruling

# %% [markdown]
# The normalisation itself does not regularise. What does is the noise, so this effect goes as the batch grows.
#
# ### "… so it can replace dropout"
#
# The same judge: two standard errors. Once more with ordinary mini-batches, of 20, on 200 digits.

# %%
rng = torch.Generator().manual_seed(4)
twice = torch.stack([torch.randperm(split, generator=rng)[: 2 * few] for _ in range(n_runs)])
mini = dict(n_steps=200, lr=0.1, batch=20, samples=twice)
mini_batch = {
    "batch norm": accuracy_on_new(True, **mini),
    "dropout 0.3": accuracy_on_new(False, drop=0.3, **mini),
}

ruling = trial(
    "batch norm can replace dropout: dropout is not better",
    {
        "mini-batches of 20": not is_better(mini_batch["dropout 0.3"], mini_batch["batch norm"]),
        "full-batch gradient and statistics, no noise": not is_better(full_batch["dropout 0.3, no batch norm"], base),
    },
    only_if="it trains on small batches",
)
assert ruling == "holds only if it trains on small batches"
ruling

# %% [markdown]
# The paper itself is careful: dropout can be "removed or reduced in strength" (§3.4).
# On ImageNet at 128 pixels, CaffeNet with batch norm reached 0.499, 0.527 and 0.513 with dropout 0.5, 0.2 and 0 (ducha-aiki's caffenet-benchmark): reduced was best.
# Say: *"Its noise regularises, less the larger the batch. In convolutional nets that is often enough to go without dropout; I would measure it."*
#
# ### "Batch norm solves vanishing and exploding gradients"
#
# How does the length of the gradient change from layer to layer, at initialisation? Take one layer, backwards:
# $h'=\varphi(\hat z)$, $\hat z=\mathrm{BN}(z)$, $z=hW$, with $W$ $(d,d)$ of variance $s^2/d$, a large batch, and gradients independent of the values.
# Write $\delta$ for the root mean square of a gradient.
#
# | backwards through | $\delta^2$ is multiplied by |
# |---|---|
# | $h'=\varphi(\hat z)$ | $E[\varphi'(\hat z)^2]$, with $\hat z\sim N(0,1)$ |
# | $\hat z=(z-\mu)/\sigma$ | $1/\sigma^2$ |
# | $z=hW$ | $d\cdot s^2/d=s^2$ |
#
# And $\sigma^2$, the variance of $z_j=\sum_i h_iW_{ij}$ *over the batch*, is $d\cdot\frac{s^2}{d}\operatorname{Var}[\varphi]=s^2\operatorname{Var}[\varphi(\hat z)]$,
# because the mean of $h$ is the same for all samples and drops out. Together:

# %% [markdown]
# $$
# \text{gain per layer}=\sqrt{E[\varphi'^2]\cdot\frac{1}{s^2\operatorname{Var}[\varphi]}\cdot s^2}
# =\sqrt{\frac{E[\varphi'(\hat z)^2]}{\operatorname{Var}[\varphi(\hat z)]}}
# $$
#
# The scale $s$ has gone: no initialisation can change it. And for a Gaussian $\operatorname{Var}[\varphi]\le E[\varphi'^2]$ (Poincaré's inequality),
# with equality for straight lines only. So the gain is **never below 1**: batch norm cannot let gradients vanish, and every bend in φ makes them grow.
#
# For ReLU: $E[\varphi'^2]=P(\hat z>0)=\frac12$, $E[\varphi^2]=\frac12$, and
# $E[\varphi]=\int_0^\infty \frac{z}{\sqrt{2\pi}}e^{-z^2/2}dz=\frac1{\sqrt{2\pi}}$. Hence
#
# $$
# \operatorname{Var}[\varphi]=\frac12-\frac1{2\pi}=\frac{\pi-1}{2\pi}
# \qquad\qquad
# \text{gain}=\sqrt{\frac{1/2}{(\pi-1)/2\pi}}=\sqrt{\frac{\pi}{\pi-1}}\approx1.21
# $$
#
# the value of Yang et al. (2019). He's initialisation, without batch norm, has $s^2=2$ and the gain $\sqrt{s^2 E[\varphi'^2]}=1$.


# %%
def gradient_norms(act, gain, depth, batchnorm, skip=False, seed=0, width=192, n=256):
    """The norm of the gradient of each layer's weights at initialisation, (depth,), in float64."""
    rng = torch.Generator().manual_seed(seed)
    normal = dict(generator=rng, dtype=torch.float64)
    h, weights = torch.randn(1, n, width, **normal), []
    for _ in range(depth):
        weights.append((gain * torch.randn(width, width, **normal) / width**0.5).requires_grad_())
        if skip:  # pre-activation: h + relu(BN(h))·W
            h = h + act(normalise(h)) @ weights[-1]
        else:
            z = h @ weights[-1]
            h = act(normalise(z) if batchnorm else z)
    logits = h @ torch.randn(width, 10, **normal) / width**0.5
    loss = losses_of(logits, torch.randint(0, 10, (n,), generator=rng)).sum()
    return np.array([g.norm().item() for g in torch.autograd.grad(loss, weights)])


depths = {
    "sigmoid": (torch.sigmoid, 1.0, 20, False),
    "sigmoid, batch norm": (torch.sigmoid, 1.0, 20, True),
    "ReLU, He": (relu, 2**0.5, 40, False),
    "ReLU, He, batch norm": (relu, 2**0.5, 40, True),
    "ReLU, He, batch norm, shortcuts": (relu, 2**0.5, 40, True, True),
}
norms = {name: np.array([gradient_norms(*kind, seed=seed) for seed in range(2)]) for name, kind in depths.items()}

# %%
derivatives = {
    "sigmoid": (sigmoid(nodes), sigmoid(nodes) * (1 - sigmoid(nodes))),
    "tanh": (np.tanh(nodes), 1 - np.tanh(nodes) ** 2),
}
for name, (value, derivative) in derivatives.items():
    print(f"{name:8} theory {np.sqrt(gauss @ derivative**2 / (gauss @ value**2 - (gauss @ value) ** 2)):.2f}")
middle = norms["ReLU, He, batch norm"][:, 4:36]
print(f"ReLU     theory {np.sqrt(np.pi / (np.pi - 1)):.2f}   measured {np.mean((middle[:, 0] / middle[:, -1]) ** (1 / 31)):.2f}")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), layout="constrained")
looks = {
    "sigmoid": (0, "no batch norm", "-"), "sigmoid, batch norm": (0, "batch norm", "-"),
    "ReLU, He": (1, "no batch norm", "-"), "ReLU, He, batch norm": (1, "batch norm", "-"),
    "ReLU, He, batch norm, shortcuts": (1, "right", "--"),
}
for name, (panel, tint, dash) in looks.items():
    label = ", ".join(word for word in name.split(", ")[1:] if word != "He") or "no batch norm"
    values = norms[name].mean(0)
    axes[panel].semilogy(range(1, len(values) + 1), values / values[-1], dash, color=plots.color(tint), label=label)
theory = np.sqrt(np.pi / (np.pi - 1)) ** np.arange(39, -1, -1)
axes[1].semilogy(range(1, 41), theory, ":", color="0.4", label="theory, 1.21 per layer")
axes[0].set(title="Sigmoid, 20 layers: batch norm saves it", xlabel="layer", ylabel="gradient norm, last layer = 1")
axes[0].set_xticks(range(0, 21, 5))
axes[1].set(title="ReLU, 40 layers: batch norm blows it up", xlabel="layer")
for ax in axes:
    ax.legend(fontsize=8.5)
plt.show()

# %% [markdown]
# **Takeaway.** Batch norm sets its own gain per layer: about 1 for a sigmoid, about 1.2 for ReLU. The second is little, forty times over it is a thousandfold.


# %%
def stays(name, layers=None):
    """Is the gradient of the first layer within a factor 10 of the last one's, for every seed?"""
    values = norms[name]
    ratio = values[:, 0 if layers is None else -layers] / values[:, -1]
    return bool(np.all((ratio > 0.1) & (ratio < 10)))


ruling = trial(
    "batch norm solves vanishing and exploding gradients (first and last layer within a factor of 10)",
    {
        "sigmoid, 20 layers": stays("sigmoid, batch norm"),
        "plain ReLU net, the last 10 layers": stays("ReLU, He, batch norm", 10),
        "plain ReLU net, 40 layers": stays("ReLU, He, batch norm"),
        "ReLU net with shortcuts, 40 layers": stays("ReLU, He, batch norm, shortcuts"),
    },
    only_if="the net is not a deep plain ReLU net",
)
assert ruling == "holds only if the net is not a deep plain ReLU net"
ruling

# %% [markdown]
# Vanishing, yes; exploding, no: in a deep plain ReLU net batch norm is the *cause* of the explosion. Shortcuts cure it.
# Say: *"It keeps saturating nets alive. In very deep plain ReLU nets each batch norm multiplies the gradient by about 1.2, and one needs shortcuts."*
#
# ### "The scale of the weights does not matter: BN(aWx) = BN(Wx)"
#
# The derivation says where this ends. How large is the gap, and does the gradient follow $1/a$?

# %%
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


# %% tags=["nbval-ignore-output"]
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

# %% [markdown]
# **Takeaway.** The dotted line is where $a\sigma=\sqrt\varepsilon$. Left of it the feature is damped and the gradient no longer grows.

# %%
ruling = trial(
    "BN(aWx) = BN(Wx), to 1e-12",
    {
        "a = 1000, ε = 0": relative_gap(1000, 0.0) < 1e-12,
        "a = 0.001, ε = 0": relative_gap(0.001, 0.0) < 1e-12,
        "a = −1, ε = 0": relative_gap(-1, 0.0) < 1e-12,
        "a = 1000, ε = 10⁻⁵": relative_gap(1000, 1e-5) < 1e-12,
        "a = 0.001, ε = 10⁻⁵": relative_gap(0.001, 1e-5) < 1e-12,
    },
    only_if="a > 0 and eps = 0",
)
assert ruling == "holds only if a > 0 and eps = 0"
ruling

# %%
flips = np.allclose(bn_of(-w, 1e-5), -bn_of(w, 1e-5))
as_eps = all(np.allclose(bn_of(a * w, 1e-5), bn_of(w, 1e-5 / a**2)) for a in (1e-3, 0.1, 50.0))
inverse = np.allclose(weight_gradient(50 * w, 0.0), weight_gradient(w, 0.0) / 50)
orthogonal = np.allclose((w * weight_gradient(w, 0.0)).sum(axis=0), 0)
print("a = −1 turns the sign:                 ", flips)
print("scaling W by a is scaling ε by 1/a²:   ", as_eps)
print("ε = 0: the gradient is 1/a of it:      ", inverse)
print("ε = 0: and orthogonal to the weights:  ", orthogonal)

# %% [markdown]
# In practice, with weights of ordinary size, the gap is of the order of ε and nobody sees it.
# Say: *"invariant to a positive factor, up to ε"*.
#
# ### "γ and β give the layer its original features back"
#
# Your pair, tried on the batch it was made for, and on others. And: does training ever choose it?

# %%
rng = np.random.default_rng(6)
source = rng.exponential(size=(200, 8)) * rng.uniform(0.5, 3, size=8) + rng.normal(size=8)
batch, later = source[:64], source[64:128]
gamma, beta = undo_batchnorm(batch.mean(axis=0), batch.var(axis=0))


def with_statistics_of(other, x):
    """Batch norm of x with the pair above and the statistics of another batch."""
    return gamma * (x - other.mean(axis=0)) / np.sqrt(other.var(axis=0) + 1e-5) + beta


learnt = train(make_nets(3, 2, gain=2**0.5), relu, True, 0.1, 300)
with torch.no_grad():
    z = X[:split].expand(3, -1, -1) @ learnt["W"][0]
    identity = undo_batchnorm(z.mean(1).numpy().ravel(), z.var(1, correction=0).numpy().ravel())
    chosen = learnt["gamma"][0].numpy().ravel()

ruling = trial(
    "with γ = √(σ² + ε) and β = μ the layer gives its input back (within 1 %)",
    {
        "the batch it was made for": np.allclose(with_statistics_of(batch, batch), batch, rtol=0.01),
        "any batch, with the statistics frozen": np.allclose(with_statistics_of(batch, later), later, rtol=0.01),
        "the next batch, with its own statistics": np.allclose(with_statistics_of(later, later), later, rtol=0.01),
        "training finds that pair: γ of the trained nets": np.mean(np.abs(chosen / identity[0] - 1)) < 0.01,
    },
    only_if="the statistics are those the pair was made for",
)
assert ruling == "holds only if the statistics are those the pair was made for"
ruling

# %% [markdown]
# Say: *"They* can *undo it, relative to one batch's statistics. That is an argument about what the net can express; training has no reason to go there."*

# %% [markdown]
# ## Answer in 30 seconds
#
# "Batch norm standardises each feature over the batch, then scales and shifts it with γ and β. Those two are learnt, 2C numbers; running mean and variance are buffers.
# It resets the scale of the signal in every layer, and it makes the loss indifferent to the scale of the weights.
# So deep nets train with larger learning rates and careless initialisation, and the noise of small batches regularises a little.
# γ and β are there so that nothing is lost: with γ the standard deviation and β the mean, the layer is the identity.
# Covariate shift was the original explanation; experiments since then say it is not the main reason."

# %% [markdown]
# ## Answer in 2 minutes
#
# - **What it is.** A layer, not a preprocessing step: mean and variance come from the batch, and the gradient flows through them.
# - **What is learnt.** γ and β, C each. Buffers: running mean, running variance, and in torch a counter. Momentum and ε are set by hand.
# - **What it does, measured.** Ten tanh layers: without it the activations die or saturate, depending on the weights' scale; with it they stay at 0.63.
#   A deep ReLU net takes a learning rate several times as large, and initial weights of nearly any scale.
# - **One mechanism to derive.** BN(aWx) = BN(Wx) for a > 0, so the gradient goes like 1/a and is orthogonal to W.
#   Steps that are too large lengthen W and so shorten the next ones. Weight decay then only sets the effective learning rate, η/‖w‖².
# - **Why γ and β.** Fixed at mean 0 and variance 1 a sigmoid is nearly linear. γ = √(σ² + ε), β = μ would undo it all: an argument about what the net *can* express.
# - **Covariate shift.** The paper's hypothesis. Put the shift back as noise after batch norm: nets that cannot learn without batch norm still learn. A smoother landscape is the rival explanation, and it is debated too.
# - **Limits.** The noise goes as 1/√B, so the regularisation does too. In very deep plain ReLU nets gradients *grow* by √(π/(π−1)) per layer. Each output depends on the other samples of the batch, and training differs from inference.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>If it is not covariate shift, why does it work?</summary>
#
# Say what is measured: signal and gradient keep their scale at initialisation; in deep ReLU nets the gradient holds for a longer step; the scale of the weights drops out, so the step size regulates itself; small batches add noise.
# None of the four is the whole story, and their shares depend on the net.
#
# </details>
#
# <details><summary>Why does weight decay act differently on weights before batch norm?</summary>
#
# Their length does not change the function, so there is nothing to simplify.
# What moves is the direction, at the rate $\eta/\|w\|^2$. Gradient steps lengthen $w$ and slow it down; decay shortens it and speeds it up.
# Exactly: constant decay equals a learning rate that grows like $(1-\eta\lambda)^{-2t}$. See the experiment.
#
# </details>
#
# <details><summary>Which parameters do you exclude from weight decay?</summary>
#
# γ, β and all biases, usually: few numbers, little to overfit with, and a decayed γ shrinks the signal.
# Goyal et al. (2017) and T. He et al. (2019) train ImageNet that way.
# In code: parameters of one dimension go into a group with `weight_decay=0`.
# It is a convention with a small effect, not a law. And decay on the weights *before* batch norm does matter, through the learning rate.
#
# </details>
#
# <details><summary>What does a smoother landscape mean?</summary>
#
# The gradient changes less along the step, so it can be trusted further and the step may be larger.
# Measured above: true for the ReLU nets, the other way round for a well-initialised tanh net.
# A caution: smoothness depends on how the weights are scaled, so compare at equal steps of a method, not curvatures as such.
#
# </details>
#
# <details><summary>Can you use batch norm and dropout together?</summary>
#
# Yes, with care. Dropout *before* batch norm changes the variance between training and test (3 against 1 above), and the running variance then fits neither.
# Put dropout after the last batch norm, just before the classifier, or keep its rate small.
#
# </details>
#
# <details><summary>When can γ be dropped? And β?</summary>
#
# γ: before ReLU and a linear layer, or before another batch norm, because the next weights can take over a positive factor. TF-slim's Inception v3 has β only.
# β moves the kink of the ReLU, and nothing behind it can do that. What is superfluous is the bias of the layer *before*: batch norm subtracts it.
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
# <details><summary>And layer norm?</summary>
#
# It takes mean and variance over the features of one sample, so there is no batch noise, no running statistics, no difference at inference, and a batch of one is fine.
# The weight matrix as a whole is scale-free too. It does not equalise the features among themselves, and in convolutional nets batch norm has mostly done better.
# Transformers use it: sequences vary in length, and text is generated with a batch of one.
#
# </details>
#
# <details><summary>Why should ReLU nets need it? They do not saturate.</summary>
#
# Right, so the saturation story is not theirs. With He's initialisation a plain ReLU net trains, at a small learning rate and with the right scale of the weights.
# Batch norm makes both choices uncritical. See the two figures on learning rate and initial scale.
#
# </details>
#
# <details><summary>Does it blur the differences between samples?</summary>
#
# Not by normalising: within a batch an affine map keeps order and relative distances of each feature.
# What is true is that a sample's output depends on its mates. That is noise when mates are random, and a leak of information when they are not.
#
# </details>
#
# <details><summary>Is the larger learning rate not an illusion, if only η/‖w‖² counts?</summary>
#
# Partly. The nominal η of the two nets cannot be compared one to one, for the norms differ and grow.
# What is no illusion is that the step regulates itself: one that is too long lengthens $w$ and shortens the next. The plain net has no such brake.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The mean and the variance are learnable." They are computed; the running ones are buffers.
# - "γ and β restore the original data", as if training did that. They can; it does not.
# - "It solves covariate shift, and that is why it works", without a doubt and without an experiment.
# - "It prevents exploding gradients." In deep plain ReLU nets it makes them.
# - "It replaces dropout", whatever the batch size.
# - "L2 keeps the weights before batch norm small, so the function is simple." Their size does not matter.
# - "BN(aWx) = BN(Wx)", and no word about $a<0$ or ε.
# - "It is a preprocessing step that makes the data N(0, 1)." It fixes two moments of each feature, in the middle of the net, and γ, β move them again.

# %% [markdown]
# ## References
#
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015. §3: γ, β and the identity; §3.3: learning rates and scale invariance; §3.4: dropout.
# - S. Santurkar, D. Tsipras, A. Ilyas, A. Mądry. *How Does Batch Normalization Help Optimization?* NeurIPS 2018: noise after batch norm, and the smoother landscape.
# - J. Bjorck, C. Gomes, B. Selman, K. Weinberger. *Understanding Batch Normalization.* NeurIPS 2018: larger learning rates as the main benefit.
# - G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. Schoenholz. *A Mean Field Theory of Batch Normalization.* ICLR 2019: exploding gradients.
# - T. van Laarhoven. *L2 Regularization versus Batch and Weight Normalization.* 2017: the effective learning rate.
# - Z. Li, S. Arora. *An Exponential Learning Rate Schedule for Deep Learning.* ICLR 2020: weight decay as a growing learning rate.
# - X. Li, S. Chen, X. Hu, J. Yang. *Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift.* CVPR 2019.
# - P. Goyal et al. *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour.* 2017; T. He et al. *Bag of Tricks for Image Classification with Convolutional Neural Networks.* CVPR 2019: no decay on γ and β.
# - Documentation of `torch.nn.BatchNorm2d` (parameters and buffers) and of Keras' `BatchNormalization` (`scale`).
