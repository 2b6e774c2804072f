# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Adagrad: why per-parameter learning rates?
#
# *Adagrad 的原理与缺点?*

# %% [markdown]
# ## Question
#
# "Write down one step of Adagrad.
# Why does every parameter get a learning rate of its own, and where does the square root come from?
# What is its drawback?"
#
# "请写出 Adagrad 的一步更新。为什么每个参数要有自己的学习率?它的缺点是什么?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The sum.** Squared gradients are added up, entry by entry, and nothing is forgotten.
# - **The root.** You can say why it is $1/\sqrt G$ and not $1/G$.
# - **Sparse data.** A rare feature keeps a high rate, and you know in which sense it is "updated more".
# - **The drawback, exactly.** For a steady gradient the step is $\eta/\sqrt t$; it never recovers.
# - **The limit.** It rescales coordinates. It does not see directions between them.

# %% [markdown]
# ## The idea
#
# SGD has one rate for all parameters.
# But the weight of a word that occurs in every sentence gets a gradient all the time, that of a rare word perhaps once in a thousand steps.
# One rate is too large for the first or too small for the second.
#
# Adagrad (Duchi, Hazan & Singer 2011, the diagonal form) keeps for each parameter the sum of its squared gradients:
#
# $$
# G_t = G_{t-1}+g_t^2
# \qquad
# \theta_t=\theta_{t-1}-\eta\,\frac{g_t}{\sqrt{G_t}+\varepsilon},
# \qquad G_0=0,
# $$
#
# all entry by entry. As a matrix: $\theta_t=\theta_{t-1}-\eta\,D_t^{-1}g_t$ with the diagonal $D_t=\operatorname{diag}(\sqrt{G_t}+\varepsilon)$.
# That is a *diagonal preconditioner*: each axis is rescaled, none is mixed with another.

# %% [markdown]
# ### Why the root of the sum of squares?
#
# The motive is *regret*: over $T$ steps, how much more did we lose than the best fixed point $\theta^*$ would have?
# For convex losses $f_t(\theta_t)-f_t(\theta^*)\le g_t\cdot(\theta_t-\theta^*)$, which is a sum over coordinates.
# So look at one coordinate, and let $a_t=\theta_t-\theta^*$ be its error before step $t$. The theorem projects θ onto a bounded set after each step, so that $|a_t|\le D$; projecting only shortens errors.
# Square the step $a_{t+1}=a_t-\eta_tg_t$ and solve for $g_ta_t$:
#
# $$
# g_ta_t=\frac{a_t^2-a_{t+1}^2}{2\eta_t}+\frac{\eta_t}{2}g_t^2 .
# $$
#
# With one fixed rate $\eta$ the first part telescopes:
#
# $$
# \sum_{t=1}^T g_ta_t\;\le\;\frac{D^2}{2\eta}+\frac{\eta}{2}G_T,
# \qquad\text{which is smallest for}\qquad
# \boxed{\;\eta^*=\frac{D}{\sqrt{G_T}}\;}\quad\text{: at most } D\sqrt{G_T}.
# $$
#
# There is the root, and there is the reason for one rate per parameter: each coordinate has its own $G_T$.
# And η is a length: it should be about the distance that θ has to go.

# %% [markdown]
# ### Two things to have ready
#
# **A steady gradient.** If $g_t=g$ all the time, $G_t=t\,g^2$ and the step is
#
# $$
# \eta\,\frac{g}{\sqrt{t\,g^2}}=\frac{\eta}{\sqrt t}\operatorname{sign}(g),
# \qquad\text{in all}\quad \sum_{s=1}^t\frac{\eta}{\sqrt s}\approx2\eta\sqrt t .
# $$
#
# **The scale of a coordinate's gradient.** Multiply one coordinate's gradients by $c>0$: $\sqrt{G}\to c\sqrt{G}$, and $c$ cancels (up to $\varepsilon$).
# So neither the scale of the loss nor that of one coordinate's gradient matters. The unit of θ itself does matter, since η is a length in it (question 08).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, settings, trial

plots.style()

# %% [markdown] tags=["deeper"]
# ### Deeper: but $G_T$ is known only at the end
#
# So Adagrad takes the sum so far: $\eta_t=\eta/\sqrt{G_t}$. What does that cost?
# The rates fall, so $1/\eta_t-1/\eta_{t-1}\ge0$. Order the first part by $a_t^2$, drop $-a_{T+1}^2$, and use $a_t^2\le D^2$:
#
# $$
# \sum_{t=1}^T\frac{a_t^2-a_{t+1}^2}{2\eta_t}\;\le\;\frac{a_1^2}{2\eta_1}+\sum_{t=2}^T\frac{a_t^2}{2}\Big(\frac1{\eta_t}-\frac1{\eta_{t-1}}\Big)
# \;\le\;\frac{D^2}{2\eta_T}=\frac{D^2}{2\eta}\sqrt{G_T}.
# $$
#
# For the second part write $g_t^2=G_t-G_{t-1}=(\sqrt{G_t}-\sqrt{G_{t-1}})(\sqrt{G_t}+\sqrt{G_{t-1}})\le2\sqrt{G_t}\,(\sqrt{G_t}-\sqrt{G_{t-1}})$. Then
#
# $$
# \sum_{t=1}^T\frac{\eta_t}{2}g_t^2=\frac\eta2\sum_{t=1}^T\frac{g_t^2}{\sqrt{G_t}}\;\le\;\eta\sum_{t=1}^T\big(\sqrt{G_t}-\sqrt{G_{t-1}}\big)=\eta\sqrt{G_T}.
# $$
#
# Together $\big(\tfrac{D^2}{2\eta}+\eta\big)\sqrt{G_T}$, which is smallest for $\eta=D/\sqrt2$, namely $\sqrt2\,D\sqrt{G_T}$.
# **Not knowing the future costs a factor of $\sqrt2$ in the bound.**

# %% [markdown]
# ## Your turn
#
# One step: take the parameters, the gradient and the sum so far; return the new parameters and the new sum.
# `theta`, `grad`, `sum_squares` are arrays of one shape, any shape.
# `eps` is outside the root, as in torch.
# Return new arrays and leave the arguments as they were.

# %%
def adagrad_step(theta, grad, sum_squares, lr=0.01, eps=1e-10):
    """theta, grad, sum_squares (…) -> (theta, sum_squares), each (…), both new; the arguments are not changed.

    The step divides by the root of the *new* sum; eps is added outside the root, as in torch.
    """
    # BEGIN SOLUTION
    sum_squares = sum_squares + grad**2
    return theta - lr * grad / (np.sqrt(sum_squares) + eps), sum_squares
    # END SOLUTION

# %%
check(adagrad_step)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two lines</summary>
#
# One line updates the state, one moves the parameters.
# Which has to come first, if the very first step is not to divide by eps alone?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: what is kept</summary>
#
# The state is the sum of squares, with no decay and no root.
# Every entry has its own; no `np.sum` anywhere.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `sum_squares = sum_squares + grad**2`, then divide `lr * grad` by `np.sqrt(sum_squares) + eps`.
# Never `sum_squares += …`, which writes into the caller's array.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(adagrad_step)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* step that runs.
#
# ### A steady gradient
#
# The gradient is 3 in every step. The derivation says that step $t$ has length $\eta/\sqrt t$. Has it?

# %%
theta, total = np.zeros((2, 1))
for t in range(1, 10_001):
    before = theta
    theta, total = adagrad_step(theta, np.array([3.0]), total, lr=0.1)
    if t in (1, 4, 100, 10_000):
        length = abs(theta - before)[0]
        print(f"step {t:<5}  length {length:.4f}   length · √t / lr = {length * np.sqrt(t) / 0.1:.4f}")
print(f"distance after 10000 steps: {abs(theta[0]) / 0.1:.1f} lr, and 2√t = {2 * np.sqrt(10_000):.0f}")

# %% [markdown]
# As derived. The size of the gradient, 3, does not matter.
#
# ### What the sum does under four kinds of gradients
#
# Four parameters, 10 000 steps:
#
# - a steady gradient of 1;
# - noise of standard deviation 1;
# - ten gradients of 1000, then 1 for ever;
# - the bowl $x^2/2$ from $x=1$, where the gradient fades as $x$ comes to rest.
#
# Which of the four rates $\eta/\sqrt{G_t}$ will go on falling?

# %% tags=["hide-input"]
rng = np.random.default_rng(0)
n = 10_000
given = np.column_stack([np.ones(n), rng.normal(size=n), np.where(np.arange(n) < 10, 1000.0, 1.0)])
theta, total, sums = np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(4), []
for row in given:
    theta, total = adagrad_step(theta, np.append(row, theta[3]), total, lr=0.1)
    sums.append(total)
sums = np.array(sums)

stories = {"steady": "adagrad", "noise": "rmsprop", "ten of 1000, then 1": "wrong", "a bowl: it fades": "adam"}
fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
for j, (name, tint) in enumerate(stories.items()):
    dash = "--" if name == "noise" else "-"
    axes[0].plot(np.arange(1, n + 1), sums[:, j], dash, color=plots.color(tint), label=name)
    axes[1].plot(np.arange(1, n + 1), 1 / np.sqrt(sums[:, j]), dash, color=plots.color(tint), label=name)
for ax in axes:
    ax.set(xscale="log", yscale="log", xlabel="step $t$")
axes[0].set(ylabel="sum of squares $G_t$", title="The sum only grows")
axes[1].set(ylabel="effective rate / lr", title="The rate falls as long as gradients come")
axes[0].legend(loc="center left", bbox_to_anchor=(0, 0.6))
plt.show()

# %% [markdown]
# **Takeaway.** Steady gradients and noise: the rate falls like $1/\sqrt t$, noise or not.
# The bowl: the gradients fade, the sum stands still, and so does the rate.
# The burst: ten large gradients at the start keep the rate low in all 10 000 steps.

# %% [markdown]
# ### Rare and frequent features
#
# Logistic regression on a stream of samples with two features of 0 or 1.
# The first is present in half of the samples, the second in 1 %. The true weight of both is 1.
#
# For comparison, SGD and Nesterov's momentum in plain code, with the arguments of your step.

# %%
def sgd(theta, grad, state, lr):
    return theta - lr * grad, state


def nesterov(theta, grad, state, lr, momentum=0.9):
    state = momentum * state + grad
    return theta - lr * (grad + momentum * state), state


def train(step, lr, n, seeds):
    """n samples, one by one, from several streams at once: path (n + 1, seeds, 2) and the final state (seeds, 2)."""
    streams = [data.sparse_features(n, seed=seed) for seed in range(seeds)]
    X, y = (np.stack(part, axis=1) for part in zip(*streams, strict=True))  # (n, seeds, 2), (n, seeds)
    path, state = [np.zeros((seeds, 2))], np.zeros((seeds, 2))
    for x, label in zip(X, y, strict=True):
        p = 1 / (1 + np.exp(-np.sum(x * path[-1], axis=-1)))
        theta, state = step(path[-1], (p - label)[:, None] * x, state, lr)
        path.append(theta)
    return np.array(path), state

# %% [markdown]
# SGD gets the rate that suits the frequent feature best, and Adagrad too (we will check that soon).
# What will the weight of the rare feature look like after 4000 samples, of which 40 have it?

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), sharey=True, layout="constrained")
for ax, (name, step, lr) in zip(axes, [("SGD", sgd, 0.01), ("Adagrad", adagrad_step, 0.1)], strict=True):
    path, _ = train(step, lr, 4000, seeds=20)
    for j, (feature, tint) in enumerate([("frequent, 50 %", "adam"), ("rare, 1 %", "wrong")]):
        mean, spread = path[:, :, j].mean(axis=1), path[:, :, j].std(axis=1)
        ax.plot(mean, color=plots.color(tint), label=feature)
        ax.fill_between(range(len(mean)), mean - spread, mean + spread, color=plots.color(tint), alpha=0.18, linewidth=0)
    ax.axhline(1, color="0.5", linestyle=":")
    ax.set(xlabel="samples seen", title=f"{name}, lr {lr}")
axes[0].set(ylabel="weight (the truth is 1)")
axes[1].legend(loc="lower right")
plt.show()

# %% [markdown]
# (Mean of 20 streams; the band is one standard deviation.)
#
# **Takeaway.** At the best rate for the frequent weight, SGD has hardly moved the rare one, to 0.08.
# Adagrad has moved it about five times as far, to 0.4, which is still less than half of the way; the frequent one is as good as before.
#
# ### How sharply must the rate be tuned?
#
# The same task for learning rates from 0.001 to 10.
# Is there one rate at which both weights are good?

# %% tags=["hide-input"]
rates = 10 ** np.arange(-3, 1.1, 0.5)
errors = {}  # root mean square over 20 streams: (rates, 2)
for name, step in [("SGD", sgd), ("Adagrad", adagrad_step)]:
    ends = np.array([train(step, lr, 4000, seeds=20)[0][-1] for lr in rates])
    errors[name] = np.sqrt(np.mean((ends - 1) ** 2, axis=1))

fig, axes = plt.subplots(1, 2, figsize=(9, 3.7), sharey=True, layout="constrained")
for ax, name in zip(axes, errors, strict=True):
    for j, (feature, tint) in enumerate([("frequent", "adam"), ("rare", "wrong")]):
        ax.plot(rates, errors[name][:, j], "o-", color=plots.color(tint), label=feature)
        best = np.argmin(errors[name][:, j])
        ax.plot(rates[best], errors[name][best, j], "o", markersize=13, markerfacecolor="none", color=plots.color(tint))
    ax.set(xscale="log", yscale="log", ylim=(0.03, 8), xlabel="learning rate")
axes[0].set(ylabel="error of the weight (rms)", title="SGD: the two best rates lie far apart")
axes[1].set(title="Adagrad: they nearly meet")
axes[0].legend(loc="upper center")
plt.show()

# %% [markdown]
# (Rings: the best rate for each weight, on a grid of half decades.)
#
# **Takeaway.** SGD's best rates lie three grid steps apart, a factor of about 30; Adagrad's are neighbours, so one rate is nearly best for both.
# But the rate still has to be tuned: a much too small one is as bad as with SGD; a much too large one hurts too, though less than with SGD.

# %% [markdown]
# ### Along the axes, and turned
#
# A valley with curvatures 1 and $\kappa$, once along the axes and once turned by 45°.
# The scale of a coordinate's gradient cancels, so along the axes $\kappa$ should not matter to Adagrad. And turned?
#
# A third method shows what is missing: *full-matrix* Adagrad, $G_t=\sum gg^\top$ and the step $-\eta\,G_t^{-1/2}g_t$.

# %% tags=["hide-input"]
def full_matrix(theta, grad, total, lr):
    total = total + np.outer(grad, grad)
    values, vectors = np.linalg.eigh(total)
    root = [v**-0.5 if v > 1e-12 * values[-1] else 0.0 for v in values]  # the first sum has rank one
    return theta - lr * vectors @ (root * (vectors.T @ grad)), total


def valley(degrees, kappa):
    """The Hessian (2, 2) and the start, both turned."""
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return turn @ np.diag([1.0, kappa]) @ turn.T, turn @ np.array([-4.0, 1.0])


def descend(step, hessian, start, state, lr, n_steps):
    """The path until the loss is a thousandth of its start, at most n_steps."""
    path = [start]
    while len(path) <= n_steps and path[-1] @ hessian @ path[-1] > 1e-3 * (start @ hessian @ start):
        theta, state = step(path[-1], hessian @ path[-1], state, lr)
        path.append(theta)
    return np.array(path)

# %%
methods = {
    "SGD": (sgd, np.zeros(2), np.array([0.5, 1, 1.5, 1.8, 1.9, 1.95, 1.98])),
    "Adagrad": (adagrad_step, np.zeros(2), 10 ** np.arange(-0.25, 1, 0.125)),
    "full matrix": (full_matrix, np.zeros((2, 2)), 10 ** np.arange(-0.25, 1, 0.125)),
}
best = {}  # the shortest path over all learning rates
for kappa in (1, 10, 100):
    for degrees in (0, 45):
        hessian, start = valley(degrees, kappa)
        for name, (step, state, lrs) in methods.items():
            lrs = lrs / kappa if name == "SGD" else lrs
            best[kappa, degrees, name] = min((descend(step, hessian, start, state, lr, 300) for lr in lrs), key=len)

print("steps to a thousandth of the loss   " + "  ".join(f"{name:>11}" for name in methods))
for degrees, words in [(0, "along the axes"), (45, "turned by 45°")]:
    for kappa in (1, 10, 100):
        print(f"{words}, κ = {kappa:<3}             " + "  ".join(f"{len(best[kappa, degrees, name]) - 1:>11}" for name in methods))

# %% [markdown]
# **Takeaway.** Along the axes each coordinate has its own curvature, and Adagrad divides it out.
# Turned, both coordinates look alike, and there is nothing to divide out: at κ = 10 and 100 Adagrad needs about one and a half times the steps of SGD here.
# With the full matrix the angle does not matter, but it needs $d^2$ numbers and a matrix root in every step.

# %% [markdown] tags=["deeper"]
# ### Deeper: the paths along the axes, and turned

# %% tags=["deeper", "hide-input"]
fig, axes = plt.subplots(2, 1, figsize=(8.5, 7.4), layout="constrained")
titles = ["Along the axes (κ = 100): Adagrad does not see the valley", "Turned by 45°: Adagrad is slower than SGD"]
for ax, title, degrees, reach in zip(axes, titles, (0, 45), ((-5.2, 1.5), (-4.2, 1)), strict=True):
    h, _ = valley(degrees, 100)
    paths = {f"{name} ({len(best[100, degrees, name]) - 1} steps)": best[100, degrees, name][:61] for name in ("SGD", "Adagrad")}
    plots.contours(lambda x, y, h=h: 0.5 * (h[0, 0] * x**2 + 2 * h[0, 1] * x * y + h[1, 1] * y**2), (-4.6, 2.1), reach, paths,
                   title, minimum=(0, 0), ax=ax)
plt.show()

# %% [markdown] tags=["deeper"]
# (Each with its best rate; drawn are at most 60 steps. Above, Adagrad's first step is equally long in both coordinates, so it starts at 45° and overshoots one of them.)

# %% [markdown] tags=["deeper"]
# ### Deeper: from the full matrix to Shampoo, SOAP and Muon
#
# A weight matrix $W$ ($p\times q$) with gradient $A$ would need the full matrix of $pq$ rows. Shampoo (Gupta, Koren & Singer 2018) keeps one small matrix per side:
#
# $$
# P\leftarrow P+AA^\top,\qquad Q\leftarrow Q+A^\top A,\qquad W\leftarrow W-\eta\,P^{-1/4}A\,Q^{-1/4} .
# $$
#
# The full sum is bounded by a multiple of the Kronecker product of $P^{1/2}$ and $Q^{1/2}$ (the multiple is the gradients' rank), and Adagrad takes the inverse *root* of it: hence the quarter powers.
# SOAP (Vyas et al. 2024) keeps the eigenvectors of $P$ and $Q$, turns the gradient into that basis and runs Adam there.
# And if Shampoo forgets everything but the present gradient, its step is $UV^\top$ for $A=U\Sigma V^\top$: all singular values become 1. Without its momentum, that is Muon's step (question 01). The check:

# %% tags=["deeper"]
A = np.random.default_rng(0).normal(size=(3, 3))


def power(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**exponent @ vectors.T


u, _, vt = np.linalg.svd(A)
shampoo = power(A @ A.T, -0.25) @ A @ power(A.T @ A, -0.25)
print("first step of Shampoo equals U Vᵀ:", bool(np.allclose(shampoo, u @ vt, atol=1e-8)))

# %% [markdown] tags=["deeper"]
# ### Deeper: where eps is
#
# torch adds 1e-10 *outside* the root. Ruder (2016) has 1e-8 *inside*.
# In the first step $G=g^2$, so the length should be 1 (times lr). For which gradients does each form keep that?

# %% tags=["deeper"]
sizes = np.array([1.0, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 0.0])
outside = 0 - adagrad_step(np.zeros(7), sizes, np.zeros(7), lr=1.0)[0]
inside = sizes / np.sqrt(sizes**2 + 1e-8)
for g, a, b in zip(sizes, outside, inside, strict=True):
    print(f"|g| = {g:<7g} first step / lr:  √G + 1e-10: {a:.4f}   √(G + 1e-8): {b:.4f}")

# %% [markdown] tags=["deeper"]
# Inside the root, 1e-8 matters from $|g|=\sqrt{10^{-8}}=10^{-4}$; outside, 1e-10 from $10^{-10}$.
# With a zero gradient neither moves; without eps you would have 0/0.

# %% [markdown]
# ## Folklore on trial
#
# ### "It updates rare features more"
#
# More in which sense? Three measures, on streams where feature 1 is present in half of the samples and feature 2 rarely:
#
# 1. rate: the same small gradient on both weights, who moves farther?
# 2. update: the mean length of a feature's updates, each time it was present;
# 3. total: the whole way that its weight went.
#
# Is the rare feature's larger? Larger by half?

# %%
def rare_more(measure, p_rare, seed):
    X, y = data.sparse_features(6000, p_rare=p_rare, seed=seed)
    theta, total, way = np.zeros(2), np.zeros(2), []
    for x, label in zip(X, y, strict=True):
        before = theta
        theta, total = adagrad_step(theta, (1 / (1 + np.exp(-x @ theta)) - label) * x, total, lr=0.1)
        way.append(abs(theta - before))
    way = np.array(way)
    probe, still = (adagrad_step(theta, np.full(2, g), total, lr=0.1)[0] for g in (1e-6, 0.0))
    measured = {"rate": abs(probe - still), "update": way.sum(axis=0) / np.sum(way > 0, axis=0), "total": way.sum(axis=0)}
    frequent, rare = measured[measure]
    return bool(rare > frequent), bool(rare > 1.5 * frequent)


trial(
    "Adagrad updates rare features more",
    rare_more,
    over=settings(measure=["rate", "update", "total"], p_rare=0.02, seed=[0, 1]),
    held_out=settings(measure=["rate", "update", "total"], p_rare=[0.01, 0.04], seed=[2, 3, 4]),
    only_if=("one update is meant, not the total", lambda measure: measure != "total"),
    expect="holds only if one update is meant, not the total",
)

# %% [markdown]
# The rate is $\sqrt{G_\text{freq}/G_\text{rare}}$ times higher. For a feature 50 times rarer, with gradients of the same size where it is present, that is $\sqrt{50}\approx7$: Adagrad makes up for the *root* of the rarity, not for all of it.
# (Nesterov's method has one rate for all features; the sentence is tried there in question 06.)
#
# ### "The learning rate decays towards zero, like $1/\sqrt t$"
#
# Fit the power of $t$ in the rate $\eta/\sqrt{G_t}$ between steps 500 and 5000. Gradients are steady, random, or present in one step of 50, and they may fade like $t^{-a}$. Is the power −0.5, to 0.05? To 0.1?

# %%
def like_root(kind, fade, size, seed):
    rng, t = np.random.default_rng(seed), np.arange(1, 5001)
    given = {"steady": np.ones(5000), "noise": rng.normal(size=5000), "sparse": (t % 50 == 0) * 1.0}[kind] * size / t**fade
    total, sums = np.zeros(1), []
    for g in given:
        _, total = adagrad_step(np.zeros(1), np.array([g]), total)
        sums.append(total[0])
    power = np.polyfit(np.log(t[500:]), -0.5 * np.log(np.array(sums)[500:]), 1)[0]
    return bool(abs(power + 0.5) < 0.05), bool(abs(power + 0.5) < 0.1)


trial(
    "the learning rate decays towards zero, like 1/√t",
    like_root,
    over=settings(kind=["steady", "noise", "sparse"], fade=[0, 0.5], size=1.0, seed=0),
    held_out=settings(kind=["steady", "noise", "sparse"], fade=[0, 0.3, 1], size=[0.01, 100.0], seed=1),
    only_if=("the gradients do not fade", lambda fade: fade == 0),
    expect="holds only if the gradients do not fade",
)

# %% [markdown]
# Mini-batch gradients usually do not vanish, so in deep learning the rate usually does decay.
#
# ### "So Adagrad stops before it arrives"
#
# The steps shrink, but their sum $2\eta\sqrt t$ has no bound. So it is a question of the way to go.
# Down the bowl $x^2/2$ from $s$: is it still above a fifth of $s$ (a third) after $t$ steps?

# %%
def still_on_the_way(start, lr, n_steps):
    x, total = np.array([start]), np.zeros(1)
    for _ in range(n_steps):
        x, total = adagrad_step(x, x, total, lr=lr)
    return bool(x[0] > start / 5), bool(x[0] > start / 3)


trial(
    "Adagrad is still on the way after t steps",
    still_on_the_way,
    over=settings(start=[0.1, 1.0, 10.0], lr=[0.001, 0.1], n_steps=[300, 3000]),
    held_out=settings(start=[0.05, 0.4, 2.0, 20.0], lr=[0.003, 0.05], n_steps=[500, 5000]),
    only_if=("the way is longer than 2η√t", lambda start, lr, n_steps: start > 2 * lr * np.sqrt(n_steps)),
    expect="holds only if the way is longer than 2η√t",
)

# %% [markdown]
# Say: *it does not stop, but it slows down, and it forgets nothing.* With too small an η, or after an early burst of large gradients, it does not arrive in the steps you have.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adagrad adds up each parameter's squared gradients and divides its step by the root of that sum.
# So a rarely used parameter keeps a high rate, which suits sparse data such as embeddings.
# The root comes from the regret bound: the best fixed rate of a coordinate is its distance over that root.
# The drawback: the sum only grows, so under steady gradients the step falls like one over root t. RMSprop forgets instead."
#
# ### 三十秒回答
#
# "Adagrad 累加每个参数梯度的平方,步长除以这个和的平方根。
# 很少更新的参数学习率保持较高,所以适合稀疏数据,比如词向量。
# 开根号来自 regret 上界:事后看,每个坐标的最优学习率就是距离除以平方和的根。
# 缺点是和只增不减,梯度稳定时步长按 1/√t 衰减,早期的大梯度永远忘不掉;RMSprop 改成滑动平均。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the two lines: $G\leftarrow G+g^2$, then $\theta\leftarrow\theta-\eta\,g/(\sqrt G+\varepsilon)$, entry by entry.
# - Why the root: one coordinate's regret is at most $D^2/2\eta+\eta G/2$, smallest at $\eta=D/\sqrt G$. Taking the sum so far costs a factor of $\sqrt2$ in the bound.
# - Rare features: the rate is $\sqrt{G_\text{freq}/G_\text{rare}}$ times higher, about 7 for a feature 50 times rarer. That is per update; in total a rare weight still moves less.
# - Scale: multiply one coordinate's gradient by $c$, and nothing changes. It is a diagonal preconditioner: it removes a valley along the axes, not a turned one.
# - Drawback: step $\eta/\sqrt t$ for steady or noisy gradients; a burst at the start keeps the rate low for a very long time. RMSprop and Adadelta average instead.
# - η: the rates per coordinate come by themselves, the global rate has to be tuned. eps: outside the root in torch, 1e-10.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why do RMSprop and Adadelta forget?</summary>
#
# In a network the gradients of the start say little about the curvature later on.
# A running mean of $g^2$ follows mainly the last $1/(1-\rho)$ steps, so its step does not fade: for a steady gradient it tends to η instead of $\eta/\sqrt t$.
# The price: with gradient noise it hovers at a distance set by η, and it needs a schedule; Adagrad has a falling rate built in.
#
# </details>
#
# <details><summary>What does `initial_accumulator_value` do?</summary>
#
# It is $G_0$ (0 in torch by default).
# With $G_0=0$ the first step of each parameter has length η, even for a tiny gradient.
# A positive $G_0$ damps these first steps: it makes them $\eta\,|g|/\sqrt{G_0+g^2}$. It also takes over what eps is for.
#
# </details>
#
# <details><summary>And `lr_decay`?</summary>
#
# A second decay on top: torch uses $\eta/(1+(t-1)\cdot\text{lr\_decay})$.
# The default is 0: Adagrad's own decay is left alone.
#
# </details>
#
# <details><summary>What is full-matrix Adagrad, and why does nobody run it?</summary>
#
# $G=\sum gg^\top$ and the step $-\eta\,G^{-1/2}g$: it also rescales directions between the axes, so a turned valley is no harder.
# It costs $d^2$ memory and about $d^3$ work for the root. Shampoo approximates it with one small matrix per side of a weight matrix; SOAP runs Adam in Shampoo's eigenbasis.
#
# </details>
#
# <details><summary>And AdaGrad-norm?</summary>
#
# One sum for all: $G\leftarrow G+\lVert g\rVert^2$ and a single rate $\eta/\sqrt G$.
# It adapts the global rate to the scale of the gradients, and gives up the rates per coordinate. It does not depend on the axes.
#
# </details>
#
# <details><summary>How much memory does it need?</summary>
#
# One number more for each parameter: as much as momentum, half of Adam's.
# With sparse gradients only the rows that have one need to be touched: a zero gradient changes neither $G$ nor θ.
# (That is not so for Adam, where $m$ moves θ on, and $v$ fades.)
#
# </details>
#
# <details><summary>Can Adagrad tell a rare feature from one with small values?</summary>
#
# No. It knows the sum of squares only.
# A feature that is always present with values of 0.1 has the same $G$ as one that is present in 1 % of the samples with values of 1, if their errors are alike.
#
# </details>
#
# <details><summary>Is the decay a feature or a bug?</summary>
#
# For convex online problems a feature: with noise SGD needs a rate that falls, and $1/\sqrt t$ is the one for convex losses without more structure.
# In long training of networks it is often a drawback: the curvature changes, and the rate cannot rise again.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Adagrad averages the squared gradients." It sums them; averaging is RMSprop.
# - "The rate becomes zero and training stops." It falls like $1/\sqrt t$, and the sum of such steps has no bound.
# - "Nesterov gives rare features larger updates." It has one rate for all.
# - "No learning rate to tune."
# - "It handles any ill-conditioned problem." Only where the axes are the directions of unequal curvature.
# - Dividing before the sum is updated: the first step divides by eps.

# %% [markdown]
# ## References
#
# - J. Duchi, E. Hazan, Y. Singer. *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization.* JMLR 12, 2011: the method, diagonal and full, and its regret.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* 2016. §4.3: eps inside the root, η = 0.01, and the examples below.
# - J. Dean et al. *Large Scale Distributed Deep Networks.* NIPS 2012: Adagrad at scale.
# - J. Pennington, R. Socher, C. Manning. *GloVe: Global Vectors for Word Representation.* EMNLP 2014: embeddings trained with Adagrad.
# - V. Gupta, T. Koren, Y. Singer. *Shampoo: Preconditioned Stochastic Tensor Optimization.* ICML 2018.
# - N. Vyas et al. *SOAP: Improving and Stabilizing Shampoo using Adam.* 2024.
# - PyTorch documentation of `torch.optim.Adagrad`: `lr_decay`, `initial_accumulator_value`, and the form that the check compares with.
