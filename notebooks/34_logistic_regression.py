# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 34 · Logistic regression: loss, gradient, and with regularisation
#
# *LR 的损失函数及其导数?加正则化之后呢?*

# %% [markdown]
# ## Question
#
# "Write down the loss of logistic regression, and tell me where it comes from.
# Derive the gradient and the Hessian. Is it convex?
# Now add L2. Now add L1. What changes, in the formulas and in the weights?"
#
# "请写出逻辑回归的损失函数,并说明它从哪里来;推导梯度和 Hessian,它是凸的吗?加上 L2、L1 正则化之后,公式和权重各有什么变化?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Where the loss comes from.** Maximum likelihood of coin flips, one flip for each sample; or a convex stand-in for counting mistakes.
# - **The gradient in one breath.** $X^\top(p-y)/n$. The derivative of the sigmoid has cancelled.
# - **Convex, and why.** The Hessian is $X^\top S X/n$ with positive weights. And you know when it is *strictly* convex.
# - **When there is no optimum.** On separable data the weights run away unless something holds them.
# - **Both penalties.** $l_2\,w$ against $l_1\,\mathrm{sign}(w)$, what happens at 0, and which prior each one is.
# - **Stable code.** No `exp` of a large number, no `log` of a rounded probability.

# %% [markdown]
# ## The idea
#
# ### A linear score through a sigmoid
#
# One sample $x$ has the score $z = w\cdot x$, any real number. The sigmoid turns it into the probability of the label 1, between 0 and 1:
#
# $$
# p = \sigma(z) = \frac{1}{1+e^{-z}},
# \qquad
# 1-\sigma(z) = \sigma(-z),
# \qquad
# \sigma' = \sigma\,(1-\sigma) \le \tfrac14,
# \qquad
# \log\frac{p}{1-p} = z
# $$
#
# The last equation gives the model its name: it is *linear in the log-odds*.

# %% [markdown]
# ### The loss is maximum likelihood
#
# The label $y\in\{0,1\}$ is a coin flip with $P(y\mid x) = p^{\,y}(1-p)^{1-y}$. Take minus the log and the mean over $n$ samples.
# With $-\log\sigma(z) = \log(1+e^{z}) - z$ and $-\log(1-\sigma(z)) = \log(1+e^{z})$ it becomes short:
#
# $$
# J(w) = \frac1n \sum_{i=1}^n \Big[ \log(1+e^{z_i}) - y_i z_i \Big]
# $$
#
# Books with labels $s = 2y-1 \in \{-1, 1\}$ write the same loss as $\log(1+e^{-sz})$. Each formula needs its own labels: with $-1$ in place of $y=0$, the formula above falls to $-\infty$.
# In code, $\log(1+e^z) = \max(z,0) + \log(1+e^{-|z|})$; question 33 derives it, together with the stable sigmoid.

# %% [markdown]
# ### The gradient and the Hessian
#
# By the chain rule $\partial\ell/\partial z = \sigma(z)-y$ and $\partial z/\partial w_j = x_j$. With the rows $x_i$ in a matrix $X\ (n, d)$:
#
# $$
# \nabla J = \frac1n\, X^\top (p-y)
# \qquad\qquad
# H = \frac1n\, X^\top S X, \quad S = \mathrm{diag}\big(p_i(1-p_i)\big)
# $$
#
# The gradient looks like that of linear regression, with $p=\sigma(Xw)$ in place of $Xw$. In the Hessian the labels have gone. For any direction $v$:
#
# $$
# v^\top H v = \frac1n\sum_{i=1}^n p_i(1-p_i)\,(x_i\cdot v)^2 \;\ge\; 0
# $$
#
# So $J$ is **convex**. It is **strictly** convex exactly when $Xv=0$ only for $v=0$, that is when $X$ has full column rank.
# With the same feature twice there is a valley, flat along its floor. And strictly convex does not yet mean that a minimum *exists*: think of $e^{-x}$.

# %% [markdown]
# ### No optimum on separable data
#
# Suppose $v$ separates the classes: $x_i\cdot v > 0$ where $y_i=1$ and $< 0$ where $y_i=0$. Then at *any* $w$
#
# $$
# v\cdot\nabla J(w) = \frac1n\sum_i (p_i-y_i)\,(x_i\cdot v) \;<\; 0
# $$
#
# because the two factors have opposite signs in every term. So the gradient is zero nowhere: a small step along $v$ always makes the loss a little smaller.

# %% [markdown]
# ### Two penalties
#
# $$
# J_{\text{reg}}(w) = J(w) + l_1\sum_j\lvert w_j\rvert + \frac{l_2}{2}\sum_j w_j^2,
# \qquad
# \nabla J_{\text{reg}} = \nabla J + l_1\,\mathrm{sign}(w) + l_2\,w,
# \qquad
# H_{\text{reg}} = H + l_2 I
# $$
#
# With $l_2>0$ there is always one optimum. (The ½ is a convention: without it the gradient has $2\,l_2 w$.)
# As priors on each weight, L2 is a Gaussian with standard deviation $\tau$, $l_2 = 1/(n\tau^2)$, and L1 a Laplace density with scale $b$, $l_1 = 1/(nb)$.
#
# At $w_j=0$ the absolute value has every slope in $[-1,1]$ as a subgradient, and $\mathrm{sign}(0)=0$ is one of them. So $w_j=0$ is optimal exactly when $\lvert \partial_j J\rvert \le l_1$:
# the data must pull a weight harder than $l_1$ to get it off zero. With L2 any pull will do, however weak.

# %% [markdown]
# ### The loss as a stand-in for counting mistakes
#
# What we want is few mistakes. The 0-1 loss counts them, but its gradient is zero almost everywhere, and its minimum is hard to find.
# So one minimises a convex loss of the *margin* $m = sz$, positive when the sample is right:
#
# | loss of $m$ | name | what it does |
# |---|---|---|
# | $\log_2(1+e^{-m})$ | logistic | every sample counts a little; its minimum gives probabilities |
# | $\max(0, 1-m)$ | hinge (SVM) | zero beyond the margin: only some samples matter, and the scores are no probabilities |
# | $e^{-m}$ | exponential (AdaBoost) | mistakes cost exponentially much, so wrong labels hurt |
# | $(1-m)^2$ | squared | also punishes samples for being too right |
#
# All of them are convex, lie above the 0-1 loss and have a negative slope at $m=0$. With unlimited data and any function allowed, convexity and that slope suffice: minimising the loss gives the best decisions (Bartlett et al. 2006).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, plots, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the loss
#
# `w (d,)`, `X (n, d)`, `y (n,)` floats, 0.0 or 1.0. There is no intercept.
# Return the *mean* cross-entropy plus $l_1\sum|w| + \frac{l_2}{2}\sum w^2$.
# A sample that is wrong by 10000 must cost 10000, not `inf`.

# %%
def logistic_loss(w, X, y, l1=0.0, l2=0.0):
    """w (d,), X (n, d), y (n,) in {0.0, 1.0} -> mean cross-entropy + l1·Σ|w| + l2/2·Σw², a float.

    No intercept. Finite for any finite scores: a sample that is wrong by 10000 costs 10000.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(logistic_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which form?</summary>
#
# Write the loss of one sample in $z$, without $p$: $\log(1+e^z) - yz$.
# A probability that has been rounded to 0 or 1 cannot be repaired by any eps.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the exponent</summary>
#
# $\log(1+e^z) = \max(z,0) + \log(1+e^{-|z|})$. `np.log1p` and `np.abs` are the tools.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: what is divided by n</summary>
#
# Only the samples' part is a mean. The penalties are plain sums over the weights: l1 times Σ|w|, l2/2 times Σw².
#
# </details>

# %% [markdown]
# ### Exercise 2: the gradient
#
# Return `(d,)`. Take $\mathrm{sign}(0) = 0$.

# %%
def logistic_gradient(w, X, y, l1=0.0, l2=0.0):
    """w (d,), X (n, d), y (n,) in {0.0, 1.0} -> gradient of logistic_loss with respect to w, (d,); sign(0) = 0."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(logistic_gradient)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the shape</summary>
#
# The residual $p - y$ has shape `(n,)`. You need `(d,)`. Which of `X @ r` and `X.T @ r` gives that?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: a sigmoid that cannot overflow</summary>
#
# `np.exp(-np.abs(z))` is at most 1. For z ≥ 0 the sigmoid is 1/(1 + that). For z < 0 it is that/(1 + that).
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `X.T @ (p - y) / len(y)`, plus `l1 * np.sign(w)`, plus `l2 * w`. No 2 anywhere.
#
# </details>

# %% [markdown]
# ### Exercise 3: the Hessian
#
# Return `(d, d)`. It needs no labels. (L1 adds nothing to it: $|w|$ is straight on both sides of 0.)

# %%
def logistic_hessian(w, X, l2=0.0):
    """w (d,), X (n, d) -> second derivatives of the mean cross-entropy + l2/2·Σw² with respect to w, (d, d)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(logistic_hessian)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one sample</summary>
#
# One sample adds $p(1-p)\,x x^\top$, a `(d, d)` matrix. Average these over the samples.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: without a loop</summary>
#
# $X^\top S X$ with $S$ diagonal: scale the columns of `X.T`, which are the samples, by $s$. No `(n, n)` matrix is needed.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: the penalty</summary>
#
# $l_2/2\cdot\sum w^2$ has second derivative $l_2$ on the diagonal and 0 elsewhere: `l2 * np.eye(d)`. It is not divided by n.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### Is the gradient right? Is the Hessian?
#
# The loss is the judge of the gradient, and the gradient is the judge of the Hessian.

# %%
rng = np.random.default_rng(0)
X_small, y_small = rng.normal(size=(20, 4)), (rng.random(20) < 0.5).astype(float)
point = {"w": np.array([1.0, -0.5, 2.0, -1.5])}  # away from 0, where |w| has its kink
gradcheck(
    lambda w: logistic_loss(w, X_small, y_small, 0.1, 0.2),
    lambda dout, w: dout * logistic_gradient(w, X_small, y_small, 0.1, 0.2),
    point,
)

# %%
gradcheck(
    lambda w: logistic_gradient(w, X_small, y_small, 0.1, 0.2),
    lambda dout, w: logistic_hessian(w, X_small, 0.2) @ dout,
    point,
)

# %%
for size in (0.1, 1, 10):
    lowest = min(np.linalg.eigvalsh(logistic_hessian(size * rng.normal(size=4), X_small)).min() for _ in range(200))
    print(f"weights of size {size:<4} smallest eigenvalue of 200 Hessians is not negative: {lowest > -1e-12}")

# %% [markdown]
# ### Convex stand-ins for the 0-1 loss
#
# Your loss with one sample $x=1$ of label 1, divided by log 2, is the logistic curve.
# Which of the four curves would you trust with a wrong label far out at $m=-3$?

# %% tags=["hide-input"]
margin = np.linspace(-3, 3, 241)
logistic = np.array([logistic_loss(np.array([m]), np.ones((1, 1)), np.ones(1)) for m in margin]) / np.log(2)
curves = {
    "logistic, base 2": (logistic, "cross_entropy", "-"), "hinge": (np.maximum(0, 1 - margin), "nesterov", "--"),
    "exponential": (np.exp(-margin), "nadam", ":"), "squared": ((1 - margin) ** 2, "mse", "-."),
}
fig, ax = plt.subplots(figsize=(7.5, 3.7), layout="constrained")
ax.step([-3, 0, 3], [1, 1, 0], where="pre", color="black", label="0-1 loss")
for name, (values, tint, dash) in curves.items():
    ax.plot(margin, values, dash, color=plots.color(tint), label=name)
ax.set(xlabel="margin m (right if positive)", ylabel="loss", ylim=(0, 6), title="All of them lie above the 0-1 loss; they differ far out")
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# **Takeaway.** Logistic and hinge loss grow linearly on the wrong side, so one wrong label never pulls harder than its own $\lVert x\rVert$.
# The logistic loss is never exactly 0: being right never costs *nothing*. Remember that for separable data.

# %% [markdown]
# ### Your functions against scikit-learn
#
# All 30 features of the breast-cancer data, no intercept, $l_2 = 0.01$. scikit-learn minimises $C\sum_i\ell_i + \frac12\lVert w\rVert^2$.
# Divide by $nC$, and compare: $C = \frac{1}{n\,l_2}$.

# %%
from sklearn.linear_model import LogisticRegression


def newton(X, y, l2=0.0, tol=1e-9, max_steps=60):
    """Newton's method from w = 0 until the gradient is at most tol; all iterates, (steps + 1, d)."""
    w = np.zeros(X.shape[1])
    path = [w]
    for _ in range(max_steps):
        g = logistic_gradient(w, X, y, 0.0, l2)
        if np.linalg.norm(g) <= tol:
            break
        w = w - np.linalg.solve(logistic_hessian(w, X, l2), g)
        path.append(w)
    return np.array(path)


X, y, names = data.breast_cancer()
n, d = X.shape
l2 = 0.01
path = newton(X, y, l2)
model = LogisticRegression(C=1 / (n * l2), fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=100)
theirs = model.fit(X, y).coef_[0]
for step, w in enumerate(path):
    gap = np.abs(w - theirs).max()
    print(f"step {step}: loss {logistic_loss(w, X, y, 0.0, l2):.6f}, largest distance to scikit-learn {f'{gap:.1g}' if gap > 1e-6 else 'below 1e-6'}")

# %% [markdown]
# **Takeaway.** Near the end the number of right digits about doubles with each Newton step.
# Newton's step here is a weighted least-squares fit with the weights $p_i(1-p_i)$, hence its name IRLS, *iteratively reweighted least squares*.
# With a million weights there is no Hessian to store. Then it is L-BFGS or SGD.

# %% [markdown]
# ### Separable data: how far do the weights run?
#
# Two clouds that a line separates, gradient descent without penalty. Then the same with *one* label flipped, then with $l_2=0.01$.
# On the right your Newton on the breast-cancer data, without an intercept and with one, which is *one* more weight.
# Does ‖w‖ settle? Predict all five before you look.

# %%
rng = np.random.default_rng(0)
clouds = np.vstack([rng.normal([-1.5, -0.5], 0.6, (30, 2)), rng.normal([1.5, 0.5], 0.6, (30, 2))])
split = np.repeat([0.0, 1.0], 30)
flipped = split.copy()
flipped[0] = 1.0


def norms(y, l2, steps=20_000):
    """‖w‖ after each step of gradient descent on the clouds, step 1."""
    w, found = np.zeros(2), []
    for _ in range(steps):
        w = w - logistic_gradient(w, clouds, y, 0.0, l2)
        found.append(np.linalg.norm(w))
    return np.array(found)


runs = {"separable": norms(split, 0.0), "one label flipped": norms(flipped, 0.0), "separable, l2 = 0.01": norms(split, 0.01)}
for name, found in runs.items():
    print(f"{name:21s} ‖w‖ after 200, 2000, 20 000 steps: {found[199]:5.1f} {found[1999]:5.1f} {found[-1]:5.1f}")
real = {"no intercept": X, "with an intercept": np.column_stack([np.ones(n), X])}
paths = {name: newton(Z, y, max_steps=30) for name, Z in real.items()}

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
looks = {"separable": ("wrong", "-"), "one label flipped": ("right", "--"), "separable, l2 = 0.01": ("l2", "-.")}
for name, found in runs.items():
    axes[0].semilogx(np.arange(len(found)) + 1, found, looks[name][1], color=plots.color(looks[name][0]), label=name)
axes[0].set(xlabel="step of gradient descent (log scale)", ylabel="‖w‖", title="Two clouds: separable never settles")
axes[0].legend(loc="upper left")
for (name, found), (tint, dash) in zip(paths.items(), (("right", "--"), ("wrong", "-")), strict=True):
    axes[1].semilogy(np.arange(1, len(found)), np.linalg.norm(found, axis=1)[1:], dash, color=plots.color(tint), marker="o", markersize=3, label=name)
axes[1].set(xlabel="Newton step", ylabel="‖w‖ (log scale)", title="Breast cancer: one column decides")
axes[1].legend(loc="lower right")
plt.show()


# %% [markdown]
# **Takeaway.** Once all samples are right, every longer $w$ is still a little better, and there is no last one.
# With this one label flipped, or with any $l_2 > 0$, the weights settle.
# With an intercept a hyperplane separates *all* 569 tumours.
# In the very long run ‖w‖ grows like $\log t$ (Soudry et al. 2018); in our run the curve still bends upwards on the log axis, so it has not got there yet.

# %% [markdown] tags=["deeper"]
# ### Deeper: a line through two measurements
#
# Two standardised features of the tumours; 1 is benign. A column of ones serves as the intercept.
# Where will $p = 0.1$ and $p = 0.9$ lie?

# %% tags=["deeper", "hide-input"]
def sigma(z):
    """σ by your gradient: one weight z, one sample x = 1, label 0."""
    one = np.ones((1, 1))
    return np.array([logistic_gradient(np.array([v]), one, np.zeros(1))[0] for v in np.ravel(z)]).reshape(np.shape(z))


pair = np.column_stack([np.ones(n), X[:, names.index("mean radius")], X[:, names.index("mean texture")]])
w_pair = newton(pair, y)[-1]
gx, gy = np.meshgrid(np.linspace(-2.2, 4.2, 61), np.linspace(-2.4, 4.8, 61))
grid_p = sigma(np.stack([np.ones_like(gx), gx, gy], axis=-1) @ w_pair)

fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
image = ax.contourf(gx, gy, grid_p, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.6)
lines = ax.contour(gx, gy, grid_p, levels=[0.1, 0.5, 0.9], colors="black", linewidths=[1, 2.2, 1])
at = [((np.log(p / (1 - p)) - w_pair[0] - 3.7 * w_pair[2]) / w_pair[1], 3.7) for p in lines.levels]
ax.clabel(lines, fmt=lambda p: f"p = {p:g}", fontsize=9, manual=at)
for label, name, colour, marker in ((1, "benign", "#08306B", "o"), (0, "malignant", "#67000D", "^")):
    ax.plot(*pair[y == label, 1:].T, marker, color=colour, markersize=3.5, label=name)
ax.grid(False)
fig.colorbar(image, ax=ax, label="probability of benign")
ax.set(xlabel="mean radius, standardised", ylabel="mean texture, standardised",
       title="Lines of equal probability are straight and parallel")
ax.legend(loc="upper right", frameon=True)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** $p$ depends on $w\cdot x$ alone, so all lines of equal probability are straight and parallel.
# The *classifier* is linear. The length of $w$ sets how fast the colour changes, its direction how the line is turned.

# %% [markdown] tags=["deeper"]
# ### Deeper: Newton's method is reweighted least squares
#
# Without penalty, $w^+ = w - H^{-1}\nabla J$. The $n$ cancels. Multiply by $X^\top S X$:
#
# $$
# X^\top S X\,w^+ = X^\top S X\,w - X^\top(p-y) = X^\top S\,\underbrace{\big(Xw - S^{-1}(p-y)\big)}_{u}
# $$
#
# These are the normal equations of a *weighted least-squares* fit of $u$ on $X$ with the weights $p_i(1-p_i)$.
# Both change in every step. With the penalty, $d$ more rows hold the weights down:

# %% tags=["deeper"]
w = path[2]
p = sigma(X @ w)
weight = p * (1 - p)
u = X @ w - (p - y) / weight
rows = np.vstack([np.sqrt(weight)[:, None] * X, np.sqrt(n * l2) * np.eye(d)])
fit = np.linalg.lstsq(rows, np.append(np.sqrt(weight) * u, np.zeros(d)), rcond=None)[0]
print("Newton's step equals the weighted fit:", np.allclose(fit, path[3], rtol=0, atol=1e-8))

# %% [markdown] tags=["deeper"]
# ### Deeper: gradient descent against Newton
#
# The loss and the start are the same. Gradient descent takes the step 1/L with $L = \lambda_{\max}(X^\top X)/(4n) + l_2$, because $p(1-p) \le \frac14$.

# %% tags=["deeper", "hide-input"]
L = np.linalg.eigvalsh(X.T @ X / n)[-1] / 4 + l2
best = logistic_loss(path[-1], X, y, 0.0, l2)
w, gap_gd = np.zeros(d), []
for _ in range(2500):
    gap_gd.append(logistic_loss(w, X, y, 0.0, l2) - best)
    w = w - logistic_gradient(w, X, y, 0.0, l2) / L
gap_newton = [logistic_loss(w, X, y, 0.0, l2) - best for w in path]
fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
ax.loglog(np.arange(len(gap_gd)) + 1, np.maximum(gap_gd, 1e-12), color=plots.color("gd"), label="gradient descent, step 1/L")
ax.loglog(np.arange(len(gap_newton)) + 1, np.maximum(gap_newton, 1e-12), "o-", color=plots.color("newton"), label="Newton (IRLS)")
ax.set(xlabel="iteration, the start is 1", ylabel="loss above its minimum\n(cut off at 1e-12)", title="Newton needs a handful of steps, gradient descent about a thousand")
ax.legend(loc="lower left")
plt.show()


# %% [markdown] tags=["deeper"]
# ### Deeper: soft-thresholding and regularisation paths
#
# In one dimension, minimise $\frac12(w-a)^2 + t\lvert w\rvert$. For $w>0$ the slope $w-a+t$ is zero at $a-t$, for $w<0$ at $a+t$, and $w=0$ is optimal if $|a|\le t$:
#
# $$
# w = \mathrm{sign}(a)\,\max(\lvert a\rvert - t,\, 0)
# $$
#
# That is *soft-thresholding*. A gradient step on $J$, then this with $t = \text{lr}\cdot l_1$, is *proximal gradient descent* (ISTA; with momentum FISTA).
# We follow all 30 weights from a strong penalty to a weak one.

# %% tags=["deeper", "hide-input"]
def soft_threshold(a, t):
    """The minimiser of ½(w − a)² + t·|w|."""
    return np.sign(a) * np.maximum(np.abs(a) - t, 0)


def proximal_gradient(X, y, l1, w, steps=300):
    """Gradient step on the smooth part, then soft-threshold; with Nesterov's momentum (FISTA)."""
    lr = 4 * len(X) / np.linalg.eigvalsh(X.T @ X)[-1]
    ahead = w
    for k in range(steps):
        w_next = soft_threshold(ahead - lr * logistic_gradient(ahead, X, y), lr * l1)
        ahead = w_next + k / (k + 3) * (w_next - w)
        w = w_next
    return w


l1_max = np.abs(logistic_gradient(np.zeros(d), X, y)).max()  # from here on no weight survives
l1_values, l2_values = np.geomspace(l1_max, 1e-3, 25), np.geomspace(100, 1e-3, 25)
l1_path, w = [], np.zeros(d)
for l1 in l1_values:
    w = proximal_gradient(X, y, l1, w)  # the last answer is a good start for the next
    l1_path.append(w)
l1_path, l2_path = np.array(l1_path), np.array([newton(X, y, value)[-1] for value in l2_values])

fig, axes = plt.subplots(2, 2, figsize=(9.5, 5.4), sharex="col", height_ratios=[2.2, 1], layout="constrained")
for column, (values, weights, name) in zip(axes.T, ((l1_values, l1_path, "l1"), (l2_values, l2_path, "l2")), strict=True):
    column[0].plot(values, weights, color=plots.color(name), linewidth=1, alpha=0.75)
    column[0].axhline(0, color="black", linewidth=1)
    column[1].step(values, (weights == 0).sum(axis=1), where="mid", color=plots.color(name))
    column[1].set(xlabel=f"{name} (log scale, strong on the left)", ylim=(-1, 31), xscale="log")
    column[1].invert_xaxis()
axes[0, 0].set(title="L1: the weights enter one by one", ylabel="weights")
axes[0, 1].set(title="L2: all 30 are there from the start")
axes[1, 0].set_ylabel("exact zeros of 30")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** L1 selects, L2 shrinks. Which of several correlated features L1 keeps can change with a few samples, so do not read a 0 as "this one does not matter".

# %% [markdown]
# ## Folklore on trial
#
# ### "It is convex, so training finds the optimum"
#
# No penalty. Run Newton to a gradient of 1e-6, then on to 1e-9. If there is an optimum, ‖w‖ no longer moves: by less than 1 % (second threshold: 3 %).
# The data are two clouds in three dimensions at several distances. A linear program says whether a hyperplane separates them.

# %%
from scipy.optimize import linprog


def two_clouds(distance, size, seed):
    """(X (2·size, 4), y): two Gaussian clouds, and a column of ones."""
    rng = np.random.default_rng(seed)
    points = np.vstack([rng.normal(-distance / 2, 1, (size, 3)), rng.normal(distance / 2, 1, (size, 3))])
    return np.column_stack([np.ones(2 * size), points]), np.repeat([0.0, 1.0], size)


def not_separable(distance, size, seed):
    """Is there no w with s·(w·x) ≥ 1 for all samples? A linear program finds one, or proves that there is none."""
    Z, t = two_clouds(distance, size, seed)
    sides = -(2 * t - 1)[:, None] * Z
    return linprog(np.zeros(4), sides, -np.ones(len(Z)), bounds=[(None, None)] * 4).status != 0


def settles(distance, size, seed):
    Z, t = two_clouds(distance, size, seed)
    coarse, fine = (np.linalg.norm(newton(Z, t, tol=tol)[-1]) for tol in (1e-6, 1e-9))
    return abs(fine / coarse - 1) < 0.01, abs(fine / coarse - 1) < 0.03


trial(
    "without regularisation, training finds the optimum",
    settles,
    over=settings(distance=[1.0, 3.0], size=[20, 50], seed=range(3)),
    held_out=settings(distance=[0.5, 1.5, 3.5, 5.0], size=[15, 40], seed=range(3, 6)),
    only_if=("no hyperplane separates the classes", not_separable),
    expect="holds only if no hyperplane separates the classes",
)


# %% [markdown]
# One case lies between: some samples lie exactly *on* the hyperplane and all others on their right sides (quasi-complete separation). Then there is no optimum either. Our random clouds never meet it.
# If you stop after a fixed number of epochs, early stopping is your regulariser, whether you meant it or not.
#
# ### "L1 gives sparse weights"
#
# Bootstrap samples of the breast-cancer data. Sparse means that at least ten of the 30 weights are *exactly* 0 (second threshold: five).
# One solver takes plain steps along your gradient with sign(w), as a deep-learning framework does with an L1 term in the loss. The other one thresholds after each step.

# %%
def weights_at_zero(solver, l1, seed):
    """How many of the 30 weights are exactly 0 after 600 steps."""
    rows = np.random.default_rng(seed).integers(n, size=n)
    Z, t, w = X[rows], y[rows], np.zeros(d)
    lr = 4 * n / np.linalg.eigvalsh(Z.T @ Z)[-1]
    for k in range(600):
        if solver == "plain steps":
            w = w - lr / np.sqrt(k + 1) * logistic_gradient(w, Z, t, l1)
        else:
            w = w - lr * logistic_gradient(w, Z, t)
            w = np.sign(w) * np.maximum(np.abs(w) - lr * l1, 0)
    return int((w == 0).sum())


def is_sparse(solver, l1, seed):
    zeros = weights_at_zero(solver, l1, seed)
    return zeros >= 10, zeros >= 5


solvers = ["plain steps", "thresholding"]
trial(
    "an L1 penalty gives sparse weights",
    is_sparse,
    over=settings(solver=solvers, l1=[0.0001, 0.02, 0.05], seed=range(2)),
    held_out=settings(solver=solvers, l1=[0.0002, 0.03, 0.07], seed=range(2, 5)),
    only_if=("the solver thresholds, and the penalty is not tiny", lambda solver, l1: solver == "thresholding" and l1 > 0.001),
    expect="holds only if the solver thresholds, and the penalty is not tiny",
)

# %% [markdown]
# With a large enough penalty the *optimum* is sparse, whichever solver you use. But a plain step jumps over 0, back and forth, and practically never lands on it.
# So do not expect exact zeros from SGD with an L1 term in the loss. Threshold after each step.

# %% [markdown] tags=["deeper"]
# ### Deeper: "feature scaling does not matter: the weight adapts"
#
# Three features and a column of ones. Measure one feature in a unit ten or a hundred times smaller, so that its numbers are larger.
# Do the predicted probabilities stay, within 0.001 (second threshold: 0.003)? The condition was found with feature 0 rescaled and is tried on the others.

# %% tags=["deeper"]
three = np.column_stack([np.ones(n), X[:, [0, 1, 4]]])


def trained(Z, method):
    if method.startswith("Newton"):
        return newton(Z, y, 0.01 if "l2" in method else 0.0)[-1]
    if "l1" in method:
        return proximal_gradient(Z, y, 0.01, np.zeros(4), 1000)
    w, lr = np.zeros(4), 4 * n / np.linalg.eigvalsh(Z.T @ Z)[-1]
    for _ in range(200):
        w = w - lr * logistic_gradient(w, Z, y)
    return w


def scaling_is_harmless(method, feature, factor):
    units = np.ones(4)
    units[1 + feature] = factor
    p, q = (1 / (1 + np.exp(-Z @ trained(Z, method))) for Z in (three, three * units))
    return np.abs(p - q).max() < 1e-3, np.abs(p - q).max() < 3e-3


methods = ["Newton", "Newton, l2", "200 gradient steps", "proximal, l1"]
trial(
    "feature scaling does not matter",
    scaling_is_harmless,
    over=settings(method=methods, feature=0, factor=[10.0, 100.0]),
    held_out=settings(method=methods, feature=[1, 2], factor=[10.0, 30.0, 100.0]),
    only_if=("there is no penalty and the solver runs to the optimum", lambda method: method == "Newton"),
    expect="holds only if there is no penalty and the solver runs to the optimum",
)

# %% [markdown] tags=["deeper"]
# A penalty charges by the size of the number, so it charges by the unit. Gradient descent suffers from the condition number. So standardise first.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Logistic regression models the log-odds as a linear function, and its loss is the negative log-likelihood of the labels.
# The gradient is prediction minus label times the input, averaged over the samples.
# The Hessian is positive semidefinite, so the loss is convex.
# On separable data no optimum exists and the weights grow for ever. With L2 there is exactly one optimum.
# L1 gives exact zeros if the solver thresholds. Shall I derive the gradient?"
#
# ### 三十秒回答
#
# "逻辑回归用线性函数拟合对数几率,损失是标签的负对数似然。
# 梯度就是预测减标签再乘输入,对样本取平均。
# Hessian 半正定,所以损失是凸的。
# 数据线性可分时没有最优解,权重会一直变大;加 L2 后最优解存在且唯一。
# 加 L1 后,用软阈值这类方法求解,能得到严格为零的权重。要我推一下梯度吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Start from $P(y\mid x)=p^y(1-p)^{1-y}$, take $-\log$, average, and simplify to $\log(1+e^z)-yz$. With labels ±1 it is $\log(1+e^{-sz})$.
# - Gradient by the chain rule: $\partial\ell/\partial z = p-y$, $\partial z/\partial w = x$. Then the matrix form, with shapes.
# - Hessian: $\frac1n X^\top S X$, and $v^\top H v = \frac1n\sum p_i(1-p_i)(x_i\cdot v)^2 \ge 0$. Strict if $X$ has full column rank.
# - L2: $+\,l_2 w$ and $+\,l_2 I$. L1: $+\,l_1\,\mathrm{sign}(w)$, optimality at 0 is $\lvert\partial_j J\rvert\le l_1$, solved with soft-thresholding.
# - Priors: $l_2 = 1/(n\tau^2)$, $l_1 = 1/(nb)$. scikit-learn's $C$ is $1/(n\,l_2)$.
# - As a stand-in for the 0-1 loss: against hinge it uses every sample and gives probabilities.
# - Solvers: Newton is IRLS, a handful of steps; L-BFGS for many weights.
# - Say the trap: separable data. Breast cancer with an intercept is separable, and ‖w‖ never stops.
# - Code: $\max(z,0) - yz + \log(1+e^{-\lvert z\rvert})$, and a test against finite differences.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Logistic or hinge loss?</summary>
#
# Both are convex stand-ins for the 0-1 loss. Hinge is exactly zero beyond the margin, so the solution depends on the support vectors only, and a kernel machine has to keep only these; its score is no probability.
# The logistic loss is smooth, uses every sample and gives probabilities. In accuracy they are often close (experience; not measured here).
# On separable data, gradient descent on the unregularised logistic loss turns towards the direction of the hard-margin SVM (Soudry et al. 2018).
#
# </details>
#
# <details><summary>Why is the intercept not penalised?</summary>
#
# It sets the base rate, not the complexity. With a penalty the predictions drift towards 50 %.
# The fit would also depend on where you put the origin of the features.
# With a free intercept the optimum has $\frac1n\sum(p_i - y_i) = 0$: the mean prediction equals the share of ones.
#
# </details>
#
# <details><summary>More than two classes?</summary>
#
# One weight vector for each class and a softmax: the loss is cross-entropy, the gradient $X^\top(P-Y)/n$ with one-hot $Y$ (question 32).
# Adding the same vector to all classes changes nothing, so without a penalty it is never strictly convex.
#
# </details>
#
# <details><summary>Why not least squares on the sigmoid?</summary>
#
# It is not convex in $w$, and its gradient carries σ′ and dies on confident mistakes (question 32).
# And it is not the likelihood of a coin flip, so the usual standard errors of the weights do not apply.
#
# </details>
#
# <details><summary>The classes are imbalanced. What do you do?</summary>
#
# First ask what is wrong. The probabilities are right as they are; often only the threshold ½ is not. Move it by the costs.
# Class weights shift the intercept by about the log of the ratio, so the outputs are then no longer probabilities for the true mix (question 33).
#
# </details>
#
# <details><summary>Is it calibrated?</summary>
#
# On the training data, in the mean: yes. The gradient is zero, so residuals are uncorrelated with every unpenalised feature, the intercept included.
# With a penalty, or on other data, it need not be. A reliability diagram shows it; Platt scaling or isotonic regression on held-out data mends it.
#
# </details>
#
# <details><summary>How does scikit-learn's C relate to $l_2$?</summary>
#
# $C = 1/(n\,l_2)$: large $C$ is weak regularisation. Its default is $C=1$, so a plain `LogisticRegression()` *is* regularised, with $l_2 = 1/n$.
# In the current API L1 is `l1_ratio=1`, and no penalty is `C=np.inf`; the argument `penalty` is deprecated.
#
# </details>
#
# <details><summary>What does a weight mean?</summary>
#
# One unit more of $x_j$, all else equal, adds $w_j$ to the log-odds and multiplies the odds by $e^{w_j}$.
# The probability moves by at most $|w_j|/4$ per unit to first order, most near $p=\frac12$.
# With correlated features "all else equal" rarely happens, so signs can look absurd. And a penalty biases every weight towards 0.
#
# </details>
#
# <details><summary>How sure are you of a weight?</summary>
#
# Without a penalty, the covariance of the estimate is about $(X^\top S X)^{-1} = (nH)^{-1}$: the Hessian is also the Fisher information.
# The roots of its diagonal are the standard errors that statistics packages print.
#
# </details>
#
# <details><summary>Can Newton's method fail here?</summary>
#
# Yes. From a bad start all $p_i(1-p_i)$ are nearly 0, $H$ is nearly singular and the step overshoots. Convex does not mean that full steps converge.
# Halve the step until the loss falls. And on separable data it runs to infinity, as it should.
#
# </details>
#
# <details><summary>Does the sigmoid ever return exactly 0 or 1?</summary>
#
# On paper never, on the machine yes: in float64 it rounds to 1 from about z = 37 and to 0 below about −745, because floats are dense near 0 and not near 1.
# That is why $\log(1-p)$ breaks long before $\log p$ does, and why the loss is computed from z.
#
# </details>
#
# <details><summary>L1 and L2 together?</summary>
#
# The elastic net. Strictly convex because of L2, sparse because of L1, and correlated features tend to come in together.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "It is called a regression, so it predicts a quantity", or "the name is a mistake, it is no regression at all".
#   It regresses the log-odds of a class. A threshold on the probability makes a classifier of it.
# - "The sigmoid's variable lies in (0, 1)." That is its output. Its input is any real number.
# - "The loss is squared error on the sigmoid."
# - "Convex, so it has a unique optimum." Convexity promises neither that an optimum exists nor that it is the only one.
# - "The gradient of $l_1\lvert w\rvert$ is $l_1$." It has a sign, and at 0 it has a whole interval.
# - "L2 makes weights zero." It makes them small.
# - `-np.log(p + 1e-12)`.
# - "No regularisation, I use scikit-learn's default." The default is L2 with C = 1.

# %% [markdown]
# ## References
#
# - T. Hastie, R. Tibshirani, J. Friedman. *The Elements of Statistical Learning*, 2nd ed., Springer 2009. §4.4: logistic regression, IRLS, L1; §10.6: losses of the margin.
# - C. M. Bishop. *Pattern Recognition and Machine Learning*. Springer 2006. §4.3.2–4.3.3: the loss, the Hessian, IRLS.
# - P. Bartlett, M. Jordan, J. McAuliffe. *Convexity, Classification, and Risk Bounds.* JASA 101, 2006: which convex losses give the best decisions.
# - R. Tibshirani. *Regression Shrinkage and Selection via the Lasso.* JRSS B 58(1), 1996: L1, and its reading as a Laplace prior.
# - A. Beck, M. Teboulle. *A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems.* SIAM J. Imaging Sciences 2(1), 2009: ISTA and FISTA.
# - A. Albert, J. A. Anderson. *On the Existence of Maximum Likelihood Estimates in Logistic Regression Models.* Biometrika 71(1), 1984: separation.
# - D. Soudry et al. *The Implicit Bias of Gradient Descent on Separable Data.* JMLR 19, 2018: the direction, and log t.
# - scikit-learn documentation of `LogisticRegression`; PyTorch's of `BCEWithLogitsLoss`, which is the stable form.
