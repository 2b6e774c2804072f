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
# - **The geometric sum.** A steady gradient adds up to $1/(1-\mu)$ times its step; gradients that alternate mostly cancel.
# - **The rate.** On a quadratic κ becomes √κ, and you can derive the two constants.
# - **The limits.** Too much μ oscillates; the tuned constants carry a guarantee for quadratics only.
# - **The conventions.** Where lr is, inside or outside the velocity, and when that matters.

# %% [markdown]
# ## The idea
#
# Gradient descent keeps nothing of its earlier steps. Momentum (Polyak 1964, the *heavy ball*) keeps a velocity:
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
# Along a valley's floor gradients agree; across it they alternate when η is so large that each step overshoots. There momentum accelerates along the floor and damps across it.

# %% [markdown]
# ### One coordinate of a quadratic
#
# Let $f(\theta)=\tfrac12\theta^\top A\theta$ with eigenvalues of $A$ between $\lambda_{\min}$ and $\lambda_{\max}$, $\kappa=\lambda_{\max}/\lambda_{\min}$.
# (The arguments of exercise 2 are called `mu` and `L`, as in the literature. In the text μ is always the momentum.)
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
# Gradient descent, for comparison: $x_{t+1}=(1-\eta\lambda)x_t$, best when $1-\eta\lambda_{\min}=\eta\lambda_{\max}-1$.
# So $\eta=\frac{2}{\lambda_{\max}+\lambda_{\min}}$, and the rate is $\frac{\kappa-1}{\kappa+1}$.
# **With the best constants momentum replaces κ by √κ**, in the rate and so in the number of steps.
#
# ### Four ways to write it
#
# | who | update | lr |
# |---|---|---|
# | Polyak, here | $v\leftarrow\mu v+\eta g,\;\;\theta\leftarrow\theta-v$ | inside |
# | Sutskever et al. 2013, Keras | $v\leftarrow\mu v-\eta g,\;\;\theta\leftarrow\theta+v$ | inside, the sign turned |
# | torch | $b\leftarrow\mu b+g,\;\;\theta\leftarrow\theta-\eta b$ | outside |
# | moving average (Adam's $m$) | $m\leftarrow\mu m+(1-\mu)g,\;\;\theta\leftarrow\theta-\eta m$ | outside, $1-\mu$ times smaller steps |
#
# With a constant η and a start from rest all four trace the same path, if the moving average gets $\eta/(1-\mu)$: multiply torch's rule by η, and $v=\eta b$.
# When η changes they differ: inside, the velocity still carries the old rate for about $1/(1-\mu)$ steps; outside, the whole buffer is rescaled at once.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, settings, trial

plots.style()


# %% [markdown] tags=["deeper"]
# ### Deeper: no other pair is better
#
# Let some heavy-ball pair have the rate $\rho<1$: all roots of all coordinates satisfy $|r|\le\rho$.
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
# That is about *constant heavy-ball* pairs. Conjugate gradient, whose constants change in every step, needs no λ and is at least as fast, measured in the loss (question 13).

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
    """theta, grad, velocity (…) -> (theta, velocity), each (…), both new; the arguments are not changed.

    lr is inside the velocity, the velocity is subtracted, and theta moves with the *new* one. No factor 1 - momentum.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


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
    """Eigenvalues in [mu, L], 0 < mu <= L -> (lr, momentum), two floats; momentum is 0 where mu = L."""
    # YOUR CODE HERE
    raise NotImplementedError()


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

# %% [markdown]
# By the way: exchange `mu` and `L` in exercise 2, and the answer is the same.
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

# %% tags=["hide-input"]
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
ax.set(ylim=(0, 10.8), xlabel="step", ylabel="length of the step / lr", title="Momentum 0.9 adds up what agrees")
ax.legend(title="gradient, and last step", loc="center right")
plt.show()


# %% [markdown]
# (Dotted: theory. For random signs the 4000 parameters are averaged in the square.)
#
# **Takeaway.** In units of lr the step becomes 10 for a steady gradient, about 0.5 for an alternating one and about 2.3 for random signs.
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


# %%
curvature, start = np.array([1.0, 50.0]), np.array([-4.0, 0.9])
paths = {
    "GD (best lr)": walk(lambda x: curvature * x, start, 2 / curvature.sum(), 0.0, 60),
    "momentum (0.98)": walk(lambda x: curvature * x, start, 0.4 / 50, 0.98, 60),
    "momentum (0.83)": walk(lambda x: curvature * x, start, 0.4 / 50, 0.83, 60),
}
plots.animate_paths(lambda x, y: 0.5 * (x**2 + 50 * y**2), (-4.6, 4.2), (-1.3, 1.3), paths,
                    "60 steps: GD zigzags, 0.98 rolls past, 0.83 lands", minimum=(0, 0), frames=21)

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

# %% tags=["hide-input"]
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
# The usual 0.9 needs about 206 steps a digit here: far fewer than gradient descent, over five times as many as the best pair. Its lr = 1/L needs $L$, but not κ.
#
# ### lr inside or outside, under a schedule
#
# Steady gradient 1, and lr falls from 1 to 0.1 after step 50. What does each form do in step 51?

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
# **Takeaway.** Inside, the velocity takes some 20 steps to slow down. Outside, the drop acts at once.
# So when a recipe with a schedule is carried from one framework to another, ask where its lr is.

# %% [markdown] tags=["deeper"]
# ### Deeper: the map of all pairs
#
# For κ = 20 and every pair (lr, μ): the larger root of the slowest coordinate.
# Where on this map is gradient descent? Where does your pair lie?

# %% tags=["deeper", "hide-input"]
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

# %% [markdown] tags=["deeper"]
# **Takeaway.** The best point sits in a sharp corner. On its left lr is too small for the floor, on its right too large for the wall,
# above it the rate is $\sqrt\mu$.
# If in doubt, take a smaller lr and a larger μ: on that side of the corner the rate gets worse slowly.
#
# Does the map tell the truth? Walk 500 steps with your step at three pairs.

# %% tags=["deeper"]
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
# The geometric sum says so for a gradient that agrees with the last ones. How long must it agree?
# The gradient is ±1 and flips its sign with probability $p$ in each step. Is the step ten times as long, within 5 %? Within 10 %?

# %%
def ten_times(p_flip, seed):
    """The length of the 150th step, root mean square over 4000 parameters, against 10 lr."""
    rng = np.random.default_rng(seed)
    theta, velocity, sign = np.zeros(4000), np.zeros(4000), np.ones(4000)
    for _ in range(150):
        sign = np.where(rng.random(4000) < p_flip, -sign, sign)
        theta, velocity = momentum_step(theta, sign, velocity, 1.0)
    length = np.sqrt(np.mean(velocity**2))
    return bool(length > 9.5), bool(length > 9)


trial(
    "momentum 0.9 makes the step ten times larger",
    ten_times,
    over=settings(p_flip=[0, 0.002, 0.05, 0.5, 1], seed=[0, 1]),
    held_out=settings(p_flip=[0.001, 0.003, 0.02, 0.1, 0.3, 0.9], seed=[2, 3, 4]),
    only_if=("the gradient keeps its direction for 200 steps on average", lambda p_flip: p_flip < 1 / 200),
    expect="holds only if the gradient keeps its direction for 200 steps on average",
)


# %% [markdown]
# Say: *for a steady gradient the step tends to lr/(1 − μ)*. With random signs it is 2.3 lr.
# So whoever goes from 0 to 0.9 at the same lr may have to lower it.
#
# ### "Momentum damps oscillation"
#
# One coordinate from $x=1$. Count how often $x$ changes its sign before it stays below 0.01.
# Two slopes: a steep wall with lr·λ = 1.9, where gradient descent overshoots in each step; and a gentle one, lr·λ = 0.1, where it never does.
# What will momentum do to either?

# %% tags=["hide-input"]
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
       title="A little momentum damps the overshoots, a lot of it adds its own")
ax.legend(loc="upper left", bbox_to_anchor=(0.49, 1))
plt.show()


# %% [markdown]
# (Dots: gradient descent. Dotted lines: $\mu=(1-\sqrt{\eta\lambda})^2$, where the roots become complex.)
#
# **Takeaway.** On the wall a μ of 0.15 to 0.3 leaves five to seven overshoots of 44. At 0.9 there are 44 again.
# On the gentle slope gradient descent never overshoots. Momentum does, once it is well above $(1-\sqrt{\eta\lambda})^2=0.47$.

# %%
def damps(lr_lambda, momentum):
    """Fewer overshoots than gradient descent? Fewer by a fifth?"""
    ours, plain = overshoots(lr_lambda, momentum), overshoots(lr_lambda, 0.0)
    return bool(ours < plain), bool(ours < 0.8 * plain)


trial(
    "momentum damps oscillation: it leaves fewer overshoots than gradient descent",
    damps,
    over=settings(lr_lambda=[0.1, 0.7, 1.8, 1.9], momentum=[0.1, 0.3, 0.6, 0.9]),
    held_out=settings(lr_lambda=[0.05, 0.4, 1.7, 1.85, 1.95], momentum=[0.15, 0.25, 0.4, 0.7, 0.95]),
    only_if=("gradient descent zigzags and √μ is below its rate η·λ − 1", lambda lr_lambda, momentum: np.sqrt(momentum) < lr_lambda - 1),
    expect="holds only if gradient descent zigzags and √μ is below its rate η·λ − 1",
)


# %% [markdown]
# Say: *with moderate μ it averages out the zigzag across the valley; with large μ it brings an oscillation of its own*.
#
# ### "Tuned momentum is faster than gradient descent"
#
# Both with their best constants for the interval of curvatures. Quadratics, and ridge-regularised logistic regression on 569 tumours, which is *not* a quadratic.
# Does momentum need fewer than half (a third) of the steps to come within $10^{-6}$ of the start's distance?
# The control is a strongly convex function that Lessard, Recht and Packard (2016) built for this purpose, with curvature 25 outside and 1 between 1 and 2, started at 3.3.

# %%
def steps_needed(gradient, start, minimum, lr, momentum, most=20_000):
    theta, velocity, near = start, np.zeros_like(start), 0
    for t in range(1, most + 1):
        theta, velocity = momentum_step(theta, gradient(theta), velocity, lr, momentum)
        near = near + 1 if np.linalg.norm(theta - minimum) < 1e-6 * np.linalg.norm(start - minimum) else 0
        if near == 20:
            return t
    return most


def faster(kind, low, seed):
    start = np.random.default_rng(seed).normal(size=30)
    if kind == "quadratic":
        curvatures = np.geomspace(low, 1, 30)
        gradient, minimum, L = lambda x: curvatures * x, np.zeros(30), 1.0
    elif kind == "logistic":
        gradient, minimum, L = data.ridge_logistic(low)
    else:
        gradient, start, minimum, L = data.lessard_slope, np.array([3.3]), np.zeros(1), 25.0
    tuned = steps_needed(gradient, start, minimum, *optimal_heavy_ball(low, L))
    plain = steps_needed(gradient, start, minimum, 2 / (low + L), 0.0)
    return bool(tuned < plain / 2), bool(tuned < plain / 3)


trial(
    "tuned for its curvatures, momentum needs less than half of gradient descent's steps",
    faster,
    over=settings(kind="quadratic", low=[0.03, 0.01, 0.003], seed=[0, 1]) + settings(kind="logistic", low=[0.1, 0.05], seed=[0, 1]),
    control=dict(kind="Lessard", low=1.0, seed=0),
    expect="holds",
)

# %% tags=["hide-input"]
ball = walk(data.lessard_slope, np.array([3.3]), *optimal_heavy_ball(1.0, 25.0), 300)[:, 0]
plain = walk(data.lessard_slope, np.array([3.3]), 2 / 26, 0.0, 300)[:, 0]
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(ball[:46], ".-", color=plots.color("momentum"), label="momentum, tuned for [1, 25]")
ax.plot(plain[:46], color=plots.color("gd"), label="GD, lr = 2/26")
ax.axhline(0, color="0.5", linestyle=":")
ax.set(xlabel="step", ylabel="x (the minimum is at 0)", title="Lessard's function is convex, and the tuned ball circles forever")
ax.legend(loc="upper right", ncols=2)
ax.set_ylim(-4.2, 4.8)
plt.show()

# %% [markdown]
# So: faster in all ten runs, on the logistic loss too; *guaranteed* with these constants on quadratics (and locally, near a minimum with curvatures inside the interval).
# From most other starts the ball reaches the minimum of this function, and from 3.3 it does with an lr 5 % smaller. That is a cure for this run, not for the class:
# no heavy-ball constants accelerate on all smooth strongly convex functions (Goujaud, Taylor & Dieuleveut 2023). Nesterov's form does (question 06).
# "Momentum rolls out of local minima" is tried in question 04.

# %% [markdown]
# ## Answer in 30 seconds
#
# "I keep a velocity: μ times the old one plus lr times the gradient, and subtract it from the parameters.
# Gradients that agree add up, with 0.9 to ten times the step at most; alternating ones mostly cancel.
# So it accelerates along a valley and damps the zigzag across.
# On a quadratic, with tuned constants, it replaces κ by its square root.
# Too much momentum oscillates by itself. Shall I derive the best constants?"
#
# ### 三十秒回答
#
# "动量法维护一个速度:μ 乘旧速度,加上学习率乘梯度,参数减去它。
# 方向一致的梯度会累积,0.9 时最多相当于十倍步长;来回变号的梯度大部分互相抵消。
# 所以沿着山谷加速,横向的震荡被压下去。
# 在二次函数上,参数取最优时,收敛所需步数从 κ 量级降到 √κ 量级。
# 但动量太大会自己震荡。需要的话可以推导最优参数。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write $v\leftarrow\mu v+\eta g$, $\theta\leftarrow\theta-v$. Unroll it: a geometric sum, $1/(1-\mu)$ for a steady gradient, $1/(1+\mu)$ for an alternating one.
# - One coordinate of a quadratic: $x_{t+1}=(1+\mu-\eta\lambda)x_t-\mu x_{t-1}$. The two roots have the product μ.
# - Complex roots for $(1-\sqrt\mu)^2\le\eta\lambda\le(1+\sqrt\mu)^2$: the rate is then $\sqrt\mu$ for every λ in between.
# - Stretch that interval over $[\lambda_{\min},\lambda_{\max}]$: $\sqrt\mu=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}$, $\eta=4/(\sqrt{\lambda_{\max}}+\sqrt{\lambda_{\min}})^2$.
# - A figure to give: κ = 1000, a digit takes about 1150 steps without and 36 with.
# - Limits: a large μ oscillates; on Lessard's convex function the tuned ball can run in a 3-cycle, and no heavy-ball constants accelerate for all smooth strongly convex functions.
# - Conventions: Polyak, Sutskever and Keras have lr inside the velocity, torch outside. The same for a constant lr, not under a schedule.

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
# Adam's first moment is of that kind. Confusing the two means a step ten times too small or too large.
#
# </details>
#
# <details><summary>Why 0.9?</summary>
#
# Habit. It remembers about ten steps, and on a quadratic it would be the best for $\sqrt\kappa=\frac{1+\sqrt{0.9}}{1-\sqrt{0.9}}\approx38$, κ about 1400.
# 0.99 suits a larger κ, with more oscillation.
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
# A single step sums over about $1/(1-\mu)$ gradients, so their noise partly averages out. But its lr is $1/(1-\mu)$ times larger in effect, and that brings the noise back.
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
# - "Momentum is a moving average of gradients, so the step stays the same size." In the usual form it sums.
# - "It always damps oscillation." Large μ makes its own.
# - "It escapes local minima." It may; and inertia leaves good ones too (question 04).
# - Quoting √κ without "on quadratics, with tuned constants".
# - Moving θ with the old velocity, or taking $1-\mu$ from Adam.

# %% [markdown]
# ## References
#
# - B. T. Polyak. *Some methods of speeding up the convergence of iteration methods.* USSR Computational Mathematics and Mathematical Physics 4(5), 1964: the heavy ball.
# - I. Sutskever, J. Martens, G. Dahl, G. Hinton. *On the importance of initialization and momentum in deep learning.* ICML 2013.
# - L. Lessard, B. Recht, A. Packard. *Analysis and Design of Optimization Algorithms via Integral Quadratic Constraints.* SIAM Journal on Optimization 26(1), 2016: the function with the 3-cycle.
# - B. Goujaud, A. Taylor, A. Dieuleveut. *Provable non-accelerations of the heavy-ball method.* 2023.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* arXiv:1609.04747, 2016.
# - PyTorch documentation of `torch.optim.SGD`: where lr is, and what dampening does. Keras documentation of `keras.optimizers.SGD`.
