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
# - **What is used today.** Many detectors take plain L1 plus an overlap loss, and you can say why.

# %% [markdown]
# ## The idea
#
# ### From the gradient to the loss
#
# Let $d$ be prediction minus target. The slope of L2, $2d$, has no bound, so one wild box rules the batch.
# The slope of L1 is bounded by 1, but it jumps at the target, so with a constant step it hops around the target.
# Take the better half of each: let the slope grow like $d/\beta$, and stop it at ±1.
# The loss is the integral of that slope from 0; take $d \ge 0$ and mirror it for $d<0$:
#
# $$
# \ell'(d) = \mathrm{clip}\!\left(\frac{d}{\beta},\,-1,\,1\right)
# \qquad\Longrightarrow\qquad
# \ell(d) =
# \begin{cases} \displaystyle\int_0^d \frac{t}{\beta}\,dt = \frac{d^2}{2\beta} & d<\beta \\[2ex]
# \displaystyle\frac{\beta}{2} + \int_\beta^d 1\,dt = d - \frac{\beta}{2} & d \ge \beta \end{cases}
# $$
#
# So there is nothing to remember: the ½ and the offset $\beta/2$ come out of the integral.
# Value and slope agree at the joint. The second derivative jumps there, from $1/\beta$ to 0.

# %% [markdown]
# ### Three names for one family
#
# Huber keeps the parabola $d^2/2$ and lets the slope stop at ±δ. With the same integral its line is $\delta\,(|d| - \frac{\delta}{2})$, and therefore
#
# $$
# \mathrm{Huber}_\delta = \delta \cdot \mathrm{SmoothL1}_{\beta=\delta}
# $$
#
# The minimiser is the same and the scale is not. At 1 they are equal, which is why they get mixed up.
# It matters when you tune: halving δ also halves the gradient of every outlier. Halving β does not.
#
# | source | parameter | our β |
# |---|---|---|
# | Fast R-CNN, eq. (3) | none | 1 |
# | Faster R-CNN code, RPN: $\frac12(\sigma d)^2$ inside $1/\sigma^2$, σ = 3 | σ | $1/\sigma^2 = 1/9$ |
# | `torch.nn.SmoothL1Loss(beta=β)` | β, default 1 | β (0 is L1) |
# | `torch.nn.HuberLoss(delta=δ)` | δ, default 1 | δ, and the loss is δ times larger |

# %% [markdown]
# ### What β does
#
# The best constant $c$ for numbers $y_i$ solves $\sum_i \mathrm{clip}\big(\frac{c-y_i}{\beta},-1,1\big) = 0$.
# With a β larger than all differences nothing is clipped, and $c$ is the **mean**. For β → 0 everything is clipped, and $c$ is the **median**.
# So β says how far away a point must be to count as an outlier. It has the unit of the data.
#
# For training, take one error and the learning rate η. Inside the joint $d \leftarrow (1-\eta/\beta)\,d$, which shrinks for $0 < \eta < 2\beta$.
# Outside, $d$ walks by η, as with L1. A large β makes the last part slow, and a β below $\eta/2$ brings L1's hopping back.

# %% [markdown]
# ### What detectors use today
#
# Smooth L1 came to detection with Fast R-CNN (2015). Since then:
#
# - The defaults of Detectron2 have `SMOOTH_L1_BETA = 0.0`, which is plain L1, for the RPN and the box head. MMDetection's Faster R-CNN uses L1 too.
# - DETR uses the sum of an L1 and a GIoU loss. Many one-stage detectors use an overlap loss alone.
#
# Two likely reasons. With normalised targets and a decaying learning rate the corner of L1 hardly hurts. And L1 keeps its full slope for small errors, which matter at high IoU thresholds.
# The overlap loss has its own reason: four coordinates are not four independent errors. Boxes with the same L1 error can overlap very differently (question 38: IoU, GIoU, DIoU, CIoU).

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, gradcheck, hint, plots, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: smooth L1
#
# `pred` and `target` have the same shape, whatever it is. Return the mean over all entries, and its gradient with respect to `pred`.
# `beta = 0` means plain L1, with gradient 0 where the two are equal. A negative beta is a ValueError.

# %%
def smooth_l1_loss(pred, target, beta=1.0):
    """pred, target (...) -> (loss, grad (...)): |d| < beta: d²/(2·beta), else |d| − beta/2; mean over all entries.

    grad is with respect to pred. beta = 0 is L1, with gradient 0 where d = 0; beta < 0: ValueError.
    """
    # BEGIN SOLUTION
    if beta < 0:
        raise ValueError(f"beta must not be negative, but is {beta}")
    d = pred - target
    if beta == 0:
        return np.abs(d).mean(), np.sign(d) / d.size
    slope = np.clip(d / beta, -1, 1)
    loss = np.where(np.abs(d) < beta, d**2 / (2 * beta), np.abs(d) - beta / 2)
    return loss.mean(), slope / d.size
    # END SOLUTION

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
    """pred, target (...) -> (loss, grad (...)): |d| < delta: d²/2, else delta·(|d| − delta/2); mean over all entries.

    grad is with respect to pred. delta <= 0: ValueError.
    """
    # BEGIN SOLUTION
    if delta <= 0:
        raise ValueError(f"delta must be positive, but is {delta}")
    d = pred - target
    loss = np.where(np.abs(d) < delta, d**2 / 2, delta * (np.abs(d) - delta / 2))
    return loss.mean(), np.clip(d, -delta, delta) / d.size
    # END SOLUTION

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

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers to exercise 1 that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(smooth_l1_loss)

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

# %% tags=["hide-input"]
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
# Gradient descent with learning rate 0.1 from $d = 10.03$. Which loss is first within 0.1 pixel, and which is closest after 400 steps?

# %%
def descend(loss, start=10.03, lr=0.1, steps=400):
    """|error| before each step and after the last, (steps + 1,)."""
    x, target, path = np.array([start]), np.zeros(1), []
    for _ in range(steps + 1):
        path.append(abs(x[0]))
        x = x - lr * loss(x, target)[1]
    return np.array(path)


# Errors below 1e-9 are shown as 1e-09.
runs = {"L2": descend(l2), "L1": descend(l1)}
for beta in (0.02, 1.0, 10.0):
    runs[f"smooth L1, β = {beta:g}"] = descend(lambda p, t, beta=beta: smooth_l1_loss(p, t, beta))
for name, path in runs.items():
    hits = np.flatnonzero(path < 0.1)
    print(f"{name:21s} within 0.1 after {hits[0] if len(hits) else 'more than 400':>4} steps; largest error of the last 20 steps {max(path[-20:].max(), 1e-9):.0e}")

# %% tags=["hide-input"]
looks = {"L2": ("l2", "-"), "L1": ("l1", "-"), "smooth L1, β = 1": ("smooth_l1", "--"), "smooth L1, β = 10": ("smooth_l1", ":")}
fig, ax = plt.subplots(figsize=(8, 3.7), layout="constrained")
for name, (key, dash) in looks.items():
    ax.plot(runs[name], dash, color=plots.color(key), label=name)
ax.axhline(0.1, color="0.5", linewidth=1)
ax.text(1.01, 0.1, "learning\nrate", color="0.35", va="center", transform=ax.get_yaxis_transform())
ax.set(yscale="log", ylim=(1e-15, 60), xlabel="step", ylabel="distance to the target (pixels)",
       title="L1 is there before smooth L1, but it never lands")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# **Takeaway.** L1 and smooth L1 walk equally fast from afar. Then L1 hops across the target in steps of 0.1, as long as the rate stays.
# Smooth L1 shrinks the error by the factor $1-\eta/\beta = 0.9$ in each step.
# β = 10 is slow, and β = 0.02, which is below η/2, hops like L1.

# %% [markdown]
# ### Boxes with wrong labels
#
# A digit lies somewhere on a canvas of 32 × 32 pixels. Predict its box $(x_0, y_0, x_1, y_1)$ with a linear model.
# The features are 64 numbers: the share of the ink in each column and in each row.
# There are five training sets of 300 images, and one test set of 300 clean images that were not trained on.
#
# We spoil a share of the training boxes in two ways: the box of *another image* (at most a canvas away), or the *wrong unit* (an image eight times as large).
# 200 steps of gradient descent from zero, and for each loss the best of five learning rates.

# %%
def profile(images):
    """(n, 1, 32, 32) -> the share of the ink in each column and each row, (n, 64)."""
    share = images[:, 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    return np.concatenate([share.sum(axis=1), share.sum(axis=2)], axis=1)


images, boxes = data.digit_boxes(1500, seed=0)
test_images, test_boxes = data.digit_boxes(300, seed=1, part="test")
raw = profile(images)
X, X_test = (np.column_stack([(profile(some) - raw.mean(axis=0)) / raw.std(), np.ones(len(some))]) for some in (images, test_images))
X, Y = X.reshape(5, 300, 65), boxes.reshape(5, 300, 4) - 16  # five training sets; pixels from the middle of the canvas
LOSSES = {"L1": (l1, 0.6), "L2": (l2, 0.1), "smooth L1": (smooth_l1_loss, 0.6), "smooth L1, β = 300": (lambda p, t: smooth_l1_loss(p, t, 300.0), 60)}


def fit(loss, lr, X, Y, steps, watch):
    """`watch(W)` before each step of gradient descent from zero, W (65, 4)."""
    W, seen = np.zeros((X.shape[1], 4)), []
    for _ in range(steps):
        seen.append(watch(W))
        W = W - lr * X.T @ loss(X @ W, Y)[1]
    return np.array(seen)


def box_error(loss, kind, share, seed):
    """Mean error on the clean test boxes in pixels, at the best of five learning rates; a share of the labels is wrong."""
    rng = np.random.default_rng(seed)
    wrong, hit = Y[seed].copy(), rng.permutation(300)[: round(300 * share)]
    other = rng.integers(300, size=len(hit))
    wrong[hit] = Y[seed, other] if kind == "another image" else 8 * (Y[seed, hit] + 16) - 16
    f, middle = LOSSES[loss]
    with np.errstate(all="ignore"):  # too large a rate overflows, and loses
        found = [fit(f, lr, X[seed], wrong, 201, lambda W: np.abs(X_test @ W - test_boxes + 16).mean())[-1] for lr in middle * 2.0 ** np.arange(-2, 3)]
    return float(np.nanmin(found))


kinds, shares = ["another image", "wrong unit"], [0.1, 0.2, 0.3, 0.4]
tried = settings(loss=["L1", "L2", "smooth L1"], kind=kinds, share=[0.0, *shares], seed=range(5))
tried += settings(loss="smooth L1, β = 300", kind="wrong unit", share=[0.0, 0.1], seed=0)
errors = evidence("wrong_boxes", box_error, tried, sample=1)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, kind in zip(axes, kinds, strict=True):
    for name, key, dash in (("L2", "l2", "o-"), ("L1", "l1", "s-"), ("smooth L1", "smooth_l1", "^--")):
        found = np.array([[errors(loss=name, kind=kind, share=share, seed=seed) for seed in range(5)] for share in (0.0, *shares)])
        ax.plot([0, 10, 20, 30, 40], np.median(found, axis=1), dash, color=plots.color(key), label=name)
        ax.fill_between([0, 10, 20, 30, 40], found.min(axis=1), found.max(axis=1), color=plots.color(key), alpha=0.2)
    ax.set(yscale="log", xlabel="wrong training boxes (%)", title=f"Wrong boxes: {kind}")
    ax.set_yticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
    ax.minorticks_off()
axes[0].set_ylabel("error on clean test boxes (pixels)")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# **Takeaway.** Under L2 the pull of a wrong box grows with *how* wrong it is.
# Under L1 and smooth L1 it is bounded, so the number of wrong boxes matters more than their size. Between these two losses there is hardly a difference here.

# %% [markdown] tags=["deeper"]
# ### Deeper: between the median and the mean
#
# Nineteen numbers around 5, and two wild ones at 40 and 60. Which constant fits best, for each β?
# Your gradient decides: its sum is negative below the best constant and positive above.

# %% tags=["deeper"]
sample = np.append(np.sort(rng.normal(5, 1, 19)), [40.0, 60.0])


def best_estimate(values, beta):
    """Where the sum of the gradients passes 0, by bisection."""
    low, high = values.min(), values.max()
    for _ in range(60):
        middle = (low + high) / 2
        pull = smooth_l1_loss(np.full(len(values), middle), values, beta)[1].sum()
        low, high = (middle, high) if pull < 0 else (low, middle)
    return (low + high) / 2


betas = np.geomspace(0.01, 300, 60)
estimates = [best_estimate(sample, beta) for beta in betas]

# %% tags=["deeper", "hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.semilogx(betas, estimates, "--", color=plots.color("smooth_l1"), label="smooth L1")
ax.axhline(np.median(sample), color=plots.color("l1"), linewidth=1.2, label="median (L1)")
ax.axhline(sample.mean(), color=plots.color("l2"), linewidth=1.2, label="mean (L2)")
ax.set(xlabel="β (the unit of the data)", ylabel="best constant", title="β leads from the median to the mean")
ax.legend(loc="center left")
plt.show()

# %% [markdown] tags=["deeper"]
# **Takeaway.** β is a scale. Small against the noise it gives the median, larger than every error the mean.
# With targets in pixels and boxes normalised to [0, 1] the same β means two different losses; that is one reason to normalise the targets.

# %% [markdown]
# ## Folklore on trial
#
# ### "Smooth L1 is less sensitive to outliers than L2"
#
# By how much does the test error rise above the loss's own clean fit?
# Less sensitive means that smooth L1 rises by at most two thirds of what L2 does (second threshold: nine tenths).
# As a control we take β = 300 pixels, larger than every error, where smooth L1 *is* a scaled L2.

# %%
def rise(loss, kind, share, seed):
    return errors(loss=loss, kind=kind, share=share, seed=seed) - errors(loss=loss, kind=kind, share=0.0, seed=seed)


def less_sensitive(kind, share, seed, loss="smooth L1"):
    ratio = rise(loss, kind, share, seed) / rise("L2", kind, share, seed)
    return ratio < 2 / 3, ratio < 0.9


trial(
    "smooth L1 is less sensitive than L2 to outliers in the targets",
    less_sensitive,
    over=settings(kind=kinds, share=shares, seed=range(5)),
    control=dict(kind="wrong unit", share=0.1, seed=0, loss="smooth L1, β = 300"),
    expect="holds",
)

# %% [markdown]
# Two limits belong to it. The influence of an outlier is *bounded*, not zero: a point at 1000 pulls as hard as one at 12.
# And the claim is about outliers in the *targets*: the gradient with respect to a weight is the slope times the input, and nothing bounds the input.
#
# ### "Smooth L1 converges faster than L1"
#
# Faster means at most 80 % of the steps of L1 until the *training* error is below a goal in pixels, each loss at its best of five constant rates (second threshold: 60 %).
# With few boxes the model can fit all labels exactly, with many it cannot.

# %%
def steps_to(loss, n, seed):
    """Steps until the training error of n boxes is below each goal in pixels, at the best of five rates (9999: never)."""
    x, y, goals = X[seed, :n], Y[seed, :n], (2.0, 1.5, 1.0, 0.2, 0.15, 0.1)
    paths = [fit(LOSSES[loss][0], lr, x, y, 1200, lambda W: np.abs(x @ W - y).mean()) for lr in (0.1, 0.2, 0.4, 0.8, 1.6)]
    return {str(goal): float(min(np.argmax(path < goal) if path.min() < goal else 9999 for path in paths)) for goal in goals}


races = settings(loss=["L1", "smooth L1"], n=[30, 60, 300], seed=range(2)) + settings(loss=["L1", "smooth L1"], n=[25, 35, 90, 200], seed=range(2, 5))
steps = evidence("smooth_l1_race", steps_to, races, sample=1)


def is_faster(n, goal, seed):
    smooth, plain = (steps(loss=loss, n=n, seed=seed)[str(goal)] for loss in ("smooth L1", "L1"))
    return smooth <= 0.8 * plain, smooth <= 0.6 * plain


trial(
    "smooth L1 converges faster than L1 at a constant learning rate",
    is_faster,
    over=settings(n=[30, 60, 300], goal=[2.0, 1.0, 0.2, 0.1], seed=range(2)),
    held_out=settings(n=[25, 35, 90, 200], goal=[1.5, 0.15], seed=range(2, 5)),
    only_if=("the labels can be fitted exactly (fewer boxes than weights) and the goal is below half a pixel", lambda n, goal: n < 65 and goal < 0.5),
    expect="holds only if the labels can be fitted exactly (fewer boxes than weights) and the goal is below half a pixel",
)

# %% [markdown]
# For coarse goals smooth L1 is usually first, but mostly by a few steps only: too little for our rule.
# Neither limit is sharp. With 60 boxes, close to the 65 weights, neither loss came below 0.2 pixel in 1200 steps; the held-out settings inside the condition have 25 and 35 boxes.
# And with few boxes and a goal of one pixel, smooth L1 needed 7 to 40 % fewer steps.
# With many boxes that cannot all be fitted, the corners lie at different places, so their mean is nearly smooth and L1 trains almost as well.
# With a decaying learning rate L1 can land too; we have not raced that.
#
# Say: *"It lands without a decaying step."* Do not say *"it is faster"* without naming the accuracy.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Smooth L1 is a parabola for errors below beta and a straight line beyond. Its gradient is the error over beta, clipped to plus or minus one.
# L2 lets one wild box dominate the batch; here its gradient is bounded. L1's gradient never fades; here it does, so a constant step can land.
# Huber is the same loss times delta.
# Today many detectors use plain L1 plus an IoU loss. Shall I compare them?"
#
# ### 三十秒回答
#
# "Smooth L1 在误差小于 beta 时是抛物线,超过后是直线,梯度就是误差除以 beta 再截断到正负一。
# 和 L2 比,离谱的框主导不了整个 batch;和 L1 比,接近目标时梯度变小,固定步长也能收敛。
# Huber 是它乘以 delta。现在不少检测器直接用 L1 加 IoU 类损失,要我比较一下吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw the slope first: $d/\beta$, clipped to ±1. Integrate it: $d^2/(2\beta)$ inside, $|d|-\beta/2$ outside.
# - Check the joint aloud: value $\beta/2$ from both sides, slope 1 from both sides.
# - Against L2: with one box in ten in the wrong unit, L2's test error goes from under 2 pixels to over 10. Smooth L1 stays below 2.
# - Against L1: from 10 pixels away L1 is first within 0.1, after 100 steps against 113. Then it hops by the learning rate, and smooth L1 goes on to rounding error.
# - So not "faster", but "lands without decaying the step". For a single error the learning rate must be below 2β.
# - β is a scale: below it mean-like, above it median-like. Therefore normalise the targets, or choose β in their unit.
# - Conventions: Fast R-CNN β = 1. σ = 3 in the RPN means β = 1/9. Huber carries a factor δ.
# - Today: plain L1 by default in Detectron2 and MMDetection, L1 plus GIoU in DETR. Likely reasons: the corner hardly hurts, and the overlap is what counts.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why did Fast R-CNN choose it?</summary>
#
# Its §2.3 says that the loss is less sensitive to outliers than the L2 of R-CNN and SPPnet.
# With unbounded regression targets, L2 can need a carefully tuned learning rate to keep gradients from exploding.
#
# </details>
#
# <details><summary>Does it prevent exploding gradients?</summary>
#
# It bounds the gradient *at the output*. If the weights explode, the gradient still grows on its way back through the layers.
# For that one clips the norm of the total gradient. But clipping the norm shrinks the *whole* batch's step when one box is wild; smooth L1 limits each error alone.
#
# </details>
#
# <details><summary>Why do detectors normalise the targets?</summary>
#
# They regress offsets divided by the box's size, and log ratios of width and height, so that a large and a small box count alike.
# Many also divide by a standard deviation. Then all four coordinates have scale 1, and one β fits all.
#
# </details>
#
# <details><summary>How do you choose β?</summary>
#
# In the unit of the targets, about the size of a good box's error. Smaller treats more errors alike; larger lets outliers in.
# Keep the learning rate in view: a small β means the curvature $1/\beta$. β → 0 is plain L1.
#
# </details>
#
# <details><summary>And IoU losses?</summary>
#
# $1-\mathrm{IoU}$ ties the four coordinates together, does not depend on scale, and is close to the metric.
# Without overlap its gradient is 0. GIoU repairs that with the enclosing box, DIoU and CIoU with the distance of the centres and the aspect ratio: question 38.
#
# </details>
#
# <details><summary>Huber or smooth L1 in torch?</summary>
#
# `HuberLoss(delta)` is `delta * SmoothL1Loss(beta=delta)`.
# As β → 0 smooth L1 becomes L1; as δ → 0 Huber becomes 0. So it makes sense that torch allows β = 0 and forbids δ = 0.
#
# </details>
#
# <details><summary>Log-cosh, pseudo-Huber?</summary>
#
# $\log\cosh d$ has the slope $\tanh d$; pseudo-Huber $\delta^2(\sqrt{1+(d/\delta)^2}-1)$ has the slope $d/\sqrt{1+(d/\delta)^2}$.
# Both have all derivatives, which suits second-order methods. Both slopes are bounded, by 1 and by δ.
#
# </details>
#
# <details><summary>Is it convex? Which losses ignore outliers altogether?</summary>
#
# It is convex, because the slope never decreases, but not strongly: beyond the joint the second derivative is 0.
# Losses whose slope returns to 0, such as Tukey's biweight, ignore far outliers. They are not convex any more.
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
# - "All detectors use smooth L1." Many defaults are plain L1 today.
# - σ = 3 copied into `beta=3`. It is 1/9.
# - β = 1 on boxes in pixels and on normalised boxes in $[0, 1]$. In the second case the line is hardly ever reached.

# %% [markdown]
# ## References
#
# - R. Girshick. *Fast R-CNN.* ICCV 2015. §2.3 and eq. (3).
# - S. Ren, K. He, R. Girshick, J. Sun. *Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks.* NeurIPS 2015; σ is in the code.
# - P. J. Huber. *Robust Estimation of a Location Parameter.* Annals of Mathematical Statistics 35(1), 1964.
# - N. Carion et al. *End-to-End Object Detection with Transformers.* ECCV 2020: L1 plus GIoU.
# - Detectron2, `detectron2/config/defaults.py` (`SMOOTH_L1_BETA`); MMDetection, the configuration of Faster R-CNN (`L1Loss`).
# - PyTorch documentation of `SmoothL1Loss` and `HuberLoss`: the definitions used here, and the factor between them.
