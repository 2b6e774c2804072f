# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 52 · Precision, recall, ROC, AUC: which curve when?
#
# *精确率、召回率、ROC、AUC 的区别?样本不平衡时看哪个?*

# %% [markdown]
# ## Question
#
# "Define precision, recall, the ROC curve and AUC, and write AUC without a library, ties included.
# One patient in a hundred is ill. Which curve do you show, and how do you choose the threshold?"
#
# "请定义精确率、召回率、ROC 曲线和 AUC,并手写 AUC(考虑分数相同的情况)。一百个病人里只有一个患病,该看哪条曲线?阈值怎么选?"

# %% [markdown]
# ## What the interviewer listens for
#
# - **Which total each rate is divided by.** Recall and the false positive rate: by the true class. Precision: by what was called positive.
# - **AUC as a probability**, and a tie as one half.
# - **What depends on prevalence** and what does not. That decides the choice of the curve.
# - **The threshold is a decision about costs**, not 0.5 by nature.
# - **Noise.** With 60 positives, and each model tested on its own sample, a difference of 0.02 in AUC is well within the noise.

# %% [markdown]
# ## The idea
#
# | | called positive | called negative | rate |
# |---|---|---|---|
# | positive | TP | FN | recall = TPR = TP / (TP + FN) |
# | negative | FP | TN | FPR = FP / (FP + TN) |
# | | precision = TP / (TP + FP) | | accuracy = (TP + TN) / all |
#
# Lower the threshold from above the largest score to the smallest one.
# The points (FPR, TPR) run from (0, 0) to (1, 1): the **ROC curve**. The points (recall, precision): the **PR curve**.
#
# **AUC.** Each negative moves the curve to the right by 1/N₋, at the height of the share of positives above it. Added up:
#
# $$
# \mathrm{AUC} = \frac{1}{N_+N_-}\sum_{i\in +}\sum_{j\in -}\Big(\mathbf 1[s_i>s_j] + \tfrac12\,\mathbf 1[s_i=s_j]\Big) = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)
# $$
#
# So it is the chance that a random positive outscores a random negative (Fawcett 2006, §7): Mann and Whitney's U divided by the number of pairs.
# Tied samples pass the threshold together, which draws a slanted line; the trapezoid under it gives the half.

# %% [markdown]
# **Prevalence.** TPR and FPR each look at one class alone, so ROC and AUC do not change when positives get rarer, as long as each class stays as it is.
# Precision mixes both classes. With prevalence π:
#
# $$
# \text{precision} = \frac{\pi\,\mathrm{TPR}}{\pi\,\mathrm{TPR} + (1-\pi)\,\mathrm{FPR}}
# $$
#
# Take scores from two Gaussians of equal width, with an AUC of 0.95: at a recall of 80 % the false positive rate is 7 %.
# With half of the samples positive the precision is then 0.92; with one in a hundred it is 0.11: nine alarms out of ten are false.
#
# **F score.** $F_\beta = \frac{(1+\beta^2)\,P R}{\beta^2 P + R} = \frac{(1+\beta^2)\,\mathrm{TP}}{(1+\beta^2)\,\mathrm{TP}+\beta^2\,\mathrm{FN}+\mathrm{FP}}$: the harmonic mean of precision and recall; β > 1 favours recall.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, hint, plots, settings, trial

plots.style()


# %% [markdown]
# ## Your turn
#
# Labels are 0 or 1, and 1 is the positive class; high scores mean positive, and scores may be any real numbers.
#
# ### Exercise 1: the ROC curve
#
# The point (0, 0), then one point for each distinct score, from the largest down, the last at (1, 1). Both classes occur.

# %%
def roc_curve(labels, scores):
    """labels (n,) of 0 and 1, scores (n,) -> (fpr, tpr), each (1 + number of distinct scores,), starting at (0, 0)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(roc_curve)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one threshold</summary>
#
# For a threshold $t$ count the negatives and the positives with score ≥ t. The thresholds are the distinct scores.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: one sort</summary>
#
# Sort by falling score, take cumulative sums of the labels, and keep the last place of each run of equal scores.
#
# </details>

# %% [markdown]
# ### Exercise 2: AUC
#
# Raise ValueError when only one class is there.

# %%
def roc_auc(labels, scores):
    """labels (n,) of 0 and 1, scores (n,) -> area under the ROC curve, a tie counting one half; ValueError for one class."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(roc_auc)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: two ways</summary>
#
# Trapezoids under your ROC curve, or the share of pairs in the right order, with one half for ties.
#
# </details>

# %% [markdown]
# ### Exercise 3: the F score
#
# Return 0.0 where nothing is found and nothing is there to find.

# %%
def f_score(labels, predictions, beta=1.0):
    """labels (n,), predictions (n,) of 0 and 1 -> F_beta of class 1; 0.0 where nothing is found and nothing is there."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(f_score)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: counts instead of rates</summary>
#
# Written with TP, FP and FN there is only one division, and it fails only where all three are 0.
#
# </details>

# %% [markdown]
# ### Exercise 4: the best threshold
#
# The score that, used as `score >= threshold`, gives the largest F1. Of several the largest score; so where no label is positive, the largest score of all.

# %%
def best_threshold(labels, scores):
    """labels (n,) of 0 and 1, scores (n,) -> the score with the largest F1 of `scores >= threshold`; of equals the largest."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
check(best_threshold)


# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: only the scores matter</summary>
#
# Between two scores the predictions do not change: try each distinct score, from the largest down, and keep the first best.
#
# </details>

# %% [markdown]
# ## Experiments
#
# From here on it is *your* function that runs.
#
# ### Both curves while positives get rarer
#
# The same classifier three times: scores of negatives from $N(0,1)$, of positives from $N(2.33,1)$, AUC 0.95.
# Only the prevalence changes. Which curve will move?

# %%
def drawn(n, prevalence, gap, seed, width=1.0):
    """Labels and scores: negatives N(0, 1), positives N(gap, width²)."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(n, dtype=int)
    labels[: round(prevalence * n)] = 1
    return labels, rng.normal(size=n) * np.where(labels == 1, width, 1) + gap * labels


def pr_points(labels, scores):
    """Precision and recall at each threshold of your ROC curve but the first."""
    fpr, tpr = roc_curve(labels, scores)
    tp, fp = tpr[1:] * labels.sum(), fpr[1:] * (labels == 0).sum()
    return tp / (tp + fp), tpr[1:]


# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for prevalence, colour, dash, place in ((0.5, "#0072B2", "-", (0.5, 1.0)), (0.1, "#B37700", "--", (0.5, 0.86)), (0.01, "#D55E00", "-.", (0.33, 0.5))):
    labels, scores = drawn(40_000, prevalence, 2.33, seed=1)
    fpr, tpr = roc_curve(labels, scores)
    precision, recall = pr_points(labels, scores)
    axes[0].plot(fpr, tpr, dash, color=colour, label=f"prevalence {prevalence:g}: AUC {roc_auc(labels, scores):.2f}")
    axes[1].plot(recall[20:], precision[20:], dash, color=colour)
    axes[1].text(*place, f"prevalence {prevalence:g}", color=colour)
    axes[1].axhline(prevalence, color=colour, linewidth=0.7, linestyle=":")
axes[0].plot([0, 1], [0, 1], color="0.6", linestyle=":")
axes[0].set(xlabel="false positive rate", ylabel="true positive rate (recall)", title="ROC: the same curve three times")
axes[1].set(xlabel="recall", ylabel="precision", title="PR: it falls with the prevalence", ylim=(0, 1.08))
axes[0].legend(loc="lower right")
fig.suptitle("ROC does not change with prevalence; precision–recall does (dotted: chance)", x=0.01, ha="left")
plt.show()

# %% [markdown]
# **Takeaway.** ROC answers "how well does it rank?"; PR answers "how many of its alarms are right?", and only at the prevalence of the data it was drawn with.
# Random scores give the diagonal in the first and the height π in the second.

# %% [markdown]
# ### Where to set the threshold
#
# The same scores at a prevalence of 5 %. F1 and accuracy, for every threshold:

# %% tags=["hide-input"]
labels, scores = drawn(4000, 0.05, 2.33, seed=2)
cuts = np.linspace(-1, 4, 101)
f1 = [f_score(labels, (scores >= t).astype(int)) for t in cuts]
accuracy = [((scores >= t) == labels).mean() for t in cuts]
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(cuts, f1, color=plots.color("right"), label="F1")
ax.plot(cuts, accuracy, color=plots.color("train"), linestyle="--", label="accuracy")
ax.axhline(0.95, color="0.5", linestyle=":")
ax.text(-0.95, 0.955, "always “no”: 0.95", color="0.35", va="bottom")
ax.axvline(best_threshold(labels, scores), color="0.3", linewidth=0.8)
ax.text(best_threshold(labels, scores) + 0.05, 0.05, "best_threshold", color="0.3")
ax.set(xlabel="threshold on the score", ylabel="F1 and accuracy", ylim=(0, 1.05), title="Accuracy can hardly tell this classifier from one that always says no")
ax.legend(loc="center left")
plt.show()

# %% [markdown]
# **Takeaway.** Accuracy beats "always no" exactly where TP > FP, that is, where precision exceeds one half: of the P positives the trivial answer misses all, and the classifier's errors are FP + P − TP.
# So accuracy above that of "always no" tells you one thing: more than half of the alarms are right.

# %% [markdown] tags=["deeper"]
# ### Deeper: a threshold from costs
#
# A false alarm costs 1, a miss costs 20. With calibrated probabilities $p$, calling positive costs $1\cdot(1-p)$ on average and calling negative $20\,p$: cut at $p = 1/21$.

# %% tags=["deeper"]
posterior = 1 / (1 + (1 - 0.05) / 0.05 * np.exp(-2.33 * scores + 2.33**2 / 2))
for name, cut in (("p = 1/21", 1 / 21), ("p = 1/2", 0.5), ("best F1", best_threshold(labels, posterior))):
    called = posterior >= cut
    cost = (called & (labels == 0)).sum() + 20 * (~called & (labels == 1)).sum()
    print(f"{name:9} recall {called[labels == 1].mean():.2f}, false alarms {(called & (labels == 0)).sum():4}, cost {cost:5}")

# %% [markdown]
# ## Folklore on trial
#
# ### "AUC is misleading under imbalance"
#
# AUC itself does not change with prevalence. It misleads those who read it as "most alarms are right".
# Is that reading right, for classifiers with an AUC of 0.95 to 0.97, at 80 % recall (and at 70 %)?
# Positives may spread less or more than negatives.

# %%
Z = {0.95: 1.645, 0.96: 1.751, 0.97: 1.881}  # quantiles of the normal distribution


def mostly_right(auc, prevalence, width, seed):
    """Is at least half of the alarms right, at recall 0.8 and at 0.7?"""
    labels, scores = drawn(20_000, prevalence, Z[auc] * np.sqrt(1 + width**2), seed, width)
    precision, recall = pr_points(labels, scores)
    return tuple(bool(precision[np.searchsorted(recall, level)] > 0.5) for level in (0.8, 0.7))


trial(
    "an AUC of 0.95 or more means that most alarms are right, at a useful recall",
    mostly_right,
    over=settings(auc=[0.95, 0.97], prevalence=[0.5, 0.2, 0.1, 0.02, 0.005], width=[0.8, 1.0], seed=0),
    held_out=settings(auc=[0.95, 0.96, 0.97], prevalence=[0.4, 0.15, 0.01, 0.003], width=[0.8, 1.2], seed=1),
    only_if=("one sample in ten is positive, or more", lambda prevalence: prevalence >= 0.1),
    expect="holds only if one sample in ten is positive, or more",
)

# %% [markdown]
# Half of the alarms are right at π = FPR / (TPR + FPR): for the Gaussians of equal width with AUC 0.95, at 80 % recall, that is 0.08.
# So "one in ten" is a round limit, for Gaussian scores like these; prevalences between 0.01 and 0.15 were not among the held-out ones.
#
# So show ROC for comparing rankings across data sets, and PR at the true prevalence for deciding whether to deploy.
# If one ROC curve lies above another everywhere, so does its PR curve, and the other way round (Davis & Goadrich 2006, theorem 3.2): the two disagree only where curves cross.
#
# ### "The model with the higher test AUC is the better one"
#
# Two classifiers whose true AUCs differ, each tested on its own sample.
# Hanley & McNeil (1982) give the standard error; is a true gap of 2.5 standard errors (of the difference of the two AUCs) enough for the better one to win 19 times in 20?

# %%
AUC_Z = {0.80: 0.8416, 0.82: 0.9154, 0.85: 1.0364, 0.88: 1.1750, 0.90: 1.2816, 0.95: 1.6449}


def standard_error(auc, positives):
    """Hanley & McNeil's, for as many negatives as positives."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    return np.sqrt((auc * (1 - auc) + (positives - 1) * (q1 + q2 - 2 * auc**2)) / positives**2)


def sampled(auc, positives, seed):
    return roc_auc(*drawn(2 * positives, 0.5, np.sqrt(2) * AUC_Z[auc], seed))


def wins(worse, better, positives, seed):
    """Is the better model ahead in at least 95 % (90 %) of 60 pairs of test sets?"""
    ahead = np.mean([sampled(better, positives, 1000 * seed + 2 * i) > sampled(worse, positives, 1000 * seed + 2 * i + 1) for i in range(60)])
    return bool(ahead >= 0.95), bool(ahead >= 0.9)


def clear_gap(worse, better, positives):
    return better - worse > 2.5 * np.hypot(standard_error(worse, positives), standard_error(better, positives))


trial(
    "the model with the higher test AUC is the better one",
    wins,
    over=settings(worse=[0.80], better=[0.82, 0.90], positives=[20, 60, 200, 500], seed=1),
    held_out=settings(worse=[0.85], better=[0.88, 0.95], positives=[30, 100, 400], seed=[2, 3, 4]),
    only_if=("the true gap is above 2.5 standard errors", clear_gap),
    expect="holds only if the true gap is above 2.5 standard errors",
)

# %%
for positives in (60, 200, 1000):
    print(f"{positives:4} positives and as many negatives: an AUC of 0.85 ± {2 * standard_error(0.85, positives):.2f} (two standard errors)")

# %% [markdown]
# By the normal distribution 1.65 standard errors would give 95 % of wins; 2.5 leaves a margin, so the condition is safe, not sharp.
#
# Tested on the *same* samples the errors of two models are usually correlated, and the difference is less noisy: use DeLong's test or a paired bootstrap.

# %% [markdown]
# ## Answer in 30 seconds
#
# "AUC is the chance that a random positive outscores a random negative, and like the whole ROC curve it ignores prevalence.
# Precision does not: with one positive in a hundred and an AUC of 0.95, typically nine alarms in ten are false at 80 percent recall.
# So for rare positives I show precision–recall at the true prevalence, and set the threshold by costs.
# Shall I write AUC with ties?"
#
# ### 三十秒回答
#
# "AUC 就是随机一个正样本得分高于随机一个负样本的概率,和整条 ROC 一样,与正负比例无关。
# 精确率就不同:正样本只占 1% 时,AUC 0.95 的模型在召回率 80% 处,十个报警里通常有九个是误报。
# 所以正样本很少时我看真实比例下的 PR 曲线,阈值按代价来定。
# 要我写一个处理并列分数的 AUC 吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw the table of four counts; name the denominator of each rate.
# - ROC and AUC: thresholds from high to low, ties together, AUC as a probability.
# - Write precision with π; give the example of 0.92 and 0.11.
# - Which curve: ROC to compare rankings, or when prevalence will change; PR when positives are rare and alarms cost.
# - F1 takes no notice of true negatives; β says how much more recall counts. The F1-optimal cut of calibrated probabilities is half of the best F1, so never above 0.5 (Lipton et al. 2014).
# - The threshold: from costs, $p \ge c_{FP}/(c_{FP}+c_{FN})$, chosen on validation data.
# - Say how noisy the figure is, and that test prevalence must match deployment.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Micro, macro, weighted?</summary>
#
# Macro: the score of each class, then their plain mean; rare classes count as much as others.
# Weighted: the mean by class frequency. Micro: add up TP, FP, FN over the classes first; with one label a sample, micro-F1 is accuracy.
#
# </details>
#
# <details><summary>How do you put an interval around AUC?</summary>
#
# Hanley & McNeil's formula above, DeLong's variance, or a bootstrap over samples, positives and negatives apart.
# For two models on the same test set resample the samples, not the models.
#
# </details>
#
# <details><summary>How do costs set the threshold?</summary>
#
# With calibrated $p$: call positive where $p\,c_{FN} \ge (1-p)\,c_{FP}$.
# On a ROC curve the best point has the slope $\frac{1-\pi}{\pi}\cdot\frac{c_{FP}}{c_{FN}}$.
#
# </details>
#
# <details><summary>What is average precision, and why not trapezoids under PR?</summary>
#
# $\sum_k (R_k-R_{k-1})P_k$, precision at each threshold weighted by the gain in recall.
# Between two points precision does not run along a straight line, so trapezoids are too optimistic (Davis & Goadrich 2006, §4).
# Detection's variants are question 36.
#
# </details>
#
# <details><summary>Can AUC be below one half?</summary>
#
# Yes: the scores then rank the wrong way round, and turning their sign gives 1 − AUC. Do not report the larger of the two silently; find the cause (often exchanged labels or a wrong sign; with few samples, chance).
#
# </details>
#
# <details><summary>Training on balanced data, testing on imbalanced: what changes?</summary>
#
# The ranking may stay the same, so ROC stays; the predicted odds of the rare class are too high, by the factor (training odds / true odds).
# Correct them: multiply the odds by (true odds / training odds), or calibrate on data with the true prevalence.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "AUC 0.95, so 95 % of the answers are right."
# - "PR curves do not change with prevalence."
# - "Accuracy 99 %", on data with one positive in a hundred.
# - Ties taken in the order of the file: AUC then depends on that order.
# - PR curves compared between test sets of different prevalence.
# - The threshold chosen on the test set.

# %% [markdown]
# ## References
#
# - T. Fawcett. *An Introduction to ROC Analysis.* Pattern Recognition Letters 27, 2006. §5: ties in the curve; §7: AUC and its meaning.
# - J. Davis, M. Goadrich. *The Relationship Between Precision-Recall and ROC Curves.* ICML 2006. Theorem 3.2; §4: interpolation.
# - J. A. Hanley, B. J. McNeil. *The Meaning and Use of the Area under a ROC Curve.* Radiology 143, 1982: the standard error.
# - Z. C. Lipton, C. Elkan, B. Narayanaswamy. *Optimal Thresholding of Classifiers to Maximize F1 Measure.* ECML 2014.
# - T. Saito, M. Rehmsmeier. *The Precision-Recall Plot Is More Informative than the ROC Plot When Evaluating Binary Classifiers on Imbalanced Datasets.* PLOS ONE 10(3), 2015.
