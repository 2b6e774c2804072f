# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · How does momentum speed up SGD?
#
# *动量法的原理,为什么能加速并抑制震荡?*

# %% [markdown]
# ## Question
#
# "Write one step of SGD with momentum.
# Why is it faster in a narrow valley, and by how much?
# Does it damp oscillation, or does it cause it?"
#
# "请写出带动量的 SGD 的一步更新。为什么在狭窄的山谷里更快?快多少?它是抑制震荡,还是引起震荡?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The update.** A velocity that is damped by μ and fed by the gradient; no factor $1-\mu$.
# - **The geometric sum.** Gradients that agree add up to $1/(1-\mu)$, gradients that alternate cancel.
# - **The rate.** On a quadratic κ becomes √κ, and you can derive the two constants.
# - **The limits.** Too much μ oscillates; the tuned constants are for quadratics.
# - **The conventions.** Where lr stands, and when that matters.

# %% [markdown]
# ## The idea
#
# Gradient descent forgets each step at once. Momentum (Polyak 1964, the *heavy ball*) keeps a velocity:
#
# $$
# v_t=\mu\,v_{t-1}+\eta\,g_t
# \qquad
# \theta_t=\theta_{t-1}-v_t
# \qquad
# g_t=\nabla f(\theta_{t-1}),\quad v_0=0 .
# $$
#
# $\eta$ is the learning rate, $\mu\in[0,1)$ the momentum, 0.9 by habit; $\mu=0$ is gradient descent.
# Note the sign: $v$ points *uphill* and is subtracted.
#
# ### What the velocity remembers
#
# Write out the first velocities:
#
# $$
# v_1=\eta g_1,\qquad v_2=\mu\eta g_1+\eta g_2,\qquad v_3=\mu^2\eta g_1+\mu\eta g_2+\eta g_3 .
# $$
#
# Each step multiplies what is there by μ and adds $\eta g_t$, so $v_t=\eta\sum_{i=1}^{t}\mu^{t-i}g_i$.
#
# - **Steady gradient $g$.** The sum is geometric: $v_t=\eta g\,(1+\mu+\dots+\mu^{t-1})=\eta g\,\frac{1-\mu^t}{1-\mu}\to\frac{\eta g}{1-\mu}$. With 0.9: ten times the step.
# - **Alternating gradient $\pm g$.** Put $-\mu$ for $\mu$: the length tends to $\frac{\eta |g|}{1+\mu}$. With 0.9: about half a step.
#
# Along the valley's floor gradients agree, across it they alternate. That is the whole trick, in one line each.

# %% [markdown]
# ### One coordinate of a quadratic
#
# Let $f(\theta)=\tfrac12\theta^\top A\theta$ with eigenvalues of $A$ between $\lambda_{\min}$ and $\lambda_{\max}$, $\kappa=\lambda_{\max}/\lambda_{\min}$.
# (The code calls them `mu` and `L`, as the literature does. In the text μ is always the momentum.)
#
# Along an eigenvector with eigenvalue λ let $x_t$ be the coordinate of θ. Its gradient is $\lambda x$.
# From $x_t=x_{t-1}-v_t$ we have $v_t=x_{t-1}-x_t$. Put this into $v_{t+1}=\mu v_t+\eta\lambda x_t$:
#
# $$
# x_t-x_{t+1}=\mu\,(x_{t-1}-x_t)+\eta\lambda x_t
# \quad\Longrightarrow\quad
# x_{t+1}=(1+\mu-\eta\lambda)\,x_t-\mu\,x_{t-1} .
# $$
#
# Try $x_t=r^t$:
#
# $$
# p(r)=r^2-(1+\mu-\eta\lambda)\,r+\mu=0 .
# $$
#
# Two roots $r_1,r_2$ with $r_1r_2=\mu$. The error shrinks like $\max(|r_1|,|r_2|)^t$.

# %% [markdown]
# **Complex roots.** They are conjugate, so $|r_1|^2=|r_2|^2=r_1r_2=\mu$: the rate is $\sqrt\mu$, *whatever λ*.
# They are complex or double when
#
# $$
# (1+\mu-\eta\lambda)^2\le4\mu
# \iff -2\sqrt\mu\le1+\mu-\eta\lambda\le2\sqrt\mu
# \iff (1-\sqrt\mu)^2\le\eta\lambda\le(1+\sqrt\mu)^2 .
# $$
#
# **Real roots** otherwise. They differ and have the product μ, so the larger one is above $\sqrt\mu$: slower.
#
# **Stability.** Both roots lie inside the unit circle if and only if $\mu<1$, $p(1)=\eta\lambda>0$ and $p(-1)=2+2\mu-\eta\lambda>0$.
# So $0<\eta\lambda<2(1+\mu)$: momentum even allows almost twice gradient descent's largest step.

# %% [markdown]
# ### The best pair
#
# Make the interval $[(1-\sqrt\mu)^2,(1+\sqrt\mu)^2]$ just wide enough for all eigenvalues:
#
# $$
# \sqrt{\eta\lambda_{\min}}=1-\sqrt\mu,
# \qquad
# \sqrt{\eta\lambda_{\max}}=1+\sqrt\mu .
# $$
#
# Add the two: $\sqrt\eta\,(\sqrt{\lambda_{\max}}+\sqrt{\lambda_{\min}})=2$.
# Divide them: $\sqrt\kappa=\frac{1+\sqrt\mu}{1-\sqrt\mu}$, so $\sqrt\kappa-\sqrt\kappa\sqrt\mu=1+\sqrt\mu$ and $\sqrt\mu\,(\sqrt\kappa+1)=\sqrt\kappa-1$:
#
# $$
# \boxed{\;\eta=\frac{4}{(\sqrt{\lambda_{\max}}+\sqrt{\lambda_{\min}})^2}
# \qquad
# \mu=\Big(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\Big)^2
# \qquad
# \text{rate }\sqrt\mu=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\;}
# $$

# %% [markdown]
# **Nothing beats it.** Let some pair have the rate $\rho<1$: all roots of all coordinates satisfy $|r|\le\rho$.
# Then $\mu=r_1r_2\le\rho^2$. And $p\ge0$ at $\rho$ and at $-\rho$, since all real roots lie between:
#
# $$
# \begin{aligned}
# p(\rho)\ge0\text{ at }\lambda_{\min}:&\quad \eta\lambda_{\min}\,\rho\ge(1+\mu)\rho-\rho^2-\mu=(1-\rho)(\rho-\mu)\\
# p(-\rho)\ge0\text{ at }\lambda_{\max}:&\quad \eta\lambda_{\max}\,\rho\le\rho^2+(1+\mu)\rho+\mu=(1+\rho)(\rho+\mu)
# \end{aligned}
# $$
#
# Here $\rho>\rho^2\ge\mu$, so we may divide. The quotient grows with μ, and μ is at most $\rho^2$:
#
# $$
# \kappa\le\frac{(1+\rho)(\rho+\mu)}{(1-\rho)(\rho-\mu)}\le\frac{(1+\rho)(\rho+\rho^2)}{(1-\rho)(\rho-\rho^2)}=\Big(\frac{1+\rho}{1-\rho}\Big)^2
# \quad\Longrightarrow\quad
# \rho\ge\frac{\sqrt\kappa-1}{\sqrt\kappa+1}.
# $$
#
# Gradient descent, for comparison: $x_{t+1}=(1-\eta\lambda)x_t$, best when $1-\eta\lambda_{\min}=\eta\lambda_{\max}-1$.
# So $\eta=\frac{2}{\lambda_{\max}+\lambda_{\min}}$, and the rate is $\frac{\kappa-1}{\kappa+1}$.
# **Momentum replaces κ by √κ**, in the rate and so in the number of steps.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: one step
#
# `theta`, `grad`, `velocity` are arrays of one shape, any shape.
# lr goes *inside* the velocity, as in the formula above.
# Return new arrays and leave the arguments as they were.


# %%
def momentum_step(theta, grad, velocity, lr, momentum=0.9):
    """theta, grad, velocity (…) -> (theta, velocity), each (…)."""
    # BEGIN SOLUTION
    velocity = momentum * velocity + lr * grad
    return theta - velocity, velocity
    # END SOLUTION


# %%
check(momentum_step)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two lines</summary>
#
# One line makes the new velocity, one moves theta. Which must come first?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what is not there</summary>
#
# There is no $1-\mu$, no second lr and no second gradient.
# In the first step from rest it is plain gradient descent.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `velocity = momentum * velocity + lr * grad` makes a new array (`velocity *= momentum` would write into the caller's).
# Then subtract the *new* velocity from theta, and return both.
#
# </details>

# %% [markdown]
# ### Exercise 2: the best constants for a quadratic
#
# `mu` and `L` are the smallest and the largest eigenvalue, $0<$ `mu` $\le$ `L`.
# Return the two numbers of the box above.


# %%
def optimal_heavy_ball(mu, L):
    """Eigenvalues in [mu, L] -> (lr, momentum), two floats."""
    # BEGIN SOLUTION
    root_kappa = np.sqrt(L / mu)
    lr = 4 / (np.sqrt(L) + np.sqrt(mu)) ** 2
    return lr, ((root_kappa - 1) / (root_kappa + 1)) ** 2
    # END SOLUTION


# %%
check(optimal_heavy_ball)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two conditions</summary>
#
# At the smallest eigenvalue $\sqrt{\eta\lambda}=1-\sqrt\mu$, at the largest $\sqrt{\eta\lambda}=1+\sqrt\mu$.
# Two equations for $\sqrt\eta$ and $\sqrt\mu$.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two tests by hand</summary>
#
# With one eigenvalue only, gradient descent with lr = 1/L arrives in one step, so the momentum must be 0.
# With eigenvalues 1 and 9: lr = 4/16 and momentum = (2/4)².
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(momentum_step)

# %% [markdown]
# A pleasant surprise: exchange `mu` and `L` in exercise 2, and the answer is the same.
# lr is symmetric in the two, and the square hides the sign of the rate.
#
# ## Experiments
#
# From here on it is *your* step that runs.
#
# ### Steady, alternating, random
#
# Three parameters get gradients of size 1 for 60 steps: always +1; +1, −1, +1, …; a coin toss.
# How long will a step become, in units of lr? Guess all three.

# %%
rng = np.random.default_rng(0)
n = 60
kinds = {
    "steady": np.ones((n, 1)),
    "random signs": rng.choice([-1.0, 1.0], size=(n, 4000)),
    "alternating": (-1.0) ** np.arange(n)[:, None],
}
length = {}
for name, grads in kinds.items():
    theta, velocity, rows = np.zeros(grads.shape[1]), np.zeros(grads.shape[1]), []
    for grad in grads:
        theta, velocity = momentum_step(theta, grad, velocity, 1.0)
        rows.append(np.sqrt(np.mean(velocity**2)))
    length[name] = np.array(rows)

limits = {"steady": 1 / (1 - 0.9), "random signs": 1 / np.sqrt(1 - 0.81), "alternating": 1 / (1 + 0.9)}
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for (name, rows), tint in zip(length.items(), ("momentum", "adam", "wrong"), strict=True):
    ax.plot(np.arange(1, n + 1), rows, color=plots.color(tint), label=f"{name}: {rows[-1]:.2f}")
    ax.axhline(limits[name], color="0.6", linestyle=":", zorder=0)
ax.set(ylim=(0, 10.8), xlabel="step", ylabel="length of the step / lr", title="Momentum 0.9 listens to agreement")
ax.legend(title="gradient, and last step", loc="center right")
plt.show()

# %% [markdown]
# (Dotted: theory. For random signs the 4000 parameters are averaged in the square.)
#
# **Takeaway.** Agreement is worth ten, alternation half, noise about 2.3.
# For noise the variances add: $\sum\mu^{2k}=1/(1-\mu^2)$, and the root of that is 2.29.

# %% [markdown]
# ### Down a valley
#
# Curvatures 1 and 50, so κ = 50. Three walkers:
# gradient descent with its best lr, and momentum 0.83 and 0.98 with an lr five times *smaller*.
# Which of them will zigzag, which will roll past, and which is first?


# %%
def walk(grad_fn, theta, lr, momentum, n_steps):
    """Path (n_steps + 1, d), from rest."""
    path, velocity = [theta], np.zeros_like(theta)
    for _ in range(n_steps):
        theta, velocity = momentum_step(theta, grad_fn(theta), velocity, lr, momentum)
        path.append(theta)
    return np.array(path)


# %% tags=["nbval-ignore-output"]
curvature, start = np.array([1.0, 50.0]), np.array([-4.0, 0.9])
paths = {
    "GD (best lr)": walk(lambda x: curvature * x, start, 2 / curvature.sum(), 0.0, 60),
    "momentum (0.98)": walk(lambda x: curvature * x, start, 0.4 / 50, 0.98, 60),
    "momentum (0.83)": walk(lambda x: curvature * x, start, 0.4 / 50, 0.83, 60),
}
plots.animate_paths(lambda x, y: 0.5 * (x**2 + 50 * y**2), (-4.6, 4.2), (-1.3, 1.3), paths,
                    "60 steps: GD zigzags, 0.98 rolls past, 0.83 lands", minimum=(0, 0), frames=31)  # fmt: skip

# %%
for name, path in paths.items():
    print(f"{name:15} distance from the minimum after 60 steps: {np.linalg.norm(path[-1]):.1e}")

# %% [markdown]
# **Takeaway.** Gradient descent is held back by the steep wall: its lr must stay below 2/50, and the floor needs more.
# Momentum takes small steps, and the floor's gradients add up. Too much of it, and the ball rolls past and comes back.

# %% [markdown]
# ### κ against √κ
#
# Twenty coordinates, curvatures from 1/κ to 1, κ = 1000.
# Theory says the error shrinks by $\frac{\kappa-1}{\kappa+1}=0.998$ per step without momentum, by $\frac{\sqrt\kappa-1}{\sqrt\kappa+1}=0.939$ with it.
# A small difference?

# %%
kappa, n_steps = 1000, 800
eigenvalues = np.geomspace(1 / kappa, 1, 20)


def errors(lr, momentum):
    path = walk(lambda x: eigenvalues * x, np.ones(20), lr, momentum, n_steps)
    return np.linalg.norm(path, axis=1) / np.sqrt(20)


curves = {
    "GD (best lr)": (errors(2 / (1 + 1 / kappa), 0.0), (kappa - 1) / (kappa + 1), "gd"),
    "momentum 0.9, lr = 1/L": (errors(1.0, 0.9), None, "adam"),
    "momentum (best)": (errors(*optimal_heavy_ball(1 / kappa, 1.0)), (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1), "momentum"),
}
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for name, (error, rate, tint) in curves.items():
    ax.plot(error, color=plots.color(tint), label=name)
    if rate:
        ax.plot(rate ** np.arange(n_steps + 1), ":", color=plots.color(tint), label=f"theory, {rate:.3f} per step")
ax.set(yscale="log", ylim=(1e-20, 30), xlabel="step", ylabel="distance from the minimum", title="κ = 1000: one digit after 800 steps, or twenty")
ax.legend(loc="lower left")
plt.show()

# %%
for name, (error, rate, _) in curves.items():
    factor = (error[800] / error[600]) ** (1 / 200)
    theory = f"(theory {rate:.4f})" if rate else ""
    print(f"{name:23} measured {factor:.4f} per step {theory}")

# %% [markdown]
# **Takeaway.** A digit costs gradient descent $\frac{\kappa}{2}\ln10\approx1150$ steps, the best momentum $\frac{\sqrt\kappa}{2}\ln10\approx36$.
#
# The measured 0.940 is a little above 0.939: at both ends of the spectrum the root is *double*, and the error goes like $t\,\rho^t$.
# (Gradient descent's 0.9978 will creep up to 0.9980 when the faster coordinates have died out.)
# And the habit of 0.9 is not the best: it is good enough here, and needs no knowledge of κ.

# %% [markdown]
# ### The map of all pairs
#
# For κ = 20 and every pair (lr, μ): the larger root of the slowest coordinate.
# Where on this map is gradient descent? Where does your pair lie?


# %%
def radius(lr, momentum, curvature):
    """The larger modulus of the two roots of r² − (1 + μ − lr·λ) r + μ."""
    b = 1 + momentum - lr * curvature
    root = np.sqrt(b**2 - 4 * momentum + 0j)
    return np.maximum(abs(b + root), abs(b - root)) / 2


kappa = 20.0
rates, momenta = np.meshgrid(np.linspace(0.01, 4, 400), np.linspace(0, 0.995, 300))
worst = np.maximum(radius(rates, momenta, 1.0), radius(rates, momenta, 1 / kappa))
best = optimal_heavy_ball(1 / kappa, 1.0)

fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
drawn = ax.contourf(rates, momenta, worst, levels=np.arange(0.6, 1.001, 0.05), cmap="cividis", extend="min")
ax.contour(rates, momenta, worst, levels=[1.0], colors="black", linewidths=1.2)
fig.colorbar(drawn, label="error's factor per step")
ax.plot(*best, "*", color="white", markeredgecolor="black", markersize=17)
ax.annotate(f"best pair: {np.sqrt(best[1]):.3f}", best, xytext=(-102, 16), textcoords="offset points", color="white")
ax.plot(2 / (1 + 1 / kappa), 0, "o", color="white", markeredgecolor="black", markersize=9, clip_on=False)
ax.annotate(f"GD's best: {(kappa - 1) / (kappa + 1):.3f}", (2 / (1 + 1 / kappa), 0), xytext=(-92, 9), textcoords="offset points")
ax.text(3.0, 0.2, "diverges", fontsize=12)
ax.grid(False)
ax.set(xlabel="lr · L", ylabel="momentum μ", title="Momentum and lr must be tuned together (κ = 20)")
plt.show()

# %% [markdown]
# **Takeaway.** The best point sits in a sharp corner. On its left lr is too small for the floor, on its right too large for the wall,
# above it the rate is $\sqrt\mu$.
# If in doubt, err to the left and above: there it degrades gently.
#
# Does the map tell the truth? Walk 500 steps with your step at three pairs.

# %%
for lr, momentum in [(0.5, 0.3), (1.0, 0.9), (2.5, 0.6)]:
    path = walk(lambda x: np.array([1 / kappa, 1.0]) * x, np.ones(2), lr, momentum, 500)
    slope_of_log, _ = np.polyfit(np.arange(401), np.log(np.linalg.norm(path[100:], axis=1)), 1)
    predicted = max(radius(lr, momentum, 1.0), radius(lr, momentum, 1 / kappa))
    print(f"lr·L = {lr}, μ = {momentum}: map {predicted:.3f}, measured {np.exp(slope_of_log):.3f}")

# %% [markdown]
# ## Folklore on trial
#
# ### "With momentum 0.9 the effective step is ten times larger"
#
# The three walkers of the first experiment, ruled.

# %%
ruling = trial(
    "momentum 0.9 makes the step ten times larger (within 5 %)",
    {f"{name} gradient: {rows[-1]:.1f} times": abs(rows[-1] / 10 - 1) < 0.05 for name, rows in length.items()},
    only_if="the gradients agree",
)
assert ruling == "holds only if the gradients agree"
ruling

# %% [markdown]
# Say: *for a steady gradient the step is lr/(1 − μ), reached after some 1/(1 − μ) steps*.
# So whoever goes from 0 to 0.9 at the same lr may have to lower it.
#
# ### "Momentum damps oscillation"
#
# One coordinate from $x=1$. Count how often $x$ changes its sign before it stays below 0.01.
# Two slopes: a steep wall with lr·λ = 1.9, where gradient descent overshoots in each step; and a gentle one, lr·λ = 0.1, where it never does.
# What will momentum do to either?


# %%
def overshoots(lr_lambda, momentum):
    """Sign changes of x until |x| stays below 0.01."""
    x = walk(lambda x: x, np.ones(1), lr_lambda, momentum, 1500)[:, 0]
    last = np.flatnonzero(abs(x) >= 0.01)[-1]
    return int(np.sum(x[: last + 1] * x[1 : last + 2] < 0))


momenta = np.append(np.arange(0, 0.97, 0.02), [0.97, 0.98, 0.985])
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for lr_lambda, tint, name in [(1.9, "wrong", "steep wall, lr·λ = 1.9"), (0.1, "adam", "gentle slope, lr·λ = 0.1")]:
    counts = [overshoots(lr_lambda, momentum) for momentum in momenta]
    ax.plot(momenta, counts, color=plots.color(tint), label=name)
    ax.plot(0, counts[0], "o", color=plots.color(tint), clip_on=False)
    ax.axvline((1 - np.sqrt(lr_lambda)) ** 2, color=plots.color(tint), linestyle=":", linewidth=1.2)
ax.set(ylim=(0, 100), xlim=(0, 1), xlabel="momentum μ", ylabel="overshoots until |x| stays below 0.01",
       title="A little momentum damps, much of it rings")
ax.legend(loc="upper left", bbox_to_anchor=(0.49, 1))
plt.show()

# %% [markdown]
# (Dots: gradient descent. Dotted lines: $\mu=(1-\sqrt{\eta\lambda})^2$, where the roots become complex.)
#
# **Takeaway.** On the wall a μ of 0.15 to 0.3 leaves about six overshoots of 44. At 0.9 all 44 are back, and beyond it is worse.
# On the gentle slope gradient descent never overshoots. Momentum does, once it is well above $(1-\sqrt{\eta\lambda})^2=0.47$.

# %%
ruling = trial(
    "momentum leaves fewer overshoots than gradient descent",
    {
        f"lr·λ = {lr_lambda}, μ = {momentum}: {overshoots(lr_lambda, momentum)} against {overshoots(lr_lambda, 0.0)}":
            overshoots(lr_lambda, momentum) < 0.8 * overshoots(lr_lambda, 0.0)
        for lr_lambda, momentum in [(1.9, 0.14), (1.9, 0.5), (1.9, 0.97), (0.1, 0.5), (0.1, 0.9)]
    },
    only_if="gradient descent zigzags there and μ is not too large",
)  # fmt: skip
assert ruling == "holds only if gradient descent zigzags there and μ is not too large"
ruling

# %% [markdown]
# Say: *it averages out the zigzag across the valley, and brings a slow oscillation of its own when μ is large*.
#
# ### "The tuned momentum is faster on every convex function"
#
# Lessard, Recht and Packard (2016) built a strongly convex function of one variable, with curvature 25 outside and 1 in the middle:
#
# $$
# f'(x)=\begin{cases}25x & x<1\\ x+24 & 1\le x<2\\ 25x-24 & x\ge2\end{cases}
# $$
#
# Its curvature lies in $[1,25]$. Give your constants for that interval to the ball, and start at 3.3.

# %%
def slope(x):
    return np.where(x < 1, 25 * x, np.where(x < 2, x + 24, 25 * x - 24))


lr, momentum = optimal_heavy_ball(1.0, 25.0)
ball = walk(slope, np.array([3.3]), lr, momentum, 300)[:, 0]
plain = walk(slope, np.array([3.3]), 2 / 26, 0.0, 300)[:, 0]
shorter = walk(slope, np.array([3.3]), 0.08, momentum, 300)[:, 0]
print("gradient descent ends at", f"{abs(plain[-1]):.4f}")
print("momentum, last six:     ", *(f"{x:.4f}" for x in ball[-6:]))
print(f"momentum, lr = 0.08 for {lr:.3f}: ends at {abs(shorter[-1]):.4f}")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(ball[:46], ".-", color=plots.color("momentum"), label="momentum, tuned for [1, 25]")
ax.plot(plain[:46], color=plots.color("gd"), label="GD, lr = 2/26")
ax.axhline(0, color="0.5", linestyle=":")
ax.set(xlabel="step", ylabel="x (the minimum is at 0)", title="Convex, and yet the tuned ball circles for ever")
ax.legend(loc="upper right", ncols=2)
ax.set_ylim(-4.2, 4.8)
plt.show()

# %% [markdown]
# **Takeaway.** Three points, for ever: the curvature changes just where the ball needs it to stay the same.

# %%
rows = walk(lambda x: eigenvalues * x, np.ones(20), *optimal_heavy_ball(1e-3, 1.0), 800)
ruling = trial(
    "tuned for its curvatures, momentum gets nearer to the minimum than gradient descent",
    {
        "quadratic, κ = 1000": np.linalg.norm(rows[-1]) < 1e-3 * curves["GD (best lr)"][0][-1],
        "Lessard's function, curvature in [1, 25]": abs(ball[-3:]).max() < abs(plain[-3:]).max(),
    },
    only_if="the function is a quadratic (or nearly one)",
)
assert ruling == "holds only if the function is a quadratic (or nearly one)"
ruling

# %% [markdown]
# A smaller lr cures this function, as the last line of figures above shows. But the guarantee for all functions is gone.
# Nesterov's form has one (question 06).
#
# ### "Momentum rolls out of local minima"
#
# $f(w)=w^4-4w^2+w$ has its better minimum at −1.47 and a worse one at 1.35. Start at 2.
# Four settings from there, μ = 0 for comparison. Then one of them again, started at −2.2, on the *good* side.

# %%
settings = [(0.0, 1e-2, 2.0), (0.9, 1e-3, 2.0), (0.95, 1e-2, 2.0), (0.99, 3e-3, 2.0), (0.99, 3e-3, -2.2)]
ends = {}
for momentum, lr, w0 in settings:
    w = walk(lambda w: 4 * w**3 - 8 * w + 1, np.array([w0]), lr, momentum, 6000)[-1, 0]
    ends[momentum, lr, w0] = w
    print(f"μ = {momentum:<4}  lr = {lr:<5}  from {w0:+.1f}: ends at {w:+.3f}")

# %%
ruling = trial(
    "momentum ends in the better minimum",
    {f"μ = {momentum}, lr = {lr}, from {w0:+.1f}": w < 0 for (momentum, lr, w0), w in ends.items() if momentum > 0},
    only_if="its inertia crosses the hill, and it stops there by luck",
)
assert ruling == "holds only if its inertia crosses the hill, and it stops there by luck"
ruling

# %% [markdown]
# The usual 0.9 with a small lr stays where gradient descent stays.
# And the ball that left the bad minimum leaves the good one as well: inertia does not know which is which.
#
# ### "lr inside or outside the velocity: that makes no difference"
#
# torch keeps a buffer without lr: $b_t=\mu b_{t-1}+g_t$, $\theta_t=\theta_{t-1}-\eta b_t$.
# With a constant lr multiply the buffer's rule by η: $\eta b_t=\mu\,(\eta b_{t-1})+\eta g_t$. So $v=\eta b$, and the paths are one.
#
# With a schedule they are not. Steady gradient 1, and lr falls from 1 to 0.1 after step 50.
# What does each form do in step 51?

# %%
def schedule(t):
    return 1.0 if t <= 50 else 0.1


inside, outside, velocity, buffer = np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1)
for t in range(1, 91):
    before = inside, outside
    inside, velocity = momentum_step(inside, np.ones(1), velocity, schedule(t))
    buffer = 0.9 * buffer + 1  # torch's form
    outside = outside - schedule(t) * buffer
    if t in (1, 50, 51, 55, 60, 90):
        print(f"step {t:2}: lr inside moves {(before[0] - inside)[0]:5.2f}, lr outside moves {(before[1] - outside)[0]:5.2f}")

# %% [markdown]
# Inside, the velocity still carries the old lr and takes some 20 steps to slow down. Outside, the drop acts at once.
# Now on the valley, with a path that feels its own gradients.

# %%
def gap(drop_at):
    """The largest distance between the two forms in 100 steps down the valley; lr falls to a tenth at drop_at."""
    inside = outside = start
    velocity, buffer, gaps = np.zeros(2), np.zeros(2), []
    for t in range(1, 101):
        lr = 0.02 if t <= drop_at else 0.002
        inside, velocity = momentum_step(inside, curvature * inside, velocity, lr)
        buffer = 0.9 * buffer + curvature * outside
        outside = outside - lr * buffer
        gaps.append(np.linalg.norm(inside - outside))
    return max(gaps)


ruling = trial(
    "lr inside or outside the velocity: the same path (to 1e-9)",
    {"lr constant": gap(100) < 1e-9, "lr divided by 10 after step 30": gap(30) < 1e-9, "after step 5": gap(5) < 1e-9},
    only_if="lr is constant",
)
assert ruling == "holds only if lr is constant"
ruling

# %% [markdown]
# So when a recipe with a schedule is carried from one framework to another, ask where its lr stands.
#
# ## Answer in 30 seconds
#
# "I keep a velocity: μ times the old one plus lr times the gradient, and subtract it from the parameters.
# Gradients that agree add up to 1/(1 − μ), ten times with 0.9; gradients that alternate cancel.
# So along a valley it accelerates, and across it the zigzag is averaged out.
# On a quadratic the best momentum turns the rate (κ − 1)/(κ + 1) into (√κ − 1)/(√κ + 1).
# Too large a μ oscillates by itself, and the tuned constants are safe for quadratics only."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $v\leftarrow\mu v+\eta g$, $\theta\leftarrow\theta-v$. Unroll it: a geometric sum, $1/(1-\mu)$ for a steady gradient, $1/(1+\mu)$ for an alternating one.
# - One coordinate of a quadratic: $x_{t+1}=(1+\mu-\eta\lambda)x_t-\mu x_{t-1}$. The two roots have the product μ.
# - Complex roots for $(1-\sqrt\mu)^2\le\eta\lambda\le(1+\sqrt\mu)^2$: the rate is then $\sqrt\mu$ for every λ in between.
# - Stretch that interval over $[\lambda_{\min},\lambda_{\max}]$: $\sqrt\mu=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}$, $\eta=4/(\sqrt{\lambda_{\max}}+\sqrt{\lambda_{\min}})^2$.
# - A figure to give: κ = 1000, a digit takes about 1150 steps without and 36 with.
# - Limits: a large μ rings; on Lessard's convex function the tuned ball runs in a 3-cycle; rolling out of a minimum is luck.
# - Conventions: torch keeps lr outside the buffer. The same for a constant lr, not under a schedule.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How does torch write it, and when does that differ?</summary>
#
# $b\leftarrow\mu b+(1-\tau)g$, $\theta\leftarrow\theta-\eta b$, with dampening $\tau=0$ by default, and $b_1=g_1$.
# With a constant η it is our path, $v=\eta b$.
# When η changes, the form with η inside keeps old velocity at the old rate for about $1/(1-\mu)$ steps; torch's rescales all of it at once.
#
# </details>
#
# <details><summary>And the exponential moving average, v ← μv + (1 − μ)g?</summary>
#
# The same path with a learning rate that is $1/(1-\mu)$ times larger: with 0.9, ten times.
# Adam's first moment is of that kind. Mixing up the two means a step ten times too small or too large.
#
# </details>
#
# <details><summary>Why 0.9?</summary>
#
# Habit. It remembers about ten steps, and on a quadratic it would be the best for $\sqrt\kappa=\frac{1+\sqrt{0.9}}{1-\sqrt{0.9}}\approx38$, κ about 1400.
# 0.99 suits longer valleys, with more ringing.
#
# </details>
#
# <details><summary>Why is it called a ball?</summary>
#
# $\theta_{t+1}-\theta_t=\mu(\theta_t-\theta_{t-1})-\eta\nabla f$: a mass with friction, pulled by the slope.
# μ near 1 means little friction.
#
# </details>
#
# <details><summary>Is momentum an adaptive method?</summary>
#
# No. All coordinates have one learning rate and one μ; nothing looks at the size of a coordinate's gradients.
#
# </details>
#
# <details><summary>Does it also help with mini-batch noise?</summary>
#
# A single step averages about $1/(1-\mu)$ gradients. But its lr is $1/(1-\mu)$ times larger in effect, and that brings the noise back.
# At the same *effective* lr the gain is small when noise dominates; the gain above is about curvature.
#
# </details>
#
# <details><summary>What does it cost?</summary>
#
# One more number for each parameter, and one multiplication.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Momentum is a moving average of gradients, so the step stays the same size." It sums.
# - "It always damps oscillation." Large μ makes its own.
# - "It escapes local minima." It may; 0.9 did not, and inertia leaves good ones too.
# - Quoting √κ without "on quadratics, with tuned constants".
# - Moving θ with the old velocity, or taking $1-\mu$ from Adam.

# %% [markdown]
# ## References
#
# - B. T. Polyak. *Some methods of speeding up the convergence of iteration methods.* USSR Computational Mathematics and Mathematical Physics 4(5), 1964: the heavy ball.
# - I. Sutskever, J. Martens, G. Dahl, G. Hinton. *On the importance of initialization and momentum in deep learning.* ICML 2013.
# - L. Lessard, B. Recht, A. Packard. *Analysis and Design of Optimization Algorithms via Integral Quadratic Constraints.* SIAM Journal on Optimization 26(1), 2016: the function with the 3-cycle.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* arXiv:1609.04747, 2016.
# - PyTorch documentation of `torch.optim.SGD`: where lr stands, and what dampening does.
