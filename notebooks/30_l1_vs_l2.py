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
# For $n$ entries with predictions $p_i$, targets $y_i$ and differences $d_i = p_i - y_i$:
#
# $$
# L_1 = \frac1n \sum_{i=1}^n |d_i|
# \qquad
# L_2 = \frac1n \sum_{i=1}^n d_i^2
# \qquad\qquad
# \frac{\partial L_1}{\partial p_j} = \frac{\mathrm{sign}(d_j)}{n} \;\; (d_j \ne 0)
# \qquad
# \frac{\partial L_2}{\partial p_j} = \frac{2 d_j}{n}
# $$
#
# They are also called MAE and MSE. Some texts put $\frac12$ in front of the square. Here, as in torch, there is none.
#
# At $d_j = 0$ the graph of $|d|$ has a corner. A line through the corner stays below the graph for every slope $g \in [-1, 1]$: these slopes are the *subgradients*.
# We take 0, as torch does, because a perfect prediction should stay where it is.

# %% [markdown]
# ### The best constant: mean and median
#
# Predict the same $c$ for the targets $y_1, \dots, y_n$, and let $J(c)$ be the mean loss. With L2 the slope is $\frac2n\sum_i(c-y_i) = 2(c-\bar y)$, so the minimum is the **mean**.
#
# With L1 each target below $c$ contributes the slope $+1$ and each target above it $-1$.
# Let $n_<$, $n_=$, $n_>$ count the targets below $c$, equal to it and above it. The slopes to the right and to the left are
#
# $$
# J'(c^+) = \frac{n_< + n_= - n_>}{n} = \frac{n - 2 n_>}{n}
# \qquad
# J'(c^-) = \frac{n_< - n_= - n_>}{n} = \frac{2 n_< - n}{n}
# $$
#
# $J$ is convex, so $c$ is a minimum exactly when $J'(c^-) \le 0 \le J'(c^+)$: at most half of the targets below, at most half above.
# That is a **median**. For even $n$ every value between the two in the middle is a minimum.

# %% [markdown]
# ### Where the two losses come from
#
# Suppose $y_i = f_i + \text{noise}$, with $f_i$ the model's prediction and independent noise of a fixed scale, and take minus the log of the likelihood.
# Gaussian noise gives $\frac{1}{2\sigma^2}\sum_i (y_i-f_i)^2$ plus a constant, which is L2.
# Laplace noise, with density $\frac{1}{2b}e^{-|y-f|/b}$, gives $\frac1b \sum_i |y_i-f_i|$ plus a constant, which is L1.
# Laplace has the heavier tails: it expects a large error now and then.

# %% [markdown]
# ### What outliers can do
#
# One more target $y_*$ moves the mean by $(y_* - \bar y)/(n+1)$, without any limit. It moves the median at most to the next target.
# The gradients say the same: $2d$ is unbounded, and $\mathrm{sign}(d)$ is not.
#
# Two different questions are asked about many outliers, and experts keep them apart.
#
# - **Breakdown:** what share can carry the estimate away to infinity? For the mean a single target, for the median one half.
# - **Bias:** how far off is it before that? Let a share $s$ lie far above all others. Half of *all* targets must lie below the median, so it becomes the quantile
#
# $$
# \frac{1/2}{1-s}\ \text{of the clean targets: the 62.5 % quantile for } s = 20\,\%\text{, the 83 % quantile for } s = 40\,\%
# $$
#
# With as many outliers below as above, this bias cancels.

# %% [markdown]
# ### What the corner does to training
#
# Gradient descent on one prediction with the learning rate $\eta$: L1 subtracts $\eta$ in each step, L2 multiplies $d$ by $1 - 2\eta$.
#
# - From far off, L1 needs about $|d|/\eta$ steps. L2 needs a number of steps that grows with the logarithm of $|d|$ only.
# - Inside $|d| < \frac12$ the gradient of L1 is the larger one.
# - With a constant step L1 does not settle: it hops across the target, about one step wide. So the step must shrink, for example like $1/\sqrt t$.
# - L2 diverges for $\eta > 1$. L1 only hops.
#
# So the loss alone does not decide which one "converges faster". Start, tolerance and learning rate decide too.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, gradcheck, hint, plots, published, settings, trial

plots.style()
RED, BLUE = plots.color("l1"), plots.color("l2")


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: L1
#
# `pred` and `target` have the same shape, any shape. Return the mean over all entries, and its gradient with respect to `pred`.
# Where `pred` equals `target` the gradient is 0.

# %%
def l1_loss(pred, target):
    """pred, target: arrays of one shape -> (mean |pred − target| over all entries, its gradient with respect to pred; 0 where equal)."""
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
    """pred, target: arrays of one shape -> (mean (pred − target)² over all entries, without ½, its gradient with respect to pred)."""
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
    """target (n,), loss "l1" or "l2" -> the constant with the least mean loss, a float.

    For "l1" and an even n it is NumPy's median. Any other loss: ValueError.
    """
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
# ### Side by side
#
# Where do the two losses cross? Where do their *gradients*?

# %% tags=["hide-input"]
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
# L2's gradient fades with the error. L1's is as large for an error of a thousandth as for an error of one.

# %% [markdown]
# ### Fitting a line
#
# For L2 a line has a closed form, least squares. For L1 we walk down your own gradient, with a step that shrinks like $1/\sqrt t$.
# Four of 40 points are spoilt: first their targets, then their inputs. Will L1 save both?

# %%
def fit_l1(X, y, lr=1.0, n_steps=2000):
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
lines = {}
for title, (a, b) in clouds.items():
    X = np.column_stack([np.ones(40), a])
    lines[title] = {"L1": fit_l1(X, b), "L2": fit_l2(X, b)}
    print(f"{title:20s} slope by L1 {lines[title]['L1'][1]:5.1f}, by L2 {lines[title]['L2'][1]:5.1f}   (true: 1)")

# %% tags=["hide-input"]
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
fig.suptitle("L1 resists wild targets, not wild inputs", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The gradient with respect to a weight is $\mathrm{sign}(d)\,x/n$. The sign bounds $d$, and nothing bounds $x$.
# A point far out in $x$ has *leverage*: it pulls the line towards itself, and L1 has no cure for it.

# %% [markdown]
# ### Two possible answers
#
# The right answer is +1 in a share $q$ of all cases and −1 otherwise, and the input does not tell which.
# (A car may pass an obstacle on either side.) What does each loss predict?

# %% tags=["hide-input"]
shares = np.linspace(0, 1, 102)[1:-1]
n = 501
picks = {
    name: [best_constant(np.repeat([1.0, -1.0], [round(q * n), n - round(q * n)]), name) for q in shares]
    for name in ("l1", "l2")
}
fig, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
ax.plot(shares, picks["l2"], color=BLUE, label="L2: the mean, 2q − 1")
ax.plot(shares, picks["l1"], ".", color=RED, markersize=5, label="L1: the median")
ax.text(0.02, 0.06, "no target is ever here", color="0.4")
ax.axhspan(-0.9, 0.9, color="0.93", zorder=0)
ax.set(xlabel="share q of targets at +1", ylabel="prediction", title="L2 predicts what never happens, L1 what happens more often")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** L2 averages the answers, and the average may be no answer: straight into the obstacle.
# L1 picks the majority and forgets the minority.
# For images the same holds in each pixel: L2 paints the mean of all possible pictures, L1 the median.

# %% [markdown] tags=["deeper"]
# ### Deeper: the landscape of the best constant
#
# Five targets, one of them far off. Then four. Where is the bottom of each curve?

# %% tags=["deeper", "hide-input"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** L1 is straight between targets and bends at each of them. Its bottom is the middle target, 3.
# With four targets everything from 2 to 5 is equally good. L2 sits at 5, pulled there by the 14.

# %% [markdown] tags=["deeper"]
# ### Deeper: what does robustness cost?
#
# Estimate the centre of 101 draws, 2000 times. How much does each constant scatter?
# A ratio above 1 means that the median needs that many times the data.

# %% tags=["deeper"]
rng = np.random.default_rng(0)
noises = {
    "uniform": rng.uniform(-1, 1, (2000, 101)),
    "Gaussian": rng.normal(size=(2000, 101)),
    "Laplace": rng.laplace(size=(2000, 101)),
    "Student t, 3 degrees": rng.standard_t(3, (2000, 101)),
}
for noise, rows in noises.items():
    scatter = {name: np.var([best_constant(row, name) for row in rows]) for name in ("l1", "l2")}
    print(f"{noise:21s} variance of the median / variance of the mean = {scatter['l1'] / scatter['l2']:.1f}")


# %% [markdown] tags=["deeper"]
# Theory for many draws says 3 for uniform, π/2 ≈ 1.57 for Gaussian and 1/2 for Laplace noise. With 101 draws Laplace noise is still a little above its limit.
#
# **Takeaway.** Each loss wins on its own noise. On clean Gaussian targets L1 throws away about a third of the data.

# %% [markdown] tags=["deeper"]
# ### Deeper: L1 with a constant step
#
# One prediction, target 0, start at 10.037. How close does each run get?

# %% tags=["deeper", "hide-input"]
def descend(loss, lr, decay=False, n_steps=20000):
    """|difference| before each step of gradient descent on one prediction; the step is lr, or lr/√(t + 1)."""
    p, path = np.array([10.037]), []
    for t in range(n_steps):
        path.append(abs(p[0]))
        p = p - lr / (np.sqrt(t + 1) if decay else 1) * loss(p, np.zeros(1))[1]
    return np.array(path)


fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
runs = [("L1, constant step 0.1", l1_loss, 0.1, False, "#F0A07A", "-"), ("L1, constant step 0.01", l1_loss, 0.01, False, RED, "-"),
        ("L1, step 0.5/√t", l1_loss, 0.5, True, "#7A2E00", "--"), ("L2, constant step 0.1", l2_loss, 0.1, False, BLUE, "-")]
for name, loss, lr, decay, tint, dash in runs:
    path = descend(loss, lr, decay)
    yet_to_come = np.maximum.accumulate(path[::-1])[::-1]
    ax.loglog(np.arange(1, 18001), np.maximum(yet_to_come, 1e-4)[:18000], dash, color=tint, label=name)
ax.set(xlabel="step", ylabel="largest |d| from this step on\n(cut off at 0.0001)",
       title="With a constant step L1 stays one step's length away")
ax.legend(loc="lower left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** With a constant step of 0.01 L1 ends within 0.01 of the target and stays there, hopping. With a shrinking step it converges.

# %% [markdown]
# ## Folklore on trial
#
# ### "L1 is robust to outliers"
#
# Diabetes data: 10 features, a standardised target. We spoil a share of the training rows and test on clean ones.
# Spoilt means: 15 standard deviations added to the target, or added or subtracted at random, or the inputs multiplied by −15.
# L1 counts as robust if its test MAE stays within 10 % of its own clean fit (second threshold: 20 %).

# %%
X_all, y_all = data.diabetes()


def outlier_errors(spoil, share, seed):
    """Test MAE on clean rows of the L1 fit and of the L2 fit, a share of the training rows spoilt."""
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
    X, X_test = (np.column_stack([np.ones(len(a)), a]) for a in (X, X_all[test]))
    return {name: float(l1_loss(X_test @ fit(X, y), y_all[test])[0]) for name, fit in (("L1", fit_l1), ("L2", fit_l2))}


KINDS = ["targets up", "targets up or down", "inputs"]
first = settings(spoil=KINDS, share=[0.05, 0.1, 0.2, 0.3, 0.4], seed=range(3))
second = settings(spoil=KINDS, share=[0.08, 0.15, 0.35, 0.45], seed=[3, 4])
clean = settings(spoil=KINDS, share=0.0, seed=range(5))
errors = evidence("outliers_diabetes", outlier_errors, first + second + clean, sample=1)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.4), sharey=True, layout="constrained")
levels = [0, 0.05, 0.1, 0.2, 0.3, 0.4]
for ax, spoil in zip(axes, KINDS, strict=True):
    for name, tint, mark in (("L2", BLUE, "o-"), ("L1", RED, "s--")):
        ax.plot([100 * s for s in levels], [np.mean([errors(spoil=spoil, share=s, seed=k)[name] for k in range(3)]) for s in levels], mark, color=tint, label=name)
    ax.set(title=spoil, xlabel="spoilt training rows (%)")
axes[0].set(ylabel="MAE on clean test rows (sd)", ylim=(0, 4))
axes[0].legend(loc="upper left")
fig.suptitle("L1 survives outliers in the targets, longest where they cancel; none in the inputs", x=0.01, ha="left")
plt.show()


# %%
def is_robust(spoil, share, seed):
    ratio = errors(spoil=spoil, share=share, seed=seed)["L1"] / errors(spoil=spoil, share=0.0, seed=seed)["L1"]
    return ratio < 1.1, ratio < 1.2


trial(
    "L1 is robust to outliers",
    is_robust,
    over=first,
    held_out=second,
    only_if=(
        "they lie in the targets, and either err to both sides or are at most a fifth",
        lambda spoil, share: spoil == "targets up or down" or (spoil == "targets up" and share <= 0.2),
    ),
    expect="holds only if they lie in the targets, and either err to both sides or are at most a fifth",
)

# %% [markdown]
# One-sided outliers shift the median long before the breakdown at one half: that is the bias of the derivation above.
# On the clean data L2 is slightly *better*, even by L1's own measure: 0.585 against 0.596, a mean over five splits.
#
# Say: *"L1 is robust to a moderate share of outliers in the targets. It is biased if they are one-sided, and it does not help against outliers in the inputs."*
#
# ### "L1 loss gives sparse weights"
#
# This mixes up L1 *loss* and L1 *penalty*. 100 rows, 30 features of which 5 matter, Gaussian noise.
# The claim holds if the fit drops at least one of the 25 idle features (second threshold: five).
# As a control, the L2 loss with an L1 penalty on the weights.

# %%
from scipy.optimize import linprog


def least_absolute(X, y):
    """The minimum of the L1 loss, as a linear program: min Σ s with −s ≤ y − Xw ≤ s."""
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


def zeros(fit, seed):
    """(weights that are 0, residuals that are 0)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 30))
    y = X[:, :5] @ rng.choice([-2.0, 2.0], 5) + rng.normal(size=100)
    w = fit(X, y)
    return int(np.sum(np.abs(w) < 1e-6)), int(np.sum(np.abs(y - X @ w) < 1e-6))


for name, fit in (("L1 loss", least_absolute), ("L2 loss", fit_l2), ("L2 loss + L1 penalty", lasso)):
    found = [zeros(fit, seed) for seed in range(3)]
    print(f"{name:21s} weights at 0, of 30: {[w for w, _ in found]}   residuals at 0, of 100: {[r for _, r in found]}")


# %%
def drops_features(seed, fit="L1 loss"):
    weights, _ = zeros(least_absolute if fit == "L1 loss" else lasso, seed)
    return weights >= 1, weights >= 5


trial(
    "L1 loss gives sparse weights",
    drops_features,
    over=settings(seed=range(6)),
    control=dict(seed=0, fit="L2 loss + L1 penalty"),
    expect="does not hold",
)

# %% [markdown]
# L1 makes sparse whatever stands inside the absolute value.
# In the penalty those are the weights. In the loss they are the **residuals**: with 30 weights the fit runs exactly through 30 of the points.
# It is the median again: with one weight, the best constant sits *on* a target.

# %% [markdown] tags=["deeper"]
# ### Deeper: "L2 blurs, L1 stays sharp"
#
# Take a grey digit, enlarged, shift it at random, and let each pixel have its best constant.
# A network that knows the digit but not its place would paint the same.
# *Sharpness* is the mean of the steepest twentieth of all pixel differences, relative to the original.
# The claim holds if L1 keeps 80 % of it where L2 does not (second threshold: 70 %).

# %% tags=["deeper"]
images, labels, _, _ = data.digits(flat=False)


def enlarged(digit):
    """The first image of a digit, three times as large, smooth edges, on a black border: (40, 40), in [0, 1]."""
    picture = np.kron(images[labels == digit][0, 0], np.ones((3, 3)))
    for axis in (0, 1):  # a short blur gives the enlarged pixels their grey edges back
        picture = (np.roll(picture, 1, axis) + 2 * picture + np.roll(picture, -1, axis)) / 4
    return np.pad(picture, 8)


def painted(picture, shift, name, n=101):
    """The best constant of each pixel over n copies, shifted by up to `shift` pixels each way."""
    rng = np.random.default_rng(0)
    copies = np.array([np.roll(picture, tuple(rng.integers(-shift, shift + 1, 2)), (0, 1)) for _ in range(n)])
    return np.array([best_constant(pixel, name) for pixel in copies.reshape(n, -1).T]).reshape(picture.shape)


def sharpness(picture):
    steps = np.sort(np.concatenate([np.abs(np.diff(picture, axis=axis)).ravel() for axis in (0, 1)]))
    return steps[-len(steps) // 20 :].mean()


def stays_sharp(digit, shift):
    picture = enlarged(digit)
    kept = {name: sharpness(painted(picture, shift, name)) / sharpness(picture) for name in ("l1", "l2")}
    return tuple(bool(kept["l1"] >= limit > kept["l2"]) for limit in (0.8, 0.7))


# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(2, 5, figsize=(9, 4.1), layout="constrained")
for row, name in zip(axes, ("l2", "l1"), strict=True):
    shown = [("the digit", enlarged(3))] + [(f"shifts up to {s}", painted(enlarged(3), s, name)) for s in (1, 2, 4, 6)]
    for ax, (title, picture) in zip(row, shown, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.set_title(title if name == "l2" else "", fontsize=10)
    row[0].set_ylabel(name.upper(), rotation=0, labelpad=16)
fig.suptitle("L1 is sharper at small shifts, and then it loses the strokes", x=0.01, ha="left")
plt.show()

# %% tags=["deeper"]
trial(
    "L1 stays sharp where L2 blurs",
    stays_sharp,
    over=settings(digit=[3, 8], shift=[1, 2, 4, 6]),
    published=[published("Isola et al. 2017, §4.2 and figure 4", "image translation with an L1 loss alone: reasonable but blurry", holds=False)],
    expect="does not hold",
)

# %% [markdown] tags=["deeper"]
# Isola et al. prefer L1 to L2 because it blurs *less*, and they still add an adversarial loss.
# In our toy L1 does stay sharp for the smallest shifts, and mostly not beyond.
# Say: *"L2 answers an ambiguity with the mean, L1 with the median. Neither can choose one of several pictures."*

# %% [markdown]
# ## Answer in 30 seconds
#
# "L1 is the mean absolute error, L2 the mean squared error.
# The best constant is the median for L1 and the mean for L2; they are maximum likelihood for Laplace and Gaussian noise.
# L1's gradient is a sign, so no far-off target can dominate. L2's grows with the error.
# So L1 resists outliers in the targets, not in the inputs. Its corner at zero calls for a shrinking step; smooth L1 removes the corner."
#
# ### 三十秒回答
#
# "L1 是平均绝对误差,L2 是均方误差。
# 用常数去拟合,L1 的最优是中位数,L2 的最优是均值,分别对应拉普拉斯噪声和高斯噪声的最大似然。
# L1 的梯度只有符号,有界,离群点主导不了;L2 的梯度随误差增大。
# 所以 L1 对标签里的离群点稳健,对输入里的不行。它在零点不可导,固定步长会来回跳,学习率要衰减;Smooth L1 改进的就是这一点。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write both losses and both gradients, with the 1/n. Say that at 0 you return 0, one of the subgradients in [−1, 1].
# - Derive the mean: $2(c - \bar y) = 0$. Derive the median: at most half of the targets on either side.
# - Name the noise models, and what follows: the median of Gaussian data scatters π/2 times as much, in variance.
# - Give a number: diabetes data, 15 sd added to 10 % of the targets. L2's mean absolute error on clean rows nearly triples, from 0.59 to 1.6 sd; L1's stays at 0.60.
# - Give the limits: outliers in the inputs get through. One-sided outliers bias the median long before it breaks down at one half.
# - Training: with a constant step L1 hops around the minimum by about one step. Decay the step, or use smooth L1.
# - Ambiguous targets: L2 gives the mean, which may be no valid answer. L1 gives the median, which forgets minorities.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why not always L1, then?</summary>
#
# On clean Gaussian noise it wastes data: in variance the median needs π/2 times as much. Its gradient does not say how far off you are.
# And it estimates the median: for a lopsided target whose *mean* you need, such as an expected cost, that is the wrong number.
#
# </details>
#
# <details><summary>L1 has no derivative at 0. Can gradient descent train it?</summary>
#
# Yes. Training almost never lands exactly on the corner, and any subgradient will do there.
# What matters is that the gradient does not shrink near the target: with a constant step you end about one step away. Decay the learning rate.
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
# The gradient of L2 grows with the error, so a few boxes with huge errors can rule the batch.
# Fast R-CNN writes that L2 with unbounded targets can need a careful choice of the learning rate, or gradients explode. It takes smooth L1. Today plain L1 plus an overlap loss is common (questions 31 and 38).
#
# </details>
#
# <details><summary>How would you predict the 90th percentile?</summary>
#
# With the quantile (pinball) loss: $q\,(y-c)$ if $y > c$, else $(1-q)\,(c-y)$. The slopes are $q$ and $1-q$ in place of 1 and 1.
# Balance as for the median: $q\,n_> = (1-q)\,n_<$, so a share $q$ lies below $c$. For $q = \frac12$ it is half the L1 loss.
#
# </details>
#
# <details><summary>MSE, RMSE, MAE: which one do you report?</summary>
#
# MSE has the squared unit of the target. RMSE and MAE have the unit itself.
# MAE ≤ RMSE always, because the variance of |d| is not negative. A large gap means that the errors differ much in size: often a few of them are very large.
#
# </details>
#
# <details><summary>L1 against L2 regularisation: is that the same story?</summary>
#
# The same functions, applied to weights instead of errors (question 34).
# L1's pull on a weight does not fade, so weights reach exactly 0. L2's pull fades with the weight, so they shrink but stay.
#
# </details>
#
# <details><summary>How would you deal with outliers in the inputs?</summary>
#
# Look at the data first: check ranges and units. Then clip or rank-transform features, or fit with RANSAC or another high-breakdown method.
# L1 and other convex losses do not help: a point with leverage pulls the fit until its own residual is small.
#
# </details>
#
# <details><summary>Does the scale of the target matter?</summary>
#
# Yes. Multiply targets and predictions by 1000: L1's gradient with respect to the prediction stays, and L2's grows 1000 times.
# In a linear model L2 can then keep its learning rate, because its weights and its gradient both grow 1000 times. L1 needs a rate 1000 times larger.
# In a deep network the weights start at the same size whatever the unit is, and L2's large gradients can explode. Standardise targets, or divide by a robust scale such as the MAD (median absolute deviation).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "L1 ignores outliers." Bounded influence is not none, and a spoilt input gets through.
# - "L1 is robust up to 50 %." That is the breakdown point. One-sided outliers bias it much earlier.
# - "L1 loss makes the weights sparse." That is the L1 penalty.
# - "L1 is not differentiable, so it cannot be trained."
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
# - P. Isola, J.-Y. Zhu, T. Zhou, A. Efros. *Image-to-Image Translation with Conditional Adversarial Networks.* CVPR 2017.
# - PyTorch documentation of `L1Loss` and `MSELoss`: both take the mean over all entries by default.
