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
# - **One formula, one knob:** the three differ in the batch size $B$ only. $B=n$, $B=1$, and between.
# - **Cost per update against cost per epoch.** An update costs $B$ sample gradients; an epoch costs $n$ whatever $B$ is.
# - **Unbiased, but noisy.** The mini-batch gradient is right on average. Its noise is the price.
# - **The noise ball:** with a constant step, SGD arrives fast and then hovers, at a distance that the step decides.
# - **You shuffle,** and you can say what happens if you do not.

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
# One odd sample pulls one step aside. It does not pull the average aside: that is *variance*, not bias.

# %% [markdown]
# ### The noise ball, derived
#
# Let $e=\theta-\theta^*$ be the error, on a quadratic with Hessian $H$, eigenvalues from $\mu>0$ to $L$.
# The stochastic gradient is $He+\xi$, with $\mathbb E\,\xi=0$ and $\mathbb E\|\xi\|^2=\sigma^2$ (taken as constant). One step:
#
# $$
# e' = e-\eta(He+\xi) = (I-\eta H)\,e-\eta\,\xi .
# $$
#
# Square and take the mean. The cross term is zero, because $\xi$ has mean zero whatever $e$ is:
#
# $$
# \mathbb E\|e'\|^2=\mathbb E\|(I-\eta H)e\|^2+\eta^2\sigma^2\;\le\;(1-\eta\mu)^2\,\mathbb E\|e\|^2+\eta^2\sigma^2
# \qquad(\eta\le 1/L).
# $$
#
# The bound's fixed point $s$ obeys $s=(1-\eta\mu)^2 s+\eta^2\sigma^2$, and $1-(1-\eta\mu)^2=\eta\mu(2-\eta\mu)$, so
#
# $$
# s=\frac{\eta^2\sigma^2}{\eta\mu(2-\eta\mu)}=\frac{\eta\,\sigma^2}{\mu(2-\eta\mu)}\approx\frac{\eta\,\sigma^2}{2\mu}\quad\text{for small }\eta .
# $$
#
# Subtract $s$: what is above it shrinks by $(1-\eta\mu)^2$ in every step. So:
#
# - **Linear convergence, to a ball** whose squared radius is proportional to $\eta$.
# - **No noise at the optimum** ($\sigma=0$ there): linear all the way.
# - **To get to the point** with noise, $\eta$ must shrink.
#
# ### With a $1/t$ step
#
# Write $a_t=\mathbb E\|e_t\|^2$ and put $\eta_t=\frac1{\mu t}$ into the same line, from a $t_0\ge L/\mu$ on so that $\eta_t\le 1/L$:
#
# $$
# a_{t+1}\le\Big(1-\frac1t\Big)^2a_t+\frac{\sigma^2}{\mu^2t^2}
# \quad\Longrightarrow\quad
# t^2a_{t+1}\le(t-1)^2a_t+\frac{\sigma^2}{\mu^2}.
# $$
#
# The left side is the right side's first term, one step on. So each step adds $\sigma^2/\mu^2$ at most:
#
# $$
# t^2a_{t+1}\le(t_0-1)^2a_{t_0}+(t-t_0+1)\frac{\sigma^2}{\mu^2}
# \quad\Longrightarrow\quad
# a_{t+1}=O(1/t).
# $$
#
# Bottou, Curtis and Nocedal prove both for strongly convex losses (Theorems 4.6 and 4.7).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Cut an epoch into batches
#
# One `rng.permutation(n)`, cut in order. Keep the short last batch.

# %%
def iterate_minibatches(n, batch_size, rng):
    """n, batch_size ints, rng a Generator -> list of index arrays that cover 0 … n-1 once."""
    # YOUR CODE HERE
    raise NotImplementedError()


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
    """X (n, d), y (n,) -> theta (d,), losses (n_epochs,)."""
    # YOUR CODE HERE
    raise NotImplementedError()


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


# %%
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
)  # fmt: skip
plt.show()

# %% [markdown]
# **Takeaway.** All three head the same way on average.
# The batch path is smooth. The stochastic one arrives early and then dances around the star: the noise ball.

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
settings = {"stochastic, B = 1": (1, 0.005), "mini-batch, B = 16": (16, 0.05), "batch, B = 442": (n, 0.4)}
race = {
    name: np.r_[0.5, train_linear(X, y, size, lr, 40, np.random.default_rng(1))[1]] - lowest
    for name, (size, lr) in settings.items()
}
evaluations = n * np.arange(41)
ax = plots.curves(
    {name: (evaluations, excess) for name, excess in race.items()},
    "sample gradients computed", "loss above the minimum", "At equal cost, many rough steps beat one exact step",
    logy=True,
)  # fmt: skip
plt.show()

# %% [markdown]
# **Takeaway.** After one epoch the batch method has made one step, the stochastic one 442.
# Far from the minimum a rough direction is good enough. Near it the noise takes over, and the small batches flatten out and rattle.

# %%
print("after one pass over the data, loss above the minimum")
for name, excess in race.items():
    print(f"{name:20s} {excess[1]:.3f}   updates: {-(-n // settings[name][0])}")

# %% [markdown]
# So why not always $B=1$? Because gradients are counted here, not seconds.

# %%
from time import perf_counter

seconds = {}
for size in (1, 64):
    began = perf_counter()
    train_linear(X, y, size, 0.001, 5, np.random.default_rng(0))
    seconds[size] = perf_counter() - began
print("an epoch with B = 1 takes over 5 times as long as one with B = 64:", seconds[1] > 5 * seconds[64])

# %% [markdown]
# The same number of sample gradients. One matrix product is far quicker than 64 small vector products, and the loop has fewer turns.

# %% [markdown]
# ### How large is the noise ball?
#
# The derivation says: squared radius ∝ η. Measure it. Start *at* the minimum, and see how far the noise carries θ.
# Features are whitened, so that $H=I$: there the bound is exact.
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

# %%
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
# Reshuffled, the errors of one epoch nearly cancel by its end: half the step gives about a quarter of the loss, on average over this range.

# %% [markdown]
# ### Why shuffle?
#
# Sort the patients by target, as files often are, and read them in that order. What does one epoch do?

# %%
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
# A gradient is unbiased only if the sample is random.

# %% [markdown]
# ### With or without replacement?
#
# Same step, same cost, twelve seeds. Loss above the minimum at the ends of the later epochs.

# %%
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

# %% [markdown]
# Reshuffling wins, at the same cost. Theory mostly assumes replacement because independent draws are easier to analyse.

# %% [markdown]
# ## Folklore on trial
#
# ### "SGD cannot converge linearly, even on a strongly convex loss"
#
# Linear convergence: the same number of decimals in every epoch. The whitened problem is strongly convex, $\mu=1$.
# Three runs with $B=1$: noisy targets and a constant step; noisy targets and a $1/t$ step; targets that a linear model fits exactly.

# %%
exact = W @ best_w
noisy_floor = np.mean((exact - y) ** 2) / 2


def decaying(seed, n_epochs=8):
    path = walk(W, y, epochs(n, 1, n_epochs, np.random.default_rng(seed)), lambda t: 1 / (t + 200))
    return 0.5 * np.sum((path[::n] - best_w) ** 2, axis=1)[1:]


runs = {
    "noisy, constant step": [train_linear(W, y, 1, 0.005, 8, np.random.default_rng(s))[1] - noisy_floor for s in range(8)],
    "noisy, 1/t step": [decaying(s) for s in range(8)],
    "exact fit, constant step": [train_linear(W, exact, 1, 0.005, 8, np.random.default_rng(s))[1] for s in range(8)],
}
mean_excess = {name: np.mean(run, axis=0) for name, run in runs.items()}
start = 0.5 * np.sum(best_w**2)
ax = plots.curves(
    {name: np.r_[start, excess] for name, excess in mean_excess.items()},
    "epoch", "loss above the minimum", "Linear to the optimum where every sample can be fitted", logy=True,
)  # fmt: skip
plt.show()

# %%
decimals = {name: (np.log10(start / e[1]) / 2, np.log10(e[1] / e[7]) / 6) for name, e in mean_excess.items()}
for name, (early, late) in decimals.items():
    print(f"{name:26s} decimals per epoch: {early:.1f} at first, {late:.1f} later")
ruling = trial(
    "SGD cannot converge linearly (later epochs gain less than half the decimals of the first two)",
    {name: bool(late < early / 2) for name, (early, late) in decimals.items()},
    only_if="gradient noise remains at the optimum",
)
assert list(ruling.where.values()) == [True, True, False]
assert ruling == "holds only if gradient noise remains at the optimum"
ruling


# %% [markdown]
# Say it in full: "With a constant step, linearly to a ball ∝ η. With $1/t$ steps to the optimum, but sublinearly. With interpolation, linearly to the optimum."
# A network that is large enough to fit its training set is near the third case.
# On a finite data set, variance reduction (SAG, SVRG) is linear too.

# %% [markdown]
# ### "Batch gradient descent cannot learn online"
#
# A stream: one sample arrives at a time, and the truth drifts. Who keeps up? Mean squared distance to the current truth, over the second half.

# %%
def stream(seed, n_steps=1200, d=5, drift=0.03, noise=0.3, window=50):
    """The tracking error of four learners on one drifting stream."""
    rng = np.random.default_rng(seed)
    truth = np.cumsum(drift * rng.normal(size=(n_steps, d)), axis=0) + rng.normal(size=d)
    xs = rng.normal(size=(n_steps, d))
    ys = np.sum(xs * truth, axis=1) + noise * rng.normal(size=n_steps)
    theta = {name: np.zeros(d) for name in ("SGD", "first", "window", "all")}
    errors = {name: [] for name in theta}
    for t in range(n_steps):
        parts = {"SGD": (t, t + 1, 0.1), "window": (max(0, t + 1 - window), t + 1, 0.5), "all": (0, t + 1, 0.5)}
        parts["first"] = (0, min(t + 1, 100), 0.5)
        for name, (low, high, lr) in parts.items():
            x = xs[low:high]
            lr = min(lr, 0.1 * (high - low))  # carefully while there are few samples
            theta[name] = theta[name] - lr * x.T @ (x @ theta[name] - ys[low:high]) / (high - low)
            errors[name].append(np.sum((theta[name] - truth[t]) ** 2))
    return [np.mean(error[n_steps // 2 :]) for error in errors.values()]


tracking = dict(zip(("SGD", "first", "window", "all"), np.mean([stream(seed) for seed in range(6)], axis=0), strict=True))
labels = {
    "SGD": "SGD, a step for each sample", "first": "batch GD on the first 100 samples only",
    "all": "batch GD, a step on all samples so far", "window": "batch GD, a step on the last 50 samples",
}  # fmt: skip
for name, label in labels.items():
    print(f"{label:42s} error {tracking[name]:.2f}")

# %%
ruling = trial(
    "batch gradient descent cannot learn online (tracking error above twice SGD's)",
    {labels[name]: bool(tracking[name] > 2 * tracking["SGD"]) for name in ("first", "all", "window")},
    only_if="it keeps the old samples for good",
)
assert list(ruling.where.values()) == [True, True, False]
assert ruling == "holds only if it keeps the old samples for good"
ruling

# %% [markdown]
# What is true is a matter of *cost*: the window needs 50 stored samples and 50 sample gradients per arrival, SGD needs one and stores nothing.
# And with a single new sample as "the batch", batch descent *is* SGD.

# %% [markdown]
# ### "One unrepresentative sample can trap SGD in a local optimum"
#
# Three places to look: the average direction, a convex loss, and a loss with two valleys, $\tfrac14(w^2-1)^2+0.15\,w+s_i w$ with $\sum_i s_i=0$.
# There the right valley, near $w=1$, is the bad one.

# %%
theta = np.random.default_rng(3).normal(size=10)
each = X * (X @ theta - y)[:, None]
bias = np.abs(each.mean(axis=0) - X.T @ (X @ theta - y) / n).max()

rng = np.random.default_rng(4)
finals = []
for _ in range(20):
    begin = best_w + 3 * rng.normal(size=10)
    finals.append(np.linalg.norm(walk(W, y, epochs(n, 1, 6, rng), 0.002, begin)[-1] - best_w))
print(f"convex: farthest end from the one minimum, 20 starts: {max(finals):.1f}")

starts = np.linspace(-2, 2, 2001)
w_batch, w_sgd = starts.copy(), starts.copy()
for _ in range(2000):
    w_batch = w_batch - 0.02 * (w_batch**3 - w_batch + 0.15)
    w_sgd = w_sgd - 0.02 * (w_sgd**3 - w_sgd + 0.15 + 3 * rng.choice([-1, 1], size=w_sgd.size))
trapped = {"batch": np.mean(w_batch > 0.15), "SGD": np.mean(w_sgd > 0.15)}
print(f"two valleys, share that ends in the bad one: batch {trapped['batch']:.0%}, SGD {trapped['SGD']:.0%}")

# %%
ruling = trial(
    "an unrepresentative sample makes SGD end in a local optimum",
    {
        "the mean of the one-sample gradients is off": bool(bias > 1e-9),
        "convex loss: some start ends elsewhere (farther than 1)": bool(max(finals) > 1),
        "two valleys: more ends in the bad one than with batch descent": bool(trapped["SGD"] > trapped["batch"]),
    },
)
assert ruling == "does not hold"
ruling


# %% [markdown]
# On a convex loss there is no bad local optimum to end in. On the other, batch descent has the same risk, and here a larger one: noise can carry θ out.
# Say: "A single sample gives *variance*: the path trembles and the end is a ball. It gives no bias."

# %% [markdown]
# ### "A mini-batch of 16 needs 16 times fewer updates to converge"
#
# True per epoch: 300 000 samples in batches of 100 are 3000 updates. But to reach a given loss?

# %%
def updates_to(size, lr, target=0.02):
    """How many updates until the loss is within `target` of its minimum; median over five seeds."""
    counts = []
    for seed in range(5):
        path = walk(X, y, epochs(n, size, 4 * size + 4, np.random.default_rng(seed)), lr)[:3000]
        below = np.mean((path @ X.T - y) ** 2, axis=1) / 2 - lowest < target
        counts.append(int(np.argmax(below)) if below.any() else len(path))
    return int(np.median(counts))


single, same_step, scaled = updates_to(1, 0.004), updates_to(16, 0.004), updates_to(16, 0.064)
print(f"an epoch:             B = 1: {n} updates    B = 16: {-(-n // 16)}")
print(f"to the same loss:     B = 1: {round(single, -2)} updates, about; B = 16 needs this share of them:")
print(f"  with the same step {same_step / single:.1f}, with a 16 times larger one {scaled / single:.2f}")

# %%
ruling = trial(
    "16 samples in a batch need at least 8 times fewer updates",
    {
        "to finish an epoch": bool(n / -(-n // 16) > 8),
        "to reach the same loss with the same step": bool(single / same_step > 8),
        "to reach the same loss with 16 times the step": bool(single / scaled > 8),
    },
    only_if="epochs are counted, or the step is scaled with the batch",
)
assert list(ruling.where.values()) == [True, False, True]
assert ruling == "holds only if epochs are counted, or the step is scaled with the batch"
ruling

# %% [markdown]
# A better gradient at the same step is nearly the same step. The batch pays when it allows a larger η, and that ends at $2/L$.

# %% [markdown]
# ### "SGD is hard to parallelise"
#
# Let four workers share one update of 64 samples; and let two workers do two updates of one sample at once, from the same θ.

# %%
theta, batch = np.zeros(10), iterate_minibatches(n, 64, np.random.default_rng(5))[0]
gradient = lambda theta, part: X[part].T @ (X[part] @ theta - y[part]) / len(part)  # noqa: E731
shared = np.mean([gradient(theta, part) for part in batch.reshape(4, 16)], axis=0)
in_turn = walk(X, y, batch[:2, None], 0.1)[-1]
at_once = theta - 0.1 * gradient(theta, batch[:1]) - 0.1 * gradient(theta, batch[1:2])
ruling = trial(
    "splitting SGD over workers changes its result",
    {
        "two single-sample updates at once": bool(np.abs(at_once - in_turn).max() > 1e-6),
        "one batch of 64 over four workers": bool(np.abs(shared - gradient(theta, batch)).max() > 1e-6),
    },
    only_if="updates are split, not the batch",
)
assert ruling == "holds only if updates are split, not the batch"
ruling

# %% [markdown]
# The updates are sequential; the inside of a batch is not. That is data parallelism.
# Hogwild! even runs updates at once and accepts stale parameters.

# %% [markdown]
# ## Answer in 30 seconds
#
# "They differ in how many samples one update reads: all, one, or a batch.
# The gradient of a random batch is unbiased, so all three go the same way on average; small batches are cheap and noisy.
# At equal cost the noisy ones are far ahead early on.
# With a constant step they then hover in a ball whose squared radius is proportional to the learning rate, so one decays it.
# In practice it is mini-batches, reshuffled every epoch, because hardware likes matrices."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $J$ as a mean, its gradient as a mean, the batch gradient as a part of the mean. Unbiased in one line.
# - Cost: an update $B$ sample gradients, an epoch $n$ in all three. Updates per epoch: 1, $n$, $\lceil n/B\rceil$.
# - Batch: exact direction, smooth path; converges on a convex smooth loss if $\eta<2/L$ and a minimiser exists. One step per pass is too little on large data.
# - Stochastic: $n$ steps per pass, learns from a stream, wastes the hardware, needs a decaying step to settle.
# - Mini-batch: noise variance falls like $1/B$ (with replacement), so its standard deviation only like $1/\sqrt B$. The work in a batch is parallel.
# - Convergence: recursion $\mathbb E\|e'\|^2\le(1-\eta\mu)^2\mathbb E\|e\|^2+\eta^2\sigma^2$. Ball ∝ η; $1/t$ step gives $O(1/t)$; no noise at the optimum gives a linear rate.
# - Shuffle every epoch: sorted data biases each stretch of steps. Without replacement was better than with, in the measurement.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What does an update cost, and what an epoch?</summary>
#
# $O(Bd)$ for an update of a linear model, $O(nd)$ for an epoch whatever $B$ is. The number of updates in an epoch is $\lceil n/B\rceil$. Time per epoch still falls with $B$, because matrix products use the hardware better.
#
# </details>
#
# <details><summary>Why shuffle, and why every epoch?</summary>
#
# A batch estimates the mean only if it is a random sample. Sorted data makes stretches of steps that all pull one way. A fixed order repeats the same bias each epoch; a new one averages it out.
#
# </details>
#
# <details><summary>With or without replacement?</summary>
#
# Without, in practice: each sample once per epoch, and the errors within an epoch nearly cancel. With replacement an epoch misses about $1/e$ = 37 % of the samples. Proofs prefer it because the draws are independent.
#
# </details>
#
# <details><summary>Does plain SGD lower its learning rate as it goes?</summary>
#
# No. It has no state that could. A schedule does it, or Adagrad's growing sum of squares.
#
# </details>
#
# <details><summary>Is batch descent certain to find the minimum of a convex loss?</summary>
#
# If the gradient is Lipschitz with constant $L$, $0<\eta<2/L$, and a minimiser exists. Logistic regression on separable data has none. Question 01 shows both sides of $2/L$.
#
# </details>
#
# <details><summary>Does SGD get stuck at saddle points?</summary>
#
# Less than batch descent: noise pushes it off the one line that leads into the saddle. Batch descent started exactly on that line stays; next to it, it leaves slowly. Plateaus are the practical problem.
#
# </details>
#
# <details><summary>Drop the last, short batch?</summary>
#
# Its gradient is noisier and has the same weight as the others. With batch normalisation a batch of one is a real problem, so frameworks offer `drop_last`. With reshuffling the dropped samples differ in each epoch.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "SGD is the one with mini-batches, so it is faster to converge." Per update, per epoch, or per second?
# - "The stochastic gradient points in a wrong direction." It is right on average.
# - "SGD's learning rate shrinks with the updates." Only a schedule does that.
# - "3000 updates instead of 300 000 until convergence." That is an epoch.
# - Summing the batch gradient and not noticing that the step has become $B$ times longer.
# - No word on shuffling.

# %% [markdown]
# ## References
#
# - L. Bottou, F. E. Curtis, J. Nocedal. *Optimization Methods for Large-Scale Machine Learning.* SIAM Review 60, 2018, Theorems 4.6 and 4.7.
# - S. Ruder. *An overview of gradient descent optimization algorithms*, 2016: the three variants; §5 on parallel SGD.
# - S. Vaswani, F. Bach, M. Schmidt. *Fast and Faster Convergence of SGD for Over-Parameterized Models and an Accelerated Perceptron.* AISTATS 2019.
# - R. Johnson, T. Zhang. *Accelerating Stochastic Gradient Descent using Predictive Variance Reduction.* NeurIPS 2013.
# - F. Niu, B. Recht, C. Ré, S. J. Wright. *Hogwild!* NeurIPS 2011.
