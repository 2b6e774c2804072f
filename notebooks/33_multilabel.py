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
# - **What you assume.** Given the image, the labels are independent.

# %% [markdown]
# ## The idea
#
# **One label.** Let $p = \sigma(z) = 1/(1+e^{-z})$ be the probability that the label applies.
# A target $y\in\{0,1\}$ has likelihood $p^{\,y}(1-p)^{1-y}$: it is $p$ for $y=1$ and $1-p$ for $y=0$.
# Its negative logarithm is the binary cross-entropy:
#
# $$
# \ell = -y\log p-(1-y)\log(1-p)
# $$
#
# **K labels, N images.** Take the labels as independent *given the image*. Then the likelihoods multiply and their logarithms add.
# Divide by the number of entries:
#
# $$
# L=\frac1{NK}\sum_{i=1}^N\sum_{k=1}^K \ell(z_{ik},y_{ik})
# $$

# %% [markdown]
# **A weight for the positives.** `pos_weight` $w_k$ multiplies the first term only: a missed positive of label $k$ costs $w_k$ times as much.
#
# $$
# \ell = -w\,y\log p-(1-y)\log(1-p)
# $$

# %% [markdown]
# **The stable form.** Write $s(z)=\log(1+e^{z})$. Both logarithms are $s$ of something:
#
# $$
# -\log p=\log(1+e^{-z})=s(-z)
# \qquad
# 1-p=\frac{e^{-z}}{1+e^{-z}}=\frac1{1+e^{z}}\;\Rightarrow\;-\log(1-p)=s(z)
# $$
#
# $e^{z}$ overflows for large $z$. So take out the larger exponent, as in log-sum-exp:
# for $z\ge0$ it is $\log\big(e^{z}(e^{-z}+1)\big)=z+\log(1+e^{-z})$, and for $z<0$ it stays $\log(1+e^{z})$. In one line:
#
# $$
# s(z)=\max(z,0)+\log\big(1+e^{-|z|}\big)
# $$
#
# No exponent is positive any more, and `log1p` keeps the small ones.

# %% [markdown]
# Now $s(z)-s(-z)=\max(z,0)-\max(-z,0)=z$, hence $s(z)=z+s(-z)$. Put that in:
#
# $$
# \ell = w\,y\,s(-z)+(1-y)\,\big(z+s(-z)\big)
#      = (1-y)\,z+\big(1-y+w\,y\big)\,s(-z)
# $$
#
# $$
# \boxed{\;\ell=(1-y)\,z+\big(1+(w-1)\,y\big)\Big(\log\big(1+e^{-|z|}\big)+\max(-z,0)\Big)\;}
# $$
#
# This is torch's form. With $w=1$ it is $\max(z,0)-z\,y+\log(1+e^{-|z|})$.

# %% [markdown]
# **The gradient.** First $s'(z)=\dfrac{e^{z}}{1+e^{z}}=\sigma(z)$, and so $\dfrac{d}{dz}s(-z)=-\sigma(-z)=-(1-p)$. Term by term:
#
# $$
# \frac{d\ell}{dz}=w\,y\cdot\big(-(1-p)\big)+(1-y)\,p=(1-y)\,p-w\,y\,(1-p)
# $$
#
# With $w=1$: $\;p-yp-y+yp=p-y$. The derivative of the sigmoid has cancelled.
# The mean adds the factor $\dfrac1{NK}$:
#
# $$
# \frac{\partial L}{\partial z_{ik}}=\frac{(1-y_{ik})\,p_{ik}-w_k\,y_{ik}\,(1-p_{ik})}{NK}
# $$

# %% [markdown]
# **Why softmax cannot say yes twice.** Suppose $p_a>\frac12$ and $p_b>\frac12$.
# Then $p_a+p_b>1$, but all softmax outputs are positive and sum to 1. A contradiction.
#
# It is worse than a bad threshold. Cross-entropy with targets $\frac1m$ on $m$ true labels has its minimum at exactly $p=\frac1m$ each.
# A perfect softmax says ½ and ½ for two labels, ⅓ for three, and it must spread a whole 1 over an image without any label.
#
# **What pos_weight aims at.** Let the label be true with probability π. The expected loss is $-w\pi\log p-(1-\pi)\log(1-p)$.
# By the gradient above it is smallest where $(1-\pi)\,p=w\,\pi\,(1-p)$, that is
#
# $$
# \frac{p}{1-p}=w\,\frac{\pi}{1-\pi}
# \qquad\Leftrightarrow\qquad
# z=\log\frac{\pi}{1-\pi}+\log w
# $$
#
# So the ideal model's logit moves up by $\log w$, for every image alike. Remember that for the trial below.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, gradcheck, hint, numeric_gradient, plots, trial

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
    """logits (N, K), targets (N, K) in [0, 1], pos_weight (K,) or None -> (loss, grad (N, K)) of the mean over N·K."""
    # YOUR CODE HERE
    raise NotImplementedError()


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
# For any other text raise a ValueError.

# %%
def head_for(task):
    """task "binary", "multiclass" or "multilabel" -> (activation, loss), two texts; any other text: ValueError."""
    # YOUR CODE HERE
    raise NotImplementedError()


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

# %% [markdown]
# ## Experiments
#
# From here on it is *your* function that runs.
#
# ### Is the gradient the gradient?
#
# Central differences against your formula, with soft targets and weights.

# %%
rng = np.random.default_rng(0)
case = dict(logits=rng.normal(0, 3, (4, 5)), targets=rng.random((4, 5)), pos_weight=rng.uniform(0.5, 5, 5))
gradcheck(bce_with_logits, lambda dout, **given: dout * bce_with_logits(**given)[1], case, wrt="logits")


# %% [markdown]
# ### Two true labels, one image
#
# Labels 0 and 1 are true, 2 and 3 are not. Gradient descent on four free logits, learning rate 1 per entry.
# Where will the probabilities of the two true labels end, under a softmax and under sigmoids?

# %%
def softmax_rows(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def softmax_ce(logits, targets):
    """Cross-entropy with the targets shared out evenly; an image without labels adds nothing."""
    count = targets.sum(axis=1, keepdims=True)
    shares = targets / np.maximum(count, 1)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(shares * log_p).sum(axis=1).mean(), (np.exp(log_p) * (count > 0) - shares) / len(logits)


truth = np.array([[1.0, 1.0, 0.0, 0.0]])
heads = {"softmax": (softmax_ce, softmax_rows, 1.0), "sigmoid": (bce_with_logits, sigmoid, 4.0)}  # 4 = N·K undoes the mean
paths = {}
for name, (loss, activation, lr) in heads.items():
    z, path = np.zeros((1, 4)), []
    for _ in range(400):
        path.append(activation(z)[0])
        z = z - lr * loss(z, truth)[1]
    paths[name] = np.array(path)
    print(f"{name}: true labels {path[-1][0]:.3f}, {path[-1][1]:.3f}, false labels {path[-1][2]:.3f}, {path[-1][3]:.3f}")

# %%
series = {
    "sigmoid, true label": paths["sigmoid"][:, 0], "softmax, true label": paths["softmax"][:, 0],
    "softmax, false label": paths["softmax"][:, 2], "sigmoid, false label": paths["sigmoid"][:, 2],
}  # fmt: skip
plots.curves(series, "step", "probability", "A softmax cannot lift two labels above one half")
plt.axhline(0.5, color="0.5", linestyle=":", linewidth=1)
plt.show()

# %% [markdown]
# **Takeaway.** The softmax is not slow, it is *done*: ½ and ½ is its best answer. It is not a matter of more training.

# %% [markdown]
# ### Two digits in one picture
#
# Handwritten digits side by side; the labels are the two digits, without their order.

# %%
X_images, Y = data.two_digits(3000)
X_test_images, Y_test = data.two_digits(1000, seed=1, part="test")
X, X_test = X_images.reshape(len(Y), -1), X_test_images.reshape(len(Y_test), -1)
names = [" and ".join(map(str, np.flatnonzero(row))) for row in Y[:6]]
plots.images(X_images[:6], "Each image has two labels out of ten", titles=names, columns=3)
plt.show()


# %% [markdown]
# The same small network for both heads: 128 inputs, 64 ReLU units, 10 logits, Adam.
# Only the loss differs. Three seeds each.

# %%
def train(X, Y, loss, seed, steps=450, lr=3e-3, hidden=64, batch=200):
    """A function from images to logits, after Adam on mini-batches."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0, np.sqrt(2 / X.shape[1]), (X.shape[1], hidden))
    second = rng.normal(0, np.sqrt(2 / hidden), (hidden, Y.shape[1]))
    params = [first, np.zeros(hidden), second, np.zeros(Y.shape[1])]
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


def top_two(p):
    return np.argsort(np.argsort(-p, axis=1), axis=1) < 2


def exact(predicted, Y):
    return np.all(predicted == Y, axis=1).mean()


def probabilities(X, Y, X_test):
    """head -> (seeds, images, labels), on the test images."""
    return {
        name: np.array([activation(train(X, Y, loss, seed)(X_test)) for seed in range(3)])
        for name, (loss, activation, _) in heads.items()
    }


probs = probabilities(X, Y, X_test)
scores = {}
for name, runs in probs.items():
    scores[name] = {
        "all labels of an image right, p > ½": np.mean([exact(p > 0.5, Y_test) for p in runs]),
        "all labels of an image right, two largest p": np.mean([exact(top_two(p), Y_test) for p in runs]),
        "single labels right, p > ½": np.mean([(p > 0.5) == Y_test for p in runs]),
    }
nothing = np.mean(Y_test == 0)
for measure in scores["softmax"]:
    print(f"{measure:44s}", "   ".join(f"{name} {scores[name][measure]:.0%}" for name in scores))
print(f"single labels right, for a model that always says no: {nothing:.0%}")


# %% [markdown]
# **Takeaway.** With a threshold the softmax finds no image's pair, not even once.
# With "take the two largest" it is as good as the sigmoids: its *ranking* is fine.
# And mind the last line: per-label accuracy flatters. Saying no to everything earns 80 %.

# %% [markdown]
# ### Do the numbers mean what they say?
#
# Among all predictions near 0.4, are 40 % of the labels true?
# What do you expect for a softmax that has to share 1 between two true labels?

# %%
def reliability(p, y, edges):
    """(mean prediction, frequency of the label) in each bin that has at least 50 entries."""
    which = np.digitize(p.ravel(), edges[1:-1])
    bins = [which == b for b in range(len(edges) - 1) if np.sum(which == b) >= 50]
    return np.array([(p.ravel()[b].mean(), y.ravel()[b].mean()) for b in bins])


fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.5", linestyle=":", label="calibrated")
for name, hue, mark in (("sigmoid", "right", "o-"), ("softmax", "wrong", "s--")):
    points = reliability(probs[name], np.broadcast_to(Y_test, probs[name].shape), np.linspace(0, 1, 11))
    ax.plot(*points.T, mark, color=plots.color(hue), label=name)
ax.set(xlabel="predicted probability of a label", ylabel="share of those labels that is true",
       title="When the softmax says 0.45, the label is almost always there")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# **Takeaway.** The sigmoids stay near the diagonal.
# Softmax outputs are shares, not probabilities of labels: the surer it is of one digit, the less is left for the other, which is there as well.

# %% [markdown]
# ### Focal loss: the easy entries turned down
#
# Most entries of a multi-label batch are easy negatives. Focal loss multiplies cross-entropy by $(1-p_t)^\gamma$,
# where $p_t$ is the probability of the truth: $p$ for a positive, $1-p$ for a negative.
# For a positive, $\mathrm{FL}=-(1-p)^\gamma\log p$. With $p'=p(1-p)$ and the product rule:
#
# $$
# \frac{d\,\mathrm{FL}}{dz}=\gamma(1-p)^{\gamma-1}p(1-p)\log p-(1-p)^\gamma\,\frac{p(1-p)}{p}
# =(1-p)^\gamma\big(\gamma\,p\log p-(1-p)\big)
# $$
#
# γ = 0 gives back $-(1-p)=p-1$.

# %%
z = np.linspace(-6, 6, 121)
p = sigmoid(z)


def focal(z, gamma):
    return (1 - sigmoid(z)) ** gamma * np.logaddexp(0, -z)


slopes = {gamma: (1 - p) ** gamma * (gamma * p * np.log(p) - (1 - p)) for gamma in (0, 1, 2, 5)}
for gamma, slope in slopes.items():
    wanted = numeric_gradient(lambda z, gamma=gamma: focal(z, gamma).sum(), z)
    assert np.allclose(slope, wanted, atol=1e-7)
series = {f"γ = {gamma}" + " (cross-entropy)" * (gamma == 0): (p, np.abs(slope)) for gamma, slope in slopes.items()}
plots.curves(series, "predicted probability p of a true label", "|gradient by the logit|",
             "Focal loss mutes what is right already, and keeps what is wrong", legend="upper right")
plt.show()


# %% [markdown]
# **Takeaway.** At $p = 0.9$ and γ = 2 the gradient is a small fraction of cross-entropy's.
# Near $p = 0.2$ it is even larger: the term with γ adds to it.

# %% [markdown]
# ### Ten situations: predict, then run
#
# Choose a head for each, then run the cell below it. This one is not graded; several letters may be right.
#
# - **A** sigmoid + binary cross-entropy
# - **B** softmax + cross-entropy
# - **C** linear output + squared error
# - **D** linear output + smooth L1 or L1

# %%
def my_choices():
    """situation -> "A", "B", "C" or "D"."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# Each line shows a small measurement: the head that fits against a tempting one.

# %%
def best_estimate(loss, values):
    """The number that minimises the mean loss, found on a grid."""
    grid = np.linspace(min(values), max(values), 2001)
    return grid[np.argmin([np.mean(loss(g - values)) for g in grid])]


def smooth_l1(d):
    return np.where(np.abs(d) < 1, d**2 / 2, np.abs(d) - 0.5)


digit = np.array([[4.0, 3.0, -2.0]])
sick = np.r_[np.ones(10), np.zeros(990)]
price = {q: bce_with_logits(np.full((1000, 1), np.log(q / (1 - q))), sick[:, None])[0] for q in (0.01, 0.0001)}
clicks = np.r_[np.ones(30), np.zeros(970)]
word = np.zeros((1, 50_000))
target = np.eye(1, 50_000)
p = softmax_rows(word)
squared = 2 * p * ((p - target) - np.sum((p - target) * p))
ages = np.r_[np.linspace(20, 40, 95), np.full(5, 999.0)]  # five typing errors
knee = np.r_[np.full(45, 10.0), np.full(5, 50.0)]  # 5 annotators of 50 took the other leg
clicked = best_estimate(np.square, clicks), best_estimate(np.abs, clicks)
measured = {
    "tags of a photo": ("A", f"two true tags: sigmoids reach {paths['sigmoid'][-1, 0]:.3f} each, softmax {paths['softmax'][-1, 0]:.3f}"),
    "one digit of a cheque": ("B", f"logits 4, 3, -2: softmax sums to {softmax_rows(digit).sum():.2f}, sigmoids to {sigmoid(digit).sum():.2f}"),
    "a rare disease, yes or no": ("A", f"1 % ill: saying 1 % costs {price[0.01]:.3f}, saying 0.01 % costs {price[0.0001]:.3f}; accuracy is 99 % for both"),
    "will the user click?": ("A", f"3 % click: the best constant is {clicked[0]:.2f} with a proper loss, {clicked[1]:.2f} with absolute error"),
    "the next word": ("B", f"50 000 words, at the start: gradient at the word {abs(softmax_ce(word, target)[1][0, 0]):.2f}, with squared error {abs(squared[0, 0]):.5f}"),
    "a captcha of five letters (at each place)": ("B", f"outputs: 5 softmaxes of 36 need {5 * 36}, one softmax over all texts {36**5:,}"),
    "age from a face": ("CD", f"five ages mistyped as 999: the best constant is {best_estimate(np.square, ages):.0f} with C, {best_estimate(np.abs, ages):.0f} with D (true mean 30)"),
    "corners of a detection box": ("D", f"a corner off by 50 pixels pulls with {2 * 50} under C, with {numeric_gradient(lambda d: smooth_l1(d).sum(), np.array([50.0]))[0]:.0f} under D"),
    "key points of a pose": ("CD", f"1 in 10 marked the other knee, 40 pixels off: C errs by {best_estimate(np.square, knee) - 10:.1f}, D by {best_estimate(smooth_l1, knee) - 10:.1f}"),
    "depth of each pixel": ("CD", f"10 % off at 2 m and at 50 m: errors {0.1 * 2:.1f} and {0.1 * 50:.1f} in metres, {np.log(1.1):.3f} and {np.log(1.1):.3f} in log depth"),
}  # fmt: skip
try:
    mine = my_choices()
except NotImplementedError:
    mine = {}
for situation, (fits, why) in measured.items():
    choice = mine.get(situation, "-")
    print(f"{'✓' if choice in fits else '✗'} {situation}: you {choice}, fits {' or '.join(fits)}\n    {why}")

# %% [markdown]
# **Takeaway.** Ask first what can be true at once, then what a wrong label may cost.
# (Key points are often heat maps, with a softmax over the pixels of each map: then B is right too. Depth is best learnt as its logarithm.)

# %% [markdown]
# ## Folklore on trial
#
# ### "The multi-label loss is the average of the binary losses"
#
# Four readings. Is it the same number? The same step when somebody writes the sum? The right probability of the whole label set?

# %%
z, y = rng.normal(0, 2, (6, 20)), (rng.random((6, 20)) < 0.3).astype(float)
loss, grad = bce_with_logits(z, y)
per_label = [bce_with_logits(z[:, k : k + 1], y[:, k : k + 1])[0] for k in range(20)]
of_the_sum = numeric_gradient(lambda v: sum(bce_with_logits(v[[i]][:, [k]], y[[i]][:, [k]])[0] for i in range(6) for k in range(20)), z)
ratio = np.linalg.norm(of_the_sum) / np.linalg.norm(grad)
print(f"mean loss {loss:.6f}, average of 20 binary losses {np.mean(per_label):.6f}")
print(f"gradient of the sum / gradient of the mean: {ratio:.1f} (N·K = {z.size})")

pairs = {
    "independent": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float),
    "always together": np.array([[0, 0], [0, 0], [1, 1], [1, 1]], float),
}
both = {}
for name, t in pairs.items():
    b = np.zeros((1, 2))  # the best constant logits
    for _ in range(200):
        b = b - 4 * bce_with_logits(np.repeat(b, 4, axis=0), t)[1].sum(axis=0)
    both[name] = (np.prod(sigmoid(b)), np.mean(np.all(t == 1, axis=1)))
    print(f"two labels, {name}: model says both with p = {both[name][0]:.2f}, true share {both[name][1]:.2f}")

# %%
ruling = trial(
    "the multi-label loss is the average of the binary losses",
    {
        "mean over the entries, the number": bool(np.isclose(loss, np.mean(per_label))),
        "sum over the entries, the same gradient step": bool(np.isclose(ratio, 1, rtol=0.01)),
        "probability of the label set, labels independent": abs(np.subtract(*both["independent"])) < 0.01,
        "probability of the label set, labels always together": abs(np.subtract(*both["always together"])) < 0.01,
    },
    only_if="mean is meant, and the labels are independent given the image",
)
assert ruling == "holds only if mean is meant, and the labels are independent given the image"
ruling

# %% [markdown]
# The sum and the mean have the same minimum. For SGD the sum is the mean with a learning rate N·K times larger.
# So when K grows, a mean shrinks each label's pull, and a sum makes the whole step larger. Adam hardly notices either.
#
# Say: *it is the mean of K binary cross-entropies; that assumes conditional independence, and the reduction sets the scale*.

# %% [markdown]
# ### "Softmax with cross-entropy works for several labels too"
#
# Works shall mean: finds the exact label set within 3 points of the sigmoids, mean of three seeds.
# Above, with two digits in every image, it did not pass a threshold of ½ but the two largest were right.
# Now images with none, one or two digits. "None" shows ink without sense: a digit whose pixels are shuffled.
# The softmax gets its best threshold, searched on the *test* set: a gift.

# %%
singles, labels, singles_test, labels_test = data.digits(flat=False)


def none_one_two(two, Y_two, one, y_one, n, rng):
    """n images each with two digits, with one digit on the left, and with shuffled pixels."""
    one = np.concatenate([one, 0 * one], axis=-1)[:n].reshape(n, -1)
    images = np.concatenate([two[:n].reshape(n, -1), one, rng.permuted(one, axis=1)])
    return images, np.concatenate([Y_two[:n], np.eye(10)[y_one[:n]], np.zeros((n, 10))])


mixed, Y_mixed = none_one_two(X_images, Y, singles, labels, 1300, rng)
mixed_test, Y_mixed_test = none_one_two(X_test_images, Y_test, singles_test, labels_test, 400, rng)
mixed_probs = probabilities(mixed, Y_mixed, mixed_test)
digits_there = Y_mixed_test.sum(axis=1)
thresholds = np.linspace(0.05, 0.95, 19)
found = {"sigmoid": [exact(p > 0.5, Y_mixed_test) for p in mixed_probs["sigmoid"]]}
best = [max(thresholds, key=lambda t, p=p: exact(p > t, Y_mixed_test)) for p in mixed_probs["softmax"]]
found["softmax"] = [exact(p > t, Y_mixed_test) for p, t in zip(mixed_probs["softmax"], best, strict=True)]
for name, limits in (("sigmoid", [0.5] * 3), ("softmax", best)):
    parts = [
        np.mean([exact(p[digits_there == c] > t, Y_mixed_test[digits_there == c]) for p, t in zip(mixed_probs[name], limits, strict=True)])
        for c in (0, 1, 2)
    ]  # fmt: skip
    limit = f"{min(limits):.2f} to {max(limits):.2f}"
    print(f"{name}, threshold {limit}: exact label set in {np.mean(found[name]):.0%}; no digit {parts[0]:.0%}, one {parts[1]:.0%}, two {parts[2]:.0%}")

# %%
by_rank, by_half = "all labels of an image right, two largest p", "all labels of an image right, p > ½"
ruling = trial(
    "softmax with cross-entropy works for several labels too (exact sets within 3 points of the sigmoids)",
    {
        "always two labels, take the two largest": scores["softmax"][by_rank] > scores["sigmoid"][by_rank] - 0.03,
        "always two labels, p > ½": scores["softmax"][by_half] > scores["sigmoid"][by_half] - 0.03,
        "none, one or two labels, best threshold": np.mean(found["softmax"]) > np.mean(found["sigmoid"]) - 0.03,
    },
    only_if="the number of labels is known and you rank",
)
assert ruling == "holds only if the number of labels is known and you rank"
ruling


# %% [markdown]
# Cross-entropy without a label has no gradient: nobody can teach a softmax "nothing here".
# So shuffled ink gives some digit a large share, and only a threshold above ½ keeps it out.
# But above ½ no pair survives. The sigmoids were taught "nothing", and need no such choice.
#
# Say: *softmax ranks labels well, but it cannot count them*.

# %% [markdown]
# ### "pos_weight fixes class imbalance"
#
# A rare label: about 4 % of the images have it, and its single feature overlaps with the rest.
# Train with weight 1 and with weight negatives ÷ positives, then look at four things. Five seeds.

# %%
def rare(n, rng):
    y = (rng.random((n, 1)) < 0.04).astype(float)
    return np.hstack([np.ones((n, 1)), rng.normal(size=(n, 1)) + 1.5 * y]), y


def fit(X, y, pos_weight):
    """Newton's method, by differences of your gradient: two parameters, ten steps."""
    w = np.zeros((2, 1))

    def slope(w):
        return X.T @ bce_with_logits(X @ w, y, pos_weight)[1]

    for _ in range(10):
        hessian = np.hstack([(slope(w + 1e-5 * e) - slope(w - 1e-5 * e)) / 2e-5 for e in np.eye(2)[:, :, None]])
        w = w - np.linalg.solve(hessian, slope(w))
    return w


def auc(score, y):
    ranks = np.argsort(np.argsort(score.ravel()))[y.ravel() == 1]
    n = len(ranks)
    return (ranks.sum() - n * (n - 1) / 2) / (n * (len(y) - n))


def best_f1(score, y):
    hits = np.cumsum(y.ravel()[np.argsort(-score.ravel())])
    return np.max(2 * hits / (np.arange(1, len(y) + 1) + y.sum()))


rows = {"weight 1": [], "weight −/+": []}
for seed in range(5):
    r = np.random.default_rng(seed)
    (A, a), (B, b) = rare(5000, r), rare(20000, r)
    for name, weight in zip(rows, (np.ones(1), np.array([(a == 0).sum() / a.sum()])), strict=True):
        w = fit(A, a, weight)
        p = sigmoid(B @ w)
        recall = np.mean(p[b == 1] > 0.5)
        rows[name].append([recall, auc(p, b), best_f1(p, b), p.mean() / b.mean(), *w[:, 0], np.log(weight[0])])
plain, weighted = (np.array(found) for found in rows.values())
print("                                   weight 1   weight −/+")
shown = ["recall at p > ½", "area under the ROC curve", "best F1 over thresholds", "mean p ÷ true share", "bias", "slope"]
for j, what in enumerate(shown):
    print(f"{what:34s} {plain[:, j].mean():8.2f}   {weighted[:, j].mean():10.2f}")
shift = (weighted - plain)[:, 4].mean()
print(f"the bias moved by {shift:.1f}, log(weight) is {weighted[:, 6].mean():.1f}")

# %%
pi = np.linspace(0.001, 0.6, 200)
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.5", linestyle=":", label="calibrated")
w = weight[0]
ax.plot(w * pi / (w * pi + 1 - pi), pi, color="0.3", label="theory: $p = w\\pi/(w\\pi + 1 - \\pi)$")
for name, hue, value, mark in (("weight 1", "right", np.ones(1), "o"), ("weight −/+", "wrong", weight, "s")):
    points = reliability(sigmoid(B @ fit(A, a, value)), b, np.linspace(0, 1, 11))
    ax.plot(*points.T, mark, color=plots.color(hue), label=name)
ax.set(xlabel="predicted probability", ylabel="share of labels that is true",
       title="pos_weight inflates the probabilities, as theory says")
ax.legend(loc="upper left")
plt.show()

# %%
ruling = trial(
    "pos_weight fixes class imbalance",
    {
        "recall at the threshold ½ more than doubles, every seed": bool(np.all(weighted[:, 0] > 2 * plain[:, 0])),
        "the ranking improves (AUC, by 0.01)": (weighted - plain)[:, 1].mean() > 0.01,
        "the best F1 over all thresholds improves (by 0.02)": (weighted - plain)[:, 2].mean() > 0.02,
        "the mean prediction is right within a quarter": bool(np.all(np.abs(weighted[:, 3] - 1) < 0.25)),
    },
    only_if="a fixed threshold of ½ is what hurt you",
)
assert ruling == "holds only if a fixed threshold of ½ is what hurt you"
ruling

# %% [markdown]
# For this model, weighting is a detour for moving the threshold: from ½ to $1/(1+w)$ on the unweighted model.
# Both trade precision for recall, but only one of them spoils the probabilities.
# What may change the ranking is a model too small to fit every image, or training that is stopped early: there the weight says where to spend the capacity.
#
# Say: *pos_weight shifts the logit by log w. It buys recall at ½, costs calibration, and adds no information*.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Several labels at once are several yes/no questions, so I use one sigmoid for each label and the mean of the binary cross-entropies, computed from logits.
# Softmax would make the labels compete: two of them can never both be above one half.
# The gradient at a logit is σ minus y, divided by N times K.
# For rare labels I first choose a threshold per label; pos_weight or focal loss come next, knowing that they change calibration."

# %% [markdown]
# ## Answer in 2 minutes
#
# - Write the Bernoulli likelihood $p^y(1-p)^{1-y}$, take −log, sum over labels, say "independent given the image".
# - Write the stable form: $\max(z,0)-zy+\log(1+e^{-|z|})$. Say why: no positive exponent, no log of 0.
# - Write the gradient $p-y$, and with a weight $(1-y)p-wy(1-p)$. Divide by N·K.
# - Prove in one line that softmax fails: two outputs above ½ would sum to more than 1. Give the numbers: ½ and ½ against nearly 1 and 1.
# - Add the honest part: with a known number of labels, taking the largest softmax outputs works.
# - Mean or sum: same minimum, gradients apart by N·K, so the learning rate belongs to the reduction.
# - Imbalance: pos_weight moves the logit by $\log w$. Recall at ½ rises, AUC stays, calibration goes.
# - Metrics: not per-label accuracy, which rewards "always no". F1 or average precision for each label, thresholds on validation data.

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
# <details><summary>How does focal loss behave, compared with pos_weight?</summary>
#
# pos_weight looks at the label, focal loss at how easy the entry is: $(1-p_t)^\gamma$.
# At $p_t=0.9$ and γ = 2 the loss is down by a factor 100. The RetinaNet paper took γ = 2, with a class weight α = 0.25.
# It was made for dense detection, where nearly all anchors are background. Its minimum is not the true probability, so calibrate afterwards.
#
# </details>
#
# <details><summary>What is asymmetric loss?</summary>
#
# Focal loss with two exponents, a larger one for negatives, plus a margin: negatives with $p$ below it cost nothing.
# So easy negatives vanish entirely and positives keep their gradient (Ridnik et al. 2021, made for multi-label).
#
# </details>
#
# <details><summary>Label smoothing with sigmoids?</summary>
#
# Replace $y$ by $(1-\varepsilon)\,y+\varepsilon/2$. The gradient is still $p-\text{target}$, so the logits stop at $\pm\log\frac{1-\varepsilon/2}{\varepsilon/2}$.
# With very rare labels mind the floor: ε/2 may be larger than the label's true frequency. Smooth the positives only, or less.
#
# </details>
#
# <details><summary>Labels are correlated. What then?</summary>
#
# Shared features already carry correlation that the *image* explains. What is left is correlation given the image.
# A classifier chain writes $P(y_1,\dots,y_K\mid x)=\prod_k P(y_k\mid x,y_1,\dots,y_{k-1})$: each label sees those before it. That is exact, but errors travel along and the order matters.
# Others: a graph or attention over label embeddings, or a softmax over label *sets* when few sets occur.
# For a loss that counts single labels, independent sigmoids are enough. It is the exact-match score that needs the joint.
#
# </details>
#
# <details><summary>How do you choose the thresholds?</summary>
#
# For each label on validation data: the threshold that gives the best F1, or the precision that the product needs.
# With costs and calibrated probabilities: say yes when $p > c_{FP}/(c_{FP}+c_{FN})$.
# Very rare labels have few positives, so share a threshold or shrink towards a common one.
#
# </details>
#
# <details><summary>Which metric?</summary>
#
# mAP: average precision for each label over its ranking, then the mean over labels. It needs no threshold.
# Macro F1 averages over labels, so rare ones count as much. Micro F1 pools all entries, so frequent ones dominate.
# Exact match is harsh. Per-entry accuracy is soft: 80 % for "always no" above.
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
# At $\log\frac{\pi_k}{1-\pi_k}$ for the label's frequency $\pi_k$. Then the first loss is the entropy of the labels, and the first steps are not spent on learning "rare". RetinaNet starts with π = 0.01.
#
# </details>
#
# <details><summary>Two classes: one sigmoid or a softmax of two?</summary>
#
# The same model: $\mathrm{softmax}(z_0,z_1)_1=\sigma(z_1-z_0)$. One logit is redundant.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Softmax, then take everything above 0.5." Two labels can never both pass.
# - `-np.log(sigmoid(z) + 1e-8)`: the worst mistake costs 18, whether z is 20 or 10 000.
# - A sigmoid before `BCEWithLogitsLoss`: that is a sigmoid twice.
# - "Accuracy is 98 %" on labels that are 2 % positive.
# - pos_weight on the whole loss, or on the negatives.
# - "pos_weight makes the model better on rare labels", without a word on thresholds and calibration.
# - Changing `reduction="mean"` to `"sum"` and keeping the learning rate.

# %% [markdown]
# ## References
#
# - C. M. Bishop. *Pattern Recognition and Machine Learning*. Springer 2006: the cross-entropy error of independent binary targets.
# - T.-Y. Lin et al. *Focal Loss for Dense Object Detection.* ICCV 2017: focal loss, and the bias that starts at the prior.
# - T. Ridnik et al. *Asymmetric Loss For Multi-Label Classification.* ICCV 2021.
# - J. Read et al. *Classifier Chains for Multi-label Classification.* ECML PKDD 2009.
# - C. Guo et al. *On Calibration of Modern Neural Networks.* ICML 2017: reliability diagrams.
# - PyTorch documentation of `BCEWithLogitsLoss` (`pos_weight`) and `BCELoss` (the logarithm is cut at −100).
