# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Newton's method against gradient descent
#
# *牛顿法与梯度下降法的区别与优缺点?*

# %% [markdown]
# ## Question
#
# "Derive Newton's method.
# What does it do better than gradient descent, and what worse?
# When does it fail, and how do you repair it?"
#
# "推导牛顿法。它与梯度下降相比有什么优缺点?什么时候会失败,如何修正?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The model:** Newton jumps to the stationary point of the second-order Taylor polynomial.
# - **Stationary is not minimal:** without repair it is attracted by saddles and maxima as well.
# - **Quadratic convergence is local:** near a minimum, with a nonsingular Hessian.
# - **You solve, you do not invert**, and you know the price: $O(d^2)$ memory, $O(d^3)$ time a step.
# - **Two repairs for two problems:** damping for an indefinite Hessian, a line search for steps that are too long.

# %% [markdown]
# ## The idea
#
# Expand $f$ at the point θ to second order, with gradient $g$ and Hessian $H$:
#
# $$
# f(\theta+p)\;\approx\; q(p) = f(\theta) + g^\top p + \tfrac12\,p^\top H p .
# $$
#
# The gradient of the model is $\nabla q(p) = g + Hp$. Set it to zero:
#
# $$
# Hp = -g \qquad\Longrightarrow\qquad \theta_+ = \theta - H^{-1}g .
# $$
#
# The formula has an inverse in it; the code has none. It solves $Hp=-g$.
#
# Gradient descent is the same with $H$ replaced by $I/\eta$: it pretends that the curvature is $1/\eta$ in every direction.

# %% [markdown]
# ### Is it downhill?
#
# The slope of $f$ along the step is
#
# $$
# g^\top p = -\,g^\top H^{-1} g .
# $$
#
# If $H$ is positive definite, so is $H^{-1}$, and the slope is negative wherever $g\neq0$: downhill.
# Then $p$ is also the model's minimum.
# If $H$ is indefinite, the model has no minimum. The formula still gives a point: the model's saddle.

# %% [markdown]
# ### Why the digits double
#
# In one dimension. Let $x_*$ be the minimum and $e_k = x_k-x_*$ the error.
# Expand $f'$ at $x_k$ and evaluate at $x_* = x_k - e_k$, for some ξ between the two:
#
# $$
# 0 = f'(x_*) = f'(x_k) - f''(x_k)\,e_k + \tfrac12 f'''(\xi)\,e_k^2 .
# $$
#
# Divide by $f''(x_k)$, which must not be zero:
#
# $$
# \frac{f'(x_k)}{f''(x_k)} = e_k - \frac{f'''(\xi)}{2f''(x_k)}\,e_k^2 .
# $$
#
# The left side is the Newton step, so the next error is
#
# $$
# e_{k+1} = e_k - \frac{f'(x_k)}{f''(x_k)} = \frac{f'''(\xi)}{2f''(x_k)}\,e_k^2 .
# $$
#
# The error is squared: $10^{-2},10^{-4},10^{-8}$.
# Two conditions are in the algebra: $e_k$ small, and $f''$ away from zero.

# %% [markdown]
# ### Two repairs
#
# **Damping.** Solve $(H+\tau I)\,p=-g$. In the basis of eigenvectors of $H$, with eigenvalues $\lambda_i$:
#
# $$
# p_i = -\frac{g_i}{\lambda_i+\tau} .
# $$
#
# For $\tau > -\lambda_{\min}$ every denominator is positive: downhill again.
# τ = 0 is Newton; a large τ gives $-g/\tau$, a short gradient step.
# The test for "positive definite" is Cholesky, which fails when it is not. It costs nothing extra if you keep the factor and solve with it (SciPy's `cho_solve`; NumPy has no triangular solve, so the answer below factorises twice).
#
# **Backtracking.** Start at $t=1$ and halve until $f$ falls by a fair share of what the slope promises (Armijo):
#
# $$
# f(\theta+tp)\;\le\; f(\theta) + c\,t\,g^\top p, \qquad c = 10^{-4} .
# $$
#
# It ends: for small $t$ the change is $t\,g^\top p + O(t^2)$, and $g^\top p<0$, $c<1$.

# %% [markdown]
# ### New units, same path
#
# Measure the parameters in other units: θ = Mφ. By the chain rule $\tilde g = M^\top g$ and $\tilde H = M^\top H M$, so
#
# $$
# \tilde p = -(M^\top H M)^{-1}M^\top g = M^{-1}p
# \quad\Longrightarrow\quad M\tilde p = p .
# $$
#
# Newton takes the same step in any linear coordinates, so it needs no feature scaling. Gradient descent takes $M\tilde p=-\eta\,MM^\top g$, which depends on M.
# Damping gives the property up, since τI is another matrix in other units. The Hessian is not needed for it: steps of Gauss–Newton and of the natural gradient are invariant too, and so is BFGS's update (question 14).

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, expect, hint, models, plots, settings, trial

plots.style()

# %% [markdown] tags=["deeper"]
# ### Deeper: natural gradient and Fisher
#
# A model gives probabilities $p_\theta(y\mid x)$, and the loss is $-\log p_\theta$. Measure the length of a step not in θ but by how much it changes the *distribution*: to second order $\mathrm{KL}(p_\theta\Vert p_{\theta+s})=\tfrac12s^\top Fs$ with the Fisher matrix
#
# $$
# F=\mathbb E_x\,\mathbb E_{y\sim p_\theta}\big[\nabla\log p_\theta(y\mid x)\,\nabla\log p_\theta(y\mid x)^\top\big].
# $$
#
# Steepest descent in that norm (question 01, third row) is the **natural gradient** $-F^{-1}g$ (Amari 1998). $F$ is never indefinite.
#
# - The inner mean is over labels *drawn from the model*. With the data's labels in their place it is the "empirical Fisher", another matrix.
# - For softmax or sigmoid outputs with cross-entropy, $F$ equals the Gauss–Newton matrix; for logistic regression it equals the Hessian, so natural gradient, Newton and IRLS are one.
# - K-FAC approximates $F$ layer by layer as a Kronecker product of two small matrices. Adam's $v$ averages squares of mini-batch gradients; with batches of one sample that estimates the diagonal of the empirical Fisher, of which Adam takes the root.
#
# The check, at random weights of a logistic regression:

# %% tags=["deeper"]
rng = np.random.default_rng(0)
inputs, labels, w = rng.normal(size=(400, 3)), rng.integers(0, 2, size=400), np.array([1.0, -2.0, 0.5])
p = 1 / (1 + np.exp(-inputs @ w))
hessian = (inputs.T * (p * (1 - p))) @ inputs / 400
score = lambda y: (y - p)[:, None] * inputs  # ∇ log p of each sample
fisher = sum((weight[:, None] * score(y)).T @ score(y) for y, weight in ((1, p), (0, 1 - p))) / 400
empirical = score(labels).T @ score(labels) / 400
print("Fisher = Hessian:", bool(np.allclose(fisher, hessian)), "   empirical Fisher = Hessian:", bool(np.allclose(empirical, hessian, rtol=0.1)))


# %% [markdown]
# ## Your turn
#
# One plain step. No damping, whatever the Hessian.

# %%
def newton_step(theta, grad, hessian):
    """theta, grad (d,), hessian (d, d), any nonsingular one -> theta (d,), new. No damping; LinAlgError is not caught."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(newton_step)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which equation?</summary>
#
# The step p satisfies H·p = −g. That is a linear system.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: nearly the answer</summary>
#
# `np.linalg.solve(hessian, grad)` is H⁻¹g. Cholesky would fail on an indefinite Hessian, which is allowed here.
#
# </details>

# %% [markdown]
# Now the method that you would dare to run.
#
# - Stop when ‖g‖₂ ≤ tol; test before each step.
# - τ is the first of 0, 1e-3, 1e-2, 1e-1, … for which the Cholesky factorisation of H + τI succeeds.
# - Halve the step from 1 until Armijo holds, c = 1e-4.
# - Return all points, the start included: at most max_steps + 1 rows.

# %%
def damped_newton(f, grad_fn, hess_fn, theta0, tol=1e-8, max_steps=100):
    """theta0 (d,) -> path (n_steps + 1, d), the start included, at most max_steps + 1 rows; theta0 is not changed.

    A step: stop if ‖g‖₂ <= tol; tau the first of 0, 1e-3, 1e-2, … for which Cholesky of H + tau I succeeds; direction p
    from (H + tau I) p = -g; t halved from 1 until f(theta + t p) <= f(theta) + 1e-4 t g·p.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(damped_newton)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: three loops</summary>
#
# An outer one over steps, one that raises τ, one that halves t. τ and t start anew at every step.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: is it definite?</summary>
#
# `np.linalg.cholesky` raises `np.linalg.LinAlgError` when the matrix is not positive definite: `try` it.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `tau = 10 * tau or 1e-3` climbs the ladder. Armijo's slope is `g @ p`, not `-(g @ g)`.
# Put the test `np.linalg.norm(g) <= tol` before the step, so that a start at the minimum gives one row.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### The picture with the tangent
#
# The textbook picture draws a tangent and follows it to zero. A tangent to which function?
#
# To $f'$. Newton looks for a zero of the *derivative*; the tangent of $f$ at its minimum never meets zero in a useful place.
# Take $f(x)=\sqrt{1+x^2}$: convex, smooth, minimum at 0. Then
#
# $$
# f' = \frac{x}{(1+x^2)^{1/2}},\qquad
# f'' = \frac{1}{(1+x^2)^{3/2}},\qquad
# \frac{f'}{f''} = x\,(1+x^2),\qquad
# x_+ = x - x - x^3 = -x^3 .
# $$
#
# Predict what happens from 0.9, and what from 1.1.

# %%
def slope(x):
    return x / np.sqrt(1 + x**2)


def curvature(x):
    return (1 + x**2) ** -1.5


def plain_newton(df, d2f, x, n_steps):
    """Newton in one dimension by the learner's step: (n_steps + 1,)."""
    path = [float(x)]
    for _ in range(n_steps):
        path.append(float(newton_step(np.array([path[-1]]), np.array([df(path[-1])]), np.array([[d2f(path[-1])]]))[0]))
    return np.array(path)


starts = {start: plain_newton(slope, curvature, start, 4) for start in (0.9, 1.1)}
for start, path in starts.items():
    print(f"from {start}: ", "  ".join(f"{x:9.4f}" for x in path))

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True, layout="constrained")
grid = np.linspace(-3.6, 3.6, 300)
for ax, (start, path) in zip(axes, starts.items(), strict=True):
    ax.plot(grid, slope(grid), color="black", label="f′")
    ax.axhline(0, color="0.7", linewidth=0.8)
    for k in range(3):
        ax.plot([path[k], path[k + 1]], [slope(path[k]), 0], color=plots.color("Newton"), linewidth=1.2, label="tangent to f′" if k == 0 else None)
        ax.plot([path[k + 1]] * 2, [0, slope(path[k + 1])], ":", color=plots.color("Newton"))
    ax.plot(path[0], slope(path[0]), "o", color=plots.color("Newton"), label="start")
    ax.set(title=f"from {start}: {'converges' if abs(path[-1]) < abs(start) else 'explodes'}", xlabel="x", xlim=(-3.6, 3.6), ylim=(-1.3, 1.3))
axes[0].set_ylabel("f′(x)")
fig.suptitle("Following the tangent to f′ of √(1+x²): inwards from |x| < 1, outwards from |x| > 1", x=0.01, ha="left")
axes[0].legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** The same convex function, and only the start differs: $|x|<1$ is cubed towards 0, $|x|>1$ is cubed away.
# Convexity does not save plain Newton. Backtracking does:

# %%
path = damped_newton(
    lambda x: float(np.sqrt(1 + x[0] ** 2)), lambda x: slope(x), lambda x: np.diag(curvature(x)), np.array([1.1])
)
print("damped, from 1.1:  ", "  ".join(f"{x:.5f}" for x in np.abs(path[:, 0])))
expect(abs(path[-1, 0]) < 1e-8)

# %% [markdown]
# ### Along Rosenbrock's valley
#
# $(1-x)^2+100\,(y-x^2)^2$: a curved floor, steep walls. Gradient descent gets the rate 0.001, half of the largest that can settle at the minimum, $2/\lambda_{\max}$:

# %%
f, grad, hess = data.rosenbrock()
low, high = np.linalg.eigvalsh(hess(np.ones(2)))
print(f"at the minimum: λ_min = {low:.2f}   λ_max = {high:.1f}   κ = {high / low:.0f}   2/λ_max = {2 / high:.4f}")

# %% [markdown]
# How many steps does each need to come within $10^{-3}$?

# %%
start = np.array([-1.2, 1.0])
newton_path = damped_newton(f, grad, hess, start)

gd_path = [start]
for _ in range(20_000):
    gd_path.append(gd_path[-1] - 0.001 * grad(gd_path[-1]))
gd_path = np.array(gd_path)

for name, path in (("damped Newton", newton_path), ("gradient descent", gd_path)):
    near = np.linalg.norm(path - 1, axis=1) < 1e-3
    print(f"{name:17s} {np.argmax(near):6d} steps")

# %% tags=["hide-input"]
ax = plots.contours(
    lambda x, y: np.log1p((1 - x) ** 2 + 100 * (y - x**2) ** 2), (-1.6, 1.5), (-0.6, 1.8),
    {"GD, 1000 steps": gd_path[:1001], "Newton, all its steps": newton_path},
    "About 20 Newton steps, and 1000 of gradient descent", minimum=(1, 1), xlabel="x", ylabel="y",
)
plt.show()

# %% [markdown]
# **Takeaway.** Newton's step uses the curvature across the valley and along it. Gradient descent has one rate for both directions.
# The level lines are those of $\log(1+f)$, so that the valley shows.

# %% [markdown]
# ### How fast, on real data
#
# Logistic regression on breast_cancer, 30 weights, the penalty $\tfrac{l_2}{2}\lVert w\rVert^2$ with $l_2=0.01$ (the letter of question 34, since λ is an eigenvalue here). Statisticians call this Newton IRLS, iteratively reweighted least squares.

# %%
X, y, _ = data.breast_cancer()
n, d = X.shape


def loss(w):
    z = X @ w
    return float(np.mean(np.logaddexp(0, z) - y * z) + 0.005 * w @ w)


def loss_grad(w):
    return X.T @ (1 / (1 + np.exp(-X @ w)) - y) / n + 0.01 * w


def loss_hess(w):
    s = 1 / (1 + np.exp(-X @ w))
    return X.T @ (X * (s * (1 - s))[:, None]) / n + 0.01 * np.eye(d)


weights = damped_newton(loss, loss_grad, loss_hess, np.zeros(d))
best = newton_step(weights[-1], loss_grad(weights[-1]), loss_hess(weights[-1]))
newton_error = np.linalg.norm(weights - best, axis=1)
print("damped Newton:", len(weights) - 1, "steps to ‖g‖ ≤ 1e-8")

# %%
rate = 1 / (np.linalg.eigvalsh(X.T @ X / n).max() / 4 + 0.01)
w, gd_error = np.zeros(d), []
for _ in range(2001):
    gd_error.append(np.linalg.norm(w - best))
    w = w - rate * loss_grad(w)
print(f"gradient descent, 1/L: error {gd_error[-1]:.1e} after 2000 steps")

# %% [markdown]
# The third curve to come is Newton on $f=x^4$ from 1, whose Hessian is zero at the minimum. Sketch its shape before you look.

# %% tags=["hide-input"]
quartic = plain_newton(lambda x: 4 * x**3, lambda x: 12 * x**2, 1.0, 30)
shown = newton_error[:-1]  # the last error is rounding
ax = plots.curves(
    {
        "Newton, logistic regression": shown,
        "GD, the same (1/L)": np.array(gd_error[:31]),
        "Newton, x⁴": np.abs(quartic),
    },
    "step", "distance to the minimum", "Newton squares the error where the Hessian is nonsingular", logy=True, legend="upper right",
)
ax.set_ylim(1e-9, 1e4)
plt.show()

# %% [markdown]
# **Takeaway.** On a log scale a straight line is linear convergence; a curve that bends down is faster.
# On $x^4$ Newton is a straight line: $x_+ = x - 4x^3/12x^2 = \tfrac23x$.

# %% [markdown]
# ### The price of a step
#
# A Hessian has $d^2$ entries, and a dense solve takes about $\tfrac23d^3$ operations (LU), or half of that (Cholesky). Memory is the harder limit:

# %%
for name, size in (("MLP 64-128-10", 9610), ("ten times that", 96_100), ("ResNet-50", models.PUBLISHED["resnet50"].parameters)):
    print(f"{name:15s} d = {size:>10,}   Hessian in float32: {4 * size**2 / 1e9:>11,.1f} GB")

# %% [markdown] tags=["deeper"]
# ### Deeper: the time of a solve
#
# Solve a dense system of growing size. What slope do you expect on log axes?

# %% tags=["deeper", "hide-input"]
sizes = [250, 500, 1000, 2000]
seconds = []
for size in sizes:
    A = np.eye(size) + rng.normal(size=(size, size)) / (4 * np.sqrt(size))
    b, runs = rng.normal(size=size), []
    for _ in range(3):
        begin = time.perf_counter()
        np.linalg.solve(A, b)
        runs.append(time.perf_counter() - begin)
    seconds.append(min(runs))
ax, exponent = plots.loglog_fit(sizes, seconds, "dimension d", "seconds a solve", "A dense solve: the time grows about as d³", label="np.linalg.solve")
ax.set_xticks(sizes, [str(size) for size in sizes])
ax.minorticks_off()
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** About 3. Caches and a busy machine bend the measured line.

# %% [markdown]
# ## Folklore on trial
#
# ### "The inverse Hessian shrinks as it iterates, so the steps shrink by themselves"
#
# First $x^4$, by hand: $H^{-1} = 1/(12x^2)$ and $x_+=\tfrac23x$. So $H^{-1}$ *grows* by 9/4 each iteration while the step shrinks by 2/3.
# Now several functions of one variable, followed until the steps have fallen by a thousand. Has $H^{-1}$ fallen to a tenth? At least to three tenths?
# The control is $|x|^{1.6}$, whose curvature is infinite at the minimum.

# %%
FUNCTIONS = {  # f′ and f″; the minimum of each is at 0
    "√(1+x²)": (slope, curvature),
    "eˣ − x": (lambda x: np.exp(x) - 1, np.exp),
    "log cosh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
} | {f"|x|^{a}": (lambda x, a=a: np.sign(x) * abs(x) ** (a - 1), lambda x, a=a: (a - 1) * abs(x) ** (a - 2)) for a in (1.6, 2.5, 3, 4, 6)}


def inverse_shrinks(f, start):
    df, d2f = FUNCTIONS[f]
    path = plain_newton(df, d2f, start, 60)
    steps = np.abs(np.diff(path))
    last = int(np.argmax(steps < 1e-3 * steps[0]))
    ratio = d2f(path[0]) / d2f(path[last])
    return bool(ratio < 0.1), bool(ratio < 0.3)


trial(
    "the steps shrink because H⁻¹ does",
    inverse_shrinks,
    over=settings(f=["√(1+x²)", "eˣ − x", "log cosh", "|x|^2.5", "|x|^3", "|x|^4"], start=[0.4, 0.7]),
    control=dict(f="|x|^1.6", start=0.7),
    expect="does not hold",
)


# %% [markdown]
# In these functions the steps shrink because the *gradient* does. $H^{-1}$ tends to the inverse of the minimum's own curvature, or grows without bound where that is zero; on a quadratic it is constant.
#
# ### "Newton converges quadratically: the correct digits double"
#
# Estimate the order in $|e_{k+1}|\approx C\,|e_k|^{\text{order}}$ from the last three errors, the first one below $10^{-7}$ included. Is it above 1.6? Above 1.8?

# %%
def doubles(f, start):
    df, d2f = FUNCTIONS[f]
    path = [start]
    while len(path) < 14 and 1e-7 < abs(path[-1]) < 1e3:
        path.append(plain_newton(df, d2f, path[-1], 1)[1])
    errors = np.abs(path)
    if len(errors) < 3 or errors[-1] > errors[0]:
        return False, False  # it ran away
    a, b, c = np.log(errors[-3:])
    order = (c - b) / (b - a)
    return bool(order > 1.6), bool(order > 1.8)


def near_and_regular(f, start):
    """The first step at least halves the error, and f″ is not zero at the minimum."""
    df, d2f = FUNCTIONS[f]
    return bool(abs(start - df(start) / d2f(start)) < abs(start) / 2 and not f.startswith("|x|"))


trial(
    "Newton converges quadratically",
    doubles,
    over=settings(f=["√(1+x²)", "eˣ − x", "|x|^4"], start=[0.5, 1.2]),
    held_out=settings(f=["log cosh", "eˣ − x", "√(1+x²)", "|x|^3", "|x|^6"], start=[0.3, 0.6, 1.3]),
    only_if=("it starts near a minimum with a nonsingular Hessian", near_and_regular),
    expect="holds only if it starts near a minimum with a nonsingular Hessian",
)

# %% [markdown]
# The theorem also asks for a Lipschitz Hessian near the minimum. Where $f'''=0$ at the minimum, as for √(1+x²), the order is even 3.
#
# ### "One step solves a quadratic"
#
# For a convex one, yes: the model *is* the function. For κ = 10, 1000 and 100,000:

# %%
for kappa, size in ((10.0, 2), (1e3, 20), (1e5, 50)):
    A, _, a_grad = data.quadratic(kappa, size)
    begin = np.random.default_rng(1).normal(size=size)
    end = newton_step(begin, a_grad(begin), A)
    print(f"κ = {kappa:<8g} one step ends within a millionth of the start's distance: {bool(np.linalg.norm(end) < 1e-6 * np.linalg.norm(begin))}")


# %% [markdown]
# In floating point a large κ costs digits of the solve, which is another reason not to invert.
#
# ### "Newton's method finds a minimum"
#
# Three functions of two variables, random starts, plain Newton and your damped one: a saddle at the origin with minima at $(0,\pm1)$, started near the saddle, $\frac12x^2+\frac14(y^2-1)^2$; Rosenbrock's valley; and $\sqrt{1+x^2}+\sqrt{1+y^2}$, which is convex.
# Does it end within $10^{-4}$ of the minimum's value in 60 steps?

# %%
def wells(t):
    return 0.5 * t[0] ** 2 + (t[1] ** 2 - 1) ** 2 / 4


TWO = {
    "wells": (wells, lambda t: np.array([t[0], t[1] ** 3 - t[1]]), lambda t: np.diag([1.0, 3 * t[1] ** 2 - 1])),
    "valley": data.rosenbrock(),
    "roots": (lambda t: np.sum(np.sqrt(1 + t**2)) - 2, slope, lambda t: np.diag(curvature(t))),
}


def finds(f, method, seed):
    value, gradient, hessian = TWO[f]
    theta = np.random.default_rng(seed).uniform(-2, 2, size=2) * (0.3 if f == "wells" else 1)
    if method == "damped":
        return bool(value(damped_newton(value, gradient, hessian, theta, max_steps=60)[-1]) < 1e-4)
    with np.errstate(all="ignore"):
        for _ in range(60):
            if not np.abs(theta).max() < 1e6:
                return False
            theta = newton_step(theta, gradient(theta), hessian(theta))
    return bool(value(theta) < 1e-4)


trial(
    "Newton's method ends at a minimum",
    finds,
    over=settings(f=["wells", "valley", "roots"], method=["plain", "damped"], seed=[0, 1, 2]),
    held_out=settings(f=["wells", "roots"], method=["plain", "damped"], seed=range(3, 9)) + settings(f="valley", method=["plain", "damped"], seed=[3, 4]),
    only_if=("the Hessian is damped and the step is backtracked", lambda method: method == "damped"),
    expect="holds only if the Hessian is damped and the step is backtracked",
)

# %% [markdown]
# Both repairs are needed: a zero of the gradient may be a saddle, and on √(1+x²), positive curvature everywhere, plain Newton runs away from $|x|>1$.
# (That gradient descent need not shrink its step either is tried in question 01.)

# %% [markdown]
# ## Answer in 30 seconds
#
# "Newton minimises the second-order Taylor model: solve H p equals minus g, and step by p.
# One step solves a convex quadratic, and near a minimum with a nonsingular Hessian the correct digits double.
# The price is d squared memory and d cubed time a step.
# It looks for any stationary point, so in practice I damp the Hessian until Cholesky succeeds and backtrack the step. Shall I say why deep learning avoids it?"
#
# ### 三十秒回答
#
# "牛顿法用二阶泰勒展开近似,解 Hp=−g,走一步 p。
# 凸二次函数一步到位;在极小点附近,只要 Hessian 非奇异,正确的位数每步大约翻倍。
# 代价是每步 d² 的内存和 d³ 的时间。
# 它找的是驻点,可能跑到鞍点,离得远还会发散,所以实际要加阻尼直到 Cholesky 成功,再回溯线搜索。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the model, set its gradient to zero, say "solve, not invert".
# - The slope along the step is $-g^\top H^{-1}g$: downhill if $H$ is positive definite, and no promise otherwise.
# - Rate: $e_{k+1} = \frac{f'''}{2f''}e_k^2$. Needs a near start and $f''\ne0$; on $x^4$ it is linear with ratio 2/3.
# - Affine invariant: no feature scaling. Gradient descent is not, and pays for the condition number.
# - Failures to name: $x^3/3-x$ from −2 goes to the maximum; $\sqrt{1+x^2}$ maps $x$ to $-x^3$ and explodes from 1.1, though it is convex.
# - Repairs: $H+\tau I$ for the direction, Armijo for the length.
# - The steps shrink because the gradient does. $H^{-1}$ is constant on a quadratic and grows on $x^4$.
# - Too expensive for deep learning; the ways out are quasi-Newton, Hessian–vector products, and the natural gradient with a structured Fisher matrix (K-FAC).

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What is Gauss–Newton?</summary>
#
# For f = ½‖r(θ)‖² with Jacobian J the Hessian is JᵀJ + Σ rᵢ∇²rᵢ. Gauss–Newton drops the second part: JᵀJ is never indefinite and needs first derivatives only. It is good where residuals are small or nearly linear. With τI added it is Levenberg–Marquardt.
#
# </details>
#
# <details><summary>What is the natural gradient?</summary>
#
# −F⁻¹g with the Fisher matrix F: steepest descent when a step is measured by the KL divergence between the model's distributions. It does not depend on the parametrisation (to first order), F is never indefinite, and for logistic regression it is Newton. The mean in F is over labels drawn from the model, not over the data's labels.
#
# </details>
#
# <details><summary>What does a trust region do differently?</summary>
#
# It fixes the length first and asks for the best direction: minimise the model subject to ‖p‖ ≤ Δ. The answer solves (H + τI)p = −g for some τ ≥ 0 with H + τI positive semidefinite, so the damping is chosen by the radius, and the radius by how well the model predicted the last decrease.
#
# </details>
#
# <details><summary>Can one use the Hessian without forming it?</summary>
#
# Yes. A product Hv is the derivative of ∇f along v; by automatic differentiation it costs a small multiple of a gradient. Conjugate gradients solve Hp = −g from such products alone (question 13): Newton–CG, "Hessian-free".
#
# </details>
#
# <details><summary>Why is it not used in deep learning?</summary>
#
# A Hessian has d² entries; the table above has the figure for 25 million weights. The Hessian of a mini-batch is noisy, and inverting small eigenvalues amplifies that noise. The loss is not convex, so H is indefinite and needs damping anyway. ReLU networks are not twice differentiable everywhere. K-FAC approximates the Fisher matrix instead. (Shampoo approximates full-matrix Adagrad, question 07.)
#
# </details>
#
# <details><summary>What is a quasi-Newton method?</summary>
#
# It builds an approximation of H⁻¹ from differences of gradients, so that a step costs O(d²), or O(md) with m stored pairs. BFGS and L-BFGS: question 14.
#
# </details>
#
# <details><summary>What is IRLS?</summary>
#
# Newton on the logistic loss. With s = σ(Xw) and S = diag(s(1−s)) each step solves the weighted least squares XᵀSX w₊ = XᵀS z with z = Xw + S⁻¹(y − s). Hence "iteratively reweighted least squares" (question 34).
#
# </details>
#
# <details><summary>Why not take the absolute values of the eigenvalues?</summary>
#
# A good idea, called saddle-free Newton (Dauphin et al. 2014): negative curvature then repels. It needs an eigendecomposition, several times the price of a Cholesky factorisation.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "I invert the Hessian." You solve a system.
# - "Newton always converges, and faster." From 1.1 on $\sqrt{1+x^2}$ it does not converge at all.
# - "The tangent of f gives the next point." The tangent of f′.
# - "On a convex function it is safe." It needs a line search there too.
# - "The inverse Hessian shrinks, so the step does." Constant on a quadratic, growing on $x^4$.
# - "It finds the minimum." It finds a stationary point.

# %% [markdown]
# ## References
#
# - S. Boyd, L. Vandenberghe. *Convex Optimization*, 2004: the chapter on unconstrained minimisation has damped Newton, backtracking and affine invariance.
# - J. Nocedal, S. Wright. *Numerical Optimization*, 2nd ed., 2006: line searches, trust regions, modified Hessians by adding a multiple of the identity.
# - S. Amari. *Natural Gradient Works Efficiently in Learning.* Neural Computation 10, 1998.
# - J. Martens, R. Grosse. *Optimizing Neural Networks with Kronecker-factored Approximate Curvature.* ICML 2015 (K-FAC).
# - L. Armijo. *Minimization of functions having Lipschitz continuous first partial derivatives.* Pacific J. Math. 16, 1966.
# - H. Rosenbrock. *An automatic method for finding the greatest or least value of a function.* The Computer Journal 3, 1960.
# - Y. Dauphin et al. *Identifying and attacking the saddle point problem in high-dimensional non-convex optimization.* NeurIPS 2014.
