# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Batch, stochastic and mini-batch gradient descent: how do they differ?
#
# *批量、随机、小批量梯度下降有什么区别,各有什么优缺点?*

# %% [markdown]
# ## Question
#
# "Explain batch, stochastic and mini-batch gradient descent.
# What does one update cost in each, and what do you pay for a cheap one?
# Does SGD converge?"
#
# "解释批量、随机和小批量梯度下降。每次更新的代价分别是多少?便宜的更新要付出什么代价?SGD 会收敛吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **One formula, one choice:** the three differ only in the batch size $B$: $n$, 1, or between.
# - **Cost per update against cost per epoch.** An update costs $B$ sample gradients; an epoch costs $n$ whatever $B$ is.
# - **Unbiased, but noisy.** The gradient of a random mini-batch is right on average. Its noise is the price.
# - **The noise ball:** with a constant step and noise at the optimum, SGD arrives fast and then hovers, at a distance that the step decides.
# - **Why batch at all:** a larger batch allows a larger stable step, up to $2/L$, and hardware likes matrices.

# %% [markdown]
# ## The idea
#
# The loss is a mean over samples, and so is its gradient:
#
# $$
# J(\theta)=\frac1{2n}\sum_{i=1}^n (x_i\cdot\theta-y_i)^2,
# \qquad
# \nabla J(\theta)=\frac1n\sum_{i=1}^n g_i(\theta),
# \qquad
# g_i(\theta)=(x_i\cdot\theta-y_i)\,x_i .
# $$
#
# A mean can be estimated from a part. Take a batch $\mathcal B$ of $B$ indices:
#
# $$
# \theta \leftarrow \theta-\eta\,\frac1B\sum_{i\in\mathcal B} g_i(\theta).
# $$
#
# | | $B$ | updates in an epoch | sample gradients in an update | in an epoch |
# |---|---|---|---|---|
# | batch | $n$ | 1 | $n$ | $n$ |
# | mini-batch | 1 < $B$ < $n$ | $\lceil n/B\rceil$ | $B$ | $n$ |
# | stochastic | 1 | $n$ | 1 | $n$ |

# %% [markdown]
# ### The mini-batch gradient is unbiased
#
# Each index is equally likely to be the first, the second, … of a random permutation.
# So for each place in the batch the expected gradient is the mean over all samples:
#
# $$
# \mathbb E\Big[\frac1B\sum_{i\in\mathcal B} g_i\Big]
# =\frac1B\sum_{b=1}^{B}\mathbb E[g_{i_b}]
# =\frac1B\sum_{b=1}^{B}\frac1n\sum_{i=1}^n g_i
# =\nabla J .
# $$
#
# One unusual sample changes one step. It does not change the average over batches: that is *variance*, not bias.
# (All this is for a fixed θ. Inside an epoch without replacement θ already depends on the earlier batches, so only the first batch is exactly unbiased at the current θ. With replacement every batch is.)

# %% [markdown]
# ### The noise ball, derived
#
# Let $e=\theta-\theta^*$ be the error, on a quadratic with Hessian $H$, eigenvalues from $\lambda_{\min}>0$ to $L$.
# The stochastic gradient is $He+\xi$, with $\mathbb E\,\xi=0$ and $\mathbb E\|\xi\|^2=\sigma^2$ (taken as constant for now). One step, with $\eta\le1/L$:
#
# $$
# e' = (I-\eta H)\,e-\eta\,\xi
# \quad\Longrightarrow\quad
# \mathbb E\|e'\|^2\;\le\;(1-\eta\lambda_{\min})^2\,\mathbb E\|e\|^2+\eta^2\sigma^2 .
# $$
#
# The cross term is zero, because $\xi$ has mean zero whatever $e$ is.
# The bound's fixed point $s$ obeys $s=(1-\eta\lambda_{\min})^2 s+\eta^2\sigma^2$, so
#
# $$
# s=\frac{\eta\,\sigma^2}{\lambda_{\min}(2-\eta\lambda_{\min})}\approx\frac{\eta\,\sigma^2}{2\lambda_{\min}}\quad\text{for small }\eta .
# $$
#
# What is above $s$ shrinks by $(1-\eta\lambda_{\min})^2$ in every step: **linear convergence, to a ball** whose squared radius is proportional to $\eta$.
# To get to the point itself the noise must go to zero: by a shrinking step (question 47), or by averaging the iterates.
#
# ### The largest stable step of a mini-batch
#
# When every sample can be fitted exactly, the noise vanishes at the optimum: $\xi$ is proportional to $e$. Then SGD converges linearly all the way, **if** the step is small enough, and $1/L$ need *not* be small enough.
# Take $H=I$ and batches of $B$ independent samples. If $\mathbb E\big[\|x\|^2(x\cdot e)^2\big]\approx\mathbb E\|x\|^2\,\|e\|^2$, one step gives
#
# $$
# \mathbb E\|e'\|^2=\Big(1-2\eta+\eta^2\big(1+\tfrac{\mathbb E\|x\|^2-1}{B}\big)\Big)\|e\|^2,
# \qquad\text{which shrinks if}\qquad
# \eta<\frac{2}{1+(\mathbb E\|x\|^2-1)/B}.
# $$
#
# For $B=1$ the limit is $2/\mathbb E\|x\|^2$, here a tenth of $2/L$; it grows with $B$, at first in proportion, up to $2/L=2$.
# That is one reason for batching: **a larger batch allows a longer step.** At the same step it only takes noise away.
#
# ### Why cheap gradients are enough
#
# Store every sample twice. The full-batch gradient is the same vector and costs twice as much; SGD does not notice.
# Real data repeat themselves in part, so early on the gradient of a small part is often good enough.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Cut an epoch into batches
#
# One `rng.permutation(n)`, cut in order. Keep the short last batch.

# %%
def iterate_minibatches(n, batch_size, rng):
    """n, batch_size ints, rng a Generator -> list of index arrays that cover 0 … n-1 once, each of batch_size but the last.

    One rng.permutation(n), cut in order; the short last batch is kept.
    """
    # BEGIN SOLUTION
    order = rng.permutation(n)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]
    # END SOLUTION

# %%
check(iterate_minibatches)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: how many batches?</summary>
#
# $\lceil n/B\rceil$. They start at 0, B, 2B, … below n.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the short last batch</summary>
#
# A slice that runs over the end of an array is cut there: nothing special is needed.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `order[start : start + batch_size]` for `start` in `range(0, n, batch_size)`.
#
# </details>

# %% [markdown]
# ### Train a linear model with them
#
# θ starts at zeros. A fresh order in each epoch. After each epoch note the *full* loss $J$.

# %%
def train_linear(X, y, batch_size, lr, n_epochs, rng):
    """X (n, d), y (n,) -> theta (d,), losses (n_epochs,).

    theta starts at zeros; a step is lr times the *mean* gradient of the batch. One iterate_minibatches order an epoch,
    drawn at its start; losses are J on all of X and y, after each epoch.
    """
    # BEGIN SOLUTION
    theta, losses = np.zeros(X.shape[1]), []
    for _ in range(n_epochs):
        for batch in iterate_minibatches(len(y), batch_size, rng):
            x = X[batch]
            theta = theta - lr * x.T @ (x @ theta - y[batch]) / len(batch)
        losses.append(np.mean((X @ theta - y) ** 2) / 2)
    return theta, np.array(losses)
    # END SOLUTION

# %%
check(train_linear)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two loops</summary>
#
# Epochs outside, batches inside. The permutation is drawn once per epoch, inside the outer loop.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: by what do you divide?</summary>
#
# By `len(batch)`. The last batch may be shorter than `batch_size`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# The step is `lr * x.T @ (x @ theta - y[batch]) / len(batch)`.
# After the inner loop: `np.mean((X @ theta - y) ** 2) / 2`, with all of X.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(train_linear)

# %% [markdown]
# ## Experiments
#
# ### Three ways down one bowl
#
# Two features, 60 samples. Which of the three paths do you expect to be straight?

# %%
def walk(X, y, batches, lr, theta=None):
    """The path of θ, one row for each batch; lr a number or a function of the step."""
    path = [np.zeros(X.shape[1]) if theta is None else theta]
    for t, batch in enumerate(batches):
        x, rate = X[batch], lr(t) if callable(lr) else lr
        path.append(path[-1] - rate * x.T @ (x @ path[-1] - y[batch]) / len(batch))
    return np.array(path)


def epochs(n, batch_size, n_epochs, rng):
    """The batches of several epochs, one after the other."""
    return [batch for _ in range(n_epochs) for batch in iterate_minibatches(n, batch_size, rng)]

# %% tags=["hide-input"]
rng = np.random.default_rng(0)
X2 = rng.normal(size=(60, 2)) * [1.0, 0.6]
y2 = X2 @ [2.0, 1.5] + rng.normal(size=60)
best2 = np.linalg.lstsq(X2, y2)[0]
H2 = X2.T @ X2 / 60
paths = {
    "stochastic, B = 1": walk(X2, y2, epochs(60, 1, 2, rng), 0.1),
    "mini-batch, B = 10": walk(X2, y2, epochs(60, 10, 10, rng), 0.3),
    "batch, B = n": walk(X2, y2, epochs(60, 60, 30, rng), 0.6),
}


def bowl(a, b):
    u, v = a - best2[0], b - best2[1]
    return 0.5 * (H2[0, 0] * u**2 + 2 * H2[0, 1] * u * v + H2[1, 1] * v**2)


ax = plots.contours(
    bowl, (-0.3, 2.9), (-0.3, 1.9), paths,
    "The smaller the batch, the more the path trembles", minimum=best2,
)
plt.show()

# %% [markdown]
# **Takeaway.** The batch path is smooth. The stochastic one arrives early and then moves at random around the star: the noise ball.
# At the same θ the expected gradient is the same in all three; after the first step they are no longer at the same θ.

# %% [markdown]
# ### What is a fair race?
#
# Not per update: one batch update reads all $n$ samples. Count *sample gradients*; an epoch is $n$ of them.
# Each method gets a step that suits it. Data: diabetes, 442 patients, 10 features.

# %%
X, y = data.diabetes()
n = len(y)
best = np.linalg.lstsq(X, y)[0]
lowest = np.mean((X @ best - y) ** 2) / 2
recipes = {"stochastic, B = 1": (1, 0.005), "mini-batch, B = 16": (16, 0.05), "batch, B = 442": (n, 0.4)}
race = {
    name: np.r_[0.5, train_linear(X, y, size, lr, 40, np.random.default_rng(1))[1]] - lowest
    for name, (size, lr) in recipes.items()
}
evaluations = n * np.arange(41)
ax = plots.curves(
    {name: (evaluations, excess) for name, excess in race.items()},
    "sample gradients computed", "loss above the minimum", "Early on, many rough steps beat one exact step of the same cost",
    logy=True,
)
plt.show()

# %% [markdown]
# **Takeaway.** After one epoch the batch method has made one step, the stochastic one 442.
# Far from the minimum a rough direction is good enough. Near it the noise takes over: the small batches stop improving and fluctuate, and the full batch passes them.

# %%
print("after one pass over the data, loss above the minimum")
for name, excess in race.items():
    print(f"{name:20s} {excess[1]:.3f}   updates: {-(-n // recipes[name][0])}")

# %% [markdown]
# So why not always $B=1$? Because gradients are counted here, not seconds, and single samples waste the hardware (question 03).

# %% [markdown]
# ### How large is the noise ball?
#
# The derivation says: squared radius ∝ η. Measure it. Start *at* the minimum, and see how far the noise carries θ.
# Features are whitened, so that $H=I$: there the bound is exact, for constant σ.
# Guess first: does reshuffling (every sample once per epoch) give the same ball as drawing with replacement?

# %%
W = np.sqrt(n) * np.linalg.svd(X, full_matrices=False)[0]  # WᵀW/n = I
best_w = W.T @ y / n
rates = np.array([0.0025, 0.005, 0.01, 0.02])


def noise_ball(draw, n_epochs=24, runs=60, seed=0):
    """Mean loss above the minimum at the ends of epochs, for each of the rates; draw(rng) -> n indices."""
    rng = np.random.default_rng(seed)
    error = np.zeros((len(rates), runs, W.shape[1]))
    ends = []
    for epoch in range(n_epochs):
        orders = np.array([draw(rng) for _ in range(runs)])
        for batch in orders.T:
            x = W[batch]
            residual = np.einsum("krd,rd->kr", error, x) + x @ best_w - y[batch]
            error = error - rates[:, None, None] * residual[:, :, None] * x
        if epoch >= 8:
            ends.append(0.5 * (error**2).sum(axis=2).mean(axis=1))
    return np.mean(ends, axis=0)


balls = {
    "with replacement": noise_ball(lambda rng: rng.integers(0, n, size=n)),
    "reshuffled": noise_ball(lambda rng: rng.permutation(n)),
}

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
slopes = {}
for ax, (name, ball) in zip(axes, balls.items(), strict=True):
    _, slopes[name] = plots.loglog_fit(rates, ball, "learning rate η", "mean loss above the minimum", name, ax=ax)
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.set_xticks([], minor=True)
fig.suptitle("The noise ball shrinks with η, and faster when reshuffled", x=0.01, ha="left")
plt.show()

# %% [markdown]
# Now the size, not only the slope. With $H=I$ the loss above the minimum is $\tfrac12\|e\|^2$, so the derivation predicts
# $\tfrac12\cdot\tfrac{\eta\sigma^2}{2-\eta}$, with $\sigma^2$ the mean squared length of a sample gradient at the minimum.

# %%
sigma2 = np.mean((W @ best_w - y) ** 2 * (W**2).sum(axis=1))
print("η        floor/η   predicted     reshuffled floor/η")
for rate, a, b in zip(rates, *balls.values(), strict=True):
    print(f"{rate:<8} {a / rate:.2f}      {sigma2 / (2 * (2 - rate)):.2f}          {b / rate:.2f}")
print(f"slopes: with replacement {slopes['with replacement']:.1f}, reshuffled {slopes['reshuffled']:.1f}")

# %% [markdown]
# **Takeaway.** With replacement, half the step gives half the loss, and for small η the constant is the predicted one.
# For larger η the floor is higher: the noise is not quite constant, it grows with the error.
# Reshuffled, the errors of one epoch partly cancel by its end, and the better the smaller the step is: half the step gives about a quarter of the loss, on average over this range.

# %% [markdown]
# ### Averaging the iterates
#
# A ball has a centre. Take the mean of the last half of the steps (Polyak & Juditsky 1992). How much nearer is it than the last iterate?

# %%
def last_and_mean(lr, seed, n_epochs=12):
    """Loss above the minimum of the last iterate, and of the mean of the later half; B = 1, with replacement."""
    batches = np.random.default_rng(seed).integers(0, n, size=(n_epochs * n, 1))
    path = walk(W, y, batches, lr)
    centre = path[len(path) // 2 :].mean(axis=0)
    return [0.5 * np.sum((theta - best_w) ** 2) for theta in (path[-1], centre)]


gaps = np.mean([last_and_mean(0.01, seed) for seed in range(8)], axis=0)
print(f"loss above the minimum: last iterate {gaps[0]:.3f}, mean of the later half {gaps[1]:.4f}")

# %% [markdown]
# **Takeaway.** The loss of the mean is over ten times lower, at the same constant step and for one running sum more. Averages of weights (SWA, EMA) use the same idea; question 47 has them.

# %% [markdown]
# ### Why shuffle?
#
# Sort the patients by target, as files often are, and read them in that order. What does one epoch do?

# %% tags=["hide-input"]
by_target = np.argsort(y)
rng = np.random.default_rng(0)
orders = {"shuffled each epoch": [rng.permutation(n) for _ in range(6)], "sorted by target": [by_target] * 6}
traces = {}
for name, several in orders.items():
    path = walk(X, y, np.concatenate(several)[:, None], 0.01)
    traces[name] = (np.arange(0, 6 * n + 1, 13) / n, np.mean((path[::13] @ X.T - y) ** 2, axis=1) / 2)
ax = plots.curves(traces, "epochs", "full loss J", "Sorted data drags θ to and fro in every epoch")
ax.axhline(lowest, color="#777777", linewidth=1, linestyle=":")
plt.show()

# %% [markdown]
# **Takeaway.** The dotted line is the minimum.
# Sorted, the first half of an epoch says "low", the second half "high"; θ follows each, and ends biased to what it saw last.
# The gradient of a sample is unbiased if each sample is equally likely to be drawn; a sorted file breaks that.

# %% [markdown] tags=["deeper"]
# ### Deeper: a $1/t$ step gives $O(1/t)$
#
# Write $a_t=\mathbb E\|e_t\|^2$ and put $\eta_t=\frac1{\lambda_{\min}t}$ into the same line, from a $t_0\ge L/\lambda_{\min}$ on so that $\eta_t\le 1/L$:
#
# $$
# a_{t+1}\le\Big(1-\frac1t\Big)^2a_t+\frac{\sigma^2}{\lambda_{\min}^2t^2}
# \quad\Longrightarrow\quad
# t^2a_{t+1}\le(t-1)^2a_t+\frac{\sigma^2}{\lambda_{\min}^2}.
# $$
#
# The first term on the right is the left side, one step earlier. So each step adds $\sigma^2/\lambda_{\min}^2$ at most:
#
# $$
# t^2a_{t+1}\le(t_0-1)^2a_{t_0}+(t-t_0+1)\frac{\sigma^2}{\lambda_{\min}^2}
# \quad\Longrightarrow\quad
# a_{t+1}=O(1/t).
# $$
#
# Bottou, Curtis and Nocedal prove both rates for strongly convex losses (Theorems 4.6 and 4.7).

# %% [markdown] tags=["deeper"]
# ### Deeper: with or without replacement?
#
# Same step, same cost, twelve seeds. Loss above the minimum at the ends of the later epochs.

# %% tags=["deeper"]
def end_excess(make_order, seed, lr=0.005, n_epochs=14):
    """Mean loss above the minimum at the ends of the later half of the epochs, B = 1."""
    rng = np.random.default_rng(seed)
    order = [make_order(rng) for _ in range(n_epochs)]
    path = walk(X, y, np.concatenate(order)[:, None], lr)[n * (n_epochs // 2) :: n]
    return np.mean((path @ X.T - y) ** 2) / 2 - lowest


replaced = np.array([end_excess(lambda g: g.integers(0, n, size=n), seed) for seed in range(12)])
reshuffled = np.array([end_excess(lambda g: g.permutation(n), seed) for seed in range(12)])
missed = np.mean([len(set(np.random.default_rng(seed).integers(0, n, size=n))) for seed in range(200)]) / n
print(f"with replacement {replaced.mean():.4f}   reshuffled {reshuffled.mean():.4f}")
print(f"reshuffled is better in {np.sum(reshuffled < replaced)} of 12 seeds")
print(f"share of the samples that an epoch with replacement sees: {missed:.2f} (1 - 1/e = {1 - np.exp(-1):.2f})")

# %% [markdown] tags=["deeper"]
# Here reshuffling wins, at the same cost. Theory often assumes replacement because independent draws are easier to analyse.

# %% [markdown] tags=["deeper"]
# ### Deeper: how stale may a gradient be?
#
# Asynchronous workers (Hogwild!, Downpour SGD) do not wait for each other, so a gradient is applied τ steps after the θ that it was taken at.
# On a quadratic each error then obeys $e_{t+1}=e_t-\eta\lambda\,e_{t-\tau}$, and it shrinks only if
#
# $$
# \eta\lambda<2\sin\frac{\pi}{2(2\tau+1)} .
# $$
#
# τ = 0 gives the familiar 2, τ = 1 gives 1, and for large τ it is about $\pi/(2\tau)$. The roots of the recursion agree:

# %% tags=["deeper"]
def shrinks(eta_lambda, tau):
    """All roots of z^(τ+1) − z^τ + ηλ inside the unit circle?"""
    coefficients = np.r_[1.0, -1.0, np.zeros(max(tau - 1, 0)), eta_lambda] if tau else np.array([1.0, eta_lambda - 1])
    return bool(np.abs(np.roots(coefficients)).max() < 1)


for tau in (0, 1, 4, 16):
    limit = 2 * np.sin(np.pi / (2 * (2 * tau + 1)))
    print(f"delay {tau:2d}: limit {limit:.3f}   just below it shrinks: {shrinks(0.98 * limit, tau)}, just above: {shrinks(1.02 * limit, tau)}")

# %% [markdown]
# ## Folklore on trial
#
# ### "SGD cannot converge linearly, even on a strongly convex loss"
#
# Linear convergence: the same number of decimals in every epoch. The whitened problem is strongly convex, $\lambda_{\min}=1$.
# The targets are a linear model plus noise of some size; the step is constant and below the limit. Do the last four epochs gain less than half (less than a third) of the decimals of the first one?

# %%
exact = W @ best_w


def stalls(noise, lr, seed):
    rng = np.random.default_rng(seed)
    targets = exact + noise * rng.normal(size=n)
    optimum = W.T @ targets / n
    floor = np.mean((W @ optimum - targets) ** 2) / 2
    losses = train_linear(W, targets, 1, lr, 9, rng)[1]
    start = 0.5 * np.sum(optimum**2)
    decimals = np.log10(np.r_[start, np.maximum(losses - floor, 1e-28)])
    early, late = decimals[0] - decimals[1], (decimals[5] - decimals[9]) / 4
    return bool(late < early / 2), bool(late < early / 3)


trial(
    "SGD with a constant step cannot converge linearly to the optimum",
    stalls,
    over=settings(noise=[0, 0.3, 1], lr=[0.005, 0.007], seed=[0, 1]),
    held_out=settings(noise=[0, 0.2, 0.6], lr=[0.004, 0.006], seed=[2, 3, 4]),
    only_if=("gradient noise remains at the optimum", lambda noise: noise > 0),
    expect="holds only if gradient noise remains at the optimum",
)

# %% [markdown]
# Say it in full: "With a constant step, linearly to a ball ∝ η. With $1/t$ steps to the optimum, but sublinearly. With interpolation, linearly to the optimum."
# A network that can fit its training set may come near the third case. For a strongly convex loss over a finite data set, variance reduction (SAG, SVRG) is linear too.
#
# ### "Below 2/L descent is stable"
#
# For gradient descent, yes. For mini-batches? The targets are fitted exactly, $L=1$, and every step is below 2. Batches are drawn with replacement; median of five runs.

# %%
def stable(lr, batch_size):
    """Does the median of five runs of 300 steps end nearer than it began?"""
    ends = []
    with np.errstate(all="ignore"):
        for seed in range(5):
            batches = np.random.default_rng(seed).integers(0, n, size=(300, batch_size))
            ends.append(np.sum((walk(W, exact, batches, lr)[-1] - best_w) ** 2))
    return bool(np.median(np.nan_to_num(ends, nan=np.inf)) < np.sum(best_w**2))


def below_limit(lr, batch_size):
    return lr < 2 / (1 + (np.mean(np.sum(W**2, axis=1)) - 1) / batch_size)


trial(
    "a step below 2/L is stable",
    stable,
    over=settings(lr=[0.05, 0.1, 0.3, 0.5, 1, 1.5], batch_size=[1, 4, 16, 64]),
    held_out=settings(lr=[0.07, 0.25, 0.7, 1.2, 1.85], batch_size=[1, 2, 8, 32]),
    only_if=("it is below 2/(1 + (E‖x‖² − 1)/B), the batch's own limit (H = I)", below_limit),
    expect="holds only if it is below 2/(1 + (E‖x‖² − 1)/B), the batch's own limit (H = I)",
)

# %% [markdown]
# ### "A batch of B needs about B times fewer updates"
#
# True per epoch: 300,000 samples in batches of 100 are 3000 updates. But to reach a given loss? We count updates until the loss is 0.02 above its minimum.
# Single samples take steps of η, the batch takes a multiple of η. Does it need at least $B/2$ times fewer updates? The answer must not hang on one η, so several are tried; the largest is near the best one for single samples.

# %%
def updates_to(size, lr, seed, target=0.02, most=1000):
    """How many updates until the loss is within `target` of its minimum."""
    with np.errstate(all="ignore"):  # a step that is too long explodes
        path = walk(X, y, epochs(n, size, most * size // n + 1, np.random.default_rng(seed)), lr)[:most]
        below = np.mean((path @ X.T - y) ** 2, axis=1) / 2 - lowest < target
    return int(np.argmax(below)) if below.any() else most


def pays(lr, batch_size, factor, seed):
    """`lr` is the step for single samples, `factor · lr` the batch's."""
    return bool(updates_to(1, lr, seed) / updates_to(batch_size, factor * lr, seed) >= batch_size / 2)


half_of_1_over_L = 0.5 / np.linalg.eigvalsh(X.T @ X / n)[-1]

trial(
    "a batch of B reaches the same loss with B/2 times fewer updates or better",
    pays,
    over=settings(lr=[0.004, 0.02], batch_size=[4, 16], factor=[1, 4, 16], seed=[0, 1]),
    held_out=settings(lr=[0.003, 0.006, 0.025], batch_size=[3, 8, 24], factor=[1, 3, 8, 24], seed=[2, 3]),
    only_if=("the step is scaled up with the batch, and stays below 1/(2L)", lambda lr, batch_size, factor: factor >= batch_size and factor * lr < half_of_1_over_L),
    expect="holds only if the step is scaled up with the batch, and stays below 1/(2L)",
)

# %% [markdown]
# At the same step a less noisy gradient gains little here. And scaling ends: from a step of 0.02 for single samples, near their best, only batches up to about 6 stay below $1/(2L)\approx0.12$. Question 03 measures where it ends.

# %% [markdown] tags=["deeper"]
# ### Deeper: "batch gradient descent cannot learn online"
#
# A stream: one sample arrives at a time, and the truth may drift. One learner takes a batch step on *all* samples so far; SGD takes one on the newest, with its rate tuned.
# Is the batch learner's tracking error above SGD's? Above 1.5 times SGD's?

# %% tags=["deeper"]
def tracking_error(drift, seed, rate, everything, n_steps=1000, d=5, noise=0.3):
    """Mean squared distance to the current truth over the second half of the stream."""
    rng = np.random.default_rng(seed)
    truth = np.cumsum(drift * rng.normal(size=(n_steps, d)), axis=0) + rng.normal(size=d)
    xs = rng.normal(size=(n_steps, d))
    ys = np.sum(xs * truth, axis=1) + noise * rng.normal(size=n_steps)
    theta, second, cross, errors = np.zeros(d), np.zeros((d, d)), np.zeros(d), []
    for t in range(n_steps):
        second, cross = second + np.outer(xs[t], xs[t]), cross + xs[t] * ys[t]  # all that least squares needs of the past
        gradient = (second @ theta - cross) / (t + 1) if everything else xs[t] * (xs[t] @ theta - ys[t])
        theta = theta - min(rate, 0.1 * (t + 1)) * gradient
        errors.append(np.sum((theta - truth[t]) ** 2))
    return np.mean(errors[n_steps // 2 :])


def batch_is_worse(drift, seed):
    batch = tracking_error(drift, seed, 0.5, True)
    sgd = min(tracking_error(drift, seed, rate, False) for rate in (0.003, 0.01, 0.03, 0.1))
    return bool(batch > sgd), bool(batch > 1.5 * sgd)


trial(
    "batch descent on all samples so far tracks worse than SGD",
    batch_is_worse,
    over=settings(drift=[0, 0.001, 0.01, 0.05], seed=[0, 1]),
    held_out=settings(drift=[0.0001, 0.0003, 0.0006, 0.012, 0.02, 0.1], seed=[2, 3]),
    only_if=("the truth drifts by more than 0.005 a step", lambda drift: drift > 0.005),
    expect="holds only if the truth drifts by more than 0.005 a step",
)

# %% [markdown] tags=["deeper"]
# Without drift the learner that keeps everything is the better of the two. With enough drift, old data hurt. (The 0.005 belongs to this stream; a longer one or less noise makes it smaller.)
# So batch descent can learn online; the honest objection is cost, since a step on all data costs more with every sample (least squares is an exception: the two sums in the code are all it needs of the past).

# %% [markdown] tags=["deeper"]
# ### Deeper: "one unrepresentative sample can trap SGD in a local optimum"
#
# A loss with two valleys, $\tfrac14(w^2-1)^2+0.15\,w+s_iw$ with $\sum_is_i=0$; the right valley, near $w=1$, is the bad one, the ridge is at 0.15.
# For one start: do more of 400 SGD runs end in the bad valley than with batch descent?

# %% tags=["deeper"]
def traps(start, noise):
    """Is the share of SGD runs in the bad valley above batch descent's share, 0 or 1, from the same start?"""
    rng = np.random.default_rng(round(1000 * abs(start)))
    slope = lambda w: w**3 - w + 0.15
    one, many = start, np.full(400, start)
    for _ in range(1500):
        one = one - 0.02 * slope(one)
        many = many - 0.02 * (slope(many) + noise * rng.choice([-1, 1], size=400))
    return bool(np.mean(many > 0.15) > (one > 0.15))


trial(
    "single samples trap SGD where batch descent is not trapped",
    traps,
    over=settings(start=[-1.5, -0.5, 0, 0.3, 0.8, 1.5], noise=[3, 4]),
    held_out=settings(start=[-1.2, -0.3, 0.05, 0.25, 0.6, 1.2], noise=[3.5, 5]),
    only_if=("the start is in the good valley", lambda start: start < 0.15),
    expect="holds only if the start is in the good valley",
)

# %% [markdown] tags=["deeper"]
# A single run can be unlucky: noise may carry θ out of the good valley, and just as well out of the bad one. From a start in the bad valley batch descent ends there for certain, so noise cannot make it worse.
# One unusual sample gives *variance*, no bias; a convex loss has no second valley to end in.

# %% [markdown]
# ## Answer in 30 seconds
#
# "They differ in how many samples one update reads: all, one, or a batch.
# A random batch's gradient is unbiased but noisy, and early on many cheap steps win.
# With noise left at the optimum, a constant step ends in a ball: squared radius proportional to the learning rate. So decay it, or average.
# In practice: mini-batches, reshuffled every epoch. A larger batch pays because it allows a larger step, up to a limit."
#
# ### 三十秒回答
#
# "区别在于一次更新用多少样本:全部、一个,还是一小批。
# 随机小批量的梯度无偏但有噪声;计算量相同时,前期多走几步粗糙但便宜的更新更划算。
# 最优点处若仍有噪声,学习率不变时 SGD 最后在它附近一个球里抖动,半径平方正比于学习率,所以要衰减学习率或者做平均。
# 实际都用小批量,每轮打乱;批量大的好处是能用更大的步长,但有上限。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $J$ as a mean, its gradient as a mean, the batch gradient as the mean of a part. Unbiased in one line.
# - Cost: an update $B$ sample gradients, an epoch $n$ in all three. Updates per epoch: 1, $n$, $\lceil n/B\rceil$.
# - Batch: exact direction, smooth path; converges on a convex smooth loss if $\eta<2/L$ and a minimiser exists. One step per pass is too little on large, redundant data.
# - Stochastic: $n$ steps per pass, learns from a stream, wastes the hardware, needs a decaying step or averaging to settle.
# - Mini-batch: noise variance falls like $1/B$ (with replacement). The stable step grows from $2/\mathbb E\|x\|^2$ towards $2/L$.
# - Convergence: $\mathbb E\|e'\|^2\le(1-\eta\lambda_{\min})^2\,\mathbb E\|e\|^2+\eta^2\sigma^2$. Ball ∝ η; $1/t$ step gives $O(1/t)$; no noise at the optimum gives a linear rate, for a small enough step.
# - Shuffle every epoch: sorted data biases each stretch of steps.
# - Parallel: the samples of a batch are independent, so workers share a batch (synchronous); updates depend on each other, so asynchronous workers use stale gradients.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What does an update cost, and what an epoch?</summary>
#
# $O(Bd)$ for an update of a linear model, $O(nd)$ for an epoch whatever $B$ is. The number of updates in an epoch is $\lceil n/B\rceil$. Time per epoch still falls with $B$ until the hardware is busy all the time, because matrix products use it better.
#
# </details>
#
# <details><summary>How is SGD parallelised? Synchronous or asynchronous?</summary>
#
# Synchronous data parallelism: each worker takes a part of the batch, an all-reduce averages the gradients, all make the same step. The result is that of one large batch; the slowest worker sets the pace.
# Asynchronous: a worker sends its gradient when it is ready (Downpour SGD, Hogwild!). Nobody waits, but gradients are stale, and a delay of τ steps lowers the stable rate to about $\pi/(2\tau L)$. Today large networks are mostly trained synchronously.
#
# </details>
#
# <details><summary>Sum or mean over the workers?</summary>
#
# torch's DistributedDataParallel averages the workers' gradients. If each worker's loss is a mean over equally many samples, that is the gradient of the mean over all.
# If each loss is a sum, the average is too small by the factor of workers; if the workers hold different numbers of samples or tokens, weight by them. Summing means in place of averaging is the same as multiplying the learning rate by the number of workers.
#
# </details>
#
# <details><summary>Why shuffle, and why every epoch?</summary>
#
# A batch is a fair estimate of the mean if it is a random sample. Sorted data makes long runs of steps in one direction. A fixed order repeats the same errors in each epoch; a new order averages them out.
#
# </details>
#
# <details><summary>With or without replacement?</summary>
#
# Without, in practice: each sample once per epoch, and the errors within an epoch partly cancel. With replacement an epoch misses about $1/e$ = 37 % of the samples. Proofs prefer it because the draws are independent.
#
# </details>
#
# <details><summary>Does plain SGD lower its learning rate as it goes?</summary>
#
# No. It has no state that could. A schedule does it (question 47), or Adagrad's growing sum of squares.
#
# </details>
#
# <details><summary>Can SGD end in a worse local optimum because of one odd sample?</summary>
#
# A single run can be carried over a barrier by noise, in either direction. The gradient is unbiased, so on average nothing pulls there; on a convex loss there is no such optimum. Question 04 has the waiting times.
#
# </details>
#
# <details><summary>Drop the last, short batch?</summary>
#
# Its gradient is noisier and its step counts as much as the others. With batch normalisation a batch of one is a real problem, so frameworks offer `drop_last`. With reshuffling the dropped samples differ in each epoch.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "SGD is the one with mini-batches, so it is faster to converge." Per update, per epoch, or per second?
# - "The stochastic gradient points in a wrong direction." A single one may; on average it is right.
# - "Any step below 2/L is stable for SGD too." A single sample allows about $2/\mathbb E\|x\|^2$.
# - "SGD's learning rate shrinks with the updates." Only a schedule does that.
# - "3000 updates instead of 300,000 until convergence." That is an epoch.
# - Summing the batch gradient and not noticing that the step has become $B$ times longer.
# - No word on shuffling.

# %% [markdown]
# ## References
#
# - L. Bottou, F. E. Curtis, J. Nocedal. *Optimization Methods for Large-Scale Machine Learning.* SIAM Review 60, 2018, Theorems 4.6 and 4.7.
# - S. Ma, R. Bassily, M. Belkin. *The Power of Interpolation: Understanding the Effectiveness of SGD in Modern Over-parametrized Learning.* ICML 2018.
# - S. Vaswani, F. Bach, M. Schmidt. *Fast and Faster Convergence of SGD for Over-Parameterized Models and an Accelerated Perceptron.* AISTATS 2019.
# - B. Polyak, A. Juditsky. *Acceleration of Stochastic Approximation by Averaging.* SIAM Journal on Control and Optimization 30, 1992.
# - M. Schmidt, N. Le Roux, F. Bach. *Minimizing Finite Sums with the Stochastic Average Gradient.* Mathematical Programming 162, 2017 (SAG).
# - R. Johnson, T. Zhang. *Accelerating Stochastic Gradient Descent using Predictive Variance Reduction.* NeurIPS 2013 (SVRG).
# - J. Dean et al. *Large Scale Distributed Deep Networks.* NeurIPS 2012 (Downpour SGD).
# - F. Niu, B. Recht, C. Ré, S. J. Wright. *Hogwild!* NeurIPS 2011.
# - S. Ruder. *An overview of gradient descent optimization algorithms*, 2016: the three variants; §5 on parallel SGD.
