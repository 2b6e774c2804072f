# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 30 · L1 and L2 loss: what is the difference?
#
# *L1 损失和 L2 损失的区别?*

# %% [markdown]
# ## Question
#
# "Write the L1 and the L2 loss, each with its gradient.
# Which constant prediction does each of them prefer, and why?
# When would you take which?"
#
# "请写出 L1 和 L2 损失及其梯度。用常数去拟合时,两者各得到什么值,为什么?什么时候用哪一个?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The gradients.** L1: the sign, bounded. L2: the difference itself, unbounded.
# - **The estimators.** L1 gives the median, L2 the mean. You can derive both.
# - **The noise model.** Laplace noise gives L1, Gaussian noise gives L2.
# - **The corner.** L1 has no derivative at 0. You know what to return there and what it does to training.
# - **The limits.** Robust against which outliers, and how many of them?

# %% [markdown]
# ## The idea
#
# For $n$ entries with predictions $p_i$, targets $t_i$ and differences $d_i = p_i - t_i$:
#
# $$
# L_1 = \frac1n \sum_{i=1}^n |d_i|
# \qquad
# L_2 = \frac1n \sum_{i=1}^n d_i^2
# $$
#
# Also called MAE and MSE. Some texts put $\frac12$ in front of the square. Here, as in torch, there is none.

# %% [markdown]
# ### The gradients
#
# Only the $j$-th term contains $p_j$, and $\partial d_j/\partial p_j = 1$. So
#
# $$
# \frac{\partial L_2}{\partial p_j} = \frac1n \cdot 2 d_j \cdot 1 = \frac{2 d_j}{n}
# \qquad
# \frac{\partial L_1}{\partial p_j} = \frac1n\,\mathrm{sign}(d_j) \quad (d_j \ne 0)
# $$
#
# At $d_j = 0$ the graph of $|d|$ has a corner.
# A number $g$ is a *subgradient* there if the line of slope $g$ stays below the graph: $|u| \ge g\,u$ for all $u$.
# For $u > 0$ that says $g \le 1$, for $u < 0$ it says $g \ge -1$. So every $g \in [-1, 1]$ will do.
# We take 0, as torch does: a perfect prediction should stay where it is.

# %% [markdown]
# ### The best constant for L2 is the mean
#
# Predict the same $c$ for targets $y_1, \dots, y_n$: $J(c) = \frac1n \sum_i (c - y_i)^2$.
#
# $$
# J'(c) = \frac2n \sum_{i=1}^n (c - y_i) = \frac2n \Big(n\,c - \sum_{i=1}^n y_i\Big) = 2\,(c - \bar y) = 0
# \;\Rightarrow\; c = \bar y,
# \qquad J''(c) = 2 > 0
# $$
#
# The second derivative is positive everywhere. So this is the one minimum.

# %% [markdown]
# ### The best constant for L1 is the median
#
# Now $J(c) = \frac1n \sum_i |c - y_i|$. Let $n_<$, $n_=$, $n_>$ count the targets below $c$, equal to it, above it.
#
# **Step 1, slopes.** Move $c$ a little to the right.
# Every target below or at $c$ gets further away: slope $+1$. Every target above gets closer: slope $-1$.
# Moving to the left instead, the targets *at* $c$ change sides. The two one-sided slopes are
#
# $$
# J'(c^+) = \frac{(n_< + n_=) - n_>}{n}
# \qquad
# J'(c^-) = \frac{n_< - (n_= + n_>)}{n}
# $$
#
# **Step 2, the minimum.** $J$ is convex, as a sum of convex functions.
# So $c$ is a minimum exactly when $J'(c^-) \le 0 \le J'(c^+)$, that is when 0 is a subgradient.
#
# **Step 3, counting.** Use $n_< + n_= + n_> = n$:
#
# $$
# J'(c^+) \ge 0 \iff n - 2 n_> \ge 0 \iff n_> \le \frac n2
# \qquad
# J'(c^-) \le 0 \iff 2 n_< - n \le 0 \iff n_< \le \frac n2
# $$
#
# At most half of the targets above, at most half below: that is the definition of a median.
# For odd $n$ it is unique. For even $n$ every value between the two in the middle is a minimum.

# %% [markdown]
# ### Where the two losses come from
#
# Say $y_i = f_i + \text{noise}$, with independent noise. Take minus the log of the likelihood.
#
# | noise | density of $y_i$ | $-\log$ of the product over $i$ |
# |---|---|---|
# | Gaussian | $\frac{1}{\sqrt{2\pi\sigma^2}}\, e^{-(y_i-f_i)^2/(2\sigma^2)}$ | $\frac n2 \log(2\pi\sigma^2) + \frac{1}{2\sigma^2}\sum_i (y_i-f_i)^2$ |
# | Laplace | $\frac{1}{2b}\, e^{-\lvert y_i-f_i\rvert/b}$ | $n\log(2b) + \frac1b \sum_i \lvert y_i-f_i\rvert$ |
#
# For fixed σ or $b$ only the sums depend on $f$. So maximum likelihood *is* L2 for Gaussian noise and L1 for Laplace noise.
# Laplace has the heavier tails: it expects a large error now and then, and does not panic.

# %% [markdown]
# ### What one more target can do
#
# Add a target $y_*$ to $n$ others. For the mean:
#
# $$
# \frac{n\bar y + y_*}{n+1} - \bar y = \frac{n\bar y + y_* - (n+1)\,\bar y}{n+1} = \frac{y_* - \bar y}{n+1}
# $$
#
# That grows with $y_*$ without a limit. This shift, as a function of $y_*$, is the idea of the **influence function**.
# In the median only the *side* of $y_*$ counts: it adds one to $n_<$ or to $n_>$, and at worst the median moves to the next target.
# Same story in the gradients: $2d$ is unbounded, $\mathrm{sign}(d)$ is not.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, plots, trial

plots.style()
RED, BLUE = plots.color("l1"), plots.color("l2")


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: L1
#
# `pred` and `target` have the same shape, any shape. Return the mean over all entries, and its gradient by `pred`.
# Where `pred` equals `target` the gradient is 0.

# %%
def l1_loss(pred, target):
    """pred, target: arrays of one shape -> (mean |pred − target|, its gradient, of pred's shape)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(l1_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one entry</summary>
#
# What is the slope of |d| for d = 3? For d = 0.001? For d = −7?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the mean</summary>
#
# The loss is divided by the number of all entries, so its gradient is too. That number is `pred.size`, not `len(pred)`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `np.sign` is 1, −1, and 0 at zero: just what is asked for. Divide it by `pred.size`.
#
# </details>

# %% [markdown]
# ### Exercise 2: L2
#
# The same for the squared difference, without a $\frac12$.

# %%
def l2_loss(pred, target):
    """pred, target: arrays of one shape -> (mean (pred − target)², its gradient, of pred's shape)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(l2_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the factor</summary>
#
# The derivative of d² is 2d. Nothing here cancels the 2.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# With `d = pred - target`: the mean of `d ** 2`, and `2 * d / d.size`.
#
# </details>

# %% [markdown]
# ### Exercise 3: the best constant
#
# Which one number, predicted for every target, has the least loss? `target` is a vector.
# For an even number of targets and L1, return what NumPy calls the median. Raise `ValueError` for any other loss.

# %%
def best_constant(target, loss):
    """target (n,), loss "l1" or "l2" -> the constant with the least mean loss, a float."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(best_constant)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: set the slope to zero</summary>
#
# For L2 the differences must add up to 0. For L1 the *signs* of the differences must.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# NumPy has both: `np.mean` and `np.median`. Compare `loss` with both names, and end with `raise ValueError(...)`.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### Are the gradients right?
#
# Central differences say. The fourth difference is exactly 0: on a corner any slope between the two sides is right.

# %%
pred, target = np.array([1.0, 3.0, -2.0, 0.5]), np.array([2.0, 1.0, -2.5, 0.5])
for loss in (l1_loss, l2_loss):
    print(gradcheck(
        lambda pred, target, loss=loss: loss(pred, target)[0],
        lambda dout, pred, target, loss=loss: dout * loss(pred, target)[1],
        {"pred": pred, "target": target}, wrt="pred",
    ))  # fmt: skip

# %% [markdown]
# ### Side by side
#
# Where do the two losses cross? Where do their *gradients*?

# %%
grid = np.linspace(-3, 3, 601)
zero = np.zeros(1)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), layout="constrained")
for name, loss, tint in (("L1: |d|", l1_loss, RED), ("L2: d²", l2_loss, BLUE)):
    values, slopes = zip(*[(value, slope[0]) for value, slope in (loss(np.array([d]), zero) for d in grid)], strict=True)
    slopes = np.array(slopes)
    if loss is l1_loss:
        slopes[300] = np.nan  # a gap at the jump
        axes[1].plot(0, l1_loss(zero, zero)[1][0], "o", color=tint)
    axes[0].plot(grid, values, color=tint, label=name)
    axes[1].plot(grid, slopes, color=tint)
axes[0].set(xlabel="difference d", ylabel="loss", ylim=(0, 5), title="L2 is milder inside |d| < 1, harsher outside")
axes[0].legend(loc="upper center")
axes[1].set(xlabel="difference d", ylabel="gradient", title="L1 pulls with 1, however far off")
axes[1].annotate("0 at the corner", (0, 0), (0.7, -2.6), arrowprops={"arrowstyle": "-", "color": "0.5"})
plt.show()

# %% [markdown]
# **Takeaway.** The losses cross at |d| = 1, the gradients already at |d| = ½.
# L2 stops caring about small errors. L1 cares about the last thousandth as much as about the first metre.

# %% [markdown]
# ### The landscape of the best constant
#
# Five targets, one of them far off. Then four. Where is the bottom of each curve?

# %%
five, four = np.array([1.0, 2.0, 3.0, 5.0, 14.0]), np.array([1.0, 2.0, 5.0, 8.0])
constants = np.linspace(-1, 15, 801)
panels = [
    ("L1, five targets: corners", l1_loss, "l1", five, RED),
    ("L1, four targets: a flat floor", l1_loss, "l1", four, RED),
    ("L2, five targets: a parabola", l2_loss, "l2", five, BLUE),
]
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.5), layout="constrained")
for ax, (title, loss, name, targets, tint) in zip(axes, panels, strict=True):
    heights = [loss(np.full_like(targets, c), targets)[0] for c in constants]
    best = best_constant(targets, name)
    ax.plot(constants, heights, color=tint)
    ax.plot(targets, np.full_like(targets, 0), "|", color="0.3", markersize=14, clip_on=False)
    ax.plot(best, loss(np.full_like(targets, best), targets)[0], "o", color="black")
    ax.set(xlabel="constant c (ticks: targets)", ylim=(0, None))
    ax.set_title(f"{title}\nbest c = {best:g}", fontsize=10.5)
axes[0].set_ylabel("mean loss")
plt.show()

# %% [markdown]
# **Takeaway.** L1 is straight between targets and bends at each of them. Its bottom is the middle target, 3.
# With four targets everything from 2 to 5 is equally good. L2 sits at 5, pulled there by the 14.

# %% [markdown]
# Is that the minimum? Ask a minimiser that knows neither mean nor median.

# %%
from scipy.optimize import minimize_scalar

rng = np.random.default_rng(0)
beaten = {"l1": 0, "l2": 0}


def mean_loss(c, loss, targets):
    return loss(np.full_like(targets, c), targets)[0]


for n in range(1, 31):
    targets = rng.standard_t(2, size=n)
    for name, loss in (("l1", l1_loss), ("l2", l2_loss)):
        found = minimize_scalar(mean_loss, args=(loss, targets)).fun
        beaten[name] += mean_loss(best_constant(targets, name), loss, targets) > found + 1e-9
for name, times in beaten.items():
    print(f"{name}: the minimiser found a better constant for {times} of 30 sets of targets")

# %% [markdown]
# ### A travelling outlier
#
# Ten targets around 0, and an eleventh that walks off to the right. What do the two constants do?

# %%
crowd = np.array([-2.1, -1.7, -1.2, -0.9, -0.6, 0.6, 0.8, 1.3, 1.6, 2.2])
places = np.linspace(-3, 30, 331)
followers = {name: [best_constant(np.append(crowd, place), name) for place in places] for name in ("l1", "l2")}

fig, ax = plt.subplots(figsize=(8, 3.7), layout="constrained")
ax.plot(places, followers["l2"], color=BLUE, label="mean (L2)")
ax.plot(places, followers["l1"], color=RED, label="median (L1)")
ax.plot(np.full(10, -4.2), crowd, "_", color="0.4", markersize=9)
ax.text(-3.6, 2.2, "the other ten", color="0.4", va="center")
ax.set(xlabel="place of the eleventh target", ylabel="best constant", xlim=(-4.8, 30), ylim=(-2.6, 3.2),
       title="The mean follows the outlier for ever, the median stops at its neighbour")
ax.legend(loc="lower right")
plt.show()

# %%
slope = (followers["l2"][-1] - followers["l2"][0]) / (places[-1] - places[0])
print(f"slope of the mean: {slope:.4f}, on paper 1/11 = {1 / 11:.4f}")
print(f"the median moves by {followers['l1'][-1] - followers['l1'][0]:.2f} in all, the outlier by {np.ptp(places):.0f}")


# %% [markdown]
# **Takeaway.** *Bounded influence* is not *no influence*: the median did move, then it stopped.

# %% [markdown]
# ### Fitting a line
#
# For L2 a line has a closed form (least squares). For L1 walk down your own gradient, with a step that shrinks as $1/\sqrt t$.
# Four of 40 points are spoilt: first their targets, then their inputs. Will L1 save both?

# %%
def fit_l1(X, y, lr=1.0, n_steps=3000):
    """Weights after gradient descent on your l1_loss, step lr/√(t + 1)."""
    w = np.zeros(X.shape[1])
    for t in range(n_steps):
        w = w - lr / np.sqrt(t + 1) * X.T @ l1_loss(X @ w, y)[1]
    return w


def fit_l2(X, y):
    """Least squares: where the gradient of your l2_loss is 0."""
    return np.linalg.lstsq(X, y, rcond=None)[0]


rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-2, 2, 40))
y = 0.5 + x + 0.3 * rng.normal(size=40)
bad = np.arange(40) >= 36
clouds = {
    "clean": (x, y),
    "four targets spoilt": (x, np.where(bad, y - 12, y)),
    "four inputs spoilt": (np.where(bad, x + 10, x), y),
}
lines = {
    title: {"L1": fit_l1(np.column_stack([np.ones(40), a]), b), "L2": fit_l2(np.column_stack([np.ones(40), a]), b)}
    for title, (a, b) in clouds.items()
}
for title, pair in lines.items():
    print(f"{title:20s} slope by L1 {pair['L1'][1]:5.2f}, by L2 {pair['L2'][1]:5.2f}   (true: 1)")

# %%
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.5), layout="constrained")
for ax, (title, (a, b)) in zip(axes, clouds.items(), strict=True):
    ax.plot(a[~bad], b[~bad], "o", color="0.6", markersize=3.5)
    ax.plot(a[bad], b[bad], "x" if title != "clean" else "o", color="0.2" if title != "clean" else "0.6",
            markersize=6 if title != "clean" else 3.5)
    ends = np.array([a.min(), a.max()])
    for name, tint, dash in (("L2", BLUE, "-"), ("L1", RED, "--")):
        w = lines[title][name]
        ax.plot(ends, w[0] + w[1] * ends, dash, color=tint, label=name)
    ax.set(xlabel="input x", title=title)
axes[0].set_ylabel("target y")
axes[0].legend(loc="upper left")
fig.suptitle("L1 shrugs off wild targets, not wild inputs", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The gradient by a weight is $\mathrm{sign}(d)\,x/n$. The sign bounds $d$, nothing bounds $x$.
# A point far out in $x$ is a *lever*, and L1 has no cure for it.

# %% [markdown]
# ### What does robustness cost?
#
# Estimate the centre of 101 draws, 2000 times over. How much does each constant scatter?
# A ratio above 1 means: the median needs that many times the data.

# %%
rng = np.random.default_rng(0)
noises = {
    "uniform": rng.uniform(-1, 1, (2000, 101)),
    "Gaussian": rng.normal(size=(2000, 101)),
    "Laplace": rng.laplace(size=(2000, 101)),
    "Student t, 2 degrees": rng.standard_t(2, (2000, 101)),
}
ratios = {
    noise: np.var([best_constant(row, "l1") for row in rows]) / np.var([best_constant(row, "l2") for row in rows])
    for noise, rows in noises.items()
}
for noise, ratio in ratios.items():
    print(f"{noise:21s} variance of the median / variance of the mean = {ratio:.2f}")

# %% [markdown]
# Theory for many draws says π/2 ≈ 1.57 for Gaussian noise and 1/2 for Laplace noise.
#
# **Takeaway.** Each loss wins on its own noise. On clean Gaussian targets L1 throws away about a third of the data.

# %% [markdown]
# ### Two possible answers
#
# The right answer is +1 in a share $q$ of all cases, else −1, and the input does not tell which.
# (A car may pass the obstacle on either side.) What does each loss predict?

# %%
shares = np.linspace(0, 1, 202)[1:-1]
n = 1001
picks = {
    name: [best_constant(np.repeat([1.0, -1.0], [round(q * n), n - round(q * n)]), name) for q in shares]
    for name in ("l1", "l2")
}
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
ax.plot(shares, picks["l2"], color=BLUE, label="L2: the mean, 2q − 1")
ax.plot(shares, picks["l1"], ".", color=RED, markersize=4, label="L1: the median")
ax.text(0.02, 0.06, "no target is ever here", color="0.4")
ax.axhspan(-0.9, 0.9, color="0.93", zorder=0)
ax.set(xlabel="share q of targets at +1", ylabel="prediction", title="L2 predicts what never happens, L1 what happens more often")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** L2 averages the answers, and the average may be no answer: straight into the obstacle.
# L1 picks the majority, and forgets the minority altogether.

# %% [markdown]
# ## Folklore on trial
#
# ### "L1 is robust to outliers"
#
# Diabetes data: 10 features, standardised target. Spoil training rows, test on clean ones.
# The claim is granted if the test MAE stays within 10 % of the clean fit. Five random splits.

# %%
X_all, y_all = data.diabetes()


def test_errors(spoil, share, seed):
    """Test MAE on clean rows of (L1 fit, L2 fit), trained on rows of which a share is spoilt."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y_all))
    train, test = order[:332], order[332:]
    X, y = X_all[train], y_all[train]
    rows = rng.permutation(332)[: round(share * 332)]
    if spoil == "targets up":
        y[rows] += 15
    if spoil == "targets up or down":
        y[rows] += rng.choice([-15, 15], len(rows))
    if spoil == "inputs":
        X[rows] *= -15
    X = np.column_stack([np.ones(332), X])
    X_test = np.column_stack([np.ones(len(test)), X_all[test]])
    return [l1_loss(X_test @ w, y_all[test])[0] for w in (fit_l1(X, y), fit_l2(X, y))]


def over_seeds(spoil, share, n_seeds=5):
    return np.mean([test_errors(spoil, share, seed) for seed in range(n_seeds)], axis=0)


clean = over_seeds("nothing", 0)
kinds = {
    "10 % of targets + 15 sd": over_seeds("targets up", 0.1),
    "10 % of targets ± 15 sd": over_seeds("targets up or down", 0.1),
    "60 % of targets + 15 sd": over_seeds("targets up", 0.6),
    "10 % of rows: inputs × (−15)": over_seeds("inputs", 0.1),
}
print(f"{'clean':29s} L1 {clean[0]:.2f}   L2 {clean[1]:.2f}")
for kind, (by_l1, by_l2) in kinds.items():
    print(f"{kind:29s} L1 {by_l1:.2f}   L2 {by_l2:.2f}")

# %%
levels = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
curve = np.array([over_seeds("targets up", share, 2) for share in levels])
fig, ax = plt.subplots(figsize=(8, 3.7), layout="constrained")
ax.plot(100 * levels, curve[:, 1], "o-", color=BLUE, label="L2")
ax.plot(100 * levels, curve[:, 0], "s-", color=RED, label="L1")
ax.axvline(50, color="0.5", linestyle=":")
ax.text(49, 8.3, "half", color="0.35", ha="right")
ax.set(xlabel="training targets raised by 15 sd (%)", ylabel="MAE on clean test rows (sd)",
       title="L2 fails from the first outlier, L1 when they become the majority")
ax.legend(loc="upper left")
plt.show()

# %%
ruling = trial(
    "L1 is robust to outliers (test MAE within 10 % of the clean fit)",
    {kind: by_l1 < 1.1 * clean[0] for kind, (by_l1, _) in kinds.items()},
    only_if="the outliers are a minority and lie in the targets, not in the inputs",
)
assert ruling == "holds only if the outliers are a minority and lie in the targets, not in the inputs"
ruling


# %% [markdown]
# On the clean data L2 is slightly *better*, even by L1's own measure. Robustness is an insurance: it costs a little.
# And beyond one half L1 is the worse of the two. It now believes the outliers, where L2 still compromises.
#
# ### "L1 has no derivative at 0, so gradient descent cannot train it"
#
# One prediction, target 0, start at 10.037. Predict how close each run gets.

# %%
def descend(loss, lr, start=10.037, n_steps=2000, decay=False):
    """|difference| before each step of gradient descent on one prediction; the step is lr, or lr/√(t + 1)."""
    p, path = np.array([start]), []
    for t in range(n_steps):
        path.append(abs(p[0]))
        p = p - lr / (np.sqrt(t + 1) if decay else 1) * loss(p, np.zeros(1))[1]
    return np.array(path)


runs = {
    "L1, constant step 0.1": descend(l1_loss, 0.1, n_steps=20000),
    "L1, constant step 0.01": descend(l1_loss, 0.01, n_steps=20000),
    "L1, step 0.5/√t": descend(l1_loss, 0.5, n_steps=20000, decay=True),
    "L2, constant step 0.1": descend(l2_loss, 0.1, n_steps=20000),
}
early = {name: path[1800:2000].max() for name, path in runs.items()}
late = {name: path[18000:].max() for name, path in runs.items()}
print("largest |d|             before step 2000   before step 20000")
for name in runs:
    print(f"{name:23s} {early[name]:16.4f} {late[name]:19.4f}")

# %%
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
tints = ["#F0A07A", RED, "#7A2E00", BLUE]
for (name, path), tint in zip(runs.items(), tints, strict=True):
    yet_to_come = np.maximum.accumulate(path[::-1])[::-1]
    ax.loglog(np.arange(1, 18001), np.maximum(yet_to_come, 1e-4)[:18000], color=tint, label=name)
ax.set(xlabel="step", ylabel="largest |d| from this step on\n(cut off at 0.0001)",
       title="With a constant step L1 gets stuck at one step's length")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# **Takeaway.** L1's gradient does not shrink near the target, so the *step* has to.
# With a constant step it comes within one step's length and hops across. That is the whole trouble with the corner.

# %%
ruling = trial(
    "gradient descent cannot train L1 (ten times the steps do not even halve the error)",
    {name: bool(late[name] > early[name] / 2) for name in runs if name.startswith("L1")},
    only_if="the step stays constant",
)
assert ruling == "holds only if the step stays constant"
ruling


# %% [markdown]
# ### "L2 converges faster than L1"
#
# Same race, other questions: how many steps until |d| is below a tolerance?

# %%
def steps_until(tolerance, loss, lr, start):
    with np.errstate(all="ignore"):
        near = descend(loss, lr, start) < tolerance
    return int(np.argmax(near)) if near.any() else np.inf


races = {
    "from 10.037 to 0.1, lr 0.1": (0.1, 0.1, 10.037),
    "from 10.037 to 0.000001, lr 0.1": (1e-6, 0.1, 10.037),
    "from 0.403 to 0.01, lr 0.01": (0.01, 0.01, 0.403),
    "from 10.037 to 1, lr 1.2": (1, 1.2, 10.037),
}
needed = {
    race: [steps_until(tolerance, loss, lr, start) for loss in (l1_loss, l2_loss)]
    for race, (tolerance, lr, start) in races.items()
}
for race, (by_l1, by_l2) in needed.items():
    print(f"{race:31s} L1 {by_l1:5} steps, L2 {by_l2:5} steps")

# %%
ruling = trial(
    "L2 converges faster than L1",
    {race: by_l2 < by_l1 for race, (by_l1, by_l2) in needed.items()},
    only_if="the start is far off and the step is below 2/L",
)
assert ruling == "holds only if the start is far off and the step is below 2/L"
ruling

# %% [markdown]
# (inf: not within 2000 steps.) L2 multiplies the error by $1 - 2\,\mathrm{lr}$ in each step, L1 subtracts lr.
# For |d| < ½ L1 pulls harder. For lr > 1 L2 blows up ($L = 2$ here), while L1 only hops.
#
# ### "L2 blurs, L1 stays sharp"
#
# Take one digit, shift it at random, and let each pixel have its best constant.
# So would a network paint that knows the digit but not its place.

# %%
images, labels, _, _ = data.digits(flat=False)
stroke = np.pad(np.kron(images[labels == 3][0, 0] > 0.5, np.ones((3, 3))), 8)


def painted(shift, name, n=201):
    """The best constant of each pixel over n copies of the digit, shifted by up to `shift` pixels each way."""
    rng = np.random.default_rng(0)
    copies = np.array([np.roll(stroke, tuple(rng.integers(-shift, shift + 1, 2)), (0, 1)) for _ in range(n)])
    return np.array([best_constant(pixel, name) for pixel in copies.reshape(n, -1).T]).reshape(stroke.shape)


pictures = {(shift, name): painted(shift, name) for shift in (1, 2, 4, 6) for name in ("l1", "l2")}
grey = {key: np.mean((picture > 0.1) & (picture < 0.9)) for key, picture in pictures.items()}
ink = {key: picture.sum() / stroke.sum() for key, picture in pictures.items()}
for shift in (1, 2, 4, 6):
    print(f"shifts up to {shift}: grey pixels L1 {grey[shift, 'l1']:4.0%}, L2 {grey[shift, 'l2']:4.0%};   "
          f"ink that is left L1 {ink[shift, 'l1']:4.0%}, L2 {ink[shift, 'l2']:4.0%}")

# %%
fig, axes = plt.subplots(2, 5, figsize=(9, 4.1), layout="constrained")
for row, name in zip(axes, ("l2", "l1"), strict=True):
    shown = [("the digit", stroke)] + [(f"shifts up to {shift}", pictures[shift, name]) for shift in (1, 2, 4, 6)]
    for ax, (title, picture) in zip(row, shown, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        if name == "l2":
            ax.set_title(title, fontsize=10)
    row[0].set_ylabel(name.upper(), rotation=0, labelpad=16)
fig.suptitle("L2 blurs; L1 is sharp, until it paints nothing at all", x=0.01, ha="left")
plt.show()

# %%
ruling = trial(
    "L1 gives a sharp picture where L2 blurs (no grey, and at least 80 % of the ink)",
    {
        f"shifts up to {shift}": bool(grey[shift, "l1"] < 0.01 < 0.1 < grey[shift, "l2"] and ink[shift, "l1"] > 0.8)
        for shift in (1, 2, 4, 6)
    },
    only_if="most of the possible pictures agree on each pixel",
)
assert ruling == "holds only if most of the possible pictures agree on each pixel"
ruling

# %% [markdown]
# Say instead: *L2 answers an ambiguity with the mean, L1 with the median*.
# A thin stroke that is nowhere in the majority vanishes under L1.
#
# ### "L1 loss gives sparse weights"
#
# A mix-up of L1 *loss* and L1 *penalty*. 100 rows, 30 features of which 5 matter, Gaussian noise.
# Three fits: L1 loss (exactly, as a linear program), L2 loss, and L2 loss with an L1 penalty on the weights.

# %%
from scipy.optimize import linprog


def least_absolute(X, y):
    """The minimum of the L1 loss: min Σ s with −s ≤ y − Xw ≤ s."""
    n, d = X.shape
    bounds = [(None, None)] * d + [(0, None)] * n
    sides = np.block([[X, -np.eye(n)], [-X, -np.eye(n)]])
    return linprog(np.r_[np.zeros(d), np.ones(n)], sides, np.r_[y, -y], bounds=bounds).x[:d]


def lasso(X, y, penalty=0.5, n_steps=1000):
    """Your l2_loss plus penalty · Σ|w|: a gradient step, then every weight moves towards 0 and stops there."""
    lr, w = len(y) / np.linalg.norm(X, 2) ** 2 / 2, np.zeros(X.shape[1])
    for _ in range(n_steps):
        w = w - lr * X.T @ l2_loss(X @ w, y)[1]
        w = np.sign(w) * np.maximum(np.abs(w) - lr * penalty, 0)
    return w


fits = {"L1 loss": least_absolute, "L2 loss": fit_l2, "L2 loss + L1 penalty": lasso}
zero_weights, zero_residuals = {name: [] for name in fits}, {name: [] for name in fits}
for seed in range(5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 30))
    y = X[:, :5] @ rng.choice([-2.0, 2.0], 5) + rng.normal(size=100)
    for name, fit in fits.items():
        w = fit(X, y)
        zero_weights[name].append(int(np.sum(np.abs(w) < 1e-6)))
        zero_residuals[name].append(int(np.sum(np.abs(y - X @ w) < 1e-6)))
for name in fits:
    print(f"{name:21s} weights at 0, of 30: {zero_weights[name]}   residuals at 0, of 100: {zero_residuals[name]}")

# %%
ruling = trial(
    "L1 loss gives sparse weights (at least one of the 25 idle features is dropped)",
    {f"data set {seed}": zero_weights["L1 loss"][seed] > 0 for seed in range(5)},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# L1 makes sparse whatever stands inside the absolute value.
# In the penalty those are the weights. In the loss they are the **residuals**: 30 weights, so it runs exactly through 30 of the points.
# It is the median again: with one weight, the best constant sits *on* a target.

# %% [markdown]
# ## Answer in 30 seconds
#
# "L1 is the mean absolute error, L2 the mean squared error.
# L1's gradient is the sign of the difference over n, so it is bounded. L2's is two times the difference over n, so one far-off target can dominate.
# The best constant is the median for L1 and the mean for L2, and they are maximum likelihood for Laplace and for Gaussian noise.
# So L1 is robust to outliers in the targets, though not in the inputs. In return it has a corner at zero, needs a shrinking step, and on Gaussian noise it needs more data.
# Smooth L1 joins the two."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write both losses and both gradients, with the 1/n. Say that at 0 you return 0, one of the subgradients in [−1, 1].
# - Derive the mean: $2(c - \bar y) = 0$. Derive the median: at most half of the targets on either side.
# - Name the noise models, and what follows: the median of Gaussian data scatters π/2 times as much, in variance.
# - Give a number: diabetes data, 10 % of targets + 15 sd. L2's test error nearly triples, L1's hardly moves.
# - Give the limits: outliers in the inputs get through, and so does a majority of wrong targets.
# - Training: with a constant step L1 hops around the minimum by about one step. Decay the step, or use smooth L1.
# - Ambiguous targets: L2 gives the mean, which may be no valid answer. L1 gives the median, which forgets minorities.
# - Close with units: L1 has the unit of the target, L2 its square.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why not always L1, then?</summary>
#
# On clean Gaussian noise it wastes data (π/2 above). Its gradient does not say how far off you are.
# And it estimates the median: for a lopsided target whose *mean* you need, such as an expected cost, that is the wrong number.
#
# </details>
#
# <details><summary>What is a subgradient?</summary>
#
# The slope of a line through the point that lies nowhere above the convex function. At a smooth point there is one: the gradient.
# At the corner of |d| it is any number in [−1, 1]. A point is a minimum exactly when 0 is a subgradient there.
#
# </details>
#
# <details><summary>What does smooth L1 or Huber add?</summary>
#
# A parabola near 0 and straight lines outside (question 31).
# The gradient is bounded as in L1, and goes to 0 with the error as in L2. So a constant step converges.
#
# </details>
#
# <details><summary>Why did detectors move away from L2 for boxes?</summary>
#
# Early regression targets were unbounded, and a few boxes with huge errors gave exploding gradients under L2.
# Fast R-CNN says so and takes smooth L1. Later detectors optimise the overlap (IoU) itself, because four coordinates are not four independent errors.
#
# </details>
#
# <details><summary>How would you predict the 90th percentile?</summary>
#
# With the quantile (pinball) loss: $q\,(y-c)$ if $y > c$, else $(1-q)\,(c-y)$. Slopes $q$ and $1-q$ in place of 1 and 1.
# Balance as for the median: $q\,n_> = (1-q)\,n_<$, so a share $q$ lies below $c$. For $q = \frac12$ it is half the L1 loss.
#
# </details>
#
# <details><summary>MSE, RMSE, MAE: which one do you report?</summary>
#
# MSE has the squared unit of the target. RMSE and MAE have the unit itself.
# MAE ≤ RMSE always, because the variance of |d| is not negative. A large gap between them means heavy tails.
# MSE and RMSE have the same minimum, but not the same gradient.
#
# </details>
#
# <details><summary>L1 against L2 regularisation: is that the same story?</summary>
#
# The same functions, applied to weights instead of errors.
# L1's pull on a weight does not fade, so weights reach exactly 0. L2's pull fades with the weight, so they shrink but stay.
# Prior instead of noise: Laplace and Gaussian.
#
# </details>
#
# <details><summary>How would you deal with outliers in the inputs?</summary>
#
# Look at the data first: check ranges and units. Then clip or rank-transform features, or fit with RANSAC or another high-breakdown method.
# The loss cannot help: a lever makes its own residual small.
#
# </details>
#
# <details><summary>Does the scale of the target matter?</summary>
#
# Yes. Multiply targets and predictions by 1000: L1's gradient by the prediction stays, L2's grows 1000 times.
# A learning rate for metres is thus not one for millimetres. Standardise targets, or divide by a robust scale such as the MAD (median absolute deviation).
#
# </details>
#
# <details><summary>How would you find the outliers?</summary>
#
# Fit with a robust loss, then look at residuals larger than about three robust standard deviations (1.4826 · MAD for Gaussian noise).
# Not after an L2 fit: the outliers have pulled the fit towards themselves and inflated σ, so they hide.
#
# </details>
#
# <details><summary>Why does even n not make L1 training unstable?</summary>
#
# The floor is flat, so gradient descent stops anywhere on it. All those constants have the same loss.
# NumPy's median is only a convention to pick one.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "L1 ignores outliers." Bounded influence is not none, and a spoilt input gets through.
# - "L1 loss makes the weights sparse." That is the L1 penalty.
# - "L1 is not differentiable, so it cannot be trained."
# - "L2 is the mean absolute deviation from the median", or any other mix-up of mean and median.
# - A sum for the loss and a mean for the gradient, or `len(pred)` for a matrix.
# - `d / np.abs(d)` for the sign: NaN for a perfect prediction.

# %% [markdown]
# ## References
#
# - P. J. Huber. *Robust Estimation of a Location Parameter.* Annals of Mathematical Statistics 35(1), 1964: between mean and median.
# - F. R. Hampel. *The Influence Curve and Its Role in Robust Estimation.* Journal of the American Statistical Association 69, 1974.
# - P. J. Rousseeuw, A. M. Leroy. *Robust Regression and Outlier Detection.* Wiley 1987: leverage points, breakdown.
# - R. Koenker, G. Bassett. *Regression Quantiles.* Econometrica 46(1), 1978: the quantile loss, and fits that run through data points.
# - R. Girshick. *Fast R-CNN.* ICCV 2015. §2.3: smooth L1 because L2 with unbounded targets can make gradients explode.
# - PyTorch documentation of `L1Loss` and `MSELoss`: both take the mean over all entries by default.
