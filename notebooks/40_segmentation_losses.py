# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 40 · Dice, soft IoU, Tversky: why not just cross-entropy per pixel?
#
# *Dice loss 与交叉熵的区别?mIoU 怎么算?*

# %% [markdown]
# ## Question
#
# "You segment a small organ: one pixel in a hundred belongs to it.
# Why do people train with Dice loss and not with cross-entropy per pixel? Write it, with its gradient.
# And how do you compute mIoU over a test set?"
#
# "要分割一个只占百分之一像素的小器官,为什么大家用 Dice loss 而不是逐像素交叉熵?请写出 Dice loss 和它的梯度。测试集上的 mIoU 怎么算?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **What each loss averages over.** Cross-entropy averages over pixels, Dice over images, each measured by the size of its own object: a small one counts as much as a large one.
# - **Dice is F1**, and a fixed function of IoU *for one image*.
# - **The gradient**: by the quotient rule, and that one pixel's gradient depends on all others.
# - **Empty images**: what ε does there, and why its size matters.
# - **Batch or image**: the two give different losses.
# - **mIoU**: one confusion matrix over the whole set, ignored pixels left out, absent classes left out.
# - **The price of Dice**: a gradient that vanishes for hopeless pixels, and no calibrated probabilities.

# %% [markdown]
# ## The idea
#
# Call $p$ the predicted probabilities of one image's pixels and $t$ the mask of zeros and ones. The *soft* counts are
#
# $$
# TP=\sum pt,\qquad FP=\sum p(1-t),\qquad FN=\sum(1-p)t .
# $$
#
# With them every overlap measure becomes differentiable:
#
# | measure | formula | in sums |
# |---|---|---|
# | Dice (F1) | $2TP/(2TP+FP+FN)$ | $2\sum pt\,/\,(\sum p+\sum t)$ |
# | IoU (Jaccard) | $TP/(TP+FP+FN)$ | $\sum pt\,/\,(\sum p+\sum t-\sum pt)$ |
# | Tversky | $TP/(TP+\alpha FP+\beta FN)$ | α = β = ½ is Dice, α = β = 1 is IoU |
#
# Dice is F1 by its definition, the harmonic mean of precision $TP/(TP+FP)$ and recall $TP/(TP+FN)$.
# With β > α Tversky punishes missed pixels more than false alarms, so it asks for recall.

# %% [markdown]
# **The gradient.** Let $I=\sum pt$ and $S=\sum p+\sum t$. The loss of one image, smoothed by ε, is $1-\frac{2I+\varepsilon}{S+\varepsilon}$.
# For one pixel $\partial I/\partial p=t$ and $\partial S/\partial p=1$, so by the quotient rule
#
# $$
# \frac{\partial L}{\partial p}=-\frac{2t\,(S+\varepsilon)-(2I+\varepsilon)}{(S+\varepsilon)^2}=\frac{D-2t}{S+\varepsilon},
# \qquad D=\frac{2I+\varepsilon}{S+\varepsilon}.
# $$
#
# The last form is worth remembering: a background pixel is pushed down by $D$, a foreground pixel up by $2-D$, and both are divided by the size of the objects.
# *That* division is the answer to imbalance. An object that is a hundred times smaller makes the gradient of each of its pixels up to a hundred times larger; less where $S$ also contains false alarms.
# Cross-entropy's pull at the logit, $(p-t)/HW$, knows nothing of the object's size.

# %% [markdown]
# **An image without foreground.** Then $I=0$, and the gradient of every pixel is $\varepsilon/(\sum p+\varepsilon)^2$.
# With ε = 1 it pushes false alarms down. With ε = $10^{-6}$ it is nearly zero as soon as there are some: the image teaches nothing.
# Without ε the loss is 1 whatever you predict, and 0/0 for the perfect answer.
#
# **IoU from Dice.** From the table, $D=\frac{2J}{1+J}$ for the IoU $J$ of the same image: a rising function, so one image ranks predictions alike by both.
# Means over images need not. Two images, model A with IoU 1.0 and 0.4, model B with 0.66 and 0.66: A has the better mean IoU (0.70 against 0.66), B the better mean Dice (0.795 against 0.786).

# %% [markdown]
# **mIoU.** Count pairs (target, prediction) of all pixels of *all* images into one matrix $M$, without the ignored pixels.
# For class $k$: $\mathrm{IoU}_k=M_{kk}/(\text{row}_k+\text{column}_k-M_{kk})$. Then the plain mean over the classes that occur.
# It is not the mean of the images' IoUs: large objects dominate within a class, and that is why papers say which of the two they report.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# ### Exercise 1: Dice loss and its gradient

# %%
def dice_loss(probs, target, eps=1.0):
    """Soft Dice loss and its gradient with respect to probs: (loss, grad).

    probs, target: (N, H, W); probs in [0, 1], target 0 or 1.
    loss: the mean over the N images of 1 − (2·Σ p·t + eps)/(Σ p + Σ t + eps), sums over the image's pixels.
    Plain sums below, not V-Net's sums of squares; images without foreground stay in the mean.
    grad: (N, H, W), the derivative of that mean.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(dice_loss)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which sums?</summary>
#
# Each image has its own Dice: sum over axes 1 and 2 with `keepdims=True`, so that the sums still line up with the pixels.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the gradient</summary>
#
# $(D-2t)/(S+\varepsilon)$ for one image. The loss is a mean over N images, so divide by N once more.
#
# </details>

# %% [markdown]
# ### Exercise 2: the Tversky index

# %%
def tversky_index(probs, target, alpha, beta, eps=1.0):
    """(TP + eps)/(TP + alpha·FP + beta·FN + eps) of every image, with soft counts: (N,).

    probs, target: (N, H, W); probs in [0, 1], target 0 or 1. TP = Σ p·t, FP = Σ p·(1 − t), FN = Σ (1 − p)·t.
    alpha weighs false positives, beta false negatives; alpha + beta need not be 1.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(tversky_index)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: three soft counts</summary>
#
# Replace "is foreground" by $p$ and "is not" by $1-p$ in the definitions of hit, false alarm and miss. One sum over the pixels for each.
#
# </details>

# %% [markdown]
# ### Exercise 3: the confusion matrix

# %%
def confusion_matrix(pred, target, n_classes, ignore=255):
    """(K, K) integers: entry [t, p] counts the pixels of class t that were predicted as p.

    pred, target: whole numbers of one shape, (N, H, W), of any integer dtype, uint8 too; K = n_classes.
    Pixels whose *target* is `ignore` are left out, whatever was predicted there; `ignore` may be any number, 0 or −1 too.
    One matrix for all images together; classes that never occur have rows and columns of zeros.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(confusion_matrix)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one number for a pair</summary>
#
# Write the pair (t, p) as the number $K\,t+p$, count how often each number occurs, and fold the counts back into a square.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: two traps</summary>
#
# `M[target, pred] += 1` adds once for a pair that comes a thousand times; `np.add.at` and `np.bincount` add each time.
# Masks are often uint8, where 21·13 wraps round.
#
# </details>

# %% [markdown]
# ### Exercise 4: mean IoU

# %%
def mean_iou(confusion):
    """The mean IoU, a float, of a (K, K) matrix of counts with rows for the target and columns for the prediction.

    IoU of class k: M[k, k] / (row sum + column sum − M[k, k]).
    The mean runs over the classes that occur in target or prediction; others are left out. No class is special.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(mean_iou)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: which classes count?</summary>
#
# A class with an empty union is neither there nor predicted: it has no IoU.
# A class that is predicted where it never is has IoU 0, and that does count.
#
# </details>

# %% [markdown]
# ## Experiments
#
# ### Who pulls, and how hard?
#
# An image of 1000 pixels. All foreground pixels have the same probability p, the background has 0.05.
# How hard does one foreground pixel pull at its logit, when the object fills 20 % of the image, and when it fills 1 %?

# %% tags=["hide-input"]
p = np.linspace(0.005, 0.995, 120)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
for ax, share in zip(axes, (0.2, 0.01), strict=True):
    front = int(1000 * share)
    target = (np.arange(1000) < front).astype(float).reshape(1, 20, 50)
    pulls = {"cross-entropy": [], "Dice": [], "soft IoU": []}
    for v in p:
        probs = np.where(target == 1, v, 0.05)
        hits, size = front * v, front * v + 0.05 * (1000 - front) + front
        pulls["cross-entropy"].append(1 - v)
        pulls["Dice"].append(-1000 * dice_loss(probs, target)[1][0, 0, 0] * v * (1 - v))
        union = size - hits + 1  # eps = 1, as for Dice
        pulls["soft IoU"].append(1000 * v * (1 - v) / union)  # a hit moves the intersection, not the union
    for (name, values), hue in zip(pulls.items(), ("adam", "wrong", "adagrad"), strict=True):
        ax.plot(p, values, color=plots.color(hue), label=name)
    ax.set(xlabel="probability p of the foreground pixels", title=f"object fills {share:.0%}")
axes[0].set_ylabel("pull of one pixel at its logit, times 1000")
axes[0].legend()
fig.suptitle("Dice pulls harder at a small object's pixels, and hardly at all at hopeless ones", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Cross-entropy's pull is the same in both pictures: the size of the object does not matter to it.
# Dice and IoU pull several times harder where the object is small.
# But near p = 0, behind a sigmoid, they hardly pull at all, and cross-entropy pulls hardest: one reason why the two are often added.

# %% [markdown]
# ### An image with nothing in it

# %%
empty = np.zeros((1, 10, 10))
for false_alarms in (0.0, 0.01, 0.1):
    row = []
    for eps in (1.0, 1e-3, 1e-6):
        loss, grad = dice_loss(empty + false_alarms, empty, eps)
        row.append(f"eps {eps:g}: loss {loss:.2f}, gradient {grad[0, 0, 0]:.0e}")
    print(f"p = {false_alarms:4.2f} everywhere | " + " | ".join(row))


# %% [markdown]
# With ε = $10^{-6}$ the loss jumps from 0 to 1 at the first false alarm, and its gradient is either a million or nearly nothing.
# With ε = 1 the loss grows step by step with the false alarms. So ε does more than prevent a division by zero.

# %% [markdown]
# ### Strokes under noise
#
# A digit on a canvas of 36 × 36 pixels under heavy noise; its strokes are about 1 % of the pixels.
# A small network looks at 5 × 5 pixels around each one. Same start, same batches, one trained with cross-entropy, the other with your Dice loss.

# %%
def patches(images, r=2):
    """(n·H·W, 25): the neighbourhood of every pixel."""
    wide = np.pad(images, ((0, 0), (r, r), (r, r)))
    return np.lib.stride_tricks.sliding_window_view(wide, (2 * r + 1, 2 * r + 1), axis=(1, 2)).reshape(-1, (2 * r + 1) ** 2)


def forward(params, x):
    hidden = np.maximum(x @ params[0] + params[1], 0)
    return hidden, hidden @ params[2] + params[3]


def at_probability(loss, p, t):
    """The gradient at the logits of cross-entropy, weighted cross-entropy, Dice, or Dice plus cross-entropy."""
    weight = np.where(t == 1, 0.5 / t.mean(), 0.5 / (1 - t.mean())) if loss == "weighted" else 1.0
    grad = 0.0 if loss == "Dice" else weight * (p - t) / t.size
    return grad if loss in ("cross-entropy", "weighted") else grad + dice_loss(p, t)[1] * p * (1 - p)


def train(loss, lr, size, seed, steps=150):
    """A pixel classifier, 25-16-1, trained by Adam on 8 canvases a step."""
    rng = np.random.default_rng(seed)
    images, masks = data.digit_masks(64, size, seed=seed)
    params = [rng.normal(0, np.sqrt(2 / 25), (25, 16)), np.zeros(16), rng.normal(0, 0.2, 16), np.array(0.0)]
    first, second = [0 * p for p in params], [0 * p for p in params]
    for k in range(1, steps + 1):
        batch = rng.integers(len(images), size=8)
        x, t = patches(images[batch]), masks[batch]
        hidden, z = forward(params, x)
        p = np.exp(-np.logaddexp(0, -z)).reshape(t.shape)
        grad = at_probability(loss, p, t).ravel()
        back = np.outer(grad, params[2]) * (hidden > 0)
        for i, g in enumerate((x.T @ back, back.sum(axis=0), hidden.T @ grad, grad.sum())):
            first[i], second[i] = 0.9 * first[i] + 0.1 * g, 0.999 * second[i] + 0.001 * g * g
            params[i] = params[i] - lr * first[i] / (1 - 0.9**k) / (np.sqrt(second[i] / (1 - 0.999**k)) + 1e-8)
    return params


# %%
images, masks = data.digit_masks(6, 36, seed=77, part="test")
maps = {}
for loss in ("cross-entropy", "Dice"):
    z = forward(train(loss, 0.03, 36, 0), patches(images))[1].reshape(images.shape)
    maps[loss] = np.exp(-np.logaddexp(0, -z))

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 4, figsize=(9, 4.7), layout="constrained")
for number, (row, k) in enumerate(zip(axes, (0, 3), strict=True)):
    shown = {"image": images[k], "mask": masks[k], "cross-entropy": maps["cross-entropy"][k], "Dice": maps["Dice"][k]}
    for ax, (name, picture) in zip(row, shown.items(), strict=True):
        ax.imshow(picture, cmap="gray", vmin=0 if name != "image" else None, vmax=1 if name != "image" else None)
        ax.axis("off")
        ax.set_title("" if number else name, fontsize=10, loc="center")
fig.suptitle("Cross-entropy hedges in grey, Dice commits itself in black and white", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Where the pixels cannot be told apart, cross-entropy gives the share that is foreground, often below ½, so that a threshold of ½ finds little.
# Dice loss is lower when the whole stroke is painted. Dice makes decisions; cross-entropy estimates shares.

# %%
for name, probs in maps.items():
    matrix = confusion_matrix((probs > 0.5).astype(int), masks.astype(int), 2)
    print(f"{name:13s} pixel accuracy {np.trace(matrix) / matrix.sum():.3f}   mIoU {mean_iou(matrix):.2f}   mean Dice {1 - dice_loss(1.0 * (probs > 0.5), masks)[0]:.2f}")
print(f"all background  pixel accuracy {1 - masks.mean():.3f}   mIoU {(1 - masks.mean()) / 2:.2f}")


# %% [markdown]
# Pixel accuracy is above 98 % for both, and also for a model that finds nothing. mIoU averages over the two classes, so "all background" gets no more than a half.

# %% [markdown]
# ## Folklore on trial
#
# ### "Dice loss handles rare foreground better than cross-entropy"
#
# Strokes fill 18 %, 5 % and 1.4 % of the canvas; four learning rates for each loss, the best by validation Dice; six seeds.
# Probabilities become a mask at ½, or at the threshold that is best on the validation canvases ("tuned").

# %%
def segmenter(loss, lr, size, seed):
    """Mean Dice on validation and test canvases, read at ½ and at the best validation threshold, and more of the test."""
    params, found = train(loss, lr, size, seed), {}
    best = 0.0
    for part, other in (("train", 1000), ("test", 2000)):
        images, masks = data.digit_masks(100, size, seed=seed + other, part=part)
        z = forward(params, patches(images))[1].reshape(masks.shape)

        def scores(threshold, z=z, masks=masks):
            found = z > threshold
            both, each = np.sum(found * masks, axis=(1, 2)), np.sum(found + masks, axis=(1, 2))
            return 2 * both / each, both / (each - both)

        if part == "train":
            best = max(np.linspace(-3, 3, 25), key=lambda threshold: scores(threshold)[0].mean())
        found |= {f"{part} half": scores(0.0)[0].mean(), f"{part} tuned": scores(best)[0].mean()}
    found["IoU"] = scores(0.0)[1].mean()
    claimed = np.exp(-np.logaddexp(0, -z[z > 0]))
    found["gap"] = claimed.mean() - masks[z > 0].mean() if len(claimed) else 0.0
    return found


rates = [0.003, 0.01, 0.03, 0.1]
losses = ["cross-entropy", "weighted", "Dice", "Dice + cross-entropy"]
strokes = evidence("stroke_segmentation", segmenter, settings(loss=losses, lr=rates, size=[10, 20, 36], seed=range(6)))
strokes


# %%
def best(loss, size, seed, read, figure="test"):
    """A figure of the run whose learning rate is best on the validation canvases, read at ½ or tuned."""
    runs = [strokes(loss=loss, lr=lr, size=size, seed=seed) for lr in rates]
    run = max(runs, key=lambda run: run[f"train {read}"])
    return run[f"{figure} {read}"] if figure == "test" else run[figure]


for loss in losses:
    cells = [f"{np.mean([best(loss, size, seed, read) for seed in range(6)]):.2f}" for size in (10, 20, 36) for read in ("half", "tuned")]
    print(f"{loss:21s} 18 %: {cells[0]} at ½, {cells[1]} tuned   5 %: {cells[2]}, {cells[3]}   1.4 %: {cells[4]}, {cells[5]}")

# %%
RIVALS = {
    "none": ("cross-entropy", "half"),
    "weights": ("weighted", "half"),
    "threshold": ("cross-entropy", "tuned"),
    "weights and threshold": ("weighted", "tuned"),
}


def dice_wins(rescue, size, seed):
    """Is Dice at ½ better by one point, by two, than cross-entropy with that rescue?"""
    loss, read = RIVALS[rescue]
    rival = best(loss, size, seed, read)
    return tuple(best("Dice", size, seed, "half") > rival + margin for margin in (0.01, 0.02))


trial(
    "Dice loss segments rare foreground better than cross-entropy (by one point of Dice; by two)",
    dice_wins,
    over=settings(rescue=list(RIVALS), size=[20, 36], seed=range(3)),
    held_out=settings(rescue=list(RIVALS), size=[20, 36], seed=range(3, 6)),
    only_if=("no threshold is tuned for cross-entropy", lambda rescue: "threshold" not in rescue),
    published=[
        published("Milletari et al. 2016, table 2", "mean Dice 0.869 with Dice loss, 0.739 with a re-weighted logistic loss (prostate, PROMISE12)", holds=True, inside=True),
    ],
    expect="holds only if no threshold is tuned for cross-entropy",
)

# %% [markdown]
# At 18 %, which is not rare, all four end within three points of each other.
# V-Net's gap is a large one, from one data set; its rival had re-weighted samples (§3), and voxels were read at ½.
# Our strokes show where such a gap can come from. The threshold of ½ suits Dice and not cross-entropy, and for rare strokes weighted cross-entropy even less. Tuning the threshold alone closes most of the gap at 5 %, and about half of it at 1.4 %. With class weights *and* the threshold chosen on validation data the two are level.
# Say: *Dice optimises what I report, and needs neither weights nor a tuned threshold.*
#
# ### "The outputs of a network trained with Dice are probabilities"
#
# Take all test pixels that it calls foreground, and compare the mean of their probabilities with the share that is foreground.

# %%
trial(
    "what is called foreground is as often right as it claims (within 10 points; within 20)",
    lambda loss, size, seed: tuple(abs(best(loss, size, seed, "half", "gap")) < margin for margin in (0.1, 0.2)),
    over=settings(loss="Dice", size=[10, 20, 36], seed=range(6)),
    control=[dict(loss="cross-entropy", size=20, seed=1), dict(loss="cross-entropy", size=36, seed=0)],
    expect="does not hold",
)

# %%
gaps = {loss: np.mean([best(loss, size, seed, "half", "gap") for size in (10, 20, 36) for seed in range(6)]) for loss in losses}
print("claimed minus true share: " + ", ".join(f"{loss} {gap:+.2f}" for loss, gap in gaps.items()))

# %% [markdown]
# The best answer to a Dice loss is a decision, so the outputs run to 0 and 1 as far as training lets them.
# Class weights are no better in this respect: they push up every probability of the foreground.
# If you need the uncertainty of a border, train with plain cross-entropy, or calibrate afterwards.

# %% [markdown] tags=["deeper"]
# ### Deeper: do mean Dice and mean IoU rank models alike?
#
# For one image yes, by the formula in "The idea". For means over images that section has a counter-example.
# How often does it happen with real models? All pairs of the recorded runs on canvases of one size.

# %% tags=["deeper"]
turned = {}
for close in (0.002, 0.01, 1.0):
    alike = []
    for size in (10, 20, 36):
        runs = [strokes(loss=loss, lr=lr, size=size, seed=seed) for loss in losses for lr in rates for seed in range(6)]
        means = np.array([[run["test half"], run["IoU"]] for run in runs])
        gap = means[:, None] - means[None]
        pairs = np.triu(np.abs(gap[..., 0]) < close, 1) & (gap[..., 0] != 0)
        alike += list(np.sign(gap[pairs][:, 0]) == np.sign(gap[pairs][:, 1]))
    print(f"mean Dice less than {close:g} apart: {len(alike)} pairs, ranked the other way by mean IoU: {1 - np.mean(alike):.0%}")

# %% [markdown] tags=["deeper"]
# Models that are clearly apart are nearly always ranked alike; near a tie the two means may disagree, because the two measures weigh good and bad images differently.
# So the same ranking is certain for one image, and only usual for means.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Cross-entropy averages over pixels, so one per cent of foreground makes one per cent of the terms.
# Dice loss is one minus two times the overlap, over the sum of both sizes: soft F1.
# Its gradient is D − 2t, divided by the size, so small objects count as much as large ones.
# That gradient vanishes for hopeless pixels, and the outputs are not calibrated, so many add cross-entropy.
# Shall I go on to mIoU?"
#
# ### 三十秒回答
#
# "交叉熵对像素求平均,前景占 1% 就只占损失中 1% 的项。Dice loss 是 1 减去两倍交集除以两者大小之和,也就是软 F1;梯度是 (D−2t) 除以大小,所以小目标和大目标同样重要。缺点是对很难的像素梯度消失、概率不校准,所以常与交叉熵相加。要不要接着讲 mIoU?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Soft counts, then the table: Dice, IoU, Tversky differ in the denominator only.
# - Derive the gradient and end with $(D-2t)/(S+\varepsilon)$. Read it: background down by $D$, foreground up by $2-D$, both over the object's size.
# - ε: what it does in an empty image, and why $10^{-6}$ teaches nothing there.
# - Per image or per batch: per batch is steadier and lets large objects dominate again. Say which one you use.
# - Name V-Net's squares: $2\sum pt/(\sum p^2+\sum t^2)$.
# - Weaknesses: one pixel's gradient depends on all, no pull at $p\approx0$, probabilities run to 0 and 1.
# - Hence the sum of Dice and cross-entropy in nnU-Net.
# - mIoU: one confusion matrix, ignore label out, absent classes out, mean over classes. Not the mean over images.
# - $D=2J/(1+J)$: the two rank alike for one image, not always for means.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>What is the gradient of Dice where nothing is there?</summary>
#
# $\varepsilon/(\sum p+\varepsilon)^2$ for every pixel: with ε = 1 a useful push down, with a tiny ε nearly zero.
# V-Net's form without ε gives 0/0 for the perfect answer. Some skip such images, and then false alarms on healthy patients cost nothing: usually a mistake.
#
# </details>
#
# <details><summary>Boundary and Lovász losses?</summary>
#
# A boundary loss (Kervadec et al. 2019) multiplies the probabilities with the signed distance to the true border: far errors cost more. It is added to Dice, and its weight grows during training.
# Lovász (Berman et al. 2018) is the convex extension of the IoU loss: sort the pixels by their error, weigh each by the growth of the loss when it joins the errors. At masks of zeros and ones it equals the IoU loss; between them it is its convex extension, not the soft IoU above.
#
# </details>
#
# <details><summary>What are U-Net's weights?</summary>
#
# Cross-entropy per pixel with a weight map: a class weight, plus $w_0\exp(-(d_1+d_2)^2/2\sigma^2)$, where $d_1$ and $d_2$ are the distances to the borders of the two nearest cells (Ronneberger et al. 2015, equation 2; $w_0=10$, σ ≈ 5 pixels).
# So the thin gaps between touching cells count most.
#
# </details>
#
# <details><summary>Why are Dice and cross-entropy summed in practice?</summary>
#
# Each has what the other lacks. Cross-entropy pulls where Dice has almost no gradient, at confident errors; it is a mean over pixels, and it keeps the probabilities nearer to the truth.
# Dice takes care of small objects and of the metric. nnU-Net (Isensee et al. 2021) uses the plain sum.
#
# </details>
#
# <details><summary>How do you choose α and β of Tversky?</summary>
#
# By which error costs more. α = 0.3, β = 0.7 (Salehi et al. 2017, for lesions) punishes misses more than twice as much as false alarms.
# The recall that you gain is paid in precision, so tune on a metric that shows both.
#
# </details>
#
# <details><summary>Several classes?</summary>
#
# One Dice for each class from the softmax, then the mean, often without the background. Rare classes count as much as frequent ones.
# Generalised Dice (Sudre et al. 2017) weighs each class by one over its squared size, so absent classes need care.
#
# </details>
#
# <details><summary>Why is the mean of the images' IoUs another number?</summary>
#
# The mean over images gives each image one vote, the confusion matrix gives each pixel one.
# With one large and one tiny object of the class, 90 % and 10 % IoU, the image mean says 50 % and the matrix nearly 90 %.
#
# </details>
#
# <details><summary>Is soft Dice the expected Dice?</summary>
#
# No. The expectation of a ratio is not the ratio of expectations. The two agree where all predictions are 0 or 1.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "Dice is better than cross-entropy", with ½ as the only threshold ever tried.
# - Summing over the batch and calling it the mean Dice of the images.
# - ε only below: the perfect answer on an empty image then costs 1.
# - Reporting pixel accuracy on a data set that is 98 % background.
# - A mean IoU in which absent classes count as 0, or as 1.
# - `M[target, pred] += 1` on arrays.
# - Using Dice-trained outputs as probabilities.

# %% [markdown]
# ## References
#
# - F. Milletari, N. Navab, S.-A. Ahmadi. *V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation.* 3DV 2016. §3 (Dice with squares), table 2.
# - S. S. M. Salehi, D. Erdogmus, A. Gholipour. *Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep Networks.* MLMI 2017.
# - C. H. Sudre et al. *Generalised Dice Overlap as a Deep Learning Loss Function for Highly Unbalanced Segmentations.* DLMIA 2017.
# - O. Ronneberger, P. Fischer, T. Brox. *U-Net: Convolutional Networks for Biomedical Image Segmentation.* MICCAI 2015. Equation 2: the weight map.
# - M. Berman, A. R. Triki, M. B. Blaschko. *The Lovász-Softmax Loss.* CVPR 2018.
# - H. Kervadec et al. *Boundary Loss for Highly Unbalanced Segmentation.* MIDL 2019.
# - F. Isensee et al. *nnU-Net: A Self-Configuring Method for Deep Learning-Based Biomedical Image Segmentation.* Nature Methods 18, 2021.
