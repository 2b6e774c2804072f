# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 46 · Dropout, weight decay, augmentation, early stopping: what do they do?
#
# *Dropout 的原理?训练和测试有什么区别?过拟合怎么办?*

# %% [markdown]
# ## Question
#
# "Your network overfits. What do you do?
# Explain dropout: what happens in training, what at test time, and why does one divide by 1 − p?
# Write it, forward and backward. Then: is L2 regularisation the same as weight decay?"
#
# "模型过拟合了怎么办?请解释 dropout:训练和测试时有什么区别,为什么要除以 1 − p?
# 手写前向和反向。再说说 L2 正则和 weight decay 是不是一回事?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Inverted dropout.** Scale in training, touch nothing at test time; the expectation is kept, the variance is not.
# - **What it approximates.** Averaging many thinned networks that share weights; for a linear model, a penalty.
# - **A ranking of cures.** More or augmented data first, then early stopping and weight decay, then dropout; and a look at the labels.
# - **L2 against decoupled weight decay.** The same for plain SGD only.
# - **Limits.** Regularisers raise the training loss; with enough data some do nothing.

# %% [markdown]
# ## The idea
#
# ### Dropout keeps the mean
#
# Each entry is kept with probability $1-p$, by a draw of its own, and what is kept is divided by $1-p$. With $m\in\{0,\frac1{1-p}\}$:
#
# $$
# \mathbb E[m\,x]=(1-p)\cdot\frac{x}{1-p}=x,
# \qquad
# \mathrm{Var}[m\,x]=\frac{x^2}{1-p}-x^2=\frac{p}{1-p}\,x^2
# $$
#
# The next layer's sum keeps its mean, so at test time nothing has to be done: out = x. (The form of 2012 and 2014 did not scale in training and multiplied by $1-p$ at test time.)
# Backward: $y=m\,x$ entry by entry, so $dx=m\,dy$ with the *same* mask and the same scale.
#
# **Why it helps**, as its authors read it. A unit cannot rely on one particular other unit. Each step trains one of $2^n$ thinned networks with shared weights; the full network at test time approximates the average of their predictions.

# %% [markdown]
# ### Weight decay, and L2
#
# Add $\frac\lambda2\|\theta\|^2$ to the loss: its gradient is $\lambda\theta$. Plain SGD then takes
#
# $$
# \theta\leftarrow\theta-\eta\,(g+\lambda\theta)=(1-\eta\lambda)\,\theta-\eta\,g
# $$
#
# which shrinks the weights by a fixed factor: *weight decay*. Adam divides the whole gradient, $\lambda\theta$ included, by $\sqrt v$: weights with large gradients are decayed less than others.
# AdamW multiplies by $(1-\eta\lambda)$ apart from the Adam step. With momentum, too, the two are not the same (on trial below).

# %% [markdown]
# ### The others
#
# | | what it does | cost |
# |---|---|---|
# | more data, augmentation | augmentation says which changes must not matter | only changes that keep the label |
# | early stopping | takes the weights of the best validation epoch | a validation set; noise needs patience |
# | mixup | trains on $\lambda x_i+(1-\lambda)x_j$ with the mixed label | blurred images; soft labels |
# | label smoothing | mixes the label with the uniform one (question 50) | less room for confidence |
# | smaller model, bottlenecks | less capacity | may underfit |
# | batch norm | noise from the batch (question 18) | needs the batch |

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()

# %% [markdown] tags=["deeper"]
# ### Deeper: early stopping is like weight decay
#
# On a quadratic with curvature $h$ along one direction, gradient descent from 0 has reached $1-(1-\eta h)^t$ of the minimum after $t$ steps. Ridge with strength λ reaches $h/(h+\lambda)$.
# Where the curvature is small, the first is about $\eta t\,h$ and the second about $h/\lambda$: they agree for $\lambda\approx1/(\eta t)$.
# Both hold back the directions of small curvature, and fewer steps are like more decay.

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: dropout


# %%
def dropout_forward(x, p, rng, training=True):
    """x any shape, 0 ≤ p < 1 the share to drop -> (out, mask), both like x.

    In training an entry is kept where one rng.random(x.shape) >= p, and divided by 1 − p; mask is what x was
    multiplied by: 0 or 1/(1 − p). In evaluation out = x and mask is all ones.
    """
    # BEGIN SOLUTION
    mask = (rng.random(x.shape) >= p) / (1 - p) if training else np.ones(x.shape)
    return x * mask, mask
    # END SOLUTION


# %%
check(dropout_forward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: p drops</summary>
#
# p is the probability of *dropping*. A draw that is uniform on [0, 1) is ≥ p with probability 1 − p.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: put the scale into the mask</summary>
#
# `(rng.random(x.shape) >= p) / (1 - p)` is the whole mask, and backward needs nothing else.
#
# </details>

# %% [markdown]
# ### Exercise 2: its backward pass


# %%
def dropout_backward(dout, mask):
    """dout and mask of one shape, mask as dropout_forward returned it -> dx, like them."""
    # BEGIN SOLUTION
    return dout * mask
    # END SOLUTION


# %%
check(dropout_backward)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the derivative of a product</summary>
#
# out = x · mask, entry by entry, and the mask is a constant. The scale is in the mask.
#
# </details>

# %% [markdown]
# ### Exercise 3: mixup


# %%
def mixup(x, y, lam, order):
    """x (n, …), y (n, K) one-hot or soft, lam in [0, 1], order (n,) indices -> (x', y').

    Sample i is mixed with sample order[i]: lam times itself plus 1 − lam times its partner; labels alike.
    """
    # BEGIN SOLUTION
    return lam * x + (1 - lam) * x[order], lam * y + (1 - lam) * y[order]
    # END SOLUTION


# %%
check(mixup)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: indexing</summary>
#
# `x[order]` puts the partner of sample i into row i, whatever the shape of a sample is.
#
# </details>

# %% [markdown]
# ### Exercise 4: early stopping


# %%
def early_stopping(losses, patience, min_delta=0.0):
    """losses (n,), n ≥ 1, patience ≥ 1 -> (best, stopped), two epochs as integers, counted from 0.

    An epoch is better when its loss is below that of the best epoch so far by more than min_delta (NaN never is);
    epoch 0 is the first best. stopped is the epoch at whose end `patience` epochs in a row were not better, or the
    last epoch. best is the best epoch until then: later losses are never seen.
    """
    # BEGIN SOLUTION
    best = 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[best] - min_delta:
            best = epoch
        elif epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1
    # END SOLUTION


# %%
check(early_stopping)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: what to remember</summary>
#
# One number is enough: the best epoch. The number of bad epochs in a row is `epoch - best`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the strict comparison</summary>
#
# `losses[epoch] < losses[best] - min_delta`. With `<=` an equal loss would count, and a NaN compares as False.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# The wrong answers to exercise 1 that the check knows by name; the table scrolls.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(dropout_forward)

# %% [markdown]
# ## Experiments
#
# ### Dropout keeps the mean, not the variance
#
# One million entries of 2. What are the mean and the variance of what comes out, by p?

# %%
rng = np.random.default_rng(0)
for p in (0.0, 0.1, 0.5, 0.8):
    out = dropout_forward(np.full(1_000_000, 2.0), p, rng)[0]
    print(f"p = {p:.1f}: mean {out.mean():.2f}, variance {out.var():5.2f}, derived {4 * p / (1 - p):5.2f}")

# %% [markdown]
# That is why dropout directly before batch norm is a trap: the running variance that batch norm stores in training is larger than the variance at test time (question 17).

# %% [markdown]
# ### Four cures for one overfitted net
#
# 300 digits; a quarter of the labels, in the validation set too, are drawn anew at random, so that 22 % are wrong.
# A net of 128 hidden units can memorise them.
# Where would you stop each curve of the validation loss? Your `dropout_forward`, `dropout_backward`, `mixup` and `early_stopping` do the work; the training loop is folded.

# %% tags=["hide-input"]
X, y, X_test, y_test = data.digits()
noisy = np.where(np.random.default_rng(1).random(len(y)) < 0.25, np.random.default_rng(2).integers(0, 10, len(y)), y)
train_x, train_y = X[:300], np.eye(10)[noisy[:300]]
valid_x, valid_y = X[300:900], np.eye(10)[noisy[300:900]]


def layers(rng, hidden=128):
    return [rng.normal(0, (2 / 64) ** 0.5, (64, hidden)), rng.normal(0, hidden**-0.5, (hidden, 10))]


def log_probabilities(weights, x, p=0.0, rng=None):
    """log softmax, the hidden units and the mask; dropout only where a generator is given."""
    h, mask = dropout_forward(np.maximum(x @ weights[0], 0), p, rng, training=rng is not None)
    logits = h @ weights[1]
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), h, mask


def fit(seed, *, p=0.0, decay=0.0, alpha=0.0, epochs=120, lr=0.3):
    """SGD with batches of 50; returns the weights and the losses (epochs, 2) on training and validation data."""
    rng = np.random.default_rng(seed)
    weights, losses = layers(rng), []
    for _ in range(epochs):
        for rows in np.split(rng.permutation(300), 6):
            x, t = train_x[rows], train_y[rows]
            if alpha:
                x, t = mixup(x, t, rng.beta(alpha, alpha), rng.permutation(50))
            log_p, h, mask = log_probabilities(weights, x, p, rng)
            g = (np.exp(log_p) - t) / len(rows)
            below = dropout_backward(g @ weights[1].T, mask) * (h > 0)
            gradients = [x.T @ below, h.T @ g]
            weights = [(1 - lr * decay) * w - lr * gradient for w, gradient in zip(weights, gradients, strict=True)]
        pairs = ((train_x, train_y), (valid_x, valid_y))
        losses.append([-np.mean(np.sum(t * log_probabilities(weights, x)[0], axis=1)) for x, t in pairs])
    return weights, np.array(losses)


def test_score(weights):
    return float(np.mean(log_probabilities(weights, X_test)[0].argmax(axis=1) == y_test))


# %%
cures = {"nothing": {}, "dropout, p = 0.5": dict(p=0.5), "weight decay 0.01": dict(decay=0.01), "mixup, α = 0.5": dict(alpha=0.5)}
runs = {name: fit(0, **options) for name, options in cures.items()}
for name, (weights, losses) in runs.items():
    best, stopped = early_stopping(losses[:, 1], patience=15)
    print(f"{name:18s} training loss {losses[-1, 0]:.2f}, validation at the end {losses[-1, 1]:.2f}, "
          f"at best {losses[best, 1]:.2f}; test accuracy at the end {test_score(weights):.2f}")

# %% tags=["nbval-ignore-output", "hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.8), layout="constrained")
tints = dict(zip(runs, ("black", plots.color("dropout"), plots.color("adam"), plots.color("momentum")), strict=True))
for (name, (_, losses)), dash in zip(runs.items(), ("-", "--", "-.", ":"), strict=True):
    best, stopped = early_stopping(losses[:, 1], patience=15)
    axes[0].plot(losses[:, 0], dash, color=tints[name], label=name)
    axes[1].plot(losses[:, 1], dash, color=tints[name], label=name)
    axes[1].plot(best, losses[best, 1], "o", color=tints[name], markersize=7)
axes[0].set(title="Training loss: each cure costs some", xlabel="epoch", ylabel="cross-entropy", ylim=(0, 2.4))
axes[1].set(title="Validation loss, and the best epoch", xlabel="epoch", ylim=(1.2, 2.8))
axes[0].legend(loc="lower left", fontsize=9)
plt.show()

# %% [markdown]
# **Takeaway.** Without a cure the training loss keeps falling because the net memorises wrong labels, and the validation loss starts to rise.
# Early stopping alone gets most of the gain in validation loss here; it costs only the validation set. The other three delay or flatten the rise, and all of them have a higher training loss.

# %% [markdown]
# ## Folklore on trial
#
# ### "Dropout at test time is an ensemble"
#
# Stated with numbers: the full network in evaluation classifies like the *average* of 200 thinned networks, to within 1 point of test accuracy (second threshold: half a point). As a control, a single thinned network.

# %%
def like_the_average(p, decay, seed, masks=200):
    weights = fit(seed, p=p, decay=decay, epochs=40)[0]
    rng = np.random.default_rng(seed)
    mean = sum(np.exp(log_probabilities(weights, X_test, p, rng)[0]) for _ in range(masks)) / masks
    gap = abs(np.mean(mean.argmax(axis=1) == y_test) - test_score(weights))
    return gap < 0.01, gap < 0.005


trial(
    "a dropout net in evaluation is as good as the average of its thinned networks",
    like_the_average,
    over=settings(p=[0.2, 0.5], decay=[0, 0.01], seed=[0, 1]),
    control=settings(p=0.5, decay=0, seed=[0, 1], masks=1),
    published=[published("Srivastava et al. 2014, section 7.5", "MNIST: averages of 50 samples are as good as the scaled network, more slightly better, within one standard deviation", holds=True)],
    expect="holds",
)

# %% [markdown]
# At half a point our own runs do not decide. Thinned networks share their weights, so this is a cheap ensemble of similar networks, not one of independently trained networks.
# For one linear layer with softmax the scaled network *is* the normalised geometric mean of all thinned ones; with ReLUs in between it is an approximation.

# %% [markdown]
# ### "L2 regularisation is weight decay"
#
# Two runs from one start, on a noisy quadratic of curvatures 0.1 to 10: λθ in the gradient, or the factor $1-\eta\lambda$ apart from the step. Do they end at the same weights? (Relative distance below $10^{-9}$; second threshold: 1 %.)

# %%
def same_as_decay(optimiser, decay, seed, steps=100):
    """L2 in the gradient against decoupled decay, with the same noise."""
    ends, curvatures = [], np.array([0.1, 1, 10])
    lr = 0.01 if optimiser == "adam" else 0.05
    for coupled in (True, False):
        rng = np.random.default_rng(seed)
        theta, m, v = np.array([1.0, -2, 3]), np.zeros(3), np.zeros(3)
        for t in range(1, steps + 1):
            g = curvatures * (theta - 1) + rng.normal(size=3) + (decay * theta if coupled else 0)
            m = 0.9 * m + (0.1 if optimiser == "adam" else 1) * g
            v = 0.999 * v + 0.001 * g**2
            adam = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            step = {"sgd": g, "momentum": 0.1 * m, "adam": adam}[optimiser]
            theta = theta * (1 if coupled else 1 - lr * decay) - lr * step
        ends.append(theta)
    gap = np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(ends[0])
    return gap < 1e-9, gap < 0.01


trial(
    "L2 regularisation is weight decay",
    same_as_decay,
    over=settings(optimiser=["sgd", "momentum", "adam"], decay=[0.3, 1], seed=[0, 1]),
    held_out=settings(optimiser=["sgd", "momentum", "adam"], decay=[0.5, 2], seed=[2, 3, 4]),
    only_if=("the optimiser is plain SGD", lambda optimiser: optimiser == "sgd"),
    expect="holds only if the optimiser is plain SGD",
)

# %% [markdown]
# With momentum λθ goes into the velocity and acts over many later steps; with Adam it is divided by $\sqrt v$. AdamW and SGDW decay the weights apart from the step.

# %% [markdown]
# ### "More augmentation never hurts"
#
# 400 digits, trained with random shifts of up to *s* pixels, tested on digits that are shifted by up to *T* pixels. Is *s* as good as *s* − 1, to within 1 point (second threshold: half a point)? Each with the better of two rates; recorded.

# %% tags=["hide-input"]
def shifted(rows, most, rng):
    """Each digit moved by up to `most` pixels in both directions, filled with 0."""
    padded = np.pad(rows.reshape(-1, 8, 8), ((0, 0), (most, most), (most, most)))
    moves = rng.integers(0, 2 * most + 1, size=(len(rows), 2))
    return np.stack([image[a : a + 8, b : b + 8] for image, (a, b) in zip(padded, moves, strict=True)]).reshape(-1, 64)


def scores_with_shifts(most, lr, seed):
    """Test accuracy for test shifts of up to 0, 1, 2 and 3 pixels, after training with shifts of up to `most`."""
    rng = np.random.default_rng(seed)
    weights, x, t = layers(rng), X[:400], np.eye(10)[y[:400]]
    velocity = [np.zeros_like(w) for w in weights]
    for _ in range(800):
        rows = rng.integers(0, 400, 50)
        batch = shifted(x[rows], most, rng)
        log_p, h, _ = log_probabilities(weights, batch)
        g = (np.exp(log_p) - t[rows]) / 50
        gradients = [batch.T @ ((g @ weights[1].T) * (h > 0)), h.T @ g]
        velocity = [0.9 * v + lr * gradient for v, gradient in zip(velocity, gradients, strict=True)]
        weights = [w - v for w, v in zip(weights, velocity, strict=True)]
    test = np.random.default_rng(0)
    tests = {f"T{moved}": shifted(X_test, moved, test) for moved in range(4)}
    return {key: float(np.mean(log_probabilities(weights, rows)[0].argmax(axis=1) == y_test)) for key, rows in tests.items()}


# %%
rates = [0.02, 0.06]
shift_scores = evidence("shifts_in_training_and_test", scores_with_shifts, settings(most=[0, 1, 2, 3], lr=rates, seed=range(5)))


def as_good(s, T, seed):
    def best(most):
        return max(shift_scores(most=most, lr=lr, seed=seed)[f"T{T}"] for lr in rates)

    return best(s) > best(s - 1) - 0.01, best(s) > best(s - 1) - 0.005


trial(
    "more augmentation never hurts",
    as_good,
    over=settings(s=[1, 2, 3], T=[0, 1, 2, 3], seed=[0, 1]),
    held_out=settings(s=[1, 2, 3], T=[0, 1, 2, 3], seed=[2, 3, 4]),
    only_if=("its shifts are no larger than those of the test images", lambda s, T: s <= T),
    expect="holds only if its shifts are no larger than those of the test images",
)

# %% [markdown]
# So start with the changes that test images have. Shifts beyond them cost accuracy in this small net, probably because it spends capacity on images that never come.
# This is no law: mixup, CutMix and strong colour changes make images that never come at test time, and large nets gain from them. Measure it.
# And no change may destroy the label: a 6 turned by 180° is a 9, a flipped *b* is a *d*.

# %% [markdown] tags=["deeper"]
# ### Deeper: "dropout and weight decay do the same"
#
# For linear regression with dropout on the inputs the expected loss can be written out. With $\mathbb E[m_j]=1$ and variance $\frac p{1-p}$:
#
# $$
# \mathbb E\Big[\tfrac12\big((m\odot x)^\top\theta-y\big)^2\Big]
# =\tfrac12\big(x^\top\theta-y\big)^2+\tfrac12\,\frac{p}{1-p}\sum_j x_j^2\,\theta_j^2
# $$
#
# So it is an L2 penalty, each weight with the mean square of *its own* feature. Is there a λ whose ridge solution is the dropout solution? (Relative distance below 10 %; second threshold: 20 %.) Dropout by 1000 masks of yours.

# %% tags=["deeper"]
def some_ridge_fits(ratio, p, seed, n=200, d=6):
    """`ratio`: how many times larger the last feature is than the first."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * np.geomspace(1, ratio, d)
    target = x @ (rng.choice([-1, 1], d) / np.geomspace(1, ratio, d)) + rng.normal(size=n)
    gram, moment = np.zeros((d, d)), np.zeros(d)
    for _ in range(1000):
        dropped, _ = dropout_forward(x, p, rng)
        gram, moment = gram + dropped.T @ dropped / n / 1000, moment + dropped.T @ target / n / 1000
    by_dropout = np.linalg.solve(gram, moment)
    ridges = (np.linalg.solve(x.T @ x / n + lam * np.eye(d), x.T @ target / n) for lam in np.geomspace(1e-3, 1e4, 400))
    gap = min(np.linalg.norm((ridge - by_dropout) * np.geomspace(1, ratio, d)) for ridge in ridges)
    size = np.linalg.norm(by_dropout * np.geomspace(1, ratio, d))
    return gap < 0.1 * size, gap < 0.2 * size


trial(
    "dropout and weight decay do the same (a linear model, the best λ)",
    some_ridge_fits,
    over=settings(ratio=[1, 10], p=[0.2, 0.5], seed=[0, 1]),
    held_out=settings(ratio=[1, 5, 20], p=[0.3, 0.5, 0.6], seed=[2, 3]),
    only_if=("all features have the same mean square", lambda ratio: ratio == 1),
    expect="holds only if all features have the same mean square",
)

# %% [markdown] tags=["deeper"]
# Dropout's penalty does not change when a feature is rescaled; plain weight decay's does. In a deep net neither is a penalty of this form any more.

# %% [markdown] tags=["deeper"]
# ### Deeper: "dropout is useless beside batch norm"
#
# A dense net with batch norm on 200 digits: the best of p = 0.2 and 0.5 against no dropout, each with the better of two rates. Useless shall mean: less than half a point gained (second threshold: 1 point). Recorded.

# %% tags=["deeper", "hide-input"]
import torch
from torch import nn

torch.set_num_threads(1)


def score_with_norm(p, lr, seed):
    """Test accuracy of a net with batch norm and dropout of p behind each ReLU, from 200 digits."""
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    x, t = torch.tensor(X[200 * seed : 200 * seed + 200]), torch.tensor(y[200 * seed : 200 * seed + 200])
    blocks = [layer for i in (64, 96) for layer in (nn.Linear(i, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Dropout(p))]
    net = nn.Sequential(*blocks, nn.Linear(96, 10)).double()
    sgd = torch.optim.SGD(net.parameters(), lr, momentum=0.9)
    for _ in range(300):
        rows = torch.randint(0, 200, (32,), generator=order)
        sgd.zero_grad()
        nn.functional.cross_entropy(net(x[rows]), t[rows]).backward()
        sgd.step()
    net.eval()
    with torch.no_grad():
        return float((net(torch.tensor(X_test)).argmax(dim=1).numpy() == y_test).mean())


# %% tags=["deeper"]
slower = [0.03, 0.1]
with_norm = evidence("dropout_beside_batch_norm", score_with_norm, settings(p=[0, 0.2, 0.5], lr=slower, seed=range(6)), rtol=0.02)


def useless(seed):
    best = {p: max(with_norm(p=p, lr=lr, seed=seed) for lr in slower) for p in (0, 0.2, 0.5)}
    gain = max(best[0.2], best[0.5]) - best[0]
    return gain < 0.005, gain < 0.01


trial(
    "dropout is useless beside batch norm",
    useless,
    over=settings(seed=range(6)),
    published=[
        published("Ioffe & Szegedy 2015, section 4.2.1", "BN-Inception without dropout trains faster and overfits no more", holds=True),
        published("Zagoruyko & Komodakis 2016, as cited in Loshchilov & Hutter 2017, table 1", "WRN-28-10 with batch norm, CIFAR-100: error 20.50 %, with dropout 20.04 %", holds=False),
    ],
    expect="not decided here",
)

# %% [markdown] tags=["deeper"]
# Say: *often superfluous, sometimes worth half a point or more; avoid it before a batch norm, whose running variance it makes wrong* (Li et al. 2019).
# (Question 18 quotes a public benchmark of single runs: 1.4 points for p = 0.2 against no dropout.)

# %% [markdown]
# ## Answer in 30 seconds
#
# "Dropout sets each activation to zero with probability p in training and divides the rest by 1 minus p, so expectations stay; at test time it does nothing.
# It trains many thinned networks with shared weights, and the full one approximates their average.
# Against overfitting: first more or augmented data, then early stopping, weight decay, dropout.
# L2 equals weight decay for plain SGD only; with Adam use AdamW. Shall I write the backward pass?"
#
# ### 三十秒回答
#
# "Dropout 训练时以概率 p 把激活置零,其余除以 1 − p,期望不变;测试时什么都不做。
# 相当于训练许多共享权重的子网络,测试时的完整网络近似它们的平均。
# 遇到过拟合,先增加数据或做数据增强,再用早停、权重衰减、dropout。
# L2 正则只有在普通 SGD 下才等价于 weight decay,用 Adam 时应换成 AdamW。需要我写反向传播吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Diagnose first: training loss low, validation loss rising; are the splits clean, the labels right?
# - Data: more, or augmentation; first with changes that keep the label and occur at test time. Then mixup and CutMix, which mix the labels too.
# - Early stopping: keep the best epoch's weights, a patience above the noise. On a quadratic it is like $\lambda\approx1/(\eta t)$.
# - Weight decay: $\theta(1-\eta\lambda)$. SGD: same as L2. Adam: decoupled. Not on biases and norm scales.
# - Dropout: mask, $1/(1-p)$, mean kept, variance $\frac p{1-p}x^2$. Backward the same mask. Before the classifier, in transformers behind attention and MLP; rarely in convolutions.
# - It is cheap averaging; for a linear model a data-dependent L2.
# - Smaller model, transfer learning, label smoothing, ensembles.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>DropConnect?</summary>
#
# Drops weights, not activations: every connection has its own mask, and each sample its own matrix. More noise, more memory, hardly used.
#
# </details>
#
# <details><summary>Stochastic depth?</summary>
#
# Drops whole residual branches: $x+b\,F(x)$ with $b\in\{0,1\}$, more often in deep layers (linear decay), today scaled by $1/(1-p)$ in training, as dropout is (the paper scaled at test time). Training gets shorter and gradients reach early layers; ConvNeXt and ViT recipes use it ("drop path") in the place of dropout.
#
# </details>
#
# <details><summary>CutMix against mixup?</summary>
#
# CutMix pastes a rectangle of the partner and mixes the labels by area. Each region stays a sharp piece of one image; mixup blends the whole image. Both give mixed labels, so the training accuracy is hard to read. Modern recipes use both, one at a time.
#
# </details>
#
# <details><summary>Does dropout help against wrong labels?</summary>
#
# Somewhat: it slows memorisation. Nets tend to learn clean patterns first and noise later, so early stopping helps as well; so do losses that limit the weight of a single wrong sample, and cleaning the labels. In the experiment above 22 % of the labels are wrong: dropout's test accuracy is 0.90 at the end, against 0.80 without a cure.
#
# </details>
#
# <details><summary>What is double descent?</summary>
#
# Test error against model size falls, rises where the model can just fit the training data, and falls again beyond. At the peak hardly more than one function fits, and it oscillates strongly between the samples; larger models have many fits, and training tends to find a smooth one (the usual explanation). The same can happen over epochs. Well-tuned regularisation can flatten the peak.
#
# </details>
#
# <details><summary>Why is dropout rare in convolutions?</summary>
#
# Neighbouring pixels carry nearly the same information, so what is dropped can be read from the neighbours, and the regularisation is weak. DropBlock drops squares, spatial dropout whole channels.
#
# </details>
#
# <details><summary>Do large language models use dropout?</summary>
#
# Often not in pre-training: a model that sees its data about once has little to memorise. Shazeer (2020) pre-trains T5 without dropout, with better results, and uses a rate of 0.1 for fine-tuning, where the data are few.
#
# </details>
#
# <details><summary>Can dropout stay on at test time?</summary>
#
# Leaving it on and averaging several passes gives Monte-Carlo dropout: the spread of the predictions is a cheap, rough measure of uncertainty.
#
# </details>
#
# <details><summary>Which parameters should not be decayed?</summary>
#
# Biases and the scales and shifts of norms: they are few and hardly overfit, and decay pulls γ towards 0 for no reason. The scale of weights before batch norm does not change the output; there decay acts on the effective learning rate.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "At test time I multiply by p", with inverted dropout in training.
# - Dropout left on in evaluation: accuracy is noisy and lower.
# - "L2 and weight decay are synonyms", in a talk about Adam.
# - Early stopping on the *test* set.
# - Validation data augmented at random, or split after augmenting.
# - "More regularisation is always safer." Underfitting is a fault as well.

# %% [markdown]
# ## References
#
# - N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov. *Dropout: A Simple Way to Prevent Neural Networks from Overfitting.* JMLR 2014: section 7.5 (averaging), section 10 (scaling in training).
# - S. Wager, S. Wang, P. Liang. *Dropout Training as Adaptive Regularization.* NeurIPS 2013.
# - I. Loshchilov, F. Hutter. *Decoupled Weight Decay Regularization.* ICLR 2019.
# - H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz. *mixup: Beyond Empirical Risk Minimization.* ICLR 2018.
# - S. Yun et al. *CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features.* ICCV 2019.
# - G. Huang et al. *Deep Networks with Stochastic Depth.* ECCV 2016.
# - X. Li, S. Chen, X. Hu, J. Yang. *Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift.* CVPR 2019.
# - S. Ioffe, C. Szegedy. *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift.* ICML 2015: section 4.2.1 (section number from memory).
# - S. Zagoruyko, N. Komodakis. *Wide Residual Networks.* BMVC 2016.
# - I. Loshchilov, F. Hutter. *SGDR: Stochastic Gradient Descent with Warm Restarts.* ICLR 2017: table 1.
# - N. Shazeer. *GLU Variants Improve Transformer.* 2020.
# - L. Prechelt. *Early Stopping, But When?* 1998.
# - M. Belkin, D. Hsu, S. Ma, S. Mandal. *Reconciling Modern Machine-Learning Practice and the Classical Bias–Variance Trade-Off.* PNAS 2019: double descent.
