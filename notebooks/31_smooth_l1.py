# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 31 · Smooth L1: why do detectors use it?
#
# *Smooth L1 的优点?*

# %% [markdown]
# ## Question
#
# "Your detector regresses boxes with smooth L1. Write the loss and its gradient.
# Why not plain L1, why not L2? What does beta do, and how does it differ from Huber?"
#
# "目标检测的框回归为什么用 Smooth L1?请写出损失和梯度,说明它比 L1、L2 好在哪里,beta 起什么作用,和 Huber 有什么区别?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Two pieces, one joint.** A parabola inside, a line outside, and you can say where the constants come from.
# - **The gradient.** $d/\beta$ clipped to ±1. That one line is the whole idea.
# - **Two different reasons.** Against L2: a bounded gradient. Against L1: a gradient that fades at the target.
# - **The conventions.** beta, delta and sigma are three parameters. You know which library means which.
# - **The limits.** Bounded influence is not zero influence. And "faster" needs a condition.

# %% [markdown]
# ## The idea
#
# ### From the gradient to the loss
#
# Let $d$ be prediction minus target. Look at the slopes of the two classics:
#
# | loss | slope | far from the target | at the target |
# |---|---|---|---|
# | L2, $d^2$ | $2d$ | without bound: one wild box rules the batch | fades: clean landing |
# | L1, $\lvert d\rvert$ | $\mathrm{sign}(d)$ | bounded by 1 | jumps from −1 to 1: a fixed step never lands |
#
# Take the better half of each: let the slope grow like $d/\beta$, and stop it at ±1.
#
# $$
# s(d) = \mathrm{clip}\!\left(\frac{d}{\beta},\,-1,\,1\right)
# $$

# %% [markdown]
# The loss is the integral of that slope from 0. Take $d \ge 0$; for $d<0$ mirror it.
#
# $$
# 0 \le d < \beta:\quad \ell(d) = \int_0^d \frac{t}{\beta}\,dt = \frac{d^2}{2\beta}
# $$
#
# $$
# d \ge \beta:\quad \ell(d) = \int_0^\beta \frac{t}{\beta}\,dt + \int_\beta^d 1\,dt
# = \frac{\beta^2}{2\beta} + (d-\beta) = d - \frac{\beta}{2}
# $$
#
# So there is nothing to remember: the ½ and the offset $\beta/2$ come out of the integral.

# %% [markdown]
# ### Why the joint is smooth: value and slope
#
# Now the other way round. Suppose you only know the shape: $a\,d^2$ inside, $d - c$ outside. Two conditions at $d=\beta$:
#
# $$
# \text{slope: } 2a\beta = 1 \;\Rightarrow\; a = \frac{1}{2\beta},
# \qquad
# \text{value: } a\beta^2 = \beta - c \;\Rightarrow\; c = \beta - \frac{\beta}{2} = \frac{\beta}{2}
# $$
#
# Both constants are forced. The loss has one continuous derivative ($C^1$).
# The second derivative jumps at the joint, from $1/\beta$ to 0.

# %% [markdown]
# ### Three names for one family
#
# Huber keeps the parabola $d^2/2$ and lets the slope stop at ±δ. Its line $\delta d - c$ must meet $\delta^2/2$ at $d=\delta$:
#
# $$
# \delta^2 - c = \frac{\delta^2}{2} \;\Rightarrow\; c = \frac{\delta^2}{2},
# \qquad
# \mathrm{Huber}_\delta(d) =
# \begin{cases} \tfrac12 d^2 & |d|<\delta \\ \delta\,(|d| - \tfrac{\delta}{2}) & |d| \ge \delta \end{cases}
# $$
#
# Multiply smooth L1 with $\beta=\delta$ by δ: $\delta\cdot\frac{d^2}{2\delta} = \frac{d^2}2$, and $\delta\,(|d|-\frac\delta2)$. Hence
#
# $$
# \mathrm{Huber}_\delta = \delta \cdot \mathrm{SmoothL1}_{\beta=\delta}
# $$
#
# Same minimiser, another scale. At 1 they are equal, which is why they get mixed up.

# %% [markdown]
# The code of Faster R-CNN has a σ: $\frac12(\sigma d)^2$ if $|d| < 1/\sigma^2$, else $|d| - \frac{1}{2\sigma^2}$.
# Compare the parabolas: $\frac{\sigma^2}{2} = \frac{1}{2\beta}$, so $\beta = 1/\sigma^2$. The joint and the offset agree with it.
#
# | source | parameter | our β |
# |---|---|---|
# | Fast R-CNN, eq. (3) | none | 1 |
# | Faster R-CNN code, RPN: σ = 3 | σ | $1/3^2 = 1/9$ |
# | `torch.nn.SmoothL1Loss(beta=β)` | β, default 1 | β |
# | `torch.nn.HuberLoss(delta=δ)` | δ, default 1 | δ, and the loss is δ times larger |

# %% [markdown]
# ### What it estimates
#
# Which constant $c$ fits numbers $y_i$ best? Set the derivative of $\sum_i \ell(c - y_i)$ to 0:
#
# $$
# \sum_i \mathrm{clip}\!\left(\frac{c-y_i}{\beta},-1,1\right) = 0
# $$
#
# - β larger than all $|c - y_i|$: nothing is clipped, $\sum_i (c-y_i) = 0$. That is the **mean**.
# - β → 0: all is clipped, $\sum_i \mathrm{sign}(c-y_i) = 0$. As many above as below: the **median**.
# - In between each point pulls with its distance, but never harder than 1.
#
# So β says how far away a point must be to count as an outlier. It has the unit of the data.

# %% [markdown]
# ### What the step size must respect
#
# Descend on one error with learning rate η. Inside the joint $d \leftarrow d - \eta\,d/\beta = (1-\eta/\beta)\,d$.
# The error shrinks by the same factor each step if $|1-\eta/\beta|<1$, that is $0 < \eta < 2\beta$.
#
# Outside, $d$ walks by η, as with L1. Two consequences to test below:
#
# - A large β makes the last part slow: the factor $1-\eta/\beta$ is close to 1.
# - A β below $\eta/2$ brings L1's oscillation back.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, plots, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: smooth L1
#
# `pred` and `target` have the same shape, whatever it is. Return the mean over all entries, and its gradient for `pred`.
# `beta = 0` means plain L1, with gradient 0 where the two are equal. A negative beta is a ValueError.

# %%
def smooth_l1_loss(pred, target, beta=1.0):
    """pred, target (...) -> (loss, grad (...)): |d| < beta: d²/(2·beta), else |d| − beta/2; mean over all entries."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(smooth_l1_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: start with the gradient</summary>
#
# Write the slope first: it is `d / beta`, cut off at −1 and 1. Which NumPy function cuts off?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the loss</summary>
#
# `np.where(np.abs(d) < beta, parabola, line)`.
# Test your constants: at $|d| = \beta$ both must give $\beta/2$.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Treat `beta < 0` and `beta == 0` before you divide. For 0: `np.abs(d)` and `np.sign(d)`, whose value at 0 is 0.
# The loss is a mean, so the gradient is divided by `d.size`.
#
# </details>

# %% [markdown]
# ### Exercise 2: Huber
#
# The same contract with torch's definition of Huber. `delta` must be positive, or it is a ValueError.

# %%
def huber_loss(pred, target, delta=1.0):
    """pred, target (...) -> (loss, grad (...)): |d| < delta: d²/2, else delta·(|d| − delta/2); mean over all entries."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(huber_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what is clipped?</summary>
#
# The parabola is $d^2/2$, so the slope inside is $d$ itself. Where must it stop?
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one line</summary>
#
# Huber is δ times smooth L1 with β = δ. You may call your first function.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run. L1 is your smooth L1 with beta = 0.

# %%
def l1(pred, target):
    return smooth_l1_loss(pred, target, 0.0)


def l2(pred, target):
    """The mean squared error as torch has it, without 1/2."""
    d = pred - target
    return np.mean(d**2), 2 * d / d.size


rng = np.random.default_rng(0)
gradcheck(
    lambda pred, target: smooth_l1_loss(pred, target, 0.4)[0],
    lambda dout, pred, target: dout * smooth_l1_loss(pred, target, 0.4)[1],
    {"pred": rng.normal(size=(6, 4)), "target": rng.normal(size=(6, 4))},
    wrt="pred",
)

# %% [markdown]
# ### Four losses and their slopes
#
# Which of these slopes would you want for a box that is 6 pixels off? And for one that is 0.1 off?

# %%
four = {
    "L2": ("l2", l2),
    "L1": ("l1", l1),
    "smooth L1, β = 2": ("smooth_l1", lambda p, t: smooth_l1_loss(p, t, 2.0)),
    "Huber, δ = 2": ("huber", lambda p, t: huber_loss(p, t, 2.0)),
}
d = np.linspace(-6, 6, 601)
one_by_one = {name: [f(np.array([v]), np.zeros(1)) for v in d] for name, (_, f) in four.items()}
dashes = {"L2": "-", "L1": "-", "smooth L1, β = 2": "--", "Huber, δ = 2": "-."}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name, (key, _) in four.items():
    axes[0].plot(d, [loss for loss, _ in one_by_one[name]], dashes[name], color=plots.color(key), label=name)
    axes[1].plot(d, [grad[0] for _, grad in one_by_one[name]], dashes[name], color=plots.color(key), label=name)
for ax in axes:
    ax.axvspan(-2, 2, color="0.93", zorder=0)
    ax.set_xlabel("error d (pixels)")
axes[0].set(ylim=(0, 8), ylabel="loss", title="Parabola inside, line outside")
axes[1].set(ylim=(-4.5, 4.5), ylabel="slope", title="Clipped: ±1, or ±δ for Huber")
fig.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center")
plt.show()


# %% [markdown]
# **Takeaway.** Only L2's slope grows without bound, and only L1's slope jumps at 0.
# Huber is smooth L1 stretched by δ.

# %% [markdown]
# ### One coordinate, 10 pixels off
#
# Gradient descent with learning rate 0.1 from $d = 10.03$. Who is first within 0.1 pixel, and who is closest after 400 steps?

# %%
def descend(loss, start=10.03, lr=0.1, steps=400):
    """|error| before each step and after the last, (steps + 1,)."""
    x, target, path = np.array([start]), np.zeros(1), []
    for _ in range(steps + 1):
        path.append(abs(x[0]))
        x = x - lr * loss(x, target)[1]
    return np.array(path)


def first_within(path, goal):
    """The first step at which the path is below the goal, or None."""
    hits = np.flatnonzero(path < goal)
    return int(hits[0]) if len(hits) else None


runs = {"L2": descend(l2), "L1": descend(l1)}
for beta in (0.02, 1.0, 10.0):
    runs[f"smooth L1, β = {beta:g}"] = descend(lambda p, t, beta=beta: smooth_l1_loss(p, t, beta))
print("                      within 0.1   within 1e-6   largest error of the last 20 steps")
for name, path in runs.items():
    steps = [str(first_within(path, goal) or "never") for goal in (0.1, 1e-6)]
    print(f"{name:21s} {steps[0]:>10s}  {steps[1]:>12s}   {path[-20:].max():.0e}")

# %%
looks = {"L2": ("l2", "-"), "L1": ("l1", "-"), "smooth L1, β = 1": ("smooth_l1", "--"),
         "smooth L1, β = 10": ("smooth_l1", ":")}
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, (key, dash) in looks.items():
    ax.plot(runs[name], dash, color=plots.color(key), label=name)
ax.axhline(0.1, color="0.5", linewidth=1)
ax.text(1.01, 0.1, "learning\nrate", color="0.35", va="center", transform=ax.get_yaxis_transform())
ax.set(yscale="log", ylim=(1e-15, 60), xlabel="step", ylabel="distance to the target (pixels)",
       title="L1 is there before smooth L1, but it never lands")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# **Takeaway.** L1 and smooth L1 walk equally fast from afar. Then L1 hops over the target by a step of 0.1, for ever.
# Smooth L1 shrinks by $1-\eta/\beta = 0.9$ a step.
# β = 10 is slow, and β = 0.02, which is below η/2, hops like L1 (in the table; its curve would cover that of L1).

# %% [markdown]
# ### Between the median and the mean
#
# Nineteen numbers around 5, and two wild ones at 40 and 60. Which constant fits best, for each β?
# Your gradient decides: its sum is negative below the best constant and positive above.

# %%
sample = np.append(np.sort(rng.normal(5, 1, 19)), [40.0, 60.0])


def root(slope, low, high):
    """Where an increasing function passes 0, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return (low + high) / 2


def best_estimate(values, beta):
    pull = lambda c: smooth_l1_loss(np.full(len(values), c), values, beta)[1].sum()  # noqa: E731
    return root(pull, values.min(), values.max())


betas = np.geomspace(0.01, 300, 60)
estimates = [best_estimate(sample, beta) for beta in betas]
print(f"median {np.median(sample):.3f}, smooth L1 with beta 0: {best_estimate(sample, 0.0):.3f}")
print(f"mean   {np.mean(sample):.3f}, smooth L1 with beta 300: {estimates[-1]:.3f}")
print(f"with beta 1: {best_estimate(sample, 1.0):.3f}; mean of the nineteen alone: {sample[:19].mean():.3f}")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.semilogx(betas, estimates, "--", color=plots.color("smooth_l1"), label="smooth L1")
ax.axhline(np.median(sample), color=plots.color("l1"), linewidth=1.2, label="median (L1)")
ax.axhline(sample.mean(), color=plots.color("l2"), linewidth=1.2, label="mean (L2)")
ax.set(xlabel="β (the unit of the data)", ylabel="best constant", title="β leads from the median to the mean")
ax.legend(loc="center left")
plt.show()

# %% [markdown]
# **Takeaway.** β is a scale. Small against the noise: median. Larger than every error: mean.
# The way need not be straight: near β = 0.7 the estimate dips below both.

# %% [markdown]
# ### Boxes with wrong labels
#
# A digit lies somewhere on a canvas of 32 × 32 pixels. Predict its box $(x_0, y_0, x_1, y_1)$ with a linear model.
# The features are 64 numbers: the share of the ink in each column and in each row.
# Five training sets of 300 images, one test set of 300 clean images of other people's digits.

# %%
SEEDS = 5


def profile(images):
    """(n, 1, 32, 32) -> the share of the ink in each column and each row, (n, 64)."""
    share = images[:, 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    return np.concatenate([share.sum(axis=1), share.sum(axis=2)], axis=1)


images, boxes = data.digit_boxes(300 * SEEDS, seed=0)
test_images, test_boxes = data.digit_boxes(300, seed=1, part="test")
raw = profile(images)
centre, spread = raw.mean(axis=0), raw.std()


def features(images):
    return np.column_stack([(profile(images) - centre) / spread, np.ones(len(images))])


X = features(images).reshape(SEEDS, 300, 65)  # one training set for each seed
Y = boxes.reshape(SEEDS, 300, 4) - 16  # pixels from the middle of the canvas
X_test, Y_test = features(test_images), test_boxes - 16


# %% [markdown]
# Two kinds of wrong labels: the box of *another image* (at most a canvas away),
# and a box in the *wrong unit*, here the pixels of an image eight times as large.

# %%
def spoil(Y, share, kind):
    """A copy of Y (seeds, n, 4) in which a share of the boxes is wrong."""
    wrong = Y.copy()
    for seed in range(len(Y)):
        rng = np.random.default_rng(seed)
        hit = rng.permutation(Y.shape[1])[: round(share * Y.shape[1])]
        other = rng.integers(Y.shape[1], size=len(hit))
        wrong[seed, hit] = Y[seed, other] if kind == "another image" else 8 * (Y[seed, hit] + 16) - 16
    return wrong


def fit(loss, lr, X, Y, steps=200, watch=None):
    """Gradient descent from zero, all seeds side by side: W (seeds, 65, 4), and watch(W) before each step."""
    W, seen = np.zeros((len(X), X.shape[2], 4)), []
    for _ in range(steps):
        if watch:
            seen.append(watch(W))
        grad = loss(X @ W, Y)[1] * len(X)  # the mean runs over the seeds too: undo that
        W = W - lr * X.swapaxes(1, 2) @ grad
    return (W, np.array(seen)) if watch else W


def test_error(W):
    """Mean absolute error on the clean test boxes, in pixels, for each seed."""
    return np.abs(X_test @ W - Y_test).mean(axis=(1, 2))


learners = {"L2": (l2, 0.2), "L1": (l1, 0.6), "smooth L1": (smooth_l1_loss, 0.6)}
shares, kinds = (0.0, 0.1, 0.2, 0.3, 0.4), ("another image", "wrong unit")
errors = {
    (kind, name): np.array([test_error(fit(*learner, X, spoil(Y, share, kind))) for share in shares])
    for kind in kinds for name, learner in learners.items()
}  # fmt: skip
for kind in kinds:
    print(f"{kind}: median test error in pixels")
    for name in learners:
        print(f"    {name:10s}", "  ".join(f"{100 * s:.0f} %: {np.median(e):5.1f}"
                                           for s, e in zip(shares, errors[kind, name], strict=True)))

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), sharey=True, layout="constrained")
for ax, kind in zip(axes, kinds, strict=True):
    for (name, key), dash in zip({"L2": "l2", "L1": "l1", "smooth L1": "smooth_l1"}.items(), ("-", "-", "--"), strict=True):
        found = errors[kind, name]
        ax.plot(100 * np.array(shares), np.median(found, axis=1), "o" + dash, color=plots.color(key), label=name)
        ax.fill_between(100 * np.array(shares), found.min(axis=1), found.max(axis=1), color=plots.color(key), alpha=0.2)
    ax.set(yscale="log", xlabel="wrong training boxes (%)", title=f"Wrong boxes: {kind}")
    ax.set_yticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
    ax.minorticks_off()
axes[0].set_ylabel("error on clean test boxes (pixels)")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** L2 pays for every wrong box in proportion to *how* wrong it is.
# L1 and smooth L1 hardly ask how wrong, only how many. At 40 % they suffer too.

# %% [markdown]
# ### Look at the boxes
#
# Five test images after training with 10 % of the boxes in the wrong unit. The grey square is the canvas.

# %%
wrong_unit = spoil(Y, 0.1, "wrong unit")
drawn = {name: X_test @ fit(*learners[name], X, wrong_unit)[0] + 16 for name in ("L2", "smooth L1")}
fig, axes = plt.subplots(1, 5, figsize=(9, 2.8), layout="constrained")
for ax, i in zip(axes, range(5), strict=True):
    ax.imshow(test_images[i, 0], cmap="gray_r", extent=(0, 32, 32, 0))
    for box, tint, dash in ((test_boxes[i], "black", ":"), (drawn["L2"][i], plots.color("l2"), "-"),
                            (drawn["smooth L1"][i], plots.color("smooth_l1"), "-")):
        (x0, y0, x1, y1) = box
        ax.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], dash, color=tint, linewidth=2)
    ax.plot([0, 32, 32, 0, 0], [0, 0, 32, 32, 0], color="0.7", linewidth=1, zorder=0)
    ax.set(xlim=(-3, 60), ylim=(60, -3), xticks=[0, 32], yticks=[0, 32], xlabel="pixels")
    ax.grid(False)
axes[0].set_ylabel("pixels")
lines = [plt.Line2D([], [], color=c, linestyle=s, linewidth=2)
         for c, s in (("black", ":"), (plots.color("l2"), "-"), (plots.color("smooth_l1"), "-"))]
fig.legend(lines, ["truth", "L2", "smooth L1"], ncols=3, loc="outside lower center")
fig.suptitle("One wrong box in ten: L2's boxes run away, those of smooth L1 stay on the digit", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** L2 answers with a compromise between right and wrong boxes, and the compromise fits neither.

# %% [markdown]
# ### Which β?
#
# Same data, β from 0.1 to 300 pixels. Where does the robustness end?

# %%
box_betas = np.array([0.1, 0.3, 1, 3, 10, 30, 100, 300])
by_beta = {
    label: np.array([
        test_error(fit(lambda p, t, b=b: smooth_l1_loss(p, t, b), 0.4 * max(b, 1), X, labels)) for b in box_betas
    ])
    for label, labels in {"clean boxes": Y, "10 % in the wrong unit": wrong_unit}.items()
}  # fmt: skip
fig, ax = plt.subplots(figsize=(7.5, 3.7), layout="constrained")
for (label, found), key in zip(by_beta.items(), ("right", "wrong"), strict=True):
    ax.plot(box_betas, np.median(found, axis=1), "o-", color=plots.color(key), label=label)
    ax.fill_between(box_betas, found.min(axis=1), found.max(axis=1), color=plots.color(key), alpha=0.2)
ax.set(xscale="log", yscale="log", xlabel="β (pixels)", ylabel="error on clean test boxes (pixels)",
       title="Once β exceeds the ordinary errors, the outliers are let in")
ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
ax.minorticks_off()
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** On clean boxes β hardly matters. With outliers it must not be larger than the errors of good boxes.
# The right β depends on the unit: halve the canvas and it halves. That is one reason to normalise the targets.

# %% [markdown]
# ## Folklore on trial
#
# ### "Smooth L1 converges faster than L1"
#
# Faster shall mean: at least 20 % fewer steps at the same learning rate. First the coordinate of above, then boxes.
# For boxes: steps until the clean test error is within 5 % of what L2 reaches with clean labels, for each seed.

# %%
goal = 1.05 * test_error(fit(l2, 0.2, X, Y))
steps_to = {}
for name, loss in {"L1": l1, "smooth L1": smooth_l1_loss}.items():
    _, history = fit(loss, 0.6, X, Y, 300, test_error)
    steps_to[name] = np.argmax(history < goal, axis=0)
    assert (history.min(axis=0) < goal).all()
print("steps, L1:       ", steps_to["L1"])
print("steps, smooth L1:", steps_to["smooth L1"])

# %% [markdown]
# A model that can fit its labels exactly is another matter: 30 boxes, 65 features, lr 0.3.
# What training error is left after 1000 steps?

# %%
few_X, few_Y = X[:, :30], Y[:, :30]


def train_error(W):
    return np.abs(few_X @ W - few_Y).mean(axis=(1, 2))


left = {}
for name, loss in {"L1": l1, "smooth L1": smooth_l1_loss}.items():
    left[name] = fit(loss, 0.3, few_X, few_Y, 1000, train_error)[1][-50:].mean(axis=0)
    print(f"{name:9s} pixels left, by seed: {np.round(left[name], 2)}")

# %%
near = {name: first_within(path, 0.1) for name, path in runs.items()}
exact = {name: first_within(path, 1e-6) for name, path in runs.items()}
never = 10**6
ruling = trial(
    "smooth L1 converges faster than L1",
    {
        "one coordinate, to 0.1 pixel": near["smooth L1, β = 1"] < 0.8 * near["L1"],
        "one coordinate, to 1e-6 pixel": (exact["smooth L1, β = 1"] or never) < 0.8 * (exact["L1"] or never),
        "the same with β = 0.02 < lr / 2": (exact["smooth L1, β = 0.02"] or never) < 0.8 * (exact["L1"] or never),
        "300 boxes, to within 5 % of the final test error": bool(np.all(steps_to["smooth L1"] < 0.8 * steps_to["L1"])),
        "30 boxes that can be fitted: half the error left": bool(np.all(left["smooth L1"] < 0.5 * left["L1"])),
    },
    only_if="errors get smaller than a step, and β is above lr / 2",
)
assert ruling == "holds only if errors get smaller than a step, and β is above lr / 2"
assert list(ruling.where.values()) == [False, True, False, False, True]
ruling

# %% [markdown]
# From afar both walk at the same speed, and L1 is even a little ahead.
# With 300 boxes that cannot be fitted, 1200 kinks lie at 1200 places: their mean is nearly smooth, and L1 trains as well.
#
# Say: *it converges cleanly without decaying the step*. Not: *faster*.

# %% [markdown]
# ### "Smooth L1 is less sensitive to outliers than L2"
#
# Less sensitive shall mean: test error at least 10 % lower than L2's, for all five training sets.
# Add two traps: a β of 1000 pixels, and an outlier in the *input* instead of the label.
# For that one take a line $y = 2x$ through 20 points, one of which has its $x$ multiplied by 100.

# %%
x = np.linspace(0.5, 2, 20)
y = 2 * x + 0.1 * rng.normal(size=20)
bad_x, bad_y = x.copy(), y.copy()
bad_x[10] *= 100
bad_y[10] *= 100
slopes = {
    (case, name): root(lambda w, f=f, a=a, b=b: (f(w * a, b)[1] * a).sum(), -10, 1000)
    for case, (a, b) in {"clean": (x, y), "bad label": (x, bad_y), "bad input": (bad_x, y)}.items()
    for name, f in {"L2": l2, "smooth L1": smooth_l1_loss}.items()
}
for case in ("clean", "bad label", "bad input"):
    print(f"{case:9s}  slope by L2 {slopes[case, 'L2']:6.2f}, by smooth L1 {slopes[case, 'smooth L1']:5.2f}  (true: 2)")

# %%
wide = test_error(fit(lambda p, t: smooth_l1_loss(p, t, 1000.0), 400, X, wrong_unit))
at = {share: i for i, share in enumerate(shares)}


def better(kind, share):
    return bool(np.all(errors[kind, "smooth L1"][at[share]] < 0.9 * errors[kind, "L2"][at[share]]))


for kind, share in (("another image", 0.0), ("another image", 0.1), ("another image", 0.2), ("wrong unit", 0.1)):
    quotient = errors[kind, "smooth L1"][at[share]] / errors[kind, "L2"][at[share]]
    print(f"{kind:13s} {100 * share:2.0f} %: smooth L1's error / L2's, by set:", np.round(quotient, 2))

# %%
off = {key: abs(slope - 2) for key, slope in slopes.items()}
ruling = trial(
    "smooth L1 is less sensitive to outliers than L2",
    {
        "10 % boxes of another image": better("another image", 0.1),
        "20 % boxes of another image": better("another image", 0.2),
        "10 % boxes in the wrong unit": better("wrong unit", 0.1),
        "no wrong boxes at all": better("another image", 0.0),
        "10 % in the wrong unit, β = 1000 pixels": bool(np.all(wide < 0.9 * errors["wrong unit", "L2"][at[0.1]])),
        "a line with one bad input": off["bad input", "smooth L1"] < 0.9 * off["bad input", "L2"],
    },
    only_if="labels, not inputs, are wrong: by far more than β, or many of them",
)
assert ruling == "holds only if labels, not inputs, are wrong: by far more than β, or many of them"
assert list(ruling.where.values()) == [False, True, True, False, False, False]
ruling

# %% [markdown]
# The first row is a close call. Smooth L1 wins in all five sets, but in one of them by less than the 10 % we asked for.
# Few labels that are mildly wrong do L2 little harm.
#
# The last row: the gradient for a weight is the slope times the input. Smooth L1 bounds the first factor, nothing bounds the second.

# %% [markdown]
# ### "Smooth L1 ignores outliers"
#
# If it did, adding outliers would not move the best constant. Move one point away, then add more of them.

# %%
clean = np.sort(np.random.default_rng(1).normal(5, 1, 41))
away = np.array([6.0, 8, 12, 25, 100, 1000])
shift = {
    name: np.array([best_estimate(np.append(clean, a), beta) - best_estimate(clean, beta) for a in away])
    for name, beta in {"smooth L1, β = 1": 1.0, "mean": 1e9}.items()
}
many = np.array([best_estimate(np.append(clean, np.full(k, 1000.0)), 1.0) for k in (0, 4, 12, 20, 30, 40, 42)])
print("one point at        ", "  ".join(f"{a:7.0f}" for a in away))
for name, moved in shift.items():
    print(f"{name:16s} moves", "  ".join(f"{m:7.3f}" for m in moved))
print("0, 4, 12, 20, 30, 40, 42 points at 1000 beside 41 good ones:", np.round(many, 1))

# %%
bounded = shift["smooth L1, β = 1"]
ruling = trial(
    "smooth L1 ignores outliers",
    {
        "one far point does not move the estimate": abs(bounded[-1]) < 1e-3,
        "12 far points beside 41 move it by less than 0.1": abs(many[2] - many[0]) < 0.1,
        "a majority of far points does not win": many[-1] < 100,
    },
)
assert ruling == "does not hold"
ruling

# %% [markdown]
# The influence is *bounded*: the point at 1000 pulls exactly as hard as the one at 12. It is not zero.
# Losses with a slope that returns to 0 ignore outliers (Tukey's biweight). They are not convex any more.

# %% [markdown]
# ### "Huber and smooth L1 are the same loss"

# %%
a, b = rng.normal(size=(8, 4)) * 3, rng.normal(size=(8, 4))
thresholds = (1 / 9, 0.5, 1.0, 2.0)
ratio = {t: huber_loss(a, b, t)[0] / smooth_l1_loss(a, b, t)[0] for t in thresholds}
same_factor = all(np.allclose(huber_loss(a, b, t)[1], t * smooth_l1_loss(a, b, t)[1]) for t in thresholds)
print({f"{t:.3g}": f"{r:.3g}" for t, r in ratio.items()}, "gradients by the same factor:", same_factor)

ruling = trial(
    "Huber and smooth L1 are the same loss",
    {f"δ = β = {t:.3g}": abs(r - 1) < 1e-9 for t, r in ratio.items()},
    only_if="δ = β = 1; else Huber is δ times smooth L1",
)
assert ruling == "holds only if δ = β = 1; else Huber is δ times smooth L1"
assert list(ruling.where.values()) == [False, False, True, False]
ruling


# %% [markdown]
# It matters when you tune: with plain SGD, halving δ in Huber also halves every outlier's gradient. Halving β does not.

# %% [markdown]
# ### "Smooth L1 prevents exploding gradients"
#
# Take a ReLU network of six layers. Measure the gradient of its first layer when the target is 1000 times too far,
# and when every weight is 3 times too large.

# %%
def first_layer_gradient(loss, target_scale=1.0, weight_scale=1.0, seed=0):
    """Norm of the gradient of the first weight matrix, batch of 16."""
    rng = np.random.default_rng(seed)
    sizes = [32] * 6 + [4]
    weights = [weight_scale * rng.normal(size=(i, o)) * np.sqrt(2 / i) for i, o in pairwise(sizes)]
    h = [rng.normal(size=(16, 32))]
    for W in weights[:-1]:
        h.append(np.maximum(h[-1] @ W, 0))
    target = 10 * target_scale * np.sign(rng.normal(size=(16, 4)))
    grad = loss(h[-1] @ weights[-1], target)[1] @ weights[-1].T
    for W, out in zip(weights[-2:0:-1], h[-1:1:-1], strict=True):
        grad = (grad * (out > 0)) @ W.T
    return np.linalg.norm(h[0].T @ (grad * (h[1] > 0)))


growth = {}
for name, loss in {"L2": l2, "smooth L1": smooth_l1_loss}.items():
    for what, scales in {"targets × 1000": (1000, 1), "weights × 3": (1, 3)}.items():
        found = [first_layer_gradient(loss, *scales, seed) / first_layer_gradient(loss, seed=seed) for seed in range(5)]
        growth[name, what] = np.array(found)
        print(f"{name:9s}  {what:14s} gradient grows {found[0]:.3g} times")

# %%
ruling = trial(
    "smooth L1 prevents exploding gradients (less than 10 times larger, five seeds)",
    {what: bool(growth["smooth L1", what].max() < 10) for what in ("targets × 1000", "weights × 3")},
    only_if="it is the error that explodes, not the network",
)
assert ruling == "holds only if it is the error that explodes, not the network"
assert list(ruling.where.values()) == [True, False]
ruling

# %% [markdown]
# The loss bounds the gradient *at the output*. What the layers do to it on the way back is not its business.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Smooth L1 is a parabola for errors below beta and a straight line beyond. Its gradient is d over beta, clipped to plus or minus one.
# Against L2, a wild box cannot dominate the batch, because the gradient is bounded.
# Against L1, the gradient fades at the target, so a fixed step can land instead of hopping.
# Huber is delta times smooth L1 with beta equal to delta. And bounded influence is not zero influence."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw the slope first: $d/\beta$, clipped to ±1. Integrate it: $d^2/(2\beta)$ inside, $|d|-\beta/2$ outside.
# - Check the joint aloud: value $\beta/2$ from both sides, slope 1 from both sides.
# - Against L2: with one box in ten in the wrong unit, L2's test error went from under 2 pixels to over 10. Smooth L1 stayed below 2.
# - Against L1: from 10 pixels away L1 is first within 0.1, after 100 steps against 113. Then it hops by the learning rate, and smooth L1 goes on to rounding error.
# - So not "faster", but "lands without decaying the step". It needs a learning rate below 2β, per error.
# - β is a scale: below it mean-like, above it median-like. Therefore normalise the targets, or choose β in their unit.
# - Conventions: Fast R-CNN β = 1. σ = 3 in the RPN means β = 1/9. Huber carries a factor δ.
# - Limits: outliers in the inputs, a β larger than the errors, exploding weights. It helps against none of them.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why did Fast R-CNN choose it?</summary>
#
# Its §2.3 says that the loss is less sensitive to outliers than the L2 of R-CNN and SPPnet.
# With unbounded regression targets, L2 needs a carefully tuned learning rate to keep gradients from exploding.
# Eq. (3) is smooth L1 with β = 1.
#
# </details>
#
# <details><summary>Why do detectors normalise the targets?</summary>
#
# They regress offsets divided by the box's size, and log ratios of width and height. So a large and a small box count alike.
# Many also divide by a standard deviation. Then all four coordinates have scale 1, and one β fits all.
#
# </details>
#
# <details><summary>How do you choose β?</summary>
#
# In the unit of the targets, about the size of a good box's error. Smaller treats more errors alike; larger lets outliers in.
# Keep the learning rate in view: a small β means curvature $1/\beta$. β → 0 is plain L1.
#
# </details>
#
# <details><summary>And IoU or GIoU losses?</summary>
#
# IoU loss is $1-\mathrm{IoU}$ of the two boxes: it ties the four coordinates together, does not depend on scale, and is the metric itself.
# Without overlap it is constant, so its gradient is 0. GIoU subtracts the empty share of the smallest enclosing box, which repairs that.
#
# </details>
#
# <details><summary>Huber or smooth L1 in torch?</summary>
#
# `HuberLoss(delta)` is `delta * SmoothL1Loss(beta=delta)`. The minimiser is the same.
# As β → 0 smooth L1 becomes L1; as δ → 0 Huber becomes 0. As δ → ∞ Huber becomes $d^2/2$; as β → ∞ smooth L1 becomes 0.
# That is why torch allows β = 0 and forbids δ = 0.
#
# </details>
#
# <details><summary>Log-cosh, pseudo-Huber?</summary>
#
# $\log\cosh d$ has slope $\tanh d$; pseudo-Huber $\delta^2(\sqrt{1+(d/\delta)^2}-1)$ has slope $d/\sqrt{1+(d/\delta)^2}$.
# Both have all derivatives, so second-order methods like them. Both are bounded the same way.
# Write log-cosh stably: $|d| + \log(1+e^{-2|d|}) - \log 2$. The naive form overflows at $d \approx 710$.
#
# </details>
#
# <details><summary>Is it convex? Strongly?</summary>
#
# Convex, for the slope never decreases. Not strongly: beyond the joint the second derivative is 0.
#
# </details>
#
# <details><summary>What is the gradient at exactly |d| = β?</summary>
#
# ±1 from both sides, so `<` or `<=` makes no difference. The second derivative does not exist there.
#
# </details>
#
# <details><summary>Why clip the loss's gradient and not the total gradient?</summary>
#
# Clipping by the norm shrinks the *whole* batch's step when one box is wild, good boxes included.
# Smooth L1 limits each error alone, before they are added.
#
# </details>
#
# <details><summary>Which noise does it assume?</summary>
#
# As a negative log-likelihood: Gaussian in the middle, exponential (Laplace) tails.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - $|d| - 0.5$ for every β. The offset is $\beta/2$, or the loss jumps.
# - "Smooth L1 is Huber." Only at 1.
# - "It converges faster than L1." Ask: to what accuracy, with which step?
# - "It ignores outliers." It bounds them.
# - σ = 3 copied into `beta=3`. It is 1/9.
# - β = 1 on boxes in pixels and on normalised boxes in $[0, 1]$. In the second case the line is never reached.

# %% [markdown]
# ## References
#
# - R. Girshick. *Fast R-CNN.* ICCV 2015. §2.3 and eq. (3).
# - S. Ren, K. He, R. Girshick, J. Sun. *Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks.* NeurIPS 2015; σ is in the code.
# - P. J. Huber. *Robust Estimation of a Location Parameter.* Annals of Mathematical Statistics 35(1), 1964.
# - H. Rezatofighi et al. *Generalized Intersection over Union.* CVPR 2019.
# - PyTorch documentation of `SmoothL1Loss` and `HuberLoss`: the definitions used here, and the factor between them.
