# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 32 · Why cross-entropy and not squared error for classification?
#
# *分类为什么用交叉熵而不用平方损失?*

# %% [markdown]
# ## Question
#
# "You train a classifier. Why cross-entropy and not squared error?
# Derive the gradient of softmax with cross-entropy, and write it so that no logit can break it.
# Then show me what squared error does to the same logit."
#
# "训练分类器时,为什么用交叉熵而不用平方损失?请推导 softmax 加交叉熵的梯度,写出数值稳定的实现,再说明平方损失的梯度有什么问题。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Where it comes from.** Cross-entropy is the negative log-likelihood of the labels, not a lucky guess.
# - **What cancels.** Its gradient at the logits is $p - y$. The derivative of softmax or sigmoid has gone.
# - **What does not cancel.** Squared error keeps σ′ = σ(1 − σ), and σ′ dies on confident mistakes.
# - **Stable code.** Log and softmax in one step, by log-sum-exp. No `eps` inside the log.
# - **The limits of the argument.** Squared error classifies too, and once it even wins. You can say when.

# %% [markdown]
# ## The idea
#
# ### Cross-entropy is maximum likelihood
#
# A network gives logits $z = (z_1, \dots, z_K)$ and probabilities $p = \mathrm{softmax}(z)$.
# Say the label $y$ is a draw from them. For $N$ independent samples the likelihood is a product:
#
# $$
# \prod_{i=1}^N p_{i,y_i}
# \quad\xrightarrow{\ \log\ }\quad
# \sum_{i=1}^N \log p_{i,y_i}
# \quad\xrightarrow{\ \times(-1/N)\ }\quad
# L = -\frac1N \sum_{i=1}^N \log p_{i,y_i}
# $$
#
# The log keeps the place of the maximum. The minus turns it into a loss. That loss *is* cross-entropy.
# Squared error comes out of the same recipe when $y$ is a number with Gaussian noise. A class is not that.

# %% [markdown]
# ### Cross-entropy = entropy + distance
#
# For a target distribution $t$ (one-hot, or not) cross-entropy is $H(t,p) = -\sum_k t_k \log p_k$.
# Subtract and add $\sum_k t_k \log t_k$:
#
# $$
# H(t,p)
# = -\sum_k t_k \log t_k + \sum_k t_k \log t_k - \sum_k t_k \log p_k
# = \underbrace{-\sum_k t_k \log t_k}_{H(t)} + \underbrace{\sum_k t_k \log \frac{t_k}{p_k}}_{\mathrm{KL}(t\,\|\,p)}
# $$
#
# The first term does not depend on the network.
# The second is never negative, because $\log u \le u - 1$ (sums over the $k$ with $t_k > 0$):
#
# $$
# -\mathrm{KL} = \sum_k t_k \log\frac{p_k}{t_k} \le \sum_k t_k\Big(\frac{p_k}{t_k} - 1\Big) = \sum_k p_k - 1 \le 0
# $$
#
# Equality needs $p = t$. So: minimise cross-entropy, and $p$ moves to $t$.
# For a one-hot $t$ the floor $H(t)$ is 0. For noisy labels it is not, and the loss cannot reach 0.

# %% [markdown]
# ### The gradient of softmax with cross-entropy
#
# **Step 1, softmax alone.** $p_j = e^{z_j}/S$ with $S = \sum_l e^{z_l}$, and $\partial S/\partial z_k = e^{z_k}$. By the quotient rule
#
# $$
# \frac{\partial p_j}{\partial z_k}
# = \frac{\delta_{jk}\,e^{z_j}\,S - e^{z_j}\,e^{z_k}}{S^2}
# = p_j\,(\delta_{jk} - p_k)
# $$
#
# with $\delta_{jk} = 1$ if $j = k$, else 0. As a matrix: $J = \mathrm{diag}(p) - p\,p^\top$.
#
# **Step 2, the loss alone.** $\partial L/\partial p_j = -t_j/p_j$.
#
# **Step 3, the chain rule.** Every $p_j$ depends on $z_k$, so sum over $j$:
#
# $$
# \frac{\partial L}{\partial z_k}
# = \sum_j \Big(-\frac{t_j}{p_j}\Big)\,p_j\,(\delta_{jk} - p_k)
# = -\sum_j t_j\,\delta_{jk} + p_k \sum_j t_j
# = p_k - t_k
# $$
#
# The $p_j$ cancels before anything is computed, and $\sum_j t_j = 1$.
# For the mean over a batch: $(p - t)/N$.

# %% [markdown]
# ### The same with squared error
#
# Now $L = \sum_j (p_j - t_j)^2$ with the error $e = p - t$, so $\partial L/\partial p_j = 2 e_j$:
#
# $$
# \frac{\partial L}{\partial z_k}
# = \sum_j 2 e_j\,p_j\,(\delta_{jk} - p_k)
# = 2\,p_k\Big(e_k - \sum_j e_j\,p_j\Big)
# $$
#
# Nothing cancels. Put all mass on one wrong class $w$: $p_w = 1$, the other $p_k = 0$.
# For $k \ne w$ the factor $p_k$ is 0. For $k = w$: $e_w = 1$ and $\sum_j e_j p_j = 1$, so the bracket is 0.
# The gradient is **zero where the network is as wrong as it can be**.

# %% [markdown]
# ### One logit, one sigmoid
#
# Two classes need one logit: $\mathrm{softmax}(0, z)$ gives $\sigma(z) = 1/(1+e^{-z})$ to class 1. Its derivative:
#
# $$
# \sigma' = \frac{e^{-z}}{(1+e^{-z})^2} = \frac{1}{1+e^{-z}}\cdot\frac{e^{-z}}{1+e^{-z}} = \sigma\,(1-\sigma)
# $$
#
# | loss | $d/d\sigma$ | times σ′ | gradient at $z$ |
# |---|---|---|---|
# | $-y\log\sigma-(1-y)\log(1-\sigma)$ | $-\frac{y}{\sigma}+\frac{1-y}{1-\sigma} = \frac{\sigma-y}{\sigma(1-\sigma)}$ | σ′ cancels | $\sigma - y$ |
# | $(\sigma-y)^2$ | $2(\sigma-y)$ | σ′ stays | $2(\sigma-y)\,\sigma(1-\sigma)$ |

# %% [markdown]
# ### Where squared error pulls hardest
#
# Take $y = 1$ and the error $e = 1 - \sigma$. The size of the gradient is $g(e) = 2e^2(1-e)$.
#
# $$
# g'(e) = 4e - 6e^2 = 2e\,(2 - 3e) = 0
# \;\Rightarrow\; e = \tfrac23,
# \qquad g''\!\left(\tfrac23\right) = 4 - 12\cdot\tfrac23 = -4 < 0,
# \qquad g\!\left(\tfrac23\right) = 2\cdot\tfrac49\cdot\tfrac13 = \tfrac{8}{27}
# $$
#
# So the pull is largest at $\sigma = \tfrac13$, which is $z = -\ln 2$. Worse predictions are pulled *less*.
# Far out, $\sigma \approx e^{z}$ and $g \approx 2e^{z}$: it dies exponentially. For $y = 0$ mirror everything.
# With the convention $\frac12(\sigma-y)^2$ all values halve: $4/27$, at the same place.
#
# At the peak the slope of the gradient changes sign. So squared error through a sigmoid is **not convex** in $z$.
# Cross-entropy is: its second derivative is $\sigma(1-\sigma) > 0$.

# %% [markdown]
# ### Log-sum-exp
#
# `exp(710)` is infinite in float64, so softmax must not be written as it stands. Any shift $m$ may be pulled out:
#
# $$
# \sum_j e^{z_j} = e^m \sum_j e^{z_j - m}
# \quad\Rightarrow\quad
# p_k = \frac{e^{z_k-m}}{\sum_j e^{z_j-m}},
# \qquad
# \log p_k = (z_k - m) - \log\sum_j e^{z_j-m}
# $$
#
# Choose $m = \max_j z_j$. Then no exponent is positive: nothing overflows.
# One exponent is exactly 0, so the sum lies in $[1, K]$: no division by 0, no log of 0.
# And $\log p_k$ never passes through $p_k$, which may have underflowed to 0.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, numeric_gradient, plots, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: softmax
#
# `logits (N, K)`: one row for each sample. Return the probabilities, `(N, K)`, for logits of any size.

# %%
def softmax(logits):
    """logits (N, K) -> probabilities (N, K); every row sums to 1."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(softmax)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what may be subtracted?</summary>
#
# Add 5 to all logits of one sample: numerator and denominator grow by the same factor.
# So you may shift every row as you like. Which shift makes overflow impossible?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: shapes</summary>
#
# The maximum and the sum are one number for each *row*.
# `axis=1, keepdims=True` gives them the shape `(N, 1)`, which broadcasts against `(N, K)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Subtract `logits.max(axis=1, keepdims=True)`, take `np.exp`, divide by the row sums of that.
#
# </details>

# %% [markdown]
# ### Exercise 2: cross-entropy and its gradient
#
# `labels (N,)` are integers in `0 … K−1`. Return the mean loss and its gradient with respect to the logits.
# A sample whose label lies 20000 below the largest logit must cost 20000, not `inf`.

# %%
def cross_entropy(logits, labels):
    """logits (N, K), labels (N,) integers -> (loss, grad (N, K)), both of the mean over the samples."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(cross_entropy)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the order of log and softmax</summary>
#
# `np.log(softmax(logits))` takes the log of a 0 when a probability underflows.
# Derive $\log p_k$ on paper first, and never compute $p_k$ on the way to it.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: picking the labels</summary>
#
# `log_p[np.arange(N), labels]` takes one entry from each row.
# `log_p[:, labels]` is something else: all labels from every row.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: the gradient</summary>
#
# $(p - t)/N$ with $t$ one-hot: take the probabilities, subtract 1 at each row's label, divide by N.
#
# </details>

# %% [markdown]
# ### Exercise 3: squared error through a sigmoid
#
# `z (N,)` logits, `y (N,)` floats, 0.0 or 1.0. Return $\frac{d}{dz}(\sigma(z)-y)^2$ for each sample.
# No mean: every sample keeps its own gradient. It must be finite for any finite `z`.

# %%
def sigmoid_mse_grad(z, y):
    """z (N,), y (N,) in {0.0, 1.0} -> d/dz of (σ(z) − y)² for each sample, (N,)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(sigmoid_mse_grad)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the chain</summary>
#
# Outer derivative: 2(σ − y). Inner derivative: σ′ = σ(1 − σ), taken at σ(z). Multiply.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: a sigmoid that cannot overflow</summary>
#
# `np.exp(-np.abs(z))` is at most 1. For z ≥ 0 the sigmoid is 1/(1 + that). For z < 0 it is that/(1 + that).
#
# </details>

# %% [markdown]
# ### Exercise 4: cross-entropy through a sigmoid
#
# The same for the loss $-y\log\sigma(z)-(1-y)\log(1-\sigma(z))$, again for each sample.

# %%
def sigmoid_ce_grad(z, y):
    """z (N,), y (N,) in {0.0, 1.0} -> d/dz of the binary cross-entropy of σ(z), for each sample, (N,)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(sigmoid_ce_grad)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what cancels</summary>
#
# The derivative of the loss with respect to σ has σ(1 − σ) below the line. The chain rule multiplies by σ(1 − σ).
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: do it on paper</summary>
#
# Dividing by σ(1 − σ) and multiplying it back gives 0/0 at large logits. Code only what is left: σ − y.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### Is the gradient right?
#
# The derivation is four lines, and a slip is easily made. Ask finite differences.

# %%
rng = np.random.default_rng(0)
gradcheck(
    lambda logits, labels: cross_entropy(logits, labels)[0],
    lambda dout, logits, labels: dout * cross_entropy(logits, labels)[1],
    {"logits": rng.normal(size=(5, 4)), "labels": np.array([0, 3, 1, 1, 2])},
)


# %% [markdown]
# ### Which loss pulls harder?
#
# The label is 1, and the logit slides from hopelessly wrong to right.
# At z = −8 the prediction is as wrong as 0.9997. Guess before you run: by what factor does cross-entropy pull harder there?

# %%
def sigma(z):
    """With y = 0 your cross-entropy gradient is σ itself."""
    return sigmoid_ce_grad(z, np.zeros_like(z))


logits = np.array([-30.0, -8, -4, -np.log(2), 0, 4])
pull_mse = np.abs(sigmoid_mse_grad(logits, np.ones(6)))
pull_ce = np.abs(sigmoid_ce_grad(logits, np.ones(6)))
print("     z     σ(z)    squared error   cross-entropy   times stronger")
for row in zip(logits, sigma(logits), pull_mse, pull_ce, pull_ce / pull_mse, strict=True):
    print("{:6.2f}  {:7.5f}   {:13.2g}   {:13.4f}   {:14.2g}".format(*row))

# %%
grid = np.linspace(-12, 6, 180_001)
pull = np.abs(sigmoid_mse_grad(grid, np.ones_like(grid)))
top = np.argmax(pull)
print(f"largest pull of squared error: {pull[top]:.5f} at z = {grid[top]:.3f}, σ = {sigma(grid)[top]:.4f}")
print(f"on paper:                      {8 / 27:.5f} at z = {-np.log(2):.3f}, σ = {1 / 3:.4f}")

# %%
wrong_by = sigma(-grid)  # 1 − σ, without rounding
losses = {"cross-entropy": np.logaddexp(0, -grid), "squared error": wrong_by**2}
pulls = {"cross-entropy": wrong_by, "squared error": pull}
tints = {"cross-entropy": plots.color("cross_entropy"), "squared error": plots.color("mse")}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for ax, curves in zip(axes, (losses, pulls), strict=True):
    for name, values in curves.items():
        ax.plot(grid, values, color=tints[name], label=name)
    ax.set_xlabel("logit z (the label is 1)")
axes[0].set(ylim=(0, 6), ylabel="loss", title="The loss: one is flat where all is wrong")
axes[0].legend(loc="upper right")
axes[1].plot(grid[top], pull[top], "o", color=tints["squared error"])
axes[1].annotate("peak 8/27\nat σ = 1/3", (grid[top], pull[top]), (1.6, 0.42), arrowprops={"arrowstyle": "-", "color": "0.5"})
axes[1].text(-11.8, 0.04, "dead zone", color="0.35")
axes[1].set(ylabel="|gradient|", title="The gradient: peak, then silence")
plt.show()


# %% [markdown]
# **Takeaway.** Cross-entropy pulls with the size of the error, up to 1.
# Squared error pulls hardest at σ = 1/3 and lets go of everything that is worse.

# %% [markdown]
# ### How long does a wrong logit take?
#
# Plain gradient descent on the logit itself, learning rate 1, until σ passes ½.
# Far out squared error gives $dz/dt \approx 2e^{z}$, so $e^{-z}$ falls by 2 a step: about $e^{-z_0}/2$ steps. Is that so?

# %%
def race(grad_fn, z0, lr=1.0, limit=5000):
    """σ at each step of gradient descent on one logit whose label is 1, until it exceeds 1/2."""
    z, path = np.array([z0]), []
    for _ in range(limit):
        path.append(sigma(z)[0])
        if path[-1] > 0.5:
            break
        z = z - lr * grad_fn(z, np.ones(1))
    return np.array(path)


starts = (-8.0, -4.0, -1.0)
runs = {z0: (race(sigmoid_ce_grad, z0), race(sigmoid_mse_grad, z0)) for z0 in starts}
for z0, (by_ce, by_mse) in runs.items():
    print(f"z = {z0:2.0f}: cross-entropy {len(by_ce) - 1} steps, squared error {len(by_mse) - 1:4d}, "
          f"estimate {np.exp(-z0) / 2:6.1f}")

# %%
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for (z0, pair), dash in zip(runs.items(), ("-", "--", ":"), strict=True):
    for name, path in zip(("cross-entropy", "squared error"), pair, strict=True):
        ax.plot(np.arange(len(path)) + 1, path, dash, color=tints[name], label=f"{name}, from z = −{-z0:.0f}")
ax.axhline(0.5, color="0.6", linewidth=1)
ax.set(xscale="log", xlabel="step, the start is step 1 (log scale)", ylabel="σ(z), the label is 1", ylim=(-0.02, 0.75),
       title="The worse the start, the longer squared error waits")
ax.legend(ncols=1, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Takeaway.** From z = −8 cross-entropy needs one step for each unit of z. Squared error sits still for 1500 steps, then jumps.
# (With ½(σ − y)² it is twice as long.)

# %% [markdown]
# ### Why no eps inside the log?
#
# A common patch against log(0) is `-log(p + 1e-12)`. Another is to do nothing, in float32.
# The label's logit lies $d$ below the other one. What do the three give, and what gradient do they leave?

# %%
for kind in (np.float16, np.float32, np.float64):
    print(f"{kind.__name__}: exp overflows above {np.log(float(np.finfo(kind).max)):.1f}")

# %%
gap = np.linspace(0, 120, 481)
two = np.column_stack([np.zeros_like(gap), gap])  # logits; the label is class 0
yours = [cross_entropy(row[None], np.array([0])) for row in two]
p_label = softmax(two)[:, 0]
with np.errstate(all="ignore"):
    e = np.exp(two.astype(np.float32))
    naive = -np.log(e[:, 0] / e.sum(axis=1))
padded = {"loss": -np.log(p_label + 1e-12), "pull": p_label * (1 - p_label) / (p_label + 1e-12)}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].plot(gap, [loss for loss, _ in yours], color=tints["cross-entropy"], label="yours: log-sum-exp")
axes[0].plot(gap, naive, "--", color="black", label="log(softmax), float32")
axes[0].plot(gap, padded["loss"], color=plots.color("wrong"), label="log(p + 1e-12)")
last = np.flatnonzero(np.isfinite(naive))[-1]
axes[0].plot(gap[last], naive[last], "x", color="black", markersize=9)
axes[0].annotate("inf from here", (gap[last], naive[last]), (72, 112), arrowprops={"arrowstyle": "-", "color": "0.5"})
axes[0].set(xlabel="d: the label's logit lies so far below", ylabel="loss", title="The loss, capped or infinite")
axes[0].legend(loc="upper left")
axes[1].plot(gap, [abs(grad[0, 0]) for _, grad in yours], color=tints["cross-entropy"])
axes[1].plot(gap, padded["pull"], color=plots.color("wrong"))
axes[1].set(xlabel="d", ylabel="|gradient| at the label's logit", title="With eps the gradient dies again")
plt.show()

# %% [markdown]
# **Takeaway.** The eps saves the number and kills the gradient: $p(1-p)/(p+\varepsilon) \to 0$ when $p \ll \varepsilon$.
# It brings back the very fault that cross-entropy was to cure. Frameworks take logits for this reason.

# %% [markdown]
# ### Do the two losses want different answers?
#
# Ten samples share one logit: seven have the label 1, three have 0.
# Which probability does each loss settle on? Look for the zero of the mean gradient.

# %%
y = np.repeat([1.0, 0.0], [7, 3])
z = np.linspace(-7, 7, 281)
mean_ce = np.array([sigmoid_ce_grad(np.full(10, v), y).mean() for v in z])
mean_mse = np.array([sigmoid_mse_grad(np.full(10, v), y).mean() for v in z])

fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(sigma(z), mean_ce, color=tints["cross-entropy"], label="cross-entropy")
ax.plot(sigma(z), mean_mse, color=tints["squared error"], label="squared error")
ax.axhline(0, color="0.6", linewidth=1)
ax.axvline(0.7, color="0.5", linestyle=":")
ax.text(0.69, 0.22, "0.7, the share of ones", color="0.35", ha="right")
ax.set(xlabel="predicted probability σ(z)", ylabel="mean gradient at z",
       title="Both losses want 0.7; they differ in how hard they pull")
ax.legend(loc="lower right")
plt.show()


# %% [markdown]
# **Takeaway.** Both are minimal at the true probability. (Such losses are called *proper scoring rules*.)
# So squared error is not a wrong aim. The trouble is the way there, from the flat ends.

# %% [markdown]
# ### Ten classes, real digits
#
# A linear classifier on 8×8 digits, trained with your `cross_entropy`, or with squared error on your `softmax`.
# Three situations: a harmless start, a confidently wrong start, and wrong labels. Which loss wins each?

# %%
def squared_error(logits, labels):
    """Σ (p − t)² on softmax probabilities: mean loss and its gradient, as derived above."""
    p = softmax(logits)
    e = p - np.eye(logits.shape[1])[labels]
    return (e**2).sum(axis=1).mean(), 2 * p * (e - (e * p).sum(axis=1, keepdims=True)) / len(labels)



def accuracies(loss, seed, start=0.0, flipped=0.0, epochs=60, lr=1.0):
    """Test accuracy before training and after each epoch of SGD, for one random split."""
    X, y, X_test, y_test = data.digits(seed=seed)
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(len(y)) < flipped, y + rng.integers(1, 10, len(y)), y) % 10
    W, found = start * rng.normal(size=(64, 10)), []
    for _ in range(epochs + 1):
        found.append(np.mean(np.argmax(X_test @ W, axis=1) == y_test))
        for batch in np.array_split(rng.permutation(len(y)), 20):
            W = W - lr * X[batch].T @ loss(X[batch] @ W, labels[batch])[1]
    return np.array(found)


situations = {
    "start at zero": {},
    "confidently wrong start": {"start": 5.0},
    "40 % of the labels wrong": {"flipped": 0.4},
}
heads = {"cross-entropy": cross_entropy, "squared error": squared_error}
results = {
    (case, name): np.array([accuracies(loss, seed, **options) for seed in range(5)])
    for case, options in situations.items() for name, loss in heads.items()
}  # fmt: skip
for (case, name), found in results.items():
    print(f"{case:25s} {name:14s} final {found[:, -1].mean():.0%}, best epoch {found.max(axis=1).mean():.0%}")

# %%
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.6), sharey=True, layout="constrained")
for ax, case in zip(axes, situations, strict=True):
    for name in heads:
        found = results[case, name]
        ax.plot(found.mean(axis=0), color=tints[name], label=name)
        ax.fill_between(range(61), found.min(axis=0), found.max(axis=0), color=tints[name], alpha=0.18, linewidth=0)
    ax.set(title=case, xlabel="epoch", ylim=(0, 1))
axes[0].set_ylabel("test accuracy, five splits")
axes[0].legend(loc="lower right")
fig.suptitle("A tie, a win for cross-entropy, a win for squared error", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** From zero nobody is confidently wrong, and both losses end alike.
# From a bad start squared error crawls: most samples lie in its dead zone.
# With wrong labels the dead zone is a blessing: it gives up on samples that it cannot believe.
# (Early stopping helps: at its best epoch cross-entropy does as well as squared error does at the end.)

# %% [markdown]
# ### The same in two dimensions
#
# Two clouds and twelve extra points far out: once with the correct label, once with the wrong one.
# Three models draw the boundary. Which of the six boundaries will the twelve points move?

# %%
rng = np.random.default_rng(0)
zeros, ones = rng.normal([-1.2, 0], 0.8, (60, 2)), rng.normal([1.2, 0], 0.8, (60, 2))
easy, mislabelled = rng.normal([7, -5], 0.5, (12, 2)), rng.normal([6, 0.3], 0.5, (12, 2))
clouds = {
    "far, label right": (zeros, np.vstack([ones, easy])),
    "far, label wrong": (np.vstack([zeros, mislabelled]), ones),
}
outputs = {  # gradient at the output z, learning rate, the threshold on z
    "sigmoid, cross-entropy": (sigmoid_ce_grad, 1.0, 0.0),
    "sigmoid, squared error": (sigmoid_mse_grad, 3.0, 0.0),
    "linear, squared error": (lambda z, y: 2 * (z - y), 0.02, 0.5),
}


def boundary(grad_fn, lr, a, b, n_steps=3000):
    """Weights (bias first) after gradient descent from zero."""
    points, y = np.vstack([a, b]), np.repeat([0.0, 1.0], [len(a), len(b)])
    points = np.column_stack([np.ones(len(points)), points])
    w = np.zeros(3)
    for _ in range(n_steps):
        w = w - lr * points.T @ grad_fn(points @ w, y) / len(y)
    return w


weights = {
    (extra, name): boundary(grad_fn, lr, a, b)
    for extra, (a, b) in clouds.items() for name, (grad_fn, lr, _) in outputs.items()
}  # fmt: skip
both = np.column_stack([np.ones(120), np.vstack([zeros, ones])])  # the two clouds without the extra points
for (extra, name), w in weights.items():
    hit = (both @ w > outputs[name][2]) == np.repeat([False, True], 60)
    print(f"{extra:20s} {name:23s} {hit.mean():.0%} of the two clouds right")

# %%
fig, axes = plt.subplots(2, 3, figsize=(9, 5.6), sharex=True, sharey=True, layout="constrained")
gx, gy = np.meshgrid(np.linspace(-4, 9, 200), np.linspace(-7, 5, 200))
blue, orange = plots.color("adam"), plots.color("momentum")
for row, (extra, (a, b)) in zip(axes, clouds.items(), strict=True):
    for ax, (name, (_, _, threshold)) in zip(row, outputs.items(), strict=True):
        w = weights[extra, name]
        score = w[0] + w[1] * gx + w[2] * gy - threshold
        ax.contourf(gx, gy, score > 0, levels=[-0.5, 0.5, 1.5], colors=[blue, orange], alpha=0.18)
        ax.plot(*a.T, "o", color=blue, markersize=3, label="class 0")
        ax.plot(*b.T, "^", color=orange, markersize=3, label="class 1")
        ax.grid(False)
    row[0].set_ylabel(f"{extra}\n$x_2$")
for ax, name in zip(axes[0], outputs, strict=True):
    ax.set_title(name)
for ax in axes[1]:
    ax.set_xlabel("$x_1$")
axes[0, 0].legend(loc="lower left")
fig.suptitle("Sigmoid with squared error is the only one that no far point moves", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** *Linear* squared error punishes points for being too right, and tilts (top right).
# Cross-entropy leaves those alone, but follows the mislabelled ones. Sigmoid with squared error ignores both.

# %% [markdown]
# ## Folklore on trial
#
# ### "With squared error, a very wrong prediction learns slowly"
#
# Slowly shall mean: at least ten times the steps of cross-entropy, from a logit that is wrong by 8.
# Four settings. In which of them is it true?

# %%
def steps(grad_fn, z, correct, lr=1.0, adam=False, limit=5000):
    """Steps of gradient descent, or of Adam, on the logits z until `correct(z)`."""
    m = v = np.zeros_like(z)
    for t in range(limit):
        if correct(z):
            return t
        g = grad_fn(z)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        scaled = m / (1 - 0.9 ** (t + 1)) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        z = z - lr * (scaled if adam else g)
    return limit


one, label = np.ones(1), np.array([0])
single, triple = np.array([-8.0]), np.array([[0.0, 8.0, 0.0]])  # three classes, the label is class 0
past_half, top_is_label = lambda z: z[0] > 0, lambda z: np.argmax(z) == 0
by = {
    "sigmoid, gradient descent": [
        steps(lambda z, g=g: g(z, one), single, past_half) for g in (sigmoid_mse_grad, sigmoid_ce_grad)],
    "softmax, gradient descent": [
        steps(lambda z, g=g: g(z, label)[1], triple, top_is_label) for g in (squared_error, cross_entropy)],
    "sigmoid, Adam (lr 0.1)": [
        steps(lambda z, g=g: g(z, one), single, past_half, 0.1, True) for g in (sigmoid_mse_grad, sigmoid_ce_grad)],
    "linear output, gradient descent (lr 0.1)": [
        steps(lambda z: 2 * (z - 1), single, lambda z: z[0] > 0.5, 0.1),
        steps(lambda z: sigmoid_ce_grad(z, one), single, past_half, 0.1)],  # there is no linear cross-entropy
}  # fmt: skip
for setting, (mse_steps, ce_steps) in by.items():
    print(f"{setting:42s} squared error {mse_steps:4d} steps, cross-entropy {ce_steps:3d}")

# %%
ruling = trial(
    "with squared error, a very wrong prediction learns slowly (10 times the steps)",
    {setting: mse_steps >= 10 * ce_steps for setting, (mse_steps, ce_steps) in by.items()},
    only_if="the output saturates and the step is proportional to the gradient",
)
assert ruling == "holds only if the output saturates and the step is proportional to the gradient"
ruling

# %% [markdown]
# Adam divides the gradient by its own size, so a tiny gradient is no excuse.
# A linear output has gradient $2(z - y)$: the wronger, the stronger.
# (Cross-entropy needs a probability, so in the last row it is the sigmoid's again.)
#
# Say: *squared error behind a sigmoid or softmax gives tiny gradients to confident mistakes*.

# %% [markdown]
# ### "Squared error cannot classify"
#
# The mildest reading: it stays below 90 % on digits. Try it on softmax, and on a plain linear output by least squares.

# %%
linear = []
for seed in range(5):
    X, y, X_test, y_test = data.digits(seed=seed)
    W = np.linalg.lstsq(X, np.eye(10)[y], rcond=None)[0]
    linear.append(np.mean(np.argmax(X_test @ W, axis=1) == y_test))
final = {name: results["start at zero", name][:, -1] for name in heads} | {"least squares": np.array(linear)}
for name, found in final.items():
    print(f"{name:14s} worst of five splits {found.min():.0%}, mean {found.mean():.0%}")

ruling = trial(
    "squared error cannot classify (stays below 90 % on digits)",
    {
        "softmax and squared error": final["squared error"].max() < 0.9,
        "linear output and least squares": final["least squares"].max() < 0.9,
    },
)
assert ruling == "does not hold"
ruling


# %% [markdown]
# It can. Its minimum is the same conditional probability, as the 0.7 above has shown.
# Hui & Belkin (2021) trained deep networks with squared error on *linear* outputs, in language, speech and vision.
# They found it as good or better on most tasks, with a slight edge for cross-entropy in vision.

# %% [markdown]
# ### "Cross-entropy's gradient has no derivative of the activation in it"
#
# If so, gradient ÷ (p − y) is the same number for every $z$. Measure that ratio from $z = -6$ to $6$, by finite differences,
# for four ways to turn $z$ into a probability, and for a sigmoid that sits one layer below the output.

# %%
def sig(z):
    return 1 / (1 + np.exp(-z))


units = {
    "output σ(z)": sig,
    "output softmax(0, z, 0)": lambda z: np.exp(z) / (np.exp(z) + 2),
    "output (1 + tanh z) / 2": lambda z: (1 + np.tanh(z)) / 2,
    "output 1/2 + arctan(z) / π": lambda z: 0.5 + np.arctan(z) / np.pi,
    "hidden σ(z), then output σ(3h − 1)": lambda z: sig(3 * sig(z) - 1),
}
where = np.array([-6.0, -3, -1, 1, 3, 6])
ratio = {
    name: np.array([numeric_gradient(lambda v, p=p: -np.log(p(v)).sum(), np.array([v]))[0] / (p(v) - 1) for v in where])
    for name, p in units.items()
}  # fmt: skip
for name, found in ratio.items():
    print(f"{name:36s}", "  ".join(f"{value:.3f}" for value in found))

# %%
ruling = trial(
    "cross-entropy's gradient has no derivative of the activation in it",
    {name: np.ptp(found) < 0.01 for name, found in ratio.items()},
    only_if="the output unit matches the loss",
)
assert ruling == "holds only if the output unit matches the loss"
ruling

# %% [markdown]
# The arctan output does not match: its derivative does not cancel.
# The rescaled tanh does, with a factor 2. No wonder: $(1+\tanh z)/2 = \sigma(2z)$.
# And nothing cancels for hidden layers: a saturated hidden sigmoid stops the gradient whatever the loss is.
#
# ### "Cross-entropy always gives the better classifier"
#
# Better shall mean: by more than one point of test accuracy, on all five splits of the digits.

# %%
gain = {
    case: results[case, "cross-entropy"][:, -1] - results[case, "squared error"][:, -1] for case in situations
}
for case, found in gain.items():
    print(f"{case:25s} cross-entropy minus squared error: {100 * found.min():+6.1f} to {100 * found.max():+6.1f} points")

ruling = trial(
    "cross-entropy always gives the better classifier (linear softmax on digits)",
    {case: found.min() > 0.01 for case, found in gain.items()},
    only_if="training starts from confident mistakes",
)
assert ruling == "holds only if training starts from confident mistakes"
ruling

# %% [markdown]
# This is one linear model with one learning rate, not a law. It is enough to bury "always".

# %% [markdown]
# ## Answer in 30 seconds
#
# "Cross-entropy is the negative log-likelihood of the labels.
# At the logits its gradient is p minus y: the derivative of softmax cancels, so a confident mistake gets the strongest pull.
# Squared error behind a sigmoid keeps the factor σ(1 − σ). Its gradient peaks at σ = 1/3 for a positive label and then dies, so confident mistakes barely learn, and the loss is not convex in the logit.
# Squared error can still classify. With linear outputs it is competitive."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the likelihood of the labels, take −log, divide by N: cross-entropy. Add that $H(t,p) = H(t) + \mathrm{KL}(t\,\|\,p)$.
# - Write the Jacobian $p_j(\delta_{jk} - p_k)$, then the chain rule, and let $p_j$ cancel: $p - t$.
# - Do the same with squared error for one sigmoid: $2(\sigma-y)\sigma(1-\sigma)$. For $y = 1$ the peak is 8/27 at $\sigma = \frac13$.
# - Give one number: from z = −8 with learning rate 1 it takes 9 steps against 1507.
# - Say the conditions: a saturating output, and plain gradient steps. Adam rescales; linear outputs do not saturate.
# - Write the stable code: subtract the row's maximum, log-sum-exp, never log(softmax), no eps.
# - Close with the other side: both losses have their minimum at the true probability, and squared error is more robust to wrong labels.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What is log-sum-exp good for?</summary>
#
# $\log\sum_j e^{z_j} = m + \log\sum_j e^{z_j-m}$ with $m$ the maximum.
# No exponent is positive, and the sum is at least 1. So neither overflow nor log(0) can happen.
# The loss of a sample is that minus $z_y$. It lies between $m - z_y$ and $m - z_y + \log K$.
#
# </details>
#
# <details><summary>KL divergence or cross-entropy: does it matter which one you minimise?</summary>
#
# Not for fixed targets. They differ by $H(t)$, which has no gradient.
# It matters when the target moves too, as in distillation with a teacher that is still being trained.
# Then only KL tells you how far you are: its floor is 0.
#
# </details>
#
# <details><summary>What does label smoothing change?</summary>
#
# The target becomes $(1-\varepsilon)\,t + \varepsilon/K$. The gradient stays $p - \text{target}$.
# So the label's logit stops growing at a finite margin, where $p_y = 1 - \varepsilon + \varepsilon/K$.
# Inception v3 used ε = 0.1.
#
# </details>
#
# <details><summary>And focal loss?</summary>
#
# $-(1-p_y)^\gamma \log p_y$: cross-entropy with the easy samples turned down. γ = 0 gives cross-entropy back.
# It was made for detectors, where nearly all boxes are easy background.
# Mind the direction: it mutes samples that are right. Squared error also mutes those that are badly wrong.
#
# </details>
#
# <details><summary>Classes are imbalanced. What now?</summary>
#
# Weight the loss by class, or sample classes evenly, or keep the loss and shift the logits by the log of the priors.
# In torch a *weighted mean* divides by the sum of the weights of the labels in the batch, not by N.
#
# </details>
#
# <details><summary>What does a temperature do?</summary>
#
# Softmax of $z/T$. Large T flattens towards uniform, small T sharpens towards argmax. The order of the classes stays.
# After training one T, fitted on held-out data, mends overconfidence without changing a single prediction.
# The gradient at $z$ gets a factor $1/T$.
#
# </details>
#
# <details><summary>Why can squared error classify at all?</summary>
#
# The mean squared error is smallest at the conditional mean, and the mean of a one-hot label is the class probability.
# So argmax of the minimiser is the best decision.
# Hui & Belkin (2021) use it without softmax, on linear outputs, where no gradient dies.
#
# </details>
#
# <details><summary>Why does my loss not go to 0?</summary>
#
# With noisy or soft labels the floor is the entropy $H(t)$. For the 70 % coin above it is $-0.7\ln 0.7-0.3\ln 0.3 \approx 0.61$.
# At the very start expect $\ln K$: 2.30 for ten classes. Anything far above that means a bad initialisation.
#
# </details>
#
# <details><summary>How would you test your gradient?</summary>
#
# Central differences in float64, on random logits: `gradcheck` above does it.
# Also: every row of the gradient sums to 0, because a shift of all logits changes nothing.
#
# </details>
#
# <details><summary>Sigmoid and softmax for two classes: the same?</summary>
#
# The same model: $\mathrm{softmax}(z_0, z_1)_1 = \sigma(z_1 - z_0)$. Softmax has one redundant logit.
# For several labels in one image it is sigmoids (question 33).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Squared error does not work for classification." It does; you have just trained it.
# - "Its gradient vanishes" without "behind a sigmoid or softmax, when the prediction is confidently wrong".
# - "Cross-entropy prevents vanishing gradients." At the output only. Hidden layers keep their derivatives.
# - `np.log(softmax(z) + 1e-12)`.
# - Softmax before `nn.CrossEntropyLoss`: it takes logits, so that would be softmax twice.
# - A gradient that is not divided by N, next to a loss that is.

# %% [markdown]
# ## References
#
# - I. Goodfellow, Y. Bengio, A. Courville. *Deep Learning*. MIT Press 2016. §6.2.1 (cost functions), §6.2.2.2 and §6.2.2.3 (sigmoid and softmax output units).
# - L. Hui, M. Belkin. *Evaluation of Neural Architectures Trained with Square Loss vs Cross-Entropy in Classification Tasks.* ICLR 2021.
# - P. Golik, P. Doetsch, H. Ney. *Cross-Entropy vs. Squared Error Training: a Theoretical and Experimental Comparison.* Interspeech 2013: from random weights squared error ended worse, from good ones it helped.
# - C. Szegedy et al. *Rethinking the Inception Architecture for Computer Vision.* CVPR 2016. §7: label smoothing.
# - T.-Y. Lin et al. *Focal Loss for Dense Object Detection.* ICCV 2017.
# - C. Guo et al. *On Calibration of Modern Neural Networks.* ICML 2017: temperature scaling.
# - PyTorch documentation of `CrossEntropyLoss` and `BCEWithLogitsLoss`: both take logits.
