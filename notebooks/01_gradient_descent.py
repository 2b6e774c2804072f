# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Derive gradient descent for least squares: why the negative gradient, and when does it converge?
#
# *推导最小二乘的梯度下降;为什么沿负梯度方向?什么时候收敛?*

# %% [markdown]
# ## Question
#
# "Take linear regression with the squared loss.
# Derive the gradient, and write gradient descent.
# Why do we go along the *negative* gradient?
# For which learning rates does it converge, and how fast?"
#
# "以线性回归的平方损失为例:推导梯度,写出梯度下降;为什么沿负梯度方向?学习率取多大才收敛,收敛有多快?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The gradient, without hesitation.** $X^\top(X\theta-y)/n$, and you know where the 2 went.
# - **Why the minus sign.** First-order Taylor and Cauchy–Schwarz. And you say: *in the Euclidean norm, for a small step*.
# - **A number for the learning rate.** $\eta < 2/\lambda_{\max}$, not "small enough".
# - **The rates.** $1/k$ for convex functions, linear for strongly convex ones, and for quadratics $(\kappa-1)/(\kappa+1)$ at the best step: in the long run the condition number decides.
# - **What convexity does not give.** It gives no convergence by itself.

# %% [markdown]
# ## The idea
#
# ### The loss and its gradient
#
# There are $n$ samples. Row $x_i$ of $X\ (n, d)$ is one of them. The prediction is $x_i\cdot\theta$, the residual is $r_i$:
#
# $$
# J(\theta) = \frac1{2n}\sum_{i=1}^n r_i^2,
# \qquad
# r_i = \sum_{k=1}^d X_{ik}\theta_k - y_i,
# \qquad
# \frac{\partial r_i}{\partial\theta_j} = X_{ij}
# $$
#
# The chain rule, one coordinate at a time:
#
# $$
# \frac{\partial J}{\partial\theta_j}
# = \frac1{2n}\sum_i 2\,r_i\,\frac{\partial r_i}{\partial\theta_j}
# = \frac1n\sum_i X_{ij}\,r_i
# \qquad\Longrightarrow\qquad
# \nabla J = \frac1n X^\top(X\theta-y)
# $$
#
# The ½ was there to take the 2 away. Once more:
#
# $$
# \frac{\partial^2 J}{\partial\theta_j\,\partial\theta_k} = \frac1n\sum_i X_{ij}X_{ik}
# \qquad\Longrightarrow\qquad
# H = \frac1n X^\top X,
# \qquad
# v^\top H v = \frac1n\lVert Xv\rVert^2 \ge 0
# $$
#
# So $J$ is convex, and its Hessian is the same everywhere. Gradient descent is $\theta \leftarrow \theta - \eta\,\nabla J(\theta)$.

# %% [markdown]
# ### Why the negative gradient
#
# Write $g=\nabla J(\theta)$. Go a little way $t$ along a direction $u$ with $\lVert u\rVert_2 = 1$. Taylor, then Cauchy–Schwarz:
#
# $$
# J(\theta+tu) = J(\theta) + t\,g\cdot u + O(t^2),
# \qquad
# g\cdot u \;\ge\; -\lVert g\rVert_2\,\lVert u\rVert_2 = -\lVert g\rVert_2
# $$
#
# For $g\ne0$, equality holds only for $u = -g/\lVert g\rVert_2$. That is the steepest descent.
#
# Two conditions are hidden in it: $t$ is **small**, and "one unit of length" was measured in the **Euclidean** norm.
# Measure the length in another norm, and another direction wins:
#
# | one unit of length | lower bound of $g\cdot u$ | the direction that reaches it | its name |
# |---|---|---|---|
# | $\sum_j u_j^2 \le 1$ | $-\lVert g\rVert_2$ | $-g/\lVert g\rVert_2$ | gradient descent |
# | $\max_j\lvert u_j\rvert \le 1$ | $\sum_j g_ju_j \ge -\sum_j\lvert g_j\rvert$ | $-\mathrm{sign}(g)$ | sign descent; Adam's first step (up to its ε) |
# | $u^\top P u \le 1$ | $-\sqrt{g^\top P^{-1}g}$ | $\propto -P^{-1}g$ | Newton, if $P=H$ is positive definite |
# | spectral norm of a matrix $\le 1$ | minus the sum of singular values | $-UV^\top$, with $g=U\Sigma V^\top$ | Muon, which takes this step on the momentum |
#
# The third row: put $v = P^{1/2}u$. Then $\lVert v\rVert_2\le1$ and $g\cdot u = (P^{-1/2}g)\cdot v$, so the best $v$ is along $-P^{-1/2}g$, and $u = P^{-1/2}v$.

# %% [markdown]
# ### How long a step is allowed: the descent lemma
#
# Let the gradient be $L$-Lipschitz: $\lVert\nabla f(a)-\nabla f(b)\rVert \le L\lVert a-b\rVert$. For $J$, $L=\lambda_{\max}(H)$.
# Then along any step $s$ the gradient changes by at most $L\,t\lVert s\rVert$ after a share $t$ of it, and integrating gives
#
# $$
# f(\theta+s) \le f(\theta) + g\cdot s + \tfrac L2\lVert s\rVert^2
# \qquad\Longrightarrow\qquad
# f(\theta-\eta g) \;\le\; f(\theta) - \eta\Big(1-\frac{\eta L}2\Big)\lVert g\rVert^2 .
# $$
#
# The bracket is positive exactly for $\eta<2/L$. Then every step goes down, until $g=0$. No convexity was needed.
#
# Take $\eta\le1/L$, so that the bracket is at least ½. Three rates follow:
#
# | $f$ | after $k$ steps | why |
# |---|---|---|
# | any, bounded below by $f^*$ | $\min_i\lVert g_i\rVert^2\le\dfrac{2(f_0-f^*)}{\eta k}$ | add the lemma up over $k$ steps |
# | convex | $f_k-f^*\le\dfrac{\lVert\theta_0-\theta^*\rVert^2}{2\eta k}$ | the deeper part below |
# | strongly convex with $m>0$, or only PL: $\frac12\lVert g\rVert^2\ge m\,(f-f^*)$ | $f_k-f^*\le(1-\eta m)^k(f_0-f^*)$ | put PL into the lemma |
#
# Strong convexity implies PL (Polyak–Łojasiewicz) in one line: minimise both sides of $f(\vartheta)\ge f(\theta)+g\cdot(\vartheta-\theta)+\frac m2\lVert\vartheta-\theta\rVert^2$ over $\vartheta$, and $f^*\ge f(\theta)-\frac{1}{2m}\lVert g\rVert^2$.

# %% [markdown]
# ### How fast on a quadratic: one number for each eigendirection
#
# At a minimiser $H\theta^* = X^\top y/n$, so $\nabla J(\theta) = H(\theta-\theta^*)$. With $H = Q\Lambda Q^\top$, the error $e=\theta-\theta^*$ and its components $c = Q^\top e$ follow
#
# $$
# e \leftarrow (I-\eta H)\,e
# \qquad\Longrightarrow\qquad
# c_i \leftarrow (1-\eta\lambda_i)\,c_i .
# $$
#
# Each component moves independently of the others. It goes to zero if $\lvert1-\eta\lambda_i\rvert<1$, that is $0<\eta<2/\lambda_i$.
# The largest eigenvalue is the strictest: $\eta < 2/\lambda_{\max}$.
# (If $\lambda_i=0$ the factor is 1: that component stays, and $J$ does not see it.)
#
# Now the best $\eta$. Call the smallest eigenvalue $m>0$, the largest $L$, and $\kappa=L/m$.
# $\lvert1-\eta\lambda\rvert$ is convex in $\lambda$, so the slowest component is at an end. $1-\eta m$ falls with $\eta$, and $\eta L-1$ rises; the larger of the two is smallest where they meet:
#
# $$
# 1-\eta m = \eta L-1
# \;\Rightarrow\; \eta = \frac2{L+m},
# \qquad
# \text{rate}\;\; 1-\frac{2m}{L+m} = \frac{\kappa-1}{\kappa+1}
# $$
#
# So one more correct digit costs about $\ln(10)\,\kappa/2 \approx 1.15\,\kappa$ steps, in the long run. Early on, the other eigenvalues and the start count as well.

# %% [markdown]
# ### The words, one line each
#
# - **Convex**: the chord lies on or above the graph. For a twice differentiable $f$: $H\succeq0$ everywhere. Every local minimum is global.
# - **Strongly convex**: $H\succeq m\,I$ with $m>0$. One minimiser, and it exists. $\theta^2$ is; $e^\theta$ is only convex.
# - **Linear convergence**: the error is multiplied by a factor below 1 in each step. A straight line on a log plot.
# - **Learning rate** $\eta$: the factor of the gradient. It is not the length of the step, which is $\eta\lVert g\rVert$.
# - **Epoch**: one pass over all samples. Batch gradient descent makes one step an epoch.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, plots, settings, trial

plots.style()


# %% [markdown] tags=["deeper"]
# ### Deeper: $1/k$ for convex functions
#
# With $f(\theta) \le f^* + g\cdot(\theta-\theta^*)$ (convexity), $\theta^+=\theta-\eta g$ and $\eta\le1/L$:
#
# $$
# f(\theta^+) - f^* \le g\cdot(\theta-\theta^*) - \frac\eta2\lVert g\rVert^2
# = \frac1{2\eta}\Big(\lVert\theta-\theta^*\rVert^2 - \lVert\theta^+-\theta^*\rVert^2\Big)
# $$
#
# Add this up over $k$ steps. The right side telescopes, and the last $f$ is the smallest.

# %% [markdown]
# ## Your turn
#
# Write your answer in place of `raise NotImplementedError()` and run the cell, then the `check(…)` below it: it says what is wrong, and often names the mistake.
# Stuck? Open a folded hint, or call `hint(least_squares_loss)`; every call tells a little more.
#
# ### Exercise 1: the loss
#
# `theta (d,)`, `X (n, d)`, `y (n,)`. There is no intercept. Return the number $J = \frac1{2n}\sum_i(x_i\cdot\theta-y_i)^2$.

# %%
def least_squares_loss(theta, X, y):
    """theta (d,), X (n, d), y (n,) -> J = sum of squared residuals / (2n), a float; no intercept."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(least_squares_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: all predictions at once</summary>
#
# `X @ theta` has shape `(n,)`: one prediction for each sample. Subtract `y` and you have the residuals.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `np.sum(residual**2)`, over twice the number of samples.
#
# </details>

# %% [markdown]
# ### Exercise 2: its gradient
#
# Return $\nabla J$, shape `(d,)`.

# %%
def least_squares_gradient(theta, X, y):
    """theta (d,), X (n, d), y (n,) -> the gradient of J, with its 1/n, (d,)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(least_squares_gradient)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the shape</summary>
#
# The residual is `(n,)`, the gradient `(d,)`. Which of `X @ r` and `X.T @ r` fits?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the factor</summary>
#
# The derivative of $r^2$ is $2r$, and the loss has $\frac1{2n}$. So $\frac1n$ is left.
#
# </details>

# %% [markdown]
# ### Exercise 3: gradient descent
#
# `grad_fn(theta)` returns a gradient. Take `n_steps` steps and return every point, the start included: `(n_steps + 1, d)`.
# Leave `theta0` as it was.

# %%
def gradient_descent(grad_fn, theta0, lr, n_steps):
    """grad_fn: (d,) -> (d,); theta0 (d,) -> path (n_steps + 1, d), the start first; theta0 is not changed."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(gradient_descent)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what to keep</summary>
#
# A list that starts with `theta0`. Each step appends a *new* array, made from the last one in the list.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: all rows are the same?</summary>
#
# `theta -= …` writes into the one array that every entry of the list points to. Write `theta = theta - …`.
#
# </details>

# %% [markdown]
# ### Exercise 4: how large may the learning rate be?
#
# For $X\ne0$, return the limit below which gradient descent on $J$ converges, as a number.

# %%
def max_stable_lr(X):
    """X (n, d), not zero -> the supremum of the learning rates for which descent on J (with its 1/n) converges, a float."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(max_stable_lr)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which matrix?</summary>
#
# The Hessian of *this* $J$, with its $1/n$. Its largest eigenvalue is the strictest.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `np.linalg.eigvalsh` takes a symmetric matrix and returns the eigenvalues in rising order. The limit is 2 over the last.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### Is the gradient right?
#
# The loss is the judge. In an interview, offer this test before you are asked.

# %%
X, y = data.diabetes()  # 442 patients, 10 features, all standardised
gradcheck(
    lambda theta: least_squares_loss(theta, X, y),
    lambda dout, theta: dout * least_squares_gradient(theta, X, y),
    {"theta": np.random.default_rng(0).normal(size=10)},
)

# %% [markdown]
# ### Three learning rates
#
# Two features, so that we can see. How will the path look at a tenth of the limit $2/L$? At the best rate? At 4 % above the limit?

# %%
rng = np.random.default_rng(1)
X_toy = rng.normal(size=(60, 2)) * [1.5, 0.4] @ np.array([[0.9, 0.436], [-0.436, 0.9]])
y_toy = X_toy @ [1.0, 0.5] + 0.1 * rng.normal(size=60)
H_toy = X_toy.T @ X_toy / 60
best_toy = np.linalg.lstsq(X_toy, y_toy)[0]
m_toy, L_toy = np.linalg.eigvalsh(H_toy)


def toy_gradient(theta):
    return least_squares_gradient(theta, X_toy, y_toy)


def excess_toy(a, b):
    """J − J* on grids."""
    a, b = a - best_toy[0], b - best_toy[1]
    return (H_toy[0, 0] * a**2 + 2 * H_toy[0, 1] * a * b + H_toy[1, 1] * b**2) / 2


# %% tags=["hide-input"]
start = np.array([-0.5, 2.4])
limit_toy = max_stable_lr(X_toy)
paths = {
    "1.04 · 2/L": gradient_descent(toy_gradient, start, 1.04 * limit_toy, 20),
    "best, 2/(L+m)": gradient_descent(toy_gradient, start, 2 / (L_toy + m_toy), 20),
    "0.1 · 2/L": gradient_descent(toy_gradient, start, 0.1 * limit_toy, 20),
}
plots.contours(
    excess_toy, (-2.4, 3.6), (-1.2, 2.9), paths, "0.1 of the limit is slow, the best rate zigzags, 1.04 diverges", minimum=best_toy
)
plt.show()

# %% [markdown]
# **Takeaway.** The gradient is orthogonal to the level line. In a narrow valley that is *not* towards the minimum.
#
# ### Steepest, in which norm?
#
# At the same start draw one unit of length in each of the three norms. Your gradient tells which point of each ball is lowest.

# %% tags=["hide-input"]
g = toy_gradient(start)
angle = np.linspace(0, 2 * np.pi, 400)
circle = np.column_stack([np.cos(angle), np.sin(angle)])
balls = {  # the rim of the unit ball, and the direction that the table above promises
    "Euclidean: −g": (circle, -g / np.linalg.norm(g), "gd"),
    "maximum norm: −sign(g)": (circle / np.abs(circle).max(axis=1, keepdims=True), -np.sign(g), "adam"),
    "norm of H: −H⁻¹g": (
        circle / np.sqrt(np.einsum("ki,ij,kj->k", circle, H_toy, circle))[:, None],
        -np.linalg.solve(H_toy, g) / np.sqrt(g @ np.linalg.solve(H_toy, g)),
        "newton",
    ),
}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.9), layout="constrained")
a, b = np.meshgrid(np.linspace(-3.3, 2.7, 120), np.linspace(-0.8, 5.4, 120))
for ax, (name, (rim, step, method)) in zip(axes, balls.items(), strict=True):
    radius = 0.8
    ax.contour(a, b, excess_toy(a, b), levels=14, colors="#9AA5B1", linewidths=0.7)
    ax.fill(*(start[:, None] + radius * rim.T), color=plots.color(method), alpha=0.15)
    ax.plot(*(start[:, None] + radius * rim.T), color=plots.color(method), linewidth=1.2)
    ax.annotate("", start + radius * step, start, arrowprops=dict(arrowstyle="-|>", color=plots.color(method), linewidth=2))
    lowest = rim[np.argmin(rim @ g)]
    ax.plot(*(start + radius * lowest), "o", markerfacecolor="none", markersize=13, color=plots.color("wrong"))
    ax.plot(*best_toy, "*", color="black", markersize=11)
    ax.grid(False)
    ax.set(title=name, aspect="equal", xlabel="θ₁", xlim=(-3.3, 2.7), ylim=(-0.8, 5.4))
axes[0].set_ylabel("θ₂")
fig.suptitle("Another unit of length, another steepest direction (ring: lowest g·u found on the rim)", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Which direction is steepest depends on the norm. Adam's first step is the middle panel (up to its ε), Newton's method the one on the right.

# %% [markdown]
# ### The cliff: just above the limit
#
# Real data now. 3000 steps for each of 60 learning rates, 20 of them above the limit. What does the final loss look like just above it?

# %%
H = X.T @ X / len(y)
eigenvalues, Q = np.linalg.eigh(H)
m, L = eigenvalues[[0, -1]]
best = np.linalg.lstsq(X, y)[0]
limit = max_stable_lr(X)


def descend(lr, n_steps):
    return gradient_descent(lambda theta: least_squares_gradient(theta, X, y), np.zeros(10), lr, n_steps)


def excess(theta):
    """J(θ) − J*, without cancellation: r at the optimum is orthogonal to the columns of X."""
    return np.sum((X @ (theta - best)) ** 2) / (2 * len(y))


print(f"L = {L:.3f}, m = {m:.5f}, κ = {L / m:.0f}, limit 2/L = {limit:.3f}")

# %% tags=["hide-input"]
shares = np.concatenate([np.geomspace(0.01, 0.95, 28), 1 - np.geomspace(0.04, 1e-4, 12), 1 + np.geomspace(1e-5, 5e-3, 20)])
final = np.array([excess(descend(share * limit, 3000)[-1]) for share in shares])

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
below = shares < 1
ax.loglog(shares[below], final[below], "o-", markersize=4, color=plots.color("right"), label="below 2/L")
ax.loglog(shares[~below], final[~below], "s-", markersize=4, color=plots.color("wrong"), label="above 2/L")
ax.axvline(1, color="0.4", linestyle=":")
ax.axhline(excess(np.zeros(10)), color="0.6", linestyle="--", linewidth=1)
ax.text(0.011, excess(np.zeros(10)) * 3, "where it started", color="0.35", va="bottom")
ax.set(xlabel="learning rate / (2/L)", ylabel="excess loss after 3000 steps",
       title="A larger rate is better, until just below the cliff at 2/L", xticks=[0.01, 0.1, 1], xticklabels=["0.01", "0.1", "1"])
ax.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
plt.show()

# %% [markdown]
# **Takeaway.** The best learning rate, near $2/(L+m)$, is only 0.2 % below the limit; just above the limit the loss explodes.
# So find the limit by a sweep on a log scale, then stay well below it.
#
# ### Ten error components, ten speeds
#
# Theory: component $i$ is multiplied by $1-\eta\lambda_i$. So ten straight lines on a log scale. Which ones are slow at $\eta=1/L$, and which at $2/(L+m)$?

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
shades = plt.get_cmap("viridis")(np.linspace(0, 0.93, 10))
for ax, (name, lr) in zip(axes, {"η = 1/L": 1 / L, "η = 2/(L+m)": 2 / (L + m)}.items(), strict=True):
    components = np.abs((descend(lr, 1500) - best) @ Q)
    for i in range(10):
        line = components[:, i] / components[0, i]
        seen = np.flatnonzero(line > 1e-9)  # below that it is rounding
        ax.semilogy(seen, line[seen], color=shades[i], linewidth=2.2 if i in (0, 9) else 1.2,
                    linestyle="--" if i == 9 else "-", zorder=3 if i == 9 else 2, label=f"λ = {eigenvalues[i]:.3g}")
    ax.set(title=name, xlabel="step", ylim=(1e-8, 2))
axes[0].set_ylabel("error component, as a share of its start")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
fig.suptitle("The flattest direction is the slow one; at the best rate the steepest one is as slow", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The best learning rate balances the two ends, and everything between is faster. Is its rate the one we derived?

# %%
components = np.abs((descend(2 / (L + m), 1000) - best) @ Q)
kappa = L / m
print(f"measured, flattest direction: {(components[1000, 0] / components[0, 0]) ** (1 / 1000):.6f} a step")
print(f"measured, steepest direction: {(components[1000, 9] / components[0, 9]) ** (1 / 1000):.6f} a step")
print(f"(κ − 1)/(κ + 1):              {(kappa - 1) / (kappa + 1):.6f}")

# %% [markdown] tags=["deeper"]
# ### Deeper: the edge of stability
#
# A network has no single $L$. Train one with *full-batch* gradient descent (200 digits, 20 tanh units, squared loss) and measure $\lambda_{\max}$ of its Hessian on the way. What does it do?

# %% tags=["deeper", "hide-input"]
images, labels, _, _ = data.digits()
images, targets = images[:200] - images[:200].mean(axis=0), np.eye(10)[labels[:200]] - 0.1


def network_gradient(theta):
    """∇ of the mean squared error / 2 of a network 64 → 20 → 10, theta (1480,)."""
    first, second = theta[:1280].reshape(64, 20), theta[1280:].reshape(20, 10)
    h = np.tanh(images @ first)
    r = (h @ second - targets) / len(images)
    return np.concatenate([(images.T @ (r @ second.T * (1 - h**2))).ravel(), (h.T @ r).ravel()])


def sharpness(theta, v, n_steps=8):
    """λ_max by power iteration, Hessian–vector products from two gradients each."""
    for _ in range(n_steps):
        v = v / np.linalg.norm(v)
        product = (network_gradient(theta + 1e-4 * v) - network_gradient(theta - 1e-4 * v)) / 2e-4
        value, v = v @ product, product
    return value, v


rng = np.random.default_rng(0)
begin, v, seen = 0.1 * rng.normal(size=1480), rng.normal(size=1480), {}
for lr in (0.5, 1.0, 1.5):
    theta, rows = begin, []
    for step in range(1501):
        if step % 25 == 0:
            value, v = sharpness(theta, v)
            rows.append(value)
        theta = theta - lr * network_gradient(theta)
    seen[f"η = {lr}"] = (np.arange(0, 1501, 25), np.array(rows))

ax = plots.curves(seen, "step", "largest eigenvalue of the Hessian", "The loss gets sharper until λ_max is at 2/η (dotted)")
for line, lr in zip(ax.lines[:3], (0.5, 1.0, 1.5), strict=True):
    ax.axhline(2 / lr, color=line.get_color(), linestyle=":", linewidth=1.2)
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** For η = 1 and 1.5 the largest curvature *rises*, overshoots $2/\eta$ and then hovers near it; for η = 0.5 it has nearly arrived after 1500 steps.
# Cohen et al. (2021) found this in many networks with full-batch training: meanwhile the loss goes on falling, though not in every step.
# So "choose η below 2/L" does not describe a network with a fixed $L$: the curvature depends on your η.

# %% [markdown] tags=["deeper"]
# ### Deeper: Muon's step without an SVD
#
# Steepest descent in the spectral norm is $-UV^\top$: all singular values of the gradient become 1. The iteration $A\leftarrow\frac32A-\frac12AA^\top A$ (Newton–Schulz) drives singular values between 0 and √3 to 1, with products only.

# %% tags=["deeper"]
A = np.random.default_rng(3).normal(size=(6, 4))
u, values, vt = np.linalg.svd(A, full_matrices=False)
A = A / np.linalg.norm(A)  # the Frobenius norm: no singular value is above 1
for _ in range(25):
    A = 1.5 * A - 0.5 * A @ A.T @ A
print("singular values before:", values.round(1), " after:", np.linalg.svd(A)[1].round(6))
print("equals U Vᵀ:", bool(np.allclose(A, u @ vt, atol=1e-6)))

# %% [markdown] tags=["deeper"]
# Muon (Jordan et al. 2024) applies this to the momentum of each weight matrix, with five steps of a polynomial of degree five that is faster and rougher; embeddings, biases and the last layer stay with AdamW. Question 07 meets the same $UV^\top$ in Shampoo.

# %% [markdown] tags=["deeper"]
# ### Deeper: a walk in each of the three norms
#
# The same `gradient_descent` serves all three: hand it `sign(g)` or $H^{-1}g$ in place of $g$. Which one cannot come to rest?

# %% tags=["deeper", "hide-input"]
walks = {
    "gradient": gradient_descent(toy_gradient, start, 2 / (L_toy + m_toy), 24),
    "sign": gradient_descent(lambda theta: np.sign(toy_gradient(theta)), start, 0.17, 24),
    "Newton, lr 0.3": gradient_descent(lambda theta: np.linalg.solve(H_toy, toy_gradient(theta)), start, 0.3, 24),
}
plots.animate_paths(
    excess_toy, (-2.4, 3.6), (-1.2, 2.9), walks, "Steepest descent in three norms, 24 steps", minimum=best_toy, frames=25
)

# %% [markdown] tags=["deeper"]
# **Takeaway.** Sign descent takes steps of one length, so in the end it jumps to and fro, here not even around the minimum.
# The gradient zigzags; Newton walks straight, because it measures length as the loss does.

# %% [markdown] tags=["deeper"]
# ### Deeper: feature scaling, before and after
#
# One feature has five times the spread of the other, and nothing else is wrong.
# Divide it by its standard deviation. How many steps will that save, from an error of 1 to $10^{-6}$?

# %% tags=["deeper", "hide-input"]
rng = np.random.default_rng(2)
raw = rng.normal(size=(200, 2)) * [5.0, 1.0]
target = raw @ [0.2, 1.0]


def steps_needed(features):
    """Steps at the best rate until the error of θ is a millionth of its start."""
    low, high = np.linalg.eigvalsh(features.T @ features / len(features))[[0, -1]]
    truth = np.linalg.lstsq(features, target)[0]
    path = gradient_descent(lambda t: least_squares_gradient(t, features, target), np.zeros(2), 2 / (low + high), 2000)
    error = np.linalg.norm(path - truth, axis=1)
    return high / low, int(np.argmax(error <= 1e-6 * error[0])), path, truth


fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
for ax, (name, features) in zip(axes, {"raw": raw, "divided by its spread": raw / raw.std(axis=0)}.items(), strict=True):
    condition, needed, path, truth = steps_needed(features)
    hessian = features.T @ features / 200
    a, b = np.meshgrid(np.linspace(-1.1, 1.9, 150) + truth[0] - 0.5, np.linspace(-0.3, 1.9, 150))
    e = np.stack([a - truth[0], b - truth[1]])
    levels = np.geomspace(0.003, 12, 10)
    ax.contour(a, b, np.einsum("iab,ij,jab->ab", e, hessian, e) / 2, levels=levels, colors="#9AA5B1", linewidths=0.8)
    ax.plot(*path[:60].T, ".-", color=plots.color("gd"), markersize=5, linewidth=1.3)
    ax.plot(*truth, "*", color=plots.color("wrong"), markersize=14, zorder=4)
    ax.grid(False)
    ax.set(title=f"{name}: κ = {condition:.1f}, {needed} steps", xlabel="θ₁", aspect="equal")
axes[0].set_ylabel("θ₂")
fig.suptitle("Scaling makes the valley round, and a round valley needs few steps", x=0.01, ha="left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** A spread five times larger means an eigenvalue 25 times larger: κ goes with the *square*.
# Scaling changes the Euclidean norm in θ-space. It is the cheapest preconditioner: a change of variables that makes the valley rounder.

# %% [markdown] tags=["deeper"]
# ### Deeper: normal equations against gradient descent
#
# $X^\top X\theta = X^\top y$ gives the answer at once. But $\kappa(X^\top X) = \kappa(X)^2$.
# Build matrices with a chosen $\kappa(X)$, and count the digits that three methods get right.

# %% tags=["deeper", "hide-input"]
rng = np.random.default_rng(3)
U, _ = np.linalg.qr(rng.normal(size=(60, 8)))
V, _ = np.linalg.qr(rng.normal(size=(8, 8)))
truth = rng.normal(size=8)
conditions = 10.0 ** np.arange(0.5, 7.6, 0.5)  # at 10⁸ np.linalg.solve may find XᵀX exactly singular
errors = {"SVD (lstsq)": [], "normal equations": [], "gradient descent, 2000 steps": []}
for condition in conditions:
    A = U * np.geomspace(1, 1 / condition, 8) @ V.T
    b = A @ truth
    best_lr = 2 * 60 / (1 + condition**-2)  # 2/(L + m), with L = 1/60 and m = κ⁻²/60
    descended = gradient_descent(lambda theta, A=A, b=b: least_squares_gradient(theta, A, b), np.zeros(8), best_lr, 2000)[-1]
    answers = np.linalg.lstsq(A, b, rcond=0)[0], np.linalg.solve(A.T @ A, A.T @ b), descended
    for name, answer in zip(errors, answers, strict=True):
        errors[name].append(np.linalg.norm(answer - truth) / np.linalg.norm(truth))

plots.curves({name: (conditions, np.maximum(error, 1e-17)) for name, error in errors.items()}, "condition number κ(X)",
             "relative error of θ", "Normal equations lose two digits per digit of κ, the SVD loses one", logx=True, logy=True,
             legend="lower right")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** At $\kappa(X)=10^7$ normal equations have about three digits left. Past $10^8$, the root of 1/eps, `solve` may call the matrix singular.
# (The fit is exact here. A large residual puts a $\kappa^2$ into the error of SVD and QR too, times the residual.)
# Gradient descent pays in steps, in proportion to $\kappa(X)^2$: with 2000 steps its error is 1 % at $\kappa(X)\approx32$ and already 30 % at 100.

# %% [markdown] tags=["deeper"]
# ### Deeper: what if X is rank-deficient?
#
# Copy a column. Now infinitely many θ fit equally well. Which one does gradient descent find, from zero and from elsewhere?

# %% tags=["deeper"]
X_twin = np.column_stack([X, X[:, 2]])
theta0 = np.zeros(11)
theta0[[2, 10]] = 1.0, -1.0  # along the direction that the loss cannot see
shortest = np.linalg.pinv(X_twin) @ y
ends = [
    gradient_descent(lambda theta: least_squares_gradient(theta, X_twin, y), begin, 0.95 * max_stable_lr(X_twin), 8000)[-1]
    for begin in (np.zeros(11), theta0)
]
for name, end in zip(("from zero", "from elsewhere"), ends, strict=True):
    print(f"{name:15} norm {np.linalg.norm(end):.4f}, J {least_squares_loss(end, X_twin, y):.6f}, "
          f"distance to the shortest solution {np.linalg.norm(end - shortest):.4f}")


# %% [markdown] tags=["deeper"]
# The gradient $X^\top r/n$ lies in the span of the rows of $X$. From zero, θ never leaves that span.
# It holds exactly one minimiser, the one of least norm. From elsewhere, the part of the start that the loss cannot see (here of length √2) never changes.

# %% [markdown]
# ## Folklore on trial
#
# ### "The negative gradient is the direction of steepest descent"
#
# Ten dimensions, real data. The rivals: 2000 random directions, $-\mathrm{sign}(g)$ and $-H^{-1}g$. Each goes a share of the way to the minimum, measured in the norm on trial. Does $J$ fall furthest along $-g$?

# %%
def steepest(norm, share, seed):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=10)
    g = least_squares_gradient(theta, X, y)
    rivals = np.vstack([rng.normal(size=(2000, 10)), -np.sign(g), -np.linalg.solve(H, g)])
    length = {
        "Euclidean": lambda u: np.sqrt(np.sum(u**2, axis=-1)),
        "maximum": lambda u: np.abs(u).max(axis=-1),
        "Hessian": lambda u: np.sqrt(np.sum((u @ H) * u, axis=-1)),
    }[norm]

    def fall(directions):
        s = share * length(best - theta) * directions / length(directions)[..., None]
        return -(s @ g) - np.sum((s @ H) * s, axis=-1) / 2  # exact for a quadratic

    return bool(fall(-g) > fall(rivals).max())


trial(
    "the negative gradient is the direction of steepest descent",
    steepest,
    over=settings(norm=["Euclidean", "maximum", "Hessian"], share=[1e-4, 1], seed=[0, 1]),
    held_out=settings(norm=["Euclidean", "maximum", "Hessian"], share=[1e-5, 1e-3, 0.9], seed=[2, 3, 4]),
    only_if=("the length is Euclidean and the step is small (below 1 % of the way)", lambda norm, share: norm == "Euclidean" and share < 0.01),
    expect="holds only if the length is Euclidean and the step is small (below 1 % of the way)",
)


# %% [markdown]
# Say instead: *it is the steepest direction at this point, for an infinitesimal step, in the Euclidean norm*.
#
# ### "The loss is convex, so gradient descent always reaches the global minimum"
#
# Two convex losses of ten variables, quadratic with κ = 10 and 100; and one that has *no* minimum, the logistic loss of the separable points −1 and +1, where $L=\frac14$.
# After 3000 steps: is the gradient a millionth of what it was at the start?

# %%
def arrives(loss, share):
    """`share` is the learning rate in units of 2/L."""
    if loss == "separable":  # convex, and above every value that is below 0: no minimiser
        gradient, start, L = lambda theta: -1 / (1 + np.exp(theta)), np.zeros(1), 0.25
    else:
        _, _, gradient = data.quadratic(float(loss), d=10)
        start, L = np.ones(10), 1.0
    end = gradient_descent(gradient, start, share * 2 / L, 3000)[-1]
    return bool(np.linalg.norm(gradient(end)) < 1e-6 * np.linalg.norm(gradient(start)))


trial(
    "a convex loss means that gradient descent reaches the global minimum",
    arrives,
    over=settings(loss=["10", "100", "separable"], share=[0.3, 0.99, 1.01]),
    held_out=settings(loss=["20", "50", "separable"], share=[0.2, 0.5, 0.8, 0.98, 1.02, 1.05]),
    only_if=("η < 2/L and a minimiser exists", lambda loss, share: share < 1 and loss != "separable"),
    expect="holds only if η < 2/L and a minimiser exists",
)


# %% [markdown]
# Say instead: *for a convex smooth loss, a point with zero gradient is a global minimum. If a minimiser exists and η < 2/L, gradient descent converges to one.*
# (For a quadratic the limit is sharp. For a general convex $f$ it is sufficient: $L$ may be large only where the path never goes.)
# On the separable points θ grows like log k after $k$ steps, and the loss still goes to 0.
#
# ### "Gradient descent must shrink its step near the optimum, or it oscillates"
#
# A constant learning rate on three losses: the diabetes data with full gradients, with mini-batches of 32, and $|\theta_1|+|\theta_2|$, which has a kink at the minimum.
# How far does it still move per step at the end, against its first step? More than 1 %? More than 0.3 %?

# %%
def still_moves(loss, share, seed):
    rng = np.random.default_rng(seed)
    rows = (lambda: slice(None)) if loss == "full" else lambda: rng.integers(len(y), size=32)
    gradient = np.sign if loss == "kink" else lambda theta: least_squares_gradient(theta, X[(r := rows())], y[r])
    path = gradient_descent(gradient, rng.normal(size=2 if loss == "kink" else 10), share * limit, 3000)
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    moved = lengths[-100:].mean() / lengths[0]
    return bool(moved > 0.01), bool(moved > 0.003)


trial(
    "gradient descent must shrink its step near the optimum, or it oscillates",
    still_moves,
    over=settings(loss=["full", "batches", "kink"], share=[0.1, 0.3], seed=[0, 1]),
    held_out=settings(loss=["full", "batches", "kink"], share=[0.15, 0.25], seed=[2, 3, 4]),
    only_if=("the gradient does not vanish at the optimum (noise or a kink)", lambda loss: loss != "full"),
    expect="holds only if the gradient does not vanish at the optimum (noise or a kink)",
)

# %% [markdown]
# The step is $\eta\lVert g\rVert$, and $g\to0$ shrinks it for you.
# Between $1/L$ and $2/L$ the steep component does change its sign in every step, since $1-\eta L<0$. But it still shrinks to zero.

# %% [markdown]
# ## Answer in 30 seconds
#
# "For least squares the gradient is X transpose times the residual, over n.
# We go along minus g because, by Cauchy–Schwarz, it is the steepest direction: in the Euclidean norm, for a small step.
# Along each eigenvector of the Hessian the error is multiplied by one minus η λ.
# So it converges for η below two over λ max, and the number of steps grows with the condition number. Shall I derive the best rate?"
#
# ### 三十秒回答
#
# "最小二乘的梯度是 X 转置乘残差除以 n。
# 沿负梯度走,是因为由柯西–施瓦茨,在欧氏范数下它是局部下降最快的方向。
# 误差沿 Hessian 每个特征方向每步乘 1−ηλ,所以 η 小于 2/λmax 就收敛;
# 最优步长下收敛率是 (κ−1)/(κ+1),步数大致正比于条件数。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $J$, $r$, $\partial r_i/\partial\theta_j = X_{ij}$, then $\nabla J = X^\top r/n$ and $H=X^\top X/n\succeq0$. Say that the ½ cancels the 2.
# - Taylor to first order, Cauchy–Schwarz. Add the norm: ℓ∞ gives sign descent, the Hessian's norm gives Newton.
# - Write the descent lemma: $f$ falls by at least $\eta(1-\eta L/2)\lVert g\rVert^2$. So $\eta<2/L$.
# - Three rates from it: gradient norm $1/k$ without convexity, $f_k-f^*=O(1/k)$ if convex, linear under PL.
# - Diagonalise: $c_i\leftarrow(1-\eta\lambda_i)c_i$. Balance the two ends: $\eta=2/(L+m)$ and the rate $(\kappa-1)/(\kappa+1)$.
# - Draw the consequence: about $1.15\,\kappa$ steps per digit. So scale the features, add momentum, or use second-order methods.
# - Say when you would not use it: small $d$ is solved directly, by QR. And with many samples you would not use all of them in each step.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What is the rate at the best learning rate, and why that one?</summary>
#
# $(\kappa-1)/(\kappa+1)$ at $2/(L+m)$. Smaller, and the flattest direction is slower; larger, and the steepest is.
# At the common choice $1/L$ it is $1-1/\kappa$: about twice as many steps.
#
# </details>
#
# <details><summary>Normal equations or gradient descent?</summary>
#
# Direct: about $nd^2$ operations to form $X^\top X$ and $d^3/3$ for Cholesky. Exact, no learning rate, but $\kappa$ is squared; QR on $X$ avoids that.
# Gradient descent: about $4nd$ operations a step, only products with $X$. It wins for large $d$, for sparse $X$, and for losses without a closed form.
#
# </details>
#
# <details><summary>Why scale the features?</summary>
#
# Multiplying a feature by $s$ multiplies its diagonal entry of $H$ by $s^2$. If it is the largest feature, $\kappa$ grows with it.
# Centre them too: a large mean adds one huge eigenvalue. Keep the training set's mean and spread for the test set.
#
# </details>
#
# <details><summary>Could you find the step by line search?</summary>
#
# Yes. For a quadratic the exact step is $\eta = g^\top g/(g^\top Hg)$: set the derivative of $J(\theta-\eta g)$, $-g^\top g+\eta\,g^\top Hg$, to 0.
# It needs no $L$, but its worst-case rate is the same. In general use backtracking: halve η until $f(\theta-\eta g)\le f(\theta)-\frac\eta2\lVert g\rVert^2$.
# By the descent lemma this is met as soon as $\eta\le1/L$.
#
# </details>
#
# <details><summary>What if X has not full column rank?</summary>
#
# $J$ is convex but not strongly convex, and has a flat subspace of minimisers.
# From zero gradient descent goes to the one of least norm, the pseudo-inverse solution. Its rate uses the smallest *non-zero* eigenvalue.
#
# </details>
#
# <details><summary>What is the edge of stability?</summary>
#
# Cohen et al. (2021) observe in full-batch training that the largest curvature of a network typically rises to about $2/\eta$ and hovers there, while the loss falls on average. So the curvature depends on the learning rate, and the descent lemma with a fixed $L$ does not describe it.
#
# </details>
#
# <details><summary>What rate without convexity?</summary>
#
# Add up the descent lemma: the smallest $\lVert g\rVert^2$ of $k$ steps is at most $2(f_0-f^*)/(\eta k)$. It says that the gradient gets small, not that the point is good.
#
# </details>
#
# <details><summary>What would momentum change?</summary>
#
# On a quadratic the best rate becomes $(\sqrt\kappa-1)/(\sqrt\kappa+1)$: the number of steps grows with $\sqrt\kappa$ and not with κ (questions 05 and 06).
#
# </details>
#
# <details><summary>And stochastic gradients?</summary>
#
# One step costs one sample and not $n$, but with a constant η the parameters then go on moving in a ball around the optimum, unless the noise vanishes there (question 02).
#
# </details>
#
# <details><summary>You do not know L for a neural network. Then what?</summary>
#
# It is not even one number. Sweep η on a log scale, and stay well below the point where the loss blows up: on a quadratic that point is next to the best rate. Schedules are in question 47.
# Power iteration with Hessian–vector products estimates $\lambda_{\max}$ at a point.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The negative gradient points to the minimum." It is orthogonal to the level line, which in a narrow valley is another direction.
# - "Convex, so it converges." With which learning rate?
# - "The smaller the learning rate, the better the result." At 1 % of the limit 3000 steps were not enough here.
# - "Gradient descent always oscillates at the end, so the rate must decay." Not with full gradients of a smooth loss.
# - Inverting $X^\top X$ with `np.linalg.inv`. Use `lstsq`.
# - Choosing the limit $2/\lambda_{\max}(X^\top X)$ and forgetting the $1/n$ of the loss.

# %% [markdown]
# ## References
#
# - A. Cauchy. *Méthode générale pour la résolution des systèmes d'équations simultanées.* Comptes rendus 25, 1847: where it all begins.
# - S. Boyd, L. Vandenberghe. *Convex Optimization.* Cambridge University Press, 2004. §9.3 gradient descent, §9.4 steepest descent in other norms.
# - Y. Nesterov. *Introductory Lectures on Convex Optimization.* Kluwer, 2004: the descent lemma and the rates for smooth functions.
# - H. Karimi, J. Nutini, M. Schmidt. *Linear Convergence of Gradient and Proximal-Gradient Methods Under the Polyak–Łojasiewicz Condition.* ECML 2016.
# - J. Cohen et al. *Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability.* ICLR 2021.
# - K. Jordan et al. *Muon: An optimizer for hidden layers in neural networks.* 2024.
# - G. H. Golub, C. F. Van Loan. *Matrix Computations.* Johns Hopkins University Press: normal equations against QR.
# - D. Soudry, E. Hoffer, M. S. Nacson, S. Gunasekar, N. Srebro. *The Implicit Bias of Gradient Descent on Separable Data.* JMLR 19, 2018.
# - B. Efron, T. Hastie, I. Johnstone, R. Tibshirani. *Least Angle Regression.* Annals of Statistics 32(2), 2004: the diabetes data.
