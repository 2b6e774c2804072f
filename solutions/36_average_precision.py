# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 36 · Compute average precision. What is mAP, at 0.5 and at 0.5:0.95?
#
# *mAP 怎么算?AP50 和 AP50:95 有什么区别?*

# %% [markdown]
# ## Question
#
# "Your detector has AP50 of 58 and AP of 33 on COCO.
# What do the two numbers mean, and how are they computed from boxes and scores?
# Write it."
#
# "你的检测器在 COCO 上 AP50 是 58,AP 是 33。这两个数分别是什么意思?怎么从框和分数算出来?请写代码。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Matching first.** A detection is a hit by IoU with a truth, each truth counts once, and the *score* decides who comes first.
# - **Recall is over all truths**, those that no detection found included.
# - **Precision and recall are cumulative**, down the list that is sorted by score, over all images of a class together.
# - **Which area.** The monotone envelope, and then VOC's area, COCO's 101 points or VOC 2007's 11.
# - **What mAP averages over**: classes, and for COCO also ten IoU thresholds; not images.

# %% [markdown]
# ## The idea
#
# Four steps, for one class:
#
# 1. **Match** in each image. By falling score, each detection looks at the truth that it overlaps most. It is a hit when that IoU reaches the threshold and the truth is not taken yet; else it is a false positive. A second detection of a found object is a false positive too.
# 2. **Pool** the detections of all images and sort them by score.
# 3. **Count** down the list. With $\mathrm{TP}_k$ hits among the first $k$ detections and $n$ truths in all images together,
#
# $$
# p_k=\frac{\mathrm{TP}_k}{k}
# \qquad
# r_k=\frac{\mathrm{TP}_k}{n}
# $$
#
# 4. **Area.** Precision zigzags: it falls with every false positive and rises with every hit. The envelope takes the zigzag out: the best precision that can be had *at this recall or more*. AP is the area below it.
#
# $$
# \mathrm{AP}=\sum_k (r_k-r_{k-1})\;\max_{j\ge k}\,p_j
# $$

# %% [markdown]
# | name | what it is |
# |---|---|
# | VOC 2007 | mean of the envelope at recall 0, 0.1, …, 1: 11 points |
# | VOC 2010 and later | the area above: every change of recall counts |
# | COCO | mean of the envelope at recall 0, 0.01, …, 1: 101 points |
# | scikit-learn's `average_precision_score` | steps of the raw curve, no envelope; recall over the positives *that it is given* |
#
# **AP50** matches at IoU 0.5. **AP50:95**, on COCO simply "AP", is the mean over the thresholds 0.5, 0.55, …, 0.95.
# **mAP** is the mean over classes. The names are used loosely; ask which one is meant.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, detector, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: which detections are hits?
#
# One image, one class, Pascal VOC's rule. Visit the detections by falling score, but return the answers in the *given* order.
# Each looks at the truth with which its IoU is largest (the first of equals), whether that truth is taken or not.
# It is a hit when that IoU is at least `threshold` and the truth is free; only a hit takes a truth.


# %%
def match_detections(boxes, scores, truths, threshold=0.5):
    """boxes (n, 4), scores (n,) distinct, truths (m, 4) -> hits (n,) bool in the given order. n, m may be 0; width x2 − x1.

    VOC's rule: by falling score each detection looks at the truth of largest IoU (the first of equals), taken or not;
    it is a hit when that IoU >= threshold and the truth is free. Only a hit takes a truth.
    """
    # BEGIN SOLUTION
    hits = np.zeros(len(boxes), dtype=bool)
    if not (len(boxes) and len(truths)):
        return hits
    sides = np.minimum(boxes[:, None, 2:], truths[:, 2:]) - np.maximum(boxes[:, None, :2], truths[:, :2])
    inter = np.maximum(sides, 0).prod(axis=2)
    area_b, area_t = ((rows[:, 2:] - rows[:, :2]).prod(axis=1) for rows in (boxes, truths))
    iou = inter / (area_b[:, None] + area_t - inter)
    taken = set()
    for i in np.argsort(-scores):
        best = int(iou[i].argmax())
        hits[i] = iou[i, best] >= threshold and best not in taken
        if hits[i]:
            taken.add(best)
    return hits
    # END SOLUTION


# %%
check(match_detections)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two orders</summary>
#
# `for i in np.argsort(-scores)` visits by score; writing `hits[i]` puts the answer at the detection's own place.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: VOC's rule against COCO's</summary>
#
# VOC: the best truth of all; if it is taken, the detection is false. COCO: the best truth *that is still free*.
# Here VOC's is asked for, so the argmax does not look at what is taken.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 3: nearly the answer</summary>
#
# Work out the IoU of all pairs first (question 35). Return early when there are no boxes or no truths.
# Then keep a set of taken truths; only a hit adds to it.
#
# </details>

# %% [markdown]
# ### Exercise 2: precision and recall down the list
#
# `hits[i]` says whether detection `i` is a hit. Sort by falling score, equal scores in the given order, and return one point for each detection.


# %%
def precision_recall(scores, hits, n_truths):
    """scores (n,), hits (n,) bool, n_truths >= 1 -> (precision (n,), recall (n,)), by falling score, ties as given. n may be 0."""
    # BEGIN SOLUTION
    order = np.argsort(-scores, kind="stable")
    true_positives = np.cumsum(hits[order])
    return true_positives / np.arange(1, len(scores) + 1), true_positives / n_truths
    # END SOLUTION


# %%
check(precision_recall)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: cumulative</summary>
#
# Point $k$ describes what a user sees who looks at the first $k$ detections: `np.cumsum` of the sorted hits, over $k$ and over $n$.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: ties</summary>
#
# `np.argsort(-scores, kind="stable")` keeps the given order among equal scores; turning a rising sort round reverses it.
#
# </details>

# %% [markdown]
# ### Exercise 3: average precision
#
# The area under the monotone envelope, every change of recall counted (VOC 2010 and later). No detections: 0.0.


# %%
def average_precision(precision, recall):
    """precision (n,), recall (n,) from precision_recall -> area under the envelope, every change of recall; 0.0 for n = 0."""
    # BEGIN SOLUTION
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    # END SOLUTION


# %%
check(average_precision)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the envelope</summary>
#
# Precision at this recall *or more* is a running maximum that starts at the right end: reverse, `np.maximum.accumulate`, reverse again.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the staircase</summary>
#
# Each rise of recall is the width of a rectangle, the envelope at its right end is the height. The first rise starts at recall 0: `np.diff(recall, prepend=0.0)`.
#
# </details>

# %% [markdown]
# ### Exercise 4: COCO's 101 points
#
# The mean of the envelope at recall 0, 0.01, …, 1. Its value at recall $g$ is the envelope at the first point with recall at least $g$; beyond the last recall it is 0. No detections: 0.0.


# %%
def coco_average_precision(precision, recall):
    """precision (n,), recall (n,) from precision_recall -> mean of the envelope at recall 0, 0.01, …, 1; 0.0 for n = 0.

    At recall g: the envelope at the first point with recall >= g; 0 beyond the last recall.
    """
    # BEGIN SOLUTION
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(envelope[np.searchsorted(recall, np.arange(101) / 100)].mean())
    # END SOLUTION


# %%
check(coco_average_precision)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: looking up</summary>
#
# `np.searchsorted(recall, g)` is the index of the first recall ≥ g, and `len(recall)` when there is none.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: beyond the last recall</summary>
#
# Append a 0 to the envelope; then the index `len(recall)` finds it.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(match_detections)

# %% [markdown]
# ## Experiments
#
# From here on it is *your* matching and *your* area that run.
#
# ### One curve, three areas
#
# Nine detections of seven truths: hit, miss, miss, hit, hit, hit, miss, hit, miss. Five of the seven are found.
# Before you run it: which of the three areas is the smallest?

# %%
few = np.array([1, 0, 0, 1, 1, 1, 0, 1, 0], dtype=bool)
p, r = precision_recall(-np.arange(9.0), few, n_truths=7)
steps_of_raw = float(np.sum(np.diff(r, prepend=0) * p))
print(f"VOC {average_precision(p, r):.3f}   COCO {coco_average_precision(p, r):.3f}   steps of the raw curve {steps_of_raw:.3f}")

# %% tags=["hide-input"]
envelope = np.maximum.accumulate(p[::-1])[::-1]
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained", sharey=True)
grid = np.arange(101) / 100
at_grid = np.append(envelope, 0)[np.searchsorted(r, grid)]
for ax in axes:
    ax.plot(np.append(0, r), np.append(1, p), "o-", color="0.55", markersize=4, linewidth=1, label="raw curve")
    ax.set(xlabel="recall", xlim=(-0.02, 1.02), ylim=(0, 1.05))
axes[0].fill_between(np.append(0, r), np.append(envelope[0], envelope), step="pre", alpha=0.3, color=plots.color("right"))
axes[0].step(np.append(0, r), np.append(envelope[0], envelope), where="pre", color=plots.color("right"), label="envelope")
axes[0].set(title=f"VOC: area {average_precision(p, r):.3f}", ylabel="precision")
axes[0].legend(fontsize=8.5, loc="lower left")
axes[1].vlines(grid, 0, at_grid, color=plots.color("adam"), linewidth=0.8)
axes[1].set_title(f"COCO: mean of 101 {coco_average_precision(p, r):.3f}")
axes[2].fill_between(np.append(0, r), np.append(p[0], p), step="pre", alpha=0.3, color=plots.color("nesterov"))
axes[2].set_title(f"scikit-learn's steps {steps_of_raw:.3f}")
fig.suptitle("One list of nine detections, three conventions, three figures", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** The envelope can only raise the area; beyond the last recall all three count 0.
# VOC and COCO happen to agree here to a tenth of a point; leaving out the envelope costs three points. scikit-learn itself would print a larger figure, 0.68: it divides by the five positives that it sees, not by seven.

# %% [markdown]
# ### A real detector: AP against the IoU threshold
#
# The detector of question 35 on 40 scenes of digits. Then two variants that a designer might compare:
# one whose boxes are a tenth too large, and one that is shown no score below 0.6.

# %%
def evaluate(found, threshold):
    """AP over images of found = [(boxes, scores, truths), …]: match each image, pool, one curve."""
    hits = [match_detections(boxes, scores, truths, threshold) for boxes, scores, truths in found]
    pooled = np.concatenate([scores for _, scores, _ in found])
    return average_precision(*precision_recall(pooled, np.concatenate(hits), sum(len(t) for _, _, t in found)))


def larger(boxes, share):
    """Boxes stretched about their centres."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * (1 + share)
    return np.hstack([centre - half, centre + half])


finds_digits = detector.train(*data.digit_scenes(200)[:2])
images, truths, _ = data.digit_scenes(40, most=8, seed=1, part="test")
found = []
for image, truth in zip(images, truths, strict=True):
    boxes, scores = finds_digits(image)
    kept = detector.suppressed(boxes, scores)
    found.append((boxes[kept], scores[kept], truth))
variants = {
    "as it is": found,
    "boxes a tenth too large": [(larger(b, 0.1), s, t) for b, s, t in found],
    "only scores above 0.6": [(b[s > 0.6], s[s > 0.6], t) for b, s, t in found],
}
thresholds = np.arange(50, 100, 5) / 100
curves = {name: np.array([evaluate(rows, t) for t in thresholds]) for name, rows in variants.items()}
for name, values in curves.items():
    print(f"{name:24s} AP50 {values[0]:.2f}   AP75 {values[5]:.2f}   AP50:95 {values.mean():.2f}")

# %% tags=["hide-input"]
plots.curves(
    {name: (thresholds, values) for name, values in curves.items()}, "IoU threshold", "average precision",
    "Boxes too large: second at 0.5, last at the strict thresholds", legend="lower left",
)
plt.show()

# %% [markdown]
# **Takeaway.** AP50 loses only 3 points when every box is a tenth too large: it ranks that variant above the one that hides low scores. The strict thresholds notice it, and AP50:95 ranks it last.

# %% [markdown] tags=["deeper"]
# ### Deeper: how much does AP vary with few truths?
#
# A rare class of a validation set may have a few dozen objects. We draw detectors that are equal by construction, each finding 70 % of the truths, and look at the spread of their AP.

# %% tags=["deeper"]
def one_ap(n_truths, seed):
    """AP of a simulated detector: 30 % of the truths are missed, as many false positives as hits, scores overlap."""
    rng = np.random.default_rng(seed)
    hits = np.arange(2 * round(0.7 * n_truths)) < round(0.7 * n_truths)
    return average_precision(*precision_recall(rng.normal(hits * 1.5), hits, n_truths))


counts = [10, 30, 100, 300, 1000]
spread = [np.std([one_ap(n, seed) for seed in range(60)]) for n in counts]
plots.loglog_fit(counts, spread, "truths of the class", "standard deviation of AP", "Ten times the truths, a third of the spread")
plt.show()

# %% [markdown] tags=["deeper"]
# With 30 truths one standard deviation is several points of AP: a gain of one point in such a class can easily be noise.
# mAP is steadier, because it averages over classes, and a bootstrap over images gives its error bar.

# %% [markdown]
# ## Folklore on trial
#
# ### "A better AP50 means a better AP50:95"
#
# Two simulated detectors look for the same 120 objects. One finds more of them; the other finds fewer and places its boxes as well or better.
# Boxes are shaken by a share of the object's size. Is the winner at 0.5 the winner over 0.5:0.95 too?
# To be quick, five thresholds from 0.5 to 0.9 stand for the ten.

# %%
def simulated(share_found, shake, seed):
    """[(boxes, scores, truths)]: 120 objects side by side, a share found with shaken boxes, and 60 false positives."""
    rng = np.random.default_rng(seed)
    truths = np.column_stack([100.0 * np.arange(120), np.zeros(120), 100.0 * np.arange(120) + 30, np.full(120, 40.0)])
    hit = rng.permutation(120)[: round(120 * share_found)]
    boxes = truths[hit] + shake * np.array([30, 40, 30, 40]) * rng.normal(size=(len(hit), 4))
    false = truths[:60] + np.array([50, 0, 50, 0])
    return [(np.vstack([boxes, false]), np.append(rng.normal(2, 1, len(hit)), rng.normal(0, 1, 60)), truths)]


def same_winner(found, other, shake, other_shake, seed):
    """Does the winner at IoU 0.5 win at 0.5:0.95 too?"""
    one = [evaluate(simulated(found, shake, seed), t) for t in (0.5, 0.6, 0.7, 0.8, 0.9)]
    two = [evaluate(simulated(other, other_shake, seed + 100), t) for t in (0.5, 0.6, 0.7, 0.8, 0.9)]
    return bool((one[0] > two[0]) == (np.mean(one) > np.mean(two)))


trial(
    "the detector with the better AP50 has the better AP50:95",
    same_winner,
    over=settings(found=[0.9], other=[0.6, 0.75], shake=[0.12], other_shake=[0.04, 0.12], seed=range(3)),
    held_out=settings(found=[0.85], other=[0.55, 0.7], shake=[0.1], other_shake=[0.03, 0.06, 0.1], seed=range(3, 9)),
    only_if=("both place their boxes equally well", lambda shake, other_shake: shake == other_shake),
    published=[
        published("Redmon & Farhadi 2018, table 3", "YOLOv3-608: AP50 57.9, AP 33.0; DSSD513: AP50 53.3, AP 33.2", holds=False, inside=False),
    ],
    expect="holds only if both place their boxes equally well",
)

# %% [markdown]
# With clearly better boxes, the detector that finds fewer objects can win at 0.5:0.95, as DSSD513 just does.
# Quote both numbers: AP50 says what is found, AP50:95 also how exactly it is placed.

# %% [markdown]
# ### "AP is the area under the precision–recall curve"
#
# Which area, and over which truths? We compare VOC's area, COCO's 101 points and scikit-learn's function on the same list.
# The claim is that they agree within one point (or two).

# %%
from sklearn.metrics import average_precision_score


def drawn(n_truths, missed, seed):
    """Scores and hits of a simulated detector: a share of truths is missed, as many false positives as hits, scores overlap."""
    rng = np.random.default_rng(seed)
    n_hits = round((1 - missed) * n_truths)
    hits = np.arange(2 * n_hits) < n_hits
    return rng.normal(hits * 1.5), hits


def tools_agree(n_truths, missed, seed):
    scores, hits = drawn(n_truths, missed, seed)
    p, r = precision_recall(scores, hits, n_truths)
    figures = average_precision(p, r), coco_average_precision(p, r), average_precision_score(hits, scores)
    gap = max(figures) - min(figures)
    return bool(gap < 0.01), bool(gap < 0.02)


trial(
    "average precision is one number, whichever tool computes it",
    tools_agree,
    over=settings(n_truths=[5, 30, 400], missed=[0.0, 0.2], seed=range(5)),
    held_out=settings(n_truths=[8, 20, 300, 1000], missed=[0.0, 0.1, 0.3], seed=range(5, 10)),
    only_if=("no truth is missed and there are hundreds of them", lambda n_truths, missed: missed == 0 and n_truths >= 200),
    expect="holds only if no truth is missed and there are hundreds of them",
)

# %% [markdown]
# With few truths the *area* differs; with missed truths the *recall* does, because scikit-learn never hears of a truth without a detection.
# For a detector use an evaluation that is given the truths.
#
# ### "AP depends on the order of the scores only"
#
# So a temperature, a sigmoid or a factor of 1000 must change nothing. The detections come in random order, and their scores are changed, some of them as a small device would store them.

# %%
CHANGES = {
    "times 1000": lambda s: 1000 * s,
    "sigmoid": lambda s: 1 / (1 + np.exp(-s)),
    "cubed": lambda s: s**3,
    "rounded to one digit": lambda s: np.round(s, 1),
    "8 bits": lambda s: np.round(255 / (1 + np.exp(-s))),
    "sigmoid of ten times the score, in half precision": lambda s: (1 / (1 + np.exp(-10 * s))).astype(np.float16),
}


def shuffled(seed):
    scores, hits = drawn(150, 0.2, seed)
    order = np.random.default_rng(seed).permutation(len(scores))
    return scores[order], hits[order]


def unchanged(change, seed):
    scores, hits = shuffled(seed)
    before, after = (average_precision(*precision_recall(s, hits, 150)) for s in (scores, CHANGES[change](scores)))
    return bool(abs(after - before) < 1e-6), bool(abs(after - before) < 1e-4)


trial(
    "AP does not change when the scores are rescaled by a rising function",
    unchanged,
    over=settings(change=list(CHANGES), seed=range(3)),
    held_out=settings(change=list(CHANGES), seed=range(3, 9)),
    only_if=("no two scores become equal", lambda change, seed: len(set(CHANGES[change](shuffled(seed)[0]))) == 240),
    expect="holds only if no two scores become equal",
)

# %% [markdown]
# Without ties it is a theorem: the curve is made of the order alone.
# A saturated sigmoid or a score stored in 8 bits makes ties, and the order among them is chance.

# %% [markdown]
# ## Answer in 30 seconds
#
# "Per class: match detections to truths by IoU, best score first, each truth once; pool all images and sort by score.
# Going down the list gives precision and recall, recall over all truths.
# AP is the area under the monotone envelope of that curve; mAP is its mean over classes.
# AP50 matches at IoU 0.5; COCO's AP is the mean over 0.5 to 0.95 and so rewards accurate boxes.
# Shall I compare the tools?"
#
# ### 三十秒回答
#
# "对每一类:按分数从高到低把检测框与真值按 IoU 匹配,每个真值只能用一次,重复的算误检;把所有图片的结果合在一起排序,逐个累计得到精确率和召回率,召回率的分母是全部真值。AP 是单调包络曲线下的面积,mAP 是各类 AP 的平均。AP50 只用 IoU 0.5;COCO 的 AP 对 0.5 到 0.95 十个阈值取平均,更看重定位精度。要不要讲讲各工具的差别?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Matching: falling score, largest IoU, at least the threshold, each truth once. Duplicates are false positives; that is why NMS matters for AP.
# - Pool over images before sorting: AP of a class is not a mean over images.
# - Precision $\mathrm{TP}_k/k$, recall $\mathrm{TP}_k/n$ with *all* truths in $n$.
# - Envelope from the right, then the area. Name the conventions (11 points, 101 points, every change) and say that they differ most when truths are few.
# - Only the order of the scores counts: any rising function of them leaves AP as it is, so AP says nothing about calibration. Ties are the exception: scores that were rounded to the same value are ordered by chance.
# - mAP: mean over classes, each class counts the same however rare. COCO adds the mean over ten IoU thresholds.
# - Example: YOLOv3 at 608 pixels and DSSD513 are level at AP (33.0 and 33.2), while AP50 is 57.9 against 53.3: so YOLOv3 is ahead at the loose threshold and falls behind at strict ones.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>How does COCO's matcher differ from VOC's?</summary>
#
# VOC: a detection looks at its best truth, taken or not. COCO: at its best truth among those *still free*.
# So when two objects overlap, COCO lets the second detection fall back on the second object, and VOC calls it false.
# COCO also ignores crowd regions, and truths outside the area range that is being evaluated.
#
# </details>
#
# <details><summary>Micro or macro over classes?</summary>
#
# mAP is macro: the mean of the classes' APs, so a class with ten objects weighs as much as one with ten thousand.
# Micro pools the detections of all classes into one list; it is dominated by the frequent ones, and it needs scores that are comparable across classes.
#
# </details>
#
# <details><summary>What are AP small, medium and large?</summary>
#
# AP over truths of an area below 32², between 32² and 96², and above 96² pixels, in the image as it is annotated; for COCO's truths the area is the mask's, not the box's.
# Truths of other sizes are ignored, not counted as missed; unmatched detections of other sizes are ignored too.
#
# </details>
#
# <details><summary>Why AP and not F1?</summary>
#
# F1 needs a score threshold, so it compares detectors at one working point, and the best point differs between them. AP compares whole rankings.
# For a product that will run at one threshold, report precision and recall there as well.
#
# </details>
#
# <details><summary>How sure is an AP?</summary>
#
# Its spread shrinks like one over the root of the number of truths. With some thirty truths the standard deviation is several points.
# Give a bootstrap interval over *images*, because detections of one image are not independent.
#
# </details>
#
# <details><summary>What do AP75 and AR say?</summary>
#
# AP75 is AP at a strict match, which shows how well boxes are placed. AR is the recall reached with a fixed number of detections per image, averaged over classes and IoU thresholds: it judges proposals, where only the best so many are passed on and their order no longer matters.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "mAP is the mean over images."
# - Recall over the matched truths, so that missed objects cost nothing.
# - A second box on a found object counted as a hit.
# - Trapezoids, or the area of the raw zigzag, without saying so.
# - Comparing an AP50 with an AP50:95, or a VOC 2007 figure with a COCO one.
# - "AP 0.6 means that 60 % of the objects are found."

# %% [markdown]
# ## References
#
# - M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman. *The Pascal Visual Object Classes (VOC) Challenge.* IJCV 88, 2010. §4.2: matching, duplicates and the 11 points.
# - T.-Y. Lin et al. *Microsoft COCO: Common Objects in Context.* ECCV 2014; the evaluation as `pycocotools` computes it: ten thresholds, 101 recalls, area ranges.
# - J. Redmon, A. Farhadi. *YOLOv3: An Incremental Improvement.* arXiv 1804.02767, 2018. Table 3.
# - D. Hoiem, Y. Chodpathumwan, Q. Dai. *Diagnosing Error in Object Detectors.* ECCV 2012. What a single AP hides.
# - scikit-learn documentation of `average_precision_score`: steps of the raw curve, no interpolation.
