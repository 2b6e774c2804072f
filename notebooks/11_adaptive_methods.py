# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Which optimisers are adaptive? Nadam, AdamW, and how to choose
#
# *自适应优化算法有哪些?Nadam、AdamW 怎么选?*

# %% [markdown]
# ## Question
#
# "Which optimisers do you call adaptive, and what does the word mean?
# What do Nadam and AdamW change in Adam?
# Which one would you take for a new problem?"
#
# "哪些优化算法是自适应的?'自适应'是什么意思?Nadam 和 AdamW 相对 Adam 改了什么?新任务怎么选优化器?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **A definition**: a rate for each parameter, derived from the history of that parameter's own gradients.
# - **The full list**: Adagrad, Adadelta, RMSprop, Adam, Nadam, AdamW (and AMSGrad, RAdam). Momentum and Nesterov are *not* on it.
# - **Decoupled decay**: why L2 in the gradient and weight decay are the same for plain SGD and not for Adam. Then: "halve the rate in torch, what happens to the decay?"
# - **Nadam's look-ahead**, derived from Nesterov's.
# - **A reason for the choice**: why Adam leads on transformers, and why tuned SGD with momentum can be as good on image classifiers.

# %% [markdown]
# ## The idea
#
# ### One map: what each method repairs in the one before
#
# | method | state per parameter | repairs | adaptive |
# |---|---|---|---|
# | SGD | none | | no |
# | momentum, Nesterov (05, 06) | velocity | slow progress along flat directions, zig-zag across steep ones | no: one rate for all |
# | Adagrad (07) | sum of $g^2$ | one rate for parameters with rare and frequent, large and small gradients | yes |
# | RMSprop (09) | running mean of $g^2$ | Adagrad's sum never forgets | yes |
# | Adadelta (08) | running means of $g^2$ and $\Delta\theta^2$ | the same, and the units | yes |
# | Adam (10) | running means of $g$ and $g^2$ | RMSprop without momentum, biased early | yes |
# | AdamW | as Adam | L2 is rescaled like a gradient | yes |
# | Nadam | as Adam | Adam's momentum does not look ahead | yes |
# | Newton, BFGS, L-BFGS (12, 14) | curvature, or differences of gradients | diagonal scaling is blind to correlations | no: they use the shape of the loss, not the size of past gradients |
#
# A learning-rate schedule is not adaptive either: it looks at the clock, not at the gradients (question 47).

# %% [markdown]
# ### AdamW: where the decay goes
#
# With the penalty $\frac\lambda2\lVert\theta\rVert^2$ the gradient becomes $g+\lambda\theta$. For plain SGD this *is* weight decay (with momentum no longer quite: question 46 tries it):
#
# $$
# \theta-\eta(g+\lambda\theta)=(1-\eta\lambda)\,\theta-\eta g .
# $$
#
# In Adam $g+\lambda\theta$ goes through both moments, and the decay is divided by $\sqrt{\hat v}$ with all the rest:
# a weight with large gradients hardly decays, one with small gradients decays fast.
# AdamW takes the decay out of the gradient and applies it to θ alone. With $s_t$ the schedule's multiplier there are two versions:
#
# $$
# \text{paper: }\;\theta\leftarrow\theta-s_t\Big(\eta\,\frac{\hat m}{\sqrt{\hat v}+\varepsilon}+\lambda\theta\Big),
# \qquad
# \text{torch: }\;\theta\leftarrow\theta-s_t\,\eta\Big(\frac{\hat m}{\sqrt{\hat v}+\varepsilon}+\lambda\theta\Big).
# $$
#
# In the paper (Loshchilov & Hutter 2019, Algorithm 2) the schedule scales the decay and the base rate does not; that λ and η can be tuned independently is its selling point.
# In torch the decay is $\eta\lambda$ per step: **halve `lr` and the decay per step is halved too**; to keep it, double `weight_decay`.
# Its memory, $1/(\eta\lambda)$ steps, tells how long an old update survives: with `lr` 3e-4 and `weight_decay` 0.1 about 33,000 steps.

# %% [markdown]
# ### Nadam: Adam that looks ahead
#
# Question 06 writes Nesterov's step as $b_t=\mu b_{t-1}+g_t$, $\theta\leftarrow\theta-\eta\,(g_t+\mu b_t)$: today's gradient, plus the momentum that already contains it.
# Adam's numerator is $m_t=\beta_1m_{t-1}+(1-\beta_1)g_t$: today's gradient, plus *yesterday's* momentum.
# So replace $m_{t-1}$ by $m_t$, which gives $(1-\beta_1)g_t+\beta_1m_t$, and correct the bias of each term. That is Nadam (Dozat 2016).
# With a schedule $\mu_t$ in the place of $\beta_1$, as torch has it,
#
# $$
# \bar m_t=\frac{(1-\mu_t)\,g_t}{1-\Pi_t}+\frac{\mu_{t+1}\,m_t}{1-\Pi_t\,\mu_{t+1}},
# \qquad \Pi_t=\mu_1\mu_2\cdots\mu_t,
# \qquad \mu_t=\beta_1\big(1-\tfrac12\cdot0.96^{\,t\psi}\big),\;\psi=0.004 .
# $$
#
# $\mu_t$ starts near $\beta_1/2$ and climbs slowly towards $\beta_1$.
# The products Π are modelled on Adam's $\beta_1^t$, but $m$ is still averaged with $\beta_1$, so the correction is not exact: you will measure it.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, published, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: Nadam
#
# Pure: take the state, return the new one. `mu_product` starts at 1 and gets this step's μ multiplied in.

# %%
def nadam_step(
    theta, grad, m, v, mu_product, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3
):
    """theta, grad, m, v (d,), mu_product a number, t from 1 -> (theta, m, v, mu_product), all new; nothing is changed.

    torch's schedule: mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2). eps outside the root of the corrected v.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(nadam_step)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the order</summary>
#
# μ_t and μ_{t+1}; the product with μ_t; m and v as in Adam; then the two terms of the numerator.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: which μ where?</summary>
#
# The gradient's weight and its correction use μ_t and the product up to t. The momentum's use μ_{t+1}, in the factor and in the correction.
# What you return is the product up to t.
#
# </details>

# %% [markdown]
# ### Exercise 2: AdamW
#
# Decoupled decay, as torch: it is multiplied by lr, and taken off before the step.

# %%
def adamw_step(theta, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """theta, grad, m, v (d,), t from 1 -> (theta, m, v), all new; nothing is changed.

    The decay is lr·weight_decay·theta, of the old theta, as in torch. eps outside the root of the corrected v.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(adamw_step)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what must not see the decay?</summary>
#
# m and v: they take the plain gradient.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one factor</summary>
#
# Multiply the old θ by (1 − lr·weight_decay), then take Adam's step off it.
#
# </details>

# %% [markdown]
# ### Exercise 3: is it adaptive?
#
# For "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamw", "newton", "lbfgs"; `ValueError` for any other name.

# %%
def is_adaptive(name):
    """Does the method give each parameter a rate from its own gradients' history? -> bool.

    Newton and L-BFGS do not count: they use curvature. ValueError for any name that is not in the list above.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(is_adaptive)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: look at the state</summary>
#
# A method is adaptive in this sense if it keeps something like a sum or mean of squared gradients for each parameter.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Nadam's first steps
#
# A steady gradient of 1. Adam's step is `lr` from the first step on. What does Nadam do?

# %%
theta, m, v, product = np.zeros(1), np.zeros(1), np.zeros(1), 1.0
sizes = []
for t in range(1, 21):
    before = theta
    theta, m, v, product = nadam_step(theta, np.ones(1), m, v, product, t)
    sizes.append((before - theta)[0] / 2e-3)
print("step / lr at t = 1, 2, 3, 10, 20:", *(f"{sizes[t - 1]:.2f}" for t in (1, 2, 3, 10, 20)))


# %% [markdown]
# **Takeaway.** The products belong to weights μ, the average has weights $\beta_1$: from the second step to about the twentieth Nadam's steps are too short, by a quarter at worst. That acts like a short warm-up.
#
# ### Halve the rate in torch
#
# A weight without gradient, 2000 steps, λ·η = 1e-4 at first. Then η is halved: in torch's way, and in the paper's (there the decay per step stays, so `weight_decay` doubles).

# %%
def left(lr, weight_decay, n_steps=2000):
    """What is left of a weight 1.0 that gets no gradient."""
    theta, m, v = np.ones(1), np.zeros(1), np.zeros(1)
    for t in range(1, n_steps + 1):
        theta, m, v = adamw_step(theta, np.zeros(1), m, v, t, lr=lr, weight_decay=weight_decay)
    return theta[0]


print(f"lr 1e-3: {left(1e-3, 0.1):.2f}    lr 5e-4, torch: {left(5e-4, 0.1):.2f}    lr 5e-4, paper: {left(5e-4, 0.2):.2f}")


# %% [markdown]
# **Takeaway.** A sweep over `lr` in torch is a sweep over the decay as well. Sweep $\eta\lambda$ and η, or say that you did not.
#
# ### A race, tuned
#
# A comparison of optimisers is a comparison of tuning, so the budget is stated and the same for all: **31 learning rates, six per decade, from $10^{-4}$ to $10$; the best final loss counts.** Nothing else is tuned.
# All rates run at once, one row each. The other methods are given code, in their shortest form.

# %% tags=["hide-input"]
def make_methods():
    """name → (step, number of states); step(theta, grad, state, t, lr), every array (R, d), lr (R, 1)."""

    def sgd(th, g, s, t, lr):
        return th - lr * g, s

    def momentum(th, g, s, t, lr):
        v = 0.9 * s[0] + lr * g
        return th - v, [v]

    def nesterov(th, g, s, t, lr):
        b = 0.9 * s[0] + g
        return th - lr * (g + 0.9 * b), [b]

    def adagrad(th, g, s, t, lr):
        total = s[0] + g**2
        return th - lr * g / (np.sqrt(total) + 1e-10), [total]

    def adadelta(th, g, s, t, lr):
        a = 0.9 * s[0] + 0.1 * g**2
        change = np.sqrt(s[1] + 1e-6) / np.sqrt(a + 1e-6) * g
        return th - lr * change, [a, 0.9 * s[1] + 0.1 * change**2]

    def rmsprop(th, g, s, t, lr):
        a = 0.9 * s[0] + 0.1 * g**2
        return th - lr * g / (np.sqrt(a) + 1e-8), [a]

    def adam(th, g, s, t, lr):
        th, m, v = adamw_step(th, g, s[0], s[1], t, lr, 0.9, 0.999, 1e-8, 0.0)
        return th, [m, v]

    def nadam(th, g, s, t, lr):
        th, m, v, product = nadam_step(th, g, s[0], s[1], s[2], t, lr)
        return th, [m, v, product]

    def adamw(th, g, s, t, lr):
        th, m, v = adamw_step(th, g, s[0], s[1], t, lr)
        return th, [m, v]

    return {
        "SGD": (sgd, 0), "momentum": (momentum, 1), "Nesterov": (nesterov, 1), "Adagrad": (adagrad, 1), "Adadelta": (adadelta, 2),
        "RMSprop": (rmsprop, 1), "Adam": (adam, 2), "Nadam": (nadam, 3), "AdamW": (adamw, 2),
    }


methods = make_methods()
budget = np.round(10.0 ** np.linspace(-4, 1, 31), 6)


def run(name, grad_fn, theta0, n_steps, rates=budget):
    """The paths (n_steps + 1, R, d) of one method, a row for each rate; grad_fn(theta (R, d), t) -> (R, d)."""
    step, size = methods[name]
    rates = np.asarray(rates)[:, None]
    theta = np.repeat(np.asarray(theta0, dtype=float)[None], len(rates), axis=0)
    state = [np.zeros_like(theta) for _ in range(size)]
    if name == "Nadam":
        state[2] = 1.0
    path = [theta]
    with np.errstate(all="ignore"):
        for t in range(1, n_steps + 1):
            theta, state = step(theta, grad_fn(theta, t), state, t, rates)
            path.append(theta)
    return np.array(path)


def best_of(losses):
    """Index of the lowest loss; NaN counts as infinite."""
    return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))


rosen, rosen_grad, _ = data.rosenbrock()
scales = np.array([1.0, 0.01])
problems = {
    "Rosenbrock": (rosen, lambda th, t: rosen_grad(th), np.array([-1.2, 1.0])),
    "valley along the axes, κ = 100": (lambda th: 0.5 * np.sum(scales * th**2, axis=-1), lambda th, t: scales * th, np.array([1.0, 4.0])),
}
race = {}
with np.errstate(all="ignore"):
    for problem, (loss_fn, grad_fn, begin) in problems.items():
        for name in methods:
            path = run(name, grad_fn, begin, 300)
            row = best_of(loss_fn(path[-1]))
            race[problem, name] = path[:, row]

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, problem in zip(axes, problems, strict=True):
    for name in methods:
        values = np.maximum(problems[problem][0](race[problem, name]), 1e-12)
        ax.semilogy(values, color=plots.color(name), label=name)
    ax.set(xlabel="step", ylabel="loss", title=problem, ylim=(1e-12, 1e2))
axes[1].legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
fig.suptitle("Which methods lead depends on the problem", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Two problems, two orders: momentum leads on Rosenbrock, Adagrad in the valley along the axes.
# Do not read AdamW's place on the right as merit: its decay pulls towards 0, and there the minimum happens to lie.
#
# And a small network on digits: 64 → 24 → 10 with tanh, mini-batches of 64, four epochs, every second rate of the same range (16 rates), **four seeds**.

# %% tags=["hide-input"]
x_train, y_train, x_test, y_test = data.digits()
shapes, cuts = ((64, 24), (24,), (24, 10), (10,)), np.cumsum([64 * 24, 24, 240])
rows_of = np.arange(len(y_train))


def unpack(theta):
    parts = np.split(theta, cuts, axis=-1)
    return [part.reshape(theta.shape[:-1] + shape) for part, shape in zip(parts, shapes, strict=True)]


def forward(theta, x):
    """Hidden units and log-probabilities of R networks, theta (R, d)."""
    w1, b1, w2, b2 = unpack(theta)
    h = np.tanh(x @ w1 + b1[:, None])
    z = h @ w2 + b2[:, None]
    z = z - z.max(axis=-1, keepdims=True)
    return h, z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def network_gradient(theta, rows):
    """Gradients (R, d) of the mean cross-entropy on some rows of the data."""
    x, w2, count = x_train[rows], unpack(theta)[2], len(theta)
    h, log_p = forward(theta, x)
    dz = np.exp(log_p)
    dz[:, np.arange(len(rows)), y_train[rows]] -= 1
    dz /= len(rows)
    dh = dz @ w2.swapaxes(1, 2) * (1 - h**2)
    parts = (x.T @ dh, dh.sum(1), h.swapaxes(1, 2) @ dz, dz.sum(1))
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def train(name, seed, rates=budget[::2]):
    """(training losses, test accuracies), one for each rate, after four epochs."""
    rng = np.random.default_rng(seed)
    start = 0.15 * rng.normal(size=cuts[-1] + 10)
    orders = [rng.permutation(len(x_train)) for _ in range(4)]
    batches = [order[i : i + 64] for order in orders for i in range(0, len(order), 64)]
    theta = run(name, lambda th, t: network_gradient(th, batches[t - 1]), start, len(batches), rates)[-1]
    with np.errstate(all="ignore"):
        losses = -forward(theta, x_train)[1][:, rows_of, y_train].mean(axis=1)
        return losses, (forward(theta, x_test)[1].argmax(axis=-1) == y_test).mean(axis=1)


digits = {(name, seed): train(name, seed) for name in methods for seed in range(4)}
loss = {key: losses[best_of(losses)] for key, (losses, _) in digits.items()}
accuracy = {key: accuracies[best_of(losses)] for key, (losses, accuracies) in digits.items()}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, values, words in zip(axes, (loss, accuracy), ("training loss after 4 epochs", "test accuracy"), strict=True):
    for row, name in enumerate(methods):
        four = [values[name, seed] for seed in range(4)]
        ax.plot(four, [row] * 4, "o", color=plots.color(name), alpha=0.6)
        ax.plot(np.mean(four), row, "|", color=plots.color(name), markersize=18, markeredgewidth=2)
    ax.set(xlabel=words)
axes[0].set(xscale="log", yticks=range(len(methods)), yticklabels=list(methods))
axes[0].set_xticks([0.05, 0.1, 0.2, 0.5], ["0.05", "0.1", "0.2", "0.5"])
axes[0].set_xticks([], minor=True)
axes[0].invert_yaxis()
fig.suptitle("Tuned, the seeds of the leading methods overlap (a dot a seed, a bar the mean)", x=0.01, ha="left")
plt.show()


# %% [markdown]
# **Takeaway.** Momentum, Nesterov, Adam, Nadam and AdamW overlap: the seed decides between them. SGD without momentum is far behind after four epochs.

# %% [markdown] tags=["deeper"]
# ### Deeper: Lion, a sign with memory
#
# Lion (Chen et al. 2023, found by program search) keeps one array and steps by a sign:
#
# $$
# u=\operatorname{sign}\big(\beta_1m+(1-\beta_1)g\big),\qquad \theta\leftarrow\theta-\eta\,(u+\lambda\theta),\qquad m\leftarrow\beta_2m+(1-\beta_2)g,
# $$
#
# with $\beta_1=0.9$, $\beta_2=0.99$. It is steepest descent in the max norm (question 01), with momentum.
# Every coordinate moves by exactly η, which is larger than most of Adam's steps; so the rate is three to ten times smaller than AdamW's and λ is as much larger, which keeps $\eta\lambda$.
# Adam with $\beta_1=\beta_2=0$ is sign descent too: $g/\sqrt{g^2}$.

# %% [markdown] tags=["deeper"]
# ### Deeper: large batches, LARS and LAMB
#
# With batches of many thousands and a linearly scaled rate, some layers diverge first: those where the step is long compared with their weights.
# So scale each *layer's* step $u$ by its trust ratio, with $w$ the layer's weights:
#
# $$
# w\leftarrow w-\eta\,\frac{\lVert w\rVert}{\lVert u\rVert}\,u .
# $$
#
# LARS (You et al. 2017) takes $u=g+\lambda w$ (its paper divides by $\lVert g\rVert+\lambda\lVert w\rVert$) and momentum, for ResNets; LAMB (You et al. 2020) takes Adam's step plus $\lambda w$, and trained BERT in 76 minutes.
# Both change every layer by about the same *share* per step. Biases and normalisation parameters are left out of it.

# %% [markdown]
# ## Folklore on trial
#
# ### "AdamW equals Adam with L2"
#
# A weight that nothing needs: it starts at 1, its gradients are pure noise. How much decays in 1000 steps? Do the two agree within 10 %, or at least within 30 %?

# %%
def same_decay(noise, weight_decay, seed):
    """Adam + L2 takes as much off the weight as AdamW; mean of 200 such weights, lr 1e-3."""
    rng = np.random.default_rng(seed)
    gone = {}
    for decoupled in (True, False):
        theta, m, v = np.ones(200), np.zeros(200), np.zeros(200)
        for t, g in enumerate(noise * rng.normal(size=(1000, 200)), start=1):
            inside, outside = (0.0, weight_decay) if decoupled else (weight_decay, 0.0)
            theta, m, v = adamw_step(theta, g + inside * theta, m, v, t, weight_decay=outside)
        gone[decoupled] = 1 - theta.mean()
    ratio = gone[False] / gone[True]
    return bool(abs(ratio - 1) < 0.1), bool(abs(ratio - 1) < 0.3)


trial(
    "Adam with L2 in the gradient decays like AdamW",
    same_decay,
    over=settings(noise=[0, 0.1, 0.3, 3, 10], weight_decay=[0.1, 0.3], seed=0),
    control=dict(noise=1.0, weight_decay=0.3, seed=0),
    expect="does not hold",
)

# %% [markdown]
# The control shows the mechanism: where the noise has size 1, $\sqrt{\hat v}\approx1$, and dividing by it changes nothing.
# Smaller gradients, and L2 decays faster than AdamW; larger ones, and it hardly decays.
#
# ### "Adaptive methods need no learning rate"
#
# The network on digits again, each method at its *published default*. Is the loss within 1.5 times the tuned one? Within 3 times? The control is a tuned rate.

# %%
defaults = {"Adagrad": 0.01, "RMSprop": 0.001, "Adam": 0.001, "AdamW": 0.001, "Nadam": 0.002}


def good_enough(method, lr, seed):
    ours = train(method, seed, [lr])[0][0]
    return bool(ours < 1.5 * loss[method, seed]), bool(ours < 3 * loss[method, seed])


trial(
    "an adaptive method is as good at its default rate as at a tuned one",
    good_enough,
    over=[dict(method=name, lr=lr, seed=seed) for name, lr in defaults.items() for seed in (0, 1)],
    control=dict(method="Adam", lr=0.03, seed=0),
    expect="does not hold",
)


# %% [markdown]
# Adaptive methods make *one* rate usable for all parameters; they do not choose it. Four epochs are short, and the defaults are cautious.
#
# ### "An adaptive method is the better choice"
#
# In general, then? For each seed the best of the six adaptive methods meets the best of SGD, momentum and Nesterov.
# The papers differ, and so do our seeds.

# %%
def adaptive_first(seed):
    """By training loss, and by test accuracy: is the best adaptive method ahead of the best other one?"""
    ahead = []
    for values, sign in ((loss, 1), (accuracy, -1)):
        ranked = {flag: min(sign * values[name, seed] for name in methods if is_adaptive(name.lower()) == flag) for flag in (True, False)}
        ahead.append(bool(ranked[True] < ranked[False]))
    return tuple(ahead)


trial(
    "tuned, an adaptive method ends ahead of SGD with momentum",
    adaptive_first,
    over=settings(seed=range(4)),
    published=[
        published("Wilson et al. 2017, abstract", "on several deep networks adaptive methods generalise worse than SGD, often significantly", holds=False),
        published("Choi et al. 2019, abstract", "with enough tuning adaptive methods never do worse than momentum", holds=True),
    ],
    expect="not decided here",
)


# %% [markdown]
# Schmidt et al. 2021 compared fifteen optimisers under equal budgets and found no winner for all problems. Say that. The best-known exception is language, and the long tail of tokens is one reason (question 10).

# %% [markdown] tags=["deeper"]
# ### Deeper: "Adam beats SGD on language", without any noise
#
# [Question 10](10_adam.ipynb) tries this with mini-batches. Is it the noise of the batches that SGD cannot stand? Or the long tail of words (Kunstner et al. 2024): a rare token's row sees tiny gradients, and plain gradient descent learns it slowly?
# A toy: token $k$ occurs with frequency ∝ $1/k^a$ and predicts one of ten labels, right with probability 0.8. The model is one row of logits per token, full batch, so there is no noise at all. 60 steps, every rate tuned.

# %% tags=["deeper"]
def excess(exponent, tokens, seed, method, n_steps=60):
    """Best loss above the entropy over 19 rates, four per decade."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, tokens + 1) ** exponent
    frequency = (frequency / frequency.sum())[:, None]
    target = np.full((tokens, 10), 0.2 / 9)
    target[np.arange(tokens), rng.integers(10, size=tokens)] = 0.8

    def log_p(theta):
        z = theta.reshape(-1, tokens, 10)
        z = z - z.max(axis=-1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    rates = 10.0 ** (np.arange(19) / 4 + (-2.5 if is_adaptive(method.lower()) else -0.5))
    gradient = lambda theta, t: (frequency * (np.exp(log_p(theta)) - target)).reshape(theta.shape)
    last = run(method, gradient, np.zeros(tokens * 10), n_steps, rates)[-1]
    losses = np.sum(frequency * target * (np.log(target) - log_p(last)), axis=(1, 2))
    return losses[best_of(losses)]


rows = {a: {name: excess(a, 300, 0, name) for name in ("SGD", "momentum", "Adam")} for a in (0, 0.5, 1, 1.5)}
print("exponent a       SGD  momentum      Adam   (loss above the minimum; 1e-6 and less shown as 1e-6)")
for a, row in rows.items():
    print(f"{a:<10}", *(f"{max(value, 1e-6):9.0e}" for value in row.values()))


# %% tags=["deeper"]
def adam_wins(exponent, tokens, seed):
    """Tuned Adam ends below half, and below a tenth, of what tuned SGD and tuned momentum reach."""
    adam = max(excess(exponent, tokens, seed, "Adam"), 1e-6)
    plain = min(excess(exponent, tokens, seed, name) for name in ("SGD", "momentum"))
    return bool(adam < plain / 2), bool(adam < plain / 10)


trial(
    "with full batches too, Adam beats SGD and momentum",
    adam_wins,
    over=settings(exponent=[0, 0.25, 1, 1.5], tokens=300, seed=[0, 1]),
    held_out=settings(exponent=[0.1, 0.2, 0.3, 0.9, 1.1, 1.3], tokens=[250, 500], seed=2),
    only_if=("the tokens have a heavy tail (exponent above 0.6)", lambda exponent: exponent > 0.6),
    published=[
        published("Kunstner et al. 2024, abstract", "with gradient descent the loss of infrequent words decreases more slowly; Adam is less sensitive to it", holds=True, inside=True),
    ],
    expect="holds only if the tokens have a heavy tail (exponent above 0.6)",
)

# %% [markdown] tags=["deeper"]
# Adam's figure does not depend on the exponent at all: it divides each row's frequency out.
# It is one mechanism, not the whole story: blocks of a transformer also differ in curvature (Zhang et al. 2024), and sign-like steps suit that too.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adaptive means a rate for each parameter from its own past gradients: Adagrad, Adadelta, RMSprop, Adam, Nadam, AdamW. Momentum is not.
# Nadam adds Nesterov's look-ahead; AdamW takes weight decay out of the gradient, so that it isn't rescaled.
# For transformers I take AdamW with warm-up and cosine decay; for convolutional networks I also tune SGD with momentum.
# Shall I explain why Adam wins on language?"
#
# ### 三十秒回答
#
# "自适应指每个参数按自己历史梯度的大小有自己的学习率:Adagrad、Adadelta、RMSprop、Adam、Nadam、AdamW;动量法不算。
# Nadam 加了 Nesterov 的前瞻;AdamW 把权重衰减移出梯度,不被二阶矩缩放。
# Transformer 我用 AdamW 加 warmup 和余弦衰减;卷积网络也会调 SGD 动量来比较。要讲 Adam 为何更适合语言吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Give the definition and the map; the cost is one array for Adagrad and RMSprop, two for Adadelta and Adam's family.
# - L2 and decay: write $(1-\eta\lambda)\theta-\eta g$ for plain SGD, and say why Adam breaks the equality: $\lambda\theta$ is divided by $\sqrt{\hat v}$.
# - The paper's decay is independent of the base rate; in torch it is multiplied by `lr`, so halving `lr` halves the decay per step. The memory is $1/(\eta\lambda)$ steps.
# - Nadam: in Adam's numerator replace $m_{t-1}$ by $m_t$ and correct each term.
# - Why Adam on transformers: one reason is that rare tokens get small gradients, and dividing by $\sqrt{\hat v}$ makes up for it. Noise is not needed for that: Adam's lead is seen with full batches too.
# - Choosing: transformers and modern convolutional recipes (ConvNeXt) AdamW with warm-up and cosine; classic ResNet recipes SGD with momentum; sparse features Adagrad or Adam; small deterministic problems L-BFGS.
# - Rankings depend on the tuning budget (Choi et al. 2019, Schmidt et al. 2021). State yours.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>I halve lr in torch's AdamW. What happens to the decay?</summary>
#
# It is halved per step as well, since torch multiplies `weight_decay` by `lr`. In the paper it would not change. To keep $\eta\lambda$, double `weight_decay`. A schedule scales both in both versions.
#
# </details>
#
# <details><summary>Which parameters should not decay?</summary>
#
# Usually biases and the γ, β of normalisation layers, often embeddings too: decay is meant for weights whose size matters. In front of a normalisation layer decay acts through the effective learning rate (question 18).
#
# </details>
#
# <details><summary>How much memory does mixed-precision Adam take per parameter?</summary>
#
# 16 bytes: bf16 weights 2 and gradients 2, and in float32 a master copy 4, $m$ 4, $v$ 4 (Rajbhandari et al. 2020). A model of 7 billion parameters needs 112 GB before any activation.
# States in 8 bits save 6 bytes (Dettmers et al. 2022); Adafactor keeps only row and column sums of $v$; ZeRO or FSDP share the states among the GPUs.
#
# </details>
#
# <details><summary>Why the master copy, and what is loss scaling?</summary>
#
# bf16 has 8 significant bits: a step below about 1/256 of the weight is rounded away, so the sum must live in float32.
# float16 has a small range: gradients below 6e-8 become 0, so the loss is multiplied by a large number and the gradients are divided by it before clipping and stepping. bf16 has float32's range and needs no scaling.
#
# </details>
#
# <details><summary>What do large models set, apart from lr?</summary>
#
# $\beta_2=0.95$ in place of 0.999 (GPT-3), so that $v$ follows a spike within 20 steps and not 1000; decay 0.1; clipping by global norm at 1; warm-up (question 47).
#
# </details>
#
# <details><summary>What do AMSGrad and RAdam change?</summary>
#
# AMSGrad divides by the root of the largest $v$ so far, so the rate never grows again (apart from the bias correction): it repairs Reddi's counter-example (question 10). RAdam holds the adaptive rate back while $v$ rests on few samples: a warm-up by formula.
#
# </details>
#
# <details><summary>What are Lion, Muon, Shampoo and SOAP?</summary>
#
# Lion: sign descent with momentum, one state. Muon: momentum whose matrix is made orthogonal, steepest descent in the spectral norm (question 01). Shampoo: Adagrad with a matrix on either side; SOAP: Adam in Shampoo's eigenbasis (question 07).
#
# </details>
#
# <details><summary>Why is Newton not adaptive?</summary>
#
# It rescales by the curvature at the point, with a full matrix, and forgets the past. Adaptive methods rescale by the size of past gradients, with a diagonal.
#
# </details>
#
# <details><summary>Nadam or Adam?</summary>
#
# On the network above the seeds of the two overlap. Without noise it depends on the problem: in the valley above Nadam was far ahead of Adam, on Rosenbrock far behind.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Momentum is adaptive, because its step changes."
# - "AdamW is Adam with L2."
# - "In AdamW lr and weight decay are independent." In the paper; not in torch.
# - "Adaptive methods need no learning rate."
# - "Adam is always the best choice", or "always the worse one": without a budget and a problem neither means anything.
# - Comparing optimisers at their default rates.

# %% [markdown]
# ## References
#
# - T. Dozat. *Incorporating Nesterov Momentum into Adam.* ICLR workshop 2016.
# - I. Loshchilov, F. Hutter. *Decoupled Weight Decay Regularization.* ICLR 2019, Algorithm 2.
# - F. Kunstner, R. Yadav, A. Milligan, M. Schmidt, A. Bietti. *Heavy-Tailed Class Imbalance and Why Adam Outperforms Gradient Descent on Language Models.* NeurIPS 2024.
# - Y. Zhang et al. *Why Transformers Need Adam: A Hessian Perspective.* NeurIPS 2024.
# - A. Wilson et al. *The Marginal Value of Adaptive Gradient Methods in Machine Learning.* NeurIPS 2017.
# - D. Choi et al. *On Empirical Comparisons of Optimizers for Deep Learning.* 2019.
# - R. Schmidt, F. Schneider, P. Hennig. *Descending through a Crowded Valley.* ICML 2021.
# - X. Chen et al. *Symbolic Discovery of Optimization Algorithms.* NeurIPS 2023 (Lion).
# - Y. You, I. Gitman, B. Ginsburg. *Large Batch Training of Convolutional Networks.* 2017 (LARS).
# - Y. You et al. *Large Batch Optimization for Deep Learning: Training BERT in 76 minutes.* ICLR 2020 (LAMB).
# - S. Rajbhandari et al. *ZeRO: Memory Optimizations Toward Training Trillion Parameter Models.* SC 2020.
# - T. Dettmers et al. *8-bit Optimizers via Block-wise Quantization.* ICLR 2022.
# - PyTorch documentation of `torch.optim.NAdam` and `torch.optim.AdamW`.
