# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 41 · RoI pooling against RoI Align
#
# *RoI Pooling 和 RoI Align 的区别?双线性插值怎么写?*

# %% [markdown]
# ## Question
#
# "A two-stage detector cuts a feature of fixed size out of the map for every proposal.
# How does RoI pooling do that, what is wrong with it, and how does RoI Align mend it?
# Write bilinear interpolation, then RoI Align."
#
# "两阶段检测器要为每个候选框从特征图上取出固定大小的特征。RoI Pooling 怎么做?有什么问题?RoI Align 如何改进?请手写双线性插值和 RoI Align。"

# %% [markdown]
# ## What the interviewer listens for
#
# - **The two roundings of RoI pooling**: of the box, and of the bins. At stride 16 half a cell is 8 pixels.
# - **RoI Align rounds nothing**: regular sampling points, bilinear values, their mean.
# - **The half pixel.** A pixel's centre lies half a pixel inside its corner, so a coordinate becomes an index by subtracting ½.
# - **The borders**: points near the map are clamped to it, points far outside count zero.
# - **Which of the two changes mattered**: the alignment, not the interpolation. The paper has the ablation.
# - **Where the gradient goes**: to four neighbours by their weights, or to the maximum alone.

# %% [markdown]
# ## The idea
#
# A box is given in image pixels, the feature map is 16 times coarser. Its edge at 100 pixels lies at 6.25 cells.
#
# **RoI pooling** (Girshick 2015) makes whole numbers of everything.
# The corners are rounded, 6.25 → 6. The box then has $h$ rows of cells, and bin $i$ of $n$ takes the rows from $\lfloor ih/n\rfloor$ to $\lceil(i+1)h/n\rceil$, so that neighbours may share a row. In each bin it takes the maximum.
# Rounding moves a corner by up to half a cell, which is 8 pixels of the image. A class label hardly suffers from that. A box or a mask does.
#
# **RoI Align** (He et al. 2017) keeps 6.25. It divides the box into $n\times n$ equal bins, places $s\times s$ points regularly in each, reads the map *between* its cells at every point, and takes the mean.

# %% [markdown]
# **Bilinear interpolation.** Let $x_0=\lfloor x\rfloor$, $u=x-x_0$, and the same for $y$ with $v$. Then
#
# $$
# f(x,y)=(1-v)\big[(1-u)f_{y_0x_0}+u\,f_{y_0,x_0+1}\big]+v\big[(1-u)f_{y_0+1,x_0}+u\,f_{y_0+1,x_0+1}\big].
# $$
#
# The nearer neighbour weighs more, the four weights sum to 1, and any function $a+bx+cy$ is reproduced exactly.
# Outside the image the point is clamped to the border first.
#
# **The half pixel.** Box coordinates are continuous: the first cell covers 0 to 1, and its value stands for the middle, 0.5. As an *index* that middle is 0. So index = coordinate − ½:
#
# $$
# y_{i,k}=y_1\cdot\text{scale}-\tfrac12+\Big(i+\frac{k+\frac12}{s}\Big)\frac{(y_2-y_1)\cdot\text{scale}}{n},
# \qquad i<n,\ k<s .
# $$
#
# The first version of RoI Align forgot it, and its features were half a cell off. Libraries keep both, as `aligned=False` and `aligned=True`.

# %% [markdown]
# **Borders.** A point more than one cell outside the map (below −1 or above $H$) counts 0. All others clamp. The mean is over all $s^2$ points, counted or not.
#
# **Conventions that differ elsewhere.** C's `round` takes −2.5 to −3 and Python's `round` takes 2.5 to 2; here halves go up. In RoI pooling both ends of the box belong to it, so it is $x_2-x_1+1$ cells wide; in Align the width is $x_2-x_1$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from utils import check, data, evidence, hint, plots, published, settings, trial

plots.style()

# %% [markdown]
# ## Your turn
#
# ### Exercise 1: bilinear sampling


# %%
def bilinear_sample(image, x, y):
    """The values (k,) of image (H, W) at the points x (k,) along the columns and y (k,) along the rows.

    Pixel centres lie at whole numbers: image[0, 0] is at x = y = 0. A point outside takes the value of the
    nearest point of the border (clamped to [0, W − 1] and [0, H − 1]). k may be 0; H and W may be 1.
    """
    # BEGIN SOLUTION
    height, width = image.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)  # beside the border the weight is 0
    u, v = x - x0, y - y0
    above = (1 - u) * image[y0, x0] + u * image[y0, x1]
    below = (1 - u) * image[y1, x0] + u * image[y1, x1]
    return (1 - v) * above + v * below
    # END SOLUTION


# %%
check(bilinear_sample)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: four neighbours</summary>
#
# Clamp the point, then floor it. The right neighbour of the last column does not exist: clamp its index, for its weight is 0 there.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: twice along x, once along y</summary>
#
# Mix left and right in the upper row, mix left and right in the lower row, then mix the two results.
# All of it works on arrays: `image[y0, x0]` picks k values at once.
#
# </details>

# %% [markdown]
# ### Exercise 2: RoI Align


# %%
def roi_align(features, box, output, scale=1.0, samples=2):
    """RoI Align with the half-pixel shift (torchvision's aligned=True): (C, output, output).

    features (C, H, W); box (4,): x1, y1, x2, y2 in image pixels, x along the columns.
    On the map the box starts at x1·scale − ½ and is (x2 − x1)·scale wide: nothing is rounded, no size is forced.
    output × output equal bins, samples × samples points in each at (k + ½)/samples of its width and height,
    bilinear values (as bilinear_sample), their mean. A point below −1, or above H (rows) or W (columns), counts 0
    in that mean; at exactly −1, H or W and nearer it is clamped. The box may lie partly or wholly outside.
    """
    # BEGIN SOLUTION
    x1, y1, x2, y2 = box * scale - 0.5
    places = (np.arange(output * samples) + 0.5) / (output * samples)
    x, y = np.meshgrid(x1 + places * (x2 - x1), y1 + places * (y2 - y1))
    height, width = features.shape[1:]
    near = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
    values = [np.where(near, bilinear_sample(image, x, y), 0.0) for image in features]
    return np.reshape(values, (-1, output, samples, output, samples)).mean(axis=(2, 4))
    # END SOLUTION


# %%
check(roi_align)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: one fine grid</summary>
#
# The points of all bins together are a regular grid of output·samples by output·samples points over the box.
# Only at the end they are averaged in blocks of samples × samples.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: the points along one axis</summary>
#
# Start $x_1\cdot$scale − ½, and $(j+\tfrac12)/(n s)$ of the width for $j=0,\dots,ns-1$.
#
# </details>

# %% [markdown]
# ### Exercise 3: RoI pooling


# %%
def roi_pool(features, box, output, scale=1.0):
    """RoI max pooling as in Fast R-CNN: (C, output, output).

    features (C, H, W); box (4,): x1, y1, x2, y2 in image pixels, x along the columns.
    Each coordinate times scale is rounded, halves up: floor(v + ½). Both ends belong to the box: it has
    h = y2 − y1 + 1 rows and w = x2 − x1 + 1 columns of cells, at least one.
    Bin i covers the rows from floor(i·h/output) up to, not including, ceil((i + 1)·h/output), counted from y1;
    columns likewise. Bins are clipped to the map; each takes its maximum, and an empty one gives 0.
    """
    # BEGIN SOLUTION
    left, top, right, bottom = np.floor(box * scale + 0.5).astype(int)
    w, h = max(right - left + 1, 1), max(bottom - top + 1, 1)
    out = np.zeros((len(features), output, output))
    for i in range(output):
        rows = slice(max(top + i * h // output, 0), max(top - (-(i + 1) * h // output), 0))
        for j in range(output):
            columns = slice(max(left + j * w // output, 0), max(left - (-(j + 1) * w // output), 0))
            part = features[:, rows, columns]
            if part.size:
                out[:, i, j] = part.max(axis=(1, 2))
    return out
    # END SOLUTION


# %%
check(roi_pool)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: floor and ceil without floats</summary>
#
# `i * h // output` is the floor. `-(-(i + 1) * h // output)` is the ceiling.
#
# </details>

# %% [markdown] tags=["hint"]
# <details><summary>Hint 2: clip last</summary>
#
# Make the bins from the whole box, then clip their edges to the map. A slice like `features[:, -2:1]` counts from the end, so clip at 0 yourself.
#
# </details>

# %% [markdown] tags=["solution"]
# ### What goes wrong most often
#
# These are the wrong answers that the check knows by name.

# %% tags=["solution"]
from utils import common_mistakes

common_mistakes(roi_align)

# %% tags=["solution"]
common_mistakes(roi_pool)

# %% [markdown]
# ## Experiments
#
# ### Where the two look
#
# A box on a map of 7 × 9 cells, cut into 2 × 2 bins. On the left what RoI pooling makes of it, on the right Align's 16 points.

# %% tags=["hide-input"]
box = np.array([1.35, 1.7, 6.6, 5.6])
fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained", sharey=True)
for ax in axes:
    ax.set(xlim=(0, 9), ylim=(7, 0), aspect="equal", xticks=range(10), yticks=range(8), xlabel="x on the map, in cells")
    ax.add_patch(plt.Rectangle(box[:2], *(box[2:] - box[:2]), fill=False, color="black", linewidth=2, label="the box"))
axes[0].set_ylabel("y on the map, in cells")
left, top, right, bottom = np.floor(box + 0.5)
w, h = right - left + 1, bottom - top + 1
for i in range(2):
    for j in range(2):
        x0, x1 = left + np.floor(j * w / 2), left + np.ceil((j + 1) * w / 2)
        y0, y1 = top + np.floor(i * h / 2), top + np.ceil((i + 1) * h / 2)
        hue = [["adam", "momentum"], ["adagrad", "nadam"]][i][j]
        axes[0].add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, color=plots.color(hue), alpha=0.35))
places = (np.arange(4) + 0.5) / 4
xs, ys = np.meshgrid(box[0] + places * (box[2] - box[0]), box[1] + places * (box[3] - box[1]))
colours = np.array([["adam", "momentum"], ["adagrad", "nadam"]])[np.ix_([0, 0, 1, 1], [0, 0, 1, 1])]
for x, y, hue in zip(xs.flat, ys.flat, colours.flat, strict=True):
    axes[1].plot(x, y, "o", color=plots.color(hue))
axes[1].plot(box[[0, 2]].mean() * np.ones(2), box[[1, 3]], ":", box[[0, 2]], box[[1, 3]].mean() * np.ones(2), ":", color="0.4")
axes[0].set_title("RoI pooling: rounded, overlapping bins")
axes[1].set_title("RoI Align: points where they belong")
plt.show()

# %% [markdown]
# **Takeaway.** RoI pooling reads whole cells: its region is not the box, and its bins are not quarters.
# Here it also reaches further to the right and down, because both ends of the rounded box belong to it.
# The middle column and the middle row belong to two bins each, because 7/2 and 5/2 are no whole numbers. Align's points divide the box as it is.

# %% [markdown]
# ### Slide the box
#
# A map whose value is the column's centre, 0.5, 1.5, 2.5, … A box 4 cells wide slides to the right in small steps, one bin.
# The right answer is the box's own centre. What do the two say?

# %%
ramp = np.tile(np.arange(12) + 0.5, (12, 1))[None]
shifts = np.linspace(0, 3, 61)
honest = 2 + shifts + 2
pooled = np.array([roi_pool(ramp, np.array([2 + s, 2, 6 + s, 6]), 1)[0, 0, 0] for s in shifts])
aligned = np.array([roi_align(ramp, np.array([2 + s, 2, 6 + s, 6]), 1)[0, 0, 0] for s in shifts])

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.plot(shifts, pooled, color=plots.color("wrong"), drawstyle="steps-mid", label="RoI pooling (maximum)")
ax.plot(shifts, aligned, color=plots.color("right"), label="RoI Align")
ax.plot(shifts, honest, ":", color="black", label="the box's centre")
ax.set(xlabel="shift of the box, in cells (16 pixels each at stride 16)", ylabel="feature of the box", title="RoI pooling moves in jumps of a whole cell")
ax.legend()
plt.show()

# %% [markdown]
# **Takeaway.** Between two jumps the box moves by 16 pixels of the image, and RoI pooling does not notice.
# Align follows exactly, for bilinear values and regular points are exact on a ramp. (That pooling lies higher is no error: it takes the maximum, and its region is a column wider.)

# %% [markdown]
# The same box with the half pixel forgotten:

# %%
forgotten = roi_align(ramp, np.array([2.5, 2.5, 6.5, 6.5]), 1)[0, 0, 0]  # as aligned=False reads the box 2, 2, 6, 6
print(f"box from 2 to 6, centre 4: RoI Align says {aligned[0]:.2f}, without the half pixel {forgotten:.2f}")

# %% [markdown] tags=["deeper"]
# ### Deeper: how many samples?
#
# The mean of $s\times s$ points is a midpoint rule for the integral over the bin. On a rough map, how far is it from the limit of many points?

# %% tags=["deeper"]
rng = np.random.default_rng(0)
rough = rng.normal(size=(1, 24, 24))
boxes = [np.array([x, y, x + w, y + h]) for x, y, w, h in rng.uniform([0, 0, 4, 4], [8, 8, 14, 14], (40, 4))]
limit = [roi_align(rough, box, 3, samples=24) for box in boxes]
for samples in (1, 2, 3, 4, 8):
    error = np.sqrt(np.mean([(roi_align(rough, box, 3, samples=samples) - exact) ** 2 for box, exact in zip(boxes, limit, strict=True)]))
    print(f"{samples} × {samples} samples: typical error {error:.2f} (the map's spread is 1)")

# %% [markdown] tags=["deeper"]
# For these bins of one to five cells a side, two samples a side are a coarse mean of a rough map. `sampling_ratio=0` in torchvision takes ceil(bin size) samples, so that no cell is skipped.

# %% [markdown]
# ## Folklore on trial
#
# ### "RoI pooling's rounding costs accuracy"
#
# He et al. measured it. Beside their tables, a small test of what a head can still know.
# A digit's box is moved by up to 4 pixels. From the 4 × 4 feature of the moved box a linear model has to say how far it was moved.
# Features are averages over cells of 4 or 8 pixels (the ink and its two slopes). Digits are 8 or 16 pixels tall.


# %%
def cells(images, stride):
    """(n, 3, H/stride, W/stride): ink, and its change along x and y, averaged over cells."""
    along = np.pad(np.diff(images, axis=2), ((0, 0), (0, 0), (0, 1)))
    down = np.pad(np.diff(images, axis=1), ((0, 0), (0, 1), (0, 0)))
    maps = np.stack([images, along, down], axis=1)
    n, c, h, w = maps.shape
    return maps.reshape(n, c, h // stride, stride, w // stride, stride).mean(axis=(3, 5))


def offset_error(stride, tall, seed, n=500):
    """Mean error in pixels of a linear model that reads the box's shift from pooled or from aligned features."""
    rng = np.random.default_rng(seed)
    found = {}
    sets = []
    for part, other in (("train", 0), ("test", 50)):
        images, boxes = data.digit_boxes(2 * n, size=48, seed=seed + other, part=part)
        kept = ((boxes[:, 3] - boxes[:, 1] > 9) == (tall == 16)).nonzero()[0][: n if part == "train" else n // 2]
        shift = rng.uniform(-4, 4, (len(kept), 2))
        sets.append((cells(images[kept, 0], stride), boxes[kept] + np.tile(shift, 2), shift))
    for name, cut in (("pool", roi_pool), ("align", roi_align)):
        (a, shift), (b, truth) = [
            (np.array([np.append(cut(m, box, 4, 1 / stride).ravel(), 1.0) for m, box in zip(maps, moved, strict=True)]), s)
            for maps, moved, s in sets
        ]
        ridge = np.linalg.solve(a.T @ a + 1e-3 * np.eye(a.shape[1]), a.T @ shift)
        found[name] = np.abs(b @ ridge - truth).mean()
    return found


offsets = evidence("roi_offsets", offset_error, [*settings(stride=[4, 8], tall=[8, 16], seed=range(5)), dict(stride=1, tall=16, seed=0)])
offsets

# %%
for stride in (4, 8):
    for tall in (8, 16):
        runs = [offsets(stride=stride, tall=tall, seed=seed) for seed in range(5)]
        pool, align = (np.mean([run[name] for run in runs]) for name in ("pool", "align"))
        print(f"cells of {stride} pixels, digits {tall:2d} pixels tall: error {pool:.2f} px with RoI pooling, {align:.2f} px with RoI Align")

# %%
trial(
    "RoI pooling's rounding costs accuracy (error a tenth larger; a quarter)",
    lambda stride, tall, seed: tuple(offsets(stride=stride, tall=tall, seed=seed)["pool"] > k * offsets(stride=stride, tall=tall, seed=seed)["align"] for k in (1.1, 1.25)),
    over=settings(stride=[4, 8], tall=[8, 16], seed=range(5)),
    control=dict(stride=1, tall=16, seed=0),
    published=[
        published("He et al. 2017, table 2c", "mask AP 26.9 with RoI pooling, 30.3 with RoI Align; AP75 26.4 and 31.5 (stride 16)", holds=True),
        published("He et al. 2017, table 2d", "mask AP 23.6 and 30.9, box AP 28.2 and 34.0 (stride 32)", holds=True),
        published("He et al. 2017, table 6", "keypoint AP 59.8 and 64.2 (with FPN, finer strides)", holds=True),
    ],
    expect="holds",
)

# %% [markdown]
# RoI pooling and RoI Align differ in more than rounding: in our test also in maximum against mean, and in interpolation. The trial below takes these apart by the paper's table.
# The coarser the stride, the more RoI pooling costs: 3.4 points of mask AP at stride 16 and 7.3 at stride 32.
# It shows most where position is judged strictly: AP75 gains 5 points where AP50 gains 2.4. With FPN's finer maps the gain shrinks to 1.5 mask AP and 0.5 box AP (their §4.2).
#
# ### "It is the bilinear interpolation that helps"
#
# RoIWarp (Dai et al. 2016) is the control experiment: it samples bilinearly, but still rounds the box. The same table has it.

# %%
trial(
    "bilinear interpolation is what makes RoI Align better than RoI pooling",
    published=[
        published("He et al. 2017, table 2c", "rounded box with bilinear values (RoIWarp): 27.2 mask AP, RoI pooling 26.9, RoI Align 30.2 (all with max)", holds=False),
        published("He et al. 2017, table 2c", "RoI Align with mean 30.3, with max 30.2: the way of pooling hardly matters", holds=False),
    ],
    expect="does not hold",
)

# %% [markdown]
# So of the 3.4 points 3.0 came with not rounding, 0.3 with bilinear values and 0.1 with the mean.

# %% [markdown]
# ## Answer in 30 seconds
#
# "RoI pooling rounds the box to whole cells, at stride 16 up to eight pixels off, and then its bins.
# RoI Align rounds nothing: it divides the box into equal bins, reads the map bilinearly at regular points in each, and averages.
# Coordinates lose half a cell, because a value stands for its cell's centre.
# It gained three points of mask AP at stride 16, seven at 32. Shall I write the sampling?"
#
# ### 三十秒回答
#
# "RoI Pooling 先把候选框取整到特征图的格子,再把每个 bin 取整;步长 16 时仅第一次取整就可能使边界偏 8 个像素。RoI Align 完全不取整:把框等分成 bin,在每个 bin 里规则取点做双线性插值再求平均,坐标要减半个格子。步长 16 时 mask AP 提高约 3 个点,步长 32 时约 7 个点。要我写一下采样吗?"

# %% [markdown]
# ## Answer in 2 minutes
#
# - Draw the grid and a box. Name both roundings. The box's costs up to half a cell in each corner, times the stride in pixels; floor and ceiling of the bins cost up to a cell more.
# - Write the four weights of bilinear interpolation. Say what happens at the border.
# - Write the sample points with the half-pixel shift, and say why: centres are at index + ½.
# - State torchvision's border rule, and that the mean is over all samples.
# - Give the ablation: RoIWarp interpolates and still rounds, 27.2 against 26.9; Align 30.3.
# - Say where it matters: AP75, masks, keypoints, coarse strides. With FPN's finer maps the gain in box AP was half a point.
# - Gradient: Align spreads it over four cells a sample, pooling sends it to the maximum of the bin.
# - Test: on a ramp $a+bx+cy$ the answer is the value at the bin's centre, exactly, while the bin lies inside the map.

# %% [markdown]
# ## Follow-ups
#
# <details><summary>Where does the gradient go?</summary>
#
# To the features: each sample gives its gradient, divided by $s^2$, to four cells by the bilinear weights; cells in the overlap of many boxes add up.
# RoI pooling sends all of a bin's gradient to its maximum.
# To the box: none in RoI pooling, which is piecewise constant in the box. RoI Align *is* differentiable in the coordinates almost everywhere, but detectors treat proposals as constants and libraries give no gradient for them. (RoIWarp and Precise RoI pooling use it.)
#
# </details>
#
# <details><summary>Why does mask AP gain more than box AP?</summary>
#
# A likely reason: a mask is judged pixel by pixel, and the mask head has no second stage that could repair a shift. A box regressor can at least learn the mean shift away.
# At stride 32: mask +7.3, box +5.8; at high overlap (AP75) +10.5 and +9.5 (He et al. 2017, table 2d).
#
# </details>
#
# <details><summary>What is deformable RoI pooling?</summary>
#
# A small layer predicts an offset for every bin from the pooled feature, and the bins are read at the moved places, bilinearly (Dai et al. 2017). So parts of an object may be looked at where they are. It needs the gradient with respect to coordinates that bilinear reading has.
#
# </details>
#
# <details><summary>From which FPN level is a box read?</summary>
#
# $k=\lfloor k_0+\log_2(\sqrt{wh}/224)\rfloor$ with $k_0=4$ (Lin et al. 2017, FPN): large boxes from coarse maps. `scale` is that level's 1/stride.
#
# </details>
#
# <details><summary>And DETR?</summary>
#
# It has no RoI layer: queries attend to the whole map. Deformable attention reads a few learnt points bilinearly, which is the same primitive again.
#
# </details>
#
# <details><summary>How is grid_sample related?</summary>
#
# It is bilinear reading on a grid in [−1, 1]. With `align_corners=False` its −1 is the outer *edge* of the first pixel: the half-pixel convention once more. Its default padding blends zeros in, which RoI Align does not do.
#
# </details>
#
# <details><summary>Why may two implementations of RoI pooling differ in a cell?</summary>
#
# Rounding of halves (C's `round` goes away from zero), float32 bin sizes whose multiple is 7.0000005 and gets a ceiling of 8, and ends inclusive or not. Integers avoid the second.
#
# </details>
#
# <details><summary>Does RoI Align alias?</summary>
#
# Yes, for large boxes: 7 × 7 bins with four points each skip most cells of a box of 60 × 60 cells. FPN's choice of level keeps boxes small in cells; otherwise raise the number of samples.
#
# </details>

# %% [markdown]
# ## Red flags
#
# - "RoI Align uses bilinear interpolation, that is why it is better." Most of the gain comes from not rounding.
# - Bilinear weights the wrong way round, or floor and ceiling as the two neighbours: at whole numbers both weights vanish.
# - `int(x)` for negative coordinates: it rounds up.
# - Samples on the bin's corners.
# - The half pixel forgotten, or subtracted before scaling.
# - "RoI pooling cannot be trained end to end." It can; it only gives no gradient for the box.

# %% [markdown]
# ## References
#
# - R. Girshick. *Fast R-CNN.* ICCV 2015. §2.1: RoI pooling.
# - K. He, G. Gkioxari, P. Dollár, R. Girshick. *Mask R-CNN.* ICCV 2017. §3 (RoIAlign), table 2c, 2d, table 6, §4.2.
# - J. Dai, K. He, J. Sun. *Instance-aware Semantic Segmentation via Multi-task Network Cascades.* CVPR 2016: RoIWarp.
# - J. Dai et al. *Deformable Convolutional Networks.* ICCV 2017: deformable RoI pooling.
# - T.-Y. Lin et al. *Feature Pyramid Networks for Object Detection.* CVPR 2017. §4.2: which level reads a box.
# - Documentation of `torchvision.ops.roi_align` (aligned, sampling_ratio), `torchvision.ops.roi_pool`, `torch.nn.functional.grid_sample`.
