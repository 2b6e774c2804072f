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
# - **Where the loss comes from.** Maximum likelihood of coin flips, one flip for each sample.
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
# One sample $x$ has the score $z = w\cdot x$. The sigmoid turns it into the probability of the label 1:
#
# $$
# p = \sigma(z) = \frac{1}{1+e^{-z}},
# \qquad
# z \in (-\infty, \infty),
# \quad
# p \in (0, 1)
# $$
#
# Input: any real number. Output: between 0 and 1. Three facts about it, each one line:
#
# $$
# 1-\sigma(z) = \frac{1+e^{-z}-1}{1+e^{-z}} = \frac{e^{-z}}{1+e^{-z}} = \frac{1}{e^{z}+1} = \sigma(-z)
# $$
#
# $$
# \sigma'(z) = \frac{e^{-z}}{(1+e^{-z})^2} = \frac{1}{1+e^{-z}}\cdot\frac{e^{-z}}{1+e^{-z}} = \sigma(z)\,(1-\sigma(z)),
# \qquad \sigma'(0) = \tfrac14
# $$
#
# $$
# \log\frac{p}{1-p} = \log\frac{\sigma(z)}{\sigma(-z)} = \log\frac{1+e^{z}}{1+e^{-z}} = \log\frac{e^{z}(e^{-z}+1)}{1+e^{-z}} = z
# $$
#
# The last line names the model: it is a *linear regression of the log-odds*.

# %% [markdown]
# ### The loss is maximum likelihood
#
# The label $y\in\{0,1\}$ is a coin flip with probability $p$ of a 1. Both cases in one formula:
#
# $$
# P(y\mid x) = p^{\,y}\,(1-p)^{1-y}
# $$
#
# For $n$ independent samples multiply, take the log, turn the sign, divide by $n$:
#
# $$
# J(w) = -\frac1n \sum_{i=1}^n \Big[\, y_i\log p_i + (1-y_i)\log(1-p_i) \Big]
# $$
#
# That is cross-entropy. Now write it in $z$. From $-\log\sigma(z) = \log(1+e^{-z})$ and $-\log(1-\sigma(z)) = -\log\sigma(-z) = \log(1+e^{z})$:
#
# $$
# \ell = y\log(1+e^{-z}) + (1-y)\log(1+e^{z})
# = y\big[\log(1+e^{z}) - z\big] + (1-y)\log(1+e^{z})
# = \log(1+e^{z}) - y\,z
# $$
#
# In the middle: $\log(1+e^{-z}) = \log\big(e^{-z}(e^{z}+1)\big) = \log(1+e^{z}) - z$.

# %% [markdown]
# ### Labels 0 and 1, or −1 and 1
#
# Books differ. With $s = 2y-1 \in \{-1, 1\}$:
#
# | | $\log(1+e^z) - yz$ | $\log(1+e^{-sz})$ |
# |---|---|---|
# | $y=1,\ s=1$ | $\log(1+e^{z}) - z = \log(1+e^{-z})$ | $\log(1+e^{-z})$ |
# | $y=0,\ s=-1$ | $\log(1+e^{z})$ | $\log(1+e^{z})$ |
#
# The same loss. The gradient at $z$ too: $-s\,\sigma(-sz)$ is $-(1-p) = p-1$ for $s=1$ and $p$ for $s=-1$.
# That is $p - y$ both times. Mixing them up is a bug: a formula belongs to its labels.

# %% [markdown]
# ### The gradient
#
# One sample, by the chain rule $w \to z \to \ell$:
#
# $$
# \frac{\partial \ell}{\partial z}
# = \frac{e^{z}}{1+e^{z}} - y
# = \sigma(z) - y,
# \qquad
# \frac{\partial z}{\partial w_j} = x_j,
# \qquad
# \frac{\partial \ell}{\partial w_j} = (p-y)\,x_j
# $$
#
# The mean over samples, with the rows $x_i$ in a matrix $X\ (n, d)$:
#
# $$
# \frac{\partial J}{\partial w_j} = \frac1n\sum_{i=1}^n (p_i-y_i)\,X_{ij}
# \qquad\Longrightarrow\qquad
# \nabla J = \frac1n\, X^\top (p-y)
# $$
#
# It looks like linear regression. Only $p$ is $\sigma(Xw)$ in place of $Xw$.

# %% [markdown]
# ### The Hessian, and convexity
#
# Differentiate once more. Only $p_i$ depends on $w$, and $\partial p_i/\partial w_k = \sigma'(z_i)\,X_{ik} = p_i(1-p_i)\,X_{ik}$:
#
# $$
# \frac{\partial^2 J}{\partial w_j\,\partial w_k} = \frac1n\sum_{i=1}^n X_{ij}\,\underbrace{p_i(1-p_i)}_{s_i}\,X_{ik}
# \qquad\Longrightarrow\qquad
# H = \frac1n\, X^\top S X, \quad S = \mathrm{diag}(s_1,\dots,s_n)
# $$
#
# The labels have gone. For any direction $v$:
#
# $$
# v^\top H v = \frac1n (Xv)^\top S\,(Xv) = \frac1n\sum_{i=1}^n s_i\,(x_i\cdot v)^2 \;\ge\; 0
# $$
#
# So $J$ is **convex**. All $s_i > 0$, so the sum is 0 only if $Xv = 0$.
# It is **strictly** convex exactly when no $v \ne 0$ has $Xv = 0$: when $X$ has full column rank.

# %% [markdown]
# ### Two penalties, two priors
#
# Give each weight a prior and maximise the posterior: $-\log P(w \mid \text{data}) = nJ(w) - \log P(w) + \text{const}$. Divide by $n$.
#
# | | prior of one weight | $-\frac1n\log P(w)$, without constants | so |
# |---|---|---|---|
# | L2 | Gaussian, $\propto e^{-w^2/(2\tau^2)}$ | $\frac{1}{2n\tau^2}\sum_j w_j^2$ | $l_2 = \frac{1}{n\tau^2}$ |
# | L1 | Laplace, $\propto e^{-\lvert w\rvert/b}$ | $\frac{1}{nb}\sum_j \lvert w_j\rvert$ | $l_1 = \frac{1}{nb}$ |
#
# $$
# J_{\text{reg}}(w) = J(w) + l_1\sum_j\lvert w_j\rvert + \frac{l_2}{2}\sum_j w_j^2
# $$
#
# $$
# \nabla J_{\text{reg}} = \frac1n X^\top(p-y) + l_1\,\mathrm{sign}(w) + l_2\,w,
# \qquad
# H_{\text{reg}} = \frac1n X^\top S X + l_2 I
# $$
#
# With $l_2>0$: $v^\top H_{\text{reg}}\,v \ge l_2\lVert v\rVert^2 > 0$. Always strictly convex, always one optimum.
# (The ½ is a convention: it makes the gradient $l_2 w$. Without it you get $2\,l_2 w$.)

# %% [markdown]
# ### What happens at zero
#
# $\lvert w\rvert$ has a kink at 0. There every slope in $[-1, 1]$ stays below the curve: these are its **subgradients**.
# $\mathrm{sign}(0) = 0$ is one of them. A point is optimal when *some* subgradient is 0:
#
# $$
# w_j = 0 \text{ is optimal} \iff 0 \in \partial_j J + l_1[-1,1] \iff \lvert \partial_j J\rvert \le l_1
# $$
#
# The data must pull a weight harder than $l_1$ to get it off zero. With L2 any pull will do, however weak.
#
# In one dimension, minimise $\frac12(w-a)^2 + t\lvert w\rvert$:
#
# $$
# \begin{aligned}
# w>0:&\quad w - a + t = 0 \;\Rightarrow\; w = a - t, &&\text{possible if } a > t\\
# w<0:&\quad w - a - t = 0 \;\Rightarrow\; w = a + t, &&\text{possible if } a < -t\\
# w=0:&\quad 0 \in -a + t[-1,1], &&\text{true if } \lvert a\rvert \le t
# \end{aligned}
# \quad\Rightarrow\quad
# w = \mathrm{sign}(a)\,\max(\lvert a\rvert - t,\, 0)
# $$
#
# That is **soft-thresholding**. A gradient step on $J$, then this with $t = \text{lr}\cdot l_1$, is *proximal gradient descent* (ISTA).

# %% [markdown]
# ### Newton's method is reweighted least squares
#
# Without penalty, $w^+ = w - H^{-1}\nabla J$. The $n$ cancels. Multiply by $X^\top S X$:
#
# $$
# X^\top S X\,w^+ = X^\top S X\,w - X^\top(p-y) = X^\top S\,\underbrace{\big(Xw - S^{-1}(p-y)\big)}_{u}
# $$
#
# These are the normal equations of a *weighted least-squares* fit of $u$ on $X$ with weights $s_i$.
# Both change at every step: **iteratively reweighted least squares**, IRLS.

# %% [markdown]
# ### Stable code
#
# `exp(710)` is infinite in float64, and $\sigma(37)$ rounds to 1, so that $\log(1-p)$ is the log of 0. Work on $z$ instead:
#
# $$
# \log(1+e^z) =
# \begin{cases}
# \log(1+e^{z}) & z \le 0\\
# \log\big(e^z(e^{-z}+1)\big) = z + \log(1+e^{-z}) & z > 0
# \end{cases}
# \;=\; \max(z,0) + \log\big(1+e^{-\lvert z\rvert}\big)
# $$
#
# No exponent is positive. The log sees a number between 1 and 2.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, plots, trial

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
    """w (d,), X (n, d), y (n,) in {0.0, 1.0} -> mean cross-entropy + l1·Σ|w| + l2/2·Σw², a float."""
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
    """The gradient of logistic_loss with respect to w, (d,); the derivative of |w| at 0 is taken as 0."""
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
    """w (d,), X (n, d) -> second derivatives of logistic_loss without L1, (d, d)."""
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
w_small = np.array([1.0, -0.5, 2.0, -1.5])  # away from 0, where |w| has its kink
gradcheck(
    lambda w: logistic_loss(w, X_small, y_small, 0.1, 0.2),
    lambda dout, w: dout * logistic_gradient(w, X_small, y_small, 0.1, 0.2),
    {"w": w_small},
)

# %%
gradcheck(
    lambda w: logistic_gradient(w, X_small, y_small, 0.1, 0.2),
    lambda dout, w: logistic_hessian(w, X_small, 0.2) @ dout,
    {"w": w_small},
)

# %% [markdown]
# ### The sigmoid and the loss, drawn by your gradient
#
# With one sample $x=1$ and the label 0 your gradient *is* σ(w), and your loss is $\log(1+e^w)$.
# How steep is σ at 0? And what does the loss look like far out, on the wrong side?

# %%
x_one, label_0 = np.ones((1, 1)), np.zeros(1)


def sigma(z):
    """σ by your gradient: one weight z, one sample x = 1, label 0."""
    return np.array([logistic_gradient(np.array([v]), x_one, label_0)[0] for v in np.ravel(z)]).reshape(np.shape(z))


z = np.linspace(-7, 7, 281)
loss_0 = np.array([logistic_loss(np.array([v]), x_one, label_0) for v in z])

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].plot(z, sigma(z), color=plots.color("adam"), label="σ(z)")
near = np.abs(z) < 2.6
axes[0].plot(z[near], 0.5 + z[near] / 4, "--", color=plots.color("wrong"), label="tangent at 0, slope 1/4")
axes[0].axhline(0, color="0.6", linewidth=1)
axes[0].axhline(1, color="0.6", linewidth=1)
axes[0].set(xlabel="score z = w·x, any real number", ylabel="probability p, between 0 and 1", ylim=(-0.18, 1.18),
            title="σ squeezes the line into (0, 1)")
axes[0].legend(loc="center left", bbox_to_anchor=(0.44, 0.3))
axes[1].plot(z, loss_0, color=plots.color("cross_entropy"), label="loss $\\log(1+e^{z})$")
axes[1].plot(z, np.maximum(z, 0), ":", color="0.3", label="max(z, 0)")
axes[1].plot(0, np.log(2), "o", color="black")
axes[1].annotate("log 2: undecided", (0, np.log(2)), (-5.5, 1.7), arrowprops={"arrowstyle": "-", "color": "0.5"})
axes[1].set(xlabel="score z of a sample with label 0", ylabel="loss", title="Wrong costs a straight line, right costs little")
axes[1].legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** Being wrong by $z$ costs about $z$, so one sample never pulls harder than its own $\lVert x\rVert$.
# Being right never costs *nothing*. Remember that for separable data.

# %% [markdown]
# ### Two label conventions, one loss
#
# The same data, once with $y\in\{0,1\}$ in your loss, once with $s\in\{-1,1\}$ in $\log(1+e^{-sz})$.
# And what if the ±1 labels go into the formula for 0 and 1?

# %%
s_small, z_small = 2 * y_small - 1, X_small @ w_small
p_small = sigma(z_small)
mixed = -(s_small * np.log(p_small) + (1 - s_small) * np.log(1 - p_small)).mean()
print(f"labels 0 and 1, their formula:   {logistic_loss(w_small, X_small, y_small):.6f}")
print(f"labels −1 and 1, their formula:  {np.mean(np.log1p(np.exp(-s_small * z_small))):.6f}")
print(f"labels −1 and 1, the other one:  {mixed:.6f}")
for z_right in (-10.0, -100.0):
    print(f"  one sample with label −1 and z = {z_right:.0f}: {np.log(sigma(z_right)) - 2 * np.log1p(-sigma(z_right)):.1f}")


# %% [markdown]
# With the wrong formula the "loss" has no floor. Training will find $-\infty$, and look like a great success.

# %% [markdown]
# ### A line through two measurements
#
# Tumours in breast-cancer data: two standardised features, 1 is benign. A column of ones serves as intercept.
# Where will $p = 0.1$ and $p = 0.9$ lie?

# %%
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
pair = np.column_stack([np.ones(n), X[:, names.index("mean radius")], X[:, names.index("mean texture")]])
w_pair = newton(pair, y)[-1]
accuracy = np.mean((pair @ w_pair > 0) == (y == 1))
print(f"intercept {w_pair[0]:.2f}, radius {w_pair[1]:.2f}, texture {w_pair[2]:.2f}; accuracy {accuracy:.1%}")
print(f"one standard deviation more of radius multiplies the odds of benign by {np.exp(w_pair[1]):.3f}")

# %%
gx, gy = np.meshgrid(np.linspace(-2.2, 4.2, 91), np.linspace(-2.4, 4.8, 91))
grid_p = sigma(np.stack([np.ones_like(gx), gx, gy], axis=-1) @ w_pair)

fig, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
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

# %% [markdown]
# **Takeaway.** $p$ depends on $w\cdot x$ alone, so all lines of equal probability are straight and parallel.
# The *classifier* is linear. The length of $w$ sets how fast the colour changes, its direction where the line lies.

# %% [markdown]
# ### Your functions against scikit-learn
#
# All 30 features, no intercept, $l_2 = 0.01$. scikit-learn minimises $C\sum_i\ell_i + \frac12\lVert w\rVert^2$.
# Divide by $nC$: mean loss plus $\frac{1}{2nC}\lVert w\rVert^2$. So $l_2 = \frac{1}{nC}$, that is $C = \frac{1}{n\,l_2}$.

# %%
from sklearn.linear_model import LogisticRegression

l2 = 0.01
path = newton(X, y, l2)
model = LogisticRegression(C=1 / (n * l2), fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=100)
theirs = model.fit(X, y).coef_[0]
for step, w in enumerate(path):
    gap = np.abs(w - theirs).max()
    shown = f"{gap:.1g}" if gap > 1e-6 else "below 1e-6"
    print(f"step {step}: loss {logistic_loss(w, X, y, 0.0, l2):.8f}, largest distance to scikit-learn {shown}")
assert np.abs(path[-1] - theirs).max() < 1e-6

# %% [markdown]
# Look at the distances near the end: the number of right digits about doubles with each step.
#
# And is a Newton step really a weighted least-squares fit? With the penalty, $d$ more rows hold the weights down.

# %%
w = path[2]
p = sigma(X @ w)
weight = p * (1 - p)
u = X @ w - (p - y) / weight
rows = np.vstack([np.sqrt(weight)[:, None] * X, np.sqrt(n * l2) * np.eye(d)])
fit = np.linalg.lstsq(rows, np.append(np.sqrt(weight) * u, np.zeros(d)), rcond=None)[0]
print("Newton's step equals the weighted fit:", np.allclose(fit, path[3], rtol=0, atol=1e-8))

# %% [markdown]
# ### Gradient descent against Newton
#
# Same loss, same start. Gradient descent gets the step 1/L with $L = \lambda_{\max}(X^\top X)/(4n) + l_2$, because $s_i \le \frac14$.
# Newton has six right digits after 6 steps. Guess how many gradient descent needs for them.

# %%
L = np.linalg.eigvalsh(X.T @ X / n)[-1] / 4
best = logistic_loss(path[-1], X, y, 0.0, l2)
w, gap_gd = np.zeros(d), []
for _ in range(2500):
    gap_gd.append(logistic_loss(w, X, y, 0.0, l2) - best)
    w = w - logistic_gradient(w, X, y, 0.0, l2) / (L + l2)
gap_newton = [logistic_loss(w, X, y, 0.0, l2) - best for w in path]
print(f"steps to a loss within 1e-6: gradient descent about {round(np.argmax(np.array(gap_gd) < 1e-6), -2)}, "
      f"Newton {np.argmax(np.array(gap_newton) < 1e-6)}")

# %%
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
ax.loglog(np.arange(len(gap_gd)) + 1, np.maximum(gap_gd, 1e-15), color=plots.color("gd"), label="gradient descent, step 1/L")
ax.loglog(np.arange(len(gap_newton)) + 1, np.maximum(gap_newton, 1e-15), "o-", color=plots.color("newton"), label="Newton (IRLS)")
ax.axhline(1e-15, color="0.6", linestyle=":")
ax.text(2500, 2e-15, "rounding", color="0.35", ha="right")
ax.set(xlabel="iteration, the start is 1", ylabel="loss above its minimum", ylim=(3e-16, 3),
       title="Newton falls off a cliff; gradient descent walks")
ax.legend(loc="center", bbox_to_anchor=(0.55, 0.45))
plt.show()

# %% [markdown]
# **Takeaway.** 30 weights: Newton wins by hundreds of steps, and a 30 × 30 system costs next to nothing.
# With a million weights there is no Hessian to store. Then it is L-BFGS or SGD.

# %% [markdown]
# ### Separable data: how far do the weights run?
#
# Two clouds that a line separates, gradient descent without penalty. Then the same with *one* label flipped, then with $l_2=0.01$.
# Does ‖w‖ settle? Predict all three before you run.

# %%
rng = np.random.default_rng(0)
clouds = np.vstack([rng.normal([-1.5, -0.5], 0.6, (30, 2)), rng.normal([1.5, 0.5], 0.6, (30, 2))])
split = np.repeat([0.0, 1.0], 30)
flipped = split.copy()
flipped[0] = 1.0


def norms(y, l2, steps=5000):
    """‖w‖ after each step of gradient descent on the clouds, step 1."""
    w, found = np.zeros(2), []
    for _ in range(steps):
        w = w - logistic_gradient(w, clouds, y, 0.0, l2)
        found.append(np.linalg.norm(w))
    return np.array(found)


runs = {"separable": norms(split, 0.0), "one label flipped": norms(flipped, 0.0), "separable, l2 = 0.01": norms(split, 0.01)}
for name, found in runs.items():
    print(f"{name:21s} ‖w‖ after 50, 500, 5000 steps: {found[49]:5.2f} {found[499]:5.2f} {found[-1]:5.2f}")

# %% [markdown]
# Real data now. All 30 features of the breast-cancer set, no penalty, your Newton.
# First without an intercept. Then with a column of ones, which is *one* more weight.

# %%
real = {"no intercept": X, "with an intercept": np.column_stack([np.ones(n), X])}
paths = {name: newton(Z, y, max_steps=30) for name, Z in real.items()}
for name, found in paths.items():
    right = np.mean((real[name] @ found[-1] > 0) == (y == 1))
    print(f"{name:18s} {right:.1%} of the training set right")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
looks = {"separable": ("wrong", "-"), "one label flipped": ("right", "--"), "separable, l2 = 0.01": ("l2", "-.")}
for name, found in runs.items():
    axes[0].semilogx(np.arange(5000) + 1, found, looks[name][1], color=plots.color(looks[name][0]), label=name)
axes[0].set(xlabel="step of gradient descent (log scale)", ylabel="‖w‖", title="Two clouds: separable never settles")
axes[0].legend(loc="upper left")
for (name, found), (tint, dash) in zip(paths.items(), (("right", "--"), ("wrong", "-")), strict=True):
    axes[1].semilogy(np.arange(1, len(found)), np.linalg.norm(found, axis=1)[1:], dash, color=plots.color(tint), marker="o", markersize=3, label=name)
axes[1].set(xlabel="Newton step", ylabel="‖w‖ (log scale)", title="Breast cancer: one column decides")
axes[1].legend(loc="lower right")
plt.show()


# %% [markdown]
# **Takeaway.** Once all samples are right, every longer $w$ is still a little better. There is no last one.
# One flipped label, or any $l_2 > 0$, and the run is over.
# With an intercept a hyperplane separates *all* 569 tumours. From step 15 on each Newton step adds a piece of the same length.
# Gradient descent on separable data grows like $\log t$ in the long run: slow enough to be taken for convergence.

# %% [markdown]
# Why there is no optimum, in two lines. Say $v$ separates: $x_i\cdot v > 0$ where $y_i=1$ and $< 0$ where $y_i=0$. At *any* $w$:
#
# $$
# v\cdot\nabla J(w) = \frac1n\sum_i \underbrace{(p_i-y_i)}_{<0 \text{ if } y_i=1,\; >0 \text{ if } y_i=0}\,(x_i\cdot v) \;<\; 0
# $$
#
# So the gradient is zero nowhere. Read it the other way round too: a zero gradient *proves* that nothing separates.

# %% [markdown]
# ### What each penalty does to one weight
#
# The data alone want the weight $a$. Minimise $\frac12(w-a)^2$ plus the penalty. What comes out?

# %%
def soft_threshold(a, t):
    """The minimiser of ½(w − a)² + t·|w|."""
    return np.sign(a) * np.maximum(np.abs(a) - t, 0)


a = np.linspace(-3, 3, 301)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), layout="constrained")
axes[0].plot(a, np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi), color=plots.color("l2"), label="Gaussian: L2")
axes[0].plot(a, np.exp(-np.abs(a) * np.sqrt(2)) / np.sqrt(2), color=plots.color("l1"), label="Laplace: L1")
axes[0].set(xlabel="weight w", ylabel="prior density (variance 1)", title="Two priors: one has a peak")
axes[0].legend(loc="upper left", fontsize=9)
axes[1].plot(a, a, ":", color="0.4", label="no penalty")
axes[1].plot(a, a / 2, color=plots.color("l2"), label="l2 = 1: shrinks by half")
axes[1].plot(a, soft_threshold(a, 1.0), color=plots.color("l1"), label="l1 = 1: soft-thresholds")
axes[1].set(xlabel="what the data want, a", ylabel="best weight", title="L1 is flat at zero, L2 only passes it")
axes[1].legend(loc="upper left", fontsize=9)
plt.show()


# %% [markdown]
# **Takeaway.** L2 divides: large weights lose most, and none becomes 0. L1 subtracts: whatever is below $t$ is gone.
# A peak in the prior is a kink in the penalty, and a kink holds weights at exactly 0.

# %% [markdown]
# ### Regularisation paths
#
# All 30 weights, from a strong penalty to a weak one: proximal gradient for L1 (with Nesterov's momentum), Newton for L2.
# The first L1 value is chosen so that *no* weight survives. Where is that? At $w=0$ zero is optimal iff $\lvert\partial_j J(0)\rvert \le l_1$ for all $j$.

# %%
def proximal_gradient(X, y, l1, w, steps=400):
    """Gradient step on the smooth part, then soft-threshold; with Nesterov's momentum (FISTA)."""
    lr = 4 * len(X) / np.linalg.eigvalsh(X.T @ X)[-1]
    ahead = w
    for k in range(steps):
        w_next = soft_threshold(ahead - lr * logistic_gradient(ahead, X, y), lr * l1)
        ahead = w_next + k / (k + 3) * (w_next - w)
        w = w_next
    return w


l1_max = np.abs(logistic_gradient(np.zeros(d), X, y)).max()
l1_values, l2_values = np.geomspace(l1_max, 1e-3, 30), np.geomspace(100, 1e-3, 30)
l1_path, w = [], np.zeros(d)
for l1 in l1_values:
    w = proximal_gradient(X, y, l1, w)  # the last answer is a good start for the next
    l1_path.append(w)
l1_path = np.array(l1_path)
l2_path = np.array([newton(X, y, value)[-1] for value in l2_values])
print(f"the strongest useful l1 is {l1_max:.4f}; the feature that enters first: {names[np.argmax(np.abs(l1_path[1]))]}")

# %%
fig, axes = plt.subplots(2, 2, figsize=(9.5, 5.6), sharex="col", height_ratios=[2.2, 1], layout="constrained")
for column, (values, weights, name) in zip(axes.T, ((l1_values, l1_path, "l1"), (l2_values, l2_path, "l2")), strict=True):
    column[0].plot(values, weights, color=plots.color(name), linewidth=1, alpha=0.75)
    column[0].axhline(0, color="black", linewidth=1)
    column[1].step(values, (weights == 0).sum(axis=1), where="mid", color=plots.color(name))
    column[1].set(xlabel=f"{name} (log scale, strong on the left)", ylim=(-1, 31))
    column[1].set(xscale="log")
    column[1].invert_xaxis()
axes[0, 0].set(title="L1: the weights enter one by one", ylabel="weights")
axes[0, 1].set(title="L2: all 30 are there from the start")
axes[1, 0].set_ylabel("exact zeros of 30")
plt.show()

# %%
few = np.flatnonzero((l1_path != 0).sum(axis=1) <= 5)[-1]
right = [np.mean((X @ w > 0) == (y == 1)) for w in (l1_path[few], l2_path[-1])]
print(f"{(l1_path[few] != 0).sum()} of 30 weights (L1): {right[0]:.1%} of the training set; all 30 (L2): {right[1]:.1%}")

# %% [markdown]
# **Takeaway.** L1 selects, L2 shrinks. Five measurements get most of the way, because the thirty are so correlated.
# But which of several twins L1 keeps is close to a coin flip. Do not read a 0 as "this one does not matter".

# %% [markdown]
# ### What a penalised intercept does
#
# Only an intercept: $X$ is a column of ones, and 5 % of the labels are 1. Without penalty it predicts 5 %. And with one?

# %%
rare = np.repeat([1.0, 0.0], [5, 95])
for value in (0.0, 0.01, 0.1, 1.0):
    b = newton(np.ones((100, 1)), rare, value)[-1]
    print(f"l2 = {value:<5g} predicted share of ones: {sigma(b)[0]:.3f}")

# %% [markdown]
# The penalty pulls the *base rate* towards one half. So leave the intercept out of it: its size is no sign of complexity.

# %% [markdown]
# ## Folklore on trial
#
# ### "The logistic loss is convex"
#
# The smallest eigenvalue of the Hessian at 300 random points each. For L1, which has none at 0, test the chord:
# $J(\frac{a+b}{2}) \le \frac12 J(a) + \frac12 J(b)$.

# %%
rng = np.random.default_rng(0)


def smallest(Z, scale, l2=0.0, points=300):
    """The smallest eigenvalue over random weights of a given size, and the largest, to compare with."""
    found = np.array([np.linalg.eigvalsh(logistic_hessian(scale * rng.normal(size=Z.shape[1]), Z, l2)) for _ in range(points)])
    return found.min(), found.max()


tall, wide = rng.normal(size=(40, 5)), rng.normal(size=(3, 5))
chords = []
for _ in range(300):
    ends = 3 * rng.normal(size=(2, 5)) * (rng.random((2, 5)) < 0.7)  # many weights exactly 0
    J = [logistic_loss(w, tall, np.repeat([0.0, 1.0], 20), 0.5, 0.0) for w in (*ends, ends.mean(axis=0))]
    chords.append((J[0] + J[1]) / 2 - J[2])
bowls = {
    "40 samples, 5 features, small weights": smallest(tall, 1),
    "40 samples, 5 features, weights of size 30": smallest(tall, 30),
    "3 samples, 5 features": smallest(wide, 1),
    "breast cancer": smallest(X, 0.3, points=100),
}
ruling = trial(
    "the logistic loss is convex",
    {name: low >= -1e-12 * high for name, (low, high) in bowls.items()} | {"with l1 = 0.5 (chords)": min(chords) >= -1e-12},
)
assert ruling == "holds"
ruling

# %% [markdown]
# ### "So it has exactly one minimum"
#
# For that it must curve in *every* direction. Is the smallest eigenvalue above 0, beyond rounding?

# %%
twins = np.column_stack([tall, tall[:, 0]])  # the first feature twice
ruling = trial(
    "the logistic loss is strictly convex",
    {name: low > 1e-8 * high for name, (low, high) in {
        "40 samples, 5 features": smallest(tall, 1),
        "3 samples, 5 features": smallest(wide, 1),
        "40 samples, one feature twice": smallest(twins, 1),
        "3 samples, 5 features, l2 = 0.1": smallest(wide, 1, 0.1),
        "40 samples, one feature twice, l2 = 0.1": smallest(twins, 1, 0.1),
    }.items()},
    only_if="X has full column rank or l2 > 0",
)  # fmt: skip
assert ruling == "holds only if X has full column rank or l2 > 0"
ruling


# %% [markdown]
# With twin features any split of the weight between them gives the same loss: a valley, flat along its floor.
# And strictly convex still does not mean that a minimum *exists*. That is the next claim.

# %% [markdown]
# ### "It is convex, so training finds the optimum"
#
# No penalty. Run Newton to a gradient of 1e-6, then on to 1e-9. If there is an optimum, ‖w‖ no longer moves.

# %%
def settled(Z, y):
    """Does ‖w‖ change by less than 1 % between a gradient of 1e-6 and one of 1e-9?"""
    coarse, fine = (np.linalg.norm(newton(Z, y, tol=tol)[-1]) for tol in (1e-6, 1e-9))
    return abs(fine / coarse - 1) < 0.01


ruling = trial(
    "without regularisation the optimum exists",
    {
        "two clouds, one label flipped": settled(clouds, flipped),
        "two clouds, separable": settled(clouds, split),
        "breast cancer, no intercept": settled(X, y),
        "breast cancer, with an intercept": settled(real["with an intercept"], y),
    },
    only_if="no hyperplane separates the classes",
)
assert ruling == "holds only if no hyperplane separates the classes"
ruling


# %% [markdown]
# $e^{-x}$ is convex too, and has no minimum.
# (Without an intercept the hyperplane must pass through the origin, so fewer data are separable.
# And touching is enough: if samples lie *on* the hyperplane but none on the wrong side, there is no optimum either.)
#
# If you stop after a fixed number of epochs, early stopping is your regulariser, whether you meant it or not.

# %% [markdown]
# ### "L1 gives sparse weights and L2 does not"
#
# Five bootstrap samples of the breast-cancer data. Sparse shall mean: at least ten of the 30 weights are *exactly* 0, on all five.

# %%
def subgradient_descent(X, y, l1, steps=1500):
    """Plain steps along your gradient with sign(w), the step falling like 1/√t."""
    w = np.zeros(X.shape[1])
    for k in range(steps):
        w = w - 0.3 / np.sqrt(k + 1) * logistic_gradient(w, X, y, l1)
    return w


zeros = {"L1 = 0.02, soft-thresholding": [], "L1 = 0.02, plain subgradient steps": [], "L1 = 1e-5, soft-thresholding": [], "L2 = 0.02": []}
for seed in range(5):
    pick = np.random.default_rng(seed).integers(n, size=n)
    Z, t = X[pick], y[pick]
    answers = [
        proximal_gradient(Z, t, 0.02, np.zeros(d), 1000), subgradient_descent(Z, t, 0.02),
        proximal_gradient(Z, t, 1e-5, np.zeros(d), 1000), newton(Z, t, 0.02)[-1],
    ]  # fmt: skip
    for found, w in zip(zeros.values(), answers, strict=True):
        found.append(int((w == 0).sum()))
for name, found in zeros.items():
    print(f"{name:35s} exact zeros, fewest of five: {'none' if min(found) == 0 else 'at least ten' if min(found) >= 10 else 'a few'}")

# %%
l2_dense = max(zeros["L2 = 0.02"]) == 0
ruling = trial(
    "L1 gives sparse weights and L2 does not",
    {name: min(found) >= 10 and l2_dense for name, found in zeros.items() if name.startswith("L1")},
    only_if="l1 is strong enough and the solver thresholds",
)
assert ruling == "holds only if l1 is strong enough and the solver thresholds"
ruling

# %% [markdown]
# The *optimum* is sparse for any solver. But a step of size $\text{lr}\cdot l_1$ jumps over 0, back and forth, and never lands on it.
# So with SGD and an L1 term in the loss (as in any deep-learning framework) count no exact zeros: threshold.

# %% [markdown]
# ### "The sigmoid's output lies strictly between 0 and 1"
#
# True on paper: input $(-\infty,\infty)$, output the open interval $(0,1)$. Ask the machine.

# %%
ruling = trial(
    "the sigmoid's output lies strictly between 0 and 1",
    {f"z = {v}": bool(0 < sigma(float(v)) < 1) for v in (-800, -700, -30, 0, 30, 40, 800)},
    only_if="z stays between about −745 and 37 (in float64)",
)
assert ruling == "holds only if z stays between about −745 and 37 (in float64)"
ruling

# %% [markdown]
# Lopsided, because floats are dense near 0 and not near 1. That is why $\log(1-p)$ breaks long before $\log p$ does.

# %% [markdown]
# ### "Feature scaling does not matter: the weight adapts"
#
# Three features and a column of ones. Measure one feature in a unit a hundred times smaller, so its numbers are a hundred times larger.
# Do the predicted probabilities stay, within 0.001?

# %%
three = np.column_stack([np.ones(n), X[:, [0, 1, 4]]])
units = np.array([1.0, 100.0, 1.0, 1.0])


def change(train):
    """The largest change of a predicted probability."""
    return np.abs(sigma(three @ train(three)) - sigma((three * units) @ train(three * units))).max()


def descend(Z, steps=300):
    w = np.zeros(Z.shape[1])
    for _ in range(steps):
        w = w - 4 * n / np.linalg.eigvalsh(Z.T @ Z)[-1] * logistic_gradient(w, Z, y)
    return w


moved = {
    "no penalty, Newton": change(lambda Z: newton(Z, y)[-1]),
    "no penalty, 300 steps of gradient descent": change(descend),
    "l2 = 0.01, Newton": change(lambda Z: newton(Z, y, 0.01)[-1]),
    "l1 = 0.01, proximal gradient": change(lambda Z: proximal_gradient(Z, y, 0.01, np.zeros(4), 2000)),
}
ruling = trial(
    "feature scaling does not matter",
    {name: value < 1e-3 for name, value in moved.items()},
    only_if="there is no penalty and the solver runs to the optimum",
)
assert ruling == "holds only if there is no penalty and the solver runs to the optimum"
ruling

# %% [markdown]
# The optimum without penalty does not care. A penalty does: it charges by the size of the number, so it charges by the unit.
# Gradient descent does: the condition number has grown. So standardise first, always.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Logistic regression models the log-odds as w·x, so p = σ(w·x). The loss is the negative log-likelihood of the labels, mean of log(1 + eᶻ) − yz.
# The gradient is Xᵀ(p − y)/n, the Hessian XᵀSX/n with S = p(1 − p) on the diagonal. It is positive semidefinite, so the loss is convex.
# L2 adds λw to the gradient and λI to the Hessian: a Gaussian prior, and a unique optimum. L1 adds λ·sign(w), a Laplace prior; at zero any slope in ±λ is allowed, so weights stay exactly zero.
# On separable data without a penalty there is no optimum: the weights grow for ever."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Start from $P(y\mid x)=p^y(1-p)^{1-y}$, take $-\log$, average, and simplify to $\log(1+e^z)-yz$.
# - Mention the other convention: $\log(1+e^{-sz})$ for $s=\pm1$, the same loss.
# - Gradient by the chain rule: $\partial\ell/\partial z = p-y$, $\partial z/\partial w = x$. Then the matrix form, with shapes.
# - Hessian: $\frac1n X^\top S X$, and $v^\top H v = \frac1n\sum s_i(x_i\cdot v)^2 \ge 0$. Strict if $X$ has full column rank.
# - L2: $+\,l_2 w$ and $+\,l_2 I$. L1: $+\,l_1\,\mathrm{sign}(w)$, optimality at 0 is $\lvert\partial_j J\rvert\le l_1$, solved with soft-thresholding.
# - Priors: $l_2 = 1/(n\tau^2)$, $l_1 = 1/(nb)$. scikit-learn's $C$ is $1/(n\,l_2)$, which is just $\tau^2$.
# - Solvers: Newton is IRLS: six steps to a loss within 1e-6 here, where gradient descent takes about 900. L-BFGS for many weights.
# - Say the trap: separable data. Breast cancer with an intercept is separable, and ‖w‖ never stops.
# - Code: $\max(z,0) - yz + \log(1+e^{-\lvert z\rvert})$, and a test against finite differences.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why is the intercept not penalised?</summary>
#
# It sets the base rate, not the complexity. Penalise it and the predictions drift towards 50 %, as measured above.
# The fit would also depend on where you put the origin of the features.
# In code: multiply the penalty by a vector of ones with a 0 for the intercept.
# With a free intercept the optimum has $\frac1n\sum(p_i - y_i) = 0$: the mean prediction equals the share of ones.
#
# </details>
#
# <details><summary>More than two classes?</summary>
#
# One weight vector for each class and a softmax: the loss is cross-entropy, the gradient $X^\top(P-Y)/n$ with one-hot $Y$ (question 32).
# Adding the same vector to all classes changes nothing, so without a penalty it is never strictly convex. Drop one class or penalise.
# For $K=2$ it is logistic regression with $w = w_1 - w_0$.
#
# </details>
#
# <details><summary>Why not least squares on the sigmoid?</summary>
#
# It is not convex in $w$: the curvature of $(\sigma(z)-y)^2$ changes sign at an error of 2/3.
# Its gradient carries σ′ and dies on confident mistakes (question 32).
# And it is not the likelihood of a coin flip, so the weights lose their statistical theory.
#
# </details>
#
# <details><summary>The classes are imbalanced. What do you do?</summary>
#
# First ask what is wrong. The probabilities are right as they are; often only the threshold ½ is not. Move it by the costs.
# Weights for classes multiply each sample's loss, and so its $p-y$ and its $s$. They help when the model is misspecified or the rare class drowns.
# They shift the intercept by about the log of the ratio, so the outputs are then no longer probabilities for the true mix.
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
# <details><summary>Why scale the features?</summary>
#
# A penalty charges all weights alike, so the features should have a common unit. Gradient descent needs it for its condition number.
# Unpenalised Newton does not care. The last trial has the figures.
#
# </details>
#
# <details><summary>scikit-learn's C against λ?</summary>
#
# $C = 1/(n\,l_2)$: large $C$ is weak regularisation. Its default is $C=1$, so a plain `LogisticRegression()` *is* regularised, with $l_2 = 1/n$.
# In the current API L1 is `l1_ratio=1`, and no penalty is `C=np.inf`; the argument `penalty` is deprecated.
#
# </details>
#
# <details><summary>What does a weight mean?</summary>
#
# One unit more of $x_j$, all else equal, adds $w_j$ to the log-odds and multiplies the odds by $e^{w_j}$.
# Not the probability: that moves by at most $w_j/4$ per unit to first order, most near $p=\frac12$.
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
# Yes. From a bad start all $s_i$ are nearly 0, $H$ is nearly singular and the step overshoots. Convex does not mean that full steps converge.
# Halve the step until the loss falls. And on separable data it runs to infinity, as it should.
#
# </details>
#
# <details><summary>Which w does gradient descent head for on separable data?</summary>
#
# Its direction converges to that of the hard-margin SVM, its length grows like $\log t$ (Soudry et al. 2018).
# So even without a penalty the algorithm prefers one separator among many.
#
# </details>
#
# <details><summary>L1 and L2 together?</summary>
#
# The elastic net. Strictly convex because of L2, sparse because of L1, and correlated features come in as a group instead of one by chance.
# The step: soft-threshold, then divide by $1 + \text{lr}\cdot l_2$.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "It is called a regression, so it predicts a quantity", or "the name is a mistake, it is no regression at all".
#   It regresses the log-odds of a class. A threshold on the probability makes a classifier of it.
# - "The sigmoid's variable lies in (0, 1)." That is its output. Its input is any real number.
# - "The loss is squared error on the sigmoid."
# - "Convex, so it has a unique optimum." Neither unique nor existing follows.
# - "The gradient of L1 is λ." It has a sign, and at 0 it has a whole interval.
# - "L2 makes weights zero." It makes them small.
# - `-np.log(p + 1e-12)`.
# - "No regularisation, I use scikit-learn's default." The default is L2 with C = 1.

# %% [markdown]
# ## References
#
# - T. Hastie, R. Tibshirani, J. Friedman. *The Elements of Statistical Learning*, 2nd ed., Springer 2009. §4.4: logistic regression, IRLS, L1.
# - C. M. Bishop. *Pattern Recognition and Machine Learning*. Springer 2006. §4.3.2–4.3.3: the loss, the Hessian, IRLS.
# - R. Tibshirani. *Regression Shrinkage and Selection via the Lasso.* JRSS B 58(1), 1996: L1, and its reading as a Laplace prior.
# - A. Beck, M. Teboulle. *A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems.* SIAM J. Imaging Sciences 2(1), 2009: ISTA and FISTA.
# - A. Albert, J. A. Anderson. *On the Existence of Maximum Likelihood Estimates in Logistic Regression Models.* Biometrika 71(1), 1984: separation.
# - D. Soudry et al. *The Implicit Bias of Gradient Descent on Separable Data.* JMLR 19, 2018: the direction, and log t.
# - scikit-learn documentation of `LogisticRegression`; PyTorch's of `BCEWithLogitsLoss`, which is the stable form.
