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
# What takes the place of the learning rate, and why has it the right units?
# Is there really nothing left to tune?"
#
# "Adadelta 如何改进 Adagrad?它用什么代替学习率,单位为什么一致?真的没有什么要调了吗?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Forgetting.** A running mean of squared gradients in place of Adagrad's sum, so the step does not fade.
# - **The numerator.** The RMS of the *earlier changes* of θ stands where η stood.
# - **Units.** You can argue, line by line, why SGD's step has the wrong units and Newton's the right ones.
# - **Two states, one order.** Gradient average, step, change average.
# - **Honesty about eps.** Nothing moves without it, and it sets the size of the steps.

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
# **SGD** moves along the gradient:
#
# $$
# \Delta\propto g=\frac{\partial f}{\partial\theta}\quad\text{has the unit}\quad\frac{[f]}{[\theta]}.
# $$
#
# With a loss that has no unit that is $1/[\theta]$: upside down. The rate η would have to carry $[\theta]^2/[f]$.
#
# **Adagrad and RMSprop** divide a gradient by the root of squared gradients:
#
# $$
# \frac{g}{\sqrt{G}}\quad\text{has the unit}\quad\frac{[f]/[\theta]}{[f]/[\theta]}=1 .
# $$
#
# The loss has dropped out, but η must carry $[\theta]$: it is a length.
#
# **Newton** divides by the second derivative:
#
# $$
# \Delta=\frac{f'}{f''}\quad\text{has the unit}\quad\frac{[f]/[\theta]}{[f]/[\theta]^2}=[\theta].
# $$
#
# Right, without any η. Solve Newton's step for the curvature:
#
# $$
# \Delta=\frac{1}{f''}\,f'\quad\Longrightarrow\quad\frac{1}{f''}=\frac{\Delta}{f'} .
# $$
#
# So a *rate* with the right unit is a change over a gradient.
# Zeiler takes the typical size of both, from the past:
#
# $$
# \frac{1}{f''}\;\approx\;\frac{\mathrm{RMS}[\Delta]_{t-1}}{\mathrm{RMS}[g]_t}
# \qquad\Longrightarrow\qquad
# \boxed{\;\Delta_t=\frac{\mathrm{RMS}[\Delta]_{t-1}}{\mathrm{RMS}[g]_t}\;g_t\;}
# \quad\text{with the unit}\quad\frac{[\theta]}{[f]/[\theta]}\cdot\frac{[f]}{[\theta]}=[\theta].
# $$

# %% [markdown]
# One flaw: the same number ε is added to a square of changes and to a square of gradients.
# It would need the unit $[\theta]^2$ above and $[f]^2/[\theta]^2$ below.
#
# ### Who takes the first step?
#
# At $t=1$ we have $D_0=0$ and $G_1=(1-\rho)g_1^2$:
#
# $$
# \Delta_1=\frac{\sqrt{0+\varepsilon}}{\sqrt{(1-\rho)\,g_1^2+\varepsilon}}\;g_1
# \;\approx\;\frac{\sqrt\varepsilon}{\sqrt{1-\rho}\,|g_1|}\;g_1
# =\boxed{\;\sqrt{\frac{\varepsilon}{1-\rho}}\;\operatorname{sign}(g_1)\;}
# \qquad\text{for } (1-\rho)\,g_1^2\gg\varepsilon .
# $$
#
# The size of the gradient cancels, and ε alone is left.
# Without ε above, $\Delta_1=0$, then $D_1=0$, and nothing ever moves.

# %% [markdown]
# ### And the steps after it?
#
# Let all gradients be so large that the ε below can be dropped. Put $\Delta_t$ into the line of $D_t$:
#
# $$
# D_t=\rho\,D_{t-1}+(1-\rho)\,(D_{t-1}+\varepsilon)\,\frac{g_t^2}{G_t}.
# $$
#
# Write $D_t=\varepsilon\,d_t$ and divide by ε: $\;d_t=\rho\,d_{t-1}+(1-\rho)(d_{t-1}+1)\,g_t^2/G_t$ with $d_0=0$.
# There is no ε left in it. And
#
# $$
# \boxed{\;\Delta_t=\sqrt{\varepsilon}\;\cdot\;\sqrt{d_{t-1}+1}\;\frac{g_t}{\sqrt{G_t}}\;}
# $$
#
# **Along the same gradients every step is proportional to $\sqrt\varepsilon$, not only the first.** $\sqrt\varepsilon$ stands where η stood.
#
# For a steady gradient $G_t\to g^2$, so in the end $d_t=d_{t-1}+(1-\rho)$.
# The step grows like $\sqrt{\varepsilon\,(1-\rho)\,t}$, where Adagrad's falls like $1/\sqrt t$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# One step: take the parameters, the gradient and both averages; return the new parameters and the new averages.
# All are arrays of one shape, any shape.
# `eps` stands inside both roots. There is no learning rate.
# Return new arrays and leave the arguments as they were.


# %%
def adadelta_step(theta, grad, avg_sq_grad, avg_sq_delta, rho=0.9, eps=1e-6):
    """theta, grad, avg_sq_grad, avg_sq_delta (…) -> (theta, avg_sq_grad, avg_sq_delta), each (…)."""
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
# All whose gradient is well above $\sqrt\varepsilon$. Below it the two roots cancel, and the step is $g$ itself: SGD with rate 1.
#
# ### The steps after the first
#
# A steady gradient, three values of eps, and gradients of 1 and of 1000.
# Do the curves meet after a while, when the method has "found its rate"?

# %%
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
# **Takeaway.** The curves never meet: a hundred times the eps means ten times the step, for ever.
# The size of the gradient has no say at all.
# With noisy gradients it is no different:

# %%
noise = 0.5 + np.random.default_rng(0).normal(size=(3000, 1))
for eps in (1e-10, 1e-8, 1e-6):
    path, _ = walk(lambda x, t: noise[t], [0.0], 3000, eps=eps)
    print(f"eps = {eps:g}: distance after 100, 1000, 3000 steps / √eps:", " ".join(f"{abs(path[t, 0]) / np.sqrt(eps):.1f}" for t in (100, 1000, 3000)))

# %% [markdown]
# ### One bowl, five values of eps
#
# Now $x^2/2$ from $x=1$, where the gradient answers to what we do.
# The minimum is a distance of 1 away. How many steps will each eps need?

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.9), layout="constrained")
for eps, tint in [(1e-2, "nesterov"), (1e-4, "momentum"), (1e-6, "adadelta"), (1e-8, "adam"), (1e-10, "nadam")]:
    path, _ = walk(lambda x, t: x, [1.0], 1500, eps=eps)
    ax.plot(np.maximum(abs(path[:, 0]), 1e-7), color=plots.color(tint), label=f"{eps:g}")
ax.set(yscale="log", ylim=(1e-6, 2), xlabel="step", ylabel="distance to the minimum", title="Adadelta's pace is a matter of eps")
ax.legend(title="eps", loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** From a handful of steps to "not in this figure", by eps alone. And ρ?

# %%
print("steps until |x| < 0.01   " + "  ".join(f"eps = {eps:<6g}" for eps in (1e-8, 1e-6, 1e-4)))
for rho in (0.9, 0.95, 0.99):
    counts = []
    for eps in (1e-8, 1e-6, 1e-4):
        path, _ = walk(lambda x, t: x, [1.0], 3000, rho=rho, eps=eps)
        counts.append(np.flatnonzero(abs(path[:, 0]) > 0.01)[-1] + 1)
    print(f"ρ = {rho:<4}                 " + "  ".join(f"{count:<12}" for count in counts))

# %% [markdown]
# Whether ρ is 0.9 (torch, Ruder) or 0.95 hardly matters; eps does.
# (That Zeiler took 0.95 and 1e-6 I have from implementations that name him, not from the paper itself.)

# %% [markdown]
# ### The two averages at work
#
# The ratio $\mathrm{RMS}[\Delta]/\mathrm{RMS}[g]$ is the effective rate. It should estimate $1/f''$.
# Three bowls $h\,x^2/2$ with curvature $h$ = 1, 10, 100. Newton's rate is $1/h$, and above $2/h$ gradient descent diverges.
# Where will the rates settle?

# %%
eps, rates, ends = 1e-6, {}, {}
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for h, tint in [(1, "adam"), (10, "adadelta"), (100, "wrong")]:
    path, averages = walk(lambda x, t, h=h: h * x, [1.0], 1500, eps=eps)
    rms_g, rms_delta = np.sqrt(averages[:, :, 0] + eps).T
    rates[h], ends[h] = rms_delta / rms_g, np.median(abs(path[-500:, 0]))
    axes[1].plot(rates[h], color=plots.color(tint), label=f"h = {h}")
    axes[1].axhline(2 / h, color=plots.color(tint), linestyle=":", linewidth=1.3)
    if h == 10:
        axes[0].plot(rms_g, color=plots.color("sgd"), label="RMS[g]")
        axes[0].plot(rms_delta, "--", color=plots.color("adadelta"), label="RMS[Δ]")
axes[0].axhline(np.sqrt(eps), color="0.5", linestyle=":")
axes[0].text(1500, 1.1e-3, "√eps", color="0.35", ha="right", va="bottom")
axes[0].set(yscale="log", xlabel="step", title="h = 10: the two roots")
axes[1].set(yscale="log", xlabel="step", title="Their ratio, the rate (dots: 2/h)")
for ax in axes:
    ax.legend(loc="upper right" if ax is axes[0] else "lower right")
plt.show()

# %%
for h in rates:
    print(f"h = {h:<3}  rate · h at step 100: {h * rates[h][99]:.4f}, at step 1500: {h * rates[h][-1]:.2f}   typical |x| at the end: {ends[h]:.3f}")

# %% [markdown]
# **Takeaway.** In proportion the rates are right: rate · $h$ is the same for all three on the way. In size they are 200 times below $1/h$.
# Near the minimum (step 400) the gradients sink to $\sqrt\varepsilon$, both roots become $\sqrt\varepsilon$, and the rate heads for 1.
# For $h=1$ that happens to be Newton's. For $h=10$ and $100$ it is beyond the edge $2/h$: $x$ swings out again, and the rate falls back to the edge and stays there.
#
# Why does it stay? In a steady swing every change is $\Delta=2x=\tfrac2h\,g$, so $D=\tfrac{4}{h^2}G$, and the rate confirms itself. eps tips the balance:
#
# $$
# \frac{\tfrac{4}{h^2}G+\varepsilon}{G+\varepsilon}>\frac{4}{h^2}
# \iff \varepsilon>\frac{4}{h^2}\,\varepsilon
# \iff h>2 .
# $$
#
# Above a curvature of 2 it pushes the rate over the edge, and the swing slowly grows; below 2 it dies.

# %% [markdown]
# ### Adagrad dies, Adadelta lives
#
# Adagrad in plain code, with lr = 0.1, beside your Adadelta.
# Left, a steady gradient. Right, the bowl $x^2/2$ from 1, with ±1000 added to each of the first ten gradients.
# Who recovers, and how?


# %%
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


# %%
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

# %% [markdown]
# **Takeaway.** The burst leaves a sum of ten million in Adagrad for good; in Adadelta it fades by a factor of 0.9 in each step, and after some 150 steps it is gone.
# On the left the steps grow, because each change is measured by the changes before it, plus eps.
#
# ### Handwritten digits
#
# Softmax regression on 8×8 digits, five epochs of batches of 50. No learning rate, so: sweep eps.
# Once with pixels from 0 to 1, once from 0 to 16. Will the default suit both?

# %%
X, labels, X_test, test_labels = data.digits()
targets = np.eye(10)[labels]


def accuracy_after(scale, eps, seed):
    """The share of test digits recognised after five epochs."""
    rng = np.random.default_rng(seed)
    W, g2, d2 = np.zeros((3, 64, 10))
    for _ in range(5):
        for batch in rng.permutation(len(X) // 50 * 50).reshape(-1, 50):
            z = scale * X[batch] @ W
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            W, g2, d2 = adadelta_step(W, scale * X[batch].T @ (p - targets[batch]) / 50, g2, d2, eps=eps)
    return np.mean(np.argmax(X_test @ W, axis=1) == test_labels)


all_eps = 10.0 ** np.arange(-12, 5, 2)
accuracy = {scale: np.array([[accuracy_after(scale, eps, seed) for seed in range(3)] for eps in all_eps]) for scale in (1, 16)}
fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for scale, tint in [(1, "adadelta"), (16, "momentum")]:
    ax.plot(all_eps, accuracy[scale].mean(axis=1), "o-", color=plots.color(tint), label=f"pixels from 0 to {scale}")
    ax.fill_between(all_eps, accuracy[scale].min(axis=1), accuracy[scale].max(axis=1), color=plots.color(tint), alpha=0.2)
ax.axvline(1e-6, color="0.5", linestyle=":")
ax.text(1.5e-6, 0.805, "the default", color="0.35")
ax.set(xscale="log", xlabel="eps", ylabel="test accuracy after 5 epochs", title="The default eps suits one unit of the pixels, not the other")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# (Band: from the worst to the best of three seeds.)
#
# **Takeaway.** With pixels up to 1 the default is still on its way after five epochs; a hundred times the eps has arrived.
# Pixels 16 times larger need weights 16 times smaller: the way is shorter, and the same $\sqrt\varepsilon$ suffices.
# On the right both roots are $\sqrt\varepsilon$: that is SGD with rate 1, which happens to do here.

# %% [markdown]
# ## Folklore on trial
#
# ### "It needs no learning rate"
#
# If so, no constant may need to fit the problem.
# With the default eps, walk 3000 steps down bowls of other sizes and curvatures. A success: the distance has shrunk to a hundredth.


# %%
def succeeds(x0=1.0, h=1.0, eps=1e-6):
    """Is x within a hundredth of x0 during the last 100 of 3000 steps on h x²/2?"""
    path, _ = walk(lambda x, t: h * x, [x0], 3000, eps=eps)
    return np.all(abs(path[-100:]) < 0.01 * x0)


ruling = trial(
    "Adadelta needs no learning rate",
    {
        "x²/2 from 1": succeeds(),
        "from 0.1": succeeds(0.1),
        "from 100": succeeds(100.0),
        "curvature 3": succeeds(h=3.0),
        "curvature 100": succeeds(h=100.0),
        "from 1, eps = 1e-10": succeeds(eps=1e-10),
        "from 100, eps = 1e-2": succeeds(100.0, eps=1e-2),
    },
    only_if="√eps suits the distance to go and the curvature",
)
assert ruling == "holds only if √eps suits the distance to go and the curvature"
ruling

# %% [markdown]
# Say: *there is no η in the formula, but √eps sets the length of the steps. And torch adds an lr all the same.*
#
# ### "Rescaling the loss changes nothing"
#
# The change is a ratio of gradients, so a factor $c$ on the loss should cancel.
# Measure the largest gap between the paths for $c$ and for 1, over the way that was gone.


# %%
def gap(c, eps=1e-6):
    """The largest difference between the paths on c x²/2 and x²/2, relative to the way gone."""
    plain, scaled = (walk(lambda x, t, c=c: c * x, [1.0], 300, eps=eps)[0] for c in (1, c))
    return np.max(abs(scaled - plain)) / (1 - plain[-1, 0])


ruling = trial(
    "multiplying the loss by c leaves the path as it is, within 0.1 %",
    {f"c = {c:g}, eps = {eps:g}": gap(c, eps) < 1e-3 for c, eps in [(1e4, 1e-6), (100, 1e-6), (0.01, 1e-6), (1e-4, 1e-6), (1e-4, 1e-14)]},
    only_if="all gradients stay far above √eps",
)
assert ruling == "holds only if all gradients stay far above √eps"
ruling

# %% [markdown]
# With eps = 0 below the root it would be exact.
#
# ### "The units match"
#
# Measure θ in millimetres instead of metres: $z=1000\,x$. The loss is the same, so its gradient is $1000$ times smaller.
# If the units match, the path in $z$ is 1000 times the path in $x$.
#
# "Holds when eps → 0" is easily said. But from zero averages all steps are proportional to $\sqrt\varepsilon$; does the mismatch go away with them?
# So try also averages that have a value already, with the right unit each.


# %%
def mismatch(eps, s=1000.0, running=False, eps_z=None, loss=1.0):
    """Largest gap between the path in x and the path in z = s·x taken back to x, relative to the way gone in x."""
    g2, d2 = (1.0, 1e-4) if running else (0.0, 0.0)
    in_x, _ = walk(lambda x, t: x, [1.0], 100, g2, d2, eps=eps)
    in_z, _ = walk(lambda z, t: loss * z / s**2, [s], 100, g2 / s**2, d2 * s**2, eps=eps if eps_z is None else eps_z)
    return np.max(abs(in_z / s - in_x)) / np.ptp(in_x)


cases = {
    "from zero, eps = 1e-6": mismatch(1e-6),
    "from zero, eps = 1e-12": mismatch(1e-12),
    "from zero, eps = 1e-18": mismatch(1e-18),
    "averages running, eps = 1e-6": mismatch(1e-6, running=True),
    "averages running, eps = 1e-12": mismatch(1e-12, running=True),
    "averages running, eps = 0": mismatch(0.0, running=True),
}
ruling = trial(
    "the units match: a change of θ's unit changes nothing (within 0.1 %)",
    {f"{name}: gap {100 * value:.1f} %": value < 1e-3 for name, value in cases.items()},
    only_if="eps → 0 and the average of changes already has a value",
)
assert ruling == "holds only if eps → 0 and the average of changes already has a value"
ruling

# %% [markdown]
# From zero it never holds: eps is the only length there is, and it does not know metres from millimetres.
# The ratio of the two first steps shows it:

# %%
for eps in (1e-6, 1e-12, 1e-18):
    in_x = 1 - walk(lambda x, t: x, [1.0], 1, eps=eps)[0][1, 0]
    in_z = 1 - walk(lambda z, t: z / 1000**2, [1000.0], 1, eps=eps)[0][1, 0] / 1000
    print(f"eps = {eps:g}: in metres the first step is {in_x / in_z:.0f} times as long as in millimetres")

# %% [markdown]
# As $\varepsilon\to0$ the factor tends to 1000, not to 1.
# But give eps the unit of a squared change, $s^2$, and the loss a factor that keeps the lower eps in step:

# %%
print(f"z = 1000 x, eps × 1000², loss × 1000²: gap {mismatch(1e-6, eps_z=1.0, loss=1e6):.6f}")

# %% [markdown]
# Exact: all states and changes scale by $1000^2$ and $1000$. The formula is homogeneous; eps is what carries the unit.
#
# ### "Adadelta is Adagrad, only better"
#
# The burst from above, and then the bowl with noise of standard deviation 1 on each gradient, for 20 000 steps (200 runs).

# %%
noise = np.random.default_rng(0).normal(size=(20_000, 200))
noisy = {"Adagrad": adagrad_walk(lambda x, t: x + noise[t], np.ones(200), 20_000), "Adadelta": walk(lambda x, t: x + noise[t], np.ones(200), 20_000)[0]}
for name, path in noisy.items():
    print(f"{name:9} rms error after 2000 steps {np.sqrt(np.mean(path[2000] ** 2)):.3f}, after 20000 {np.sqrt(np.mean(path[-1] ** 2)):.3f}")

# %%
ruling = trial(
    "Adadelta ends nearer to the minimum than Adagrad",
    {
        "after a burst of huge gradients": abs(burst["Adadelta"][-1, 0]) < 0.5 * abs(burst["Adagrad"][-1, 0]),
        "noisy gradients, 20000 steps": np.mean(noisy["Adadelta"][-1] ** 2) < np.mean(noisy["Adagrad"][-1] ** 2),
    },
    only_if="the past misleads; under steady noise the falling rate wins",
)
assert ruling == "holds only if the past misleads; under steady noise the falling rate wins"
ruling

# %% [markdown]
# A window forgets the burst. It also forgets to slow down: Adadelta's error stays where it is, Adagrad's goes on falling.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adadelta replaces Adagrad's growing sum by a running mean of squared gradients, so the step does not fade.
# And it replaces the learning rate by the RMS of its own earlier changes: the step is RMS of Δθ over RMS of g, times g.
# That has the unit of θ, as Newton's step has; SGD's has not.
# But it starts from zero, so eps has to take the first step: its length is the root of eps over one minus ρ, whatever the gradient.
# So the learning rate is not gone; root eps has taken its place."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the four lines in order: $G$, $\Delta$ from the old $D$ and the new $G$, $D$, θ. eps inside both roots.
# - Units: SGD $[f]/[\theta]$, Adagrad 1, Newton $[\theta]$. From Newton, $1/f''=\Delta/f'$; take the RMS of both.
# - First step $\sqrt{\varepsilon/(1-\rho)}$, 0.00316 with torch's defaults, whatever the gradient.
# - Given the gradients, *every* step is proportional to $\sqrt\varepsilon$; for a steady gradient steps grow like $\sqrt{\varepsilon(1-\rho)t}$.
# - Invariant to the scale of the loss while gradients are far above $\sqrt\varepsilon$. Not invariant to the unit of θ: eps carries that unit.
# - Near the minimum, where the curvature exceeds 2, it ends in a swing that confirms its own rate $2/h$; it does not settle.
# - It recovers from a burst that stops Adagrad; under steady noise Adagrad's falling rate gets nearer.
# - torch has lr = 1.0, ρ = 0.9, eps = 1e-6. Price: two numbers more for each parameter.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Then why has torch an `lr`?</summary>
#
# It multiplies the change on its way to θ: $\theta\leftarrow\theta-\text{lr}\cdot\Delta$. The default 1.0 is Zeiler's method.
# It does not enter $D$, which averages the unscaled $\Delta^2$.
# It allows a schedule, which the method lacks.
#
# </details>
#
# <details><summary>How is it related to RMSprop?</summary>
#
# The denominator is the same. RMSprop has η above where Adadelta has $\mathrm{RMS}[\Delta]$.
# The two were found independently at about the same time; leave the numerator out and put η there, and you have RMSprop (question 09).
#
# </details>
#
# <details><summary>Why the change of the step before, and not of this one?</summary>
#
# $\Delta_t$ is what the line computes; it is not there yet.
# Zeiler assumes that the curvature changes slowly, so that the last changes serve as well.
# The lag has a use: one sudden large gradient enlarges the denominator at once and the numerator only later, so the step stays bounded by $\mathrm{RMS}[\Delta]_{t-1}/\sqrt{1-\rho}$.
#
# </details>
#
# <details><summary>What if eps were left out above? Or below?</summary>
#
# Above: the first change is 0, so $D$ stays 0, and θ never moves.
# Below: a parameter that has had no gradient divides 0 by 0.
#
# </details>
#
# <details><summary>What does a very large eps do?</summary>
#
# Both roots become $\sqrt\varepsilon$ and cancel: plain gradient descent with rate 1.
# That is the right-hand end of the digits figure: a rate of 1 happens to do there, and diverges wherever the curvature exceeds 2.
#
# </details>
#
# <details><summary>Does it need Adam's bias correction?</summary>
#
# Both averages start at zero, so both are too small at first. $G_1=(1-\rho)g^2$ makes the first step $1/\sqrt{1-\rho}\approx3.2$ times longer than $\sqrt\varepsilon$.
# It does no harm, since $\sqrt\varepsilon$ is tiny: the usual complaint is that Adadelta starts too slowly.
#
# </details>
#
# <details><summary>Does the ratio estimate the diagonal of the inverse Hessian?</summary>
#
# It has its unit, and between coordinates the right proportions: rate · curvature came out equal for curvatures of 1, 10 and 100.
# The common factor is whatever eps and the history made it, here some 200 times too small.
# So do not call it a second-order method.
#
# </details>
#
# <details><summary>Would you use it today?</summary>
#
# Rarely. Its promise was no tuning; Adam with a default rate and a schedule fills that place.
# Where I inherit it, I sweep eps or torch's lr.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "There is nothing to tune." eps sets the length of the steps.
# - "eps only prevents a division by zero." Here it is also what starts the motion.
# - Putting the RMS of the current change above, or feeding $D$ with gradients.
# - Updating $G$ after the step: the first step would then be the gradient itself, $\sqrt\varepsilon/\sqrt\varepsilon\cdot g$.
# - "Zeiler's ρ is 0.9." That is torch's default and Ruder's "around 0.9".
# - "It approximates Newton." In unit and proportion, not in size.

# %% [markdown]
# ## References
#
# - M. D. Zeiler. *ADADELTA: An Adaptive Learning Rate Method.* arXiv 1212.5701, 2012. Algorithm 1 and the argument from units.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* 2016: Adadelta as the cure for Adagrad's fading rate, with the decay "around 0.9".
# - J. Duchi, E. Hazan, Y. Singer. *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization.* JMLR 12, 2011: Adagrad.
# - PyTorch documentation of `torch.optim.Adadelta`: lr = 1.0, rho = 0.9, eps = 1e-6, and the form that the check compares with.
