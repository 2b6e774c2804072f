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
# - **Cross-entropy is the negative log-likelihood** of the labels. You can derive it.
# - **The gradient at the logits is p − y**, and you can show in two lines how the softmax's derivative cancels.
# - **What squared error does behind a sigmoid or softmax**: it keeps the factor σ(1 − σ), so confident mistakes get almost no gradient, and the loss is not convex in the logit.
# - **You do not overclaim.** Squared error *can* classify. With tuned learning rates and a harmless start it often ends close to cross-entropy, and the papers disagree about which one wins.
# - **Stable code**: log-sum-exp, never `log(softmax(z) + eps)`, and a plan for the day the loss is NaN.

# %% [markdown]
# ## The idea
#
# ### Cross-entropy is maximum likelihood
#
# A network gives logits $z = (z_1, \dots, z_K)$ and probabilities $p = \mathrm{softmax}(z)$.
# The likelihood of $N$ independent labels is $\prod_i p_{i,y_i}$. Take minus its logarithm and divide by $N$:
#
# $$
# L = -\frac1N \sum_{i=1}^N \log p_{i,y_i}
# $$
#
# That is cross-entropy. The same recipe gives squared error when $y$ is a number with Gaussian noise, and a class is no such number.
#
# For any target distribution $t$ we have $-\sum_k t_k\log p_k = H(t) + \mathrm{KL}(t\,\|\,p)$.
# The entropy $H(t)$ does not depend on the network, and KL is never negative and 0 only for $p=t$.
# So minimising cross-entropy moves $p$ to $t$. With noisy or soft labels the loss cannot reach 0, because $H(t)$ stays.

# %% [markdown]
# ### The gradient is p − t
#
# Softmax is $p_j = e^{z_j}/\sum_l e^{z_l}$, and the quotient rule gives $\partial p_j/\partial z_k = p_j(\delta_{jk} - p_k)$.
# The loss of one sample is $-\sum_j t_j\log p_j$. Every $p_j$ depends on $z_k$, so we sum over $j$:
#
# $$
# \frac{\partial L}{\partial z_k}
# = \sum_j \Big(-\frac{t_j}{p_j}\Big)\,p_j\,(\delta_{jk} - p_k)
# = -t_k + p_k \sum_j t_j
# = p_k - t_k
# $$
#
# The $p_j$ cancels. For the mean over a batch the gradient is $(p - t)/N$.
#
# Differentiate once more, and the Hessian in the logits is the Jacobian of softmax:
#
# $$
# H = \operatorname{diag}(p) - p\,p^\top
# \qquad\qquad
# v^\top H v = \sum_k p_k v_k^2 - \Big(\sum_k p_k v_k\Big)^2 = \operatorname{Var}_p(v) \ge 0
# $$
#
# A variance is never negative, so cross-entropy is **convex in the logits**, and convex in the weights of a linear model.
# It is not convex in the weights of a deep network. It is flat along $v=(1,\dots,1)$, because softmax ignores a common shift.

# %% [markdown]
# ### The same with squared error
#
# Now $L = \sum_j (p_j - t_j)^2$ with the error $e = p - t$. The same chain rule gives
#
# $$
# \frac{\partial L}{\partial z_k} = 2\,p_k\Big(e_k - \sum_j e_j\,p_j\Big)
# $$
#
# Nothing cancels. Put all the mass on one wrong class: then for every $k$ either the bracket or its factor $p_k$ is 0.
# The gradient is **zero where the network is as wrong as it can be**.
#
# With two classes one logit is enough, with $p=\sigma(z)=1/(1+e^{-z})$ and $\sigma'=\sigma(1-\sigma)$:
#
# | loss | derivative with respect to σ | gradient with respect to $z$ |
# |---|---|---|
# | $-y\log\sigma-(1-y)\log(1-\sigma)$ | $\frac{\sigma-y}{\sigma(1-\sigma)}$ | $\sigma - y$ |
# | $(\sigma-y)^2$ | $2(\sigma-y)$ | $2(\sigma-y)\,\sigma(1-\sigma)$ |
#
# For $y = 1$ and the error $e = 1 - \sigma$ the second gradient has the size $2e^2(1-e)$.
# Its derivative $4e-6e^2$ is zero at $e=\frac23$. So the pull is largest, $\frac8{27}$, at $\sigma = \frac13$, and worse predictions are pulled *less*.
# At the peak the slope of the gradient changes sign, so squared error through a sigmoid is not convex in $z$.

# %% [markdown]
# ### Log-sum-exp
#
# `exp(710)` is infinite in float64, so softmax must not be coded as it is written. Any shift $m$ may be pulled out:
#
# $$
# \log p_k = (z_k - m) - \log\sum_j e^{z_j-m}
# \qquad\text{with}\qquad m = \max_j z_j
# $$
#
# No exponent is positive, so nothing overflows. One exponent is exactly 0, so the sum lies in $[1, K]$ and its log is finite.
# And $\log p_k$ never passes through $p_k$, which may have underflowed to 0.
# (The stable forms for one sigmoid are derived in question 33.)

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, gradcheck, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: softmax
#
# `logits (N, K)`: one row for each sample. Return the probabilities, `(N, K)`, for logits of any size.

# %%
def softmax(logits):
    """logits (N, K) of any finite size -> probabilities (N, K), finite; every row sums to 1."""
    # BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    return weights / weights.sum(axis=1, keepdims=True)
    # END SOLUTION

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
    """logits (N, K), labels (N,) integers -> (loss, grad (N, K)), both of the mean over the samples.

    grad is with respect to the logits. Finite for any finite logits: a sample that is wrong by 20000 costs 20000.
    """
    # BEGIN SOLUTION
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[rows, labels].mean()
    grad = np.exp(log_p)
    grad[rows, labels] -= 1
    return loss, grad / len(labels)
    # END SOLUTION

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
    """z (N,), y (N,) in {0.0, 1.0} -> d/dz of (σ(z) − y)² for each sample, (N,): no mean; finite for any finite z."""
    # BEGIN SOLUTION
    small = np.exp(-np.abs(z))  # never overflows
    p = np.where(z >= 0, 1, small) / (1 + small)
    return 2 * (p - y) * p * (1 - p)
    # END SOLUTION

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
    """z (N,), y (N,) in {0.0, 1.0} -> d/dz of the binary cross-entropy of σ(z), for each sample, (N,): no mean; finite for any finite z."""
    # BEGIN SOLUTION
    small = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1, small) / (1 + small)
    return p - y
    # END SOLUTION

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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# The wrong answers to exercise 2 that the check knows by name; the table scrolls.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(cross_entropy)

# %% [markdown]
# ## Experiments
#
# ### Is the gradient right?
#
# A slip in the derivation is easily made, so ask finite differences.

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
# At z = −8 the predicted probability is 0.0003. By what factor does cross-entropy pull harder there? Guess before you run.

# %%
grid = np.linspace(-12, 6, 18_001)
ones = np.ones_like(grid)
pull_mse, pull_ce = np.abs(sigmoid_mse_grad(grid, ones)), np.abs(sigmoid_ce_grad(grid, ones))
top, far = np.argmax(pull_mse), np.argmin(np.abs(grid + 8))
print(f"largest pull of squared error: {pull_mse[top]:.4f} at z = {grid[top]:.2f}, where σ = {1 - pull_ce[top]:.3f}")
print(f"at z = −8 cross-entropy pulls {pull_ce[far] / pull_mse[far]:.0f} times as hard")

# %% tags=["hide-input"]
tints = {"cross-entropy": plots.color("cross_entropy"), "squared error": plots.color("mse")}
curves = [
    {"cross-entropy": np.logaddexp(0, -grid), "squared error": pull_ce**2},  # the pull of cross-entropy is 1 − σ
    {"cross-entropy": pull_ce, "squared error": pull_mse},
]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, each in zip(axes, curves, strict=True):
    for (name, values), dash in zip(each.items(), ("-", "--"), strict=True):
        ax.plot(grid, values, dash, color=tints[name], label=name)
    ax.set_xlabel("logit z (the label is 1)")
axes[0].set(ylim=(0, 6), ylabel="loss", title="Squared error is flat where all is wrong")
axes[0].legend(loc="upper right")
axes[1].plot(grid[top], pull_mse[top], "o", color=tints["squared error"])
axes[1].annotate("peak 8/27\nat σ = 1/3", (grid[top], pull_mse[top]), (1.6, 0.42), arrowprops={"arrowstyle": "-", "color": "0.5"})
axes[1].set(ylabel="|gradient|", title="… so a confident mistake has no gradient")
plt.show()

# %% [markdown]
# **Takeaway.** Cross-entropy pulls with the size of the error, up to 1.
# Squared error pulls hardest at σ = 1/3 and lets go of everything that is worse.
# Start at z = −8 with learning rate 1 and count the steps until this single logit is positive: 9 with cross-entropy, and about $e^{8}/2\approx1500$ with squared error.

# %% [markdown]
# ### The validation loss rises while the accuracy does not fall
#
# A small network has learnt its 100 training digits, and training goes on. What happens to the loss on new digits?
# The third curve divides the logits by the one number, the temperature, that is best for that step.

# %%
X, y, X_test, y_test = data.digits()
rng = np.random.default_rng(0)
few, labels = X[:100], y[:100]
first, second = rng.normal(size=(64, 100)) * 0.27, rng.normal(size=(100, 10)) * 0.14
marks, history = np.unique(np.geomspace(20, 4000, 30).astype(int)), []
for step in range(marks[-1] + 1):
    if step in marks:
        z = np.maximum(X_test @ first, 0) @ second
        best = min(cross_entropy(z / t, y_test)[0] for t in np.geomspace(0.3, 5, 40))
        history.append((cross_entropy(z, y_test)[0], best, np.mean(z.argmax(axis=1) == y_test)))
    h = np.maximum(few @ first, 0)
    d = cross_entropy(h @ second, labels)[1]
    first, second = first - few.T @ (d @ second.T * (h > 0)), second - h.T @ d
loss, at_best_temperature, hits = np.array(history).T

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
axes[0].semilogx(marks, loss, color=plots.color("test"), label="as trained")
axes[0].semilogx(marks, at_best_temperature, "--", color=plots.color("right"), label="at the best temperature")
axes[0].set(xlabel="step", ylabel="loss on new digits", ylim=(0.25, 0.6), title="The loss rises again …")
axes[0].legend()
axes[1].semilogx(marks, hits, color=plots.color("test"))
axes[1].set(xlabel="step", ylabel="accuracy on new digits", ylim=(0.8, 0.95), title="… and the accuracy stays")
plt.show()

# %% [markdown]
# **Takeaway.** The training digits are fitted perfectly, so the logits keep growing. The few new digits that are wrong then cost more and more, because their loss grows with the logit.
# The accuracy hardly changes: the *probabilities* get worse (overconfident), and the decisions do not. The best temperature, chosen on these same digits, takes most of the rise away (dashed). In practice one fits it on held-out data (question 50).
# So say which metric you stop on. If you need probabilities, stop on the loss; if you need decisions only, look at the accuracy: it may go on improving after the loss has turned.

# %% [markdown]
# ### Hunting a NaN
#
# The classic accident: write the formula with one-hot targets, in float32, and let one probability underflow.
# The label here is class 0, and it is predicted *well*. What is the loss?

# %%
z = np.array([[0.0, -200.0]], dtype=np.float32)
t = np.array([[1.0, 0.0]], dtype=np.float32)
with np.errstate(divide="ignore", invalid="ignore"):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    print("p =", p, "  −Σ t log p =", -(t * np.log(p)).sum())
print(f"your cross_entropy: {abs(cross_entropy(z, np.array([0]))[0]):.1f}")

# %% [markdown]
# $0\cdot\log 0$ is $0\cdot(-\infty)$, which is NaN. One such sample makes the mean NaN, then the gradient, then every weight.
#
# How to hunt one, in the order in which I would look:
#
# 1. **Find the first bad step.** Stop at the first non-finite loss, and save that batch. `torch.autograd.set_detect_anomaly(True)` names the operation whose *backward* pass first gives NaN.
# 2. **Inputs and labels of that batch**: NaN in the data, a label of −1 or K, an empty batch (a mean over nothing is NaN).
# 3. **The loss**: log of 0, exp of a large number, $\infty-\infty$, $0\cdot\infty$, a square root at 0 (its gradient is infinite), and `torch.where` that hides a NaN forwards but not backwards.
# 4. **The step**: does the loss explode *before* it is NaN? Then it is the learning rate, a missing warm-up or clipping.
# 5. **The number format**: float16 overflows above 65 504, and small gradients become 0. Loss scaling keeps small gradients alive, but too large a scale overflows, and then that step must be skipped. (bfloat16 has the range of float32.)

# %% [markdown] tags=["deeper"]
# ### Deeper: why no eps inside the log?
#
# A common patch against log(0) is `-log(p + 1e-12)`. The label's logit lies $d$ below the other one.
# What loss and what gradient does the patch leave?

# %% tags=["deeper", "hide-input"]
gap = np.linspace(0, 120, 481)
two = np.column_stack([np.zeros_like(gap), gap])  # logits; the label is class 0
yours = [cross_entropy(row[None], np.array([0])) for row in two]
p_label = softmax(two)[:, 0]
with np.errstate(all="ignore"):
    e = np.exp(two.astype(np.float32))
    naive = -np.log(e[:, 0] / e.sum(axis=1))
padded = {"loss": -np.log(p_label + 1e-12), "pull": p_label * (1 - p_label) / (p_label + 1e-12)}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** The eps saves the number and kills the gradient: $p(1-p)/(p+\varepsilon) \to 0$ when $p \ll \varepsilon$.
# It brings back the very fault that cross-entropy was to cure. Frameworks take logits for this reason.

# %% [markdown] tags=["deeper"]
# ### Deeper: do the two losses want different answers?
#
# Ten samples share one logit; seven have the label 1 and three have 0. Where is the mean gradient zero?

# %% tags=["deeper"]
coin = np.repeat([1.0, 0.0], [7, 3])
grid = np.linspace(-4, 4, 8001)
for name, grad in (("cross-entropy", sigmoid_ce_grad), ("squared error", sigmoid_mse_grad)):
    mean = 0.7 * grad(grid, np.ones_like(grid)) + 0.3 * grad(grid, np.zeros_like(grid))
    print(f"{name}: the mean gradient is zero at σ = {sigmoid_ce_grad(grid[[np.argmin(np.abs(mean))]], np.zeros(1))[0]:.2f}")

# %% [markdown] tags=["deeper"]
# **Takeaway.** Both are minimal at the true probability; such losses are called *proper scoring rules*.
# So squared error has the right aim. The trouble is the way there, from the flat ends.

# %% [markdown]
# ## Folklore on trial
#
# We train a linear classifier of digits with your `cross_entropy`, or with squared error on your `softmax`, for 30 epochs.
# Each loss takes its best of five learning rates in each run.
# The weights start with a standard deviation `start`. From 3 on the network begins with confident mistakes: logits differ by about ten.

# %%
def squared_error(logits, labels):
    """Σ (p − t)² on softmax probabilities: mean loss and its gradient, as derived above."""
    p = softmax(logits)
    e = p - np.eye(logits.shape[1])[labels]
    return (e**2).sum(axis=1).mean(), 2 * p * (e - (e * p).sum(axis=1, keepdims=True)) / len(labels)


RATES = {"SGD": (0.3, 1, 3, 10, 30), "Adam": (0.01, 0.03, 0.1, 0.3, 1)}


def best_accuracy(loss, optimiser, start, flipped, seed):
    """Test accuracy after 30 epochs at the best of five rates; `flipped`: the share of wrong training labels."""
    heads = {"cross-entropy": cross_entropy, "squared error": squared_error}
    X, y, X_test, y_test = data.digits(seed=seed)
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(len(y)) < flipped, y + rng.integers(1, 10, len(y)), y) % 10
    begin, orders = start * rng.normal(size=(64, 10)), [rng.permutation(len(y)) for _ in range(30)]
    reached = []
    for lr in RATES[optimiser]:
        W, m, v = begin, 0 * begin, 0 * begin
        for t, batch in enumerate((b for order in orders for b in np.array_split(order, 20)), start=1):
            g = X[batch].T @ heads[loss](X[batch] @ W, labels[batch])[1]
            if optimiser == "Adam":
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                g = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            W = W - lr * g
        reached.append(np.mean(np.argmax(X_test @ W, axis=1) == y_test))
    return float(max(reached))


both, losses = ["SGD", "Adam"], ["cross-entropy", "squared error"]
tried = settings(loss=losses, optimiser=both, start=[0.0, 0.3, 1.0, 3.0, 5.0], flipped=0.0, seed=range(2))
tried += settings(loss=losses, optimiser=both, start=[0.1, 0.2, 4.0, 6.0], flipped=0.0, seed=range(2, 5))
tried += settings(loss=losses, optimiser=both, start=0.0, flipped=[0.2, 0.4], seed=range(2))
accuracy = evidence("cross_entropy_race", best_accuracy, tried, sample=1)


def lead(optimiser, start, seed, flipped=0.0):
    """Accuracy of cross-entropy minus that of squared error, each at its best rate."""
    return np.subtract(*[accuracy(loss=loss, optimiser=optimiser, start=start, flipped=flipped, seed=seed) for loss in losses])

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
cases = [("start 0", 0.0, 0.0), ("start 0.3", 0.3, 0.0), ("start 1", 1.0, 0.0), ("start 3", 3.0, 0.0), ("start 5", 5.0, 0.0), ("start 0, 20 %\nwrong labels", 0.0, 0.2), ("start 0, 40 %\nwrong labels", 0.0, 0.4)]
for j, (optimiser, marker) in enumerate((("SGD", "o"), ("Adam", "s"))):
    for i, (_, start, flipped) in enumerate(cases):
        values = [100 * lead(optimiser, start, seed, flipped) for seed in range(2)]
        ax.plot([i + 0.2 * (j - 0.5)] * 2, values, marker, color=plots.color("sgd" if j == 0 else "adam"), label=optimiser if i == 0 else None)
ax.axhline(0, color="0.5", linestyle=":")
ax.set_xticks(range(len(cases)), [name for name, *_ in cases])
ax.set(ylabel="points by which\ncross-entropy leads", title="Tuned, the two losses differ by much only after a start with large weights")
ax.legend()
plt.show()

# %% [markdown]
# ### "Squared error behind softmax learns slowly from confident mistakes"
#
# Slowly means that after 30 epochs it is at least 5 points behind cross-entropy (second threshold: 10).

# %%
trial(
    "squared error behind softmax learns more slowly than cross-entropy",
    lambda optimiser, start, seed: (lead(optimiser, start, seed) > 0.05, lead(optimiser, start, seed) > 0.1),
    over=settings(optimiser=both, start=[0.0, 0.3, 3.0, 5.0], seed=range(2)),
    held_out=settings(optimiser=both, start=[0.1, 0.2, 4.0, 6.0], seed=range(2, 5)),
    only_if=("training starts from confident mistakes (start ≥ 3)", lambda start: start >= 3),
    expect="holds only if training starts from confident mistakes (start ≥ 3)",
)

# %% [markdown]
# In between, at start 1, squared error is behind with SGD (by 9 and 28 points) and level with Adam. The trial leaves start 1 out. But Adam does not save it from a really wrong start: it rescales the gradient of a *weight*, which is a sum over all samples, and the samples without a gradient still have no say in it.
#
# Say: *"Behind a sigmoid or softmax squared error gives tiny gradients to confident mistakes, so it is slow after a bad start."*
#
# ### "Cross-entropy gives the better classifier"
#
# Better means by more than one point of test accuracy (second threshold: half a point), from a harmless start, with and without wrong labels.

# %%
trial(
    "cross-entropy gives a better classifier than squared error",
    lambda optimiser, flipped, seed: (lead(optimiser, 0.0, seed, flipped) > 0.01, lead(optimiser, 0.0, seed, flipped) > 0.005),
    over=settings(optimiser=both, flipped=[0.0, 0.2, 0.4], seed=range(2)),
    published=[
        published("Hui & Belkin 2021, abstract", "with square loss deep nets do as well or better on most language and speech tasks; cross-entropy has a slight edge in vision", holds=False),
        published("Golik et al. 2013, abstract", "from random weights squared error ends worse, and from good ones it improves the net", holds=True),
    ],
    expect="not decided here",
)

# %% [markdown]
# Neither loss wins everywhere, here or in the papers.
# Both rows are the papers' abstracts. Their settings differ: Golik et al. train hybrid speech and handwriting models of 2013.
# Hui & Belkin drop the softmax, so the outputs are linear and do not saturate, and they rescale the loss when the classes are many (details of the recipe not checked here).
#
# ### "Squared error cannot classify"
#
# The mildest reading is that it stays below 90 % on digits (second threshold: 80 %). We try it on softmax, and on a linear output by least squares.
# As a control we regress the digit itself, 0 to 9, and round: here squared error really fails.

# %%
def fails(head, seed):
    X, y, X_test, y_test = data.digits(seed=seed)
    if head == "softmax":
        share = accuracy(loss="squared error", optimiser="SGD", start=0.0, flipped=0.0, seed=seed)
    elif head == "one linear output for each class":
        share = np.mean(np.argmax(X_test @ np.linalg.lstsq(X, np.eye(10)[y], rcond=None)[0], axis=1) == y_test)
    else:
        share = np.mean(np.round(X_test @ np.linalg.lstsq(X, y, rcond=None)[0]) == y_test)
    return share < 0.9, share < 0.8


trial(
    "squared error cannot classify",
    fails,
    over=settings(head="softmax", seed=range(2)) + settings(head="one linear output for each class", seed=range(4)),
    published=[published("Hui & Belkin 2021, abstract", "on a par with cross-entropy in language, speech and vision", holds=False)],
    control=dict(head="the label as a number", seed=0),
    expect="does not hold",
)

# %% [markdown]
# It can, if the targets are one-hot: the minimum of the mean squared error is the conditional mean, and the mean of a one-hot label is the class probability.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Cross-entropy is the negative log-likelihood of the labels.
# Its gradient at the logits is p minus y, because the derivative of softmax cancels, so a confident mistake gets the strongest pull.
# It is convex in the logits.
# Squared error behind a sigmoid keeps the sigmoid's derivative, so confident mistakes barely learn, and it is not convex.
# It can still classify: well tuned, from a harmless start, it often comes close. Shall I derive the gradient?"
#
# ### 三十秒回答
#
# "交叉熵就是标签的负对数似然。
# 它对 logits 的梯度是 p 减 y,softmax 的导数正好消掉,所以错得越自信,梯度越大,而且对 logits 是凸的。
# 平方损失接在 sigmoid 后面,梯度里还留着 sigmoid 的导数,自信的错误几乎学不动,也不是凸的。
# 但平方损失也能做分类,初始化正常、学习率调好时,两者往往差不多。要我推一下梯度吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the likelihood of the labels, take −log, divide by N: cross-entropy. Add that $H(t,p) = H(t) + \mathrm{KL}(t\,\|\,p)$.
# - Write the Jacobian $p_j(\delta_{jk} - p_k)$, then the chain rule, and let $p_j$ cancel: $p - t$. The Hessian is $\operatorname{diag}(p)-pp^\top$, a variance, so the loss is convex in the logits.
# - Do the same with squared error for one sigmoid: $2(\sigma-y)\sigma(1-\sigma)$. For $y = 1$ the peak is 8/27 at $\sigma = \frac13$.
# - Give one number: from z = −8 with learning rate 1 a single logit takes 9 steps against about 1500.
# - Say the condition: a saturating output and confident mistakes. Adam does not remove it; linear outputs do not have it.
# - Write the stable code: subtract the row's maximum, log-sum-exp, never log(softmax), no eps.
# - Close with the other side: both losses are minimal at the true probability. With tuned rates and a harmless start they ended within about one point of each other in our tests on clean labels, and papers disagree on real tasks.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Is the loss convex in the weights?</summary>
#
# For a linear model, yes: logits are linear in the weights, and $\operatorname{diag}(p)-pp^\top$ is positive semidefinite.
# In a deep network, no: the logits are not linear in the weights. Permuting hidden units gives other minima of the same height, and between them the loss is usually higher.
#
# </details>
#
# <details><summary>Does cross-entropy remove the activation's derivative from the gradient?</summary>
#
# Only for the matching output unit: sigmoid with binary cross-entropy, softmax with cross-entropy (and identity with squared error).
# With an arctan squashed to (0, 1) nothing cancels.
# And hidden layers keep their own derivatives: a saturated hidden sigmoid stops the gradient whatever the loss is.
#
# </details>
#
# <details><summary>KL divergence or cross-entropy: does it matter which one you minimise?</summary>
#
# Not for fixed targets. They differ by $H(t)$, which has no gradient.
# It matters when the target moves too, as in distillation from a teacher that is still being trained (question 50).
#
# </details>
#
# <details><summary>Is squared error more robust to wrong labels?</summary>
#
# It is bounded: one wrong label can cost no more than 2. And its gradient is tiny for a sample whose label contradicts a confident prediction, as a wrong label often does.
# With both rates tuned it led in all eight of our runs with 20 or 40 % wrong labels, but by 0.2 to 2.3 points only. With one rate for both losses you would also compare step sizes.
# Losses made for this are bounded on purpose, for example generalised cross-entropy (Zhang & Sabuncu 2018).
#
# </details>
#
# <details><summary>Label smoothing, temperature, focal loss, class weights: where do they fit?</summary>
#
# Label smoothing changes the target, and the gradient stays $p-\text{target}$; a temperature divides the logits: question 50.
# Focal loss turns the easy samples down: question 39. Class weights and `pos_weight`: question 33.
# In torch a *weighted mean* divides by the sum of the labels' weights in the batch, not by N.
#
# </details>
#
# <details><summary>Why does my loss not go to 0? And where does it start?</summary>
#
# With noisy or soft labels the floor is the entropy $H(t)$. For a 70 % coin it is $-0.7\ln 0.7-0.3\ln 0.3 \approx 0.61$.
# At the start expect $\ln K$: 2.30 for ten classes. A start far above that usually means too large weights or inputs, so confident mistakes.
#
# </details>
#
# <details><summary>How would you test your gradient?</summary>
#
# Central differences in float64, on random logits: `gradcheck` above does it.
# Also, every row of the gradient sums to 0, because a shift of all logits changes nothing.
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
# - "Squared error does not work for classification." It does, as the last trial shows.
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
# - P. Golik, P. Doetsch, H. Ney. *Cross-Entropy vs. Squared Error Training: a Theoretical and Experimental Comparison.* Interspeech 2013.
# - Z. Zhang, M. Sabuncu. *Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels.* NeurIPS 2018.
# - C. Guo et al. *On Calibration of Modern Neural Networks.* ICML 2017: overconfidence, and temperature scaling.
# - PyTorch documentation of `CrossEntropyLoss` and `BCEWithLogitsLoss`: both take logits.
