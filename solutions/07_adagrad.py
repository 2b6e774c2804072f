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
# But a word that occurs in every sentence gets a gradient all the time, and a rare word once in a thousand steps.
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
# So look at one coordinate, and let $a_t=\theta_t-\theta^*$ be its error before step $t$, with $|a_t|\le D$.
# Square the step $a_{t+1}=a_t-\eta_tg_t$ and solve for $g_ta_t$:
#
# $$
# a_{t+1}^2=a_t^2-2\eta_tg_ta_t+\eta_t^2g_t^2
# \quad\Longrightarrow\quad
# g_ta_t=\frac{a_t^2-a_{t+1}^2}{2\eta_t}+\frac{\eta_t}{2}g_t^2 .
# $$
#
# With one fixed rate $\eta$ the first part telescopes:
#
# $$
# \sum_{t=1}^T g_ta_t\;=\;\frac{a_1^2-a_{T+1}^2}{2\eta}+\frac\eta2\sum_{t=1}^Tg_t^2\;\le\;\frac{D^2}{2\eta}+\frac{\eta}{2}G_T .
# $$
#
# Which $\eta$ is best? Set the derivative to zero: $-\dfrac{D^2}{2\eta^2}+\dfrac{G_T}{2}=0$, so
#
# $$
# \boxed{\;\eta^*=\frac{D}{\sqrt{G_T}}\;}\qquad\text{and the regret is at most } D\sqrt{G_T}.
# $$
#
# There is the root, and there is the reason for one rate per parameter: each coordinate has its own $G_T$.

# %% [markdown]
# ### But $G_T$ is known only at the end
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
# **Not knowing the future costs a factor of $\sqrt2$ in the bound.** And $\eta$ is a length: it should be about the distance to go.

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
# **The unit of a coordinate.** Multiply one coordinate's gradients by $c>0$: $\sqrt{G}\to c\sqrt{G}$, and $c$ cancels (up to $\varepsilon$).
# Adagrad sees neither the scale of the loss nor that of a single coordinate.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# One step: take the parameters, the gradient and the sum so far; return the new parameters and the new sum.
# `theta`, `grad`, `sum_squares` are arrays of one shape, any shape.
# `eps` stands outside the root, as in torch.
# Return new arrays and leave the arguments as they were.


# %%
def adagrad_step(theta, grad, sum_squares, lr=0.01, eps=1e-10):
    """theta, grad, sum_squares (…) -> (theta, sum_squares), each (…)."""
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
# To the digit. The 3 has no say in it.
#
# ### Four stories of an accumulator
#
# Four parameters, 10 000 steps:
#
# - a steady gradient of 1;
# - noise of standard deviation 1;
# - ten gradients of 1000, then 1 for ever;
# - the bowl $x^2/2$ from $x=1$, where the gradient fades as $x$ comes to rest.
#
# Which of the four rates $\eta/\sqrt{G_t}$ will go on falling?

# %%
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
# The burst: ten bad steps at the start, and the parameter pays for them ever after.

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

# %%
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
# **Takeaway.** At the rate that the frequent weight likes, SGD has hardly moved the rare one.
# Adagrad has carried it several times as far, with the frequent one as good as before.
#
# ### How sharply must the rate be tuned?
#
# The same task for learning rates from 0.001 to 10.
# Is there one rate at which both weights are good?

# %%
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
# (Rings: the best rate for each weight.)
#
# **Takeaway.** SGD's best rates differ by a factor of 30, Adagrad's by 3, so one rate can serve both.
# But the curves are no flatter: a wrong global rate hurts Adagrad as it hurts SGD.

# %% [markdown]
# ### Along the axes, and turned
#
# A valley with curvatures 1 and $\kappa$, once along the axes and once turned by 45°.
# Adagrad is blind to the unit of a coordinate, so along the axes $\kappa$ should not matter to it. And turned?
#
# A third method shows what is missing: *full-matrix* Adagrad, $G_t=\sum gg^\top$ and the step $-\eta\,G_t^{-1/2}g_t$.


# %%
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

# %%
fig, axes = plt.subplots(2, 1, figsize=(8.5, 7.4), layout="constrained")
titles = ["Along the axes (κ = 100): Adagrad does not see the valley", "Turned by 45°: Adagrad creeps like SGD"]
for ax, title, degrees, reach in zip(axes, titles, (0, 45), ((-5.2, 1.5), (-4.2, 1)), strict=True):
    h, _ = valley(degrees, 100)
    paths = {f"{name} ({len(best[100, degrees, name]) - 1} steps)": best[100, degrees, name][:61] for name in ("SGD", "Adagrad")}
    plots.contours(lambda x, y, h=h: 0.5 * (h[0, 0] * x**2 + 2 * h[0, 1] * x * y + h[1, 1] * y**2), (-4.6, 2.1), reach, paths,
                   title, minimum=(0, 0), ax=ax)  # fmt: skip
plt.show()

# %% [markdown]
# (Each with its best rate; drawn are at most 60 steps. Above, Adagrad's first step is equally long in both coordinates, so it starts at 45° and overshoots one of them.)
#
# **Takeaway.** Along the axes each coordinate has its own curvature, and Adagrad divides it out.
# Turned, both coordinates look alike, and there is nothing to divide out: Adagrad is no better than SGD.
# The full matrix does not care about the angle, but needs $d^2$ numbers and a matrix root in every step.

# %% [markdown]
# ### Where eps stands
#
# torch adds 1e-10 *outside* the root. Ruder (2016) has 1e-8 *inside*.
# In the first step $G=g^2$, so the length should be 1 (times lr). For which gradients does each form keep that?

# %%
sizes = np.array([1.0, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 0.0])
outside = 0 - adagrad_step(np.zeros(7), sizes, np.zeros(7), lr=1.0)[0]
inside = sizes / np.sqrt(sizes**2 + 1e-8)
for g, a, b in zip(sizes, outside, inside, strict=True):
    print(f"|g| = {g:<7g} first step / lr:  √G + 1e-10: {a:.4f}   √(G + 1e-8): {b:.4f}")

# %% [markdown]
# Inside the root, 1e-8 bites at $|g|=\sqrt{10^{-8}}=10^{-4}$; outside, 1e-10 bites at $10^{-10}$.
# With a zero gradient neither moves; without eps you would have 0/0.

# %% [markdown]
# ## Folklore on trial
#
# ### "It updates rare features more"
#
# More in which sense? Train on 20 000 samples, five streams. Then measure three things:
#
# 1. give both weights the same small gradient: who moves farther? (This is the effective rate.)
# 2. the mean length of the updates that a feature got, each time it was present;
# 3. the whole way that its weight went.


# %%
def response(step, path, state, lr):
    """How much farther the rare weight moves than the frequent one under the same small gradient, (seeds,)."""
    probe, still = (step(path[-1], np.full(state.shape, g), state, lr)[0] for g in (1e-6, 0.0))
    moved = abs(probe - still)
    return moved[:, 1] / moved[:, 0]


path, total = train(adagrad_step, 0.1, 20_000, seeds=5)
lengths = abs(np.diff(path, axis=0))
per_update = np.array([[way[way > 0].mean() for way in stream.T] for stream in lengths.transpose(1, 0, 2)])
whole_way = lengths.sum(axis=0)
print("effective rate, rare / frequent:", response(adagrad_step, path, total, 0.1).round(2))
print("√(G frequent / G rare):         ", np.sqrt(total[:, 0] / total[:, 1]).round(2))
print("mean update, rare / frequent:   ", (per_update[:, 1] / per_update[:, 0]).round(1))
print("whole way, rare / frequent:     ", (whole_way[:, 1] / whole_way[:, 0]).round(2))

# %% [markdown]
# The rate is $\sqrt{G_\text{freq}/G_\text{rare}}$ times higher, to the digit.
# The feature is 50 times rarer, and $\sqrt{50}\approx7$: Adagrad makes up for the *root* of the rarity, not for all of it.

# %%
ruling = trial(
    "Adagrad updates rare features more",
    {
        "the same gradient moves them farther": np.all(response(adagrad_step, path, total, 0.1) > 2),
        "one update is longer": np.all(per_update[:, 1] > 2 * per_update[:, 0]),
        "their weights go a longer way in all": np.all(whole_way[:, 1] > whole_way[:, 0]),
    },
    only_if="counted per update, not in total",
)
assert ruling == "holds only if counted per update, not in total"
ruling

# %% [markdown]
# ### "Nesterov's method updates rare features more, so it suits sparse data"
#
# Some notes have this sentence, word for word the one about Adagrad.
# Ruder (2016, §4.3) has it under Adagrad, with Dean et al. (2012), whose network learned to recognise cats, and GloVe (Pennington et al. 2014).
# Measure SGD and Nesterov with the same probe.

# %%
ratios = {}
for name, step, lr in [("SGD", sgd, 0.01), ("Nesterov", nesterov, 0.001)]:
    path, state = train(step, lr, 20_000, seeds=5)
    ratios[name] = response(step, path, state, lr)
    print(f"{name:9} effective rate, rare / frequent:", " ".join(f"{ratio:.3f}" for ratio in ratios[name]))

# %%
gentle = {}
for momentum in (0.5, 0.9, 0.99):
    path, state = train(lambda *given, m=momentum: nesterov(*given, momentum=m), 0.001, 2000, seeds=5)
    gentle[momentum] = response(lambda *given, m=momentum: nesterov(*given, momentum=m), path, state, 0.001)
ruling = trial(
    "Nesterov's method updates rare features more",
    {f"momentum {momentum}: the same gradient moves them farther": np.all(ratio > 1.01) for momentum, ratio in gentle.items()},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# Nesterov changes *where* the gradient is taken. Its rate is one number for all.
#
# ### "The learning rate decays towards zero, like $1/\sqrt t$"
#
# Fit the power of $t$ in the rate $\eta/\sqrt{G_t}$ between steps 1000 and 10 000.

# %%
rng = np.random.default_rng(1)
given = np.column_stack([np.full(n, 0.01), rng.normal(size=n), np.arange(n) % 50 == 0])
theta, total, sums = np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(4), []
for row in given:
    theta, total = adagrad_step(theta, np.append(row, theta[3]), total, lr=0.1)
    sums.append(total)
seen = np.arange(1000, n + 1, 50)
powers = [np.polyfit(np.log(seen), -0.5 * np.log(np.array(sums)[seen - 1, j]), 1)[0] for j in range(4)]

names = ("steady, 0.01", "noise", "a 1 in every 50 steps", "the bowl x²/2: the gradient vanishes")
ruling = trial(
    "the learning rate decays towards zero, like 1/√t",
    {f"{name}: power {round(power, 2) + 0:.2f}": abs(power + 0.5) < 0.05 for name, power in zip(names, powers, strict=True)},
    only_if="the gradients do not vanish",
)
assert ruling == "holds only if the gradients do not vanish"
ruling

# %% [markdown]
# With mini-batches gradients do not vanish, so in deep learning the rate does decay.
#
# ### "So Adagrad stops before it arrives"
#
# The steps shrink, but their sum $2\eta\sqrt t$ has no bound.
# Walk 20 000 steps down the bowl $x^2/2$ from 1, quietly, with noise, and after a burst of ten gradients of ±1000.

# %%
rng = np.random.default_rng(2)
extra = np.zeros((20_000, 3))
extra[:, 1] = 0.1 * rng.normal(size=20_000)
extra[:10, 2] = 1000 * (-1.0) ** np.arange(10)
x, total = np.ones(3), np.zeros(3)
for noise in extra:
    x, total = adagrad_step(x, x + noise, total, lr=0.01)

names = ("the bowl alone", "noise of 0.1 on each gradient", "a burst of ±1000 first")
ruling = trial(
    "Adagrad stops on the way (still above 0.1 after 20000 steps)",
    {f"{name}: |x| = {end:.2f}": end > 0.1 for name, end in zip(names, abs(x), strict=True)},
    only_if="huge gradients came early",
)
assert ruling == "holds only if huge gradients came early"
ruling

# %% [markdown]
# Say: *it does not stop, it slows down, and it cannot forget. A burst of large gradients is what really kills it.*
#
# ### "With Adagrad you need not tune the learning rate"

# %%
start = np.array([-4.0, 1.0])


def ends_at(scale):
    """Where 200 steps on the valley end when coordinate i's gradient is multiplied by scale[i]."""
    theta, total = start, np.zeros(2)
    for _ in range(200):
        theta, total = adagrad_step(theta, np.array(scale) * theta, total, lr=0.1)
    return theta


score = {lr: np.linalg.norm(error) for lr, error in zip(rates.round(3), errors["Adagrad"], strict=True)}
ruling = trial(
    "with Adagrad no learning rate has to be tuned",
    {
        "one coordinate's gradient × 1000: the same path": np.allclose(ends_at([1, 1000]), ends_at([1, 1]), atol=1e-6),
        "the loss × 1000: the same path": np.allclose(ends_at([1000, 1000]), ends_at([1, 1]), atol=1e-6),
        "sparse features, the default 0.01: error within 1.5 of the best": score[0.01] < 1.5 * min(score.values()),
        "sparse features, ten times the best: too": score[3.162] < 1.5 * min(score.values()),
    },
    only_if="it is the rates of single coordinates that you mean",
)
assert ruling == "holds only if it is the rates of single coordinates that you mean"
ruling

# %% [markdown]
# Sentences that survive a follow-up:
# *Adagrad spares me a rate per coordinate. The global rate is a length, about the distance to go, and still mine to choose.*

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adagrad adds up the squared gradients of each parameter and divides the step by the root of that sum.
# So a parameter with few or small gradients keeps a high rate, and one with many gets a low one.
# That suits sparse data, such as word embeddings.
# The root comes from the regret bound: in hindsight the best fixed rate of a coordinate is its distance over the root of the sum of squares.
# The drawback is that the sum only grows: for a steady gradient the step is η over root t, and an early burst is never forgotten."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the two lines: $G\leftarrow G+g^2$, then $\theta\leftarrow\theta-\eta\,g/(\sqrt G+\varepsilon)$, entry by entry.
# - Why the root: one coordinate's regret is at most $D^2/2\eta+\eta G/2$, smallest at $\eta=D/\sqrt G$. Taking the sum so far costs $\sqrt2$.
# - Rare features: the rate is $\sqrt{G_\text{freq}/G_\text{rare}}$ times higher, here about 8 for a feature 50 times rarer. Per update; in total they still move less.
# - Units: scale one coordinate's gradient by $c$, and nothing changes. It is a diagonal preconditioner: a valley along the axes vanishes, a turned one stays.
# - Drawback: step $\eta/\sqrt t$ for steady or noisy gradients; a burst at the start spoils the rate for good. RMSprop and Adadelta average instead.
# - η: tuning per coordinate is spared, the global rate is not. eps: outside the root in torch, 1e-10.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why do RMSprop and Adadelta forget?</summary>
#
# In a network the gradients of the start say little about the curvature later on.
# A running mean of $g^2$ follows the last $1/(1-\rho)$ steps only, so its step does not fade: for a steady gradient it tends to η instead of $\eta/\sqrt t$.
# The price: with gradient noise it hovers at a distance set by η, and it needs a schedule; Adagrad has its schedule built in.
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
# The default is 0, and one decay is mostly enough.
#
# </details>
#
# <details><summary>What is full-matrix Adagrad, and why does nobody run it?</summary>
#
# $G=\sum gg^\top$ and the step $-\eta\,G^{-1/2}g$: it also rescales directions between the axes, so a turned valley is no harder.
# It costs $d^2$ memory and about $d^3$ work for the root. Shampoo and its kin approximate it with one small matrix per side of a weight matrix.
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
# In long training of networks a bug: the landscape changes, and the rate cannot rise again.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Adagrad averages the squared gradients." It sums them; averaging is RMSprop.
# - "The rate becomes zero and training stops." It falls like $1/\sqrt t$, and the way has no bound.
# - "Nesterov gives rare features larger updates." It has one rate for all.
# - "No learning rate to tune."
# - "It handles any ill-conditioned problem." Only along the axes.
# - Dividing before the sum is updated: the first step divides by eps.

# %% [markdown]
# ## References
#
# - J. Duchi, E. Hazan, Y. Singer. *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization.* JMLR 12, 2011: the method, diagonal and full, and its regret.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* 2016. §4.3: eps inside the root, η = 0.01, and the examples below.
# - J. Dean et al. *Large Scale Distributed Deep Networks.* NIPS 2012: Adagrad at scale.
# - J. Pennington, R. Socher, C. Manning. *GloVe: Global Vectors for Word Representation.* EMNLP 2014: embeddings trained with Adagrad.
# - PyTorch documentation of `torch.optim.Adagrad`: `lr_decay`, `initial_accumulator_value`, and the form that the check compares with.
