# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 38 · IoU, GIoU, DIoU, CIoU: why not L1 on the coordinates?
#
# *IoU / GIoU / DIoU / CIoU 损失的区别?为什么不用 L1?*

# %% [markdown]
# ## Question
#
# "Your detector's boxes are trained with smooth L1 on the coordinates, and judged by IoU.
# What is wrong with that, and what do GIoU, DIoU and CIoU change?
# Write them, and the gradient of the GIoU loss."
#
# "检测框用坐标的 Smooth L1 训练,却用 IoU 评价,有什么问题?GIoU、DIoU、CIoU 各解决了什么?请写出来,并推导 GIoU 损失的梯度。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **L1 and IoU disagree**: the same L1 error is a good box for a large object and may be a miss for a small one, and L1 ignores how the four errors combine.
# - **IoU has no gradient where boxes are disjoint**; GIoU has one, because the enclosing box grows with the gap.
# - **What GIoU leaves open**: for nested boxes it *is* IoU, and for disjoint ones it grows the prediction towards the target rather than move it.
# - **DIoU** adds the distance of the centres, **CIoU** also the aspect ratio, with a weight α that is not differentiated.
# - **How much they gain.** In DIoU's tables on PASCAL VOC, CIoU is 0.4 points of AP ahead of IoU with SSD and 2.6 with YOLOv3.

# %% [markdown]
# ## The idea
#
# For a prediction $b$ and its target $t$ let $I$ be the area of the overlap, $U$ that of the union, and $C$ that of the smallest box around both.
#
# $$
# \mathrm{IoU}=\frac IU
# \qquad
# \mathrm{GIoU}=\mathrm{IoU}-\frac{C-U}{C}
# \qquad
# \mathrm{DIoU}=\mathrm{IoU}-\frac{\rho^2}{c^2}
# \qquad
# \mathrm{CIoU}=\mathrm{IoU}-\frac{\rho^2}{c^2}-\alpha v
# $$
#
# $\rho$ is the distance of the two centres, $c$ the diagonal of the enclosing box, and
#
# $$
# v=\frac4{\pi^2}\Bigl(\arctan\frac{w_t}{h_t}-\arctan\frac wh\Bigr)^2
# \qquad
# \alpha=\frac{v}{(1-\mathrm{IoU})+v}
# $$
#
# Each loss is 1 minus its measure. All four are *scale-free*: enlarge both boxes, and nothing changes.

# %% [markdown]
# | boxes | IoU | GIoU | DIoU, CIoU |
# |---|---|---|---|
# | disjoint | 0, gradient 0 | below 0, pulls through the enclosing box | pulls the centres together |
# | nested | the areas' ratio | the same: $C=U$ | still sees the centres |
# | same centre, other shape | less than 1 | less than 1 | CIoU also sees the ratio |
# | equal | 1 | 1 | 1 |
#
# **The gradient of GIoU** follows from $\mathrm{GIoU}=I/U-1+U/C$ and $\partial U=\partial A-\partial I$, with $A$ the prediction's area:
#
# $$
# \partial\,\mathrm{GIoU}=\frac{\partial I}{U}-\frac{I\,\partial U}{U^2}+\frac{\partial U}{C}-\frac{U\,\partial C}{C^2}
# $$
#
# An area grows with $x_2$ by its height, and with $x_1$ by minus its height. It does so for $I$ only where the prediction's side is the inner one and the boxes overlap, and for $C$ only where it is the outer one.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, evidence, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: the four measures
#
# Row by row: `a` is the prediction, `b` the target. All boxes have a positive area; a width is `x2 − x1`.
# `alpha` is 0 where `v` is 0. Any other `kind` is a ValueError.


# %%
def box_overlap(a, b, kind):
    """a (n, 4), b (n, 4) the target, kind "iou", "giou", "diou" or "ciou" -> (n,), row by row; ValueError for another kind.

    CIoU: v = 4/π²·(atan(w_b/h_b) − atan(w_a/h_a))², alpha = v / ((1 − IoU) + v), and 0 where v is 0.
    """
    # BEGIN SOLUTION
    if kind not in ("iou", "giou", "diou", "ciou"):
        raise ValueError(f"kind is iou, giou, diou or ciou, not {kind!r}")
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    inter = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0).prod(axis=1)
    union = size_a.prod(axis=1) + size_b.prod(axis=1) - inter
    hull = np.maximum(a[:, 2:], b[:, 2:]) - np.minimum(a[:, :2], b[:, :2])
    iou = inter / union
    if kind == "iou":
        return iou
    if kind == "giou":
        return iou - 1 + union / hull.prod(axis=1)
    shift = (a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2
    diou = iou - (shift**2).sum(axis=1) / (hull**2).sum(axis=1)
    if kind == "diou":
        return diou
    v = 4 / np.pi**2 * (np.arctan(size_b[:, 0] / size_b[:, 1]) - np.arctan(size_a[:, 0] / size_a[:, 1])) ** 2
    alpha = np.divide(v, (1 - iou) + v, out=np.zeros_like(v), where=v > 0)
    return diou - alpha * v
    # END SOLUTION


# %%
check(box_overlap)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the enclosing box</summary>
#
# Its lower corner is the *smaller* of the two lower corners, its upper corner the *larger* of the two upper ones: minimum and maximum the other way round than for the overlap.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: squares</summary>
#
# DIoU takes the squared distance over the squared diagonal; no root is needed anywhere.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: α where v is 0</summary>
#
# For equal boxes α would be 0/0. `np.divide(v, 1 - iou + v, out=np.zeros_like(v), where=v > 0)`.
#
# </details>

# %% [markdown]
# ### Exercise 2: the GIoU loss and its gradient
#
# The mean of 1 − GIoU over the pairs, and its gradient with respect to `pred`. Disjoint and nested boxes occur; no two sides lie on each other.


# %%
def giou_loss(pred, target):
    """pred (n, 4), target (n, 4) -> (loss, grad (n, 4)): mean of 1 − GIoU, gradient for x1, y1, x2, y2 of pred."""
    # BEGIN SOLUTION
    size = pred[:, 2:] - pred[:, :2]
    shared = np.maximum(np.minimum(pred[:, 2:], target[:, 2:]) - np.maximum(pred[:, :2], target[:, :2]), 0)
    hull = np.maximum(pred[:, 2:], target[:, 2:]) - np.minimum(pred[:, :2], target[:, :2])
    inter, enclosing = shared.prod(axis=1, keepdims=True), hull.prod(axis=1, keepdims=True)
    union = size.prod(axis=1, keepdims=True) + (target[:, 2:] - target[:, :2]).prod(axis=1, keepdims=True) - inter

    inner = np.hstack([pred[:, :2] > target[:, :2], pred[:, 2:] < target[:, 2:]])  # these sides move the overlap
    sign = np.array([-1.0, -1.0, 1.0, 1.0])

    def across(sides):
        """What an area gains for each coordinate: its height for x, its width for y."""
        return sign * np.tile(sides[:, ::-1], 2)

    d_inter = across(shared) * inner * (inter > 0)
    d_union = across(size) - d_inter
    d_enclosing = across(hull) * ~inner
    d_giou = d_inter / union - inter * d_union / union**2 + d_union / enclosing - union * d_enclosing / enclosing**2
    loss = np.mean(1 - (inter / union - 1 + union / enclosing))
    return float(loss), -d_giou / len(pred)
    # END SOLUTION


# %%
check(giou_loss)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one column first</summary>
#
# Do $x_2$ on paper: $\partial A/\partial x_2=h$. $\partial I/\partial x_2$ is the overlap's height if $x_2$ is smaller than the target's and the boxes overlap, else 0. $\partial C/\partial x_2$ is the enclosing box's height if $x_2$ is larger, else 0.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the other columns</summary>
#
# $x_1$ is the same with a minus and "larger" for "smaller"; $y$ exchanges heights for widths: `sides[:, ::-1]`.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: put together</summary>
#
# $\partial U=\partial A-\partial I$, then the formula above, then a minus (the loss is 1 − GIoU), then over n (it is a mean).
# `gradcheck` compares with differences.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(giou_loss)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* functions that run.
#
# ### The four landscapes
#
# A box of 2 × 1 is moved around a target of 1.6 × 1.6. Where is each measure flat, and which way do its arrows point?

# %% tags=["hide-input"]
def at(x, y, w=2.0, h=1.0):
    """Boxes of one shape with their centres at x, y (n,)."""
    return np.column_stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def landscape(kind, x, y, target, **shape):
    return box_overlap(at(x, y, **shape), np.tile(target, (len(x), 1)), kind)


target = np.array([-0.8, -0.8, 0.8, 0.8])
fine, coarse = np.linspace(-3, 3, 121), np.linspace(-2.7, 2.7, 10)
grid, dots = (np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2) for axis in (fine, coarse))
fig, axes = plt.subplots(1, 4, figsize=(9.4, 2.9), layout="constrained", sharey=True)
for ax, kind in zip(axes, ("iou", "giou", "diou", "ciou"), strict=True):
    values = landscape(kind, *grid.T, target).reshape(121, 121)
    drawn = ax.imshow(values, extent=(-3, 3, -3, 3), origin="lower", cmap="RdBu_r", vmin=-1, vmax=1)
    step = 1e-4
    slope = np.column_stack([
        landscape(kind, *(dots + move).T, target) - landscape(kind, *(dots - move).T, target) for move in np.eye(2) * step
    ]) / (2 * step)
    moving = np.linalg.norm(slope, axis=1) > 1e-6
    ax.quiver(*dots[moving].T, *slope[moving].T, angles="xy", scale=5, width=0.008)
    ax.plot(*dots[~moving].T, ".", color="0.4", markersize=3)
    ax.plot([-0.8, 0.8, 0.8, -0.8, -0.8], [-0.8, -0.8, 0.8, 0.8, -0.8], color="black", linewidth=1)
    ax.set(title=kind.upper().replace("IOU", "IoU"), xlabel="x of the centre", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    ax.grid(False)
axes[0].set_ylabel("y of the centre")
fig.colorbar(drawn, ax=axes[3], shrink=0.8)
fig.suptitle("IoU is flat (dots) outside; GIoU's arrows miss the centre, DIoU's point nearly to it", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** Red is good. GIoU's arrows are not aimed at the centre: left and right of the target they push along x only, and above and below they mostly push sideways.
# Outside, the arrows of all three become weaker with the distance.

# %% [markdown]
# ### Inside the target
#
# Now a small box, 0.8 × 0.8, is moved from left to right through a target of 2.4 × 2.4. Which measures say where the middle is?

# %% tags=["hide-input"]
wide, x = np.array([-1.2, -1.2, 1.2, 1.2]), np.linspace(-2.6, 2.6, 261)
plots.curves(
    {kind.upper().replace("IOU", "IoU"): (x, landscape(kind, x, 0 * x, wide, w=0.8, h=0.8)) for kind in ("iou", "giou", "diou")},
    "x of the small box's centre", "measure", "For nested boxes IoU and GIoU are one flat line; DIoU has its peak in the middle",
    legend="lower center",
)
plt.show()

# %% [markdown]
# **Takeaway.** A loss that is flat inside does not *centre* the box; it only grows it. CIoU, not drawn, equals DIoU here, because both boxes are squares.

# %% [markdown]
# ### The same L1 error, many IoUs
#
# Random errors on the four coordinates, scaled so that every box has an L1 error of exactly 8 pixels in total. Only the object's size changes.

# %%
def shaken(size, l1, n, seed=0):
    """n predictions of a square object of that size, each with the same L1 error; and the targets."""
    target = np.tile([0.0, 0.0, size, size], (n, 1))
    error = np.random.default_rng(seed).normal(size=(n, 4))
    return target + l1 * error / np.abs(error).sum(axis=1, keepdims=True), target


sizes = [12, 24, 48, 96]
spread = {f"{size} × {size}": box_overlap(*shaken(size, 8, 2000), "iou") for size in sizes}
for name, ious in spread.items():
    print(f"object of {name:8s} IoU from {ious.min():.2f} to {ious.max():.2f}")

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
for (name, ious), tint in zip(spread.items(), ("nesterov", "momentum", "adagrad", "adam"), strict=True):
    ax.hist(ious, bins=np.linspace(0.3, 1, 71), color=plots.color(tint), alpha=0.75, label=name)
ax.axvline(0.5, color="0.4", linestyle=":")
ax.set(xlabel="IoU", ylabel="boxes", title="Eight pixels of L1 error: a poor box for a small object, a good one for a large one")
ax.legend(title="object")
plt.show()

# %% [markdown]
# **Takeaway.** The object's size moves IoU most. But even at one size the same L1 error gives different boxes: from 0.35 to 0.60 for the smallest.
# Errors of one sign on opposite sides move a box, errors of opposite sign resize it, and L1 does not tell them apart.

# %% [markdown] tags=["deeper"]
# ### Deeper: what a race of free boxes can and cannot show
#
# GIoU's successors are often compared by letting boxes slide downhill, one by one, as below. Before you trust such a race, add a loss that nobody expects to win: half the squared error of centre and size, with a learning rate of 1.

# %% tags=["deeper"]
start, goal = np.array([[3.0, -2.0, 0.5, 2.0]]), np.array([[0.0, 0.0, 1.0, 1.0]])  # centre and size
(start - 1.0 * (start - goal)).tolist()

# %% [markdown] tags=["deeper"]
# It lands in one step. A free box is no network: there every coordinate can be set by itself, while a network shares its weights among all objects and has to choose whose error it reduces.
# A scale-free loss changes that choice, and a race of single boxes cannot show it. So read the race in the trial as a comparison of the four with each other, and nothing more.

# %% [markdown]
# ## Folklore on trial
#
# ### "The IoU loss has no gradient for disjoint boxes"
#
# We move one corner coordinate of a disjoint box by a little, at several gaps, sizes and sides.

# %%
def no_gradient(kind, gap, size, side):
    """Is the measure's slope 0 in all four coordinates, for a box beside (right, below or diagonal to) a unit target?"""
    dx, dy = {"right": (1, 0), "below": (0, 1), "diagonal": (1, 1)}[side]
    box = np.array([[dx * (1 + gap), dy * (1 + gap), dx * (1 + gap) + size, dy * (1 + gap) + size]])
    unit, step = np.array([[0.0, 0.0, 1.0, 1.0]]), 1e-4
    slopes = [box_overlap(box + step * e, unit, kind) - box_overlap(box - step * e, unit, kind) for e in np.eye(4)]
    return bool(np.abs(slopes).max() < 1e-9), bool(np.abs(slopes).max() < 1e-7)


trial(
    "for disjoint boxes the IoU loss has no gradient",
    no_gradient,
    over=settings(kind="iou", gap=[0.01, 0.1, 1, 10], size=[0.3, 1, 3], side=["right", "below", "diagonal"]),
    control=[dict(kind="iou", gap=-0.5, size=1, side="right"), dict(kind="giou", gap=1, size=1, side="right")],
    expect="holds",
)

# %% [markdown]
# The controls show both sides of it: a box that overlaps by half has a gradient, and so has GIoU's at the same gap.
#
# ### "Boxes with the same L1 error have the same IoU"
#
# Ten boxes of one object, all with the same L1 error: the four errors add up to 0.4 to 1 times the object's side. Do their IoUs lie within 0.03 of each other (or 0.06)?

# %%
def same_iou(share, seed):
    ious = box_overlap(*shaken(100, 100 * share, 10, seed), "iou")
    return bool(np.ptp(ious) < 0.03), bool(np.ptp(ious) < 0.06)


trial(
    "boxes with the same L1 error have the same IoU",
    same_iou,
    over=settings(share=[0.4, 0.6, 0.8, 1.0], seed=range(20)),
    control=dict(share=0.02, seed=0),
    expect="does not hold",
)

# %% [markdown]
# For tiny errors the claim is nearly true, as the control shows: a fiftieth of the side moves all ten IoUs alike.
#
# ### "GIoU improves on IoU, and CIoU on GIoU"
#
# The papers' figures are AP of a detector. Ours is a race of boxes, after the simulation of Zheng et al.: 100 boxes for each setting, near or far from their targets, of the same or another ratio, 100 steps of gradient descent on centre and size with the rate falling to 0.
# Every loss has its rate tuned among five on seed 0; the score is the sum of 1 − IoU over the steps. Recorded, for it takes a minute.

# %%
RATES = (0.05, 0.1, 0.2, 0.4, 0.8)


def corners(boxes):
    """Centre and size to corners."""
    return np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])


def slopes(f, boxes, step=1e-5):
    moves = step * np.eye(4)
    return np.column_stack([(f(boxes + move) - f(boxes - move)) / (2 * step) for move in moves])


def ratio_term(boxes, targets):
    return 4 / np.pi**2 * (np.arctan(targets[:, 2] / targets[:, 3]) - np.arctan(boxes[:, 2] / boxes[:, 3])) ** 2


def measure(kind, start, ratios, lr, seed):
    """Sum of 1 − IoU over 100 steps, averaged over 100 pairs; α is held fixed in CIoU's gradient, as the paper does."""
    rng, n = np.random.default_rng(seed), 100
    low, high = {"near": (0, 0.7), "far": (1.5, 3)}[start]
    angle, distance, scale = rng.uniform(0, 2 * np.pi, n), rng.uniform(low, high, n), rng.uniform(0.5, 2, n)
    r_target, r = (rng.uniform(0.25, 4, n) if ratios == "differ" else np.ones(n) for _ in range(2))
    targets = np.column_stack([np.zeros(n), np.zeros(n), 1 / np.sqrt(r_target), np.sqrt(r_target)])
    boxes = np.column_stack([distance * np.cos(angle), distance * np.sin(angle), scale / np.sqrt(r), scale * np.sqrt(r)])
    smooth, total = "diou" if kind == "ciou" else kind, 0.0
    for k in range(100):
        iou = box_overlap(corners(boxes), corners(targets), "iou")
        total += 1 - iou.mean()
        uphill = slopes(lambda b: box_overlap(corners(b), corners(targets), smooth), boxes)
        if kind == "ciou":
            v = ratio_term(boxes, targets)
            uphill -= (v / (1 - iou + v + 1e-12))[:, None] * slopes(lambda b: ratio_term(b, targets), boxes)
        boxes = boxes + lr * (1 - k / 100) * uphill
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 0.05)
    return total


KINDS = ["iou", "giou", "diou", "ciou"]
race = evidence(
    "race_of_boxes", measure,
    settings(kind=KINDS, start=["near", "far"], ratios=["agree", "differ"], lr=list(RATES), seed=range(4)),
)
race

# %%
def tuned(kind, start, ratios, seed):
    """The score with the rate that was best on seed 0."""
    lr = min(RATES, key=lambda lr: race(kind=kind, start=start, ratios=ratios, lr=lr, seed=0))
    return race(kind=kind, start=start, ratios=ratios, lr=lr, seed=seed)


for start in ("near", "far"):
    for ratios in ("agree", "differ"):
        means = {kind: np.mean([tuned(kind, start, ratios, seed) for seed in (1, 2, 3)]) for kind in KINDS}
        print(f"{start:4s}, ratios {ratios:6s}", "  ".join(f"{kind} {value:5.1f}" for kind, value in means.items()))

# %%
def in_order(start, ratios, seed):
    iou, giou, ciou = (tuned(kind, start, ratios, seed) for kind in ("iou", "giou", "ciou"))
    return bool(iou > giou > ciou)


trial(
    "GIoU improves on IoU, and CIoU on GIoU",
    in_order,
    over=settings(start=["near", "far"], ratios=["agree", "differ"], seed=[1, 2, 3]),
    published=[
        published("Zheng et al. 2020, YOLOv3 on PASCAL VOC 2007", "AP: IoU 46.57, GIoU 47.73, DIoU 48.10, CIoU 49.21", holds=True),
        published("Zheng et al. 2020, SSD on PASCAL VOC 2007", "AP: IoU 51.01, GIoU 51.06, DIoU 51.31, CIoU 51.44", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# The size of the gain is another question: from IoU to CIoU 2.6 points with YOLOv3 and 0.4 with SSD; from IoU to GIoU 1.2 and 0.05.
#
# ### "CIoU converges fastest"
#
# The same race. CIoU's score must be the lowest of the four, or the lowest by 2 %.

# %%
def ciou_is_fastest(start, ratios, seed):
    ciou, *others = (tuned(kind, start, ratios, seed) for kind in ("ciou", "iou", "giou", "diou"))
    return bool(ciou < min(others)), bool(ciou < 0.98 * min(others))


trial(
    "CIoU converges fastest",
    ciou_is_fastest,
    over=settings(start=["near", "far"], ratios=["agree", "differ"], seed=[1, 2, 3]),
    expect="not decided here",
)

# %% [markdown]
# CIoU was the lowest in 9 of 12 settings, but rarely by 2 %. In the race IoU is last, then GIoU, then DIoU and CIoU close together: the ratio term adds little to the distance term, most where boxes are near and their ratios differ.
# The safe sentence is: *GIoU, DIoU and CIoU all have a gradient for disjoint boxes; the gain in AP over IoU goes from almost nothing to two and a half points, and depends on the detector*.

# %% [markdown]
# ## Answer in 30 seconds
#
# "L1 on coordinates is not what we judge by: eight pixels ruin a small box and hardly touch a large one.
# IoU as a loss is scale-free, but flat where boxes are disjoint.
# GIoU subtracts the empty share of the enclosing box, so it pulls disjoint boxes together; for nested boxes it is only IoU.
# DIoU adds the distance of the centres, CIoU the aspect ratio. Shall I derive the gradient?"
#
# ### 三十秒回答
#
# "L1 与评价指标不一致:同样的坐标误差,对小目标可能已经算没检到,对大目标几乎没影响,而且四个坐标是分开计算的。IoU 损失尺度不变,但两框不相交时恒为 0,没有梯度。GIoU 减去外接框里空白的比例,不相交时也有梯度,但一框包含另一框时退化为 IoU。DIoU 再加中心点距离,CIoU 再加宽高比一致性,其中 α 不参与求导。要不要推导 GIoU 的梯度?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Say what is wrong with L1: not scale-free, the coordinates are taken one by one, and the metric is IoU. Coding by the anchor's size repairs the first in part (question 37).
# - IoU loss: scale-free, couples the coordinates; zero gradient for disjoint boxes.
# - GIoU = IoU − (C − U)/C, in (−1, 1]. Disjoint: the empty part of the enclosing box shrinks, at first by growing the prediction towards the target. Nested: C = U, so it is IoU.
# - DIoU = IoU − ρ²/c²: pulls the centres together, also when nested.
# - CIoU = DIoU − αv: v compares arctangents of the ratios, α favours the ratio once the boxes overlap well; α is a constant in the backward pass.
# - Gradient of GIoU: quotient rule on I/U − 1 + U/C with ∂U = ∂A − ∂I; inner sides move I, outer sides move C.
# - In practice: DETR and RT-DETR use L1 *and* GIoU, YOLOv5 and YOLOv8 CIoU. L1 gives a steady pull from afar, the IoU term adds a part that does not depend on the object's size.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Why is α not differentiated?</summary>
#
# It is a weight that says how much the ratio counts at this overlap. Differentiated, the term $\alpha v=v^2/((1-\mathrm{IoU})+v)$ would fall as IoU gets *worse*.
# That would weaken the pull on IoU from 1 to $1-\alpha^2$, most where α is near 1. As a constant, α leaves that pull alone.
#
# </details>
#
# <details><summary>Is there anything wrong with CIoU's v?</summary>
#
# It compares only the ratio: two boxes with k·(w, h) for any k have v = 0. And ∂v/∂w and ∂v/∂h have opposite signs, so it never grows or shrinks both sides together.
# EIoU compares width and height directly for that reason.
#
# </details>
#
# <details><summary>What are α-IoU, SIoU and Focal-EIoU?</summary>
#
# α-IoU: 1 − IoU^α with α = 3, which weighs good boxes more. SIoU: a term for the angle between the centres, to align one axis first. Focal-EIoU: EIoU times IoU^γ, so that poor boxes, which are many, do not rule the gradient.
# Each paper reports gains over CIoU or its kin; we have not checked how far they carry over to other detectors.
#
# </details>
#
# <details><summary>Which loss for rotated boxes?</summary>
#
# The exact IoU of two rotated rectangles has many cases. Usual stand-ins take each box as a Gaussian and compare those: Wasserstein distance (GWD) or Kullback–Leibler divergence (KLD). Both are smooth, and have no jump where the angle wraps round.
#
# </details>
#
# <details><summary>Which loss do DETR and YOLO use?</summary>
#
# DETR and RT-DETR: 5 · L1 on normalised centre and size plus 2 · GIoU, in the matching and in the loss. YOLOv8: CIoU plus distribution focal loss. FCOS: first IoU, later GIoU.
#
# </details>
#
# <details><summary>Is 1 − GIoU a metric?</summary>
#
# Rezatofighi et al. state that it keeps the properties of a distance that 1 − IoU has: it is not negative, 0 only for equal boxes, symmetric, and the triangle inequality holds. Its range is [0, 2).
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "GIoU is always between 0 and 1." For disjoint boxes it is negative.
# - "L1 is bad because it is not differentiable." Its kink at 0 is harmless; the trouble is that it depends on the object's scale.
# - C taken for the union, or the diagonal of the target for that of the enclosing box.
# - α differentiated.
# - Clipping IoU-like measures at 0 before the loss: that removes the gradient that they were made for.
# - A claim of "fastest convergence" without a word on learning rates.

# %% [markdown]
# ## References
#
# - H. Rezatofighi, N. Tsoi, J. Gwak, A. Sadeghian, I. Reid, S. Savarese. *Generalized Intersection over Union: A Metric and a Loss for Bounding Box Regression.* CVPR 2019. Algorithms 1 and 2, and figure 1 on L1 and L2 norms.
# - Z. Zheng, P. Wang, W. Liu, J. Li, R. Ye, D. Ren. *Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression.* AAAI 2020. The two losses, the simulation, and the tables for YOLOv3 and SSD.
# - J. Yu, Y. Jiang, Z. Wang, Z. Cao, T. Huang. *UnitBox: An Advanced Object Detection Network.* ACM Multimedia 2016. IoU as a loss.
# - Y.-F. Zhang, W. Ren, Z. Zhang, Z. Jia, L. Wang, T. Tan. *Focal and Efficient IOU Loss for Accurate Bounding Box Regression.* Neurocomputing 506, 2022. EIoU.
# - J. He, S. Erfani, X. Ma, J. Bailey, Y. Chi, X.-S. Hua. *Alpha-IoU: A Family of Power Intersection over Union Losses for Bounding Box Regression.* NeurIPS 2021.
# - X. Yang, J. Yan, Q. Ming, W. Wang, X. Zhang, Q. Tian. *Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss.* ICML 2021.
