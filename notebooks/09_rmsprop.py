# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · RMSprop: what does it fix?
#
# *RMSprop 的原理,与 Adadelta 的关系?*

# %% [markdown]
# ## Question
#
# "Write down RMSprop.
# What does it fix in Adagrad, and how is it related to Adadelta?
# Which values do you use, and who says so?"
#
# "写出 RMSprop 的更新公式。它解决了 Adagrad 的什么问题?与 Adadelta 是什么关系?超参数怎么取?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **It forgets.** Adagrad's sum becomes a running mean.
# - **Root mean square** is what the name says, and you can write the mean as weights on past gradients.
# - **It keeps no velocity.** It rescales each coordinate; it is not momentum.
# - **You know where the numbers come from:** 0.9 is from Hinton's slides, 0.001 is from Ruder's survey.
# - **You know its first step**, $\eta/\sqrt{1-\rho}$: it is longer than the learning rate.

# %% [markdown]
# ## The idea
#
# Adagrad divides each coordinate's gradient by the root of the *sum* of its squares.
# The sum only grows, so under a steady gradient the step falls like $1/\sqrt t$, however large the gradient is.
# RMSprop replaces the sum by a running mean (Hinton, lecture 6e of 2012; ε as torch places it):
#
# $$
# v_t = \rho\,v_{t-1} + (1-\rho)\,g_t^2
# \qquad
# \theta_t = \theta_{t-1} - \eta\,\frac{g_t}{\sqrt{v_t}+\varepsilon}
# $$

# %% [markdown]
# ### What the running mean remembers
#
# Unroll it from $v_0=0$:
#
# $$
# v_t = (1-\rho)\sum_{k=0}^{t-1}\rho^{k}\,g_{t-k}^2 .
# $$
#
# - The weights fall by the factor ρ each step, so the memory is about $1/(1-\rho)$ steps long: 10 for ρ = 0.9, 100 for 0.99.
# - They add up to $1-\rho^t$, not to 1: the mean starts too small.
# - So the first step is too *long*: with $v_1=(1-\rho)g^2$ its length is $\eta/\sqrt{1-\rho}$, whatever the gradient. That is $3.16\,\eta$ for ρ = 0.9 and $10\,\eta$ for torch's 0.99.
# - For a steady gradient $v_t\to g^2$, and the step tends to η and stays there.
#
# Adam repairs the start by dividing by $1-\rho^t$; RMSprop does not.

# %% [markdown]
# ### And Adadelta?
#
# Adadelta has the same running mean of $g^2$ below, and puts the running RMS of its own past steps above, in place of η.
# Take the numerator away and write η instead: that is RMSprop.
# The two were found at about the same time and independently. Ruder's survey (§4.5) presents both as answers to Adagrad's falling rate; Hinton's slides themselves start from Rprop (see the follow-ups).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# One step, pure: it takes the state and returns the new one. ε outside the root. Leave the arguments as they were.

# %%
def rmsprop_step(theta, grad, avg_sq, lr=0.001, rho=0.9, eps=1e-8):
    """theta, grad, avg_sq (d,) -> (theta, avg_sq), both new; the arguments are not changed.

    avg_sq starts at zeros and is not corrected for it; the step uses the *new* one; eps is outside the root.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(rmsprop_step)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two lines</summary>
#
# First the state, then the parameters, and the parameters use the *new* state.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: which weight belongs to what?</summary>
#
# ρ = 0.9 is the weight of the old mean, 1 − ρ = 0.1 that of the new square.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `rho * avg_sq + (1 - rho) * grad**2` is the new mean; the step is `lr * grad / (np.sqrt(new) + eps)`.
# `avg_sq *= rho` would write into the caller's array.
#
# </details>

# %% [markdown]
# ## Experiments
#
# For comparison, Adagrad and plain gradient descent as given code, and a loop that runs any of them.

# %%
def adagrad(theta, grad, total, lr):
    """Adagrad, torch's form."""
    total = total + grad**2
    return theta - lr * grad / (np.sqrt(total) + 1e-10), total


def sgd_step(theta, grad, state, lr):
    """Plain gradient descent."""
    return theta - lr * grad, state


def run(step, grad_fn, theta, n_steps, **hyper):
    """The path (n_steps + 1, d) of one method."""
    path, state = [np.asarray(theta, dtype=float)], np.zeros(len(theta))
    for t in range(n_steps):
        theta, state = step(path[-1], grad_fn(path[-1], t), state, **hyper)
        path.append(theta)
    return np.array(path)


# %% [markdown]
# ### A gradient that never changes
#
# The plainest test: $g = 1$ for a thousand steps, η = 0.01. How long is step $t$ under each method?

# %%
steady = lambda theta, t: np.ones(1)
lengths = {
    name: np.abs(np.diff(run(step, steady, [0.0], 1000, lr=0.01), axis=0))[:, 0] / 0.01
    for name, step in (("RMSprop", rmsprop_step), ("Adagrad", adagrad), ("SGD", sgd_step))
}
times = np.arange(1, 1001)
ax = plots.curves(
    {name: (times, values) for name, values in lengths.items()},
    "step t", "length of the step / η", "Adagrad's step falls like 1/√t, RMSprop's stays at η", logx=True, logy=True,
)
plt.show()

# %% [markdown]
# **Takeaway.** Adagrad ends at $1/\sqrt{1000}\approx 0.03$ of its first step.
# RMSprop starts at 3.16 η, because its mean starts at zero, and settles at η.

# %% [markdown]
# ### A gradient that changes its size
#
# The slope is 1 for 200 steps, then 100 for 200, then 1 again. Predict the two curves on the right third.

# %%
size = lambda t: 100.0 if 200 <= t < 400 else 1.0
changing = lambda theta, t: np.full(1, size(t))
ax = plots.curves(
    {
        name: np.abs(np.diff(run(step, changing, [0.0], 600, lr=0.01), axis=0))[:, 0] / 0.01
        for name, step in (("RMSprop", rmsprop_step), ("Adagrad", adagrad))
    },
    "step t", "length of the step / η", "Adagrad never forgets, RMSprop does within 100 steps", logy=True,
)
plt.show()

# %% [markdown]
# **Takeaway.** After the burst Adagrad's step is a hundred times shorter than before it, and stays so: the sum remembers everything.
# RMSprop needs $\log(10^4)/\log(1/0.9)\approx 87$ steps until the burst has faded below the new squares, and is back at η.
#
# ### A step that does not shrink
#
# Near the minimum the gradient goes to zero, but so does its running mean, and the ratio stays near ±1.

# %% tags=["hide-input"]
distance = {}
for name, rate in (("η = 0.1", lambda t: 0.1), ("η = 0.01", lambda t: 0.01), ("η = 0.1 / √t", lambda t: 0.1 / np.sqrt(t + 1))):
    theta, state, record = np.array([1.0, 1.0]), np.zeros(2), []
    for t in range(2000):
        theta, state = rmsprop_step(theta, np.array([1.0, 10.0]) * theta, state, lr=rate(t))
        record.append(np.linalg.norm(theta))
    distance[name] = np.maximum(record, 1e-5)

ax = plots.curves(distance, "step", "distance to the minimum", "A constant rate ends in a jitter of about η", logy=True)
plt.show()

# %% [markdown]
# **Takeaway.** With a constant η it ends at a distance of the order of η, like a sign method.
# First it comes much closer (the curves are cut at $10^{-5}$); then the mean has forgotten the large gradients, and even small ones make steps of full length again.
# With η = 0.1/√t the distance goes on falling: RMSprop does not replace a schedule.

# %% [markdown]
# ### Two coordinates, one 100 times steeper
#
# A valley that is 100 times steeper in one direction. RMSprop rescales each coordinate by its own gradients. How long will its first step be in each?

# %% tags=["hide-input"]
valley = lambda theta, t: np.array([0.01, 1.0]) * theta
paths = {
    "SGD": run(sgd_step, valley, [-4.0, 1.0], 60, lr=1.9),
    "RMSprop": run(rmsprop_step, valley, [-4.0, 1.0], 60, lr=0.1),
}
ax = plots.contours(
    lambda x, y: 0.005 * x**2 + 0.5 * y**2, (-5, 1.5), (-1.6, 1.6), paths,
    "RMSprop starts equally fast along both axes; SGD is slow along the floor", minimum=(0, 0),
)
plt.show()


# %% [markdown]
# **Takeaway.** The first step is 3.16 η in both coordinates, though one is a hundred times flatter, and the flat one still moves by about η in step 10.
# The steep one moves less by then, since its gradient shrinks faster than its running mean.
# That is a diagonal rescaling of the gradient, not an average of gradients: there is no velocity in it.

# %% [markdown]
# ## Folklore on trial
#
# ### "RMSprop cures Adagrad's vanishing step"
#
# A steady gradient, of several sizes. Is the last step still above half of η? Above nine tenths? The control is Adagrad.

# %%
def keeps_going(method, size, rho, n_steps):
    """The last of n_steps steps, in units of the learning rate."""
    step = adagrad if method == "Adagrad" else lambda *state, lr: rmsprop_step(*state, lr=lr, rho=rho)
    path = run(step, lambda theta, t: np.full(1, size), [0.0], n_steps, lr=0.01)
    last = abs(path[-1, 0] - path[-2, 0]) / 0.01
    return bool(last > 0.5), bool(last > 0.9)


trial(
    "RMSprop's step does not vanish under a steady gradient",
    keeps_going,
    over=settings(method="RMSprop", size=[1e-3, 1, 1e3], rho=[0.9, 0.99], n_steps=[300, 2000]),
    control=dict(method="Adagrad", size=1.0, rho=0.9, n_steps=2000),
    expect="holds",
)


# %% [markdown]
# Same problem, same η, only the sum replaced by a mean.
# What it gives up is Adagrad's guarantee. With a constant η it ended in a jitter, as the figure above showed. A schedule helped there, but it is no guarantee either: Reddi et al. 2018 (Theorem 1) give an online convex problem where RMSprop fails with $\eta/\sqrt t$.
#
# ### "RMSprop allows larger learning rates than SGD"
#
# For a valley with curvatures $c$ and $c/100$, started at distance $s$ in both coordinates: the largest rate whose run ends below the loss it started from. Is RMSprop's larger?

# %%
def larger_rate(curvature, start):
    """Largest usable rate of RMSprop against SGD's, eight rates per decade."""
    curvatures, rates, largest = np.array([curvature / 100, curvature]), 10.0 ** (np.arange(-48, 49) / 8), {}
    for name, step in (("SGD", sgd_step), ("RMSprop", rmsprop_step)):
        theta, state = np.full((len(rates), 2), float(start)), np.zeros((len(rates), 2))
        with np.errstate(all="ignore"):
            for _ in range(200):
                theta, state = step(theta, curvatures * theta, state, lr=rates[:, None])
            usable = np.sum(curvatures * theta**2, axis=1) < np.sum(curvatures * start**2)
        largest[name] = rates[usable].max()
    return bool(largest["RMSprop"] > largest["SGD"])


trial(
    "RMSprop can be run with a larger learning rate than SGD",
    larger_rate,
    over=settings(curvature=[0.01, 1, 100], start=[0.01, 0.3, 30]),
    held_out=settings(curvature=[0.05, 0.5, 4, 40], start=[0.003, 0.1, 4, 100]),
    only_if=("the gradient at the start is larger than 1", lambda curvature, start: curvature * start > 1),
    expect="holds only if the gradient at the start is larger than 1",
)


# %% [markdown]
# The condition is a matter of *units*, and that is the answer. SGD's limit is $2/c$, a property of the valley. RMSprop's η *is* the length of a step, so its limit is about the distance $s$ that is to be covered.
# The two numbers have different units, so comparing them says nothing. What RMSprop does give: its usable rates do not change when the loss is multiplied by a constant (as long as gradients are far above ε).
#
# ### "Its average has the same effect as momentum"
#
# Let the gradient flip its sign in each step. Momentum as in question 05, $v\leftarrow\mu v+\eta g$, sums to $\eta/(1+\mu)$ there and to $\eta/(1-\mu)$ under a steady gradient. What does the mean of *squares* do?
# The test: is the last step under flipping gradients less than half of that under steady ones?

# %%
def damps(method, decay, n_steps=400):
    lengths = {}
    for sign in (-1.0, 1.0):
        theta, state = np.zeros(1), np.zeros(1)
        for t in range(n_steps):
            before, g = theta, np.full(1, sign**t)
            if method == "momentum":
                state = decay * state + 0.01 * g
                theta = theta - state
            else:
                theta, state = rmsprop_step(theta, g, state, lr=0.01, rho=decay)
        lengths[sign] = abs(theta - before)[0]
    return bool(lengths[-1.0] < lengths[1.0] / 2)


trial(
    "RMSprop's running mean damps an oscillation, as momentum does",
    damps,
    over=settings(method="RMSprop", decay=[0.5, 0.8, 0.9, 0.95, 0.99]),
    control=dict(method="momentum", decay=0.9),
    expect="does not hold",
)

# %% [markdown]
# $(-1)^2 = 1^2$: the mean of squares does not see the sign.
# RMSprop shortens the *steep* coordinate's step because it is steep, not because it oscillates.

# %% [markdown]
# ## Answer in 30 seconds
#
# "RMSprop is Adagrad that forgets: a running mean of squared gradients in place of the sum, and each coordinate's gradient divided by its root.
# So the step no longer fades: under a steady gradient it tends to the learning rate.
# It isn't momentum, since squares don't cancel.
# The price: a constant rate can end in a jitter, so I use a schedule. Adam adds momentum and corrects the start. Shall I show that?"
#
# ### 三十秒回答
#
# "RMSprop 就是会遗忘的 Adagrad:把梯度平方的累加换成滑动平均,每个参数的梯度除以它的平方根。
# 所以步长不会一直衰减:梯度稳定时,步长趋于学习率。
# 它不是动量,平方不会正负抵消。
# 代价是学习率不变时,最后可能在最优点附近抖动,所以要配学习率调度。Adam 在它上面加了动量和偏差校正。"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the two lines, ε outside the root.
# - Unroll the mean: weights $(1-\rho)\rho^k$, memory about $1/(1-\rho)$ steps.
# - First step $\eta/\sqrt{1-\rho}$, because the mean starts at zero and is not corrected. Adam corrects it, and adds momentum.
# - What it fixes: Adagrad's $1/\sqrt t$. What it does not: with constant η it can end in a jitter of about η.
# - What it is not: momentum. torch's `momentum=` adds a velocity of already scaled gradients, which is another algorithm than Adam.
# - Relation to Rprop: with a memory of one step it would be the sign of the gradient; the memory makes that usable with mini-batches.
# - Relation to Adadelta: RMSprop is its lower half, with η in place of the running RMS of past steps.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Who recommends 0.9 and 0.001?</summary>
#
# The slides of Hinton's lecture 6e have 0.9 for the running mean. The 0.001 is called a good default in Ruder's survey (§4.5). As I remember the slides, they have no ε and no bias correction. torch's defaults are ρ = 0.99 and η = 0.01.
#
# </details>
#
# <details><summary>Where is ε, and does it matter?</summary>
#
# torch: outside the root. The optimiser of TensorFlow 1 has it inside, and starts the mean at 1; Keras starts it at zero. With ε = 1e-8 outside, it matters only where gradients are about that small, inside from about 1e-4 on. With ε = 1.0, as the Inception networks used it, the two are different methods.
#
# </details>
#
# <details><summary>What is the centred variant?</summary>
#
# It keeps a running mean of the gradient too and divides by the running standard deviation $\sqrt{v-\bar g^2}$. Where the gradient is steady the steps become longer, so it may need a smaller rate; and it keeps a second state.
#
# </details>
#
# <details><summary>Why not simply Rprop on mini-batches?</summary>
#
# Rprop uses the sign only. Nine mini-batches with gradient +0.1 and one with −0.9 should cancel; by sign they move nine steps one way and one back. Dividing by a value that is nearly the same for neighbouring batches keeps the ratio.
#
# </details>
#
# <details><summary>How much memory does it cost?</summary>
#
# One array of the size of the parameters, as Adagrad; Adam needs two.
#
# </details>
#
# <details><summary>Does it converge?</summary>
#
# Not in general, not even with $\eta/\sqrt t$: Reddi et al. 2018 (Theorem 1, with $\beta_1=0$, which is RMSprop) give an online convex problem where it fails (question 10).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "RMSprop is momentum for the gradient's square." It keeps no velocity.
# - "It needs no learning rate." That was Adadelta's claim; RMSprop has one.
# - "Hinton recommends 0.001." The slides give 0.9 and no learning rate.
# - "The first step has length η." It is $\eta/\sqrt{1-\rho}$.
# - "It allows larger learning rates than SGD." The two rates have different units.

# %% [markdown]
# ## References
#
# - G. Hinton, with N. Srivastava and K. Swersky. *Neural Networks for Machine Learning*, lecture 6e, 2012: the slides that introduced it.
# - S. Ruder. *An overview of gradient descent optimization algorithms*, 2016, §4.5.
# - M. D. Zeiler. *ADADELTA: An Adaptive Learning Rate Method*, 2012.
# - J. Duchi, E. Hazan, Y. Singer. *Adaptive Subgradient Methods.* JMLR 12, 2011.
# - S. J. Reddi, S. Kale, S. Kumar. *On the Convergence of Adam and Beyond.* ICLR 2018.
# - PyTorch documentation of `torch.optim.RMSprop`: defaults and the place of ε.
