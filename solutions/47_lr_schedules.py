# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 47 · How should the learning rate change, why warm up, and when clip?
#
# *学习率如何调整?为什么要 warmup?余弦退火?梯度裁剪?*

# %% [markdown]
# ## Question
#
# "Too small a rate is slow, too large a rate oscillates. How do you change it during training, and by which rule?
# Write cosine annealing with warm-up, plateau decay, and clipping by the global norm. Why warm up at all?
# And if the loss is NaN, or stuck, or spikes: what do you check?"
#
# "学习率太小收敛慢,太大会震荡。训练过程中怎么调?请写余弦退火加 warmup、plateau 衰减和全局梯度裁剪。
# 为什么需要 warmup?如果 loss 变成 NaN、不下降或者突然跳高,怎么排查?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Two limits on one rate.** Curvature bounds it from above (2/L, with L the largest curvature); noise decides how near you get (a ball around the minimum, of mean square ∝ η).
# - **Details that differ.** Warm-up that starts above 0, cosine over what is left, a *relative* plateau threshold, one norm over all arrays.
# - **Reasons for warm-up**, more than one, and that it is not only about Adam.
# - **Averages as an alternative to decay.**
# - **A method for broken runs**: from the symptom to its causes, a cheap test, the cure.

# %% [markdown]
# ## The idea
#
# ### Why not too small, why not too large
#
# Along a direction of curvature $h$, with gradient noise of variance $\sigma^2$, SGD does $e\leftarrow(1-\eta h)\,e-\eta\,\xi$. The mean square of the error obeys
#
# $$
# \mathbb E[e'^2]=(1-\eta h)^2\,\mathbb E[e^2]+\eta^2\sigma^2
# \qquad\Rightarrow\qquad
# \mathbb E[e^2]\to\frac{\eta\,\sigma^2}{h\,(2-\eta h)}\approx\frac{\eta\,\sigma^2}{2h}
# $$
#
# - **Speed** wants η large: the old error shrinks by $1-\eta h$ a step. Beyond $\eta=2/h$ it grows.
# - **Accuracy** wants η small: the error that is left, the *noise ball*, has a mean square proportional to η.
#
# So start large and end small. Robbins and Monro: $\sum\eta_t=\infty$ (you can get anywhere) and $\sum\eta_t^2<\infty$ (the noise adds up to something finite) are enough to converge on such a bowl; $1/t$ does it.
# The other way out keeps η and *averages* the iterates: the noise averages away.

# %% [markdown]
# ### Schedules
#
# | schedule | rule | when |
# |---|---|---|
# | step decay | ×0.1 at fixed epochs | classic CNNs |
# | cosine | $\eta_{\min}+\frac12(\eta_0-\eta_{\min})(1+\cos\pi s)$, $s$ from 0 to 1 | the default; the total must be known |
# | linear to 0 | $\eta_0\,(1-s)$ | fine-tuning, language models |
# | plateau | ×factor when the validation loss has not improved for *patience* epochs | the total is not known |
# | WSD | warm-up, stable, decay at the end | runs that may be prolonged |
# | one-cycle | up and down once, momentum the other way | short runs |
#
# **Plateau decay** needs to know what "no improvement" is. torch asks for a loss below best·(1 − threshold): *relative*, 10⁻⁴ by default.
# A threshold of 0 takes every lucky epoch for progress and may cut late; a large one cuts while the net still learns. Patience must outlast the noise of the validation loss.

# %% [markdown]
# ### Warm-up and clipping
#
# Warm up, because at the start the full rate may be too large for several reasons: the curvature can be high, and a rate that grows slowly lets the net move to flatter places on the way; Adam's $v$ rests on few gradients; the gradients of different layers may differ widely in size; and with a large batch the linearly scaled rate is far too large for the first steps.
#
# Clipping by the global norm bounds the step of a batch: with $n=\sqrt{\sum_k\|g_k\|^2}$ over all arrays
#
# $$
# g_k\leftarrow g_k\cdot\min\Big(1,\frac{c}{n}\Big)
# $$
#
# One factor for all arrays, so the direction stays. Clipping entry by entry, or array by array, turns it.
# Use it where gradients have heavy tails: recurrent nets, transformers, reinforcement learning, or one broken batch.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: cosine with warm-up


# %%
def cosine_lr(step, base_lr, total_steps, warmup_steps=0, min_lr=0.0):
    """The rate of step 0, 1, 2, … as a float; 0 ≤ warmup_steps < total_steps.

    Warm-up, step < warmup_steps: base_lr·(step + 1)/warmup_steps, whatever min_lr is. Then a cosine from base_lr,
    at step = warmup_steps, to min_lr, at step = total_steps; min_lr from there on.
    """
    # BEGIN SOLUTION
    if step < warmup_steps:
        return base_lr * (step + 1) / warmup_steps
    share = min((step - warmup_steps) / (total_steps - warmup_steps), 1.0)
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + np.cos(np.pi * share))
    # END SOLUTION


# %%
check(cosine_lr)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: three parts</summary>
#
# Warm-up, cosine, flat. With `share` cut off at 1 the last two are one formula.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: where the cosine begins</summary>
#
# `share = (step - warmup_steps) / (total_steps - warmup_steps)`: 0 at the end of the warm-up, 1 at the end.
#
# </details>

# %% [markdown]
# ### Exercise 2: plateau decay


# %%
def plateau_lrs(losses, lr, factor=0.1, patience=10, threshold=1e-4):
    """losses (n,), one for each epoch, lr the rate at first -> (n,): the rate in force after each epoch.

    As torch's ReduceLROnPlateau: an epoch is good when its loss < best·(1 − threshold), the first always, NaN never;
    only then best moves. More than `patience` bad epochs in a row cut the rate to lr·factor, the count starts again
    and best stays. A cut that would change the rate by 1e-8 or less is not made (the count starts again all the same).
    """
    # BEGIN SOLUTION
    best, bad, rates = np.inf, 0, []
    for loss in losses:
        if loss < best * (1 - threshold):
            best, bad = loss, 0
        else:
            bad += 1
        if bad > patience:
            bad = 0
            if lr - lr * factor > 1e-8:
                lr = lr * factor
        rates.append(lr)
    return np.array(rates)
    # END SOLUTION


# %%
check(plateau_lrs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: three variables</summary>
#
# The best loss, the number of bad epochs in a row, the rate. Start with best = inf.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: more than patience</summary>
#
# `bad > patience`, not `>=`: with patience 2 the third bad epoch cuts. The cut is in that epoch's entry.
#
# </details>

# %% [markdown]
# ### Exercise 3: clipping by the global norm


# %%
def clip_by_global_norm(grads, max_norm):
    """grads, a list of arrays, max_norm > 0 -> (clipped, norm): new arrays in a list, and the norm before clipping.

    One norm over all arrays. Where it is larger than max_norm, all are scaled by max_norm/norm (no 1e-6 added);
    otherwise they come back as they are. All zeros: norm 0.
    """
    # BEGIN SOLUTION
    norm = np.sqrt(sum(np.sum(grad**2) for grad in grads))
    scale = max_norm / norm if norm > max_norm else 1.0
    return [grad * scale for grad in grads], norm
    # END SOLUTION


# %%
check(clip_by_global_norm)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: squares add up, norms do not</summary>
#
# Sum the squares of all entries of all arrays, then take one root.
#
# </details>

# %% [markdown]
# ### Exercise 4: averaged weights


# %%
def weight_average(path, decay):
    """path (n, d), the weights after each step, the start included -> (n, d): their exponential moving average.

    Row 0 is path's row 0; then average = decay·average + (1 − decay)·path[t].
    """
    # BEGIN SOLUTION
    averages = [path[0]]
    for row in path[1:]:
        averages.append(decay * averages[-1] + (1 - decay) * row)
    return np.array(averages)
    # END SOLUTION


# %%
check(weight_average)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which one is large?</summary>
#
# decay, 0.99 for instance, belongs to the old average. Started at the first row, no bias correction is needed.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# The wrong answers to exercise 2 that the check knows by name; the table scrolls.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(plateau_lrs)

# %% [markdown]
# ## Experiments
#
# ### Schedules, and what they do to the noise ball
#
# A quadratic of curvature 1 with gradient noise of variance 1, from $e=10$, mean of 400 runs. Which schedule ends lowest after 600 steps?

# %%
T = 600
plans = {
    "constant 0.5": [0.5] * T,
    "constant 0.005": [0.005] * T,
    "step decay": [0.5 * 0.1 ** (t // 200) for t in range(T)],
    "cosine, warm-up": [cosine_lr(t, 0.5, T, warmup_steps=30) for t in range(T)],
    "1/t": [1 / (t + 2) for t in range(T)],
}


def errors(rates, runs=400, h=1.0, noise=1.0, start=10.0, seed=0):
    """(steps + 1, runs): the error of SGD on h·e²/2 with noisy gradients."""
    rng, e = np.random.default_rng(seed), np.full(runs, start)
    path = [e]
    for lr in rates:
        e = e - lr * (h * e + noise * rng.normal(size=runs))
        path.append(e)
    return np.array(path)


paths = {name: errors(rates) for name, rates in plans.items()}
averaged = weight_average(paths["constant 0.5"][100:], decay=0.98)  # from step 100 on: the start is forgotten by then
for name, path in (paths | {"constant 0.5, averaged": averaged}).items():
    print(f"{name:23s} mean square error at the end {np.mean(path[-1] ** 2):7.4f}")

# %% tags=["nbval-ignore-output", "hide-input"]
tints = dict(zip(paths, ("black", "0.55", plots.color("momentum"), plots.color("adam"), plots.color("adagrad")), strict=True))
fig, axes = plt.subplots(2, 1, figsize=(8, 5.6), sharex=True, layout="constrained")
for (name, path), dash in zip(paths.items(), ("-", ":", "-.", "-", "--"), strict=True):
    axes[0].plot(np.arange(T), plans[name], dash, color=tints[name])
    axes[1].semilogy(np.mean(path**2, axis=1), dash, color=tints[name], label=name)
axes[1].semilogy(np.arange(100, T + 1), np.mean(averaged**2, axis=1), "--", color=plots.color("nesterov"), label="constant 0.5, averaged")
axes[0].set(ylabel="learning rate", title="The rate")
axes[1].set(xlabel="step", ylabel="mean square error", title="The ball follows the rate; averaging shrinks it at a constant one")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
plt.show()

# %% [markdown]
# **Takeaway.** A constant rate ends in a ball of mean square $\eta\sigma^2/(h(2-\eta h))$, ⅓ for the rate 0.5. The large rate is there at once; the small one does not reach its own ball in 600 steps.
# Decay starts with the large ball and ends in the small one. An average of the iterates at 0.5, begun once the start is forgotten, is both fast and quiet.
# $1/t$ wins here because its constant is exactly $1/h$; in a net nobody knows $h$, and with a tenth of that constant it would be very slow.

# %% [markdown]
# ### The threshold of plateau decay
#
# Take a validation loss that falls slowly towards 1, with noise of 1 %. When is the rate cut for the first time, by threshold and by patience?

# %%
epochs = np.arange(150)
rng = np.random.default_rng(0)
curve = (1 + 1.5 * 0.97**epochs) * (1 + 0.01 * rng.normal(size=150))
print("first cut at epoch, for patience", *(f"{p:6d}" for p in (0, 3, 10)))
for threshold in (0.0, 1e-4, 1e-2, 1e-1):
    firsts = []
    for patience in (0, 3, 10):
        rates = plateau_lrs(curve, 1.0, 0.5, patience, threshold)
        firsts.append(int(np.argmax(rates < 1)) if rates[-1] < 1 else None)
    print(f"threshold {threshold:<20g}", "  ", *(f"{'never' if f is None else f!s:>6}" for f in firsts))

# %% [markdown]
# **Takeaway.** From epoch 120 on the loss without its noise is within 4 % of its floor. Patience 0 cuts on the first unlucky epoch. With patience 3 a threshold of 10 % cuts at epoch 4, while the loss still falls by nearly 2 % an epoch.
# Choose the threshold below the gain an epoch is worth to you, and the patience so large that noise alone does not exhaust it.

# %% [markdown]
# ### Broken runs: symptom, cause, test, cure
#
# Look at the loss, follow the branch, run the cheapest test first. Then nine broken runs, each with its cure beside it.

# %% tags=["nbval-ignore-output", "hide-input"]
nodes = {
    "root": (3.45, 3.3, "Training loss?", "input"),
    "nan": (0.75, 2.35, "NaN or inf", "loss"),
    "stuck": (2.6, 2.35, "stuck at ln K", "loss"),
    "spike": (4.4, 2.35, "spikes", "loss"),
    "gap": (6.2, 2.35, "falls, validation\ndoes not", "loss"),
    "nan2": (0.75, 1.25, "log of 0, exp overflow\nrate too large\nfloat16 without scaling\nNaN in the data", "plain"),
    "stuck2": (2.6, 1.25, "labels do not belong\nto the images\nzero weights, dead units\nrate far off", "plain"),
    "spike2": (4.4, 1.25, "a broken batch\nheavy-tailed gradients\nrate at the edge 2/L", "plain"),
    "gap2": (6.2, 1.25, "other preprocessing\neval() forgotten\noverfitting\nleak or shift", "plain"),
    "nan3": (0.75, 0.1, "find the first NaN\nlogits into the loss\nrate ÷ 10, warm-up", "output"),
    "stuck3": (2.6, 0.1, "overfit ten samples\nlook at a batch\nshare of dead units", "output"),
    "spike3": (4.4, 0.1, "log the norm\nclip it\nlook at that batch", "output"),
    "gap3": (6.2, 0.1, "evaluate on training data\nby the validation code\nquestion 46", "output"),
}
edges = [("root", name, None) for name in ("nan", "stuck", "spike", "gap")]
edges += [(f"{name}{a}", f"{name}{b}", None) for name in ("nan", "stuck", "spike", "gap") for a, b in (("", "2"), ("2", "3"))]
plots.graph(nodes, edges, "Four symptoms, their causes, and the cheapest test or cure")
plt.show()

# %% tags=["hide-input"]
X, y, X_test, y_test = data.digits()


def patient(*, lr=0.3, init=1.0, naive=False, shuffled=False, bad_step=None, clip=None, samples=1347, valid_scale=1.0,
            steps=300, seed=0):
    """A net of 64 hidden units on digits: its loss at every step, its validation loss at the end."""
    rng, losses = np.random.default_rng(seed), []
    weights = [init * rng.normal(0, (2 / 64) ** 0.5, (64, 64)), init * rng.normal(0, 0.125, (64, 10))]
    labels = y[:samples][rng.permutation(samples)] if shuffled else y[:samples]

    def loss_of(x, t):
        h = np.maximum(x @ weights[0], 0)
        z = h @ weights[1]
        if naive:  # log of a softmax that was computed first
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            return -np.log(p[np.arange(len(t)), t]).mean(), p, h
        z = z - z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(t)), t].mean(), np.exp(log_p), h

    with np.errstate(all="ignore"):
        for step in range(steps):
            rows = rng.integers(0, samples, 50)
            x = X[rows] * (300 if step == bad_step else 1)
            loss, p, h = loss_of(x, labels[rows])
            losses.append(loss)
            g = (p - np.eye(10)[labels[rows]]) / 50
            gradients = [x.T @ ((g @ weights[1].T) * (h > 0)), h.T @ g]
            if clip:
                gradients, _ = clip_by_global_norm(gradients, clip)
            weights = [w - lr * gradient for w, gradient in zip(weights, gradients, strict=True)]
        return np.array(losses), loss_of(valid_scale * X_test, y_test)[0]


# %%
leaves = {  # symptom, cause: (sick, cured)
    ("NaN", "naive log-softmax, rate 30"): (dict(naive=True, lr=30), dict()),
    ("NaN", "weights 30 times too large"): (dict(naive=True, init=30), dict(naive=True)),
    ("stuck at ln K", "all weights 0"): (dict(init=0), dict()),
    ("stuck at ln K", "labels shuffled"): (dict(shuffled=True), dict()),
    ("stuck at ln K", "rate 1e-4"): (dict(lr=1e-4), dict(lr=0.3)),
    ("stuck at ln K", "rate 3: all units dead"): (dict(lr=3), dict(lr=0.3)),
    ("spikes", "one batch 300 times too bright"): (dict(bad_step=150), dict(bad_step=150, clip=1.0)),
    ("validation stays", "validation images scaled by 0.1"): (dict(valid_scale=0.1), dict()),
    ("validation stays", "60 samples"): (dict(samples=60), dict()),
}
runs = {leaf: [patient(**options) for options in pair] for leaf, pair in leaves.items()}
print(f"ln K = {np.log(10):.2f};  train: mean of the last 20 losses, worst after step 100\n")
for (symptom, cause), pair in runs.items():
    cells = []
    for losses, valid in pair:
        worst = losses[100:].max()
        cells.append(f"train {losses[-20:].mean():4.2f}, worst {worst:4.{0 if worst > 10 else 1}f}, validation {valid:4.2f}")
    print(f"{symptom:17s} {cause:33s}", " | cured: ".join(cells))

# %% tags=["nbval-ignore-output", "hide-input"]
shown = {"NaN: naive softmax": 0, "ln K: labels shuffled": 3, "spike: a broken batch": 6, "gap: 60 samples": 8}
fig, axes = plt.subplots(1, 4, figsize=(10, 3.0), sharey=True, layout="constrained")
for ax, (title, leaf) in zip(axes, shown.items(), strict=True):
    for (losses, valid), tint, label in zip(list(runs.values())[leaf], (plots.color("wrong"), plots.color("right")), ("broken", "cured"), strict=True):
        ax.semilogy(np.where(np.isfinite(losses), losses, np.nan), color=tint, label=label, linewidth=1.2)
        ax.plot(299, valid, "x", color=tint, markersize=8, clip_on=False)
    ax.axhline(np.log(10), color="0.6", linestyle=":", linewidth=1)
    ax.set(title=title, xlabel="step", ylim=(0.01, 400))
    ax.title.set_fontsize(10.5)
axes[0].set_ylabel("loss; cross: validation")
axes[1].legend(loc="upper right", fontsize=9)
fig.suptitle("The shape of the loss names the branch (dotted: ln K)", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** ln K is the loss of a net that gives all K classes the same probability. A net that cannot overfit ten samples at any rate most likely has a bug.
# Clipping does not make the broken batch's loss small (14 with it); it keeps the *step* small, so training goes on nearly as before.

# %% [markdown] tags=["deeper"]
# ### Deeper: edge of stability
#
# Full-batch gradient descent on a net with one hidden layer. Where the largest curvature reaches $2/\eta$, it stays about there; at the smallest rate here it does not get so far in 1200 steps.

# %% tags=["deeper"]
def sharpness_path(lr, steps=1200, hidden=20, seed=0):
    """Largest curvature of the loss every 200 steps, by power iteration on finite differences of the gradient."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, 20)[:, None]
    t = np.sin(4 * x)
    theta = np.concatenate([rng.normal(0, 1, hidden), rng.normal(0, 0.5, hidden), rng.normal(0, hidden**-0.5, hidden)])

    def gradient(theta):
        w, b, v = np.split(theta, 3)
        h = np.tanh(x * w + b)
        r = (h @ v)[:, None] - t
        back = (r * v) * (1 - h**2) / len(x)
        return np.concatenate([(back * x).sum(axis=0), back.sum(axis=0), (h * r).mean(axis=0)])

    found, q = [], rng.normal(size=theta.size)
    for step in range(steps + 1):
        if step % 200 == 0:
            for _ in range(60):
                q = gradient(theta + 1e-4 * q / np.linalg.norm(q)) - gradient(theta - 1e-4 * q / np.linalg.norm(q))
            found.append(np.linalg.norm(q) / 2e-4)
        theta = theta - lr * gradient(theta)
    return np.array(found)


for lr in (0.1, 0.4, 0.8):
    path = sharpness_path(lr)
    print(f"η = {lr}: largest curvature at first {path[0]:.1f}, over the last 800 steps {path[-4:].mean() * lr / 2:.1f} times 2/η")

# %% [markdown]
# ## Folklore on trial
#
# ### "SGD needs a decaying rate to converge"
#
# The noisy quadratic above, constant rate. Converges shall mean: the mean square error after 4000 steps is below a quarter of that after 500 (second threshold: half). Does SGD *fail* to?

# %%
def stalls(noise, average, lr, seed):
    path = errors([lr] * 4000, runs=200, noise=noise, start=3.0, seed=seed)
    if average:
        path = np.cumsum(path, axis=0) / np.arange(1, 4002)[:, None]  # the plain mean of all iterates so far
    early, late = np.mean(path[500] ** 2) + 1e-300, np.mean(path[4000] ** 2)
    return late > early / 4, late > early / 2


trial(
    "with a constant rate SGD does not converge, so the rate has to decay",
    stalls,
    over=settings(noise=[0, 1], average=[False, True], lr=[0.05, 0.5], seed=0),
    held_out=settings(noise=[0, 0.5, 2], average=[False, True], lr=[0.1, 0.3, 0.8], seed=1),
    only_if=("noise remains at the optimum and nobody averages", lambda noise, average: noise > 0 and not average),
    expect="holds only if noise remains at the optimum and nobody averages",
)

# %% [markdown]
# Decay is one way to get below the noise ball, averaging the other (Polyak and Ruppert: in the long run as good as the best decay, on a quadratic).
# A net that fits every sample has hardly any noise left at its optimum.

# %% [markdown]
# ### "Warm-up is needed because Adam's v is unreliable at first"

# %%
trial(
    "warm-up is needed because Adam's second moment is unreliable at first",
    published=[
        published("Liu et al. 2020 (RAdam), section 3", "the variance of Adam's rate is largest in the first steps; rectifying it replaces warm-up", holds=True),
        published("Goyal et al. 2017, table 1", "SGD, which has no v, batch 8k: 24.84 % error without warm-up, 23.74 % with it", holds=False),
        published("Xiong et al. 2020, section 3", "same Adam: post-norm needs warm-up (BLEU 8.45 without, 34 with it), pre-norm does not", holds=False),
    ],
    expect="not decided here",
)

# %% [markdown]
# One reason among several. Name them all: curvature at the start, the scaled rate of a large batch, post-norm's gradients, and $v$.
# Goyal's table has a warning, too: five epochs at a *constant* small rate and then a jump to the full one (25.88 %) are worse than no warm-up.

# %% [markdown]
# ### "Cosine beats step decay"
#
# A net of 64 hidden units on 600 noisy digits, both schedules over 400 steps with their best of five first rates; step decay cuts to a tenth at one half and three quarters. Better shall mean: a lower test loss (second threshold: by 1 %). Recorded.

# %% tags=["hide-input"]
noisy = np.where(np.random.default_rng(1).random(len(y)) < 0.1, np.random.default_rng(2).integers(0, 10, len(y)), y)


def loss_after(schedule, lr, seed, steps=400):
    """Test cross-entropy after SGD with momentum 0.9 and batches of 32."""
    rng = np.random.default_rng(seed)
    picked = rng.permutation(len(y))[:600]
    weights = [rng.normal(0, (2 / 64) ** 0.5, (64, 64)), rng.normal(0, 0.125, (64, 10))]
    velocity = [np.zeros_like(w) for w in weights]
    for step in range(steps):
        rate = cosine_lr(step, lr, steps) if schedule == "cosine" else lr * 0.1 ** (4 * step // steps - 1 if 2 * step >= steps else 0)
        rows = picked[rng.integers(0, 600, 32)]
        h = np.maximum(X[rows] @ weights[0], 0)
        z = h @ weights[1]
        p = np.exp(z - z.max(axis=1, keepdims=True))
        g = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[noisy[rows]]) / 32
        gradients = [X[rows].T @ ((g @ weights[1].T) * (h > 0)), h.T @ g]
        velocity = [0.9 * v + gradient for v, gradient in zip(velocity, gradients, strict=True)]
        weights = [w - rate * v for w, v in zip(weights, velocity, strict=True)]
    z = np.maximum(X_test @ weights[0], 0) @ weights[1]
    z = z - z.max(axis=1, keepdims=True)
    return float(-(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))[np.arange(len(y_test)), y_test].mean())


# %%
first_rates = [0.04, 0.08, 0.16, 0.32, 0.64]
by_schedule = evidence("cosine_or_step_decay", loss_after, settings(schedule=["cosine", "step"], lr=first_rates, seed=range(10)))


def cosine_wins(seed):
    best = {s: min(by_schedule(schedule=s, lr=lr, seed=seed) for lr in first_rates) for s in ("cosine", "step")}
    return best["cosine"] < best["step"], best["cosine"] < 0.99 * best["step"]


trial(
    "cosine annealing beats step decay",
    cosine_wins,
    over=settings(seed=range(10)),
    published=[
        published("Loshchilov & Hutter 2017, table 1", "WRN-28-10, CIFAR-10, 200 epochs: step decay 4.13 and 4.24 % (two rates), one cosine 3.86 %", holds=True),
        published("Loshchilov & Hutter 2017, table 1", "CIFAR-100: step decay 20.21 and 20.33 %, one cosine 19.98 %", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# The verdict rests on one paper, by the authors of the cosine; against the better step rate its margins are a quarter of a point, medians of five runs. Say: *as good or a little better, and without the milestones to tune; it does need the total in advance*.

# %% [markdown] tags=["deeper"]
# ### Deeper: "clipping by the norm does not change the direction"
#
# For *one* batch that is an identity, and clipping by value turns it. But training follows the mean over batches. Is the mean clipped gradient still parallel to the mean gradient? (Cosine above 0.99; second threshold: 0.98.)
# One kind of noise is a round Gaussian: equally strong in every direction. The other is skewed: rare large values on one side of the mean.

# %% tags=["deeper"]
g = [np.array([3.0, 0.1]), np.array([0.2])]
flat = np.concatenate(g)
for name, other in {"global norm": clip_by_global_norm(g, 1.0)[0], "array by array": [clip_by_global_norm([a], 1.0)[0][0] for a in g],
                    "by value": [np.clip(a, -1, 1) for a in g]}.items():
    v = np.concatenate(other)
    print(f"{name:15s} cosine with the batch's own gradient {v @ flat / np.linalg.norm(v) / np.linalg.norm(flat):.3f}")


def keeps_mean_direction(noise, size, max_norm, seed, batches=4000):
    rng, mean = np.random.default_rng(seed), np.array([1.0, 0.0])
    if noise == "symmetric":
        tails = rng.normal(size=(batches, 2))
    else:  # mean 0 and variance 1 across the mean, but rare large values on one side
        tails = np.stack([0 * rng.random(batches), rng.exponential(1, batches) - 1], axis=1)
    clipped = np.mean([clip_by_global_norm([row], max_norm)[0][0] for row in mean + size * tails], axis=0)
    cosine = clipped @ mean / np.linalg.norm(clipped)
    return cosine > 0.99, cosine > 0.98


trial(
    "clipping by the norm does not change the direction of training",
    keeps_mean_direction,
    over=settings(noise=["symmetric", "skewed"], size=2, max_norm=[0.5, 1], seed=0),
    held_out=settings(noise=["symmetric", "skewed"], size=[2, 3], max_norm=[0.4, 0.8, 1.2], seed=1),
    only_if=("the batches' noise is a round Gaussian", lambda noise: noise == "symmetric"),
    expect="holds only if the batches' noise is a round Gaussian",
)

# %% [markdown] tags=["deeper"]
# Symmetry alone is not enough: noise along one line that is slanted to the mean turns the direction too, though it is as often plus as minus.

# %% [markdown] tags=["deeper"]
# ### Deeper: "a smaller rate at the end always helps"
#
# 200 steps on the noisy quadratic; the last fifth at a tenth of the rate, or at the same rate. Helps shall mean: a lower mean square error (second threshold: by a tenth).

# %% tags=["deeper"]
def helps(noise, lr, seed):
    plain = np.mean(errors([lr] * 200, noise=noise, seed=seed)[-1] ** 2)
    ended = np.mean(errors([lr] * 160 + [lr / 10] * 40, noise=noise, seed=seed)[-1] ** 2)
    return ended < plain, ended < 0.9 * plain


def arrived(noise, lr):
    """Is what is left of the start below the noise ball, when the rate falls?"""
    return 100 * (1 - lr) ** 320 < lr * noise**2 / 2


trial(
    "a smaller rate at the end always helps",
    helps,
    over=settings(noise=[0, 1], lr=[0.005, 0.01, 0.1, 0.5], seed=0),
    held_out=settings(noise=[0, 0.5, 2], lr=[0.003, 0.008, 0.05, 0.2, 0.8], seed=1),
    only_if=("the noise ball has been reached", arrived),
    expect="holds only if the noise ball has been reached",
)

# %% [markdown] tags=["deeper"]
# Before that, a smaller rate only slows you down. So do not cut step schedules too early: where there is noise the loss drops at once, and yet the end can be worse.

# %% [markdown]
# ## Answer in 30 seconds
#
# "The rate has two limits: curvature, 2 over L, and noise, which leaves a ball proportional to the rate. So start large, end small: cosine with warm-up, or plateau decay if the length is unknown.
# Warm-up because early curvature can be high, large batches use large rates, and Adam's averages rest on few gradients.
# Clip by the global norm against rare huge gradients.
# Averaging weights can replace decay. Shall I go through the NaN checklist?"
#
# ### 三十秒回答
#
# "学习率受两方面限制:曲率要求它小于 2/L;梯度噪声会留下与学习率成正比的均方误差。所以先大后小:默认用余弦退火加 warmup,总步数未知时用 plateau 衰减。
# 需要 warmup,是因为初期曲率可能较大、大 batch 下学习率被放大、Adam 的统计量还不准。
# 偶发的大梯度用全局范数裁剪来处理;权重平均可以代替学习率衰减。需要我讲一下 NaN 怎么排查吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - The formula: $\mathbb E[e^2]\to\eta\sigma^2/(2h)$, and stability $\eta<2/h$. Robbins–Monro, or averaging.
# - Cosine over what is left after warm-up; warm-up from base/warmup, not from 0.
# - Plateau: a relative threshold; after a cut the best loss stays and the count starts again. Threshold below a worthwhile gain, patience above the noise.
# - Find the first rate by a sweep over powers of ten, or a range test; take a third of the largest that is stable.
# - Warm-up: all reasons. Goyal, ImageNet error: 24.84 % without, 23.74 % with, 25.88 % with a constant one.
# - Clipping: one norm, one factor; log the norm before clipping. By value turns the direction.
# - Averages: EMA with 0.999 or SWA, evaluated with fresh batch-norm statistics.
# - Broken runs: NaN, stuck at ln K, spikes, a gap to validation; overfit ten samples first.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How do you choose the threshold of plateau decay?</summary>
#
# It is the least gain that counts as progress, as a share of the best loss. Below the noise of the validation loss it does nothing by itself, and patience must do the work; above the gain of a typical epoch it cuts a net that still learns. 10⁻⁴ to 10⁻², with a patience of 5 to 10 epochs, and a floor on the rate. For losses that may be near 0 take an absolute one.
#
# </details>
#
# <details><summary>WSD?</summary>
#
# Warm-up, stable, decay: constant for most of the run, then down to 0 over the last tenth or fifth. One may prolong the constant part and decay from any checkpoint, which a cosine does not allow, because it needs its total.
#
# </details>
#
# <details><summary>One-cycle?</summary>
#
# The rate rises to a large peak and falls far below the start, momentum the other way round, in one short run (Smith). The large middle is said to regularise; the peak is found by a range test.
#
# </details>
#
# <details><summary>The batch is 32 times larger. What about the rate?</summary>
#
# 32 times the rate, with a gradual warm-up over some epochs, as long as the noise dominates (question 03). Goyal: 8k images, 23.74 % against 23.60 % for 256. Scaling by the root gave 26.22 %, the unchanged rate 41.67 %. For Adam the root is a common rule.
#
# </details>
#
# <details><summary>Where do you clip with gradient accumulation, and with loss scaling?</summary>
#
# After the last micro-batch, on the accumulated gradient: a clip for each micro-batch is another, biased method. With loss scaling unscale first, then clip; else the norm is that of the scaled gradient and everything is clipped. Skip the step where the norm is not finite.
#
# </details>
#
# <details><summary>SWA, or an exponential average?</summary>
#
# SWA averages plainly the weights from the end of a run at a constant or cyclic rate; EMA keeps a running average all along. Both end nearer to the middle of the ball, and SWA's authors find a flatter place there. Batch norm's running statistics must be recomputed for averaged weights (question 17).
#
# </details>
#
# <details><summary>What is the edge of stability?</summary>
#
# With full-batch descent the largest curvature typically grows until $2/\eta$ and hovers there, while the loss still falls over longer times (Cohen et al. 2021). So $2/L$ is not a property of the start: the net moves to where the rate is just stable, and a larger rate, reached by a warm-up, keeps it in flatter places.
#
# </details>
#
# <details><summary>Does Adam need a schedule?</summary>
#
# Usually yes. It divides by the gradient's own size, so near the optimum, where noise is all that is left of a gradient, its steps are still up to about η per weight: the noise ball is there, too.
#
# </details>
#
# <details><summary>Where does a NaN come from, if not from the rate?</summary>
#
# log(0), 0/0 in a norm without ε, √ at 0 (its derivative is infinite), exp of a large number, float16 above 65504, an empty mask or batch, a label outside the classes, NaN in the data. Find the *first* module whose output is not finite: forward hooks, or anomaly detection for the backward pass.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "The optimiser is adaptive, so the rate does not matter."
# - Warm-up that starts at rate 0, without noticing it: the first step is wasted (some libraries do this; it does little harm).
# - Cutting on every bump of the validation loss (patience 0), or a threshold that is larger than any epoch's gain.
# - Clipping array by array and calling it global; reporting the norm *after* clipping.
# - "NaN: reduce the rate", before looking for the first NaN.
# - Blaming overfitting when the validation images went through other preprocessing.

# %% [markdown]
# ## References
#
# - H. Robbins, S. Monro. *A Stochastic Approximation Method.* 1951.
# - B. Polyak, A. Juditsky. *Acceleration of Stochastic Approximation by Averaging.* 1992.
# - I. Loshchilov, F. Hutter. *SGDR: Stochastic Gradient Descent with Warm Restarts.* ICLR 2017: eq. 5, table 1.
# - P. Goyal et al. *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour.* 2017: tables 1 and 2.
# - L. Liu et al. *On the Variance of the Adaptive Learning Rate and Beyond.* ICLR 2020: section 3 (section number from memory).
# - R. Xiong et al. *On Layer Normalization in the Transformer Architecture.* ICML 2020: section 3.
# - R. Pascanu, T. Mikolov, Y. Bengio. *On the Difficulty of Training Recurrent Neural Networks.* ICML 2013: section 3.2, algorithm 1.
# - P. Izmailov et al. *Averaging Weights Leads to Wider Optima and Better Generalization.* UAI 2018: SWA.
# - L. N. Smith. *A Disciplined Approach to Neural Network Hyper-Parameters.* 2018: one-cycle.
# - S. Hu et al. *MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies.* 2024: WSD.
# - J. Cohen et al. *Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability.* ICLR 2021.
# - PyTorch: `torch/optim/lr_scheduler.py` (ReduceLROnPlateau), `torch/nn/utils/clip_grad.py`, `torch/optim/swa_utils.py`.
