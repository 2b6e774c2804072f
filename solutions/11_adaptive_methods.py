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
# - **Decoupled decay**: why L2 in the gradient and weight decay are the same for SGD and not for Adam.
# - **Nadam's look-ahead**, and that torch adds a schedule.
# - **How to choose**: by a tuned comparison under a stated budget, not by reputation.

# %% [markdown]
# ## The idea
#
# ### One table
#
# | method | state per parameter | adaptive |
# |---|---|---|
# | SGD | none | no |
# | momentum, Nesterov | velocity | no: one rate for all |
# | Adagrad | sum of $g^2$ | yes |
# | RMSprop | running mean of $g^2$ | yes |
# | Adadelta | running means of $g^2$ and of $\Delta\theta^2$ | yes |
# | Adam, Nadam, AdamW | running means of $g$ and of $g^2$ | yes |
# | Newton, BFGS, L-BFGS | curvature, or differences of gradients | no: they use the shape of the loss, not the size of past gradients |
#
# A learning-rate schedule is not adaptive either: it looks at the clock, not at the gradients.

# %% [markdown]
# ### AdamW: where the decay goes
#
# With the penalty $\frac\lambda2\lVert\theta\rVert^2$ the gradient becomes $g+\lambda\theta$. For SGD this *is* weight decay:
#
# $$
# \theta-\eta(g+\lambda\theta)=(1-\eta\lambda)\,\theta-\eta g .
# $$
#
# In Adam $g+\lambda\theta$ goes through both moments, and the decay is divided by $\sqrt{\hat v}$ with all the rest:
# a weight with loud gradients hardly decays, one with silent gradients decays at full speed.
# AdamW takes the decay out of the gradient and applies it to θ alone (Loshchilov & Hutter 2019):
#
# $$
# \theta_t=(1-\eta\lambda)\,\theta_{t-1}-\eta\,\frac{\hat m_t}{\sqrt{\hat v_t}+\varepsilon}.
# $$

# %% [markdown]
# ### Nadam: Adam that looks ahead
#
# Adam's numerator is $\hat m_t$, mostly past gradients. Nesterov's idea is to use the momentum that the *next* step will have.
# Write $m_t=\beta_1m_{t-1}+(1-\beta_1)g_t$ and put today's gradient beside tomorrow's share of the momentum (Dozat 2016):
#
# $$
# \bar m_t=\frac{(1-\mu_t)\,g_t}{1-\Pi_t}+\frac{\mu_{t+1}\,m_t}{1-\Pi_t\,\mu_{t+1}},
# \qquad \Pi_t=\mu_1\mu_2\cdots\mu_t .
# $$
#
# torch's schedule is $\mu_t=\beta_1\big(1-\tfrac12\cdot0.96^{\,t\psi}\big)$ with ψ = 0.004: it starts near $\beta_1/2$ and climbs to $\beta_1$.
# The products Π play the part of Adam's $\beta_1^t$: they are what is missing from weights that started at zero.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, hint, plots, trial

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
):  # fmt: skip
    """theta, grad, m, v (d,), t from 1 -> (theta, m, v, mu_product)."""
    # BEGIN SOLUTION
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    mu_product = mu_product * mu
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    ahead = (1 - mu) * grad / (1 - mu_product) + mu_next * m / (1 - mu_product * mu_next)
    theta = theta - lr * ahead / (np.sqrt(v / (1 - beta2**t)) + eps)
    return theta, m, v, mu_product
    # END SOLUTION


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
    """theta, grad, m, v (d,), t from 1 -> (theta, m, v)."""
    # BEGIN SOLUTION
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    step = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return theta * (1 - lr * weight_decay) - lr * step, m, v
    # END SOLUTION


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
    """Does the method give each parameter a rate from its own gradients' history? -> bool."""
    # BEGIN SOLUTION
    if name in ("adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamw"):
        return True
    if name in ("sgd", "momentum", "nesterov", "newton", "lbfgs"):
        return False
    raise ValueError(f"unknown method {name!r}")
    # END SOLUTION


# %%
check(is_adaptive)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: look at the state</summary>
#
# A method is adaptive in this sense if it keeps something like a sum or mean of squared gradients for each parameter.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(adamw_step)

# %% [markdown]
# ## Experiments
#
# ### All first-order methods on one starting line
#
# Given code: the others in their shortest form, each as `step(theta, grad, state, t, lr)`.


# %%
def make_methods():
    """name → (step, initial state); a state is a list of arrays or numbers."""

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
    }  # fmt: skip


methods = make_methods()


def run(name, grad_fn, theta0, n_steps, lr):
    """The path (n_steps + 1, d) of one method."""
    step, size = methods[name]
    state = [np.zeros(len(theta0)) for _ in range(size)]
    if name == "Nadam":
        state[2] = 1.0
    path = [np.asarray(theta0, dtype=float)]
    with np.errstate(all="ignore"):
        for t in range(1, n_steps + 1):
            theta, state = step(path[-1], grad_fn(path[-1], t), state, t, lr)
            path.append(theta)
    return np.array(path)


# %% [markdown]
# ### The rules of the race
#
# A comparison of optimisers is a comparison of tuning. So the budget is stated and the same for all:
# **eleven learning rates, $10^{-4}$ to $10^{1}$, each tried once; the best final loss counts.** Nothing else is tuned.

# %%
budget = np.logspace(-4, 1, 11)


def tuned(name, problem, n_steps):
    """(best learning rate, its path) by the final loss; a run that ends in NaN counts as infinite."""
    loss_fn, grad_fn, start = problem
    paths = [run(name, grad_fn, start, n_steps, lr) for lr in budget]
    with np.errstate(all="ignore"):
        finals = [loss_fn(path[-1]) for path in paths]
    best = int(np.argmin([f if np.isfinite(f) else np.inf for f in finals]))
    return budget[best], paths[best]


rosen, rosen_grad, _ = data.rosenbrock()
scales = np.array([1.0, 0.01])
problems = {
    "Rosenbrock": (rosen, lambda th, t: rosen_grad(th), np.array([-1.2, 1.0])),
    "valley, κ = 100": (lambda th: 0.5 * np.sum(scales * th**2), lambda th, t: scales * th, np.array([1.0, 4.0])),
}
race = {problem: {name: tuned(name, spec, 400) for name in methods} for problem, spec in problems.items()}

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (problem, results) in zip(axes, race.items(), strict=True):
    for name, (lr, path) in results.items():
        values = [max(problems[problem][0](theta), 1e-12) for theta in path]
        ax.semilogy(values, color=plots.color(name), label=f"{name} ({lr:.1g})")
    ax.set(xlabel="step", ylabel="loss", title=problem, ylim=(1e-12, 1e2))
axes[1].legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5), title="best rate on the valley")
fig.suptitle("The order of the finish depends on the track", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Momentum wins the bent valley, Adagrad the straight one.
# AdamW's quick finish on the right is no merit: its decay pulls towards 0, and there the minimum happens to lie.
#
# ### And the paths
#
# The same runs on Rosenbrock's bent valley.

# %%
ax = plots.contours(
    lambda x, y: np.log1p((1 - x) ** 2 + 100 * (y - x**2) ** 2), (-1.8, 1.6), (-0.6, 1.8),
    {name: race["Rosenbrock"][name][1] for name in ("SGD", "momentum", "Adagrad", "RMSprop", "Adam", "Nadam")},
    "400 tuned steps on Rosenbrock's valley", minimum=(1, 1),
)  # fmt: skip
plt.show()

# %% [markdown]
# ### The third track: a small network on digits
#
# 64 → 24 → 10 with tanh, mini-batches of 64, four epochs, the same budget. Here test accuracy is drawn too.

# %%
x_train, y_train, x_test, y_test = data.digits()
shapes, cuts = ((64, 24), (24,), (24, 10), (10,)), np.cumsum([64 * 24, 24, 240])
orders = [np.random.default_rng(e).permutation(len(x_train)) for e in range(4)]
batches = [order[i : i + 64] for order in orders for i in range(0, len(order), 64)]


def unpack(theta):
    return [part.reshape(shape) for part, shape in zip(np.split(theta, cuts), shapes, strict=True)]


def forward(theta, x):
    w1, b1, w2, b2 = unpack(theta)
    h = np.tanh(x @ w1 + b1)
    z = h @ w2 + b2
    z = z - z.max(axis=1, keepdims=True)
    return h, z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def network_gradient(theta, t):
    """Gradient of the mean cross-entropy on the batch of step t."""
    rows = batches[(t - 1) % len(batches)]
    x, w2 = x_train[rows], unpack(theta)[2]
    h, log_p = forward(theta, x)
    dz = np.exp(log_p)
    dz[np.arange(len(rows)), y_train[rows]] -= 1
    dz /= len(rows)
    dh = dz @ w2.T * (1 - h**2)
    return np.concatenate([(x.T @ dh).ravel(), dh.sum(0), (h.T @ dz).ravel(), dz.sum(0)])


def training_loss(theta):
    with np.errstate(all="ignore"):
        return float(-forward(theta, x_train)[1][np.arange(len(y_train)), y_train].mean())


start = 0.15 * np.random.default_rng(0).normal(size=cuts[-1] + 10)
digits = {name: tuned(name, (training_loss, network_gradient, start), len(batches)) for name in methods}
final = {name: training_loss(path[-1]) for name, (_, path) in digits.items()}
accuracy = {name: float(np.mean(forward(path[-1], x_test)[1].argmax(axis=1) == y_test)) for name, (_, path) in digits.items()}

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
names = list(methods)
for ax, values, words in zip(axes, (final, accuracy), ("training loss after 4 epochs", "test accuracy"), strict=True):
    ax.barh(names, [values[name] for name in names], color=[plots.color(name) for name in names])
    for row, name in enumerate(names):
        ax.text(values[name], row, f" {values[name]:.3f}", va="center", fontsize=9)
    ax.set(xlabel=words)
    ax.margins(x=0.2)
axes[1].set(xlim=(0.8, 1.02), xticks=[0.8, 0.9, 1.0])
axes[0].invert_yaxis()
fig.suptitle("Tuned, Nesterov and the Adam family end close together", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Three tracks, three orders of finish. What survives tuning is small on the network and large on the valleys,
# where a rate for each coordinate is worth the most if the valley lies along the axes.

# %% [markdown]
# ## Folklore on trial
#
# ### "AdamW equals Adam with L2"
#
# Two weights, both start at 1 and neither is needed: one has gradients of pure noise (standard deviation 10), one has none at all.
# λ = 0.1, lr = 1e-3, 2000 steps. Plain decay would leave $(1-\eta\lambda)^{2000}$ of both.

# %%
rng = np.random.default_rng(0)
noise = np.stack([10 * rng.normal(size=2000), np.zeros(2000)], axis=1)


def decayed(decoupled):
    """What is left of the two weights."""
    theta, m, v = np.ones(2), np.zeros(2), np.zeros(2)
    for t, g in enumerate(noise, start=1):
        if decoupled:
            theta, m, v = adamw_step(theta, g, m, v, t, 1e-3, 0.9, 0.999, 1e-8, 0.1)
        else:
            theta, m, v = adamw_step(theta, g + 0.1 * theta, m, v, t, 1e-3, 0.9, 0.999, 1e-8, 0.0)
    return theta


plain = (1 - 1e-3 * 0.1) ** 2000
with_l2, with_decay = decayed(False), decayed(True)
print(f"no gradient: plain decay {plain:.2f}   AdamW {with_decay[1]:.2f}   Adam + L2 {with_l2[1]:.2f}")
ruling = trial(
    "Adam with L2 in the gradient decays like AdamW (within 10 %)",
    {
        "the weight without gradient": bool(abs(with_l2[1] / with_decay[1] - 1) < 0.1),
        "the weight with loud gradients": bool(abs(with_l2[0] / with_decay[0] - 1) < 0.1),
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# In Adam with L2 the silent weight decays at full speed, since its gradient *is* the decay, rescaled to size 1; the loud one hardly decays.
#
# ### "Adaptive methods need no learning rate"

# %%
sensitivity = {}
for name in ("SGD", "Adagrad", "RMSprop", "Adam"):
    losses = [training_loss(run(name, network_gradient, start, len(batches), lr)[-1]) for lr in budget]
    sensitivity[name] = np.array([value if np.isfinite(value) else 10.0 for value in losses])

ax = plots.curves(
    {name: (budget, np.minimum(values, 10)) for name, values in sensitivity.items()},
    "learning rate", "training loss after 4 epochs", "Every method has its valley of good rates", logx=True, logy=True,
)  # fmt: skip
plt.show()

# %%
ruling = trial(
    "over five decades of the learning rate the loss stays within a factor of 3 of its best",
    {name: bool(values.max() < 3 * values.min()) for name, values in sensitivity.items()},
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# They make the *same* rate usable for all parameters; they do not choose it.
#
# ### "The adaptive methods are the fast ones"

# %%
winner = {
    problem: min(results, key=lambda name, p=problem, r=results: problems[p][0](r[name][1][-1])) for problem, results in race.items()
}
plain_best = min(loss for name, loss in final.items() if not is_adaptive(name.lower()))
ruling = trial(
    "an adaptive method comes first",
    {
        "valley along the axes": is_adaptive(winner["valley, κ = 100"].lower()),
        "Rosenbrock's bent valley": is_adaptive(winner["Rosenbrock"].lower()),
        "digits, by more than 0.02 in the loss": bool(plain_best > min(final.values()) + 0.02),
    },
    only_if="the coordinates differ in scale and the valley lies along them",
)
assert list(ruling.where.values()) == [True, False, False]
assert ruling == "holds only if the coordinates differ in scale and the valley lies along them"
ruling

# %% [markdown]
# Which of them wins depends on the track and the budget; that is the finding, and the reason to tune before you compare.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Adaptive means a rate for each parameter from the history of its own gradients: Adagrad, Adadelta, RMSprop, Adam, Nadam, AdamW.
# Momentum and Nesterov are not; they have one rate.
# Nadam puts Nesterov's look-ahead into Adam's numerator. AdamW takes the weight decay out of the gradient, so that it is not rescaled.
# For a new problem I start with AdamW, compare with tuned SGD and momentum where generalisation counts, and tune the rate of both with the same budget."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Give the definition and the table of states; cost is one array for Adagrad and RMSprop, two for Adam's family and Adadelta.
# - L2 and decay: write $(1-\eta\lambda)\theta-\eta g$ for SGD, and say why Adam breaks the equality: $\lambda\theta$ is divided by $\sqrt{\hat v}$.
# - In torch the decay is multiplied by the learning rate, so a schedule scales it along.
# - Nadam: $\bar m_t$ with $\mu_t$ and $\mu_{t+1}$; torch's schedule; products instead of powers in the correction.
# - Choosing: sparse features, Adagrad or Adam; transformers, AdamW with warm-up; convolutional classifiers, SGD with momentum is still hard to beat when tuned; small deterministic problems, L-BFGS.
# - Rankings depend on the tuning budget (Choi et al. 2019, Schmidt et al. 2021); Wilson et al. 2017 show where adaptive methods generalise worse.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Which parameters should not decay?</summary>
#
# Usually biases and the γ, β of normalisation layers: decay is meant for weights whose size matters. In front of batch norm, decay acts through the effective learning rate (question 18).
#
# </details>
#
# <details><summary>Is decoupled decay still L2 regularisation?</summary>
#
# Not of the loss in the usual norm. It is the decay that SGD's L2 amounts to; in Adam it corresponds to a penalty rescaled by the preconditioner.
#
# </details>
#
# <details><summary>What do AMSGrad and RAdam change?</summary>
#
# AMSGrad keeps the largest v so far, so the rate never grows, which repairs Reddi's counter-example. RAdam holds the adaptive rate back while v rests on few samples: a warm-up by formula.
#
# </details>
#
# <details><summary>Why is Newton not adaptive?</summary>
#
# It rescales by the curvature at the point, with a full matrix, and forgets the past. Adaptive methods rescale by the size of past gradients, with a diagonal.
#
# </details>
#
# <details><summary>Memory for a billion parameters in float32?</summary>
#
# Parameters and gradients 8 GB; momentum 4 GB more; Adam's family 8 GB more.
#
# </details>
#
# <details><summary>Nadam or Adam?</summary>
#
# The look-ahead helps where momentum overshoots; differences are small once the rate is tuned, as the race shows.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Momentum is adaptive, because its step changes."
# - "AdamW is Adam with L2."
# - "Adaptive methods need no learning rate."
# - "Adam is always the best choice", or "always the worse one": without a budget and a problem neither means anything.
# - Comparing optimisers at their default rates.

# %% [markdown]
# ## References
#
# - T. Dozat. *Incorporating Nesterov Momentum into Adam.* ICLR workshop 2016.
# - I. Loshchilov, F. Hutter. *Decoupled Weight Decay Regularization.* ICLR 2019.
# - A. Wilson et al. *The Marginal Value of Adaptive Gradient Methods in Machine Learning.* NeurIPS 2017.
# - D. Choi et al. *On Empirical Comparisons of Optimizers for Deep Learning.* 2019.
# - R. Schmidt, F. Schneider, P. Hennig. *Descending through a Crowded Valley.* ICML 2021.
# - S. Ruder. *An overview of gradient descent optimization algorithms.* 2016, §4.
# - PyTorch documentation of `torch.optim.NAdam` and `torch.optim.AdamW`.
