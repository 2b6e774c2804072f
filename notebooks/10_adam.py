# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Adam: derive it, and why the bias correction? Adam or SGD?
#
# *Adam 的推导,为什么要做偏差校正?与 SGD 有什么区别?*

# %% [markdown]
# ## Question
#
# "Write down one step of Adam.
# Why are the two moments divided by $1-\beta^t$, and what happens if you forget it?
# When would you take Adam, and when SGD?"
#
# "请写出 Adam 的一步更新。为什么两个矩估计要除以 $1-\beta^t$?不校正会怎样?什么时候用 Adam,什么时候用 SGD?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Two moments.** A running mean of the gradient and one of its square, entry by entry; the second is not centred.
# - **The correction.** You derive $\mathbb E[m_t]=(1-\beta_1^t)\,\mathbb E[g]$, and do not only quote it.
# - **Its direction.** Without the correction the first steps are too *large*, and you know why.
# - **The size of a step.** About the learning rate, whatever the scale of the gradient.
# - **Judgement.** You can name a problem where Adam wins and one where it loses.

# %% [markdown]
# ## The idea
#
# Momentum smooths the gradient (question 05).
# RMSprop divides each coordinate by the typical size of its gradient (question 09).
# Adam does both, with two running means (Kingma & Ba 2015, Algorithm 1), all entry by entry:
#
# $$
# \begin{aligned}
# m_t &= \beta_1 m_{t-1} + (1-\beta_1)\,g_t & \hat m_t &= m_t/(1-\beta_1^t) \\
# v_t &= \beta_2 v_{t-1} + (1-\beta_2)\,g_t^2 & \hat v_t &= v_t/(1-\beta_2^t)
# \end{aligned}
# \qquad
# \theta_t = \theta_{t-1} - \eta\,\frac{\hat m_t}{\sqrt{\hat v_t}+\varepsilon}
# $$
#
# with $m_0=v_0=0$, $t=1,2,\dots$ and the defaults $\eta=10^{-3}$, $\beta_1=0.9$, $\beta_2=0.999$, $\varepsilon=10^{-8}$.
# The name says it: *ada*ptive *m*oment estimation. $\mathbb E[g]$ is the first moment, $\mathbb E[g^2]$ the second, uncentred one.

# %% [markdown]
# ### Why divide by $1-\beta^t$?
#
# Write out the first steps from $m_0=0$:
#
# $$
# m_1=(1-\beta_1)g_1
# \qquad
# m_2=\beta_1 m_1+(1-\beta_1)g_2=(1-\beta_1)\,(\beta_1 g_1+g_2)
# $$
#
# Each further step multiplies what is there by $\beta_1$ and adds $(1-\beta_1)g_t$, so
#
# $$
# m_t=(1-\beta_1)\sum_{i=1}^{t}\beta_1^{\,t-i}g_i .
# $$
#
# Take the expectation, and let the gradients have one and the same mean $\mathbb E[g]$. With $k=t-i$:
#
# $$
# \mathbb E[m_t]=(1-\beta_1)\sum_{i=1}^{t}\beta_1^{\,t-i}\,\mathbb E[g_i]=\mathbb E[g]\,(1-\beta_1)\sum_{k=0}^{t-1}\beta_1^{\,k}.
# $$
#
# The sum $S=1+\beta_1+\dots+\beta_1^{t-1}$ is geometric: $S-\beta_1S=1-\beta_1^t$, so $(1-\beta_1)S=1-\beta_1^t$, and
#
# $$
# \boxed{\;\mathbb E[m_t]=(1-\beta_1^t)\;\mathbb E[g]\;}
# $$

# %% [markdown]
# The weights of the $t$ gradients add up to $1-\beta_1^t$ only.
# The missing $\beta_1^t$ sits on the zero that $m$ started from.
# Dividing by $1-\beta_1^t$ takes that zero out.
#
# Nothing in these lines used that $g$ is a gradient.
# Put $g^2$ for $g$ and $\beta_2$ for $\beta_1$, and you have $\mathbb E[v_t]=(1-\beta_2^t)\,\mathbb E[g^2]$.
#
# If the mean drifts, an error stays: $\mathbb E[m_t]=(1-\beta_1^t)\,\mathbb E[g_t]+(1-\beta_1)\sum_i\beta_1^{t-i}\big(\mathbb E[g_i]-\mathbb E[g_t]\big)$.
# It is small, because old gradients have small weights (the paper's §3 argues the same for $v$).
# And $\hat m$, $\hat v$ are unbiased, the quotient $\hat m/\sqrt{\hat v}$ is not: the correction removes the start, not every bias.

# %% [markdown]
# ### The first step, with and without
#
# With the correction $\hat m_1=g_1$ and $\hat v_1=g_1^2$, so the step is
#
# $$
# \eta\,\frac{g_1}{|g_1|+\varepsilon}\approx\eta\,\operatorname{sign}(g_1).
# $$
#
# Without it (and $\varepsilon$ aside)
#
# $$
# \eta\,\frac{(1-\beta_1)\,g_1}{\sqrt{(1-\beta_2)\,g_1^2}}=\eta\,\frac{1-\beta_1}{\sqrt{1-\beta_2}}\operatorname{sign}(g_1)=\eta\,\frac{0.1}{0.0316}\operatorname{sign}(g_1)=3.16\,\eta\,\operatorname{sign}(g_1).
# $$
#
# The first step is *larger*.
# $m_1$ is 10 times too small, but $\sqrt{v_1}$ is 32 times too small, and it stands below the line.

# %% [markdown]
# ### How long can a step be?
#
# Take $\varepsilon=0$. Split each weight of $m_t$ in two and use Cauchy and Schwarz:
#
# $$
# |m_t|=(1-\beta_1)\Big|\sum_{i=1}^t\Big(\frac{\beta_1}{\sqrt{\beta_2}}\Big)^{t-i}\cdot\sqrt{\beta_2}^{\,t-i}g_i\Big|
# \le(1-\beta_1)\,\sqrt{\sum_{i=1}^t\Big(\frac{\beta_1^2}{\beta_2}\Big)^{t-i}}\;\sqrt{\sum_{i=1}^t\beta_2^{\,t-i}g_i^2}.
# $$
#
# The last root is $\sqrt{v_t/(1-\beta_2)}$.
# The geometric sum before it stays below $1/(1-\beta_1^2/\beta_2)$ when $\beta_1^2<\beta_2$. Hence
#
# $$
# \frac{|m_t|}{\sqrt{v_t}}\;<\;\frac{1-\beta_1}{\sqrt{1-\beta_2}}\cdot\frac{1}{\sqrt{1-\beta_1^2/\beta_2}}\;=\;3.16\cdot2.30\;=\;7.27 .
# $$
#
# The two corrections together multiply this by $\sqrt{1-\beta_2^t}/(1-\beta_1^t)$, which is below 1 for the defaults and tends to 1.
# (Its inverse is drawn in the second experiment.)
# So with the defaults no step is ever longer than $7.27\,\eta$; an $\varepsilon$ only shortens it.
# Typical ones are at most about $\eta$, since $|\mathbb E[g]|\le\sqrt{\mathbb E[g^2]}$; where the signs disagree they are shorter.

# %% [markdown]
# One more thing to have ready: multiply all gradients by $c>0$.
# Then $m\to c\,m$, $\sqrt v\to c\sqrt v$, and $c$ cancels (up to $\varepsilon$).
# **Adam does not see the scale of the loss, nor that of a single coordinate.**

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# One step: take the parameters, the gradient and the state, return the new parameters and the new state.
# `theta`, `grad`, `m`, `v` are arrays of one shape, any shape. `t` is 1 in the first step; it is not returned.
# Return new arrays and leave the arguments as they were.

# %%
def adam_step(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """theta, grad, m, v (…), t = 1, 2, … -> (theta, m, v), each (…)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(adam_step)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: five lines</summary>
#
# Two lines update the moments, two correct them, one moves the parameters.
# Write them in that order, with a new name for the corrected ones.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what is kept and what is used</summary>
#
# The state that you return is the *uncorrected* pair `m`, `v`.
# The corrected pair serves this step only; if it went on, the next step would correct it again.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `m = beta1 * m + (1 - beta1) * grad`, and the same for `v` with `grad**2`.
# Divide by `1 - beta1**t` and `1 - beta2**t`.
# The divisor of the step is `np.sqrt(v_hat) + eps`: first the root, then eps.
# Never `m *= …`, which writes into the caller's array.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* step that runs.
#
# ### Is $\mathbb E[m_t]=(1-\beta_1^t)\,\mathbb E[g]$?
#
# Give 2000 parameters noisy gradients with mean 1 and standard deviation 2, so $\mathbb E[g]=1$, $\mathbb E[g^2]=5$.
# What share of the truth will $m$ and $v$ hold after one step? After 100?

# %%
rng = np.random.default_rng(0)
theta, m, v = np.zeros((3, 2000))
steps = np.arange(1, 3001)
mean_m, mean_v = [], []
for t in steps:
    theta, m, v = adam_step(theta, 1 + 2 * rng.normal(size=2000), m, v, t)
    mean_m.append(m.mean())
    mean_v.append(v.mean() / 5)

seen = np.unique(np.geomspace(1, 3000, 25).astype(int)) - 1
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for name, beta, measured, tint in [("m", 0.9, mean_m, "momentum"), ("v", 0.999, mean_v, "rmsprop")]:
    ax.plot(steps, 1 - beta**steps, color=plots.color(tint))
    ax.plot(steps[seen], np.array(measured)[seen], "o", color=plots.color(tint), markersize=5)
    middle = np.log(0.5) / np.log(beta)
    ax.annotate(f"${name}_t$ and 1 − {beta}$^t$", (middle, 0.5), xytext=(12, -6), textcoords="offset points", fontsize=12)
ax.axhline(1, color="0.5", linestyle=":")
ax.set(xscale="log", xlim=(0.8, 8000), xlabel="step $t$", ylabel="share of the true moment (dots: measured)",
       title="m knows the truth after 30 steps, v not before 3000")
plt.show()

# %% [markdown]
# **Takeaway.** Both moments start at zero, but $v$ stays too small a hundred times longer.
# That imbalance is what the correction is for.

# %% [markdown]
# ### The first steps without the correction
#
# Your step returns the uncorrected `m` and `v`, so $m/\sqrt v$ is what an Adam without correction would walk.
# The gradient is 1 all the time. The first step will be 3.16 times too long. And the tenth?

# %%
theta, m, v = np.zeros((3, 1))
corrected, uncorrected = [], []
for t in range(1, 6001):
    before = theta
    theta, m, v = adam_step(theta, np.ones(1), m, v, t, lr=1.0)
    corrected.append(abs(theta - before)[0])
    uncorrected.append((m / np.sqrt(v))[0])

steps = np.arange(1, 6001)
worst = int(np.argmax(uncorrected))
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.plot(steps, uncorrected, color=plots.color("wrong"), label="without correction")
ax.plot(steps, corrected, color=plots.color("right"), label="with correction")
for k in (0, worst, 999):
    ax.plot(steps[k], uncorrected[k], "o", color=plots.color("wrong"))
    ax.annotate(f"{uncorrected[k]:.2f} at step {steps[k]}", (steps[k], uncorrected[k]), xytext=(9, 5), textcoords="offset points")
ax.set(xscale="log", ylim=(0, 7.4), xlabel="step $t$ (steady gradient)", ylabel="length of the step / lr",
       title="Without correction the worst is not the first step")
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# **Takeaway.** 3.16 is only the beginning: at step 12 the uncorrected step is 6.6 times too long, and after 1000 steps still by a quarter.
# With the correction it is lr from the first step on.

# %% [markdown]
# ### How long can a step be?
#
# The paper (§2.1) names $3.16\,\eta$ as the bound, reached when a gradient comes after long silence.
# The derivation above says $7.27\,\eta$. Which gradient would reach that?
# Equality in Cauchy–Schwarz needs $\sqrt{\beta_2}^{\,t-i}g_i\propto(\beta_1/\sqrt{\beta_2})^{t-i}$: a gradient that grows by $\beta_2/\beta_1=1.11$ in each step.

# %%
n = 8000
stories = {
    "steady": np.ones(n),
    "silence, then one spike": np.where(np.arange(n) == n - 60, 1.0, 0.0),
    "silence, then 11 % more in each step": np.where(np.arange(n) >= n - 100, 1.11 ** (np.arange(n) - n + 100.0), 0.0),
}
theta, m, v = np.zeros((3, len(stories)))
lengths = []
for t, grad in enumerate(np.column_stack(list(stories.values())), start=1):
    before = theta
    theta, m, v = adam_step(theta, grad, m, v, t, lr=1.0)
    lengths.append(abs(theta - before))
lengths = np.array(lengths)
longest = dict(zip(stories, lengths.max(axis=0), strict=True))

fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for j, (name, tint) in enumerate(zip(stories, ("right", "adam", "wrong"), strict=True)):
    ax.plot(np.arange(-120, 0), lengths[-120:, j], color=plots.color(tint), label=f"{name}: at most {longest[name]:.2f}")
spike = 0.1 / np.sqrt(0.001)
for bound, words in [(spike, "the paper's bound"), (spike / np.sqrt(1 - 0.81 / 0.999), "the sharp bound")]:
    ax.axhline(bound, color="0.5", linestyle=":")
    ax.text(0, bound + 0.12, f"{words}: {bound:.2f}", color="0.35", ha="right")
ax.set(ylim=(0, 8.2), xlabel="step, counted from the end", ylabel="length of the step / lr", title="A growing gradient makes Adam's longest steps")
ax.legend(loc="center right", bbox_to_anchor=(1, 0.66))
plt.show()

# %% [markdown]
# **Takeaway.** $v$ has the longer memory, so it is late when gradients grow, and then steps are several times lr.
# A burst of large gradients can throw Adam out; clipping is one remedy, a smaller $\beta_2$ another.
# Keep the geometric sum finite in the derivation and put the corrections in: that gives the exact bound for any betas.

# %%
t = np.arange(1, 20_001)
for beta2 in (0.999, 0.99, 0.95, 0.9):
    r = 0.9**2 / beta2
    bound = 0.1 / np.sqrt(1 - beta2) * np.sqrt((1 - r**t) / (1 - r)) * np.sqrt(1 - beta2**t) / (1 - 0.9**t)
    print(f"β1 = 0.9, β2 = {beta2:<5}: no step above {bound.max():.2f} lr")

# %% [markdown]
# With β2 = 0.95, as GPT-3 was trained, no step exceeds lr by more than a sixth.

# %% [markdown]
# ### Four coordinates, one learning rate
#
# Four parameters get four kinds of gradient for 500 steps: steady 1, steady $10^{-4}$, pure noise, and a 1 once in 50 steps.
# SGD would move them by 500, 0.05, about 0 and 10 (times lr). And Adam?

# %%
rng = np.random.default_rng(1)
n = 500
kinds = {
    "steady, 1": np.ones(n),
    "steady, 0.0001": np.full(n, 1e-4),
    "a 1 every 50 steps": (np.arange(1, n + 1) % 50 == 0).astype(float),
    "noise around 0": rng.normal(size=n),
}
path, m, v = [np.zeros(4)], np.zeros(4), np.zeros(4)
for t, grad in enumerate(np.column_stack(list(kinds.values())), start=1):
    theta, m, v = adam_step(path[-1], grad, m, v, t, lr=1.0)
    path.append(theta)
moved = -np.array(path)

fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for j, (name, tint, dash) in enumerate(zip(kinds, ("adam", "momentum", "adagrad", "wrong"), ("-", "--", "-", "-"), strict=True)):
    ax.plot(moved[:, j], dash, color=plots.color(tint), label=f"{name}: {moved[-1, j]:.0f}")
ax.set(xlabel="step", ylabel="distance moved / lr", title="Adam listens to agreement, not to size")
ax.legend(title="gradient, and where it led")
plt.show()


# %% [markdown]
# **Takeaway.** Size drops out: the tiny steady gradient moves its parameter as far as the large one.
# Noise cancels in $m$ but not in $v$, so noisy coordinates hardly move.
# A rare gradient counts more than in SGD: each 1 moves its parameter about $\sqrt{50}\approx7$ learning rates.

# %% [markdown]
# ### Four rivals
#
# For the comparisons to come, four methods in plain code, with the arguments of your Adam and torch's usual constants.

# %%
def sgd(theta, grad, m, v, t, lr):
    return theta - lr * grad, m, v


def momentum(theta, grad, m, v, t, lr):
    m = 0.9 * m + grad
    return theta - lr * m, m, v


def adagrad(theta, grad, m, v, t, lr):
    v = v + grad**2
    return theta - lr * grad / (np.sqrt(v) + 1e-10), m, v


def rmsprop(theta, grad, m, v, t, lr):
    v = 0.99 * v + 0.01 * grad**2
    return theta - lr * grad / (np.sqrt(v) + 1e-8), m, v


methods = {"SGD": sgd, "momentum": momentum, "Adagrad": adagrad, "RMSprop": rmsprop, "Adam": adam_step}


# %%
def walk(step, grad_fn, theta, n_steps, lr):
    """n_steps of one of the five: path (n_steps + 1, d)."""
    path, m, v = [theta], np.zeros_like(theta), np.zeros_like(theta)
    with np.errstate(all="ignore"):  # a path may explode
        for t in range(1, n_steps + 1):
            theta, m, v = step(theta, grad_fn(theta), m, v, t, lr)
            path.append(theta)
    return np.array(path)


# %% [markdown]
# ### Multiply the loss by a thousand
#
# The loss is $\tfrac12(\theta_1^2+100\,\theta_2^2)$ times $c$. The minimum stays where it is.
# Keep the learning rate and change $c$. Which method notices?

# %%
curvature, start = np.array([1.0, 100.0]), np.array([-4.0, 1.0])
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, (name, lr) in zip(axes, [("SGD", 0.015), ("Adam", 0.2)], strict=True):
    for c, dash, width in [(0.001, ":", 4), (1, "-", 2), (1000, "--", 1.5)]:
        path = walk(methods[name], lambda x, c=c: c * curvature * x, start, 120, lr)
        loss = 0.5 * np.clip(path, -1e3, 1e3) ** 2 @ curvature
        ax.plot(loss, dash, color=plots.color(name), linewidth=width, label=f"c = {c:g}")
    ax.set(yscale="log", ylim=(1e-5, 1e4), xlabel="step")
    ax.legend(loc="upper right")
axes[0].set(ylabel="loss / c", title="SGD: crawls, works, explodes")
axes[1].set(title="Adam: three curves, one on the other")
plt.show()


# %% [markdown]
# **Takeaway.** SGD's learning rate has the units of the problem in it; Adam's is a length in parameter space.
# That is why one default, $10^{-3}$, serves many networks.

# %% [markdown]
# ### Five paths down a valley
#
# The same valley, once along the axes and once turned by 45°.
# Each method gets the learning rate that is best for it there.
# We count the steps until the loss stays below a thousandth of its start.
# Turning the valley changes nothing for SGD. For whom does it?

# %%
def valley(degrees, kappa=100.0):
    """The Hessian (2, 2) of a valley with curvatures 1 and kappa along turned axes, and the start, turned with it."""
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return turn @ np.diag([1.0, kappa]) @ turn.T, turn @ np.array([-4.0, 1.0])


def steps_needed(step, hessian, start, lr, n_steps=500):
    """After how many steps the loss stays below a thousandth of its start; n_steps + 1 if never."""
    path = walk(step, lambda x: hessian @ x, start, n_steps, lr).clip(-1e9, 1e9)
    loss = np.sum(path @ hessian * path, axis=1)
    above = np.flatnonzero(~(loss < 1e-3 * loss[0]))
    return int(above[-1]) + 1


valleys = {"along the axes": valley(0), "turned by 45°": valley(45)}
rates = 10 ** np.arange(-3, 0.6, 0.125)
needed, best_rate = {}, {}
for where, (hessian, start) in valleys.items():
    for name, step in methods.items():
        counts = [steps_needed(step, hessian, start, lr) for lr in rates]
        needed[where, name], best_rate[where, name] = min(counts), rates[np.argmin(counts)]

for where in valleys:
    print(f"{where:15}", *(f"{name} {needed[where, name]:<5}" for name in methods))

# %%
fig, axes = plt.subplots(2, 1, figsize=(8.5, 7.4), layout="constrained")
titles = ["Along the axes: rescaling the coordinates undoes the valley", "Turned by 45°: there is nothing to rescale"]
for ax, title, (where, (hessian, start)) in zip(axes, titles, valleys.items(), strict=True):
    paths = {}
    for name, step in methods.items():
        n_steps = min(needed[where, name], 60)
        paths[f"{name} ({needed[where, name]} steps)"] = walk(step, lambda x, h=hessian: h @ x, start, n_steps, best_rate[where, name])
    reach = ((-4.6, 2.2), (-1.5, 1.5)) if where == "along the axes" else ((-4.6, 2.2), (-4, 2))
    plots.contours(lambda x, y, h=hessian: 0.5 * (h[0, 0] * x**2 + 2 * h[0, 1] * x * y + h[1, 1] * y**2), *reach, paths,
                   title, minimum=(0, 0), ax=ax)  # fmt: skip
plt.show()

# %% [markdown]
# (Drawn are at most 60 steps.)
#
# **Takeaway.** Adaptive methods rescale *coordinates*.
# Along the axes that undoes the valley, and Adagrad is down in a handful of steps.
# Turned by 45° both coordinates look alike, nothing is left to rescale, and Adam lives on its momentum.

# %% [markdown]
# ### AdamW in one line
#
# Two parameters start at 1: one has loud noise for a gradient (standard deviation 10), one has none at all. Both are to decay.
# L2 adds `decay * theta` to the gradient; AdamW shrinks theta and leaves the gradient alone.
# Which parameter will L2 shrink more?

# %%
rng = np.random.default_rng(0)
lr, decay = 1e-3, 0.1
l2, l2_m, l2_v = np.ones(2), np.zeros(2), np.zeros(2)
w, w_m, w_v = np.ones(2), np.zeros(2), np.zeros(2)
for t in range(1, 2001):
    grad = np.array([10 * rng.normal(), 0.0])
    l2, l2_m, l2_v = adam_step(l2, grad + decay * l2, l2_m, l2_v, t, lr)  # Adam + L2
    w, w_m, w_v = adam_step((1 - lr * decay) * w, grad, w_m, w_v, t, lr)  # AdamW
print(f"no gradient:   Adam + L2 {l2[1]:.2f}   AdamW {w[1]:.2f}")
print(f"loud gradient: Adam + L2 {l2[0]:.2f}   AdamW {w[0]:.2f}")
print(f"what plain decay leaves: {(1 - lr * decay) ** 2000:.2f}")

# %% [markdown]
# In Adam + L2 the decay goes through the division by $\sqrt{\hat v}$ too.
# The quiet parameter is pulled to zero with steps of lr, the loud one hardly at all.
# AdamW shrinks both alike, noise aside; question 11 has you write it.

# %% [markdown]
# ## Folklore on trial
#
# ### "Without the correction Adam's first steps are too small"
#
# $m$ starts at zero, so it *sounds* right. Measure the first uncorrected step for four pairs of betas.

# %%
first = {}
for b1, b2 in [(0.9, 0.999), (0.9, 0.95), (0.9, 0.9), (0.99, 0.999)]:
    zero = np.zeros(1)
    _, m, v = adam_step(zero, np.ones(1), zero, zero, 1, 1.0, b1, b2)
    first[b1, b2] = (m / np.sqrt(v))[0]

ruling = trial(
    "without bias correction the first step is too small",
    {f"β1 = {b1}, β2 = {b2}: {length:.2f} lr": length < 0.99 for (b1, b2), length in first.items()},
    only_if="1 − β1 < √(1 − β2)",
)
assert ruling == "holds only if 1 − β1 < √(1 − β2)"
ruling

# %% [markdown]
# With the defaults it is the other way round.
# Say: *uncorrected, the first step is 3.16 times too large, because v is more biased than m*.
#
# ### "The first step has length lr, whatever the gradient"
#
# And does it matter whether eps is 1e-8 or 10e−8, or where it stands?
# Draw the length of the first step for gradients from $10^{-12}$ to 1.

# %%
size = np.logspace(-12, 0, 200)
zero = np.zeros_like(size)


def first_step(eps):
    return -adam_step(zero, size, zero, zero, 1, 1.0, 0.9, 0.999, eps)[0]


fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
ax.plot(size, first_step(1e-8), color=plots.color("right"), label="√v̂ + 1e-8, the definition")
ax.plot(size, first_step(10e-8), "--", color=plots.color("adam"), label="√v̂ + 10e−8 (that is 1e-7)")
ax.plot(size, size / (size + 1e-8 / np.sqrt(1 - 0.999)), "-.", color=plots.color("momentum"), label="√v + 1e-8, rescaled step")
ax.plot(size, size / np.sqrt(size**2 + 1e-8), color=plots.color("wrong"), label="√(v̂ + 1e-8)")
ax.set(xscale="log", xlabel="size of the gradient", ylabel="length of the first step / lr", title="Where eps stands counts more than its value")
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** The step is half of lr where $|g|$ equals eps.
# Inside the root the same eps already bites at $\sqrt{10^{-8}}=10^{-4}$, ten thousand times earlier.

# %%
ruling = trial(
    "the first step has length lr, within 2 %",
    {f"|g| = {g:g}": abs(np.interp(g, size, first_step(1e-8)) - 1) < 0.02 for g in (1.0, 1e-3, 1e-6, 1e-8, 1e-12)},
    only_if="|g| is far above eps",
)
assert ruling == "holds only if |g| is far above eps"
ruling

# %% [markdown]
# Under a zero gradient Adam does not move at all: 0/(0 + eps).
#
# ### "eps is 10e−8"
#
# The paper's Algorithm 1 and torch say $10^{-8}$; $10\text{e}{-8}$ is $10^{-7}$. A slip of the pen. Does it matter?
# Walk 300 steps of the valley with either, at four scales of the gradient.

# %%
gaps = {}
for c in (1.0, 1e-3, 1e-7, 1e-9):
    ends = []
    for eps in (1e-8, 10e-8):
        theta, m, v = np.array([-4.0, 1.0]), np.zeros(2), np.zeros(2)
        for t in range(1, 301):
            theta, m, v = adam_step(theta, c * curvature * theta, m, v, t, 0.01, 0.9, 0.999, eps)
        ends.append(theta)
    gaps[c] = np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(ends[0])

ruling = trial(
    "eps = 10e−8 serves as well as 1e-8 (the same end within 1 %)",
    {f"gradients around {c:g}": gap < 0.01 for c, gap in gaps.items()},
    only_if="the gradients are far above 1e-7",
)
assert ruling == "holds only if the gradients are far above 1e-7"
ruling

# %% [markdown]
# ### "No step of Adam is longer than lr"
#
# The three stories from above, ruled.

# %%
ruling = trial(
    "no step is longer than lr",
    {f"{name}: {length:.2f} lr": length < 1.01 for name, length in longest.items()},
    only_if="the gradient does not grow suddenly",
)
assert ruling == "holds only if the gradient does not grow suddenly"
ruling


# %% [markdown]
# ### "Adam works better than the other adaptive methods"
#
# The valleys are one test. Here is another, after Reddi, Kale & Kumar (2018).
# On $[-1,1]$ most gradients are $-1$, but once in a period comes a large one, and *on average* the gradient is positive.
# The minimum is at $-1$. AMSGrad is Adam with one line more: it divides by the largest $v$ so far.

# %%
def online(n_steps, period, large, rate, amsgrad=False, **hyper):
    """The path of x on [−1, 1] from 0; rate(t) is the learning rate."""
    x, m, v, v_max = np.zeros((4, 1))
    path = []
    for t in range(1, n_steps + 1):
        grad = np.array([large if t % period == 1 else -1.0])
        moved, m, v = adam_step(x, grad, m, v, t, rate(t), **hyper)
        v_max = np.maximum(v_max, v)
        if amsgrad:
            moved = x - rate(t) * m / (np.sqrt(v_max) + 1e-8)
        x = np.clip(moved, -1, 1)
        path.append(x[0])
    return np.array(path)


# %%
ends = {}
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for name, amsgrad, tint in [("Adam", False, "adam"), ("AMSGrad", True, "right")]:
    paper = online(3000, 3, 3.0, lambda t: 0.5 / np.sqrt(t), amsgrad, beta1=0.0, beta2=0.1)
    default = online(20_000, 1000, 1100.0, lambda t: 0.02, amsgrad)
    ends[name] = paper[-1], default[-1000:].mean()
    axes[0].plot(paper[:300], color=plots.color(tint), label=name)
    axes[1].plot(default, color=plots.color(tint), label=name)
for ax, title in zip(axes, ("3, −1, −1, 3, …  (β1 = 0, β2 = 0.1)", "1100 once in 1000  (default betas)"), strict=True):
    ax.axhline(-1, color="0.5", linestyle=":")
    ax.set(xlabel="step", title=title)
axes[0].set(ylabel="x (the minimum is at −1)")
axes[1].set(xticks=range(0, 20_001, 5000))
axes[1].legend(loc="center right")
fig.suptitle("Adam walks to the worst point", x=0.01, ha="left")
plt.show()

# %% [markdown]
# On the right, how far does one gradient of 1100 move Adam, and how far the 999 gradients of $-1$ after it?

# %%
path = online(20_000, 1000, 1100.0, lambda t: 0.02)
bottom = path[4000:5000].min()  # the large gradient is that of path[4000]
print(f"one gradient of 1100: {(path[3999] - bottom) / 0.02:.0f} learning rates down")
print(f"999 gradients of −1:  {(path[4999] - bottom) / 0.02:.0f} learning rates up")

# %% [markdown]
# **Takeaway.** A large gradient raises its own divisor $\sqrt v$, so 1100 times the size buys a few dozen learning rates of way.
# Then $v$ fades, the small wrong gradients take longer and longer steps, and they win.
# AMSGrad's divisor never fades, so the sizes stay in proportion.

# %%
turned, aligned = ({name: needed[where, name] for name in ("Adagrad", "RMSprop", "Adam")} for where in ("turned by 45°", "along the axes"))
ruling = trial(
    "Adam works better than the other adaptive methods",
    {
        "valley turned by 45°: the fewest steps": min(turned, key=turned.get) == "Adam",
        "valley along the axes: the fewest steps": min(aligned, key=aligned.get) == "Adam",
        "Reddi's problem: ends at the minimum, as AMSGrad does": ends["Adam"][0] < -0.9,
        "rare large gradients, default betas: ends near the minimum": ends["Adam"][1] < -0.5,
    },
    only_if="the valley runs across the axes and no rare gradient decides",
)
assert ruling == "holds only if the valley runs across the axes and no rare gradient decides"
ruling


# %% [markdown]
# ### "Adam beats SGD"
#
# First on data made by Wilson et al. (2017, §3.3). Each of 60 samples has
#
# - feature 1: the label itself, +1 or −1;
# - features 2 and 3: always 1;
# - features of its own, 1 here and 0 in all other samples: one if the label is +1, five if it is −1.
#
# 36 samples are positive, 24 negative. Least squares with the full gradient, from zero.
# Both methods will fit all 60. With which weights?

# %%
def wilson(n, rng):
    """X (n, 3 + 5n) and y (n,) in {−1, 1}, 60 % of them 1."""
    y = rng.permutation(np.where(np.arange(n) < 0.6 * n, 1.0, -1.0))
    X = np.zeros((n, 3 + 5 * n))
    X[:, 0], X[:, 1:3] = y, 1
    for i in range(n):
        X[i, 3 + 5 * i : 3 + 5 * i + (1 if y[i] > 0 else 5)] = 1
    return X, y


X, y = wilson(60, np.random.default_rng(0))
found = {}
for name, lr, n_steps in [("SGD", 0.3, 4000), ("Adam", 0.01, 4000)]:
    found[name] = walk(methods[name], lambda w: X.T @ (X @ w - y) / len(y), np.zeros(X.shape[1]), n_steps, lr)[-1]
    w = abs(found[name][X.any(axis=0)])  # the weights of features that occur
    print(f"{name:4}  training loss {np.mean((X @ found[name] - y) ** 2):.6f}, weights of size {w.min():.2f} to {w.max():.2f}")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
for j, (name, w) in enumerate(found.items()):
    drawn = ax.bar(np.arange(3) + 0.38 * j - 0.19, w[:3], width=0.36, color=plots.color(name), label=name)
    ax.bar_label(drawn, fmt="{:.2f}")
ax.set(xticks=range(3), xticklabels=["feature 1: the label", "feature 2: always 1", "feature 3: always 1"], ylim=(0, 1.1),
       ylabel="weight", title="Both fit the training data; Adam trusts all three alike")
ax.legend()
plt.show()

# %% [markdown]
# Adam's first step from zero is lr for every coordinate, and it goes on like that until all weights are ±0.25.
# They fit: $4\cdot0.25=1$ for a positive sample, $-0.25+0.25+0.25-5\cdot0.25=-1$ for a negative one.
#
# A new sample's own features are unknown, so the three weights decide: score $=w_1y+w_2+w_3$.
# How many new samples does each method get wrong, if 40 % are negative?

# %%
y_new = np.repeat([1.0, -1.0], [600, 400])
test_error = {name: np.mean((w[0] * y_new + w[1] + w[2] > 0) != (y_new > 0)) for name, w in found.items()}
for name, error in test_error.items():
    print(f"{name:4}  error on new samples {error:.2f}")

# %% [markdown]
# **Takeaway.** The label itself is among the features, and Adam lets two constants outvote it: $-0.25+0.25+0.25>0$.
# Every negative sample is wrong. Of the many weights that fit, gradient descent from zero finds those of the smallest norm; Adam finds others.
#
# Now real data: a small network on 8×8 digits, against SGD with momentum.
# Once all pixels are in one unit, once each pixel is in a unit of its own (times a random factor between 1/30 and 30).
# What will the second do to either method?

# %%
X_train, y_train, X_test, y_test = data.digits()


def gradients(params, x, labels):
    """Gradient of the mean cross-entropy of a 64-32-10 ReLU network, one array per parameter."""
    W1, b1, W2, b2 = params
    hidden = np.maximum(x @ W1 + b1, 0)
    logits = hidden @ W2 + b2
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    p /= len(labels)
    back = p @ W2.T * (hidden > 0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ p, p.sum(axis=0)]


def accuracy_after(step, lr, unit, seed, epochs=6):
    """Train with mini-batches of 50; the share of test digits that are then recognised."""
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=(64, 32)) / np.sqrt(32), np.zeros(32), rng.normal(size=(32, 10)) / 4, np.zeros(10)]
    m, v, t = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params], 0
    for _ in range(epochs):
        for batch in rng.permutation(len(y_train) // 50 * 50).reshape(-1, 50):
            t += 1
            for i, grad in enumerate(gradients(params, X_train[batch] * unit, y_train[batch])):
                params[i], m[i], v[i] = step(params[i], grad, m[i], v[i], t, lr)
    W1, b1, W2, b2 = params
    return np.mean(np.argmax(np.maximum(X_test * unit @ W1 + b1, 0) @ W2 + b2, axis=1) == y_test)


# %%
rates, seeds = 10 ** np.arange(-3, 0.1, 0.5), range(3)
units = {"all pixels in one unit": np.ones(64), "each pixel in its own": 30 ** np.random.default_rng(0).uniform(-1, 1, 64)}
best, spread = {}, {}
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, (words, unit) in zip(axes, units.items(), strict=True):
    for name in ("momentum", "Adam"):
        with np.errstate(all="ignore"):
            accuracy = np.array([[accuracy_after(methods[name], lr, unit, seed) for seed in seeds] for lr in rates])
        mean = accuracy.mean(axis=1)
        best[words, name], spread[words, name] = mean.max(), accuracy[np.argmax(mean)].std()
        ax.plot(rates, mean, "o-", color=plots.color(name), label=f"{name}: {mean.max():.2f}")
        ax.fill_between(rates, accuracy.min(axis=1), accuracy.max(axis=1), color=plots.color(name), alpha=0.2)
    ax.set(xscale="log", xlabel="learning rate")
axes[0].set(ylabel="test accuracy after 6 epochs", title="All pixels in one unit: a tie within the spread")
axes[1].set(title="Each pixel in its own: Adam")
axes[0].legend(loc="lower center", title="at the best rate")
axes[1].legend(loc="lower left", title="at the best rate")
plt.show()


# %% [markdown]
# (Bands: from the worst to the best of three seeds.)
#
# **Takeaway.** In one unit, tuned against tuned, it is a tie.
# In mixed units one global rate cannot serve all pixels, and Adam's rate per coordinate can.

# %%
def wins(words):
    """Is Adam's best more than a point, and more than the seeds' spread, above the best of SGD with momentum?"""
    return best[words, "Adam"] - best[words, "momentum"] > max(0.01, spread[words, "Adam"] + spread[words, "momentum"])


ruling = trial(
    "Adam beats SGD on new data",
    {
        "digits, all pixels in one unit": wins("all pixels in one unit"),
        "digits, each pixel in a unit of its own": wins("each pixel in its own"),
        "Wilson's data": test_error["Adam"] < test_error["SGD"],
    },
    only_if="the coordinates come in different scales",
)
assert ruling == "holds only if the coordinates come in different scales"
ruling

# %% [markdown]
# Sentences that survive a follow-up:
# *Adam's rate does not depend on the scale of the loss, so it gets going with little tuning, above all where coordinates differ in scale.
# Tuned, SGD with momentum is often as good on new data, and sometimes better. I would try both.*

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adam keeps two running means, entry by entry: of the gradient with β1 = 0.9, of its square with β2 = 0.999.
# Both start at zero, so their expectation is 1 − βᵗ times the true moment; I divide that out.
# Then θ moves by lr times m̂ over √v̂ plus eps.
# Without the correction the first step would be 3.16 times too long, because v is more biased than m.
# The step is about lr whatever the gradient's scale, so Adam needs little tuning; well-tuned SGD with momentum can generalise as well or better."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the five lines: two moments, two corrections, the step; eps stands outside the root, after the correction.
# - Unroll $m_t=(1-\beta_1)\sum_i\beta_1^{t-i}g_i$, take the expectation, sum the geometric series: $1-\beta_1^t$. The same for $v$ with $g^2$.
# - First step: $\eta\,\mathrm{sign}(g)$ with the correction, $3.16\,\eta$ without, and at its worst 6.6 times too long at step 12.
# - Scale: multiply the loss by $c$ and nothing changes. Steps are about lr, shorter where signs disagree, longer (up to 7.27 lr) when gradients suddenly grow.
# - What it rescales is *coordinates*: strong when they differ in scale or are sparse, no help when the valley runs at 45°.
# - Where it fails: Reddi's problem of rare large gradients (AMSGrad keeps the largest $v$), Wilson's data (fits, and errs on new samples).
# - Price: two extra numbers per parameter. Weight decay belongs outside the gradient: AdamW.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Adam or SGD?</summary>
#
# Adam (AdamW) where scales differ between coordinates or gradients are sparse, and where nobody has time to tune.
# SGD with momentum where a good schedule is known, as for convolutional networks on images; it needs half the state and often generalises as well or better.
# Rankings depend on how much each was tuned, so say "I would compare both, each with its own learning rate".
#
# </details>
#
# <details><summary>"SGD keeps one learning rate during the whole training": right?</summary>
#
# Only without a schedule, and the usual recipes have one.
# What is true is that SGD has one rate for all *coordinates* at a time.
# Adam wants a schedule too: its steps stay about lr long, so near a minimum it hovers at a distance that lr sets.
#
# </details>
#
# <details><summary>Is Adam just RMSprop plus momentum?</summary>
#
# That is the idea, not the algorithm.
# Adam averages plain gradients and divides the mean by $\sqrt{\hat v}$; torch's RMSprop with momentum accumulates gradients that are divided already, and corrects nothing.
# And *moment* is not *momentum*: $m$ and $v$ estimate the first and second moment, the second uncentred, so $v$ is no variance.
#
# </details>
#
# <details><summary>What does AMSGrad change?</summary>
#
# It divides by the largest $v$ seen so far, so the effective rate never rises again, and Reddi's counter-example is cured.
# The price: one huge early gradient slows it for ever.
# (torch keeps the largest raw $v$ and applies the correction afterwards.)
#
# </details>
#
# <details><summary>How does Adam treat sparse gradients?</summary>
#
# A zero is a gradient like any other: $m$ and $v$ fade, and θ goes on moving on what is left in $m$.
# A gradient that comes once in $P$ steps finds $\sqrt v\approx|g|/\sqrt P$, so each one moves its parameter about $\sqrt P$ learning rates: rare features count more.
# For large embeddings the dense update of all rows is wasteful; lazy variants (torch's SparseAdam) touch only the rows that have a gradient, which is a slightly different algorithm.
#
# </details>
#
# <details><summary>What does Adam cost in memory?</summary>
#
# Two more numbers for each parameter, $m$ and $v$; momentum needs one, plain SGD none.
# In float32 that is 8 bytes more for each weight of 4 bytes.
# ResNet-50's 25.6 million parameters: 102 MB of weights, and 205 MB of state beside them.
#
# </details>
#
# <details><summary>AdamW in one line?</summary>
#
# Shrink the weights by $1-\eta\lambda$ first, then take an Adam step with the plain gradient; in L2 the decay would pass through the division by $\sqrt{\hat v}$.
#
# </details>
#
# <details><summary>Why is β2 so much closer to 1 than β1?</summary>
#
# The window is about $1/(1-\beta)$ steps: 10 for the direction, which must follow the path, 1000 for the scale, which should be steady.
# It also keeps $\beta_1^2<\beta_2$, which the bound on the step needs.
# A smaller β2 reacts faster when gradients jump; GPT-3 and its followers took 0.95.
#
# </details>
#
# <details><summary>What is ε̂?</summary>
#
# The paper's cheaper order of work (§2) puts both corrections into the rate, $\eta\sqrt{1-\beta_2^t}/(1-\beta_1^t)$, and divides by $\sqrt{v_t}+\hat\varepsilon$.
# The same number is then a larger eps: $1/\sqrt{1-\beta_2}=32$ times in the first step.
# TensorFlow's `epsilon` is this one, with the default $10^{-7}$; torch's is the one of Algorithm 1.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The correction makes the first steps larger." With the defaults it makes them smaller.
# - "$v$ is the variance of the gradient." It is the uncentred second moment.
# - "Adam has no learning rate to tune." Its steps are about lr long, so lr still decides.
# - Returning $\hat m$ and $\hat v$ as the state, or starting at $t=0$.
# - "eps is 10e−8, under the root."
# - "Adam always converges", or "Adam always generalises worse". Both have counter-examples above.

# %% [markdown]
# ## References
#
# - D. P. Kingma, J. Ba. *Adam: A Method for Stochastic Optimization.* ICLR 2015. Algorithm 1 and the reordered form in §2, the step's size in §2.1, the bias in §3.
# - S. J. Reddi, S. Kale, S. Kumar. *On the Convergence of Adam and Beyond.* ICLR 2018. §3: the problem on $[-1,1]$; AMSGrad.
# - A. C. Wilson, R. Roelofs, M. Stern, N. Srebro, B. Recht. *The Marginal Value of Adaptive Gradient Methods in Machine Learning.* NIPS 2017. §3.3: the data used here.
# - I. Loshchilov, F. Hutter. *Decoupled Weight Decay Regularization.* ICLR 2019: AdamW.
# - T. B. Brown et al. *Language Models are Few-Shot Learners.* NeurIPS 2020. Appendix B: β2 = 0.95.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* 2016. §4.
# - PyTorch documentation of `torch.optim.Adam`: defaults, `amsgrad`, and the form that the check compares with.
