# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 33 · One image, several labels: which activation and which loss?
#
# *多标签分类怎么设计损失函数?*

# %% [markdown]
# ## Question
#
# "A photo may show a beach, a dog and a person, all at once.
# Which activation do you put on the last layer, and which loss?
# Write the loss with its gradient so that it survives logits of 10 000.
# Most tags are rare. What do you change?"
#
# "一张图片可以同时有多个标签。最后一层用什么激活函数,用什么损失?请写出数值稳定的损失和梯度。标签很不平衡怎么办?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The model behind it.** Several labels are several yes/no questions: one Bernoulli variable for each, not one draw from K classes.
# - **Why not softmax.** Its outputs sum to 1, so two of them can never both exceed ½.
# - **Logits in, stable form out.** Never `log(sigmoid(z))`.
# - **The reduction.** Mean over N·K entries, or sum: you know that it rescales the gradient.
# - **Imbalance.** You can say what `pos_weight` changes and what it does not.
# - **The other side.** You know when softmax is used for several labels all the same.

# %% [markdown]
# ## The idea
#
# Let $p = \sigma(z) = 1/(1+e^{-z})$ be the probability that a label applies.
# A target $y\in\{0,1\}$ has the likelihood $p^{\,y}(1-p)^{1-y}$. Its negative logarithm is the binary cross-entropy, and we take the mean over all N·K entries:
#
# $$
# \ell = -w\,y\log p-(1-y)\log(1-p)
# \qquad\qquad
# L=\frac1{NK}\sum_{i=1}^N\sum_{k=1}^K \ell(z_{ik},y_{ik})
# $$
#
# The weight $w$ (`pos_weight`, one for each label, usually 1) multiplies the first term only: every positive entry then costs $w$ times as much.
#
# This mean assumes nothing about how the labels depend on each other: each $p_k$ can be the right probability of its label.
# Independence comes in elsewhere: if you multiply the $p_k$ to get the probability of a *set* of labels, you assume that the labels are independent given the image.
# Suppose that in images which look alike two labels are both there in half of the cases, and both missing in the other half.
# The product says ¼ for "both", and the truth is ½.

# %% [markdown]
# ### The stable form
#
# (This is the home of stable sigmoids and softplus in this course.)
# Write $s(z)=\log(1+e^{z})$, the *softplus*. Then $-\log p=s(-z)$ and $-\log(1-p)=s(z)$.
# $e^{z}$ overflows for large $z$, so take out the larger exponent, as in log-sum-exp:
#
# $$
# s(z)=\max(z,0)+\log\big(1+e^{-|z|}\big)
# $$
#
# No exponent is positive any more, and `log1p` keeps the small ones.
# A stable sigmoid follows: $\sigma(z)=e^{-s(-z)}$, or by cases $1/(1+e^{-z})$ for $z\ge0$ and $e^{z}/(1+e^{z})$ for $z<0$.
# With $w=1$ the loss becomes $\max(z,0)-z\,y+\log(1+e^{-|z|})$, which is torch's form.

# %% [markdown]
# ### The gradient
#
# $s'(z)=\dfrac{e^{z}}{1+e^{z}}=\sigma(z)$, and so $\dfrac{d}{dz}s(-z)=-(1-p)$. Term by term, and with the mean's factor:
#
# $$
# \frac{\partial L}{\partial z_{ik}}=\frac{(1-y_{ik})\,p_{ik}-w_k\,y_{ik}\,(1-p_{ik})}{NK}
# $$
#
# With $w=1$ the numerator is $p-y$: the derivative of the sigmoid has cancelled.
# A sum in the place of the mean has the same minimum and a gradient N·K times as large, so plain SGD needs another learning rate.

# %% [markdown]
# ### Why softmax cannot say yes twice
#
# If $p_a>\frac12$ and $p_b>\frac12$, then $p_a+p_b>1$, but all softmax outputs are positive and sum to 1.
# Cross-entropy with targets $\frac1m$ on $m$ true labels has its minimum at exactly $p=\frac1m$ each.
# So a perfect softmax says ½ and ½ for two labels and ⅓ for three. For an image without any label it needs an extra class "none".
#
# ### What pos_weight aims at
#
# Let the label be true with probability π. By the gradient above, the expected loss is smallest where $(1-\pi)\,p=w\,\pi\,(1-p)$, that is
#
# $$
# z=\log\frac{\pi}{1-\pi}+\log w
# $$
#
# So the ideal model's logit moves by $\log w$, for every image alike. With $w>1$ it moves up: recall at the threshold ½ rises, the order stays, and the probabilities are no longer true.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, gradcheck, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the loss and its gradient
#
# `logits (N, K)`, `targets (N, K)` floats in [0, 1] (soft ones too), `pos_weight (K,)` or None.
# Return `(loss, grad)` of the mean over all N·K entries. Finite for any finite logit.

# %%
def bce_with_logits(logits, targets, pos_weight=None):
    """logits (N, K), targets (N, K) in [0, 1], pos_weight (K,) or None -> (loss, grad (N, K)) of the mean over N·K.

    grad is with respect to the logits; pos_weight multiplies the targets' term only. Finite for any finite logits.
    """
    # BEGIN SOLUTION
    weight = 1.0 if pos_weight is None else pos_weight
    small = np.log1p(np.exp(-np.abs(logits)))
    minus_log_p = small + np.maximum(-logits, 0)
    minus_log_q = small + np.maximum(logits, 0)
    loss = (weight * targets * minus_log_p + (1 - targets) * minus_log_q).mean()
    p, q = np.exp(-minus_log_p), np.exp(-minus_log_q)
    grad = (1 - targets) * p - weight * targets * q
    return loss, grad / logits.size
    # END SOLUTION

# %%
check(bce_with_logits)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which logarithms?</summary>
#
# You need $-\log p$ and $-\log(1-p)$. Derive each from $z$ on paper. $p$ itself must not appear on the way.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one function for both</summary>
#
# $-\log(1-p)=s(z)$ and $-\log p=s(-z)$ with $s(z)=\max(z,0)+\log(1+e^{-|z|})$.
# The weight goes in front of $y$ only.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# `np.logaddexp(0, z)` is a stable $s(z)$. The gradient of an entry is $(1-y)\,p-w\,y\,(1-p)$.
# Divide by `logits.size`. A stable $p$ is `np.exp(-np.logaddexp(0, -z))`.
#
# </details>

# %% [markdown]
# ### Exercise 2: the head for a task
#
# One output, yes or no: `"binary"`. One class out of several: `"multiclass"`. Any number of labels: `"multilabel"`.
# The activations are `"sigmoid"` and `"softmax"`, the losses `"binary cross-entropy"` and `"cross-entropy"`.
# The names are exact, so `"Multilabel"` is not one of them. For any other text raise a ValueError.

# %%
def head_for(task):
    """task "binary", "multiclass" or "multilabel" -> (activation, loss): "sigmoid" or "softmax", "binary cross-entropy" or "cross-entropy".

    The names are exact, small letters included. Any other text: ValueError.
    """
    # BEGIN SOLUTION
    heads = {
        "binary": ("sigmoid", "binary cross-entropy"),
        "multiclass": ("softmax", "cross-entropy"),
        "multilabel": ("sigmoid", "binary cross-entropy"),
    }
    if task not in heads:
        raise ValueError(f"no head for {task!r}; there is one for {', '.join(heads)}")
    return heads[task]
    # END SOLUTION

# %%
check(head_for)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: count what can be true at once</summary>
#
# If exactly one answer is true, they share one probability of 1: softmax. If each is true or false by itself: sigmoids.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the unknown task</summary>
#
# A dict of three entries, and `if task not in heads: raise ValueError(…)`. A plain look-up would raise KeyError.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(bce_with_logits)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* function that runs. First of all, central differences against your formula:

# %%
rng = np.random.default_rng(0)
case = dict(logits=rng.normal(0, 3, (4, 5)), targets=rng.random((4, 5)), pos_weight=rng.uniform(0.5, 5, 5))
gradcheck(bce_with_logits, lambda dout, **given: dout * bce_with_logits(**given)[1], case, wrt="logits")

# %% [markdown]
# ### Two digits in one picture
#
# Handwritten digits side by side; the labels are the two digits, without their order.

# %% tags=["hide-input"]
X_images, Y = data.two_digits(3000)
X_test_images, Y_test = data.two_digits(1000, seed=1, part="test")
X, X_test = X_images.reshape(len(Y), -1), X_test_images.reshape(len(Y_test), -1)
names = [" and ".join(map(str, np.flatnonzero(row))) for row in Y[:6]]
plots.images(X_images[:6], "Each image has two labels out of ten", titles=names, columns=3)
plt.show()

# %% [markdown]
# The same small network for both heads: 128 inputs, 64 ReLU units, one logit for each label, Adam. Only the loss differs.
# The softmax takes targets $\frac1m$ on the $m$ true labels.
# What will a threshold of ½ find, and what will "take the two largest" find?

# %%
def softmax_rows(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def softmax_ce(logits, targets):
    """Cross-entropy with the targets shared out evenly; an image without labels adds nothing."""
    count = targets.sum(axis=1, keepdims=True)
    shares, p = targets / np.maximum(count, 1), softmax_rows(logits)
    return -(shares * np.log(p + 1e-300)).sum(axis=1).mean(), (p * (count > 0) - shares) / len(logits)


HEADS = {"softmax": (softmax_ce, softmax_rows), "sigmoid": (bce_with_logits, sigmoid)}


def train(X, Y, loss, seed, steps=400, lr=3e-3, hidden=64, batch=200):
    """A function from images to logits, after Adam on mini-batches."""
    rng = np.random.default_rng(seed)
    sizes = (X.shape[1], hidden, Y.shape[1])
    params = [rng.normal(0, np.sqrt(2 / sizes[0]), sizes[:2]), np.zeros(hidden), rng.normal(0, np.sqrt(2 / hidden), sizes[1:]), np.zeros(sizes[2])]
    m, v = [0 * p for p in params], [0 * p for p in params]
    for t in range(1, steps + 1):
        rows = rng.integers(len(X), size=batch)
        h = np.maximum(X[rows] @ params[0] + params[1], 0)
        dz = loss(h @ params[2] + params[3], Y[rows])[1]
        dh = dz @ params[2].T * (h > 0)
        for j, g in enumerate((X[rows].T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0))):
            m[j], v[j] = 0.9 * m[j] + 0.1 * g, 0.99 * v[j] + 0.01 * g**2
            params[j] = params[j] - lr * m[j] / (1 - 0.9**t) / (np.sqrt(v[j] / (1 - 0.99**t)) + 1e-8)
    return lambda X: np.maximum(X @ params[0] + params[1], 0) @ params[2] + params[3]

# %%
def exact(predicted, Y):
    """The share of images whose label set is exactly right."""
    return np.all(predicted == Y, axis=1).mean()


def largest(p, counts):
    """The counts[i] largest entries of each row."""
    return np.argsort(np.argsort(-p, axis=1), axis=1) < np.asarray(counts)[:, None]


probs = {name: activation(train(X, Y, loss, 0)(X_test)) for name, (loss, activation) in HEADS.items()}
print("                                      softmax   sigmoid")
for measure, of in {
    "label set right, p > ½": lambda p: exact(p > 0.5, Y_test),
    "label set right, two largest p": lambda p: exact(largest(p, [2] * len(p)), Y_test),
    "single labels right, p > ½": lambda p: np.mean((p > 0.5) == Y_test),
}.items():
    print(f"{measure:36s} {of(probs['softmax']):8.0%}  {of(probs['sigmoid']):8.0%}")
print(f"single labels right, for a model that always says no: {np.mean(Y_test == 0):.0%}")

# %% [markdown]
# **Takeaway.** With a threshold the softmax finds no image's pair, not even once.
# With "take the two largest" it is as good as the sigmoids: its *ranking* is fine.
# And mind the last line: per-label accuracy flatters. Saying no to everything earns 80 %.

# %% [markdown]
# ### Do the numbers mean what they say?
#
# Among all predictions near 0.4, are 40 % of the labels true?
# Left: the two heads above. Right: one rare label with a single feature, trained with and without `pos_weight`.

# %%
def reliability(p, y, edges):
    """(mean prediction, frequency of the label) in each bin that has at least 30 entries."""
    which = np.digitize(p.ravel(), edges[1:-1])
    bins = [which == b for b in range(len(edges) - 1) if np.sum(which == b) >= 30]
    return np.array([(p.ravel()[b].mean(), y.ravel()[b].mean()) for b in bins])


rng = np.random.default_rng(0)
y_rare = (rng.random((20_000, 1)) < 0.04).astype(float)
x_rare = np.hstack([np.ones_like(y_rare), rng.normal(size=y_rare.shape) + 1.5 * y_rare])
weight = np.array([(y_rare == 0).sum() / y_rare.sum()])
models = {}
for name, w in (("weight 1", np.ones(1)), ("weight negatives ÷ positives", weight)):
    theta = np.zeros((2, 1))
    for _ in range(1000):
        theta = theta - 1.0 * x_rare.T @ bce_with_logits(x_rare @ theta, y_rare, w)[1]
    models[name] = theta
shift = (models["weight negatives ÷ positives"] - models["weight 1"])[0, 0]
print(f"the bias has moved by {shift:.1f}, and log w is {np.log(weight[0]):.1f}")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), sharey=True, layout="constrained")
edges = np.linspace(0, 1, 11)
for ax in axes:
    ax.plot([0, 1], [0, 1], color="0.5", linestyle=":", label="calibrated")
for name, hue, mark in (("sigmoid", "right", "o-"), ("softmax", "wrong", "s--")):
    axes[0].plot(*reliability(probs[name], Y_test, edges).T, mark, color=plots.color(hue), label=name)
for (name, theta), hue, mark in zip(models.items(), ("right", "wrong"), ("o", "s"), strict=True):
    axes[1].plot(*reliability(sigmoid(x_rare @ theta), y_rare, edges).T, mark, color=plots.color(hue), label=name)
pi, w = np.linspace(0.001, 0.6, 200), weight[0]
axes[1].plot(w * pi / (w * pi + 1 - pi), pi, color="0.3", label="theory: the logit moves by log w")
axes[0].set(xlabel="predicted probability of a label", ylabel="share of those labels that is true", title="Softmax outputs are shares, not probabilities")
axes[1].set(xlabel="predicted probability of the rare label", title="pos_weight inflates the probabilities")
for ax in axes:
    ax.legend(loc="upper left", fontsize=9)
plt.show()

# %% [markdown]
# **Takeaway.** The sigmoids stay near the diagonal. When the softmax says 0.45, the label is almost always there,
# because the more sure it is of one digit, the less is left for the other, which is also there.
# A weighted model predicts far too often that the rare label is present, exactly as the theory says.

# %% [markdown] tags=["deeper"]
# ### Deeper: which head for which task? A quiz
#
# Choose before you unfold: **A** sigmoid and binary cross-entropy, **B** softmax and cross-entropy, **C** linear output and squared error, **D** linear output and (smooth) L1.
#
# 1. Tags of a photo. 2. One digit of a cheque. 3. Will the user click? 4. The next word. 5. A captcha of five letters.
# 6. Age from a face. 7. Corners of a detection box. 8. Key points of a pose. 9. Depth of each pixel.
#
# <details><summary>Answers</summary>
#
# 1 A. 2 B. 3 A: a proper loss gives the click rate, and absolute error would say "never". 4 B. 5 B at each of the five places, or the outputs would be $36^5$.
# 6 B or D: a softmax over ages with its expectation, ordinal heads and L1 are all in use.
# 7 D, with an overlap loss (question 38). 8 D, or B over the pixels of a heat map for each point. 9 C or D on the logarithm of the depth.
#
# </details>

# %% [markdown]
# ## Folklore on trial
#
# ### "Softmax with cross-entropy works for several labels too"
#
# Works means: it finds the exact label set nearly as often as the sigmoids, within 5 points (second threshold: 8 points).
# We try images with two digits; with one or two; and with none, one or two ("none" is a digit with shuffled pixels).
# Then one is either told how many labels there are and takes the largest outputs, or one is not told and uses a threshold.
# The softmax gets its best threshold, searched on the test set, while the sigmoids keep ½. This favours the softmax.
# For "none" we also show a softmax with an eleventh class that says so.

# %%
singles, labels, singles_test, labels_test = data.digits(flat=False)


def mixture(kind, part):
    """(images (n, 128), targets (n, 10)) with two digits, one or two, or none, one or two, in equal parts."""
    two, Y_two, one, y_one, n = (X, Y, singles, labels, 1300) if part == "train" else (X_test, Y_test, singles_test, labels_test, 400)
    one = np.concatenate([one, 0 * one], axis=-1)[:n].reshape(n, -1)
    parts = {"two": [(two, Y_two)], "one": [(one, np.eye(10)[y_one[:n]])], "none": [(np.random.default_rng(0).permuted(one, axis=1), np.zeros((n, 10)))]}
    images, targets = zip(*[pair for name in kind.split(", ") for pair in parts[name]], strict=True)
    return np.concatenate(images), np.concatenate(targets)


def exact_sets(head, kind, seed):
    """Exact label sets on the test images: {"told": the number of labels is known, "not told": by a threshold}."""
    (x, y), (x_test, y_test) = mixture(kind, "train"), mixture(kind, "test")
    loss, activation = HEADS[head.split(" ")[0]]
    if "class none" in head:
        p = activation(train(x, np.column_stack([y, y.sum(axis=1) == 0]), loss, seed)(x_test))[:, :10]
    else:
        p = activation(train(x, y, loss, seed)(x_test))
    limits = [0.5] if head == "sigmoid" else np.linspace(0.05, 0.95, 19)
    return {"told": float(exact(largest(p, y_test.sum(axis=1)), y_test)), "not told": float(max(exact(p > t, y_test) for t in limits))}


kinds = ["two", "one, two", "none, one, two"]
tried = settings(head=["sigmoid", "softmax"], kind=kinds, seed=range(7)) + settings(head="softmax with a class none", kind="none, one, two", seed=range(7))
sets = evidence("softmax_several_labels", exact_sets, tried, sample=1)
for head, kind in [(head, kind) for kind in kinds for head in ("sigmoid", "softmax")] + [("softmax with a class none", kinds[2])]:
    mean = {rule: np.mean([sets(head=head, kind=kind, seed=seed)[rule] for seed in range(7)]) for rule in ("told", "not told")}
    print(f"{kind:15s} {head:26s} told the number {mean['told']:4.0%}   not told {mean['not told']:4.0%}")

# %%
def works(kind, rule, seed):
    lost = sets(head="sigmoid", kind=kind, seed=seed)[rule] - sets(head="softmax", kind=kind, seed=seed)[rule]
    return lost < 0.05, lost < 0.08


trial(
    "softmax with cross-entropy works for several labels, too",
    works,
    over=settings(kind=["two", "none, one, two"], rule=["told", "not told"], seed=range(2)),
    held_out=settings(kind=kinds, rule=["told", "not told"], seed=range(2, 7)),
    only_if=("every image has a label, or the number of labels is known", lambda kind, rule: "none" not in kind or rule == "told"),
    published=[published("Mahajan et al. 2018, §2 (hashtags, pre-training)", "softmax with targets 1/k did better than one sigmoid for each tag", holds=True)],
    expect="holds only if every image has a label, or the number of labels is known",
)

# %% [markdown]
# Cross-entropy over ten classes has no gradient for an image without a label. A class "none" repairs most of that; two-stage detectors do the same with their background class.
# With a threshold well below ½ the softmax is also usable where every image has one label or two, but at ½ it finds no pair at all.
# In one large study of pre-training on hashtags, where only the features matter, softmax with targets $\frac1k$ was even the better choice (Mahajan et al. 2018, quoted from memory; not checked here).
#
# Say: *"Softmax ranks labels well. It cannot say that nothing is there, and its outputs are shares, so they need another threshold than ½."*
#
# ### "pos_weight improves the model on a rare label"
#
# On the threshold ½ it raises recall: that is the shift by $\log w$, and moving the threshold does the same.
# The question is the *ranking*. One digit out of ten is made rare, so that 3 % of the training images contain it, and a small network is trained on images of two digits.
# Weight 1 against weight negatives ÷ positives, each at the best of four learning rates, mean of three seeds.
# Improves means: average precision up by at least 4 points (second threshold: 3 points).

# %%
def ranking_precision(score, y):
    y = y.ravel()[np.argsort(-score.ravel(), kind="stable")]
    return np.sum(np.cumsum(y) / np.arange(1, len(y) + 1) * y) / y.sum()


def rare_precision(weighted, hidden, steps, digit):
    """Mean average precision over three seeds at the best of four learning rates."""
    found = []
    for lr in (0.003, 0.01, 0.03, 0.1):
        scores = []
        for seed in range(3):
            positives, negatives = (np.flatnonzero(Y[:, digit] == value) for value in (1, 0))
            keep = np.random.default_rng(seed).permutation(positives)[: round(0.03 / 0.97 * len(negatives))]
            rows = np.concatenate([negatives, keep])
            x, y = X[rows], Y[rows][:, [digit]]
            w = np.array([len(negatives) / len(keep)]) if weighted else np.ones(1)
            net = train(x, y, lambda z, t, w=w: bce_with_logits(z, t, w), seed, steps, lr, hidden)
            scores.append(ranking_precision(net(X_test), Y_test[:, [digit]]))
        found.append(np.mean(scores))
    return float(max(found))


family = settings(hidden=32, steps=[40, 400], digit=[3, 8, 6]) + settings(hidden=[24, 48], steps=[30, 400], digit=[1, 5])
precision = evidence("rare_label", rare_precision, [{"weighted": flag, **each} for each in family for flag in (False, True)], sample=1)


def gain(**setting):
    return precision(weighted=True, **setting) - precision(weighted=False, **setting)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
for each in family:
    ax.plot(each["steps"] * (1 + 0.002 * (each["digit"] - 4)), 100 * gain(**each), "o" if each["hidden"] == 32 else "s", color=plots.color("right"))
ax.axhline(0, color="0.5", linestyle=":")
ax.set(xscale="log", xlabel="training steps", ylabel="points of average precision\ngained by the weight", title="The weight moves the ranking most when training is short")
ax.set_xticks([30, 40, 100, 200, 400], ["30", "40", "100", "200", "400"])
ax.minorticks_off()
plt.show()

# %%
trial(
    "pos_weight improves the ranking of a rare label",
    lambda hidden, steps, digit: (gain(hidden=hidden, steps=steps, digit=digit) >= 0.04, gain(hidden=hidden, steps=steps, digit=digit) >= 0.03),
    over=family,
    expect="not decided here",
)

# %% [markdown]
# It depends. After 30 or 40 steps the gain is about 4 to 16 points (a likely reason: the rare positives have had little influence so far, and the weight gives them more). After 400 steps it is below 3 points in six of seven cases.
# In a model with a single feature the order cannot change as long as its weight keeps its sign, because the score stays monotone in that feature.
#
# Say: *"pos_weight shifts the logit by log w. It buys recall at ½ and costs calibration. It may help the ranking when training is short; I would measure that."*

# %% [markdown]
# ## Answer in 30 seconds
#
# "Several labels at once are several yes/no questions. So I use one sigmoid for each label and the mean of the binary cross-entropies, computed from logits.
# Softmax would make the labels compete, because two outputs can never both be above one half.
# For rare labels I first choose a threshold for each label. pos_weight or focal loss come next, and both change the calibration.
# Shall I write the stable form?"
#
# ### 三十秒回答
#
# "多标签就是多个是非题,所以每个标签用一个 sigmoid,损失取各个二元交叉熵的平均,直接从 logits 计算。
# softmax 会让标签互相竞争,两个输出不可能同时大于 0.5。
# 对稀有标签,我先给每个标签单独调阈值,再考虑 pos_weight 或 focal loss,这两个都会影响概率校准。
# 要我写出数值稳定的形式吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the Bernoulli likelihood $p^y(1-p)^{1-y}$, take −log, take the mean over the N·K entries.
# - Write the stable form: $\max(z,0)-zy+\log(1+e^{-|z|})$. Say why: no positive exponent, no log of 0.
# - Write the gradient $p-y$, and with a weight $(1-y)p-wy(1-p)$. Divide by N·K.
# - Prove in one line that softmax fails: two outputs above ½ would sum to more than 1.
# - Add the honest part: with a known number of labels, taking the largest softmax outputs works, and one large study of pre-training on hashtags preferred softmax.
# - Mean or sum: same minimum, gradients apart by the factor N·K, so plain SGD needs another learning rate.
# - Imbalance: pos_weight moves the logit by $\log w$. Recall at ½ rises, and calibration goes.
# - Metrics: not per-label accuracy, which rewards "always no". Average precision for each label, thresholds on validation data.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>BCELoss or BCEWithLogitsLoss?</summary>
#
# With logits. `BCELoss` takes probabilities, and a sigmoid in float32 is exactly 1 from about z = 17 on.
# torch then cuts the logarithm at −100, so a mistake at z = 10 000 costs 100, not 10 000.
# In Keras the same choice is `from_logits=True`.
#
# </details>
#
# <details><summary>Does anybody train several labels with softmax?</summary>
#
# Yes. Mahajan et al. (2018) pre-trained on billions of images with hashtags, with softmax and targets 1/k for the k tags of an image. They report that sigmoids did worse (not checked here).
# A likely reason: tags are incomplete and very many, and only the features were needed afterwards, not the label sets.
#
# </details>
#
# <details><summary>And focal loss, asymmetric loss?</summary>
#
# pos_weight looks at the label, focal loss at how easy the entry is; question 39 derives it.
# Asymmetric loss (Ridnik et al. 2021) is focal loss with a larger exponent for negatives and a margin below which they cost nothing.
# The minimum of focal loss is not the true probability. In practice it can lower overconfidence (Mukhoti et al. 2020), so check the calibration rather than assume it.
#
# </details>
#
# <details><summary>Label smoothing with sigmoids?</summary>
#
# Replace $y$ by $(1-\varepsilon)\,y+\varepsilon/2$; the gradient is still $p-\text{target}$.
# With very rare labels mind the floor: ε/2 may be larger than the label's true frequency. Smooth the positives only, or less.
#
# </details>
#
# <details><summary>Labels are correlated. What then?</summary>
#
# Shared features already carry the correlation that the *image* explains. What is left is correlation given the image.
# A classifier chain writes $P(y_1,\dots,y_K\mid x)=\prod_k P(y_k\mid x,y_1,\dots,y_{k-1})$: each label sees those before it. That is exact, but errors travel along and the order matters.
# For a loss that counts single labels, independent sigmoids are enough. It is the exact-match score that needs the joint probability.
#
# </details>
#
# <details><summary>How do you choose the thresholds?</summary>
#
# For each label on validation data: the threshold that gives the best F1, or the precision that the product needs.
# With calibrated probabilities and the costs $c_{FP}$ of a false yes and $c_{FN}$ of a false no: say yes when $p > c_{FP}/(c_{FP}+c_{FN})$.
# Very rare labels have few positives, so share a threshold or shrink towards a common one.
#
# </details>
#
# <details><summary>Which metric?</summary>
#
# mAP: average precision for each label over its ranking, then the mean over labels. It needs no threshold.
# Macro F1 averages over labels, so rare ones count as much. Micro F1 pools all entries, so frequent ones dominate.
# Exact match is harsh, and per-entry accuracy is soft: 80 % for "always no" above.
#
# </details>
#
# <details><summary>Some labels are missing, not negative. How do you train?</summary>
#
# Multiply the entry's loss by a mask and divide by the sum of the mask, not by N·K.
# Taking "not annotated" for "no" teaches the model to miss them.
#
# </details>
#
# <details><summary>How should the output bias start?</summary>
#
# At $\log\frac{\pi_k}{1-\pi_k}$ for the label's frequency $\pi_k$. Then the first steps are not spent on learning "rare". RetinaNet starts with π = 0.01 (question 39).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Softmax, then take everything above 0.5." Two labels can never both pass.
# - `-np.log(sigmoid(z) + 1e-8)`: the worst mistake costs 18, whether z is −20 or −10 000, and its gradient is gone.
# - A sigmoid before `BCEWithLogitsLoss`: that is a sigmoid twice.
# - "Accuracy is 98 %" on labels that are 2 % positive.
# - pos_weight on the whole loss, or on the negatives.
# - "pos_weight makes the model better on rare labels", without a word on thresholds and calibration.
# - Changing `reduction="mean"` to `"sum"` and keeping the learning rate.

# %% [markdown]
# ## References
#
# - C. M. Bishop. *Pattern Recognition and Machine Learning*. Springer 2006: the cross-entropy error of independent binary targets.
# - D. Mahajan et al. *Exploring the Limits of Weakly Supervised Pretraining.* ECCV 2018: softmax with targets 1/k for hashtags.
# - T. Ridnik et al. *Asymmetric Loss For Multi-Label Classification.* ICCV 2021.
# - J. Mukhoti et al. *Calibrating Deep Neural Networks using Focal Loss.* NeurIPS 2020.
# - J. Read et al. *Classifier Chains for Multi-label Classification.* ECML PKDD 2009.
# - C. Guo et al. *On Calibration of Modern Neural Networks.* ICML 2017: reliability diagrams.
# - PyTorch documentation of `BCEWithLogitsLoss` (`pos_weight`) and `BCELoss` (the logarithm is cut at −100).
