# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Adadelta: how does it do without a learning rate?
#
# *Adadelta 如何改进 Adagrad,为什么不需要学习率?*

# %% [markdown]
# ## Question
#
# "How does Adadelta improve on Adagrad?
# What takes the place of the learning rate, and why does the step then have the right units?
# Is there really nothing left to tune?"
#
# "Adadelta 如何改进 Adagrad?它用什么代替学习率,单位为什么一致?真的没有什么要调了吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Forgetting.** A running mean of squared gradients in place of Adagrad's sum, so the step does not fade.
# - **The numerator.** The RMS of the *earlier changes* of θ is in the place of η.
# - **Units.** You can argue why SGD's step has the wrong units and Newton's the right ones.
# - **Two states, one order.** Gradient average, step, change average.
# - **The role of eps.** Nothing moves without it, and it sets the size of the steps.

# %% [markdown]
# ## The idea
#
# Adagrad divides by the root of the sum of all squared gradients (question 07).
# Zeiler (2012) wanted two things: a window in place of the sum, and no global rate.
# His Algorithm 1, entry by entry, from $G_0=D_0=0$:
#
# $$
# \begin{aligned}
# G_t&=\rho\,G_{t-1}+(1-\rho)\,g_t^2 &&\text{running mean of squared gradients}\\
# \Delta_t&=\frac{\sqrt{D_{t-1}+\varepsilon}}{\sqrt{G_t+\varepsilon}}\;g_t &&\text{the change}\\
# D_t&=\rho\,D_{t-1}+(1-\rho)\,\Delta_t^2 &&\text{running mean of squared changes}\\
# \theta_t&=\theta_{t-1}-\Delta_t
# \end{aligned}
# $$
#
# With $\mathrm{RMS}[x]=\sqrt{\text{running mean of }x^2+\varepsilon}$ the second line reads $\Delta_t=\dfrac{\mathrm{RMS}[\Delta]_{t-1}}{\mathrm{RMS}[g]_t}\,g_t$.
#
# **The order is forced.** $G$ comes first, so that the gradient is measured against itself.
# $D$ comes last: the numerator cannot contain $\Delta_t$, which is being computed. So it lags one step behind.

# %% [markdown]
# ### Zeiler's argument from units
#
# Let θ have the unit $[\theta]$ and the loss the unit $[f]$. A change of θ must have the unit $[\theta]$.
#
# | method | the step is proportional to | its unit | so η must carry |
# |---|---|---|---|
# | SGD | $g=\partial f/\partial\theta$ | $[f]/[\theta]$ | $[\theta]^2/[f]$ |
# | Adagrad, RMSprop | $g/\sqrt G$ | 1 | $[\theta]$: η is a length |
# | Newton | $f'/f''$ | $[\theta]$ | nothing |
#
# Solve Newton's step $\Delta=f'/f''$ for the rate: $1/f''=\Delta/f'$, a change over a gradient. Zeiler takes the typical size of both, from the past:
#
# $$
# \frac{1}{f''}\;\approx\;\frac{\mathrm{RMS}[\Delta]_{t-1}}{\mathrm{RMS}[g]_t}
# \qquad\Longrightarrow\qquad
# \boxed{\;\Delta_t=\frac{\mathrm{RMS}[\Delta]_{t-1}}{\mathrm{RMS}[g]_t}\;g_t\;}\quad\text{with the unit }[\theta].
# $$
#
# One flaw: the same number ε is added to a square of changes and to a square of gradients.
#
# ### The first step comes from ε
#
# At $t=1$ we have $D_0=0$ and $G_1=(1-\rho)g_1^2$:
#
# $$
# \Delta_1=\frac{\sqrt{0+\varepsilon}}{\sqrt{(1-\rho)\,g_1^2+\varepsilon}}\;g_1
# \;\approx\;\boxed{\;\sqrt{\frac{\varepsilon}{1-\rho}}\;\operatorname{sign}(g_1)\;}
# \qquad\text{for } (1-\rho)\,g_1^2\gg\varepsilon .
# $$
#
# The size of the gradient cancels, and ε alone is left.
# Without ε above, $\Delta_1=0$, then $D_1=0$, and nothing ever moves.

# %% [markdown]
# ### The later steps scale with $\sqrt\varepsilon$ too
#
# Drop the ε below (large gradients), put $\Delta_t$ into the line of $D_t$, write $D_t=\varepsilon\,d_t$ and divide by ε: $\;d_t=\rho\,d_{t-1}+(1-\rho)(d_{t-1}+1)\,g_t^2/G_t$ with $d_0=0$.
# There is no ε left in it. With $D_{t-1}+\varepsilon=\varepsilon\,(d_{t-1}+1)$ the step is
#
# $$
# \Delta_t=\sqrt{\varepsilon}\;\cdot\;\sqrt{d_{t-1}+1}\;\frac{g_t}{\sqrt{G_t}} .
# $$
#
# **For the same large gradients every step is proportional to $\sqrt\varepsilon$, not only the first.** $\sqrt\varepsilon$ does what η did.
#
# For a steady gradient $G_t\to g^2$, so in the end $d_t=d_{t-1}+(1-\rho)$.
# The step grows like $\sqrt{\varepsilon\,(1-\rho)\,t}$, where Adagrad's falls like $1/\sqrt t$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# One step: take the parameters, the gradient and both averages; return the new parameters and the new averages.
# All are arrays of one shape, any shape.
# `eps` is inside both roots. There is no learning rate.
# Return new arrays and leave the arguments as they were.

# %%
def adadelta_step(theta, grad, avg_sq_grad, avg_sq_delta, rho=0.9, eps=1e-6):
    """theta, grad, avg_sq_grad, avg_sq_delta (…) -> (theta, avg_sq_grad, avg_sq_delta), each (…), all new.

    The change uses the *new* avg_sq_grad and the *old* avg_sq_delta; eps inside both roots; no learning rate.
    """
    # BEGIN SOLUTION
    avg_sq_grad = rho * avg_sq_grad + (1 - rho) * grad**2
    delta = np.sqrt(avg_sq_delta + eps) / np.sqrt(avg_sq_grad + eps) * grad
    avg_sq_delta = rho * avg_sq_delta + (1 - rho) * delta**2
    return theta - delta, avg_sq_grad, avg_sq_delta
    # END SOLUTION

# %%
check(adadelta_step)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: four lines, one order</summary>
#
# Gradient average, change, change average, parameters.
# Which of the two averages in the second line is new, and which is still the old one?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what goes where</summary>
#
# Changes above, gradients below: that is what makes the units right.
# Both roots have `eps` inside.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `delta = np.sqrt(avg_sq_delta + eps) / np.sqrt(avg_sq_grad + eps) * grad`, with the new `avg_sq_grad` and the old `avg_sq_delta`.
# Then `avg_sq_delta = rho * avg_sq_delta + (1 - rho) * delta**2`.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(adadelta_step)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* step that runs.

# %%
def walk(grad_fn, theta, n_steps, avg_sq_grad=0.0, avg_sq_delta=0.0, **hyper):
    """n_steps of your Adadelta; grad_fn takes theta and the step's number. Path (n_steps + 1, d), averages (n_steps, 2, d)."""
    theta = np.array(theta, dtype=float)
    g2, d2 = np.full_like(theta, avg_sq_grad), np.full_like(theta, avg_sq_delta)
    path, averages = [theta], []
    for t in range(n_steps):
        theta, g2, d2 = adadelta_step(theta, grad_fn(theta, t), g2, d2, **hyper)
        path.append(theta)
        averages.append((g2, d2))
    return np.array(path), np.array(averages)

# %% [markdown]
# ### The first step
#
# Six parameters, six gradients from 10 000 down to 0. With the defaults, $\sqrt{\varepsilon/(1-\rho)}=\sqrt{10^{-6}/0.1}=0.00316$.
# Which of them will move by that?

# %%
sizes = np.array([1e4, 1.0, 1e-2, 1e-3, 1e-4, 0.0])
for rho, eps in [(0.9, 1e-6), (0.95, 1e-6), (0.9, 1e-4)]:
    lengths = abs(walk(lambda x, t: sizes, np.zeros(6), 1, rho=rho, eps=eps)[0][1])
    print(f"ρ = {rho:<4}, eps = {eps:g}: formula {np.sqrt(eps / (1 - rho)):.5f}   measured", " ".join(f"{length:.5f}" for length in lengths))

# %% [markdown]
# All whose gradient is well above $\sqrt{\varepsilon/(1-\rho)}$. Well below it the two roots cancel, and the step is $g$ itself: SGD with rate 1.
#
# ### The steps after the first
#
# A steady gradient, three values of eps, and gradients of 1 and of 1000.
# Do the curves meet after a while?

# %% tags=["hide-input"]
steps = np.arange(1, 10_001)
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for eps, tint in [(1e-4, "wrong"), (1e-6, "adadelta"), (1e-8, "adam")]:
    for g, dash, width in [(1.0, "-", 3), (1000.0, ":", 1.6)]:
        path, _ = walk(lambda x, t, g=g: np.array([g]), [0.0], 10_000, eps=eps)
        label = f"eps = {eps:g}" if g == 1 else None
        ax.plot(steps, -np.diff(path[:, 0]), dash, color=plots.color(tint) if g == 1 else "white", linewidth=width, label=label)
    ax.plot(1, np.sqrt(eps / 0.1), "o", color=plots.color(tint))
    ax.plot(steps[300:], np.sqrt(eps * 0.1 * steps[300:]), "--", color="0.4", linewidth=1)
ax.text(900, 4e-2, "dashed: √(eps · 0.1 · t)", color="0.3")
ax.set(xscale="log", yscale="log", xlabel="step $t$ (steady gradient)", ylabel="length of the step", title="√eps sets the scale of all steps, not only of the first")
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# (Solid: gradient 1. White dots on it: gradient 1000, the same to the eye. Discs: $\sqrt{\varepsilon/(1-\rho)}$.)
#
# **Takeaway.** The curves do not meet: a hundred times the eps means ten times the step, over all 10 000 steps.
# Between 1 and 1000 the size of the gradient does not matter.

# %% [markdown]
# ### One bowl, five values of eps
#
# Now $x^2/2$ from $x=1$, where the gradient answers to what we do.
# The minimum is a distance of 1 away. How many steps will each eps need?

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.9), layout="constrained")
for eps, tint in [(1e-2, "nesterov"), (1e-4, "momentum"), (1e-6, "adadelta"), (1e-8, "adam"), (1e-10, "nadam")]:
    path, _ = walk(lambda x, t: x, [1.0], 1500, eps=eps)
    ax.plot(np.maximum(abs(path[:, 0]), 1e-7), color=plots.color(tint), label=f"{eps:g}")
ax.set(yscale="log", ylim=(1e-6, 2), xlabel="step", ylabel="distance to the minimum", title="Adadelta's pace is a matter of eps")
ax.legend(title="eps", loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** eps alone decides between a few steps and more than the 1500 of this figure. And ρ?

# %%
print("steps until |x| < 0.01   " + "  ".join(f"eps = {eps:<6g}" for eps in (1e-8, 1e-6, 1e-4)))
for rho in (0.9, 0.95, 0.99):
    counts = []
    for eps in (1e-8, 1e-6, 1e-4):
        path, _ = walk(lambda x, t: x, [1.0], 3000, rho=rho, eps=eps)
        counts.append(np.flatnonzero(abs(path[:, 0]) > 0.01)[-1] + 1)
    print(f"ρ = {rho:<4}                 " + "  ".join(f"{count:<12}" for count in counts))

# %% [markdown]
# Whether ρ is 0.9 (torch; Ruder's "around 0.9") or 0.95 changes the count by about a fifth at most; a hundred times the eps divides it by about five.

# %% [markdown] tags=["deeper"]
# ### Deeper: Adagrad fades, Adadelta recovers
#
# Adagrad in plain code, with lr = 0.1, beside your Adadelta.
# Left, a steady gradient. Right, the bowl $x^2/2$ from 1, with ±1000 added to each of the first ten gradients.

# %% tags=["deeper", "hide-input"]
def adagrad_walk(grad_fn, theta, n_steps, lr=0.1):
    theta = np.array(theta, dtype=float)
    path, total = [theta], np.zeros_like(theta)
    for t in range(n_steps):
        grad = grad_fn(theta, t)
        total = total + grad**2
        theta = theta - lr * grad / (np.sqrt(total) + 1e-10)
        path.append(theta)
    return np.array(path)


def after_burst(x, t):
    return x + 1000 * (-1.0) ** t * (t < 10)

# %% tags=["deeper", "hide-input"]
steady = {"Adagrad": adagrad_walk(lambda x, t: np.ones(1), [0.0], 10_000), "Adadelta": walk(lambda x, t: np.ones(1), [0.0], 10_000)[0]}
burst = {"Adagrad": adagrad_walk(after_burst, [1.0], 1000), "Adadelta": walk(after_burst, [1.0], 1000)[0]}
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name in steady:
    dash = "--" if name == "Adadelta" else "-"
    axes[0].plot(steps, abs(np.diff(steady[name][:, 0])), dash, color=plots.color(name), label=name)
    axes[1].plot(burst[name][:, 0], dash, color=plots.color(name), label=name)
axes[0].set(xscale="log", yscale="log", xlabel="step $t$", ylabel="length of the step", title="Steady gradient: fading and growing")
axes[1].set(xlabel="step", ylabel="x (the minimum is at 0)", ylim=(-0.05, 1.1), title="After a burst: only one recovers")
axes[1].legend(loc="center right")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** The burst leaves a sum of ten million in Adagrad for good; in Adadelta it fades by a factor of 0.9 in each step, and after some 150 steps it is gone.
# The price: nothing makes the step fall, so with gradient noise θ goes on moving, unless eps or torch's lr is lowered.

# %% [markdown]
# ## Folklore on trial
#
# ### "It needs no learning rate"
#
# If so, no constant may need to fit the problem. Walk 2000 steps down the bowl $h\,x^2/2$ from a distance $s$. A success: the distance has shrunk to a hundredth, and stays there in the last 100 steps.
# The condition, from the derivation: the way is not too long for steps of size $\sqrt\varepsilon$. And the curvature is below 2, for near the minimum both roots become $\sqrt\varepsilon$ and the rate tends to 1, the limit of gradient descent for $h=2$.

# %%
def succeeds(start, h, eps):
    path, _ = walk(lambda x, t: h * x, [start], 2000, eps=eps)
    return bool(np.all(abs(path[-100:]) < 0.01 * start))


trial(
    "Adadelta needs no tuning: it reaches the minimum",
    succeeds,
    over=settings(start=[0.1, 1.0, 100.0], h=[0.5, 1, 10], eps=[1e-10, 1e-6]),
    held_out=settings(start=[0.3, 2.0, 8.0, 50.0], h=[0.7, 1.5, 5, 30], eps=[1e-9, 1e-5]),
    only_if=("√eps suits the problem: the way is below 5000 √eps, the curvature below 2", lambda start, h, eps: start < 5000 * np.sqrt(eps) and h < 2),
    expect="holds only if √eps suits the problem: the way is below 5000 √eps, the curvature below 2",
)

# %% [markdown]
# Say: *there is no η in the formula, but √eps sets the length of the steps. And torch adds an lr all the same.*
#
# ### "The units match"
#
# Rescaling the loss first: the change is a ratio of gradients, so a factor on the loss cancels as long as gradients are far above $\sqrt\varepsilon$.
# Now measure θ in other units, $z=s\,x$. The loss is the same, so its gradient is $s$ times smaller.
# If the units match, the path in $z$ is $s$ times the path in $x$. Started from zero averages, or from averages that have a value already, with the right unit each. Within 0.1 %? Within 1 %?

# %%
def units_match(s, eps, running):
    g2, d2 = (1.0, 1e-4) if running else (0.0, 0.0)
    in_x, _ = walk(lambda x, t: x, [1.0], 100, g2, d2, eps=eps)
    in_z, _ = walk(lambda z, t: z / s**2, [s], 100, g2 / s**2, d2 * s**2, eps=eps)
    gap = np.max(abs(in_z / s - in_x)) / np.ptp(in_x)
    return bool(gap < 1e-3), bool(gap < 1e-2)


trial(
    "a change of θ's unit changes nothing",
    units_match,
    over=settings(s=[30.0, 1000.0], eps=[1e-4, 1e-12, 1e-15], running=[False, True]),
    held_out=settings(s=[10.0, 100.0, 300.0], eps=[1e-3, 1e-13, 1e-16], running=[False, True]),
    only_if=("the averages are running and far above eps in both units", lambda s, eps, running: running and eps * s**2 < 1e-5),
    expect="holds only if the averages are running and far above eps in both units",
)

# %% [markdown]
# From zero averages it held in no run, however small eps was: $\sqrt\varepsilon$ is then the only length there is, and it stays the same number when the unit of θ changes.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adadelta replaces Adagrad's growing sum by a running mean of squared gradients, so the step doesn't fade.
# And it replaces the learning rate by the RMS of its own earlier changes, which gives the step the unit of the parameters, as in Newton's method.
# But both averages start at zero, so epsilon makes the first step, and for large gradients it scales all later ones.
# The learning rate isn't gone: root epsilon plays its part."
#
# ### 三十秒回答
#
# "Adadelta 把 Adagrad 的累加和换成梯度平方的滑动平均,步长不再衰减到零;
# 再用以往更新量的均方根代替学习率,这样更新量的单位和参数一致,跟牛顿法一样。
# 但它从零起步,第一步由 ε 决定;梯度较大时,之后每一步也都正比于 √ε。
# 所以学习率并没有消失,只是换成了 √ε。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the four lines in order: $G$, $\Delta$ from the old $D$ and the new $G$, $D$, θ. eps inside both roots.
# - Units: SGD $[f]/[\theta]$, Adagrad 1, Newton $[\theta]$. From Newton, $1/f''=\Delta/f'$; take the RMS of both.
# - First step $\sqrt{\varepsilon/(1-\rho)}$, 0.00316 with torch's defaults, whatever the gradient.
# - For given large gradients *every* step is proportional to $\sqrt\varepsilon$; for a steady gradient steps grow like $\sqrt{\varepsilon(1-\rho)t}$.
# - Invariant to the scale of the loss while gradients are far above $\sqrt\varepsilon$. Not invariant to the unit of θ: eps carries that unit.
# - It recovers from a burst that leaves Adagrad with tiny steps; near a minimum of curvature above 2 it does not settle.
# - torch has lr = 1.0, ρ = 0.9, eps = 1e-6. Price: two numbers more for each parameter.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Then why does torch have an `lr`?</summary>
#
# It multiplies the change on its way to θ: $\theta\leftarrow\theta-\text{lr}\cdot\Delta$. The default 1.0 is Zeiler's method.
# It does not enter $D$, which averages the unscaled $\Delta^2$. It allows a schedule, which the method lacks.
#
# </details>
#
# <details><summary>How is it related to RMSprop?</summary>
#
# The denominator is the same, up to the place of ε. RMSprop has η above where Adadelta has $\mathrm{RMS}[\Delta]$ (question 09). The two were found independently at about the same time.
#
# </details>
#
# <details><summary>Why the change of the step before, and not of this one?</summary>
#
# $\Delta_t$ is what the line computes; it is not there yet. Zeiler assumes that the curvature changes slowly, so that the last changes serve as well.
#
# </details>
#
# <details><summary>What if eps were left out above? Or below? Or very large?</summary>
#
# Above: the first change is 0, so $D$ stays 0, and θ never moves. Below: a parameter that has had no gradient divides 0 by 0.
# Very large: both roots become $\sqrt\varepsilon$ and cancel, which is plain gradient descent with rate 1.
#
# </details>
#
# <details><summary>Does the ratio estimate the diagonal of the inverse Hessian?</summary>
#
# It has its unit, and hardly more. For steady gradients the ratio is proportional to $1/|g|$, which is proportional to $1/f''$ only between coordinates that are equally far from the minimum. Its size comes from eps and the history. So do not call it a second-order method.
#
# </details>
#
# <details><summary>Would you use it today?</summary>
#
# Rarely. It promised less tuning, and for that I would start with Adam and a schedule. In old code that uses it I would sweep eps or torch's lr.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "There is nothing to tune." eps sets the length of the steps.
# - "eps only prevents a division by zero." Here it is also what starts the motion.
# - Putting the RMS of the current change above, or feeding $D$ with gradients.
# - Updating $G$ after the step: the first step would then be the gradient itself, $\sqrt\varepsilon/\sqrt\varepsilon\cdot g$.
# - "It approximates Newton." It has the same unit, not the same size.

# %% [markdown]
# ## References
#
# - M. D. Zeiler. *ADADELTA: An Adaptive Learning Rate Method.* arXiv 1212.5701, 2012. Algorithm 1 and the argument from units.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* 2016: Adadelta as the cure for Adagrad's fading rate, with the decay "around 0.9".
# - J. Duchi, E. Hazan, Y. Singer. *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization.* JMLR 12, 2011: Adagrad.
# - PyTorch documentation of `torch.optim.Adadelta`: lr = 1.0, rho = 0.9, eps = 1e-6, and the form that the check compares with.
